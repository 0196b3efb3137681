//! The whole matrix against the second implementation: method × suite × role × way to name a credential, each once, with exporters and
//! a key update compared. `cargo test -p sealwire-interop matrix -- --nocapture` prints what was run, with the bytes of the messages.

use crate::handshakes::{Named, Setting, initiate, respond};
use crate::peer::{Peer, bytes, hex};
use sealwire_core::credential::Role;
use sealwire_core::crypto::Suite;
use sealwire_core::edhoc::{Completed, Method, key_update};
use serde_json::json;

const fn identifiers(named: Named) -> (&'static [u8], &'static [u8]) {
    match named {
        Named::CcsByKid | Named::X5t => (&[0x0e], &[0x20]),
        Named::CcsByValue | Named::X5tWhole => (&[0xff], &[0x18]),
        Named::CwtByKid | Named::X5Chain => (&[0x00, 0x01], &[0x37]),
        Named::CwtByValue | Named::X5ChainOfThree => (&[1, 2, 3, 4], &[0, 0, 0]),
    }
}

/// Both ends compute the same next PRK_out.
fn update(peer: &mut Peer, setting: &mut Setting, done: &Completed) {
    let (n_a, n_b) = (setting.seeded.bytes::<8>(), setting.seeded.bytes::<8>());
    let context = [&[1, 0x48], &n_a[..], &[0x48], &n_b].concat();
    let prk_out = key_update(&mut setting.party, done.prk_out(), &context).unwrap();
    let answer = peer.tell("key_update", json!({"n_a": hex(&n_a), "n_b": hex(&n_b)}));
    assert_eq!((&answer["epoch"], bytes(&answer["prk_out"])), (&json!(1), prk_out.expose().to_vec()));
}

/// One method: a row for each suite and role of this end.
fn rows(method: Method, seed: u64) {
    let Some(mut peer) = Peer::start() else { return };
    let mut text = format!("method {}: bytes of message_1 + 2 + 3 + 4, with EAD items in each\n  suite role      ", method.number());
    text.extend(Named::ALL.map(|named| format!(" {:>20}", format!("{named:?}"))));
    let mut run = 0;
    for (seed, suite) in (seed..).step_by(1_000).zip(Suite::ALL.iter().copied()) {
        for (seed, role) in (seed..).step_by(500).zip([Role::Initiator, Role::Responder]) {
            text += &format!("\n  {}     {:9} ", suite.number(), format!("{role:?}"));
            for (seed, named) in (seed..).step_by(20).zip(Named::ALL) {
                let mut setting = Setting::of(&mut peer, method, role, suite, named, seed);
                let (c_i, c_r) = identifiers(named);
                let done = match role {
                    Role::Initiator => initiate(&mut peer, &mut setting, "0", c_i, c_r, false),
                    Role::Responder => respond(&mut peer, &mut setting, "0", c_r, false),
                };
                update(&mut peer, &mut setting, &done);
                text += &format!(" {:>20}", setting.lengths.map(|length| length.to_string()).join("+"));
                run += 1;
            }
        }
    }
    println!("{text}");
    assert_eq!(run, 4 * 2 * 8, "every suite, role and way");
}

#[test]
fn method_0_in_every_suite_role_and_way() {
    rows(Method::SignSign, 100_000);
}

#[test]
fn method_1_in_every_suite_role_and_way() {
    rows(Method::SignDh, 110_000);
}

#[test]
fn method_2_in_every_suite_role_and_way() {
    rows(Method::DhSign, 120_000);
}

#[test]
fn method_3_in_every_suite_role_and_way() {
    rows(Method::DhDh, 130_000);
}
