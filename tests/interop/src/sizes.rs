//! What a handshake costs on the wire: the lengths that RFC 9528 and docs/PROTOCOL.md state, to the byte.

use crate::edhoc::{Items, finish, message_1, message_2, message_3, message_4};
use crate::party::{Pair, Party};
use sealwire_core::crypto::{AuthenticationKey, Suite};
use sealwire_core::edhoc::{ConnectionId, Method};
use sealwire_core::endpoint::{Config, Endpoint, Event, HeapTables, InboxName, Route};

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

/// By kid: 101 and 216 bytes without message_4 are RFC 9528's (table 1 of its §1.2); tags and MACs of 16 bytes cost the difference.
#[test]
fn messages_by_kid() {
    for (method, suite, expected) in [
        (Method::DhDh, Suite::P256Ccm, [37, 45, 19, 9]),
        (Method::DhDh, Suite::X25519Ccm, [37, 45, 19, 9]),
        (Method::DhDh, Suite::P256Ccm16, [37, 53, 36, 17]),
        (Method::DhDh, Suite::X25519ChaCha, [37, 53, 36, 17]),
        (Method::SignSign, Suite::P256Ccm, [37, 102, 77, 9]),
        (Method::SignSign, Suite::X25519Ccm, [37, 102, 77, 9]),
        (Method::SignSign, Suite::P256Ccm16, [37, 102, 85, 17]),
        (Method::SignSign, Suite::X25519ChaCha, [37, 102, 85, 17]),
        (Method::SignDh, Suite::P256Ccm, [37, 45, 77, 9]),
        (Method::DhSign, Suite::P256Ccm, [37, 102, 19, 9]),
        (Method::SignDh, Suite::X25519ChaCha, [37, 53, 85, 17]),
        (Method::DhSign, Suite::X25519ChaCha, [37, 102, 36, 17]),
    ] {
        assert_eq!(lengths(method, suite, ends(suite, INITIATOR)), expected, "{method:?}, {suite:?}");
    }
    let without_message_4 = |method, suite| lengths(method, suite, ends(suite, INITIATOR))[..3].iter().sum::<usize>();
    assert_eq!(without_message_4(Method::DhDh, Suite::P256Ccm), 101);
    assert_eq!(without_message_4(Method::DhDh, Suite::X25519ChaCha), 126);
    assert_eq!(without_message_4(Method::SignSign, Suite::P256Ccm), 216);
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
