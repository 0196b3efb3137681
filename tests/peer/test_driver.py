"""The line driver, spoken to as the interop tests speak to it: through a pipe."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from support import vectors

HERE = Path(__file__).resolve().parent


class Pipe:
    """One driver process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sealwire_peer"],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def raw(self, line: str) -> Dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer: Dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def __call__(self, op: str, who: str = "0", **fields: Any) -> Dict[str, Any]:
        answer = self.raw(json.dumps({"op": op, "id": who, **fields}))
        assert answer["ok"], answer
        return answer

    def refused(self, op: str, who: str = "0", **fields: Any) -> Dict[str, Any]:
        answer = self.raw(json.dumps({"op": op, "id": who, **fields}))
        assert not answer["ok"], answer
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(10) == 0


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    driver = Pipe()
    yield driver
    driver.close()


def _parties(pipe: Pipe, case: Dict[str, Any]) -> None:
    anchors = [{"cose_key": a["cose_key"], "kid": a["kid"]} for a in vectors("peer_edhoc.json")["anchors"]]
    for who, role, mine, other in (("i", "initiator", "initiator", "responder"), ("r", "responder", "responder", "initiator")):
        fixed: Dict[str, Any] = {"c_i": case["c_i"], "ephemeral": case["x"]} if who == "i" else {}
        pipe(
            role,
            who,
            cred=case[mine]["cred"],
            key=case[mine]["private"],
            id_by=case[mine]["id_by"],
            peer_creds=[case[other]["cred"]],
            anchors=anchors,
            suites_i=case["suites_i"],
            suites_r=case["suites_r"],
            **fixed,
        )


@pytest.mark.parametrize("case", vectors("peer_edhoc.json")["handshakes"], ids=lambda case: str(case["name"]))
def test_vectors_through_the_pipe(pipe: Pipe, case: Dict[str, Any]) -> None:
    """Every handshake of the file, message by message, then its exporter and its keys."""
    _parties(pipe, case)
    for n, sender, receiver in ((1, "i", "r"), (2, "r", "i"), (3, "i", "r"), (4, "r", "i")):
        more = {"c_r": case["c_r"], "ephemeral": case["y"]} if n == 2 else {}
        sent = pipe(f"message_{n}", sender, **{f"ead_{n}": case[f"ead_{n}"]}, **more)
        assert sent["message"] == case["values"][f"message_{n}"]
        assert sent["frame"] == case["frames"][f"message_{n}"]
        received = pipe(f"process_message_{n}", receiver, frame=sent["frame"])
        assert received[f"ead_{n}"] == [item for item in case[f"ead_{n}"] if item[0] != 0]
    for who, peer in (("i", "responder"), ("r", "initiator")):
        values = pipe("values", who)["values"]
        assert {name: values[name] for name in case["values"]} == case["values"]
        for exported in case["exporter"]:
            asked = {name: exported[name] for name in ("label", "context", "length")}
            assert pipe("exporter", who, **asked)["output"] == exported["output"]
        session = pipe("session", who)
        assert session["sid"] == case["sid"]
        assert session["peer_thumbprint"] == case[peer]["thumbprint"]
        updated = pipe("key_update", who, n_a=case["key_update"]["n_a"], n_b=case["key_update"]["n_b"])
        assert (updated["epoch"], updated["prk_out"]) == (1, case["key_update"]["PRK_out"])
        assert pipe("keys", who, epoch=1)["master_salt"] == case["key_update"]["exporter"][1]["output"]


@pytest.mark.parametrize("method", [0, 1, 2, 3])
def test_matrix_through_the_pipe(pipe: Pipe, method: int) -> None:
    """Every cell from what stands in the file alone."""
    content = vectors("peer_edhoc.json")
    anchors = [{"cose_key": a["cose_key"], "kid": a["kid"]} for a in content["anchors"]]
    for cell in content["matrix"]:
        if cell["method"] != method:
            continue
        ends = {"i": content["parties"][cell["initiator"]], "r": content["parties"][cell["responder"]]}
        by = cell["way"] if cell["way"] in ("kid", "x5t") else "value"
        for who, role, other in (("i", "initiator", "r"), ("r", "responder", "i")):
            fixed: Dict[str, Any] = {"c_i": cell["c_i"], "ephemeral": cell["x"], "method": method} if who == "i" else {}
            pipe(
                role,
                who,
                cred=ends[who]["cred"],
                key=ends[who]["private"],
                id_by=by,
                peer_creds=[] if cell["way"] in ("kcwt", "x5chain") else [ends[other]["cred"]],
                anchors=anchors,
                now=1999999999,
                suite=cell["suite"],
                methods=[method],
                **fixed,
            )
        for n, sender, receiver in ((1, "i", "r"), (2, "r", "i"), (3, "i", "r"), (4, "r", "i")):
            more = {"c_r": cell["c_r"], "ephemeral": cell["y"]} if n == 2 else {}
            sent = pipe(f"message_{n}", sender, **more)["message"]
            assert sent == cell[f"message_{n}"], cell["name"]
            seen = pipe(f"process_message_{n}", receiver, message=sent).get("peer")
            if seen is not None:
                assert (seen["cred"], seen["subject"]) == (ends[sender]["cred"], ends[sender]["subject"])
        for who in ("i", "r"):
            values = pipe("values", who)["values"]
            for name in ("PLAINTEXT_2", "PLAINTEXT_3", "TH_2", "TH_3", "TH_4", "PRK_out"):
                assert values[name] == cell[name], cell["name"]
            for label, expected in enumerate(cell["exporter"]):
                assert pipe("exporter", who, label=label, length=32)["output"] == expected


def test_certificates_through_the_pipe(pipe: Pipe) -> None:
    issuer, key = pipe("keygen", curve="P-256"), pipe("keygen", curve="X25519")
    made: Dict[str, Any] = {"alg": -7, "issuer_key": issuer["private"], "issuer": "root", "curve": "X25519"}
    made.update(private=key["private"], subject="s")
    cred = pipe("issue_certificate", **made, serial=7, key_usage=["key_agreement"])["cred"]
    seen = pipe("credential", cred=cred)
    assert (seen["kind"], seen["subject"], seen["thumbprint"], seen["cred"]) == ("x509", "s", key["thumbprint"], cred)
    root = pipe("issue_certificate", **{**made, "curve": "P-256", "private": issuer["private"], "subject": "root"}, ca=True)
    expired = pipe("issue_certificate", **made, not_before=5, not_after=6)["cred"]
    for shown, reason in ((cred, None), (expired, "expired_credential")):
        hub = pipe("keygen", curve="X25519")
        ccs = pipe("make_ccs", curve="X25519", private=hub["private"], kid="0a", alg=-25)["cred"]
        pipe("initiator", "i", cred=shown, key=key["private"], id_by="value", suite=4, peer_creds=[ccs])
        anchors = [{"cert": root["cred"]}]
        pipe("responder", "r", cred=ccs, key=hub["private"], suite=4, anchors=anchors, now=1900000000, own_creds=[])
        pipe("process_message_1", "r", message=pipe("message_1", "i")["message"])
        pipe("process_message_2", "i", message=pipe("message_2", "r", c_r="27")["message"])
        third = pipe("message_3", "i")["message"]
        if reason is None:
            assert pipe("process_message_3", "r", message=third)["peer"]["cred"] == cred
        else:
            assert pipe.refused("process_message_3", "r", message=third)["error"] == reason


def _finished(pipe: Pipe) -> None:
    case = vectors("peer_edhoc.json")["handshakes"][0]
    _parties(pipe, case)
    for n, sender, receiver in ((1, "i", "r"), (2, "r", "i"), (3, "i", "r"), (4, "r", "i")):
        more = {"c_r": case["c_r"], "ephemeral": case["y"]} if n == 2 else {}
        pipe(f"process_message_{n}", receiver, message=pipe(f"message_{n}", sender, **more)["message"])


def test_records_of_the_file(pipe: Pipe) -> None:
    _finished(pipe)
    record_set = vectors("peer_records.json")["sets"][0]
    for update in record_set["key_updates"]:
        for who in ("i", "r"):
            pipe("key_update", who, n_a=update["n_a"], n_b=update["n_b"])
    for who in ("i", "r"):
        pipe("drop_epoch", who, epoch=2)
    for case in record_set["records"]:
        if case["epoch"] == 2:
            continue
        sender = case["sender"].lower()
        fields = {name: case[name] for name in ("payload", "options", "number", "topic", "piv", "epoch")}
        assert pipe("protect", sender, **fields)["record"] == case["record"], case["name"]


def test_records_live(pipe: Pipe) -> None:
    _finished(pipe)
    options = {"0": 1, "1": b"door".hex(), "4": "00" * 8, "6": [None, "11" * 8], "13": "text/plain", "11": True}
    sealed = pipe("protect", "i", payload="6869", options=options, number=7, topic="a/b")["record"]
    opened = pipe("unprotect", "r", record=sealed, topic="a/b")
    assert (opened["payload"], opened["options"], opened["number"]) == ("6869", options, 7)
    assert pipe.refused("unprotect", "r", record=sealed, topic="a/b")["error"] == "duplicate"
    raw = pipe("protect_plaintext", "r", plaintext="a0", with_options=True)["record"]
    assert pipe.refused("unprotect", "i", record=raw)["error"] == "malformed"
    pipe("restore_edge", "r", edge=50)
    late = pipe("protect", "i", payload="", piv=50)["record"]
    assert pipe.refused("unprotect", "r", record=late)["error"] == "replay"


def test_refusals_and_misuse(pipe: Pipe) -> None:
    case = vectors("peer_edhoc.json")["handshakes"][0]
    assert pipe("hello")["suites"] == [0, 2, 3, 4]
    assert pipe.raw("not json")["error"] == "usage"
    assert pipe.raw("[1]")["error"] == "usage"
    for request in ({"op": "nothing"}, {"op": "message_1"}, {"op": "keygen", "curve": "P-521"}, {"op": "initiator"}):
        assert pipe.raw(json.dumps(request))["error"] == "usage"
    _parties(pipe, case)
    refused = pipe.refused("process_message_1", "r", message="030258" + "20" + "11" * 32 + "05")
    assert (refused["error"], refused["error_message"], refused["c_x"]) == ("unsupported_suite", "0204", "05")
    parsed = pipe("parse_error", message=refused["error_message"])
    assert (parsed["code"], parsed["info"]) == (2, [4])
    message_1: str = pipe("message_1", "i")["frame"]
    pipe("process_message_1", "r", frame=message_1)
    second: str = pipe("message_2", "r", c_r=case["c_r"])["frame"]
    assert pipe.refused("process_message_2", "i", frame="0200" + second[4:])["error"] == "unknown_context"
    assert pipe.refused("process_message_2", "i", frame=second[:-2] + "00")["error"] != "usage"


def test_credentials_and_links(pipe: Pipe) -> None:
    key = pipe("keygen", curve="P-256")
    issuer = pipe("keygen", curve="Ed25519")
    ccs = pipe("make_ccs", curve="P-256", private=key["private"], subject="s", kid="01")["cred"]
    assert pipe("credential", cred=ccs)["thumbprint"] == key["thumbprint"]
    cwt = pipe(
        "issue_cwt",
        alg=-8,
        issuer_key=issuer["private"],
        issuer_kid="ca",
        curve="P-256",
        private=key["private"],
        subject="s",
        exp=5,
    )["cred"]
    assert pipe("credential", cred=cwt)["kind"] == "cwt"
    frames: List[str] = ["01aa00bb", "40" * 300]
    for kind in ("uart", "stream"):
        data = "".join(pipe(f"{kind}_encode", frame=frame)["data"] for frame in frames)
        assert pipe(f"{kind}_decode", data=data[:9 * 2])["frames"] in ([], frames[:1])
        pipe("forget")
        assert pipe(f"{kind}_decode", data=data)["frames"] == frames
