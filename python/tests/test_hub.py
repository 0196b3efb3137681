"""The hub as a program of its own: killed at any moment it loses nothing and stores nothing twice."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest
from conftest import StartMosquitto, run, until

from sealwire import Endpoint, Identity, SqliteStore, errors
from sealwire.broker import Broker
from sealwire.hub import Hub
from sealwire.hubdata import HubData
from sealwire.mqtt import Link, Message

REALM = "plant7"


def start_hub(folder: Path, port: int, *more: str) -> "subprocess.Popen[str]":
    """`sealwire hub run` in a process of its own, ready to serve."""
    started = subprocess.Popen(
        [
            *(sys.executable, "-m", "sealwire.cli", "hub", "run", "--json"),
            *("--db", str(folder / "hub.db"), "--identity", str(folder / "hub"), "--peer", str(folder / "sensor.cred")),
            *("--broker", f"mqtt://127.0.0.1:{port}", "--realm", REALM),
            *more,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    for line in started.stdout:
        if json.loads(line)["event"] == "ready":
            return started
    raise AssertionError("the hub ended")


def sensor_endpoint(sensor: Identity, hub: Identity) -> Endpoint:
    return Endpoint(
        [(sensor.credential, sensor.key)], peers=[hub.credential], inbox="sensor", mqtt=True, offers=True, resend_interval_ms=300
    )


@pytest.mark.parametrize("resists_rollback", [False, True])
def test_killed_again_and_again_in_mid_stream(mosquitto: StartMosquitto, tmp_path: Path, resists_rollback: bool) -> None:
    hub, sensor = Identity.generate("hub"), Identity.generate("sensor")
    hub.save(tmp_path / "hub")
    sensor.save(tmp_path / "sensor")
    port = mosquitto().port
    more = ["--resists-rollback"] if resists_rollback else []
    total = 120
    process = start_hub(tmp_path, port, *more)

    async def main() -> None:
        nonlocal process
        async with Link(sensor_endpoint(sensor, hub), Broker("127.0.0.1", port), realm=REALM, inbox="sensor") as link:
            session = await link.connect("hub")

            async def stream() -> None:
                receipts = []
                for index in range(total):
                    receipts.append(await session.send("n", b"%d" % index))
                    await asyncio.sleep(0.01)
                for receipt in receipts:
                    await receipt.wait(60)

            streaming = asyncio.get_running_loop().create_task(stream())
            for _ in range(3):
                await asyncio.sleep(0.4)
                process.kill()
                process.wait()
                process = await asyncio.get_running_loop().run_in_executor(None, lambda: start_hub(tmp_path, port, *more))
                if not resists_rollback:
                    # Its sessions are gone for good, and over MQTT 3.1.1 it cannot say so: the device notices and connects anew.
                    session = await link.connect("hub")
            await asyncio.wait_for(streaming, 60)

    try:
        run(main(), 100)
    finally:
        process.kill()
        process.wait()
    data = HubData(tmp_path / "hub.db", create=False)
    numbers = [int(message.payload) for message in data.messages(topic="n")]
    if not resists_rollback:
        # Without its old windows it cannot know what it had committed, so a message whose acknowledgement was lost comes twice.
        assert set(numbers) == set(range(total))
    else:
        assert sorted(numbers) == list(range(total))
    assert all(message.subject == "sensor" or not resists_rollback for message in data.messages())
    data.close()


def test_sessions_end_with_the_hub_unless_its_database_resists_rollback(mosquitto: StartMosquitto, tmp_path: Path) -> None:
    hub, sensor = Identity.generate("hub"), Identity.generate("sensor")
    broker = Broker("127.0.0.1", mosquitto().port)

    def service(resists_rollback: bool = False) -> Hub:
        return Hub(tmp_path / "hub.db", broker, realm=REALM, identities=[hub], peers=[sensor.credential], resists_rollback=resists_rollback)

    async def main() -> None:
        async with Link(sensor_endpoint(sensor, hub), broker, realm=REALM, inbox="sensor") as link:
            async with service(resists_rollback=True):
                session = await link.connect("hub")
                await (await session.send("n", b"1")).wait(10)
            kept = session.info().sid
            async with service(resists_rollback=True):
                await (await session.send("n", b"2")).wait(10)
            assert session.info().sid == kept
            async with service() as safe:
                # Nobody calls connect: the device finds its peer silent.
                await (await session.send("n", b"3")).wait(30)
                assert session.info().sid != kept
                assert [incident.detail for incident in safe.data.incidents(error="lost-state")] == ["session closed"]
            # What was stored without that promise has no keys in it: making the promise later brings no session back.
            async with service(resists_rollback=True) as later:
                assert later.link.sessions() == []

    run(main(), 90)


def test_commands_from_the_command_line(mosquitto: StartMosquitto, tmp_path: Path) -> None:
    hub, sensor = Identity.generate("hub"), Identity.generate("sensor")
    hub.save(tmp_path / "hub")
    sensor.save(tmp_path / "sensor")
    port = mosquitto().port
    process = start_hub(tmp_path, port)
    got: List[Message] = []

    async def main() -> None:
        async with Link(sensor_endpoint(sensor, hub), Broker("127.0.0.1", port), realm=REALM, inbox="sensor") as link:
            session = await link.connect("hub")
            await (await session.send("hello", b"1")).wait(10)

            async def serve() -> None:
                async for message in link.messages():
                    got.append(message)
                    message.commit()

            serving = asyncio.get_running_loop().create_task(serve())
            command = ["hub", "send", "--db", str(tmp_path / "hub.db"), "--to", "sensor", "--topic", "valve", "close", "--wait", "15", "--json"]
            sender = await asyncio.create_subprocess_exec(sys.executable, "-m", "sealwire.cli", *command, stdout=subprocess.PIPE)
            output, _ = await sender.communicate()
            assert sender.returncode == 0 and json.loads(output)["state"] == "done"
            serving.cancel()

    try:
        run(main())
    finally:
        process.terminate()
        assert process.wait(10) == 0
    assert [(message.topic, message.payload, message.command) for message in got] == [("valve", b"close", True)]


def test_in_process_with_observer_incidents_and_restore(mosquitto: StartMosquitto, tmp_path: Path) -> None:
    hub, sensor, stranger = Identity.generate("hub"), Identity.generate("sensor"), Identity.generate("sensor")
    broker = Broker("127.0.0.1", mosquitto().port)

    async def main() -> None:
        async with Hub(tmp_path / "hub.db", broker, realm=REALM, identities=[hub], peers=[sensor.credential]) as service:
            forged = Endpoint(
                [(stranger.credential, stranger.key)],
                peers=[hub.credential],
                inbox="sensor",
                mqtt=True,
                handshake_interval_ms=100,
                handshake_attempts=2,
            )
            async with Link(forged, broker, realm=REALM, inbox="sensor") as link:
                with pytest.raises(errors.SealwireError):
                    await link.connect("hub")
            # First by kid; told that it is unknown, it tries once more by value.
            assert {incident.error for incident in service.data.incidents()} == {"unknown-credential", "untrusted-credential"}
            liar = Endpoint([(sensor.credential, sensor.key)], peers=[hub.credential], inbox="other", mqtt=True, handshake_attempts=1)
            async with Link(liar, broker, realm=REALM, inbox="other") as link:
                with pytest.raises(errors.SealwireError):
                    await link.connect("hub")
            assert "denied" in [incident.error for incident in service.data.incidents()]
            async with Link(sensor_endpoint(sensor, hub), broker, realm=REALM, inbox="sensor") as link:
                session = await link.connect("hub")
                await (await session.send("n", b"1", content_type="text/plain")).wait(10)
            peers = service.data.peers()
            assert [(peer.subject, peer.session is not None) for peer in peers] == [("sensor", True)]
            number = service.data.queue_command("nobody", "x", b"y", lifetime_s=0.1)
            await until(lambda: service.data.commands()[0].state == "failed")
            assert service.data.commands()[0].id == number
        data = HubData(tmp_path / "hub.db", create=False)
        assert data.restore() == 1
        assert data.peers()[0].session is None
        data.close()

    run(main())


def test_database_of_a_later_version_is_refused(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "hub.db")
    store.database.execute("PRAGMA user_version=99")
    store.close()
    with pytest.raises(errors.UnsupportedState):
        HubData(tmp_path / "hub.db")
    with pytest.raises(FileNotFoundError):
        HubData(tmp_path / "missing.db", create=False)


def test_a_flood_of_strangers_is_counted_and_not_written(tmp_path: Path) -> None:
    data = HubData(tmp_path / "hub.db")
    statements: List[str] = []
    data.store.database.set_trace_callback(statements.append)
    for _ in range(10_000):
        data.add_incident("malformed", "in/hub")
    assert len(statements) <= 8, "at the turn of a minute two rows, else one"
    data.store.database.set_trace_callback(None)
    # In this process at once, for others after the minute or the end of the hub.
    assert sum(incident.count for incident in data.incidents()) == 10_000
    data.close()
    reopened = HubData(tmp_path / "hub.db", create=False)
    assert sum(incident.count for incident in reopened.incidents()) == 10_000
    reopened.close()


def test_counts_are_written_when_the_minute_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [6_000.0]
    monkeypatch.setattr("sealwire.hubdata.time.time", lambda: clock[0])
    data, other = HubData(tmp_path / "hub.db"), HubData(tmp_path / "hub.db", create=False)
    for _ in range(3):
        data.add_incident("replay", "in/hub")
    data.flush_incidents(over=True)
    assert [incident.count for incident in other.incidents()] == [1]
    clock[0] += 60
    data.flush_incidents(over=True)
    assert [incident.count for incident in other.incidents()] == [3]
    data.add_incident("replay", "in/hub")
    assert [(incident.at, incident.count) for incident in other.incidents()] == [(6_060.0, 1), (6_000.0, 3)]
    data.close()
    other.close()


def test_strangers_push_out_no_other_kind_of_incident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [6_000.0]
    monkeypatch.setattr("sealwire.hubdata.time.time", lambda: clock[0])
    data = HubData(tmp_path / "hub.db")
    data.add_incident("stale", "in/hub")
    data.add_incident("lost-state", "", "session closed")
    with data.store.transaction():
        for minute in range(1_000):
            clock[0] = 6_060.0 + 60 * minute
            for topic in range(20):
                data.add_incident("malformed", f"line/{minute}/{topic}")
    assert [incident.error for incident in data.incidents(error="stale")] == ["stale"]
    assert [incident.detail for incident in data.incidents(error="lost-state")] == ["session closed"]
    rows = data.incidents(20_000, error="malformed")
    assert len(rows) == 1_000 and [row.count for row in rows[:5]] == [16, 1, 1, 1, 1]
    data.close()


def test_incidents_of_an_earlier_database_stay(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "hub.db")
    store.database.execute("CREATE TABLE incident (id INTEGER PRIMARY KEY, at REAL NOT NULL, error TEXT NOT NULL, topic TEXT NOT NULL, detail TEXT)")
    store.database.execute("INSERT INTO incident (at, error, topic) VALUES (1.0, 'replay', 'in/hub')")
    store.database.execute("PRAGMA user_version=1")
    store.close()
    data = HubData(tmp_path / "hub.db", create=False)
    assert [(incident.error, incident.count) for incident in data.incidents()] == [("replay", 1)]
    data.close()


def test_credentials_imported_while_it_runs(mosquitto: StartMosquitto, tmp_path: Path) -> None:
    """Two devices of a factory's batch: the hub takes them up without a restart, and one is forgotten again."""
    hub, sensor, other = Identity.generate("hub"), Identity.generate("sensor"), Identity.generate("other")
    hub.save(tmp_path / "hub")
    other.save(tmp_path / "sensor")  # what --peer of start_hub reads
    peers = tmp_path / "peers.cred"
    peers.write_text(f"# two\n{sensor.credential.data.hex()}\n# and\n{Identity.generate('third').credential.data.hex()}\n")
    port = mosquitto().port
    process = start_hub(tmp_path, port)

    def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
        words = [sys.executable, "-m", "sealwire.cli", "hub", arguments[0], "--db", str(tmp_path / "hub.db"), "--json", *arguments[1:]]
        return subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)

    async def session(timeout: float) -> bool:
        async with Link(sensor_endpoint(sensor, hub), Broker("127.0.0.1", port), realm=REALM, inbox="sensor") as link:
            try:
                receipt = await (await link.connect("hub", timeout=timeout)).send("n", b"1")
                await receipt.wait(5)
            except (asyncio.TimeoutError, errors.SealwireError):
                return False
            return True

    try:
        assert not run(session(1.5))
        assert json.loads(command("import", str(peers)).stdout) == {"imported": 2, "known": 0}
        assert json.loads(command("import", str(peers)).stdout) == {"imported": 0, "known": 2}

        def session_of_sensor() -> object:
            return next(peer["session"] for peer in json.loads(command("sessions").stdout) if peer["subject"] == "sensor")

        async def forgotten_in_session() -> None:
            async with Link(sensor_endpoint(sensor, hub), Broker("127.0.0.1", port), realm=REALM, inbox="sensor") as link:
                there = await link.connect("hub", timeout=10)
                await (await there.send("n", b"before")).wait(5)
                assert json.loads(command("forget", "sensor").stdout) == {"forgotten": 1}
                await until(lambda: session_of_sensor() is None)
                with pytest.raises((asyncio.TimeoutError, errors.SealwireError)):
                    await (await there.send("n", b"after")).wait(1.5)

        run(forgotten_in_session())
        assert not run(session(1.5))
        assert command("forget", sensor.thumbprint.hex()).returncode == 1
        listed = json.loads(command("credentials").stdout)
        assert [(one["subject"], one["removed"] is None) for one in listed] == [("third", True), ("sensor", False)]
    finally:
        process.kill()
        process.wait()
    # And after a restart.
    process = start_hub(tmp_path, port)
    try:
        assert not run(session(1.5))
        assert json.loads(command("import", str(peers)).stdout) == {"imported": 1, "known": 1}
        assert run(session(10))
    finally:
        process.kill()
        process.wait()
    data = HubData(tmp_path / "hub.db", create=False)
    assert [message.payload for message in data.messages()] == [b"before", b"1"]
    data.close()
    wrong = tmp_path / "wrong.cred"
    wrong.write_text(peers.read_text() + "# x\n00ff\n")
    refused = command("import", str(wrong))
    assert refused.returncode == 1 and "line 6" in json.loads(refused.stderr)["text"]
