#!/usr/bin/env python3
"""Runs a command beside a real Mosquitto, the Python hub and the wearable in C, for the live tests of the Swift package.

    scripts/swift-live.py FOLDER COMMAND...

The command finds in FOLDER the key files of `sealwire keygen`, and in SEALWIRE_LIVE_PORT the broker's port. It asks for what only this side can
do by making files: `restart` (the broker ends and comes back), `wearable` (the wearable starts, and when it ends there is `wearable.ended`), `pairing` (a device that can be
owned starts, scripts/live-device.py; `pairing.label` is its setup code, `pairing.log` what it says, and `pairing.press` presses its button). Afterwards the hub must hold what the phone
sent, its command must have been committed, and the wearable must have ended well. SEALWIRE names the command of the Python package.
Python's standard library only.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.join(ROOT, "tests"))

from mosquitto import Mosquitto  # noqa: E402  tests/mosquitto.py

SEALWIRE = os.environ.get("SEALWIRE") or os.path.join(ROOT, "build", "venv", "bin", "sealwire")
PYTHON = os.path.join(os.path.dirname(SEALWIRE), "python")
WEARABLE = os.environ.get("SEALWIRE_C_DEVICE") or os.path.join(ROOT, "build", "c-mqtt", "mqtt_device")
RECORDING = os.path.join(ROOT, "examples", "data", "ecg_mitdb_208.i16le")
LIMIT_S = 300


class Live:
    def __init__(self, folder):
        self.folder = folder
        self.started = []
        self.broker = Mosquitto(Path(folder))
        self.port = self.broker.port

    def file(self, name):
        return os.path.join(self.folder, name)

    def start(self, name, *command):
        with open(self.file(f"{name}.log"), "ab") as log:
            process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.started.append(process)
        return process

    def log(self, name):
        with open(self.file(f"{name}.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def asked(self, name):
        path = self.file(name)
        if not os.path.exists(path):
            return False
        os.remove(path)
        return True

    def run(self, command):
        for name in ("hub", "phone", "phone5", "app", "wearable"):
            subprocess.run([SEALWIRE, "keygen", name], cwd=self.folder, check=True, stdout=subprocess.DEVNULL)
        self.broker.start()
        url = f"mqtt://127.0.0.1:{self.port}"
        self.start("hub", SEALWIRE, "hub", "run", "--db", "hub.db", "--identity", "hub", "--peer", "phone.cred", "--peer", "phone5.cred",
                   "--broker", url, "--realm", "ward", "--subscribe", "bed/#", "--verbose")
        while "serving" not in self.log("hub"):
            time.sleep(0.05)
        # It waits until the phone has a session.
        queued = self.start("command", SEALWIRE, "hub", "send", "--db", "hub.db", "--to", "phone", "--topic", "display", "dim", "--wait", str(LIMIT_S))
        wearable = None
        tests = subprocess.Popen(command, env=dict(os.environ, SEALWIRE_LIVE_FOLDER=self.folder, SEALWIRE_LIVE_PORT=str(self.port)))
        self.started.append(tests)
        until = time.monotonic() + LIMIT_S
        while tests.poll() is None and time.monotonic() < until:
            if self.asked("restart"):
                self.broker.process.terminate()
                self.broker.process.wait(10)
                time.sleep(1)
                self.broker.start()
            if self.asked("wearable"):
                wearable = self.start("device", WEARABLE, "--realm", "ward", "--hub", "app", "--inbox", "wearable", "--key", "wearable.key",
                                      "--credential", "wearable.cred", "--peer", "app.cred", "--data", RECORDING, "--rate", "0",
                                      "--broker", f"127.0.0.1:{self.port}", "--limit", "120")
            if self.asked("pairing"):
                self.start("pairing", PYTHON, os.path.join(ROOT, "scripts", "live-device.py"), str(self.port), "paired", "pairing.label", "pairing.press")
            if wearable is not None and wearable.poll() is not None:
                open(self.file("wearable.ended"), "wb").close()
            time.sleep(0.05)
        if tests.poll() is None:
            print("out of time")
            return 1
        return tests.returncode or self.judge(queued, wearable)

    def judge(self, queued, wearable):
        kept = json.loads(subprocess.run([SEALWIRE, "hub", "messages", "--db", "hub.db", "--json"], cwd=self.folder, check=True,
                                         stdout=subprocess.PIPE).stdout)
        have = sorted((message["topic"], message["payload"]) for message in kept)
        want = sorted((topic, payload.hex()) for topic, payload in [
            ("heart-rate", b"72"), ("bed/7/pulse", b"73"), ("heart-rate", b"5.0"), ("bed/8/pulse", b"5.1")])
        checks = {
            "the hub holds what the phones sent": have == want,
            "the hub's command was committed": queued is not None and queued.wait(10) == 0,
            "the wearable in C was served": wearable is not None and wearable.wait(10) == 0 and '"event":"done","samples":21600' in self.log("device"),
        }
        for name, good in checks.items():
            print(f"{name:<60} {'ok' if good else 'FAILED'}")
        if not all(checks.values()):
            print(have, *(self.log(name)[-2000:] for name in ("hub", "command", "device") if os.path.exists(self.file(f"{name}.log"))), sep="\n")
            return 1
        print(f"ran {len(checks)} checks around them")
        return 0

    def end(self):
        for process in self.started:
            if process.poll() is None:
                process.terminate()
        for process in self.started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        self.broker.stop()


def main(arguments):
    folder = os.path.abspath(arguments[0])
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    live = Live(folder)
    try:
        return live.run(arguments[1:])
    finally:
        live.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
