//! ID_CRED_x: how a handshake names a credential (RFC 9528 §3.5.3).

use crate::bytes::Writer;
use crate::cbor::{self, Decoder, Kind};
use crate::error::{Error, Result};

const KID: u64 = 4;
const KCWT: u64 = 13;
const KCCS: u64 = 14;
const X5CHAIN: u64 = 33;
const X5T: u64 = 34;

/// COSE numbers of the hashes in x5t (RFC 9360): SHA-256/64 with its length, and SHA-256.
const SHA_256_64: (i64, usize) = (-15, 8);
const SHA_256: (i64, usize) = (-16, 32);

/// Length of an x5t with SHA-256/64.
pub(crate) const X5T_LEN: usize = 11;

/// ID_CRED_x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdCred<'a> {
    /// `{4: kid}`: by reference.
    Kid(&'a [u8]),
    /// `{14: CCS}`: by value; the encoded claims map.
    Ccs(&'a [u8]),
    /// `{13: COSE_Sign1}`: by value; the encoded array.
    Cwt(&'a [u8]),
    /// `{34: [alg, hash]}`: a certificate by reference; the encoded array, with SHA-256/64 (−15) or SHA-256 (−16).
    X5t(&'a [u8]),
    /// `{33: bstr}` or `{33: [2*3 bstr]}`: certificates by value, the holder's first; the encoded byte string or array.
    X5Chain(&'a [u8]),
}

/// True for the byte strings that EDHOC sends as an integer: one byte that is itself the encoding of one (RFC 9528 §3.3.2).
const fn is_integer(bytes: &[u8]) -> bool {
    matches!(bytes, [0x00..=0x17 | 0x20..=0x37])
}

impl<'a> IdCred<'a> {
    /// Takes ID_CRED_x from a PLAINTEXT: a kid compacted to a byte string or an integer, or a map.
    ///
    /// Errors: `Malformed`, `NotDeterministic` (a kid that had to be compacted, but was not), `UnsupportedCredential` (a map that names a
    /// credential in a way that this build does not have).
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

    /// Takes ID_CRED_x in its map form. Errors: `Malformed`, `NotDeterministic`, `UnsupportedCredential`.
    pub fn parse_map(d: &mut Decoder<'a>) -> Result<Self> {
        let map = d.unordered_item()?;
        let mut inner = Decoder::unordered(map);
        if inner.map()? != 1 || inner.kind()? != Kind::Uint {
            return Err(Error::UnsupportedCredential);
        }
        let id = match inner.uint()? {
            KID => IdCred::Kid(inner.bytes()?),
            KCCS if inner.kind()? == Kind::Map => IdCred::Ccs(inner.item()?),
            KCWT if inner.kind()? == Kind::Array => IdCred::Cwt(inner.item()?),
            KCCS | KCWT => return Err(Error::Malformed),
            X5T if cfg!(feature = "x509") => {
                let value = inner.item()?;
                x5t_hash(value)?;
                IdCred::X5t(value)
            }
            X5CHAIN if cfg!(feature = "x509") => {
                let value = inner.item()?;
                x5chain(value)?;
                IdCred::X5Chain(value)
            }
            _ => return Err(Error::UnsupportedCredential),
        };
        Ok(id)
    }

    /// The COSE header label in the map form.
    pub const fn label(&self) -> u64 {
        match self {
            IdCred::Kid(_) => KID,
            IdCred::Ccs(_) => KCCS,
            IdCred::Cwt(_) => KCWT,
            IdCred::X5t(_) => X5T,
            IdCred::X5Chain(_) => X5CHAIN,
        }
    }

    /// Length in bytes of the form for a PLAINTEXT.
    pub const fn plaintext_len(&self) -> usize {
        match self {
            IdCred::Kid(kid) if is_integer(kid) => 1,
            IdCred::Kid(kid) => kid.len().saturating_add(cbor::head_len(kid.len() as u64)),
            _ => self.map_len(),
        }
    }

    /// Writes the form for a PLAINTEXT. Error: `BufferTooSmall`.
    pub fn write_plaintext(&self, w: &mut Writer<'_>) -> Result<()> {
        match self {
            IdCred::Kid(kid) if is_integer(kid) => w.put(kid),
            IdCred::Kid(kid) => cbor::write_bytes(w, kid),
            _ => self.write_map(w),
        }
    }

    /// Writes the map: the form for contexts. Error: `BufferTooSmall`.
    pub fn write_map(&self, w: &mut Writer<'_>) -> Result<()> {
        cbor::push_map(w, 1);
        cbor::push_uint(w, self.label());
        match self {
            IdCred::Kid(kid) => cbor::push_bytes(w, kid),
            IdCred::Ccs(bytes) | IdCred::Cwt(bytes) | IdCred::X5t(bytes) | IdCred::X5Chain(bytes) => w.push(bytes),
        }
        w.check()
    }

    /// Length in bytes of the map form.
    pub const fn map_len(&self) -> usize {
        match self {
            IdCred::Kid(kid) => kid.len().saturating_add(cbor::head_len(kid.len() as u64)).saturating_add(2),
            IdCred::Ccs(bytes) | IdCred::Cwt(bytes) => bytes.len().saturating_add(2),
            IdCred::X5t(bytes) | IdCred::X5Chain(bytes) => bytes.len().saturating_add(3),
        }
    }
}

/// The hash in an encoded x5t, 8 or 32 bytes of SHA-256. Errors: `Malformed`, `UnsupportedCredential` (another algorithm).
pub(crate) fn x5t_hash(value: &[u8]) -> Result<&[u8]> {
    let mut d = Decoder::unordered(value);
    if d.array()? != 2 {
        return Err(Error::Malformed);
    }
    let algorithm = match d.kind()? {
        Kind::Uint | Kind::Nint => d.int()?,
        Kind::Text => return Err(Error::UnsupportedCredential),
        _ => return Err(Error::Malformed),
    };
    let hash = d.bytes()?;
    match [SHA_256_64, SHA_256].into_iter().find(|(number, _)| *number == algorithm) {
        None => Err(Error::UnsupportedCredential),
        Some((_, length)) if length != hash.len() => Err(Error::Malformed),
        Some(_) => Ok(hash),
    }
}

/// Writes the x5t of a certificate whose SHA-256 begins with `hash`. Error: `BufferTooSmall`.
pub(crate) fn write_x5t(w: &mut Writer<'_>, hash: &[u8; 8]) -> Result<()> {
    cbor::write_array(w, 2)?;
    cbor::write_int(w, SHA_256_64.0)?;
    cbor::write_bytes(w, hash)
}

/// Most certificates in an x5chain.
pub(crate) const MAX_CHAIN: usize = 3;

/// The certificates in an encoded x5chain, and how many they are: one as a byte string, two or three as an array of them (RFC 9360 §2).
/// Errors: `Malformed`, `UnsupportedCredential` (more than three).
pub(crate) fn x5chain(value: &[u8]) -> Result<([&[u8]; MAX_CHAIN], usize)> {
    let mut d = Decoder::unordered(value);
    let mut chain: [&[u8]; MAX_CHAIN] = [&[]; MAX_CHAIN];
    let count = if d.kind()? == Kind::Array { d.array().map(|count| if count < 2 { 0 } else { count })? } else { 1 };
    if count == 0 {
        return Err(Error::Malformed);
    }
    for place in chain.get_mut(..count).ok_or(Error::UnsupportedCredential)? {
        *place = d.bytes()?;
    }
    Ok((chain, count))
}
