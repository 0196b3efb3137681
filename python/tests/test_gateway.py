"""The gateway between simulated serial lines (TCP, pseudo-terminal) and a real broker."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tty
from pathlib import Path
from typing import List, Optional, Tuple

import pytest
from conftest import StartMosquitto, run, unavailable, until

from sealwire import Endpoint, Established, Identity, errors, frames
from sealwire.broker import Broker
from sealwire.gateway import Attachment, Gateway
from sealwire.hub import Hub
from sealwire.links import Link, SerialLink, TcpLink, split_address
from sealwire.links.lines import Descriptor, LineLink, UartFraming

REALM = "clinic"


class Device:
    """A device on a byte link: an endpoint driven by hand."""

    def __init__(self, own: Identity, hub: Identity, link: Link) -> None:
        self.endpoint = Endpoint([(own.credential, own.key)], peers=[hub.credential], inbox=own.name, resend_interval_ms=500)
        self.endpoint.restore()
        self.link = link
        self.session: Optional[int] = None
        self.handshake_frames: List[int] = []

    async def flush(self) -> None:
        while True:
            event = self.endpoint.poll_event()
            if event is None:
                break
            if isinstance(event, Established):
                self.session = event.session
        while True:
            transmit = self.endpoint.poll_transmit()
            if transmit is None:
                return
            await self.link.write(transmit.frame)

    async def receive(self) -> None:
        loop = asyncio.get_running_loop()
        reading = loop.create_task(self.link.read())
        try:
            while True:
                await asyncio.wait([reading], timeout=0.05)
                if reading.done():
                    frame = reading.result()
                    if frame is None:
                        return
                    reading = loop.create_task(self.link.read())
                    try:
                        self.endpoint.handle_frame(frame)
                    except errors.SealwireError:
                        pass
                self.endpoint.handle_timeout()
                await self.flush()
        finally:
            reading.cancel()

    async def send(self, payload: bytes) -> None:
        assert self.session is not None
        sent = self.endpoint.send(self.session, payload, topic="n", confirmable=True)
        await self.link.write(sent.frame)


async def stream(device: Device, hub: Hub) -> None:
    receiving = asyncio.get_running_loop().create_task(device.receive())
    device.endpoint.connect()
    await device.flush()
    await until(lambda: device.session is not None)
    assert isinstance(device.link, LineLink)
    await device.link.line.write(b"\x05noise\x00\x00\x00")
    for index in range(30):
        await device.send(b"%d" % index)
    await until(lambda: len(list(hub.data.messages(topic="n"))) == 30)
    session = device.session
    assert session is not None
    await until(lambda: device.endpoint.session(session).unacknowledged == 0)
    receiving.cancel()
    await asyncio.gather(receiving, return_exceptions=True)


@pytest.mark.parametrize("inbox", [None, "wearable-1"])
@pytest.mark.parametrize("line", ["tcp", "pty"])
def test_device_behind_a_gateway(mosquitto: StartMosquitto, tmp_path: Path, line: str, inbox: Optional[str]) -> None:
    hub_identity, own = Identity.generate("hub"), Identity.generate("wearable-1")
    broker = Broker("127.0.0.1", mosquitto().port)
    carried: List[Tuple[str, bytes]] = []

    async def main() -> None:
        async with Hub(tmp_path / "hub.db", broker, realm=REALM, identities=[hub_identity], peers=[own.credential]) as hub:
            gateway = Gateway(
                broker, realm=REALM, hub="hub", observer=lambda direction, _, frame: carried.append((direction, frame))
            )
            await gateway.open()
            attached: List[Attachment] = []
            if line == "tcp":
                listener, number = await TcpLink.listen("127.0.0.1", 0, lambda made: attached.append(gateway.attach(made, inbox)))
                link: LineLink = await TcpLink.open("127.0.0.1", number)
                await stream(Device(own, hub_identity, link), hub)
                listener.close()
            else:
                ours, path = SerialLink.pty()
                attached.append(gateway.attach(ours, inbox))
                descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
                tty.setraw(descriptor)
                link = LineLink(Descriptor(path, descriptor, lambda: os.close(descriptor)), UartFraming())
                await stream(Device(own, hub_identity, link), hub)
            assert attached[0].inbox == "wearable-1" and attached[0].link.counters().malformed == 1
            await link.close()
            await gateway.close()

    run(main())
    everything = b"".join(frame for _, frame in carried)
    assert b"29" not in [frame for _, frame in carried] and len(everything) > 1_000
    kinds = [frames.type_name(frame) for direction, frame in carried if direction == "up"]
    assert kinds[0] == "message_1" and kinds.count("record") >= 30


def test_two_devices_and_one_that_leaves(mosquitto: StartMosquitto, tmp_path: Path) -> None:
    hub_identity = Identity.generate("hub")
    owns = [Identity.generate("a"), Identity.generate("b")]
    broker = Broker("127.0.0.1", mosquitto().port)

    async def main() -> None:
        credentials = [own.credential for own in owns]
        async with Hub(tmp_path / "hub.db", broker, realm=REALM, identities=[hub_identity], peers=credentials) as hub:
            gateway = Gateway(broker, realm=REALM, hub="hub")
            await gateway.open()
            listener, number = await TcpLink.listen("127.0.0.1", 0, gateway.attach)
            devices = [Device(own, hub_identity, await TcpLink.open("127.0.0.1", number)) for own in owns]
            receiving = [asyncio.get_running_loop().create_task(device.receive()) for device in devices]
            for device in devices:
                device.endpoint.connect()
                await device.flush()
            await until(lambda: all(device.session is not None for device in devices))
            for device in devices:
                await device.send(b"1")
            await until(lambda: len(list(hub.data.messages(topic="n"))) == 2)
            receiving[0].cancel()
            await devices[0].link.close()
            await until(lambda: len(gateway.attachments) == 1)
            await devices[1].send(b"2")
            await until(lambda: len(list(hub.data.messages(topic="n"))) == 3)
            receiving[1].cancel()
            await asyncio.gather(*receiving, return_exceptions=True)
            listener.close()
            await gateway.close()

    run(main())


def test_command_line_gateway_with_a_device_program(mosquitto: StartMosquitto, tmp_path: Path) -> None:
    """`sealwire gateway --pty` and the wearable of the demonstration, each in a process of its own."""
    import json

    hub_identity, own = Identity.generate("hub"), Identity.generate("wearable-1")
    hub_identity.save(tmp_path / "hub")
    own.save(tmp_path / "own")
    recording = tmp_path / "samples"
    recording.write_bytes(os.urandom(2 * 900))
    port = mosquitto().port

    async def main() -> None:
        broker = Broker("127.0.0.1", port)
        async with Hub(tmp_path / "hub.db", broker, realm=REALM, identities=[hub_identity], peers=[own.credential]) as hub:
            gateway = subprocess.Popen(
                [
                    *(sys.executable, "-m", "sealwire.cli", "gateway", "--pty", "--json"),
                    *("--broker", f"mqtt://127.0.0.1:{port}", "--realm", REALM),
                ],
                stdout=subprocess.PIPE,
                text=True,
            )
            try:
                assert gateway.stdout is not None
                ready = await asyncio.get_running_loop().run_in_executor(None, gateway.stdout.readline)
                path = json.loads(ready)["port"]
                wearable = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "sealwire.demo.wearable", "--port", path, "--rate", "50"),
                    *("--key", f"{tmp_path}/own.key", "--credential", f"{tmp_path}/own.cred", "--peer", f"{tmp_path}/hub.cred"),
                    *("--inbox", "wearable-1", "--data", str(recording)),
                    stderr=subprocess.PIPE,
                )
                _, log = await wearable.communicate()
                assert wearable.returncode == 0, log.decode()
            finally:
                gateway.terminate()
                gateway.wait(10)
            got = b"".join(message.payload[4:] for message in hub.data.messages(topic="ecg"))
            assert got == recording.read_bytes()

    run(main())


def test_inbox_names() -> None:
    assert frames.valid_inbox("wearable-1") and not frames.valid_inbox("Wearable") and not frames.valid_inbox("a" * 17)
    own = Identity.generate("w")
    device = Endpoint([(own.credential, own.key)], inbox="w-1")
    device.restore()
    device.connect()
    transmit = device.poll_transmit()
    assert transmit is not None and frames.inbox_of_message_1(transmit.frame) == "w-1"
    assert frames.inbox_of_message_1(transmit.frame[:-1]) is None
    for junk in (b"", b"\x01", b"\x01\xff", b"\x02abc", b"\x01\x03\x04\x58"):
        assert frames.inbox_of_message_1(junk) is None


def test_serial_needs_a_port() -> None:
    try:
        import serial  # noqa: F401
    except ImportError:
        unavailable("pyserial is not installed")
    with pytest.raises(OSError):
        SerialLink.open("/dev/does-not-exist", 115200)
    with pytest.raises(errors.InvalidArgument):
        split_address("nonsense")
    assert split_address("[::1]:99") == ("::1", 99)


def test_devices_that_come_and_go_leave_nothing_behind(mosquitto: StartMosquitto) -> None:
    broker = Broker("127.0.0.1", mosquitto().port)

    async def main() -> None:
        gateway = Gateway(broker, realm=REALM, hub="hub")
        await gateway.open()
        attached: List[Attachment] = []
        listener, number = await TcpLink.listen("127.0.0.1", 0, lambda link: attached.append(gateway.attach(link)))
        for index in range(20):
            own = Identity.generate(f"device-{index}")
            device = Endpoint([(own.credential, own.key)], inbox=own.name)
            device.connect()
            first = device.poll_transmit()
            assert first is not None
            link = await TcpLink.open("127.0.0.1", number)
            await link.write(first.frame)
            await until(lambda: len(attached) == index + 1 and attached[index].inbox == own.name)
            await link.close()
            await until(lambda: not gateway.attachments)
        await until(lambda: not gateway._tasks, 5)
        assert gateway._wire is not None and not gateway._wire._filters
        assert len(asyncio.all_tasks()) <= 2
        listener.close()
        await gateway.close()

    run(main())
