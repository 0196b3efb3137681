//! SPI.

use super::{LONGEST, LinkCounters, Shared};
use crate::error::raise;
use crate::keys::bytes_like;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sealwire_core::Error;
use sealwire_core::link::spi;

/// One end of an SPI link: blocks of one size, exchanged both ways at once. The controller makes an exchange only while the device's ready line is high.
#[pyclass(frozen, module = "sealwire")]
pub(crate) struct SpiExchange {
    size: usize,
    state: Shared<spi::Exchange<Vec<u8>>>,
}

#[pymethods]
impl SpiExchange {
    /// For blocks of `size` bytes, 8 to 4096, and frames up to `max_frame` bytes.
    #[new]
    #[pyo3(signature = (size, *, max_frame=1024))]
    fn new(size: usize, max_frame: usize) -> PyResult<Self> {
        if max_frame > LONGEST || size > spi::LARGEST {
            return Err(raise(Error::InvalidArgument));
        }
        let state = spi::Exchange::new(size, vec![0; max_frame], vec![0; size.saturating_add(max_frame)]).map_err(raise)?;
        Ok(SpiExchange { size, state: Shared::new(state) })
    }

    /// Takes a frame to be sent. Busy while another is under way.
    fn send(&self, frame: &Bound<'_, PyAny>) -> PyResult<()> {
        let frame = bytes_like(frame)?;
        self.state.with(|state| state.send(&frame)).map_err(raise)
    }

    /// The block to be sent in the next exchange, idle if there is nothing. Each call takes the next one.
    fn transmit<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut block = vec![0; self.size];
        self.state.with(|state| state.poll_transmit(&mut block)).map_err(raise)?;
        Ok(PyBytes::new(py, &block))
    }

    /// Takes the block that an exchange received; gives the frame that it completes, or None.
    fn handle<'py>(&self, py: Python<'py>, block: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let block = bytes_like(block)?;
        Ok(self.state.with(|state| state.handle_block(&block).map(|frame| PyBytes::new(py, frame))))
    }

    /// Blocks of a frame remain to be sent.
    #[getter]
    fn sending(&self) -> bool {
        self.state.with(|state| state.is_sending())
    }

    /// What has been received.
    #[getter]
    fn counters(&self) -> LinkCounters {
        self.state.with(|state| state.counters().into())
    }
}
