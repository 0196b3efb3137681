//! The bodies of the fuzz targets: what bytes from outside may do, as assertions.
//!
//! `make assure` runs them under libFuzzer (`cargo fuzz`, feature `engine`); `make test` replays the kept inputs on stable Rust. Every target
//! is a function of bytes that panics when a rule is broken:
//!
//! - decoders: nothing panics, errors are typed, and where there is one encoding, what was decoded and encoded again is the same bytes;
//! - the endpoint: what is not authenticated changes nothing but counters and the bounded handshake rules, and is answered by one frame at most.
//!
//! Cryptography comes from [`provider`], which is fast and secures nothing.

pub mod decoders;
pub mod device;
pub mod endpoint;
pub mod newcomers;
pub mod party;
pub mod provider;
pub mod random;
pub mod seeds;

use decoders::{blocks, cbor, cose, credential, edhoc, link, persist, record, setup, x509};
use sealwire_core::Error;

/// A target: its name and its body, which tells whether anything in the input was accepted: a corpus of which nothing is has rotted.
pub type Target = (&'static str, fn(&[u8]) -> bool);

macro_rules! targets {
    ($($name:ident = $body:path;)+) => {
        /// Every target. Each has a file in `fuzz_targets/`, an entry in `Cargo.toml` and a corpus.
        pub const TARGETS: &[Target] = &[$((stringify!($name), $body)),+];

        $(
            #[doc = concat!("Target `", stringify!($name), "`.")]
            pub fn $name(data: &[u8]) -> bool {
                $body(data)
            }
        )+
    };
}

targets! {
    cbor_ordered = cbor::ordered;
    cbor_unordered = cbor::unordered;
    cose_header = cose::header;
    cose_key = cose::key;
    cose_sign1 = cose::sign1;
    credential = credential::credential;
    credential_id = credential::id_cred;
    device_frames = device::frames;
    device_restore = device::restore;
    edhoc_ead = edhoc::ead;
    edhoc_error = edhoc::error;
    edhoc_message_1 = edhoc::message_1;
    edhoc_plaintext_2 = edhoc::plaintext_2;
    edhoc_plaintext_3 = edhoc::plaintext_3;
    edhoc_plaintext_4 = edhoc::plaintext_4;
    endpoint_established = endpoint::established;
    endpoint_idle = endpoint::idle;
    endpoint_message_2 = endpoint::message_2;
    endpoint_message_3 = endpoint::message_3;
    endpoint_message_4 = endpoint::message_4;
    endpoint_pending = endpoint::pending;
    endpoint_restore = endpoint::restore;
    endpoint_setup = newcomers::setup;
    endpoint_timeout = endpoint::timeout;
    endpoint_unconfirmed = endpoint::unconfirmed;
    link_can = link::can;
    link_ethernet = blocks::ethernet;
    link_fragment = blocks::fragment;
    link_rs485 = blocks::rs485;
    link_spi = blocks::spi;
    link_stream = link::stream;
    link_uart = link::uart;
    persist_flash = persist::flash;
    persist_snapshot = persist::snapshot;
    record_content = record::content;
    record_header = record::header;
    record_options = record::options;
    setup_code = setup::code;
    setup_item = setup::item;
    setup_record = setup::record;
    setup_statement = setup::statement;
    x509_certificate = x509::certificate;
    x509_path = x509::path;
}

/// The body of a target.
pub fn target(name: &str) -> Option<fn(&[u8]) -> bool> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, body)| *body)
}

/// An error on bytes from outside says what is wrong with them, and never that the library is broken.
fn typed(error: Error) {
    assert_ne!(error, Error::Internal);
    assert!(error.number() > 0 && !error.name().is_empty());
}

/// The same at the end of a target.
fn refused(error: Error) -> bool {
    typed(error);
    false
}
