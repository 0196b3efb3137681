//! Handshakes of an endpoint: over MQTT with inboxes, repetitions, EDHOC errors, unknown-context.

use super::*;
use crate::edhoc::damaged;
use sealwire_core::edhoc::Method;
use sealwire_core::error::Error;

/// Every frame of a handshake over MQTT that the endpoint starts, with what is repeated and when.
fn over_mqtt_as_initiator(method: Method, seed: u64) {
    let Some(mut peer) = Peer::start() else { return };
    for (seed, suite) in (seed..).step_by(200).zip(Suite::ALL.iter().copied()) {
        for (seed, named) in (seed..).step_by(20).zip(Named::ALL) {
            let mut s = Setting::of(&mut peer, method, Role::Initiator, suite, named, seed);
            let adjust = |config: &mut Config| {
                mqtt(config);
                config.method = method;
                config.suites = [Some(suite), None, None, None];
            };
            let mut d = Device::new(s.take_party(), config(adjust));
            d.endpoint.connect(&mut d.party, d.now, route(THEIR_NAME), None).unwrap();
            s.introduce(&mut peer, "0", "responder");

            let (transmit, first) = d.transmits().pop().unwrap();
            assert_eq!((transmit.route, transmit.handshake), (route(THEIR_NAME), true));
            d.wake();
            assert_eq!(d.frame(), first, "the cached bytes");
            let answer = peer.tell("process_message_1", json!({"frame": hex(&first)}));
            assert_eq!(answer["ead_1"], json!([[-INBOX, hex(OUR_NAME.as_bytes())]]));
            let c_i = bytes(&answer["c_i"]);

            let ead_2 = json!([[INBOX, hex(WORKER.as_bytes())]]);
            let second = bytes(&peer.tell("message_2", json!({"c_r": PEERS_ID, "ead_2": ead_2}))["frame"]);
            assert_eq!(second[..2], [2, c_i[0]]);
            d.feed(&second).unwrap();
            let (transmit, third) = d.transmits().pop().unwrap();
            assert_eq!((transmit.route, transmit.handshake), (route(WORKER), true));
            assert_eq!(third[..2], [3, 0x27]);
            // Repeated on a repeated message_2, and by itself.
            d.feed(&second).unwrap();
            assert_eq!(d.frame(), third);
            d.wake();
            assert_eq!(d.frame(), third);
            let answer = peer.tell("process_message_3", json!({"frame": hex(&third)}));
            is_us(&s, &answer);
            assert_eq!(d.events(), []);

            let fourth = bytes(&peer.tell("message_4", json!({}))["frame"]);
            d.feed(&fourth).unwrap();
            let session = established(&mut d, &s, Role::Initiator);
            assert_eq!(d.party.store.len(), 1, "durable");
            let (transmit, record) = d.transmits().pop().unwrap();
            assert_eq!((transmit.route, transmit.handshake), (route(WORKER), false));
            let answer = unprotect(&mut peer, "0", &record);
            assert_eq!((&answer["piv"], &answer["options"]), (&json!(0), &json!({"0": 2, "15": true})));
            // A repeated message_4 says that no record has arrived.
            d.feed(&fourth).unwrap();
            assert_eq!(controlled(&mut peer, &mut d, "0"), json!({"15": true}));
            // And so does silence.
            d.wake();
            assert_eq!(controlled(&mut peer, &mut d, "0"), json!({"15": true}));
            let record = control(&mut peer, "0", json!({}));
            d.feed(&record).unwrap();
            assert_eq!((d.frames().len(), d.endpoint.poll_timeout()), (0, None));
            // Heard: a message_4 means nothing any more.
            d.feed(&fourth).unwrap_err();

            let info = d.endpoint.session(session, d.now).unwrap();
            assert_eq!((info.sid, info.peer, info.own), (sid(&mut peer, "0"), s.theirs.thumbprint(), s.ours.thumbprint()));
            assert_eq!((info.suite, info.epoch, info.confirmed, info.route), (suite, 0, true, route(WORKER)));
            exported(&mut peer, &mut d, session);
        }
    }
}

/// The same with the peer as Initiator.
fn over_mqtt_as_responder(method: Method, seed: u64) {
    let Some(mut peer) = Peer::start() else { return };
    for (seed, suite) in (seed..).step_by(200).zip(Suite::ALL.iter().copied()) {
        for (seed, named) in (seed..).step_by(20).zip(Named::ALL) {
            let mut s = Setting::of(&mut peer, method, Role::Responder, suite, named, seed);
            let mut d = Device::new(s.take_party(), config(mqtt));
            s.introduce(&mut peer, "0", "initiator");
            let ead_1 = json!([[-INBOX, hex(THEIR_NAME.as_bytes())]]);
            let first = bytes(&peer.tell("message_1", json!({"ead_1": ead_1}))["frame"]);
            d.feed(&first).unwrap();
            let (transmit, second) = d.transmits().pop().unwrap();
            assert_eq!((transmit.route, transmit.handshake), (route(THEIR_NAME), true));
            assert_eq!(second[..2], [2, 0x27]);
            // Answered at most four times.
            for _ in 0..3 {
                d.feed(&first).unwrap();
                assert_eq!(d.frame(), second);
            }
            d.feed(&first).unwrap();
            assert_eq!(d.frames().len(), 0);
            let answer = peer.tell("process_message_2", json!({"frame": hex(&second)}));
            assert_eq!(answer["ead_2"], json!([[INBOX, hex(b"worker-1")]]));
            is_us(&s, &answer);
            assert_eq!(d.party.store.len(), 0, "half-open handshakes are not stored");

            let third = bytes(&peer.tell("message_3", json!({}))["frame"]);
            d.feed(&third).unwrap();
            assert_eq!(d.party.store.len(), 1, "durable before message_4 leaves");
            let (transmit, fourth) = d.transmits().pop().unwrap();
            assert_eq!((transmit.route, transmit.handshake), (route(THEIR_NAME), true));
            d.feed(&third).unwrap();
            assert_eq!(d.frame(), fourth);
            peer.tell("process_message_4", json!({"frame": hex(&fourth)}));

            // It receives and does not send, until a record has come.
            assert_eq!(d.events(), []);
            let unconfirmed = d.endpoint.sessions().next().unwrap();
            assert_eq!(d.send(unconfirmed, &Outgoing::default()).err(), Some(Error::WrongState));
            let record = protect(&mut peer, "0", b"first", json!({"15": true}), None);
            let delivered = d.feed(&record).unwrap().unwrap();
            assert_eq!((delivered.session, delivered.payload.as_slice()), (unconfirmed, &b"first"[..]));
            let session = established(&mut d, &s, Role::Responder);
            assert_eq!(session, unconfirmed);
            assert_eq!(controlled(&mut peer, &mut d, "0"), json!({}));
            d.feed(&third).unwrap_err();

            let info = d.endpoint.session(session, d.now).unwrap();
            assert_eq!((info.sid, info.peer, info.own), (sid(&mut peer, "0"), s.theirs.thumbprint(), s.ours.thumbprint()));
            assert_eq!((info.suite, info.epoch, info.confirmed, info.route), (suite, 0, true, route(THEIR_NAME)));
            exported(&mut peer, &mut d, session);
        }
    }
}

#[test]
fn over_mqtt_in_method_0() {
    over_mqtt_as_initiator(Method::SignSign, 220_000);
    over_mqtt_as_responder(Method::SignSign, 221_000);
}

#[test]
fn over_mqtt_in_method_1() {
    over_mqtt_as_initiator(Method::SignDh, 222_000);
    over_mqtt_as_responder(Method::SignDh, 223_000);
}

#[test]
fn over_mqtt_in_method_2() {
    over_mqtt_as_initiator(Method::DhSign, 224_000);
    over_mqtt_as_responder(Method::DhSign, 225_000);
}

#[test]
fn over_mqtt_in_method_3() {
    over_mqtt_as_initiator(Method::DhDh, 226_000);
    over_mqtt_as_responder(Method::DhDh, 227_000);
}

/// What applications derive is the same at both ends.
fn exported(peer: &mut Peer, d: &mut Device, session: SessionHandle) {
    for (label, length) in [(33_000, 16), (70_000, 200)] {
        let mut out = vec![0; length];
        d.endpoint.export(&mut d.party, session, label, b"context", &mut out).unwrap();
        let answer = peer.tell("exporter", json!({"label": label, "context": hex(b"context"), "length": length}));
        assert_eq!(bytes(&answer["output"]), out);
    }
}

/// Identifiers of more than one byte.
#[test]
fn long_identifiers() {
    for len in 2..=4 {
        everywhere(
            22_000 + 100 * u64::from(len),
            |config| config.identifier_len = len,
            |peer, _, d, session| {
                let (_, record) = d.send(session, &Outgoing { payload: b"x", ..Outgoing::default() }).unwrap();
                assert_eq!(bytes(&unprotect(peer, "0", &record)["payload"]), b"x");
                let record = protect(peer, "0", b"y", json!({}), None);
                let answer = peer.tell("parse_frame", json!({"frame": hex(&record), "identifier_length": len}));
                assert_eq!(answer["kind"], "record");
                assert_eq!(d.feed(&record).unwrap().unwrap().payload, b"y");
            },
        );
    }
}

/// Both suites on this end, suite 2 only on the other.
fn two_suites(peer: &mut Peer, seed: u64) -> (Setting, Device) {
    let mut s = Setting::new(peer, Suite::P256Ccm, Named::CcsByKid, seed);
    let mut party = s.take_party();
    let other = crate::party::Pair::of_suite(Suite::X25519ChaCha, b"4", seed + 5);
    party.show(Suite::X25519ChaCha, &other, other.ccs(OUR_NAME), false);
    (s, Device::new(party, Config::default()))
}

#[test]
fn error_2_leads_to_the_other_suite() {
    let Some(mut peer) = Peer::start() else { return };
    let (mut s, mut d) = two_suites(&mut peer, 23_000);
    d.endpoint.connect(&mut d.party, d.now, Route::default(), None).unwrap();
    let first = d.frame();
    s.introduce(&mut peer, "0", "responder");
    let (reason, error, c_x) = peer.edhoc_error("process_message_1", json!({"frame": hex(&first)}));
    assert_eq!(reason, "unsupported_suite");
    d.feed(&[&[5], &c_x[..], &error].concat()).unwrap();
    let first = d.frame();
    let answer = peer.tell("process_message_1", json!({"frame": hex(&first)}));
    assert_eq!(answer["suite"], 2);
    let second = bytes(&peer.tell("message_2", json!({"c_r": PEERS_ID}))["frame"]);
    d.feed(&second).unwrap();
    let third = d.frame();
    peer.tell("process_message_3", json!({"frame": hex(&third)}));
    let fourth = bytes(&peer.tell("message_4", json!({}))["frame"]);
    d.feed(&fourth).unwrap();
    established(&mut d, &s, Role::Initiator);
}

#[test]
fn error_2_comes_from_this_end() {
    let Some(mut peer) = Peer::start() else { return };
    // The peer would rather have suite 6, which nobody has; and one that this end prefers is passed over.
    for (suites_i, suites_r) in [(json!([6, 3]), json!([4, 2])), (json!([4, 2]), json!([4, 2]))] {
        let (mut s, mut d) = two_suites(&mut peer, 23_100);
        let mut request = s.introduce(&mut peer, "0", "initiator");
        request["suites_i"] = suites_i;
        peer.tell("initiator", request);
        let first = bytes(&peer.tell("message_1", json!({}))["frame"]);
        assert_eq!(d.feed(&first).err(), Some(Error::UnsupportedSuite));
        let error = d.frame();
        assert_eq!(error[..2], [5, 0x27]);
        let answer = peer.tell("parse_error", json!({"message": hex(&error[2..])}));
        assert_eq!((&answer["code"], &answer["info"]), (&json!(2), &suites_r));
    }
    // A method that this end has no credential for, and one that it was told not to take.
    let (mut s, mut d) = two_suites(&mut peer, 23_200);
    let mut request = s.introduce(&mut peer, "0", "initiator");
    request["method"] = json!(0);
    peer.tell("initiator", request);
    let first = bytes(&peer.tell("message_1", json!({}))["frame"]);
    assert_eq!(d.feed(&first).err(), Some(Error::UnsupportedMethod));
    let error = d.frame();
    assert_eq!(peer.tell("parse_error", json!({"message": hex(&error[2..])}))["code"], 1);
}

#[test]
fn error_3_leads_to_the_credential_by_value() {
    let Some(mut peer) = Peer::start() else { return };
    let cases = [Method::DhDh, Method::SignSign].into_iter().flat_map(|method| SUITES.map(|suite| (method, suite)));
    let cases = cases.flat_map(|(method, suite)| [Named::CwtByKid, Named::X5t].map(|named| (method, suite, named)));
    for (seed, (method, suite, named)) in (24_000..).step_by(10).zip(cases) {
        let mut s = Setting::of(&mut peer, method, Role::Initiator, suite, named, seed);
        let mut d = Device::new(s.take_party(), config(|config| config.method = method));
        d.endpoint.connect(&mut d.party, d.now, Route::default(), None).unwrap();
        for attempt in 0..2 {
            let mut request = s.introduce(&mut peer, "0", "responder");
            // It has our issuer's key, and not our token or certificate.
            request["peer_creds"] = json!([]);
            request["anchors"] = json!([{"cose_key": hex(&s.issuer.cose_key()), "kid": hex(&s.issuer.kid)}]);
            peer.tell("responder", request);
            let first = d.frame();
            let c_i = bytes(&peer.tell("process_message_1", json!({"frame": hex(&first)}))["c_i"]);
            let second = bytes(&peer.tell("message_2", json!({"c_r": PEERS_ID}))["frame"]);
            d.feed(&second).unwrap();
            let third = d.frame();
            if attempt == 0 {
                let (reason, error, _) = peer.edhoc_error("process_message_3", json!({"frame": hex(&third)}));
                assert_eq!(reason, "unknown_credential");
                d.feed(&[&[5], &c_i[..], &error].concat()).unwrap();
            } else {
                let answer = peer.tell("process_message_3", json!({"frame": hex(&third)}));
                is_us(&s, &answer);
            }
        }
        let fourth = bytes(&peer.tell("message_4", json!({}))["frame"]);
        d.feed(&fourth).unwrap();
        established(&mut d, &s, Role::Initiator);
    }
}

#[test]
fn error_3_comes_from_this_end() {
    let Some(mut peer) = Peer::start() else { return };
    let mut s = Setting::new(&mut peer, SUITES[0], Named::CcsByKid, 24_100);
    let mut party = Party::new(1);
    party.show(SUITES[0], &s.ours, s.our_credential.clone(), false);
    let mut d = Device::new(party, Config::default());
    s.introduce(&mut peer, "0", "initiator");
    let first = bytes(&peer.tell("message_1", json!({}))["frame"]);
    d.feed(&first).unwrap();
    let second = d.frame();
    peer.tell("process_message_2", json!({"frame": hex(&second)}));
    let third = bytes(&peer.tell("message_3", json!({}))["frame"]);
    assert_eq!(d.feed(&third).err(), Some(Error::UnknownCredential));
    let error = d.frame();
    assert_eq!(error[..2], [5, 0x27]);
    let answer = peer.tell("parse_error", json!({"message": hex(&error[2..])}));
    assert_eq!((&answer["code"], &answer["info"]), (&json!(3), &json!(true)));
}

/// Inbox items of another form, or twice, abort with error 1 at either end; a name that is somebody else's is denied.
#[test]
fn inboxes_that_are_none() {
    let Some(mut peer) = Peer::start() else { return };
    let good = hex(THEIR_NAME.as_bytes());
    let mut s = Setting::new(&mut peer, SUITES[0], Named::CcsByKid, 25_000);
    let mut d = Device::new(s.take_party(), config(mqtt));
    for (ead_1, refusal) in [
        (json!([[-INBOX, null]]), Error::Malformed),
        (json!([[-INBOX, ""]]), Error::Malformed),
        (json!([[-INBOX, hex(b"Hub")]]), Error::Malformed),
        (json!([[-INBOX, hex(b"a/b")]]), Error::Malformed),
        (json!([[-INBOX, hex(b"seventeen-letters")]]), Error::Malformed),
        (json!([[-INBOX, good], [-INBOX, good]]), Error::Malformed),
        (json!([[-INBOX, good], [-45000, null]]), Error::UnknownCriticalEad),
    ] {
        s.introduce(&mut peer, "0", "initiator");
        let first = bytes(&peer.tell("message_1", json!({"ead_1": ead_1}))["frame"]);
        assert_eq!(d.feed(&first).err(), Some(refusal), "{ead_1}");
        // Over a link there is a way back for the error.
        let mut party = Party::new(2);
        party.show(SUITES[0], &s.ours, s.our_credential.clone(), false);
        let mut on_link = Device::new(party, Config::default());
        assert_eq!(on_link.feed(&first).err(), Some(refusal), "{ead_1}");
        let error = on_link.frame();
        assert_eq!(error[..2], [5, 0x27]);
        assert_eq!(peer.tell("parse_error", json!({"message": hex(&error[2..])}))["code"], 1);
    }

    // In EAD_2 an inbox is known as 32768, and as -32768 it is a critical item that nobody knows there.
    for (ead_2, refusal) in [
        (json!([[INBOX, hex(b"Hub")]]), Error::Malformed),
        (json!([[INBOX, null]]), Error::Malformed),
        (json!([[INBOX, good], [INBOX, good]]), Error::Malformed),
        (json!([[-INBOX, good]]), Error::UnknownCriticalEad),
    ] {
        d.endpoint.connect(&mut d.party, d.now, route(THEIR_NAME), None).unwrap();
        let first = d.frame();
        s.introduce(&mut peer, "0", "responder");
        peer.tell("process_message_1", json!({"frame": hex(&first)}));
        let second = bytes(&peer.tell("message_2", json!({"c_r": PEERS_ID, "ead_2": ead_2}))["frame"]);
        assert_eq!(d.feed(&second).err(), Some(refusal), "{ead_2}");
        assert_eq!(d.frames().len(), 0);
    }

    // Well formed, and not this peer's.
    let mut s = Setting::new(&mut peer, SUITES[0], Named::CcsByKid, 25_100);
    let mut d = Device::new(s.take_party(), config(mqtt));
    s.introduce(&mut peer, "0", "initiator");
    let first = bytes(&peer.tell("message_1", json!({"ead_1": [[-INBOX, hex(b"pump-1")]]}))["frame"]);
    d.feed(&first).unwrap();
    let second = d.frame();
    peer.tell("process_message_2", json!({"frame": hex(&second)}));
    let third = bytes(&peer.tell("message_3", json!({}))["frame"]);
    assert_eq!(d.feed(&third).err(), Some(Error::Denied));
    assert_eq!((d.frames().len(), d.events().len(), d.endpoint.sessions().count()), (0, 0, 0));
}

/// Damaged frames from the peer in every step: eight of them are borne, and the handshake still completes.
#[test]
fn damaged_frames_are_borne() {
    let Some(mut peer) = Peer::start() else { return };
    for (seed, suite) in (26_000..).step_by(10).zip(SUITES) {
        for step in [2, 4] {
            let mut s = Setting::new(&mut peer, suite, Named::CcsByKid, seed);
            let mut d = Device::new(s.take_party(), Config::default());
            d.endpoint.connect(&mut d.party, d.now, Route::default(), None).unwrap();
            s.introduce(&mut peer, "0", "responder");
            let first = d.frame();
            peer.tell("process_message_1", json!({"frame": hex(&first)}));
            let second = bytes(&peer.tell("message_2", json!({"c_r": PEERS_ID}))["frame"]);
            if step == 2 {
                bear(&mut d, &second);
            }
            d.feed(&second).unwrap();
            let third = d.frame();
            peer.tell("process_message_3", json!({"frame": hex(&third)}));
            let fourth = bytes(&peer.tell("message_4", json!({}))["frame"]);
            if step == 4 {
                bear(&mut d, &fourth);
            }
            d.feed(&fourth).unwrap();
            established(&mut d, &s, Role::Initiator);
        }
        let mut s = Setting::new(&mut peer, suite, Named::CcsByKid, seed + 5);
        let mut d = Device::new(s.take_party(), Config::default());
        s.introduce(&mut peer, "0", "initiator");
        let first = bytes(&peer.tell("message_1", json!({}))["frame"]);
        d.feed(&first).unwrap();
        let second = d.frame();
        peer.tell("process_message_2", json!({"frame": hex(&second)}));
        let third = bytes(&peer.tell("message_3", json!({}))["frame"]);
        bear(&mut d, &third);
        d.feed(&third).unwrap();
        let fourth = d.frame();
        peer.tell("process_message_4", json!({"frame": hex(&fourth)}));
    }
}

/// Eight frames, damaged behind type and identifier, in eight places.
fn bear(d: &mut Device, frame: &[u8]) {
    let all: Vec<Vec<u8>> = damaged(frame).into_iter().filter(|wrong| wrong.len() == frame.len() && wrong[..2] == frame[..2]).collect();
    for wrong in all.iter().step_by(all.len().div_ceil(8)) {
        assert!(d.feed(wrong).is_err(), "{}", hex(wrong));
        assert_eq!((d.frames().len(), d.events().len()), (0, 0));
    }
}

#[test]
fn unknown_context_both_ways() {
    everywhere(
        27_000,
        |_| {},
        |peer, s, d, session| {
            // The peer lost the session: it says so, and this end handshakes anew.
            d.now += 100_000;
            let (_, record) = d.send(session, &Outgoing { payload: b"x", ..Outgoing::default() }).unwrap();
            d.feed(&[6, record[1]]).unwrap();
            s.introduce(peer, "1", "responder");
            let first = d.frame();
            peer.tell("process_message_1", json!({"id": "1", "frame": hex(&first)}));
            // The session stays meanwhile: it was anybody who said so.
            let record = protect(peer, "0", b"still there", json!({}), None);
            assert_eq!(d.feed(&record).unwrap().unwrap().payload, b"still there");

            // This end does not know a session of the peer's.
            let mut record = protect(peer, "0", b"x", json!({}), None);
            record[1] ^= 1;
            assert_eq!(d.feed(&record).err(), Some(Error::UnknownContext));
            let frame = d.frame();
            let answer = peer.tell("parse_frame", json!({"frame": hex(&frame), "identifier_length": 1}));
            assert_eq!((&answer["kind"], bytes(&answer["identifier"])), (&json!("unknown_context"), vec![record[1]]));
        },
    );
}
