//! The pieces of which the endpoint is made, for code that owns its loop: `include/sealwire_primitives.h`.

// In the order of the header. The empty lines keep rustfmt from sorting it.
pub mod handshake;

pub mod record;

pub mod framing;

pub mod isotp;

pub mod fragment;

pub mod spi;

pub mod rs485;

pub mod store;

pub mod entropy;
