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

/// Carries frames for a `Link` where there are topics, too: the app's own MQTT client. Otherwise as `FrameTransport`; hand what arrives on a topic, other than
/// the own inbox, to `received` with it.
#[uniffi::export(with_foreign)]
pub trait TopicTransport: Send + Sync {
    /// Sends a frame to `route`, an inbox; with `topic`, relative to the realm, it is published there instead.
    fn send(&self, frame: Vec<u8>, route: Vec<u8>, topic: Option<String>, delivery: bool) -> Result<(), CallbackError>;
}

/// A transport of the app's own.
pub(super) enum Carrier {
    Frames(Arc<dyn FrameTransport>),
    Topics(Arc<dyn TopicTransport>),
}

impl Carrier {
    /// What becomes of one task.
    pub(super) fn carry(&self, task: Task) -> Result<(), String> {
        let Task::Send { place, frame, delivery } = task else { return Ok(()) };
        let sent = match (self, place) {
            (Carrier::Frames(transport), Place::Route(route)) => transport.send(frame, route, delivery),
            (Carrier::Topics(transport), Place::Route(route)) => transport.send(frame, route, None, delivery),
            (Carrier::Topics(transport), Place::Topic(topic)) => transport.send(frame, Vec::new(), Some(topic), delivery),
            (Carrier::Frames(_), Place::Topic(topic)) => return Err(format!("no topics here: {topic}")),
        };
        sent.map_err(|failed| failed.to_string())
    }
}
