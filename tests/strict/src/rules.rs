//! What is CBOR, but refused by the core: every rule, found in the headers that `ciborium-ll` has read.

use ciborium_io::{Read as _, Write as _};
use ciborium_ll::{Decoder, Encoder, Header, simple, tag};
use sealwire_core::cbor::{MAX_DEPTH, MAX_UNORDERED};
use sealwire_core::error::Error;

/// In the order in which they are looked at for one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// More containers around an item than [`MAX_DEPTH`].
    Depth,
    /// A string, array or map of indefinite length (RFC 8949 §4.2.1).
    Indefinite,
    /// A head longer than its argument needs (RFC 8949 §4.2.1).
    LongHead,
    /// A floating-point number: none occurs in the protocol.
    Float,
    /// A simple value besides false, true and null: none occurs in the protocol.
    Simple,
    /// The same key twice in a map (RFC 8949 §5.6).
    DuplicateKey,
    /// Map keys that do not ascend bytewise (RFC 8949 §4.2.1), where the order counts.
    KeyOrder,
    /// More map entries than [`MAX_UNORDERED`] where the order is free.
    ManyKeys,
}

impl Rule {
    /// What the core must answer.
    pub(crate) fn error(self) -> Error {
        match self {
            Rule::Indefinite | Rule::LongHead | Rule::KeyOrder => Error::NotDeterministic,
            Rule::Depth | Rule::Float | Rule::Simple | Rule::DuplicateKey | Rule::ManyKeys => Error::Malformed,
        }
    }
}

/// What `ciborium-ll` says about one item.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// The first rule that it breaks, from front to back.
    pub(crate) first: Option<Rule>,
    /// How many containers stand around the item that stands deepest.
    pub(crate) depth: usize,
    /// Every head written again in shortest form, lengths definite; the order of maps as it was.
    pub(crate) rewritten: Vec<u8>,
    /// There is a bignum (tags 2 and 3), which the core, like every tag, leaves uninterpreted and others turn into a number.
    pub(crate) bignum: bool,
    /// There is a simple value that has no meaning.
    pub(crate) nameless: bool,
}

/// Reads exactly one item; nothing if it is not well-formed CBOR.
pub(crate) fn read(bytes: &[u8], ordered: bool) -> Option<Reading> {
    let mut walk = Walk { bytes, d: Decoder::from(bytes), ordered, out: Reading::default() };
    walk.item(0)?;
    (walk.d.offset() == bytes.len()).then_some(walk.out)
}

struct Walk<'a> {
    bytes: &'a [u8],
    d: Decoder<&'a [u8]>,
    ordered: bool,
    out: Reading,
}

impl Walk<'_> {
    fn breaks(&mut self, rule: Rule) {
        self.out.first.get_or_insert(rule);
    }

    fn put(&mut self, header: Header) {
        Encoder::from(&mut self.out.rewritten).push(header).unwrap();
    }

    /// Reads an item inside `depth` containers.
    fn item(&mut self, depth: usize) -> Option<()> {
        // Far more than the core allows, and little enough for the stack.
        if depth > 200 {
            return None;
        }
        self.out.depth = self.out.depth.max(depth);
        let start = self.d.offset();
        let header = self.d.pull().ok()?;
        let length = self.d.offset() - start;
        if depth >= MAX_DEPTH && matches!(header, Header::Array(_) | Header::Map(_) | Header::Tag(_)) {
            self.breaks(Rule::Depth);
        }
        match header {
            Header::Array(None) | Header::Map(None) | Header::Bytes(None) | Header::Text(None) => self.breaks(Rule::Indefinite),
            Header::Float(_) => self.breaks(Rule::Float),
            // In two bytes even the known ones are something else.
            Header::Simple(value) if length > 1 || !matches!(value, simple::FALSE | simple::TRUE | simple::NULL) => {
                // RFC 8949 §3.3: below 32 that is not well-formed, although ciborium reads it.
                self.breaks(Rule::Simple);
                self.out.nameless |= !matches!(value, simple::FALSE..=simple::UNDEFINED);
            }
            _ => {
                let mut shortest = Vec::new();
                Encoder::from(&mut shortest).push(header).unwrap();
                if shortest.len() < length {
                    self.breaks(Rule::LongHead);
                }
            }
        }
        match header {
            Header::Positive(_) | Header::Negative(_) | Header::Float(_) | Header::Simple(_) => self.put(header),
            Header::Break => return None,
            Header::Bytes(length) => {
                let content = self.bytes(length)?;
                self.put(Header::Bytes(Some(content.len())));
                self.out.rewritten.extend(content);
            }
            Header::Text(length) => {
                let content = self.text(length)?;
                self.put(Header::Text(Some(content.len())));
                self.out.rewritten.extend(content.into_bytes());
            }
            Header::Array(count) => {
                let place = self.out.rewritten.len();
                let mut items = 0;
                while self.more(count, items)? {
                    self.item(depth + 1)?;
                    items += 1;
                }
                self.insert(place, Header::Array(Some(items)));
            }
            Header::Map(count) => self.map(count, depth)?,
            Header::Tag(number) => {
                self.put(header);
                if matches!(number, tag::BIGPOS | tag::BIGNEG) && self.bytes.get(self.d.offset()).is_some_and(|next| next >> 5 == 2) {
                    self.out.bignum = true;
                }
                self.item(depth + 1)?;
            }
        }
        Some(())
    }

    fn map(&mut self, count: Option<usize>, depth: usize) -> Option<()> {
        let place = self.out.rewritten.len();
        let mut keys: Vec<Vec<u8>> = Vec::new();
        while self.more(count, keys.len())? {
            let start = self.out.rewritten.len();
            self.item(depth + 1)?;
            let key = self.out.rewritten[start..].to_vec();
            if if self.ordered { keys.last() == Some(&key) } else { keys.contains(&key) } {
                self.breaks(Rule::DuplicateKey);
            } else if self.ordered && keys.last().is_some_and(|last| *last > key) {
                self.breaks(Rule::KeyOrder);
            } else if !self.ordered && keys.len() >= MAX_UNORDERED {
                self.breaks(Rule::ManyKeys);
            }
            keys.push(key);
            self.item(depth + 1)?;
        }
        self.insert(place, Header::Map(Some(keys.len())));
        Some(())
    }

    /// Whether another item follows; takes the break that ends an indefinite length.
    fn more(&mut self, count: Option<usize>, so_far: usize) -> Option<bool> {
        if let Some(count) = count {
            return Some(so_far < count);
        }
        if self.bytes.get(self.d.offset())? != &0xff {
            return Some(true);
        }
        (self.d.pull().ok()? == Header::Break).then_some(false)
    }

    fn insert(&mut self, place: usize, header: Header) {
        let mut head = Vec::new();
        Encoder::from(&mut head).push(header).unwrap();
        self.out.rewritten.splice(place..place, head);
    }

    fn bytes(&mut self, length: Option<usize>) -> Option<Vec<u8>> {
        if let Some(length) = length {
            return self.take(length);
        }
        let mut whole = Vec::new();
        let mut segments = self.d.bytes(None);
        while let Some(mut segment) = segments.pull().ok()? {
            let mut buffer = [0; 64];
            while let Some(chunk) = segment.pull(&mut buffer).ok()? {
                whole.write_all(chunk).ok()?;
            }
        }
        Some(whole)
    }

    fn text(&mut self, length: Option<usize>) -> Option<String> {
        if let Some(length) = length {
            return String::from_utf8(self.take(length)?).ok();
        }
        let mut whole = String::new();
        let mut segments = self.d.text(None);
        while let Some(mut segment) = segments.pull().ok()? {
            let mut buffer = [0; 64];
            while let Some(chunk) = segment.pull(&mut buffer).ok()? {
                whole.push_str(chunk);
            }
        }
        Some(whole)
    }

    fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        // Before the memory for it is made.
        if length > self.bytes.len() - self.d.offset() {
            return None;
        }
        let mut content = vec![0; length];
        self.d.read_exact(&mut content).ok()?;
        Some(content)
    }
}
