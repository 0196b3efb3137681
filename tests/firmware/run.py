#!/usr/bin/env python3
"""Images of examples/firmware in their emulators, end to end with the hub. usage: run.py [TARGET[:FLAVOUR] ...] [--quiet]

Ends with a table; every line of it is judged. Needs the wheel in build/venv (scripts/venv-wheel.sh) and the tools that scripts/firmware.py
names.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List

import boards
import firmware
from sealwire.demo.screen import Screen
from sealwire.identity import Identity
from show import FirmwareShow

PERFORMERS = ["cortex-m4:device", "cortex-m3:device", "cortex-m0:device", "rv32imc:device", "cortex-m4:device-p256", "aarch64-linux:device", "armv7-linux:device"]


def size(target: str, image: str) -> str:
    """Text, and data with bss, in bytes, as the target's `size` counts; the recording is not counted."""
    done = subprocess.run([firmware.TARGETS[target].tool("size"), str(boards.ROOT / image)], stdout=subprocess.PIPE, check=True, universal_newlines=True)
    text, data, bss = (int(number) for number in done.stdout.splitlines()[1].split()[:3])
    return f"{text + data - 2 * firmware.SAMPLES:,} / {data + bss:,}"


def unseeded(target: str, image: str, element: bool) -> bool:
    """Whether an image without entropy refuses to run, with everything else in place."""
    with tempfile.TemporaryDirectory(prefix="sealwire-") as name:
        folder = Path(name)
        curve = "P-256" if element else "X25519"
        pages = boards.pages(Identity.generate("wearable-1", curve=curve), Identity.generate("hub", curve=curve), element, seed=False)
        done = subprocess.run(boards.command(target, image, "null", folder, pages), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False)
        refused = done.returncode == 1 and b'"name":"random-failed"' in done.stderr and b'"start"' not in done.stderr
        if not refused:
            print(done.stderr.decode("utf-8", "replace"), file=sys.stderr)
        return refused


async def perform(target: str, flavour: str, image: str, screen: Screen, element: bool) -> Dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="sealwire-") as folder:
        return await FirmwareShow(target, flavour, image, screen, element).perform(Path(folder))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("performers", nargs="*", metavar="TARGET[:FLAVOUR]", help=f"default: {' '.join(PERFORMERS)}")
    parser.add_argument("--quiet", action="store_true", help="only the table")
    options = parser.parse_args()
    rows: List[str] = []
    checks = failed = 0
    for performer in options.performers or PERFORMERS:
        target, _, flavour = performer.partition(":")
        flavour = flavour or "device"
        try:
            # Flavours on P-256 have their key in the secure element.
            element = "p256" in flavour
            image = firmware.image("wearable-element" if element else "wearable", target, flavour)
        except firmware.FirmwareError as error:
            print(f"firmware: {error}", file=sys.stderr)
            return 1
        print(f"---- {firmware.TARGETS[target].title}, {flavour}", flush=True)
        # Linux has entropy of its own.
        refuses = firmware.TARGETS[target].std or unseeded(target, image, element)
        told = "Linux has its own" if firmware.TARGETS[target].std else "refused" if refuses else "RUNS"
        print(f"  0.0 s  without entropy: {told}", flush=True)
        result = asyncio.run(perform(target, flavour, image, Screen(sys.stdout, drawing=False, quiet=options.quiet), element))
        held = sum(attack["held"] for attack in result["attacks"])
        count = len(result["attacks"])
        # Refusal without entropy, samples, end of the program, and each attack.
        checks += 3 + count
        failed += (not refuses) + (not result["samples_match"]) + (result["wearable_status"] != 0) + (count - held)
        rows.append(f"{target:<14} {flavour:<15} {size(target, image):>17} {result['handshake_ms'] or '-':>9} ms "
                    f"{result['samples'] if result['samples_match'] else 'DIFFER':>8} {held}/{count:<7} {told:>17} {result['seconds']:>6} s")
    print()
    print(f"{'target':<14} {'flavour':<15} {'flash / RAM bytes':>17} {'handshake':>12} {'samples':>8} {'held':<9} {'unseeded':>17} {'time':>8}")
    print("\n".join(rows))
    print(f"ran {checks} checks")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
