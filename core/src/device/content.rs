//! What a record holds: message number, options and payload, read and written.

use super::Origin;
use crate::bytes::Writer;
use crate::cbor::{self, Decoder, Items, Kind};
use crate::error::{Error, Result};
use crate::record::{Ack, Header, MAX_CONTENT_TYPE, Nonce, PARTIAL_IV_LIMIT, is_topic};

/// What a record holds: its options and what else may be there as bits of `has`, and a place for the value of each.
#[derive(Default)]
pub(super) struct Content<'f> {
    pub(super) has: u32,
    /// With `has::NUMBER`.
    pub(super) number: u64,
    pub(super) topic: &'f [u8],
    pub(super) origin: Origin,
    /// The offer, or the answer to one.
    pub(super) offer: Nonce,
    pub(super) ack: Ack,
    /// Of the resume, with `has::EDGE`.
    pub(super) edge: u64,
    /// Of the resume.
    pub(super) challenge: Nonce,
    /// The challenge echoed.
    pub(super) resumed: Nonce,
    pub(super) payload: &'f [u8],
}

/// What [`Content`] has. The first 16 bits are the options (PROTOCOL §5.3) by their keys.
pub(super) mod has {
    pub(in crate::device) const KIND: u32 = 1;
    pub(in crate::device) const TOPIC: u32 = 1 << 1;
    pub(in crate::device) const ORIGIN: u32 = 1 << 2;
    pub(in crate::device) const OFFER: u32 = 1 << 3;
    pub(in crate::device) const ANSWER: u32 = 1 << 4;
    pub(in crate::device) const ACK: u32 = 1 << 5;
    pub(in crate::device) const RESUME: u32 = 1 << 6;
    pub(in crate::device) const RESUMED: u32 = 1 << 7;
    pub(in crate::device) const UPDATE_REQUEST: u32 = 1 << 8;
    pub(in crate::device) const OFFER_REQUEST: u32 = 1 << 14;
    pub(in crate::device) const PING: u32 = 1 << 15;
    pub(in crate::device) const OPTIONS: u32 = 0xffff;
    /// A message number.
    pub(in crate::device) const NUMBER: u32 = 1 << 16;
    /// An edge in the resume, where there might be null.
    pub(in crate::device) const EDGE: u32 = 1 << 17;
    /// The kind is command.
    pub(in crate::device) const COMMAND: u32 = 1 << 18;
}

impl<'f> Content<'f> {
    /// Appends the message number, and the map of the options (PROTOCOL §5.3) unless there is none.
    #[inline(never)]
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        if self.has & has::NUMBER != 0 {
            cbor::push_uint(w, self.number);
        }
        let options = self.has & has::OPTIONS;
        if options != 0 {
            cbor::push_map(w, (0..16).filter(|key| options >> key & 1 == 1).count());
        }
        for key in 0..16 {
            if options >> key & 1 == 0 {
                continue;
            }
            w.push(&[key]);
            if matches!(key, 2 | 5 | 6) {
                cbor::push_array(w, 2);
            }
            match 1 << key {
                // Control.
                has::KIND => cbor::push_uint(w, 2),
                has::TOPIC => cbor::push_bytes(w, self.topic),
                has::OFFER => cbor::push_bytes(w, &self.offer),
                has::ORIGIN => {
                    cbor::push_bytes(w, &self.origin.sid);
                    cbor::push_uint(w, self.origin.number);
                }
                has::ACK => {
                    cbor::push_uint(w, self.ack.top);
                    cbor::push_uint(w, self.ack.missing);
                }
                has::RESUME => {
                    match self.has & has::EDGE {
                        0 => cbor::push_null(w),
                        _ => cbor::push_uint(w, self.edge),
                    }
                    cbor::push_bytes(w, &self.challenge);
                }
                has::RESUMED => cbor::push_bytes(w, &self.resumed),
                // Ping: true.
                _ => cbor::push_bool(w, true),
            }
        }
    }

    /// Reads a plaintext into content that is the default. Errors: `Malformed`, `NotDeterministic`, `UnsupportedOption`.
    #[inline(never)]
    pub(super) fn read(&mut self, header: &Header, plaintext: &'f [u8]) -> Result<()> {
        let mut decoder = Decoder::new(plaintext);
        if header.confirmable {
            self.has = has::NUMBER;
            self.number = decoder.uint()?;
        }
        if header.options {
            let entries = decoder.map()?;
            let mut items = Items::new(&mut decoder);
            items.check(entries > 0);
            let mut least = 0;
            for _ in 0..entries {
                let key = items.uint().min(u64::from(u8::MAX)) as u8;
                items.check(key >= least);
                least = key.saturating_add(1);
                self.option(key, &mut items);
            }
            items.finish()?;
        }
        self.payload = decoder.rest();
        let control = self.has & (has::KIND | has::COMMAND) == has::KIND;
        if control && (header.confirmable || !self.payload.is_empty()) {
            return Err(Error::Malformed);
        }
        Ok(())
    }

    /// One option. What means nothing to a device is checked all the same, and passed over.
    #[inline(never)]
    fn option(&mut self, key: u8, d: &mut Items<'_, 'f>) {
        let Some(form) = FORMS.get(usize::from(key)).filter(|form| !form.is_empty()) else { return d.fail(Err(Error::UnsupportedOption)) };
        if form.len() > 1 {
            d.list(form.len());
        }
        self.has |= 1 << key;
        let (mut first, mut last, mut nonce, mut string) = (0, 0, [0; 8], &[][..]);
        for item in form.iter() {
            match *item {
                NONCE => nonce = d.nonce(),
                TRUE => drop(d.yes()),
                BYTES => string = d.string(Kind::Bytes),
                TEXT => string = d.string(Kind::Text),
                EDGE if !d.uint_or_null() => {}
                item => {
                    if item == EDGE {
                        self.has |= has::EDGE;
                    }
                    first = last;
                    last = d.uint();
                }
            }
        }
        let sound = match key {
            0 => {
                self.has |= if last == 1 { has::COMMAND } else { 0 };
                matches!(last, 1 | 2)
            }
            1 => {
                self.topic = string;
                is_topic(string)
            }
            2 => {
                self.origin = Origin { sid: nonce, number: last };
                true
            }
            3 | 4 => {
                self.offer = nonce;
                true
            }
            5 => {
                self.ack = Ack { top: first, missing: last };
                self.ack.check().is_ok()
            }
            6 => {
                (self.edge, self.challenge) = (last, nonce);
                last < PARTIAL_IV_LIMIT
            }
            7 => {
                self.resumed = nonce;
                true
            }
            8 | 9 => (1..=u64::from(u32::MAX)).contains(&last),
            13 => (1..=MAX_CONTENT_TYPE).contains(&string.len()) && core::str::from_utf8(string).is_ok(),
            _ => true,
        };
        d.check(sound);
    }
}

const UINT: u8 = 1;
/// An unsigned integer or null.
const EDGE: u8 = 2;
const NONCE: u8 = 3;
const TRUE: u8 = 4;
const BYTES: u8 = 5;
const TEXT: u8 = 6;

/// What the value of each option is (PROTOCOL §5.3): an item, or an array of several. Nothing: not known here, also handover, which only an Initiator sends.
const FORMS: [&[u8]; 16] = [
    &[UINT],
    &[BYTES],
    &[NONCE, UINT],
    &[NONCE],
    &[NONCE],
    &[UINT, UINT],
    &[EDGE, NONCE],
    &[NONCE],
    &[UINT, NONCE],
    &[UINT, NONCE, NONCE],
    &[],
    &[TRUE],
    &[UINT],
    &[TEXT],
    &[TRUE],
    &[TRUE],
];
