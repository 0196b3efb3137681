//! What becomes of a session: key updates, restarts, successors.

use super::*;
use sealwire_core::error::Error;

fn nonce(value: &Value) -> String {
    let nonce = value.as_str().unwrap().to_string();
    assert_eq!(nonce.len(), 16);
    nonce
}

fn confirmable(payload: &[u8]) -> Outgoing<'_> {
    Outgoing { confirmable: true, payload, ..Outgoing::default() }
}

/// Both directions work under this epoch.
fn talk(peer: &mut Peer, d: &mut Device, session: SessionHandle, epoch: u32) {
    let (_, record) = d.send(session, &Outgoing { payload: b"there", ..Outgoing::default() }).unwrap();
    let answer = unprotect(peer, "0", &record);
    assert_eq!((&answer["epoch"], bytes(&answer["payload"])), (&json!(epoch), b"there".to_vec()));
    let record = protect(peer, "0", b"back", json!({}), None);
    assert_eq!(d.feed(&record).unwrap().unwrap().payload, b"back");
    assert_eq!(d.endpoint.session(session, d.now).unwrap().epoch, epoch);
    let mut out = [0; 32];
    d.endpoint.export(&mut d.party, session, 33_000, b"", &mut out).unwrap();
    // The driver's exporter is that of epoch 0; PRK_out says the same of later ones.
    if epoch == 0 {
        assert_eq!(bytes(&peer.tell("exporter", json!({"label": 33_000, "length": 32}))["output"]), out);
    }
}

#[test]
fn key_updates_asked_for_by_this_end() {
    everywhere(
        40_000,
        |_| {},
        |peer, _, d, session| {
            talk(peer, d, session, 0);
            for epoch in 1..=3_u32 {
                let old = protect(peer, "0", b"old", json!({}), None);
                d.endpoint.key_update(&mut d.party, d.now, session).unwrap();
                assert_eq!(d.endpoint.key_update(&mut d.party, d.now, session).err(), Some(Error::Busy));
                let options = controlled(peer, d, "0");
                assert_eq!(options["8"][0], epoch);
                let n_a = nonce(&options["8"][1]);
                // Repeated with the same n_a until answered.
                d.wake();
                assert_eq!(controlled(peer, d, "0")["8"], json!([epoch, n_a]));
                // Answers to another request, and for another epoch, are none.
                let record = control(peer, "0", json!({"9": [epoch, "0000000000000000", "0000000000000000"]}));
                d.feed(&record).unwrap();
                let record = control(peer, "0", json!({"9": [epoch + 1, n_a, "0000000000000000"]}));
                d.feed(&record).unwrap();
                assert_eq!(d.frames().len(), 0);

                let n_b = hex(&[epoch as u8; 8]);
                peer.tell("key_update", json!({"n_a": n_a, "n_b": n_b}));
                let record = control(peer, "0", json!({"9": [epoch, n_a, n_b]}));
                d.feed(&record).unwrap();
                let record = d.frame();
                let answer = unprotect(peer, "0", &record);
                assert_eq!((&answer["epoch"], &answer["piv"]), (&json!(epoch), &json!(0)));
                assert_eq!(answer["options"], json!({"0": 2, "15": true}));
                assert_eq!(d.events(), []);
                // Both epochs count until the peer has moved; the first record under the new keys is repeated meanwhile.
                assert_eq!(d.feed(&old).unwrap().unwrap().payload, b"old");
                d.wake();
                assert_eq!(unprotect(peer, "0", &d.frame())["epoch"], epoch);
                let late = protect(peer, "0", b"late", json!({}), None);
                peer.tell("send_epoch", json!({"epoch": epoch}));
                peer.tell("drop_epoch", json!({"epoch": epoch - 1}));
                let record = control(peer, "0", json!({}));
                d.feed(&record).unwrap();
                assert_eq!(d.events(), [Event::KeyUpdated { session, epoch }]);
                assert_eq!(d.feed(&late).err(), Some(Error::StaleEpoch));
                assert_eq!((d.frames().len(), d.endpoint.poll_timeout()), (0, None));
                talk(peer, d, session, epoch);
            }
        },
    );
}

#[test]
fn key_updates_asked_for_by_the_peer() {
    everywhere(
        41_000,
        |_| {},
        |peer, _, d, session| {
            for epoch in 1..=3_u32 {
                let overtaken = control(peer, "0", json!({"8": [epoch, "0a0a0a0a0a0a0a0a"]}));
                let record = control(peer, "0", json!({"8": [epoch, "0b0b0b0b0b0b0b0b"]}));
                d.feed(&record).unwrap();
                let replaced = controlled(peer, d, "0")["9"].clone();
                assert_eq!(replaced[1], "0b0b0b0b0b0b0b0b");
                // Another request replaces that answer if it is newer, and only then.
                d.feed(&overtaken).unwrap();
                assert_eq!(d.frames().len(), 0);
                let n_a = hex(&[epoch as u8; 8]);
                let (first, again) = (control(peer, "0", json!({"8": [epoch, n_a]})), control(peer, "0", json!({"8": [epoch, n_a]})));
                d.feed(&first).unwrap();
                let answer = controlled(peer, d, "0")["9"].clone();
                assert_eq!((&answer[0], &answer[1]), (&json!(epoch), &json!(n_a)));
                let n_b = nonce(&answer[2]);
                assert_ne!(answer[2], replaced[2]);
                d.feed(&again).unwrap();
                assert_eq!(controlled(peer, d, "0")["9"], answer, "the same answer");
                // An epoch that is not the next one is none.
                let record = control(peer, "0", json!({"8": [epoch + 1, n_a]}));
                d.feed(&record).unwrap();
                assert_eq!(d.frames().len(), 0);
                // Until the peer moves, this end does not.
                let (_, record) = d.send(session, &Outgoing { payload: b"x", ..Outgoing::default() }).unwrap();
                assert_eq!(unprotect(peer, "0", &record)["epoch"], epoch - 1);

                peer.tell("key_update", json!({"n_a": n_a, "n_b": n_b}));
                peer.tell("send_epoch", json!({"epoch": epoch}));
                let record = control(peer, "0", json!({"15": true}));
                d.feed(&record).unwrap();
                assert_eq!(d.events(), [Event::KeyUpdated { session, epoch }]);
                assert_eq!(unprotect(peer, "0", &d.frame())["epoch"], epoch);
                peer.tell("drop_epoch", json!({"epoch": epoch - 1}));
                talk(peer, d, session, epoch);
            }
        },
    );
}

/// When both ask, the Initiator's request stands.
#[test]
fn key_updates_asked_for_by_both() {
    everywhere(
        42_000,
        |_| {},
        |peer, _, d, session| {
            let role = d.endpoint.session(session, d.now).unwrap().role;
            d.endpoint.key_update(&mut d.party, d.now, session).unwrap();
            let ours = controlled(peer, d, "0")["8"].clone();
            let record = control(peer, "0", json!({"8": [1, "cccccccccccccccc"]}));
            d.feed(&record).unwrap();
            let (n_a, n_b) = match role {
                Role::Initiator => {
                    assert_eq!(d.frames().len(), 0, "ignored");
                    let record = control(peer, "0", json!({"9": [1, ours[1], "bbbbbbbbbbbbbbbb"]}));
                    d.feed(&record).unwrap();
                    (nonce(&ours[1]), "bbbbbbbbbbbbbbbb".to_string())
                }
                Role::Responder => {
                    let options = controlled(peer, d, "0");
                    assert_eq!((options.get("8"), &options["9"][1]), (None, &json!("cccccccccccccccc")));
                    ("cccccccccccccccc".to_string(), nonce(&options["9"][2]))
                }
            };
            peer.tell("key_update", json!({"n_a": n_a, "n_b": n_b}));
            peer.tell("send_epoch", json!({"epoch": 1}));
            let record = control(peer, "0", json!({}));
            d.feed(&record).unwrap();
            assert_eq!(d.events(), [Event::KeyUpdated { session, epoch: 1 }]);
            for record in d.frames() {
                assert_eq!(unprotect(peer, "0", &record)["epoch"], 1);
            }
            peer.tell("drop_epoch", json!({"epoch": 0}));
            talk(peer, d, session, 1);
        },
    );
}

/// This end restarts with messages out in both directions.
#[test]
fn this_end_resumes() {
    everywhere(
        43_000,
        |_| {},
        |peer, s, d, session| {
            let (_, record) = d.send(session, &confirmable(b"ours")).unwrap();
            let highest = unprotect(peer, "0", &record)["piv"].as_u64().unwrap();
            let (committed, delivered) = (protect(peer, "0", b"0", json!({}), Some(0)), protect(peer, "0", b"1", json!({}), Some(1)));
            let under_way = protect(peer, "0", b"2", json!({}), Some(2));
            d.feed(&committed).unwrap();
            d.feed(&delivered).unwrap();
            d.endpoint.commit(&mut d.party, d.now, session, 0, None).unwrap();

            d.now += 5_000;
            assert_eq!(d.restart(), 1);
            let events = d.events();
            let Some(Event::Established { session, peer: found, resumed: true, .. }) = events.first().copied() else {
                panic!("{events:?}")
            };
            assert_eq!(found, s.theirs.thumbprint());
            let resend: Vec<u64> = events[1..]
                .iter()
                .map(|event| if let Event::Resend { number, .. } = event { *number } else { panic!("{event:?}") })
                .collect();
            assert_eq!(resend[0], 0, "ours was not acknowledged");

            let record = d.frame();
            let answer = unprotect(peer, "0", &record);
            assert!(answer["piv"].as_u64().unwrap() > highest, "no Partial IV twice");
            let options = &answer["options"];
            assert_eq!((&options["0"], &options["5"]), (&json!(2), &json!([0, 0])));
            let (edge, challenge) = (options["6"][0].as_u64().unwrap(), nonce(&options["6"][1]));
            for old in [&committed, &delivered, &under_way] {
                assert_eq!(d.feed(old).err(), Some(Error::Replay));
            }
            // Repeated until it is echoed; another challenge is no echo.
            d.wake();
            assert_eq!(controlled(peer, d, "0")["6"], json!([edge, challenge]));
            let request = json!({"payload": "", "options": {"0": 2, "7": "0000000000000000"}, "piv": edge + 1});
            let record = bytes(&peer.tell("protect", request)["record"]);
            d.feed(&record).unwrap();
            d.events();
            d.wake();
            assert_eq!(controlled(peer, d, "0")["6"][1], json!(challenge));
            let record = control(peer, "0", json!({"7": challenge}));
            d.feed(&record).unwrap();

            // What was out comes again under new Partial IVs and old numbers.
            let (_, record) = d.send(session, &Outgoing { number: Some(0), ..confirmable(b"ours") }).unwrap();
            let answer = unprotect(peer, "0", &record);
            assert_eq!((&answer["number"], bytes(&answer["payload"])), (&json!(0), b"ours".to_vec()));
            for number in &resend[1..] {
                d.endpoint.abandon(session, *number).unwrap();
            }
            let record = control(peer, "0", json!({"5": [0, 0]}));
            d.feed(&record).unwrap();
            assert_eq!(d.endpoint.session(session, d.now).unwrap().unacknowledged, 0);
            let again = protect(peer, "0", b"0", json!({}), Some(0));
            assert_eq!(d.feed(&again).err(), Some(Error::Duplicate), "committed before the restart");
            for number in [1, 2] {
                let again = protect(peer, "0", b"x", json!({}), Some(number));
                assert_eq!(d.feed(&again).unwrap().unwrap().number, Some(number));
            }
            d.frames();
            // New numbers are above all that may have been used.
            let (sent, _) = d.send(session, &confirmable(b"new")).unwrap();
            assert!(sent.number > resend.last().copied());
        },
    );
}

#[test]
fn the_peer_resumes() {
    everywhere(
        44_000,
        |_| {},
        |peer, _, d, session| {
            let (_, record) = d.send(session, &confirmable(b"x")).unwrap();
            unprotect(peer, "0", &record);
            d.events();
            peer.tell("restore_edge", json!({"edge": 700}));
            let (_, lost) = d.send(session, &Outgoing { payload: b"y", ..Outgoing::default() }).unwrap();
            assert_eq!(peer.refuses("unprotect", json!({"record": hex(&lost)})), "replay");
            let record = control(peer, "0", json!({"6": [700, "dddddddddddddddd"], "5": [0, 0]}));
            d.feed(&record).unwrap();
            let record = d.frame();
            let answer = unprotect(peer, "0", &record);
            assert_eq!(answer["options"], json!({"0": 2, "7": "dddddddddddddddd"}));
            assert_eq!((&answer["piv"], &answer["missing"]), (&json!(701), &json!(0)));
            let events = d.events();
            assert!(matches!(events[..], [Event::Acknowledged { top: 0, missing: 0, .. }]), "{events:?}");

            // With one still out, it is sent again.
            let (sent, _) = d.send(session, &confirmable(b"z")).unwrap();
            let number = sent.number.unwrap();
            peer.tell("restore_edge", json!({"edge": 2_000}));
            let record = control(peer, "0", json!({"6": [2_000, "eeeeeeeeeeeeeeee"]}));
            d.feed(&record).unwrap();
            assert_eq!(d.events(), [Event::Resend { session, number }]);
            let options = controlled(peer, d, "0");
            assert_eq!(options["7"], "eeeeeeeeeeeeeeee");
            let message = Outgoing { number: Some(number), payload: b"z", ..Outgoing::default() };
            let (_, record) = d.send(session, &message).unwrap();
            let answer = unprotect(peer, "0", &record);
            assert_eq!((&answer["number"], &answer["piv"]), (&json!(number), &json!(2_002)));
            // A peer that has no edge yet.
            let record = control(peer, "0", json!({"6": [null, "ffffffffffffffff"]}));
            d.feed(&record).unwrap();
            assert_eq!(controlled(peer, d, "0")["7"], "ffffffffffffffff");
        },
    );
}

/// A store that does not resist rollback: a new handshake after every start.
#[test]
fn a_store_that_may_be_rolled_back() {
    everywhere(
        45_000,
        |_| {},
        |peer, s, d, session| {
            let record = protect(peer, "0", b"x", json!({}), Some(5));
            d.feed(&record).unwrap();
            d.endpoint.commit(&mut d.party, d.now, session, 5, None).unwrap();
            let old = sid(peer, "0");
            d.party.resists_rollback = false;
            assert_eq!(d.restart(), 0);
            let events = d.events();
            assert!(matches!(events[..], [Event::Closed { reason: Error::LostState, .. }]), "{events:?}");
            let (_, first) = connect(peer, s, d, "1");
            assert_eq!(first["options"].get("10"), None, "it holds no other session");
            let record = control(peer, "1", json!({}));
            d.feed(&record).unwrap();
            // What it committed under the old session, it recognises.
            let record = protect(peer, "1", b"x", json!({"2": [hex(&old.0), 5]}), Some(0));
            assert_eq!(d.feed(&record).err(), Some(Error::Duplicate));
            assert_eq!(controlled(peer, d, "1"), json!({"5": [0, 0]}));
        },
    );
}

#[test]
fn a_session_that_this_end_starts_succeeds_the_old_one() {
    everywhere(
        46_000,
        |_| {},
        |peer, s, d, old| {
            let record = protect(peer, "0", b"committed", json!({}), Some(3));
            d.feed(&record).unwrap();
            d.endpoint.commit(&mut d.party, d.now, old, 3, None).unwrap();
            let (sent, record) = d.send(old, &confirmable(b"out")).unwrap();
            unprotect(peer, "0", &record);
            let old_sid = sid(peer, "0");
            d.now += 10;

            d.frames();
            let to = Route::default();
            d.endpoint.connect(&mut d.party, d.now, to, None).unwrap();
            s.introduce(peer, "1", "responder");
            let first = d.frame();
            peer.tell("process_message_1", json!({"id": "1", "frame": hex(&first)}));
            let second = bytes(&peer.tell("message_2", json!({"id": "1", "c_r": "26"}))["frame"]);
            d.feed(&second).unwrap();
            // The old one goes on meanwhile.
            let third = d.frame();
            peer.tell("process_message_3", json!({"id": "1", "frame": hex(&third)}));
            let record = protect(peer, "0", b"meanwhile", json!({}), None);
            assert_eq!(d.feed(&record).unwrap().unwrap().session, old);
            let fourth = bytes(&peer.tell("message_4", json!({"id": "1"}))["frame"]);
            d.feed(&fourth).unwrap();
            let events = d.events();
            let [Event::Established { session: new, .. }, Event::Replaced { old: ended, sid: ended_sid, new: stands }] = events[..] else {
                panic!("{events:?}");
            };
            assert_eq!((ended, ended_sid, stands), (old, old_sid, new));
            // Every record says so, until the peer has been heard.
            let record = d.frame();
            let expected = json!([[hex(&old_sid.0), 1]]);
            assert_eq!(unprotect(peer, "1", &record)["options"], json!({"0": 2, "10": expected, "15": true}));
            let origin = Some(Origin { sid: old_sid, number: sent.number.unwrap() });
            let again = Outgoing { confirmable: true, origin, payload: b"out", ..Outgoing::default() };
            let (_, record) = d.send(new, &again).unwrap();
            let answer = unprotect(peer, "1", &record);
            assert_eq!(answer["options"], json!({"2": [hex(&old_sid.0), sent.number], "10": expected}));
            let record = protect(peer, "1", b"committed", json!({"2": [hex(&old_sid.0), 3]}), Some(0));
            assert_eq!(d.feed(&record).err(), Some(Error::Duplicate));
            let options = controlled(peer, d, "1");
            assert_eq!((options.get("10"), &options["5"]), (None, &json!([0, 0])));
            // The old one is gone.
            let record = protect(peer, "0", b"x", json!({}), None);
            assert_eq!(d.feed(&record).err(), Some(Error::UnknownContext));
            assert_eq!(d.party.store.len(), 1);
        },
    );
}

#[test]
fn a_session_that_the_peer_starts_succeeds_the_old_one_at_its_first_record() {
    everywhere(
        47_000,
        |_| {},
        |peer, s, d, old| {
            let old_sid = sid(peer, "0");
            accept(peer, s, d, "1");
            // Until a record comes, this end goes on under the old one.
            assert_eq!(d.events(), []);
            assert_eq!(d.endpoint.find(&s.theirs.thumbprint()), Some(old));
            let (_, record) = d.send(old, &Outgoing { payload: b"x", ..Outgoing::default() }).unwrap();
            unprotect(peer, "0", &record);

            let record = control(peer, "1", json!({"10": [[hex(&old_sid.0), 1]], "15": true}));
            d.feed(&record).unwrap();
            let events = d.events();
            let [Event::Established { session: new, role: Role::Responder, .. }, Event::Replaced { old: ended, sid, new: stands }] =
                events[..]
            else {
                panic!("{events:?}");
            };
            assert_eq!((ended, sid, stands), (old, old_sid, new));
            unprotect(peer, "1", &d.frame());
            assert_eq!(d.endpoint.find(&s.theirs.thumbprint()), Some(new));
            let record = protect(peer, "0", b"x", json!({}), None);
            assert_eq!(d.feed(&record).err(), Some(Error::UnknownContext));
        },
    );
}

/// Both open at once. The one session that stands is the same at both ends, whichever sid is smaller.
#[test]
fn both_open_at_once() {
    let Some(mut peer) = Peer::start() else { return };
    let mut stood = [0, 0];
    for seed in (48_000..48_160).step_by(10) {
        let mut s = Setting::new(&mut peer, SUITES[seed as usize / 10 % 2], Named::CcsByKid, seed);
        let mut d = Device::new(s.take_party(), Config::default());
        // Ours is on its way when the peer's completes, up to message_4.
        d.endpoint.connect(&mut d.party, d.now, Route::default(), None).unwrap();
        let first = d.frame();
        accept(&mut peer, &mut s, &mut d, "theirs");
        s.introduce(&mut peer, "ours", "responder");
        peer.tell("process_message_1", json!({"id": "ours", "frame": hex(&first)}));
        let ephemeral = s.ephemeral();
        let second = bytes(&peer.tell("message_2", json!({"id": "ours", "c_r": "26", "ephemeral": ephemeral}))["frame"]);
        d.feed(&second).unwrap();
        let third = d.frame();
        peer.tell("process_message_3", json!({"id": "ours", "frame": hex(&third)}));
        let fourth = bytes(&peer.tell("message_4", json!({"id": "ours"}))["frame"]);
        d.feed(&fourth).unwrap();
        let (ours, theirs) = (sid(&mut peer, "ours"), sid(&mut peer, "theirs"));
        if ours < theirs {
            stood[0] += 1;
            let session = established(&mut d, &s, Role::Initiator);
            assert_eq!(d.endpoint.session(session, d.now).unwrap().sid, ours);
            let options = controlled(&mut peer, &mut d, "ours");
            assert_eq!(options, json!({"10": [[hex(&theirs.0), 0]], "15": true}));
            // The peer's own decision is the same. A record under its session that left before it knew of ours does not bring it to life.
            let record = control(&mut peer, "theirs", json!({}));
            assert_eq!(d.feed(&record).err(), Some(Error::Superseded));
        } else {
            stood[1] += 1;
            let events = d.events();
            assert!(matches!(events[..], [Event::HandshakeFailed { reason: Error::Superseded, .. }]), "{events:?}");
            assert_eq!(d.frames().len(), 0);
            let record = control(&mut peer, "theirs", json!({"10": [[hex(&ours.0), 0]], "15": true}));
            d.feed(&record).unwrap();
            let session = established(&mut d, &s, Role::Responder);
            assert_eq!(d.endpoint.session(session, d.now).unwrap().sid, theirs);
            unprotect(&mut peer, "theirs", &d.frame());
        }
    }
    assert!(stood[0] > 0 && stood[1] > 0, "{stood:?}");
}

/// The peer began a handshake before a session of ours was established, and finishes it afterwards: the smaller sid stands again, by
/// what the peer lists in its first record.
#[test]
fn the_peer_finishes_a_handshake_that_it_began_before() {
    let Some(mut peer) = Peer::start() else { return };
    let mut stood = [0, 0];
    for seed in (49_000..49_160).step_by(10) {
        let mut s = Setting::new(&mut peer, SUITES[seed as usize / 10 % 2], Named::CcsByKid, seed);
        let mut d = Device::new(s.take_party(), Config::default());
        let mut request = s.introduce(&mut peer, "theirs", "initiator");
        request["c_i"] = json!("26");
        peer.tell("initiator", request);
        let first = bytes(&peer.tell("message_1", json!({"id": "theirs"}))["frame"]);
        let old = session(&mut peer, &mut s, &mut d, "ours", Role::Initiator);

        d.feed(&first).unwrap();
        let second = d.frame();
        peer.tell("process_message_2", json!({"id": "theirs", "frame": hex(&second)}));
        let third = bytes(&peer.tell("message_3", json!({"id": "theirs"}))["frame"]);
        d.feed(&third).unwrap();
        let fourth = d.frame();
        peer.tell("process_message_4", json!({"id": "theirs", "frame": hex(&fourth)}));
        let (ours, theirs) = (sid(&mut peer, "ours"), sid(&mut peer, "theirs"));
        let record = control(&mut peer, "theirs", json!({"10": [[hex(&ours.0), 0]], "15": true}));
        if theirs < ours {
            stood[0] += 1;
            d.feed(&record).unwrap();
            let events = d.events();
            let [Event::Established { session: new, .. }, Event::Replaced { old: ended, .. }] = events[..] else { panic!("{events:?}") };
            assert_eq!((ended, d.endpoint.find(&s.theirs.thumbprint())), (old, Some(new)));
            unprotect(&mut peer, "theirs", &d.frame());
        } else {
            // A peer that keeps to the page sends no record under the session that lost. One that does so gains nothing.
            stood[1] += 1;
            assert_eq!(d.feed(&record).err(), Some(Error::Superseded));
            assert_eq!((d.events().len(), d.frames().len()), (0, 0));
            assert_eq!(d.endpoint.find(&s.theirs.thumbprint()), Some(old));
            let record = protect(&mut peer, "ours", b"x", json!({}), None);
            assert_eq!(d.feed(&record).unwrap().unwrap().session, old);
        }
        assert_eq!(d.endpoint.sessions().count(), 1);
    }
    assert!(stood[0] > 0 && stood[1] > 0, "{stood:?}");
}
