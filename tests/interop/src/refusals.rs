//! What must not pass in methods 0 to 3, with typed errors at both ends: wrong proofs, keys of the wrong sort, methods that are not taken,
//! credentials that are out of date, out of the profile, of nobody that is trusted, or one's own.

use crate::edhoc::{Items, finish, message_1, message_2, message_2_of, message_3, message_4};
use crate::handshakes::{NOW, Named, OUR_NAME, Setting, THEIR_NAME, certificate};
use crate::party::{Pair, Party};
use crate::peer::{Peer, bytes, hex};
use sealwire_core::credential::Role;
use sealwire_core::crypto::software::KeyKind;
use sealwire_core::crypto::{AuthenticationKey, Curve, Suite};
use sealwire_core::edhoc::{ConnectionId, Method, Methods};
use sealwire_core::error::{Error, Result};
use serde_json::{Value, json};

fn id(byte: u8) -> ConnectionId {
    ConnectionId::new(&[byte]).unwrap()
}

/// The peer responds; `adjust` alters how it introduces itself. This end's verdict on its message_2.
fn judge_responder(peer: &mut Peer, s: &mut Setting, adjust: impl Fn(&mut Value)) -> Option<Error> {
    let (first, state) = message_1(&mut s.party, s.method, s.suite, id(0x0e), &Items::new());
    let mut request = s.introduce(peer, "0", "responder");
    adjust(&mut request);
    peer.tell("responder", request);
    peer.tell("process_message_1", json!({"message": hex(&first)}));
    let second = bytes(&peer.tell("message_2", json!({"c_r": "20"}))["message"]);
    message_3(&mut s.party, &state, &second, &Items::new()).err()
}

/// The peer initiates. This end's verdict on its message_3.
fn judge_initiator(peer: &mut Peer, s: &mut Setting, adjust: impl Fn(&mut Value)) -> Option<Error> {
    let mut request = s.introduce(peer, "0", "initiator");
    adjust(&mut request);
    peer.tell("initiator", request);
    let first = bytes(&peer.tell("message_1", json!({}))["message"]);
    let (second, state, _) = message_2(&mut s.party, s.suite, id(0x20), &first, &Items::new()).unwrap();
    peer.tell("process_message_2", json!({"message": hex(&second)}));
    let third = bytes(&peer.tell("message_3", json!({}))["message"]);
    message_4(&mut s.party, &state, &third, None, &Items::new()).err()
}

/// This end's verdict on the peer in `role`.
fn judge(peer: &mut Peer, s: &mut Setting, role: Role, adjust: impl Fn(&mut Value)) -> Option<Error> {
    match role {
        Role::Initiator => judge_initiator(peer, s, adjust),
        Role::Responder => judge_responder(peer, s, adjust),
    }
}

/// The peer's verdict on this end in `role`, played by `party`: reason, and the code of the error message that it answers. An error if
/// this end would not even show such a credential.
fn shown(peer: &mut Peer, s: &mut Setting, role: Role, party: &mut Party, adjust: impl Fn(&mut Value)) -> Result<(String, u8)> {
    let refusal = match role {
        Role::Initiator => {
            let (first, state) = message_1(party, s.method, s.suite, id(0x0e), &Items::new());
            let mut request = s.introduce(peer, "0", "responder");
            adjust(&mut request);
            peer.tell("responder", request);
            peer.tell("process_message_1", json!({"message": hex(&first)}));
            let second = bytes(&peer.tell("message_2", json!({"c_r": "20"}))["message"]);
            let (third, _, _) = message_3(party, &state, &second, &Items::new())?;
            peer.edhoc_error("process_message_3", json!({"message": hex(&third)}))
        }
        Role::Responder => {
            let mut request = s.introduce(peer, "0", "initiator");
            adjust(&mut request);
            peer.tell("initiator", request);
            let first = bytes(&peer.tell("message_1", json!({}))["message"]);
            let (second, _, _) = message_2(party, s.suite, id(0x20), &first, &Items::new())?;
            peer.edhoc_error("process_message_2", json!({"message": hex(&second)}))
        }
    };
    Ok((refusal.0, refusal.1[0]))
}

fn judged(peer: &mut Peer, s: &mut Setting, role: Role, party: &mut Party, adjust: impl Fn(&mut Value)) -> (String, u8) {
    shown(peer, s, role, party, adjust).unwrap()
}

/// A party that shows a credential of somebody's, and otherwise knows and trusts what `s` does.
fn showing(s: &Setting, pair: &Pair, credential: &[u8], by_value: bool) -> Party {
    let mut party = Party::new(s.lengths.len() as u64);
    party.now = Some(NOW);
    party.show(s.suite, pair, credential.to_vec(), by_value);
    party.know(&s.theirs.kid, s.their_credential.clone());
    party.trust(&s.issuer);
    party
}

const fn other(role: Role) -> Role {
    match role {
        Role::Initiator => Role::Responder,
        Role::Responder => Role::Initiator,
    }
}

/// What proves who is in `role`.
const fn proof(method: Method, role: Role) -> AuthenticationKey {
    match role {
        Role::Initiator => method.initiator(),
        Role::Responder => method.responder(),
    }
}

/// Every method, suite and role of this end, with credentials of one kind.
fn everywhere(seed: u64, named: Named, mut test: impl FnMut(&mut Peer, &mut Setting, Role, u64)) {
    let Some(mut peer) = Peer::start() else { return };
    let mut run = 0;
    for (seed, method) in (seed..).step_by(1_000).zip(Method::ALL) {
        for (seed, suite) in (seed..).step_by(100).zip(Suite::ALL.iter().copied()) {
            for (seed, role) in (seed..).step_by(40).zip([Role::Initiator, Role::Responder]) {
                let mut s = Setting::of(&mut peer, method, role, suite, named, seed);
                test(&mut peer, &mut s, role, seed);
                run += 1;
            }
        }
    }
    assert_eq!(run, 32);
}

/// Somebody has the credential and not its private key.
#[test]
fn a_wrong_proof_in_every_method() {
    everywhere(30_000, Named::CcsByKid, |peer, s, role, seed| {
        let thief = Pair::authenticating(s.suite, proof(s.method, other(role)), &[], seed + 20);
        let stolen = hex(&thief.private);
        assert_eq!(judge(peer, s, other(role), |request| request["key"] = json!(stolen)), Some(Error::AuthenticationFailed));

        let thief = Pair::authenticating(s.suite, proof(s.method, role), &[], seed + 21);
        let mut party = showing(s, &thief, &s.our_credential, false);
        let reason = if proof(s.method, role) == AuthenticationKey::Signature { "bad_signature" } else { "bad_mac" };
        assert_eq!(judged(peer, s, role, &mut party, |_| {}), (reason.to_string(), 1));
    });
}

/// One whose key the suite or the method cannot use: for static Diffie-Hellman an Ed25519 key, for signatures an X25519 key.
#[test]
fn a_credential_of_the_wrong_sort() {
    everywhere(40_000, Named::CcsByKid, |peer, s, role, seed| {
        let kind = |method, role| match proof(method, role) {
            AuthenticationKey::StaticDh => KeyKind::Ed25519,
            AuthenticationKey::Signature => KeyKind::X25519,
        };
        let wrong = Pair::new(kind(s.method, other(role)), b"hub-key", seed + 20);
        s.party.know(&wrong.kid, wrong.ccs(THEIR_NAME));
        // The peer would not show such a credential, so it lies about what its kid names: the proof is made with another key.
        let renamed = Pair { kid: wrong.kid, ..s.theirs.clone() }.ccs(THEIR_NAME);
        let refused = judge(peer, s, other(role), |request| request["cred"] = json!(hex(&renamed)));
        assert_eq!(refused, Some(Error::UntrustedCredential));

        let wrong = Pair::new(kind(s.method, role), &s.ours.kid, seed + 21).ccs(OUR_NAME);
        let mut party = s.take_party();
        let refused = judged(peer, s, role, &mut party, |request| request["peer_creds"] = json!([hex(&wrong)]));
        assert_eq!(refused, ("untrusted_credential".to_string(), 1));
    });
}

/// Methods are not negotiated: whoever does not take one says so and ends it.
#[test]
fn methods_that_are_not_taken() {
    everywhere(50_000, Named::CcsByKid, |peer, s, role, _| match role {
        Role::Responder => {
            s.introduce(peer, "0", "initiator");
            let first = bytes(&peer.tell("message_1", json!({}))["message"]);
            let others = Methods::ALL.without(s.method);
            let refused = message_2_of(&mut s.party, others, s.suite, id(0x20), &first, &Items::new()).err();
            assert_eq!(refused, Some(Error::UnsupportedMethod));
            // Taken as such, and no credential of its own for it.
            let mut bare = Party::new(9);
            let refused = message_2(&mut bare, s.suite, id(0x20), &first, &Items::new()).err();
            assert!(matches!(refused, Some(Error::UnsupportedMethod | Error::UnknownCredential)), "{refused:?}");
        }
        Role::Initiator => {
            let (first, _) = message_1(&mut s.party, s.method, s.suite, id(0x0e), &Items::new());
            let mut request = s.introduce(peer, "0", "responder");
            let others: Vec<u8> = Method::ALL.iter().filter(|&&method| method != s.method).map(|method| method.number()).collect();
            request["methods"] = json!(others);
            peer.tell("responder", request);
            let (reason, error, c_x) = peer.edhoc_error("process_message_1", json!({"message": hex(&first)}));
            assert_eq!((reason.as_str(), error[0], c_x), ("unsupported_method", 1, vec![0x0e]));
        }
    });
}

/// Suites are: error 2 names those of the Responder, and the next message_1 is taken.
#[test]
fn suites_are_negotiated_in_every_method() {
    everywhere(60_000, Named::CcsByKid, |peer, s, role, _| {
        let own = s.suite;
        let offered = Suite::ALL.iter().copied().find(|&suite| suite.curve() != own.curve()).unwrap();
        match role {
            Role::Initiator => {
                let (first, _) = message_1(&mut s.party, s.method, offered, id(0x0e), &Items::new());
                s.introduce(peer, "0", "responder");
                let (reason, error, _) = peer.edhoc_error("process_message_1", json!({"message": hex(&first)}));
                assert_eq!((reason.as_str(), &error[..]), ("unsupported_suite", &[2, own.number()][..]));
            }
            Role::Responder => {
                let mut request = s.introduce(peer, "0", "initiator");
                request["suites_i"] = json!([offered.number()]);
                request.as_object_mut().unwrap().remove("ephemeral");
                peer.tell("initiator", request.clone());
                let first = bytes(&peer.tell("message_1", json!({}))["message"]);
                let refused = message_2(&mut s.party, own, id(0x20), &first, &Items::new()).err();
                assert_eq!(refused, Some(Error::UnsupportedSuite));
                request["suites_i"] = json!([offered.number(), own.number()]);
                peer.tell("initiator", request);
                let first = bytes(&peer.tell("message_1", json!({}))["message"]);
                let (second, state, _) = message_2(&mut s.party, own, id(0x20), &first, &Items::new()).unwrap();
                peer.tell("process_message_2", json!({"message": hex(&second)}));
                let third = bytes(&peer.tell("message_3", json!({}))["message"]);
                let (_, done, _) = message_4(&mut s.party, &state, &third, None, &Items::new()).unwrap();
                assert_eq!((done.suite, done.method), (own, s.method));
            }
        }
    });
}

/// Neither end shakes hands with a key of its own, be it the one that it shows or its other one.
#[test]
fn a_key_of_ones_own() {
    everywhere(70_000, Named::CcsByKid, |peer, s, role, seed| {
        // This end has the key that the peer shows: where both prove alike as the one that it shows too, else as its other one.
        let shared = s.theirs.clone();
        let alike = shared.authentication() == s.ours.authentication();
        if !alike {
            s.party.show(s.suite, &shared, shared.ccs(OUR_NAME), false);
        } else if role == Role::Initiator {
            s.party = showing(s, &shared, &shared.ccs(OUR_NAME), false);
        }
        // As Responder it would show that key first, and the peer would not go on.
        if !alike || role == Role::Initiator {
            assert_eq!(judge(peer, s, other(role), |_| {}), Some(Error::OwnIdentity));
        }

        let mut s = Setting::of(peer, s.method, role, s.suite, Named::CcsByKid, seed);
        let mut party = s.take_party();
        let ours = hex(&s.our_credential);
        let refused = judged(peer, &mut s, role, &mut party, |request| request["own_creds"] = json!([ours]));
        assert_eq!(refused, ("own_credential".to_string(), 1));
    });
}

/// What certificates can be refused for, shown by the peer in both roles.
#[test]
fn certificates_of_the_peer_that_are_refused() {
    everywhere(80_000, Named::X5Chain, |peer, s, role, seed| {
        let signs = proof(s.method, other(role)) == AuthenticationKey::Signature;
        let wrong_usage = if signs { "key_agreement" } else { "digital_signature" };
        let stranger = Pair::issuer(s.suite, &[], seed + 20);
        let (issuer, theirs) = (s.issuer.clone(), s.theirs.clone());
        let mut make = |issuer: &Pair, adjust: Value| hex(&certificate(peer, (issuer, "issuer"), (&theirs, THEIR_NAME), adjust));
        let leaf = make(&issuer, json!({}));
        let middle = Pair::new(KeyKind::Es256, &[], seed + 22);
        let by_two = hex(&certificate(peer, (&middle, "two"), (&theirs, THEIR_NAME), json!({})));
        let critical = json!({"ca": true, "critical": "1.3.6.1.4.1.32473.1"});
        let two = hex(&certificate(peer, (&issuer, "issuer"), (&middle, "two"), critical));
        let forged = hex(&certificate(peer, (&stranger, "two"), (&theirs, THEIR_NAME), json!({})));
        let good = hex(&certificate(peer, (&issuer, "issuer"), (&middle, "two"), json!({"ca": true})));
        let narrow = hex(&certificate(peer, (&issuer, "issuer"), (&middle, "two"), json!({"ca": false})));
        let elsewhere = hex(&certificate(peer, (&stranger, "stranger"), (&issuer, "issuer"), json!({"ca": true})));
        let root = hex(&certificate(peer, (&issuer, "issuer"), (&issuer, "issuer"), json!({"ca": true})));
        let mut make = |issuer: &Pair, adjust: Value| hex(&certificate(peer, (issuer, "issuer"), (&theirs, THEIR_NAME), adjust));
        let cases = [
            ("a stranger's", make(&stranger, json!({})), vec![], Error::UntrustedCredential),
            ("expired", make(&issuer, json!({"not_after": NOW - 1})), vec![], Error::ExpiredCredential),
            ("not yet valid", make(&issuer, json!({"not_before": NOW + 1})), vec![], Error::ExpiredCredential),
            ("a CA", make(&issuer, json!({"ca": true})), vec![], Error::UntrustedCredential),
            ("of another use", make(&issuer, json!({"key_usage": [wrong_usage]})), vec![], Error::UntrustedCredential),
            ("by the anchor, and the chain goes on elsewhere", leaf.clone(), vec![elsewhere], Error::UntrustedCredential),
            ("forged below an intermediate", forged, vec![good.clone()], Error::UntrustedCredential),
            ("below one that may not issue", by_two.clone(), vec![narrow], Error::UntrustedCredential),
            ("below a critical extension", by_two.clone(), vec![two], Error::UnsupportedCredential),
            ("a chain too long", leaf.clone(), vec![leaf.clone(); 3], Error::UnsupportedCredential),
            ("by a stranger's chain", make(&stranger, json!({})), vec![make(&stranger, json!({"ca": true}))], Error::UntrustedCredential),
        ];
        for (what, leaf, chain, error) in cases {
            let refused = judge(peer, s, other(role), |request| {
                request["cred"] = json!(leaf);
                request["chain"] = json!(chain);
            });
            assert_eq!(refused, Some(error), "{what}, suite {}, method {}", s.suite.number(), s.method.number());
        }
        // At the ends of its time it is valid.
        for adjust in [json!({"not_after": NOW}), json!({"not_before": NOW, "key_usage": ["digital_signature", "key_agreement"]})] {
            let leaf = hex(&certificate(peer, (&issuer, "issuer"), (&theirs, THEIR_NAME), adjust));
            assert_eq!(judge(peer, s, other(role), |request| request["cred"] = json!(leaf)), None);
        }
        // Below an intermediate that may issue.
        let request_of = |request: &mut Value| (request["cred"], request["chain"]) = (json!(by_two), json!([good]));
        assert_eq!(judge(peer, s, other(role), request_of), None);
        // The anchor's own certificate may stand in the chain.
        assert_eq!(judge(peer, s, other(role), |request| request["chain"] = json!([root])), None);
        // By a hash that nobody provisioned: error 3 asks for the certificate itself.
        assert_eq!(judge(peer, s, other(role), |request| request["id_by"] = json!("x5t")), Some(Error::UnknownCredential));
    });
}

/// The same, shown by this end.
#[test]
fn certificates_of_this_end_that_are_refused() {
    everywhere(90_000, Named::X5Chain, |peer, s, role, seed| {
        let signs = proof(s.method, role) == AuthenticationKey::Signature;
        let wrong_usage = if signs { "key_agreement" } else { "digital_signature" };
        let stranger = Pair::issuer(s.suite, &[], seed + 20);
        let (issuer, ours) = (s.issuer.clone(), s.ours.clone());
        let cases = [
            (&stranger, json!({}), "untrusted_credential"),
            (&issuer, json!({"not_after": NOW - 1}), "expired_credential"),
            (&issuer, json!({"not_before": NOW + 1}), "expired_credential"),
        ];
        for (issuer, adjust, reason) in cases {
            let credential = certificate(peer, (issuer, "issuer"), (&ours, OUR_NAME), adjust);
            let mut party = showing(s, &ours, &credential, true);
            assert_eq!(judged(peer, s, role, &mut party, |_| {}), (reason.to_string(), 1));
        }
        // This end does not show what nobody would accept.
        for adjust in [json!({"ca": true}), json!({"key_usage": [wrong_usage]})] {
            let credential = certificate(peer, (&issuer, "issuer"), (&ours, OUR_NAME), adjust);
            let mut party = showing(s, &ours, &credential, true);
            assert_eq!(shown(peer, s, role, &mut party, |_| {}).err(), Some(Error::UntrustedCredential));
        }
        // By a hash that the peer does not have.
        let mut party = showing(s, &ours, &s.our_credential, false);
        assert_eq!(judged(peer, s, role, &mut party, |_| {}), ("unknown_credential".to_string(), 3));
    });
}

/// G_X that is no point, of small order, or the second name of a number: both ends say so.
#[test]
fn ephemeral_keys_that_are_none() {
    let Some(mut peer) = Peer::start() else { return };
    let low = |first: u8, last: u8| [&[first][..], &[0xff; 30], &[last]].concat();
    let on_x25519 = [
        low(0xed, 0x7f), // the prime: 0
        low(0xf6, 0x7f), // the prime and 9
        low(0xec, 0x7f), // order 4
        [&[9][..], &[0; 30], &[0x80]].concat(),
        vec![0; 32],
        [&[1][..], &[0; 31]].concat(),
    ];
    let prime = [&[0xff; 4][..], &[0, 0, 0, 1], &[0; 12], &[0xff; 12]].concat();
    let on_p256 = [prime, vec![0xff; 32], [&[0; 31][..], &[2]].concat()];
    for (seed, &suite) in (95_000..).step_by(10).zip(Suite::ALL) {
        let keys = if suite.curve() == Curve::X25519 { &on_x25519[..] } else { &on_p256[..] };
        for (method, key) in Method::ALL.iter().flat_map(|method| keys.iter().map(move |key| (*method, key))) {
            let mut s = Setting::of(&mut peer, method, Role::Responder, suite, Named::CcsByKid, seed);
            let first = [&[method.number(), suite.number(), 0x58, 32], &key[..], &[0x0e]].concat();
            let refused = message_2(&mut s.party, suite, id(0x20), &first, &Items::new()).err();
            let mut t = Setting::of(&mut peer, method, Role::Initiator, suite, Named::CcsByKid, seed);
            t.introduce(&mut peer, "0", "responder");
            let (reason, error, _) = peer.edhoc_error("process_message_1", json!({"message": hex(&first)}));
            assert_eq!((refused, reason.as_str(), error[0]), (Some(Error::InvalidKey), "bad_key", 1), "{key:02x?}, {method:?}");
        }
    }
}

/// A damaged message_4, in the method and with the credentials that make the longest handshake.
#[test]
fn a_message_4_of_another_handshake() {
    let Some(mut peer) = Peer::start() else { return };
    let mut s = Setting::of(&mut peer, Method::SignSign, Role::Initiator, Suite::P256Ccm16, Named::X5ChainOfThree, 99_000);
    let run = |peer: &mut Peer, s: &mut Setting| {
        let (first, state) = message_1(&mut s.party, s.method, s.suite, id(0x0e), &Items::new());
        s.introduce(peer, "0", "responder");
        peer.tell("process_message_1", json!({"message": hex(&first)}));
        let second = bytes(&peer.tell("message_2", json!({"c_r": "20"}))["message"]);
        let (third, state, _) = message_3(&mut s.party, &state, &second, &Items::new()).unwrap();
        peer.tell("process_message_3", json!({"message": hex(&third)}));
        (state, bytes(&peer.tell("message_4", json!({}))["message"]))
    };
    let (old, message_of_old) = run(&mut peer, &mut s);
    let (new, message_of_new) = run(&mut peer, &mut s);
    assert_eq!(finish(&mut s.party, &new, &message_of_old).err(), Some(Error::AuthenticationFailed));
    assert_eq!(finish(&mut s.party, &old, &message_of_new).err(), Some(Error::AuthenticationFailed));
    finish(&mut s.party, &new, &message_of_new).unwrap();
}
