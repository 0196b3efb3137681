use super::*;
use crate::bytes::Writer;
use crate::crypto::tests::hex;
use crate::error::{Error, Result};
use proptest::prelude::*;
use std::string::String;
use std::vec::Vec;

fn written(write: impl FnOnce(&mut Writer<'_>) -> Result<()>) -> Vec<u8> {
    let mut buffer = [0; 300];
    let mut w = Writer::new(&mut buffer);
    write(&mut w).unwrap();
    w.written().to_vec()
}

/// Reads one item of every sort that `bytes` may be and says what it is, after the fashion of RFC 8949 §8.
fn describe(d: &mut Decoder<'_>) -> Result<String> {
    Ok(match d.kind()? {
        Kind::Uint => std::format!("{}", d.uint()?),
        Kind::Nint => std::format!("{}", d.int()?),
        Kind::Bytes => std::format!("{:02x?}", d.bytes()?),
        Kind::Text => std::format!("{:?}", d.text()?),
        Kind::Array => {
            let items: Result<Vec<String>> = (0..d.array()?).map(|_| describe(d)).collect();
            std::format!("[{}]", items?.join(", "))
        }
        Kind::Map => {
            let entries: Result<Vec<String>> = (0..d.map()?).map(|_| Ok(std::format!("{}: {}", describe(d)?, describe(d)?))).collect();
            std::format!("{{{}}}", entries?.join(", "))
        }
        Kind::Tag => std::format!("{}({})", d.tag()?, describe(d)?),
        Kind::Simple if d.null().is_ok() => "null".into(),
        Kind::Simple => std::format!("{}", d.bool()?),
    })
}

/// RFC 8949 Appendix A, what is in the subset.
const APPENDIX_A: &[(&str, &str)] = &[
    ("00", "0"),
    ("01", "1"),
    ("0a", "10"),
    ("17", "23"),
    ("1818", "24"),
    ("1819", "25"),
    ("1864", "100"),
    ("1903e8", "1000"),
    ("1a000f4240", "1000000"),
    ("1b000000e8d4a51000", "1000000000000"),
    ("1bffffffffffffffff", "18446744073709551615"),
    ("20", "-1"),
    ("29", "-10"),
    ("3863", "-100"),
    ("3903e7", "-1000"),
    ("f4", "false"),
    ("f5", "true"),
    ("f6", "null"),
    ("c074323031332d30332d32315432303a30343a30305a", "0(\"2013-03-21T20:04:00Z\")"),
    ("c11a514b67b0", "1(1363896240)"),
    ("d74401020304", "23([01, 02, 03, 04])"),
    ("d818456449455446", "24([64, 49, 45, 54, 46])"),
    ("d82076687474703a2f2f7777772e6578616d706c652e636f6d", "32(\"http://www.example.com\")"),
    ("40", "[]"),
    ("4401020304", "[01, 02, 03, 04]"),
    ("60", "\"\""),
    ("6161", "\"a\""),
    ("6449455446", "\"IETF\""),
    ("62225c", "\"\\\"\\\\\""),
    ("62c3bc", "\"ü\""),
    ("63e6b0b4", "\"水\""),
    ("64f0908591", "\"𐅑\""),
    ("80", "[]"),
    ("83010203", "[1, 2, 3]"),
    ("8301820203820405", "[1, [2, 3], [4, 5]]"),
    (
        "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
        "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25]",
    ),
    ("a0", "{}"),
    ("a201020304", "{1: 2, 3: 4}"),
    ("a26161016162820203", "{\"a\": 1, \"b\": [2, 3]}"),
    ("826161a161626163", "[\"a\", {\"b\": \"c\"}]"),
    ("a56161614161626142616361436164614461656145", "{\"a\": \"A\", \"b\": \"B\", \"c\": \"C\", \"d\": \"D\", \"e\": \"E\"}"),
];

#[test]
fn reads_appendix_a() {
    for (encoding, meaning) in APPENDIX_A {
        let bytes = hex(encoding);
        let mut d = Decoder::new(&bytes);
        assert_eq!(describe(&mut d).unwrap(), *meaning, "{encoding}");
        d.finish().unwrap();
        let mut d = Decoder::new(&bytes);
        assert_eq!(d.item().unwrap(), bytes, "{encoding}");
        d.finish().unwrap();
    }
}

#[test]
fn writes_appendix_a() {
    for (value, encoding) in [
        (0, "00"),
        (1, "01"),
        (10, "0a"),
        (23, "17"),
        (24, "1818"),
        (25, "1819"),
        (100, "1864"),
        (1000, "1903e8"),
        (1_000_000, "1a000f4240"),
        (1_000_000_000_000, "1b000000e8d4a51000"),
        (u64::MAX, "1bffffffffffffffff"),
    ] {
        assert_eq!(written(|w| write_uint(w, value)), hex(encoding));
        assert_eq!(head_len(value), encoding.len() / 2);
    }
    for (value, encoding) in [(-1, "20"), (-10, "29"), (-100, "3863"), (-1000, "3903e7"), (i64::MIN, "3b7fffffffffffffff"), (24, "1818")] {
        assert_eq!(written(|w| write_int(w, value)), hex(encoding));
    }
    assert_eq!(written(|w| write_bool(w, false)), hex("f4"));
    assert_eq!(written(|w| write_bool(w, true)), hex("f5"));
    assert_eq!(written(write_null), hex("f6"));
    assert_eq!(written(|w| write_bytes(w, &[])), hex("40"));
    assert_eq!(written(|w| write_bytes(w, &[1, 2, 3, 4])), hex("4401020304"));
    assert_eq!(written(|w| write_text(w, "水")), hex("63e6b0b4"));
    assert_eq!(written(|w| write_array(w, 25)), hex("9819"));
    assert_eq!(written(|w| write_map(w, 5)), hex("a5"));
    assert_eq!(written(|w| write_bytes_head(w, 256)), hex("590100"));
}

/// Each boundary of a head, there and back.
#[test]
fn integers_at_the_boundaries() {
    for value in [0, 23, 24, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, i64::MAX as u64, u64::MAX] {
        let bytes = written(|w| write_uint(w, value));
        assert_eq!(Decoder::new(&bytes).uint(), Ok(value));
        let signed = i64::try_from(value).map_err(|_| Error::Malformed);
        assert_eq!(Decoder::new(&bytes).int(), signed);
        if let Ok(signed) = signed {
            let bytes = written(|w| write_int(w, !signed));
            assert_eq!(Decoder::new(&bytes).int(), Ok(!signed));
            assert_eq!(Decoder::new(&bytes).uint(), Err(Error::Malformed));
        }
    }
    // −2^64 is an item, but no i64.
    let least = hex("3bffffffffffffffff");
    assert_eq!(Decoder::new(&least).int(), Err(Error::Malformed));
    assert_eq!(Decoder::new(&least).item(), Ok(&least[..]));
}

#[test]
fn refuses_what_is_not_deterministic() {
    for encoding in [
        // Longer heads than needed, for every major type that has one.
        "1817",
        "190017",
        "1900ff",
        "1a0000ffff",
        "1b00000000ffffffff",
        "3800",
        "5800",
        "580161",
        "7800",
        "780161",
        "9800",
        "980100",
        "b800",
        "d80000",
        "d9001700", // Indefinite lengths.
        "5f4101ff",
        "7f6161ff",
        "9fff",
        "9f01ff",
        "bfff",
        "bf6161f5ff", // Keys out of order.
        "a203040102",
        "a2200101f5",
        "a262616101616202",
        "81a203040102",
        "a101a203040102",
    ] {
        let bytes = hex(encoding);
        assert_eq!(Decoder::new(&bytes).item(), Err(Error::NotDeterministic), "{encoding}");
    }
}

#[test]
fn refuses_what_is_malformed() {
    for encoding in [
        // Nothing, and heads cut short.
        "",
        "18",
        "19",
        "1901",
        "1a010203",
        "1b01020304050607",
        "58",
        "78",
        "98",
        "b8",
        "d8", // Contents cut short.
        "4401",
        "446162",
        "61",
        "8301",
        "a101",
        "a2010203",
        "c1", // Reserved and unsupported.
        "1c",
        "1d",
        "1e",
        "1f",
        "3f",
        "df",
        "5c",
        "ff",
        "f7",
        "f0",
        "f818",
        "f8ff",
        "f90000",
        "fa47c35000",
        "fb3ff199999999999a",
        "e0",
        // Not UTF-8: a lone continuation, overlong, a surrogate, above U+10FFFF.
        "6180",
        "62c080",
        "63eda080",
        "64f4908080", // Duplicate keys.
        "a201020103",
        "a2616101616102",
        "81a201020103",
        "a201a2010201030304",
        // Counts that the input cannot hold.
        "9affffffff00",
        "9bffffffffffffffff00",
        "bbffffffffffffffff00",
        "bb7fffffffffffffff00",
        "5bffffffffffffffff",
        "7b7fffffffffffffff61",
    ] {
        let bytes = hex(encoding);
        assert_eq!(Decoder::new(&bytes).item(), Err(Error::Malformed), "{encoding}");
    }
}

#[test]
fn other_types_are_refused_and_nothing_is_taken() {
    let items = ["01", "20", "4101", "6161", "8101", "a10102", "c101", "f5", "f6"];
    for encoding in items {
        let bytes = hex(encoding);
        let mut d = Decoder::new(&bytes);
        let results = [
            d.clone().uint().is_ok(),
            d.clone().bytes().is_ok(),
            d.clone().text().is_ok(),
            d.clone().array().is_ok(),
            d.clone().map().is_ok(),
            d.clone().tag().is_ok(),
            d.clone().bool().is_ok(),
            d.clone().null().is_ok(),
        ];
        assert_eq!(results.iter().filter(|ok| **ok).count(), usize::from(encoding != "20"), "{encoding}");
        assert_eq!(d.clone().int().is_ok(), matches!(encoding, "01" | "20"));
        // A refusal leaves the decoder where it was.
        let _ = (d.kind() != Ok(Kind::Uint)).then(|| d.uint().unwrap_err());
        let _ = (d.kind() != Ok(Kind::Text)).then(|| d.text().unwrap_err());
        let _ = (d.kind() != Ok(Kind::Simple)).then(|| d.bool().unwrap_err());
        assert_eq!(d.rest(), bytes);
    }
    let cut = hex("83010243");
    let mut d = Decoder::new(&cut);
    assert_eq!(d.skip(), Err(Error::Malformed));
    assert_eq!(d.rest(), cut);
}

#[test]
fn nesting_ends_at_eight() {
    for (open, close) in [("81", "00"), ("a101", "00"), ("c1", "00"), ("a1", "")] {
        for depth in 0..12 {
            // The last form nests in keys: {{{…: 0}: 0}: 0}.
            let tail = if open == "a1" { "00".repeat(depth + 1) } else { close.into() };
            let bytes = hex(&(open.repeat(depth) + &tail));
            let expected = if depth <= MAX_DEPTH { Ok(&bytes[..]) } else { Err(Error::Malformed) };
            assert_eq!(Decoder::new(&bytes).item(), expected, "{open} {depth}");
            assert_eq!(Decoder::unordered(&bytes).item(), expected, "{open} {depth}");
        }
    }
}

#[test]
fn unordered_maps() {
    // Any order, at any depth, but no duplicates, wherever they stand.
    for encoding in ["a203040102", "a101a203040102", "81a203040102", "a2200101f5"] {
        let bytes = hex(encoding);
        assert_eq!(Decoder::unordered(&bytes).item(), Ok(&bytes[..]), "{encoding}");
    }
    for encoding in ["a3030401020305", "a101a3030401020305", "a361610102f66161f5"] {
        assert_eq!(Decoder::unordered(&hex(encoding)).item(), Err(Error::Malformed), "{encoding}");
    }
    // Heads are as strict as ever.
    for encoding in ["a118010a", "bf0102ff", "a1015800"] {
        assert_eq!(Decoder::unordered(&hex(encoding)).item(), Err(Error::NotDeterministic), "{encoding}");
    }
    for (entries, expected) in [(MAX_UNORDERED, true), (MAX_UNORDERED + 1, false)] {
        let bytes = written(|w| {
            write_map(w, entries)?;
            (0..entries).rev().try_for_each(|key| {
                write_uint(w, key as u64)?;
                write_null(w)
            })
        });
        assert_eq!(Decoder::unordered(&bytes).item().is_ok(), expected);
    }
    // A map in free order inside a strict sequence.
    let bytes = hex("a20304010205");
    let mut d = Decoder::new(&bytes);
    assert_eq!(d.item(), Err(Error::NotDeterministic));
    assert_eq!(d.unordered_item(), Ok(&bytes[..5]));
    assert_eq!((d.uint(), d.finish()), (Ok(5), Ok(())));
}

#[test]
fn what_is_left_over_is_refused() {
    let mut d = Decoder::new(&[1, 2]);
    assert_eq!(d.uint(), Ok(1));
    assert_eq!((d.finish(), d.is_empty()), (Err(Error::Malformed), false));
    assert_eq!(d.uint(), Ok(2));
    assert_eq!((d.finish(), d.is_empty()), (Ok(()), true));
}

#[test]
fn writing_beyond_the_buffer_is_refused() {
    for room in 0..5 {
        let mut buffer = [0; 5];
        let mut w = Writer::new(&mut buffer[..room]);
        assert_eq!(write_uint(&mut w, 1_000_000), Err(Error::BufferTooSmall));
        assert!(w.written().is_empty());
    }
}

/// A small generator of numbers, so that failures repeat.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        // Steele, Lea, Flood: SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn write_random(w: &mut Writer<'_>, numbers: &mut Numbers, depth: usize) -> Result<()> {
    match numbers.next() % if depth == 0 { 6 } else { 8 } {
        0 => write_uint(w, numbers.next() >> (numbers.next() % 64)),
        1 => write_int(w, !((numbers.next() >> (1 + numbers.next() % 63)) as i64)),
        2 => write_bytes(w, &[7; 40][..(numbers.next() % 40) as usize]),
        3 => write_text(w, "grün"),
        4 => write_bool(w, true),
        5 => write_null(w),
        6 => {
            let items = numbers.next() % 4;
            write_array(w, items as usize)?;
            (0..items).try_for_each(|_| write_random(w, numbers, depth - 1))
        }
        _ => {
            let entries = numbers.next() % 4;
            write_map(w, entries as usize)?;
            (0..entries).try_for_each(|key| {
                write_uint(w, key * 20)?;
                write_random(w, numbers, depth - 1)
            })
        }
    }
}

/// What the encoder writes, the decoder reads; no shorter input passes; and no random damage makes it panic or accept what would be
/// encoded otherwise.
#[test]
fn random_items() {
    let mut numbers = Numbers(8949);
    for _ in 0..3000 {
        let mut buffer = [0; 2000];
        let mut w = Writer::new(&mut buffer);
        write_random(&mut w, &mut numbers, 4).unwrap();
        let bytes = w.written().to_vec();
        assert_eq!(Decoder::new(&bytes).item(), Ok(&bytes[..]));
        for end in 0..bytes.len() {
            assert_eq!(Decoder::new(&bytes[..end]).item(), Err(Error::Malformed));
        }
        let mut damaged = bytes.clone();
        let place = (numbers.next() % bytes.len() as u64) as usize;
        damaged[place] ^= 1 << (numbers.next() % 8);
        if let Ok(item) = Decoder::new(&damaged).item() {
            let mut again = Decoder::new(item);
            let mut out = [0; 2000];
            let mut w = Writer::new(&mut out);
            rewrite(&mut again, &mut w).unwrap();
            assert_eq!(w.written(), item);
        }
    }
}

/// Reads an item and writes it again.
fn rewrite(d: &mut Decoder<'_>, w: &mut Writer<'_>) -> Result<()> {
    match d.kind()? {
        Kind::Uint => write_uint(w, d.uint()?),
        Kind::Nint => match d.clone().int() {
            Ok(_) => write_int(w, d.int()?),
            Err(_) => w.put(d.item()?),
        },
        Kind::Bytes => write_bytes(w, d.bytes()?),
        Kind::Text => write_text(w, d.text()?),
        Kind::Array => {
            let items = d.array()?;
            write_array(w, items)?;
            (0..items).try_for_each(|_| rewrite(d, w))
        }
        Kind::Map => {
            let entries = d.map()?;
            write_map(w, entries)?;
            (0..2 * entries).try_for_each(|_| rewrite(d, w))
        }
        Kind::Tag => w.put(d.item()?),
        Kind::Simple if d.null().is_ok() => write_null(w),
        Kind::Simple => write_bool(w, d.bool()?),
    }
}

/// An item as a tree, for proptest.
#[derive(Clone, Debug)]
enum Tree {
    Number(i64),
    Bytes(Vec<u8>),
    Text(String),
    Bool(bool),
    Null,
    Array(Vec<Tree>),
    Map(Vec<(Tree, Tree)>),
}

impl Tree {
    fn encoded(&self) -> Vec<u8> {
        let mut buffer = std::vec![0; 100_000];
        let mut w = Writer::new(&mut buffer);
        self.write(&mut w).unwrap();
        w.written().to_vec()
    }

    /// Maps in ascending order of their encoded keys, each key once.
    fn write(&self, w: &mut Writer<'_>) -> Result<()> {
        match self {
            Tree::Number(number) => write_int(w, *number),
            Tree::Bytes(bytes) => write_bytes(w, bytes),
            Tree::Text(text) => write_text(w, text),
            Tree::Bool(value) => write_bool(w, *value),
            Tree::Null => write_null(w),
            Tree::Array(items) => {
                write_array(w, items.len())?;
                items.iter().try_for_each(|item| item.write(w))
            }
            Tree::Map(entries) => {
                let sorted: std::collections::BTreeMap<_, _> = entries.iter().map(|(key, value)| (key.encoded(), value)).collect();
                write_map(w, sorted.len())?;
                sorted.iter().try_for_each(|(key, value)| {
                    w.put(key)?;
                    value.write(w)
                })
            }
        }
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Tree::Number),
        (-300..300_i64).prop_map(Tree::Number),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Tree::Bytes),
        any::<String>().prop_map(Tree::Text),
        any::<bool>().prop_map(Tree::Bool),
        Just(Tree::Null),
    ];
    leaf.prop_recursive(MAX_DEPTH as u32, 64, 30, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..30).prop_map(Tree::Array),
            prop::collection::vec((inner.clone(), inner), 0..8).prop_map(Tree::Map),
        ]
    })
}

/// How deep the containers of an item go.
fn depth(tree: &Tree) -> usize {
    match tree {
        Tree::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Tree::Map(entries) => 1 + entries.iter().map(|(key, value)| depth(key).max(depth(value))).max().unwrap_or(0),
        _ => 0,
    }
}

proptest! {
    /// What is written is read, to the byte and no further; written again it is the same.
    #[test]
    fn written_is_read(tree in trees(), behind in any::<[u8; 3]>()) {
        let bytes = tree.encoded();
        prop_assume!(depth(&tree) <= MAX_DEPTH);
        let mut longer = bytes.clone();
        longer.extend(behind);
        let mut d = Decoder::new(&longer);
        prop_assert_eq!(d.item(), Ok(&bytes[..]));
        prop_assert_eq!(d.rest(), &behind);
        let mut out = std::vec![0; bytes.len()];
        let mut w = Writer::new(&mut out);
        rewrite(&mut Decoder::new(&bytes), &mut w).unwrap();
        prop_assert_eq!(w.written(), &bytes[..]);
    }

    /// Any bytes: no panic; what is taken comes out the same when written again; what is refused leaves the decoder where it was.
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        for mut d in [Decoder::new(&bytes), Decoder::unordered(&bytes)] {
            match d.item() {
                Ok(item) => {
                    prop_assert_eq!(item.len() + d.rest().len(), bytes.len());
                    let mut out = std::vec![0; item.len()];
                    let mut w = Writer::new(&mut out);
                    rewrite(&mut Decoder::new(item), &mut w).unwrap();
                    prop_assert_eq!(w.written(), item);
                }
                Err(error) => {
                    prop_assert!(matches!(error, Error::Malformed | Error::NotDeterministic));
                    prop_assert_eq!(d.rest(), &bytes[..]);
                }
            }
        }
    }
}
