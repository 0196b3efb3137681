//! The one place where pointers from C become Rust references. Everything here checks what can be checked (NULL, alignment,
//! length, overlap); what cannot (that the memory exists, and that nobody else writes it meanwhile) is the caller's duty,
//! stated in the conventions on top of the header.

use sealwire_core::error::{Error, Result};

/// Longest slice that Rust allows.
const LONGEST: usize = isize::MAX as usize;

/// Bytes to read; NULL is fine when the length is 0.
///
/// # Safety
/// `data` points to `length` readable bytes that nobody writes during `'a`, unless it is NULL.
#[inline(never)]
pub(crate) unsafe fn bytes<'a>(data: *const u8, length: usize) -> Result<&'a [u8]> {
    match length {
        0 => Ok(&[]),
        _ if data.is_null() || length > LONGEST => Err(Error::InvalidArgument),
        // SAFETY: not NULL, not too long; the rest is the caller's promise.
        _ => Ok(unsafe { core::slice::from_raw_parts(data, length) }),
    }
}

/// Bytes to write; NULL is fine when the length is 0.
///
/// # Safety
/// `data` points to `length` writable bytes that nobody else uses during `'a`, unless it is NULL.
#[inline(never)]
pub(crate) unsafe fn bytes_mut<'a>(data: *mut u8, length: usize) -> Result<&'a mut [u8]> {
    match length {
        0 => Ok(&mut []),
        _ if data.is_null() || length > LONGEST => Err(Error::InvalidArgument),
        // SAFETY: not NULL, not too long; the rest is the caller's promise.
        _ => Ok(unsafe { core::slice::from_raw_parts_mut(data, length) }),
    }
}

/// A fixed number of bytes to read.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn array<'a, const N: usize>(data: *const u8) -> Result<&'a [u8; N]> {
    // SAFETY: the caller's promise.
    unsafe { data.cast::<[u8; N]>().as_ref() }.ok_or(Error::InvalidArgument)
}

/// A fixed number of bytes to write.
///
/// # Safety
/// As [`bytes_mut`].
pub(crate) unsafe fn array_mut<'a, const N: usize>(data: *mut u8) -> Result<&'a mut [u8; N]> {
    // SAFETY: the caller's promise.
    unsafe { data.cast::<[u8; N]>().as_mut() }.ok_or(Error::InvalidArgument)
}

/// Two buffers, which must not overlap.
///
/// # Safety
/// Both as [`bytes_mut`].
pub(crate) unsafe fn buffers<'a>(
    one: *mut u8,
    one_length: usize,
    other: *mut u8,
    other_length: usize,
) -> Result<(&'a mut [u8], &'a mut [u8])> {
    // SAFETY: the caller's promise; the reading slice is gone before the writing ones are made.
    unsafe {
        disjoint(bytes(one, one_length)?, other, other_length)?;
        Ok((bytes_mut(one, one_length)?, bytes_mut(other, other_length)?))
    }
}

/// Whether `count` records can lie at `data`. Error: `InvalidArgument`.
fn fits<T>(data: *const T, count: usize) -> Result<()> {
    match count.checked_mul(size_of::<T>()) {
        Some(size) if !data.is_null() && data.is_aligned() && size <= LONGEST => Ok(()),
        _ => Err(Error::InvalidArgument),
    }
}

/// Records to read; NULL is fine when the count is 0.
///
/// # Safety
/// `data` points to `count` initialised records that nobody writes during `'a`, unless it is NULL.
pub(crate) unsafe fn records<'a, T>(data: *const T, count: usize) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    fits(data, count)?;
    // SAFETY: not NULL, aligned, not too long; the rest is the caller's promise.
    Ok(unsafe { core::slice::from_raw_parts(data, count) })
}

/// Records to write, each set to `value` first, for C hands in uninitialised ones. NULL is fine when the count is 0.
///
/// # Safety
/// `data` points to `count` writable records that nobody else uses during `'a`, unless it is NULL.
pub(crate) unsafe fn filled<'a, T: Copy>(data: *mut T, count: usize, value: T) -> Result<&'a mut [T]> {
    if count == 0 {
        return Ok(&mut []);
    }
    fits(data, count)?;
    // SAFETY: not NULL, aligned, not too long; writable by the caller's promise, and written before a reference is made.
    unsafe {
        for place in 0..count {
            data.add(place).write(value);
        }
        Ok(core::slice::from_raw_parts_mut(data, count))
    }
}

/// One record to read.
///
/// # Safety
/// `data` points to an initialised record that nobody writes during `'a`, unless it is NULL.
pub(crate) unsafe fn record<'a, T>(data: *const T) -> Result<&'a T> {
    if !data.is_aligned() {
        return Err(Error::InvalidArgument);
    }
    // SAFETY: aligned, and as_ref() tests NULL; the rest is the caller's promise.
    unsafe { data.as_ref() }.ok_or(Error::InvalidArgument)
}

/// A place for a result: writable, aligned, not NULL. It may be uninitialised, so it is only ever written whole.
#[derive(Clone, Copy)]
pub(crate) struct Output<T>(*mut T);

impl<T> Output<T> {
    /// Checks the place before any work is done. Error: `InvalidArgument`.
    pub(crate) fn new(place: *mut T) -> Result<Self> {
        if place.is_null() || !place.is_aligned() { Err(Error::InvalidArgument) } else { Ok(Output(place)) }
    }

    /// Writes the result.
    ///
    /// # Safety
    /// The place given to [`Output::new`] is writable.
    pub(crate) unsafe fn write(self, value: T) {
        // SAFETY: not NULL and aligned by construction; writable by the caller's promise.
        unsafe { self.0.write(value) }
    }

    /// Writes a result that is then completed in place.
    ///
    /// # Safety
    /// As [`Output::write`], and nobody else uses the place during `'a`.
    pub(crate) unsafe fn filled<'a>(self, value: T) -> &'a mut T {
        // SAFETY: as in `write`; initialised by it.
        unsafe {
            self.0.write(value);
            &mut *self.0
        }
    }
}

/// Refuses an input that lies in the output buffer, which would break Rust's rules as well as the result.
#[inline(never)]
pub(crate) fn disjoint(input: &[u8], output: *const u8, capacity: usize) -> Result<()> {
    let (a, b) = (input.as_ptr() as usize, output as usize);
    let apart = input.is_empty() || capacity == 0 || a.saturating_add(input.len()) <= b || b.saturating_add(capacity) <= a;
    if apart { Ok(()) } else { Err(Error::InvalidArgument) }
}
