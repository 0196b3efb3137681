//! lakers: suite 2, method 3, CCS. It has no other suites, no CWT, and no records.
//!
//! It writes an exporter label as one byte, without a CBOR head, so that labels above 23 come out wrong and labels above 255 do not
//! exist; the labels compared here are below. For the same reason its EAD labels stay below 24.

use crate::edhoc::{Items, damaged, finish, message_1, message_2, message_3, message_4};
use crate::party::{Pair, Party};
use crate::random::Seeded;
use lakers::{
    CredentialTransfer, EADItem, EDHOCMethod, EDHOCSuite, EdhocInitiator, EdhocInitiatorDone, EdhocMessageBuffer, EdhocResponder,
    EdhocResponderDone, credential_check_or_fetch,
};
use lakers_crypto_rustcrypto::Crypto;
use sealwire_core::crypto::Suite;
use sealwire_core::edhoc::{Completed, ConnectionId, Method, exporter, key_update};

const SUITE: Suite = Suite::P256Ccm;

fn buffer(message: &[u8]) -> EdhocMessageBuffer {
    EdhocMessageBuffer::new_from_slice(message).unwrap()
}

fn id(bytes: &[u8]) -> ConnectionId {
    ConnectionId::new(bytes).unwrap()
}

fn crypto(seed: u64) -> Crypto<Seeded> {
    Crypto::new(Seeded::new(seed))
}

/// lakers holds a value with its CBOR head.
fn item(label: u16, value: Option<&[u8]>) -> EADItem {
    let value = value.map(|value| buffer(&[&[0x40 | value.len() as u8], value].concat()));
    EADItem { label, is_critical: false, value }
}

/// What of an item can be compared; the value without its head.
fn seen(item: Option<EADItem>) -> Option<(u16, bool, Option<Vec<u8>>)> {
    item.map(|item| (item.label, item.is_critical, item.value.map(|value| value.as_slice()[1..].to_vec())))
}

/// What both kinds of finished handshakes of lakers offer.
trait Done {
    fn export(&mut self, label: u8, context: &[u8], length: usize) -> Vec<u8>;
    fn update(&mut self, context: &[u8]) -> [u8; 32];
}

impl Done for EdhocInitiatorDone<Crypto<Seeded>> {
    fn export(&mut self, label: u8, context: &[u8], length: usize) -> Vec<u8> {
        self.edhoc_exporter(label, context, length)[..length].to_vec()
    }
    fn update(&mut self, context: &[u8]) -> [u8; 32] {
        self.edhoc_key_update(context)
    }
}

impl Done for EdhocResponderDone<Crypto<Seeded>> {
    fn export(&mut self, label: u8, context: &[u8], length: usize) -> Vec<u8> {
        self.edhoc_exporter(label, context, length)[..length].to_vec()
    }
    fn update(&mut self, context: &[u8]) -> [u8; 32] {
        self.edhoc_key_update(context)
    }
}

/// Labels 0 and 1 are OSCORE's; both sides derive the same, before and after two key updates.
fn agree(party: &mut Party, ours: &Completed, theirs: &mut impl Done) {
    let mut prk_out = ours.prk_out().clone();
    for context in [b"sixteen bytes...".as_slice(), b"", &[7; 40]] {
        for (label, exported, length) in [(0, b"".as_slice(), 16), (1, b"", 8), (23, b"context", 48), (5, &[3; 30], 23)] {
            let mut out = vec![0; length];
            exporter(party, &prk_out, u64::from(label), exported, &mut out).unwrap();
            assert_eq!(out, theirs.export(label, exported, length), "label {label}");
        }
        prk_out = key_update(party, &prk_out, context).unwrap();
        assert_eq!(*prk_out.expose(), theirs.update(context));
    }
}

struct Setting {
    ours: Pair,
    theirs: Pair,
    our_credential: Vec<u8>,
    their_credential: Vec<u8>,
    transfer: CredentialTransfer,
    party: Party,
}

fn setting(seed: u64, by_value: bool) -> Setting {
    let ours = Pair::of_suite(SUITE, &[0x2b], seed);
    let theirs = Pair::of_suite(SUITE, &[0x0a], seed + 1);
    let (our_credential, their_credential) = (ours.ccs("wearable-7"), theirs.ccs("hub"));
    let mut party = Party::new(seed + 2);
    party.show(SUITE, &ours, our_credential.clone(), by_value);
    party.know(&theirs.kid, their_credential.clone());
    let transfer = if by_value { CredentialTransfer::ByValue } else { CredentialTransfer::ByReference };
    Setting { ours, theirs, our_credential, their_credential, transfer, party }
}

fn ccs(bytes: &[u8]) -> lakers::Credential {
    lakers::Credential::parse_ccs(bytes).unwrap()
}

#[test]
fn lakers_responds() {
    for (seed, by_value) in [(100, false), (110, true)] {
        for (c_i, c_r) in [([0x0e], [0x27]), ([0x37], [0x00]), ([0x18], [0xff])] {
            let mut s = setting(seed, by_value);
            let lakers = EdhocResponder::new(crypto(seed + 3), EDHOCMethod::StatStat, s.theirs.private, ccs(&s.their_credential));
            let (first, state) = message_1(&mut s.party, Method::DhDh, SUITE, id(&c_i), &vec![(1, Some(b"one".to_vec()))]);
            let (lakers, their_c_i, ead_1) = lakers.process_message_1(&buffer(&first)).unwrap();
            assert_eq!(their_c_i.as_slice(), c_i);
            assert_eq!(seen(ead_1), Some((1, false, Some(b"one".to_vec()))));

            let chosen = lakers::ConnId::from_slice(&c_r);
            let (lakers, second) = lakers.prepare_message_2(s.transfer, chosen, &Some(item(2, Some(b"two")))).unwrap();
            for wrong in damaged(second.as_slice()) {
                assert!(message_3(&mut s.party, &state, &wrong, &Items::new()).is_err());
            }
            let (third, state, noted) = message_3(&mut s.party, &state, second.as_slice(), &vec![(3, Some(b"three".to_vec()))]).unwrap();
            assert_eq!(noted, [(2, Some(b"two".to_vec()))]);
            assert_eq!(state.c_r().as_bytes(), c_r);
            assert_eq!(state.peer(), s.theirs.thumbprint());

            let (lakers, id_cred, ead_3) = lakers.parse_message_3(&buffer(&third)).unwrap();
            assert_eq!(seen(ead_3), Some((3, false, Some(b"three".to_vec()))));
            assert_eq!(id_cred.reference_only(), !by_value);
            let valid = credential_check_or_fetch(Some(ccs(&s.our_credential)), id_cred).unwrap();
            let (lakers, prk_out) = lakers.verify_message_3(valid).unwrap();
            let (mut lakers, fourth) = lakers.prepare_message_4(&Some(item(4, None))).unwrap();
            for wrong in damaged(fourth.as_slice()) {
                assert!(finish(&mut s.party, &state, &wrong).is_err());
            }
            let (done, noted) = finish(&mut s.party, &state, fourth.as_slice()).unwrap();
            assert_eq!(noted, [(4, None)]);
            assert_eq!(*done.prk_out().expose(), prk_out);
            assert_eq!((done.own, done.peer), (s.ours.thumbprint(), s.theirs.thumbprint()));
            agree(&mut s.party, &done, &mut lakers);
        }
    }
}

#[test]
fn lakers_initiates() {
    for (seed, by_value) in [(200, false), (210, true)] {
        for (c_i, c_r) in [([0x0e], [0x27]), ([0x37], [0x00]), ([0x18], [0xff])] {
            let mut s = setting(seed, by_value);
            let mut lakers = EdhocInitiator::new(crypto(seed + 3), EDHOCMethod::StatStat, EDHOCSuite::CipherSuite2);
            lakers.set_identity(s.theirs.private, ccs(&s.their_credential));
            let (lakers, first) = lakers.prepare_message_1(lakers::ConnId::from_slice(&c_i), &Some(item(1, Some(b"one")))).unwrap();
            let ead_2 = vec![(2, Some(b"two".to_vec()))];
            let (second, state, noted) = message_2(&mut s.party, SUITE, id(&c_r), first.as_slice(), &ead_2).unwrap();
            assert_eq!(noted, [(1, Some(b"one".to_vec()))]);

            let (lakers, their_c_r, id_cred, ead_2) = lakers.parse_message_2(&buffer(&second)).unwrap();
            assert_eq!(their_c_r.as_slice(), c_r);
            assert_eq!(seen(ead_2), Some((2, false, Some(b"two".to_vec()))));
            assert_eq!(id_cred.reference_only(), !by_value);
            let valid = credential_check_or_fetch(Some(ccs(&s.our_credential)), id_cred).unwrap();
            let lakers = lakers.verify_message_2(valid).unwrap();
            let (lakers, third, prk_out) = lakers.prepare_message_3(s.transfer, &Some(item(3, Some(b"three")))).unwrap();

            for wrong in damaged(third.as_slice()) {
                assert!(message_4(&mut s.party, &state, &wrong, None, &Items::new()).is_err());
            }
            let ead_4 = vec![(4, Some(b"four".to_vec()))];
            let (fourth, done, noted) = message_4(&mut s.party, &state, third.as_slice(), None, &ead_4).unwrap();
            assert_eq!(noted, [(3, Some(b"three".to_vec()))]);
            let (mut lakers, ead_4) = lakers.process_message_4(&buffer(&fourth)).unwrap();
            assert_eq!(seen(ead_4), Some((4, false, Some(b"four".to_vec()))));
            assert_eq!(*done.prk_out().expose(), prk_out);
            assert_eq!((done.own, done.peer), (s.ours.thumbprint(), s.theirs.thumbprint()));
            assert_eq!((done.c_i, done.c_r), (id(&c_i), id(&c_r)));
            agree(&mut s.party, &done, &mut lakers);
        }
    }
}

#[test]
fn lakers_refuses_what_the_core_was_not_asked_to_sign() {
    let mut s = setting(300, false);
    let stranger = Pair::of_suite(SUITE, &[0x2b], 350);
    let lakers = EdhocResponder::new(crypto(303), EDHOCMethod::StatStat, s.theirs.private, ccs(&s.their_credential));
    let (first, state) = message_1(&mut s.party, Method::DhDh, SUITE, id(&[1]), &Items::new());
    let (lakers, _, _) = lakers.process_message_1(&buffer(&first)).unwrap();
    let (lakers, second) = lakers.prepare_message_2(s.transfer, lakers::ConnId::from_slice(&[2]), &None).unwrap();
    let (third, _, _) = message_3(&mut s.party, &state, second.as_slice(), &Items::new()).unwrap();
    let (lakers, _, _) = lakers.parse_message_3(&buffer(&third)).unwrap();
    // Another key under the kid that message_3 names.
    assert!(lakers.verify_message_3(ccs(&stranger.ccs("wearable-7"))).is_err());
}
