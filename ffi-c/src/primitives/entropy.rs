//! Random bytes for boards: an explicit seed, without which there are none.

use crate::memory::{bytes, bytes_mut};
use crate::placed::{Opaque, call, erase, get, put};
use core::ffi::c_void;
use sealwire_core::crypto::drbg::{Drbg, SEED_MIN};
use sealwire_core::error::Error;

/// Random bytes from a seed. The members are the library's. Start from {{0}}; it must not be moved. Erase it with sealwire_entropy_erase().
#[repr(C)]
pub struct sealwire_entropy {
    /// Private.
    pub opaque: [u64; 10],
}

// SAFETY: an array of integers.
unsafe impl Opaque for sealwire_entropy {
    type Value = Drbg;
    const TAG: usize = 0x656e;
    const CALLS_BACK: bool = false;
}

/// Seeds `entropy`, or, called again, adds to what it has: HMAC_DRBG with SHA-256 (NIST SP 800-90A). For boards that have entropy rarely or
/// slowly; a fast hardware generator needs none of this. The first `seed` has at least 32 bytes that nobody can predict and that are used once.
/// `extra`, which may be public, keeps apart devices and starts that got the same seed by mistake: a serial number, a count of starts.
///
/// Statuses: OK; INVALID_ARGUMENT; RANDOM_FAILED (the first seed is too short).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_entropy_seed(
    entropy: *mut sealwire_entropy,
    seed: *const u8,
    seed_length: usize,
    extra: *const u8,
    extra_length: usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let (seed, extra) = (bytes(seed, seed_length)?, bytes(extra, extra_length)?);
        if let Ok(mut known) = get(entropy) {
            return known.seed(seed, extra);
        }
        if seed.len() < SEED_MIN {
            return Err(Error::RandomFailed);
        }
        // Seeded where it stays: moved, what it was seeded with would stay behind on the stack.
        put(entropy, Drbg::unseeded())?;
        get(entropy)?.seed(seed, extra)
    })
}

/// Fills `out`. Has the form of a port's `random`, for a port whose context is the sealwire_entropy; others wrap it.
///
/// Statuses: OK; INVALID_ARGUMENT (also: more than 65,536 bytes); RANDOM_FAILED (not seeded, or no new seed within 2^32 - 1 calls).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_entropy_random(entropy: *mut c_void, out: *mut u8, length: usize) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let out = bytes_mut(out, length)?;
        match get(entropy.cast::<sealwire_entropy>()) {
            Ok(mut known) => known.fill(out),
            Err(Error::WrongState) => Err(Error::RandomFailed),
            Err(error) => Err(error),
        }
    })
}

/// Erases what was seeded. NULL, and what holds nothing, are left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sealwire_entropy_erase(entropy: *mut sealwire_entropy) {
    // SAFETY: as the conventions of the header ask.
    unsafe { erase(entropy) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{SEALWIRE_INVALID_ARGUMENT, SEALWIRE_OK, SEALWIRE_RANDOM_FAILED};
    use core::ptr::{addr_of_mut, null, null_mut};

    #[test]
    fn unseeded_moved_or_erased_it_gives_nothing() {
        let mut entropy = sealwire_entropy { opaque: [0; 10] };
        let place = addr_of_mut!(entropy);
        let (seed, mut out) = ([3u8; 32], [0u8; 8]);
        // SAFETY: the test's own memory.
        unsafe {
            assert_eq!(sealwire_entropy_random(place.cast(), out.as_mut_ptr(), out.len()), SEALWIRE_RANDOM_FAILED);
            assert_eq!(sealwire_entropy_seed(place, seed.as_ptr(), 31, null(), 0), SEALWIRE_RANDOM_FAILED);
            assert_eq!(sealwire_entropy_random(place.cast(), out.as_mut_ptr(), out.len()), SEALWIRE_RANDOM_FAILED);
            assert_eq!(out, [0; 8]);
            assert_eq!(sealwire_entropy_seed(place, seed.as_ptr(), 32, null(), 0), SEALWIRE_OK);
            assert_eq!(sealwire_entropy_random(place.cast(), out.as_mut_ptr(), out.len()), SEALWIRE_OK);
            assert_ne!(out, [0; 8]);
            // A few bytes are enough to add to it, and change what follows.
            let mut other = sealwire_entropy { opaque: [0; 10] };
            let second = addr_of_mut!(other);
            let mut again = [0u8; 8];
            assert_eq!(sealwire_entropy_seed(second, seed.as_ptr(), 32, null(), 0), SEALWIRE_OK);
            assert_eq!(sealwire_entropy_random(second.cast(), again.as_mut_ptr(), again.len()), SEALWIRE_OK);
            assert_eq!(again, out);
            assert_eq!(sealwire_entropy_seed(second, seed.as_ptr(), 1, null(), 0), SEALWIRE_OK);
            assert_eq!(sealwire_entropy_random(second.cast(), again.as_mut_ptr(), again.len()), SEALWIRE_OK);
            assert_eq!(sealwire_entropy_random(place.cast(), out.as_mut_ptr(), out.len()), SEALWIRE_OK);
            assert_ne!(again, out);

            let mut moved = sealwire_entropy { opaque: entropy.opaque };
            assert_eq!(sealwire_entropy_random(addr_of_mut!(moved).cast(), out.as_mut_ptr(), out.len()), SEALWIRE_RANDOM_FAILED);
            sealwire_entropy_erase(place);
            assert_eq!(entropy.opaque, [0; 10]);
            assert_eq!(sealwire_entropy_random(place.cast(), out.as_mut_ptr(), out.len()), SEALWIRE_RANDOM_FAILED);
            assert_eq!(sealwire_entropy_random(null_mut(), out.as_mut_ptr(), out.len()), SEALWIRE_INVALID_ARGUMENT);
        }
    }
}
