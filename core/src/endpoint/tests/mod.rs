//! Tests: one file for each group of rules, and a simulator of bad networks. They need both ends and everything; `conversation` tests what smaller
//! builds have.
#![cfg_attr(not(all(feature = "responder", feature = "commands")), allow(dead_code, unused_imports))]

mod conversation;
pub(crate) mod port;

#[cfg(all(feature = "responder", feature = "commands"))]
mod adversary;
#[cfg(all(feature = "responder", feature = "commands"))]
mod attacks;
#[cfg(all(feature = "responder", feature = "commands"))]
mod bad_keys;
#[cfg(all(feature = "responder", feature = "commands"))]
mod buffers;
#[cfg(all(feature = "responder", feature = "commands"))]
pub(crate) mod end;
#[cfg(all(feature = "responder", feature = "commands"))]
pub(crate) mod exhaustive;
#[cfg(all(feature = "responder", feature = "commands"))]
mod handshakes;
#[cfg(all(feature = "responder", feature = "commands"))]
mod messages;
#[cfg(all(feature = "responder", feature = "commands"))]
mod methods;
#[cfg(all(feature = "responder", feature = "commands"))]
mod persistence;
#[cfg(all(feature = "setup", feature = "commands"))]
mod setup;
#[cfg(all(feature = "setup", feature = "commands"))]
mod setup_cuts;
#[cfg(all(feature = "responder", feature = "commands"))]
pub(crate) mod simulator;
#[cfg(all(feature = "responder", feature = "commands"))]
pub(crate) mod stories;
#[cfg(all(feature = "responder", feature = "commands"))]
mod tables;

use super::*;
use port::{Identity, TestPort};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::vec::Vec;

/// A message as it was delivered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delivered {
    pub(crate) session: SessionHandle,
    pub(crate) peer: Thumbprint,
    pub(crate) kind: Kind,
    pub(crate) number: Option<u64>,
    pub(crate) origin: Option<Origin>,
    pub(crate) topic: Option<Vec<u8>>,
    pub(crate) payload: Vec<u8>,
    pub(crate) missing: u64,
    pub(crate) late: bool,
}

/// An endpoint with its platform.
pub(crate) struct Node {
    pub(crate) port: TestPort,
    pub(crate) endpoint: Endpoint<HeapTables>,
    pub(crate) identity: Identity,
    pub(crate) events: Vec<Event<'static>>,
    pub(crate) delivered: Vec<Delivered>,
}

impl Node {
    pub(crate) fn new(identity: &Identity, peers: &[&Identity], config: Config, toy: bool, seed: u64) -> Self {
        let port = TestPort::new(identity, peers, toy, seed);
        let endpoint = Endpoint::new(HeapTables::new(6, 4), config).unwrap();
        Node { port, endpoint, identity: identity.clone(), events: Vec::new(), delivered: Vec::new() }
    }

    /// A new process over the same store.
    pub(crate) fn restart(&mut self, now: u64) -> usize {
        let config = *self.endpoint.config();
        self.endpoint = Endpoint::new(HeapTables::new(6, 4), config).unwrap();
        self.events.clear();
        self.delivered.clear();
        let count = self.endpoint.restore(&mut self.port, now).unwrap();
        self.collect();
        count
    }

    pub(crate) fn collect(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            self.events.push(event);
        }
        // Ended sessions are found where they are remembered.
        let tables = &self.endpoint.tables;
        for (handle, sid) in (0..tables.sessions()).flat_map(|slot| tables.session(slot).unwrap().remembered()).flatten() {
            let slot = tables.remembering(handle.unwrap_or(SessionHandle(u32::MAX)), Some(sid)).unwrap();
            let mut known = tables.session(slot).unwrap().remembered().into_iter().flatten();
            assert!(known.any(|known| known == (handle, sid) || known.1 == sid));
        }
    }

    /// Takes in a frame; a message is noted.
    pub(crate) fn input(&mut self, now: u64, route: Route, topic: Option<&[u8]>, frame: &[u8]) -> Result<()> {
        let mut frame = frame.to_vec();
        let event = self.endpoint.handle_frame(&mut self.port, now, route, topic, &mut frame)?;
        if let Event::Message(message) = event {
            self.delivered.push(Delivered {
                session: message.session,
                peer: message.peer,
                kind: message.kind,
                number: message.number,
                origin: message.origin,
                topic: message.topic.map(<[u8]>::to_vec),
                payload: message.payload.to_vec(),
                missing: message.missing,
                late: message.late,
            });
        }
        Ok(())
    }

    pub(crate) fn output(&mut self, now: u64) -> Vec<(Transmit, Vec<u8>)> {
        let mut frames = Vec::new();
        let mut buffer = [0; 1024];
        while let Some(transmit) = self.endpoint.poll_transmit(&mut self.port, now, &mut buffer).unwrap() {
            frames.push((transmit, buffer[..transmit.len].to_vec()));
        }
        frames
    }

    pub(crate) fn frames(&mut self, now: u64) -> Vec<Vec<u8>> {
        self.output(now).into_iter().map(|(_, frame)| frame).collect()
    }

    /// As [`frames`](Self::frames), going on when the store fails.
    pub(crate) fn patient_frames(&mut self, now: u64) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        let mut buffer = [0; 1024];
        for _ in 0..64 {
            match self.endpoint.poll_transmit(&mut self.port, now, &mut buffer) {
                Ok(Some(transmit)) => frames.push(buffer[..transmit.len].to_vec()),
                Ok(None) => return frames,
                Err(error) => assert_eq!(error, Error::StorageFailed),
            }
        }
        panic!("poll_transmit never ends");
    }

    pub(crate) fn session(&self, peer: &Node) -> SessionHandle {
        self.endpoint.find(&peer.identity.thumbprint).unwrap()
    }

    pub(crate) fn send(&mut self, now: u64, session: SessionHandle, message: &Outgoing<'_>) -> Result<(Sent, Vec<u8>)> {
        let mut buffer = [0; 1024];
        let sent = self.endpoint.send(&mut self.port, now, session, message, &mut buffer)?;
        Ok((sent, buffer[..sent.len].to_vec()))
    }

    pub(crate) fn take_events(&mut self) -> Vec<Event<'static>> {
        self.collect();
        std::mem::take(&mut self.events)
    }

    /// Everything that bad input must leave alone: all of the state but counters, the counts of failures, and which cached frame is to go out.
    pub(crate) fn fingerprint(&mut self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let (sessions, handshakes) = self.endpoint.slots();
        self.endpoint.digest_counts().hash(&mut hasher);
        for slot in 0..sessions {
            self.endpoint.digest_session(&mut self.port, slot, &mut hasher);
        }
        for slot in 0..handshakes {
            self.endpoint.digest_handshake(slot, &mut hasher);
        }
        self.port.stored.hash(&mut hasher);
        hasher.finish()
    }
}

/// Two endpoints that know each other, and a line that the test handles itself.
pub(crate) struct Pair {
    pub(crate) a: Node,
    pub(crate) b: Node,
    pub(crate) now: u64,
}

impl Pair {
    pub(crate) fn with(toy: bool, seed: u64, adjust: impl Fn(&mut Config)) -> Self {
        let (a, b) = (Identity::new(1, "dev-1", toy), Identity::new(2, "hub", toy));
        let mut config = Config::default();
        adjust(&mut config);
        let node = |own: &Identity, peer: &Identity| Node::new(own, &[peer], config, toy, seed);
        Pair { a: node(&a, &b), b: node(&b, &a), now: 1_000 }
    }

    pub(crate) fn new() -> Self {
        Pair::with(true, 1, |_| ())
    }

    /// Carries frames both ways, without loss, until nobody has anything to say.
    pub(crate) fn settle(&mut self) {
        for _ in 0..64 {
            let (from_a, from_b) = (self.a.frames(self.now), self.b.frames(self.now));
            if from_a.is_empty() && from_b.is_empty() {
                self.a.collect();
                self.b.collect();
                return;
            }
            for frame in from_a {
                let _ = self.b.input(self.now, Route::default(), None, &frame);
            }
            for frame in from_b {
                let _ = self.a.input(self.now, Route::default(), None, &frame);
            }
        }
        panic!("the two never come to rest");
    }

    /// Lets timers fire and frames travel for a while.
    pub(crate) fn run(&mut self, duration: u64) {
        let end = self.now + duration;
        loop {
            self.settle();
            let next = [self.a.endpoint.poll_timeout(), self.b.endpoint.poll_timeout()].into_iter().flatten().min();
            match next.filter(|next| *next <= end) {
                Some(next) => {
                    self.now = self.now.max(next);
                    self.a.endpoint.handle_timeout(&mut self.a.port, self.now).unwrap();
                    self.b.endpoint.handle_timeout(&mut self.b.port, self.now).unwrap();
                }
                None => break,
            }
        }
        self.now = end;
    }

    /// `a` connects to `b`.
    pub(crate) fn connect(&mut self) -> (SessionHandle, SessionHandle) {
        let peer = self.b.identity.thumbprint;
        self.a.endpoint.connect(&mut self.a.port, self.now, Route::default(), Some(peer)).unwrap();
        self.settle();
        self.a.events.clear();
        self.b.events.clear();
        (self.a.session(&self.b), self.b.session(&self.a))
    }

    pub(crate) fn connected() -> (Self, SessionHandle, SessionHandle) {
        let mut pair = Pair::new();
        let (a, b) = pair.connect();
        (pair, a, b)
    }

    /// `a` sends, `b` takes it in.
    pub(crate) fn pass(&mut self, session: SessionHandle, message: &Outgoing<'_>) -> Result<()> {
        let (_, frame) = self.a.send(self.now, session, message)?;
        self.b.input(self.now, Route::default(), None, &frame)
    }
}

pub(crate) fn exported(node: &mut Node, session: SessionHandle) -> [u8; 16] {
    let mut out = [0; 16];
    node.endpoint.export(&mut node.port, session, 33_000, b"test", &mut out).unwrap();
    out
}

pub(crate) const DATA: Outgoing<'static> = Outgoing {
    kind: Kind::Data,
    confirmable: false,
    topic: Topic::None,
    retain: false,
    expiry_s: None,
    content_type: None,
    payload: b"data",
    number: None,
    origin: None,
};
pub(crate) const CONFIRMABLE: Outgoing<'static> = Outgoing { confirmable: true, payload: b"confirm", ..DATA };
pub(crate) const COMMAND: Outgoing<'static> = Outgoing { kind: Kind::Command, payload: b"unlock", ..DATA };
