//! Setup and ownership.

use super::written;
use crate::party::newcomers;
use crate::provider::{Key, Mixing, Mode};
use sealwire_core::bytes::Secret;
use sealwire_core::cbor;
use sealwire_core::cose::Thumbprint;
use sealwire_core::crypto::{AuthenticationKey, KeyHandle, Signature};
use sealwire_core::setup::{EAD_DELEGATION, EAD_OWNERSHIP, EAD_RELEASE, EAD_SETUP, SetupCode, Statement, sign};

/// Texts of labels, sound and not.
pub(super) fn codes() -> Vec<Vec<u8>> {
    let sound = |model: &str| {
        let code = SetupCode::new(Thumbprint([0x5a; 16]), Secret::from([0xc3; 16]), model).expect("a sound model");
        written(|w| code.write(w).expect("it fits"))
    };
    let mut all: Vec<_> = ["", "SENSOR-1", "A/B.C-0123456789ABCDEFGH"].map(sound).into();
    all.push([&sound("A")[..], b"a"].concat());
    all.push(sound("A").to_ascii_lowercase());
    // Printed from the input: thumbprint, secret and model.
    all.push([&[1; 32][..], b"MODEL"].concat());
    all
}

/// EAD_3 of every claim, and EAD_4 to an owner.
pub(super) fn items() -> Vec<Vec<u8>> {
    let anchor = written(|w| newcomers()[0].signing_key.write(w, None).expect("it fits"));
    let tag = [&[0x58, 32][..], &[7; 32]].concat();
    let statement = [&[0x84, 0x43, 0xa1, 0x01, 0x27, 0xa0, 0xf6, 0x58, 0x40][..], &[7; 64]].concat();
    let item = |label: i64, parts: &[&[u8]]| {
        let value = parts.concat();
        written(|w| {
            cbor::write_int(w, label).expect("it fits");
            cbor::write_bytes(w, &value).expect("it fits");
        })
    };
    let told = [&[0x1a, 0, 1, 0x11, 0x70, 0x48][..], &[9; 8]].concat();
    let mut all = vec![
        item(EAD_SETUP, &[&tag]),
        item(EAD_SETUP, &[&tag, &anchor]),
        item(EAD_RELEASE, &[&statement]),
        item(EAD_RELEASE, &[&statement, &anchor]),
        item(EAD_DELEGATION, &[&statement]),
        item(EAD_OWNERSHIP, &[&told]),
    ];
    all.push([&all[1][..], &all[5]].concat());
    all.push([&all[0][..], &all[4]].concat());
    all.push([&[0x00, 0x41, 0x00][..], &all[3]].concat());
    all
}

/// Bodies of records: of nobody, of an owner with each kind of anchor, with delegates, being wiped.
pub(super) fn records() -> Vec<Vec<u8>> {
    let body = |flags: u8, curve: u8, parties: &[usize]| {
        let mut body = vec![0; 207];
        body[..2].copy_from_slice(&[1, flags]);
        body[5] = 3;
        body[6..14].fill(9);
        for at in parties {
            body[*at..at + 32].fill(*at as u8);
        }
        body[46] = curve;
        if curve != 0 {
            body[47..79].copy_from_slice(&newcomers()[0].signing_key.x);
        }
        body
    };
    let owner = 14;
    vec![
        body(0, 0, &[]),
        body(2, 0, &[]),
        body(1, 0, &[owner]),
        body(1, 6, &[owner]),
        body(3, 6, &[owner, 111]),
        body(1, 6, &[owner, 111, 143, 175]),
        body(1, 1, &[owner]),
        body(1, 6, &[]),
    ]
}

/// A statement as its owner signs it, behind the choice of what it says and when.
pub(super) fn statement(choice: u8, when: u8) -> Vec<u8> {
    const KEY: KeyHandle = KeyHandle(1);
    let mode = if choice & 1 == 1 { Mode::Clear } else { Mode::Sealed };
    let [owner, other, _] = newcomers();
    let mut provider = Mixing::new(mode, 1);
    provider.keys.push(Key { handle: KEY, public: owner.signing_key.x.to_vec() });
    let kind = if choice & 2 == 0 { Statement::Release } else { Statement::Delegation };
    let (epoch, nonce) = (u32::from(when) << (choice >> 4), [when; 8]);
    let about = other.thumbprint(AuthenticationKey::StaticDh);
    let device = Thumbprint([0xde; 16]);
    let signed = written(|w| sign(&mut provider, (KEY, Signature::EdDsa), kind, &device, (epoch, &nonce), &about, w).expect("a sound key"));
    [&[choice, 0, when, when][..], &signed].concat()
}

/// Moves of those who come to a device that can be owned.
pub(super) fn moves() -> Vec<Vec<u8>> {
    let settings = [(0, 0), (1, 0), (2, 0), (0, 0b01_10_11), (0, 0b11_11_11), (1, 0b11_00_11)];
    // Whose credential signs names no anchor.
    let all =
        settings.iter().flat_map(|(setup, methods)| stories(u8::from(*methods != 0)).map(|body| [&[*setup, *methods][..], &body].concat()));
    all.collect()
}

/// `no_anchor`: 1 for claims without an anchor.
fn stories(no_anchor: u8) -> [Vec<u8>; 18] {
    let claim = |who: u8, how: u8, choice: u8| vec![(who | how << 2) << 3, choice | no_anchor];
    let [label, wrong, shows, known] = [0, 1, 2, 3_u8];
    let button = |what: u8, who: u8, time: &[u8]| [&[4 | (who | what << 2) << 3][..], time].concat();
    let press = button(0, 0, &[60]);
    let (reset, revoke) = (button(2, 0, &[]), |who| button(3, who, &[]));
    let signs = |who: u8, delegation: u8, choice: u8| vec![6 | (who | delegation << 2) << 3, choice];
    let wait = |seconds: u8| vec![3 | 10 << 3, 0, seconds];
    let fails = |torn: u8, saves: u8| vec![5 | torn << 3, saves];
    let restart = vec![5 | 6 << 3];
    let talk = |who: u8| vec![7 | (who | 4 << 2) << 3];
    let join = |parts: &[&[u8]]| parts.concat();
    let owned = join(&[&press, &claim(0, label, 0), &talk(0)]);
    let sold = join(&[&owned, &signs(0, 0, 1), &claim(1, shows, 0), &talk(1)]);
    let lent = join(&[&owned, &signs(0, 1, 1), &claim(1, shows, 0), &talk(1)]);
    [
        join(&[&claim(0, label, 0), &press, &wait(2), &[2]]),
        owned.clone(),
        join(&[&owned, &claim(2, label, 0), &claim(2, known, 0), &restart, &claim(0, known, 0)]),
        join(&[&press, &claim(2, wrong, 9), &claim(0, label, 0), &claim(2, wrong, 8), &wait(4), &[2]]),
        sold.clone(),
        join(&[&sold, &claim(0, known, 0), &signs(0, 0, 0), &claim(0, shows, 2), &claim(1, shows, 0)]),
        lent.clone(),
        join(&[&lent, &restart, &claim(1, known, 0), &revoke(1), &claim(1, known, 0), &claim(1, shows, 0)]),
        join(&[&owned, &reset, &claim(0, known, 0), &press, &claim(1, label, 0), &claim(0, shows, 0)]),
        join(&[&press, &fails(0, 0), &claim(0, label, 0), &restart, &fails(0, 0xff), &press, &claim(0, label, 0)]),
        join(&[&press, &fails(1, 0), &claim(2, label, 0), &fails(1, 0xff), &claim(0, label, 0), &restart]),
        join(&[&owned, &signs(0, 0, 1), &fails(0, 1), &claim(1, shows, 0), &restart, &fails(0, 0xff), &wait(2), &[2]]),
        join(&[&lent, &fails(0, 1), &reset, &restart, &fails(0, 0xff), &restart]),
        join(&[&lent, &fails(1, 1), &revoke(1), &fails(1, 0xff), &claim(1, known, 0), &restart, &talk(1)]),
        join(&[&owned, &[5 | 5 << 3, 2, 4, 0xff, 0xff, 0xff, 0xfe], &claim(0, known, 0), &reset, &reset]),
        join(&[&owned, &[5 | 5 << 3, 0xff, 0], &claim(0, known, 0), &reset, &press, &claim(1, label, 0)]),
        // What others have to say is under way, and comes changed, twice, or from elsewhere.
        join(&[&press, &claim(0, 4 | label, 0), &claim(2, 4 | known, 0), &[1 | 4 << 3, 0, 0xff, 0, 1 | 4 << 3, 1, 9, 1], &[2]]),
        join(&[&owned, &claim(1, 4 | shows, 0), &[1, 0, 0xff, 0], &[7 | 1 << 3, 3, 1, 2, 3], &[7 | 5 << 3, 0], &[7 | 9 << 3, 0], &[2]]),
    ]
}
