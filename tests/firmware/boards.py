"""Boards in emulators: what is written beside an image before it starts, and the processes that run it."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List, Optional, Sequence

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import firmware  # noqa: E402  scripts/firmware.py: targets, images, emulators
from sealwire.demo.show import LIFETIME_MS  # noqa: E402
from sealwire.identity import Identity  # noqa: E402

# The kinds of examples/firmware/settings.h.
KEY, CREDENTIAL, PEER, INBOX, INTERVAL, LIFETIME, SAMPLES = range(1, 8)


def settings(values: Dict[int, bytes]) -> bytes:
    """The page of settings."""
    items = b"".join(bytes([kind]) + len(value).to_bytes(2, "big") + value for kind, value in values.items())
    return b"SWF1" + items + b"\x00"


def u32(number: int) -> bytes:
    """A setting that is a number."""
    return number.to_bytes(4, "big")


def seed_page(seed: Optional[bytes] = None) -> bytes:
    """Fresh entropy for one start."""
    return b"SEED" + (secrets.token_bytes(32) if seed is None else seed)


def pages(own: Identity, hub: Identity, element: bool, seed: bool = True) -> Dict[str, bytes]:
    """What is written beside an image: settings, perhaps a seed, and a key, which with `element` is inside the secure element."""
    values = {CREDENTIAL: own.credential.data, PEER: hub.credential.data, INBOX: own.name.encode(), LIFETIME: u32(LIFETIME_MS)}
    found = {}
    if element:
        found["page_element"] = own.key.private_bytes()
    else:
        values[KEY] = own.key.private_bytes()
    found["page_settings"] = settings(values)
    if seed:
        found["page_seed"] = seed_page()
    return found


def symbols(target: str, image: str) -> Dict[str, int]:
    """Addresses in an image, by name."""
    listed = subprocess.run([firmware.TARGETS[target].tool("nm"), str(ROOT / image)], stdout=subprocess.PIPE, check=True, universal_newlines=True)
    found = {}
    for line in listed.stdout.splitlines():
        parts = line.split()
        if len(parts) == 3:
            found[parts[2]] = int(parts[0], 16)
    return found


def command(target: str, image: str, serial: str, folder: Path, pages: Dict[str, bytes], extra: Sequence[str] = ()) -> List[str]:
    """How an emulator is started, with these pages (symbols of the image) filled in."""
    if firmware.TARGETS[target].std:
        for name, data in pages.items():
            (folder / f"{name}.bin").write_bytes(data)
        return [*firmware.emulator(target, str(ROOT / image), serial), "--pages", str(folder), *extra]
    at = symbols(target, image)
    more: List[str] = []
    for name, data in pages.items():
        path = folder / f"{name}.bin"
        path.write_bytes(data)
        more += ["-device", f"loader,file={path},addr={at[name]:#x},force-raw=on"]
    return [*firmware.emulator(target, str(ROOT / image), serial), *more, *extra]


def free_port() -> int:
    """A TCP port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """The broker, on the loopback interface."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise firmware.MissingTool("mosquitto is not installed (Debian: apt-get install mosquitto)")
        self.port = free_port()
        config = folder / "mosquitto.conf"
        # Started as root, it would become a user who cannot read the file.
        user = ["user root"] if os.geteuid() == 0 else []
        config.write_text("\n".join([*user, f"listener {self.port} 127.0.0.1", "allow_anonymous true", "log_type error", ""]))
        self.process = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise ConnectionError("mosquitto does not start") from None
                time.sleep(0.05)

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
