//! lakers 0.8: EDHOC, method 3, suite 2, credentials by reference, without message_4. It has no records: one AES-CCM each way under
//! exported keys stands for them, at most as long as its buffers.

use crate::Repeatable;
use lakers::{
    ConnId, Credential, CredentialTransfer, EDHOCMethod, EDHOCSuite, EdhocInitiator, EdhocInitiatorWaitM2, EdhocMessageBuffer, EdhocResponder,
    EdhocResponderDone, EdhocResponderWaitM3, credential_check_or_fetch,
};
use lakers_crypto_rustcrypto::Crypto;
use lakers_shared::{BufferCiphertext3, BufferPlaintext3, Crypto as _};

// Credentials and keys as tests/budget/peer.c makes them, written by scripts/budget_rivals.py.
include!(env!("RIVAL_KEYS"));

fn crypto() -> Crypto<Repeatable> {
    Crypto::new(Repeatable::default())
}

fn buffer(bytes: &[u8]) -> EdhocMessageBuffer {
    EdhocMessageBuffer::new_from_slice(bytes).unwrap()
}

fn copy(from: &[u8], out: &mut [u8]) -> usize {
    out[..from.len()].copy_from_slice(from);
    from.len()
}

/// What a finished handshake yields.
pub struct Keys {
    key: [u8; 16],
    iv: [u8; 13],
}

impl Keys {
    fn new(done: &mut EdhocResponderDone<Crypto<Repeatable>>) -> Self {
        let (mut key, mut iv) = ([0; 16], [0; 13]);
        key.copy_from_slice(&done.edhoc_exporter(0, &[], 16)[..16]);
        iv.copy_from_slice(&done.edhoc_exporter(1, &[], 13)[..13]);
        Self { key, iv }
    }
    fn seal(&mut self, input: &[u8], out: &mut [u8]) -> usize {
        self.iv[12] ^= 1;
        let sealed: BufferCiphertext3 = crypto().aes_ccm_encrypt_tag_8(&self.key, &self.iv, &[], &BufferPlaintext3::new_from_slice(input).unwrap());
        copy(sealed.as_slice(), out)
    }
    fn open(&mut self, input: &[u8], out: &mut [u8]) -> usize {
        let mut iv = self.iv;
        iv[11] ^= 1;
        let opened = crypto().aes_ccm_decrypt_tag_8(&self.key, &iv, &[], &BufferCiphertext3::new_from_slice(input).unwrap()).unwrap();
        copy(opened.as_slice(), out)
    }
}

/// The device.
pub enum Initiator {
    Waits(EdhocInitiatorWaitM2<Crypto<Repeatable>>),
    Done(Keys),
}

impl Initiator {
    pub fn first(out: &mut [u8]) -> (Self, usize) {
        let mut initiator = EdhocInitiator::new(crypto(), EDHOCMethod::StatStat, EDHOCSuite::CipherSuite2);
        initiator.set_identity(KEY_I, Credential::parse_ccs(CRED_I).unwrap());
        let (state, message_1) = initiator.prepare_message_1(Some(ConnId::from_int_raw(5)), &None).unwrap();
        (Self::Waits(state), copy(message_1.as_slice(), out))
    }

    pub fn next(self, input: &[u8], out: &mut [u8]) -> (Self, usize) {
        let Self::Waits(state) = self else { return (self, 0) };
        let message_2 = buffer(input);
        let (state, _, id_cred_r, _) = state.parse_message_2(&message_2).unwrap();
        let cred_r = credential_check_or_fetch(Some(Credential::parse_ccs(CRED_R).unwrap()), id_cred_r).unwrap();
        let state = state.verify_message_2(cred_r).unwrap();
        let (state, message_3, _) = state.prepare_message_3(CredentialTransfer::ByReference, &None).unwrap();
        let mut done = state.completed_without_message_4().unwrap();
        (Self::Done(Keys::new(&mut done)), copy(message_3.as_slice(), out))
    }

    pub fn seal(&mut self, input: &[u8], out: &mut [u8]) -> usize {
        let Self::Done(keys) = self else { return 0 };
        keys.seal(input, out)
    }

    pub fn open(&mut self, input: &[u8], out: &mut [u8]) -> usize {
        let Self::Done(keys) = self else { return 0 };
        keys.open(input, out)
    }
}

/// The other end.
pub enum Responder {
    Waits(EdhocResponderWaitM3<Crypto<Repeatable>>),
    Done(Keys),
}

impl Responder {
    pub fn answer(input: &[u8], out: &mut [u8]) -> (Self, usize) {
        let responder = EdhocResponder::new(crypto(), EDHOCMethod::StatStat, KEY_R, Credential::parse_ccs(CRED_R).unwrap());
        let (state, _, _) = responder.process_message_1(&buffer(input)).unwrap();
        let (state, message_2) = state.prepare_message_2(CredentialTransfer::ByReference, Some(ConnId::from_int_raw(7)), &None).unwrap();
        (Self::Waits(state), copy(message_2.as_slice(), out))
    }

    pub fn finish(self, input: &[u8], _: &mut [u8]) -> Self {
        let Self::Waits(state) = self else { return self };
        let message_3 = buffer(input);
        let (state, id_cred_i, _) = state.parse_message_3(&message_3).unwrap();
        let cred_i = credential_check_or_fetch(Some(Credential::parse_ccs(CRED_I).unwrap()), id_cred_i).unwrap();
        let (state, _) = state.verify_message_3(cred_i).unwrap();
        Self::Done(Keys::new(&mut state.completed_without_message_4().unwrap()))
    }

    /// Sends a record back.
    pub fn echo(&mut self, input: &[u8], out: &mut [u8]) -> usize {
        let Self::Done(keys) = self else { return 0 };
        let mut plain = [0; 256];
        // The counterpart of the Initiator's nonces.
        keys.iv[12] ^= 1;
        let opened = crypto().aes_ccm_decrypt_tag_8(&keys.key, &keys.iv, &[], &BufferCiphertext3::new_from_slice(input).unwrap()).unwrap();
        let length = copy(opened.as_slice(), &mut plain);
        let mut iv = keys.iv;
        iv[11] ^= 1;
        let sealed: BufferCiphertext3 = crypto().aes_ccm_encrypt_tag_8(&keys.key, &iv, &[], &BufferPlaintext3::new_from_slice(&plain[..length]).unwrap());
        copy(sealed.as_slice(), out)
    }
}
