//! The core's errors as the classes of `sealwire.errors`.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use sealwire_core::Error;

fn make<'py>(py: Python<'py>, error: Error, detail: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("sealwire.errors")?.getattr("from_number")?.call1((error.number(), detail))
}

/// An instance of the error's class, for use as a value.
pub(crate) fn value(py: Python<'_>, error: Error) -> PyResult<Py<PyAny>> {
    Ok(make(py, error, "")?.unbind())
}

/// The same with the exception of a callback as its cause.
pub(crate) fn value_with(py: Python<'_>, error: Error, cause: Option<PyErr>) -> PyResult<Py<PyAny>> {
    let made = PyErr::from_value(make(py, error, "")?);
    if cause.is_some() {
        made.set_cause(py, cause);
    }
    Ok(made.into_value(py).into_any())
}

/// The exception to raise.
pub(crate) fn raise(error: Error) -> PyErr {
    raise_with(error, "", None)
}

/// The exception to raise, with a detail and the exception of a callback as its cause.
pub(crate) fn raise_with(error: Error, detail: &str, cause: Option<PyErr>) -> PyErr {
    Python::attach(|py| {
        let raised = match make(py, error, detail) {
            Ok(instance) => PyErr::from_value(instance),
            Err(import) => PyRuntimeError::new_err(format!("{error}; and sealwire.errors is unusable: {import}")),
        };
        if cause.is_some() {
            raised.set_cause(py, cause);
        }
        raised
    })
}

/// Number, name and hint of every error, for the test that holds `sealwire.errors` against the core.
#[pyfunction]
pub(crate) fn errors_table() -> Vec<(u16, &'static str, &'static str)> {
    Error::ALL.iter().map(|error| (error.number(), error.name(), error.hint())).collect()
}

/// The number of an exception, if it is one of ours.
pub(crate) fn number_of(py: Python<'_>, raised: &PyErr) -> Option<u16> {
    let base = py.import("sealwire.errors").and_then(|module| module.getattr("SealwireError")).ok()?;
    let value = raised.value(py);
    if !value.is_instance(&base).unwrap_or(false) {
        return None;
    }
    value.getattr("number").and_then(|number| number.extract()).ok()
}
