"""Links: what the base class promises, each adapter on a simulated bus, and what a missing package says."""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import socket
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest
from conftest import StartMosquitto, run, unavailable, until

from sealwire import Endpoint, Established, Identity, errors
from sealwire.broker import Broker
from sealwire.gateway import Gateway
from sealwire.hub import Hub
from sealwire.links import BleLink, CanBus, Counters, Ieee802154Bus, Link, MissingExtra, Rs485Bus, SerialLink, SpiLink, TcpLink
from sealwire.links import command
from sealwire.links.base import MAX_WAITING, Queued, now_ms
from sealwire.links.ble import FROM_DEVICE, TO_DEVICE
from sealwire.links.can import identifier_pairs
from sealwire.links.ieee802154 import pack_address, unpack_address
from sealwire.links.lines import StreamFraming, Streams, UartFraming
from sealwire.links.rs485 import bus_addresses
from sealwire.primitives import Fragmenter, IsoTp, Reassembler, Rs485Device, SpiExchange


class Pipe(Link):
    """Two queues: the device's side of a link that lives in this process."""

    name = "pipe"

    def __init__(self) -> None:
        self.up: "asyncio.Queue[Optional[bytes]]" = asyncio.Queue()
        self.down: "asyncio.Queue[bytes]" = asyncio.Queue()

    async def read(self) -> Optional[bytes]:
        return await self.up.get()

    async def write(self, frame: bytes) -> None:
        await self.down.put(frame)

    async def close(self) -> None:
        await self.up.put(None)


def test_a_link_of_ones_own(mosquitto: StartMosquitto, tmp_path: Path) -> None:
    """The gateway needs nothing but the base class."""
    hub_identity, own = Identity.generate("hub"), Identity.generate("w-1")
    broker = Broker("127.0.0.1", mosquitto().port)

    async def main() -> None:
        async with Hub(tmp_path / "hub.db", broker, realm="ward", identities=[hub_identity], peers=[own.credential]) as hub:
            gateway = Gateway(broker, realm="ward", hub="hub")
            await gateway.open()
            pipe = Pipe()
            attachment = gateway.attach(pipe)
            endpoint = Endpoint([(own.credential, own.key)], peers=[hub_identity.credential], inbox="w-1")
            endpoint.restore()
            endpoint.connect()
            session: Optional[int] = None
            while session is None:
                transmit = endpoint.poll_transmit()
                if transmit is not None:
                    await pipe.up.put(transmit.frame)
                    continue
                event = endpoint.poll_event() or endpoint.handle_frame(await asyncio.wait_for(pipe.down.get(), 10))
                if isinstance(event, Established):
                    session = event.session
            await pipe.up.put(endpoint.send(session, b"hello", topic="t", confirmable=True).frame)
            await until(lambda: [message.payload for message in hub.data.messages(topic="t")] == [b"hello"])
            assert attachment.inbox == "w-1" and attachment.link.counters() == Counters()
            await pipe.close()
            await until(lambda: not gateway.attachments)
            await gateway.close()

    run(main())


def test_a_missing_package_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("serial", "can", "spidev", "bleak"):
        monkeypatch.setitem(sys.modules, name, None)

    async def main() -> None:
        with pytest.raises(MissingExtra, match=r"pip install 'sealwire\[serial\]'"):
            SerialLink.open("/dev/null")
        with pytest.raises(MissingExtra, match=r"pip install 'sealwire\[can\]'"):
            CanBus.open("virtual", "x")
        with pytest.raises(MissingExtra, match=r"pip install 'sealwire\[spi\]'"):
            SpiLink.open("0.0")
        with pytest.raises(MissingExtra, match=r"pip install 'sealwire\[ble\]'"):
            await BleLink.open("C0:FF:EE:00:00:01")

    run(main())


def test_stream_framing() -> None:
    framing = StreamFraming(10)
    data = framing.encode(b"ab") + framing.encode(b"0123456789")
    assert [frame for byte in data for frame in framing.feed(bytes([byte]))] == [b"ab", b"0123456789"]
    for bad, counter in ((b"\0\0", "malformed"), (b"\0\x0b", "overlong")):
        framing = StreamFraming(10)
        assert framing.feed(framing.encode(b"ok") + bad + framing.encode(b"no")) == [b"ok"] and framing.ended
        assert framing.feed(b"any") == [] and getattr(framing.counters(), counter) == 1
    with pytest.raises(errors.InvalidArgument):
        framing.encode(b"")
    uart = UartFraming()
    assert uart.feed(uart.encode(b"frame") + b"\1noise\0") == [b"frame"] and uart.counters() == Counters(frames=1, malformed=1)


def test_a_stream_that_is_no_stream_ends() -> None:
    async def main() -> None:
        made: List[Link] = []
        listener, number = await TcpLink.listen("127.0.0.1", 0, made.append, framing="stream")
        device = await TcpLink.open("127.0.0.1", number, framing="stream")
        await device.write(b"good")
        await device.line.write(b"\0\0rest")
        await until(lambda: bool(made))
        assert await made[0].read() == b"good" and await made[0].read() is None and await made[0].read() is None
        assert made[0].counters() == Counters(frames=1, malformed=1)
        await device.close()
        await made[0].close()
        listener.close()
        with pytest.raises(errors.InvalidArgument):
            await TcpLink.open("127.0.0.1", number, framing="none")

    run(main())


def test_what_waits_to_be_read_is_bounded() -> None:
    async def main() -> None:
        queue = Queued()
        for index in range(MAX_WAITING + 3):
            queue.put(index.to_bytes(2, "big"))
        queue.end()
        assert queue.refused == 3 and queue.frames == MAX_WAITING
        got = []
        while True:
            frame = await queue.get()
            if frame is None:
                break
            got.append(frame)
        assert got == [index.to_bytes(2, "big") for index in range(MAX_WAITING)]

    run(main())


def test_closing_a_serial_link_ends_its_reader() -> None:
    async def main() -> None:
        link, _ = SerialLink.pty()
        reading = asyncio.get_running_loop().create_task(link.read())
        await asyncio.sleep(0.05)
        await link.close()
        assert await asyncio.wait_for(reading, 2) is None
        with pytest.raises(OSError):
            await link.write(b"late")

    run(main())


# ---- buses


async def next_frame(link: Link) -> Optional[bytes]:
    """What comes next, within 5 seconds."""
    return await asyncio.wait_for(link.read(), 5)


@pytest.mark.parametrize("fd", [False, True])
def test_two_devices_on_a_can_bus(fd: bool) -> None:
    """The gateway at one end of python-can's virtual bus, two devices at another."""
    try:
        import can
    except ImportError:
        unavailable("python-can is not installed")

    async def main() -> None:
        where = f"test-links-{fd}"
        bus = CanBus.open("virtual", where, fd=fd)
        wire = can.Bus(interface="virtual", channel=where)
        pairs = identifier_pairs("701:700,18da10f1:18daf110")
        links = [bus.link(*pair) for pair in pairs]
        with pytest.raises(errors.InvalidArgument):
            bus.link(*pairs[0])
        devices = {receives: IsoTp(fd=fd) for _, receives in pairs}
        got: Dict[int, List[bytes]] = {receives: [] for receives in devices}
        now = 0

        def flush(receives: int) -> None:
            transmits = next(each for each, other in pairs if other == receives)
            for data in devices[receives].transmit(now):
                wire.send(can.Message(arbitration_id=transmits, is_extended_id=transmits > 0x7FF, is_fd=fd, data=data))

        async def serve() -> None:
            nonlocal now
            while True:
                now += 1
                message = wire.recv(0)
                if message is not None:
                    assert message.is_extended_id == (message.arbitration_id > 0x7FF)
                    got[message.arbitration_id] += devices[message.arbitration_id].handle(now, bytes(message.data))
                for receives in devices:
                    flush(receives)
                await asyncio.sleep(0 if message is not None else 0.001)

        serving = asyncio.get_running_loop().create_task(serve())
        frames = [bytes([index]) * (1 + 90 * index) for index in range(8)]
        for frame in frames:
            await asyncio.wait_for(asyncio.gather(*(link.write(bytes([number]) + frame) for number, link in enumerate(links))), 5)
        await until(lambda: all(len(each) == len(frames) for each in got.values()))
        for number, (_, receives) in enumerate(pairs):
            assert got[receives] == [bytes([number]) + frame for frame in frames]
            devices[receives].send(b"up" * 100 + bytes([number]))
        for number, link in enumerate(links):
            assert await next_frame(link) == b"up" * 100 + bytes([number])
            assert link.counters() == Counters(frames=1)
        await links[0].close()
        assert await next_frame(links[0]) is None
        with pytest.raises(OSError):
            await links[0].write(b"late")
        serving.cancel()
        await bus.close()
        assert await next_frame(links[1]) is None
        wire.shutdown()

    run(main())


class Peripheral:
    """The shape of spidev's object, with a device that speaks the same exchange."""

    def __init__(self, block: int) -> None:
        self.exchange = SpiExchange(block)
        self.armed = self.exchange.transmit()
        self.got: List[bytes] = []
        self.closed = False
        self.broken = False

    def xfer2(self, data: List[int]) -> List[int]:
        if self.broken:
            raise OSError("no such device")
        answer = self.armed
        frame = self.exchange.handle(bytes(data))
        if frame is not None:
            self.got.append(frame)
        self.armed = self.exchange.transmit()
        return list(answer)

    def close(self) -> None:
        self.closed = True


def test_spi() -> None:
    async def main() -> None:
        device = Peripheral(32)
        ready = False
        link = SpiLink("simulated", device, block=32, interval_s=0.002, ready=lambda: ready)
        writing = asyncio.get_running_loop().create_task(link.write(b"down" * 30))
        await asyncio.sleep(0.05)
        assert not writing.done() and not device.got
        ready = True
        await asyncio.wait_for(writing, 5)
        await link.write(b"again")
        device.exchange.send(b"up" * 100)
        assert await next_frame(link) == b"up" * 100
        await until(lambda: device.got == [b"down" * 30, b"again"])
        assert link.counters() == Counters(frames=1)
        device.broken = True
        assert await next_frame(link) is None
        with pytest.raises(OSError):
            await link.write(b"late")
        await link.close()
        assert device.closed
        for where in ("0", "a.b", ".1"):
            with pytest.raises(errors.InvalidArgument):
                SpiLink.open(where)

    run(main())


class Peripherals:
    """The shape of the radio's socket: what is put in `air` has been received."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ours.setblocking(False)
        self.sent: List[Tuple[bytes, int, int]] = []

    def fileno(self) -> int:
        return self._ours.fileno()

    def arrive(self, data: bytes, pan: int, device: int) -> None:
        self._theirs.send(pan.to_bytes(2, "big") + device.to_bytes(8, "big") + data)

    def receive(self) -> Tuple[bytes, int, int]:
        data = self._ours.recv(1000)
        return data[10:], int.from_bytes(data[:2], "big"), int.from_bytes(data[2:10], "big")

    def send(self, data: bytes, pan: int, device: int) -> None:
        self.sent.append((data, pan, device))

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


def test_devices_in_reach_become_links() -> None:
    async def main() -> None:
        radio = Peripherals()
        links: List[Link] = []
        bus = Ieee802154Bus(radio, "wpan0", 0xBEEF, links.append)
        bus._max_devices = 2
        frames = {device: bytes([device]) * 200 for device in (1, 2, 3)}
        pieces = {device: Fragmenter(81).fragments(frame) for device, frame in frames.items()}
        radio.arrive(pieces[1][0], 0xDEAD, 1)  # another PAN
        for number in range(len(pieces[1])):
            for device in (1, 2):
                radio.arrive(pieces[device][number], 0xBEEF, device)
        await until(lambda: len(links) == 2)
        assert [await next_frame(link) for link in links] == [frames[1], frames[2]]
        await links[0].write(b"down" * 50)
        back = Reassembler(1000, 1)
        assert [back.feed(0, 0, data) for data, _, _ in radio.sent][-1] == b"down" * 50
        assert {(pan, device) for _, pan, device in radio.sent} == {(0xBEEF, 1)} and all(len(data) <= 81 for data, _, _ in radio.sent)
        # The first one is heard again; so the second makes way for a third.
        for piece in Fragmenter(81).fragments(b"one more"):
            radio.arrive(piece, 0xBEEF, 1)
        for piece in pieces[3]:
            radio.arrive(piece, 0xBEEF, 3)
        await until(lambda: len(links) == 3)
        assert await next_frame(links[0]) == b"one more" and await next_frame(links[2]) == frames[3] and await next_frame(links[1]) is None
        radio.arrive(b"\xff", 0xBEEF, 3)
        await until(lambda: bus.counters() == Counters(frames=4, malformed=1))
        await bus.close()
        assert await next_frame(links[0]) is None
        with pytest.raises(OSError):
            await links[0].write(b"late")

    run(main())


def test_addresses_of_802154() -> None:
    """The layout of the kernel's struct sockaddr_ieee802154: family, kind, PAN, address."""
    assert pack_address(0xBEEF, 0x0102) == b"\x24\0" + b"\0\0" + b"\2\0\0\0" + b"\xef\xbe" + b"\2\1" + bytes(8)
    extended = 0x0011223344556677
    assert pack_address(1, extended) == b"\x24\0" + b"\0\0" + b"\3\0\0\0" + b"\1\0" + extended.to_bytes(8, "big") + bytes(2)
    for device in (0x0102, extended):
        assert unpack_address(pack_address(7, device)) == (7, device)
    with pytest.raises(errors.InvalidArgument):
        unpack_address(b"short")


class Notifier:
    """The shape of bleak's object."""

    def __init__(self) -> None:
        self.written: List[Tuple[str, bytes]] = []
        self.notify: Optional[Callable[[Any, bytearray], None]] = None
        self.broken = self.busy = False

    @property
    def is_connected(self) -> bool:
        return not self.broken

    async def start_notify(self, characteristic: str, callback: Callable[[Any, bytearray], None]) -> None:
        assert characteristic == FROM_DEVICE
        self.notify = callback

    async def write_gatt_char(self, characteristic: str, data: bytes, response: bool) -> None:
        if self.broken or self.busy:
            raise EOFError("out of reach")
        assert not response
        self.written.append((characteristic, data))

    async def disconnect(self) -> None:
        self.broken = True


def test_ble() -> None:
    """Frames in values of 20 bytes. The adapter under bleak and a BlueZ that is simulated is a row of tests/links/matrix.py."""

    async def main() -> None:
        gatt = Notifier()
        link = BleLink("device", gatt, 20)
        await link.start()
        await link.write(b"d" * 100)
        back = Reassembler(1000, 1)
        assert [back.feed(0, 0, data) for _, data in gatt.written][-1] == b"d" * 100
        assert {name for name, _ in gatt.written} == {TO_DEVICE} and max(len(data) for _, data in gatt.written) == 20
        assert gatt.notify is not None
        for piece in Fragmenter(20).fragments(b"u" * 100):
            gatt.notify(None, bytearray(piece))
        assert await next_frame(link) == b"u" * 100 and link.counters() == Counters(frames=1)
        gatt.busy = True
        await link.write(b"lost")
        assert link.counters() == Counters(frames=1, refused=1)
        gatt.broken = True
        with pytest.raises(ConnectionError):
            await link.write(b"late")
        assert await next_frame(link) is None
        await link.close()

    run(main())


def test_rs485_devices_speak_in_turn() -> None:
    """Two devices on one line; one address stays silent."""

    async def main() -> None:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        links: List[Link] = []
        bus = Rs485Bus(Streams("bus", reader, writer), [1, 2, 9], links.append, interval_s=0.002, window_ms=10, retries=1)
        devices = {address: Rs485Device(address, window_ms=1000) for address in (1, 2)}
        got: Dict[int, List[bytes]] = {1: [], 2: []}
        loop = asyncio.get_running_loop()
        theirs.setblocking(False)

        async def serve() -> None:
            while True:
                data = await loop.sock_recv(theirs, 4096)
                if not data:
                    return
                for address, device in devices.items():
                    got[address] += device.handle(now_ms(), data)
                await asyncio.sleep(0.002)
                for device in devices.values():
                    answer = device.transmit(now_ms())
                    if answer is not None:
                        await loop.sock_sendall(theirs, answer)

        serving = loop.create_task(serve())
        devices[1].send(b"from 1")
        devices[2].send(b"from 2")
        await asyncio.wait_for(asyncio.gather(links[0].write(b"to 1"), links[1].write(b"to 2"), links[2].write(b"to nobody")), 10)
        assert [await next_frame(link) for link in links[:2]] == [b"from 1", b"from 2"]
        assert got == {1: [b"to 1"], 2: [b"to 2"]} and bus.counters().expired >= 1
        with pytest.raises(errors.InvalidArgument):
            await links[0].write(bytes(1025))
        serving.cancel()
        theirs.close()
        assert await next_frame(links[2]) is None
        with pytest.raises(OSError):
            await links[0].write(b"late")
        await bus.close()
        for text in ("1,a", ""):
            with pytest.raises(errors.InvalidArgument):
                bus_addresses(text)
        for addresses in ([], [0], [1, 1], [128]):
            with pytest.raises(errors.InvalidArgument):
                Rs485Bus(Streams("bus", reader, writer), addresses, links.append)

    run(main())


def options(*arguments: str) -> argparse.Namespace:
    """As `sealwire gateway` parses them."""
    parser = argparse.ArgumentParser()
    command.add_options(parser)
    return parser.parse_args([*arguments])


def test_links_from_the_command_line() -> None:
    async def main() -> None:
        made: List[Link] = []
        for arguments, text in (
            (["--can", "test", "--can-interface", "virtual"], "--can-ids"),
            (["--can", "test", "--can-interface", "virtual", "--can-ids", "701"], "RX:TX"),
            (["--802154", "wpan0"], "--pan"),
            (["--pty", "--rs485", "1"], "--serial"),
            (["--spi", "0"], "BUS.DEVICE"),
            (["--serial", "/dev/null", "--rs485", "1,2", "--inbox", "a"], "one device"),
            (["--listen", "nonsense"], "HOST:PORT"),
        ):
            asked = options(*[each for each in arguments if each not in ("--inbox", "a")])
            asked.inbox = "a" if "--inbox" in arguments else None
            with pytest.raises(errors.InvalidArgument, match=text):
                await command.open_links(asked, made.append)
        for arguments in (["--ethernet", "does-not-exist"], ["--serial", "/dev/does-not-exist"], ["--802154", "none", "--pan", "0xbeef"]):
            asked = options(*arguments)
            asked.inbox = None
            with pytest.raises(OSError):
                await command.open_links(asked, made.append)
        assert not made
        asked = options("--can", "test-command", "--can-interface", "virtual", "--can-ids", "701:700,703:702")
        asked.inbox = None
        source = await command.open_links(asked, made.append)
        assert [link.name for link in made] == ["test-command:701:700", "test-command:703:702"] and not source.makes_more
        await source.close()
        assert [await next_frame(link) for link in made] == [None, None]

    run(main())


@pytest.mark.parametrize(
    "number, helps",
    [
        (errno.EAFNOSUPPORT, "modprobe can_raw"),
        (errno.EPROTONOSUPPORT, "CONFIG_CAN_RAW"),
        (errno.ENODEV, "ip link add can7 type vcan"),
        (errno.ENETDOWN, "ip link set can7 up"),
        (errno.EMFILE, ""),
    ],
)
def test_a_can_interface_that_does_not_open_says_what_helps(number: int, helps: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for each answer of a kernel, whatever the one below has."""
    try:
        import can
    except ImportError:
        unavailable("python-can is not installed")

    def refuses(**settings: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(can, "Bus", refuses)
    with pytest.raises(OSError) as refused:
        CanBus.open("socketcan", "can7")
    told = refused.value
    assert told.errno == number and told.filename == "CAN can7" and str(told.strerror).startswith(os.strerror(number)) and helps in str(told.strerror)
    assert isinstance(told.__cause__, OSError) and told.__cause__.errno == number


def test_a_can_interface_that_is_not_there() -> None:
    """By this kernel, with CAN or without."""
    try:
        import can  # noqa: F401
    except ImportError:
        unavailable("python-can is not installed")
    with pytest.raises(OSError, match="CAN does-not-exist") as refused:
        CanBus.open("socketcan", "does-not-exist")
    assert refused.value.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ENODEV) and "modprobe" in str(refused.value)


def test_the_adapters_use_what_the_packages_have() -> None:
    """Against the packages themselves, where they are installed: the simulations above have the same shape."""
    import inspect

    try:
        import bleak
    except ImportError:
        unavailable("bleak is not installed")
    for name in ("start_notify", "write_gatt_char", "disconnect"):
        theirs = list(inspect.signature(getattr(bleak.BleakClient, name)).parameters)
        ours = list(inspect.signature(getattr(Notifier, name)).parameters)
        assert len(theirs) >= len(ours)
    assert "response" in inspect.signature(bleak.BleakClient.write_gatt_char).parameters
