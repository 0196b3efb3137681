//! Known answers for the default algorithms and the software keys.
#![cfg_attr(not(all(feature = "_curve25519", feature = "_p256", feature = "_ccm", feature = "_chacha")), allow(unused))]

mod known_answers;
mod refusals;
mod wycheproof;

use super::KeyHandle;
use super::software::{KeyKind, SoftwareProvider};
use crate::bytes::Secret;
use crate::error::{Error, Result};
use std::vec::Vec;

/// Bytes from hexadecimal digits; white space is passed over.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).unwrap()).collect();
    assert_eq!(digits.len() % 2, 0);
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

/// An array from hexadecimal digits.
pub(crate) fn hex_array<const N: usize>(digits: &str) -> [u8; N] {
    hex(digits).try_into().unwrap()
}

/// A provider with these keys under handles 0, 1, …, and a random source that counts: enough where randomness does not matter.
pub(crate) fn provider(keys: &[(KeyKind, &str)]) -> SoftwareProvider<impl FnMut(&mut [u8]) -> Result<()> + use<>, 8> {
    let mut next = 0u8;
    let mut provider = SoftwareProvider::new(move |out: &mut [u8]| {
        for byte in out {
            next = next.wrapping_add(1);
            *byte = next;
        }
        Ok(())
    });
    for (position, (kind, private)) in keys.iter().enumerate() {
        match provider.keys.insert(KeyHandle(position as u32), *kind, Secret::from(hex_array(private))) {
            // The build lacks the curve; tests that need the key are left out with it.
            Ok(()) | Err(Error::UnsupportedSuite) => {}
            Err(error) => panic!("{error}"),
        }
    }
    provider
}
