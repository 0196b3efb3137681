//! The core's errors as one typed error, a variant for each code.

use sealwire_core::Error;

pub(crate) type Result<T> = std::result::Result<T, SealwireError>;

macro_rules! errors {
    ($($(#[$($doc:tt)*])+ $name:ident,)+) => {
        /// Why something was refused. `number` is the same in every language, `text` names the reason and says what to do, `detail` says what is
        /// particular to this case, such as what a callback threw; it may be empty.
        #[derive(Clone, Debug, PartialEq, Eq, uniffi::Error)]
        #[allow(missing_docs)]
        pub enum SealwireError {
            $($(#[$($doc)*])+ $name { number: u16, text: String, detail: String },)+
        }

        impl SealwireError {
            pub(crate) fn new(error: Error, detail: impl Into<String>) -> Self {
                let (number, text, detail) = (error.number(), error.to_string(), detail.into());
                match error {
                    $(Error::$name => SealwireError::$name { number, text, detail },)+
                    // An error of the core that is not listed below; a test finds it before anybody meets it.
                    other => SealwireError::Internal { number: other.number(), text, detail },
                }
            }

            fn parts(&self) -> (u16, &str, &str) {
                match self { $(SealwireError::$name { number, text, detail } => (*number, text, detail),)+ }
            }

            /// The name of the variant.
            #[cfg(test)]
            pub(crate) fn variant(&self) -> &'static str {
                match self { $(SealwireError::$name { .. } => stringify!($name),)+ }
            }
        }
    };
}

errors! {
    /// An argument is out of its range or of the wrong length.
    InvalidArgument,
    /// The output buffer is too small.
    BufferTooSmall,
    /// The call does not fit the state, such as sending before the handshake is done.
    WrongState,
    /// No session has this handle, or it has ended.
    UnknownSession,
    /// Every slot of the memory handed in is taken.
    NoSpace,
    /// The provider has not finished the operation; nothing was changed.
    Pending,
    /// 64 confirmable messages are unacknowledged.
    WindowFull,
    /// No live offer of the receiver is known, so a command would be stale.
    NoOffer,
    /// Something of the kind is under way already.
    Busy,
    /// The header in use does not belong to this library.
    VersionMismatch,
    /// The bytes do not parse.
    Malformed,
    /// A frame of a later protocol version.
    UnsupportedVersion,
    /// A frame type that this build does not have, such as group records.
    UnsupportedFrame,
    /// A record option that this version does not know.
    UnsupportedOption,
    /// A CBOR item that is valid but not in deterministic encoding.
    NotDeterministic,
    /// The EDHOC method is not accepted at this end, not in this build, or there is no own credential whose key fits it.
    UnsupportedMethod,
    /// No common cipher suite.
    UnsupportedSuite,
    /// No credential is known for what ID_CRED names.
    UnknownCredential,
    /// The credential is known but not trusted for this: wrong issuer, purpose, signature or key type.
    UntrustedCredential,
    /// The credential is outside its validity time.
    ExpiredCredential,
    /// The peer did not prove possession of the key of its credential.
    AuthenticationFailed,
    /// The peer presented this endpoint's own identity.
    OwnIdentity,
    /// C_I equals C_R.
    SameIdentifier,
    /// A critical EAD item that is not known here.
    UnknownCriticalEad,
    /// A public key that is not a valid point, or gives an all-zero secret.
    InvalidKey,
    /// The peer sent an EDHOC error.
    PeerError,
    /// Policy refused this identity or the inbox it claims.
    Denied,
    /// The handshake did not finish in time or failed too often.
    HandshakeFailed,
    /// Another handshake with the same peer, started by the peer or by this end, stands instead of this one.
    Superseded,
    /// A way of naming a credential, or a kind or profile of credential, that this build does not have.
    UnsupportedCredential,
    /// A newcomer shows that it knows the setup secret, and no physical act has opened setup, or too long ago.
    SetupClosed,
    /// A wrong setup secret was shown shortly before.
    SetupDelayed,
    /// A newcomer does not know the setup secret.
    WrongSetupSecret,
    /// The device has an owner, or has another one now.
    OtherOwner,
    /// A release or delegation that the owner has not signed for this peer, this device and its present epoch and nonce.
    WrongStatement,
    /// No session has the record's identifier.
    UnknownContext,
    /// The record does not verify: altered, or protected for someone else, another topic or another key.
    DecryptFailed,
    /// Older than the replay window or than the stored edge.
    Replay,
    /// Received before; a redelivery of MQTT or of the link.
    Duplicate,
    /// A command that came too late to be trusted.
    Stale,
    /// The key has protected or failed as many records as it may.
    KeyExhausted,
    /// A record of a key epoch that has ended, or that this end has not reached.
    StaleEpoch,
    /// The store did not make the data durable.
    StorageFailed,
    /// Stored state is damaged.
    CorruptState,
    /// Stored state was written by a version this one cannot read.
    UnsupportedState,
    /// The random source failed or is not seeded.
    RandomFailed,
    /// No key has this handle, it cannot do the operation, or the function that keeps the key failed.
    UnknownKey,
    /// Stored state may have been rolled back, so it is not used.
    LostState,
    /// The library found itself in a state that cannot be; nothing was sent.
    Internal,
}

impl SealwireError {
    /// The number of `core/src/error.rs`.
    pub fn number(&self) -> u16 {
        self.parts().0
    }

    #[cfg(test)]
    pub(crate) fn core(&self) -> Error {
        let number = self.number();
        Error::ALL.iter().copied().find(|error| error.number() == number).unwrap_or(Error::Internal)
    }
}

impl From<Error> for SealwireError {
    fn from(error: Error) -> Self {
        SealwireError::new(error, "")
    }
}

impl std::fmt::Display for SealwireError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.parts() {
            (_, text, "") => f.write_str(text),
            (_, text, detail) => write!(f, "{text} ({detail})"),
        }
    }
}

impl std::error::Error for SealwireError {}

/// One error of the core.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ErrorInfo {
    /// Its number.
    pub number: u16,
    /// Its name, in lower case with hyphens.
    pub name: String,
    /// What to do about it.
    pub hint: String,
}

/// Every error of the core, in order of number.
#[uniffi::export]
pub fn errors_table() -> Vec<ErrorInfo> {
    let info = |error: &Error| ErrorInfo { number: error.number(), name: error.name().to_owned(), hint: error.hint().to_owned() };
    Error::ALL.iter().map(info).collect()
}
