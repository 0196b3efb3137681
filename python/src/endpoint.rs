//! `Endpoint`: the core's endpoint behind a lock, with its surroundings in Python.

use crate::batch::{self, Frames, Messages, OVERHEAD, Parts};
use crate::error::{raise, raise_with};
use crate::events::{self, Sent, SessionInfo, Transmit};
use crate::keys::{Credential, Key, TrustAnchor, bytes_like, bytes_of, name_like, thumbprint_like};
use crate::peers::Known;
use crate::port::{Anchor, Own, PyPort};
use crate::scratch::Scratch;
use crate::setup::{OwnershipState, Shown, secret_like, standing};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use sealwire_core::Error;
use sealwire_core::credential::x5t_of;
use sealwire_core::crypto::{AuthenticationKey, Suite};
use sealwire_core::edhoc::{Method, Methods};
use sealwire_core::endpoint::{Config, HandshakeId, HeapTables, InboxName, MAX_SUITES, Origin, Route, SessionHandle, Sid};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

pub(crate) type Core = sealwire_core::endpoint::Endpoint<HeapTables>;
pub(crate) type CoreResult<T> = sealwire_core::error::Result<T>;

const LONGEST_TRANSMIT: usize = 4096;
/// Up to so many bytes a record takes less time than to give the interpreter's lock away and to get it back: that is not done for them, as in
/// `hashlib`.
pub(crate) const SHORT: usize = 2048;
/// First bytes of records; other frames may need public-key operations.
const RECORDS: RangeInclusive<u8> = 0x40..=0x7f;

pub(crate) struct State {
    pub(crate) core: Core,
    pub(crate) port: PyPort,
}

/// One party: its sessions, handshakes and timers. It does no input or output of its own.
///
/// Safe to use from several threads; the interpreter's lock is released around cryptography, except for a single short record. A callback (store,
/// key, authorize) that calls back into the same endpoint gets `Busy`.
#[pyclass(frozen, module = "sealwire")]
pub(crate) struct Endpoint {
    state: Mutex<State>,
    /// The thread inside, 0 for none.
    inside: AtomicU64,
    started: Instant,
}

/// A number for this thread, never 0.
fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static MINE: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    MINE.with(|mine| *mine)
}

/// Marks the thread as inside, also when the work unwinds.
struct Inside<'a>(&'a AtomicU64);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}

impl Endpoint {
    /// Runs `work` with the interpreter's lock released. Waiting for the endpoint's lock happens without the interpreter's, so a
    /// callback of the thread inside can always take that one: the two locks cannot wait for each other.
    fn with<R: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut State) -> CoreResult<R> + Send) -> PyResult<R> {
        self.run(py, false, work)
    }

    /// The same for what is done quickly: the interpreter's lock is kept, unless the endpoint's is taken.
    fn quickly<R: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut State) -> CoreResult<R> + Send) -> PyResult<R> {
        self.run(py, true, work)
    }

    fn run<R: Send>(&self, py: Python<'_>, quick: bool, work: impl FnOnce(&mut State) -> CoreResult<R> + Send) -> PyResult<R> {
        let me = thread_number();
        if self.inside.load(Ordering::Acquire) == me {
            return Err(raise_with(Error::Busy, "a callback of this endpoint called it", None));
        }
        let (result, cause) = match self.state.try_lock() {
            Ok(state) if quick => self.enter(me, state, work),
            not_now => {
                drop(not_now);
                py.detach(|| match self.state.lock() {
                    Ok(state) => self.enter(me, state, work),
                    // A panic inside left the state in doubt; the endpoint is unusable, its process is not.
                    Err(_) => (Err(Error::Internal), None),
                })
            }
        };
        result.map_err(|error| raise_with(error, "", cause))
    }

    fn enter<R>(
        &self,
        me: u64,
        mut state: MutexGuard<'_, State>,
        work: impl FnOnce(&mut State) -> CoreResult<R>,
    ) -> (CoreResult<R>, Option<PyErr>) {
        self.inside.store(me, Ordering::Release);
        // Before the guard in the order of dropping: while the lock is held, the mark is right.
        let _inside = Inside(&self.inside);
        let result = work(&mut state);
        (result, state.port.cause.take())
    }

    fn time(&self, now: Option<u64>) -> u64 {
        now.unwrap_or_else(|| u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

pub(crate) fn route_from(object: Option<&Bound<'_, PyAny>>) -> PyResult<Route> {
    match object {
        None => Ok(Route::default()),
        Some(object) => Route::new(&name_like(object)?).map_err(|error| raise_with(error, "a route has at most 16 bytes", None)),
    }
}

pub(crate) fn origin_from((sid, number): (Vec<u8>, u64)) -> PyResult<Origin> {
    let sid: [u8; 8] = sid.as_slice().try_into().map_err(|_| raise_with(Error::InvalidArgument, "a sid has 8 bytes", None))?;
    Ok(Origin { sid: Sid(sid), number })
}

fn inbox_from(name: Option<&str>) -> PyResult<Option<InboxName>> {
    name.map(|name| InboxName::new(name.as_bytes()).map_err(|error| raise_with(error, "an inbox name is 1 to 16 of a-z, 0-9 and -", None)))
        .transpose()
}

fn suites_from(numbers: Option<Vec<i64>>) -> PyResult<[Option<Suite>; MAX_SUITES]> {
    let Some(numbers) = numbers else { return Ok(Config::default().suites) };
    let mut suites = [None; MAX_SUITES];
    if numbers.is_empty() || numbers.len() > suites.len() {
        return Err(raise_with(Error::InvalidArgument, "1 to 4 suites", None));
    }
    for (slot, number) in suites.iter_mut().zip(numbers) {
        let suite = Suite::from_number(number).ok_or_else(|| raise_with(Error::UnsupportedSuite, &format!("suite {number}"), None))?;
        *slot = Some(suite);
    }
    Ok(suites)
}

pub(crate) fn method_from(number: i64) -> PyResult<Method> {
    Method::from_number(number).ok_or_else(|| raise_with(Error::UnsupportedMethod, &format!("method {number}; they are 0 to 3"), None))
}

pub(crate) fn methods_from(numbers: Option<Vec<i64>>) -> PyResult<Methods> {
    let Some(numbers) = numbers else { return Ok(Methods::ALL) };
    numbers.into_iter().try_fold(Methods::NONE, |methods, number| Ok(methods.with(method_from(number)?)))
}

pub(crate) fn known(credential: &Credential) -> PyResult<Known> {
    let kid = credential.parsed()?.kid.map(<[u8]>::to_vec);
    Ok(Known { credential: credential.bytes.clone(), kid, x5t: x5t_of(&credential.bytes), thumbprint: credential.thumbprint })
}

pub(crate) fn anchor(anchor: &TrustAnchor) -> Anchor {
    Anchor { key: anchor.key, kid: anchor.kid.clone(), purposes: anchor.purposes }
}

#[pymethods]
impl Endpoint {
    /// Makes an endpoint. See `sealwire/_sealwire.pyi` for what each setting means.
    #[new]
    #[pyo3(signature = (
        identities, *, peers = Vec::new(), anchors = Vec::new(), store = None, authorize = None, suites = None, method = 3, methods = None,
        inbox = None, reply_inbox = None, mqtt = false, by_value = false, identifier_len = 1, reserve = 64, edge = 64, offers = false,
        command_lifetime_ms = 10_000, handshake_interval_ms = 1_000, handshake_attempts = 6, half_open_ms = 60_000,
        resend_interval_ms = 3_000, ack_delay_ms = 50, ping_after_ms = 0, silent_attempts = 5, key_update_after = 1 << 32,
        reconnect = true, trust_clock = true, max_sessions = 65_536, max_handshakes = 256
    ))]
    #[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools)]
    fn new(
        py: Python<'_>,
        identities: Vec<(Py<Credential>, Py<Key>)>,
        peers: Vec<Py<Credential>>,
        anchors: Vec<Py<TrustAnchor>>,
        store: Option<Py<PyAny>>,
        authorize: Option<Py<PyAny>>,
        suites: Option<Vec<i64>>,
        method: i64,
        methods: Option<Vec<i64>>,
        inbox: Option<&str>,
        reply_inbox: Option<&str>,
        mqtt: bool,
        by_value: bool,
        identifier_len: u8,
        reserve: u32,
        edge: u32,
        offers: bool,
        command_lifetime_ms: u32,
        handshake_interval_ms: u32,
        handshake_attempts: u8,
        half_open_ms: u32,
        resend_interval_ms: u32,
        ack_delay_ms: u32,
        ping_after_ms: u32,
        silent_attempts: u8,
        key_update_after: u64,
        reconnect: bool,
        trust_clock: bool,
        max_sessions: usize,
        max_handshakes: usize,
    ) -> PyResult<Self> {
        let mut config = Config::default();
        config.suites = suites_from(suites)?;
        config.method = method_from(method)?;
        config.methods = methods_from(methods)?;
        config.identifier_len = identifier_len;
        config.inbox = inbox_from(inbox)?;
        config.reply_inbox = inbox_from(reply_inbox)?;
        config.mqtt = mqtt;
        config.reserve = reserve;
        config.edge = edge;
        config.offers = offers;
        config.command_lifetime_ms = command_lifetime_ms;
        config.handshake_interval_ms = handshake_interval_ms;
        config.handshake_attempts = handshake_attempts;
        config.half_open_ms = half_open_ms;
        config.resend_interval_ms = resend_interval_ms;
        config.ack_delay_ms = ack_delay_ms;
        config.ping_after_ms = ping_after_ms;
        config.silent_attempts = silent_attempts;
        config.key_update_after = key_update_after;
        config.reconnect = reconnect;

        if identities.is_empty() {
            return Err(raise_with(Error::InvalidArgument, "at least one identity", None));
        }
        let mut own = Vec::new();
        for (credential, key) in &identities {
            let (credential, key) = (credential.get(), key.get());
            if credential.key != key.held.public {
                return Err(raise_with(Error::UnknownKey, "the private key does not belong to the credential", None));
            }
            own.push(Own { credential: credential.bytes.clone(), key: Arc::clone(&key.held), by_value });
        }
        // Only suites for which there is an identity can be used; offering others would only fail later.
        for slot in &mut config.suites {
            let sorts = [AuthenticationKey::StaticDh, AuthenticationKey::Signature];
            let serves = |suite| own.iter().any(|own| sorts.iter().any(|sort| own.key.serves(suite, *sort)));
            if !slot.is_some_and(serves) {
                *slot = None;
            }
        }
        let mut kept = config.suites.into_iter().flatten();
        config.suites = core::array::from_fn(|_| kept.next());
        if config.suites.first().is_none_or(Option::is_none) {
            return Err(raise_with(
                Error::UnsupportedSuite,
                "no identity fits any suite: X25519 or Ed25519 for suites 4 and 0, P-256 or ES256 for suites 2 and 3",
                None,
            ));
        }

        let store = match store {
            Some(store) => store,
            None => py.import("sealwire.store")?.getattr("MemoryStore")?.call0()?.unbind(),
        };
        let resists_rollback = store.bind(py).getattr("resists_rollback")?.is_truthy()?;
        let port = PyPort {
            own,
            peers: peers.iter().map(|peer| known(peer.get())).collect::<PyResult<_>>()?,
            anchors: anchors.iter().map(|one| anchor(one.get())).collect(),
            store,
            resists_rollback,
            authorize,
            trust_clock,
            cause: None,
        };
        let core = Core::new(HeapTables::new(max_sessions, max_handshakes), config).map_err(raise)?;
        Ok(Endpoint { state: Mutex::new(State { core, port }), inside: AtomicU64::new(0), started: Instant::now() })
    }

    /// The endpoint's clock: milliseconds since it was made, used wherever `now` is left out.
    fn now(&self) -> u64 {
        self.time(None)
    }

    /// Starts a handshake with whoever is behind `route` (an inbox name on MQTT, nothing on a link). Gives its handle.
    #[pyo3(signature = (route = None, *, peer = None, now = None))]
    fn connect(
        &self,
        py: Python<'_>,
        route: Option<&Bound<'_, PyAny>>,
        peer: Option<&Bound<'_, PyAny>>,
        now: Option<u64>,
    ) -> PyResult<u32> {
        let (route, peer, now) = (route_from(route)?, peer.map(thumbprint_like).transpose()?, self.time(now));
        self.with(py, |state| state.core.connect(&mut state.port, now, route, peer)).map(|id| id.0)
    }

    /// Protects a message. With `topic` alone it is addressed, with `in_place` the record belongs on that topic.
    #[pyo3(signature = (
        session, payload, *, topic = None, in_place = false, command = false, confirmable = false, retain = false,
        expiry_s = None, content_type = None, number = None, origin = None, now = None
    ))]
    #[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools)]
    fn send(
        &self,
        py: Python<'_>,
        session: u32,
        payload: &Bound<'_, PyAny>,
        topic: Option<&Bound<'_, PyAny>>,
        in_place: bool,
        command: bool,
        confirmable: bool,
        retain: bool,
        expiry_s: Option<u32>,
        content_type: Option<&str>,
        number: Option<u64>,
        origin: Option<(Vec<u8>, u64)>,
        now: Option<u64>,
    ) -> PyResult<Sent> {
        let (payload, topic, now) = (bytes_of(payload)?, topic.map(name_like).transpose()?, self.time(now));
        let origin = origin.map(origin_from).transpose()?;
        let parts = Parts {
            topic,
            in_place,
            command,
            confirmable,
            retain,
            expiry_s,
            content_type: content_type.map(str::to_owned),
            number,
            origin,
        };
        let outgoing = parts.with(&payload)?;
        let mut frame = Scratch::take(payload.len().saturating_add(OVERHEAD));
        let sent = self.run(py, payload.len() <= SHORT, |state| {
            state.core.send(&mut state.port, now, SessionHandle(session), &outgoing, &mut frame)
        })?;
        Ok(Sent::new(py, frame.get(..sent.len).unwrap_or_default(), &sent))
    }

    /// Protects many messages in one call, with one store operation at most: a list of `Sent`, with the exception in the place of what failed.
    #[pyo3(signature = (session, messages, *, topic = None, in_place = false, confirmable = false, now = None))]
    #[allow(clippy::too_many_arguments)]
    fn send_many<'py>(
        &self,
        py: Python<'py>,
        session: u32,
        messages: &Bound<'py, PyAny>,
        topic: Option<&Bound<'py, PyAny>>,
        in_place: bool,
        confirmable: bool,
        now: Option<u64>,
    ) -> PyResult<Bound<'py, PyList>> {
        let common = Parts { topic: topic.map(name_like).transpose()?, in_place, confirmable, ..Parts::default() };
        let (messages, now) = (Messages::take(messages, common)?, self.time(now));
        let protected = self.with(py, |state| Ok(batch::send(state, now, SessionHandle(session), &messages)))?;
        batch::sent(py, protected)
    }

    /// The effect of a confirmable message is durable: store that, and acknowledge the message.
    #[pyo3(signature = (session, number, *, origin = None, now = None))]
    fn commit(&self, py: Python<'_>, session: u32, number: u64, origin: Option<(Vec<u8>, u64)>, now: Option<u64>) -> PyResult<()> {
        let (now, origin) = (self.time(now), origin.map(origin_from).transpose()?);
        self.with(py, |state| state.core.commit(&mut state.port, now, SessionHandle(session), number, origin))
    }

    /// Asks the peer for new keys.
    #[pyo3(signature = (session, *, now = None))]
    fn key_update(&self, py: Python<'_>, session: u32, now: Option<u64>) -> PyResult<()> {
        let now = self.time(now);
        self.with(py, |state| state.core.key_update(&mut state.port, now, SessionHandle(session)))
    }

    /// Ends a session here: its keys are erased, in memory and in the store.
    fn close(&self, py: Python<'_>, session: u32) -> PyResult<()> {
        self.with(py, |state| state.core.close(&mut state.port, SessionHandle(session)))
    }

    /// Takes up the sessions of the store; once, before anything else. Gives how many.
    #[pyo3(signature = (*, now = None))]
    fn restore(&self, py: Python<'_>, now: Option<u64>) -> PyResult<usize> {
        let now = self.time(now);
        self.with(py, |state| state.core.restore(&mut state.port, now))
    }

    /// Key material for the application: the EDHOC exporter. Labels from 33000 on.
    fn export<'py>(
        &self,
        py: Python<'py>,
        session: u32,
        label: u64,
        context: &Bound<'py, PyAny>,
        length: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let context = bytes_like(context)?;
        let mut out = zeroize::Zeroizing::new(vec![0; length.min(8160)]);
        if length > 8160 {
            return Err(raise(Error::InvalidArgument));
        }
        self.with(py, |state| state.core.export(&mut state.port, SessionHandle(session), label, &context, &mut out))?;
        Ok(PyBytes::new(py, &out))
    }

    /// Takes a frame. Gives what it brought, or None. Raises the typed reason if it is refused, and then nothing has changed.
    #[pyo3(signature = (frame, *, route = None, topic = None, now = None))]
    fn handle_frame(
        &self,
        py: Python<'_>,
        frame: &Bound<'_, PyAny>,
        route: Option<&Bound<'_, PyAny>>,
        topic: Option<&Bound<'_, PyAny>>,
        now: Option<u64>,
    ) -> PyResult<Option<Py<PyAny>>> {
        let bytes = bytes_of(frame)?;
        let (route, topic, now) = (route_from(route)?, topic.map(name_like).transpose()?, self.time(now));
        let mut scratch = Scratch::take(bytes.len());
        let frame = scratch.get_mut(..bytes.len()).unwrap_or_default();
        frame.copy_from_slice(&bytes);
        let quick = frame.len() <= SHORT && frame.first().is_some_and(|kind| RECORDS.contains(kind));
        let event = self.run(py, quick, |state| state.core.handle_frame(&mut state.port, now, route, topic.as_deref(), frame))?;
        events::event(py, &event)
    }

    /// Takes many frames in one call, with one store operation at most for each session: a list of what each brought, or None, with the
    /// exception in the place of what was refused.
    #[pyo3(signature = (frames, *, route = None, topic = None, now = None))]
    fn handle_frames<'py>(
        &self,
        py: Python<'py>,
        frames: &Bound<'py, PyAny>,
        route: Option<&Bound<'py, PyAny>>,
        topic: Option<&Bound<'py, PyAny>>,
        now: Option<u64>,
    ) -> PyResult<Bound<'py, PyList>> {
        let (route, topic, now) = (route_from(route)?, topic.map(name_like).transpose()?, self.time(now));
        let mut frames = Frames::take(frames, route, topic)?;
        let outcomes = self.with(py, |state| Ok(frames.handle(state, now)))?;
        batch::brought(py, outcomes)
    }

    /// Lets time pass. Call it when `poll_timeout` says so; calling it more often does no harm.
    #[pyo3(signature = (*, now = None))]
    fn handle_timeout(&self, py: Python<'_>, now: Option<u64>) -> PyResult<()> {
        let now = self.time(now);
        self.with(py, |state| state.core.handle_timeout(&mut state.port, now))
    }

    /// Goes on after `Pending`, when the key store has answered.
    #[pyo3(signature = (*, now = None))]
    fn resume_pending(&self, py: Python<'_>, now: Option<u64>) -> PyResult<()> {
        let now = self.time(now);
        self.with(py, |state| state.core.resume_pending(&mut state.port, now))
    }

    /// The next frame to send, or None.
    #[pyo3(signature = (*, now = None))]
    fn poll_transmit(&self, py: Python<'_>, now: Option<u64>) -> PyResult<Option<Transmit>> {
        let now = self.time(now);
        let mut frame = Scratch::take(LONGEST_TRANSMIT);
        let found = self.quickly(py, |state| state.core.poll_transmit(&mut state.port, now, &mut frame))?;
        Ok(found.map(|transmit| Transmit {
            frame: PyBytes::new(py, frame.get(..transmit.len).unwrap_or_default()).unbind(),
            route: PyBytes::new(py, transmit.route.as_bytes()).unbind(),
            handshake: transmit.handshake,
        }))
    }

    /// The next thing that happened by itself, or None.
    fn poll_event(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        match self.quickly(py, |state| Ok(state.core.poll_event()))? {
            None => Ok(None),
            Some(event) => events::event(py, &event),
        }
    }

    /// When `handle_timeout` is due, on the endpoint's clock, or None.
    fn poll_timeout(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        self.quickly(py, |state| Ok(state.core.poll_timeout()))
    }

    /// What is known about a session. Raises `UnknownSession`.
    #[pyo3(signature = (session, *, now = None))]
    fn session(&self, py: Python<'_>, session: u32, now: Option<u64>) -> PyResult<SessionInfo> {
        let now = self.time(now);
        let info = self.quickly(py, |state| state.core.session(SessionHandle(session), now))?;
        Ok(events::session_info(py, &info))
    }

    /// Handles of all sessions, confirmed or not.
    fn sessions(&self, py: Python<'_>) -> PyResult<Vec<u32>> {
        self.quickly(py, |state| Ok(state.core.sessions().map(|session| session.0).collect()))
    }

    /// The session that stands with a peer, if one is confirmed.
    fn find(&self, py: Python<'_>, peer: &Bound<'_, PyAny>) -> PyResult<Option<u32>> {
        let peer = thumbprint_like(peer)?;
        self.quickly(py, |state| Ok(state.core.find(&peer).map(|session| session.0)))
    }

    /// Gives up a confirmable message: it is not sent again.
    fn abandon(&self, py: Python<'_>, session: u32, number: u64) -> PyResult<()> {
        self.quickly(py, |state| state.core.abandon(SessionHandle(session), number))
    }

    /// Gives up a handshake that this end started.
    fn cancel(&self, py: Python<'_>, handshake: u32) -> PyResult<()> {
        self.with(py, |state| state.core.cancel(HandshakeId(handshake)))
    }

    /// How often what happened since the start.
    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counters = self.quickly(py, |state| Ok(state.core.counters()))?;
        events::counters(py, &counters)
    }

    /// Provisions a peer's credential.
    fn add_peer(&self, py: Python<'_>, credential: &Credential) -> PyResult<()> {
        let known = known(credential)?;
        self.with(py, |state| {
            state.port.peers.add(known);
            Ok(())
        })
    }

    /// Forgets the credentials of a peer, named by thumbprint; gives whether there were any. Sessions are closed by `close`.
    fn remove_peer(&self, py: Python<'_>, thumbprint: &Bound<'_, PyAny>) -> PyResult<bool> {
        let thumbprint = thumbprint_like(thumbprint)?;
        self.with(py, |state| Ok(state.port.peers.remove(&thumbprint)))
    }

    /// Believes an issuer from now on.
    fn add_anchor(&self, py: Python<'_>, anchor: &TrustAnchor) -> PyResult<()> {
        let made = self::anchor(anchor);
        self.with(py, |state| {
            state.port.anchors.push(made);
            Ok(())
        })
    }

    /// Makes this endpoint a device that can be owned; before `restore`. Its record is kept in the store under `key`, at least `max_sessions`.
    fn enable_setup(&self, py: Python<'_>, key: u32, secret: &Bound<'_, PyAny>) -> PyResult<()> {
        let secret = secret_like(secret)?;
        self.with(py, |state| state.core.enable_setup(&mut state.port, key, secret))
    }

    /// There was a physical act: setup is possible until then, and 10 minutes at most.
    #[pyo3(signature = (*, until = None, now = None))]
    fn open_setup(&self, py: Python<'_>, until: Option<u64>, now: Option<u64>) -> PyResult<()> {
        let now = self.time(now);
        self.with(py, |state| state.core.open_setup(now, until.unwrap_or(u64::MAX)))
    }

    /// Setup is not possible any more.
    fn close_setup(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |state| {
            state.core.close_setup();
            Ok(())
        })
    }

    /// Starts a handshake with a device known by its thumbprint alone, to be let in by what is shown: the setup `secret` of its label, a `release` or a
    /// `delegation` that its owner has signed, or nothing if it knows this end. `anchor`: the key by which this end will sign as owner.
    #[pyo3(signature = (device, *, route = None, secret = None, release = None, delegation = None, anchor = None, now = None))]
    #[expect(clippy::too_many_arguments, reason = "keywords")]
    fn claim(
        &self,
        py: Python<'_>,
        device: &Bound<'_, PyAny>,
        route: Option<&Bound<'_, PyAny>>,
        secret: Option<&Bound<'_, PyAny>>,
        release: Option<&Bound<'_, PyAny>>,
        delegation: Option<&Bound<'_, PyAny>>,
        anchor: Option<&Key>,
        now: Option<u64>,
    ) -> PyResult<u32> {
        let shown = Shown::new(secret, release, delegation, anchor)?;
        let (route, device, now) = (route_from(route)?, thumbprint_like(device)?, self.time(now));
        self.with(py, |state| state.core.claim(&mut state.port, now, route, device, &shown.claim())).map(|id| id.0)
    }

    /// Who owns this device; None while setup is not enabled, or the record is damaged.
    fn ownership(&self, py: Python<'_>) -> PyResult<Option<OwnershipState>> {
        let found = self.quickly(py, |state| Ok(state.core.ownership().copied()))?;
        Ok(found.map(|found| OwnershipState::of(py, &found)))
    }

    /// What a peer is to this device: "owner", "delegate" or None.
    fn standing(&self, py: Python<'_>, peer: &Bound<'_, PyAny>) -> PyResult<Option<&'static str>> {
        let peer = thumbprint_like(peer)?;
        let found = self.quickly(py, |state| Ok(state.core.ownership().map(|ownership| ownership.standing(&peer))))?;
        Ok(standing(found.unwrap_or_default()))
    }

    /// Takes from a delegate what the owner had given it, and ends its sessions. Raises `UnknownCredential` if there is none.
    fn revoke(&self, py: Python<'_>, delegate: &Bound<'_, PyAny>) -> PyResult<()> {
        let delegate = thumbprint_like(delegate)?;
        self.with(py, |state| state.core.revoke(&mut state.port, &delegate))
    }

    /// Physical reset: the device belongs to nobody, in the next epoch, and every session has ended.
    fn reset_ownership(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |state| state.core.reset_ownership(&mut state.port))
    }
}
