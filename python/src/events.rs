//! Events and small values as frozen Python objects.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use sealwire_core::Error;
use sealwire_core::credential::Thumbprint;
use sealwire_core::edhoc::Role;
use sealwire_core::endpoint;

/// A message that arrived, authenticated and new.
#[pyclass(frozen, module = "sealwire")]
pub(crate) struct Message {
    #[pyo3(get)]
    session: u32,
    // Made when they are asked for: most applications look at the payload alone.
    peer: Thumbprint,
    origin: Option<endpoint::Origin>,
    #[pyo3(get)]
    command: bool,
    #[pyo3(get)]
    number: Option<u64>,
    #[pyo3(get)]
    topic: Option<String>,
    #[pyo3(get)]
    payload: Py<PyBytes>,
    #[pyo3(get)]
    missing: u64,
    #[pyo3(get)]
    late: bool,
    #[pyo3(get)]
    retain: bool,
    #[pyo3(get)]
    expiry_s: Option<u64>,
    #[pyo3(get)]
    content_type: Option<String>,
}

/// A session is confirmed and can send, or was restored.
#[pyclass(frozen, get_all, module = "sealwire")]
pub(crate) struct Established {
    session: u32,
    peer: Py<PyBytes>,
    role: &'static str,
    handshake: Option<u32>,
    resumed: bool,
}

/// The peer's application has committed messages.
#[pyclass(frozen, get_all, module = "sealwire")]
pub(crate) struct Acknowledged {
    session: u32,
    top: u64,
    missing: u64,
}

/// A confirmable message is unacknowledged for too long: send it again under its number.
#[pyclass(frozen, get_all, module = "sealwire")]
pub(crate) struct Resend {
    session: u32,
    number: u64,
}

/// The peer can take commands now, after a `send` that failed with `NoOffer`.
#[pyclass(frozen, get_all, module = "sealwire")]
pub(crate) struct CommandReady {
    session: u32,
}

/// New keys are in use.
#[pyclass(frozen, get_all, module = "sealwire")]
pub(crate) struct KeyUpdated {
    session: u32,
    epoch: u32,
}

/// A session was replaced by a newer one with the same peer.
#[pyclass(frozen, get_all, module = "sealwire")]
pub(crate) struct Replaced {
    old: u32,
    sid: Py<PyBytes>,
    new: u32,
}

/// A session ended without successor.
#[pyclass(frozen, get_all, module = "sealwire")]
pub(crate) struct Closed {
    session: u32,
    peer: Py<PyBytes>,
    route: Py<PyBytes>,
    reason: Py<PyAny>,
}

/// A handshake failed.
#[pyclass(frozen, get_all, module = "sealwire")]
pub(crate) struct HandshakeFailed {
    handshake: u32,
    route: Py<PyBytes>,
    reason: Py<PyAny>,
}

/// The peer has not answered for several repetitions.
#[pyclass(frozen, get_all, module = "sealwire")]
pub(crate) struct PeerSilent {
    session: u32,
}

/// This device has another owner, or none; or its owner has let somebody in, or taken that back.
#[pyclass(frozen, get_all, module = "sealwire")]
pub(crate) struct OwnershipChanged {
    epoch: u32,
    owner: Option<Py<PyBytes>>,
}

/// The peer says that this end owns it. Keep epoch and nonce: `sign_statement` signs over them.
#[pyclass(frozen, get_all, module = "sealwire")]
pub(crate) struct Ownership {
    session: u32,
    peer: Py<PyBytes>,
    epoch: u32,
    nonce: Py<PyBytes>,
}

/// A message was protected: `frame` goes to `route`, or to its own topic if it was sent in place.
#[pyclass(frozen, module = "sealwire")]
pub(crate) struct Sent {
    #[pyo3(get)]
    frame: Py<PyBytes>,
    route: endpoint::Route,
    #[pyo3(get)]
    number: Option<u64>,
}

impl Sent {
    pub(crate) fn new(py: Python<'_>, frame: &[u8], sent: &endpoint::Sent) -> Self {
        Sent { frame: bytes(py, frame), route: sent.route, number: sent.number }
    }
}

/// A frame that the endpoint wants sent.
#[pyclass(frozen, get_all, module = "sealwire")]
pub(crate) struct Transmit {
    pub(crate) frame: Py<PyBytes>,
    pub(crate) route: Py<PyBytes>,
    pub(crate) handshake: bool,
}

/// What is known about a session; no secrets.
#[pyclass(frozen, get_all, module = "sealwire")]
pub(crate) struct SessionInfo {
    session: u32,
    sid: Py<PyBytes>,
    peer: Py<PyBytes>,
    own: Py<PyBytes>,
    role: &'static str,
    suite: u8,
    epoch: u32,
    confirmed: bool,
    route: Py<PyBytes>,
    next_number: u64,
    unacknowledged: u32,
    command_ready: bool,
}

/// Gives classes a `repr` that shows every field.
macro_rules! readable {
    ($($class:ident: $($field:ident),+; $({ $($extra:tt)* })?)+) => {
        $(#[pymethods]
        impl $class {
            fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
                let mut parts = Vec::new();
                $(parts.push(format!("{}={}", stringify!($field), slf.getattr(stringify!($field))?.repr()?));)+
                Ok(format!("{}({})", stringify!($class), parts.join(", ")))
            }

            $($($extra)*)?
        })+
    };
}

readable! {
    Message: session, peer, command, number, origin, topic, payload, missing, late, retain, expiry_s, content_type; {
        #[getter]
        fn peer<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
            PyBytes::new(py, &self.peer.0)
        }

        #[getter]
        fn origin<'py>(&self, py: Python<'py>) -> Option<(Bound<'py, PyBytes>, u64)> {
            self.origin.map(|origin| (PyBytes::new(py, &origin.sid.0), origin.number))
        }
    }
    Established: session, peer, role, handshake, resumed;
    Acknowledged: session, top, missing; {
        /// True when message `number` is committed.
        fn covers(&self, number: u64) -> bool {
            endpoint::acknowledges(self.top, self.missing, number)
        }
    }
    Resend: session, number;
    CommandReady: session;
    KeyUpdated: session, epoch;
    Replaced: old, sid, new;
    Closed: session, peer, route, reason;
    HandshakeFailed: handshake, route, reason;
    PeerSilent: session;
    OwnershipChanged: epoch, owner;
    Ownership: session, peer, epoch, nonce;
    Sent: frame, route, number; {
        #[getter]
        fn route<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
            PyBytes::new(py, self.route.as_bytes())
        }
    }
    Transmit: frame, route, handshake;
    SessionInfo: session, sid, peer, own, role, suite, epoch, confirmed, route, next_number, unacknowledged, command_ready;
}

fn bytes(py: Python<'_>, data: &[u8]) -> Py<PyBytes> {
    PyBytes::new(py, data).unbind()
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Initiator => "initiator",
        Role::Responder => "responder",
    }
}

fn text(name: &[u8]) -> PyResult<String> {
    // The core lets no other through.
    core::str::from_utf8(name).map(str::to_owned).map_err(|_| crate::error::raise(Error::Malformed))
}

/// The Python object of an event; `None` for `Event::None`.
pub(crate) fn event(py: Python<'_>, event: &endpoint::Event<'_>) -> PyResult<Option<Py<PyAny>>> {
    use endpoint::Event;
    let made = match *event {
        Event::None => return Ok(None),
        Event::Message(ref message) => self::message(py, message)?,
        Event::Established { session, peer, role, handshake, resumed } => Py::new(
            py,
            Established {
                session: session.0,
                peer: bytes(py, &peer.0),
                role: role_name(role),
                handshake: handshake.map(|id| id.0),
                resumed,
            },
        )?
        .into_any(),
        Event::Acknowledged { session, top, missing } => Py::new(py, Acknowledged { session: session.0, top, missing })?.into_any(),
        Event::Resend { session, number } => Py::new(py, Resend { session: session.0, number })?.into_any(),
        Event::CommandReady { session } => Py::new(py, CommandReady { session: session.0 })?.into_any(),
        Event::KeyUpdated { session, epoch } => Py::new(py, KeyUpdated { session: session.0, epoch })?.into_any(),
        Event::Replaced { old, sid, new } => Py::new(py, Replaced { old: old.0, sid: bytes(py, &sid.0), new: new.0 })?.into_any(),
        Event::Closed { session, peer, route, reason } => Py::new(
            py,
            Closed {
                session: session.0,
                peer: bytes(py, &peer.0),
                route: bytes(py, route.as_bytes()),
                reason: crate::error::value(py, reason)?,
            },
        )?
        .into_any(),
        Event::HandshakeFailed { handshake, route, reason } => Py::new(
            py,
            HandshakeFailed { handshake: handshake.0, route: bytes(py, route.as_bytes()), reason: crate::error::value(py, reason)? },
        )?
        .into_any(),
        Event::PeerSilent { session } => Py::new(py, PeerSilent { session: session.0 })?.into_any(),
        Event::OwnershipChanged { epoch, owner } => {
            Py::new(py, OwnershipChanged { epoch, owner: owner.map(|owner| bytes(py, &owner.0)) })?.into_any()
        }
        Event::Ownership { session, peer, epoch, nonce } => {
            Py::new(py, Ownership { session: session.0, peer: bytes(py, &peer.0), epoch, nonce: bytes(py, &nonce) })?.into_any()
        }
        _ => return Err(crate::error::raise(Error::Internal)),
    };
    Ok(Some(made))
}

fn message(py: Python<'_>, message: &endpoint::Message<'_>) -> PyResult<Py<PyAny>> {
    Ok(Py::new(
        py,
        Message {
            session: message.session.0,
            peer: message.peer,
            command: message.kind == endpoint::Kind::Command,
            number: message.number,
            origin: message.origin,
            topic: message.topic.map(text).transpose()?,
            payload: bytes(py, message.payload),
            missing: message.missing,
            late: message.late,
            retain: message.retain,
            expiry_s: message.expiry_s,
            content_type: message.content_type.map(str::to_owned),
        },
    )?
    .into_any())
}

/// The Python object of a session's description.
pub(crate) fn session_info(py: Python<'_>, info: &endpoint::SessionInfo) -> SessionInfo {
    SessionInfo {
        session: info.session.0,
        sid: bytes(py, &info.sid.0),
        peer: bytes(py, &info.peer.0),
        own: bytes(py, &info.own.0),
        role: role_name(info.role),
        suite: info.suite.number(),
        epoch: info.epoch,
        confirmed: info.confirmed,
        route: bytes(py, info.route.as_bytes()),
        next_number: info.next_number,
        unacknowledged: info.unacknowledged,
        command_ready: info.command_ready,
    }
}

/// Counters as a dictionary.
pub(crate) fn counters<'py>(py: Python<'py>, counters: &endpoint::Counters) -> PyResult<Bound<'py, PyDict>> {
    let made = PyDict::new(py);
    macro_rules! put {
        ($($name:ident),+) => { $(made.set_item(stringify!($name), counters.$name)?;)+ };
    }
    put!(
        frames,
        records,
        malformed,
        unknown_context,
        decrypt_failed,
        replay,
        duplicate,
        stale,
        unsupported_option,
        missing,
        late,
        handshakes,
        handshakes_failed,
        handshake_ignored,
        evicted,
        peer_errors,
        unknown_context_received,
        corrupt,
        storage_failed
    );
    Ok(made)
}
