//! `Key`, `Credential` and `TrustAnchor`.

use crate::callback::Keystore;
use crate::error::{Result, SealwireError};
use crate::port::{Anchor, Known, random};
use sealwire_core::Error;
use sealwire_core::bytes::{Secret, Writer};
use sealwire_core::credential::{self, Claims, Issuer, KeyCurve, MAX_CREDENTIAL, PublicKey, Purposes, Thumbprint, x5t_of};
use sealwire_core::crypto::software;
use sealwire_core::crypto::{AuthenticationKey, Curve, KeyHandle, Provider, Signature, Suite};
use sealwire_core::error::Result as CoreResult;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What a private key is for. One key never does two things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum KeyKind {
    /// Static Diffie-Hellman, suites 4 and 0.
    X25519,
    /// Static Diffie-Hellman, suites 2 and 3.
    P256,
    /// Signs, suites 4 and 0.
    Ed25519,
    /// Signs with P-256, suites 2 and 3.
    Es256,
}

impl KeyKind {
    const fn core(self) -> software::KeyKind {
        match self {
            KeyKind::X25519 => software::KeyKind::X25519,
            KeyKind::P256 => software::KeyKind::P256,
            KeyKind::Ed25519 => software::KeyKind::Ed25519,
            KeyKind::Es256 => software::KeyKind::Es256,
        }
    }
}

enum Private {
    Software(Secret<32>),
    Keystore(String),
}

/// A private key: kept in memory and erased when it is no longer used, or held by the phone's key store and named by its alias there.
#[derive(uniffi::Object)]
pub struct Key {
    kind: KeyKind,
    pub(crate) public: PublicKey,
    private: Private,
}

/// The operating system's random numbers and at most one key: for what is done without an endpoint.
#[derive(Default)]
pub(crate) struct System<'k> {
    key: Option<&'k Key>,
    keystore: Option<&'k dyn Keystore>,
    /// Why the key store failed.
    pub(crate) cause: Option<String>,
}

impl<'k> System<'k> {
    pub(crate) fn with(key: &'k Key, keystore: Option<&'k dyn Keystore>) -> Self {
        System { key: Some(key), keystore, cause: None }
    }
}

impl Provider for System<'_> {
    fn random(&mut self, out: &mut [u8]) -> CoreResult<()> {
        random(out)
    }

    fn agree(&mut self, _key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> CoreResult<()> {
        self.key.ok_or(Error::UnknownKey)?.agree(self.keystore, curve, peer, shared, &mut self.cause)
    }

    fn sign(&mut self, _key: KeyHandle, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> CoreResult<()> {
        self.key.ok_or(Error::UnknownKey)?.sign(self.keystore, algorithm, message, signature, &mut self.cause)
    }
}

pub(crate) fn thumbprint_of(key: &PublicKey) -> Result<Thumbprint> {
    Ok(key.thumbprint(&mut System::default())?)
}

fn public_bytes(key: &PublicKey) -> Vec<u8> {
    let mut public = key.x.to_vec();
    public.extend(key.y.iter().flatten());
    public
}

impl Key {
    fn software(kind: KeyKind, private: Secret<32>) -> Result<Arc<Self>> {
        let public = software::public_key(kind.core(), &private)?;
        Ok(Arc::new(Key { kind, public, private: Private::Software(private) }))
    }

    /// The algorithm that it signs with; nothing if it is for Diffie-Hellman.
    pub(crate) fn signs_with(&self) -> Option<Signature> {
        let kind = self.kind.core();
        kind.curve().signature().filter(|found| software::KeyKind::for_signature(*found) == kind)
    }

    /// Whether this is an authentication key of this sort for the suite.
    pub(crate) fn serves(&self, suite: Suite, sort: AuthenticationKey) -> bool {
        self.kind.core()
            == match sort {
                AuthenticationKey::StaticDh => software::KeyKind::for_agreement(suite.curve()),
                AuthenticationKey::Signature => software::KeyKind::for_signature(suite.signature()),
            }
    }

    pub(crate) fn serves_any(&self, suite: Suite) -> bool {
        self.serves(suite, AuthenticationKey::StaticDh) || self.serves(suite, AuthenticationKey::Signature)
    }

    pub(crate) fn agree(
        &self,
        keystore: Option<&dyn Keystore>,
        curve: Curve,
        peer: &[u8; 32],
        shared: &mut Secret<32>,
        cause: &mut Option<String>,
    ) -> CoreResult<()> {
        if self.kind.core() != software::KeyKind::for_agreement(curve) {
            return Err(Error::UnknownKey);
        }
        match &self.private {
            Private::Software(private) => System::default().agree_ephemeral(curve, private, peer, shared),
            Private::Keystore(alias) => {
                let keystore = keystore.ok_or(Error::UnknownKey)?;
                let answer = keystore.agree(alias.clone(), peer.to_vec()).map_err(|failed| failed.told(Error::UnknownKey, cause))?;
                let answer = Zeroizing::new(answer);
                *shared = Secret::from_slice(&answer).map_err(|_| Error::InvalidKey)?;
                if shared.expose().iter().all(|byte| *byte == 0) { Err(Error::InvalidKey) } else { Ok(()) }
            }
        }
    }

    pub(crate) fn sign(
        &self,
        keystore: Option<&dyn Keystore>,
        algorithm: Signature,
        message: &[&[u8]],
        signature: &mut [u8; 64],
        cause: &mut Option<String>,
    ) -> CoreResult<()> {
        if self.kind.core() != software::KeyKind::for_signature(algorithm) {
            return Err(Error::UnknownKey);
        }
        match &self.private {
            Private::Software(private) => software::sign(algorithm, private, message, signature),
            Private::Keystore(alias) => {
                let keystore = keystore.ok_or(Error::UnknownKey)?;
                let answer = keystore.sign(alias.clone(), message.concat()).map_err(|failed| failed.told(Error::UnknownKey, cause))?;
                *signature = answer.as_slice().try_into().map_err(|_| Error::InvalidKey)?;
                Ok(())
            }
        }
    }
}

#[uniffi::export]
impl Key {
    /// Makes a new key in memory.
    #[uniffi::constructor]
    pub fn generate(kind: KeyKind) -> Result<Arc<Self>> {
        Self::software(kind, software::generate(kind.core(), random)?)
    }

    /// Takes the 32 raw bytes of a private key. Throws `InvalidKey`.
    #[uniffi::constructor]
    pub fn from_bytes(kind: KeyKind, private: Vec<u8>) -> Result<Arc<Self>> {
        let bytes = Zeroizing::new(private);
        let private = Secret::from_slice(&bytes).map_err(|_| SealwireError::new(Error::InvalidKey, "a private key has 32 bytes"))?;
        Self::software(kind, private)
    }

    /// A key that the phone's key store holds under `alias`; the endpoint's `Keystore` is asked. `public` is 32 bytes, for P256 and Es256 x
    /// followed by y. Throws `InvalidKey`.
    #[uniffi::constructor]
    pub fn in_keystore(kind: KeyKind, public: Vec<u8>, alias: String) -> Result<Arc<Self>> {
        let (x, rest) = public.split_first_chunk::<32>().ok_or(Error::InvalidKey)?;
        let y = if rest.is_empty() { None } else { Some(rest.try_into().map_err(|_| Error::InvalidKey)?) };
        let public = PublicKey { curve: kind.core().curve(), x: *x, y };
        let mut buffer = [0; 80];
        let mut w = Writer::new(&mut buffer);
        public.write(&mut w, None)?;
        // Refuses what is no point.
        PublicKey::parse(w.written())?;
        Ok(Arc::new(Key { kind, public, private: Private::Keystore(alias) }))
    }

    /// What it is for.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The public key: 32 bytes, on P-256 64 (x, then y).
    pub fn public_key(&self) -> Vec<u8> {
        public_bytes(&self.public)
    }

    /// The identity of whoever holds this key: the first 16 bytes of the RFC 9679 thumbprint of the public key.
    pub fn thumbprint(&self) -> Result<Vec<u8>> {
        Ok(thumbprint_of(&self.public)?.0.to_vec())
    }

    /// The 32 private bytes, for saving. Throws `UnknownKey` for a key that the key store holds.
    pub fn private_bytes(&self) -> Result<Vec<u8>> {
        match &self.private {
            Private::Software(private) => Ok(private.expose().to_vec()),
            Private::Keystore(_) => Err(SealwireError::new(Error::UnknownKey, "the key store keeps this key")),
        }
    }
}

/// How a credential is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum CredentialKind {
    /// Unsigned.
    Ccs,
    /// Signed by an issuer.
    Cwt,
    /// A certificate.
    X509,
}

/// What an issuer says about a key, besides the subject. Times are seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct CwtClaims {
    /// `iss`.
    #[uniffi(default = None)]
    pub issuer_name: Option<String>,
    /// `exp`: invalid from then on.
    #[uniffi(default = None)]
    pub expires: Option<u64>,
    /// `nbf`: invalid before.
    #[uniffi(default = None)]
    pub not_before: Option<u64>,
    /// `iat`.
    #[uniffi(default = None)]
    pub issued_at: Option<u64>,
    /// `cti`.
    #[uniffi(default = None)]
    pub token_id: Option<Vec<u8>>,
}

/// Who someone is, as the handshake shows it: an unsigned CCS, a CWT signed by an issuer, or an X.509 certificate.
#[derive(uniffi::Object)]
pub struct Credential {
    pub(crate) bytes: Vec<u8>,
    pub(crate) key: PublicKey,
    pub(crate) thumbprint: Thumbprint,
}

impl Credential {
    fn take(bytes: Vec<u8>) -> Result<Arc<Self>> {
        if bytes.len() > MAX_CREDENTIAL {
            return Err(SealwireError::new(Error::InvalidArgument, "a credential has at most 512 bytes"));
        }
        let unread = |error| {
            let detail =
                if error == Error::Malformed { "neither CBOR nor DER; the text of a file NAME.cred is read by `parse`" } else { "" };
            SealwireError::new(error, detail)
        };
        let key = credential::Credential::parse(&bytes).map_err(unread)?.key;
        Ok(Arc::new(Credential { thumbprint: thumbprint_of(&key)?, key, bytes }))
    }

    fn parsed(&self) -> Result<credential::Credential<'_>> {
        Ok(credential::Credential::parse(&self.bytes)?)
    }

    pub(crate) fn known(&self) -> Result<Known> {
        let kid = self.parsed()?.kid.map(<[u8]>::to_vec);
        Ok(Known { credential: self.bytes.clone(), kid, x5t: x5t_of(&self.bytes), thumbprint: self.thumbprint })
    }
}

#[uniffi::export]
impl Credential {
    /// Reads a credential: CBOR, or the DER of a certificate. Nothing is verified. Throws `Malformed`.
    #[uniffi::constructor]
    pub fn new(data: Vec<u8>) -> Result<Arc<Self>> {
        Self::take(data)
    }

    /// Reads the text of a file `NAME.cred`, as the command `sealwire keygen` writes it: hexadecimal; blanks and lines that begin with `#` do not count. Throws `Malformed`.
    #[uniffi::constructor]
    pub fn parse(text: String) -> Result<Arc<Self>> {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let digits: Vec<char> = lines.flat_map(str::chars).filter(|character| !character.is_whitespace()).collect();
        let byte = |pair: &[char]| match pair {
            [high, low] => u8::try_from((high.to_digit(16)? << 4) | low.to_digit(16)?).ok(),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
        Self::take(bytes.ok_or_else(|| SealwireError::new(Error::Malformed, "not the hexadecimal text of a file NAME.cred"))?)
    }

    /// An unsigned credential; peers trust it where they were given its bytes.
    #[uniffi::constructor]
    pub fn ccs(key: &Key, subject: String, kid: Vec<u8>) -> Result<Arc<Self>> {
        let mut buffer = [0; MAX_CREDENTIAL];
        let mut w = Writer::new(&mut buffer);
        credential::write_ccs(&mut w, &subject, &key.public, &kid)?;
        Self::take(w.written().to_vec())
    }

    /// A credential signed by an issuer, whose key is in memory; peers trust it where the issuer is a trust anchor.
    #[uniffi::constructor]
    pub fn cwt(key: &Key, subject: String, kid: Vec<u8>, issuer: &Key, issuer_kid: Vec<u8>, claims: CwtClaims) -> Result<Arc<Self>> {
        let algorithm = issuer.signs_with().ok_or_else(|| SealwireError::new(Error::UnknownKey, "issuers sign with Ed25519 or Es256"))?;
        let written = Claims {
            issuer: claims.issuer_name.as_deref(),
            subject: Some(&subject),
            expires: claims.expires,
            not_before: claims.not_before,
            issued_at: claims.issued_at,
            id: claims.token_id.as_deref(),
            kid: Some(&kid),
            ..Claims::new(key.public)
        };
        let who = Issuer { key: KeyHandle(0), algorithm, kid: Some(&issuer_kid) };
        let (mut scratch, mut buffer) = ([0; MAX_CREDENTIAL], [0; MAX_CREDENTIAL]);
        let mut w = Writer::new(&mut buffer);
        credential::issue_cwt(&mut System::with(issuer, None), &who, &written, &mut scratch, &mut w)?;
        Self::take(w.written().to_vec())
    }

    /// The text of a file `NAME.cred`, for the command `sealwire` and for Python.
    pub fn text(&self) -> String {
        self.bytes.iter().map(|byte| format!("{byte:02x}")).chain(["\n".to_owned()]).collect()
    }

    /// Its encoding: CBOR, or DER.
    pub fn data(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    /// How it is written.
    pub fn kind(&self) -> Result<CredentialKind> {
        Ok(match self.parsed()?.kind {
            credential::CredentialKind::Ccs => CredentialKind::Ccs,
            credential::CredentialKind::Cwt => CredentialKind::Cwt,
            credential::CredentialKind::X509 => CredentialKind::X509,
        })
    }

    /// `sub`: the name, on MQTT also the inbox.
    pub fn subject(&self) -> Result<Option<String>> {
        Ok(self.parsed()?.subject.map(str::to_owned))
    }

    /// `iss`: the issuer's name.
    pub fn issuer(&self) -> Result<Option<String>> {
        Ok(self.parsed()?.issuer.map(str::to_owned))
    }

    /// kid of the key; it selects candidates and proves nothing.
    pub fn kid(&self) -> Result<Option<Vec<u8>>> {
        Ok(self.parsed()?.kid.map(<[u8]>::to_vec))
    }

    /// `exp`, seconds since 1970: invalid from then on.
    pub fn expires(&self) -> Result<Option<u64>> {
        Ok(self.parsed()?.expires)
    }

    /// `nbf`, seconds since 1970: invalid before.
    pub fn not_before(&self) -> Result<Option<u64>> {
        Ok(self.parsed()?.not_before)
    }

    /// The public key: 32 bytes, on P-256 64 (x, then y).
    pub fn public_key(&self) -> Vec<u8> {
        public_bytes(&self.key)
    }

    /// Who this is: the first 16 bytes of the RFC 9679 thumbprint of the key.
    pub fn thumbprint(&self) -> Vec<u8> {
        self.thumbprint.0.to_vec()
    }

    /// Verifies a CWT or a certificate under a trust anchor; `now` in seconds since 1970, nothing to leave times aside. Throws the typed reason.
    #[uniffi::method(default(now = None))]
    pub fn verify(&self, anchor: &TrustAnchor, now: Option<u64>) -> Result<()> {
        let believed = credential::TrustAnchor { key: anchor.key, kid: &anchor.kid, purposes: anchor.purposes };
        Ok(self.parsed()?.verify(&mut System::default(), &believed, now)?)
    }
}

/// What an issuer is believed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Purpose {
    /// Who someone is.
    Identity,
    /// What someone may do.
    Role,
    /// Reference values.
    Manifest,
    /// Software updates.
    Update,
    /// The fleet's bulletin.
    Bulletin,
}

impl Purpose {
    const fn core(self) -> Purposes {
        match self {
            Purpose::Identity => Purposes::IDENTITY,
            Purpose::Role => Purposes::ROLE,
            Purpose::Manifest => Purposes::MANIFEST,
            Purpose::Update => Purposes::UPDATE,
            Purpose::Bulletin => Purposes::BULLETIN,
        }
    }
}

/// An issuer whose signatures are believed, for some purposes.
#[derive(uniffi::Object)]
pub struct TrustAnchor {
    key: PublicKey,
    kid: Vec<u8>,
    purposes: Purposes,
}

impl TrustAnchor {
    pub(crate) fn known(&self) -> Anchor {
        Anchor { key: self.key, kid: self.kid.clone(), purposes: self.purposes }
    }
}

#[uniffi::export]
impl TrustAnchor {
    /// Takes the issuer's credential: a CCS with its Ed25519 or P-256 signing key and the kid it puts on what it signs, or the certificate
    /// of an authority, of which only the key counts. Throws `InvalidKey`, `InvalidArgument` or what is wrong with the certificate.
    #[uniffi::constructor]
    pub fn new(credential: &Credential, purposes: Vec<Purpose>) -> Result<Arc<Self>> {
        if !matches!(credential.key.curve, KeyCurve::Ed25519 | KeyCurve::P256) {
            return Err(SealwireError::new(Error::InvalidKey, "an issuer has an Ed25519 or P-256 key"));
        }
        let parsed = credential.parsed()?;
        let kid = if parsed.kind == credential::CredentialKind::X509 {
            credential::anchor_key(&credential.bytes)?;
            Vec::new()
        } else {
            let none = || SealwireError::new(Error::InvalidArgument, "the issuer's key has no kid");
            parsed.kid.ok_or_else(none)?.to_vec()
        };
        let all = purposes.iter().fold(Purposes(0), |all, purpose| all.and(purpose.core()));
        Ok(Arc::new(TrustAnchor { key: credential.key, kid, purposes: all }))
    }
}
