//! SPI.

use super::framing::{give, sealwire_link_counters};
use crate::memory::{Output, buffers, bytes, bytes_mut};
use crate::placed::{Opaque, call, get, put};
use sealwire_core::link::spi::Exchange;

/// One end of an SPI link; controller and device are the same. The members are the library's. It needs no closing, and must not be moved.
#[repr(C)]
pub struct sealwire_spi {
    /// Private.
    pub opaque: [u64; 18],
}

// SAFETY: an array of integers.
unsafe impl Opaque for sealwire_spi {
    type Value = Exchange<&'static mut [u8]>;
    const TAG: usize = 0x5350;
    const CALLS_BACK: bool = false;
}

/// Begins with blocks of `size` bytes, 8 to 4096, the same at both ends. Frames as long as `tx_capacity` can be sent, and as long as `rx_capacity` - `size` received;
/// both buffers must stay, and nothing else may use them.
///
/// The contract of the wires: chip select frames each exchange of `size` bytes, both ways at once. A ready line goes from the device to the controller. The device
/// raises it when its next block, from sealwire_spi_poll_transmit(), is armed, and lowers it from the first bit of the exchange until the next
/// one is armed. The controller begins an exchange only while the line is high: when it has something to send, and otherwise as often as it
/// wants to ask. Each end hands what it received to sealwire_spi_handle_block().
///
/// Statuses: OK; INVALID_ARGUMENT (also: a size outside its range, no room for a frame).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_spi_init(
    spi: *mut sealwire_spi,
    size: usize,
    tx: *mut u8,
    tx_capacity: usize,
    rx: *mut u8,
    rx_capacity: usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask; the buffers stay.
    call(|| unsafe {
        let (tx, rx) = buffers(tx, tx_capacity, rx, rx_capacity)?;
        put(spi, Exchange::new(size, tx, rx)?)
    })
}

/// Takes a frame to be sent, and copies it.
///
/// Statuses: OK; INVALID_ARGUMENT (also: empty frame); WRONG_STATE (not initialised, or moved); BUSY (blocks of the frame before remain);
/// BUFFER_TOO_SMALL (longer than `tx_capacity`).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_spi_send(spi: *mut sealwire_spi, frame: *const u8, frame_length: usize) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe { get(spi)?.send(bytes(frame, frame_length)?) })
}

/// 1 while blocks of a frame remain: the controller should make an exchange.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_spi_is_sending(spi: *mut sealwire_spi, sending: *mut u8) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        Output::new(sending)?.write(get(spi)?.is_sending().into());
        Ok(())
    })
}

/// Writes the block for the next exchange, idle if there is nothing to send. `size`: that of sealwire_spi_init(). Each call takes the next block: call
/// it once for each exchange.
///
/// Statuses: OK; INVALID_ARGUMENT (also: another size); WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_spi_poll_transmit(spi: *mut sealwire_spi, block: *mut u8, size: usize) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe { get(spi)?.poll_transmit(bytes_mut(block, size)?) })
}

/// Takes the block that an exchange received. `frame`: the frame that it completes, inside the receive buffer, to be used before the next call, or
/// NULL. Idle blocks and repeated ones are ignored; what is damaged is dropped and counted, and so is a block of another size.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_spi_handle_block(
    spi: *mut sealwire_spi,
    block: *const u8,
    size: usize,
    frame: *mut *mut u8,
    frame_length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let (place, length) = (Output::new(frame)?, Output::new(frame_length)?);
        let mut spi = get(spi)?;
        give(place, length, spi.handle_block(bytes(block, size)?));
        Ok(())
    })
}

/// What has been received. `malformed` and `overlong` count blocks, `lost` gaps in their sequence.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_spi_counters(spi: *mut sealwire_spi, counters: *mut sealwire_link_counters) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        Output::new(counters)?.write(get(spi)?.counters().into());
        Ok(())
    })
}
