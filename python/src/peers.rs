//! The provisioned credentials of peers, found at once among a hundred thousand.

use sealwire_core::credential::Thumbprint;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

/// A provisioned credential of a peer.
pub(crate) struct Known {
    pub(crate) credential: Vec<u8>,
    /// Nothing if there is none, as in a certificate: then no kid names it.
    pub(crate) kid: Option<Vec<u8>>,
    /// SHA-256 of a certificate.
    pub(crate) x5t: Option<[u8; 32]>,
    pub(crate) thumbprint: Thumbprint,
}

/// All of them; those of one kid in the order in which they came.
#[derive(Default)]
pub(crate) struct Peers {
    credentials: HashSet<Vec<u8>>,
    kids: HashMap<Vec<u8>, Vec<Arc<Known>>>,
    /// By what both lengths of x5t begin with.
    hashes: HashMap<[u8; 8], Vec<Arc<Known>>>,
    thumbprints: HashMap<[u8; 16], Vec<Arc<Known>>>,
}

impl Peers {
    /// Adds one, unless it is there.
    pub(crate) fn add(&mut self, known: Known) {
        if self.credentials.insert(known.credential.clone()) {
            let known = Arc::new(known);
            if let Some(kid) = &known.kid {
                self.kids.entry(kid.clone()).or_default().push(Arc::clone(&known));
            }
            if let Some(short) = known.x5t.as_ref().and_then(|whole| whole.first_chunk()) {
                self.hashes.entry(*short).or_default().push(Arc::clone(&known));
            }
            self.thumbprints.entry(known.thumbprint.0).or_default().push(known);
        }
    }

    /// Removes those of one peer; tells whether there were any.
    pub(crate) fn remove(&mut self, thumbprint: &Thumbprint) -> bool {
        let gone = self.thumbprints.remove(&thumbprint.0).unwrap_or_default();
        for known in &gone {
            self.credentials.remove(&known.credential);
            if let Some(kid) = &known.kid {
                leave(&mut self.kids, kid, known);
            }
            if let Some(short) = known.x5t.as_ref().and_then(|whole| whole.first_chunk()) {
                leave(&mut self.hashes, short, known);
            }
        }
        !gone.is_empty()
    }

    /// The `nth` credential of a kid.
    pub(crate) fn candidate(&self, kid: &[u8], nth: usize) -> Option<&[u8]> {
        self.kids.get(kid).and_then(|same| same.get(nth)).map(|known| known.credential.as_slice())
    }

    /// The `nth` certificate whose SHA-256 begins with `hash`, of 8 bytes or more.
    pub(crate) fn candidate_x5t(&self, hash: &[u8], nth: usize) -> Option<&[u8]> {
        let same = self.hashes.get(hash.first_chunk::<8>()?)?;
        let found = same.iter().filter(|known| known.x5t.is_some_and(|whole| whole.starts_with(hash))).nth(nth);
        found.map(|known| known.credential.as_slice())
    }

    /// Are these the bytes of one?
    pub(crate) fn contain(&self, credential: &[u8]) -> bool {
        self.credentials.contains(credential)
    }
}

fn leave<K: Eq + Hash>(index: &mut HashMap<K, Vec<Arc<Known>>>, key: &K, known: &Arc<Known>) {
    if let Some(same) = index.get_mut(key) {
        same.retain(|other| !Arc::ptr_eq(other, known));
        if same.is_empty() {
            index.remove(key);
        }
    }
}

impl FromIterator<Known> for Peers {
    fn from_iter<I: IntoIterator<Item = Known>>(all: I) -> Self {
        let mut peers = Peers::default();
        for known in all {
            peers.add(known);
        }
        peers
    }
}
