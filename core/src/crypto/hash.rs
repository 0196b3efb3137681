//! SHA-256 of parts, and HKDF (RFC 5869) with the HMAC (RFC 2104) under it. The argument for it is in docs/ARCHITECTURE.md §9.

use super::HASH;
#[cfg(feature = "compact")]
use super::compact::sha2::Sha256;
use crate::bytes::Secret;
use crate::error::{Error, Result};

/// As the crate does it, many blocks at once.
#[cfg(not(feature = "compact"))]
struct Sha256(sha2::Sha256);

#[cfg(not(feature = "compact"))]
impl Sha256 {
    fn new() -> Self {
        Sha256(sha2::Digest::new())
    }

    fn update(&mut self, part: &[u8]) {
        sha2::Digest::update(&mut self.0, part);
    }

    fn finish(&mut self, out: &mut [u8; HASH]) {
        sha2::Digest::finalize_into_reset(&mut self.0, out.into());
    }
}

/// SHA-256.
pub(crate) fn hash(parts: &[&[u8]]) -> [u8; HASH] {
    let mut state = Sha256::new();
    for part in parts {
        state.update(part);
    }
    let mut out = [0; HASH];
    state.finish(&mut out);
    out
}

/// HMAC of `block`, if it `counts`, then the concatenation of `parts` and `last`; the result replaces `block`. The key is at most 64 bytes.
#[inline(never)]
fn mac(key: &[u8], counts: bool, block: &mut [u8; HASH], parts: &[&[u8]], last: &[u8]) {
    let mut pad = Secret::from([0x36; 64]);
    pad.expose_mut().iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    let mut state = Sha256::new();
    state.update(pad.expose());
    if counts {
        state.update(block);
    }
    for part in parts {
        state.update(part);
    }
    state.update(last);
    state.finish(block);
    pad.expose_mut().iter_mut().for_each(|byte| *byte ^= 0x36 ^ 0x5c);
    state = Sha256::new();
    state.update(pad.expose());
    state.update(block);
    state.finish(block);
}

/// HMAC of the concatenation of `parts`.
pub(super) fn hmac(key: &[u8], parts: &[&[u8]]) -> Secret<HASH> {
    let mut secret = Secret::zero();
    let hashed;
    let key = if key.len() > 64 {
        hashed = hash(&[key]);
        &hashed
    } else {
        key
    };
    mac(key, false, secret.expose_mut(), parts, &[]);
    secret
}

/// HKDF-Extract.
pub(super) fn extract(salt: &[u8], input: &[u8]) -> Secret<HASH> {
    hmac(salt, &[input])
}

/// HKDF-Expand; `info` is the concatenation of its parts. Error: `InvalidArgument` above 8160 bytes.
pub(super) fn expand(prk: &Secret<HASH>, info: &[&[u8]], out: &mut [u8]) -> Result<()> {
    if out.len() > 255 * HASH {
        return Err(Error::InvalidArgument);
    }
    let mut block = Secret::zero();
    for (counter, place) in (1..=255).zip(out.chunks_mut(HASH)) {
        mac(prk.expose(), counter > 1, block.expose_mut(), info, &[counter]);
        place.iter_mut().zip(block.expose()).for_each(|(place, byte)| *place = *byte);
    }
    Ok(())
}
