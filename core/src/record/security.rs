//! The record layer of one session: two key epochs, the key update between them, and the message numbers.

use super::context::{Binding, EpochContext, Keys, Parties};
use super::header::Header;
use super::numbers::{ReceivedNumbers, SentNumbers};
use super::options::{Kind, Nonce, Options, UpdateRequest, UpdateResponse};
use super::update::{Reaction, Update, Updating};
use crate::bytes::{Secret, Writer};
use crate::cbor::{self, Decoder};
use crate::crypto::Provider;
use crate::edhoc;
use crate::error::{Error, Result};

/// Where a record stands: key epoch and Partial IV. Later records of one sender compare greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The key epoch.
    pub epoch: u32,
    /// The Partial IV.
    pub partial_iv: u64,
}

/// What a snapshot being stored shall allow once it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Partial IVs to reserve ahead for sending: one store per so many records sent.
    pub ahead: u32,
    /// How far above the newest Partial IV received the edge goes: one store per so many records received.
    pub edge_ahead: u32,
    /// Message numbers to reserve ahead. After a restore all numbers reserved count as possibly sent, so keep it small.
    pub numbers_ahead: u32,
    /// A verified record about to be accepted.
    pub receiving: Option<Position>,
    /// A delivered message that the application has made durable.
    pub committing: Option<u64>,
}

impl Default for Plan {
    fn default() -> Self {
        Plan { ahead: 64, edge_ahead: 64, numbers_ahead: 16, receiving: None, committing: None }
    }
}

/// A message to be protected.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outgoing<'a> {
    /// The number of a confirmable message: from [`SentNumbers::take`], or an outstanding one to send again.
    pub number: Option<u64>,
    /// The options.
    pub options: Options<'a>,
    /// The payload.
    pub payload: &'a [u8],
}

/// A record that was verified but not yet accepted.
#[derive(Debug)]
pub struct Opened<'f> {
    /// Where it stands; give it to [`SecurityContext::accept`].
    pub at: Position,
    confirmable: bool,
    options: bool,
    plaintext: &'f [u8],
}

/// What a record holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content<'f> {
    /// The number of a confirmable message.
    pub number: Option<u64>,
    /// The options.
    pub options: Options<'f>,
    /// The payload.
    pub payload: &'f [u8],
}

impl<'f> Opened<'f> {
    /// Reads the plaintext. Errors: [`Error::UnsupportedOption`], [`Error::Malformed`], [`Error::NotDeterministic`]; the record's
    /// Partial IV is used up all the same.
    pub fn content(&self) -> Result<Content<'f>> {
        let mut content = Content::default();
        self.read(&mut content)?;
        Ok(content)
    }

    /// [`content`](Self::content) into a place that is the default; after an error it means nothing.
    #[inline(never)]
    pub fn read(&self, content: &mut Content<'f>) -> Result<()> {
        let mut decoder = Decoder::new(self.plaintext);
        if self.confirmable {
            content.number = Some(decoder.uint()?);
        }
        if self.options {
            content.options.read(&mut decoder)?;
        }
        content.payload = decoder.rest();
        if content.options.kind == Kind::Control && (self.confirmable || !content.payload.is_empty()) {
            return Err(Error::Malformed);
        }
        Ok(())
    }
}

/// What [`SecurityContext::accept`] found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Records skipped directly before this one. Not to be reported for a record with `resume` or `resumed`.
    pub missing: u64,
    /// It fills an earlier gap.
    pub late: bool,
    /// It is the first under new keys: the old ones are gone.
    pub key_updated: bool,
}

/// The security contexts of one session.
///
/// It stores nothing by itself, and refuses to use what was not stored. Before [`protect`](Self::protect), ask
/// [`must_store_to_send`](Self::must_store_to_send); between [`unprotect`](Self::unprotect) and [`accept`](Self::accept), ask
/// [`must_store_to_accept`](Self::must_store_to_accept). If so, store a snapshot ([`crate::persist::snapshot::encode`]) with a
/// [`Plan`], then call [`stored`](Self::stored) with the same plan. A store that fails changes nothing.
pub struct SecurityContext {
    pub(crate) parties: Parties,
    /// The contexts by lowest bit of their epoch.
    pub(crate) even: EpochContext,
    pub(crate) odd: EpochContext,
    /// The keys of the epoch with the lowest bit `keyed`, sent under last. While a key update is under way, those of the other epoch are derived for each
    /// record received under it, of which there are few.
    keys: Keys,
    keyed: Option<bool>,
    /// p: the epoch confirmed at this end.
    pub(crate) epoch: u32,
    pub(crate) update: Update,
    /// A transition was made and not stored; nothing may be sent.
    unstored: bool,
    /// Nothing is ever restored, so nothing needs storing.
    volatile: bool,
    /// Numbers of confirmable messages sent.
    pub sent: SentNumbers,
    /// Numbers of confirmable messages received.
    pub received: ReceivedNumbers,
}

impl SecurityContext {
    /// Epoch 0 of a new session from the handshake's PRK_out.
    pub fn new<P: Provider>(p: &mut P, parties: Parties, prk_out: &Secret<32>) -> Result<Self> {
        let mut this = Self::blank(parties, 0);
        this.begin(p, prk_out)?;
        Ok(this)
    }

    /// Derives the keys of a blank context.
    pub(crate) fn begin<P: Provider>(&mut self, p: &mut P, prk_out: &Secret<32>) -> Result<()> {
        self.even.begin(prk_out.expose());
        self.derive_keys(p)
    }

    pub(crate) const fn blank(parties: Parties, epoch: u32) -> Self {
        SecurityContext {
            parties,
            even: EpochContext::empty(),
            odd: EpochContext::empty(),
            keys: Keys::empty(),
            keyed: None,
            epoch,
            update: Update::Idle,
            unstored: true,
            volatile: false,
            sent: SentNumbers::new(),
            received: ReceivedNumbers::new(),
        }
    }

    /// For an endpoint that never restores this session because its store does not resist rollback: nothing needs to be stored.
    pub fn make_volatile(&mut self) {
        self.volatile = true;
        self.unstored = false;
        self.sent.set_reserved(u64::MAX);
    }

    pub(crate) const fn is_volatile(&self) -> bool {
        self.volatile
    }

    /// What stands here is what is stored.
    pub(crate) const fn mark_restored(&mut self) {
        self.unstored = false;
    }

    /// Who talks to whom.
    pub const fn parties(&self) -> &Parties {
        &self.parties
    }

    /// The key epoch confirmed at this end.
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The epoch that records are sent under.
    pub fn sending_epoch(&self) -> u32 {
        if self.update == Update::Moved { self.epoch.saturating_add(1) } else { self.epoch }
    }

    /// The Partial IV of the next record sent.
    pub fn next_partial_iv(&self) -> u64 {
        self.context(self.sending_epoch()).next
    }

    /// How far a key update is.
    pub const fn updating(&self) -> Updating {
        self.update.stage()
    }

    /// Records that did not verify under the keys in use.
    pub fn failures(&self) -> u32 {
        let next = if self.update.has_next() { self.context(self.epoch.wrapping_add(1)).failures } else { 0 };
        self.context(self.epoch).failures.saturating_add(next)
    }

    /// PRK_out of the confirmed epoch, for the application's exporter.
    pub fn prk_out(&self) -> &Secret<32> {
        &self.context(self.epoch).prk_out
    }

    /// Three quarters of the records of a key, or half of the failures it may have, are used up: time for a key update.
    pub fn wants_update(&self) -> bool {
        self.context(self.epoch).worn(self.parties.aead())
    }

    /// Makes the keys of the epoch that is sent under those at hand. Error: [`Error::Internal`], and then none are.
    #[inline(never)]
    fn derive_keys<P: Provider>(&mut self, p: &mut P) -> Result<()> {
        let phase = self.sending_epoch() & 1 == 1;
        if self.keyed == Some(phase) {
            return Ok(());
        }
        self.keyed = None;
        let prk_out = if phase { &self.odd.prk_out } else { &self.even.prk_out };
        self.keys.derive(p, &self.parties, prk_out)?;
        self.keyed = Some(phase);
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn keys_of<P: Provider>(&self, p: &mut P, epoch: u32) -> Keys {
        let mut keys = Keys::empty();
        keys.derive(p, &self.parties, &self.context(epoch).prk_out).unwrap();
        keys
    }

    #[cfg(test)]
    pub(crate) const fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(crate) const fn context(&self, epoch: u32) -> &EpochContext {
        if epoch & 1 == 0 { &self.even } else { &self.odd }
    }

    pub(crate) const fn context_mut(&mut self, epoch: u32) -> &mut EpochContext {
        if epoch & 1 == 0 { &mut self.even } else { &mut self.odd }
    }

    // ---- durability

    /// Must a snapshot be stored before the next record may be sent? `new_number`: the record takes a new message number (then
    /// ask [`SentNumbers::available`] first).
    pub fn must_store_to_send(&self, new_number: bool) -> bool {
        let context = self.context(self.sending_epoch());
        !self.volatile && (self.unstored || context.next >= context.reserved || (new_number && self.sent.must_store()))
    }

    /// Must a snapshot be stored before the record at `at` may be accepted?
    pub fn must_store_to_accept(&self, at: Position) -> bool {
        !self.volatile && (at.partial_iv >= self.context(at.epoch).covered || self.promotes(at))
    }

    /// The first record under p + 1: p ends with it.
    pub(crate) fn promotes(&self, at: Position) -> bool {
        self.update.has_next() && Some(at.epoch) == self.epoch.checked_add(1)
    }

    /// How far a snapshot under `plan` reserves for `epoch`: Partial IVs to send, Partial IVs to receive.
    pub(crate) fn reservations(&self, epoch: u32, plan: &Plan) -> (u64, u64) {
        let context = self.context(epoch);
        let received = match plan.receiving {
            Some(at) if at.epoch == epoch => context.window.next().max(at.partial_iv.saturating_add(1)),
            _ => context.window.next(),
        };
        context.reservations(self.parties.aead(), plan.ahead, received, plan.edge_ahead)
    }

    /// A snapshot made with `plan` is durable: what it reserves may be used.
    pub fn stored(&mut self, plan: &Plan) {
        if let Some(number) = plan.committing {
            self.received.commit(number);
        }
        if self.volatile {
            return;
        }
        let last = if self.update.has_next() { self.epoch.saturating_add(1) } else { self.epoch };
        for epoch in self.epoch..=last {
            let (reserved, covered) = self.reservations(epoch, plan);
            let context = self.context_mut(epoch);
            context.reserved = reserved;
            context.covered = covered;
        }
        self.sent.set_reserved(self.sent.reserve(plan.numbers_ahead));
        self.unstored = false;
    }

    // ---- records

    /// Protects `message` into `out`; gives the length of the frame. `topic`: the application's topic that the record is published
    /// on, at most 255 bytes, or `None` for addressed records and links.
    ///
    /// `out` needs the payload's length, at most 10 bytes of header, 9 of message number, the options, and the tag.
    /// On error nothing is used up and `out` holds nothing worth sending. Errors: [`Error::StorageFailed`] if a store must come
    /// first; [`Error::KeyExhausted`]; [`Error::InvalidArgument`] for a number that is not outstanding, an option out of range, a control message
    /// with payload or number; [`Error::BufferTooSmall`].
    pub fn protect<P: Provider>(&mut self, p: &mut P, message: &Outgoing<'_>, topic: Option<&[u8]>, out: &mut [u8]) -> Result<usize> {
        // Before the store: for a key that is used up it could not reserve more.
        let epoch = self.sending_epoch();
        if self.context(epoch).next >= EpochContext::limit(self.parties.aead()) {
            return Err(Error::KeyExhausted);
        }
        if self.must_store_to_send(false) {
            return Err(Error::StorageFailed);
        }
        let control = message.options.kind == Kind::Control;
        if control && (message.number.is_some() || !message.payload.is_empty()) {
            return Err(Error::InvalidArgument);
        }
        if message.number.is_some_and(|number| !self.sent.is_outstanding(number)) {
            return Err(Error::InvalidArgument);
        }
        self.derive_keys(p)?;
        let length = self.seal(p, epoch, message, topic, out)?;
        let context = self.context_mut(epoch);
        context.next = context.next.saturating_add(1);
        Ok(length)
    }

    fn seal<P: Provider>(&self, p: &mut P, epoch: u32, message: &Outgoing<'_>, topic: Option<&[u8]>, out: &mut [u8]) -> Result<usize> {
        let aead = self.parties.aead();
        let context = self.context(epoch);
        let header = Header {
            phase: epoch & 1 == 1,
            confirmable: message.number.is_some(),
            options: !message.options.is_empty(),
            recipient: *self.parties.sender_id(),
            partial_iv: context.next,
        };
        let mut writer = Writer::new(out);
        header.write(&mut writer)?;
        let header_len = writer.len();
        if let Some(number) = message.number {
            cbor::write_uint(&mut writer, number)?;
        }
        message.options.write(&mut writer)?;
        writer.put(message.payload)?;
        writer.reserve(aead.tag_len())?;
        let frame = writer.finish();
        let length = frame.len();
        let (header_bytes, rest) = frame.split_at_mut_checked(header_len).ok_or(Error::Internal)?;
        let plaintext_len = rest.len().saturating_sub(aead.tag_len());
        let (plaintext, tag) = rest.split_at_mut_checked(plaintext_len).ok_or(Error::Internal)?;
        let binding = Binding { parties: &self.parties, epoch, topic };
        self.keys.seal(p, &binding, &header, header_bytes, plaintext, tag)?;
        Ok(length)
    }

    /// Verifies and decrypts a record in place. `header` is what [`Header::parse`] gave for the same `frame`. Changes nothing but
    /// the count of failures; the record counts as received when it is [`accept`](Self::accept)ed.
    ///
    /// Errors: [`Error::UnknownContext`] if the identifier is not this session's; [`Error::StaleEpoch`]; [`Error::Replay`];
    /// [`Error::Duplicate`]; [`Error::Malformed`]; [`Error::DecryptFailed`]; [`Error::KeyExhausted`] after too many failures.
    pub fn unprotect<'f, P: Provider>(
        &mut self,
        p: &mut P,
        header: &Header,
        topic: Option<&[u8]>,
        frame: &'f mut [u8],
    ) -> Result<Opened<'f>> {
        if header.recipient != *self.parties.recipient_id() {
            return Err(Error::UnknownContext);
        }
        let epoch = self.receiving_epoch(header.phase).ok_or(Error::StaleEpoch)?;
        let aead = self.parties.aead();
        let context = self.context(epoch);
        if header.partial_iv >= EpochContext::limit(aead) {
            return Err(Error::Malformed);
        }
        context.check_failures(aead)?;
        context.window.check(header.partial_iv)?;
        let (header_bytes, rest) = frame.split_at_mut_checked(header.size()).ok_or(Error::Malformed)?;
        let split = rest.len().checked_sub(aead.tag_len()).ok_or(Error::Malformed)?;
        let (plaintext, tag) = rest.split_at_mut_checked(split).ok_or(Error::Malformed)?;
        if epoch == self.sending_epoch() {
            self.derive_keys(p)?;
        }
        let context = self.context(epoch);
        let binding = Binding { parties: &self.parties, epoch, topic };
        let opened = if self.keyed == Some(header.phase) {
            self.keys.open(p, &binding, header, header_bytes, plaintext, tag)
        } else {
            open_other(p, &context.prk_out, &binding, header, header_bytes, plaintext, tag)
        };
        if let Err(error) = opened {
            if error == Error::DecryptFailed {
                let context = self.context_mut(epoch);
                context.failures = context.failures.saturating_add(1);
            }
            return Err(error);
        }
        let at = Position { epoch, partial_iv: header.partial_iv };
        Ok(Opened { at, confirmable: header.confirmable, options: header.options, plaintext })
    }

    /// The epoch that a received record's phase bit names.
    fn receiving_epoch(&self, phase: bool) -> Option<u32> {
        if (self.epoch & 1 == 1) == phase {
            Some(self.epoch)
        } else if self.update.has_next() {
            self.epoch.checked_add(1)
        } else {
            None
        }
    }

    /// Accepts a verified record: its Partial IV is used up. The first under new keys ends the old ones.
    ///
    /// Errors: [`Error::StorageFailed`] if a store must come first; [`Error::StaleEpoch`], [`Error::Replay`], [`Error::Duplicate`] if the same
    /// was accepted meanwhile.
    pub fn accept(&mut self, at: Position) -> Result<Accepted> {
        let key_updated = self.promotes(at);
        if at.epoch != self.epoch && !key_updated {
            return Err(Error::StaleEpoch);
        }
        // A promotion is stored in the snapshot that covers its record; `covered` above it shows that this was done.
        if !self.volatile && at.partial_iv >= self.context(at.epoch).covered {
            return Err(Error::StorageFailed);
        }
        let arrival = self.context_mut(at.epoch).window.accept(at.partial_iv)?;
        if key_updated {
            self.context_mut(self.epoch).erase();
            self.epoch = at.epoch;
            self.update = Update::Idle;
            if self.keyed != Some(at.epoch & 1 == 1) {
                self.keys.erase();
                self.keyed = None;
            }
        }
        Ok(Accepted { missing: arrival.missing, late: arrival.late, key_updated })
    }

    // ---- resume

    /// The edge to state in a `resume` option: everything up to it is Replay at this end, in the epoch that is sent under.
    pub fn resume_edge(&self) -> Option<u64> {
        self.context(self.sending_epoch()).covered.checked_sub(1)
    }

    /// The peer restored its state and said so in the record at `at`: go on above its edge. Store before the answer, as
    /// [`must_store_to_send`](Self::must_store_to_send) then says. Error: [`Error::StaleEpoch`].
    pub fn on_resume(&mut self, at: Position, edge: Option<u64>) -> Result<()> {
        if at.epoch != self.epoch && !self.promotes(at) {
            return Err(Error::StaleEpoch);
        }
        let context = self.context_mut(at.epoch);
        context.next = context.next.max(edge.map_or(0, |edge| edge.saturating_add(1)));
        Ok(())
    }

    // ---- key update

    /// Asks for a key update with `n_a`, fresh random bytes. Store, then send [`update_option`](Self::update_option) in a control record.
    /// Errors: [`Error::Busy`] while one is under way; [`Error::KeyExhausted`] after 2^32 - 1 epochs.
    pub fn request_update(&mut self, n_a: Nonce) -> Result<()> {
        if self.update != Update::Idle {
            return Err(Error::Busy);
        }
        self.epoch.checked_add(1).ok_or(Error::KeyExhausted)?;
        self.update = Update::Requested { n_a };
        self.unstored = !self.volatile;
        Ok(())
    }

    /// The request to repeat until it is answered.
    pub fn update_option(&self) -> Option<UpdateRequest> {
        match self.update {
            Update::Requested { n_a } => Some(UpdateRequest { epoch: self.epoch.checked_add(1)?, n_a }),
            _ => None,
        }
    }

    /// The answer to the peer's request, while it is not known to have come.
    pub fn update_response(&self) -> Option<UpdateResponse> {
        match self.update {
            Update::Responded { n_a, n_b, .. } => Some(UpdateResponse { epoch: self.epoch.checked_add(1)?, n_a, n_b }),
            _ => None,
        }
    }

    /// Takes in a request that came in the accepted record at `at`. `n_b`: fresh random bytes. An answer is sent at once in a control record, after
    /// storing. Error: [`Error::Internal`] if keys cannot be derived; then no update is under way.
    pub fn on_update_request<P: Provider>(
        &mut self,
        p: &mut P,
        at: Position,
        request: &UpdateRequest,
        n_b: Nonce,
    ) -> Result<Option<UpdateResponse>> {
        if at.epoch != self.epoch || Some(request.epoch) != self.epoch.checked_add(1) {
            return Ok(None);
        }
        match self.update.on_request(self.parties.role, at.partial_iv, request) {
            Reaction::Ignore => Ok(None),
            Reaction::Repeat(response) => Ok(Some(response)),
            Reaction::Answer => {
                let response = UpdateResponse { epoch: request.epoch, n_a: request.n_a, n_b };
                self.update = Update::Idle;
                self.derive_next(p, &response)?;
                self.update = Update::Responded { n_a: request.n_a, n_b, partial_iv: at.partial_iv };
                Ok(Some(response))
            }
        }
    }

    /// Takes in a response that came in the accepted record at `at`; `true` if it answers this end's request. Then store, send a control record
    /// with `ping` at once, and repeat it while [`updating`](Self::updating) is [`Updating::Moved`].
    /// Error: [`Error::Internal`] if keys cannot be derived; the request stands.
    pub fn on_update_response<P: Provider>(&mut self, p: &mut P, at: Position, response: &UpdateResponse) -> Result<bool> {
        let expected = at.epoch == self.epoch && Some(response.epoch) == self.epoch.checked_add(1);
        if !expected || !self.update.is_answered_by(response) {
            return Ok(false);
        }
        self.derive_next(p, response)?;
        self.update = Update::Moved;
        Ok(true)
    }

    /// PRK_out' = EDHOC_KDF(PRK_out, 11, << p + 1, n_a, n_b >>, 32), and the keys from it.
    fn derive_next<P: Provider>(&mut self, p: &mut P, response: &UpdateResponse) -> Result<()> {
        let mut buffer = [0; 24];
        let mut context = Writer::new(&mut buffer);
        cbor::push_uint(&mut context, u64::from(response.epoch));
        cbor::push_bytes(&mut context, &response.n_a);
        cbor::push_bytes(&mut context, &response.n_b);
        context.check()?;
        let prk_out = edhoc::key_update(p, &self.context(self.epoch).prk_out, context.written())?;
        self.context_mut(response.epoch).begin(prk_out.expose());
        if self.keyed == Some(response.epoch & 1 == 1) {
            self.keyed = None;
        }
        self.unstored = !self.volatile;
        Ok(())
    }
}

/// [`Keys::open`] with keys of an epoch other than the one sent under.
#[inline(never)]
fn open_other<P: Provider>(
    p: &mut P,
    prk_out: &Secret<32>,
    binding: &Binding<'_>,
    header: &Header,
    header_bytes: &[u8],
    text: &mut [u8],
    tag: &[u8],
) -> Result<()> {
    let mut keys = Keys::empty();
    keys.derive(p, binding.parties, prk_out)?;
    keys.open(p, binding, header, header_bytes, text, tag)
}
