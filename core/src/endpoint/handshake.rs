//! Handshake slots: half-open handshakes in both roles, their cached bytes and retransmission (PROTOCOL 4.2).

use super::config::{Config, InboxName, Route};
use super::event::HandshakeId;
use super::session::State;
use super::tables::{Marks, NEVER, Slot, Tables};
use super::{Endpoint, Port};
#[cfg(feature = "responder")]
use super::{Reply, frame_type};
use crate::bytes::copy;
use crate::credential::{MAX_CREDENTIAL, Thumbprint};
use crate::crypto::{AuthenticationKey, Suite};
use crate::edhoc::{AwaitMessage2, AwaitMessage4, Completed, ConnectionId, Ead};
#[cfg(feature = "responder")]
use crate::edhoc::{AwaitMessage3, EdhocError, Ephemeral};
use crate::error::{Error, Result};
use crate::record::Parties;
use zeroize::Zeroize;

/// Failing messages that one handshake bears.
pub(crate) const MAX_FAILURES: u8 = 8;
/// Frame type and the longest identifier.
pub(super) const PREFIX: usize = 5;
/// EDHOC errors sent: at most so many in so long.
#[cfg(feature = "responder")]
const MAX_ERRORS: u8 = 8;
#[cfg(feature = "responder")]
const ERRORS_MS: u64 = 1_000;
/// Doublings of a retransmission interval.
const MAX_DOUBLINGS: u8 = 6;

/// One slot of the handshake table. [`Handshake::default`] is an empty one; what it holds is the endpoint's business.
pub struct Handshake {
    pub(crate) step: Step,
    pub(crate) id: HandshakeId,
    /// The session slot whose identifier it uses.
    pub(crate) slot: usize,
    pub(crate) route: Route,
    /// As Responder: message_1 named an inbox, which policy has to confirm.
    #[cfg(feature = "responder")]
    pub(crate) inbox: Option<InboxName>,
    pub(crate) deadline: u64,
    /// How often the cached frame was sent.
    pub(crate) attempts: u8,
    pub(crate) failures: u8,
    /// Bytes of the frame to send (again), at the start of the buffer.
    pub(crate) cached: usize,
    /// Bytes of a message that waits for the provider, behind it.
    pub(crate) waiting: usize,
    /// Hash of the message that the cached frame answers.
    pub(crate) seen: [u8; 16],
    /// When message_1 was composed, on the scale of `Live::established`.
    pub(crate) composed: u32,
    pub(crate) expected: Option<Thumbprint>,
    pub(crate) suite: Option<Suite>,
    /// Error 2 has led to another suite once.
    pub(crate) suite_changed: bool,
    pub(crate) by_value: bool,
    pub(crate) reason: Error,
    pub(crate) transmit: bool,
    /// Bytes at the end of the buffer that say why the peer should let this end in, until message_3 says so.
    #[cfg(feature = "setup")]
    pub(crate) claim: u8,
    pub(crate) marks: Marks,
}

/// How far a handshake is.
#[derive(Default)]
pub(crate) enum Step {
    #[default]
    Free,
    /// Over; waits to be reported.
    Failed,
    /// Responder: message_1 waits for the provider; with the key pair once it has been drawn.
    #[cfg(feature = "responder")]
    Message1(Option<Ephemeral>),
    /// Responder: message_2 is out.
    #[cfg(feature = "responder")]
    Message3(AwaitMessage3),
    /// Initiator: message_1 is out.
    Message2(AwaitMessage2),
    /// Initiator: message_3 is out.
    Message4(AwaitMessage4),
}

impl Default for Handshake {
    fn default() -> Self {
        Handshake {
            step: Step::Free,
            id: HandshakeId(0),
            slot: 0,
            route: Route::default(),
            #[cfg(feature = "responder")]
            inbox: None,
            deadline: 0,
            attempts: 0,
            failures: 0,
            cached: 0,
            waiting: 0,
            seen: [0; 16],
            composed: 0,
            expected: None,
            suite: None,
            suite_changed: false,
            by_value: false,
            reason: Error::HandshakeFailed,
            transmit: false,
            #[cfg(feature = "setup")]
            claim: 0,
            marks: Marks::default(),
        }
    }
}

impl Handshake {
    /// Empties it; what its table knows of it stays.
    #[inline(never)]
    pub(super) fn clear(&mut self) {
        *self = Handshake { marks: self.marks, ..Handshake::default() };
    }

    /// The buffer without what is kept at its end, and that.
    pub(crate) fn room<'b>(&self, buffer: &'b mut [u8]) -> Result<(&'b mut [u8], &'b mut [u8])> {
        #[cfg(feature = "setup")]
        let kept = usize::from(self.claim);
        #[cfg(not(feature = "setup"))]
        let kept = 0;
        let at = buffer.len().checked_sub(kept).ok_or(Error::Internal)?;
        buffer.split_at_mut_checked(at).ok_or(Error::Internal)
    }

    pub(crate) const fn is_initiator(&self) -> bool {
        matches!(self.step, Step::Message2(_) | Step::Message4(_))
    }

    /// message_3 is composed. A clone, so that what was composed erases itself.
    #[inline(never)]
    pub(super) fn await_message_4(&mut self, next: &AwaitMessage4) {
        self.step = Step::Message4(next.clone());
    }

    pub(crate) const fn is_half_open(&self) -> bool {
        #[cfg(feature = "responder")]
        return matches!(self.step, Step::Message1(_) | Step::Message3(_));
        #[cfg(not(feature = "responder"))]
        false
    }
}

/// Where the message being processed is.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Frame(&'a [u8]),
    /// In the slot's buffer.
    Waiting,
}

/// What a failing message says of the peer, and not of this end.
pub(super) const fn is_peers_fault(error: Error) -> bool {
    matches!(error.number(), 100..300)
}

/// Suites as the edhoc module takes them.
pub(super) struct Suites {
    list: [Suite; super::config::MAX_SUITES],
    len: usize,
}

impl Suites {
    pub(super) fn as_slice(&self) -> &[Suite] {
        self.list.get(..self.len).unwrap_or_default()
    }
}

impl Config {
    /// The suites that are configured and have a credential with a key of this sort. Error: `UnknownCredential` if there is none.
    pub(super) fn usable_suites<P: Port>(&self, port: &P, sort: AuthenticationKey) -> Result<Suites> {
        let mut credential = [0; MAX_CREDENTIAL];
        let mut usable = self.suites.iter().flatten().filter(|suite| port.own(**suite, sort, &mut credential).is_ok());
        let first = *usable.next().ok_or(Error::UnknownCredential)?;
        let mut suites = Suites { list: [first; super::config::MAX_SUITES], len: 1 };
        for suite in usable {
            *suites.list.get_mut(suites.len).ok_or(Error::InvalidArgument)? = *suite;
            suites.len = suites.len.saturating_add(1);
        }
        Ok(suites)
    }

    pub(super) fn handshake_interval(&self, attempts: u8) -> u64 {
        u64::from(self.handshake_interval_ms) << attempts.saturating_sub(1).min(MAX_DOUBLINGS)
    }
}

/// Takes note of an inbox name; `label` is what it is called in this message. Error: `Malformed` for another form or a second one (PROTOCOL 4.1).
pub(super) fn take_inbox(item: &Ead<'_>, label: i64, inbox: &mut Option<InboxName>) -> Result<bool> {
    if item.label != label {
        return Ok(false);
    }
    if inbox.is_some() {
        return Err(Error::Malformed);
    }
    *inbox = Some(InboxName::new(item.value.ok_or(Error::Malformed)?).map_err(|_| Error::Malformed)?);
    Ok(true)
}

/// Puts type and identifier before the message that lies at `at`; gives the length of the frame.
pub(super) fn assemble(buffer: &mut [u8], frame: u8, identifier: &ConnectionId, at: usize, len: usize) -> Result<usize> {
    let identifier = identifier.as_bytes();
    let head = identifier.len().saturating_add(1);
    let end = at.checked_add(len).ok_or(Error::Internal)?;
    if head > at || end > buffer.len() {
        return Err(Error::Internal);
    }
    // Downwards, in ascending order; `copy_within` links a panic.
    let cells = core::cell::Cell::from_mut(&mut *buffer).as_slice_of_cells();
    for (to, from) in cells.iter().skip(head).zip(cells.iter().skip(at)).take(len) {
        to.set(from.get());
    }
    *buffer.first_mut().ok_or(Error::Internal)? = frame;
    copy(buffer.get_mut(1..head).ok_or(Error::Internal)?, identifier);
    Ok(head.saturating_add(len))
}

pub(super) fn short_hash<P: Port, const N: usize>(port: &mut P, message: &[u8]) -> [u8; N] {
    let hash = port.hash(&[message]);
    let mut short = [0; N];
    for (to, from) in short.iter_mut().zip(hash) {
        *to = from;
    }
    short
}

// ---- slots

impl<T: Tables> Endpoint<T> {
    /// Takes a handshake slot and a session slot with an identifier other than `avoid`. When there is none, a random
    /// half-open handshake makes room; an established session never does, nor does an event that was not polled yet: what strangers send
    /// must not make it disappear.
    pub(super) fn take_slots<P: Port>(&mut self, port: &mut P, now_ms: u64, avoid: Option<&ConnectionId>) -> Result<(usize, usize)> {
        if self.tables.vacant_handshake().is_none() && !self.evict_half_open(port)? {
            return Err(Error::NoSpace);
        }
        let limit = self.ids.capacity();
        let slot = loop {
            if let Some(slot) = self.tables.vacant_session(limit) {
                break slot;
            }
            // Receive windows of ended sessions come last: a flood of strangers must not make messages be delivered twice.
            if !(self.evict_half_open(port)? || self.evict_unconfirmed(port, now_ms) || self.reclaim_ended()) {
                return Err(Error::NoSpace);
            }
        };
        let handshake = self.tables.vacant_handshake().ok_or(Error::NoSpace)?;
        let mut random = [0; 2];
        port.random(&mut random)?;
        let session = self.tables.session_mut(slot).ok_or(Error::Internal)?;
        let variants = self.ids.variants();
        let mut variant = u16::from_be_bytes(random) & variants.wrapping_sub(1);
        let mut identifier = self.ids.compose(slot, variant)?;
        // Two rounds at most: one identifier to avoid, and the one used before where there are more than two.
        for _ in 0..2 {
            let stale = variant == session.variant && (variants > 2 || avoid != Some(&self.ids.compose(slot, variant ^ 1)?));
            if stale || avoid == Some(&identifier) {
                variant = variant.wrapping_add(1) & variants.wrapping_sub(1);
                identifier = self.ids.compose(slot, variant)?;
            }
        }
        session.variant = variant;
        session.state = State::Reserved { handshake, identifier };
        self.settle(slot, Some(now_ms));
        Ok((handshake, slot))
    }

    /// A session whose end has been reported gives its slot.
    fn reclaim_ended(&mut self) -> bool {
        let Some(slot) = self.tables.next_ended() else { return false };
        self.release(slot);
        true
    }

    /// Nothing of strangers is here where none is answered.
    #[cfg(not(feature = "responder"))]
    fn evict_half_open<P: Port>(&mut self, _port: &mut P) -> Result<bool> {
        Ok(false)
    }

    #[cfg(not(feature = "responder"))]
    fn evict_unconfirmed<P: Port>(&mut self, _port: &mut P, _now_ms: u64) -> bool {
        false
    }

    #[cfg(feature = "responder")]
    fn evict_half_open<P: Port>(&mut self, port: &mut P) -> Result<bool> {
        let half_open = |slot: &usize| self.tables.handshake(*slot).is_some_and(Handshake::is_half_open);
        let count = (0..self.tables.handshakes()).filter(half_open).count();
        let mut random = [0; 4];
        port.random(&mut random)?;
        let pick = (u32::from_be_bytes(random) as usize).checked_rem(count);
        let Some(victim) = pick.and_then(|pick| (0..self.tables.handshakes()).filter(half_open).nth(pick)) else {
            return Ok(false);
        };
        self.counters.evicted = self.counters.evicted.wrapping_add(1);
        self.drop_handshake(victim);
        Ok(true)
    }

    /// An unconfirmed session whose Initiator has been silent for a while gives its slot.
    #[cfg(feature = "responder")]
    fn evict_unconfirmed<P: Port>(&mut self, port: &mut P, now_ms: u64) -> bool {
        let patience = u64::from(self.config.half_open_ms / 4);
        let mut from = 0;
        while let Some(slot) = self.tables.next_unconfirmed(from) {
            from = slot.saturating_add(1);
            let live = self.tables.session(slot).and_then(|session| session.live());
            if live.is_some_and(|live| now_ms.saturating_sub(live.established_ms) >= patience) {
                self.counters.evicted = self.counters.evicted.wrapping_add(1);
                self.erase_stored(port, slot);
                self.release(slot);
                return true;
            }
        }
        false
    }

    /// Empties a handshake slot.
    pub(super) fn clear_handshake(&mut self, slot: usize) {
        if let Some((handshake, buffer)) = self.tables.handshake_mut(slot) {
            handshake.clear();
            // It held plaintexts and MACs.
            buffer.zeroize();
        }
        self.settle_handshake(slot);
    }

    /// Empties a handshake slot and the session slot that it reserved.
    pub(crate) fn drop_handshake(&mut self, slot: usize) {
        let reserved = self.tables.handshake(slot).map(|handshake| handshake.slot);
        if let Some(reserved) = reserved
            && let Some(session) = self.tables.session(reserved)
            && matches!(session.state, State::Reserved { handshake, .. } if handshake == slot)
        {
            self.release(reserved);
        }
        self.clear_handshake(slot);
    }

    /// Ends a handshake without a session. One that this end started is reported.
    pub(super) fn fail_handshake(&mut self, slot: usize, reason: Error) {
        let Some((handshake, _)) = self.tables.handshake_mut(slot) else { return };
        let (initiator, id, route) = (handshake.is_initiator(), handshake.id, handshake.route);
        self.counters.handshakes_failed = self.counters.handshakes_failed.wrapping_add(1);
        self.drop_handshake(slot);
        if initiator && let Some((handshake, _)) = self.tables.handshake_mut(slot) {
            handshake.step = Step::Failed;
            handshake.id = id;
            handshake.route = route;
            handshake.reason = reason;
            self.settle_handshake(slot);
        }
    }

    pub(crate) fn settle_handshake(&mut self, slot: usize) {
        let Some(handshake) = self.tables.handshake(slot) else { return };
        let under_way = handshake.is_half_open() || handshake.is_initiator();
        let marks = Marks {
            deadline: if under_way { handshake.deadline } else { NEVER },
            event: matches!(handshake.step, Step::Failed),
            transmit: under_way && handshake.transmit,
            occupied: !matches!(handshake.step, Step::Free),
            ..Marks::default()
        };
        self.tables.mark(Slot::Handshake(slot), marks);
    }
}

impl<T: Tables> Endpoint<T> {
    /// The session slot that a handshake frame is addressed to, and the message in it.
    pub(super) fn addressed<'f>(&mut self, frame: &'f [u8]) -> Result<(usize, &'f [u8])> {
        let body = frame.get(1..).unwrap_or_default();
        let Some((identifier, message)) = body.split_at_checked(self.ids.len()) else {
            self.count_malformed();
            return Err(Error::Malformed);
        };
        let identifier = ConnectionId::new(identifier)?;
        let slot = self.ids.split(&identifier).map(|(slot, _)| slot);
        let found = slot.filter(|slot| self.tables.session(*slot).and_then(|session| session.identifier()).as_ref() == Some(&identifier));
        match found {
            Some(slot) => Ok((slot, message)),
            None => self.ignored(Error::UnknownContext),
        }
    }

    /// The handshake that a frame is addressed to.
    pub(super) fn handshake_of<'f>(&mut self, frame: &'f [u8]) -> Result<(usize, &'f [u8])> {
        let (slot, message) = self.addressed(frame)?;
        match self.tables.session(slot).map(|session| &session.state) {
            Some(State::Reserved { handshake, .. }) => Ok((*handshake, message)),
            _ => self.ignored(Error::WrongState),
        }
    }

    pub(super) fn ignored<R>(&mut self, error: Error) -> Result<R> {
        self.counters.handshake_ignored = self.counters.handshake_ignored.wrapping_add(1);
        Err(error)
    }

    /// A message did not lead on: it waits for the provider, or it is counted; the ninth such ends the handshake.
    pub(super) fn step_failed(&mut self, slot: usize, source: Source<'_>, error: Error) -> Result<()> {
        if error == Error::Pending {
            return self.keep_waiting(slot, source);
        }
        let (handshake, _) = self.tables.handshake_mut(slot).ok_or(Error::Internal)?;
        if !is_peers_fault(error) {
            return Err(error);
        }
        handshake.waiting = 0;
        handshake.reason = error;
        handshake.failures = handshake.failures.saturating_add(1);
        if handshake.failures > MAX_FAILURES {
            self.fail_handshake(slot, error);
        }
        self.ignored(error)
    }

    /// Keeps the message behind the cached frame until the provider has finished.
    pub(super) fn keep_waiting(&mut self, slot: usize, source: Source<'_>) -> Result<()> {
        if let Source::Frame(message) = source {
            let (handshake, buffer) = self.tables.handshake_mut(slot).ok_or(Error::Internal)?;
            let (buffer, _) = handshake.room(buffer)?;
            let place = buffer.get_mut(handshake.cached..).and_then(|rest| rest.get_mut(..message.len()));
            copy(place.ok_or(Error::BufferTooSmall)?, message);
            handshake.waiting = message.len();
            self.settle_handshake(slot);
        }
        Err(Error::Pending)
    }

    /// Continues the handshakes that waited for a key operation, when it has finished.
    ///
    /// Errors: `Pending` while some still wait; else the first failure, which concerns one handshake and is counted. A message that failed
    /// waits no longer: its repetition is processed anew.
    pub fn resume_pending<P: Port>(&mut self, port: &mut P, now_ms: u64) -> Result<()> {
        let mut outcome = Ok(());
        for slot in 0..self.tables.handshakes() {
            let Some(handshake) = self.tables.handshake(slot) else { continue };
            let result = match handshake.step {
                _ if handshake.waiting == 0 => Ok(()),
                #[cfg(feature = "responder")]
                Step::Message1(_) => {
                    let result = self.step_message_1(port, slot, Source::Waiting);
                    if matches!(result, Err(error) if error != Error::Pending) {
                        self.drop_handshake(slot);
                    }
                    result
                }
                Step::Message2(_) => self.step_message_2(port, now_ms, slot, Source::Waiting),
                #[cfg(feature = "responder")]
                Step::Message3(_) => self.step_message_3(port, now_ms, slot, Source::Waiting),
                _ => Ok(()),
            };
            // Whatever this end lacked: the peer repeats the message, and must not find this one still waiting.
            if matches!(result, Err(error) if error != Error::Pending)
                && let Some((handshake, _)) = self.tables.handshake_mut(slot)
            {
                handshake.waiting = 0;
            }
            if outcome.is_ok() || result == Err(Error::Pending) {
                outcome = result;
            }
        }
        outcome
    }

    /// The timer of a handshake: send again, or give up.
    pub(crate) fn handshake_timeout(&mut self, now_ms: u64, slot: usize) {
        let attempts_allowed = self.config.handshake_attempts;
        let Some((handshake, _)) = self.tables.handshake_mut(slot) else { return };
        if handshake.is_initiator() && handshake.attempts < attempts_allowed {
            handshake.attempts = handshake.attempts.saturating_add(1);
            // Nothing is sent again while the answer to it waits for the provider.
            handshake.transmit = handshake.waiting == 0;
            handshake.deadline = now_ms.saturating_add(self.config.handshake_interval(handshake.attempts));
            self.settle_handshake(slot);
        } else {
            let reason = handshake.reason;
            self.fail_handshake(slot, reason);
        }
    }

    /// Answers with an EDHOC error; not more often than [`MAX_ERRORS`] say, since strangers choose where it goes.
    #[cfg(feature = "responder")]
    pub(super) fn reply_error(&mut self, now_ms: u64, route: Route, to: &ConnectionId, error: &EdhocError<'_>) {
        if self.config.mqtt && route.is_link() {
            return;
        }
        if now_ms.saturating_sub(self.errors.0) >= ERRORS_MS {
            self.errors = (now_ms, 0);
        }
        if self.errors.1 >= MAX_ERRORS {
            return;
        }
        let mut reply = Reply::new(route);
        let written = reply.fill(|writer| {
            writer.u8(frame_type::ERROR)?;
            writer.put(to.as_bytes())?;
            error.write(writer)
        });
        if written.is_ok() {
            self.errors.1 = self.errors.1.saturating_add(1);
            self.reply = Some(reply);
        }
    }
}

pub(super) fn parties(completed: &Completed) -> Result<Parties> {
    let sid = completed.th_4.first_chunk::<8>().ok_or(Error::Internal)?;
    Ok(Parties {
        suite: completed.suite,
        role: completed.role,
        c_i: completed.c_i,
        c_r: completed.c_r,
        own: completed.own,
        peer: completed.peer,
        sid: *sid,
    })
}
