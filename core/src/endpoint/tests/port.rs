//! A platform for tests: deterministic random numbers, a store that survives restarts, and, for simulations, toy cryptography that is
//! fast and proves nothing. What the real algorithms do is proven in their own tests and in those here that use them.

use crate::bytes::{Secret, Writer};
use crate::cose::{KeyCurve, PublicKey, Thumbprint};
use crate::credential::{Credentials, OwnCredential, Peer, TrustAnchor, write_ccs};
use crate::crypto::software::{KeyKind, public_key};
use crate::crypto::{Aead, AuthenticationKey, Curve, HASH, KeyHandle, Provider, Signature, Suite};
use crate::endpoint::InboxName;
use crate::error::{Error, Result};
use crate::persist::Store;
use std::collections::BTreeMap;
use std::vec::Vec;

/// xorshift64*.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 16) % n
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What an endpoint presents itself with.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) kind: KeyKind,
    pub(crate) private: [u8; 32],
    pub(crate) kid: u8,
    pub(crate) credential: Vec<u8>,
    pub(crate) thumbprint: Thumbprint,
}

const PRIME: u64 = (1 << 61) - 1;

fn power(base: u64, mut exponent: u64) -> u64 {
    let (mut result, mut square) = (1_u128, u128::from(base) % u128::from(PRIME));
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * square % u128::from(PRIME);
        }
        square = square * square % u128::from(PRIME);
        exponent >>= 1;
    }
    result as u64
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes[..8].try_into().unwrap())
}

fn toy_public(private: &[u8; 32]) -> [u8; 32] {
    let mut public = [9; 32];
    public[..8].copy_from_slice(&power(3, number(private) % PRIME).to_le_bytes());
    public
}

/// Four lanes of a mixing function.
fn toy_hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    for (lane, chunk) in out.chunks_exact_mut(8).enumerate() {
        let mut state = 0x6a09_e667_f3bc_c908_u64 ^ (lane as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in parts.iter().flat_map(|part| part.iter()) {
            state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29) ^ (state >> 31);
        }
        state = (state ^ state >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        chunk.copy_from_slice(&(state ^ state >> 33).to_le_bytes());
    }
    out
}

impl Identity {
    pub(crate) fn new(kid: u8, subject: &str, toy: bool) -> Self {
        Self::of(KeyKind::X25519, kid, subject, toy)
    }

    /// With a key of this kind; among toys, those that sign are real.
    pub(crate) fn of(kind: KeyKind, kid: u8, subject: &str, toy: bool) -> Self {
        let mut private = [kid; 32];
        private[1] = 0x5a;
        let key = if toy && kind == KeyKind::X25519 {
            PublicKey { curve: KeyCurve::X25519, x: toy_public(&private), y: None }
        } else {
            public_key(kind, &Secret::from(private)).unwrap()
        };
        let mut buffer = [0; 256];
        let mut writer = Writer::new(&mut buffer);
        write_ccs(&mut writer, subject, &key, &[kid]).unwrap();
        let credential = writer.finish().to_vec();
        let mut port = TestPort::blank(toy, 1);
        let thumbprint = key.thumbprint(&mut port).unwrap();
        Identity { kind, private, kid, credential, thumbprint }
    }
}

#[derive(Clone)]
pub(crate) struct TestPort {
    pub(crate) toy: bool,
    pub(crate) dice: Dice,
    pub(crate) own: Option<Identity>,
    pub(crate) by_value: bool,
    pub(crate) suites: Vec<Suite>,
    /// kid and credential.
    pub(crate) peers: Vec<(u8, Vec<u8>)>,
    /// Accepted by value only.
    pub(crate) known: Vec<Vec<u8>>,
    pub(crate) stored: BTreeMap<u32, Vec<u8>>,
    pub(crate) resists: bool,
    pub(crate) fail_saves: bool,
    /// Saves under this key fail.
    pub(crate) bad_key: Option<u32>,
    /// In percent: saves that fail, saves after which the power goes.
    pub(crate) store_failures: u64,
    pub(crate) cuts: u64,
    pub(crate) power_gone: bool,
    /// The power goes with the save that follows so many, before or after it takes effect.
    pub(crate) cut: Option<(u32, bool)>,
    /// Key and nonce of everything ever sealed, and what it was: a nonce is never used for two things.
    pub(crate) sealed: BTreeMap<[u8; 32], [u8; 32]>,
    /// Saves take effect, and are reported as failed.
    pub(crate) deny_saves: bool,
    /// What is stored can be replaced and not removed.
    pub(crate) fail_erasures: bool,
    /// Saves succeed so often, then power goes: they fail from then on.
    pub(crate) saves: u32,
    /// Saves until the power goes.
    pub(crate) charge: Option<u32>,
    pub(crate) pending: bool,
    /// The provider of the static key has no answer.
    pub(crate) broken: bool,
    /// Operations with the static key that were asked for.
    pub(crate) operations: u32,
    /// What a signature that is pending was asked for.
    asked: Option<Vec<u8>>,
    pub(crate) deny: bool,
    pub(crate) claimed: Option<InboxName>,
}

impl TestPort {
    pub(crate) fn blank(toy: bool, seed: u64) -> Self {
        TestPort {
            toy,
            dice: Dice::new(seed),
            own: None,
            by_value: false,
            suites: std::vec![Suite::X25519ChaCha],
            peers: Vec::new(),
            known: Vec::new(),
            stored: BTreeMap::new(),
            resists: true,
            fail_saves: false,
            bad_key: None,
            store_failures: 0,
            cuts: 0,
            power_gone: false,
            cut: None,
            sealed: BTreeMap::new(),
            deny_saves: false,
            fail_erasures: false,
            saves: 0,
            charge: None,
            pending: false,
            broken: false,
            operations: 0,
            asked: None,
            deny: false,
            claimed: None,
        }
    }

    pub(crate) fn new(own: &Identity, peers: &[&Identity], toy: bool, seed: u64) -> Self {
        let mut port = TestPort::blank(toy, seed ^ u64::from(own.kid) << 40);
        port.own = Some(own.clone());
        port.peers = peers.iter().map(|peer| (peer.kid, peer.credential.clone())).collect();
        port.known = peers.iter().map(|peer| peer.credential.clone()).collect();
        port
    }
}

impl Provider for TestPort {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        for byte in out {
            *byte = self.dice.next() as u8;
        }
        Ok(())
    }

    fn agree(&mut self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        self.operations += 1;
        if self.pending {
            return Err(Error::Pending);
        }
        if self.broken {
            return Err(Error::UnknownKey);
        }
        assert_eq!(key, KeyHandle(1));
        let private = Secret::from(self.own.as_ref().ok_or(Error::UnknownKey)?.private);
        self.agree_ephemeral(curve, &private, peer, shared)
    }

    fn sign(&mut self, key: KeyHandle, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
        self.operations += 1;
        assert_eq!(key, KeyHandle(1));
        // A secure element that is asked again must be asked for the same, or it would never come to an end.
        let asked = self.asked.get_or_insert_with(|| message.concat());
        assert_eq!(*asked, message.concat());
        if self.pending {
            return Err(Error::Pending);
        }
        self.asked = None;
        crate::crypto::software::sign(algorithm, &Secret::from(self.own.as_ref().ok_or(Error::UnknownKey)?.private), message, signature)
    }

    fn generate(&mut self, curve: Curve, private: &mut Secret<32>, public: &mut [u8; 32]) -> Result<()> {
        self.random(private.expose_mut())?;
        *public = if self.toy { toy_public(private.expose()) } else { public_key(KeyKind::for_agreement(curve), private)?.x };
        Ok(())
    }

    fn agree_ephemeral(&mut self, curve: Curve, private: &Secret<32>, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        if !self.toy {
            let mut keys = crate::crypto::software::SoftwareKeys::<1>::new();
            keys.insert(KeyHandle(7), KeyKind::for_agreement(curve), private.clone())?;
            return keys.agree(KeyHandle(7), curve, peer, shared);
        }
        // Every byte counts, or a flipped bit would go unnoticed.
        let value = power(number(peer), number(private.expose()) % PRIME).to_le_bytes();
        shared.expose_mut().copy_from_slice(&toy_hash(&[&value, &peer[8..]]));
        Ok(())
    }

    fn seal(&mut self, algorithm: Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &mut [u8]) -> Result<()> {
        if !self.toy {
            return Defaults.seal(algorithm, key, nonce, aad, buffer, tag);
        }
        let content = toy_hash(&[aad, b"|", buffer]);
        let known = *self.sealed.entry(toy_hash(&[key, nonce])).or_insert(content);
        assert_eq!(known, content, "one nonce for two records");
        toy_stream(key, nonce, buffer);
        tag.copy_from_slice(&toy_hash(&[key, nonce, aad, b"|", buffer])[..tag.len()]);
        Ok(())
    }

    fn open(&mut self, algorithm: Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &[u8]) -> Result<()> {
        if !self.toy {
            return Defaults.open(algorithm, key, nonce, aad, buffer, tag);
        }
        if toy_hash(&[key, nonce, aad, b"|", buffer])[..tag.len()] != *tag {
            return Err(Error::DecryptFailed);
        }
        toy_stream(key, nonce, buffer);
        Ok(())
    }

    fn hash(&mut self, parts: &[&[u8]]) -> [u8; HASH] {
        if self.toy { toy_hash(parts) } else { Defaults.hash(parts) }
    }

    fn extract(&mut self, salt: &[u8], input: &[u8]) -> Secret<HASH> {
        if self.toy { Secret::from(toy_hash(&[b"extract", salt, b"|", input])) } else { Defaults.extract(salt, input) }
    }

    fn expand(&mut self, prk: &Secret<HASH>, info: &[&[u8]], out: &mut [u8]) -> Result<()> {
        if !self.toy {
            return Defaults.expand(prk, info, out);
        }
        for (count, chunk) in out.chunks_mut(HASH).enumerate() {
            let mut parts: Vec<&[u8]> = std::vec![prk.expose()];
            parts.extend_from_slice(info);
            let count = [count as u8];
            parts.push(&count);
            chunk.copy_from_slice(&toy_hash(&parts)[..chunk.len()]);
        }
        Ok(())
    }
}

fn toy_stream(key: &[u8], nonce: &[u8], buffer: &mut [u8]) {
    for (count, chunk) in buffer.chunks_mut(HASH).enumerate() {
        let block = toy_hash(&[key, nonce, &[count as u8]]);
        for (byte, mask) in chunk.iter_mut().zip(block) {
            *byte ^= mask;
        }
    }
}

/// A provider without keys, for the bodies that the trait brings along.
struct Defaults;

impl Provider for Defaults {
    fn random(&mut self, _: &mut [u8]) -> Result<()> {
        Err(Error::RandomFailed)
    }

    fn agree(&mut self, _: KeyHandle, _: Curve, _: &[u8; 32], _: &mut Secret<32>) -> Result<()> {
        Err(Error::UnknownKey)
    }

    fn sign(&mut self, _: KeyHandle, _: Signature, _: &[&[u8]], _: &mut [u8; 64]) -> Result<()> {
        Err(Error::UnknownKey)
    }
}

impl Credentials for TestPort {
    fn own(&self, suite: Suite, key: AuthenticationKey, out: &mut [u8]) -> Result<OwnCredential> {
        let own = self.own.as_ref().ok_or(Error::UnknownCredential)?;
        let sort = match own.kind {
            KeyKind::X25519 | KeyKind::P256 => AuthenticationKey::StaticDh,
            KeyKind::Ed25519 | KeyKind::Es256 => AuthenticationKey::Signature,
        };
        if key != sort || !self.suites.contains(&suite) {
            return Err(Error::UnknownCredential);
        }
        out[..own.credential.len()].copy_from_slice(&own.credential);
        Ok(OwnCredential { len: own.credential.len(), key: KeyHandle(1), by_value: self.by_value })
    }

    fn candidate(&self, kid: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        let found = self.peers.iter().filter(|(known, _)| [*known] == kid).nth(nth);
        Ok(found.map(|(_, credential)| {
            out[..credential.len()].copy_from_slice(credential);
            credential.len()
        }))
    }

    fn known(&self, credential: &[u8]) -> bool {
        self.known.iter().any(|known| known == credential)
    }

    fn anchor(&self, _: usize) -> Option<TrustAnchor<'_>> {
        None
    }

    fn authorize(&mut self, peer: &Peer<'_>) -> bool {
        self.claimed = peer.inbox.and_then(|name| InboxName::new(name).ok());
        !self.deny && peer.inbox.is_none_or(|name| peer.credential.subject.is_some_and(|subject| subject.as_bytes() == name))
    }
}

impl Store for TestPort {
    fn load(&mut self, key: u32, out: &mut [u8]) -> Result<usize> {
        let Some(data) = self.stored.get(&key) else { return Ok(0) };
        out.get_mut(..data.len()).ok_or(Error::BufferTooSmall)?.copy_from_slice(data);
        Ok(data.len())
    }

    fn save(&mut self, key: u32, data: &[u8]) -> Result<()> {
        // When the power is gone nothing is stored any more, until the process begins again.
        if self.fail_saves
            || self.bad_key == Some(key)
            || self.power_gone
            || self.fail_erasures && data.is_empty()
            || self.dice.chance(self.store_failures)
        {
            return Err(Error::StorageFailed);
        }
        if let Some(charge) = &mut self.charge {
            let Some(left) = charge.checked_sub(1) else { return Err(Error::StorageFailed) };
            *charge = left;
        }
        self.power_gone = self.dice.chance(self.cuts);
        if let Some((_, effective)) = self.cut.take_if(|(saves, _)| *saves == self.saves) {
            self.power_gone = true;
            if !effective {
                return Err(Error::StorageFailed);
            }
        }
        self.saves += 1;
        if data.is_empty() {
            self.stored.remove(&key);
        } else {
            self.stored.insert(key, data.to_vec());
        }
        if self.deny_saves { Err(Error::StorageFailed) } else { Ok(()) }
    }

    fn resists_rollback(&self) -> bool {
        self.resists
    }

    fn slots(&self) -> u32 {
        self.stored.last_key_value().map_or(0, |(key, _)| key + 1)
    }
}
