"""Links for the gateway: one documented base class, :class:`Link`, and an adapter for each kind of link.

An adapter imports its optional package when it is opened; one that is missing raises :class:`MissingExtra`, whose text names
the command that installs it.
"""

from __future__ import annotations

from .base import MAX_DEVICES, MAX_FRAME, Accepted, Counters, Link, MissingExtra, split_address
from .serial import SerialLink
from .tcp import TcpLink

__all__ = [
    "MAX_DEVICES",
    "MAX_FRAME",
    "Accepted",
    "Counters",
    "Link",
    "MissingExtra",
    "SerialLink",
    "TcpLink",
    "split_address",
]
