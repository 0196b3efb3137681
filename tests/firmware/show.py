"""The demonstration with a board in an emulator instead of the wearable program: its UART goes to `sealwire gateway`, a process of its own,
and on through the man in the middle and Mosquitto to the hub."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

import sealwire._sealwire as core
from sealwire.broker import Broker, Wire
from sealwire.demo.middle import Middle
from sealwire.demo.screen import Attack, Screen
from sealwire.demo.show import Show, all_attacks
from sealwire.demo.stage import REALM, Cast, Device
from sealwire.hub import Hub
from sealwire.identity import Identity
from sealwire.mqtt import Event

import boards
import firmware

CHUNK = 30  # samples in a message, as examples/firmware/wearable.c has it
LIMIT_S = 100.0


class GatewayProcess:
    """`sealwire gateway`, listening for the board's UART. `more`: further options; what the board says goes to the inbox `to`."""

    def __init__(self, to: str = "hub", *more: str) -> None:
        self._options = ["--to", to, *more]
        self._process: Optional[asyncio.subprocess.Process] = None
        self.address = ""

    async def open(self, broker_port: int) -> None:
        """Start it and wait until it listens."""
        self._process = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).with_name("sealwire")), "gateway", "--listen", "127.0.0.1:0", *self._options, "--json"),
            *("--broker", f"mqtt://127.0.0.1:{broker_port}", "--realm", REALM),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE)
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 30)
        self.address = str(json.loads(line)["port"])

    async def close(self) -> None:
        """End it."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()


class FirmwareShow(Show):
    """One performance by one board."""

    def __init__(self, target: str, flavour: str, image: str, screen: Screen, element: bool = False) -> None:
        self.target = target
        self.flavour = flavour
        self.image = image
        self.element = element
        self.curve = "P-256" if element else "X25519"
        self.starts: List[int] = []
        self.sessions: List[Dict[str, Any]] = []
        options = argparse.Namespace(data=str(boards.ROOT / firmware.RECORDING), wearable=target, mqtt_device=None, plain=True)
        super().__init__(options, screen)
        self.data = self.data[: 2 * firmware.SAMPLES]
        self.count = self.view.total = len(self.data) // 2

    def on_wearable(self, event: Dict[str, Any]) -> None:
        if event.get("event") == "start":
            self.starts.append(int(event["count"]))
        if event.get("event") == "established":
            self.sessions.append(event)
            event["peer"] = "the one peer that it has"
        super().on_wearable(event)

    def on_hub(self, event: Event) -> None:
        super().on_hub(event)
        # It knows this one beforehand.
        self.view.identities = [line.replace("vouched for by the issuer", "by its provisioned credential") for line in self.view.identities]

    async def restart(self, attack: Attack) -> None:
        """Not an attack, but judged like one: the board loses power in mid-stream, and goes on under the same session."""
        assert self.hub is not None
        before = len(self.sessions)
        self.hub.data.queue_command("wearable-1", "restart", b"restart")
        back = await self.until(lambda: len(self.sessions) > before, 15)
        same = back and self.sessions[-1]["session"] == self.sessions[before - 1]["session"] and self.sessions[-1]["resumed"] == 1
        fresh = len(self.starts) == len(set(self.starts)) > 1
        # The rest as fast as it is acknowledged.
        self.hub.data.queue_command("wearable-1", "interval", boards.u32(5))
        self.judge(attack, same and fresh, "same session, no new handshake" if same else "another session" if back else "does not come back")

    async def perform(self, folder: Path) -> Dict[str, Any]:
        issuer, hub = Identity.generate("clinic-issuer", curve="Ed25519"), Identity.generate("hub", curve=self.curve)
        # The stranger comes with X25519, whatever the board has.
        identities = [hub] if self.curve == "X25519" else [hub, Identity.generate("hub")]
        wearable = Identity.generate("wearable-1", curve=self.curve)
        cast = Cast(issuer, identities[-1], wearable, wearable, folder)
        self.wearable_thumbprint = wearable.thumbprint
        attacks = {**all_attacks(), "restart": Attack("(the board restarts in mid-stream)", "same session")}
        self.view.attacks = list(attacks.values())
        mosquitto = boards.start_mosquitto(folder)
        broker = Broker("127.0.0.1", mosquitto.port)
        middle = self.middle = Middle(("127.0.0.1", mosquitto.port))
        gateway = GatewayProcess()
        device = Device(self.on_wearable)
        status: Optional[int] = None
        stored = False
        tap = Wire(broker, on_message=lambda topic, payload, *_: self.on_broker(topic, payload))
        try:
            await tap.open({"#": 0})
            await middle.open()
            self.hub = Hub(folder / "hub.db", broker, realm=REALM, identities=identities, peers=[wearable.credential],
                           anchors=[core.TrustAnchor(issuer.credential)], observer=self.on_hub)
            await self.hub.open()
            await gateway.open(middle.port)
            self.started = time.monotonic()
            await device.start(boards.command(self.target, self.image, f"tcp:{gateway.address}", folder, boards.pages(wearable, hub, self.element)))
            if await self.until(lambda: self.established and self.view.received > 8 * CHUNK, 30):
                await self.flip(attacks["flip"], middle)
                await self.reorder(attacks["reorder"], middle)
                await self.suppress(attacks["suppress"], middle)
                await self.hold_back(attacks["hold"], middle)
                await self.stranger(attacks["stranger"], broker, cast)
                await self.replay(attacks["replay"], middle)
                await self.restart(attacks["restart"])
                status = await device.wait(max(1.0, LIMIT_S - (time.monotonic() - self.started)))
            else:
                self.note("no session came about")
            stored = self._stored(wearable, self.data)
        finally:
            for line in device.noise[-5:]:
                self.note(f"board: {line}")
            await device.stop()
            await gateway.close()
            await tap.close()
            if self.hub is not None:
                await self.hub.close()
            await middle.close()
            mosquitto.stop()
        result = self._verdict(stored, status, None)
        first = self.sessions[0] if self.sessions else {}
        return dict(result, target=self.target, flavour=self.flavour, handshake_ms=first.get("ms"), errors=self.wearable_errors, starts=len(self.starts))
