//! Reading DER, on the crate `der`: its reader knows the rules on tags and lengths, so that none of them is written here again.

use crate::error::{Error, Result};
use ::der::asn1::{AnyRef, GeneralizedTime, UintRef, UtcTime};
use ::der::{Reader, SliceReader, Tag, TagNumber};

/// The tag `[n]` of a structured field.
pub(super) const fn field(number: TagNumber) -> Tag {
    Tag::ContextSpecific { constructed: true, number }
}

fn malformed(_: ::der::Error) -> Error {
    Error::Malformed
}

/// The items of one DER value, one after the other. Every error is `Malformed`.
#[derive(Clone, Debug)]
pub(super) struct Items<'a>(SliceReader<'a>);

impl<'a> Items<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self> {
        SliceReader::new(bytes).map(Items).map_err(malformed)
    }

    /// Goes into the sequence, or whatever has this tag, which must be all that is in `bytes`.
    pub(super) fn only(bytes: &'a [u8], tag: Tag) -> Result<Self> {
        let mut outside = Items::new(bytes)?;
        let inside = outside.inside(tag)?;
        outside.finish()?;
        Ok(inside)
    }

    fn any(&mut self) -> Result<AnyRef<'a>> {
        self.0.decode().map_err(malformed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_finished()
    }

    /// Refuses items left over.
    pub(super) fn finish(&self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(Error::Malformed) }
    }

    /// True if the next item has this tag.
    pub(super) fn next_is(&self, tag: Tag) -> bool {
        !self.is_empty() && self.0.peek_tag().is_ok_and(|next| next == tag)
    }

    /// The next item's tag and contents.
    pub(super) fn item(&mut self) -> Result<(Tag, &'a [u8])> {
        let any = self.any()?;
        Ok((::der::Tagged::tag(&any), any.value()))
    }

    /// The contents of the next item, which must have this tag.
    pub(super) fn contents(&mut self, tag: Tag) -> Result<&'a [u8]> {
        let (found, contents) = self.item()?;
        if found == tag { Ok(contents) } else { Err(Error::Malformed) }
    }

    /// Goes into the next item.
    pub(super) fn inside(&mut self, tag: Tag) -> Result<Items<'a>> {
        Items::new(self.contents(tag)?)
    }

    /// The whole next item, head and contents.
    pub(super) fn whole(&mut self, tag: Tag) -> Result<&'a [u8]> {
        if !self.next_is(tag) {
            return Err(Error::Malformed);
        }
        self.0.tlv_bytes().map_err(malformed)
    }

    /// A BIT STRING of whole bytes.
    pub(super) fn bytes_of_bits(&mut self) -> Result<&'a [u8]> {
        match self.contents(Tag::BitString)? {
            [0, bytes @ ..] => Ok(bytes),
            _ => Err(Error::Malformed),
        }
    }

    /// The contents of an OBJECT IDENTIFIER: numbers to the base 128, none with a leading zero, the last one whole.
    pub(super) fn identifier(&mut self) -> Result<&'a [u8]> {
        let contents = self.contents(Tag::ObjectIdentifier)?;
        let mut between = true;
        for &byte in contents {
            if between && byte == 0x80 {
                return Err(Error::Malformed);
            }
            between = byte & 0x80 == 0;
        }
        if contents.is_empty() || !between { Err(Error::Malformed) } else { Ok(contents) }
    }

    /// An INTEGER that is not negative, without leading zeros.
    pub(super) fn unsigned(&mut self) -> Result<&'a [u8]> {
        self.0.decode::<UintRef<'_>>().map(|number| number.as_bytes()).map_err(malformed)
    }

    /// An INTEGER from 0 to 255.
    pub(super) fn small(&mut self) -> Result<u8> {
        self.0.decode().map_err(malformed)
    }

    /// A BOOLEAN DEFAULT FALSE: DER leaves FALSE out.
    pub(super) fn true_if_there(&mut self) -> Result<bool> {
        if !self.next_is(Tag::Boolean) {
            return Ok(false);
        }
        if self.0.decode::<bool>().map_err(malformed)? { Ok(true) } else { Err(Error::Malformed) }
    }

    /// A UTCTime or GeneralizedTime of RFC 5280 §4.1.2.5, from 1970 on, as seconds since then.
    pub(super) fn time(&mut self) -> Result<u64> {
        let any = self.any()?;
        let since = match ::der::Tagged::tag(&any) {
            Tag::UtcTime => any.decode_as::<UtcTime>().map(|time| time.to_unix_duration()),
            Tag::GeneralizedTime => any.decode_as::<GeneralizedTime>().map(|time| time.to_unix_duration()),
            _ => return Err(Error::Malformed),
        };
        since.map(|since| since.as_secs()).map_err(malformed)
    }
}
