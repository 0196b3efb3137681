//! Values of the core in memory that C declares as an array of numbers.

use crate::status::status;
use core::mem::{align_of, size_of};
use sealwire_core::error::{Error, Result};

/// What lies in such memory. `mark` tells it from memory that was never initialised, was moved, or holds another type.
struct Placed<T> {
    mark: usize,
    value: T,
}

/// A C struct of opaque numbers that holds a `Value`.
///
/// # Safety
/// The struct is `#[repr(C)]` and made of integers.
pub(super) unsafe trait Opaque: Sized {
    /// What it holds.
    type Value;
    /// Tells the types apart.
    const TAG: usize;
    /// Fails to compile when the struct is too small.
    const FITS: () = assert!(
        size_of::<Self>() >= size_of::<Placed<Self::Value>>() && align_of::<Self>() >= align_of::<Placed<Self::Value>>(),
        "the opaque struct in the header is too small"
    );
}

fn mark<O: Opaque>(place: *mut O) -> usize {
    (place as usize) ^ O::TAG
}

/// Puts a value into a struct from C. An old value is overwritten. Error: `InvalidArgument` (NULL, misaligned).
///
/// # Safety
/// `place` is NULL or points to a writable struct.
pub(super) unsafe fn put<O: Opaque>(place: *mut O, value: O::Value) -> Result<()> {
    let () = O::FITS;
    if place.is_null() || !place.is_aligned() {
        return Err(Error::InvalidArgument);
    }
    // SAFETY: large and aligned enough by `FITS`; writable by the caller's promise.
    unsafe { place.cast::<Placed<O::Value>>().write(Placed { mark: mark(place), value }) };
    Ok(())
}

/// The value in a struct from C. Errors: `InvalidArgument` (NULL, misaligned), `WrongState` (not initialised, or moved).
///
/// # Safety
/// `place` is NULL or points to a readable and writable struct that nobody else uses during `'a`.
pub(super) unsafe fn get<'a, O: Opaque>(place: *mut O) -> Result<&'a mut O::Value> {
    if place.is_null() || !place.is_aligned() {
        return Err(Error::InvalidArgument);
    }
    let placed = place.cast::<Placed<O::Value>>();
    // SAFETY: readable by the caller's promise. Only the mark is read before it is known to be right.
    if unsafe { core::ptr::addr_of!((*placed).mark).read() } != mark(place) {
        return Err(Error::WrongState);
    }
    // SAFETY: the mark says that `put` wrote here.
    Ok(unsafe { &mut (*placed).value })
}

/// Erases what a struct holds, if it holds anything.
///
/// # Safety
/// As [`get`].
pub(super) unsafe fn erase<O: Opaque>(place: *mut O) {
    // SAFETY: the caller's promise.
    if unsafe { get(place) }.is_err() {
        return;
    }
    let placed = place.cast::<Placed<O::Value>>();
    // SAFETY: it holds a value; after being dropped, only its bytes are touched.
    unsafe {
        core::ptr::drop_in_place(core::ptr::addr_of_mut!((*placed).value));
        zeroize::Zeroize::zeroize(core::slice::from_raw_parts_mut(place.cast::<u8>(), size_of::<O>()));
    }
}

/// Runs a call; a panic, which would be a bug, becomes `Internal` where the standard library is there.
pub(super) fn call(run: impl FnOnce() -> Result<()>) -> i32 {
    status(crate::endpoint::guard(run).unwrap_or(Err(Error::Internal)))
}
