//! Who owns a device: a value, and the values that may follow it (`docs/PROTOCOL.md` §10.2).

use crate::bytes::equal;
use crate::cose::{PublicKey, Thumbprint};
use crate::crypto::HASH;
use crate::error::{Error, Result};

/// Length of a device's nonce in bytes.
pub const NONCE: usize = 8;
/// Most delegates at a time.
pub const MAX_DELEGATES: usize = 3;
/// Length of a mark in bytes.
pub(super) const MARK: usize = 16;

/// What somebody is to a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Neither; a provisioned peer, perhaps.
    #[default]
    None = 0,
    /// Its owner.
    Owner = 1,
    /// Somebody whom the owner has let in.
    Delegate = 2,
}

/// Somebody a device knows by its credential's hash alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Party {
    pub(super) thumbprint: Thumbprint,
    /// SHA-256(CRED_I), its beginning.
    pub(super) mark: [u8; MARK],
}

impl Party {
    pub(super) fn new(thumbprint: Thumbprint, cred_i: &[u8; HASH]) -> Result<Self> {
        Ok(Party { thumbprint, mark: *cred_i.first_chunk().ok_or(Error::Internal)? })
    }

    fn is(&self, other: &Party) -> bool {
        equal(&self.thumbprint.0, &other.thumbprint.0) && equal(&self.mark, &other.mark)
    }
}

/// Who owns a device. `Ownership::default()` is the state in which it is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    pub(super) epoch: u32,
    pub(super) nonce: [u8; NONCE],
    pub(super) owner: Option<Party>,
    pub(super) anchor: Option<PublicKey>,
    pub(super) delegates: [Option<Party>; MAX_DELEGATES],
    pub(super) wiping: bool,
}

impl Ownership {
    /// One more with every release and every reset.
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// What statements of the owner are signed over, besides the epoch.
    pub const fn nonce(&self) -> &[u8; NONCE] {
        &self.nonce
    }

    /// The owner, if there is one.
    pub fn owner(&self) -> Option<Thumbprint> {
        self.owner.map(|owner| owner.thumbprint)
    }

    /// The key by which the owner signs.
    pub const fn anchor(&self) -> Option<&PublicKey> {
        self.anchor.as_ref()
    }

    /// Whom the owner has let in.
    pub fn delegates(&self) -> impl Iterator<Item = Thumbprint> {
        self.delegates.iter().flatten().map(|delegate| delegate.thumbprint)
    }

    /// What a peer, authenticated, is to this device.
    pub fn standing(&self, peer: &Thumbprint) -> Standing {
        self.standing_where(|known| known.thumbprint == *peer)
    }

    /// True while sessions of an earlier epoch may still be stored.
    pub const fn is_wiping(&self) -> bool {
        self.wiping
    }

    /// The standing of somebody who shows exactly this credential.
    pub(super) fn standing_of(&self, party: &Party) -> Standing {
        self.standing_where(|known| known.is(party))
    }

    fn standing_where(&self, is: impl Fn(&Party) -> bool) -> Standing {
        if self.owner.as_ref().is_some_and(&is) {
            Standing::Owner
        } else if self.delegates.iter().flatten().any(is) {
            Standing::Delegate
        } else {
            Standing::None
        }
    }

    // ---- what may follow

    /// After setup.
    pub(super) const fn taken(&self, owner: Party, anchor: Option<PublicKey>, nonce: [u8; NONCE]) -> Self {
        Ownership { epoch: self.epoch, nonce, owner: Some(owner), anchor, delegates: [None; MAX_DELEGATES], wiping: self.wiping }
    }

    /// After a release, or with nobody a reset. Error: `WrongState` in the last epoch.
    pub(super) fn raised(&self, owner: Option<Party>, anchor: Option<PublicKey>, nonce: [u8; NONCE]) -> Result<Self> {
        let epoch = self.epoch.checked_add(1).ok_or(Error::WrongState)?;
        Ok(Ownership { epoch, nonce, owner, anchor, delegates: [None; MAX_DELEGATES], wiping: true })
    }

    /// After a delegation. Error: `NoSpace`.
    pub(super) fn delegated(&self, delegate: Party) -> Result<Self> {
        let mut next = *self;
        // The same key under another credential takes the place of the one before.
        let place = next.delegates.iter().position(|place| place.is_some_and(|known| known.thumbprint == delegate.thumbprint));
        let place = place.or_else(|| next.delegates.iter().position(Option::is_none)).ok_or(Error::NoSpace)?;
        *next.delegates.get_mut(place).ok_or(Error::Internal)? = Some(delegate);
        Ok(next)
    }

    /// After a revocation. Error: `UnknownCredential` if there is no such delegate.
    pub(super) fn revoked(&self, delegate: &Thumbprint, nonce: [u8; NONCE]) -> Result<Self> {
        let mut next = Ownership { nonce, ..*self };
        let mut found = false;
        for place in &mut next.delegates {
            if place.is_some_and(|known| known.thumbprint == *delegate) {
                *place = None;
                found = true;
            }
        }
        if found { Ok(next) } else { Err(Error::UnknownCredential) }
    }

    /// When everything of earlier epochs has been erased.
    pub(super) const fn wiped(&self) -> Self {
        Ownership { wiping: false, ..*self }
    }
}
