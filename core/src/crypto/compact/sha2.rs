//! SHA-256 and SHA-512 (FIPS 180-4) around sha2's compression of one block.

use crate::bytes::copy;
use ::sha2::digest::generic_array::GenericArray;
use zeroize::Zeroize;

macro_rules! hash {
    ($name:ident, $word:ty, $block:ty, $block_len:literal, $out_len:literal, $length:ty, $compress:path, $initial:expr) => {
        /// What is hashed so far.
        pub(in crate::crypto) struct $name {
            state: [$word; 8],
            /// Filled up to `length` modulo its size.
            block: GenericArray<u8, $block>,
            /// In bytes.
            length: u64,
        }

        impl $name {
            pub(in crate::crypto) fn new() -> Self {
                $name { state: $initial, block: GenericArray::default(), length: 0 }
            }

            #[inline(never)]
            pub(in crate::crypto) fn update(&mut self, part: &[u8]) {
                for byte in part {
                    if let Some(place) = self.block.get_mut(self.length as usize % $block_len) {
                        *place = *byte;
                    }
                    self.length = self.length.wrapping_add(1);
                    if self.length.is_multiple_of($block_len) {
                        $compress(&mut self.state, core::slice::from_ref(&self.block));
                    }
                }
            }

            /// Writes the hash; nothing is left to go on from.
            #[inline(never)]
            pub(in crate::crypto) fn finish(&mut self, out: &mut [u8; $out_len]) {
                let bits = <$length>::from(self.length).wrapping_mul(8).to_be_bytes();
                self.update(&[0x80]);
                while self.length as usize % $block_len != const { $block_len - size_of::<$length>() } {
                    self.update(&[0]);
                }
                self.update(&bits);
                for (place, word) in out.chunks_exact_mut(size_of::<$word>()).zip(self.state) {
                    copy(place, &word.to_be_bytes());
                }
                // The result may be a key, and the last block a part of one.
                self.state.zeroize();
                self.block.as_mut_slice().zeroize();
            }
        }
    };
}

hash!(
    Sha256,
    u32,
    ::sha2::digest::generic_array::typenum::U64,
    64,
    32,
    u64,
    ::sha2::compress256,
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19]
);

#[cfg(feature = "_curve25519")]
hash!(
    Sha512,
    u64,
    ::sha2::digest::generic_array::typenum::U128,
    128,
    64,
    u128,
    ::sha2::compress512,
    [
        0x6a09_e667_f3bc_c908,
        0xbb67_ae85_84ca_a73b,
        0x3c6e_f372_fe94_f82b,
        0xa54f_f53a_5f1d_36f1,
        0x510e_527f_ade6_82d1,
        0x9b05_688c_2b3e_6c1f,
        0x1f83_d9ab_fb41_bd6b,
        0x5be0_cd19_137e_2179,
    ]
);

#[cfg(test)]
mod tests {
    use ::sha2::Digest;
    use std::vec::Vec;

    /// Every length around several blocks, whole and in parts.
    macro_rules! as_the_crate {
        ($name:ident) => {
            let message: Vec<u8> = (0..=255).chain(0..50).collect();
            for length in 0..=message.len() {
                let (first, rest) = message[..length].split_at(length / 3);
                let mut state = super::$name::new();
                let mut out = ::sha2::digest::Output::<::sha2::$name>::default().into();
                [first, &[], rest].into_iter().for_each(|part| state.update(part));
                state.finish(&mut out);
                assert_eq!(out[..], ::sha2::$name::digest(&message[..length])[..], "{length}");
                // The result is nowhere else.
                assert_eq!(state.state, [0; 8]);
                assert!(state.block.iter().all(|byte| *byte == 0));
            }
        };
    }

    #[test]
    fn hashes_are_those_of_the_crate() {
        as_the_crate!(Sha256);
        #[cfg(feature = "_curve25519")]
        {
            as_the_crate!(Sha512);
        }
    }
}
