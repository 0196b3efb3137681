//! Attacks that once worked.

use super::*;

fn link() -> Route {
    Route::default()
}

/// message_1 of strangers, each another one.
fn strangers(count: u64) -> Vec<Vec<u8>> {
    let identity = port::Identity::new(99, "mallory", true);
    let hub = port::Identity::new(2, "hub", true);
    let mut mallory = Node::new(&identity, &[&hub], Config::default(), true, 77);
    let mut frames = Vec::new();
    for _ in 0..count {
        let id = mallory.endpoint.connect(&mut mallory.port, 0, link(), None).unwrap();
        frames.extend(mallory.frames(0));
        mallory.endpoint.cancel(id).unwrap();
    }
    frames
}

#[test]
fn strangers_cannot_make_a_message_be_delivered_twice() {
    let mut pair = Pair::new();
    pair.b.port.resists = false;
    let (a, _) = pair.connect();
    let sid = pair.a.endpoint.session(a, 0).unwrap().sid;
    pair.pass(a, &CONFIRMABLE).unwrap();
    let session = pair.b.session(&pair.a);
    pair.b.endpoint.commit(&mut pair.b.port, pair.now, session, 0, None).unwrap();
    pair.b.frames(pair.now); // The acknowledgement is lost.
    pair.b.restart(pair.now);
    pair.b.endpoint = Endpoint::new(HeapTables::new(3, 4), *pair.b.endpoint.config()).unwrap();
    pair.b.endpoint.restore(&mut pair.b.port, pair.now).unwrap();
    for frame in strangers(200) {
        let _ = pair.b.input(pair.now, link(), None, &frame);
        pair.b.frames(pair.now);
    }
    pair.run(200_000);
    pair.a.take_events();
    let (again, _) = pair.connect();
    let origin = Some(Origin { sid, number: 0 });
    assert_eq!(pair.pass(again, &Outgoing { origin, ..CONFIRMABLE }), Err(Error::Duplicate));
}

#[test]
fn strangers_cannot_make_an_event_disappear() {
    let mut pair = Pair::new();
    let slots = |node: &mut Node| node.endpoint = Endpoint::new(HeapTables::new(1, 1), Config::default()).unwrap();
    // A handshake that failed, in the only slot.
    slots(&mut pair.b);
    let id = pair.b.endpoint.connect(&mut pair.b.port, 0, link(), None).unwrap();
    for _ in 0..100 {
        let Some(at) = pair.b.endpoint.poll_timeout() else { break };
        pair.b.endpoint.handle_timeout(&mut pair.b.port, at).unwrap();
        pair.b.frames(at);
    }
    for frame in strangers(5) {
        assert_eq!(pair.b.input(1_000_000, link(), None, &frame), Err(Error::NoSpace));
    }
    assert!(pair.b.endpoint.connect(&mut pair.b.port, 1_000_000, link(), None).is_err());
    let failed = pair.b.take_events();
    assert!(matches!(failed[..], [Event::HandshakeFailed { handshake, .. }] if handshake == id), "{failed:?}");
    // A session that did not come back from the store, in the only slot.
    slots(&mut pair.b);
    pair.b.port.resists = false;
    let (a, _) = pair.connect();
    pair.pass(a, &CONFIRMABLE).unwrap();
    slots(&mut pair.b);
    pair.b.endpoint.restore(&mut pair.b.port, 0).unwrap();
    for frame in strangers(5) {
        assert_eq!(pair.b.input(0, link(), None, &frame), Err(Error::NoSpace));
    }
    let closed = pair.b.take_events();
    assert!(matches!(closed[..], [Event::Closed { reason: Error::LostState, .. }]), "{closed:?}");
    // Reported, it makes room.
    let [frame] = &strangers(1)[..] else { panic!() };
    pair.b.input(0, link(), None, frame).unwrap();
}

#[test]
fn two_handshakes_of_one_initiator_never_leave_two_sessions() {
    for seed in 0..60 {
        for order in 0..4 {
            let mut pair = Pair::with(true, seed, |_| ());
            let peer = pair.b.identity.thumbprint;
            for _ in 0..2 {
                pair.a.endpoint.connect(&mut pair.a.port, 0, link(), Some(peer)).unwrap();
            }
            let first = pair.a.frames(0);
            for frame in &first {
                pair.b.input(0, link(), None, frame).unwrap();
            }
            for frame in pair.b.frames(0) {
                pair.a.input(0, link(), None, &frame).unwrap();
            }
            for frame in pair.a.frames(0) {
                let _ = pair.b.input(0, link(), None, &frame);
            }
            let fours = pair.b.frames(0);
            // One message_4 gets through, perhaps its record, and then the other.
            let (x, y) = if order & 1 == 0 { (0, 1) } else { (1, 0) };
            let _ = pair.a.input(0, link(), None, &fours[x]);
            if order & 2 == 0 {
                for frame in pair.a.frames(0) {
                    let _ = pair.b.input(0, link(), None, &frame);
                }
            }
            if fours.len() > 1 {
                let _ = pair.a.input(0, link(), None, &fours[y]);
            }
            let standing = |node: &Node, other: &Node| {
                node.endpoint.find(&other.identity.thumbprint).map(|id| node.endpoint.session(id, 0).unwrap().sid)
            };
            let (p, q) = (standing(&pair.a, &pair.b), standing(&pair.b, &pair.a));
            if let (Some(p), Some(q)) = (p, q) {
                assert_eq!(p, q, "seed {seed} order {order}");
            }
        }
    }
}

#[test]
fn on_mqtt_a_response_topic_does_not_replace_the_inbox_name() {
    let mut pair = Pair::with(true, 1, |config| config.mqtt = true);
    pair.a.endpoint.connect(&mut pair.a.port, 0, Route::new(b"hub").unwrap(), None).unwrap();
    let frame = pair.a.frames(0).remove(0);
    let mut answers = 0;
    for _ in 0..50 {
        let _ = pair.b.input(0, Route::new(b"victim").unwrap(), None, &frame);
        answers += pair.b.frames(0).len();
    }
    assert!(answers <= 4, "{answers}");
}

#[test]
fn errors_go_to_a_strangers_target_a_few_times_a_second() {
    let mut pair = Pair::new();
    let mut answers = |now: u64| {
        let mut answers = 0;
        for mut frame in strangers(50) {
            // A suite that nobody has.
            frame[2] = 6;
            assert_eq!(pair.b.input(now, link(), None, &frame), Err(Error::UnsupportedSuite));
            answers += pair.b.frames(now).len();
        }
        answers
    };
    assert_eq!([answers(1_000), answers(1_999), answers(2_000)], [8, 0, 8]);
}

#[test]
fn a_replayed_message_4_does_not_use_up_partial_ivs() {
    let mut pair = Pair::new();
    let peer = pair.b.identity.thumbprint;
    pair.a.endpoint.connect(&mut pair.a.port, 0, link(), Some(peer)).unwrap();
    for frame in pair.a.frames(0) {
        pair.b.input(0, link(), None, &frame).unwrap();
    }
    for frame in pair.b.frames(0) {
        pair.a.input(0, link(), None, &frame).unwrap();
    }
    for frame in pair.a.frames(0) {
        pair.b.input(0, link(), None, &frame).unwrap();
    }
    let message_4 = pair.b.frames(0).remove(0);
    pair.a.input(0, link(), None, &message_4).unwrap();
    pair.a.frames(0);
    for _ in 0..1000 {
        let _ = pair.a.input(0, link(), None, &message_4);
        pair.a.frames(0);
    }
    let a = pair.a.session(&pair.b);
    let used = pair.a.endpoint.live(a).unwrap().context.next_partial_iv();
    assert!(used < 32, "{used} Partial IVs, {} stores", pair.a.port.saves);
}

#[test]
fn a_late_offer_does_not_look_fresh() {
    let mut pair = Pair::with(true, 1, |config| {
        config.offers = true;
        config.command_lifetime_ms = 10_000;
    });
    let (a, b) = pair.connect();
    // The first of two offers is held back.
    pair.now += 6_000;
    let (_, first) = pair.b.send(pair.now, b, &DATA).unwrap();
    pair.now += 6_000;
    let (_, second) = pair.b.send(pair.now, b, &DATA).unwrap();
    pair.a.input(pair.now, link(), None, &second).unwrap();
    pair.now += 9_000;
    pair.a.input(pair.now, link(), None, &first).unwrap();
    pair.now += 5_000;
    // The newest offer that is known is 14 s old.
    assert_eq!(pair.a.send(pair.now, a, &COMMAND).map(|_| ()), Err(Error::NoOffer));
}

#[test]
fn strangers_cannot_wrap_a_handle_round() {
    let (mut pair, _, b) = Pair::connected();
    pair.b.endpoint.close(&mut pair.b.port, b).unwrap();
    for frame in strangers(4200) {
        let _ = pair.b.input(0, link(), None, &frame);
        pair.b.frames(0);
    }
    let mut seen = false;
    for slot in 0..pair.b.endpoint.tables.sessions() {
        seen |= pair.b.endpoint.tables.session(slot).unwrap().generation > 60;
    }
    assert!(!seen, "a stranger moved the generations on");
}

#[test]
fn a_failed_store_costs_no_unconfirmed_session() {
    let mut pair = Pair::new();
    let peer = pair.b.identity.thumbprint;
    let mut threes = Vec::new();
    for _ in 0..5 {
        let id = pair.a.endpoint.connect(&mut pair.a.port, 0, link(), Some(peer)).unwrap();
        for frame in pair.a.frames(0) {
            pair.b.input(0, link(), None, &frame).unwrap();
        }
        for frame in pair.b.frames(0) {
            pair.a.input(0, link(), None, &frame).unwrap();
        }
        threes = pair.a.frames(0);
        pair.a.endpoint.cancel(id).unwrap();
        if pair.b.endpoint.sessions().count() < 4 {
            for frame in &threes {
                pair.b.input(0, link(), None, frame).unwrap();
            }
        }
        pair.b.frames(0);
    }
    assert_eq!(pair.b.endpoint.sessions().count(), 4);
    pair.b.port.fail_saves = true;
    for frame in &threes {
        assert_eq!(pair.b.input(0, link(), None, frame), Err(Error::StorageFailed));
    }
    assert_eq!(pair.b.endpoint.sessions().count(), 4);
}

/// A store may say that it failed and have stored all the same; the session before is used on, and then power goes.
#[test]
fn what_was_committed_before_a_denied_store_came_true_is_remembered() {
    for resists in [true, false] {
        let mut pair = Pair::new();
        pair.b.port.resists = resists;
        let (a, b) = pair.connect();
        let sid = pair.a.endpoint.session(a, 0).unwrap().sid;
        pair.pass(a, &CONFIRMABLE).unwrap();
        pair.b.endpoint.commit(&mut pair.b.port, pair.now, b, 0, None).unwrap();
        pair.settle();
        let peer = pair.a.identity.thumbprint;
        pair.b.endpoint.connect(&mut pair.b.port, pair.now, link(), Some(peer)).unwrap();
        for (from_a, denied) in [(false, false), (true, false), (false, false), (true, true)] {
            let (from, to) = if from_a { (&mut pair.a, &mut pair.b) } else { (&mut pair.b, &mut pair.a) };
            for frame in from.frames(pair.now) {
                to.port.deny_saves = denied;
                assert_eq!(to.input(pair.now, link(), None, &frame).is_err(), denied);
                to.port.deny_saves = false;
            }
        }
        assert_eq!(pair.b.port.stored.len(), 2);
        pair.pass(a, &CONFIRMABLE).unwrap();
        pair.b.endpoint.commit(&mut pair.b.port, pair.now, b, 1, None).unwrap();
        for _ in 0..2 {
            pair.b.restart(pair.now);
        }
        pair.settle();
        let (again, _) = pair.connect();
        let origin = Some(Origin { sid, number: 1 });
        assert_eq!(pair.pass(again, &Outgoing { origin, ..CONFIRMABLE }), Err(Error::Duplicate));
    }
}

/// The Responder of one handshake starts another; the message_4 of the first arrives when the second is done.
#[test]
fn a_late_message_4_does_not_undo_a_deliberate_new_handshake() {
    for seed in 0..40 {
        let mut pair = Pair::with(true, seed, |_| ());
        let peer = pair.b.identity.thumbprint;
        pair.a.endpoint.connect(&mut pair.a.port, 0, link(), Some(peer)).unwrap();
        for frame in pair.a.frames(0) {
            pair.b.input(0, link(), None, &frame).unwrap();
        }
        for frame in pair.b.frames(0) {
            pair.a.input(0, link(), None, &frame).unwrap();
        }
        for frame in pair.a.frames(0) {
            pair.b.input(0, link(), None, &frame).unwrap();
        }
        let message_4 = pair.b.frames(0);
        let peer = pair.a.identity.thumbprint;
        pair.b.endpoint.connect(&mut pair.b.port, 0, link(), Some(peer)).unwrap();
        for frame in pair.b.frames(0) {
            pair.a.input(0, link(), None, &frame).unwrap();
        }
        for frame in pair.a.frames(0) {
            let _ = pair.b.input(0, link(), None, &frame);
        }
        for frame in pair.b.frames(0) {
            let _ = pair.a.input(0, link(), None, &frame);
        }
        for frame in pair.a.frames(0) {
            let _ = pair.b.input(0, link(), None, &frame);
        }
        let standing = |from: &Node, to: &Node| {
            from.endpoint.find(&to.identity.thumbprint).map(|session| from.endpoint.session(session, 0).unwrap().sid)
        };
        let chosen = standing(&pair.b, &pair.a);
        assert!(chosen.is_some());
        for frame in message_4 {
            let _ = pair.a.input(0, link(), None, &frame);
        }
        // The first record of the new session settles it, whatever the session identifiers are.
        pair.settle();
        assert_eq!(standing(&pair.a, &pair.b), chosen, "seed {seed}");
        assert_eq!(standing(&pair.b, &pair.a), chosen, "seed {seed}");
        assert_eq!(pair.b.endpoint.counters().unknown_context_received, 0, "seed {seed}");
    }
}
