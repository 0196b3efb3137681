//! PROTOCOL 4.2 and 4.3, rule by rule.

use super::*;
use crate::crypto::Suite;
use crate::edhoc::{EdhocError, Role};

#[test]
fn a_handshake_with_the_real_algorithms_yields_one_session_at_both_ends() {
    let mut pair = Pair::with(false, 7, |_| ());
    let peer = pair.b.identity.thumbprint;
    let id = pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), Some(peer)).unwrap();
    let message_1 = pair.a.frames(0).remove(0);
    assert_eq!((message_1[0], message_1.len()), (1, 1 + 37));
    pair.b.input(0, Route::default(), None, &message_1).unwrap();
    let message_2 = pair.b.frames(0).remove(0);
    // One identifier, then G_Y, and C_R, kid and a 16-byte MAC encrypted.
    assert_eq!((message_2[0], message_2.len()), (2, 2 + 2 + 32 + 1 + 1 + 17));
    pair.a.input(0, Route::default(), None, &message_2).unwrap();
    let message_3 = pair.a.frames(0).remove(0);
    assert_eq!((message_3[0], message_3.len()), (3, 2 + 2 + 18 + 16));
    pair.b.input(0, Route::default(), None, &message_3).unwrap();
    let message_4 = pair.b.frames(0).remove(0);
    assert_eq!((message_4[0], message_4.len()), (4, 2 + 17));
    // The Responder has a session, and must not use it yet.
    let early = pair.b.endpoint.sessions().next().unwrap();
    assert!(!pair.b.endpoint.session(early, 0).unwrap().confirmed);
    assert_eq!(pair.b.send(0, early, &DATA), Err(Error::WrongState));
    assert_eq!(pair.b.endpoint.find(&pair.a.identity.thumbprint), None);
    pair.a.input(0, Route::default(), None, &message_4).unwrap();
    pair.settle();
    let (a, b) = (pair.a.session(&pair.b), pair.b.session(&pair.a));
    assert_eq!(b, early);
    let established = |session, peer, role, handshake| Event::Established { session, peer, role, handshake, resumed: false };
    assert_eq!(pair.a.events, [established(a, pair.b.identity.thumbprint, Role::Initiator, Some(id))]);
    assert_eq!(pair.b.events, [established(b, pair.a.identity.thumbprint, Role::Responder, None)]);
    let (of_a, of_b) = (pair.a.endpoint.session(a, 0).unwrap(), pair.b.endpoint.session(b, 0).unwrap());
    assert_eq!((of_a.sid, of_a.peer, of_a.own), (of_b.sid, of_b.own, of_b.peer));
    assert_eq!((of_a.suite, of_a.epoch), (Suite::X25519ChaCha, 0));
    assert_eq!(exported(&mut pair.a, a), exported(&mut pair.b, b));
    pair.pass(a, &DATA).unwrap();
    assert_eq!(pair.b.delivered[0].payload, b"data");
}

#[test]
fn lost_messages_are_repeated_with_doubling_intervals() {
    let mut pair = Pair::new();
    pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), None).unwrap();
    let first = pair.a.frames(0);
    let mut sent_at = Vec::new();
    let mut now = 0;
    while let Some(next) = pair.a.endpoint.poll_timeout() {
        now = next;
        pair.a.endpoint.handle_timeout(&mut pair.a.port, now).unwrap();
        let again = pair.a.frames(now);
        if !again.is_empty() {
            assert_eq!(again, first);
            sent_at.push(now);
        }
    }
    assert_eq!(sent_at, [1_000, 3_000, 7_000, 15_000, 31_000]);
    assert_eq!(now, 63_000);
    assert!(matches!(pair.a.take_events()[..], [Event::HandshakeFailed { reason: Error::HandshakeFailed, .. }]));
    assert_eq!(pair.a.endpoint.connect(&mut pair.a.port, now, Route::default(), None).map(|id| id.0), Ok(2));
}

#[test]
fn duplicates_are_answered_from_the_cache() {
    let mut pair = Pair::new();
    pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), None).unwrap();
    let message_1 = pair.a.frames(0).remove(0);
    let answer = |node: &mut Node, frame: &[u8]| {
        node.input(0, Route::default(), None, frame).unwrap();
        node.frames(0)
    };
    let message_2 = answer(&mut pair.b, &message_1);
    assert_eq!(answer(&mut pair.b, &message_1), message_2);
    let message_3 = answer(&mut pair.a, &message_2[0]);
    assert_eq!(answer(&mut pair.a, &message_2[0]), message_3);
    let message_4 = answer(&mut pair.b, &message_3[0]);
    let saves = pair.b.port.saves;
    assert_eq!(answer(&mut pair.b, &message_3[0]), message_4);
    assert_eq!(pair.b.port.saves, saves);
    let record = answer(&mut pair.a, &message_4[0]);
    let again = answer(&mut pair.a, &message_4[0]);
    // A fresh record, not a repeated one.
    assert_eq!((record.len(), again.len()), (1, 1));
    assert_ne!(record, again);
    assert_eq!(pair.b.endpoint.counters().handshakes, 1);
    pair.b.input(0, Route::default(), None, &again[0]).unwrap();
    pair.settle();
    assert_eq!(pair.b.endpoint.sessions().count(), 1);
    // When the Responder has been heard, a late message_4 asks for nothing.
    assert_eq!(pair.a.input(0, Route::default(), None, &message_4[0]), Err(Error::WrongState));
    assert!(pair.a.frames(0).is_empty());
}

#[test]
fn a_message_1_with_an_inbox_is_answered_four_times() {
    let mut pair = Pair::with(true, 1, |config| config.mqtt = true);
    pair.a.endpoint.config.inbox = Some(InboxName::new(b"dev-1").unwrap());
    pair.a.endpoint.connect(&mut pair.a.port, 0, Route::new(b"hub").unwrap(), None).unwrap();
    let output = pair.a.output(0);
    assert_eq!(output[0].0.route, Route::new(b"hub").unwrap());
    let mut answers = Vec::new();
    for _ in 0..9 {
        pair.b.input(0, Route::default(), None, &output[0].1).unwrap();
        answers.extend(pair.b.output(0));
    }
    assert_eq!(answers.len(), 4);
    assert!(answers.iter().all(|(transmit, _)| transmit.route == Route::new(b"dev-1").unwrap() && transmit.handshake));
    // message_1 without an inbox leaves no way back.
    pair.a.endpoint.config.inbox = None;
    pair.a.endpoint.connect(&mut pair.a.port, 0, Route::new(b"hub").unwrap(), None).unwrap();
    let nameless = pair.a.frames(0);
    assert_eq!(pair.b.input(0, Route::default(), None, &nameless[0]), Err(Error::Denied));
}

#[test]
fn the_claimed_inbox_is_judged_before_message_4() {
    for (name, allowed) in [(&b"dev-1"[..], true), (b"dev-2", false)] {
        let mut pair = Pair::with(true, 1, |config| config.mqtt = true);
        pair.a.endpoint.config.inbox = Some(InboxName::new(name).unwrap());
        pair.a.endpoint.connect(&mut pair.a.port, 0, Route::new(b"hub").unwrap(), None).unwrap();
        pair.settle();
        assert_eq!(pair.b.port.claimed, InboxName::new(name).ok());
        assert_eq!(pair.b.endpoint.sessions().count() == 1, allowed);
        if allowed {
            let session = pair.b.session(&pair.a);
            assert_eq!(pair.b.endpoint.session(session, 0).unwrap().route, Route::new(name).unwrap());
        }
    }
}

#[test]
fn the_inbox_in_ead_2_is_where_the_initiator_goes_on() {
    let mut pair = Pair::new();
    pair.b.endpoint.config.reply_inbox = Some(InboxName::new(b"worker-7").unwrap());
    pair.a.endpoint.connect(&mut pair.a.port, 0, Route::new(b"hub").unwrap(), None).unwrap();
    for frame in pair.a.frames(0) {
        pair.b.input(0, Route::default(), None, &frame).unwrap();
    }
    for frame in pair.b.frames(0) {
        pair.a.input(0, Route::default(), None, &frame).unwrap();
    }
    assert_eq!(pair.a.output(0)[0].0.route, Route::new(b"worker-7").unwrap());
}

#[test]
fn eight_failing_messages_are_borne_and_the_ninth_ends_the_handshake() {
    for count in [8, 9] {
        let mut pair = Pair::new();
        pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), None).unwrap();
        let message_1 = pair.a.frames(0).remove(0);
        pair.b.input(0, Route::default(), None, &message_1).unwrap();
        let message_2 = pair.b.frames(0).remove(0);
        let mut bad = message_2.clone();
        *bad.last_mut().unwrap() ^= 1;
        for _ in 0..count {
            assert!(pair.a.input(0, Route::default(), None, &bad).is_err());
        }
        let survived = pair.a.input(0, Route::default(), None, &message_2).is_ok();
        assert_eq!(survived, count == 8);
        assert_eq!(pair.a.endpoint.counters().handshakes_failed, u32::from(!survived));
        assert_eq!(pair.a.take_events().len(), usize::from(!survived));
        if !survived {
            continue;
        }
        let message_3 = pair.a.frames(0).remove(0);
        let mut bad = message_3.clone();
        bad[9] ^= 1;
        for _ in 0..count {
            assert_eq!(pair.b.input(0, Route::default(), None, &bad), Err(Error::AuthenticationFailed));
        }
        pair.b.input(0, Route::default(), None, &message_3).unwrap();
        assert_eq!(pair.b.endpoint.sessions().count(), 1);
    }
}

#[test]
fn half_open_handshakes_make_room_and_sessions_do_not() {
    let mut pair = Pair::with(true, 3, |_| ());
    let (_, b) = pair.connect();
    for seed in 0..50 {
        let mut stranger = Node::new(&Identity::new(9, "stranger", true), &[&pair.b.identity], Config::default(), true, seed);
        stranger.endpoint.connect(&mut stranger.port, 0, Route::default(), None).unwrap();
        let message_1 = stranger.frames(0).remove(0);
        pair.b.input(0, Route::default(), None, &message_1).unwrap();
        assert_eq!(pair.b.frames(0).len(), 1);
        // It never gets further: nobody knows it.
    }
    assert_eq!(pair.b.endpoint.tables.handshakes(), 4);
    assert_eq!(pair.b.endpoint.counters().evicted, 46);
    assert!(pair.b.endpoint.session(b, 0).unwrap().confirmed);
    pair.now += 60_000;
    pair.b.endpoint.handle_timeout(&mut pair.b.port, pair.now).unwrap();
    assert_eq!(pair.b.endpoint.sessions().count(), 1);
    assert!(pair.b.take_events().is_empty());
    pair.connect();
}

#[test]
fn an_own_handshake_is_not_evicted_by_strangers() {
    let mut pair = Pair::new();
    for _ in 0..4 {
        pair.b.endpoint.connect(&mut pair.b.port, 0, Route::default(), None).unwrap();
    }
    pair.b.frames(0);
    pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), None).unwrap();
    let message_1 = pair.a.frames(0).remove(0);
    let before = pair.b.fingerprint();
    assert_eq!(pair.b.input(0, Route::default(), None, &message_1), Err(Error::NoSpace));
    assert_eq!(pair.b.fingerprint(), before);
}

#[test]
fn a_stranger_is_refused_by_name() {
    let mut pair = Pair::new();
    let mut stranger = Node::new(&Identity::new(9, "stranger", true), &[&pair.b.identity], Config::default(), true, 5);
    stranger.endpoint.connect(&mut stranger.port, 0, Route::default(), None).unwrap();
    let message_1 = stranger.frames(0).remove(0);
    pair.b.input(0, Route::default(), None, &message_1).unwrap();
    let message_2 = pair.b.frames(0).remove(0);
    stranger.input(0, Route::default(), None, &message_2).unwrap();
    let message_3 = stranger.frames(0).remove(0);
    assert_eq!(pair.b.input(0, Route::default(), None, &message_3), Err(Error::UnknownCredential));
    // Error 3 leads to one more try with the credential by value, which is not known either.
    let error = pair.b.frames(0).remove(0);
    assert_eq!(error[0], 5);
    stranger.input(0, Route::default(), None, &error).unwrap();
    let second = stranger.frames(0).remove(0);
    assert_eq!(second[0], 1);
    assert_ne!(second, message_1);
    pair.b.input(0, Route::default(), None, &second).unwrap();
    let message_2 = pair.b.frames(0).remove(0);
    stranger.input(0, Route::default(), None, &message_2).unwrap();
    let by_value = stranger.frames(0).remove(0);
    assert!(by_value.len() > message_3.len() + 40);
    assert_eq!(pair.b.input(0, Route::default(), None, &by_value), Err(Error::UntrustedCredential));
    stranger.input(0, Route::default(), None, &error).unwrap();
    assert!(stranger.frames(0).is_empty());
    assert_eq!(pair.b.endpoint.sessions().count(), 0);
}

#[test]
fn error_3_leads_to_a_credential_by_value() {
    let mut pair = Pair::new();
    // b accepts these bytes, but does not find them by kid.
    pair.b.port.peers.clear();
    pair.connect();
    assert_eq!(pair.a.endpoint.counters().peer_errors, 1);
}

#[cfg(feature = "suite-p256-ccm")]
#[test]
fn error_2_leads_to_another_enabled_suite_once() {
    let mut pair = Pair::with(false, 1, |_| ());
    pair.a.port.suites.insert(0, Suite::P256Ccm);
    pair.a.endpoint.config.suites = [Some(Suite::P256Ccm), Some(Suite::X25519ChaCha), None, None];
    pair.connect();
    assert_eq!(pair.a.endpoint.counters().peer_errors, 1);

    // Without a common one it stays as it is, and the reason is told in the end.
    let mut pair = Pair::with(false, 1, |_| ());
    pair.a.port.suites = std::vec![Suite::P256Ccm];
    pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), None).unwrap();
    pair.run(100_000);
    assert!(matches!(pair.a.take_events()[..], [Event::HandshakeFailed { reason: Error::UnsupportedSuite, .. }]));
}

#[cfg(feature = "suite-p256-ccm")]
#[test]
fn the_order_of_suites_in_error_2_means_nothing() {
    let mut pair = Pair::with(false, 1, |_| ());
    pair.a.port.suites.push(Suite::P256Ccm);
    pair.a.endpoint.config.suites = [Some(Suite::X25519ChaCha), Some(Suite::P256Ccm), None, None];
    pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), None).unwrap();
    let message_1 = pair.a.frames(0).remove(0);
    let identifier = pair.a.endpoint.tables.session(0).unwrap().identifier().unwrap();
    // Suites 2 and 4: the best of these for the Initiator is the one that it has selected, so there is nothing to change.
    let error = [&[5], identifier.as_bytes(), &[2, 0x82, 2, 4]].concat();
    pair.a.input(0, Route::default(), None, &error).unwrap();
    assert_eq!(pair.a.endpoint.counters().peer_errors, 1);
    assert!(pair.a.frames(0).is_empty());
    pair.b.input(0, Route::default(), None, &message_1).unwrap();
    pair.settle();
    pair.a.session(&pair.b);
}

#[test]
fn error_1_is_ignored_but_for_a_counter() {
    let mut pair = Pair::new();
    pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), None).unwrap();
    let message_1 = pair.a.frames(0).remove(0);
    let identifier = pair.a.endpoint.tables.session(0).unwrap().identifier().unwrap();
    let mut error = std::vec![5, identifier.as_bytes()[0]];
    let mut buffer = [0; 32];
    let mut writer = Writer::new(&mut buffer);
    EdhocError::Unspecified("go away").write(&mut writer).unwrap();
    error.extend_from_slice(writer.written());
    let before = pair.a.fingerprint();
    pair.a.input(0, Route::default(), None, &error).unwrap();
    assert_eq!(pair.a.fingerprint(), before);
    assert_eq!(pair.a.endpoint.counters().peer_errors, 1);
    pair.b.input(0, Route::default(), None, &message_1).unwrap();
    pair.settle();
    pair.a.session(&pair.b);
}

#[test]
fn an_unexpected_peer_is_refused() {
    let mut pair = Pair::new();
    let other = Identity::new(3, "other", true);
    pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), Some(other.thumbprint)).unwrap();
    pair.run(100_000);
    assert!(matches!(pair.a.take_events()[..], [Event::HandshakeFailed { reason: Error::Denied, .. }]));
    assert_eq!(pair.b.endpoint.sessions().count(), 0);
}

#[test]
fn versions_and_types_that_are_not_there_are_told_apart() {
    let mut pair = Pair::new();
    let cases = [
        (&[][..], Error::Malformed),
        (&[0x00], Error::Malformed),
        (&[0x07], Error::Malformed),
        (&[0x11, 0], Error::UnsupportedVersion),
        (&[0x3f], Error::UnsupportedVersion),
        (&[0x80], Error::UnsupportedFrame),
        (&[0xbf], Error::UnsupportedFrame),
        (&[0xc0], Error::Malformed),
        (&[0x02], Error::Malformed),
        (&[0x02, 0, 1], Error::UnknownContext),
        (&[0x01, 0xff], Error::Malformed),
        (&[0x06], Error::Malformed),
        (&[0x45, 0, 1, 2, 3], Error::Malformed),
    ];
    let before = pair.a.fingerprint();
    for (frame, error) in cases {
        assert_eq!(pair.a.input(0, Route::default(), None, frame), Err(error), "{frame:02x?}");
    }
    assert_eq!(pair.a.fingerprint(), before);
    assert_eq!(pair.a.endpoint.counters().frames, 13);
}

#[test]
fn a_new_handshake_replaces_the_session_and_the_responder_keeps_the_old_one_until_a_record_comes() {
    let (mut pair, old_a, old_b) = Pair::connected();
    let sid = pair.a.endpoint.session(old_a, 0).unwrap().sid;
    pair.a.endpoint.connect(&mut pair.a.port, pair.now, Route::default(), None).unwrap();
    for _ in 0..2 {
        for frame in pair.a.frames(pair.now) {
            pair.b.input(pair.now, Route::default(), None, &frame).unwrap();
        }
        for frame in pair.b.frames(pair.now) {
            pair.a.input(pair.now, Route::default(), None, &frame).unwrap();
        }
    }
    // The Initiator has decided; the Responder waits for a record.
    let new_a = pair.a.session(&pair.b);
    assert_ne!(new_a, old_a);
    assert_eq!(pair.a.endpoint.session(old_a, 0), Err(Error::UnknownSession));
    assert_eq!(pair.b.session(&pair.a), old_b);
    assert!(pair.b.send(pair.now, old_b, &DATA).is_ok());
    let events = pair.a.take_events();
    assert!(matches!(events[0], Event::Established { session, .. } if session == new_a));
    assert_eq!(events[1..], [Event::Replaced { old: old_a, sid, new: new_a }]);
    pair.settle();
    let new_b = pair.b.session(&pair.a);
    assert_ne!(new_b, old_b);
    let events = pair.b.take_events();
    assert!(matches!(events[0], Event::Established { session, .. } if session == new_b));
    assert_eq!(events[1..], [Event::Replaced { old: old_b, sid, new: new_b }]);
    assert_eq!(pair.b.port.stored.len(), 1);
    assert_eq!(pair.a.port.stored.len(), 1);
}

#[test]
fn when_both_open_at_once_the_smaller_sid_stands() {
    let mut won = [0, 0];
    for seed in 0..40 {
        let mut pair = Pair::with(true, seed, |_| ());
        pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), None).unwrap();
        pair.b.endpoint.connect(&mut pair.b.port, 0, Route::default(), None).unwrap();
        let mut sids = Vec::new();
        for _ in 0..8 {
            let (from_a, from_b) = (pair.a.frames(0), pair.b.frames(0));
            for frame in from_a {
                let _ = pair.b.input(0, Route::default(), None, &frame);
            }
            for frame in from_b {
                let _ = pair.a.input(0, Route::default(), None, &frame);
            }
            for node in [&pair.a, &pair.b] {
                for id in node.endpoint.sessions() {
                    sids.push(node.endpoint.session(id, 0).unwrap().sid);
                }
            }
        }
        pair.settle();
        let (a, b) = (pair.a.session(&pair.b), pair.b.session(&pair.a));
        let info = pair.a.endpoint.session(a, 0).unwrap();
        assert_eq!(info.sid, pair.b.endpoint.session(b, 0).unwrap().sid);
        assert_eq!(Some(&info.sid), sids.iter().min());
        assert_eq!(pair.a.endpoint.sessions().count(), 1);
        assert_eq!(pair.b.endpoint.sessions().count(), 1);
        won[usize::from(info.role == Role::Initiator)] += 1;
        // Both attempts are accounted for: one stands, the other was superseded or replaced.
        let outcomes = [pair.a.take_events(), pair.b.take_events()].concat();
        let lost = outcomes
            .iter()
            .filter(|event| matches!(event, Event::HandshakeFailed { reason: Error::Superseded, .. } | Event::Replaced { .. }));
        assert!(lost.count() >= 1);
    }
    assert!(won[0] > 5 && won[1] > 5);
}

#[test]
fn unknown_context_is_answered_once_a_second_and_leads_to_one_handshake_a_minute() {
    let (mut pair, a, b) = Pair::connected();
    pair.b.port.stored.clear();
    pair.b.restart(pair.now);
    let mut answers = Vec::new();
    for _ in 0..5 {
        let (_, frame) = pair.a.send(pair.now, a, &DATA).unwrap();
        assert_eq!(pair.b.input(pair.now, Route::default(), None, &frame), Err(Error::UnknownContext));
        answers.extend(pair.b.frames(pair.now));
    }
    assert_eq!(answers.len(), 1);
    let (_, frame) = pair.a.send(pair.now, a, &DATA).unwrap();
    assert_eq!(pair.b.input(pair.now + 1_000, Route::default(), None, &frame), Err(Error::UnknownContext));
    answers.extend(pair.b.frames(pair.now + 1_000));
    assert_eq!(answers[0], [0x06, answers[1][1]]);
    assert_eq!(answers.len(), 2);
    // The session stays, and one handshake begins.
    pair.a.input(pair.now, Route::default(), None, &answers[0]).unwrap();
    assert!(pair.a.endpoint.session(a, 0).is_ok());
    let message_1 = pair.a.frames(pair.now);
    assert_eq!((message_1.len(), message_1[0][0]), (1, 1));
    for later in [2_000, 30_000, 59_999] {
        pair.a.endpoint.tables.handshake_mut(0).unwrap();
        pair.a.input(pair.now + later, Route::default(), None, &answers[0]).unwrap();
        assert!(pair.a.frames(pair.now).is_empty());
    }
    pair.b.input(pair.now, Route::default(), None, &message_1[0]).unwrap();
    pair.settle();
    assert_ne!(pair.a.session(&pair.b), a);
    assert_eq!(pair.b.endpoint.sessions().count(), 1);
    let _ = b;
}

#[test]
fn a_forged_unknown_context_costs_one_handshake_and_no_session() {
    let (mut pair, a, _) = Pair::connected();
    let identifier = *pair.a.endpoint.live(a).unwrap().context.parties().sender_id();
    let forged = [0x06, identifier.as_bytes()[0]];
    for second in 0..50 {
        pair.a.input(pair.now + second * 1_000, Route::default(), None, &forged).unwrap();
    }
    assert_eq!(pair.a.endpoint.started, 2);
    assert!(pair.a.send(pair.now, a, &DATA).is_ok());
    let before = pair.a.fingerprint();
    pair.a.input(pair.now + 70_000, Route::default(), None, &[0x06, identifier.as_bytes()[0] ^ 1]).unwrap();
    assert_eq!(pair.a.fingerprint(), before);
}

#[test]
fn on_mqtt_unknown_context_is_sent_only_to_a_known_route() {
    let mut pair = Pair::with(true, 1, |config| config.mqtt = true);
    let record = [0x40, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17];
    assert_eq!(pair.a.input(0, Route::default(), None, &record), Err(Error::UnknownContext));
    assert!(pair.a.frames(0).is_empty());
    let route = Route::new(b"dev-9").unwrap();
    assert_eq!(pair.a.input(0, route, None, &record), Err(Error::UnknownContext));
    assert_eq!(pair.a.output(0)[0].0.route, route);
}

#[test]
fn pending_keeps_the_frame_and_other_traffic_goes_on() {
    for at_initiator in [true, false] {
        let mut pair = Pair::new();
        let pending = if at_initiator { &mut pair.a.port } else { &mut pair.b.port };
        pending.pending = true;
        pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), None).unwrap();
        let message_1 = pair.a.frames(0).remove(0);
        let result = pair.b.input(0, Route::default(), None, &message_1);
        if at_initiator {
            result.unwrap();
            let message_2 = pair.b.frames(0).remove(0);
            assert_eq!(pair.a.input(0, Route::default(), None, &message_2), Err(Error::Pending));
            assert_eq!(pair.a.endpoint.resume_pending(&mut pair.a.port, 0), Err(Error::Pending));
            // While it waits, the same message and others change nothing.
            let before = pair.a.fingerprint();
            assert_eq!(pair.a.input(0, Route::default(), None, &message_2), Err(Error::Busy));
            assert_eq!(pair.a.fingerprint(), before);
            pair.a.port.pending = false;
            pair.a.endpoint.resume_pending(&mut pair.a.port, 0).unwrap();
        } else {
            assert_eq!(result, Err(Error::Pending));
            let before = pair.b.fingerprint();
            pair.b.input(0, Route::default(), None, &message_1).unwrap();
            assert_eq!(pair.b.fingerprint(), before);
            assert!(pair.b.frames(0).is_empty());
            assert_eq!(pair.b.endpoint.resume_pending(&mut pair.b.port, 0), Err(Error::Pending));
            pair.b.port.pending = false;
            pair.b.endpoint.resume_pending(&mut pair.b.port, 0).unwrap();
        }
        pair.settle();
        let (a, b) = (pair.a.session(&pair.b), pair.b.session(&pair.a));
        assert_eq!(exported(&mut pair.a, a), exported(&mut pair.b, b));
    }
}

#[test]
fn a_key_operation_that_fails_late_does_not_keep_the_handshake_busy() {
    let mut pair = Pair::new();
    pair.a.port.pending = true;
    pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), None).unwrap();
    let message_1 = pair.a.frames(0).remove(0);
    pair.b.input(0, Route::default(), None, &message_1).unwrap();
    let message_2 = pair.b.frames(0).remove(0);
    assert_eq!(pair.a.input(0, Route::default(), None, &message_2), Err(Error::Pending));
    (pair.a.port.pending, pair.a.port.broken) = (false, true);
    assert_eq!(pair.a.endpoint.resume_pending(&mut pair.a.port, 0), Err(Error::UnknownKey));
    pair.a.port.broken = false;
    // This end repeats message_1, and so the answer comes again.
    pair.run(5_000);
    let (a, b) = (pair.a.session(&pair.b), pair.b.session(&pair.a));
    assert_eq!(exported(&mut pair.a, a), exported(&mut pair.b, b));
}

#[test]
fn message_4_leaves_only_after_the_session_is_stored() {
    let mut pair = Pair::new();
    pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), None).unwrap();
    let message_1 = pair.a.frames(0).remove(0);
    pair.b.input(0, Route::default(), None, &message_1).unwrap();
    let message_2 = pair.b.frames(0).remove(0);
    pair.a.input(0, Route::default(), None, &message_2).unwrap();
    let message_3 = pair.a.frames(0).remove(0);
    pair.b.port.fail_saves = true;
    let before = pair.b.fingerprint();
    for _ in 0..20 {
        // More often than a handshake bears failures: this is not the peer's fault.
        assert_eq!(pair.b.input(0, Route::default(), None, &message_3), Err(Error::StorageFailed));
        assert!(pair.b.frames(0).is_empty());
    }
    assert_eq!(pair.b.fingerprint(), before);
    assert_eq!(pair.b.endpoint.sessions().count(), 0);
    pair.b.port.fail_saves = false;
    pair.b.input(0, Route::default(), None, &message_3).unwrap();
    let message_4 = pair.b.frames(0).remove(0);
    pair.a.port.fail_saves = true;
    assert_eq!(pair.a.input(0, Route::default(), None, &message_4), Err(Error::StorageFailed));
    assert_eq!(pair.a.endpoint.sessions().count(), 0);
    pair.a.port.fail_saves = false;
    pair.a.input(0, Route::default(), None, &message_4).unwrap();
    pair.settle();
    pair.b.session(&pair.a);
}

#[test]
fn identifiers_never_equal_the_peers_and_name_their_slot() {
    for len in 1..=4 {
        for seed in 0..30 {
            let mut pair = Pair::with(true, seed, |config| config.identifier_len = len);
            for _ in 0..3 {
                let (a, _) = pair.connect();
                let parties = *pair.a.endpoint.live(a).unwrap().context.parties();
                assert_ne!(parties.c_i, parties.c_r);
                assert_eq!(parties.c_i.as_bytes().len(), usize::from(len));
                if len == 1 {
                    assert!(matches!(parties.c_i.as_bytes()[0], 0..=0x17 | 0x20..=0x37));
                }
            }
        }
    }
}

/// The Responder of one handshake starts another before message_4 of the first has arrived.
#[test]
fn a_message_4_that_comes_late_does_not_undo_a_later_handshake() {
    for seed in 0..40 {
        let mut pair = Pair::with(true, seed, |_| ());
        let first = pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), None).unwrap();
        for frame in pair.a.frames(0) {
            pair.b.input(0, Route::default(), None, &frame).unwrap();
        }
        for frame in pair.b.frames(0) {
            pair.a.input(0, Route::default(), None, &frame).unwrap();
        }
        for frame in pair.a.frames(0) {
            pair.b.input(0, Route::default(), None, &frame).unwrap();
        }
        let late = pair.b.frames(0).remove(0);
        pair.b.endpoint.connect(&mut pair.b.port, 0, Route::default(), None).unwrap();
        pair.settle();
        let (a, b) = (pair.a.session(&pair.b), pair.b.session(&pair.a));
        let superseded = Event::HandshakeFailed { handshake: first, route: Route::default(), reason: Error::Superseded };
        assert!(pair.a.take_events().contains(&superseded));
        assert!(pair.a.input(0, Route::default(), None, &late).is_err());
        pair.settle();
        assert_eq!((pair.a.session(&pair.b), pair.b.session(&pair.a)), (a, b), "seed {seed}");
        assert_eq!(exported(&mut pair.a, a), exported(&mut pair.b, b));
    }
}
