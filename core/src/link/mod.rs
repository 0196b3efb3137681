//! Framing of links (PROTOCOL §7).
//!
//! Decoders take bytes or blocks as they come, collect frames in memory the caller hands in, and find their way back after
//! damage. They check nothing but the link: what a frame holds is for the layers above.

pub mod ble;
pub mod can;
pub mod ethernet;
pub mod fragment;
pub mod ieee802154;
pub mod rs485;
pub mod spi;
pub mod stream;
#[cfg(test)]
mod tests;
pub mod uart;
#[cfg(test)]
mod vectors;

/// What a decoder has seen. Counters stop at their highest value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
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

fn count(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}
