//! The vectors of the independent implementation under `tests/peer`.

use super::*;
use crate::bytes::Writer;
use crate::cbor::Decoder;
use crate::record::context::{Binding, Direction};
use serde_json::Value;

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn hex(value: &Value, key: &str) -> Vec<u8> {
    unhex(text(value, key))
}

fn eight(value: &Value) -> Nonce {
    unhex(value.as_str().unwrap()).try_into().unwrap()
}

fn thumbprint(set: &Value, key: &str) -> Thumbprint {
    Thumbprint(hex(set, key).try_into().unwrap())
}

/// Both ends of a set, after as many key updates as `epoch` says.
fn ends(set: &Value, epoch: u64) -> (SecurityContext, SecurityContext) {
    let suite = Suite::from_number(set["suite"].as_i64().unwrap()).unwrap();
    let prk_out = Secret::from_slice(&hex(set, "PRK_out")).unwrap();
    let (i, r) = (thumbprint(set, "thumbprint_i"), thumbprint(set, "thumbprint_r"));
    let end = |role, own, peer| {
        let (c_i, c_r) = (ConnectionId::new(&hex(set, "c_i")).unwrap(), ConnectionId::new(&hex(set, "c_r")).unwrap());
        let parties = Parties { suite, role, c_i, c_r, own, peer, sid: [0; 8] };
        let mut context = SecurityContext::new(&mut provider(), parties, &prk_out).unwrap();
        context.make_volatile();
        context
    };
    let (mut i, mut r) = (end(Role::Initiator, i, r), end(Role::Responder, r, i));
    for update in set["key_updates"].as_array().unwrap().iter().take(epoch as usize) {
        i.request_update(eight(&update["n_a"])).unwrap();
        let at = Position { epoch: i.epoch(), partial_iv: 0 };
        let request = i.update_option().unwrap();
        let response = r.on_update_request(&mut provider(), at, &request, eight(&update["n_b"])).unwrap().unwrap();
        assert!(i.on_update_response(&mut provider(), at, &response).unwrap());
        let first = protect(&mut i, &control(Options { ping: true, ..Options::default() }), None).unwrap();
        assert!(receive(&mut r, &first, None).unwrap().0.key_updated);
        let answer = protect(&mut r, &control(Options::default()), None).unwrap();
        assert!(receive(&mut i, &answer, None).unwrap().0.key_updated);
        assert_eq!(u64::from(i.epoch()), update["epoch"].as_u64().unwrap());
        assert_eq!(i.prk_out().expose()[..], hex(update, "PRK_out"));
        assert_eq!(r.prk_out().expose()[..], hex(update, "PRK_out"));
    }
    for context in [i.context_mut(epoch as u32), r.context_mut(epoch as u32)] {
        context.window = ReplayWindow::new();
    }
    (i, r)
}

/// The options as the vectors name them, with `strings` to borrow from.
fn options<'s>(value: &Value, strings: &'s (Vec<u8>, std::string::String)) -> Options<'s> {
    let mut options = Options::default();
    for (key, value) in value.as_object().unwrap() {
        match key.as_str() {
            "0" => options.kind = if value == 1 { Kind::Command } else { Kind::Control },
            "1" => options.topic = Some(&strings.0),
            "2" => options.origin = Some(Origin { sid: eight(&value[0]), number: value[1].as_u64().unwrap() }),
            "3" => options.offer = Some(eight(value)),
            "4" => options.answer = Some(eight(value)),
            "5" => options.ack = Some(Ack { top: value[0].as_u64().unwrap(), missing: value[1].as_u64().unwrap() }),
            "6" => options.resume = Some(Resume { edge: value[0].as_u64(), challenge: eight(&value[1]) }),
            "7" => options.resumed = Some(eight(value)),
            "8" => options.update_request = Some(UpdateRequest { epoch: value[0].as_u64().unwrap() as u32, n_a: eight(&value[1]) }),
            "9" => {
                let epoch = value[0].as_u64().unwrap() as u32;
                options.update_response = Some(UpdateResponse { epoch, n_a: eight(&value[1]), n_b: eight(&value[2]) });
            }
            "10" => {
                for entry in value.as_array().unwrap() {
                    let relation = if entry[1] == 1 { Relation::Succeeded } else { Relation::Concurrent };
                    options.handover.push(eight(&entry[0]), relation).unwrap();
                }
            }
            "11" => options.retain = value == true,
            "12" => options.expiry = value.as_u64(),
            "13" => options.content_type = Some(&strings.1),
            "14" => options.offer_request = value == true,
            "15" => options.ping = value == true,
            other => panic!("option {other}"),
        }
    }
    options
}

fn check_record(set: &Value, record: &Value) {
    let name = text(record, "name");
    let (epoch, partial_iv) = (record["epoch"].as_u64().unwrap(), record["piv"].as_u64().unwrap());
    let (i, r) = ends(set, epoch);
    let (mut from, mut to) = if text(record, "sender") == "I" { (i, r) } else { (r, i) };
    let strings =
        (record["options"]["1"].as_str().map(unhex).unwrap_or_default(), record["options"]["13"].as_str().unwrap_or_default().into());
    let options = options(&record["options"], &strings);
    let number = record["number"].as_u64();
    let payload = hex(record, "payload");
    let topic = record["topic"].as_str().map(str::as_bytes);
    let (header, frame) = (hex(record, "header"), hex(record, "record"));

    if let Some(bytes) = record["options_cbor"].as_str().map(unhex) {
        assert_eq!(Options::parse(&mut Decoder::new(&bytes)), Ok(options), "{name}");
    }
    let aead = from.parties().aead();
    let nonce = from.keys_of(&mut provider(), epoch as u32).nonce(aead, from.parties().sender_id().as_bytes(), partial_iv);
    assert_eq!(nonce[..aead.nonce_len()], hex(record, "nonce"), "{name}");
    for (end, direction) in [(&from, Direction::Sent), (&to, Direction::Received)] {
        let mut buffer = [0; 400];
        let mut aad = Writer::new(&mut buffer);
        Binding { parties: end.parties(), epoch: epoch as u32, topic }.write_aad(direction, &header, &mut aad).unwrap();
        assert_eq!(aad.written(), hex(record, "aad"), "{name}");
    }

    from.context_mut(epoch as u32).next = partial_iv;
    if let Some(number) = number {
        from.sent = SentNumbers::restored(number, number + 1, 0).unwrap();
    }
    assert_eq!(protect(&mut from, &Outgoing { number, options, payload: &payload }, topic).as_ref(), Ok(&frame), "{name}");

    let mut received = frame.clone();
    let parsed = Header::parse(&received, to.parties().recipient_id().as_bytes().len()).unwrap();
    assert_eq!(parsed.size(), header.len(), "{name}");
    let opened = to.unprotect(&mut provider(), &parsed, topic, &mut received).unwrap();
    assert_eq!(opened.at, Position { epoch: epoch as u32, partial_iv });
    assert_eq!(to.accept(opened.at).unwrap().missing, partial_iv, "{name}");
    assert_eq!(opened.content(), Ok(Content { number, options, payload: &payload }), "{name}");
    assert_eq!(receive(&mut to, &frame, topic).unwrap_err(), Error::Duplicate, "{name}");
}

fn sets() -> Vec<Value> {
    let document: Value = serde_json::from_str(include_str!("../../../../tests/vectors/peer_records.json")).unwrap();
    let sets = document["sets"].as_array().unwrap();
    assert!(sets.len() >= 4);
    // A build with one suite checks that suite.
    let sets: Vec<_> = sets.iter().filter(|set| Suite::from_number(set["suite"].as_i64().unwrap()).is_some()).cloned().collect();
    assert!(!sets.is_empty());
    sets
}

#[test]
fn keys_are_those_of_the_second_implementation() {
    for set in sets() {
        let keys = set["keys"].as_array().unwrap();
        assert!(keys.len() >= 2);
        for key in keys {
            let epoch = key["epoch"].as_u64().unwrap();
            let (i, r) = ends(&set, epoch);
            let aead = i.parties().aead();
            assert_eq!(aead.number(), set["alg"].as_i64().unwrap());
            let (of_i, of_r, iv) = (hex(key, "sender_key_of_i"), hex(key, "sender_key_of_r"), hex(key, "common_iv"));
            assert_eq!(i.keys_of(&mut provider(), epoch as u32).parts(aead), (&of_i[..], &of_r[..], &iv[..]));
            assert_eq!(r.keys_of(&mut provider(), epoch as u32).parts(aead), (&of_r[..], &of_i[..], &iv[..]));
        }
    }
}

#[test]
fn records_are_those_of_the_second_implementation() {
    for set in sets() {
        let records = set["records"].as_array().unwrap();
        assert!(records.len() >= 20);
        assert!(records.iter().any(|record| record["epoch"] == 1));
        for record in records {
            check_record(&set, record);
        }
    }
}

#[test]
fn what_the_second_implementation_made_invalid_is_refused() {
    for set in sets() {
        let invalid = set["invalid"].as_array().unwrap();
        assert!(invalid.len() >= 20);
        for case in invalid {
            let (_, mut r) = ends(&set, 0);
            let topic = case["topic"].as_str().map(str::as_bytes);
            let error = receive(&mut r, &hex(case, "record"), topic).unwrap_err();
            let reason = match error {
                Error::Malformed | Error::NotDeterministic => "malformed",
                Error::UnsupportedOption => "unsupported_option",
                Error::DecryptFailed => "decrypt",
                Error::UnknownContext => "unknown_context",
                other => panic!("{other:?}: {case}"),
            };
            assert_eq!(reason, text(case, "reason"), "{case}");
            assert_eq!(r.failures(), u32::from(reason == "decrypt"), "{case}");
        }
    }
}
