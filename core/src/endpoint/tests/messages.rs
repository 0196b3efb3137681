//! PROTOCOL 5.3 to 5.7, rule by rule.

use super::*;

#[test]
fn every_property_of_a_message_arrives() {
    let (mut pair, a, _) = Pair::connected();
    let message = Outgoing {
        confirmable: true,
        topic: Topic::Addressed(b"ecg/raw"),
        retain: true,
        expiry_s: Some(90),
        content_type: Some("application/cbor"),
        payload: &[7; 300],
        ..DATA
    };
    let (sent, mut frame) = pair.a.send(pair.now, a, &message).unwrap();
    assert_eq!(sent, Sent { len: frame.len(), route: Route::default(), number: Some(0) });
    assert!(sent.len <= 300 + 7 + 16 + MAX_OVERHEAD);
    let event = pair.b.endpoint.handle_frame(&mut pair.b.port, pair.now, Route::default(), None, &mut frame).unwrap();
    let Event::Message(got) = event else { panic!("{event:?}") };
    assert_eq!((got.peer, got.kind, got.number), (pair.a.identity.thumbprint, Kind::Data, Some(0)));
    assert_eq!((got.topic, got.payload), (Some(&b"ecg/raw"[..]), &[7; 300][..]));
    assert_eq!((got.retain, got.expiry_s, got.content_type), (true, Some(90), Some("application/cbor")));
    assert_eq!((got.missing, got.late, got.origin), (0, false, None));
}

#[test]
fn overhead_is_what_the_protocol_promises() {
    let (mut pair, a, _) = Pair::connected();
    // After the first record of the peer nothing rides along any more.
    let (sent, _) = pair.a.send(pair.now, a, &DATA).unwrap();
    assert_eq!(sent.len, DATA.payload.len() + 3 + 16);
    let (sent, _) = pair.a.send(pair.now, a, &CONFIRMABLE).unwrap();
    assert_eq!(sent.len, CONFIRMABLE.payload.len() + 4 + 16);
}

#[test]
fn a_record_in_place_counts_only_on_its_topic() {
    let (mut pair, a, _) = Pair::connected();
    let message = Outgoing { topic: Topic::InPlace(b"ward/3/ecg"), ..DATA };
    let (_, frame) = pair.a.send(pair.now, a, &message).unwrap();
    let before = pair.b.fingerprint();
    for topic in [None, Some(&b"ward/3/ecg2"[..]), Some(b"WARD/3/ecg"), Some(b"")] {
        assert_eq!(pair.b.input(pair.now, Route::default(), topic, &frame), Err(Error::DecryptFailed));
    }
    assert_eq!(pair.b.fingerprint(), before);
    pair.b.input(pair.now, Route::default(), Some(b"ward/3/ecg"), &frame).unwrap();
    assert_eq!((pair.b.delivered[0].topic.clone(), &pair.b.delivered[0].payload[..]), (None, &b"data"[..]));
}

#[test]
fn bad_arguments_are_refused_and_use_nothing_up() {
    let (mut pair, a, _) = Pair::connected();
    let long = [b'x'; 256];
    let text = std::str::from_utf8(&long[..65]).unwrap();
    let bad = [
        Outgoing { topic: Topic::Addressed(b""), ..DATA },
        Outgoing { topic: Topic::Addressed(&long), ..DATA },
        Outgoing { topic: Topic::InPlace(&long), ..DATA },
        Outgoing { topic: Topic::InPlace(&[0xff]), ..DATA },
        Outgoing { content_type: Some(""), ..DATA },
        Outgoing { content_type: Some(text), ..DATA },
        Outgoing { number: Some(0), ..DATA },
        Outgoing { origin: Some(Origin { sid: Sid([0; 8]), number: 1 }), ..DATA },
    ];
    let before = pair.a.fingerprint();
    for message in bad {
        assert_eq!(pair.a.send(pair.now, a, &message), Err(Error::InvalidArgument), "{message:?}");
    }
    let mut small = [0; 20];
    let result = pair.a.endpoint.send(&mut pair.a.port, pair.now, a, &CONFIRMABLE, &mut small);
    assert_eq!(result, Err(Error::BufferTooSmall));
    let other = SessionHandle(a.0 ^ 1 << 20);
    assert_eq!(pair.a.send(pair.now, other, &DATA), Err(Error::UnknownSession));
    assert_eq!(pair.a.fingerprint(), before);
    assert_eq!(pair.a.send(pair.now, a, &CONFIRMABLE).unwrap().0.number, Some(0));
}

#[test]
fn a_message_is_acknowledged_when_it_is_committed_and_not_before() {
    let (mut pair, a, b) = Pair::connected();
    pair.pass(a, &CONFIRMABLE).unwrap();
    pair.run(1_000);
    assert!(pair.a.take_events().is_empty());
    pair.b.endpoint.commit(&mut pair.b.port, pair.now, b, 0, None).unwrap();
    // Nothing to ride on comes along: its own record, after the delay.
    assert!(pair.b.frames(pair.now).is_empty());
    pair.run(100);
    assert_eq!(pair.a.take_events(), [Event::Acknowledged { session: a, top: 0, missing: 0 }]);
    assert_eq!(pair.a.endpoint.session(a, 0).unwrap().unacknowledged, 0);
    assert_eq!(pair.b.endpoint.commit(&mut pair.b.port, pair.now, b, 1, None), Err(Error::InvalidArgument));
    pair.b.endpoint.commit(&mut pair.b.port, pair.now, b, 0, None).unwrap();
}

#[test]
fn acknowledgements_ride_on_records() {
    let (mut pair, a, b) = Pair::connected();
    pair.pass(a, &CONFIRMABLE).unwrap();
    pair.b.endpoint.commit(&mut pair.b.port, pair.now, b, 0, None).unwrap();
    let (_, frame) = pair.b.send(pair.now, b, &DATA).unwrap();
    pair.a.input(pair.now, Route::default(), None, &frame).unwrap();
    assert_eq!(pair.a.take_events(), [Event::Acknowledged { session: a, top: 0, missing: 0 }]);
    pair.now += 1_000;
    pair.b.endpoint.handle_timeout(&mut pair.b.port, pair.now).unwrap();
    assert!(pair.b.frames(pair.now).is_empty());
}

#[test]
fn an_unacknowledged_message_is_asked_for_again_and_delivered_once() {
    let (mut pair, a, b) = Pair::connected();
    let (sent, _lost) = pair.a.send(pair.now, a, &CONFIRMABLE).unwrap();
    pair.run(6_100);
    assert_eq!(pair.a.take_events(), [Event::Resend { session: a, number: 0 }]);
    let again = Outgoing { number: sent.number, ..CONFIRMABLE };
    pair.pass(a, &again).unwrap();
    assert_eq!(pair.pass(a, &again), Err(Error::Duplicate));
    pair.b.endpoint.commit(&mut pair.b.port, pair.now, b, 0, None).unwrap();
    // Committed: a duplicate is acknowledged again.
    pair.b.frames(pair.now);
    assert_eq!(pair.pass(a, &again), Err(Error::Duplicate));
    assert_eq!(pair.b.delivered.len(), 1);
    pair.run(1_000);
    assert_eq!(pair.a.take_events(), [Event::Acknowledged { session: a, top: 0, missing: 0 }]);
    assert_eq!(pair.a.send(pair.now, a, &again), Err(Error::InvalidArgument));
}

#[test]
fn sixty_four_messages_may_be_out() {
    let (mut pair, a, b) = Pair::connected();
    let mut frames = Vec::new();
    for number in 0..64 {
        let (sent, frame) = pair.a.send(pair.now, a, &CONFIRMABLE).unwrap();
        assert_eq!(sent.number, Some(number));
        frames.push(frame);
    }
    assert_eq!(pair.a.send(pair.now, a, &CONFIRMABLE), Err(Error::WindowFull));
    assert!(pair.a.send(pair.now, a, &DATA).is_ok());
    for (number, frame) in frames.iter().enumerate().skip(1) {
        pair.b.input(pair.now, Route::default(), None, frame).unwrap();
        pair.b.endpoint.commit(&mut pair.b.port, pair.now, b, number as u64, None).unwrap();
    }
    pair.run(100);
    let events = pair.a.take_events();
    assert_eq!(events, [Event::Acknowledged { session: a, top: 63, missing: 1 << 62 }]);
    assert!(!acknowledges(63, 1 << 62, 0) && acknowledges(63, 1 << 62, 1) && !acknowledges(63, 1 << 62, 64));
    assert_eq!(pair.a.send(pair.now, a, &CONFIRMABLE), Err(Error::WindowFull));
    pair.pass(a, &Outgoing { number: Some(0), ..CONFIRMABLE }).unwrap();
    pair.b.endpoint.commit(&mut pair.b.port, pair.now, b, 0, None).unwrap();
    pair.run(100);
    assert_eq!(pair.a.send(pair.now, a, &CONFIRMABLE).unwrap().0.number, Some(64));
}

#[test]
fn an_abandoned_message_is_not_asked_for() {
    let (mut pair, a, _) = Pair::connected();
    pair.a.send(pair.now, a, &CONFIRMABLE).unwrap();
    pair.a.endpoint.abandon(a, 0).unwrap();
    assert_eq!(pair.a.endpoint.abandon(a, 0), Err(Error::InvalidArgument));
    pair.run(60_000);
    assert!(pair.a.take_events().is_empty());
    assert_eq!(pair.a.endpoint.poll_timeout(), None);
}

#[test]
fn gaps_are_missing_and_late_records_fill_them() {
    let (mut pair, a, _) = Pair::connected();
    let frames: Vec<_> = (0..5).map(|_| pair.a.send(pair.now, a, &DATA).unwrap().1).collect();
    for frame in [&frames[0], &frames[3], &frames[1], &frames[4]] {
        pair.b.input(pair.now, Route::default(), None, frame).unwrap();
    }
    let seen: Vec<_> = pair.b.delivered.iter().map(|got| (got.missing, got.late)).collect();
    assert_eq!(seen, [(0, false), (2, false), (0, true), (0, false)]);
    assert_eq!(pair.b.input(pair.now, Route::default(), None, &frames[3]), Err(Error::Duplicate));
    let counters = pair.b.endpoint.counters();
    assert_eq!((counters.missing, counters.late, counters.duplicate), (2, 1, 1));
    for _ in 0..70 {
        pair.pass(a, &DATA).unwrap();
    }
    assert_eq!(pair.b.input(pair.now, Route::default(), None, &frames[2]), Err(Error::Replay));
}

fn commands() -> (Pair, SessionHandle, SessionHandle) {
    let mut pair = Pair::with(true, 1, |config| config.offers = true);
    let (a, b) = pair.connect();
    (pair, a, b)
}

#[test]
fn a_command_needs_a_live_offer() {
    let (mut pair, a, _) = commands();
    // b's first record carried an offer.
    pair.pass(a, &COMMAND).unwrap();
    assert_eq!(pair.b.delivered[0].kind, Kind::Command);
    // Held back for longer than the lifetime: stale, and used up.
    let (_, held) = pair.a.send(pair.now, a, &COMMAND).unwrap();
    pair.now += 10_001;
    assert_eq!(pair.b.input(pair.now, Route::default(), None, &held), Err(Error::Stale));
    assert_eq!(pair.b.input(pair.now, Route::default(), None, &held), Err(Error::Duplicate));
    // The sender knows that its offer is old, and asks for another.
    assert_eq!(pair.a.send(pair.now, a, &COMMAND), Err(Error::NoOffer));
    pair.settle();
    assert_eq!(pair.a.take_events(), [Event::CommandReady { session: a }]);
    pair.pass(a, &COMMAND).unwrap();
    assert_eq!(pair.b.endpoint.counters().stale, 1);
}

#[test]
fn an_endpoint_that_takes_no_commands_has_no_offer_to_give() {
    let (mut pair, a, _) = Pair::connected();
    assert_eq!(pair.a.send(pair.now, a, &COMMAND), Err(Error::NoOffer));
    pair.run(10_000);
    assert!(!pair.a.take_events().contains(&Event::CommandReady { session: a }));
}

#[test]
fn a_stale_command_can_be_sent_again_under_its_number() {
    let (mut pair, a, b) = commands();
    let command = Outgoing { confirmable: true, ..COMMAND };
    let (sent, held) = pair.a.send(pair.now, a, &command).unwrap();
    pair.now += 20_000;
    assert_eq!(pair.b.input(pair.now, Route::default(), None, &held), Err(Error::Stale));
    let again = Outgoing { number: sent.number, ..command };
    assert_eq!(pair.a.send(pair.now, a, &again), Err(Error::NoOffer));
    pair.settle();
    pair.pass(a, &again).unwrap();
    pair.b.endpoint.commit(&mut pair.b.port, pair.now, b, 0, None).unwrap();
    assert_eq!(pair.b.delivered.len(), 1);
}

#[test]
fn keys_are_updated_and_traffic_goes_on() {
    let (mut pair, a, b) = Pair::connected();
    let before = exported(&mut pair.a, a);
    let (_, old) = pair.a.send(pair.now, a, &DATA).unwrap();
    pair.b.endpoint.key_update(&mut pair.b.port, pair.now, b).unwrap();
    assert_eq!(pair.b.endpoint.key_update(&mut pair.b.port, pair.now, b), Err(Error::Busy));
    pair.settle();
    assert_eq!(pair.a.take_events(), [Event::KeyUpdated { session: a, epoch: 1 }]);
    assert_eq!(pair.b.take_events(), [Event::KeyUpdated { session: b, epoch: 1 }]);
    assert_eq!(exported(&mut pair.a, a), exported(&mut pair.b, b));
    assert_ne!(exported(&mut pair.a, a), before);
    assert_eq!(pair.b.input(pair.now, Route::default(), None, &old), Err(Error::StaleEpoch));
    pair.pass(a, &DATA).unwrap();
    pair.a.endpoint.key_update(&mut pair.a.port, pair.now, a).unwrap();
    pair.b.endpoint.key_update(&mut pair.b.port, pair.now, b).unwrap();
    pair.run(60_000);
    assert_eq!(pair.a.endpoint.session(a, 0).unwrap().epoch, 2);
    assert_eq!(pair.b.endpoint.session(b, 0).unwrap().epoch, 2);
    assert_eq!(exported(&mut pair.a, a), exported(&mut pair.b, b));
}

#[test]
fn worn_keys_are_updated_without_being_asked() {
    let mut pair = Pair::with(true, 1, |config| config.key_update_after = 100);
    let (a, b) = pair.connect();
    for _ in 0..350 {
        pair.pass(a, &DATA).unwrap();
        pair.settle();
    }
    assert_eq!(pair.a.endpoint.session(a, 0).unwrap().epoch, 3);
    assert_eq!(pair.b.endpoint.session(b, 0).unwrap().epoch, 3);
    assert_eq!(pair.b.delivered.len(), 350);
}

#[test]
fn a_silent_peer_is_reported_once_and_repetitions_go_on() {
    let mut pair = Pair::with(true, 1, |config| config.ping_after_ms = 5_000);
    let (a, _) = pair.connect();
    pair.run(100_000);
    assert!(pair.a.take_events().is_empty());
    // The line goes dead.
    let start = pair.now;
    let (mut pings, mut silent) = (0, Vec::new());
    while pair.now < start + 2_000_000 {
        pair.now = pair.a.endpoint.poll_timeout().unwrap();
        pair.a.endpoint.handle_timeout(&mut pair.a.port, pair.now).unwrap();
        pings += pair.a.frames(pair.now).len();
        silent.extend(pair.a.take_events());
    }
    assert_eq!(silent, [Event::PeerSilent { session: a }]);
    assert!((15..50).contains(&pings), "{pings}");
    // It comes back.
    pair.run(200_000);
    assert!(pair.a.take_events().is_empty());
}

#[test]
fn an_unknown_option_uses_the_record_up_and_does_nothing_else() {
    let (mut pair, a, _) = Pair::connected();
    // Key 13 (content type, one letter) becomes key 14 with a text: no; so take a forged map through the record layer itself.
    let live = pair.a.endpoint.live_at(a.slot()).unwrap();
    let message =
        crate::record::Outgoing { number: None, options: crate::record::Options { ping: true, ..Default::default() }, payload: b"" };
    let mut out = [0; 64];
    let mut port = PatchedPort { inner: pair.a.port.clone(), from: &[0xa1, 0x0f, 0xf5], to: &[0xa1, 0x17, 0xf5] };
    let len = live.context.protect(&mut port, &message, None, &mut out).unwrap();
    assert_eq!(pair.b.input(pair.now, Route::default(), None, &out[..len]), Err(Error::UnsupportedOption));
    assert!(pair.b.frames(pair.now).is_empty());
    assert_eq!(pair.b.input(pair.now, Route::default(), None, &out[..len]), Err(Error::Duplicate));
    assert_eq!(pair.b.endpoint.counters().unsupported_option, 1);
}

/// Replaces a plaintext on its way into the cipher.
struct PatchedPort {
    inner: TestPort,
    from: &'static [u8],
    to: &'static [u8],
}

impl crate::crypto::Provider for PatchedPort {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        self.inner.random(out)
    }

    fn agree(
        &mut self,
        _: crate::crypto::KeyHandle,
        _: crate::crypto::Curve,
        _: &[u8; 32],
        _: &mut crate::bytes::Secret<32>,
    ) -> Result<()> {
        Err(Error::UnknownKey)
    }

    fn sign(&mut self, _: crate::crypto::KeyHandle, _: crate::crypto::Signature, _: &[&[u8]], _: &mut [u8; 64]) -> Result<()> {
        Err(Error::UnknownKey)
    }

    fn seal(&mut self, a: crate::crypto::Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &mut [u8]) -> Result<()> {
        assert_eq!(buffer, self.from);
        buffer.copy_from_slice(self.to);
        self.inner.seal(a, key, nonce, aad, buffer, tag)
    }
}

#[test]
fn closing_erases_and_the_peer_finds_out() {
    let (mut pair, a, b) = Pair::connected();
    pair.b.endpoint.close(&mut pair.b.port, b).unwrap();
    assert!(pair.b.port.stored.is_empty());
    assert!(pair.b.take_events().is_empty());
    assert_eq!(pair.b.endpoint.close(&mut pair.b.port, b), Err(Error::UnknownSession));
    assert_eq!(pair.pass(a, &CONFIRMABLE), Err(Error::UnknownContext));
    pair.settle();
    let new = pair.a.session(&pair.b);
    assert_ne!(new, a);
    // What was out is the application's to send again.
    let events = pair.a.take_events();
    assert!(events.iter().any(|event| matches!(event, Event::Replaced { old, .. } if *old == a)));
}

#[test]
fn the_exporter_is_open_to_application_labels_only() {
    let (mut pair, a, _) = Pair::connected();
    let mut out = [0; 8];
    for label in [0, 1, 32_768, 32_799, 32_999] {
        assert_eq!(pair.a.endpoint.export(&mut pair.a.port, a, label, &[], &mut out), Err(Error::InvalidArgument));
    }
    pair.a.endpoint.export(&mut pair.a.port, a, 33_000, &[], &mut out).unwrap();
}

#[test]
fn a_key_update_never_calls_for_the_next() {
    let smallest = |after: u64| Endpoint::new(HeapTables::new(1, 1), Config { key_update_after: after, ..Config::default() }).err();
    assert_eq!([0, 7, 8].map(smallest), [Some(Error::InvalidArgument), Some(Error::InvalidArgument), None]);
    let mut pair = Pair::with(true, 1, |config| config.key_update_after = 8);
    let (a, _) = pair.connect();
    for _ in 0..8 {
        pair.pass(a, &DATA).unwrap();
    }
    for _ in 0..500 {
        for frame in pair.a.frames(pair.now) {
            pair.b.input(pair.now, Route::default(), None, &frame).unwrap();
        }
        for frame in pair.b.frames(pair.now) {
            pair.a.input(pair.now, Route::default(), None, &frame).unwrap();
        }
    }
    assert_eq!(pair.a.endpoint.session(a, pair.now).unwrap().epoch, 1);
}
