//! Bluetooth Low Energy: the UUIDs, and frames in fragments (PROTOCOL §7).

use crate::error::Result;
use crate::event::LinkCounters;
use sealwire_core::Error;
use sealwire_core::link::ble;
use sealwire_core::link::fragment::{Fragmenter, Reassembler, Slot, TIMEOUT_MS};
use std::sync::{Arc, Mutex, MutexGuard};

/// The GATT service of a device and its characteristics.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct BleUuids {
    /// The service.
    pub service: String,
    /// The phone writes it without response.
    pub to_device: String,
    /// It notifies the phone.
    pub from_device: String,
}

fn uuid(value: u128) -> String {
    let hex = format!("{value:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// The UUIDs of the GATT service.
#[uniffi::export]
pub fn ble_uuids() -> BleUuids {
    BleUuids { service: uuid(ble::SERVICE), to_device: uuid(ble::TO_DEVICE), from_device: uuid(ble::FROM_DEVICE) }
}

/// The longest fragment for a negotiated ATT MTU; without negotiation that is 23.
#[uniffi::export]
pub fn ble_payload(mtu: u32) -> u32 {
    let payload = ble::payload(usize::try_from(mtu).unwrap_or(usize::MAX));
    u32::try_from(payload).unwrap_or(u32::MAX)
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here panics, so a poisoned lock holds a state that is whole.
    shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Cuts frames into fragments for one connection.
#[derive(uniffi::Object)]
pub struct BleSplitter {
    state: Mutex<Fragmenter>,
}

#[uniffi::export]
impl BleSplitter {
    /// For fragments of up to `payload` bytes, 20 to 512: see `blePayload`. Throws `InvalidArgument`.
    #[uniffi::constructor]
    pub fn new(payload: u32) -> Result<Arc<Self>> {
        let payload = usize::try_from(payload).map_err(|_| Error::InvalidArgument)?;
        Ok(Arc::new(BleSplitter { state: Mutex::new(ble::fragmenter(payload)?) }))
    }

    /// The fragments of a frame, in the order in which they are to be sent. Throws `InvalidArgument` for a frame that is too long.
    pub fn split(&self, frame: Vec<u8>) -> Result<Vec<Vec<u8>>> {
        let mut state = locked(&self.state);
        Ok(state.fragments(&frame)?.map(|(head, body)| [&head[..], body].concat()).collect())
    }
}

/// Puts frames together from the fragments of one connection.
#[derive(uniffi::Object)]
pub struct BleReassembler {
    state: Mutex<Reassembler<Vec<Slot>, Vec<u8>>>,
}

#[uniffi::export]
impl BleReassembler {
    /// For frames up to `max_frame` bytes. One that is not complete 5 s after its first fragment is dropped. Throws `InvalidArgument`.
    #[uniffi::constructor(default(max_frame = 4096))]
    pub fn new(max_frame: u16) -> Result<Arc<Self>> {
        let state = Reassembler::new(vec![Slot::default()], vec![0; usize::from(max_frame)], TIMEOUT_MS)?;
        Ok(Arc::new(BleReassembler { state: Mutex::new(state) }))
    }

    /// Takes a fragment as it came; gives the frame that it completes, or nothing.
    pub fn feed(&self, fragment: Vec<u8>) -> Option<Vec<u8>> {
        locked(&self.state).feed(crate::clock::now_ms(), 0, &fragment).map(|frame| frame.to_vec())
    }

    /// What has been seen so far.
    pub fn counters(&self) -> LinkCounters {
        locked(&self.state).counters().into()
    }
}
