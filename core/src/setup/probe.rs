//! Readers and writers that only an endpoint uses, for `tests/fuzz` (private feature `_fuzzing`); not part of the interface.

use super::item::{self, Item};
use super::{Ownership, RECORD, Statement, read_ownership, write_ownership};
use crate::bytes::Writer;
use crate::cbor;
use crate::cose::Thumbprint;
use crate::crypto::Provider;
use crate::edhoc::{Ead, EadItems};
use crate::error::Result;

/// Reads the one item of setup in EAD_3 and writes its value again; false if there is none. Errors: as an endpoint's, `BufferTooSmall`.
pub fn claim_again(ead_3: EadItems<'_>, w: &mut Writer<'_>) -> Result<bool> {
    let Some(item) = item::find(ead_3)? else { return Ok(false) };
    let anchor = match item {
        Item::Setup { tag, anchor } => {
            cbor::write_bytes(w, tag)?;
            anchor
        }
        Item::Release { statement, anchor } => {
            w.put(statement)?;
            anchor
        }
        Item::Delegation { statement } => {
            w.put(statement)?;
            None
        }
    };
    anchor.map_or(Ok(()), |anchor| anchor.write(w, None))?;
    Ok(true)
}

/// Reads the item of EAD_4 that tells an owner what to sign over, and writes its value again; false if it is another.
pub fn told_again(item: &Ead<'_>, w: &mut Writer<'_>) -> Result<bool> {
    let Some((epoch, nonce)) = read_ownership(item)? else { return Ok(false) };
    write_ownership(epoch, &nonce, w)?;
    Ok(true)
}

/// Reads a stored record.
pub fn read_record(p: &mut impl Provider, record: &[u8]) -> Result<Ownership> {
    Ownership::decode(p, record)
}

/// Writes one.
pub fn write_record(p: &mut impl Provider, ownership: &Ownership) -> Result<[u8; RECORD]> {
    ownership.encode(p)
}

/// Whether the owner has stated this about `about`.
pub fn verify<P: Provider>(
    p: &mut P,
    statement: Statement,
    ownership: &Ownership,
    device: &Thumbprint,
    about: &Thumbprint,
    signed: &[u8],
) -> Result<()> {
    statement.verify(p, ownership, device, about, signed)
}
