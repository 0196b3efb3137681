"""What a link does beside the stream: signing identities, why no session comes up, a broker that is not there, leaving."""

from __future__ import annotations

import time

import pytest
from conftest import StartMosquitto, run
from mosquitto import free_port

from sealwire import Identity, errors
from sealwire.mqtt import Link, Message

REALM = "plant7"


@pytest.mark.parametrize("method,device,backend", [(0, "Ed25519", "Ed25519"), (1, "ES256", "P-256"), (2, "X25519", "Ed25519")])
def test_identities_that_sign(mosquitto: StartMosquitto, method: int, device: str, backend: str) -> None:
    broker = mosquitto()
    sensor, hub = Identity.generate("sensor", curve=device), Identity.generate("hub", curve=backend)

    async def story() -> None:
        address = f"mqtt://127.0.0.1:{broker.port}"
        async with Link.of(hub, address, realm=REALM, peers=[sensor.credential]) as at_hub:
            async with Link.of(sensor, address, realm=REALM, peers=[hub.credential], method=method) as at_sensor:
                session = await at_sensor.connect("hub")
                receipt = await session.send("report", b"signed in")
                async for message in at_hub.messages():
                    assert (message.payload, message.peer) == (b"signed in", sensor.thumbprint)
                    message.commit()
                    break
                await receipt.wait(10)

    run(story())


def test_connect_tells_why_an_answer_was_refused(mosquitto: StartMosquitto) -> None:
    broker = mosquitto()
    sensor, hub = Identity.generate("sensor"), Identity.generate("hub")

    async def story() -> None:
        address = f"mqtt://127.0.0.1:{broker.port}"
        async with Link.of(hub, address, realm=REALM, peers=[sensor.credential]):
            # The device was not given the hub's credential.
            async with Link.of(sensor, address, realm=REALM) as at_sensor:
                with pytest.raises(errors.UnknownCredential):
                    await at_sensor.connect("hub", timeout=2)

    run(story())


def test_a_broker_that_is_not_there_is_said_soon() -> None:
    sensor = Identity.generate("sensor")

    async def story() -> None:
        started = time.monotonic()
        with pytest.raises(ConnectionRefusedError, match="no broker answers at 127.0.0.1"):
            await Link.of(sensor, f"mqtt://127.0.0.1:{free_port()}", realm=REALM).open(timeout=15)
        assert time.monotonic() - started < 8

    run(story())


def test_leaving_sends_the_acknowledgement_that_waits(mosquitto: StartMosquitto) -> None:
    broker = mosquitto()
    sensor, hub = Identity.generate("sensor"), Identity.generate("hub")

    async def story() -> None:
        address = f"mqtt://127.0.0.1:{broker.port}"
        async with Link.of(sensor, address, realm=REALM, peers=[hub.credential]) as at_sensor:
            at_hub = Link.of(hub, address, realm=REALM, peers=[sensor.credential])
            await at_hub.open()
            session = await at_sensor.connect("hub")
            receipt = await session.send("report", b"x")
            async for message in at_hub.messages():
                assert isinstance(message, Message)
                message.commit()
                break
            # Well before the 50 ms are over.
            await at_hub.close()
            await receipt.wait(10)
            assert receipt.acknowledged

    run(story())
