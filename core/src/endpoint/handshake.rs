//! Handshake slots: half-open handshakes in both roles, their cached bytes and retransmission (PROTOCOL 4.2).

use super::config::{Config, InboxName, Route};
use super::event::HandshakeId;
use super::session::{Early, Live, MESSAGE_4_MAX, State, want};
use super::tables::{Marks, Slot, Tables};
use super::{Endpoint, Port, Reply, frame_type};
use crate::bytes::Writer;
use crate::credential::{MAX_CREDENTIAL, Thumbprint};
use crate::crypto::Suite;
use crate::edhoc::{
    self, AwaitMessage2, AwaitMessage3, AwaitMessage4, Completed, ConnectionId, Ead, EadItems, EdhocError, INBOX, Message1, Role,
};
use crate::error::{Error, Result};
use crate::record::{Parties, SecurityContext};
use zeroize::Zeroize;

/// Failing messages that one handshake bears.
const MAX_FAILURES: u8 = 8;
/// How often a Responder answers one message_1 that names an inbox.
const MAX_ANSWERS: u8 = 4;
/// How often an Initiator answers a repeated message_4 with a fresh record.
const MAX_RECORDS: u8 = 8;
/// Unconfirmed sessions that one peer may have.
const MAX_UNCONFIRMED: usize = 4;
/// Frame type and the longest identifier.
const PREFIX: usize = 5;
/// What message_2 is longer than PLAINTEXT_2: G_Y and the head of a byte string.
const G_Y: usize = 35;
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
    pub(crate) marks: Marks,
}

/// How far a handshake is.
#[derive(Default)]
pub(crate) enum Step {
    #[default]
    Free,
    /// Over; waits to be reported.
    Failed,
    /// Responder: message_1 waits for the provider.
    Message1,
    /// Responder: message_2 is out.
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
            marks: Marks::default(),
        }
    }
}

impl Handshake {
    pub(crate) const fn is_initiator(&self) -> bool {
        matches!(self.step, Step::Message2(_) | Step::Message4(_))
    }

    pub(crate) const fn is_half_open(&self) -> bool {
        matches!(self.step, Step::Message1 | Step::Message3(_))
    }
}

/// Where the message being processed is.
#[derive(Clone, Copy)]
enum Source<'a> {
    Frame(&'a [u8]),
    /// In the slot's buffer.
    Waiting,
}

/// What a failing message says of the peer, and not of this end.
const fn is_peers_fault(error: Error) -> bool {
    matches!(error.number(), 100..300)
}

/// Suites as the edhoc module takes them.
struct Suites {
    list: [Suite; super::config::MAX_SUITES],
    len: usize,
}

impl Suites {
    fn as_slice(&self) -> &[Suite] {
        self.list.get(..self.len).unwrap_or_default()
    }
}

impl Config {
    /// The suites that are configured and have a credential.
    fn usable_suites<P: Port>(&self, port: &P) -> Result<Suites> {
        let mut credential = [0; MAX_CREDENTIAL];
        let mut usable = self.suites.iter().flatten().filter(|suite| port.own(**suite, &mut credential).is_ok());
        let first = *usable.next().ok_or(Error::UnknownCredential)?;
        let mut suites = Suites { list: [first; super::config::MAX_SUITES], len: 1 };
        for suite in usable {
            *suites.list.get_mut(suites.len).ok_or(Error::InvalidArgument)? = *suite;
            suites.len = suites.len.saturating_add(1);
        }
        Ok(suites)
    }

    fn handshake_interval(&self, attempts: u8) -> u64 {
        u64::from(self.handshake_interval_ms) << attempts.saturating_sub(1).min(MAX_DOUBLINGS)
    }
}

/// Takes note of an inbox name; `label` is what it is called in this message. Error: `Malformed` for another form or a second one. One that stands twice is none (PROTOCOL 4.1).
fn take_inbox(item: &Ead<'_>, label: i64, inbox: &mut Option<InboxName>) -> Result<bool> {
    if item.label != label {
        return Ok(false);
    }
    if inbox.is_some() {
        return Err(Error::Malformed);
    }
    *inbox = Some(InboxName::new(item.value.ok_or(Error::Malformed)?).map_err(|_| Error::Malformed)?);
    Ok(true)
}

/// The inbox name in EAD_1. Errors: `Malformed`, `NotDeterministic`, `UnknownCriticalEad`.
fn inbox_of(items: EadItems<'_>) -> Result<Option<InboxName>> {
    let mut inbox = None;
    for item in items {
        let item = item?;
        if !take_inbox(&item, INBOX.wrapping_neg(), &mut inbox)? && item.is_critical() {
            return Err(Error::UnknownCriticalEad);
        }
    }
    Ok(inbox)
}

/// Puts type and identifier before the message that lies at `at`; gives the length of the frame.
fn assemble(buffer: &mut [u8], frame: u8, identifier: &ConnectionId, at: usize, len: usize) -> Result<usize> {
    let identifier = identifier.as_bytes();
    let head = identifier.len().saturating_add(1);
    let end = at.checked_add(len).ok_or(Error::Internal)?;
    if head > at || end > buffer.len() {
        return Err(Error::Internal);
    }
    buffer.copy_within(at..end, head);
    *buffer.first_mut().ok_or(Error::Internal)? = frame;
    buffer.get_mut(1..head).ok_or(Error::Internal)?.copy_from_slice(identifier);
    Ok(head.saturating_add(len))
}

fn short_hash<P: Port, const N: usize>(port: &mut P, message: &[u8]) -> [u8; N] {
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
    /// half-open handshake makes room; an established session never does.
    fn take_slots<P: Port>(&mut self, port: &mut P, now_ms: u64, avoid: Option<&ConnectionId>) -> Result<(usize, usize)> {
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
        let handshake = match self.tables.vacant_handshake() {
            Some(handshake) => handshake,
            None if self.reclaim_failed() || self.evict_half_open(port)? => self.tables.vacant_handshake().ok_or(Error::NoSpace)?,
            None => return Err(Error::NoSpace),
        };
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

    /// A session that has ended gives its slot: one that was reported, else any.
    fn reclaim_ended(&mut self) -> bool {
        let ended = |reported: bool| {
            (0..self.tables.sessions()).find(|slot| {
                let session = self.tables.session(*slot);
                session.is_some_and(|session| matches!(&session.state, State::Ended(ended) if ended.reported == reported))
            })
        };
        let Some(slot) = ended(true).or_else(|| ended(false)) else { return false };
        self.release(slot);
        true
    }

    fn reclaim_failed(&mut self) -> bool {
        let failed = |slot: &usize| self.tables.handshake(*slot).is_some_and(|found| matches!(found.step, Step::Failed));
        let Some(slot) = (0..self.tables.handshakes()).find(failed) else { return false };
        self.clear_handshake(slot);
        true
    }

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
    fn evict_unconfirmed<P: Port>(&mut self, port: &mut P, now_ms: u64) -> bool {
        let patience = u64::from(self.config.half_open_ms / 4);
        let abandoned = |slot: &usize| {
            let live = self.tables.session(*slot).and_then(|session| session.live());
            live.is_some_and(|live| !live.confirmed && now_ms.saturating_sub(live.established_ms) >= patience)
        };
        let Some(slot) = (0..self.tables.sessions()).find(abandoned) else { return false };
        self.counters.evicted = self.counters.evicted.wrapping_add(1);
        self.erase_stored(port, slot);
        self.release(slot);
        true
    }

    /// Empties a handshake slot.
    fn clear_handshake(&mut self, slot: usize) {
        if let Some((handshake, buffer)) = self.tables.handshake_mut(slot) {
            let marks = handshake.marks;
            *handshake = Handshake { marks, ..Handshake::default() };
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
    fn fail_handshake(&mut self, slot: usize, reason: Error) {
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
            deadline: under_way.then_some(handshake.deadline),
            event: matches!(handshake.step, Step::Failed),
            transmit: under_way && handshake.transmit,
            occupied: !matches!(handshake.step, Step::Free),
        };
        self.tables.mark(Slot::Handshake(slot), marks);
    }
}

// ---- Initiator

impl<T: Tables> Endpoint<T> {
    /// Starts a handshake: message_1 is the next frame of `poll_transmit`. `Established` or `HandshakeFailed` with the
    /// handle follows. `peer`: the only identity to accept, if it is known beforehand.
    ///
    /// Errors: `NoSpace`; `UnknownCredential` (no own credential for a configured suite); `RandomFailed`.
    pub fn connect<P: Port>(&mut self, port: &mut P, now_ms: u64, route: Route, peer: Option<Thumbprint>) -> Result<HandshakeId> {
        let suite = *self.config.usable_suites(port)?.as_slice().first().ok_or(Error::UnsupportedSuite)?;
        let (slot, session) = self.take_slots(port, now_ms, None)?;
        self.started = self.started.wrapping_add(1);
        let id = HandshakeId(self.started);
        if let Some((handshake, _)) = self.tables.handshake_mut(slot) {
            *handshake = Handshake { id, slot: session, route, expected: peer, marks: handshake.marks, ..Handshake::default() };
        }
        if let Err(error) = self.compose(port, now_ms, slot, suite) {
            self.drop_handshake(slot);
            return Err(error);
        }
        Ok(id)
    }

    /// Gives up a handshake started by `connect`; nothing is reported. Error: `UnknownSession` if it is over.
    pub fn cancel(&mut self, handshake: HandshakeId) -> Result<()> {
        let wanted = |slot: &usize| self.tables.handshake(*slot).is_some_and(|found| found.is_initiator() && found.id == handshake);
        let slot = (0..self.tables.handshakes()).find(wanted).ok_or(Error::UnknownSession)?;
        self.drop_handshake(slot);
        Ok(())
    }

    /// Composes message_1 for `suite` into the slot's buffer. On error the slot is as it was.
    fn compose<P: Port>(&mut self, port: &mut P, now_ms: u64, slot: usize, suite: Suite) -> Result<()> {
        let suites = self.config.usable_suites(port)?;
        let inbox = self.config.inbox;
        let ead = inbox.as_ref().map(|inbox| Ead { label: INBOX.wrapping_neg(), value: Some(inbox.as_bytes()) });
        let composed = self.tick();
        let deadline = now_ms.saturating_add(self.config.handshake_interval(1));
        let reserved = self.tables.handshake(slot).ok_or(Error::Internal)?.slot;
        let identifier = self.tables.session(reserved).and_then(|session| session.identifier()).ok_or(Error::Internal)?;
        let (handshake, buffer) = self.tables.handshake_mut(slot).ok_or(Error::Internal)?;
        // The first byte last: when no key can be generated, the frame cached here stays whole.
        let (kind, message) = buffer.split_first_mut().ok_or(Error::Internal)?;
        let mut writer = Writer::new(message);
        let state = edhoc::compose_message_1(port, suites.as_slice(), suite, identifier, ead.as_slice(), &mut writer)?;
        *kind = frame_type::MESSAGE_1;
        handshake.cached = writer.len().saturating_add(1);
        handshake.step = Step::Message2(state);
        handshake.suite = Some(suite);
        handshake.composed = composed;
        handshake.waiting = 0;
        handshake.attempts = 1;
        handshake.transmit = true;
        handshake.deadline = deadline;
        self.settle_handshake(slot);
        Ok(())
    }

    pub(crate) fn on_message_2<P: Port>(&mut self, port: &mut P, now_ms: u64, frame: &[u8]) -> Result<()> {
        let (slot, message) = self.handshake_of(frame)?;
        let (handshake, _) = self.tables.handshake_mut(slot).ok_or(Error::Internal)?;
        match handshake.step {
            Step::Message2(_) if handshake.waiting == 0 => self.step_message_2(port, now_ms, slot, Source::Frame(message)),
            Step::Message4(_) if handshake.seen == short_hash(port, message) => {
                handshake.transmit = true;
                self.settle_handshake(slot);
                Ok(())
            }
            Step::Message2(_) => self.ignored(Error::Busy),
            _ => self.ignored(Error::WrongState),
        }
    }

    fn step_message_2<P: Port>(&mut self, port: &mut P, now_ms: u64, slot: usize, source: Source<'_>) -> Result<()> {
        let (handshake, buffer) = self.tables.handshake_mut(slot).ok_or(Error::Internal)?;
        let used = handshake.cached.saturating_add(handshake.waiting);
        let (front, back) = buffer.split_at_mut_checked(used).ok_or(Error::Internal)?;
        let message = match source {
            Source::Frame(message) => message,
            Source::Waiting => front.get(handshake.cached..).unwrap_or_default(),
        };
        let Step::Message2(state) = &handshake.step else { return Err(Error::WrongState) };
        let seen = short_hash(port, message);
        let mut inbox = None;
        let (scratch, rest) = back.split_at_mut_checked(message.len()).ok_or(Error::BufferTooSmall)?;
        let mut writer = Writer::new(rest.get_mut(PREFIX..).unwrap_or_default());
        let mut on_ead = |item: &Ead<'_>| take_inbox(item, INBOX, &mut inbox);
        let outcome = state.process_message_2(port, message, handshake.by_value, &[], &mut on_ead, scratch, &mut writer);
        let (len, at) = (writer.len(), used.saturating_add(message.len()).saturating_add(PREFIX));
        let outcome = match (outcome, handshake.expected) {
            (Ok(next), Some(expected)) if next.peer() != expected => Err(Error::Denied),
            (outcome, _) => outcome,
        };
        let next = match outcome {
            Ok(next) => next,
            Err(error) => return self.step_failed(slot, source, error),
        };
        let (peer, composed) = (next.peer(), handshake.composed);
        if self.has_initiated_since(&peer, composed) {
            // Another of this end's own handshakes with the same peer was faster. The peer would end this one with the first record under
            // that, perhaps before it completes here.
            self.fail_handshake(slot, Error::Superseded);
            return Ok(());
        }
        let (handshake, buffer) = self.tables.handshake_mut(slot).ok_or(Error::Internal)?;
        handshake.cached = assemble(buffer, frame_type::MESSAGE_3, next.c_r(), at, len)?;
        handshake.waiting = 0;
        handshake.seen = seen;
        handshake.step = Step::Message4(next);
        handshake.attempts = 1;
        handshake.transmit = true;
        handshake.deadline = now_ms.saturating_add(self.config.handshake_interval(1));
        if let Some(inbox) = inbox {
            handshake.route = inbox.into();
        }
        self.settle_handshake(slot);
        Ok(())
    }

    pub(crate) fn on_message_4<P: Port>(&mut self, port: &mut P, now_ms: u64, frame: &[u8]) -> Result<()> {
        let (session, message) = self.addressed(frame)?;
        let hash = short_hash(port, message);
        if let Some(live) = self.tables.session_mut(session).and_then(|session| session.live_mut()) {
            // The Responder has not had a record yet, or it would not repeat itself: send it one. A few times only: each takes a Partial IV,
            // and anyone can send this frame again. The timer repeats anyway.
            match &mut live.early {
                Early::Initiator { message_4, answers, .. } if *message_4 == hash && *answers < MAX_RECORDS => {
                    *answers = answers.saturating_add(1);
                }
                _ => return self.ignored(Error::WrongState),
            }
            live.wants |= want::REPEAT;
            self.settle(session, Some(now_ms));
            return Ok(());
        }
        let (slot, message) = self.handshake_of(frame)?;
        let (handshake, buffer) = self.tables.handshake_mut(slot).ok_or(Error::Internal)?;
        let scratch = buffer.get_mut(handshake.cached..).unwrap_or_default();
        let Step::Message4(state) = &handshake.step else { return self.ignored(Error::WrongState) };
        match state.process_message_4(port, message, &mut edhoc::ignore_ead, scratch) {
            Ok(completed) => self.complete_initiator(port, now_ms, slot, &completed, hash),
            Err(error) => self.step_failed(slot, Source::Frame(message), error),
        }
    }

    /// message_4 verified: the Initiator decides which session stands (PROTOCOL 4.3).
    fn complete_initiator<P: Port>(
        &mut self,
        port: &mut P,
        now_ms: u64,
        slot: usize,
        completed: &Completed,
        message_4: [u8; 8],
    ) -> Result<()> {
        let parties = parties(completed)?;
        let handshake = self.tables.handshake(slot).ok_or(Error::Internal)?;
        let (route, session, composed, id) = (handshake.route, handshake.slot, handshake.composed, handshake.id);
        let Some(handover) = self.decide(&parties, composed) else {
            self.fail_handshake(slot, Error::Superseded);
            return Ok(());
        };
        let context = SecurityContext::new(port, parties, completed.prk_out())?;
        let mut live = Live::new(context, route, now_ms);
        live.confirmed = true;
        live.order = self.next_order();
        live.established = self.tick();
        live.handshake = Some(id);
        live.early = Early::Initiator { handover, message_4, answers: 0 };
        live.wants = want::REPEAT;
        live.events = super::session::pending::ESTABLISHED;
        self.install(port, now_ms, session, live)?;
        self.clear_handshake(slot);
        self.counters.handshakes = self.counters.handshakes.wrapping_add(1);
        for other in 0..self.tables.handshakes() {
            let step = self.tables.handshake(other).map(|handshake| &handshake.step);
            if matches!(step, Some(Step::Message4(state)) if state.peer() == parties.peer) {
                self.fail_handshake(other, Error::Superseded);
            }
        }
        Ok(())
    }

    /// A session that this end began was established with this peer since message_1 was composed at `composed`.
    fn has_initiated_since(&self, peer: &Thumbprint, composed: u32) -> bool {
        let mut from = 0;
        while let Some(slot) = self.tables.with_peer(peer, from) {
            from = slot.saturating_add(1);
            let live = self.tables.session(slot).and_then(|session| session.live());
            if live.is_some_and(|live| live.role() == Role::Initiator && live.established > composed) {
                return true;
            }
        }
        false
    }

    /// An EDHOC error for one of the handshakes here: a hint, and unauthenticated.
    pub(crate) fn on_error<P: Port>(&mut self, port: &mut P, now_ms: u64, frame: &[u8]) -> Result<()> {
        let (slot, message) = self.handshake_of(frame)?;
        let error = EdhocError::parse(message).inspect_err(|_| self.count_malformed())?;
        self.counters.peer_errors = self.counters.peer_errors.wrapping_add(1);
        let handshake = self.tables.handshake(slot).ok_or(Error::Internal)?;
        if !handshake.is_initiator() {
            return Ok(());
        }
        match error {
            EdhocError::WrongSuite(theirs) if matches!(handshake.step, Step::Message2(_)) && !handshake.suite_changed => {
                let usable = self.config.usable_suites(port)?;
                let current = handshake.suite;
                // In the own order of preference: that of SUITES_R means nothing, and R accepts no other (RFC 9528 6.3).
                let common =
                    usable.as_slice().iter().copied().find(|suite| theirs.iter().any(|number| number == i64::from(suite.number())));
                let Some(suite) = common.filter(|suite| Some(*suite) != current) else {
                    if let Some((handshake, _)) = self.tables.handshake_mut(slot) {
                        handshake.reason = Error::UnsupportedSuite;
                    }
                    return Ok(());
                };
                self.compose(port, now_ms, slot, suite)?;
                if let Some((handshake, _)) = self.tables.handshake_mut(slot) {
                    handshake.suite_changed = true;
                }
            }
            EdhocError::UnknownCredential if !handshake.by_value => {
                let suite = handshake.suite.ok_or(Error::Internal)?;
                self.compose(port, now_ms, slot, suite)?;
                if let Some((handshake, _)) = self.tables.handshake_mut(slot) {
                    handshake.by_value = true;
                }
            }
            _ => {
                if let Some((handshake, _)) = self.tables.handshake_mut(slot)
                    && handshake.failures == 0
                {
                    handshake.reason = Error::PeerError;
                }
            }
        }
        Ok(())
    }
}

// ---- Responder

impl<T: Tables> Endpoint<T> {
    pub(crate) fn on_message_1<P: Port>(&mut self, port: &mut P, now_ms: u64, route: Route, frame: &[u8]) -> Result<()> {
        let message = frame.get(1..).unwrap_or_default();
        let seen = short_hash(port, message);
        let known = |slot: &usize| self.tables.handshake(*slot).is_some_and(|found| found.is_half_open() && found.seen == seen);
        if let Some(slot) = (0..self.tables.handshakes()).find(known) {
            let (handshake, _) = self.tables.handshake_mut(slot).ok_or(Error::Internal)?;
            let exhausted = handshake.inbox.is_some() && handshake.attempts >= MAX_ANSWERS;
            if matches!(handshake.step, Step::Message3(_)) && !exhausted {
                handshake.attempts = handshake.attempts.saturating_add(1);
                handshake.transmit = true;
                self.settle_handshake(slot);
            }
            return Ok(());
        }
        let parsed = Message1::parse(message).inspect_err(|_| self.count_malformed())?;
        let inbox = match inbox_of(parsed.ead_1()) {
            Ok(inbox) => inbox,
            Err(error) => {
                self.reply_error(route, &parsed.c_i, &EdhocError::Unspecified(error.name()));
                return self.ignored(error);
            }
        };
        let route = inbox.map_or(route, Route::from);
        if self.config.mqtt && inbox.is_none() {
            // The inbox name is what policy judges and what bounds the answers; a response topic is anybody's claim (PROTOCOL 6).
            return self.ignored(Error::Denied);
        }
        let suites = self.config.usable_suites(port)?;
        if let Err(error) = parsed.check(suites.as_slice()) {
            match error {
                Error::UnsupportedSuite => {
                    self.reply_error(route, &parsed.c_i, &EdhocError::wrong_suite(suites.as_slice()));
                }
                _ => self.reply_error(route, &parsed.c_i, &EdhocError::Unspecified(error.name())),
            }
            return self.ignored(error);
        }
        let (slot, session) = self.take_slots(port, now_ms, Some(&parsed.c_i))?;
        let deadline = now_ms.saturating_add(u64::from(self.config.half_open_ms));
        if let Some((handshake, _)) = self.tables.handshake_mut(slot) {
            let marks = handshake.marks;
            *handshake = Handshake { step: Step::Message1, slot: session, route, inbox, seen, deadline, marks, ..Handshake::default() };
        }
        let outcome = self.step_message_1(port, slot, Source::Frame(message));
        if matches!(outcome, Err(error) if error != Error::Pending) {
            self.drop_handshake(slot);
        }
        outcome
    }

    fn step_message_1<P: Port>(&mut self, port: &mut P, slot: usize, source: Source<'_>) -> Result<()> {
        let suites = self.config.usable_suites(port)?;
        let reply_inbox = self.config.reply_inbox;
        let ead = reply_inbox.as_ref().map(|inbox| Ead { label: INBOX, value: Some(inbox.as_bytes()) });
        let reserved = self.tables.handshake(slot).ok_or(Error::Internal)?.slot;
        let c_r = self.tables.session(reserved).and_then(|session| session.identifier()).ok_or(Error::Internal)?;
        let (handshake, buffer) = self.tables.handshake_mut(slot).ok_or(Error::Internal)?;
        let (front, back) = buffer.split_at_mut_checked(handshake.waiting).ok_or(Error::Internal)?;
        let message = match source {
            Source::Frame(message) => message,
            Source::Waiting => front,
        };
        // PLAINTEXT_2 is shorter than message_2 by G_Y and the head.
        let half = back.len().saturating_sub(PREFIX.saturating_add(G_Y)) / 2;
        let (scratch, rest) = back.split_at_mut_checked(half).ok_or(Error::BufferTooSmall)?;
        let mut writer = Writer::new(rest.get_mut(PREFIX..).unwrap_or_default());
        let mut inbox = None;
        let mut on_ead = |item: &Ead<'_>| take_inbox(item, INBOX.wrapping_neg(), &mut inbox);
        let outcome = edhoc::process_message_1(port, suites.as_slice(), c_r, message, &mut on_ead, ead.as_slice(), scratch, &mut writer);
        let len = writer.len();
        match outcome {
            Ok(state) => {
                let c_i = *state.c_i();
                let at = handshake.waiting.saturating_add(half).saturating_add(PREFIX);
                handshake.cached = assemble(buffer, frame_type::MESSAGE_2, &c_i, at, len)?;
                handshake.waiting = 0;
                handshake.attempts = 1;
                handshake.transmit = true;
                handshake.step = Step::Message3(state);
                self.settle_handshake(slot);
                Ok(())
            }
            Err(Error::Pending) => self.keep_waiting(slot, source),
            Err(error) => self.ignored(error),
        }
    }

    pub(crate) fn on_message_3<P: Port>(&mut self, port: &mut P, now_ms: u64, frame: &[u8]) -> Result<()> {
        let (session, message) = self.addressed(frame)?;
        let hash = short_hash(port, message);
        if let Some(live) = self.tables.session_mut(session).and_then(|session| session.live_mut()) {
            if !matches!(live.early, Early::Responder { message_3, .. } if message_3 == hash) {
                return self.ignored(Error::WrongState);
            }
            live.wants |= want::MESSAGE_4;
            self.settle(session, Some(now_ms));
            return Ok(());
        }
        let (slot, message) = self.handshake_of(frame)?;
        let handshake = self.tables.handshake(slot).ok_or(Error::Internal)?;
        match handshake.step {
            Step::Message3(_) if handshake.waiting == 0 => self.step_message_3(port, now_ms, slot, Source::Frame(message)),
            Step::Message3(_) => self.ignored(Error::Busy),
            _ => self.ignored(Error::WrongState),
        }
    }

    fn step_message_3<P: Port>(&mut self, port: &mut P, now_ms: u64, slot: usize, source: Source<'_>) -> Result<()> {
        let (handshake, buffer) = self.tables.handshake_mut(slot).ok_or(Error::Internal)?;
        let used = handshake.cached.saturating_add(handshake.waiting);
        let (front, plaintext) = buffer.split_at_mut_checked(used).ok_or(Error::Internal)?;
        let message = match source {
            Source::Frame(message) => message,
            Source::Waiting => front.get(handshake.cached..).unwrap_or_default(),
        };
        let Step::Message3(state) = &handshake.step else { return Err(Error::WrongState) };
        let message_3 = short_hash(port, message);
        let mut scratch = [0; MESSAGE_4_MAX];
        let mut writer = Writer::new(scratch.get_mut(PREFIX..).unwrap_or_default());
        let inbox = handshake.inbox;
        let claimed = inbox.as_ref().map(InboxName::as_bytes);
        let outcome = state.process_message_3(port, message, claimed, &mut edhoc::ignore_ead, &[], plaintext, &mut writer);
        let len = writer.len();
        match outcome {
            Ok(completed) => {
                let len = assemble(&mut scratch, frame_type::MESSAGE_4, &completed.c_i, PREFIX, len)?;
                let len = u8::try_from(len).map_err(|_| Error::Internal)?;
                let early = Early::Responder { frame: scratch, len, message_3 };
                self.complete_responder(port, now_ms, slot, &completed, early)
            }
            Err(error) => {
                let (route, c_i) = (handshake.route, *state.c_i());
                if error == Error::UnknownCredential {
                    self.reply_error(route, &c_i, &EdhocError::UnknownCredential);
                }
                self.step_failed(slot, source, error)
            }
        }
    }

    /// message_3 verified: the session is stored, and message_4 may leave.
    fn complete_responder<P: Port>(&mut self, port: &mut P, now_ms: u64, slot: usize, completed: &Completed, early: Early) -> Result<()> {
        let parties = parties(completed)?;
        let handshake = self.tables.handshake(slot).ok_or(Error::Internal)?;
        let (route, session) = (handshake.route, handshake.slot);
        let context = SecurityContext::new(port, parties, completed.prk_out())?;
        let mut live = Live::new(context, route, now_ms);
        live.established = self.tick();
        live.early = early;
        live.wants = want::MESSAGE_4;
        self.install(port, now_ms, session, live)?;
        self.limit_unconfirmed(port, &parties.peer);
        self.clear_handshake(slot);
        self.counters.handshakes = self.counters.handshakes.wrapping_add(1);
        Ok(())
    }

    /// A peer that keeps starting handshakes and never confirms one holds a bounded number of slots.
    fn limit_unconfirmed<P: Port>(&mut self, port: &mut P, peer: &Thumbprint) {
        let mut count = 0_usize;
        let mut oldest = None;
        let mut from = 0;
        while let Some(slot) = self.tables.with_peer(peer, from) {
            from = slot.saturating_add(1);
            let Some(live) = self.tables.session(slot).and_then(|session| session.live()) else { continue };
            if !live.confirmed {
                count = count.saturating_add(1);
                oldest = oldest.min(Some((live.established, slot))).or(Some((live.established, slot)));
            }
        }
        if count > MAX_UNCONFIRMED
            && let Some((_, slot)) = oldest
        {
            self.erase_stored(port, slot);
            self.release(slot);
        }
    }
}

// ---- both

impl<T: Tables> Endpoint<T> {
    /// The session slot that a handshake frame is addressed to, and the message in it.
    fn addressed<'f>(&mut self, frame: &'f [u8]) -> Result<(usize, &'f [u8])> {
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
    fn handshake_of<'f>(&mut self, frame: &'f [u8]) -> Result<(usize, &'f [u8])> {
        let (slot, message) = self.addressed(frame)?;
        match self.tables.session(slot).map(|session| &session.state) {
            Some(State::Reserved { handshake, .. }) => Ok((*handshake, message)),
            _ => self.ignored(Error::WrongState),
        }
    }

    fn ignored<R>(&mut self, error: Error) -> Result<R> {
        self.counters.handshake_ignored = self.counters.handshake_ignored.wrapping_add(1);
        Err(error)
    }

    /// A message did not lead on: it waits for the provider, or it is counted; the ninth such ends the handshake.
    fn step_failed(&mut self, slot: usize, source: Source<'_>, error: Error) -> Result<()> {
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
    fn keep_waiting(&mut self, slot: usize, source: Source<'_>) -> Result<()> {
        if let Source::Frame(message) = source {
            let (handshake, buffer) = self.tables.handshake_mut(slot).ok_or(Error::Internal)?;
            let place = buffer.get_mut(handshake.cached..).and_then(|rest| rest.get_mut(..message.len()));
            place.ok_or(Error::BufferTooSmall)?.copy_from_slice(message);
            handshake.waiting = message.len();
            self.settle_handshake(slot);
        }
        Err(Error::Pending)
    }

    /// Continues the handshakes that waited for a key operation, when it has finished.
    ///
    /// Errors: `Pending` while some still wait; else the first failure, which concerns one handshake and is counted.
    pub fn resume_pending<P: Port>(&mut self, port: &mut P, now_ms: u64) -> Result<()> {
        let mut outcome = Ok(());
        for slot in 0..self.tables.handshakes() {
            let Some(handshake) = self.tables.handshake(slot) else { continue };
            let result = match handshake.step {
                _ if handshake.waiting == 0 => Ok(()),
                Step::Message1 => {
                    let result = self.step_message_1(port, slot, Source::Waiting);
                    if matches!(result, Err(error) if error != Error::Pending) {
                        self.drop_handshake(slot);
                    }
                    result
                }
                Step::Message2(_) => self.step_message_2(port, now_ms, slot, Source::Waiting),
                Step::Message3(_) => self.step_message_3(port, now_ms, slot, Source::Waiting),
                _ => Ok(()),
            };
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

    fn reply_error(&mut self, route: Route, to: &ConnectionId, error: &EdhocError<'_>) {
        if self.config.mqtt && route.is_link() {
            return;
        }
        let mut reply = Reply::new(route);
        let written = reply.fill(|writer| {
            writer.u8(frame_type::ERROR)?;
            writer.put(to.as_bytes())?;
            error.write(writer)
        });
        if written.is_ok() {
            self.reply = Some(reply);
        }
    }
}

fn parties(completed: &Completed) -> Result<Parties> {
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
