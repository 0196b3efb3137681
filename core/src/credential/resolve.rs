//! From ID_CRED_x to a credential that may be tried.

#[cfg(feature = "issuers")]
use super::Purposes;
#[cfg(feature = "x509")]
use super::id_cred::{x5chain, x5t_hash};
use super::parse::Validity;
#[cfg(feature = "issuers")]
use super::parse::{may_be_from, verify_signature};
use super::{Credential, CredentialKind, Credentials, IdCred, KeyCurve, MAX_CANDIDATES, MAX_CREDENTIAL, PublicKey, Thumbprint};
#[cfg(feature = "issuers")]
use crate::cose::Sign1;
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
    /// Before: a CCS by value may be one that nobody provisioned. After: it is one, whose key the handshake proves, and why it is let in is
    /// still to be found.
    #[cfg(feature = "setup")]
    pub(crate) stranger: bool,
    /// The hash of all of it: its issuer has signed more than a key, which is not verified a second time.
    #[cfg(feature = "issuers")]
    hash: [u8; HASH],
}

impl Found {
    /// To be filled.
    pub(crate) const fn blank() -> Self {
        Found {
            key: PublicKey { curve: KeyCurve::X25519, x: [0; 32], y: None },
            thumbprint: Thumbprint([0; 16]),
            nth: 0,
            #[cfg(feature = "setup")]
            stranger: false,
            #[cfg(feature = "issuers")]
            hash: [0; HASH],
        }
    }

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
    let mut found = Found::blank();
    find(p, id, from, suite, sort, own, &mut found)?;
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
    found: &mut Found,
) -> Result<()> {
    found.nth = from;
    match id {
        IdCred::Kid(_) | IdCred::X5t(_) => find_provisioned(p, id, from, suite, sort, own, found),
        // Needs no buffer, and the port may need one to tell whether it knows it.
        _ => match bytes_of(p, id, from, &mut [])? {
            Some(bytes) => judge(p, bytes, id, suite, sort, own, found),
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
    found: &mut Found,
) -> Result<()> {
    let mut buffer = [0; MAX_CREDENTIAL];
    let mut refusal = Error::UnknownCredential;
    for nth in from..MAX_CANDIDATES {
        let Some(bytes) = bytes_of(p, id, nth, &mut buffer)? else { break };
        found.nth = nth;
        match judge(p, bytes, id, suite, sort, own, found) {
            Err(error) if error != Error::Pending => refusal = error,
            outcome => return outcome,
        }
    }
    Err(refusal)
}

/// Reads a credential and judges it; `found` knows which it is.
// In two steps: while an issuer's signature is verified, which takes the most stack, what was parsed does not lie there.
#[inline(never)]
fn judge<P: Provider + Credentials>(
    p: &mut P,
    bytes: &[u8],
    id: &IdCred<'_>,
    suite: Suite,
    sort: AuthenticationKey,
    own: &[PublicKey],
    found: &mut Found,
) -> Result<()> {
    let Claimed { kind, validity } = read(p, bytes, id, suite, sort, own, found)?;
    #[cfg(feature = "issuers")]
    vouched(p, bytes, id, kind)?;
    #[cfg(not(feature = "issuers"))]
    let _ = kind;
    validity.check(p.now_s())
}

/// What is left to be judged.
struct Claimed {
    kind: CredentialKind,
    validity: Validity,
}

/// Everything but that an issuer vouches for the credential, and that it is valid now.
#[inline(never)]
fn read<P: Provider + Credentials>(
    p: &mut P,
    bytes: &[u8],
    id: &IdCred<'_>,
    suite: Suite,
    sort: AuthenticationKey,
    own: &[PublicKey],
    found: &mut Found,
) -> Result<Claimed> {
    let parsed = Credential::parse(bytes);
    // By reference: moved, it would lie on the stack twice.
    let credential = match &parsed {
        Ok(credential) => credential,
        Err(error) => return Err(*error),
    };
    let known = match id {
        #[cfg(feature = "x509")]
        IdCred::X5Chain(_) if credential.kind != CredentialKind::X509 => return Err(Error::Malformed),
        IdCred::Ccs(_) | IdCred::Cwt(_) if credential.kind == CredentialKind::Ccs => p.known(bytes),
        _ => true,
    };
    #[cfg(feature = "setup")]
    let refused = !core::mem::replace(&mut found.stranger, !known) && !known;
    #[cfg(not(feature = "setup"))]
    let refused = !known;
    if refused {
        return Err(Error::UntrustedCredential);
    }
    credential.check_suite(suite, sort)?;
    // Diffie-Hellman sees x only, so on P-256 the other y is the same private key.
    if own.iter().any(|own| credential.key.curve == own.curve && credential.key.x == own.x) {
        return Err(Error::OwnIdentity);
    }
    found.key = credential.key;
    found.thumbprint = credential.key.thumbprint(p)?;
    #[cfg(feature = "issuers")]
    {
        found.hash = p.hash(&[bytes]);
    }
    Ok(Claimed { kind: credential.kind, validity: credential.validity() })
}

/// Does an anchor vouch for it? For a CWT one has signed it; an x5chain leads to one, unless its first certificate was provisioned. Others were
/// provisioned.
#[cfg(feature = "issuers")]
#[inline(never)]
fn vouched<P: Provider + Credentials>(p: &mut P, bytes: &[u8], id: &IdCred<'_>, kind: CredentialKind) -> Result<()> {
    #[cfg(feature = "x509")]
    if let IdCred::X5Chain(value) = id
        && !p.known(bytes)
    {
        let chain = x5chain(value)?;
        return super::x509::verify_path(p, chain.0.get(..chain.1).ok_or(Error::Internal)?).map(drop);
    }
    let _ = id;
    if kind != CredentialKind::Cwt {
        return Ok(());
    }
    let signed = Sign1::parse(bytes)?;
    let mut refusal = Error::UntrustedCredential;
    let mut tried = 0usize;
    let mut nth = 0usize;
    loop {
        let Some(anchor) = p.anchor(nth) else { return Err(refusal) };
        nth = nth.checked_add(1).ok_or(Error::Internal)?;
        if !anchor.purposes.contain(Purposes::IDENTITY) || !may_be_from(&signed, anchor.kid) {
            continue;
        }
        let key = anchor.key;
        match verify_signature(p, &signed, &key) {
            Ok(()) => return Ok(()),
            Err(Error::Pending) => return Err(Error::Pending),
            Err(error) => refusal = error,
        }
        tried = tried.saturating_add(1);
        if tried >= MAX_ANCHORS_TRIED {
            return Err(refusal);
        }
    }
}
