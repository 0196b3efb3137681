"""The wheel beside wheels from PyPI, in one process and one thread: handshakes against lakers-python, records against pyca/cryptography.

    python tests/bench/python_bench.py [--quick] [--json FILE]

Batches of ours and theirs take turns, so that other load on the machine falls on both; reported are the median times and the median
of the ratios of neighbours. A ratio above 1 means that ours is faster. `--quick` runs a few rounds, to see that it works.

Handshakes are the four EDHOC messages of method 3, both ends, credentials by kid, in the primitives of both packages. A record is
protected at one end and unprotected at the other; pyca encrypts and decrypts the same payload with an AAD as long as a record's.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from sealwire import Credential, Endpoint, Identity, Message, Sent
from sealwire.primitives import Initiator, Records, Responder

BATCHES = 9
# Of a record without topic at one-byte identifiers (PROTOCOL 5.2).
AAD = 58
CURVES = {4: "X25519", 2: "P-256"}
Operation = Callable[[], object]


def clock(operation: Operation, count: int) -> float:
    start = time.thread_time()
    for _ in range(count):
        operation()
    return (time.thread_time() - start) / count


def compare(ours: Operation, theirs: Operation, count: int, our_share: int = 1) -> Tuple[float, float, float]:
    """Median times of one operation, and the median ratio theirs / ours. A call of `ours` does `our_share` operations."""
    calls = max(count // our_share, 1)
    pairs = [(clock(ours, calls) / our_share, clock(theirs, count)) for _ in range(BATCHES)]
    one, other = (statistics.median(times) for times in zip(*pairs))
    return one, other, statistics.median(theirs / ours for ours, theirs in pairs)


# ---- handshakes


def identities(suite: int) -> Tuple[Identity, Identity]:
    made = []
    for name, kid in (("dev", b"\x2b"), ("hub", b"\x0a")):
        identity = Identity.generate(name, curve=CURVES[suite])
        made.append(Identity(Credential.ccs(identity.key, name, kid), identity.key))
    return made[0], made[1]


def our_handshake(suite: int) -> Operation:
    i, r = identities(suite)

    def run() -> None:
        initiator = Initiator(i.credential, i.key, peers=[r.credential], suite=suite)
        responder = Responder(r.credential, r.key, peers=[i.credential], suites=[suite])
        message_2 = responder.process_message_1(initiator.compose_message_1(b"\x0e"), b"\x27")
        message_4, done = responder.process_message_3(initiator.process_message_2(message_2))
        assert initiator.process_message_4(message_4).th_4 == done.th_4

    return run


def lakers_handshake() -> Operation:
    import lakers

    i, r = identities(2)
    cred_i, cred_r = lakers.Credential(i.credential.data), lakers.Credential(r.credential.data)
    key_i, key_r = i.key.private_bytes(), r.key.private_bytes()
    by_kid = lakers.CredentialTransfer.ByReference

    def run() -> None:
        initiator, responder = lakers.EdhocInitiator(), lakers.EdhocResponder(key_r, cred_r)
        responder.process_message_1(initiator.prepare_message_1([0x0E], []))
        _, id_r, _ = initiator.parse_message_2(responder.prepare_message_2(by_kid, [0x27], []))
        initiator.verify_message_2(key_i, cred_i, lakers.credential_check_or_fetch(id_r, cred_r))
        message_3, _ = initiator.prepare_message_3(by_kid, [])
        id_i, _ = responder.parse_message_3(message_3)
        responder.verify_message_3(lakers.credential_check_or_fetch(id_i, cred_i))
        initiator.process_message_4(responder.prepare_message_4([]))

    return run


# ---- records


def pyca(size: int) -> Operation:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    cipher, nonce, aad, payload = ChaCha20Poly1305(os.urandom(32)), os.urandom(12), os.urandom(AAD), os.urandom(size)

    def run() -> None:
        cipher.decrypt(nonce, cipher.encrypt(nonce, payload, aad), aad)

    return run


def record_pair() -> Tuple[Records, Records]:
    shared: Dict[str, Any] = dict(suite=4, c_i=b"\x01", c_r=b"\x02", prk_out=os.urandom(32))
    return (
        Records(role="initiator", own=b"i" * 16, peer=b"r" * 16, **shared),
        Records(role="responder", own=b"r" * 16, peer=b"i" * 16, **shared),
    )


def our_records(size: int, batch: int) -> Operation:
    one, other = record_pair()
    payload = os.urandom(size)
    many = [payload] * batch

    def single() -> None:
        other.unprotect(one.protect(payload))

    def batched() -> None:
        other.unprotect_many(one.protect_many(many))  # type: ignore[arg-type]

    assert other.unprotect_many(one.protect_many([payload])) == [payload]  # type: ignore[arg-type]
    return single if batch == 1 else batched


def connected() -> Tuple[Endpoint, Endpoint, int]:
    i, r = identities(4)
    a = Endpoint([(i.credential, i.key)], peers=[r.credential])
    b = Endpoint([(r.credential, r.key)], peers=[i.credential])
    a.connect(now=0)
    for _ in range(8):
        for sender, receiver in ((a, b), (b, a)):
            while (frame := sender.poll_transmit(now=0)) is not None:
                receiver.handle_frame(frame.frame, now=0)
    session = a.find(r.thumbprint)
    assert session is not None
    return a, b, session


def our_endpoint(size: int, batch: int) -> Operation:
    a, b, session = connected()
    payload = os.urandom(size)
    many = [payload] * batch

    def single() -> None:
        b.handle_frame(a.send(session, payload, now=0).frame, now=0)

    def batched() -> None:
        b.handle_frames([sent.frame for sent in a.send_many(session, many, now=0)], now=0)  # type: ignore[union-attr]

    sent = a.send(session, payload, now=0)
    brought = b.handle_frame(sent.frame, now=0)
    assert isinstance(sent, Sent) and isinstance(brought, Message) and brought.payload == payload
    return single if batch == 1 else batched


# ---- all of it


def measure(quick: bool) -> List[Dict[str, Any]]:
    rows: List[Dict[str, Any]] = []

    def row(name: str, rival: str, ours: Operation, theirs: Operation, count: int, target: Optional[float], share: int = 1) -> None:
        one, other, ratio = compare(ours, theirs, max(count // 50, 2) if quick else count, share)
        rows.append(dict(name=name, rival=rival, ours_us=one * 1e6, theirs_us=other * 1e6, ratio=ratio, target=target))

    row("handshake, suite 4", "lakers-python, suite 2", our_handshake(4), lakers_handshake(), 100, 2.0)
    row("handshake, suite 2", "lakers-python, suite 2", our_handshake(2), lakers_handshake(), 100, None)
    for size, one_target, batch_target in ((64, 1.0, 2.0), (1024, 1.0, None)):
        rival = f"pyca ChaCha20Poly1305, {size} B"
        batch = 20 if quick else 1000
        for where, ours in (("primitives", our_records), ("endpoint", our_endpoint)):
            row(f"record of {size} B, {where}, one by one", rival, ours(size, 1), pyca(size), 20_000, one_target)
            row(f"record of {size} B, {where}, batch of {batch}", rival, ours(size, batch), pyca(size), 20_000, batch_target, batch)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few rounds only")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, - for standard output")
    arguments = parser.parse_args()
    rows = measure(arguments.quick)
    versions = {name: importlib.metadata.version(name) for name in ("lakers-python", "cryptography")}
    result = {"python": platform.python_version(), "versions": versions, "quick": arguments.quick, "rows": rows}
    if arguments.json == "-":
        json.dump(result, sys.stdout, indent=1)
        return 0
    print(f"CPython {result['python']}, " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    print(f"{'':44} {'ours':>11} {'theirs':>11} {'ratio':>6}  target  against")
    for found in rows:
        target = "" if found["target"] is None else f"{found['target']:.1f}"
        times = f"{found['ours_us']:>8.2f} us {found['theirs_us']:>8.2f} us"
        print(f"{found['name']:44} {times} {found['ratio']:>6.2f}  {target:>6}  {found['rival']}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
            file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
