//! Serial lines: COBS(frame, CRC-16/IBM-3740 big-endian), then a zero byte (PROTOCOL §7).
//!
//! COBS (Cheshire and Baker, 1999) is written here and not taken from a crate: the decoder has to run byte by byte over the caller's buffer,
//! tell a block that is too long from one that is broken, and never panic; that is fewer lines than an adapter around one that
//! owns its loop.

use super::{Counters, count};
use crate::bytes::Writer;
use crate::error::{Error, Result};
use core::num::NonZeroUsize;

pub(super) const DELIMITER: u8 = 0;
const CRC: usize = 2;
/// Data bytes of the longest COBS block, whose code is 0xff and which no zero follows.
const RUN: usize = 254;
const LONG: u8 = 0xff;

/// CRC-16/IBM-3740: polynomial 0x1021, initial value 0xffff, not reflected, no final xor.
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    crc16_on(0xffff, bytes)
}

/// Goes on from the checksum of what stands before `bytes`.
pub(super) fn crc16_on(crc: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(crc, |crc: u16, byte| {
        // The eight steps of polynomial division by 0x1021 at once: x^12, x^5 and 1 times the byte that leaves.
        let leaving = (crc >> 8) ^ u16::from(*byte);
        let leaving = leaving ^ (leaving >> 4);
        (crc << 8) ^ (leaving << 12) ^ (leaving << 5) ^ leaving
    })
}

/// Bytes that [`encode`] needs at most for a frame of `length` bytes.
pub const fn encoded_len(length: usize) -> usize {
    let data = length.saturating_add(CRC);
    // One code per started run, one more for the first, and the delimiter.
    data.saturating_add(data / RUN).saturating_add(2)
}

/// Encodes `frame` with its delimiter into `out`; gives the length. Errors: [`Error::InvalidArgument`] for an empty frame,
/// [`Error::BufferTooSmall`] (see [`encoded_len`]).
pub fn encode(frame: &[u8], out: &mut [u8]) -> Result<usize> {
    if frame.is_empty() {
        return Err(Error::InvalidArgument);
    }
    let crc = crc16(frame).to_be_bytes();
    let mut writer = Writer::new(out);
    let mut code_at = 0;
    let mut code = 1;
    writer.u8(0)?;
    for byte in frame.iter().chain(&crc) {
        if code == LONG {
            code_at = next_block(&mut writer, code_at, code)?;
            code = 1;
        }
        if *byte == DELIMITER {
            code_at = next_block(&mut writer, code_at, code)?;
            code = 1;
        } else {
            writer.u8(*byte)?;
            code = code.saturating_add(1);
        }
    }
    set(&mut writer, code_at, code)?;
    writer.u8(DELIMITER)?;
    Ok(writer.len())
}

/// Ends a block; gives the place of the next one's code.
fn next_block(writer: &mut Writer<'_>, code_at: usize, code: u8) -> Result<usize> {
    set(writer, code_at, code)?;
    let place = writer.len();
    writer.u8(0)?;
    Ok(place)
}

fn set(writer: &mut Writer<'_>, place: usize, code: u8) -> Result<()> {
    *writer.written_mut().get_mut(place).ok_or(Error::Internal)? = code;
    Ok(())
}

/// Takes bytes from a line, gives frames. `B` is memory: `&mut [u8]`, an array or a vector.
#[derive(Debug)]
pub struct Decoder<B> {
    buffer: B,
    used: usize,
    /// Code of the block under way; 0 before the first of a frame.
    code: u8,
    /// Data bytes that the block still owes.
    left: u8,
    /// The frame does not fit: skip to the delimiter.
    overlong: bool,
    counters: Counters,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Decoder<B> {
    /// A decoder for frames up to two bytes shorter than `buffer`.
    pub fn new(buffer: B) -> Self {
        Decoder { buffer, used: 0, code: 0, left: 0, overlong: false, counters: Counters::default() }
    }

    /// What has been seen so far.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Takes bytes up to the end of the first frame; gives how many it took, and the frame. Call again with the rest of `input`.
    pub fn feed(&mut self, input: &[u8]) -> (usize, Option<&mut [u8]>) {
        let (taken, length) = self.advance(input);
        (taken, length.and_then(|length| self.frame(length.get())))
    }

    /// As [`Decoder::feed`], but gives the frame's length: never 0, so that a caller reads nothing unset to learn that there is none.
    pub(super) fn advance(&mut self, input: &[u8]) -> (usize, Option<NonZeroUsize>) {
        let mut taken: usize = 0;
        for byte in input {
            taken = taken.saturating_add(1);
            if *byte != DELIMITER {
                self.take(*byte);
            } else if let Some(length) = self.end() {
                return (taken, Some(length));
            }
        }
        (taken, None)
    }

    /// The frame whose length [`Decoder::advance`] gave.
    pub(super) fn frame(&mut self, length: usize) -> Option<&mut [u8]> {
        self.buffer.as_mut().get_mut(..length)
    }

    fn take(&mut self, byte: u8) {
        if self.overlong {
            return;
        }
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            self.push(byte);
        } else {
            if self.code != 0 && self.code != LONG {
                self.push(0);
            }
            self.code = byte;
            self.left = byte.saturating_sub(1);
        }
    }

    fn push(&mut self, byte: u8) {
        match self.buffer.as_mut().get_mut(self.used) {
            Some(place) => {
                *place = byte;
                self.used = self.used.saturating_add(1);
            }
            None => self.overlong = true,
        }
    }

    /// A delimiter: the frame's length, if there is a good one.
    fn end(&mut self) -> Option<NonZeroUsize> {
        let (used, code, left, overlong) = (self.used, self.code, self.left, self.overlong);
        (self.used, self.code, self.left, self.overlong) = (0, 0, 0, false);
        if overlong {
            count(&mut self.counters.overlong);
            return None;
        }
        if code == 0 {
            return None;
        }
        match self.buffer.as_ref().get(..used).and_then(|block| block.split_last_chunk::<CRC>()) {
            Some((frame, crc)) if left == 0 && !frame.is_empty() && u16::from_be_bytes(*crc) == crc16(frame) => {
                count(&mut self.counters.frames);
                NonZeroUsize::new(frame.len())
            }
            _ => {
                count(&mut self.counters.malformed);
                None
            }
        }
    }
}
