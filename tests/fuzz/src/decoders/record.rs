//! Records.

use crate::provider::{Mixing, Mode, TAG};
use crate::{refused, typed};
use sealwire_core::bytes::{Secret, Writer};
use sealwire_core::cbor::Decoder;
use sealwire_core::cose::Thumbprint;
use sealwire_core::credential::Role;
use sealwire_core::crypto::Suite;
use sealwire_core::edhoc::ConnectionId;
use sealwire_core::record::{Header, MAX_HEADER, Options, Parties, SecurityContext};

/// The clear part.
pub fn header(data: &[u8]) -> bool {
    let mut accepted = false;
    for length in 1..=4 {
        let parsed = match Header::parse(data, length) {
            Ok(parsed) => parsed,
            Err(error) => {
                typed(error);
                continue;
            }
        };
        let mut buffer = [0; MAX_HEADER];
        let mut w = Writer::new(&mut buffer);
        parsed.write(&mut w).expect("a header that was read");
        assert_eq!(w.written(), &data[..parsed.size()], "read and written is the same");
        accepted = true;
    }
    accepted
}

/// The option map, from the front of the input.
pub fn options(data: &[u8]) -> bool {
    let mut d = Decoder::new(data);
    let parsed = match Options::parse(&mut d) {
        Ok(parsed) => parsed,
        Err(error) => return refused(error),
    };
    let taken = &data[..data.len() - d.rest().len()];
    let mut buffer = vec![0; taken.len()];
    let mut w = Writer::new(&mut buffer);
    assert_eq!(parsed.write(&mut w), Ok(true));
    assert_eq!(w.written(), taken, "read and written is the same");
    true
}

/// A session on the receiving end, that needs no store.
pub fn receiver(provider: &mut Mixing, suite: Suite) -> SecurityContext {
    let id = |byte| ConnectionId::new(&[byte]).expect("one byte");
    let parties =
        Parties { suite, role: Role::Responder, c_i: id(1), c_r: id(2), own: Thumbprint([1; 16]), peer: Thumbprint([2; 16]), sid: [3; 8] };
    let mut context = SecurityContext::new(provider, parties, &Secret::from([9; 32])).expect("derivation");
    context.make_volatile();
    context
}

/// A record that verifies, with the input as header flags, Partial IV and plaintext: first as it is, then with the tag put on.
pub fn content(data: &[u8]) -> bool {
    let mut accepted = false;
    let suite = Suite::from_number(4).expect("in every build of this crate");
    let mut provider = Mixing::new(Mode::Clear, 1);
    let mut context = receiver(&mut provider, suite);
    for tag in [0, suite.application_aead().tag_len()] {
        let mut frame = data.to_vec();
        frame.extend(std::iter::repeat_n(TAG, tag));
        if let [flags, id, ..] = frame.as_mut_slice() {
            *flags = 0x40 | *flags & 0x3f;
            *id = 2;
        }
        let parsed = match Header::parse(&frame, 1) {
            Ok(parsed) => parsed,
            Err(error) => return refused(error),
        };
        let whole = frame.len();
        let opened = match context.unprotect(&mut provider, &parsed, None, &mut frame) {
            Ok(opened) => opened,
            Err(error) => {
                typed(error);
                continue;
            }
        };
        match opened.content() {
            Ok(content) => {
                accepted = true;
                assert!(content.payload.len() < whole);
                assert_eq!(content.number.is_some(), parsed.confirmable);
                assert_eq!(!content.options.is_empty(), parsed.options, "a map that is there is not empty");
            }
            Err(error) => typed(error),
        }
        let at = opened.at;
        context.accept(at).expect("it was opened");
        assert!(context.accept(at).is_err(), "a Partial IV counts once");
    }
    accepted
}
