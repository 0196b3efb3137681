//! What an app implements: storage, key store, and who may come in.

use crate::event::Role;
use sealwire_core::Error;

/// How a callback refuses or defers.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Error)]
pub enum CallbackError {
    /// The answer comes later: call `resumePending` on the endpoint when it is there, and give it when the same question is asked again.
    Pending,
    /// It failed; the reason is handed on in `detail` of the error that follows.
    Failed {
        /// Why.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for CallbackError {
    /// Any other exception of a callback. Kotlin hands over the whole stack trace, of which the first line tells what was thrown.
    fn from(unexpected: uniffi::UnexpectedUniFFICallbackError) -> Self {
        CallbackError::Failed { reason: unexpected.reason.lines().next().unwrap_or_default().to_owned() }
    }
}

impl std::fmt::Display for CallbackError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CallbackError::Pending => f.write_str("pending"),
            CallbackError::Failed { reason } => f.write_str(reason),
        }
    }
}

impl std::error::Error for CallbackError {}

impl CallbackError {
    /// What the core is told; a reason is kept in `cause`.
    pub(crate) fn told(self, failed: Error, cause: &mut Option<String>) -> Error {
        match self {
            CallbackError::Pending => Error::Pending,
            CallbackError::Failed { reason } => {
                *cause = Some(reason);
                failed
            }
        }
    }
}

/// Durable memory: small entries under small numbers. `save` returns when the entry is durable, as a whole or not at all. The entries hold session
/// keys: keep them where only the app can read, and out of backups.
///
/// Its methods are called while the endpoint works: one that calls the same endpoint gets `Busy`, and one that waits for a thread which does
/// waits forever.
#[uniffi::export(with_foreign)]
pub trait Storage: Send + Sync {
    /// What was saved last under this number, or nothing.
    fn load(&self, key: u32) -> Result<Option<Vec<u8>>, CallbackError>;
    /// Saves durably. Empty data erases.
    fn save(&self, key: u32, data: Vec<u8>) -> Result<(), CallbackError>;
    /// Whether older contents can never come back: no backup, no clone, no snapshot. If they can, sessions do not survive a restart of the
    /// app, and it connects anew. Asked once, when the endpoint is made.
    fn resists_rollback(&self) -> bool;
}

/// Private keys that never leave the phone's key store, by name. Both may throw `Pending`; about threads see `Storage`.
#[uniffi::export(with_foreign)]
pub trait Keystore: Send + Sync {
    /// Diffie-Hellman: the 32-byte shared secret of the named key with `peer`, a public key of 32 bytes; on P-256 it is the x coordinate of a
    /// point, and either of the two points gives the same.
    fn agree(&self, alias: String, peer: Vec<u8>) -> Result<Vec<u8>, CallbackError>;
    /// The 64-byte signature of the named key over `message`: Ed25519, or ECDSA with SHA-256 as r and s.
    fn sign(&self, alias: String, message: Vec<u8>) -> Result<Vec<u8>, CallbackError>;
}

/// A peer whose handshake has verified.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PeerInfo {
    /// Who it is.
    pub thumbprint: Vec<u8>,
    /// Its credential.
    pub credential: Vec<u8>,
    /// The name in its credential.
    pub subject: Option<String>,
    /// The inbox name that it claims.
    pub inbox: Option<String>,
    /// Which side this endpoint is on.
    pub role: Role,
}

/// Decides who may open a session. About threads see `Storage`.
#[uniffi::export(with_foreign)]
pub trait Authorizer: Send + Sync {
    /// May this peer open a session? An exception is a no.
    fn authorize(&self, peer: PeerInfo) -> Result<bool, CallbackError>;
}
