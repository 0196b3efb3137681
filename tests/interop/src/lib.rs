//! The core against two other implementations, live: lakers, and the second implementation in Python (`tests/peer`); and the wheel's
//! AEAD against published vectors and the core's.
//!
//! `cargo test -p sealwire-interop` needs a Python interpreter with the packages of `tests/peer/requirements.txt`: the one that
//! `SEALWIRE_PEER_PYTHON` names, else `build/venv/bin/python` at the repository's root, else `python3`. Without one the tests
//! fail; with `SEALWIRE_SKIP_PEER=1` they are skipped, and say so.
//!
//! All randomness of this end is seeded, so that a failure can be repeated.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

#[cfg(test)]
mod certificates;
#[cfg(test)]
mod edhoc;
#[cfg(test)]
mod endpoint;
#[cfg(test)]
mod handshakes;
#[cfg(test)]
mod lakers;
#[cfg(test)]
mod links;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod party;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod random;
#[cfg(test)]
mod records;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod sizes;
#[cfg(test)]
mod wheel_aead;
