//! `Key`, `Credential` and `TrustAnchor`.

use crate::error::{raise, raise_with};
use crate::port::System;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyString};
use sealwire_core::Error;
use sealwire_core::bytes::{Secret, Writer};
use sealwire_core::credential::{self, Claims, CredentialKind, Issuer, MAX_CREDENTIAL, PublicKey, Purposes, Thumbprint};
use sealwire_core::crypto::software::{self, KeyKind};
use sealwire_core::crypto::{AuthenticationKey, Curve, KeyHandle, Provider, Signature, Suite};
use std::borrow::Cow;
use std::sync::Arc;

/// A bytes-like object's bytes: those of `bytes` where they lie, a copy of any other. The buffer protocol is not in the stable ABI before
/// 3.11, hence the way through memoryview.
pub(crate) fn bytes_of<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(Cow::Borrowed(bytes.as_bytes()));
    }
    if let Ok(array) = object.cast::<PyByteArray>() {
        return Ok(Cow::Owned(array.to_vec()));
    }
    let view = object.py().import("builtins")?.getattr("memoryview")?.call1((object,))?;
    let copy = view.call_method0("tobytes")?;
    Ok(Cow::Owned(copy.cast::<PyBytes>()?.as_bytes().to_vec()))
}

/// Copies a bytes-like object.
pub(crate) fn bytes_like(object: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    bytes_of(object).map(Cow::into_owned)
}

/// Copies bytes, or the ASCII bytes of a string: for names.
pub(crate) fn name_like(object: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    match object.cast::<PyString>() {
        Ok(text) => Ok(text.to_cow()?.into_owned().into_bytes()),
        Err(_) => bytes_like(object),
    }
}

pub(crate) fn thumbprint_like(object: &Bound<'_, PyAny>) -> PyResult<Thumbprint> {
    let bytes = bytes_like(object)?;
    let exact: [u8; 16] = bytes.as_slice().try_into().map_err(|_| raise_with(Error::InvalidArgument, "a thumbprint has 16 bytes", None))?;
    Ok(Thumbprint(exact))
}

const KINDS: [(&str, KeyKind); 4] =
    [("X25519", KeyKind::X25519), ("P-256", KeyKind::P256), ("Ed25519", KeyKind::Ed25519), ("ES256", KeyKind::Es256)];

fn kind_from(name: &str) -> PyResult<KeyKind> {
    KINDS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, kind)| *kind)
        .ok_or_else(|| PyValueError::new_err(format!("kind {name:?}; it must be X25519, P-256, Ed25519 or ES256")))
}

fn kind_name(kind: KeyKind) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == kind).map_or("", |(name, _)| *name)
}

fn curve_name(key: &PublicKey) -> &'static str {
    match key.curve {
        credential::KeyCurve::P256 => "P-256",
        credential::KeyCurve::X25519 => "X25519",
        credential::KeyCurve::Ed25519 => "Ed25519",
    }
}

fn public_bytes(key: &PublicKey) -> Vec<u8> {
    let mut public = key.x.to_vec();
    public.extend(key.y.iter().flatten());
    public
}

fn thumbprint_of(key: &PublicKey) -> PyResult<Thumbprint> {
    key.thumbprint(&mut System::default()).map_err(raise)
}

/// The private part: in memory, or behind callables that reach a key store.
pub(crate) enum Private {
    Software(Secret<32>),
    External { agree: Option<Py<PyAny>>, sign: Option<Py<PyAny>> },
}

/// A private key as an endpoint or an issuer uses it.
pub(crate) struct HeldKey {
    kind: KeyKind,
    pub(crate) public: PublicKey,
    private: Private,
}

impl HeldKey {
    /// The algorithm that it signs with; nothing if it is for Diffie-Hellman.
    pub(crate) fn signs_with(&self) -> Option<Signature> {
        self.kind.curve().signature().filter(|found| KeyKind::for_signature(*found) == self.kind)
    }

    /// Whether this is an authentication key of this sort for the suite.
    pub(crate) fn serves(&self, suite: Suite, sort: AuthenticationKey) -> bool {
        match sort {
            AuthenticationKey::StaticDh => self.kind == KeyKind::for_agreement(suite.curve()),
            AuthenticationKey::Signature => self.kind == KeyKind::for_signature(suite.signature()),
        }
    }

    /// Diffie-Hellman. A callable's exception is handed out in `cause`.
    pub(crate) fn agree(
        &self,
        curve: Curve,
        peer: &[u8; 32],
        shared: &mut Secret<32>,
        cause: &mut Option<PyErr>,
    ) -> sealwire_core::error::Result<()> {
        if self.kind != KeyKind::for_agreement(curve) {
            return Err(Error::UnknownKey);
        }
        match &self.private {
            Private::Software(private) => System::default().agree_ephemeral(curve, private, peer, shared),
            Private::External { agree, .. } => {
                let agree = agree.as_ref().ok_or(Error::UnknownKey)?;
                let answer = external(cause, |py| bytes_like(agree.bind(py).call1((PyBytes::new(py, peer),))?.as_any()))?;
                *shared = Secret::from_slice(&answer).map_err(|_| Error::InvalidKey)?;
                if shared.expose().iter().all(|byte| *byte == 0) { Err(Error::InvalidKey) } else { Ok(()) }
            }
        }
    }

    /// Signs the concatenation of `message`.
    pub(crate) fn sign(
        &self,
        algorithm: Signature,
        message: &[&[u8]],
        signature: &mut [u8; 64],
        cause: &mut Option<PyErr>,
    ) -> sealwire_core::error::Result<()> {
        if self.kind != KeyKind::for_signature(algorithm) {
            return Err(Error::UnknownKey);
        }
        match &self.private {
            Private::Software(private) => software::sign(algorithm, private, message, signature),
            Private::External { sign, .. } => {
                let sign = sign.as_ref().ok_or(Error::UnknownKey)?;
                let whole = message.concat();
                let answer = external(cause, |py| bytes_like(sign.bind(py).call1((PyBytes::new(py, &whole),))?.as_any()))?;
                *signature = answer.as_slice().try_into().map_err(|_| Error::InvalidKey)?;
                Ok(())
            }
        }
    }
}

/// Calls a key store; `sealwire.errors.Pending` means that the answer comes later.
fn external(cause: &mut Option<PyErr>, call: impl FnOnce(Python<'_>) -> PyResult<Vec<u8>>) -> sealwire_core::error::Result<Vec<u8>> {
    Python::attach(|py| {
        call(py).map_err(|raised| {
            if crate::error::number_of(py, &raised) == Some(Error::Pending.number()) {
                return Error::Pending;
            }
            *cause = Some(raised);
            Error::UnknownKey
        })
    })
}

/// A private key: kept in memory and erased when it is no longer used, or held by a key store and reached by callables.
#[pyclass(frozen, module = "sealwire")]
pub(crate) struct Key {
    pub(crate) held: Arc<HeldKey>,
}

#[pymethods]
impl Key {
    /// Makes a new key: "X25519" or "P-256" for static Diffie-Hellman, "Ed25519" or "ES256" for signing.
    #[staticmethod]
    #[pyo3(signature = (kind = "X25519"))]
    fn generate(kind: &str) -> PyResult<Self> {
        let kind = kind_from(kind)?;
        let private = software::generate(kind, |out| System::default().random(out)).map_err(raise)?;
        Self::software(kind, private)
    }

    /// Takes the 32 raw bytes of a private key.
    #[staticmethod]
    fn from_bytes(kind: &str, private: &Bound<'_, PyAny>) -> PyResult<Self> {
        let bytes = zeroize::Zeroizing::new(bytes_like(private)?);
        let private = Secret::from_slice(&bytes).map_err(|_| raise_with(Error::InvalidKey, "a private key has 32 bytes", None))?;
        Self::software(kind_from(kind)?, private)
    }

    /// A key that a key store holds. `public` is 32 bytes, for P-256 and ES256 x followed by y. `agree(peer)` gives the 32-byte shared secret (for
    /// P-256 `peer` is the x coordinate), `sign(message)` the 64-byte signature; either may raise `Pending`.
    #[staticmethod]
    #[pyo3(signature = (kind, public, *, agree = None, sign = None))]
    fn external(kind: &str, public: &Bound<'_, PyAny>, agree: Option<Py<PyAny>>, sign: Option<Py<PyAny>>) -> PyResult<Self> {
        let kind = kind_from(kind)?;
        let bytes = bytes_like(public)?;
        let (x, rest) = bytes.split_first_chunk::<32>().ok_or_else(|| raise(Error::InvalidKey))?;
        let y = if rest.is_empty() { None } else { Some(rest.try_into().map_err(|_| raise(Error::InvalidKey))?) };
        let public = PublicKey { curve: kind.curve(), x: *x, y };
        checked(&public)?;
        Ok(Key { held: Arc::new(HeldKey { kind, public, private: Private::External { agree, sign } }) })
    }

    /// "X25519", "P-256", "Ed25519" or "ES256".
    #[getter]
    fn kind(&self) -> &'static str {
        kind_name(self.held.kind)
    }

    /// "X25519", "P-256" or "Ed25519".
    #[getter]
    fn curve(&self) -> &'static str {
        curve_name(&self.held.public)
    }

    /// The public key: 32 bytes, on P-256 64 (x, then y).
    #[getter]
    fn public<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &public_bytes(&self.held.public))
    }

    /// The first 16 bytes of the RFC 9679 thumbprint of the public key: the identity of whoever holds this key.
    #[getter]
    fn thumbprint<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &thumbprint_of(&self.held.public)?.0))
    }

    /// The 32 private bytes, for saving. Raises `UnknownKey` for a key that a key store holds.
    fn private_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        match &self.held.private {
            Private::Software(private) => Ok(PyBytes::new(py, private.expose())),
            Private::External { .. } => Err(raise_with(Error::UnknownKey, "the key store keeps this key", None)),
        }
    }

    fn __repr__(&self) -> String {
        format!("<sealwire.Key {}>", self.kind())
    }
}

impl Key {
    fn software(kind: KeyKind, private: Secret<32>) -> PyResult<Self> {
        let public = software::public_key(kind, &private).map_err(raise)?;
        Ok(Key { held: Arc::new(HeldKey { kind, public, private: Private::Software(private) }) })
    }
}

/// Refuses a public key that is no point, by reading back what would be written.
fn checked(key: &PublicKey) -> PyResult<()> {
    let mut buffer = [0; 80];
    let mut w = Writer::new(&mut buffer);
    key.write(&mut w, None).map_err(raise)?;
    PublicKey::parse(w.written()).map(|_| ()).map_err(raise)
}

/// Who someone is, as the handshake shows it: an unsigned CCS, a CWT signed by an issuer, or an X.509 certificate.
#[pyclass(frozen, module = "sealwire")]
pub(crate) struct Credential {
    pub(crate) bytes: Vec<u8>,
    pub(crate) key: PublicKey,
    pub(crate) thumbprint: Thumbprint,
}

impl Credential {
    fn take(bytes: Vec<u8>) -> PyResult<Self> {
        if bytes.starts_with(b"-----BEGIN") {
            return Err(raise_with(Error::Malformed, "this is PEM; a certificate is taken as DER", None));
        }
        if bytes.len() > MAX_CREDENTIAL {
            return Err(raise_with(Error::InvalidArgument, "a credential has at most 512 bytes", None));
        }
        let parsed = credential::Credential::parse(&bytes).map_err(raise)?;
        let key = parsed.key;
        Ok(Credential { thumbprint: thumbprint_of(&key)?, key, bytes })
    }

    pub(crate) fn parsed(&self) -> PyResult<credential::Credential<'_>> {
        credential::Credential::parse(&self.bytes).map_err(raise)
    }
}

#[pymethods]
impl Credential {
    /// Reads a credential: CBOR, or the DER of a certificate. Nothing is verified.
    #[new]
    fn new(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::take(bytes_like(data)?)
    }

    /// An unsigned credential; peers trust it where they were given its bytes.
    #[staticmethod]
    fn ccs(key: &Key, subject: &str, kid: &Bound<'_, PyAny>) -> PyResult<Self> {
        let kid = bytes_like(kid)?;
        let mut buffer = [0; MAX_CREDENTIAL];
        let mut w = Writer::new(&mut buffer);
        credential::write_ccs(&mut w, subject, &key.held.public, &kid).map_err(raise)?;
        Self::take(w.written().to_vec())
    }

    /// A credential signed by an issuer; peers trust it where the issuer is a trust anchor. Times are seconds since 1970.
    #[staticmethod]
    #[pyo3(signature = (key, subject, kid, *, issuer, issuer_kid, issuer_name = None, expires = None, not_before = None, issued_at = None, token_id = None))]
    #[allow(clippy::too_many_arguments)]
    fn cwt(
        py: Python<'_>,
        key: &Key,
        subject: &str,
        kid: &Bound<'_, PyAny>,
        issuer: &Key,
        issuer_kid: &Bound<'_, PyAny>,
        issuer_name: Option<&str>,
        expires: Option<u64>,
        not_before: Option<u64>,
        issued_at: Option<u64>,
        token_id: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let (kid, issuer_kid) = (bytes_like(kid)?, bytes_like(issuer_kid)?);
        let token_id = token_id.map(bytes_like).transpose()?;
        let algorithm =
            issuer.held.signs_with().ok_or_else(|| raise_with(Error::UnknownKey, "issuers sign with Ed25519 or ES256", None))?;
        let claims = Claims {
            issuer: issuer_name,
            subject: Some(subject),
            expires,
            not_before,
            issued_at,
            id: token_id.as_deref(),
            kid: Some(&kid),
            ..Claims::new(key.held.public)
        };
        let who = Issuer { key: KeyHandle(0), algorithm, kid: Some(&issuer_kid) };
        let held = Arc::clone(&issuer.held);
        let (made, cause) = py.detach(|| {
            let mut system = System::with_key(held);
            let (mut scratch, mut buffer) = ([0; MAX_CREDENTIAL], [0; MAX_CREDENTIAL]);
            let mut w = Writer::new(&mut buffer);
            let made = credential::issue_cwt(&mut system, &who, &claims, &mut scratch, &mut w).map(|()| w.written().to_vec());
            (made, system.cause)
        });
        Self::take(made.map_err(|error| raise_with(error, "", cause))?)
    }

    /// Its encoding: CBOR, or DER.
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.bytes)
    }

    /// "ccs", "cwt" or "x509".
    #[getter]
    fn kind(&self) -> PyResult<&'static str> {
        Ok(match self.parsed()?.kind {
            CredentialKind::Ccs => "ccs",
            CredentialKind::Cwt => "cwt",
            CredentialKind::X509 => "x509",
        })
    }

    /// `sub`: the name, on MQTT also the inbox.
    #[getter]
    fn subject(&self) -> PyResult<Option<String>> {
        Ok(self.parsed()?.subject.map(str::to_owned))
    }

    /// `iss`: the issuer's name.
    #[getter]
    fn issuer(&self) -> PyResult<Option<String>> {
        Ok(self.parsed()?.issuer.map(str::to_owned))
    }

    /// kid of the key; it selects candidates and proves nothing.
    #[getter]
    fn kid<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        Ok(self.parsed()?.kid.map(|kid| PyBytes::new(py, kid)))
    }

    /// kid of the issuer's key, in a CWT.
    #[getter]
    fn issuer_kid<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        Ok(self.parsed()?.issuer_kid.map(|kid| PyBytes::new(py, kid)))
    }

    /// `exp`, seconds since 1970: invalid from then on.
    #[getter]
    fn expires(&self) -> PyResult<Option<u64>> {
        Ok(self.parsed()?.expires)
    }

    /// `nbf`, seconds since 1970: invalid before.
    #[getter]
    fn not_before(&self) -> PyResult<Option<u64>> {
        Ok(self.parsed()?.not_before)
    }

    /// "X25519", "P-256" or "Ed25519".
    #[getter]
    fn curve(&self) -> &'static str {
        curve_name(&self.key)
    }

    /// The public key: 32 bytes, on P-256 64 (x, then y).
    #[getter]
    fn public<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &public_bytes(&self.key))
    }

    /// Who this is: the first 16 bytes of the RFC 9679 thumbprint of the key.
    #[getter]
    fn thumbprint<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.thumbprint.0)
    }

    /// Verifies a CWT or a certificate under a trust anchor; `now` in seconds since 1970, None to leave times aside. Raises the typed reason.
    #[pyo3(signature = (anchor, now = None))]
    fn verify(&self, anchor: &TrustAnchor, now: Option<u64>) -> PyResult<()> {
        self.parsed()?.verify(&mut System::default(), &anchor.view(), now).map_err(raise)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Credential>().is_ok_and(|other| other.get().bytes == self.bytes)
    }

    fn __hash__(&self) -> u64 {
        // The thumbprint is a hash; its first half serves.
        self.thumbprint.0.first_chunk::<8>().map_or(0, |half| u64::from_le_bytes(*half))
    }

    fn __repr__(&self) -> PyResult<String> {
        let parsed = self.parsed()?;
        let hex: String = self.thumbprint.0.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("<sealwire.Credential {} {:?} {hex}>", self.kind()?, parsed.subject.unwrap_or_default()))
    }
}

/// An issuer whose signatures are believed, for some purposes.
#[pyclass(frozen, module = "sealwire")]
pub(crate) struct TrustAnchor {
    pub(crate) key: PublicKey,
    pub(crate) kid: Vec<u8>,
    pub(crate) purposes: Purposes,
}

const PURPOSES: [(&str, Purposes); 5] = [
    ("identity", Purposes::IDENTITY),
    ("role", Purposes::ROLE),
    ("manifest", Purposes::MANIFEST),
    ("update", Purposes::UPDATE),
    ("bulletin", Purposes::BULLETIN),
];

impl TrustAnchor {
    pub(crate) fn view(&self) -> credential::TrustAnchor<'_> {
        credential::TrustAnchor { key: self.key, kid: &self.kid, purposes: self.purposes }
    }
}

#[pymethods]
impl TrustAnchor {
    /// Takes the issuer's credential: a CCS with its Ed25519 or P-256 signing key and the kid it puts on what it signs, or the certificate
    /// of an authority, of which only the key counts.
    #[new]
    #[pyo3(signature = (credential, purposes = vec!["identity".to_owned()]))]
    fn new(credential: &Credential, purposes: Vec<String>) -> PyResult<Self> {
        if credential.key.curve.signature().is_none() {
            return Err(raise_with(Error::InvalidKey, "an issuer has an Ed25519 or P-256 key", None));
        }
        let parsed = credential.parsed()?;
        let kid = if parsed.kind == CredentialKind::X509 {
            credential::anchor_key(&credential.bytes).map_err(|error| raise_with(error, "the certificate is not an authority's", None))?;
            Vec::new()
        } else {
            parsed.kid.ok_or_else(|| raise_with(Error::InvalidArgument, "the issuer's key has no kid", None))?.to_vec()
        };
        let mut all = Purposes(0);
        for name in &purposes {
            let (_, purpose) = PURPOSES.iter().find(|(known, _)| known == name).ok_or_else(|| {
                PyValueError::new_err(format!("purpose {name:?}; it must be identity, role, manifest, update or bulletin"))
            })?;
            all = all.and(*purpose);
        }
        Ok(TrustAnchor { key: credential.key, kid, purposes: all })
    }

    /// The kid that the issuer's signatures carry.
    #[getter]
    fn kid<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.kid)
    }

    /// What the issuer is believed for.
    #[getter]
    fn purposes(&self) -> Vec<&'static str> {
        PURPOSES.iter().filter(|(_, purpose)| self.purposes.contain(*purpose)).map(|(name, _)| *name).collect()
    }
}
