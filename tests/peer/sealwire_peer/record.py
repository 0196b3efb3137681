"""Records (PROTOCOL §5): contexts, form, AAD, options, replay window, key update."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from . import cbor, kdf
from .edhoc import EXPORT_SALT, EXPORT_SECRET, Initiator, _Handshake
from .errors import PeerError
from .suites import Aead

VERSION = "sealwire-1"
SALT_LENGTH = 8
WINDOW = 64
MAX_PIV = (1 << 40) - 1
MAX_PIV_SHORT_TAG = (1 << 20) - 1
"""The last Partial IV of a key whose tags have 8 bytes."""

# Option keys (§5.3).
KIND, TOPIC, ORIGIN, OFFER, ANSWER, ACK, RESUME, RESUMED = range(8)
UPDATE_REQUEST, UPDATE_RESPONSE, HANDOVER, RETAIN, EXPIRY, CONTENT_TYPE, OFFER_REQUEST, PING = range(8, 16)
COMMAND, CONTROL = 1, 2


# --- Keys and nonces (RFC 8613 §3.2.1, §5.2) ------------------------------------------


def derive(
    master_secret: bytes,
    master_salt: bytes,
    identifier: bytes,
    id_context: Optional[bytes],
    alg: int,
    kind: str,
    length: int,
) -> bytes:
    """One output of RFC 8613 §3.2.1; ``kind`` is "Key" or "IV"."""
    info = cbor.encode([identifier, id_context, alg, kind, length])
    return HKDF(hashes.SHA256(), length, master_salt, info).derive(master_secret)


def nonce(common_iv: bytes, sender_id: bytes, piv: bytes) -> bytes:
    """The AEAD nonce of RFC 8613 §5.2."""
    room = len(common_iv) - 6
    if len(sender_id) > room or len(piv) > 5:
        raise PeerError("usage", "identifier or Partial IV too long")
    left = bytes([len(sender_id)]) + sender_id.rjust(room, b"\0") + piv.rjust(5, b"\0")
    return bytes(a ^ b for a, b in zip(left, common_iv))


def piv_bytes(piv: int) -> bytes:
    """A Partial IV in its shortest form; 0 has one byte."""
    return piv.to_bytes(max(1, (piv.bit_length() + 7) // 8), "big")


@dataclass(frozen=True)
class Keys:
    """The record keys of one epoch, seen from one end."""

    aead: Aead
    epoch: int
    master_secret: bytes
    master_salt: bytes
    sender_id: bytes
    recipient_id: bytes
    sender_key: bytes
    recipient_key: bytes
    common_iv: bytes


def derive_keys(
    aead: Aead, epoch: int, secret: bytes, salt: bytes, sender_id: bytes, recipient_id: bytes
) -> Keys:
    """The three outputs of RFC 8613 §3.2.1, with ID Context absent."""
    return Keys(
        aead,
        epoch,
        secret,
        salt,
        sender_id,
        recipient_id,
        derive(secret, salt, sender_id, None, aead.alg, "Key", aead.key_length),
        derive(secret, salt, recipient_id, None, aead.alg, "Key", aead.key_length),
        derive(secret, salt, b"", None, aead.alg, "IV", aead.nonce_length),
    )


def keys_from_prk_out(aead: Aead, epoch: int, prk_out: bytes, sender_id: bytes, recipient_id: bytes) -> Keys:
    """The keys that an EDHOC PRK_out yields (§4.4, §5.1)."""
    secret = kdf.exporter(prk_out, EXPORT_SECRET, b"", aead.key_length)
    salt = kdf.exporter(prk_out, EXPORT_SALT, b"", SALT_LENGTH)
    return derive_keys(aead, epoch, secret, salt, sender_id, recipient_id)


def update_context(epoch: int, n_a: bytes, n_b: bytes) -> bytes:
    """The KeyUpdate context of the epoch about to start (§5.7)."""
    if len(n_a) != 8 or len(n_b) != 8:
        raise PeerError("usage", "n_a and n_b have 8 bytes")
    return cbor.sequence(epoch, n_a, n_b)


# --- Form (§5.2) ------------------------------------------------------------------------


def header(epoch: int, confirmable: bool, options: bool, kid: bytes, piv: int) -> bytes:
    """Everything before the ciphertext."""
    partial = piv_bytes(piv)
    first = 0x40 | (epoch & 1) << 5 | confirmable << 4 | options << 3 | len(partial) - 1
    return bytes([first]) + kid + partial


@dataclass(frozen=True)
class Header:
    """A parsed header and its verbatim bytes."""

    raw: bytes
    phase: int
    confirmable: bool
    options: bool
    kid: bytes
    piv: int


def parse_header(record: bytes, kid_length: int) -> Tuple[Header, bytes]:
    """Header and ciphertext of a record; reason ``malformed`` for what the form forbids."""
    if not record or record[0] >> 6 != 1:
        raise PeerError("malformed", "not a record")
    first = record[0]
    size = (first & 7) + 1
    if size > 5:
        raise PeerError("malformed", "nnn above 4")
    end = 1 + kid_length + size
    if len(record) < end:
        raise PeerError("malformed", "truncated header")
    kid, partial = record[1 : 1 + kid_length], record[1 + kid_length : end]
    if size > 1 and partial[0] == 0:
        raise PeerError("malformed", "a Partial IV longer than it need be")
    parsed = Header(
        record[:end], first >> 5 & 1, bool(first & 0x10), bool(first & 0x08), kid, int.from_bytes(partial, "big")
    )
    return parsed, record[end:]


def record_aad(
    aead: Aead, raw_header: bytes, epoch: int, sender: bytes, recipient: bytes, topic: Optional[str]
) -> bytes:
    """The additional authenticated data."""
    topic_bytes = None if topic is None else topic.encode()
    return cbor.encode([VERSION, aead.alg, raw_header, epoch, sender, recipient, topic_bytes])


# --- Options (§5.3) ---------------------------------------------------------------------


def _uint(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _bytes(value: Any, low: int, high: int) -> bool:
    return isinstance(value, bytes) and low <= len(value) <= high


def _utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _array(value: Any, length: int) -> bool:
    return isinstance(value, list) and len(value) == length


def _valid_option(key: int, value: Any) -> bool:
    if key == KIND:
        return _uint(value) and value in (COMMAND, CONTROL)
    if key == TOPIC:
        return _bytes(value, 1, 255) and _utf8(value)
    if key == ORIGIN:
        return _array(value, 2) and _bytes(value[0], 8, 8) and _uint(value[1])
    if key in (OFFER, ANSWER, RESUMED):
        return _bytes(value, 8, 8)
    if key == ACK:
        return _array(value, 2) and _uint(value[0]) and _uint(value[1]) and value[1] < 1 << 63
    if key == RESUME:
        edge_ok = _array(value, 2) and (value[0] is None or _uint(value[0]))
        return edge_ok and _bytes(value[1], 8, 8)
    if key == UPDATE_REQUEST:
        return _array(value, 2) and _uint(value[0]) and _bytes(value[1], 8, 8)
    if key == UPDATE_RESPONSE:
        return _array(value, 3) and _uint(value[0]) and all(_bytes(n, 8, 8) for n in value[1:])
    if key == HANDOVER:
        return (
            isinstance(value, list)
            and 1 <= len(value) <= 4
            and all(_array(e, 2) and _bytes(e[0], 8, 8) and _uint(e[1]) and e[1] <= 1 for e in value)
        )
    if key in (RETAIN, OFFER_REQUEST, PING):
        return value is True
    if key == EXPIRY:
        return _uint(value)
    if key == CONTENT_TYPE:
        return isinstance(value, str) and 1 <= len(value.encode()) <= 64
    return False


def encode_options(options: Dict[int, Any]) -> bytes:
    """The options map."""
    return cbor.encode(options)


def parse_options(item: bytes) -> Dict[int, Any]:
    """The options; ``malformed``, or ``unsupported_option`` for a key this page does not know."""
    value = cbor.decode(item)
    if not isinstance(value, dict) or not value:
        raise PeerError("malformed", "options are a map that is not empty")
    if not all(_uint(key) for key in value):
        raise PeerError("malformed", "option keys are unsigned")
    numbers: List[int] = [cbor.decode(key) for key in cbor.map_keys(item)]
    if any(a >= b for a, b in zip(numbers, numbers[1:])):
        raise PeerError("malformed", "option keys ascend")
    if any(key > PING for key in numbers):
        raise PeerError("unsupported_option")
    for key in numbers:
        if not _valid_option(key, value[key]):
            raise PeerError("malformed", f"option {key}")
    return value


def compose_plaintext(number: Optional[int], options: Dict[int, Any], payload: bytes) -> bytes:
    """What a record encrypts."""
    head = b"" if number is None else cbor.encode(number)
    return head + (encode_options(options) if options else b"") + payload


def parse_plaintext(head: Header, plaintext: bytes) -> Tuple[Optional[int], Dict[int, Any], bytes]:
    """(message number, options, payload)."""
    number: Optional[int] = None
    options: Dict[int, Any] = {}
    if head.confirmable:
        item, plaintext = cbor.first(plaintext)
        number = cbor.decode(item)
        if not _uint(number):
            raise PeerError("malformed", "a message number is unsigned")
    if head.options:
        item, plaintext = cbor.first(plaintext)
        options = parse_options(item)
    if options.get(KIND) == CONTROL and (plaintext or head.confirmable):
        raise PeerError("malformed", "a control record has no payload and no number")
    return number, options, plaintext


# --- Replay window (§5.4) -----------------------------------------------------------------


@dataclass
class Window:
    """A sliding window of 64 numbers. ``edge`` is a restored edge: everything up to it is Replay."""

    highest: int = -1
    seen: int = 0
    edge: int = -1

    def check(self, number: int) -> None:
        """Refuses with ``replay`` or ``duplicate``; changes nothing."""
        if number <= self.edge or number <= self.highest - WINDOW:
            raise PeerError("replay")
        if number <= self.highest and self.seen >> (self.highest - number) & 1:
            raise PeerError("duplicate")

    def accept(self, number: int) -> Tuple[int, bool]:
        """Marks a number; returns (numbers missing before it, whether it came late)."""
        if number > self.highest:
            missing = number - max(self.highest, self.edge) - 1
            self.seen = (self.seen << (number - self.highest) | 1) & ((1 << WINDOW) - 1)
            self.highest = number
            return missing, False
        self.seen |= 1 << (self.highest - number)
        return 0, True


# --- A session ------------------------------------------------------------------------------


@dataclass
class Message:
    """What a record held, and how it came."""

    payload: bytes
    number: Optional[int]
    options: Dict[int, Any]
    piv: int
    epoch: int
    missing: int
    late: bool


@dataclass
class _Epoch:
    keys: Keys
    next_piv: int = 0
    window: Window = field(default_factory=Window)
    failures: int = 0


class Session:
    """The record layer of one end. The caller decides when epochs come and go (§5.7)."""

    def __init__(
        self,
        aead: Aead,
        prk_out: bytes,
        sender_id: bytes,
        recipient_id: bytes,
        own_thumbprint: bytes,
        peer_thumbprint: bytes,
        sid: bytes = b"",
    ) -> None:
        self.aead = aead
        self.sid = sid
        self.own_thumbprint = own_thumbprint
        self.peer_thumbprint = peer_thumbprint
        self._prk: Dict[int, bytes] = {0: prk_out}
        self._epochs: Dict[int, _Epoch] = {}
        self._ids = (sender_id, recipient_id)
        self.send_epoch = 0
        self._start(0)

    @classmethod
    def of(cls, handshake: _Handshake) -> Session:
        """The session that a finished handshake yields."""
        if handshake.peer is None:
            raise PeerError("usage", "the handshake is not finished")
        ids = (handshake.c_r, handshake.c_i)
        sender_id, recipient_id = ids if isinstance(handshake, Initiator) else ids[::-1]
        return cls(
            handshake.suite.app_aead,
            handshake.prk_out,
            sender_id,
            recipient_id,
            handshake.own.credential.key.thumbprint(),
            handshake.peer.key.thumbprint(),
            handshake.sid,
        )

    def _start(self, epoch: int) -> None:
        keys = keys_from_prk_out(self.aead, epoch, self._prk[epoch], *self._ids)
        self._epochs[epoch] = _Epoch(keys)

    @property
    def epochs(self) -> List[int]:
        """The epochs this end can receive under."""
        return sorted(self._epochs)

    def keys(self, epoch: int) -> Keys:
        """The keys of an epoch."""
        return self._epoch(epoch).keys

    def prk_out(self, epoch: int) -> bytes:
        """PRK_out of an epoch."""
        return self._prk[epoch]

    def _epoch(self, epoch: int) -> _Epoch:
        if epoch not in self._epochs:
            raise PeerError("stale_epoch", f"no keys of epoch {epoch}")
        return self._epochs[epoch]

    def key_update(self, n_a: bytes, n_b: bytes) -> int:
        """Computes the epoch after the newest, starts to receive under it, and returns its number."""
        epoch = max(self._prk) + 1
        self._prk[epoch] = kdf.key_update(self._prk[epoch - 1], update_context(epoch, n_a, n_b))
        self._start(epoch)
        return epoch

    def restore_edge(self, epoch: int, edge: int) -> None:
        """An empty window above ``edge``, as after a restart: everything up to it is Replay."""
        self._epoch(epoch).window = Window(edge=edge)

    def drop_epoch(self, epoch: int) -> None:
        """Forgets the keys of an epoch."""
        self._epochs.pop(epoch, None)

    def protect(
        self,
        payload: bytes,
        options: Optional[Dict[int, Any]] = None,
        number: Optional[int] = None,
        topic: Optional[str] = None,
        piv: Optional[int] = None,
        epoch: Optional[int] = None,
    ) -> bytes:
        """One record; ``number`` makes it confirmable, ``topic`` puts it in place on that topic."""
        chosen = options or {}
        return self.protect_plaintext(
            compose_plaintext(number, chosen, payload), number is not None, bool(chosen), topic, piv, epoch
        )

    def protect_plaintext(
        self,
        plaintext: bytes,
        confirmable: bool,
        with_options: bool,
        topic: Optional[str] = None,
        piv: Optional[int] = None,
        epoch: Optional[int] = None,
    ) -> bytes:
        """Seals a plaintext as it is given, well formed or not (for negative tests)."""
        state = self._epoch(self.send_epoch if epoch is None else epoch)
        keys = state.keys
        used = state.next_piv if piv is None else piv
        if used > (MAX_PIV if self.aead.tag_length > 8 else MAX_PIV_SHORT_TAG):
            raise PeerError("exhausted", "no Partial IV left under this key")
        raw = header(keys.epoch, confirmable, with_options, keys.sender_id, used)
        aad = record_aad(self.aead, raw, keys.epoch, self.own_thumbprint, self.peer_thumbprint, topic)
        state.next_piv = max(state.next_piv, used + 1)
        iv = nonce(keys.common_iv, keys.sender_id, piv_bytes(used))
        return raw + self.aead.seal(keys.sender_key, iv, aad, plaintext)

    def unprotect_alone(self, record: bytes, topic: Optional[str], epoch: int) -> Message:
        """As ``unprotect``, as if ``epoch`` were the only one and nothing had come before (for vectors)."""
        alone = Session.__new__(Session)
        alone.__dict__.update(self.__dict__)
        alone._epochs = {epoch: _Epoch(self.keys(epoch))}
        return alone.unprotect(record, topic)

    def unprotect(self, record: bytes, topic: Optional[str] = None) -> Message:
        """Opens a record; a failure before the tag verifies changes nothing but a counter."""
        head, ciphertext = parse_header(record, len(self._ids[1]))
        if head.kid != self._ids[1]:
            raise PeerError("unknown_context")
        epoch = next((e for e in self.epochs if e & 1 == head.phase), None)
        if epoch is None:
            raise PeerError("stale_epoch", "no keys of this phase")
        state = self._epochs[epoch]
        keys = state.keys
        if head.piv > (MAX_PIV if self.aead.tag_length > 8 else MAX_PIV_SHORT_TAG):
            raise PeerError("malformed", "Partial IV out of range")
        state.window.check(head.piv)
        aad = record_aad(self.aead, head.raw, epoch, self.peer_thumbprint, self.own_thumbprint, topic)
        iv = nonce(keys.common_iv, keys.recipient_id, piv_bytes(head.piv))
        try:
            plaintext = self.aead.open(keys.recipient_key, iv, aad, ciphertext)
        except PeerError:
            state.failures += 1
            raise
        # The tag verified: the Partial IV is used up whatever the plaintext holds.
        missing, late = state.window.accept(head.piv)
        number, options, payload = parse_plaintext(head, plaintext)
        if RESUME in options or RESUMED in options:
            missing = 0
        return Message(payload, number, options, head.piv, epoch, missing, late)
