"""Cipher suites as data (RFC 9528 §10.2) and the primitives they name."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Dict, Optional, Set, Tuple

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .errors import PeerError

HASH_LENGTH = 32
"""SHA-256, the hash of every suite here."""

# COSE elliptic curve numbers.
P256, X25519, ED25519 = 1, 4, 6
# COSE signature algorithm numbers.
ES256, EDDSA = -7, -8


@dataclass(frozen=True)
class Aead:
    """One COSE AEAD algorithm; lengths in bytes."""

    alg: int
    key_length: int
    nonce_length: int
    tag_length: int

    def seal(self, key: bytes, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
        """Ciphertext and tag."""
        if self.alg == 24:
            return ChaCha20Poly1305(key).encrypt(nonce, plaintext, aad)
        return AESCCM(key, self.tag_length).encrypt(nonce, plaintext, aad)

    def open(self, key: bytes, nonce: bytes, aad: bytes, ciphertext: bytes) -> bytes:
        """The plaintext; reason ``decrypt`` if the tag does not verify."""
        if len(ciphertext) < self.tag_length:
            raise PeerError("malformed", "shorter than the tag")
        try:
            if self.alg == 24:
                return ChaCha20Poly1305(key).decrypt(nonce, ciphertext, aad)
            return AESCCM(key, self.tag_length).decrypt(nonce, ciphertext, aad)
        except InvalidTag:
            raise PeerError("decrypt", "the tag does not verify") from None


AES_CCM_16_64_128 = Aead(10, 16, 13, 8)
AES_CCM_16_128_128 = Aead(30, 16, 13, 16)
CHACHA20_POLY1305 = Aead(24, 32, 12, 16)


@dataclass(frozen=True)
class Suite:
    """One cipher suite. ``mac_length`` is that of a static-DH sender."""

    number: int
    aead: Aead
    mac_length: int
    curve: int
    signature: int
    app_aead: Aead


SUITES: Dict[int, Suite] = {
    0: Suite(0, AES_CCM_16_64_128, 8, X25519, EDDSA, AES_CCM_16_64_128),
    2: Suite(2, AES_CCM_16_64_128, 8, P256, ES256, AES_CCM_16_64_128),
    3: Suite(3, AES_CCM_16_128_128, 16, P256, ES256, AES_CCM_16_64_128),
    4: Suite(4, CHACHA20_POLY1305, 16, X25519, EDDSA, CHACHA20_POLY1305),
}


def sha256(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


# --- Diffie-Hellman -------------------------------------------------------------


def _p256_private(private: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        return ec.derive_private_key(int.from_bytes(private, "big"), ec.SECP256R1())
    except ValueError as error:
        raise PeerError("bad_key", str(error)) from error


def _raw_p256(public: ec.EllipticCurvePublicKey) -> Tuple[bytes, bytes]:
    numbers = public.public_numbers()
    return numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")


def random_private(curve: int) -> bytes:
    """A fresh private key of a DH curve, as raw bytes."""
    if curve == P256:
        return ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(32, "big")
    return os.urandom(32)


def public_of(curve: int, private: bytes) -> Tuple[bytes, Optional[bytes]]:
    """The public key (x, y) of a raw private key; y is None except on P-256."""
    if curve == P256:
        return _raw_p256(_p256_private(private).public_key())
    if curve == X25519:
        point = x25519.X25519PrivateKey.from_private_bytes(private).public_key()
        return point.public_bytes(Encoding.Raw, PublicFormat.Raw), None
    key = ed25519.Ed25519PrivateKey.from_private_bytes(private).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw), None


def agree(curve: int, private: bytes, peer_x: bytes) -> bytes:
    """The ECDH shared secret; on P-256 from the x-coordinate alone (RFC 9528 §3.7).

    Either y gives the same x of the product, so the even one is taken.
    """
    if len(peer_x) != 32:
        raise PeerError("bad_key", "a public key of wrong length")
    check_encoding(curve, peer_x)
    try:
        if curve == P256:
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x02" + peer_x)
            return _p256_private(private).exchange(ec.ECDH(), point)
        # `cryptography` refuses an all-zero result, as RFC 9528 §9.2 asks.
        return x25519.X25519PrivateKey.from_private_bytes(private).exchange(
            x25519.X25519PublicKey.from_public_bytes(peer_x)
        )
    except ValueError as error:
        raise PeerError("bad_key", f"not a usable public key: {error}") from error


_P25519 = 2**255 - 19
_P256 = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF


def check_encoding(curve: int, x: bytes, y: Optional[bytes] = None) -> None:
    """Refuses a key that is not in its one encoding, or no point, or of small order (PROTOCOL §2)."""
    if curve == P256:
        if any(int.from_bytes(part, "big") >= _P256 for part in (x, y or b"")):
            raise PeerError("bad_key", "a coordinate not below the field's order")
        if y is not None:
            try:
                numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1())
                numbers.public_key()
            except ValueError as error:
                raise PeerError("bad_key", str(error)) from error
        return
    number = int.from_bytes(x, "little")
    if curve == ED25519:
        # The top bit is the sign of the other coordinate.
        number &= (1 << 255) - 1
        if number in _SMALL_ORDER_Y:
            raise PeerError("bad_key", "a point of small order")
    if number >= _P25519:
        raise PeerError("bad_key", "a number not below 2^255 - 19")


def _order_8_y() -> Set[int]:
    """The y coordinates of the points of order 8 on edwards25519.

    Doubling such a point gives y = 0, so y^2 = -x^2; with the curve's equation, d y^4 + 2 y^2 - 1 = 0.
    """
    p = _P25519
    d = -121665 * pow(121666, -1, p) % p

    def root(square: int) -> Optional[int]:
        found = pow(square, (p + 3) // 8, p)
        if found * found % p != square:
            found = found * pow(2, (p - 1) // 4, p) % p
        return found if found * found % p == square else None

    spread = root((1 + d) % p)
    assert spread is not None
    ys = [root((-1 + sign * spread) * pow(d, -1, p) % p) for sign in (1, -1)]
    return {y for found in ys if found is not None for y in (found, p - found)}


# Orders 1, 2 and 4 have y = 1, -1 and 0.
_SMALL_ORDER_Y = {0, 1, _P25519 - 1} | _order_8_y()


def check_point(curve: int, x: bytes) -> None:
    """Refuses an ephemeral key that is not in its one encoding, no point of the curve, or of low order."""
    check_encoding(curve, x)
    agree(curve, (1).to_bytes(32, "big"), x)


# --- Signatures -----------------------------------------------------------------


def sign(alg: int, private: bytes, message: bytes) -> bytes:
    """An EdDSA or ES256 signature of 64 bytes; ES256 with the nonce of RFC 6979."""
    if alg == EDDSA:
        return ed25519.Ed25519PrivateKey.from_private_bytes(private).sign(message)
    der = _p256_private(private).sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    r, s = utils.decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(alg: int, x: bytes, y: Optional[bytes], message: bytes, signature: bytes) -> None:
    """Refuses a signature that does not verify, reason ``bad_signature``."""
    if len(signature) != 64:
        raise PeerError("bad_signature", "wrong length")
    try:
        if alg == EDDSA:
            ed25519.Ed25519PublicKey.from_public_bytes(x).verify(signature, message)
            return
        if y is None:
            raise PeerError("bad_key", "ES256 needs both coordinates")
        public = ec.EllipticCurvePublicNumbers(
            int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1()
        ).public_key()
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        public.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise PeerError("bad_signature", "does not verify") from None
    except ValueError as error:
        raise PeerError("bad_key", str(error)) from error
