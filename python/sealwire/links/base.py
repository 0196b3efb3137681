"""What every link of the gateway is: whole frames in, whole frames out, and counters that say what the link lost."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import Callable, Deque, Optional, Tuple

from ..errors import InvalidArgument

MAX_FRAME = 65_535
MAX_WAITING = 256
MAX_DEVICES = 256


@dataclass(frozen=True)
class Counters:
    """What a link has received, and why it dropped what it dropped (PROTOCOL 7)."""

    frames: int = 0
    """Whole frames handed out."""
    malformed: int = 0
    """Pieces that do not decode or check."""
    overlong: int = 0
    """Frames longer than this end takes."""
    lost: int = 0
    """Frames of which a piece is missing or out of order."""
    expired: int = 0
    """Frames whose sender never finished."""
    refused: int = 0
    """Pieces and frames for which there was no slot or no space."""

    @classmethod
    def of(cls, framer: object, **more: int) -> Counters:
        """From the counters of a framer, with `more` added to them."""
        values = {name: int(getattr(framer, name, 0)) for name in cls.__dataclass_fields__}
        for name, value in more.items():
            values[name] += value
        return cls(**values)


class Link(ABC):
    """One device on one link. This is all that the gateway knows of a link; write a class like this for any other.

    A link that carries several devices (CAN, RS-485, 802.15.4, Ethernet) is a bus object, which makes one Link for each:
    either for the addresses it is told, or for every stranger whose first whole frame arrives. Bus objects hand each Link
    to a callback, such as :meth:`sealwire.gateway.Gateway.attach`.

    All methods are called in one event loop, `read` by one task and `write` by another.
    """

    name: str
    """What people call it: the path of a port, an address on a bus."""

    @abstractmethod
    async def read(self) -> Optional[bytes]:
        """The next whole frame; None when the device or the link is gone for good. What does not decode is dropped and counted."""

    @abstractmethod
    async def write(self, frame: bytes) -> None:
        """Send a whole frame; waits while the link is slow. A frame may get lost: the two ends notice and repeat it.

        Raises OSError when the link is gone, InvalidArgument for a frame that it cannot carry.
        """

    @abstractmethod
    async def close(self) -> None:
        """Leave the link. A `read` that waits gives None."""

    def counters(self) -> Counters:
        """What arrived and what was dropped."""
        return Counters()


Accepted = Callable[[Link], object]
"""Takes each Link that a bus makes."""


class MissingExtra(InvalidArgument):
    """A package that this link needs is not installed; the text names the command that installs it."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(f"{what} needs {package}: pip install 'sealwire[{extra}]'")


class Queued:
    """Frames that wait to be read. When `MAX_WAITING` wait, more are dropped and counted in `refused`."""

    def __init__(self) -> None:
        self._waiting: Deque[bytes] = deque()
        self._ready = asyncio.Event()
        self._ended = False
        self.frames = 0
        self.refused = 0

    def put(self, frame: bytes) -> None:
        """Adds a frame."""
        if self._ended:
            return
        if len(self._waiting) >= MAX_WAITING:
            self.refused += 1
            return
        self.frames += 1
        self._waiting.append(frame)
        self._ready.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._ended = True
        self._ready.set()

    async def get(self) -> Optional[bytes]:
        """The oldest frame, or None after the end."""
        while not self._waiting:
            if self._ended:
                return None
            self._ready.clear()
            await self._ready.wait()
        return self._waiting.popleft()


def now_ms() -> int:
    """The time that framers are given."""
    return int(time.monotonic() * 1000)


def split_address(text: str, what: str = "address") -> Tuple[str, int]:
    """HOST:PORT as a pair; IPv6 addresses in brackets. Raises InvalidArgument."""
    host, colon, number = text.rpartition(":")
    if not colon or not number.isdigit() or int(number) > 65535:
        raise InvalidArgument(f"{what} {text!r}; write HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(number)


__all__ = ["MAX_DEVICES", "MAX_FRAME", "Accepted", "Counters", "Link", "MissingExtra", "Queued", "now_ms", "split_address"]
