//! A device as one end of the endpoint's simulator.

use super::*;
use crate::credential::Thumbprint;
use crate::edhoc::{Role, exporter};
use crate::endpoint::tests::Delivered;
use crate::endpoint::tests::end::End;
use crate::endpoint::{self, HandshakeId, Route, SessionHandle, Sid};

pub(super) struct DeviceEnd {
    sensor: Sensor,
    /// Every session that there was; the place is its handle.
    sids: Vec<Nonce>,
    handshakes: u32,
    mqtt: bool,
}

impl DeviceEnd {
    pub(super) fn new(own: &Party, peer: &Party, mqtt: bool, seed: u64) -> Self {
        let sensor = Sensor::new(own, peer, true, seed, |config| {
            config.inbox = mqtt.then_some(b"dev-1");
            config.command_lifetime_ms = 10_000;
        });
        DeviceEnd { sensor, sids: Vec::new(), handshakes: 0, mqtt }
    }

    fn sid(&self, session: SessionHandle) -> Nonce {
        self.sids[session.0 as usize]
    }

    fn handle(&self, sid: Nonce) -> SessionHandle {
        SessionHandle(self.sids.iter().position(|known| *known == sid).unwrap() as u32)
    }

    fn note(&mut self) {
        if let Some(sid) = self.sensor.device.sid()
            && !self.sids.contains(&sid)
        {
            self.sids.push(sid);
        }
    }

    fn event(&self, event: Event) -> endpoint::Event<'static> {
        let session = || self.handle(self.sensor.device.sid().unwrap());
        match event {
            Event::Established { resumed, ended } => {
                // The one before ended with it, if this process had one.
                assert!(ended.is_none_or(|ended| self.sids.contains(&ended) && Some(ended) != self.sensor.device.sid()));
                let handshake = (!resumed).then_some(HandshakeId(self.handshakes));
                let peer = self.sensor.peer.thumbprint;
                endpoint::Event::Established { session: session(), peer, role: Role::Initiator, handshake, resumed }
            }
            Event::Acknowledged { top, missing } => endpoint::Event::Acknowledged { session: session(), top, missing },
            Event::Resend { number } => endpoint::Event::Resend { session: session(), number },
            Event::PeerSilent => endpoint::Event::PeerSilent { session: session() },
            Event::HandshakeFailed { reason } => {
                endpoint::Event::HandshakeFailed { handshake: HandshakeId(self.handshakes), route: Route::default(), reason }
            }
        }
    }
}

impl End for DeviceEnd {
    fn port(&mut self) -> &mut TestPort {
        &mut self.sensor.port
    }

    fn thumbprint(&self) -> Thumbprint {
        self.sensor.identity.thumbprint
    }

    fn is_full(&self) -> bool {
        false
    }

    fn standing(&self, _: &Thumbprint) -> Option<SessionHandle> {
        self.sensor.device.sid().map(|sid| self.handle(sid))
    }

    fn describe(&self, _: u64, session: SessionHandle) -> Option<(Sid, u32, u32)> {
        let sid = self.sensor.device.sid().filter(|sid| *sid == self.sid(session))?;
        Some((Sid(sid), 0, self.sensor.device.session.sent.outstanding_bits().count_ones()))
    }

    fn exported(&mut self, _: SessionHandle) -> [u8; 16] {
        let mut out = [0; 16];
        exporter(&mut self.sensor.port, &self.sensor.device.session.context.prk_out, 33_000, b"test", &mut out).unwrap();
        out
    }

    fn connect(&mut self, now: u64, route: Route, _: Thumbprint) -> Result<HandshakeId> {
        assert_eq!(route.is_link(), !self.mqtt);
        self.sensor.connect(now);
        self.handshakes += 1;
        Ok(HandshakeId(self.handshakes))
    }

    fn send(&mut self, now: u64, session: SessionHandle, message: &endpoint::Outgoing<'_>) -> Result<(endpoint::Sent, Vec<u8>)> {
        assert_eq!(Some(self.sid(session)), self.sensor.device.sid());
        let outgoing = Outgoing {
            confirmable: message.confirmable,
            number: message.number,
            origin: message.origin.map(|origin| Origin { sid: origin.sid.0, number: origin.number }),
            topic: None,
            payload: message.payload,
        };
        let (sent, frame) = self.sensor.send(now, &outgoing)?;
        Ok((endpoint::Sent { len: sent.length, route: Route::default(), number: sent.number }, frame))
    }

    fn commit(&mut self, now: u64, session: SessionHandle, number: u64, origin: Option<endpoint::Origin>) -> Result<()> {
        let name = Origin { sid: self.sid(session), number };
        let origin = origin.map(|origin| Origin { sid: origin.sid.0, number: origin.number });
        self.sensor.device.commit(&mut self.sensor.port, now, name, origin)
    }

    fn abandon(&mut self, _: SessionHandle, number: u64) -> Result<()> {
        self.sensor.device.abandon(number)
    }

    fn key_update(&mut self, _: u64, _: SessionHandle) -> Result<()> {
        Err(Error::WrongState)
    }

    /// Asking for frames is what lets time pass.
    fn tick(&mut self, _: u64) {}

    fn due(&self) -> Option<u64> {
        Some(self.sensor.device.poll_timeout()).filter(|due| *due != NEVER)
    }

    fn take_events(&mut self) -> Vec<endpoint::Event<'static>> {
        let events = self.sensor.take_events();
        events.into_iter().map(|event| self.event(event)).collect()
    }

    fn has_events(&self) -> bool {
        self.sensor.device.events != 0 || self.sensor.device.session.next_resend().is_some()
    }

    fn input(&mut self, now: u64, frame: &[u8]) -> Result<()> {
        let result = self.sensor.input(now, frame);
        self.note();
        result
    }

    fn take_delivered(&mut self) -> Vec<Delivered> {
        let got = std::mem::take(&mut self.sensor.delivered);
        let delivered = |got: Got| Delivered {
            session: self.handle(got.name.sid),
            peer: self.sensor.peer.thumbprint,
            kind: if got.command { endpoint::Kind::Command } else { endpoint::Kind::Data },
            number: got.numbered.then_some(got.name.number),
            origin: got.origin.map(|origin| endpoint::Origin { sid: Sid(origin.sid), number: origin.number }),
            topic: got.topic,
            payload: got.payload,
            missing: got.missing,
            late: got.late,
        };
        got.into_iter().map(delivered).collect()
    }

    fn patient_frames(&mut self, now: u64) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        for _ in 0..64 {
            match self.sensor.frame(now) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => {
                    // Whoever waits until then does not wait in vain, nor for ever.
                    assert_eq!(self.sensor.device.poll_timeout() <= now, self.has_events());
                    return frames;
                }
                Err(error) => assert_eq!(error, Error::StorageFailed),
            }
        }
        panic!("poll_transmit never ends");
    }

    fn restart(&mut self, now: u64) -> usize {
        let restored = self.sensor.restart(now);
        self.note();
        usize::from(restored)
    }

    fn fingerprint(&mut self) -> u64 {
        self.sensor.fingerprint()
    }

    fn is_at_rest(&self, _: SessionHandle) -> bool {
        !self.sensor.device.session.repeats()
    }
}
