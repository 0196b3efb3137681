use crate::cose_rules::{self, Errors, get};
use crate::item::{Item, hex};
use crate::loose::{Loose, damage};
use crate::party::{Party, public};
use crate::random::Seeded;
use ciborium::Value;
use coset::cwt::{ClaimsSet, ClaimsSetBuilder, Timestamp};
use coset::{
    AsCborValue as _, CborOrdering, CborSerializable as _, CoseEncrypt0Builder, CoseKeyBuilder, CoseSign1, CoseSign1Builder, HeaderBuilder,
    Label, iana,
};
use sealwire_core::bytes::Writer;
use sealwire_core::cose::{CoseKey, PublicKey, Sign1, enc_structure_len, sign1, write_enc_structure};
use sealwire_core::credential::{Claims, Credential, Issuer, Purposes, TrustAnchor, issue_cwt};
use sealwire_core::crypto::software::KeyKind;
use sealwire_core::crypto::{Aead, KeyHandle, Provider as _, Signature};
use sealwire_core::error::Error;

const DAMAGED: usize = 30_000;

fn written(write: impl FnOnce(&mut Writer<'_>) -> Result<(), Error>) -> Vec<u8> {
    let mut buffer = [0; 2000];
    let mut w = Writer::new(&mut buffer);
    write(&mut w).unwrap();
    w.written().to_vec()
}

fn parameter(key: &coset::CoseKey, label: i64) -> Option<&Value> {
    key.params.iter().find(|(found, _)| *found == Label::Int(label)).map(|(_, value)| value)
}

/// The two have read the same.
fn assert_same_key(ours: &CoseKey<'_>, theirs: &coset::CoseKey, what: &str) {
    let PublicKey { curve, x, y } = ours.key;
    assert_eq!(theirs.kty.clone().to_cbor_value().unwrap(), Value::from(curve.key_type()), "{what}");
    assert_eq!(parameter(theirs, -1), Some(&Value::from(curve.number())), "{what}");
    assert_eq!(parameter(theirs, -2), Some(&Value::Bytes(x.to_vec())), "{what}");
    match parameter(theirs, -3) {
        Some(Value::Bool(odd)) => assert_eq!(y.map(|y| y[31] & 1 == 1), Some(*odd), "{what}"),
        whole => assert_eq!(whole, y.map(|y| Value::Bytes(y.to_vec())).as_ref(), "{what}"),
    }
    assert_eq!(theirs.key_id, ours.kid.unwrap_or_default(), "{what}");
}

#[test]
fn keys() {
    let mut random = Seeded::new(5);
    for _ in 0..1000 {
        let key = public(&mut random);
        let kid = random.one_in(2).then(|| {
            let length = 1 + random.below(12);
            random.bytes(length)
        });
        let ours = written(|w| key.write(w, kid.as_deref()));
        let mut theirs = coset::CoseKey::from_slice(&ours).unwrap();
        assert_same_key(&CoseKey { key, kid: kid.as_deref(), algorithm: None }, &theirs, &hex(&ours));
        theirs.canonicalize(CborOrdering::Lexicographic);
        assert_eq!(theirs.clone().to_vec().unwrap(), ours);

        // Theirs, with more members, in any order.
        theirs.alg = random.one_in(2).then_some(coset::Algorithm::Assigned(iana::Algorithm::ES256));
        theirs.key_ops.extend(random.one_in(2).then_some(coset::KeyOperation::Assigned(iana::KeyOperation::Verify)));
        theirs.params.extend(random.one_in(2).then(|| (Label::Text("made".into()), Value::from(2026))));
        random.shuffle(&mut theirs.params);
        let bytes = theirs.clone().to_vec().unwrap();
        let parsed = CoseKey::parse(&bytes).unwrap();
        assert_eq!((parsed.key, parsed.kid), (key, kid.as_deref()));
        assert_eq!(parsed.algorithm, theirs.alg.is_some().then_some(-7));
        // A compressed y.
        if let Some(y) = key.y {
            let compressed = CoseKeyBuilder::new_ec2_pub_key_y_sign(iana::EllipticCurve::P_256, key.x.to_vec(), y[31] & 1 == 1).build();
            assert_eq!(CoseKey::parse(&compressed.to_vec().unwrap()).unwrap().key, key);
        }
    }
}

/// A key as an item, its members changed now and then.
fn key_item(random: &mut Seeded) -> Item {
    let key = public(random);
    let number = |number: i64| if number < 0 { Item::Nint(!number as u64) } else { Item::Uint(number as u64) };
    let mut members = vec![
        (number(1), number(key.curve.key_type())),
        (number(-1), number(key.curve.number())),
        (number(-2), Item::Bytes(key.x.to_vec())),
    ];
    members.extend(key.y.map(|y| (number(-3), if random.one_in(3) { Item::Bool(y[31] & 1 == 1) } else { Item::Bytes(y.to_vec()) })));
    if random.one_in(2) {
        members.push((number(2), Item::Bytes(random.bytes(3))));
    }
    if random.one_in(4) {
        members.push((number(3), number(random.pick(&[-7, -8, -25, 0, 5000, -70_000, i64::MIN]))));
    }
    if random.one_in(2) {
        let at = random.below(members.len());
        match random.below(9) {
            0 => drop(members.remove(at)),
            1 => members[at].1 = Item::random(random, 1),
            2 => members.push((Item::random(random, 1), Item::random(random, 1))),
            3 => members.push((number(-4), Item::Bytes(random.bytes(32)))),
            4 => members[1].1 = number(random.pick(&[1, 2, 4, 5, 6, 7])),
            5 => members[0].1 = number(random.pick(&[0, 1, 2, 3, 4])),
            6 => {
                let length = random.pick(&[0, 31, 33, 64]);
                members[2].1 = Item::Bytes(random.bytes(length))
            }
            // At and above the field's order: X25519's numbers are little-endian, those of P-256 big-endian.
            7 => {
                let mut high = vec![0xff; 32];
                high[0] = random.pick(&[0xec, 0xed, 0xee, 0xff]);
                high[31] = random.pick(&[0x7f, 0xff]);
                members[2].1 = Item::Bytes(high);
            }
            _ => members.push((Item::Text("made".into()), Item::Null)),
        }
    }
    random.shuffle(&mut members);
    Item::Map(members)
}

/// Encoded with a liberty now and then, and seldom damaged.
fn encoded(item: &Item, random: &mut Seeded) -> Vec<u8> {
    let mut bytes = Vec::new();
    let rarity = random.pick(&[40, 10_000, 10_000]);
    Loose { random, rarity }.write(item, &mut bytes);
    if random.one_in(10) {
        damage(random, &mut bytes);
    }
    bytes
}

/// What coset judges and the core passes over: an alg that is not registered, empty strings, key_ops, Base IV, labels beyond 64 bits.
fn only_coset_judges(map: &[(Value, Value)]) -> bool {
    let unregistered = |value: &Value| coset::Algorithm::from_cbor_value(value.clone()).is_err();
    let wide = |label: &Value| label.as_integer().is_some_and(|number| i64::try_from(number).is_err());
    get(map, 3).is_some_and(unregistered)
        || get(map, 1).is_some_and(unregistered)
        || [2, 4].iter().any(|label| get(map, *label).is_some_and(|kid| kid.as_bytes().is_some_and(Vec::is_empty)))
        || map.iter().any(|(label, _)| wide(label) || [4, 5].map(Value::from).contains(label))
}

/// The core refuses exactly where a rule says so, and with an error that a rule calls for. Gives whether it accepted.
fn assert_by_rule(error: Option<Error>, errors: &Errors, what: &str) -> bool {
    match error {
        None => assert!(errors.is_empty(), "accepted against {errors:?}: {what}"),
        Some(error) => assert!(errors.contains(&error.number()), "{error} but {errors:?}: {what}"),
    }
    error.is_none()
}

#[test]
fn damaged_keys() {
    let mut random = Seeded::new(6);
    let (mut accepted, mut refused, mut alone) = (0, 0, 0);
    for _ in 0..DAMAGED {
        let bytes = encoded(&key_item(&mut random), &mut random);
        if cose_rules::bignum(&bytes) {
            continue;
        }
        let (ours, theirs) = (CoseKey::parse(&bytes), coset::CoseKey::from_slice(&bytes));
        let what = format!("{}: {ours:?}, {theirs:?}", hex(&bytes));
        let mut errors = Errors::new();
        let value = cose_rules::value(&bytes, &mut errors);
        let map = value.as_ref().and_then(Value::as_map);
        match map {
            Some(map) => cose_rules::key(map, &mut errors),
            None => drop(errors.insert(cose_rules::MALFORMED)),
        }
        if assert_by_rule(ours.as_ref().err().copied(), &errors, &what) {
            accepted += 1;
            match theirs {
                Ok(theirs) => assert_same_key(&ours.unwrap(), &theirs, &what),
                Err(_) => assert!(only_coset_judges(map.unwrap()), "{what}"),
            }
        } else {
            refused += 1;
            alone += usize::from(theirs.is_ok());
        }
    }
    println!("{DAMAGED} keys: {accepted} accepted, {refused} refused, {alone} of them by the core alone");
    assert!(accepted > DAMAGED / 10 && alone > DAMAGED / 20);
}

fn parties(random: &mut Seeded) -> [Party; 2] {
    [KeyKind::Ed25519, KeyKind::Es256].map(|kind| Party::random(kind, random))
}

fn registered(party: &Party) -> iana::Algorithm {
    if party.algorithm() == Signature::EdDsa { iana::Algorithm::EdDSA } else { iana::Algorithm::ES256 }
}

#[test]
fn signatures() {
    let mut random = Seeded::new(7);
    for round in 0..60 {
        let parties = parties(&mut random);
        let (party, other) = (&parties[round % 2], &parties[1 - round % 2]);
        let mut p = party.provider();
        let length = random.pick(&[0, 1, 23, 24, 255, 256, 700]);
        let (payload, aad) = (random.bytes(length), {
            let length = random.pick(&[0, 8, 300]);
            random.bytes(length)
        });
        let kid = random.one_in(2).then(|| random.bytes(4));

        let ours = written(|w| sign1(&mut p, KeyHandle(0), party.algorithm(), kid.as_deref(), &aad, &payload, w));
        let theirs = CoseSign1::from_slice(&ours).unwrap();
        assert_eq!(theirs.protected.header.alg, Some(coset::Algorithm::Assigned(registered(party))));
        assert_eq!((&theirs.unprotected.key_id, &theirs.payload), (&kid.clone().unwrap_or_default(), &Some(payload.clone())));
        let verified = |aad: &[u8]| theirs.verify_signature(aad, |signature, message| party.verify(message, signature).ok_or(()));
        assert_eq!((verified(&aad), verified(b"other")), (Ok(()), Err(())));

        // Theirs: kid in either header, other parameters, the payload inside or not.
        let mut protected = HeaderBuilder::new().algorithm(registered(party));
        let mut unprotected = HeaderBuilder::new();
        if let Some(kid) = &kid {
            if random.one_in(2) { protected = protected.key_id(kid.clone()) } else { unprotected = unprotected.key_id(kid.clone()) }
        }
        if random.one_in(2) {
            protected = protected.content_type("application/cbor".into());
        }
        let detached = random.one_in(2);
        let builder = CoseSign1Builder::new().protected(protected.build()).unprotected(unprotected.build());
        let made = if detached {
            builder.create_detached_signature(&payload, &aad, |message| party.sign(message)).build()
        } else {
            builder.payload(payload.clone()).create_signature(&aad, |message| party.sign(message)).build()
        };
        let bytes = made.to_vec().unwrap();
        let parsed = Sign1::parse(&bytes).unwrap();
        assert_eq!(parsed.kid(), kid.as_deref());
        assert_eq!(parsed.payload, (!detached).then_some(&payload[..]));
        let outside = detached.then_some(&payload[..]);
        parsed.verify(&mut p, &party.public, &aad, outside).unwrap();
        // Another key, external_aad or payload; the payload missing, or twice.
        let stranger = Party::random(party.kind, &mut random).public;
        let refuses = |key: &PublicKey, aad: &[u8], outside: Option<&[u8]>| parsed.verify(&mut party.provider(), key, aad, outside).err();
        for key in [&other.public, &stranger] {
            assert_eq!(refuses(key, &aad, outside), Some(Error::AuthenticationFailed));
        }
        assert_eq!(refuses(&party.public, b"other", outside), Some(Error::AuthenticationFailed));
        let wrong = if detached { Error::AuthenticationFailed } else { Error::InvalidArgument };
        assert_eq!(refuses(&party.public, &aad, Some(b"other")), Some(wrong));
        let moved = if detached { None } else { Some(&payload[..]) };
        assert_eq!(refuses(&party.public, &aad, moved), Some(Error::InvalidArgument));
    }
}

/// A COSE_Sign1 as an item, its headers and its shape changed now and then.
fn sign1_item(random: &mut Seeded) -> Item {
    let number = |number: i64| if number < 0 { Item::Nint(!number as u64) } else { Item::Uint(number as u64) };
    let mut headers = [vec![(number(1), number(random.pick(&[-7, -8])))], Vec::new()];
    for _ in 0..random.below(4) {
        let header = &mut headers[random.below(2)];
        header.push(match random.below(8) {
            0 | 1 => (number(4), Item::Bytes(random.bytes(2))),
            2 => (number(4), Item::random(random, 1)),
            3 => (number(1), number(random.pick(&[-7, 0, 5000, i64::MAX]))),
            4 => (number(2), Item::Array((0..random.below(3)).map(|_| number(random.pick(&[1, 1, 4, 4, 3, -1]))).collect())),
            5 => (number(2), Item::random(random, 1)),
            6 => (Item::Text("made".into()), Item::random(random, 1)),
            _ => (Item::random(random, 1), Item::random(random, 1)),
        });
    }
    let [protected, unprotected] = headers;
    let mut content = encoded(&Item::Map(protected), random);
    if random.one_in(20) {
        content.clear();
    }
    let payload = if random.one_in(3) { Item::Null } else { Item::Bytes(random.bytes(5)) };
    let mut parts = vec![Item::Bytes(content), Item::Map(unprotected), payload, Item::Bytes(random.bytes(64))];
    if random.one_in(10) {
        let at = random.below(parts.len());
        match random.below(3) {
            0 => drop(parts.remove(at)),
            1 => parts.push(Item::Null),
            _ => parts[at] = Item::random(random, 1),
        }
    }
    if random.one_in(30) { Item::Tag(18, Box::new(Item::Array(parts))) } else { Item::Array(parts) }
}

#[test]
fn damaged_signatures() {
    let mut random = Seeded::new(8);
    let (mut accepted, mut refused, mut alone) = (0, 0, 0);
    for _ in 0..DAMAGED {
        let bytes = encoded(&sign1_item(&mut random), &mut random);
        let (ours, theirs) = (Sign1::parse(&bytes), CoseSign1::from_slice(&bytes));
        let what = format!("{}: {ours:?}, {theirs:?}", hex(&bytes));
        let mut errors = Errors::new();
        let value = cose_rules::value(&bytes, &mut errors);
        let protected = value.as_ref().and_then(|value| cose_rules::sign1(value, &mut errors));
        let content = value.as_ref().and_then(Value::as_array).and_then(|parts| parts.first()).and_then(Value::as_bytes);
        if cose_rules::bignum(&bytes) || content.is_some_and(|content| cose_rules::bignum(content)) {
            continue;
        }
        // The core reads part by part, so that damage further on may be found late: any error of CBOR may come before.
        if value.is_none() {
            errors.extend([cose_rules::MALFORMED, Error::NotDeterministic.number()]);
        }
        if assert_by_rule(ours.as_ref().err().copied(), &errors, &what) {
            accepted += 1;
            let ours = ours.unwrap();
            match theirs {
                Ok(theirs) => {
                    assert_eq!((&theirs.payload, &theirs.signature[..]), (&ours.payload.map(<[u8]>::to_vec), ours.signature), "{what}");
                    assert_eq!(theirs.protected.original_data.as_deref(), Some(ours.protected), "{what}");
                    for (theirs, ours) in [(&theirs.protected.header, ours.header), (&theirs.unprotected, ours.unprotected)] {
                        let algorithm = theirs.alg.clone().map(|number| number.to_cbor_value().unwrap());
                        assert_eq!(algorithm, ours.algorithm.map(Value::from), "{what}");
                        assert_eq!(theirs.key_id, ours.kid.unwrap_or_default(), "{what}");
                    }
                }
                // Other parameters are coset's to judge; the core passes them over, and says that they are there.
                Err(_) => {
                    let unprotected = value.as_ref().unwrap().as_array().unwrap()[1].as_map().unwrap();
                    let others = ours.header.others || ours.unprotected.others;
                    assert!(others || only_coset_judges(&protected.unwrap()) || only_coset_judges(unprotected), "{what}");
                }
            }
        } else {
            refused += 1;
            alone += usize::from(theirs.is_ok());
        }
    }
    println!("{DAMAGED} signatures: {accepted} accepted, {refused} refused, {alone} of them by the core alone");
    assert!(accepted > DAMAGED / 5 && alone > DAMAGED / 40);
}

#[test]
fn encryption() {
    let mut random = Seeded::new(9);
    let mut p = Party::random(KeyKind::Ed25519, &mut random).provider();
    for round in 0..200 {
        let algorithm = random.pick(&[Aead::AesCcm16_64_128, Aead::AesCcm16_128_128, Aead::ChaCha20Poly1305]);
        let length = random.pick(&[0, 1, 23, 24, 32, 255, 256, 300]);
        let (plain, aad) = (random.bytes(round), random.bytes(length));
        let (key, nonce) = (random.bytes(algorithm.key_len()), random.bytes(algorithm.nonce_len()));
        // coset writes the Enc_structure and the message, the core encrypts; then the core writes it and decrypts.
        let header =
            HeaderBuilder::new().algorithm_label(coset::Algorithm::Assigned(iana::EnumI64::from_i64(algorithm.number()).unwrap())).build();
        let protected = header.clone().to_vec().unwrap();
        let message = CoseEncrypt0Builder::new().protected(header).create_ciphertext(&plain, &aad, |plain, enc_structure| {
            let (mut buffer, mut tag) = (plain.to_vec(), vec![0; algorithm.tag_len()]);
            p.seal(algorithm, &key, &nonce, enc_structure, &mut buffer, &mut tag).unwrap();
            [buffer, tag].concat()
        });
        let sealed = message.build().ciphertext.unwrap();
        let enc_structure = written(|w| write_enc_structure(w, &protected, &aad));
        assert_eq!(enc_structure.len(), enc_structure_len(protected.len(), aad.len()));
        let (mut buffer, tag) = (sealed[..plain.len()].to_vec(), &sealed[plain.len()..]);
        p.open(algorithm, &key, &nonce, &enc_structure, &mut buffer, tag).unwrap();
        assert_eq!(buffer, plain);
        // As EDHOC has it, without a protected header.
        let none = coset::enc_structure_data(coset::EncryptionContext::CoseEncrypt0, coset::ProtectedHeader::default(), &aad);
        assert_eq!(written(|w| write_enc_structure(w, &[], &aad)), none);
    }
}

fn seconds(time: Option<u64>) -> Option<Timestamp> {
    time.map(|seconds| Timestamp::WholeSeconds(seconds as i64))
}

#[test]
fn tokens() {
    let mut random = Seeded::new(10);
    for round in 0..100 {
        let parties = parties(&mut random);
        let issuer = &parties[round % 2];
        let (mut p, key) = (issuer.provider(), public(&mut random));
        let kid = random.bytes(2);
        let claims = Claims {
            issuer: random.one_in(2).then_some("factory"),
            subject: random.one_in(2).then_some("pump-7"),
            expires: random.one_in(2).then_some(2_000_000_000),
            not_before: random.one_in(2).then_some(1_700_000_000),
            issued_at: random.one_in(2).then_some(1_700_000_000),
            id: random.one_in(2).then_some(&[1, 2, 3]),
            key,
            kid: random.one_in(2).then_some(&kid),
        };
        let signer = Issuer { key: KeyHandle(0), algorithm: issuer.algorithm(), kid: Some(b"ca") };
        let ours = written(|w| issue_cwt(&mut p, &signer, &claims, &mut [0; 1000], w));
        let token = CoseSign1::from_slice(&ours).unwrap();
        token.verify_signature(b"", |signature, message| issuer.verify(message, signature).ok_or(())).unwrap();
        let theirs = ClaimsSet::from_slice(token.payload.as_ref().unwrap()).unwrap();
        assert_eq!((theirs.issuer.as_deref(), theirs.subject.as_deref()), (claims.issuer, claims.subject));
        assert_eq!(theirs.expiration_time, seconds(claims.expires));
        assert_eq!((theirs.not_before, theirs.issued_at), (seconds(claims.not_before), seconds(claims.issued_at)));
        assert_eq!(theirs.cwt_id.as_deref(), claims.id);

        // Theirs: the key last or first, another claim, an issuer's kid.
        let cose_key = written(|w| key.write(w, claims.kid));
        let confirmation = Value::Map(vec![(Value::from(1), ciborium::from_reader(&cose_key[..]).unwrap())]);
        let mut made = ClaimsSetBuilder::new();
        if random.one_in(2) {
            made = made.text_claim("made".into(), Value::from(2026));
        }
        made = made.claim(iana::CwtClaimName::Cnf, confirmation).expiration_time(Timestamp::WholeSeconds(2_000_000_000));
        made = made.subject("pump-7".into()).audience("hub".into());
        let header = HeaderBuilder::new().algorithm(registered(issuer)).build();
        let payload = made.build().to_vec().unwrap();
        let token = CoseSign1Builder::new().protected(header).unprotected(HeaderBuilder::new().key_id(b"ca".to_vec()).build());
        let bytes = token.payload(payload).create_signature(b"", |message| issuer.sign(message)).build().to_vec().unwrap();
        let credential = Credential::parse(&bytes).unwrap();
        assert_eq!((credential.key, credential.kid, credential.subject), (key, claims.kid, Some("pump-7")));
        assert_eq!((credential.expires, credential.issuer_kid), (Some(2_000_000_000), Some(&b"ca"[..])));
        let anchor = TrustAnchor { key: issuer.public, kid: b"ca", purposes: Purposes::IDENTITY };
        assert_eq!(credential.verify(&mut p, &anchor, Some(1_999_999_999)), Ok(()));
        assert_eq!(credential.verify(&mut p, &anchor, Some(2_000_000_000)), Err(Error::ExpiredCredential));
        let stranger = TrustAnchor { key: Party::random(issuer.kind, &mut random).public, ..anchor };
        assert_eq!(credential.verify(&mut p, &stranger, None), Err(Error::UntrustedCredential));
    }
}

#[test]
fn damaged_claims() {
    let mut random = Seeded::new(11);
    let (mut accepted, mut refused, mut alone) = (0, 0, 0);
    for _ in 0..DAMAGED {
        let number = Item::Uint;
        let key = key_item(&mut random);
        let mut confirmation = vec![(number(1), key)];
        if random.one_in(20) {
            confirmation.push((Item::random(&mut random, 1), Item::Null));
        }
        let mut claims = vec![(number(8), Item::Map(confirmation))];
        for _ in 0..random.below(4) {
            claims.push(match random.below(8) {
                0 => (number(1), Item::Text("factory".into())),
                1 => (number(2), Item::Text("pump-7".into())),
                2 | 3 => (number(random.pick(&[4, 5, 6])), number(1_700_000_000)),
                4 => (number(7), Item::Bytes(random.bytes(3))),
                5 => (number(random.next() % 9), Item::random(&mut random, 1)),
                6 => (Item::Text("made".into()), Item::random(&mut random, 1)),
                _ => (Item::random(&mut random, 1), Item::Null),
            });
        }
        random.shuffle(&mut claims);
        let bytes = encoded(&Item::Map(claims), &mut random);
        if cose_rules::bignum(&bytes) {
            continue;
        }
        let (ours, theirs) = (Credential::parse(&bytes), ClaimsSet::from_slice(&bytes));
        let what = format!("{}: {ours:?}, {theirs:?}", hex(&bytes));
        let mut errors = Errors::new();
        let value = cose_rules::value(&bytes, &mut errors);
        match value.as_ref().and_then(Value::as_map) {
            Some(map) => cose_rules::claims(map, &mut errors),
            // Not a map: whatever else begins like a credential.
            None => errors.extend([cose_rules::MALFORMED, Error::NotDeterministic.number()]),
        }
        if assert_by_rule(ours.as_ref().err().copied(), &errors, &what) {
            accepted += 1;
            // coset judges aud, and takes registered names and no times above 63 bits.
            let Ok(theirs) = theirs else { continue };
            let ours = ours.unwrap();
            assert_eq!((theirs.issuer.as_deref(), theirs.subject.as_deref()), (ours.issuer, ours.subject), "{what}");
            assert_eq!(theirs.expiration_time, seconds(ours.expires), "{what}");
            assert_eq!((theirs.not_before, theirs.issued_at), (seconds(ours.not_before), seconds(ours.issued_at)), "{what}");
            assert_eq!(theirs.cwt_id.as_deref(), ours.id, "{what}");
        } else {
            refused += 1;
            alone += usize::from(theirs.is_ok());
        }
    }
    println!("{DAMAGED} claims sets: {accepted} accepted, {refused} refused, {alone} of them by the core alone");
    assert!(accepted > DAMAGED / 10 && alone > DAMAGED / 20);
}
