//! From ID_CRED_x to a credential that may be tried.

#[cfg(feature = "issuers")]
use super::Purposes;
#[cfg(feature = "x509")]
use super::id_cred::{x5chain, x5t_hash};
use super::{Credential, CredentialKind, Credentials, IdCred, MAX_CANDIDATES, MAX_CREDENTIAL, PublicKey, Thumbprint};
#[cfg(feature = "issuers")]
use crate::crypto::HASH;
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

/// What [`find`] found.
pub(crate) struct Found {
    pub(crate) key: PublicKey,
    pub(crate) thumbprint: Thumbprint,
    /// Where [`bytes_of`] finds it.
    pub(crate) nth: usize,
    /// The hash of all of it: its issuer has signed more than a key, which is not verified a second time.
    #[cfg(feature = "issuers")]
    hash: [u8; HASH],
}

impl Found {
    /// Is this, fetched again, what was judged? What the port keeps may have changed in between.
    pub(crate) fn is<P: Provider>(&self, p: &mut P, credential: &Credential<'_>) -> bool {
        #[cfg(feature = "issuers")]
        if p.hash(&[credential.bytes]) != self.hash {
            return false;
        }
        let _ = p;
        credential.key == self.key
    }
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
    let found = find(p, id, from, suite, sort, own)?;
    let bytes = bytes_of(p, id, found.nth, buffer)?.ok_or(Error::UnknownCredential)?;
    let credential = Credential::parse(bytes)?;
    if !found.is(p, &credential) {
        return Err(Error::UnknownCredential);
    }
    Ok(Accepted { credential, thumbprint: found.thumbprint, next: found.nth.saturating_add(1) })
}

/// The `nth` credential that ID_CRED_x may mean, or nothing if there are no more: one sent by value, or as many as the port has.
pub(crate) fn bytes_of<'b, P: Provider + Credentials>(
    p: &mut P,
    id: &IdCred<'b>,
    nth: usize,
    buffer: &'b mut [u8],
) -> Result<Option<&'b [u8]>> {
    let found = match id {
        IdCred::Ccs(bytes) | IdCred::Cwt(bytes) => return Ok((nth == 0).then_some(bytes)),
        #[cfg(feature = "x509")]
        IdCred::X5Chain(value) => {
            let ([bytes, ..], _) = x5chain(value)?;
            return Ok((nth == 0).then_some(bytes));
        }
        IdCred::Kid(kid) => p.candidate(kid, nth, buffer)?,
        #[cfg(feature = "x509")]
        IdCred::X5t(value) => p.candidate_x5t(x5t_hash(value)?, nth, buffer)?,
        #[cfg(not(feature = "x509"))]
        IdCred::X5t(_) | IdCred::X5Chain(_) => return Err(Error::UnsupportedCredential),
    };
    match found {
        Some(length) => buffer.get(..length).map(Some).ok_or(Error::Internal),
        None => Ok(None),
    }
}

/// [`resolve`] for those who need the key now, and the credential later: its buffer is gone when this returns.
pub(crate) fn find<P: Provider + Credentials>(
    p: &mut P,
    id: &IdCred<'_>,
    from: usize,
    suite: Suite,
    sort: AuthenticationKey,
    own: &[PublicKey],
) -> Result<Found> {
    match id {
        IdCred::Kid(_) | IdCred::X5t(_) => find_provisioned(p, id, from, suite, sort, own),
        // Needs no buffer, and the port may need one to tell whether it knows it.
        _ => match bytes_of(p, id, from, &mut [])? {
            Some(bytes) => judge(p, bytes, id, 0, suite, sort, own),
            None => Err(Error::UnknownCredential),
        },
    }
}

#[inline(never)]
fn find_provisioned<P: Provider + Credentials>(
    p: &mut P,
    id: &IdCred<'_>,
    from: usize,
    suite: Suite,
    sort: AuthenticationKey,
    own: &[PublicKey],
) -> Result<Found> {
    let mut buffer = [0; MAX_CREDENTIAL];
    let mut refusal = Error::UnknownCredential;
    for nth in from..MAX_CANDIDATES {
        let Some(bytes) = bytes_of(p, id, nth, &mut buffer)? else { break };
        match judge(p, bytes, id, nth, suite, sort, own) {
            Err(error) if error != Error::Pending => refusal = error,
            outcome => return outcome,
        }
    }
    Err(refusal)
}

/// Reads a credential, the `nth` one found, and judges it.
#[inline(never)]
fn judge<P: Provider + Credentials>(
    p: &mut P,
    bytes: &[u8],
    id: &IdCred<'_>,
    nth: usize,
    suite: Suite,
    sort: AuthenticationKey,
    own: &[PublicKey],
) -> Result<Found> {
    let parsed = Credential::parse(bytes);
    // By reference: moved, it would lie on the stack twice.
    let credential = match &parsed {
        Ok(credential) => credential,
        Err(error) => return Err(*error),
    };
    #[cfg(feature = "x509")]
    let chain;
    let path: &[&[u8]] = match id {
        #[cfg(feature = "x509")]
        IdCred::X5Chain(value) if credential.kind == CredentialKind::X509 => {
            chain = x5chain(value)?;
            chain.0.get(..chain.1).ok_or(Error::Internal)?
        }
        #[cfg(feature = "x509")]
        IdCred::X5Chain(_) => return Err(Error::Malformed),
        IdCred::Ccs(_) | IdCred::Cwt(_) if credential.kind == CredentialKind::Ccs && !p.known(bytes) => {
            return Err(Error::UntrustedCredential);
        }
        _ => &[],
    };
    let thumbprint = accept(p, credential, path, suite, sort, own)?;
    Ok(Found {
        key: credential.key,
        thumbprint,
        nth,
        #[cfg(feature = "issuers")]
        hash: p.hash(&[bytes]),
    })
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
