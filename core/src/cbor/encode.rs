//! Writing. Every head is in shortest form; the caller writes map entries in ascending order of their encoded keys.

use crate::bytes::Writer;
use crate::error::Result;

/// Writes a head: major type (0 to 7) and argument, in the fewest bytes.
fn write_head(w: &mut Writer<'_>, major: u8, argument: u64) -> Result<()> {
    if argument < 24 {
        return w.u8((major & 7) << 5 | argument as u8);
    }
    let (head, length) = head(major, argument);
    w.put(head.get(..length).unwrap_or_default())
}

/// The bytes of a head and how many of them count.
const fn head(major: u8, argument: u64) -> ([u8; 9], usize) {
    let high = (major & 7) << 5;
    let [a, b, c, d, e, f, g, h] = argument.to_be_bytes();
    if argument < 24 {
        ([high | h, 0, 0, 0, 0, 0, 0, 0, 0], 1)
    } else if argument <= 0xff {
        ([high | 24, h, 0, 0, 0, 0, 0, 0, 0], 2)
    } else if argument <= 0xffff {
        ([high | 25, g, h, 0, 0, 0, 0, 0, 0], 3)
    } else if argument <= 0xffff_ffff {
        ([high | 26, e, f, g, h, 0, 0, 0, 0], 5)
    } else {
        ([high | 27, a, b, c, d, e, f, g, h], 9)
    }
}

/// Length in bytes of a head with this argument: of an unsigned integer, or before a string of that many bytes.
pub const fn head_len(argument: u64) -> usize {
    head(0, argument).1
}

/// Writes an unsigned integer. Error, as of every function here: `BufferTooSmall`.
pub fn write_uint(w: &mut Writer<'_>, value: u64) -> Result<()> {
    write_head(w, 0, value)
}

/// Writes an integer of either sign.
pub fn write_int(w: &mut Writer<'_>, value: i64) -> Result<()> {
    // For a negative n, !n is −1 − n: the argument of major type 1, and never out of range.
    if value < 0 { write_head(w, 1, (!value).unsigned_abs()) } else { write_head(w, 0, value.unsigned_abs()) }
}

/// Writes a byte string.
pub fn write_bytes(w: &mut Writer<'_>, value: &[u8]) -> Result<()> {
    write_bytes_head(w, value.len())?;
    w.put(value)
}

/// Writes the head of a byte string of `length` bytes; the caller appends the bytes.
pub fn write_bytes_head(w: &mut Writer<'_>, length: usize) -> Result<()> {
    write_head(w, 2, length as u64)
}

/// Writes a text string.
pub fn write_text(w: &mut Writer<'_>, value: &str) -> Result<()> {
    write_head(w, 3, value.len() as u64)?;
    w.put(value.as_bytes())
}

/// Writes the head of an array of `items` items; the caller appends the items.
pub fn write_array(w: &mut Writer<'_>, items: usize) -> Result<()> {
    write_head(w, 4, items as u64)
}

/// Writes the head of a map of `entries` pairs; the caller appends the pairs in ascending order of their encoded keys.
pub fn write_map(w: &mut Writer<'_>, entries: usize) -> Result<()> {
    write_head(w, 5, entries as u64)
}

/// Writes `true` or `false`.
pub fn write_bool(w: &mut Writer<'_>, value: bool) -> Result<()> {
    w.u8(if value { 0xf5 } else { 0xf4 })
}

/// Writes `null`.
pub fn write_null(w: &mut Writer<'_>) -> Result<()> {
    w.u8(0xf6)
}
