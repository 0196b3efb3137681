"""Bluetooth Low Energy by bleak (on Linux: BlueZ over D-Bus), the gateway as central of a device's service (PROTOCOL 7: ble)."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Protocol

from .._sealwire import Fragmenter, Reassembler
from .base import MAX_FRAME, Counters, Link, MissingExtra, Queued, now_ms

SERVICE = "d8482160-d38a-4f04-9485-e0127ffa947a"
TO_DEVICE = "d8482161-d38a-4f04-9485-e0127ffa947a"
"""The characteristic that the central writes without response."""
FROM_DEVICE = "d8482162-d38a-4f04-9485-e0127ffa947a"
"""The characteristic that notifies the central."""
SIZE_MIN, SIZE_MAX = 20, 512


class Gatt(Protocol):
    """What is used of bleak's object for a device."""

    @property
    def is_connected(self) -> bool:
        """Whether the device is there."""

    async def start_notify(self, characteristic: str, callback: Callable[[Any, bytearray], None]) -> None:
        """Calls back with the values that the device notifies."""

    async def write_gatt_char(self, characteristic: str, data: bytes, response: bool) -> None:
        """Writes a value."""

    async def disconnect(self) -> Any:
        """Leaves the device."""


class BleLink(Link):
    """One device, found by its address. Runs on a simulated GATT service in tests: BlueZ could not be tried here."""

    def __init__(self, name: str, gatt: Gatt, size: int) -> None:
        """`size` is the longest value that may be written, 20 to 512: the ATT MTU less 3."""
        self.name = f"ble:{name}"
        self._gatt = gatt
        self._fragmenter = Fragmenter(min(max(size, SIZE_MIN), SIZE_MAX))
        self._reassembler = Reassembler(MAX_FRAME, 1)
        self._queue = Queued()
        self._unsent = 0

    @classmethod
    async def open(cls, address: str, *, timeout: float = 20.0) -> BleLink:
        """The device at `address`. Raises MissingExtra, ConnectionError, TimeoutError."""
        try:
            import bleak
        except ImportError:
            raise MissingExtra("Bluetooth Low Energy", "bleak", "ble") from None
        made: List[BleLink] = []

        def gone(_: Any) -> None:
            for link in made:
                link.end()

        device = bleak.BleakClient(address, disconnected_callback=gone, services=[SERVICE], timeout=timeout)
        try:
            await device.connect()
            found = device.services.get_characteristic(TO_DEVICE)
            if found is None:
                await device.disconnect()
                raise ConnectionError(f"{address} does not offer the service {SERVICE}")
            made.append(cls(address, device, found.max_write_without_response_size))
            await made[0].start()
        except bleak.exc.BleakError as error:
            raise ConnectionError(f"{address}: {error}") from None
        return made[0]

    async def start(self) -> None:
        """Subscribe to what the device notifies."""
        await self._gatt.start_notify(FROM_DEVICE, self._notified)

    def _notified(self, _: Any, data: bytearray) -> None:
        frame = self._reassembler.feed(now_ms(), 0, bytes(data))
        if frame is not None:
            self._queue.put(frame)

    async def read(self) -> Optional[bytes]:
        return await self._queue.get()

    async def write(self, frame: bytes) -> None:
        for fragment in self._fragmenter.fragments(frame):
            try:
                await self._gatt.write_gatt_char(TO_DEVICE, fragment, response=False)
            except Exception as error:  # bleak has a class for each system
                if self._gatt.is_connected:
                    self._unsent += 1
                    return  # the system took no more values for a moment: the frame is lost, and the two ends repeat it
                self.end()
                raise ConnectionError(f"{self.name}: {error}") from None

    def end(self) -> None:
        """The device is gone."""
        self._queue.end()

    async def close(self) -> None:
        self.end()
        try:
            await self._gatt.disconnect()
        except Exception:  # as above: it is gone already
            return

    def counters(self) -> Counters:
        return Counters.of(self._reassembler.counters, refused=self._queue.refused + self._unsent)


__all__ = ["FROM_DEVICE", "SERVICE", "TO_DEVICE", "BleLink", "Gatt"]
