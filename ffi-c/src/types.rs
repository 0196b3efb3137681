//! Small types that several calls share.

use crate::key::{SEALWIRE_CURVE_P256, SEALWIRE_CURVE_X25519};
use sealwire_core::crypto::Curve;
use sealwire_core::error::{Error, Result};

/// Bytes somewhere in memory. They belong to whoever provides them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_bytes {
    /// The first byte; may be NULL when `length` is 0.
    pub data: *const u8,
    /// Number of bytes.
    pub length: usize,
}

impl sealwire_bytes {
    pub(crate) const EMPTY: Self = sealwire_bytes { data: core::ptr::null(), length: 0 };

    /// Bytes shown to C; NULL if there are none.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        sealwire_bytes { data: if bytes.is_empty() { core::ptr::null() } else { bytes.as_ptr() }, length: bytes.len() }
    }
}

/// Length of a thumbprint: the identity of a key (first 16 bytes of its RFC 9679 thumbprint).
pub const SEALWIRE_THUMBPRINT_SIZE: usize = 16;

/// Longest inbox name.
pub const SEALWIRE_INBOX_MAX: usize = 16;

/// The curve with this number.
pub(crate) fn curve_from(number: i32) -> Result<Curve> {
    match number {
        SEALWIRE_CURVE_X25519 => Ok(Curve::X25519),
        SEALWIRE_CURVE_P256 => Ok(Curve::P256),
        _ => Err(Error::InvalidArgument),
    }
}
