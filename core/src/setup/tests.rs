//! Codes, records, items and statements; what endpoints make of them is tested there.

use super::item::{self, Item};
use super::ownership::Party;
use super::*;
use crate::bytes::{Secret, Writer};
use crate::cose::{KeyCurve, PublicKey, Thumbprint};
use crate::crypto::software::{KeyKind, SoftwareProvider, public_key};
use crate::crypto::{KeyHandle, Signature};
use crate::edhoc::{Ead, EadItems};
use crate::error::{Error, Result};
use serde_json::Value;
use std::string::{String, ToString};
use std::vec::Vec;

type Software = SoftwareProvider<fn(&mut [u8]) -> Result<()>, 1>;

fn provider() -> Software {
    SoftwareProvider::new(|_| Err(Error::RandomFailed))
}

fn printed(code: &SetupCode) -> String {
    let mut out = [0; MAX_SETUP_CODE];
    let mut w = Writer::new(&mut out);
    code.write(&mut w).unwrap();
    core::str::from_utf8(w.written()).unwrap().to_string()
}

#[test]
fn codes_have_one_spelling() {
    let device = Thumbprint(core::array::from_fn(|at| at as u8));
    let secret = Secret::from(core::array::from_fn(|at| 0xf0 + at as u8));
    let code = SetupCode::new(device, secret, "SW-HR/1.0").unwrap();
    // As Python's base64.b32encode has it.
    assert_eq!(printed(&code), "SW1:AAAQEAYEAUDAOCAJBIFQYDIOB7YPD4XT6T27N57Y7H5PX7H5737Q:SW-HR/1.0");
}

#[test]
fn codes_survive_a_round_and_nothing_else_is_read() {
    for (fill, model) in [(0, ""), (0xff, "A"), (0x5a, "ABCDEFGHIJKLMNOPQRSTUVWX"), (7, "0189./-")] {
        let code = SetupCode::new(Thumbprint([fill; 16]), Secret::from([fill ^ 1; 16]), model).unwrap();
        let text = printed(&code);
        assert!(text.len() <= MAX_SETUP_CODE);
        let read = SetupCode::parse(&text).unwrap();
        assert_eq!((read.device, read.secret.expose(), read.model()), (code.device, code.secret.expose(), model));
        let short = &mut [0; MAX_SETUP_CODE][..text.len() - 1];
        assert_eq!(code.write(&mut Writer::new(short)), Err(Error::BufferTooSmall));
        // Every other character anywhere but in the model, and every piece of it up to the second colon.
        for at in 0..57 {
            let mut bad = text.clone().into_bytes();
            bad[at] = if bad[at] == b'1' { b'2' } else { b'1' };
            assert_eq!(SetupCode::parse(core::str::from_utf8(&bad).unwrap()).err(), Some(Error::Malformed), "{at}");
            assert_eq!(SetupCode::parse(&text[..at]).err(), Some(Error::Malformed));
        }
    }
    let text = printed(&SetupCode::new(Thumbprint([0; 16]), Secret::from([0; 16]), "").unwrap());
    assert!(text.ends_with("A:"));
    for bad in ["a", "É", " ", "_", "A B", "ABCDEFGHIJKLMNOPQRSTUVWXY"] {
        assert_eq!(SetupCode::parse(&(text.clone() + bad)).err(), Some(Error::Malformed), "{bad}");
        assert_eq!(SetupCode::new(Thumbprint([0; 16]), Secret::from([0; 16]), bad).err(), Some(Error::InvalidArgument));
    }
    // The last character stands for one bit, and four that are zero.
    for (last, sound) in [("A:", true), ("Q:", true), ("B:", false), ("P:", false), ("R:", false), ("7:", false)] {
        assert_eq!(SetupCode::parse(&(text[..55].to_string() + last)).is_ok(), sound, "{last}");
    }
    assert_eq!(SetupCode::parse(&text.to_lowercase()).err(), Some(Error::Malformed));
    // What base32 leaves out, in every place.
    for (at, no_digit) in (4..56).flat_map(|at| "0189=[".chars().map(move |no_digit| (at, no_digit))) {
        let mut bad = text.clone();
        bad.replace_range(at..=at, &no_digit.to_string());
        assert_eq!(SetupCode::parse(&bad).err(), Some(Error::Malformed), "{bad}");
    }
}

fn party(fill: u8) -> Party {
    Party::new(Thumbprint([fill; 16]), &[fill ^ 0xff; 32]).unwrap()
}

#[test]
fn records_survive_a_round() {
    let mut p = provider();
    let ed25519 = public_key(KeyKind::Ed25519, &Secret::from([1; 32])).unwrap();
    let p256 = public_key(KeyKind::Es256, &Secret::from([1; 32])).unwrap();
    let owned = Ownership::default().taken(party(1), Some(ed25519), [5; 8]);
    let all = [
        Ownership::default(),
        owned,
        owned.delegated(party(2)).unwrap().delegated(party(3)).unwrap(),
        owned.raised(Some(party(4)), Some(p256), [6; 8]).unwrap(),
        owned.raised(Some(party(4)), None, [6; 8]).unwrap().wiped(),
        owned.raised(None, None, [7; 8]).unwrap(),
    ];
    for ownership in all {
        let record = ownership.encode(&mut p).unwrap();
        assert_eq!(Ownership::decode(&mut p, &record), Ok(ownership));
    }
    assert_eq!(Ownership::decode(&mut p, &[]), Ok(Ownership::default()));
}

/// A record with these bytes changed, and a checksum that fits.
fn forged(ownership: &Ownership, changes: &[(usize, u8)]) -> Vec<u8> {
    let mut p = provider();
    let mut record = ownership.encode(&mut p).unwrap();
    for (at, value) in changes {
        record[*at] = *value;
    }
    let check = crate::crypto::hash(&[&record[..RECORD - 8]]);
    record[RECORD - 8..].copy_from_slice(&check[..8]);
    record.to_vec()
}

#[test]
fn records_that_cannot_be_are_damaged() {
    let mut p = provider();
    let p256 = public_key(KeyKind::Es256, &Secret::from([1; 32])).unwrap();
    let owned = Ownership::default().taken(party(1), Some(p256), [5; 8]).delegated(party(2)).unwrap();
    assert_eq!(Ownership::decode(&mut p, &forged(&owned, &[])), Ok(owned));
    // Flags unknown, not owned with an owner, curve unknown, not a point; unowned with an anchor, with a delegate, owned by nobody;
    // coordinates without a curve, and one too many on Ed25519.
    let nobody = Ownership::default();
    let ed25519 = public_key(KeyKind::Ed25519, &Secret::from([1; 32])).unwrap();
    let edwards = Ownership::default().taken(party(1), Some(ed25519), [5; 8]);
    for (ownership, changes) in [
        (&owned, [(1, 5), (0, 1)]),
        (&owned, [(1, 0), (0, 1)]),
        (&owned, [(46, 4), (0, 1)]),
        (&owned, [(79, 7), (80, 7)]),
        (&nobody, [(46, 6), (47, 1)]),
        (&nobody, [(111, 1), (0, 1)]),
        (&nobody, [(1, 1), (0, 1)]),
        (&nobody, [(47, 1), (0, 1)]),
        (&nobody, [(110, 1), (0, 1)]),
        (&edwards, [(79, 1), (0, 1)]),
    ] {
        assert_eq!(Ownership::decode(&mut p, &forged(ownership, &changes)), Err(Error::CorruptState), "{changes:?}");
    }
    assert_eq!(Ownership::decode(&mut p, &forged(&owned, &[(0, 0)])), Err(Error::CorruptState));
    assert_eq!(Ownership::decode(&mut p, &forged(&owned, &[(0, 2)])), Err(Error::UnsupportedState));
}

#[test]
fn a_key_is_a_delegate_once() {
    let other = Party { mark: [7; 16], ..party(2) };
    let owned = Ownership::default().taken(party(1), None, [5; 8]).delegated(party(2)).unwrap().delegated(other).unwrap();
    assert_eq!(
        (owned.delegates().count(), owned.standing_of(&party(2)), owned.standing_of(&other)),
        (1, Standing::None, Standing::Delegate)
    );
}

#[test]
fn the_last_epoch_is_the_last() {
    let last = Ownership { epoch: u32::MAX, ..Ownership::default() };
    assert_eq!(last.raised(None, None, [0; 8]), Err(Error::WrongState));
    assert_eq!(last.taken(party(1), None, [0; 8]).epoch(), u32::MAX);
}

/// EAD_3 with one item; what is read of it.
fn read(label: i64, value: Option<&[u8]>) -> Result<usize> {
    let mut out = [0; 400];
    let mut w = Writer::new(&mut out);
    Ead { label, value }.write(&mut w).unwrap();
    let items = w.written().to_vec();
    let found = item::find(EadItems::new(&items))?;
    Ok(match found {
        None => 0,
        Some(Item::Setup { anchor, .. }) => 1 + usize::from(anchor.is_some()),
        Some(Item::Release { anchor, .. }) => 3 + usize::from(anchor.is_some()),
        Some(Item::Delegation { .. }) => 5,
    })
}

#[test]
fn items_have_one_form() {
    let written = |key: &PublicKey, kid: Option<&[u8]>| {
        let mut out = [0; 90];
        let mut w = Writer::new(&mut out);
        key.write(&mut w, kid).unwrap();
        w.written().to_vec()
    };
    let ed25519 = public_key(KeyKind::Ed25519, &Secret::from([1; 32])).unwrap();
    let p256 = public_key(KeyKind::Es256, &Secret::from([1; 32])).unwrap();
    let x25519 = PublicKey { curve: KeyCurve::X25519, x: [9; 32], y: None };
    let tag = [&[0x58, 32][..], &[7; 32]].concat();
    let statement = [&[0x84, 0x43, 0xa1, 0x01, 0x27, 0xa0, 0xf6, 0x58, 64][..], &[7; 64]].concat();
    let join = |parts: &[&[u8]]| parts.concat();
    assert_eq!(read(EAD_SETUP, Some(&tag)), Ok(1));
    assert_eq!(read(EAD_SETUP, Some(&join(&[&tag, &written(&ed25519, None)]))), Ok(2));
    assert_eq!(read(EAD_SETUP, Some(&join(&[&tag, &written(&p256, None)]))), Ok(2));
    assert_eq!(read(EAD_RELEASE, Some(&statement)), Ok(3));
    assert_eq!(read(EAD_RELEASE, Some(&join(&[&statement, &written(&ed25519, None)]))), Ok(4));
    assert_eq!(read(EAD_DELEGATION, Some(&statement)), Ok(5));
    assert_eq!(read(-EAD_SETUP, Some(&tag)), Ok(0));
    for label in [EAD_SETUP, EAD_RELEASE, EAD_DELEGATION] {
        assert_eq!(read(label, None), Err(Error::Malformed));
        assert_eq!(read(label, Some(&[])), Err(Error::Malformed));
        assert!(is_ours(label) && !is_ours(-label));
    }
    for (value, expected) in [
        (tag[..33].to_vec(), Error::Malformed),
        (join(&[&[0x41, 7]]), Error::Malformed),
        (join(&[&tag, &[0]]), Error::Malformed),
        (join(&[&tag, &written(&ed25519, Some(&[1]))]), Error::Malformed),
        (join(&[&tag, &written(&ed25519, None), &[0]]), Error::Malformed),
        (join(&[&tag, &written(&x25519, None)]), Error::InvalidKey),
    ] {
        assert_eq!(read(EAD_SETUP, Some(&value)), Err(expected), "{value:02x?}");
    }
    assert_eq!(read(EAD_DELEGATION, Some(&join(&[&statement, &written(&ed25519, None)]))), Err(Error::Malformed));
    // Two in one message.
    let mut out = [0; 400];
    let mut w = Writer::new(&mut out);
    Ead { label: EAD_SETUP, value: Some(&tag) }.write(&mut w).unwrap();
    Ead { label: EAD_DELEGATION, value: Some(&statement) }.write(&mut w).unwrap();
    assert_eq!(item::find(EadItems::new(w.written())).err(), Some(Error::Malformed));
}

#[test]
fn what_an_owner_is_told_has_one_form() {
    let mut out = [0; MAX_OWNERSHIP_ITEM];
    let mut w = Writer::new(&mut out);
    write_ownership(u32::MAX, &[7; 8], &mut w).unwrap();
    let value = w.written().to_vec();
    assert_eq!(value.len(), MAX_OWNERSHIP_ITEM);
    let read = |value: Option<&[u8]>| read_ownership(&Ead { label: EAD_OWNERSHIP, value });
    assert_eq!(read(Some(&value)), Ok(Some((u32::MAX, [7; 8]))));
    assert_eq!(read(Some(&value[..13])), Err(Error::Malformed));
    assert_eq!(read(Some(&[&value[..], &[0]].concat())), Err(Error::Malformed));
    assert_eq!(read(None), Err(Error::Malformed));
    assert_eq!(read(Some(&[&[0x1b, 0, 0, 0, 1, 0, 0, 0, 0, 0x48][..], &[7; 8]].concat())), Err(Error::Malformed));
    assert_eq!(read_ownership(&Ead { label: 1, value: Some(&value) }), Ok(None));
}

#[test]
fn statements_are_cose_sign1_over_a_payload_that_is_not_sent() {
    for (kind, algorithm) in [(KeyKind::Ed25519, Signature::EdDsa), (KeyKind::Es256, Signature::Es256)] {
        let mut p = provider();
        let private = Secret::from([3; 32]);
        p.keys.insert(KeyHandle(1), kind, private.clone()).unwrap();
        let anchor = public_key(kind, &private).unwrap();
        let (device, about) = (Thumbprint([1; 16]), Thumbprint([2; 16]));
        let ownership = Ownership { epoch: 70_000, nonce: [9; 8], ..Ownership::default().taken(party(1), Some(anchor), [9; 8]) };
        for statement in [Statement::Release, Statement::Delegation] {
            let mut out = [0; STATEMENT];
            let mut w = Writer::new(&mut out);
            sign(&mut p, (KeyHandle(1), algorithm), statement, &device, (70_000, &[9; 8]), &about, &mut w).unwrap();
            assert_eq!(statement.verify(&mut p, &ownership, &device, &about, &out), Ok(()));
            // The generic reader of COSE_Sign1 agrees.
            let label: &[u8] = match statement {
                Statement::Release => b"\x85\x72sealwire-release-1",
                Statement::Delegation => b"\x85\x75sealwire-delegation-1",
            };
            let payload = [label, &[0x50][..], &[1; 16], &[0x1a, 0, 1, 0x11, 0x70, 0x50], &[2; 16], &[0x48], &[9; 8]].concat();
            let parsed = crate::cose::Sign1::parse(&out).unwrap();
            assert_eq!((parsed.payload, parsed.kid()), (None, None));
            assert_eq!(parsed.verify(&mut p, &anchor, &[], Some(&payload)), Ok(()));
            for at in 0..STATEMENT {
                let mut bad = out;
                bad[at] ^= 1;
                assert_eq!(statement.verify(&mut p, &ownership, &device, &about, &bad), Err(Error::WrongStatement), "{at}");
            }
            let other = if statement == Statement::Release { Statement::Delegation } else { Statement::Release };
            for (what, ownership, device, about) in [
                (other, ownership, device, about),
                (statement, Ownership { epoch: 70_001, ..ownership }, device, about),
                (statement, Ownership { nonce: [8; 8], ..ownership }, device, about),
                (statement, Ownership { anchor: None, ..ownership }, device, about),
                (statement, ownership, about, about),
                (statement, ownership, device, device),
            ] {
                assert_eq!(what.verify(&mut p, &ownership, &device, &about, &out), Err(Error::WrongStatement));
            }
            assert_eq!(statement.verify(&mut p, &ownership, &device, &about, &out[..72]), Err(Error::WrongStatement));
            // Anchors that are no key at all, as about every second of these.
            for fill in 0..=255 {
                let ownership = Ownership { anchor: Some(PublicKey { x: [fill; 32], ..anchor }), ..ownership };
                assert_eq!(statement.verify(&mut p, &ownership, &device, &about, &out), Err(Error::WrongStatement), "{fill}");
            }
            let short = &mut [0; STATEMENT - 1];
            let mut w = Writer::new(short);
            let outcome = sign(&mut p, (KeyHandle(1), algorithm), statement, &device, (0, &[9; 8]), &about, &mut w);
            assert_eq!((outcome, w.len()), (Err(Error::BufferTooSmall), 0));
        }
    }
}

// ---- tests/vectors/setup.json, which the second implementation has written from the page

fn file() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/setup.json")).unwrap()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().unwrap()
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    hex(value).try_into().unwrap()
}

#[test]
fn codes_are_those_of_the_second_implementation() {
    let file = file();
    for case in list(&file["codes"], "good") {
        let code = case["code"].as_str().unwrap();
        let read = SetupCode::parse(code).unwrap();
        assert_eq!(
            (read.device.0, *read.secret.expose(), read.model()),
            (array(&case["device"]), array(&case["secret"]), case["model"].as_str().unwrap())
        );
        assert_eq!(printed(&read), code);
    }
    for code in list(&file["codes"], "bad") {
        assert_eq!(SetupCode::parse(code.as_str().unwrap()).err(), Some(Error::Malformed), "{code}");
    }
}

#[test]
fn tags_are_those_of_the_second_implementation() {
    for case in list(&file(), "tags") {
        let hash = |name: &str| crate::crypto::hash(&[&hex(&case[name])]);
        let (secret, th_3) = (Secret::from(array::<16>(&case["secret"])), array(&case["th_3"]));
        let tag = crate::edhoc::setup_tag(&mut provider(), &secret, &th_3, &hash("cred_i"), &hash("cred_r")).unwrap();
        assert_eq!(*tag.expose(), array(&case["tag"]));
        assert_eq!(Party::new(Thumbprint([0; 16]), &hash("cred_i")).unwrap().mark, array(&case["mark"]));
    }
}

#[test]
fn statements_are_those_of_the_second_implementation() {
    for case in list(&file(), "statements") {
        let eddsa = case["alg"] == -8;
        let (kind, algorithm) = if eddsa { (KeyKind::Ed25519, Signature::EdDsa) } else { (KeyKind::Es256, Signature::Es256) };
        let statement = if case["label"] == "sealwire-release-1" { Statement::Release } else { Statement::Delegation };
        let mut p = provider();
        p.keys.insert(KeyHandle(1), kind, Secret::from(array::<32>(&case["private"]))).unwrap();
        let (device, about) = (Thumbprint(array(&case["device"])), Thumbprint(array(&case["about"])));
        let (epoch, nonce) = (u32::try_from(case["epoch"].as_u64().unwrap()).unwrap(), array(&case["nonce"]));
        let mut out = [0; STATEMENT];
        sign(&mut p, (KeyHandle(1), algorithm), statement, &device, (epoch, &nonce), &about, &mut Writer::new(&mut out)).unwrap();
        assert_eq!(out.to_vec(), hex(&case["statement"]));
        let anchor = PublicKey::parse(&hex(&case["anchor"])).unwrap().0;
        let ownership = Ownership { epoch, ..Ownership::default().taken(party(1), Some(anchor), nonce) };
        assert_eq!(statement.verify(&mut p, &ownership, &device, &about, &out), Ok(()));
    }
}

#[test]
fn items_are_those_of_the_second_implementation() {
    for case in list(&file(), "items") {
        let (label, value, ead) = (case["label"].as_i64().unwrap(), hex(&case["value"]), hex(&case["ead"]));
        let mut out = [0; 400];
        let mut w = Writer::new(&mut out);
        Ead { label, value: Some(&value) }.write(&mut w).unwrap();
        assert_eq!(w.written(), ead);
        if label == EAD_OWNERSHIP {
            let (epoch, nonce) = read_ownership(&Ead { label, value: Some(&value) }).unwrap().unwrap();
            let mut out = [0; MAX_OWNERSHIP_ITEM];
            let mut w = Writer::new(&mut out);
            write_ownership(epoch, &nonce, &mut w).unwrap();
            assert_eq!((epoch, w.written()), (70_000, &value[..]));
        } else {
            assert!(item::find(EadItems::new(&ead)).unwrap().is_some());
        }
    }
}

#[test]
fn records_are_those_of_the_second_implementation() {
    for case in list(&file(), "records") {
        let of = |pair: &Value| Party { thumbprint: Thumbprint(array(&pair[0])), mark: array(&pair[1]) };
        let mut delegates = [None; MAX_DELEGATES];
        for (place, pair) in delegates.iter_mut().zip(list(case, "delegates")) {
            *place = Some(of(pair));
        }
        let ownership = Ownership {
            epoch: u32::try_from(case["epoch"].as_u64().unwrap()).unwrap(),
            nonce: array(&case["nonce"]),
            owner: case["owner"].is_array().then(|| of(&case["owner"])),
            anchor: case["anchor"].is_string().then(|| PublicKey::parse(&hex(&case["anchor"])).unwrap().0),
            delegates,
            wiping: case["wiping"].as_bool().unwrap(),
        };
        let mut p = provider();
        assert_eq!(ownership.encode(&mut p).unwrap().to_vec(), hex(&case["record"]), "{}", case["name"]);
        assert_eq!(Ownership::decode(&mut p, &hex(&case["record"])), Ok(ownership));
    }
}
