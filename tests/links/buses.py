"""Simulated links that lose frames: what lies between the C device's socket and the gateway's adapter."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from typing import Callable, Tuple


class Loss:
    """Which frames of a link get lost: a share of them, decided by a seed. Counts both."""

    def __init__(self, share: float, seed: int) -> None:
        self._share = share
        self._random = random.Random(seed)
        self.frames = 0
        self.lost = 0

    def takes(self) -> bool:
        """Whether the next frame is lost."""
        self.frames += 1
        if self._random.random() >= self._share:
            return False
        self.lost += 1
        return True

    def spoils(self, block: bytes) -> bytes:
        """A block of a byte line, or what is left of it: nothing, a part, or with one byte changed (never into or from zero)."""
        if not self.takes():
            return block
        way = self._random.randrange(3)
        place = self._random.randrange(len(block))
        if way == 0:
            return b""
        if way == 1:
            return block[:place]
        return block[:place] + bytes([block[place] % 255 + 1]) + block[place + 1 :]


def device_socket(kind: int) -> Tuple[socket.socket, socket.socket]:
    """A pair of sockets: one for the harness, which does not wait, and one for the device's process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    ours.setblocking(False)
    # A device that writes a burst must not wait for a harness that waits for the device.
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    theirs.set_inheritable(True)
    return ours, theirs


class UartLine:
    """Bytes between two descriptors. Between zero bytes stands a block; some blocks are lost or damaged."""

    def __init__(self, loss: Loss, device: int, adapter: int) -> None:
        self._loss = loss
        loop = asyncio.get_running_loop()
        os.set_blocking(adapter, False)
        os.set_blocking(device, False)
        self._tasks = [loop.create_task(self._carry(device, adapter)), loop.create_task(self._carry(adapter, device))]

    async def _carry(self, source: int, sink: int) -> None:
        pending = bytearray()
        while True:
            data = await _ready(source, os.read)
            if not data:
                return
            pending += data
            out = bytearray()
            while True:
                block, zero, rest = pending.partition(b"\0")
                if not zero:
                    break
                out += (self._loss.spoils(bytes(block)) if block else b"") + b"\0"
                pending = rest
            await _write(sink, bytes(out))

    def close(self) -> None:
        """Stop."""
        for task in self._tasks:
            task.cancel()


class StreamLine:
    """Bytes between two asyncio streams; each frame stands behind its length, and some are left out whole."""

    def __init__(self, loss: Loss) -> None:
        self._loss = loss

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction, until its end."""
        try:
            while True:
                head = await reader.readexactly(2)
                frame = await reader.readexactly(int.from_bytes(head, "big"))
                if not self._loss.takes():
                    writer.write(head + frame)
                    await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            writer.close()


class Bus:
    """Frames between the device's socket and an adapter; some are lost, in either direction."""

    def __init__(self, loss: Loss, device: socket.socket, to_adapter: Callable[[bytes], object]) -> None:
        self._loss = loss
        self._device = device
        self._to_adapter = to_adapter
        asyncio.get_running_loop().add_reader(device.fileno(), self._from_device)

    def _from_device(self) -> None:
        try:
            data = self._device.recv(65536)
        except BlockingIOError:
            return
        if not data:
            self.close()
        elif not self._loss.takes():
            self._to_adapter(data)

    def to_device(self, data: bytes) -> None:
        """From the adapter."""
        if self._loss.takes():
            return
        try:
            self._device.send(data)
        except BlockingIOError:
            self._loss.lost += 1  # the device does not keep up

    def close(self) -> None:
        """Stop."""
        asyncio.get_running_loop().remove_reader(self._device.fileno())


async def _ready(descriptor: int, read: Callable[[int, int], bytes]) -> bytes:
    loop = asyncio.get_running_loop()
    while True:
        waiting: asyncio.Future[None] = loop.create_future()
        loop.add_reader(descriptor, waiting.set_result, None)
        try:
            await waiting
        finally:
            loop.remove_reader(descriptor)
        try:
            return read(descriptor, 65536)
        except BlockingIOError:
            continue
        except OSError:
            return b""


async def _write(descriptor: int, data: bytes) -> None:
    loop = asyncio.get_running_loop()
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            waiting: asyncio.Future[None] = loop.create_future()
            loop.add_writer(descriptor, waiting.set_result, None)
            try:
                await waiting
            finally:
                loop.remove_writer(descriptor)
