//! A link over a transport of the app's own: BLE, a socket, another MQTT library's connection.

use super::driver::{Place, Task};
use crate::callback::CallbackError;
use std::sync::Arc;

/// Carries frames for a `Link`. Called from one thread of the library, one call after the other; hand frames that arrive to `received` of the link.
///
/// For BLE, put `BleSplitter` and `BleReassembler` in between: one of each for every connection.
#[uniffi::export(with_foreign)]
pub trait FrameTransport: Send + Sync {
    /// Sends a frame to `route`: nothing for the only other end, else what `connect` was given or `received` told. `delivery` asks for a
    /// transport that repeats, where there is a choice. A frame that cannot be sent is lost; what matters is repeated by the link.
    fn send(&self, frame: Vec<u8>, route: Vec<u8>, delivery: bool) -> Result<(), CallbackError>;
}

/// What becomes of one task.
pub(super) fn carry(transport: &Arc<dyn FrameTransport>, task: Task) -> Result<(), String> {
    match task {
        Task::Send { place: Place::Route(route), frame, delivery } => {
            transport.send(frame, route, delivery).map_err(|failed| failed.to_string())
        }
        Task::Send { place: Place::Topic(topic), .. } => Err(format!("no topics here: {topic}")),
        Task::Acknowledge(_) => Ok(()),
    }
}
