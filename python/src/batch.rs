//! Many messages or frames in one call: one lock, one store operation for each session, the interpreter free meanwhile.
//!
//! Every item has its own outcome, in its place in the answer: a failure is the exception as a value, and loses nothing that came before
//! or after it. Only a store that fails ends the batch, for it would be asked in vain for every item left: those fail alike, untried.

use crate::endpoint::{Core, CoreResult, State, origin_from, route_from};
use crate::error::{raise_with, value_with};
use crate::events::{self, Sent};
use crate::keys::{bytes_like, bytes_of, name_like};
use crate::port::PyPort;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use sealwire_core::Error;
use sealwire_core::endpoint::{self, Event, Kind, MAX_OVERHEAD, Origin, Route, SessionHandle, Topic};
use sealwire_core::record::{MAX_CONTENT_TYPE, MAX_TOPIC};

/// More than header, options and tag of any record.
pub(crate) const OVERHEAD: usize = 512;
const _: () = assert!(OVERHEAD >= MAX_OVERHEAD + MAX_TOPIC + MAX_CONTENT_TYPE);

/// Bytes shared with the interpreter, which are immutable, or a copy.
pub(crate) enum Bytes {
    Shared(pyo3::pybacked::PyBackedBytes),
    Copied(Vec<u8>),
}

impl Bytes {
    pub(crate) fn take(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(match object.cast::<PyBytes>() {
            Ok(bytes) => Bytes::Shared(bytes.clone().into()),
            Err(_) => Bytes::Copied(bytes_like(object)?),
        })
    }

    pub(crate) fn get(&self) -> &[u8] {
        match self {
            Bytes::Shared(bytes) => bytes,
            Bytes::Copied(bytes) => bytes,
        }
    }
}

/// One message of `send_many`, where payloads alone do not say enough.
#[pyclass(frozen, get_all, module = "sealwire")]
pub(crate) struct Outgoing {
    payload: Py<PyBytes>,
    topic: Option<Py<PyBytes>>,
    in_place: bool,
    command: bool,
    confirmable: bool,
    retain: bool,
    expiry_s: Option<u32>,
    content_type: Option<String>,
    number: Option<u64>,
    origin: Option<(Vec<u8>, u64)>,
}

#[pymethods]
impl Outgoing {
    #[new]
    #[pyo3(signature = (
        payload, *, topic = None, in_place = false, command = false, confirmable = false, retain = false,
        expiry_s = None, content_type = None, number = None, origin = None
    ))]
    #[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools)]
    fn new(
        py: Python<'_>,
        payload: &Bound<'_, PyAny>,
        topic: Option<&Bound<'_, PyAny>>,
        in_place: bool,
        command: bool,
        confirmable: bool,
        retain: bool,
        expiry_s: Option<u32>,
        content_type: Option<String>,
        number: Option<u64>,
        origin: Option<(Vec<u8>, u64)>,
    ) -> PyResult<Self> {
        let payload = match payload.cast::<PyBytes>() {
            Ok(bytes) => bytes.clone().unbind(),
            Err(_) => PyBytes::new(py, &bytes_like(payload)?).unbind(),
        };
        let topic = topic.map(name_like).transpose()?.map(|name| PyBytes::new(py, &name).unbind());
        Ok(Outgoing { payload, topic, in_place, command, confirmable, retain, expiry_s, content_type, number, origin })
    }
}

/// What a message is besides its payload, without the interpreter.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) topic: Option<Vec<u8>>,
    pub(crate) in_place: bool,
    pub(crate) command: bool,
    pub(crate) confirmable: bool,
    pub(crate) retain: bool,
    pub(crate) expiry_s: Option<u32>,
    pub(crate) content_type: Option<String>,
    pub(crate) number: Option<u64>,
    pub(crate) origin: Option<Origin>,
}

impl Parts {
    /// A confirmable message that was not sent before.
    fn takes_number(&self) -> bool {
        self.number.is_none() && (self.confirmable || self.origin.is_some())
    }

    /// The core's description of the message.
    pub(crate) fn with<'a>(&'a self, payload: &'a [u8]) -> PyResult<endpoint::Outgoing<'a>> {
        let topic = match (&self.topic, self.in_place) {
            (None, false) => Topic::None,
            (Some(name), false) => Topic::Addressed(name),
            (Some(name), true) => Topic::InPlace(name),
            (None, true) => return Err(raise_with(Error::InvalidArgument, "in place needs a topic", None)),
        };
        Ok(endpoint::Outgoing {
            kind: if self.command { Kind::Command } else { Kind::Data },
            confirmable: self.confirmable || self.number.is_some() || self.origin.is_some(),
            topic,
            retain: self.retain,
            expiry_s: self.expiry_s,
            content_type: self.content_type.as_deref(),
            payload,
            number: self.number,
            origin: self.origin,
        })
    }
}

/// A batch of messages, taken out of Python objects.
pub(crate) struct Messages {
    common: Parts,
    items: Vec<(Bytes, Option<Box<Parts>>)>,
}

impl Messages {
    /// Plain payloads are sent as `common` says.
    pub(crate) fn take(messages: &Bound<'_, PyAny>, common: Parts) -> PyResult<Self> {
        common.with(&[])?;
        let mut items = Vec::with_capacity(messages.len().unwrap_or(0));
        for item in messages.try_iter()? {
            let item = item?;
            items.push(match item.cast::<Outgoing>() {
                Err(_) => (Bytes::take(&item)?, None),
                Ok(outgoing) => {
                    let made = outgoing.get();
                    let parts = Parts {
                        topic: made.topic.as_ref().map(|topic| topic.as_bytes(item.py()).to_vec()),
                        in_place: made.in_place,
                        command: made.command,
                        confirmable: made.confirmable,
                        retain: made.retain,
                        expiry_s: made.expiry_s,
                        content_type: made.content_type.clone(),
                        number: made.number,
                        origin: made.origin.clone().map(origin_from).transpose()?,
                    };
                    parts.with(&[])?;
                    (Bytes::take(made.payload.bind(item.py()))?, Some(Box::new(parts)))
                }
            });
        }
        Ok(Messages { common, items })
    }
}

type Outcome<T> = Result<T, (Error, Option<PyErr>)>;

/// Runs `each` for every item, all of which one store operation covers; `numbers` of them take a new message number.
fn run<I, T>(
    state: &mut State,
    numbers: usize,
    items: impl ExactSizeIterator<Item = I>,
    mut each: impl FnMut(&mut Core, &mut PyPort, I) -> CoreResult<T>,
) -> Vec<Outcome<T>> {
    let State { core, port } = state;
    let most = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    core.batch(most(items.len()), most(numbers));
    let mut stopped = false;
    let outcomes = items
        .map(|item| {
            if stopped {
                return Err((Error::StorageFailed, None));
            }
            each(core, port, item).map_err(|error| {
                stopped = error == Error::StorageFailed;
                (error, port.cause.take())
            })
        })
        .collect();
    core.batch(0, 0);
    outcomes
}

/// Frames one behind the other, with room for the next one.
#[derive(Default)]
pub(crate) struct Row {
    bytes: Vec<u8>,
    used: usize,
}

/// The room grows by at least so much at a time.
const STEP: usize = 65_536;

impl Row {
    /// Lets `write` write a frame for a payload of this length; gives where it ends.
    pub(crate) fn push<T>(&mut self, payload: usize, write: impl FnOnce(&mut [u8]) -> CoreResult<(usize, T)>) -> CoreResult<(usize, T)> {
        let needed = self.used.saturating_add(payload).saturating_add(OVERHEAD);
        if self.bytes.len() < needed {
            self.bytes.resize(needed.saturating_add(STEP), 0);
        }
        let (length, made) = write(self.bytes.get_mut(self.used..needed).unwrap_or_default())?;
        self.used = self.used.saturating_add(length);
        Ok((self.used, made))
    }

    pub(crate) fn get(&self, start: usize, end: usize) -> &[u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }
}

/// What became of messages: where each frame ends in the row.
pub(crate) struct Protected {
    row: Row,
    outcomes: Vec<Outcome<(usize, endpoint::Sent)>>,
}

/// Protects every message.
pub(crate) fn send(state: &mut State, now: u64, session: SessionHandle, messages: &Messages) -> Protected {
    let mut row = Row::default();
    let numbers = messages.items.iter().filter(|(_, parts)| parts.as_deref().unwrap_or(&messages.common).takes_number()).count();
    let outcomes = run(state, numbers, messages.items.iter(), |core, port, (payload, parts)| {
        let message = parts.as_deref().unwrap_or(&messages.common).with(payload.get()).map_err(|_| Error::InvalidArgument)?;
        row.push(message.payload.len(), |out| core.send(port, now, session, &message, out).map(|sent| (sent.len, sent)))
    });
    Protected { row, outcomes }
}

/// As a list of `Sent` and exceptions.
pub(crate) fn sent<'py>(py: Python<'py>, protected: Protected) -> PyResult<Bound<'py, PyList>> {
    let Protected { row, outcomes } = protected;
    let mut start = 0;
    let item = |outcome| match outcome {
        Ok((end, sent)) => {
            let frame = row.get(std::mem::replace(&mut start, end), end);
            Bound::new(py, Sent::new(py, frame, &sent)).map(Bound::into_any)
        }
        Err((error, cause)) => value_with(py, error, cause).map(|made| made.into_bound(py)),
    };
    PyList::new(py, outcomes.into_iter().map(item).collect::<PyResult<Vec<_>>>()?)
}

/// Where a frame came from, if that is not what holds for the batch.
type From = Option<(Route, Option<Vec<u8>>)>;

/// A batch of frames, copied one behind the other: they are decrypted in place.
pub(crate) struct Frames {
    bytes: Vec<u8>,
    items: Vec<(usize, From)>,
    route: Route,
    topic: Option<Vec<u8>>,
}

impl Frames {
    /// Each item is a frame, or a tuple of frame, route and topic; else `route` and `topic` hold.
    pub(crate) fn take(frames: &Bound<'_, PyAny>, route: Route, topic: Option<Vec<u8>>) -> PyResult<Self> {
        let mut made = Frames { bytes: Vec::new(), items: Vec::with_capacity(frames.len().unwrap_or(0)), route, topic };
        for item in frames.try_iter()? {
            let item = item?;
            let (frame, own) = match item.cast::<PyTuple>() {
                Err(_) => (item, None),
                Ok(tuple) => {
                    let (frame, route, topic) =
                        tuple.extract::<(Bound<'_, PyAny>, Option<Bound<'_, PyAny>>, Option<Bound<'_, PyAny>>)>()?;
                    (frame, Some((route_from(route.as_ref())?, topic.as_ref().map(name_like).transpose()?)))
                }
            };
            let frame = bytes_of(&frame)?;
            made.bytes.extend_from_slice(&frame);
            made.items.push((frame.len(), own));
        }
        Ok(made)
    }

    /// Hands every frame in.
    pub(crate) fn handle(&mut self, state: &mut State, now: u64) -> Vec<Outcome<Event<'_>>> {
        let Frames { bytes, items, route, topic } = self;
        let (route, topic) = (*route, &*topic);
        let mut rest = bytes.as_mut_slice();
        run(state, 0, items.iter(), |core, port, (length, own)| {
            let (frame, tail) = std::mem::take(&mut rest).split_at_mut_checked(*length).ok_or(Error::Internal)?;
            rest = tail;
            let (route, topic) = own.as_ref().map_or((route, topic), |(route, topic)| (*route, topic));
            core.handle_frame(port, now, route, topic.as_deref(), frame)
        })
    }
}

/// As a list of events, None and exceptions.
pub(crate) fn brought<'py>(py: Python<'py>, outcomes: Vec<Outcome<Event<'_>>>) -> PyResult<Bound<'py, PyList>> {
    let item = |outcome| match outcome {
        Ok(event) => Ok(match events::event(py, &event) {
            Ok(made) => made.unwrap_or_else(|| py.None()),
            // An addressed topic that is no text.
            Err(raised) => raised.into_value(py).into_any(),
        }),
        Err((error, cause)) => value_with(py, error, cause),
    };
    PyList::new(py, outcomes.into_iter().map(item).collect::<PyResult<Vec<_>>>()?)
}
