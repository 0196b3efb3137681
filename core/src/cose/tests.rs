#![cfg_attr(not(all(feature = "suite-x25519-chacha", feature = "suite-p256-ccm", feature = "issuers")), allow(unused))]

use super::*;
use crate::bytes::Writer;
use crate::cbor::Decoder;
use crate::crypto::software::KeyKind;
use crate::crypto::tests::{hex, hex_array, provider};
use crate::crypto::{Aead, KeyHandle, Provider, Signature};
use crate::error::Error;
use std::string::String;
use std::vec::Vec;

const X: &str = "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d";
const Y: &str = "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c";

/// RFC 9679 §6; its COSE_Key is not in deterministic order.
#[test]
#[cfg(feature = "suite-p256-ccm")]
fn rfc_9679_example() {
    let expected = "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec";
    let bytes = hex(&std::format!("a50102200121582 0{X}225820{Y}025820{expected}"));
    let (key, kid) = PublicKey::parse(&bytes).unwrap();
    let mut p = provider(&[]);
    assert_eq!(key.full_thumbprint(&mut p), Ok(hex_array(expected)));
    assert_eq!(key.thumbprint(&mut p), Ok(Thumbprint(hex_array(&expected[..32]))));
    assert_eq!(kid, Some(&hex(expected)[..]));
}

/// Computed with Python's hashlib over the map written by hand.
#[test]
fn okp_thumbprint() {
    let key = PublicKey { curve: KeyCurve::X25519, x: [7; 32], y: None };
    let mut p = provider(&[]);
    let input = [&hex("a301012004215820")[..], &[7; 32]].concat();
    assert_eq!(key.full_thumbprint(&mut p), Ok(p.hash(&[&input])));
    assert_eq!(key.thumbprint(&mut p), Ok(Thumbprint(hex_array("0cc71e7c77c47f3152315abd1dfd2f46"))));
}

#[test]
#[cfg(feature = "suite-p256-ccm")]
fn compressed_y() {
    // Y is even.
    let (key, _) = PublicKey::parse(&hex(&std::format!("a40102200121582 0{X}22f4"))).unwrap();
    assert_eq!(key.y, Some(hex_array(Y)));
    let (other, _) = PublicKey::parse(&hex(&std::format!("a40102200121582 0{X}22f5"))).unwrap();
    assert_ne!(other.y, key.y);
    let mut p = provider(&[]);
    assert_ne!(other.thumbprint(&mut p), key.thumbprint(&mut p));
}

#[test]
fn keys_there_and_back() {
    let mut keys =
        std::vec![PublicKey { curve: KeyCurve::X25519, x: [7; 32], y: None }, PublicKey { curve: KeyCurve::Ed25519, x: [8; 32], y: None },];
    if cfg!(feature = "suite-p256-ccm") {
        keys.push(PublicKey { curve: KeyCurve::P256, x: hex_array(X), y: Some(hex_array(Y)) });
    }
    for key in keys {
        for kid in [None, Some(&b""[..]), Some(b"+"), Some(&[9; 30])] {
            let mut buffer = [0; 150];
            let mut w = Writer::new(&mut buffer);
            key.write(&mut w, kid).unwrap();
            assert_eq!(w.len(), key.encoded_len(kid));
            assert_eq!(PublicKey::parse(w.written()), Ok((key, kid)));
            // Ours is deterministic.
            assert_eq!(Decoder::new(w.written()).item(), Ok(w.written()));
            let needed = w.len();
            assert_eq!(key.write(&mut Writer::new(&mut [0; 150][..needed - 1]), kid), Err(Error::BufferTooSmall));
        }
    }
}

#[test]
fn keys_refused() {
    let x = "0707070707070707070707070707070707070707070707070707070707070707";
    for (encoding, expected) in [
        (std::format!("a3010120042158 1f{}", &x[2..]), Error::InvalidKey),
        (std::format!("a30101200421582 0{x}00"), Error::Malformed),
        (std::format!("a30101200421581 f{x}"), Error::Malformed),
        // kty, crv or x missing; y where there is none; curve and type that do not belong together; curves that we do not have.
        (std::format!("a2200421582 0{x}"), Error::Malformed),
        (std::format!("a2010121582 0{x}"), Error::Malformed),
        ("a201012004".into(), Error::Malformed),
        (std::format!("a40101200421582 0{x}225820{x}"), Error::InvalidKey),
        (std::format!("a30102200421582 0{x}"), Error::InvalidKey),
        (std::format!("a30101200121582 0{x}"), Error::InvalidKey),
        (std::format!("a30101200521582 0{x}"), Error::InvalidKey),
        (std::format!("a30101206121215820{x}"), Error::InvalidKey),
        // Symmetric.
        (std::format!("a2010420582 0{x}"), Error::Malformed),
        // A private key.
        (std::format!("a40101200421582 0{x}235820{x}"), Error::Malformed),
        // Twice the same label; longer heads; indefinite length; not a map.
        (std::format!("a4010101012004215820{x}"), Error::Malformed),
        (std::format!("a3180101200421582 0{x}"), Error::NotDeterministic),
        (std::format!("bf0101200421582 0{x}ff"), Error::NotDeterministic),
        (std::format!("a30101200421590020{x}"), Error::NotDeterministic),
        (std::format!("5820{x}"), Error::Malformed),
        // A label that is neither number nor text.
        (std::format!("a40101200421582 0{x}40f6"), Error::Malformed),
        (std::format!("a40101200421582 0{x}f5f6"), Error::Malformed),
        // 2^255 − 19 and 2^255: other names for 0.
        (std::format!("a301012004215820ed{}7f", "ff".repeat(30)), Error::InvalidKey),
        (std::format!("a301012004215820{}80", "00".repeat(31)), Error::InvalidKey),
    ] {
        assert_eq!(PublicKey::parse(&hex(&encoding)), Err(expected), "{encoding}");
    }
    let largest = std::format!("a301012004215820ec{}7f", "ff".repeat(30));
    assert!(PublicKey::parse(&hex(&largest)).is_ok());
    // Unknown labels, integers or text, are passed over; alg is given out.
    let more = hex(&std::format!("a60101033818200421582 0{x}392710f5616101"));
    let parsed = CoseKey::parse(&more).unwrap();
    assert_eq!((parsed.key.x, parsed.algorithm, parsed.kid), ([7; 32], Some(-25), None));
}

#[test]
#[cfg(feature = "suite-p256-ccm")]
fn p256_points_are_checked() {
    let other_y = Y.replace("1e52", "1e53");
    for (encoding, expected) in [
        (std::format!("a40102200121582 0{X}225820{other_y}"), Error::InvalidKey),
        (std::format!("a30102200121582 0{X}"), Error::Malformed),
        (std::format!("a40102200121582 0{X}2200"), Error::Malformed),
        (std::format!("a40102200121582 0{}225820{Y}", "00".repeat(31) + "01"), Error::InvalidKey),
        (std::format!("a40102200121582 0{}22f5", "ff".repeat(32)), Error::InvalidKey),
    ] {
        assert_eq!(PublicKey::parse(&hex(&encoding)), Err(expected), "{encoding}");
    }
    let no_y = PublicKey { curve: KeyCurve::P256, x: hex_array(X), y: None };
    assert_eq!(no_y.thumbprint(&mut provider(&[])), Err(Error::InvalidKey));
}

/// Takes the tag 18 of a COSE_Sign1 off.
fn untagged(encoding: &str) -> Vec<u8> {
    let bytes = hex(encoding);
    let mut d = Decoder::new(&bytes);
    assert_eq!(d.tag(), Ok(18));
    d.rest().to_vec()
}

/// Key "11" of cose-wg/Examples.
#[cfg(feature = "suite-p256-ccm")]
fn example_key() -> PublicKey {
    PublicKey {
        curve: KeyCurve::P256,
        x: hex_array("bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff"),
        y: Some(hex_array("20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e")),
    }
}

const ED25519_EXAMPLE: &str =
    "d28445a201270300a10442313154546869732069732074686520636f6e74656e742e58407142fd2ff96d56db85bee905a76ba1d0b7321a95
    c8c4d3607c5781932b7afb8711497dfa751bf40b58b3bcc32300b1487f3db34085eef013bf08f4a44d6fef0d";

/// cose-wg/Examples eddsa-examples/eddsa-sig-01.json, ecdsa-examples/ecdsa-sig-01.json, sign1-tests/sign-pass-02.json and -03.json,
/// CWT/A_3.json.
#[test]
#[cfg(all(feature = "suite-x25519-chacha", feature = "suite-p256-ccm"))]
#[cfg(feature = "issuers")]
fn examples_verify() {
    let ed25519 =
        PublicKey { curve: KeyCurve::Ed25519, x: hex_array("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"), y: None };
    let mut p = provider(&[]);
    for (key, encoding, external) in [
        (ed25519, ED25519_EXAMPLE, ""),
        (
            example_key(),
            "d28445a201260300a10442313154546869732069732074686520636f6e74656e742e5840eae868ecc176883766c5dc5ba5b8dca25dab3c2e56a551ce
             5705b793914348e172727f48461fabbba2e343492ddecac3983686250bc68e9f1a7a07d41225b59f",
            "",
        ),
        (
            example_key(),
            "d28443a10126a10442313154546869732069732074686520636f6e74656e742e5840eae868ecc176883766c5dc5ba5b8dca25dab3c2e56a551ce5705
             b793914348e155388b10c4f1b59a6733eab416870a945111a4b2fbdbef33a77234b1deff2f9b",
            "11aa22bb33cc44dd55006699",
        ),
        (
            example_key(),
            "d28443a10126a10442313154546869732069732074686520636f6e74656e742e5840eae868ecc176883766c5dc5ba5b8dca25dab3c2e56a551ce5705
             b793914348e19f43d6c6ba654472da301b645b293c9ba939295b97c4bdb847782bff384c5794",
            "",
        ),
    ] {
        let bytes = untagged(encoding);
        let signed = Sign1::parse(&bytes).unwrap();
        assert_eq!((signed.kid(), signed.payload), (Some(&b"11"[..]), Some(&b"This is the content."[..])));
        signed.verify(&mut p, &key, &hex(external), None).unwrap();
        // Another external_aad, payload, signature; another key; a payload from outside although there is one inside.
        assert_eq!(signed.verify(&mut p, &key, b"other", None), Err(Error::AuthenticationFailed));
        assert_eq!(signed.verify(&mut p, &key, &hex(external), Some(b"")), Err(Error::InvalidArgument));
        assert_eq!(
            Sign1 { payload: Some(b"This is the content!"), ..signed }.verify(&mut p, &key, &hex(external), None),
            Err(Error::AuthenticationFailed)
        );
        assert_eq!(Sign1 { protected: &hex("a10126a0")[..3], ..signed }.verify(&mut p, &key, b"x", None), Err(Error::AuthenticationFailed));
        let wrong = if key == ed25519 { example_key() } else { ed25519 };
        assert_eq!(signed.verify(&mut p, &wrong, &hex(external), None), Err(Error::AuthenticationFailed));
        // The same with the payload detached.
        let detached = Sign1 { payload: None, ..signed };
        detached.verify(&mut p, &key, &hex(external), Some(b"This is the content.")).unwrap();
        assert_eq!(detached.verify(&mut p, &key, &hex(external), None), Err(Error::InvalidArgument));
        // Every bit of the whole structure counts, but those of the unprotected kid. A step prime to 8 meets every byte and each place in
        // a byte.
        for bit in (0..8 * bytes.len()).step_by(7) {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let result = Sign1::parse(&damaged).and_then(|signed| signed.verify(&mut p, &key, &hex(external), None));
            let unprotected = bytes.windows(5).position(|part| part == [0xa1, 4, 0x42, b'1', b'1']).unwrap();
            assert!(result.is_err() || (unprotected..unprotected + 5).contains(&(bit / 8)), "{bit}");
        }
    }
}

/// RFC 8392 A.3, a CWT signed with ES256, and A.2.3, whose COSE_Key holds the private key too.
#[test]
#[cfg(feature = "suite-p256-ccm")]
#[cfg(feature = "issuers")]
fn rfc_8392_example() {
    let whole =
        "72358206c1382765aec5358f117733d281c1c7bdc39884d04a45a1e6c67c858bc206c1922582060f7f1a780d8a783bfb7a2dd6b2796e8128dbbcef9d3d1
        68db9529971a36e7b9215820143329cce7868e416927599cf65a34f3ce2ffda55a7eca69ed8919a394d42f0f2001010202524173796d6d65747269634543445341
        3235360326";
    assert_eq!(CoseKey::parse(&hex(&(String::from("a") + whole))), Err(Error::Malformed));
    // Without its first member, d.
    let (_, public) = whole.split_once("bc206c19").unwrap();
    let public = hex(&(String::from("a6") + public));
    let parsed = CoseKey::parse(&public).unwrap();
    assert_eq!((parsed.kid, parsed.algorithm), (Some(&b"AsymmetricECDSA256"[..]), Some(-7)));

    let bytes = untagged(
        "d28443a10126a104524173796d6d657472696345434453413235365850a70175636f61703a2f2f61732e6578616d706c652e636f6d02656572696b77037818636f
         61703a2f2f6c696768742e6578616d706c652e636f6d041a5612aeb0051a5610d9f0061a5610d9f007420b7158405427c1ff28d23fbad1f29c4c7c6a555e601d6f
         a29f9179bc3d7438bacaca5acd08c8d4d4f96131680c429a01f85951ecee743a52b9b63632c57209120e1c9e30",
    );
    let signed = Sign1::parse(&bytes).unwrap();
    assert_eq!(signed.kid(), parsed.kid);
    signed.verify(&mut provider(&[]), &parsed.key, &[], None).unwrap();
}

/// cose-wg/Examples sign1-tests: sign-pass-01 has its alg unprotected, which is refused here; 02, 03, 06 and 07 of sign-fail.
#[test]
#[cfg(feature = "suite-p256-ccm")]
#[cfg(feature = "issuers")]
fn examples_refused() {
    let mut p = provider(&[]);
    for encoding in [
        "d28441a0a201260442313154546869732069732074686520636f6e74656e742e5840eae868ecc176883766c5dc5ba5b8dca25dab3c2e56a551ce5705b793914348
         e11a02e5f0344bf2d4ee5c7fd75a68a9f5e0b3cc1f1fc1409c189566586ff9d610",
        "d28443a10126a10442313154546869732069732074686520636f6e74656e742f5840eae868ecc176883766c5dc5ba5b8dca25dab3c2e56a551ce5705b793914348
         e19f43d6c6ba654472da301b645b293c9ba939295b97c4bdb847782bff384c5794",
        "d28445a1013903e6a10442313154546869732069732074686520636f6e74656e742e5840eae868ecc176883766c5dc5ba5b8dca25dab3c2e56a551ce5705b79391
         4348e19f43d6c6ba654472da301b645b293c9ba939295b97c4bdb847782bff384c5794",
        "d28445a201260300a10442313154546869732069732074686520636f6e74656e742e5840eae868ecc176883766c5dc5ba5b8dca25dab3c2e56a551ce5705b79391
         4348e19f43d6c6ba654472da301b645b293c9ba939295b97c4bdb847782bff384c5794",
        "d28443a10126a10442313154546869732069732074686520636f6e74656e742e5840eae868ecc176883766c5dc5ba5b8dca25dab3c2e56a551ce5705b793914348
         e172727f48461fabbba2e343492ddecac3983686250bc68e9f1a7a07d41225b59f",
    ] {
        let bytes = untagged(encoding);
        let result = Sign1::parse(&bytes).unwrap().verify(&mut p, &example_key(), &[], None);
        assert_eq!(result, Err(Error::AuthenticationFailed), "{encoding}");
    }
}

#[test]
#[cfg(feature = "issuers")]
fn sign1_refused() {
    let tail = std::format!("4101{}{}", "5840", "00".repeat(64));
    for (start, expected) in [
        // Tagged; too few; alg in both headers; kid in both; kid that is no byte string.
        ("d28443a10127a0", Error::Malformed),
        ("8343a10127a0", Error::Malformed),
        ("8443a10127a10127", Error::Malformed),
        ("8447a201270442313 1a104423131", Error::Malformed),
        ("8443a10127a10401", Error::Malformed),
        // crit: empty, unknown, in the unprotected header.
        ("8445a2012702 80a0", Error::Malformed),
        ("8446a20127028103a0", Error::Malformed),
        ("8443a10127a102810 4", Error::Malformed),
        ("8443a10127a202810404423131", Error::Malformed),
        // crit that lists what is not there, or not protected.
        ("8446a20127028104a0", Error::Malformed),
        ("8446a20127028104a104423131", Error::Malformed),
        ("8444a1028101a0", Error::Malformed),
        // A label that is neither number nor text.
        ("8445a2012740f6a0", Error::Malformed),
        ("8443a10127a181 01f6", Error::Malformed),
        ("8443a10127a1f5f6", Error::Malformed),
        // Duplicate label; longer head; rubbish behind the protected map; protected header that is a map itself.
        ("8445a201270127a0", Error::Malformed),
        ("8444a1180127a0", Error::NotDeterministic),
        ("8444a10127a0a0", Error::Malformed),
        ("84a10127a0", Error::Malformed),
    ] {
        let bytes = hex(&(String::from(start) + &tail));
        assert_eq!(Sign1::parse(&bytes), Err(expected), "{start}");
    }
    // An empty protected header may be nothing at all or an empty map; kid may be protected; crit may list what is known.
    for start in ["8440a0", "8441a0a0", "8447a20127044 23131a0", "844aa3012702810404423131a0", "8443a10127a1 0702", "8443a10127a161 6102"] {
        let bytes = hex(&(String::from(start) + &tail));
        assert!(Sign1::parse(&bytes).is_ok(), "{start}");
    }
    let bytes = hex(&(String::from("8443a10127a0") + &tail + "00"));
    assert_eq!(Sign1::parse(&bytes), Err(Error::Malformed));
}

/// Ed25519 is deterministic, so the published example comes out again to the bit when its header is signed; ours has no content type.
#[test]
#[cfg(feature = "suite-x25519-chacha")]
#[cfg(feature = "issuers")]
fn signing_ed25519() {
    let mut p = provider(&[(KeyKind::Ed25519, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")]);
    let bytes = untagged(ED25519_EXAMPLE);
    let example = Sign1::parse(&bytes).unwrap();
    let mut signature = [0; 64];
    signature1(example.protected, &[], b"This is the content.", |message| {
        // ToBeSign_hex of the example.
        assert_eq!(message.concat(), hex("846a5369676e61747572653145a2012703004054546869732069732074686520636f6e74656e742e"));
        p.sign(KeyHandle(0), Signature::EdDsa, message, &mut signature)
    })
    .unwrap();
    assert_eq!(signature, example.signature);

    let mut buffer = [0; 200];
    let mut w = Writer::new(&mut buffer);
    sign1(&mut p, KeyHandle(0), Signature::EdDsa, Some(b"11"), b"aad", b"This is the content.", &mut w).unwrap();
    let made = w.finish();
    assert!(made.starts_with(&hex("8443a10127a10442313154546869732069732074686520636f6e74656e742e5840")));
    let key = p.keys.public(KeyHandle(0)).unwrap();
    Sign1::parse(made).unwrap().verify(&mut p, &key, b"aad", None).unwrap();
    // No key, wrong key: nothing written.
    for (handle, algorithm) in [(1, Signature::EdDsa), (0, Signature::Es256)] {
        let mut buffer = [0; 200];
        let mut w = Writer::new(&mut buffer);
        assert_eq!(sign1(&mut p, KeyHandle(handle), algorithm, None, &[], &[], &mut w), Err(Error::UnknownKey));
        assert!(w.is_empty());
    }
}

/// Signs with RFC 6979, so the result is the same every time; verified by the example key's public part.
#[test]
#[cfg(feature = "suite-p256-ccm")]
#[cfg(feature = "issuers")]
fn signing_es256() {
    let mut p = provider(&[(KeyKind::Es256, "57c92077664146e876760c9520d054aa93c3afb04e306705db6090308507b4d3")]);
    assert_eq!(p.keys.public(KeyHandle(0)), Ok(example_key()));
    let mut buffer = [0; 400];
    let mut w = Writer::new(&mut buffer);
    let payload = [0x55; 300];
    sign1(&mut p, KeyHandle(0), Signature::Es256, None, &[], &payload, &mut w).unwrap();
    let signed = Sign1::parse(w.written()).unwrap();
    signed.verify(&mut p, &example_key(), &[], None).unwrap();
    assert_eq!((signed.kid(), signed.payload), (None, Some(&payload[..])));
}

/// cose-wg/Examples aes-ccm-examples/aes-ccm-enc-01.json, with its intermediate AAD.
#[test]
#[cfg(feature = "suite-p256-ccm")]
fn encrypt0_example() {
    let protected = hex("a1010a");
    let mut aad = [0; 100];
    let mut w = Writer::new(&mut aad);
    write_enc_structure(&mut w, &protected, &[]).unwrap();
    assert_eq!(w.written(), hex("8368456e63727970743043a1010a40"));
    assert_eq!(w.len(), enc_structure_len(protected.len(), 0));

    let sealed = hex("6899da0a132bd2d2b9b10915743ee1f7b92a4680e7c51bdbc1b320ea");
    let (mut buffer, tag) = (sealed[..20].to_vec(), &sealed[20..]);
    let (key, nonce) = (hex("849b57219dae48de646d07dbb533566e"), hex("89f52f65a1c580933b5261a72f"));
    provider(&[]).open(Aead::AesCcm16_64_128, &key, &nonce, w.written(), &mut buffer, tag).unwrap();
    assert_eq!(buffer, b"This is the content.");
}

/// The form that EDHOC uses: protected header empty, external_aad a transcript hash (RFC 8613 C.4 has the former).
#[test]
fn enc_structure() {
    let mut aad = [0; 400];
    let mut w = Writer::new(&mut aad);
    write_enc_structure(&mut w, &[], &hex("8501810a40411440")).unwrap();
    assert_eq!(w.written(), hex("8368456e63727970743040488501810a40411440"));
    for (protected, external) in [(0, 0), (0, 32), (3, 23), (3, 24), (0, 255), (0, 256)] {
        let mut w = Writer::new(&mut aad);
        write_enc_structure(&mut w, &[1; 300][..protected], &[2; 300][..external]).unwrap();
        assert_eq!(w.len(), enc_structure_len(protected, external));
    }
}
