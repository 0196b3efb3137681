//! ChaCha20/Poly1305 (RFC 8439 §2.8) over chacha20's blocks and poly1305's authenticator.

use crate::bytes::{Secret, copy, equal};
use crate::error::{Error, Result};
use chacha20::ChaChaCore;
use chacha20::cipher::consts::U10;
use chacha20::cipher::{KeyIvInit, StreamCipherCore};
use poly1305::Poly1305;
use poly1305::universal_hash::{KeyInit, UniversalHash};

/// Encrypts `buffer` in place and writes the tag, or verifies the tag and decrypts. Errors: `InvalidArgument` (a length), `DecryptFailed`, which
/// leaves the buffer as it was.
#[inline(never)]
pub(in crate::crypto) fn run(key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &mut [u8], sealing: bool) -> Result<()> {
    let tag: &mut [u8; 16] = tag.try_into().map_err(|_| Error::InvalidArgument)?;
    let mut core = ChaChaCore::<U10>::new_from_slices(key, nonce).map_err(|_| Error::InvalidArgument)?;
    let mut one_time = Secret::<32>::zero();
    apply(&mut core, one_time.expose_mut());
    let mut mac = Poly1305::new(one_time.expose().into());
    if sealing {
        apply(&mut core, buffer);
    }
    let mut lengths = [0; 16];
    for (place, part) in lengths.chunks_exact_mut(8).zip([aad, buffer]) {
        authenticate(&mut mac, part);
        copy(place, &(part.len() as u64).to_le_bytes());
    }
    authenticate(&mut mac, &lengths);
    let made = mac.finalize();
    if sealing {
        *tag = made.into();
    } else if equal(tag, &made) {
        apply(&mut core, buffer);
    } else {
        return Err(Error::DecryptFailed);
    }
    Ok(())
}

/// Feeds in a part, filled up to whole blocks with zeros.
fn authenticate(mac: &mut Poly1305, part: &[u8]) {
    for chunk in part.chunks(16) {
        let mut block = [0; 16];
        copy(&mut block, chunk);
        mac.update(&[block.into()]);
    }
}

/// Adds the key stream from the next block on; what is left of the last block is not used.
#[inline(never)]
fn apply(core: &mut ChaChaCore<U10>, buffer: &mut [u8]) {
    let mut stream = Secret::<64>::zero();
    for chunk in buffer.chunks_mut(64) {
        core.write_keystream_block(stream.expose_mut().into());
        chunk.iter_mut().zip(stream.expose()).for_each(|(byte, stream)| *byte ^= stream);
    }
}
