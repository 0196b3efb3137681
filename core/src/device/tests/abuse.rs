//! Calls in an order that nobody should make, a clock at its end, and a hub that is authenticated and means harm.

use super::*;
use crate::bytes::Secret;
use crate::edhoc::Role;
use crate::record::{Binding, Header, Keys, PARTIAL_IV_LIMIT, Parties};

/// A record that the hub's keys protect, whatever a hub would say.
fn forged(pair: &mut Pair, partial_iv: u64, confirmable: bool, options: bool, plaintext: &[u8]) -> Vec<u8> {
    let session = &pair.a.device.session;
    let Parties { own, peer, .. } = session.parties;
    let parties = Parties { role: Role::Responder, own: peer, peer: own, ..session.parties };
    let prk_out = Secret::from(*session.context.prk_out.expose());
    let mut keys = Keys::empty();
    keys.derive(&mut pair.a.port, &parties, &prk_out).unwrap();
    let header = Header { phase: false, confirmable, options, recipient: parties.c_i, partial_iv };
    let mut frame = std::vec![0; 128];
    let mut w = crate::bytes::Writer::new(&mut frame);
    header.write(&mut w).unwrap();
    let head = w.len();
    frame.truncate(head);
    frame.extend_from_slice(plaintext);
    let mut tag = [0; 16];
    let (front, text) = frame.split_at_mut(head);
    // Not through the port, which holds that nobody seals twice under a nonce.
    let mut port = TestPort::blank(true, 9);
    keys.seal(&mut port, &Binding { parties: &parties, epoch: 0, topic: None }, &header, front, text, &mut tag).unwrap();
    frame.extend_from_slice(&tag);
    frame
}

/// The store has taken the new session and says that it has not; the application looks into it, and someone repeats message_4. Were both taken, records
/// would be protected twice under one nonce.
#[test]
fn restore_during_a_handshake() {
    let mut pair = Pair::new();
    pair.a.connect(pair.now);
    let mut last = Vec::new();
    for _ in 0..2 {
        for frame in pair.a.frames(pair.now) {
            pair.hub_hears(&frame).unwrap();
        }
        for frame in pair.hub.frames(pair.now) {
            pair.a.port.deny_saves = true;
            let _ = pair.a.input(pair.now, &frame);
            pair.a.port.deny_saves = false;
            last = frame;
        }
    }
    assert!(pair.a.device.sid().is_none() && !pair.a.port.stored.is_empty());
    let before = pair.a.fingerprint();
    assert_eq!(pair.a.device.restore(&mut pair.a.port, pair.now), Err(Error::WrongState));
    assert_eq!(pair.a.fingerprint(), before);
    for _ in 0..2 {
        for _ in 0..100 {
            let _ = pair.a.send(pair.now, &DATA);
        }
        let _ = pair.a.input(pair.now, &last);
    }
    pair.run(10_000);
    pair.talks();
}

#[test]
fn nothing_follows_close() {
    let mut pair = Pair::connected();
    pair.say(&CONFIRMABLE).unwrap();
    pair.hub_commits();
    pair.now += 1_000;
    pair.hub.endpoint.handle_timeout(&mut pair.hub.port, pair.now).unwrap();
    for frame in pair.hub.frames(pair.now) {
        pair.a.input(pair.now, &frame).unwrap();
    }
    pair.a.connect(pair.now);
    pair.a.device.close(&mut pair.a.port).unwrap();
    assert_eq!(pair.a.device.poll_event(), None);
    assert!(!pair.a.device.is_connecting());
}

#[test]
fn a_failure_that_was_not_asked_about_is_not_the_next_handshakes() {
    let mut pair = Pair::new();
    pair.a.connect(pair.now);
    while pair.a.device.is_connecting() {
        pair.now = pair.now.max(pair.a.device.poll_timeout());
        pair.a.frames(pair.now);
    }
    pair.a.connect(pair.now);
    assert_eq!(pair.a.device.poll_event(), None);
}

#[test]
fn the_end_of_time() {
    for now in [NEVER, NEVER - 1] {
        let mut pair = Pair::connected();
        pair.say(&CONFIRMABLE).unwrap();
        for _ in 0..3 {
            assert!(pair.a.frames_at_most(now, 8) < 8);
            pair.a.collect();
        }
        pair.a.connect(now);
        assert!(pair.a.frames_at_most(now, 8) < 8);
    }
}

impl Sensor {
    fn frames_at_most(&mut self, now: u64, most: usize) -> usize {
        (0..most).take_while(|_| self.frame(now).unwrap().is_some()).count()
    }
}

/// The highest edge uses the key up; a new handshake helps.
#[test]
fn an_edge_at_the_end() {
    let mut pair = Pair::connected();
    pair.talks();
    let edge = PARTIAL_IV_LIMIT - 1;
    let mut plaintext = std::vec![0xa2, 0, 2, 6, 0x82, 0x1b];
    plaintext.extend_from_slice(&edge.to_be_bytes());
    plaintext.extend_from_slice(&[0x48, 1, 2, 3, 4, 5, 6, 7, 8]);
    let frame = forged(&mut pair, 50, false, true, &plaintext);
    pair.a.input(pair.now, &frame).unwrap();
    // Nor does it wear out the flash.
    let saves = pair.a.port.saves;
    for _ in 0..10 {
        assert_eq!(pair.a.send(pair.now, &DATA).unwrap_err(), Error::KeyExhausted);
    }
    assert_eq!(pair.a.frame(pair.now), Err(Error::KeyExhausted));
    assert_eq!(pair.a.frame(pair.now), Ok(None));
    assert_eq!(pair.a.port.saves, saves);
    pair.connect();
    pair.talks();
}

/// An origin under the session that stands, and one without name.
#[test]
fn origins_that_a_hub_does_not_send() {
    let mut pair = Pair::connected();
    let sid = pair.a.device.sid().unwrap();
    for (number, named) in [(0, sid), (1, [0; 8])] {
        let plaintext = [&[number, 0xa1, 2, 0x82, 0x48][..], &named, &[5]].concat();
        let frame = forged(&mut pair, 40 + u64::from(number), true, true, &plaintext);
        pair.a.input(pair.now, &frame).unwrap();
        let got = pair.a.delivered.pop().unwrap();
        // Its own number alone can be committed.
        let Sensor { device, port, .. } = &mut pair.a;
        assert_eq!(device.commit(port, pair.now, got.name, None), Ok(()));
        let frame = forged(&mut pair, 50 + u64::from(number), true, true, &plaintext);
        assert_eq!(pair.a.input(pair.now, &frame), Err(Error::Duplicate));
    }
    assert!(pair.a.restart(pair.now));
}
