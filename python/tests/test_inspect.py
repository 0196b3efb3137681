"""`inspect` against the published vectors of the second implementation: what it decrypts must be what went in."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest
from conftest import ROOT

from sealwire import Credential, Identity, errors
from sealwire.inspect import Conversation, Table, tables

VECTORS = ROOT / "tests" / "vectors"
HANDSHAKES: List[Dict[str, Any]] = json.loads((VECTORS / "peer_edhoc.json").read_text())["handshakes"]
RECORDS: List[Dict[str, Any]] = json.loads((VECTORS / "peer_records.json").read_text())["sets"]


def value(table: Table, name: str) -> str:
    return next(value for field, value, _ in table.rows if field == name)


@pytest.mark.parametrize("by", ["initiator", "responder"])
@pytest.mark.parametrize("handshake", HANDSHAKES, ids=lambda one: str(one["name"]))
def test_handshakes_are_decrypted(handshake: Dict[str, Any], by: str) -> None:
    frames = [bytes.fromhex(handshake["frames"][f"message_{number}"]) for number in (1, 2, 3, 4)]
    secrets = {
        "credential_initiator": handshake["initiator"]["cred"],
        "credential_responder": handshake["responder"]["cred"],
        f"ephemeral_{by}": handshake["x" if by == "initiator" else "y"],
        f"static_{by}": handshake[by]["private"],
    }
    found = tables(frames, secrets=secrets, identifier_len=len(handshake["c_i"]) // 2)
    assert [table.title.split(",")[0] for table in found] == ["message_1", "message_2", "message_3", "message_4"]
    values = handshake["values"]
    assert value(found[0], "G_X") == f"h'{values['G_X']}'"
    assert value(found[1], "signature" if handshake["method"] in (0, 2) else "MAC") == f"h'{values['Signature_or_MAC_2']}'"
    assert value(found[1], "C_R") == f"h'{handshake['c_r']}'"
    assert value(found[2], "signature" if handshake["method"] in (0, 1) else "MAC") == f"h'{values['Signature_or_MAC_3']}'"
    assert value(found[2], "TH_4") == f"h'{values['TH_4']}'"
    assert value(found[3], "verified") == "yes"


MATRIX: Dict[str, Any] = json.loads((VECTORS / "peer_edhoc.json").read_text())


@pytest.mark.parametrize("one", MATRIX["matrix"], ids=lambda one: str(one["name"]))
def test_every_method_suite_and_way_to_name_a_credential_is_read(one: Dict[str, Any]) -> None:
    parties = {who: MATRIX["parties"][one[who]] for who in ("initiator", "responder")}
    frames = [bytes.fromhex(one[f"message_{number}"]) for number in (1, 2, 3, 4)]
    for by in ("initiator", "responder"):
        secrets = {f"credential_{who}": party["cred"] for who, party in parties.items()}
        secrets[f"ephemeral_{by}"] = one["x" if by == "initiator" else "y"]
        secrets[f"static_{by}"] = parties[by]["private"]
        conversation = Conversation(secrets, 1)
        found = [conversation.message(number, frame) for number, frame in enumerate(frames, 1)]
        signs = {"responder": one["method"] in (0, 2), "initiator": one["method"] in (0, 1)}
        for table, who in ((found[1], "responder"), (found[2], "initiator")):
            assert value(table, "signature" if signs[who] else "MAC")
            if one["way"] in ("x5t", "x5chain"):
                meaning = next(meaning for field, _, meaning in table.rows if field.startswith("ID_CRED"))
                assert one["way"] in meaning
        assert value(found[2], "TH_4") == f"h'{one['TH_4']}'"
        assert value(found[3], "verified") == "yes"


def test_without_keys_only_what_is_clear_is_shown() -> None:
    frames = [bytes.fromhex(HANDSHAKES[0]["frames"][f"message_{number}"]) for number in (1, 2, 3, 4)]
    found = tables(frames)
    assert not any(field in ("MAC", "TH_4", "verified") for table in found for field, _, _ in table.rows)
    wrong = tables(frames, secrets={"ephemeral_initiator": "11" * 32, "credential_responder": HANDSHAKES[0]["responder"]["cred"]})
    assert len(wrong) == 4 and not any(field == "verified" for field, _, _ in wrong[3].rows)


@pytest.mark.parametrize("group", RECORDS, ids=lambda one: str(one["name"]))
def test_records_are_decrypted(group: Dict[str, Any]) -> None:
    checked = 0
    for record in group["records"]:
        prk = {0: group["PRK_out"], **{one["epoch"]: one["PRK_out"] for one in group["key_updates"]}}[record["epoch"]]
        secrets = {
            "suite": group["suite"],
            "prk_out": prk,
            "c_i": group["c_i"],
            "c_r": group["c_r"],
            "initiator": group["thumbprint_i"],
            "responder": group["thumbprint_r"],
            "epoch": record["epoch"],
            "topic": record["topic"],
        }
        width = len(group["c_i"] if record["sender"] == "R" else group["c_r"]) // 2
        table = tables([bytes.fromhex(record["record"])], secrets=secrets, kind="frame", identifier_len=width)[0]
        assert value(table, "payload") == f"h'{record['payload']}'", table.as_text()
        assert value(table, "Partial IV") == str(record["piv"])
        if record["number"] is not None:
            assert value(table, "message number") == str(record["number"])
        assert value(table, "direction") == ("to the Responder" if record["sender"] == "I" else "to the Initiator")
        secrets["topic"] = "another/topic"
        assert value(tables([bytes.fromhex(record["record"])], secrets=secrets, kind="frame", identifier_len=width)[0], "not decrypted") == ""
        checked += 1
    assert checked


def test_credentials() -> None:
    issuer, device = Identity.generate("issuer", curve="Ed25519"), Identity.generate("dev")
    made = Credential.cwt(device.key, "dev", b"\x31", issuer=issuer.key, issuer_kid=b"\x77", issuer_name="issuer", expires=2_000_000_000)
    text = tables([made.data])[0].as_text()
    for part in ("CWT", "EdDSA", "2033-05-18", "dev", made.thumbprint.hex(), "X25519", "h'77'"):
        assert part in text, text
    text = tables([device.credential.data])[0].as_text()
    assert "unsigned" in text and device.thumbprint.hex() in text


def test_a_certificate_is_shown() -> None:
    party = MATRIX["parties"]["hub-ES256-x509"]
    text = tables([bytes.fromhex(party["cred"])])[0].as_text()
    for part in ("X.509", "hub", "P-256", party["thumbprint"]):
        assert part in text, text


def test_other_frames_and_junk() -> None:
    assert "unknown credential" in tables([bytes.fromhex("050e03f5")])[0].as_text()
    assert "unauthenticated" in tables([bytes.fromhex("060e")])[0].as_text()
    for junk in ("", "40", "4000", "47000102", "ff", "01", "0158", "02", "020e5801", "9900"):
        with pytest.raises(errors.SealwireError):
            tables([bytes.fromhex(junk)])
