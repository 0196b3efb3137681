//! Handshakes: how they succeed, are repeated, fail, and what they bear.

use super::*;

/// All single-bit changes of a frame, all its prefixes, and one byte more.
fn variants(frame: &[u8]) -> Vec<Vec<u8>> {
    let flipped = (0..frame.len() * 8).map(|bit| {
        let mut changed = frame.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        changed
    });
    flipped.chain((0..frame.len()).map(|length| frame[..length].to_vec())).chain([[frame, &[0]].concat()]).collect()
}

/// Every variant is refused and changes nothing but the count of failures, which is set back here.
fn bears(a: &mut Sensor, frame: &[u8]) {
    let before = a.fingerprint();
    for variant in variants(frame) {
        // An error frame is a hint.
        if variant.first() != Some(&5) {
            assert!(a.input(1_000, &variant).is_err(), "{variant:02x?}");
        }
        a.device.failures = 0;
        assert_eq!(a.fingerprint(), before, "{variant:02x?}");
    }
    assert!(a.delivered.is_empty());
}

#[test]
fn both_ends_establish_the_same_session() {
    for toy in [true, false] {
        let mut pair = Pair::with(toy, 3, |_| ());
        assert_eq!((pair.a.device.sid(), pair.a.device.is_connecting()), (None, false));
        assert_eq!(pair.a.send(0, &DATA).unwrap_err(), Error::WrongState);
        pair.a.connect(pair.now);
        assert!(pair.a.device.is_connecting());
        pair.settle();
        assert_eq!(pair.a.take_events(), [established(false, None)]);
        assert!(!pair.a.device.is_connecting());
        // The ping has been answered, so that nothing is repeated.
        assert_eq!(pair.a.device.poll_timeout(), NEVER);
        pair.talks();
        assert_eq!(pair.hub.endpoint.counters().malformed, 0);
    }
}

#[test]
fn sizes_of_the_frames() {
    let mut pair = Pair::new();
    pair.a.connect(0);
    let lengths: Vec<_> = (0..4)
        .map(|step| {
            let frame = if step % 2 == 0 { pair.a.frames(0) } else { pair.hub.frames(0) }.remove(0);
            if step % 2 == 0 {
                pair.hub_hears(&frame).unwrap()
            } else {
                pair.a.input(0, &frame).unwrap()
            }
            frame.len()
        })
        .collect();
    assert_eq!(lengths, [38, 55, 38, 19]);
}

#[test]
fn every_changed_bit_is_refused_and_changes_nothing() {
    let mut pair = Pair::new();
    let message_2 = pair.begins();
    bears(&mut pair.a, &message_2);
    pair.a.input(pair.now, &message_2).unwrap();
    let message_4 = pair.goes_on();
    bears(&mut pair.a, &message_4);
    // message_2 again is not awaited any more; the own repetitions do.
    assert_eq!(pair.a.input(pair.now, &message_2), Err(Error::WrongState));
    pair.a.input(pair.now, &message_4).unwrap();
    assert_eq!(pair.a.input(pair.now, &message_4), Err(Error::WrongState));
    pair.settle();
    pair.talks();
    pair.a.delivered.clear();
    let (_, record) = pair.said(&endpoint::tests::CONFIRMABLE);
    bears(&mut pair.a, &record);
    pair.a.input(pair.now, &record).unwrap();
}

/// The times at which frames of the handshake go out, none of them a moment earlier than announced.
fn attempts(pair: &mut Pair, mut deliver: impl FnMut(&mut Pair, &[u8])) -> Vec<u64> {
    let mut times = Vec::new();
    while pair.a.device.is_connecting() {
        let due = pair.a.device.poll_timeout();
        if due > pair.now {
            assert_eq!(pair.a.frames(due - 1), Vec::<Vec<u8>>::new());
        }
        pair.now = pair.now.max(due);
        for frame in pair.a.frames(pair.now) {
            times.push(pair.now);
            deliver(pair, &frame);
        }
    }
    times
}

#[test]
fn message_1_is_repeated_with_doubling_intervals_and_then_given_up() {
    let mut pair = Pair::with(true, 1, |config| config.handshake_interval_ms = 700);
    pair.a.connect(pair.now);
    let mut sent = Vec::new();
    let times = attempts(&mut pair, |_, frame| sent.push(frame.to_vec()));
    assert_eq!(times, [0, 1, 3, 7, 15, 31].map(|part| 1_000 + 700 * part));
    assert!(sent.iter().all(|frame| *frame == sent[0]));
    assert_eq!(pair.now, 1_000 + 63 * 700);
    // Who follows the documentation polls events next, and does not wait.
    assert_eq!(pair.a.device.poll_timeout(), 0);
    assert_eq!(pair.a.take_events(), [Event::HandshakeFailed { reason: Error::HandshakeFailed }]);
    assert_eq!(pair.a.device.poll_timeout(), NEVER);
    pair.connect();
    pair.talks();
}

#[test]
fn message_3_is_repeated_as_often_again() {
    let mut pair = Pair::new();
    pair.a.connect(pair.now);
    let mut kinds = Vec::new();
    let times = attempts(&mut pair, |pair, frame| {
        kinds.push(frame[0]);
        if kinds.len() == 3 {
            pair.hub_hears(frame).unwrap();
            let message_2 = pair.hub.frames(pair.now).remove(0);
            pair.a.input(pair.now, &message_2).unwrap();
        }
    });
    assert_eq!(kinds, [1, 1, 1, 3, 3, 3, 3, 3, 3]);
    assert_eq!(times, [1, 2, 4, 4, 5, 7, 11, 19, 35].map(|second| second * 1_000));
    assert_eq!(pair.a.take_events(), [Event::HandshakeFailed { reason: Error::HandshakeFailed }]);
}

#[test]
fn the_ninth_failure_ends_a_handshake() {
    let mut pair = Pair::new();
    let message_2 = pair.begins();
    let mut broken = message_2.clone();
    *broken.last_mut().unwrap() ^= 1;
    for failure in 1..=9 {
        assert!(pair.a.device.is_connecting(), "{failure}");
        assert_eq!(pair.a.input(pair.now, &broken), Err(Error::AuthenticationFailed));
    }
    assert_eq!(pair.a.take_events(), [Event::HandshakeFailed { reason: Error::AuthenticationFailed }]);
    assert_eq!(pair.a.input(pair.now, &message_2), Err(Error::WrongState));
    pair.connect();
    pair.talks();
}

#[test]
fn eight_failures_of_each_message_are_borne() {
    let mut pair = Pair::new();
    let message_2 = pair.begins();
    for _ in 0..4 {
        assert_eq!(pair.a.input(pair.now, &[2, message_2[1], 0x40]), Err(Error::Malformed));
    }
    pair.a.input(pair.now, &message_2).unwrap();
    let message_4 = pair.goes_on();
    for _ in 0..4 {
        assert_eq!(pair.a.input(pair.now, &[&message_4[..3], &[0; 16]].concat()), Err(Error::AuthenticationFailed));
    }
    pair.a.input(pair.now, &message_4).unwrap();
    pair.settle();
    pair.talks();
}

#[test]
fn a_hub_with_another_key_or_another_kid_is_refused() {
    let (own, hub, other) = (Party::new(1, "dev-1", true), Party::new(2, "hub", true), Party::new(9, "hub", true));
    let mut impostor = other.clone();
    impostor.kid = 2;
    let at = other.credential.windows(3).position(|part| part == [2, 0x41, 9]).unwrap();
    impostor.credential[at + 2] = 2;
    for (peer, expected) in [(&other, Error::UnknownCredential), (&impostor, Error::AuthenticationFailed)] {
        let mut pair = Pair::new();
        pair.a = Sensor::new(&own, &hub, true, 1, |_| ());
        pair.hub = Node::new(peer, &[&own], endpoint::Config::default(), true, 1);
        let message_2 = pair.begins();
        assert_eq!(pair.a.input(pair.now, &message_2), Err(expected));
        pair.run(100_000);
        assert_eq!(pair.a.take_events(), [Event::HandshakeFailed { reason: expected }]);
        assert_eq!(pair.hub.endpoint.counters().handshakes, 0);
    }
}

#[test]
fn a_hub_that_knows_the_device_by_another_key_does_not_answer_it() {
    let (other, hub) = (Party::new(9, "dev-1", true), Party::new(2, "hub", true));
    let mut pair = Pair::new();
    pair.hub = Node::new(&hub, &[&other], endpoint::Config::default(), true, 1);
    pair.a.connect(pair.now);
    pair.run(100_000);
    let events = pair.a.take_events();
    assert!(matches!(events[..], [Event::HandshakeFailed { .. }]), "{events:?}");
    assert_eq!((pair.a.device.sid(), pair.hub.endpoint.counters().handshakes), (None, 0));
}

#[test]
fn the_same_identifier_is_refused() {
    let mut pair = Pair::new();
    pair.a.connect(pair.now);
    let message_1 = pair.a.frames(pair.now).remove(0);
    pair.hub_hears(&message_1).unwrap();
    let mut message_2 = pair.hub.frames(pair.now).remove(0);
    let known = pair.a.device.handshake.c_i;
    assert_eq!((known, message_1[37]), (message_2[1], known));
    pair.a.input(pair.now, &message_2).unwrap();
    // Once more, with C_R for C_I.
    let c_r = pair.a.device.handshake.c_r.as_bytes()[0];
    pair = Pair::new();
    pair.a.connect(pair.now);
    pair.a.frames(pair.now);
    pair.a.device.handshake.c_i = c_r;
    message_2[1] = c_r;
    assert_eq!(pair.a.input(pair.now, &message_2), Err(Error::SameIdentifier));
}

#[test]
fn a_new_handshake_has_another_identifier() {
    let mut pair = Pair::connected();
    for _ in 0..200 {
        let before = pair.a.device.session.parties.c_i;
        pair.connect();
        assert_ne!(pair.a.device.session.parties.c_i, before);
    }
}

#[test]
fn a_key_that_answers_later_is_asked_again_with_the_same_frame() {
    let mut pair = Pair::new();
    let message_2 = pair.begins();
    let mut frame = message_2.clone();
    let before = pair.a.fingerprint();
    pair.a.port.pending = true;
    for _ in 0..20 {
        let Sensor { device, port, .. } = &mut pair.a;
        assert_eq!(device.handle_frame(port, pair.now, &mut frame).unwrap_err(), Error::Pending);
        assert_eq!(frame, message_2);
        assert_eq!(pair.a.fingerprint(), before);
    }
    pair.a.port.pending = false;
    pair.a.port.broken = true;
    for _ in 0..20 {
        assert_eq!(pair.a.input(pair.now, &message_2), Err(Error::UnknownKey));
    }
    pair.a.port.broken = false;
    let Sensor { device, port, .. } = &mut pair.a;
    assert_eq!(device.handle_frame(port, pair.now, &mut frame), Ok(None));
    pair.settle();
    pair.talks();
}

#[test]
fn a_stranger_costs_no_operation_of_the_static_key() {
    let mut pair = Pair::new();
    let message_2 = pair.begins();
    bears(&mut pair.a, &message_2);
    assert_eq!(pair.a.port.operations, 0);
    pair.a.input(1_000, &message_2).unwrap();
    assert_eq!(pair.a.port.operations, 1);
}

#[test]
fn an_error_is_a_hint() {
    let mut pair = Pair::new();
    assert_eq!(pair.a.input(pair.now, &[5, 0, 1, 0x60]), Err(Error::WrongState));
    pair.a.connect(pair.now);
    let c_i = pair.a.device.handshake.c_i;
    assert_eq!(pair.a.input(pair.now, &[5, c_i ^ 1, 2, 4]), Err(Error::UnknownContext));
    assert_eq!(pair.a.input(pair.now, &[5]), Err(Error::Malformed));
    let before = pair.a.fingerprint();
    for _ in 0..100 {
        pair.a.input(pair.now, &[5, c_i, 2, 4]).unwrap();
    }
    assert_eq!(pair.a.fingerprint(), before);
    attempts(&mut pair, |_, _| ());
    assert_eq!(pair.a.take_events(), [Event::HandshakeFailed { reason: Error::PeerError }]);
}

#[test]
fn frames_that_nobody_awaits() {
    let mut pair = Pair::connected();
    let c_i = pair.a.device.session.parties.c_i.as_bytes()[0];
    let before = pair.a.fingerprint();
    for (frame, expected) in [
        (&[][..], Error::Malformed),
        (&[0], Error::Malformed),
        (&[7], Error::Malformed),
        (&[0xc0], Error::Malformed),
        (&[0x11, 0, 0], Error::UnsupportedVersion),
        (&[0x3f], Error::UnsupportedVersion),
        (&[1, 3, 4, 0x58], Error::UnsupportedFrame),
        (&[3, c_i, 0x40], Error::UnsupportedFrame),
        (&[0x80, c_i, 0], Error::UnsupportedFrame),
        (&[2, c_i, 0x40], Error::WrongState),
        (&[4, c_i, 0x40], Error::WrongState),
        (&[6], Error::Malformed),
        (&[6, 1, 2, 3, 4, 5], Error::Malformed),
        (&[0x40], Error::Malformed),
        (&[0x40, c_i], Error::Malformed),
        (&[0x45, c_i, 0, 0, 0, 0, 0, 0], Error::Malformed),
        (&[0x40, c_i, 0x7f, 1, 2], Error::Malformed),
        (&[0x40, c_i ^ 1, 0x7f], Error::UnknownContext),
    ] {
        assert_eq!(pair.a.input(pair.now, frame), Err(expected), "{frame:02x?}");
        assert_eq!(pair.a.fingerprint(), before);
    }
    let other_phase = [&[0x60, c_i, 0x7f][..], &[0; 20]].concat();
    assert_eq!(pair.a.input(pair.now, &other_phase), Err(Error::StaleEpoch));
    let forged = [&[0x40, c_i, 0x7f][..], &[0; 20]].concat();
    assert_eq!(pair.a.input(pair.now, &forged), Err(Error::DecryptFailed));
    assert_eq!(pair.a.device.session.context.failures, 1);
    assert_eq!(pair.a.fingerprint(), before);
}

#[test]
fn another_handshake_gives_up_the_first_and_the_session_serves_on() {
    let mut pair = Pair::connected();
    let sid = pair.a.device.sid();
    let first = pair.begins();
    // Another one gives it up; an answer to the first is an answer to nothing.
    pair.a.connect(pair.now);
    assert!(pair.a.input(pair.now, &first).is_err());
    assert_eq!(pair.a.device.sid(), sid);
    pair.talks();
    pair.settle();
    assert_eq!(pair.a.take_events(), [established(false, sid)]);
    assert_ne!(pair.a.device.sid(), sid);
    pair.talks();
}

#[test]
fn unknown_context_starts_one_handshake_a_minute() {
    let mut pair = Pair::connected();
    let c_r = pair.a.device.session.parties.c_r;
    let frame = [&[6][..], c_r.as_bytes()].concat();
    let (sid, start) = (pair.a.device.sid(), pair.now);
    // Of another session.
    pair.a.input(pair.now, &[6, c_r.as_bytes()[0] ^ 1]).unwrap();
    assert!(!pair.a.device.is_connecting());
    let mut begun = Vec::new();
    for now in (start..start + 200_000).step_by(1_000) {
        let before = pair.a.device.is_connecting();
        pair.a.input(now, &frame).unwrap();
        if pair.a.device.is_connecting() && !before {
            begun.push(now - start);
        }
        pair.a.frames(now);
    }
    // Each is repeated for 63 s, and none is begun beside it.
    assert_eq!(begun, [0, 64_000, 128_000, 192_000]);
    assert_eq!(pair.a.device.sid(), sid);
    pair.talks();
}

#[test]
fn a_hub_that_has_lost_the_session_gets_a_new_one() {
    let mut pair = Pair::connected();
    let ended = pair.a.device.sid();
    pair.hub.port.stored.clear();
    assert_eq!(pair.hub.restart(pair.now), 0);
    let (_, frame) = pair.a.send(pair.now, &CONFIRMABLE).unwrap();
    assert_eq!(pair.hub_hears(&frame), Err(Error::UnknownContext));
    pair.settle();
    assert_eq!(pair.a.take_events(), [established(false, ended)]);
    pair.talks();
}

#[test]
fn asked_for_new_keys_it_makes_a_new_handshake() {
    let mut pair = Pair::connected();
    let (ended, session) = (pair.a.device.sid(), pair.session());
    pair.hub.endpoint.key_update(&mut pair.hub.port, pair.now, session).unwrap();
    pair.settle();
    assert_eq!(pair.a.take_events(), [established(false, ended)]);
    pair.talks();
    // The next one within the minute waits; the hub repeats its request.
    let (ended, session, asked) = (pair.a.device.sid(), pair.session(), pair.now);
    pair.hub.endpoint.key_update(&mut pair.hub.port, pair.now, session).unwrap();
    pair.run(59_000 - (pair.now - asked));
    assert_eq!(pair.a.device.sid(), ended);
    pair.run(120_000);
    assert_eq!(pair.a.take_events(), [established(false, ended)]);
    pair.talks();
}

#[test]
fn over_mqtt_it_names_its_inbox() {
    for name in [&b"dev-1"[..], b"abcdefghijklmn-6"] {
        let own = Party::new(1, core::str::from_utf8(name).unwrap(), true);
        let hub = Party::new(2, "hub", true);
        let mut pair = Pair::new();
        pair.a = Sensor::new(&own, &hub, true, 1, |config| config.inbox = Some(name.to_vec().leak()));
        let inbox = endpoint::InboxName::new(b"hub").unwrap();
        let config = endpoint::Config { mqtt: true, inbox: Some(inbox), ping_after_ms: 0, ..endpoint::Config::default() };
        pair.hub = Node::new(&hub, &[&own], config, true, 1);
        pair.connect();
        assert_eq!(pair.hub.port.claimed.unwrap().as_bytes(), name);
        pair.talks();
    }
}

#[test]
fn configurations_are_checked() {
    let (own, hub) = (Party::new(1, "dev-1", true), Party::new(2, "hub", true));
    let mut port = TestPort::new(&own, &[], true, 1);
    let sound = Config::new(&own.credential, KeyHandle(1), &hub.credential);
    assert!(Device::new(&mut port, sound).is_ok());
    let signs = Party::of(crate::crypto::software::KeyKind::Ed25519, 3, "hub", true);
    let mut cut = hub.credential.clone();
    cut.pop();
    let longer = [&hub.credential[..], &[0]].concat();
    let named: [(Config<'_>, Error); 10] = [
        (Config { peer: &own.credential, ..sound }, Error::OwnIdentity),
        (Config { peer: &signs.credential, ..sound }, Error::UnsupportedCredential),
        (Config { own: &cut, ..sound }, Error::Malformed),
        (Config { own: &longer, ..sound }, Error::Malformed),
        (Config { peer: &[], ..sound }, Error::Malformed),
        (Config { inbox: Some(b""), ..sound }, Error::InvalidArgument),
        (Config { inbox: Some(b"seventeen-letters"), ..sound }, Error::InvalidArgument),
        (Config { inbox: Some(b"Upper"), ..sound }, Error::InvalidArgument),
        (Config { handshake_interval_ms: 0, ..sound }, Error::InvalidArgument),
        (Config { resend_interval_ms: 0, ..sound }, Error::InvalidArgument),
    ];
    for (config, expected) in named {
        assert_eq!(Device::new(&mut port, config).err(), Some(expected));
    }
    for length in 0..hub.credential.len() {
        assert!(Device::new(&mut port, Config { peer: &hub.credential[..length], ..sound }).is_err(), "{length}");
    }
}
