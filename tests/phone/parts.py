"""What stands around phones: Mosquitto, the hub, and the wearable in C with a label of its own; and phones in Python."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, Dict, List, Optional, Type

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests")]

import sealwire._sealwire as core  # noqa: E402
from mosquitto import Mosquitto  # noqa: E402  tests/mosquitto.py
from sealwire import MemoryStore, sign_statement, write_setup_code  # noqa: E402
from sealwire.broker import Broker  # noqa: E402
from sealwire.demo.stage import REALM, Device, recording  # noqa: E402
from sealwire.errors import SealwireError  # noqa: E402
from sealwire.hub import Hub  # noqa: E402
from sealwire.identity import Identity  # noqa: E402
from sealwire.mqtt import Event, Link, Message  # noqa: E402

INBOX = "wearable"
MODEL = "SW-HR/1.0"
RATE_HZ = 360  # of the recording
CHUNK = 45  # samples in a message: 8 messages a second are as fast as the heart


class Samples:
    """What somebody was shown, held against the recording."""

    def __init__(self, whole: bytes) -> None:
        self.whole = whole
        self.seen = bytearray(len(whole))
        self.count = 0
        self.wrong = 0
        self.end = 0

    def take(self, payload: bytes) -> None:
        """One message: the number of its first sample, then the samples."""
        first, part = 2 * int.from_bytes(payload[:4], "big"), payload[4:]
        if part and self.whole[first : first + len(part)] == part:
            self.seen[first : first + len(part)] = part
            self.count += len(part) // 2
            self.end = max(self.end, (first + len(part)) // 2)
        else:
            self.wrong += 1


class Phone:
    """A phone in Python, which knows what the label says, or what an owner gave it."""

    def __init__(self, name: str, broker: Broker, device: bytes, whole: bytes, inbox: str = INBOX, identity: Optional[Identity] = None) -> None:
        self.identity = identity or Identity.generate(name)
        self.anchor = core.Key.generate("Ed25519")
        self.device = device
        self.inbox = inbox  # of the device
        self.samples = Samples(whole)
        self.told: Optional[core.Ownership] = None
        endpoint = core.Endpoint(
            [(self.identity.credential, self.identity.key)], inbox=name, mqtt=True, identifier_len=2, store=MemoryStore(), offers=True,
            handshake_interval_ms=300, handshake_attempts=3, resend_interval_ms=300, silent_attempts=2)
        self.link = Link(endpoint, broker, realm=REALM, inbox=name, handler=self._event)

    def _event(self, event: Event) -> None:
        if isinstance(event, Message) and event.topic == "ecg":
            self.samples.take(event.payload)
        elif isinstance(event, core.Ownership):
            self.told = event

    async def attempt(self, **claim: Any) -> str:
        """Claims the device; "let in", or the name of the error."""
        if "release" not in claim and "secret" not in claim:
            anchor = None
        else:
            anchor = self.anchor
        try:
            await self.link.claim(self.inbox, self.device, anchor=anchor, timeout=8, **claim)
        except SealwireError as error:
            return error.name
        except asyncio.TimeoutError:
            return "nobody answers"
        return "let in"

    def states(self, **about: bytes) -> bytes:
        """Signs a statement about somebody, with what the device has told its owner."""
        assert self.told is not None
        return sign_statement(self.anchor, self.device, self.told.epoch, self.told.nonce, **about)


class Stage:
    """Broker, hub and wearable. The hub knows the wearable, since both are the clinic's; people with phones are known to neither."""

    def __init__(self, folder: Path, program: str, rate: float = RATE_HZ / CHUNK) -> None:
        self.folder = folder
        self.program = program
        self.rate = rate
        # More than is ever shown, however slow the machine: the wearable ends with the recording.
        self.recording = 3 * recording(None)
        self.hub_identity, self.wearable_identity = Identity.generate("hub"), Identity.generate(INBOX)
        self.secret = secrets.token_bytes(16)
        self.code = write_setup_code(self.wearable_identity.thumbprint, self.secret, MODEL)
        self.mosquitto = Mosquitto(folder)
        self.events: List[Dict[str, Any]] = []
        self.watch: Callable[[Dict[str, Any]], None] = lambda event: None
        self.wearable = Device(self._told)
        self.hub_samples = Samples(self.recording)
        self.hub: Hub

    def _told(self, event: Dict[str, Any]) -> None:
        self.events.append(event)
        self.watch(event)

    def _hub_event(self, event: Event) -> None:
        if isinstance(event, Message) and event.topic == "ecg":
            self.hub_samples.take(event.payload)

    async def __aenter__(self) -> Stage:
        self.mosquitto.start()
        self.broker = Broker("127.0.0.1", self.mosquitto.port)
        self.wearable_identity.save(self.folder / INBOX)
        self.hub_identity.save(self.folder / "hub")
        (self.folder / "label").write_text(self.code + "\n")
        (self.folder / "state").mkdir()
        (self.folder / "recording").write_bytes(self.recording)
        self.hub = Hub(self.folder / "hub.db", self.broker, realm=REALM, identities=[self.hub_identity], peers=[self.wearable_identity.credential],
                       observer=self._hub_event)
        await self.hub.open()
        await self.start_wearable()
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        await self.wearable.stop()
        await self.hub.close()
        self.mosquitto.stop()

    async def start_wearable(self) -> None:
        """The program, from the beginning of the recording; what it stored is still there."""
        self.wearable = Device(self._told)
        await self.wearable.start([
            self.program, "--broker", f"127.0.0.1:{self.mosquitto.port}", "--realm", REALM, "--hub", "hub", "--inbox", INBOX,
            *("--key", str(self.folder / f"{INBOX}.key"), "--credential", str(self.folder / f"{INBOX}.cred")),
            *("--peer", str(self.folder / "hub.cred"), "--data", str(self.folder / "recording"), "--chunk", str(CHUNK)),
            *("--rate", f"{self.rate:g}", "--state", str(self.folder / "state"), "--setup", str(self.folder / "label"), "--limit", "300")])

    def press(self, held: bool = False) -> None:
        """The button of the wearable, for a moment or for ten seconds."""
        self.wearable.signal(signal.SIGUSR2 if held else signal.SIGUSR1)

    def phone(self, name: str) -> Phone:
        """Another phone, which is to be opened."""
        return Phone(name, self.broker, self.wearable_identity.thumbprint, self.recording)

    def errors(self) -> List[str]:
        """What the wearable has refused, and why else something failed, in order."""
        return [event["name"] for event in self.events if event["event"] == "error"]

    def owner(self) -> Optional[Dict[str, Any]]:
        """What the wearable said last about its owner."""
        return next((event for event in reversed(self.events) if event["event"] == "owner"), None)

    async def until(self, done: Callable[[], bool], timeout: float = 10) -> bool:
        """Until `done` holds; false when it does not in time."""
        end = time.monotonic() + timeout
        while not done():
            if time.monotonic() > end:
                return False
            await asyncio.sleep(0.02)
        return True
