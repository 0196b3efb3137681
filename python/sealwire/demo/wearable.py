"""A wearable in Python: streams a recording over a serial-like byte link. Same command line and output as the one in C.

It prints one JSON object per line on standard error. Run by `sealwire demo`, or by hand:
`python -m sealwire.demo.wearable --help`.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import socket
import sys
import time
from pathlib import Path
from typing import List, Optional, Protocol, Set

from .. import _sealwire as core
from ..errors import Busy, NoOffer, SealwireError, WindowFull
from ..events import Event
from ..identity import Identity, load_credential, load_key
from ..links import split_address

LIMIT_S = 120.0
MAX_FRAME = 1024


class Line(Protocol):
    """The byte link."""

    def fileno(self) -> int: ...

    def recv(self) -> bytes: ...

    def send(self, data: bytes) -> None: ...


class SocketLine:
    """A serial line simulated over TCP."""

    def __init__(self, address: str) -> None:
        self._socket = socket.create_connection(split_address(address), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        return self._socket.fileno()

    def recv(self) -> bytes:
        return self._socket.recv(4096)

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)


class DeviceLine:
    """A serial device or pseudo-terminal."""

    def __init__(self, path: str) -> None:
        import tty

        self._descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._descriptor)

    def fileno(self) -> int:
        return self._descriptor

    def recv(self) -> bytes:
        return os.read(self._descriptor, 4096)

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]


def report(event: str, **values: object) -> None:
    """One line for whoever runs the wearable."""
    print(json.dumps({"event": event, **values}), file=sys.stderr, flush=True)


class Wearable:
    """Streams the samples and answers commands."""

    def __init__(self, line: Line, endpoint: core.Endpoint, data: bytes, chunk: int, rate: float) -> None:
        self.line = line
        self.endpoint = endpoint
        self.data = data
        self.samples = len(data) // 2
        self.chunk = chunk
        self.chunks = -(-self.samples // chunk)
        self.interval = 1.0 / rate
        self.decoder = core.UartDecoder(MAX_FRAME)
        self.session: Optional[int] = None
        self.next_chunk = 0
        self.unacknowledged: Set[int] = set()
        self.base = 0
        self.origin_sid: Optional[bytes] = None
        self.again: List[int] = []
        self.resent = 0
        self.sent = 0
        self.started = time.monotonic()

    # Message number m carries chunk m + base; base moves only when a new session replaces the old one.

    def payload(self, chunk: int) -> bytes:
        if chunk >= self.chunks:
            return self.samples.to_bytes(4, "big")
        first = chunk * self.chunk
        return first.to_bytes(4, "big") + self.data[2 * first : 2 * (first + self.chunk)]

    def topic(self, chunk: int) -> str:
        return "ecg" if chunk < self.chunks else "ecg/end"

    def transmit(self, frame: bytes) -> None:
        if frame and frame[0] <= 6:
            report("frame", direction="out", type=frame[0], bytes=len(frame))
        self.line.send(core.uart_encode(frame))

    def send(self, chunk: int, number: Optional[int] = None) -> bool:
        if self.session is None:
            return False
        try:
            sent = self.endpoint.send(
                self.session, self.payload(chunk), topic=self.topic(chunk), confirmable=True, number=number
            )
        except (WindowFull, Busy, NoOffer):
            return False
        assert sent.number is not None
        self.unacknowledged.add(sent.number)
        self.transmit(sent.frame)
        self.sent += 1
        return True

    def event(self, event: Event) -> None:
        if isinstance(event, core.Established):
            self.session = event.session
            report("established", peer=event.peer.hex(), ms=round((time.monotonic() - self.started) * 1000))
        elif isinstance(event, core.Message):
            if event.missing:
                report("missing", count=event.missing)
            if event.command:
                report("command", topic=event.topic, payload=event.payload.hex())
            if event.number is not None:
                self.endpoint.commit(event.session, event.number, origin=event.origin)
        elif isinstance(event, core.Acknowledged):
            self.unacknowledged = {number for number in self.unacknowledged if not event.covers(number)}
            report("acknowledged", top=event.top)
        elif isinstance(event, core.Resend):
            report("resend", number=event.number)
            self.resent += 1
            self.send(event.number + self.base, event.number)
        elif isinstance(event, core.Replaced):
            # Start again at the first chunk that was not acknowledged, in order, so that number and chunk stay in step.
            self.session = event.new
            first = min(self.unacknowledged) + self.base if self.unacknowledged else self.next_chunk
            self.base = first
            self.next_chunk = first
            self.unacknowledged.clear()
        elif isinstance(event, (core.Closed, core.HandshakeFailed)):
            report("error", name=event.reason.name)
            if isinstance(event, core.Closed) and event.session == self.session:
                self.session = None

    def pump(self) -> None:
        while True:
            event = self.endpoint.poll_event()
            if event is None:
                break
            self.event(event)
        while True:
            transmit = self.endpoint.poll_transmit()
            if transmit is None:
                return
            self.transmit(transmit.frame)

    def receive(self, data: bytes) -> None:
        for frame in self.decoder.feed(data):
            if frame and frame[0] <= 6:
                report("frame", direction="in", type=frame[0], bytes=len(frame))
            try:
                event = self.endpoint.handle_frame(frame)
            except SealwireError as error:
                report("error", name=error.name)
            else:
                if event is not None:
                    self.event(event)
            self.pump()

    def run(self) -> int:
        self.endpoint.restore()
        self.endpoint.connect()
        self.pump()
        with selectors.DefaultSelector() as selector:
            selector.register(self.line.fileno(), selectors.EVENT_READ)
            due = time.monotonic()
            while time.monotonic() - self.started < LIMIT_S:
                now = time.monotonic()
                if self.session is not None and now >= due and self.next_chunk <= self.chunks:
                    last = self.next_chunk == self.chunks
                    if not (last and self.unacknowledged) and self.send(self.next_chunk):
                        self.next_chunk += 1
                    due = max(due + self.interval, now)
                self.pump()
                if self.next_chunk > self.chunks and not self.unacknowledged:
                    self.linger(selector)
                    bad = self.decoder.malformed
                    report("done", samples=self.samples, messages=self.sent, resent=self.resent, uart_bad=bad)
                    return 0
                timeout = self.endpoint.poll_timeout()
                wait = 0.05 if timeout is None else min(0.05, max(0.0, (timeout - self.endpoint.now()) / 1000))
                if selector.select(wait):
                    data = self.line.recv()
                    if not data:
                        report("error", name="link-closed")
                        return 1
                    self.receive(data)
                self.endpoint.handle_timeout()
        report("error", name="time-limit")
        return 1

    def linger(self, selector: selectors.BaseSelector) -> None:
        """A moment for acknowledgements of our own that are still to be sent."""
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            if selector.select(0.05):
                data = self.line.recv()
                if not data:
                    return
                self.receive(data)
            self.endpoint.handle_timeout()
            self.pump()


def main(arguments: Optional[List[str]] = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sealwire.demo.wearable", description="Stream a recording as a wearable would.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--connect", metavar="HOST:PORT", help="byte link over TCP")
    where.add_argument("--port", metavar="PATH", help="serial device or pseudo-terminal")
    parser.add_argument("--key", required=True, help="private key file")
    parser.add_argument("--credential", required=True, help="own credential file, sent by value")
    parser.add_argument("--peer", required=True, help="the hub's credential file")
    parser.add_argument("--inbox", required=True, help="own inbox name, the subject of the credential")
    parser.add_argument("--data", required=True, help="recording: int16 little-endian samples")
    parser.add_argument("--chunk", type=int, default=90, help="samples per message (90)")
    parser.add_argument("--rate", type=float, default=20.0, help="messages per second (20)")
    parser.add_argument("--lifetime", type=int, default=3000, help="command lifetime in milliseconds (3000)")
    parser.add_argument("--samples", type=int, default=None, help="stop after so many samples")
    options = parser.parse_args(arguments)
    try:
        credential = load_credential(options.credential)
        identity = Identity(credential, load_key(options.key, credential.curve))
        data = Path(options.data).read_bytes()
        if options.samples is not None:
            data = data[: 2 * options.samples]
        line: Line = SocketLine(options.connect) if options.connect else DeviceLine(options.port)
        endpoint = core.Endpoint(
            [(identity.credential, identity.key)],
            peers=[load_credential(options.peer)],
            inbox=options.inbox,
            by_value=True,
            offers=True,
            command_lifetime_ms=options.lifetime,
        )
        return Wearable(line, endpoint, data, options.chunk, options.rate).run()
    except (OSError, SealwireError) as error:
        report("error", name=getattr(error, "name", "os-error"), detail=str(error))
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
