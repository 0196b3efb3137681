//! COSE_Sign1 (RFC 9052 §4.2), untagged. The Sig_structure is handed to the provider in parts, so no buffer holds it.

use super::header::Header;
use super::key::PublicKey;
use crate::bytes::Writer;
use crate::cbor::{self, Decoder, Kind};
use crate::crypto::{KeyHandle, Provider, Signature};
use crate::error::{Error, Result};

/// A COSE_Sign1 as parsed; nothing about its signature is known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign1<'a> {
    /// Content of the protected header: an encoded map, or nothing.
    pub protected: &'a [u8],
    /// What the protected header says.
    pub header: Header<'a>,
    /// What the unprotected header says.
    pub unprotected: Header<'a>,
    /// The payload; nothing if it is detached.
    pub payload: Option<&'a [u8]>,
    /// The signature.
    pub signature: &'a [u8],
}

impl<'a> Sign1<'a> {
    /// Reads an untagged COSE_Sign1. Errors: `Malformed` (also for a parameter in both headers, and crit outside the protected one),
    /// `NotDeterministic`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut d = Decoder::unordered(bytes);
        if d.array()? != 4 {
            return Err(Error::Malformed);
        }
        let protected = d.bytes()?;
        let header = Header::parse_protected(protected)?;
        let unprotected = Header::parse_unprotected(d.item()?)?;
        let payload = if d.kind()? == Kind::Bytes { Some(d.bytes()?) } else { d.null().map(|()| None)? };
        let signature = d.bytes()?;
        d.finish()?;
        let twice = header.algorithm.is_some() && unprotected.algorithm.is_some() || header.kid.is_some() && unprotected.kid.is_some();
        if twice {
            return Err(Error::Malformed);
        }
        Ok(Sign1 { protected, header, unprotected, payload, signature })
    }

    /// kid, from whichever header has it.
    pub fn kid(&self) -> Option<&'a [u8]> {
        self.header.kid.or(self.unprotected.kid)
    }

    /// Verifies with `key`; `detached` is the payload if it is not inside. alg must be protected and that of the key.
    ///
    /// Errors: `AuthenticationFailed` (signature, or alg is another), `InvalidKey`, `InvalidArgument` (no payload, or two), `UnsupportedSuite`.
    pub fn verify(&self, p: &mut impl Provider, key: &PublicKey, external_aad: &[u8], detached: Option<&[u8]>) -> Result<()> {
        let algorithm = key.curve.signature().ok_or(Error::InvalidKey)?;
        if self.header.algorithm != Some(algorithm.number()) {
            return Err(Error::AuthenticationFailed);
        }
        let payload = match (self.payload, detached) {
            (Some(payload), None) | (None, Some(payload)) => payload,
            _ => return Err(Error::InvalidArgument),
        };
        signature1(self.protected, external_aad, payload, |message| key.verify(p, message, self.signature))
    }
}

/// Hands the parts of the Sig_structure `["Signature1", protected, external_aad, payload]` to `with`, to be signed or verified.
/// `protected` is the content of the protected byte string.
pub fn signature1<T>(protected: &[u8], external_aad: &[u8], payload: &[u8], with: impl FnOnce(&[&[u8]]) -> Result<T>) -> Result<T> {
    let mut heads = [[0; 9]; 3];
    let [a, b, c] = &mut heads;
    with(&[
        // Array of 4, and the text with its head.
        b"\x84\x6aSignature1",
        bytes_head(a, protected.len())?,
        protected,
        bytes_head(b, external_aad.len())?,
        external_aad,
        bytes_head(c, payload.len())?,
        payload,
    ])
}

fn bytes_head(buffer: &mut [u8; 9], length: usize) -> Result<&[u8]> {
    let mut w = Writer::new(buffer);
    cbor::write_bytes_head(&mut w, length)?;
    Ok(w.finish())
}

/// Content of a protected header that holds nothing but alg.
const fn protected(algorithm: Signature) -> [u8; 3] {
    // {1: −8} and {1: −7}
    match algorithm {
        Signature::EdDsa => [0xa1, 0x01, 0x27],
        Signature::Es256 => [0xa1, 0x01, 0x26],
    }
}

/// Signs `payload` and writes the COSE_Sign1: protected header `{1: alg}`, unprotected header `{4: kid}` or empty.
/// Nothing is written unless the provider has signed. Errors: `BufferTooSmall`, `UnknownKey`, `Pending`.
pub fn sign1(
    p: &mut impl Provider,
    key: KeyHandle,
    algorithm: Signature,
    kid: Option<&[u8]>,
    external_aad: &[u8],
    payload: &[u8],
    w: &mut Writer<'_>,
) -> Result<()> {
    let protected = protected(algorithm);
    let mut signature = [0; 64];
    signature1(&protected, external_aad, payload, |message| p.sign(key, algorithm, message, &mut signature))?;
    cbor::write_array(w, 4)?;
    cbor::write_bytes(w, &protected)?;
    match kid {
        Some(kid) => {
            cbor::write_map(w, 1)?;
            cbor::write_uint(w, 4)?;
            cbor::write_bytes(w, kid)?;
        }
        None => cbor::write_map(w, 0)?,
    }
    cbor::write_bytes(w, payload)?;
    cbor::write_bytes(w, &signature)
}
