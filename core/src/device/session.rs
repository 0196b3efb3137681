//! The records of a device's one session (PROTOCOL §5), under the one key epoch that it ever has.

use super::commands::Commands;
use super::content::{Content, has};
use super::handshake::SUITE;
use super::state::{Stored, Window, Windows};
use super::{ACK_MS, Message, NEVER, Origin, Outgoing, Sent};
use crate::bytes::{Secret, Writer};
use crate::credential::Thumbprint;
use crate::crypto::Provider;
use crate::edhoc::{ConnectionId, Role};
use crate::endpoint::NUMBERS_AHEAD;
use crate::error::{Error, Result};
use crate::persist::Store;
use crate::record::{Ack, Binding, EpochContext, Header, Keys, Nonce, PARTIAL_IV_LIMIT, Parties, ReceivedNumbers, Seen, SentNumbers};

/// Partial IVs, of either direction, covered by one store.
const AHEAD: u32 = 64;
const TAG: usize = 16;

/// Things that a control record is wanted for.
pub(super) mod want {
    /// Whatever is repeated until answered, now.
    pub(in crate::device) const REPEAT: u8 = 1;
    /// An acknowledgement.
    pub(in crate::device) const ACK: u8 = 2;
    /// Any record: the peer pinged.
    pub(in crate::device) const PONG: u8 = 4;
    /// An offer for commands.
    pub(in crate::device) const OFFER: u8 = 8;
}

/// The session.
pub(super) struct Session {
    /// There is one.
    pub(super) live: bool,
    pub(super) parties: Parties,
    pub(super) context: EpochContext,
    keys: Keys,
    pub(super) sent: SentNumbers,
    pub(super) received: ReceivedNumbers,
    commands: Commands,
    pub(super) windows: Windows,
    /// A confirmable message was delivered that was sent under this session first: its window will be needed when it has ended.
    pub(super) fresh: bool,
    /// Numbers below this may have been given to messages that were sent under another session first.
    pub(super) carried_below: u64,
    /// No record of the peer's yet under this session: pinged until there is one.
    pub(super) unheard: bool,
    /// Own challenge, until echoed.
    pub(super) resume: Option<Nonce>,
    /// The peer's challenge, to be echoed once.
    resumed: Option<Nonce>,
    pub(super) wants: u8,
    /// Repetitions since the peer was heard.
    pub(super) attempts: u8,
    pub(super) repeat_at: u64,
    pub(super) ack_at: u64,
    /// The newest acknowledgement.
    pub(super) acked: Ack,
    /// Unacknowledged numbers from here up to, not including, `resend_to` wait to be reported.
    pub(super) resend_from: u64,
    pub(super) resend_to: u64,
    /// Numbers below this were out at the last repetition.
    pub(super) aged_below: u64,
}

/// What a store makes durable besides reservations.
struct Change {
    /// One above the Partial IV of a verified record about to be accepted, or 0.
    receiving: u64,
    received: ReceivedNumbers,
    windows: Windows,
    /// A message is about to be sent that was sent under another session first.
    carrying: bool,
}

/// What came of a record, besides a message.
pub(super) mod came {
    /// A message to be delivered.
    pub(in crate::device) const MESSAGE: u8 = 1;
    /// Messages were acknowledged.
    pub(in crate::device) const ACKNOWLEDGED: u8 = 2;
    /// The peer asks for new keys.
    pub(in crate::device) const UPDATE: u8 = 4;
    /// The message is a command.
    pub(in crate::device) const COMMAND: u8 = 8;
}

impl Session {
    /// No session, between these two.
    pub(super) const fn new(own: Thumbprint, peer: Thumbprint, commands: Commands) -> Self {
        let (c_i, c_r) = (ConnectionId::NONE, ConnectionId::NONE);
        Session {
            live: false,
            parties: Parties { suite: SUITE, role: Role::Initiator, c_i, c_r, own, peer, sid: [0; 8] },
            context: EpochContext::empty(),
            keys: Keys::empty(),
            sent: SentNumbers::new(),
            received: ReceivedNumbers::new(),
            commands,
            windows: [Window { sid: [0; 8], received: ReceivedNumbers::new() }; 2],
            fresh: false,
            carried_below: 0,
            unheard: false,
            resume: None,
            resumed: None,
            wants: 0,
            attempts: 0,
            repeat_at: NEVER,
            ack_at: NEVER,
            acked: Ack { top: 0, missing: 0 },
            resend_from: 0,
            resend_to: 0,
            aged_below: 0,
        }
    }

    pub(super) const fn thumbprints(&self) -> [Thumbprint; 2] {
        [self.parties.own, self.parties.peer]
    }

    /// No session, between the same two; nothing is known of any.
    pub(super) fn none(&self) -> Self {
        Session::new(self.parties.own, self.parties.peer, self.commands.none())
    }

    /// The receive windows that its successor needs. One under which nothing was sent first is not worth its place.
    fn heritage(&self) -> Windows {
        let [newest, _] = self.windows;
        match self.fresh {
            true => [Window { sid: self.parties.sid, received: self.received }, newest],
            false => self.windows,
        }
    }

    /// A handshake has succeeded: stores the new session, then takes it up instead of the one before. Error: `StorageFailed`, and nothing has changed.
    #[inline(never)]
    pub(super) fn replace<P: Provider + Store>(
        &mut self,
        p: &mut P,
        c_i: u8,
        c_r: ConnectionId,
        sid: [u8; 8],
        prk_out: &Secret<32>,
    ) -> Result<()> {
        let windows = self.heritage();
        let (sent, received) = (SentNumbers::new(), ReceivedNumbers::new());
        let numbers = sent.reserve(NUMBERS_AHEAD);
        let prk_out = prk_out.expose();
        let c_i_id = ConnectionId::new(&[c_i])?;
        Stored {
            c_i,
            c_r: &c_r,
            sid: &sid,
            prk_out,
            failures: 0,
            reserved: u64::from(AHEAD),
            covered: 0,
            sent,
            numbers,
            received,
            windows,
            fresh: false,
            carries: false,
        }
        .save(p, &self.thumbprints())?;
        // What is overwritten erases its keys.
        *self = Session { windows, ..self.none() };
        self.parties.c_i = c_i_id;
        self.parties.c_r = c_r;
        self.parties.sid = sid;
        self.context.begin(prk_out);
        self.context.reserved = u64::from(AHEAD);
        self.sent.set_reserved(numbers);
        self.unheard = true;
        self.wants = want::REPEAT;
        self.derive(p)
    }

    /// Derives the keys; the session can be used.
    pub(super) fn derive<P: Provider>(&mut self, p: &mut P) -> Result<()> {
        self.keys.derive(p, &self.parties, &self.context.prk_out)?;
        self.live = true;
        Ok(())
    }

    // ---- durability

    const fn unchanged(&self) -> Change {
        Change { receiving: 0, received: self.received, windows: self.windows, carrying: false }
    }

    /// Stores the session with a change and new reservations, which are then in force. Error: `StorageFailed`, and nothing has changed.
    #[inline(never)]
    fn store<P: Provider + Store>(&mut self, p: &mut P, change: &Change) -> Result<()> {
        let context = &self.context;
        let (reserved, covered) = context.reservations(self.parties.aead(), AHEAD, context.window.next().max(change.receiving), AHEAD);
        let numbers = self.sent.reserve(NUMBERS_AHEAD);
        let Parties { c_i, c_r, sid, .. } = &self.parties;
        Stored {
            c_i: c_i.as_bytes().first().copied().ok_or(Error::Internal)?,
            c_r,
            sid,
            prk_out: context.prk_out.expose(),
            failures: context.failures,
            reserved,
            covered,
            sent: self.sent,
            numbers,
            received: change.received,
            windows: change.windows,
            fresh: self.fresh,
            carries: change.carrying || self.carries(),
        }
        .save(p, &self.thumbprints())?;
        self.context.reserved = reserved;
        self.context.covered = covered;
        self.sent.set_reserved(numbers);
        self.received = change.received;
        self.windows = change.windows;
        Ok(())
    }

    /// What is stored allows one more record, and one more new message number. Error also: `KeyExhausted`, and a store would not help.
    fn store_to_send<P: Provider + Store>(&mut self, p: &mut P, new_number: bool) -> Result<()> {
        if self.context.next >= PARTIAL_IV_LIMIT {
            return Err(Error::KeyExhausted);
        }
        if self.context.next >= self.context.reserved || (new_number && self.sent.must_store()) {
            self.store(p, &self.unchanged())?;
        }
        Ok(())
    }

    /// A message sent under another session first is still unacknowledged.
    pub(super) fn carries(&self) -> bool {
        self.sent.outstanding().next().is_some_and(|number| number < self.carried_below)
    }

    // ---- sending

    /// A message: protects it into `out`; gives the length of the frame, and its number. The caller has checked that there is a session.
    pub(super) fn send<P: Provider + Store>(&mut self, p: &mut P, now_ms: u64, message: &Outgoing<'_>, out: &mut [u8]) -> Result<Sent> {
        let new = message.confirmable && message.number.is_none();
        // An application may keep the first sending with every message and hand it in always.
        let origin = message.origin.filter(|origin| origin.sid != self.parties.sid);
        let sound = match message.number {
            Some(number) => self.sent.is_outstanding(number),
            None => message.confirmable || message.origin.is_none(),
        };
        if !sound {
            return Err(Error::InvalidArgument);
        }
        if new {
            self.sent.available()?;
            // The receiver remembers one session besides this one: what was first sent there goes first.
            if origin.is_none() && self.carries() {
                return Err(Error::WindowFull);
            }
            if origin.is_some() && !self.carries() {
                // After a restart it must be known that some numbers may carry others.
                self.store(p, &Change { carrying: true, ..self.unchanged() })?;
            }
        }
        self.store_to_send(p, new)?;
        let number = if new { Some(self.sent.take()?) } else { message.number };
        let mut content = Content { payload: message.payload, ..Content::default() };
        if let Some(number) = number {
            content.has = has::NUMBER;
            content.number = number;
        }
        if let Some(topic) = message.topic {
            content.has |= has::TOPIC;
            content.topic = topic;
        }
        if let Some(origin) = origin {
            content.has |= has::ORIGIN;
            content.origin = origin;
        }
        match self.protect(p, now_ms, &mut content, out) {
            Ok(length) => {
                if new && origin.is_some() {
                    self.carried_below = number.map_or(0, |number| number.saturating_add(1));
                }
                Ok(Sent { length, number })
            }
            Err(error) => {
                if let (true, Some(number)) = (new, number) {
                    self.sent.give_back(number);
                }
                Err(error)
            }
        }
    }

    /// A control record with everything that is wanted.
    pub(super) fn control<P: Provider + Store>(&mut self, p: &mut P, now_ms: u64, out: &mut [u8]) -> Result<usize> {
        self.store_to_send(p, false)?;
        let mut content = Content { has: has::KIND, ..Content::default() };
        if self.wants & want::REPEAT != 0 {
            content.has |= if self.unheard { has::PING } else { 0 };
            if let Some(challenge) = self.resume {
                content.has |= has::RESUME;
                content.challenge = challenge;
                if let Some(edge) = self.context.covered.checked_sub(1) {
                    content.has |= has::EDGE;
                    content.edge = edge;
                }
            }
        }
        let length = self.protect(p, now_ms, &mut content, out)?;
        self.wants = 0;
        self.ack_at = NEVER;
        Ok(length)
    }

    /// Protects a record, on which rides what is owed: an acknowledgement, the echo of a challenge, an offer.
    #[inline(never)]
    fn protect<P: Provider>(&mut self, p: &mut P, now_ms: u64, content: &mut Content<'_>, out: &mut [u8]) -> Result<usize> {
        let owed = content.has & has::RESUME != 0 || self.ack_at != NEVER || self.wants & want::ACK != 0;
        if let (true, Some(ack)) = (owed, self.received.ack()) {
            content.has |= has::ACK;
            content.ack = ack;
        }
        if let Some(challenge) = self.resumed {
            content.has |= has::RESUMED;
            content.resumed = challenge;
        }
        if let Some(offer) = self.commands.offer(p, now_ms, self.wants & want::OFFER != 0)? {
            content.has |= has::OFFER;
            content.offer = offer;
        }
        let header = Header {
            phase: false,
            confirmable: content.has & has::NUMBER != 0,
            options: content.has & has::OPTIONS != 0,
            recipient: self.parties.c_r,
            partial_iv: self.context.next,
        };
        let mut w = Writer::new(out);
        header.write(&mut w)?;
        let head = w.len();
        content.write(&mut w);
        w.push(content.payload);
        w.check()?;
        w.reserve(TAG)?;
        let frame = w.finish();
        let length = frame.len();
        let (header_bytes, text) = frame.split_at_mut_checked(head).ok_or(Error::Internal)?;
        let (text, tag) = text.split_last_chunk_mut::<TAG>().ok_or(Error::Internal)?;
        let binding = Binding { parties: &self.parties, epoch: 0, topic: None };
        self.keys.seal(p, &binding, &header, header_bytes, text, tag)?;
        self.context.next = self.context.next.saturating_add(1);
        self.resumed = None;
        self.wants &= !want::OFFER;
        if content.has & has::ACK != 0 {
            self.ack_at = NEVER;
            self.wants &= !want::ACK;
        }
        Ok(length)
    }

    // ---- receiving

    /// A record: verified, decrypted in place, made durable where it must be, and taken in.
    ///
    /// Errors: `Malformed`, `NotDeterministic`, `UnknownContext`, `StaleEpoch`, `KeyExhausted`, `Replay`, `Duplicate`, `DecryptFailed`, `UnsupportedOption`,
    /// `Stale` (a command), `StorageFailed`.
    pub(super) fn receive<'f, P: Provider + Store>(
        &mut self,
        p: &mut P,
        now_ms: u64,
        frame: &'f mut [u8],
        message: &mut Message<'f>,
        came: &mut u8,
    ) -> Result<()> {
        let header = Header::parse(frame, 1)?;
        if !self.live || header.recipient != self.parties.c_i {
            return Err(Error::UnknownContext);
        }
        if header.phase {
            return Err(Error::StaleEpoch);
        }
        if header.partial_iv >= PARTIAL_IV_LIMIT {
            return Err(Error::Malformed);
        }
        self.context.check_failures(SUITE.application_aead())?;
        self.context.window.check(header.partial_iv)?;
        let (header_bytes, text) = frame.split_at_mut_checked(header.size()).ok_or(Error::Malformed)?;
        let (text, tag) = text.split_last_chunk_mut::<TAG>().ok_or(Error::Malformed)?;
        let binding = Binding { parties: &self.parties, epoch: 0, topic: None };
        if let Err(error) = self.keys.open(p, &binding, &header, header_bytes, text, tag) {
            if error == Error::DecryptFailed {
                self.context.failures = self.context.failures.saturating_add(1);
            }
            return Err(error);
        }
        if header.partial_iv >= self.context.covered {
            self.store(p, &Change { receiving: header.partial_iv.saturating_add(1), ..self.unchanged() })?;
        }
        let arrival = self.context.window.accept(header.partial_iv)?;
        self.unheard = false;
        self.attempts = 0;
        let mut content = Content::default();
        content.read(&header, text)?;
        self.take(&content, now_ms, came)?;
        message.command = *came & came::COMMAND != 0;
        message.sid = self.parties.sid;
        message.number = (content.has & has::NUMBER != 0).then_some(content.number);
        message.origin = (content.has & has::ORIGIN != 0).then_some(content.origin);
        message.topic = (content.has & has::TOPIC != 0).then_some(content.topic);
        message.payload = content.payload;
        message.missing = if content.has & (has::RESUME | has::RESUMED) != 0 { 0 } else { arrival.missing };
        message.late = arrival.late;
        Ok(())
    }

    /// What an accepted record brings about.
    #[inline(never)]
    fn take(&mut self, content: &Content<'_>, now_ms: u64, came: &mut u8) -> Result<()> {
        if content.has & has::ACK != 0 && self.sent.on_ack(&content.ack)? {
            *came |= came::ACKNOWLEDGED;
            if content.ack.top >= self.acked.top {
                self.acked = content.ack;
            }
        }
        if content.has & has::RESUME != 0 {
            let next = if content.has & has::EDGE != 0 { content.edge.saturating_add(1) } else { 0 };
            self.context.next = self.context.next.max(next);
            self.resumed = Some(content.challenge);
            self.wants |= want::PONG;
            self.resend_all();
        }
        if content.has & has::RESUMED != 0 && self.resume == Some(content.resumed) {
            self.resume = None;
        }
        if content.has & has::PING != 0 {
            self.wants |= want::PONG;
        }
        if content.has & has::UPDATE_REQUEST != 0 {
            *came |= came::UPDATE;
        }
        if content.has & has::OFFER_REQUEST != 0 {
            self.wants |= self.commands.asked();
        }
        if content.has & (has::KIND | has::COMMAND) == has::KIND {
            return Ok(());
        }
        let number = (content.has & has::NUMBER != 0).then_some(content.number);
        let origin = (content.has & has::ORIGIN != 0).then_some(content.origin);
        if let Some(number) = number {
            let seen = self.seen(number, origin)?;
            if seen != Seen::New {
                // Say again what is committed; and before that, that this end is alive.
                self.wants |= if seen == Seen::Committed { want::ACK } else { want::PONG };
                return Err(Error::Duplicate);
            }
        }
        if content.has & has::COMMAND != 0 {
            self.commands.check((content.has & has::ANSWER != 0).then_some(content.offer), now_ms)?;
            *came |= came::COMMAND;
        }
        if let Some(number) = number {
            self.deliver(number, origin)?;
            self.ack_at = self.ack_at.min(now_ms.saturating_add(ACK_MS));
        }
        *came |= came::MESSAGE;
        Ok(())
    }

    /// Has a message been seen, under this session or under the one that it was sent under first? What was committed there is here too, from now on.
    fn seen(&mut self, number: u64, origin: Option<Origin>) -> Result<Seen> {
        let seen = self.received.check(number)?;
        let Some(origin) = origin.filter(|_| seen == Seen::New) else { return Ok(seen) };
        let window = self.windows.iter().find(|window| window.sid == origin.sid);
        let seen = window.map_or(ReceivedNumbers::new(), |window| window.received).check(origin.number)?;
        if seen == Seen::Committed {
            self.received.deliver(number)?;
            self.received.commit(number);
        }
        Ok(seen)
    }

    /// A confirmable message is handed to the application.
    fn deliver(&mut self, number: u64, origin: Option<Origin>) -> Result<()> {
        self.received.deliver(number)?;
        let Some(origin) = origin else {
            self.fresh = true;
            return Ok(());
        };
        let [newest, older] = &mut self.windows;
        let window = match () {
            () if newest.sid == origin.sid => newest,
            () if older.sid == origin.sid => older,
            // First sent under a session of which nothing is remembered: from now on it is.
            () => {
                let place = if newest.sid == [0; 8] { newest } else { older };
                *place = Window { sid: origin.sid, received: ReceivedNumbers::new() };
                place
            }
        };
        window.received.deliver(origin.number)
    }

    /// A delivered message is durable in the application: stored, then acknowledged. Errors: `InvalidArgument` (never delivered), `UnknownSession`
    /// (its session has ended and is not remembered), `StorageFailed`.
    pub(super) fn commit<P: Provider + Store>(&mut self, p: &mut P, message: Origin, origin: Option<Origin>) -> Result<()> {
        let (mut received, mut windows) = (self.received, self.windows);
        let mut known = false;
        for name in [Some(message), origin].into_iter().flatten() {
            let place = if name.sid == self.parties.sid {
                Some(&mut received)
            } else {
                windows.iter_mut().find(|window| window.sid == name.sid).map(|window| &mut window.received)
            };
            if let Some(place) = place {
                place.can_commit(name.number)?;
                place.commit(name.number);
                known = true;
            }
        }
        if !known {
            return Err(Error::UnknownSession);
        }
        if received != self.received || windows != self.windows {
            self.store(p, &Change { received, windows, ..self.unchanged() })?;
        }
        Ok(())
    }

    // ---- repetitions

    /// Is anything repeated until the peer answers?
    pub(super) fn repeats(&self) -> bool {
        self.repeats_control() || self.sent.outstanding_bits() != 0
    }

    /// Is a control record?
    pub(super) const fn repeats_control(&self) -> bool {
        self.unheard || self.resume.is_some()
    }

    /// Every unacknowledged message is to be sent again now.
    pub(super) const fn resend_all(&mut self) {
        self.resend_from = 0;
        self.resend_to = self.sent.next();
    }

    /// The lowest message that is to be sent again.
    pub(super) fn next_resend(&self) -> Option<u64> {
        self.sent.outstanding().find(|number| (self.resend_from..self.resend_to).contains(number))
    }
}
