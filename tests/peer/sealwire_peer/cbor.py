"""Deterministic CBOR (RFC 8949 §4.2.1): encoding by ``cbor2``, decoding after a strict look.

``cbor2`` accepts more than the protocol does, so every input is first walked
head by head; only what passes is handed over to it.
"""

from __future__ import annotations

from typing import Any, List, Tuple

import cbor2

from .errors import PeerError

MAX_DEPTH = 8
"""How many arrays, maps and tags may stand inside one another (PROTOCOL, introduction)."""


def _sorted(value: Any) -> Any:
    """The same value with every map in bytewise order of its encoded keys."""
    if isinstance(value, dict):
        return dict(sorted(((k, _sorted(v)) for k, v in value.items()), key=lambda kv: encode(kv[0])))
    if isinstance(value, (list, tuple)):
        return [_sorted(item) for item in value]
    return value


def encode(value: Any) -> bytes:
    """One item in deterministic encoding."""
    # cbor2's own canonical mode sorts keys by length first (RFC 7049), hence _sorted.
    return cbor2.dumps(_sorted(value))


def sequence(*values: Any) -> bytes:
    """A CBOR sequence (RFC 8742) of the given values."""
    return b"".join(encode(value) for value in values)


def bstr(value: bytes) -> bytes:
    """``value`` as a CBOR byte string."""
    return encode(bytes(value))


def _malformed(detail: str) -> PeerError:
    return PeerError("malformed", detail)


def _head(data: bytes, at: int) -> Tuple[int, int, int, int]:
    """Reads one head: (major type, additional information, argument, offset behind it)."""
    if at >= len(data):
        raise _malformed("truncated CBOR")
    major, info = data[at] >> 5, data[at] & 0x1F
    at += 1
    if info < 24:
        return major, info, info, at
    if info > 27:
        raise PeerError("not_deterministic" if info == 31 else "malformed", "indefinite or reserved length")
    size = 1 << (info - 24)
    if at + size > len(data):
        raise _malformed("truncated CBOR head")
    argument = int.from_bytes(data[at : at + size], "big")
    if major != 7:
        shortest = argument >= 24 if size == 1 else argument >> (4 * size)
        if not shortest:
            raise PeerError("not_deterministic", "a head is longer than it need be")
    return major, info, argument, at + size


def _walk(data: bytes, at: int, depth: int) -> int:
    """Checks one item and returns the offset behind it."""
    major, info, argument, at = _head(data, at)
    if major in (0, 1):
        return at
    if major in (2, 3):
        end = at + argument
        if end > len(data):
            raise _malformed("truncated string")
        return end
    if major == 7:
        if info == 24 and argument < 32:
            raise _malformed("a simple value in two bytes that must be in one")
        return at
    if depth >= MAX_DEPTH:
        raise _malformed("nested too deep")
    if major == 6:
        return _walk(data, at, depth + 1)
    if major == 4:
        for _ in range(argument):
            at = _walk(data, at, depth + 1)
        return at
    keys = set()
    for _ in range(argument):
        start = at
        at = _walk(data, at, depth + 1)
        if data[start:at] in keys:
            raise PeerError("malformed", "a map key stands twice")
        keys.add(data[start:at])
        at = _walk(data, at, depth + 1)
    return at


def split(data: bytes) -> List[bytes]:
    """The items of a CBOR sequence, each verbatim."""
    items: List[bytes] = []
    at = 0
    while at < len(data):
        end = _walk(data, at, 0)
        items.append(data[at:end])
        at = end
    return items


def first(data: bytes) -> Tuple[bytes, bytes]:
    """The first item of ``data``, verbatim, and what follows it."""
    end = _walk(data, 0, 0)
    return data[:end], data[end:]


def decode(item: bytes) -> Any:
    """The value of exactly one item."""
    if _walk(item, 0, 0) != len(item):
        raise _malformed("trailing bytes")
    try:
        return cbor2.loads(item)
    except Exception as error:  # cbor2 has several; all mean the same here
        raise _malformed(f"CBOR: {error}") from error


def map_keys(item: bytes) -> List[bytes]:
    """The keys of a map, each encoded, in the order in which they stand."""
    major, _, count, at = _head(item, 0)
    if major != 5:
        raise _malformed("not a map")
    keys: List[bytes] = []
    for _ in range(count):
        end = _walk(item, at, 1)
        keys.append(item[at:end])
        at = _walk(item, end, 1)
    return keys
