//! A provider with an Ed25519 and an ES256 key, the same keys for the other libraries, and public keys at random.

use crate::random::Seeded;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use sealwire_core::bytes::Secret;
use sealwire_core::cose::PublicKey;
use sealwire_core::crypto::software::{KeyKind, SoftwareProvider, public_key};
use sealwire_core::crypto::{KeyHandle, Signature};
use sealwire_core::error::Result;
use std::sync::OnceLock;

/// The core's provider with one key.
pub(crate) type OneKey = SoftwareProvider<fn(&mut [u8]) -> Result<()>, 1>;

/// A signer known to both sides.
#[derive(Clone)]
pub(crate) struct Party {
    pub(crate) kind: KeyKind,
    pub(crate) private: [u8; 32],
    pub(crate) public: PublicKey,
}

impl Party {
    pub(crate) fn random(kind: KeyKind, random: &mut Seeded) -> Self {
        let private = random.bytes(32).try_into().unwrap();
        Party { kind, private, public: public_key(kind, &Secret::from(private)).unwrap() }
    }

    pub(crate) fn algorithm(&self) -> Signature {
        self.public.curve.signature().unwrap()
    }

    /// The core's provider, with this key under handle 0.
    pub(crate) fn provider(&self) -> OneKey {
        // Signing is deterministic here: no random number is drawn.
        let mut provider = SoftwareProvider::new((|_| unreachable!()) as fn(&mut [u8]) -> Result<()>);
        provider.keys.insert(KeyHandle(0), self.kind, Secret::from(self.private)).unwrap();
        provider
    }

    /// Signs without the core.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self.algorithm() {
            Signature::EdDsa => ed25519_dalek::SigningKey::from_bytes(&self.private).sign(message).to_vec(),
            Signature::Es256 => {
                let signature: p256::ecdsa::Signature = p256::ecdsa::SigningKey::from_slice(&self.private).unwrap().sign(message);
                signature.to_bytes().to_vec()
            }
        }
    }

    /// Verifies without the core.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Option<()> {
        match self.algorithm() {
            Signature::EdDsa => {
                let key = ed25519_dalek::VerifyingKey::from_bytes(&self.public.x).unwrap();
                key.verify(message, &ed25519_dalek::Signature::from_slice(signature).ok()?).ok()
            }
            Signature::Es256 => {
                let point = [&[4], &self.public.x[..], &self.public.y.unwrap()].concat();
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).unwrap();
                key.verify(message, &p256::ecdsa::Signature::from_slice(signature).ok()?).ok()
            }
        }
    }
}

/// A public key on any of the three curves, out of a hundred: making one takes longer than all the rest.
pub(crate) fn public(random: &mut Seeded) -> PublicKey {
    static KEYS: OnceLock<Vec<PublicKey>> = OnceLock::new();
    let make = || {
        let mut random = Seeded::new(0);
        let kinds = [KeyKind::X25519, KeyKind::P256, KeyKind::Ed25519];
        (0..100).map(|at| Party::random(kinds[at % 3], &mut random).public).collect()
    };
    random.pick(KEYS.get_or_init(make))
}
