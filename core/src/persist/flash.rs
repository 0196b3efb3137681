//! A store on raw flash that survives a power cut at any moment.
//!
//! Each key has two slots of whole erase blocks. A save writes the data into the empty slot, then its header, and then erases the other
//! slot. So there is always one good slot, and two only while a save runs, when the higher sequence number counts:
//!
//! ```text
//! power fails while ...      data is written    header is written    old slot is erased
//! found afterwards           old                old or new           new
//! ```
//!
//! The old slot is erased at once rather than at the next save for two reasons. It holds keys. And if the new slot is damaged years
//! later, falling back to the old one would bring back Partial IVs that are used up; this way the damage shows as
//! [`Error::CorruptState`] and costs a handshake.

use super::Store;
use crate::bytes::{Reader, Writer, copy};
use crate::error::{Error, Result};
use zeroize::Zeroizing;

/// Port: raw flash. Addresses and lengths in bytes.
pub trait Flash {
    /// Reads `out.len()` bytes from `address`. Error: [`Error::StorageFailed`].
    fn read(&mut self, address: u32, out: &mut [u8]) -> Result<()>;

    /// Erases whole blocks. Error: [`Error::StorageFailed`].
    fn erase(&mut self, address: u32, length: u32) -> Result<()>;

    /// Programs erased bytes; `address` and length are multiples of [`Layout::unit`]. Durable when it returns. Error: [`Error::StorageFailed`].
    fn write(&mut self, address: u32, data: &[u8]) -> Result<()>;
}

/// Where the store lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// First byte; start of an erase block.
    pub base: u32,
    /// Bytes of a slot: whole erase blocks, at least 32 + the longest data. The store takes `2 * slot * keys` bytes.
    pub slot: u32,
    /// Keys are 0 to `keys - 1`.
    pub keys: u32,
    /// Bytes programmed at once: 1, 2, 4, 8, 16 or 32.
    pub unit: u32,
    /// What an erased byte reads as: 0xff on nearly all flash.
    pub erased: u8,
}

/// Bytes before the data: magic, sequence number, length, CRC of the data, CRC of these; the rest stays erased.
const HEADER: usize = 32;
const MAGIC: [u8; 4] = *b"SWs1";
/// Bytes read or written at once; erased from the stack, since they may be part of a key.
const CHUNK: usize = 32;

/// The store. Each save erases a block or two: choose the reserve ([`crate::record::Plan::ahead`]) by how often the flash stands that.
#[derive(Debug)]
pub struct TwoSlot<F> {
    flash: F,
    layout: Layout,
    resists_rollback: bool,
}

#[derive(Clone, Copy)]
struct Entry {
    address: u32,
    sequence: u32,
    length: u32,
}

/// What stands in a slot.
enum Slot {
    Good(Entry),
    /// The header is whole, so the data once was: it has been damaged since.
    Damaged,
    /// Nothing, or a save that did not come to its end.
    Vacant,
}

impl<F: Flash> TwoSlot<F> {
    /// A store on `flash`. `resists_rollback`: nobody can write an earlier image of this flash back
    /// (see [`Store::resists_rollback`]). Error: [`Error::InvalidArgument`] for a layout that cannot be.
    pub fn new(flash: F, layout: Layout, resists_rollback: bool) -> Result<Self> {
        let size = layout.slot.checked_mul(2).and_then(|pair| pair.checked_mul(layout.keys));
        let fits = size.and_then(|size| size.checked_add(layout.base)).is_some();
        let unit = layout.unit.is_power_of_two() && layout.unit as usize <= CHUNK;
        if !fits || !unit || layout.slot as usize <= HEADER || !layout.slot.is_multiple_of(layout.unit) {
            return Err(Error::InvalidArgument);
        }
        Ok(TwoSlot { flash, layout, resists_rollback })
    }

    /// Hands the flash back.
    pub fn into_flash(self) -> F {
        self.flash
    }

    /// Addresses of a key's slots.
    fn pair(&self, key: u32) -> Result<[u32; 2]> {
        if key >= self.layout.keys {
            return Err(Error::NoSpace);
        }
        let pair = self.layout.slot.saturating_mul(2).saturating_mul(key);
        let first = self.layout.base.saturating_add(pair);
        Ok([first, first.saturating_add(self.layout.slot)])
    }

    fn slot(&mut self, address: u32) -> Result<Slot> {
        let mut header = [0; HEADER];
        self.flash.read(address, &mut header)?;
        let mut reader = Reader::new(&header);
        let magic: [u8; 4] = reader.array()?;
        let [sequence, length, data_crc] = [reader.array()?, reader.array()?, reader.array()?].map(u32::from_be_bytes);
        let checked = header.get(..16).unwrap_or_default();
        if magic != MAGIC || crc32(START, checked) != u32::from_be_bytes(reader.array()?) {
            return Ok(Slot::Vacant);
        }
        if length > self.layout.slot.saturating_sub(HEADER as u32) {
            return Ok(Slot::Damaged);
        }
        let mut crc = START;
        let mut at = address.saturating_add(HEADER as u32);
        let mut left = length as usize;
        while left > 0 {
            let mut chunk = Zeroizing::new([0; CHUNK]);
            let part = chunk.get_mut(..left.min(CHUNK)).unwrap_or_default();
            self.flash.read(at, part)?;
            crc = crc32(crc, part);
            left = left.saturating_sub(part.len());
            at = at.saturating_add(CHUNK as u32);
        }
        Ok(if crc == data_crc { Slot::Good(Entry { address, sequence, length }) } else { Slot::Damaged })
    }

    /// The entry that counts. Error: [`Error::CorruptState`] if there was one and it is damaged.
    fn current(&mut self, slots: [u32; 2]) -> Result<Option<Entry>> {
        let [first, second] = slots;
        match (self.slot(first)?, self.slot(second)?) {
            (Slot::Good(a), Slot::Good(b)) => {
                // Sequence numbers wrap; only neighbours are ever compared.
                let second_is_newer = b.sequence.wrapping_sub(a.sequence) == 1;
                Ok(Some(if second_is_newer { b } else { a }))
            }
            // Beside a good slot a damaged one belongs to a save that never returned.
            (Slot::Good(entry), _) | (_, Slot::Good(entry)) => Ok(Some(entry)),
            (Slot::Damaged, _) | (_, Slot::Damaged) => Err(Error::CorruptState),
            (Slot::Vacant, Slot::Vacant) => Ok(None),
        }
    }

    /// Erases a slot unless every byte of it is erased.
    fn clear(&mut self, address: u32) -> Result<()> {
        let mut offset = 0;
        while offset < self.layout.slot {
            let left = self.layout.slot.saturating_sub(offset) as usize;
            let mut chunk = Zeroizing::new([0; CHUNK]);
            let part = chunk.get_mut(..left.min(CHUNK)).unwrap_or_default();
            self.flash.read(address.saturating_add(offset), part)?;
            if part.iter().any(|byte| *byte != self.layout.erased) {
                return self.flash.erase(address, self.layout.slot);
            }
            offset = offset.saturating_add(CHUNK as u32);
        }
        Ok(())
    }

    /// Writes whole units: the last chunk is filled up with erased bytes.
    fn write(&mut self, address: u32, data: &[u8]) -> Result<()> {
        let mut at = address;
        for part in data.chunks(CHUNK) {
            let mut chunk = Zeroizing::new([self.layout.erased; CHUNK]);
            copy(chunk.get_mut(..part.len()).ok_or(Error::Internal)?, part);
            let whole = part.len().checked_next_multiple_of(self.layout.unit as usize).ok_or(Error::Internal)?;
            self.flash.write(at, chunk.get(..whole).ok_or(Error::Internal)?)?;
            at = at.saturating_add(CHUNK as u32);
        }
        Ok(())
    }
}

impl<F: Flash> Store for TwoSlot<F> {
    fn load(&mut self, key: u32, out: &mut [u8]) -> Result<usize> {
        let slots = self.pair(key)?;
        let Some(entry) = self.current(slots)? else { return Ok(0) };
        let length = entry.length as usize;
        let out = out.get_mut(..length).ok_or(Error::BufferTooSmall)?;
        self.flash.read(entry.address.saturating_add(HEADER as u32), out)?;
        Ok(length)
    }

    fn save(&mut self, key: u32, data: &[u8]) -> Result<()> {
        let slots = self.pair(key)?;
        if data.len() > (self.layout.slot as usize).saturating_sub(HEADER) {
            return Err(Error::NoSpace);
        }
        let current = match self.current(slots) {
            // What is damaged is replaced.
            Err(Error::CorruptState) => None,
            other => other?,
        };
        let [first, second] = slots;
        let in_first = current.is_some_and(|entry| entry.address == first);
        let (target, other) = if in_first { (second, first) } else { (first, second) };
        let sequence = current.map_or(0, |entry| entry.sequence).wrapping_add(1);

        self.clear(target)?;
        self.write(target.saturating_add(HEADER as u32), data)?;
        let mut header = [self.layout.erased; HEADER];
        let mut writer = Writer::new(&mut header);
        writer.put(&MAGIC)?;
        for value in [sequence, data.len() as u32, crc32(START, data)] {
            writer.put(&value.to_be_bytes())?;
        }
        let crc = crc32(START, writer.written());
        writer.put(&crc.to_be_bytes())?;
        self.write(target, &header)?;

        match self.slot(target)? {
            Slot::Good(entry) if entry.sequence == sequence => self.clear(other),
            _ => Err(Error::StorageFailed),
        }
    }

    fn resists_rollback(&self) -> bool {
        self.resists_rollback
    }

    fn slots(&self) -> u32 {
        self.layout.keys
    }
}

/// State of [`crc32`] before the first byte.
const START: u32 = 0;

/// CRC-32/ISO-HDLC (the one of Ethernet and zip) continued over `bytes`.
#[inline(never)]
fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    !bytes
        .iter()
        .fold(!crc, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1))))
}

#[cfg(test)]
pub(super) fn crc32_of(bytes: &[u8]) -> u32 {
    crc32(START, bytes)
}
