"""TCP: a serial line that is simulated or brought by a serial server (UART framing), or a stream of frames behind their lengths."""

from __future__ import annotations

import asyncio
from typing import Any, Optional, Tuple

from ..errors import InvalidArgument
from .base import Accepted
from .lines import FRAMINGS, LineLink, Streams


def _check(framing: str) -> None:
    if framing not in FRAMINGS:
        raise InvalidArgument(f"framing {framing!r}; there are uart and stream")


class TcpLink(LineLink):
    """One device on a TCP stream."""

    @classmethod
    async def open(cls, host: str, port: int, *, framing: str = "uart") -> TcpLink:
        """This end connects. Raises OSError."""
        _check(framing)
        reader, writer = await asyncio.open_connection(host, port)
        return cls(Streams(f"tcp:{host}:{port}", reader, writer), FRAMINGS[framing]())

    @classmethod
    async def listen(cls, host: str, port: int, accepted: Accepted, *, framing: str = "uart") -> Tuple[asyncio.AbstractServer, int]:
        """Devices connect; `accepted` gets a link for each. Gives the listener and its port number. Raises OSError."""
        _check(framing)

        def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            address: Optional[Tuple[Any, ...]] = writer.get_extra_info("peername")
            name = f"tcp:{address[0]}:{address[1]}" if address else "tcp"
            accepted(cls(Streams(name, reader, writer), FRAMINGS[framing]()))

        listener = await asyncio.start_server(take, host, port)
        return listener, int(listener.sockets[0].getsockname()[1])


__all__ = ["TcpLink"]
