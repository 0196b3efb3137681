//! What an endpoint needs, in memory: two parties that know each other by kid.

use sealwire_core::bytes::{Secret, Writer};
use sealwire_core::credential::{Credentials, OwnCredential, TrustAnchor, write_ccs};
use sealwire_core::crypto::software::{self, KeyKind, SoftwareKeys};
use sealwire_core::crypto::{AuthenticationKey, Curve, KeyHandle, Provider, Signature, Suite};
use sealwire_core::error::{Error, Result};
use sealwire_core::persist::Store;
use std::collections::HashMap;

/// One party: its key, its credential, the other's credential, and a store that counts as resisting rollback, so that the
/// measured records include what durability costs apart from the medium.
pub(crate) struct Party {
    keys: SoftwareKeys<1>,
    handle: KeyHandle,
    own: Vec<u8>,
    peer: Vec<u8>,
    peer_kid: Vec<u8>,
    stored: HashMap<u32, Vec<u8>>,
}

/// A key with its credential.
pub(crate) struct Identity {
    pub(crate) private: Secret<32>,
    pub(crate) ccs: Vec<u8>,
}

/// Two identities with the kids 1 and 2.
pub(crate) fn identities(suite: Suite) -> [Identity; 2] {
    let kind = KeyKind::for_agreement(suite.curve());
    [("one", [1]), ("other", [2])].map(|(name, kid)| {
        let private = software::generate(kind, fill).expect("a key");
        let public = software::public_key(kind, &private).expect("its public key");
        let mut buffer = [0; 256];
        let mut writer = Writer::new(&mut buffer);
        write_ccs(&mut writer, name, &public, &kid).expect("a credential");
        Identity { private, ccs: writer.written().to_vec() }
    })
}

/// Two parties for a suite.
pub(crate) fn parties(suite: Suite) -> (Party, Party) {
    let kind = KeyKind::for_agreement(suite.curve());
    let [one, other] = identities(suite);
    let (one_ccs, other_ccs) = (one.ccs.clone(), other.ccs.clone());
    (Party::new(kind, one.private, one.ccs, other_ccs, &[2]), Party::new(kind, other.private, other.ccs, one_ccs, &[1]))
}

fn fill(out: &mut [u8]) -> Result<()> {
    getrandom::fill(out).map_err(|_| Error::RandomFailed)
}

impl Party {
    fn new(kind: KeyKind, private: Secret<32>, own: Vec<u8>, peer: Vec<u8>, peer_kid: &[u8]) -> Self {
        let mut keys = SoftwareKeys::new();
        let handle = keys.add(kind, private).expect("room for a key");
        Party { keys, handle, own, peer, peer_kid: peer_kid.to_vec(), stored: HashMap::new() }
    }

    /// Empties the store, as for a new device.
    pub(crate) fn forget(&mut self) {
        self.stored.clear();
    }
}

impl Provider for Party {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        fill(out)
    }

    fn agree(&mut self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        self.keys.agree(key, curve, peer, shared)
    }

    fn sign(&mut self, key: KeyHandle, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
        self.keys.sign(key, algorithm, message, signature)
    }
}

fn copy(bytes: &[u8], out: &mut [u8]) -> Result<usize> {
    out.get_mut(..bytes.len()).ok_or(Error::BufferTooSmall)?.copy_from_slice(bytes);
    Ok(bytes.len())
}

impl Credentials for Party {
    fn own(&self, _suite: Suite, _sort: AuthenticationKey, out: &mut [u8]) -> Result<OwnCredential> {
        Ok(OwnCredential { len: copy(&self.own, out)?, key: self.handle, by_value: false })
    }

    fn candidate(&self, kid: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        if kid == self.peer_kid && nth == 0 { copy(&self.peer, out).map(Some) } else { Ok(None) }
    }

    fn known(&self, credential: &[u8]) -> bool {
        credential == self.peer
    }

    fn anchor(&self, _nth: usize) -> Option<TrustAnchor<'_>> {
        None
    }
}

impl Store for Party {
    fn load(&mut self, key: u32, out: &mut [u8]) -> Result<usize> {
        self.stored.get(&key).map_or(Ok(0), |data| copy(data, out))
    }

    fn save(&mut self, key: u32, data: &[u8]) -> Result<()> {
        self.stored.insert(key, data.to_vec());
        Ok(())
    }

    fn resists_rollback(&self) -> bool {
        true
    }
}
