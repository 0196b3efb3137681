//! The records of a device's one session (PROTOCOL §5), under the one key epoch that it ever has.

use super::handshake::SUITE;
use super::state::{Stored, Window, Windows};
use super::{Message, NEVER, Origin, Outgoing, Sent};
use crate::bytes::{Secret, Writer};
use crate::cbor::{self, Decoder, Items, Kind};
use crate::credential::Thumbprint;
use crate::crypto::Provider;
use crate::edhoc::{ConnectionId, Role};
use crate::error::{Error, Result};
use crate::persist::Store;
use crate::record::{
    Ack, Binding, EpochContext, Header, Keys, MAX_CONTENT_TYPE, MAX_TOPIC, Nonce, PARTIAL_IV_LIMIT, Parties, ReceivedNumbers, Seen,
    SentNumbers,
};

/// Partial IVs, of either direction, covered by one store.
const AHEAD: u64 = 64;
/// Message numbers reserved by one store.
const NUMBERS_AHEAD: u32 = 16;
const TAG: usize = 16;

/// Things that a control record is wanted for.
pub(super) mod want {
    /// Whatever is repeated until answered, now.
    pub(in crate::device) const REPEAT: u8 = 1;
    /// An acknowledgement.
    pub(in crate::device) const ACK: u8 = 2;
    /// Any record: the peer pinged.
    pub(in crate::device) const PONG: u8 = 4;
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

/// What a record holds.
#[derive(Default)]
struct Content<'f> {
    number: Option<u64>,
    control: bool,
    command: bool,
    topic: Option<&'f [u8]>,
    origin: Option<Origin>,
    ack: Option<Ack>,
    resume: Option<(Option<u64>, Nonce)>,
    resumed: Option<Nonce>,
    /// The peer asks for new keys.
    update: bool,
    ping: bool,
    payload: &'f [u8],
}

/// What came of a record.
pub(super) struct Received<'f> {
    /// A message to be delivered.
    pub(super) message: Option<Message<'f>>,
    /// Messages were acknowledged.
    pub(super) acknowledged: bool,
    /// The peer asks for new keys.
    pub(super) update: bool,
}

impl Session {
    /// No session, between these two.
    pub(super) const fn new(own: Thumbprint, peer: Thumbprint) -> Self {
        let (c_i, c_r) = (ConnectionId::NONE, ConnectionId::NONE);
        Session {
            live: false,
            parties: Parties { suite: SUITE, role: Role::Initiator, c_i, c_r, own, peer, sid: [0; 8] },
            context: EpochContext::empty(),
            keys: Keys::empty(),
            sent: SentNumbers::new(),
            received: ReceivedNumbers::new(),
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

    /// Ends it: keys erased, receive windows kept for what comes after it.
    pub(super) fn end(&mut self) {
        self.windows = self.heritage();
        self.context.erase();
        self.keys.erase();
        self.sent = SentNumbers::new();
        self.received = ReceivedNumbers::new();
        self.live = false;
        self.fresh = false;
        self.carried_below = 0;
        self.unheard = false;
        self.resume = None;
        self.resumed = None;
        self.wants = 0;
        self.attempts = 0;
        self.repeat_at = NEVER;
        self.ack_at = NEVER;
        self.resend_from = 0;
        self.resend_to = 0;
        self.aged_below = 0;
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
            reserved: AHEAD,
            covered: 0,
            sent,
            numbers,
            received,
            windows,
            fresh: false,
            carries: false,
        }
        .save(p, &self.thumbprints())?;
        self.end();
        self.windows = windows;
        self.parties.c_i = c_i_id;
        self.parties.c_r = c_r;
        self.parties.sid = sid;
        self.context.begin(prk_out);
        self.context.reserved = AHEAD;
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
        let reserved = context.next.saturating_add(AHEAD).min(PARTIAL_IV_LIMIT).max(context.reserved);
        let seen = context.window.next().max(change.receiving);
        // Nothing received yet: no edge, or a peer that counts from 0 would look like a replay after a restore.
        let covered = if seen == 0 { 0 } else { seen.saturating_add(AHEAD).min(PARTIAL_IV_LIMIT) }.max(context.covered);
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

    /// What is stored allows one more record, and one more new message number.
    fn store_to_send<P: Provider + Store>(&mut self, p: &mut P, new_number: bool) -> Result<()> {
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
    pub(super) fn send<P: Provider + Store>(&mut self, p: &mut P, message: &Outgoing<'_>, out: &mut [u8]) -> Result<Sent> {
        let new = message.confirmable && message.number.is_none();
        if let Some(number) = message.number
            && !self.sent.is_outstanding(number)
        {
            return Err(Error::InvalidArgument);
        }
        if new {
            self.sent.available()?;
            // The receiver remembers one session besides this one: what was first sent there goes first.
            if message.origin.is_none() && self.carries() {
                return Err(Error::WindowFull);
            }
            if message.origin.is_some() && !self.carries() {
                // After a restart it must be known that some numbers may carry others.
                self.store(p, &Change { carrying: true, ..self.unchanged() })?;
            }
        }
        self.store_to_send(p, new)?;
        let number = if new { Some(self.sent.take()?) } else { message.number };
        let content = Content { number, topic: message.topic, origin: message.origin, payload: message.payload, ..Content::default() };
        match self.protect(p, content, out) {
            Ok(length) => {
                if new && message.origin.is_some() {
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
    pub(super) fn control<P: Provider + Store>(&mut self, p: &mut P, out: &mut [u8]) -> Result<usize> {
        self.store_to_send(p, false)?;
        let mut content = Content { control: true, ..Content::default() };
        if self.wants & want::REPEAT != 0 {
            content.ping = self.unheard;
            content.resume = self.resume.map(|challenge| (self.context.covered.checked_sub(1), challenge));
        }
        let length = self.protect(p, content, out)?;
        self.wants = 0;
        self.ack_at = NEVER;
        Ok(length)
    }

    /// What rides on any record: the acknowledgement that is owed, and the echo of a challenge.
    #[inline(never)]
    fn protect<P: Provider>(&mut self, p: &mut P, mut content: Content<'_>, out: &mut [u8]) -> Result<usize> {
        if content.resume.is_some() || self.ack_at != NEVER || self.wants & want::ACK != 0 {
            content.ack = self.received.ack();
        }
        content.resumed = self.resumed;
        let options = content.options();
        let header = Header {
            phase: false,
            confirmable: content.number.is_some(),
            options: options > 0,
            recipient: self.parties.c_r,
            partial_iv: self.context.next,
        };
        let mut w = Writer::new(out);
        header.write(&mut w)?;
        let head = w.len();
        if let Some(number) = content.number {
            cbor::push_uint(&mut w, number);
        }
        content.write(options, &mut w);
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
        if content.ack.is_some() {
            self.ack_at = NEVER;
            self.wants &= !want::ACK;
        }
        Ok(length)
    }

    // ---- receiving

    /// A record: verified, decrypted in place, made durable where it must be, and taken in. `ack_by`: when an acknowledgement that was not
    /// sent otherwise is due.
    ///
    /// Errors: `Malformed`, `NotDeterministic`, `UnknownContext`, `StaleEpoch`, `KeyExhausted`, `Replay`, `Duplicate`, `DecryptFailed`, `UnsupportedOption`,
    /// `Stale` (a command: this engine takes none), `StorageFailed`.
    pub(super) fn receive<'f, P: Provider + Store>(&mut self, p: &mut P, ack_by: u64, frame: &'f mut [u8]) -> Result<Received<'f>> {
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
        let content = Content::read(&header, text)?;
        self.take(content, arrival.missing, arrival.late, ack_by)
    }

    /// What an accepted record brings about.
    #[inline(never)]
    fn take<'f>(&mut self, content: Content<'f>, missing: u64, late: bool, ack_by: u64) -> Result<Received<'f>> {
        let acknowledged = match content.ack {
            Some(ack) => {
                let news = self.sent.on_ack(&ack)? > 0;
                if news && ack.top >= self.acked.top {
                    self.acked = ack;
                }
                news
            }
            None => false,
        };
        if let Some((edge, challenge)) = content.resume {
            let next = edge.map_or(0, |edge| edge.saturating_add(1));
            self.context.next = self.context.next.max(next);
            self.resumed = Some(challenge);
            self.wants |= want::PONG;
            self.resend_all();
        }
        if content.resumed.is_some() && content.resumed == self.resume {
            self.resume = None;
        }
        if content.ping {
            self.wants |= want::PONG;
        }
        let mut outcome = Received { message: None, acknowledged, update: content.update };
        if content.control {
            return Ok(outcome);
        }
        if let Some(number) = content.number {
            let mut seen = self.received.check(number)?;
            if let (Seen::New, Some(origin)) = (seen, content.origin)
                && let Some(window) = self.windows.iter().find(|window| window.sid == origin.sid)
            {
                seen = window.received.check(origin.number)?;
                if seen == Seen::Committed {
                    self.received.deliver(number)?;
                    self.received = self.received.committing(Some(number));
                }
            }
            match seen {
                Seen::New if content.command => {}
                Seen::New => {
                    self.deliver(number, content.origin)?;
                    self.ack_at = self.ack_at.min(ack_by);
                }
                // Say again what is committed; and before that, that this end is alive.
                seen => {
                    self.wants |= if seen == Seen::Committed { want::ACK } else { want::PONG };
                    return Err(Error::Duplicate);
                }
            }
        }
        if content.command {
            return Err(Error::Stale);
        }
        let resuming = content.resume.is_some() || content.resumed.is_some();
        outcome.message = Some(Message {
            sid: self.parties.sid,
            number: content.number,
            origin: content.origin,
            topic: content.topic,
            payload: content.payload,
            missing: if resuming { 0 } else { missing },
            late,
        });
        Ok(outcome)
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
                *place = place.committing(Some(name.number));
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

impl<'f> Content<'f> {
    /// How many options it has.
    fn options(&self) -> usize {
        let present = [
            self.control,
            self.topic.is_some(),
            self.origin.is_some(),
            self.ack.is_some(),
            self.resume.is_some(),
            self.resumed.is_some(),
            self.ping,
        ];
        present.into_iter().map(usize::from).fold(0, usize::saturating_add)
    }

    /// Appends the map of its options (PROTOCOL §5.3), unless it is empty.
    fn write(&self, options: usize, w: &mut Writer<'_>) {
        if options == 0 {
            return;
        }
        cbor::push_map(w, options);
        if self.control {
            w.push(&[0, 2]);
        }
        if let Some(topic) = self.topic {
            w.push(&[1]);
            cbor::push_bytes(w, topic);
        }
        if let Some(origin) = self.origin {
            w.push(&[2, 0x82]);
            cbor::push_bytes(w, &origin.sid);
            cbor::push_uint(w, origin.number);
        }
        if let Some(ack) = self.ack {
            w.push(&[5, 0x82]);
            cbor::push_uint(w, ack.top);
            cbor::push_uint(w, ack.missing);
        }
        if let Some((edge, challenge)) = self.resume {
            w.push(&[6, 0x82]);
            match edge {
                Some(edge) => cbor::push_uint(w, edge),
                None => cbor::push_null(w),
            }
            cbor::push_bytes(w, &challenge);
        }
        if let Some(challenge) = self.resumed {
            w.push(&[7]);
            cbor::push_bytes(w, &challenge);
        }
        if self.ping {
            w.push(&[15]);
            cbor::push_bool(w, true);
        }
    }

    /// Reads a plaintext. Errors: `Malformed`, `NotDeterministic`, `UnsupportedOption`.
    #[inline(never)]
    fn read(header: &Header, plaintext: &'f [u8]) -> Result<Self> {
        let mut decoder = Decoder::new(plaintext);
        let mut content = Content::default();
        if header.confirmable {
            content.number = Some(decoder.uint()?);
        }
        if header.options {
            let entries = decoder.map()?;
            let mut items = Items::new(&mut decoder);
            items.check(entries > 0);
            let mut least = 0;
            for _ in 0..entries {
                let key = items.uint();
                items.check(key >= least);
                least = key.saturating_add(1);
                content.option(key, &mut items);
            }
            items.finish()?;
        }
        content.payload = decoder.rest();
        if content.control && (header.confirmable || !content.payload.is_empty()) {
            return Err(Error::Malformed);
        }
        Ok(content)
    }

    /// One option. What means nothing to a device is checked all the same, and passed over.
    fn option(&mut self, key: u64, d: &mut Items<'_, 'f>) {
        match key {
            0 => {
                let kind = d.uint();
                d.check(matches!(kind, 1 | 2));
                self.command = kind == 1;
                self.control = kind == 2;
            }
            1 => self.topic = Some(string(d, Kind::Bytes, MAX_TOPIC)),
            2 => {
                d.list(2);
                self.origin = Some(Origin { sid: d.nonce(), number: d.uint() });
            }
            5 => {
                d.list(2);
                let ack = Ack { top: d.uint(), missing: d.uint() };
                d.check(ack.check().is_ok());
                self.ack = Some(ack);
            }
            6 => {
                d.list(2);
                let edge = if d.uint_or_null() { Some(d.uint()) } else { None };
                d.check(edge.is_none_or(|edge| edge < PARTIAL_IV_LIMIT));
                self.resume = Some((edge, d.nonce()));
            }
            7 => self.resumed = Some(d.nonce()),
            // offer, answer.
            3 | 4 => drop(d.nonce()),
            // update-request, update-response.
            8 | 9 => {
                self.update |= key == 8;
                d.list(key.saturating_sub(6) as usize);
                let epoch = d.uint();
                d.check((1..=u64::from(u32::MAX)).contains(&epoch));
                d.nonce();
                if key == 9 {
                    d.nonce();
                }
            }
            // retain, offer-request, ping.
            11 | 14 => drop(d.yes()),
            15 => self.ping = d.yes(),
            12 => drop(d.uint()),
            13 => {
                let length = d.text().len();
                d.check((1..=MAX_CONTENT_TYPE).contains(&length));
            }
            // Also handover, which only an Initiator sends.
            _ => d.fail(Err(Error::UnsupportedOption)),
        }
    }
}

fn string<'f>(d: &mut Items<'_, 'f>, kind: Kind, longest: usize) -> &'f [u8] {
    let bytes = d.string(kind);
    d.check((1..=longest).contains(&bytes.len()));
    bytes
}
