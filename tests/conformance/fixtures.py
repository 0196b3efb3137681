"""Writes fixtures.json: the keys, credentials, stored sessions and frames that the scenarios name, each the same on every run.

    python tests/conformance/fixtures.py [--check]

Nothing of Sealwire makes them but the second implementation (tests/peer), which shares no code with the core: credentials by its CBOR and COSE,
records by its key schedule, setup codes by its thumbprints, stored sessions byte by byte as core/src/persist/snapshot.rs describes them. Private
keys are SHA-256 of a name and are no secrets.
"""

from __future__ import annotations

import base64
import hashlib
import json
import pathlib
import struct
import sys
from typing import Any, Dict, Optional

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "peer"))

from sealwire_peer import cbor, certificate, cose, key, record, suites  # noqa: E402

TARGET = HERE / "fixtures.json"
CURVES = {"X25519": suites.X25519, "P-256": suites.P256, "Ed25519": suites.ED25519, "ES256": suites.P256}
YEAR_2001, YEAR_2100 = 1_000_000_000, 4_102_444_800

Item = Dict[str, Any]


def private(name: str) -> bytes:
    seed = hashlib.sha256(b"sealwire conformance: " + name.encode()).digest()
    # Below the order of P-256 in any case; X25519 and Ed25519 take any bytes.
    return bytes([seed[0] & 0x7F]) + seed[1:]


def public(kind: str, name: str, kid: Optional[bytes] = None) -> key.CoseKey:
    return key.key_from_private(CURVES[kind], private(name), kid)


def described(kind: str, holder: str, subject: str, kid: bytes, credential: bytes) -> Item:
    """An identity: whose key, and how it is shown."""
    made = public(kind, holder)
    return {
        "kind": kind,
        "private": private(holder).hex(),
        "public": (made.x + (made.y or b"")).hex(),
        "thumbprint": made.thumbprint().hex(),
        "subject": subject,
        "kid": kid.hex(),
        "credential": credential.hex(),
    }


def ccs(kind: str, holder: str, subject: str, kid: bytes) -> Item:
    return described(kind, holder, subject, kid, cose.make_ccs(subject, public(kind, holder, kid)))


def cwt(kind: str, holder: str, subject: str, kid: bytes, issuer: str, issuer_kind: str, **claims: int) -> Item:
    content: Dict[int, Any] = {2: subject, 8: {1: public(kind, holder, kid).to_map()}}
    content.update({{"expires": 4, "not_before": 5}[name]: value for name, value in claims.items()})
    alg = suites.EDDSA if issuer_kind == "Ed25519" else suites.ES256
    return described(kind, holder, subject, kid, cose.issue_cwt(alg, private(issuer), b"root", content))


def x509(kind: str, holder: str, subject: str, issuer: str, **more: Any) -> Item:
    made = certificate.issue(suites.EDDSA, private(issuer), "Root", public(kind, holder), subject, **more)
    return described(kind, holder, subject, b"", made)


def identities() -> Dict[str, Item]:
    found: Dict[str, Item] = {}
    for prefix, kind, base in (("x", "X25519", 0), ("p", "P-256", 4), ("e", "Ed25519", 8), ("s", "ES256", 12)):
        for place, name in enumerate(("alice", "bob", "carol")):
            found[f"{prefix}-{name}"] = ccs(kind, f"{prefix}-{name}", name, bytes([base + place]))
    # Bob's kid, another key: whoever holds it must not pass for Bob.
    found["x-mallory"] = ccs("X25519", "x-mallory", "bob", bytes([1]))
    found["p-mallory"] = ccs("P-256", "p-mallory", "bob", bytes([5]))
    # Bob's key under another kid: two names, one identity.
    found["x-bob-again"] = ccs("X25519", "x-bob", "bob2", bytes([0x20]))
    found["root"] = ccs("Ed25519", "root", "Root", b"root")
    found["p-root"] = ccs("ES256", "p-root", "Root", b"root")
    # The root's kid, another key.
    found["other-root"] = ccs("Ed25519", "other-root", "Root", b"root")
    found["x-alice-token"] = cwt("X25519", "x-alice", "alice", bytes([0x21]), "root", "Ed25519")
    found["x-bob-token"] = cwt("X25519", "x-bob", "bob", bytes([0x22]), "root", "Ed25519")
    found["p-alice-token"] = cwt("P-256", "p-alice", "alice", bytes([0x23]), "p-root", "ES256")
    found["p-bob-token"] = cwt("P-256", "p-bob", "bob", bytes([0x24]), "p-root", "ES256")
    found["x-bob-forged"] = cwt("X25519", "x-bob", "bob", bytes([0x22]), "other-root", "Ed25519")
    found["x-bob-expired"] = cwt("X25519", "x-bob", "bob", bytes([0x25]), "root", "Ed25519", expires=YEAR_2001)
    found["x-bob-early"] = cwt("X25519", "x-bob", "bob", bytes([0x26]), "root", "Ed25519", not_before=YEAR_2100)
    found["e-alice-x509"] = x509("Ed25519", "e-alice", "alice", "root", serial=2, key_usage=["digital_signature"])
    found["e-bob-x509"] = x509("Ed25519", "e-bob", "bob", "root", serial=3, key_usage=["digital_signature"])
    found["e-bob-x509-forged"] = x509("Ed25519", "e-bob", "bob", "other-root", serial=3, key_usage=["digital_signature"])
    # What has a label, and more who may come to it.
    for place, name in enumerate(("device", "dave", "erin")):
        found[f"x-{name}"] = ccs("X25519", f"x-{name}", name, bytes([0x30 + place]))
    return found


# ---- labels

def setup_code(device: str, secret: str, model: str) -> str:
    """PROTOCOL 10.1."""
    content = thumbprint(device) + private(f"setup secret: {secret}")[:16]
    return f"SW1:{base64.b32encode(content).decode().rstrip('=')}:{model}"


def codes() -> Dict[str, str]:
    return {
        "device": setup_code("x-device", "device", "SW-HR/1.0"),
        "device, wrong secret": setup_code("x-device", "another", "SW-HR/1.0"),
        "mallory posing as the device": setup_code("x-mallory", "device", ""),
    }


# ---- bytes that are no good credentials

def credentials() -> Dict[str, bytes]:
    good = cose.make_ccs("alice", public("X25519", "x-alice", bytes([0])))
    wide = good.replace(b"\x01\x01\x02", b"\x01\x18\x01\x02", 1)
    off_curve = {1: {1: 2, 2: b"\x00", -1: 1, -2: b"\x05" * 32, -3: b"\x07" * 32}}
    critical = certificate.issue(suites.EDDSA, private("root"), "Root", public("Ed25519", "e-alice"), "alice", critical="1.2.3.4")
    return {
        "empty": b"",
        "truncated": good[:-1],
        "text": cbor.encode("alice"),
        "kty in a longer head": good.replace(b"\xa4\x01\x01", b"\xa4\x01\x18\x01", 1) if wide == good else wide,
        "point off the curve": cbor.encode({2: "alice", 8: off_curve}),
        "certificate with an unknown critical extension": critical,
    }


# ---- a session as it is stored, and records for it

PRK_OUT = hashlib.sha256(b"sealwire conformance: PRK_out").digest()
SID = hashlib.sha256(b"sealwire conformance: sid").digest()[:8]
C_I, C_R = b"\x20", b"\x00"
FAILURES_SHORT_TAG = 1 << 20


def padded(data: bytes, size: int) -> bytes:
    return bytes([len(data)]) + data.ljust(size, b"\0")


def snapshot(suite: int, own: str, peer: str, responder: bool, reserved: int = 0, covered: int = 0, failures: int = 0, version: int = 1) -> bytes:
    flags = (1 if responder else 0) | 2
    body = bytes([version, suite, flags, 0, 0]) + struct.pack(">I", 1)
    body += padded(C_I, 4) + padded(C_R, 4) + SID + thumbprint(own) + thumbprint(peer) + padded(b"", 24)
    body += struct.pack(">I", 0) + bytes(24) + struct.pack(">QQQ", 0, 0, 0) + struct.pack(">QQ", 0, 0) + bytes(48)
    body += PRK_OUT + struct.pack(">QQI", reserved, covered, failures) + bytes(52)
    return body + hashlib.sha256(body).digest()[:8]


def thumbprint(name: str) -> bytes:
    kind = {"x": "X25519", "p": "P-256"}[name[0]]
    return public(kind, name).thumbprint()


def stored() -> Dict[str, bytes]:
    limit = record.MAX_PIV_SHORT_TAG + 1
    return {
        # Bob's end of a session that Alice began; suite 2 for what wears out sooner.
        "bob": snapshot(4, "x-bob", "x-alice", True),
        "bob with edge 100": snapshot(4, "x-bob", "x-alice", True, covered=100),
        "bob, no Partial IV left": snapshot(2, "p-bob", "p-alice", True, reserved=limit),
        "bob, one failure left": snapshot(2, "p-bob", "p-alice", True, failures=FAILURES_SHORT_TAG - 1),
        "bob, version 255": snapshot(4, "x-bob", "x-alice", True, version=255),
    }


def frames() -> Dict[str, bytes]:
    alice = record.Session(suites.SUITES[4].app_aead, PRK_OUT, C_R, C_I, thumbprint("x-alice"), thumbprint("x-bob"), SID)
    short = record.Session(suites.SUITES[2].app_aead, PRK_OUT, C_R, C_I, thumbprint("p-alice"), thumbprint("p-bob"), SID)
    bob = record.Session(suites.SUITES[4].app_aead, PRK_OUT, C_R, C_I, thumbprint("x-alice"), thumbprint("x-carol"), SID)
    good = alice.protect(b"good", piv=0)
    g_x = suites.public_of(suites.X25519, private("ephemeral"))[0]

    def message_1(method: int = 3, suite: Any = 4, share: bytes = g_x, *ead: Any) -> bytes:
        return b"\x01" + cbor.sequence(method, suite, share, -1, *ead)

    return {
        "record: plain": good,
        "record: in place on a/b": alice.protect(b"21.5", piv=1, topic="a/b"),
        "record: addressed to a/b": alice.protect(b"22.5", {record.TOPIC: b"a/b"}, piv=2),
        "record: addressed to no text": alice.protect_plaintext(cbor.encode({record.TOPIC: b"a/\xff"}) + b"x", False, True, piv=10),
        "record: all options": alice.protect(
            b"{}", {record.RETAIN: True, record.EXPIRY: 3600, record.CONTENT_TYPE: "application/cbor"}, number=7, piv=3
        ),
        "record: Partial IV 99": alice.protect(b"old", piv=99),
        "record: Partial IV 100": alice.protect(b"new", piv=100),
        "record: unknown option": alice.protect_plaintext(cbor.encode({16: True}), False, True, piv=4),
        "record: option twice": alice.protect_plaintext(b"\xa2\x0f\xf5\x0f\xf5", False, True, piv=5),
        "record: option key in a longer head": alice.protect_plaintext(b"\xa1\x18\x0b\xf5", False, True, piv=6),
        "record: control with a payload": alice.protect_plaintext(cbor.encode({record.KIND: record.CONTROL}) + b"x", False, True, piv=7),
        "record: a command without an answer": alice.protect(b"unlock", {record.KIND: record.COMMAND}, piv=8),
        "record: for carol": bob.protect(b"good", piv=9),
        "record: epoch 1": bytes([good[0] | 0x20]) + good[1:],
        "record: suite 2": short.protect(b"good", piv=0),
        "message_1: good": message_1(),
        "message_1: method 4": message_1(4),
        "message_1: method 0": message_1(0),
        "message_1: suite 6 alone": message_1(3, 6),
        "message_1: all-zero share": message_1(3, 4, bytes(32)),
        "message_1: critical EAD 1000": message_1(3, 4, g_x, -1000),
        "message_1: EAD 1000": message_1(3, 4, g_x, 1000),
        "message_1: method in a longer head": b"\x01\x18\x03" + message_1()[2:],
        "message_1: truncated": message_1()[:-2],
        "message_1: inbox alice": message_1(3, 4, g_x, -32768, b"alice"),
        "message_1: inbox of 17": message_1(3, 4, g_x, -32768, b"a" * 17),
    }


def render() -> str:
    content = {
        "format": 1,
        "about": "keys, credentials, stored sessions and frames of the scenarios; private keys are SHA-256 of names, for tests only",
        "generator": "tests/conformance/fixtures.py",
        "identities": identities(),
        "codes": codes(),
        "credentials": {name: data.hex() for name, data in credentials().items()},
        "stored": {name: data.hex() for name, data in stored().items()},
        "frames": {name: data.hex() for name, data in frames().items()},
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    made = render()
    if "--check" in sys.argv[1:]:
        if TARGET.read_text(encoding="utf-8") != made:
            print("tests/conformance/fixtures.json is not what fixtures.py makes", file=sys.stderr)
            return 1
        return 0
    TARGET.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
