//! Reading credentials and judging them.

#[cfg(feature = "issuers")]
use super::{Purposes, TrustAnchor};
use crate::cbor::{Decoder, Kind};
#[cfg(feature = "issuers")]
use crate::cose::Sign1;
use crate::cose::{CoseKey, PublicKey, members};
#[cfg(feature = "issuers")]
use crate::crypto::Provider;
use crate::crypto::{AuthenticationKey, Suite};
use crate::error::{Error, Result};
#[cfg(feature = "x509")]
use crate::{bytes::Writer, cbor};

/// The kinds of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// CWT Claims Set (RFC 8392), unsigned: believed where its bytes were provisioned.
    Ccs,
    /// CBOR Web Token (RFC 8392) signed by an issuer.
    Cwt,
    /// X.509 certificate (RFC 5280) in the profile of `credential::x509`; believed where its bytes were provisioned, or under an anchor.
    X509,
}

/// CRED_x as it enters transcripts, in two parts: a certificate is a byte string there (RFC 9528 §3.5.2), with its CBOR head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredX<'a> {
    head: [u8; 3],
    head_len: usize,
    /// What follows the head.
    pub bytes: &'a [u8],
}

impl<'a> CredX<'a> {
    fn plain(bytes: &'a [u8]) -> Self {
        CredX { head: [0; 3], head_len: 0, bytes }
    }

    #[cfg(feature = "x509")]
    fn byte_string(bytes: &'a [u8]) -> Result<Self> {
        let mut head = [0; 3];
        let mut w = Writer::new(&mut head);
        cbor::write_bytes_head(&mut w, bytes.len())?;
        let head_len = w.len();
        Ok(CredX { head, head_len, bytes })
    }

    /// The head of the byte string; empty for a CCS and a CWT.
    pub fn head(&self) -> &[u8] {
        self.head.get(..self.head_len).unwrap_or_default()
    }

    /// Length in bytes of both parts.
    pub const fn len(&self) -> usize {
        self.head_len.saturating_add(self.bytes.len())
    }

    /// True if there is nothing, which no credential is.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A credential as parsed. Only [`verify`](Credential::verify), or having been provisioned, makes it worth anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credential<'a> {
    /// The encoding, verbatim.
    pub bytes: &'a [u8],
    /// CCS, CWT or X.509.
    pub kind: CredentialKind,
    /// The key that the holder proves to have: `cnf` (8), subjectPublicKey.
    pub key: PublicKey,
    /// kid of that key.
    pub kid: Option<&'a [u8]>,
    /// alg of that key: the only algorithm it may be used with.
    pub key_algorithm: Option<i64>,
    /// `iss` (1); the issuer's commonName in a certificate.
    #[cfg(feature = "issuers")]
    pub issuer: Option<&'a str>,
    /// `sub` (2); the commonName in a certificate.
    pub subject: Option<&'a str>,
    /// `exp` (4): from this second on it is invalid. Seconds since 1970 in UTC.
    pub expires: Option<u64>,
    /// `nbf` (5): before this second it is invalid.
    pub not_before: Option<u64>,
    /// `iat` (6).
    #[cfg(feature = "issuers")]
    pub issued_at: Option<u64>,
    /// `cti` (7): the issuer's identifier of this token; the serial number of a certificate.
    #[cfg(feature = "issuers")]
    pub id: Option<&'a [u8]>,
    /// kid of the issuer's key, in a CWT.
    #[cfg(feature = "issuers")]
    pub issuer_kid: Option<&'a [u8]>,
    /// The signed structure, in a CWT.
    #[cfg(feature = "issuers")]
    pub signed: Option<Sign1<'a>>,
    /// What a certificate says about its key, in a certificate.
    #[cfg(feature = "x509")]
    pub constraints: Option<super::x509::Constraints>,
}

impl<'a> Credential<'a> {
    /// Reads a CCS (a map), a CWT (an untagged COSE_Sign1 array) or a certificate (DER). Maps need not be sorted.
    ///
    /// Errors: `Malformed` (also for a missing `cnf`, other headers than the protocol has, a key with its private part),
    /// `NotDeterministic` (indefinite lengths, heads longer than needed), `InvalidKey`, `UnsupportedSuite` (see [`CoseKey::parse`]),
    /// `UnsupportedCredential` (a certificate outside the profile; a CWT or any certificate if the build has not got them).
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        if bytes.first() == Some(&DER) {
            return certificate(bytes);
        }
        match Decoder::new(bytes).kind()? {
            Kind::Map => claims(bytes, bytes, CredentialKind::Ccs),
            #[cfg(feature = "issuers")]
            Kind::Array => {
                let signed = Sign1::parse(bytes)?;
                let plain = !signed.header.others && !signed.unprotected.others && signed.header.kid.is_none();
                if !plain || signed.header.algorithm.is_none() {
                    return Err(Error::Malformed);
                }
                let payload = signed.payload.ok_or(Error::Malformed)?;
                let mut credential = claims(bytes, payload, CredentialKind::Cwt)?;
                credential.issuer_kid = signed.unprotected.kid;
                credential.signed = Some(signed);
                Ok(credential)
            }
            #[cfg(not(feature = "issuers"))]
            Kind::Array => Err(Error::UnsupportedCredential),
            _ => Err(Error::Malformed),
        }
    }

    /// CRED_x as it enters transcripts. Error: `Internal` (more bytes than a credential can have).
    pub fn cred_x(&self) -> Result<CredX<'a>> {
        match self.kind {
            #[cfg(feature = "x509")]
            CredentialKind::X509 => CredX::byte_string(self.bytes).map_err(|_| Error::Internal),
            _ => Ok(CredX::plain(self.bytes)),
        }
    }

    /// Verifies a CWT or a certificate: the anchor has purpose *identity* and, for a CWT, the kid that the token names, if it names one; its
    /// key verifies the signature; and, if the time is known, the credential is valid now.
    ///
    /// Errors: `UntrustedCredential` (also for a CCS, which nobody signs), `ExpiredCredential`, `UnsupportedSuite`.
    #[cfg(feature = "issuers")]
    pub fn verify(&self, p: &mut impl Provider, anchor: &TrustAnchor<'_>, now_s: Option<u64>) -> Result<()> {
        #[cfg(feature = "x509")]
        if self.kind == CredentialKind::X509 {
            let certificate = super::x509::Certificate::parse(self.bytes)?;
            if !anchor.purposes.contain(Purposes::IDENTITY) || certificate.authority {
                return Err(Error::UntrustedCredential);
            }
            certificate.verify(p, &anchor.key)?;
            return self.check_time(now_s);
        }
        let signed = self.signed.as_ref().ok_or(Error::UntrustedCredential)?;
        if !anchor.purposes.contain(Purposes::IDENTITY) || !may_be_from(signed, anchor.kid) {
            return Err(Error::UntrustedCredential);
        }
        verify_signature(p, signed, &anchor.key)?;
        self.check_time(now_s)
    }

    /// Judges `exp` and `nbf`, if a time is given. Error: `ExpiredCredential`.
    pub fn check_time(&self, now_s: Option<u64>) -> Result<()> {
        self.validity().check(now_s)
    }

    pub(super) const fn validity(&self) -> Validity {
        Validity { expires: self.expires, not_before: self.not_before }
    }

    /// Checks that the key can authenticate under this suite as an authentication key of this sort. A key marked for another algorithm or,
    /// by a certificate, for another use must not serve, nor may an authority's. Error: `UntrustedCredential`.
    pub fn check_suite(&self, suite: Suite, key: AuthenticationKey) -> Result<()> {
        #[cfg(feature = "x509")]
        if self.constraints.is_some_and(|constraints| !constraints.allow(key)) {
            return Err(Error::UntrustedCredential);
        }
        let curve = self.key.curve;
        let fits = match key {
            // ECDH-ES and ECDH-SS of RFC 9053 §6.3 and §6.4.
            AuthenticationKey::StaticDh => {
                curve.agreement() == Some(suite.curve()) && self.key_algorithm.is_none_or(|algorithm| (-34..=-25).contains(&algorithm))
            }
            AuthenticationKey::Signature => {
                let signature = suite.signature();
                curve.signature() == Some(signature) && self.key_algorithm.is_none_or(|algorithm| algorithm == signature.number())
            }
        };
        if fits { Ok(()) } else { Err(Error::UntrustedCredential) }
    }
}

/// True if the token names no issuer key, or this one.
#[cfg(feature = "issuers")]
pub(super) fn may_be_from(token: &Sign1<'_>, anchor_kid: &[u8]) -> bool {
    token.unprotected.kid.is_none_or(|kid| kid == anchor_kid)
}

/// Errors: `UntrustedCredential`, `UnsupportedSuite`, `Pending`.
#[cfg(feature = "issuers")]
pub(super) fn verify_signature(p: &mut impl Provider, token: &Sign1<'_>, key: &PublicKey) -> Result<()> {
    token.verify(p, key, &[], None).map_err(|error| match error {
        Error::UnsupportedSuite | Error::Pending => error,
        _ => Error::UntrustedCredential,
    })
}

/// From when until when a credential is valid, in seconds since 1970.
#[derive(Clone, Copy)]
pub(super) struct Validity {
    expires: Option<u64>,
    not_before: Option<u64>,
}

impl Validity {
    /// As [`Credential::check_time`].
    pub(super) fn check(&self, now_s: Option<u64>) -> Result<()> {
        let Some(now) = now_s else { return Ok(()) };
        let valid = self.expires.is_none_or(|end| now < end) && self.not_before.is_none_or(|start| now >= start);
        if valid { Ok(()) } else { Err(Error::ExpiredCredential) }
    }
}

/// Reads a claims map; `bytes` is the credential around it.
fn claims<'a>(bytes: &'a [u8], map: &'a [u8], kind: CredentialKind) -> Result<Credential<'a>> {
    let (mut subject, mut expires, mut not_before, mut key) = (None, None, None, None);
    #[cfg(feature = "issuers")]
    let (mut issuer, mut issued_at, mut id) = (None, None, None);
    members(map, &mut |label, d| {
        match label {
            #[cfg(feature = "issuers")]
            Some(1) => issuer = Some(d.text()?),
            Some(2) => subject = Some(d.text()?),
            Some(4) => expires = Some(d.uint()?),
            Some(5) => not_before = Some(d.uint()?),
            #[cfg(feature = "issuers")]
            Some(6) => issued_at = Some(d.uint()?),
            #[cfg(feature = "issuers")]
            Some(7) => id = Some(d.bytes()?),
            // Nobody asks for these, but what is no claims set is none here either.
            #[cfg(not(feature = "issuers"))]
            Some(1) => drop(d.text()?),
            #[cfg(not(feature = "issuers"))]
            Some(6) => drop(d.uint()?),
            #[cfg(not(feature = "issuers"))]
            Some(7) => drop(d.bytes()?),
            Some(8) => key = Some(d.item()?),
            _ => d.skip()?,
        }
        Ok(())
    })?;
    let CoseKey { key, kid, algorithm } = CoseKey::parse(confirmation(key.ok_or(Error::Malformed)?)?)?;
    Ok(Credential {
        bytes,
        kind,
        key,
        kid,
        key_algorithm: algorithm,
        #[cfg(feature = "issuers")]
        issuer,
        subject,
        expires,
        not_before,
        #[cfg(feature = "issuers")]
        issued_at,
        #[cfg(feature = "issuers")]
        id,
        #[cfg(feature = "issuers")]
        issuer_kid: None,
        #[cfg(feature = "issuers")]
        signed: None,
        #[cfg(feature = "x509")]
        constraints: None,
    })
}

/// The first byte of a certificate: a SEQUENCE. In CBOR it begins an integer, which no credential is.
pub const DER: u8 = 0x30;

/// Reads a certificate.
#[cfg(feature = "x509")]
fn certificate(bytes: &[u8]) -> Result<Credential<'_>> {
    let certificate = super::x509::Certificate::parse(bytes)?;
    Ok(Credential {
        bytes,
        kind: CredentialKind::X509,
        key: certificate.key,
        kid: None,
        key_algorithm: None,
        issuer: certificate.issuer_common_name,
        subject: certificate.common_name,
        // The last second in which it is valid, and not, as with `exp`, the first in which it is not.
        expires: certificate.not_after.checked_add(1),
        not_before: Some(certificate.not_before),
        issued_at: None,
        id: Some(certificate.serial),
        issuer_kid: None,
        signed: None,
        constraints: Some(super::x509::Constraints { usage: certificate.usage, authority: certificate.authority }),
    })
}

/// The key of an authority's certificate, for a trust anchor. Nothing else in it counts from then on: neither its validity nor its name nor a
/// limit on the length of paths.
///
/// Errors: as [`Credential::parse`]; `UntrustedCredential` (the subject is no authority, or has a key that cannot sign).
pub fn anchor_key(bytes: &[u8]) -> Result<PublicKey> {
    #[cfg(feature = "x509")]
    {
        super::x509::anchor_key(bytes)
    }
    #[cfg(not(feature = "x509"))]
    {
        let _ = bytes;
        Err(Error::UnsupportedCredential)
    }
}

#[cfg(not(feature = "x509"))]
fn certificate(_: &[u8]) -> Result<Credential<'_>> {
    Err(Error::UnsupportedCredential)
}

/// The COSE_Key (1) in a `cnf` claim (RFC 8747 §3.1).
fn confirmation(map: &[u8]) -> Result<&[u8]> {
    let mut key = None;
    members(map, &mut |label, d| {
        match label {
            Some(1) => key = Some(d.item()?),
            _ => d.skip()?,
        }
        Ok(())
    })?;
    key.ok_or(Error::Malformed)
}
