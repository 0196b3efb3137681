//! Values of the core in memory that C declares as an array of numbers.

use crate::status::status;
use core::marker::PhantomData;
use core::mem::{MaybeUninit, align_of, size_of};
use core::ops::{Deref, DerefMut};
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
pub(crate) unsafe trait Opaque: Sized {
    /// What it holds.
    type Value;
    /// Tells the types apart.
    const TAG: usize;
    /// True if its calls call the application back, which might then set up the struct in use. Such a struct starts from {0}: its mark is read
    /// before anything was written.
    const CALLS_BACK: bool;
    /// Fails to compile when the struct is too small.
    const FITS: () = assert!(
        size_of::<Self>() >= size_of::<Placed<Self::Value>>() && align_of::<Self>() >= align_of::<Placed<Self::Value>>(),
        "the opaque struct in the header is too small"
    );
}

fn mark<O: Opaque>(place: *mut O) -> usize {
    (place as usize) ^ O::TAG
}

/// The mark while a call has the value: odd, as no [`mark`] is.
fn lent<O: Opaque>(place: *mut O) -> usize {
    mark(place) ^ 1
}

/// Puts a value into a struct from C. An old value is overwritten, all its bytes. Errors: `InvalidArgument` (NULL, misaligned), `Busy`.
///
/// # Safety
/// `place` is NULL or points to a readable and writable struct.
pub(crate) unsafe fn put<O: Opaque>(place: *mut O, value: O::Value) -> Result<()> {
    let () = O::FITS;
    if place.is_null() || !place.is_aligned() {
        return Err(Error::InvalidArgument);
    }
    let placed = place.cast::<Placed<O::Value>>();
    // SAFETY: large and aligned enough by `FITS`; readable and writable by the caller's promise.
    unsafe {
        if O::CALLS_BACK && core::ptr::addr_of!((*placed).mark).read() == lent(place) {
            return Err(Error::Busy);
        }
        // A shorter variant of an enum would leave keys of the old one behind it.
        zeroize::Zeroize::zeroize(core::slice::from_raw_parts_mut(place.cast::<MaybeUninit<u8>>(), size_of::<O>()));
        placed.write(Placed { mark: mark(place), value });
    }
    Ok(())
}

/// The value in a struct from C, for one call. Until it is dropped, a callback that comes back with the same struct finds it busy.
pub(crate) struct Held<'a, O: Opaque> {
    place: *mut O,
    lifetime: PhantomData<&'a mut O::Value>,
}

impl<O: Opaque> Deref for Held<'_, O> {
    type Target = O::Value;

    fn deref(&self) -> &O::Value {
        // SAFETY: `get` found a value, and marked it as lent to this one.
        unsafe { &(*self.place.cast::<Placed<O::Value>>()).value }
    }
}

impl<O: Opaque> DerefMut for Held<'_, O> {
    fn deref_mut(&mut self) -> &mut O::Value {
        // SAFETY: as above.
        unsafe { &mut (*self.place.cast::<Placed<O::Value>>()).value }
    }
}

impl<O: Opaque> Drop for Held<'_, O> {
    fn drop(&mut self) {
        // SAFETY: as above; the mark is apart from the value.
        unsafe { core::ptr::addr_of_mut!((*self.place.cast::<Placed<O::Value>>()).mark).write(mark(self.place)) }
    }
}

/// The value in a struct from C. Errors: `InvalidArgument` (NULL, misaligned), `WrongState` (not initialised, or moved), `Busy` (a callback
/// of the call that has it).
///
/// # Safety
/// `place` is NULL or points to a readable and writable struct that no other thread uses during `'a`.
pub(crate) unsafe fn get<'a, O: Opaque>(place: *mut O) -> Result<Held<'a, O>> {
    if place.is_null() || !place.is_aligned() {
        return Err(Error::InvalidArgument);
    }
    let found = place.cast::<Placed<O::Value>>();
    // SAFETY: readable and writable by the caller's promise. Only the mark is touched before it is known to be right: then `put` wrote here.
    unsafe {
        let found = core::ptr::addr_of_mut!((*found).mark);
        match found.read() {
            known if known == mark(place) => found.write(lent(place)),
            known if known == lent(place) => return Err(Error::Busy),
            _ => return Err(Error::WrongState),
        }
    }
    Ok(Held { place, lifetime: PhantomData })
}

/// Erases what a struct holds, if it holds anything; not during a call that uses it.
///
/// # Safety
/// As [`get`].
pub(crate) unsafe fn erase<O: Opaque>(place: *mut O) {
    // SAFETY: the caller's promise.
    let Ok(held) = (unsafe { get(place) }) else { return };
    core::mem::forget(held);
    let placed = place.cast::<Placed<O::Value>>();
    // SAFETY: it holds a value; after being dropped, only its bytes are touched.
    unsafe {
        core::ptr::drop_in_place(core::ptr::addr_of_mut!((*placed).value));
        zeroize::Zeroize::zeroize(core::slice::from_raw_parts_mut(place.cast::<u8>(), size_of::<O>()));
    }
}

/// Runs a call; a panic, which would be a bug, becomes `Internal` where the standard library is there.
pub(crate) fn call(run: impl FnOnce() -> Result<()>) -> i32 {
    status(crate::endpoint::guard(run).unwrap_or(Err(Error::Internal)))
}
