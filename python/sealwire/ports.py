"""Byte links for the gateway: serial ports, pseudo-terminals and TCP, all as the same small object."""

from __future__ import annotations

import asyncio
import os
from typing import Any, Callable, Optional, Protocol, Tuple

from .errors import InvalidArgument


class Port(Protocol):
    """A byte link with one device on it."""

    name: str

    async def read(self) -> bytes:
        """The next bytes; empty when the device is gone."""

    async def write(self, data: bytes) -> None:
        """Send; waits while the device is slow."""

    async def close(self) -> None:
        """Leave the link."""


class StreamPort:
    """A port over asyncio streams."""

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


class DescriptorPort:
    """A port over a file descriptor: a serial device or a pseudo-terminal."""

    def __init__(self, name: str, descriptor: int, on_close: Callable[[], None]) -> None:
        self.name = name
        self._descriptor = descriptor
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        os.set_blocking(descriptor, False)

    async def _ready(self, add: Callable[..., Any], remove: Callable[[int], Any]) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()

        def wake() -> None:
            if not ready.done():
                ready.set_result(None)

        add(self._descriptor, wake)
        try:
            await ready
        finally:
            remove(self._descriptor)

    async def read(self) -> bytes:
        while True:
            await self._ready(self._loop.add_reader, self._loop.remove_reader)
            try:
                return os.read(self._descriptor, 4096)
            except BlockingIOError:
                continue
            except OSError:
                # A pseudo-terminal gives EIO while nobody has its other side open: wait for somebody.
                if not self.name.startswith("pty:"):
                    return b""
                await asyncio.sleep(0.1)

    async def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                await self._ready(self._loop.add_writer, self._loop.remove_writer)

    async def close(self) -> None:
        self._on_close()


def open_serial(path: str, baud: int) -> DescriptorPort:
    """A serial port, by pyserial (`pip install sealwire[serial]`). Raises OSError."""
    try:
        import serial
    except ImportError:
        raise InvalidArgument("serial ports need pyserial: pip install 'sealwire[serial]'") from None
    opened = serial.Serial(path, baudrate=baud, timeout=0, exclusive=True)
    return DescriptorPort(path, opened.fileno(), opened.close)


def open_pty() -> Tuple[DescriptorPort, str]:
    """A new pseudo-terminal: the port, and the path that a simulated device opens."""
    import pty
    import tty

    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    path = os.ttyname(theirs)

    def close() -> None:
        os.close(ours)
        os.close(theirs)

    return DescriptorPort(f"pty:{path}", ours, close), path


def split_address(text: str, what: str = "address") -> Tuple[str, int]:
    """HOST:PORT as a pair; IPv6 addresses in brackets. Raises InvalidArgument."""
    host, colon, number = text.rpartition(":")
    if not colon or not number.isdigit() or int(number) > 65535:
        raise InvalidArgument(f"{what} {text!r}; write HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(number)


async def connect_tcp(host: str, port: int) -> StreamPort:
    """A simulated serial line over TCP, this end connecting. Raises OSError."""
    reader, writer = await asyncio.open_connection(host, port)
    return StreamPort(f"tcp:{host}:{port}", reader, writer)


async def listen_tcp(
    host: str, port: int, accepted: Callable[[StreamPort], None]
) -> Tuple[asyncio.AbstractServer, int]:
    """A simulated serial line over TCP, devices connecting. Gives the listener and its port number."""

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address: Optional[Tuple[Any, ...]] = writer.get_extra_info("peername")
        accepted(StreamPort(f"tcp:{address[0]}:{address[1]}" if address else "tcp", reader, writer))

    listener = await asyncio.start_server(take, host, port)
    return listener, int(listener.sockets[0].getsockname()[1])


__all__ = ["DescriptorPort", "Port", "StreamPort", "connect_tcp", "listen_tcp", "open_pty", "open_serial", "split_address"]
