//! COSE (RFC 9052): public keys and their thumbprints, COSE_Sign1, and the Enc_structure of COSE_Encrypt0.

mod encrypt0;
mod header;
mod key;
mod sign1;
#[cfg(test)]
mod tests;

pub use encrypt0::{enc_structure_len, write_enc_structure};
pub use header::Header;
pub(crate) use header::label;
pub use key::{CoseKey, KeyCurve, PublicKey, Thumbprint};
pub use sign1::{Sign1, sign1, signature1};
