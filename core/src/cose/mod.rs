//! COSE (RFC 9052): public keys and their thumbprints, COSE_Sign1, and the Enc_structure of COSE_Encrypt0.

mod encrypt0;
#[cfg(feature = "issuers")]
mod header;
mod key;
mod members;
#[cfg(feature = "issuers")]
mod sign1;
#[cfg(test)]
mod tests;

pub use encrypt0::{enc_structure_len, write_enc_structure};
#[cfg(feature = "issuers")]
pub use header::Header;
pub use key::{CoseKey, KeyCurve, PublicKey, Thumbprint};
pub(crate) use members::members;
#[cfg(feature = "issuers")]
pub use sign1::{Sign1, sign1, signature1};
