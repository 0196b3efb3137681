//! A session slot, and how connection identifiers name slots.

use super::config::Route;
use super::event::{HandshakeId, SessionHandle, Sid};
use super::offers::Offers;
use super::tables::{Marks, NEVER, Remembered};
use crate::credential::Thumbprint;
use crate::edhoc::{ConnectionId, Role};
use crate::error::{Error, Result};
use crate::persist::EndedSession;
use crate::record::{Ack, Handover, Nonce, Parties, SecurityContext};

/// Bits of a handle that hold the slot index; the rest is the generation.
const SLOT_BITS: u32 = 20;
/// Most session slots that handles and identifiers can name; on processors whose sizes have 16 bits, more than memory holds.
pub const MAX_SESSIONS: usize = match 1usize.checked_shl(SLOT_BITS) {
    Some(most) => most,
    None => usize::MAX,
};
/// Longest message_4 frame: type, identifier, byte string of a 16-byte tag, and the ownership item.
#[cfg(feature = "responder")]
pub(crate) const MESSAGE_4_MAX: usize = if cfg!(feature = "setup") { 41 } else { 24 };

impl SessionHandle {
    pub(crate) fn compose(slot: usize, generation: u16) -> Self {
        let slot = u32::try_from(slot).unwrap_or(u32::MAX) & ((1 << SLOT_BITS) - 1);
        SessionHandle(slot | u32::from(generation) << SLOT_BITS)
    }

    pub(crate) const fn slot(self) -> usize {
        (self.0 & ((1 << SLOT_BITS) - 1)) as usize
    }
}

/// One slot of the session table. [`Session::default`] is an empty one; what it holds is the endpoint's business.
#[derive(Default)]
pub struct Session {
    pub(crate) state: State,
    /// 12 bits, counted up whenever the slot is given to another session.
    pub(crate) generation: u16,
    /// Variant bits of the identifier used last in this slot: the next one differs.
    pub(crate) variant: u16,
    pub(crate) marks: Marks,
}

/// What a session slot holds. The sizes differ on purpose: there is no heap to move the large one to.
#[derive(Default)]
#[expect(clippy::large_enum_variant)]
pub(crate) enum State {
    #[default]
    Free,
    /// Its identifier is used by a handshake.
    Reserved {
        handshake: usize,
        identifier: ConnectionId,
    },
    Live(Live),
    Ended(Ended),
}

/// Things a live session wants to put into a control record.
pub(crate) mod want {
    /// Whatever is repeated until answered, now.
    pub(crate) const REPEAT: u8 = 1;
    /// An acknowledgement.
    pub(crate) const ACK: u8 = 2;
    /// Any record: the peer pinged.
    pub(crate) const PONG: u8 = 4;
    /// An offer for commands.
    pub(crate) const OFFER: u8 = 8;
    /// The cached message_4.
    pub(crate) const MESSAGE_4: u8 = 16;
}

/// Events that wait for `poll_event`.
pub(crate) mod pending {
    pub(crate) const ESTABLISHED: u8 = 1;
    pub(crate) const RESUMED: u8 = 2;
    pub(crate) const ACKNOWLEDGED: u8 = 4;
    pub(crate) const COMMAND_READY: u8 = 8;
    pub(crate) const KEY_UPDATED: u8 = 16;
    pub(crate) const SILENT: u8 = 32;
}

/// Until the peer has been heard under the session.
pub(crate) enum Early {
    /// It has been.
    Over,
    /// As Initiator: what every record carries, and by which hash a repeated message_4 is known.
    Initiator { handover: Handover, message_4: Nonce, answers: u8 },
    /// As Responder, unconfirmed: message_4, and by which hash a repeated message_3 is known.
    #[cfg(feature = "responder")]
    Responder { frame: [u8; MESSAGE_4_MAX], len: u8, message_3: Nonce },
}

/// A session that has its keys.
pub(crate) struct Live {
    pub(crate) context: SecurityContext,
    pub(crate) route: Route,
    /// Responder: a record has verified. Initiator: always. To be asked by [`is_confirmed`](Self::is_confirmed).
    pub(crate) confirmed: bool,
    /// Order among the sessions of this endpoint in which they came to stand; stored. 0: not confirmed.
    pub(crate) order: u32,
    /// When it was established at this end, on the scale of `Handshake::composed`; 0 after a restore.
    pub(crate) established: u32,
    #[cfg(feature = "responder")]
    pub(crate) established_ms: u64,
    /// 0 unless this end began it in this process.
    pub(crate) handshake: HandshakeId,
    pub(crate) early: Early,
    pub(crate) offers: Offers,
    /// Receive windows of sessions under which messages were sent first that may come again under this one.
    pub(crate) windows: Windows,
    /// A confirmable message was delivered that was sent under this session first: its own window will be needed, too. Stored.
    pub(crate) fresh: bool,
    /// Numbers below this may have been given to messages that were sent under another session first.
    pub(crate) carried_below: u64,
    /// Own challenge, until echoed.
    pub(crate) resume: Option<Nonce>,
    /// The peer's challenge, to be echoed once.
    pub(crate) resumed: Option<Nonce>,
    /// The answer to the peer's update request goes out with the next record.
    pub(crate) responds: bool,
    pub(crate) wants: u8,
    pub(crate) events: u8,
    /// The newest acknowledgement, once there was one.
    pub(crate) acked: Ack,
    /// Unacknowledged numbers from `resend_from` up to, not including, `resend_to` wait for a Resend event.
    pub(crate) resend_from: u64,
    pub(crate) resend_to: u64,
    /// Numbers below this were sent before the last tick of the repeat timer.
    pub(crate) aged_below: u64,
    /// Timers; `NEVER` when not set.
    pub(crate) repeat_at: u64,
    pub(crate) ack_at: u64,
    pub(crate) heard_ms: u64,
    pub(crate) pinging: bool,
    /// Repetitions since the peer was heard.
    pub(crate) attempts: u8,
    /// Not before this does an unknown-context frame start a handshake again.
    pub(crate) reconnect_from: u64,
}

/// A session that is over, until that has been reported; and its receive window, until a successor takes it.
pub(crate) struct Ended {
    pub(crate) peer: Thumbprint,
    pub(crate) sid: Sid,
    pub(crate) route: Route,
    pub(crate) outcome: Outcome,
    pub(crate) order: u32,
    pub(crate) reported: bool,
    /// It has no successor yet that took its receive window.
    pub(crate) keep: bool,
    pub(crate) windows: Windows,
}

/// A receive window kept beyond its session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Window {
    /// The handle that the application may still use to commit.
    pub(crate) handle: Option<SessionHandle>,
    pub(crate) ended: EndedSession,
}

/// Two are enough: a sender has messages out that were first sent under at most one other session (PROTOCOL 5.5).
pub(crate) type Windows = [Option<Window>; 2];

/// Adds a window where there is room; one of a session that is known already is merged with what is known.
#[inline(never)]
pub(crate) fn take_over(windows: &mut Windows, window: &Window) {
    if let Some(known) = windows.iter_mut().flatten().find(|known| known.ended.sid == window.ended.sid) {
        known.ended.received = known.ended.received.merged(&window.ended.received);
        known.handle = known.handle.or(window.handle);
    } else if let Some(place) = windows.iter_mut().find(|place| place.is_none()) {
        *place = Some(*window);
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    Replaced(SessionHandle),
    Closed(Error),
}

impl Live {
    pub(crate) fn new(context: SecurityContext, route: Route, now_ms: u64) -> Self {
        Live {
            context,
            route,
            confirmed: false,
            order: 0,
            established: 0,
            #[cfg(feature = "responder")]
            established_ms: now_ms,
            handshake: HandshakeId(0),
            early: Early::Over,
            offers: Offers::new(),
            windows: [None; 2],
            fresh: false,
            carried_below: 0,
            resume: None,
            resumed: None,
            responds: false,
            wants: 0,
            events: 0,
            acked: Ack { top: 0, missing: 0 },
            resend_from: 0,
            resend_to: 0,
            aged_below: 0,
            repeat_at: NEVER,
            ack_at: NEVER,
            heard_ms: now_ms,
            pinging: false,
            attempts: 0,
            reconnect_from: 0,
        }
    }

    /// It stands: there is no other where every session is one that this end began.
    pub(crate) const fn is_confirmed(&self) -> bool {
        !cfg!(feature = "responder") || self.confirmed
    }

    pub(crate) fn peer(&self) -> Thumbprint {
        self.context.parties().peer
    }

    pub(crate) fn sid(&self) -> Sid {
        Sid(self.context.parties().sid)
    }

    pub(crate) fn role(&self) -> Role {
        self.context.parties().role
    }

    /// The next number whose Resend event is due.
    pub(crate) fn next_resend(&self) -> Option<u64> {
        if self.resend_from >= self.resend_to {
            return None;
        }
        self.context.sent.outstanding().find(|number| (self.resend_from..self.resend_to).contains(number))
    }

    /// Every unacknowledged message is to be sent again now.
    pub(crate) fn resend_all(&mut self) {
        self.resend_from = 0;
        self.resend_to = self.context.sent.next();
    }

    /// What its successor needs to recognise messages. A window under which nothing was sent first is not worth its place.
    pub(crate) fn heritage(&self, handle: SessionHandle) -> Windows {
        if !self.fresh {
            return self.windows;
        }
        let own = Window { handle: Some(handle), ended: EndedSession::of(&self.context) };
        let [newest, older] = self.windows;
        [Some(own), newest.or(older)]
    }

    /// A message sent under another session first is still unacknowledged.
    pub(crate) fn carries(&self) -> bool {
        self.context.sent.outstanding().next().is_some_and(|number| number < self.carried_below)
    }
}

impl Session {
    pub(crate) const fn live(&self) -> Option<&Live> {
        match &self.state {
            State::Live(live) => Some(live),
            _ => None,
        }
    }

    pub(crate) const fn live_mut(&mut self) -> Option<&mut Live> {
        match &mut self.state {
            State::Live(live) => Some(live),
            _ => None,
        }
    }

    /// A new session, built where it stays: sessions are large, and stacks are not.
    #[inline(never)]
    pub(crate) fn seat(&mut self, parties: &Parties, epoch: u32, route: Route, now_ms: u64) -> Result<&mut Live> {
        self.state = State::Live(Live::new(SecurityContext::blank(*parties, epoch), route, now_ms));
        self.live_mut().ok_or(Error::Internal)
    }

    /// The peer of a live or ended session.
    pub(crate) fn peer(&self) -> Option<Thumbprint> {
        match &self.state {
            State::Live(live) => Some(live.peer()),
            State::Ended(ended) => Some(ended.peer),
            _ => None,
        }
    }

    /// The ended sessions whose receive windows a live session has.
    pub(crate) fn remembered(&self) -> Remembered {
        self.live().map_or([None; 2], |live| live.windows.map(|window| window.map(|window| (window.handle, Sid(window.ended.sid)))))
    }

    /// The identifier that the peer writes into frames for this slot.
    pub(crate) fn identifier(&self) -> Option<ConnectionId> {
        match &self.state {
            State::Reserved { identifier, .. } => Some(*identifier),
            State::Live(live) => Some(*live.context.parties().recipient_id()),
            _ => None,
        }
    }

    /// The slot is given to another session: old handles stop working.
    pub(crate) fn advance(&mut self) {
        self.generation = self.generation.wrapping_add(1) & 0x0fff;
    }
}

/// How identifiers of one length name slots (PROTOCOL 3): the slot is in the low bits, the rest varies so that an
/// identifier is not used for two sessions in a row, and never equals the peer's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identifiers {
    len: u8,
}

/// Values of a one-byte identifier, and half of them.
const HALF: u8 = 24;

impl Identifiers {
    pub(crate) fn new(len: u8) -> Result<Self> {
        if (1..=4).contains(&len) { Ok(Identifiers { len }) } else { Err(Error::InvalidArgument) }
    }

    pub(crate) const fn len(self) -> usize {
        self.len as usize
    }

    /// How many slots can be named.
    pub(crate) const fn capacity(self) -> usize {
        match self.len {
            1 => HALF as usize,
            2 => 1 << 12,
            _ => MAX_SESSIONS,
        }
    }

    const fn slot_bits(self) -> u32 {
        match self.len {
            2 => 12,
            _ => SLOT_BITS,
        }
    }

    /// Number of different identifiers of one slot.
    pub(crate) const fn variants(self) -> u16 {
        match self.len {
            1 => 2,
            4 => 1 << 12,
            _ => 1 << 4,
        }
    }

    pub(crate) fn compose(self, slot: usize, variant: u16) -> Result<ConnectionId> {
        if slot >= self.capacity() || variant >= self.variants() {
            return Err(Error::Internal);
        }
        let slot = u32::try_from(slot).map_err(|_| Error::Internal)?;
        if self.len == 1 {
            // 00..17 and 20..37: the 48 values that EDHOC sends as one-byte integers.
            return ConnectionId::new(&[slot as u8 | if variant == 0 { 0 } else { 0x20 }]);
        }
        let bytes = (slot | u32::from(variant) << self.slot_bits()).to_be_bytes();
        ConnectionId::new(bytes.get(4_usize.saturating_sub(self.len())..).unwrap_or_default())
    }

    /// Slot and variant of an identifier, if it can be one of ours.
    pub(crate) fn split(self, identifier: &ConnectionId) -> Option<(usize, u16)> {
        let bytes = identifier.as_bytes();
        if bytes.len() != self.len() {
            return None;
        }
        let value = bytes.iter().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
        if self.len == 1 {
            let slot = value & 0x1f;
            return (value < 0x38 && slot < u32::from(HALF)).then_some((slot as usize, (value >> 5) as u16));
        }
        let slot = value & (1_u32 << self.slot_bits()).wrapping_sub(1);
        Some((slot as usize, (value >> self.slot_bits()) as u16))
    }
}
