"""Setup codes, and their QR codes read back by a decoder that nobody here wrote (ZXing)."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import List, Sequence

import pytest
from labels import picture, read, svg_modules
from PIL import Image

from sealwire import Identity
from sealwire.cli import FILES, OK, REFUSED, main
from sealwire.errors import InvalidArgument, Malformed
from sealwire.factory import SetupCode
from sealwire.factory.qr import Symbol

CODE = SetupCode(bytes(range(16)), bytes(range(200, 216)), "SENSE-4/B")


def drawn(text: str, ink: int = 1) -> Image.Image:
    """Half blocks as a picture; `ink` is what the foreground is."""
    rows: List[List[int]] = []
    for line in text.splitlines():
        rows.append([ink if character in "▀█" else 1 - ink for character in line])
        rows.append([ink if character in "▄█" else 1 - ink for character in line])
    return picture(rows)


def test_text_of_a_code() -> None:
    # RFC 4648 by the standard library, as the text is defined.
    body = base64.b32encode(bytes(range(16)) + bytes(range(200, 216))).decode().rstrip("=")
    assert str(CODE) == f"SW1:{body}:SENSE-4/B" and SetupCode.parse(str(CODE)) == CODE
    # The example that the core's tests have too.
    assert str(SetupCode(bytes(range(16)), bytes(range(0xF0, 0x100)), "SW-HR/1.0")) == "SW1:AAAQEAYEAUDAOCAJBIFQYDIOB7YPD4XT6T27N57Y7H5PX7H5737Q:SW-HR/1.0"
    assert str(SetupCode(CODE.thumbprint, CODE.secret)) == f"SW1:{body}:"
    assert SetupCode.parse(f"SW1:{body}:").model == ""
    assert CODE.secret.hex() not in repr(CODE) and "200" not in repr(CODE) and repr(CODE.secret) not in repr(CODE)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.lower(),
        lambda text: text[4:],
        lambda text: "SW2" + text[3:],
        lambda text: text[:-10],
        lambda text: text + "X" * 16,
        lambda text: text + "b",
        lambda text: text + "\n",
        lambda text: text.replace(":SENSE", "====:SENSE"),
        lambda text: text[:20] + "1" + text[21:],
        lambda text: text[:20] + text[21:],
        # Another text for the same bytes.
        lambda text: text[:55] + {"A": "B", "Q": "R"}[text[55]] + text[56:],
    ],
)
def test_other_texts_are_refused(change: "object") -> None:
    wrong = change(str(CODE))  # type: ignore[operator]
    assert wrong != str(CODE)
    with pytest.raises(Malformed) as refused:
        SetupCode.parse(wrong)
    assert str(CODE)[10:40] not in str(refused.value).upper()


def test_a_refusal_says_what_is_wrong() -> None:
    text = str(CODE)
    for wrong, said in (
        ("HTTP:" + text, "starts with SW1:"),
        (text[:40], "a colon before the model"),
        (text[:20] + text[21:], "here are 51"),
        (text + "_", "a model has"),
        (text[:20] + "1" + text[21:], "A-Z and 2-7"),
        (text + "\udcff", "a model has"),
        ("SW1:" + "\udcff" * 52 + ":", "A-Z and 2-7"),
    ):
        with pytest.raises(Malformed, match=said) as refused:
            SetupCode.parse(wrong)
        # Nor through what Python keeps with an exception.
        assert refused.value.__cause__ is None and refused.value.__context__ is None


def test_what_is_no_code() -> None:
    for thumbprint, secret, model in ((bytes(15), bytes(16), ""), (bytes(16), bytes(17), ""), (bytes(16), bytes(16), "a"), (bytes(16), bytes(16), "A" * 25)):
        with pytest.raises(InvalidArgument):
            SetupCode(thumbprint, secret, model)


@pytest.mark.parametrize("model", ["", "SENSE-4/B", "ABCDEFGHIJKLMNOPQRSTUVWX"])
def test_a_decoder_reads_all_forms(model: str) -> None:
    text = str(SetupCode(os.urandom(16), os.urandom(16), model))
    symbol = Symbol(text)
    assert read(Image.open(io.BytesIO(symbol.png()))) == text
    assert read(drawn(symbol.terminal(colour=False))) == text
    assert read(drawn(symbol.terminal(colour=False, invert=True), ink=0)) == text
    coloured = symbol.terminal(colour=True)
    assert all(line.startswith("\x1b[38;5;16;48;5;231m") and line.endswith("\x1b[0m") for line in coloured.splitlines())
    assert read(drawn(re.sub(r"\x1b\[[0-9;]*m", "", coloured))) == text
    assert read(picture(svg_modules(symbol.svg([model])))) == text


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_command(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["qr", str(CODE)]) == OK
    shown = capsys.readouterr().out
    assert read(drawn("\n".join(line for line in shown.splitlines() if set(line) <= set(" ▀▄█")))) == str(CODE)
    assert str(CODE) in shown and CODE.thumbprint.hex() in shown
    assert main(["qr", str(CODE), "--svg", "a.svg", "--png", "a.png", "--json"]) == OK
    told = json.loads(capsys.readouterr().out)
    assert told["code"] == str(CODE) and told["model"] == "SENSE-4/B" and told["thumbprint"] == CODE.thumbprint.hex()
    assert read(Image.open("a.png")) == str(CODE) == read(picture(svg_modules(Path("a.svg").read_text())))
    assert {stat.S_IMODE(os.stat(name).st_mode) for name in ("a.svg", "a.png")} == {0o600}
    before = Path("a.png").read_bytes()
    assert main(["qr", str(CODE)[:-1], "--svg", "b.svg", "--png", "a.png"]) == FILES
    assert Path("a.png").read_bytes() == before and not Path("b.svg").exists()
    assert main(["qr", str(CODE)[:-1], "--png", "a.png", "--force"]) == OK
    assert Path("a.png").read_bytes() != before
    capsys.readouterr()
    assert main(["qr", str(CODE)[:-20], "--json"]) == REFUSED
    assert json.loads(capsys.readouterr().err)["error"] == "malformed"


def test_code_of_a_credential(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    identity = Identity.generate("sensor-7")
    identity.save("sensor-7")
    ask = ["qr", "--credential", "sensor-7.cred", "--secret", "sensor-7.setup", "--model", "SENSE-4/B", "--json"]
    assert main(ask) == FILES
    assert main([*ask, "--new-secret"]) == OK
    made = SetupCode.parse(json.loads(capsys.readouterr().out)["code"])
    assert made.thumbprint == identity.thumbprint and made.model == "SENSE-4/B" and made.secret != bytes(16)
    assert stat.S_IMODE(os.stat("sensor-7.setup").st_mode) == 0o600
    assert main([*ask, "--new-secret"]) == FILES  # a secret that is on labels is not replaced
    assert main(ask) == OK
    assert SetupCode.parse(json.loads(capsys.readouterr().out)["code"]) == made
    Path("sensor-7.setup").write_text("00ff\n")
    assert main(ask) == REFUSED
    for wrong in ([str(CODE), "--secret", "x"], [str(CODE), "--credential", "sensor-7.cred"], []):
        assert main(["qr", *wrong]) == REFUSED


def test_code_from_standard_input() -> None:
    done = subprocess.run([sys.executable, "-m", "sealwire.cli", "qr", "-", "--json"], input=f"{CODE}\n", capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["code"] == str(CODE)
