#!/usr/bin/env python3
"""The wearable in C gets an owner, another one, and none, over a real broker, while others try. usage: claim.py MQTT_DEVICE

Phones are in Python. Needs the wheel, and Mosquitto.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import List

from parts import Phone, Stage


class Checks:
    """Prints what is so, and counts."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.results: List[bool] = []

    def __call__(self, name: str, good: bool) -> None:
        self.results.append(good)
        print(f"{name:<72} {'ok' if good else 'FAILED'}", flush=True)
        if not good:
            print(*(str(event) for event in self.stage.events[-12:]), *self.stage.wearable.noise[-5:], sep="\n", file=sys.stderr)

    async def refused(self, name: str, phone: Phone, error: str, answer: str = "peer-error", **claim: bytes) -> None:
        """A claim that the wearable must refuse with this error, and the phone report as that one."""
        before = len(self.stage.errors())
        outcome = await phone.attempt(**claim)
        # The hub may still write under a session that a reset has ended.
        said = [name for name in self.stage.errors()[before:] if name != "unknown-context"]
        # Whoever does not know the secret is not listened to for a while.
        good = outcome == answer and said[:1] == [error] and set(said) <= {error, "setup-delayed"}
        self(f"{name}: {error}" if good else f"{name}: {error}, not {said} and {outcome}", good)


async def perform(stage: Stage) -> List[bool]:
    check = Checks(stage)
    first, second, stranger = (stage.phone(name) for name in ("first", "second", "stranger"))
    for phone in (first, second, stranger):
        await phone.link.open()
    check("the hub has the wearable", await stage.until(lambda: any(event["event"] == "established" for event in stage.events)))
    await check.refused("a photographed label before the button", stranger, "setup-closed", secret=stage.secret)
    check("nobody wears it: no samples", stage.hub_samples.count == 0 and stage.owner() == {"event": "owner", "epoch": 0, "owner": "", "delegates": 0})

    stage.press()
    await stage.until(lambda: stage.events[-1]["event"] == "setup-open")
    check("the button, and the right label", await first.attempt(secret=stage.secret) == "let in")
    check("it says who owns it", await stage.until(lambda: (stage.owner() or {})["owner"] == first.identity.thumbprint.hex()))
    check("owner and hub see the same samples", await stage.until(lambda: min(first.samples.count, stage.hub_samples.count) > 2000)
          and first.samples.wrong == stage.hub_samples.wrong == 0)
    await check.refused("a photographed label after setup", stranger, "other-owner", secret=stage.secret)

    check("a delegate of the owner", await second.attempt(delegation=first.states(delegation=second.identity.thumbprint)) == "let in")
    check("sees them too", await stage.until(lambda: second.samples.count > 500) and second.samples.wrong == 0)
    commands = []
    for phone in (second, first):
        session = phone.link.session_with(phone.device)
        assert session is not None
        await asyncio.wait_for((await session.command("led", phone.identity.name.encode())).wait(), 10)
        commands.append([bytes.fromhex(event["payload"]).decode() for event in stage.events if event["event"] == "command"])
    check("the owner commands, the delegate looks on", commands == [[], ["first"]] and stage.errors()[-1] == "denied")

    # Each time in a new session.
    check("who comes back again and again", {await phone.attempt() for phone in 3 * [first, second]} == {"let in"})
    refused, counts = len(stage.errors()), (first.samples.count, second.samples.count, stage.hub_samples.count)
    await asyncio.sleep(1)
    grown = [now - before for now, before in zip((first.samples.count, second.samples.count, stage.hub_samples.count), counts)]
    check("is shown each sample once", 0 < max(grown[:2]) < 1.5 * grown[2] and stage.errors()[refused:] == [])

    await stage.wearable.stop()
    before = first.samples.count
    await stage.start_wearable()
    check("after a power cut it has the same owner", await stage.until(lambda: (stage.owner() or {})["owner"] == first.identity.thumbprint.hex()))
    # Its session ended with the power, and it has no way to say so.
    session = first.link.session_with(first.device)
    assert session is not None
    await asyncio.wait_for((await session.send("note", b"still here?")).wait(), 20)
    check("who comes back by itself", await stage.until(lambda: first.samples.count > before + 500))
    await check.refused("a photographed label after a power cut", stranger, "other-owner", secret=stage.secret)

    release = first.states(release=second.identity.thumbprint)
    await check.refused("a release that was signed for another", stranger, "wrong-statement", release=release)
    check("a release to the second", await second.attempt(release=release) == "let in"
          and await stage.until(lambda: (stage.owner() or {})["owner"] == second.identity.thumbprint.hex() and (stage.owner() or {})["epoch"] == 1))
    before, hub_before = second.samples.count, stage.hub_samples.count
    check("who sees samples, as the hub does", await stage.until(lambda: second.samples.count > before + 500 and stage.hub_samples.count > hub_before + 500))
    await check.refused("the first one from then on", first, "untrusted-credential", "handshake-failed")
    await check.refused("also with the label", first, "other-owner", secret=stage.secret)
    await check.refused("and a release that was used", first, "wrong-statement", release=release)

    stage.press(held=True)
    check("the button held down: nobody's", await stage.until(lambda: (stage.owner() or {}) == {"event": "owner", "epoch": 2, "owner": "", "delegates": 0}))
    await check.refused("the second one from then on", second, "untrusted-credential", "handshake-failed")
    counts = second.samples.count, stage.hub_samples.count
    await asyncio.sleep(0.5)
    check("and nobody sees samples", counts == (second.samples.count, stage.hub_samples.count))
    stage.press()
    await stage.until(lambda: stage.events[-1]["event"] == "setup-open")
    await check.refused("a guessed code", stranger, "wrong-setup-secret", secret=bytes(16))
    check("the label again, after it was erased", await stage.until(lambda: False, 1.0) or await first.attempt(secret=stage.secret) == "let in")
    check("all samples were the recording's", first.samples.wrong == second.samples.wrong == stage.hub_samples.wrong == 0 and stranger.samples.count == 0)
    for phone in (first, second, stranger):
        await phone.link.close()
    return check.results


async def main(program: str) -> int:
    with tempfile.TemporaryDirectory(prefix="sealwire-") as folder:
        async with Stage(Path(folder), program, rate=20) as stage:
            results = await perform(stage)
    print(f"ran {len(results)} checks, {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
