//! COSE structures.

use crate::provider::{Mixing, Mode};
use crate::{refused, typed};
use sealwire_core::bytes::Writer;
use sealwire_core::cbor::Decoder;
use sealwire_core::cose::{CoseKey, Header, KeyCurve, PublicKey, Sign1, enc_structure_len, write_enc_structure};

/// COSE_Key.
pub fn key(data: &[u8]) -> bool {
    let parsed = match CoseKey::parse(data) {
        Ok(parsed) => parsed,
        Err(error) => return refused(error),
    };
    let mut buffer = vec![0; parsed.key.encoded_len(parsed.kid)];
    let mut w = Writer::new(&mut buffer);
    parsed.key.write(&mut w, parsed.kid).expect("what was parsed can be written");
    let encoded = w.finish();
    assert_eq!(encoded.len(), parsed.key.encoded_len(parsed.kid));
    assert_eq!(PublicKey::parse(encoded), Ok((parsed.key, parsed.kid)));
    assert_eq!(parsed.key.curve == KeyCurve::P256, parsed.key.y.is_some());
    let mut provider = Mixing::new(Mode::Sealed, 1);
    let full = parsed.key.full_thumbprint(&mut provider).expect("a key that was parsed");
    assert!(full.starts_with(parsed.key.thumbprint(&mut provider).expect("the same").as_bytes()));
    true
}

/// COSE_Sign1, and its verification.
pub fn sign1(data: &[u8]) -> bool {
    let parsed = match Sign1::parse(data) {
        Ok(parsed) => parsed,
        Err(error) => return refused(error),
    };
    assert!(parsed.kid().is_none_or(|kid| kid.len() < data.len()));
    assert_eq!(Header::parse_protected(parsed.protected), Ok(parsed.header));
    let detached = if parsed.payload.is_some() { None } else { Some(&b"detached"[..]) };
    for key in [
        PublicKey { curve: KeyCurve::Ed25519, x: [3; 32], y: None },
        PublicKey { curve: KeyCurve::P256, x: [3; 32], y: Some([4; 32]) },
        PublicKey { curve: KeyCurve::X25519, x: [3; 32], y: None },
    ] {
        let sealed = parsed.verify(&mut Mixing::new(Mode::Sealed, 1), &key, b"aad", detached);
        assert!(sealed.is_err(), "a signature of nobody");
        if parsed.verify(&mut Mixing::new(Mode::Clear, 1), &key, b"aad", detached).is_ok() {
            assert_eq!(parsed.header.algorithm, key.curve.signature().map(|algorithm| algorithm.number()));
            assert_eq!(parsed.signature.len(), 64);
        }
    }
    true
}

/// Header maps, and the Enc_structure over whatever they are.
pub fn header(data: &[u8]) -> bool {
    let parsed = Header::parse_protected(data);
    match parsed {
        Ok(header) => assert!(header.kid.is_none_or(|kid| kid.len() < data.len())),
        Err(error) => typed(error),
    }
    match Header::parse_unprotected(data) {
        // What an unprotected header may say, a protected one may say.
        Ok(header) => assert_eq!(parsed, Ok(header)),
        Err(error) => typed(error),
    }
    let (protected, external) = data.split_at(data.len() / 2);
    let mut buffer = vec![0; enc_structure_len(protected.len(), external.len())];
    let mut w = Writer::new(&mut buffer);
    write_enc_structure(&mut w, protected, external).expect("the length is exact");
    assert_eq!(w.len(), enc_structure_len(protected.len(), external.len()));
    let mut d = Decoder::new(w.written());
    assert_eq!((d.array(), d.text(), d.bytes(), d.bytes()), (Ok(3), Ok("Encrypt0"), Ok(protected), Ok(external)));
    assert_eq!(d.finish(), Ok(()));
    parsed.is_ok()
}
