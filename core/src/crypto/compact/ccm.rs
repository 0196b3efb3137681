//! AES-CCM (RFC 3610) with a nonce of 13 bytes over aes's blocks.

use crate::bytes::{Secret, copy, equal};
use crate::error::{Error, Result};
use aes::Aes128;
use aes::cipher::{BlockEncrypt, KeyInit};
use zeroize::Zeroize;

/// CBC-MAC, block by block.
struct Mac<'a> {
    cipher: &'a Aes128,
    block: Secret<16>,
    used: usize,
}

impl Mac<'_> {
    #[inline(never)]
    fn update(&mut self, part: &[u8]) {
        for byte in part {
            if let Some(place) = self.block.expose_mut().get_mut(self.used) {
                *place ^= byte;
            }
            self.used = self.used.wrapping_add(1);
            if self.used == 16 {
                self.pad();
            }
        }
    }

    /// Ends a part: zeros up to a whole block change nothing but its end.
    #[inline(never)]
    fn pad(&mut self) {
        if self.used != 0 {
            self.cipher.encrypt_block(self.block.expose_mut().into());
            self.used = 0;
        }
    }
}

/// Adds the key stream from block `counter` on.
#[inline(never)]
fn apply(cipher: &Aes128, nonce: &[u8; 13], counter: u16, buffer: &mut [u8]) {
    let mut stream = Secret::<16>::zero();
    for (chunk, counter) in buffer.chunks_mut(16).zip(counter..=u16::MAX) {
        let [flags, middle @ .., high, low] = stream.expose_mut();
        *flags = 1;
        copy(middle, nonce);
        [*high, *low] = counter.to_be_bytes();
        cipher.encrypt_block(stream.expose_mut().into());
        chunk.iter_mut().zip(stream.expose()).for_each(|(byte, stream)| *byte ^= stream);
    }
}

/// Encrypts `buffer` in place and writes the tag, 8 or 16 bytes, or decrypts and verifies it. Errors: `InvalidArgument` (the length of key or nonce;
/// 65,536 bytes and more, 65,280 of additional data), `DecryptFailed`: the buffer is zero.
#[inline(never)]
pub(in crate::crypto) fn run(key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &mut [u8], sealing: bool) -> Result<()> {
    let cipher = Aes128::new_from_slice(key).map_err(|_| Error::InvalidArgument)?;
    let nonce: &[u8; 13] = nonce.try_into().map_err(|_| Error::InvalidArgument)?;
    let aad_length = u16::try_from(aad.len()).ok().filter(|length| *length < 0xff00).ok_or(Error::InvalidArgument)?;
    let Ok(length) = u16::try_from(buffer.len()) else {
        if sealing {
            return Err(Error::InvalidArgument);
        }
        buffer.zeroize();
        return Err(Error::DecryptFailed);
    };
    let mut mac = Mac { cipher: &cipher, block: Secret::zero(), used: 0 };
    // Is there additional data; half the tag less one; two bytes of length less one.
    let flags = if aad.is_empty() { 0 } else { 0x40 } | if tag.len() == 16 { 0x38 } else { 0x18 } | 1;
    mac.update(&[flags]);
    mac.update(nonce);
    mac.update(&length.to_be_bytes());
    if !aad.is_empty() {
        mac.update(&aad_length.to_be_bytes());
        mac.update(aad);
        mac.pad();
    }
    if sealing {
        mac.update(buffer);
        apply(&cipher, nonce, 1, buffer);
    } else {
        apply(&cipher, nonce, 1, buffer);
        mac.update(buffer);
    }
    mac.pad();
    apply(&cipher, nonce, 0, mac.block.expose_mut());
    let made = mac.block.expose().get(..tag.len()).ok_or(Error::InvalidArgument)?;
    if sealing {
        copy(tag, made);
    } else if !equal(tag, made) {
        buffer.zeroize();
        return Err(Error::DecryptFailed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ccm::aead::AeadInPlace;
    use ccm::consts::{U8, U13, U16};
    use std::vec::Vec;

    /// Every length around several blocks, of both sorts of data, with both tags.
    #[test]
    fn as_the_crate() {
        let bytes: Vec<u8> = (0..=255).collect();
        let (key, nonce) = (&bytes[100..116], &bytes[200..213]);
        for length in 0..70 {
            for aad in [0, 1, 13, 14, 15, 30, 100] {
                let (plain, aad) = (&bytes[..length], &bytes[7..][..aad]);
                for wide in [false, true] {
                    let mut expected = plain.to_vec();
                    let expected_tag = if wide {
                        let cipher = ccm::Ccm::<Aes128, U16, U13>::new_from_slice(key).unwrap();
                        cipher.encrypt_in_place_detached(nonce.into(), aad, &mut expected).unwrap().to_vec()
                    } else {
                        let cipher = ccm::Ccm::<Aes128, U8, U13>::new_from_slice(key).unwrap();
                        cipher.encrypt_in_place_detached(nonce.into(), aad, &mut expected).unwrap().to_vec()
                    };
                    let (mut buffer, mut tag) = (plain.to_vec(), std::vec![0; expected_tag.len()]);
                    run(key, nonce, aad, &mut buffer, &mut tag, true).unwrap();
                    assert_eq!((&buffer, &tag), (&expected, &expected_tag), "{length} {}", aad.len());
                    run(key, nonce, aad, &mut buffer, &mut tag, false).unwrap();
                    assert_eq!(buffer, plain);
                    tag[length % 8] ^= 1;
                    assert_eq!(run(key, nonce, aad, &mut expected, &mut tag, false), Err(Error::DecryptFailed));
                    assert!(expected.iter().all(|byte| *byte == 0));
                }
            }
        }
    }
}
