"""Against a real Mosquitto: both MQTT versions, TLS, log-in, access rules, restart in mid-stream, a bridge."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path
from typing import AsyncIterator, Dict, List, Optional, Tuple

import paho.mqtt.client as paho
import pytest
from conftest import StartMosquitto, run, until
from mosquitto import free_port
from paho.mqtt.enums import CallbackAPIVersion

from sealwire import Endpoint, Identity, MemoryStore, OwnershipChanged, errors
from sealwire.broker import Broker
from sealwire.mqtt import Event, Link, Message, Refused

REALM = "plant7"
VERSIONS = ["3.1.1", "5"]


def endpoint(
    own: Identity, *peers: Identity, store: Optional[MemoryStore] = None, offers: bool = False, silent_attempts: int = 5
) -> Endpoint:
    return Endpoint(
        [(own.credential, own.key)],
        peers=[peer.credential for peer in peers],
        inbox=own.name,
        mqtt=True,
        store=store,
        offers=offers,
        identifier_len=2,
        resend_interval_ms=500,
        silent_attempts=silent_attempts,
    )


class Collector:
    """Reads everything a link reports, commits every message."""

    def __init__(self, link: Link, *, commit: bool = True) -> None:
        self.link = link
        self.commit = commit
        self.messages: List[Message] = []
        self.refused: List[str] = []
        self.events: List[Event] = []
        self.task = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        async for event in self.link.events():
            self.events.append(event)
            if isinstance(event, Message):
                self.messages.append(event)
                if self.commit:
                    event.commit()
            elif isinstance(event, Refused):
                self.refused.append(event.error.name)


async def exchange(ours: Broker, theirs: Broker, hub: Identity, sensor: Identity) -> None:
    """A session, messages both ways, in place, and a command."""
    async with Link(endpoint(hub, sensor), theirs, realm=REALM, inbox="hub", subscriptions=["line/#"]) as at_hub:
        async with Link(endpoint(sensor, hub, offers=True), ours, realm=REALM, inbox="sensor") as at_sensor:
            heard, told = Collector(at_hub), Collector(at_sensor)
            session = await at_sensor.connect("hub", peer=hub.thumbprint)
            assert session.peer == hub.thumbprint
            receipts = [await session.send("report", b"%d" % index) for index in range(100)]
            for receipt in receipts:
                await receipt.wait(20)
            assert [message.payload for message in heard.messages] == [b"%d" % index for index in range(100)]
            assert all(message.topic == "report" and not message.in_place for message in heard.messages)
            published = await session.publish("line/1/temperature", b"21.5", content_type="text/plain")
            await published.wait(10)
            last = heard.messages[-1]
            assert (last.topic, last.payload, last.in_place, last.content_type) == ("line/1/temperature", b"21.5", True, "text/plain")
            back = at_hub.session_with(sensor.thumbprint)
            assert back is not None
            order = await back.command("valve", b"close")
            await order.wait(10)
            assert [(message.topic, message.command) for message in told.messages] == [("valve", True)]
            await session.send("burst", b"unconfirmed", confirmable=False)
            await until(lambda: heard.messages[-1].topic == "burst")
            assert not heard.refused and not told.refused


@pytest.mark.parametrize("version", VERSIONS)
def test_plain(mosquitto: StartMosquitto, version: str, hub: Identity, sensor: Identity) -> None:
    broker = Broker("127.0.0.1", mosquitto().port, version=version)
    run(exchange(broker, broker, hub, sensor))


def test_versions_mix(mosquitto: StartMosquitto, hub: Identity, sensor: Identity) -> None:
    port = mosquitto().port
    run(exchange(Broker("127.0.0.1", port, version="5"), Broker("127.0.0.1", port, version="3.1.1"), hub, sensor))


@pytest.mark.parametrize("version", VERSIONS)
def test_tls_1_3_with_user_file(
    mosquitto: StartMosquitto, tls_files: Dict[str, Path], version: str, hub: Identity, sensor: Identity
) -> None:
    started = mosquitto(
        "listener PORT 127.0.0.1",
        "allow_anonymous true",
        "tls_version tlsv1.3",
        "require_certificate true",
        f"cafile {tls_files['root.pem']}",
        f"certfile {tls_files['server.pem']}",
        f"keyfile {tls_files['server.key']}",
    )
    broker = Broker.parse(
        f"mqtts://localhost:{started.port}",
        version=version,
        ca=tls_files["root.pem"],
        certificate=tls_files["user.pem"],
        private_key=tls_files["user.key"],
    )
    context = broker.ssl_context()
    assert context is not None and context.verify_mode is ssl.CERT_REQUIRED
    run(exchange(broker, broker, hub, sensor))

    async def refused() -> None:
        stranger = Broker.parse(f"mqtts://localhost:{started.port}", version=version)
        with pytest.raises((ConnectionError, TimeoutError, OSError)):
            await Link(endpoint(sensor, hub), stranger, realm=REALM, inbox="sensor").open(timeout=3)

    run(refused())


@pytest.mark.parametrize("version", VERSIONS)
def test_passwords_and_access_rules(mosquitto: StartMosquitto, tmp_path: Path, version: str, hub: Identity, sensor: Identity) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("sensor:secret\nhub:other\n")
    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True)
    passwords.chmod(0o644)
    rules = tmp_path / "rules"
    rules.write_text(
        "user hub\ntopic readwrite plant7/#\n\nuser sensor\ntopic read plant7/in/sensor\ntopic write plant7/in/hub\ntopic write plant7/line/#\n"
    )
    rules.chmod(0o644)
    started = mosquitto(
        "listener PORT 127.0.0.1", "allow_anonymous false", f"password_file {passwords}", f"acl_file {rules}"
    )
    at = ("127.0.0.1", started.port)
    ours = Broker(*at, version=version, username="sensor", password="secret")
    theirs = Broker(*at, version=version, username="hub", password="other")
    run(exchange(ours, theirs, hub, sensor))

    async def wrong() -> None:
        bad = Broker(*at, version=version, username="sensor", password="wrong")
        with pytest.raises(ConnectionRefusedError):
            await Link(endpoint(sensor, hub), bad, realm=REALM, inbox="sensor").open(timeout=5)
        assert "wrong" not in repr(bad)

    run(wrong())


@pytest.mark.parametrize("version", VERSIONS)
def test_websocket(mosquitto: StartMosquitto, version: str, hub: Identity, sensor: Identity) -> None:
    port = free_port()
    # Mosquitto 2.0.11 refuses to start with WebSocket listeners alone.
    mosquitto("listener PORT 127.0.0.1", f"listener {port} 127.0.0.1", "protocol websockets", "allow_anonymous true")
    broker = Broker.parse(f"ws://127.0.0.1:{port}/mqtt", version=version)
    run(exchange(broker, broker, hub, sensor))


@pytest.mark.parametrize("version", VERSIONS)
def test_broker_restart_in_mid_stream(mosquitto: StartMosquitto, version: str, hub: Identity, sensor: Identity) -> None:
    started = mosquitto()
    broker = Broker("127.0.0.1", started.port, version=version)

    async def main() -> None:
        async with Link(endpoint(hub, sensor), broker, realm=REALM, inbox="hub") as at_hub:
            async with Link(endpoint(sensor, hub), broker, realm=REALM, inbox="sensor") as at_sensor:
                heard = Collector(at_hub)
                session = await at_sensor.connect("hub")

                async def stream() -> None:
                    receipts = []
                    for index in range(150):
                        receipts.append(await session.send("n", b"%d" % index))
                        await asyncio.sleep(0.01)
                    for receipt in receipts:
                        await receipt.wait(30)

                streaming = asyncio.get_running_loop().create_task(stream())
                await until(lambda: len(heard.messages) > 30)
                started.stop()
                await asyncio.sleep(0.5)
                assert not streaming.done()
                started.start()
                await asyncio.wait_for(streaming, 40)
                # Nothing lost, nothing twice, and the same session all the way.
                assert sorted(int(message.payload) for message in heard.messages) == list(range(150))
                assert len(at_sensor.sessions()) == 1

    run(main(), 90)


@pytest.mark.parametrize("version", ["mqttv311", "mqttv50"])
def test_bridge_that_re_prefixes_topics(mosquitto: StartMosquitto, version: str, hub: Identity, sensor: Identity) -> None:
    site = free_port()
    central = mosquitto()
    mosquitto(
        f"listener {site} 127.0.0.1",
        "allow_anonymous true",
        "connection up",
        f"address 127.0.0.1:{central.port}",
        f"bridge_protocol_version {version}",
        'topic # both 1 "" sites/north/',
        port=site,
    )

    async def main() -> None:
        there = Broker("127.0.0.1", central.port)
        here = Broker("127.0.0.1", site)
        async with Link(
            endpoint(hub, sensor), there, realm=REALM, inbox="hub", subscriptions=["line/#"], bridge_prefix="sites/north/"
        ) as at_hub:
            async with Link(endpoint(sensor, hub), here, realm=REALM, inbox="sensor") as at_sensor:
                heard = Collector(at_hub)
                session = await at_sensor.connect("hub")
                await (await session.publish("line/1/temperature", b"21.5")).wait(15)
                await (await session.send("report", b"ok")).wait(15)
                assert [(message.topic, message.in_place) for message in heard.messages] == [
                    ("line/1/temperature", True),
                    ("report", False),
                ]

    run(main())


def raw(port: int) -> paho.Client:
    made = paho.Client(CallbackAPIVersion.VERSION2)
    made.connect("127.0.0.1", port)
    made.loop_start()
    return made


def test_an_operator_sees_ciphertext_and_cannot_move_or_repeat_it(mosquitto: StartMosquitto, hub: Identity, sensor: Identity) -> None:
    started = mosquitto()
    broker = Broker("127.0.0.1", started.port)
    taken: List[Tuple[str, bytes]] = []
    operator = raw(started.port)
    operator.on_message = lambda _paho, _data, message: taken.append((message.topic, bytes(message.payload)))
    operator.subscribe("#")

    async def main() -> None:
        async with Link(endpoint(hub, sensor), broker, realm=REALM, inbox="hub", subscriptions=["line/#"]) as at_hub:
            async with Link(endpoint(sensor, hub), broker, realm=REALM, inbox="sensor") as at_sensor:
                heard = Collector(at_hub)
                session = await at_sensor.connect("hub")
                secret = b"the reactor is at 211 degrees"
                await (await session.publish("line/1/temperature", secret)).wait(10)
                await (await session.send("hidden/topic", secret)).wait(10)
                everything = b"".join(payload for _, payload in taken)
                assert secret not in everything and b"hidden/topic" not in everything
                frame = next(payload for topic, payload in taken if topic == "plant7/line/1/temperature")
                operator.publish("plant7/line/2/temperature", frame)
                operator.publish("plant7/line/1/temperature", frame)
                operator.publish("plant7/in/hub", b"\x40\x00\x00\x00garbage")
                operator.publish("plant7/in/hub", b"")
                operator.publish("plant7/in/hub", b"\x99", retain=True)
                await until(lambda: len(heard.refused) >= 4)
                # Partial IV known: refused as a repetition before any decryption, also on the other topic.
                assert heard.refused.count("duplicate") == 2
                assert len(heard.messages) == 2

    try:
        run(main())
    finally:
        operator.disconnect()
        operator.loop_stop()


def test_acknowledgement_follows_the_commit(mosquitto: StartMosquitto, hub: Identity, sensor: Identity) -> None:
    broker = Broker("127.0.0.1", mosquitto().port)

    async def main() -> None:
        async with Link(endpoint(hub, sensor), broker, realm=REALM, inbox="hub") as at_hub:
            async with Link(endpoint(sensor, hub), broker, realm=REALM, inbox="sensor") as at_sensor:
                heard = Collector(at_hub, commit=False)
                session = await at_sensor.connect("hub")
                receipt = await session.send("report", b"1")
                await until(lambda: len(heard.messages) == 1)
                with pytest.raises(TimeoutError):
                    await receipt.wait(1.5)
                assert not receipt.acknowledged
                # It has been repeated meanwhile, and delivered once.
                assert len(heard.messages) == 1
                heard.messages[0].commit()
                await receipt.wait(10)
                assert receipt.acknowledged

    run(main())


def test_a_new_handshake_replaces_the_session_and_nothing_is_lost(mosquitto: StartMosquitto, hub: Identity, sensor: Identity) -> None:
    broker = Broker("127.0.0.1", mosquitto().port)

    async def main() -> None:
        async with Link(endpoint(hub, sensor), broker, realm=REALM, inbox="hub") as at_hub:
            async with Link(endpoint(sensor, hub), broker, realm=REALM, inbox="sensor") as at_sensor:
                heard = Collector(at_hub)
                session = await at_sensor.connect("hub")
                await (await session.send("n", b"0")).wait(10)
                receipts = [await session.send("n", b"%d" % index) for index in range(1, 20)]
                again = await at_sensor.connect("hub")
                for receipt in receipts:
                    await receipt.wait(20)
                await (await session.send("n", b"20")).wait(10)
                assert again.peer == session.peer
                assert sorted(int(message.payload) for message in heard.messages) == list(range(21))

    run(main())


def test_a_commit_after_the_session_was_replaced_counts_for_the_message_that_it_is_about(
    mosquitto: StartMosquitto, hub: Identity, sensor: Identity
) -> None:
    broker = Broker("127.0.0.1", mosquitto().port, version="5")

    async def main() -> None:
        async with Link(endpoint(hub, sensor), broker, realm=REALM, inbox="hub") as at_hub:
            async with Link(endpoint(sensor, hub), broker, realm=REALM, inbox="sensor") as at_sensor:
                heard = Collector(at_hub, commit=False)
                first = await at_sensor.connect("hub", peer=hub.thumbprint)
                early = [await first.send("t", b"early %d" % index) for index in range(2)]
                await until(lambda: len(heard.messages) == 2)
                second = await at_sensor.connect("hub", peer=hub.thumbprint)
                await until(lambda: any(type(event).__name__ == "Replaced" for event in heard.events))
                for message in heard.messages:
                    message.commit()
                for receipt in early:
                    await receipt.wait(10)
                late = await second.send("t", b"late")
                await until(lambda: len(heard.messages) == 3)
                await asyncio.sleep(1)
                assert not late.acknowledged
                heard.messages[-1].commit()
                await late.wait(10)

    run(main())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_peer_that_lost_its_state_is_found_out_and_healed(
    mosquitto: StartMosquitto, version: str, hub: Identity, sensor: Identity
) -> None:
    """MQTT 5 has a way back for unknown-context; with 3.1.1 silence tells."""
    broker = Broker("127.0.0.1", mosquitto().port, version=version)

    async def main() -> None:
        first = Link(endpoint(hub, sensor), broker, realm=REALM, inbox="hub")
        await first.open()
        async with Link(endpoint(sensor, hub, silent_attempts=2), broker, realm=REALM, inbox="sensor") as at_sensor:
            session = await at_sensor.connect("hub")
            Collector(first)
            await (await session.send("n", b"before")).wait(10)
            await first.close()
            async with Link(endpoint(hub, sensor), broker, realm=REALM, inbox="hub") as second:
                heard = Collector(second)
                receipt = await session.send("n", b"after")
                await receipt.wait(20)
                assert [message.payload for message in heard.messages] == [b"after"]
                assert "unknown-context" in heard.refused

    run(main())


def test_nobody_answers(mosquitto: StartMosquitto, hub: Identity, sensor: Identity) -> None:
    broker = Broker("127.0.0.1", mosquitto().port)

    async def main() -> None:
        quick = Endpoint(
            [(sensor.credential, sensor.key)],
            peers=[hub.credential],
            inbox="sensor",
            mqtt=True,
            handshake_interval_ms=50,
            handshake_attempts=2,
        )
        async with Link(quick, broker, realm=REALM, inbox="sensor") as link:
            with pytest.raises(errors.HandshakeFailed):
                await link.connect("hub")
            with pytest.raises(TimeoutError):
                await link.connect("hub", timeout=0.05)

    run(main())
    with pytest.raises((ConnectionError, TimeoutError)):
        run(Link(endpoint(sensor, hub), Broker("127.0.0.1", free_port()), realm=REALM, inbox="s").open(timeout=2))


def test_a_failing_store_ends_the_link(mosquitto: StartMosquitto, hub: Identity, sensor: Identity) -> None:
    class Failing(MemoryStore):
        broken = False

        def save(self, key: int, data: bytes) -> None:
            if self.broken:
                raise OSError("disk full")
            super().save(key, data)

    broker = Broker("127.0.0.1", mosquitto().port)
    store = Failing(resists_rollback=True)

    async def main() -> None:
        async with Link(endpoint(hub, sensor, store=store), broker, realm=REALM, inbox="hub") as at_hub:
            async with Link(endpoint(sensor, hub), broker, realm=REALM, inbox="sensor") as at_sensor:
                session = await at_sensor.connect("hub")
                store.broken = True
                receipt = await session.send("report", b"1")
                events: AsyncIterator[Event] = at_hub.events()
                with pytest.raises(errors.StorageFailed):
                    async for event in events:
                        if isinstance(event, Message):
                            event.commit()
                assert not receipt.acknowledged

    run(main())


def test_addresses() -> None:
    broker = Broker.parse("mqtts://user:p%40ss@broker.example", version="5")
    assert (broker.username, broker.password, broker.effective_port, broker.encrypted) == ("user", "p@ss", 8883, True)
    assert Broker.parse("broker.example").effective_port == 1883
    assert Broker.parse("ws://h:9001/path").path == "/path"
    assert Broker.parse("wss://h").effective_port == 443
    for bad in ("ftp://h", "mqtt://", "mqtt://h:99999"):
        with pytest.raises(errors.InvalidArgument):
            Broker.parse(bad)
    with pytest.raises(errors.InvalidArgument):
        Broker("h", version="4")


def test_a_link_that_is_not_open_says_so(hub: Identity, sensor: Identity) -> None:
    link = Link(endpoint(sensor, hub), "h", realm=REALM, inbox="s")

    async def main() -> None:
        with pytest.raises(errors.WrongState):
            await link.connect("hub")
        with pytest.raises(errors.WrongState):
            async for _ in link.events():
                raise AssertionError
        await link.close()

    run(main())


def test_topics_are_checked(hub: Identity, sensor: Identity) -> None:
    for realm in ("", "a/#", "/a", "a/"):
        with pytest.raises(errors.InvalidArgument):
            Link(endpoint(sensor, hub), "h", realm=realm, inbox="s")


def test_a_change_of_ownership_is_told_behind_a_flood(mosquitto: StartMosquitto, sensor: Identity) -> None:
    """Whoever floods a device that does not take its events must not make it keep what belonged to an owner before."""
    started = mosquitto()

    async def play() -> None:
        own = endpoint(sensor)
        own.enable_setup(1_000_000, bytes(16))
        async with Link(own, Broker("127.0.0.1", started.port), realm=REALM, inbox="sensor") as link:
            stranger = raw(started.port)
            for _ in range(500):
                for _ in range(100):
                    stranger.publish(f"{REALM}/in/sensor", b"\xff" * 20)
                await asyncio.sleep(0.02)
                if link.dropped:
                    break
            assert link.dropped
            own.reset_ownership()
            link.pump()
            while not isinstance(event := await asyncio.wait_for(link.events().__anext__(), 5), OwnershipChanged):
                assert isinstance(event, Refused)
            assert (event.epoch, event.owner) == (1, None)
            stranger.loop_stop()

    run(play())
