//! The first bytes of a CAN frame's data, which ISO 15765-2 calls protocol control information, and the frame's size.

use crate::bytes::{Reader, Writer};
use crate::error::{Error, Result};

/// Most data bytes of a CAN FD frame.
pub const LONGEST: usize = 64;
/// Data bytes that a CAN FD frame may have beyond 8 (its DLC codes nothing between).
const SIZES: [usize; 7] = [12, 16, 20, 24, 32, 48, LONGEST];
/// Data bytes of a CAN 2.0 frame.
const CLASSIC: usize = 8;
/// Longest length that a first frame gives in 12 bits.
const SHORT: u32 = 0xfff;
/// Fills CAN FD frames up to the next size when no byte was chosen, as ISO 15765-2 recommends: few stuff bits.
const FILL: u8 = 0xcc;

const SINGLE: u8 = 0;
const FIRST: u8 = 1;
const CONSECUTIVE: u8 = 2;
const FLOW: u8 = 3;

/// What the receiver tells the sender of a frame in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Status {
    Continue = 0,
    Wait = 1,
    Overflow = 2,
}

/// The data of a CAN frame, parsed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pci<'a> {
    /// A whole frame.
    Single(&'a [u8]),
    /// The length of a frame, its first bytes, and how many each further piece has.
    First { length: u32, data: &'a [u8], piece: u8 },
    /// A further piece and its number modulo 16; padding is still on it.
    Consecutive { number: u8, data: &'a [u8] },
    /// Flow control, with block size and STmin.
    Flow { status: Status, block: u8, separation: u8 },
}

/// True for sizes that senders of frames in pieces can fill: 8 and those of CAN FD.
pub(super) fn is_full_size(size: usize) -> bool {
    size == CLASSIC || SIZES.contains(&size)
}

/// Longest frame that goes into one CAN frame of up to `size` bytes.
pub(super) const fn single_limit(size: usize) -> usize {
    if size > CLASSIC { size.saturating_sub(2) } else { CLASSIC.saturating_sub(1) }
}

/// Parses what came in one CAN frame. Error: [`Error::Malformed`] for everything the standard says to ignore.
pub(super) fn parse(data: &[u8]) -> Result<Pci<'_>> {
    if data.len() > LONGEST {
        return Err(Error::Malformed);
    }
    let mut reader = Reader::new(data);
    let head = reader.u8()?;
    let low = head & 15;
    match head >> 4 {
        SINGLE => {
            // Beyond 8 bytes the length has a byte of its own, and the four bits are zero.
            let escaped = data.len() > CLASSIC;
            if escaped && low != 0 {
                return Err(Error::Malformed);
            }
            let length = if escaped { reader.u8()? } else { low };
            let frame = reader.take(length.into())?;
            if frame.is_empty() { Err(Error::Malformed) } else { Ok(Pci::Single(frame)) }
        }
        FIRST => {
            let length = u32::from(low) << 8 | u32::from(reader.u8()?);
            let (length, long_enough) = match usize::try_from(length) {
                Ok(0) => {
                    let length = u32::from_be_bytes(reader.array()?);
                    (length, length > SHORT)
                }
                short => (length, short.is_ok_and(|length| length > single_limit(data.len()))),
            };
            match u8::try_from(data.len().saturating_sub(1)) {
                Ok(piece) if long_enough && is_full_size(data.len()) => Ok(Pci::First { length, data: reader.rest(), piece }),
                _ => Err(Error::Malformed),
            }
        }
        CONSECUTIVE => Ok(Pci::Consecutive { number: low, data: reader.rest() }),
        FLOW => {
            let status = match low {
                0 => Status::Continue,
                1 => Status::Wait,
                2 => Status::Overflow,
                _ => return Err(Error::Malformed),
            };
            Ok(Pci::Flow { status, block: reader.u8()?, separation: reader.u8()? })
        }
        _ => Err(Error::Malformed),
    }
}

/// Writes the head of a single frame.
pub(super) fn single(out: &mut Writer<'_>, length: usize) -> Result<()> {
    let length = u8::try_from(length).map_err(|_| Error::Internal)?;
    if usize::from(length) < CLASSIC { out.u8(SINGLE << 4 | length) } else { out.put(&[SINGLE << 4, length]) }
}

/// Writes the head of a first frame.
pub(super) fn first(out: &mut Writer<'_>, length: usize) -> Result<()> {
    let length = u32::try_from(length).map_err(|_| Error::Internal)?;
    let [a, b, c, d] = length.to_be_bytes();
    if length <= SHORT { out.put(&[FIRST << 4 | c, d]) } else { out.put(&[FIRST << 4, 0, a, b, c, d]) }
}

/// Writes the head of a consecutive frame.
pub(super) fn consecutive(out: &mut Writer<'_>, number: u8) -> Result<()> {
    out.u8(CONSECUTIVE << 4 | number & 15)
}

/// Writes flow control.
pub(super) fn flow(out: &mut Writer<'_>, status: Status, block: u8, separation: u8) -> Result<()> {
    out.put(&[FLOW << 4 | status as u8, block, separation])
}

/// Pads to a size that a CAN frame can have, or to at least 8 bytes if a byte for it was chosen; gives the length.
pub(super) fn pad(mut out: Writer<'_>, padding: Option<u8>) -> Result<usize> {
    let have = out.len();
    let size = match SIZES.iter().find(|size| **size >= have) {
        _ if have <= CLASSIC => padding.map_or(have, |_| CLASSIC),
        found => *found.ok_or(Error::Internal)?,
    };
    out.reserve(size.saturating_sub(have))?.fill(padding.unwrap_or(FILL));
    Ok(size)
}

/// Milliseconds from one consecutive frame to the next that keep STmin. Times are counted in whole milliseconds, and the first of them may be
/// almost over, so it is one more than asked for. What the standard reserves counts as the longest, 127 ms.
pub(super) const fn gap(separation: u8) -> u8 {
    match separation {
        0 => 0,
        1..=0x7f => separation.saturating_add(1),
        0xf1..=0xf9 => 2,
        _ => 128,
    }
}

/// True for values of STmin that are not reserved.
pub(super) const fn is_separation(value: u8) -> bool {
    matches!(value, 0..=0x7f | 0xf1..=0xf9)
}
