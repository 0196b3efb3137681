"""From a link to MQTT and back. A gateway carries frames and cannot read them.

Each device on a link (:mod:`sealwire.links`) has an inbox on the broker. Frames from the device are published to the hub's inbox, frames
in the device's inbox go to the device. Which inbox a device has is either configured or read from its message_1, where
it stands in clear. The gateway holds no key: it can lose traffic, and that the two ends notice.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Tuple

from . import frames
from .broker import Broker, Wire
from .errors import InvalidArgument, SealwireError
from .links.base import Link

MAX_WAITING = 256
Observer = Callable[[str, "Attachment", bytes], None]


@dataclass
class Attachment:
    """One device on one link."""

    link: Link
    inbox: Optional[str]
    writer: "asyncio.Queue[Tuple[bytes, int, int]]" = field(default_factory=asyncio.Queue)
    frames_in: int = 0
    frames_out: int = 0
    unroutable: int = 0
    undeliverable: int = 0


class Gateway:
    """Carries frames between devices and a broker until it is closed.

    `observer(direction, attachment, frame)` sees every frame ("up" or "down"): statistics, or a curious operator.
    """

    def __init__(
        self, broker: Broker, *, realm: str, hub: str, bridge_prefix: str = "", observer: Optional[Observer] = None
    ) -> None:
        if not realm or set(realm + bridge_prefix + hub) & set("+#"):
            raise InvalidArgument("realm, hub and prefix are topic names without wildcards")
        self._broker = broker
        self._root = f"{bridge_prefix}{realm}/in/"
        self._hub = hub
        self._observer = observer
        self._wire: Optional[Wire] = None
        self._by_inbox: Dict[str, Attachment] = {}
        self._attachments: List[Attachment] = []
        self._tasks: "set[asyncio.Task[None]]" = set()
        self.unclaimed = 0

    async def open(self, timeout: float = 15.0) -> None:
        """Log in to the broker. Raises ConnectionError or TimeoutError."""
        wire = Wire(self._broker, on_message=self._from_broker)
        await wire.open({}, timeout)
        self._wire = wire

    async def close(self) -> None:
        """Leave links and broker."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for attachment in self._attachments:
            await attachment.link.close()
        self._attachments.clear()
        if self._wire is not None:
            await self._wire.close()
            self._wire = None

    @property
    def attachments(self) -> List[Attachment]:
        """The devices at the moment."""
        return list(self._attachments)

    def attach(self, link: Link, inbox: Optional[str] = None) -> Attachment:
        """Serve one device. Without `inbox` it is learnt from the device's first message_1."""
        attachment = Attachment(link, None)
        self._attachments.append(attachment)
        if inbox is not None:
            self._claim(attachment, inbox)
        self._spawn(self._serve(attachment))
        return attachment

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _claim(self, attachment: Attachment, inbox: str) -> None:
        if not frames.valid_inbox(inbox):
            raise InvalidArgument(f"inbox {inbox!r}: 1 to 16 of a-z, 0-9 and -")
        if attachment.inbox == inbox:
            return
        self._disclaim(attachment)
        attachment.inbox = inbox
        # The newest link wins, as when a device is plugged in elsewhere; whose frames are whose, the ends verify.
        self._by_inbox[inbox] = attachment
        if self._wire is not None:
            self._wire.subscribe(f"{self._root}{inbox}")

    def _disclaim(self, attachment: Attachment) -> None:
        """Names come from strangers: what is not in use must not pile up, here or at the broker."""
        if attachment.inbox is not None and self._by_inbox.get(attachment.inbox) is attachment:
            del self._by_inbox[attachment.inbox]
            if self._wire is not None:
                self._wire.unsubscribe(f"{self._root}{attachment.inbox}")

    async def _serve(self, attachment: Attachment) -> None:
        writing = asyncio.get_running_loop().create_task(self._write(attachment))
        try:
            while True:
                frame = await attachment.link.read()
                if frame is None:
                    return
                self._from_device(attachment, frame)
        finally:
            writing.cancel()
            if attachment in self._attachments:
                self._attachments.remove(attachment)
                self._disclaim(attachment)
                # The broker waits for these before it sends more to the other devices.
                while self._wire is not None and not attachment.writer.empty():
                    self._wire.acknowledge(*attachment.writer.get_nowait()[1:])
                await attachment.link.close()

    def _from_device(self, attachment: Attachment, frame: bytes) -> None:
        claimed = frames.inbox_of_message_1(frame)
        if claimed is not None:
            self._claim(attachment, claimed)
        if self._observer is not None:
            self._observer("up", attachment, frame)
        attachment.frames_in += 1
        if self._wire is None or attachment.inbox is None:
            attachment.unroutable += 1
            return
        qos = 1 if frames.wants_delivery(frame) else 0
        self._wire.publish(f"{self._root}{self._hub}", frame, qos, f"{self._root}{attachment.inbox}")

    def _from_broker(self, topic: str, frame: bytes, mid: int, qos: int, reply: Optional[str]) -> None:
        inbox = topic[len(self._root) :] if topic.startswith(self._root) else ""
        attachment = self._by_inbox.get(inbox)
        # Frames with QoS 1 are bounded by the broker, which waits for their acknowledgement; others are dropped for a slow device.
        full = attachment is not None and qos == 0 and attachment.writer.qsize() >= MAX_WAITING
        if attachment is None or not frame or full:
            self.unclaimed += 1
            if self._wire is not None:
                self._wire.acknowledge(mid, qos)
            return
        if self._observer is not None:
            self._observer("down", attachment, frame)
        attachment.writer.put_nowait((frame, mid, qos))

    async def _write(self, attachment: Attachment) -> None:
        while True:
            frame, mid, qos = await attachment.writer.get()
            try:
                await attachment.link.write(frame)
                attachment.frames_out += 1
            except OSError:
                return  # the link is going, and reading from it ends too
            except SealwireError:
                attachment.undeliverable += 1
            finally:
                if self._wire is not None:
                    self._wire.acknowledge(mid, qos)


__all__ = ["Attachment", "Gateway"]
