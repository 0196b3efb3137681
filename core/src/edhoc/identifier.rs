//! Connection identifiers (RFC 9528 §3.3).

use crate::bytes::{Writer, copy};
use crate::cbor::{self, Decoder, Kind};
use crate::error::{Error, Result};

/// A connection identifier, 1 to 4 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId {
    length: u8,
    bytes: [u8; ConnectionId::MAX],
}

impl ConnectionId {
    /// The longest identifier in bytes (`docs/PROTOCOL.md` §3).
    pub const MAX: usize = 4;

    /// None: what a place holds before there is one.
    #[cfg(feature = "device")]
    pub(crate) const NONE: Self = ConnectionId { length: 0, bytes: [0; Self::MAX] };

    /// Error: `InvalidArgument` for an empty identifier or more than [`MAX`](Self::MAX) bytes.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        let mut identifier = ConnectionId { length: bytes.len() as u8, bytes: [0; Self::MAX] };
        if bytes.is_empty() {
            return Err(Error::InvalidArgument);
        }
        copy(identifier.bytes.get_mut(..bytes.len()).ok_or(Error::InvalidArgument)?, bytes);
        Ok(identifier)
    }

    /// The raw bytes, as they stand in frames.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Writes the form inside EDHOC messages and contexts: the bytes that are a one-byte CBOR integer as they are, others as
    /// a byte string (RFC 9528 §3.3.2).
    pub(crate) fn write(&self, w: &mut Writer<'_>) -> Result<()> {
        match self.as_bytes() {
            integer @ [0x00..=0x17 | 0x20..=0x37] => w.put(integer),
            bytes => cbor::write_bytes(w, bytes),
        }
    }

    /// Takes that form. Errors: `Malformed` (also for lengths that the protocol does not have), `NotDeterministic` (a byte string
    /// that had to be an integer).
    pub(crate) fn read(d: &mut Decoder<'_>) -> Result<Self> {
        match d.kind()? {
            Kind::Uint | Kind::Nint => Self::new(d.small_int()?),
            Kind::Bytes => match d.bytes()? {
                [0x00..=0x17 | 0x20..=0x37] => Err(Error::NotDeterministic),
                bytes => Self::new(bytes).map_err(|_| Error::Malformed),
            },
            _ => Err(Error::Malformed),
        }
    }
}
