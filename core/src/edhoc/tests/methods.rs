//! What must not pass under any method and suite, and what a pending key operation leaves as it was.

use super::*;

/// A handshake of each method and suite, named by kid.
pub(super) fn by_kid() -> Vec<Trace> {
    let file = vectors("peer_edhoc.json");
    let side = |h: &Value, role: &str, ephemeral: &str| {
        let party = &file["parties"][h[role].as_str().unwrap()];
        let (credential, kid) = (bytes(&party["cred"]), bytes(&party["kid"]));
        Side { credential, kid, private: array(&party["private"]), ephemeral: array(&h[ephemeral]), by_value: false }
    };
    let all = file["matrix"].as_array().unwrap().iter().filter(|h| h["way"] == "kid");
    let traces: Vec<Trace> = all
        .map(|h| Trace {
            name: h["name"].as_str().unwrap().to_string(),
            method: Method::from_number(h["method"].as_i64().unwrap()).unwrap(),
            suite: Suite::from_number(h["suite"].as_i64().unwrap()).unwrap(),
            preferred: Vec::new(),
            c_i: ConnectionId::new(&bytes(&h["c_i"])).unwrap(),
            c_r: ConnectionId::new(&bytes(&h["c_r"])).unwrap(),
            initiator: side(h, "initiator", "x"),
            responder: side(h, "responder", "y"),
            ead: Default::default(),
            values: h.clone(),
        })
        .collect();
    assert_eq!(traces.len(), 16);
    traces
}

#[test]
fn pending_at_every_key_operation_changes_nothing() {
    for trace in by_kid() {
        parties(&trace, |i, r| {
            let steps = Steps { trace: &trace };
            let (message_1, i_2) = steps.message_1(i);
            r.pending = 2;
            assert_eq!(steps.message_2(r, &message_1).err(), Some(Error::Pending), "{}", trace.name);
            assert_eq!(steps.message_2(r, &message_1).err(), Some(Error::Pending), "{}", trace.name);
            let (message_2, r_3) = steps.message_2(r, &message_1).unwrap();
            assert_eq!(message_2, bytes(&trace.values["message_2"]), "{}", trace.name);
            i.pending = 1;
            assert_eq!(steps.message_3(i, &i_2, &message_2).err(), Some(Error::Pending), "{}", trace.name);
            let (message_3, i_4) = steps.message_3(i, &i_2, &message_2).unwrap();
            assert_eq!(message_3, bytes(&trace.values["message_3"]), "{}", trace.name);
            let (message_4, _) = steps.message_4(r, &r_3, &message_3).unwrap();
            steps.finish(i, &i_4, &message_4).unwrap();
        });
    }
}

#[test]
fn a_signature_or_mac_by_another_key_is_refused() {
    for trace in by_kid() {
        parties(&trace, |i, r| {
            let steps = Steps { trace: &trace };
            let (message_1, i_2) = steps.message_1(i);
            let own_kind = |sort| match sort {
                AuthenticationKey::StaticDh => KeyKind::for_agreement(trace.suite.curve()),
                AuthenticationKey::Signature => KeyKind::for_signature(trace.suite.signature()),
            };
            let swap = |party: &mut Party<'_>, sort, private: [u8; 32]| {
                party.inner.keys.remove(KeyHandle(0)).unwrap();
                party.inner.keys.insert(KeyHandle(0), own_kind(sort), Secret::from(private)).unwrap();
            };
            swap(r, trace.method.responder(), [0x42; 32]);
            let (forged, _) = steps.message_2(r, &message_1).unwrap();
            assert_eq!(steps.message_3(i, &i_2, &forged).err(), Some(Error::AuthenticationFailed), "{}", trace.name);
            swap(r, trace.method.responder(), trace.responder.private);
            let (message_2, r_3) = steps.message_2(r, &message_1).unwrap();
            swap(i, trace.method.initiator(), [0x42; 32]);
            let (forged, _) = steps.message_3(i, &i_2, &message_2).unwrap();
            assert_eq!(steps.message_4(r, &r_3, &forged).err(), Some(Error::AuthenticationFailed), "{}", trace.name);
            swap(i, trace.method.initiator(), trace.initiator.private);
            let (message_3, i_4) = steps.message_3(i, &i_2, &message_2).unwrap();
            let (message_4, _) = steps.message_4(r, &r_3, &message_3).unwrap();
            steps.finish(i, &i_4, &message_4).unwrap();
        });
    }
}

/// A middle that changes METHOD: the Responder may take it, and the Initiator finds out at message_2.
#[test]
fn another_method_than_the_one_sent_does_not_pass() {
    for trace in by_kid() {
        for other in Method::ALL.into_iter().filter(|other| other.responder() == trace.method.responder() && *other != trace.method) {
            parties(&trace, |i, r| {
                let steps = Steps { trace: &trace };
                let (mut message_1, i_2) = steps.message_1(i);
                message_1[0] = other.number();
                let (message_2, _) = steps.message_2(r, &message_1).unwrap();
                assert!(steps.message_3(i, &i_2, &message_2).is_err(), "{} as {other:?}", trace.name);
            });
        }
    }
}

/// The peer's credential holds the other sort of key than the method asks for.
#[test]
fn a_credential_for_the_other_sort_of_key_is_refused() {
    let traces = by_kid();
    for trace in &traces {
        let opposite = |other: &&Trace| other.suite == trace.suite && other.method.responder() != trace.method.responder();
        let opposite = &traces.iter().find(opposite).unwrap().responder.credential;
        parties(trace, |i, r| {
            let steps = Steps { trace };
            let (message_1, i_2) = steps.message_1(i);
            let (message_2, _) = steps.message_2(r, &message_1).unwrap();
            let wrong = [Provisioned { kid: &trace.responder.kid, credential: opposite }];
            let mut misled = party_of(StaticCredentials { peers: &wrong, ..i.credentials }, software(), i.ephemeral);
            // On P-256 the curve does not tell a signature key from the other, so it is the proof that fails.
            let expected = match trace.suite.curve() {
                Curve::X25519 => Error::UntrustedCredential,
                Curve::P256 => Error::AuthenticationFailed,
            };
            assert_eq!(steps.message_3(&mut misled, &i_2, &message_2).err(), Some(expected), "{}", trace.name);
        });
    }
}

/// An endpoint with both sorts of key gets its own message_1 back, answered with the key that it did not begin with.
#[test]
fn an_endpoint_recognises_either_of_its_keys() {
    let traces = by_kid();
    for trace in traces.iter().filter(|trace| trace.method.initiator() != trace.method.responder()) {
        parties(trace, |i, r| {
            let steps = Steps { trace };
            let (message_1, i_2) = steps.message_1(i);
            let (message_2, _) = steps.message_2(r, &message_1).unwrap();
            // The Initiator's own two credentials are those of both sides of the trace.
            let both = [i.credentials.own[0], r.credentials.own[0]];
            let mut mirror = party_of(StaticCredentials { own: &both, ..i.credentials }, software(), i.ephemeral);
            assert_eq!(steps.message_3(&mut mirror, &i_2, &message_2).err(), Some(Error::OwnIdentity), "{}", trace.name);
        });
    }
}

/// The own key that this handshake does not use: one that is not fit for use is no obstacle, one that cannot be read is not overlooked.
#[test]
fn an_own_key_that_cannot_be_read_is_not_overlooked() {
    for trace in by_kid() {
        let other = match trace.method.initiator() {
            AuthenticationKey::StaticDh => AuthenticationKey::Signature,
            AuthenticationKey::Signature => AuthenticationKey::StaticDh,
        };
        for (credential, expected) in [(&[0xff][..], None), (&[0xa0; 600][..], Some(Error::BufferTooSmall))] {
            parties(&trace, |i, r| {
                let steps = Steps { trace: &trace };
                let (message_1, i_2) = steps.message_1(i);
                let (message_2, _) = steps.message_2(r, &message_1).unwrap();
                let own = [i.credentials.own[0], OwnEntry { authentication: other, credential, ..i.credentials.own[0] }];
                let mut inner = software();
                std::mem::swap(&mut inner, &mut i.inner);
                let mut both = party_of(StaticCredentials { own: &own, ..i.credentials }, inner, i.ephemeral);
                assert_eq!(steps.message_3(&mut both, &i_2, &message_2).err(), expected, "{}", trace.name);
            });
        }
    }
}
