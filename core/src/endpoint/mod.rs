//! The endpoint: handshakes, sessions, retransmission and stored state in one value that does no I/O.
//!
//! Every method belongs to one of four families:
//!
//! - **getters**: [`counters`](Endpoint::counters), [`session`](Endpoint::session), [`find`](Endpoint::find), [`sessions`](Endpoint::sessions);
//! - **commands**: [`restore`](Endpoint::restore), [`connect`](Endpoint::connect), [`send`](Endpoint::send), [`commit`](Endpoint::commit),
//!   [`batch`](Endpoint::batch), [`abandon`](Endpoint::abandon), [`key_update`](Endpoint::key_update), [`close`](Endpoint::close), [`export`](Endpoint::export);
//! - **input**: [`handle_frame`](Endpoint::handle_frame), [`handle_timeout`](Endpoint::handle_timeout),
//!   [`resume_pending`](Endpoint::resume_pending);
//! - **output**: [`poll_event`](Endpoint::poll_event), [`poll_transmit`](Endpoint::poll_transmit), [`poll_timeout`](Endpoint::poll_timeout).
//!
//! After any command or input, call `poll_event` until it gives nothing, then `poll_transmit` until it gives nothing, then
//! `poll_timeout`; wait for a frame or for that time, whichever comes first; begin again. A new endpoint calls `restore` first.
//!
//! ```text
//! loop {
//!     while let Some(event) = endpoint.poll_event() { .. }
//!     while let Some(frame) = endpoint.poll_transmit(&mut port, now, &mut buffer)? { link.send(&buffer[..frame.len]); }
//!     match link.receive_until(endpoint.poll_timeout()) {
//!         Some(frame) => match endpoint.handle_frame(&mut port, now, Route::default(), None, frame) {
//!             Ok(Event::Message(message)) => { .. ; endpoint.commit(..)? }
//!             Ok(_) => {}
//!             Err(Error::Pending) => {} // resume_pending when the key operation has finished
//!             Err(reason) => {}         // refused, counted, and nothing else has changed
//!         },
//!         None => endpoint.handle_timeout(&mut port, now)?,
//!     }
//! }
//! ```
//!
//! Times are milliseconds of any clock that does not run backwards while the process lives. Plaintexts are not kept: an application that
//! sends confirmable messages keeps them until `Acknowledged`, and sends them again on `Resend`.
//!
//! Nothing is used before it is durable. A store operation that fails makes the call fail with `StorageFailed`; nothing has happened then, and the
//! same call (for a frame: its redelivery) can be made again.

mod command;
mod config;
#[cfg(any(test, feature = "_fuzzing"))]
mod digest;
mod event;
mod handshake;
mod initiator;
mod input;
mod offers;
mod output;
#[cfg(feature = "responder")]
mod responder;
mod restore;
mod session;
#[cfg(feature = "setup")]
mod setup;
mod succession;
mod tables;
#[cfg(all(test, feature = "suite-x25519-chacha"))]
pub(crate) mod tests;

#[cfg(feature = "device")]
pub(crate) use config::is_inbox_name;
pub use config::{Config, InboxName, MAX_NAME, MAX_SUITES, Route};
#[cfg(any(test, feature = "_fuzzing"))]
pub use digest::Held;
pub use event::{
    Counters, Event, HandshakeId, Kind, Message, Origin, Outgoing, Sent, SessionHandle, SessionInfo, Sid, Topic, Transmit, acknowledges,
};
pub use handshake::Handshake;
pub use output::{MAX_CONTROL, MAX_OVERHEAD};
pub use session::{MAX_SESSIONS, Session};
#[cfg(any(test, feature = "alloc"))]
pub use tables::HeapTables;
pub use tables::{MIN_HANDSHAKE_BUFFER, Marks, NEVER, Remembered, SliceTables, Slot, Tables};
#[cfg(feature = "device")]
pub(crate) use {handshake::MAX_FAILURES, input::RECONNECT_MS};

use crate::bytes::Writer;
use crate::credential::{Credentials, Thumbprint};
use crate::crypto::Provider;
use crate::error::{Error, Result};
use crate::persist::{self, SNAPSHOT_MAX, SessionMeta, Store};
use crate::record::{Plan, Position, Updating};
use session::{Ended, Identifiers, Live, Outcome, State, Windows, pending, want};
use zeroize::Zeroizing;

/// What an endpoint needs from its platform: cryptography with keys by handle, credentials, and durable memory.
pub trait Port: Provider + Credentials + Store {}
impl<T: Provider + Credentials + Store> Port for T {}

/// First bytes of frames (PROTOCOL 3).
pub(crate) mod frame_type {
    pub(crate) const MESSAGE_1: u8 = 1;
    pub(crate) const MESSAGE_2: u8 = 2;
    pub(crate) const MESSAGE_3: u8 = 3;
    pub(crate) const MESSAGE_4: u8 = 4;
    pub(crate) const ERROR: u8 = 5;
    pub(crate) const UNKNOWN_CONTEXT: u8 = 6;
}

/// `SessionMeta::flags`.
mod flag {
    /// `Live::fresh`.
    pub(super) const FRESH: u8 = 1;
    /// `Live::carries`.
    pub(super) const CARRIES: u8 = 2;
}

/// `Config::key_update_after` is not below: an update takes records itself, and must not call for the next.
const MIN_KEY_UPDATE: u64 = 8;
/// Numbers of confirmable messages reserved by one store operation. Small: after a restart all of them may have been used.
pub(crate) const NUMBERS_AHEAD: u32 = 16;
/// Most records that one store operation reserves.
const MAX_RESERVE: u32 = 65_536;
/// Doublings of the interval of repetitions.
pub(crate) const MAX_DOUBLINGS: u8 = 5;
/// An unconditional frame that belongs to no slot: an EDHOC error, or unknown-context.
const REPLY: usize = if cfg!(feature = "responder") { 48 } else { 5 };

/// One party's object. See the [module](self) for how it is driven.
pub struct Endpoint<T> {
    tables: T,
    config: Config,
    ids: Identifiers,
    counters: Counters,
    /// Counts message_1 composed and sessions established: which came first.
    clock: u32,
    /// `Live::order` given out last.
    order: u32,
    /// Handshakes started.
    started: u32,
    reply: Option<Reply>,
    /// Not before this is an unknown-context sent again.
    unknown_context_from: u64,
    /// Since when, and how many EDHOC errors were sent since.
    #[cfg(feature = "responder")]
    errors: (u64, u8),
    /// Not before this is one looked at again.
    reaction_from: u64,
    /// Of the batch under way: records, and how many of them take a new message number; 0 without one.
    batch: (u32, u32),
    /// Present at an endpoint that can be owned.
    #[cfg(feature = "setup")]
    device: Option<crate::setup::Device>,
    /// What a device has told its owner last, until that is reported.
    #[cfg(feature = "setup")]
    owned: Option<(SessionHandle, Thumbprint, u32, [u8; 8])>,
}

/// What a store operation makes durable besides what stands. It counts only once that has succeeded.
#[derive(Default)]
struct Change<'w> {
    /// A verified record about to be accepted.
    receiving: Option<Position>,
    /// A delivered message that the application has made durable.
    committing: Option<u64>,
    /// The session is confirmed, as this one in order.
    order: Option<u32>,
    windows: Option<&'w Windows>,
    /// A message sent under another session first may be out.
    carries: bool,
}

/// A frame that answers something without a session. There is room for one: the newest.
struct Reply {
    route: Route,
    frame: [u8; REPLY],
    len: u8,
}

impl Reply {
    const fn new(route: Route) -> Self {
        Reply { route, frame: [0; REPLY], len: 0 }
    }

    fn fill(&mut self, write: impl FnOnce(&mut Writer<'_>) -> Result<()>) -> Result<()> {
        let mut writer = Writer::new(&mut self.frame);
        write(&mut writer)?;
        self.len = u8::try_from(writer.len()).map_err(|_| Error::Internal)?;
        Ok(())
    }
}

impl<T: Tables> Endpoint<T> {
    /// An endpoint without sessions. Error: `InvalidArgument` for a configuration out of range.
    pub fn new(tables: T, config: Config) -> Result<Self> {
        let ids = Identifiers::new(config.identifier_len)?;
        let blocks = 1..=MAX_RESERVE;
        let sound = config.suites.iter().any(Option::is_some)
            && blocks.contains(&config.reserve)
            && blocks.contains(&config.edge)
            && config.handshake_attempts > 0
            && config.handshake_interval_ms > 0
            && config.resend_interval_ms > 0
            && config.silent_attempts > 0
            && config.key_update_after >= MIN_KEY_UPDATE
            && (cfg!(feature = "commands") || !config.offers);
        if !sound {
            return Err(Error::InvalidArgument);
        }
        Ok(Endpoint {
            tables,
            config,
            ids,
            counters: Counters::default(),
            clock: 0,
            order: 0,
            started: 0,
            reply: None,
            unknown_context_from: 0,
            #[cfg(feature = "responder")]
            errors: (0, 0),
            reaction_from: 0,
            batch: (0, 0),
            #[cfg(feature = "setup")]
            device: None,
            #[cfg(feature = "setup")]
            owned: None,
        })
    }

    // ---- getters

    /// The configuration.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What happened how often.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// What is known about a session. `now_ms` decides whether a command could be sent. Error: `UnknownSession`.
    pub fn session(&self, session: SessionHandle, now_ms: u64) -> Result<SessionInfo> {
        let live = self.live(session)?;
        let parties = live.context.parties();
        Ok(SessionInfo {
            session,
            sid: live.sid(),
            peer: parties.peer,
            own: parties.own,
            role: parties.role,
            suite: parties.suite,
            epoch: live.context.epoch(),
            confirmed: live.is_confirmed(),
            route: live.route,
            next_number: live.context.sent.next(),
            unacknowledged: u32::try_from(live.context.sent.outstanding().count()).unwrap_or(u32::MAX),
            command_ready: live.offers.of_peer(now_ms, &self.config).is_some(),
        })
    }

    /// The session that stands with this peer, if one is confirmed.
    pub fn find(&self, peer: &Thumbprint) -> Option<SessionHandle> {
        let mut best = None;
        let mut from = 0;
        while let Some(slot) = self.tables.with_peer(peer, from) {
            from = slot.saturating_add(1);
            if let Some(session) = self.tables.session(slot)
                && let Some(live) = session.live()
                && live.is_confirmed()
            {
                best = best.max(Some((live.order, SessionHandle::compose(slot, session.generation))));
            }
        }
        best.map(|(_, id)| id)
    }

    /// Every session, confirmed or not.
    pub fn sessions(&self) -> impl Iterator<Item = SessionHandle> {
        (0..self.tables.sessions()).filter_map(|slot| {
            let session = self.tables.session(slot)?;
            session.live().map(|_| SessionHandle::compose(slot, session.generation))
        })
    }

    // ---- slots

    fn slot_of(&self, id: SessionHandle) -> Result<usize> {
        let slot = id.slot();
        match self.tables.session(slot) {
            Some(session) if SessionHandle::compose(slot, session.generation) == id && session.live().is_some() => Ok(slot),
            _ => Err(Error::UnknownSession),
        }
    }

    fn live(&self, id: SessionHandle) -> Result<&Live> {
        let slot = self.slot_of(id)?;
        self.tables.session(slot).and_then(|session| session.live()).ok_or(Error::UnknownSession)
    }

    fn live_at(&mut self, slot: usize) -> Result<&mut Live> {
        live_in(&mut self.tables, slot)
    }

    fn handle_of(&self, slot: usize) -> SessionHandle {
        SessionHandle::compose(slot, self.tables.session(slot).map_or(0, |session| session.generation))
    }

    /// Keeps what a session slot waits for current. With a time, timers are set as well.
    fn settle(&mut self, slot: usize, now_ms: Option<u64>) {
        let interval = u64::from(self.config.resend_interval_ms);
        let ping_after = u64::from(self.config.ping_after_ms);
        let Some(session) = self.tables.session_mut(slot) else { return };
        let marks = match &mut session.state {
            State::Free => Marks::default(),
            State::Reserved { .. } => Marks { occupied: true, ..Marks::default() },
            State::Ended(ended) => Marks { event: !ended.reported, occupied: true, ended: ended.reported, ..Marks::default() },
            State::Live(live) => {
                if !(live.is_confirmed() && live.repeats()) {
                    live.repeat_at = NEVER;
                } else if live.repeat_at == NEVER {
                    live.repeat_at = now_ms.map_or(NEVER, |now_ms| now_ms.saturating_add(interval));
                }
                let pings = ping_after > 0 && live.is_confirmed() && !live.pinging;
                let ping_at = if pings { live.heard_ms.saturating_add(ping_after) } else { NEVER };
                Marks {
                    deadline: live.repeat_at.min(live.ack_at).min(ping_at),
                    event: live.events != 0 || live.next_resend().is_some(),
                    transmit: live.wants & if live.is_confirmed() { u8::MAX } else { want::MESSAGE_4 } != 0,
                    occupied: true,
                    ended: false,
                    unconfirmed: !live.is_confirmed(),
                }
            }
        };
        let remembered = session.remembered();
        self.tables.mark(Slot::Session(slot), marks);
        self.tables.remember(slot, &remembered);
    }

    /// Empties a session slot.
    fn release(&mut self, slot: usize) {
        let Some(session) = self.tables.session_mut(slot) else { return };
        let peer = session.peer();
        session.state = State::Free;
        if let Some(peer) = peer {
            self.tables.index_peer(slot, &peer, false);
        }
        self.settle(slot, None);
    }

    /// Erases a session's keys and keeps what has to be told about it, and its receive window.
    fn end(&mut self, slot: usize, outcome: Outcome) {
        let Some(session) = self.tables.session_mut(slot) else { return };
        let State::Live(live) = &session.state else { return };
        let ended = Ended {
            peer: live.peer(),
            sid: live.sid(),
            route: live.route,
            order: live.order,
            outcome,
            reported: false,
            keep: matches!(outcome, Outcome::Closed(_)),
            windows: live.heritage(SessionHandle::compose(slot, session.generation)),
        };
        session.state = State::Ended(ended);
        self.settle(slot, None);
    }

    /// A key may not be used any more: the session is over.
    fn exhausted<P: Port>(&mut self, port: &mut P, slot: usize) {
        self.erase_stored(port, slot);
        self.end(slot, Outcome::Closed(Error::KeyExhausted));
    }

    // ---- stored state

    /// Stores a live session; when that has succeeded, what it reserves is in force.
    #[inline(never)]
    fn save<P: Port>(&mut self, port: &mut P, slot: usize, change: &Change<'_>) -> Result<()> {
        let plan = Plan {
            ahead: self.config.reserve.max(self.batch.0),
            edge_ahead: self.config.edge.max(self.batch.0),
            numbers_ahead: NUMBERS_AHEAD.max(self.batch.1),
            receiving: change.receiving,
            committing: change.committing,
        };
        let Endpoint { tables, counters, .. } = self;
        let live = live_in(tables, slot)?;
        let mut buffer = Zeroizing::new([0; SNAPSHOT_MAX]);
        let mut meta = live.meta(change);
        // What is never taken up again needs no keys, and what is not stored cannot be stolen.
        meta.keyless = !port.resists_rollback();
        let len = persist::snapshot::encode(port, &live.context, &meta, &plan, buffer.as_mut())?;
        let key = u32::try_from(slot).map_err(|_| Error::Internal)?;
        let outcome = port.save(key, buffer.get(..len).ok_or(Error::Internal)?);
        if outcome.is_err() {
            counters.storage_failed = counters.storage_failed.wrapping_add(1);
            return Err(Error::StorageFailed);
        }
        live.context.stored(&plan);
        Ok(())
    }

    /// Stores a live session as it is, if something that is about to be sent requires it.
    fn save_to_send<P: Port>(&mut self, port: &mut P, slot: usize, new_number: bool) -> Result<()> {
        if !self.live_at(slot)?.context.must_store_to_send(new_number) {
            return Ok(());
        }
        self.save(port, slot, &Change::default())
    }

    /// Makes durable that a message sent under another session first may be out, unless that is known.
    fn save_carrying<P: Port>(&mut self, port: &mut P, slot: usize) -> Result<()> {
        if self.live_at(slot)?.carries() {
            return Ok(());
        }
        self.save(port, slot, &Change { carries: true, ..Change::default() })
    }

    /// Erases what is stored of a slot. A failure does no harm: what stays behind is older than its successor.
    fn erase_stored<P: Port>(&mut self, port: &mut P, slot: usize) {
        let erased = u32::try_from(slot).is_ok_and(|key| port.save(key, &[]).is_ok());
        if !erased {
            self.counters.storage_failed = self.counters.storage_failed.wrapping_add(1);
        }
    }

    /// Says that `records` calls of `send` or `handle_frame` follow, at most 65,536, `numbers` of them for new confirmable messages; zeros end
    /// that. Meanwhile a store operation reserves for all of them, so that one for each session and direction suffices; a restart then
    /// loses as many as were reserved, and what is reserved of the 64 message numbers that may be out counts as out.
    pub fn batch(&mut self, records: u32, numbers: u32) {
        self.batch = (records.min(MAX_RESERVE), numbers.min(MAX_RESERVE));
    }

    // ---- small things

    fn tick(&mut self) -> u32 {
        self.clock = self.clock.saturating_add(1);
        self.clock
    }

    fn next_order(&mut self) -> u32 {
        self.order = self.order.saturating_add(1);
        self.order
    }

    fn count_malformed(&mut self) {
        self.counters.malformed = self.counters.malformed.wrapping_add(1);
    }
}

/// The session in a slot, where the rest of the endpoint is needed beside it.
#[inline(never)]
fn live_in<T: Tables>(tables: &mut T, slot: usize) -> Result<&mut Live> {
    tables.session_mut(slot).and_then(|session| session.live_mut()).ok_or(Error::UnknownSession)
}

impl Live {
    /// Something is repeated until it is answered.
    fn repeats(&self) -> bool {
        self.repeats_control() || self.context.sent.outstanding().next().is_some()
    }

    fn repeats_control(&self) -> bool {
        matches!(self.early, session::Early::Initiator { .. })
            || self.resume.is_some()
            || self.pinging
            || self.offers.wanted()
            || matches!(self.context.updating(), Updating::Requested | Updating::Moved)
    }

    /// What is stored besides the security context.
    fn meta(&self, change: &Change<'_>) -> SessionMeta<'_> {
        let windows = change.windows.unwrap_or(&self.windows);
        SessionMeta {
            route: self.route.as_bytes(),
            confirmed: self.is_confirmed() || change.order.is_some(),
            flags: if self.fresh { flag::FRESH } else { 0 } | if change.carries || self.carries() { flag::CARRIES } else { 0 },
            tag: change.order.unwrap_or(self.order),
            keyless: false,
            ended: windows.map(|window| window.map(|window| window.ended)),
        }
    }

    /// An authenticated record came in.
    fn heard(&mut self, now_ms: u64) {
        self.heard_ms = now_ms;
        self.pinging = false;
        self.events &= !pending::SILENT;
        if self.attempts > 0 {
            self.attempts = 0;
            // Set anew, without the doublings.
            self.repeat_at = NEVER;
        }
    }
}
