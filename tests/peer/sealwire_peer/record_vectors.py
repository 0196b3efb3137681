"""The records behind ``peer_records.json``: good ones of every form, and ones to refuse."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from . import cbor, record, suites
from .errors import PeerError
from .handshake_vectors import ABOUT, Run, fixed, runs


def _record_cases(with_long_piv: bool) -> List[Dict[str, Any]]:
    """What is protected: direction, epoch, piv, and the message."""

    def eight(label: str) -> bytes:
        return fixed(f"record option {label}", 8)

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
        **ABOUT,
        "note": "The handshakes are those of the same name in peer_edhoc.json. Option values that are byte strings are "
        "hex; content-type (13) is text. Each record is to be opened with an empty window. The records in 'invalid' "
        "are all sent by I under epoch 0; 'reason' is malformed (not deterministic included), unsupported_option, "
        "decrypt or unknown_context. Where it is malformed or unsupported_option, the tag verifies unless the header "
        "itself is at fault.",
        "sets": [_record_set(by_name[name]) for name in chosen],
    }
