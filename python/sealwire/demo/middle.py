"""A man in the middle between gateway and broker: a TCP relay that reads MQTT 3.1.1 and can do as it likes with it.

He drops, alters, holds, repeats and reorders PUBLISH packets, and acknowledges what he takes away so that nobody
notices by MQTT's own means. All he lacks is the keys.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Callable, List, Optional, Tuple

PUBLISH, PUBACK = 3, 4
Verdict = Optional[List[bytes]]
Rule = Callable[["Publish"], Verdict]


@dataclass(frozen=True)
class Publish:
    """A PUBLISH packet on its way; `up` means from the gateway to the broker."""

    up: bool
    topic: str
    payload: bytes
    qos: int
    mid: int


def split(buffer: bytearray) -> List[Tuple[int, bytes, bytes]]:
    """Take every whole MQTT packet out of the buffer: type and flags, body, and the packet as it was."""
    packets: List[Tuple[int, bytes, bytes]] = []
    while len(buffer) >= 2:
        length = shift = 0
        position = 1
        while True:
            if position >= len(buffer):
                return packets
            byte = buffer[position]
            position += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
            if shift > 21:
                raise ValueError("not MQTT")
        if len(buffer) < position + length:
            return packets
        whole = bytes(buffer[: position + length])
        packets.append((whole[0], whole[position:], whole))
        del buffer[: position + length]
    return packets


def publish_packet(topic: str, payload: bytes, qos: int = 0, mid: int = 0, dup: bool = False) -> bytes:
    """An MQTT 3.1.1 PUBLISH."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + (mid.to_bytes(2, "big") if qos else b"") + payload
    length = bytearray()
    rest = len(body)
    while True:
        rest, digit = rest >> 7, rest & 0x7F
        length.append(digit | (0x80 if rest else 0))
        if not rest:
            break
    return bytes([PUBLISH << 4 | dup << 3 | qos << 1]) + bytes(length) + body


class Middle:
    """The relay. `rule`, when set, sees each PUBLISH and gives the payloads to send instead; None lets it pass."""

    def __init__(self, broker: Tuple[str, int]) -> None:
        self._broker = broker
        self._server: Optional[asyncio.AbstractServer] = None
        self._up: Optional[asyncio.StreamWriter] = None
        self._down: Optional[asyncio.StreamWriter] = None
        self._tasks: "set[asyncio.Task[None]]" = set()
        self.rule: Optional[Rule] = None
        self.port = 0
        self.seen: List[Publish] = []

    async def open(self) -> None:
        """Listen on a free port of this machine."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def inject(self, up: bool, topic: str, payload: bytes) -> None:
        """Slip in a message of his own, with QoS 0."""
        writer = self._up if up else self._down
        if writer is not None:
            writer.write(publish_packet(topic, payload))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            broker_reader, broker_writer = await asyncio.open_connection(*self._broker)
        except OSError:
            writer.close()
            return
        self._up, self._down = broker_writer, writer
        for work in (self._relay(reader, broker_writer, writer, True), self._relay(broker_reader, writer, broker_writer, False)):
            task = asyncio.get_running_loop().create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _relay(
        self, reader: asyncio.StreamReader, onward: asyncio.StreamWriter, back: asyncio.StreamWriter, up: bool
    ) -> None:
        buffer = bytearray()
        try:
            while True:
                data = await reader.read(65536)
                if not data:
                    break
                buffer += data
                for first, body, whole in split(buffer):
                    if first >> 4 == PUBLISH:
                        self._decide(first, body, whole, onward, back, up)
                    else:
                        onward.write(whole)
                await onward.drain()
        except (ConnectionError, OSError, ValueError):
            return
        finally:
            onward.close()

    def _decide(
        self, first: int, body: bytes, whole: bytes, onward: asyncio.StreamWriter, back: asyncio.StreamWriter, up: bool
    ) -> None:
        size = int.from_bytes(body[:2], "big")
        topic = body[2 : 2 + size].decode("utf-8", "replace")
        qos = (first >> 1) & 3
        rest = body[2 + size :]
        mid = int.from_bytes(rest[:2], "big") if qos else 0
        publish = Publish(up, topic, rest[2:] if qos else rest, qos, mid)
        self.seen.append(publish)
        verdict = None if self.rule is None else self.rule(publish)
        if verdict is None:
            onward.write(whole)
            return
        if qos and not verdict:
            # He takes it away and pretends that it arrived.
            back.write(bytes([PUBACK << 4, 2]) + mid.to_bytes(2, "big"))
        for index, payload in enumerate(verdict):
            last = index == len(verdict) - 1
            onward.write(publish_packet(topic, payload, qos if last else 0, mid if last else 0))


__all__ = ["Middle", "Publish", "publish_packet", "split"]
