//! The compiled half of the Python package `sealwire`: a thin, thread-safe layer over `sealwire-core`.
// Registered names are the interface here; what Rust sees stays inside the crate.
#![forbid(unsafe_code)]

mod aead;
mod batch;
mod cose;
mod endpoint;
mod error;
mod events;
mod keys;
mod link;
mod peers;
mod port;
mod primitives;
mod scratch;
mod setup;

use pyo3::prelude::*;

#[pymodule(gil_used = true)]
fn _sealwire(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<endpoint::Endpoint>()?;
    module.add_class::<keys::Key>()?;
    module.add_class::<keys::Credential>()?;
    module.add_class::<keys::TrustAnchor>()?;
    module.add_class::<port::Peer>()?;
    module.add_class::<events::Message>()?;
    module.add_class::<events::Established>()?;
    module.add_class::<events::Acknowledged>()?;
    module.add_class::<events::Resend>()?;
    module.add_class::<events::CommandReady>()?;
    module.add_class::<events::KeyUpdated>()?;
    module.add_class::<events::Replaced>()?;
    module.add_class::<events::Closed>()?;
    module.add_class::<events::HandshakeFailed>()?;
    module.add_class::<events::PeerSilent>()?;
    module.add_class::<events::OwnershipChanged>()?;
    module.add_class::<events::Ownership>()?;
    module.add_class::<setup::OwnershipState>()?;
    module.add_class::<batch::Outgoing>()?;
    module.add_class::<events::Sent>()?;
    module.add_class::<events::Transmit>()?;
    module.add_class::<events::SessionInfo>()?;
    module.add_class::<link::LinkCounters>()?;
    module.add_class::<link::UartDecoder>()?;
    module.add_class::<link::IsoTp>()?;
    module.add_class::<link::SentCounters>()?;
    module.add_class::<link::Fragmenter>()?;
    module.add_class::<link::Reassembler>()?;
    module.add_function(wrap_pyfunction!(link::ethernet_encode, module)?)?;
    module.add_function(wrap_pyfunction!(link::ethernet_decode, module)?)?;
    module.add_class::<link::SpiExchange>()?;
    module.add_class::<link::Rs485Controller>()?;
    module.add_class::<link::Rs485Device>()?;
    module.add_function(wrap_pyfunction!(link::uart_encode, module)?)?;
    module.add_function(wrap_pyfunction!(error::errors_table, module)?)?;
    module.add_function(wrap_pyfunction!(setup::read_setup_code, module)?)?;
    module.add_function(wrap_pyfunction!(setup::write_setup_code, module)?)?;
    module.add_function(wrap_pyfunction!(setup::sign_statement, module)?)?;
    module.add_class::<primitives::Initiator>()?;
    module.add_class::<primitives::Responder>()?;
    module.add_class::<primitives::Completed>()?;
    module.add_class::<primitives::Records>()?;
    module.add_function(wrap_pyfunction!(primitives::seal, module)?)?;
    module.add_function(wrap_pyfunction!(primitives::open, module)?)?;
    module.add_function(wrap_pyfunction!(primitives::agree, module)?)?;
    module.add_function(wrap_pyfunction!(cose::sign1, module)?)?;
    module.add_function(wrap_pyfunction!(cose::verify1, module)?)?;
    Ok(())
}
