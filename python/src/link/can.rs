//! ISO-TP over CAN 2.0 and CAN FD.

use super::{LinkCounters, Shared};
use crate::error::raise;
use crate::keys::bytes_like;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sealwire_core::Error;
use sealwire_core::link::can::{self, Config, Sent};

/// What became of the frames that were sent; every count stops at 2^32 - 1.
#[pyclass(frozen, eq, get_all, module = "sealwire")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SentCounters {
    /// Frames whose last piece has left.
    frames: u32,
    /// Frames given up because no flow control came in time.
    expired: u32,
    /// Frames given up because the receiver has no room for them, or asked to wait too often.
    refused: u32,
}

#[pymethods]
impl SentCounters {
    fn __repr__(&self) -> String {
        let SentCounters { frames, expired, refused } = self;
        format!("SentCounters(frames={frames}, expired={expired}, refused={refused})")
    }
}

impl From<Sent> for SentCounters {
    fn from(from: Sent) -> Self {
        let Sent { frames, expired, refused } = from;
        SentCounters { frames, expired, refused }
    }
}

/// Both directions between two CAN identifiers: what `transmit` gives goes out under the one, what comes under the other goes to `handle`.
#[pyclass(frozen, module = "sealwire")]
pub(crate) struct IsoTp {
    state: Shared<can::IsoTp<Vec<u8>>>,
}

#[pymethods]
impl IsoTp {
    /// `size`: most bytes of a CAN frame, 8 or with `fd` 64 unless given. `padding`: a byte that fills each of them. `block_size` and
    /// `separation` (STmin as on the wire) are what the peer is told; `timeout_ms` is N_Bs and N_Cr, `max_waits` N_WFTmax.
    #[new]
    #[pyo3(signature = (fd=false, *, size=None, padding=None, block_size=8, separation=0, timeout_ms=1000, max_waits=10, max_frame=65_535))]
    // The signature is Python's, where each of them has a name.
    #[allow(clippy::too_many_arguments)]
    fn new(
        fd: bool,
        size: Option<u8>,
        padding: Option<u8>,
        block_size: u8,
        separation: u8,
        timeout_ms: u16,
        max_waits: u8,
        max_frame: usize,
    ) -> PyResult<Self> {
        let kind = if fd { Config::FD } else { Config::CLASSIC };
        let size = size.unwrap_or(kind.size);
        if max_frame == 0 || u32::try_from(max_frame).is_err() || size > kind.size {
            return Err(raise(Error::InvalidArgument));
        }
        let config = Config { size, padding, block_size, separation, timeout_ms, max_waits };
        let state = can::IsoTp::new(config, vec![0; max_frame], vec![0; max_frame]).map_err(raise)?;
        Ok(IsoTp { state: Shared::new(state) })
    }

    /// Takes a frame to be sent. Busy while another is under way.
    fn send(&self, frame: &Bound<'_, PyAny>) -> PyResult<()> {
        let frame = bytes_like(frame)?;
        self.state.with(|state| state.send(&frame)).map_err(raise)
    }

    /// Takes the data of a CAN frame; gives the frame that it completes, if it does.
    fn handle<'py>(&self, py: Python<'py>, now_ms: u64, data: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let data = bytes_like(data)?;
        Ok(self.state.with(|state| state.handle_frame(now_ms, &data).map(|frame| PyBytes::new(py, frame)).into_iter().collect()))
    }

    /// The data of the CAN frames that are to be sent now.
    fn transmit<'py>(&self, py: Python<'py>, now_ms: u64) -> Vec<Bound<'py, PyBytes>> {
        self.state.with(|state| {
            let mut out = [0; can::LONGEST];
            let mut all = Vec::new();
            while let Ok(Some(length)) = state.poll_transmit(now_ms, &mut out) {
                all.push(PyBytes::new(py, out.get(..length).unwrap_or_default()));
            }
            all
        })
    }

    /// When to call `transmit` again though nothing comes; a time that is over means now.
    fn timeout(&self) -> Option<u64> {
        self.state.with(|state| state.poll_timeout())
    }

    /// While not ready, a peer that sends in pieces is asked to wait.
    fn set_ready(&self, ready: bool) {
        self.state.with(|state| state.set_ready(ready));
    }

    /// A frame is on its way out.
    #[getter]
    fn sending(&self) -> bool {
        self.state.with(|state| state.is_sending())
    }

    /// What has been received.
    #[getter]
    fn counters(&self) -> LinkCounters {
        self.state.with(|state| state.counters().into())
    }

    /// What has been sent.
    #[getter]
    fn sent(&self) -> SentCounters {
        self.state.with(|state| state.sent().into())
    }
}
