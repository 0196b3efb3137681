"""What can be told of a frame without any key: its type, its header, and the inbox in a message_1 (PROTOCOL 3 to 5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, List, Optional, Tuple

from .errors import Malformed

TYPES = {1: "message_1", 2: "message_2", 3: "message_3", 4: "message_4", 5: "error", 6: "unknown-context"}
INBOX_LABEL = -32768
_INBOX = re.compile(r"[a-z0-9-]{1,16}")


def valid_inbox(name: str) -> bool:
    """Whether `name` is 1 to 16 of a-z, 0-9 and -."""
    return _INBOX.fullmatch(name) is not None


def type_name(frame: bytes) -> str:
    """The name of the frame's type."""
    if not frame:
        return "empty"
    first = frame[0]
    if 0x40 <= first <= 0x7F:
        return "record"
    if 0x80 <= first <= 0xBF:
        return "group record"
    return TYPES.get(first, f"unknown type 0x{first:02x}")


def is_record(frame: bytes) -> bool:
    """Whether it is a record."""
    return bool(frame) and 0x40 <= frame[0] <= 0x7F


def is_confirmable(frame: bytes) -> bool:
    """Whether it is a record of a message that wants an end-to-end acknowledgement."""
    return is_record(frame) and bool(frame[0] & 0x10)


def wants_delivery(frame: bytes) -> bool:
    """Whether MQTT should carry it with QoS 1 (PROTOCOL 6)."""
    return bool(frame) and (frame[0] <= 4 or is_confirmable(frame))


@dataclass(frozen=True)
class Header:
    """The clear part of a record."""

    phase: int
    confirmable: bool
    options: bool
    kid: bytes
    partial_iv: int
    length: int


def record_header(frame: bytes, identifier_len: int = 1) -> Header:
    """Read a record's header. Raises Malformed."""
    if not is_record(frame):
        raise Malformed("not a record")
    first = frame[0]
    size = (first & 0x07) + 1
    end = 1 + identifier_len + size
    if size > 5 or len(frame) < end:
        raise Malformed("record header")
    number = frame[1 + identifier_len : end]
    if len(number) > 1 and number[0] == 0:
        raise Malformed("Partial IV is not in shortest form")
    return Header(
        (first >> 5) & 1,
        bool(first & 0x10),
        bool(first & 0x08),
        frame[1 : 1 + identifier_len],
        int.from_bytes(number, "big"),
        end,
    )


_DEPTH = 8


def decode_item(data: bytes, position: int = 0, depth: int = _DEPTH) -> Tuple[Any, int]:
    """One CBOR item in deterministic encoding and the position behind it. Maps come as lists of pairs, to show order.

    For display and routing only; what the protocol acts on is decoded by the core. Raises Malformed.
    """
    if depth == 0 or position >= len(data):
        raise Malformed("CBOR ends early or is nested too deep")
    head = data[position]
    major, info = head >> 5, head & 0x1F
    position += 1
    if info < 24:
        value = info
    elif info <= 27:
        size = 1 << (info - 24)
        raw = data[position : position + size]
        if len(raw) < size:
            raise Malformed("CBOR ends early")
        position += size
        value = int.from_bytes(raw, "big")
        if major != 7 and value < (24 if size == 1 else 1 << (4 * size)):
            raise Malformed("CBOR head is not in shortest form")
    else:
        raise Malformed("indefinite or reserved CBOR head")
    if major == 0:
        return value, position
    if major == 1:
        return -1 - value, position
    if major in (2, 3):
        raw = data[position : position + value]
        if len(raw) < value:
            raise Malformed("CBOR ends early")
        if major == 2:
            return raw, position + value
        try:
            return raw.decode("utf-8"), position + value
        except UnicodeDecodeError:
            raise Malformed("text is not UTF-8") from None
    if major == 4:
        items: List[Any] = []
        for _ in range(min(value, len(data))):
            item, position = decode_item(data, position, depth - 1)
            items.append(item)
        if len(items) != value:
            raise Malformed("CBOR ends early")
        return items, position
    if major == 5:
        pairs: List[Tuple[Any, Any]] = []
        for _ in range(min(value, len(data))):
            key, position = decode_item(data, position, depth - 1)
            item, position = decode_item(data, position, depth - 1)
            pairs.append((key, item))
        if len(pairs) != value:
            raise Malformed("CBOR ends early")
        return Pairs(pairs), position
    if major == 6:
        item, position = decode_item(data, position, depth - 1)
        return Tagged(value, item), position
    if info in (20, 21):
        return info == 21, position
    if info == 22:
        return None, position
    raise Malformed("CBOR value that Sealwire does not use")


class Pairs(List[Tuple[Any, Any]]):
    """A CBOR map, in its order."""

    def value(self, key: Any) -> Any:
        """The value under `key`, or None."""
        return next((value for name, value in self if name == key and type(name) is type(key)), None)


@dataclass(frozen=True)
class Tagged:
    """A CBOR tag with its content."""

    number: int
    content: Any


def decode_sequence(data: bytes) -> List[Any]:
    """Every item of a CBOR sequence. Raises Malformed."""
    items: List[Any] = []
    position = 0
    while position < len(data):
        item, position = decode_item(data, position)
        items.append(item)
    return items


def ead_items(items: List[Any]) -> List[Tuple[int, Optional[bytes]]]:
    """Label and value of each EAD item at the end of a message. Raises Malformed."""
    found: List[Tuple[int, Optional[bytes]]] = []
    for item in items:
        if isinstance(item, int) and not isinstance(item, bool):
            found.append((item, None))
        elif isinstance(item, bytes) and found and found[-1][1] is None:
            found[-1] = (found[-1][0], item)
        else:
            raise Malformed("EAD item")
    return found


def inbox_of_message_1(frame: bytes) -> Optional[str]:
    """The inbox name that a message_1 frame carries, or None for anything else."""
    if not frame or frame[0] != 1:
        return None
    try:
        items = decode_sequence(frame[1:])
        if len(items) < 4:
            return None
        for label, value in ead_items(items[4:]):
            if label == INBOX_LABEL and value is not None:
                name = value.decode("ascii", "replace")
                return name if valid_inbox(name) else None
    except Malformed:
        return None
    return None


__all__ = [
    "Header",
    "Pairs",
    "Tagged",
    "decode_item",
    "decode_sequence",
    "ead_items",
    "inbox_of_message_1",
    "is_confirmable",
    "is_record",
    "record_header",
    "type_name",
    "valid_inbox",
    "wants_delivery",
]
