"""Handshake steps, records and algorithms, which are part of the compiled module. Import from `sealwire.primitives`; this module's layout is private."""

from typing import Iterable, List, Literal, Optional, Sequence, Tuple, TypedDict, Union, final

from typing_extensions import Buffer

from ._sealwire import Credential, Key, TrustAnchor
from .errors import SealwireError

__all__ = [
    "Completed",
    "Initiator",
    "Records",
    "Responder",
    "agree",
    "open",
    "seal",
    "sign1",
    "verify1",
]

_Name = Union[str, Buffer]
_Role = Literal["initiator", "responder"]
_Ead = Sequence[Tuple[int, Optional[bytes]]]

@final
class Initiator:
    """The Initiator's half of a handshake, message by message. A message that fails leaves it as it was."""

    def __new__(
        cls,
        credential: Credential,
        key: Key,
        *,
        peers: Sequence[Credential] = ...,
        anchors: Sequence[TrustAnchor] = ...,
        method: int = 3,
        suite: int = 4,
        suites: Optional[Sequence[int]] = None,
        by_value: bool = False,
        trust_clock: bool = True,
    ) -> Initiator: ...
    def compose_message_1(self, c_i: Buffer, ead_1: _Ead = ...) -> bytes:
        """message_1 with this connection identifier and these EAD items (label, value)."""

    def process_message_2(self, message_2: Buffer, ead_3: _Ead = ...) -> bytes:
        """Verifies message_2, gives message_3."""

    def process_message_4(self, message_4: Buffer) -> Completed:
        """Verifies message_4; the handshake is complete."""

    @property
    def ead(self) -> List[Tuple[int, Optional[bytes]]]:
        """The EAD items of the message processed last."""

@final
class Responder:
    """The Responder's half of a handshake, message by message."""

    def __new__(
        cls,
        credential: Credential,
        key: Key,
        *,
        peers: Sequence[Credential] = ...,
        anchors: Sequence[TrustAnchor] = ...,
        methods: Optional[Sequence[int]] = None,
        suites: Sequence[int] = ...,
        by_value: bool = False,
        trust_clock: bool = True,
    ) -> Responder: ...
    def process_message_1(self, message_1: Buffer, c_r: Buffer, ead_2: _Ead = ...) -> bytes:
        """Processes message_1, gives message_2."""

    def process_message_3(self, message_3: Buffer, ead_4: _Ead = ...) -> Tuple[bytes, Completed]:
        """Verifies message_3, gives message_4 and the completed handshake."""

    @property
    def ead(self) -> List[Tuple[int, Optional[bytes]]]:
        """The EAD items of the message processed last."""

@final
class Completed:
    """What a handshake yields."""

    @property
    def peer(self) -> bytes: ...
    @property
    def own(self) -> bytes: ...
    @property
    def method(self) -> int:
        """0 to 3."""

    @property
    def suite(self) -> int: ...
    @property
    def th_4(self) -> bytes: ...
    @property
    def prk_out(self) -> bytes:
        """PRK_out. A secret: for tests and tools only."""

    def exporter(self, label: int, context: Buffer, length: int) -> bytes:
        """EDHOC_Exporter."""

    def records(self) -> Records:
        """The records of this session, epoch 0; once, since others would use the same nonces again. Nothing is stored: for sessions
        that end with the process."""

class _Unprotected(TypedDict):
    payload: bytes
    number: Optional[int]
    topic: Optional[bytes]
    missing: int
    late: bool
    partial_iv: int

@final
class Records:
    """Records of one session, without endpoint and store."""

    def __new__(
        cls, *, suite: int, role: _Role, c_i: Buffer, c_r: Buffer, own: Buffer, peer: Buffer, prk_out: Buffer
    ) -> Records: ...
    def protect(
        self,
        payload: Buffer,
        *,
        confirmable: bool = False,
        topic: Optional[_Name] = None,
        addressed: Optional[_Name] = None,
    ) -> bytes:
        """Protects a data message. `topic` is that of a record in place, `addressed` the encrypted one."""

    def protect_many(
        self,
        payloads: Iterable[Buffer],
        *,
        confirmable: bool = False,
        topic: Optional[_Name] = None,
        addressed: Optional[_Name] = None,
    ) -> List[Union[bytes, SealwireError]]:
        """Protects many messages in one call, the interpreter's lock released: frames, or the exception that `protect` would raise."""

    def unprotect(self, frame: Buffer, *, topic: Optional[_Name] = None) -> _Unprotected:
        """Verifies and decrypts a record."""

    def unprotect_many(self, frames: Iterable[Buffer], *, topic: Optional[_Name] = None) -> List[Union[bytes, SealwireError]]:
        """Verifies and decrypts many records in one call, the interpreter's lock released: payloads, or the exception that `unprotect` would
        raise. Where more than the payload is wanted, use `unprotect`."""

def seal(algorithm: int, key: Buffer, nonce: Buffer, aad: Buffer, plaintext: Buffer) -> bytes:
    """AEAD by COSE number (10, 24, 30): ciphertext followed by the tag."""

def open(algorithm: int, key: Buffer, nonce: Buffer, aad: Buffer, ciphertext: Buffer) -> bytes:
    """The reverse of `seal`. Raises `DecryptFailed`."""

def agree(curve: str, private: Buffer, public: Buffer) -> bytes:
    """Diffie-Hellman of a raw private key with a public one: "X25519", or "P-256" with x coordinates."""

def sign1(key: Key, payload: Buffer, *, kid: Optional[Buffer] = None, external_aad: Optional[Buffer] = None) -> bytes:
    """An untagged COSE_Sign1 over `payload`, signed with Ed25519 or ES256."""

def verify1(credential: Credential, data: Buffer, *, external_aad: Optional[Buffer] = None) -> bytes:
    """The payload of an untagged COSE_Sign1 that the key of `credential` has signed. Raises `AuthenticationFailed` or `Malformed`."""
