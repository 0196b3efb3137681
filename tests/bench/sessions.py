"""One endpoint with up to 100,000 sessions in the wheel: memory, the cost of finding a session, storing and restoring all of them.

    python tests/bench/sessions.py [--most N] [--json FILE]

Every session is established by a real handshake with a device of its own key (suite 4, credentials by kid, all provisioned). The stored
state is then taken up by a fresh process for each size, in which everything is measured: so the memory is that of the sessions, not
of the devices. `--most 1000` runs in seconds.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import pickle
import random
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, List, Tuple

from sealwire import Credential, Endpoint, Identity, Key, MemoryStore, Message

SIZES = (10, 100, 1_000, 10_000, 100_000)
SAMPLE = 200
PAYLOAD = bytes(64)
# Three bytes name a million sessions.
SETTINGS: Dict[str, Any] = dict(identifier_len=3, max_sessions=1 << 17, ack_delay_ms=0, mqtt=True, inbox="hub")


class Store(MemoryStore):
    """What is stored may be taken up again, and handed to another process."""

    def __init__(self, data: "Dict[int, bytes] | None" = None) -> None:
        super().__init__(resists_rollback=True)
        self._data.update(data or {})

    @property
    def data(self) -> Dict[int, bytes]:
        return self._data


def device(index: int, identity: Identity, hub: Credential, store: Store) -> Endpoint:
    made = Endpoint(
        [(identity.credential, identity.key)], peers=[hub], store=store, inbox=f"d{index}", mqtt=True, authorize=lambda peer: True
    )
    made.restore(now=0)
    return made


def carry(one: Endpoint, hub: Endpoint, name: bytes) -> None:
    """Frames both ways until there are none; those of the hub for others are lost."""
    for _ in range(20):
        quiet = True
        while (frame := one.poll_transmit(now=0)) is not None:
            quiet = False
            hub.handle_frame(frame.frame, now=0)
        while (frame := hub.poll_transmit(now=0)) is not None:
            quiet = False
            if frame.route == name:
                one.handle_frame(frame.frame, now=0)
        if quiet:
            return


def establish(most: int, path: str) -> float:
    """Handshakes with `most` devices; writes what is needed to go on, gives handshakes per second."""
    random.seed(most)
    identity = Identity.generate("hub")
    store = Store()
    hub = Endpoint([(identity.credential, identity.key)], store=store, authorize=lambda peer: True, **SETTINGS)
    hub.restore(now=0)
    # For every size the same number of devices that stay.
    kept = set()
    for size in SIZES:
        kept.update(random.sample(range(min(size, most)), min(SAMPLE, size, most)))
    devices: Dict[int, Tuple[bytes, bytes, Dict[int, bytes]]] = {}
    started, shown = time.perf_counter(), 0.0
    for index in range(most):
        key = Key.generate()
        own = Identity(Credential.ccs(key, f"d{index}", key.thumbprint[:4]), key)
        hub.add_peer(own.credential)
        mine = Store()
        one = device(index, own, identity.credential, mine)
        one.connect("hub", now=0)
        carry(one, hub, b"d%d" % index)
        while hub.poll_event() is not None:
            pass
        assert one.find(identity.thumbprint) is not None and hub.find(own.thumbprint) is not None
        if index in kept:
            devices[index] = (own.credential.data, key.private_bytes(), mine.data)
        if sys.stderr.isatty() and time.perf_counter() - shown > 1:
            shown = time.perf_counter()
            print(f"\r{index + 1} of {most} sessions", end="", file=sys.stderr, flush=True)
    rate = most / (time.perf_counter() - started)
    if shown:
        print("\r\x1b[K", end="", file=sys.stderr)
    with open(path, "wb") as file:
        pickle.dump((identity.credential.data, identity.key.private_bytes(), store.data, devices), file)
    return rate


def resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(size: int, path: str) -> Dict[str, Any]:
    """In a fresh process: the first `size` sessions are taken up."""
    with open(path, "rb") as file:
        credential, private, data, devices = pickle.load(file)
    data = {key: value for key, value in data.items() if key < size}
    assert len(data) == size
    store = Store(data)
    del data
    hub = Endpoint([(Credential(credential), Key.from_bytes("X25519", private))], store=store, authorize=lambda peer: True, **SETTINGS)
    gc.collect()
    before, start = resident(), time.perf_counter()
    assert hub.restore(now=0) == size
    restored = time.perf_counter() - start
    memory = resident() - before
    start = time.perf_counter()
    while hub.poll_transmit(now=0) is not None:
        pass
    while hub.poll_event() is not None:
        pass
    announced = time.perf_counter() - start
    # Both ends were restored: the device's records are behind the edge stored here until it has sent as many as are reserved.
    sample: List[Tuple[Endpoint, int]] = []
    for index in random.Random(size).sample(sorted(key for key in devices if key < size), min(SAMPLE, size)):
        own, key, stored = devices[index]
        one = device(index, Identity(Credential(own), Key.from_bytes("X25519", key)), Credential(credential), Store(stored))
        (session,) = one.sessions()
        hub.handle_frames([one.send(session, PAYLOAD, now=0).frame for _ in range(70)], now=0)
        sample.append((one, session))
    sessions = hub.sessions()
    # The first record after a restore needs a store operation on each session; later ones do not.
    start = time.perf_counter()
    for session in sessions:
        hub.send(session, PAYLOAD, now=0)
    stored_all = time.perf_counter() - start
    random.seed(size)
    # A few sessions over and over, which stay in the processor's cache, show what finding one among `size` costs; all at random, which do
    # not, what memory costs.
    few = random.sample(sessions, min(SAMPLE, size))
    finds, sends, receives = [], [], []
    for _ in range(7):
        order = random.choices(few, k=2_000)
        start = time.perf_counter()
        for session in order:
            hub.send(session, PAYLOAD, now=0)
        finds.append((time.perf_counter() - start) / len(order))
        order = random.choices(sessions, k=2_000)
        start = time.perf_counter()
        for session in order:
            hub.send(session, PAYLOAD, now=0)
        sends.append((time.perf_counter() - start) / len(order))
        frames = [one.send(session, PAYLOAD, now=0).frame for one, session in sample]
        random.shuffle(frames)
        start = time.perf_counter()
        events = [hub.handle_frame(frame, now=0) for frame in frames]
        receives.append((time.perf_counter() - start) / len(frames))
        assert all(isinstance(event, Message) for event in events)
    return dict(
        sessions=size,
        memory_bytes=memory / size,
        restore_s=restored,
        resume_s=announced,
        store_all_s=stored_all,
        send_few_us=statistics.median(finds) * 1e6,
        send_us=statistics.median(sends) * 1e6,
        receive_us=statistics.median(receives) * 1e6,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=SIZES[-1], help="largest number of sessions (default 100000)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, - for standard output")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        json.dump(measure(int(arguments.measure[0]), arguments.measure[1]), sys.stdout)
        return 0
    sizes = [size for size in SIZES if size < arguments.most] + [arguments.most]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "state")
        rate = establish(arguments.most, path)
        for size in sizes:
            command = [sys.executable, os.path.abspath(__file__), "--measure", str(size), path]
            rows.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
    result = dict(established_per_s=rate, rows=rows)
    if arguments.json == "-":
        json.dump(result, sys.stdout, indent=1)
        return 0
    print(f"{arguments.most} sessions by real handshakes, {rate:.0f}/s with both ends, keys and provisioning; 64-byte records")
    print(f"{'sessions':>9} {'bytes each':>11} {'send, few':>10} {'send, all':>10} {'receive':>10} {'store all':>11} {'restore':>9} {'resume':>9}")
    for row in rows:
        memory = f"{row['memory_bytes']:>11.0f}" if row["sessions"] >= 1_000 else f"{'':>11}"
        print(
            f"{row['sessions']:>9} {memory} {row['send_few_us']:>7.2f} us {row['send_us']:>7.2f} us {row['receive_us']:>7.2f} us"
            f" {row['store_all_s']:>9.3f} s {row['restore_s']:>7.3f} s {row['resume_s']:>7.3f} s"
        )
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
            file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
