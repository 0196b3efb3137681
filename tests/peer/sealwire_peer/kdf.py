"""EDHOC's key derivation (RFC 9528 §4.1, §4.2, appendices G and H) on SHA-256."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from . import cbor
from .suites import HASH_LENGTH

_LONGEST = 255 * HASH_LENGTH


def extract(salt: bytes, ikm: bytes) -> bytes:
    """EDHOC_Extract: HKDF-Extract with SHA-256."""
    return hmac.new(salt, ikm, hashlib.sha256).digest()


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    """EDHOC_Expand: HKDF-Expand with SHA-256."""
    return HKDFExpand(hashes.SHA256(), length, info).derive(prk)


def edhoc_kdf(prk: bytes, label: int, context: bytes, length: int) -> bytes:
    """EDHOC_KDF: ``info`` is the CBOR sequence (label, context as bstr, length)."""
    return expand(prk, cbor.sequence(label, context, length), length)


def keystream_2(prk_2e: bytes, th_2: bytes, length: int) -> bytes:
    """KEYSTREAM_2, put together from several outputs when HKDF alone is too short (appendix G)."""
    stream = b""
    block = 0
    while len(stream) < length:
        stream += edhoc_kdf(prk_2e, -block, th_2, min(_LONGEST, length - len(stream)))
        block += 1
    return stream


def prk_exporter(prk_out: bytes) -> bytes:
    """PRK_exporter of a PRK_out."""
    return edhoc_kdf(prk_out, 10, b"", HASH_LENGTH)


def exporter(prk_out: bytes, label: int, context: bytes, length: int) -> bytes:
    """EDHOC_Exporter."""
    return edhoc_kdf(prk_exporter(prk_out), label, context, length)


def key_update(prk_out: bytes, context: bytes) -> bytes:
    """EDHOC_KeyUpdate: the next PRK_out."""
    return edhoc_kdf(prk_out, 11, context, HASH_LENGTH)
