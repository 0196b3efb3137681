//! A CBOR item as a tree: made at random, read and written by the core, and turned into what the others have.

use crate::random::Seeded;
use ciborium::Value;
use ciborium::value::Integer;
use sealwire_core::bytes::Writer;
use sealwire_core::cbor::{self, Decoder, Kind};
use sealwire_core::error::Result;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Uint(u64),
    /// −1 − n.
    Nint(u64),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Item>),
    Map(Vec<(Item, Item)>),
    Tag(u64, Box<Item>),
    Bool(bool),
    Null,
}

const TEXTS: &[&str] = &["", "a", "IETF", "grün", "水", "𐅑", "\u{0}", "sealwire-1 und so weiter", "a\u{301}"];
/// Registered tags, some of which libraries interpret, and numbers of each length.
const TAGS: &[u64] = &[0, 1, 4, 16, 18, 24, 30, 32, 37, 61, 96, 98, 100, 258, 1004, 55799, 0x1_0000, u64::MAX];

fn number(random: &mut Seeded) -> u64 {
    let edge = random.pick(&[0, 23, 24, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, i64::MAX as u64, u64::MAX]);
    if random.one_in(3) { edge } else { random.next() >> random.below(64) }
}

impl Item {
    /// An item with at most `depth` containers inside each other, its maps sorted and without duplicates.
    pub(crate) fn random(random: &mut Seeded, depth: usize) -> Item {
        match random.below(if depth == 0 { 6 } else { 11 }) {
            0 => Item::Uint(number(random)),
            1 => Item::Nint(number(random)),
            2 => {
                let length = if random.one_in(20) { random.pick(&[255, 256, 300]) } else { random.below(26) };
                Item::Bytes(random.bytes(length))
            }
            3 => Item::Text(random.pick(TEXTS).repeat(1 + random.below(2))),
            4 => Item::Bool(random.one_in(2)),
            5 => Item::Null,
            6 | 7 => {
                let length = if random.one_in(20) { 24 } else { random.below(5) };
                Item::Array((0..length).map(|_| Item::random(random, depth - 1)).collect())
            }
            8 | 9 => {
                let entries = if random.one_in(20) { 22 + random.below(8) } else { random.below(5) };
                let entries = (0..entries).map(|_| {
                    let key = if random.one_in(12) { Item::random(random, depth - 1) } else { Item::random(random, 0) };
                    (key, Item::random(random, depth - 1))
                });
                Item::Map(entries.collect()).sorted()
            }
            _ => {
                let number = if random.one_in(2) { random.pick(TAGS) } else { 1000 + random.next() % 4000 };
                Item::Tag(number, Box::new(Item::random(random, depth - 1)))
            }
        }
    }

    /// A map with about as many entries as the core takes where their order is free.
    pub(crate) fn long_map(random: &mut Seeded) -> Item {
        Item::Map((0..20 + random.next() % 8).map(|key| (Item::Uint(key), Item::random(random, 0))).collect())
    }

    /// The same with its maps in the order of RFC 8949 §4.2.1, whatever order they came in; of duplicate keys the first stays. The
    /// encodings that are sorted by are ciborium's.
    pub(crate) fn sorted(self) -> Item {
        match self {
            Item::Array(items) => Item::Array(items.into_iter().map(Item::sorted).collect()),
            Item::Tag(number, inner) => Item::Tag(number, Box::new(inner.sorted())),
            Item::Map(entries) => {
                let mut entries: Vec<_> = entries.into_iter().map(|(key, value)| (key.sorted(), value.sorted())).collect();
                entries.sort_by_cached_key(|(key, _)| key.by_ciborium());
                entries.dedup_by(|(a, _), (b, _)| a == b);
                Item::Map(entries)
            }
            other => other,
        }
    }

    pub(crate) fn to_value(&self) -> Value {
        match self {
            Item::Uint(number) => Value::Integer(Integer::from(*number)),
            Item::Nint(number) => Value::Integer(Integer::try_from(-1 - i128::from(*number)).unwrap()),
            Item::Bytes(bytes) => Value::Bytes(bytes.clone()),
            Item::Text(text) => Value::Text(text.clone()),
            Item::Array(items) => Value::Array(items.iter().map(Item::to_value).collect()),
            Item::Map(entries) => Value::Map(entries.iter().map(|(key, value)| (key.to_value(), value.to_value())).collect()),
            Item::Tag(number, inner) => Value::Tag(*number, Box::new(inner.to_value())),
            Item::Bool(value) => Value::Bool(*value),
            Item::Null => Value::Null,
        }
    }

    pub(crate) fn by_ciborium(&self) -> Vec<u8> {
        let mut out = Vec::new();
        ciborium::into_writer(&self.to_value(), &mut out).unwrap();
        out
    }

    /// Reads with the core's decoder, call by call.
    pub(crate) fn read(d: &mut Decoder<'_>) -> Result<Item> {
        Ok(match d.kind()? {
            Kind::Uint => Item::Uint(d.uint()?),
            Kind::Nint => match d.int() {
                Ok(number) => Item::Nint(!number as u64),
                // Below −2^63: taken whole.
                Err(_) => Item::Nint(u64::from_be_bytes(d.item()?[1..].try_into().unwrap())),
            },
            Kind::Bytes => Item::Bytes(d.bytes()?.to_vec()),
            Kind::Text => Item::Text(d.text()?.to_string()),
            Kind::Array => Item::Array((0..d.array()?).map(|_| Item::read(d)).collect::<Result<_>>()?),
            Kind::Map => Item::Map((0..d.map()?).map(|_| Ok((Item::read(d)?, Item::read(d)?))).collect::<Result<_>>()?),
            Kind::Tag => Item::Tag(d.tag()?, Box::new(Item::read(d)?)),
            Kind::Simple if d.null().is_ok() => Item::Null,
            Kind::Simple => Item::Bool(d.bool()?),
        })
    }

    /// Writes with the core's encoder. It has no call for tags and for numbers below −2^63; there ciborium's bytes are put.
    fn write(&self, w: &mut Writer<'_>) -> Result<()> {
        match self {
            Item::Uint(number) => cbor::write_uint(w, *number),
            Item::Nint(number) => match i64::try_from(*number) {
                Ok(number) => cbor::write_int(w, !number),
                Err(_) => w.put(&self.by_ciborium()),
            },
            Item::Bytes(bytes) => cbor::write_bytes(w, bytes),
            Item::Text(text) => cbor::write_text(w, text),
            Item::Array(items) => {
                cbor::write_array(w, items.len())?;
                items.iter().try_for_each(|item| item.write(w))
            }
            Item::Map(entries) => {
                cbor::write_map(w, entries.len())?;
                entries.iter().try_for_each(|(key, value)| {
                    key.write(w)?;
                    value.write(w)
                })
            }
            Item::Tag(number, inner) => {
                let whole = Item::Tag(*number, Box::new(Item::Null)).by_ciborium();
                w.put(&whole[..whole.len() - 1])?;
                inner.write(w)
            }
            Item::Bool(value) => cbor::write_bool(w, *value),
            Item::Null => cbor::write_null(w),
        }
    }

    /// Encoded by the core.
    pub(crate) fn by_core(&self) -> Vec<u8> {
        let mut buffer = vec![0; self.by_ciborium().len() + 8];
        let mut w = Writer::new(&mut buffer);
        self.write(&mut w).unwrap();
        w.written().to_vec()
    }

    /// In words, to be compared with what another language has read.
    pub(crate) fn describe(&self) -> String {
        let list = |parts: Vec<String>| parts.join(",");
        match self {
            Item::Uint(number) => number.to_string(),
            Item::Nint(number) => (-1 - i128::from(*number)).to_string(),
            Item::Bytes(bytes) => format!("h{}", hex(bytes)),
            Item::Text(text) => format!("t{}", hex(text.as_bytes())),
            Item::Array(items) => format!("[{}]", list(items.iter().map(Item::describe).collect())),
            Item::Map(entries) => {
                format!("{{{}}}", list(entries.iter().map(|(key, value)| format!("{}:{}", key.describe(), value.describe())).collect()))
            }
            Item::Tag(number, inner) => format!("{number}({})", inner.describe()),
            Item::Bool(value) => value.to_string(),
            Item::Null => "null".into(),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect()
}
