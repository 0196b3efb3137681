//! UART framing.

use crate::error::raise;
use crate::keys::bytes_like;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sealwire_core::Error;
use sealwire_core::link::uart;
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

#[derive(Default)]
struct State {
    /// What came since the last delimiter.
    block: Vec<u8>,
    /// The block has outgrown every valid frame and is thrown away.
    skipping: bool,
    frames: u64,
    malformed: u64,
    overlong: u64,
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
                        state.overlong = state.overlong.wrapping_add(1);
                    } else if !state.block.is_empty() {
                        state.block.push(0);
                        let mut buffer = vec![0; self.max_frame.saturating_add(2)];
                        let mut decoder = uart::Decoder::new(&mut buffer);
                        match decoder.feed(&state.block) {
                            (_, Some(frame)) => {
                                state.frames = state.frames.wrapping_add(1);
                                frames.push(PyBytes::new(py, frame));
                            }
                            (_, None) => state.malformed = state.malformed.wrapping_add(1),
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

    /// Frames taken.
    #[getter]
    fn frames(&self) -> u64 {
        self.with(|state| state.frames)
    }

    /// Blocks that did not decode or check.
    #[getter]
    fn malformed(&self) -> u64 {
        self.with(|state| state.malformed)
    }

    /// Blocks longer than a frame can be.
    #[getter]
    fn overlong(&self) -> u64 {
        self.with(|state| state.overlong)
    }
}
