//! Whether the peer holds the key of the credential that it names: the same on both sides.

use super::ConnectionId;
use super::message::Authentication;
use super::own::OwnKeys;
use super::schedule::{self, MAX_MAC, MacContext};
use crate::bytes::{Secret, equal};
#[cfg(feature = "setup")]
use crate::credential::KeyCurve;
use crate::credential::{Credential, Credentials, Found, MAX_CREDENTIAL, Peer, PublicKey, Role, Thumbprint, bytes_of, find};
use crate::crypto::{AuthenticationKey, HASH, Provider, Suite};
use crate::error::{Error, Result};

/// What a peer has said about itself in message_2 or message_3, and what its signature or MAC hangs on.
pub(super) struct Claim<'a> {
    /// ID_CRED_x, Signature_or_MAC_x and the EAD items.
    pub(super) theirs: Authentication<'a>,
    /// PLAINTEXT_2 or PLAINTEXT_3, whole.
    pub(super) plaintext: &'a [u8],
    /// C_R in message_2, where MAC_2 covers it; nothing in message_3.
    pub(super) c_r: Option<ConnectionId>,
    /// TH_2 or TH_3.
    pub(super) th: &'a [u8; HASH],
    /// PRK_2e or PRK_3e2m.
    pub(super) prk: &'a Secret<HASH>,
    /// This endpoint's ephemeral private key.
    pub(super) ephemeral: &'a Secret<32>,
    /// The inbox name that an Initiator claims.
    pub(super) inbox: Option<&'a [u8]>,
    /// A CCS that nobody provisioned may be shown; the caller then finds out why to let it in.
    #[cfg(feature = "setup")]
    pub(super) strangers: bool,
}

/// A peer that has proved itself.
pub(crate) struct Proved {
    pub(super) peer: Thumbprint,
    /// PRK_3e2m or PRK_4e3m.
    pub(super) prk: Secret<HASH>,
    /// TH_3 or TH_4.
    pub(super) th: [u8; HASH],
    /// What an introduction is judged by.
    #[cfg(feature = "setup")]
    pub(super) shown: Shown,
}

/// The credential that a peer has shown, and holds the key of.
#[cfg(feature = "setup")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    /// SHA-256(CRED_x).
    pub(crate) hash: [u8; HASH],
    /// The key in it.
    pub(crate) key: PublicKey,
    /// It was provisioned, or its issuer is trusted.
    pub(crate) vouched: bool,
}

impl Proved {
    /// To be filled.
    pub(crate) const fn blank() -> Self {
        Proved {
            peer: Thumbprint([0; 16]),
            prk: Secret::zero(),
            th: [0; HASH],
            #[cfg(feature = "setup")]
            shown: Shown { hash: [0; HASH], key: PublicKey { curve: KeyCurve::X25519, x: [0; 32], y: None }, vouched: false },
        }
    }
}

/// Tries the credentials that ID_CRED_x may mean, one after the other (RFC 9528 §3.5.3: kids need not be unique), and asks policy about the one that fits.
/// Fills `proved`, which means nothing after an error.
///
/// Errors: `Malformed` (neither signature nor MAC by its length), `AuthenticationFailed`, `InvalidKey`, `Denied`, those of [`resolve`](crate::credential::resolve).
#[inline(never)]
pub(super) fn verify<P: Provider + Credentials>(
    p: &mut P,
    suite: Suite,
    sort: AuthenticationKey,
    own: &OwnKeys,
    claim: &Claim<'_>,
    proved: &mut Proved,
) -> Result<()> {
    if claim.theirs.proof.len() != schedule::proof_len(suite, sort) {
        return Err(Error::Malformed);
    }
    let mut refusal = Error::UnknownCredential;
    let mut found = Found::blank();
    let mut from = 0;
    loop {
        #[cfg(feature = "setup")]
        {
            found.stranger = claim.strangers;
        }
        match find(p, &claim.theirs.id, from, suite, sort, own.all(), &mut found) {
            Ok(()) => {}
            // No more candidates: what counts is how the last one failed.
            Err(Error::UnknownCredential) => return Err(refusal),
            Err(error) => return Err(error),
        }
        from = found.nth.saturating_add(1);
        match agree(p, suite, sort, claim, &found.key, &mut proved.prk).and_then(|()| prove(p, suite, sort, claim, &found, proved)) {
            Err(error @ (Error::AuthenticationFailed | Error::InvalidKey)) => refusal = error,
            outcome => return outcome,
        }
    }
}

/// PRK_3e2m or PRK_4e3m. Before the credential is fetched again: nothing takes more stack than this. Error: `InvalidKey`.
#[inline(never)]
fn agree<P: Provider>(
    p: &mut P,
    suite: Suite,
    sort: AuthenticationKey,
    claim: &Claim<'_>,
    key: &PublicKey,
    prk: &mut Secret<HASH>,
) -> Result<()> {
    match sort {
        AuthenticationKey::StaticDh => {
            let mut shared = Secret::zero();
            p.agree_ephemeral(suite.curve(), claim.ephemeral, &key.x, &mut shared)?;
            let label = if claim.c_r.is_some() { schedule::SALT_3E2M } else { schedule::SALT_4E3M };
            schedule::prk_next(p, claim.prk, label, claim.th, &shared, prk)
        }
        AuthenticationKey::Signature => {
            prk.set(claim.prk);
            Ok(())
        }
    }
}

/// Whether the peer holds the key of this credential, and policy lets it in. Errors: `AuthenticationFailed`, `InvalidKey`, `Denied`,
/// `UnsupportedMethod` (signatures are not in this build), `UnknownCredential` (the port now has another one).
#[inline(never)]
fn prove<P: Provider + Credentials>(
    p: &mut P,
    suite: Suite,
    sort: AuthenticationKey,
    claim: &Claim<'_>,
    found: &Found,
    proved: &mut Proved,
) -> Result<()> {
    let mut buffer = [0; MAX_CREDENTIAL];
    let bytes = bytes_of(p, &claim.theirs.id, found.nth, &mut buffer)?.ok_or(Error::UnknownCredential)?;
    let parsed = Credential::parse(bytes);
    let credential = match &parsed {
        Ok(credential) if found.is(p, credential) => credential,
        Ok(_) => return Err(Error::UnknownCredential),
        Err(error) => return Err(*error),
    };
    let context =
        MacContext { c_r: claim.c_r, id: &claim.theirs.id, th: claim.th, credential: credential.cred_x()?, ead: claim.theirs.ead };
    match sort {
        AuthenticationKey::StaticDh => {
            let mut mac = [0; MAX_MAC];
            let mac = mac.get_mut(..suite.mac_len()).ok_or(Error::Internal)?;
            schedule::mac(p, &proved.prk, &context, mac)?;
            if !equal(mac, claim.theirs.proof) {
                return Err(Error::AuthenticationFailed);
            }
        }
        #[cfg(feature = "signatures")]
        AuthenticationKey::Signature => {
            schedule::with_signed(p, &proved.prk, &context, |p, message| credential.key.verify(p, message, claim.theirs.proof))?;
        }
        #[cfg(not(feature = "signatures"))]
        AuthenticationKey::Signature => return Err(Error::UnsupportedMethod),
    }
    let role = if claim.c_r.is_some() { Role::Initiator } else { Role::Responder };
    if !p.authorize(&Peer { thumbprint: found.thumbprint, credential, inbox: claim.inbox, role }) {
        return Err(Error::Denied);
    }
    proved.th = schedule::th_next(p, claim.th, claim.plaintext, &context.credential);
    proved.peer = found.thumbprint;
    #[cfg(feature = "setup")]
    {
        let hash = p.hash(&[context.credential.head(), context.credential.bytes]);
        proved.shown = Shown { hash, key: found.key, vouched: !found.stranger };
    }
    Ok(())
}
