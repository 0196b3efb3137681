#!/usr/bin/env python3
"""Images of examples/firmware in their emulators, end to end with the hub. usage: run.py [TARGET[:FLAVOUR[:IMAGE]] ...] [--together N]

Ends with a table; every line of it is judged. Needs the wheel in build/venv (scripts/venv-wheel.sh) and the tools that scripts/firmware.py
names.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Union

import boards
import firmware
from sealwire.demo.screen import Screen
from sealwire.identity import Identity
from pairing import PairingShow
from show import FirmwareShow

PERFORMERS = ["cortex-m4:device", "cortex-m4:device:wearable-device", "cortex-m3:device:wearable-device", "cortex-m0:device",
              "cortex-m0:device:wearable-device", "cortex-m4:device-setup:wearable-setup", "cortex-m0:device-setup:wearable-setup",
              "rv32imc:device:wearable-device", "cortex-m4:device-p256", "aarch64-linux:device", "armv7-linux:device:wearable-device", "avr"]
# What the library is used through, in the table.
APIS = {"wearable": "endpoint", "wearable-element": "endpoint", "wearable-setup": "endpoint", "wearable-device": "device"}


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


@dataclass
class Act:
    """A board that performs."""

    target: str
    flavour: str
    name: str
    image: str  # its path
    element: bool  # its key is in the secure element
    refuses: bool

    @property
    def title(self) -> str:
        """For people."""
        return f"{firmware.TARGETS[self.target].title}, {self.name}, {self.flavour}"

    def told(self) -> str:
        """What it does without entropy."""
        return "Linux has its own" if firmware.TARGETS[self.target].std else "refused" if self.refuses else "RUNS"


def prepare(performer: str) -> Act:
    """Builds an image, and starts it without entropy. Raises FirmwareError."""
    target, flavour, name = (*performer.split(":"), "", "")[:3]
    flavour = flavour or "device"
    # Flavours on P-256 have their key in the secure element.
    element = "p256" in flavour
    name = name or ("wearable-element" if element else "wearable")
    if target not in firmware.TARGETS or flavour not in firmware.FLAVOURS or name not in APIS or element != (name == "wearable-element"):
        raise firmware.FirmwareError(f"no board '{performer}'; there are: {' '.join(PERFORMERS)}")
    image = firmware.image(name, target, flavour)
    return Act(target, flavour, name, image, element, firmware.TARGETS[target].std or unseeded(target, image, element))


def selftest(target: str) -> bool:
    """Where the endpoint does not fit: the pieces, with their times; whether all are right."""
    image = firmware.image("selftest", target, "device")
    done = subprocess.run(firmware.emulator(target, str(boards.ROOT / image)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=400, check=False)
    events = [json.loads(line) for line in re.findall(rb"\{[^}]*\}", done.stdout)]
    sizes = subprocess.run([firmware.TARGETS[target].tool("size"), str(boards.ROOT / image)], stdout=subprocess.PIPE, check=True, universal_newlines=True)
    text, data, bss = (int(number) for number in sizes.stdout.splitlines()[1].split()[:3])
    print(f"---- {firmware.TARGETS[target].title}: self test of the pieces, {text + data:,} / {data + bss:,} bytes of flash / RAM")
    for event in events:
        if "what" in event:
            print(f"     {event['event']:<7} {event['what']}: {event['ms'] / 1000:.1f} s")
    return [event["event"] for event in events] == ["passed"] * 4 + ["done"]


async def perform(act: Act, quiet: bool, stage: asyncio.Semaphore) -> Dict[str, Any]:
    async with stage:
        if not quiet:
            print(f"---- {act.title}; without entropy: {act.told()}", flush=True)
        with tempfile.TemporaryDirectory(prefix="sealwire-") as folder:
            screen = Screen(sys.stdout, drawing=False, quiet=quiet)
            show: Union[FirmwareShow, PairingShow]
            if act.name == "wearable-setup":
                show = PairingShow(act.target, act.flavour, act.image, screen)
            else:
                show = FirmwareShow(act.target, act.flavour, act.image, screen, act.element)
            result = await show.perform(Path(folder))
        if quiet:
            print(f"---- {act.title}: {'passed' if result['passed'] else 'FAILED'}", flush=True)
            if not result["passed"]:
                print("\n".join(show.view.notes), flush=True)
        return result


async def perform_all(acts: List[Act], together: int) -> List[Dict[str, Any]]:
    stage = asyncio.Semaphore(together)
    return await asyncio.gather(*(perform(act, together > 1, stage) for act in acts))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("performers", nargs="*", metavar="TARGET[:FLAVOUR[:IMAGE]]", help=f"default: {' '.join(PERFORMERS)}")
    parser.add_argument("--together", type=int, default=1, metavar="N", help="so many at once; then only the results are printed")
    options = parser.parse_args()
    try:
        performers = options.performers or PERFORMERS
        tested = [selftest(performer) for performer in performers if performer == "avr"]
        acts = [prepare(performer) for performer in performers if performer != "avr"]
    except firmware.FirmwareError as error:
        print(f"firmware: {error}", file=sys.stderr)
        return 1
    results = asyncio.run(perform_all(acts, options.together))
    print()
    print(f"{'target':<14} {'flavour':<12} {'API':<9} {'flash / RAM bytes':>17} {'handshake':>12} {'samples':>8} {'held':<9} {'unseeded':>17} {'time':>8}")
    checks, failed = len(tested), tested.count(False)
    for act, result in zip(acts, results):
        held, count = sum(attack["held"] for attack in result["attacks"]), len(result["attacks"])
        # Refusal without entropy, samples, end of the program, and each attack.
        checks += 3 + count
        failed += (not act.refuses) + (not result["samples_match"]) + (result["wearable_status"] != 0) + (count - held)
        samples = result["samples"] if result["samples_match"] else "DIFFER"
        print(f"{act.target:<14} {act.flavour:<12} {APIS[act.name]:<9} {size(act.target, act.image):>17} {result['handshake_ms'] or '-':>9} ms {samples:>8} "
              f"{held}/{count:<7} {act.told():>17} {result['seconds']:>6} s")
    print(f"ran {checks} checks")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
