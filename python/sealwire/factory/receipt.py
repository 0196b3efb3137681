"""What a factory signs about a batch: how many devices of which models, which ones, and when.

A receipt is an untagged COSE_Sign1 (RFC 9052) with the external AAD `sealwire-receipt-1`. Its payload is a map in
deterministic CBOR:

    {"date": uint, "kind": text, "batch": text, "count": uint, "curve": text, "files": bstr, "issuer": bstr or null,
     "models": {* text => uint}, "version": 1, "thumbprints": bstr}

date: seconds since 1970. kind: `ccs` or `cwt`. files: SHA-256 of the batch's file SHA256SUMS. issuer: thumbprint of who signed the
credentials. thumbprints: SHA-256 of the devices' thumbprints, 16 bytes each, in ascending order.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Mapping, Optional

from .._sealwire import Credential, sign1, verify1
from ..errors import Malformed, UnsupportedVersion
from ..frames import Pairs, decode_item
from ..identity import Identity

_AAD = b"sealwire-receipt-1"
_TYPES = {
    **{name: (str,) for name in ("batch", "kind", "curve")},
    **{name: (int,) for name in ("date", "count")},
    **{name: (bytes,) for name in ("thumbprints", "files")},
    "models": (dict,),
    "issuer": (bytes, type(None)),
}
VERSION = 1


def digest_of(thumbprints: Iterable[bytes]) -> bytes:
    """The digest of a set of devices."""
    return hashlib.sha256(b"".join(sorted(thumbprints))).digest()


def _head(major: int, value: int) -> bytes:
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 24:
            return bytes([major << 5 | value])
        if value < 1 << (8 * size):
            return bytes([major << 5 | info]) + value.to_bytes(size, "big")
    raise ValueError("a number beyond 64 bits")


def _encode(value: Any) -> bytes:
    """Deterministic CBOR (RFC 8949 §4.2.1) of what a receipt is made of."""
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return _head(0, value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    pairs = sorted((_encode(key), _encode(item)) for key, item in value.items())
    return _head(5, len(pairs)) + b"".join(key + item for key, item in pairs)


@dataclass(frozen=True)
class Receipt:
    """What a receipt says."""

    batch: str
    date: int
    count: int
    models: Mapping[str, int]
    thumbprints: bytes
    files: bytes
    kind: str
    curve: str
    issuer: Optional[bytes]

    def sign(self, factory: Identity) -> bytes:
        """The COSE_Sign1, by an Ed25519 or ES256 key."""
        payload = _encode({"version": VERSION, **{name: dict(value) if name == "models" else value for name, value in vars(self).items()}})
        return sign1(factory.key, payload, kid=factory.credential.kid, external_aad=_AAD)

    @classmethod
    def verify(cls, data: bytes, factory: Credential) -> Receipt:
        """Reads a receipt that the factory has signed. Raises `AuthenticationFailed`, `Malformed` or `UnsupportedVersion`."""
        payload = verify1(factory, data, external_aad=_AAD)
        item, end = decode_item(payload)
        if end != len(payload) or not isinstance(item, Pairs):
            raise Malformed("the receipt's payload is no map")
        values: Dict[Any, Any] = dict(item)
        if len(values) != len(item) or values.pop("version", None) != VERSION:
            raise UnsupportedVersion("a receipt of another version")
        models = values.get("models")
        if not isinstance(models, Pairs) or len(dict(models)) != len(models):
            raise Malformed("the receipt's models")
        values["models"] = dict(models)
        if set(values) != set(_TYPES) or not all(type(value) in _TYPES[name] for name, value in values.items()):
            raise Malformed("the receipt lacks something, or has more")
        return cls(**values)


__all__ = ["Receipt", "VERSION", "digest_of"]
