//! EDHOC messages, and the plaintexts in them.

use crate::party::{Party, identities, other};
use crate::provider::{MAC, Mode, SIGNATURE, TAG};
use crate::random::Input;
use crate::{refused, typed};
use sealwire_core::bytes::Writer;
use sealwire_core::cbor;
use sealwire_core::crypto::Suite;
use sealwire_core::edhoc::{
    AwaitMessage2, AwaitMessage3, AwaitMessage4, ConnectionId, Ead, EadItems, EdhocError, Ephemeral, Message1, Method, Methods,
    compose_message_1, ignore_ead, process_message_1,
};
use sealwire_core::error::Error;

const ROOM: usize = 1024;
const SUITES: [Suite; 2] = [Suite::X25519ChaCha, Suite::X25519Ccm];

/// How a handshake is made: a byte of the input.
#[derive(Clone, Copy)]
struct Setting(u8);

impl Setting {
    const fn by_value(self) -> bool {
        self.0 & 1 == 1
    }

    fn method(self) -> Method {
        Method::from_number(3 - i64::from(self.0 >> 1 & 3)).expect("all four are in this build")
    }

    const fn suite(self) -> Suite {
        SUITES[(self.0 >> 3 & 1) as usize]
    }

    const fn tag(self) -> usize {
        self.suite().edhoc_aead().tag_len()
    }
}

/// EAD items.
pub fn ead(data: &[u8]) -> bool {
    let mut buffer = vec![0; data.len()];
    let mut w = Writer::new(&mut buffer);
    let mut failed = false;
    for item in EadItems::new(data) {
        assert!(!failed, "an item that fails is the last");
        match item {
            Ok(item) => {
                cbor::write_int(&mut w, item.label).expect("as long as what was read");
                if let Some(value) = item.value {
                    cbor::write_bytes(&mut w, value).expect("as long as what was read");
                }
                assert_eq!(item.is_critical(), item.label < 0);
            }
            Err(error) => {
                typed(error);
                failed = true;
            }
        }
    }
    assert!(data.starts_with(w.written()), "read and written is the same");
    assert!(failed || w.len() == data.len());
    !failed
}

/// Error messages.
pub fn error(data: &[u8]) -> bool {
    match EdhocError::parse(data) {
        Ok(parsed) => {
            let mut buffer = vec![0; data.len()];
            let mut w = Writer::new(&mut buffer);
            parsed.write(&mut w).expect("as long as what was read");
            assert_eq!(w.written(), data, "read and written is the same");
            true
        }
        Err(error) => refused(error),
    }
}

/// message_1, by itself and in a Responder.
pub fn message_1(data: &[u8]) -> bool {
    match Message1::parse(data) {
        Ok(parsed) => {
            for suites in [&[2][..], &[4], &[4, 2]] {
                let suites: Vec<Suite> = suites.iter().filter_map(|number| Suite::from_number(*number)).collect();
                match parsed.check(Methods::ALL, &suites) {
                    Ok((_, suite)) => assert!(suites.contains(&suite)),
                    Err(error) => assert!(matches!(error, Error::UnsupportedSuite | Error::UnsupportedMethod)),
                }
            }
            ead(parsed.ead_1().next().and_then(Result::ok).and_then(|item| item.value).unwrap_or_default());
        }
        Err(error) => typed(error),
    }
    let mut party = Party::new(1, Mode::Sealed);
    responder(&mut party, data, &[]).is_some()
}

fn c(byte: u8) -> ConnectionId {
    ConnectionId::new(&[byte]).expect("one byte")
}

/// Gives the Responder's state and message_2.
fn responder(party: &mut Party, message_1: &[u8], ead_2: &[Ead<'_>]) -> Option<(AwaitMessage3, Vec<u8>)> {
    let (mut scratch, mut out) = ([0; ROOM], [0; ROOM]);
    let mut out = Writer::new(&mut out);
    let y = Ephemeral::generate(party, SUITES[0].curve()).expect("both suites have this curve");
    match process_message_1(party, Methods::ALL, &SUITES, &y, c(9), message_1, &mut ignore_ead, ead_2, &mut scratch, &mut out) {
        Ok(state) => {
            assert_ne!(state.c_i(), state.c_r());
            Some((state, out.written().to_vec()))
        }
        Err(error) => {
            typed(error);
            None
        }
    }
}

/// An Initiator that waits for message_2, and its message_1.
fn initiator(party: &mut Party, setting: Setting) -> (AwaitMessage2, Vec<u8>) {
    let mut out = [0; ROOM];
    let mut out = Writer::new(&mut out);
    let state =
        compose_message_1(party, setting.method(), &[setting.suite()], setting.suite(), c(8), &[], &mut out).expect("a sound party");
    (state, out.written().to_vec())
}

fn after_message_2(party: &mut Party, state: &AwaitMessage2, message_2: &[u8], setting: Setting) -> Option<(AwaitMessage4, Vec<u8>)> {
    let (mut scratch, mut out) = ([0; ROOM], [0; ROOM]);
    let mut out = Writer::new(&mut out);
    match state.process_message_2(party, message_2, setting.by_value(), &[], &mut ignore_ead, &mut scratch, &mut out) {
        Ok(next) => {
            assert_ne!(next.peer(), identities()[0].thumbprint(setting.method().initiator()));
            Some((next, out.written().to_vec()))
        }
        Err(error) => {
            typed(error);
            None
        }
    }
}

/// A byte string of parts.
fn byte_string(parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut buffer = vec![0; content.len() + 9];
    let mut w = Writer::new(&mut buffer);
    cbor::write_bytes(&mut w, &content).expect("room for the head");
    w.finish().to_vec()
}

/// The input as PLAINTEXT_2 of a peer that has the keys; and as a message_2 of one that has not.
pub fn plaintext_2(data: &[u8]) -> bool {
    let mut party = Party::new(0, Mode::Clear);
    let mut input = Input::new(data);
    let setting = Setting(input.byte());
    let (state, _) = initiator(&mut party, setting);
    let message_2 = byte_string(&[&[7; 32], input.rest()]);
    let accepted = after_message_2(&mut party, &state, &message_2, setting);
    if let Some((next, message_3)) = &accepted {
        let shown = |byte: u8, length: usize| input.rest().windows(length).any(|part| part.iter().all(|found| *found == byte));
        assert!(shown(MAC, 8) || shown(SIGNATURE, 64), "nobody gets by without a MAC or signature");
        assert_eq!(next.c_i(), &c(8));
        assert!(message_3.len() < ROOM);
    }
    let mut party = Party::new(0, Mode::Sealed);
    let (state, _) = initiator(&mut party, setting);
    assert!(after_message_2(&mut party, &state, &message_2, setting).is_none());
    assert!(after_message_2(&mut party, &state, data, setting).is_none());
    accepted.is_some()
}

/// The input as PLAINTEXT_3 of a peer that has the keys; and as a message_3 of one that has not.
pub fn plaintext_3(data: &[u8]) -> bool {
    let mut accepted = false;
    let mut input = Input::new(data);
    let setting = Setting(input.byte());
    let claims_inbox = setting.by_value();
    for mode in [Mode::Clear, Mode::Sealed] {
        let (_, message_1) = initiator(&mut Party::new(0, mode), setting);
        let mut party = Party::new(1, mode);
        let (state, _) = responder(&mut party, &message_1, &[]).expect("a sound message_1");
        let wrapped = byte_string(&[input.rest(), &[TAG; 16][..setting.tag()]]);
        for message_3 in [&wrapped, data] {
            let (mut scratch, mut out) = ([0; ROOM], [0; ROOM]);
            let mut out = Writer::new(&mut out);
            let inbox = claims_inbox.then_some(&b"dev-1"[..]);
            match state.process_message_3(&mut party, message_3, inbox, &mut ignore_ead, &[], &mut scratch, &mut out) {
                Ok(done) => {
                    accepted = true;
                    assert_eq!(mode, Mode::Clear, "nobody gets by without the keys");
                    assert_eq!(done.own, identities()[1].thumbprint(setting.method().responder()));
                    assert_ne!(done.peer, done.own);
                }
                Err(error) => typed(error),
            }
        }
    }
    accepted
}

/// The input as PLAINTEXT_4 of the peer; and as a message_4 of someone else.
pub fn plaintext_4(data: &[u8]) -> bool {
    let mut accepted = false;
    let mut input = Input::new(data);
    let setting = Setting(input.byte());
    for mode in [Mode::Clear, Mode::Sealed] {
        let (mut i, mut r) = (Party::new(0, mode), Party::new(other(0), mode));
        let (state, message_1) = initiator(&mut i, setting);
        let (_, message_2) = responder(&mut r, &message_1, &[]).expect("a sound message_1");
        let (state, _) = after_message_2(&mut i, &state, &message_2, setting).expect("a sound message_2");
        let wrapped = byte_string(&[input.rest(), &[TAG; 16][..setting.tag()]]);
        for message_4 in [&wrapped, data] {
            let mut scratch = [0; ROOM];
            match state.process_message_4(&mut i, message_4, &mut ignore_ead, &mut scratch) {
                Ok(done) => {
                    accepted = true;
                    assert_eq!(mode, Mode::Clear, "nobody gets by without the keys");
                    assert_eq!(done.peer, identities()[1].thumbprint(setting.method().responder()));
                }
                Err(error) => typed(error),
            }
        }
    }
    accepted
}
