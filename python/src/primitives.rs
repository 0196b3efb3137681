//! `sealwire.primitives`: handshake steps, records and algorithms for code that owns its own loop, and for tests.

use crate::batch::{Bytes, OVERHEAD, Row};
use crate::endpoint::{SHORT, anchor, known, method_from, methods_from};
use crate::error::{raise, raise_with, value};
use crate::keys::{Credential, Key, TrustAnchor, bytes_like, bytes_of, name_like};
use crate::port::{Own, PyPort, System};
use crate::scratch::Scratch;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use sealwire_core::Error;
use sealwire_core::bytes::{Secret, Writer};
use sealwire_core::crypto::{Aead, Curve, Provider, Suite};
use sealwire_core::edhoc::{
    self, AwaitMessage2, AwaitMessage3, AwaitMessage4, ConnectionId, Ead, Ephemeral, Message1, Method, Methods, Role,
};
use sealwire_core::record::{self, Accepted, Content, Header, Options, Parties, SecurityContext};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

const BUFFER: usize = 4096;
type EadList = Vec<(i64, Option<Vec<u8>>)>;

fn suite_from(number: i64) -> PyResult<Suite> {
    Suite::from_number(number).ok_or_else(|| raise(Error::UnsupportedSuite))
}

fn identifier(object: &Bound<'_, PyAny>) -> PyResult<ConnectionId> {
    ConnectionId::new(&bytes_like(object)?).map_err(raise)
}

fn role_from(name: &str) -> PyResult<Role> {
    match name {
        "initiator" => Ok(Role::Initiator),
        "responder" => Ok(Role::Responder),
        _ => Err(raise_with(Error::InvalidArgument, "role is initiator or responder", None)),
    }
}

fn items(list: &EadList) -> Vec<Ead<'_>> {
    list.iter().map(|(label, value)| Ead { label: *label, value: value.as_deref() }).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> PyResult<MutexGuard<'_, T>> {
    // try_lock: a key callback that calls the same object again gets an error, not a deadlock.
    mutex.try_lock().map_err(|_| raise(Error::Busy))
}

fn port(
    py: Python<'_>,
    credential: &Credential,
    key: &Key,
    peers: &[Py<Credential>],
    anchors: &[Py<TrustAnchor>],
    by_value: bool,
    trust_clock: bool,
) -> PyResult<PyPort> {
    Ok(PyPort {
        own: vec![Own { credential: credential.bytes.clone(), key: Arc::clone(&key.held), by_value }],
        peers: peers.iter().map(|peer| known(peer.get())).collect::<PyResult<_>>()?,
        anchors: anchors.iter().map(|one| anchor(one.get())).collect(),
        store: py.None(),
        resists_rollback: false,
        authorize: None,
        trust_clock,
        cause: None,
    })
}

/// Runs a handshake step; EAD items that it meets are collected.
fn step<R>(
    port: &mut PyPort,
    work: impl FnOnce(
        &mut PyPort,
        &mut dyn FnMut(&Ead<'_>) -> sealwire_core::error::Result<bool>,
        &mut [u8],
        &mut Writer<'_>,
    ) -> sealwire_core::error::Result<R>,
) -> PyResult<(R, Vec<u8>, EadList)> {
    let mut seen = EadList::new();
    let mut scratch = vec![0; BUFFER];
    let mut buffer = vec![0; BUFFER];
    let mut out = Writer::new(&mut buffer);
    let mut collect = |ead: &Ead<'_>| {
        seen.push((ead.label, ead.value.map(<[u8]>::to_vec)));
        Ok(true)
    };
    let result = work(port, &mut collect, &mut scratch, &mut out);
    let message = out.written().to_vec();
    let made = result.map_err(|error| raise_with(error, "", port.cause.take()))?;
    Ok((made, message, seen))
}

enum InitiatorState {
    Fresh,
    Sent(AwaitMessage2),
    Proved(AwaitMessage4),
}

/// The Initiator's half of a handshake, message by message. A message that fails leaves it as it was.
#[pyclass(frozen, module = "sealwire.primitives")]
pub(crate) struct Initiator {
    inner: Mutex<(PyPort, InitiatorState)>,
    method: Method,
    suites: Vec<Suite>,
    selected: Suite,
    ead: Mutex<EadList>,
}

#[pymethods]
impl Initiator {
    #[new]
    #[pyo3(signature = (credential, key, *, peers = Vec::new(), anchors = Vec::new(), method = 3, suite = 4, suites = None, by_value = false, trust_clock = true))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        credential: &Credential,
        key: &Key,
        peers: Vec<Py<Credential>>,
        anchors: Vec<Py<TrustAnchor>>,
        method: i64,
        suite: i64,
        suites: Option<Vec<i64>>,
        by_value: bool,
        trust_clock: bool,
    ) -> PyResult<Self> {
        let suites = suites.unwrap_or_else(|| vec![suite]).into_iter().map(suite_from).collect::<PyResult<_>>()?;
        let port = port(py, credential, key, &peers, &anchors, by_value, trust_clock)?;
        let (method, selected) = (method_from(method)?, suite_from(suite)?);
        Ok(Initiator { inner: Mutex::new((port, InitiatorState::Fresh)), method, suites, selected, ead: Mutex::default() })
    }

    /// message_1 with this connection identifier and these EAD items (label, value).
    #[pyo3(signature = (c_i, ead_1 = Vec::new()))]
    fn compose_message_1<'py>(&self, py: Python<'py>, c_i: &Bound<'py, PyAny>, ead_1: EadList) -> PyResult<Bound<'py, PyBytes>> {
        let c_i = identifier(c_i)?;
        let mut inner = lock(&self.inner)?;
        let (port, state) = &mut *inner;
        let (next, message, _) = step(port, |port, _, _, out| {
            edhoc::compose_message_1(port, self.method, &self.suites, self.selected, c_i, &items(&ead_1), out)
        })?;
        *state = InitiatorState::Sent(next);
        Ok(PyBytes::new(py, &message))
    }

    /// Verifies message_2, gives message_3.
    #[pyo3(signature = (message_2, ead_3 = Vec::new()))]
    fn process_message_2<'py>(&self, py: Python<'py>, message_2: &Bound<'py, PyAny>, ead_3: EadList) -> PyResult<Bound<'py, PyBytes>> {
        let message_2 = bytes_like(message_2)?;
        let mut inner = lock(&self.inner)?;
        let (port, state) = &mut *inner;
        let InitiatorState::Sent(waiting) = state else { return Err(raise(Error::WrongState)) };
        let (next, message, seen) = step(port, |port, on_ead, scratch, out| {
            waiting.process_message_2(port, &message_2, false, &items(&ead_3), on_ead, scratch, out)
        })?;
        *state = InitiatorState::Proved(next);
        *lock(&self.ead)? = seen;
        Ok(PyBytes::new(py, &message))
    }

    /// Verifies message_4; the handshake is complete.
    fn process_message_4(&self, message_4: &Bound<'_, PyAny>) -> PyResult<Completed> {
        let message_4 = bytes_like(message_4)?;
        let mut inner = lock(&self.inner)?;
        let (port, state) = &mut *inner;
        let InitiatorState::Proved(waiting) = state else { return Err(raise(Error::WrongState)) };
        let (done, _, seen) = step(port, |port, on_ead, scratch, _| waiting.process_message_4(port, &message_4, on_ead, scratch))?;
        *lock(&self.ead)? = seen;
        Ok(Completed { done, used: AtomicBool::new(false) })
    }

    /// The EAD items of the message processed last.
    #[getter]
    fn ead(&self) -> PyResult<EadList> {
        Ok(lock(&self.ead)?.clone())
    }
}

/// The Responder's half of a handshake, message by message.
#[pyclass(frozen, module = "sealwire.primitives")]
pub(crate) struct Responder {
    inner: Mutex<(PyPort, Option<Ephemeral>, Option<AwaitMessage3>)>,
    methods: Methods,
    suites: Vec<Suite>,
    ead: Mutex<EadList>,
}

#[pymethods]
impl Responder {
    #[new]
    #[pyo3(signature = (credential, key, *, peers = Vec::new(), anchors = Vec::new(), methods = None, suites = vec![4], by_value = false, trust_clock = true))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        credential: &Credential,
        key: &Key,
        peers: Vec<Py<Credential>>,
        anchors: Vec<Py<TrustAnchor>>,
        methods: Option<Vec<i64>>,
        suites: Vec<i64>,
        by_value: bool,
        trust_clock: bool,
    ) -> PyResult<Self> {
        let suites = suites.into_iter().map(suite_from).collect::<PyResult<_>>()?;
        let port = port(py, credential, key, &peers, &anchors, by_value, trust_clock)?;
        Ok(Responder { inner: Mutex::new((port, None, None)), methods: methods_from(methods)?, suites, ead: Mutex::default() })
    }

    /// Processes message_1, gives message_2.
    #[pyo3(signature = (message_1, c_r, ead_2 = Vec::new()))]
    fn process_message_1<'py>(
        &self,
        py: Python<'py>,
        message_1: &Bound<'py, PyAny>,
        c_r: &Bound<'py, PyAny>,
        ead_2: EadList,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (message_1, c_r) = (bytes_like(message_1)?, identifier(c_r)?);
        let mut inner = lock(&self.inner)?;
        let (port, kept, state) = &mut *inner;
        let (_, suite) = Message1::parse(&message_1).and_then(|parsed| parsed.check(self.methods, &self.suites)).map_err(raise)?;
        // Kept while a signature is pending, which must be asked for again for the same bytes.
        let y = match kept.take() {
            Some(y) if y.curve() == suite.curve() => y,
            _ => Ephemeral::generate(port, suite.curve()).map_err(raise)?,
        };
        let mut pending = false;
        let outcome = step(port, |port, on_ead, scratch, out| {
            let outcome =
                edhoc::process_message_1(port, self.methods, &self.suites, &y, c_r, &message_1, on_ead, &items(&ead_2), scratch, out);
            pending = matches!(outcome, Err(Error::Pending));
            outcome
        });
        if pending {
            *kept = Some(y);
        }
        let (next, message, seen) = outcome?;
        *state = Some(next);
        *lock(&self.ead)? = seen;
        Ok(PyBytes::new(py, &message))
    }

    /// Verifies message_3, gives message_4 and the completed handshake.
    #[pyo3(signature = (message_3, ead_4 = Vec::new()))]
    fn process_message_3<'py>(
        &self,
        py: Python<'py>,
        message_3: &Bound<'py, PyAny>,
        ead_4: EadList,
    ) -> PyResult<(Bound<'py, PyBytes>, Completed)> {
        let message_3 = bytes_like(message_3)?;
        let mut inner = lock(&self.inner)?;
        let (port, _, state) = &mut *inner;
        let Some(waiting) = state else { return Err(raise(Error::WrongState)) };
        let (done, message, seen) = step(port, |port, on_ead, scratch, out| {
            waiting.process_message_3(port, &message_3, None, on_ead, &items(&ead_4), scratch, out)
        })?;
        // A second message_3 would give the same keys again.
        *state = None;
        *lock(&self.ead)? = seen;
        Ok((PyBytes::new(py, &message), Completed { done, used: AtomicBool::new(false) }))
    }

    /// The EAD items of the message processed last.
    #[getter]
    fn ead(&self) -> PyResult<EadList> {
        Ok(lock(&self.ead)?.clone())
    }
}

/// What a handshake yields.
#[pyclass(frozen, module = "sealwire.primitives")]
pub(crate) struct Completed {
    done: edhoc::Completed,
    /// `records` was called.
    used: AtomicBool,
}

#[pymethods]
impl Completed {
    /// The peer's identity, authenticated.
    #[getter]
    fn peer<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.done.peer.0)
    }

    /// This endpoint's identity.
    #[getter]
    fn own<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.done.own.0)
    }

    /// 0 to 3.
    #[getter]
    fn method(&self) -> u8 {
        self.done.method.number()
    }

    /// The cipher suite's number.
    #[getter]
    fn suite(&self) -> u8 {
        self.done.suite.number()
    }

    /// The last transcript hash.
    #[getter]
    fn th_4<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.done.th_4)
    }

    /// PRK_out. A secret: for tests and tools only.
    #[getter]
    fn prk_out<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.done.prk_out().expose())
    }

    /// EDHOC_Exporter.
    fn exporter<'py>(&self, py: Python<'py>, label: u64, context: &Bound<'py, PyAny>, length: usize) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = zeroize::Zeroizing::new(vec![0; length.min(8161)]);
        edhoc::exporter(&mut System::default(), self.done.prk_out(), label, &bytes_like(context)?, &mut out).map_err(raise)?;
        Ok(PyBytes::new(py, &out))
    }

    /// The records of this session, epoch 0; once, since others would use the same nonces again. Nothing is stored: for sessions
    /// that end with the process.
    fn records(&self) -> PyResult<Records> {
        if self.used.swap(true, Ordering::Relaxed) {
            return Err(raise_with(Error::WrongState, "the records of this handshake were taken", None));
        }
        let done = &self.done;
        let sid = *done.th_4.first_chunk::<8>().ok_or_else(|| raise(Error::Internal))?;
        Records::start(
            Parties { suite: done.suite, role: done.role, c_i: done.c_i, c_r: done.c_r, own: done.own, peer: done.peer, sid },
            done.prk_out(),
        )
    }
}

/// Records of one session, without endpoint and store.
#[pyclass(frozen, module = "sealwire.primitives")]
pub(crate) struct Records {
    context: Mutex<SecurityContext>,
}

impl Records {
    fn start(parties: Parties, prk_out: &Secret<32>) -> PyResult<Self> {
        let mut context = SecurityContext::new(&mut System::default(), parties, prk_out).map_err(raise)?;
        context.make_volatile();
        Ok(Records { context: Mutex::new(context) })
    }

    /// Runs `work`; what is quick keeps the interpreter's lock unless it has to wait. Nothing in here calls back into Python.
    fn with<R: Send>(&self, py: Python<'_>, quick: bool, work: impl FnOnce(&mut SecurityContext) -> R + Send) -> PyResult<R> {
        match self.context.try_lock() {
            Ok(mut context) if quick => Ok(work(&mut context)),
            not_now => {
                drop(not_now);
                py.detach(|| self.context.lock().map(|mut context| work(&mut context)).map_err(|_| Error::Internal)).map_err(raise)
            }
        }
    }
}

#[pymethods]
impl Records {
    #[new]
    #[pyo3(signature = (*, suite, role, c_i, c_r, own, peer, prk_out))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        suite: i64,
        role: &str,
        c_i: &Bound<'_, PyAny>,
        c_r: &Bound<'_, PyAny>,
        own: &Bound<'_, PyAny>,
        peer: &Bound<'_, PyAny>,
        prk_out: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let parties = Parties {
            suite: suite_from(suite)?,
            role: role_from(role)?,
            c_i: identifier(c_i)?,
            c_r: identifier(c_r)?,
            own: crate::keys::thumbprint_like(own)?,
            peer: crate::keys::thumbprint_like(peer)?,
            sid: [0; 8],
        };
        Self::start(parties, &Secret::from_slice(&bytes_like(prk_out)?).map_err(raise)?)
    }

    /// Protects a data message. `topic` is that of a record in place, `addressed` the encrypted one.
    #[pyo3(signature = (payload, *, confirmable = false, topic = None, addressed = None))]
    fn protect<'py>(
        &self,
        py: Python<'py>,
        payload: &Bound<'py, PyAny>,
        confirmable: bool,
        topic: Option<&Bound<'py, PyAny>>,
        addressed: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let payload = bytes_of(payload)?;
        let (topic, addressed) = (topic.map(name_like).transpose()?, addressed.map(name_like).transpose()?);
        let mut frame = Scratch::take(payload.len().saturating_add(OVERHEAD));
        let length = self.with(py, payload.len() <= SHORT, |context| {
            protect(context, &payload, confirmable, topic.as_deref(), addressed.as_deref(), &mut frame)
        })?;
        Ok(PyBytes::new(py, frame.get(..length.map_err(raise)?).unwrap_or_default()))
    }

    /// Protects many messages in one call: a list of frames, with the exception in the place of what failed.
    #[pyo3(signature = (payloads, *, confirmable = false, topic = None, addressed = None))]
    fn protect_many<'py>(
        &self,
        py: Python<'py>,
        payloads: &Bound<'py, PyAny>,
        confirmable: bool,
        topic: Option<&Bound<'py, PyAny>>,
        addressed: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let payloads = payloads.try_iter()?.map(|payload| Bytes::take(&payload?)).collect::<PyResult<Vec<_>>>()?;
        let (topic, addressed) = (topic.map(name_like).transpose()?, addressed.map(name_like).transpose()?);
        let mut row = Row::default();
        let ends = self.with(py, false, |context| {
            let each = |payload: &Bytes| {
                let payload = payload.get();
                let made = row.push(payload.len(), |out| {
                    protect(context, payload, confirmable, topic.as_deref(), addressed.as_deref(), out).map(|length| (length, ()))
                });
                made.map(|(end, ())| end)
            };
            payloads.iter().map(each).collect::<Vec<_>>()
        })?;
        let mut start = 0;
        let item = |end| match end {
            Ok(end) => Ok(PyBytes::new(py, row.get(std::mem::replace(&mut start, end), end)).into_any()),
            Err(error) => value(py, error).map(|made| made.into_bound(py)),
        };
        PyList::new(py, ends.into_iter().map(item).collect::<PyResult<Vec<_>>>()?)
    }

    /// Verifies and decrypts a record; gives payload, number, topic, missing, late and partial_iv.
    #[pyo3(signature = (frame, *, topic = None))]
    fn unprotect<'py>(
        &self,
        py: Python<'py>,
        frame: &Bound<'py, PyAny>,
        topic: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let bytes = bytes_of(frame)?;
        let topic = topic.map(name_like).transpose()?;
        let mut scratch = Scratch::take(bytes.len());
        let frame = scratch.get_mut(..bytes.len()).unwrap_or_default();
        frame.copy_from_slice(&bytes);
        let opened = self.with(py, bytes.len() <= SHORT, |context| unprotect(context, topic.as_deref(), frame))?;
        unprotected(py, &opened.map_err(raise)?)
    }

    /// Verifies and decrypts many records in one call: a list of payloads, with the exception in the place of what was refused.
    #[pyo3(signature = (frames, *, topic = None))]
    fn unprotect_many<'py>(
        &self,
        py: Python<'py>,
        frames: &Bound<'py, PyAny>,
        topic: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let topic = topic.map(name_like).transpose()?;
        let (mut bytes, mut lengths) = (Vec::new(), Vec::new());
        for frame in frames.try_iter()? {
            let frame = frame?;
            let frame = bytes_of(&frame)?;
            bytes.extend_from_slice(&frame);
            lengths.push(frame.len());
        }
        let mut rest = bytes.as_mut_slice();
        let opened = self.with(py, false, |context| {
            let each = |length: &usize| {
                let (frame, tail) = std::mem::take(&mut rest).split_at_mut_checked(*length).ok_or(Error::Internal)?;
                rest = tail;
                unprotect(context, topic.as_deref(), frame)
            };
            lengths.iter().map(each).collect::<Vec<_>>()
        })?;
        let item = |opened: sealwire_core::error::Result<Unprotected<'_>>| match opened {
            Ok(opened) => Ok(PyBytes::new(py, opened.content.payload).into_any()),
            Err(error) => value(py, error).map(|made| made.into_bound(py)),
        };
        PyList::new(py, opened.into_iter().map(item).collect::<PyResult<Vec<_>>>()?)
    }
}

fn protect(
    context: &mut SecurityContext,
    payload: &[u8],
    confirmable: bool,
    topic: Option<&[u8]>,
    addressed: Option<&[u8]>,
    out: &mut [u8],
) -> sealwire_core::error::Result<usize> {
    let number = if confirmable { Some(context.sent.take()?) } else { None };
    let message = record::Outgoing { number, options: Options { topic: addressed, ..Options::default() }, payload };
    context.protect(&mut System::default(), &message, topic, out).inspect_err(|_| {
        if let Some(number) = number {
            context.sent.give_back(number);
        }
    })
}

/// A record that was verified, accepted and read.
struct Unprotected<'f> {
    content: Content<'f>,
    accepted: Accepted,
    partial_iv: u64,
}

fn unprotect<'f>(
    context: &mut SecurityContext,
    topic: Option<&[u8]>,
    frame: &'f mut [u8],
) -> sealwire_core::error::Result<Unprotected<'f>> {
    let length = context.parties().recipient_id().as_bytes().len();
    let header = Header::parse(frame, length)?;
    let opened = context.unprotect(&mut System::default(), &header, topic, frame)?;
    let accepted = context.accept(opened.at)?;
    Ok(Unprotected { content: opened.content()?, accepted, partial_iv: header.partial_iv })
}

fn unprotected<'py>(py: Python<'py>, opened: &Unprotected<'_>) -> PyResult<Bound<'py, PyDict>> {
    let made = PyDict::new(py);
    made.set_item(intern!(py, "payload"), PyBytes::new(py, opened.content.payload))?;
    made.set_item(intern!(py, "number"), opened.content.number)?;
    made.set_item(intern!(py, "topic"), opened.content.options.topic.map(|topic| PyBytes::new(py, topic)))?;
    made.set_item(intern!(py, "missing"), opened.accepted.missing)?;
    made.set_item(intern!(py, "late"), opened.accepted.late)?;
    made.set_item(intern!(py, "partial_iv"), opened.partial_iv)?;
    Ok(made)
}

fn aead_from(number: i64) -> PyResult<Aead> {
    Aead::from_number(number).ok_or_else(|| raise(Error::UnsupportedSuite))
}

/// AEAD by COSE number (10, 24, 30): ciphertext followed by the tag.
#[pyfunction]
pub(crate) fn seal<'py>(
    py: Python<'py>,
    algorithm: i64,
    key: &Bound<'py, PyAny>,
    nonce: &Bound<'py, PyAny>,
    aad: &Bound<'py, PyAny>,
    plaintext: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let aead = aead_from(algorithm)?;
    let (key, nonce, aad, mut buffer) = (bytes_like(key)?, bytes_like(nonce)?, bytes_like(aad)?, bytes_like(plaintext)?);
    let mut tag = vec![0; aead.tag_len()];
    let done = py.detach(|| System::default().seal(aead, &key, &nonce, &aad, &mut buffer, &mut tag));
    done.map_err(raise)?;
    buffer.extend(tag);
    Ok(PyBytes::new(py, &buffer))
}

/// The reverse of `seal`. Raises `DecryptFailed`.
#[pyfunction]
pub(crate) fn open<'py>(
    py: Python<'py>,
    algorithm: i64,
    key: &Bound<'py, PyAny>,
    nonce: &Bound<'py, PyAny>,
    aad: &Bound<'py, PyAny>,
    ciphertext: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let aead = aead_from(algorithm)?;
    let (key, nonce, aad, mut buffer) = (bytes_like(key)?, bytes_like(nonce)?, bytes_like(aad)?, bytes_like(ciphertext)?);
    let split = buffer.len().checked_sub(aead.tag_len()).ok_or_else(|| raise(Error::Malformed))?;
    let tag = buffer.split_off(split);
    let done = py.detach(|| System::default().open(aead, &key, &nonce, &aad, &mut buffer, &tag));
    done.map_err(raise)?;
    Ok(PyBytes::new(py, &buffer))
}

/// Diffie-Hellman of a raw private key with a public one: "X25519", or "P-256" with x coordinates.
#[pyfunction]
pub(crate) fn agree<'py>(
    py: Python<'py>,
    curve: &str,
    private: &Bound<'py, PyAny>,
    public: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let curve = match curve {
        "X25519" => Curve::X25519,
        "P-256" => Curve::P256,
        _ => return Err(raise_with(Error::InvalidArgument, "curve is X25519 or P-256", None)),
    };
    let private = Secret::from_slice(&bytes_like(private)?).map_err(raise)?;
    let public: [u8; 32] = bytes_like(public)?.as_slice().try_into().map_err(|_| raise(Error::InvalidKey))?;
    let mut shared = Secret::zero();
    System::default().agree_ephemeral(curve, &private, &public, &mut shared).map_err(raise)?;
    Ok(PyBytes::new(py, shared.expose()))
}
