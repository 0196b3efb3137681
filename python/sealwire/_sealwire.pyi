"""The compiled part. Import from `sealwire` and `sealwire.primitives`; this module's layout is private."""

from typing import Callable, Dict, Iterable, List, Literal, Optional, Sequence, Tuple, Union, final

from typing_extensions import Buffer

from ._framing import Fragmenter as Fragmenter
from ._framing import IsoTp as IsoTp
from ._framing import LinkCounters as LinkCounters
from ._framing import Reassembler as Reassembler
from ._framing import Rs485Controller as Rs485Controller
from ._framing import Rs485Device as Rs485Device
from ._framing import SentCounters as SentCounters
from ._framing import SpiExchange as SpiExchange
from ._framing import UartDecoder as UartDecoder
from ._framing import ethernet_decode as ethernet_decode
from ._framing import ethernet_encode as ethernet_encode
from ._framing import uart_encode as uart_encode
from ._pieces import Completed as Completed
from ._pieces import Initiator as Initiator
from ._pieces import Records as Records
from ._pieces import Responder as Responder
from ._pieces import agree as agree
from ._pieces import open as open
from ._pieces import seal as seal
from ._pieces import sign1 as sign1
from ._pieces import verify1 as verify1
from .errors import SealwireError
from .store import Store

__all__ = [
    "Acknowledged",
    "Closed",
    "CommandReady",
    "Completed",
    "Credential",
    "Endpoint",
    "Established",
    "Fragmenter",
    "HandshakeFailed",
    "Initiator",
    "IsoTp",
    "Key",
    "KeyUpdated",
    "LinkCounters",
    "Message",
    "Outgoing",
    "Ownership",
    "OwnershipChanged",
    "OwnershipState",
    "Peer",
    "PeerSilent",
    "Reassembler",
    "Records",
    "Replaced",
    "Resend",
    "Responder",
    "Rs485Controller",
    "Rs485Device",
    "Sent",
    "SentCounters",
    "SessionInfo",
    "SpiExchange",
    "Transmit",
    "TrustAnchor",
    "UartDecoder",
    "VERSION",
    "agree",
    "errors_table",
    "ethernet_decode",
    "ethernet_encode",
    "open",
    "read_setup_code",
    "seal",
    "sign1",
    "sign_statement",
    "uart_encode",
    "verify1",
    "write_setup_code",
]

VERSION: str

_Name = Union[str, Buffer]
_Role = Literal["initiator", "responder"]

@final
class Key:
    """A private key: kept in memory and erased when it is no longer used, or held by a key store and reached by callables."""

    @staticmethod
    def generate(kind: str = "X25519") -> Key:
        """Makes a new key: "X25519" or "P-256" for static Diffie-Hellman, "Ed25519" or "ES256" for signing."""

    @staticmethod
    def from_bytes(kind: str, private: Buffer) -> Key:
        """Takes the 32 raw bytes of a private key."""

    @staticmethod
    def external(
        kind: str,
        public: Buffer,
        *,
        agree: Optional[Callable[[bytes], Buffer]] = None,
        sign: Optional[Callable[[bytes], Buffer]] = None,
    ) -> Key:
        """A key that a key store holds.

        `public` is 32 bytes, for P-256 and ES256 x followed by y. `agree(peer)` gives the 32-byte shared secret (for P-256 `peer`
        is the x coordinate), `sign(message)` the 64-byte signature; either may raise `Pending`.
        """

    @property
    def kind(self) -> str:
        """ "X25519", "P-256", "Ed25519" or "ES256"."""

    @property
    def curve(self) -> str:
        """ "X25519", "P-256" or "Ed25519"."""

    @property
    def public(self) -> bytes:
        """The public key: 32 bytes, on P-256 64 (x, then y)."""

    @property
    def thumbprint(self) -> bytes:
        """The first 16 bytes of the RFC 9679 thumbprint of the public key: the identity of whoever holds this key."""

    def private_bytes(self) -> bytes:
        """The 32 private bytes, for saving. Raises `UnknownKey` for a key that a key store holds."""

@final
class Credential:
    """Who someone is, as the handshake shows it: an unsigned CCS, a CWT signed by an issuer, or an X.509 certificate."""

    def __new__(cls, data: Buffer) -> Credential:
        """Reads a credential: CBOR, or the DER of a certificate. Nothing is verified."""

    @staticmethod
    def ccs(key: Key, subject: str, kid: Buffer) -> Credential:
        """An unsigned credential; peers trust it where they were given its bytes."""

    @staticmethod
    def cwt(
        key: Key,
        subject: str,
        kid: Buffer,
        *,
        issuer: Key,
        issuer_kid: Buffer,
        issuer_name: Optional[str] = None,
        expires: Optional[int] = None,
        not_before: Optional[int] = None,
        issued_at: Optional[int] = None,
        token_id: Optional[Buffer] = None,
    ) -> Credential:
        """A credential signed by an issuer; peers trust it where the issuer is a trust anchor. Times are seconds since 1970."""

    @property
    def data(self) -> bytes:
        """Its encoding: CBOR, or DER."""

    @property
    def kind(self) -> Literal["ccs", "cwt", "x509"]:
        """ "ccs", "cwt" or "x509"."""

    @property
    def subject(self) -> Optional[str]:
        """`sub`: the name, on MQTT also the inbox."""

    @property
    def issuer(self) -> Optional[str]:
        """`iss`: the issuer's name."""

    @property
    def kid(self) -> Optional[bytes]:
        """kid of the key; it selects candidates and proves nothing."""

    @property
    def issuer_kid(self) -> Optional[bytes]:
        """kid of the issuer's key, in a CWT."""

    @property
    def expires(self) -> Optional[int]:
        """`exp`, seconds since 1970: invalid from then on."""

    @property
    def not_before(self) -> Optional[int]:
        """`nbf`, seconds since 1970: invalid before."""

    @property
    def curve(self) -> str:
        """ "X25519", "P-256" or "Ed25519"."""

    @property
    def public(self) -> bytes:
        """The public key: 32 bytes, on P-256 64 (x, then y)."""

    @property
    def thumbprint(self) -> bytes:
        """Who this is: the first 16 bytes of the RFC 9679 thumbprint of the key."""

    def verify(self, anchor: TrustAnchor, now: Optional[int] = None) -> None:
        """Verifies a CWT or a certificate under a trust anchor; `now` in seconds since 1970, None to leave times aside. Raises the typed reason."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class TrustAnchor:
    """An issuer whose signatures are believed, for some purposes."""

    def __new__(cls, credential: Credential, purposes: Sequence[str] = ...) -> TrustAnchor:
        """Takes the issuer's credential: a CCS with its Ed25519 or P-256 signing key and the kid it puts on what it signs, or the
        certificate of an authority, of which only the key counts.

        Purposes: identity, role, manifest, update, bulletin.
        """

    @property
    def kid(self) -> bytes:
        """The kid that the issuer's signatures carry."""

    @property
    def purposes(self) -> List[str]:
        """What the issuer is believed for."""

@final
class Peer:
    """A peer whose handshake has verified, as the `authorize` callable sees it."""

    @property
    def thumbprint(self) -> bytes: ...
    @property
    def credential(self) -> bytes: ...
    @property
    def subject(self) -> Optional[str]: ...
    @property
    def inbox(self) -> Optional[str]:
        """The inbox name that it claims."""

    @property
    def role(self) -> _Role:
        """Which side this endpoint is on."""

@final
class Message:
    """A message that arrived, authenticated and new."""

    @property
    def session(self) -> int: ...
    @property
    def peer(self) -> bytes: ...
    @property
    def command(self) -> bool: ...
    @property
    def number(self) -> Optional[int]:
        """Present on confirmable messages: hand it to `commit` when the effect is durable."""

    @property
    def origin(self) -> Optional[Tuple[bytes, int]]:
        """Session and number of its first sending, if that was another session. Hand it to `commit` too."""

    @property
    def topic(self) -> Optional[str]:
        """Topic name of an addressed message."""

    @property
    def payload(self) -> bytes: ...
    @property
    def missing(self) -> int:
        """Records missing right before this one: lost, late or suppressed."""

    @property
    def late(self) -> bool:
        """It fills an earlier gap."""

    @property
    def retain(self) -> bool: ...
    @property
    def expiry_s(self) -> Optional[int]: ...
    @property
    def content_type(self) -> Optional[str]: ...

@final
class Established:
    """A session is confirmed and can send, or was restored."""

    @property
    def session(self) -> int: ...
    @property
    def peer(self) -> bytes: ...
    @property
    def role(self) -> _Role: ...
    @property
    def handshake(self) -> Optional[int]:
        """The handshake, if this end started it in this process."""

    @property
    def resumed(self) -> bool: ...

@final
class Acknowledged:
    """The peer's application has committed messages."""

    @property
    def session(self) -> int: ...
    @property
    def top(self) -> int: ...
    @property
    def missing(self) -> int: ...
    def covers(self, number: int) -> bool:
        """True when message `number` is committed."""

@final
class Resend:
    """A confirmable message is unacknowledged for too long: send it again under its number."""

    @property
    def session(self) -> int: ...
    @property
    def number(self) -> int: ...

@final
class CommandReady:
    """The peer can take commands now, after a `send` that failed with `NoOffer`."""

    @property
    def session(self) -> int: ...

@final
class KeyUpdated:
    """New keys are in use."""

    @property
    def session(self) -> int: ...
    @property
    def epoch(self) -> int: ...

@final
class Replaced:
    """A session was replaced by a newer one with the same peer."""

    @property
    def old(self) -> int: ...
    @property
    def sid(self) -> bytes:
        """Name of the old session, for `origin`."""

    @property
    def new(self) -> int: ...

@final
class Closed:
    """A session ended without successor."""

    @property
    def session(self) -> int: ...
    @property
    def peer(self) -> bytes: ...
    @property
    def route(self) -> bytes: ...
    @property
    def reason(self) -> SealwireError: ...

@final
class HandshakeFailed:
    """A handshake that this end started failed."""

    @property
    def handshake(self) -> int: ...
    @property
    def route(self) -> bytes: ...
    @property
    def reason(self) -> SealwireError: ...

@final
class PeerSilent:
    """The peer has not answered for several repetitions."""

    @property
    def session(self) -> int: ...

@final
class OwnershipChanged:
    """This device has another owner, or none; or its owner has let somebody in, or taken that back."""

    @property
    def epoch(self) -> int: ...
    @property
    def owner(self) -> Optional[bytes]: ...

@final
class Ownership:
    """The peer says that this end owns it. Keep epoch and nonce: `sign_statement` signs over them."""

    @property
    def session(self) -> int: ...
    @property
    def peer(self) -> bytes: ...
    @property
    def epoch(self) -> int: ...
    @property
    def nonce(self) -> bytes: ...

@final
class OwnershipState:
    """Who owns a device."""

    @property
    def epoch(self) -> int: ...
    @property
    def nonce(self) -> bytes: ...
    @property
    def owner(self) -> Optional[bytes]: ...
    @property
    def delegates(self) -> List[bytes]: ...

_Event = Union[
    Message,
    Established,
    Acknowledged,
    Resend,
    CommandReady,
    KeyUpdated,
    Replaced,
    Closed,
    HandshakeFailed,
    PeerSilent,
    OwnershipChanged,
    Ownership,
]

@final
class Outgoing:
    """One message of `send_many`, where a payload alone does not say enough. The fields are those of `send`."""

    def __new__(
        cls,
        payload: Buffer,
        *,
        topic: Optional[_Name] = None,
        in_place: bool = False,
        command: bool = False,
        confirmable: bool = False,
        retain: bool = False,
        expiry_s: Optional[int] = None,
        content_type: Optional[str] = None,
        number: Optional[int] = None,
        origin: Optional[Tuple[bytes, int]] = None,
    ) -> Outgoing: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def topic(self) -> Optional[bytes]: ...
    @property
    def in_place(self) -> bool: ...
    @property
    def command(self) -> bool: ...
    @property
    def confirmable(self) -> bool: ...
    @property
    def retain(self) -> bool: ...
    @property
    def expiry_s(self) -> Optional[int]: ...
    @property
    def content_type(self) -> Optional[str]: ...
    @property
    def number(self) -> Optional[int]: ...
    @property
    def origin(self) -> Optional[Tuple[bytes, int]]: ...

@final
class Sent:
    """A message was protected: `frame` goes to `route`, or to its own topic if it was sent in place."""

    @property
    def frame(self) -> bytes: ...
    @property
    def route(self) -> bytes: ...
    @property
    def number(self) -> Optional[int]: ...

@final
class Transmit:
    """A frame that the endpoint wants sent."""

    @property
    def frame(self) -> bytes: ...
    @property
    def route(self) -> bytes: ...
    @property
    def handshake(self) -> bool:
        """A handshake message: QoS 1 on MQTT."""

@final
class SessionInfo:
    """What is known about a session; no secrets."""

    @property
    def session(self) -> int: ...
    @property
    def sid(self) -> bytes:
        """Its name on both ends."""

    @property
    def peer(self) -> bytes: ...
    @property
    def own(self) -> bytes: ...
    @property
    def role(self) -> _Role: ...
    @property
    def suite(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def confirmed(self) -> bool: ...
    @property
    def route(self) -> bytes: ...
    @property
    def next_number(self) -> int: ...
    @property
    def unacknowledged(self) -> int: ...
    @property
    def command_ready(self) -> bool: ...

@final
class Endpoint:
    """One party: its sessions, handshakes and timers. It does no input or output of its own.

    Call `restore` first. After any other call, take events with `poll_event` and frames with `poll_transmit` until there are none,
    then wait for a frame or until `poll_timeout`. Times (`now`) are milliseconds of a clock that does not run backwards; left out, the
    endpoint uses its own. Do not mix the two.

    Safe to use from several threads; the interpreter's lock is released around cryptography, except for a single record of up to 2 KiB, which
    takes less time than that. A callback (store, key, authorize) that calls
    back into the same endpoint gets `Busy`. An application that holds a lock or a transaction which its store needs takes it before it
    calls the endpoint, on every thread.
    """

    def __new__(
        cls,
        identities: Sequence[Tuple[Credential, Key]],
        *,
        peers: Sequence[Credential] = ...,
        anchors: Sequence[TrustAnchor] = ...,
        store: Optional[Store] = None,
        authorize: Optional[Callable[[Peer], object]] = None,
        suites: Optional[Sequence[int]] = None,
        method: int = 3,
        methods: Optional[Sequence[int]] = None,
        inbox: Optional[str] = None,
        reply_inbox: Optional[str] = None,
        mqtt: bool = False,
        by_value: bool = False,
        identifier_len: int = 1,
        reserve: int = 64,
        edge: int = 64,
        offers: bool = False,
        command_lifetime_ms: int = 10_000,
        handshake_interval_ms: int = 1_000,
        handshake_attempts: int = 6,
        half_open_ms: int = 60_000,
        resend_interval_ms: int = 3_000,
        ack_delay_ms: int = 50,
        ping_after_ms: int = 0,
        silent_attempts: int = 5,
        key_update_after: int = ...,
        reconnect: bool = True,
        trust_clock: bool = True,
        max_sessions: int = 65_536,
        max_handshakes: int = 256,
    ) -> Endpoint:
        """Makes an endpoint.

        `identities`: own credentials with their keys: one per curve for static Diffie-Hellman (X25519, P-256), one for signing (Ed25519, ES256);
        of two of a kind the first is used.
        `peers`: provisioned credentials. `anchors`: issuers believed. `store`: where state survives a restart (default: in memory).
        `authorize(peer)`: may this verified peer open a session; the default is that an inbox it claims must be the subject of its credential.
        `suites`: EDHOC cipher suites in order of preference (4, 2, 3, 0, as far as an identity fits). `method`: the one that this end begins
        handshakes with, 0 to 3: both sign, the Initiator signs, the Responder signs, none does (static Diffie-Hellman keys); it is not
        negotiated. `methods`: those accepted as Responder, by default all for which there is an identity.
        `inbox`: own inbox name on MQTT; `reply_inbox`: where peers shall send instead after the handshake. `mqtt`: frames without route have no way
        back. `by_value`: send the own credential instead of its kid. `identifier_len`: length of own connection identifiers, fixed for the life of
        the stored state; 1 is enough for 24 sessions, 2 for 4,096. `reserve`, `edge`: records per store operation. `offers`: take commands, each
        valid for `command_lifetime_ms`. `trust_clock`: judge `exp` and `nbf` by the system's clock. The rest are intervals and limits.
        """

    def now(self) -> int:
        """The endpoint's clock: milliseconds since it was made."""

    def connect(self, route: Optional[_Name] = None, *, peer: Optional[Buffer] = None, now: Optional[int] = None) -> int:
        """Starts a handshake with whoever is behind `route` (an inbox name on MQTT, nothing on a link). Gives its handle."""

    def cancel(self, handshake: int) -> None:
        """Gives up a handshake that this end started."""

    def send(
        self,
        session: int,
        payload: Buffer,
        *,
        topic: Optional[_Name] = None,
        in_place: bool = False,
        command: bool = False,
        confirmable: bool = False,
        retain: bool = False,
        expiry_s: Optional[int] = None,
        content_type: Optional[str] = None,
        number: Optional[int] = None,
        origin: Optional[Tuple[bytes, int]] = None,
        now: Optional[int] = None,
    ) -> Sent:
        """Protects a message. With `topic` alone it is addressed; with `in_place` the record belongs on that topic.

        The endpoint does not keep the message: a confirmable one is the application's to send again under its `number` on `Resend`.
        Raises UnknownSession, WrongState, WindowFull, NoOffer, KeyExhausted, StorageFailed or InvalidArgument; nothing was sent then.
        """

    def send_many(
        self,
        session: int,
        messages: Iterable[Union[Buffer, Outgoing]],
        *,
        topic: Optional[_Name] = None,
        in_place: bool = False,
        confirmable: bool = False,
        now: Optional[int] = None,
    ) -> List[Union[Sent, SealwireError]]:
        """Protects many messages in one call, with one store operation at most, and the interpreter's lock released.

        The answer has one item for each message, in order: what `send` gives, or the exception that it would raise. One that fails takes
        nothing from the others, and nothing of it was sent; only after a `StorageFailed` the rest is not tried and has the same. The options
        hold for plain payloads; an `Outgoing` has its own.
        """

    def commit(
        self, session: int, number: int, *, origin: Optional[Tuple[bytes, int]] = None, now: Optional[int] = None
    ) -> None:
        """The effect of a confirmable message is durable: store that, and acknowledge the message."""

    def abandon(self, session: int, number: int) -> None:
        """Gives up a confirmable message: it is not sent again."""

    def key_update(self, session: int, *, now: Optional[int] = None) -> None:
        """Asks the peer for new keys; `KeyUpdated` follows."""

    def close(self, session: int) -> None:
        """Ends a session here: its keys are erased, in memory and in the store."""

    def restore(self, *, now: Optional[int] = None) -> int:
        """Takes up the sessions of the store; once, before anything else. Gives how many."""

    def export(self, session: int, label: int, context: Buffer, length: int) -> bytes:
        """Key material for the application: the EDHOC exporter. Labels from 33000 on."""

    def handle_frame(
        self, frame: Buffer, *, route: Optional[_Name] = None, topic: Optional[_Name] = None, now: Optional[int] = None
    ) -> Optional[_Event]:
        """Takes a frame. Gives what it brought, or None. Raises the typed reason if it is refused; nothing has changed then.

        `route` is the way back, where one is known; `topic` the topic relative to the realm for records in place.
        """

    def handle_frames(
        self,
        frames: Iterable[Union[Buffer, Tuple[Buffer, Optional[_Name], Optional[_Name]]]],
        *,
        route: Optional[_Name] = None,
        topic: Optional[_Name] = None,
        now: Optional[int] = None,
    ) -> List[Union[None, _Event, SealwireError]]:
        """Takes many frames in one call, with one store operation at most for each session, and the interpreter's lock released.

        The answer has one item for each frame, in order: what `handle_frame` gives, or the exception that it would raise. After a
        `StorageFailed` the rest is not tried and has the same: hand it in again. A tuple is a frame with its own route and topic. Look at
        `poll_event` and `poll_transmit` afterwards.
        """

    def handle_timeout(self, *, now: Optional[int] = None) -> None:
        """Lets time pass. Call it when `poll_timeout` says so; calling it more often does no harm."""

    def resume_pending(self, *, now: Optional[int] = None) -> None:
        """Goes on after `Pending`, when the key store has answered."""

    def poll_transmit(self, *, now: Optional[int] = None) -> Optional[Transmit]:
        """The next frame to send, or None."""

    def poll_event(self) -> Optional[_Event]:
        """The next thing that happened by itself, or None."""

    def poll_timeout(self) -> Optional[int]:
        """When `handle_timeout` is due, on the endpoint's clock, or None."""

    def session(self, session: int, *, now: Optional[int] = None) -> SessionInfo:
        """What is known about a session. Raises `UnknownSession`."""

    def sessions(self) -> List[int]:
        """Handles of all sessions, confirmed or not."""

    def find(self, peer: Buffer) -> Optional[int]:
        """The session that stands with a peer, if one is confirmed."""

    def counters(self) -> Dict[str, int]:
        """How often what happened since the start."""

    def add_peer(self, credential: Credential) -> None:
        """Provisions a peer's credential."""

    def remove_peer(self, thumbprint: Buffer) -> bool:
        """Forgets the credentials of a peer; gives whether there were any. Sessions are closed by `close`."""

    def add_anchor(self, anchor: TrustAnchor) -> None:
        """Believes an issuer from now on."""

    def enable_setup(self, key: int, secret: Buffer) -> None:
        """Makes this endpoint a device that can be owned; before `restore`. Its record is kept in the store under `key`, at least `max_sessions`."""

    def open_setup(self, *, until: Optional[int] = None, now: Optional[int] = None) -> None:
        """There was a physical act: setup is possible until then, and 10 minutes at most."""

    def close_setup(self) -> None:
        """Setup is not possible any more."""

    def claim(
        self,
        device: Buffer,
        *,
        route: Optional[_Name] = None,
        secret: Optional[Buffer] = None,
        release: Optional[Buffer] = None,
        delegation: Optional[Buffer] = None,
        anchor: Optional[Key] = None,
        now: Optional[int] = None,
    ) -> int:
        """Starts a handshake with a device known by its thumbprint alone, to be let in by what is shown: the setup `secret` of its label, a `release` or
        a `delegation` that its owner has signed, or nothing if it knows this end. `anchor`: the key by which this end will sign as owner."""

    def ownership(self) -> Optional[OwnershipState]:
        """Who owns this device; None while setup is not enabled, or the record is damaged."""

    def standing(self, peer: Buffer) -> Optional[Literal["owner", "delegate"]]:
        """What a peer is to this device."""

    def revoke(self, delegate: Buffer) -> None:
        """Takes from a delegate what the owner had given it, and ends its sessions. Raises `UnknownCredential` if there is none."""

    def reset_ownership(self) -> None:
        """Physical reset: the device belongs to nobody, in the next epoch, and every session has ended."""

def read_setup_code(code: str) -> Tuple[bytes, bytes, str]:
    """What the label of a device says: thumbprint, setup secret and model. Raises `Malformed`."""

def write_setup_code(device: Buffer, secret: Buffer, model: str = "") -> str:
    """The text of a label. `model`: 0 to 24 characters of A-Z, 0-9, `.`, `/` and `-`. It holds the secret."""

def sign_statement(
    key: Key, device: Buffer, epoch: int, nonce: Buffer, *, release: Optional[Buffer] = None, delegation: Optional[Buffer] = None
) -> bytes:
    """Signs, as the owner of `device`, that `release` is the next owner or that `delegation` may come in: one of the two, a thumbprint. `epoch` and
    `nonce` are those of the newest `Ownership` event."""

def errors_table() -> List[Tuple[int, str, str]]:
    """Number, name and hint of every error of the core."""
