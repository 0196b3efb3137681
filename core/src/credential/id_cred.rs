//! ID_CRED_x: how a handshake names a credential (RFC 9528 §3.5.3).

use crate::bytes::Writer;
use crate::cbor::{self, Decoder, Kind};
use crate::error::{Error, Result};

const KID: u64 = 4;
const KCWT: u64 = 13;
const KCCS: u64 = 14;

/// ID_CRED_x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdCred<'a> {
    /// `{4: kid}`: by reference.
    Kid(&'a [u8]),
    /// `{14: CCS}`: by value; the encoded claims map.
    Ccs(&'a [u8]),
    /// `{13: COSE_Sign1}`: by value; the encoded array.
    Cwt(&'a [u8]),
}

/// True for the byte strings that EDHOC sends as an integer: one byte that is itself the encoding of one (RFC 9528 §3.3.2).
const fn is_integer(bytes: &[u8]) -> bool {
    matches!(bytes, [0x00..=0x17 | 0x20..=0x37])
}

impl<'a> IdCred<'a> {
    /// Takes ID_CRED_x from a PLAINTEXT: a kid compacted to a byte string or an integer, or a map.
    ///
    /// Errors: `Malformed`, `NotDeterministic` (a kid that had to be compacted, but was not), `UnknownCredential` (a map that names a
    /// credential in a way the protocol does not have).
    pub fn parse_plaintext(d: &mut Decoder<'a>) -> Result<Self> {
        match d.kind()? {
            Kind::Uint | Kind::Nint => {
                let kid = d.item()?;
                if is_integer(kid) { Ok(IdCred::Kid(kid)) } else { Err(Error::Malformed) }
            }
            Kind::Bytes => {
                let kid = d.bytes()?;
                if is_integer(kid) { Err(Error::NotDeterministic) } else { Ok(IdCred::Kid(kid)) }
            }
            Kind::Map => {
                let id = Self::parse_map(d)?;
                // A kid alone is always compacted.
                if matches!(id, IdCred::Kid(_)) { Err(Error::NotDeterministic) } else { Ok(id) }
            }
            _ => Err(Error::Malformed),
        }
    }

    /// Takes ID_CRED_x in its map form. Errors: `Malformed`, `NotDeterministic`, `UnknownCredential`.
    pub fn parse_map(d: &mut Decoder<'a>) -> Result<Self> {
        let map = d.unordered_item()?;
        let mut inner = Decoder::unordered(map);
        if inner.map()? != 1 || inner.kind()? != Kind::Uint {
            return Err(Error::UnknownCredential);
        }
        let id = match inner.uint()? {
            KID => IdCred::Kid(inner.bytes()?),
            KCCS if inner.kind()? == Kind::Map => IdCred::Ccs(inner.item()?),
            KCWT if inner.kind()? == Kind::Array => IdCred::Cwt(inner.item()?),
            KCCS | KCWT => return Err(Error::Malformed),
            _ => return Err(Error::UnknownCredential),
        };
        Ok(id)
    }

    /// The COSE header label in the map form.
    pub const fn label(&self) -> u64 {
        match self {
            IdCred::Kid(_) => KID,
            IdCred::Ccs(_) => KCCS,
            IdCred::Cwt(_) => KCWT,
        }
    }

    /// Length in bytes of the form for a PLAINTEXT.
    pub const fn plaintext_len(&self) -> usize {
        match self {
            IdCred::Kid(kid) if is_integer(kid) => 1,
            IdCred::Kid(kid) => kid.len().saturating_add(cbor::head_len(kid.len() as u64)),
            IdCred::Ccs(_) | IdCred::Cwt(_) => self.map_len(),
        }
    }

    /// Writes the form for a PLAINTEXT. Error: `BufferTooSmall`.
    pub fn write_plaintext(&self, w: &mut Writer<'_>) -> Result<()> {
        match self {
            IdCred::Kid(kid) if is_integer(kid) => w.put(kid),
            IdCred::Kid(kid) => cbor::write_bytes(w, kid),
            IdCred::Ccs(_) | IdCred::Cwt(_) => self.write_map(w),
        }
    }

    /// Writes the map: the form for contexts. Error: `BufferTooSmall`.
    pub fn write_map(&self, w: &mut Writer<'_>) -> Result<()> {
        cbor::write_map(w, 1)?;
        match self {
            IdCred::Kid(kid) => {
                cbor::write_uint(w, KID)?;
                cbor::write_bytes(w, kid)
            }
            IdCred::Ccs(bytes) => {
                cbor::write_uint(w, KCCS)?;
                w.put(bytes)
            }
            IdCred::Cwt(bytes) => {
                cbor::write_uint(w, KCWT)?;
                w.put(bytes)
            }
        }
    }

    /// Length in bytes of the map form.
    pub const fn map_len(&self) -> usize {
        match self {
            IdCred::Kid(kid) => kid.len().saturating_add(cbor::head_len(kid.len() as u64)).saturating_add(2),
            IdCred::Ccs(bytes) | IdCred::Cwt(bytes) => bytes.len().saturating_add(2),
        }
    }
}
