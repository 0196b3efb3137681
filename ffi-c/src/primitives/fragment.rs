//! Fragments, for BLE, 802.15.4 and Ethernet.

use super::framing::{give, sealwire_link_counters};
use crate::memory::{Output, array, bytes, bytes_mut, disjoint, filled};
use crate::placed::{Opaque, call, get, put};
use sealwire_core::error::Error;
use sealwire_core::link::ethernet::{self, Head};
use sealwire_core::link::fragment::{Fragmenter, Fragments, Reassembler, Slot};

/// Smallest and largest fragments of BLE, as values of writes and notifications: the ATT MTU less 3, and at most 512.
pub const SEALWIRE_BLE_PAYLOAD_MIN: usize = 20;
/// See SEALWIRE_BLE_PAYLOAD_MIN.
pub const SEALWIRE_BLE_PAYLOAD_MAX: usize = 512;
/// Largest fragments of 802.15.4: what the longest header with AES-CCM-128 leaves.
pub const SEALWIRE_IEEE802154_PAYLOAD: usize = 81;
/// Largest fragments of Ethernet.
pub const SEALWIRE_ETHERNET_FRAGMENT: usize = 1498;
/// Longest Ethernet frame, without checksum.
pub const SEALWIRE_ETHERNET_FRAME: usize = 1514;
/// The EtherType of the IEEE for local experiments. A product needs one that was assigned to its maker.
pub const SEALWIRE_ETHERNET_TYPE: u16 = 0x88b5;
/// Good time for a whole frame in fragments, in milliseconds.
pub const SEALWIRE_REASSEMBLER_TIMEOUT_MS: u32 = 5000;

const _: () = assert!(
    SEALWIRE_BLE_PAYLOAD_MIN == sealwire_core::link::ble::PAYLOAD_MIN
        && SEALWIRE_BLE_PAYLOAD_MAX == sealwire_core::link::ble::PAYLOAD_MAX
        && SEALWIRE_IEEE802154_PAYLOAD == sealwire_core::link::ieee802154::PAYLOAD
        && SEALWIRE_ETHERNET_FRAGMENT == ethernet::FRAGMENT
        && SEALWIRE_ETHERNET_FRAME == ethernet::LONGEST
        && SEALWIRE_ETHERNET_TYPE == ethernet::ETHER_TYPE
        && SEALWIRE_REASSEMBLER_TIMEOUT_MS == sealwire_core::link::fragment::TIMEOUT_MS
);

/// Cuts frames into fragments. The members are the library's. It needs no closing, and must not be moved.
#[repr(C)]
pub struct sealwire_fragmenter {
    /// Private.
    pub opaque: [u64; 8],
}

/// Puts frames together from fragments. The members are the library's. It needs no closing, and must not be moved.
#[repr(C)]
pub struct sealwire_reassembler {
    /// Private.
    pub opaque: [u64; 10],
}

/// What a reassembler keeps of a sender. The members are the library's.
#[repr(C)]
pub struct sealwire_reassembler_slot {
    /// Private.
    pub opaque: [u64; 3],
}

const _: () = assert!(
    size_of::<sealwire_reassembler_slot>() == size_of::<Slot>() && align_of::<sealwire_reassembler_slot>() == align_of::<Slot>(),
    "the slot in the header is not the library's"
);

/// A fragmenter, and what is left of the frame under way.
pub struct Cutter {
    fragmenter: Fragmenter,
    fragments: Option<Fragments<'static>>,
}

// SAFETY: an array of integers.
unsafe impl Opaque for sealwire_fragmenter {
    type Value = Cutter;
    const TAG: usize = 0x4654;
    const CALLS_BACK: bool = false;
}

// SAFETY: an array of integers.
unsafe impl Opaque for sealwire_reassembler {
    type Value = Reassembler<&'static mut [Slot], &'static mut [u8]>;
    const TAG: usize = 0x5245;
    const CALLS_BACK: bool = false;
}

/// Begins to cut frames into fragments of up to `size` bytes, two of them in front: SEALWIRE_BLE_PAYLOAD_MIN to SEALWIRE_BLE_PAYLOAD_MAX,
/// SEALWIRE_IEEE802154_PAYLOAD, SEALWIRE_ETHERNET_FRAGMENT. A frame has 128 fragments at most.
///
/// Statuses: OK; INVALID_ARGUMENT (also: a size below 3).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_fragmenter_init(fragmenter: *mut sealwire_fragmenter, size: usize) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe { put(fragmenter, Cutter { fragmenter: Fragmenter::new(size)?, fragments: None }) })
}

/// Takes a frame, which must stay until its last fragment is written. One still under way is left as it is, unfinished.
///
/// Statuses: OK; INVALID_ARGUMENT (also: empty, or more than 128 fragments or 65,535 bytes); WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_fragmenter_start(fragmenter: *mut sealwire_fragmenter, frame: *const u8, frame_length: usize) -> i32 {
    // SAFETY: as the conventions of the header ask; the frame stays.
    call(|| unsafe {
        let mut cutter = get(fragmenter)?;
        let fragments = cutter.fragmenter.fragments(bytes(frame, frame_length)?)?;
        cutter.fragments = Some(fragments);
        Ok(())
    })
}

/// Writes the next fragment; `length` 0: there is no more. `fragment` must not overlap the frame.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); BUFFER_TOO_SMALL (the same fragment comes again).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_fragmenter_next(
    fragmenter: *mut sealwire_fragmenter,
    fragment: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask; the frame is still there.
    call(|| unsafe {
        let result = Output::new(length)?;
        let mut cutter = get(fragmenter)?;
        let written = match &mut cutter.fragments {
            Some(fragments) => {
                disjoint(fragments.rest(), fragment, capacity)?;
                fragments.write_next(bytes_mut(fragment, capacity)?)?
            }
            None => 0,
        };
        if written == 0 {
            cutter.fragments = None;
        }
        result.write(written);
        Ok(())
    })
}

/// Makes a reassembler over `count` slots and a buffer that they share evenly, all of which must stay: one slot for each sender that may be in the middle
/// of a frame at the same time. A frame that is not complete `timeout_ms` after its first fragment is dropped.
///
/// Statuses: OK; INVALID_ARGUMENT (also: no slots, fewer bytes than slots, no time).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_reassembler_init(
    reassembler: *mut sealwire_reassembler,
    slots: *mut sealwire_reassembler_slot,
    count: usize,
    buffer: *mut u8,
    capacity: usize,
    timeout_ms: u32,
) -> i32 {
    // SAFETY: as the conventions of the header ask; slots and buffer stay.
    call(|| unsafe {
        let size = count.checked_mul(size_of::<Slot>()).ok_or(Error::InvalidArgument)?;
        disjoint(bytes(buffer, capacity)?, slots.cast(), size)?;
        let slots = filled(slots.cast::<Slot>(), count, Slot::default())?;
        put(reassembler, Reassembler::new(slots, bytes_mut(buffer, capacity)?, timeout_ms)?)
    })
}

/// Takes a fragment as the link gave it, whole. `sender`: any number that tells those apart that share the link, such as the sender's address.
/// `frame`: the frame that the fragment completes, inside the buffer, to be used before the next call, or NULL. What does not fit what came
/// before is dropped and counted.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_reassembler_feed(
    reassembler: *mut sealwire_reassembler,
    now_ms: u64,
    sender: u64,
    fragment: *const u8,
    fragment_length: usize,
    frame: *mut *mut u8,
    frame_length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let (place, length) = (Output::new(frame)?, Output::new(frame_length)?);
        let mut reassembler = get(reassembler)?;
        give(place, length, reassembler.feed(now_ms, sender, bytes(fragment, fragment_length)?));
        Ok(())
    })
}

/// What a reassembler has seen. `refused` counts fragments whose sender found no slot.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_reassembler_counters(
    reassembler: *mut sealwire_reassembler,
    counters: *mut sealwire_link_counters,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        Output::new(counters)?.write(get(reassembler)?.counters().into());
        Ok(())
    })
}

/// Writes an Ethernet frame with one fragment, padded to 60 bytes, without checksum. `destination` and `source`: 6 bytes each; six times 0xff
/// reaches all. `ether_type`: the maker's own, or SEALWIRE_ETHERNET_TYPE. Neither may overlap `data`, of which SEALWIRE_ETHERNET_FRAME bytes
/// are always enough.
///
/// Statuses: OK; INVALID_ARGUMENT (also: fragment empty or above SEALWIRE_ETHERNET_FRAGMENT, a group as source, an EtherType below 0x0600);
/// BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_ethernet_encode(
    destination: *const u8,
    source: *const u8,
    ether_type: u16,
    fragment: *const u8,
    fragment_length: usize,
    data: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let result = Output::new(length)?;
        let head = Head { destination: *array(destination)?, source: *array(source)?, ether_type };
        let fragment = bytes(fragment, fragment_length)?;
        disjoint(fragment, data, capacity)?;
        result.write(ethernet::encode(&head, fragment, bytes_mut(data, capacity)?)?);
        Ok(())
    })
}

/// Takes an Ethernet frame apart. `sender`: the source address as a number, for sealwire_reassembler_feed(); its lower 48 bits, first byte highest.
/// `fragment`: inside `data`; NULL if the frame has another EtherType. Whether it is for this station is the caller's to see, in the first
/// six bytes.
///
/// Statuses: OK; INVALID_ARGUMENT; MALFORMED.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_ethernet_decode(
    ether_type: u16,
    data: *const u8,
    data_length: usize,
    sender: *mut u64,
    fragment: *mut *const u8,
    fragment_length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let (from, place, length) = (Output::new(sender)?, Output::new(fragment)?, Output::new(fragment_length)?);
        let found = ethernet::decode(ether_type, bytes(data, data_length)?)?;
        from.write(found.map_or(0, |(head, _)| head.sender()));
        place.write(found.map_or(core::ptr::null(), |(_, fragment)| fragment.as_ptr()));
        length.write(found.map_or(0, |(_, fragment)| fragment.len()));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use sealwire_core::link::ble;

    #[test]
    fn the_header_has_the_uuids_of_the_core() {
        let header = include_str!("../../../include/sealwire_primitives.h");
        for (name, uuid) in [("SERVICE", ble::SERVICE), ("TO_DEVICE", ble::TO_DEVICE), ("FROM_DEVICE", ble::FROM_DEVICE)] {
            let hex = format!("{uuid:032x}");
            let text = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
            assert!(header.contains(&format!("#define SEALWIRE_BLE_{name} \"{text}\"")), "{name} is {text}");
        }
    }
}
