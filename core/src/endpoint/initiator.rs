//! The Initiator's side of handshakes (PROTOCOL 4.2, 4.3).

use super::config::Route;
use super::event::HandshakeId;
use super::handshake::{PREFIX, Source, Step, assemble, parties, short_hash, take_inbox};
use super::session::{Early, pending, want};
use super::tables::Tables;
use super::{Endpoint, Port, frame_type};
use crate::bytes::Writer;
use crate::credential::Thumbprint;
use crate::crypto::Suite;
use crate::edhoc::{self, Completed, Ead, EdhocError, INBOX, Role, SuitesR};
use crate::error::{Error, Result};
use crate::record::Handover;

/// How often an Initiator answers a repeated message_4 with a fresh record.
const MAX_RECORDS: u8 = 8;

/// Why the peer should let this end in.
#[cfg(feature = "setup")]
pub(super) use crate::setup::Claim as Showing;
/// There is nothing to show.
#[cfg(not(feature = "setup"))]
pub(super) struct Showing<'a>(core::convert::Infallible, core::marker::PhantomData<&'a ()>);

impl<T: Tables> Endpoint<T> {
    /// Starts a handshake: message_1 is the next frame of `poll_transmit`. `Established` or `HandshakeFailed` with the
    /// handle follows. `peer`: the only identity to accept, if it is known beforehand.
    ///
    /// Errors: `NoSpace`; `UnknownCredential` (no own credential for the configured method and suites); `UnsupportedMethod` (the configured
    /// method is not in this build); `RandomFailed`.
    pub fn connect<P: Port>(&mut self, port: &mut P, now_ms: u64, route: Route, peer: Option<Thumbprint>) -> Result<HandshakeId> {
        self.begin(port, now_ms, route, peer, None)
    }

    pub(super) fn begin<P: Port>(
        &mut self,
        port: &mut P,
        now_ms: u64,
        route: Route,
        peer: Option<Thumbprint>,
        claim: Option<&Showing<'_>>,
    ) -> Result<HandshakeId> {
        let suite = *self.config.usable_suites(port, self.config.method.initiator())?.as_slice().first().ok_or(Error::UnsupportedSuite)?;
        let (slot, session) = self.take_slots(port, now_ms, None)?;
        self.started = self.started.wrapping_add(1).max(1);
        let id = HandshakeId(self.started);
        if let Some((handshake, _)) = self.tables.handshake_mut(slot) {
            handshake.clear();
            handshake.id = id;
            handshake.slot = session;
            handshake.route = route;
            handshake.expected = peer;
        }
        let kept = claim.map_or(Ok(()), |claim| self.keep_claim(slot, claim));
        if let Err(error) = kept.and_then(|()| self.compose(port, now_ms, slot, suite)) {
            self.drop_handshake(slot);
            return Err(error);
        }
        Ok(id)
    }

    /// Keeps what is shown in message_3, which goes by value.
    fn keep_claim(&mut self, slot: usize, claim: &Showing<'_>) -> Result<()> {
        #[cfg(feature = "setup")]
        {
            let (handshake, buffer) = self.tables.handshake_mut(slot).ok_or(Error::Internal)?;
            handshake.claim = u8::try_from(crate::setup::stow(claim, buffer)?).map_err(|_| Error::Internal)?;
            handshake.by_value = true;
            Ok(())
        }
        #[cfg(not(feature = "setup"))]
        {
            let _ = slot;
            match claim.0 {}
        }
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
        let method = self.config.method;
        let suites = self.config.usable_suites(port, method.initiator())?;
        let inbox = self.config.inbox;
        let ead = inbox.as_ref().map(|inbox| Ead { label: INBOX.wrapping_neg(), value: Some(inbox.as_bytes()) });
        let composed = self.tick();
        let deadline = now_ms.saturating_add(self.config.handshake_interval(1));
        let reserved = self.tables.handshake(slot).ok_or(Error::Internal)?.slot;
        let identifier = self.tables.session(reserved).and_then(|session| session.identifier()).ok_or(Error::Internal)?;
        let (handshake, buffer) = self.tables.handshake_mut(slot).ok_or(Error::Internal)?;
        // The first byte last: when no key can be generated, the frame cached here stays whole.
        let (buffer, _) = handshake.room(buffer)?;
        let (kind, message) = buffer.split_first_mut().ok_or(Error::Internal)?;
        let mut writer = Writer::new(message);
        let state = edhoc::compose_message_1(port, method, suites.as_slice(), suite, identifier, ead.as_slice(), &mut writer)?;
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

    #[inline(never)]
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

    pub(super) fn step_message_2<P: Port>(&mut self, port: &mut P, now_ms: u64, slot: usize, source: Source<'_>) -> Result<()> {
        let (handshake, buffer) = self.tables.handshake_mut(slot).ok_or(Error::Internal)?;
        let used = handshake.cached.saturating_add(handshake.waiting);
        let (buffer, kept) = handshake.room(buffer)?;
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
        let mut next = state.next();
        #[cfg(feature = "setup")]
        let introducing = crate::setup::Introducing::read(kept)?;
        #[cfg(feature = "setup")]
        let (ead_3, introduction) = match &introducing {
            Some(introducing) => (introducing.ead(), Some(introducing.introduction())),
            None => (None, None),
        };
        #[cfg(not(feature = "setup"))]
        let (ead_3, introduction, _) = (None, None, kept);
        let shows = (handshake.by_value, ead_3.as_slice(), introduction.as_ref());
        let mut outcome = state.process_into(port, message, shows, &mut on_ead, scratch, &mut writer, &mut next);
        let (len, at) = (writer.len(), used.saturating_add(message.len()).saturating_add(PREFIX));
        if handshake.expected.is_some_and(|expected| expected != next.peer()) {
            outcome = outcome.and(Err(Error::Denied));
        }
        if let Err(error) = outcome {
            return self.step_failed(slot, source, error);
        }
        let (peer, composed) = (next.peer(), handshake.composed);
        if self.has_initiated_since(&peer, composed) {
            // Another of this end's own handshakes with the same peer was faster. The peer would end this one with the first record under
            // that, perhaps before it completes here.
            self.fail_handshake(slot, Error::Superseded);
            return Ok(());
        }
        let (handshake, buffer) = self.tables.handshake_mut(slot).ok_or(Error::Internal)?;
        #[cfg(feature = "setup")]
        {
            zeroize::Zeroize::zeroize(handshake.room(buffer)?.1);
            handshake.claim = 0;
        }
        handshake.cached = assemble(buffer, frame_type::MESSAGE_3, next.c_r(), at, len)?;
        handshake.waiting = 0;
        handshake.seen = seen;
        handshake.await_message_4(&next);
        handshake.attempts = 1;
        handshake.transmit = true;
        handshake.deadline = now_ms.saturating_add(self.config.handshake_interval(1));
        if let Some(inbox) = inbox {
            handshake.route = inbox.into();
        }
        self.settle_handshake(slot);
        Ok(())
    }

    #[inline(never)]
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
        #[cfg(feature = "setup")]
        let mut owned = None;
        #[cfg(feature = "setup")]
        let mut on_ead = |item: &Ead<'_>| {
            crate::setup::read_ownership(item).map(|found| {
                owned = owned.or(found);
                found.is_some()
            })
        };
        #[cfg(not(feature = "setup"))]
        let mut on_ead = edhoc::ignore_ead;
        let outcome = state.process_message_4(port, message, &mut on_ead, scratch);
        match &outcome {
            Ok(completed) => {
                self.complete_initiator(port, now_ms, slot, completed, hash)?;
                #[cfg(feature = "setup")]
                if let (Some((epoch, nonce)), Ok(live)) = (owned, self.live_at(session)) {
                    let peer = live.peer();
                    self.owned = Some((self.handle_of(session), peer, epoch, nonce));
                }
                Ok(())
            }
            Err(error) => self.step_failed(slot, Source::Frame(message), *error),
        }
    }

    /// message_4 verified: the Initiator decides which session stands (PROTOCOL 4.3).
    #[inline(never)]
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
        let (composed, id) = (handshake.composed, handshake.id);
        let mut handover = Handover::default();
        if !self.decide(&parties, composed, &mut handover) {
            self.fail_handshake(slot, Error::Superseded);
            return Ok(());
        }
        let (order, established) = (self.next_order(), self.tick());
        let (session, live) = self.seat(port, now_ms, slot, &parties, completed.prk_out())?;
        live.confirmed = true;
        live.order = order;
        live.established = established;
        live.handshake = id;
        live.early = Early::Initiator { handover, message_4, answers: 0 };
        live.wants = want::REPEAT;
        live.events = pending::ESTABLISHED;
        self.install(port, now_ms, session, slot, composed)?;
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

    /// The peer answered handshakes of this end and has decided against them since: a message_4 that comes late must not bring them to life.
    pub(super) fn give_up_listed(&mut self, peer: &Thumbprint, handover: &Handover) {
        for slot in 0..self.tables.handshakes() {
            let Some(Step::Message4(state)) = self.tables.handshake(slot).map(|handshake| &handshake.step) else { continue };
            let listed = handover.as_slice().iter().any(|(sid, _)| state.th_4().starts_with(sid));
            if listed && state.peer() == *peer {
                self.fail_handshake(slot, Error::Superseded);
            }
        }
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

    /// The best suite that both ends have. In the own order of preference: that of SUITES_R means nothing, and R accepts no other (RFC 9528 6.3).
    /// Nothing in a build with one suite, which error 2 is about.
    fn common_suite<P: Port>(&self, port: &P, theirs: &SuitesR) -> Result<Option<Suite>> {
        if Suite::ALL.len() == 1 {
            return Ok(None);
        }
        let usable = self.config.usable_suites(port, self.config.method.initiator())?;
        Ok(usable.as_slice().iter().copied().find(|suite| theirs.iter().any(|number| number == i64::from(suite.number()))))
    }

    /// An EDHOC error for one of the handshakes here: a hint, and unauthenticated.
    #[inline(never)]
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
                let current = handshake.suite;
                let suite = self.common_suite(port, &theirs)?.filter(|suite| Some(*suite) != current);
                let Some(suite) = suite else {
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
