//! Events and messages as C sees them.

use crate::memory::Output;
use crate::status::number as status_number;
use crate::types::sealwire_bytes;
use sealwire_core::bytes::copy;
use sealwire_core::edhoc::Role;
use sealwire_core::endpoint::{self, Event, Message, Origin, Route, Sid};
use sealwire_core::error::{Error, Result};

/// Nothing happened.
pub const SEALWIRE_EVENT_NONE: i32 = 0;
/// A message arrived: `session`, `peer`, `message`.
pub const SEALWIRE_EVENT_MESSAGE: i32 = 1;
/// A session is confirmed and can send, or was restored: `session`, `peer`, `role`, `handshake`, `resumed`.
pub const SEALWIRE_EVENT_ESTABLISHED: i32 = 2;
/// The peer has committed confirmable messages: `session`, `number` (the highest), `missing` (a bitmap); see
/// sealwire_acknowledges().
pub const SEALWIRE_EVENT_ACKNOWLEDGED: i32 = 3;
/// A confirmable message is unacknowledged for too long: `session`, `number`. Send it again under that number. After a restart this comes
/// for every number that may have been used: sealwire_abandon() those whose message is not there, else WINDOW_FULL follows for good.
pub const SEALWIRE_EVENT_RESEND: i32 = 4;
/// The peer can take commands now, after a sealwire_send() that failed with NO_OFFER: `session`.
pub const SEALWIRE_EVENT_COMMAND_READY: i32 = 5;
/// New keys are in use: `session`, `epoch`.
pub const SEALWIRE_EVENT_KEY_UPDATED: i32 = 6;
/// A newer session with the same peer stands: `session`, `old_session`, `sid` (of the old). Send what was unacknowledged again
/// under the new one, with `origin`.
pub const SEALWIRE_EVENT_REPLACED: i32 = 7;
/// A session ended without successor: `old_session`, `peer`, `route`, `reason`. Call sealwire_connect().
pub const SEALWIRE_EVENT_CLOSED: i32 = 8;
/// A handshake failed: `handshake`, `route`, `reason`.
pub const SEALWIRE_EVENT_HANDSHAKE_FAILED: i32 = 9;
/// The peer has not answered several repetitions: `session`. They go on.
pub const SEALWIRE_EVENT_PEER_SILENT: i32 = 10;
/// This device has another owner, `peer` (16 zeros: none), in `epoch`; or its owner has let somebody in, or taken that back. See
/// sealwire_ownership_get(). Erase what belonged to an owner before. A power cut may swallow this, and it is not told again: at a start compare
/// the epoch with the one that the data is of.
pub const SEALWIRE_EVENT_OWNERSHIP_CHANGED: i32 = 11;
/// The peer says that this end owns it: `session`, `peer`, `epoch`, and its nonce in `sid`. Keep them: a release or a delegation is signed
/// over them (sealwire_ownership_sign()).
pub const SEALWIRE_EVENT_OWNERSHIP: i32 = 12;

/// This end started the handshake.
pub const SEALWIRE_ROLE_INITIATOR: i32 = 1;
/// The peer started the handshake.
pub const SEALWIRE_ROLE_RESPONDER: i32 = 2;

/// Application data.
pub const SEALWIRE_KIND_DATA: i32 = 0;
/// A command: delivered only while fresh, without needing a clock; else STALE.
pub const SEALWIRE_KIND_COMMAND: i32 = 1;

/// No topic: links.
pub const SEALWIRE_TOPIC_NONE: i32 = 0;
/// The record is published on this topic, which is authenticated but stays readable.
pub const SEALWIRE_TOPIC_IN_PLACE: i32 = 1;
/// The record goes to the peer's inbox; the topic name is encrypted.
pub const SEALWIRE_TOPIC_ADDRESSED: i32 = 2;

/// Where a frame comes from or goes to: an inbox name, or any address of up to 16 bytes that only the application interprets. Length
/// 0 is "the link".
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct sealwire_route {
    /// Number of bytes used.
    pub length: u8,
    /// The address.
    pub address: [u8; 16],
}

impl sealwire_route {
    pub(crate) fn from_core(route: Route) -> Self {
        let mut to = sealwire_route::default();
        let bytes = route.as_bytes();
        if let Some(place) = to.address.get_mut(..bytes.len()) {
            copy(place, bytes);
            to.length = u8::try_from(bytes.len()).unwrap_or_default();
        }
        to
    }

    pub(crate) fn to_core(self) -> Result<Route> {
        Route::new(self.address.get(..usize::from(self.length)).ok_or(Error::InvalidArgument)?)
    }
}

/// Under which session and number a message was sent first, when it comes again under another session.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct sealwire_origin {
    /// Name of that session.
    pub sid: [u8; 8],
    /// The message's number there.
    pub number: u64,
}

impl sealwire_origin {
    pub(crate) fn to_core(self) -> Origin {
        Origin { sid: Sid(self.sid), number: self.number }
    }
}

/// A message that arrived: authenticated, and new. Its bytes lie in the frame that was handed in.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_message {
    /// `SEALWIRE_KIND_DATA` or `SEALWIRE_KIND_COMMAND`.
    pub kind: i32,
    /// 1: has a `number`, and wants sealwire_commit().
    pub confirmable: u8,
    /// 1: it fills an earlier gap.
    pub late: u8,
    /// 1: the sender wanted the broker to keep it.
    pub retain: u8,
    /// 1: has an `origin`.
    pub has_origin: u8,
    /// 1: has an expiry, `expiry_s`.
    pub has_expiry: u8,
    /// Its number, if confirmable.
    pub number: u64,
    /// Where it was sent first; hand it to sealwire_commit() too.
    pub origin: sealwire_origin,
    /// Records missing right before this one: lost, late or suppressed.
    pub missing: u64,
    /// The sender's message expiry in seconds, with `has_expiry`.
    pub expiry_s: u64,
    /// Topic name of an addressed message; empty if none. For a message in place the topic handed in is authentic.
    pub topic: sealwire_bytes,
    /// The plaintext.
    pub payload: sealwire_bytes,
    /// The sender's content type, UTF-8; empty if none.
    pub content_type: sealwire_bytes,
}

/// Something happened. Which members mean something depends on `event`; the rest is 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_event {
    /// `SEALWIRE_EVENT_...`
    pub event: i32,
    /// The session.
    pub session: u32,
    /// The session that ended.
    pub old_session: u32,
    /// The handshake that this end had started, as sealwire_connect() gave it; 0 if it did not.
    pub handshake: u32,
    /// A status: why.
    pub reason: i32,
    /// `SEALWIRE_ROLE_...`: what this end was in the handshake.
    pub role: i32,
    /// The key epoch; of an event about ownership, that one's.
    pub epoch: u32,
    /// 1: the session was restored from the store.
    pub resumed: u8,
    /// The peer's identity.
    pub peer: [u8; 16],
    /// Name of the ended session; of OWNERSHIP, the device's nonce.
    pub sid: [u8; 8],
    /// Where the peer was.
    pub route: sealwire_route,
    /// A message number.
    pub number: u64,
    /// Which numbers below `number` are missing: bit i stands for `number` - 1 - i.
    pub missing: u64,
    /// The message, with `SEALWIRE_EVENT_MESSAGE`.
    pub message: sealwire_message,
}

/// A handle of the core as C sees it: one more, so that 0 is none.
pub(crate) const fn handle(core: u32) -> u32 {
    core.wrapping_add(1)
}

/// A handle from C as the core's; 0 becomes one that the core never gives, since a C endpoint has fewer slots.
pub(crate) const fn core_handle(handle: u32) -> u32 {
    handle.wrapping_sub(1)
}

pub(crate) fn role(role: Role) -> i32 {
    match role {
        Role::Initiator => SEALWIRE_ROLE_INITIATOR,
        Role::Responder => SEALWIRE_ROLE_RESPONDER,
    }
}

impl sealwire_message {
    const EMPTY: Self = sealwire_message {
        kind: SEALWIRE_KIND_DATA,
        confirmable: 0,
        late: 0,
        retain: 0,
        has_origin: 0,
        has_expiry: 0,
        number: 0,
        origin: sealwire_origin { sid: [0; 8], number: 0 },
        missing: 0,
        expiry_s: 0,
        topic: sealwire_bytes::EMPTY,
        payload: sealwire_bytes::EMPTY,
        content_type: sealwire_bytes::EMPTY,
    };

    /// Fills an empty one.
    fn fill(&mut self, message: &Message<'_>) {
        self.kind = match message.kind {
            endpoint::Kind::Data => SEALWIRE_KIND_DATA,
            endpoint::Kind::Command => SEALWIRE_KIND_COMMAND,
        };
        self.late = message.late.into();
        self.retain = message.retain.into();
        if let Some(number) = message.number {
            self.confirmable = 1;
            self.number = number;
        }
        if let Some(origin) = &message.origin {
            self.has_origin = 1;
            self.origin = sealwire_origin { sid: origin.sid.0, number: origin.number };
        }
        if let Some(expiry_s) = message.expiry_s {
            self.has_expiry = 1;
            self.expiry_s = expiry_s;
        }
        self.missing = message.missing;
        self.topic = sealwire_bytes::of(message.topic.unwrap_or_default());
        self.payload = sealwire_bytes::of(message.payload);
        self.content_type = sealwire_bytes::of(message.content_type.unwrap_or_default().as_bytes());
    }
}

impl sealwire_event {
    const NONE: Self = sealwire_event {
        event: SEALWIRE_EVENT_NONE,
        session: 0,
        old_session: 0,
        handshake: 0,
        reason: 0,
        role: 0,
        epoch: 0,
        resumed: 0,
        peer: [0; 16],
        sid: [0; 8],
        route: sealwire_route { length: 0, address: [0; 16] },
        number: 0,
        missing: 0,
        message: sealwire_message::EMPTY,
    };

    /// Tells C an event of the core's. Error: `Internal`; there is no event then.
    ///
    /// # Safety
    /// `place` is writable.
    #[inline(never)]
    pub(crate) unsafe fn tell(event: &Event<'_>, place: Output<Self>) -> Result<()> {
        // SAFETY: the caller's promise.
        let to = unsafe { place.filled(sealwire_event::NONE) };
        let session;
        (to.event, session) = match event {
            Event::None => (SEALWIRE_EVENT_NONE, None),
            Event::Message(message) => {
                to.peer = message.peer.0;
                to.message.fill(message);
                (SEALWIRE_EVENT_MESSAGE, Some(message.session))
            }
            Event::Established { session, peer, role: own, handshake, resumed } => {
                to.peer = peer.0;
                to.role = role(*own);
                to.handshake = handshake.map_or(0, |handshake| handle(handshake.0));
                to.resumed = (*resumed).into();
                (SEALWIRE_EVENT_ESTABLISHED, Some(*session))
            }
            Event::Acknowledged { session, top, missing } => {
                to.number = *top;
                to.missing = *missing;
                (SEALWIRE_EVENT_ACKNOWLEDGED, Some(*session))
            }
            Event::Resend { session, number } => {
                to.number = *number;
                (SEALWIRE_EVENT_RESEND, Some(*session))
            }
            Event::CommandReady { session } => (SEALWIRE_EVENT_COMMAND_READY, Some(*session)),
            Event::KeyUpdated { session, epoch } => {
                to.epoch = *epoch;
                (SEALWIRE_EVENT_KEY_UPDATED, Some(*session))
            }
            Event::Replaced { old, sid, new } => {
                to.old_session = handle(old.0);
                to.sid = sid.0;
                (SEALWIRE_EVENT_REPLACED, Some(*new))
            }
            Event::Closed { session, peer, route, reason } => {
                to.old_session = handle(session.0);
                to.peer = peer.0;
                to.fail(route, *reason);
                (SEALWIRE_EVENT_CLOSED, None)
            }
            Event::HandshakeFailed { handshake, route, reason } => {
                to.handshake = handle(handshake.0);
                to.fail(route, *reason);
                (SEALWIRE_EVENT_HANDSHAKE_FAILED, None)
            }
            Event::PeerSilent { session } => (SEALWIRE_EVENT_PEER_SILENT, Some(*session)),
            #[cfg(feature = "setup")]
            Event::OwnershipChanged { epoch, owner } => {
                to.epoch = *epoch;
                to.peer = owner.unwrap_or_default().0;
                (SEALWIRE_EVENT_OWNERSHIP_CHANGED, None)
            }
            #[cfg(feature = "setup")]
            Event::Ownership { session, peer, epoch, nonce } => {
                to.epoch = *epoch;
                to.peer = peer.0;
                to.sid = *nonce;
                (SEALWIRE_EVENT_OWNERSHIP, Some(*session))
            }
            // A later core has an event that this ABI version cannot tell.
            _ => return Err(Error::Internal),
        };
        to.session = session.map_or(0, |session| handle(session.0));
        Ok(())
    }

    fn fail(&mut self, route: &Route, reason: Error) {
        self.route = sealwire_route::from_core(*route);
        self.reason = status_number(reason);
    }
}

/// 1 if the `number` and `missing` of an ACKNOWLEDGED event say that message `number_sent` is committed, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn sealwire_acknowledges(number: u64, missing: u64, number_sent: u64) -> i32 {
    endpoint::acknowledges(number, missing, number_sent).into()
}
