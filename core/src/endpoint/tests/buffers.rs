//! How much buffer a handshake needs, by method, by the way in which credentials are named, and with keys that answer late.

use super::*;
use crate::crypto::software::KeyKind;
use crate::crypto::{AuthenticationKey, Suite};
use crate::edhoc::{Method, Methods};

/// Whether a handshake completes at both ends with buffers of this size and credentials of this length; 0: of a short name.
fn completes(length: usize, method: Method, suite: Suite, by_value: bool, late: bool, size: usize) -> bool {
    let kind = |sort| match sort {
        AuthenticationKey::StaticDh => KeyKind::for_agreement(suite.curve()),
        AuthenticationKey::Signature => KeyKind::for_signature(suite.signature()),
    };
    let of = |kind, kid| {
        let short = Identity::of(kind, kid, "dev-1", false);
        // From 24 bytes on, the head of a text takes two.
        let padding = length.saturating_sub(short.credential.len());
        let padded = |padding| Identity::of(kind, kid, &std::format!("dev-1{}", "x".repeat(padding)), false);
        if padding < 19 { padded(padding) } else { padded(padding - 1) }
    };
    let (a, b) = (of(kind(method.initiator()), 1), of(kind(method.responder()), 2));
    assert!([&a, &b].iter().all(|identity| length == 0 || identity.credential.len() == length));
    let (mut sessions_a, mut sessions_b): ([Session; 1], [Session; 1]) = Default::default();
    let (mut handshake_a, mut handshake_b): ([Handshake; 1], [Handshake; 1]) = Default::default();
    let (mut buffer_a, mut buffer_b) = (std::vec![0; size], std::vec![0; size]);
    let config = Config { method, suites: [Some(suite), None, None, None], ..Config::default() };
    let port = |own: &Identity, peer: &Identity, seed| {
        let mut port = TestPort::new(own, &[peer], false, seed);
        port.suites = std::vec![suite];
        port.by_value = by_value;
        port
    };
    let mut ends = [
        (Endpoint::new(SliceTables::new(&mut sessions_a, &mut handshake_a, &mut buffer_a).unwrap(), config).unwrap(), port(&a, &b, 1)),
        (Endpoint::new(SliceTables::new(&mut sessions_b, &mut handshake_b, &mut buffer_b).unwrap(), config).unwrap(), port(&b, &a, 2)),
    ];
    let (endpoint, port) = &mut ends[0];
    endpoint.connect(port, 0, Route::default(), None).unwrap();
    let mut frame = [0; 2048];
    for step in 0..12 {
        let (endpoint, port) = &mut ends[step % 2];
        let Some(transmit) = endpoint.poll_transmit(port, 0, &mut frame).unwrap() else { continue };
        let (endpoint, port) = &mut ends[1 - step % 2];
        port.pending = late;
        let outcome = endpoint.handle_frame(port, 0, Route::default(), None, &mut frame[..transmit.len]).map(drop);
        port.pending = false;
        let outcome = if outcome == Err(Error::Pending) { endpoint.resume_pending(port, 0) } else { outcome };
        match outcome {
            Err(Error::BufferTooSmall) => return false,
            outcome => outcome.unwrap(),
        }
    }
    ends[0].0.find(&b.thumbprint).is_some() && ends[1].0.find(&a.thumbprint).is_some()
}

/// The least buffer, over every method and suite, with which a handshake completes.
fn least(by_value: bool, late: bool) -> usize {
    let methods = Method::ALL.into_iter().filter(|method| Methods::ALL.contain(*method));
    let cells = methods.flat_map(|method| Suite::ALL.iter().map(move |suite| (method, *suite)));
    let of = |(method, suite)| {
        let mut sizes = (MIN_HANDSHAKE_BUFFER..2048).step_by(8);
        sizes.find(|size| completes(0, method, suite, by_value, late, *size)).unwrap()
    };
    cells.map(of).max().unwrap()
}

#[test]
fn buffers_hold_what_their_page_says() {
    for (by_value, late, enough) in [(false, false, 256), (false, true, 384), (true, false, 512), (true, true, 768)] {
        let least = least(by_value, late);
        std::println!("by value {by_value}, pending {late}: {least}");
        assert!(least <= enough, "by value {by_value}, pending {late}: {least}");
    }
}

/// A slot of the C library has `SEALWIRE_HANDSHAKE_FRAME_MAX` = 512 bytes.
#[test]
fn a_slot_of_the_c_library_holds_what_its_header_says() {
    let holds = |length, method, late| Suite::ALL.iter().all(|suite| completes(length, method, *suite, true, late, 512));
    for method in Method::ALL.into_iter().filter(|method| Methods::ALL.contain(*method)) {
        assert!(holds(140, method, false), "{method:?}");
    }
    assert!(holds(189, Method::DhDh, false) && !holds(190, Method::DhDh, false));
    assert!(holds(107, Method::DhDh, true) && !holds(120, Method::DhDh, true));
}
