"""The links on the command line: the options of `sealwire gateway`, and opening what they ask for."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Awaitable, Callable, Optional

from ..errors import InvalidArgument
from .base import Accepted, split_address
from .ble import BleLink
from .can import CanBus, identifier_pairs
from .ethernet import ETHER_TYPE, EthernetBus
from .ieee802154 import Ieee802154Bus
from .rs485 import Rs485Bus, bus_addresses
from .serial import SerialLink
from .spi import BLOCK, SpiLink
from .tcp import TcpLink

EXAMPLES = """examples (each with --broker mqtt://127.0.0.1 --realm ward):
  sealwire gateway --serial /dev/ttyUSB0 --baud 921600
  sealwire gateway --serial /dev/ttyUSB0 --rs485 1,2,3
  sealwire gateway --listen 127.0.0.1:4000 --framing stream
  sealwire gateway --can can0 --can-ids 18da10f1:18daf110 --can-fd
  sealwire gateway --ethernet eth0
  sealwire gateway --spi 0.0 --spi-speed 4000000 --spi-ready /dev/gpiochip0:17
  sealwire gateway --ble C0:FF:EE:00:00:01
  sealwire gateway --802154 wpan0 --pan 0xbeef
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


def _whole(text: str) -> int:
    """A number, decimal or with 0x."""
    try:
        return int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which link, and its settings."""
    where = parser.add_argument_group("link (one of these)").add_mutually_exclusive_group(required=True)
    where.add_argument("--serial", metavar="PATH", help="serial port (needs sealwire[serial])")
    where.add_argument("--pty", action="store_true", help="make a pseudo-terminal for a simulated device")
    where.add_argument("--tcp", metavar="HOST:PORT", help="a serial server, or a device that speaks TCP: connect to it")
    where.add_argument("--listen", metavar="HOST:PORT", help="let devices connect by TCP")
    where.add_argument("--can", metavar="NAME", help="CAN interface, such as can0 (needs sealwire[can])")
    where.add_argument("--ethernet", metavar="NAME", help="Ethernet interface (Linux, CAP_NET_RAW)")
    where.add_argument("--spi", metavar="BUS.DEVICE", help="SPI device, such as 0.0 (Linux, needs sealwire[spi])")
    where.add_argument("--ble", metavar="ADDRESS", help="Bluetooth Low Energy device (needs sealwire[ble])")
    where.add_argument("--802154", dest="ieee802154", metavar="NAME", help="IEEE 802.15.4 interface, such as wpan0 (Linux)")
    settings = parser.add_argument_group("settings of the link")
    settings.add_argument("--baud", type=int, default=115200, help="for --serial (115200)")
    settings.add_argument("--rs485", metavar="ADDRESS,...", help="for --serial: a bus of devices at these addresses, polled in turn")
    settings.add_argument("--framing", choices=["uart", "stream"], default="uart", help="for --tcp and --listen: as on a serial line, or each frame behind its length (uart)")
    settings.add_argument("--can-ids", metavar="RX:TX,...", help="for --can: under which identifiers each device sends and listens, hexadecimal; from 800 on they have 29 bits")
    settings.add_argument("--can-fd", action="store_true", help="for --can: CAN FD")
    settings.add_argument("--can-interface", default="socketcan", metavar="KIND", help="for --can: python-can's kind of interface (socketcan)")
    settings.add_argument("--bitrate", type=int, help="for --can, where the system does not set it")
    settings.add_argument("--ether-type", type=_whole, default=ETHER_TYPE, help=f"for --ethernet ({ETHER_TYPE:#x})")
    settings.add_argument("--spi-speed", type=int, default=1_000_000, metavar="HZ", help="for --spi (1000000)")
    settings.add_argument("--spi-mode", type=int, choices=range(4), default=0, help="for --spi (0)")
    settings.add_argument("--spi-block", type=int, default=BLOCK, metavar="BYTES", help=f"for --spi: size of an exchange ({BLOCK})")
    settings.add_argument("--spi-interval", type=float, default=5.0, metavar="MS", help="for --spi: how often to ask the device (5)")
    settings.add_argument("--spi-ready", metavar="CHIP:LINE", help="for --spi: GPIO line by which the device says that it is ready")
    settings.add_argument("--pan", type=_whole, help="for --802154: number of the PAN")
    settings.add_argument("--short-address", type=_whole, default=0, help="for --802154: own short address (default: the extended one)")


async def open_links(options: argparse.Namespace, accepted: Accepted) -> Source:
    """Opens what the options ask for and hands each link to `accepted`. Raises OSError, MissingExtra, InvalidArgument."""
    if options.rs485 and not options.serial:
        raise InvalidArgument("--rs485 needs --serial")
    if options.inbox and "," in f"{options.can_ids}{options.rs485}":
        raise InvalidArgument("--inbox is for a link with one device")
    if options.serial and options.rs485:
        bus = Rs485Bus.open(options.serial, bus_addresses(options.rs485), accepted, baud=options.baud)
        return Source(options.serial, on_close=bus.close)
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
    if options.can:
        if not options.can_ids:
            raise InvalidArgument("--can needs --can-ids: under which identifiers each device sends and listens")
        pairs = identifier_pairs(options.can_ids)
        can = CanBus.open(options.can_interface, options.can, fd=options.can_fd, bitrate=options.bitrate)
        for pair in pairs:
            accepted(can.link(*pair))
        return Source(options.can, on_close=can.close)
    if options.ethernet:
        ethernet = EthernetBus(options.ethernet, accepted, ether_type=options.ether_type)
        return Source(options.ethernet, makes_more=True, on_close=ethernet.close)
    if options.spi:
        spi = SpiLink.open(
            options.spi,
            speed_hz=options.spi_speed,
            mode=options.spi_mode,
            block=options.spi_block,
            interval_s=options.spi_interval / 1000,
            ready=options.spi_ready,
        )
        accepted(spi)
        return Source(f"spi:{options.spi}")
    if options.ble:
        accepted(await BleLink.open(options.ble))
        return Source(f"ble:{options.ble}")
    if options.ieee802154:
        if options.pan is None:
            raise InvalidArgument("--802154 needs --pan")
        radio = Ieee802154Bus.open(options.ieee802154, options.pan, accepted, own=options.short_address)
        return Source(options.ieee802154, makes_more=True, on_close=radio.close)
    host, number = split_address(options.listen)
    listener, number = await TcpLink.listen(host, number, accepted, framing=options.framing)

    async def close() -> None:
        listener.close()

    return Source(f"{host}:{number}", makes_more=True, on_close=close)


__all__ = ["EXAMPLES", "Source", "add_options", "open_links"]
