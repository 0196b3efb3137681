"""Keys, thumbprints, credentials: COSE_Key, RFC 9679, CCS, CWT, X.509 by x5t, COSE_Sign1."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, List, Optional, Tuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import cbor, suites
from .errors import PeerError

KID, KCWT, KCCS, X5T = 4, 13, 14, 34
"""COSE header labels that ID_CRED_x uses."""

_OKP, _EC2 = 1, 2


@dataclass(frozen=True)
class CoseKey:
    """A public COSE_Key on X25519, Ed25519 or P-256."""

    curve: int
    x: bytes
    y: Optional[bytes] = None
    kid: Optional[bytes] = None

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
        return members

    def thumbprint_256(self) -> bytes:
        """The whole RFC 9679 thumbprint, 32 bytes."""
        return suites.sha256(cbor.encode(self.required()))

    def thumbprint(self) -> bytes:
        """The first 16 bytes of it: who someone is (PROTOCOL §2)."""
        return self.thumbprint_256()[:16]


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
        return CoseKey(curve, x, y, kid)
    if kty == _OKP and curve in (suites.X25519, suites.ED25519):
        return CoseKey(curve, x, None, kid)
    raise PeerError("malformed", f"kty {kty!r} with crv {curve!r}")


def key_from_private(curve: int, private: bytes, kid: Optional[bytes] = None) -> CoseKey:
    """The public COSE_Key of a raw private key."""
    x, y = suites.public_of(curve, private)
    return CoseKey(curve, x, y, kid)


def sig_structure(protected: bytes, external_aad: bytes, payload: bytes) -> bytes:
    """Sig_structure of COSE_Sign1 (RFC 9052 §4.4)."""
    return cbor.encode(["Signature1", protected, external_aad, payload])


def sign1(alg: int, private: bytes, payload: bytes, unprotected: Dict[int, Any]) -> bytes:
    """An untagged COSE_Sign1 array with protected header {1: alg} and empty external_aad."""
    protected = cbor.encode({1: alg})
    signature = suites.sign(alg, private, sig_structure(protected, b"", payload))
    return cbor.encode([protected, unprotected, payload, signature])


@dataclass(frozen=True)
class TrustAnchor:
    """An issuer's public key and what it may vouch for."""

    key: CoseKey
    kid: bytes
    purposes: FrozenSet[str] = frozenset({"identity"})


@dataclass(frozen=True)
class Credential:
    """A parsed CRED_x. ``item`` is the CBOR item that enters transcript and contexts, verbatim."""

    item: bytes
    kind: str
    key: CoseKey
    subject: Optional[str] = None
    claims: Dict[Any, Any] = field(default_factory=dict, compare=False)
    issuer_kid: Optional[bytes] = None
    der: Optional[bytes] = None

    @property
    def kid(self) -> Optional[bytes]:
        """The kid inside the COSE_Key."""
        return self.key.kid

    def id_cred(self, by: str) -> bytes:
        """ID_CRED_x as its full map; ``by`` is ``kid``, ``value`` or ``x5t``."""
        if by == "kid":
            if self.kid is None:
                raise PeerError("usage", "this credential has no kid")
            return cbor.encode({KID: self.kid})
        if by == "value" and self.kind in ("ccs", "cwt"):
            # Put together by hand, so that the credential's bytes stay what they are.
            return b"\xa1" + cbor.encode(KCCS if self.kind == "ccs" else KCWT) + self.item
        if by == "x5t" and self.der is not None:
            # -15 is SHA-256 truncated to 64 bits.
            return cbor.encode({X5T: [-15, suites.sha256(self.der)[:8]]})
        raise PeerError("usage", f"a {self.kind} credential cannot be named by {by}")


def _claims_of(claims: Any) -> Tuple[CoseKey, Optional[str]]:
    if not isinstance(claims, dict):
        raise PeerError("malformed", "claims are a map")
    confirmation = claims.get(8)
    if not isinstance(confirmation, dict) or 1 not in confirmation:
        raise PeerError("malformed", "no cnf with a COSE_Key")
    subject = claims.get(2)
    if subject is not None and not isinstance(subject, str):
        raise PeerError("malformed", "sub must be text")
    return parse_key(confirmation[1]), subject


def parse_credential(item: bytes) -> Credential:
    """Reads a CCS (a map), a CWT (an untagged COSE_Sign1 array) or a certificate (a byte string)."""
    value = cbor.decode(item)
    if isinstance(value, dict):
        key, subject = _claims_of(value)
        return Credential(item, "ccs", key, subject, value)
    if isinstance(value, list):
        if len(value) != 4 or not isinstance(value[0], bytes) or not isinstance(value[1], dict):
            raise PeerError("malformed", "not a COSE_Sign1")
        if not isinstance(value[2], bytes) or not isinstance(value[3], bytes):
            raise PeerError("malformed", "not a COSE_Sign1")
        header = cbor.decode(value[0])
        if not isinstance(header, dict) or set(header) != {1} or header[1] not in (suites.EDDSA, suites.ES256):
            raise PeerError("malformed", "the protected header is {1: alg}")
        if set(value[1]) - {KID}:
            raise PeerError("malformed", "the unprotected header is {4: kid} or empty")
        issuer = value[1].get(KID)
        if issuer is not None and not isinstance(issuer, bytes):
            raise PeerError("malformed", "the issuer's kid is a byte string")
        claims = cbor.decode(value[2])
        key, subject = _claims_of(claims)
        return Credential(item, "cwt", key, subject, claims, issuer)
    if isinstance(value, bytes):
        public = x509.load_der_x509_certificate(value).public_key()
        if not isinstance(public, ed25519.Ed25519PublicKey):
            raise PeerError("malformed", "only Ed25519 certificates are needed here")
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return Credential(item, "x509", CoseKey(suites.ED25519, raw), der=value)
    raise PeerError("malformed", "not a credential")


def make_ccs(subject: Optional[str], key: CoseKey) -> bytes:
    """A CCS as CRED_x."""
    claims: Dict[int, Any] = {8: {1: key.to_map()}}
    if subject is not None:
        claims[2] = subject
    return cbor.encode(claims)


def issue_cwt(alg: int, issuer_private: bytes, issuer_kid: Optional[bytes], claims: Dict[int, Any]) -> bytes:
    """A CWT as CRED_x; ``claims`` must hold cnf."""
    unprotected = {} if issuer_kid is None else {KID: issuer_kid}
    return sign1(alg, issuer_private, cbor.encode(claims), unprotected)


def verify_cwt(credential: Credential, anchor: TrustAnchor, now: Optional[int] = None) -> None:
    """Holds a CWT against an anchor of purpose *identity*, and against time where one is known."""
    if "identity" not in anchor.purposes:
        raise PeerError("untrusted", "the anchor may not vouch for identities")
    protected, _, payload, signature = cbor.decode(credential.item)
    alg = cbor.decode(protected)[1]
    if alg != (suites.EDDSA if anchor.key.curve == suites.ED25519 else suites.ES256):
        raise PeerError("bad_signature", "the algorithm is not that of the anchor's key")
    suites.verify(alg, anchor.key.x, anchor.key.y, sig_structure(protected, b"", payload), signature)
    if now is not None:
        expires, not_before = credential.claims.get(4), credential.claims.get(5)
        if expires is not None and now >= expires:
            raise PeerError("expired")
        if not_before is not None and now < not_before:
            raise PeerError("not_yet_valid")


@dataclass
class Store:
    """What an endpoint knows of others: provisioned credentials and trust anchors."""

    credentials: List[Credential] = field(default_factory=list)
    anchors: List[TrustAnchor] = field(default_factory=list)
    now: Optional[int] = None

    def resolve(self, id_cred: bytes) -> List[Credential]:
        """The credentials that an ID_CRED_x (full map) may mean; empty if none is trusted."""
        members = cbor.decode(id_cred)
        if not isinstance(members, dict) or len(members) != 1:
            raise PeerError("malformed", "ID_CRED_x has one member here")
        (label, value), = members.items()
        if label == KID:
            return [c for c in self.credentials if c.kid == value and self._trusted(c)]
        if label == X5T:
            return [c for c in self.credentials if c.der is not None and c.id_cred("x5t") == id_cred]
        if label in (KCCS, KCWT):
            # Behind the map's head (1 byte) and the label (1 byte) stand the credential's own bytes.
            found = parse_credential(id_cred[2:])
            if found.kind != ("ccs" if label == KCCS else "cwt"):
                raise PeerError("malformed", "kccs holds a map, kcwt an array")
            return [found] if self._trusted(found) else []
        return []

    def _trusted(self, credential: Credential) -> bool:
        if credential.kind != "cwt":
            return any(known.item == credential.item for known in self.credentials)
        for anchor in self.anchors:
            if credential.issuer_kid is not None and credential.issuer_kid != anchor.kid:
                continue
            try:
                verify_cwt(credential, anchor, self.now)
            except PeerError:
                continue
            return True
        return False
