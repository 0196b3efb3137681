"""The demonstration, whole: every sample arrives, every attack has its outcome."""

from __future__ import annotations

import filecmp
import json
import subprocess
import sys
import time

import pytest
from conftest import ROOT, unavailable

from sealwire.demo.middle import publish_packet, split
from sealwire.demo.screen import Attack, Screen, View, entropy, plot


def test_all_of_it() -> None:
    try:
        import amqtt  # noqa: F401
    except ImportError:
        unavailable("amqtt is not installed")
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "sealwire.cli", "demo", "--json", "--rate", "10"], capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads(done.stdout)
    assert summary["passed"] and summary["samples_match"] and summary["samples"] == 21_600
    assert len(summary["attacks"]) == 6 and all(attack["held"] for attack in summary["attacks"])
    assert summary["resent"] >= 10
    assert time.monotonic() - started < 120


def test_packaged_recording_is_the_one_of_the_examples() -> None:
    for name in ("ecg_mitdb_208.i16le", "README.md"):
        assert filecmp.cmp(ROOT / "examples" / "data" / name, ROOT / "python" / "sealwire" / "data" / name, shallow=False)


def test_packets_are_split_wherever_the_bytes_break() -> None:
    packets = publish_packet("a/b", b"x" * 300, 1, 7) + publish_packet("c", b"") + b"\xc0\x00"
    buffer, found = bytearray(), []
    for byte in packets:
        buffer.append(byte)
        found.extend(split(buffer))
    assert b"".join(whole for _, _, whole in found) == packets and len(found) == 3 and not buffer
    with pytest.raises(ValueError):
        split(bytearray(b"\x30\xff\xff\xff\xff\xff"))


def test_screen_fits_and_is_plain_without_unicode() -> None:
    import io

    view = View(samples=list(range(-200, 200)), attacks=[Attack("flips a bit", "decrypt-failed", "decrypt-failed", "held")])
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    screen = Screen(stream, drawing=False)
    screen.line(view, "something")
    screen.finish(view)
    stream.seek(0)
    text = stream.read()
    assert "flips a bit" in text and "*" in text and max(map(len, text.splitlines())) <= 100
    assert plot([], 10, 3) == [chr(0x2800) * 10] * 3
    assert entropy(bytes(range(256))) == 8.0 and entropy(b"") == 0.0
