//! Handshakes of every method and cipher suite through whole endpoints, with keys that answer late, and the choice of a suite.

use super::*;
use crate::crypto::software::KeyKind;
use crate::crypto::{AuthenticationKey, Suite};
use crate::edhoc::{Method, Methods};

fn kind(suite: Suite, sort: AuthenticationKey) -> KeyKind {
    match sort {
        AuthenticationKey::StaticDh => KeyKind::for_agreement(suite.curve()),
        AuthenticationKey::Signature => KeyKind::for_signature(suite.signature()),
    }
}

/// Two endpoints with keys for this method and these suites of one curve, `a` being the Initiator.
fn pair(method: Method, of_a: &[Suite], of_b: &[Suite]) -> Pair {
    let a = Identity::of(kind(of_a[0], method.initiator()), 1, "dev-1", false);
    let b = Identity::of(kind(of_a[0], method.responder()), 2, "hub", false);
    let node = |own: &Identity, peer: &Identity, suites: &[Suite]| {
        let suites_of = core::array::from_fn(|at| suites.get(at).copied());
        let config = Config { method, suites: suites_of, ..Config::default() };
        let mut node = Node::new(own, &[peer], config, false, 1);
        node.port.suites = suites.to_vec();
        node
    };
    Pair { a: node(&a, &b, of_a), b: node(&b, &a, of_b), now: 1_000 }
}

fn every() -> impl Iterator<Item = (Method, Suite)> {
    Method::ALL
        .into_iter()
        .filter(|method| Methods::ALL.contain(*method))
        .flat_map(|method| Suite::ALL.iter().map(move |suite| (method, *suite)))
}

#[test]
fn every_method_and_suite_gives_a_session() {
    for (method, suite) in every() {
        let mut pair = pair(method, &[suite], &[suite]);
        let (a, b) = pair.connect();
        assert_eq!(exported(&mut pair.a, a), exported(&mut pair.b, b), "{method:?} {suite:?}");
        pair.pass(a, &DATA).unwrap();
        assert_eq!(pair.b.delivered.last().unwrap().payload, b"data", "{method:?} {suite:?}");
        // Stored, and read again.
        assert_eq!((pair.a.restart(pair.now), pair.b.restart(pair.now)), (1, 1), "{method:?} {suite:?}");
    }
}

#[test]
fn every_method_and_suite_with_keys_that_answer_late() {
    for (method, suite) in every() {
        for at_initiator in [true, false] {
            let mut pair = pair(method, &[suite], &[suite]);
            let slow = |pair: &mut Pair, pending| if at_initiator { pair.a.port.pending = pending } else { pair.b.port.pending = pending };
            slow(&mut pair, true);
            pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), None).unwrap();
            pair.settle();
            for _ in 0..3 {
                let node = if at_initiator { &mut pair.a } else { &mut pair.b };
                assert_eq!(node.endpoint.resume_pending(&mut node.port, 0), Err(Error::Pending), "{method:?} {suite:?}");
            }
            slow(&mut pair, false);
            let node = if at_initiator { &mut pair.a } else { &mut pair.b };
            node.endpoint.resume_pending(&mut node.port, 0).unwrap();
            pair.settle();
            let (a, b) = (pair.a.session(&pair.b), pair.b.session(&pair.a));
            assert_eq!(exported(&mut pair.a, a), exported(&mut pair.b, b), "{method:?} {suite:?}");
        }
    }
}

#[test]
fn a_method_that_is_not_taken_is_refused_and_the_initiator_is_told() {
    for (method, suite) in every() {
        for keyless in [false, true] {
            let mut pair = pair(method, &[suite], &[suite]);
            if keyless {
                // A Responder whose key is of the other sort.
                pair.b.port.own.as_mut().unwrap().kind = match method.responder() {
                    AuthenticationKey::StaticDh => KeyKind::for_signature(suite.signature()),
                    AuthenticationKey::Signature => KeyKind::for_agreement(suite.curve()),
                };
            } else {
                pair.b.endpoint.config.methods = Methods::ALL.without(method);
            }
            pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), None).unwrap();
            let message_1 = pair.a.frames(0).remove(0);
            let before = pair.b.fingerprint();
            assert_eq!(pair.b.input(0, Route::default(), None, &message_1), Err(Error::UnsupportedMethod), "{method:?} {suite:?}");
            assert_eq!(pair.b.fingerprint(), before);
            let error = pair.b.frames(0).remove(0);
            pair.a.input(0, Route::default(), None, &error).unwrap();
            assert_eq!(pair.a.endpoint.counters().peer_errors, 1);
            pair.run(200_000);
            assert!(matches!(pair.a.take_events()[..], [Event::HandshakeFailed { reason: Error::PeerError, .. }]), "{method:?} {suite:?}");
        }
    }
}

/// Whatever the Initiator likes best: the suite that the Responder has is found with at most one error 2, and no suite that the Responder
/// has too is passed over.
#[cfg(all(feature = "suite-x25519-chacha", feature = "suite-x25519-ccm", feature = "suite-p256-ccm", feature = "suite-p256-ccm16"))]
#[test]
fn a_common_suite_is_found() {
    use Suite::{P256Ccm, P256Ccm16, X25519Ccm, X25519ChaCha};
    for method in Method::ALL.into_iter().filter(|method| Methods::ALL.contain(*method)) {
        for [first, second] in [[X25519ChaCha, X25519Ccm], [X25519Ccm, X25519ChaCha], [P256Ccm, P256Ccm16], [P256Ccm16, P256Ccm]] {
            for (of_b, chosen, errors) in [
                (&[first][..], first, 0),
                (&[second][..], second, 1),
                (&[first, second][..], first, 0),
                // The Responder's own preference does not count.
                (&[second, first][..], first, 0),
            ] {
                let mut pair = pair(method, &[first, second], of_b);
                let (a, _) = pair.connect();
                let what = std::format!("{method:?}: {first:?}, {second:?} with {of_b:?}");
                assert_eq!(pair.a.endpoint.counters().peer_errors, errors, "{what}");
                assert_eq!(pair.a.endpoint.session(a, pair.now).unwrap().suite, chosen, "{what}");
            }
        }
    }
}

/// Strangers open more handshakes than there is room for while the Responder's key is pending: those that were pushed out leave nothing
/// behind, and those that are left come to an end, each with a key pair of its own.
#[test]
fn a_flood_while_a_key_operation_is_pending() {
    for (method, suite) in every().filter(|(method, _)| method.responder() == AuthenticationKey::StaticDh) {
        let mut pair = pair(method, &[suite], &[suite]);
        pair.b.port.pending = true;
        let mut firsts = Vec::new();
        for _ in 0..12 {
            let id = pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), None).unwrap();
            firsts.push(pair.a.frames(0).remove(0));
            pair.a.endpoint.cancel(id).unwrap();
        }
        for first in firsts.iter().chain(firsts.iter().rev()) {
            assert!(matches!(pair.b.input(0, Route::default(), None, first), Ok(()) | Err(Error::Pending)));
            assert!(pair.b.frames(0).is_empty());
        }
        let reserved = |pair: &Pair| {
            let tables = &pair.b.endpoint.tables;
            (0..tables.sessions()).filter(|slot| !matches!(tables.session(*slot).unwrap().state, State::Free)).count()
        };
        assert_eq!(reserved(&pair), 4);
        pair.b.port.pending = false;
        pair.b.endpoint.resume_pending(&mut pair.b.port, 0).unwrap();
        let seconds = pair.b.frames(0);
        assert_eq!(seconds.len(), 4);
        let keys: std::collections::BTreeSet<&[u8]> = seconds.iter().map(|second| &second[2..36]).collect();
        assert_eq!(keys.len(), 4);
        pair.b.endpoint.handle_timeout(&mut pair.b.port, 1_000_000).unwrap();
        assert_eq!(reserved(&pair), 0);
    }
}
