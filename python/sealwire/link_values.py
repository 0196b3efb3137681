"""What a link on MQTT hands out: messages, refusals, receipts. Import them from :mod:`sealwire.mqtt`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional, Tuple, Union

from . import _sealwire as core
from .errors import SealwireError, WrongState

if TYPE_CHECKING:
    from .mqtt import Session


@dataclass(frozen=True)
class Message:
    """A message from an authenticated peer.

    `topic` is relative to the realm. `in_place` tells whether the record came on that topic or was addressed to the
    inbox. `missing` counts the records lost or suppressed right before it; `late` marks one that fills such a gap. `handle` is of the
    session under which it came and `number` counts, also when `session` has gone on under a newer one.
    """

    session: "Session"
    topic: str
    payload: bytes
    in_place: bool
    command: bool
    number: Optional[int]
    origin: Optional[Tuple[bytes, int]]
    missing: int
    late: bool
    retain: bool
    expiry_s: Optional[int]
    content_type: Optional[str]
    handle: int

    @property
    def peer(self) -> bytes:
        """The thumbprint of who sent it."""
        return self.session.peer

    def commit(self) -> None:
        """The effect is durable: acknowledge a confirmable message end to end and to the broker. Others need no commit."""
        if self.number is not None:
            self.session.link.commit(self)


@dataclass(frozen=True)
class Refused:
    """A frame was refused; nothing else changed. `error` is the typed reason, `topic` where it came in."""

    error: SealwireError
    topic: str
    frame: bytes


Event = Union[
    Message,
    Refused,
    core.Established,
    core.Acknowledged,
    core.Resend,
    core.CommandReady,
    core.KeyUpdated,
    core.Replaced,
    core.Closed,
    core.HandshakeFailed,
    core.PeerSilent,
    core.OwnershipChanged,
    core.Ownership,
]


@dataclass
class Unacknowledged:
    """A confirmable message that may have to be sent again."""

    payload: bytes
    topic: str
    in_place: bool
    command: bool
    retain: bool
    expiry_s: Optional[int]
    content_type: Optional[str]
    origin: Optional[Tuple[bytes, int]]
    done: "asyncio.Future[None]"


class Receipt:
    """A message on its way. For confirmable messages it can be awaited until the peer has committed the message."""

    def __init__(self, session: int, number: Optional[int], done: Optional["asyncio.Future[None]"]) -> None:
        self.session = session
        self.number = number
        self._done = done

    @property
    def acknowledged(self) -> bool:
        """Whether the peer's application has made the effect durable."""
        return self._done is not None and self._done.done() and not self._done.cancelled() and self._done.exception() is None

    async def wait(self, timeout: Optional[float] = None) -> None:
        """Until the peer has committed it. Raises TimeoutError, WrongState for unconfirmed messages, or why it ended."""
        if self._done is None:
            raise WrongState("the message was sent without confirmation")
        try:
            await asyncio.wait_for(asyncio.shield(self._done), timeout)
        except asyncio.TimeoutError:
            raise TimeoutError("the peer has not committed the message yet; it is still being repeated") from None


__all__ = ["Event", "Message", "Receipt", "Refused", "Unacknowledged"]
