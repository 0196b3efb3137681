//! This end: its keys, what it knows of others, its store.

use crate::random::Seeded;
use sealwire_core::bytes::{Secret, Writer};
use sealwire_core::cose::PublicKey;
use sealwire_core::credential::{
    Claims, Credentials, Issuer, MAX_CREDENTIAL, OwnCredential, Purposes, Thumbprint, TrustAnchor, is_x5t_of, issue_cwt, write_ccs,
};
use sealwire_core::crypto::software::{KeyKind, SoftwareProvider, generate, public_key};
use sealwire_core::crypto::{AuthenticationKey, Curve, KeyHandle, Provider, Signature, Suite};
use sealwire_core::error::{Error, Result};
use sealwire_core::persist::Store;
use std::collections::BTreeMap;

type Random = Box<dyn FnMut(&mut [u8]) -> Result<()>>;

fn random(seed: u64) -> Random {
    let mut seeded = Seeded::new(seed);
    Box::new(move |out| {
        seeded.fill(out);
        Ok(())
    })
}

/// Somebody's key pair.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) kind: KeyKind,
    pub(crate) private: [u8; 32],
    pub(crate) public: PublicKey,
    pub(crate) kid: Vec<u8>,
}

impl Pair {
    pub(crate) fn new(kind: KeyKind, kid: &[u8], seed: u64) -> Self {
        let private = generate(kind, random(seed)).unwrap();
        Pair { kid: kid.to_vec(), ..Self::of_private(kind, *private.expose()) }
    }

    pub(crate) fn of_private(kind: KeyKind, private: [u8; 32]) -> Self {
        Pair { kind, private, public: public_key(kind, &Secret::from(private)).unwrap(), kid: Vec::new() }
    }

    /// For Diffie-Hellman in a suite.
    pub(crate) fn of_suite(suite: Suite, kid: &[u8], seed: u64) -> Self {
        Self::new(KeyKind::for_agreement(suite.curve()), kid, seed)
    }

    /// For signatures in a suite: an endpoint's in methods 0 to 2, or an issuer's that the suite's holders can verify.
    pub(crate) fn issuer(suite: Suite, kid: &[u8], seed: u64) -> Self {
        let kind = match suite.signature() {
            Signature::EdDsa => KeyKind::Ed25519,
            Signature::Es256 => KeyKind::Es256,
        };
        Self::new(kind, kid, seed)
    }

    /// For what a method asks of an end.
    pub(crate) fn authenticating(suite: Suite, authentication: AuthenticationKey, kid: &[u8], seed: u64) -> Self {
        match authentication {
            AuthenticationKey::StaticDh => Self::of_suite(suite, kid, seed),
            AuthenticationKey::Signature => Self::issuer(suite, kid, seed),
        }
    }

    /// What the key is for.
    pub(crate) const fn authentication(&self) -> AuthenticationKey {
        match self.kind {
            KeyKind::X25519 | KeyKind::P256 => AuthenticationKey::StaticDh,
            KeyKind::Ed25519 | KeyKind::Es256 => AuthenticationKey::Signature,
        }
    }

    /// As the driver of the second implementation names the curve.
    pub(crate) const fn curve_name(&self) -> &'static str {
        match self.kind {
            KeyKind::X25519 => "X25519",
            KeyKind::P256 | KeyKind::Es256 => "P-256",
            KeyKind::Ed25519 => "Ed25519",
        }
    }

    /// COSE algorithm of an issuer's signatures.
    pub(crate) const fn algorithm(&self) -> i64 {
        match self.kind {
            KeyKind::Ed25519 => -8,
            _ => -7,
        }
    }

    pub(crate) fn cose_key(&self) -> Vec<u8> {
        let mut out = [0; 128];
        let mut out = Writer::new(&mut out);
        self.public.write(&mut out, Some(&self.kid)).unwrap();
        out.written().to_vec()
    }

    pub(crate) fn ccs(&self, subject: &str) -> Vec<u8> {
        let mut out = [0; MAX_CREDENTIAL];
        let mut out = Writer::new(&mut out);
        write_ccs(&mut out, subject, &self.public, &self.kid).unwrap();
        out.written().to_vec()
    }

    /// A token about this key, signed by `issuer`.
    pub(crate) fn cwt(&self, subject: &str, issuer: &Pair) -> Vec<u8> {
        let mut signer = SoftwareProvider::<Random, 1>::new(random(0));
        signer.keys.insert(KeyHandle(0), issuer.kind, Secret::from(issuer.private)).unwrap();
        let algorithm = if issuer.kind == KeyKind::Ed25519 { Signature::EdDsa } else { Signature::Es256 };
        let by = Issuer { key: KeyHandle(0), algorithm, kid: Some(&issuer.kid) };
        let claims = Claims { subject: Some(subject), kid: Some(&self.kid), ..Claims::new(self.public) };
        let (mut scratch, mut out) = ([0; MAX_CREDENTIAL], [0; MAX_CREDENTIAL]);
        let mut out = Writer::new(&mut out);
        issue_cwt(&mut signer, &by, &claims, &mut scratch, &mut out).unwrap();
        out.written().to_vec()
    }

    pub(crate) fn thumbprint(&self) -> Thumbprint {
        self.public.thumbprint(&mut SoftwareProvider::<Random, 1>::new(random(0))).unwrap()
    }
}

struct Own {
    suite: Suite,
    authentication: AuthenticationKey,
    credential: Vec<u8>,
    key: KeyHandle,
    by_value: bool,
}

/// This end, as the core sees it through its ports.
pub(crate) struct Party {
    inner: SoftwareProvider<Random, 8>,
    own: Vec<Own>,
    /// Provisioned credentials by kid.
    known: Vec<(Vec<u8>, Vec<u8>)>,
    anchors: Vec<(PublicKey, Vec<u8>)>,
    /// What is durable.
    pub(crate) store: BTreeMap<u32, Vec<u8>>,
    pub(crate) resists_rollback: bool,
    /// What the clock says, in seconds since 1970.
    pub(crate) now: Option<u64>,
}

impl Party {
    pub(crate) fn new(seed: u64) -> Self {
        Party {
            inner: SoftwareProvider::new(random(seed)),
            own: Vec::new(),
            known: Vec::new(),
            anchors: Vec::new(),
            store: BTreeMap::new(),
            resists_rollback: true,
            now: None,
        }
    }

    pub(crate) fn show(&mut self, suite: Suite, pair: &Pair, credential: Vec<u8>, by_value: bool) {
        let key = self.inner.keys.add(pair.kind, Secret::from(pair.private)).unwrap();
        self.own.push(Own { suite, authentication: pair.authentication(), credential, key, by_value });
    }

    pub(crate) fn know(&mut self, kid: &[u8], credential: Vec<u8>) {
        self.known.push((kid.to_vec(), credential));
    }

    pub(crate) fn trust(&mut self, issuer: &Pair) {
        self.anchors.push((issuer.public, issuer.kid.clone()));
    }
}

fn copy(bytes: &[u8], out: &mut [u8]) -> Result<usize> {
    out.get_mut(..bytes.len()).ok_or(Error::BufferTooSmall)?.copy_from_slice(bytes);
    Ok(bytes.len())
}

impl Provider for Party {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        self.inner.random(out)
    }
    fn agree(&mut self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        self.inner.agree(key, curve, peer, shared)
    }
    fn sign(&mut self, key: KeyHandle, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
        self.inner.sign(key, algorithm, message, signature)
    }
}

impl Credentials for Party {
    fn own(&self, suite: Suite, key: AuthenticationKey, out: &mut [u8]) -> Result<OwnCredential> {
        let own = self.own.iter().find(|own| (own.suite, own.authentication) == (suite, key)).ok_or(Error::UnknownCredential)?;
        Ok(OwnCredential { len: copy(&own.credential, out)?, key: own.key, by_value: own.by_value })
    }
    fn candidate(&self, kid: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        let found = self.known.iter().filter(|(known, _)| known == kid).nth(nth);
        found.map(|(_, credential)| copy(credential, out)).transpose()
    }
    fn candidate_x5t(&self, hash: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        let found = self.known.iter().filter(|(_, credential)| is_x5t_of(hash, credential)).nth(nth);
        found.map(|(_, credential)| copy(credential, out)).transpose()
    }
    fn known(&self, credential: &[u8]) -> bool {
        self.known.iter().any(|(_, known)| known == credential)
    }
    fn anchor(&self, nth: usize) -> Option<TrustAnchor<'_>> {
        let (key, kid) = self.anchors.get(nth)?;
        Some(TrustAnchor { key: *key, kid, purposes: Purposes::IDENTITY })
    }
    fn now_s(&self) -> Option<u64> {
        self.now
    }
}

impl Store for Party {
    fn load(&mut self, key: u32, out: &mut [u8]) -> Result<usize> {
        self.store.get(&key).map_or(Ok(0), |data| copy(data, out))
    }
    fn save(&mut self, key: u32, data: &[u8]) -> Result<()> {
        if data.is_empty() {
            self.store.remove(&key);
        } else {
            self.store.insert(key, data.to_vec());
        }
        Ok(())
    }
    fn resists_rollback(&self) -> bool {
        self.resists_rollback
    }
}
