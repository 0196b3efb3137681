//! Tests: against a full endpoint as the hub, with the endpoint's test port, adversary and simulator; and against what others computed.
#![cfg_attr(not(all(feature = "responder", feature = "commands")), allow(dead_code, unused_imports))]

#[cfg(all(feature = "responder", feature = "commands"))]
mod end;
#[cfg(all(feature = "responder", feature = "commands"))]
mod stories;

use super::*;
use crate::endpoint::tests::port::{Identity as Party, TestPort};
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
