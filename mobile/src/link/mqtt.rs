//! The MQTT client: log-in, TLS, WebSocket, 3.1.1 and 5; it comes back by itself.

use super::driver::{Driver, Place, Task};
use super::values::{LinkConfig, NetworkError};
use super::{Result, Shared};
use crate::error::SealwireError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use sealwire_core::Error;
use sealwire_core::endpoint::InboxName;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use zeroize::Zeroizing;

/// Longest packet that is sent and taken: the longest payload with the rest of its record, topic and realm.
const LONGEST: usize = 128 * 1024;
/// Packets between this and the protocol's own queue.
const QUEUE: usize = 64;
/// How long a broker that refuses connections is tried when a link opens.
const PATIENCE: Duration = Duration::from_secs(2);
/// First and longest pause between attempts to come back.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(8));
/// Good time for the last packets of a link that closes.
const LEAVING: Duration = Duration::from_millis(500);
const FORBIDDEN: &str = "a subscription was refused by the broker's access rules";

/// The protocol's version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, uniffi::Enum)]
pub enum MqttVersion {
    /// 3.1.1
    #[default]
    V311,
    /// 5: a peer that has lost its state can say so.
    V5,
}

/// User name and password at a broker.
#[derive(uniffi::Object)]
pub struct Login {
    username: String,
    password: Zeroizing<String>,
}

#[uniffi::export]
impl Login {
    /// Keeps both in memory.
    #[uniffi::constructor]
    pub fn new(username: String, password: String) -> Arc<Self> {
        Arc::new(Login { username, password: Zeroizing::new(password) })
    }
}

/// Whom to believe that it is the broker, and what to show to it.
#[derive(uniffi::Object)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

fn invalid(detail: impl Into<String>) -> NetworkError {
    SealwireError::new(Error::InvalidArgument, detail).into()
}

#[uniffi::export]
impl Tls {
    /// `roots`: trusted roots as PEM; by default the system's where they are files (Linux, macOS): on phones hand them in, in Kotlin by `platformTls`. `certificate` and
    /// `private_key`: PEM of a certificate that the broker asks for. Throws `Refused` with `InvalidArgument`.
    #[uniffi::constructor(default(roots = None, certificate = None, private_key = None))]
    pub fn new(roots: Option<Vec<u8>>, certificate: Option<Vec<u8>>, private_key: Option<Vec<u8>>) -> Result<Arc<Self>> {
        let mut store = RootCertStore::empty();
        let read = |pem: &[u8]| CertificateDer::pem_slice_iter(pem).collect::<std::result::Result<Vec<_>, _>>();
        let trusted = match roots {
            Some(pem) => read(&pem).map_err(|error| invalid(format!("roots: {error}")))?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        if store.add_parsable_certificates(trusted).0 == 0 {
            return Err(invalid("no trusted root"));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| invalid(error.to_string()))?;
        let builder = builder.with_root_certificates(store);
        let config = match (certificate, private_key.map(Zeroizing::new)) {
            (None, None) => builder.with_no_client_auth(),
            (Some(certificate), Some(key)) => {
                let chain = read(&certificate).map_err(|error| invalid(format!("certificate: {error}")))?;
                let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| invalid(format!("private key: {error}")))?;
                builder.with_client_auth_cert(chain, key).map_err(|error| invalid(error.to_string()))?
            }
            _ => return Err(invalid("a certificate and its private key come together")),
        };
        Ok(Arc::new(Tls { config: Arc::new(config) }))
    }
}

/// How to reach a broker. Sealwire adds to the broker's own security and does not replace it: use TLS and a log-in where the broker offers them.
#[derive(Clone, uniffi::Record)]
pub struct Broker {
    /// Name or address.
    pub host: String,
    /// Default: 1883, with TLS 8883; over WebSocket 80 and 443.
    #[uniffi(default = None)]
    pub port: Option<u16>,
    /// The protocol's version.
    #[uniffi(default = None)]
    pub version: Option<MqttVersion>,
    /// User name and password.
    #[uniffi(default = None)]
    pub login: Option<Arc<Login>>,
    /// TLS, if it is used.
    #[uniffi(default = None)]
    pub tls: Option<Arc<Tls>>,
    /// MQTT over WebSocket.
    #[uniffi(default = false)]
    pub websocket: bool,
    /// Path of the WebSocket.
    #[uniffi(default = "/mqtt")]
    pub path: String,
    /// Seconds between signs of life. On a phone a longer interval wakes the radio less often.
    #[uniffi(default = 30)]
    pub keepalive_s: u16,
    /// Name at the broker; by default a random one.
    #[uniffi(default = "")]
    pub client_id: String,
}

/// From `mqtt://[user:password@]host[:port]`, or `mqtts`, `ws`, `wss` (with a path). Throws `Refused` with `InvalidArgument`.
#[uniffi::export]
pub fn broker_from_url(url: String) -> Result<Broker> {
    let wrong = || invalid("a broker's address is mqtt://host:port, mqtts://, ws:// or wss://");
    let (scheme, rest) = url.split_once("://").unwrap_or(("mqtt", &url));
    let (secure, websocket) = match scheme {
        "mqtt" => (false, false),
        "mqtts" => (true, false),
        "ws" => (false, true),
        "wss" => (true, true),
        _ => return Err(wrong()),
    };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (login, address) = authority.rsplit_once('@').map_or((None, authority), |(login, address)| (Some(login), address));
    let login = login.map(|login| login.split_once(':').unwrap_or((login, "")));
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port.parse().map_err(|_| wrong())?)),
        _ => (address, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Err(wrong());
    }
    Ok(Broker {
        host: host.to_owned(),
        port,
        version: None,
        login: login.map(|(user, password)| Login::new(user.to_owned(), password.to_owned())),
        tls: if secure { Some(Tls::new(None, None, None)?) } else { None },
        websocket,
        path: if path.len() > 1 { path.to_owned() } else { "/mqtt".to_owned() },
        keepalive_s: 30,
        client_id: String::new(),
    })
}

/// A checked broker and place on it.
pub(super) struct Settings {
    broker: Broker,
    port: u16,
    /// Everything in front of a topic relative to the realm.
    root: String,
    inbox: String,
    filters: Vec<String>,
}

impl Settings {
    pub(super) fn new(mut broker: Broker, config: LinkConfig) -> Result<Self> {
        let LinkConfig { realm, inbox, subscriptions, bridge_prefix } = config;
        let wild = |text: &str| text.contains(['+', '#']);
        if realm.is_empty() || realm.starts_with('/') || realm.ends_with('/') || wild(&realm) {
            return Err(invalid("a realm is a topic name without wildcards and outer slashes"));
        }
        if wild(&bridge_prefix) {
            return Err(invalid("the bridge prefix cannot hold wildcards"));
        }
        InboxName::new(inbox.as_bytes()).map_err(|_| invalid("an inbox name is 1 to 16 of a-z, 0-9 and -"))?;
        if broker.host.is_empty() {
            return Err(invalid("the broker needs a host name"));
        }
        if broker.host.contains('/') {
            return Err(invalid("a host is a name or an address alone; `brokerFromUrl` takes mqtt://host:port"));
        }
        if broker.client_id.is_empty() {
            let mut random = [0; 8];
            crate::port::random(&mut random)?;
            broker.client_id = format!("sealwire-{:016x}", u64::from_be_bytes(random));
        }
        let port = match (broker.tls.is_some(), broker.websocket) {
            (false, false) => 1883,
            (true, false) => 8883,
            (false, true) => 80,
            (true, true) => 443,
        };
        let root = format!("{bridge_prefix}{realm}/");
        let filters = std::iter::once(format!("in/{inbox}")).chain(subscriptions).map(|filter| format!("{root}{filter}")).collect();
        Ok(Settings { port: broker.port.unwrap_or(port), broker, root, inbox, filters })
    }

    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.broker.host, self.port)
    }

    fn url(&self) -> String {
        let scheme = if self.broker.tls.is_some() { "wss" } else { "ws" };
        let host = if self.broker.host.contains(':') { format!("[{}]", self.broker.host) } else { self.broker.host.clone() };
        format!("{scheme}://{host}:{}/{}", self.port, self.broker.path.trim_start_matches('/'))
    }

    /// A publication of the broker; nothing if it is none of ours.
    fn arrived(&self, topic: &[u8], reply: Option<&str>) -> Option<(Option<String>, Vec<u8>)> {
        let relative = std::str::from_utf8(topic).ok()?.strip_prefix(self.root.as_str())?;
        let addressed = relative.strip_prefix("in/") == Some(self.inbox.as_str());
        Some(if addressed { (None, Driver::way_back(&self.root, reply)) } else { (Some(relative.to_owned()), Vec::new()) })
    }
}

/// Tells the one who opens the link, once.
struct First(Option<oneshot::Sender<std::result::Result<(), String>>>);

impl First {
    /// False when it was told before.
    fn tell(&mut self, outcome: std::result::Result<(), String>) -> bool {
        self.0.take().is_some_and(|tell| tell.send(outcome).is_ok())
    }
}

/// What the two halves of a client share: publications that wait for their acknowledgement, by the number that the driver knows.
struct Local<P> {
    waiting: Mutex<(u64, VecDeque<(u64, P)>)>,
    stop: Notify,
}

impl<P> Local<P> {
    fn new() -> Self {
        Local { waiting: Mutex::new((0, VecDeque::new())), stop: Notify::new() }
    }

    fn waiting(&self) -> MutexGuard<'_, (u64, VecDeque<(u64, P)>)> {
        // Nothing in here panics, so a poisoned lock holds a state that is whole.
        self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn keep(&self, publication: P) -> u64 {
        let (next, waiting) = &mut *self.waiting();
        *next = next.wrapping_add(1);
        waiting.push_back((*next, publication));
        *next
    }

    fn take(&self, token: u64) -> Option<P> {
        let (_, waiting) = &mut *self.waiting();
        let at = waiting.iter().position(|(kept, _)| *kept == token)?;
        waiting.remove(at).map(|(_, publication)| publication)
    }

    /// With the network gone their numbers mean nothing any more.
    fn forget(&self) {
        self.waiting().1.clear();
    }
}

fn topic(root: &str, place: Place) -> Option<String> {
    match place {
        Place::Topic(topic) => Some(format!("{root}{topic}")),
        Place::Route(route) => Some(format!("{root}in/{}", String::from_utf8(route).ok()?)),
    }
}

/// Runs one version's client until the link is closed.
macro_rules! client {
    ($name:ident, $mqtt:ident, $packets:ident, clean: $clean:ident, options: $options:expr, publish: $publish:expr, reply: $reply:expr) => {
        async fn $name(
            settings: Settings,
            mut queue: mpsc::UnboundedReceiver<Task>,
            shared: Weak<Shared>,
            first: oneshot::Sender<std::result::Result<(), String>>,
        ) {
            use $mqtt::mqttbytes::QoS;
            use $mqtt::mqttbytes::$packets::{Packet, SubscribeReasonCode};
            use $mqtt::{AckMode, AsyncClient, Broker, ConnectionError, Event, MqttOptions, SubscribeFilter, TlsConfiguration, Transport};
            let mut first = First(Some(first));
            let broker = &settings.broker;
            let tls = broker.tls.as_ref().map(|tls| TlsConfiguration::Rustls(Arc::clone(&tls.config)));
            let made = match (broker.websocket, tls) {
                (false, None) => Ok(MqttOptions::new(broker.client_id.clone(), Broker::tcp(broker.host.clone(), settings.port))),
                (false, Some(tls)) => {
                    let mut options = MqttOptions::new(broker.client_id.clone(), Broker::tcp(broker.host.clone(), settings.port));
                    options.set_transport(Transport::Tls(tls));
                    Ok(options)
                }
                (true, None) => Broker::websocket(settings.url()).map(|broker| MqttOptions::new(settings.broker.client_id.clone(), broker)),
                (true, Some(tls)) => MqttOptions::websocket_with_tls_config(broker.client_id.clone(), settings.url(), tls),
            };
            let mut options = match made {
                Ok(options) => options,
                Err(error) => {
                    first.tell(Err(error.to_string()));
                    return;
                }
            };
            options.set_keep_alive(broker.keepalive_s).$clean(true).set_ack_mode(AckMode::Manual);
            if let Some(login) = &broker.login {
                options.set_credentials(login.username.clone(), login.password.to_string());
            }
            $options(&mut options);
            let (client, mut network) = AsyncClient::builder(options).capacity(QUEUE).build();
            let local = Arc::new(Local::new());
            let (outward, sender, up) = (Arc::clone(&local), client.clone(), shared.clone());
            let (root, reply_to) = (settings.root.clone(), format!("{}in/{}", settings.root, settings.inbox));
            // Apart from the network: what waits to be sent must not interrupt an attempt to log in.
            tokio::spawn(async move {
                while let Some(task) = queue.recv().await {
                    match task {
                        Task::Acknowledge(token) => {
                            if let Some(publication) = outward.take(token) {
                                // Full: the broker repeats it after the next log-in, and it is a duplicate then.
                                let _ = sender.try_ack(&publication);
                            }
                        }
                        // Without a broker it is lost: what matters is sent again when the broker is back. Full or too long: lost as on any link.
                        Task::Send { place, frame, delivery } if up.upgrade().is_some_and(|shared| shared.up.load(Ordering::Acquire)) => {
                            if let Some(topic) = topic(&root, place) {
                                let qos = if delivery { QoS::AtLeastOnce } else { QoS::AtMostOnce };
                                let _ = sender.publish(topic, frame, $publish(qos, reply_to.clone())).await;
                            }
                        }
                        Task::Send { .. } => {}
                    }
                }
                let _ = sender.try_disconnect();
                tokio::time::sleep(LEAVING).await;
                outward.stop.notify_one();
            });
            let began = tokio::time::Instant::now();
            let (mut pause, mut ups) = (PAUSE.0, 0_u32);
            loop {
                let event = tokio::select! {
                    biased;
                    () = local.stop.notified() => return,
                    event = network.poll() => event,
                };
                let Some(shared) = shared.upgrade() else { return };
                match event {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        let filters = settings.filters.iter().map(|filter| SubscribeFilter::new(filter.clone(), QoS::AtLeastOnce));
                        let _ = client.try_subscribe_many(filters);
                    }
                    Ok(Event::Incoming(Packet::SubAck(answer))) => {
                        if answer.return_codes.iter().all(|code| matches!(code, SubscribeReasonCode::Success(_))) {
                            pause = PAUSE.0;
                            shared.went_up(ups > 0);
                            ups = ups.saturating_add(1);
                            first.tell(Ok(()));
                        } else if first.tell(Err(FORBIDDEN.to_owned())) {
                            return;
                        } else {
                            shared.went_down(FORBIDDEN.to_owned());
                        }
                    }
                    Ok(Event::Incoming(Packet::Publish(publication))) => {
                        let reply = $reply(&publication);
                        let found = settings.arrived(&publication.topic, reply.as_deref()).filter(|_| !publication.payload.is_empty());
                        match found {
                            Some((topic, route)) => {
                                let frame = publication.payload.to_vec();
                                let token = (publication.qos != QoS::AtMostOnce).then(|| local.keep(publication));
                                shared.background(|driver| driver.frame(topic, frame, route, token));
                            }
                            None => {
                                let _ = client.try_ack(&publication);
                            }
                        }
                    }
                    Ok(_) => {}
                    Err(ConnectionError::RequestsDone) => return,
                    Err(error) => {
                        local.forget();
                        let refused = matches!(error, ConnectionError::ConnectionRefused(_) | ConnectionError::Tls(_));
                        if (refused || began.elapsed() >= PATIENCE) && first.tell(Err(format!("{}: {error}", settings.name()))) {
                            return;
                        }
                        shared.went_down(error.to_string());
                        drop(shared);
                        if tokio::time::timeout(pause, local.stop.notified()).await.is_ok() {
                            return;
                        }
                        pause = PAUSE.1.min(pause.saturating_mul(2));
                    }
                }
            }
        }
    };
}

client! {
    run_v311, mqtt_v4, v4, clean: set_clean_session,
    options: |options: &mut mqtt_v4::MqttOptions| { options.set_max_packet_size(LONGEST, LONGEST); },
    publish: |qos, _reply: String| mqtt_v4::PublishOptions::new(qos),
    reply: |_: &mqtt_v4::mqttbytes::v4::Publish| -> Option<String> { None }
}

client! {
    run_v5, mqtt_v5, v5, clean: set_clean_start,
    options: |options: &mut mqtt_v5::MqttOptions| { options.set_max_packet_size(u32::try_from(LONGEST).ok()); },
    publish: |qos, reply: String| {
        let properties = mqtt_v5::mqttbytes::v5::PublishProperties { response_topic: Some(reply), ..Default::default() };
        mqtt_v5::PublishOptions::new(qos).properties(properties)
    },
    reply: |publication: &mqtt_v5::mqttbytes::v5::Publish| publication.properties.as_ref().and_then(|properties| properties.response_topic.clone())
}

pub(super) async fn run(
    settings: Settings,
    queue: mpsc::UnboundedReceiver<Task>,
    shared: Weak<Shared>,
    first: oneshot::Sender<std::result::Result<(), String>>,
) {
    match settings.broker.version.unwrap_or_default() {
        MqttVersion::V311 => run_v311(settings, queue, shared, first).await,
        MqttVersion::V5 => run_v5(settings, queue, shared, first).await,
    }
}
