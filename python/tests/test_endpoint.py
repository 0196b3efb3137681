"""The endpoint as Python sees it: sessions, outcomes as typed exceptions, callbacks, threads."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from pathlib import Path
from typing import List, Optional

import pytest
from pair import Pair

from sealwire import (
    Acknowledged,
    Closed,
    CommandReady,
    Credential,
    Endpoint,
    Established,
    HandshakeFailed,
    Identity,
    Key,
    KeyUpdated,
    MemoryStore,
    Message,
    Peer,
    Resend,
    SqliteStore,
    TrustAnchor,
    errors,
)


@pytest.mark.parametrize("curve,suite", [("X25519", 4), ("P-256", 2)])
def test_session_and_messages_both_ways(curve: str, suite: int) -> None:
    pair = Pair(curve=curve)
    a, b = pair.connect()
    assert pair.a.session(a).suite == pair.b.session(b).suite == suite
    assert pair.a.session(a).sid == pair.b.session(b).sid
    sent = pair.a.send(a, b"hello", topic="ecg", confirmable=True, now=pair.now)
    assert b"hello" not in sent.frame and b"ecg" not in sent.frame
    message = pair.give("b", sent.frame)
    assert isinstance(message, Message)
    assert (message.payload, message.topic, message.number, message.missing) == (b"hello", "ecg", 0, 0)
    assert message.peer == pair.identity_a.thumbprint
    assert pair.a.session(a).unacknowledged == 1
    pair.b.commit(b, 0, now=pair.now)
    pair.settle(500)
    assert pair.a.session(a).unacknowledged == 0
    acknowledged = pair.seen("a", Acknowledged)
    assert isinstance(acknowledged[-1], Acknowledged) and acknowledged[-1].covers(0) and not acknowledged[-1].covers(1)
    back = pair.b.send(b, bytearray(b"and back"), now=pair.now)
    answer = pair.give("a", back.frame)
    assert isinstance(answer, Message) and answer.payload == b"and back" and answer.number is None


@pytest.mark.parametrize("suite", [4, 2, 3, 0])
@pytest.mark.parametrize("method", [0, 1, 2, 3])
def test_every_method_in_every_suite(method: int, suite: int) -> None:
    dh, signs = ("X25519", "Ed25519") if suite in (4, 0) else ("P-256", "ES256")
    one = Identity.generate("dev", curve=signs if method in (0, 1) else dh)
    other = Identity.generate("hub", curve=signs if method in (0, 2) else dh)
    a = Endpoint([(one.credential, one.key)], peers=[other.credential], method=method, suites=[suite])
    b = Endpoint([(other.credential, other.key)], peers=[one.credential])
    refusing = Endpoint([(other.credential, other.key)], peers=[one.credential], methods=[n for n in range(4) if n != method])
    a.connect(now=0)
    first = a.poll_transmit(now=0)
    assert first is not None
    with pytest.raises(errors.UnsupportedMethod):
        refusing.handle_frame(first.frame, now=0)
    b.handle_frame(first.frame, now=0)
    for _ in range(4):
        for sender, receiver in ((b, a), (a, b)):
            while (frame := sender.poll_transmit(now=0)) is not None:
                receiver.handle_frame(frame.frame, now=0)
    session = a.find(other.thumbprint)
    assert session is not None and a.session(session).suite == suite
    message = b.handle_frame(a.send(session, b"signed in", now=0).frame, now=0)
    assert isinstance(message, Message) and (message.payload, message.peer) == (b"signed in", one.thumbprint)


def test_a_responder_with_a_signing_key_held_elsewhere_answers_later() -> None:
    held = Identity.generate("hub", curve="ES256")
    asked: List[bytes] = []
    ready = False

    def sign(message: bytes) -> bytes:
        asked.append(message)
        if not ready:
            raise errors.Pending
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, utils

        private = ec.derive_private_key(int.from_bytes(held.key.private_bytes(), "big"), ec.SECP256R1())
        r, s = utils.decode_dss_signature(private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    one = Identity.generate("dev", curve="P-256")
    key = Key.external("ES256", held.key.public, sign=sign)
    a = Endpoint([(one.credential, one.key)], peers=[held.credential], method=2, suites=[2])
    b = Endpoint([(held.credential, key)], peers=[one.credential], suites=[2])
    a.connect(now=0)
    first = a.poll_transmit(now=0)
    assert first is not None
    with pytest.raises(errors.Pending):
        b.handle_frame(first.frame, now=0)
    with pytest.raises(errors.Pending):
        b.resume_pending(now=0)
    # The answer that comes later must fit: the same bytes are signed again.
    assert len(asked) == 2 and asked[0] == asked[1]
    ready = True
    b.resume_pending(now=0)
    for _ in range(4):
        for sender, receiver in ((b, a), (a, b)):
            while (frame := sender.poll_transmit(now=0)) is not None:
                receiver.handle_frame(frame.frame, now=0)
    assert a.find(held.thumbprint) is not None and b.find(one.thumbprint) is not None


def test_refusals_are_typed() -> None:
    pair = Pair()
    a, b = pair.connect()
    first = pair.a.send(a, b"1", now=pair.now).frame
    flipped = bytearray(first)
    flipped[-1] ^= 1
    with pytest.raises(errors.DecryptFailed):
        pair.b.handle_frame(flipped, now=pair.now)
    assert isinstance(pair.b.handle_frame(memoryview(first), now=pair.now), Message)
    with pytest.raises(errors.Duplicate) as caught:
        pair.b.handle_frame(first, now=pair.now)
    assert (caught.value.number, caught.value.name) == (303, "duplicate")
    for _ in range(70):
        last = pair.a.send(a, b"more", now=pair.now).frame
    message = pair.b.handle_frame(last, now=pair.now)
    assert isinstance(message, Message) and message.missing == 69
    with pytest.raises(errors.Replay):
        pair.b.handle_frame(first, now=pair.now)
    with pytest.raises(errors.Malformed):
        pair.b.handle_frame(b"\xff", now=pair.now)
    with pytest.raises(errors.UnknownSession):
        pair.a.send(999_999, b"x")
    with pytest.raises(TypeError):
        pair.b.handle_frame("text")  # type: ignore[arg-type]
    counters = pair.b.counters()
    assert (counters["decrypt_failed"], counters["duplicate"], counters["replay"], counters["missing"]) == (1, 1, 1, 69)


def test_records_in_place_are_bound_to_their_topic() -> None:
    pair = Pair()
    a, _ = pair.connect()
    sent = pair.a.send(a, b"21.5", topic="line/1/temperature", in_place=True, now=pair.now)
    with pytest.raises(errors.DecryptFailed):
        pair.b.handle_frame(sent.frame, topic="line/2/temperature", now=pair.now)
    with pytest.raises(errors.DecryptFailed):
        pair.b.handle_frame(sent.frame, now=pair.now)
    message = pair.b.handle_frame(sent.frame, topic="line/1/temperature", now=pair.now)
    assert isinstance(message, Message) and message.payload == b"21.5" and message.topic is None


def test_window_of_64_confirmable_messages() -> None:
    pair = Pair()
    a, _ = pair.connect()
    for number in range(64):
        assert pair.a.send(a, b"x", confirmable=True, now=pair.now).number == number
    with pytest.raises(errors.WindowFull):
        pair.a.send(a, b"x", confirmable=True, now=pair.now)


def test_lost_messages_are_sent_again_and_delivered_once() -> None:
    pair = Pair()
    a, b = pair.connect()
    lost = pair.a.send(a, b"lost", confirmable=True, now=pair.now)
    second = pair.a.send(a, b"second", confirmable=True, now=pair.now)
    message = pair.give("b", second.frame)
    assert isinstance(message, Message) and message.missing == 1
    pair.b.commit(b, 1, now=pair.now)
    pair.settle(7_000)
    resend = pair.seen("a", Resend)
    assert resend and isinstance(resend[0], Resend) and resend[0].number == lost.number
    again = pair.a.send(a, b"lost", confirmable=True, number=lost.number, now=pair.now)
    assert again.frame != lost.frame
    message = pair.give("b", again.frame)
    assert isinstance(message, Message) and message.number == 0
    pair.b.commit(b, 0, now=pair.now)
    third = pair.a.send(a, b"lost", confirmable=True, number=0, now=pair.now)
    with pytest.raises(errors.Duplicate):
        pair.b.handle_frame(third.frame, now=pair.now)


def test_commands_need_a_fresh_offer() -> None:
    pair = Pair()
    a, b = pair.connect()
    pair.give("b", pair.a.send(a, b"traffic brings an offer", now=pair.now).frame)
    assert pair.b.session(b, now=pair.now).command_ready
    prompt = pair.b.send(b, b"on", command=True, confirmable=True, now=pair.now)
    message = pair.give("a", prompt.frame)
    assert isinstance(message, Message) and message.command and message.payload == b"on"
    held = pair.b.send(b, b"unlock", command=True, confirmable=True, now=pair.now)
    pair.now += 11_000
    with pytest.raises(errors.Stale):
        pair.a.handle_frame(held.frame, now=pair.now)


def test_command_without_offer_asks_for_one() -> None:
    pair = Pair()
    _, b = pair.connect()
    pair.now += 60_000
    with pytest.raises(errors.NoOffer):
        pair.b.send(b, b"on", command=True, confirmable=True, now=pair.now)
    pair.settle(1_000)
    assert pair.seen("b", CommandReady)
    assert pair.b.send(b, b"on", command=True, confirmable=True, now=pair.now).number == 0


def test_key_update() -> None:
    pair = Pair()
    a, b = pair.connect()
    pair.a.key_update(a, now=pair.now)
    pair.settle(2_000)
    assert pair.a.session(a).epoch == pair.b.session(b).epoch == 1
    assert pair.seen("a", KeyUpdated) and pair.seen("b", KeyUpdated)
    message = pair.give("b", pair.a.send(a, b"new keys", now=pair.now).frame)
    assert isinstance(message, Message) and message.payload == b"new keys"
    assert pair.a.export(a, 33_000, b"app", 24) == pair.b.export(b, 33_000, b"app", 24)
    with pytest.raises(errors.InvalidArgument):
        pair.a.export(a, 33_000, b"", 9_000)


def test_unknown_peer_is_refused() -> None:
    pair = Pair()
    stranger = Identity.generate("stranger")
    pair.a = Endpoint([(stranger.credential, stranger.key)], peers=[pair.identity_b.credential])
    pair.a.restore(now=0)
    pair.a.connect(now=0)
    pair.settle(120_000)
    refused = [event for event in pair.seen("b", errors.SealwireError)]
    assert any(isinstance(error, errors.UnknownCredential) for error in refused)
    assert pair.seen("a", HandshakeFailed) and not pair.seen("b", Established)


def test_issued_credentials_need_no_provisioning() -> None:
    issuer = Identity.generate("issuer", curve="Ed25519")
    other = Identity.generate("issuer", curve="Ed25519")
    device = Identity.generate("dev")
    hub = Identity.generate("hub")
    kid = issuer.credential.kid
    assert kid is not None
    signed = Credential.cwt(device.key, "dev", b"\x07", issuer=issuer.key, issuer_kid=kid, expires=int(time.time()) + 60)
    signed.verify(TrustAnchor(issuer.credential))
    with pytest.raises(errors.UntrustedCredential):
        signed.verify(TrustAnchor(other.credential))
    with pytest.raises(errors.UntrustedCredential):
        signed.verify(TrustAnchor(issuer.credential, ["role", "manifest"]))
    with pytest.raises(errors.ExpiredCredential):
        signed.verify(TrustAnchor(issuer.credential), now=int(time.time()) + 61)
    pair = Pair(identities=(device, hub))
    pair.a = Endpoint([(signed, device.key)], peers=[hub.credential], by_value=True)
    pair.b = Endpoint([(hub.credential, hub.key)], anchors=[TrustAnchor(issuer.credential)])
    pair.a.restore()
    pair.b.restore()
    pair.connect()
    assert pair.b.find(device.thumbprint) is not None


@pytest.mark.parametrize("length", [64, 800])
def test_a_certificate_in_pem_says_what_is_wanted(length: int) -> None:
    with pytest.raises(errors.Malformed, match="PEM"):
        Credential(b"-----BEGIN CERTIFICATE-----\n" + b"A" * length)


def test_expired_credential_cannot_open_a_session() -> None:
    issuer, device, hub = Identity.generate("i", curve="ES256"), Identity.generate("dev"), Identity.generate("hub")
    kid = issuer.credential.kid
    assert kid is not None
    old = Credential.cwt(device.key, "dev", b"\x07", issuer=issuer.key, issuer_kid=kid, expires=1_000)
    pair = Pair(identities=(device, hub))
    pair.a = Endpoint([(old, device.key)], peers=[hub.credential], by_value=True)
    pair.b = Endpoint([(hub.credential, hub.key)], anchors=[TrustAnchor(issuer.credential)])
    pair.a.restore()
    pair.b.restore()
    pair.a.connect(now=0)
    pair.settle(100_000)
    assert any(isinstance(error, errors.ExpiredCredential) for error in pair.seen("b", errors.SealwireError))


def test_authorize_decides_and_its_exception_is_the_cause() -> None:
    device, hub = Identity.generate("dev"), Identity.generate("hub")
    asked: List[Peer] = []

    def deny(peer: Peer) -> bool:
        asked.append(peer)
        return False

    def fail(peer: Peer) -> bool:
        raise RuntimeError("directory is down")

    for callback in (deny, fail):
        pair = Pair(identities=(device, hub))
        pair.b = Endpoint([(hub.credential, hub.key)], peers=[device.credential], authorize=callback)
        pair.b.restore()
        pair.a.connect(now=0)
        pair.settle(500)
        refused = [error for error in pair.seen("b", errors.Denied)]
        assert refused, pair.log
        if callback is fail:
            assert isinstance(refused[0], errors.Denied) and isinstance(refused[0].__cause__, RuntimeError)
    assert asked[0].subject == "dev" and asked[0].thumbprint == device.thumbprint and asked[0].role == "responder"


def test_keys_held_elsewhere_and_pending() -> None:
    device, hub = Identity.generate("dev"), Identity.generate("hub")
    calls: List[bytes] = []
    ready: List[bool] = []

    def agree(peer: bytes) -> bytes:
        from sealwire import primitives

        calls.append(peer)
        if not ready:
            raise errors.Pending
        return primitives.agree("X25519", device.key.private_bytes(), peer)

    held = Key.external("X25519", device.key.public, agree=agree)
    with pytest.raises(errors.UnknownKey):
        held.private_bytes()
    pair = Pair(identities=(device, hub))
    pair.a = Endpoint([(device.credential, held)], peers=[hub.credential])
    pair.a.restore()
    pair.a.connect(now=0)
    pair.settle()
    assert len(calls) == 1 and any(isinstance(error, errors.Pending) for _, error in pair.log)
    ready.append(True)
    pair.a.resume_pending(now=pair.now)
    pair.settle(1_000)
    assert pair.a.find(hub.thumbprint) is not None and calls[0] == calls[1]


def test_external_signing_key() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    signer = Ed25519PrivateKey.generate()
    key = Key.external("Ed25519", signer.public_key().public_bytes_raw(), sign=signer.sign)
    issuer = Credential.ccs(key, "issuer", b"\x11")
    made = Credential.cwt(Key.generate(), "dev", b"\x01", issuer=key, issuer_kid=b"\x11")
    made.verify(TrustAnchor(issuer))


def test_reentrancy_is_an_error_and_not_a_deadlock() -> None:
    class Reentrant(MemoryStore):
        def __init__(self) -> None:
            super().__init__(resists_rollback=True)
            self.endpoint: Optional[Endpoint] = None
            self.caught: List[BaseException] = []

        def save(self, key: int, data: bytes) -> None:
            assert self.endpoint is not None
            try:
                self.endpoint.counters()
            except errors.Busy as error:
                self.caught.append(error)
            super().save(key, data)

    store = Reentrant()
    pair = Pair(store_b=store)
    store.endpoint = pair.b
    pair.connect()
    assert store.caught


def test_threads_with_a_slow_store_do_not_deadlock() -> None:
    class Slow(MemoryStore):
        def save(self, key: int, data: bytes) -> None:
            time.sleep(0.002)
            super().save(key, data)

    pair = Pair(store_a=Slow(resists_rollback=True))
    a, _ = pair.connect()
    frames: List[bytes] = []
    failed: List[BaseException] = []

    def work() -> None:
        try:
            for _ in range(100):
                frames.append(pair.a.send(a, b"x", now=pair.now).frame)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads) and not failed
    assert len(set(frames)) == 600


def test_other_threads_run_while_the_endpoint_works() -> None:
    pair = Pair()
    a, _ = pair.connect()
    counted = 0
    stop = threading.Event()

    def count() -> None:
        nonlocal counted
        while not stop.is_set():
            counted += 1

    thread = threading.Thread(target=count)
    thread.start()
    time.sleep(0.05)
    before = counted
    payload = bytes(40_000_000)
    pair.a.send(a, payload, now=pair.now)
    during = counted - before
    stop.set()
    thread.join()
    assert during > 1_000


def test_storage_failure_is_reported_and_nothing_is_sent() -> None:
    class Failing(MemoryStore):
        broken = False

        def save(self, key: int, data: bytes) -> None:
            if self.broken:
                raise OSError("disk full")
            super().save(key, data)

    store = Failing(resists_rollback=True)
    pair = Pair(store_a=store)
    a, _ = pair.connect()
    store.broken = True
    with pytest.raises(errors.StorageFailed) as caught:
        for _ in range(100):
            pair.a.send(a, b"x", now=pair.now)
    assert isinstance(caught.value.__cause__, OSError)
    store.broken = False
    pair.a.send(a, b"x", now=pair.now)


def test_restart_from_a_store_goes_on_and_refuses_replays() -> None:
    stores = MemoryStore(resists_rollback=True), MemoryStore(resists_rollback=True)
    pair = Pair(store_a=stores[0], store_b=stores[1])
    a, b = pair.connect()
    old = [pair.a.send(a, b"%d" % index, now=pair.now).frame for index in range(5)]
    for frame in old:
        assert isinstance(pair.give("b", frame), Message)
    pair.b = pair.make_b()
    pair.log.clear()
    pair.settle(10_000)
    resumed = pair.seen("b", Established)
    assert resumed and isinstance(resumed[0], Established) and resumed[0].resumed
    for frame in old:
        with pytest.raises((errors.Replay, errors.Duplicate)):
            pair.b.handle_frame(frame, now=pair.now)
    pair.a = pair.make_a()
    pair.settle(10_000)
    found = pair.a.find(pair.identity_b.thumbprint)
    assert found is not None
    message = pair.give("b", pair.a.send(found, b"after", now=pair.now).frame)
    assert isinstance(message, Message) and message.payload == b"after"
    assert b == pair.b.find(pair.identity_a.thumbprint) or pair.b.find(pair.identity_a.thumbprint) is not None


def test_restore_asks_only_for_what_a_store_may_hold(tmp_path: Path) -> None:
    class Asked(MemoryStore):
        asked = 0

        def load(self, key: int) -> Optional[bytes]:
            self.asked += 1
            return super().load(key)

    asked = Asked(resists_rollback=True)
    pair = Pair(store_a=asked)
    pair.connect()
    asked.asked = 0
    pair.make_a()
    assert (asked.slots(), asked.asked) == (1, 1)
    store = SqliteStore(tmp_path / "state.db")
    assert store.slots() == 0
    store.save(4, b"x")
    assert store.slots() == 5
    store.close()


def test_many_peers_of_one_kid_are_found_and_forgotten() -> None:
    pair = Pair()
    twins = [Identity.generate("twin") for _ in range(3)]
    credentials = [Credential.ccs(twin.key, "twin", b"\x01") for twin in twins]
    for credential in [*credentials, credentials[0]]:
        pair.b.add_peer(credential)
    assert pair.b.remove_peer(credentials[0].thumbprint) and not pair.b.remove_peer(credentials[0].thumbprint)
    twin = Pair(identities=(Identity(credentials[2], twins[2].key), pair.identity_b))
    twin.b = pair.b
    twin.connect()
    refused = Pair(identities=(Identity(credentials[0], twins[0].key), pair.identity_b))
    refused.b = pair.b
    refused.a.connect(now=0)
    refused.settle(2_000)
    assert pair.b.find(credentials[0].thumbprint) is None and pair.b.find(credentials[2].thumbprint) is not None


def test_store_that_may_roll_back_keeps_no_session() -> None:
    store = MemoryStore()
    pair = Pair(store_a=store)
    pair.connect()
    pair.a = pair.make_a()
    assert pair.a.find(pair.identity_b.thumbprint) is None


def test_sqlite_store_in_one_transaction_with_the_application(tmp_path: object) -> None:
    database = sqlite3.connect(f"{tmp_path}/app.db")
    database.execute("CREATE TABLE reading (value BLOB)")
    database.commit()
    store = SqliteStore(database, resists_rollback=True)
    pair = Pair(store_b=store)
    a, b = pair.connect()
    sent = pair.a.send(a, b"42", confirmable=True, now=pair.now)
    with store.transaction() as inside:
        message = pair.b.handle_frame(sent.frame, now=pair.now)
        assert isinstance(message, Message) and message.number is not None
        inside.execute("INSERT INTO reading VALUES (?)", (message.payload,))
        pair.b.commit(b, message.number, now=pair.now)
    assert database.execute("SELECT value FROM reading").fetchall() == [(b"42",)]
    pair.b = pair.make_b()
    pair.settle(5_000)
    again = pair.a.send(a, b"42", confirmable=True, number=0, now=pair.now) if pair.a.session(a).unacknowledged else None
    if again is not None:
        with pytest.raises(errors.Duplicate):
            pair.b.handle_frame(again.frame, now=pair.now)


def test_failed_transaction_ends_the_store(tmp_path: object) -> None:
    store = SqliteStore(f"{tmp_path}/app.db", resists_rollback=True)
    pair = Pair(store_b=store)
    a, _ = pair.connect()
    before = store.load(0)
    sent = pair.a.send(a, b"42", confirmable=True, now=pair.now)
    with pytest.raises(ZeroDivisionError):
        with store.transaction():
            pair.b.handle_frame(sent.frame, now=pair.now)
            raise ZeroDivisionError
    assert store.load(0) == before
    with pytest.raises(errors.StorageFailed):
        store.save(0, b"x")
    reopened = SqliteStore(f"{tmp_path}/app.db", resists_rollback=True)
    pair.store_b = reopened
    pair.b = pair.make_b()
    pair.settle(5_000)
    found = pair.b.find(pair.identity_a.thumbprint)
    assert found is not None
    again = pair.a.send(a, b"42", confirmable=True, number=sent.number, now=pair.now)
    assert isinstance(pair.give("b", again.frame), Message)


def test_closing() -> None:
    pair = Pair(store_a=MemoryStore(resists_rollback=True))
    a, _ = pair.connect()
    pair.a.close(a)
    with pytest.raises(errors.UnknownSession):
        pair.a.send(a, b"x", now=pair.now)
    pair.settle(1_000)
    assert not pair.seen("a", Closed)


def test_settings_are_checked() -> None:
    identity = Identity.generate("dev")
    pair = [(identity.credential, identity.key)]
    with pytest.raises(errors.InvalidArgument):
        Endpoint(pair, inbox="Not Allowed")
    with pytest.raises(errors.InvalidArgument):
        Endpoint(pair, identifier_len=5)
    for suites in ([9], [2]):
        with pytest.raises(errors.UnsupportedSuite):
            Endpoint(pair, suites=suites)
    with pytest.raises(errors.UnknownKey):
        Endpoint([(identity.credential, Key.generate())])
    with pytest.raises(errors.InvalidArgument):
        Endpoint([])


def test_a_transaction_and_another_thread_never_wait_for_each_other(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealwire.store._PATIENCE_S", 0.5)
    store = SqliteStore(f"{tmp_path}/app.db", resists_rollback=True)
    pair = Pair(store_a=store)
    a, _ = pair.connect()
    refused: List[Exception] = []
    entered = threading.Event()

    def other() -> None:
        entered.wait()
        try:
            for _ in range(200):  # One of these has to reserve numbers, inside the endpoint's lock.
                pair.a.send(a, b"other", now=pair.now)
        except errors.StorageFailed as error:
            refused.append(error)

    def inside() -> None:
        with store.transaction():
            entered.set()
            time.sleep(0.2)
            pair.a.send(a, b"inside", now=pair.now)

    threads = [threading.Thread(target=work, daemon=True) for work in (other, inside)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert refused
    pair.a.send(a, b"again", now=pair.now)


def test_a_transaction_begun_elsewhere_saves_nothing(tmp_path: object) -> None:
    database = sqlite3.connect(f"{tmp_path}/app.db")
    store = SqliteStore(database, resists_rollback=True)
    store.save(0, b"old")
    database.execute("BEGIN")
    with pytest.raises(errors.StorageFailed):
        store.save(0, b"new")
    database.execute("ROLLBACK")
    assert store.load(0) == b"old"
    store.save(0, b"new")


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_new_store_is_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        store = SqliteStore(tmp_path / "app.db", resists_rollback=True)
        store.save(0, b"keys")
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert "app.db-wal" in modes and set(modes.values()) == {0o600}, modes
    with pytest.raises(sqlite3.OperationalError):
        SqliteStore(tmp_path / "nowhere" / "app.db")
