"""The rows of the matrix: for each link a simulated bus, and the gateway's adapter on it."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass
from typing import Awaitable, Callable, Dict, Tuple

from buses import Loss, StreamLine, UartLine, device_socket
from sealwire.links import Accepted, SerialLink, TcpLink

Closer = Callable[[], Awaitable[None]]
Opened = Tuple[socket.socket, Closer]


@dataclass(frozen=True)
class Row:
    """One link."""

    mtu: int
    """Most bytes that one frame of the link carries."""
    adapter: str
    open: Callable[[Loss, Accepted], Awaitable[Opened]]
    """Sets the link up; gives the device's socket, and how to end it."""


async def uart(loss: Loss, accepted: Accepted) -> Opened:
    """pyserial on a pseudo-terminal."""
    ours, theirs = device_socket(socket.SOCK_STREAM)
    master, slave = os.openpty()
    accepted(SerialLink.open(os.ttyname(slave)))
    line = UartLine(loss, ours.fileno(), master)

    async def close() -> None:
        line.close()
        os.close(master)
        os.close(slave)
        ours.close()

    return theirs, close


async def stream(loss: Loss, accepted: Accepted) -> Opened:
    """The gateway connects by TCP to something between it and the device that loses frames."""
    ours, theirs = device_socket(socket.SOCK_STREAM)
    device = await asyncio.open_connection(sock=ours)
    line = StreamLine(loss)

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.gather(line.carry(reader, device[1]), line.carry(device[0], writer))

    listener = await asyncio.start_server(take, "127.0.0.1", 0)
    accepted(await TcpLink.open("127.0.0.1", listener.sockets[0].getsockname()[1], framing="stream"))

    async def close() -> None:
        listener.close()
        device[1].close()

    return theirs, close


ROWS: Dict[str, Row] = {
    "uart": Row(65_535, "SerialLink, pyserial on a pty", uart),
    "stream": Row(65_535, "TcpLink", stream),
}
