"""What links of short frames share: frames in fragments, several devices told apart by their addresses."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Dict, Optional

from .._sealwire import Fragmenter, Reassembler
from .base import MAX_DEVICES, MAX_FRAME, Accepted, Counters, Link, Queued, now_ms

SENDERS = 16
"""Devices whose frames may be under way at once; more wait for a slot to end or expire."""


class FragmentLink(Link):
    """One device on a bus of short frames."""

    def __init__(self, bus: FragmentBus, sender: int, name: str) -> None:
        self.name = name
        self._bus = bus
        self._sender = sender
        self._fragmenter = Fragmenter(bus.size)
        self.queue = Queued()

    async def read(self) -> Optional[bytes]:
        return await self.queue.get()

    async def write(self, frame: bytes) -> None:
        for fragment in self._fragmenter.fragments(frame):
            await self._bus.send(self._sender, fragment)

    async def close(self) -> None:
        self.queue.end()
        self._bus.forget(self._sender)

    def counters(self) -> Counters:
        """Of this device; what was dropped before it was known whose it was stands in the bus's counters."""
        return Counters(frames=self.queue.frames, refused=self.queue.refused)


class FragmentBus(ABC):
    """A bus that makes a link for each device whose first whole frame arrives; the one silent for longest makes way for a new one."""

    def __init__(self, name: str, size: int, accepted: Accepted, *, max_devices: int = MAX_DEVICES) -> None:
        """`size` is what one frame of the bus carries."""
        self.name = name
        self.size = size
        self._accepted = accepted
        self._max_devices = max_devices
        self._reassembler = Reassembler(MAX_FRAME, SENDERS)
        self._links: Dict[int, FragmentLink] = {}
        self._closing: "set[asyncio.Task[None]]" = set()

    @abstractmethod
    async def send(self, device: int, fragment: bytes) -> None:
        """Sends one frame of the bus. Raises OSError when the bus is gone."""

    @abstractmethod
    def address(self, device: int) -> str:
        """The device's address, for people."""

    def handle(self, device: int, fragment: bytes) -> None:
        """One frame of the bus has arrived."""
        frame = self._reassembler.feed(now_ms(), device, fragment)
        if frame is None:
            return
        # The last one in this dictionary is the one heard last.
        link = self._links.pop(device, None)
        fresh = link is None
        if link is None:
            if len(self._links) >= self._max_devices:
                self._links.pop(next(iter(self._links))).queue.end()
            link = FragmentLink(self, device, f"{self.name}:{self.address(device)}")
        self._links[device] = link
        link.queue.put(frame)
        if fresh:
            self._accepted(link)

    def forget(self, device: int) -> None:
        """A link is closed; the device's next frame makes a new one."""
        self._links.pop(device, None)

    def counters(self) -> Counters:
        """Of all devices together."""
        return Counters.of(self._reassembler.counters)

    def fail(self) -> None:
        """The bus is gone: so are the devices."""
        for link in list(self._links.values()):
            link.queue.end()


__all__ = ["FragmentBus", "FragmentLink"]
