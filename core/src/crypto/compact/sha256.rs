//! SHA-256 (FIPS 180-4) around sha2's compression of one block.

use crate::crypto::HASH;
use sha2::digest::generic_array::{GenericArray, typenum::U64};

/// What is hashed so far.
pub(in crate::crypto) struct Sha256 {
    state: [u32; 8],
    /// Filled up to `length` modulo 64.
    block: GenericArray<u8, U64>,
    /// In bytes.
    length: u64,
}

impl Sha256 {
    pub(in crate::crypto) fn new() -> Self {
        let state = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
        Sha256 { state, block: GenericArray::default(), length: 0 }
    }

    #[inline(never)]
    pub(in crate::crypto) fn update(&mut self, part: &[u8]) {
        for byte in part {
            if let Some(place) = self.block.get_mut(self.length as usize % 64) {
                *place = *byte;
            }
            self.length = self.length.wrapping_add(1);
            if self.length.is_multiple_of(64) {
                sha2::compress256(&mut self.state, core::slice::from_ref(&self.block));
            }
        }
    }

    /// Writes the hash; nothing is left to go on from.
    #[inline(never)]
    pub(in crate::crypto) fn finish(&mut self, out: &mut [u8; HASH]) {
        let bits = self.length.wrapping_mul(8);
        self.update(&[0x80]);
        while self.length % 64 != 56 {
            self.update(&[0]);
        }
        self.update(&bits.to_be_bytes());
        for (place, word) in out.chunks_exact_mut(4).zip(self.state) {
            place.copy_from_slice(&word.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Digest;
    use std::vec::Vec;

    /// Every length around three blocks, whole and in parts.
    #[test]
    fn as_the_crate() {
        let message: Vec<u8> = (0..200).collect();
        for length in 0..=message.len() {
            let (first, rest) = message[..length].split_at(length / 3);
            let mut state = Sha256::new();
            state.update(first);
            state.update(&[]);
            state.update(rest);
            let mut out = [0; HASH];
            state.finish(&mut out);
            assert_eq!(out, <[u8; HASH]>::from(sha2::Sha256::digest(&message[..length])), "{length}");
        }
    }
}
