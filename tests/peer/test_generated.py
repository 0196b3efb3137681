"""What is committed is what the generators give, and every value in it holds."""

from __future__ import annotations

import re
from typing import Any, Dict

import pytest
from sealwire_peer import cbor, cose, kdf, record, suites, worked_example
from sealwire_peer.vectors import files
from support import vectors


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.name))
def test_vector_files_are_up_to_date(path: Any) -> None:
    assert path.read_text(encoding="utf-8") == files()[path], "run: python -m sealwire_peer.vectors"


def test_worked_example_is_up_to_date() -> None:
    page = worked_example.PAGE.read_text(encoding="utf-8")
    expected = worked_example.files()[worked_example.PAGE]
    assert page == expected, "run: python -m sealwire_peer.vectors --worked-example"
    assert page.count(worked_example.BEGIN) == page.count(worked_example.END) == 1


def test_worked_example_is_the_vector_of_the_same_name() -> None:
    (case,) = [c for c in vectors("peer_edhoc.json")["handshakes"] if c["name"] == "suite-4-kid"]
    text = worked_example.text()
    for frame in case["frames"].values():
        assert f"`{frame}`" in text
    sizes = [int(size) for size in re.findall(r"\*\* \((\d+) bytes\)", text)]
    assert sizes[:4] == [38, 55, 38, 19] and len(sizes) == 10


@pytest.mark.parametrize("name", ["rfc9529.json", "peer_edhoc.json", "peer_records.json", "setup.json"])
def test_every_file_says_where_it_comes_from(name: str) -> None:
    content = vectors(name)
    assert all(content[field] for field in ("source", "generator", "verified_by"))


@pytest.mark.parametrize("record_set", vectors("peer_records.json")["sets"], ids=lambda s: str(s["name"]))
def test_records_from_their_written_parts(record_set: Dict[str, Any]) -> None:
    """Each record again, from the key, nonce, AAD and plaintext in the file alone."""
    aead = suites.SUITES[record_set["suite"]].app_aead
    prk = bytes.fromhex(record_set["PRK_out"])
    for keys in record_set["keys"]:
        if keys["epoch"]:
            update = record_set["key_updates"][keys["epoch"] - 1]
            context = cbor.sequence(keys["epoch"], bytes.fromhex(update["n_a"]), bytes.fromhex(update["n_b"]))
            assert context.hex() == update["context"]
            prk = kdf.key_update(prk, context)
        assert kdf.exporter(prk, 32768, b"", aead.key_length).hex() == keys["master_secret"]
        assert kdf.exporter(prk, 32769, b"", 8).hex() == keys["master_salt"]
    for case in record_set["records"]:
        key = record_set["keys"][case["epoch"]][f"sender_key_of_{case['sender'].lower()}"]
        parts = [bytes.fromhex(part) for part in (key, case["nonce"], case["aad"], case["plaintext"])]
        assert case["header"] + aead.seal(*parts).hex() == case["record"]
        aad = cbor.decode(parts[2])
        assert aad[:4] == ["sealwire-1", record_set["alg"], bytes.fromhex(case["header"]), case["epoch"]]
        assert aad[6] == (None if case["topic"] is None else case["topic"].encode())
        assert len({aad[4].hex(), aad[5].hex()} & {record_set["thumbprint_i"], record_set["thumbprint_r"]}) == 2


def test_no_two_records_of_a_set_share_key_and_nonce() -> None:
    for record_set in vectors("peer_records.json")["sets"]:
        used = [(case["sender"], case["epoch"], case["nonce"]) for case in record_set["records"]]
        assert len(set(used)) == len(used)


def test_credentials_of_the_file() -> None:
    content = vectors("peer_edhoc.json")
    anchors = {a["kid"]: cose.TrustAnchor(cose.parse_key(cbor.decode(bytes.fromhex(a["cose_key"]))), bytes.fromhex(a["kid"])) for a in content["anchors"]}
    checked = 0
    for case in content["handshakes"]:
        for party in (case["initiator"], case["responder"]):
            credential = cose.parse_credential(bytes.fromhex(party["cred"]))
            assert credential.key.thumbprint().hex() == party["thumbprint"] == party["thumbprint_sha256"][:32]
            if credential.issuer_kid is not None:
                cose.verify_cwt(credential, anchors[credential.issuer_kid.hex()], 1999999999)
                checked += 1
    assert checked == 6


def test_the_matrix_is_whole() -> None:
    content = vectors("peer_edhoc.json")
    cells = [(cell["method"], cell["suite"], cell["way"]) for cell in content["matrix"]]
    ways = ("kid", "kccs", "kcwt", "x5t", "x5chain")
    assert cells == [(method, suite, way) for method in range(4) for suite in (0, 2, 3, 4) for way in ways]
    used = {cell[end] for cell in content["matrix"] for end in ("initiator", "responder")}
    assert used == set(content["parties"])
    for name, party in content["parties"].items():
        credential = cose.parse_credential(bytes.fromhex(party["cred"]))
        assert (credential.kind, credential.subject) == (party["kind"], party["subject"])
        assert credential.key.thumbprint().hex() == party["thumbprint"], name


def test_the_generator_is_deterministic() -> None:
    assert files() == files()
    assert record.VERSION == "sealwire-1"
