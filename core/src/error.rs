//! The one error type. Numbers are part of the C ABI: explicit, never reused, none of them 0.

/// `Result` with [`Error`].
pub type Result<T> = core::result::Result<T, Error>;

macro_rules! errors {
    ($($(#[doc = $doc:expr])+ $name:ident = $number:literal, $text:literal, $hint:literal;)+) => {
        /// Why something was refused. The number is the same in every language; C sees it negated.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u32)]
        pub enum Error {
            $($(#[doc = $doc])+ $name = $number,)+
        }

        impl Error {
            /// Every error, in order of number.
            pub const ALL: &'static [Error] = &[$(Error::$name),+];

            /// The number, 1 to 999.
            pub const fn number(self) -> u16 {
                self as u16
            }

            /// The name, the same in every language up to casing.
            pub const fn name(self) -> &'static str {
                match self { $(Error::$name => $text,)+ }
            }

            /// One sentence on what to do about it.
            pub const fn hint(self) -> &'static str {
                match self { $(Error::$name => $hint,)+ }
            }
        }
    };
}

errors! {
    // 1..99: the caller
    /// An argument is out of its range or of the wrong length.
    InvalidArgument = 1, "invalid-argument", "Check the length and range of each argument against the documentation of the call.";
    /// The output buffer is too small.
    BufferTooSmall = 2, "buffer-too-small", "Hand in a larger buffer, see the call's documentation; in a handshake, name long credentials by kid or hash, not by value.";
    /// The call does not fit the state, such as sending before the handshake is done.
    WrongState = 3, "wrong-state", "Wait for the event that allows this call.";
    /// No session has this handle, or it has ended.
    UnknownSession = 4, "unknown-session", "Use the handle from the newest Established event.";
    /// Every slot of the memory handed in is taken.
    NoSpace = 5, "no-space", "Close a session or hand in memory for more.";
    /// The provider has not finished the operation; nothing was changed.
    Pending = 6, "pending", "Make the same call again when the key operation has finished.";
    /// 64 confirmable messages are unacknowledged.
    WindowFull = 7, "window-full", "Wait for an Acknowledged event before sending another confirmable message, or abandon() one.";
    /// No live offer of the receiver is known, so a command would be stale.
    NoOffer = 8, "no-offer", "One was asked for; send the command again when the peer has answered.";
    /// Something of the kind is under way already.
    Busy = 9, "busy", "Wait until the operation under way has ended.";
    /// The header in use does not belong to this library.
    VersionMismatch = 10, "version-mismatch", "Compile with the header that was installed with this library.";

    // 100..199: bytes from outside
    /// The bytes do not parse.
    Malformed = 100, "malformed", "The sender or the link damages data, or it is not Sealwire traffic.";
    /// A frame of a later protocol version.
    UnsupportedVersion = 101, "unsupported-version", "Update this end to a version that speaks the peer's protocol.";
    /// A frame type that this build does not have, such as group records.
    UnsupportedFrame = 102, "unsupported-frame", "Enable the feature, or update this end.";
    /// A record option that this version does not know.
    UnsupportedOption = 103, "unsupported-option", "Update this end to a version that knows the option.";
    /// A CBOR item that is valid but not in deterministic encoding.
    NotDeterministic = 104, "not-deterministic", "The peer must encode CBOR deterministically (RFC 8949 4.2.1).";

    // 200..299: handshake
    /// The EDHOC method is not accepted at this end, not in this build, or there is no own credential whose key fits it.
    UnsupportedMethod = 200, "unsupported-method", "Configure a method that both ends accept, and give each a credential with a key that fits it.";
    /// No common cipher suite.
    UnsupportedSuite = 201, "unsupported-suite", "Enable a cipher suite that both ends have.";
    /// No credential is known for what ID_CRED names.
    UnknownCredential = 202, "unknown-credential", "Provision the peer's credential, or let it come by value. From connect: no own key fits method and suites.";
    /// The credential is known but not trusted for this: wrong issuer, purpose, signature or key type.
    UntrustedCredential = 203, "untrusted-credential", "Check the issuer's trust anchor and its purposes; of a certificate also the key usage, and CA:FALSE.";
    /// The credential is outside its validity time.
    ExpiredCredential = 204, "expired-credential", "Check the clock of the end that refuses; then issue a new credential.";
    /// The peer did not prove possession of the key of its credential.
    AuthenticationFailed = 205, "authentication-failed", "The peer has another key, or someone altered the message.";
    /// The peer presented this endpoint's own identity.
    OwnIdentity = 206, "own-identity", "Messages are reflected, or two devices share one key.";
    /// C_I equals C_R.
    SameIdentifier = 207, "same-identifier", "The peer breaks RFC 9528; it must choose another connection identifier.";
    /// A critical EAD item that is not known here.
    UnknownCriticalEad = 208, "unknown-critical-ead", "Update this end, or let the peer leave the item out.";
    /// A public key that is not a valid point, or gives an all-zero secret.
    InvalidKey = 209, "invalid-key", "The peer's key is defective or malicious.";
    /// The peer sent an EDHOC error.
    PeerError = 210, "peer-error", "Read the error message; it is unauthenticated.";
    /// Policy refused this identity or the inbox it claims.
    Denied = 211, "denied", "Allow this identity, or correct its inbox name.";
    /// The handshake did not finish in time or failed too often.
    HandshakeFailed = 212, "handshake-failed", "Check that the peer is reachable and shares credentials and suites.";
    /// Another handshake with the same peer, started by the peer or by this end, stands instead of this one.
    Superseded = 213, "superseded", "Nothing to do: the session of the other handshake is used.";
    /// A way of naming a credential, or a kind or profile of credential, that this build does not have.
    UnsupportedCredential = 214, "unsupported-credential", "Issue a credential of a kind that this end accepts (docs/PROTOCOL.md section 2).";
    /// A newcomer shows that it knows the setup secret, and no physical act has opened setup, or too long ago.
    SetupClosed = 215, "setup-closed", "Press the device's button and try again within ten minutes.";
    /// A wrong setup secret was shown shortly before.
    SetupDelayed = 216, "setup-delayed", "Try again later, a minute at most; if you did not try before, somebody else did.";
    /// A newcomer does not know the setup secret.
    WrongSetupSecret = 217, "wrong-setup-secret", "Read the code on this device's label again.";
    /// The device has an owner, or has another one now.
    OtherOwner = 218, "other-owner", "Let the owner release the device or let you in, or reset it physically.";
    /// A release or delegation that the owner has not signed for this peer, this device and its present epoch and nonce.
    WrongStatement = 219, "wrong-statement", "The owner must sign anew, over what its last handshake with the device told.";

    // 300..399: records
    /// No session has the record's identifier.
    UnknownContext = 300, "unknown-context", "One end lost its state; a new handshake heals it.";
    /// The record does not verify: altered, or protected for someone else, another topic or another key.
    DecryptFailed = 301, "decrypt-failed", "Someone altered the record, or it was moved to another topic.";
    /// Older than the replay window or than the stored edge.
    Replay = 302, "replay", "Someone replays old records; nothing to do.";
    /// Received before; a redelivery of MQTT or of the link.
    Duplicate = 303, "duplicate", "Normal with QoS 1; nothing to do.";
    /// A command that came too late to be trusted.
    Stale = 304, "stale", "Someone held the command back, or the link is slower than the lifetime; send it again.";
    /// The key has protected or failed as many records as it may.
    KeyExhausted = 305, "key-exhausted", "Run a key update or a new handshake.";
    /// A record of a key epoch that has ended, or that this end has not reached.
    StaleEpoch = 306, "stale-epoch", "Normal for records still under way when the keys changed; the sender repeats what matters.";

    // 400..499: state
    /// The store did not make the data durable.
    StorageFailed = 400, "storage-failed", "Check the storage medium; the operation was not done and can be repeated.";
    /// Stored state is damaged.
    CorruptState = 401, "corrupt-state", "Delete the stored state; a new handshake replaces it.";
    /// Stored state was written by a version this one cannot read.
    UnsupportedState = 402, "unsupported-state", "Use the newer version, or delete the stored state and handshake anew.";
    /// The random source failed or is not seeded.
    RandomFailed = 403, "random-failed", "Seed the random source before the first call.";
    /// No key has this handle, it cannot do the operation, or the function that keeps the key failed.
    UnknownKey = 404, "unknown-key", "Check the key handle and what the key may be used for; if your own function keeps the key, why it failed.";
    /// Stored state may have been rolled back, so it is not used.
    LostState = 405, "lost-state", "Connect again; a store that resists rollback would keep sessions across restarts.";
    /// The library found itself in a state that cannot be; nothing was sent.
    Internal = 499, "internal", "Report this as a bug.";
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: {}", self.name(), self.hint())
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn numbers_are_unique_and_ascending() {
        assert!(Error::ALL.windows(2).all(|pair| pair[0].number() < pair[1].number()));
        assert!(Error::ALL.iter().all(|error| (1..1000).contains(&error.number())));
    }

    #[test]
    fn names_are_unique() {
        for (position, error) in Error::ALL.iter().enumerate() {
            assert!(Error::ALL[..position].iter().all(|other| other.name() != error.name()));
        }
    }
}
