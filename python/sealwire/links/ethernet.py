"""Ethernet and 10BASE-T1S by raw sockets (Linux), frames under an EtherType of their own (PROTOCOL 7: ethernet)."""

from __future__ import annotations

import asyncio
import socket
from typing import Optional

from ..errors import InvalidArgument
from .base import Accepted, Counters
from .fragments import FragmentBus

ETHER_TYPE = 0x88B5
"""The first EtherType of IEEE 802 for local experiments; a product needs its maker's own."""
SHORTEST = 46
LONGEST = 1500
SIZE = LONGEST - 2
_PACKET_OTHERHOST = 3
_PACKET_OUTGOING = 4


class EthernetBus(FragmentBus):
    """Devices on an Ethernet segment, one link for each MAC address. Needs CAP_NET_RAW. Tested over TAP interfaces."""

    def __init__(self, interface: str, accepted: Accepted, *, ether_type: int = ETHER_TYPE) -> None:
        """Raises OSError: no such interface, or not the right to use it."""
        if not hasattr(socket, "AF_PACKET"):
            raise InvalidArgument("raw Ethernet sockets are known on Linux only")
        if not 0x600 <= ether_type <= 0xFFFF:
            raise InvalidArgument(f"EtherType {ether_type:#x}; it is from 0x600 to 0xffff")
        super().__init__(interface, SIZE, accepted)
        self._ether_type = ether_type
        self._malformed = 0
        self._loop = asyncio.get_running_loop()
        self._socket: Optional[socket.socket] = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ether_type))
        try:
            self._socket.setblocking(False)
            self._socket.bind((interface, ether_type))
        except OSError:
            self._socket.close()
            raise
        self._loop.add_reader(self._socket.fileno(), self._available)

    def address(self, device: int) -> str:
        return device.to_bytes(6, "big").hex(":")

    def _available(self) -> None:
        assert self._socket is not None
        try:
            data, (_, _, kind, _, source) = self._socket.recvfrom(65535)
        except BlockingIOError:
            return
        except OSError:
            self._loop.remove_reader(self._socket.fileno())
            self.fail()
            return
        if kind in (_PACKET_OTHERHOST, _PACKET_OUTGOING):
            return  # for somebody else, as an interface in promiscuous mode hears it, or our own
        length = int.from_bytes(data[:2], "big")
        if len(source) != 6 or length == 0 or len(data) < 2 + length:
            self._malformed += 1
            return
        self.handle(int.from_bytes(source, "big"), data[2 : 2 + length])

    async def send(self, device: int, fragment: bytes) -> None:
        data = (len(fragment).to_bytes(2, "big") + fragment).ljust(SHORTEST, b"\0")
        for wait in (0.001, 0.01, 0.1, None):
            if self._socket is None:
                raise BrokenPipeError(f"{self.name} is closed")
            try:
                self._socket.sendto(data, (self.name, self._ether_type, 0, 0, device.to_bytes(6, "big")))
                return
            except BlockingIOError:
                if wait is None:
                    return  # the interface does not keep up: lost, as on the wire
                await asyncio.sleep(wait)

    def counters(self) -> Counters:
        return Counters.of(self._reassembler.counters, malformed=self._malformed)

    async def close(self) -> None:
        """Leave the interface."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self.fail()
            self._socket.close()
            self._socket = None


__all__ = ["ETHER_TYPE", "EthernetBus"]
