//! Certificates that OpenSSL, pyca cryptography and the authors of RFC 9529 made, and ones with defects: tests/vectors/x509.json.

use super::*;
use crate::credential::x509::{Certificate, KeyUsage, verify_path};
use crate::error::Error;
use serde_json::Value;
use std::string::{String, ToString};

/// What a vector says.
pub(super) struct Vector {
    pub(super) name: String,
    pub(super) path: Vec<Vec<u8>>,
    pub(super) anchors: Vec<PublicKey>,
    pub(super) now: u64,
    pub(super) signs: bool,
    /// Empty for a path that is good.
    pub(super) refusal: Option<String>,
    pub(super) reads: Value,
}

pub(super) fn vectors() -> Vec<Vector> {
    let document: Value = serde_json::from_str(include_str!("../../../../tests/vectors/x509.json")).unwrap();
    let anchors: Vec<Vec<u8>> = document["anchors"].as_array().unwrap().iter().map(|der| hex(der.as_str().unwrap())).collect();
    let read = |vector: &Value| Vector {
        name: vector["name"].as_str().unwrap().into(),
        path: vector["path"].as_array().unwrap().iter().map(|der| hex(der.as_str().unwrap())).collect(),
        // An anchor outside the profile, such as one with an RSA key, has no key here.
        anchors: vector["anchors"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|number| anchor_key(&anchors[number.as_u64().unwrap() as usize]).ok())
            .collect(),
        now: vector["now"].as_u64().unwrap(),
        signs: vector["use"] == "sign",
        refusal: Some(vector["expected"].as_str().unwrap().to_string()).filter(|expected| expected != "ok"),
        reads: vector["reads"].clone(),
    };
    let vectors: Vec<Vector> = document["vectors"].as_array().unwrap().iter().map(read).collect();
    assert!(vectors.iter().filter(|vector| vector.refusal.is_none()).count() >= 28 && vectors.len() >= 115);
    vectors
}

impl Vector {
    pub(super) fn trusted(&self) -> Vec<TrustAnchor<'static>> {
        self.anchors.iter().map(|key| TrustAnchor { key: *key, kid: b"", purposes: Purposes::IDENTITY }).collect()
    }

    fn slices(&self) -> Vec<&[u8]> {
        self.path.iter().map(Vec::as_slice).collect()
    }

    /// Verifies the path, and that the key may serve.
    fn judge(&self) -> Result<()> {
        let anchors = self.trusted();
        let credentials = StaticCredentials { anchors: &anchors, now_s: Some(self.now), ..Default::default() };
        let leaf = verify_path(&mut Party { provider: provider(&[]), credentials }, &self.slices())?;
        let (usage, able) = match self.signs {
            true => (KeyUsage::DIGITAL_SIGNATURE, leaf.key.curve.signature().is_some()),
            false => (KeyUsage::KEY_AGREEMENT, leaf.key.curve.agreement().is_some()),
        };
        if leaf.allows(usage) && able { Ok(()) } else { Err(Error::UntrustedCredential) }
    }
}

#[test]
fn every_vector_ends_as_expected() {
    for vector in vectors() {
        let result = vector.judge().err().map(|error| error.name().to_string());
        assert_eq!(result, vector.refusal, "{}", vector.name);
    }
}

/// What is read is what pyca cryptography reads.
#[test]
fn fields() {
    for vector in vectors().iter().filter(|vector| vector.refusal.is_none()) {
        let certificate = Certificate::parse(&vector.path[0]).unwrap();
        let reads = &vector.reads;
        let number = |bytes: &[u8]| bytes.iter().map(|byte| std::format!("{byte:02x}")).collect::<String>();
        assert_eq!(certificate.common_name, reads["common_name"].as_str(), "{}", vector.name);
        assert_eq!(
            (Some(certificate.not_before), Some(certificate.not_after)),
            (reads["not_before"].as_u64(), reads["not_after"].as_u64())
        );
        assert_eq!(Some(number(certificate.serial).trim_start_matches('0')), reads["serial"].as_str());
        assert_eq!(std::format!("{:?}", certificate.key.curve).replace('-', ""), reads["key"]["curve"].as_str().unwrap().replace('-', ""));
        assert_eq!(Some(number(&certificate.key.x).as_str()), reads["key"]["x"].as_str());
        assert_eq!(certificate.key.y.map(|y| number(&y)).as_deref(), reads["key"]["y"].as_str());
        assert_eq!(certificate.usage.is_some(), reads["usage"].is_object(), "{}", vector.name);
        for (name, usage) in [
            ("digital_signature", KeyUsage::DIGITAL_SIGNATURE),
            ("key_agreement", KeyUsage::KEY_AGREEMENT),
            ("key_cert_sign", KeyUsage::CERTIFICATE_SIGNING),
        ] {
            assert_eq!(certificate.allows(usage), reads["usage"][name].as_bool().unwrap_or(true), "{}: {name}", vector.name);
        }
    }
}

/// Whatever is signed cannot be altered, and what is not signed has one encoding: no certificate with one byte changed verifies.
#[test]
fn no_changed_byte_verifies() {
    let mut refused = [0; 2];
    for name in ["Ed25519 under Ed25519", "P-256 under P-256", "by hand, r of 31 bytes", "RFC 9529 section 2, Initiator"] {
        let vector = vector(name);
        let mut p = provider(&[]);
        let verifies = |p: &mut _, bytes: &[u8]| {
            let certificate = Certificate::parse(bytes).map_err(|_| false)?;
            if vector.anchors.iter().any(|key| certificate.verify(p, key).is_ok()) { Ok(()) } else { Err(true) }
        };
        assert_eq!(verifies(&mut p, &vector.path[0]), Ok(()));
        for position in 0..vector.path[0].len() {
            for change in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff] {
                let mut bytes = vector.path[0].clone();
                bytes[position] ^= change;
                let parsed = verifies(&mut p, &bytes).expect_err(&std::format!("{name}: byte {position} may be changed by {change:#04x}"));
                refused[usize::from(parsed)] += 1;
            }
        }
    }
    // Some for their form, some for their signature.
    assert!(refused[0] > 1000 && refused[1] > 1000, "{refused:?}");
}

#[test]
fn no_prefix_is_a_certificate() {
    for vector in vectors().iter().filter(|vector| vector.refusal.is_none()) {
        let whole = &vector.path[0];
        for length in 0..whole.len() {
            assert_eq!(Certificate::parse(&whole[..length]).map(drop), Err(Error::Malformed));
        }
    }
}

/// Not even random changes of several bytes make the parser fail in another way than by an error.
#[test]
fn changed_certificates_are_judged_without_harm() {
    let all: Vec<Vec<u8>> = vectors().into_iter().flat_map(|vector| vector.path).filter(|path| !path.is_empty()).collect();
    let mut state = 1u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..20_000 {
        let mut bytes = all[random(all.len())].clone();
        for _ in 0..=random(3) {
            let position = random(bytes.len());
            bytes[position] = random(256) as u8;
        }
        if random(4) == 0 {
            bytes.truncate(random(bytes.len()));
        }
        if let Ok(certificate) = Certificate::parse(&bytes) {
            assert!(bytes.len() <= MAX_CREDENTIAL && certificate.not_after < 1 << 40);
        }
    }
}

/// Counts verifications, and answers none from `pending` on.
struct Counting<P> {
    inner: P,
    verified: usize,
    pending: usize,
}

impl<P: Provider> Provider for Counting<P> {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        self.inner.random(out)
    }

    fn agree(&mut self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        self.inner.agree(key, curve, peer, shared)
    }

    fn sign(&mut self, key: KeyHandle, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
        self.inner.sign(key, algorithm, message, signature)
    }

    fn verify(&mut self, algorithm: Signature, public: &[u8], message: &[&[u8]], signature: &[u8]) -> Result<()> {
        if self.verified == self.pending {
            return Err(Error::Pending);
        }
        self.verified += 1;
        self.inner.verify(algorithm, public, message, signature)
    }
}

/// Verifies the path of a vector under these anchors; gives how it ended and how many signatures were verified.
fn counted(vector: &Vector, anchors: &[TrustAnchor<'_>], pending: usize) -> (Result<()>, usize) {
    let credentials = StaticCredentials { anchors, now_s: Some(vector.now), ..Default::default() };
    let mut party = Party { provider: Counting { inner: provider(&[]), verified: 0, pending }, credentials };
    let result = verify_path(&mut party, &vector.slices()).map(drop);
    (result, party.provider.verified)
}

fn vector(name: &str) -> Vector {
    vectors().into_iter().find(|vector| vector.name == name).unwrap()
}

/// A stranger's path costs four verifications, the longest one that an anchor has signed six.
#[test]
fn verifications_are_bounded() {
    let path = vector("two intermediates, both algorithms");
    let stranger = vector("signed by another key under the same name");
    let right = path.trusted()[0];
    let wrong = TrustAnchor { key: keys().keys.public(OTHER_ISSUER).unwrap(), ..right };
    let (of_p256, for_roles) = (vector("P-256 under P-256").trusted()[1], TrustAnchor { purposes: Purposes::ROLE, ..right });
    assert_eq!(counted(&stranger, &[wrong; 10], usize::MAX), (Err(Error::UntrustedCredential), 4));
    assert_eq!(counted(&path, &[wrong, wrong, wrong, right], usize::MAX), (Ok(()), 6));
    assert_eq!(counted(&path, &[wrong, wrong, wrong, wrong, right], usize::MAX), (Err(Error::UntrustedCredential), 4));
    // Anchors for other algorithms and other purposes cost nothing.
    assert_eq!(counted(&path, &[of_p256, for_roles, of_p256, for_roles, of_p256, right], usize::MAX), (Ok(()), 3));
    assert_eq!(counted(&path, &[of_p256, for_roles], usize::MAX), (Err(Error::UntrustedCredential), 0));
    assert_eq!(counted(&path, &[], usize::MAX), (Err(Error::UntrustedCredential), 0));
}

/// Whoever verifies may answer later, for whichever signature of the path.
#[test]
fn verification_that_is_pending() {
    let path = vector("two intermediates, both algorithms");
    for pending in 0..3 {
        assert_eq!(counted(&path, &path.trusted(), pending), (Err(Error::Pending), pending));
    }
    assert_eq!(counted(&path, &path.trusted(), 3), (Ok(()), 3));
}

/// Without a clock validity is not judged; everything else is.
#[test]
fn time_that_is_not_known() {
    for vector in vectors() {
        let anchors = vector.trusted();
        let credentials = StaticCredentials { anchors: &anchors, ..Default::default() };
        let result = verify_path(&mut Party { provider: provider(&[]), credentials }, &vector.slices()).map(drop);
        match vector.refusal.as_deref() {
            None | Some("expired-credential") => assert_eq!(result, Ok(()), "{}", vector.name),
            Some(refusal) if vector.name.starts_with("the key ") => assert_eq!((result, refusal), (Ok(()), "untrusted-credential")),
            Some(refusal) => assert_eq!(result.unwrap_err().name(), refusal, "{}", vector.name),
        }
    }
}

#[test]
fn anchors_from_certificates() {
    let path = vector("two intermediates, both algorithms");
    let authority = Certificate::parse(&path.path[1]).unwrap();
    assert_eq!((anchor_key(&path.path[1]), authority.authority), (Ok(authority.key), true));
    for name in ["Ed25519 under Ed25519", "no extensions", "X25519 under Ed25519"] {
        assert_eq!(anchor_key(&vector(name).path[0]), Err(Error::UntrustedCredential), "{name}");
    }
    assert_eq!(anchor_key(&vector("the intermediate may not issue").path[1]), Err(Error::UntrustedCredential));
    assert_eq!(anchor_key(b""), Err(Error::Malformed));
    assert_eq!(counted(&path, &[], 9).0, Err(Error::UntrustedCredential));
}

/// Resolves ID_CRED_x with these peers and anchors.
fn resolved(
    id: &IdCred<'_>,
    vector: &Vector,
    peers: &[Provisioned<'_>],
    anchors: &[TrustAnchor<'_>],
    own: &[PublicKey],
) -> Result<Thumbprint> {
    let credentials = StaticCredentials { peers, anchors, now_s: Some(vector.now), ..Default::default() };
    let mut party = Party { provider: provider(&[]), credentials };
    let key = if vector.signs { AuthenticationKey::Signature } else { AuthenticationKey::StaticDh };
    let mut refusal = Error::UntrustedCredential;
    // With whichever suite the key fits.
    for suite in [Suite::X25519ChaCha, Suite::P256Ccm] {
        let mut buffer = [0; MAX_CREDENTIAL];
        match resolve(&mut party, id, 0, suite, key, own, &mut buffer) {
            Ok(accepted) => {
                assert_eq!((accepted.credential.kind, accepted.credential.bytes), (CredentialKind::X509, &vector.path[0][..]));
                assert_eq!(Ok(accepted.thumbprint), accepted.credential.key.thumbprint(&mut provider(&[])));
                let again = resolve(&mut party, id, accepted.next, suite, key, own, &mut [0; MAX_CREDENTIAL]).map(drop);
                assert_eq!(again, Err(Error::UnknownCredential));
                return Ok(accepted.thumbprint);
            }
            Err(Error::UntrustedCredential) => {}
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

/// An encoded x5chain.
fn chain(path: &[&[u8]]) -> Vec<u8> {
    let mut buffer = [0; 4 * (MAX_CREDENTIAL + 4) + 1];
    let mut w = Writer::new(&mut buffer);
    if path.len() > 1 {
        crate::cbor::write_array(&mut w, path.len()).unwrap();
    }
    path.iter().for_each(|bytes| crate::cbor::write_bytes(&mut w, bytes).unwrap());
    w.written().to_vec()
}

/// Every vector by value in a handshake: only under its anchor, or because the certificate itself was provisioned.
#[test]
fn every_vector_as_x5chain() {
    for vector in vectors() {
        let value = chain(&vector.slices());
        let id = IdCred::X5Chain(&value);
        let refusal = |result: Result<Thumbprint>| result.err().map(|error| error.name().to_string());
        assert_eq!(refusal(resolved(&id, &vector, &[], &vector.trusted(), &[])), vector.refusal, "{}", vector.name);
        let for_roles: Vec<TrustAnchor<'_>> =
            vector.trusted().into_iter().map(|anchor| TrustAnchor { purposes: Purposes(0x1e), ..anchor }).collect();
        if vector.refusal.is_none() {
            for anchors in [&[][..], &for_roles] {
                assert_eq!(resolved(&id, &vector, &[], anchors, &[]), Err(Error::UntrustedCredential), "{}", vector.name);
            }
            // Provisioned: no anchor is needed, not even the chain's other certificates.
            let peers = [Provisioned { kid: b"", credential: &vector.path[0] }];
            let alone = chain(&vector.slices()[..1]);
            resolved(&IdCred::X5Chain(&alone), &vector, &peers, &[], &[]).unwrap();
            // Its own key, whoever vouches for it.
            let own = [keys().keys.public(OWN).unwrap(), Certificate::parse(&vector.path[0]).unwrap().key];
            assert_eq!(resolved(&id, &vector, &[], &vector.trusted(), &own), Err(Error::OwnIdentity), "{}", vector.name);
            assert_eq!(resolved(&id, &vector, &peers, &[], &own), Err(Error::OwnIdentity), "{}", vector.name);
        }
    }
    let vector = vector("no extensions");
    let credential = ccs("x", &keys().keys.public(HOLDER).unwrap(), b"k");
    let value = chain(&[&credential]);
    assert_eq!(resolved(&IdCred::X5Chain(&value), &vector, &[], &[], &[]), Err(Error::Malformed));
}

/// Every vector by its hash: provisioned bytes are trusted without an issuer, but judged as any credential is.
#[test]
fn every_vector_by_x5t() {
    for vector in vectors() {
        // One that is too long cannot be provisioned.
        let Some(hash) = x5t_of(&vector.path[0]).filter(|_| vector.path[0].len() <= MAX_CREDENTIAL) else { continue };
        let peers = [Provisioned { kid: b"", credential: &vector.path[0] }];
        for (algorithm, length) in [(0x2e, 8), (0x2f, 32)] {
            let mut buffer = [0; 40];
            let mut w = Writer::new(&mut buffer);
            w.put(&[0x82, algorithm]).unwrap();
            crate::cbor::write_bytes(&mut w, &hash[..length]).unwrap();
            let id = IdCred::X5t(w.written());
            let result = resolved(&id, &vector, &peers, &[], &[]).err().map(|error| error.name().to_string());
            match vector.refusal.as_deref() {
                None => assert_eq!(result, None, "{}", vector.name),
                // What is wrong with the issuer does not count, nor with the certificates between.
                Some("untrusted-credential") if !["an authority's", "the key "].iter().any(|start| vector.name.starts_with(start)) => {
                    assert_eq!(result, None, "{}", vector.name);
                }
                Some(_) if vector.path.len() > 1 => assert_eq!(result, None, "{}", vector.name),
                Some(refusal) => assert_eq!(result.as_deref(), Some(refusal), "{}", vector.name),
            }
            if vector.refusal.is_none() {
                assert_eq!(resolved(&id, &vector, &[], &vector.trusted(), &[]), Err(Error::UnknownCredential), "{}", vector.name);
                let own = [Certificate::parse(&vector.path[0]).unwrap().key];
                assert_eq!(resolved(&id, &vector, &peers, &[], &own), Err(Error::OwnIdentity));
            }
        }
    }
}

/// A certificate and other credentials under one kid: each is tried, and a kid never means a hash.
#[test]
fn kids_and_hashes_do_not_mix() {
    let vector = vector("X25519 under Ed25519");
    let key = keys().keys.public(HOLDER).unwrap();
    let hash = x5t_of(&vector.path[0]).unwrap();
    let first = ccs("first", &key, &hash[..8]);
    let peers = [Provisioned { kid: &hash[..8], credential: &first }, Provisioned { kid: b"", credential: &vector.path[0] }];
    let credentials = StaticCredentials { peers: &peers, now_s: Some(vector.now), ..Default::default() };
    let mut party = Party { provider: keys(), credentials };
    let mut subject = |id: &IdCred<'_>, from: usize| {
        let mut buffer = [0; MAX_CREDENTIAL];
        resolve(&mut party, id, from, Suite::X25519ChaCha, AuthenticationKey::StaticDh, &[], &mut buffer)
            .map(|accepted| accepted.credential.subject.map(String::from))
    };
    let mut x5t = std::vec![0x82, 0x2e, 0x48];
    x5t.extend(&hash[..8]);
    assert_eq!(subject(&IdCred::Kid(&hash[..8]), 0), Ok(Some("first".into())));
    assert_eq!(subject(&IdCred::Kid(&hash[..8]), 1), Err(Error::UnknownCredential));
    assert_eq!(subject(&IdCred::X5t(&x5t), 0), Ok(Some("device-3".into())));
    assert_eq!(subject(&IdCred::X5t(&x5t), 1), Err(Error::UnknownCredential));
    assert_eq!(subject(&IdCred::Kid(b""), 0), Err(Error::UnknownCredential));
    assert_eq!((x5t_of(&first), is_x5t_of(b"", &vector.path[0]), is_x5t_of(&hash[..8], &first)), (None, false, false));
}

/// CRED_x in transcripts is a CBOR byte string; a CCS is itself.
#[test]
fn cred_x() {
    let trace: Value = serde_json::from_str(include_str!("../../../../tests/vectors/rfc9529.json")).unwrap();
    for name in ["CRED_I", "CRED_R"] {
        let expected = hex(trace["trace_1"]["values"][name].as_str().unwrap());
        let credential = Credential::parse(&expected[2..]).unwrap();
        let cred_x = credential.cred_x().unwrap();
        assert_eq!(([cred_x.head(), cred_x.bytes].concat(), cred_x.len()), (expected.clone(), expected.len()));
    }
    let plain = ccs("x", &keys().keys.public(HOLDER).unwrap(), b"k");
    let cred_x = Credential::parse(&plain).unwrap().cred_x().unwrap();
    assert_eq!((cred_x.head(), cred_x.bytes), (&[][..], &plain[..]));
}

#[test]
fn verified_under_one_anchor() {
    let vector = vector("P-256 under P-256");
    let credential = Credential::parse(&vector.path[0]).unwrap();
    let anchor = vector.trusted()[1];
    let mut p = provider(&[]);
    assert_eq!((credential.subject, credential.issuer, credential.kid), (Some("device-2"), Some("Root"), None));
    assert_eq!(credential.verify(&mut p, &anchor, Some(vector.now)), Ok(()));
    assert_eq!(credential.verify(&mut p, &anchor, credential.expires), Err(Error::ExpiredCredential));
    assert_eq!(credential.verify(&mut p, &anchor, credential.expires.map(|end| end - 1)), Ok(()));
    assert_eq!(credential.verify(&mut p, &vector.trusted()[0], None), Err(Error::UntrustedCredential));
    assert_eq!(credential.verify(&mut p, &TrustAnchor { purposes: Purposes::ROLE, ..anchor }, None), Err(Error::UntrustedCredential));
    // One that verifies, but belongs to an authority.
    let authority = self::vector("an authority's certificate as the peer's");
    let root = authority.trusted()[0];
    assert_eq!(Credential::parse(&authority.path[0]).unwrap().verify(&mut p, &root, None), Err(Error::UntrustedCredential));
}

/// A verifier that answers later: the same call again goes through.
#[test]
fn resolving_that_is_pending() {
    let path = vector("two intermediates, both algorithms");
    let value = chain(&path.slices());
    let anchors = path.trusted();
    for pending in [0, 2, 3] {
        let credentials = StaticCredentials { anchors: &anchors, now_s: Some(path.now), ..Default::default() };
        let mut party = Party { provider: Counting { inner: provider(&[]), verified: 0, pending }, credentials };
        for expected in [if pending < 3 { Err(Error::Pending) } else { Ok(1) }, Ok(1)] {
            let mut buffer = [0; MAX_CREDENTIAL];
            let id = IdCred::X5Chain(&value);
            let result = resolve(&mut party, &id, 0, Suite::X25519ChaCha, AuthenticationKey::Signature, &[], &mut buffer);
            assert_eq!(result.map(|accepted| accepted.next), expected);
            party.provider.pending = usize::MAX;
        }
    }
}
