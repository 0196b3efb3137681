//! Signature_or_MAC of every length and kind, METHOD of every value, and SUITES_I in every order.

use super::methods::by_kid;
use super::refusals::{byte_string, message_2_of, message_3_of};
use super::*;

fn text(bytes: &[u8]) -> Value {
    Value::from(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// Adds the secrets that message_2 and message_3 are encrypted with, worked out from what the file holds.
fn with_secrets(mut trace: Trace) -> Trace {
    let message_2 = bytes(&trace.values["message_2"]);
    let g_y: [u8; 32] = message_2[2..34].try_into().unwrap();
    let (mut p, mut g_xy) = (software(), Secret::zero());
    p.agree_ephemeral(trace.suite.curve(), &Secret::from(trace.initiator.ephemeral), &g_y, &mut g_xy).unwrap();
    let prk_2e = p.extract(&array(&trace.values["TH_2"]), g_xy.expose());
    let computed = parties(&trace, |_, r| {
        Steps { trace: &trace }.message_2(r, &bytes(&trace.values["message_1"])).unwrap();
        std::mem::take(&mut r.noted)
    });
    trace.values["G_Y"] = text(&g_y);
    trace.values["PRK_2e"] = text(prk_2e.expose());
    // PRK_3e2m is the one of the Responder's secrets under which PLAINTEXT_3 becomes message_3.
    let (plaintext_3, message_3) = (bytes(&trace.values["PLAINTEXT_3"]), bytes(&trace.values["message_3"]));
    for candidate in computed.iter().filter(|value| value.len() == 32) {
        trace.values["PRK_3e2m"] = text(candidate);
        if message_3_of(&trace, &plaintext_3) == message_3 {
            return trace;
        }
    }
    panic!("{}: no PRK_3e2m", trace.name);
}

/// The plaintext up to the proof, and what stands there instead of a proof of `right` bytes, with the error that it must give.
fn wrong_proofs(plaintext: &[u8], right: usize) -> Vec<(Vec<u8>, Error)> {
    let (before, proof) = plaintext.split_at(plaintext.len() - right);
    let before = &before[..before.len() - (byte_string(proof).len() - right)];
    // MACs of either length, the hash's length that a signer's MAC has, a signature and its neighbours.
    let lengths = [0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 128];
    let mut wrong: Vec<(Vec<u8>, Error)> = Vec::new();
    for length in lengths.into_iter().filter(|length| *length != right) {
        let stretched: Vec<u8> = proof.iter().copied().cycle().take(length).collect();
        wrong.push(([before, &byte_string(&stretched)].concat(), Error::Malformed));
    }
    for at in [0, right / 2 - 1, right / 2, right - 1] {
        let mut flipped = proof.to_vec();
        flipped[at] ^= 1;
        wrong.push(([before, &byte_string(&flipped)].concat(), Error::AuthenticationFailed));
    }
    for constant in [0, 0xff] {
        wrong.push(([before, &byte_string(&vec![constant; right])].concat(), Error::AuthenticationFailed));
    }
    wrong
}

#[test]
fn only_a_proof_of_the_kind_that_the_method_asks_for_passes() {
    for trace in by_kid().into_iter().map(with_secrets) {
        let right = |sort| match sort {
            AuthenticationKey::Signature => 64,
            AuthenticationKey::StaticDh => trace.suite.edhoc_aead().tag_len(),
        };
        parties(&trace, |i, r| {
            let steps = Steps { trace: &trace };
            let (message_1, i_2) = steps.message_1(i);
            let plaintext = bytes(&trace.values["PLAINTEXT_2"]);
            for (wrong, error) in wrong_proofs(&plaintext, right(trace.method.responder())) {
                let message_2 = message_2_of(&trace, &wrong);
                assert_eq!(steps.message_3(i, &i_2, &message_2).err(), Some(error), "{}: {wrong:02x?}", trace.name);
            }
            let (_, r_3) = steps.message_2(r, &message_1).unwrap();
            let plaintext = bytes(&trace.values["PLAINTEXT_3"]);
            for (wrong, error) in wrong_proofs(&plaintext, right(trace.method.initiator())) {
                let message_3 = message_3_of(&trace, &wrong);
                assert_eq!(steps.message_4(r, &r_3, &message_3).err(), Some(error), "{}: {wrong:02x?}", trace.name);
            }
            // The states still take what is right.
            let (message_3, i_4) = steps.message_3(i, &i_2, &message_2_of(&trace, &bytes(&trace.values["PLAINTEXT_2"]))).unwrap();
            let (message_4, _) = steps.message_4(r, &r_3, &message_3).unwrap();
            steps.finish(i, &i_4, &message_4).unwrap();
        });
    }
}

#[test]
fn methods_that_do_not_exist_and_methods_that_are_not_wanted() {
    let message_1 = bytes(&by_kid()[0].values["message_1"]);
    let with = |method: &str| [hex(method), message_1[1..].to_vec()].concat();
    // −1, −4, 4, 23, 24, 255, −2^63.
    for method in ["20", "23", "04", "17", "1818", "18ff", "3b7fffffffffffffff"] {
        let message = with(method);
        assert_eq!(Message1::parse(&message).unwrap().method(Methods::ALL), Err(Error::UnsupportedMethod), "{method}");
    }
    // In more bytes than needed, as a byte string, as text, as true, below −2^63.
    let malformed = [("1800", Error::NotDeterministic), ("40", Error::Malformed), ("60", Error::Malformed), ("f5", Error::Malformed)];
    for (method, error) in malformed {
        assert_eq!(Message1::parse(&with(method)).err(), Some(error), "{method}");
    }
    assert!(Message1::parse(&with("3bffffffffffffffff")).is_err());
    for method in Method::ALL {
        let message = with(&format!("{:02x}", method.number()));
        let parsed = Message1::parse(&message).unwrap();
        assert_eq!(parsed.method(Methods::ALL), Ok(method));
        assert_eq!(parsed.method(Methods::NONE.with(method)), Ok(method));
        assert_eq!(parsed.method(Methods::ALL.without(method)), Err(Error::UnsupportedMethod));
    }
}

/// Every order of four suites, every choice of the Initiator, every set of the Responder: RFC 9528 §5.2.3 by its words, and after error 2
/// one more message_1 leads on wherever there is a common suite (§6.3).
#[test]
fn suites_are_negotiated_in_every_order() {
    let trace = &by_kid()[0];
    let (mut rounds, mut refused) = (0, 0);
    parties(trace, |i, _| {
        let mut compose = |suites: &[Suite], selected: Suite| {
            let mut out = [0; ROOM];
            let mut out = Writer::new(&mut out);
            compose_message_1(i, Method::SignSign, suites, selected, trace.c_i, &[], &mut out).unwrap();
            out.written().to_vec()
        };
        for order in 0..256_usize {
            let order = [order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6];
            if (0..4).any(|at| !order.contains(&at)) {
                continue;
            }
            let likes = order.map(|at| Suite::ALL[at]);
            let messages = [0, 1, 2, 3].map(|at: usize| compose(&likes, likes[at]));
            for theirs in 1..16_u32 {
                let theirs: Vec<Suite> = (0..4).filter(|at| theirs >> at & 1 == 1).map(|at: usize| Suite::ALL[at]).collect();
                for (at, message) in messages.iter().enumerate() {
                    rounds += 1;
                    let outcome = Message1::parse(message).unwrap().check(Methods::ALL, &theirs);
                    if theirs.contains(&likes[at]) && !likes[..at].iter().any(|suite| theirs.contains(suite)) {
                        assert_eq!(outcome, Ok((Method::SignSign, likes[at])));
                        continue;
                    }
                    refused += 1;
                    assert_eq!(outcome, Err(Error::UnsupportedSuite), "{likes:?} {at} {theirs:?}");
                    let mut error = [0; 16];
                    let mut error = Writer::new(&mut error);
                    EdhocError::wrong_suite(&theirs).write(&mut error).unwrap();
                    let EdhocError::WrongSuite(read) = EdhocError::parse(error.written()).unwrap() else { panic!() };
                    let again = likes.iter().position(|suite| read.iter().any(|number| number == i64::from(suite.number()))).unwrap();
                    let second = Message1::parse(&messages[again]).unwrap().check(Methods::ALL, &theirs);
                    assert_eq!(second, Ok((Method::SignSign, likes[again])));
                }
            }
        }
    });
    // One choice of four is right for each order and set.
    assert_eq!((rounds, refused), (24 * 15 * 4, 24 * 15 * 3));
}
