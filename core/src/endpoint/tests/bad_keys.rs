//! Public keys that are none, in messages and in credentials, with the real algorithms: refused, and nothing has changed.

use super::*;
use crate::crypto::Suite;
use crate::crypto::software::KeyKind;
use crate::crypto::tests::hex_array;

/// For each curve a suite, a kind of key, and what no key may be.
fn cases() -> Vec<(Suite, KeyKind, Vec<[u8; 32]>)> {
    Vec::from([
        #[cfg(feature = "suite-x25519-chacha")]
        (
            Suite::X25519ChaCha,
            KeyKind::X25519,
            [
                // Of small order; another name for 4; the base point with the highest bit set.
                "0000000000000000000000000000000000000000000000000000000000000000",
                "0100000000000000000000000000000000000000000000000000000000000000",
                "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "f1ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "0900000000000000000000000000000000000000000000000000000000000080",
            ]
            .map(hex_array)
            .to_vec(),
        ),
        #[cfg(feature = "suite-p256-ccm")]
        (
            Suite::P256Ccm,
            KeyKind::P256,
            [
                // No point has this x; another name for 0; no field element.
                "0000000000000000000000000000000000000000000000000000000000000001",
                "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
                "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            ]
            .map(hex_array)
            .to_vec(),
        ),
    ])
}

fn pair(suite: Suite, kind: KeyKind) -> Pair {
    let (a, b) = (Identity::of(kind, 1, "dev-1", false), Identity::of(kind, 2, "hub", false));
    let config = Config { suites: [Some(suite), None, None, None], ..Config::default() };
    let node = |own: &Identity, peer: &Identity| {
        let mut node = Node::new(own, &[peer], config, false, 1);
        node.port.suites = std::vec![suite];
        node
    };
    Pair { a: node(&a, &b), b: node(&b, &a), now: 1_000 }
}

fn message_1(pair: &mut Pair) -> Vec<u8> {
    pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), None).unwrap();
    pair.a.frames(0).remove(0)
}

/// The frame with another key at this place.
fn with_key(frame: &[u8], at: usize, key: &[u8; 32]) -> Vec<u8> {
    let mut changed = frame.to_vec();
    changed[at..at + 32].copy_from_slice(key);
    changed
}

/// Refused, with the state as before.
fn refuses(node: &mut Node, frame: &[u8], expected: Error) {
    let before = node.fingerprint();
    assert_eq!(node.input(0, Route::default(), None, frame), Err(expected), "{frame:02x?}");
    // The count of failures ends a handshake after the ninth; here it is not what is looked at.
    for slot in 0..node.endpoint.tables.handshakes() {
        node.endpoint.tables.handshake_mut(slot).unwrap().0.failures = 0;
    }
    assert_eq!(node.fingerprint(), before, "{frame:02x?}");
    assert!(node.take_events().is_empty() && node.delivered.is_empty());
}

#[test]
fn in_message_1_and_message_2() {
    for (suite, kind, bad) in cases() {
        let mut pair = pair(suite, kind);
        let first = message_1(&mut pair);
        // Type, METHOD, SUITES_I and the head of G_X.
        assert_eq!(first[3..5], [0x58, 0x20]);
        for key in &bad {
            refuses(&mut pair.b, &with_key(&first, 5, key), Error::InvalidKey);
            assert!(pair.b.frames(0).iter().all(|frame| frame[0] == frame_type::ERROR));
        }
        pair.b.input(0, Route::default(), None, &first).unwrap();
        let second = pair.b.frames(0).remove(0);
        // Type, C_I and the head of the byte string with G_Y and CIPHERTEXT_2.
        let g_y = 1 + pair.a.endpoint.ids.len() + 2;
        assert_eq!(second[g_y - 2], 0x58);
        for key in &bad {
            refuses(&mut pair.a, &with_key(&second, g_y, key), Error::InvalidKey);
        }
        pair.a.input(0, Route::default(), None, &second).unwrap();
        pair.settle();
        pair.a.session(&pair.b);
        pair.b.session(&pair.a);
    }
}

/// What a peer has been provisioned with has such a key: no handshake with it verifies.
#[test]
fn in_credentials() {
    for (suite, kind, bad) in cases() {
        for key in &bad {
            let mut pair = pair(suite, kind);
            let broken = |credentials: &mut Vec<(u8, Vec<u8>)>| {
                let credential = &mut credentials[0].1;
                // x: −2, a byte string of 32.
                let at = credential.windows(3).position(|head| head == [0x21, 0x58, 0x20]).unwrap();
                let good = credential.clone();
                credential[at + 3..at + 35].copy_from_slice(key);
                good
            };
            let good = broken(&mut pair.a.port.peers);
            let first = message_1(&mut pair);
            pair.b.input(0, Route::default(), None, &first).unwrap();
            let second = pair.b.frames(0).remove(0);
            refuses(&mut pair.a, &second, Error::InvalidKey);
            pair.a.port.peers[0].1 = good;
            pair.a.input(0, Route::default(), None, &second).unwrap();
            let third = pair.a.frames(0).remove(0);
            let good = broken(&mut pair.b.port.peers);
            refuses(&mut pair.b, &third, Error::InvalidKey);
            pair.b.port.peers[0].1 = good;
            pair.b.input(0, Route::default(), None, &third).unwrap();
            pair.settle();
            pair.a.session(&pair.b);
            pair.b.session(&pair.a);
        }
    }
}
