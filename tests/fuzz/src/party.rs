//! The platform of a fuzzed endpoint: the fast provider, provisioned credentials, and a store in memory.

use crate::provider::{Key, Mixing, Mode, public};
use sealwire_core::bytes::Writer;
use sealwire_core::cose::{KeyCurve, PublicKey, Thumbprint};
use sealwire_core::credential::{
    Claims, Credentials, Issuer, OwnCredential, OwnEntry, Peer, Provisioned, Purposes, StaticCredentials, TrustAnchor, issue_cwt, write_ccs,
};
use sealwire_core::crypto::{Aead, AuthenticationKey, Curve, HASH, KeyHandle, Provider, Signature, Suite};
use sealwire_core::error::{Error, Result};
use sealwire_core::persist::Store;
use std::sync::OnceLock;

/// Handle of the static Diffie-Hellman key.
pub const STATIC: KeyHandle = KeyHandle(1);
/// Handle of the key that signs.
pub const SIGNING: KeyHandle = KeyHandle(2);
/// kid of the one trust anchor.
pub const ISSUER_KID: &[u8] = b"ca";
/// Keys that the store has.
const STORED: usize = 8;

/// What an endpoint presents itself with.
#[derive(Debug)]
pub struct Identity {
    thumbprints: [Thumbprint; 2],
    /// kid, one byte.
    pub kid: [u8; 1],
    /// Subject and inbox name.
    pub name: &'static str,
    /// Its public key.
    pub key: PublicKey,
    /// A CCS with that key.
    pub ccs: Vec<u8>,
    /// kid of the key that signs.
    pub signing_kid: [u8; 1],
    /// Its public key.
    pub signing_key: PublicKey,
    /// A CCS with it.
    pub signing_ccs: Vec<u8>,
    /// A CWT with that key, by the anchor, in [`Mode::Clear`].
    pub cwt: Vec<u8>,
}

/// The key of the trust anchor.
fn issuer() -> PublicKey {
    PublicKey { curve: KeyCurve::Ed25519, x: public(&[0x77; 32]), y: None }
}

impl Identity {
    fn new(kid: u8, name: &'static str) -> Self {
        let key = PublicKey { curve: KeyCurve::X25519, x: public(&[kid; 32]), y: None };
        let ccs_of = |key: &PublicKey, kid: u8| {
            let mut buffer = [0; 160];
            let mut writer = Writer::new(&mut buffer);
            write_ccs(&mut writer, name, key, &[kid]).expect("it fits");
            writer.finish().to_vec()
        };
        let ccs = ccs_of(&key, kid);
        let signing_kid = kid + 4;
        let signing_key = PublicKey { curve: KeyCurve::Ed25519, x: public(&[signing_kid; 32]), y: None };
        let signing_ccs = ccs_of(&signing_key, signing_kid);
        let mut provider = Mixing::new(Mode::Clear, 1);
        provider.keys.push(Key { handle: STATIC, public: issuer().x.to_vec() });
        let (mut scratch, mut buffer) = ([0; 160], [0; 320]);
        let mut writer = Writer::new(&mut buffer);
        let by = Issuer { key: STATIC, algorithm: Signature::EdDsa, kid: Some(ISSUER_KID) };
        let claims = Claims { subject: Some(name), ..Claims::new(key) };
        issue_cwt(&mut provider, &by, &claims, &mut scratch, &mut writer).expect("it fits");
        let cwt = writer.finish().to_vec();
        let thumbprints = [key, signing_key].map(|key| key.thumbprint(&mut provider).expect("a key without y"));
        Identity { thumbprints, kid: [kid], name, key, ccs, signing_kid: [signing_kid], signing_key, signing_ccs, cwt }
    }

    /// The identity of its key that does this.
    pub const fn thumbprint(&self, sort: AuthenticationKey) -> Thumbprint {
        match sort {
            AuthenticationKey::StaticDh => self.thumbprints[0],
            AuthenticationKey::Signature => self.thumbprints[1],
        }
    }
}

/// The two that talk: the device and the hub. Made once, because every input needs them.
pub fn identities() -> &'static [Identity; 2] {
    static BOTH: OnceLock<[Identity; 2]> = OnceLock::new();
    BOTH.get_or_init(|| [Identity::new(1, "dev-1"), Identity::new(2, "hub")])
}

/// Three that may come to a device which knows nobody.
pub fn newcomers() -> &'static [Identity; 3] {
    static ALL: OnceLock<[Identity; 3]> = OnceLock::new();
    ALL.get_or_init(|| [Identity::new(20, "phone"), Identity::new(21, "phone"), Identity::new(22, "thief")])
}

/// The other of the two.
pub const fn other(who: usize) -> usize {
    1 - who
}

/// A platform.
#[derive(Clone, Debug)]
pub struct Party {
    /// The fast provider.
    pub provider: Mixing,
    own: &'static Identity,
    /// Whom it was provisioned with.
    peer: Option<&'static Identity>,
    /// Send the own credential by value: 0 never, 1 a CCS, 2 a CWT.
    pub by_value: u8,
    /// What is stored.
    pub stored: [Option<Vec<u8>>; STORED],
    /// Nobody can bring an earlier state back.
    pub resists_rollback: bool,
    /// So many saves succeed, then all fail.
    pub saves_left: u32,
    /// What fails to be saved is there all the same, as a store may leave it.
    pub torn: bool,
    /// Saves that succeeded.
    pub saves: u32,
    /// The time, if known.
    pub now_s: Option<u64>,
}

impl Party {
    /// The platform of one of the two.
    pub fn new(who: usize, mode: Mode) -> Self {
        Party { peer: Some(&identities()[other(who)]), ..Party::alone(&identities()[who], mode, who as u64 + 11) }
    }

    /// The platform of somebody who was provisioned with nobody.
    pub fn alone(own: &'static Identity, mode: Mode, seed: u64) -> Self {
        let mut provider = Mixing::new(mode, seed);
        provider.keys.push(Key { handle: STATIC, public: own.key.x.to_vec() });
        provider.keys.push(Key { handle: SIGNING, public: own.signing_key.x.to_vec() });
        Party {
            provider,
            own,
            peer: None,
            by_value: 0,
            stored: Default::default(),
            resists_rollback: true,
            saves_left: u32::MAX,
            torn: false,
            saves: 0,
            now_s: None,
        }
    }

    fn with_table<R>(&self, ask: impl FnOnce(&StaticCredentials<'_>) -> R) -> R {
        let own = self.own;
        let by_value = self.by_value > 0;
        let own = [Suite::X25519ChaCha, Suite::X25519Ccm].map(|suite| {
            let credential = if self.by_value == 2 { &own.cwt } else { &own.ccs };
            [
                OwnEntry { suite, authentication: AuthenticationKey::StaticDh, credential, key: STATIC, by_value },
                OwnEntry { suite, authentication: AuthenticationKey::Signature, credential: &own.signing_ccs, key: SIGNING, by_value },
            ]
        });
        let peers = self.peer.map(|peer| {
            [
                Provisioned { kid: &peer.kid, credential: &peer.ccs },
                Provisioned { kid: b"cw", credential: &peer.cwt },
                Provisioned { kid: &peer.signing_kid, credential: &peer.signing_ccs },
            ]
        });
        ask(&StaticCredentials {
            own: own.as_flattened(),
            peers: peers.as_ref().map_or(&[], |peers| peers),
            anchors: &[],
            now_s: self.now_s,
        })
    }
}

impl Credentials for Party {
    fn own(&self, suite: Suite, key: AuthenticationKey, out: &mut [u8]) -> Result<OwnCredential> {
        self.with_table(|table| table.own(suite, key, out))
    }

    fn candidate(&self, kid: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        self.with_table(|table| table.candidate(kid, nth, out))
    }

    fn known(&self, credential: &[u8]) -> bool {
        self.with_table(|table| table.known(credential))
    }

    fn anchor(&self, nth: usize) -> Option<TrustAnchor<'_>> {
        (nth == 0).then(|| TrustAnchor { key: issuer(), kid: ISSUER_KID, purposes: Purposes::IDENTITY })
    }

    fn now_s(&self) -> Option<u64> {
        self.now_s
    }

    fn authorize(&mut self, peer: &Peer<'_>) -> bool {
        peer.inbox.is_none_or(|name| peer.credential.subject.is_some_and(|subject| subject.as_bytes() == name))
    }
}

impl Store for Party {
    fn load(&mut self, key: u32, out: &mut [u8]) -> Result<usize> {
        let Some(Some(data)) = self.stored.get(key as usize) else { return Ok(0) };
        out.get_mut(..data.len()).ok_or(Error::BufferTooSmall)?.copy_from_slice(data);
        Ok(data.len())
    }

    fn save(&mut self, key: u32, data: &[u8]) -> Result<()> {
        let place = self.stored.get_mut(key as usize).ok_or(Error::NoSpace)?;
        if self.saves_left > 0 || self.torn {
            *place = (!data.is_empty()).then(|| data.to_vec());
        }
        if self.saves_left == 0 {
            return Err(Error::StorageFailed);
        }
        self.saves_left -= 1;
        self.saves += 1;
        Ok(())
    }

    fn resists_rollback(&self) -> bool {
        self.resists_rollback
    }

    fn slots(&self) -> u32 {
        STORED as u32
    }
}

impl Provider for Party {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        self.provider.random(out)
    }

    fn agree(&mut self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret) -> Result<()> {
        self.provider.agree(key, curve, peer, shared)
    }

    fn sign(&mut self, key: KeyHandle, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
        self.provider.sign(key, algorithm, message, signature)
    }

    fn generate(&mut self, curve: Curve, private: &mut Secret, public: &mut [u8; 32]) -> Result<()> {
        self.provider.generate(curve, private, public)
    }

    fn agree_ephemeral(&mut self, curve: Curve, private: &Secret, peer: &[u8; 32], shared: &mut Secret) -> Result<()> {
        self.provider.agree_ephemeral(curve, private, peer, shared)
    }

    fn verify(&mut self, algorithm: Signature, public: &[u8], message: &[&[u8]], signature: &[u8]) -> Result<()> {
        self.provider.verify(algorithm, public, message, signature)
    }

    fn seal(&mut self, algorithm: Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &mut [u8]) -> Result<()> {
        self.provider.seal(algorithm, key, nonce, aad, buffer, tag)
    }

    fn open(&mut self, algorithm: Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &[u8]) -> Result<()> {
        self.provider.open(algorithm, key, nonce, aad, buffer, tag)
    }

    fn hash(&mut self, parts: &[&[u8]]) -> [u8; HASH] {
        self.provider.hash(parts)
    }

    fn extract(&mut self, salt: &[u8], input: &[u8]) -> Secret {
        self.provider.extract(salt, input)
    }

    fn expand(&mut self, prk: &Secret, info: &[&[u8]], out: &mut [u8]) -> Result<()> {
        self.provider.expand(prk, info, out)
    }
}

type Secret = sealwire_core::bytes::Secret<32>;
