//! Every refusal by name: messages that are properly encrypted but wrong inside, defective keys, buffers of every size.
//! After each the state must still take the right message.

use super::*;
use crate::cbor;
use crate::edhoc::{message, schedule};

/// message_2 with this plaintext, encrypted under the trace's keys.
pub(super) fn message_2_of(trace: &Trace, plaintext: &[u8]) -> Vec<u8> {
    let v = &trace.values;
    let mut ciphertext = vec![0; plaintext.len()];
    message::xor_keystream_2(&mut software(), &Secret::from(array(&v["PRK_2e"])), &array(&v["TH_2"]), plaintext, &mut ciphertext).unwrap();
    byte_string(&[&bytes(&v["G_Y"]), ciphertext.as_slice()].concat())
}

/// message_3 or message_4 with this plaintext, sealed under the trace's keys.
fn sealed(trace: &Trace, prk: &str, labels: (u64, u64), th: &str, plaintext: &[u8]) -> Vec<u8> {
    let v = &trace.values;
    let mut content = plaintext.to_vec();
    let mut tag = vec![0; trace.suite.edhoc_aead().tag_len()];
    schedule::seal(&mut software(), trace.suite, &Secret::from(array(&v[prk])), labels, &array(&v[th]), &mut content, &mut tag).unwrap();
    byte_string(&[content, tag].concat())
}

pub(super) fn message_3_of(trace: &Trace, plaintext: &[u8]) -> Vec<u8> {
    sealed(trace, "PRK_3e2m", (schedule::K_3, schedule::IV_3), "TH_3", plaintext)
}

pub(super) fn byte_string(content: &[u8]) -> Vec<u8> {
    let mut out = vec![0; content.len() + 9];
    let mut out = Writer::new(&mut out);
    cbor::write_bytes(&mut out, content).unwrap();
    out.written().to_vec()
}

/// Suite 4 and suite 2, credentials by kid, no EAD items but the vectors' own.
fn both() -> [Trace; 2] {
    let mut traces = peer_traces();
    let at = traces.iter().position(|trace| trace.suite == Suite::P256Ccm).unwrap();
    let p256 = traces.remove(at);
    [traces.remove(0), p256]
}

/// What may stand where ID_CRED_x, the MAC and the EAD items stand, and why it is refused. `kid` is the right one, `mac` too.
fn wrong_authentications(kid: &[u8], mac: &[u8]) -> Vec<(Vec<u8>, Error)> {
    let right = byte_string(mac);
    let mut flipped = right.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let stranger = hex("a1 0e a1 08 a1 01 a3 01 01 20 04 21 5820".replace(' ', "").as_str());
    let stranger = [stranger, [9; 32].to_vec()].concat();
    let with = |id: &[u8], mac: &[u8], ead: &str| [id, mac, &hex(ead)].concat();
    let mut long = kid.to_vec();
    long.splice(0..0, [0x41]);
    vec![
        (vec![], Error::Malformed),
        (kid.to_vec(), Error::Malformed),
        (with(kid, &flipped, ""), Error::AuthenticationFailed),
        (with(kid, &byte_string(&mac[1..]), ""), Error::Malformed),
        (with(kid, &byte_string(&[mac, &[0]].concat()), ""), Error::Malformed),
        (with(kid, &byte_string(&[]), ""), Error::Malformed),
        // The MAC as text, as an array.
        (with(kid, &hex("6161"), ""), Error::Malformed),
        (with(kid, &hex("80"), ""), Error::Malformed),
        // A kid that nobody has; the right one not compacted, in both ways.
        (with(&hex("4399eeff"), &right, ""), Error::UnknownCredential),
        (with(&long, &right, ""), Error::NotDeterministic),
        (with(&[&hex("a104"), long.as_slice()].concat(), &right, ""), Error::NotDeterministic),
        // A certificate that nobody has, one that is none.
        #[cfg(feature = "x509")]
        (with(&hex("a11822822e4879f2a41b510c1f9b"), &right, ""), Error::UnknownCredential),
        #[cfg(feature = "x509")]
        (with(&hex("a1182141ff"), &right, ""), Error::Malformed),
        // x5u, two names, none: types that are not supported, so not UnknownCredential (RFC 9528 §6.4).
        (with(&hex("a118236161"), &right, ""), Error::UnsupportedCredential),
        (with(&hex("a20441010ea0"), &right, ""), Error::UnsupportedCredential),
        (with(&hex("a0"), &right, ""), Error::UnsupportedCredential),
        // A CCS that was not provisioned; an array that is no CWT.
        (with(&stranger, &right, ""), Error::UntrustedCredential),
        (with(&hex("a10d80"), &right, ""), Error::Malformed),
        // EAD: a value without a label, a label as text, a label too long, a value cut off, too many items.
        (with(kid, &right, "4101"), Error::Malformed),
        (with(kid, &right, "6161"), Error::Malformed),
        (with(kid, &right, "1801"), Error::NotDeterministic),
        (with(kid, &right, "0142"), Error::Malformed),
        (with(kid, &right, "0101014101010101010101"), Error::Malformed),
        // A critical item behind one that is known and padding.
        (with(kid, &right, "198000416100410020"), Error::UnknownCriticalEad),
        // Allowed by form, but the MAC does not cover it: eight items, and padding of every form between them.
        (with(kid, &right, "010101010101 0101".replace(' ', "").as_str()), Error::AuthenticationFailed),
        (with(kid, &right, &"0001000040000141ff00".repeat(4)), Error::AuthenticationFailed),
    ]
}

/// The kid in a PLAINTEXT of a trace: the item before the MAC.
fn parts<'v>(plaintext: &'v [u8], mac: &[u8]) -> &'v [u8] {
    let end = plaintext.windows(mac.len()).position(|window| window == mac).unwrap() + mac.len() - byte_string(mac).len();
    &plaintext[..end]
}

#[test]
fn message_2_that_is_wrong_inside() {
    for trace in both() {
        parties(&trace, |i, _| {
            let steps = Steps { trace: &trace };
            let (_, state) = steps.message_1(i);
            let (plaintext, mac) = (bytes(&trace.values["PLAINTEXT_2"]), bytes(&trace.values["MAC_2"]));
            let mut c_r = [0; 8];
            let mut c_r = Writer::new(&mut c_r);
            trace.c_r.write(&mut c_r).unwrap();
            let kid = &parts(&plaintext, &mac)[c_r.len()..];
            for (wrong, error) in wrong_authentications(kid, &mac) {
                let message = message_2_of(&trace, &[c_r.written(), &wrong].concat());
                assert_eq!(steps.message_3(i, &state, &message).err(), Some(error), "{wrong:02x?}");
            }
            // C_R: missing, empty, too long, an integer of two bytes, not compacted, text; and C_I.
            let mut c_i = [0; 8];
            let mut c_i = Writer::new(&mut c_i);
            trace.c_i.write(&mut c_i).unwrap();
            for (wrong, error) in [
                (&hex("40")[..], Error::Malformed),
                (&hex("450102030405"), Error::Malformed),
                (&hex("1818"), Error::Malformed),
                (&hex("3818"), Error::Malformed),
                (&hex("4105"), Error::NotDeterministic),
                (&hex("6161"), Error::Malformed),
                (c_i.written(), Error::SameIdentifier),
            ] {
                let message = message_2_of(&trace, &[wrong, &plaintext[c_r.len()..]].concat());
                assert_eq!(steps.message_3(i, &state, &message).err(), Some(error), "{wrong:02x?}");
            }
            // Longer than the keystream can be.
            let endless = message_2_of(&trace, &[plaintext.as_slice(), &[0; 8000]].concat());
            let endless = byte_string(&[&endless[3..], &[0; 200]].concat());
            let mut out = [0; ROOM];
            let outcome = state.process_message_2(i, &endless, false, &[], &mut ignore_ead, &mut vec![0; 9000], &mut Writer::new(&mut out));
            assert_eq!(outcome.err(), Some(Error::Malformed));

            let right = message_2_of(&trace, &plaintext);
            assert_eq!(right, bytes(&trace.values["message_2"]));
            assert_eq!(steps.message_3(i, &state, &right).unwrap().0, bytes(&trace.values["message_3"]));
        });
    }
}

/// The credential that the MAC covers must be the one that was judged: both are fetched by the same kid. Another one, or the same key with
/// another name, which no issuer was asked about.
#[test]
fn a_port_that_gives_another_credential_the_second_time() {
    for trace in both() {
        parties(&trace, |i, _| {
            let steps = Steps { trace: &trace };
            let (_, state) = steps.message_1(i);
            let (before, message_2) = (i.credentials, bytes(&trace.values["message_2"]));
            let other = i.credentials.own[0].credential.to_vec();
            let mut renamed = i.credentials.peers[0].credential.to_vec();
            // The first letter of its subject.
            renamed[3] ^= 1;
            assert_eq!(Credential::parse(&renamed).unwrap().key, Credential::parse(i.credentials.peers[0].credential).unwrap().key);
            let others = if cfg!(feature = "issuers") { vec![other, renamed] } else { vec![other] };
            for credential in others {
                let credential: &[u8] = credential.leak();
                let changed = before.peers.iter().map(|peer| Provisioned { kid: peer.kid.to_vec().leak(), credential });
                let peers = changed.collect::<Vec<Provisioned<'static>>>().leak();
                i.changed = Some((1, StaticCredentials { peers, ..before }));
                assert_eq!(steps.message_3(i, &state, &message_2).err(), Some(Error::UnknownCredential));
                (i.credentials, i.changed) = (before, None);
            }
            assert_eq!(steps.message_3(i, &state, &message_2).unwrap().0, bytes(&trace.values["message_3"]));
        });
    }
}

#[test]
fn message_3_that_is_wrong_inside() {
    for trace in both() {
        parties(&trace, |_, r| {
            let steps = Steps { trace: &trace };
            let (_, state) = steps.message_2(r, &bytes(&trace.values["message_1"])).unwrap();
            let (plaintext, mac) = (bytes(&trace.values["PLAINTEXT_3"]), bytes(&trace.values["MAC_3"]));
            for (wrong, error) in wrong_authentications(parts(&plaintext, &mac), &mac) {
                let message = message_3_of(&trace, &wrong);
                assert_eq!(steps.message_4(r, &state, &message).err(), Some(error), "{wrong:02x?}");
            }
            let right = message_3_of(&trace, &plaintext);
            assert_eq!(right, bytes(&trace.values["message_3"]));
            assert_eq!(steps.message_4(r, &state, &right).unwrap().0, bytes(&trace.values["message_4"]));
        });
    }
}

#[test]
fn message_4_that_is_wrong_inside() {
    for trace in both() {
        parties(&trace, |i, _| {
            let steps = Steps { trace: &trace };
            let (_, state) = steps.message_1(i);
            let (_, state) = steps.message_3(i, &state, &bytes(&trace.values["message_2"])).unwrap();
            for (plaintext, error) in [
                ("4101", Error::Malformed),
                ("6161", Error::Malformed),
                ("0142", Error::Malformed),
                ("1801", Error::NotDeterministic),
                ("20", Error::UnknownCriticalEad),
            ] {
                let message = sealed(&trace, "PRK_4e3m", (schedule::K_4, schedule::IV_4), "TH_4", &hex(plaintext));
                assert_eq!(steps.finish(i, &state, &message).err(), Some(error), "{plaintext}");
            }
            // message_3's key.
            let reflected = message_3_of(&trace, &[]);
            assert_eq!(steps.finish(i, &state, &reflected).err(), Some(Error::AuthenticationFailed));
            for (message, error) in [("", Error::Malformed), ("47 00000000000000", Error::Malformed), ("5800", Error::NotDeterministic)] {
                assert_eq!(steps.finish(i, &state, &hex(&message.replace(' ', ""))).err(), Some(error), "{message}");
            }
            steps.finish(i, &state, &bytes(&trace.values["message_4"])).unwrap();
        });
    }
}

#[test]
fn equal_identifiers_are_refused_by_the_responder() {
    let mut trace = peer_traces().remove(0);
    trace.c_r = trace.c_i;
    parties(&trace, |i, r| {
        let steps = Steps { trace: &trace };
        let (message_1, _) = steps.message_1(i);
        assert_eq!(steps.message_2(r, &message_1).err(), Some(Error::SameIdentifier));
    });
}

#[test]
fn defective_points_are_refused() {
    // RFC 7748 §6.1 and the seven points of small order, each of which gives an all-zero secret; on P-256 x coordinates off the curve.
    let low = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let off = [
        "0000000000000000000000000000000000000000000000000000000000000001",
        "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ];
    for (trace, points) in both().iter().zip([&low[..], &off[..]]) {
        for point in points {
            let point = hex(point);
            parties(trace, |i, r| {
                let steps = Steps { trace };
                let swap = |message: &[u8], key: &[u8]| {
                    let at = message.windows(32).position(|window| window == key).unwrap();
                    [&message[..at], point.as_slice(), &message[at + 32..]].concat()
                };
                let (message_1, i_2) = steps.message_1(i);
                let bad = swap(&message_1, &bytes(&trace.values["G_X"]));
                assert_eq!(steps.message_2(r, &bad).err(), Some(Error::InvalidKey), "{point:02x?}");
                let (message_2, _) = steps.message_2(r, &message_1).unwrap();
                let bad = swap(&message_2, &bytes(&trace.values["G_Y"]));
                assert_eq!(steps.message_3(i, &i_2, &bad).err(), Some(Error::InvalidKey), "{point:02x?}");
            });
        }
    }
}

#[test]
fn four_candidates_are_tried_and_a_defective_one_does_not_stop_that() {
    let trace = &peer_traces()[0];
    let kid = &trace.responder.kid;
    let ccs = |x: [u8; 32]| {
        let mut out = [0; 128];
        let mut out = Writer::new(&mut out);
        let key = PublicKey { x, ..public_key(KeyKind::X25519, &Secret::from([9; 32])).unwrap() };
        crate::credential::write_ccs(&mut out, "decoy", &key, kid).unwrap();
        out.written().to_vec()
    };
    let other = ccs(public_key(KeyKind::X25519, &Secret::from([9; 32])).unwrap().x);
    let defective = ccs([0; 32]);
    let right = &trace.responder.credential;
    for (candidates, outcome) in [
        (vec![&other], Some(Error::AuthenticationFailed)),
        (vec![&defective], Some(Error::InvalidKey)),
        (vec![&defective, &other], Some(Error::AuthenticationFailed)),
        (vec![right], None),
        (vec![&defective, right], None),
        (vec![&other, &defective, &other, right], None),
        (vec![&other, &other, &other, &other, right], Some(Error::AuthenticationFailed)),
    ] {
        parties(trace, |i, _| {
            let steps = Steps { trace };
            let (_, state) = steps.message_1(i);
            let known: Vec<Provisioned<'_>> = candidates.iter().map(|credential| Provisioned { kid, credential }).collect();
            let mut i = party_of(StaticCredentials { peers: &known, ..i.credentials }, software(), i.ephemeral);
            i.inner.keys.insert(KeyHandle(0), KeyKind::X25519, Secret::from(trace.initiator.private)).unwrap();
            let result = steps.message_3(&mut i, &state, &bytes(&trace.values["message_2"]));
            assert_eq!(result.err(), outcome);
        });
    }
}

#[test]
fn after_error_3_the_credential_goes_by_value() {
    for trace in both() {
        parties(&trace, |i, r| {
            let steps = Steps { trace: &trace };
            let (message_1, i_2) = steps.message_1(i);
            let (message_2, r_3) = steps.message_2(r, &message_1).unwrap();
            let (mut scratch, mut out) = ([0; ROOM], [0; ROOM]);
            let mut out = Writer::new(&mut out);
            let i_4 = i_2.process_message_2(i, &message_2, true, &[], &mut inbox, &mut scratch, &mut out).unwrap();
            let credential = &trace.initiator.credential;
            assert!(out.len() > credential.len() + 16);
            let (message_4, r_done) = steps.message_4(r, &r_3, out.written()).unwrap();
            let i_done = steps.finish(i, &i_4, &message_4).unwrap();
            assert_eq!(i_done.prk_out(), r_done.prk_out());
            assert_eq!(i_done.own, r_done.peer);
        });
    }
}

#[test]
fn an_own_credential_on_another_curve_is_not_used() {
    let [trace, other] = both();
    parties(&trace, |_, r| {
        let steps = Steps { trace: &trace };
        let own = [OwnEntry { credential: &other.responder.credential, ..r.credentials.own[0] }];
        let mut inner = software();
        inner.keys.insert(KeyHandle(0), KeyKind::X25519, Secret::from(trace.responder.private)).unwrap();
        let credentials = StaticCredentials { own: &own, ..r.credentials };
        let mut r = party_of(credentials, inner, r.ephemeral);
        let outcome = steps.message_2(&mut r, &bytes(&trace.values["message_1"]));
        assert_eq!(outcome.err(), Some(Error::UntrustedCredential));
    });
}

#[test]
fn policy_is_told_the_side_and_the_inbox_that_is_claimed() {
    let trace = &peer_traces()[0];
    parties(trace, |i, r| {
        let steps = Steps { trace };
        let (message_1, i_2) = steps.message_1(i);
        let (message_2, r_3) = steps.message_2(r, &message_1).unwrap();
        let (message_3, _) = steps.message_3(i, &i_2, &message_2).unwrap();
        assert_eq!(i.asked, [(Role::Initiator, None)]);
        let subject = Credential::parse(&trace.initiator.credential).unwrap().subject.unwrap();
        for (claimed, refusal) in [(Some("someone-else"), Some(Error::Denied)), (Some(subject), None), (None, None)] {
            let (mut scratch, mut out) = ([0; ROOM], [0; ROOM]);
            let claimed = claimed.map(str::as_bytes);
            let outcome = r_3.process_message_3(r, &message_3, claimed, &mut inbox, &[], &mut scratch, &mut Writer::new(&mut out));
            assert_eq!(outcome.err(), refusal);
            assert_eq!(r.asked.pop(), Some((Role::Responder, claimed.map(<[u8]>::to_vec))));
        }
    });
}

#[test]
fn buffers_that_are_too_small_are_reported_and_exact_ones_suffice() {
    let trace = &peer_traces()[0];
    parties(trace, |i, r| {
        let steps = Steps { trace };
        let v = |name: &str| bytes(&trace.values[name]);
        let (message_1, i_2) = steps.message_1(i);
        let (message_2, r_3) = steps.message_2(r, &message_1).unwrap();
        let (message_3, i_4) = steps.message_3(i, &i_2, &message_2).unwrap();
        let (message_4, _) = steps.message_4(r, &r_3, &message_3).unwrap();
        let plaintext_4 = message_4.len() - 1 - trace.suite.edhoc_aead().tag_len();
        let items: Vec<Items> = trace.ead.to_vec();
        let suites = [trace.suite];
        let y = Ephemeral::generate(r, trace.suite.curve()).unwrap();
        let each = |name: &str, scratch_len: usize, out_len: usize, step: &mut dyn FnMut(&mut [u8], &mut Writer<'_>) -> Result<()>| {
            for (scratch, out) in (0..scratch_len).map(|len| (len, out_len)).chain((0..out_len).map(|len| (scratch_len, len))) {
                let outcome = step(&mut vec![0; scratch], &mut Writer::new(&mut vec![0; out]));
                assert_eq!(outcome, Err(Error::BufferTooSmall), "{name}: scratch {scratch}, out {out}");
            }
            assert_eq!(step(&mut vec![0; scratch_len], &mut Writer::new(&mut vec![0; out_len])), Ok(()), "{name}");
        };
        each("message_1", 0, message_1.len(), &mut |_, out| {
            compose_message_1(i, Method::DhDh, &suites, trace.suite, trace.c_i, &ead(&items[0]), out).map(drop)
        });
        each("message_2", v("PLAINTEXT_2").len(), message_2.len(), &mut |scratch, out| {
            process_message_1(r, Methods::ALL, &suites, &y, trace.c_r, &message_1, &mut inbox, &ead(&items[1]), scratch, out).map(drop)
        });
        each("message_3", v("PLAINTEXT_2").len(), message_3.len(), &mut |scratch, out| {
            i_2.process_message_2(i, &message_2, false, &ead(&items[2]), &mut inbox, scratch, out).map(drop)
        });
        each("message_4", v("PLAINTEXT_3").len(), message_4.len(), &mut |scratch, out| {
            r_3.process_message_3(r, &message_3, None, &mut inbox, &ead(&items[3]), scratch, out).map(drop)
        });
        each("the end", plaintext_4, 0, &mut |scratch, _| i_4.process_message_4(i, &message_4, &mut inbox, scratch).map(drop));
    });
}

#[test]
fn identifiers_of_every_length() {
    assert_eq!(ConnectionId::new(&[]), Err(Error::InvalidArgument));
    assert_eq!(ConnectionId::new(&[0; 5]), Err(Error::InvalidArgument));
    assert_eq!(ConnectionId::new(&[0; 257]), Err(Error::InvalidArgument));
    let ids = ["00", "17", "18", "1f", "20", "37", "38", "ff", "0000", "0e0e", "010203", "deadbeef"];
    for (c_i, c_r) in ids.iter().zip(ids.iter().skip(1)) {
        let mut trace = peer_traces().remove(0);
        trace.c_i = ConnectionId::new(&hex(c_i)).unwrap();
        trace.c_r = ConnectionId::new(&hex(c_r)).unwrap();
        parties(&trace, |i, r| {
            let steps = Steps { trace: &trace };
            let (message_1, i_2) = steps.message_1(i);
            let (message_2, r_3) = steps.message_2(r, &message_1).unwrap();
            let (message_3, i_4) = steps.message_3(i, &i_2, &message_2).unwrap();
            let (message_4, r_done) = steps.message_4(r, &r_3, &message_3).unwrap();
            let i_done = steps.finish(i, &i_4, &message_4).unwrap();
            assert_eq!(i_done.prk_out(), r_done.prk_out());
            for done in [i_done, r_done] {
                assert_eq!((done.c_i.as_bytes(), done.c_r.as_bytes()), (hex(c_i).as_slice(), hex(c_r).as_slice()));
            }
        });
    }
}

#[test]
fn lists_of_suites_have_bounds() {
    let g_x = "58200000000000000000000000000000000000000000000000000000000000000000";
    let message_1 = |suites: &str| hex(&format!("03{suites}{g_x}00"));
    let list = |count: usize| {
        format!("{}{}", if count < 24 { format!("{:02x}", 0x80 + count) } else { format!("98{count:02x}") }, "05".repeat(count))
    };
    for (suites, outcome) in [
        (list(0), Some(Error::Malformed)),
        (list(1), Some(Error::Malformed)),
        (list(2), None),
        (list(16), None),
        (list(17), Some(Error::Malformed)),
        ("9f0504ff".to_string(), Some(Error::NotDeterministic)),
        ("820518 04".replace(' ', ""), Some(Error::NotDeterministic)),
        ("82056161".to_string(), Some(Error::Malformed)),
        ("6161".to_string(), Some(Error::Malformed)),
        // Private use: −24, and one before the selected suite.
        ("37".to_string(), None),
        ("823704".to_string(), None),
    ] {
        assert_eq!(Message1::parse(&message_1(&suites)).err(), outcome, "{suites}");
    }
    assert_eq!(
        Message1::parse(&message_1("823704")).unwrap().check(Methods::ALL, &[Suite::X25519ChaCha]),
        Ok((Method::DhDh, Suite::X25519ChaCha))
    );
    assert_eq!(Message1::parse(&message_1("37")).unwrap().check(Methods::ALL, &[Suite::X25519ChaCha]), Err(Error::UnsupportedSuite));

    // All that RFC 9528 has, in an order that means nothing.
    let EdhocError::WrongSuite(all) = EdhocError::parse(&hex("0289181918180605040302 0100".replace(' ', "").as_str())).unwrap() else {
        panic!("not error 2")
    };
    assert_eq!(all.iter().collect::<Vec<_>>(), [25, 24, 6, 5, 4, 3, 2, 1, 0]);
    let EdhocError::WrongSuite(one) = EdhocError::parse(&hex("0237")).unwrap() else { panic!("not error 2") };
    assert_eq!(one.iter().collect::<Vec<_>>(), [-24]);
    for (count, fits) in [(2, true), (16, true), (17, false)] {
        assert_eq!(EdhocError::parse(&hex(&format!("02{}", list(count)))).is_ok(), fits, "{count}");
    }
    assert_eq!(EdhocError::parse(&hex("021b0000000100000000")), Err(Error::Malformed));
}

#[test]
fn the_schedule_has_bounds() {
    let p = &mut software();
    let prk = Secret::from([7; 32]);
    assert_eq!(exporter(p, &prk, 32768, &[], &mut vec![0; 8160]), Ok(()));
    assert_eq!(exporter(p, &prk, 32768, &[], &mut vec![0; 8161]), Err(Error::InvalidArgument));
    let part: &[u8] = &[1];
    assert_eq!(schedule::kdf(p, &prk, 0, &[part; 6], &mut [0; 4]), Ok(()));
    assert_eq!(schedule::kdf(p, &prk, 0, &[part; 7], &mut [0; 4]), Err(Error::InvalidArgument));
}
