"""SPI by spidev (Linux), the gateway as controller (PROTOCOL 7: spi)."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, List, Optional, Protocol, Tuple

from .._sealwire import SpiExchange
from ..errors import InvalidArgument
from .base import MAX_FRAME, Counters, Link, MissingExtra, Queued

BLOCK = 64


class SpiDevice(Protocol):
    """What is used of spidev's object."""

    def xfer2(self, data: List[int]) -> List[int]:
        """Exchanges as many bytes as `data` has, in one transaction."""

    def close(self) -> None:
        """Lets the device go."""


class SpiLink(Link):
    """One device behind one chip select. Runs on a simulated spidev in tests: an SPI bus could not be tried here.

    An exchange is made while the device's ready line is high: at once while either end has something to send, otherwise every
    `interval_s` to ask. Without a ready line every exchange is taken for wanted.
    """

    def __init__(
        self, name: str, device: SpiDevice, *, block: int = BLOCK, interval_s: float = 0.005, ready: Optional[Callable[[], bool]] = None
    ) -> None:
        """`block` is the size of an exchange, 8 to 4096 bytes, the same at the device."""
        if interval_s <= 0:
            raise InvalidArgument("the time between exchanges must be above 0")
        self.name = f"spi:{name}"
        self._device = device
        self._interval_s = interval_s
        self._line = ready
        self._exchange = SpiExchange(block, max_frame=MAX_FRAME)
        self._queue = Queued()
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._free = asyncio.Event()
        self._closed = False
        self._task = asyncio.get_running_loop().create_task(self._serve())

    @classmethod
    def open(cls, where: str, *, speed_hz: int = 1_000_000, mode: int = 0, block: int = BLOCK, interval_s: float = 0.005, ready: Optional[str] = None) -> SpiLink:
        """`where` is BUS.DEVICE as in /dev/spidev0.0; `ready` is CHIP:LINE of the ready line, such as /dev/gpiochip0:17.

        Raises MissingExtra, OSError, InvalidArgument.
        """
        bus, dot, select = where.partition(".")
        if not (dot and bus.isdigit() and select.isdigit()):
            raise InvalidArgument(f"SPI device {where!r}; write BUS.DEVICE, such as 0.0")
        try:
            import spidev
        except ImportError:
            raise MissingExtra("SPI", "spidev", "spi") from None
        line = None if ready is None else ready_line(ready)
        device = spidev.SpiDev()
        device.open(int(bus), int(select))
        device.max_speed_hz, device.mode = speed_hz, mode
        return cls(where, device, block=block, interval_s=interval_s, ready=line)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while not self._closed:
                if self._line is None or self._line():
                    busy = self._exchange.sending
                    block = await loop.run_in_executor(None, self._device.xfer2, list(self._exchange.transmit()))
                    busy |= any(byte not in (0, 0xFF) for byte in block)
                    frame = self._exchange.handle(bytes(block))
                    if frame is not None:
                        self._queue.put(frame)
                    if not self._exchange.sending:
                        self._free.set()
                    if busy:
                        await asyncio.sleep(0)
                        continue
                try:
                    await asyncio.wait_for(self._wake.wait(), self._interval_s)
                    self._wake.clear()
                except asyncio.TimeoutError:
                    continue
        except OSError:
            return  # the bus is gone
        finally:
            self._queue.end()
            self._free.set()

    async def read(self) -> Optional[bytes]:
        return await self._queue.get()

    async def write(self, frame: bytes) -> None:
        async with self._turn:
            if self._task.done() or self._closed:
                raise BrokenPipeError(f"{self.name} is closed")
            self._free.clear()
            self._exchange.send(frame)
            self._wake.set()
            await self._free.wait()

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._wake.set()
            await self._task
            self._device.close()

    def counters(self) -> Counters:
        return Counters.of(self._exchange.counters, refused=self._queue.refused)


def ready_line(where: str) -> Callable[[], bool]:
    """A GPIO line as a question, by libgpiod. Raises MissingExtra, OSError, InvalidArgument."""
    chip, line = _chip_and_line(where)
    try:
        import gpiod
    except ImportError:
        raise MissingExtra("the ready line", "gpiod", "spi") from None
    settings = gpiod.LineSettings(direction=gpiod.line.Direction.INPUT)
    request: Any = gpiod.request_lines(chip, consumer="sealwire", config={line: settings})
    return lambda: bool(request.get_value(line) == gpiod.line.Value.ACTIVE)


def _chip_and_line(where: str) -> Tuple[str, int]:
    chip, colon, line = where.rpartition(":")
    if not colon or not line.isdigit():
        raise InvalidArgument(f"GPIO line {where!r}; write CHIP:LINE, such as /dev/gpiochip0:17")
    return chip, int(line)


__all__ = ["BLOCK", "SpiDevice", "SpiLink", "ready_line"]
