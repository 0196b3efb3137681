"""Public keys as COSE_Key, their thumbprints (RFC 9679), and trust anchors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, Optional

from . import cbor, suites
from .errors import PeerError

_OKP, _EC2 = 1, 2


@dataclass(frozen=True)
class CoseKey:
    """A public COSE_Key on X25519, Ed25519 or P-256. ``alg`` is its member 3."""

    curve: int
    x: bytes
    y: Optional[bytes] = None
    kid: Optional[bytes] = None
    alg: Any = field(default=None, compare=False)

    def required(self) -> Dict[int, Any]:
        """The members that identify the key (RFC 9679 §4)."""
        if self.curve == suites.P256:
            return {1: _EC2, -1: self.curve, -2: self.x, -3: self.y}
        return {1: _OKP, -1: self.curve, -2: self.x}

    def to_map(self) -> Dict[int, Any]:
        """The COSE_Key map."""
        members = self.required()
        if self.kid is not None:
            members[2] = self.kid
        if self.alg is not None:
            members[3] = self.alg
        return members

    def thumbprint_256(self) -> bytes:
        """The whole RFC 9679 thumbprint, 32 bytes."""
        return suites.sha256(cbor.encode(self.required()))

    def thumbprint(self) -> bytes:
        """The first 16 bytes of it: who someone is (PROTOCOL §2)."""
        return self.thumbprint_256()[:16]

    def serves(self, suite: suites.Suite, static: bool) -> bool:
        """Whether suite and kind of authentication can use this key (PROTOCOL §2)."""
        if static:
            fits = self.alg is None or (isinstance(self.alg, int) and -34 <= self.alg <= -25)
            return fits and self.curve == suite.curve
        curve = suites.ED25519 if suite.signature == suites.EDDSA else suites.P256
        return self.curve == curve and self.alg in (None, suite.signature)


def parse_key(members: Any) -> CoseKey:
    """Reads a COSE_Key map; extra members are allowed, private ones are not."""
    if not isinstance(members, dict):
        raise PeerError("malformed", "a COSE_Key is a map")
    if -4 in members:
        raise PeerError("malformed", "a private key in a credential")
    kty, curve, x, y, kid = (members.get(label) for label in (1, -1, -2, -3, 2))
    if not isinstance(x, bytes) or len(x) != 32:
        raise PeerError("malformed", "x must be 32 bytes")
    if kid is not None and not isinstance(kid, bytes):
        raise PeerError("malformed", "kid must be a byte string")
    if kty == _EC2 and curve == suites.P256:
        if not isinstance(y, bytes) or len(y) != 32:
            raise PeerError("malformed", "y must be a byte string of 32 bytes")
        suites.check_encoding(curve, x, y)
        return CoseKey(curve, x, y, kid, members.get(3))
    if kty == _OKP and curve in (suites.X25519, suites.ED25519):
        suites.check_encoding(curve, x)
        return CoseKey(curve, x, None, kid, members.get(3))
    raise PeerError("malformed", f"kty {kty!r} with crv {curve!r}")


def key_from_private(
    curve: int, private: bytes, kid: Optional[bytes] = None, alg: Optional[int] = None
) -> CoseKey:
    """The public COSE_Key of a raw private key."""
    x, y = suites.public_of(curve, private)
    return CoseKey(curve, x, y, kid, alg)


@dataclass(frozen=True)
class TrustAnchor:
    """An issuer's public key and what it may vouch for."""

    key: CoseKey
    kid: bytes = b""
    purposes: FrozenSet[str] = frozenset({"identity"})
