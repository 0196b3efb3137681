use super::*;
use crate::error::Error;
use std::string::{String, ToString};

/// RFC 9529 §3: credentials, keys and public keys fit each other.
#[test]
#[cfg(feature = "suite-p256-ccm")]
fn rfc_9529_credentials() {
    let mut p = keys();
    for (bytes, subject, kid, private) in [
        (RFC_9529_CRED_I, "42-50-31-FF-EF-37-32-39", b"+", "fb13adeb6518cee5f88417660841142e830a81fe334380a953406a1305e8706b"),
        (RFC_9529_CRED_R, "example.edu", b"2", "72cc4761dbd4c78f758931aa589d348d1ef874a7e303ede2f140dcf3e6aa4aac"),
    ] {
        let bytes = hex(bytes);
        let credential = Credential::parse(&bytes).unwrap();
        assert_eq!(credential.bytes, bytes);
        assert_eq!((credential.kind, credential.subject, credential.kid), (CredentialKind::Ccs, Some(subject), Some(&kid[..])));
        assert_eq!((credential.expires, credential.not_before, credential.signed), (None, None, None));
        let private = Secret::from_slice(&hex(private)).unwrap();
        assert_eq!(crate::crypto::software::public_key(KeyKind::P256, &private), Ok(credential.key));
        assert_eq!(credential.check_suite(Suite::P256Ccm, AuthenticationKey::StaticDh), Ok(()));
        // Our own writer gives the same bytes.
        assert_eq!(ccs(subject, &credential.key, kid), bytes);
        // Nobody signs a CCS, so no anchor verifies it.
        let anchor = TrustAnchor { key: p.keys.public(ISSUER_P256).unwrap(), kid: b"ca", purposes: Purposes::IDENTITY };
        assert_eq!(credential.verify(&mut p, &anchor, None), Err(Error::UntrustedCredential));
    }
}

/// `a0` and so on stand for the key: {1: {1: 1, -1: 4, -2: x}}.
fn with_key(start: &str) -> String {
    start.replace("KEY", &std::format!("a101a301012004215820{}", "07".repeat(32)))
}

#[test]
fn ccs_forms_accepted() {
    for form in [
        // cnf alone; cnf first; another claim, by number and by name; more in cnf.
        "a108KEY",
        "a208KEY0263616263",
        "a302636162630b01 08KEY",
        "a3616101 08KEY 616202",
        "a20a4101 08KEY",
        "a208KEY 3903e7f5",
    ] {
        let bytes = hex(&with_key(form));
        let credential = Credential::parse(&bytes).unwrap();
        assert_eq!(credential.key.x, [7; 32], "{form}");
        assert_eq!(credential.subject.is_some(), form.contains("0263616263"), "{form}");
    }
    let more_in_cnf = std::format!("a108a20363616263 01a301012004215820{}", "07".repeat(32));
    assert!(Credential::parse(&hex(&more_in_cnf)).is_ok());
    let times = hex(&with_key("a6 01 6161 04 1903e8 05 00 06 17 07 4102 08 KEY"));
    let credential = Credential::parse(&times).unwrap();
    #[cfg(feature = "issuers")]
    assert_eq!((credential.issuer, credential.id, credential.issued_at), (Some("a"), Some(&[2][..]), Some(0x17)));
    assert_eq!((credential.expires, credential.not_before), (Some(1000), Some(0)));
}

#[test]
fn ccs_forms_refused() {
    for (form, expected) in [
        // Nothing; no claims; no cnf; cnf without COSE_Key; cnf twice; sub twice; something behind.
        ("", Error::Malformed),
        ("a0", Error::Malformed),
        ("a10263616263", Error::Malformed),
        ("a108a0", Error::Malformed),
        ("a108a103616b", Error::Malformed),
        ("a208KEY08KEY", Error::Malformed),
        ("a3026161026162 08KEY", Error::Malformed),
        ("a108KEY00", Error::Malformed),
        // Wrong types: sub, exp, nbf negative or floating, cti.
        ("a202416108KEY", Error::Malformed),
        ("a2046131 08KEY", Error::Malformed),
        ("a20420 08KEY", Error::Malformed),
        ("a205f94000 08KEY", Error::Malformed),
        ("a204fb41d452d9e20000 00 08KEY", Error::Malformed),
        ("a2076161 08KEY", Error::Malformed),
        // Heads longer than needed, indefinite lengths, tags around.
        ("a1180808KEY", Error::NotDeterministic),
        ("b801 08KEY", Error::NotDeterministic),
        ("bf08KEYff", Error::NotDeterministic),
        ("a202 7f6161ff 08KEY", Error::NotDeterministic),
        ("d83da108KEY", Error::Malformed),
        ("4108", Error::Malformed),
        ("08", Error::Malformed),
    ] {
        assert_eq!(Credential::parse(&hex(&with_key(form))), Err(expected), "{form}");
    }
    let private = std::format!("a108a101a4010120042158 20{}235820{}", "07".repeat(32), "08".repeat(32));
    assert_eq!(Credential::parse(&hex(&private)), Err(Error::Malformed));
    let ed448 = std::format!("a108a101a30101200721583 9{}", "07".repeat(57));
    assert_eq!(Credential::parse(&hex(&ed448)), Err(Error::InvalidKey));
}

/// Cut anywhere, or with any bit turned, nothing panics; and what still parses has not become another credential unseen.
#[test]
#[cfg(feature = "suite-x25519-chacha")]
#[cfg(feature = "issuers")]
fn damaged_credentials() {
    let mut p = keys();
    let key = p.keys.public(HOLDER).unwrap();
    let tokens = [ccs("device-1", &key, b"k"), cwt(&mut p, ISSUER, &Claims { subject: Some("device-1"), ..Claims::new(key) })];
    for bytes in tokens {
        let whole = Credential::parse(&bytes).unwrap();
        for end in 0..bytes.len() {
            assert_eq!(Credential::parse(&bytes[..end]).map(drop), Err(Error::Malformed));
        }
        for bit in 0..8 * bytes.len() {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(credential) = Credential::parse(&damaged) {
                assert_ne!(credential, whole);
            }
        }
    }
}

#[test]
fn suites_and_keys() {
    for (curve, kty) in [(4, 1), (6, 1)] {
        // None, ECDH-SS with HKDF-256, EdDSA, ES256, a text: whether the key may agree, and whether it may sign.
        for (algorithm, agrees, signs) in
            [("", true, true), ("03381b", true, false), ("0327", false, true), ("0326", false, false), ("0361 61", false, false)]
        {
            let members = if algorithm.is_empty() { 3 } else { 4 };
            let encoding = std::format!("a108a101a{members}010{kty}{algorithm}200{curve}215820{}", "07".repeat(32));
            let bytes = hex(&encoding);
            let credential = Credential::parse(&bytes).unwrap();
            for suite in Suite::ALL {
                let expected = agrees && Some(suite.curve()) == credential.key.curve.agreement();
                assert_eq!(credential.check_suite(*suite, AuthenticationKey::StaticDh).is_ok(), expected, "{encoding} {suite:?}");
                let expected = signs && Some(suite.signature()) == credential.key.curve.signature();
                assert_eq!(credential.check_suite(*suite, AuthenticationKey::Signature).is_ok(), expected, "{encoding} {suite:?}");
            }
        }
    }
}

#[test]
#[cfg(feature = "suite-x25519-chacha")]
fn the_default_rule_for_inboxes() {
    let p = keys();
    let key = p.keys.public(HOLDER).unwrap();
    let mut party = Party { provider: p, credentials: StaticCredentials::default() };
    let (named, nameless) = (ccs("pump-7", &key, b"k"), hex(&with_key("a108KEY")));
    for (bytes, inbox, expected) in [
        (&named, None, true),
        (&named, Some("pump-7"), true),
        (&named, Some("pump-8"), false),
        (&nameless, None, true),
        (&nameless, Some("pump-7"), false),
    ] {
        let credential = Credential::parse(bytes).unwrap();
        let inbox = inbox.map(|name: &str| name.to_string());
        let peer = Peer {
            thumbprint: Thumbprint::default(),
            credential: &credential,
            inbox: inbox.as_ref().map(|name| name.as_bytes()),
            role: Role::Responder,
        };
        assert_eq!(party.authorize(&peer), expected);
    }
}

#[test]
fn purposes() {
    let both = Purposes::IDENTITY.and(Purposes::UPDATE);
    assert!(both.contain(Purposes::IDENTITY) && both.contain(Purposes::UPDATE) && both.contain(both));
    assert!(!both.contain(Purposes::ROLE) && !Purposes::IDENTITY.contain(both) && !Purposes::default().contain(Purposes::IDENTITY));
    let all = [Purposes::IDENTITY, Purposes::ROLE, Purposes::MANIFEST, Purposes::UPDATE, Purposes::BULLETIN];
    assert_eq!(all.iter().fold(0, |sum, one| sum + one.0), 31);
}
