//! The extensions that are understood (RFC 5280 §4.2.1).

use super::der::{Items, field};
use crate::error::{Error, Result};
use ::der::{Tag, TagNumber};

/// Contents of object identifiers.
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];

/// What a key may be used for: the bits of keyUsage, the first one highest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyUsage(pub u16);

impl KeyUsage {
    /// digitalSignature: methods in which the holder signs.
    pub const DIGITAL_SIGNATURE: KeyUsage = KeyUsage(0x8000);
    /// keyAgreement: methods in which the holder has a static Diffie-Hellman key.
    pub const KEY_AGREEMENT: KeyUsage = KeyUsage(0x0800);
    /// keyCertSign: issuing certificates.
    pub const CERTIFICATE_SIGNING: KeyUsage = KeyUsage(0x0400);

    /// True if all of `other` are among these.
    pub const fn contain(self, other: KeyUsage) -> bool {
        self.0 & other.0 == other.0
    }

    /// Reads a named bit list: DER ends it with the last bit that is set (X.690 §11.2.2), and RFC 5280 wants one.
    fn parse(value: &[u8]) -> Result<Self> {
        let mut only = Items::new(value)?;
        let contents = only.contents(Tag::BitString)?;
        only.finish()?;
        let (unused, first, second) = match *contents {
            [unused, first] => (unused, first, 0),
            [unused, first, second] if second != 0 => (unused, first, second),
            _ => return Err(Error::Malformed),
        };
        let last = if second != 0 { second } else { first };
        if last == 0 || u32::from(unused) != last.trailing_zeros() {
            return Err(Error::Malformed);
        }
        Ok(KeyUsage(u16::from_be_bytes([first, second])))
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extensions {
    pub(super) usage: Option<KeyUsage>,
    pub(super) authority: bool,
    pub(super) path_len: Option<u8>,
}

impl Extensions {
    /// Takes the extensions from the end of tbsCertificate, where there may be none.
    pub(super) fn parse(tbs: &mut Items<'_>) -> Result<Self> {
        let mut found = Extensions::default();
        if tbs.is_empty() {
            return Ok(found);
        }
        let mut list = Items::only(tbs.contents(field(TagNumber::N3))?, Tag::Sequence)?;
        if list.is_empty() {
            return Err(Error::Malformed);
        }
        let (whole, mut position) = (list.clone(), 0usize);
        while !list.is_empty() {
            let (kind, critical, value) = extension(&mut list)?;
            if stands_before(whole.clone(), position, kind)? {
                return Err(Error::Malformed);
            }
            position = position.saturating_add(1);
            match kind {
                KEY_USAGE => found.usage = Some(KeyUsage::parse(value)?),
                BASIC_CONSTRAINTS => (found.authority, found.path_len) = basic_constraints(value)?,
                // It must be critical, but one that is not must not be passed over either.
                NAME_CONSTRAINTS => return Err(Error::UnsupportedCredential),
                _ if critical => return Err(Error::UnsupportedCredential),
                _ => {}
            }
        }
        Ok(found)
    }
}

/// One extension: its kind, whether it is critical, and its value.
fn extension<'a>(list: &mut Items<'a>) -> Result<(&'a [u8], bool, &'a [u8])> {
    let mut parts = list.inside(Tag::Sequence)?;
    let kind = parts.identifier()?;
    let critical = parts.true_if_there()?;
    let value = parts.contents(Tag::OctetString)?;
    parts.finish()?;
    Ok((kind, critical, value))
}

/// True if one of the first `count` extensions is of this kind: each may be there once.
fn stands_before(mut list: Items<'_>, count: usize, kind: &[u8]) -> Result<bool> {
    for _ in 0..count {
        if extension(&mut list)?.0 == kind {
            return Ok(true);
        }
    }
    Ok(false)
}

/// cA and pathLenConstraint, which only an authority has.
fn basic_constraints(value: &[u8]) -> Result<(bool, Option<u8>)> {
    let mut parts = Items::only(value, Tag::Sequence)?;
    let authority = parts.true_if_there()?;
    let path_len = if authority && !parts.is_empty() { Some(parts.small()?) } else { None };
    parts.finish()?;
    Ok((authority, path_len))
}
