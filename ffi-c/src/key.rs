//! Software keys in the caller's memory, for hosts and boards without a key store.

use crate::memory::{Output, array, array_mut, record};
use crate::port::sealwire_port;
use crate::status::{answer, status};
use crate::types::curve_from;
use sealwire_core::bytes::Secret;
use sealwire_core::cose::PublicKey;
use sealwire_core::crypto::software::{self, KeyKind};
use sealwire_core::crypto::{Curve, KeyHandle, Provider, Signature};
use sealwire_core::error::{Error, Result};
use zeroize::Zeroize;

/// X25519 (RFC 7748): cipher suite 4.
pub const SEALWIRE_CURVE_X25519: i32 = 4;
/// NIST P-256: cipher suite 2. Public keys are the 32-byte x coordinate.
pub const SEALWIRE_CURVE_P256: i32 = 1;

/// A private key in the caller's memory. The members are the library's; use sealwire_key_import() or sealwire_key_generate(),
/// and sealwire_key_erase() when done.
#[repr(C)]
pub struct sealwire_key {
    /// Private.
    pub marker: u32,
    /// Private.
    pub curve: i32,
    /// Private.
    pub secret: [u8; 32],
}

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

/// Diffie-Hellman with a software key.
pub(crate) fn agree(key: &sealwire_key, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
    if key.marker != MARKER || key.curve != curve as i32 {
        return Err(Error::UnknownKey);
    }
    Algorithms.agree_ephemeral(curve, &Secret::from(key.secret), peer, shared)
}

/// The public key of a software key.
pub(crate) fn public(key: &sealwire_key) -> Result<PublicKey> {
    if key.marker != MARKER {
        return Err(Error::UnknownKey);
    }
    let curve = curve_from(key.curve).map_err(|_| Error::UnknownKey)?;
    software::public_key(KeyKind::for_agreement(curve), &Secret::from(key.secret))
}

/// Takes over a raw private key: 32 bytes, for P-256 big-endian. The key is copied; erase the original.
///
/// `curve`: `SEALWIRE_CURVE_X25519` or `SEALWIRE_CURVE_P256`.
/// Statuses: OK; INVALID_ARGUMENT; INVALID_KEY (zero, or not below the order of P-256); UNSUPPORTED_SUITE (curve not in this library).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_key_import(key: *mut sealwire_key, curve: i32, private_key: *const u8) -> i32 {
    let run = || {
        let place = Output::new(key)?;
        let curve = curve_from(curve)?;
        // SAFETY: 32 bytes by the prototype.
        let secret = Secret::from(*unsafe { array::<32>(private_key) }?);
        software::public_key(KeyKind::for_agreement(curve), &secret)?;
        // SAFETY: the caller's memory, checked above.
        unsafe { place.write(sealwire_key { marker: MARKER, curve: curve as i32, secret: *secret.expose() }) };
        Ok(())
    };
    status(run())
}

/// Makes a new private key with the port's random source.
///
/// Statuses: OK; INVALID_ARGUMENT; RANDOM_FAILED; UNSUPPORTED_SUITE.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_key_generate(key: *mut sealwire_key, curve: i32, port: *const sealwire_port) -> i32 {
    let run = || {
        let place = Output::new(key)?;
        let curve = curve_from(curve)?;
        // SAFETY: the port is the caller's struct.
        let port = unsafe { record(port) }?;
        let random = port.random.ok_or(Error::InvalidArgument)?;
        let fill = |out: &mut [u8]| {
            // SAFETY: the callback fills `out.len()` bytes, as its type promises.
            answer(unsafe { random(port.context, out.as_mut_ptr(), out.len()) }, Error::RandomFailed)
        };
        let secret = software::generate(KeyKind::for_agreement(curve), fill)?;
        // SAFETY: the caller's memory, checked above.
        unsafe { place.write(sealwire_key { marker: MARKER, curve: curve as i32, secret: *secret.expose() }) };
        Ok(())
    };
    status(run())
}

/// The public key of a private key: 32 bytes, for P-256 the x coordinate.
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
