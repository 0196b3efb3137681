#!/usr/bin/env python3
"""The demonstration behind `make demo-phone`: two people's apps, a wearable in C, and the hub, over Mosquitto. usage: show.py [--json]

The app in Kotlin (a JVM) pairs with the wearable by its label, shows its electrocardiogram beside the hub, commands it, and hands it over to the owner of the
app in Swift (an executable, in the Debian root of scripts/swift-root.sh); then it is refused. Somebody with a picture of the label, far away, tries too.
Ends with 0 only if every step and every attack had the outcome it must have. Wants what scripts/demo-phone.sh builds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from parts import CHUNK, INBOX, MODEL, RATE_HZ, ROOT, Phone, Samples, Stage
from sealwire.demo.screen import Attack
from sealwire.demo.stage import REALM

KOTLIN = ["java", "-jar", str(ROOT / "examples/phone/kotlin/target/phone-0.1.0.jar")]
SWIFT = ["sh", str(ROOT / "scripts/swift-root.sh"), str(ROOT / "build/swift/phone/debug/phone")]
DEVICE = ROOT / "build/c-mqtt/mqtt_device"
# In the tree, which the Debian root sees too.
FOLDER = ROOT / "build/demo-phone"
FRAME = 4 + 2 * CHUNK
STEP_S = 60.0


class Ended(Exception):
    """A program has ended, or does not say what it should."""


class App:
    """A program that prints what its screen would show, and reads lines for its camera."""

    def __init__(self, name: str, command: Sequence[str], show: Callable[[str, str], None]) -> None:
        self.name = name
        self._command = command
        self._show = show
        self._said: List[str] = []
        self._process: Optional[asyncio.subprocess.Process] = None
        self._reader: Optional["asyncio.Task[None]"] = None

    async def start(self, *arguments: str) -> None:
        with open(FOLDER / f"{self.name.split()[0].lower()}.log", "wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log)
        self._reader = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        async for line in self._process.stdout:
            text = line.decode("utf-8", "replace").rstrip("\n")
            self._said.append(text)
            self._show(self.name, text)

    async def says(self, start: str, timeout: float = STEP_S) -> str:
        """Waits for a line with this beginning; gives the rest of it."""
        end = time.monotonic() + timeout
        while True:
            for text in self._said:
                if text.startswith(start):
                    return text[len(start) :].strip()
            assert self._reader is not None
            if time.monotonic() > end or self._reader.done():
                raise Ended(f"the {self.name} never said: {start}")
            await asyncio.sleep(0.02)

    def sees(self, text: str) -> None:
        """In front of its camera, or typed."""
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(text.encode() + b"\n")

    async def status(self, timeout: float = STEP_S) -> Optional[int]:
        assert self._process is not None
        try:
            return await asyncio.wait_for(self._process.wait(), timeout)
        except asyncio.TimeoutError:
            return None

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._reader is not None:
            await self._reader


def trace(samples: Sequence[int]) -> str:
    """The same picture as the apps'."""
    low = min(samples)
    span = max(1, max(samples) - low)
    return "".join("▁▂▃▄▅▆▇█"[(max(samples[start : start + 6]) - low) * 7 // span] for start in range(0, len(samples), 6))


def numbers(data: bytearray) -> List[int]:
    return [int.from_bytes(data[place : place + 2], "little", signed=True) for place in range(0, len(data), 2)]


def kept(name: str, recording: bytes) -> Samples:
    """What an app has kept of what it was shown."""
    samples = Samples(recording)
    data = (FOLDER / f"{name}.ecg").read_bytes()
    for place in range(0, len(data), FRAME):
        samples.take(data[place : place + FRAME])
    return samples


class Show:
    """One performance."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.started = time.monotonic()
        self.steps: List[Attack] = []
        self.attacks: List[Attack] = []
        self.traces: List[Tuple[int, str]] = []
        self.drawn = self.same = 0
        self.kotlin, self.swift = App("Kotlin app", KOTLIN, self.shown), App("Swift app", SWIFT, self.shown)

    def note(self, who: str, text: str) -> None:
        if not self.quiet:
            print(f"{time.monotonic() - self.started:5.1f} s  {who:<10} {text}", flush=True)

    def shown(self, who: str, text: str) -> None:
        kind, _, rest = text.partition(" ")
        if kind == "ecg":
            place, _, picture = rest.partition(" ")
            self.traces.append((int(place), picture))
            self.note(who, f"{picture} {int(place):>6,}")
        elif kind != "release":
            self.note(who, text)
        else:
            self.note(who, "release, signed for the next owner: " + rest.split()[-1][:40] + "…")

    def step(self, what: str, good: bool, outcome: str = "yes") -> None:
        self.steps.append(Attack(what, "yes", outcome if good else f"NO: {outcome}", "held" if good else "broken"))

    async def attack(self, stage: Stage, phone: Phone, what: str, error: str, **claim: bytes) -> None:
        """A claim by somebody else; the wearable must refuse it by this error."""
        before = len(stage.errors())
        outcome = await phone.attempt(**claim)
        said = stage.errors()[before:]
        held = outcome != "let in" and error in said
        self.attacks.append(Attack(what, error, error if held else f"{outcome}, {said}; must give {error}", "held" if held else "broken"))
        self.note("stranger", f"{what}: {self.attacks[-1].outcome}")

    async def beside(self, stage: Stage) -> None:
        """Shows at the hub what an app has just shown."""
        while True:
            await asyncio.sleep(0.05)
            while self.traces:
                place, picture = self.traces.pop(0)
                # It has had everything since the first sample, so these are there when so many are.
                await stage.until(lambda: stage.hub_samples.count >= place, 5)
                mine = trace(numbers(stage.hub_samples.seen[2 * (place - RATE_HZ) : 2 * place]))
                self.drawn += 1
                self.same += mine == picture
                self.note("hub", f"{mine} {'the same' if mine == picture else 'ANOTHER'}")

    async def perform(self, stage: Stage) -> None:
        arguments = [f"mqtt://127.0.0.1:{stage.mosquitto.port}", REALM, INBOX, str(FOLDER)]
        stranger = stage.phone("stranger")
        await stranger.link.open()
        await self.kotlin.start(*arguments)
        self.step("the hub knows the wearable, which nobody owns", await stage.until(lambda: "established" in {event["event"] for event in stage.events}))
        await self.attack(stage, stranger, "the label's picture, before the button", "setup-closed", secret=stage.secret)

        self.kotlin.sees(stage.code)
        await self.kotlin.says("press the button")
        stage.press()
        self.note("wearable", "its button is pressed")
        device = await self.kotlin.says("paired with")
        self.step("the Kotlin app pairs by the label and the button", device == stage.wearable_identity.thumbprint.hex())
        await self.swift.start(*arguments)
        await self.attack(stage, stranger, "the label's picture, after pairing", "other-owner", secret=stage.secret)
        await self.kotlin.says("obeyed led on")
        self.step("the wearable obeys its command", self.commands(stage) == [("led", b"on")])

        buyer = await self.swift.says("thumbprint")
        await self.swift.says("point the camera")
        await self.kotlin.says("point the camera at the next")
        self.kotlin.sees(buyer)
        release = await self.kotlin.says("release")
        await self.attack(stage, stranger, "the release, by another than the buyer", "wrong-statement", release=bytes.fromhex(release.split()[1]))
        self.swift.sees(release)
        took = await self.swift.says("took over")
        self.step("the Swift app takes over by the release", took == device and await stage.until(
            lambda: (stage.owner() or {}) == {"event": "owner", "epoch": 1, "owner": buyer, "delegates": 0}))
        before = kept("kotlin-phone", stage.recording).end

        errors = len(stage.errors())
        self.kotlin.sees("done")
        as_owner, by_label = await self.kotlin.says("refused as owner:"), await self.kotlin.says("refused by the label:")
        said = set(stage.errors()[errors:])
        status = await self.kotlin.status()
        self.step("from then on the Kotlin app is refused", (status, as_owner, by_label) == (0, "HandshakeFailed", "the peer says other-owner") and {"untrusted-credential", "other-owner"} <= said,
                  f"{as_owner}; {by_label}")
        self.step("and sees no more of the electrocardiogram", kept("kotlin-phone", stage.recording).end == before)
        await self.swift.says("obeyed led off")
        await self.attack(stage, stranger, "the release again, after it was used", "wrong-statement", release=bytes.fromhex(release.split()[1]))
        self.swift.sees("enough")
        await self.swift.says("obeyed stop")
        self.step("the wearable obeys the Swift app", self.commands(stage) == [("led", b"on"), ("led", b"off"), ("stop", b"")]
                  and await self.swift.status() == 0)
        status = await stage.wearable.wait(20)
        self.step("the wearable has delivered everything to the hub", status == 0)
        await stranger.link.close()

    @staticmethod
    def commands(stage: Stage) -> List[Tuple[str, bytes]]:
        return [(event["topic"], bytes.fromhex(event["payload"])) for event in stage.events if event["event"] == "command"]

    def judge(self, stage: Stage) -> Dict[str, Any]:
        """Whether what everybody was shown is what the heart did."""
        done = next((event["samples"] for event in stage.events if event["event"] == "done"), 0)
        hub, stored = stage.hub_samples, {message.payload for message in stage.hub.data.messages(topic="ecg")}
        whole = sum(len(payload) // 2 - 2 for payload in stored)
        self.step("the hub holds every sample, all as recorded", 0 < done == whole and not hub.wrong, f"{whole:,} samples")
        for name, who in (("kotlin-phone", "Kotlin app"), ("swift-phone", "Swift app")):
            seen = kept(name, stage.recording)
            self.step(f"the {who} was shown samples, all as recorded", seen.count >= 4 * RATE_HZ and not seen.wrong, f"{seen.count:,} samples")
        self.step("app and hub draw the same line", self.drawn == self.same >= 6, f"{self.same} of {self.drawn} seconds")
        return {"hub": whole, **{name: kept(name, stage.recording).count for name in ("kotlin-phone", "swift-phone")}}


async def main(quiet: bool) -> int:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    show = Show(quiet)
    samples: Dict[str, Any] = {}
    async with Stage(FOLDER, str(DEVICE)) as stage:
        show.note("wearable", f"{MODEL}, in C: waits for somebody who has its label and presses its button")
        beside = asyncio.get_running_loop().create_task(show.beside(stage))
        try:
            await show.perform(stage)
            samples = show.judge(stage)
        except (Ended, OSError) as error:
            show.step("everybody plays", False, str(error))
            for log in ("kotlin.log", "swift.log"):
                if (FOLDER / log).exists():
                    print((FOLDER / log).read_text("utf-8", "replace")[-2000:], file=sys.stderr)
            print(*stage.events[-10:], *stage.wearable.noise[-5:], sep="\n", file=sys.stderr)
        finally:
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)
            await show.kotlin.stop()
            await show.swift.stop()
    passed = all(each.held for each in [*show.steps, *show.attacks])
    if not quiet:
        for title, each in (("steps:", show.steps), ("a stranger, over the broker:", show.attacks)):
            print(f"\n{title}")
            for one in each:
                print(f"  {'held  ' if one.held else 'BROKEN'} {one.name:<52} {one.outcome}")
        print(f"ran {len(show.steps) + len(show.attacks)} checks, {'all held' if passed else 'NOT all held'}")
    else:
        rows = {what: [{"name": one.name, "outcome": one.outcome, "held": one.held} for one in each]
                for what, each in (("steps", show.steps), ("attacks", show.attacks))}
        print(json.dumps({"passed": passed, "seconds": round(time.monotonic() - show.started, 1), "samples": samples, **rows}, indent=2))
    return 0 if passed else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="the outcome as JSON, and nothing else")
    sys.exit(asyncio.run(main(parser.parse_args().json)))
