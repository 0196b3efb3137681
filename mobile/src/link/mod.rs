//! `Link`: an endpoint that runs by itself, over MQTT or over a transport of the app's own.

mod cancel;
mod driver;
#[cfg(feature = "mqtt")]
mod mqtt;
#[cfg(all(test, feature = "mqtt"))]
mod tests;
mod transport;
mod values;

pub use cancel::Cancellation;
#[cfg(feature = "mqtt")]
pub use mqtt::{Broker, Login, MqttVersion, Tls, broker_from_url};
pub use transport::{FrameTransport, TopicTransport};
pub use values::{LinkConfig, LinkEvent, LinkMessage, NetworkError, Receipt};

use crate::config::Outgoing;
use crate::endpoint::Endpoint;
use crate::error::SealwireError;
use crate::event::SessionInfo;
use crate::guarded::Guarded;
use crate::setup::Claim;
use driver::{Driver, Outlets, Peer, Task};
use sealwire_core::Error;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, Notify, mpsc, oneshot, watch};
use tokio::time::timeout;
use transport::Carrier;

type Result<T> = std::result::Result<T, NetworkError>;

/// Shortest time between two looks at the clock.
const TICK: Duration = Duration::from_millis(5);

/// Threads of the library, for all links together.
fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let make = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("sealwire").enable_all().build().ok();
    RUNTIME.get_or_init(make).as_ref().ok_or_else(|| NetworkError::Broker { reason: "no thread can be started".to_owned() })
}

/// Takes tasks in order and carries them out.
enum Wire {
    #[cfg(feature = "mqtt")]
    Mqtt(Box<mqtt::Settings>),
    Transport(Carrier),
}

struct Shared {
    driver: Guarded<Driver>,
    changed: watch::Sender<u64>,
    timer: Notify,
    up: AtomicBool,
    /// Whoever works on the driver closes it afterwards.
    closing: AtomicBool,
}

impl Shared {
    /// Works on the driver, and takes what the endpoint has to say afterwards.
    fn with<R>(&self, work: impl FnOnce(&mut Driver) -> R) -> std::result::Result<R, SealwireError> {
        let done = self.driver.enter(|driver| {
            let result = work(driver);
            driver.settle();
            if self.closing.load(Ordering::Acquire) {
                driver.leave();
            }
            result
        });
        self.timer.notify_one();
        done.map_err(|error| SealwireError::new(error, if error == Error::Busy { "a callback of this link called it" } else { "" }))
    }

    /// Like `with`, for what belongs to the library's own threads: storage and key store may take their time.
    fn background(&self, work: impl FnOnce(&mut Driver)) {
        // Busy cannot be, and after a panic there is nobody to tell.
        let _ = tokio::task::block_in_place(|| self.with(work));
    }

    #[cfg_attr(not(feature = "mqtt"), allow(dead_code))]
    fn went_up(&self, again: bool) {
        self.up.store(true, Ordering::Release);
        self.background(|driver| driver.up(again));
    }

    #[cfg_attr(not(feature = "mqtt"), allow(dead_code))]
    fn went_down(&self, reason: String) {
        if self.up.swap(false, Ordering::AcqRel) {
            self.background(|driver| driver.emit(LinkEvent::Down { reason }));
        }
    }

    /// Lets time pass when it is due, until the link is gone.
    async fn keep_time(weak: Weak<Self>) {
        loop {
            let Some(shared) = weak.upgrade() else { return };
            let Ok((closed, due)) =
                shared.driver.enter(|driver| (driver.closed, driver.due().map(|due| due.saturating_sub(driver.endpoint.now()))))
            else {
                return;
            };
            if closed {
                return;
            }
            if due == Some(0) {
                shared.background(Driver::time_passed);
                // What stays due, because the storage fails, is not tried without a pause.
                tokio::time::sleep(TICK).await;
                continue;
            }
            // Looked at now and then in any case: a phone's timers stand still while it sleeps.
            let wait = Duration::from_millis(due.unwrap_or(u64::MAX).min(10_000));
            // What happened meanwhile may have changed what is due.
            let _ = timeout(wait, shared.timer.notified()).await;
        }
    }
}

/// An endpoint on the network: it runs handshakes, sends and receives records, sends again what was not acknowledged, and comes back by itself when the
/// broker does. The broker sees ciphertext only. Make it, `open` it, take events with `nextEvent` until it gives nothing, `shutDown` at the end.
///
/// While a link is open it alone calls `connect`, `send`, `handleFrame`, `handleTimeout` and the `poll` methods of its endpoint.
#[derive(uniffi::Object)]
pub struct Link {
    shared: Arc<Shared>,
    wire: std::sync::Mutex<Option<(Wire, mpsc::UnboundedReceiver<Task>)>>,
    events: Mutex<mpsc::UnboundedReceiver<LinkEvent>>,
    waiting: Arc<AtomicUsize>,
    opened: AtomicBool,
    /// The transport is the app's own.
    own: bool,
}

impl Link {
    fn make(endpoint: Arc<Endpoint>, wire: Wire, inbox: Option<String>) -> Arc<Self> {
        let (tasks, queue) = mpsc::unbounded_channel();
        let (sender, events) = mpsc::unbounded_channel();
        let (waiting, changed) = (Arc::new(AtomicUsize::new(0)), watch::channel(0).0);
        let (own, topics) = (inbox.is_none(), !matches!(wire, Wire::Transport(Carrier::Frames(_))));
        let outlets = Outlets { tasks, events: sender, waiting: Arc::clone(&waiting), changed: changed.clone() };
        let driver = Guarded::new(Driver::new(endpoint, inbox, topics, outlets));
        Arc::new(Link {
            shared: Arc::new(Shared { driver, changed, timer: Notify::new(), up: AtomicBool::new(false), closing: AtomicBool::new(false) }),
            wire: std::sync::Mutex::new(Some((wire, queue))),
            events: Mutex::new(events),
            waiting,
            opened: AtomicBool::new(false),
            own,
        })
    }

    /// Waits for the handshake that `start` begins.
    async fn session(
        &self,
        start: impl FnOnce(&Endpoint) -> std::result::Result<u32, SealwireError> + Send,
        inbox: &str,
        timeout_ms: u32,
    ) -> Result<Arc<Session>> {
        self.check()?;
        let (tell, told) = oneshot::channel();
        let handshake = self.shared.with(|driver| driver.begin(start, tell))??;
        let _waiting = Waiting(&self.shared, handshake);
        match timeout(Duration::from_millis(timeout_ms.into()), told).await {
            Ok(Ok(outcome)) => Ok(Session::new(&self.shared, outcome?)),
            Ok(Err(_)) => Err(NetworkError::NotOpen),
            // Not at once: anybody can send an answer that is refused before the right one comes.
            Err(_) => Err(match self.shared.with(|driver| driver.refusal.take())? {
                Some(error) => NetworkError::Refused { error },
                None => {
                    let reason = format!("no session with {inbox} in {timeout_ms} ms; is it running, and do both ends know each other?");
                    NetworkError::TimedOut { reason }
                }
            }),
        }
    }

    fn check(&self) -> Result<()> {
        if self.opened.load(Ordering::Acquire) && !self.shared.closing.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(NetworkError::NotOpen)
        }
    }
}

/// Removes a handshake that nobody waits for any more.
struct Waiting<'a>(&'a Shared, u32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let _ = self.0.with(|driver| driver.forget_handshake(self.1));
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl Link {
    /// Over a transport of the app's own.
    #[uniffi::constructor]
    pub fn over(endpoint: Arc<Endpoint>, transport: Arc<dyn FrameTransport>) -> Arc<Self> {
        Self::make(endpoint, Wire::Transport(Carrier::Frames(transport)), None)
    }

    /// Over a transport of the app's own that has topics, for records in place.
    #[uniffi::constructor]
    pub fn over_topics(endpoint: Arc<Endpoint>, transport: Arc<dyn TopicTransport>) -> Arc<Self> {
        Self::make(endpoint, Wire::Transport(Carrier::Topics(transport)), None)
    }

    /// Takes up stored sessions, logs in to the broker and subscribes. Throws `Broker`, `TimedOut`, or `Refused` where the stored state cannot be used.
    #[uniffi::method(default(timeout_ms = 15000))]
    pub async fn open(&self, timeout_ms: u32) -> Result<()> {
        let taken = self.wire.lock().map_err(|_| Error::Internal)?.take();
        let (wire, queue) =
            taken.ok_or_else(|| SealwireError::new(Error::WrongState, "a link is opened once: make endpoint and link anew"))?;
        let runtime = runtime()?;
        self.shared.with(|driver| driver.endpoint.restore(None))??;
        let shared = Arc::clone(&self.shared);
        match wire {
            Wire::Transport(transport) => {
                self.shared.up.store(true, Ordering::Release);
                runtime.spawn(over_transport(transport, queue, Arc::downgrade(&shared)));
            }
            #[cfg(feature = "mqtt")]
            Wire::Mqtt(settings) => {
                let (tell, first) = oneshot::channel();
                let what = settings.name();
                runtime.spawn(mqtt::run(*settings, queue, Arc::downgrade(&shared), tell));
                match timeout(Duration::from_millis(timeout_ms.into()), first).await {
                    Ok(Ok(Ok(()))) => {}
                    Ok(Ok(Err(reason))) => return Err(NetworkError::Broker { reason }),
                    Ok(Err(_)) => return Err(NetworkError::NotOpen),
                    Err(_) => {
                        let _ = self.shared.with(Driver::close);
                        return Err(NetworkError::TimedOut { reason: format!("no answer from the broker at {what}") });
                    }
                }
            }
        }
        self.opened.store(true, Ordering::Release);
        runtime.spawn(Shared::keep_time(Arc::downgrade(&shared)));
        let _ = timeout_ms;
        Ok(())
    }

    /// Whether the broker is reachable at the moment.
    pub fn connected(&self) -> bool {
        self.shared.up.load(Ordering::Acquire)
    }

    /// The next thing that happens; nothing once the link is shut down.
    pub async fn next_event(&self) -> Option<LinkEvent> {
        let event = self.events.lock().await.recv().await;
        if event.is_some() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        event
    }

    /// A handshake with the endpoint behind `inbox` (on a transport of the app's own: its route, empty for the only other end); with `peer` only that
    /// identity will do. Throws `Refused` with the typed reason, or `TimedOut`.
    #[uniffi::method(default(peer = None, timeout_ms = 30000))]
    pub async fn connect(&self, inbox: String, peer: Option<Vec<u8>>, timeout_ms: u32) -> Result<Arc<Session>> {
        let route = inbox.as_bytes().to_vec();
        self.session(move |endpoint| endpoint.connect(Some(route), peer, None), &inbox, timeout_ms).await
    }

    /// A handshake with a device that is known by its thumbprint alone, to be let in by what is shown. Otherwise as `connect`: it goes on while the endpoint repeats
    /// its messages (after 1, 3, 7, 15 and 31 seconds by default), so it may begin before the device's button is pressed. The event `Ownership` then tells an owner what to sign over.
    #[uniffi::method(default(timeout_ms = 30000))]
    pub async fn claim(&self, inbox: String, claim: Claim, timeout_ms: u32) -> Result<Arc<Session>> {
        let (route, device) = (inbox.as_bytes().to_vec(), claim.device()?);
        // A new handshake when it stays silent is a claim again.
        self.shared.with(|driver| driver.claimed.insert(device.0.to_vec()))?;
        self.session(move |endpoint| endpoint.claim(claim, Some(route), None), &inbox, timeout_ms).await
    }

    /// `revoke` of the endpoint, on the open link.
    pub fn revoke(&self, delegate: Vec<u8>) -> Result<()> {
        Ok(self.shared.with(|driver| driver.endpoint.revoke(delegate))??)
    }

    /// `resetOwnership` of the endpoint, on the open link.
    pub fn reset_ownership(&self) -> Result<()> {
        Ok(self.shared.with(|driver| driver.endpoint.reset_ownership())??)
    }

    /// The sessions that can send.
    pub fn sessions(&self) -> Result<Vec<Arc<Session>>> {
        let peers = self.shared.with(|driver| driver.peers())?;
        Ok(peers.into_iter().map(|peer| Session::new(&self.shared, peer)).collect())
    }

    /// The session with a peer, if there is one.
    pub fn session_with(&self, peer: Vec<u8>) -> Result<Option<Arc<Session>>> {
        let peers = self.shared.with(|driver| driver.peers())?;
        Ok(peers.into_iter().find(|found| found.thumbprint == peer).map(|found| Session::new(&self.shared, found)))
    }

    /// The effect of a message is durable: acknowledges a confirmable one, to its sender and to the broker. Others need no commit.
    pub fn commit(&self, message: LinkMessage) -> Result<()> {
        Ok(self.shared.with(|driver| driver.commit(&message))??)
    }

    /// Goes on after `KeyPending`, when the key store has answered.
    pub fn resume_pending(&self) -> Result<()> {
        let resumed = self.shared.with(|driver| {
            let resumed = driver.endpoint.resume_pending(None);
            if let Err(error) = &resumed
                && !matches!(error, SealwireError::Pending { .. })
            {
                // Whoever connects hears of it when the time is over: the key store may have a better answer to the next message.
                driver.refusal = Some(error.clone());
                driver.failed(error.clone(), "", Vec::new());
            }
            resumed
        });
        match resumed? {
            Ok(()) | Err(SealwireError::Pending { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A frame arrived over the app's own transport; `route` is the way back, `topic` where it was published, relative to the realm, if that is not the own inbox. Throws
    /// `Refused` with `WrongState` on MQTT.
    #[uniffi::method(default(route = None, topic = None))]
    pub fn received(&self, frame: Vec<u8>, route: Option<Vec<u8>>, topic: Option<String>) -> Result<()> {
        self.check()?;
        if !self.own {
            return Err(Error::WrongState.into());
        }
        Ok(self.shared.with(|driver| driver.frame(topic, frame, route.unwrap_or_default(), None))?)
    }

    /// Leaves the broker; sessions stay in the storage. Acknowledgements that wait for a record to ride on are sent.
    pub fn shut_down(&self) {
        self.opened.store(false, Ordering::Release);
        self.shared.closing.store(true, Ordering::Release);
        // A callback that shuts its own link down gets here while the link is busy: then what it was called by does it.
        let _ = self.shared.with(|_| ());
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shut_down();
    }
}

#[cfg(feature = "mqtt")]
#[uniffi::export]
impl Link {
    /// On an MQTT broker. Throws `Refused` with `InvalidArgument` for a realm, inbox or address that cannot be, and for an endpoint whose configuration is not one for MQTT
    /// or names another inbox: its peers would answer where nobody reads.
    #[uniffi::constructor]
    pub fn mqtt(endpoint: Arc<Endpoint>, broker: Broker, config: LinkConfig) -> Result<Arc<Self>> {
        let inbox = config.inbox.clone();
        if endpoint.inbox.as_ref() != Some(&inbox) {
            let detail = format!("the endpoint's configuration needs `mqtt` and the inbox of the link, {inbox}");
            return Err(SealwireError::new(Error::InvalidArgument, detail).into());
        }
        let settings = mqtt::Settings::new(broker, config)?;
        Ok(Self::make(endpoint, Wire::Mqtt(Box::new(settings)), Some(inbox)))
    }
}

async fn over_transport(transport: Carrier, mut queue: mpsc::UnboundedReceiver<Task>, shared: Weak<Shared>) {
    while let Some(task) = queue.recv().await {
        let failed = tokio::task::block_in_place(|| transport.carry(task)).err();
        if let (Some(reason), Some(shared)) = (failed, shared.upgrade()) {
            shared.background(|driver| driver.emit(LinkEvent::Down { reason }));
        }
    }
}

/// A session with an authenticated peer. It follows the peer: when a newer session replaces it, it sends there.
#[derive(uniffi::Object)]
pub struct Session {
    shared: Weak<Shared>,
    peer: Arc<Peer>,
}

impl Session {
    fn new(shared: &Arc<Shared>, peer: Arc<Peer>) -> Arc<Self> {
        Arc::new(Session { shared: Arc::downgrade(shared), peer })
    }

    fn shared(&self) -> Result<Arc<Shared>> {
        self.shared.upgrade().ok_or(NetworkError::NotOpen)
    }

    async fn sent(&self, message: Outgoing) -> Result<Arc<Receipt>> {
        let shared = self.shared()?;
        // Subscribed before the attempt: no change in between is missed.
        let mut changed = shared.changed.subscribe();
        loop {
            let closed = || NetworkError::NotOpen;
            match shared
                .with(|driver| if driver.closed { None } else { Some(driver.send(&self.peer, message.clone())) })?
                .ok_or_else(closed)?
            {
                Ok((number, done)) => return Ok(Receipt::new(number, done)),
                Err(SealwireError::WindowFull { .. }) => changed.changed().await.map_err(|_| NetworkError::NotOpen)?,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl Session {
    /// Thumbprint of the peer.
    pub fn peer(&self) -> Vec<u8> {
        self.peer.thumbprint.clone()
    }

    /// Handle of the session in the endpoint; nothing when it has ended.
    pub fn session(&self) -> Option<u32> {
        *self.peer.handle.borrow()
    }

    /// Sends a message; waits while 64 are unacknowledged. A confirmable one is repeated by the link until the peer has committed it: `wait` on the receipt.
    /// With `number` it is one that the app kept through a restart. Throws `Refused` with the typed reason.
    pub async fn send(&self, message: Outgoing) -> Result<Arc<Receipt>> {
        self.sent(message).await
    }

    /// Sends a command, which the peer obeys only while it is fresh. Waits for the peer's offer. Throws `Refused` with `NoOffer`.
    #[uniffi::method(default(timeout_ms = 30000))]
    pub async fn command(&self, topic: String, payload: Vec<u8>, timeout_ms: u32) -> Result<Arc<Receipt>> {
        let shared = self.shared()?;
        let mut changed = shared.changed.subscribe();
        let message = Outgoing {
            payload,
            topic: (!topic.is_empty()).then_some(topic),
            in_place: false,
            command: true,
            confirmable: true,
            retain: false,
            expiry_s: None,
            content_type: None,
            number: None,
            origin: None,
        };
        let (began, limit) = (tokio::time::Instant::now(), Duration::from_millis(timeout_ms.into()));
        loop {
            match self.sent(message.clone()).await {
                Err(NetworkError::Refused { error: error @ SealwireError::NoOffer { .. } }) => {
                    let left = limit.saturating_sub(began.elapsed());
                    if left.is_zero() {
                        return Err(error.into());
                    }
                    // Nothing may happen for a while: an offer is asked for again with the next attempt.
                    let _ = timeout(left.min(Duration::from_secs(1)), changed.changed()).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// State of the session; no secrets. Throws `Refused` with `UnknownSession` when it has ended.
    pub fn info(&self) -> Result<SessionInfo> {
        let handle = self.session().ok_or(Error::UnknownSession)?;
        Ok(self.shared()?.with(|driver| driver.endpoint.session(handle, None))??)
    }

    /// Asks for new keys; the event `KeyUpdated` follows.
    pub fn update_keys(&self) -> Result<()> {
        let handle = self.session().ok_or(Error::UnknownSession)?;
        Ok(self.shared()?.with(|driver| driver.endpoint.key_update(handle, None))??)
    }

    /// Key material for the app (EDHOC exporter); labels 33000 and above.
    pub fn export(&self, label: u64, context: Vec<u8>, length: u32) -> Result<Vec<u8>> {
        let handle = self.session().ok_or(Error::UnknownSession)?;
        Ok(self.shared()?.with(|driver| driver.endpoint.export(handle, label, context, length))??)
    }

    /// Ends the session here and erases its keys.
    pub fn end(&self) -> Result<()> {
        Ok(self.shared()?.with(|driver| driver.end(&self.peer))??)
    }
}
