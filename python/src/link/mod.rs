//! Framing of links; here UART.

mod can;
mod fragment;
mod rs485;
mod spi;

pub(crate) use can::{IsoTp, SentCounters};
pub(crate) use fragment::{Fragmenter, Reassembler, ethernet_decode, ethernet_encode};
pub(crate) use rs485::{Rs485Controller, Rs485Device};
pub(crate) use spi::SpiExchange;

use crate::error::raise;
use crate::keys::bytes_like;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sealwire_core::Error;
use sealwire_core::link::{Counters, uart};
use std::sync::Mutex;

const LONGEST: usize = 65_535;

/// Frames `frame` for a serial line: COBS over frame and CRC-16, then a zero byte.
#[pyfunction]
pub(crate) fn uart_encode<'py>(py: Python<'py>, frame: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let frame = bytes_like(frame)?;
    let mut out = vec![0; uart::encoded_len(frame.len())];
    let length = uart::encode(&frame, &mut out).map_err(raise)?;
    Ok(PyBytes::new(py, out.get(..length).unwrap_or_default()))
}

/// What a link's decoder has seen; every count stops at 2^32 - 1.
#[pyclass(frozen, eq, get_all, module = "sealwire")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkCounters {
    /// Frames handed out.
    frames: u32,
    /// Blocks dropped because they do not decode or check.
    malformed: u32,
    /// Blocks dropped because they are longer than a frame may be.
    overlong: u32,
    /// Frames dropped because a piece of them is missing or came out of order.
    lost: u32,
    /// Frames dropped because their sender, or the other end of an exchange, did not go on in time.
    expired: u32,
    /// Pieces dropped because no slot was free for their sender, or the other end had no space.
    refused: u32,
}

#[pymethods]
impl LinkCounters {
    fn __repr__(&self) -> String {
        let LinkCounters { frames, malformed, overlong, lost, expired, refused } = self;
        format!(
            "LinkCounters(frames={frames}, malformed={malformed}, overlong={overlong}, lost={lost}, expired={expired}, refused={refused})"
        )
    }
}

impl From<Counters> for LinkCounters {
    fn from(from: Counters) -> Self {
        let Counters { frames, malformed, overlong, lost, expired, refused } = from;
        LinkCounters { frames, malformed, overlong, lost, expired, refused }
    }
}

/// A framer that several threads may hold.
struct Shared<T>(Mutex<T>);

impl<T> Shared<T> {
    fn new(state: T) -> Self {
        Shared(Mutex::new(state))
    }

    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        // Nothing in here panics, so a poisoned lock holds a state that is whole.
        work(&mut self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

/// Takes frames out of the bytes of a serial line. What does not decode or check is dropped and counted.
#[pyclass(frozen, module = "sealwire")]
pub(crate) struct UartDecoder {
    state: Shared<uart::Decoder<Vec<u8>>>,
}

#[pymethods]
impl UartDecoder {
    /// For frames up to `max_frame` bytes.
    #[new]
    fn new(max_frame: usize) -> PyResult<Self> {
        if max_frame == 0 || max_frame > LONGEST {
            return Err(raise(Error::InvalidArgument));
        }
        Ok(UartDecoder { state: Shared::new(uart::Decoder::new(vec![0; max_frame.saturating_add(2)])) })
    }

    /// Takes bytes as they come; gives the frames that were completed.
    fn feed<'py>(&self, py: Python<'py>, data: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let data = bytes_like(data)?;
        Ok(self.state.with(|state| {
            let (mut frames, mut rest) = (Vec::new(), &data[..]);
            while !rest.is_empty() {
                let (taken, frame) = state.feed(rest);
                frames.extend(frame.map(|frame| PyBytes::new(py, frame)));
                rest = rest.get(taken..).unwrap_or_default();
            }
            frames
        }))
    }

    /// What has been seen so far.
    #[getter]
    fn counters(&self) -> LinkCounters {
        self.state.with(|state| state.counters().into())
    }

    /// Frames taken.
    #[getter]
    fn frames(&self) -> u32 {
        self.state.with(|state| state.counters().frames)
    }

    /// Blocks that did not decode or check.
    #[getter]
    fn malformed(&self) -> u32 {
        self.state.with(|state| state.counters().malformed)
    }

    /// Blocks longer than a frame can be.
    #[getter]
    fn overlong(&self) -> u32 {
        self.state.with(|state| state.counters().overlong)
    }
}
