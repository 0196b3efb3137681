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

    /// Takes a head of this kind; gives its argument.
    #[inline(never)]
    fn head(&mut self, kind: Kind) -> Result<u64> {
        if self.kind()? != kind {
            return Err(Error::Malformed);
        }
        let mut reader = self.reader.clone();
        let first = reader.u8()? & 0x1f;
        let length = match first {
            0..=23 => 0,
            24..=27 => 1usize << (first & 3),
            // Indefinite lengths exist for strings, arrays and maps only.
            31 if matches!(kind, Kind::Bytes | Kind::Text | Kind::Array | Kind::Map) => return Err(Error::NotDeterministic),
            _ => return Err(Error::Malformed),
        };
        let bytes = reader.take(length)?;
        let value = if length == 0 { u64::from(first) } else { bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)) };
        // What fewer bytes can say must be said with them.
        if super::head_len(value) <= length {
            return Err(Error::NotDeterministic);
        }
        self.reader = reader;
        Ok(value)
    }

    /// Takes a head and as many bytes behind it as it says.
    #[inline(never)]
    fn string(&mut self, kind: Kind) -> Result<&'a [u8]> {
        let mut ahead = self.clone();
        let length = ahead.head(kind)?;
        let bytes = ahead.reader.take(usize::try_from(length).map_err(|_| Error::Malformed)?)?;
        *self = ahead;
        Ok(bytes)
    }

    /// Takes the head of an array or map and checks that the input can hold so many items of a byte each.
    #[inline(never)]
    fn count(&mut self, kind: Kind) -> Result<usize> {
        let mut ahead = self.clone();
        let count = usize::try_from(ahead.head(kind)?).map_err(|_| Error::Malformed)?;
        let least = if kind == Kind::Map { count.checked_mul(2).ok_or(Error::Malformed)? } else { count };
        if least > ahead.rest().len() {
            return Err(Error::Malformed);
        }
        *self = ahead;
        Ok(count)
    }

    /// Takes an integer of 0 or more.
    pub fn uint(&mut self) -> Result<u64> {
        self.head(Kind::Uint)
    }

    /// Takes an integer of either sign. Error: also `Malformed` when it does not fit an `i64`.
    #[inline(never)]
    pub fn int(&mut self) -> Result<i64> {
        let negative = self.kind()? == Kind::Nint;
        let mut ahead = self.clone();
        let value = i64::try_from(ahead.head(if negative { Kind::Nint } else { Kind::Uint })?).map_err(|_| Error::Malformed)?;
        *self = ahead;
        Ok(if negative { !value } else { value })
    }

    /// Takes an integer of one byte, -24 to 23; gives that byte. Error: `Malformed` for any other item.
    pub(crate) fn small_int(&mut self) -> Result<&'a [u8]> {
        match self.reader.peek()? {
            0x00..=0x17 | 0x20..=0x37 => self.reader.take(1),
            _ => Err(Error::Malformed),
        }
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
        self.head(Kind::Tag)
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
        self.passed(Decoder::skip)
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
        if depth >= MAX_DEPTH && matches!(kind, Kind::Array | Kind::Map | Kind::Tag) {
            return Err(Error::Malformed);
        }
        let inside = depth.saturating_add(1);
        let items = match kind {
            // Down to −2^64, which int() does not give.
            Kind::Uint | Kind::Nint => return self.head(kind).map(drop),
            Kind::Bytes => return self.bytes().map(drop),
            Kind::Text => return self.text().map(drop),
            Kind::Simple => {
                return match self.reader.peek()? {
                    0xf4..=0xf6 => self.reader.u8().map(drop),
                    _ => Err(Error::Malformed),
                };
            }
            Kind::Array => self.array()?,
            Kind::Tag => self.tag().map(|_| 1)?,
            Kind::Map => return self.pass_map(inside),
        };
        for _ in 0..items {
            self.pass(inside)?;
        }
        Ok(())
    }

    /// Passes over a map whose keys ascend bytewise, or come in any order.
    fn pass_map(&mut self, depth: usize) -> Result<()> {
        let entries = self.map()?;
        let start = self.clone();
        let mut last: &[u8] = &[];
        for index in 0..entries {
            let key = self.passed(|d| d.pass(depth))?;
            if self.ordered {
                if key < last {
                    return Err(Error::NotDeterministic);
                }
                if key == last {
                    return Err(Error::Malformed);
                }
                last = key;
            } else if index >= MAX_UNORDERED || start.clone().has_key(index, key)? {
                return Err(Error::Malformed);
            }
            self.pass(depth)?;
        }
        Ok(())
    }

    /// True if one of the next `entries` of a map, which have been passed over before, has this key. Going over them again takes no memory.
    fn has_key(mut self, entries: usize, key: &[u8]) -> Result<bool> {
        for _ in 0..entries {
            if self.passed(Decoder::hop)? == key {
                return Ok(true);
            }
            self.hop()?;
        }
        Ok(false)
    }

    /// What `step` goes over.
    fn passed(&mut self, step: impl FnOnce(&mut Self) -> Result<()>) -> Result<&'a [u8]> {
        let before = self.rest();
        step(self)?;
        let length = before.len().saturating_sub(self.rest().len());
        Ok(before.get(..length).unwrap_or_default())
    }

    /// Passes over an item that has been checked before.
    fn hop(&mut self) -> Result<()> {
        let mut left = 1usize;
        while let Some(others) = left.checked_sub(1) {
            let kind = self.kind()?;
            let inside = match kind {
                Kind::Simple => self.reader.u8().map(|_| 0)?,
                Kind::Bytes | Kind::Text => self.string(kind).map(|_| 0)?,
                Kind::Uint | Kind::Nint => self.head(kind).map(|_| 0)?,
                Kind::Tag => self.tag().map(|_| 1)?,
                Kind::Array => self.array()?,
                Kind::Map => self.map()?.saturating_mul(2),
            };
            left = others.saturating_add(inside);
        }
        Ok(())
    }
}

/// Reads items one after the other and asks once, in the end, whether all were there: after the first error nothing is read, and every call
/// gives an empty value.
pub(crate) struct Items<'d, 'a> {
    decoder: &'d mut Decoder<'a>,
    outcome: Result<()>,
}

impl<'d, 'a> Items<'d, 'a> {
    pub(crate) const fn new(decoder: &'d mut Decoder<'a>) -> Self {
        Items { decoder, outcome: Ok(()) }
    }

    /// The first error.
    pub(crate) const fn finish(self) -> Result<()> {
        self.outcome
    }

    /// Notes an error unless `sound`.
    pub(crate) fn check(&mut self, sound: bool) {
        self.fail(if sound { Ok(()) } else { Err(Error::Malformed) });
    }

    pub(crate) fn fail(&mut self, outcome: Result<()>) {
        self.outcome = self.outcome.and(outcome);
    }

    #[inline(never)]
    pub(crate) fn uint(&mut self) -> u64 {
        match self.outcome.and_then(|()| self.decoder.uint()) {
            Ok(value) => value,
            Err(error) => {
                self.outcome = Err(error);
                0
            }
        }
    }

    #[inline(never)]
    pub(crate) fn string(&mut self, kind: Kind) -> &'a [u8] {
        match self.outcome.and_then(|()| self.decoder.string(kind)) {
            Ok(value) => value,
            Err(error) => {
                self.outcome = Err(error);
                &[]
            }
        }
    }

    /// A text string.
    pub(crate) fn text(&mut self) -> &'a str {
        match self.outcome.and_then(|()| self.decoder.text()) {
            Ok(value) => value,
            Err(error) => {
                self.outcome = Err(error);
                ""
            }
        }
    }

    /// A byte string of 8 bytes.
    #[inline(never)]
    pub(crate) fn nonce(&mut self) -> [u8; 8] {
        let bytes = self.string(Kind::Bytes);
        self.check(bytes.len() == 8);
        bytes.first_chunk().copied().unwrap_or_default()
    }

    /// The head of an array; gives the number of items.
    #[inline(never)]
    pub(crate) fn array(&mut self) -> usize {
        match self.outcome.and_then(|()| self.decoder.array()) {
            Ok(value) => value,
            Err(error) => {
                self.outcome = Err(error);
                0
            }
        }
    }

    /// The head of an array of so many items.
    pub(crate) fn list(&mut self, items: usize) {
        let found = self.array();
        self.check(found == items);
    }

    /// `true`; `false` is an error.
    pub(crate) fn yes(&mut self) -> bool {
        let yes = self.outcome.is_ok() && self.decoder.bool() == Ok(true);
        self.check(yes);
        yes
    }

    /// True if an unsigned integer comes next, false with `null`, which is taken.
    pub(crate) fn uint_or_null(&mut self) -> bool {
        let uint = self.decoder.kind() == Ok(Kind::Uint);
        if !uint {
            let outcome = self.outcome.and_then(|()| self.decoder.null());
            self.fail(outcome);
        }
        uint
    }
}
