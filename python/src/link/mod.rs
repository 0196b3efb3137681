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

#[derive(Default)]
struct State {
    /// What came since the last delimiter.
    block: Vec<u8>,
    /// The block has outgrown every valid frame and is thrown away.
    skipping: bool,
    counters: Counters,
}

/// Takes frames out of the bytes of a serial line. What does not decode or check is dropped and counted.
#[pyclass(frozen, module = "sealwire")]
pub(crate) struct UartDecoder {
    max_frame: usize,
    state: Mutex<State>,
}

impl UartDecoder {
    fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        // Nothing in here panics, so a poisoned lock holds a state that is whole.
        work(&mut self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

#[pymethods]
impl UartDecoder {
    /// For frames up to `max_frame` bytes.
    #[new]
    fn new(max_frame: usize) -> PyResult<Self> {
        if max_frame == 0 || max_frame > LONGEST {
            return Err(raise(Error::InvalidArgument));
        }
        Ok(UartDecoder { max_frame, state: Mutex::default() })
    }

    /// Takes bytes as they come; gives the frames that were completed.
    fn feed<'py>(&self, py: Python<'py>, data: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let data = bytes_like(data)?;
        let limit = uart::encoded_len(self.max_frame);
        Ok(self.with(|state| {
            let mut frames = Vec::new();
            for byte in data {
                if byte == 0 {
                    if std::mem::take(&mut state.skipping) {
                        state.counters.overlong = state.counters.overlong.saturating_add(1);
                    } else if !state.block.is_empty() {
                        state.block.push(0);
                        let mut buffer = vec![0; self.max_frame.saturating_add(2)];
                        let mut decoder = uart::Decoder::new(&mut buffer);
                        match decoder.feed(&state.block) {
                            (_, Some(frame)) => {
                                state.counters.frames = state.counters.frames.saturating_add(1);
                                frames.push(PyBytes::new(py, frame));
                            }
                            (_, None) => state.counters.malformed = state.counters.malformed.saturating_add(1),
                        }
                    }
                    state.block.clear();
                } else if !state.skipping {
                    state.block.push(byte);
                    if state.block.len() > limit {
                        state.skipping = true;
                        state.block.clear();
                    }
                }
            }
            frames
        }))
    }

    /// What has been seen so far.
    #[getter]
    fn counters(&self) -> LinkCounters {
        self.with(|state| state.counters.into())
    }

    /// Frames taken.
    #[getter]
    fn frames(&self) -> u32 {
        self.with(|state| state.counters.frames)
    }

    /// Blocks that did not decode or check.
    #[getter]
    fn malformed(&self) -> u32 {
        self.with(|state| state.counters.malformed)
    }

    /// Blocks longer than a frame can be.
    #[getter]
    fn overlong(&self) -> u32 {
        self.with(|state| state.counters.overlong)
    }
}
