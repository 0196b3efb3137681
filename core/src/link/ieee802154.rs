//! IEEE 802.15.4: fragments as the payload of data frames (PROTOCOL §7).
//!
//! The MAC header, its security and the checksum are the radio driver's. A fragment's first byte is below 64, which 6LoWPAN stacks on the same PAN
//! know as not theirs (RFC 4944 §5.1, NALP).

use super::fragment::Fragmenter;
use crate::error::{Error, Result};

/// Bytes that the longest MAC header with AES-CCM-128 leaves of 127 (RFC 4944 §4).
pub const PAYLOAD: usize = 81;

/// Cuts frames for MAC payloads of up to `payload` bytes. Error: [`Error::InvalidArgument`] above [`PAYLOAD`] or below 3.
pub const fn fragmenter(payload: usize) -> Result<Fragmenter> {
    if payload > PAYLOAD {
        return Err(Error::InvalidArgument);
    }
    Fragmenter::new(payload)
}

/// The sender's number for a short address in a PAN. An extended address is the number itself.
pub const fn short_sender(pan: u16, address: u16) -> u64 {
    (pan as u64) << 16 | address as u64
}
