"""The second reading of ``setup.json``: what the generator wrote, taken apart again by other ways than those that made it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest
from sealwire_peer import cbor, cose, setup
from sealwire_peer.errors import PeerError
from support import vectors

FILE = vectors("setup.json")


def raw(text: Any) -> bytes:
    return bytes.fromhex(text)


@pytest.mark.parametrize("case", FILE["codes"]["good"], ids=lambda case: case["code"][-12:])
def test_codes(case: Any) -> None:
    prefix, text, model = case["code"].split(":")
    both = int.from_bytes(base64.b32decode(text + "===="), "big").to_bytes(32, "big")
    assert (prefix, both, model) == ("SW1", raw(case["device"]) + raw(case["secret"]), case["model"])
    assert setup.read_code(case["code"]) == (raw(case["device"]), raw(case["secret"]), case["model"])


@pytest.mark.parametrize("code", FILE["codes"]["bad"])
def test_codes_that_are_none(code: str) -> None:
    with pytest.raises(PeerError):
        setup.read_code(code)


@pytest.mark.parametrize("case", FILE["tags"], ids=lambda case: case["name"])
def test_tags(case: Any) -> None:
    # HKDF and HMAC by the standard library, where the generator has those of `cryptography`.
    prk = hmac.new(raw(case["th_3"]), raw(case["secret"]), hashlib.sha256).digest()
    key = hmac.new(prk, b"sealwire-setup-1\x01", hashlib.sha256).digest()
    both = hashlib.sha256(raw(case["cred_i"])).digest() + hashlib.sha256(raw(case["cred_r"])).digest()
    assert key == raw(case["k"])
    assert hmac.new(key, both, hashlib.sha256).digest() == raw(case["tag"])
    assert both[:16] == raw(case["mark"])


@pytest.mark.parametrize("case", FILE["statements"], ids=lambda case: f"{case['label']} {case['epoch']} {case['alg']}")
def test_statements(case: Any) -> None:
    content = [case["label"], raw(case["device"]), case["epoch"], raw(case["about"]), raw(case["nonce"])]
    assert cbor.decode(raw(case["payload"])) == content
    statement, anchor = raw(case["statement"]), cose.parse_key(cbor.decode(raw(case["anchor"])))
    assert len(statement) == 73
    setup.check_statement(statement, anchor, raw(case["payload"]))
    for wrong in (raw(case["payload"]) + b"\x00", raw(case["payload"])[:-1]):
        with pytest.raises(PeerError):
            setup.check_statement(statement, anchor, wrong)


@pytest.mark.parametrize("case", FILE["items"], ids=lambda case: case["name"])
def test_items(case: Any) -> None:
    label, value = cbor.split(raw(case["ead"]))
    assert (cbor.decode(label), cbor.decode(value)) == (case["label"], raw(case["value"]))
    parts = [cbor.decode(part) for part in cbor.split(raw(case["value"]))]
    if case["label"] == setup.EAD_OWNERSHIP:
        assert parts[0] == 70000 and len(parts[1]) == 8
    elif "anchor" in case["name"]:
        assert cose.parse_key(parts[1]).to_map() == parts[1]


@pytest.mark.parametrize("case", FILE["records"], ids=lambda case: case["name"])
def test_records(case: Any) -> None:
    record = raw(case["record"])
    assert len(record) == 215 and record[0] == 1
    assert hashlib.sha256(record[:207]).digest()[:8] == record[207:]
    assert record[1] == (1 if case["owner"] else 0) | (2 if case["wiping"] else 0)
    assert int.from_bytes(record[2:6], "big") == case["epoch"] and record[6:14] == raw(case["nonce"])
    assert record[14:46] == (b"".join(map(raw, case["owner"])) if case["owner"] else bytes(32))
    delegates = b"".join(raw(part) for party in case["delegates"] for part in party)
    assert record[111:207] == delegates.ljust(96, b"\x00")
