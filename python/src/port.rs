//! What the core asks its surroundings for: random numbers, keys, credentials, storage.

use crate::aead;
use crate::keys::{HeldKey, bytes_like};
use crate::peers::Peers;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sealwire_core::Error;
use sealwire_core::bytes::Secret;
use sealwire_core::credential::{Credentials, OwnCredential, Peer as CorePeer, PublicKey, Purposes, Role, TrustAnchor};
use sealwire_core::crypto::{Aead, AuthenticationKey, Curve, KeyHandle, Provider, Signature, Suite};
use sealwire_core::error::Result;
use sealwire_core::persist::Store;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

fn random(out: &mut [u8]) -> Result<()> {
    getrandom::fill(out).map_err(|_| Error::RandomFailed)
}

/// The operating system's random numbers and at most one key: for what is done without an endpoint.
#[derive(Default)]
pub(crate) struct System {
    key: Option<Arc<HeldKey>>,
    pub(crate) cause: Option<PyErr>,
}

impl System {
    pub(crate) fn with_key(key: Arc<HeldKey>) -> Self {
        System { key: Some(key), cause: None }
    }
}

impl Provider for System {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        random(out)
    }

    fn agree(&mut self, _key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        let key = self.key.as_ref().ok_or(Error::UnknownKey)?;
        key.agree(curve, peer, shared, &mut self.cause)
    }

    fn sign(&mut self, _key: KeyHandle, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
        let key = self.key.as_ref().ok_or(Error::UnknownKey)?;
        key.sign(algorithm, message, signature, &mut self.cause)
    }

    fn seal(&mut self, algorithm: Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &mut [u8]) -> Result<()> {
        aead::seal(algorithm, key, nonce, aad, buffer, tag)
    }

    fn open(&mut self, algorithm: Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &[u8]) -> Result<()> {
        aead::open(algorithm, key, nonce, aad, buffer, tag)
    }
}

/// An own credential with its key.
pub(crate) struct Own {
    pub(crate) credential: Vec<u8>,
    pub(crate) key: Arc<HeldKey>,
    pub(crate) by_value: bool,
}

/// An issuer.
pub(crate) struct Anchor {
    pub(crate) key: PublicKey,
    pub(crate) kid: Vec<u8>,
    pub(crate) purposes: Purposes,
}

/// The surroundings of an endpoint.
pub(crate) struct PyPort {
    pub(crate) own: Vec<Own>,
    pub(crate) peers: Peers,
    pub(crate) anchors: Vec<Anchor>,
    pub(crate) store: Py<PyAny>,
    pub(crate) resists_rollback: bool,
    pub(crate) authorize: Option<Py<PyAny>>,
    pub(crate) trust_clock: bool,
    /// The exception of the callback that made the operation fail.
    pub(crate) cause: Option<PyErr>,
}

impl Provider for PyPort {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        random(out)
    }

    fn agree(&mut self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        let own = usize::try_from(key.0).ok().and_then(|index| self.own.get(index)).ok_or(Error::UnknownKey)?;
        own.key.agree(curve, peer, shared, &mut self.cause)
    }

    fn sign(&mut self, key: KeyHandle, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
        let own = usize::try_from(key.0).ok().and_then(|index| self.own.get(index)).ok_or(Error::UnknownKey)?;
        own.key.sign(algorithm, message, signature, &mut self.cause)
    }

    fn seal(&mut self, algorithm: Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &mut [u8]) -> Result<()> {
        aead::seal(algorithm, key, nonce, aad, buffer, tag)
    }

    fn open(&mut self, algorithm: Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &[u8]) -> Result<()> {
        aead::open(algorithm, key, nonce, aad, buffer, tag)
    }
}

fn copy(bytes: &[u8], out: &mut [u8]) -> Result<usize> {
    out.get_mut(..bytes.len()).ok_or(Error::BufferTooSmall)?.copy_from_slice(bytes);
    Ok(bytes.len())
}

impl Credentials for PyPort {
    fn own(&self, suite: Suite, sort: AuthenticationKey, out: &mut [u8]) -> Result<OwnCredential> {
        let fits = |own: &Own| own.key.serves(suite, sort);
        let (index, own) = self.own.iter().enumerate().find(|(_, own)| fits(own)).ok_or(Error::UnknownCredential)?;
        let key = KeyHandle(u32::try_from(index).map_err(|_| Error::Internal)?);
        Ok(OwnCredential { len: copy(&own.credential, out)?, key, by_value: own.by_value })
    }

    fn candidate(&self, kid: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        self.peers.candidate(kid, nth).map(|credential| copy(credential, out)).transpose()
    }

    fn candidate_x5t(&self, hash: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        self.peers.candidate_x5t(hash, nth).map(|credential| copy(credential, out)).transpose()
    }

    fn known(&self, credential: &[u8]) -> bool {
        self.peers.contain(credential)
    }

    fn anchor(&self, nth: usize) -> Option<TrustAnchor<'_>> {
        self.anchors.get(nth).map(|anchor| TrustAnchor { key: anchor.key, kid: &anchor.kid, purposes: anchor.purposes })
    }

    fn now_s(&self) -> Option<u64> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        self.trust_clock.then_some(since.as_secs())
    }

    fn authorize(&mut self, peer: &CorePeer<'_>) -> bool {
        let Some(authorize) = &self.authorize else {
            return peer.inbox.is_none_or(|name| peer.credential.subject.is_some_and(|subject| subject.as_bytes() == name));
        };
        let answer = Python::attach(|py| {
            let described = Peer {
                thumbprint: PyBytes::new(py, &peer.thumbprint.0).unbind(),
                credential: PyBytes::new(py, peer.credential.bytes).unbind(),
                subject: peer.credential.subject.map(str::to_owned),
                inbox: peer.inbox.and_then(|name| core::str::from_utf8(name).ok()).map(str::to_owned),
                role: match peer.role {
                    Role::Initiator => "initiator",
                    Role::Responder => "responder",
                },
            };
            authorize.bind(py).call1((Py::new(py, described)?,))?.is_truthy()
        });
        answer.unwrap_or_else(|raised| {
            self.cause = Some(raised);
            false
        })
    }
}

impl Store for PyPort {
    fn load(&mut self, key: u32, out: &mut [u8]) -> Result<usize> {
        let loaded = Python::attach(|py| {
            let answer = self.store.bind(py).call_method1("load", (key,))?;
            if answer.is_none() { Ok(Vec::new()) } else { bytes_like(&answer) }
        });
        match loaded {
            Ok(bytes) => copy(&bytes, out).map_err(|_| Error::CorruptState),
            Err(raised) => {
                self.cause = Some(raised);
                Err(Error::StorageFailed)
            }
        }
    }

    fn save(&mut self, key: u32, data: &[u8]) -> Result<()> {
        let saved = Python::attach(|py| self.store.bind(py).call_method1("save", (key, PyBytes::new(py, data))).map(|_| ()));
        saved.map_err(|raised| {
            self.cause = Some(raised);
            Error::StorageFailed
        })
    }

    fn resists_rollback(&self) -> bool {
        self.resists_rollback
    }

    fn slots(&self) -> u32 {
        // Optional: without it, every key is asked for.
        let told = Python::attach(|py| self.store.bind(py).call_method0("slots").and_then(|slots| slots.extract::<u32>()).ok());
        told.unwrap_or(u32::MAX)
    }
}

/// A peer whose handshake has verified, as the `authorize` callable sees it.
#[pyclass(frozen, get_all, module = "sealwire")]
pub(crate) struct Peer {
    thumbprint: Py<PyBytes>,
    credential: Py<PyBytes>,
    subject: Option<String>,
    inbox: Option<String>,
    role: &'static str,
}
