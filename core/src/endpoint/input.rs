//! Frames and time coming in.

use super::config::Route;
use super::event::{Event, Kind, Message, Origin, Sid};
use super::session::{Early, Live, Window, pending, want};
use super::tables::{NEVER, Slot, Tables};
use super::{Change, Endpoint, MAX_DOUBLINGS, Port, Reply, frame_type, live_in};
use crate::credential::Thumbprint;
use crate::edhoc::ConnectionId;
use crate::error::{Error, Result};
use crate::persist::EndedSession;
use crate::record::{self, Accepted, Content, Handover, Header, Options, Position, ReceivedNumbers, Seen};

/// unknown-context frames: sent, and looked at, at most one in so long.
const UNKNOWN_CONTEXT_MS: u64 = 1_000;
/// Handshakes because of unknown-context: at most one in so long for each session.
pub(crate) const RECONNECT_MS: u64 = 60_000;

impl<T: Tables> Endpoint<T> {
    /// Takes in one frame; records are decrypted in place.
    ///
    /// `route`: where an answer would go; on MQTT [`Route::default`] unless the publisher gave a response topic. `topic`: the topic name relative to
    /// the realm if the frame was published on an application's topic; `None` if it came to the inbox or over a link.
    ///
    /// Gives [`Event::Message`] or [`Event::None`]; everything else that it brings about comes from [`poll_event`](Self::poll_event).
    ///
    /// An error says why the frame was refused. Then nothing has changed but counters, the limits that count failures, and what the frame
    /// may ask for although it is not authenticated: one cached answer. A record that verified and is refused for what it holds (`Duplicate`, `Stale`,
    /// `UnsupportedOption`, `Malformed`) is used up. `Pending` is no refusal: the frame is kept. After an error the bytes of `frame` are undefined.
    /// Records: `UnknownContext`, `DecryptFailed`, `Replay`, `Duplicate`, `Stale`, `StaleEpoch`, `UnsupportedOption`, `KeyExhausted`.
    /// Handshakes: what is wrong with the message; `UnknownContext` or `WrongState` for one that is late or unknown; `NoSpace`; `Busy`.
    /// Any: `Malformed`, `NotDeterministic`, `UnsupportedVersion`, `UnsupportedFrame`, `StorageFailed` (a redelivery may succeed, from a copy of the frame).
    pub fn handle_frame<'f, P: Port>(
        &mut self,
        port: &mut P,
        now_ms: u64,
        route: Route,
        topic: Option<&[u8]>,
        frame: &'f mut [u8],
    ) -> Result<Event<'f>> {
        let mut event = Event::None;
        self.handle_frame_into(port, now_ms, route, topic, frame, &mut event)?;
        Ok(event)
    }

    /// [`handle_frame`](Self::handle_frame) for little stack: with the event, `None` before, where the caller has its place.
    pub fn handle_frame_into<'f, P: Port>(
        &mut self,
        port: &mut P,
        now_ms: u64,
        route: Route,
        topic: Option<&[u8]>,
        frame: &'f mut [u8],
        event: &mut Event<'f>,
    ) -> Result<()> {
        self.counters.frames = self.counters.frames.wrapping_add(1);
        match frame.first().copied() {
            #[cfg(feature = "responder")]
            Some(frame_type::MESSAGE_1) => self.on_message_1(port, now_ms, route, frame),
            Some(frame_type::MESSAGE_2) => self.on_message_2(port, now_ms, frame),
            #[cfg(feature = "responder")]
            Some(frame_type::MESSAGE_3) => self.on_message_3(port, now_ms, frame),
            Some(frame_type::MESSAGE_4) => self.on_message_4(port, now_ms, frame),
            Some(frame_type::ERROR) => self.on_error(port, now_ms, frame),
            Some(frame_type::UNKNOWN_CONTEXT) => self.on_unknown_context(port, now_ms, route, frame),
            Some(0x40..=0x7f) => self.on_record(port, now_ms, route, topic, frame, event),
            other => {
                self.count_malformed();
                Err(match other {
                    // Left here by a build without `responder`.
                    Some(frame_type::MESSAGE_1 | frame_type::MESSAGE_3) => Error::UnsupportedFrame,
                    Some(0x80..=0xbf) => Error::UnsupportedFrame,
                    Some(0x10..=0x3f) => Error::UnsupportedVersion,
                    _ => Error::Malformed,
                })
            }
        }
    }

    #[inline(never)]
    fn on_record<'f, P: Port>(
        &mut self,
        port: &mut P,
        now_ms: u64,
        route: Route,
        topic: Option<&[u8]>,
        frame: &'f mut [u8],
        event: &mut Event<'f>,
    ) -> Result<()> {
        let header = Header::parse(frame, self.ids.len()).inspect_err(|_| self.count_malformed())?;
        let found = self.ids.split(&header.recipient).map(|(slot, _)| slot);
        let session = found.filter(|slot| {
            let live = self.tables.session(*slot).and_then(|session| session.live());
            live.is_some_and(|live| *live.context.parties().recipient_id() == header.recipient)
        });
        let Some(slot) = session else {
            self.counters.unknown_context = self.counters.unknown_context.wrapping_add(1);
            self.reply_unknown_context(now_ms, route, &header.recipient);
            return Err(Error::UnknownContext);
        };
        let opened = match self.live_at(slot)?.context.unprotect(port, &header, topic, frame) {
            Ok(opened) => opened,
            Err(error) => {
                self.count_refused(error);
                if error == Error::KeyExhausted {
                    self.exhausted(port, slot);
                }
                return Err(error);
            }
        };
        // Read before it is accepted: the first record may say which session stands. What cannot be read is used up all the same.
        let mut content = Content::default();
        let read = opened.read(&mut content);
        let accepted = self.accept(port, now_ms, slot, opened.at, read.is_ok().then_some(&content))?;
        let outcome = read.and_then(|()| {
            self.counters.records = self.counters.records.wrapping_add(1);
            self.on_content(port, now_ms, slot, opened.at, accepted, &content, event)
        });
        if let Err(error) = outcome {
            self.count_refused(error);
        }
        // Forgeries wear a key as well, and whoever only receives would not notice when sending.
        self.update_when_worn(port, slot);
        self.settle(slot, Some(now_ms));
        outcome
    }

    /// Uses up the Partial IV of a verified record, durably; the first record confirms a Responder's session. The caller settles the slot.
    #[inline(never)]
    fn accept<P: Port>(&mut self, port: &mut P, now_ms: u64, slot: usize, at: Position, content: Option<&Content<'_>>) -> Result<Accepted> {
        let none = Handover::default();
        let handover = content.map_or(&none, |content| &content.options.handover);
        let confirms = !self.live_at(slot)?.is_confirmed();
        if confirms && self.is_beaten(slot, handover) {
            self.erase_stored(port, slot);
            self.release(slot);
            return Err(Error::Superseded);
        }
        let peer = self.live_at(slot)?.peer();
        let windows = if confirms { self.gather(slot, &peer) } else { [None; 2] };
        let order = self.order.saturating_add(u32::from(confirms));
        if confirms || self.live_at(slot)?.context.must_store_to_accept(at) {
            let change = Change {
                receiving: Some(at),
                order: confirms.then_some(order),
                windows: confirms.then_some(&windows),
                ..Change::default()
            };
            self.save(port, slot, &change)?;
        }
        let live = live_in(&mut self.tables, slot)?;
        let accepted = live.context.accept(at)?;
        live.heard(now_ms);
        let agreed = matches!(live.early, Early::Initiator { .. });
        live.early = Early::Over;
        if accepted.key_updated {
            live.events |= pending::KEY_UPDATED;
        }
        if confirms {
            live.confirmed = true;
            live.order = order;
            live.windows = windows;
            live.events |= pending::ESTABLISHED;
            self.order = order;
            self.give_up_listed(&peer, handover);
        }
        // The peer stands on this session too: nothing that it began beside it can come to life any more.
        if confirms || agreed {
            self.supersede(port, slot, &peer, u32::MAX);
        }
        Ok(accepted)
    }

    /// What an accepted record brings about.
    #[expect(clippy::too_many_arguments, reason = "the call, the record, and where the event goes")]
    fn on_content<'f, P: Port>(
        &mut self,
        port: &mut P,
        now_ms: u64,
        slot: usize,
        at: Position,
        accepted: Accepted,
        content: &Content<'f>,
        event: &mut Event<'f>,
    ) -> Result<()> {
        let options = &content.options;
        let session = self.handle_of(slot);
        let resuming = options.resume.is_some() || options.resumed.is_some();
        let missing = if resuming { 0 } else { accepted.missing };
        self.counters.missing = self.counters.missing.wrapping_add(u32::try_from(missing).unwrap_or(u32::MAX));
        self.counters.late = self.counters.late.wrapping_add(u32::from(accepted.late));
        let Endpoint { tables, config, .. } = self;
        let ack_delay = u64::from(config.ack_delay_ms);
        let live = live_in(tables, slot)?;
        live.on_options(port, now_ms, at, options, config.offers)?;
        let kind = match options.kind {
            record::Kind::Control => return Ok(()),
            record::Kind::Data => Kind::Data,
            record::Kind::Command => Kind::Command,
        };
        if let Some(number) = content.number {
            match live.context.received.check(number)? {
                Seen::New => {}
                seen => {
                    // Say again what is committed; and before that, that this end is alive.
                    live.wants |= if seen == Seen::Committed { want::ACK } else { want::PONG };
                    return Err(Error::Duplicate);
                }
            }
            if let Some(origin) = options.origin {
                match live.seen_before(&origin)? {
                    Seen::New => {}
                    Seen::Delivered => {
                        live.wants |= want::PONG;
                        return Err(Error::Duplicate);
                    }
                    Seen::Committed => {
                        live.context.received.deliver(number)?;
                        live.context.received.commit(number);
                        live.wants |= want::ACK;
                        return Err(Error::Duplicate);
                    }
                }
            }
        }
        if kind == Kind::Command {
            live.offers.check(options.answer, now_ms, config)?;
        }
        if let Some(number) = content.number {
            live.context.received.deliver(number)?;
            match options.origin {
                Some(origin) => live.note_delivered(&origin),
                None => live.fresh = true,
            }
            // Should the application not commit soon, the peer learns at least that the message arrived somewhere alive.
            if live.ack_at == NEVER {
                live.ack_at = now_ms.saturating_add(ack_delay);
            }
        }
        *event = Event::Message(Message {
            session,
            peer: live.peer(),
            kind,
            number: content.number,
            origin: options.origin.map(|origin| Origin { sid: Sid(origin.sid), number: origin.number }),
            topic: options.topic,
            payload: content.payload,
            missing,
            late: accepted.late,
            retain: options.retain,
            expiry_s: options.expiry,
            content_type: options.content_type,
        });
        Ok(())
    }

    fn count_refused(&mut self, error: Error) {
        let counter = match error {
            Error::DecryptFailed | Error::KeyExhausted => &mut self.counters.decrypt_failed,
            Error::Replay | Error::StaleEpoch => &mut self.counters.replay,
            Error::Duplicate => &mut self.counters.duplicate,
            Error::Stale => &mut self.counters.stale,
            Error::UnsupportedOption => &mut self.counters.unsupported_option,
            Error::Malformed | Error::NotDeterministic => &mut self.counters.malformed,
            _ => return,
        };
        *counter = counter.wrapping_add(1);
    }

    // ---- unknown-context

    fn reply_unknown_context(&mut self, now_ms: u64, route: Route, identifier: &ConnectionId) {
        if now_ms < self.unknown_context_from || (self.config.mqtt && route.is_link()) {
            return;
        }
        let mut reply = Reply::new(route);
        let written = reply.fill(|writer| {
            writer.u8(frame_type::UNKNOWN_CONTEXT)?;
            writer.put(identifier.as_bytes())
        });
        if written.is_ok() {
            self.unknown_context_from = now_ms.saturating_add(UNKNOWN_CONTEXT_MS);
            self.reply = Some(reply);
        }
    }

    /// The peer does not know a session, or someone says so: the session stays, and a new handshake finds out.
    #[inline(never)]
    fn on_unknown_context<P: Port>(&mut self, port: &mut P, now_ms: u64, route: Route, frame: &[u8]) -> Result<()> {
        let identifier = ConnectionId::new(frame.get(1..).unwrap_or_default()).map_err(|_| {
            self.count_malformed();
            Error::Malformed
        })?;
        self.counters.unknown_context_received = self.counters.unknown_context_received.wrapping_add(1);
        // The search goes through all sessions, so that it must not be had for every frame of a flood.
        if now_ms < self.reaction_from || !self.config.reconnect {
            return Ok(());
        }
        self.reaction_from = now_ms.saturating_add(UNKNOWN_CONTEXT_MS);
        let meant = |slot: &usize| {
            let live = self.tables.session(*slot).and_then(|session| session.live());
            live.is_some_and(|live| {
                live.is_confirmed()
                    && *live.context.parties().sender_id() == identifier
                    && (live.route == route || route.is_link() || live.route.is_link())
            })
        };
        let mut candidate = None;
        for slot in (0..self.tables.sessions()).filter(meant) {
            if candidate.replace(slot).is_some() {
                return Ok(());
            }
        }
        let Some(slot) = candidate else { return Ok(()) };
        let live = self.live_at(slot)?;
        let (peer, route) = (live.peer(), live.route);
        if now_ms < live.reconnect_from || self.is_in_progress(&peer, route) {
            return Ok(());
        }
        if self.connect(port, now_ms, route, Some(peer)).is_ok()
            && let Ok(live) = self.live_at(slot)
        {
            live.reconnect_from = now_ms.saturating_add(RECONNECT_MS);
        }
        Ok(())
    }

    /// A new session with this peer is on its way already.
    fn is_in_progress(&self, peer: &Thumbprint, route: Route) -> bool {
        let started = (0..self.tables.handshakes()).any(|slot| {
            let handshake = self.tables.handshake(slot);
            handshake.is_some_and(|found| found.is_initiator() && (found.expected == Some(*peer) || found.route == route))
        });
        let mut from = 0;
        while let Some(slot) = self.tables.with_peer(peer, from) {
            from = slot.saturating_add(1);
            let live = self.tables.session(slot).and_then(|session| session.live());
            if live.is_some_and(|live| !live.is_confirmed()) {
                return true;
            }
        }
        started
    }

    // ---- time

    /// Does what is due: repetitions, acknowledgements, pings, the end of handshakes. Early and late calls do no harm.
    pub fn handle_timeout<P: Port>(&mut self, _port: &mut P, now_ms: u64) -> Result<()> {
        // Every timer that fires is set to a later time or removed, so this ends; the bound only guards against a mistake in that.
        let most = self.tables.sessions().saturating_add(self.tables.handshakes()).saturating_mul(4);
        for _ in 0..most {
            match self.tables.next_deadline() {
                Some((deadline, Slot::Handshake(slot))) if deadline <= now_ms => self.handshake_timeout(now_ms, slot),
                Some((deadline, Slot::Session(slot))) if deadline <= now_ms => self.session_timeout(now_ms, slot),
                _ => break,
            }
        }
        Ok(())
    }

    fn session_timeout(&mut self, now_ms: u64, slot: usize) {
        let ping_after = u64::from(self.config.ping_after_ms);
        let interval = u64::from(self.config.resend_interval_ms);
        let silent = self.config.silent_attempts;
        if let Ok(live) = self.live_at(slot) {
            if live.ack_at <= now_ms {
                live.ack_at = NEVER;
                live.wants |= want::ACK;
            }
            if ping_after > 0 && live.is_confirmed() && !live.pinging && live.heard_ms.saturating_add(ping_after) <= now_ms {
                live.pinging = true;
                live.wants |= want::REPEAT;
            }
            if live.repeat_at <= now_ms {
                // Whatever was already out at the last tick and is still unacknowledged.
                live.resend_from = 0;
                live.resend_to = live.aged_below;
                live.aged_below = live.context.sent.next();
                let control = live.repeats_control();
                if control {
                    live.wants |= want::REPEAT;
                }
                if control || live.next_resend().is_some() {
                    live.attempts = live.attempts.saturating_add(1);
                    if live.attempts == silent {
                        live.events |= pending::SILENT;
                    }
                }
                let wait = interval << live.attempts.min(MAX_DOUBLINGS);
                live.repeat_at = now_ms.saturating_add(wait);
            }
        }
        self.settle(slot, Some(now_ms));
    }
}

impl Live {
    /// The options that concern the session and not the message.
    fn on_options<P: Port>(&mut self, port: &mut P, now_ms: u64, at: Position, options: &Options<'_>, offers: bool) -> Result<()> {
        if let Some(ack) = options.ack
            && self.context.sent.on_ack(&ack)?
        {
            if ack.top >= self.acked.top {
                self.acked = ack;
            }
            self.events |= pending::ACKNOWLEDGED;
        }
        if let Some(offer) = options.offer
            && self.offers.learn(now_ms, offer, at)
        {
            self.events |= pending::COMMAND_READY;
        }
        if let Some(resume) = options.resume {
            // A resume under keys that are gone here is repeated under the new ones.
            if self.context.on_resume(at, resume.edge).is_ok() {
                self.resumed = Some(resume.challenge);
                self.wants |= want::PONG;
                self.resend_all();
            }
        }
        if options.resumed.is_some() && options.resumed == self.resume {
            self.resume = None;
        }
        if let Some(request) = &options.update_request {
            let mut n_b = [0; 8];
            port.random(&mut n_b)?;
            if self.context.on_update_request(port, at, request, n_b)?.is_some() {
                self.responds = true;
                self.wants |= want::PONG;
            }
        }
        if let Some(response) = &options.update_response
            && self.context.on_update_response(port, at, response)?
        {
            self.wants |= want::REPEAT;
            self.repeat_at = NEVER;
        }
        if options.offer_request && offers {
            self.wants |= want::OFFER;
        }
        if options.ping {
            self.wants |= want::PONG;
        }
        Ok(())
    }

    /// What an ended session knows of a message that was sent under it first.
    fn seen_before(&self, origin: &record::Origin) -> Result<Seen> {
        match self.windows.iter().flatten().find(|window| window.ended.sid == origin.sid) {
            Some(window) => window.ended.received.check(origin.number),
            None => Ok(Seen::New),
        }
    }

    fn note_delivered(&mut self, origin: &record::Origin) {
        if !self.windows.iter().flatten().any(|window| window.ended.sid == origin.sid) {
            // First sent under a session of which nothing ever arrived, or nothing is remembered: remember it from now on.
            let empty = Window { handle: None, ended: EndedSession { sid: origin.sid, received: ReceivedNumbers::default() } };
            let [newest, older] = &mut self.windows;
            *if newest.is_none() { newest } else { older } = Some(empty);
        }
        if let Some(window) = self.windows.iter_mut().flatten().find(|window| window.ended.sid == origin.sid) {
            // It was New a moment ago, so this cannot fail; if it did, only the recognition of a duplicate would be lost.
            let _ = window.ended.received.deliver(origin.number);
        }
    }
}
