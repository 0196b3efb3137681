//! RS-485.

use super::framing::{give, sealwire_link_counters, transmit};
use crate::memory::{Output, buffers, bytes, record};
use crate::placed::{Opaque, call, get, put};
use sealwire_core::link::rs485::{Config, Controller, Device, encoded_len};

/// The end of an RS-485 bus that polls. The members are the library's. It needs no closing, and must not be moved.
#[repr(C)]
pub struct sealwire_rs485_controller {
    /// Private.
    pub opaque: [u64; 38],
}

/// A device on an RS-485 bus. The members are the library's. It needs no closing, and must not be moved.
#[repr(C)]
pub struct sealwire_rs485_device {
    /// Private.
    pub opaque: [u64; 22],
}

/// An RS-485 bus; the same at all its ends. A member that is 0 means its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_rs485_config {
    /// Bits per second, 300 at least. 0: 115,200.
    pub baud: u32,
    /// Longest frame of any device. 0: 1024.
    pub longest: u16,
    /// Milliseconds for which the bus is silent before another end speaks. 0: 1.
    pub turnaround_ms: u16,
    /// Milliseconds in which a device begins its answer, or gives none; more than the turnaround. 0: 20.
    pub window_ms: u16,
    /// How often the controller repeats a poll. 0: 3; 255: never.
    pub retries: u8,
}

impl sealwire_rs485_config {
    fn config(self) -> Config {
        let or = |value: u16, otherwise: u16| if value == 0 { otherwise } else { value };
        Config {
            baud: if self.baud == 0 { Config::DEFAULT.baud } else { self.baud },
            longest: or(self.longest, Config::DEFAULT.longest),
            turnaround_ms: or(self.turnaround_ms, Config::DEFAULT.turnaround_ms),
            window_ms: or(self.window_ms, Config::DEFAULT.window_ms),
            retries: match self.retries {
                0 => Config::DEFAULT.retries,
                u8::MAX => 0,
                retries => retries,
            },
        }
    }
}

// SAFETY: an array of integers.
unsafe impl Opaque for sealwire_rs485_controller {
    type Value = Controller<&'static mut [u8]>;
    const TAG: usize = 0x4843;
    const CALLS_BACK: bool = false;
}

// SAFETY: an array of integers.
unsafe impl Opaque for sealwire_rs485_device {
    type Value = Device<&'static mut [u8]>;
    const TAG: usize = 0x4844;
    const CALLS_BACK: bool = false;
}

/// Bytes that a transmission on the bus needs at most for a frame of `length` bytes.
#[unsafe(no_mangle)]
pub extern "C" fn sealwire_rs485_encoded_size(length: usize) -> usize {
    encoded_len(length)
}

/// Begins as the end that polls. Frames up to `tx_capacity` - 2 bytes can be sent, up to `rx_capacity` - 4 received; both buffers must stay, and
/// nothing else may use them. An end drives the bus only while it sends what sealwire_rs485_controller_poll_transmit() or its like gave.
///
/// Statuses: OK; INVALID_ARGUMENT.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_rs485_controller_init(
    controller: *mut sealwire_rs485_controller,
    config: *const sealwire_rs485_config,
    tx: *mut u8,
    tx_capacity: usize,
    rx: *mut u8,
    rx_capacity: usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask; the buffers stay.
    call(|| unsafe {
        let config = record(config)?.config();
        let (tx, rx) = buffers(tx, tx_capacity, rx, rx_capacity)?;
        put(controller, Controller::new(config, tx, rx)?)
    })
}

/// Asks the device at `address`, 1 to 127, and brings it a frame, which is copied and may be empty. Which device when is the caller's choice.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); BUSY (another poll waits for its answer); BUFFER_TOO_SMALL (longer
/// than `tx_capacity` - 2).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_rs485_controller_poll(
    controller: *mut sealwire_rs485_controller,
    address: u8,
    frame: *const u8,
    frame_length: usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe { get(controller)?.poll(address, bytes(frame, frame_length)?) })
}

/// Writes the bytes of the poll, or of its repetition, if it is to be sent now; `length` 0: nothing is. sealwire_rs485_encoded_size() says how many.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_rs485_controller_poll_transmit(
    controller: *mut sealwire_rs485_controller,
    now_ms: u64,
    data: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe { transmit(data, capacity, length, |out| get(controller)?.poll_transmit(now_ms, out)) })
}

/// Takes bytes from the bus up to the end of the answer to the poll under way, which ends it. `taken`: how many; call again with the rest. `address`: of the device
/// that answered, or 0. `frame`: its frame inside the receive buffer, to be used before the next call, or NULL if there was no answer; the
/// length is 0 if the answer has none.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_rs485_controller_handle(
    controller: *mut sealwire_rs485_controller,
    now_ms: u64,
    input: *const u8,
    input_length: usize,
    taken: *mut usize,
    address: *mut u8,
    frame: *mut *mut u8,
    frame_length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let (result, from) = (Output::new(taken)?, Output::new(address)?);
        let (place, length) = (Output::new(frame)?, Output::new(frame_length)?);
        let mut controller = get(controller)?;
        let (used, answer) = controller.handle(now_ms, bytes(input, input_length)?);
        result.write(used);
        from.write(answer.as_ref().map_or(0, |answer| answer.address));
        give(place, length, answer.map(|answer| answer.frame));
        Ok(())
    })
}

/// When to call sealwire_rs485_controller_handle_timeout() and ..._poll_transmit() though nothing comes: a moment on the clock of now_ms; UINT64_MAX if no poll
/// is under way.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_rs485_controller_poll_timeout(controller: *mut sealwire_rs485_controller, due_ms: *mut u64) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        Output::new(due_ms)?.write(get(controller)?.poll_timeout().unwrap_or(u64::MAX));
        Ok(())
    })
}

/// When the answer did not come in time: sets up the repetition (`silent` 0), or gives the poll up (`silent`: the device's address).
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_rs485_controller_handle_timeout(
    controller: *mut sealwire_rs485_controller,
    now_ms: u64,
    silent: *mut u8,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let result = Output::new(silent)?;
        result.write(get(controller)?.handle_timeout(now_ms).unwrap_or(0));
        Ok(())
    })
}

/// What a controller has received. `expired` counts the polls that were given up.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_rs485_controller_counters(
    controller: *mut sealwire_rs485_controller,
    counters: *mut sealwire_link_counters,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        Output::new(counters)?.write(get(controller)?.counters().into());
        Ok(())
    })
}

/// Begins as the device at `address`, 1 to 127; the rest is as in sealwire_rs485_controller_init().
///
/// Statuses: OK; INVALID_ARGUMENT.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_rs485_device_init(
    device: *mut sealwire_rs485_device,
    config: *const sealwire_rs485_config,
    address: u8,
    tx: *mut u8,
    tx_capacity: usize,
    rx: *mut u8,
    rx_capacity: usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask; the buffers stay.
    call(|| unsafe {
        let config = record(config)?.config();
        let (tx, rx) = buffers(tx, tx_capacity, rx, rx_capacity)?;
        put(device, Device::new(config, address, tx, rx)?)
    })
}

/// Takes a frame, and copies it; the answer to the next poll carries it.
///
/// Statuses: OK; INVALID_ARGUMENT (also: empty frame); WRONG_STATE (not initialised, or moved); BUSY (the controller has not got the frame before);
/// BUFFER_TOO_SMALL (longer than `tx_capacity` - 2, or than the bus allows).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_rs485_device_send(device: *mut sealwire_rs485_device, frame: *const u8, frame_length: usize) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe { get(device)?.send(bytes(frame, frame_length)?) })
}

/// Takes bytes from the bus up to the end of a poll that brings a frame. `taken`: how many; call again with the rest. `frame`: inside the receive buffer, to be
/// used before the next call, or NULL.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_rs485_device_handle(
    device: *mut sealwire_rs485_device,
    now_ms: u64,
    input: *const u8,
    input_length: usize,
    taken: *mut usize,
    frame: *mut *mut u8,
    frame_length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let (result, place, length) = (Output::new(taken)?, Output::new(frame)?, Output::new(frame_length)?);
        let mut device = get(device)?;
        let (used, found) = device.handle(now_ms, bytes(input, input_length)?);
        result.write(used);
        give(place, length, found);
        Ok(())
    })
}

/// Writes the bytes of the answer to the last poll, if it is to be sent now; `length` 0: nothing is. Call it after
/// sealwire_rs485_device_handle(), and when sealwire_rs485_device_poll_timeout() is due: an answer that is late is not sent.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_rs485_device_poll_transmit(
    device: *mut sealwire_rs485_device,
    now_ms: u64,
    data: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe { transmit(data, capacity, length, |out| get(device)?.poll_transmit(now_ms, out)) })
}

/// When the answer is to be sent: a moment on the clock of now_ms; UINT64_MAX if none is owed.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_rs485_device_poll_timeout(device: *mut sealwire_rs485_device, due_ms: *mut u64) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        Output::new(due_ms)?.write(get(device)?.poll_timeout().unwrap_or(u64::MAX));
        Ok(())
    })
}

/// What a device has received. `expired` counts the answers that were not sent because it was too late.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_rs485_device_counters(device: *mut sealwire_rs485_device, counters: *mut sealwire_link_counters) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        Output::new(counters)?.write(get(device)?.counters().into());
        Ok(())
    })
}
