//! From a trust anchor down to a peer's certificate.

use super::{Certificate, KeyUsage};
use crate::credential::id_cred::MAX_CHAIN;
use crate::credential::resolve::MAX_ANCHORS_TRIED;
use crate::credential::{Credentials, PublicKey, Purposes};
use crate::crypto::Provider;
use crate::error::{Error, Result};

/// Verifies a path of at most three certificates: `path` is the peer's, then that of its issuer, and so on; the last one is signed by an anchor with purpose
/// *identity*. Gives the peer's certificate, which must not be an authority's. Validity is judged if the time is known, the anchor's never.
///
/// It starts at the anchor, so that a path made up by a stranger costs at most 4 verifications of a signature, and any path at most 6.
///
/// Errors: as [`Certificate::parse`]; `UnsupportedCredential` (too long a path), `ExpiredCredential`, `UntrustedCredential`, `Pending`.
pub fn verify_path<'a, P: Provider + Credentials>(p: &mut P, path: &[&'a [u8]]) -> Result<Certificate<'a>> {
    if path.len() > MAX_CHAIN {
        return Err(Error::UnsupportedCredential);
    }
    let now_s = p.now_s();
    let mut issuer: Option<Certificate<'_>> = None;
    for (below, bytes) in path.iter().enumerate().rev() {
        let certificate = Certificate::parse(bytes)?;
        certificate.check_time(now_s)?;
        match below.checked_sub(1) {
            None if certificate.authority => return Err(Error::UntrustedCredential),
            None => {}
            Some(intermediates) => may_issue(&certificate, intermediates)?,
        }
        match &issuer {
            None => by_an_anchor(p, &certificate)?,
            Some(issuer) if issuer.subject == certificate.issuer => certificate.verify(p, &issuer.key)?,
            Some(_) => return Err(Error::UntrustedCredential),
        }
        issuer = Some(certificate);
    }
    issuer.ok_or(Error::Malformed)
}

/// Checks that the subject may issue a certificate with this many intermediate authorities below. Self-issued ones count too.
fn may_issue(certificate: &Certificate<'_>, intermediates: usize) -> Result<()> {
    let short = certificate.path_len.is_none_or(|most| intermediates <= usize::from(most));
    if certificate.authority && short && certificate.allows(KeyUsage::CERTIFICATE_SIGNING) {
        Ok(())
    } else {
        Err(Error::UntrustedCredential)
    }
}

fn by_an_anchor<P: Provider + Credentials>(p: &mut P, certificate: &Certificate<'_>) -> Result<()> {
    let (mut refusal, mut tried, mut nth) = (Error::UntrustedCredential, 0usize, 0usize);
    while let Some(anchor) = p.anchor(nth) {
        let (key, purposes) = (anchor.key, anchor.purposes);
        nth = nth.checked_add(1).ok_or(Error::Internal)?;
        if !purposes.contain(Purposes::IDENTITY) || key.curve.signature() != Some(certificate.algorithm) {
            continue;
        }
        match certificate.verify(p, &key) {
            Ok(()) => return Ok(()),
            Err(Error::Pending) => return Err(Error::Pending),
            Err(error) => refusal = error,
        }
        tried = tried.saturating_add(1);
        if tried >= MAX_ANCHORS_TRIED {
            break;
        }
    }
    Err(refusal)
}

/// See [`anchor_key`](crate::credential::anchor_key).
pub(in crate::credential) fn anchor_key(bytes: &[u8]) -> Result<PublicKey> {
    let certificate = Certificate::parse(bytes)?;
    may_issue(&certificate, 0)?;
    if certificate.key.curve.signature().is_some() { Ok(certificate.key) } else { Err(Error::UntrustedCredential) }
}
