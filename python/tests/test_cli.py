"""The command line: what it writes, what it prints, how it ends."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import pytest
from mosquitto import free_port

from sealwire import Identity, TrustAnchor, load_credential, load_key
from sealwire.cli import FILES, INTERRUPTED, NETWORK, OK, REFUSED, USAGE, main


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_keygen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keygen", "wearable-1", "--json"]) == OK
    told = json.loads(capsys.readouterr().out)
    assert told["subject"] == "wearable-1" and told["curve"] == "X25519"
    assert stat.S_IMODE(os.stat("wearable-1.key").st_mode) == 0o600
    identity = Identity.load("wearable-1")
    assert identity.thumbprint.hex() == told["thumbprint"]
    raw = [line for line in Path("wearable-1.key").read_text().splitlines() if not line.startswith("#")]
    assert len(raw) == 1 and len(bytes.fromhex(raw[0])) == 32
    assert main(["keygen", "wearable-1"]) == FILES
    assert "wearable-1.key" in capsys.readouterr().err
    assert Identity.load("wearable-1") .thumbprint == identity.thumbprint
    assert main(["keygen", "wearable-1", "--force"]) == OK
    assert Identity.load("wearable-1").thumbprint != identity.thumbprint


@pytest.mark.parametrize("kind", ["X25519", "P-256", "Ed25519", "ES256"])
@pytest.mark.parametrize("issuer_kind", ["Ed25519", "ES256"])
def test_issue(kind: str, issuer_kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keygen", "issuer", "--issuer", "--kind", issuer_kind]) == OK
    assert main(["keygen", "dev", "--kind", kind]) == OK
    assert main(["issue", "dev.cred", "--issuer", "issuer", "--lifetime", "90d", "-o", "signed.cred"]) == OK
    made = load_credential("signed.cred")
    made.verify(TrustAnchor(load_credential("issuer.cred")))
    assert made.thumbprint == load_credential("dev.cred").thumbprint and made.subject == "dev" and made.issuer == "issuer"
    assert main(["issue", "dev.cred", "--issuer", "issuer"]) == OK
    identity = Identity.load("dev")
    assert identity.credential.kind == "cwt" and identity.credential.expires is None
    assert load_key("dev.key").kind == kind


def test_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keygen", "dev"]) == OK
    assert main(["keygen", "bad", "--issuer", "--kind", "X25519"]) == REFUSED
    assert main(["issue", "dev.cred", "--issuer", "dev"]) == REFUSED
    assert main(["issue", "missing.cred", "--issuer", "dev"]) == FILES
    capsys.readouterr()
    assert main(["inspect", "zz", "--json"]) == REFUSED
    assert json.loads(capsys.readouterr().err)["error"] == "malformed"
    Path("short.key").write_text("00ff\n")
    Path("short.cred").write_text(Path("dev.cred").read_text())
    assert main(["hub", "run", "--db", "x.db", "--identity", "short", "--broker", "mqtt://127.0.0.1", "--realm", "r"]) == REFUSED
    assert main(["hub", "messages", "--db", "none.db"]) == FILES
    Path("junk.db").write_text("no database\n" * 100)
    assert main(["hub", "messages", "--db", "junk.db"]) == FILES
    assert main(["inspect", "./none.cred"]) == FILES
    capsys.readouterr()
    assert main(["inspect", "dev.key"]) == REFUSED
    private = Path("dev.key").read_text().split()[-1]
    shown = capsys.readouterr()
    assert "private key" in shown.err and private not in shown.err + shown.out
    with pytest.raises(SystemExit) as usage:
        main(["hub", "run", "--db", "x.db", "--identity", "dev", "--broker", "mqtt://127.0.0.1", "--realm", "plant/#"])
    assert usage.value.code == USAGE
    assert not Path("none.db").exists()
    port = free_port()
    assert main(["gateway", "--pty", "--broker", f"mqtt://127.0.0.1:{port}", "--realm", "r"]) == NETWORK
    assert main(["gateway", "--serial", "/dev/none", "--broker", f"mqtt://127.0.0.1:{port}", "--realm", "r"]) == NETWORK
    for wrong in (["nonsense"], ["issue"], ["issue", "dev.cred", "--issuer", "dev", "--lifetime", "soon"]):
        with pytest.raises(SystemExit) as ended:
            main(wrong)
        assert ended.value.code == USAGE
    assert INTERRUPTED == 130


def test_private_keys_are_not_written_through_links() -> None:
    os.symlink("elsewhere", "trap.key")
    assert main(["keygen", "trap"]) == FILES
    assert main(["keygen", "trap", "--force"]) == FILES
    assert not Path("elsewhere").exists()


def test_inspect(capsys: pytest.CaptureFixture[str]) -> None:
    main(["keygen", "dev"])
    capsys.readouterr()
    assert main(["inspect", "dev.cred"]) == OK
    assert "thumbprint" in capsys.readouterr().out
    assert main(["inspect", "dev.cred", "400000aabbccddeeff00112233445566778899", "--json"]) == OK
    told: List[Any] = json.loads(capsys.readouterr().out)
    assert told[1]["title"].startswith("record") and {"field": "Partial IV", "value": "0", "meaning": ""} in told[1]["fields"]
    assert main(["inspect", "--as", "cbor", "0102"]) == OK


def test_restore_and_listings(capsys: pytest.CaptureFixture[str]) -> None:
    from sealwire.hubdata import HubData

    HubData("hub.db").close()
    for what in ("messages", "sessions", "commands", "incidents"):
        assert main(["hub", what, "--db", "hub.db", "--json"]) == OK
        assert json.loads(capsys.readouterr().out) == []
    assert main(["hub", "send", "--db", "hub.db", "--to", "dev", "--topic", "led", "on"]) == OK
    assert main(["hub", "send", "--db", "hub.db", "--to", "dev", "--topic", "led", "6f6e", "--hex", "--wait", "0.3"]) == REFUSED
    capsys.readouterr()
    assert main(["hub", "commands", "--db", "hub.db", "--json"]) == OK
    assert [one["payload"] for one in json.loads(capsys.readouterr().out)] == ["6f6e", "6f6e"]
    assert main(["hub", "restore", "--db", "hub.db", "--json"]) == OK
    assert json.loads(capsys.readouterr().out) == {"discarded": 0}


def test_as_a_program() -> None:
    shown = subprocess.run([sys.executable, "-m", "sealwire.cli", "--help"], capture_output=True, text=True, check=True)
    assert "exit status" in shown.stdout and "demo" in shown.stdout
    version = subprocess.run([sys.executable, "-m", "sealwire.cli", "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("sealwire ")
