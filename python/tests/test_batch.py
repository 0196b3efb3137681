"""Many messages or frames in one call: outcomes in their places, one store operation, the interpreter's lock released."""

from __future__ import annotations

import gc
import sqlite3
import sys
import threading
import time
from typing import Callable, Dict, List, Tuple

import pytest
from pair import Pair

from sealwire import Message, Outgoing, Sent, SqliteStore, errors
from sealwire.primitives import Records


class CountingStore:
    """In memory, counted; counts as resisting rollback, so that every reservation is stored. Fails on command."""

    resists_rollback = True

    def __init__(self) -> None:
        self.data: Dict[int, bytes] = {}
        self.saves = 0
        self.fails = False

    def load(self, key: int) -> "bytes | None":
        return self.data.get(key)

    def save(self, key: int, data: bytes) -> None:
        if self.fails:
            raise OSError("disk full")
        self.saves += 1
        self.data[key] = data


def sent(items: "list[Sent | errors.SealwireError]") -> List[Sent]:
    assert all(isinstance(item, Sent) for item in items), items
    return [item for item in items if isinstance(item, Sent)]


def test_a_batch_carries_what_single_calls_carry() -> None:
    pair = Pair()
    a, b = pair.connect()
    payloads = [b"%d" % index * index for index in range(200)]
    frames = [item.frame for item in sent(pair.a.send_many(a, payloads, topic="ecg", now=pair.now))]
    events = pair.b.handle_frames(frames, now=pair.now)
    assert [(event.payload, event.topic, event.missing) for event in events if isinstance(event, Message)] == [
        (payload, "ecg", 0) for payload in payloads
    ]
    # Numbers, routes, and options of their own.
    mixed = pair.b.send_many(
        b,
        [b"plain", Outgoing(b"confirmable", confirmable=True, content_type="text/plain"), memoryview(b"view"),
         Outgoing(bytearray(b"here"), topic="a/b", in_place=True)],
        now=pair.now,
    )
    assert [item.number for item in sent(mixed)] == [None, 0, None, None]
    frames = [item.frame for item in sent(mixed)]
    back = pair.a.handle_frames([*frames[:3], (frames[3], None, "a/b")], now=pair.now)
    found = [event for event in back if isinstance(event, Message)]
    assert [message.payload for message in found] == [b"plain", b"confirmable", b"view", b"here"]
    assert (found[1].number, found[1].content_type) == (0, "text/plain")
    assert (pair.a.send_many(a, []), pair.b.handle_frames([])) == ([], [])


def test_a_refusal_takes_nothing_from_the_others() -> None:
    pair = Pair()
    a, b = pair.connect()
    frames = [item.frame for item in sent(pair.a.send_many(a, [b"1", b"2", b"3"], now=pair.now))]
    forged = frames[1][:-1] + bytes([frames[1][-1] ^ 1])
    before = pair.b.counters()
    events = pair.b.handle_frames([frames[0], forged, b"", frames[0], frames[1], frames[2]], now=pair.now)
    assert [type(event) for event in events] == [
        Message, errors.DecryptFailed, errors.Malformed, errors.Duplicate, Message, Message,
    ]
    assert pair.b.counters()["decrypt_failed"] == before["decrypt_failed"] + 1
    # 64 confirmable messages may be out: the 65th fails by itself, what needs no number goes on.
    messages = [Outgoing(b"x", confirmable=True)] * 65 + [Outgoing(b"y")]
    outcome = pair.a.send_many(a, messages, now=pair.now)
    assert len(sent(outcome[:64])) == 64 and isinstance(outcome[64], errors.WindowFull) and isinstance(outcome[65], Sent)
    assert pair.a.session(a).unacknowledged == 64
    gone = pair.a.send_many(999_999, [b"x", b"y"])
    assert [type(item) for item in gone] == [errors.UnknownSession] * 2
    with pytest.raises(TypeError):
        pair.a.send_many(a, [b"x", "text"])  # type: ignore[list-item]
    with pytest.raises(errors.InvalidArgument):
        pair.a.send_many(a, [b"x"], in_place=True)


def test_one_store_operation_for_a_batch_and_none_is_used_before() -> None:
    store_a, store_b = CountingStore(), CountingStore()
    pair = Pair(store_a=store_a, store_b=store_b)
    a, b = pair.connect()
    before = (store_a.saves, store_b.saves)
    frames = [item.frame for item in sent(pair.a.send_many(a, [b"x"] * 1000, now=pair.now))]
    assert all(isinstance(event, Message) for event in pair.b.handle_frames(frames, now=pair.now))
    assert (store_a.saves - before[0], store_b.saves - before[1]) == (1, 1)
    # What was reserved is used up by single calls; when the store fails, nothing is used, and what went before is there.
    store_a.fails = store_b.fails = True
    outcome = pair.a.send_many(a, [b"y"] * 1200, now=pair.now)
    good = [item for item in outcome if isinstance(item, Sent)]
    bad = outcome[len(good) :]
    assert good and bad and all(isinstance(item, errors.StorageFailed) for item in bad)
    assert isinstance(bad[0], errors.StorageFailed) and isinstance(bad[0].__cause__, OSError) and bad[-1].__cause__ is None  # type: ignore[union-attr]
    events = pair.b.handle_frames([item.frame for item in good], now=pair.now)
    delivered = [event for event in events if isinstance(event, Message)]
    assert len(delivered) + sum(isinstance(event, errors.StorageFailed) for event in events) == len(good)
    # The redelivery of what could not be stored succeeds.
    store_a.fails = store_b.fails = False
    rest = [item.frame for item in good[len(delivered) :]]
    assert all(isinstance(event, Message) for event in pair.b.handle_frames(rest, now=pair.now))
    # After a restart, both ends stand behind everything that was used.
    pair.a, pair.b = pair.make_a(), pair.make_b()
    pair.settle(1_000)
    assert all(isinstance(event, errors.SealwireError) for event in pair.b.handle_frames(frames + rest, now=pair.now))
    again = pair.a.find(pair.identity_b.thumbprint)
    assert again is not None
    assert isinstance(pair.give("b", pair.a.send(again, b"new", now=pair.now).frame), Message)


def test_a_batch_in_one_transaction_with_its_effects() -> None:
    database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    store = SqliteStore(database, resists_rollback=True)
    pair = Pair(store_b=store)
    a, b = pair.connect()
    database.execute("CREATE TABLE reading (payload BLOB)")
    frames = [item.frame for item in sent(pair.a.send_many(a, [b"%d" % n for n in range(50)], confirmable=True, now=pair.now))]
    with store.transaction():
        for event in pair.b.handle_frames(frames, now=pair.now):
            assert isinstance(event, Message) and event.number is not None
            database.execute("INSERT INTO reading VALUES (?)", (event.payload,))
            pair.b.commit(b, event.number, now=pair.now)
    assert database.execute("SELECT count(*) FROM reading").fetchone() == (50,)
    pair.settle(1_000)
    assert pair.a.session(a).unacknowledged == 0


def counted(work: Callable[[], object]) -> int:
    """How far another thread counts meanwhile. The interpreter takes the lock from nobody, so any progress means it was given away."""
    interval = sys.getswitchinterval()
    count, stop, running = [0], threading.Event(), threading.Event()

    def loop() -> None:
        running.set()
        while not stop.is_set():
            count[0] += 1
            time.sleep(0)

    thread = threading.Thread(target=loop)
    sys.setswitchinterval(60)
    # A finaliser may give the lock away.
    gc.collect()
    gc.disable()
    try:
        thread.start()
        running.wait()
        before = count[0]
        work()
        return count[0] - before
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(interval)
        gc.enable()


def records() -> Tuple[Records, Records]:
    shared = dict(c_i=b"\x01", c_r=b"\x02", prk_out=bytes(32))
    one, other = b"i" * 16, b"r" * 16
    return (
        Records(suite=4, role="initiator", own=one, peer=other, **shared),
        Records(suite=4, role="responder", own=other, peer=one, **shared),
    )


def test_other_threads_run_during_a_batch() -> None:
    pair = Pair()
    a, _ = pair.connect()
    one, other = records()
    payloads = [bytes(16_384)] * 300
    assert counted(lambda: [list(range(1000)) for _ in range(1000)]) == 0
    # A busy machine may not wake the other thread in time, hence some attempts.
    progress = [0] * 4
    for _ in range(20):
        made: List[Sent] = []
        frames: List[bytes] = []
        progress[0] += counted(lambda: made.extend(sent(pair.a.send_many(a, payloads, now=pair.now))))
        progress[1] += counted(lambda: pair.b.handle_frames([item.frame for item in made], now=pair.now))
        progress[2] += counted(lambda: frames.extend(f for f in one.protect_many(payloads) if isinstance(f, bytes)))
        progress[3] += counted(lambda: other.unprotect_many(frames))
        assert len(frames) == len(payloads)
        if all(progress):
            break
    assert all(progress), progress


def test_batches_from_many_threads() -> None:
    class SlowStore(CountingStore):
        def save(self, key: int, data: bytes) -> None:
            time.sleep(0.002)
            super().save(key, data)

    store = SlowStore()
    pair = Pair(store_a=store)
    a, _ = pair.connect()
    made: List[bytes] = []

    def work() -> None:
        for _ in range(10):
            made.extend(item.frame for item in sent(pair.a.send_many(a, [b"x"] * 100, now=pair.now)))
            made.append(pair.a.send(a, b"y", now=pair.now).frame)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "threads wait for each other"
    # Partial IVs are all different.
    assert len(set(made)) == 4 * 10 * 101


def test_records_in_batches() -> None:
    one, other = records()
    frames = one.protect_many([b"a", bytearray(b"b"), memoryview(b"c")], topic="t")
    whole = [frame for frame in frames if isinstance(frame, bytes)]
    broken = whole[1][:-1] + bytes([whole[1][-1] ^ 1])
    opened = other.unprotect_many([whole[0], broken, whole[0], whole[1], whole[2]], topic="t")
    assert [item if isinstance(item, bytes) else type(item) for item in opened] == [
        b"a", errors.DecryptFailed, errors.Duplicate, b"b", b"c",
    ]
    full = one.protect_many([b"x"] * 65, confirmable=True)
    assert isinstance(full[63], bytes) and isinstance(full[64], errors.WindowFull)
