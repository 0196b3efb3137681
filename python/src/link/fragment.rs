//! Fragments: BLE, 802.15.4, Ethernet.

use super::{LONGEST, LinkCounters, Shared};
use crate::error::raise;
use crate::keys::bytes_like;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sealwire_core::Error;
use sealwire_core::link::ethernet::{self, Head};
use sealwire_core::link::fragment::{self, Slot, TIMEOUT_MS};

// Signatures in Python show numbers, not the names of constants.
const _: () = assert!(TIMEOUT_MS == 5000 && ethernet::ETHER_TYPE == 0x88b5);

/// Cuts frames into fragments for links that carry small whole blocks: BLE, 802.15.4, Ethernet.
#[pyclass(frozen, module = "sealwire")]
pub(crate) struct Fragmenter {
    state: Shared<fragment::Fragmenter>,
    longest: usize,
}

#[pymethods]
impl Fragmenter {
    /// For fragments of up to `size` bytes, their two in front included: 20 to 512 for BLE, up to 81 for 802.15.4, 1498 for Ethernet.
    #[new]
    fn new(size: usize) -> PyResult<Self> {
        let state = fragment::Fragmenter::new(size).map_err(raise)?;
        Ok(Fragmenter { longest: state.longest(), state: Shared::new(state) })
    }

    /// The fragments of a frame, in the order in which they are to be sent.
    fn fragments<'py>(&self, py: Python<'py>, frame: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let frame = bytes_like(frame)?;
        self.state.with(|state| {
            let fragments = state.fragments(&frame).map_err(raise)?;
            Ok(fragments.map(|(head, body)| PyBytes::new(py, &[&head[..], body].concat())).collect())
        })
    }

    /// The longest frame that goes through.
    #[getter]
    fn longest(&self) -> usize {
        self.longest
    }
}

/// Puts frames together from fragments, of several senders at once.
#[pyclass(frozen, module = "sealwire")]
pub(crate) struct Reassembler {
    state: Shared<fragment::Reassembler<Vec<Slot>, Vec<u8>>>,
}

#[pymethods]
impl Reassembler {
    /// For frames up to `max_frame` bytes, of `senders` at once. A frame that is not complete `timeout_ms` after its first fragment is dropped.
    #[new]
    #[pyo3(signature = (max_frame, senders=1, *, timeout_ms=5000))]
    fn new(max_frame: usize, senders: usize, timeout_ms: u32) -> PyResult<Self> {
        if max_frame > LONGEST || senders > LONGEST {
            return Err(raise(Error::InvalidArgument));
        }
        let (slots, buffer) = (vec![Slot::default(); senders], vec![0; max_frame.saturating_mul(senders)]);
        let state = fragment::Reassembler::new(slots, buffer, timeout_ms).map_err(raise)?;
        Ok(Reassembler { state: Shared::new(state) })
    }

    /// Takes a fragment as the link gave it; gives the frame that it completes, or None. `sender` is a number that tells those apart that share the link.
    fn feed<'py>(&self, py: Python<'py>, now_ms: u64, sender: u64, data: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let data = bytes_like(data)?;
        Ok(self.state.with(|state| state.feed(now_ms, sender, &data).map(|frame| PyBytes::new(py, frame))))
    }

    /// Drops the frames whose time is over, as `feed` does too.
    fn expire(&self, now_ms: u64) {
        self.state.with(|state| state.expire(now_ms));
    }

    /// What has been seen so far.
    #[getter]
    fn counters(&self) -> LinkCounters {
        self.state.with(|state| state.counters().into())
    }
}

fn address(object: &Bound<'_, PyAny>) -> PyResult<[u8; 6]> {
    bytes_like(object)?.as_slice().try_into().map_err(|_| raise(Error::InvalidArgument))
}

/// An Ethernet frame with one fragment, padded to 60 bytes, without checksum. `ether_type`: the IEEE's for local experiments; a product needs its own.
#[pyfunction]
#[pyo3(signature = (destination, source, fragment, *, ether_type=0x88b5))]
pub(crate) fn ethernet_encode<'py>(
    py: Python<'py>,
    destination: &Bound<'py, PyAny>,
    source: &Bound<'py, PyAny>,
    fragment: &Bound<'py, PyAny>,
    ether_type: u16,
) -> PyResult<Bound<'py, PyBytes>> {
    let head = Head { destination: address(destination)?, source: address(source)?, ether_type };
    let mut out = [0; ethernet::LONGEST];
    let length = ethernet::encode(&head, &bytes_like(fragment)?, &mut out).map_err(raise)?;
    Ok(PyBytes::new(py, out.get(..length).unwrap_or_default()))
}

type Parts<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>, Bound<'py, PyBytes>);

/// Destination, source and fragment of an Ethernet frame; None if it has another EtherType. Raises `Malformed`.
#[pyfunction]
#[pyo3(signature = (data, *, ether_type=0x88b5))]
pub(crate) fn ethernet_decode<'py>(py: Python<'py>, data: &Bound<'py, PyAny>, ether_type: u16) -> PyResult<Option<Parts<'py>>> {
    let data = bytes_like(data)?;
    let found = ethernet::decode(ether_type, &data).map_err(raise)?;
    Ok(found.map(|(head, fragment)| (PyBytes::new(py, &head.destination), PyBytes::new(py, &head.source), PyBytes::new(py, fragment))))
}
