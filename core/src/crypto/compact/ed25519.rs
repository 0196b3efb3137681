//! Ed25519 verification in little flash and stack: what the feature `compact` chooses. The argument for it is in docs/ARCHITECTURE.md §9.
//!
//! Points, their encoding and their complete addition are curve25519-dalek's, the hash is sha2's. Here is the order of the steps, doubling and
//! adding bit by bit without tables, and the reduction of the hash. Key, message and signature are public, so time may depend on them.

use super::sha2::Sha512;
use crate::crypto::rustcrypto::x25519_canonical;
use crate::error::{Error, Result};
use core::ops::Add;
use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::traits::Identity;

/// The order of the base point, 2^252 + 27742317777372353535851937790883648493, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0x10,
];

/// Verifies a signature as `verify_strict` of ed25519-dalek does; a key has one encoding. Errors: `InvalidKey` (no point, one of small order,
/// a second name), `AuthenticationFailed`.
// The steps are not inlined: one frame would hold the working memory of all.
#[inline(never)]
pub(in crate::crypto) fn verify(public: &[u8; 32], message: &[&[u8]], signature: &[u8; 64]) -> Result<()> {
    let negative = negative(public);
    // By reference, here and below: moved, points would lie on the stack twice.
    let negative = match &negative {
        Some(point) if !is_weak(point) => point,
        _ => return Err(Error::InvalidKey),
    };
    let ([r, s], []) = signature.as_chunks::<32>() else { return Err(Error::Internal) };
    if !s.iter().rev().lt(ORDER.iter().rev()) {
        return Err(Error::AuthenticationFailed);
    }
    if is_sum(r, s, &challenge(r, public, message), negative) { Ok(()) } else { Err(Error::AuthenticationFailed) }
}

/// Is R what it has to be? Its encoding is compared, so that a second name of it, and what is no point, fail without being read.
#[inline(never)]
fn is_sum(r: &[u8; 32], s: &[u8; 32], k: &[u8; 32], negative: &EdwardsPoint) -> bool {
    let sum = sum(s, k, negative);
    is_encoded(&sum, r) && !is_weak(&sum)
}

#[inline(never)]
fn is_encoded(point: &EdwardsPoint, encoded: &[u8; 32]) -> bool {
    point.compress().as_bytes() == encoded
}

/// The negative of a key, which is what the sum takes.
#[inline(never)]
fn negative(public: &[u8; 32]) -> Option<EdwardsPoint> {
    let mut encoded = *public;
    encoded[31] &= 0x7f;
    if !x25519_canonical(&encoded) {
        return None;
    }
    // The other sign of x.
    encoded[31] |= !public[31] & 0x80;
    CompressedEdwardsY(encoded).decompress()
}

/// Does its order divide 8?
#[inline(never)]
fn is_weak(point: &EdwardsPoint) -> bool {
    let mut point = *point;
    for _ in 0..3 {
        point = (&point).add(&point);
    }
    point == EdwardsPoint::identity()
}

/// The hash of R, key and message modulo the order.
#[inline(never)]
fn challenge(r: &[u8; 32], public: &[u8; 32], message: &[&[u8]]) -> [u8; 32] {
    let mut state = Sha512::new();
    state.update(r);
    state.update(public);
    for part in message {
        state.update(part);
    }
    let mut hash = [0; 64];
    state.finish(&mut hash);
    reduce(&hash)
}

/// s · B + k · point, B being the base point. Both numbers are little-endian.
#[inline(never)]
fn sum(s: &[u8; 32], k: &[u8; 32], point: &EdwardsPoint) -> EdwardsPoint {
    let both = (&ED25519_BASEPOINT_POINT).add(point);
    let mut sum = EdwardsPoint::identity();
    for (s, k) in s.iter().zip(k).rev() {
        for bit in (0..8).rev() {
            sum = (&sum).add(&sum);
            let term = match (s >> bit & 1, k >> bit & 1) {
                (0, 0) => continue,
                (0, _) => point,
                (_, 0) => &ED25519_BASEPOINT_POINT,
                _ => &both,
            };
            sum = (&sum).add(term);
        }
    }
    sum
}

/// `wide` modulo the order: from the highest bit down, doubled and brought below the order again by one subtraction.
fn reduce(wide: &[u8; 64]) -> [u8; 32] {
    let mut rest = [0; 32];
    for byte in wide.iter().rev() {
        for bit in (0..8).rev() {
            let mut carry = byte >> bit & 1;
            for byte in &mut rest {
                (*byte, carry) = (*byte << 1 | carry, *byte >> 7);
            }
            let (mut less, mut borrow) = (rest, 0);
            for (byte, order) in less.iter_mut().zip(ORDER) {
                let difference = i16::from(*byte).wrapping_sub(i16::from(order)).wrapping_add(borrow);
                (*byte, borrow) = (difference as u8, difference >> 8);
            }
            if borrow == 0 {
                rest = less;
            }
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::sha2::{Digest, Sha512};
    use curve25519_dalek::constants::EIGHT_TORSION;
    use curve25519_dalek::scalar::Scalar;
    use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
    use ed25519_dalek::{Signature, SigningKey, VerifyingKey};

    /// Numbers without a pattern.
    fn numbers(seed: &str) -> impl Iterator<Item = [u8; 64]> {
        core::iter::successors(Some(Sha512::digest(seed).into()), |last: &[u8; 64]| Some(Sha512::digest(last).into()))
    }

    /// What this module says, which is what the crate says. True for a signature that is taken.
    fn agreed(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        let (first, rest) = message.split_at(message.len() / 2);
        let result = verify(public, &[first, rest], signature);
        let mut y = *public;
        y[31] &= 0x7f;
        let strict = |key: VerifyingKey| key.verify_strict(message, &Signature::from_bytes(signature));
        let expected = x25519_canonical(&y) && VerifyingKey::from_bytes(public).and_then(strict).is_ok();
        assert_eq!(result.is_ok(), expected, "{public:x?} {message:x?} {signature:x?}");
        // Without the feature `compact` that is the crate, and the reason for a refusal is the same too.
        #[cfg(feature = "issuers")]
        assert_eq!(result, crate::crypto::rustcrypto::verify(crate::crypto::Signature::EdDsa, public, &[message], signature));
        expected
    }

    #[test]
    fn remainders_are_those_of_the_crate() {
        let (mut low, mut high) = ([0; 64], [0xff; 64]);
        low[..32].copy_from_slice(&ORDER);
        let mut edges = std::vec![[0; 64], high, low];
        low[0] -= 1;
        edges.push(low);
        low[0] += 2;
        edges.push(low);
        // The order moved up by whole bytes, and a number beside it: what a subtraction has to meet exactly.
        for place in 0..=32 {
            let mut multiple = [0; 64];
            multiple[place..place + 32].copy_from_slice(&ORDER);
            edges.push(multiple);
            multiple[0] ^= 1;
            edges.push(multiple);
            high[63 - place] = 0;
            edges.push(high);
        }
        for wide in edges.into_iter().chain(numbers("remainders").take(500)) {
            assert_eq!(reduce(&wide), Scalar::from_bytes_mod_order_wide(&wide).to_bytes(), "{wide:x?}");
        }
    }

    #[test]
    fn damaged_signatures_as_the_crate_judges_them() {
        let mut bits = numbers("places").flat_map(|number| number.map(usize::from));
        for (count, number) in numbers("keys").take(40).enumerate() {
            let key = SigningKey::from_bytes(number.first_chunk().unwrap());
            let (public, message) = (key.verifying_key().to_bytes(), &number[32..][..count % 33]);
            let signature = ed25519_dalek::Signer::sign(&key, message).to_bytes();
            assert!(agreed(&public, message, &signature));
            let mut flip = |bytes: &mut [u8]| {
                let at = (bits.next().unwrap() << 8 | bits.next().unwrap()) % (8 * bytes.len());
                bytes[at / 8] ^= 1 << (at % 8);
            };
            for _ in 0..4 {
                let (mut bad_key, mut bad_message, mut bad_signature) = (public, message.to_vec(), signature);
                flip(&mut bad_key);
                flip(&mut bad_signature);
                assert!(!agreed(&bad_key, message, &signature));
                assert!(!agreed(&public, message, &bad_signature));
                bad_message.push(0);
                assert!(!agreed(&public, &bad_message, &signature));
            }
        }
    }

    /// Keys with a part of small order, which the crate takes: whether a signature by such a key verifies depends on the hash modulo the order
    /// of the base point, not modulo the order of the key, and on comparing R without its multiple by eight.
    #[test]
    fn keys_of_mixed_order_as_the_crate_judges_them() {
        for (index, torsion) in EIGHT_TORSION.iter().enumerate() {
            let mut taken = 0;
            for number in numbers("mixed").take(64) {
                let seed = number.first_chunk().unwrap();
                let point = SigningKey::from_bytes(seed).verifying_key().to_edwards() + torsion;
                let key = VerifyingKey::from_bytes(point.compress().as_bytes()).unwrap();
                let signature = raw_sign::<Sha512>(&ExpandedSecretKey::from(seed), &number, &key).to_bytes();
                taken += usize::from(agreed(key.as_bytes(), &number, &signature));
                // R with a part of small order.
                let mut other = signature;
                let r = CompressedEdwardsY(*signature.first_chunk().unwrap()).decompress().unwrap() + torsion;
                other[..32].copy_from_slice(r.compress().as_bytes());
                agreed(key.as_bytes(), &number, &other);
            }
            // About one in as many as the part's order.
            assert!(if index == 0 { taken == 64 } else { (1..64).contains(&taken) }, "{index} {taken}");
        }
    }
}
