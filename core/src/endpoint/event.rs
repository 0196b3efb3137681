//! What an endpoint tells its owner, and what its owner tells it.

use super::config::Route;
use crate::credential::Thumbprint;
use crate::crypto::Suite;
use crate::edhoc::Role;
use crate::error::Error;

/// Handle of a session: a small integer, never reused for another session within 4,096 uses of its slot. A handle whose
/// session has ended is `UnknownSession`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionHandle(pub u32);

/// Handle of a handshake that this end started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HandshakeId(pub u32);

/// Name of a session on both ends: TH_4\[0..8\] (PROTOCOL 4.3). Public.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sid(pub [u8; 8]);

/// Under which session and number a confirmable message was sent *first*, when it is sent again under another session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The session of the first sending.
    pub sid: Sid,
    /// Its message number there.
    pub number: u64,
}

/// Data or command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Application data.
    #[default]
    Data,
    /// A command: delivered only while the receiver's own offer is fresh, else `Stale` (PROTOCOL 5.6).
    Command,
}

/// How a message is tied to an MQTT topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Topic<'a> {
    /// Not at all: links.
    #[default]
    None,
    /// The record is published on this topic (UTF-8, relative to the realm), which is authenticated but stays readable.
    InPlace(&'a [u8]),
    /// The record is published on the peer's inbox; this topic name (1 to 255 bytes) is encrypted.
    Addressed(&'a [u8]),
}

/// A message to send.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outgoing<'a> {
    /// Data or command.
    pub kind: Kind,
    /// True: numbered, repeated until the receiving application has committed it, delivered once.
    pub confirmable: bool,
    /// Topic.
    pub topic: Topic<'a>,
    /// The sender wants the broker to keep it.
    pub retain: bool,
    /// Message expiry in seconds, as the sender wants it.
    pub expiry_s: Option<u32>,
    /// Content type, 1 to 64 bytes of UTF-8.
    pub content_type: Option<&'a str>,
    /// The plaintext.
    pub payload: &'a [u8],
    /// Send again under a number given before: after a `Resend` event, or after a restart. Implies `confirmable`.
    pub number: Option<u64>,
    /// The message was sent before under a session that has ended.
    pub origin: Option<Origin>,
}

/// A message was protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Bytes written to the frame buffer.
    pub len: usize,
    /// Where the frame goes; for `Topic::InPlace` it goes to the topic instead.
    pub route: Route,
    /// Its number, if confirmable.
    pub number: Option<u64>,
}

/// A frame that the endpoint wants sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Bytes written to the frame buffer.
    pub len: usize,
    /// Where the frame goes.
    pub route: Route,
    /// True for handshake messages 1 to 4: QoS 1 on MQTT.
    pub handshake: bool,
}

/// A message that arrived, authenticated and new. It borrows the frame it was decrypted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'f> {
    /// The session.
    pub session: SessionHandle,
    /// Who sent it.
    pub peer: Thumbprint,
    /// Data or command.
    pub kind: Kind,
    /// Present on confirmable messages: hand it to `commit` when the effect is durable.
    pub number: Option<u64>,
    /// Under which session and number it was sent first, if that was another session. Hand it to `commit` too.
    pub origin: Option<Origin>,
    /// Topic name of an addressed message. For a message in place the topic handed in is authentic.
    pub topic: Option<&'f [u8]>,
    /// The plaintext.
    pub payload: &'f [u8],
    /// Records missing right before this one: lost, late or suppressed.
    pub missing: u64,
    /// True when it fills an earlier gap.
    pub late: bool,
    /// The sender wanted the broker to keep it.
    pub retain: bool,
    /// The sender's message expiry in seconds.
    pub expiry_s: Option<u64>,
    /// The sender's content type.
    pub content_type: Option<&'f str>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'f> {
    /// The frame was handled; there is nothing to tell beyond what `poll_event` has.
    None,
    /// A message. Only `handle_frame` returns it.
    Message(Message<'f>),
    /// A session is confirmed and can send, or was restored.
    Established {
        /// Its handle.
        session: SessionHandle,
        /// Who the peer is.
        peer: Thumbprint,
        /// What this end was in its handshake.
        role: Role,
        /// The handshake, if this end started it in this process.
        handshake: Option<HandshakeId>,
        /// True when it was restored from the store.
        resumed: bool,
    },
    /// The peer's application has committed every number up to `top` but those whose bit in `missing` is set: bit i
    /// stands for `top - 1 - i` (PROTOCOL 5.5). See [`acknowledges`].
    Acknowledged {
        /// The session.
        session: SessionHandle,
        /// Highest committed number.
        top: u64,
        /// What is missing below it.
        missing: u64,
    },
    /// This confirmable message is unacknowledged for too long: send it again with `Outgoing::number`.
    Resend {
        /// The session.
        session: SessionHandle,
        /// Its number.
        number: u64,
    },
    /// The peer can take commands now, after a `send` that failed with `NoOffer`.
    CommandReady {
        /// The session.
        session: SessionHandle,
    },
    /// New keys are in use.
    KeyUpdated {
        /// The session.
        session: SessionHandle,
        /// Its epoch now.
        epoch: u32,
    },
    /// A session was replaced by a newer one with the same peer. Send what was unacknowledged again under the new one,
    /// with `Outgoing::origin`.
    Replaced {
        /// Handle of the ended session.
        old: SessionHandle,
        /// Its name, for `Origin`.
        sid: Sid,
        /// The one that stands.
        new: SessionHandle,
    },
    /// A session ended without successor. `LostState`: the store may have been rolled back, so it must not be used again;
    /// `KeyExhausted`: no key update succeeded in time; `HandshakeFailed`: the Initiator never confirmed it. Call `connect`.
    Closed {
        /// Handle of the ended session.
        session: SessionHandle,
        /// Who the peer was.
        peer: Thumbprint,
        /// Where it was.
        route: Route,
        /// Why.
        reason: Error,
    },
    /// A handshake failed. `Superseded` is no failure to connect: another handshake with the peer stands instead, begun
    /// by either end, and its `Established` has come or follows.
    HandshakeFailed {
        /// The handshake; only those that this end started are reported.
        handshake: HandshakeId,
        /// Where it went.
        route: Route,
        /// The last reason; `HandshakeFailed` when there was just no answer.
        reason: Error,
    },
    /// This device has another owner, or none; or its owner has let somebody in, or taken that back. See `Endpoint::ownership`. Erase what
    /// belonged to an owner before. A power cut may swallow this, and it is not told again: at a start compare the epoch with the one that
    /// the data is of.
    #[cfg(feature = "setup")]
    OwnershipChanged {
        /// The epoch.
        epoch: u32,
        /// The owner.
        owner: Option<Thumbprint>,
    },
    /// The peer says that this end owns it. Keep both: a release or a delegation is signed over them.
    #[cfg(feature = "setup")]
    Ownership {
        /// The session.
        session: SessionHandle,
        /// The device.
        peer: Thumbprint,
        /// Its epoch.
        epoch: u32,
        /// Its nonce.
        nonce: [u8; 8],
    },
    /// The peer has not answered for several repetitions. Reported once until it is heard again; repetitions go on.
    PeerSilent {
        /// The session.
        session: SessionHandle,
    },
}

/// True when the pair of an `Acknowledged` event says that `number` is committed.
pub const fn acknowledges(top: u64, missing: u64, number: u64) -> bool {
    match top.checked_sub(number) {
        None => false,
        Some(0) => true,
        Some(distance) if distance > 63 => true,
        Some(distance) => (missing >> distance.saturating_sub(1)) & 1 == 0,
    }
}

/// What is known about a session; no secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its handle.
    pub session: SessionHandle,
    /// Its name on both ends.
    pub sid: Sid,
    /// The peer's identity.
    pub peer: Thumbprint,
    /// This end's identity.
    pub own: Thumbprint,
    /// What this end was in the handshake.
    pub role: Role,
    /// Cipher suite.
    pub suite: Suite,
    /// Key epoch.
    pub epoch: u32,
    /// False for a Responder that has not verified a record yet: it receives and does not send.
    pub confirmed: bool,
    /// Where frames go.
    pub route: Route,
    /// Next message number.
    pub next_number: u64,
    /// Confirmable messages not acknowledged yet, 0 to 64.
    pub unacknowledged: u32,
    /// True when a command can be sent now.
    pub command_ready: bool,
}

/// How often what happened since the start; they wrap around. None of them is secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Frames handed in.
    pub frames: u32,
    /// Records delivered or used by the endpoint itself.
    pub records: u32,
    /// Frames that do not parse, of another version or of a type that is not there.
    pub malformed: u32,
    /// Records for no session here.
    pub unknown_context: u32,
    /// Records that do not verify.
    pub decrypt_failed: u32,
    /// Replays.
    pub replay: u32,
    /// Redeliveries.
    pub duplicate: u32,
    /// Stale commands.
    pub stale: u32,
    /// Records with an unknown option.
    pub unsupported_option: u32,
    /// Records missing; a late one is not subtracted.
    pub missing: u32,
    /// Records that filled a gap.
    pub late: u32,
    /// Handshakes completed.
    pub handshakes: u32,
    /// Handshakes that ended without a session.
    pub handshakes_failed: u32,
    /// Handshake messages that were ignored: failing, late, or for no handshake here.
    pub handshake_ignored: u32,
    /// Half-open handshakes that made room for others.
    pub evicted: u32,
    /// EDHOC errors received.
    pub peer_errors: u32,
    /// unknown-context frames received.
    pub unknown_context_received: u32,
    /// Damaged entries found in the store.
    pub corrupt: u32,
    /// Store operations that failed.
    pub storage_failed: u32,
}
