//! What restarts, failing stores and power cuts leave behind.

use super::*;
use crate::endpoint::tests::{CONFIRMABLE as HUB_CONFIRMABLE, DATA as HUB_DATA};

#[test]
fn a_restart_resumes_the_session() {
    let mut pair = Pair::connected();
    let sid = pair.a.device.sid();
    for _ in 0..3 {
        pair.talks();
    }
    let old = pair.said(&HUB_DATA).1;
    pair.a.input(pair.now, &old).unwrap();
    assert!(pair.a.restart(pair.now));
    assert_eq!(pair.a.device.sid(), sid);
    assert_eq!(pair.a.input(pair.now, &old), Err(Error::Replay));
    pair.settle();
    assert_eq!(pair.a.events.remove(0), established(true, None));
    pair.talks();
    assert_eq!(pair.a.device.restore(&mut pair.a.port, pair.now), Err(Error::WrongState));
}

#[test]
fn a_restart_at_both_ends_at_once() {
    let mut pair = Pair::connected();
    pair.talks();
    assert!(pair.a.restart(pair.now));
    assert_eq!(pair.hub.restart(pair.now), 1);
    pair.settle();
    pair.talks();
    for _ in 0..5 {
        pair.hub.restart(pair.now);
        pair.run(10_000);
        pair.talks();
        pair.a.restart(pair.now);
        pair.run(10_000);
        pair.talks();
    }
    // Everything may have been sent, and is asked about.
    let resent = pair.a.take_events().into_iter().filter(|event| matches!(event, Event::Resend { .. })).count();
    assert!(resent > 0);
}

#[test]
fn resume_is_repeated_until_it_is_answered() {
    let mut pair = Pair::connected();
    pair.a.restart(pair.now);
    let start = pair.now;
    let mut times = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    while times.len() < 7 {
        pair.now = pair.now.max(pair.a.device.poll_timeout());
        for frame in pair.a.frames(pair.now) {
            times.push((pair.now - start) / 1_000);
            assert!(seen.insert(frame), "a record twice");
        }
        pair.a.collect();
    }
    assert_eq!(times, [0, 3, 9, 21, 45, 93, 189]);
    assert_eq!(pair.a.events.iter().filter(|event| **event == Event::PeerSilent).count(), 1);
    pair.run(200_000);
    pair.talks();
    assert_eq!(pair.a.device.session.resume, None);
}

#[test]
fn a_message_out_before_a_restart_is_sent_again_and_delivered_once() {
    let mut pair = Pair::connected();
    let number = pair.say(&CONFIRMABLE).unwrap().number;
    pair.a.restart(pair.now);
    pair.settle();
    let events = pair.a.take_events();
    let resent: Vec<_> =
        events.iter().filter_map(|event| if let Event::Resend { number } = event { Some(*number) } else { None }).collect();
    assert!(resent.contains(&number.unwrap()), "{events:?}");
    for other in resent.iter().filter(|other| Some(**other) != number) {
        pair.a.device.abandon(*other).unwrap();
    }
    assert_eq!(pair.say(&Outgoing { number, ..CONFIRMABLE }), Err(Error::Duplicate));
    pair.hub_commits();
    pair.run(1_000);
    assert!(pair.a.take_events().contains(&Event::Acknowledged { top: 0, missing: 0 }));
    assert!(!pair.a.device.session.repeats());
}

#[test]
fn what_was_committed_is_known_after_a_restart_and_what_was_not_comes_again() {
    let mut pair = Pair::connected();
    for _ in 0..2 {
        pair.hear(&HUB_CONFIRMABLE).unwrap();
    }
    let got = pair.a.delivered.remove(0);
    pair.a.commit(pair.now, &got).unwrap();
    pair.a.restart(pair.now);
    pair.settle();
    assert_eq!(pair.a.device.commit(&mut pair.a.port, pair.now, Origin { number: 1, ..got.name }, None), Err(Error::InvalidArgument));
    assert_eq!(pair.hear(&endpoint::Outgoing { number: Some(1), ..HUB_CONFIRMABLE }), Ok(()));
    let (sid, session) = (pair.a.device.sid(), pair.session());
    assert_eq!(pair.hub.endpoint.session(session, pair.now).unwrap().unacknowledged, 1, "0 was acknowledged with the resume");
    assert_eq!(pair.a.delivered[0].name, Origin { sid: sid.unwrap(), number: 1 });
}

/// Power goes after message_4 was sent, and before it arrives, or before the first record: whatever the hub then holds, both come together.
#[test]
fn restarts_around_message_4() {
    for first in [false, true] {
        for stage in 0..4 {
            for who in 0..3 {
                let mut pair = if first { Pair::new() } else { Pair::connected() };
                pair.a.connect(pair.now);
                let mut carried = Vec::new();
                for step in 0..stage + 1 {
                    let frames = if step % 2 == 0 { pair.a.frames(pair.now) } else { pair.hub.frames(pair.now) };
                    for frame in frames {
                        if step % 2 == 0 {
                            pair.hub_hears(&frame).unwrap()
                        } else {
                            pair.a.input(pair.now, &frame).unwrap()
                        }
                        carried.push(frame[0]);
                    }
                }
                assert_eq!(carried, [1, 2, 3, 4][..=stage]);
                if who != 1 && !pair.a.restart(pair.now) {
                    pair.a.connect(pair.now);
                }
                if who != 0 {
                    pair.hub.restart(pair.now);
                }
                for _ in 0..30 {
                    pair.run(10_000);
                    if pair.a.take_events().iter().any(|event| matches!(event, Event::HandshakeFailed { .. }))
                        && pair.a.device.sid().is_none()
                    {
                        pair.a.connect(pair.now);
                    }
                    for number in 0..64 {
                        let _ = pair.a.device.abandon(number);
                    }
                }
                // Something to notice a dead session by.
                if pair.a.send(pair.now, &CONFIRMABLE).map(|(_, frame)| pair.hub_hears(&frame)).is_ok() {
                    pair.run(200_000);
                }
                pair.talks();
            }
        }
    }
}

/// Every operation on the store fails once, at every call: the call fails and changes nothing, and the next one succeeds.
#[test]
fn a_store_that_fails_changes_nothing() {
    let mut pair = Pair::new();
    pair.a.connect(pair.now);
    for step in 0..3 {
        let frame = if step % 2 == 0 { pair.a.frames(pair.now) } else { pair.hub.frames(pair.now) }.remove(0);
        if step % 2 == 0 { pair.hub_hears(&frame).unwrap() } else { pair.a.input(pair.now, &frame).unwrap() }
    }
    let message_4 = pair.hub.frames(pair.now).remove(0);
    fails_once(&mut pair, |pair| pair.a.input(pair.now, &message_4));
    assert_eq!(pair.a.take_events(), [established(false, None)]);
    // The reservation was made with the session; the first record that arrives makes one.
    let record = pair.a.frames(pair.now).remove(0);
    pair.hub_hears(&record).unwrap();
    let answer = pair.hub.frames(pair.now).remove(0);
    fails_once(&mut pair, |pair| pair.a.input(pair.now, &answer));
    pair.settle();
    pair.a.port.fail_saves = true;
    while pair.a.device.session.context.next < pair.a.device.session.context.reserved {
        pair.a.send(pair.now, &DATA).unwrap();
    }
    pair.a.port.fail_saves = false;
    fails_once(&mut pair, |pair| pair.say(&DATA).map(drop));
    while !pair.a.device.session.sent.must_store() {
        pair.say(&CONFIRMABLE).unwrap();
    }
    fails_once(&mut pair, |pair| pair.say(&CONFIRMABLE).map(drop));
    pair.hear(&HUB_CONFIRMABLE).unwrap();
    let got = pair.a.delivered.pop().unwrap();
    fails_once(&mut pair, |pair| pair.a.commit(pair.now, &got));
    // A new session, and what it carries.
    let sid = pair.a.device.sid().unwrap();
    pair.connect();
    fails_once(&mut pair, |pair| {
        pair.say(&Outgoing { origin: Some(Origin { sid, number: 3 }), ..CONFIRMABLE }).map(drop).or_else(|error| {
            // The hub has it from before.
            if error == Error::Duplicate { Ok(()) } else { Err(error) }
        })
    });
    fails_once(&mut pair, |pair| pair.a.device.close(&mut pair.a.port));
    assert!(pair.a.port.stored.is_empty());
}

fn fails_once(pair: &mut Pair, mut call: impl FnMut(&mut Pair) -> Result<()>) {
    let before = pair.a.fingerprint();
    pair.a.port.fail_saves = true;
    for _ in 0..3 {
        assert_eq!(call(pair), Err(Error::StorageFailed));
        assert_eq!(pair.a.fingerprint(), before);
    }
    pair.a.port.fail_saves = false;
    assert_eq!(call(pair), Ok(()));
}

/// A control record that cannot be sent is tried again by the timer, and poll_transmit comes to an end.
#[test]
fn control_records_wait_for_the_store() {
    let mut pair = Pair::connected();
    pair.talks();
    pair.a.restart(pair.now);
    pair.a.port.fail_saves = true;
    let Sensor { device, port, .. } = &mut pair.a;
    assert_eq!(device.poll_transmit(port, pair.now, &mut [0; MAX_FRAME]), Err(Error::StorageFailed));
    assert_eq!(device.poll_transmit(port, pair.now, &mut [0; MAX_FRAME]), Ok(0));
    pair.a.collect();
    let due = pair.a.device.poll_timeout();
    assert!(due > pair.now && due <= pair.now + 3_000);
    pair.a.port.fail_saves = false;
    pair.run(4_000);
    pair.talks();
}

#[test]
fn stored_state_that_is_not_this_device_s_is_refused_by_name() {
    let mut pair = Pair::connected();
    pair.talks();
    let sound = pair.a.port.stored[&0].clone();
    let mut load = |stored: &[u8], expected: Result<bool>| {
        pair.a.reset();
        pair.a.port.stored.insert(0, stored.to_vec());
        let Sensor { device, port, .. } = &mut pair.a;
        let result = device.restore(port, pair.now);
        assert_eq!(result, expected, "{stored:02x?}");
        assert_eq!(device.sid().is_some(), expected == Ok(true));
        if expected != Ok(true) {
            assert_eq!((device.poll_event(), device.poll_timeout()), (None, NEVER));
            // It can be replaced.
            assert_eq!(device.connect(port, pair.now), Ok(()));
        }
    };
    load(&sound, Ok(true));
    load(&[], Ok(false));
    for bit in 0..sound.len() * 8 {
        let mut changed = sound.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        load(&changed, Err(if bit < 8 { Error::UnsupportedState } else { Error::CorruptState }));
    }
    for length in 1..sound.len() {
        load(&sound[..length], Err(Error::CorruptState));
    }
    // Longer ones are of an endpoint, or of a later version.
    load(&[&sound[..], &[0]].concat(), Err(Error::UnsupportedState));
    let endpoints = pair.hub.port.stored[&0].clone();
    pair.a.reset();
    pair.a.port.stored.insert(0, endpoints);
    assert_eq!(pair.a.device.restore(&mut pair.a.port, pair.now), Err(Error::UnsupportedState));
    // Nor does an endpoint read a device's.
    pair.hub.port.stored.insert(0, sound);
    let config = *pair.hub.endpoint.config();
    pair.hub.endpoint = endpoint::Endpoint::new(endpoint::HeapTables::new(6, 4), config).unwrap();
    assert_eq!(pair.hub.endpoint.restore(&mut pair.hub.port, pair.now), Err(Error::UnsupportedState));
    pair.hub.port.stored.clear();
    pair.hub.restart(pair.now);
    pair.connect();
    pair.talks();
}

#[test]
fn stored_state_for_other_credentials_is_refused() {
    let (own, hub, other) = (Party::new(1, "dev-1", true), Party::new(2, "hub", true), Party::new(3, "dev-1", true));
    let pair = Pair::connected();
    for (own, peer, expected) in
        [(&own, &hub, Ok(true)), (&other, &hub, Err(Error::CorruptState)), (&own, &other, Err(Error::CorruptState))]
    {
        let mut sensor = Sensor::new(own, peer, true, 1, |_| ());
        sensor.port.stored = pair.a.port.stored.clone();
        assert_eq!(sensor.device.restore(&mut sensor.port, 0), expected);
        assert_eq!(sensor.device.sid().is_some(), expected.is_ok());
    }
}

#[test]
fn a_store_that_does_not_resist_rollback_restores_nothing() {
    let mut pair = Pair::new();
    pair.a.port.resists = false;
    pair.connect();
    pair.talks();
    assert!(pair.a.port.stored.is_empty());
    assert!(!pair.a.restart(pair.now));
    pair.connect();
    pair.talks();
}

#[test]
fn a_session_that_is_closed_is_gone() {
    let mut pair = Pair::connected();
    let first = pair.a.device.sid().unwrap();
    pair.hear(&HUB_CONFIRMABLE).unwrap();
    let held = pair.a.delivered.pop().unwrap();
    pair.connect();
    let second = pair.a.device.sid().unwrap();
    let (_, late) = pair.said(&HUB_DATA);
    pair.a.device.close(&mut pair.a.port).unwrap();
    assert_eq!((pair.a.device.sid(), pair.a.device.poll_timeout(), pair.a.device.poll_event()), (None, NEVER, None));
    assert_eq!(pair.a.input(pair.now, &late), Err(Error::UnknownContext));
    assert_eq!(pair.a.send(pair.now, &DATA).unwrap_err(), Error::WrongState);
    // Nothing is stored under keys that are gone.
    for sid in [first, second, [0; 8]] {
        let Sensor { device, port, .. } = &mut pair.a;
        assert!(device.commit(port, pair.now, Origin { sid, ..held.name }, None).is_err());
    }
    assert!(pair.a.port.stored.is_empty());
    assert!(!pair.a.restart(pair.now));
    pair.connect();
    pair.talks();
}

/// 64 Partial IVs lie between two stores, in each direction, and 16 numbers.
#[test]
fn how_often_it_is_stored() {
    let mut pair = Pair::connected();
    let before = pair.a.port.saves;
    for _ in 0..640 {
        pair.say(&DATA).unwrap();
    }
    assert!((9..=10).contains(&(pair.a.port.saves - before)), "{}", pair.a.port.saves - before);
    let before = pair.a.port.saves;
    for _ in 0..640 {
        pair.hear(&HUB_DATA).unwrap();
    }
    assert!((8..=11).contains(&(pair.a.port.saves - before)), "{}", pair.a.port.saves - before);
}

/// What a hub that holds the keys can make a device store (docs/THREAT_MODEL.md, wear).
#[test]
fn a_record_costs_two_store_operations_at_most_and_a_block_in_order_one() {
    let mut pair = Pair::connected();
    pair.settle();
    let before = pair.a.port.saves;
    for _ in 0..128 {
        pair.hear(&endpoint::tests::DATA).unwrap();
    }
    assert!((1..=2).contains(&(pair.a.port.saves - before)), "{} for two blocks", pair.a.port.saves - before);
    // The hub uses one Partial IV in each block.
    for _ in 0..20 {
        let last = (0..65).map(|_| pair.said(&endpoint::tests::DATA).1).last().unwrap();
        let before = pair.a.port.saves;
        pair.a.input(pair.now, &last).unwrap();
        assert_eq!(pair.a.port.saves - before, 1);
    }
    // It resumes above all that was sent to it: one for what is taken in, one for the answer.
    for _ in 0..20 {
        pair.hub.restart(pair.now);
        let (from, mut frames) = (pair.a.port.saves, 0);
        for _ in 0..8 {
            for frame in pair.hub.frames(pair.now) {
                let _ = pair.a.input(pair.now, &frame);
                frames += 1;
            }
            for frame in pair.a.frames(pair.now) {
                let _ = pair.hub_hears(&frame);
            }
        }
        let saves = pair.a.port.saves - from;
        assert!((1..=2 * frames).contains(&saves), "{saves} for {frames} frames");
    }
}
