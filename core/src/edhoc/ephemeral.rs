//! Ephemeral key pairs.

use crate::bytes::Secret;
use crate::crypto::{Curve, Provider};
use crate::error::Result;

/// An ephemeral Diffie-Hellman key pair, for one handshake. The Responder's is an argument of
/// [`process_message_1`](super::process_message_1): a step that is repeated because a signature was
/// [`Pending`](crate::Error::Pending) must sign the same bytes, and so have the same G_Y.
#[derive(Clone, Debug)]
pub struct Ephemeral {
    pub(super) curve: Curve,
    pub(super) private: Secret<32>,
    pub(super) public: [u8; 32],
}

impl Ephemeral {
    /// Makes a pair. Errors: `RandomFailed`, `UnsupportedSuite` (curve not in this build).
    pub fn generate(p: &mut impl Provider, curve: Curve) -> Result<Self> {
        let mut pair = Ephemeral { curve, private: Secret::zero(), public: [0; 32] };
        p.generate(curve, &mut pair.private, &mut pair.public)?;
        Ok(pair)
    }

    /// Its curve.
    pub const fn curve(&self) -> Curve {
        self.curve
    }
}
