"""Writes the vectors that the core is held against: ``python -m sealwire_peer.vectors``.

Without arguments it writes ``tests/vectors/peer_edhoc.json`` and ``peer_records.json``; with
``--check`` it compares instead and fails on a difference; with ``--worked-example`` it puts the
worked example into ``docs/PROTOCOL.md`` §9 (together with ``--check``: compares).

Everything is derived from fixed labels, so a second run gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from . import cbor, cose, edhoc, frame, kdf, record, suites
from .cose import Credential, Store, TrustAnchor
from .edhoc import Ead, Initiator, Own, Responder
from .errors import PeerError

TESTS = Path(__file__).resolve().parent.parent.parent
VECTORS = TESTS / "vectors"

_ABOUT = {
    "source": "docs/PROTOCOL.md, RFC 9528, RFC 8613; no outside vectors exist for these",
    "generator": "tests/peer: python -m sealwire_peer.vectors (independent Python implementation)",
    "verified_by": "the core, by computing every value anew; tests/peer, by regenerating the file",
}


def fixed(label: str, length: int = 32) -> bytes:
    """Bytes that only the label decides; nothing secret, nothing random."""
    return kdf.expand(kdf.extract(b"sealwire test vectors", label.encode()), b"", length)


def jsonable(value: Any) -> Any:
    """Byte strings as hex, maps with string keys."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(v) for v in value]
    return value


# --- Credentials -----------------------------------------------------------------------


def issuers() -> Dict[str, Tuple[int, bytes, TrustAnchor]]:
    """Two issuers: (algorithm, private key, anchor)."""
    found: Dict[str, Tuple[int, bytes, TrustAnchor]] = {}
    for name, alg, curve, kid in (
        ("ed25519", suites.EDDSA, suites.ED25519, b"ca1"),
        ("p256", suites.ES256, suites.P256, b"ca2"),
    ):
        private = fixed(f"issuer {name}")
        found[name] = (alg, private, TrustAnchor(cose.key_from_private(curve, private), kid))
    return found


def make_credential(
    kind: str, curve: int, subject: str, kid: bytes, issuer: Optional[str] = None
) -> Tuple[Credential, bytes]:
    """A credential and its private key."""
    private = fixed(f"static {curve} {subject}")
    key = cose.key_from_private(curve, private, kid)
    if kind == "ccs":
        return cose.parse_credential(cose.make_ccs(subject, key)), private
    assert issuer is not None
    alg, issuer_private, anchor = issuers()[issuer]
    claims = {1: f"issuer-{issuer}", 2: subject, 4: 2000000000, 6: 1700000000, 7: kid, 8: {1: key.to_map()}}
    return cose.parse_credential(cose.issue_cwt(alg, issuer_private, anchor.kid, claims)), private


def describe_credential(credential: Credential, private: bytes, id_by: str) -> Dict[str, Any]:
    """What a reader needs to rebuild a party."""
    key = credential.key
    return {
        "kind": credential.kind,
        "cred": credential.item,
        "private": private,
        "curve": {suites.X25519: "X25519", suites.P256: "P-256"}[key.curve],
        "x": key.x,
        "y": key.y,
        "kid": key.kid,
        "subject": credential.subject,
        "thumbprint": key.thumbprint(),
        "thumbprint_sha256": key.thumbprint_256(),
        "id_by": id_by,
        "id_cred": credential.id_cred(id_by),
    }


# --- Handshakes -------------------------------------------------------------------------

# What both ends hold in the end, by RFC 9528's names.
_NAMES = (
    "G_X G_Y message_1 H_message_1 G_XY TH_2 PRK_2e SALT_3e2m G_RX PRK_3e2m context_2 MAC_2 Signature_or_MAC_2 "
    "PLAINTEXT_2 KEYSTREAM_2 CIPHERTEXT_2 message_2 TH_3 SALT_4e3m G_IY PRK_4e3m context_3 MAC_3 Signature_or_MAC_3 "
    "PLAINTEXT_3 A_3 K_3 IV_3 CIPHERTEXT_3 message_3 TH_4 PLAINTEXT_4 A_4 K_4 IV_4 CIPHERTEXT_4 message_4 "
    "PRK_out PRK_exporter"
).split()


class Run:
    """One finished deterministic handshake."""

    def __init__(
        self,
        name: str,
        suite: int,
        i: Tuple[Credential, bytes],
        r: Tuple[Credential, bytes],
        id_by: Tuple[str, str],
        c_i: bytes,
        c_r: bytes,
        ead: Optional[Dict[int, List[Ead]]] = None,
        suites_i: Optional[List[int]] = None,
    ) -> None:
        self.name, self.suite, self.i, self.r, self.id_by = name, suite, i, r, id_by
        self.c_i, self.c_r = c_i, c_r
        self.ead = ead or {}
        self.suites_i = suites_i or [suite]
        anchors = [anchor for _, _, anchor in issuers().values()]
        # A CWT by value needs no database, a CCS always does.
        known_to_i = [r[0]] if id_by[1] == "kid" or r[0].kind == "ccs" else []
        known_to_r = [i[0]] if id_by[0] == "kid" or i[0].kind == "ccs" else []
        curve = suites.SUITES[suite].curve
        self.x, self.y = (self._ephemeral(curve, end) for end in ("x", "y"))
        self.initiator = Initiator(
            Own(i[0], i[1], id_by[0]), Store(known_to_i, anchors), self.suites_i, 3, c_i, self.x
        )
        self.responder = Responder(Own(r[0], r[1], id_by[1]), Store(known_to_r, anchors), [suite])
        self.responder.process_message_1(self.initiator.message_1(self.ead.get(1, [])))
        self.initiator.process_message_2(self.responder.message_2(c_r, self.ead.get(2, []), self.y))
        self.responder.process_message_3(self.initiator.message_3(self.ead.get(3, [])))
        self.initiator.process_message_4(self.responder.message_4(self.ead.get(4, [])))
        for key in _NAMES:
            assert self.initiator.values[key] == self.responder.values[key], key
        assert self.initiator.peer == r[0] and self.responder.peer == i[0]

    def _ephemeral(self, curve: int, end: str) -> bytes:
        # Such a value is below the order of P-256 but for a chance of 2^-32; suites would refuse it.
        return fixed(f"ephemeral {curve} {self.name} {end}")

    def frames(self) -> Dict[str, bytes]:
        """The four frames of PROTOCOL §3."""
        v = self.initiator.values
        return {
            "message_1": frame.compose(frame.MESSAGE_1, b"", v["message_1"]),
            "message_2": frame.compose(frame.MESSAGE_2, self.c_i, v["message_2"]),
            "message_3": frame.compose(frame.MESSAGE_3, self.c_r, v["message_3"]),
            "message_4": frame.compose(frame.MESSAGE_4, self.c_i, v["message_4"]),
        }

    def sessions(self) -> Tuple[record.Session, record.Session]:
        """The record sessions of I and R."""
        return record.Session.of(self.initiator), record.Session.of(self.responder)

    def describe(self) -> Dict[str, Any]:
        """The case as it stands in the file."""
        app = suites.SUITES[self.suite].app_aead
        n_a, n_b = fixed(f"n_a {self.name}", 8), fixed(f"n_b {self.name}", 8)
        context = record.update_context(1, n_a, n_b)
        updated = kdf.key_update(self.initiator.prk_out, context)
        exported = [
            (record.EXPORT_SECRET, b"", app.key_length),
            (record.EXPORT_SALT, b"", record.SALT_LENGTH),
            (33000, b"application", 48),
        ]
        return {
            "name": self.name,
            "method": 3,
            "suite": self.suite,
            "suites_i": self.suites_i,
            "suites_r": [self.suite],
            "c_i": self.c_i,
            "c_r": self.c_r,
            "x": self.x,
            "y": self.y,
            "initiator": describe_credential(self.i[0], self.i[1], self.id_by[0]),
            "responder": describe_credential(self.r[0], self.r[1], self.id_by[1]),
            **{f"ead_{n}": [list(item) for item in self.ead.get(n, [])] for n in (1, 2, 3, 4)},
            "values": {key: self.initiator.values[key] for key in _NAMES},
            "sid": self.initiator.sid,
            "frames": self.frames(),
            "exporter": [
                {"label": label, "context": ctx, "length": n, "output": self.initiator.exporter(label, ctx, n)}
                for label, ctx, n in exported
            ],
            "key_update": {
                "epoch": 1,
                "n_a": n_a,
                "n_b": n_b,
                "context": context,
                "PRK_out": updated,
                "PRK_exporter": kdf.prk_exporter(updated),
                "exporter": [
                    {"label": label, "context": ctx, "length": n, "output": kdf.exporter(updated, label, ctx, n)}
                    for label, ctx, n in exported
                ],
            },
        }


def runs() -> List[Run]:
    """Every handshake of the file."""
    x, p = suites.X25519, suites.P256
    ead: Dict[int, List[Ead]] = {
        1: [(edhoc.INBOX_1, b"wearable-7")],
        2: [(edhoc.INBOX_2, b"hub-2"), (40000, None)],
        3: [(edhoc.PADDING, bytes(5)), (40001, b"\x01\x02")],
        4: [(edhoc.PADDING, b"")],
    }
    return [
        Run(
            "suite-4-kid",
            4,
            make_credential("ccs", x, "wearable-7", b"\x2b"),
            make_credential("ccs", x, "hub", b"\x0a"),
            ("kid", "kid"),
            b"\x0e",
            b"\x27",
        ),
        Run(
            "suite-4-long-kid-long-identifiers",
            4,
            make_credential("ccs", x, "pump-1", b"pump-1"),
            make_credential("ccs", x, "hub", b"\x18"),
            ("kid", "kid"),
            b"\x01\x02",
            b"\xff\x00\x10\x20",
        ),
        Run(
            "suite-4-kccs-by-value",
            4,
            make_credential("ccs", x, "wearable-7", b"\x2b"),
            make_credential("ccs", x, "hub", b"\x0a"),
            ("value", "value"),
            b"\x00",
            b"\x17",
        ),
        Run(
            "suite-4-kcwt-by-value-with-ead",
            4,
            make_credential("cwt", x, "wearable-7", b"\x2b", "ed25519"),
            make_credential("cwt", x, "hub", b"\x0a", "p256"),
            ("value", "value"),
            b"\x05",
            b"\x37",
            ead,
        ),
        Run(
            "suite-4-cwt-by-kid",
            4,
            make_credential("cwt", x, "wearable-7", b"\x2b", "ed25519"),
            make_credential("cwt", x, "hub", b"hub-key", "ed25519"),
            ("kid", "kid"),
            b"\x10",
            b"\x20",
        ),
        Run(
            "suite-2-kid",
            2,
            make_credential("ccs", p, "wearable-7", b"\x2b"),
            make_credential("ccs", p, "hub", b"\x0a"),
            ("kid", "kid"),
            b"\x0e",
            b"\x27",
        ),
        Run(
            "suite-2-after-error-2",
            2,
            make_credential("ccs", p, "wearable-7", b"\x2b"),
            make_credential("ccs", p, "hub", b"\x0a"),
            ("kid", "kid"),
            b"\x0f",
            b"\x01",
            suites_i=[4, 2],
        ),
        Run(
            "suite-2-kccs-by-value-long-identifiers",
            2,
            make_credential("ccs", p, "pump-1", b"pump-1"),
            make_credential("ccs", p, "hub", b"\x18"),
            ("value", "value"),
            b"\x0a\x0b\x0c",
            b"\x0a\x0b",
        ),
        Run(
            "suite-2-kcwt-by-value-with-ead",
            2,
            make_credential("cwt", p, "wearable-7", b"\x2b", "p256"),
            make_credential("cwt", p, "hub", b"\x0a", "ed25519"),
            ("value", "value"),
            b"\x05",
            b"\x37",
            ead,
        ),
    ]


def edhoc_file() -> Dict[str, Any]:
    """peer_edhoc.json."""
    anchors = [
        {
            "name": name,
            "alg": alg,
            "curve": {suites.ED25519: "Ed25519", suites.P256: "P-256"}[anchor.key.curve],
            "private": private,
            "x": anchor.key.x,
            "y": anchor.key.y,
            "kid": anchor.kid,
            "purposes": sorted(anchor.purposes),
            "cose_key": cbor.encode(anchor.key.to_map()),
        }
        for name, (alg, private, anchor) in issuers().items()
    ]
    return {
        **_ABOUT,
        "note": "Hex throughout. EAD items are [label as on the wire, value or null]. CWTs expire at 2000000000. "
        "In suite-2-after-error-2 the first message_1 (SUITES_I = 4) was answered by error 0202.",
        "anchors": anchors,
        "handshakes": [run.describe() for run in runs()],
    }


# --- Records ------------------------------------------------------------------------------


def _record_cases(with_long_piv: bool) -> List[Dict[str, Any]]:
    """What is protected: direction, epoch, piv, and the message."""
    eight = lambda label: fixed(f"record option {label}", 8)  # noqa: E731
    R = record
    cases: List[Dict[str, Any]] = [
        {"name": "first", "payload": b"hello"},
        {"name": "answer", "sender": "R", "payload": b"hello yourself"},
        {"name": "empty payload", "piv": 1, "payload": b""},
        {"name": "partial IV of one byte, last", "piv": 255, "payload": b"\xff"},
        {"name": "partial IV of two bytes", "piv": 256, "payload": b"\x00"},
        {"name": "partial IV of three bytes", "piv": 65536, "payload": bytes(40)},
        {"name": "in place on a topic", "piv": 300, "payload": b"21.5", "topic": "plant/3/temperature"},
        {"name": "confirmable, number 0", "piv": 301, "number": 0, "payload": b"dose 1"},
        {"name": "confirmable, number 70000, in place", "piv": 302, "number": 70000, "payload": b"dose 2", "topic": "a"},
        {"name": "addressed", "piv": 303, "options": {R.TOPIC: b"plant/3/valve"}, "payload": b"\x01"},
        {
            "name": "command with answer",
            "sender": "R",
            "piv": 1,
            "options": {R.KIND: R.COMMAND, R.TOPIC: b"door", R.ANSWER: eight("offer")},
            "payload": b"unlock",
        },
        {"name": "offer", "piv": 304, "options": {R.OFFER: eight("offer")}, "payload": b"data"},
        {"name": "offer request", "sender": "R", "piv": 2, "options": {R.KIND: R.CONTROL, R.OFFER_REQUEST: True}},
        {"name": "ping", "sender": "R", "piv": 3, "options": {R.KIND: R.CONTROL, R.PING: True}},
        {"name": "ack", "sender": "R", "piv": 4, "options": {R.KIND: R.CONTROL, R.ACK: [63, (1 << 63) - 1]}},
        {
            "name": "resume without an edge",
            "piv": 305,
            "options": {R.KIND: R.CONTROL, R.RESUME: [None, eight("challenge")]},
        },
        {
            "name": "resume with an edge, and ack",
            "piv": 306,
            "options": {R.KIND: R.CONTROL, R.ACK: [4, 3], R.RESUME: [1000, eight("challenge")]},
        },
        {"name": "resumed", "sender": "R", "piv": 1001, "options": {R.KIND: R.CONTROL, R.RESUMED: eight("challenge")}},
        {
            "name": "sent before under another session",
            "piv": 307,
            "number": 3,
            "options": {R.ORIGIN: [eight("sid"), 12]},
            "payload": b"again",
        },
        {
            "name": "handover of two sessions",
            "piv": 308,
            "options": {R.KIND: R.CONTROL, R.HANDOVER: [[eight("sid"), 0], [eight("sid 2"), 1]]},
        },
        {
            "name": "what MQTT cannot be trusted with",
            "piv": 309,
            "options": {R.RETAIN: True, R.EXPIRY: 3600, R.CONTENT_TYPE: "application/cbor"},
            "payload": b"\xa0",
            "topic": "plant/3/état",
        },
        {
            "name": "update request",
            "piv": 310,
            "options": {R.KIND: R.CONTROL, R.UPDATE_REQUEST: [1, eight("n_a")]},
        },
        {
            "name": "update response",
            "sender": "R",
            "piv": 1002,
            "options": {R.KIND: R.CONTROL, R.UPDATE_RESPONSE: [1, eight("n_a"), eight("n_b")]},
        },
        {"name": "first under epoch 1", "epoch": 1, "payload": b"new keys"},
        {"name": "answer under epoch 1", "sender": "R", "epoch": 1, "number": 71000, "payload": b"seen"},
        {"name": "first under epoch 2", "epoch": 2, "payload": b"newer keys"},
    ]
    if with_long_piv:
        cases += [
            {"name": "partial IV of four bytes", "piv": 1 << 24, "payload": b"4"},
            {"name": "the last partial IV", "piv": record.MAX_PIV, "payload": b"5"},
        ]
    else:
        cases += [{"name": "the last partial IV", "piv": record.MAX_PIV_SHORT_TAG, "payload": b"5"}]
    return cases


def _invalid_records(session: record.Session) -> List[Dict[str, Any]]:
    """Records of I that R must refuse, each with the reason."""
    control = cbor.encode({record.KIND: record.CONTROL})
    plaintexts: List[Tuple[str, str, bytes, bool, bool]] = [
        ("empty options map", "malformed", b"\xa0", False, True),
        ("unknown option key", "unsupported_option", cbor.encode({16: True}), False, True),
        ("option keys descend", "malformed", b"\xa2\x0f\xf5\x0b\xf5", False, True),
        ("an option twice", "malformed", b"\xa2\x0b\xf5\x0b\xf5", False, True),
        ("negative option key", "malformed", b"\xa1\x20\xf5", False, True),
        ("kind 0", "malformed", b"\xa1\x00\x00", False, True),
        ("offer of 7 bytes", "malformed", cbor.encode({record.OFFER: bytes(7)}), False, True),
        ("retain false", "malformed", cbor.encode({record.RETAIN: False}), False, True),
        ("empty topic", "malformed", cbor.encode({record.TOPIC: b""}), False, True),
        ("handover of nothing", "malformed", cbor.encode({record.HANDOVER: []}), False, True),
        ("options not a map", "malformed", b"\x80", False, True),
        ("options of indefinite length", "malformed", b"\xbf\x0b\xf5\xff", False, True),
        ("option key in two bytes", "malformed", b"\xa1\x18\x0b\xf5", False, True),
        ("no options although announced", "malformed", b"", False, True),
        ("no number although announced", "malformed", b"", True, False),
        ("number in a longer head", "malformed", b"\x18\x05x", True, False),
        ("negative number", "malformed", b"\x20x", True, False),
        ("control with a payload", "malformed", control + b"x", False, True),
        ("control with a number", "malformed", b"\x00" + control, True, True),
    ]
    found: List[Dict[str, Any]] = []
    for name, reason, plaintext, confirmable, options in plaintexts:
        sealed = session.protect_plaintext(plaintext, confirmable, options, piv=2000 + len(found))
        found.append({"name": name, "reason": reason, "topic": None, "record": sealed})
    good = session.protect(b"good", piv=3000)
    size = len(session.keys(0).sender_id)

    def refused(name: str, reason: str, sealed: bytes, topic: Optional[str] = None) -> None:
        found.append({"name": name, "reason": reason, "topic": topic, "record": sealed})

    refused("a bit of the tag", "decrypt", good[:-1] + bytes([good[-1] ^ 1]))
    refused("a bit of the ciphertext", "decrypt", good[: size + 3] + bytes([good[size + 3] ^ 0x80]) + good[size + 4 :])
    refused("confirmable bit flipped", "decrypt", bytes([good[0] ^ 0x10]) + good[1:])
    refused("options bit flipped", "decrypt", bytes([good[0] ^ 0x08]) + good[1:])
    refused("another partial IV", "decrypt", good[: size + 2] + bytes([good[size + 2] ^ 1]) + good[size + 3 :])
    refused("another topic", "decrypt", session.protect(b"x", piv=3001, topic="a/b"), "a/c")
    refused("in place, taken for addressed", "decrypt", session.protect(b"x", piv=3002, topic="a/b"))
    refused("addressed, taken for in place", "decrypt", session.protect(b"x", piv=3003), "a/b")
    refused("partial IV longer than it need be", "malformed", bytes([0x41]) + good[1 : 1 + size] + b"\0\x07" + good[size + 3 :])
    refused("nnn = 5", "malformed", bytes([0x45]) + good[1 : 1 + size] + bytes(6) + good[size + 3 :])
    refused("shorter than its header", "malformed", good[: size + 2])
    refused("shorter than its tag", "malformed", good[: size + 3 + 7])
    refused("another identifier", "unknown_context", good[:1] + bytes([good[1] ^ 1]) + good[2:])
    return found


def _checked(invalid: List[Dict[str, Any]], recipient: record.Session) -> List[Dict[str, Any]]:
    """The same list, once every case has been refused for the reason it names."""
    for case in invalid:
        try:
            recipient.unprotect_alone(case["record"], case["topic"], 0)
        except PeerError as error:
            reason = "malformed" if error.reason == "not_deterministic" else error.reason
            assert reason == case["reason"], (case["name"], str(error))
        else:
            raise AssertionError(case["name"])
    return invalid


def _describe_keys(keys: record.Keys) -> Dict[str, Any]:
    return {
        "epoch": keys.epoch,
        "master_secret": keys.master_secret,
        "master_salt": keys.master_salt,
        "sender_key_of_i": keys.sender_key,
        "sender_key_of_r": keys.recipient_key,
        "common_iv": keys.common_iv,
    }


def _describe_record(
    case: Dict[str, Any], ends: Dict[str, record.Session]
) -> Dict[str, Any]:
    sender = case.get("sender", "I")
    session, other = ends[sender], ends["R" if sender == "I" else "I"]
    epoch, piv = case.get("epoch", 0), case.get("piv", 0)
    number, options, topic = case.get("number"), case.get("options", {}), case.get("topic")
    payload = case.get("payload", b"")
    sealed = session.protect(payload, options, number, topic, piv, epoch)
    keys = session.keys(epoch)
    head, _ = record.parse_header(sealed, len(keys.sender_id))
    opened = other.unprotect_alone(sealed, topic, epoch)
    assert (opened.payload, opened.number, opened.options) == (payload, number, options)
    return {
        "name": case["name"],
        "sender": sender,
        "epoch": epoch,
        "piv": piv,
        "number": number,
        "options": options,
        "topic": topic,
        "payload": payload,
        "header": head.raw,
        "nonce": record.nonce(keys.common_iv, keys.sender_id, record.piv_bytes(piv)),
        "aad": record.record_aad(
            session.aead, head.raw, epoch, session.own_thumbprint, session.peer_thumbprint, topic
        ),
        "options_cbor": record.encode_options(options) if options else None,
        "plaintext": record.compose_plaintext(number, options, payload),
        "record": sealed,
    }


def _record_set(run: Run) -> Dict[str, Any]:
    i, r = run.sessions()
    aead = suites.SUITES[run.suite].app_aead
    updates = []
    for epoch in (1, 2):
        n_a, n_b = (fixed(f"record option {which}{'' if epoch == 1 else ' 2'}", 8) for which in ("n_a", "n_b"))
        assert i.key_update(n_a, n_b) == r.key_update(n_a, n_b) == epoch
        updates.append(
            {
                "epoch": epoch,
                "n_a": n_a,
                "n_b": n_b,
                "context": record.update_context(epoch, n_a, n_b),
                "PRK_out": i.prk_out(epoch),
            }
        )
    ends = {"I": i, "R": r}
    return {
        "name": run.name,
        "suite": run.suite,
        "alg": aead.alg,
        "PRK_out": run.initiator.prk_out,
        "c_i": run.c_i,
        "c_r": run.c_r,
        "sender_id_of_i": i.keys(0).sender_id,
        "sender_id_of_r": r.keys(0).sender_id,
        "thumbprint_i": i.own_thumbprint,
        "thumbprint_r": r.own_thumbprint,
        "key_updates": updates,
        "keys": [_describe_keys(i.keys(epoch)) for epoch in (0, 1, 2)],
        "records": [_describe_record(case, ends) for case in _record_cases(aead.tag_length > 8)],
        "invalid": _checked(_invalid_records(i), r),
    }


def records_file() -> Dict[str, Any]:
    """peer_records.json."""
    by_name = {run.name: run for run in runs()}
    chosen = ("suite-4-kid", "suite-4-long-kid-long-identifiers", "suite-2-kid", "suite-2-kccs-by-value-long-identifiers")
    return {
        **_ABOUT,
        "note": "The handshakes are those of the same name in peer_edhoc.json. Option values that are byte strings are "
        "hex; content-type (13) is text. Each record is to be opened with an empty window. The records in 'invalid' "
        "are all sent by I under epoch 0; 'reason' is malformed (not deterministic included), unsupported_option, "
        "decrypt or unknown_context. Where it is malformed or unsupported_option, the tag verifies unless the header "
        "itself is at fault.",
        "sets": [_record_set(by_name[name]) for name in chosen],
    }


# --- Files -----------------------------------------------------------------------------------


def files() -> Dict[Path, str]:
    """Every generated vector file with its text."""
    made = {"peer_edhoc.json": edhoc_file(), "peer_records.json": records_file()}
    return {
        VECTORS / name: json.dumps(jsonable(content), indent=1, ensure_ascii=False) + "\n"
        for name, content in made.items()
    }


def main(arguments: Optional[List[str]] = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sealwire_peer.vectors", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed files, write nothing")
    parser.add_argument("--worked-example", action="store_true", help="the worked example of docs/PROTOCOL.md")
    chosen = parser.parse_args(arguments)
    if chosen.worked_example:
        from . import worked_example

        made = worked_example.files()
    else:
        made = files()
    stale = 0
    for path, text in made.items():
        if not chosen.check:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.name}")
        elif path.read_text(encoding="utf-8") != text:
            print(f"{path.name} differs from what the generator gives", file=sys.stderr)
            stale += 1
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
