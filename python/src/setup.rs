//! Setup and ownership: setup codes, what a newcomer shows, statements of an owner.

use crate::error::{raise, raise_with};
use crate::keys::{Key, bytes_like, thumbprint_like};
use crate::port::System;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sealwire_core::Error;
use sealwire_core::bytes::{Secret, Writer};
use sealwire_core::credential::{PublicKey, Thumbprint};
use sealwire_core::crypto::KeyHandle;
use sealwire_core::setup::{self, Claim, MAX_SETUP_CODE, SECRET, STATEMENT, SetupCode, Standing, Statement};
use std::sync::Arc;

/// Who owns a device.
#[pyclass(frozen, get_all, module = "sealwire")]
pub(crate) struct OwnershipState {
    epoch: u32,
    nonce: Py<PyBytes>,
    owner: Option<Py<PyBytes>>,
    delegates: Vec<Py<PyBytes>>,
}

impl OwnershipState {
    pub(crate) fn of(py: Python<'_>, found: &setup::Ownership) -> Self {
        let bytes = |thumbprint: Thumbprint| PyBytes::new(py, &thumbprint.0).unbind();
        OwnershipState {
            epoch: found.epoch(),
            nonce: PyBytes::new(py, found.nonce()).unbind(),
            owner: found.owner().map(bytes),
            delegates: found.delegates().map(bytes).collect(),
        }
    }
}

/// What a standing is called.
pub(crate) const fn standing(standing: Standing) -> Option<&'static str> {
    match standing {
        Standing::None => None,
        Standing::Owner => Some("owner"),
        Standing::Delegate => Some("delegate"),
    }
}

pub(crate) fn secret_like(object: &Bound<'_, PyAny>) -> PyResult<Secret<SECRET>> {
    let bytes = zeroize::Zeroizing::new(bytes_like(object)?);
    Secret::from_slice(&bytes).map_err(|error| raise_with(error, "a setup secret has 16 bytes", None))
}

/// A claim with what it refers to.
pub(crate) struct Shown {
    secret: Option<Secret<SECRET>>,
    release: Option<Vec<u8>>,
    delegation: Option<Vec<u8>>,
    anchor: Option<PublicKey>,
}

impl Shown {
    pub(crate) fn new(
        secret: Option<&Bound<'_, PyAny>>,
        release: Option<&Bound<'_, PyAny>>,
        delegation: Option<&Bound<'_, PyAny>>,
        anchor: Option<&Key>,
    ) -> PyResult<Self> {
        let given = [secret, release, delegation].into_iter().flatten().count();
        if given > 1 || (anchor.is_some() && secret.is_none() && release.is_none()) {
            return Err(raise_with(Error::InvalidArgument, "one of secret, release and delegation; an anchor with the first two", None));
        }
        Ok(Shown {
            secret: secret.map(secret_like).transpose()?,
            release: release.map(bytes_like).transpose()?,
            delegation: delegation.map(bytes_like).transpose()?,
            anchor: anchor.map(|key| key.held.public),
        })
    }

    pub(crate) fn claim(&self) -> Claim<'_> {
        let anchor = self.anchor.as_ref();
        match (&self.secret, &self.release, &self.delegation) {
            (Some(secret), ..) => Claim::Setup { secret, anchor },
            (_, Some(statement), _) => Claim::Release { statement, anchor },
            (.., Some(statement)) => Claim::Delegation { statement },
            _ => Claim::Known,
        }
    }
}

/// What the label of a device says: thumbprint, setup secret and model. Raises `Malformed`.
#[pyfunction]
pub(crate) fn read_setup_code<'py>(py: Python<'py>, code: &str) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>, String)> {
    let read = SetupCode::parse(code).map_err(raise)?;
    Ok((PyBytes::new(py, &read.device.0), PyBytes::new(py, read.secret.expose()), read.model().to_owned()))
}

/// The text of a label. `model`: 0 to 24 characters of A-Z, 0-9, `.`, `/` and `-`. It holds the secret.
#[pyfunction]
#[pyo3(signature = (device, secret, model = ""))]
pub(crate) fn write_setup_code(device: &Bound<'_, PyAny>, secret: &Bound<'_, PyAny>, model: &str) -> PyResult<String> {
    let code = SetupCode::new(thumbprint_like(device)?, secret_like(secret)?, model).map_err(raise)?;
    let mut text = [0; MAX_SETUP_CODE];
    let mut w = Writer::new(&mut text);
    code.write(&mut w).map_err(raise)?;
    core::str::from_utf8(w.written()).map(str::to_owned).map_err(|_| raise(Error::Internal))
}

/// Signs, as the owner of `device`, that `release` is the next owner or that `delegation` may come in: one of the two, a thumbprint. `epoch` and
/// `nonce` are those of the newest `Ownership` event.
#[pyfunction]
#[pyo3(signature = (key, device, epoch, nonce, *, release = None, delegation = None))]
pub(crate) fn sign_statement<'py>(
    py: Python<'py>,
    key: &Key,
    device: &Bound<'py, PyAny>,
    epoch: u32,
    nonce: &Bound<'py, PyAny>,
    release: Option<&Bound<'py, PyAny>>,
    delegation: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let (statement, about) = match (release, delegation) {
        (Some(about), None) => (Statement::Release, about),
        (None, Some(about)) => (Statement::Delegation, about),
        _ => return Err(raise_with(Error::InvalidArgument, "either release or delegation", None)),
    };
    let (device, about) = (thumbprint_like(device)?, thumbprint_like(about)?);
    let nonce: [u8; 8] = bytes_like(nonce)?.try_into().map_err(|_| raise_with(Error::InvalidArgument, "a nonce has 8 bytes", None))?;
    let algorithm = key.held.signs_with().ok_or_else(|| raise_with(Error::UnknownKey, "only Ed25519 and ES256 keys sign", None))?;
    let held = Arc::clone(&key.held);
    let (made, cause) = py.detach(|| {
        let mut system = System::with_key(held);
        let mut out = [0; STATEMENT];
        let mut w = Writer::new(&mut out);
        let made = setup::sign(&mut system, (KeyHandle(0), algorithm), statement, &device, (epoch, &nonce), &about, &mut w);
        (made.map(|()| out), system.cause)
    });
    Ok(PyBytes::new(py, &made.map_err(|error| raise_with(error, "", cause))?))
}
