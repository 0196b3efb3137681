//! PROTOCOL 5.4 and the rule "durable before use".

use super::*;
use crate::record::Header;

#[test]
fn a_restarted_endpoint_resumes_and_loses_nothing() {
    let (mut pair, a, _) = Pair::connected();
    for _ in 0..3 {
        pair.pass(a, &CONFIRMABLE).unwrap();
    }
    let (_, in_flight) = pair.a.send(pair.now, a, &DATA).unwrap();
    assert_eq!(pair.b.restart(pair.now), 1);
    let b = pair.b.session(&pair.a);
    let resumed = Event::Established {
        session: b,
        peer: pair.a.identity.thumbprint,
        role: crate::edhoc::Role::Responder,
        handshake: None,
        resumed: true,
    };
    assert_eq!(pair.b.events[0], resumed);
    // Everything that might have been received before is a replay.
    assert_eq!(pair.b.input(pair.now, Route::default(), None, &in_flight), Err(Error::Replay));
    pair.settle();
    // The sender is told to send again what was never committed.
    let events = pair.a.take_events();
    assert_eq!(events, [0, 1, 2].map(|number| Event::Resend { session: a, number }));
    for number in 0..3 {
        pair.pass(a, &Outgoing { number: Some(number), ..CONFIRMABLE }).unwrap();
        pair.b.endpoint.commit(&mut pair.b.port, pair.now, b, number, None).unwrap();
    }
    assert!(pair.b.delivered.iter().all(|got| got.missing == 0));
    pair.run(10_000);
    assert_eq!(pair.a.endpoint.session(a, 0).unwrap().unacknowledged, 0);
    // Committed messages stay recognised.
    pair.b.restart(pair.now);
    pair.settle();
    assert_eq!(pair.b.endpoint.live(pair.b.session(&pair.a)).unwrap().resume, None);
}

#[test]
fn a_committed_message_is_not_delivered_again_after_a_restart() {
    let (mut pair, a, b) = Pair::connected();
    pair.pass(a, &CONFIRMABLE).unwrap();
    pair.b.endpoint.commit(&mut pair.b.port, pair.now, b, 0, None).unwrap();
    pair.b.restart(pair.now);
    // The acknowledgement was lost with the process; the resume carries it.
    pair.settle();
    assert!(pair.a.take_events().contains(&Event::Acknowledged { session: a, top: 0, missing: 0 }));
    assert!(pair.b.delivered.is_empty());
}

#[test]
fn a_restarted_sender_reuses_no_partial_iv_and_reports_what_may_be_out() {
    let (mut pair, a, _) = Pair::connected();
    let mut seen = Vec::new();
    for _ in 0..10 {
        seen.push(pair.a.send(pair.now, a, &CONFIRMABLE).unwrap().1);
    }
    pair.a.restart(pair.now);
    let a = pair.a.session(&pair.b);
    let resends: Vec<u64> = pair
        .a
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Resend { number, .. } => Some(*number),
            _ => None,
        })
        .collect();
    assert_eq!(resends, (0..16).collect::<Vec<_>>());
    for number in 10..16 {
        pair.a.endpoint.abandon(a, number).unwrap();
    }
    for number in 0..10 {
        let (_, frame) = pair.a.send(pair.now, a, &Outgoing { number: Some(number), ..CONFIRMABLE }).unwrap();
        assert!(frame[2] >= 64, "Partial IV {}", frame[2]);
        pair.b.input(pair.now, Route::default(), None, &frame).unwrap();
    }
    assert_eq!(pair.b.delivered.len(), 10);
    for frame in seen {
        assert!(pair.b.input(pair.now, Route::default(), None, &frame).is_err());
    }
    assert_eq!(pair.a.send(pair.now, a, &CONFIRMABLE).unwrap().0.number, Some(16));
}

#[test]
fn nothing_is_sent_or_delivered_that_could_not_be_stored() {
    let (mut pair, a, b) = Pair::connected();
    pair.a.port.fail_saves = true;
    // The reservation made at the handshake is good for the rest of its block.
    let mut used = 0;
    while pair.a.send(pair.now, a, &DATA).is_ok() {
        used += 1;
        assert!(used <= 64);
    }
    assert_eq!(pair.a.send(pair.now, a, &DATA), Err(Error::StorageFailed));
    let before = pair.a.fingerprint();
    assert_eq!(pair.a.send(pair.now, a, &CONFIRMABLE), Err(Error::StorageFailed));
    assert_eq!(pair.a.fingerprint(), before);
    pair.a.port.fail_saves = false;
    let (_, frame) = pair.a.send(pair.now, a, &CONFIRMABLE).unwrap();
    pair.b.port.fail_saves = true;
    let before = pair.b.fingerprint();
    assert_eq!(pair.b.input(pair.now, Route::default(), None, &frame), Err(Error::StorageFailed));
    assert_eq!(pair.b.fingerprint(), before);
    pair.b.port.fail_saves = false;
    // QoS 1 brings it again.
    pair.b.input(pair.now, Route::default(), None, &frame).unwrap();
    pair.b.port.fail_saves = true;
    let before = pair.b.fingerprint();
    assert_eq!(pair.b.endpoint.commit(&mut pair.b.port, pair.now, b, 0, None), Err(Error::StorageFailed));
    assert_eq!(pair.b.fingerprint(), before);
    assert_eq!(pair.b.endpoint.close(&mut pair.b.port, b), Err(Error::StorageFailed));
    assert!(pair.b.endpoint.session(b, 0).is_ok());
}

#[test]
fn a_batch_foretold_is_stored_once_and_survives_a_restart() {
    let (mut pair, a, _) = Pair::connected();
    let before = (pair.a.port.saves, pair.b.port.saves);
    pair.a.endpoint.batch(1_000, 0);
    pair.b.endpoint.batch(1_000, 0);
    let mut last = Vec::new();
    for _ in 0..1_000 {
        last = pair.a.send(pair.now, a, &DATA).unwrap().1;
        pair.b.input(pair.now, Route::default(), None, &last).unwrap();
    }
    assert_eq!((pair.a.port.saves, pair.b.port.saves), (before.0 + 1, before.1 + 1));
    pair.a.endpoint.batch(0, 0);
    pair.b.endpoint.batch(0, 0);
    // What came after the store is covered by it.
    pair.b.restart(pair.now);
    assert_eq!(pair.b.input(pair.now, Route::default(), None, &last), Err(Error::Replay));
    pair.a.restart(pair.now);
    let (_, frame) = pair.a.send(pair.now, pair.a.session(&pair.b), &DATA).unwrap();
    let header = |frame: &[u8]| Header::parse(frame, 1).unwrap().partial_iv;
    assert!(header(&frame) > header(&last));
}

#[test]
fn control_records_wait_for_the_store() {
    let (mut pair, a, b) = Pair::connected();
    pair.pass(a, &CONFIRMABLE).unwrap();
    pair.b.endpoint.key_update(&mut pair.b.port, pair.now, b).unwrap();
    pair.b.port.fail_saves = true;
    let mut buffer = [0; MAX_CONTROL];
    let result = pair.b.endpoint.poll_transmit(&mut pair.b.port, pair.now, &mut buffer);
    assert_eq!(result, Err(Error::StorageFailed));
    // It does not stand in the way of others, and comes again.
    assert_eq!(pair.b.endpoint.poll_transmit(&mut pair.b.port, pair.now, &mut buffer), Ok(None));
    pair.b.port.fail_saves = false;
    pair.run(10_000);
    assert_eq!(pair.a.endpoint.session(a, 0).unwrap().epoch, 1);
}

#[test]
fn a_store_that_may_be_rolled_back_never_restores_a_session() {
    let (mut pair, a, b) = Pair::connected();
    pair.pass(a, &CONFIRMABLE).unwrap();
    pair.b.endpoint.commit(&mut pair.b.port, pair.now, b, 0, None).unwrap();
    pair.b.port.resists = false;
    assert_eq!(pair.b.restart(pair.now), 0);
    assert_eq!(pair.b.endpoint.sessions().count(), 0);
    let [Event::Closed { peer, reason: Error::LostState, .. }] = pair.b.take_events()[..] else { panic!() };
    assert_eq!(peer, pair.a.identity.thumbprint);
    let sid = pair.a.endpoint.session(a, 0).unwrap().sid;
    pair.connect();
    let a = pair.a.session(&pair.b);
    // What was committed is recognised all the same.
    let again = Outgoing { origin: Some(Origin { sid, number: 0 }), ..CONFIRMABLE };
    assert_eq!(pair.pass(a, &again), Err(Error::Duplicate));
    assert_eq!(pair.b.port.stored.len(), 1);
    pair.run(10_000);
    assert_eq!(pair.a.endpoint.session(a, 0).unwrap().unacknowledged, 0);
}

#[test]
fn damaged_and_newer_state_are_told_apart() {
    let (mut pair, _, _) = Pair::connected();
    let good = pair.a.port.stored.clone();
    pair.a.port.stored.get_mut(&0).unwrap()[100] ^= 1;
    assert_eq!(pair.a.restart(pair.now), 0);
    assert_eq!(pair.a.endpoint.counters().corrupt, 1);
    pair.a.port.stored = good;
    pair.a.port.stored.get_mut(&0).unwrap()[0] = 2;
    let mut endpoint = Endpoint::new(HeapTables::new(4, 4), Config::default()).unwrap();
    assert_eq!(endpoint.restore(&mut pair.a.port, 0), Err(Error::UnsupportedState));
    pair.a.port.stored.get_mut(&0).unwrap()[0] = 1;
    let config = Config { identifier_len: 2, ..Config::default() };
    let mut endpoint = Endpoint::new(HeapTables::new(4, 4), config).unwrap();
    assert_eq!(endpoint.restore(&mut pair.a.port, 0), Err(Error::InvalidArgument));
    let mut endpoint = Endpoint::new(HeapTables::new(4, 4), Config::default()).unwrap();
    assert_eq!(endpoint.restore(&mut pair.a.port, 0), Ok(1));
    assert_eq!(endpoint.restore(&mut pair.a.port, 0), Err(Error::WrongState));
}

#[test]
fn a_message_is_recognised_under_the_next_session_and_committed_there() {
    let (mut pair, a, b) = Pair::connected();
    let sid = pair.a.endpoint.session(a, 0).unwrap().sid;
    pair.pass(a, &CONFIRMABLE).unwrap();
    pair.pass(a, &CONFIRMABLE).unwrap();
    pair.pass(a, &CONFIRMABLE).unwrap();
    pair.b.endpoint.commit(&mut pair.b.port, pair.now, b, 0, None).unwrap();
    let (new_a, new_b) = pair.connect();
    let again = |number| Outgoing { origin: Some(Origin { sid, number }), ..CONFIRMABLE };
    pair.b.delivered.clear();
    // Committed before: a duplicate, acknowledged under its new number.
    assert_eq!(pair.pass(new_a, &again(0)), Err(Error::Duplicate));
    // Delivered before: the application still holds it, and commits it under the handle that it knows.
    assert_eq!(pair.pass(new_a, &again(1)), Err(Error::Duplicate));
    pair.b.endpoint.commit(&mut pair.b.port, pair.now, b, 1, None).unwrap();
    assert_eq!(pair.pass(new_a, &Outgoing { number: Some(1), ..again(1) }), Err(Error::Duplicate));
    // Never seen: delivered.
    assert_eq!(pair.pass(new_a, &again(3)), Ok(()));
    pair.b.endpoint.commit(&mut pair.b.port, pair.now, new_b, 2, Some(Origin { sid, number: 3 })).unwrap();
    assert_eq!(pair.b.delivered.len(), 1);
    pair.run(100);
    assert!(pair.a.take_events().contains(&Event::Acknowledged { session: new_a, top: 2, missing: 0 }));
    // After another handshake, and a restart in between, the first sending is still recognised.
    pair.b.restart(pair.now);
    pair.settle();
    let (last, _) = pair.connect();
    for number in [0, 1, 3] {
        assert_eq!(pair.pass(last, &again(number)), Err(Error::Duplicate), "{number}");
    }
    assert_eq!(pair.pass(last, &again(2)), Ok(()));
}

#[test]
fn a_crash_between_storing_and_erasing_leaves_the_later_session() {
    let (mut pair, _, _) = Pair::connected();
    let old = pair.a.port.stored.clone();
    pair.connect();
    let new = pair.a.port.stored.clone();
    assert_ne!(old.keys().next(), new.keys().next());
    pair.a.port.stored.extend(old);
    assert_eq!(pair.a.port.stored.len(), 2);
    assert_eq!(pair.a.restart(pair.now), 1);
    assert_eq!(pair.a.port.stored, new);
    let a = pair.a.session(&pair.b);
    pair.pass(a, &DATA).unwrap();
}

#[test]
fn an_endpoint_that_only_receives_asks_for_new_keys_before_forgeries_use_them_up() {
    let (mut pair, a, b) = Pair::connected();
    pair.settle();
    let slot = b.slot();
    let context = &mut pair.b.endpoint.live_at(slot).unwrap().context;
    let epoch = context.epoch();
    context.context_mut(epoch).failures = u32::MAX / 2;
    pair.pass(a, &DATA).unwrap();
    pair.run(10_000);
    assert_eq!(pair.b.endpoint.session(b, pair.now).unwrap().epoch, epoch + 1);
    assert_eq!(pair.a.endpoint.session(a, pair.now).unwrap().epoch, epoch + 1);
}

/// A batch that only brings records, or sends none that wants an acknowledgement, must not reserve message numbers for all of it: after a restart
/// each of them may have been used, and 64 such leave no room for a new one.
#[test]
fn a_batch_of_plain_records_leaves_room_for_confirmable_ones_after_a_restart() {
    let (mut pair, a, _) = Pair::connected();
    pair.a.endpoint.batch(1_000, 0);
    pair.b.endpoint.batch(1_000, 0);
    for _ in 0..1_000 {
        let frame = pair.a.send(pair.now, a, &DATA).unwrap().1;
        pair.b.input(pair.now, Route::default(), None, &frame).unwrap();
    }
    pair.a.endpoint.batch(0, 0);
    pair.b.endpoint.batch(0, 0);
    pair.a.restart(pair.now);
    pair.b.restart(pair.now);
    pair.settle();
    let (a, b) = (pair.a.session(&pair.b), pair.b.session(&pair.a));
    pair.a.send(pair.now, a, &CONFIRMABLE).unwrap();
    pair.b.send(pair.now, b, &CONFIRMABLE).unwrap();
}

/// With 8-byte tags, restarts that lose large reservations use a key up: the session ends with a name for it, and is not stuck as if the
/// store failed.
#[cfg(feature = "suite-x25519-ccm")]
#[test]
fn a_key_used_up_by_reservations_ends_the_session() {
    let (a, b) = (Identity::new(1, "dev-1", false), Identity::new(2, "hub", false));
    let suite = crate::crypto::Suite::X25519Ccm;
    let config = Config { suites: [Some(suite), None, None, None], ..Config::default() };
    let node = |own: &Identity, peer: &Identity| {
        let mut node = Node::new(own, &[peer], config, false, 1);
        node.port.suites = std::vec![suite];
        node
    };
    let mut pair = Pair { a: node(&a, &b), b: node(&b, &a), now: 1_000 };
    pair.connect();
    for round in 0.. {
        pair.a.endpoint.batch(65_536, 0);
        let session = pair.a.session(&pair.b);
        match pair.a.send(pair.now, session, &DATA) {
            Ok(_) => assert!(round < 18),
            Err(error) => {
                assert_eq!((error, round), (Error::KeyExhausted, 17));
                assert!(matches!(pair.a.take_events().last(), Some(Event::Closed { reason: Error::KeyExhausted, .. })));
                assert!(pair.a.port.stored.is_empty());
                return;
            }
        }
        pair.a.restart(pair.now);
    }
}

/// What a peer that holds the keys can make this end store (docs/THREAT_MODEL.md, wear).
#[test]
fn a_record_costs_two_store_operations_at_most_and_a_block_in_order_one() {
    let (mut pair, a, _) = Pair::connected();
    pair.settle();
    let before = pair.b.port.saves;
    for _ in 0..128 {
        pair.pass(a, &DATA).unwrap();
    }
    assert!((1..=2).contains(&(pair.b.port.saves - before)), "{} for two blocks", pair.b.port.saves - before);
    // The peer uses one Partial IV in each block.
    for _ in 0..20 {
        let last = (0..65).map(|_| pair.a.send(pair.now, a, &DATA).unwrap().1).last().unwrap();
        let before = pair.b.port.saves;
        pair.b.input(pair.now, Route::default(), None, &last).unwrap();
        assert_eq!(pair.b.port.saves - before, 1);
    }
    // It resumes above all that was sent to it: one for what is taken in, one for the answer.
    for _ in 0..20 {
        pair.a.restart(pair.now);
        let (saves, frames) = (pair.b.port.saves, pair.b.endpoint.counters().frames);
        pair.settle();
        let (saves, frames) = (pair.b.port.saves - saves, pair.b.endpoint.counters().frames - frames);
        assert!((1..=2 * frames).contains(&saves), "{saves} for {frames} frames");
    }
}
