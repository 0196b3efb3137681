//! RS-485: several devices on one pair of wires, half duplex (PROTOCOL §7).
//!
//! Blocks are those of serial lines, COBS(block, CRC-16) and a zero byte, with two bytes in front of the frame:
//!
//! - the address of the device, 1 to 127, its highest bit set in what the device says;
//! - above, a sequence number of 4 bits, one more in each new poll of a device, which the answer repeats; below, in an answer, the number of its frame,
//!   1 to 15, or 0 without one, and in a poll, the number of the frame that came last, or 0 if none has yet.
//!
//! Only the controller speaks unasked. It polls one device at a time, with a frame or without; the device answers within its window, with a frame
//! or without. Without an answer the poll is repeated as it was, and a device that knows it answers as it did. A device numbers its frame
//! one above the number in the poll (after 15 comes 1), and keeps it until a poll shows that number: nothing is handed out twice, and nothing is
//! lost but by the controller giving up.
//!
//! Every transmission begins with a zero byte more, which ends what a bus reads that nobody drove. Each end drives the bus only while it sends what
//! `poll_transmit` gave. What it hears of itself meanwhile is ignored.

mod controller;
mod device;
#[cfg(test)]
mod tests;

use super::uart;
use crate::error::{Error, Result};
pub use controller::{Answer, Controller};
pub use device::Device;

/// Bytes in front of a frame.
pub const HEAD: usize = 2;
/// What a buffer for receiving needs beside the longest frame: the head and the checksum.
pub const OVERHEAD: usize = HEAD + 2;
/// Highest address of a device; the lowest is 1.
pub const ADDRESS_MAX: u8 = 127;

/// In an address: a device speaks.
const FROM_DEVICE: u8 = 0x80;
/// In the second byte: the number of a frame. The rest is the sequence number.
const NUMBER: u8 = 0x0f;
/// One in the sequence number.
const NEXT: u8 = 0x10;
/// Bits on the line for a byte: start, 8 data, parity, stop.
const BITS: u64 = 11;

/// The bus; the same at all its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bits per second.
    pub baud: u32,
    /// Longest frame of any device, in bytes.
    pub longest: u16,
    /// How long the bus is silent before another end speaks, so that the one before has let go of it.
    pub turnaround_ms: u16,
    /// After the end of a poll, how long the device may wait before it answers. An answer that would begin later is not sent.
    pub window_ms: u16,
    /// How often the controller repeats a poll.
    pub retries: u8,
}

impl Config {
    /// 115,200 bits per second, frames of 1024 bytes, 1 ms between ends, 20 ms to answer, 3 repetitions.
    pub const DEFAULT: Config = Config { baud: 115_200, longest: 1024, turnaround_ms: 1, window_ms: 20, retries: 3 };

    const fn check(&self) -> Result<()> {
        if self.baud < 300 || self.longest == 0 || self.window_ms <= self.turnaround_ms { Err(Error::InvalidArgument) } else { Ok(()) }
    }

    /// Time on the line for so many bytes, rounded up.
    const fn line_ms(&self, bytes: usize) -> u64 {
        (bytes as u64).saturating_mul(BITS * 1000).div_ceil(if self.baud == 0 { 1 } else { self.baud as u64 })
    }
}

/// Bytes that a transmission needs at most for a frame of `length` bytes.
pub const fn encoded_len(length: usize) -> usize {
    uart::encoded_len(length.saturating_add(HEAD)).saturating_add(1)
}

/// Writes a transmission of `block`.
fn encode(block: &[u8], out: &mut [u8]) -> Result<usize> {
    let (first, rest) = out.split_first_mut().ok_or(Error::BufferTooSmall)?;
    let length = uart::encode(block, rest)?;
    *first = uart::DELIMITER;
    Ok(length.saturating_add(1))
}

const fn is_address(address: u8) -> bool {
    matches!(address, 1..=ADDRESS_MAX)
}
