//! ISO-TP over CAN 2.0 and CAN FD.

use super::framing::{give, sealwire_link_counters, transmit};
use crate::memory::{Output, buffers, bytes, record};
use crate::placed::{Opaque, call, get, put};
use sealwire_core::link::can::{Config, IsoTp, Sent};

/// Both directions between two CAN identifiers, by ISO 15765-2. The members are the library's. It needs no closing, and must not be moved.
#[repr(C)]
pub struct sealwire_isotp {
    /// Private.
    pub opaque: [u64; 22],
}

// SAFETY: an array of integers.
unsafe impl Opaque for sealwire_isotp {
    type Value = IsoTp<&'static mut [u8]>;
    const TAG: usize = 0x4943;
    const CALLS_BACK: bool = false;
}

/// How to talk over CAN; all zero is a good start for CAN 2.0. Both ends may differ in all of it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_isotp_config {
    /// Most data bytes of a CAN frame that is sent: 8 for CAN 2.0, and the meaning of 0; 12, 16, 20, 24, 32, 48 or 64 for CAN FD.
    pub size: u8,
    /// 1: every CAN frame is filled by `padding` to 8 bytes at least. 0: it is as short as CAN allows.
    pub pads: u8,
    /// The byte for that.
    pub padding: u8,
    /// Pieces that the peer may send before it waits for flow control again, BS: as many as the CAN controller can hold. 0: all of them.
    pub block_size: u8,
    /// Shortest time between the peer's pieces, STmin as on the wire: 0 to 127 ms; 0xf1 to 0xf9 for 100 to 900 us.
    pub separation: u8,
    /// Wait frames in a row that are sent (N_WFTmax) and borne. 0: 10.
    pub max_waits: u8,
    /// How long to wait for flow control (N_Bs) and for the next piece (N_Cr). 0: 1000.
    pub timeout_ms: u16,
}

impl sealwire_isotp_config {
    fn config(self) -> Config {
        let or = |value: u8, otherwise: u8| if value == 0 { otherwise } else { value };
        Config {
            size: or(self.size, Config::CLASSIC.size),
            padding: (self.pads != 0).then_some(self.padding),
            block_size: self.block_size,
            separation: self.separation,
            max_waits: or(self.max_waits, Config::CLASSIC.max_waits),
            timeout_ms: if self.timeout_ms == 0 { Config::CLASSIC.timeout_ms } else { self.timeout_ms },
        }
    }
}

/// What became of the frames that were sent over CAN. Counters stop at their highest value.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_isotp_sent {
    /// Frames whose last piece has left.
    pub frames: u32,
    /// Frames given up because no flow control came in time.
    pub expired: u32,
    /// Frames given up because the receiver has no room for them, or asked to wait too often.
    pub refused: u32,
}

impl From<Sent> for sealwire_isotp_sent {
    fn from(from: Sent) -> Self {
        sealwire_isotp_sent { frames: from.frames, expired: from.expired, refused: from.refused }
    }
}

/// Begins for one pair of CAN identifiers, one for each direction: what sealwire_isotp_poll_transmit() gives is sent under the one, and what comes
/// under the other, and nothing else, is handed to sealwire_isotp_handle_frame(). Frames as long as `tx_capacity` can be sent,
/// and as long as `rx_capacity` received; both buffers must stay, and nothing else may use them.
///
/// Statuses: OK; INVALID_ARGUMENT (also: a size or separation that is none).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_isotp_init(
    isotp: *mut sealwire_isotp,
    config: *const sealwire_isotp_config,
    tx: *mut u8,
    tx_capacity: usize,
    rx: *mut u8,
    rx_capacity: usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask; the buffers stay.
    call(|| unsafe {
        let config = record(config)?.config();
        let (tx, rx) = buffers(tx, tx_capacity, rx, rx_capacity)?;
        put(isotp, IsoTp::new(config, tx, rx)?)
    })
}

/// Takes a frame to be sent, and copies it. sealwire_isotp_poll_transmit() gives its pieces.
///
/// Statuses: OK; INVALID_ARGUMENT (also: empty frame); WRONG_STATE (not initialised, or moved); BUSY (the frame before is still under way);
/// BUFFER_TOO_SMALL (longer than `tx_capacity`).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_isotp_send(isotp: *mut sealwire_isotp, frame: *const u8, frame_length: usize) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe { get(isotp)?.send(bytes(frame, frame_length)?) })
}

/// Takes the data of one CAN frame, 0 to 64 bytes. `frame`: the frame that it completes, inside the receive buffer, to be used before the next
/// call, or NULL. What is damaged or out of order is dropped and counted.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_isotp_handle_frame(
    isotp: *mut sealwire_isotp,
    now_ms: u64,
    data: *const u8,
    data_length: usize,
    frame: *mut *mut u8,
    frame_length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let (place, length) = (Output::new(frame)?, Output::new(frame_length)?);
        let mut isotp = get(isotp)?;
        give(place, length, isotp.handle_frame(now_ms, bytes(data, data_length)?));
        Ok(())
    })
}

/// Writes the data of the next CAN frame that is to be sent now; `length` 0: none. Call it again until there is none, after every
/// sealwire_isotp_send() and sealwire_isotp_handle_frame(), and when sealwire_isotp_poll_timeout() is due. `capacity`: the configured
/// `size` at least.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_isotp_poll_transmit(
    isotp: *mut sealwire_isotp,
    now_ms: u64,
    data: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe { transmit(data, capacity, length, |out| get(isotp)?.poll_transmit(now_ms, out)) })
}

/// When to call sealwire_isotp_poll_transmit() though nothing comes: a moment on the clock of now_ms, now if it is over; UINT64_MAX if nothing
/// is under way.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_isotp_poll_timeout(isotp: *mut sealwire_isotp, due_ms: *mut u64) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        Output::new(due_ms)?.write(get(isotp)?.poll_timeout().unwrap_or(u64::MAX));
        Ok(())
    })
}

/// While `ready` is 0, a peer that sends in pieces is asked to wait; at first it is 1. Frames that fit one CAN frame come all the same.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_isotp_set_ready(isotp: *mut sealwire_isotp, ready: u8) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        get(isotp)?.set_ready(ready != 0);
        Ok(())
    })
}

/// What has been received and sent; either may be NULL.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_isotp_counters(
    isotp: *mut sealwire_isotp,
    received: *mut sealwire_link_counters,
    sent: *mut sealwire_isotp_sent,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let received = if received.is_null() { None } else { Some(Output::new(received)?) };
        let sent = if sent.is_null() { None } else { Some(Output::new(sent)?) };
        let isotp = get(isotp)?;
        if let Some(received) = received {
            received.write(isotp.counters().into());
        }
        if let Some(sent) = sent {
            sent.write(isotp.sent().into());
        }
        Ok(())
    })
}
