"""Frames (PROTOCOL §3): what one transport unit carries."""

from __future__ import annotations

from typing import Tuple

from .errors import PeerError

MESSAGE_1, MESSAGE_2, MESSAGE_3, MESSAGE_4, ERROR, UNKNOWN_CONTEXT = range(1, 7)

_NAMES = {
    MESSAGE_1: "message_1",
    MESSAGE_2: "message_2",
    MESSAGE_3: "message_3",
    MESSAGE_4: "message_4",
    ERROR: "error",
    UNKNOWN_CONTEXT: "unknown_context",
}


def compose(kind: int, identifier: bytes = b"", body: bytes = b"") -> bytes:
    """A handshake, error or unknown-context frame; ``identifier`` is the addressee's, raw."""
    return bytes([kind]) + identifier + body


def parse(frame: bytes, identifier_length: int) -> Tuple[str, bytes, bytes]:
    """(kind, identifier, body). ``identifier_length`` is that of the receiver's own identifiers.

    The kind is a name of ``_NAMES``, or ``record`` with the whole frame as body. In an
    unknown-context frame the identifier is the sender's, so its length is all that follows.
    """
    if not frame:
        raise PeerError("malformed", "an empty frame")
    first, rest = frame[0], frame[1:]
    if 0x40 <= first <= 0x7F:
        return "record", b"", frame
    if 0x80 <= first <= 0xBF:
        raise PeerError("unsupported_frame", "group record")
    if 0x10 <= first <= 0x3F:
        raise PeerError("unsupported_version", f"handshake version {(first >> 4) + 1}")
    if first not in _NAMES:
        raise PeerError("malformed", f"first byte {first:#04x}")
    if first == MESSAGE_1:
        return _NAMES[first], b"", rest
    if first == UNKNOWN_CONTEXT:
        if not 1 <= len(rest) <= 4:
            raise PeerError("malformed", "an identifier has 1 to 4 bytes")
        return _NAMES[first], rest, b""
    if len(rest) < identifier_length:
        raise PeerError("malformed", "truncated identifier")
    return _NAMES[first], rest[:identifier_length], rest[identifier_length:]
