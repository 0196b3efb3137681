"""EDHOC (RFC 9528): both roles, methods 0 to 3, message_4, EAD, errors, exporter.

Every intermediate value is kept in ``values`` under the RFC's own name, so that a
trace can be compared line by line. Call the steps in order:

    Initiator: message_1, process_message_2, message_3, process_message_4
    Responder: process_message_1, message_2, process_message_3, message_4
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import AbstractSet, Dict, List, Optional, Sequence, Set, Tuple

from . import cbor, kdf, suites
from .cose import Credential, Store, sig_structure
from .errors import PeerError
from .suites import HASH_LENGTH, SUITES, Suite, sha256
from .wire import (
    Ead,
    check_inbox,
    compact_id_cred,
    decode_ead,
    decode_identifier,
    encode_ead,
    encode_identifier,
    error_message,
    expand_id_cred,
    parse_suites,
    suites_field,
)

PADDING = 0
INBOX_1, INBOX_2 = -32768, 32768
"""The two places where PROTOCOL §4.1 knows the inbox item: EAD_1 (critical) and EAD_2."""

EXPORT_SECRET, EXPORT_SALT = 32768, 32769
"""Exporter labels of the record Master Secret and Salt (PROTOCOL §4.4)."""

DEFAULT_KNOWN: Dict[int, AbstractSet[int]] = {1: {INBOX_1}, 2: {INBOX_2}}
"""Which labels an endpoint understands in EAD_n."""


@dataclass(frozen=True)
class Own:
    """One's own credential, its private key, and how ID_CRED_x names it."""

    credential: Credential
    private: bytes
    id_by: str = "kid"
    chain: Tuple[bytes, ...] = ()
    """Certificates above one's own, sent with it by value."""
    others: Tuple[Credential, ...] = ()
    """One's other credentials; a peer must show none of them."""

    def id_cred(self) -> bytes:
        """ID_CRED_x, the full map."""
        return self.credential.id_cred(self.id_by, self.chain)

    def thumbprints(self) -> Set[bytes]:
        """Who this endpoint is, by each of its keys."""
        return {credential.key.thumbprint() for credential in (self.credential, *self.others)}


def initiator_is_static(method: int) -> bool:
    """Whether I authenticates by static DH in this method."""
    return method in (2, 3)


def responder_is_static(method: int) -> bool:
    """Whether R authenticates by static DH in this method."""
    return method in (1, 3)


# --- What both roles share ---------------------------------------------------------


class _Handshake:
    def __init__(
        self,
        own: Own,
        store: Store,
        known_ead: Optional[Dict[int, AbstractSet[int]]],
    ) -> None:
        self.own = own
        self.store = store
        self.known_ead = DEFAULT_KNOWN if known_ead is None else known_ead
        self.values: Dict[str, bytes] = {}
        self.method = -1
        self.suite: Suite = SUITES[4]
        self.c_i = b""
        self.c_r = b""
        self.peer: Optional[Credential] = None
        self.peer_ead: Dict[int, List[Ead]] = {}

    # EAD

    def _take_ead(self, place: int, items: Sequence[bytes]) -> bytes:
        """Checks EAD_n and keeps it; returns its bytes as received."""
        ead = decode_ead(items)
        known = self.known_ead.get(place, frozenset())
        for label, value in ead:
            if label in known:
                if label in (INBOX_1, INBOX_2):
                    if [lab for lab, _ in ead].count(label) > 1:
                        raise PeerError("malformed", "more than one inbox")
                    check_inbox(value)
            elif label < 0:
                raise PeerError("critical_ead", f"item {label} in EAD_{place}")
        self.peer_ead[place] = [(label, value) for label, value in ead if label != PADDING]
        return b"".join(items)

    # Key schedule

    def _schedule_2(self, message_1: bytes, g_y: bytes, g_xy: bytes) -> None:
        v = self.values
        v["H_message_1"] = sha256(message_1)
        v["G_XY"] = g_xy
        v["TH_2"] = sha256(cbor.sequence(g_y, v["H_message_1"]))
        v["PRK_2e"] = kdf.extract(v["TH_2"], g_xy)

    def _schedule_3e2m(self, g_rx: Optional[bytes]) -> None:
        v = self.values
        if g_rx is None:
            v["PRK_3e2m"] = v["PRK_2e"]
            return
        v["G_RX"] = g_rx
        v["SALT_3e2m"] = kdf.edhoc_kdf(v["PRK_2e"], 1, v["TH_2"], HASH_LENGTH)
        v["PRK_3e2m"] = kdf.extract(v["SALT_3e2m"], g_rx)

    def _schedule_4e3m(self, g_iy: Optional[bytes]) -> None:
        v = self.values
        if g_iy is None:
            v["PRK_4e3m"] = v["PRK_3e2m"]
            return
        v["G_IY"] = g_iy
        v["SALT_4e3m"] = kdf.edhoc_kdf(v["PRK_3e2m"], 5, v["TH_3"], HASH_LENGTH)
        v["PRK_4e3m"] = kdf.extract(v["SALT_4e3m"], g_iy)

    def _mac_2(self, id_cred: bytes, cred: bytes, ead: bytes) -> bytes:
        v = self.values
        v["context_2"] = encode_identifier(self.c_r) + id_cred + cbor.bstr(v["TH_2"]) + cred + ead
        length = self.suite.mac_length if responder_is_static(self.method) else HASH_LENGTH
        v["MAC_2"] = kdf.edhoc_kdf(v["PRK_3e2m"], 2, v["context_2"], length)
        return v["MAC_2"]

    def _mac_3(self, id_cred: bytes, cred: bytes, ead: bytes) -> bytes:
        v = self.values
        v["context_3"] = id_cred + cbor.bstr(v["TH_3"]) + cred + ead
        length = self.suite.mac_length if initiator_is_static(self.method) else HASH_LENGTH
        v["MAC_3"] = kdf.edhoc_kdf(v["PRK_4e3m"], 6, v["context_3"], length)
        return v["MAC_3"]

    def _to_be_signed(self, n: int, id_cred: bytes, cred: bytes, ead: bytes) -> bytes:
        v = self.values
        tbs = sig_structure(id_cred, cbor.bstr(v[f"TH_{n}"]) + cred + ead, v[f"MAC_{n}"])
        v[f"Signature_or_MAC_{n}_input"] = tbs
        return tbs

    def _authenticate(self, n: int, static: bool, id_cred: bytes, ead: bytes) -> bytes:
        """Signature_or_MAC_n of one's own; MAC_n must have been computed."""
        if static:
            return self.values[f"MAC_{n}"]
        tbs = self._to_be_signed(n, id_cred, self.own.credential.item, ead)
        return suites.sign(self.suite.signature, self.own.private, tbs)

    def _check(
        self, n: int, static: bool, id_cred: bytes, peer: Credential, ead: bytes, received: bytes
    ) -> None:
        if static:
            if received != self.values[f"MAC_{n}"]:
                raise PeerError("bad_mac", f"MAC_{n}")
            return
        tbs = self._to_be_signed(n, id_cred, peer.item, ead)
        suites.verify(self.suite.signature, peer.key.x, peer.key.y, tbs, received)

    def _candidates(self, id_cred: bytes, static: bool) -> List[Credential]:
        try:
            found = self.store.resolve(id_cred)
        except PeerError as error:
            if error.reason == "unknown_credential":
                error.error_message = error_message(3, True)
            raise
        mine = self.own.thumbprints()
        if any(c.key.thumbprint() in mine for c in found):
            raise PeerError("own_credential", "the peer shows one of our own keys")
        found = [c for c in found if c.serves(self.suite, static)]
        if not found:
            raise PeerError("untrusted_credential", "a key of the wrong kind for this suite and method")
        return found

    def _keystream_xor(self, data: bytes) -> bytes:
        v = self.values
        v["KEYSTREAM_2"] = kdf.keystream_2(v["PRK_2e"], v["TH_2"], len(data))
        return bytes(a ^ b for a, b in zip(data, v["KEYSTREAM_2"]))

    def _keys_3(self) -> Tuple[bytes, bytes, bytes]:
        v, aead = self.values, self.suite.aead
        v["A_3"] = cbor.encode(["Encrypt0", b"", v["TH_3"]])
        v["K_3"] = kdf.edhoc_kdf(v["PRK_3e2m"], 3, v["TH_3"], aead.key_length)
        v["IV_3"] = kdf.edhoc_kdf(v["PRK_3e2m"], 4, v["TH_3"], aead.nonce_length)
        return v["K_3"], v["IV_3"], v["A_3"]

    def _keys_4(self) -> Tuple[bytes, bytes, bytes]:
        v, aead = self.values, self.suite.aead
        v["A_4"] = cbor.encode(["Encrypt0", b"", v["TH_4"]])
        v["K_4"] = kdf.edhoc_kdf(v["PRK_4e3m"], 8, v["TH_4"], aead.key_length)
        v["IV_4"] = kdf.edhoc_kdf(v["PRK_4e3m"], 9, v["TH_4"], aead.nonce_length)
        return v["K_4"], v["IV_4"], v["A_4"]

    def _finish(self, cred_i: bytes) -> None:
        v = self.values
        v["TH_4"] = sha256(cbor.bstr(v["TH_3"]) + v["PLAINTEXT_3"] + cred_i)
        v["PRK_out"] = kdf.edhoc_kdf(v["PRK_4e3m"], 7, v["TH_4"], HASH_LENGTH)
        v["PRK_exporter"] = kdf.prk_exporter(v["PRK_out"])

    # What a finished handshake yields

    @property
    def prk_out(self) -> bytes:
        """PRK_out."""
        return self.values["PRK_out"]

    @property
    def sid(self) -> bytes:
        """The session identifier of PROTOCOL §4.3."""
        return self.values["TH_4"][:8]

    def exporter(self, label: int, context: bytes, length: int) -> bytes:
        """EDHOC_Exporter."""
        return kdf.exporter(self.prk_out, label, context, length)


def _message_bstr(message: bytes, name: str) -> bytes:
    items = cbor.split(message)
    if len(items) != 1:
        raise PeerError("malformed", f"{name} is one CBOR item")
    value = cbor.decode(items[0])
    if not isinstance(value, bytes):
        raise PeerError("malformed", f"{name} is a byte string")
    return value


def _with_error(error: PeerError) -> PeerError:
    """Gives an abort its error message: code 1 unless it has another."""
    if error.error_message is None:
        error.error_message = error_message(1, error.reason)
    return error


# --- Initiator ---------------------------------------------------------------------


class Initiator(_Handshake):
    """The Initiator. ``suites_i`` are its suites in order of preference, the last one selected."""

    def __init__(
        self,
        own: Own,
        store: Store,
        suites_i: Sequence[int] = (4,),
        method: int = 3,
        c_i: bytes = b"\x00",
        ephemeral: Optional[bytes] = None,
        known_ead: Optional[Dict[int, AbstractSet[int]]] = None,
    ) -> None:
        super().__init__(own, store, known_ead)
        self.method = method
        self.suites_i = list(suites_i)
        self.suite = SUITES[self.suites_i[-1]]
        self.c_i = c_i
        self._x = ephemeral or suites.random_private(self.suite.curve)
        self._message_1 = b""

    def message_1(self, ead_1: Sequence[Ead] = ()) -> bytes:
        """Composes message_1."""
        g_x, _ = suites.public_of(self.suite.curve, self._x)
        self.values["G_X"] = g_x
        self._message_1 = (
            cbor.sequence(self.method, suites_field(self.suites_i), g_x)
            + encode_identifier(self.c_i)
            + encode_ead(ead_1)
        )
        self.values["message_1"] = self._message_1
        return self._message_1

    def process_message_2(self, message: bytes) -> None:
        """Verifies message_2; afterwards ``peer``, ``c_r`` and ``peer_ead[2]`` are set."""
        try:
            self._process_message_2(message)
        except PeerError as error:
            raise _with_error(error)

    def _process_message_2(self, message: bytes) -> None:
        v = self.values
        body = _message_bstr(message, "message_2")
        if len(body) <= 32:
            raise PeerError("malformed", "message_2 is too short")
        g_y, v["CIPHERTEXT_2"] = body[:32], body[32:]
        v["G_Y"], v["message_2"] = g_y, message
        self._schedule_2(self._message_1, g_y, suites.agree(self.suite.curve, self._x, g_y))
        v["PLAINTEXT_2"] = self._keystream_xor(v["CIPHERTEXT_2"])
        c_r, id_cred_r, received, ead = _parse_plaintext_2(v["PLAINTEXT_2"])
        self.c_r = c_r
        if self.c_r == self.c_i:
            raise PeerError("identifiers_equal", "C_I = C_R")
        v["ID_CRED_R"] = id_cred_r
        ead_2 = self._take_ead(2, ead)
        static = responder_is_static(self.method)
        failure: Optional[PeerError] = None
        for candidate in self._candidates(id_cred_r, static):
            try:
                x = candidate.key.x
                self._schedule_3e2m(suites.agree(self.suite.curve, self._x, x) if static else None)
                self._mac_2(id_cred_r, candidate.item, ead_2)
                self._check(2, static, id_cred_r, candidate, ead_2, received)
            except PeerError as error:
                failure = error
                continue
            self.peer = candidate
            break
        if self.peer is None:
            raise failure if failure is not None else PeerError("unknown_credential")
        v["Signature_or_MAC_2"], v["CRED_R"] = received, self.peer.item
        v["TH_3"] = sha256(cbor.bstr(v["TH_2"]) + v["PLAINTEXT_2"] + self.peer.item)

    def message_3(self, ead_3: Sequence[Ead] = ()) -> bytes:
        """Composes message_3. Call once; resend the bytes, never compose again (§7)."""
        v = self.values
        static = initiator_is_static(self.method)
        g_iy = suites.agree(self.suite.curve, self.own.private, v["G_Y"]) if static else None
        self._schedule_4e3m(g_iy)
        id_cred, ead = self.own.id_cred(), encode_ead(ead_3)
        v["ID_CRED_I"], v["CRED_I"] = id_cred, self.own.credential.item
        self._mac_3(id_cred, self.own.credential.item, ead)
        v["Signature_or_MAC_3"] = self._authenticate(3, static, id_cred, ead)
        v["PLAINTEXT_3"] = compact_id_cred(id_cred) + cbor.bstr(v["Signature_or_MAC_3"]) + ead
        key, nonce, aad = self._keys_3()
        v["CIPHERTEXT_3"] = self.suite.aead.seal(key, nonce, aad, v["PLAINTEXT_3"])
        v["message_3"] = cbor.bstr(v["CIPHERTEXT_3"])
        self._finish(self.own.credential.item)
        return v["message_3"]

    def process_message_4(self, message: bytes) -> None:
        """Verifies message_4; only now may records be sent."""
        v = self.values
        try:
            ciphertext = _message_bstr(message, "message_4")
            key, nonce, aad = self._keys_4()
            plaintext = self.suite.aead.open(key, nonce, aad, ciphertext)
            self._take_ead(4, cbor.split(plaintext))
        except PeerError as error:
            raise _with_error(error)
        v["PLAINTEXT_4"], v["CIPHERTEXT_4"], v["message_4"] = plaintext, ciphertext, message


def _parse_plaintext_2(plaintext: bytes) -> Tuple[bytes, bytes, bytes, List[bytes]]:
    items = cbor.split(plaintext)
    if len(items) < 3:
        raise PeerError("malformed", "PLAINTEXT_2 has at least three items")
    received = cbor.decode(items[2])
    if not isinstance(received, bytes):
        raise PeerError("malformed", "Signature_or_MAC_2 is a byte string")
    if len(received) < 8:
        raise PeerError("malformed", "a MAC has at least 8 bytes")
    return decode_identifier(items[0]), expand_id_cred(items[1]), received, items[3:]


# --- Responder ---------------------------------------------------------------------


class Responder(_Handshake):
    """The Responder. ``suites_r`` are the suites it supports, in order of preference."""

    def __init__(
        self,
        own: Own,
        store: Store,
        suites_r: Sequence[int] = (4,),
        methods: Sequence[int] = (3,),
        known_ead: Optional[Dict[int, AbstractSet[int]]] = None,
    ) -> None:
        super().__init__(own, store, known_ead)
        self.suites_r = list(suites_r)
        self.methods = list(methods)
        self._message_1 = b""
        self._y = b""

    def process_message_1(self, message: bytes) -> None:
        """Reads message_1; afterwards ``method``, ``suite``, ``c_i`` and ``peer_ead[1]`` are set."""
        try:
            self._process_message_1(message)
        except PeerError as error:
            raise _with_error(error)

    def _process_message_1(self, message: bytes) -> None:
        items = cbor.split(message)
        if len(items) < 4:
            raise PeerError("malformed", "message_1 has at least four items")
        method, g_x = cbor.decode(items[0]), cbor.decode(items[2])
        suites_i = parse_suites(cbor.decode(items[1]))
        if not isinstance(method, int) or isinstance(method, bool):
            raise PeerError("malformed", "METHOD is an integer")
        if not isinstance(g_x, bytes):
            raise PeerError("malformed", "G_X is a byte string")
        self.c_i = decode_identifier(items[3])
        if method not in self.methods or method not in (0, 1, 2, 3):
            raise PeerError("unsupported_method", c_x=self.c_i)
        selected = suites_i[-1]
        better = [number for number in suites_i[:-1] if number in self.suites_r]
        if selected not in self.suites_r or better:
            raise PeerError(
                "unsupported_suite",
                error_message=error_message(2, suites_field(self.suites_r)),
                c_x=self.c_i,
            )
        self.method, self.suite = method, SUITES[selected]
        if len(g_x) != 32:
            raise PeerError("malformed", "G_X of wrong length", c_x=self.c_i)
        try:
            suites.check_point(self.suite.curve, g_x)
            self._take_ead(1, items[4:])
        except PeerError as error:
            error.c_x = self.c_i
            raise
        if not self.own.credential.key.serves(self.suite, responder_is_static(method)):
            raise PeerError("unsupported_method", "no credential of our own for it", c_x=self.c_i)
        self.values["G_X"], self.values["message_1"] = g_x, message
        self._message_1 = message

    def message_2(
        self, c_r: bytes, ead_2: Sequence[Ead] = (), ephemeral: Optional[bytes] = None
    ) -> bytes:
        """Composes message_2 under the connection identifier ``c_r``."""
        if c_r == self.c_i:
            raise PeerError("identifiers_equal", "choose another C_R")
        v, curve = self.values, self.suite.curve
        self.c_r = c_r
        self._y = ephemeral or suites.random_private(curve)
        g_y, _ = suites.public_of(curve, self._y)
        v["G_Y"] = g_y
        self._schedule_2(self._message_1, g_y, suites.agree(curve, self._y, v["G_X"]))
        static = responder_is_static(self.method)
        self._schedule_3e2m(suites.agree(curve, self.own.private, v["G_X"]) if static else None)
        id_cred, ead = self.own.id_cred(), encode_ead(ead_2)
        v["ID_CRED_R"], v["CRED_R"] = id_cred, self.own.credential.item
        self._mac_2(id_cred, self.own.credential.item, ead)
        v["Signature_or_MAC_2"] = self._authenticate(2, static, id_cred, ead)
        v["PLAINTEXT_2"] = (
            encode_identifier(c_r) + compact_id_cred(id_cred) + cbor.bstr(v["Signature_or_MAC_2"]) + ead
        )
        v["CIPHERTEXT_2"] = self._keystream_xor(v["PLAINTEXT_2"])
        v["message_2"] = cbor.bstr(g_y + v["CIPHERTEXT_2"])
        v["TH_3"] = sha256(cbor.bstr(v["TH_2"]) + v["PLAINTEXT_2"] + self.own.credential.item)
        return v["message_2"]

    def process_message_3(self, message: bytes) -> None:
        """Verifies message_3; afterwards ``peer`` and ``peer_ead[3]`` are set."""
        try:
            self._process_message_3(message)
        except PeerError as error:
            raise _with_error(error)

    def _process_message_3(self, message: bytes) -> None:
        v = self.values
        ciphertext = _message_bstr(message, "message_3")
        key, nonce, aad = self._keys_3()
        plaintext = self.suite.aead.open(key, nonce, aad, ciphertext)
        items = cbor.split(plaintext)
        if len(items) < 2:
            raise PeerError("malformed", "PLAINTEXT_3 has at least two items")
        id_cred_i, received = expand_id_cred(items[0]), cbor.decode(items[1])
        if not isinstance(received, bytes):
            raise PeerError("malformed", "Signature_or_MAC_3 is a byte string")
        ead_3 = self._take_ead(3, items[2:])
        static = initiator_is_static(self.method)
        failure: Optional[PeerError] = None
        for candidate in self._candidates(id_cred_i, static):
            try:
                x = candidate.key.x
                self._schedule_4e3m(suites.agree(self.suite.curve, self._y, x) if static else None)
                self._mac_3(id_cred_i, candidate.item, ead_3)
                self._check(3, static, id_cred_i, candidate, ead_3, received)
            except PeerError as error:
                failure = error
                continue
            self.peer = candidate
            break
        if self.peer is None:
            raise failure if failure is not None else PeerError("unknown_credential")
        v["PLAINTEXT_3"], v["CIPHERTEXT_3"], v["message_3"] = plaintext, ciphertext, message
        v["ID_CRED_I"], v["CRED_I"] = id_cred_i, self.peer.item
        v["Signature_or_MAC_3"] = received
        self._finish(self.peer.item)

    def message_4(self, ead_4: Sequence[Ead] = ()) -> bytes:
        """Composes message_4. Call once; resend the bytes."""
        v = self.values
        v["PLAINTEXT_4"] = encode_ead(ead_4)
        key, nonce, aad = self._keys_4()
        v["CIPHERTEXT_4"] = self.suite.aead.seal(key, nonce, aad, v["PLAINTEXT_4"])
        v["message_4"] = cbor.bstr(v["CIPHERTEXT_4"])
        return v["message_4"]
