//! Events and small values as records.

use crate::error::{Result, SealwireError};
use sealwire_core::Error;
use sealwire_core::{edhoc, endpoint};

/// Which side of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Role {
    /// It began.
    Initiator,
    /// It answered.
    Responder,
}

impl From<edhoc::Role> for Role {
    fn from(role: edhoc::Role) -> Self {
        match role {
            edhoc::Role::Initiator => Role::Initiator,
            edhoc::Role::Responder => Role::Responder,
        }
    }
}

/// Session and number of a message's first sending, if that was another session.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Origin {
    /// Name of the session, 8 bytes.
    pub sid: Vec<u8>,
    /// Its number there.
    pub number: u64,
}

impl Origin {
    pub(crate) fn core(&self) -> Result<endpoint::Origin> {
        let sid = self.sid.as_slice().try_into().map_err(|_| SealwireError::new(Error::InvalidArgument, "a sid has 8 bytes"))?;
        Ok(endpoint::Origin { sid: endpoint::Sid(sid), number: self.number })
    }
}

impl From<endpoint::Origin> for Origin {
    fn from(origin: endpoint::Origin) -> Self {
        Origin { sid: origin.sid.0.to_vec(), number: origin.number }
    }
}

/// A message that arrived, authenticated and new.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Incoming {
    /// The session.
    pub session: u32,
    /// Thumbprint of who sent it.
    pub peer: Vec<u8>,
    /// A command, which is fresh.
    pub command: bool,
    /// Present on confirmable messages: hand it to `commit` when the effect is durable.
    pub number: Option<u64>,
    /// Session and number of its first sending, if that was another session. Hand it to `commit` too.
    pub origin: Option<Origin>,
    /// Topic name of an addressed message.
    pub topic: Option<String>,
    /// What was sent.
    pub payload: Vec<u8>,
    /// Records missing right before this one: lost, late or suppressed.
    pub missing: u64,
    /// It fills an earlier gap.
    pub late: bool,
    /// The sender wanted the broker to keep it.
    pub retain: bool,
    /// The sender's expiry in seconds.
    pub expiry_s: Option<u64>,
    /// The sender's content type.
    pub content_type: Option<String>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Event {
    /// A message arrived. Only `handleFrame` gives it.
    Message {
        /// The message.
        message: Incoming,
    },
    /// A session is confirmed and can send, or was restored.
    Established {
        /// Its handle.
        session: u32,
        /// Thumbprint of the peer.
        peer: Vec<u8>,
        /// What this end was in the handshake.
        role: Role,
        /// The handshake, if this end started it in this process.
        handshake: Option<u32>,
        /// It was restored from the storage.
        resumed: bool,
    },
    /// The peer's application has committed messages; `acknowledges` tells which.
    Acknowledged {
        /// The session.
        session: u32,
        /// Highest committed number.
        top: u64,
        /// What is missing below it.
        missing: u64,
    },
    /// A confirmable message is unacknowledged for too long: send it again under its number.
    Resend {
        /// The session.
        session: u32,
        /// Its number.
        number: u64,
    },
    /// The peer can take commands now, after a `send` that failed with `NoOffer`.
    CommandReady {
        /// The session.
        session: u32,
    },
    /// New keys are in use.
    KeyUpdated {
        /// The session.
        session: u32,
        /// Its epoch now.
        epoch: u32,
    },
    /// A session was replaced by a newer one with the same peer.
    Replaced {
        /// The ended one.
        old: u32,
        /// Its name, for `origin`.
        sid: Vec<u8>,
        /// The one that stands.
        new: u32,
    },
    /// A session ended without successor.
    Closed {
        /// The session.
        session: u32,
        /// Thumbprint of the peer.
        peer: Vec<u8>,
        /// Where it was.
        route: Vec<u8>,
        /// Why.
        reason: SealwireError,
    },
    /// A handshake that this end started failed.
    HandshakeFailed {
        /// The handshake.
        handshake: u32,
        /// Where it went.
        route: Vec<u8>,
        /// Why.
        reason: SealwireError,
    },
    /// The peer says that this end owns it. Keep both: `signStatement` signs over them.
    Ownership {
        /// The session.
        session: u32,
        /// Thumbprint of the device.
        peer: Vec<u8>,
        /// Its epoch.
        epoch: u32,
        /// Its nonce.
        nonce: Vec<u8>,
    },
    /// This device has another owner, or none; or its owner has let somebody in, or taken that back. Erase what belonged to an owner before.
    OwnershipChanged {
        /// The epoch.
        epoch: u32,
        /// Thumbprint of the owner.
        owner: Option<Vec<u8>>,
    },
    /// The peer has not answered for several repetitions.
    PeerSilent {
        /// The session.
        session: u32,
    },
}

impl Event {
    /// Nothing for `Event::None`. Error: `Malformed` for an addressed topic that is no text.
    pub(crate) fn take(event: &endpoint::Event<'_>) -> Result<Option<Self>> {
        use endpoint::Event as Core;
        Ok(Some(match *event {
            Core::None => return Ok(None),
            Core::Message(ref message) => Event::Message { message: Incoming::take(message)? },
            Core::Established { session, peer, role, handshake, resumed } => Event::Established {
                session: session.0,
                peer: peer.0.to_vec(),
                role: role.into(),
                handshake: handshake.map(|handshake| handshake.0),
                resumed,
            },
            Core::Acknowledged { session, top, missing } => Event::Acknowledged { session: session.0, top, missing },
            Core::Resend { session, number } => Event::Resend { session: session.0, number },
            Core::CommandReady { session } => Event::CommandReady { session: session.0 },
            Core::KeyUpdated { session, epoch } => Event::KeyUpdated { session: session.0, epoch },
            Core::Replaced { old, sid, new } => Event::Replaced { old: old.0, sid: sid.0.to_vec(), new: new.0 },
            Core::Closed { session, peer, route, reason } => {
                Event::Closed { session: session.0, peer: peer.0.to_vec(), route: route.as_bytes().to_vec(), reason: reason.into() }
            }
            Core::HandshakeFailed { handshake, route, reason } => {
                Event::HandshakeFailed { handshake: handshake.0, route: route.as_bytes().to_vec(), reason: reason.into() }
            }
            Core::Ownership { session, peer, epoch, nonce } => {
                Event::Ownership { session: session.0, peer: peer.0.to_vec(), epoch, nonce: nonce.to_vec() }
            }
            Core::OwnershipChanged { epoch, owner } => Event::OwnershipChanged { epoch, owner: owner.map(|owner| owner.0.to_vec()) },
            Core::PeerSilent { session } => Event::PeerSilent { session: session.0 },
            _ => return Err(Error::Internal.into()),
        }))
    }
}

impl Incoming {
    fn take(message: &endpoint::Message<'_>) -> Result<Self> {
        let text = |name: &[u8]| String::from_utf8(name.to_vec()).map_err(|_| SealwireError::from(Error::Malformed));
        Ok(Incoming {
            session: message.session.0,
            peer: message.peer.0.to_vec(),
            command: message.kind == endpoint::Kind::Command,
            number: message.number,
            origin: message.origin.map(Origin::from),
            topic: message.topic.map(text).transpose()?,
            payload: message.payload.to_vec(),
            missing: message.missing,
            late: message.late,
            retain: message.retain,
            expiry_s: message.expiry_s,
            content_type: message.content_type.map(str::to_owned),
        })
    }
}

/// Whether the pair of an `Acknowledged` event says that message `number` is committed.
#[uniffi::export]
pub fn acknowledges(top: u64, missing: u64, number: u64) -> bool {
    endpoint::acknowledges(top, missing, number)
}

/// A message was protected: `frame` goes to `route`, or to its own topic if it was sent in place.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Sent {
    /// What to send.
    pub frame: Vec<u8>,
    /// Where it goes.
    pub route: Vec<u8>,
    /// Its number, if confirmable.
    pub number: Option<u64>,
}

/// A frame that the endpoint wants sent.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Transmit {
    /// What to send.
    pub frame: Vec<u8>,
    /// Where it goes.
    pub route: Vec<u8>,
    /// A handshake message: QoS 1 on MQTT.
    pub handshake: bool,
}

/// What is known about a session; no secrets.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct SessionInfo {
    /// Its handle.
    pub session: u32,
    /// Its name on both ends.
    pub sid: Vec<u8>,
    /// The peer's thumbprint.
    pub peer: Vec<u8>,
    /// This end's thumbprint.
    pub own: Vec<u8>,
    /// What this end was in the handshake.
    pub role: Role,
    /// Number of the cipher suite.
    pub suite: u8,
    /// Key epoch.
    pub epoch: u32,
    /// False for a Responder that has not verified a record yet.
    pub confirmed: bool,
    /// Where frames go.
    pub route: Vec<u8>,
    /// Next message number.
    pub next_number: u64,
    /// Confirmable messages not acknowledged yet.
    pub unacknowledged: u32,
    /// A command can be sent now.
    pub command_ready: bool,
}

impl From<endpoint::SessionInfo> for SessionInfo {
    fn from(info: endpoint::SessionInfo) -> Self {
        SessionInfo {
            session: info.session.0,
            sid: info.sid.0.to_vec(),
            peer: info.peer.0.to_vec(),
            own: info.own.0.to_vec(),
            role: info.role.into(),
            suite: info.suite.number(),
            epoch: info.epoch,
            confirmed: info.confirmed,
            route: info.route.as_bytes().to_vec(),
            next_number: info.next_number,
            unacknowledged: info.unacknowledged,
            command_ready: info.command_ready,
        }
    }
}

macro_rules! counters {
    ($($(#[$($doc:tt)*])+ $name:ident,)+) => {
        /// How often what happened since the start; they wrap around.
        #[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
        pub struct Counters {
            $($(#[$($doc)*])+ pub $name: u32,)+
        }

        impl From<endpoint::Counters> for Counters {
            fn from(counters: endpoint::Counters) -> Self {
                Counters { $($name: counters.$name,)+ }
            }
        }
    };
}

counters! {
    /// Frames handed in.
    frames,
    /// Records delivered or used by the endpoint itself.
    records,
    /// Frames that do not parse.
    malformed,
    /// Records for no session here.
    unknown_context,
    /// Records that do not verify.
    decrypt_failed,
    /// Replays.
    replay,
    /// Redeliveries.
    duplicate,
    /// Stale commands.
    stale,
    /// Records with an unknown option.
    unsupported_option,
    /// Records missing; a late one is not subtracted.
    missing,
    /// Records that filled a gap.
    late,
    /// Handshakes completed.
    handshakes,
    /// Handshakes that ended without a session.
    handshakes_failed,
    /// Handshake messages that were ignored.
    handshake_ignored,
    /// Half-open handshakes that made room for others.
    evicted,
    /// EDHOC errors received.
    peer_errors,
    /// unknown-context frames received.
    unknown_context_received,
    /// Damaged entries found in the storage.
    corrupt,
    /// Storage operations that failed.
    storage_failed,
}

/// What a link's reassembly has seen.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct LinkCounters {
    /// Frames handed out.
    pub frames: u32,
    /// Blocks dropped because they do not decode or check.
    pub malformed: u32,
    /// Blocks dropped because they are longer than a frame may be.
    pub overlong: u32,
    /// Frames dropped because a piece of them is missing or came out of order.
    pub lost: u32,
    /// Frames dropped because their sender did not go on in time.
    pub expired: u32,
    /// Pieces dropped because there was no room.
    pub refused: u32,
}

impl From<sealwire_core::link::Counters> for LinkCounters {
    fn from(from: sealwire_core::link::Counters) -> Self {
        let sealwire_core::link::Counters { frames, malformed, overlong, lost, expired, refused } = from;
        LinkCounters { frames, malformed, overlong, lost, expired, refused }
    }
}
