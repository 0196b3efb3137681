//! Credentials: who a peer is, and why that is believed.
//!
//! A CCS is an unsigned claims set that counts because its bytes were provisioned; a CWT counts because a trust anchor with
//! purpose *identity* signed it; an X.509 certificate for either reason. In any case the identity is the thumbprint of the key inside (`docs/PROTOCOL.md` §2).

mod id_cred;
mod issue;
mod parse;
mod port;
mod resolve;
#[cfg(test)]
mod tests;
#[cfg(feature = "x509")]
pub mod x509;

pub use crate::cose::{KeyCurve, PublicKey, Thumbprint};
pub use id_cred::IdCred;
pub(crate) use id_cred::{X5T_LEN, write_x5t};
pub use issue::{Claims, write_ccs};
#[cfg(feature = "issuers")]
pub use issue::{Issuer, issue_cwt};
pub use parse::{CredX, Credential, CredentialKind, DER, anchor_key};
pub use port::{
    Credentials, MAX_CANDIDATES, MAX_CREDENTIAL, OwnCredential, OwnEntry, Peer, Provisioned, Purposes, Role, StaticCredentials,
    TrustAnchor, is_x5t_of, x5t_of,
};
pub use resolve::{Accepted, resolve};
pub(crate) use resolve::{Found, bytes_of, find};
