//! SPI: exchanges of blocks of one fixed size, both ways at once (PROTOCOL §7).
//!
//! | bytes | meaning |
//! | --- | --- |
//! | 1 | 0xa5, by which a block differs from idle lines |
//! | 1 | sequence number: one more than in the sender's block before, modulo 256 |
//! | 2 | big-endian: bit 15 set in a frame's first block, bit 14 in its last; below, the length of the piece |
//! | n | a piece of the frame, then zeros |
//! | 2 | CRC-16/IBM-3740 of everything before, big-endian |
//!
//! A block of 0xff, or of 0x00 as a line reads that nobody drives, is idle. The controller makes an exchange only while the device's ready line is high; the
//! device raises it when its next block is armed, and lowers it from the first bit of an exchange until the next one is armed. The controller
//! makes an exchange whenever it has something to send, and at times of its own choice to ask; a device with a second line may tell that it has
//! something to send. Chip select frames an exchange. Where the device's hardware misses that, blocks come shifted and are found all the same.

#[cfg(test)]
mod tests;

use super::uart::{crc16, crc16_on};
use super::{Counters, count};
use crate::bytes::{Writer, copy};
use crate::error::{Error, Result};

/// What a block costs beside its piece.
pub const OVERHEAD: usize = HEAD + CRC;
/// Smallest block.
pub const SMALLEST: usize = 8;
/// Largest block.
pub const LARGEST: usize = 4096;
/// What an end sends that has nothing to send.
pub const IDLE: u8 = 0xff;

const HEAD: usize = 4;
const CRC: usize = 2;
const START: u8 = 0xa5;
const FIRST: u16 = 0x8000;
const LAST: u16 = 0x4000;
/// The bits of both in the first byte of their field.
const HIGHEST: u8 = 0xc0;

/// One end of an SPI link; both ends are the same. `B` is memory: `&mut [u8]`, an array or a vector.
#[derive(Debug)]
pub struct Exchange<B> {
    size: usize,
    sender: Sender<B>,
    /// One block that was no good as it came, then the frame under way.
    buffer: B,
    receiver: Receiver,
    /// The first part of `buffer` holds a block.
    held: bool,
    counters: Counters,
}

#[derive(Debug)]
struct Sender<B> {
    frame: B,
    length: usize,
    sent: usize,
    sequence: u8,
}

#[derive(Debug, Default)]
struct Receiver {
    /// Sequence number and checksum of the last block; a block that equals it was clocked out twice.
    before: Option<(u8, [u8; CRC])>,
    used: usize,
    open: bool,
}

struct Block<'a> {
    sequence: u8,
    first: bool,
    last: bool,
    piece: &'a [u8],
    crc: [u8; CRC],
}

fn parse(bytes: &[u8]) -> Option<Block<'_>> {
    let (checked, crc) = bytes.split_last_chunk::<CRC>()?;
    let ([START, sequence, high, low], rest) = checked.split_first_chunk::<HEAD>()? else { return None };
    let field = u16::from_be_bytes([*high, *low]);
    let piece = rest.get(..(field & !(FIRST | LAST)).into())?;
    if piece.is_empty() || crc16(checked) != u16::from_be_bytes(*crc) {
        return None;
    }
    Some(Block { sequence: *sequence, first: field & FIRST != 0, last: field & LAST != 0, piece, crc: *crc })
}

/// The block that begins inside `kept` and ends inside `block`, if there is one; `kept` then holds it.
fn join<'k>(kept: &'k mut [u8], block: &[u8]) -> Option<Block<'k>> {
    let shift = (1..kept.len()).find(|shift| {
        let (Some(front), Some(back)) = (kept.get(*shift..), block.get(..*shift)) else { return false };
        let mut head = front.iter().chain(back);
        // Cheap tests first. A checksum over a block and its checksum is 0.
        head.next() == Some(&START)
            && head.nth(1).is_some_and(|high| usize::from(*high & !HIGHEST) << 8 < kept.len())
            && crc16_on(crc16(front), back) == 0
    })?;
    let (end, back) = (kept.len().checked_sub(shift)?, block.get(..shift)?);
    kept.copy_within(shift.., 0);
    copy(kept.get_mut(end..)?, back);
    parse(kept)
}

fn is_idle(block: &[u8]) -> bool {
    [IDLE, 0].iter().any(|idle| block.iter().all(|byte| byte == idle))
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Exchange<B> {
    /// Blocks of `size` bytes. Sends frames as long as `tx`, receives frames as long as `rx` less one block. Error: [`Error::InvalidArgument`] for a size outside
    /// 8 to 4096, or no room for a frame.
    pub fn new(size: usize, tx: B, rx: B) -> Result<Self> {
        if !(SMALLEST..=LARGEST).contains(&size) || tx.as_ref().is_empty() || rx.as_ref().len() <= size {
            return Err(Error::InvalidArgument);
        }
        let sender = Sender { frame: tx, length: 0, sent: 0, sequence: 0 };
        Ok(Exchange { size, sender, buffer: rx, receiver: Receiver::default(), held: false, counters: Counters::default() })
    }

    /// What has been received. `malformed` and `overlong` count blocks, `lost` gaps in the sequence.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// True while blocks of a frame remain to be exchanged: [`Exchange::send`] would be busy, and the controller should make an exchange, or the
    /// device say that it wants one.
    pub const fn is_sending(&self) -> bool {
        self.sender.sent < self.sender.length
    }

    /// Takes a frame to be sent. Errors: [`Error::InvalidArgument`] (empty), [`Error::Busy`] (the one before is under way),
    /// [`Error::BufferTooSmall`] (longer than the memory for it).
    pub fn send(&mut self, frame: &[u8]) -> Result<()> {
        if frame.is_empty() {
            return Err(Error::InvalidArgument);
        }
        if self.is_sending() {
            return Err(Error::Busy);
        }
        copy(self.sender.frame.as_mut().get_mut(..frame.len()).ok_or(Error::BufferTooSmall)?, frame);
        (self.sender.length, self.sender.sent) = (frame.len(), 0);
        Ok(())
    }

    /// Writes the block to be sent in the next exchange: a piece of the frame under way, or idle. Each call takes the next piece, so that a device
    /// calls it when it arms its hardware, once for each exchange. Error: [`Error::InvalidArgument`] if `out` is not as long as a block.
    pub fn poll_transmit(&mut self, out: &mut [u8]) -> Result<()> {
        if out.len() != self.size {
            return Err(Error::InvalidArgument);
        }
        if !self.is_sending() {
            out.fill(IDLE);
            return Ok(());
        }
        let sent = self.sender.sent;
        let end = sent.saturating_add(self.size.saturating_sub(OVERHEAD)).min(self.sender.length);
        let piece = self.sender.frame.as_ref().get(sent..end).ok_or(Error::Internal)?;
        let mut field = u16::try_from(piece.len()).map_err(|_| Error::Internal)?;
        field |= if sent == 0 { FIRST } else { 0 } | if end == self.sender.length { LAST } else { 0 };
        out.fill(0);
        let (checked, crc) = out.split_last_chunk_mut::<CRC>().ok_or(Error::Internal)?;
        let mut writer = Writer::new(checked);
        writer.put(&[START, self.sender.sequence])?;
        writer.put(&field.to_be_bytes())?;
        writer.put(piece)?;
        *crc = crc16(checked).to_be_bytes();
        self.sender.sent = end;
        self.sender.sequence = self.sender.sequence.wrapping_add(1);
        Ok(())
    }

    /// Takes the block that an exchange received; gives the frame that it completes, which may be used until the next call. A block of another length is
    /// malformed. One that is not whole is kept, since the next may hold the rest of it.
    pub fn handle_block(&mut self, block: &[u8]) -> Option<&mut [u8]> {
        let (kept, frame) = self.buffer.as_mut().split_at_mut_checked(self.size)?;
        if block.len() != self.size {
            self.held = false;
            count(&mut self.counters.malformed);
            return None;
        }
        if let Some(found) = parse(block) {
            self.held = false;
            return self.receiver.take(&found, frame, &mut self.counters);
        }
        let found = if self.held { join(kept, block) } else { None };
        let done = found.map(|found| self.receiver.take(&found, frame, &mut self.counters).map(|frame| frame.len()));
        copy(kept, block);
        self.held = !is_idle(block);
        if done.is_none() && self.held {
            count(&mut self.counters.malformed);
        }
        frame.get_mut(..done??)
    }
}

impl Receiver {
    fn take<'b>(&mut self, block: &Block<'_>, buffer: &'b mut [u8], counters: &mut Counters) -> Option<&'b mut [u8]> {
        let now = (block.sequence, block.crc);
        if self.before == Some(now) {
            return None;
        }
        let follows = self.before.is_none_or(|(sequence, _)| sequence.wrapping_add(1) == block.sequence);
        self.before = Some(now);
        // A frame that begins where another should go on ends that one, as a gap does.
        if !follows || block.first && self.open {
            count(&mut counters.lost);
            self.open = false;
        }
        if block.first {
            (self.open, self.used) = (true, 0);
        }
        if !self.open {
            return None;
        }
        let end = self.used.saturating_add(block.piece.len());
        let Some(place) = buffer.get_mut(self.used..end) else {
            count(&mut counters.overlong);
            self.open = false;
            return None;
        };
        copy(place, block.piece);
        self.used = end;
        if !block.last {
            return None;
        }
        self.open = false;
        count(&mut counters.frames);
        buffer.get_mut(..end)
    }
}
