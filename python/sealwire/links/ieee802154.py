"""IEEE 802.15.4 by the datagram sockets of Linux (PROTOCOL 7: ieee802154)."""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import struct
import sys
from typing import Protocol, Tuple

from ..errors import InvalidArgument
from .base import Accepted
from .fragments import FragmentBus

AF_IEEE802154 = 36
SIZE = 81
"""Bytes for us in a frame of 127, with the longest addresses and link-layer security."""
_SHORT, _LONG = 2, 3
# struct sockaddr_ieee802154: family, padding, kind of address, PAN, address (8 bytes; short ones in the first two), padding.
_ADDRESS = struct.Struct("=HxxiH8sxx")


def pack_address(pan: int, device: int) -> bytes:
    """The kernel's form of an address. `device` is a short address (up to 0xffff) or an extended one."""
    if device <= 0xFFFF:
        return _ADDRESS.pack(AF_IEEE802154, _SHORT, pan, struct.pack("=H", device))
    return _ADDRESS.pack(AF_IEEE802154, _LONG, pan, device.to_bytes(8, "big"))


def unpack_address(address: bytes) -> Tuple[int, int]:
    """PAN and device. Raises InvalidArgument."""
    if len(address) < _ADDRESS.size:
        raise InvalidArgument("not an address of 802.15.4")
    _, kind, pan, device = _ADDRESS.unpack(address[: _ADDRESS.size])
    return pan, struct.unpack("=H", device[:2])[0] if kind == _SHORT else int.from_bytes(device, "big")


class Datagrams(Protocol):
    """A socket whose frames carry addresses: the kernel's, or one of a simulation."""

    def fileno(self) -> int:
        """For waiting."""

    def receive(self) -> Tuple[bytes, int, int]:
        """Data, PAN and device of the sender. Raises BlockingIOError, OSError."""

    def send(self, data: bytes, pan: int, device: int) -> None:
        """To one device. Raises BlockingIOError, OSError."""

    def close(self) -> None:
        """Leave."""


class KernelDatagrams:
    """AF_IEEE802154, SOCK_DGRAM. Python's socket module does not know the family's addresses, so the C library is called."""

    def __init__(self, interface: str, pan: int, own: int) -> None:
        if not sys.platform.startswith("linux"):
            raise InvalidArgument("sockets for 802.15.4 are known on Linux only")
        import fcntl

        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._check(self._libc.socket(AF_IEEE802154, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0))
        try:
            if own == 0:
                # The interface's own extended address.
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                    answer = fcntl.ioctl(asking, 0x8927, struct.pack("256s", interface.encode()[:15]))  # SIOCGIFHWADDR
                own = int.from_bytes(answer[18:26], "big")
            address = pack_address(pan, own)
            self._check(self._libc.bind(self._descriptor, address, len(address)))
        except OSError:
            os.close(self._descriptor)
            raise

    @staticmethod
    def _check(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"802.15.4: {os.strerror(number)}")
        return result

    def fileno(self) -> int:
        return self._descriptor

    def receive(self) -> Tuple[bytes, int, int]:
        data = ctypes.create_string_buffer(128)
        address = ctypes.create_string_buffer(_ADDRESS.size)
        length = ctypes.c_uint(_ADDRESS.size)
        got = self._check(self._libc.recvfrom(self._descriptor, data, len(data), 0, address, ctypes.byref(length)))
        return (data.raw[:got], *unpack_address(address.raw))

    def send(self, data: bytes, pan: int, device: int) -> None:
        address = pack_address(pan, device)
        self._check(self._libc.sendto(self._descriptor, data, len(data), 0, address, len(address)))

    def close(self) -> None:
        os.close(self._descriptor)


class Ieee802154Bus(FragmentBus):
    """Devices in reach, one link for each address in our PAN.

    Runs on a simulated socket in tests: the kernel's family could not be tried here.
    """

    def __init__(self, datagrams: Datagrams, name: str, pan: int, accepted: Accepted) -> None:
        super().__init__(name, SIZE, accepted)
        self._datagrams = datagrams
        self._pan = pan
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._loop.add_reader(datagrams.fileno(), self._available)

    @classmethod
    def open(cls, interface: str, pan: int, accepted: Accepted, *, own: int = 0) -> Ieee802154Bus:
        """An interface such as wpan0, under its extended address or the short address `own`. Raises OSError, InvalidArgument."""
        return cls(KernelDatagrams(interface, pan, own), interface, pan, accepted)

    def address(self, device: int) -> str:
        return f"{device:04x}" if device <= 0xFFFF else f"{device:016x}"

    def _available(self) -> None:
        try:
            data, pan, device = self._datagrams.receive()
        except BlockingIOError:
            return
        except OSError:
            self._loop.remove_reader(self._datagrams.fileno())
            self.fail()
            return
        if pan == self._pan:
            self.handle(device, data)

    async def send(self, device: int, fragment: bytes) -> None:
        if self._closed:
            raise BrokenPipeError(f"{self.name} is closed")
        for wait in (0.001, 0.01, 0.1, None):
            try:
                return self._datagrams.send(fragment, self._pan, device)
            except BlockingIOError:
                if wait is None:
                    return  # the radio does not keep up: lost, as in the air
                await asyncio.sleep(wait)

    async def close(self) -> None:
        """Leave the radio."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._datagrams.fileno())
            self.fail()
            self._datagrams.close()


__all__ = ["Datagrams", "Ieee802154Bus", "KernelDatagrams", "pack_address", "unpack_address"]
