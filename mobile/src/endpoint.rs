//! `Endpoint`: the core's endpoint behind a lock.

use crate::callback::{Authorizer, Keystore, Storage};
use crate::clock;
use crate::config::{Config, Outgoing};
use crate::error::{Result, SealwireError};
use crate::event::{Counters, Event, Origin, Sent, SessionInfo, Transmit};
use crate::guarded::Guarded;
use crate::keys::{Credential, TrustAnchor};
use crate::port::{Own, Port};
use crate::storage::MemoryStorage;
use sealwire_core::Error;
use sealwire_core::credential::Thumbprint;
use sealwire_core::endpoint::{self, HandshakeId, HeapTables, MAX_OVERHEAD, Route, SessionHandle};
use sealwire_core::error::Result as CoreResult;
use sealwire_core::record::{MAX_CONTENT_TYPE, MAX_TOPIC};
use std::sync::Arc;

const LONGEST_TRANSMIT: usize = 4096;
/// More than header, options and tag of any record.
const OVERHEAD: usize = 512;
const _: () = assert!(OVERHEAD >= MAX_OVERHEAD + MAX_TOPIC + MAX_CONTENT_TYPE);
const LONGEST_EXPORT: usize = 8160;

pub(crate) type Core = endpoint::Endpoint<HeapTables>;

struct State {
    core: Core,
    port: Port,
}

/// One party: its sessions, handshakes and timers. It does no input or output of its own; a `Link` drives it over MQTT, BLE or an app's own transport.
///
/// Call `restore` first. After any other call, take events with `pollEvent` and frames with `pollTransmit` until there are none, then wait for a frame
/// or until `pollTimeout`. Times (`now`) are milliseconds of a clock that does not run backwards; left out, the endpoint uses its own, which runs
/// on while the phone sleeps. Do not mix the two.
///
/// Safe to use from several threads. A callback (storage, key store, authorizer) that calls the same endpoint gets `Busy`.
#[derive(uniffi::Object)]
pub struct Endpoint {
    state: Guarded<State>,
    started: u64,
    /// Length of own connection identifiers.
    pub(crate) identifier_len: usize,
    /// The own inbox, where the configuration is one for MQTT.
    #[cfg(feature = "mqtt")]
    pub(crate) inbox: Option<String>,
}

impl Endpoint {
    pub(crate) fn run<R>(&self, work: impl FnOnce(&mut Core, &mut Port) -> CoreResult<R>) -> Result<R> {
        let done = self.state.enter(|State { core, port }| {
            port.cause = None;
            work(core, port).map_err(|error| SealwireError::new(error, port.cause.take().unwrap_or_default()))
        });
        done.map_err(|error| SealwireError::new(error, if error == Error::Busy { "a callback of this endpoint called it" } else { "" }))?
    }

    pub(crate) fn time(&self, now: Option<u64>) -> u64 {
        now.unwrap_or_else(|| clock::now_ms().saturating_sub(self.started))
    }
}

pub(crate) fn route(bytes: Option<Vec<u8>>) -> Result<Route> {
    let bytes = bytes.unwrap_or_default();
    Route::new(&bytes).map_err(|error| SealwireError::new(error, "a route has at most 16 bytes"))
}

pub(crate) fn thumbprint(bytes: &[u8]) -> Result<Thumbprint> {
    let exact = bytes.try_into().map_err(|_| SealwireError::new(Error::InvalidArgument, "a thumbprint has 16 bytes"))?;
    Ok(Thumbprint(exact))
}

fn capacity(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[uniffi::export]
impl Endpoint {
    /// Makes an endpoint. `storage`: where state survives a restart, by default in memory. `keystore`: asked for keys that it holds. `authorizer`: may a
    /// verified peer open a session; by default an inbox that it claims must be the subject of its credential.
    ///
    /// Throws `UnknownKey` (a key that does not belong to its credential), `UnsupportedSuite` (no identity fits a suite), `InvalidArgument`.
    #[uniffi::constructor(default(storage = None, keystore = None, authorizer = None))]
    pub fn new(
        config: Config,
        storage: Option<Arc<dyn Storage>>,
        keystore: Option<Arc<dyn Keystore>>,
        authorizer: Option<Arc<dyn Authorizer>>,
    ) -> Result<Arc<Self>> {
        let mut own = Vec::new();
        for identity in &config.identities {
            if identity.credential.key != identity.key.public {
                return Err(SealwireError::new(Error::UnknownKey, "the private key does not belong to the credential"));
            }
            own.push(Own { credential: identity.credential.bytes.clone(), key: Arc::clone(&identity.key) });
        }
        let storage = storage.unwrap_or_else(|| MemoryStorage::new());
        let port = Port {
            own,
            by_value: config.by_value,
            peers: config.peers.iter().map(|peer| peer.known()).collect::<Result<_>>()?,
            anchors: config.anchors.iter().map(|anchor| anchor.known()).collect(),
            resists_rollback: storage.resists_rollback(),
            storage,
            keystore,
            authorizer,
            trust_clock: config.trust_clock,
            cause: None,
        };
        let identifier_len = usize::from(config.identifier_len);
        let tables = HeapTables::new(capacity(config.max_sessions), capacity(config.max_handshakes));
        let core = Core::new(tables, config.core()?)?;
        Ok(Arc::new(Endpoint {
            state: Guarded::new(State { core, port }),
            started: clock::now_ms(),
            identifier_len,
            #[cfg(feature = "mqtt")]
            inbox: config.inbox.filter(|_| config.mqtt),
        }))
    }

    /// The endpoint's clock: milliseconds since it was made, sleep included.
    pub fn now(&self) -> u64 {
        self.time(None)
    }

    /// Takes up the sessions of the storage; once, before anything else. Gives how many.
    #[uniffi::method(default(now = None))]
    pub fn restore(&self, now: Option<u64>) -> Result<u32> {
        let now = self.time(now);
        let count = self.run(|core, port| core.restore(port, now))?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Starts a handshake with whoever is behind `route` (the bytes of an inbox name on MQTT, nothing on a link), with `peer` only with that
    /// identity. Gives its handle.
    #[uniffi::method(default(route = None, peer = None, now = None))]
    pub fn connect(&self, route: Option<Vec<u8>>, peer: Option<Vec<u8>>, now: Option<u64>) -> Result<u32> {
        let (route, now) = (self::route(route)?, self.time(now));
        let peer = peer.as_deref().map(thumbprint).transpose()?;
        self.run(|core, port| core.connect(port, now, route, peer)).map(|handshake| handshake.0)
    }

    /// Gives up a handshake that this end started.
    pub fn cancel(&self, handshake: u32) -> Result<()> {
        self.run(|core, _| core.cancel(HandshakeId(handshake)))
    }

    /// Protects a message. The endpoint does not keep it: a confirmable one is the app's to send again under its `number` on `Resend`.
    ///
    /// Throws `UnknownSession`, `WrongState`, `WindowFull`, `NoOffer`, `KeyExhausted`, `StorageFailed` or `InvalidArgument`; nothing was sent then.
    #[uniffi::method(default(now = None))]
    pub fn send(&self, session: u32, message: Outgoing, now: Option<u64>) -> Result<Sent> {
        let now = self.time(now);
        let outgoing = message.core()?;
        let mut frame = vec![0; message.payload.len().saturating_add(OVERHEAD)];
        let sent = self.run(|core, port| core.send(port, now, SessionHandle(session), &outgoing, &mut frame))?;
        frame.truncate(sent.len);
        Ok(Sent { frame, route: sent.route.as_bytes().to_vec(), number: sent.number })
    }

    /// The effect of a confirmable message is durable: store that, and acknowledge the message.
    #[uniffi::method(default(origin = None, now = None))]
    pub fn commit(&self, session: u32, number: u64, origin: Option<Origin>, now: Option<u64>) -> Result<()> {
        let (now, origin) = (self.time(now), origin.as_ref().map(Origin::core).transpose()?);
        self.run(|core, port| core.commit(port, now, SessionHandle(session), number, origin))
    }

    /// Gives up a confirmable message: it is not sent again.
    pub fn abandon(&self, session: u32, number: u64) -> Result<()> {
        self.run(|core, _| core.abandon(SessionHandle(session), number))
    }

    /// Asks the peer for new keys; `KeyUpdated` follows.
    #[uniffi::method(default(now = None))]
    pub fn key_update(&self, session: u32, now: Option<u64>) -> Result<()> {
        let now = self.time(now);
        self.run(|core, port| core.key_update(port, now, SessionHandle(session)))
    }

    /// Ends a session here: its keys are erased, in memory and in the storage.
    pub fn close_session(&self, session: u32) -> Result<()> {
        self.run(|core, port| core.close(port, SessionHandle(session)))
    }

    /// Key material for the app: the EDHOC exporter. Labels from 33000 on, at most 8160 bytes.
    pub fn export(&self, session: u32, label: u64, context: Vec<u8>, length: u32) -> Result<Vec<u8>> {
        let length = usize::try_from(length).ok().filter(|length| *length <= LONGEST_EXPORT).ok_or(Error::InvalidArgument)?;
        let mut out = vec![0; length];
        self.run(|core, port| core.export(port, SessionHandle(session), label, &context, &mut out))?;
        Ok(out)
    }

    /// Takes a frame. Gives what it brought, or nothing. Throws the typed reason if it is refused; nothing has changed then. `Pending` is no refusal: the frame
    /// is kept until `resumePending`.
    ///
    /// `route` is the way back, where one is known; `topic` the topic relative to the realm for records in place.
    #[uniffi::method(default(route = None, topic = None, now = None))]
    pub fn handle_frame(&self, frame: Vec<u8>, route: Option<Vec<u8>>, topic: Option<String>, now: Option<u64>) -> Result<Option<Event>> {
        let (route, now, mut frame) = (self::route(route)?, self.time(now), frame);
        let topic = topic.as_ref().map(String::as_bytes);
        let event = self.run(|core, port| core.handle_frame(port, now, route, topic, &mut frame))?;
        Event::take(&event)
    }

    /// Lets time pass. Call it when `pollTimeout` says so; calling it more often does no harm.
    #[uniffi::method(default(now = None))]
    pub fn handle_timeout(&self, now: Option<u64>) -> Result<()> {
        let now = self.time(now);
        self.run(|core, port| core.handle_timeout(port, now))
    }

    /// Goes on after `Pending`, when the key store has answered.
    #[uniffi::method(default(now = None))]
    pub fn resume_pending(&self, now: Option<u64>) -> Result<()> {
        let now = self.time(now);
        self.run(|core, port| core.resume_pending(port, now))
    }

    /// The next frame to send, or nothing.
    #[uniffi::method(default(now = None))]
    pub fn poll_transmit(&self, now: Option<u64>) -> Result<Option<Transmit>> {
        let now = self.time(now);
        let mut frame = vec![0; LONGEST_TRANSMIT];
        let found = self.run(|core, port| core.poll_transmit(port, now, &mut frame))?;
        Ok(found.map(|transmit| {
            frame.truncate(transmit.len);
            Transmit { frame, route: transmit.route.as_bytes().to_vec(), handshake: transmit.handshake }
        }))
    }

    /// The next thing that happened by itself, or nothing.
    pub fn poll_event(&self) -> Result<Option<Event>> {
        match self.run(|core, _| Ok(core.poll_event()))? {
            None => Ok(None),
            Some(event) => Event::take(&event),
        }
    }

    /// When `handleTimeout` is due, on the endpoint's clock, or nothing.
    pub fn poll_timeout(&self) -> Result<Option<u64>> {
        self.run(|core, _| Ok(core.poll_timeout()))
    }

    /// What is known about a session. Throws `UnknownSession`.
    #[uniffi::method(default(now = None))]
    pub fn session(&self, session: u32, now: Option<u64>) -> Result<SessionInfo> {
        let now = self.time(now);
        self.run(|core, _| core.session(SessionHandle(session), now)).map(SessionInfo::from)
    }

    /// Handles of all sessions, confirmed or not.
    pub fn sessions(&self) -> Result<Vec<u32>> {
        self.run(|core, _| Ok(core.sessions().map(|session| session.0).collect()))
    }

    /// The session that stands with a peer, if one is confirmed.
    pub fn find(&self, peer: Vec<u8>) -> Result<Option<u32>> {
        let peer = thumbprint(&peer)?;
        self.run(|core, _| Ok(core.find(&peer).map(|session| session.0)))
    }

    /// How often what happened since the start.
    pub fn counters(&self) -> Result<Counters> {
        self.run(|core, _| Ok(core.counters())).map(Counters::from)
    }

    /// Provisions a peer's credential.
    pub fn add_peer(&self, credential: &Credential) -> Result<()> {
        let known = credential.known()?;
        self.run(|_, port| {
            if !port.peers.iter().any(|other| other.credential == known.credential) {
                port.peers.push(known);
            }
            Ok(())
        })
    }

    /// Forgets the credentials of a peer; gives whether there were any. Sessions are closed by `closeSession`.
    pub fn remove_peer(&self, peer: Vec<u8>) -> Result<bool> {
        let peer = thumbprint(&peer)?;
        self.run(|_, port| {
            let before = port.peers.len();
            port.peers.retain(|known| known.thumbprint != peer);
            Ok(port.peers.len() != before)
        })
    }

    /// Believes an issuer from now on.
    pub fn add_anchor(&self, anchor: &TrustAnchor) -> Result<()> {
        let anchor = anchor.known();
        self.run(|_, port| {
            port.anchors.push(anchor);
            Ok(())
        })
    }
}
