//! Reading and writing byte slices without panics, and memory for secrets.

use crate::error::{Error, Result};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Reads a slice from front to back.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// What has not been read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// True when everything has been read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte without taking it.
    pub fn peek(&self) -> Result<u8> {
        self.rest.first().copied().ok_or(Error::Malformed)
    }

    /// Takes one byte.
    pub fn u8(&mut self) -> Result<u8> {
        let (first, rest) = self.rest.split_first().ok_or(Error::Malformed)?;
        self.rest = rest;
        Ok(*first)
    }

    /// Takes `n` bytes.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(Error::Malformed)?;
        self.rest = rest;
        Ok(head)
    }

    /// Takes an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(Error::Malformed)?;
        self.rest = rest;
        Ok(*head)
    }

    /// Refuses bytes left over.
    pub fn finish(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Error::Malformed) }
    }
}

/// Writes into a slice from front to back.
///
/// Code that writes many small things need not ask after each: `push` keeps in mind that something did not fit, nothing is
/// written from then on, nothing counts as written, and `check` tells in the end.
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    used: usize,
}

impl<'a> Writer<'a> {
    /// Starts at the first byte of `buffer`.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Writer { buffer, used: 0 }
    }

    /// Number of bytes written.
    pub const fn len(&self) -> usize {
        self.used
    }

    /// True when nothing has been written.
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Appends one byte. Error: [`Error::BufferTooSmall`], and nothing is written.
    #[inline]
    pub fn u8(&mut self, byte: u8) -> Result<()> {
        self.put(&[byte])
    }

    /// Appends bytes. Error: [`Error::BufferTooSmall`], and nothing is written.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        copy(self.reserve(bytes.len())?, bytes);
        Ok(())
    }

    /// Appends bytes; what does not fit, and all after it, is known to `check`.
    #[inline(never)]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.put(bytes).is_err() {
            // No length of a slice: every later write and every look at what was written fails.
            self.used = usize::MAX;
        }
    }

    /// Has everything pushed found room? Error: [`Error::BufferTooSmall`].
    pub(crate) const fn check(&self) -> Result<()> {
        if self.used == usize::MAX { Err(Error::BufferTooSmall) } else { Ok(()) }
    }

    /// Appends `n` bytes and hands them out to be filled; they keep what the buffer held.
    #[inline]
    pub fn reserve(&mut self, n: usize) -> Result<&mut [u8]> {
        let end = self.used.checked_add(n).ok_or(Error::BufferTooSmall)?;
        let place = self.buffer.get_mut(self.used..end).ok_or(Error::BufferTooSmall)?;
        self.used = end;
        Ok(place)
    }

    /// What has been written.
    pub fn written(&self) -> &[u8] {
        self.buffer.get(..self.used).unwrap_or_default()
    }

    /// What has been written, to be changed in place.
    pub fn written_mut(&mut self) -> &mut [u8] {
        self.buffer.get_mut(..self.used).unwrap_or_default()
    }

    /// Ends writing; gives the written part with the buffer's lifetime.
    pub fn finish(self) -> &'a mut [u8] {
        self.buffer.get_mut(..self.used).unwrap_or_default()
    }
}

/// `N` secret bytes: erased on drop, never printed, compared in constant time.
#[derive(Clone)]
pub struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// All zero, to be filled.
    pub const fn zero() -> Self {
        Secret([0; N])
    }

    /// Copies a slice of exactly `N` bytes. Error: [`Error::InvalidArgument`].
    pub fn from_slice(bytes: &[u8]) -> Result<Self> {
        let mut secret = Secret::zero();
        if bytes.len() != N {
            return Err(Error::InvalidArgument);
        }
        copy(&mut secret.0, bytes);
        Ok(secret)
    }

    /// The bytes. Keep the borrow short, and do not copy them elsewhere.
    pub const fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// Becomes equal to another. Unlike a move, this leaves nothing behind where that was once it is dropped.
    pub(crate) fn set(&mut self, other: &Self) {
        copy(&mut self.0, &other.0);
    }

    /// The bytes, to be written.
    pub const fn expose_mut(&mut self) -> &mut [u8; N] {
        &mut self.0
    }
}

impl<const N: usize> From<[u8; N]> for Secret<N> {
    fn from(mut bytes: [u8; N]) -> Self {
        let secret = Secret(bytes);
        bytes.zeroize();
        secret
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> PartialEq for Secret<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl<const N: usize> Eq for Secret<N> {}

impl<const N: usize> core::fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Secret<{N}>")
    }
}

/// Copies as many elements as both have. For lengths known to be equal: unlike `copy_from_slice` it links no panic.
#[inline]
pub fn copy<T: Copy>(to: &mut [T], from: &[T]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// Constant-time comparison of two slices; lengths are not secret.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writer_refuses_what_does_not_fit_and_keeps_the_rest() {
        let mut buffer = [0; 3];
        let mut writer = Writer::new(&mut buffer);
        writer.put(&[1, 2]).unwrap();
        assert_eq!(writer.put(&[3, 4]), Err(Error::BufferTooSmall));
        writer.u8(5).unwrap();
        assert_eq!(writer.finish(), &[1, 2, 5]);
    }

    #[test]
    fn a_push_that_does_not_fit_spoils_the_whole() {
        let mut buffer = [0; 3];
        let mut writer = Writer::new(&mut buffer);
        writer.push(&[1, 2]);
        assert_eq!((writer.check(), writer.written()), (Ok(()), &[1, 2][..]));
        writer.push(&[3, 4]);
        writer.push(&[5]);
        writer.push(&[]);
        assert_eq!((writer.check(), writer.written()), (Err(Error::BufferTooSmall), &[][..]));
        assert_eq!(writer.put(&[5]), Err(Error::BufferTooSmall));
        assert_eq!(writer.reserve(0), Err(Error::BufferTooSmall));
        assert!(writer.finish().is_empty());
    }

    #[test]
    fn reader_refuses_to_run_over_the_end() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.array::<2>(), Ok([1, 2]));
        assert_eq!(reader.take(2), Err(Error::Malformed));
        assert_eq!(reader.u8(), Ok(3));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(std::format!("{:?}", Secret::from([7u8; 4])), "Secret<4>");
    }
}
