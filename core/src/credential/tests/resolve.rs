use super::*;
use crate::error::Error;

#[cfg(feature = "suite-x25519-chacha")]
const SUITE: Suite = Suite::X25519ChaCha;

/// Resolves all candidates; gives their subjects and how it ended.
fn all<P: Provider>(party: &mut Party<'_, P>, id: &IdCred<'_>, suite: Suite) -> (Vec<std::string::String>, Error) {
    let own = keys().keys.public(OWN).or_else(|_| keys().keys.public(HOLDER_P256)).unwrap();
    let (mut from, mut subjects) = (0, Vec::new());
    loop {
        let mut buffer = [0; MAX_CREDENTIAL];
        match resolve(party, id, from, suite, AuthenticationKey::StaticDh, &[own], &mut buffer) {
            Ok(accepted) => {
                assert!(accepted.next > from);
                subjects.push(accepted.credential.subject.unwrap_or_default().into());
                let mut p = keys();
                assert_eq!(Ok(accepted.thumbprint), accepted.credential.key.thumbprint(&mut p));
                from = accepted.next;
            }
            Err(error) => return (subjects, error),
        }
    }
}

#[cfg(feature = "suite-x25519-chacha")]
mod suite_4 {
    use super::*;

    #[test]
    fn candidates_one_after_the_other() {
        let p = keys();
        let key = p.keys.public(HOLDER).unwrap();
        let subjects = ["a", "b", "c", "d", "e"];
        let credentials: Vec<Vec<u8>> = subjects.iter().map(|subject| ccs(subject, &key, b"k")).collect();
        let mut peers: Vec<Provisioned<'_>> = credentials.iter().map(|credential| Provisioned { kid: b"k", credential }).collect();
        peers.insert(1, Provisioned { kid: b"other", credential: &credentials[0] });
        let mut party = Party { provider: p, credentials: StaticCredentials { peers: &peers, ..Default::default() } };
        // Four at most.
        let (found, end) = all(&mut party, &IdCred::Kid(b"k"), SUITE);
        assert_eq!((found, end), (["a", "b", "c", "d"].map(Into::into).to_vec(), Error::UnknownCredential));
        assert_eq!(all(&mut party, &IdCred::Kid(b"other"), SUITE).0, ["a"]);
        assert_eq!(all(&mut party, &IdCred::Kid(b"none"), SUITE), (std::vec![], Error::UnknownCredential));
        assert_eq!(all(&mut party, &IdCred::Kid(b""), SUITE), (std::vec![], Error::UnknownCredential));
    }

    #[test]
    #[cfg(feature = "issuers")]
    fn candidates_that_are_no_good_are_passed_over() {
        let mut p = keys();
        let (holder, own, signer) = (p.keys.public(HOLDER).unwrap(), p.keys.public(OWN).unwrap(), p.keys.public(OTHER_ISSUER).unwrap());
        let good = ccs("good", &holder, b"k");
        let expired = cwt(&mut p, ISSUER, &Claims { expires: Some(999), ..Claims::new(holder) });
        for (bad, expected) in [
            (ccs("mine", &own, b"k"), Error::OwnIdentity),
            (ccs("signs", &signer, b"k"), Error::UntrustedCredential),
            (expired, Error::ExpiredCredential),
            (hex("a0"), Error::Malformed),
            (cwt(&mut p, OTHER_ISSUER, &Claims::new(holder)), Error::UntrustedCredential),
        ] {
            let anchors = [TrustAnchor { key: p.keys.public(ISSUER).unwrap(), kid: b"ca", purposes: Purposes::IDENTITY }];
            let peers = [Provisioned { kid: b"k", credential: &bad }, Provisioned { kid: b"k", credential: &good }];
            let credentials = StaticCredentials { peers: &peers, anchors: &anchors, now_s: Some(1000), ..Default::default() };
            let mut party = Party { provider: keys(), credentials };
            assert_eq!(all(&mut party, &IdCred::Kid(b"k"), SUITE).0, ["good"]);
            // Alone, its own reason is given.
            party.credentials.peers = &peers[..1];
            assert_eq!(all(&mut party, &IdCred::Kid(b"k"), SUITE), (std::vec![], expected));
        }
    }

    #[test]
    fn ccs_by_value() {
        let p = keys();
        let key = p.keys.public(HOLDER).unwrap();
        let (known, stranger) = (ccs("known", &key, b"k"), ccs("stranger", &key, b"k"));
        let peers = [Provisioned { kid: b"k", credential: &known }];
        let mut party = Party { provider: p, credentials: StaticCredentials { peers: &peers, ..Default::default() } };
        assert_eq!(all(&mut party, &IdCred::Ccs(&known), SUITE), (std::vec!["known".into()], Error::UnknownCredential));
        assert_eq!(all(&mut party, &IdCred::Ccs(&stranger), SUITE), (std::vec![], Error::UntrustedCredential));
        assert_eq!(all(&mut party, &IdCred::Ccs(&known[1..]), SUITE), (std::vec![], Error::Malformed));
    }

    /// First contact: nothing provisioned but the anchor.
    #[test]
    #[cfg(feature = "issuers")]
    fn cwt_by_value() {
        let mut p = keys();
        let key = p.keys.public(HOLDER).unwrap();
        let token = cwt(&mut p, ISSUER, &Claims { subject: Some("new"), expires: Some(2000), ..Claims::new(key) });
        let issuer = p.keys.public(ISSUER).unwrap();
        let anchor = TrustAnchor { key: issuer, kid: b"ca", purposes: Purposes::IDENTITY };
        let id = IdCred::Cwt(&token);
        for anchors in
            [&[][..], &[TrustAnchor { purposes: Purposes::ROLE, ..anchor }], &[TrustAnchor { purposes: Purposes(0x1e), ..anchor }]]
        {
            let credentials = StaticCredentials { anchors, ..Default::default() };
            let result = all(&mut Party { provider: keys(), credentials }, &id, SUITE);
            assert_eq!(result, (std::vec![], Error::UntrustedCredential));
        }
        let other = keys().keys.public(OTHER_ISSUER).unwrap();
        // Anchors are gone through: other kid, other key under the same kid, the right one.
        let anchors = [TrustAnchor { kid: b"cb", ..anchor }, TrustAnchor { key: other, ..anchor }, anchor];
        for (now, expected) in [(None, Ok(())), (Some(1999), Ok(())), (Some(2000), Err(Error::ExpiredCredential))] {
            let credentials = StaticCredentials { anchors: &anchors, now_s: now, ..Default::default() };
            let (found, end) = all(&mut Party { provider: keys(), credentials }, &id, SUITE);
            assert_eq!((found.len(), end), (usize::from(expected.is_ok()), expected.err().unwrap_or(Error::UnknownCredential)));
        }
        // Four anchors of the same kid are tried, not more.
        for (wrong, expected) in [(3, 1), (4, 0)] {
            let mut anchors = std::vec![TrustAnchor { key: other, ..anchor }; wrong];
            anchors.push(anchor);
            let credentials = StaticCredentials { anchors: &anchors, ..Default::default() };
            assert_eq!(all(&mut Party { provider: keys(), credentials }, &id, SUITE).0.len(), expected);
        }
    }

    /// Without issuers a token is no credential, whether it comes in a message or was provisioned.
    #[test]
    #[cfg(not(feature = "issuers"))]
    fn a_build_without_issuers() {
        let token = hex("8443a10127a0410158400000");
        let peers = [Provisioned { kid: b"k", credential: &token }];
        let mut party = Party { provider: keys(), credentials: StaticCredentials { peers: &peers, ..Default::default() } };
        for id in [IdCred::Cwt(&token), IdCred::Kid(b"k")] {
            assert_eq!(all(&mut party, &id, SUITE), (std::vec![], Error::UnsupportedCredential));
        }
    }

    /// A token by reference is verified as one by value is.
    #[test]
    #[cfg(feature = "issuers")]
    fn cwt_by_reference() {
        let mut p = keys();
        let key = p.keys.public(HOLDER).unwrap();
        let token = cwt(&mut p, ISSUER, &Claims { subject: Some("a"), ..Claims::new(key) });
        let anchors = [TrustAnchor { key: p.keys.public(ISSUER).unwrap(), kid: b"ca", purposes: Purposes::IDENTITY }];
        let peers = [Provisioned { kid: b"k", credential: &token }];
        let mut party = Party { provider: p, credentials: StaticCredentials { peers: &peers, anchors: &anchors, ..Default::default() } };
        assert_eq!(all(&mut party, &IdCred::Kid(b"k"), SUITE).0, ["a"]);
        party.credentials.anchors = &[];
        assert_eq!(all(&mut party, &IdCred::Kid(b"k"), SUITE), (std::vec![], Error::UntrustedCredential));
    }

    /// A token of a thief, who has the same identity as the endpoint, or a reflected message.
    #[test]
    #[cfg(feature = "issuers")]
    fn own_identity_by_value() {
        let mut p = keys();
        let own = p.keys.public(OWN).unwrap();
        let token = cwt(&mut p, ISSUER, &Claims::new(own));
        let anchors = [TrustAnchor { key: p.keys.public(ISSUER).unwrap(), kid: b"ca", purposes: Purposes::IDENTITY }];
        let mut party = Party { provider: p, credentials: StaticCredentials { anchors: &anchors, ..Default::default() } };
        assert_eq!(all(&mut party, &IdCred::Cwt(&token), SUITE), (std::vec![], Error::OwnIdentity));
    }

    #[test]
    fn static_credentials() {
        let p = keys();
        let key = p.keys.public(HOLDER).unwrap();
        let own = ccs("me", &key, b"k");
        let entries =
            [OwnEntry { suite: SUITE, authentication: AuthenticationKey::StaticDh, credential: &own, key: HOLDER, by_value: true }];
        let credentials = StaticCredentials { own: &entries, now_s: Some(7), ..Default::default() };
        let mut out = [0; MAX_CREDENTIAL];
        assert_eq!(
            credentials.own(SUITE, AuthenticationKey::StaticDh, &mut out),
            Ok(OwnCredential { len: own.len(), key: HOLDER, by_value: true })
        );
        assert_eq!((&out[..own.len()], credentials.now_s()), (&own[..], Some(7)));
        assert_eq!(credentials.own(SUITE, AuthenticationKey::StaticDh, &mut out[..own.len() - 1]), Err(Error::BufferTooSmall));
        #[cfg(feature = "suite-p256-ccm")]
        assert_eq!(credentials.own(Suite::P256Ccm, AuthenticationKey::StaticDh, &mut out), Err(Error::UnknownCredential));
        let peers = [Provisioned { kid: b"k", credential: &own }];
        let credentials = StaticCredentials { peers: &peers, ..Default::default() };
        assert_eq!(credentials.candidate(b"k", 0, &mut out[..own.len() - 1]), Err(Error::BufferTooSmall));
        assert_eq!(credentials.candidate(b"k", 1, &mut out), Ok(None));
    }
}

#[cfg(feature = "suite-p256-ccm")]
mod suite_2 {
    use super::*;

    #[test]
    fn rfc_9529_credentials_resolve() {
        let bytes = hex(RFC_9529_CRED_I);
        let peers = [Provisioned { kid: b"+", credential: &bytes }];
        let mut party = Party { provider: provider(&[]), credentials: StaticCredentials { peers: &peers, ..Default::default() } };
        assert_eq!(all(&mut party, &IdCred::Kid(b"+"), Suite::P256Ccm).0, ["42-50-31-FF-EF-37-32-39"]);
        #[cfg(feature = "suite-x25519-chacha")]
        assert_eq!(all(&mut party, &IdCred::Kid(b"+"), Suite::X25519ChaCha), (std::vec![], Error::UntrustedCredential));
    }

    /// On P-256 the key with the other y has the same private key but for its sign, and Diffie-Hellman on x cannot tell them apart.
    #[test]
    fn own_key_with_the_other_y() {
        let private = Secret::from([0x22; 32]);
        let own = crate::crypto::software::public_key(KeyKind::P256, &private).unwrap();
        let odd = own.y.unwrap()[31] & 1 == 1;
        let other = PublicKey { y: Some(crate::crypto::p256_y(&own.x, !odd).unwrap()), ..own };
        for key in [own, other] {
            let bytes = ccs("x", &key, b"k");
            let peers = [Provisioned { kid: b"k", credential: &bytes }];
            let mut party = Party { provider: provider(&[]), credentials: StaticCredentials { peers: &peers, ..Default::default() } };
            let mut buffer = [0; MAX_CREDENTIAL];
            let result = resolve(&mut party, &IdCred::Kid(b"k"), 0, Suite::P256Ccm, AuthenticationKey::StaticDh, &[own], &mut buffer);
            assert_eq!(result.map(drop), Err(Error::OwnIdentity));
        }
    }
}
