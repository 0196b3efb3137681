"""The rows of the matrix: for each link a simulated bus, and the gateway's adapter on it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import socket
import struct
import tempfile
from dataclasses import dataclass
from typing import Awaitable, Callable, Dict, List, Tuple

from buses import Bus, Loss, StreamLine, UartLine, device_socket
from sealwire.links import Accepted, BleLink, CanBus, EthernetBus, Ieee802154Bus, Rs485Bus, SerialLink, SpiLink, TcpLink

BLE_SIZE = 20
SPI_BLOCK = 64
RADIO_SIZE = 81
DEVICE_MAC = bytes.fromhex("020000000001")

Closer = Callable[[], Awaitable[None]]
Opened = Tuple[socket.socket, Closer]


class Unavailable(Exception):
    """The row cannot run on this system, and why."""


@dataclass(frozen=True)
class Row:
    """One link."""

    mtu: int
    """Most bytes that one frame of the link carries."""
    adapter: str
    open: Callable[[Loss, Accepted], Awaitable[Opened]]
    """Sets the link up; gives the device's socket, and how to end it."""
    rate: int = 0
    """Records in a second; 0: as fast as they are acknowledged. Below what the link carries, else repetitions queue behind what they repeat."""
    resend_ms: int = 120
    """Before a record that is not acknowledged is sent again; above the time that the link takes both ways."""
    retry_ms: int = 150
    """Before a handshake message goes out again."""
    samples: int = 20
    """In each record, two bytes each. A record of which one piece in a dozen is lost hardly ever arrives: where frames are short, so are records."""


async def uart(loss: Loss, accepted: Accepted) -> Opened:
    """pyserial on a pseudo-terminal."""
    ours, theirs = device_socket(socket.SOCK_STREAM)
    master, slave = os.openpty()
    accepted(SerialLink.open(os.ttyname(slave)))
    line = UartLine(loss, ours.fileno(), master)

    async def close() -> None:
        line.close()
        os.close(master)
        os.close(slave)
        ours.close()

    return theirs, close


async def rs485(loss: Loss, accepted: Accepted) -> Opened:
    """The same with the gateway as the controller of a bus that it polls."""
    ours, theirs = device_socket(socket.SOCK_STREAM)
    master, slave = os.openpty()
    bus = Rs485Bus.open(os.ttyname(slave), [1], accepted, baud=1_000_000)
    line = UartLine(loss, ours.fileno(), master)

    async def close() -> None:
        line.close()
        await bus.close()
        os.close(master)
        os.close(slave)
        ours.close()

    return theirs, close


async def stream(loss: Loss, accepted: Accepted) -> Opened:
    """The gateway connects by TCP to something between it and the device that loses frames."""
    ours, theirs = device_socket(socket.SOCK_STREAM)
    device = await asyncio.open_connection(sock=ours)
    line = StreamLine(loss)

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.gather(line.carry(reader, device[1]), line.carry(device[0], writer))

    listener = await asyncio.start_server(take, "127.0.0.1", 0)
    accepted(await TcpLink.open("127.0.0.1", listener.sockets[0].getsockname()[1], framing="stream"))

    async def close() -> None:
        listener.close()
        device[1].close()

    return theirs, close


def can(fd: bool) -> Callable[[Loss, Accepted], Awaitable[Opened]]:
    """The gateway and the harness at two ends of python-can's virtual bus."""

    async def start(loss: Loss, accepted: Accepted) -> Opened:
        import can as python_can

        ours, theirs = device_socket(socket.SOCK_SEQPACKET)
        where = f"links-{os.getpid()}"
        wire = python_can.Bus(interface="virtual", channel=where)
        adapter = CanBus.open("virtual", where, fd=fd, timeout_ms=30)
        accepted(adapter.link(0x701, 0x700))

        def to_adapter(data: bytes) -> None:
            wire.send(python_can.Message(arbitration_id=0x701, is_extended_id=False, is_fd=fd, data=data))

        bus = Bus(loss, ours, to_adapter)
        notifier = python_can.Notifier(wire, [lambda message: bus.to_device(bytes(message.data))], 0.1, asyncio.get_running_loop())

        async def close() -> None:
            bus.close()
            notifier.stop()
            wire.shutdown()
            await adapter.close()
            ours.close()

        return theirs, close

    return start


class Tap:
    """A TAP interface: what is sent on it comes out of a descriptor, and the other way round."""

    def __init__(self) -> None:
        self.name = f"sealwire{os.getpid() % 10_000}"
        try:
            self.descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        except OSError as error:
            raise Unavailable(f"no TAP interface: {error}") from None
        try:
            fcntl.ioctl(self.descriptor, 0x400454CA, struct.pack("16sH22x", self.name.encode(), 0x1002))  # TUNSETIFF: IFF_TAP | IFF_NO_PI
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                fcntl.ioctl(asking, 0x8914, struct.pack("16sH22x", self.name.encode(), 1))  # SIOCSIFFLAGS: IFF_UP
        except OSError as error:
            os.close(self.descriptor)
            raise Unavailable(f"no TAP interface: {error}") from None

    def read(self) -> bytes:
        """A frame that the system sent, or nothing."""
        try:
            return os.read(self.descriptor, 2048)
        except BlockingIOError:
            return b""


async def ethernet(loss: Loss, accepted: Accepted) -> Opened:
    """Raw sockets on a TAP interface; the harness is the wire."""
    tap = Tap()
    ours, theirs = device_socket(socket.SOCK_SEQPACKET)
    loop = asyncio.get_running_loop()
    adapter = EthernetBus(tap.name, accepted)
    bus = Bus(loss, ours, lambda data: os.write(tap.descriptor, data))

    def from_adapter() -> None:
        frame = tap.read()
        # The system says things of its own on a new interface.
        if frame[:6] == DEVICE_MAC:
            bus.to_device(frame)

    loop.add_reader(tap.descriptor, from_adapter)

    async def close() -> None:
        bus.close()
        await adapter.close()
        loop.remove_reader(tap.descriptor)
        os.close(tap.descriptor)
        ours.close()

    return theirs, close


async def ble(loss: Loss, accepted: Accepted) -> Opened:
    """bleak, which takes what answers on the system bus for BlueZ; the shortest values that there are."""
    if shutil.which("dbus-daemon") is None:
        raise Unavailable("dbus-daemon is not installed")
    from bluez import ADDRESS, Simulated

    ours, theirs = device_socket(socket.SOCK_SEQPACKET)
    folder = tempfile.TemporaryDirectory()
    bluez = Simulated(lambda value: bus.to_device(value), BLE_SIZE + 3)
    bus = Bus(loss, ours, bluez.notify)

    async def close() -> None:
        bus.close()
        await bluez.close()
        ours.close()
        folder.cleanup()

    try:
        await bluez.open(folder.name)
        accepted(await BleLink.open(ADDRESS))
    except BaseException:
        await close()
        raise
    return theirs, close


class FakeRadio:
    """Frames with addresses in front, as the kernel's sockets give them."""

    def __init__(self, loss: Loss, device: socket.socket) -> None:
        self._loss = loss
        self._device = device

    def fileno(self) -> int:
        return self._device.fileno()

    def receive(self) -> Tuple[bytes, int, int]:
        while True:
            data = self._device.recv(RADIO_SIZE + 1)
            if not data:
                raise ConnectionResetError("the device is gone")
            if not self._loss.takes() and len(data) <= RADIO_SIZE:
                return data, 0xBEEF, 0x0001

    def send(self, data: bytes, pan: int, device: int) -> None:
        assert (pan, device) == (0xBEEF, 0x0001) and len(data) <= RADIO_SIZE
        if not self._loss.takes():
            self._device.send(data)

    def close(self) -> None:
        self._device.close()


async def ieee802154(loss: Loss, accepted: Accepted) -> Opened:
    """Sockets that behave as AF_IEEE802154 does."""
    ours, theirs = device_socket(socket.SOCK_SEQPACKET)
    adapter = Ieee802154Bus(FakeRadio(loss, ours), "simulated", 0xBEEF, accepted)
    return theirs, adapter.close


class FakeSpi:
    """The shape of spidev's object: the device's answer to each block is the block that it had armed before."""

    def __init__(self, loss: Loss, device: socket.socket) -> None:
        self._loss = loss
        self._device = device
        self._device.setblocking(True)
        self._device.settimeout(2)

    def xfer2(self, data: List[int]) -> List[int]:
        silent = [0xFF] * len(data)
        if self._loss.takes():
            return silent  # the device has not seen it
        try:
            self._device.send(bytes(data))
            answer = self._device.recv(SPI_BLOCK)
        except OSError:
            return silent
        return silent if self._loss.takes() else list(answer)

    def close(self) -> None:
        self._device.close()


async def spi(loss: Loss, accepted: Accepted) -> Opened:
    """A controller that asks every millisecond."""
    ours, theirs = device_socket(socket.SOCK_SEQPACKET)
    accepted(SpiLink("simulated", FakeSpi(loss, ours), block=SPI_BLOCK, interval_s=0.001))

    async def close() -> None:
        ours.close()

    return theirs, close


ROWS: Dict[str, Row] = {
    "uart": Row(65_535, "SerialLink, pyserial on a pty", uart),
    "rs485": Row(1024, "Rs485Bus, pyserial on a pty", rs485, 100, 800),
    "stream": Row(65_535, "TcpLink", stream),
    "spi": Row(SPI_BLOCK, "SpiLink, simulated spidev", spi),
    "can": Row(8, "CanBus, python-can virtual", can(fd=False), 100, 80, 40, 2),
    "canfd": Row(64, "CanBus, python-can virtual", can(fd=True), 100, 80),
    "ble": Row(BLE_SIZE, "BleLink, bleak, simulated BlueZ", ble, 100, 120, 100, 8),
    "ieee802154": Row(RADIO_SIZE, "Ieee802154Bus, simulated radio", ieee802154),
    "ethernet": Row(1514, "EthernetBus, AF_PACKET on TAP", ethernet),
}
