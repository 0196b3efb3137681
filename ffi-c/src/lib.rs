//! The C library of Sealwire: the headers in `include/` are generated from this crate.
//!
//! All memory is the caller's. Every function checks its pointers, asks the core, and turns the result into a status. The only
//! `unsafe` code of the project is here: in [`memory`], where pointers become references, in `endpoint`, which lays an endpoint
//! out in the caller's block, and around the callbacks of the port.
#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]
// What a C caller must do is stated once, in the conventions on top of the header; the comments here become that header.
#![allow(non_camel_case_types, clippy::missing_safety_doc, clippy::too_many_arguments)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

// In the order of the header, which follows that of use. The empty lines keep rustfmt from sorting it.
pub mod abi;

pub mod status;

pub mod types;

pub mod key;

pub mod credential;

pub mod config;

pub mod port;

pub mod endpoint;

pub mod event;

pub mod session;

#[cfg(feature = "setup")]
pub mod setup;

pub mod primitives;

#[cfg(feature = "device")]
pub mod device;

mod memory;
#[cfg(not(any(feature = "std", test)))]
mod panic;
mod placed;
