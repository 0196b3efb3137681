//! Private keys in memory: for tests, for simple firmware, and for hosts without a key store.

use super::{Curve, KeyHandle, Provider, Signature, rustcrypto};
use crate::bytes::Secret;
use crate::cose::{KeyCurve, PublicKey};
use crate::error::{Error, Result};

/// Does this build make signatures? Verifying an issuer's takes less, and a device that does only that links nothing that signs. Tests play the issuer.
const SIGNS: bool = cfg!(feature = "signatures") || (cfg!(test) && cfg!(feature = "issuers"));

/// What a private key is for. One key never does two things: a P-256 key either agrees or signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum KeyKind {
    /// X25519, Diffie-Hellman; 32 bytes, any.
    X25519 = 1,
    /// P-256, Diffie-Hellman; a big-endian number from 1 to the group order less one.
    P256 = 2,
    /// Ed25519 (EdDSA); the 32-byte seed of RFC 8032.
    Ed25519 = 3,
    /// P-256 with SHA-256 (ES256); a number as for [`KeyKind::P256`].
    Es256 = 4,
}

impl KeyKind {
    /// The curve of the public key.
    pub const fn curve(self) -> KeyCurve {
        match self {
            KeyKind::X25519 => KeyCurve::X25519,
            KeyKind::P256 | KeyKind::Es256 => KeyCurve::P256,
            KeyKind::Ed25519 => KeyCurve::Ed25519,
        }
    }

    /// The kind for Diffie-Hellman on a curve.
    pub const fn for_agreement(curve: Curve) -> Self {
        match curve {
            Curve::X25519 => KeyKind::X25519,
            Curve::P256 => KeyKind::P256,
        }
    }

    /// The kind for a signature algorithm.
    pub const fn for_signature(algorithm: Signature) -> Self {
        match algorithm {
            Signature::EdDsa => KeyKind::Ed25519,
            Signature::Es256 => KeyKind::Es256,
        }
    }
}

/// Makes a private key. Errors: `RandomFailed`, `UnsupportedSuite` (kind not in this build).
pub fn generate(kind: KeyKind, random: impl FnMut(&mut [u8]) -> Result<()>) -> Result<Secret<32>> {
    let mut private = Secret::zero();
    let mut public = [0; 32];
    match kind {
        // Any 32 bytes are a seed, as they are an X25519 key.
        KeyKind::X25519 | KeyKind::Ed25519 => rustcrypto::generate(Curve::X25519, random, &mut private, &mut public)?,
        KeyKind::P256 | KeyKind::Es256 => rustcrypto::generate(Curve::P256, random, &mut private, &mut public)?,
    }
    Ok(private)
}

/// Is it a private key of this kind? Errors: `InvalidKey`, `UnsupportedSuite` (also for a key that signs in a build without feature `signatures`,
/// where nothing does).
pub fn check(kind: KeyKind, private: &Secret<32>) -> Result<()> {
    match kind {
        KeyKind::Ed25519 | KeyKind::Es256 if !SIGNS => Err(Error::UnsupportedSuite),
        #[cfg(feature = "_curve25519")]
        KeyKind::X25519 | KeyKind::Ed25519 => Ok(()),
        #[cfg(feature = "_p256")]
        KeyKind::P256 | KeyKind::Es256 => p256::SecretKey::from_slice(private.expose()).map(|_| ()).map_err(|_| Error::InvalidKey),
        #[cfg(not(all(feature = "_curve25519", feature = "_p256")))]
        _ => {
            let _ = private;
            Err(Error::UnsupportedSuite)
        }
    }
}

/// The public key of a private key. Errors: as [`check`].
pub fn public_key(kind: KeyKind, private: &Secret<32>) -> Result<PublicKey> {
    if !SIGNS && matches!(kind, KeyKind::Ed25519 | KeyKind::Es256) {
        return Err(Error::UnsupportedSuite);
    }
    match kind {
        KeyKind::X25519 => Ok(PublicKey { curve: KeyCurve::X25519, x: rustcrypto::dh_public(Curve::X25519, private)?, y: None }),
        #[cfg(feature = "_curve25519")]
        KeyKind::Ed25519 => {
            let key = ed25519_dalek::SigningKey::from_bytes(private.expose());
            Ok(PublicKey { curve: KeyCurve::Ed25519, x: key.verifying_key().to_bytes(), y: None })
        }
        #[cfg(feature = "_p256")]
        KeyKind::P256 | KeyKind::Es256 => {
            let (x, y) = rustcrypto::p256_public(private)?;
            Ok(PublicKey { curve: KeyCurve::P256, x, y: Some(y) })
        }
        #[cfg(not(all(feature = "_curve25519", feature = "_p256")))]
        _ => Err(Error::UnsupportedSuite),
    }
}

/// Signs the concatenation of `message`, deterministically (RFC 8032, RFC 6979). Errors: `InvalidKey`, `UnsupportedSuite`.
pub fn sign(algorithm: Signature, private: &Secret<32>, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
    if !SIGNS {
        return Err(Error::UnsupportedSuite);
    }
    match algorithm {
        #[cfg(feature = "_curve25519")]
        Signature::EdDsa => {
            use ed25519_dalek::SigningKey;
            use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign_byupdate};
            use sha2::{Digest, Sha512};
            // The message comes in parts, which only this interface takes. Its dangers are a public key that does not belong to the
            // secret one, and secrets not made by SHA-512 from the seed: both are derived right here.
            let key = SigningKey::from_bytes(private.expose());
            let expanded = ExpandedSecretKey::from(private.expose());
            let feed = |state: &mut Sha512| {
                for part in message {
                    Digest::update(state, part);
                }
                Ok(())
            };
            let made = raw_sign_byupdate::<Sha512, _>(&expanded, feed, &key.verifying_key()).map_err(|_| Error::Internal)?;
            *signature = made.to_bytes();
            Ok(())
        }
        #[cfg(feature = "_p256")]
        Signature::Es256 => {
            use p256::ecdsa::signature::hazmat::PrehashSigner;
            let key = p256::ecdsa::SigningKey::from_slice(private.expose()).map_err(|_| Error::InvalidKey)?;
            let made: p256::ecdsa::Signature = key.sign_prehash(&super::hash(message)).map_err(|_| Error::Internal)?;
            crate::bytes::copy(signature, &made.to_bytes());
            Ok(())
        }
        #[cfg(not(all(feature = "_curve25519", feature = "_p256")))]
        _ => {
            let _ = (private, message, signature);
            Err(Error::UnsupportedSuite)
        }
    }
}

#[derive(Debug)]
struct Entry {
    handle: KeyHandle,
    kind: KeyKind,
    private: Secret<32>,
}

/// Up to `N` private keys by handle.
#[derive(Debug)]
pub struct SoftwareKeys<const N: usize> {
    entries: [Option<Entry>; N],
}

impl<const N: usize> SoftwareKeys<N> {
    /// Without keys.
    pub const fn new() -> Self {
        SoftwareKeys { entries: [const { None }; N] }
    }

    /// Puts a key under a handle of the caller's choice. Errors: `InvalidArgument` (the handle is taken), `NoSpace`, `InvalidKey`,
    /// `UnsupportedSuite`.
    pub fn insert(&mut self, handle: KeyHandle, kind: KeyKind, private: Secret<32>) -> Result<()> {
        check(kind, &private)?;
        if self.find(handle).is_ok() {
            return Err(Error::InvalidArgument);
        }
        let slot = self.entries.iter_mut().find(|slot| slot.is_none()).ok_or(Error::NoSpace)?;
        *slot = Some(Entry { handle, kind, private });
        Ok(())
    }

    /// Puts a key under the smallest handle that is free. Errors: `NoSpace`, `InvalidKey`, `UnsupportedSuite`.
    pub fn add(&mut self, kind: KeyKind, private: Secret<32>) -> Result<KeyHandle> {
        let free = (0..u32::MAX).map(KeyHandle).find(|handle| self.find(*handle).is_err());
        let handle = free.ok_or(Error::NoSpace)?;
        self.insert(handle, kind, private)?;
        Ok(handle)
    }

    /// Erases a key. Error: `UnknownKey`.
    pub fn remove(&mut self, handle: KeyHandle) -> Result<()> {
        let is_it = |slot: &&mut Option<Entry>| slot.as_ref().is_some_and(|entry| entry.handle == handle);
        let slot = self.entries.iter_mut().find(is_it).ok_or(Error::UnknownKey)?;
        *slot = None;
        Ok(())
    }

    /// The public key of a key. Errors: `UnknownKey`, `UnsupportedSuite`.
    pub fn public(&self, handle: KeyHandle) -> Result<PublicKey> {
        let entry = self.find(handle)?;
        public_key(entry.kind, &entry.private)
    }

    /// [`Provider::agree`]. Errors: `UnknownKey` (also for a key of another kind), `InvalidKey`, `UnsupportedSuite`.
    pub fn agree(&self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        let entry = self.find(key)?;
        if entry.kind != KeyKind::for_agreement(curve) {
            return Err(Error::UnknownKey);
        }
        rustcrypto::agree(curve, &entry.private, peer, shared)
    }

    /// [`Provider::sign`]. Errors: `UnknownKey` (also for a key of another kind), `UnsupportedSuite`.
    pub fn sign(&self, key: KeyHandle, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
        let entry = self.find(key)?;
        if entry.kind != KeyKind::for_signature(algorithm) {
            return Err(Error::UnknownKey);
        }
        sign(algorithm, &entry.private, message, signature)
    }

    fn find(&self, handle: KeyHandle) -> Result<&Entry> {
        self.entries.iter().flatten().find(|entry| entry.handle == handle).ok_or(Error::UnknownKey)
    }
}

impl<const N: usize> Default for SoftwareKeys<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// A whole [`Provider`] in software: [`SoftwareKeys`] and a random source, which must be cryptographically secure.
#[derive(Debug)]
pub struct SoftwareProvider<R, const N: usize> {
    /// The private keys.
    pub keys: SoftwareKeys<N>,
    /// Fills a slice with random bytes.
    pub random: R,
}

impl<R: FnMut(&mut [u8]) -> Result<()>, const N: usize> SoftwareProvider<R, N> {
    /// Without keys, on this random source.
    pub const fn new(random: R) -> Self {
        SoftwareProvider { keys: SoftwareKeys::new(), random }
    }
}

impl<R: FnMut(&mut [u8]) -> Result<()>, const N: usize> Provider for SoftwareProvider<R, N> {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        (self.random)(out)
    }

    fn agree(&mut self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        self.keys.agree(key, curve, peer, shared)
    }

    fn sign(&mut self, key: KeyHandle, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
        self.keys.sign(key, algorithm, message, signature)
    }
}
