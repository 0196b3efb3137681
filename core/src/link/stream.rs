//! Byte streams that lose nothing, such as TCP: each frame behind its length, two bytes big-endian (PROTOCOL §7).

use super::{Counters, count};
use crate::bytes::{Writer, copy};
use crate::error::{Error, Result};

/// Bytes in front of a frame.
pub const HEAD: usize = 2;

/// The bytes to send before a frame of `length` bytes. Error: [`Error::InvalidArgument`] outside 1 to 65,535.
pub fn encode_head(length: usize) -> Result<[u8; HEAD]> {
    match u16::try_from(length) {
        Ok(length) if length > 0 => Ok(length.to_be_bytes()),
        _ => Err(Error::InvalidArgument),
    }
}

/// Writes `frame` behind its length into `out`; gives the length of both. Errors: [`Error::InvalidArgument`],
/// [`Error::BufferTooSmall`].
pub fn encode(frame: &[u8], out: &mut [u8]) -> Result<usize> {
    let mut writer = Writer::new(out);
    writer.put(&encode_head(frame.len())?)?;
    writer.put(frame)?;
    Ok(writer.len())
}

/// Takes bytes from a stream, gives frames.
#[derive(Debug)]
pub struct Decoder<'b> {
    buffer: &'b mut [u8],
    head: [u8; HEAD],
    /// Bytes taken of the frame and its head.
    taken: usize,
    closed: bool,
    counters: Counters,
}

impl<'b> Decoder<'b> {
    /// A decoder for frames of up to `buffer.len()` bytes.
    pub fn new(buffer: &'b mut [u8]) -> Self {
        Decoder { buffer, head: [0; HEAD], taken: 0, closed: false, counters: Counters::default() }
    }

    /// What has been seen so far.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Takes bytes up to the end of the first frame; gives how many it took, and the frame. Call again with the rest of `input`.
    ///
    /// Error: [`Error::Malformed`] for a length of 0 or above the buffer. A stream has no place to start anew, so it must be closed, and
    /// every further call fails too.
    pub fn feed(&mut self, input: &[u8]) -> Result<(usize, Option<&mut [u8]>)> {
        if self.closed {
            return Err(Error::Malformed);
        }
        let mut rest = input;
        while let Some(place) = self.head.get_mut(self.taken) {
            let Some((byte, behind)) = rest.split_first() else { return Ok((input.len(), None)) };
            *place = *byte;
            self.taken = self.taken.saturating_add(1);
            rest = behind;
            if self.taken == HEAD {
                self.check_length()?;
            }
        }
        let length = usize::from(u16::from_be_bytes(self.head));
        let have = self.taken.saturating_sub(HEAD);
        let (now, behind) = rest.split_at(rest.len().min(length.saturating_sub(have)));
        let end = have.saturating_add(now.len());
        copy(self.buffer.get_mut(have..end).ok_or(Error::Internal)?, now);
        self.taken = end.saturating_add(HEAD);
        let used = input.len().saturating_sub(behind.len());
        if end < length {
            return Ok((used, None));
        }
        self.taken = 0;
        count(&mut self.counters.frames);
        Ok((used, self.buffer.get_mut(..length)))
    }

    fn check_length(&mut self) -> Result<()> {
        let length = usize::from(u16::from_be_bytes(self.head));
        if length == 0 || length > self.buffer.len() {
            self.closed = true;
            count(if length == 0 { &mut self.counters.malformed } else { &mut self.counters.overlong });
            return Err(Error::Malformed);
        }
        Ok(())
    }
}
