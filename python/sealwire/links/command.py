"""The links on the command line: the options of `sealwire gateway`, and opening what they ask for."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Awaitable, Callable, Optional

from .base import Accepted, split_address
from .serial import SerialLink
from .tcp import TcpLink

EXAMPLES = """examples:
  sealwire gateway --broker mqtt://127.0.0.1 --realm ward --serial /dev/ttyUSB0 --baud 921600
  sealwire gateway --broker mqtt://127.0.0.1 --realm ward --listen 127.0.0.1:4000 --framing stream
"""


@dataclass
class Source:
    """Where links come from."""

    where: str
    makes_more: bool = False
    """Whether devices can still join when none is there."""
    on_close: Optional[Callable[[], Awaitable[None]]] = None

    async def close(self) -> None:
        """Make no more links."""
        if self.on_close is not None:
            await self.on_close()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which link, and its settings."""
    where = parser.add_argument_group("link (one of these)").add_mutually_exclusive_group(required=True)
    where.add_argument("--serial", metavar="PATH", help="serial port (needs sealwire[serial])")
    where.add_argument("--pty", action="store_true", help="make a pseudo-terminal for a simulated device")
    where.add_argument("--tcp", metavar="HOST:PORT", help="a serial server, or a device that speaks TCP: connect to it")
    where.add_argument("--listen", metavar="HOST:PORT", help="let devices connect by TCP")
    settings = parser.add_argument_group("settings of the link")
    settings.add_argument("--baud", type=int, default=115200, help="for --serial (115200)")
    settings.add_argument("--framing", choices=["uart", "stream"], default="uart", help="for --tcp and --listen: as on a serial line, or each frame behind its length (uart)")


async def open_links(options: argparse.Namespace, accepted: Accepted) -> Source:
    """Opens what the options ask for and hands each link to `accepted`. Raises OSError, MissingExtra, InvalidArgument."""
    if options.serial:
        accepted(SerialLink.open(options.serial, options.baud))
        return Source(options.serial)
    if options.pty:
        link, path = SerialLink.pty()
        accepted(link)
        return Source(path, makes_more=True)
    if options.tcp:
        host, number = split_address(options.tcp)
        accepted(await TcpLink.open(host, number, framing=options.framing))
        return Source(options.tcp)
    host, number = split_address(options.listen)
    listener, number = await TcpLink.listen(host, number, accepted, framing=options.framing)

    async def close() -> None:
        listener.close()

    return Source(f"{host}:{number}", makes_more=True, on_close=close)


__all__ = ["EXAMPLES", "Source", "add_options", "open_links"]
