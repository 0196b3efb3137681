"""The lines of docs/howto/protect-a-topic.md, exactly as they stand there, against Mosquitto."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

from conftest import ROOT, StartMosquitto, unavailable

from sealwire.hubdata import HubData

PAGE = (ROOT / "docs" / "howto" / "protect-a-topic.md").read_text(encoding="utf-8")
DEFAULT_PORT = 1883


def block(language: str, index: int) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found[index])


def test_it_is_ten_lines() -> None:
    lines = [line for line in block("python", 0).splitlines() if line.strip()]
    assert len(lines) == 10 and lines[-1] == "asyncio.run(main())"


def test_the_lines_run(mosquitto: StartMosquitto, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", DEFAULT_PORT))
        except OSError:
            unavailable(f"port {DEFAULT_PORT}, which the page uses, is taken")
    mosquitto(f"listener {DEFAULT_PORT} 127.0.0.1", "allow_anonymous true", port=DEFAULT_PORT)
    command = f'"{sys.executable}" -m sealwire.cli'
    shell = {"cwd": tmp_path, "check": True, "shell": True}
    for line in block("sh", 0).splitlines():
        subprocess.run(line.replace("sealwire", command, 1), **shell)  # type: ignore[call-overload]
    run, messages = block("sh", 1).splitlines()
    hub = subprocess.Popen(["/bin/sh", "-c", "exec " + run.replace("sealwire", command, 1)], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert hub.stdout is not None and hub.stdout.readline().startswith("serving plant7/in/hub")
        started = time.monotonic()
        subprocess.run([sys.executable, "-c", block("python", 0)], cwd=tmp_path, check=True, timeout=30)
        assert time.monotonic() - started < 20
        shown = subprocess.run(messages.replace("sealwire", command, 1), capture_output=True, text=True, **shell)  # type: ignore[call-overload]
        assert "line/1/temperature" in shown.stdout
    finally:
        hub.terminate()
        hub.wait(10)
    data = HubData(tmp_path / "hub.db", create=False)
    assert [(message.topic, message.payload, message.in_place) for message in data.messages()] == [("line/1/temperature", b"21.5", True)]
    data.close()
