//! How a newcomer introduces itself in message_3 (`docs/PROTOCOL.md` §10): what the handshake has to do with it. Who may come in is judged elsewhere.

#[cfg(feature = "setup")]
use super::Method;
use super::peer::Proved;
#[cfg(feature = "setup")]
use crate::bytes::{Secret, copy};
use crate::credential::CredX;
#[cfg(feature = "setup")]
use crate::credential::Thumbprint;
use crate::crypto::{HASH, Provider};
#[cfg(feature = "setup")]
use crate::error::Error;
use crate::error::Result;

/// Length of the tag that shows knowledge of the setup secret.
#[cfg(feature = "setup")]
pub(crate) const TAG: usize = HASH;

/// What the derivation of the tag's key is for, and its version.
#[cfg(feature = "setup")]
const SETUP: &[u8] = b"sealwire-setup-1";

/// HMAC-SHA-256(K, SHA-256(CRED_I) ‖ SHA-256(CRED_R)) with K = HKDF-SHA-256(TH_3, secret, "sealwire-setup-1", 32).
#[cfg(feature = "setup")]
pub(crate) fn setup_tag<P: Provider>(
    p: &mut P,
    secret: &Secret<16>,
    th_3: &[u8; HASH],
    cred_i: &[u8; HASH],
    cred_r: &[u8; HASH],
) -> Result<Secret<TAG>> {
    let prk = p.extract(th_3, secret.expose());
    let mut key = Secret::<HASH>::zero();
    p.expand(&prk, &[SETUP], key.expose_mut())?;
    let mut both = [0; 2 * HASH];
    let (first, second) = both.split_at_mut_checked(HASH).ok_or(Error::Internal)?;
    copy(first, cred_i);
    copy(second, cred_r);
    // HKDF-Extract is an HMAC.
    Ok(p.extract(key.expose(), &both))
}

/// What an introduction is bound to, at the Responder.
#[cfg(feature = "setup")]
pub(crate) struct Binding {
    pub(crate) th_3: [u8; HASH],
    /// SHA-256(CRED_R).
    pub(crate) cred_r: [u8; HASH],
    /// The Responder's identity.
    pub(crate) device: Thumbprint,
    pub(crate) method: Method,
}

/// What the Initiator must put into EAD_3 when it knows TH_3. An empty one puts in nothing, and lets a Responder that nobody provisioned show a CCS.
pub(crate) struct Introduction<'a> {
    /// The setup secret, and where in the encoded EAD_3 the tag goes.
    #[cfg(feature = "setup")]
    pub(crate) setup: Option<(&'a Secret<16>, usize)>,
    #[cfg(not(feature = "setup"))]
    pub(crate) never: &'a core::convert::Infallible,
}

impl Introduction<'_> {
    /// Fills in the tag.
    #[cfg(feature = "setup")]
    pub(super) fn complete<P: Provider>(
        &self,
        p: &mut P,
        th_3: &[u8; HASH],
        own: &CredX<'_>,
        proved: &Proved,
        ead: &mut [u8],
    ) -> Result<()> {
        let Some((secret, at)) = self.setup else { return Ok(()) };
        let cred_i = p.hash(&[own.head(), own.bytes]);
        let tag = setup_tag(p, secret, th_3, &cred_i, &proved.shown.hash)?;
        copy(ead.get_mut(at..).and_then(|rest| rest.get_mut(..TAG)).ok_or(Error::Internal)?, tag.expose());
        Ok(())
    }

    #[cfg(not(feature = "setup"))]
    pub(super) fn complete<P: Provider>(&self, _: &mut P, _: &[u8; HASH], _: &CredX<'_>, _: &Proved, _: &mut [u8]) -> Result<()> {
        match *self.never {}
    }
}
