//! Reading.

use crate::bytes::Reader;
use crate::error::{Error, Result};

/// How many containers (arrays, maps, tags) may stand around an item.
pub const MAX_DEPTH: usize = 8;

/// How many entries a map may have where their order is free; bounds the memory for finding duplicates.
pub const MAX_UNORDERED: usize = 24;

/// What kind of item comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An integer of 0 or more (major type 0).
    Uint,
    /// A negative integer (major type 1).
    Nint,
    /// A byte string.
    Bytes,
    /// A text string.
    Text,
    /// An array.
    Array,
    /// A map.
    Map,
    /// A tag around another item.
    Tag,
    /// `false`, `true`, `null` or another simple or floating-point value.
    Simple,
}

/// Reads CBOR items from front to back. A call that fails has taken nothing.
///
/// Errors of every reading call: `Malformed` (ends too early, another type than asked for, not UTF-8, reserved or unsupported
/// values, duplicate keys, too deep), `NotDeterministic` (longer head than needed, indefinite length, keys out of order).
#[derive(Clone, Debug)]
pub struct Decoder<'a> {
    reader: Reader<'a>,
    ordered: bool,
}

impl<'a> Decoder<'a> {
    /// Starts at the first byte of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Decoder { reader: Reader::new(bytes), ordered: true }
    }

    /// The same, but map keys may come in any order, in maps of at most [`MAX_UNORDERED`] entries.
    pub const fn unordered(bytes: &'a [u8]) -> Self {
        Decoder { reader: Reader::new(bytes), ordered: false }
    }

    /// What has not been read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }

    /// True when everything has been read.
    pub const fn is_empty(&self) -> bool {
        self.reader.is_empty()
    }

    /// Refuses bytes left over. Error: `Malformed`.
    pub fn finish(&self) -> Result<()> {
        self.reader.finish()
    }

    /// The kind of the next item, which is not taken. Error: `Malformed` at the end.
    pub fn kind(&self) -> Result<Kind> {
        Ok(match self.reader.peek()? >> 5 {
            0 => Kind::Uint,
            1 => Kind::Nint,
            2 => Kind::Bytes,
            3 => Kind::Text,
            4 => Kind::Array,
            5 => Kind::Map,
            6 => Kind::Tag,
            _ => Kind::Simple,
        })
    }

    /// Reads a head of this kind; gives its argument and the reader behind it.
    fn head(&self, kind: Kind) -> Result<(u64, Reader<'a>)> {
        if self.kind()? != kind {
            return Err(Error::Malformed);
        }
        let mut reader = self.reader.clone();
        let (value, least) = match reader.u8()? & 0x1f {
            small @ 0..=23 => (u64::from(small), 0),
            24 => (u64::from(reader.u8()?), 24),
            25 => (u64::from(u16::from_be_bytes(reader.array()?)), 0x100),
            26 => (u64::from(u32::from_be_bytes(reader.array()?)), 0x1_0000),
            27 => (u64::from_be_bytes(reader.array()?), 0x1_0000_0000),
            // Indefinite lengths exist for strings, arrays and maps only.
            31 if matches!(kind, Kind::Bytes | Kind::Text | Kind::Array | Kind::Map) => return Err(Error::NotDeterministic),
            _ => return Err(Error::Malformed),
        };
        if value < least { Err(Error::NotDeterministic) } else { Ok((value, reader)) }
    }

    /// Takes a head and as many bytes behind it as it says.
    fn string(&mut self, kind: Kind) -> Result<&'a [u8]> {
        let (length, mut reader) = self.head(kind)?;
        let bytes = reader.take(usize::try_from(length).map_err(|_| Error::Malformed)?)?;
        self.reader = reader;
        Ok(bytes)
    }

    /// Takes the head of an array or map and checks that the input can hold so many items of a byte each.
    fn count(&mut self, kind: Kind) -> Result<usize> {
        let (count, reader) = self.head(kind)?;
        let count = usize::try_from(count).map_err(|_| Error::Malformed)?;
        let least = if kind == Kind::Map { count.checked_mul(2).ok_or(Error::Malformed)? } else { count };
        if least > reader.rest().len() {
            return Err(Error::Malformed);
        }
        self.reader = reader;
        Ok(count)
    }

    /// Takes an integer of 0 or more.
    pub fn uint(&mut self) -> Result<u64> {
        let (value, reader) = self.head(Kind::Uint)?;
        self.reader = reader;
        Ok(value)
    }

    /// Takes an integer of either sign. Error: also `Malformed` when it does not fit an `i64`.
    pub fn int(&mut self) -> Result<i64> {
        let kind = self.kind()?;
        let negative = kind == Kind::Nint;
        let (value, reader) = self.head(if negative { Kind::Nint } else { Kind::Uint })?;
        let value = i64::try_from(value).map_err(|_| Error::Malformed)?;
        self.reader = reader;
        Ok(if negative { !value } else { value })
    }

    /// Takes a byte string.
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        self.string(Kind::Bytes)
    }

    /// Takes a text string.
    pub fn text(&mut self) -> Result<&'a str> {
        let mut ahead = self.clone();
        let text = core::str::from_utf8(ahead.string(Kind::Text)?).map_err(|_| Error::Malformed)?;
        *self = ahead;
        Ok(text)
    }

    /// Takes the head of an array; gives the number of items that follow.
    pub fn array(&mut self) -> Result<usize> {
        self.count(Kind::Array)
    }

    /// Takes the head of a map; gives the number of entries, key and value each, that follow. The caller sees to their order and
    /// to duplicates, unless [`item`](Decoder::item) went over the map before.
    pub fn map(&mut self) -> Result<usize> {
        self.count(Kind::Map)
    }

    /// Takes a tag number; the tagged item follows.
    pub fn tag(&mut self) -> Result<u64> {
        let (value, reader) = self.head(Kind::Tag)?;
        self.reader = reader;
        Ok(value)
    }

    /// Takes `true` or `false`.
    pub fn bool(&mut self) -> Result<bool> {
        let value = match self.reader.peek()? {
            0xf4 => false,
            0xf5 => true,
            _ => return Err(Error::Malformed),
        };
        self.reader.u8()?;
        Ok(value)
    }

    /// Takes `null`.
    pub fn null(&mut self) -> Result<()> {
        match self.reader.peek()? {
            0xf6 => self.reader.u8().map(drop),
            _ => Err(Error::Malformed),
        }
    }

    /// Passes over the next item with everything in it, checking it throughout.
    pub fn skip(&mut self) -> Result<()> {
        let mut ahead = self.clone();
        ahead.pass(0)?;
        *self = ahead;
        Ok(())
    }

    /// Checks that there is one item, as [`skip`](Decoder::skip) does, and nothing behind it.
    pub(crate) fn single(mut self) -> Result<()> {
        self.pass(0)?;
        self.finish()
    }

    /// Takes the next item whole; gives its encoding. Everything in it is checked: maps have no duplicate keys and, unless this
    /// decoder is [`unordered`](Decoder::unordered), ascending ones.
    pub fn item(&mut self) -> Result<&'a [u8]> {
        let before = self.rest();
        self.skip()?;
        let length = before.len().saturating_sub(self.rest().len());
        Ok(before.get(..length).unwrap_or_default())
    }

    /// As [`item`](Decoder::item), but maps inside may be unsorted: for a credential within a message.
    pub fn unordered_item(&mut self) -> Result<&'a [u8]> {
        let mut ahead = Decoder { reader: self.reader.clone(), ordered: false };
        let item = ahead.item()?;
        self.reader = ahead.reader;
        Ok(item)
    }

    /// Passes over an item that stands inside `depth` containers.
    fn pass(&mut self, depth: usize) -> Result<()> {
        let kind = self.kind()?;
        let inner = depth.saturating_add(1);
        if inner > MAX_DEPTH && matches!(kind, Kind::Array | Kind::Map | Kind::Tag) {
            return Err(Error::Malformed);
        }
        match kind {
            Kind::Uint => self.uint().map(drop),
            // Down to −2^64, which int() does not give.
            Kind::Nint => {
                let (_, reader) = self.head(Kind::Nint)?;
                self.reader = reader;
                Ok(())
            }
            Kind::Bytes => self.bytes().map(drop),
            Kind::Text => self.text().map(drop),
            Kind::Array => {
                for _ in 0..self.array()? {
                    self.pass(inner)?;
                }
                Ok(())
            }
            Kind::Map if self.ordered => self.pass_ordered(inner),
            Kind::Map => self.pass_unordered(inner),
            Kind::Tag => {
                self.tag()?;
                self.pass(inner)
            }
            Kind::Simple => match self.reader.peek()? {
                0xf4..=0xf6 => self.reader.u8().map(drop),
                _ => Err(Error::Malformed),
            },
        }
    }

    /// Takes a key; gives its encoding.
    fn key(&mut self, depth: usize) -> Result<&'a [u8]> {
        let before = self.rest();
        self.pass(depth)?;
        let length = before.len().saturating_sub(self.rest().len());
        Ok(before.get(..length).unwrap_or_default())
    }

    /// Passes over a map whose keys ascend bytewise.
    fn pass_ordered(&mut self, depth: usize) -> Result<()> {
        let mut last: &[u8] = &[];
        for _ in 0..self.map()? {
            let key = self.key(depth)?;
            if key == last {
                return Err(Error::Malformed);
            }
            if key < last {
                return Err(Error::NotDeterministic);
            }
            last = key;
            self.pass(depth)?;
        }
        Ok(())
    }

    /// Passes over a map whose keys come in any order.
    fn pass_unordered(&mut self, depth: usize) -> Result<()> {
        let mut seen: [&[u8]; MAX_UNORDERED] = [&[]; MAX_UNORDERED];
        for index in 0..self.map()? {
            let key = self.key(depth)?;
            // Keys are never empty, so slots not used yet match nothing.
            if seen.contains(&key) {
                return Err(Error::Malformed);
            }
            *seen.get_mut(index).ok_or(Error::Malformed)? = key;
            self.pass(depth)?;
        }
        Ok(())
    }
}
