//! RS-485.

use super::{LinkCounters, Shared};
use crate::error::raise;
use crate::keys::bytes_like;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sealwire_core::link::rs485::{self, Config, HEAD, OVERHEAD, encoded_len};

fn config(baud: u32, max_frame: u16, turnaround_ms: u16, window_ms: u16, retries: u8) -> Config {
    Config { baud, longest: max_frame, turnaround_ms, window_ms, retries }
}

/// Memory for frames and what goes with them.
fn memory(max_frame: u16, more: usize) -> Vec<u8> {
    vec![0; usize::from(max_frame).saturating_add(more)]
}

/// The end of an RS-485 bus that polls. It drives the bus only while it sends what `transmit` gave.
#[pyclass(frozen, module = "sealwire")]
pub(crate) struct Rs485Controller {
    size: usize,
    state: Shared<rs485::Controller<Vec<u8>>>,
}

#[pymethods]
impl Rs485Controller {
    /// All ends of a bus have the same `baud`, `max_frame`, `turnaround_ms` (silence between two ends) and `window_ms` (how long a device may take to begin
    /// its answer). A poll is repeated `retries` times.
    #[new]
    #[pyo3(signature = (*, baud=115_200, max_frame=1024, turnaround_ms=1, window_ms=20, retries=3))]
    fn new(baud: u32, max_frame: u16, turnaround_ms: u16, window_ms: u16, retries: u8) -> PyResult<Self> {
        let config = config(baud, max_frame, turnaround_ms, window_ms, retries);
        let state = rs485::Controller::new(config, memory(max_frame, HEAD), memory(max_frame, OVERHEAD)).map_err(raise)?;
        Ok(Rs485Controller { size: encoded_len(max_frame.into()), state: Shared::new(state) })
    }

    /// Asks the device at `address`, 1 to 127, and brings it `frame`. Busy while another poll waits for its answer.
    #[pyo3(signature = (address, frame=None))]
    fn poll(&self, address: u8, frame: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let frame = frame.map(bytes_like).transpose()?.unwrap_or_default();
        self.state.with(|state| state.poll(address, &frame)).map_err(raise)
    }

    /// The bytes of the poll, or of its repetition, if it is to be sent now.
    fn transmit<'py>(&self, py: Python<'py>, now_ms: u64) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let mut out = vec![0; self.size];
        let length = self.state.with(|state| state.poll_transmit(now_ms, &mut out)).map_err(raise)?;
        Ok(length.map(|length| PyBytes::new(py, out.get(..length).unwrap_or_default())))
    }

    /// Takes bytes from the bus; gives the answers, each with the device's address and its frame, which is empty if it had none. An answer ends its poll.
    fn handle<'py>(&self, py: Python<'py>, now_ms: u64, data: &Bound<'py, PyAny>) -> PyResult<Vec<(u8, Bound<'py, PyBytes>)>> {
        let data = bytes_like(data)?;
        Ok(self.state.with(|state| {
            let (mut answers, mut rest) = (Vec::new(), &data[..]);
            while !rest.is_empty() {
                let (taken, answer) = state.handle(now_ms, rest);
                answers.extend(answer.map(|answer| (answer.address, PyBytes::new(py, answer.frame))));
                rest = rest.get(taken..).unwrap_or_default();
            }
            answers
        }))
    }

    /// When to call `handle_timeout` and `transmit` though nothing comes; None: no poll is under way.
    fn timeout(&self) -> Option<u64> {
        self.state.with(|state| state.poll_timeout())
    }

    /// When the answer did not come in time: sets up the repetition (None), or gives up and tells the address that is silent.
    fn handle_timeout(&self, now_ms: u64) -> Option<u8> {
        self.state.with(|state| state.handle_timeout(now_ms))
    }

    /// A poll waits for its answer.
    #[getter]
    fn polling(&self) -> bool {
        self.state.with(|state| state.is_polling())
    }

    /// What has been received. `expired` counts the polls that were given up.
    #[getter]
    fn counters(&self) -> LinkCounters {
        self.state.with(|state| state.counters().into())
    }
}

/// A device on an RS-485 bus: it speaks when it is polled. It drives the bus only while it sends what `transmit` gave.
#[pyclass(frozen, module = "sealwire")]
pub(crate) struct Rs485Device {
    size: usize,
    state: Shared<rs485::Device<Vec<u8>>>,
}

#[pymethods]
impl Rs485Device {
    /// The device at `address`, 1 to 127; the rest is that of the bus.
    #[new]
    #[pyo3(signature = (address, *, baud=115_200, max_frame=1024, turnaround_ms=1, window_ms=20))]
    fn new(address: u8, baud: u32, max_frame: u16, turnaround_ms: u16, window_ms: u16) -> PyResult<Self> {
        let config = config(baud, max_frame, turnaround_ms, window_ms, 0);
        let state = rs485::Device::new(config, address, memory(max_frame, HEAD), memory(max_frame, OVERHEAD)).map_err(raise)?;
        Ok(Rs485Device { size: encoded_len(max_frame.into()), state: Shared::new(state) })
    }

    /// Takes a frame, which the answer to the next poll carries. Busy until the controller has the one before.
    fn send(&self, frame: &Bound<'_, PyAny>) -> PyResult<()> {
        let frame = bytes_like(frame)?;
        self.state.with(|state| state.send(&frame)).map_err(raise)
    }

    /// The bytes of the answer to the last poll, if it is to be sent now.
    fn transmit<'py>(&self, py: Python<'py>, now_ms: u64) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let mut out = vec![0; self.size];
        let length = self.state.with(|state| state.poll_transmit(now_ms, &mut out)).map_err(raise)?;
        Ok(length.map(|length| PyBytes::new(py, out.get(..length).unwrap_or_default())))
    }

    /// Takes bytes from the bus; gives the frames that polls brought.
    fn handle<'py>(&self, py: Python<'py>, now_ms: u64, data: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let data = bytes_like(data)?;
        Ok(self.state.with(|state| {
            let (mut frames, mut rest) = (Vec::new(), &data[..]);
            while !rest.is_empty() {
                let (taken, frame) = state.handle(now_ms, rest);
                frames.extend(frame.map(|frame| PyBytes::new(py, frame)));
                rest = rest.get(taken..).unwrap_or_default();
            }
            frames
        }))
    }

    /// When to call `transmit` again; None: no answer is owed.
    fn timeout(&self) -> Option<u64> {
        self.state.with(|state| state.poll_timeout())
    }

    /// A frame waits for the controller to have it.
    #[getter]
    fn sending(&self) -> bool {
        self.state.with(|state| state.is_sending())
    }

    /// What has been received. `expired` counts the answers that were not sent because it was too late.
    #[getter]
    fn counters(&self) -> LinkCounters {
        self.state.with(|state| state.counters().into())
    }
}
