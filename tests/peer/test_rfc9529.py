"""RFC 9529: both traces value by value, in both roles, and the invalid messages."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from sealwire_peer import cbor, cose, edhoc, kdf, suites, wire
from sealwire_peer.errors import PeerError
from support import vectors

RFC = vectors("rfc9529.json")
# Values that are inputs, or of the refused first message_1, and so not in a role's own list.
_INPUTS = {"X", "Y", "SK_I", "SK_R", "PK_I", "PK_R", "C_I", "C_R"}


def run(trace: Dict[str, Any]) -> "tuple[edhoc.Initiator, edhoc.Responder, Dict[str, bytes]]":
    value = {name: bytes.fromhex(text) for name, text in trace["values"].items()}
    cred_i, cred_r = cose.parse_credential(value["CRED_I"]), cose.parse_credential(value["CRED_R"])
    assert (cred_i.key.x, cred_r.key.x) == (value["PK_I"], value["PK_R"])
    store = cose.Store([cred_i, cred_r])
    initiator = edhoc.Initiator(
        edhoc.Own(cred_i, value["SK_I"], trace["id_by"]),
        store,
        trace["suites_i"],
        trace["method"],
        value["C_I"],
        value["X"],
    )
    responder = edhoc.Responder(
        edhoc.Own(cred_r, value["SK_R"], trace["id_by"]), store, [trace["suite"]], [trace["method"]]
    )
    responder.process_message_1(initiator.message_1())
    initiator.process_message_2(responder.message_2(value["C_R"], ephemeral=value["Y"]))
    responder.process_message_3(initiator.message_3())
    initiator.process_message_4(responder.message_4())
    return initiator, responder, value


@pytest.mark.parametrize("name", ["trace_1", "trace_2"])
def test_trace_value_by_value(name: str) -> None:
    initiator, responder, value = run(RFC[name])
    for party in (initiator, responder):
        compared = 0
        for key, expected in value.items():
            if key in _INPUTS or key.startswith(("OSCORE", "KeyUpdate")) or key.endswith("_first") or key == "error":
                continue
            assert party.values[key].hex() == expected.hex(), key
            compared += 1
        assert compared >= 30
        assert party.exporter(0, b"", 16) == value["OSCORE_Master_Secret"]
        assert party.exporter(1, b"", 8) == value["OSCORE_Master_Salt"]
        updated = kdf.key_update(party.prk_out, value["KeyUpdate_context"])
        assert updated == value["KeyUpdate_PRK_out"]
        assert kdf.prk_exporter(updated) == value["KeyUpdate_PRK_exporter"]
        assert kdf.exporter(updated, 0, b"", 16) == value["KeyUpdate_OSCORE_Master_Secret"]
        assert kdf.exporter(updated, 1, b"", 8) == value["KeyUpdate_OSCORE_Master_Salt"]


def test_message_sizes() -> None:
    sizes = {
        name: [len(RFC[name]["values"][f"message_{n}"]) // 2 for n in (1, 2, 3, 4)] for name in ("trace_1", "trace_2")
    }
    assert sizes == {"trace_1": [37, 116, 90, 9], "trace_2": [39, 45, 19, 9]}


def test_suite_negotiation_of_trace_2() -> None:
    value = {name: bytes.fromhex(text) for name, text in RFC["trace_2"]["values"].items()}
    assert suites.public_of(suites.P256, value["X_first"])[0] == value["G_X_first"]
    cred_r = cose.parse_credential(value["CRED_R"])
    responder = edhoc.Responder(edhoc.Own(cred_r, value["SK_R"]), cose.Store(), [2])
    with pytest.raises(PeerError) as refused:
        responder.process_message_1(value["message_1_first"])
    assert refused.value.reason == "unsupported_suite"
    assert refused.value.error_message == value["error"]
    assert refused.value.c_x == value["C_I_first"]
    assert wire.parse_error(value["error"]) == (2, [2])


@pytest.mark.parametrize("case", RFC["invalid"], ids=lambda case: str(case["section"]))
def test_invalid_messages_are_refused(case: Dict[str, str]) -> None:
    value = {name: bytes.fromhex(text) for name, text in RFC["trace_2"]["values"].items()}
    cred_r = cose.parse_credential(value["CRED_R"])
    cred_i = cose.parse_credential(value["CRED_I"])
    invalid = bytes.fromhex(case["value"])
    reasons: Dict[str, List[str]] = {
        "4.2.1": ["unsupported_suite"],
        "4.2.2": ["bad_key"],
        "4.2.3": ["bad_key"],
        "4.2.4": ["bad_key"],
        "4.3.1": ["not_deterministic"],
        "4.3.2": ["not_deterministic"],
    }
    with pytest.raises(PeerError) as refused:
        if case["kind"] == "message_1":
            edhoc.Responder(edhoc.Own(cred_r, value["SK_R"]), cose.Store(), [2, 0]).process_message_1(invalid)
        else:
            own = edhoc.Own(cred_i, value["SK_I"])
            initiator = edhoc.Initiator(own, cose.Store([cred_r]), [6, 2], 3, value["C_I"], value["X"])
            initiator.message_1()
            if case["kind"] == "PLAINTEXT_2":
                # message_2 around the invalid plaintext: KEYSTREAM_2 depends on its length.
                keystream = kdf.keystream_2(value["PRK_2e"], value["TH_2"], len(invalid))
                invalid = cbor.bstr(value["G_Y"] + bytes(a ^ b for a, b in zip(invalid, keystream)))
            initiator.process_message_2(invalid)
    assert refused.value.reason in reasons.get(case["section"], ["malformed"])
