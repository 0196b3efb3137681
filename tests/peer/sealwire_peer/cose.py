"""Credentials and what resolves them: CCS, CWT, X.509 by x5t and x5chain; COSE_Sign1."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence, Tuple

from . import cbor, certificate, suites
from .certificate import Certificate
from .errors import PeerError
from .key import CoseKey as CoseKey
from .key import TrustAnchor as TrustAnchor
from .key import key_from_private as key_from_private
from .key import parse_key as parse_key

KID, KCWT, KCCS, X5CHAIN, X5T = 4, 13, 14, 33, 34
"""COSE header labels that ID_CRED_x uses."""

_X5T_LENGTHS = {-15: 8, -16: 32}
"""SHA-256 truncated to 64 bits, and whole."""


def sig_structure(protected: bytes, external_aad: bytes, payload: bytes) -> bytes:
    """Sig_structure of COSE_Sign1 (RFC 9052 §4.4)."""
    return cbor.encode(["Signature1", protected, external_aad, payload])


def sign1(alg: int, private: bytes, payload: bytes, unprotected: Dict[int, Any]) -> bytes:
    """An untagged COSE_Sign1 array with protected header {1: alg} and empty external_aad."""
    protected = cbor.encode({1: alg})
    signature = suites.sign(alg, private, sig_structure(protected, b"", payload))
    return cbor.encode([protected, unprotected, payload, signature])


@dataclass(frozen=True)
class Credential:
    """A parsed CRED_x. ``item`` is the CBOR item that enters transcript and contexts, verbatim."""

    item: bytes
    kind: str
    key: CoseKey
    subject: Optional[str] = None
    claims: Dict[Any, Any] = field(default_factory=dict, compare=False)
    issuer_kid: Optional[bytes] = None
    certificate: Optional[Certificate] = field(default=None, compare=False)

    @property
    def kid(self) -> Optional[bytes]:
        """The kid inside the COSE_Key."""
        return self.key.kid

    def serves(self, suite: suites.Suite, static: bool) -> bool:
        """Whether the credential is of the kind that suite and method ask for."""
        allowed = self.certificate is None or self.certificate.may(static)
        return allowed and self.key.serves(suite, static)

    def id_cred(self, by: str, chain: Sequence[bytes] = ()) -> bytes:
        """ID_CRED_x as its full map; ``by`` is ``kid``, ``value``, ``x5t`` or ``x5t-256``. A certificate by value goes
        as x5chain, together with ``chain``, the certificates above it."""
        if by == "kid":
            if self.kid is None:
                raise PeerError("usage", "this credential has no kid")
            return cbor.encode({KID: self.kid})
        if by == "value" and self.kind in ("ccs", "cwt"):
            # Put together by hand, so that the credential's bytes stay what they are.
            return b"\xa1" + cbor.encode(KCCS if self.kind == "ccs" else KCWT) + self.item
        if self.certificate is not None:
            der = self.certificate.der
            if by == "value":
                return cbor.encode({X5CHAIN: [der, *chain] if chain else der})
            if by in ("x5t", "x5t-256"):
                return cbor.encode({X5T: x5t(der, -15 if by == "x5t" else -16)})
        raise PeerError("usage", f"a {self.kind} credential cannot be named by {by}")


def x5t(der: bytes, alg: int) -> List[Any]:
    """COSE_CertHash (RFC 9360 §2)."""
    return [alg, suites.sha256(der)[: _X5T_LENGTHS[alg]]]


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
    """Reads a CCS (a map), a CWT (an untagged COSE_Sign1 array) or a certificate (DER, or that in a byte string)."""
    if item[:1] == b"\x30":
        item = cbor.bstr(item)
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
        found = certificate.parse(value)
        return Credential(item, "x509", found.key, found.subject_name, certificate=found)
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
        raise PeerError("untrusted_credential", "the anchor may not vouch for identities")
    protected, _, payload, signature = cbor.decode(credential.item)
    alg = cbor.decode(protected)[1]
    if alg != (suites.EDDSA if anchor.key.curve == suites.ED25519 else suites.ES256):
        raise PeerError("bad_signature", "the algorithm is not that of the anchor's key")
    suites.verify(alg, anchor.key.x, anchor.key.y, sig_structure(protected, b"", payload), signature)
    if now is not None:
        expires, not_before = credential.claims.get(4), credential.claims.get(5)
        if expires is not None and now >= expires:
            raise PeerError("expired_credential", "the token has expired")
        if not_before is not None and now < not_before:
            raise PeerError("expired_credential", "the token is not valid yet")


@dataclass
class Store:
    """What an endpoint knows of others: provisioned credentials and trust anchors."""

    credentials: List[Credential] = field(default_factory=list)
    anchors: List[TrustAnchor] = field(default_factory=list)
    now: Optional[int] = None

    def resolve(self, id_cred: bytes) -> List[Credential]:
        """The trusted credentials that an ID_CRED_x (full map) may mean. Of several that are not trusted, the reason of
        the last is given; reason ``unknown_credential`` if there is none at all."""
        members = cbor.decode(id_cred)
        if not isinstance(members, dict) or not members:
            raise PeerError("malformed", "ID_CRED_x is a map with a member")
        if len(members) != 1:
            raise PeerError("unsupported_credential", "ID_CRED_x with more than one member")
        (label, value), = members.items()
        if label == X5CHAIN:
            return [self._of_chain(value)]
        if label == KID:
            if not isinstance(value, bytes):
                raise PeerError("malformed", "kid is a byte string")
            named = [c for c in self.credentials if c.kid == value]
        elif label == X5T:
            named = self._of_hash(value)
        elif label in (KCCS, KCWT):
            # Behind the map's head (1 byte) and the label (1 byte) stand the credential's own bytes.
            named = [parse_credential(id_cred[2:])]
            if named[0].kind != ("ccs" if label == KCCS else "cwt"):
                raise PeerError("malformed", "kccs holds a map, kcwt an array")
        else:
            raise PeerError("unsupported_credential", f"ID_CRED_x with label {label!r}")
        found: List[Credential] = []
        failure = PeerError("unknown_credential")
        for credential in named:
            try:
                self._check(credential)
                found.append(credential)
            except PeerError as error:
                failure = error
        if not found:
            raise failure
        return found

    def _of_hash(self, value: Any) -> List[Credential]:
        if not isinstance(value, list) or len(value) != 2 or not isinstance(value[1], bytes):
            raise PeerError("malformed", "x5t is an algorithm and a hash")
        alg = value[0]
        if alg not in _X5T_LENGTHS:
            raise PeerError("unsupported_credential", f"x5t by algorithm {alg!r}")
        if len(value[1]) != _X5T_LENGTHS[alg]:
            raise PeerError("malformed", "a hash of another length than its algorithm gives")
        return [c for c in self.credentials if c.certificate is not None and x5t(c.certificate.der, alg) == value]

    def _of_chain(self, value: Any) -> Credential:
        chain = [value] if isinstance(value, bytes) else value
        alone = isinstance(value, list) and len(value) < 2
        if not isinstance(chain, list) or alone or not all(isinstance(der, bytes) for der in chain):
            raise PeerError("malformed", "x5chain is one certificate or an array of at least two")
        if len(chain) > certificate.LONGEST_CHAIN:
            raise PeerError("unsupported_credential", "a chain of more than three certificates")
        read = [certificate.parse(der) for der in chain]
        leaf = parse_credential(cbor.bstr(chain[0]))
        if self._provisioned(leaf):
            read[0].check_leaf(self.now)
        else:
            certificate.verify_chain(read, self.anchors, self.now)
        return leaf

    def _provisioned(self, credential: Credential) -> bool:
        return any(known.item == credential.item for known in self.credentials)

    def _check(self, credential: Credential) -> None:
        """Refuses a credential that is not trusted."""
        if credential.kind != "cwt":
            if not self._provisioned(credential):
                raise PeerError("unknown_credential", "nobody provisioned this credential")
            if credential.certificate is not None:
                credential.certificate.check_leaf(self.now)
            return
        failure = PeerError("untrusted_credential", "no anchor of this issuer")
        for anchor in self.anchors:
            if credential.issuer_kid is not None and credential.issuer_kid != anchor.kid:
                continue
            try:
                verify_cwt(credential, anchor, self.now)
                return
            except PeerError as error:
                failure = error
        if failure.reason != "expired_credential":
            raise PeerError("untrusted_credential", failure.detail)
        raise failure
