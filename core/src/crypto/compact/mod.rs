//! What the feature `compact` takes instead of whole crates, in little flash and stack. The argument for it is in docs/ARCHITECTURE.md §9.

#[cfg(feature = "_ccm")]
pub(super) mod ccm;
#[cfg(all(feature = "_chacha", feature = "compact"))]
pub(super) mod chacha20_poly1305;
#[cfg(feature = "_curve25519")]
pub(super) mod ed25519;
pub(super) mod sha2;
