"""Boards in emulators: what is written beside an image before it starts, and the processes that run it."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional, Sequence

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

import firmware  # noqa: E402  scripts/firmware.py: targets, images, emulators
from mosquitto import Missing, Mosquitto  # noqa: E402  tests/mosquitto.py
from sealwire.demo.show import LIFETIME_MS  # noqa: E402
from sealwire.factory import image as provisioning  # noqa: E402  what `sealwire provision` writes
from sealwire.identity import Identity  # noqa: E402


def u32(number: int) -> bytes:
    """A setting that is a number."""
    return number.to_bytes(4, "big")


def seed_page(seed: Optional[bytes] = None) -> bytes:
    """Fresh entropy for one start."""
    return b"SEED" + (secrets.token_bytes(32) if seed is None else seed)


def pages(own: Identity, hub: Identity, element: bool, seed: bool = True) -> Dict[str, bytes]:
    """What is written beside an image: settings, perhaps a seed, and a key, which with `element` is inside the secure element."""
    values = {
        provisioning.CREDENTIAL: own.credential.data, provisioning.PEER: hub.credential.data, provisioning.INBOX: own.name.encode(),
        provisioning.LIFETIME: u32(LIFETIME_MS), provisioning.SERIAL: own.name.upper().encode(), provisioning.SETUP: secrets.token_bytes(16),
    }
    found = {}
    if element:
        found["page_element"] = own.key.private_bytes()
    else:
        values[provisioning.KEY] = own.key.private_bytes()
    found["page_settings"] = provisioning.page(values)
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


def start_mosquitto(folder: Path) -> Mosquitto:
    """A broker, running. Raises firmware.MissingTool."""
    try:
        broker = Mosquitto(folder)
    except Missing as error:
        raise firmware.MissingTool(str(error)) from None
    broker.start()
    return broker
