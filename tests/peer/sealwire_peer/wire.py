"""What EDHOC messages are made of: identifiers, ID_CRED_x, EAD, suites, errors (RFC 9528 §3, §5, §6)."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple

from . import cbor
from .cose import KID
from .errors import PeerError

Ead = Tuple[int, Optional[bytes]]
"""An EAD item as on the wire: the label is negative if critical."""


def encode_identifier(raw: bytes) -> bytes:
    """A connection identifier or kid inside a message: one-byte integers stand for themselves (§3.3.2)."""
    if len(raw) == 1 and (raw[0] <= 0x17 or 0x20 <= raw[0] <= 0x37):
        return raw
    return cbor.bstr(raw)


def decode_identifier(item: bytes) -> bytes:
    """The raw bytes of an identifier; refuses an int that is not one byte, and a bstr that must be an int."""
    value = cbor.decode(item)
    if isinstance(value, int) and not isinstance(value, bool):
        if len(item) != 1:
            raise PeerError("malformed", "an integer identifier has one byte")
        return item
    if isinstance(value, bytes):
        if encode_identifier(value) != item:
            raise PeerError("malformed", "this identifier is sent as an integer")
        return value
    raise PeerError("malformed", "an identifier is a bstr or a one-byte int")


def compact_id_cred(id_cred: bytes) -> bytes:
    """ID_CRED_x inside a plaintext: {4: kid} shrinks to the kid (§3.5.3.2)."""
    members = cbor.decode(id_cred)
    if set(members) == {KID}:
        return encode_identifier(members[KID])
    return id_cred


def expand_id_cred(item: bytes) -> bytes:
    """The full map of an ID_CRED_x field; refuses the map where the compact form is due."""
    value = cbor.decode(item)
    if isinstance(value, dict):
        if not value or set(value) == {KID}:
            raise PeerError("malformed", "{4: kid} is sent compact")
        return item
    return cbor.encode({KID: decode_identifier(item)})


def encode_ead(items: Sequence[Ead]) -> bytes:
    """EAD_n as a CBOR sequence."""
    return b"".join(
        cbor.encode(label) if value is None else cbor.sequence(label, value) for label, value in items
    )


def decode_ead(items: Sequence[bytes]) -> List[Ead]:
    """EAD items out of the CBOR items behind the fixed fields."""
    ead: List[Ead] = []
    label: Optional[int] = None
    for item in items:
        value = cbor.decode(item)
        if isinstance(value, bytes):
            if label is None:
                raise PeerError("malformed", "an EAD value without a label")
            ead.append((label, value))
            label = None
        elif isinstance(value, int) and not isinstance(value, bool):
            if label is not None:
                ead.append((label, None))
            label = value
        else:
            raise PeerError("malformed", "an EAD item is a label and a byte string")
    if label is not None:
        ead.append((label, None))
    return ead


def check_inbox(value: Optional[bytes]) -> None:
    """An inbox name: 1–16 bytes of [a-z0-9-]."""
    allowed = b"abcdefghijklmnopqrstuvwxyz0123456789-"
    if value is None or not 1 <= len(value) <= 16 or any(byte not in allowed for byte in value):
        raise PeerError("malformed", "not an inbox name")


def error_message(code: int, info: Any) -> bytes:
    """An EDHOC error message (§6): 1 text, 2 SUITES_R, 3 true."""
    return cbor.sequence(code, info)


def parse_error(message: bytes) -> Tuple[int, Any]:
    """(ERR_CODE, ERR_INFO) of an error message."""
    items = cbor.split(message)
    if len(items) != 2:
        raise PeerError("malformed", "an error message has two items")
    code, info = cbor.decode(items[0]), cbor.decode(items[1])
    if not isinstance(code, int) or isinstance(code, bool):
        raise PeerError("malformed", "ERR_CODE is an integer")
    if code == 1 and not isinstance(info, str):
        raise PeerError("malformed", "error 1 carries text")
    if code == 2:
        return code, parse_suites(info)
    if code == 3 and info is not True:
        raise PeerError("malformed", "error 3 carries true")
    return code, info


def _is_suites(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(s, int) and not isinstance(s, bool) for s in value)


def parse_suites(value: Any) -> List[int]:
    """SUITES_I or SUITES_R as a list: an int, or an array of at least two."""
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    if _is_suites(value) and len(value) >= 2:
        return list(value)
    raise PeerError("malformed", "suites are an int or an array of two or more")


def suites_field(numbers: Sequence[int]) -> Any:
    return numbers[0] if len(numbers) == 1 else list(numbers)
