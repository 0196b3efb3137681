"""Byte lines, and the two framings that turn their bytes into frames (PROTOCOL 7: uart, stream)."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Protocol, Set

from .._sealwire import UartDecoder, uart_encode
from ..errors import InvalidArgument
from .base import MAX_FRAME, Counters, Link


class Line(Protocol):
    """A byte line with one device on it."""

    name: str

    async def read(self) -> bytes:
        """The next bytes; empty when the device is gone."""

    async def write(self, data: bytes) -> None:
        """Send; waits while the device is slow. Raises OSError."""

    async def close(self) -> None:
        """Leave the line."""


class Framing(Protocol):
    """Frames to bytes and back."""

    ended: bool
    """What came cannot be a frame, and there is no way to find the next one."""

    def encode(self, frame: bytes) -> bytes:
        """The bytes that carry `frame`."""

    def feed(self, data: bytes) -> List[bytes]:
        """The frames that `data` completes."""

    def counters(self) -> Counters:
        """What arrived."""


class UartFraming:
    """COBS and CRC-16 with a zero byte between frames: finds its way back after damage."""

    ended = False

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._decoder = UartDecoder(max_frame)

    def encode(self, frame: bytes) -> bytes:
        return uart_encode(frame)

    def feed(self, data: bytes) -> List[bytes]:
        return self._decoder.feed(data)

    def counters(self) -> Counters:
        return Counters.of(self._decoder)


class StreamFraming:
    """Each frame behind its length in two bytes: for lines that lose nothing. A length it cannot take ends the line."""

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self.ended = False
        self._max_frame = max_frame
        self._pending = bytearray()
        self._frames = self._malformed = self._overlong = 0

    def encode(self, frame: bytes) -> bytes:
        if not 0 < len(frame) <= MAX_FRAME:
            raise InvalidArgument("a frame has 1 to 65,535 bytes")
        return len(frame).to_bytes(2, "big") + frame

    def feed(self, data: bytes) -> List[bytes]:
        self._pending += data
        found: List[bytes] = []
        while len(self._pending) >= 2 and not self.ended:
            length = int.from_bytes(self._pending[:2], "big")
            if length == 0 or length > self._max_frame:
                self._malformed += length == 0
                self._overlong += length != 0
                self.ended = True
                break
            if len(self._pending) < 2 + length:
                break
            found.append(bytes(self._pending[2 : 2 + length]))
            del self._pending[: 2 + length]
        self._frames += len(found)
        return found

    def counters(self) -> Counters:
        return Counters(frames=self._frames, malformed=self._malformed, overlong=self._overlong)


FRAMINGS: Dict[str, Callable[[], Framing]] = {"uart": UartFraming, "stream": StreamFraming}


class LineLink(Link):
    """Frames over a byte line."""

    def __init__(self, line: Line, framing: Framing) -> None:
        self.name = line.name
        self.line = line
        self._framing = framing
        self._pending: Deque[bytes] = deque()

    async def read(self) -> Optional[bytes]:
        while not self._pending:
            data = b"" if self._framing.ended else await self.line.read()
            if not data:
                return None
            self._pending.extend(self._framing.feed(data))
        return self._pending.popleft()

    async def write(self, frame: bytes) -> None:
        await self.line.write(self._framing.encode(frame))

    async def close(self) -> None:
        await self.line.close()

    def counters(self) -> Counters:
        return self._framing.counters()


class Streams:
    """A line over asyncio streams."""

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.name = name
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        try:
            return await self._reader.read(4096)
        except (ConnectionError, OSError):
            return b""

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except (ConnectionError, OSError):
            return  # the device closed first


class Descriptor:
    """A line over a file descriptor: a serial device or a pseudo-terminal."""

    def __init__(self, name: str, descriptor: int, on_close: Callable[[], object], *, waits_for_device: bool = False) -> None:
        """With `waits_for_device`, an error while reading means that nobody is there yet, as at a pseudo-terminal."""
        self.name = name
        self._descriptor = descriptor
        self._on_close = on_close
        self._waits_for_device = waits_for_device
        self._closed = False
        self._waiting: Set[asyncio.Future[None]] = set()
        self._loop = asyncio.get_running_loop()
        os.set_blocking(descriptor, False)

    async def _ready(self, add: Callable[..., Any], remove: Callable[[int], Any]) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()

        def wake() -> None:
            if not ready.done():
                ready.set_result(None)

        add(self._descriptor, wake)
        self._waiting.add(ready)
        try:
            await ready
        finally:
            self._waiting.discard(ready)
            if not self._closed:
                remove(self._descriptor)

    async def read(self) -> bytes:
        while not self._closed:
            await self._ready(self._loop.add_reader, self._loop.remove_reader)
            if self._closed:
                break
            try:
                return os.read(self._descriptor, 4096)
            except BlockingIOError:
                continue
            except OSError:
                # A pseudo-terminal gives EIO while nobody has its other side open: wait for somebody.
                if not self._waits_for_device:
                    return b""
                await asyncio.sleep(0.1)
        return b""

    async def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            if self._closed:
                raise BrokenPipeError(f"{self.name} is closed")
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                await self._ready(self._loop.add_writer, self._loop.remove_writer)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._descriptor)
            self._loop.remove_writer(self._descriptor)
            for ready in self._waiting:
                if not ready.done():
                    ready.set_result(None)
            self._on_close()


__all__ = ["Descriptor", "FRAMINGS", "Framing", "Line", "LineLink", "StreamFraming", "Streams", "UartFraming"]
