//! The default algorithms, on RustCrypto and dalek: what [`Provider`](super::Provider) calls unless a platform does better.

use super::{Aead, Curve, Signature};
use crate::bytes::Secret;
use crate::error::{Error, Result};
#[cfg(feature = "_curve25519")]
use curve25519_dalek::MontgomeryPoint;
#[cfg(all(feature = "_curve25519", not(feature = "alloc")))]
use curve25519_dalek::constants::X25519_BASEPOINT;
#[cfg(any(feature = "_curve25519", not(feature = "compact")))]
use zeroize::Zeroize;

/// How often a P-256 private key is drawn. One draw in 2^32 lies outside the group order, so a sound random source
/// never gets near the limit; a broken one (all ones, all zeros) must not loop forever.
#[cfg(feature = "_p256")]
const DRAWS: usize = 8;

/// Makes a key pair from `random`.
pub(crate) fn generate(
    curve: Curve,
    mut random: impl FnMut(&mut [u8]) -> Result<()>,
    private: &mut Secret<32>,
    public: &mut [u8; 32],
) -> Result<()> {
    match curve {
        #[cfg(feature = "_curve25519")]
        Curve::X25519 => {
            random(private.expose_mut())?;
            if crate::bytes::equal(private.expose(), &[0; 32]) {
                return Err(Error::RandomFailed);
            }
            *public = dh_public(curve, private)?;
            Ok(())
        }
        #[cfg(feature = "_p256")]
        Curve::P256 => {
            for _ in 0..DRAWS {
                random(private.expose_mut())?;
                if let Ok(x) = dh_public(curve, private) {
                    *public = x;
                    return Ok(());
                }
            }
            Err(Error::RandomFailed)
        }
        #[cfg(not(all(feature = "_curve25519", feature = "_p256")))]
        _ => {
            let _ = (&mut random, private, public);
            Err(Error::UnsupportedSuite)
        }
    }
}

/// The public key of a Diffie-Hellman private key, for P-256 the x coordinate. Errors: `InvalidKey` (a P-256 scalar
/// that is 0 or not below the group order), `UnsupportedSuite`.
pub(crate) fn dh_public(curve: Curve, private: &Secret<32>) -> Result<[u8; 32]> {
    match curve {
        #[cfg(feature = "_curve25519")]
        Curve::X25519 => {
            // On a backend from a table of the base point, 30 kB. Else by the ladder, as every agreement: the detour over Edwards points needs
            // 1 to 6 kB more stack.
            #[cfg(feature = "alloc")]
            let public = MontgomeryPoint::mul_base_clamped(*private.expose()).to_bytes();
            #[cfg(not(feature = "alloc"))]
            let public = {
                let mut public = [0; 32];
                x25519(private, X25519_BASEPOINT.to_bytes(), &mut public);
                public
            };
            Ok(public)
        }
        #[cfg(feature = "_p256")]
        Curve::P256 => p256_public(private).map(|(x, _)| x),
        #[cfg(not(all(feature = "_curve25519", feature = "_p256")))]
        _ => {
            let _ = private;
            Err(Error::UnsupportedSuite)
        }
    }
}

/// X25519 (RFC 7748 §5) by the crate's ladder. Its own way to hand over the scalar's bits indexes; this one cannot panic.
#[cfg(feature = "_curve25519")]
#[inline(never)]
fn x25519(private: &Secret<32>, point: [u8; 32], out: &mut [u8; 32]) {
    // Clamped where it is erased afterwards, not in a copy that is handed over by value.
    let mut scalar = Secret::<32>::zero();
    crate::bytes::copy(scalar.expose_mut(), private.expose());
    let [low, .., high] = scalar.expose_mut();
    *low &= 0xf8;
    *high = *high & 0x7f | 0x40;
    // From bit 254 down; the position is public.
    let bits = (0..255_usize).rev().map(|bit| scalar.expose().get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1));
    let mut result = MontgomeryPoint(point).mul_bits_be(bits);
    *out = result.to_bytes();
    result.zeroize();
}

/// Both coordinates of a P-256 public key.
#[cfg(feature = "_p256")]
pub(crate) fn p256_public(private: &Secret<32>) -> Result<([u8; 32], [u8; 32])> {
    use p256::elliptic_curve::sec1::{Coordinates, ToEncodedPoint};
    let secret = p256::SecretKey::from_slice(private.expose()).map_err(|_| Error::InvalidKey)?;
    // On a backend four bits at once; on a device the crate as it is.
    #[cfg(feature = "alloc")]
    // A copied scalar does not erase itself.
    let point = super::p256_base::multiply(&zeroize::Zeroizing::new(secret.to_nonzero_scalar()));
    #[cfg(not(feature = "alloc"))]
    let point = *secret.public_key().as_affine();
    let point = point.to_encoded_point(false);
    match point.coordinates() {
        Coordinates::Uncompressed { x, y } => Ok(((*x).into(), (*y).into())),
        _ => Err(Error::InvalidKey),
    }
}

/// The P-256 point with this x and the y of this parity. Error: `InvalidKey`.
#[cfg(feature = "_p256")]
fn p256_point(x: &[u8; 32], odd: bool) -> Result<p256::AffinePoint> {
    use p256::elliptic_curve::point::DecompressPoint;
    let parity = subtle::Choice::from(u8::from(odd));
    Option::from(p256::AffinePoint::decompress(x.into(), parity)).ok_or(Error::InvalidKey)
}

/// The y coordinate of this parity for an x. Errors: `InvalidKey` (no point of the curve has this x), `UnsupportedSuite`.
pub(crate) fn p256_y(x: &[u8; 32], odd: bool) -> Result<[u8; 32]> {
    #[cfg(feature = "_p256")]
    {
        use p256::elliptic_curve::sec1::ToEncodedPoint;
        let point = p256_point(x, odd)?.to_encoded_point(false);
        point.y().map(|y| (*y).into()).ok_or(Error::InvalidKey)
    }
    #[cfg(not(feature = "_p256"))]
    {
        let _ = (x, odd);
        Err(Error::UnsupportedSuite)
    }
}

/// Does the point lie on the curve? Errors: `InvalidKey`, `UnsupportedSuite`.
pub(crate) fn p256_check(x: &[u8; 32], y: &[u8; 32]) -> Result<()> {
    #[cfg(feature = "_p256")]
    {
        use p256::elliptic_curve::sec1::FromEncodedPoint;
        // By the curve's equation: working out y again takes a square root, fifty times as long.
        let point = p256::EncodedPoint::from_affine_coordinates(x.into(), y.into(), false);
        Option::<p256::AffinePoint>::from(p256::AffinePoint::from_encoded_point(&point)).map(|_| ()).ok_or(Error::InvalidKey)
    }
    #[cfg(not(feature = "_p256"))]
    {
        let _ = (x, y);
        Err(Error::UnsupportedSuite)
    }
}

/// True for an X25519 public key below 2^255 − 19. RFC 7748 §5 would take a larger number as another name for the same key; nobody who
/// computes a public key gets one, and here every value has one encoding.
pub(crate) const fn x25519_canonical(public: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = public;
    let mut rest = middle.as_slice();
    let mut all_ones = *high == 0x7f;
    while let [byte, after @ ..] = rest {
        all_ones &= *byte == 0xff;
        rest = after;
    }
    *high < 0x80 && !(all_ones && *low >= 0xed)
}

/// Diffie-Hellman. On P-256 only the x coordinate of the peer's key is known; either y gives the same shared x.
pub(crate) fn agree(curve: Curve, private: &Secret<32>, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
    match curve {
        #[cfg(feature = "_curve25519")]
        Curve::X25519 => {
            if !x25519_canonical(peer) {
                return Err(Error::InvalidKey);
            }
            let mut result = Secret::zero();
            x25519(private, *peer, result.expose_mut());
            // A low-order public key makes the result all zero, whatever the private key (RFC 7748 6.1).
            if result == Secret::zero() {
                return Err(Error::InvalidKey);
            }
            // Not moved: what is moved stays behind on the stack, and is not erased.
            crate::bytes::copy(shared.expose_mut(), result.expose());
            Ok(())
        }
        #[cfg(feature = "_p256")]
        Curve::P256 => {
            let point = p256_point(peer, false)?;
            let secret = p256::SecretKey::from_slice(private.expose()).map_err(|_| Error::InvalidKey)?;
            // A copied scalar does not erase itself.
            let scalar = zeroize::Zeroizing::new(secret.to_nonzero_scalar());
            #[expect(clippy::needless_borrows_for_generic_args, reason = "by value it would be copied once more, and stay")]
            let result = p256::ecdh::diffie_hellman(&*scalar, point);
            crate::bytes::copy(shared.expose_mut(), result.raw_secret_bytes());
            if crate::bytes::equal(shared.expose(), &[0; 32]) {
                return Err(Error::InvalidKey);
            }
            Ok(())
        }
        #[cfg(not(all(feature = "_curve25519", feature = "_p256")))]
        _ => {
            let _ = (private, peer, shared);
            Err(Error::UnsupportedSuite)
        }
    }
}

/// Verifies a signature. Ed25519 as `verify_strict` of ed25519-dalek does: small-order keys and R are refused too.
pub(crate) fn verify(algorithm: Signature, public: &[u8], message: &[&[u8]], signature: &[u8]) -> Result<()> {
    if cfg!(not(feature = "issuers")) {
        return Err(Error::UnsupportedSuite);
    }
    let signature: &[u8; 64] = signature.try_into().map_err(|_| Error::AuthenticationFailed)?;
    match algorithm {
        #[cfg(all(feature = "_curve25519", feature = "compact"))]
        Signature::EdDsa => super::compact::ed25519::verify(public.try_into().map_err(|_| Error::InvalidKey)?, message, signature),
        #[cfg(all(feature = "_curve25519", not(feature = "compact")))]
        Signature::EdDsa => {
            use ed25519_dalek::VerifyingKey;
            let public: &[u8; 32] = public.try_into().map_err(|_| Error::InvalidKey)?;
            // The field's order is X25519's, with the sign of x above it; one key has one encoding.
            let mut y = *public;
            y[31] &= 0x7f;
            let key = VerifyingKey::from_bytes(public).map_err(|_| Error::InvalidKey)?;
            if key.is_weak() || !x25519_canonical(&y) {
                return Err(Error::InvalidKey);
            }
            let signature = ed25519_dalek::Signature::from_bytes(signature);
            // Only reads R as a point here: that is how its order can be asked for.
            let r = VerifyingKey::from_bytes(signature.r_bytes()).map_err(|_| Error::AuthenticationFailed)?;
            if r.is_weak() {
                return Err(Error::AuthenticationFailed);
            }
            let mut verifier = key.verify_stream(&signature).map_err(|_| Error::AuthenticationFailed)?;
            for part in message {
                verifier.update(part);
            }
            verifier.finalize_and_verify().map_err(|_| Error::AuthenticationFailed)
        }
        #[cfg(feature = "_p256")]
        Signature::Es256 => {
            use p256::ecdsa::signature::hazmat::PrehashVerifier;
            let public: &[u8; 64] = public.try_into().map_err(|_| Error::InvalidKey)?;
            let point = p256::EncodedPoint::from_untagged_bytes(public.into());
            let key = p256::ecdsa::VerifyingKey::from_encoded_point(&point).map_err(|_| Error::InvalidKey)?;
            let signature = p256::ecdsa::Signature::from_slice(signature).map_err(|_| Error::AuthenticationFailed)?;
            key.verify_prehash(&super::hash(message), &signature).map_err(|_| Error::AuthenticationFailed)
        }
        #[cfg(not(all(feature = "_curve25519", feature = "_p256")))]
        _ => {
            let _ = (public, message, signature);
            Err(Error::UnsupportedSuite)
        }
    }
}

#[cfg(all(feature = "_ccm", not(feature = "compact")))]
type Ccm8 = ccm::Ccm<aes::Aes128, ccm::consts::U8, ccm::consts::U13>;
#[cfg(all(feature = "suite-p256-ccm16", not(feature = "compact")))]
type Ccm16 = ccm::Ccm<aes::Aes128, ccm::consts::U16, ccm::consts::U13>;

/// Encrypts in place; `N` and `T` are the lengths of nonce and tag.
// Not inlined: the caller's frame would hold the working memory of all ciphers at once.
#[inline(never)]
#[cfg(not(feature = "compact"))]
fn seal_with<A, const N: usize, const T: usize>(key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &mut [u8]) -> Result<()>
where
    A: aead::KeyInit + aead::AeadInPlace,
    aead::Nonce<A>: From<[u8; N]>,
    aead::Tag<A>: Into<[u8; T]>,
{
    let cipher = A::new_from_slice(key).map_err(|_| Error::InvalidArgument)?;
    let nonce: [u8; N] = nonce.try_into().map_err(|_| Error::InvalidArgument)?;
    let tag: &mut [u8; T] = tag.try_into().map_err(|_| Error::InvalidArgument)?;
    // Fails only above the cipher's length limit (65,535 bytes for CCM with a 13-byte nonce).
    let made = cipher.encrypt_in_place_detached(&nonce.into(), aad, buffer).map_err(|_| Error::InvalidArgument)?;
    *tag = made.into();
    Ok(())
}

/// Verifies and decrypts in place.
#[inline(never)]
#[cfg(not(feature = "compact"))]
fn open_with<A, const N: usize, const T: usize>(key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &[u8]) -> Result<()>
where
    A: aead::KeyInit + aead::AeadInPlace,
    aead::Nonce<A>: From<[u8; N]>,
    aead::Tag<A>: From<[u8; T]>,
{
    let cipher = A::new_from_slice(key).map_err(|_| Error::InvalidArgument)?;
    let nonce: [u8; N] = nonce.try_into().map_err(|_| Error::InvalidArgument)?;
    let tag: [u8; T] = tag.try_into().map_err(|_| Error::InvalidArgument)?;
    cipher.decrypt_in_place_detached(&nonce.into(), aad, buffer, &tag.into()).map_err(|_| {
        // CCM decrypts before it verifies.
        buffer.zeroize();
        Error::DecryptFailed
    })
}

/// The traits of both AEAD crates are the same ones, of the `aead` crate; named through whichever is in the build.
#[cfg(not(feature = "compact"))]
mod aead {
    #[cfg(feature = "_ccm")]
    pub(super) use ccm::aead::{AeadInPlace, KeyInit, Nonce, Tag};
    #[cfg(not(feature = "_ccm"))]
    pub(super) use chacha20poly1305::aead::{AeadInPlace, KeyInit, Nonce, Tag};
}

/// AEAD encryption in place.
#[cfg(not(feature = "compact"))]
pub(crate) fn seal(algorithm: Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &mut [u8]) -> Result<()> {
    match algorithm {
        #[cfg(feature = "_ccm")]
        Aead::AesCcm16_64_128 => seal_with::<Ccm8, 13, 8>(key, nonce, aad, buffer, tag),
        #[cfg(feature = "suite-p256-ccm16")]
        Aead::AesCcm16_128_128 => seal_with::<Ccm16, 13, 16>(key, nonce, aad, buffer, tag),
        #[cfg(feature = "_chacha")]
        Aead::ChaCha20Poly1305 => seal_with::<chacha20poly1305::ChaCha20Poly1305, 12, 16>(key, nonce, aad, buffer, tag),
        #[cfg(not(all(feature = "_chacha", feature = "_ccm", feature = "suite-p256-ccm16")))]
        _ => {
            let _ = (key, nonce, aad, buffer, tag);
            Err(Error::UnsupportedSuite)
        }
    }
}

/// AEAD decryption in place.
#[cfg(not(feature = "compact"))]
pub(crate) fn open(algorithm: Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &[u8]) -> Result<()> {
    match algorithm {
        #[cfg(feature = "_ccm")]
        Aead::AesCcm16_64_128 => open_with::<Ccm8, 13, 8>(key, nonce, aad, buffer, tag),
        #[cfg(feature = "suite-p256-ccm16")]
        Aead::AesCcm16_128_128 => open_with::<Ccm16, 13, 16>(key, nonce, aad, buffer, tag),
        #[cfg(feature = "_chacha")]
        Aead::ChaCha20Poly1305 => open_with::<chacha20poly1305::ChaCha20Poly1305, 12, 16>(key, nonce, aad, buffer, tag),
        #[cfg(not(all(feature = "_chacha", feature = "_ccm", feature = "suite-p256-ccm16")))]
        _ => {
            let _ = (key, nonce, aad, buffer, tag);
            Err(Error::UnsupportedSuite)
        }
    }
}

/// Both directions share their code.
#[cfg(feature = "compact")]
fn run(algorithm: Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &mut [u8], sealing: bool) -> Result<()> {
    if tag.len() != algorithm.tag_len() {
        return Err(Error::InvalidArgument);
    }
    match algorithm {
        #[cfg(feature = "_ccm")]
        Aead::AesCcm16_64_128 => super::compact::ccm::run(key, nonce, aad, buffer, tag, sealing),
        #[cfg(feature = "suite-p256-ccm16")]
        Aead::AesCcm16_128_128 => super::compact::ccm::run(key, nonce, aad, buffer, tag, sealing),
        #[cfg(feature = "_chacha")]
        Aead::ChaCha20Poly1305 => super::compact::chacha20_poly1305::run(key, nonce, aad, buffer, tag, sealing),
        #[cfg(not(all(feature = "_chacha", feature = "_ccm", feature = "suite-p256-ccm16")))]
        _ => {
            let _ = (key, nonce, aad, buffer, sealing);
            Err(Error::UnsupportedSuite)
        }
    }
}

/// AEAD encryption in place.
#[cfg(feature = "compact")]
pub(crate) fn seal(algorithm: Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &mut [u8]) -> Result<()> {
    run(algorithm, key, nonce, aad, buffer, tag, true)
}

/// AEAD decryption in place.
#[cfg(feature = "compact")]
pub(crate) fn open(algorithm: Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &[u8]) -> Result<()> {
    let mut copied = [0; super::suite::MAX_TAG];
    crate::bytes::copy(&mut copied, tag);
    run(algorithm, key, nonce, aad, buffer, copied.get_mut(..tag.len()).ok_or(Error::InvalidArgument)?, false)
}
