//! What both sides do alike: the own credential, and opening COSE_Encrypt0 messages.

use super::{message, schedule};
use crate::bytes::Secret;
use crate::credential::{Credential, CredentialKind, Credentials, IdCred, MAX_CREDENTIAL, PublicKey};
use crate::crypto::{HASH, KeyHandle, Provider, Suite};
use crate::error::{Error, Result};

pub(super) struct Own<'a> {
    /// CRED_x.
    pub(super) credential: &'a [u8],
    pub(super) public: PublicKey,
    pub(super) id: IdCred<'a>,
    pub(super) key: KeyHandle,
}

/// The own credential for `suite`. By reference needs a kid in it; without one it goes by value.
// Not inlined, as others in this module: what the parser needs must not lie on the stack while keys are agreed on.
#[inline(never)]
pub(super) fn load<'a>(p: &impl Credentials, suite: Suite, by_value: bool, buffer: &'a mut [u8; MAX_CREDENTIAL]) -> Result<Own<'a>> {
    let entry = p.own(suite, buffer)?;
    let credential = Credential::parse(buffer.get(..entry.len).ok_or(Error::Internal)?)?;
    credential.check_suite(suite)?;
    let id = match (credential.kid, credential.kind) {
        (Some(kid), _) if !entry.by_value && !by_value => IdCred::Kid(kid),
        (_, CredentialKind::Ccs) => IdCred::Ccs(credential.bytes),
        (_, CredentialKind::Cwt) => IdCred::Cwt(credential.bytes),
    };
    Ok(Own { credential: credential.bytes, public: credential.key, id, key: entry.key })
}

/// The public key of the own credential for `suite`. Errors: as [`load`].
// Apart, so that its buffer does not lie on the stack while the caller does other things.
#[inline(never)]
pub(super) fn public_key(p: &impl Credentials, suite: Suite) -> Result<PublicKey> {
    let mut buffer = [0; MAX_CREDENTIAL];
    Ok(load(p, suite, false, &mut buffer)?.public)
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
    plaintext.copy_from_slice(ciphertext);
    schedule::open(p, suite, prk, labels, th, plaintext, tag)?;
    Ok(plaintext)
}
