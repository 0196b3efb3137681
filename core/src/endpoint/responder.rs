//! The Responder's side of handshakes (PROTOCOL 4.2).

use super::config::{Config, InboxName, Route};
use super::handshake::{PREFIX, Source, Step, Suites, assemble, parties, short_hash, take_inbox};
use super::session::{Early, MESSAGE_4_MAX, want};
use super::tables::Tables;
use super::{Endpoint, Port, frame_type};
use crate::bytes::Writer;
use crate::credential::Thumbprint;
use crate::edhoc::{self, Completed, Ead, EadItems, EdhocError, Ephemeral, INBOX, Message1};
use crate::error::{Error, Result};

/// How often a Responder answers one message_1 that names an inbox.
const MAX_ANSWERS: u8 = 4;
/// Unconfirmed sessions that one peer may have.
const MAX_UNCONFIRMED: usize = 4;
/// What message_2 is longer than PLAINTEXT_2: G_Y and the head of a byte string.
const G_Y: usize = 35;

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

/// The suites that there is an own credential for under the method of this message_1. Error: `UnsupportedMethod`, also where there is none.
fn suites_for<P: Port>(config: &Config, port: &P, message_1: &Message1<'_>) -> Result<Suites> {
    let sort = message_1.method(config.methods)?.responder();
    config.usable_suites(port, sort).map_err(|error| if error == Error::UnknownCredential { Error::UnsupportedMethod } else { error })
}

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
                self.reply_error(now_ms, route, &parsed.c_i, &EdhocError::Unspecified(error.name()));
                return self.ignored(error);
            }
        };
        let route = inbox.map_or(route, Route::from);
        if self.config.mqtt && inbox.is_none() {
            // The inbox name is what policy judges and what bounds the answers; a response topic is anybody's claim (PROTOCOL 6).
            return self.ignored(Error::Denied);
        }
        let suites = match suites_for(&self.config, port, &parsed) {
            Ok(suites) => suites,
            Err(error) => {
                self.reply_error(now_ms, route, &parsed.c_i, &EdhocError::Unspecified(error.name()));
                return self.ignored(error);
            }
        };
        if let Err(error) = parsed.check(self.config.methods, suites.as_slice()) {
            self.reply_error(now_ms, route, &parsed.c_i, &EdhocError::wrong_suite(suites.as_slice()));
            return self.ignored(error);
        }
        let (slot, session) = self.take_slots(port, now_ms, Some(&parsed.c_i))?;
        let deadline = now_ms.saturating_add(u64::from(self.config.half_open_ms));
        if let Some((handshake, _)) = self.tables.handshake_mut(slot) {
            handshake.clear();
            handshake.step = Step::Message1(None);
            handshake.slot = session;
            handshake.route = route;
            handshake.inbox = inbox;
            handshake.seen = seen;
            handshake.deadline = deadline;
        }
        let outcome = self.step_message_1(port, slot, Source::Frame(message));
        if matches!(outcome, Err(error) if error != Error::Pending) {
            self.drop_handshake(slot);
        }
        outcome
    }

    pub(super) fn step_message_1<P: Port>(&mut self, port: &mut P, slot: usize, source: Source<'_>) -> Result<()> {
        let reply_inbox = self.config.reply_inbox;
        let ead = reply_inbox.as_ref().map(|inbox| Ead { label: INBOX, value: Some(inbox.as_bytes()) });
        let reserved = self.tables.handshake(slot).ok_or(Error::Internal)?.slot;
        let c_r = self.tables.session(reserved).and_then(|session| session.identifier()).ok_or(Error::Internal)?;
        let config = &self.config;
        let (handshake, buffer) = self.tables.handshake_mut(slot).ok_or(Error::Internal)?;
        let (front, back) = buffer.split_at_mut_checked(handshake.waiting).ok_or(Error::Internal)?;
        let message = match source {
            Source::Frame(message) => message,
            Source::Waiting => front,
        };
        let parsed = Message1::parse(message)?;
        let suites = suites_for(config, port, &parsed)?;
        let (_, suite) = parsed.check(config.methods, suites.as_slice())?;
        let y = match &handshake.step {
            Step::Message1(Some(y)) if y.curve() == suite.curve() => y.clone(),
            _ => Ephemeral::generate(port, suite.curve())?,
        };
        // PLAINTEXT_2 is shorter than message_2 by G_Y and the head.
        let half = back.len().saturating_sub(PREFIX.saturating_add(G_Y)) / 2;
        let (scratch, rest) = back.split_at_mut_checked(half).ok_or(Error::BufferTooSmall)?;
        let mut writer = Writer::new(rest.get_mut(PREFIX..).unwrap_or_default());
        let mut inbox = None;
        let mut on_ead = |item: &Ead<'_>| take_inbox(item, INBOX.wrapping_neg(), &mut inbox);
        let outcome = edhoc::process_message_1(
            port,
            config.methods,
            suites.as_slice(),
            &y,
            c_r,
            message,
            &mut on_ead,
            ead.as_slice(),
            scratch,
            &mut writer,
        );
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
            Err(Error::Pending) => {
                handshake.step = Step::Message1(Some(y));
                self.keep_waiting(slot, source)
            }
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

    pub(super) fn step_message_3<P: Port>(&mut self, port: &mut P, now_ms: u64, slot: usize, source: Source<'_>) -> Result<()> {
        #[cfg(feature = "setup")]
        let Endpoint { tables, device, .. } = self;
        #[cfg(not(feature = "setup"))]
        let tables = &mut self.tables;
        let (handshake, buffer) = tables.handshake_mut(slot).ok_or(Error::Internal)?;
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
        let route_back = (handshake.route, *state.c_i());
        #[cfg(feature = "setup")]
        let outcome = match device {
            Some(device) => super::setup::admit(device, port, now_ms, state, message, claimed, plaintext)
                .and_then(|admitted| self.compose_message_4(port, slot, &admitted, &mut writer)),
            None => state.process_message_3(port, message, claimed, &mut edhoc::ignore_ead, &[], plaintext, &mut writer),
        };
        #[cfg(not(feature = "setup"))]
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
                let (route, c_i) = route_back;
                if error == Error::UnknownCredential {
                    self.reply_error(now_ms, route, &c_i, &EdhocError::UnknownCredential);
                }
                #[cfg(feature = "setup")]
                if super::setup::is_hint(error) {
                    self.reply_error(now_ms, route, &c_i, &EdhocError::Unspecified(error.name()));
                }
                self.step_failed(slot, source, error)
            }
        }
    }

    /// message_3 verified: the session is stored, and message_4 may leave.
    fn complete_responder<P: Port>(&mut self, port: &mut P, now_ms: u64, slot: usize, completed: &Completed, early: Early) -> Result<()> {
        let established = self.tick();
        let (session, live) = self.seat(port, now_ms, slot, &parties(completed)?, completed.prk_out())?;
        live.established = established;
        live.early = early;
        live.wants = want::MESSAGE_4;
        self.install(port, now_ms, session, slot, 0)?;
        self.limit_unconfirmed(port, &completed.peer);
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
            if !live.is_confirmed() {
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
