use super::*;
use crate::cose::{Sign1, sign1};
use crate::error::Error;

fn anchor(p: &SoftwareProvider<impl FnMut(&mut [u8]) -> Result<()>, 8>, key: KeyHandle, purposes: Purposes) -> TrustAnchor<'static> {
    TrustAnchor { key: p.keys.public(key).unwrap(), kid: b"ca", purposes }
}

#[test]
#[cfg(all(feature = "suite-x25519-chacha", feature = "suite-p256-ccm"))]
fn issued_and_verified() {
    let mut p = keys();
    for issuer in [ISSUER, ISSUER_P256] {
        for holder in [HOLDER, HOLDER_P256] {
            let claims = Claims {
                issuer: Some("factory"),
                subject: Some("pump-7"),
                expires: Some(2_000_000_000),
                not_before: Some(1_700_000_000),
                issued_at: Some(1_700_000_000),
                id: Some(&[1, 2, 3]),
                kid: Some(b"7"),
                ..Claims::new(p.keys.public(holder).unwrap())
            };
            let token = cwt(&mut p, issuer, &claims);
            let credential = Credential::parse(&token).unwrap();
            assert_eq!(credential.kind, CredentialKind::Cwt);
            assert_eq!((credential.key, credential.kid, credential.issuer_kid), (claims.key, claims.kid, Some(&b"ca"[..])));
            assert_eq!((credential.issuer, credential.subject, credential.id), (claims.issuer, claims.subject, claims.id));
            assert_eq!(
                (credential.expires, credential.not_before, credential.issued_at),
                (claims.expires, claims.not_before, claims.issued_at)
            );
            let anchor = anchor(&p, issuer, Purposes::IDENTITY);
            for now in [None, Some(1_700_000_000), Some(1_999_999_999)] {
                credential.verify(&mut p, &anchor, now).unwrap();
            }
            for now in [1_699_999_999, 2_000_000_000, 0, u64::MAX] {
                assert_eq!(credential.verify(&mut p, &anchor, Some(now)), Err(Error::ExpiredCredential));
            }
        }
    }
}

/// The whole token; the signature was made by Python's `cryptography` over the bytes written by hand from RFC 9052.
#[test]
#[cfg(feature = "suite-x25519-chacha")]
fn issued_bytes() {
    let mut p = keys();
    let key = p.keys.public(HOLDER).unwrap();
    let token = cwt(&mut p, ISSUER, &Claims { subject: Some("pump-7"), expires: Some(1000), ..Claims::new(key) });
    let mut expected = hex("8443a10127a10442636158 38 a302 66 70756d702d37 04 1903e8 08 a101 a301012004215820");
    expected.extend_from_slice(&key.x);
    expected.extend_from_slice(&hex(
        "5840898f8c2ad6a4f7020aed82bd978f2b54377b9f48801465af269b029ef5e6f6ad5bf27f07e9db7fdea39d596ea4bc696641af9dff1fe30bd51ffd7d7bc0d16602",
    ));
    assert_eq!(token, expected);
}

/// A token made by Python's `cryptography` with a random ES256 signature, its claims not sorted; the thumbprint by `hashlib`.
#[test]
#[cfg(feature = "suite-p256-ccm")]
fn issued_elsewhere() {
    let mut p = keys();
    let token =
        hex("8443a10126a1044263615857a208a101a401022001215820d65a93977caa3d1b081852ff57a79e465f1660577304baead505dd3a48589cf322582050185e
         895372df6221ea3a137557e473fddb6755f05bd507c3c533fce9c91285026670756d702d385840db8569fc378106a446dc2333c7502ffce53605ea7130db39
         fddbac4b206937ca2e56d32f248a443388f3f62bb4099a895ef0dca7147f4a3a89d90472dd1e4c54");
    let credential = Credential::parse(&token).unwrap();
    let anchor = anchor(&p, ISSUER_P256, Purposes::IDENTITY);
    credential.verify(&mut p, &anchor, Some(0)).unwrap();
    assert_eq!((credential.subject, Ok(credential.key)), (Some("pump-8"), p.keys.public(HOLDER_P256)));
    assert_eq!(credential.key.thumbprint(&mut p).map(|thumbprint| thumbprint.0.to_vec()), Ok(hex("399922a6cc2b62df33d92f26405aceeb")));
}

#[test]
#[cfg(feature = "suite-x25519-chacha")]
fn anchors_that_do_not_count() {
    let mut p = keys();
    let key = p.keys.public(HOLDER).unwrap();
    let token = cwt(&mut p, ISSUER, &Claims::new(key));
    let credential = Credential::parse(&token).unwrap();
    let good = anchor(&p, ISSUER, Purposes::IDENTITY.and(Purposes::ROLE));
    credential.verify(&mut p, &good, None).unwrap();
    // Every other purpose; another key under the same kid; the right key under another kid.
    for purposes in [Purposes::default(), Purposes::ROLE, Purposes::MANIFEST, Purposes::UPDATE, Purposes::BULLETIN, Purposes(0x1e)] {
        assert_eq!(credential.verify(&mut p, &TrustAnchor { purposes, ..good }, None), Err(Error::UntrustedCredential));
    }
    let other = anchor(&p, OTHER_ISSUER, Purposes::IDENTITY);
    assert_eq!(credential.verify(&mut p, &other, None), Err(Error::UntrustedCredential));
    assert_eq!(credential.verify(&mut p, &TrustAnchor { kid: b"cb", ..good }, None), Err(Error::UntrustedCredential));
    // A key that does not sign.
    let dh = anchor(&p, HOLDER, Purposes::IDENTITY);
    assert_eq!(credential.verify(&mut p, &dh, None), Err(Error::UntrustedCredential));
}

/// A token without a kid may be from any anchor.
#[test]
#[cfg(feature = "suite-x25519-chacha")]
fn without_an_issuer_kid() {
    let mut p = keys();
    let claims = Claims::new(p.keys.public(HOLDER).unwrap());
    let (mut scratch, mut buffer) = ([0; 200], [0; 300]);
    let mut w = Writer::new(&mut buffer);
    issue_cwt(&mut p, &Issuer { key: ISSUER, algorithm: Signature::EdDsa, kid: None }, &claims, &mut scratch, &mut w).unwrap();
    let credential = Credential::parse(w.written()).unwrap();
    let good = anchor(&p, ISSUER, Purposes::IDENTITY);
    credential.verify(&mut p, &TrustAnchor { kid: b"whatever", ..good }, None).unwrap();
}

/// Every bit of a token that is turned makes it refused, but for those of the issuer's kid, which select only.
#[test]
#[cfg(feature = "suite-x25519-chacha")]
fn tampered_tokens() {
    let mut p = keys();
    let key = p.keys.public(HOLDER).unwrap();
    let token = cwt(&mut p, ISSUER, &Claims { subject: Some("a"), expires: Some(1000), ..Claims::new(key) });
    let good = anchor(&p, ISSUER, Purposes::IDENTITY);
    for bit in (0..8 * token.len()).step_by(3) {
        let mut damaged = token.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Ok(credential) = Credential::parse(&damaged) {
            // As if the anchor went by the damaged kid.
            let anchor = TrustAnchor { kid: credential.issuer_kid.unwrap_or_default(), ..good };
            let result = credential.verify(&mut p, &anchor, None);
            let in_kid = (8..10).contains(&(bit / 8));
            assert_eq!(result, if in_kid { Ok(()) } else { Err(Error::UntrustedCredential) }, "{bit}");
        }
    }
}

/// Signed all right, but not in the form that the protocol has.
#[test]
#[cfg(feature = "suite-x25519-chacha")]
fn other_forms_of_tokens() {
    let mut p = keys();
    let key = p.keys.public(HOLDER).unwrap();
    let payload = ccs("a", &key, b"k");
    let mut signed = |protected: &str, unprotected: &str, payload: &[u8], place: Option<&[u8]>| {
        let protected = hex(protected);
        let mut signature = [0; 64];
        crate::cose::signature1(&protected, &[], payload, |message| p.sign(ISSUER, Signature::EdDsa, message, &mut signature)).unwrap();
        let mut out = hex("84");
        let mut buffer = [0; 400];
        let mut w = Writer::new(&mut buffer);
        crate::cbor::write_bytes(&mut w, &protected).unwrap();
        w.put(&hex(unprotected)).unwrap();
        match place {
            Some(payload) => crate::cbor::write_bytes(&mut w, payload).unwrap(),
            None => crate::cbor::write_null(&mut w).unwrap(),
        }
        crate::cbor::write_bytes(&mut w, &signature).unwrap();
        out.extend_from_slice(w.written());
        out
    };
    let good = signed("a10127", "a104426361", &payload, Some(&payload));
    let no_claims = hex("a10263616263");
    let bad = [
        // alg missing, unprotected, of another algorithm (refused by the anchor's key only); content type beside it; kid protected.
        signed("a0", "a104426361", &payload, Some(&payload)),
        signed("", "a2012704426361", &payload, Some(&payload)),
        signed("a20127031 83d".replace(' ', "").as_str(), "a0", &payload, Some(&payload)),
        signed("a2012704426361", "a0", &payload, Some(&payload)),
        signed("a10127", "a204426361182101", &payload, Some(&payload)),
        // Detached claims; claims that are none; a claims map inside a byte string.
        signed("a10127", "a104426361", &payload, None),
        signed("a10127", "a104426361", &no_claims, Some(&no_claims)),
        signed("a10127", "a104426361", &[], Some(&[])),
    ];
    let anchor = TrustAnchor { key: p.keys.public(ISSUER).unwrap(), kid: b"ca", purposes: Purposes::IDENTITY };
    Credential::parse(&good).unwrap().verify(&mut p, &anchor, None).unwrap();
    for (position, token) in bad.iter().enumerate() {
        assert_eq!(Credential::parse(token).map(drop), Err(Error::Malformed), "{position}");
    }
    // The tagged form is another sequence of bytes, and no CRED_x.
    let tagged = [&hex("d2")[..], &good].concat();
    assert_eq!(Credential::parse(&tagged).map(drop), Err(Error::Malformed));
}

/// alg −7 under an Ed25519 anchor, and the reverse.
#[test]
#[cfg(all(feature = "suite-x25519-chacha", feature = "suite-p256-ccm"))]
fn algorithms_are_not_confused() {
    let mut p = keys();
    let claims = Claims::new(p.keys.public(HOLDER).unwrap());
    for (issuer, other) in [(ISSUER, ISSUER_P256), (ISSUER_P256, ISSUER)] {
        let token = cwt(&mut p, issuer, &claims);
        let wrong = anchor(&p, other, Purposes::IDENTITY);
        assert_eq!(Credential::parse(&token).unwrap().verify(&mut p, &wrong, None), Err(Error::UntrustedCredential));
    }
}

#[test]
#[cfg(feature = "suite-x25519-chacha")]
fn issuing_refused() {
    let mut p = keys();
    let key = p.keys.public(HOLDER).unwrap();
    let claims = Claims::new(key);
    let issuer = Issuer { key: ISSUER, algorithm: Signature::EdDsa, kid: Some(b"ca") };
    let (mut scratch, mut out) = ([0; 300], [0; 300]);
    let needed = cwt(&mut p, ISSUER, &claims).len();
    for room in 0..needed {
        let result = issue_cwt(&mut p, &issuer, &claims, &mut scratch, &mut Writer::new(&mut out[..room]));
        assert_eq!(result, Err(Error::BufferTooSmall));
    }
    let mut w = Writer::new(&mut out);
    assert_eq!(issue_cwt(&mut p, &issuer, &claims, &mut scratch[..40], &mut w), Err(Error::BufferTooSmall));
    let never = Claims { not_before: Some(5), expires: Some(5), ..claims };
    assert_eq!(issue_cwt(&mut p, &issuer, &never, &mut scratch, &mut w), Err(Error::InvalidArgument));
    let wrong_key = Issuer { key: HOLDER, ..issuer };
    assert_eq!(issue_cwt(&mut p, &wrong_key, &claims, &mut scratch, &mut w), Err(Error::UnknownKey));
    let no_y = Claims::new(PublicKey { curve: KeyCurve::P256, x: [1; 32], y: None });
    assert_eq!(issue_cwt(&mut p, &issuer, &no_y, &mut scratch, &mut w), Err(Error::InvalidKey));
    assert!(w.is_empty());
}

/// A provider that answers later is asked again, and nothing has been written meanwhile.
#[test]
#[cfg(feature = "suite-x25519-chacha")]
fn a_signature_that_comes_later() {
    struct Later<P>(P, bool);

    impl<P: Provider> Provider for Later<P> {
        fn random(&mut self, out: &mut [u8]) -> Result<()> {
            self.0.random(out)
        }

        fn agree(&mut self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
            self.0.agree(key, curve, peer, shared)
        }

        fn sign(&mut self, key: KeyHandle, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
            if core::mem::replace(&mut self.1, true) { self.0.sign(key, algorithm, message, signature) } else { Err(Error::Pending) }
        }
    }

    let mut p = Later(keys(), false);
    let mut buffer = [0; 100];
    let mut w = Writer::new(&mut buffer);
    assert_eq!(sign1(&mut p, ISSUER, Signature::EdDsa, None, &[], b"x", &mut w), Err(Error::Pending));
    assert!(w.is_empty());
    sign1(&mut p, ISSUER, Signature::EdDsa, None, &[], b"x", &mut w).unwrap();
    let key = p.0.keys.public(ISSUER).unwrap();
    Sign1::parse(w.written()).unwrap().verify(&mut p, &key, &[], None).unwrap();
}
