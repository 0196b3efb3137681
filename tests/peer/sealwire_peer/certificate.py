"""X.509 certificates under the profile of PROTOCOL §2: reading, chains, and issuing for tests.

``cryptography`` reads the certificate and checks signatures; a small DER walk of our own supplies what it
does not show: names and algorithms as the bytes they are.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple, Union

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID, NameOID

from . import suites
from .errors import PeerError
from .key import CoseKey, TrustAnchor

LONGEST = 512
"""Bytes of one certificate."""
LONGEST_CHAIN = 3
"""Certificates of one x5chain: the leaf and two intermediates."""

MOST_ANCHORS = 4
"""How many anchors of the right algorithm are tried."""

_SIGNATURES = {"1.3.101.112": suites.EDDSA, "1.2.840.10045.4.3.2": suites.ES256}
_UNDERSTOOD = (ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE)
_LONGEST_SERIAL = 20
_BIT_STRING, _UTF8_STRING, _PRINTABLE_STRING, _EXTENSIONS = 0x03, 0x0C, 0x13, 0xA3
# The OIDs as they stand in DER: id-at-commonName, id-ce-keyUsage.
_COMMON_NAME, _KEY_USAGE = bytes.fromhex("550403"), bytes.fromhex("551d0f")


def _unsupported(detail: str) -> PeerError:
    return PeerError("unsupported_credential", detail)


def _untrusted(detail: str) -> PeerError:
    return PeerError("untrusted_credential", detail)


@dataclass(frozen=True)
class Certificate:
    """What the profile looks at. Times are seconds since 1970; names are their DER."""

    der: bytes
    key: CoseKey
    subject_name: Optional[str]
    issuer: bytes
    subject: bytes
    not_before: int
    not_after: int
    is_ca: bool
    path_length: Optional[int]
    key_usage: Optional[x509.KeyUsage]
    signature_alg: int
    to_be_signed: bytes
    signature: bytes

    def check_time(self, now: Optional[int]) -> None:
        """Refuses it outside its validity, if the time is known; both ends belong to it (RFC 5280 §4.1.2.5)."""
        if now is not None and now > self.not_after:
            raise PeerError("expired_credential", "the certificate has expired")
        if now is not None and now < self.not_before:
            raise PeerError("expired_credential", "the certificate is not valid yet")

    def may(self, static: bool) -> bool:
        """Whether keyUsage, if there is one, lets the key authenticate in this way."""
        usage = self.key_usage
        return usage is None or (usage.key_agreement if static else usage.digital_signature)

    def check_leaf(self, now: Optional[int]) -> None:
        """Refuses what cannot stand for an endpoint, whoever vouches for it."""
        if self.is_ca:
            raise _untrusted("a CA is no endpoint")
        self.check_time(now)

    def check_issuer(self, below: int, now: Optional[int]) -> None:
        """Refuses what may not issue, with ``below`` intermediates between it and the leaf."""
        if not self.is_ca or (self.key_usage is not None and not self.key_usage.key_cert_sign):
            raise _untrusted("an intermediate that may not issue")
        if self.path_length is not None and below > self.path_length:
            raise _untrusted("more intermediates than pathLenConstraint allows")
        self.check_time(now)

    def is_signed_by(self, key: CoseKey) -> bool:
        """Whether the signature is that key's."""
        curve = suites.ED25519 if self.signature_alg == suites.EDDSA else suites.P256
        if key.curve != curve or key.alg not in (None, self.signature_alg):
            return False
        signature = self.signature
        if self.signature_alg == suites.ES256:
            r, s = utils.decode_dss_signature(signature)
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        try:
            suites.verify(self.signature_alg, key.x, key.y, self.to_be_signed, signature)
        except PeerError:
            return False
        return True


# --- Reading ---------------------------------------------------------------------------


def _items(data: bytes) -> List[Tuple[int, bytes, bytes]]:
    """The DER items of ``data``: (tag, content, whole). `cryptography` has checked the encoding before."""
    found: List[Tuple[int, bytes, bytes]] = []
    at = 0
    while at < len(data):
        length, head = data[at + 1], at + 2
        if length & 0x80:
            head += length & 0x7F
            length = int.from_bytes(data[at + 2 : head], "big")
        found.append((data[at], data[head : head + length], data[at : head + length]))
        at = head + length
    return found


def _key_of(certificate: x509.Certificate, spki: bytes) -> CoseKey:
    public = certificate.public_key()
    if isinstance(public, (ed25519.Ed25519PublicKey, x25519.X25519PublicKey)):
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        curve = suites.ED25519 if isinstance(public, ed25519.Ed25519PublicKey) else suites.X25519
        suites.check_encoding(curve, raw)
        return CoseKey(curve, raw)
    if isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1):
        point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        if spki.endswith(b"\x00" + point):
            return CoseKey(suites.P256, point[1:33], point[33:])
    raise _unsupported("the subject's key is neither Ed25519, X25519 nor an uncompressed point of P-256")


def _common_name(name: bytes) -> Optional[str]:
    """The one commonName of a name in DER."""
    found: List[str] = []
    for _, parts, _ in _items(_items(name)[0][1]):
        attributes = _items(parts)
        if len(attributes) != 1:
            raise _unsupported("several attributes in one part of a name")
        (_, oid, _), (tag, value, _) = _items(attributes[0][1])
        if oid == _COMMON_NAME:
            if tag not in (_UTF8_STRING, _PRINTABLE_STRING):
                raise _unsupported("a commonName that is neither UTF8String nor PrintableString")
            found.append(value.decode("utf-8"))
    if len(found) > 1:
        raise _unsupported("several commonNames")
    return found[0] if found else None


def _check_fields(fields: Sequence[Tuple[int, bytes, bytes]]) -> None:
    """What `cryptography` lets pass in a tbsCertificate and the profile does not."""
    serial = fields[1][1]
    if serial[0] & 0x80:
        raise PeerError("malformed", "a negative serial number")
    if serial == b"\x00" or len(serial.lstrip(b"\x00")) > _LONGEST_SERIAL:
        raise _unsupported("serial numbers have 1 to 20 bytes and are not 0")
    for tag, content, _ in fields[7:]:
        if tag != _EXTENSIONS:
            raise _unsupported("a unique identifier")
        extensions = _items(_items(content)[0][1])
        if not extensions:
            raise PeerError("malformed", "an empty list of extensions")
        for _, extension, _ in extensions:
            parts = _items(extension)
            if parts[0][1] == _KEY_USAGE:
                _check_named_bits(parts[-1][1])


def _check_named_bits(item: bytes) -> None:
    """DER of a named bit string ends with a bit that is set (X.690 §11.2.2); RFC 5280 wants one in keyUsage."""
    ((tag, content, _),) = _items(item)
    unused, bits = content[0], content[1:]
    if tag != _BIT_STRING or not bits or unused > 7 or not bits[-1] >> unused & 1 or bits[-1] & ((1 << unused) - 1):
        raise PeerError("malformed", "keyUsage is not in DER, or empty")


def _signature_alg(certificate: x509.Certificate, inner: bytes, outer: bytes) -> int:
    alg = _SIGNATURES.get(certificate.signature_algorithm_oid.dotted_string)
    if alg is None:
        raise _unsupported("signed by neither Ed25519 nor ecdsa-with-SHA256")
    if inner != outer:
        raise PeerError("malformed", "two signature algorithms")
    signature = certificate.signature
    if alg == suites.EDDSA:
        if len(signature) != 64:
            raise PeerError("malformed", "an Ed25519 signature has 64 bytes")
        return alg
    try:
        r, s = utils.decode_dss_signature(signature)
    except ValueError:
        raise PeerError("malformed", "not an ECDSA signature") from None
    if utils.encode_dss_signature(r, s) != signature or not (0 < r < 1 << 256 and 0 < s < 1 << 256):
        raise PeerError("malformed", "not an ECDSA signature in DER")
    return alg


def parse(der: bytes) -> Certificate:
    """Reads one certificate; ``malformed`` if it is none, ``unsupported_credential`` outside the profile."""
    if len(der) > LONGEST:
        raise _unsupported(f"longer than {LONGEST} bytes")
    try:
        certificate = x509.load_der_x509_certificate(der)
        extensions = list(certificate.extensions)
        if certificate.version != x509.Version.v3:
            raise _unsupported("not version 3")
        tbs, outer, _ = _items(_items(der)[0][1])
        fields = _items(tbs[1])
        # version, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo
        _check_fields(fields)
        key = _key_of(certificate, fields[6][2])
        alg = _signature_alg(certificate, fields[2][2], outer[2])
        _common_name(fields[3][2])
        name = _common_name(fields[5][2])
    except PeerError:
        raise
    except x509.InvalidVersion as error:
        raise _unsupported(str(error)) from error
    except Exception as error:  # cryptography has several; all mean the same here
        raise PeerError("malformed", f"not a certificate: {error}") from error
    if certificate.not_valid_before_utc.timestamp() < 0:
        raise PeerError("malformed", "valid before 1970")
    is_ca, path_length, usage = False, None, None
    for extension in extensions:
        refused = extension.critical or extension.oid == ExtensionOID.NAME_CONSTRAINTS
        if refused and extension.oid not in _UNDERSTOOD:
            raise _unsupported(f"the extension {extension.oid.dotted_string}")
        if isinstance(extension.value, x509.BasicConstraints):
            is_ca, path_length = extension.value.ca, extension.value.path_length
        if isinstance(extension.value, x509.KeyUsage):
            usage = extension.value
    return Certificate(
        der=der,
        key=key,
        subject_name=name,
        issuer=fields[3][2],
        subject=fields[5][2],
        not_before=int(certificate.not_valid_before_utc.timestamp()),
        not_after=int(certificate.not_valid_after_utc.timestamp()),
        is_ca=is_ca,
        path_length=path_length,
        key_usage=usage,
        signature_alg=alg,
        to_be_signed=certificate.tbs_certificate_bytes,
        signature=certificate.signature,
    )


def verify_chain(chain: Sequence[Certificate], anchors: Sequence[TrustAnchor], now: Optional[int]) -> None:
    """Holds a chain, leaf first, against the anchors of purpose *identity*: the last of it must be signed by one."""
    chain[0].check_leaf(now)
    for at in range(1, len(chain)):
        below, above = chain[at - 1], chain[at]
        if below.issuer != above.subject:
            raise _untrusted("issuer and subject do not match along the chain")
        above.check_issuer(at - 1, now)
        if not below.is_signed_by(above.key):
            raise _untrusted("a certificate that the next one did not sign")
    curve = suites.ED25519 if chain[-1].signature_alg == suites.EDDSA else suites.P256
    vouching = [anchor for anchor in anchors if "identity" in anchor.purposes and anchor.key.curve == curve]
    if not any(chain[-1].is_signed_by(anchor.key) for anchor in vouching[:MOST_ANCHORS]):
        raise _untrusted("no trust anchor signed it")


def anchor_key(der: bytes) -> CoseKey:
    """The key of an authority's certificate, for a trust anchor; nothing else of it counts."""
    authority = parse(der)
    authority.check_issuer(0, None)
    if authority.key.curve == suites.X25519:
        raise _untrusted("a key that cannot sign")
    return authority.key


# --- Issuing, for tests and vectors -------------------------------------------------------

_USAGES = (
    "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign "
    "encipher_only decipher_only"
).split()


def _public(key: CoseKey) -> Union[ed25519.Ed25519PublicKey, x25519.X25519PublicKey, ec.EllipticCurvePublicKey]:
    if key.curve == suites.ED25519:
        return ed25519.Ed25519PublicKey.from_public_bytes(key.x)
    if key.curve == suites.X25519:
        return x25519.X25519PublicKey.from_public_bytes(key.x)
    point = b"\x04" + key.x + (key.y or b"")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def _name(common_name: Optional[str]) -> x509.Name:
    attributes = [] if common_name is None else [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    return x509.Name(attributes)


def issue(
    alg: int,
    issuer_private: bytes,
    issuer: str,
    key: CoseKey,
    subject: Optional[str],
    serial: int = 1,
    not_before: int = 1700000000,
    not_after: int = 2000000000,
    ca: Optional[bool] = None,
    path_length: Optional[int] = None,
    key_usage: Optional[Sequence[str]] = None,
    critical: Optional[str] = None,
) -> bytes:
    """A certificate in DER, the same for the same arguments. ``ca`` None leaves basicConstraints out, ``critical`` is
    the OID of one more critical extension."""
    builder = (
        x509.CertificateBuilder()
        .issuer_name(_name(issuer))
        .subject_name(_name(subject))
        .public_key(_public(key))
        .serial_number(serial)
        .not_valid_before(datetime.datetime.fromtimestamp(not_before, datetime.timezone.utc))
        .not_valid_after(datetime.datetime.fromtimestamp(not_after, datetime.timezone.utc))
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length if ca else None), critical=True)
    if key_usage is not None:
        builder = builder.add_extension(
            x509.KeyUsage(**{name: name in key_usage for name in _USAGES}), critical=True
        )
    if critical is not None:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier(critical), b"\x05\x00")
        builder = builder.add_extension(unknown, critical=True)
    if alg == suites.EDDSA:
        signed = builder.sign(ed25519.Ed25519PrivateKey.from_private_bytes(issuer_private), None)
    else:
        signer = ec.derive_private_key(int.from_bytes(issuer_private, "big"), ec.SECP256R1())
        signed = builder.sign(signer, hashes.SHA256(), ecdsa_deterministic=True)
    return signed.public_bytes(Encoding.DER)
