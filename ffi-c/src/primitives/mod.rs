//! The pieces of which the endpoint is made, for code that owns its loop: `include/sealwire_primitives.h`.

mod placed;
pub mod framing;
pub mod store;
