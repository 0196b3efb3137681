//! The same work done by others, from their published crates.

use crate::port;
use lakers::{CredentialTransfer, EDHOCMethod, EDHOCSuite, EdhocInitiator, EdhocResponder, credential_check_or_fetch};
use lakers_crypto_rustcrypto::Crypto;
use rand_core::OsRng;
use sealwire_core::crypto::Suite;
use snow::params::NoiseParams;
use snow::{Builder, TransportState};
use std::hint::black_box;

/// As long as the AAD of a record with a one-byte identifier and a three-byte Partial IV.
const AAD: usize = 56;

/// Whole handshakes of lakers: method 3, suite 2, credentials by kid, message_1 to message_3. Its message_4 is left out, as its
/// protocol allows, and it stores nothing: less work than `ours::handshakes`.
pub(crate) fn lakers_handshakes() -> Box<dyn FnMut()> {
    let [one, other] = port::identities(Suite::P256Ccm);
    let ccs = |bytes: &[u8]| lakers::Credential::parse_ccs(bytes).expect("a CCS");
    let (one_ccs, other_ccs) = (ccs(&one.ccs), ccs(&other.ccs));
    Box::new(move || {
        let mut initiator = EdhocInitiator::new(Crypto::new(OsRng), EDHOCMethod::StatStat, EDHOCSuite::CipherSuite2);
        initiator.set_identity(*one.private.expose(), one_ccs);
        let responder = EdhocResponder::new(Crypto::new(OsRng), EDHOCMethod::StatStat, *other.private.expose(), other_ccs);
        let (initiator, first) = initiator.prepare_message_1(lakers::ConnId::from_slice(&[1]), &None).expect("message_1");
        let (responder, ..) = responder.process_message_1(&first).expect("an honest message_1");
        let by_kid = CredentialTransfer::ByReference;
        let (responder, second) = responder.prepare_message_2(by_kid, lakers::ConnId::from_slice(&[2]), &None).expect("message_2");
        let (initiator, _, named, _) = initiator.parse_message_2(&second).expect("an honest message_2");
        let credential = credential_check_or_fetch(Some(other_ccs), named).expect("the credential");
        let initiator = initiator.verify_message_2(credential).expect("the Responder");
        let (_, third, ours) = initiator.prepare_message_3(CredentialTransfer::ByReference, &None).expect("message_3");
        assert_eq!([first.len, second.len, third.len], [37, 45, 19]);
        let (responder, named, _) = responder.parse_message_3(&third).expect("an honest message_3");
        let credential = credential_check_or_fetch(Some(one_ccs), named).expect("the credential");
        let (_, theirs) = responder.verify_message_3(credential).expect("the Initiator");
        assert_eq!(ours, theirs);
    })
}

/// A Noise handshake, XX: 32, 96 and 64 bytes.
struct Noise {
    params: NoiseParams,
    keys: [snow::Keypair; 2],
}

impl Noise {
    fn new() -> Self {
        let params: NoiseParams = "Noise_XX_25519_ChaChaPoly_SHA256".parse().expect("a pattern");
        let key = || Builder::new(params.clone()).generate_keypair().expect("a key");
        Noise { keys: [key(), key()], params }
    }

    fn handshake(&self) -> [TransportState; 2] {
        let builder = |index: usize| Builder::new(self.params.clone()).local_private_key(&self.keys[index].private).expect("a key");
        let mut initiator = builder(0).build_initiator().expect("an initiator");
        let mut responder = builder(1).build_responder().expect("a responder");
        let (mut frame, mut payload) = ([0; 256], [0; 256]);
        for (forwards, length) in [(true, 32), (false, 96), (true, 64)] {
            let (from, to) = if forwards { (&mut initiator, &mut responder) } else { (&mut responder, &mut initiator) };
            assert_eq!(from.write_message(&[], &mut frame).expect("a message"), length);
            to.read_message(&frame[..length], &mut payload).expect("an honest message");
        }
        assert_eq!(initiator.get_remote_static(), Some(self.keys[1].public.as_slice()));
        [initiator, responder].map(|state| state.into_transport_mode().expect("a transport"))
    }
}

/// Whole handshakes of snow, static keys exchanged on the way.
pub(crate) fn snow_handshakes() -> Box<dyn FnMut()> {
    let noise = Noise::new();
    Box::new(move || {
        black_box(noise.handshake());
    })
}

/// One transport message of snow: written at one end, read at the other.
pub(crate) fn snow_records(size: usize) -> Box<dyn FnMut()> {
    let [mut sender, mut receiver] = Noise::new().handshake();
    let payload = vec![7; size];
    let (mut frame, mut out) = (vec![0; size + 16], vec![0; size + 16]);
    Box::new(move || {
        let length = sender.write_message(&payload, &mut frame).expect("write");
        let length = receiver.read_message(&frame[..length], &mut out).expect("an honest message");
        assert_eq!(out[..length], payload);
    })
}

/// A bare AEAD: the key set up once, the nonce never changed, seal and open in place.
macro_rules! bare {
    ($cipher:expr, $nonce:expr, $size:expr) => {{
        use chacha20poly1305::aead::{AeadInPlace, KeyInit};
        let (cipher, payload, aad) = ($cipher, vec![7; $size], [0x5a; AAD]);
        let mut buffer = payload.clone();
        Box::new(move || {
            buffer.copy_from_slice(&payload);
            let tag = cipher.encrypt_in_place_detached($nonce, black_box(&aad), &mut buffer).expect("seal");
            cipher.decrypt_in_place_detached($nonce, black_box(&aad), &mut buffer, &tag).expect("open");
            assert_eq!(buffer, payload);
        })
    }};
}

/// The crate `chacha20poly1305`.
pub(crate) fn chacha(size: usize) -> Box<dyn FnMut()> {
    bare!(chacha20poly1305::ChaCha20Poly1305::new(&[1; 32].into()), &[2; 12].into(), size)
}

/// The crates `ccm` and `aes`.
pub(crate) fn ccm(size: usize) -> Box<dyn FnMut()> {
    type Ccm = ccm::Ccm<aes::Aes128, ccm::consts::U8, ccm::consts::U13>;
    bare!(Ccm::new(&[1; 16].into()), &[2; 13].into(), size)
}
