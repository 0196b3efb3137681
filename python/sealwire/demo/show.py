"""Runs the demonstration and judges it."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Set

from .. import _sealwire as core
from .. import frames
from ..broker import Broker, Wire
from ..errors import SealwireError
from ..gateway import Attachment, Gateway
from ..hub import Hub
from ..mqtt import Event, Link, Message, Refused
from ..identity import Identity
from ..links import TcpLink
from .middle import Middle, Publish
from .screen import Attack, Screen, View
from .stage import CHUNK, RATE_HZ, REALM, Cast, Device, EmbeddedBroker, recording, sign

LIMIT_S = 110.0
LIFETIME_MS = 3000
TRACE_S = 3
SECOND_SAMPLES = 3600
_MESSAGES = {1: "wearable -> hub", 2: "hub -> wearable", 3: "wearable -> hub", 4: "hub -> wearable"}


def all_attacks() -> Dict[str, Attack]:
    """What the man in the middle will do, by the name of the method that does it."""
    return {
        "flip": Attack("flips a bit of a record", "decrypt-failed"),
        "reorder": Attack("swaps two records", "both delivered, one late"),
        "suppress": Attack("suppresses ten records", "Missing(10)"),
        "hold": Attack("holds a command back for 3.7 s", "stale"),
        "stranger": Attack("starts a handshake with a forged identity", "untrusted-credential"),
        "replay": Attack("replays a record from the beginning", "replay"),
    }


class Show:
    """One performance."""

    def __init__(self, options: argparse.Namespace, screen: Screen) -> None:
        self.options = options
        self.screen = screen
        self.view = View()
        self.data = recording(options.data)
        self.count = len(self.data) // 2
        self.view.total = self.count
        self.started = time.monotonic()
        self.changed = asyncio.Event()
        self.established = False
        self.wearable_thumbprint = b""
        self.wearable_session: Dict[str, Any] = {}
        self.seen_messages: Set[int] = set()
        self.hub_refused: List[str] = []
        self.hub_missing: List[int] = []
        self.hub_late = 0
        self.wearable_errors: List[str] = []
        self.wearable_commands: List[str] = []
        self.wearable_done: Optional[Dict[str, Any]] = None
        self.parts: Dict[int, bytes] = {}
        self.middle: Optional[Middle] = None
        self.hub: Optional[Hub] = None

    # ---- what the parts tell

    def note(self, text: str) -> None:
        self.view.elapsed = time.monotonic() - self.started
        self.screen.line(self.view, text)

    def on_hub(self, event: Event) -> None:
        if isinstance(event, Message):
            if event.peer != self.wearable_thumbprint:
                return
            if event.missing:
                self.hub_missing.append(event.missing)
            if event.late:
                self.hub_late += 1
            if event.topic == "ecg" and len(event.payload) > 4:
                self.parts[int.from_bytes(event.payload[:4], "big")] = event.payload[4:]
                self.view.received = sum(len(part) // 2 for part in self.parts.values())
                self._trace()
        elif isinstance(event, Refused):
            self.hub_refused.append(event.error.name)
        elif isinstance(event, core.Established) and event.peer != self.wearable_thumbprint:
            self.note("a second device, in C, has joined over MQTT without the gateway")
        elif isinstance(event, core.Established):
            self.established = True
            self.view.identities.append(f"  the hub knows the wearable as      {event.peer.hex()}  wearable-1, vouched for by the issuer")
            self.note("the hub has authenticated the wearable")
        self.changed.set()

    def _trace(self) -> None:
        last = max(self.parts)
        first = max(0, last + CHUNK - TRACE_S * RATE_HZ)
        samples: List[int] = []
        for start in sorted(self.parts):
            if start >= first:
                part = self.parts[start]
                samples.extend(int.from_bytes(part[i : i + 2], "little", signed=True) for i in range(0, len(part) - 1, 2))
        self.view.samples = samples

    def on_wearable(self, event: Dict[str, Any]) -> None:
        kind = event.get("event")
        if kind == "established":
            self.wearable_session = event
            self.view.identities.append(f"  the wearable knows the hub as      {event.get('peer')}  by its provisioned credential")
            self.note("the wearable has authenticated the hub")
        elif kind == "error":
            self.wearable_errors.append(str(event.get("name")))
        elif kind == "command":
            self.wearable_commands.append(bytes.fromhex(str(event.get("payload", ""))).decode("utf-8", "replace"))
        elif kind == "done":
            self.wearable_done = event
        self.changed.set()

    def on_gateway(self, direction: str, attachment: Attachment, frame: bytes) -> None:
        kind = frame[0]
        if kind in _MESSAGES and kind not in self.seen_messages:
            self.seen_messages.add(kind)
            self.view.handshake.append(f"  message_{kind}  {_MESSAGES[kind]}  {len(frame):>3} bytes  {frame.hex(' ')[:50]}")
            self.note(f"message_{kind}, {_MESSAGES[kind]}, {len(frame)} bytes")

    def on_broker(self, topic: str, payload: bytes) -> None:
        if not payload or topic.startswith("$"):
            return
        self.view.broker_frames += 1
        if frames.is_record(payload):
            self.view.broker_bytes += payload
        self.view.broker_lines.append(f"{topic}  {payload.hex(' ', 2)}")
        del self.view.broker_lines[:-20]

    # ---- waiting

    async def until(self, done: Callable[[], bool], timeout: float) -> bool:
        """Until `done` holds; false when it does not in time."""
        end = time.monotonic() + timeout
        while not done():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.changed.clear()
            try:
                await asyncio.wait_for(self.changed.wait(), min(left, 0.2))
            except asyncio.TimeoutError:
                continue
        return True

    def judge(self, attack: Attack, held: bool, outcome: str) -> None:
        attack.state = "held" if held else "broken"
        attack.outcome = outcome if held else f"{outcome}; must give {attack.required}"
        self.note(f"{attack.name}: {attack.outcome}")

    # ---- attacks

    async def flip(self, attack: Attack, middle: Middle) -> None:
        before = self.hub_refused.count("decrypt-failed")
        flipped: List[int] = []

        def rule(publish: Publish) -> Optional[List[bytes]]:
            if not publish.up or flipped or not frames.is_confirmable(publish.payload):
                return None
            flipped.append(1)
            altered = bytearray(publish.payload)
            altered[len(altered) // 2] ^= 0x10
            return [bytes(altered)]

        middle.rule = rule
        held = await self.until(lambda: self.hub_refused.count("decrypt-failed") > before, 10)
        middle.rule = None
        self.judge(attack, held, "decrypt-failed" if held else "nothing refused")

    async def reorder(self, attack: Attack, middle: Middle) -> None:
        late = self.hub_late
        kept: List[bytes] = []

        def rule(publish: Publish) -> Optional[List[bytes]]:
            if not publish.up or not frames.is_confirmable(publish.payload) or len(kept) > 1:
                return None
            kept.append(publish.payload)
            if len(kept) == 1:
                return []
            return [kept[1], kept[0]]

        middle.rule = rule
        held = await self.until(lambda: self.hub_late > late, 10)
        middle.rule = None
        self.judge(attack, held, "both delivered, the second marked late" if held else "not delivered")

    async def suppress(self, attack: Attack, middle: Middle) -> None:
        # Let stragglers of earlier attacks arrive first, so that the gap is exactly his.
        await asyncio.sleep(0.5)
        dropped: List[bytes] = []
        before = len(self.hub_missing)

        def rule(publish: Publish) -> Optional[List[bytes]]:
            if not publish.up or not frames.is_record(publish.payload) or len(dropped) >= 10:
                return None
            dropped.append(publish.payload)
            return []

        middle.rule = rule
        held = await self.until(lambda: 10 in self.hub_missing[before:], 15)
        middle.rule = None
        self.judge(attack, held, f"Missing({self.hub_missing[before:][0] if self.hub_missing[before:] else 0})")

    async def hold_back(self, attack: Attack, middle: Middle) -> None:
        assert self.hub is not None
        self.hub.data.queue_command("wearable-1", "led", b"on")
        if not await self.until(lambda: "on" in self.wearable_commands, 10):
            self.judge(attack, False, "a prompt command did not arrive either")
            return
        self.note("a prompt command was obeyed: led on")
        before = self.wearable_errors.count("stale")
        kept: List[Publish] = []

        def rule(publish: Publish) -> Optional[List[bytes]]:
            if publish.up or not frames.is_confirmable(publish.payload):
                return None
            kept.append(publish)
            return []

        middle.rule = rule
        self.hub.data.queue_command("wearable-1", "led", b"unlock")
        if not await self.until(lambda: bool(kept), 5):
            middle.rule = None
            self.judge(attack, False, "the command was not sent")
            return
        await asyncio.sleep(LIFETIME_MS / 1000 + 0.7)
        obeyed = "unlock" in self.wearable_commands
        middle.inject(False, kept[0].topic, kept[0].payload)
        stale = await self.until(lambda: self.wearable_errors.count("stale") > before, 5)
        obeyed = obeyed or "unlock" in self.wearable_commands
        middle.rule = None
        fresh = await self.until(lambda: "unlock" in self.wearable_commands, 20)
        outcome = "stale" if stale else "not refused"
        self.judge(attack, stale and not obeyed and fresh, f"{outcome}; the hub's fresh repeat was obeyed" if fresh else f"{outcome}; no fresh repeat arrived")

    async def stranger(self, attack: Attack, broker: Broker, cast: Cast) -> None:
        refused = {"untrusted-credential", "unknown-credential"}
        before = len(self.hub_refused)
        bare = Identity.generate("wearable-1")
        forged = sign(Identity.generate("clinic-issuer", curve="Ed25519"), bare.key, "wearable-1")
        endpoint = core.Endpoint(
            [(forged, bare.key)],
            peers=[cast.hub.credential],
            inbox="stranger",
            mqtt=True,
            by_value=True,
            handshake_interval_ms=400,
            handshake_attempts=3,
        )
        reached = False
        async with Link(endpoint, broker, realm=REALM, inbox="stranger") as link:
            try:
                await link.connect("hub", timeout=8)
                reached = True
            except (SealwireError, TimeoutError):
                reached = False
        found = [name for name in self.hub_refused[before:] if name in refused]
        self.judge(attack, bool(found) and not reached, found[0] if found else "not refused by its credential")

    async def replay(self, attack: Attack, middle: Middle) -> None:
        records = [publish for publish in middle.seen if publish.up and frames.is_record(publish.payload)]
        if not await self.until(lambda: self._span(middle) > 80, 40):
            self.judge(attack, False, "too few records")
            return
        before = self.hub_refused.count("replay")
        middle.inject(True, records[0].topic, records[0].payload)
        held = await self.until(lambda: self.hub_refused.count("replay") > before, 5)
        self.judge(attack, held, "replay" if held else "not refused")

    def _span(self, middle: Middle) -> int:
        records = [publish.payload for publish in middle.seen if publish.up and frames.is_record(publish.payload)]
        if not records:
            return 0
        width = 3  # the hub's identifiers
        return frames.record_header(records[-1], width).partial_iv - frames.record_header(records[0], width).partial_iv

    # ---- the whole

    async def perform(self, folder: Path) -> Dict[str, Any]:
        cast = Cast.create(folder)
        self.wearable_thumbprint = cast.wearable.thumbprint
        recording_file = folder / "recording.i16le"
        recording_file.write_bytes(self.data)
        attacks = all_attacks()
        self.view.attacks = list(attacks.values())
        embedded = EmbeddedBroker()
        device = Device(self.on_wearable)
        second = Device(lambda event: None)
        second_status: Optional[int] = 0
        listener: Optional[asyncio.AbstractServer] = None
        drawing: Optional["asyncio.Task[None]"] = None
        gateway: Optional[Gateway] = None
        tap: Optional[Wire] = None
        status: Optional[int] = None
        try:
            broker = await embedded.open()
            middle = self.middle = Middle(("127.0.0.1", embedded.port))
            await middle.open()
            tap = Wire(broker, on_message=lambda topic, payload, *_: self.on_broker(topic, payload))
            await tap.open({"#": 0})
            self.hub = Hub(
                folder / "hub.db",
                broker,
                realm=REALM,
                identities=[cast.hub],
                anchors=[core.TrustAnchor(cast.issuer.credential)],
                observer=self.on_hub,
            )
            await self.hub.open()
            gateway = Gateway(Broker("127.0.0.1", middle.port), realm=REALM, hub="hub", observer=self.on_gateway)
            await gateway.open()
            carrier = gateway
            listener, port = await TcpLink.listen("127.0.0.1", 0, lambda link: self._attached(carrier, link))
            drawing = asyncio.get_running_loop().create_task(self._draw())
            program = [self.options.wearable] if self.options.wearable else [sys.executable, "-m", "sealwire.demo.wearable"]
            self.note(f"wearable in {'C' if self.options.wearable else 'Python'}, gateway, broker and hub are up")
            shared = cast.arguments(cast.wearable, recording_file)
            rate = f"{self.options.rate:g}"
            await device.start(
                [*program, "--connect", f"127.0.0.1:{port}", *shared, "--rate", rate, "--lifetime", str(LIFETIME_MS)]
            )
            if not await self.until(lambda: self.established and self.view.received > 8 * CHUNK, 20):
                self.note("no session came about")
                for line in device.noise[-5:]:
                    self.note(f"wearable: {line}")
            else:
                if self.options.mqtt_device:
                    where = ["--broker", f"127.0.0.1:{embedded.port}", "--realm", REALM, "--hub", "hub"]
                    what = [*cast.arguments(cast.second, recording_file), "--rate", rate, "--samples", str(SECOND_SAMPLES)]
                    await second.start([self.options.mqtt_device, *where, *what])
                await self.flip(attacks["flip"], middle)
                await self.reorder(attacks["reorder"], middle)
                await self.suppress(attacks["suppress"], middle)
                await self.hold_back(attacks["hold"], middle)
                await self.stranger(attacks["stranger"], broker, cast)
                await self.replay(attacks["replay"], middle)
                left = LIMIT_S - (time.monotonic() - self.started)
                status = await device.wait(max(1.0, left))
                if self.options.mqtt_device:
                    second_status = await second.wait(10)
            stored = self._stored(cast.wearable, self.data)
            match_second = self._stored(cast.second, self.data[: 2 * SECOND_SAMPLES]) and second_status == 0
        finally:
            if drawing is not None:
                drawing.cancel()
            await device.stop()
            await second.stop()
            if listener is not None:
                listener.close()
            if gateway is not None:
                await gateway.close()
            if self.hub is not None:
                await self.hub.close()
            if tap is not None:
                await tap.close()
            if self.middle is not None:
                await self.middle.close()
            await embedded.close()
        return self._verdict(stored, status, match_second if self.options.mqtt_device else None)

    def _attached(self, gateway: Gateway, port: Any) -> None:
        gateway.attach(port)
        self.note("a wearable is on the line")

    async def _draw(self) -> None:
        while True:
            self.view.elapsed = time.monotonic() - self.started
            self.screen.draw(self.view)
            await asyncio.sleep(0.2)

    def _stored(self, device: Identity, expected: bytes) -> bool:
        """Whether the hub's database has exactly these samples from a device: all of them, and none that differs."""
        assert self.hub is not None
        whole, filled = bytearray(len(expected)), bytearray(len(expected))
        for message in self.hub.data.messages(topic="ecg"):
            if message.peer == device.thumbprint:
                first, part = 2 * int.from_bytes(message.payload[:4], "big"), message.payload[4:]
                if first + len(part) > len(expected):
                    return False
                whole[first : first + len(part)] = part
                filled[first : first + len(part)] = b"\x01" * len(part)
        return all(filled) and bytes(whole) == expected

    def _verdict(self, match: bool, status: Optional[int], second: Optional[bool]) -> Dict[str, Any]:
        self.view.elapsed = time.monotonic() - self.started
        passed = match and status == 0 and second is not False and all(attack.held for attack in self.view.attacks)
        self.note(
            f"all {self.count:,} samples at the hub equal the recording" if match else "the samples at the hub DIFFER from the recording"
        )
        self.note("every attack had the outcome it must have" if all(a.held for a in self.view.attacks) else "an attack had another outcome than it must have")
        if second is not None:
            self.note("the second device's samples match too" if second else "the second device's samples are MISSING or DIFFER")
        if status != 0:
            self.note(f"the wearable ended with status {status}")
        self.screen.finish(self.view)
        return {
            "passed": passed,
            "samples": self.count,
            "samples_match": match,
            "wearable_status": status,
            "wearable": "c" if self.options.wearable else "python",
            "second_device_matches": second,
            "seconds": round(self.view.elapsed, 1),
            "frames_seen_by_broker": self.view.broker_frames,
            "resent": (self.wearable_done or {}).get("resent"),
            "attacks": [{"name": a.name, "required": a.required, "outcome": a.outcome, "held": a.held} for a in self.view.attacks],
        }


def run(options: argparse.Namespace, as_json: bool) -> int:
    """The demonstration; 0 only if all samples match and every attack had its required outcome."""
    import amqtt  # noqa: F401  so that a missing extra is told before anything starts

    screen = Screen.for_terminal(plain=options.plain, quiet=as_json)

    async def main() -> Dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="sealwire-demo-") as folder:
            return await Show(options, screen).perform(Path(folder))

    summary = asyncio.run(main())
    if as_json:
        print(json.dumps(summary, indent=2))
    return 0 if summary["passed"] else 1


__all__ = ["Show", "run"]
