//! From ID_CRED_x to a credential that may be tried.

#[cfg(feature = "issuers")]
use super::Purposes;
#[cfg(feature = "x509")]
use super::id_cred::{x5chain, x5t_hash};
use super::{Credential, CredentialKind, Credentials, IdCred, MAX_CANDIDATES, MAX_CREDENTIAL, PublicKey, Thumbprint};
use crate::crypto::{AuthenticationKey, Provider, Suite};
use crate::error::{Error, Result};

/// How many anchors are tried for one credential: who is not authenticated yet must not cost more. With the two links below an anchor that
/// an x5chain may have, no credential costs more than six verifications.
#[cfg(feature = "issuers")]
pub(super) const MAX_ANCHORS_TRIED: usize = 4;

/// A credential that is trusted; whether the peer holds its key, the handshake shows.
#[derive(Clone, Copy, Debug)]
pub struct Accepted<'a> {
    /// The credential.
    pub credential: Credential<'a>,
    /// Its identity.
    pub thumbprint: Thumbprint,
    /// Where to go on if the peer turns out not to have its key.
    pub next: usize,
}

/// What [`find`] found: an [`Accepted`] not parsed.
pub(crate) struct Found<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) thumbprint: Thumbprint,
    pub(crate) next: usize,
}

/// Finds the first credential, from candidate `from` on (0 at first), that ID_CRED_x may mean and that is trusted: provisioned or
/// issued under an anchor, valid now, with a key of this `sort` for the suite, and none of this endpoint's own keys.
///
/// Errors: `UnknownCredential` (nobody provisioned it, or no more candidates), `UntrustedCredential`, `ExpiredCredential`, `OwnIdentity`,
/// `UnsupportedCredential`, what [`Credential::parse`] gives for one sent by value, `Pending`, and the port's. With several candidates it is the last one's.
pub fn resolve<'b, P: Provider + Credentials>(
    p: &mut P,
    id: &IdCred<'b>,
    from: usize,
    suite: Suite,
    sort: AuthenticationKey,
    own: &[PublicKey],
    buffer: &'b mut [u8; MAX_CREDENTIAL],
) -> Result<Accepted<'b>> {
    let Found { bytes, thumbprint, next } = find(p, id, from, suite, sort, own, buffer)?;
    Ok(Accepted { credential: Credential::parse(bytes)?, thumbprint, next })
}

/// [`resolve`] without the parsed credential, which is large, and not needed by all who ask.
#[inline(never)]
pub(crate) fn find<'b, P: Provider + Credentials>(
    p: &mut P,
    id: &IdCred<'b>,
    from: usize,
    suite: Suite,
    sort: AuthenticationKey,
    own: &[PublicKey],
    buffer: &'b mut [u8; MAX_CREDENTIAL],
) -> Result<Found<'b>> {
    #[cfg(feature = "x509")]
    let (chain, count);
    let path: &[&'b [u8]] = match id {
        IdCred::Ccs(bytes) | IdCred::Cwt(bytes) => core::slice::from_ref(bytes),
        #[cfg(feature = "x509")]
        IdCred::X5Chain(value) => {
            (chain, count) = x5chain(value)?;
            chain.get(..count).ok_or(Error::Internal)?
        }
        #[cfg(not(feature = "x509"))]
        IdCred::X5t(_) | IdCred::X5Chain(_) => return Err(Error::UnsupportedCredential),
        _ => &[],
    };
    if let Some(bytes) = path.first() {
        if from > 0 {
            return Err(Error::UnknownCredential);
        }
        let thumbprint = judge(p, bytes, Some(id), path, suite, sort, own)?;
        return Ok(Found { bytes, thumbprint, next: 1 });
    }
    let mut refusal = Error::UnknownCredential;
    for nth in from..MAX_CANDIDATES {
        let found = match id {
            IdCred::Kid(kid) => p.candidate(kid, nth, buffer)?,
            #[cfg(feature = "x509")]
            IdCred::X5t(value) => p.candidate_x5t(x5t_hash(value)?, nth, buffer)?,
            _ => None,
        };
        let Some(length) = found else { break };
        match judge(p, buffer.get(..length).ok_or(Error::Internal)?, None, &[], suite, sort, own) {
            Ok(thumbprint) => {
                let bytes = buffer.get(..length).ok_or(Error::Internal)?;
                return Ok(Found { bytes, thumbprint, next: nth.saturating_add(1) });
            }
            Err(Error::Pending) => return Err(Error::Pending),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

/// Reads a credential and judges it. `by_value` is how the peer sent it, if it did; then a CCS must have been provisioned.
#[inline(never)]
fn judge<P: Provider + Credentials>(
    p: &mut P,
    bytes: &[u8],
    by_value: Option<&IdCred<'_>>,
    path: &[&[u8]],
    suite: Suite,
    sort: AuthenticationKey,
    own: &[PublicKey],
) -> Result<Thumbprint> {
    let parsed = Credential::parse(bytes);
    // By reference: moved, it would lie on the stack twice.
    let credential = match &parsed {
        Ok(credential) => credential,
        Err(error) => return Err(*error),
    };
    #[cfg(not(feature = "x509"))]
    let _ = path;
    let path: &[&[u8]] = match by_value {
        #[cfg(feature = "x509")]
        Some(IdCred::X5Chain(_)) if credential.kind == CredentialKind::X509 => path,
        #[cfg(feature = "x509")]
        Some(IdCred::X5Chain(_)) => return Err(Error::Malformed),
        Some(_) if credential.kind == CredentialKind::Ccs && !p.known(bytes) => return Err(Error::UntrustedCredential),
        _ => &[],
    };
    accept(p, credential, path, suite, sort, own)
}

/// Everything but the bytes' having been provisioned. `path` is an x5chain, whose first certificate the credential is; one that was provisioned
/// needs no issuer.
fn accept<P: Provider + Credentials>(
    p: &mut P,
    credential: &Credential<'_>,
    path: &[&[u8]],
    suite: Suite,
    sort: AuthenticationKey,
    own: &[PublicKey],
) -> Result<Thumbprint> {
    credential.check_suite(suite, sort)?;
    // Diffie-Hellman sees x only, so on P-256 the other y is the same private key.
    if own.iter().any(|own| credential.key.curve == own.curve && credential.key.x == own.x) {
        return Err(Error::OwnIdentity);
    }
    #[cfg(feature = "x509")]
    if !path.is_empty() && !p.known(credential.bytes) {
        super::x509::verify_path(p, path)?;
    }
    #[cfg(not(feature = "x509"))]
    let _ = path;
    #[cfg(feature = "issuers")]
    if let Some(signed) = &credential.signed {
        let mut refusal = Error::UntrustedCredential;
        let mut tried = 0usize;
        let mut nth = 0usize;
        loop {
            let Some(anchor) = p.anchor(nth) else { return Err(refusal) };
            nth = nth.checked_add(1).ok_or(Error::Internal)?;
            if !anchor.purposes.contain(Purposes::IDENTITY) || !credential.may_be_from(anchor.kid) {
                continue;
            }
            let key = anchor.key;
            match credential.verify_signature(p, signed, &key) {
                Ok(()) => break,
                Err(Error::Pending) => return Err(Error::Pending),
                Err(error) => refusal = error,
            }
            tried = tried.saturating_add(1);
            if tried >= MAX_ANCHORS_TRIED {
                return Err(refusal);
            }
        }
    }
    credential.check_time(p.now_s())?;
    credential.key.thumbprint(p)
}
