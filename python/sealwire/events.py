"""Everything that an endpoint reports."""

from __future__ import annotations

from typing import Union

from ._sealwire import (
    Acknowledged,
    Closed,
    CommandReady,
    Established,
    HandshakeFailed,
    KeyUpdated,
    Message,
    Ownership,
    OwnershipChanged,
    PeerSilent,
    Replaced,
    Resend,
)

Event = Union[
    Message,
    Established,
    Acknowledged,
    Resend,
    CommandReady,
    KeyUpdated,
    Replaced,
    Closed,
    HandshakeFailed,
    PeerSilent,
    OwnershipChanged,
    Ownership,
]
"""What `handle_frame` and `poll_event` give."""

__all__ = [
    "Acknowledged",
    "Closed",
    "CommandReady",
    "Established",
    "Event",
    "HandshakeFailed",
    "KeyUpdated",
    "Message",
    "Ownership",
    "OwnershipChanged",
    "PeerSilent",
    "Replaced",
    "Resend",
]
