//! Software keys in the caller's memory, for hosts and boards without a key store.

use crate::memory::{Output, array, array_mut, bytes, record, records};
use crate::port::sealwire_port;
use crate::status::{answer, status};
use crate::types::{curve_from, sealwire_bytes};
use sealwire_core::bytes::Secret;
use sealwire_core::cose::PublicKey;
use sealwire_core::crypto::software::{self, KeyKind};
use sealwire_core::crypto::{Curve, KeyHandle, Provider, Signature};
use sealwire_core::error::{Error, Result};
use zeroize::Zeroize;

/// Diffie-Hellman on X25519 (RFC 7748): cipher suites 4 and 0.
pub const SEALWIRE_KEY_X25519: i32 = 1;
/// Diffie-Hellman on NIST P-256: cipher suites 2 and 3.
pub const SEALWIRE_KEY_P256: i32 = 2;
/// Signatures with Ed25519 (RFC 8032): cipher suites 4 and 0 in methods in which this end signs. The private key is the 32-byte seed.
pub const SEALWIRE_KEY_ED25519: i32 = 3;
/// Signatures with ECDSA on P-256 and SHA-256 (ES256): cipher suites 2 and 3 in methods in which this end signs.
pub const SEALWIRE_KEY_ES256: i32 = 4;

/// The curve X25519.
pub const SEALWIRE_CURVE_X25519: i32 = 4;
/// The curve P-256. Public keys for Diffie-Hellman are the 32-byte x coordinate.
pub const SEALWIRE_CURVE_P256: i32 = 1;
/// The curve Ed25519.
pub const SEALWIRE_CURVE_ED25519: i32 = 6;

/// Signatures with Ed25519.
pub const SEALWIRE_ALGORITHM_EDDSA: i32 = -8;
/// Signatures with ECDSA on P-256 and SHA-256: r || s.
pub const SEALWIRE_ALGORITHM_ES256: i32 = -7;

/// A private key in the caller's memory, for one purpose. The members are the library's; use sealwire_key_import() or
/// sealwire_key_generate(), and sealwire_key_erase() when done.
#[repr(C)]
pub struct sealwire_key {
    /// Private.
    pub marker: u32,
    /// Private.
    pub kind: i32,
    /// Private.
    pub secret: [u8; 32],
}

/// Most parts of a message to be signed.
pub(crate) const MAX_PARTS: usize = 8;

/// Set in `marker` by import and generate; memory that holds something else is no key.
const MARKER: u32 = 0x5377_4b31;

/// A provider that has the algorithms and nothing else.
pub(crate) struct Algorithms;

impl Provider for Algorithms {
    fn random(&mut self, _: &mut [u8]) -> Result<()> {
        Err(Error::RandomFailed)
    }

    fn agree(&mut self, _: KeyHandle, _: Curve, _: &[u8; 32], _: &mut Secret<32>) -> Result<()> {
        Err(Error::UnknownKey)
    }

    fn sign(&mut self, _: KeyHandle, _: Signature, _: &[&[u8]], _: &mut [u8; 64]) -> Result<()> {
        Err(Error::UnknownKey)
    }
}

/// The kind with this number. Error: `InvalidArgument`.
fn kind_from(number: i32) -> Result<KeyKind> {
    match number {
        SEALWIRE_KEY_X25519 => Ok(KeyKind::X25519),
        SEALWIRE_KEY_P256 => Ok(KeyKind::P256),
        SEALWIRE_KEY_ED25519 => Ok(KeyKind::Ed25519),
        SEALWIRE_KEY_ES256 => Ok(KeyKind::Es256),
        _ => Err(Error::InvalidArgument),
    }
}

/// What kind of key this is. Error: `UnknownKey` for memory that holds none.
pub(crate) fn kind(key: &sealwire_key) -> Result<KeyKind> {
    if key.marker == MARKER { kind_from(key.kind).map_err(|_| Error::UnknownKey) } else { Err(Error::UnknownKey) }
}

/// Diffie-Hellman with a software key.
pub(crate) fn agree(key: &sealwire_key, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
    if kind(key)? != KeyKind::for_agreement(curve) {
        return Err(Error::UnknownKey);
    }
    Algorithms.agree_ephemeral(curve, &Secret::from(key.secret), peer, shared)
}

/// Signs with a software key.
pub(crate) fn sign(key: &sealwire_key, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
    if kind(key)? != KeyKind::for_signature(algorithm) {
        return Err(Error::UnknownKey);
    }
    software::sign(algorithm, &Secret::from(key.secret), message, signature)
}

/// The public key of a software key.
pub(crate) fn public(key: &sealwire_key) -> Result<PublicKey> {
    software::public_key(kind(key)?, &Secret::from(key.secret))
}

/// Takes over a raw private key: 32 bytes, for P-256 big-endian. The key is copied; erase the original.
///
/// `kind`: `SEALWIRE_KEY_...`.
/// Statuses: OK; INVALID_ARGUMENT; INVALID_KEY (zero, or not below the order of P-256); UNSUPPORTED_SUITE (curve not in this library).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_key_import(key: *mut sealwire_key, kind: i32, private_key: *const u8) -> i32 {
    let run = || {
        let place = Output::new(key)?;
        let known = kind_from(kind)?;
        // SAFETY: 32 bytes by the prototype.
        let secret = Secret::from(*unsafe { array::<32>(private_key) }?);
        software::check(known, &secret)?;
        // SAFETY: the caller's memory, checked above.
        unsafe { place.write(sealwire_key { marker: MARKER, kind, secret: *secret.expose() }) };
        Ok(())
    };
    status(run())
}

/// Makes a new private key with the port's random source.
///
/// `kind`: `SEALWIRE_KEY_...`.
/// Statuses: OK; INVALID_ARGUMENT; RANDOM_FAILED; UNSUPPORTED_SUITE.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_key_generate(key: *mut sealwire_key, kind: i32, port: *const sealwire_port) -> i32 {
    let run = || {
        let place = Output::new(key)?;
        let known = kind_from(kind)?;
        // SAFETY: the port is the caller's struct.
        let port = unsafe { record(port) }?;
        let random = port.random.ok_or(Error::InvalidArgument)?;
        let fill = |out: &mut [u8]| {
            // SAFETY: the callback fills `out.len()` bytes, as its type promises.
            answer(unsafe { random(port.context, out.as_mut_ptr(), out.len()) }, Error::RandomFailed)
        };
        let secret = software::generate(known, fill)?;
        // SAFETY: the caller's memory, checked above.
        unsafe { place.write(sealwire_key { marker: MARKER, kind, secret: *secret.expose() }) };
        Ok(())
    };
    status(run())
}

/// The public key of a private key: 32 bytes, on P-256 the x coordinate.
///
/// Statuses: OK; INVALID_ARGUMENT; UNKNOWN_KEY (the memory holds no key).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_key_public(key: *const sealwire_key, public_key: *mut u8) -> i32 {
    let run = || {
        // SAFETY: the key is the caller's struct.
        let key = unsafe { record(key) }?;
        let bytes = public(key)?.x;
        // SAFETY: 32 bytes by the prototype.
        *unsafe { array_mut::<32>(public_key) }? = bytes;
        Ok(())
    };
    status(run())
}

/// The raw private key, 32 bytes, to be stored. Who has it is this endpoint.
///
/// Statuses: OK; INVALID_ARGUMENT; UNKNOWN_KEY (the memory holds no key).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_key_export(key: *const sealwire_key, private_key: *mut u8) -> i32 {
    let run = || {
        // SAFETY: the key is the caller's struct.
        let key = unsafe { record(key) }?;
        if key.marker != MARKER {
            return Err(Error::UnknownKey);
        }
        // SAFETY: 32 bytes by the prototype.
        *unsafe { array_mut::<32>(private_key) }? = key.secret;
        Ok(())
    };
    status(run())
}

/// Erases a key. Operations with it answer UNKNOWN_KEY from then on. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sealwire_key_erase(key: *mut sealwire_key) {
    if key.is_null() || !key.is_aligned() {
        return;
    }
    // SAFETY: not NULL, aligned, the caller's struct.
    let key = unsafe { &mut *key };
    key.secret.zeroize();
    key.marker = 0;
}

/// Diffie-Hellman with a software key, for a port's `key_agree` that keeps some keys in software.
///
/// Statuses: OK; INVALID_ARGUMENT; UNKNOWN_KEY (no key, or of another curve); INVALID_KEY (the peer's point); UNSUPPORTED_SUITE.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_key_agree(
    key: *const sealwire_key,
    curve: i32,
    peer_public_key: *const u8,
    shared_secret: *mut u8,
) -> i32 {
    let run = || {
        let curve = curve_from(curve)?;
        // SAFETY: the caller's struct; 32 bytes each by the prototype.
        let (key, peer) = unsafe { (record(key)?, array::<32>(peer_public_key)?) };
        let mut shared = Secret::zero();
        agree(key, curve, peer, &mut shared)?;
        // SAFETY: 32 bytes by the prototype.
        *unsafe { array_mut::<32>(shared_secret) }? = *shared.expose();
        Ok(())
    };
    status(run())
}

/// Signs the concatenation of `part_count` parts with a software key, for a port's `key_sign` that keeps some keys in software; writes 64
/// bytes. Signatures are deterministic (RFC 8032, RFC 6979).
///
/// `algorithm`: `SEALWIRE_ALGORITHM_EDDSA` or `SEALWIRE_ALGORITHM_ES256`.
/// Statuses: OK; INVALID_ARGUMENT; UNKNOWN_KEY (no key, or of another kind); UNSUPPORTED_SUITE.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_key_sign(
    key: *const sealwire_key,
    algorithm: i32,
    parts: *const sealwire_bytes,
    part_count: usize,
    signature: *mut u8,
) -> i32 {
    let run = || {
        let algorithm = match algorithm {
            SEALWIRE_ALGORITHM_EDDSA => Signature::EdDsa,
            SEALWIRE_ALGORITHM_ES256 => Signature::Es256,
            _ => return Err(Error::InvalidArgument),
        };
        // SAFETY: the caller's struct and array.
        let (key, parts) = unsafe { (record(key)?, records(parts, part_count)?) };
        let mut message: [&[u8]; MAX_PARTS] = [&[]; MAX_PARTS];
        let message = message.get_mut(..parts.len()).ok_or(Error::InvalidArgument)?;
        for (place, part) in message.iter_mut().zip(parts) {
            // SAFETY: the caller's bytes.
            *place = unsafe { bytes(part.data, part.length) }?;
        }
        let mut made = [0; 64];
        sign(key, algorithm, message, &mut made)?;
        // SAFETY: 64 bytes by the prototype.
        *unsafe { array_mut::<64>(signature) }? = made;
        Ok(())
    };
    status(run())
}
