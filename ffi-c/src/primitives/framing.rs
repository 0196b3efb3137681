//! Framing of byte links.

use crate::memory::{Output, bytes, bytes_mut, disjoint};
use crate::placed::{Opaque, call, get, put};
use sealwire_core::error::Result;
use sealwire_core::link::{Counters, stream, uart};

/// A decoder for serial lines. The members are the library's. It needs no closing, and must not be moved.
#[repr(C)]
pub struct sealwire_uart {
    /// Private.
    pub opaque: [u64; 8],
}

/// A decoder for streams that lose nothing, such as TCP. The members are the library's. It needs no closing, and must not be moved.
#[repr(C)]
pub struct sealwire_stream {
    /// Private.
    pub opaque: [u64; 8],
}

// SAFETY: an array of integers.
unsafe impl Opaque for sealwire_uart {
    type Value = uart::Decoder<&'static mut [u8]>;
    const TAG: usize = 0x5541;
    const CALLS_BACK: bool = false;
}

// SAFETY: an array of integers.
unsafe impl Opaque for sealwire_stream {
    type Value = stream::Decoder<'static>;
    const TAG: usize = 0x5354;
    const CALLS_BACK: bool = false;
}

/// What a decoder has seen. Counters stop at their highest value.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_link_counters {
    /// Frames handed out.
    pub frames: u32,
    /// Blocks dropped because they do not decode or check.
    pub malformed: u32,
    /// Blocks dropped because they do not fit the buffer.
    pub overlong: u32,
    /// Frames dropped because a piece of them is missing or came out of order.
    pub lost: u32,
    /// Frames dropped because their sender, or the other end of an exchange, did not go on in time.
    pub expired: u32,
    /// Pieces dropped because no slot was free for their sender, or the other end had no space.
    pub refused: u32,
}

impl From<Counters> for sealwire_link_counters {
    fn from(from: Counters) -> Self {
        let Counters { frames, malformed, overlong, lost, expired, refused } = from;
        sealwire_link_counters { frames, malformed, overlong, lost, expired, refused }
    }
}

/// Bytes that sealwire_uart_encode() needs for a frame of `length` bytes at most.
#[unsafe(no_mangle)]
pub extern "C" fn sealwire_uart_encoded_size(length: usize) -> usize {
    uart::encoded_len(length)
}

/// Encodes a frame for a serial line: COBS over frame and CRC-16, then a zero byte. `encoded` must not overlap `frame`.
///
/// Statuses: OK; INVALID_ARGUMENT (also: empty frame); BUFFER_TOO_SMALL (see sealwire_uart_encoded_size()).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_uart_encode(
    frame: *const u8,
    frame_length: usize,
    encoded: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe { encode(uart::encode, frame, frame_length, encoded, capacity, length) })
}

/// Encodes a frame for a stream: its length in two bytes, then the frame. `encoded` must not overlap `frame`; 2 bytes more than the
/// frame are enough.
///
/// Statuses: OK; INVALID_ARGUMENT (also: frame empty or longer than 65,535); BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_stream_encode(
    frame: *const u8,
    frame_length: usize,
    encoded: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe { encode(stream::encode, frame, frame_length, encoded, capacity, length) })
}

/// Writes where a frame stands, or NULL.
///
/// # Safety
/// Both places are writable.
pub(super) unsafe fn give(place: Output<*mut u8>, length: Output<usize>, found: Option<&mut [u8]>) {
    let (data, size) = found.map_or((core::ptr::null_mut(), 0), |found| (found.as_mut_ptr(), found.len()));
    // SAFETY: the caller's promise.
    unsafe {
        place.write(data);
        length.write(size);
    }
}

/// Writes what `poll` sends next, and its length; 0 for nothing.
///
/// # Safety
/// As the conventions of the header ask.
pub(super) unsafe fn transmit(
    data: *mut u8,
    capacity: usize,
    length: *mut usize,
    poll: impl FnOnce(&mut [u8]) -> Result<Option<usize>>,
) -> Result<()> {
    let result = Output::new(length)?;
    // SAFETY: the caller's promise.
    unsafe { result.write(poll(bytes_mut(data, capacity)?)?.unwrap_or(0)) };
    Ok(())
}

/// # Safety
/// As the conventions of the header ask.
unsafe fn encode(
    encoder: fn(&[u8], &mut [u8]) -> Result<usize>,
    frame: *const u8,
    frame_length: usize,
    encoded: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> Result<()> {
    let result = Output::new(length)?;
    // SAFETY: the caller's promise.
    unsafe {
        let frame = bytes(frame, frame_length)?;
        disjoint(frame, encoded, capacity)?;
        result.write(encoder(frame, bytes_mut(encoded, capacity)?)?);
    }
    Ok(())
}

/// Makes a decoder over `buffer`, which must stay. It takes frames of up to `capacity` - 2 bytes.
///
/// Statuses: OK; INVALID_ARGUMENT.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_uart_init(decoder: *mut sealwire_uart, buffer: *mut u8, capacity: usize) -> i32 {
    // SAFETY: as the conventions of the header ask; the buffer stays.
    call(|| unsafe { put(decoder, uart::Decoder::new(bytes_mut(buffer, capacity)?)) })
}

/// Makes a decoder over `buffer`, which must stay. It takes frames of up to `capacity` bytes.
///
/// Statuses: OK; INVALID_ARGUMENT.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_stream_init(decoder: *mut sealwire_stream, buffer: *mut u8, capacity: usize) -> i32 {
    // SAFETY: as the conventions of the header ask; the buffer stays.
    call(|| unsafe { put(decoder, stream::Decoder::new(bytes_mut(buffer, capacity)?)) })
}

/// Takes bytes from the line, up to the end of the first good frame. `taken`: how many of them; call again with the rest. `frame`: the
/// frame inside the decoder's buffer, to be used before the next call, or NULL if there is none yet. What is damaged is
/// dropped and counted, and the next zero byte starts anew.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_uart_feed(
    decoder: *mut sealwire_uart,
    input: *const u8,
    input_length: usize,
    taken: *mut usize,
    frame: *mut *mut u8,
    frame_length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let (result, place, length) = (Output::new(taken)?, Output::new(frame)?, Output::new(frame_length)?);
        let mut decoder = get(decoder)?;
        let (used, found) = decoder.feed(bytes(input, input_length)?);
        result.write(used);
        give(place, length, found);
        Ok(())
    })
}

/// Takes bytes from the stream, up to the end of the first frame; the outputs are those of sealwire_uart_feed().
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); MALFORMED (a length of 0 or above the buffer: close the
/// stream, since there is no place to start anew; every further call fails too).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_stream_feed(
    decoder: *mut sealwire_stream,
    input: *const u8,
    input_length: usize,
    taken: *mut usize,
    frame: *mut *mut u8,
    frame_length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let (result, place, length) = (Output::new(taken)?, Output::new(frame)?, Output::new(frame_length)?);
        let mut decoder = get(decoder)?;
        let (used, found) = decoder.feed(bytes(input, input_length)?)?;
        result.write(used);
        give(place, length, found);
        Ok(())
    })
}

/// What a serial decoder has seen.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_uart_counters(decoder: *mut sealwire_uart, counters: *mut sealwire_link_counters) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        Output::new(counters)?.write(get(decoder)?.counters().into());
        Ok(())
    })
}

/// What a stream decoder has seen.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_stream_counters(decoder: *mut sealwire_stream, counters: *mut sealwire_link_counters) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        Output::new(counters)?.write(get(decoder)?.counters().into());
        Ok(())
    })
}
