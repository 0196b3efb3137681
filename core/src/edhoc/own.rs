//! What both sides do alike: the own credential, candidates, and opening COSE_Encrypt0 messages.

use super::{message, schedule};
use crate::bytes::Secret;
use crate::credential::{Credential, CredentialKind, Credentials, IdCred, MAX_CANDIDATES, MAX_CREDENTIAL};
use crate::crypto::{HASH, KeyHandle, Provider, Suite};
use crate::error::{Error, Result};

pub(super) struct Own<'a> {
    pub(super) credential: Credential<'a>,
    pub(super) id: IdCred<'a>,
    pub(super) key: KeyHandle,
}

/// The own credential for `suite`. By reference needs a kid in it; without one it goes by value.
pub(super) fn load<'a>(p: &impl Credentials, suite: Suite, by_value: bool, buffer: &'a mut [u8; MAX_CREDENTIAL]) -> Result<Own<'a>> {
    let entry = p.own(suite, buffer)?;
    let credential = Credential::parse(buffer.get(..entry.len).ok_or(Error::Internal)?)?;
    credential.check_suite(suite)?;
    let id = match (credential.kid, credential.kind) {
        (Some(kid), _) if !entry.by_value && !by_value => IdCred::Kid(kid),
        (_, CredentialKind::Ccs) => IdCred::Ccs(credential.bytes),
        (_, CredentialKind::Cwt) => IdCred::Cwt(credential.bytes),
    };
    Ok(Own { credential, id, key: entry.key })
}

/// True if the peer may have meant one more credential, from candidate `next` on.
pub(super) fn another_candidate(id: &IdCred<'_>, next: usize) -> bool {
    matches!(id, IdCred::Kid(_)) && next < MAX_CANDIDATES
}

/// What the lack of a further candidate means: that those before did not prove themselves.
pub(super) fn none_proved(tried: usize, error: Error) -> Error {
    if tried > 0 && error == Error::UnknownCredential { Error::AuthenticationFailed } else { error }
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
