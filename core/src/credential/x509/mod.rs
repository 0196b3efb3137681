//! X.509 certificates (RFC 5280) in one narrow profile: what a device's credential needs, and no general PKI.
//!
//! DER, version 3, at most [`MAX_CREDENTIAL`] bytes. Signed with Ed25519 (RFC 8410) or ecdsa-with-SHA256 on P-256 (RFC 5758, 5480); the
//! subject's key is Ed25519, X25519 or P-256, uncompressed. One attribute in each part of a name, at most one commonName. Of the
//! extensions, keyUsage and basicConstraints are understood; nameConstraints and any other critical one are refused, the rest is
//! passed over. `docs/PROTOCOL.md` §2 says the same.

mod der;
mod extensions;
mod path;

pub use extensions::KeyUsage;
pub(super) use path::anchor_key;
pub use path::verify_path;

use super::{KeyCurve, MAX_CREDENTIAL, PublicKey};
use crate::bytes::copy;
use crate::crypto::{AuthenticationKey, Provider, Signature};
use crate::error::{Error, Result};
use ::der::{Tag, TagNumber};
use der::{Items, field};
use extensions::Extensions;

/// AlgorithmIdentifiers, whole: none of them has parameters but P-256's curve, so that each has one encoding.
const ED25519: &[u8] = &[0x30, 5, 6, 3, 0x2b, 0x65, 0x70];
const X25519: &[u8] = &[0x30, 5, 6, 3, 0x2b, 0x65, 0x6e];
const ECDSA_SHA256: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const P256: &[u8] = &[0x30, 19, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];

/// The contents of the object identifier id-at-commonName.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];

/// Longest serial number in bytes (RFC 5280 §4.1.2.2).
const MAX_SERIAL: usize = 20;

/// A certificate as parsed. Only a path to a trust anchor, or having been provisioned, makes it worth anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// All of it.
    pub bytes: &'a [u8],
    /// What is signed: tbsCertificate with its head.
    pub signed: &'a [u8],
    /// The algorithm of the issuer's signature.
    pub algorithm: Signature,
    /// Contents of signatureValue.
    signature: &'a [u8],
    /// The issuer's name, encoded.
    pub issuer: &'a [u8],
    /// The subject's name, encoded.
    pub subject: &'a [u8],
    /// The issuer's commonName.
    pub issuer_common_name: Option<&'a str>,
    /// The subject's commonName: the name of the inbox.
    pub common_name: Option<&'a str>,
    /// serialNumber, without leading zeros.
    pub serial: &'a [u8],
    /// The first second in which it is valid, since 1970 in UTC.
    pub not_before: u64,
    /// The last one.
    pub not_after: u64,
    /// The subject's key.
    pub key: PublicKey,
    /// What the key is for, if the certificate says so.
    pub usage: Option<KeyUsage>,
    /// The subject issues certificates: cA is TRUE.
    pub authority: bool,
    /// How many certificates of other authorities may follow below this one, if that is limited.
    pub path_len: Option<u8>,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate. It verifies nothing.
    ///
    /// Errors: `Malformed` (not DER, or not a certificate), `UnsupportedCredential` (outside the profile: too long, another version,
    /// algorithm or key type, a compressed point, several commonNames, an unknown critical extension), `InvalidKey` (not a point of
    /// P-256, not canonical on X25519), `UnsupportedSuite` (P-256 is not in this build).
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        if bytes.len() > MAX_CREDENTIAL {
            return Err(Error::UnsupportedCredential);
        }
        let mut outer = Items::only(bytes, Tag::Sequence)?;
        let signed = outer.whole(Tag::Sequence)?;
        let algorithm_outside = outer.whole(Tag::Sequence)?;
        let signature = outer.bytes_of_bits()?;
        outer.finish()?;

        let mut tbs = Items::only(signed, Tag::Sequence)?;
        version_3(&mut tbs)?;
        let serial = tbs.unsigned()?;
        let algorithm = tbs.whole(Tag::Sequence)?;
        // RFC 5280 §4.1.1.2. What is outside is not signed.
        if algorithm != algorithm_outside {
            return Err(Error::Malformed);
        }
        let issuer = tbs.whole(Tag::Sequence)?;
        let issuer_common_name = name(issuer)?;
        let mut validity = tbs.inside(Tag::Sequence)?;
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        validity.finish()?;
        let subject = tbs.whole(Tag::Sequence)?;
        let common_name = name(subject)?;
        let key = tbs.whole(Tag::Sequence)?;
        if tbs.next_is(Tag::ContextSpecific { constructed: false, number: TagNumber::N1 })
            || tbs.next_is(Tag::ContextSpecific { constructed: false, number: TagNumber::N2 })
        {
            // Unique identifiers, of version 2.
            return Err(Error::UnsupportedCredential);
        }
        let Extensions { usage, authority, path_len } = Extensions::parse(&mut tbs)?;
        tbs.finish()?;

        if serial.is_empty() || serial == [0] || serial.len() > MAX_SERIAL {
            return Err(Error::UnsupportedCredential);
        }
        let algorithm = match algorithm {
            ED25519 => Signature::EdDsa,
            ECDSA_SHA256 => Signature::Es256,
            _ => return Err(Error::UnsupportedCredential),
        };
        let key = subject_key(key)?;
        let certificate = Certificate {
            bytes,
            signed,
            algorithm,
            signature,
            issuer,
            subject,
            issuer_common_name,
            common_name,
            serial,
            not_before,
            not_after,
            key,
            usage,
            authority,
            path_len,
        };
        certificate.raw_signature()?;
        Ok(certificate)
    }

    /// Verifies the signature with the issuer's key, and nothing else.
    ///
    /// Errors: `UntrustedCredential` (also for a key of another algorithm), `UnsupportedSuite`, `Pending`.
    pub fn verify(&self, p: &mut impl Provider, issuer: &PublicKey) -> Result<()> {
        if issuer.curve.signature() != Some(self.algorithm) {
            return Err(Error::UntrustedCredential);
        }
        issuer.verify(p, &[self.signed], &self.raw_signature()?).map_err(|error| match error {
            Error::UnsupportedSuite | Error::Pending => error,
            _ => Error::UntrustedCredential,
        })
    }

    /// Judges the validity, if a time is given. Error: `ExpiredCredential`.
    pub fn check_time(&self, now_s: Option<u64>) -> Result<()> {
        let valid = now_s.is_none_or(|now| (self.not_before..=self.not_after).contains(&now));
        if valid { Ok(()) } else { Err(Error::ExpiredCredential) }
    }

    /// True if the certificate lets its key be used so.
    pub fn allows(&self, usage: KeyUsage) -> bool {
        self.usage.is_none_or(|allowed| allowed.contain(usage))
    }

    /// The signature as COSE has it: 64 bytes.
    fn raw_signature(&self) -> Result<[u8; 64]> {
        match self.algorithm {
            Signature::EdDsa => self.signature.try_into().map_err(|_| Error::Malformed),
            Signature::Es256 => ecdsa_signature(self.signature),
        }
    }
}

/// What a certificate says about the use of its subject's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constraints {
    /// The uses allowed, if they are listed.
    pub usage: Option<KeyUsage>,
    /// The subject issues certificates.
    pub authority: bool,
}

impl Constraints {
    /// True if the key may authenticate a handshake in this way.
    pub fn allow(&self, key: AuthenticationKey) -> bool {
        let needed = match key {
            AuthenticationKey::StaticDh => KeyUsage::KEY_AGREEMENT,
            AuthenticationKey::Signature => KeyUsage::DIGITAL_SIGNATURE,
        };
        !self.authority && self.usage.is_none_or(|allowed| allowed.contain(needed))
    }
}

/// version: `[0] EXPLICIT INTEGER`, 2 for version 3. Version 1 is left out.
fn version_3(tbs: &mut Items<'_>) -> Result<()> {
    if !tbs.next_is(field(TagNumber::N0)) {
        return Err(Error::UnsupportedCredential);
    }
    let mut version = tbs.inside(field(TagNumber::N0))?;
    let number = version.small()?;
    version.finish()?;
    if number == 2 { Ok(()) } else { Err(Error::UnsupportedCredential) }
}

/// Goes through a Name; gives its commonName, if it has one. A string of another type than UTF8String and PrintableString is no commonName
/// that two readers are sure to read the same way.
fn name(encoded: &[u8]) -> Result<Option<&str>> {
    let mut parts = Items::only(encoded, Tag::Sequence)?;
    let mut found = None;
    while !parts.is_empty() {
        let mut part = parts.inside(Tag::Set)?;
        let mut attribute = part.inside(Tag::Sequence)?;
        if !part.is_empty() {
            return Err(Error::UnsupportedCredential);
        }
        let kind = attribute.identifier()?;
        let (tag, value) = attribute.item()?;
        attribute.finish()?;
        if kind == COMMON_NAME {
            if found.is_some() || !matches!(tag, Tag::Utf8String | Tag::PrintableString) {
                return Err(Error::UnsupportedCredential);
            }
            // X.680 §41.4: a PrintableString has letters, digits and these.
            let printable = |byte: &u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(byte);
            if tag == Tag::PrintableString && !value.iter().all(printable) {
                return Err(Error::Malformed);
            }
            found = Some(core::str::from_utf8(value).map_err(|_| Error::Malformed)?);
        }
    }
    Ok(found)
}

/// Reads a SubjectPublicKeyInfo.
fn subject_key(encoded: &[u8]) -> Result<PublicKey> {
    let mut info = Items::only(encoded, Tag::Sequence)?;
    let algorithm = info.whole(Tag::Sequence)?;
    let key = info.bytes_of_bits()?;
    info.finish()?;
    let curve = match algorithm {
        ED25519 => KeyCurve::Ed25519,
        X25519 => KeyCurve::X25519,
        P256 => KeyCurve::P256,
        _ => return Err(Error::UnsupportedCredential),
    };
    if curve != KeyCurve::P256 {
        return PublicKey::new(curve, key.try_into().map_err(|_| Error::Malformed)?, None);
    }
    match key {
        [4, both @ ..] if both.len() == 64 => {
            let (x, y) = both.split_first_chunk::<32>().ok_or(Error::Internal)?;
            PublicKey::new(curve, *x, Some(y.try_into().map_err(|_| Error::Internal)?))
        }
        // Compressed; RFC 5480 §2.2 leaves it to the reader.
        [2 | 3, x @ ..] if x.len() == 32 => Err(Error::UnsupportedCredential),
        _ => Err(Error::Malformed),
    }
}

/// r ‖ s from an ECDSA-Sig-Value: two INTEGERs, each positive, in as few bytes as can be and at most 32. A second encoding of one signature
/// is refused.
pub(crate) fn ecdsa_signature(encoded: &[u8]) -> Result<[u8; 64]> {
    let mut numbers = Items::only(encoded, Tag::Sequence)?;
    let mut both = [0; 64];
    let (r, s) = both.split_at_mut(32);
    for half in [r, s] {
        let number = numbers.unsigned()?;
        let start = half.len().checked_sub(number.len()).ok_or(Error::Malformed)?;
        copy(half.get_mut(start..).ok_or(Error::Internal)?, number);
        if half.iter().all(|byte| *byte == 0) {
            return Err(Error::Malformed);
        }
    }
    numbers.finish()?;
    Ok(both)
}
