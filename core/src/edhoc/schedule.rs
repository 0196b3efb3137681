//! Transcript hashes and the key schedule (RFC 9528 §4.1, §4.2).

use super::ConnectionId;
use crate::bytes::{Secret, Writer, copy};
use crate::cbor;
use crate::credential::{CredX, IdCred};
use crate::crypto::{AuthenticationKey, HASH, Provider, Suite};
use crate::error::{Error, Result};

pub(crate) const KEYSTREAM_2: u64 = 0;
pub(crate) const SALT_3E2M: u64 = 1;
pub(crate) const MAC_2: u64 = 2;
pub(crate) const K_3: u64 = 3;
pub(crate) const IV_3: u64 = 4;
pub(crate) const SALT_4E3M: u64 = 5;
pub(crate) const MAC_3: u64 = 6;
pub(crate) const PRK_OUT: u64 = 7;
pub(crate) const K_4: u64 = 8;
pub(crate) const IV_4: u64 = 9;
const PRK_EXPORTER: u64 = 10;
const KEY_UPDATE: u64 = 11;

/// Longest MAC in bytes: a signer's is as long as the hash.
pub(crate) const MAX_MAC: usize = HASH;

/// Length of a signature in bytes: Ed25519 and ES256 alike.
pub(crate) const SIGNATURE: usize = 64;

/// Length of Signature_or_MAC_x in bytes.
pub(crate) const fn proof_len(suite: Suite, sort: AuthenticationKey) -> usize {
    match sort {
        AuthenticationKey::StaticDh => suite.mac_len(),
        AuthenticationKey::Signature => SIGNATURE,
    }
}

/// The head of a 32-byte CBOR byte string.
pub(crate) const HASH_HEAD: [u8; 2] = [0x58, HASH as u8];

/// EDHOC_KDF: HKDF-Expand with info = (label, context, length); `context` is the concatenation of its parts.
/// Error: `InvalidArgument` for more than 8160 bytes of output or more than six parts.
pub(crate) fn kdf<P: Provider>(p: &mut P, prk: &Secret<HASH>, label: u64, context: &[&[u8]], out: &mut [u8]) -> Result<()> {
    let length = context.iter().try_fold(0usize, |sum, part| sum.checked_add(part.len())).ok_or(Error::InvalidArgument)?;
    let mut head = [0; 18];
    let mut head = Writer::new(&mut head);
    cbor::push_uint(&mut head, label);
    cbor::push_bytes_head(&mut head, length);
    let mut tail = [0; 9];
    let mut tail = Writer::new(&mut tail);
    cbor::push_uint(&mut tail, out.len() as u64);
    head.check().and(tail.check())?;

    let mut info: [&[u8]; 8] = [&[]; 8];
    let (first, rest) = info.split_first_mut().ok_or(Error::Internal)?;
    *first = head.written();
    copy(rest.get_mut(..context.len()).ok_or(Error::InvalidArgument)?, context);
    *rest.get_mut(context.len()).ok_or(Error::InvalidArgument)? = tail.written();
    p.expand(prk, &info, out)
}

/// [`kdf`] with a transcript hash as context and 32 bytes of output. In place, as others here: a secret that is moved stays behind on the stack.
pub(crate) fn kdf_hash<P: Provider>(p: &mut P, prk: &Secret<HASH>, label: u64, context: &[u8], out: &mut Secret<HASH>) -> Result<()> {
    kdf(p, prk, label, &[context], out.expose_mut())
}

/// TH_2 = H( G_Y, H(message_1) ).
pub(crate) fn th_2<P: Provider>(p: &mut P, g_y: &[u8; 32], h_message_1: &[u8; HASH]) -> [u8; HASH] {
    p.hash(&[&HASH_HEAD, g_y, &HASH_HEAD, h_message_1])
}

/// TH_3 or TH_4 = H( TH before, PLAINTEXT, CRED ).
pub(crate) fn th_next<P: Provider>(p: &mut P, before: &[u8; HASH], plaintext: &[u8], credential: &CredX<'_>) -> [u8; HASH] {
    p.hash(&[&HASH_HEAD, before, plaintext, credential.head(), credential.bytes])
}

/// PRK_3e2m or PRK_4e3m: from the one before and the shared secret with the static key (G_RX, G_IY) of the party that authenticates.
/// Where it signs, there is none, and the one before is kept (RFC 9528 §4.1.1.2, §4.1.1.3).
pub(crate) fn prk_next<P: Provider>(
    p: &mut P,
    before: &Secret<HASH>,
    salt_label: u64,
    th: &[u8; HASH],
    shared: &Secret<32>,
    next: &mut Secret<HASH>,
) -> Result<()> {
    let mut salt = Secret::zero();
    kdf_hash(p, before, salt_label, th, &mut salt)?;
    next.set(&p.extract(salt.expose(), shared.expose()));
    Ok(())
}

/// The map form of ID_CRED_x in two parts: a short head, and the kid, hash or credential itself.
pub(crate) struct IdCredParts<'a> {
    head: [u8; 13],
    length: usize,
    /// The kid, the hash or the credential.
    pub(crate) tail: &'a [u8],
}

impl<'a> IdCredParts<'a> {
    pub(crate) fn of(id: &IdCred<'a>) -> Result<Self> {
        let mut parts = IdCredParts { head: [0; 13], length: 0, tail: &[] };
        let mut w = Writer::new(&mut parts.head);
        cbor::push_map(&mut w, 1);
        cbor::push_uint(&mut w, id.label());
        parts.tail = match *id {
            IdCred::Kid(kid) => {
                cbor::push_bytes_head(&mut w, kid.len());
                kid
            }
            IdCred::Ccs(bytes) | IdCred::Cwt(bytes) | IdCred::X5t(bytes) | IdCred::X5Chain(bytes) => bytes,
        };
        w.check()?;
        parts.length = w.len();
        Ok(parts)
    }

    pub(crate) fn head(&self) -> &[u8] {
        self.head.get(..self.length).unwrap_or_default()
    }
}

/// What MAC_2 and MAC_3 are computed over.
pub(crate) struct MacContext<'a> {
    /// C_R for MAC_2, nothing for MAC_3.
    pub(crate) c_r: Option<ConnectionId>,
    pub(crate) id: &'a IdCred<'a>,
    /// TH_2 or TH_3.
    pub(crate) th: &'a [u8; HASH],
    pub(crate) credential: CredX<'a>,
    /// The EAD items, encoded.
    pub(crate) ead: &'a [u8],
}

/// MAC_2 or MAC_3, as long as `mac`: EDHOC_KDF over context_2 or context_3 (RFC 9528 §5.3.2, §5.4.2).
pub(crate) fn mac<P: Provider>(p: &mut P, prk: &Secret<HASH>, context: &MacContext<'_>, mac: &mut [u8]) -> Result<()> {
    let id = IdCredParts::of(context.id)?;
    // C_R and the head of ID_CRED_x, and the TH with its head, are short: one part each.
    let mut front = [0; 24];
    let mut front = Writer::new(&mut front);
    if let Some(c_r) = context.c_r {
        c_r.write(&mut front)?;
    }
    front.put(id.head())?;
    // The TH and the head of CRED_x.
    let mut th = [0; HASH + 5];
    let mut th = Writer::new(&mut th);
    th.put(&HASH_HEAD)?;
    th.put(context.th)?;
    th.put(context.credential.head())?;
    let label = if context.c_r.is_some() { MAC_2 } else { MAC_3 };
    kdf(p, prk, label, &[front.written(), id.tail, th.written(), context.credential.bytes, context.ead], mac)
}

/// The MAC that a signer signs, and hands the parts of what is signed to `with`: the Sig_structure of a COSE_Sign1 with
/// << ID_CRED_x >> as protected header, << TH_x, CRED_x, ? EAD_x >> as external_aad and the MAC as payload (RFC 9528 §5.3.2, §5.4.2).
/// Six parts.
#[cfg(feature = "signatures")]
pub(crate) fn with_signed<P: Provider, T>(
    p: &mut P,
    prk: &Secret<HASH>,
    context: &MacContext<'_>,
    with: impl FnOnce(&mut P, &[&[u8]]) -> Result<T>,
) -> Result<T> {
    let mut payload = [0; MAX_MAC + 2];
    let (head, mac_x) = payload.split_at_mut_checked(2).ok_or(Error::Internal)?;
    copy(head, &HASH_HEAD);
    mac(p, prk, context, mac_x)?;

    let id = IdCredParts::of(context.id)?;
    let mut front = [0; 40];
    let mut front = Writer::new(&mut front);
    // Array of 4, and the text with its head.
    front.put(b"\x84\x6aSignature1")?;
    cbor::write_bytes_head(&mut front, id.head().len().saturating_add(id.tail.len()))?;
    front.put(id.head())?;
    let aad = [HASH_HEAD.len(), HASH, context.credential.len(), context.ead.len()];
    let aad = aad.iter().fold(0usize, |sum, length| sum.saturating_add(*length));
    let mut th = [0; HASH + 14];
    let mut th = Writer::new(&mut th);
    cbor::write_bytes_head(&mut th, aad)?;
    th.put(&HASH_HEAD)?;
    th.put(context.th)?;
    th.put(context.credential.head())?;
    with(p, &[front.written(), id.tail, th.written(), context.credential.bytes, context.ead, &payload])
}

/// Encrypts with K_3/IV_3 or K_4/IV_4 as COSE_Encrypt0 does with an empty protected header: `buffer` in place, then the tag.
pub(crate) fn seal<P: Provider>(
    p: &mut P,
    suite: Suite,
    prk: &Secret<HASH>,
    labels: (u64, u64),
    th: &[u8; HASH],
    buffer: &mut [u8],
    tag: &mut [u8],
) -> Result<()> {
    with_message_key(p, suite, prk, labels, th, |p, key, nonce, aad| p.seal(suite.edhoc_aead(), key, nonce, aad, buffer, tag))
}

/// Verifies and decrypts what [`seal`] made. Error: `AuthenticationFailed`.
pub(crate) fn open<P: Provider>(
    p: &mut P,
    suite: Suite,
    prk: &Secret<HASH>,
    labels: (u64, u64),
    th: &[u8; HASH],
    buffer: &mut [u8],
    tag: &[u8],
) -> Result<()> {
    with_message_key(p, suite, prk, labels, th, |p, key, nonce, aad| p.open(suite.edhoc_aead(), key, nonce, aad, buffer, tag)).map_err(
        |error| {
            if error == Error::DecryptFailed { Error::AuthenticationFailed } else { error }
        },
    )
}

fn with_message_key<P: Provider>(
    p: &mut P,
    suite: Suite,
    prk: &Secret<HASH>,
    (key_label, iv_label): (u64, u64),
    th: &[u8; HASH],
    run: impl FnOnce(&mut P, &[u8], &[u8], &[u8]) -> Result<()>,
) -> Result<()> {
    let aead = suite.edhoc_aead();
    let mut key = Secret::<{ crate::crypto::suite::MAX_KEY }>::zero();
    let key = key.expose_mut().get_mut(..aead.key_len()).ok_or(Error::Internal)?;
    kdf(p, prk, key_label, &[th], key)?;
    let mut nonce = Secret::<{ crate::crypto::suite::MAX_NONCE }>::zero();
    let nonce = nonce.expose_mut().get_mut(..aead.nonce_len()).ok_or(Error::Internal)?;
    kdf(p, prk, iv_label, &[th], nonce)?;
    let mut aad = [0; crate::cose::enc_structure_len(0, HASH)];
    let mut aad = Writer::new(&mut aad);
    crate::cose::write_enc_structure(&mut aad, &[], th)?;
    run(p, key, nonce, aad.written())
}

/// EDHOC_Exporter (RFC 9528 §4.2.1): `out.len()` bytes for `label` and `context`. Labels: `docs/PROTOCOL.md` §4.4.
/// Error: `InvalidArgument` above 8160 bytes.
pub fn exporter<P: Provider>(p: &mut P, prk_out: &Secret<HASH>, label: u64, context: &[u8], out: &mut [u8]) -> Result<()> {
    let mut prk_exporter = Secret::zero();
    kdf_hash(p, prk_out, PRK_EXPORTER, &[], &mut prk_exporter)?;
    kdf(p, &prk_exporter, label, &[context], out)
}

/// EDHOC_KeyUpdate (RFC 9528 §4.2.2 and appendix H): the PRK_out that follows `prk_out`. Error: `InvalidArgument`.
pub fn key_update<P: Provider>(p: &mut P, prk_out: &Secret<HASH>, context: &[u8]) -> Result<Secret<HASH>> {
    let mut next = Secret::zero();
    kdf_hash(p, prk_out, KEY_UPDATE, context, &mut next)?;
    Ok(next)
}
