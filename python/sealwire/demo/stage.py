"""The parts of the demonstration, set up on this machine: keys, broker, man in the middle, gateway, hub, wearable."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
import warnings
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from .. import _sealwire as core
from ..broker import Broker
from ..identity import Identity, save_credential

RECORDING = "ecg_mitdb_208.i16le"
RATE_HZ = 360
REALM = "clinic"
CHUNK = 90


@dataclass(frozen=True)
class Cast:
    """Who takes part, with files that the wearable reads."""

    issuer: Identity
    hub: Identity
    wearable: Identity
    second: Identity
    folder: Path

    @classmethod
    def create(cls, folder: Path) -> Cast:
        """New keys for everybody. The hub has never heard of the wearable; it trusts the issuer."""
        issuer = Identity.generate("clinic-issuer", curve="Ed25519")
        hub = Identity.generate("hub")
        devices = []
        for name in ("wearable-1", "wearable-2"):
            key = core.Key.generate()
            devices.append(Identity(sign(issuer, key, name), key))
            devices[-1].save(folder / name)
        hub.save(folder / "hub")
        save_credential(folder / "issuer.cred", issuer.credential)
        return cls(issuer, hub, devices[0], devices[1], folder)

    def arguments(self, device: Identity, recording_file: Path) -> List[str]:
        """What every device program is told."""
        stem = str(self.folder / device.name)
        return [
            *("--key", f"{stem}.key", "--credential", f"{stem}.cred", "--peer", str(self.folder / "hub.cred")),
            *("--inbox", device.name, "--data", str(recording_file), "--chunk", str(CHUNK)),
        ]


def sign(issuer: Identity, key: core.Key, name: str) -> core.Credential:
    """A credential by an issuer."""
    kid = issuer.credential.kid
    assert kid is not None
    return core.Credential.cwt(key, name, key.thumbprint[:2], issuer=issuer.key, issuer_kid=kid, issuer_name=issuer.name)


def recording(path: Optional[str]) -> bytes:
    """The samples, int16 little-endian: the packaged ones, or a file's."""
    if path is not None:
        data = Path(path).read_bytes()
    else:
        with resources.as_file(resources.files("sealwire") / "data" / RECORDING) as file:
            data = file.read_bytes()
    if len(data) < 4 or len(data) % 2:
        raise ValueError("the recording must hold int16 samples")
    return data


def free_port() -> int:
    """A TCP port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class EmbeddedBroker:
    """amqtt in this process: MQTT 3.1.1 without log-in, on the loopback interface only."""

    def __init__(self) -> None:
        self.port = 0
        self._broker: Any = None

    async def open(self) -> Broker:
        """Start it; gives how to reach it."""
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", module="amqtt")
        from amqtt.broker import Broker as Amqtt

        failure: Optional[BaseException] = None
        for _ in range(5):
            self.port = free_port()
            self._broker = Amqtt(self._config(self.port))
            try:
                await self._broker.start()
                return Broker("127.0.0.1", self.port)
            except Exception as error:  # amqtt wraps what went wrong in classes of its own, which differ by version
                failure = error
        raise ConnectionError(f"the embedded broker does not start: {failure}")

    @staticmethod
    def _config(port: int) -> Dict[str, Any]:
        listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}", "max_connections": 50}}
        if sys.version_info >= (3, 10):
            plugin = "amqtt.plugins.authentication.AnonymousAuthPlugin"
            return {"listeners": listeners, "plugins": {plugin: {"allow_anonymous": True}}}
        topics = {"enabled": True, "plugins": ["topic_taboo"]}
        return {"listeners": listeners, "sys_interval": 0, "auth": {"allow-anonymous": True}, "topic-check": topics}

    async def close(self) -> None:
        """Stop it."""
        if self._broker is not None:
            try:
                await asyncio.wait_for(self._broker.shutdown(), 5)
            except Exception as error:  # see above; it is going down either way
                logging.getLogger(__name__).debug("broker shutdown: %s", error)


class Device:
    """A program that prints JSON lines on standard error: the wearable in C or in Python."""

    def __init__(self, on_event: Callable[[Dict[str, Any]], None]) -> None:
        self._on_event = on_event
        self._process: Optional[asyncio.subprocess.Process] = None
        self._reader: Optional[asyncio.Task[None]] = None
        self.noise: List[str] = []

    async def start(self, command: List[str]) -> None:
        """Run the program. Raises OSError."""
        environment = dict(os.environ)
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env=environment
        )
        self._reader = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        assert self._process is not None and self._process.stderr is not None
        while True:
            line = await self._process.stderr.readline()
            if not line:
                return
            try:
                event = json.loads(line)
            except ValueError:
                self.noise.append(line.decode("utf-8", "replace").rstrip())
                continue
            if isinstance(event, dict):
                self._on_event(event)

    def signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def wait(self, timeout: float) -> Optional[int]:
        """The exit status, or None if it still runs."""
        assert self._process is not None
        try:
            status = await asyncio.wait_for(self._process.wait(), timeout)
        except asyncio.TimeoutError:
            return None
        if self._reader is not None:
            await self._reader
        return status

    async def stop(self) -> None:
        """End it if it still runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)


__all__ = ["CHUNK", "Cast", "Device", "EmbeddedBroker", "RATE_HZ", "REALM", "recording", "sign"]
