"""Shows credentials, handshake messages and records field by field; with keys, decrypted too.

The parser here is separate from the core's: what it cannot decode is shown as it is, with the reason.
"""

from __future__ import annotations

import hashlib
import hmac
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from . import primitives
from ._sealwire import Credential
from .errors import DecryptFailed, InvalidArgument, Malformed, SealwireError
from .frames import INBOX_LABEL, Pairs, Tagged, decode_item, decode_sequence, ead_items, record_header, type_name
from .identity import KEY_LINE, parse_hex

MAX_INPUT = 1 << 20
_CLAIMS = {1: "iss", 2: "sub", 3: "aud", 4: "exp", 5: "nbf", 6: "iat", 7: "cti", 8: "cnf"}
_TIMES = (4, 5, 6)
_KEY_PARTS = {1: "kty", 2: "kid", 3: "alg", -1: "crv", -2: "x", -3: "y"}
_CURVES = {1: "P-256", 4: "X25519", 6: "Ed25519"}
_KEY_TYPES = {1: "OKP", 2: "EC2"}
_ALGORITHMS = {-8: "EdDSA", -7: "ES256", 10: "AES-CCM-16-64-128", 24: "ChaCha20/Poly1305", 30: "AES-CCM-16-128-128"}
_ERRORS = {1: "unspecified", 2: "wrong selected cipher suite", 3: "unknown credential"}
_OPTIONS = {
    0: "kind", 1: "topic", 2: "origin", 3: "offer", 4: "answer", 5: "ack", 6: "resume", 7: "resumed", 8: "update-request",
    9: "update-response", 10: "handover", 11: "retain", 12: "expiry", 13: "content-type", 14: "offer-request", 15: "ping",
}  # fmt: skip
_KINDS = {1: "command", 2: "control"}
_SUITES = {
    0: (10, 16, 13, 8, "X25519"),
    2: (10, 16, 13, 8, "P-256"),
    3: (30, 16, 13, 16, "P-256"),
    4: (24, 32, 12, 16, "X25519"),
}
"""EDHOC AEAD, lengths of its key, nonce and MAC, curve."""
_RECORDS = {**_SUITES, 3: _SUITES[2]}
_METHODS = {
    0: "both sign", 1: "the Initiator signs", 2: "the Responder signs", 3: "static Diffie-Hellman both ways",
}
_SIGNATURE = 64
DER = b"\x30"
"""What a certificate begins with."""
_NAMED = {4: "kid", 13: "CWT by value", 14: "CCS by value", 33: "x5chain: certificates by value", 34: "x5t: certificate by hash"}
_EAD = {INBOX_LABEL: "inbox, critical", 32768: "inbox", 0: "padding"}


@dataclass
class Table:
    """Rows of field, value and what it means."""

    title: str
    rows: List[Tuple[str, str, str]] = field(default_factory=list)

    def add(self, name: str, value: object, meaning: str = "") -> None:
        """One row; bytes become hexadecimal text."""
        self.rows.append((name, show(value), meaning))

    def as_json(self) -> Dict[str, Any]:
        """For programs."""
        return {"title": self.title, "fields": [{"field": f, "value": v, "meaning": m} for f, v, m in self.rows]}

    def as_text(self) -> str:
        """For people; long values go over several lines."""
        left = max((len(name) for name, _, _ in self.rows), default=0)
        lines = [self.title]
        for name, value, meaning in self.rows:
            parts = [value[i : i + 64] for i in range(0, len(value), 64)] or [""]
            lines.append(f"  {name:<{left}}  {parts[0]}{'   ' + meaning if meaning else ''}")
            lines.extend(f"  {'':<{left}}  {part}" for part in parts[1:])
        return "\n".join(lines)


def show(value: object) -> str:
    """A value as text."""
    if isinstance(value, (bytes, bytearray)):
        return f"h'{bytes(value).hex()}'"
    if isinstance(value, Pairs):
        return "{" + ", ".join(f"{show(key)}: {show(item)}" for key, item in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(show(item) for item in value) + "]"
    if isinstance(value, Tagged):
        return f"{value.number}({show(value.content)})"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def read_input(text: str) -> bytes:
    """Bytes from a file (hexadecimal or binary), from hexadecimal text, or from standard input for `-`."""
    if text == "-":
        raw = sys.stdin.buffer.read(MAX_INPUT)
    elif Path(text).exists():
        raw = Path(text).read_bytes()[:MAX_INPUT]
    else:
        try:
            return parse_hex(text)
        except Malformed:
            if not set(text) & set("/.@\\"):
                raise Malformed(f"{text!r} is no file and is not hexadecimal text") from None
            raise FileNotFoundError(2, "no such file, and not hexadecimal text either", text) from None
    if KEY_LINE.search(raw.decode("latin-1")):
        raise InvalidArgument(f"{text} holds a private key, of which nothing is shown; its public half is in the .cred file beside it")
    try:
        return parse_hex(raw.decode("ascii"))
    except (UnicodeDecodeError, Malformed):
        return raw


def is_credential(data: bytes) -> bool:
    """Whether the bytes are a CCS or CWT."""
    try:
        Credential(data)
    except SealwireError:
        return False
    return True


def tables(
    inputs: Sequence[bytes], *, kind: Optional[str] = None, identifier_len: int = 1, secrets: Optional[Mapping[str, Any]] = None
) -> List[Table]:
    """One table per input. Later inputs are read in the light of earlier ones: the messages of one handshake, in order."""
    conversation = Conversation(dict(secrets or {}), identifier_len)
    found: List[Table] = []
    for data in inputs:
        if not data:
            raise Malformed("nothing to inspect")
        if kind == "credential" or (kind is None and is_credential(data)):
            found.append(credential(data))
        elif kind == "cbor":
            found.append(cbor(data))
        elif kind is not None and kind.startswith("message_"):
            found.append(conversation.message(int(kind[-1]), data))
        else:
            found.append(conversation.frame(data))
    return found


def cbor(data: bytes) -> Table:
    """Any CBOR sequence."""
    table = Table(f"CBOR, {len(data)} bytes")
    for index, item in enumerate(decode_sequence(data)):
        table.add(f"item {index}", item)
    return table


# ---- credentials


def credential(data: bytes) -> Table:
    """A credential. Nothing is verified."""
    if data[:1] == DER:
        return certificate(data)
    item, end = decode_item(data)
    if end != len(data):
        raise Malformed(f"{len(data) - end} bytes after the credential")
    if isinstance(item, Pairs):
        table = Table(f"credential: CCS, {len(data)} bytes, unsigned")
        claims = item
    elif isinstance(item, list) and len(item) == 4 and isinstance(item[0], bytes) and isinstance(item[2], bytes):
        table = Table(f"credential: CWT, {len(data)} bytes, signature not verified")
        protected, _ = decode_item(item[0]) if item[0] else (Pairs(), 0)
        for key, value in protected:
            table.add("alg" if key == 1 else f"protected {key}", value, _ALGORITHMS.get(value, "") if isinstance(value, int) else "")
        for key, value in item[1]:
            table.add("issuer kid" if key == 4 else f"unprotected {show(key)}", value)
        decoded, _ = decode_item(item[2])
        if not isinstance(decoded, Pairs):
            raise Malformed("the claims are no map")
        claims = decoded
    else:
        raise Malformed("neither a CCS (map) nor a CWT (array of 4)")
    for key, value in claims:
        if key == 8 and isinstance(value, Pairs):
            cose_key(table, value.value(1))
        elif isinstance(key, int) and key in _TIMES and isinstance(value, int) and 0 <= value < 1 << 40:
            table.add(_CLAIMS[key], value, time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(value)))
        else:
            table.add(_CLAIMS.get(key, f"claim {show(key)}") if isinstance(key, int) else show(key), value)
    if not isinstance(item, Pairs):
        table.add("signature", item[3])
    try:
        table.add("thumbprint", Credential(data).thumbprint, "the identity: RFC 9679, first 16 bytes")
    except SealwireError as error:
        table.add("refused", error.name, error.hint)
    return table


def certificate(data: bytes) -> Table:
    """What counts in an X.509 certificate."""
    read = Credential(data)
    table = Table(f"credential: X.509 certificate, {len(data)} bytes")
    table.add("subject", read.subject or "", "the common name")
    table.add("issuer", read.issuer or "")
    for name, at in (("not before", read.not_before), ("not after", read.expires)):
        if at is not None:
            table.add(name, at, time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at)))
    table.add("public key", read.public, read.curve)
    table.add("x5t", hashlib.sha256(data).digest()[:8], "SHA-256, first 8 bytes")
    table.add("thumbprint", read.thumbprint, "the identity: RFC 9679, first 16 bytes")
    return table


def cose_key(table: Table, key: Any) -> None:
    """A COSE_Key's parts."""
    if not isinstance(key, Pairs):
        table.add("cnf", key)
        return
    for part, value in key:
        name = _KEY_PARTS.get(part, f"key {show(part)}") if isinstance(part, int) else show(part)
        names = {1: _KEY_TYPES, -1: _CURVES, 3: _ALGORITHMS}.get(part, {}) if isinstance(part, int) else {}
        table.add(name, value, names.get(value, "") if isinstance(value, int) else "")


# ---- handshakes and records


def _hkdf_expand(key: bytes, info: bytes, length: int) -> bytes:
    out, block = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.new(key, block + info + bytes([counter]), hashlib.sha256).digest()
        out += block
    return out[:length]


def _bstr(data: bytes) -> bytes:
    size = len(data)
    if size < 24:
        return bytes([0x40 | size]) + data
    if size < 256:
        return bytes([0x58, size]) + data
    return b"\x59" + size.to_bytes(2, "big") + data


def _cred_x(data: bytes) -> bytes:
    """A certificate enters transcripts as a byte string, CBOR as it is."""
    return _bstr(data) if data[:1] == DER else data


def _uint(value: int) -> bytes:
    if value < 24:
        return bytes([value])
    if value < 256:
        return bytes([0x18, value])
    return b"\x19" + value.to_bytes(2, "big")


def _kdf(key: bytes, label: int, context: bytes, length: int) -> bytes:
    return _hkdf_expand(key, _uint(label) + _bstr(context) + _uint(length), length)


def _extract(salt: bytes, secret: bytes) -> bytes:
    return hmac.new(salt, secret, hashlib.sha256).digest()


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


class Conversation:
    """The frames of one handshake and its session, in order; secrets open more and more of them.

    Secrets, all hexadecimal: `ephemeral_initiator` or `ephemeral_responder` (private), `static_initiator`, `static_responder` (private),
    `credential_initiator`, `credential_responder`; or for records only: `suite`, `prk_out`, `c_i`, `c_r`, `initiator`, `responder`
    (thumbprints), `epoch`, `topic`.
    """

    def __init__(self, secrets: Dict[str, Any], identifier_len: int) -> None:
        self.secrets = secrets
        self.identifier_len = identifier_len
        self.suite = int(secrets.get("suite", 4))
        self.method = 3
        self.message_1 = b""
        self.g_x = b""
        self.g_y = b""
        self.c_i: Optional[bytes] = self._bytes("c_i")
        self.c_r: Optional[bytes] = self._bytes("c_r")
        self.th_2 = self.th_3 = self.th_4 = b""
        self.prk_2e = self.prk_3e2m = self.prk_4e3m = b""
        self.prk_out = self._bytes("prk_out") or b""
        self.initiator = self._bytes("initiator") or self._thumbprint("credential_initiator")
        self.responder = self._bytes("responder") or self._thumbprint("credential_responder")

    def _bytes(self, name: str) -> Optional[bytes]:
        value = self.secrets.get(name)
        return None if value is None else parse_hex(str(value), name)

    def _thumbprint(self, name: str) -> Optional[bytes]:
        data = self._bytes(name)
        return None if data is None else Credential(data).thumbprint

    @property
    def _parameters(self) -> Tuple[int, int, int, int, str]:
        if self.suite not in _SUITES:
            raise InvalidArgument(f"suite {self.suite} is not known here")
        return _SUITES[self.suite]

    @property
    def _records(self) -> Tuple[int, int, int, int, str]:
        """Of the application AEAD."""
        return _RECORDS.get(self.suite, self._parameters)

    def frame(self, data: bytes) -> Table:
        """A frame, by its first byte."""
        name = type_name(data)
        first = data[0]
        if first == 1:
            return self.message(1, data[1:], framed=True)
        if first in (2, 3, 4):
            known = self.c_r if first == 3 else self.c_i
            width = self.identifier_len if known is None else len(known)
            if len(data) <= 1 + width:
                raise Malformed("the frame is too short")
            return self.message(first, data[1 + width :], data[1 : 1 + width], framed=True)
        if first == 5:
            return self.error(data)
        if first == 6:
            table = Table(f"unknown-context frame, {len(data)} bytes")
            table.add("identifier", data[1:], "no session has it at the sender; unauthenticated")
            return table
        if name == "record":
            return self.record(data)
        raise Malformed(f"{name}: no frame of this protocol version")

    def error(self, data: bytes) -> Table:
        """An EDHOC error frame."""
        table = Table(f"EDHOC error frame, {len(data)} bytes")
        table.add("identifier", data[1 : 1 + self.identifier_len])
        items = decode_sequence(data[1 + self.identifier_len :])
        if items:
            table.add("ERR_CODE", items[0], _ERRORS.get(items[0], "") if isinstance(items[0], int) else "")
        for item in items[1:]:
            table.add("ERR_INFO", item)
        return table

    def message(self, number: int, data: bytes, identifier: Optional[bytes] = None, *, framed: bool = False) -> Table:
        """message_1 to message_4."""
        table = Table(f"message_{number}, {len(data)} bytes" + (f" in a frame of {len(data) + 1 + len(identifier or b'')}" if framed else ""))
        if identifier is not None:
            table.add("addressee", identifier, "C_R" if number == 3 else "C_I")
        if number == 1:
            self._message_1(table, data)
            return table
        content, end = decode_item(data)
        if not isinstance(content, bytes) or end != len(data):
            raise Malformed(f"message_{number} is one byte string")
        try:
            (self._message_2, self._message_3, self._message_4)[number - 2](table, content)
        except DecryptFailed:
            table.add("not decrypted", "", "the secrets belong to another handshake, or the message was altered")
        return table

    def _message_1(self, table: Table, data: bytes) -> None:
        items = decode_sequence(data)
        if len(items) < 4 or not isinstance(items[2], bytes):
            raise Malformed("message_1 has METHOD, SUITES_I, G_X and C_I")
        suites = items[1] if isinstance(items[1], list) else [items[1]]
        table.add("METHOD", items[0], _METHODS.get(items[0], "") if isinstance(items[0], int) else "")
        if isinstance(items[0], int):
            self.method = items[0]
        table.add("SUITES_I", items[1], f"selected: {suites[-1]}")
        table.add("G_X", items[2], "ephemeral key")
        self.c_i = items[3] if isinstance(items[3], bytes) else self._as_bytes(items[3])
        table.add("C_I", self.c_i, "the Initiator's identifier")
        self._eads(table, "EAD_1", items[4:])
        self.message_1, self.g_x = data, items[2]
        if isinstance(suites[-1], int):
            self.suite = suites[-1]

    @staticmethod
    def _as_bytes(value: Any) -> bytes:
        if isinstance(value, int) and not isinstance(value, bool) and -24 <= value < 24:
            return bytes([value if value >= 0 else 0x20 | (-1 - value)])
        raise Malformed("connection identifier")

    def _eads(self, table: Table, name: str, items: List[Any]) -> None:
        for label, value in ead_items(items):
            meaning = _EAD.get(label, "critical" if label < 0 else "")
            if abs(label) == -INBOX_LABEL and value is not None:
                meaning += f": {value.decode('ascii', 'replace')}"
            table.add(name, f"{label}: {show(value)}", meaning)

    def _message_2(self, table: Table, content: bytes) -> None:
        self.g_y, ciphertext = content[:32], content[32:]
        table.add("G_Y", self.g_y, "ephemeral key")
        table.add("CIPHERTEXT_2", ciphertext)
        curve = self._parameters[4]
        private = self._bytes("ephemeral_initiator")
        public = self.g_y
        if private is None:
            private, public = self._bytes("ephemeral_responder"), self.g_x
        if private is None or not self.message_1:
            return
        self.th_2 = _hash(_bstr(self.g_y), _bstr(_hash(self.message_1)))
        self.prk_2e = _extract(self.th_2, primitives.agree(curve, private, public))
        stream = _kdf(self.prk_2e, 0, self.th_2, len(ciphertext))
        plaintext = bytes(a ^ b for a, b in zip(ciphertext, stream))
        try:
            items = decode_sequence(plaintext)
        except Malformed:
            items = []
        if len(items) < 3 or not isinstance(items[2], bytes) or len(items[2]) != (_SIGNATURE if self.method in (0, 2) else self._parameters[3]):
            # This cipher has no tag; with the wrong key it gives noise.
            raise DecryptFailed
        self.c_r = items[0] if isinstance(items[0], bytes) else self._as_bytes(items[0])
        table.add("C_R", self.c_r, "the Responder's identifier")
        self._authenticated(table, "R", items[1:], "EAD_2")
        cred_r = self._by_value(items[1]) or self._bytes("credential_responder")
        if cred_r is None:
            return
        prk = self.prk_2e
        if self.method not in (0, 2):
            g_rx = self._agree("ephemeral_initiator", cred_r, "static_responder", self.g_x)
            if g_rx is None:
                return
            prk = _extract(_kdf(self.prk_2e, 1, self.th_2, 32), g_rx)
        self.responder = Credential(cred_r).thumbprint
        self.prk_3e2m = prk
        self.th_3 = _hash(_bstr(self.th_2), plaintext, _cred_x(cred_r))

    def _agree(self, ephemeral: str, credential_bytes: Optional[bytes], static: str, public: bytes) -> Optional[bytes]:
        """Ephemeral private key with the credential's public one, or the static private key with the ephemeral public one."""
        curve = self._parameters[4]
        private = self._bytes(ephemeral)
        if private is not None and credential_bytes is not None:
            return primitives.agree(curve, private, Credential(credential_bytes).public[:32])
        own = self._bytes(static)
        return None if own is None else primitives.agree(curve, own, public)

    @staticmethod
    def _by_value(identifier: Any) -> Optional[bytes]:
        if not isinstance(identifier, Pairs):
            return None
        chain = identifier.value(33)
        if chain is not None:
            leaf = chain[0] if isinstance(chain, list) and chain else chain
            return leaf if isinstance(leaf, bytes) else None
        return _reencode(identifier.value(14) or identifier.value(13))

    def _authenticated(self, table: Table, who: str, items: List[Any], ead: str) -> None:
        if isinstance(items[0], Pairs):
            named = [_NAMED[key] for key, _ in items[0] if isinstance(key, int) and key in _NAMED]
            table.add(f"ID_CRED_{who}", items[0], ", ".join(named))
        else:
            kid = items[0] if isinstance(items[0], bytes) else self._as_bytes(items[0])
            table.add(f"ID_CRED_{who}", kid, "kid")
        table.add("signature" if isinstance(items[1], bytes) and len(items[1]) == _SIGNATURE else "MAC", items[1])
        self._eads(table, ead, items[2:])

    def _open(self, key: bytes, labels: Tuple[int, int], th: bytes, ciphertext: bytes) -> bytes:
        algorithm, key_len, nonce_len, _, _ = self._parameters
        aad = b"\x83\x68Encrypt0\x40" + _bstr(th)
        return primitives.open(algorithm, _kdf(key, labels[0], th, key_len), _kdf(key, labels[1], th, nonce_len), aad, ciphertext)

    def _message_3(self, table: Table, ciphertext: bytes) -> None:
        table.add("CIPHERTEXT_3", ciphertext)
        if not self.prk_3e2m:
            return
        plaintext = self._open(self.prk_3e2m, (3, 4), self.th_3, ciphertext)
        items = decode_sequence(plaintext)
        self._authenticated(table, "I", items, "EAD_3")
        cred_i = self._by_value(items[0]) or self._bytes("credential_initiator")
        if cred_i is None:
            return
        prk = self.prk_3e2m
        if self.method not in (0, 1):
            g_iy = self._agree("ephemeral_responder", cred_i, "static_initiator", self.g_y)
            if g_iy is None:
                return
            prk = _extract(_kdf(self.prk_3e2m, 5, self.th_3, 32), g_iy)
        self.initiator = Credential(cred_i).thumbprint
        self.prk_4e3m = prk
        self.th_4 = _hash(_bstr(self.th_3), plaintext, _cred_x(cred_i))
        self.prk_out = _kdf(self.prk_4e3m, 7, self.th_4, 32)
        table.add("TH_4", self.th_4, f"session {self.th_4[:8].hex()}")

    def _message_4(self, table: Table, ciphertext: bytes) -> None:
        table.add("CIPHERTEXT_4", ciphertext)
        if not self.prk_4e3m:
            return
        plaintext = self._open(self.prk_4e3m, (8, 9), self.th_4, ciphertext)
        table.add("verified", "yes", "both ends hold the same secret")
        self._eads(table, "EAD_4", decode_sequence(plaintext))

    # ---- records

    def record(self, data: bytes) -> Table:
        """A record."""
        header = record_header(data, self.identifier_len)
        table = Table(f"record, {len(data)} bytes")
        table.add("phase", header.phase, "lowest bit of the key epoch")
        table.add("confirmable", header.confirmable, "carries a message number" if header.confirmable else "")
        table.add("options", header.options, "an option map is inside" if header.options else "")
        table.add("kid", header.kid, "the recipient's identifier")
        table.add("Partial IV", header.partial_iv)
        body = data[header.length :]
        tag = self._records[3]
        if len(body) < tag:
            raise Malformed("the record is shorter than its tag")
        table.add("ciphertext", body[:-tag], f"{len(body) - tag} bytes")
        table.add("tag", body[-tag:])
        if self.prk_out and self.c_i and self.c_r and self.initiator and self.responder:
            self._decrypted(table, data, header.kid, header.partial_iv, header.length, header.confirmable, header.options)
        return table

    def _decrypted(self, table: Table, data: bytes, kid: bytes, partial_iv: int, size: int, confirmable: bool, options: bool) -> None:
        assert self.c_i is not None and self.c_r is not None
        algorithm, key_len, nonce_len, _, _ = self._records
        exporter = _kdf(self.prk_out, 10, b"", 32)
        prk = _extract(_kdf(exporter, 32769, b"", 8), _kdf(exporter, 32768, b"", key_len))

        def derive(identifier: bytes, kind: str, length: int) -> bytes:
            name = bytes([0x60 | len(kind)]) + kind.encode()
            return _hkdf_expand(prk, b"\x85" + _bstr(identifier) + b"\xf6" + _uint(algorithm) + name + _uint(length), length)

        to_initiator = kid == self.c_i
        nonce = bytearray(nonce_len)
        nonce[0] = len(kid)
        nonce[nonce_len - 5 - len(kid) : nonce_len - 5] = kid
        nonce[nonce_len - 5 :] = partial_iv.to_bytes(5, "big")
        for index, byte in enumerate(derive(b"", "IV", nonce_len)):
            nonce[index] ^= byte
        sender, recipient = (self.responder, self.initiator) if to_initiator else (self.initiator, self.responder)
        assert sender is not None and recipient is not None
        topic = self.secrets.get("topic")
        bound = b"\xf6" if topic is None else _bstr(str(topic).encode())
        epoch = _uint(int(self.secrets.get("epoch", 0)))
        aad = b"\x87\x6asealwire-1" + _uint(algorithm) + _bstr(data[:size]) + epoch + _bstr(sender) + _bstr(recipient) + bound
        try:
            plaintext = primitives.open(algorithm, derive(kid, "Key", key_len), nonce, aad, data[size:])
        except DecryptFailed:
            table.add("not decrypted", "", "other keys, epoch, direction or topic; or altered")
            return
        table.add("direction", "to the Initiator" if to_initiator else "to the Responder")
        position = 0
        if confirmable:
            number, position = decode_item(plaintext, position)
            table.add("message number", number)
        if options:
            found, position = decode_item(plaintext, position)
            for key, value in found if isinstance(found, Pairs) else []:
                name = _OPTIONS.get(key, f"option {show(key)}")
                meaning = _KINDS.get(value, "") if key == 0 else value.decode("utf-8", "replace") if key == 1 else ""
                table.add(name, value, meaning)
        payload = plaintext[position:]
        readable = payload.decode("ascii", "replace")
        table.add("payload", payload, readable if readable.isprintable() and payload.isascii() else "")


def _reencode(item: Any) -> Optional[bytes]:
    """The CBOR of an item that was decoded from deterministic CBOR: the same bytes again."""
    if item is None:
        return None

    def head(major: int, value: int) -> bytes:
        for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
            if value < 24:
                return bytes([major << 5 | value])
            if value < 1 << (8 * size):
                return bytes([major << 5 | info]) + value.to_bytes(size, "big")
        raise Malformed("number too large")

    def encode(value: Any) -> bytes:
        if isinstance(value, bool):
            return b"\xf5" if value else b"\xf4"
        if value is None:
            return b"\xf6"
        if isinstance(value, int):
            return head(0, value) if value >= 0 else head(1, -1 - value)
        if isinstance(value, bytes):
            return head(2, len(value)) + value
        if isinstance(value, str):
            return head(3, len(value.encode())) + value.encode()
        if isinstance(value, Pairs):
            return head(5, len(value)) + b"".join(encode(key) + encode(part) for key, part in value)
        if isinstance(value, list):
            return head(4, len(value)) + b"".join(encode(part) for part in value)
        if isinstance(value, Tagged):
            return head(6, value.number) + encode(value.content)
        raise Malformed("unexpected value")

    return encode(item)


__all__ = ["Conversation", "Table", "cbor", "credential", "read_input", "tables"]
