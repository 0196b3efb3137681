//! Bluetooth Low Energy: fragments in ATT values, by writes without response to the peripheral and notifications from it (PROTOCOL §7).
//!
//! The peripheral is the device and offers one GATT service with two characteristics. The link layer repeats and checks; fragments still get lost where
//! a host's queue is full. A sender is a connection: its handle, or the peer's address.

use super::fragment::Fragmenter;
use crate::error::{Error, Result};

/// Value size with the ATT MTU that every peer has, 23.
pub const PAYLOAD_MIN: usize = 20;
/// Longest value of an attribute.
pub const PAYLOAD_MAX: usize = 512;
/// Bytes of an ATT write command or notification in front of the value.
pub const ATT_HEAD: usize = 3;

/// UUID of the service.
pub const SERVICE: u128 = 0xd848_2160_d38a_4f04_9485_e012_7ffa_947a;
/// UUID of the characteristic that the central writes without response.
pub const TO_DEVICE: u128 = 0xd848_2161_d38a_4f04_9485_e012_7ffa_947a;
/// UUID of the characteristic that notifies the central.
pub const FROM_DEVICE: u128 = 0xd848_2162_d38a_4f04_9485_e012_7ffa_947a;

/// Value size for a negotiated ATT MTU.
pub const fn payload(mtu: usize) -> usize {
    let payload = mtu.saturating_sub(ATT_HEAD);
    if payload > PAYLOAD_MAX { PAYLOAD_MAX } else { payload }
}

/// Cuts frames for values of up to `payload` bytes. Error: [`Error::InvalidArgument`] outside 20 to 512.
pub const fn fragmenter(payload: usize) -> Result<Fragmenter> {
    if payload < PAYLOAD_MIN || payload > PAYLOAD_MAX {
        return Err(Error::InvalidArgument);
    }
    Fragmenter::new(payload)
}
