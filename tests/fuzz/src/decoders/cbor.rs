//! CBOR.

use sealwire_core::bytes::Writer;
use sealwire_core::cbor::{self, Decoder, Kind, MAX_DEPTH, MAX_UNORDERED};

/// Writes what a decoder reads, item by item. Gives the depth.
fn copy(d: &mut Decoder<'_>, w: &mut Writer<'_>) -> usize {
    const FITS: &str = "an encoding is as long as what was read";
    match d.kind().expect("checked before") {
        Kind::Uint => cbor::write_uint(w, d.uint().expect("checked")).expect(FITS),
        Kind::Nint => match d.int() {
            Ok(number) => cbor::write_int(w, number).expect(FITS),
            // Below −2^63: more than an i64 holds, and nothing that the encoder writes.
            Err(_) => w.put(d.item().expect("checked")).expect(FITS),
        },
        Kind::Bytes => cbor::write_bytes(w, d.bytes().expect("checked")).expect(FITS),
        Kind::Text => cbor::write_text(w, d.text().expect("checked")).expect(FITS),
        Kind::Array => {
            let items = d.array().expect("checked");
            cbor::write_array(w, items).expect(FITS);
            return 1 + (0..items).map(|_| copy(d, w)).max().unwrap_or(0);
        }
        Kind::Map => {
            let entries = d.map().expect("checked");
            cbor::write_map(w, entries).expect(FITS);
            return 1 + (0..2 * entries).map(|_| copy(d, w)).max().unwrap_or(0);
        }
        Kind::Tag => {
            let tag = d.tag().expect("checked");
            // There is no encoder for tags: the head of an integer with another major type.
            let at = w.len();
            cbor::write_uint(w, tag).expect(FITS);
            w.written_mut()[at] |= 0xc0;
            return 1 + copy(d, w);
        }
        Kind::Simple if d.null().is_ok() => cbor::write_null(w).expect(FITS),
        Kind::Simple => cbor::write_bool(w, d.bool().expect("the only ones left")).expect(FITS),
    }
    0
}

/// The keys of every map in an item are different, and ascend if they must. Works on encodings that were accepted.
fn check_keys(d: &mut Decoder<'_>, ordered: bool) {
    match d.kind().expect("checked") {
        Kind::Array => (0..d.array().expect("checked")).for_each(|_| check_keys(d, ordered)),
        Kind::Tag => {
            d.tag().expect("checked");
            check_keys(d, ordered);
        }
        Kind::Map => {
            let entries = d.map().expect("checked");
            let mut keys = Vec::new();
            for _ in 0..entries {
                let before = d.rest();
                check_keys(d, ordered);
                keys.push(&before[..before.len() - d.rest().len()]);
                check_keys(d, ordered);
            }
            assert!(ordered || entries <= MAX_UNORDERED);
            assert!(!ordered || keys.windows(2).all(|pair| pair[0] < pair[1]), "keys out of order");
            keys.sort_unstable();
            assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "a key twice");
        }
        _ => d.skip().expect("checked"),
    }
}

fn decode(data: &[u8], ordered: bool) -> bool {
    let new = if ordered { Decoder::new } else { Decoder::unordered };
    let mut d = new(data);
    let mut taken = false;
    while !d.is_empty() {
        let before = d.rest();
        let item = match d.item() {
            Ok(item) => item,
            Err(error) => {
                crate::typed(error);
                assert_eq!(d.rest(), before, "a call that fails has taken nothing");
                break;
            }
        };
        assert_eq!(before.len(), item.len() + d.rest().len());
        taken = true;
        let mut buffer = vec![0; item.len()];
        let mut w = Writer::new(&mut buffer);
        assert!(copy(&mut new(item), &mut w) <= MAX_DEPTH);
        assert_eq!(w.written(), item, "what was accepted is the only encoding");
        check_keys(&mut new(item), ordered);
        if ordered {
            // What the strict decoder takes, the lenient one takes, but for its limit on maps.
            if Decoder::unordered(item).skip().is_err() {
                assert!(item.len() > 2 * MAX_UNORDERED);
            }
        }
    }
    every_call(new(data));
    taken
}

/// Every reading call on whatever comes next: what the kind says fits, and nothing else does.
fn every_call(d: Decoder<'_>) {
    let Ok(kind) = d.kind() else { return };
    let taken = [
        (d.clone().uint().is_ok(), kind == Kind::Uint),
        (d.clone().int().is_ok(), matches!(kind, Kind::Uint | Kind::Nint)),
        (d.clone().bytes().is_ok(), kind == Kind::Bytes),
        (d.clone().text().is_ok(), kind == Kind::Text),
        (d.clone().array().is_ok(), kind == Kind::Array),
        (d.clone().map().is_ok(), kind == Kind::Map),
        (d.clone().tag().is_ok(), kind == Kind::Tag),
        (d.clone().bool().is_ok() || d.clone().null().is_ok(), kind == Kind::Simple),
    ];
    assert!(taken.iter().all(|(taken, may)| !taken || *may), "read as another type");
}

/// The strict decoder.
pub fn ordered(data: &[u8]) -> bool {
    decode(data, true)
}

/// The decoder for credentials of others.
pub fn unordered(data: &[u8]) -> bool {
    decode(data, false)
}
