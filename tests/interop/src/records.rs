//! Records between this end and the second implementation.

use crate::edhoc::damaged;
use crate::handshakes::{Named, SUITES, Setting, initiate, respond};
use crate::party::Party;
use crate::peer::{Peer, bytes, hex};
use sealwire_core::crypto::Suite;
use sealwire_core::edhoc::{Completed, exporter};
use sealwire_core::error::{Error, Result};
use sealwire_core::persist::{SNAPSHOT_MAX, SessionMeta, Store, snapshot};
use sealwire_core::record::{
    Accepted, Ack, Handover, Header, Kind, LABEL_MASTER_SALT, LABEL_MASTER_SECRET, Nonce, Options, Origin, Outgoing, Parties, Plan,
    Position, Relation, Resume, SecurityContext, UpdateRequest, UpdateResponse, Updating,
};
use serde_json::{Value, json};

const NAME: &str = "0";
const IDS: (&[u8], &[u8]) = (&[0x0e], &[0x20]);

/// A message that came in, owned.
#[derive(Debug)]
struct Received {
    number: Option<u64>,
    payload: Vec<u8>,
    at: Position,
    accepted: Accepted,
}

/// This end's side of a session, stored as an application would.
struct Ours {
    context: SecurityContext,
    party: Party,
}

impl Ours {
    fn save(&mut self, plan: &Plan) {
        let mut buffer = [0; SNAPSHOT_MAX];
        let meta = SessionMeta { confirmed: true, ..SessionMeta::default() };
        let len = snapshot::encode(&mut self.party, &self.context, &meta, plan, &mut buffer).unwrap();
        self.party.save(0, &buffer[..len]).unwrap();
        self.context.stored(plan);
    }

    fn protect(&mut self, message: &Outgoing<'_>, topic: Option<&[u8]>) -> Vec<u8> {
        if self.context.must_store_to_send(false) {
            self.save(&Plan::default());
        }
        let mut out = [0; 1024];
        let len = self.context.protect(&mut self.party, message, topic, &mut out).unwrap();
        out[..len].to_vec()
    }

    fn control(&mut self, options: Options<'_>) -> Vec<u8> {
        let options = Options { kind: Kind::Control, ..options };
        self.protect(&Outgoing { options, ..Outgoing::default() }, None)
    }

    /// Takes in a record and shows its content to `look`.
    fn unprotect(&mut self, record: &[u8], topic: Option<&[u8]>, look: impl FnOnce(&Options<'_>)) -> Result<Received> {
        let header = Header::parse(record, self.context.parties().recipient_id().as_bytes().len())?;
        let mut frame = record.to_vec();
        let opened = self.context.unprotect(&mut self.party, &header, topic, &mut frame)?;
        let (at, content) = (opened.at, opened.content());
        // Used up, whatever it holds.
        let content = content.map(|content| {
            look(&content.options);
            (content.number, content.payload.to_vec())
        });
        if self.context.must_store_to_accept(at) {
            self.save(&Plan { receiving: Some(at), ..Plan::default() });
        }
        let accepted = self.context.accept(at)?;
        let (number, payload) = content?;
        Ok(Received { number, payload, at, accepted })
    }

    fn refused(&mut self, record: &[u8], topic: Option<&[u8]>) -> Error {
        match self.unprotect(record, topic, |_| {}) {
            Ok(received) => panic!("accepted: {received:?}"),
            Err(error) => error,
        }
    }

    /// The process ends and starts again from what is stored.
    fn restart(&mut self) {
        let stored = self.party.store[&0].clone();
        self.context = snapshot::decode(&mut self.party, &stored).unwrap().0;
    }

    fn number(&mut self) -> u64 {
        if self.context.must_store_to_send(true) {
            self.save(&Plan::default());
        }
        self.context.sent.take().unwrap()
    }
}

fn session(done: &Completed, mut party: Party) -> Ours {
    let parties = Parties {
        suite: done.suite,
        role: done.role,
        c_i: done.c_i,
        c_r: done.c_r,
        own: done.own,
        peer: done.peer,
        sid: done.th_4[..8].try_into().unwrap(),
    };
    let context = SecurityContext::new(&mut party, parties, done.prk_out()).unwrap();
    Ours { context, party }
}

/// Runs `test` in both roles and both suites.
fn everywhere(seed: u64, mut test: impl FnMut(&mut Peer, &mut Ours)) {
    let Some(mut peer) = Peer::start() else { return };
    for (seed, suite) in (seed..).step_by(20).zip(SUITES) {
        let mut setting = Setting::new(&mut peer, suite, Named::CcsByKid, seed);
        let done = initiate(&mut peer, &mut setting, NAME, IDS.0, IDS.1, false);
        test(&mut peer, &mut session(&done, setting.party));
        let mut setting = Setting::new(&mut peer, suite, Named::CcsByKid, seed + 10);
        let done = respond(&mut peer, &mut setting, NAME, IDS.1, false);
        test(&mut peer, &mut session(&done, setting.party));
    }
}

const A: Nonce = [0xa1; 8];
const B: Nonce = [0xb2; 8];
const C: Nonce = [0; 8];

/// Every option, alone and together, at the ends of its range: as this end writes it, and as the driver does.
fn options() -> Vec<(Options<'static>, Value)> {
    const LONG: [u8; 255] = [0x78; 255];
    let none = Options::default();
    let mut handover = Handover::default();
    handover.push(A, Relation::Succeeded).unwrap();
    let mut most = handover;
    most.push(B, Relation::Concurrent).unwrap();
    most.push(C, Relation::Concurrent).unwrap();
    most.push(A, Relation::Succeeded).unwrap();
    let content_type = "application/senml+cbor";
    let longest = "é".repeat(32);
    let longest: &'static str = Box::leak(longest.into_boxed_str());
    let (a, b, c) = (hex(&A), hex(&B), hex(&C));
    vec![
        (none, json!({})),
        (Options { kind: Kind::Command, ..none }, json!({"0": 1})),
        (Options { topic: Some(b"x"), ..none }, json!({"1": "78"})),
        (Options { topic: Some(&LONG), ..none }, json!({"1": hex(&LONG)})),
        (Options { origin: Some(Origin { sid: A, number: 0 }), ..none }, json!({"2": [a, 0]})),
        (Options { origin: Some(Origin { sid: A, number: u64::MAX }), ..none }, json!({"2": [a, u64::MAX]})),
        (Options { offer: Some(A), ..none }, json!({"3": a})),
        (Options { answer: Some(B), ..none }, json!({"4": b})),
        (Options { ack: Some(Ack { top: 0, missing: 0 }), ..none }, json!({"5": [0, 0]})),
        (Options { ack: Some(Ack { top: 99, missing: (1 << 63) - 1 }), ..none }, json!({"5": [99, (1_u64 << 63) - 1]})),
        (Options { resume: Some(Resume { edge: None, challenge: C }), ..none }, json!({"6": [null, c]})),
        (Options { resume: Some(Resume { edge: Some(1 << 32), challenge: A }), ..none }, json!({"6": [1_u64 << 32, a]})),
        (Options { resumed: Some(B), ..none }, json!({"7": b})),
        (Options { update_request: Some(UpdateRequest { epoch: 7, n_a: A }), ..none }, json!({"8": [7, a]})),
        (Options { update_response: Some(UpdateResponse { epoch: u32::MAX, n_a: A, n_b: B }), ..none }, json!({"9": [u32::MAX, a, b]})),
        (Options { handover, ..none }, json!({"10": [[a, 1]]})),
        (Options { handover: most, ..none }, json!({"10": [[a, 1], [b, 0], [c, 0], [a, 1]]})),
        (Options { retain: true, ..none }, json!({"11": true})),
        (Options { expiry: Some(0), ..none }, json!({"12": 0})),
        (Options { expiry: Some(1 << 40), ..none }, json!({"12": 1_u64 << 40})),
        (Options { content_type: Some(content_type), ..none }, json!({"13": content_type})),
        (Options { content_type: Some(longest), ..none }, json!({"13": longest})),
        (Options { offer_request: true, ..none }, json!({"14": true})),
        (Options { ping: true, ..none }, json!({"15": true})),
        (
            Options {
                kind: Kind::Command,
                topic: Some(b"pump"),
                origin: Some(Origin { sid: C, number: 24 }),
                offer: Some(A),
                answer: Some(B),
                ack: Some(Ack { top: 300, missing: 5 }),
                handover,
                retain: true,
                expiry: Some(60),
                content_type: Some(content_type),
                ..none
            },
            json!({"0": 1, "1": "70756d70", "2": [c, 24], "3": a, "4": b, "5": [300, 5], "10": [[a, 1]], "11": true, "12": 60, "13": content_type}),
        ),
    ]
}

#[test]
fn every_option_and_topic_both_ways() {
    everywhere(10_000, |peer, ours| {
        let mut theirs = 0;
        for (options, theirs_options) in options() {
            for (payload, topic) in [(&b""[..], None), (b"72 bpm", Some("plant/ecg")), (&[0xff; 300], Some("größe"))] {
                let topic_bytes = topic.map(str::as_bytes);
                let record = ours.protect(&Outgoing { number: None, options, payload }, topic_bytes);
                let answer = peer.tell("unprotect", json!({"record": hex(&record), "topic": topic}));
                assert_eq!(bytes(&answer["payload"]), payload);
                assert_eq!(answer["options"], theirs_options);
                assert!(answer["number"].is_null());
                assert_eq!(answer["missing"], 0);

                let request = json!({"payload": hex(payload), "options": theirs_options, "topic": topic});
                let record = bytes(&peer.tell("protect", request)["record"]);
                let received = ours.unprotect(&record, topic_bytes, |seen| assert_eq!(*seen, options)).unwrap();
                assert_eq!((received.payload.as_slice(), received.number), (payload, None));
                assert_eq!(received.at, Position { epoch: 0, partial_iv: theirs });
                assert_eq!((received.accepted.missing, received.accepted.late), (0, false));
                theirs += 1;
            }
        }
        // As plain as can be: what protection costs.
        let tag = ours.context.parties().aead().tag_len();
        let record = ours.protect(&Outgoing { payload: b"hello", ..Outgoing::default() }, None);
        assert_eq!(record.len(), 3 + 5 + tag);
        let record = bytes(&peer.tell("protect", json!({"payload": hex(b"hello")}))["record"]);
        assert_eq!(record.len(), 3 + 5 + tag);
    });
}

#[test]
fn confirmable_messages_both_ways() {
    everywhere(11_000, |peer, ours| {
        for expected in 0..40_u64 {
            let number = ours.number();
            assert_eq!(number, expected);
            let options = Options { offer: (number % 3 == 0).then_some(A), ..Options::default() };
            let record = ours.protect(&Outgoing { number: Some(number), options, payload: b"sample" }, None);
            let answer = peer.tell("unprotect", json!({"record": hex(&record)}));
            assert_eq!((&answer["number"], bytes(&answer["payload"])), (&json!(number), b"sample".to_vec()));

            // The peer acknowledges with its own confirmable message; the numbers need every length of head.
            let theirs = [0, 23, 24, 255, 256, 65535, 65536, u64::from(u32::MAX), 1 << 32, u64::MAX][number as usize % 10];
            let request = json!({"payload": "00", "number": theirs, "options": {"5": [number, 0]}});
            let record = bytes(&peer.tell("protect", request)["record"]);
            let mut ack = None;
            let received = ours.unprotect(&record, None, |options| ack = options.ack).unwrap();
            assert_eq!(received.number, Some(theirs));
            assert_eq!(ours.context.sent.on_ack(&ack.unwrap()), Ok(true));
        }
        assert_eq!(ours.context.sent.outstanding().count(), 0);
    });
}

#[test]
fn partial_ivs_of_every_length() {
    everywhere(12_000, |peer, ours| {
        let short = ours.context.parties().aead().tag_len() == 8;
        let last = if short { (1_u64 << 20) - 1 } else { (1 << 40) - 1 };
        let mut before = 0;
        for partial_iv in [0, 255, 256, 65535, 65536, (1 << 20) - 1, 1 << 24, (1 << 32) - 1, 1 << 32, last] {
            if partial_iv > last || (partial_iv > 0 && partial_iv <= before) {
                continue;
            }
            let record = bytes(&peer.tell("protect", json!({"payload": "aa", "piv": partial_iv}))["record"]);
            let received = ours.unprotect(&record, None, |_| {}).unwrap();
            assert_eq!(received.at, Position { epoch: 0, partial_iv });
            assert_eq!(received.accepted.missing, (partial_iv - before).saturating_sub(1));
            before = partial_iv;
        }
        // Ours are counted up; the first two steps in length are within reach.
        for partial_iv in 0..300_u64 {
            let record = ours.protect(&Outgoing { payload: b"x", ..Outgoing::default() }, None);
            let answer = peer.tell("unprotect", json!({"record": hex(&record)}));
            assert_eq!((&answer["piv"], &answer["missing"]), (&json!(partial_iv), &json!(0)));
        }
        // The last one serves once.
        let record = bytes(&peer.tell("protect", json!({"payload": "ab", "piv": last}))["record"]);
        assert_eq!(ours.refused(&record, None), Error::Duplicate);
        // An edge of the peer's makes ours jump.
        ours.context.on_resume(Position { epoch: 0, partial_iv: last }, Some(65534)).unwrap();
        for partial_iv in [65535_u64, 65536, 65537] {
            let record = ours.protect(&Outgoing { payload: b"x", ..Outgoing::default() }, None);
            assert_eq!(peer.tell("unprotect", json!({"record": hex(&record)}))["piv"], partial_iv);
        }
    });
}

#[test]
fn loss_reordering_and_repetition_are_told_apart_alike() {
    everywhere(13_000, |peer, ours| {
        let ours_sent: Vec<Vec<u8>> =
            (0..200_u8).map(|at| ours.protect(&Outgoing { payload: &[at], ..Outgoing::default() }, None)).collect();
        let theirs_sent: Vec<Vec<u8>> =
            (0..200_u8).map(|at| bytes(&peer.tell("protect", json!({"payload": hex(&[at])}))["record"])).collect();
        // In, gap, late, twice, far ahead, the edge of the window on both sides, far behind.
        for at in [0_usize, 1, 5, 3, 3, 5, 100, 37, 36, 37, 99, 100, 164, 101, 100, 2, 199, 136, 135, 198] {
            let theirs = peer.attempt("unprotect", json!({"record": hex(&ours_sent[at])}));
            let ours = ours.unprotect(&theirs_sent[at], None, |_| {});
            match (theirs, ours) {
                (Ok(theirs), Ok(ours)) => {
                    assert_eq!(theirs["missing"], ours.accepted.missing, "{at}");
                    assert_eq!(theirs["late"], ours.accepted.late, "{at}");
                    assert_eq!((bytes(&theirs["payload"]), &ours.payload), (vec![at as u8], &vec![at as u8]));
                }
                (Err(theirs), Err(ours)) => assert_eq!(theirs, ours.name(), "{at}"),
                (theirs, ours) => panic!("{at}: {theirs:?}, {ours:?}"),
            }
        }
    });
}

#[test]
fn neither_accepts_a_damaged_record() {
    everywhere(14_000, |peer, ours| {
        for topic in [None, Some("plant/ecg")] {
            let number = ours.number();
            let options = Options { offer: Some(A), ..Options::default() };
            let record = ours.protect(&Outgoing { number: Some(number), options, payload: b"72 bpm" }, topic.map(str::as_bytes));
            for wrong in damaged(&record) {
                peer.refuses("unprotect", json!({"record": hex(&wrong), "topic": topic}));
            }
            for elsewhere in [Some("plant/eeg"), Some("plant/ecg/"), Some(""), if topic.is_none() { Some("x") } else { None }] {
                assert_eq!(peer.refuses("unprotect", json!({"record": hex(&record), "topic": elsewhere})), "decrypt");
            }
            peer.tell("unprotect", json!({"record": hex(&record), "topic": topic}));
            // Back to where it came from.
            ours.refused(&record, topic.map(str::as_bytes));

            let request = json!({"payload": hex(b"72 bpm"), "number": 70, "options": {"3": hex(&A)}, "topic": topic});
            let record = bytes(&peer.tell("protect", request)["record"]);
            for wrong in damaged(&record) {
                ours.refused(&wrong, topic.map(str::as_bytes));
            }
            for elsewhere in [Some("plant/eeg"), Some("plant/ecg/"), Some(""), if topic.is_none() { Some("x") } else { None }] {
                assert_eq!(ours.refused(&record, elsewhere.map(str::as_bytes)), Error::DecryptFailed);
            }
            ours.unprotect(&record, topic.map(str::as_bytes), |_| {}).unwrap();
            peer.refuses("unprotect", json!({"record": hex(&record), "topic": topic}));
        }
    });
}

/// Plaintexts that verify and do not have the form of PROTOCOL §5.2 and §5.3.
#[test]
fn malformed_plaintexts_are_refused_and_used_up() {
    let cases: [(&str, bool, bool, Error); 25] = [
        ("", true, false, Error::Malformed),
        ("20", true, false, Error::Malformed),
        ("1800", true, false, Error::NotDeterministic),
        ("", false, true, Error::Malformed),
        ("a0", false, true, Error::Malformed),
        ("bf0001ff", false, true, Error::Malformed),
        ("a10000", false, true, Error::Malformed),
        ("a10003", false, true, Error::Malformed),
        ("a10140", false, true, Error::Malformed),
        ("a1036161", false, true, Error::Malformed),
        ("a20f f50e f5", false, true, Error::Malformed),
        ("a20f f50f f5", false, true, Error::Malformed),
        ("a10ff4", false, true, Error::Malformed),
        ("a10f01", false, true, Error::Malformed),
        ("a110f5", false, true, Error::UnsupportedOption),
        ("a11818f5", false, true, Error::UnsupportedOption),
        ("a20001 10f5", false, true, Error::UnsupportedOption),
        ("a120f5", false, true, Error::Malformed),
        ("a10a80", false, true, Error::Malformed),
        ("a10a8182 48a1a1a1a1a1a1a1a1 02", false, true, Error::Malformed),
        ("a10d60", false, true, Error::Malformed),
        ("a10d61ff", false, true, Error::Malformed),
        ("a10002 00", false, true, Error::Malformed),
        ("00a10002", true, true, Error::Malformed),
        ("a1051a00000000", false, true, Error::Malformed),
    ];
    everywhere(15_000, |peer, ours| {
        for (piv, (plaintext, confirmable, with_options, refusal)) in cases.iter().enumerate() {
            let plaintext = plaintext.replace(' ', "");
            let request = json!({"plaintext": plaintext, "confirmable": confirmable, "with_options": with_options, "piv": piv});
            let record = bytes(&peer.tell("protect_plaintext", request)["record"]);
            let error = ours.refused(&record, None);
            // Where a head is too long inside a value of the wrong form, either reason is right.
            let alike = [Error::Malformed, Error::NotDeterministic];
            assert!(error == *refusal || (alike.contains(&error) && alike.contains(refusal)), "{plaintext}: {error:?}");
            assert_eq!(ours.refused(&record, None), Error::Duplicate, "{plaintext}");
        }
        // The record before still counts as nothing, the one behind as the next.
        let record = bytes(&peer.tell("protect", json!({"payload": "01"}))["record"]);
        let received = ours.unprotect(&record, None, |_| {}).unwrap();
        assert_eq!((received.at.partial_iv, received.accepted.missing), (cases.len() as u64, 0));
    });
}

/// Both derive the same outputs, for records and for applications.
fn exporters_agree(peer: &mut Peer, ours: &mut Ours) {
    let keys = peer.tell("keys", json!({"epoch": ours.context.epoch()}));
    let prk_out = ours.context.prk_out().clone();
    assert_eq!(bytes(&keys["prk_out"]), prk_out.expose());
    for (label, name) in [(LABEL_MASTER_SECRET, "master_secret"), (LABEL_MASTER_SALT, "master_salt")] {
        let expected = bytes(&keys[name]);
        let mut out = vec![0; expected.len()];
        exporter(&mut ours.party, &prk_out, label, &[], &mut out).unwrap();
        assert_eq!(out, expected, "{name}");
    }
}

fn round_trip(peer: &mut Peer, ours: &mut Ours, epoch: u32) {
    let record = ours.protect(&Outgoing { payload: b"there", ..Outgoing::default() }, None);
    let answer = peer.tell("unprotect", json!({"record": hex(&record)}));
    assert_eq!((&answer["epoch"], bytes(&answer["payload"])), (&json!(epoch), b"there".to_vec()));
    let record = bytes(&peer.tell("protect", json!({"payload": hex(b"back")}))["record"]);
    let received = ours.unprotect(&record, None, |_| {}).unwrap();
    assert_eq!((received.at.epoch, received.payload.as_slice()), (epoch, &b"back"[..]));
}

#[test]
fn key_updates_from_either_end() {
    everywhere(16_000, |peer, ours| {
        for epoch in 1..=6_u32 {
            let old = bytes(&peer.tell("protect", json!({"payload": "0101"}))["record"]);
            let our_old = ours.protect(&Outgoing { payload: b"old", ..Outgoing::default() }, None);
            let (n_a, n_b) = ([epoch as u8; 8], [0x80 | epoch as u8; 8]);
            if epoch % 2 == 1 {
                // We ask.
                ours.context.request_update(n_a).unwrap();
                let request = ours.context.update_option();
                let record = ours.control(Options { update_request: request, ..Options::default() });
                let answer = peer.tell("unprotect", json!({"record": hex(&record)}));
                assert_eq!(answer["options"], json!({"0": 2, "8": [epoch, hex(&n_a)]}));
                peer.tell("key_update", json!({"n_a": hex(&n_a), "n_b": hex(&n_b)}));
                let response = json!({"payload": "", "options": {"0": 2, "9": [epoch, hex(&n_a), hex(&n_b)]}});
                let record = bytes(&peer.tell("protect", response)["record"]);
                let mut response = None;
                let received = ours.unprotect(&record, None, |options| response = options.update_response).unwrap();
                assert_eq!(ours.context.on_update_response(&mut ours.party, received.at, &response.unwrap()), Ok(true));
                assert_eq!((ours.context.updating(), ours.context.sending_epoch()), (Updating::Moved, epoch));
                // The first record under the new keys, and the peer's.
                let record = ours.control(Options { ping: true, ..Options::default() });
                let answer = peer.tell("unprotect", json!({"record": hex(&record)}));
                assert_eq!((&answer["epoch"], &answer["piv"]), (&json!(epoch), &json!(0)));
                peer.tell("send_epoch", json!({"epoch": epoch}));
                peer.tell("drop_epoch", json!({"epoch": epoch - 1}));
            } else {
                // The peer asks.
                let request = json!({"payload": "", "options": {"0": 2, "8": [epoch, hex(&n_a)]}});
                let record = bytes(&peer.tell("protect", request)["record"]);
                let mut request = None;
                let received = ours.unprotect(&record, None, |options| request = options.update_request).unwrap();
                let response = ours.context.on_update_request(&mut ours.party, received.at, &request.unwrap(), n_b).unwrap();
                let record = ours.control(Options { update_response: response, ..Options::default() });
                let answer = peer.tell("unprotect", json!({"record": hex(&record)}));
                assert_eq!(answer["options"], json!({"0": 2, "9": [epoch, hex(&n_a), hex(&n_b)]}));
                assert_eq!(ours.context.sending_epoch(), epoch - 1);
                peer.tell("key_update", json!({"n_a": hex(&n_a), "n_b": hex(&n_b)}));
                peer.tell("send_epoch", json!({"epoch": epoch}));
            }
            let record = bytes(&peer.tell("protect", json!({"payload": "", "options": {"0": 2, "15": true}}))["record"]);
            let received = ours.unprotect(&record, None, |_| {}).unwrap();
            assert!(received.accepted.key_updated);
            assert_eq!((ours.context.epoch(), ours.context.updating()), (epoch, Updating::Idle));
            round_trip(peer, ours, epoch);
            peer.tell("drop_epoch", json!({"epoch": epoch - 1}));
            assert_eq!(ours.refused(&old, None), Error::StaleEpoch);
            assert_eq!(peer.refuses("unprotect", json!({"record": hex(&our_old)})), "stale_epoch");
            exporters_agree(peer, ours);
        }
    });
}

#[test]
fn a_restart_goes_on_above_what_was_stored() {
    everywhere(17_000, |peer, ours| {
        let before: Vec<Vec<u8>> = (0..5).map(|_| bytes(&peer.tell("protect", json!({"payload": "05"}))["record"])).collect();
        for record in &before[..4] {
            ours.unprotect(record, None, |_| {}).unwrap();
        }
        let our_last = ours.protect(&Outgoing { payload: b"x", ..Outgoing::default() }, None);
        let last = peer.tell("unprotect", json!({"record": hex(&our_last)}))["piv"].as_u64().unwrap();

        ours.restart();
        // Accepted before, and under way when it happened: both are Replay.
        assert_eq!(ours.refused(&before[0], None), Error::Replay);
        assert_eq!(ours.refused(&before[4], None), Error::Replay);
        let edge = ours.context.resume_edge().unwrap();
        let record = ours.control(Options { resume: Some(Resume { edge: Some(edge), challenge: B }), ..Options::default() });
        let answer = peer.tell("unprotect", json!({"record": hex(&record)}));
        assert!(answer["piv"].as_u64().unwrap() > last, "no Partial IV twice");
        assert_eq!(answer["missing"], 0, "a resume reports no gap");
        assert_eq!(answer["options"], json!({"0": 2, "6": [edge, hex(&B)]}));
        // The peer goes on above the edge, as PROTOCOL §5.4 has it.
        let request = json!({"payload": "", "options": {"0": 2, "7": hex(&B)}, "piv": edge + 1});
        let record = bytes(&peer.tell("protect", request)["record"]);
        ours.unprotect(&record, None, |options| assert_eq!(options.resumed, Some(B))).unwrap();
        round_trip(peer, ours, 0);

        // And the reverse: the peer lost its windows.
        let under_way = ours.protect(&Outgoing { payload: b"y", ..Outgoing::default() }, None);
        peer.tell("restore_edge", json!({"edge": 5_000}));
        assert_eq!(peer.refuses("unprotect", json!({"record": hex(&under_way)})), "replay");
        let record = bytes(&peer.tell("protect", json!({"payload": "", "options": {"0": 2, "6": [5_000, hex(&A)]}}))["record"]);
        let mut resume = None;
        let received = ours.unprotect(&record, None, |options| resume = options.resume).unwrap();
        ours.context.on_resume(received.at, resume.unwrap().edge).unwrap();
        let record = ours.control(Options { resumed: Some(A), ..Options::default() });
        let answer = peer.tell("unprotect", json!({"record": hex(&record)}));
        assert_eq!((&answer["piv"], &answer["options"]), (&json!(5_001), &json!({"0": 2, "7": hex(&A)})));
    });
}

#[test]
fn sessions_do_not_mix() {
    let Some(mut peer) = Peer::start() else { return };
    for (seed, suite) in (18_000..).step_by(20).zip(SUITES) {
        let mut both: Vec<Ours> = ["a", "b"]
            .iter()
            .map(|name| {
                let mut setting = Setting::new(&mut peer, suite, Named::CcsByKid, seed);
                // The same identifiers and keys; only the ephemeral ones differ.
                setting.party = fresh(&setting, suite, if *name == "a" { 1 } else { 2 });
                let done = initiate(&mut peer, &mut setting, name, IDS.0, IDS.1, false);
                session(&done, setting.party)
            })
            .collect();
        for (from, to) in [(0, "b"), (1, "a")] {
            let record = both[from].protect(&Outgoing { payload: b"x", ..Outgoing::default() }, None);
            assert_eq!(peer.refuses("unprotect", json!({"id": to, "record": hex(&record)})), "decrypt");
            let record = bytes(&peer.tell("protect", json!({"id": to, "payload": "00"}))["record"]);
            assert_eq!(both[from].refused(&record, None), Error::DecryptFailed);
        }
    }
}

/// This end with another random source.
fn fresh(setting: &Setting, suite: Suite, seed: u64) -> Party {
    let mut party = Party::new(seed);
    party.show(suite, &setting.ours, setting.our_credential.clone(), false);
    party.know(&setting.theirs.kid, setting.their_credential.clone());
    party
}
