//! The cryptographic port: keys by handle, algorithms with a software default.

#[cfg(any(test, feature = "compact"))]
mod compact;
pub mod drbg;
mod hash;
#[cfg(all(feature = "_p256", any(test, feature = "alloc")))]
mod p256_base;
mod rustcrypto;
pub mod software;
pub mod suite;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use hash::hash;
pub(crate) use rustcrypto::{p256_check, p256_y, x25519_canonical};

pub use suite::{Aead, AuthenticationKey, Curve, HASH, Signature, Suite};

use crate::bytes::Secret;
use crate::error::Result;

/// Names a private key that the provider holds. The key itself never crosses this interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyHandle(pub u32);

/// Random numbers, private-key operations by handle, and the algorithms.
///
/// A platform supplies [`random`](Provider::random), [`agree`](Provider::agree) and, where it signs,
/// [`sign`](Provider::sign). The algorithms have default bodies on RustCrypto and dalek; override those the hardware does better.
///
/// **Pending.** `agree` and `sign` may return [`Error::Pending`](crate::Error::Pending) when the answer comes later, as from a secure
/// element. The caller's operation then returns `Pending` with nothing changed and makes the identical call again when
/// told to; the provider recognises it by its arguments.
pub trait Provider {
    /// Fills `out` with cryptographically secure random bytes. Error: `RandomFailed`.
    fn random(&mut self, out: &mut [u8]) -> Result<()>;

    /// Diffie-Hellman of the static private key `key` with `peer`: a 32-byte public key, for P-256 its x coordinate.
    /// Errors: `UnknownKey`, `InvalidKey` (no point of the curve, on X25519 a number not below the field's order, all-zero result), `Pending`.
    fn agree(&mut self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()>;

    /// Signs the concatenation of `message` with private key `key`. Errors: `UnknownKey`, `Pending`.
    fn sign(&mut self, key: KeyHandle, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()>;

    /// Makes an ephemeral key pair. Errors: `RandomFailed`, `UnsupportedSuite` (curve not in this build).
    fn generate(&mut self, curve: Curve, private: &mut Secret<32>, public: &mut [u8; 32]) -> Result<()> {
        rustcrypto::generate(curve, |out| self.random(out), private, public)
    }

    /// Diffie-Hellman with an ephemeral private key. Errors: `InvalidKey` as [`agree`](Provider::agree), `UnsupportedSuite`.
    fn agree_ephemeral(&mut self, curve: Curve, private: &Secret<32>, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        rustcrypto::agree(curve, private, peer, shared)
    }

    /// Verifies a signature over the concatenation of `message`. `public` is the 32-byte Ed25519 key, or the 64 bytes x ‖ y on P-256.
    /// Errors: `AuthenticationFailed`, `InvalidKey`, `UnsupportedSuite`.
    fn verify(&mut self, algorithm: Signature, public: &[u8], message: &[&[u8]], signature: &[u8]) -> Result<()> {
        rustcrypto::verify(algorithm, public, message, signature)
    }

    /// Encrypts `buffer` in place and writes the tag (`algorithm.tag_len()` bytes).
    /// Error: `InvalidArgument` for a key, nonce or tag of the wrong length; `UnsupportedSuite`.
    fn seal(&mut self, algorithm: Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &mut [u8]) -> Result<()> {
        rustcrypto::seal(algorithm, key, nonce, aad, buffer, tag)
    }

    /// Verifies and decrypts `buffer` in place. On error the buffer holds no plaintext. Errors: `DecryptFailed`; as [`seal`](Provider::seal).
    fn open(&mut self, algorithm: Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &[u8]) -> Result<()> {
        rustcrypto::open(algorithm, key, nonce, aad, buffer, tag)
    }

    /// SHA-256 of the concatenation of `parts`.
    fn hash(&mut self, parts: &[&[u8]]) -> [u8; HASH] {
        hash::hash(parts)
    }

    /// HKDF-Extract with SHA-256 (RFC 5869).
    fn extract(&mut self, salt: &[u8], input: &[u8]) -> Secret<HASH> {
        hash::extract(salt, input)
    }

    /// HKDF-Expand with SHA-256; `info` is the concatenation of its parts. Error: `InvalidArgument` above 8160 bytes.
    fn expand(&mut self, prk: &Secret<HASH>, info: &[&[u8]], out: &mut [u8]) -> Result<()> {
        hash::expand(prk, info, out)
    }
}
