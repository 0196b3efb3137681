//! X.509 certificates.

use crate::party::Party;
use crate::provider::{Mixing, Mode};
use crate::random::Input;
use crate::{refused, typed};
use sealwire_core::Error;
use sealwire_core::credential::x509::{Certificate, KeyUsage, verify_path};
use sealwire_core::credential::{Credentials, MAX_CREDENTIAL, anchor_key};

/// Most certificates in a path: the peer's and two of intermediate authorities.
const MAX_PATH: usize = 3;

/// One certificate.
pub fn certificate(data: &[u8]) -> bool {
    let parsed = match Certificate::parse(data) {
        Ok(parsed) => parsed,
        Err(error) => return refused(error),
    };
    assert_eq!(parsed.bytes, data);
    assert!(data.len() <= MAX_CREDENTIAL);
    assert!((1..=20).contains(&parsed.serial.len()));
    assert!(parsed.common_name.is_none_or(|name| !name.is_empty()), "a name without letters");
    for end in 0..data.len() {
        assert!(Certificate::parse(&data[..end]).is_err(), "a part of a certificate");
    }
    assert!(Certificate::parse(&[data, &[0]].concat()).is_err(), "more than a certificate");
    let anchor = Party::new(0, Mode::Sealed).anchor(0).expect("there is one").key;
    assert!(parsed.verify(&mut Mixing::new(Mode::Sealed, 1), &anchor).is_err(), "a signature of nobody");
    assert_eq!(parsed.check_time(Some(parsed.not_after)).is_ok(), parsed.not_before <= parsed.not_after);
    assert!(parsed.check_time(parsed.not_after.checked_add(1)).is_err() || parsed.not_after == u64::MAX);
    match anchor_key(data) {
        Ok(key) => assert!(parsed.authority && parsed.allows(KeyUsage::CERTIFICATE_SIGNING) && key == parsed.key),
        Err(error) => assert_eq!(error, Error::UntrustedCredential),
    }
    true
}

/// A path: certificates behind their lengths in two bytes.
pub fn path(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let mut certificates = Vec::new();
    while !input.is_empty() && certificates.len() <= MAX_PATH {
        let length = usize::from(input.short());
        certificates.push(input.take(length));
    }
    let sealed = verify_path(&mut Party::new(0, Mode::Sealed), &certificates);
    assert!(sealed.is_err(), "a signature of nobody");
    match verify_path(&mut Party::new(0, Mode::Clear), &certificates) {
        Ok(peer) => {
            assert!(certificates.len() <= MAX_PATH && !peer.authority);
            assert_eq!(Some(&peer.bytes), certificates.first());
            true
        }
        Err(error) => {
            typed(error);
            false
        }
    }
}
