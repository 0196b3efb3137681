"""Sealwire: end-to-end security for connected devices over links and brokers that nobody trusts.

Start with :mod:`sealwire.mqtt` for MQTT, or with :class:`Endpoint` for any other transport. :mod:`sealwire.hub` is a
backend on SQLite, :mod:`sealwire.gateway` brings serial devices to MQTT, :mod:`sealwire.errors` names what can go
wrong. Names of messages, records and identities are those of docs/PROTOCOL.md.
"""

from __future__ import annotations

from . import errors
from ._sealwire import (
    VERSION as __version__,
    Acknowledged,
    Closed,
    CommandReady,
    Credential,
    Endpoint,
    Established,
    HandshakeFailed,
    Key,
    KeyUpdated,
    Message,
    Outgoing,
    Ownership,
    OwnershipChanged,
    OwnershipState,
    Peer,
    PeerSilent,
    Replaced,
    Resend,
    Sent,
    SessionInfo,
    Transmit,
    TrustAnchor,
    read_setup_code,
    sign_statement,
    write_setup_code,
)
from .errors import SealwireError
from .events import Event
from .identity import Identity, load_credential, load_key, save_credential, save_key
from .store import MemoryStore, SqliteStore, Store

__all__ = [
    "Acknowledged",
    "Closed",
    "CommandReady",
    "Credential",
    "Endpoint",
    "Established",
    "Event",
    "HandshakeFailed",
    "Identity",
    "Key",
    "KeyUpdated",
    "MemoryStore",
    "Message",
    "Outgoing",
    "Ownership",
    "OwnershipChanged",
    "OwnershipState",
    "Peer",
    "PeerSilent",
    "Replaced",
    "Resend",
    "SealwireError",
    "Sent",
    "SessionInfo",
    "SqliteStore",
    "Store",
    "Transmit",
    "TrustAnchor",
    "__version__",
    "errors",
    "load_credential",
    "load_key",
    "read_setup_code",
    "save_credential",
    "save_key",
    "sign_statement",
    "write_setup_code",
]
