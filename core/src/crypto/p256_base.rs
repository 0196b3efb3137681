//! Multiples of P-256's base point: what every key pair takes. On backends only; the argument for it is in docs/ARCHITECTURE.md §9.
//!
//! The `p256` crate multiplies the base point like any other. It is known beforehand, so four bits of the scalar that lie 64 apart can
//! be taken at once: 64 doublings instead of 256, in no more memory. Points, their complete addition and the choice among them in
//! constant time are the crate's.

use p256::elliptic_curve::Group;
use p256::elliptic_curve::ff::PrimeField;
use p256::elliptic_curve::sec1::FromEncodedPoint;
use p256::{AffinePoint, EncodedPoint, NonZeroScalar, ProjectivePoint};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

/// x ‖ y of 2^64 G, 2^128 G and 2^192 G.
const MULTIPLES: [[u8; 64]; 3] = [
    [
        0x0f, 0xa8, 0x22, 0xbc, 0x28, 0x11, 0xaa, 0xa5, 0x84, 0x92, 0x59, 0x2e, 0x32, 0x6e, 0x25, 0xde, 0x29, 0x49, 0x3b, 0xaa, 0xad, 0x65,
        0x1f, 0x7e, 0x90, 0xe7, 0x5c, 0xb4, 0x8e, 0x14, 0xdb, 0x63, 0xbf, 0xf4, 0x4a, 0xe8, 0xf5, 0xdb, 0xa8, 0x0d, 0x6f, 0x4a, 0xd4, 0xbc,
        0xb3, 0xdf, 0x18, 0x8b, 0x34, 0xb1, 0xa6, 0x50, 0x50, 0xfe, 0x82, 0xf5, 0xe4, 0x11, 0x24, 0x54, 0x5f, 0x46, 0x2e, 0xe7,
    ],
    [
        0x44, 0x7d, 0x73, 0x9b, 0xee, 0xdb, 0x5e, 0x67, 0xfb, 0x98, 0x2f, 0xd5, 0x88, 0xc6, 0x76, 0x6e, 0xfc, 0x35, 0xff, 0x7d, 0xc2, 0x97,
        0xea, 0xc3, 0x57, 0xc8, 0x4f, 0xc9, 0xd7, 0x89, 0xbd, 0x85, 0x2d, 0x48, 0x25, 0xab, 0x83, 0x41, 0x31, 0xee, 0xe1, 0x2e, 0x9d, 0x95,
        0x3a, 0x4a, 0xaf, 0xf7, 0x3d, 0x34, 0x9b, 0x95, 0xa7, 0xfa, 0xe5, 0x00, 0x0c, 0x7e, 0x33, 0xc9, 0x72, 0xe2, 0x5b, 0x32,
    ],
    [
        0xa6, 0xd3, 0x96, 0x77, 0xa7, 0x84, 0x92, 0x76, 0x27, 0x36, 0xff, 0x83, 0x44, 0x31, 0x5f, 0xc5, 0x96, 0x43, 0x95, 0x91, 0xa3, 0xc6,
        0xb9, 0x4a, 0x6c, 0xf2, 0x0f, 0xfb, 0x31, 0x37, 0x28, 0xbe, 0x67, 0x4f, 0x84, 0x74, 0x9b, 0x0b, 0x88, 0x16, 0x66, 0xb8, 0xba, 0xbd,
        0x2d, 0x27, 0xec, 0xdf, 0x82, 0x4a, 0x92, 0x0c, 0x22, 0x84, 0x05, 0x9b, 0xf2, 0xba, 0xb8, 0x33, 0xc3, 0x57, 0xf5, 0xf4,
    ],
];

/// scalar · G, without a branch or an address that depends on the scalar.
pub(super) fn multiply(scalar: &NonZeroScalar) -> AffinePoint {
    let table = sums();
    let bytes = Zeroizing::new(<[u8; 32]>::from(scalar.to_repr()));
    let mut quarters = Zeroizing::new([0_u64; 4]);
    for (quarter, bytes) in quarters.iter_mut().zip(bytes.rchunks_exact(8)) {
        *quarter = bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    }
    let mut product = ProjectivePoint::IDENTITY;
    for position in (0..64).rev() {
        // The highest quarter's bit becomes the highest of four.
        let digit = quarters.iter().rev().fold(0_u8, |digit, quarter| digit << 1 | ((quarter >> position) & 1) as u8);
        let mut chosen = ProjectivePoint::IDENTITY;
        for (index, sum) in (0_u8..).zip(&table) {
            chosen.conditional_assign(sum, index.ct_eq(&digit));
        }
        product = Group::double(&product).add(&chosen);
        chosen.zeroize();
    }
    let point = product.to_affine();
    product.zeroize();
    point
}

/// The sums of all subsets of G and [`MULTIPLES`]: bit i of the index says whether the i-th is in it.
fn sums() -> [ProjectivePoint; 16] {
    let mut table = [ProjectivePoint::IDENTITY; 16];
    let others = MULTIPLES.iter().map(|point| {
        let read = AffinePoint::from_encoded_point(&EncodedPoint::from_untagged_bytes(point.into()));
        // They lie on the curve, as the tests show.
        ProjectivePoint::from(Option::<AffinePoint>::from(read).unwrap_or_default())
    });
    for (bit, point) in core::iter::once(ProjectivePoint::GENERATOR).chain(others).enumerate() {
        let (below, above) = table.split_at_mut(1 << bit);
        for (sum, without) in above.iter_mut().zip(below) {
            *sum = without.add(&point);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::Scalar;
    use std::vec::Vec;

    /// As the crate does it.
    fn plain(scalar: Scalar) -> AffinePoint {
        (ProjectivePoint::GENERATOR * scalar).to_affine()
    }

    #[test]
    fn multiples_are_what_they_are_called() {
        let mut point = ProjectivePoint::GENERATOR;
        let table = sums();
        for index in [1, 2, 4, 8] {
            assert_eq!(table[index], point);
            (0..64).for_each(|_| point = Group::double(&point));
        }
        assert_eq!(table[15], table[1] + table[2] + table[4] + table[8]);
        assert_eq!(table[0], ProjectivePoint::IDENTITY);
    }

    #[test]
    fn products_are_those_of_the_crate() {
        let mut scalars: Vec<Scalar> = (1_u64..20).map(Scalar::from).collect();
        scalars.extend([-Scalar::ONE, -Scalar::from(2_u64), Scalar::ROOT_OF_UNITY, Scalar::TWO_INV, Scalar::MULTIPLICATIVE_GENERATOR]);
        // Every single bit, and every number of ones from the bottom.
        let powers: Vec<Scalar> = core::iter::successors(Some(Scalar::ONE), |power| Some(power.double())).take(256).collect();
        scalars.extend(powers.iter().flat_map(|power| [*power, *power - Scalar::ONE]));
        // A walk over numbers without a pattern.
        scalars.extend(core::iter::successors(Some(Scalar::from(0x5eed_u64)), |last| Some(last.square() + last)).take(200));
        for scalar in scalars {
            if let Some(scalar) = Option::<NonZeroScalar>::from(NonZeroScalar::new(scalar)) {
                assert_eq!(multiply(&scalar), plain(*scalar));
            }
        }
    }
}
