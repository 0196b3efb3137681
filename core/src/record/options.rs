//! The option map of a record (PROTOCOL §5.3).

use super::header::PARTIAL_IV_LIMIT;
use super::numbers::Ack;
use crate::bytes::Writer;
use crate::cbor::{self, Decoder, Items, Kind as Cbor};
use crate::error::{Error, Result};

/// Eight random bytes: challenges, receiver nonces, key-update nonces; and session identifiers, TH_4\[0..8\].
pub type Nonce = [u8; 8];

/// Sessions that one `handover` can name.
pub const MAX_HANDOVER: usize = 4;
/// Longest topic name in the option `topic` and in the AAD, in bytes.
pub const MAX_TOPIC: usize = 255;
/// Longest content type in bytes.
pub const MAX_CONTENT_TYPE: usize = 64;

/// What a record is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Application data.
    #[default]
    Data,
    /// Application data that makes the receiver act; answers a receiver nonce.
    Command,
    /// For the protocol itself: no payload, no number, never delivered.
    Control,
}

/// A message by the session and the number that it was sent under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Name of the session on both ends.
    pub sid: Nonce,
    /// The number it had there.
    pub number: u64,
}

/// The sender of this restored its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Everything up to here is Replay at its end; absent if it stored no edge.
    pub edge: Option<u64>,
    /// To be echoed in `resumed`.
    pub challenge: Nonce,
}

/// Asks for new keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateRequest {
    /// The epoch that would begin, 1 or more.
    pub epoch: u32,
    /// The requester's nonce.
    pub n_a: Nonce,
}

/// Answers a request for new keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateResponse {
    /// The epoch that begins, 1 or more.
    pub epoch: u32,
    /// The requester's nonce.
    pub n_a: Nonce,
    /// The responder's nonce.
    pub n_b: Nonce,
}

/// How a session named in `handover` stands to the new one (PROTOCOL §4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Relation {
    /// Neither began after the other was established: the smaller sid stands.
    #[default]
    Concurrent = 0,
    /// Established before the new handshake began: it ends.
    Succeeded = 1,
}

/// The sessions that the sender held when it made this one; at most [`MAX_HANDOVER`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handover {
    entries: [(Nonce, Relation); MAX_HANDOVER],
    used: u8,
}

impl Handover {
    /// Adds a session. Error: [`Error::NoSpace`] when four are listed.
    pub fn push(&mut self, sid: Nonce, relation: Relation) -> Result<()> {
        *self.entries.get_mut(usize::from(self.used)).ok_or(Error::NoSpace)? = (sid, relation);
        self.used = self.used.saturating_add(1);
        Ok(())
    }

    /// The sessions in the order they were added.
    pub fn as_slice(&self) -> &[(Nonce, Relation)] {
        self.entries.get(..usize::from(self.used)).unwrap_or_default()
    }
}

/// The options of a record. The default is a data record without any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options<'a> {
    /// 0: what the record is for.
    pub kind: Kind,
    /// 1: topic name of an addressed record, relative to the realm, 1 to 255 bytes of UTF-8.
    pub topic: Option<&'a [u8]>,
    /// 2: sent before under an ended session.
    pub origin: Option<Origin>,
    /// 3: a receiver nonce for commands.
    pub offer: Option<Nonce>,
    /// 4: the receiver nonce that this command answers.
    pub answer: Option<Nonce>,
    /// 5: numbers that the sender of this has committed.
    pub ack: Option<Ack>,
    /// 6: the sender restored its state.
    pub resume: Option<Resume>,
    /// 7: the echoed challenge of a resume.
    pub resumed: Option<Nonce>,
    /// 8: asks for new keys.
    pub update_request: Option<UpdateRequest>,
    /// 9: answers that.
    pub update_response: Option<UpdateResponse>,
    /// 10: which sessions the sender held. Empty if absent.
    pub handover: Handover,
    /// 11: the sender wants the broker to keep it.
    pub retain: bool,
    /// 12: the sender's message expiry in seconds.
    pub expiry: Option<u64>,
    /// 13: the sender's content type, 1 to 64 bytes.
    pub content_type: Option<&'a str>,
    /// 14: asks for an offer.
    pub offer_request: bool,
    /// 15: asks for any record in return.
    pub ping: bool,
}

impl<'a> Options<'a> {
    /// Number of entries that the map will have.
    fn count(&self) -> usize {
        [
            self.kind != Kind::Data,
            self.topic.is_some(),
            self.origin.is_some(),
            self.offer.is_some(),
            self.answer.is_some(),
            self.ack.is_some(),
            self.resume.is_some(),
            self.resumed.is_some(),
            self.update_request.is_some(),
            self.update_response.is_some(),
            !self.handover.as_slice().is_empty(),
            self.retain,
            self.expiry.is_some(),
            self.content_type.is_some(),
            self.offer_request,
            self.ping,
        ]
        .iter()
        .map(|present| usize::from(*present))
        .fold(0, usize::wrapping_add)
    }

    /// True for a data record that needs no option map.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Appends the map, or nothing if there are no options; tells which.
    ///
    /// Errors: [`Error::InvalidArgument`] for a value outside its range, [`Error::BufferTooSmall`].
    #[inline(never)]
    pub fn write(&self, w: &mut Writer<'_>) -> Result<bool> {
        let count = self.count();
        if count == 0 {
            return Ok(false);
        }
        let mut sound = true;
        cbor::push_map(w, count);
        if self.kind != Kind::Data {
            push_pair(w, 0, if self.kind == Kind::Command { 1 } else { 2 });
        }
        if let Some(topic) = self.topic {
            sound &= is_topic(topic);
            cbor::push_uint(w, 1);
            cbor::push_bytes(w, topic);
        }
        if let Some(origin) = &self.origin {
            push_list(w, 2, 2);
            cbor::push_bytes(w, &origin.sid);
            cbor::push_uint(w, origin.number);
        }
        push_nonce(w, 3, &self.offer);
        push_nonce(w, 4, &self.answer);
        if let Some(ack) = &self.ack {
            sound &= ack.check().is_ok();
            push_list(w, 5, 2);
            cbor::push_uint(w, ack.top);
            cbor::push_uint(w, ack.missing);
        }
        if let Some(resume) = &self.resume {
            push_list(w, 6, 2);
            match resume.edge {
                Some(edge) => {
                    sound &= edge < PARTIAL_IV_LIMIT;
                    cbor::push_uint(w, edge);
                }
                None => cbor::push_null(w),
            }
            cbor::push_bytes(w, &resume.challenge);
        }
        push_nonce(w, 7, &self.resumed);
        if let Some(request) = &self.update_request {
            push_list(w, 8, 2);
            cbor::push_uint(w, u64::from(request.epoch));
            cbor::push_bytes(w, &request.n_a);
        }
        if let Some(response) = &self.update_response {
            push_list(w, 9, 3);
            cbor::push_uint(w, u64::from(response.epoch));
            cbor::push_bytes(w, &response.n_a);
            cbor::push_bytes(w, &response.n_b);
        }
        let sessions = self.handover.as_slice();
        if !sessions.is_empty() {
            push_list(w, 10, sessions.len());
            for (sid, relation) in sessions {
                cbor::push_array(w, 2);
                cbor::push_bytes(w, sid);
                cbor::push_uint(w, *relation as u64);
            }
        }
        push_true(w, 11, self.retain);
        if let Some(expiry) = self.expiry {
            push_pair(w, 12, expiry);
        }
        if let Some(content_type) = self.content_type {
            sound &= in_range(content_type.len(), MAX_CONTENT_TYPE);
            cbor::push_uint(w, 13);
            cbor::push_text(w, content_type);
        }
        push_true(w, 14, self.offer_request);
        push_true(w, 15, self.ping);
        if !sound {
            return Err(Error::InvalidArgument);
        }
        w.check().map(|()| true)
    }

    /// Takes the map from the front of `decoder`.
    ///
    /// Errors: [`Error::UnsupportedOption`] for an unknown key; [`Error::Malformed`] for an empty map, keys that do not
    /// ascend, a value of the wrong type or outside its range; [`Error::NotDeterministic`] for heads that are too long.
    pub fn parse(decoder: &mut Decoder<'a>) -> Result<Options<'a>> {
        let mut options = Options::default();
        options.read(decoder)?;
        Ok(options)
    }

    /// [`parse`](Options::parse) into options that are the default; after an error they mean nothing.
    // In place: moved, a struct of so many parts is taken apart and put together again.
    #[inline(never)]
    pub(super) fn read(&mut self, decoder: &mut Decoder<'a>) -> Result<()> {
        let entries = decoder.map()?;
        let mut items = Items::new(decoder);
        items.check(entries > 0);
        let mut least = 0;
        for _ in 0..entries {
            let key = items.uint();
            items.check(key >= least);
            least = key.saturating_add(1);
            self.take(key, &mut items);
        }
        items.finish()
    }

    fn take(&mut self, key: u64, d: &mut Items<'_, 'a>) {
        match key {
            0 => {
                let kind = d.uint();
                d.check(matches!(kind, 1 | 2));
                self.kind = if kind == 1 { Kind::Command } else { Kind::Control };
            }
            1 => {
                let topic = d.string(Cbor::Bytes);
                d.check(is_topic(topic));
                self.topic = Some(topic);
            }
            2 => {
                d.list(2);
                self.origin = Some(Origin { sid: d.nonce(), number: d.uint() });
            }
            3 => self.offer = Some(d.nonce()),
            4 => self.answer = Some(d.nonce()),
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
                self.resume = Some(Resume { edge, challenge: d.nonce() });
            }
            7 => self.resumed = Some(d.nonce()),
            8 => {
                d.list(2);
                self.update_request = Some(UpdateRequest { epoch: take_epoch(d), n_a: d.nonce() });
            }
            9 => {
                d.list(3);
                self.update_response = Some(UpdateResponse { epoch: take_epoch(d), n_a: d.nonce(), n_b: d.nonce() });
            }
            10 => {
                let sessions = d.array();
                d.check((1..=MAX_HANDOVER).contains(&sessions));
                for _ in 0..sessions.min(MAX_HANDOVER) {
                    d.list(2);
                    let sid = d.nonce();
                    let relation = d.uint();
                    d.check(relation <= 1);
                    let relation = if relation == 0 { Relation::Concurrent } else { Relation::Succeeded };
                    d.check(self.handover.push(sid, relation).is_ok());
                }
            }
            11 => self.retain = d.yes(),
            12 => self.expiry = Some(d.uint()),
            13 => {
                let content_type = d.text();
                d.check(in_range(content_type.len(), MAX_CONTENT_TYPE));
                self.content_type = Some(content_type);
            }
            14 => self.offer_request = d.yes(),
            15 => self.ping = d.yes(),
            _ => d.fail(Err(Error::UnsupportedOption)),
        }
    }
}

/// A topic name of MQTT. What an endpoint delivers every language must be able to hand on: a message that was used up and cannot be read is lost.
pub(crate) fn is_topic(name: &[u8]) -> bool {
    in_range(name.len(), MAX_TOPIC) && core::str::from_utf8(name).is_ok()
}

fn in_range(length: usize, longest: usize) -> bool {
    (1..=longest).contains(&length)
}

fn push_pair(w: &mut Writer<'_>, key: u64, value: u64) {
    cbor::push_uint(w, key);
    cbor::push_uint(w, value);
}

#[inline(never)]
fn push_list(w: &mut Writer<'_>, key: u64, items: usize) {
    cbor::push_uint(w, key);
    cbor::push_array(w, items);
}

#[inline(never)]
fn push_nonce(w: &mut Writer<'_>, key: u64, nonce: &Option<Nonce>) {
    if let Some(nonce) = nonce {
        cbor::push_uint(w, key);
        cbor::push_bytes(w, nonce);
    }
}

#[inline(never)]
fn push_true(w: &mut Writer<'_>, key: u64, present: bool) {
    if present {
        cbor::push_uint(w, key);
        cbor::push_bool(w, true);
    }
}

fn take_epoch(d: &mut Items<'_, '_>) -> u32 {
    let epoch = u32::try_from(d.uint()).unwrap_or(0);
    d.check(epoch > 0);
    epoch
}
