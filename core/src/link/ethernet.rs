//! Ethernet, 10BASE-T1S included: fragments in frames with an EtherType of their own (PROTOCOL §7).
//!
//! Destination (6), source (6), EtherType (2), length of the fragment (2, big-endian), the fragment, and zeros up to 60 bytes, the least that
//! Ethernet takes, which is why the length stands there. Checksum and VLAN tags are the interface's.

use super::fragment::{Fragmenter, HEAD as FRAGMENT_HEAD};
use crate::bytes::{Reader, Writer};
use crate::error::{Error, Result};

/// The first EtherType of IEEE 802 for local experiments. A product needs one that the IEEE assigned to its maker.
pub const ETHER_TYPE: u16 = 0x88b5;
/// Bytes in front of a fragment.
pub const HEAD: usize = 16;
/// Shortest frame, without its checksum.
pub const SHORTEST: usize = 60;
/// Longest frame, without its checksum.
pub const LONGEST: usize = 1514;
/// Longest fragment.
pub const FRAGMENT: usize = LONGEST - HEAD;
/// The address of all: for who does not know the peer's yet.
pub const BROADCAST: [u8; 6] = [0xff; 6];

/// In a source address: not one station but a group, which sends nothing.
const GROUP: u8 = 1;

/// Where a frame goes and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Address of the receiver, or [`BROADCAST`].
    pub destination: [u8; 6],
    /// Address of the sender.
    pub source: [u8; 6],
    /// [`ETHER_TYPE`], or the maker's own.
    pub ether_type: u16,
}

impl Head {
    /// The sender as a number, for the reassembler.
    pub const fn sender(&self) -> u64 {
        let [a, b, c, d, e, f] = self.source;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }
}

/// Cuts frames for the longest fragments.
pub const fn fragmenter() -> Result<Fragmenter> {
    Fragmenter::new(FRAGMENT)
}

/// Writes `fragment` as an Ethernet frame into `out`; gives its length, 60 to 1514. Errors: [`Error::InvalidArgument`] (empty or longer than [`FRAGMENT`],
/// the source is a group, or the EtherType is below 0x0600 and hence a length), [`Error::BufferTooSmall`].
pub fn encode(head: &Head, fragment: &[u8], out: &mut [u8]) -> Result<usize> {
    let length = u16::try_from(fragment.len()).map_err(|_| Error::InvalidArgument)?;
    if fragment.is_empty() || fragment.len() > FRAGMENT || head.ether_type < 0x0600 || is_group(&head.source) {
        return Err(Error::InvalidArgument);
    }
    let mut writer = Writer::new(out);
    writer.put(&head.destination)?;
    writer.put(&head.source)?;
    writer.put(&head.ether_type.to_be_bytes())?;
    writer.put(&length.to_be_bytes())?;
    writer.put(fragment)?;
    let padding = SHORTEST.saturating_sub(writer.len());
    writer.reserve(padding)?.fill(0);
    Ok(writer.len())
}

/// Takes an Ethernet frame apart; gives `None` for another EtherType than `ether_type`. Whether the destination is this station is the caller's to see.
/// Error: [`Error::Malformed`].
pub fn decode(ether_type: u16, frame: &[u8]) -> Result<Option<(Head, &[u8])>> {
    let mut reader = Reader::new(frame);
    let head = Head { destination: reader.array()?, source: reader.array()?, ether_type: u16::from_be_bytes(reader.array()?) };
    if head.ether_type != ether_type {
        return Ok(None);
    }
    let length = usize::from(u16::from_be_bytes(reader.array()?));
    if length <= FRAGMENT_HEAD || is_group(&head.source) {
        return Err(Error::Malformed);
    }
    Ok(Some((head, reader.take(length)?)))
}

const fn is_group(address: &[u8; 6]) -> bool {
    address[0] & GROUP != 0
}
