//! Tests: against a full endpoint as the hub, with the endpoint's test port, adversary and simulator; and against what others computed.
#![cfg_attr(not(all(feature = "responder", feature = "commands")), allow(dead_code, unused_imports))]

#[cfg(all(feature = "responder", feature = "commands"))]
mod abuse;
#[cfg(all(feature = "responder", feature = "commands"))]
mod end;
#[cfg(all(feature = "responder", feature = "commands"))]
mod handshakes;
#[cfg(all(feature = "responder", feature = "commands"))]
mod items;
#[cfg(all(feature = "responder", feature = "commands"))]
mod messages;
#[cfg(all(feature = "responder", feature = "commands"))]
mod persistence;
#[cfg(all(feature = "responder", feature = "commands"))]
mod stories;
mod vectors;

use super::*;
#[cfg(all(feature = "responder", feature = "commands"))]
use crate::endpoint::tests::Node;
use crate::endpoint::tests::port::{Identity as Party, TestPort};
use crate::endpoint::{self, Route, SessionHandle};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::vec::Vec;

/// A message as it was delivered.
#[derive(Clone, Debug, PartialEq)]
struct Got {
    command: bool,
    name: Origin,
    numbered: bool,
    origin: Option<Origin>,
    topic: Option<Vec<u8>>,
    payload: Vec<u8>,
    missing: u64,
    late: bool,
}

/// A device with its platform.
struct Sensor {
    port: TestPort,
    device: Device<'static>,
    config: Config<'static>,
    identity: Party,
    peer: Party,
    events: Vec<Event>,
    delivered: Vec<Got>,
}

impl Sensor {
    fn new(own: &Party, peer: &Party, toy: bool, seed: u64, adjust: impl Fn(&mut Config<'static>)) -> Self {
        let mut port = TestPort::new(own, &[], toy, seed);
        let mut config = Config::new(own.credential.clone().leak(), KeyHandle(1), peer.credential.clone().leak());
        adjust(&mut config);
        let device = Device::new(&mut port, config).unwrap();
        Sensor { port, device, config, identity: own.clone(), peer: peer.clone(), events: Vec::new(), delivered: Vec::new() }
    }

    /// A new process over the same store, before it looks into it.
    fn reset(&mut self) {
        self.device = Device::new(&mut self.port, self.config).unwrap();
        self.events.clear();
        self.delivered.clear();
    }

    /// And after.
    fn restart(&mut self, now: u64) -> bool {
        self.reset();
        self.device.restore(&mut self.port, now).unwrap()
    }

    fn input(&mut self, now: u64, frame: &[u8]) -> Result<()> {
        let mut frame = frame.to_vec();
        if let Some(found) = self.device.handle_frame(&mut self.port, now, &mut frame)? {
            self.delivered.push(Got {
                command: found.command,
                name: Origin { sid: found.sid, number: found.number.unwrap_or_default() },
                numbered: found.number.is_some(),
                origin: found.origin,
                topic: found.topic.map(<[u8]>::to_vec),
                payload: found.payload.to_vec(),
                missing: found.missing,
                late: found.late,
            });
        }
        Ok(())
    }

    /// The next frame, if there is one.
    fn frame(&mut self, now: u64) -> Result<Option<Vec<u8>>> {
        let mut buffer = [0; MAX_FRAME];
        let length = self.device.poll_transmit(&mut self.port, now, &mut buffer)?;
        Ok((length > 0).then(|| buffer[..length].to_vec()))
    }

    fn frames(&mut self, now: u64) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while let Some(frame) = self.frame(now).unwrap() {
            frames.push(frame);
        }
        frames
    }

    fn collect(&mut self) {
        while let Some(event) = self.device.poll_event() {
            self.events.push(event);
        }
    }

    fn take_events(&mut self) -> Vec<Event> {
        self.collect();
        std::mem::take(&mut self.events)
    }

    fn connect(&mut self, now: u64) {
        self.device.connect(&mut self.port, now).unwrap();
    }

    fn send(&mut self, now: u64, message: &Outgoing<'_>) -> Result<(Sent, Vec<u8>)> {
        let mut buffer = [0; 1024];
        let sent = self.device.send(&mut self.port, now, message, &mut buffer)?;
        assert!(sent.length <= message.payload.len() + message.topic.map_or(0, <[u8]>::len) + MAX_OVERHEAD);
        Ok((sent, buffer[..sent.length].to_vec()))
    }

    fn commit(&mut self, now: u64, got: &Got) -> Result<()> {
        self.device.commit(&mut self.port, now, got.name, got.origin)
    }

    /// Everything that bad input must leave alone.
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.device.digest(&mut hasher);
        self.port.stored.hash(&mut hasher);
        hasher.finish()
    }
}

/// A device and a hub that know each other, and a line that the test handles itself.
#[cfg(all(feature = "responder", feature = "commands"))]
struct Pair {
    a: Sensor,
    hub: Node,
    now: u64,
}

#[cfg(all(feature = "responder", feature = "commands"))]
impl Pair {
    fn with(toy: bool, seed: u64, adjust: impl Fn(&mut Config<'static>)) -> Self {
        let (own, hub) = (Party::new(1, "dev-1", toy), Party::new(2, "hub", toy));
        let config = endpoint::Config { ping_after_ms: 0, ..endpoint::Config::default() };
        Pair { a: Sensor::new(&own, &hub, toy, seed, adjust), hub: Node::new(&hub, &[&own], config, toy, seed), now: 1_000 }
    }

    fn new() -> Self {
        Pair::with(true, 1, |_| ())
    }

    /// With a session, at rest.
    fn connected() -> Self {
        let mut pair = Pair::new();
        pair.connect();
        pair
    }

    fn connect(&mut self) {
        self.a.connect(self.now);
        self.settle();
        self.run(1_000);
        self.a.events.clear();
        self.hub.events.clear();
    }

    /// The device begins a handshake; gives message_2, not delivered.
    fn begins(&mut self) -> Vec<u8> {
        self.a.connect(self.now);
        self.goes_on()
    }

    /// The hub hears what the device has to say next, and gives its answer, not delivered.
    fn goes_on(&mut self) -> Vec<u8> {
        let frame = self.a.frames(self.now).remove(0);
        self.hub_hears(&frame).unwrap();
        self.hub.frames(self.now).remove(0)
    }

    /// Carries frames both ways, without loss, until nobody has anything to say.
    fn settle(&mut self) {
        for _ in 0..64 {
            let (from_a, from_hub) = (self.a.frames(self.now), self.hub.frames(self.now));
            self.a.collect();
            self.hub.collect();
            if from_a.is_empty() && from_hub.is_empty() {
                return;
            }
            for frame in from_a {
                let _ = self.hub_hears(&frame);
            }
            for frame in from_hub {
                let _ = self.a.input(self.now, &frame);
            }
        }
        panic!("the two never come to rest");
    }

    /// Lets timers fire and frames travel for a while.
    fn run(&mut self, duration: u64) {
        let end = self.now + duration;
        loop {
            self.settle();
            let next = self.a.device.poll_timeout().min(self.hub.endpoint.poll_timeout().unwrap_or(NEVER));
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            self.hub.endpoint.handle_timeout(&mut self.hub.port, self.now).unwrap();
        }
        self.now = end;
    }

    fn hub_hears(&mut self, frame: &[u8]) -> Result<()> {
        self.hub.input(self.now, Route::default(), None, frame)
    }

    /// The hub's session.
    fn session(&self) -> SessionHandle {
        self.hub.endpoint.find(&self.a.identity.thumbprint).unwrap()
    }

    /// The hub protects a message.
    fn said(&mut self, message: &endpoint::Outgoing<'_>) -> (endpoint::Sent, Vec<u8>) {
        let session = self.session();
        self.hub.send(self.now, session, message).unwrap()
    }

    /// The device takes it in.
    fn hear(&mut self, message: &endpoint::Outgoing<'_>) -> Result<()> {
        let (_, frame) = self.said(message);
        self.a.input(self.now, &frame)
    }

    /// The device sends, the hub takes it in.
    fn say(&mut self, message: &Outgoing<'_>) -> Result<Sent> {
        let (sent, frame) = self.a.send(self.now, message)?;
        self.hub_hears(&frame).map(|()| sent)
    }

    /// The hub's application commits everything that it got.
    fn hub_commits(&mut self) {
        for got in std::mem::take(&mut self.hub.delivered) {
            if let Some(number) = got.number {
                self.hub.endpoint.commit(&mut self.hub.port, self.now, got.session, number, got.origin).unwrap();
            }
        }
    }

    /// Both ends have the same session, and a message gets through each way.
    fn talks(&mut self) {
        let info = self.hub.endpoint.session(self.session(), self.now).unwrap();
        assert_eq!(self.a.device.sid(), Some(info.sid.0));
        let (heard, got) = (self.a.delivered.len(), self.hub.delivered.len());
        self.say(&DATA).unwrap();
        self.hear(&endpoint::tests::DATA).unwrap();
        assert_eq!((self.a.delivered.len(), self.hub.delivered.len()), (heard + 1, got + 1));
    }
}

const DATA: Outgoing<'static> = Outgoing { confirmable: false, number: None, origin: None, topic: None, payload: b"data" };
const CONFIRMABLE: Outgoing<'static> = Outgoing { confirmable: true, payload: b"confirm", ..DATA };

fn established(resumed: bool, ended: Option<Nonce>) -> Event {
    Event::Established { resumed, ended }
}
