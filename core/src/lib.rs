//! Sealwire's core: the whole protocol, without I/O, clock, heap or `unsafe`.
//!
//! Two parties run an EDHOC handshake (RFC 9528, [`edhoc`]) and then exchange records ([`record`]) whose replay
//! protection survives power cuts. [`endpoint`] ties it together: many sessions, retransmission, stored state.
//! Every method is a getter, a command, a `handle_*` (input) or a `poll_*` (output); time and randomness are
//! arguments. What the bytes mean is written in `docs/PROTOCOL.md`.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::print_stdout,
        clippy::print_stderr
    )
)]

#[cfg(any(test, feature = "alloc"))]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod bytes;
pub mod cbor;
pub mod cose;
pub mod credential;
pub mod crypto;
#[cfg(feature = "device")]
pub mod device;
pub mod edhoc;
pub mod endpoint;
pub mod error;
pub mod link;
pub mod persist;
pub mod record;
#[cfg(feature = "setup")]
pub mod setup;

pub use error::Error;
