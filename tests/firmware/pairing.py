"""A board gets its owner by the label that the factory printed for it: from `sealwire provision` to samples on a phone, and to the next owner.

The board is started with the page of its batch as it is, and with nothing else that is known to this program. The phone knows what a decoder reads
from the printed sheet. Between them are the board's UART, `sealwire gateway` and Mosquitto.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

import boards
import firmware
from labels import picture, read, sheets, svg_modules  # tests/labels.py

# Behind this folder, which has a show.py too.
sys.path.append(str(boards.ROOT / "tests" / "phone"))

from parts import Phone  # noqa: E402  tests/phone/parts.py
from sealwire import read_setup_code  # noqa: E402
from sealwire.broker import Broker  # noqa: E402
from sealwire.demo.screen import Attack, Screen, View  # noqa: E402
from sealwire.demo.stage import Device  # noqa: E402
from sealwire.identity import Identity  # noqa: E402
from sealwire.mqtt import Event, Message  # noqa: E402
from show import CHUNK, GatewayProcess  # noqa: E402

SERIALS = ("SN-00001", "SN-00002")
SOME = 8 * CHUNK


class Batch:
    """Two devices from the factory, and what is printed for them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "lot.csv").write_text("serial,model\n" + "".join(f"{serial},SENSE-4/B\n" for serial in SERIALS))
        self._run("keygen", "plant", "--issuer")
        self._run("provision", "--csv", "lot.csv", "--factory", "plant", "--paper", "a4", "-o", "lot")
        self.codes = {serial: code for page in sheets(folder / "lot" / "secret" / "labels.pdf") for serial, code in page}
        for serial, code in self.codes.items():
            assert read(picture(svg_modules((folder / "lot" / "secret" / "labels" / f"{serial}.svg").read_text()))) == code

    def _run(self, *command: str) -> None:
        subprocess.run([str(Path(sys.executable).with_name("sealwire")), *command], cwd=self._folder, check=True, stdout=subprocess.DEVNULL)

    def page(self, serial: str) -> bytes:
        """What is written to a device."""
        return (self._folder / "lot" / "secret" / "images" / f"{serial}.bin").read_bytes()


class Wire:
    """A line into the emulator, which calls this end."""

    def __init__(self) -> None:
        self._server: Optional[asyncio.AbstractServer] = None
        self._here: "asyncio.Future[asyncio.StreamWriter]" = asyncio.get_running_loop().create_future()

    async def open(self) -> str:
        """Listens; where, as the emulator's options have it."""
        self._server = await asyncio.start_server(lambda reader, writer: self._here.set_result(writer), "127.0.0.1", 0)
        return f"tcp:127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def writer(self) -> asyncio.StreamWriter:
        """The line, once the emulator is there."""
        return await asyncio.wait_for(asyncio.shield(self._here), 10)

    async def close(self) -> None:
        """End it."""
        if self._here.done():
            self._here.result().close()
        if self._server is not None:
            self._server.close()


class Button(Wire):
    """The button: the pin of the micro:bit that is low while it is down (boards/button_nrf51.c), which QEMU's test interface sets; on other boards
    bytes on the second UART (boards/button_uart.c)."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self._is_pin = target == "cortex-m0"

    async def options(self) -> List[str]:
        """Where the emulator finds it."""
        where = await self.open()
        return ["-qtest", where, "-qtest-log", "none"] if self._is_pin else ["-serial", where]

    def _pin(self, level: int) -> bytes:
        return f"set_irq_in /machine/nrf51 unnamed-gpio-in 17 {level}\n".encode()

    async def down(self) -> None:
        """Held until this is cancelled."""
        wire = await self.writer()
        try:
            while True:
                # Again and again, since a reset of the emulated chip takes its pins off what is outside.
                wire.write(self._pin(0) if self._is_pin else b"\x01")
                await asyncio.sleep(0.01)
        finally:
            if self._is_pin:
                wire.write(self._pin(1))

    async def press(self) -> None:
        """For a moment, and up again."""
        try:
            await asyncio.wait_for(self.down(), 0.2)
        except asyncio.TimeoutError:
            await asyncio.sleep(0.4)


class Power(Wire):
    """The board's reset line, through QEMU's monitor."""

    async def cut(self) -> None:
        """The board starts again, unasked; what is in its flash stays."""
        wire = await self.writer()
        for command in ("qmp_capabilities", "system_reset"):
            wire.write(json.dumps({"execute": command}).encode() + b"\n")
        await wire.drain()


class Buyer(Phone):
    """A phone that keeps what it is shown, and then says that it has it."""

    def __init__(self, *more: Any) -> None:
        super().__init__(*more)
        self.parts: Dict[int, bytes] = {}

    def _event(self, event: Event) -> None:
        super()._event(event)
        if not isinstance(event, Message):
            return
        if event.topic == "ecg":
            self.parts[int.from_bytes(event.payload[:4], "big")] = event.payload[4:]
        event.commit()

    @property
    def whole(self) -> bytes:
        """What it was shown, in order."""
        return b"".join(part for _, part in sorted(self.parts.items()))


class PairingShow:
    """One performance by one board."""

    def __init__(self, target: str, flavour: str, image: str, screen: Screen) -> None:
        self.target, self.flavour, self.image, self.screen = target, flavour, image, screen
        self.view = View()
        self.events: List[Dict[str, Any]] = []
        self.started = time.monotonic()
        self.batch: Batch
        self.broker: Broker
        self.button, self.power = Button(target), Power()
        self.device = self.secret = b""
        self.handshake_ms = 0
        self.recording = (boards.ROOT / firmware.RECORDING).read_bytes()[: 2 * firmware.SAMPLES]

    def note(self, text: str) -> None:
        self.view.elapsed = time.monotonic() - self.started
        self.screen.line(self.view, text)

    async def until(self, what: Any, timeout: float = 10) -> bool:
        """Until `what` holds; false when it does not in time."""
        end = time.monotonic() + timeout
        while not what():
            if time.monotonic() > end:
                return False
            await asyncio.sleep(0.02)
        return True

    def told(self, event: str, **values: Any) -> List[Dict[str, Any]]:
        """What the board has reported of this kind."""
        return [one for one in self.events if one["event"] == event and all(one[name] == value for name, value in values.items())]

    def owner(self) -> Dict[str, Any]:
        """What it said last about its owner."""
        return (self.told("owner") or [{"epoch": -1, "owner": ""}])[-1]

    def judge(self, name: str, required: str, held: bool, outcome: str) -> None:
        self.view.attacks.append(Attack(name, required, outcome, "held" if held else "broken"))
        self.note(f"{name}: {outcome if held else f'{outcome}; must give {required}'}")

    def phone(self, identity: Optional[Identity] = None) -> Buyer:
        """Another phone, or the same again. All have one inbox: it is where the gateway sends what the board says."""
        return Buyer("phone", self.broker, self.device, self.recording, SERIALS[0].lower(), identity)

    async def refused(self, name: str, required: str, phone: Buyer, **claim: bytes) -> None:
        """A claim that the board must refuse with this error, which leaves the owner as it is."""
        before, errors = self.owner(), len(self.told("error"))
        await phone.link.open()
        outcome = await phone.attempt(**claim)
        await phone.link.close()
        said = [one["name"] for one in self.told("error")[errors:]]
        # Whoever does not know the secret is not listened to for a while.
        held = outcome != "let in" and said[:1] == [required] and set(said) <= {required, "setup-delayed"} and self.owner() == before
        self.judge(name, required, held and phone.samples.count == 0, f"{', '.join(sorted(set(said))) or 'nothing refused'}; the phone: {outcome}")

    async def owned(self, name: str, phone: Buyer, epoch: int, **claim: bytes) -> None:
        """A claim that the board must take: this phone is the owner, and is shown samples."""
        begun = time.monotonic()
        outcome = await phone.attempt(**claim)
        self.handshake_ms = self.handshake_ms or round(1000 * (time.monotonic() - begun))
        said = await self.until(lambda: self.owner()["owner"] == phone.identity.thumbprint.hex())
        shown = await self.until(lambda: phone.samples.count >= SOME) and phone.samples.wrong == 0
        held = outcome == "let in" and said and self.owner()["epoch"] == epoch and shown
        self.judge(name, f"owner in epoch {epoch}, samples", held, f"{outcome}; {'owner' if said else 'not the owner'} in epoch {self.owner()['epoch']}, {phone.samples.count} samples")

    async def play(self) -> Buyer:
        """Everything that happens to the board; the last of its owners."""
        _, other, _ = read_setup_code(self.batch.codes[SERIALS[1]])
        first, second, third = self.phone(), self.phone(), self.phone()
        await self.until(lambda: bool(self.told("start")))
        await self.refused("the label, before the button", "setup-closed", self.phone(), secret=self.secret)
        await self.button.press()
        await self.refused("the button, and another device's label", "wrong-setup-secret", self.phone(), secret=other)
        await first.link.open()
        await self.button.press()
        await self.owned("the button, and the label", first, 0, secret=self.secret)

        # Without a word before it: what counts is what is in flash.
        before, session = first.samples.count, self.told("established")[-1]["session"]
        await self.power.cut()
        back = await self.until(lambda: bool(self.told("established", session=session, resumed=1))) and await self.until(lambda: first.samples.count > before + SOME)
        same = self.owner()["owner"] == first.identity.thumbprint.hex() and len(self.told("established", resumed=0)) == 1
        self.judge("(the board restarts)", "same owner, same session", back and same and first.samples.wrong == 0, "same owner, same session" if back and same else str(self.events[-1]))
        await first.link.close()

        # Sold, with neither button nor label.
        await second.link.open()
        await self.owned("a release by its owner", second, 1, release=first.states(release=second.identity.thumbprint))
        await second.link.close()
        await self.refused("the owner before", "untrusted-credential", self.phone(first.identity))

        await self.button.press()
        closed = self.events[-1] == {"event": "error", "name": "other-owner"}
        self.judge("the button, under an owner", "other-owner", closed, str(self.events[-1].get("name")))
        await self.refused("the same label again", "other-owner", self.phone(), secret=self.secret)

        held = asyncio.ensure_future(self.button.down())
        await self.power.cut()
        reset = await self.until(lambda: self.owner() == {"event": "owner", "epoch": 2, "owner": ""})
        held.cancel()
        self.judge("(the button held while it starts)", "nobody's, epoch 2", reset, f"owner {self.owner()['owner'] or 'nobody'}, epoch {self.owner()['epoch']}")
        await self.refused("the owner before, again", "untrusted-credential", self.phone(second.identity))
        await self.refused("the label, before the button, again", "setup-closed", self.phone(), secret=self.secret)
        await third.link.open()
        await self.button.press()
        await self.owned("the button, and the label, again", third, 2, secret=self.secret)
        return third

    async def finish(self, last: Buyer, device: Device) -> Optional[int]:
        """The rest of the recording at once, as its owner commands; how the board's program ended."""
        session = last.link.session_with(self.device)
        if session is None:
            return None
        await session.command("interval", boards.u32(5))
        status = await device.wait(30)
        await self.until(lambda: last.whole == self.recording, 5)
        await last.link.close()
        return status

    async def perform(self, folder: Path) -> Dict[str, Any]:
        """The whole; what came of it."""
        self.batch = Batch(folder)
        self.device, self.secret, model = read_setup_code(self.batch.codes[SERIALS[0]])
        self.note(f"the factory has made {len(self.batch.codes)} devices; the printed label says {model}")
        mosquitto = boards.start_mosquitto(folder)
        self.broker = Broker("127.0.0.1", mosquitto.port)
        gateway = GatewayProcess("phone", "--inbox", SERIALS[0].lower())
        device = Device(self.events.append)
        last: Optional[Buyer] = None
        status: Optional[int] = None
        try:
            await gateway.open(mosquitto.port)
            extra = [*await self.button.options(), "-qmp", await self.power.open()]
            pages = {"page_settings": self.batch.page(SERIALS[0]), "page_seed": boards.seed_page()}
            await device.start(boards.command(self.target, self.image, f"tcp:{gateway.address}", folder, pages, extra))
            last = await self.play()
            status = await self.finish(last, device)
        finally:
            for line in device.noise[-5:]:
                self.note(f"board: {line}")
            await device.stop()
            await self.button.close()
            await self.power.close()
            await gateway.close()
            mosquitto.stop()
        match = last.whole == self.recording and last.samples.wrong == 0
        self.note("all samples at its last owner equal the recording" if match else "the samples at its last owner DIFFER from the recording")
        attacks = [{"name": one.name, "required": one.required, "outcome": one.outcome, "held": one.held} for one in self.view.attacks]
        return {
            "passed": match and status == 0 and all(one.held for one in self.view.attacks), "samples": len(last.whole) // 2, "samples_match": match,
            "wearable_status": status, "seconds": round(self.view.elapsed, 1), "attacks": attacks, "handshake_ms": self.handshake_ms,
        }
