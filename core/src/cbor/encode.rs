//! Writing. Every head is in shortest form; the caller writes map entries in ascending order of their encoded keys.
//!
//! For the core itself `push_...`: as [`Writer::push`], to be followed by [`Writer::check`] in the end. For others `write_...`.

use crate::bytes::Writer;
use crate::error::Result;

/// Appends a head: major type (0 to 7) and argument, in the fewest bytes.
#[inline(never)]
fn push_head(w: &mut Writer<'_>, major: u8, argument: u64) {
    let length = head_len(argument);
    // 24 to 27 say that 1, 2, 4 or 8 bytes follow.
    let code = match length {
        1 => argument as u8,
        2 => 24,
        3 => 25,
        5 => 26,
        _ => 27,
    };
    let [front, bytes @ ..] = &mut [0; 9];
    *front = (major & 7) << 5 | code;
    *bytes = argument.to_be_bytes();
    w.push(core::slice::from_ref(front));
    w.push(bytes.get(9usize.saturating_sub(length)..).unwrap_or_default());
}

/// Length in bytes of a head with this argument: of an unsigned integer, or before a string of that many bytes.
pub const fn head_len(argument: u64) -> usize {
    match argument {
        0..24 => 1,
        24..0x100 => 2,
        0x100..0x1_0000 => 3,
        0x1_0000..0x1_0000_0000 => 5,
        _ => 9,
    }
}

pub(crate) fn push_uint(w: &mut Writer<'_>, value: u64) {
    push_head(w, 0, value);
}

pub(crate) fn push_int(w: &mut Writer<'_>, value: i64) {
    // For a negative n, !n is −1 − n: the argument of major type 1, and never out of range.
    let argument = if value < 0 { !value } else { value };
    push_head(w, u8::from(value < 0), argument.unsigned_abs());
}

#[inline(never)]
pub(crate) fn push_bytes(w: &mut Writer<'_>, value: &[u8]) {
    push_bytes_head(w, value.len());
    w.push(value);
}

pub(crate) fn push_bytes_head(w: &mut Writer<'_>, length: usize) {
    push_head(w, 2, length as u64);
}

pub(crate) fn push_text(w: &mut Writer<'_>, value: &str) {
    push_head(w, 3, value.len() as u64);
    w.push(value.as_bytes());
}

pub(crate) fn push_array(w: &mut Writer<'_>, items: usize) {
    push_head(w, 4, items as u64);
}

pub(crate) fn push_map(w: &mut Writer<'_>, entries: usize) {
    push_head(w, 5, entries as u64);
}

pub(crate) fn push_bool(w: &mut Writer<'_>, value: bool) {
    w.push(&[if value { 0xf5 } else { 0xf4 }]);
}

pub(crate) fn push_null(w: &mut Writer<'_>) {
    w.push(&[0xf6]);
}

/// Writes an unsigned integer. Error, as of every function here: `BufferTooSmall`; nothing can be written after it.
pub fn write_uint(w: &mut Writer<'_>, value: u64) -> Result<()> {
    push_uint(w, value);
    w.check()
}

/// Writes an integer of either sign.
pub fn write_int(w: &mut Writer<'_>, value: i64) -> Result<()> {
    push_int(w, value);
    w.check()
}

/// Writes a byte string.
pub fn write_bytes(w: &mut Writer<'_>, value: &[u8]) -> Result<()> {
    push_bytes(w, value);
    w.check()
}

/// Writes the head of a byte string of `length` bytes; the caller appends the bytes.
pub fn write_bytes_head(w: &mut Writer<'_>, length: usize) -> Result<()> {
    push_bytes_head(w, length);
    w.check()
}

/// Writes a text string.
pub fn write_text(w: &mut Writer<'_>, value: &str) -> Result<()> {
    push_text(w, value);
    w.check()
}

/// Writes the head of an array of `items` items; the caller appends the items.
pub fn write_array(w: &mut Writer<'_>, items: usize) -> Result<()> {
    push_array(w, items);
    w.check()
}

/// Writes the head of a map of `entries` pairs; the caller appends the pairs in ascending order of their encoded keys.
pub fn write_map(w: &mut Writer<'_>, entries: usize) -> Result<()> {
    push_map(w, entries);
    w.check()
}

/// Writes `true` or `false`.
pub fn write_bool(w: &mut Writer<'_>, value: bool) -> Result<()> {
    push_bool(w, value);
    w.check()
}

/// Writes `null`.
pub fn write_null(w: &mut Writer<'_>) -> Result<()> {
    push_null(w);
    w.check()
}
