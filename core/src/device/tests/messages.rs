//! Messages under a session: both ways, duplicates, repetitions, what is refused, and what a new session does to them.

use super::*;
use crate::endpoint::acknowledges;
use crate::endpoint::tests::{COMMAND, CONFIRMABLE as HUB_CONFIRMABLE, DATA as HUB_DATA};
use crate::endpoint::{Kind, Topic};

#[test]
fn payload_and_topic_arrive() {
    for length in [0, 1, 200, 900] {
        let payload = std::vec![7; length];
        for topic in [None, Some(&b"t"[..]), Some(&[b'x'; 90])] {
            let mut pair = Pair::connected();
            for confirmable in [false, true] {
                pair.say(&Outgoing { topic, payload: &payload, confirmable, ..DATA }).unwrap();
                let got = pair.hub.delivered.pop().unwrap();
                assert_eq!((got.payload, got.topic.as_deref(), got.number), (payload.clone(), topic, confirmable.then_some(0)));
                let addressed = topic.map_or(Topic::None, Topic::Addressed);
                pair.hear(&endpoint::Outgoing { topic: addressed, payload: &payload, confirmable, ..HUB_DATA }).unwrap();
                let got = pair.a.delivered.pop().unwrap();
                assert_eq!((got.payload, got.topic.as_deref(), got.numbered), (payload.clone(), topic, confirmable));
            }
        }
    }
    let mut pair = Pair::connected();
    for topic in [&[][..], &[b'x'; 256]] {
        assert_eq!(pair.a.send(0, &Outgoing { topic: Some(topic), ..DATA }).unwrap_err(), Error::InvalidArgument);
    }
    pair.say(&Outgoing { topic: Some(&[b'x'; 255]), ..DATA }).unwrap();
}

/// What a hub says about its message is passed over.
#[test]
fn other_options_of_the_hub_do_no_harm() {
    let mut pair = Pair::connected();
    let message = endpoint::Outgoing { retain: true, expiry_s: Some(60), content_type: Some("text/plain"), ..HUB_DATA };
    pair.hear(&message).unwrap();
    assert_eq!(pair.a.delivered.pop().unwrap().payload, b"data");
    // In place on a topic: not for a device, which has none.
    let (_, frame) = pair.said(&endpoint::Outgoing { topic: Topic::InPlace(b"t"), ..HUB_DATA });
    assert_eq!(pair.a.input(pair.now, &frame), Err(Error::DecryptFailed));
}

#[test]
fn a_small_buffer_uses_nothing_up() {
    let mut pair = Pair::connected();
    let before = pair.a.fingerprint();
    let mut buffer = [0; 64];
    for message in [&DATA, &CONFIRMABLE] {
        let Sensor { device, port, .. } = &mut pair.a;
        let whole = 3 + message.payload.len() + 16 + usize::from(message.confirmable);
        for length in 0..whole {
            assert_eq!(device.send(port, pair.now, message, &mut buffer[..length]).unwrap_err(), Error::BufferTooSmall, "{length}");
        }
        assert_eq!(pair.a.fingerprint(), before);
    }
    assert_eq!(pair.say(&CONFIRMABLE).unwrap().number, Some(0));
    pair.a.connect(pair.now);
    for length in 0..38 {
        let Sensor { device, port, .. } = &mut pair.a;
        assert_eq!(device.poll_transmit(port, pair.now, &mut buffer[..length]), Err(Error::BufferTooSmall));
    }
    pair.settle();
    pair.talks();
}

#[test]
fn the_longest_frames_fit() {
    // A resume with an acknowledgement, an echo and an offer, all with numbers as long as they get.
    let mut pair = Pair::with(true, 1, |config| config.command_lifetime_ms = 1_000);
    pair.connect();
    let session = &mut pair.a.device.session;
    session.context.next = (1 << 40) - 3;
    session.context.reserved = (1 << 40) - 1;
    session.context.covered = (1 << 40) - 2;
    session.received = crate::record::ReceivedNumbers::restored(u64::MAX, 1 << 63 | 1).unwrap();
    session.parties.c_r = crate::edhoc::ConnectionId::new(&[0xff; 4]).unwrap();
    session.resume = Some([1; 8]);
    session.wants = want::REPEAT | want::OFFER;
    pair.hear(&endpoint::Outgoing { ..HUB_DATA }).unwrap();
    let session = &mut pair.a.device.session;
    session.unheard = true;
    let now = pair.now + 600;
    let frame = pair.a.frames(now).remove(0);
    assert!(frame.len() <= MAX_FRAME - 10, "{}", frame.len());
    let Sensor { device, port, .. } = &mut pair.a;
    device.session.context.next = (1 << 40) - 2;
    device.session.ack_at = 0;
    device.session.sent = crate::record::SentNumbers::restored(u64::MAX - 20, u64::MAX - 4, 0).unwrap();
    let origin = Some(Origin { sid: [9; 8], number: u64::MAX - 1 });
    let mut out = [0; 512];
    let message = Outgoing { confirmable: true, topic: Some(&[b'x'; 255]), payload: &[0; 40], number: Some(u64::MAX - 5), origin };
    let sent = device.send(port, now + 2_000, &message, &mut out).unwrap();
    assert!(sent.length <= 255 + 40 + MAX_OVERHEAD, "{}", sent.length);
}

#[test]
fn replay_duplicate_missing_and_late() {
    let mut pair = Pair::connected();
    let frames: Vec<_> = (0..140).map(|_| pair.said(&HUB_DATA).1).collect();
    pair.a.input(pair.now, &frames[0]).unwrap();
    pair.a.input(pair.now, &frames[5]).unwrap();
    pair.a.input(pair.now, &frames[3]).unwrap();
    let seen: Vec<_> = pair.a.delivered.iter().map(|got| (got.missing, got.late)).collect();
    assert_eq!(seen, [(0, false), (4, false), (0, true)]);
    let before = pair.a.fingerprint();
    for nth in [0, 3, 5] {
        assert_eq!(pair.a.input(pair.now, &frames[nth]), Err(Error::Duplicate));
    }
    assert_eq!(pair.a.fingerprint(), before);
    pair.a.input(pair.now, &frames[139]).unwrap();
    assert_eq!(pair.a.input(pair.now, &frames[4]), Err(Error::Replay));
    pair.a.input(pair.now, &frames[76]).unwrap();
    assert_eq!(pair.a.input(pair.now, &frames[75]), Err(Error::Replay));
    // Its own, thrown back.
    let (_, own) = pair.a.send(pair.now, &DATA).unwrap();
    assert!(matches!(pair.a.input(pair.now, &own), Err(Error::UnknownContext | Error::DecryptFailed)));
}

#[test]
fn confirmable_from_the_device() {
    let mut pair = Pair::connected();
    assert_eq!(pair.say(&CONFIRMABLE).unwrap().number, Some(0));
    assert_eq!(pair.say(&CONFIRMABLE).unwrap().number, Some(1));
    assert!(pair.a.device.is_outstanding(0) && pair.a.device.is_outstanding(1) && !pair.a.device.is_outstanding(2));
    let second = pair.hub.delivered.remove(1);
    pair.hub.endpoint.commit(&mut pair.hub.port, pair.now, second.session, 1, None).unwrap();
    pair.run(1_000);
    assert_eq!(pair.a.take_events(), [Event::Acknowledged { top: 1, missing: 1 }]);
    assert!(pair.a.device.is_outstanding(0) && !pair.a.device.is_outstanding(1));
    pair.hub_commits();
    pair.run(1_000);
    let [Event::Acknowledged { top, missing }] = pair.a.take_events()[..] else { panic!() };
    assert!(acknowledges(top, missing, 0) && acknowledges(top, missing, 1) && !pair.a.device.is_outstanding(0));
    assert_eq!(pair.a.device.abandon(0), Err(Error::InvalidArgument));
}

#[test]
fn confirmable_from_the_hub() {
    let mut pair = Pair::connected();
    let (_, frame) = pair.said(&HUB_CONFIRMABLE);
    pair.a.input(pair.now, &frame).unwrap();
    let got = pair.a.delivered.remove(0);
    assert!(got.numbered && got.name == Origin { sid: pair.a.device.sid().unwrap(), number: 0 });
    // Neither delivered before, nor known.
    let Sensor { device, port, .. } = &mut pair.a;
    assert_eq!(device.commit(port, 0, Origin { number: 1, ..got.name }, None), Err(Error::InvalidArgument));
    assert_eq!(device.commit(port, 0, Origin { sid: [1; 8], number: 0 }, None), Err(Error::UnknownSession));
    // It comes again before it is committed: only that someone is there is said.
    let (_, again) = pair.said(&endpoint::Outgoing { number: Some(0), ..HUB_CONFIRMABLE });
    assert_eq!(pair.a.input(pair.now, &again), Err(Error::Duplicate));
    pair.settle();
    assert!(pair.hub.take_events().iter().all(|event| !matches!(event, endpoint::Event::Acknowledged { .. })));
    pair.a.commit(pair.now, &got).unwrap();
    pair.a.commit(pair.now, &got).unwrap();
    // Nothing goes out before the acknowledgement is due, and then it does.
    assert_eq!(pair.a.device.poll_timeout(), pair.now + ACK_MS);
    assert_eq!(pair.a.frames(pair.now + ACK_MS - 1), Vec::<Vec<u8>>::new());
    let acknowledgement = pair.a.frames(pair.now + ACK_MS).remove(0);
    // That gets lost; the message comes once more, and is acknowledged at once.
    let (_, again) = pair.said(&endpoint::Outgoing { number: Some(0), ..HUB_CONFIRMABLE });
    assert_eq!(pair.a.input(pair.now, &again), Err(Error::Duplicate));
    pair.settle();
    assert!(pair.hub.take_events().iter().any(|event| matches!(event, endpoint::Event::Acknowledged { top: 0, .. })));
    assert!(pair.a.delivered.is_empty());
    pair.hub_hears(&acknowledgement).unwrap();
}

/// The acknowledgement was on a message that is refused: it counts.
#[test]
fn an_acknowledgement_on_a_duplicate_is_reported() {
    let mut pair = Pair::connected();
    pair.hear(&HUB_CONFIRMABLE).unwrap();
    pair.say(&CONFIRMABLE).unwrap();
    pair.hub_commits();
    let (_, again) = pair.said(&endpoint::Outgoing { number: Some(0), ..HUB_CONFIRMABLE });
    assert_eq!(pair.a.input(pair.now, &again), Err(Error::Duplicate));
    assert_eq!(pair.a.device.poll_timeout(), 0);
    assert_eq!(pair.a.take_events(), [Event::Acknowledged { top: 0, missing: 0 }]);
}

/// What was acknowledged under one session says nothing about the next.
#[test]
fn acknowledgements_are_of_their_session() {
    let mut pair = Pair::connected();
    for _ in 0..10 {
        pair.say(&CONFIRMABLE).unwrap();
    }
    pair.hub_commits();
    pair.run(1_000);
    assert!(pair.a.take_events().contains(&Event::Acknowledged { top: 9, missing: 0 }));
    pair.connect();
    for _ in 0..3 {
        pair.say(&CONFIRMABLE).unwrap();
    }
    let first = pair.hub.delivered.remove(0);
    pair.hub.endpoint.commit(&mut pair.hub.port, pair.now, first.session, 0, None).unwrap();
    pair.run(1_000);
    assert_eq!(pair.a.take_events(), [Event::Acknowledged { top: 0, missing: 0 }]);
}

#[test]
fn what_is_not_acknowledged_is_reported_again_and_again() {
    let mut pair = Pair::connected();
    let start = pair.now;
    let (sent, _) = pair.a.send(pair.now, &CONFIRMABLE).unwrap();
    let number = sent.number.unwrap();
    let (mut times, mut silent) = (Vec::new(), Vec::new());
    while times.len() < 8 {
        let due = pair.a.device.poll_timeout();
        assert!(due > pair.now);
        assert_eq!(pair.a.frames(due - 1), Vec::<Vec<u8>>::new());
        assert_eq!(pair.a.take_events(), []);
        pair.now = due;
        assert_eq!(pair.a.frames(pair.now), Vec::<Vec<u8>>::new());
        for event in pair.a.take_events() {
            match event {
                Event::Resend { number: found } => {
                    assert_eq!(found, number);
                    times.push((pair.now - start) / 1_000);
                    // It is sent, and gets lost.
                    pair.a.send(pair.now, &Outgoing { number: Some(number), ..CONFIRMABLE }).unwrap();
                }
                Event::PeerSilent => silent.push(times.len()),
                event => panic!("{event:?}"),
            }
        }
    }
    // Everything out for at least an interval; then doubled up to 32 intervals.
    assert_eq!(times, [6, 12, 24, 48, 96, 192, 288, 384]);
    assert_eq!(silent, [4]);
    pair.a.device.abandon(number).unwrap();
    let Sensor { device, port, .. } = &mut pair.a;
    let now = device.poll_timeout();
    assert_eq!(device.poll_transmit(port, now, &mut [0; 96]), Ok(0));
    assert_eq!((pair.a.take_events(), pair.a.device.poll_timeout()), (Vec::new(), NEVER));
}

#[test]
fn sixty_four_messages_are_out_at_most() {
    let mut pair = Pair::connected();
    for number in 0..64 {
        assert_eq!(pair.a.send(pair.now, &CONFIRMABLE).unwrap().0.number, Some(number));
    }
    assert_eq!(pair.a.send(pair.now, &CONFIRMABLE).unwrap_err(), Error::WindowFull);
    pair.say(&DATA).unwrap();
    pair.say(&Outgoing { number: Some(0), ..CONFIRMABLE }).unwrap();
    assert_eq!(pair.a.send(pair.now, &Outgoing { number: Some(64), ..CONFIRMABLE }).unwrap_err(), Error::InvalidArgument);
    pair.a.device.abandon(0).unwrap();
    assert_eq!(pair.a.send(pair.now, &CONFIRMABLE).unwrap().0.number, Some(64));
    assert_eq!(pair.a.send(pair.now, &CONFIRMABLE).unwrap_err(), Error::WindowFull);
}

/// The device's message was not acknowledged when its session was replaced: sent again with its origin, it is delivered once.
#[test]
fn replaced_sessions_deliver_once_what_the_device_sends_again() {
    for arrived in [false, true] {
        for committed in [false, true] {
            let mut pair = Pair::connected();
            let (sent, frame) = pair.a.send(pair.now, &CONFIRMABLE).unwrap();
            let origin = Origin { sid: pair.a.device.sid().unwrap(), number: sent.number.unwrap() };
            if arrived {
                pair.hub_hears(&frame).unwrap();
            }
            let held = pair.hub.delivered.pop();
            if let (Some(held), true) = (&held, committed) {
                pair.hub.endpoint.commit(&mut pair.hub.port, pair.now, held.session, held.number.unwrap(), None).unwrap();
            }
            pair.a.connect(pair.now);
            pair.settle();
            assert_eq!(pair.a.take_events(), [established(false, Some(origin.sid))]);
            let result = pair.say(&Outgoing { origin: Some(origin), ..CONFIRMABLE });
            assert_eq!(result.is_ok(), !arrived, "{result:?}");
            // New ones wait.
            assert_eq!(pair.a.send(pair.now, &CONFIRMABLE).unwrap_err(), Error::WindowFull);
            pair.say(&DATA).unwrap();
            if let (Some(held), false) = (&held, committed) {
                pair.hub.endpoint.commit(&mut pair.hub.port, pair.now, held.session, held.number.unwrap(), held.origin).unwrap();
                // The hub acknowledges it under its new number when it comes again.
                pair.run(4_000);
                pair.a.take_events();
                assert!(pair.say(&Outgoing { number: Some(0), origin: Some(origin), ..CONFIRMABLE }).is_err());
            }
            pair.hub_commits();
            pair.run(1_000);
            let events = pair.a.take_events();
            assert!(events.contains(&Event::Acknowledged { top: 0, missing: 0 }), "{events:?}");
            pair.say(&CONFIRMABLE).unwrap();
        }
    }
}

#[test]
fn replaced_sessions_deliver_once_what_the_hub_sends_again() {
    for arrived in [false, true] {
        for committed in [false, true] {
            let mut pair = Pair::connected();
            let sid = endpoint::Sid(pair.a.device.sid().unwrap());
            let (sent, frame) = pair.said(&HUB_CONFIRMABLE);
            let origin = Some(endpoint::Origin { sid, number: sent.number.unwrap() });
            if arrived {
                pair.a.input(pair.now, &frame).unwrap();
            }
            let held = pair.a.delivered.pop();
            if let (Some(held), true) = (&held, committed) {
                pair.a.commit(pair.now, held).unwrap();
            }
            pair.a.connect(pair.now);
            pair.settle();
            // Under two sessions more.
            for round in 0..3 {
                let result = pair.hear(&endpoint::Outgoing { origin, ..HUB_CONFIRMABLE });
                let first = !arrived && round == 0;
                assert_eq!(result, if first { Ok(()) } else { Err(Error::Duplicate) });
                if first {
                    let got = pair.a.delivered.pop().unwrap();
                    assert_eq!(got.origin, Some(Origin { sid: sid.0, number: 0 }));
                    pair.a.commit(pair.now, &got).unwrap();
                } else if let (Some(held), false, 0) = (&held, committed, round) {
                    pair.a.commit(pair.now, held).unwrap();
                    assert_eq!(pair.hear(&endpoint::Outgoing { number: Some(0), origin, ..HUB_CONFIRMABLE }), Err(Error::Duplicate));
                }
                pair.hub.take_events();
                pair.run(1_000);
                let acknowledged = pair.hub.take_events().iter().any(|event| matches!(event, endpoint::Event::Acknowledged { top: 0, .. }));
                assert!(acknowledged, "arrived {arrived}, committed {committed}, round {round}");
                pair.a.connect(pair.now);
                pair.settle();
            }
            assert!(pair.a.delivered.is_empty());
        }
    }
}

#[test]
fn an_origin_that_names_no_other_sending() {
    let mut pair = Pair::connected();
    let sid = pair.a.device.sid().unwrap();
    // An application may always hand in the first sending.
    let own = Some(Origin { sid, number: 0 });
    pair.say(&Outgoing { origin: own, ..CONFIRMABLE }).unwrap();
    assert_eq!(pair.hub.delivered[0].origin, None);
    pair.say(&CONFIRMABLE).unwrap();
    let other = Some(Origin { sid: [1; 8], number: 0 });
    assert_eq!(pair.a.send(pair.now, &Outgoing { origin: other, ..DATA }).unwrap_err(), Error::InvalidArgument);
    // A number that a hub cannot come to.
    let origin = Some(endpoint::Origin { sid: endpoint::Sid([1; 8]), number: u64::MAX });
    assert_eq!(pair.hear(&endpoint::Outgoing { origin, ..HUB_CONFIRMABLE }), Err(Error::Malformed));
    assert_eq!(pair.a.device.session.received, crate::record::ReceivedNumbers::new());
}

#[test]
fn commands() {
    // Without offers there are no commands, and the hub does not get one either.
    let mut pair = Pair::connected();
    let session = pair.session();
    assert_eq!(pair.hub.send(pair.now, session, &COMMAND).unwrap_err(), Error::NoOffer);
    pair.settle();
    assert_eq!(pair.hub.send(pair.now, session, &COMMAND).unwrap_err(), Error::NoOffer);
    assert_eq!(pair.a.device.poll_timeout(), NEVER);

    let mut pair = Pair::with(true, 1, |config| config.command_lifetime_ms = 5_000);
    pair.connect();
    // With a fresh offer.
    pair.now += 6_000;
    pair.say(&DATA).unwrap();
    for confirmable in [false, true] {
        let command = endpoint::Outgoing { confirmable, ..COMMAND };
        pair.hear(&command).unwrap();
        let got = pair.a.delivered.pop().unwrap();
        assert!(got.command && got.numbered == confirmable);
        // On time, and too late.
        let sent_at = pair.now;
        pair.say(&DATA).unwrap();
        for (wait, expected) in [(5_000, Ok(())), (5_001, Err(Error::Stale))] {
            pair.now = sent_at;
            let (_, frame) = pair.said(&command);
            assert_eq!(pair.a.input(sent_at + wait, &frame), expected, "{wait}");
            // Used up, either way.
            assert_eq!(pair.a.input(sent_at + wait, &frame), Err(Error::Duplicate));
        }
        pair.now = sent_at + 6_000;
        pair.say(&DATA).unwrap();
    }
    pair.a.delivered.clear();
    // One held by a broker since before a restart answers no offer.
    let (_, frame) = pair.said(&COMMAND);
    assert!(pair.a.restart(pair.now));
    assert!(matches!(pair.a.input(pair.now, &frame), Err(Error::Replay | Error::Stale)));
    pair.settle();
    pair.hub.take_events();
    pair.hear(&COMMAND).unwrap();
    let command = |message: &Got| if message.command { Kind::Command } else { Kind::Data };
    assert_eq!(pair.a.delivered.iter().map(command).collect::<Vec<_>>(), [Kind::Command]);
}

/// An offer is asked for when the newest is too old, and comes at once.
#[test]
fn an_offer_comes_when_asked_for() {
    let mut pair = Pair::with(true, 1, |config| config.command_lifetime_ms = 5_000);
    pair.connect();
    pair.now += 60_000;
    let session = pair.session();
    assert_eq!(pair.hub.send(pair.now, session, &COMMAND).unwrap_err(), Error::NoOffer);
    pair.settle();
    assert!(pair.hub.take_events().iter().any(|event| matches!(event, endpoint::Event::CommandReady { .. })));
    pair.hear(&COMMAND).unwrap();
    // Asked again while the newest is young: the same one.
    assert_eq!(pair.a.device.session.wants, 0);
}

#[test]
fn a_ping_is_answered() {
    let mut pair = Pair::connected();
    let config = endpoint::Config { ping_after_ms: 1_000, ..*pair.hub.endpoint.config() };
    pair.hub = Node::new(&pair.hub.identity.clone(), &[&pair.a.identity], config, true, 9);
    pair.connect();
    for _ in 0..10 {
        pair.run(3_000);
        assert!(pair.hub.take_events().iter().all(|event| !matches!(event, endpoint::Event::PeerSilent { .. })));
    }
}
