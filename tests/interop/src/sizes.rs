//! What a handshake costs on the wire: the lengths that RFC 9528 and docs/PROTOCOL.md state, to the byte.

use crate::edhoc::{Items, finish, message_1, message_2, message_3, message_4};
use crate::party::{Pair, Party};
use crate::peer::bytes;
use sealwire_core::crypto::software::KeyKind;
use sealwire_core::crypto::{AuthenticationKey, Suite};
use sealwire_core::edhoc::{ConnectionId, Method};
use sealwire_core::endpoint::{Config, Endpoint, Event, HeapTables, InboxName, Route};
use serde_json::Value;

const INITIATOR: &str = "wearable-7";
const RESPONDER: &str = "hub";

/// Two ends that know each other's CCS by a kid of one byte, with keys for every method.
fn ends(suite: Suite, name: &str) -> (Party, Party) {
    let (mut i, mut r) = (Party::new(1), Party::new(2));
    for (seed, authentication) in [(10, AuthenticationKey::StaticDh), (20, AuthenticationKey::Signature)] {
        let of_i = Pair::authenticating(suite, authentication, &[0x2b], seed);
        let of_r = Pair::authenticating(suite, authentication, &[0x0a], seed + 1);
        i.show(suite, &of_i, of_i.ccs(name), false);
        r.show(suite, &of_r, of_r.ccs(RESPONDER), false);
        i.know(&of_r.kid, of_r.ccs(RESPONDER));
        r.know(&of_i.kid, of_i.ccs(name));
    }
    (i, r)
}

/// Lengths of message_1 to message_4 with identifiers of one byte.
fn lengths(method: Method, suite: Suite, (mut i, mut r): (Party, Party)) -> [usize; 4] {
    let id = |byte| ConnectionId::new(&[byte]).unwrap();
    let nothing = Items::new();
    let (first, i_2) = message_1(&mut i, method, suite, id(0x0e), &nothing);
    let (second, r_3, _) = message_2(&mut r, suite, id(0x27), &first, &nothing).unwrap();
    let (third, i_4, _) = message_3(&mut i, &i_2, &second, &nothing).unwrap();
    let (fourth, done, _) = message_4(&mut r, &r_3, &third, None, &nothing).unwrap();
    assert_eq!(finish(&mut i, &i_4, &fourth).unwrap().0.th_4, done.th_4);
    [first.len(), second.len(), third.len(), fourth.len()]
}

/// Every suite against the table of PROTOCOL §4.5: a column for tags and MACs of 8 bytes, one for those of 16.
fn hold(method: Method, columns: [[usize; 4]; 2], ends: impl Fn(Suite) -> (Party, Party)) {
    for &suite in Suite::ALL {
        let column = usize::from(matches!(suite, Suite::X25519ChaCha | Suite::P256Ccm16));
        assert_eq!(lengths(method, suite, ends(suite)), columns[column], "{method:?}, {suite:?}");
    }
}

fn without_message_4(lengths: [usize; 4]) -> usize {
    lengths[..3].iter().sum()
}

/// By kid. RFC 9528 §1.2 has 101 and 216 bytes for method 3 and method 0 without message_4, in suites of 8 bytes.
#[test]
fn messages_by_kid() {
    let ends_of = |suite| ends(suite, INITIATOR);
    hold(Method::DhDh, [[37, 45, 19, 9], [37, 53, 36, 17]], ends_of);
    hold(Method::DhSign, [[37, 102, 19, 9], [37, 102, 36, 17]], ends_of);
    hold(Method::SignDh, [[37, 45, 77, 9], [37, 53, 85, 17]], ends_of);
    hold(Method::SignSign, [[37, 102, 77, 9], [37, 102, 85, 17]], ends_of);
    let total = |method, suite| without_message_4(lengths(method, suite, ends_of(suite)));
    assert_eq!(total(Method::DhDh, Suite::P256Ccm), 101);
    assert_eq!(total(Method::DhDh, Suite::X25519ChaCha), 126);
    assert_eq!(total(Method::SignSign, Suite::P256Ccm), 216);
}

/// By x5t with 8 bytes of hash: 128 and 242 bytes. The certificates are those of the independent vectors.
#[test]
fn messages_by_x5t() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/peer_edhoc.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let ends_of = |suite: Suite, authentication: AuthenticationKey| {
        let kind = Pair::authenticating(suite, authentication, &[], 0).kind;
        let key = match kind {
            KeyKind::X25519 => "X25519",
            KeyKind::P256 => "P-256",
            KeyKind::Ed25519 => "Ed25519",
            KeyKind::Es256 => "ES256",
        };
        let party = |name: &str| {
            let party = &file["parties"][format!("{name}-{key}-x509")];
            (Pair::of_private(kind, bytes(&party["private"]).try_into().unwrap()), bytes(&party["cred"]))
        };
        let ((of_i, cred_i), (of_r, cred_r)) = (party(INITIATOR), party(RESPONDER));
        let (mut i, mut r) = (Party::new(1), Party::new(2));
        i.show(suite, &of_i, cred_i.clone(), false);
        r.show(suite, &of_r, cred_r.clone(), false);
        i.know(&[], cred_r);
        r.know(&[], cred_i);
        (i, r)
    };
    let agreeing = |suite| ends_of(suite, AuthenticationKey::StaticDh);
    let signing = |suite| ends_of(suite, AuthenticationKey::Signature);
    hold(Method::DhDh, [[37, 58, 33, 9], [37, 66, 49, 17]], agreeing);
    hold(Method::SignSign, [[37, 115, 90, 9], [37, 115, 98, 17]], signing);
    assert_eq!(without_message_4(lengths(Method::DhDh, Suite::P256Ccm, agreeing(Suite::P256Ccm))), 128);
    assert_eq!(without_message_4(lengths(Method::SignSign, Suite::P256Ccm, signing(Suite::P256Ccm))), 242);
}

/// The payloads of the four PUBLISH packets of a handshake between two endpoints.
fn over_mqtt(method: Method, suite: Suite, inbox: &str, reply: Option<&str>) -> [usize; 4] {
    let (mut i, mut r) = ends(suite, inbox);
    let name = |text: &str| InboxName::new(text.as_bytes()).unwrap();
    let endpoint = |own: &str, reply: Option<&str>| {
        let mut config = Config::default();
        (config.mqtt, config.inbox, config.reply_inbox) = (true, Some(name(own)), reply.map(name));
        (config.method, config.suites) = (method, [Some(suite), None, None, None]);
        Endpoint::new(HeapTables::new(2, 2), config).unwrap()
    };
    let (mut initiator, mut responder) = (endpoint(inbox, None), endpoint(RESPONDER, reply));
    initiator.connect(&mut i, 0, Route::new(RESPONDER.as_bytes()).unwrap(), None).unwrap();
    let mut lengths = [0; 4];
    for (at, length) in lengths.iter_mut().enumerate() {
        let mut out = [0; 512];
        let to_responder = at % 2 == 0;
        let sent = match to_responder {
            true => initiator.poll_transmit(&mut i, 0, &mut out),
            false => responder.poll_transmit(&mut r, 0, &mut out),
        };
        *length = sent.unwrap().unwrap().len;
        let frame = &mut out[..*length];
        assert_eq!(frame[0] as usize, at + 1, "message_{}", at + 1);
        match to_responder {
            true => responder.handle_frame(&mut r, 0, Route::default(), None, frame).unwrap(),
            false => initiator.handle_frame(&mut i, 0, Route::default(), None, frame).unwrap(),
        };
    }
    assert!(std::iter::from_fn(|| initiator.poll_event()).any(|event| matches!(event, Event::Established { .. })));
    lengths
}

/// The complete handshake over MQTT in method 3: at most 170 bytes, whatever the Initiator's inbox is called.
#[test]
fn payloads_over_mqtt() {
    let total = |method, suite, inbox, reply| over_mqtt(method, suite, inbox, reply).iter().sum::<usize>();
    assert_eq!(over_mqtt(Method::DhDh, Suite::P256Ccm, INITIATOR, None), [52, 47, 21, 11]);
    assert_eq!(over_mqtt(Method::DhDh, Suite::X25519ChaCha, INITIATOR, None), [52, 55, 38, 19]);
    assert_eq!(total(Method::DhDh, Suite::P256Ccm, INITIATOR, None), 131);
    assert_eq!(total(Method::DhDh, Suite::X25519ChaCha, INITIATOR, None), 164);
    // The longest name.
    assert_eq!(total(Method::DhDh, Suite::P256Ccm, "sixteen-letters-", None), 137);
    assert_eq!(total(Method::DhDh, Suite::X25519ChaCha, "sixteen-letters-", None), 170);
    // A Responder that names another inbox for what follows.
    assert_eq!(total(Method::DhDh, Suite::P256Ccm, INITIATOR, Some("hub-w3")), 141);
    assert_eq!(total(Method::DhDh, Suite::X25519ChaCha, INITIATOR, Some("hub-w3")), 174);
    // With signatures.
    assert_eq!(total(Method::SignSign, Suite::P256Ccm, INITIATOR, None), 246);
    assert_eq!(total(Method::SignSign, Suite::X25519ChaCha, INITIATOR, None), 262);
}
