//! What the second implementation (`tests/peer`) computed, byte for byte: the worked example of docs/PROTOCOL.md §9 is the first of its sets. Also in builds
//! without a Responder, where this is the peer.

use super::*;
use crate::bytes::Secret;
use crate::crypto::software::{KeyKind, SoftwareKeys};
use crate::crypto::{Curve, Signature};
use crate::edhoc::{ConnectionId, exporter};
use crate::record::{Ack, SentNumbers};
use serde_json::Value;
use std::collections::VecDeque;
use std::format;
use std::string::String;

/// Real algorithms, random numbers by script, a store in memory.
struct Scripted {
    keys: SoftwareKeys<1>,
    script: VecDeque<u8>,
    stored: Vec<u8>,
}

impl Provider for Scripted {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        for byte in out {
            *byte = self.script.pop_front().ok_or(Error::RandomFailed)?;
        }
        Ok(())
    }

    fn agree(&mut self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        self.keys.agree(key, curve, peer, shared)
    }

    fn sign(&mut self, _: KeyHandle, _: Signature, _: &[&[u8]], _: &mut [u8; 64]) -> Result<()> {
        Err(Error::UnknownKey)
    }
}

impl Store for Scripted {
    fn load(&mut self, _: u32, out: &mut [u8]) -> Result<usize> {
        out[..self.stored.len()].copy_from_slice(&self.stored);
        Ok(self.stored.len())
    }

    fn save(&mut self, slot: u32, data: &[u8]) -> Result<()> {
        assert!(slot == 0 && data.len() <= 164);
        self.stored = data.to_vec();
        Ok(())
    }

    fn resists_rollback(&self) -> bool {
        true
    }

    fn slots(&self) -> u32 {
        1
    }
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
}

fn hex(value: &Value, name: &str) -> Vec<u8> {
    unhex(text(value, name))
}

fn vectors(name: &str) -> Value {
    let path = format!("{}/../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A handshake of the file: what the device needs of it.
struct Trace {
    own: Value,
    peer: Value,
    c_i: u8,
    ephemeral: Vec<u8>,
    messages: [Vec<u8>; 4],
    th_4: Vec<u8>,
    prk_out: Vec<u8>,
    /// Of label 32768 and 32 bytes.
    exported: Option<Vec<u8>>,
}

/// Every handshake of method 3, suite 4, in which both credentials go by kid.
fn traces() -> Vec<Trace> {
    let file = vectors("peer_edhoc.json");
    let mut traces = Vec::new();
    for found in file["handshakes"].as_array().unwrap() {
        if text(found, "name") == "suite-4-kid" {
            let values = &found["values"];
            traces.push(Trace {
                own: found["initiator"].clone(),
                peer: found["responder"].clone(),
                c_i: hex(found, "c_i")[0],
                ephemeral: hex(found, "x"),
                messages: ["message_1", "message_2", "message_3", "message_4"].map(|name| hex(&found["frames"], name)),
                th_4: hex(values, "TH_4"),
                prk_out: hex(values, "PRK_out"),
                exported: Some(hex(&found["exporter"][0], "output")),
            });
        }
    }
    for found in file["matrix"].as_array().unwrap() {
        if text(found, "name") == "method-3-suite-4-kid" {
            let (c_i, c_r) = (hex(found, "c_i"), hex(found, "c_r"));
            // The file has EDHOC's messages, without frame type and identifier.
            let frame = |kind: u8, to: &[u8], name: &str| [&[kind][..], to, &hex(found, name)].concat();
            traces.push(Trace {
                own: file["parties"][text(found, "initiator")].clone(),
                peer: file["parties"][text(found, "responder")].clone(),
                c_i: c_i[0],
                ephemeral: hex(found, "x"),
                messages: [
                    frame(1, &[], "message_1"),
                    frame(2, &c_i, "message_2"),
                    frame(3, &c_r, "message_3"),
                    frame(4, &c_i, "message_4"),
                ],
                th_4: hex(found, "TH_4"),
                prk_out: hex(found, "PRK_out"),
                exported: None,
            });
        }
    }
    assert_eq!(traces.len(), 2);
    traces
}

fn device(own: &Value, peer: &Value) -> (Device<'static>, Scripted) {
    let mut keys = SoftwareKeys::new();
    let private: [u8; 32] = hex(own, "private").try_into().unwrap();
    keys.insert(KeyHandle(1), KeyKind::X25519, Secret::from(private)).unwrap();
    let mut port = Scripted { keys, script: VecDeque::new(), stored: Vec::new() };
    let config = Config::new(hex(own, "cred").leak(), KeyHandle(1), hex(peer, "cred").leak());
    let device = Device::new(&mut port, config).unwrap();
    let [mine, theirs] = device.session.thumbprints();
    assert_eq!((mine.0.to_vec(), theirs.0.to_vec()), (hex(own, "thumbprint"), hex(peer, "thumbprint")));
    (device, port)
}

fn next(device: &mut Device<'_>, port: &mut Scripted) -> Vec<u8> {
    let mut frame = [0; MAX_FRAME];
    let length = device.poll_transmit(port, 0, &mut frame).unwrap();
    frame[..length].to_vec()
}

/// With its first frames.
fn connected(trace: &Trace) -> (Device<'static>, Scripted) {
    let (mut device, mut port) = device(&trace.own, &trace.peer);
    // C_I is drawn first: 0 to 23, then those from 0x20.
    port.script.push_back(if trace.c_i < 24 { trace.c_i } else { trace.c_i - 8 });
    port.script.extend(&trace.ephemeral);
    device.connect(&mut port, 0).unwrap();
    assert!(port.script.is_empty());
    let [message_1, message_2, message_3, message_4] = &trace.messages;
    assert_eq!(next(&mut device, &mut port), *message_1);
    assert_eq!(device.handle_frame(&mut port, 0, &mut message_2.clone()), Ok(None));
    assert_eq!(next(&mut device, &mut port), *message_3);
    assert_eq!(device.handle_frame(&mut port, 0, &mut message_4.clone()), Ok(None));
    assert_eq!(device.poll_event(), Some(established(false, None)));
    (device, port)
}

#[test]
fn handshakes() {
    for trace in traces() {
        let (device, mut port) = connected(&trace);
        assert_eq!(device.sid().unwrap(), trace.th_4[..8]);
        assert_eq!(device.session.context.prk_out.expose()[..], trace.prk_out);
        let mut secret = [0; 32];
        exporter(&mut port, &device.session.context.prk_out, 32_768, b"", &mut secret).unwrap();
        assert!(trace.exported.is_none_or(|exported| exported == secret));
    }
}

/// The record of the worked example, as the first of the session.
#[test]
fn the_first_record() {
    let set = set();
    let (mut device, mut port) = connected(&traces()[0]);
    let mut frame = [0; 128];
    let first = &set["records"][0];
    let payload = hex(first, "payload");
    let sent = device.send(&mut port, 0, &Outgoing { payload: &payload, ..Outgoing::default() }, &mut frame).unwrap();
    assert_eq!(frame[..sent.length], hex(first, "record"));
    // A restart from what is stored goes on with the same keys, 64 Partial IVs later.
    let stored = port.stored.clone();
    let (mut device, mut port) = self::device(&traces()[0].own, &traces()[0].peer);
    port.stored = stored;
    port.script.extend([7; 8]);
    assert_eq!(device.restore(&mut port, 0), Ok(true));
    assert_eq!((device.session.context.next, next(&mut device, &mut port)[..3].to_vec()), (64, std::vec![0x48, 0x27, 64]));
}

/// The records of suite 4 with identifiers of one byte.
fn set() -> Value {
    let file = vectors("peer_records.json");
    file["sets"].as_array().unwrap().iter().find(|set| set["name"] == "suite-4-kid").unwrap().clone()
}

/// A device with the session of the set; as `peer` it stands at the hub's end of it, which differs in nothing but the names.
fn receiver(set: &Value, peer: bool) -> (Device<'static>, Scripted) {
    let (mut device, mut port) = device(&traces()[0].own, &traces()[0].peer);
    let parties = &mut device.session.parties;
    let (c_i, c_r) = (ConnectionId::new(&hex(set, "c_i")).unwrap(), ConnectionId::new(&hex(set, "c_r")).unwrap());
    (parties.c_i, parties.c_r) = if peer { (c_r, c_i) } else { (c_i, c_r) };
    if peer {
        core::mem::swap(&mut parties.own, &mut parties.peer);
    }
    let prk_out: [u8; 32] = hex(set, "PRK_out").try_into().unwrap();
    device.session.context.begin(&prk_out);
    device.session.derive(&mut port).unwrap();
    (device, port)
}

#[test]
fn records_received() {
    let set = set();
    let mut kinds = [0; 5];
    for record in set["records"].as_array().unwrap().iter().filter(|record| record["epoch"] == 0) {
        let (mut device, mut port) = receiver(&set, record["sender"] == "I");
        // Something for an acknowledgement to be about.
        device.session.sent = SentNumbers::restored(0, 64, 0).unwrap();
        let mut frame = hex(record, "record");
        let options = &record["options"];
        let result = device.handle_frame(&mut port, 0, &mut frame);
        let kind = match &result {
            _ if record["topic"].is_string() => {
                assert_eq!(result, Err(Error::DecryptFailed), "{record}");
                0
            }
            // Only Initiators send it.
            _ if options["10"].is_array() => {
                assert_eq!(result, Err(Error::UnsupportedOption), "{record}");
                1
            }
            _ if options["0"] == 1 => {
                assert_eq!(result, Err(Error::Stale), "{record}");
                2
            }
            _ if options["0"] == 2 => {
                assert_eq!(result, Ok(None), "{record}");
                3
            }
            found => {
                let message = found.unwrap().unwrap();
                assert_eq!(message.payload, hex(record, "payload"));
                assert_eq!(message.number, record["number"].as_u64());
                assert_eq!(message.topic.map(<[u8]>::to_vec), options["1"].as_str().map(unhex));
                let origin = options["2"].as_array().map(|origin| Origin {
                    sid: unhex(origin[0].as_str().unwrap()).try_into().unwrap(),
                    number: origin[1].as_u64().unwrap(),
                });
                assert_eq!(message.origin, origin);
                assert_eq!(message.missing, record["piv"].as_u64().unwrap());
                4
            }
        };
        kinds[kind] += 1;
        if kind > 0 {
            assert_eq!(device.session.wants & want::PONG != 0, options["15"] == true || options["6"].is_array(), "{record}");
            let expected = options["5"].as_array().map(|ack| Ack { top: ack[0].as_u64().unwrap(), missing: ack[1].as_u64().unwrap() });
            assert_eq!(device.session.acked, expected.unwrap_or_default(), "{record}");
            assert!(!device.is_connecting());
            assert_eq!(device.handle_frame(&mut port, 0, &mut hex(record, "record")), Err(Error::Duplicate));
        }
    }
    assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
}

#[test]
fn records_sent() {
    let set = set();
    let mut count = 0;
    for record in set["records"].as_array().unwrap().iter().filter(|record| record["epoch"] == 0 && record["topic"].is_null()) {
        let names: Vec<&String> = record["options"].as_object().unwrap().keys().collect();
        // Those that an application sends.
        if !names.iter().all(|name| matches!(name.as_str(), "1" | "2")) {
            continue;
        }
        let (mut device, mut port) = receiver(&set, record["sender"] == "R");
        let number = record["number"].as_u64();
        device.session.context.next = record["piv"].as_u64().unwrap();
        device.session.context.reserved = u64::MAX;
        device.session.sent = SentNumbers::restored(number.unwrap_or_default(), number.unwrap_or_default() + 1, 0).unwrap();
        let (topic, payload) = (record["options"]["1"].as_str().map(unhex), hex(record, "payload"));
        let origin = record["options"]["2"]
            .as_array()
            .map(|origin| Origin { sid: unhex(origin[0].as_str().unwrap()).try_into().unwrap(), number: origin[1].as_u64().unwrap() });
        let message = Outgoing { confirmable: number.is_some(), number, origin, topic: topic.as_deref(), payload: &payload };
        let mut frame = [0; 256];
        let sent = device.send(&mut port, 0, &message, &mut frame).unwrap();
        assert_eq!(frame[..sent.length], hex(record, "record"), "{record}");
        count += 1;
    }
    assert!(count >= 8, "{count}");
}

#[test]
fn records_that_are_invalid() {
    let set = set();
    let invalid = set["invalid"].as_array().unwrap();
    assert!(invalid.len() >= 30);
    for case in invalid.iter().filter(|case| case["topic"].is_null()) {
        let (mut device, mut port) = receiver(&set, true);
        let error = device.handle_frame(&mut port, 0, &mut hex(case, "record")).unwrap_err();
        let reason = match error {
            Error::Malformed | Error::NotDeterministic => "malformed",
            Error::UnsupportedOption => "unsupported_option",
            Error::DecryptFailed => "decrypt",
            Error::UnknownContext => "unknown_context",
            other => panic!("{other:?}: {case}"),
        };
        // Of a handover nothing is read.
        let expected = if case["name"] == "handover of nothing" { "unsupported_option" } else { text(case, "reason") };
        assert_eq!(reason, expected, "{case}");
        assert_eq!(device.session.context.failures, u32::from(reason == "decrypt"), "{case}");
        assert_eq!((device.poll_event(), device.session.received.next()), (None, 0));
    }
}

/// A credential of each form is taken, or refused by name.
#[test]
fn credentials() {
    let trace = &traces()[0];
    let with = |front: &[u8], kid: &[u8]| [front, &[8, 0xa1, 1, 0xa4, 1, 1, 2], kid, &[0x20, 4, 0x21, 0x58, 0x20], &[9; 32]].concat();
    let subject = [&[0xa2, 2, 0x78, 30][..], &[b'x'; 30]].concat();
    let cases: [(Vec<u8>, Option<Error>); 12] = [
        (with(&[0xa1], &[0x41, 7]), None),
        (with(&[0xa2, 2, 0x60], &[0x41, 0x30]), None),
        (with(&subject, &[&[0x50][..], &[7; 16]].concat()), None),
        (with(&[0xa1], &[0x40]), Some(Error::UnsupportedCredential)),
        (with(&[0xa1], &[&[0x51][..], &[7; 17]].concat()), Some(Error::UnsupportedCredential)),
        (with(&[0xa1], &[0x58, 1, 7]), Some(Error::NotDeterministic)),
        (with(&[0xa1], &[0x61, 7]), Some(Error::UnsupportedCredential)),
        (with(&[0xa2, 2, 0x78, 5, b'x', b'x', b'x', b'x', b'x'], &[0x41, 7]), Some(Error::NotDeterministic)),
        (with(&[0xa3, 1, 0x60, 2, 0x60], &[0x41, 7]), Some(Error::UnsupportedCredential)),
        ([&with(&[0xa1], &[0x41, 7])[..], &[0]].concat(), Some(Error::Malformed)),
        (hex(&trace.own, "cred"), Some(Error::OwnIdentity)),
        (std::vec![0xa0], Some(Error::UnsupportedCredential)),
    ];
    let own = hex(&trace.own, "cred");
    let (_, mut port) = device(&trace.own, &trace.peer);
    for (peer, expected) in cases {
        assert_eq!(Device::new(&mut port, Config::new(&own, KeyHandle(1), &peer)).err(), expected, "{peer:02x?}");
    }
}
