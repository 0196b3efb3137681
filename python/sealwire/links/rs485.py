"""RS-485: several devices on one pair of wires, polled in turn (PROTOCOL 7: rs485)."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Deque, Dict, Iterable, List, Optional, Sequence, Tuple

from .._sealwire import Rs485Controller
from ..errors import InvalidArgument
from .base import MAX_WAITING, Accepted, Counters, Link, Queued, now_ms
from .lines import Descriptor, Line
from .serial import open_port

LONGEST = 1024
_Outgoing = Tuple[bytes, "asyncio.Future[None]"]


class Rs485Link(Link):
    """The device at one address. Made by :class:`Rs485Bus`."""

    def __init__(self, bus: Rs485Bus, address: int) -> None:
        self.name = f"{bus.name}:{address}"
        self.address = address
        self._bus = bus
        self.queue = Queued()
        self.outgoing: Deque[_Outgoing] = deque()

    async def read(self) -> Optional[bytes]:
        return await self.queue.get()

    async def write(self, frame: bytes) -> None:
        if self._bus.ended:
            raise BrokenPipeError(f"{self.name} is closed")
        if not 0 < len(frame) <= self._bus.max_frame:
            raise InvalidArgument(f"a frame of {len(frame)} bytes; this bus carries {self._bus.max_frame}")
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.outgoing.append((frame, taken))
        self._bus.wake()
        await taken

    async def close(self) -> None:
        self._bus.forget(self)
        self.end()

    def end(self) -> None:
        """Nothing more comes or goes."""
        self.queue.end()
        while self.outgoing:
            _finish(self.outgoing.popleft()[1])

    def counters(self) -> Counters:
        """Of this device; what was damaged on the bus stands in the bus's counters."""
        return Counters(frames=self.queue.frames, refused=self.queue.refused)


def _finish(taken: "asyncio.Future[None]") -> None:
    if not taken.done():
        taken.set_result(None)


class Rs485Bus:
    """The gateway as the controller of a bus: it polls the addresses in turn, one link for each.

    The driver of the line switches between sending and receiving: adapters do it by themselves, Linux does it for ports that
    know RS-485. Tested against devices in C over pseudo-terminals, which pyserial opens like any port.
    """

    def __init__(
        self, line: Line, addresses: Sequence[int], accepted: Accepted, *, interval_s: float = 0.01, max_frame: int = LONGEST, **settings: int
    ) -> None:
        """Polls every `interval_s` while nobody has anything to say. `settings` (`baud`, `turnaround_ms`, `window_ms`, `retries`) and
        `max_frame` are those of the bus, the same at each end."""
        if not addresses or len(set(addresses)) != len(addresses) or not all(1 <= each <= 127 for each in addresses):
            raise InvalidArgument("addresses on the bus are different numbers from 1 to 127")
        self.name = line.name
        self.max_frame = max_frame
        self.ended = False
        self._line = line
        self._interval_s = interval_s
        self._controller = Rs485Controller(max_frame=max_frame, **settings)
        self._wake = asyncio.Event()
        self._input: "asyncio.Queue[bytes]" = asyncio.Queue(MAX_WAITING)
        self._links: Dict[int, Rs485Link] = {address: Rs485Link(self, address) for address in addresses}
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._read()), loop.create_task(self._serve())]
        for link in list(self._links.values()):
            accepted(link)

    @classmethod
    def open(cls, path: str, addresses: Sequence[int], accepted: Accepted, *, baud: int = 115200) -> Rs485Bus:
        """A serial port, by pyserial. A port that knows RS-485 switches its driver itself. Raises MissingExtra, OSError."""
        opened = open_port(path, baud)
        _switch_driver(opened)
        return cls(Descriptor(path, opened.fileno(), opened.close), addresses, accepted, baud=baud)

    def wake(self) -> None:
        """A frame waits to be sent."""
        self._wake.set()

    def forget(self, link: Rs485Link) -> None:
        """A link is closed: its address is not polled any more."""
        self._links.pop(link.address, None)

    async def _read(self) -> None:
        while True:
            data = await self._line.read()
            await self._input.put(data)
            if not data:
                return

    async def _serve(self) -> None:
        try:
            while True:
                spoke = False
                for link in list(self._links.values()):
                    spoke |= await self._ask(link)
                if not spoke and not any(link.outgoing for link in self._links.values()):
                    self._wake.clear()
                    try:
                        await asyncio.wait_for(self._wake.wait(), self._interval_s)
                    except asyncio.TimeoutError:
                        continue
        except OSError:
            return  # the line is gone
        finally:
            self._end()

    async def _ask(self, link: Rs485Link) -> bool:
        """One poll, until its answer or the end of patience; tells whether either end had a frame."""
        frame, taken = link.outgoing.popleft() if link.outgoing else (b"", None)
        self._controller.poll(link.address, frame)
        spoke = bool(frame)
        try:
            while self._controller.polling:
                poll = self._controller.transmit(now_ms())
                if poll is not None:
                    await self._line.write(poll)
                for address, answer in await self._heard():
                    if answer:
                        spoke = True
                        found = self._links.get(address)
                        if found is not None:
                            found.queue.put(answer)
                self._controller.handle_timeout(now_ms())
        finally:
            if taken is not None:
                _finish(taken)
        return spoke

    async def _heard(self) -> Iterable[Tuple[int, bytes]]:
        """What comes until the controller has something else to do."""
        due = self._controller.timeout()
        if due is None:
            return []
        try:
            data = await asyncio.wait_for(self._input.get(), max(0.0005, (due - now_ms()) / 1000))
        except asyncio.TimeoutError:
            return []
        if not data:
            raise BrokenPipeError(f"{self.name} is closed")
        return self._controller.handle(now_ms(), data)

    def _end(self) -> None:
        self.ended = True
        for link in self._links.values():
            link.end()

    def counters(self) -> Counters:
        """Of the bus; `frames` counts answers without a frame too, `expired` the polls that nobody answered."""
        return Counters.of(self._controller.counters)

    async def close(self) -> None:
        """Leave the line."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._end()
        await self._line.close()


def _switch_driver(opened: Any) -> None:
    """Asks the port to drive the line only while it sends. An adapter that does so by itself, or a pseudo-terminal, knows nothing of it."""
    from serial.rs485 import RS485Settings

    try:
        opened.rs485_mode = RS485Settings()
    except (OSError, ValueError):
        return


def bus_addresses(text: str) -> List[int]:
    """`1,2,3`. Raises InvalidArgument."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InvalidArgument(f"addresses {text!r}; write numbers with commas between, such as 1,2,3") from None


__all__ = ["Rs485Bus", "Rs485Link", "bus_addresses"]
