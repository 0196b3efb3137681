//! The Initiator's side of EDHOC (RFC 9528) for method 3, cipher suite 4 and credentials by kid: straight through, with the key schedule and
//! the ciphers of [`edhoc`](crate::edhoc).

use super::identity::Identity;
use crate::bytes::{Secret, Writer, copy, equal};
use crate::cbor::{self, Decoder};
use crate::crypto::{Curve, HASH, KeyHandle, Provider, Suite};
use crate::edhoc::message::{byte_string, xor_keystream_2};
use crate::edhoc::schedule::{self, HASH_HEAD};
use crate::edhoc::{ConnectionId, EadItems, ignore_ead};
use crate::endpoint::frame_type::{MESSAGE_1, MESSAGE_3};
use crate::error::{Error, Result};

pub(super) const SUITE: Suite = Suite::X25519ChaCha;
const CURVE: Curve = Curve::X25519;
/// METHOD, SUITES_I, and the head of G_X.
const MESSAGE_1_FRONT: [u8; 4] = [3, 4, 0x58, 32];
const MAC: usize = 16;
/// The head of a 16-byte CBOR byte string.
const MAC_HEAD: u8 = 0x50;
/// The front of ID_CRED_x, before the kid: a map of one, label 4.
const ID_CRED: [u8; 2] = [0xa1, 4];
/// The label of the critical inbox item, -32768.
const INBOX: [u8; 3] = [0x39, 0x7f, 0xff];
/// Longest frame sent: message_1 with an inbox name of 16 bytes.
pub(super) const FRAME: usize = 64;
/// Longest PLAINTEXT_2 that is read: C_R, kid, MAC_2, and some EAD items, which are all passed over.
const PLAINTEXT_2: usize = 96;

/// Which message is awaited.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// None: no handshake is under way.
    Idle,
    Message2,
    Message4,
}

/// A handshake, as far as it is.
pub(super) struct Handshake {
    pub(super) step: Step,
    /// The ephemeral private key; from message_3 on PRK_4e3m.
    secret: Secret<32>,
    /// H(message_1); from message_3 on TH_4.
    pub(super) hash: [u8; HASH],
    pub(super) c_i: u8,
    pub(super) c_r: ConnectionId,
    /// The frame that is sent again until it is answered.
    frame: [u8; FRAME],
    length: u8,
}

impl Handshake {
    pub(super) const fn new() -> Self {
        let hash = [0; HASH];
        Handshake { step: Step::Idle, secret: Secret::zero(), hash, c_i: 0, c_r: ConnectionId::NONE, frame: [0; FRAME], length: 0 }
    }

    /// Erases it.
    pub(super) fn clear(&mut self) {
        *self = Handshake::new();
    }

    /// What is sent again until it is answered.
    pub(super) fn frame(&self) -> &[u8] {
        self.frame.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Composes message_1, with another C_I than `avoid`. Error: `RandomFailed`, and no handshake is under way.
    pub(super) fn begin<P: Provider>(&mut self, p: &mut P, inbox: Option<&[u8]>, avoid: u8) -> Result<()> {
        self.clear();
        let mut random = [0];
        p.random(&mut random)?;
        let mut c_i = identifier(random);
        if c_i == avoid {
            c_i = identifier(random.map(|byte| byte.wrapping_add(1)));
        }
        let mut g_x = [0; 32];
        p.generate(CURVE, &mut self.secret, &mut g_x)?;
        let mut w = Writer::new(&mut self.frame);
        w.push(&[MESSAGE_1]);
        w.push(&MESSAGE_1_FRONT);
        w.push(&g_x);
        w.push(&[c_i]);
        if let Some(inbox) = inbox {
            w.push(&INBOX);
            cbor::push_bytes(&mut w, inbox);
        }
        w.check()?;
        self.length = w.len() as u8;
        self.hash = p.hash(&[w.written().get(1..).ok_or(Error::Internal)?]);
        self.c_i = c_i;
        self.step = Step::Message2;
        Ok(())
    }

    /// Verifies message_2 and composes message_3. On error nothing has changed.
    ///
    /// Errors: `Malformed`, `NotDeterministic`, `InvalidKey`, `UnknownCredential` (another kid than the peer's, or no kid), `SameIdentifier`,
    /// `UnknownCriticalEad`, `AuthenticationFailed`, `BufferTooSmall` (longer than any peer's), `Pending` and the provider's.
    #[inline(never)]
    pub(super) fn process_message_2<P: Provider>(
        &mut self,
        p: &mut P,
        own: &Identity<'_>,
        key: KeyHandle,
        peer: &Identity<'_>,
        message_2: &[u8],
    ) -> Result<()> {
        let (g_y, ciphertext_2) = byte_string(message_2)?.split_first_chunk::<32>().ok_or(Error::Malformed)?;
        let mut shared = Secret::zero();
        p.agree_ephemeral(CURVE, &self.secret, g_y, &mut shared)?;
        let th_2 = schedule::th_2(p, g_y, &self.hash);
        let prk_2e = p.extract(&th_2, shared.expose());
        let mut plaintext_2 = Secret::<PLAINTEXT_2>::zero();
        let plaintext_2 = plaintext_2.expose_mut().get_mut(..ciphertext_2.len()).ok_or(Error::BufferTooSmall)?;
        xor_keystream_2(p, &prk_2e, &th_2, ciphertext_2, plaintext_2)?;
        let plaintext_2: &[u8] = plaintext_2;

        let mut d = Decoder::new(plaintext_2);
        let c_r = ConnectionId::read(&mut d)?;
        let rest = d.rest().strip_prefix(peer.compact()).ok_or(Error::UnknownCredential)?;
        let (head, rest) = rest.split_first().ok_or(Error::Malformed)?;
        let (mac_2, ead_2) = rest.split_at_checked(MAC).filter(|_| *head == MAC_HEAD).ok_or(Error::Malformed)?;
        if c_r.as_bytes() == [self.c_i] {
            return Err(Error::SameIdentifier);
        }
        EadItems::new(ead_2).visit(&mut ignore_ead)?;

        p.agree_ephemeral(CURVE, &self.secret, peer.key, &mut shared)?;
        let mut prk_3e2m = Secret::zero();
        schedule::prk_next(p, &prk_2e, schedule::SALT_3E2M, &th_2, &shared, &mut prk_3e2m)?;
        let mut front = [0; 8];
        let mut front = Writer::new(&mut front);
        c_r.write(&mut front)?;
        front.put(&ID_CRED)?;
        let mut mac = [0; MAC];
        schedule::kdf(p, &prk_3e2m, schedule::MAC_2, &[front.written(), peer.kid, &HASH_HEAD, &th_2, peer.credential, ead_2], &mut mac)?;
        if !equal(&mac, mac_2) {
            return Err(Error::AuthenticationFailed);
        }

        let th_3 = p.hash(&[&HASH_HEAD, &th_2, plaintext_2, peer.credential]);
        p.agree(key, CURVE, g_y, &mut shared)?;
        let mut prk_4e3m = Secret::zero();
        schedule::prk_next(p, &prk_3e2m, schedule::SALT_4E3M, &th_3, &shared, &mut prk_4e3m)?;
        schedule::kdf(p, &prk_4e3m, schedule::MAC_3, &[&ID_CRED, own.kid, &HASH_HEAD, &th_3, own.credential], &mut mac)?;
        let mut frame = [0; FRAME];
        let mut w = Writer::new(&mut frame);
        w.push(&[MESSAGE_3]);
        w.push(c_r.as_bytes());
        cbor::push_bytes_head(&mut w, own.compact().len().saturating_add(1 + MAC + MAC));
        let start = w.len();
        w.push(own.compact());
        w.push(&[MAC_HEAD]);
        w.push(&mac);
        w.check()?;
        let th_4 = p.hash(&[&HASH_HEAD, &th_3, w.written().get(start..).ok_or(Error::Internal)?, own.credential]);
        w.reserve(MAC)?;
        let length = w.len() as u8;
        let sealed = w.finish().get_mut(start..).ok_or(Error::Internal)?;
        let (plaintext_3, tag) = sealed.split_last_chunk_mut::<MAC>().ok_or(Error::Internal)?;
        schedule::seal(p, SUITE, &prk_3e2m, (schedule::K_3, schedule::IV_3), &th_3, plaintext_3, tag)?;

        copy(self.secret.expose_mut(), prk_4e3m.expose());
        self.hash = th_4;
        self.c_r = c_r;
        self.frame = frame;
        self.length = length;
        self.step = Step::Message4;
        Ok(())
    }

    /// Verifies message_4, in place; gives PRK_out, where it is to stand: moved, it would leave a copy behind. Errors: `Malformed`, `NotDeterministic`, `AuthenticationFailed`, `UnknownCriticalEad`.
    #[inline(never)]
    pub(super) fn process_message_4<P: Provider>(&self, p: &mut P, message_4: &mut [u8], prk_out: &mut Secret<HASH>) -> Result<()> {
        let length = byte_string(message_4)?.len();
        let head = message_4.len().saturating_sub(length);
        let content = message_4.get_mut(head..).ok_or(Error::Internal)?;
        let (plaintext_4, tag) = content.split_last_chunk_mut::<MAC>().ok_or(Error::Malformed)?;
        schedule::open(p, SUITE, &self.secret, (schedule::K_4, schedule::IV_4), &self.hash, plaintext_4, tag)?;
        EadItems::new(plaintext_4).visit(&mut ignore_ead)?;
        schedule::kdf_hash(p, &self.secret, schedule::PRK_OUT, &self.hash, prk_out)
    }
}

/// One of the 48 identifiers that are one-byte integers in CBOR.
const fn identifier([random]: [u8; 1]) -> u8 {
    let number = random % 48;
    if number < 24 { number } else { number.wrapping_add(8) }
}
