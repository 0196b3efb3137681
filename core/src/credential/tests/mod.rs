#![cfg_attr(not(all(feature = "suite-x25519-chacha", feature = "suite-p256-ccm", feature = "issuers")), allow(unused))]

#[cfg(feature = "issuers")]
mod cwt;
mod id_cred;
mod parse;
mod resolve;
#[cfg(all(feature = "x509", feature = "suite-x25519-chacha", feature = "suite-p256-ccm"))]
mod x509;

use super::*;
use crate::bytes::{Secret, Writer};
use crate::crypto::software::{KeyKind, SoftwareProvider};
use crate::crypto::tests::{hex, provider};
use crate::crypto::{AuthenticationKey, Curve, KeyHandle, Provider, Signature, Suite};
use crate::error::Result;
use std::vec::Vec;

/// CRED_I and CRED_R of RFC 9529 chapter 3.
pub(super) const RFC_9529_CRED_I: &str = "a2027734322d35302d33312d46462d45462d33372d33322d333908a101a5010202412b2001215820ac75e9ece3e50b
    fc8ed60399889522405c47bf16df96660a41298cb4307f7eb62258206e5de611388a4b8a8211334ac7d37ecb52a387d257e6db3c2a93df21ff3affc8";
pub(super) const RFC_9529_CRED_R: &str = "a2026b6578616d706c652e65647508a101a501020241322001215820bbc34960526ea4d32e940cad2a234148ddc2179
    1a12afbcbac93622046dd44f02258204519e257236b2a0ce2023f0931f1f386ca7afda64fcde0108c224c51eabf6072";

/// Key numbers of [`party`].
pub(super) const HOLDER: KeyHandle = KeyHandle(0);
pub(super) const HOLDER_P256: KeyHandle = KeyHandle(1);
pub(super) const ISSUER: KeyHandle = KeyHandle(2);
pub(super) const ISSUER_P256: KeyHandle = KeyHandle(3);
pub(super) const OTHER_ISSUER: KeyHandle = KeyHandle(4);
pub(super) const OWN: KeyHandle = KeyHandle(5);

/// A provider that also has credentials, as an endpoint's port is.
pub(super) struct Party<'a, P> {
    pub(super) provider: P,
    pub(super) credentials: StaticCredentials<'a>,
}

impl<P: Provider> Provider for Party<'_, P> {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        self.provider.random(out)
    }

    fn agree(&mut self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        self.provider.agree(key, curve, peer, shared)
    }

    fn sign(&mut self, key: KeyHandle, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
        self.provider.sign(key, algorithm, message, signature)
    }

    fn verify(&mut self, algorithm: Signature, public: &[u8], message: &[&[u8]], signature: &[u8]) -> Result<()> {
        self.provider.verify(algorithm, public, message, signature)
    }
}

impl<P> Credentials for Party<'_, P> {
    fn own(&self, suite: Suite, key: AuthenticationKey, out: &mut [u8]) -> Result<OwnCredential> {
        self.credentials.own(suite, key, out)
    }

    fn candidate(&self, kid: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        self.credentials.candidate(kid, nth, out)
    }

    fn candidate_x5t(&self, hash: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        self.credentials.candidate_x5t(hash, nth, out)
    }

    fn known(&self, credential: &[u8]) -> bool {
        self.credentials.known(credential)
    }

    fn anchor(&self, nth: usize) -> Option<TrustAnchor<'_>> {
        self.credentials.anchor(nth)
    }

    fn now_s(&self) -> Option<u64> {
        self.credentials.now_s()
    }
}

/// Holders, issuers and an own key.
pub(super) fn keys() -> SoftwareProvider<impl FnMut(&mut [u8]) -> Result<()> + use<>, 8> {
    provider(&[
        (KeyKind::X25519, "1111111111111111111111111111111111111111111111111111111111111111"),
        (KeyKind::P256, "2222222222222222222222222222222222222222222222222222222222222222"),
        (KeyKind::Ed25519, "3333333333333333333333333333333333333333333333333333333333333333"),
        (KeyKind::Es256, "4444444444444444444444444444444444444444444444444444444444444444"),
        (KeyKind::Ed25519, "5555555555555555555555555555555555555555555555555555555555555555"),
        (KeyKind::X25519, "6666666666666666666666666666666666666666666666666666666666666666"),
    ])
}

pub(super) fn ccs(subject: &str, key: &PublicKey, kid: &[u8]) -> Vec<u8> {
    let mut buffer = [0; MAX_CREDENTIAL];
    let mut w = Writer::new(&mut buffer);
    write_ccs(&mut w, subject, key, kid).unwrap();
    w.written().to_vec()
}

/// A CWT signed by `issuer` under kid "ca".
#[cfg(feature = "issuers")]
pub(super) fn cwt(p: &mut impl Provider, issuer: KeyHandle, claims: &Claims<'_>) -> Vec<u8> {
    let algorithm = if issuer == ISSUER_P256 { Signature::Es256 } else { Signature::EdDsa };
    let (mut scratch, mut buffer) = ([0; MAX_CREDENTIAL], [0; MAX_CREDENTIAL]);
    let mut w = Writer::new(&mut buffer);
    issue_cwt(p, &Issuer { key: issuer, algorithm, kid: Some(b"ca") }, claims, &mut scratch, &mut w).unwrap();
    w.written().to_vec()
}
