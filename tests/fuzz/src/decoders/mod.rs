//! One target for each decoder.

pub mod blocks;
pub mod cbor;
pub mod cose;
pub mod credential;
pub mod edhoc;
pub mod link;
pub mod persist;
pub mod record;
pub mod setup;
pub mod x509;
