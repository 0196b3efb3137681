//! The clear part of a record (PROTOCOL §5.2).
//!
//! ```text
//! 0 1 p a x n n n | kid: recipient's identifier, 1..4 bytes | Partial IV, n+1 bytes
//! ```

use crate::bytes::{Reader, Writer};
use crate::edhoc::ConnectionId;
use crate::error::{Error, Result};

/// Longest header in bytes: flags, 4 bytes of identifier, 5 of Partial IV.
pub const MAX_HEADER: usize = 10;
/// Partial IVs stay below this (RFC 8613 §7.2.1).
pub const PARTIAL_IV_LIMIT: u64 = 1 << 40;

const RECORD: u8 = 0x40;
const TYPE_MASK: u8 = 0xc0;
const PHASE: u8 = 0x20;
const CONFIRMABLE: u8 = 0x10;
const OPTIONS: u8 = 0x08;
const LENGTH: u8 = 0x07;

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Lowest bit of the key epoch.
    pub phase: bool,
    /// The message carries a number and wants an acknowledgement.
    pub confirmable: bool,
    /// An option map is present.
    pub options: bool,
    /// The identifier that the recipient chose.
    pub recipient: ConnectionId,
    /// The Partial IV, below 2^40.
    pub partial_iv: u64,
}

impl Header {
    /// Reads the header of `frame`, whose recipient has identifiers of `identifier_len` bytes (1 to 4).
    ///
    /// Errors: [`Error::Malformed`] for another frame type, too few bytes, or a Partial IV that is not in shortest form;
    /// [`Error::InvalidArgument`] for an `identifier_len` outside 1..4.
    pub fn parse(frame: &[u8], identifier_len: usize) -> Result<Header> {
        if !(1..=4).contains(&identifier_len) {
            return Err(Error::InvalidArgument);
        }
        let mut reader = Reader::new(frame);
        let flags = reader.u8()?;
        if flags & TYPE_MASK != RECORD {
            return Err(Error::Malformed);
        }
        let recipient = ConnectionId::new(reader.take(identifier_len)?)?;
        let extra = flags & LENGTH;
        if extra > 4 {
            return Err(Error::Malformed);
        }
        let bytes = reader.take(usize::from(extra).saturating_add(1))?;
        if extra > 0 && bytes.first() == Some(&0) {
            return Err(Error::Malformed);
        }
        let partial_iv = bytes.iter().fold(0, |value: u64, byte| value << 8 | u64::from(*byte));
        Ok(Header {
            phase: flags & PHASE != 0,
            confirmable: flags & CONFIRMABLE != 0,
            options: flags & OPTIONS != 0,
            recipient,
            partial_iv,
        })
    }

    /// Length of the header in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.recipient.as_bytes().len().saturating_add(partial_iv_len(self.partial_iv)).saturating_add(1)
    }

    /// Appends the header. Errors: [`Error::KeyExhausted`] for a Partial IV of 2^40 or more, [`Error::BufferTooSmall`].
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<()> {
        if self.partial_iv >= PARTIAL_IV_LIMIT {
            return Err(Error::KeyExhausted);
        }
        let length = partial_iv_len(self.partial_iv);
        let mut flags = RECORD | (length.saturating_sub(1) as u8 & LENGTH);
        flags |= if self.phase { PHASE } else { 0 };
        flags |= if self.confirmable { CONFIRMABLE } else { 0 };
        flags |= if self.options { OPTIONS } else { 0 };
        writer.u8(flags)?;
        writer.put(self.recipient.as_bytes())?;
        let bytes = self.partial_iv.to_be_bytes();
        writer.put(bytes.get(bytes.len().saturating_sub(length)..).unwrap_or_default())
    }
}

/// Bytes of a Partial IV in shortest form, 1 to 5.
fn partial_iv_len(partial_iv: u64) -> usize {
    let bits = 64_u32.saturating_sub(partial_iv.leading_zeros());
    (bits.div_ceil(8) as usize).max(1)
}
