//! Making credentials.

use super::PublicKey;
use crate::bytes::Writer;
use crate::cbor;
use crate::error::Result;
#[cfg(feature = "issuers")]
use crate::{
    cose::sign1,
    crypto::{KeyHandle, Provider, Signature},
    error::Error,
};

/// The claims of a credential.
#[derive(Clone, Copy, Debug)]
pub struct Claims<'a> {
    /// `iss` (1).
    pub issuer: Option<&'a str>,
    /// `sub` (2): the name; for endpoints on MQTT, the name of the inbox.
    pub subject: Option<&'a str>,
    /// `exp` (4), seconds since 1970 in UTC: invalid from then on.
    pub expires: Option<u64>,
    /// `nbf` (5): invalid before.
    pub not_before: Option<u64>,
    /// `iat` (6).
    pub issued_at: Option<u64>,
    /// `cti` (7).
    pub id: Option<&'a [u8]>,
    /// The holder's public key, for `cnf` (8).
    pub key: PublicKey,
    /// kid of that key.
    pub kid: Option<&'a [u8]>,
}

impl<'a> Claims<'a> {
    /// Claims about a key, and nothing else.
    pub const fn new(key: PublicKey) -> Self {
        Claims { issuer: None, subject: None, expires: None, not_before: None, issued_at: None, id: None, key, kid: None }
    }

    /// Writes the claims map in deterministic order: a CCS. Errors: `BufferTooSmall`, `InvalidKey` (see [`PublicKey::write`]).
    pub fn write(&self, w: &mut Writer<'_>) -> Result<()> {
        let numbers = [(4, self.expires), (5, self.not_before), (6, self.issued_at)];
        let texts = [(1, self.issuer), (2, self.subject)];
        let entries = texts.iter().filter(|(_, text)| text.is_some()).count();
        let entries = entries.saturating_add(numbers.iter().filter(|(_, number)| number.is_some()).count());
        cbor::push_map(w, entries.saturating_add(usize::from(self.id.is_some())).saturating_add(1));
        for (label, text) in texts {
            if let Some(text) = text {
                cbor::push_uint(w, label);
                cbor::push_text(w, text);
            }
        }
        for (label, number) in numbers {
            if let Some(number) = number {
                cbor::push_uint(w, label);
                cbor::push_uint(w, number);
            }
        }
        if let Some(id) = self.id {
            cbor::push_uint(w, 7);
            cbor::push_bytes(w, id);
        }
        cbor::push_uint(w, 8);
        cbor::push_map(w, 1);
        cbor::push_uint(w, 1);
        w.check()?;
        self.key.write(w, self.kid)
    }
}

/// Writes a CCS `{2: sub, 8: {1: COSE_Key}}`. Errors: `BufferTooSmall`, `InvalidKey`.
pub fn write_ccs(w: &mut Writer<'_>, subject: &str, key: &PublicKey, kid: &[u8]) -> Result<()> {
    Claims { subject: Some(subject), kid: Some(kid), ..Claims::new(*key) }.write(w)
}

/// Who signs.
#[cfg(feature = "issuers")]
#[derive(Clone, Copy, Debug)]
pub struct Issuer<'a> {
    /// The private key.
    pub key: KeyHandle,
    /// What it signs with.
    pub algorithm: Signature,
    /// kid of the key, as in the trust anchor.
    pub kid: Option<&'a [u8]>,
}

/// Signs claims and writes the CWT: an untagged COSE_Sign1. `scratch` holds the claims meanwhile ([`MAX_CREDENTIAL`](super::MAX_CREDENTIAL)
/// bytes are enough for any credential that can be used). Errors: `BufferTooSmall`, `InvalidKey`, `InvalidArgument` (a token that would never be
/// valid), `UnknownKey`, `Pending`.
#[cfg(feature = "issuers")]
pub fn issue_cwt(p: &mut impl Provider, issuer: &Issuer<'_>, claims: &Claims<'_>, scratch: &mut [u8], w: &mut Writer<'_>) -> Result<()> {
    if let (Some(start), Some(end)) = (claims.not_before, claims.expires)
        && start >= end
    {
        return Err(Error::InvalidArgument);
    }
    let mut payload = Writer::new(scratch);
    claims.write(&mut payload)?;
    sign1(p, issuer.key, issuer.algorithm, issuer.kid, &[], payload.written(), w)
}
