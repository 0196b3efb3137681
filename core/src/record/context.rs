//! The security context of one key epoch: keys, nonce, AAD, sealing and opening (PROTOCOL §5.1, §5.2).

use super::header::{Header, MAX_HEADER, PARTIAL_IV_LIMIT};
use super::options::MAX_TOPIC;
use super::window::ReplayWindow;
use crate::bytes::{Secret, Writer, copy};
use crate::cbor;
use crate::credential::Thumbprint;
use crate::crypto::suite::{MAX_KEY, MAX_NONCE, MAX_TAG};
use crate::crypto::{Aead, Provider, Suite};
use crate::edhoc::{self, ConnectionId, Role};
use crate::error::{Error, Result};
use zeroize::Zeroize;

/// Exporter label of the record Master Secret (PROTOCOL §4.4).
pub const LABEL_MASTER_SECRET: u64 = 32768;
/// Exporter label of the record Master Salt.
pub const LABEL_MASTER_SALT: u64 = 32769;

const MASTER_SALT: usize = 8;
/// With an 8-byte tag a key protects, and fails to verify, at most this many records.
pub const SHORT_TAG_LIMIT: u64 = 1 << 20;
/// The same in the type of the failure counter. A longer tag stands more forgeries than the counter counts.
const SHORT_TAG_FAILURES: u32 = 1 << 20;
const SHORT_TAG: usize = 8;

/// AAD without a topic: array head, name, algorithm, header, epoch, two thumbprints, null.
const MAX_AAD: usize = 1 + 11 + 2 + (1 + MAX_HEADER) + 5 + 17 + 17 + 1;
/// AAD with the longest topic and its two-byte head.
const MAX_AAD_TOPIC: usize = MAX_AAD + 1 + MAX_TOPIC;

/// Who talks to whom: the same for all epochs of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parties {
    /// The cipher suite of the handshake.
    pub suite: Suite,
    /// This endpoint's role in it.
    pub role: Role,
    /// The Initiator's connection identifier.
    pub c_i: ConnectionId,
    /// The Responder's connection identifier.
    pub c_r: ConnectionId,
    /// This endpoint's thumbprint.
    pub own: Thumbprint,
    /// The peer's thumbprint.
    pub peer: Thumbprint,
    /// Session identifier: TH_4\[0..8\].
    pub sid: [u8; 8],
}

impl Parties {
    /// The AEAD of records.
    pub const fn aead(&self) -> Aead {
        self.suite.application_aead()
    }

    /// This endpoint's Sender ID: the identifier that the peer chose.
    pub const fn sender_id(&self) -> &ConnectionId {
        match self.role {
            Role::Initiator => &self.c_r,
            Role::Responder => &self.c_i,
        }
    }

    /// This endpoint's Recipient ID: the identifier that it chose.
    pub const fn recipient_id(&self) -> &ConnectionId {
        match self.role {
            Role::Initiator => &self.c_i,
            Role::Responder => &self.c_r,
        }
    }
}

/// The secret and the counters of one epoch, both directions.
pub(crate) struct EpochContext {
    pub(crate) prk_out: Secret<32>,
    /// Records that did not verify.
    pub(crate) failures: u32,
    /// The Partial IV of the next record sent.
    pub(crate) next: u64,
    /// Partial IVs below this are stored as reserved.
    pub(crate) reserved: u64,
    /// Received Partial IVs below this are stored as used: edge + 1.
    pub(crate) covered: u64,
    pub(crate) window: ReplayWindow,
}

impl EpochContext {
    /// No secret: what an epoch's place holds before and after its time.
    pub(crate) const fn empty() -> Self {
        EpochContext { prk_out: Secret::zero(), failures: 0, next: 0, reserved: 0, covered: 0, window: ReplayWindow::new() }
    }

    /// Begins an epoch where another stood; with nothing but zeros, ends it. In place, so that no copy of a secret stays behind.
    #[inline(never)]
    pub(crate) fn begin(&mut self, prk_out: &[u8; 32]) {
        copy(self.prk_out.expose_mut(), prk_out);
        self.failures = 0;
        self.next = 0;
        self.reserved = 0;
        self.covered = 0;
        self.window = ReplayWindow::new();
    }

    /// How far a store taken now reserves: Partial IVs to send, Partial IVs to receive. `received`: one above the newest, with a verified record
    /// that is about to be accepted; 0 for none.
    pub(crate) fn reservations(&self, aead: Aead, ahead: u32, received: u64, edge_ahead: u32) -> (u64, u64) {
        let limit = Self::limit(aead);
        let reserved = self.next.saturating_add(u64::from(ahead)).min(limit).max(self.reserved);
        // Nothing received yet: no edge, or a peer that counts from 0 would look like a replay after a restore.
        let covered = if received == 0 { 0 } else { received.saturating_add(u64::from(edge_ahead)).min(limit) };
        (reserved, covered.max(self.covered))
    }

    /// Begins an epoch as it was stored: it goes on above what was reserved, and everything below `covered` is Replay.
    /// Error: [`Error::CorruptState`] above the algorithm's limit.
    pub(crate) fn restore(&mut self, aead: Aead, prk_out: &[u8; 32], reserved: u64, covered: u64, failures: u32) -> Result<()> {
        if reserved.max(covered) > Self::limit(aead) {
            return Err(Error::CorruptState);
        }
        self.begin(prk_out);
        self.next = reserved;
        self.reserved = reserved;
        self.covered = covered;
        self.window = ReplayWindow::starting_at(covered);
        self.failures = failures;
        Ok(())
    }

    /// Erases secret and counters where they stand.
    pub(crate) fn erase(&mut self) {
        self.prk_out.expose_mut().zeroize();
        self.begin(&[0; 32]);
    }

    /// Partial IVs of this key stay below this.
    pub(crate) const fn limit(aead: Aead) -> u64 {
        if aead.tag_len() <= SHORT_TAG { SHORT_TAG_LIMIT } else { PARTIAL_IV_LIMIT }
    }

    const fn failure_limit(aead: Aead) -> u32 {
        if aead.tag_len() <= SHORT_TAG { SHORT_TAG_FAILURES } else { u32::MAX }
    }

    /// Three quarters of the records, or half of the failures, are used up.
    pub(crate) fn worn(&self, aead: Aead) -> bool {
        let quarter = Self::limit(aead) / 4;
        let used = self.next.max(self.window.next());
        used >= Self::limit(aead).saturating_sub(quarter) || self.failures >= Self::failure_limit(aead) / 2
    }

    /// The key has failed as often as it may. Error: [`Error::KeyExhausted`].
    pub(crate) const fn check_failures(&self, aead: Aead) -> Result<()> {
        if self.failures >= Self::failure_limit(aead) { Err(Error::KeyExhausted) } else { Ok(()) }
    }
}

/// What is derived from the secret of one epoch: the keys of both directions and the Common IV.
pub(crate) struct Keys {
    sender: Secret<MAX_KEY>,
    recipient: Secret<MAX_KEY>,
    common_iv: [u8; MAX_NONCE],
}

impl Keys {
    /// None.
    pub(crate) const fn empty() -> Self {
        Keys { sender: Secret::zero(), recipient: Secret::zero(), common_iv: [0; MAX_NONCE] }
    }

    /// Erases them where they stand.
    pub(crate) fn erase(&mut self) {
        self.sender.expose_mut().zeroize();
        self.recipient.expose_mut().zeroize();
        self.common_iv.zeroize();
    }

    /// Derives them, in place, so that no copy of a key stays behind.
    #[inline(never)]
    pub(crate) fn derive<P: Provider>(&mut self, p: &mut P, parties: &Parties, prk_out: &Secret<32>) -> Result<()> {
        let aead = parties.aead();
        let mut secret = Secret::<MAX_KEY>::zero();
        let master_secret = secret.expose_mut().get_mut(..aead.key_len()).ok_or(Error::Internal)?;
        edhoc::exporter(p, prk_out, LABEL_MASTER_SECRET, &[], master_secret)?;
        let mut salt = [0; MASTER_SALT];
        edhoc::exporter(p, prk_out, LABEL_MASTER_SALT, &[], &mut salt)?;
        let (sender, recipient) = (parties.sender_id().as_bytes(), parties.recipient_id().as_bytes());
        self.expand(p, aead, master_secret, &salt, [sender, recipient], None)
    }

    /// RFC 8613 §3.2.1: Sender Key, Recipient Key and Common IV. `ids` are Sender ID and Recipient ID.
    pub(crate) fn expand<P: Provider>(
        &mut self,
        p: &mut P,
        aead: Aead,
        master_secret: &[u8],
        master_salt: &[u8],
        ids: [&[u8]; 2],
        id_context: Option<&[u8]>,
    ) -> Result<()> {
        let prk = p.extract(master_salt, master_secret);
        let [sender, recipient] = ids;
        let targets: [(&[u8], &str, &mut [u8]); 3] = [
            (sender, "Key", self.sender.expose_mut().get_mut(..aead.key_len()).ok_or(Error::Internal)?),
            (recipient, "Key", self.recipient.expose_mut().get_mut(..aead.key_len()).ok_or(Error::Internal)?),
            (&[], "IV", self.common_iv.get_mut(..aead.nonce_len()).ok_or(Error::Internal)?),
        ];
        for (id, kind, out) in targets {
            let mut buffer = [0; 48];
            let mut info = Writer::new(&mut buffer);
            cbor::push_array(&mut info, 5);
            cbor::push_bytes(&mut info, id);
            match id_context {
                Some(context) => cbor::push_bytes(&mut info, context),
                None => cbor::push_null(&mut info),
            }
            cbor::push_int(&mut info, aead.number());
            cbor::push_text(&mut info, kind);
            cbor::push_uint(&mut info, out.len() as u64);
            info.check()?;
            p.expand(&prk, &[info.written()], out)?;
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn parts(&self, aead: Aead) -> (&[u8], &[u8], &[u8]) {
        let (key, nonce) = (aead.key_len(), aead.nonce_len());
        (&self.sender.expose()[..key], &self.recipient.expose()[..key], &self.common_iv[..nonce])
    }

    /// RFC 8613 §5.2: `len(id) ‖ id, padded ‖ Partial IV, padded to 5 bytes`, xor Common IV. `id` is the sender's.
    pub(crate) fn nonce(&self, aead: Aead, id: &[u8], partial_iv: u64) -> [u8; MAX_NONCE] {
        let mut nonce = self.common_iv;
        let length = aead.nonce_len();
        let used = nonce.get_mut(..length).unwrap_or_default();
        if let Some(first) = used.first_mut() {
            *first ^= id.len() as u8;
        }
        // From the back: 5 bytes of Partial IV, then the identifier.
        let source = partial_iv.to_be_bytes();
        let back = source.iter().rev().take(5).chain(id.iter().rev());
        for (byte, part) in used.iter_mut().rev().zip(back) {
            *byte ^= part;
        }
        nonce
    }

    /// Seals `text` in place under `header` and fills `tag`.
    pub(crate) fn seal<P: Provider>(
        &self,
        p: &mut P,
        binding: &Binding<'_>,
        header: &Header,
        header_bytes: &[u8],
        text: &mut [u8],
        tag: &mut [u8],
    ) -> Result<()> {
        let aead = binding.parties.aead();
        let nonce = self.nonce(aead, binding.parties.sender_id().as_bytes(), header.partial_iv);
        let key = self.sender.expose().get(..aead.key_len()).ok_or(Error::Internal)?;
        let nonce = nonce.get(..aead.nonce_len()).ok_or(Error::Internal)?;
        binding.with_aad(Direction::Sent, header_bytes, |aad| p.seal(aead, key, nonce, aad, text, tag))
    }

    /// Verifies and decrypts `text` in place.
    pub(crate) fn open<P: Provider>(
        &self,
        p: &mut P,
        binding: &Binding<'_>,
        header: &Header,
        header_bytes: &[u8],
        text: &mut [u8],
        tag: &[u8],
    ) -> Result<()> {
        let aead = binding.parties.aead();
        let nonce = self.nonce(aead, binding.parties.recipient_id().as_bytes(), header.partial_iv);
        let key = self.recipient.expose().get(..aead.key_len()).ok_or(Error::Internal)?;
        let nonce = nonce.get(..aead.nonce_len()).ok_or(Error::Internal)?;
        binding.with_aad(Direction::Received, header_bytes, |aad| p.open(aead, key, nonce, aad, text, tag))
    }
}

/// Which way a record goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Sent,
    Received,
}

/// What the AAD binds a record to, besides its header.
pub(crate) struct Binding<'a> {
    pub(crate) parties: &'a Parties,
    pub(crate) epoch: u32,
    pub(crate) topic: Option<&'a [u8]>,
}

impl Binding<'_> {
    /// Calls `with` on the AAD. Two bodies, so that a record without a topic does not take the stack of one with.
    fn with_aad(&self, direction: Direction, header: &[u8], with: impl FnOnce(&[u8]) -> Result<()>) -> Result<()> {
        if self.topic.is_some() {
            return self.with_long_aad(direction, header, with);
        }
        let mut buffer = [0; MAX_AAD];
        let mut aad = Writer::new(&mut buffer);
        self.write_aad(direction, header, &mut aad)?;
        with(aad.written())
    }

    #[inline(never)]
    fn with_long_aad(&self, direction: Direction, header: &[u8], with: impl FnOnce(&[u8]) -> Result<()>) -> Result<()> {
        let mut buffer = [0; MAX_AAD_TOPIC];
        let mut aad = Writer::new(&mut buffer);
        self.write_aad(direction, header, &mut aad)?;
        with(aad.written())
    }

    /// AAD = \["sealwire-1", alg, header, epoch, sender, recipient, topic / null\].
    pub(crate) fn write_aad(&self, direction: Direction, header: &[u8], w: &mut Writer<'_>) -> Result<()> {
        let (own, peer) = (&self.parties.own.0, &self.parties.peer.0);
        let (sender, recipient) = if direction == Direction::Sent { (own, peer) } else { (peer, own) };
        // Array of 7, text of 10.
        w.push(b"\x87\x6asealwire-1");
        cbor::push_int(w, self.parties.aead().number());
        cbor::push_bytes(w, header);
        cbor::push_uint(w, u64::from(self.epoch));
        cbor::push_bytes(w, sender);
        cbor::push_bytes(w, recipient);
        match self.topic {
            Some(topic) if topic.len() <= MAX_TOPIC => cbor::push_bytes(w, topic),
            Some(_) => return Err(Error::InvalidArgument),
            None => cbor::push_null(w),
        }
        w.check()
    }
}

const _: () = assert!(MAX_TAG == 16 && MAX_AAD == 65);
