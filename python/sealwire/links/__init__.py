"""Links for the gateway: one documented base class, :class:`Link`, and an adapter for each kind of link.

An adapter imports its optional package when it is opened; one that is missing raises :class:`MissingExtra`, whose text names
the command that installs it.
"""

from __future__ import annotations

from .base import MAX_DEVICES, MAX_FRAME, Accepted, Counters, Link, MissingExtra, split_address
from .ble import BleLink
from .can import CanBus, CanLink
from .ethernet import EthernetBus
from .fragments import FragmentBus, FragmentLink
from .ieee802154 import Ieee802154Bus
from .rs485 import Rs485Bus, Rs485Link
from .serial import SerialLink
from .spi import SpiLink
from .tcp import TcpLink

__all__ = [
    "MAX_DEVICES",
    "MAX_FRAME",
    "Accepted",
    "BleLink",
    "CanBus",
    "CanLink",
    "Counters",
    "EthernetBus",
    "FragmentBus",
    "FragmentLink",
    "Ieee802154Bus",
    "Link",
    "MissingExtra",
    "Rs485Bus",
    "Rs485Link",
    "SerialLink",
    "SpiLink",
    "TcpLink",
    "split_address",
]
