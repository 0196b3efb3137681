//! Messages through an endpoint: data, confirmable messages, commands.

use super::*;
use crate::edhoc::damaged;
use sealwire_core::endpoint::{Topic, acknowledges};
use sealwire_core::error::Error;

fn confirmable(payload: &[u8]) -> Outgoing<'_> {
    Outgoing { confirmable: true, payload, ..Outgoing::default() }
}

#[test]
fn every_property_of_a_message_both_ways() {
    everywhere(
        30_000,
        |_| {},
        |peer, _, d, session| {
            let full = Outgoing {
                topic: Topic::Addressed(b"ward/ecg"),
                retain: true,
                expiry_s: Some(300),
                content_type: Some("application/cbor"),
                payload: b"72 bpm",
                ..Outgoing::default()
            };
            let (sent, record) = d.send(session, &full).unwrap();
            assert_eq!(sent.number, None);
            let answer = unprotect(peer, "0", &record);
            assert_eq!(answer["options"], json!({"1": hex(b"ward/ecg"), "11": true, "12": 300, "13": "application/cbor"}));
            assert_eq!(bytes(&answer["payload"]), b"72 bpm");
            let record = protect(peer, "0", b"73 bpm", answer["options"].clone(), None);
            let delivered = d.feed(&record).unwrap().unwrap();
            let expected = Delivered {
                session,
                kind: Kind::Data,
                number: None,
                origin: None,
                topic: Some(b"ward/ecg".to_vec()),
                payload: b"73 bpm".to_vec(),
                missing: 0,
                late: false,
                retain: true,
                expiry_s: Some(300),
                content_type: Some("application/cbor".to_string()),
            };
            assert_eq!(delivered, expected);

            // In place: the topic is not in the record, and counts.
            let (_, record) =
                d.send(session, &Outgoing { topic: Topic::InPlace("wärme/1".as_bytes()), payload: b"x", ..Outgoing::default() }).unwrap();
            assert_eq!(peer.refuses("unprotect", json!({"record": hex(&record)})), "decrypt");
            let answer = peer.tell("unprotect", json!({"record": hex(&record), "topic": "wärme/1"}));
            assert_eq!((bytes(&answer["payload"]), &answer["options"]), (b"x".to_vec(), &json!({})));
            let record = bytes(&peer.tell("protect", json!({"payload": "01", "topic": "wärme/1"}))["record"]);
            assert_eq!(d.feed_on(Some("wärme/2"), &record).err(), Some(Error::DecryptFailed));
            assert_eq!(d.feed(&record).err(), Some(Error::DecryptFailed));
            assert_eq!(d.feed_on(Some("wärme/1"), &record).unwrap().unwrap().payload, [1]);
        },
    );
}

#[test]
fn gaps_and_repetitions() {
    everywhere(
        31_000,
        |_| {},
        |peer, _, d, _| {
            let records: Vec<Vec<u8>> = (0..10).map(|at| protect(peer, "0", &[at], json!({}), None)).collect();
            let got = |delivered: Option<Delivered>| delivered.map(|message| (message.payload[0], message.missing, message.late));
            assert_eq!(got(d.feed(&records[0]).unwrap()), Some((0, 0, false)));
            assert_eq!(got(d.feed(&records[4]).unwrap()), Some((4, 3, false)));
            assert_eq!(got(d.feed(&records[2]).unwrap()), Some((2, 0, true)));
            assert_eq!(d.feed(&records[4]).err(), Some(Error::Duplicate));
            assert_eq!(got(d.feed(&records[5]).unwrap()), Some((5, 0, false)));
            for wrong in damaged(&records[9]) {
                assert!(d.feed(&wrong).is_err());
            }
            assert_eq!(got(d.feed(&records[9]).unwrap()), Some((9, 3, false)));
            // An option that nobody knows: used up, nothing happens.
            let request = json!({"plaintext": "a21000 0e f5".replace(' ', ""), "with_options": true});
            let record = bytes(&peer.tell("protect_plaintext", request)["record"]);
            assert!(d.feed(&record).is_err());
            let request = json!({"plaintext": "a20ef5181af5", "with_options": true});
            let record = bytes(&peer.tell("protect_plaintext", request)["record"]);
            assert_eq!(d.feed(&record).err(), Some(Error::UnsupportedOption));
            assert_eq!(d.feed(&record).err(), Some(Error::Duplicate));
            assert_eq!(d.frames().iter().filter(|frame| frame[0] & 0xc0 == 0x40).count(), 0, "it asked for an offer, and got none");
        },
    );
}

#[test]
fn confirmable_messages_of_this_end() {
    everywhere(
        32_000,
        |_| {},
        |peer, _, d, session| {
            for number in 0..5_u64 {
                let (sent, record) = d.send(session, &confirmable(&[number as u8])).unwrap();
                assert_eq!(sent.number, Some(number));
                let answer = unprotect(peer, "0", &record);
                assert_eq!((&answer["number"], bytes(&answer["payload"])), (&json!(number), vec![number as u8]));
            }
            // 4, 2 and 0 are committed there.
            let record = control(peer, "0", json!({"5": [4, 0b101]}));
            d.feed(&record).unwrap();
            let events = d.events();
            let [Event::Acknowledged { top, missing, .. }] = events[..] else { panic!("{events:?}") };
            assert_eq!((0..5).map(|number| acknowledges(top, missing, number)).collect::<Vec<_>>(), [true, false, true, false, true]);

            // 1 and 3 are asked for again, and sent under new Partial IVs with their old numbers.
            let mut resent = Vec::new();
            for _ in 0..4 {
                d.wake();
                for event in d.events() {
                    let Event::Resend { number, .. } = event else { panic!("{event:?}") };
                    resent.push(number);
                }
                if !resent.is_empty() {
                    break;
                }
            }
            assert_eq!(resent, [1, 3]);
            for number in resent {
                let payload = [number as u8];
                let message = Outgoing { number: Some(number), ..confirmable(&payload) };
                let (sent, record) = d.send(session, &message).unwrap();
                assert_eq!(sent.number, Some(number));
                let answer = unprotect(peer, "0", &record);
                assert_eq!((&answer["number"], &answer["late"]), (&json!(number), &json!(false)));
            }
            let record = protect(peer, "0", b"with data", json!({"5": [4, 0]}), None);
            assert_eq!(d.feed(&record).unwrap().unwrap().payload, b"with data");
            let events = d.events();
            assert!(matches!(events[..], [Event::Acknowledged { top: 4, missing: 0, .. }]), "{events:?}");
            assert_eq!(d.endpoint.session(session, d.now).unwrap().unacknowledged, 0);
            // What was never sent cannot be acknowledged.
            let record = control(peer, "0", json!({"5": [5, 0]}));
            assert!(d.feed(&record).is_err());

            // 64 may be out, and no more.
            for _ in 0..64 {
                d.send(session, &confirmable(b"")).unwrap();
            }
            assert_eq!(d.send(session, &confirmable(b"")).err(), Some(Error::WindowFull));
            let record = control(peer, "0", json!({"5": [5, 0]}));
            d.feed(&record).unwrap();
            assert_eq!(d.send(session, &confirmable(b"")).unwrap().0.number, Some(69));
        },
    );
}

#[test]
fn confirmable_messages_of_the_peer() {
    everywhere(
        33_000,
        |_| {},
        |peer, _, d, session| {
            for number in [0, 2, 1] {
                let record = protect(peer, "0", &[number as u8], json!({}), Some(number));
                let delivered = d.feed(&record).unwrap().unwrap();
                assert_eq!((delivered.number, delivered.payload), (Some(number), vec![number as u8]));
            }
            // Delivered is not committed.
            d.wake();
            for record in d.frames() {
                assert_eq!(unprotect(peer, "0", &record)["options"].get("5"), None);
            }
            let again = protect(peer, "0", &[0], json!({}), Some(0));
            assert_eq!(d.feed(&again).err(), Some(Error::Duplicate));
            d.frames();

            d.endpoint.commit(&mut d.party, d.now, session, 2, None).unwrap();
            d.wake();
            assert_eq!(controlled(peer, d, "0"), json!({"5": [2, 0b11]}));
            d.endpoint.commit(&mut d.party, d.now, session, 0, None).unwrap();
            d.wake();
            assert_eq!(controlled(peer, d, "0"), json!({"5": [2, 0b01]}));
            // It rides on what is sent anyway.
            d.endpoint.commit(&mut d.party, d.now, session, 1, None).unwrap();
            let (_, record) = d.send(session, &Outgoing { payload: b"x", ..Outgoing::default() }).unwrap();
            assert_eq!(unprotect(peer, "0", &record)["options"], json!({"5": [2, 0]}));
            // A committed one that comes again is acknowledged again, under a new Partial IV as well.
            let again = protect(peer, "0", &[2], json!({}), Some(2));
            assert_eq!(d.feed(&again).err(), Some(Error::Duplicate));
            assert_eq!(controlled(peer, d, "0"), json!({"5": [2, 0]}));
            // Numbers that were never delivered cannot be committed.
            assert_eq!(d.endpoint.commit(&mut d.party, d.now, session, 7, None).err(), Some(Error::InvalidArgument));
            // Far ahead: everything below top - 63 counts as committed.
            let record = protect(peer, "0", &[], json!({}), Some(1_000));
            d.feed(&record).unwrap();
            d.endpoint.commit(&mut d.party, d.now, session, 1_000, None).unwrap();
            d.wake();
            assert_eq!(controlled(peer, d, "0"), json!({"5": [1_000, (1_u64 << 63) - 1]}));
            let record = protect(peer, "0", &[], json!({}), Some(936));
            assert_eq!(d.feed(&record).err(), Some(Error::Duplicate));
        },
    );
}

#[test]
fn commands_for_this_end() {
    everywhere(
        34_000,
        |config| config.offers = true,
        |peer, _, d, session| {
            // The offer rode on a record before; ask for it.
            let record = control(peer, "0", json!({"14": true}));
            d.feed(&record).unwrap();
            let offer = controlled(peer, d, "0")["3"].clone();
            assert_eq!(bytes(&offer).len(), 8);

            let command =
                |peer: &mut Peer, answer: &Value, number| protect(peer, "0", b"on", json!({"0": 1, "1": hex(b"led"), "4": answer}), number);
            let record = command(peer, &offer, Some(0));
            let delivered = d.feed(&record).unwrap().unwrap();
            assert_eq!((delivered.kind, delivered.number, delivered.payload.as_slice()), (Kind::Command, Some(0), &b"on"[..]));
            assert_eq!(delivered.topic, Some(b"led".to_vec()));
            d.endpoint.commit(&mut d.party, d.now, session, 0, None).unwrap();
            d.wake();
            assert_eq!(controlled(peer, d, "0")["5"], json!([0, 0]));

            // Without an answer, with a wrong one.
            let record = protect(peer, "0", b"on", json!({"0": 1}), None);
            assert_eq!(d.feed(&record).err(), Some(Error::Stale));
            let record = command(peer, &json!("0000000000000000"), None);
            assert_eq!(d.feed(&record).err(), Some(Error::Stale));
            assert_eq!(d.feed(&record).err(), Some(Error::Duplicate), "its Partial IV is used up");

            // Held back: within T it counts, beyond it does not.
            let (in_time, too_late) = (command(peer, &offer, None), command(peer, &offer, None));
            d.now += 9_000;
            assert_eq!(d.feed(&in_time).unwrap().unwrap().kind, Kind::Command);
            d.now += 2_000;
            assert_eq!(d.feed(&too_late).err(), Some(Error::Stale));
            // The next record offers anew.
            let (_, record) = d.send(session, &Outgoing { payload: b"x", ..Outgoing::default() }).unwrap();
            let fresh = unprotect(peer, "0", &record)["options"]["3"].clone();
            assert_ne!(fresh, offer);
            let record = command(peer, &fresh, None);
            assert_eq!(d.feed(&record).unwrap().unwrap().kind, Kind::Command);
            // The same command again under its number, confirmable, after it was Stale.
            let record = command(peer, &offer, Some(1));
            assert_eq!(d.feed(&record).err(), Some(Error::Stale));
            let record = command(peer, &fresh, Some(1));
            assert_eq!(d.feed(&record).unwrap().unwrap().number, Some(1));
        },
    );
}

#[test]
fn commands_of_this_end() {
    everywhere(
        35_000,
        |_| {},
        |peer, _, d, session| {
            let command = Outgoing { kind: Kind::Command, topic: Topic::Addressed(b"led"), payload: b"off", ..Outgoing::default() };
            assert_eq!(d.send(session, &command).err(), Some(Error::NoOffer));
            assert_eq!(controlled(peer, d, "0"), json!({"14": true}));
            let first = control(peer, "0", json!({"3": "1111111111111111"}));
            let second = control(peer, "0", json!({"3": "2222222222222222"}));
            d.feed(&second).unwrap();
            assert_eq!(d.events(), [Event::CommandReady { session }]);
            // An older record does not bring an older offer back.
            d.feed(&first).unwrap();
            let (_, record) = d.send(session, &command).unwrap();
            let answer = unprotect(peer, "0", &record);
            assert_eq!(answer["options"], json!({"0": 1, "1": hex(b"led"), "4": "2222222222222222"}));
            assert_eq!(bytes(&answer["payload"]), b"off");
            d.now += 20_000;
            assert_eq!(d.send(session, &command).err(), Some(Error::NoOffer));
        },
    );
}
