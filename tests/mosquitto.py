"""A Mosquitto of one's own, for tests in Python: python/tests, tests/links, tests/firmware, tests/phone, and the live tests of apps."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Optional, Sequence


class Missing(RuntimeError):
    """Mosquitto is not installed."""


def free_port() -> int:
    """A TCP port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """A Mosquitto broker on the loopback interface, open to everybody unless `lines` of configuration say otherwise. Raises Missing."""

    def __init__(self, folder: Path, lines: Sequence[str] = (), port: Optional[int] = None) -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise Missing("mosquitto is not installed (Debian: apt-get install mosquitto)")
        self.program = program
        self.port = free_port() if port is None else port
        self.log = folder / f"mosquitto-{self.port}.log"
        self.config = folder / f"mosquitto-{self.port}.conf"
        # Started as root, it would become a user who cannot read the test's files.
        user = ["user root"] if os.geteuid() == 0 else []
        open_to_all = [f"listener {self.port} 127.0.0.1", "allow_anonymous true"]
        self.config.write_text("\n".join(["log_type error", "log_type warning", *user, *(lines or open_to_all), ""]))
        self.process: Optional["subprocess.Popen[bytes]"] = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.program, "-c", str(self.config)], stdout=log, stderr=log)
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    self.stop()
                    raise AssertionError(f"mosquitto does not start: {self.log.read_text()}") from None
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop it at once, as in a power cut."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
