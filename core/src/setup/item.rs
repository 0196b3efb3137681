//! The EAD items of setup and ownership, written and read (`docs/PROTOCOL.md` §10.3 to §10.6).

use super::ownership::NONCE;
use super::statement::{STATEMENT, check_anchor};
use super::{EAD_DELEGATION, EAD_OWNERSHIP, EAD_RELEASE, EAD_SETUP, SECRET};
use crate::bytes::{Reader, Secret, Writer};
use crate::cbor::{self, Decoder};
use crate::cose::PublicKey;
use crate::edhoc::{Ead, EadItems, Introduction, TAG};
use crate::error::{Error, Result};

/// Longest value of the ownership item.
pub(crate) const MAX_OWNERSHIP_ITEM: usize = 5 + 1 + NONCE;
/// The longest COSE_Key that an anchor is.
const MAX_ANCHOR: usize = 75;

/// Why a device that does not know this endpoint should let it in.
#[derive(Clone, Copy)]
pub enum Claim<'a> {
    /// It knows the setup secret of a device that nobody owns.
    Setup {
        /// From the setup code.
        secret: &'a Secret<SECRET>,
        /// The key by which this owner will sign, Ed25519 or P-256, and no key of its credentials. Nothing: that of its credential, if
        /// that signs; else it can release the device to nobody, and let nobody in.
        anchor: Option<&'a PublicKey>,
    },
    /// The owner has signed the device over to it.
    Release {
        /// What [`sign`](super::sign) wrote.
        statement: &'a [u8],
        /// As in `Setup`.
        anchor: Option<&'a PublicKey>,
    },
    /// The owner has let it in.
    Delegation {
        /// What [`sign`](super::sign) wrote.
        statement: &'a [u8],
    },
    /// The device knows it: it is the owner, or a delegate that was there before.
    Known,
}

/// What a newcomer has shown.
pub(super) enum Item<'a> {
    Setup { tag: &'a [u8; TAG], anchor: Option<PublicKey> },
    Release { statement: &'a [u8], anchor: Option<PublicKey> },
    Delegation { statement: &'a [u8] },
}

/// True for the labels that [`find`] reads.
pub(crate) const fn is_ours(label: i64) -> bool {
    matches!(label, EAD_SETUP | EAD_RELEASE | EAD_DELEGATION)
}

/// The one item in EAD_3. Errors: `Malformed` (also for two), `NotDeterministic`, `InvalidKey` (the anchor).
pub(super) fn find(items: EadItems<'_>) -> Result<Option<Item<'_>>> {
    let mut found = None;
    for item in items {
        let Ead { label, value } = item?;
        if !is_ours(label) {
            continue;
        }
        if found.is_some() {
            return Err(Error::Malformed);
        }
        let mut d = Decoder::new(value.ok_or(Error::Malformed)?);
        found = Some(match label {
            EAD_SETUP => {
                let tag = d.bytes()?.try_into().map_err(|_| Error::Malformed)?;
                Item::Setup { tag, anchor: read_anchor(&d)? }
            }
            EAD_RELEASE => {
                let statement = d.item()?;
                Item::Release { statement, anchor: read_anchor(&d)? }
            }
            _ => {
                let statement = d.item()?;
                d.finish()?;
                Item::Delegation { statement }
            }
        });
    }
    Ok(found)
}

/// A COSE_Key that has nothing but the required members, in the one order.
fn read_anchor(d: &Decoder<'_>) -> Result<Option<PublicKey>> {
    let bytes = d.rest();
    if bytes.is_empty() {
        return Ok(None);
    }
    let (key, _) = PublicKey::parse(bytes)?;
    let mut same = [0; MAX_ANCHOR];
    let mut w = Writer::new(&mut same);
    key.write(&mut w, None)?;
    if w.written() != bytes {
        return Err(Error::Malformed);
    }
    check_anchor(&key)?;
    Ok(Some(key))
}

/// Keeps a claim at the end of a handshake's buffer until TH_3 is known; gives its length. Errors: `InvalidArgument` (a statement of
/// another length), `InvalidKey` (an anchor that does not sign), `BufferTooSmall`.
pub(crate) fn stow(claim: &Claim<'_>, buffer: &mut [u8]) -> Result<usize> {
    let mut kept = [0; KEPT];
    let mut w = Writer::new(&mut kept);
    let (label, secret, first, anchor): (i64, Option<&Secret<SECRET>>, &[u8], _) = match claim {
        Claim::Setup { secret, anchor } => (EAD_SETUP, Some(secret), &NO_TAG, *anchor),
        Claim::Release { statement, anchor } => (EAD_RELEASE, None, statement, *anchor),
        Claim::Delegation { statement } => (EAD_DELEGATION, None, statement, None),
        Claim::Known => (0, None, &[], None),
    };
    if matches!(claim, Claim::Release { .. } | Claim::Delegation { .. }) && first.len() != STATEMENT {
        return Err(Error::InvalidArgument);
    }
    w.put(&label.to_be_bytes())?;
    w.put(secret.map_or(&[0; SECRET], |secret| secret.expose()))?;
    w.put(first)?;
    if let Some(anchor) = anchor {
        check_anchor(anchor)?;
        anchor.write(&mut w, None)?;
    }
    let length = w.len();
    let start = buffer.len().checked_sub(length).ok_or(Error::BufferTooSmall)?;
    crate::bytes::copy(buffer.get_mut(start..).ok_or(Error::Internal)?, w.written());
    zeroize::Zeroize::zeroize(&mut kept);
    Ok(length)
}

/// A tag still to be computed, with its head.
const NO_TAG: [u8; 2 + TAG] = {
    let mut empty = [0; 2 + TAG];
    empty[0] = 0x58;
    empty[1] = TAG as u8;
    empty
};
/// Label, secret, statement, anchor.
const KEPT: usize = 8 + SECRET + STATEMENT + MAX_ANCHOR;

/// A claim that was stowed.
pub(crate) struct Introducing<'a> {
    label: i64,
    secret: Secret<SECRET>,
    value: &'a [u8],
}

impl<'a> Introducing<'a> {
    /// Reads what [`stow`] has written; nothing if there is no claim.
    pub(crate) fn read(kept: &'a [u8]) -> Result<Option<Self>> {
        if kept.is_empty() {
            return Ok(None);
        }
        let mut r = Reader::new(kept);
        let label = i64::from_be_bytes(r.array()?);
        let secret = Secret::from_slice(r.take(SECRET)?)?;
        Ok(Some(Introducing { label, secret, value: r.rest() }))
    }

    /// The item of EAD_3, if the claim takes one.
    pub(crate) fn ead(&self) -> Option<Ead<'a>> {
        (self.label != 0).then_some(Ead { label: self.label, value: Some(self.value) })
    }

    /// What the handshake has to do about it.
    pub(crate) fn introduction(&self) -> Introduction<'_> {
        // The tag stands at the beginning of the value, behind its head.
        let at = self.ead().map(|ead| ead.len().saturating_sub(self.value.len()).saturating_add(2));
        Introduction { setup: at.filter(|_| self.label == EAD_SETUP).map(|at| (&self.secret, at)) }
    }
}

/// The value of the ownership item.
pub(crate) fn write_ownership(epoch: u32, nonce: &[u8; NONCE], w: &mut Writer<'_>) -> Result<()> {
    cbor::write_uint(w, u64::from(epoch))?;
    cbor::write_bytes(w, nonce)
}

/// Epoch and nonce, if this is the ownership item. Errors: `Malformed`, `NotDeterministic`.
pub(crate) fn read_ownership(item: &Ead<'_>) -> Result<Option<(u32, [u8; NONCE])>> {
    if item.label != EAD_OWNERSHIP {
        return Ok(None);
    }
    let mut d = Decoder::new(item.value.ok_or(Error::Malformed)?);
    let epoch = u32::try_from(d.uint()?).map_err(|_| Error::Malformed)?;
    let nonce = d.bytes()?.try_into().map_err(|_| Error::Malformed)?;
    d.finish()?;
    Ok(Some((epoch, nonce)))
}
