//! A whole endpoint against the second implementation, frame by frame. The peer has no endpoint of its own: it is a codec, and each
//! test makes the moves that PROTOCOL asks of a peer.

mod handshakes;
mod messages;
mod sessions;

use crate::handshakes::{Named, OUR_NAME, SUITES, Setting, THEIR_NAME, is_us};
use crate::party::Party;
use crate::peer::{Peer, bytes, hex};
use sealwire_core::credential::Role;
use sealwire_core::crypto::Suite;
use sealwire_core::edhoc::INBOX;
use sealwire_core::endpoint::{
    Config, Endpoint, Event, HeapTables, InboxName, Kind, Origin, Outgoing, Route, Sent, SessionHandle, Sid, Transmit,
};
use sealwire_core::error::Result;
use serde_json::{Value, json};

const ROLES: [Role; 2] = [Role::Initiator, Role::Responder];
/// The peer's identifier.
const PEERS_ID: &str = "27";
/// Where the peer wants to be reached, named in its message_2.
const WORKER: &str = "hub-w3";

/// A message that the endpoint delivered, owned.
#[derive(Debug, PartialEq, Eq)]
struct Delivered {
    session: SessionHandle,
    kind: Kind,
    number: Option<u64>,
    origin: Option<Origin>,
    topic: Option<Vec<u8>>,
    payload: Vec<u8>,
    missing: u64,
    late: bool,
    retain: bool,
    expiry_s: Option<u64>,
    content_type: Option<String>,
}

/// This end.
struct Device {
    endpoint: Endpoint<HeapTables>,
    party: Party,
    config: Config,
    now: u64,
}

fn config(adjust: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    adjust(&mut config);
    config
}

fn mqtt(config: &mut Config) {
    config.mqtt = true;
    config.inbox = Some(InboxName::new(OUR_NAME.as_bytes()).unwrap());
    config.reply_inbox = Some(InboxName::new(b"worker-1").unwrap());
}

fn route(name: &str) -> Route {
    Route::new(name.as_bytes()).unwrap()
}

impl Device {
    fn new(party: Party, config: Config) -> Self {
        Device { endpoint: Endpoint::new(HeapTables::new(8, 4), config).unwrap(), party, config, now: 1_000 }
    }

    /// The process ends and starts again; what was stored is there.
    fn restart(&mut self) -> usize {
        self.endpoint = Endpoint::new(HeapTables::new(8, 4), self.config).unwrap();
        self.endpoint.restore(&mut self.party, self.now).unwrap()
    }

    /// Hands in one frame.
    fn feed_on(&mut self, topic: Option<&str>, frame: &[u8]) -> Result<Option<Delivered>> {
        let mut frame = frame.to_vec();
        let topic = topic.map(str::as_bytes);
        match self.endpoint.handle_frame(&mut self.party, self.now, Route::default(), topic, &mut frame)? {
            Event::Message(m) => Ok(Some(Delivered {
                session: m.session,
                kind: m.kind,
                number: m.number,
                origin: m.origin,
                topic: m.topic.map(<[u8]>::to_vec),
                payload: m.payload.to_vec(),
                missing: m.missing,
                late: m.late,
                retain: m.retain,
                expiry_s: m.expiry_s,
                content_type: m.content_type.map(str::to_string),
            })),
            _ => Ok(None),
        }
    }

    fn feed(&mut self, frame: &[u8]) -> Result<Option<Delivered>> {
        self.feed_on(None, frame)
    }

    fn events(&mut self) -> Vec<Event<'static>> {
        std::iter::from_fn(|| self.endpoint.poll_event()).collect()
    }

    fn transmits(&mut self) -> Vec<(Transmit, Vec<u8>)> {
        let mut all = Vec::new();
        let mut out = [0; 1024];
        while let Some(transmit) = self.endpoint.poll_transmit(&mut self.party, self.now, &mut out).unwrap() {
            all.push((transmit, out[..transmit.len].to_vec()));
            assert!(all.len() < 20, "no end of frames");
        }
        all
    }

    fn frames(&mut self) -> Vec<Vec<u8>> {
        self.transmits().into_iter().map(|(_, frame)| frame).collect()
    }

    /// The only frame that the endpoint wants sent.
    fn frame(&mut self) -> Vec<u8> {
        let mut frames = self.frames();
        assert_eq!(frames.len(), 1, "{:02x?}", frames);
        frames.pop().unwrap()
    }

    /// Moves on to the next timer.
    fn wake(&mut self) {
        self.now = self.endpoint.poll_timeout().unwrap().max(self.now);
        self.endpoint.handle_timeout(&mut self.party, self.now).unwrap();
    }

    fn send(&mut self, session: SessionHandle, message: &Outgoing<'_>) -> Result<(Sent, Vec<u8>)> {
        let mut out = [0; 1024];
        let sent = self.endpoint.send(&mut self.party, self.now, session, message, &mut out)?;
        Ok((sent, out[..sent.len].to_vec()))
    }
}

fn protect(peer: &mut Peer, name: &str, payload: &[u8], options: Value, number: Option<u64>) -> Vec<u8> {
    let request = json!({"id": name, "payload": hex(payload), "options": options, "number": number});
    bytes(&peer.tell("protect", request)["record"])
}

/// A control record of the peer's.
fn control(peer: &mut Peer, name: &str, mut options: Value) -> Vec<u8> {
    options["0"] = json!(2);
    protect(peer, name, &[], options, None)
}

fn unprotect(peer: &mut Peer, name: &str, record: &[u8]) -> Value {
    peer.tell("unprotect", json!({"id": name, "record": hex(record)}))
}

/// The options of the only frame that the endpoint wants sent, a control record.
fn controlled(peer: &mut Peer, device: &mut Device, name: &str) -> Value {
    let record = device.frame();
    let mut options = unprotect(peer, name, &record)["options"].take();
    assert_eq!(options.as_object_mut().unwrap().remove("0"), Some(json!(2)), "{options}");
    options
}

fn sid(peer: &mut Peer, name: &str) -> Sid {
    Sid(bytes(&peer.tell("session", json!({"id": name}))["sid"]).try_into().unwrap())
}

/// The session that has just been reported as established.
fn established(device: &mut Device, setting: &Setting, role: Role) -> SessionHandle {
    let events = device.events();
    let Some(Event::Established { session, peer, role: as_role, handshake, resumed: false }) = events.first() else {
        panic!("{events:?}");
    };
    assert_eq!((*peer, *as_role, handshake.is_some()), (setting.theirs.thumbprint(), role, role == Role::Initiator));
    *session
}

/// A handshake that the endpoint starts, up to its first record; gives that too, as the peer sees it.
fn connect(peer: &mut Peer, setting: &mut Setting, device: &mut Device, name: &str) -> (SessionHandle, Value) {
    let to = if device.config.mqtt { route(THEIR_NAME) } else { Route::default() };
    device.endpoint.connect(&mut device.party, device.now, to, Some(setting.theirs.thumbprint())).unwrap();
    setting.introduce(peer, name, "responder");
    let first = device.frame();
    peer.tell("process_message_1", json!({"id": name, "frame": hex(&first)}));
    let ephemeral = setting.ephemeral();
    let second = bytes(&peer.tell("message_2", json!({"id": name, "c_r": PEERS_ID, "ephemeral": ephemeral}))["frame"]);
    device.feed(&second).unwrap();
    let third = device.frame();
    let answer = peer.tell("process_message_3", json!({"id": name, "frame": hex(&third)}));
    is_us(setting, &answer);
    let fourth = bytes(&peer.tell("message_4", json!({"id": name}))["frame"]);
    device.feed(&fourth).unwrap();
    let session = established(device, setting, Role::Initiator);
    let record = device.frame();
    (session, unprotect(peer, name, &record))
}

/// A handshake that the peer starts, up to message_4.
fn accept(peer: &mut Peer, setting: &mut Setting, device: &mut Device, name: &str) {
    setting.introduce(peer, name, "initiator");
    let ead_1 = if device.config.mqtt { json!([[-INBOX, hex(THEIR_NAME.as_bytes())]]) } else { json!([]) };
    let first = bytes(&peer.tell("message_1", json!({"id": name, "ead_1": ead_1}))["frame"]);
    device.feed(&first).unwrap();
    let second = device.frame();
    let answer = peer.tell("process_message_2", json!({"id": name, "frame": hex(&second)}));
    is_us(setting, &answer);
    let third = bytes(&peer.tell("message_3", json!({"id": name}))["frame"]);
    device.feed(&third).unwrap();
    let fourth = device.frame();
    peer.tell("process_message_4", json!({"id": name, "frame": hex(&fourth)}));
}

/// A session in which both have been heard.
fn session(peer: &mut Peer, setting: &mut Setting, device: &mut Device, name: &str, role: Role) -> SessionHandle {
    match role {
        Role::Initiator => {
            let (session, first) = connect(peer, setting, device, name);
            assert_eq!((&first["options"]["0"], &first["options"]["15"]), (&json!(2), &json!(true)));
            let record = control(peer, name, json!({}));
            device.feed(&record).unwrap();
            session
        }
        Role::Responder => {
            accept(peer, setting, device, name);
            let record = control(peer, name, json!({"15": true}));
            device.feed(&record).unwrap();
            let session = established(device, setting, Role::Responder);
            let record = device.frame();
            unprotect(peer, name, &record);
            session
        }
    }
}

/// Runs `test` over a session, in both suites and both roles.
fn everywhere(seed: u64, adjust: impl Fn(&mut Config), mut test: impl FnMut(&mut Peer, &mut Setting, &mut Device, SessionHandle)) {
    let Some(mut peer) = Peer::start() else { return };
    for (seed, suite) in (seed..).step_by(20).zip(SUITES) {
        for (seed, role) in (seed..).step_by(10).zip(ROLES) {
            let mut setting = Setting::new(&mut peer, suite, Named::CcsByKid, seed);
            let mut device = Device::new(setting.take_party(), config(&adjust));
            let handle = session(&mut peer, &mut setting, &mut device, "0", role);
            assert_eq!(device.frames(), [[0; 0]; 0], "nothing is left to say");
            test(&mut peer, &mut setting, &mut device, handle);
        }
    }
}
