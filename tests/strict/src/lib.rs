//! The core's CBOR and COSE against four libraries that nobody here wrote: `ciborium` and `coset` in Rust, `cbor2` and `pycose` in
//! Python, on generated and on damaged input.
//!
//! Whenever the core accepts, the others must accept, with the same value and, encoded canonically, the same bytes. Whenever it
//! refuses what another accepts, a rule of `rules.rs` (CBOR) or `cose_rules.rs` (COSE) must say why, and the error must be the
//! rule's; and where no rule is broken the core must accept. The rules are worked out from what the other library has read, never
//! from the core.
//!
//! `cargo test -p sealwire-strict` needs a Python interpreter with cbor2, pycose and cryptography: the one that
//! `SEALWIRE_PEER_PYTHON` names, else `build/venv/bin/python`, else `python3`. All randomness is seeded, so that a failure repeats.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::print_stdout
    )
)]

#[cfg(test)]
mod cose_rules;
#[cfg(test)]
mod item;
#[cfg(test)]
mod loose;
#[cfg(test)]
mod party;
#[cfg(test)]
mod python;
#[cfg(test)]
mod random;
#[cfg(test)]
mod rules;

#[cfg(test)]
mod against_cbor2;
#[cfg(test)]
mod against_ciborium;
#[cfg(test)]
mod against_coset;
#[cfg(test)]
mod against_pycose;
