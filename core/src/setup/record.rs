//! The stored form of an ownership, version 1 (`docs/PROTOCOL.md` §10.7).

use super::ownership::{MAX_DELEGATES, Ownership, Party};
use crate::bytes::{Reader, Writer, equal};
use crate::cose::{KeyCurve, PublicKey, Thumbprint};
use crate::crypto::Provider;
use crate::error::{Error, Result};

/// Length of the record in bytes.
pub const RECORD: usize = 215;

const VERSION: u8 = 1;
const CHECK: usize = 8;
const OWNED: u8 = 1;
const WIPING: u8 = 2;
const ABSENT: [u8; 32] = [0; 32];

impl Ownership {
    /// Writes the record.
    pub(crate) fn encode(&self, p: &mut impl Provider) -> Result<[u8; RECORD]> {
        let mut out = [0; RECORD];
        let mut w = Writer::new(&mut out);
        w.u8(VERSION)?;
        w.u8(if self.owner.is_some() { OWNED } else { 0 } | if self.wiping { WIPING } else { 0 })?;
        w.put(&self.epoch.to_be_bytes())?;
        w.put(&self.nonce)?;
        write_party(&mut w, self.owner.as_ref())?;
        let (curve, x, y) = match &self.anchor {
            Some(key) => (key.curve as u8, key.x, key.y.unwrap_or_default()),
            None => (0, ABSENT, ABSENT),
        };
        w.u8(curve)?;
        w.put(&x)?;
        w.put(&y)?;
        self.delegates.iter().try_for_each(|delegate| write_party(&mut w, delegate.as_ref()))?;
        let check = p.hash(&[w.written()]);
        w.put(check.first_chunk::<CHECK>().ok_or(Error::Internal)?)?;
        Ok(out)
    }

    /// Reads a record; no bytes at all are a device that was never owned. Errors: `CorruptState`, `UnsupportedState`.
    pub(crate) fn decode(p: &mut impl Provider, record: &[u8]) -> Result<Self> {
        let Some(version) = record.first() else { return Ok(Ownership::default()) };
        if *version != VERSION {
            return Err(if *version > VERSION { Error::UnsupportedState } else { Error::CorruptState });
        }
        let record: &[u8; RECORD] = record.try_into().map_err(|_| Error::CorruptState)?;
        let (content, check) = record.split_at_checked(RECORD.saturating_sub(CHECK)).ok_or(Error::Internal)?;
        if !equal(p.hash(&[content]).first_chunk::<CHECK>().ok_or(Error::Internal)?, check) {
            return Err(Error::CorruptState);
        }
        read(content).map_err(|_| Error::CorruptState)
    }
}

fn read(content: &[u8]) -> Result<Ownership> {
    let mut r = Reader::new(content);
    r.u8()?;
    let flags = r.u8()?;
    let epoch = u32::from_be_bytes(r.array()?);
    let nonce = r.array()?;
    let owner = read_party(&mut r)?;
    let (curve, x, y) = (r.u8()?, r.array()?, r.array()?);
    // What is absent is zero: a record has one form.
    let anchor = match curve {
        0 if x == ABSENT && y == ABSENT => None,
        6 if y == ABSENT => Some(PublicKey::new(KeyCurve::Ed25519, x, None)?),
        1 => Some(PublicKey::new(KeyCurve::P256, x, Some(y))?),
        _ => return Err(Error::CorruptState),
    };
    let mut delegates = [None; MAX_DELEGATES];
    for place in &mut delegates {
        *place = read_party(&mut r)?;
    }
    let owned = flags & OWNED != 0;
    if flags & !(OWNED | WIPING) != 0 || owned != owner.is_some() || !owned && (anchor.is_some() || delegates.iter().any(Option::is_some)) {
        return Err(Error::CorruptState);
    }
    Ok(Ownership { epoch, nonce, owner, anchor, delegates, wiping: flags & WIPING != 0 })
}

fn write_party(w: &mut Writer<'_>, party: Option<&Party>) -> Result<()> {
    w.put(&party.map_or([0; 16], |party| party.thumbprint.0))?;
    w.put(&party.map_or([0; 16], |party| party.mark))
}

fn read_party(r: &mut Reader<'_>) -> Result<Option<Party>> {
    let party = Party { thumbprint: Thumbprint(r.array()?), mark: r.array()? };
    let nobody = Party { thumbprint: Thumbprint([0; 16]), mark: [0; 16] };
    Ok((party != nobody).then_some(party))
}

const _: () = assert!(RECORD == 14 + 32 + 65 + 32 * MAX_DELEGATES + CHECK);
