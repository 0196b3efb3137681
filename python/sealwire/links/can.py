"""CAN 2.0 and CAN FD by python-can, frames by ISO 15765-2 (PROTOCOL 7: can)."""

from __future__ import annotations

import asyncio
import errno
import threading
from typing import Any, Dict, Optional, Sequence, Tuple

from .._sealwire import IsoTp
from ..errors import Busy, InvalidArgument
from .base import Counters, Link, MissingExtra, Queued, now_ms

EXTENDED = 0x800
"""Identifiers from here on have 29 bits."""
_HELP = {
    errno.EAFNOSUPPORT: "this kernel has no CAN: as root `modprobe can_raw`; if there is no such module, a kernel with CONFIG_CAN and CONFIG_CAN_RAW",
    errno.EPROTONOSUPPORT: "this kernel has CAN without raw frames: as root `modprobe can_raw`; if there is no such module, a kernel with CONFIG_CAN_RAW",
    errno.ENODEV: "`ip link` lists the interfaces; a real one comes with its driver, one to try things as root by `modprobe vcan; ip link add {0} type vcan`",
    errno.ENETDOWN: "as root `ip link set {0} up type can bitrate 500000`, with the bit rate of the bus; for vcan `ip link set {0} up`",
}


class CanLink(Link):
    """One device on a CAN bus: the identifier under which it sends, and the one under which it listens. Made by :meth:`CanBus.link`."""

    def __init__(self, bus: CanBus, receives: int, transmits: int, framer: IsoTp) -> None:
        self.name = f"{bus.name}:{receives:x}:{transmits:x}"
        self._bus = bus
        self._identifiers = (receives, transmits)
        self._framer = framer
        self._queue = Queued()
        self._turn = asyncio.Lock()
        self._free = asyncio.Event()
        self._timer: Optional[asyncio.TimerHandle] = None
        self._unsent = 0
        self._closed = False

    def handle(self, data: bytes) -> None:
        """What came under the device's identifier."""
        for frame in self._framer.handle(now_ms(), data):
            self._queue.put(frame)
        self._pump()

    def _pump(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed:
            return
        for data in self._framer.transmit(now_ms()):
            # A bus that takes nothing, such as one without other stations, loses the frame; the two ends repeat it.
            self._unsent += not self._bus.send(self._identifiers[1], data)
        if not self._framer.sending:
            self._free.set()
        due = self._framer.timeout()
        if due is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.001, (due - now_ms()) / 1000), self._pump)

    async def read(self) -> Optional[bytes]:
        return await self._queue.get()

    async def write(self, frame: bytes) -> None:
        async with self._turn:
            if self._closed:
                raise BrokenPipeError(f"{self.name} is closed")
            self._free.clear()
            try:
                self._framer.send(frame)
            except Busy:
                return  # cannot be: one frame at a time has its turn
            self._pump()
            await self._free.wait()

    async def close(self) -> None:
        self._closed = True
        self._bus.forget(self._identifiers[0])
        self._queue.end()
        self._free.set()
        if self._timer is not None:
            self._timer.cancel()

    def end(self) -> None:
        """The bus is gone."""
        self._queue.end()

    def counters(self) -> Counters:
        return Counters.of(self._framer.counters, refused=self._queue.refused + self._unsent)


class CanBus:
    """A CAN interface with its devices. In tests it is python-can's virtual bus; with real interfaces it could not be tried here."""

    def __init__(self, bus: Any, name: str, *, fd: bool = False, timeout_ms: int = 1000) -> None:
        """`bus` is python-can's; `timeout_ms` is how long either end waits for the other in the middle of a frame."""
        self.name = name
        self._bus = bus
        self._fd = fd
        self._timeout_ms = timeout_ms
        self._links: Dict[int, CanLink] = {}
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._descriptor = -1
        self._thread: Optional[threading.Thread] = None

    @classmethod
    def open(cls, interface: str, where: str, *, fd: bool = False, bitrate: Optional[int] = None, timeout_ms: int = 1000) -> CanBus:
        """An interface of python-can, such as ("socketcan", "can0"). Raises MissingExtra; OSError, which says what helps where that is known."""
        try:
            import can
        except ImportError:
            raise MissingExtra("CAN", "python-can", "can") from None
        settings: Dict[str, Any] = {"interface": interface, "channel": where, "fd": fd}
        if bitrate is not None:
            settings["bitrate"] = bitrate
        try:
            return cls(can.Bus(**settings), where, fd=fd, timeout_ms=timeout_ms)
        except can.CanError as error:
            raise OSError(f"CAN {interface} {where}: {error}") from error
        except OSError as error:
            told = _HELP.get(error.errno or 0, "").format(where)
            raise OSError(error.errno, f"{error.strerror or error}{': ' if told else ''}{told}", f"CAN {where}") from error

    def link(self, receives: int, transmits: int) -> CanLink:
        """The device that sends under `receives` and listens under `transmits`; from 0x800 on they have 29 bits."""
        if receives == transmits or receives in self._links or not all(0 <= each < 1 << 29 for each in (receives, transmits)):
            raise InvalidArgument(f"CAN identifiers {receives:x} and {transmits:x}: two different ones, each in use once")
        self._links[receives] = CanLink(self, receives, transmits, IsoTp(fd=self._fd, timeout_ms=self._timeout_ms))
        self._filter()
        if self._descriptor < 0 and self._thread is None:
            self._start()
        return self._links[receives]

    def _start(self) -> None:
        try:
            self._descriptor = self._bus.fileno()
        except NotImplementedError:
            self._descriptor = -1
        if self._descriptor >= 0:
            self._loop.add_reader(self._descriptor, self._available)
        else:
            self._thread = threading.Thread(target=self._receive, name=f"CAN {self.name}", daemon=True)
            self._thread.start()

    def _available(self) -> None:
        try:
            message = self._bus.recv(0)
        except Exception:  # of the many interfaces' drivers; each means that reading has come to an end
            self._loop.remove_reader(self._descriptor)
            self.fail()
            return
        if message is not None:
            self.handle(message)

    def _receive(self) -> None:
        """For interfaces without a descriptor: a thread, which only passes things on."""
        while not self._closed:
            try:
                message = self._bus.recv(0.1)
            except Exception:  # as above
                self._loop.call_soon_threadsafe(self.fail)
                return
            if message is not None:
                self._loop.call_soon_threadsafe(self.handle, message)

    def _filter(self) -> None:
        wanted = [{"can_id": each, "can_mask": 0x1FFFFFFF, "extended": each >= EXTENDED} for each in self._links]
        self._bus.set_filters(wanted)

    def send(self, identifier: int, data: bytes) -> bool:
        """One CAN frame; False when the interface does not take it."""
        import can

        try:
            self._bus.send(
                can.Message(arbitration_id=identifier, is_extended_id=identifier >= EXTENDED, is_fd=self._fd, bitrate_switch=self._fd, data=data)
            )
        except (can.CanError, OSError):
            return False
        return True

    def handle(self, message: Any) -> None:
        """What the interface received."""
        link = self._links.get(message.arbitration_id)
        if link is None or message.is_error_frame or message.is_remote_frame:
            return
        if message.is_extended_id == (message.arbitration_id >= EXTENDED):
            link.handle(bytes(message.data))

    def fail(self) -> None:
        """The interface is gone: so are the devices."""
        for link in self._links.values():
            link.end()

    def forget(self, receives: int) -> None:
        """A link is closed."""
        self._links.pop(receives, None)

    async def close(self) -> None:
        """Leave the bus."""
        self._closed = True
        self.fail()
        if self._thread is not None:
            await self._loop.run_in_executor(None, self._thread.join)
        elif self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
        self._bus.shutdown()


def identifier_pairs(text: str) -> Sequence[Tuple[int, int]]:
    """`RX:TX[,RX:TX...]`, hexadecimal, as seen from the gateway. Raises InvalidArgument."""
    pairs = []
    for part in text.split(","):
        try:
            receives, transmits = (int(number, 16) for number in part.split(":"))
        except ValueError:
            raise InvalidArgument(f"CAN identifiers {part!r}; write RX:TX in hexadecimal, such as 18da10f1:18daf110") from None
        pairs.append((receives, transmits))
    return pairs


__all__ = ["CanBus", "CanLink", "identifier_pairs"]
