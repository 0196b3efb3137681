//! The option map of a record (PROTOCOL §5.3).

use super::header::PARTIAL_IV_LIMIT;
use super::numbers::Ack;
use crate::bytes::Writer;
use crate::cbor::{self, Decoder, Kind as Cbor};
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

/// The message was sent before, under session `sid` with number `number`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The session that ended.
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
    /// 1: topic name of an addressed record, relative to the realm, 1 to 255 bytes.
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
        .filter(|present| **present)
        .count()
    }

    /// True for a data record that needs no option map.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Appends the map, or nothing if there are no options; tells which.
    ///
    /// Errors: [`Error::InvalidArgument`] for a value outside its range, [`Error::BufferTooSmall`].
    pub fn write(&self, w: &mut Writer<'_>) -> Result<bool> {
        let count = self.count();
        if count == 0 {
            return Ok(false);
        }
        cbor::write_map(w, count)?;
        match self.kind {
            Kind::Data => {}
            Kind::Command => write_pair(w, 0, 1)?,
            Kind::Control => write_pair(w, 0, 2)?,
        }
        if let Some(topic) = self.topic {
            in_range(topic.len(), MAX_TOPIC)?;
            cbor::write_uint(w, 1)?;
            cbor::write_bytes(w, topic)?;
        }
        if let Some(origin) = self.origin {
            write_list(w, 2, 2)?;
            cbor::write_bytes(w, &origin.sid)?;
            cbor::write_uint(w, origin.number)?;
        }
        write_nonce(w, 3, self.offer)?;
        write_nonce(w, 4, self.answer)?;
        if let Some(ack) = self.ack {
            let ack = ack.check().map_err(|_| Error::InvalidArgument)?;
            write_list(w, 5, 2)?;
            cbor::write_uint(w, ack.top)?;
            cbor::write_uint(w, ack.missing)?;
        }
        if let Some(resume) = self.resume {
            write_list(w, 6, 2)?;
            match resume.edge {
                Some(edge) if edge < PARTIAL_IV_LIMIT => cbor::write_uint(w, edge)?,
                Some(_) => return Err(Error::InvalidArgument),
                None => cbor::write_null(w)?,
            }
            cbor::write_bytes(w, &resume.challenge)?;
        }
        write_nonce(w, 7, self.resumed)?;
        if let Some(request) = self.update_request {
            write_list(w, 8, 2)?;
            cbor::write_uint(w, u64::from(request.epoch))?;
            cbor::write_bytes(w, &request.n_a)?;
        }
        if let Some(response) = self.update_response {
            write_list(w, 9, 3)?;
            cbor::write_uint(w, u64::from(response.epoch))?;
            cbor::write_bytes(w, &response.n_a)?;
            cbor::write_bytes(w, &response.n_b)?;
        }
        let sessions = self.handover.as_slice();
        if !sessions.is_empty() {
            write_list(w, 10, sessions.len())?;
            for (sid, relation) in sessions {
                cbor::write_array(w, 2)?;
                cbor::write_bytes(w, sid)?;
                cbor::write_uint(w, *relation as u64)?;
            }
        }
        write_true(w, 11, self.retain)?;
        if let Some(expiry) = self.expiry {
            write_pair(w, 12, expiry)?;
        }
        if let Some(content_type) = self.content_type {
            in_range(content_type.len(), MAX_CONTENT_TYPE)?;
            cbor::write_uint(w, 13)?;
            cbor::write_text(w, content_type)?;
        }
        write_true(w, 14, self.offer_request)?;
        write_true(w, 15, self.ping)?;
        Ok(true)
    }

    /// Takes the map from the front of `decoder`.
    ///
    /// Errors: [`Error::UnsupportedOption`] for an unknown key; [`Error::Malformed`] for an empty map, keys that do not
    /// ascend, a value of the wrong type or outside its range; [`Error::NotDeterministic`] for heads that are too long.
    pub fn parse(decoder: &mut Decoder<'a>) -> Result<Options<'a>> {
        let mut options = Options::default();
        let entries = decoder.map()?;
        if entries == 0 {
            return Err(Error::Malformed);
        }
        let mut last = None;
        for _ in 0..entries {
            let key = decoder.uint()?;
            if last.is_some_and(|last| key <= last) {
                return Err(Error::Malformed);
            }
            last = Some(key);
            options.take(key, decoder)?;
        }
        Ok(options)
    }

    fn take(&mut self, key: u64, d: &mut Decoder<'a>) -> Result<()> {
        match key {
            0 => {
                self.kind = match d.uint()? {
                    1 => Kind::Command,
                    2 => Kind::Control,
                    _ => return Err(Error::Malformed),
                }
            }
            1 => {
                let topic = d.bytes()?;
                in_range(topic.len(), MAX_TOPIC).map_err(|_| Error::Malformed)?;
                self.topic = Some(topic);
            }
            2 => {
                take_list(d, 2)?;
                self.origin = Some(Origin { sid: take_nonce(d)?, number: d.uint()? });
            }
            3 => self.offer = Some(take_nonce(d)?),
            4 => self.answer = Some(take_nonce(d)?),
            5 => {
                take_list(d, 2)?;
                self.ack = Some(Ack { top: d.uint()?, missing: d.uint()? }.check()?);
            }
            6 => {
                take_list(d, 2)?;
                let edge = if d.kind()? == Cbor::Uint { Some(d.uint()?) } else { d.null().map(|()| None)? };
                if edge.is_some_and(|edge| edge >= PARTIAL_IV_LIMIT) {
                    return Err(Error::Malformed);
                }
                self.resume = Some(Resume { edge, challenge: take_nonce(d)? });
            }
            7 => self.resumed = Some(take_nonce(d)?),
            8 => {
                take_list(d, 2)?;
                self.update_request = Some(UpdateRequest { epoch: take_epoch(d)?, n_a: take_nonce(d)? });
            }
            9 => {
                take_list(d, 3)?;
                self.update_response = Some(UpdateResponse { epoch: take_epoch(d)?, n_a: take_nonce(d)?, n_b: take_nonce(d)? });
            }
            10 => {
                let sessions = d.array()?;
                if sessions == 0 {
                    return Err(Error::Malformed);
                }
                for _ in 0..sessions {
                    take_list(d, 2)?;
                    let sid = take_nonce(d)?;
                    let relation = match d.uint()? {
                        0 => Relation::Concurrent,
                        1 => Relation::Succeeded,
                        _ => return Err(Error::Malformed),
                    };
                    self.handover.push(sid, relation).map_err(|_| Error::Malformed)?;
                }
            }
            11 => self.retain = take_true(d)?,
            12 => self.expiry = Some(d.uint()?),
            13 => {
                let content_type = d.text()?;
                in_range(content_type.len(), MAX_CONTENT_TYPE).map_err(|_| Error::Malformed)?;
                self.content_type = Some(content_type);
            }
            14 => self.offer_request = take_true(d)?,
            15 => self.ping = take_true(d)?,
            _ => return Err(Error::UnsupportedOption),
        }
        Ok(())
    }
}

fn in_range(length: usize, longest: usize) -> Result<()> {
    if (1..=longest).contains(&length) { Ok(()) } else { Err(Error::InvalidArgument) }
}

fn write_pair(w: &mut Writer<'_>, key: u64, value: u64) -> Result<()> {
    cbor::write_uint(w, key)?;
    cbor::write_uint(w, value)
}

fn write_list(w: &mut Writer<'_>, key: u64, items: usize) -> Result<()> {
    cbor::write_uint(w, key)?;
    cbor::write_array(w, items)
}

fn write_nonce(w: &mut Writer<'_>, key: u64, nonce: Option<Nonce>) -> Result<()> {
    let Some(nonce) = nonce else { return Ok(()) };
    cbor::write_uint(w, key)?;
    cbor::write_bytes(w, &nonce)
}

fn write_true(w: &mut Writer<'_>, key: u64, present: bool) -> Result<()> {
    if !present {
        return Ok(());
    }
    cbor::write_uint(w, key)?;
    cbor::write_bool(w, true)
}

fn take_list(d: &mut Decoder<'_>, items: usize) -> Result<()> {
    if d.array()? == items { Ok(()) } else { Err(Error::Malformed) }
}

fn take_nonce(d: &mut Decoder<'_>) -> Result<Nonce> {
    d.bytes()?.try_into().map_err(|_| Error::Malformed)
}

fn take_epoch(d: &mut Decoder<'_>) -> Result<u32> {
    match u32::try_from(d.uint()?) {
        Ok(epoch) if epoch > 0 => Ok(epoch),
        _ => Err(Error::Malformed),
    }
}

fn take_true(d: &mut Decoder<'_>) -> Result<bool> {
    if d.bool()? { Ok(true) } else { Err(Error::Malformed) }
}
