//! Links over a real Mosquitto on loopback, and over a simulated GATT pipe.

use super::*;
use crate::tests::{config, identity, outgoing};
use crate::{BleReassembler, BleSplitter, CallbackError, Identity};
use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

/// A broker of this test; ends with it.
struct Mosquitto {
    process: Child,
    port: u16,
    folder: std::path::PathBuf,
}

impl Mosquitto {
    /// On a free port, or again on this one.
    fn start(port: Option<u16>, more: &str) -> Self {
        let port = port.unwrap_or_else(|| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        let folder = std::env::temp_dir().join(format!("sealwire-mobile-broker-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("mosquitto.conf");
        let mut file = std::fs::File::create(&path).unwrap();
        writeln!(file, "listener {port} 127.0.0.1\npersistence false\n{more}").unwrap();
        let process = Command::new("mosquitto").arg("-c").arg(&path).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        for _ in 0..100 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Mosquitto { process, port, folder }
    }

    fn stop(mut self) -> u16 {
        let port = self.port;
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        port
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn endpoint(own: &Identity, peer: &Identity, name: &str) -> Arc<Endpoint> {
    let settings =
        crate::Config { inbox: Some(name.to_owned()), mqtt: true, identifier_len: 2, resend_interval_ms: 500, ..config(own, &[peer]) };
    Endpoint::new(settings, None, None, None).unwrap()
}

fn link(endpoint: Arc<Endpoint>, name: &str, broker: Broker) -> Arc<Link> {
    let place = LinkConfig {
        realm: "plant7".to_owned(),
        inbox: name.to_owned(),
        subscriptions: vec!["line/#".to_owned()],
        bridge_prefix: String::new(),
    };
    Link::mqtt(endpoint, broker, place).unwrap()
}

fn broker(port: u16, version: MqttVersion) -> Broker {
    Broker { port: Some(port), version: Some(version), ..broker_from_url("mqtt://127.0.0.1".to_owned()).unwrap() }
}

fn run<R>(work: impl Future<Output = R>) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(Duration::from_secs(60), work).await.unwrap() })
}

async fn message(link: &Link) -> LinkMessage {
    loop {
        if let LinkEvent::Message { message } = link.next_event().await.unwrap() {
            return message;
        }
    }
}

async fn until(link: &Link, wanted: impl Fn(&LinkEvent) -> bool) {
    while !wanted(&link.next_event().await.unwrap()) {}
}

fn pair(port: u16, version: MqttVersion) -> (Arc<Link>, Arc<Link>) {
    let (one, other) = (identity("phone"), identity("hub"));
    let phone = link(endpoint(&one, &other, "phone"), "phone", broker(port, version));
    (phone, link(endpoint(&other, &one, "hub"), "hub", broker(port, version)))
}

#[test]
fn a_link_that_could_not_be_answered_is_not_made() {
    let (one, other) = (identity("phone"), identity("hub"));
    let place = |inbox: &str| LinkConfig {
        realm: "plant7".to_owned(),
        inbox: inbox.to_owned(),
        subscriptions: Vec::new(),
        bridge_prefix: String::new(),
    };
    let why = |endpoint: Arc<Endpoint>, host: &str, inbox: &str| {
        let broker = Broker { host: host.to_owned(), ..broker(1, MqttVersion::V311) };
        Link::mqtt(endpoint, broker, place(inbox)).err().map(|error| error.to_string())
    };
    assert!(why(endpoint(&one, &other, "phone"), "127.0.0.1", "tablet").unwrap().contains("inbox of the link, tablet"));
    let plain = Endpoint::new(config(&one, &[&other]), None, None, None).unwrap();
    assert!(why(plain, "127.0.0.1", "phone").unwrap().contains("`mqtt`"));
    assert!(why(endpoint(&one, &other, "phone"), "mqtt://127.0.0.1", "phone").unwrap().contains("brokerFromUrl"));
    assert_eq!(why(endpoint(&one, &other, "phone"), "127.0.0.1", "phone"), None);
}

fn talk(version: MqttVersion) {
    let mosquitto = Mosquitto::start(None, "allow_anonymous true");
    run(async {
        let (phone, hub) = pair(mosquitto.port, version);
        assert!(matches!(phone.connect("hub".to_owned(), None, 100).await, Err(NetworkError::NotOpen)));
        phone.open(10_000).await.unwrap();
        hub.open(10_000).await.unwrap();
        let session = phone.connect("hub".to_owned(), None, 20_000).await.unwrap();
        let place =
            crate::Outgoing { topic: Some("line/1/temperature".to_owned()), in_place: true, confirmable: true, ..outgoing(b"21.5") };
        let receipt = session.send(place).await.unwrap();
        let got = message(&hub).await;
        assert_eq!((got.topic.as_str(), got.payload.as_slice(), got.in_place), ("line/1/temperature", &b"21.5"[..], true));
        assert!(!receipt.acknowledged());
        hub.commit(got).unwrap();
        receipt.wait().await.unwrap();
        let back = hub.session_with(session.info().unwrap().own).unwrap().unwrap();
        let receipt = back.command("report".to_owned(), b"now".to_vec(), 20_000).await.unwrap();
        let got = message(&phone).await;
        assert_eq!((got.topic.as_str(), got.command, got.in_place), ("report", true, false));
        phone.commit(got).unwrap();
        receipt.wait().await.unwrap();
        session.update_keys().unwrap();
        until(&hub, |event| matches!(event, LinkEvent::Endpoint { event: crate::Event::KeyUpdated { .. } })).await;
        session.end().unwrap();
        assert!(session.session().is_none());
        phone.shut_down();
        while phone.next_event().await.is_some() {}
    });
}

#[test]
fn two_links_talk_by_mqtt_3_1_1() {
    talk(MqttVersion::V311);
}

#[test]
fn two_links_talk_by_mqtt_5() {
    talk(MqttVersion::V5);
}

#[test]
fn a_link_comes_back_with_its_broker_and_what_was_not_acknowledged_arrives_once() {
    let mosquitto = Mosquitto::start(None, "allow_anonymous true");
    run(async {
        let (phone, hub) = pair(mosquitto.port, MqttVersion::V311);
        phone.open(10_000).await.unwrap();
        hub.open(10_000).await.unwrap();
        let session = phone.connect("hub".to_owned(), None, 20_000).await.unwrap();
        let port = mosquitto.stop();
        until(&phone, |event| matches!(event, LinkEvent::Down { .. })).await;
        assert!(!phone.connected());
        let receipt = session.send(crate::Outgoing { confirmable: true, ..outgoing(b"kept") }).await.unwrap();
        let _again = Mosquitto::start(Some(port), "allow_anonymous true");
        until(&phone, |event| matches!(event, LinkEvent::Up)).await;
        let got = message(&hub).await;
        assert_eq!(got.payload, b"kept");
        hub.commit(got).unwrap();
        receipt.wait().await.unwrap();
        assert_eq!(session.info().unwrap().unacknowledged, 0);
    });
}

#[test]
fn a_broker_that_refuses_or_is_not_there_is_named() {
    let mosquitto = Mosquitto::start(None, "allow_anonymous false");
    run(async {
        for version in [MqttVersion::V311, MqttVersion::V5] {
            let (phone, _) = pair(mosquitto.port, version);
            let refused = phone.open(10_000).await.unwrap_err();
            assert!(matches!(&refused, NetworkError::Broker { reason } if reason.contains("refused")), "{refused}");
        }
        let port = mosquitto.stop();
        let (phone, _) = pair(port, MqttVersion::V311);
        assert!(matches!(phone.open(10_000).await, Err(NetworkError::Broker { .. })));
    });
}

#[test]
fn nobody_answers() {
    let mosquitto = Mosquitto::start(None, "allow_anonymous true");
    run(async {
        let (phone, _) = pair(mosquitto.port, MqttVersion::V311);
        phone.open(10_000).await.unwrap();
        assert!(matches!(phone.connect("hub".to_owned(), None, 500).await, Err(NetworkError::TimedOut { .. })));
    });
}

#[test]
fn addresses_of_brokers() {
    let plain = broker_from_url("mqtt://u:p@[::1]:1884".to_owned()).unwrap();
    assert_eq!((plain.host.as_str(), plain.port, plain.login.is_some(), plain.websocket), ("::1", Some(1884), true, false));
    let web = broker_from_url("ws://broker.example/sockets".to_owned()).unwrap();
    assert_eq!((web.host.as_str(), web.port, web.path.as_str(), web.websocket), ("broker.example", None, "/sockets", true));
    for wrong in ["http://broker", "mqtt://", "mqtt://host:port"] {
        assert!(broker_from_url(wrong.to_owned()).is_err(), "{wrong}");
    }
}

/// The GATT service of a device as both ends see it: values of 20 bytes, in order, one in seventeen lost.
struct Gatt {
    splitter: Arc<BleSplitter>,
    pipe: mpsc::UnboundedSender<Vec<u8>>,
    count: AtomicUsize,
}

impl FrameTransport for Gatt {
    fn send(&self, frame: Vec<u8>, route: Vec<u8>, _delivery: bool) -> std::result::Result<(), CallbackError> {
        assert!(route.is_empty());
        for value in self.splitter.split(frame).unwrap() {
            assert!(value.len() <= 20);
            if self.count.fetch_add(1, Ordering::Relaxed) % 17 != 11 {
                let _ = self.pipe.send(value);
            }
        }
        Ok(())
    }
}

#[test]
fn a_phone_and_a_device_by_gatt() {
    let (one, other) = (identity("phone"), identity("device"));
    let end = |own: &Identity, peer: &Identity| {
        let settings = crate::Config { handshake_interval_ms: 200, resend_interval_ms: 200, ..config(own, &[peer]) };
        let (pipe, values) = mpsc::unbounded_channel();
        let gatt = Arc::new(Gatt { splitter: BleSplitter::new(20).unwrap(), pipe, count: AtomicUsize::new(0) });
        (Link::over(Endpoint::new(settings, None, None, None).unwrap(), gatt), values)
    };
    run(async {
        let ((phone, to_device), (device, to_phone)) = (end(&one, &other), end(&other, &one));
        phone.open(1_000).await.unwrap();
        device.open(1_000).await.unwrap();
        for (mut values, link) in [(to_device, Arc::clone(&device)), (to_phone, Arc::clone(&phone))] {
            runtime().unwrap().spawn(async move {
                let reassembler = BleReassembler::new(1024).unwrap();
                while let Some(value) = values.recv().await {
                    if let Some(frame) = reassembler.feed(value) {
                        let _ = link.received(frame, None, None);
                    }
                }
            });
        }
        let session = phone.connect(String::new(), None, 30_000).await.unwrap();
        for number in 0..10_u8 {
            let receipt = session.send(crate::Outgoing { confirmable: true, ..outgoing(&[number; 60]) }).await.unwrap();
            let got = message(&device).await;
            assert_eq!(got.payload, [number; 60]);
            device.commit(got).unwrap();
            receipt.wait().await.unwrap();
        }
    });
}

/// Whoever floods a device that does not take its events must not make it keep what belonged to an owner before.
#[test]
fn a_change_of_ownership_is_told_behind_a_flood() {
    let own = identity("wearable");
    let endpoint = Endpoint::new(config(&own, &[]), None, None, None).unwrap();
    let code = crate::SetupCode::generate(own.credential.thumbprint(), String::new()).unwrap();
    endpoint.enable_setup(1_000, code).unwrap();
    let ((tasks, _queue), (events, mut taken)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let outlets = Outlets { tasks, events, waiting: Arc::default(), changed: watch::channel(0).0 };
    let mut driver = Driver::new(Arc::clone(&endpoint), None, false, outlets);
    for _ in 0..20_000 {
        driver.frame(None, vec![0xff; 20], Vec::new(), None);
    }
    endpoint.reset_ownership().unwrap();
    driver.settle();
    let events: Vec<LinkEvent> = std::iter::from_fn(|| taken.try_recv().ok()).collect();
    assert_eq!(events.len(), 10_001);
    assert!(matches!(events.last(), Some(LinkEvent::Endpoint { event: crate::Event::OwnershipChanged { epoch: 1, owner: None } })));
}

struct Silent;

impl FrameTransport for Silent {
    fn send(&self, _frame: Vec<u8>, _route: Vec<u8>, _delivery: bool) -> std::result::Result<(), CallbackError> {
        Ok(())
    }
}

/// A storage that shuts the link down which it serves.
#[derive(Default)]
struct Quitter(OnceLock<Weak<Link>>);

impl crate::Storage for Quitter {
    fn load(&self, _key: u32) -> std::result::Result<Option<Vec<u8>>, CallbackError> {
        Ok(None)
    }

    fn save(&self, _key: u32, _data: Vec<u8>) -> std::result::Result<(), CallbackError> {
        if let Some(link) = self.0.get().and_then(Weak::upgrade) {
            link.shut_down();
        }
        Ok(())
    }

    fn resists_rollback(&self) -> bool {
        true
    }
}

#[test]
fn a_callback_may_shut_its_link_down() {
    let (own, storage) = (identity("wearable"), Arc::new(Quitter::default()));
    let endpoint = Endpoint::new(config(&own, &[]), Some(Arc::clone(&storage) as Arc<dyn crate::Storage>), None, None).unwrap();
    let code = crate::SetupCode::generate(own.credential.thumbprint(), String::new()).unwrap();
    endpoint.enable_setup(1_000, code).unwrap();
    let link = Link::over(endpoint, Arc::new(Silent));
    storage.0.set(Arc::downgrade(&link)).unwrap();
    run(async {
        link.open(1_000).await.unwrap();
        link.reset_ownership().unwrap();
        let ended = timeout(Duration::from_secs(5), async { while link.next_event().await.is_some() {} }).await;
        assert!(ended.is_ok(), "its events go on");
        assert!(matches!(link.connect(String::new(), None, 100).await, Err(NetworkError::NotOpen)));
    });
}
