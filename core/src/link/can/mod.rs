//! CAN 2.0 and CAN FD: ISO 15765-2 transport (ISO-TP) with normal addressing (PROTOCOL §7).
//!
//! A frame goes whole in one CAN frame, or in pieces that the receiver paces by flow control. An [`IsoTp`] stands for one pair of CAN
//! identifiers, one for each direction: the caller sends what [`IsoTp::poll_transmit`] gives under the one, and hands in what comes under
//! the other and nothing else. Senders that talk at the same time have identifiers, and objects, of their own. Both directions run at once.
//!
//! ISO-TP repeats nothing: of a frame that loses a piece nothing is handed out, counters say why, and the next one starts anew. Its only
//! checks are CAN's own checksum, the order of the pieces and their sum: whether a frame is genuine is for the layers above.

mod pci;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

use super::{Counters, count};
use crate::bytes::Writer;
use crate::error::{Error, Result};
pub use pci::LONGEST;
use pci::Pci;
use receiver::Receiver;
use sender::Sender;

/// How to talk. Both ends may differ in all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Most data bytes of a CAN frame that is sent: 8 for CAN 2.0; 12, 16, 20, 24, 32, 48 or 64 for CAN FD. What comes may have any size.
    pub size: u8,
    /// Fills every CAN frame to 8 bytes, or beyond to the next size of CAN FD. `None`: no more bytes than needed, and 0xcc where a size asks for them.
    pub padding: Option<u8>,
    /// Pieces that the peer may send before it waits for flow control again, BS: as many as the CAN controller can hold. 0 for all of them.
    pub block_size: u8,
    /// Shortest time between the peer's pieces, STmin as on the wire: 0 to 127 ms; 0xf1 to 0xf9 for 100 to 900 µs.
    pub separation: u8,
    /// How long to wait for flow control (N_Bs) and for the next piece (N_Cr). Half of it lies between wait frames.
    pub timeout_ms: u16,
    /// Wait frames in a row that are sent (N_WFTmax), and that are borne, for one frame or block.
    pub max_waits: u8,
}

impl Config {
    /// CAN 2.0, in blocks of 8 pieces without pause, waiting 1 s, bearing 10 wait frames.
    pub const CLASSIC: Config = Config { size: 8, padding: None, block_size: 8, separation: 0, timeout_ms: 1000, max_waits: 10 };
    /// The same for CAN FD with 64 bytes.
    pub const FD: Config = Config { size: 64, ..Config::CLASSIC };

    fn deadline(&self, now_ms: u64) -> u64 {
        now_ms.saturating_add(self.timeout_ms.into())
    }
}

/// What became of the frames that were sent. Counters stop at their highest value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Frames whose last piece has left.
    pub frames: u32,
    /// Frames given up because no flow control came in time.
    pub expired: u32,
    /// Frames given up because the receiver has no room for them, or asked to wait too often.
    pub refused: u32,
}

/// Both directions between two CAN identifiers. `B` is memory: `&mut [u8]`, an array or a vector.
#[derive(Debug)]
pub struct IsoTp<B> {
    config: Config,
    sender: Sender<B>,
    receiver: Receiver<B>,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> IsoTp<B> {
    /// Sends frames as long as `tx`, receives frames as long as `rx`. Error: [`Error::InvalidArgument`] for a size or a separation that is none, or no time.
    pub fn new(config: Config, tx: B, rx: B) -> Result<Self> {
        if !pci::is_full_size(config.size.into()) || !pci::is_separation(config.separation) || config.timeout_ms == 0 {
            return Err(Error::InvalidArgument);
        }
        Ok(IsoTp { config, sender: Sender::new(tx), receiver: Receiver::new(rx) })
    }

    /// What has been received. A piece that is missing or out of order counts in `lost`, a sender that stops in `expired`, a frame that the
    /// application was never ready for in `refused`.
    pub const fn counters(&self) -> Counters {
        self.receiver.counters
    }

    /// What has been sent.
    pub const fn sent(&self) -> Sent {
        self.sender.sent
    }

    /// True while a frame is on its way out, and [`IsoTp::send`] would be busy.
    pub const fn is_sending(&self) -> bool {
        !self.sender.is_idle()
    }

    /// While `ready` is false, frames in pieces are asked to wait; it is true at first. Those that fit one CAN frame come all the same.
    pub const fn set_ready(&mut self, ready: bool) {
        self.receiver.ready = ready;
    }

    /// Takes a frame to be sent. Errors: [`Error::InvalidArgument`] (empty), [`Error::Busy`] (the one before is under way),
    /// [`Error::BufferTooSmall`] (longer than the memory for it).
    pub fn send(&mut self, frame: &[u8]) -> Result<()> {
        self.sender.begin(frame)
    }

    /// Takes the data of a CAN frame; gives the frame that it completes. What the standard does not know changes nothing but a counter.
    pub fn handle_frame(&mut self, now_ms: u64, data: &[u8]) -> Option<&mut [u8]> {
        self.expire(now_ms);
        match pci::parse(data) {
            Ok(Pci::Single(frame)) => return self.receiver.single(frame),
            Ok(Pci::First { length, data, piece }) => self.receiver.first(now_ms, length, data, piece),
            Ok(Pci::Consecutive { number, data }) => return self.receiver.consecutive(&self.config, now_ms, number, data),
            Ok(Pci::Flow { status, block, separation }) => self.sender.flow(&self.config, now_ms, status, block, separation),
            Err(_) => count(&mut self.receiver.counters.malformed),
        }
        None
    }

    /// Writes the data of the next CAN frame that is to be sent now; gives its length. Call it again until it gives nothing. Error:
    /// [`Error::BufferTooSmall`] below [`Config::size`].
    pub fn poll_transmit(&mut self, now_ms: u64, out: &mut [u8]) -> Result<Option<usize>> {
        let out = out.get_mut(..self.config.size.into()).ok_or(Error::BufferTooSmall)?;
        self.expire(now_ms);
        if let Some(status) = self.receiver.poll(&self.config, now_ms) {
            let mut out = Writer::new(out);
            pci::flow(&mut out, status, self.config.block_size, self.config.separation)?;
            return pci::pad(out, self.config.padding).map(Some);
        }
        self.sender.poll(&self.config, now_ms, out)
    }

    /// When to call [`IsoTp::poll_transmit`] again though nothing comes; a time that is over means now. `None`: nothing is under way.
    pub fn poll_timeout(&self) -> Option<u64> {
        match (self.sender.timeout(), self.receiver.timeout()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    fn expire(&mut self, now_ms: u64) {
        self.sender.expire(now_ms);
        self.receiver.expire(now_ms);
    }
}
