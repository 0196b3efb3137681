//! What both sides do alike: the own credential and its proof, and opening COSE_Encrypt0 messages.

use super::schedule::MacContext;
use super::{message, schedule};
use crate::bytes::Writer;
use crate::bytes::{Secret, copy};
use crate::cbor;
use crate::credential::{
    CredX, Credential, CredentialKind, Credentials, DER, IdCred, MAX_CREDENTIAL, OwnCredential, PublicKey, Thumbprint, X5T_LEN, write_x5t,
};
use crate::crypto::{AuthenticationKey, HASH, KeyHandle, Provider, Suite};
use crate::error::{Error, Result};

pub(super) struct Own<'a> {
    pub(super) credential: CredX<'a>,
    pub(super) public: PublicKey,
    pub(super) id: IdCred<'a>,
    pub(super) key: KeyHandle,
    sort: AuthenticationKey,
}

impl Own<'_> {
    /// Fills in Signature_or_MAC_x. Errors: `UnsupportedMethod` (signatures are not in this build), `Pending`, the port's.
    pub(super) fn prove<P: Provider>(
        &self,
        p: &mut P,
        suite: Suite,
        prk: &Secret<HASH>,
        context: &MacContext<'_>,
        place: &mut [u8],
    ) -> Result<()> {
        match self.sort {
            AuthenticationKey::StaticDh => schedule::mac(p, prk, context, place),
            #[cfg(feature = "signatures")]
            AuthenticationKey::Signature => {
                let place: &mut [u8; schedule::SIGNATURE] = place.try_into().map_err(|_| Error::Internal)?;
                schedule::with_signed(p, prk, context, |p, message| p.sign(self.key, suite.signature(), message, place))
            }
            #[cfg(not(feature = "signatures"))]
            AuthenticationKey::Signature => {
                let _ = suite;
                Err(Error::UnsupportedMethod)
            }
        }
    }
}

/// PRK_3e2m or PRK_4e3m after `before`, from the shared secret G_RX or G_IY of the own static key with the peer's ephemeral key; the one before where
/// this end signs. Errors: `InvalidKey`, `Pending`, the port's.
#[inline(never)]
pub(super) fn agree<P: Provider>(
    p: &mut P,
    suite: Suite,
    sort: AuthenticationKey,
    key: KeyHandle,
    peer: &[u8; 32],
    (before, label, th): (&Secret<HASH>, u64, &[u8; HASH]),
    next: &mut Secret<HASH>,
) -> Result<()> {
    match sort {
        AuthenticationKey::StaticDh => {
            let mut shared = Secret::zero();
            p.agree(key, suite.curve(), peer, &mut shared)?;
            schedule::prk_next(p, before, label, th, &shared, next)
        }
        AuthenticationKey::Signature => {
            next.set(before);
            Ok(())
        }
    }
}

/// What [`load`] needs: a credential, and before it room for its x5t, or for the head of the byte string that an x5chain is.
pub(super) const OWN_BUFFER: usize = X5T_LEN + MAX_CREDENTIAL;

/// The own credential with a key of this sort for `suite`. By reference needs a kid in it, but for a certificate, which is named by its hash;
/// without one it goes by value.
// Not inlined, as others in this module: what the parser needs must not lie on the stack while keys are agreed on.
#[inline(never)]
pub(super) fn load<'a, P: Provider + Credentials>(
    p: &mut P,
    suite: Suite,
    sort: AuthenticationKey,
    by_value: bool,
    buffer: &'a mut [u8; OWN_BUFFER],
) -> Result<Own<'a>> {
    let (front, place) = buffer.split_at_mut_checked(X5T_LEN).ok_or(Error::Internal)?;
    let OwnCredential { len, key, by_value: always } = p.own(suite, sort, place)?;
    let by_value = by_value || always;
    let bytes = place.get(..len).ok_or(Error::Internal)?;
    // What goes before a certificate is written before anything keeps hold of the buffer.
    let mut front_len = 0;
    if cfg!(feature = "x509") && bytes.first() == Some(&DER) {
        let mut written = [0; X5T_LEN];
        let mut w = Writer::new(&mut written);
        if by_value {
            cbor::write_bytes_head(&mut w, len)?;
        } else {
            let hash = p.hash(&[bytes]);
            write_x5t(&mut w, hash.first_chunk().ok_or(Error::Internal)?)?;
        }
        front_len = w.len();
        let start = X5T_LEN.saturating_sub(front_len);
        copy(front.get_mut(start..).ok_or(Error::Internal)?, w.written());
    }
    let buffer: &'a [u8; OWN_BUFFER] = buffer;
    let (start, end) = (X5T_LEN.saturating_sub(front_len), X5T_LEN.saturating_add(len));
    let parsed = Credential::parse(buffer.get(X5T_LEN..end).ok_or(Error::Internal)?);
    // By reference: moved, it would lie on the stack twice.
    let credential = match &parsed {
        Ok(credential) => credential,
        Err(error) => return Err(*error),
    };
    credential.check_suite(suite, sort)?;
    let id = match (credential.kid, credential.kind) {
        (Some(kid), _) if !by_value => IdCred::Kid(kid),
        (_, CredentialKind::Ccs) => IdCred::Ccs(credential.bytes),
        (_, CredentialKind::Cwt) => IdCred::Cwt(credential.bytes),
        (_, CredentialKind::X509) if by_value => IdCred::X5Chain(buffer.get(start..end).ok_or(Error::Internal)?),
        (_, CredentialKind::X509) => IdCred::X5t(buffer.get(start..X5T_LEN).ok_or(Error::Internal)?),
    };
    Ok(Own { credential: credential.cred_x()?, public: credential.key, id, key, sort })
}

/// How many authentication keys an endpoint may have for a suite: one that agrees, and one that signs.
const KEYS: usize = if cfg!(feature = "signatures") { 2 } else { 1 };

/// This endpoint's public keys for a suite, to recognise itself in what a peer shows.
pub(super) struct OwnKeys {
    /// The one shown in this handshake, then the other one, or the same again.
    keys: [PublicKey; KEYS],
    /// The private key of the one shown.
    pub(super) handle: KeyHandle,
}

impl OwnKeys {
    /// Every key that this endpoint has for the suite: a message of its own, sent back, may come under the method that asks for the
    /// other one. The one of this sort must be there. Errors: as [`load`].
    pub(super) fn new<P: Provider + Credentials>(p: &mut P, suite: Suite, sort: AuthenticationKey) -> Result<Self> {
        let (shown, handle) = public_key(p, suite, sort)?;
        #[cfg_attr(not(feature = "signatures"), expect(unused_mut))]
        let mut keys = [shown; KEYS];
        #[cfg(feature = "signatures")]
        {
            let [_, place] = &mut keys;
            let other = match sort {
                AuthenticationKey::StaticDh => AuthenticationKey::Signature,
                AuthenticationKey::Signature => AuthenticationKey::StaticDh,
            };
            match public_key(p, suite, other) {
                Ok((key, _)) => *place = key,
                // There is none, or it is not fit for use: then this endpoint does not show it either.
                Err(error) if matches!(error.number(), 100..300) => {}
                // A store that fails must not hide the key.
                Err(error) => return Err(error),
            }
        }
        Ok(OwnKeys { keys, handle })
    }

    /// All of them.
    pub(super) fn all(&self) -> &[PublicKey] {
        &self.keys
    }

    /// The identity shown in this handshake. Error: `InvalidKey`.
    pub(super) fn thumbprint(&self, p: &mut impl Provider) -> Result<Thumbprint> {
        let [shown, ..] = &self.keys;
        shown.thumbprint(p)
    }
}

/// The public key of the own credential for `suite`, and the handle of the private one. Errors: as [`load`].
// Apart, so that its buffer does not lie on the stack while the caller does other things.
#[inline(never)]
fn public_key<P: Provider + Credentials>(p: &mut P, suite: Suite, sort: AuthenticationKey) -> Result<(PublicKey, KeyHandle)> {
    let mut buffer = [0; OWN_BUFFER];
    load(p, suite, sort, true, &mut buffer).map(|own| (own.public, own.key))
}

/// SHA-256 of the own CRED_x for `suite`. Errors: as [`load`].
#[cfg(feature = "setup")]
#[inline(never)]
pub(super) fn hash<P: Provider + Credentials>(p: &mut P, suite: Suite, sort: AuthenticationKey) -> Result<[u8; HASH]> {
    let mut buffer = [0; OWN_BUFFER];
    let own = load(p, suite, sort, true, &mut buffer)?;
    Ok(p.hash(&[own.credential.head(), own.credential.bytes]))
}

/// Opens message_3 or message_4 into `scratch`; gives the plaintext.
/// Errors: `Malformed`, `NotDeterministic`, `AuthenticationFailed`, `BufferTooSmall`.
pub(super) fn open_message<'s, P: Provider>(
    p: &mut P,
    suite: Suite,
    prk: &Secret<HASH>,
    labels: (u64, u64),
    th: &[u8; HASH],
    message: &[u8],
    scratch: &'s mut [u8],
) -> Result<&'s [u8]> {
    let content = message::byte_string(message)?;
    let length = content.len().checked_sub(suite.edhoc_aead().tag_len()).ok_or(Error::Malformed)?;
    let (ciphertext, tag) = content.split_at_checked(length).ok_or(Error::Internal)?;
    let plaintext = scratch.get_mut(..length).ok_or(Error::BufferTooSmall)?;
    copy(plaintext, ciphertext);
    schedule::open(p, suite, prk, labels, th, plaintext, tag)?;
    Ok(plaintext)
}
