//! What the core asks its surroundings for: random numbers, keys, credentials, storage.

use crate::callback::{Authorizer, Keystore, PeerInfo, Storage};
use crate::keys::Key;
use sealwire_core::Error;
use sealwire_core::bytes::Secret;
use sealwire_core::credential::{Credentials, OwnCredential, Peer, PublicKey, Purposes, Thumbprint, TrustAnchor};
use sealwire_core::crypto::{AuthenticationKey, Curve, KeyHandle, Provider, Signature, Suite};
use sealwire_core::error::Result;
use sealwire_core::persist::Store;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) fn random(out: &mut [u8]) -> Result<()> {
    getrandom::fill(out).map_err(|_| Error::RandomFailed)
}

pub(crate) struct Own {
    pub(crate) credential: Vec<u8>,
    pub(crate) key: Arc<Key>,
}

/// A provisioned credential. A phone has few of them: they are searched in order.
pub(crate) struct Known {
    pub(crate) credential: Vec<u8>,
    pub(crate) kid: Option<Vec<u8>>,
    /// SHA-256 of a certificate.
    pub(crate) x5t: Option<[u8; 32]>,
    pub(crate) thumbprint: Thumbprint,
}

pub(crate) struct Anchor {
    pub(crate) key: PublicKey,
    pub(crate) kid: Vec<u8>,
    pub(crate) purposes: Purposes,
}

/// The surroundings of an endpoint.
pub(crate) struct Port {
    pub(crate) own: Vec<Own>,
    pub(crate) by_value: bool,
    pub(crate) peers: Vec<Known>,
    pub(crate) anchors: Vec<Anchor>,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) resists_rollback: bool,
    pub(crate) keystore: Option<Arc<dyn Keystore>>,
    pub(crate) authorizer: Option<Arc<dyn Authorizer>>,
    pub(crate) trust_clock: bool,
    /// Why the callback failed that made the operation fail.
    pub(crate) cause: Option<String>,
}

impl Port {
    fn key(&self, key: KeyHandle) -> Result<&Arc<Key>> {
        let index = usize::try_from(key.0).map_err(|_| Error::UnknownKey)?;
        self.own.get(index).map(|own| &own.key).ok_or(Error::UnknownKey)
    }

    /// Whether one of the own credentials has this identity.
    pub(crate) fn is_own(&mut self, thumbprint: &Thumbprint) -> Result<bool> {
        for place in 0..self.own.len() {
            let public = self.own.get(place).ok_or(Error::Internal)?.key.public;
            if public.thumbprint(self)? == *thumbprint {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Provider for Port {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        random(out)
    }

    fn agree(&mut self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        let key = Arc::clone(self.key(key)?);
        key.agree(self.keystore.as_deref(), curve, peer, shared, &mut self.cause)
    }

    fn sign(&mut self, key: KeyHandle, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
        let key = Arc::clone(self.key(key)?);
        key.sign(self.keystore.as_deref(), algorithm, message, signature, &mut self.cause)
    }
}

fn copy(bytes: &[u8], out: &mut [u8]) -> Result<usize> {
    out.get_mut(..bytes.len()).ok_or(Error::BufferTooSmall)?.copy_from_slice(bytes);
    Ok(bytes.len())
}

impl Credentials for Port {
    fn own(&self, suite: Suite, sort: AuthenticationKey, out: &mut [u8]) -> Result<OwnCredential> {
        let found = self.own.iter().enumerate().find(|(_, own)| own.key.serves(suite, sort));
        let (index, own) = found.ok_or(Error::UnknownCredential)?;
        let key = KeyHandle(u32::try_from(index).map_err(|_| Error::Internal)?);
        Ok(OwnCredential { len: copy(&own.credential, out)?, key, by_value: self.by_value })
    }

    fn candidate(&self, kid: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        let found = self.peers.iter().filter(|known| known.kid.as_deref() == Some(kid)).nth(nth);
        found.map(|known| copy(&known.credential, out)).transpose()
    }

    fn candidate_x5t(&self, hash: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        let found = self.peers.iter().filter(|known| known.x5t.is_some_and(|whole| whole.starts_with(hash))).nth(nth);
        found.map(|known| copy(&known.credential, out)).transpose()
    }

    fn known(&self, credential: &[u8]) -> bool {
        self.peers.iter().any(|known| known.credential == credential)
    }

    fn anchor(&self, nth: usize) -> Option<TrustAnchor<'_>> {
        self.anchors.get(nth).map(|anchor| TrustAnchor { key: anchor.key, kid: &anchor.kid, purposes: anchor.purposes })
    }

    fn now_s(&self) -> Option<u64> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        self.trust_clock.then_some(since.as_secs())
    }

    fn authorize(&mut self, peer: &Peer<'_>) -> bool {
        let Some(authorizer) = &self.authorizer else {
            return peer.inbox.is_none_or(|name| peer.credential.subject.is_some_and(|subject| subject.as_bytes() == name));
        };
        let described = PeerInfo {
            thumbprint: peer.thumbprint.0.to_vec(),
            credential: peer.credential.bytes.to_vec(),
            subject: peer.credential.subject.map(str::to_owned),
            inbox: peer.inbox.and_then(|name| std::str::from_utf8(name).ok()).map(str::to_owned),
            role: peer.role.into(),
        };
        authorizer.authorize(described).unwrap_or_else(|refused| {
            self.cause = Some(refused.to_string());
            false
        })
    }
}

impl Store for Port {
    fn load(&mut self, key: u32, out: &mut [u8]) -> Result<usize> {
        match self.storage.load(key) {
            Ok(data) => copy(&zeroize::Zeroizing::new(data.unwrap_or_default()), out).map_err(|_| Error::CorruptState),
            Err(failed) => {
                self.cause = Some(failed.to_string());
                Err(Error::StorageFailed)
            }
        }
    }

    fn save(&mut self, key: u32, data: &[u8]) -> Result<()> {
        self.storage.save(key, data.to_vec()).map_err(|failed| {
            self.cause = Some(failed.to_string());
            Error::StorageFailed
        })
    }

    fn resists_rollback(&self) -> bool {
        self.resists_rollback
    }
}
