//! COSE_Sign1 for tools: receipts and the like.

use crate::error::{raise, raise_with};
use crate::keys::{Credential, Key, bytes_like};
use crate::port::System;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sealwire_core::Error;
use sealwire_core::bytes::Writer;
use sealwire_core::cose;
use sealwire_core::crypto::KeyHandle;
use std::sync::Arc;

/// What the heads, the protected header and the signature take beside kid and payload.
const AROUND: usize = 128;

/// An untagged COSE_Sign1 over `payload`, signed with Ed25519 or ES256.
#[pyfunction]
#[pyo3(signature = (key, payload, *, kid = None, external_aad = None))]
pub(crate) fn sign1<'py>(
    py: Python<'py>,
    key: &Key,
    payload: &Bound<'py, PyAny>,
    kid: Option<&Bound<'py, PyAny>>,
    external_aad: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let (payload, kid) = (bytes_like(payload)?, kid.map(bytes_like).transpose()?);
    let external_aad = external_aad.map(bytes_like).transpose()?.unwrap_or_default();
    let algorithm = key.held.signs_with().ok_or_else(|| raise_with(Error::UnknownKey, "only Ed25519 and ES256 keys sign", None))?;
    let held = Arc::clone(&key.held);
    let mut buffer = vec![0; payload.len().saturating_add(kid.as_ref().map_or(0, Vec::len)).saturating_add(AROUND)];
    let (made, cause) = py.detach(|| {
        let mut system = System::with_key(held);
        let mut w = Writer::new(&mut buffer);
        let made = cose::sign1(&mut system, KeyHandle(0), algorithm, kid.as_deref(), &external_aad, &payload, &mut w);
        (made.map(|()| w.written().to_vec()), system.cause)
    });
    Ok(PyBytes::new(py, &made.map_err(|error| raise_with(error, "", cause))?))
}

/// The payload of an untagged COSE_Sign1 that the key of `credential` has signed. Raises `AuthenticationFailed` or `Malformed`.
#[pyfunction]
#[pyo3(signature = (credential, data, *, external_aad = None))]
pub(crate) fn verify1<'py>(
    py: Python<'py>,
    credential: &Credential,
    data: &Bound<'py, PyAny>,
    external_aad: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let data = bytes_like(data)?;
    let external_aad = external_aad.map(bytes_like).transpose()?.unwrap_or_default();
    let signed = cose::Sign1::parse(&data).map_err(raise)?;
    let key = credential.key;
    py.detach(|| signed.verify(&mut System::default(), &key, &external_aad, None)).map_err(raise)?;
    let payload = signed.payload.ok_or_else(|| raise(Error::Malformed))?;
    Ok(PyBytes::new(py, payload))
}
