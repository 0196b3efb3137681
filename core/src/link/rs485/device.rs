//! An end that answers.

use super::{Config, FROM_DEVICE, HEAD, NUMBER, encode, is_address};
use crate::bytes::copy;
use crate::error::{Error, Result};
use crate::link::uart::{self, crc16};
use crate::link::{Counters, count};

/// A device on a bus. `B` is memory: `&mut [u8]`, an array or a vector.
#[derive(Debug)]
pub struct Device<B> {
    config: Config,
    address: u8,
    /// The frame that waits, behind the head of its answer.
    answer: B,
    /// Length of both; 0 without a frame.
    length: usize,
    /// The number of the frame, once a poll gave it one; 0 before. The answer to the last poll carries it, or none.
    number: u8,
    /// Second byte and checksum of the last poll.
    before: Option<(u8, u16)>,
    /// An answer is owed: not before the one time, not after the other.
    due: Option<(u64, u64)>,
    decoder: uart::Decoder<B>,
    expired: u32,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Device<B> {
    /// The device at `address`, 1 to 127. Sends frames up to two bytes shorter than `tx`, receives frames up to [`super::OVERHEAD`] bytes shorter than `rx`.
    /// Error: [`Error::InvalidArgument`] for the address, no memory to send, a speed below 300, no frames, or a window not above the turnaround.
    pub fn new(config: Config, address: u8, tx: B, rx: B) -> Result<Self> {
        config.check()?;
        if !is_address(address) || tx.as_ref().len() < HEAD {
            return Err(Error::InvalidArgument);
        }
        let decoder = uart::Decoder::new(rx);
        Ok(Device { config, address, answer: tx, length: 0, number: 0, before: None, due: None, decoder, expired: 0 })
    }

    /// What has been received. `frames` counts the blocks of all ends of the bus; `expired` the answers that were not sent because it was too late.
    pub const fn counters(&self) -> Counters {
        Counters { expired: self.expired, ..self.decoder.counters() }
    }

    /// True until the controller has the frame that [`Device::send`] took.
    pub const fn is_sending(&self) -> bool {
        self.length > 0
    }

    /// Takes a frame, which the answer to the next poll carries. Errors: [`Error::InvalidArgument`] (empty), [`Error::Busy`] (the one before waits),
    /// [`Error::BufferTooSmall`] (longer than the memory for it, or than the bus allows).
    pub fn send(&mut self, frame: &[u8]) -> Result<()> {
        if frame.is_empty() {
            return Err(Error::InvalidArgument);
        }
        if self.is_sending() {
            return Err(Error::Busy);
        }
        let length = frame.len().saturating_add(HEAD);
        if frame.len() > self.config.longest.into() {
            return Err(Error::BufferTooSmall);
        }
        copy(self.answer.as_mut().get_mut(HEAD..length).ok_or(Error::BufferTooSmall)?, frame);
        self.length = length;
        Ok(())
    }

    /// Takes bytes from the bus up to the end of a poll that brings a frame; gives how many it took, and the frame, which may be used until the next call.
    /// Call again with the rest of `input`. What is for other devices, and what they say, is ignored.
    pub fn handle(&mut self, now_ms: u64, input: &[u8]) -> (usize, Option<&mut [u8]>) {
        let mut taken: usize = 0;
        while let Some(rest) = input.get(taken..).filter(|rest| !rest.is_empty()) {
            let (used, length) = self.decoder.advance(rest);
            taken = taken.saturating_add(used);
            let Some(length) = length.map(usize::from) else { continue };
            // Whoever speaks now ends the time in which this end may.
            self.due = None;
            let block = self.decoder.frame(length).and_then(|block| block.split_first_chunk::<HEAD>());
            let Some(([address, second], frame)) = block else { continue };
            if *address != self.address {
                continue;
            }
            let begin_ms = now_ms.saturating_add(self.config.turnaround_ms.into());
            self.due = Some((begin_ms, now_ms.saturating_add(self.config.window_ms.into())));
            let (now, heard, bare) = ((*second, crc16(frame)), second & NUMBER, frame.is_empty());
            if self.before == Some(now) {
                continue;
            }
            self.before = Some(now);
            if self.number != 0 && self.number == heard {
                (self.number, self.length) = (0, 0);
            }
            if self.number == 0 && self.length > 0 {
                self.number = if heard == NUMBER { 1 } else { heard.saturating_add(1) };
            }
            if !bare {
                return (taken, self.decoder.frame(length).and_then(|block| block.get_mut(HEAD..)));
            }
        }
        (taken, None)
    }

    /// Writes the answer to the last poll, if it is to be sent now; gives its length. `out` has [`super::encoded_len`] bytes.
    /// Error: [`Error::BufferTooSmall`].
    pub fn poll_transmit(&mut self, now_ms: u64, out: &mut [u8]) -> Result<Option<usize>> {
        let (Some((begin_ms, end_ms)), Some((second, _))) = (self.due, self.before) else { return Ok(None) };
        if now_ms < begin_ms {
            return Ok(None);
        }
        if now_ms > end_ms {
            self.due = None;
            count(&mut self.expired);
            return Ok(None);
        }
        let length = if self.number == 0 { HEAD } else { self.length };
        let answer = self.answer.as_mut().get_mut(..length).ok_or(Error::Internal)?;
        *answer.first_chunk_mut::<HEAD>().ok_or(Error::Internal)? = [self.address | FROM_DEVICE, (second & !NUMBER) | self.number];
        let length = encode(answer, out)?;
        self.due = None;
        Ok(Some(length))
    }

    /// When to call [`Device::poll_transmit`] again. `None`: no answer is owed.
    pub const fn poll_timeout(&self) -> Option<u64> {
        match self.due {
            Some((begin_ms, _)) => Some(begin_ms),
            None => None,
        }
    }
}
