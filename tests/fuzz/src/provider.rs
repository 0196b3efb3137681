//! A provider that is fast and secures nothing: for fuzzing only.
//!
//! Real curves and AEADs cost a hundred times what the parsers cost, and a fuzzer cannot get past them. Here keys and tags come from a
//! mixing function, in one of two modes:
//!
//! - [`Mode::Sealed`]: tags, MACs and signatures depend on every byte of key, nonce, additional data and message. A fuzzer does not hit them by chance
//!   and cannot learn them from comparisons, so what verifies is genuine: that is what "unauthenticated input changes nothing" is checked with.
//! - [`Mode::Clear`]: nothing is encrypted, and tags, MACs and signatures are fixed bytes ([`TAG`], [`MAC`], [`SIGNATURE`]). So every input can be
//!   made one that verifies, and the fuzzer reaches what lies behind: plaintexts, options, credentials that a peer has signed.
//!
//! The algorithms themselves are held against known answers and Wycheproof in the core's own tests.

use crate::random::Dice;
use sealwire_core::bytes::Secret;
use sealwire_core::crypto::{Aead, Curve, HASH, KeyHandle, Provider, Signature};
use sealwire_core::error::{Error, Result};

/// Every byte of a tag in [`Mode::Clear`].
pub const TAG: u8 = 0x54;
/// Every byte of MAC_2 and MAC_3 in [`Mode::Clear`].
pub const MAC: u8 = 0x4d;
/// Every byte of a signature in [`Mode::Clear`].
pub const SIGNATURE: u8 = 0x53;
/// What a public key is besides its private key.
const BASE: u8 = 0x35;
/// Labels of EDHOC_KDF (RFC 9528 §4.1.2) that the clear mode treats.
const KEYSTREAM_2: u8 = 0;
const MAC_2: u8 = 2;
const MAC_3: u8 = 6;

/// How much the provider hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What verifies is genuine.
    Sealed,
    /// Everything can be made to verify.
    Clear,
}

/// Mixes bytes, eight at a time, into four lanes. Splitting the input makes no difference; its length does.
struct Mixer {
    lanes: [u64; 4],
    word: u64,
    length: u64,
}

impl Mixer {
    const fn new() -> Self {
        Mixer { lanes: [0x6a09_e667_f3bc_c908, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1], word: 0, length: 0 }
    }

    fn absorb(&mut self, word: u64) {
        let [a, b, c, d] = self.lanes;
        let a = (a ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        let b = b.wrapping_add(a).wrapping_mul(0xff51_afd7_ed55_8ccd) ^ (a >> 31);
        self.lanes = [d.wrapping_add(b), a ^ c.rotate_left(17), b, c.wrapping_add(word).rotate_left(41)];
    }

    fn take(&mut self, bytes: &[u8]) {
        let to_whole = (self.length.wrapping_neg() & 7) as usize;
        let (first, rest) = bytes.split_at(to_whole.min(bytes.len()));
        self.take_slowly(first);
        let (words, last) = rest.as_chunks::<8>();
        for word in words {
            self.absorb(u64::from_be_bytes(*word));
        }
        self.length += 8 * words.len() as u64;
        self.take_slowly(last);
    }

    fn take_slowly(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.word = self.word << 8 | u64::from(*byte);
            self.length += 1;
            if self.length.is_multiple_of(8) {
                self.absorb(self.word);
                self.word = 0;
            }
        }
    }

    fn finish(mut self) -> [u8; HASH] {
        self.absorb(self.word);
        self.absorb(self.length);
        let mut out = [0; HASH];
        for chunk in out.chunks_exact_mut(8) {
            self.absorb(0x5be0_cd19_137e_2179);
            chunk.copy_from_slice(&self.lanes[0].to_be_bytes());
        }
        out
    }
}

/// The mixing function over a purpose and parts, each with its length.
pub fn mix(purpose: u8, parts: &[&[u8]]) -> [u8; HASH] {
    let mut mixer = Mixer::new();
    mixer.take(&[purpose]);
    for part in parts {
        mixer.take(&(part.len() as u64).to_be_bytes());
        mixer.take(part);
    }
    mixer.finish()
}

/// What stands for a hash: the concatenation counts.
pub fn hash(parts: &[&[u8]]) -> [u8; HASH] {
    let mut mixer = Mixer::new();
    parts.iter().for_each(|part| mixer.take(part));
    mixer.finish()
}

/// Compares without telling a fuzzer's instrumentation how far two slices agree.
fn equal(a: &[u8], b: &[u8]) -> bool {
    let difference = a.iter().zip(b).fold(u8::from(a.len() != b.len()), |sum, (a, b)| sum | (a ^ b));
    std::hint::black_box(difference) == 0
}

/// The public key of a private key: any 32 bytes, so that making one costs nothing.
pub fn public(private: &[u8; 32]) -> [u8; 32] {
    let mut public = private.map(|byte| byte ^ BASE);
    // Canonical on X25519.
    public[31] &= 0x7f;
    public[31] |= 1;
    public
}

/// A private key by handle.
#[derive(Clone, Debug)]
pub struct Key {
    /// The handle.
    pub handle: KeyHandle,
    /// What peers take for the public key: x, or x and y where it signs on P-256.
    pub public: Vec<u8>,
}

/// The provider.
#[derive(Clone, Debug)]
pub struct Mixing {
    /// How much it hides.
    pub mode: Mode,
    /// Its private keys.
    pub keys: Vec<Key>,
    /// Its random numbers.
    pub dice: Dice,
    /// AEADs opened.
    pub opened: u32,
    /// Operations with a static key answer `Pending` so often.
    pub pending: u32,
}

impl Mixing {
    /// Without keys.
    pub const fn new(mode: Mode, seed: u64) -> Self {
        Mixing { mode, keys: Vec::new(), dice: Dice::new(seed), opened: 0, pending: 0 }
    }

    fn key(&mut self, handle: KeyHandle) -> Result<&Key> {
        if self.pending > 0 {
            self.pending -= 1;
            return Err(Error::Pending);
        }
        self.keys.iter().find(|key| key.handle == handle).ok_or(Error::UnknownKey)
    }

    fn shared(&self, curve: Curve, own: &[u8], peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        if *peer == [0; 32] {
            return Err(Error::InvalidKey);
        }
        let own = own.first_chunk::<32>().ok_or(Error::Internal)?;
        let mut both = *peer;
        both.iter_mut().zip(own).for_each(|(both, own)| *both ^= own);
        *shared.expose_mut() = mix(b'd', &[&[curve as u8], &both]);
        Ok(())
    }

    fn mask(key: &[u8], nonce: &[u8], buffer: &mut [u8]) {
        for (count, chunk) in buffer.chunks_mut(HASH).enumerate() {
            let block = mix(b'k', &[key, nonce, &count.to_be_bytes()]);
            chunk.iter_mut().zip(block).for_each(|(byte, mask)| *byte ^= mask);
        }
    }
}

impl Provider for Mixing {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        out.iter_mut().for_each(|byte| *byte = self.dice.byte());
        Ok(())
    }

    fn agree(&mut self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        let own = self.key(key)?.public.clone();
        self.shared(curve, &own, peer, shared)
    }

    fn sign(&mut self, key: KeyHandle, _: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
        let public = self.key(key)?.public.clone();
        *signature = signed(self.mode, &public, message);
        Ok(())
    }

    fn generate(&mut self, _: Curve, private: &mut Secret<32>, out: &mut [u8; 32]) -> Result<()> {
        self.random(private.expose_mut())?;
        *out = public(private.expose());
        Ok(())
    }

    fn agree_ephemeral(&mut self, curve: Curve, private: &Secret<32>, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        self.shared(curve, &public(private.expose()), peer, shared)
    }

    fn verify(&mut self, _: Signature, public: &[u8], message: &[&[u8]], signature: &[u8]) -> Result<()> {
        if equal(&signed(self.mode, public, message), signature) { Ok(()) } else { Err(Error::AuthenticationFailed) }
    }

    fn seal(&mut self, algorithm: Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &mut [u8]) -> Result<()> {
        check(algorithm, key, nonce, tag)?;
        match self.mode {
            Mode::Clear => tag.fill(TAG),
            Mode::Sealed => {
                Mixing::mask(key, nonce, buffer);
                tag.copy_from_slice(&mix(b't', &[key, nonce, aad, buffer])[..tag.len()]);
            }
        }
        Ok(())
    }

    fn open(&mut self, algorithm: Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &[u8]) -> Result<()> {
        check(algorithm, key, nonce, tag)?;
        let good = match self.mode {
            Mode::Clear => tag.iter().all(|byte| *byte == TAG),
            Mode::Sealed => equal(&mix(b't', &[key, nonce, aad, buffer])[..tag.len()], tag),
        };
        if !good {
            return Err(Error::DecryptFailed);
        }
        self.opened += 1;
        if self.mode == Mode::Sealed {
            Mixing::mask(key, nonce, buffer);
        }
        Ok(())
    }

    fn hash(&mut self, parts: &[&[u8]]) -> [u8; HASH] {
        hash(parts)
    }

    fn extract(&mut self, salt: &[u8], input: &[u8]) -> Secret<HASH> {
        Secret::from(mix(b'x', &[salt, input]))
    }

    fn expand(&mut self, prk: &Secret<HASH>, info: &[&[u8]], out: &mut [u8]) -> Result<()> {
        if out.len() > 255 * HASH {
            return Err(Error::InvalidArgument);
        }
        let label = info.first().and_then(|head| head.first().copied());
        match (self.mode, label) {
            (Mode::Clear, Some(KEYSTREAM_2)) => out.fill(0),
            (Mode::Clear, Some(MAC_2 | MAC_3)) => out.fill(MAC),
            _ => {
                let seed = hash(info);
                for (count, chunk) in out.chunks_mut(HASH).enumerate() {
                    let block = mix(b'e', &[prk.expose(), &seed, &count.to_be_bytes()]);
                    chunk.copy_from_slice(&block[..chunk.len()]);
                }
            }
        }
        Ok(())
    }
}

fn signed(mode: Mode, public: &[u8], message: &[&[u8]]) -> [u8; 64] {
    let mut signature = [SIGNATURE; 64];
    if mode == Mode::Sealed {
        let digest = hash(message);
        let (first, second) = signature.split_at_mut(HASH);
        first.copy_from_slice(&mix(b's', &[public, &digest]));
        second.copy_from_slice(&mix(b'S', &[public, &digest]));
    }
    signature
}

fn check(algorithm: Aead, key: &[u8], nonce: &[u8], tag: &[u8]) -> Result<()> {
    let fits = key.len() == algorithm.key_len() && nonce.len() == algorithm.nonce_len() && tag.len() == algorithm.tag_len();
    if fits { Ok(()) } else { Err(Error::InvalidArgument) }
}
