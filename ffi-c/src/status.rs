//! Status numbers: the core's errors, negated. Literals, because the header generator prints only literals; held against the core below.

use core::ffi::c_char;
use sealwire_core::Error;

/// Success. Every failure is negative.
pub const SEALWIRE_OK: i32 = 0;

/// Declares the table that ties each constant of the header to the core's error.
macro_rules! table {
    ($($constant:ident = $error:ident;)+) => {
        // Apart from their names, which no firmware is to carry.
        #[cfg(test)]
        const CONSTANTS: &[(&str, Error)] = &[$((stringify!($constant), Error::$error)),+];
        $(const _: () = assert!($constant == -(Error::$error.number() as i32));)+
    };
}

/// An argument is out of its range or of the wrong length.
pub const SEALWIRE_INVALID_ARGUMENT: i32 = -1;
/// The output buffer is too small.
pub const SEALWIRE_BUFFER_TOO_SMALL: i32 = -2;
/// The call does not fit the state, such as sending before the handshake is done.
pub const SEALWIRE_WRONG_STATE: i32 = -3;
/// No session has this handle, or it has ended.
pub const SEALWIRE_UNKNOWN_SESSION: i32 = -4;
/// Every slot of the memory handed in is taken.
pub const SEALWIRE_NO_SPACE: i32 = -5;
/// The provider has not finished the operation; nothing was changed.
pub const SEALWIRE_PENDING: i32 = -6;
/// 64 confirmable messages are unacknowledged.
pub const SEALWIRE_WINDOW_FULL: i32 = -7;
/// No live offer of the receiver is known, so a command would be stale.
pub const SEALWIRE_NO_OFFER: i32 = -8;
/// Something of the kind is under way already.
pub const SEALWIRE_BUSY: i32 = -9;
/// The header in use does not belong to this library.
pub const SEALWIRE_VERSION_MISMATCH: i32 = -10;
/// The bytes do not parse.
pub const SEALWIRE_MALFORMED: i32 = -100;
/// A frame of a later protocol version.
pub const SEALWIRE_UNSUPPORTED_VERSION: i32 = -101;
/// A frame type that this build does not have, such as group records.
pub const SEALWIRE_UNSUPPORTED_FRAME: i32 = -102;
/// A record option that this version does not know.
pub const SEALWIRE_UNSUPPORTED_OPTION: i32 = -103;
/// A CBOR item that is valid but not in deterministic encoding.
pub const SEALWIRE_NOT_DETERMINISTIC: i32 = -104;
/// The EDHOC method is not accepted at this end, not in this build, or there is no own credential whose key fits it.
pub const SEALWIRE_UNSUPPORTED_METHOD: i32 = -200;
/// No common cipher suite.
pub const SEALWIRE_UNSUPPORTED_SUITE: i32 = -201;
/// No credential is known for what ID_CRED names.
pub const SEALWIRE_UNKNOWN_CREDENTIAL: i32 = -202;
/// The credential is known but not trusted for this: wrong issuer, purpose, signature or key type.
pub const SEALWIRE_UNTRUSTED_CREDENTIAL: i32 = -203;
/// The credential is outside its validity time.
pub const SEALWIRE_EXPIRED_CREDENTIAL: i32 = -204;
/// The peer did not prove possession of the key of its credential.
pub const SEALWIRE_AUTHENTICATION_FAILED: i32 = -205;
/// The peer presented this endpoint's own identity.
pub const SEALWIRE_OWN_IDENTITY: i32 = -206;
/// C_I equals C_R.
pub const SEALWIRE_SAME_IDENTIFIER: i32 = -207;
/// A critical EAD item that is not known here.
pub const SEALWIRE_UNKNOWN_CRITICAL_EAD: i32 = -208;
/// A public key that is not a valid point, or gives an all-zero secret.
pub const SEALWIRE_INVALID_KEY: i32 = -209;
/// The peer sent an EDHOC error.
pub const SEALWIRE_PEER_ERROR: i32 = -210;
/// Policy refused this identity or the inbox it claims.
pub const SEALWIRE_DENIED: i32 = -211;
/// The handshake did not finish in time or failed too often.
pub const SEALWIRE_HANDSHAKE_FAILED: i32 = -212;
/// Another handshake with the same peer, started by the peer or by this end, stands instead of this one.
pub const SEALWIRE_SUPERSEDED: i32 = -213;
/// A way of naming a credential, or a kind or profile of credential, that this build does not have.
pub const SEALWIRE_UNSUPPORTED_CREDENTIAL: i32 = -214;
/// A newcomer shows that it knows the setup secret, and no physical act has opened setup, or too long ago.
pub const SEALWIRE_SETUP_CLOSED: i32 = -215;
/// A wrong setup secret was shown shortly before.
pub const SEALWIRE_SETUP_DELAYED: i32 = -216;
/// A newcomer does not know the setup secret.
pub const SEALWIRE_WRONG_SETUP_SECRET: i32 = -217;
/// The device has an owner, or has another one now.
pub const SEALWIRE_OTHER_OWNER: i32 = -218;
/// A release or delegation that the owner has not signed for this peer, this device and its present epoch and nonce.
pub const SEALWIRE_WRONG_STATEMENT: i32 = -219;
/// No session has the record's identifier.
pub const SEALWIRE_UNKNOWN_CONTEXT: i32 = -300;
/// The record does not verify: altered, or protected for someone else, another topic or another key.
pub const SEALWIRE_DECRYPT_FAILED: i32 = -301;
/// Older than the replay window or than the stored edge.
pub const SEALWIRE_REPLAY: i32 = -302;
/// Received before; a redelivery of MQTT or of the link.
pub const SEALWIRE_DUPLICATE: i32 = -303;
/// A command that came too late to be trusted.
pub const SEALWIRE_STALE: i32 = -304;
/// The key has protected or failed as many records as it may.
pub const SEALWIRE_KEY_EXHAUSTED: i32 = -305;
/// A record of a key epoch that has ended, or that this end has not reached.
pub const SEALWIRE_STALE_EPOCH: i32 = -306;
/// The store did not make the data durable.
pub const SEALWIRE_STORAGE_FAILED: i32 = -400;
/// Stored state is damaged.
pub const SEALWIRE_CORRUPT_STATE: i32 = -401;
/// Stored state was written by a version this one cannot read.
pub const SEALWIRE_UNSUPPORTED_STATE: i32 = -402;
/// The random source failed or is not seeded.
pub const SEALWIRE_RANDOM_FAILED: i32 = -403;
/// No key has this handle, it cannot do the operation, or the function that keeps the key failed.
pub const SEALWIRE_UNKNOWN_KEY: i32 = -404;
/// Stored state may have been rolled back, so it is not used.
pub const SEALWIRE_LOST_STATE: i32 = -405;
/// The library found itself in a state that cannot be; nothing was sent.
pub const SEALWIRE_INTERNAL: i32 = -499;

table! {
    SEALWIRE_INVALID_ARGUMENT = InvalidArgument;
    SEALWIRE_BUFFER_TOO_SMALL = BufferTooSmall;
    SEALWIRE_WRONG_STATE = WrongState;
    SEALWIRE_UNKNOWN_SESSION = UnknownSession;
    SEALWIRE_NO_SPACE = NoSpace;
    SEALWIRE_PENDING = Pending;
    SEALWIRE_WINDOW_FULL = WindowFull;
    SEALWIRE_NO_OFFER = NoOffer;
    SEALWIRE_BUSY = Busy;
    SEALWIRE_VERSION_MISMATCH = VersionMismatch;
    SEALWIRE_MALFORMED = Malformed;
    SEALWIRE_UNSUPPORTED_VERSION = UnsupportedVersion;
    SEALWIRE_UNSUPPORTED_FRAME = UnsupportedFrame;
    SEALWIRE_UNSUPPORTED_OPTION = UnsupportedOption;
    SEALWIRE_NOT_DETERMINISTIC = NotDeterministic;
    SEALWIRE_UNSUPPORTED_METHOD = UnsupportedMethod;
    SEALWIRE_UNSUPPORTED_SUITE = UnsupportedSuite;
    SEALWIRE_UNKNOWN_CREDENTIAL = UnknownCredential;
    SEALWIRE_UNTRUSTED_CREDENTIAL = UntrustedCredential;
    SEALWIRE_EXPIRED_CREDENTIAL = ExpiredCredential;
    SEALWIRE_AUTHENTICATION_FAILED = AuthenticationFailed;
    SEALWIRE_OWN_IDENTITY = OwnIdentity;
    SEALWIRE_SAME_IDENTIFIER = SameIdentifier;
    SEALWIRE_UNKNOWN_CRITICAL_EAD = UnknownCriticalEad;
    SEALWIRE_INVALID_KEY = InvalidKey;
    SEALWIRE_PEER_ERROR = PeerError;
    SEALWIRE_DENIED = Denied;
    SEALWIRE_HANDSHAKE_FAILED = HandshakeFailed;
    SEALWIRE_SUPERSEDED = Superseded;
    SEALWIRE_UNSUPPORTED_CREDENTIAL = UnsupportedCredential;
    SEALWIRE_SETUP_CLOSED = SetupClosed;
    SEALWIRE_SETUP_DELAYED = SetupDelayed;
    SEALWIRE_WRONG_SETUP_SECRET = WrongSetupSecret;
    SEALWIRE_OTHER_OWNER = OtherOwner;
    SEALWIRE_WRONG_STATEMENT = WrongStatement;
    SEALWIRE_UNKNOWN_CONTEXT = UnknownContext;
    SEALWIRE_DECRYPT_FAILED = DecryptFailed;
    SEALWIRE_REPLAY = Replay;
    SEALWIRE_DUPLICATE = Duplicate;
    SEALWIRE_STALE = Stale;
    SEALWIRE_KEY_EXHAUSTED = KeyExhausted;
    SEALWIRE_STALE_EPOCH = StaleEpoch;
    SEALWIRE_STORAGE_FAILED = StorageFailed;
    SEALWIRE_CORRUPT_STATE = CorruptState;
    SEALWIRE_UNSUPPORTED_STATE = UnsupportedState;
    SEALWIRE_RANDOM_FAILED = RandomFailed;
    SEALWIRE_UNKNOWN_KEY = UnknownKey;
    SEALWIRE_LOST_STATE = LostState;
    SEALWIRE_INTERNAL = Internal;
}

/// A result as C sees it.
pub(crate) fn status(result: Result<(), Error>) -> i32 {
    match result {
        Ok(()) => SEALWIRE_OK,
        Err(error) => number(error),
    }
}

/// An error as C sees it.
pub(crate) fn number(error: Error) -> i32 {
    i32::from(error.number()).checked_neg().unwrap_or(SEALWIRE_INTERNAL)
}

/// What a callback of the application answered; a number that is no status counts as `otherwise`.
pub(crate) fn answer(value: i32, otherwise: Error) -> Result<(), Error> {
    if value == SEALWIRE_OK {
        return Ok(());
    }
    Err(Error::ALL.iter().find(|error| number(**error) == value).map_or(otherwise, |error| *error))
}

const NAME: usize = 32;
const HINT: usize = 128;

/// One text per error, NUL-terminated, in the order of `Error::ALL`; made at compile time.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "evaluated at compile time, where a mistake is an error")]
const fn texts<const WIDTH: usize>(hints: bool) -> [[u8; WIDTH]; Error::ALL.len()] {
    let mut all = [[0; WIDTH]; Error::ALL.len()];
    let mut row = 0;
    while row < all.len() {
        let text = if hints { Error::ALL[row].hint() } else { Error::ALL[row].name() }.as_bytes();
        assert!(text.len() < WIDTH, "a text needs room for its NUL");
        let mut column = 0;
        while column < text.len() {
            all[row][column] = text[column];
            column += 1;
        }
        row += 1;
    }
    all
}

static NAMES: [[u8; NAME]; Error::ALL.len()] = texts(false);
static HINTS: [[u8; HINT]; Error::ALL.len()] = texts(true);

fn text<const WIDTH: usize>(status: i32, table: &'static [[u8; WIDTH]], ok: &'static core::ffi::CStr) -> *const c_char {
    if status == SEALWIRE_OK {
        return ok.as_ptr();
    }
    let row = Error::ALL.iter().position(|error| number(*error) == status);
    match row.and_then(|row| table.get(row)) {
        Some(text) => text.as_ptr().cast(),
        None => c"unknown-status".as_ptr(),
    }
}

/// The name of a status, such as "replay"; the same in every language up to casing. Never NULL; "unknown-status" for a number
/// that is none. The text is static.
#[unsafe(no_mangle)]
pub extern "C" fn sealwire_status_name(status: i32) -> *const c_char {
    text(status, &NAMES, c"ok")
}

/// One sentence on what to do about a status. Never NULL. The text is static; firmware that never calls this does not
/// carry the texts.
#[unsafe(no_mangle)]
pub extern "C" fn sealwire_status_hint(status: i32) -> *const c_char {
    text(status, &HINTS, c"Nothing to do.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_a_constant_of_its_name() {
        for error in Error::ALL {
            let entry = CONSTANTS.iter().find(|entry| entry.1 == *error).expect("an error without a constant");
            assert_eq!(entry.0, format!("SEALWIRE_{}", error.name().to_uppercase().replace('-', "_")));
        }
    }

    #[test]
    fn texts_are_the_cores() {
        for error in Error::ALL {
            // SAFETY: both functions return static, NUL-terminated texts.
            let (name, hint) = unsafe {
                (
                    core::ffi::CStr::from_ptr(sealwire_status_name(number(*error))),
                    core::ffi::CStr::from_ptr(sealwire_status_hint(number(*error))),
                )
            };
            assert_eq!(name.to_str(), Ok(error.name()));
            assert_eq!(hint.to_str(), Ok(error.hint()));
        }
    }

    #[test]
    fn a_callback_cannot_answer_with_something_that_looks_like_success() {
        assert_eq!(answer(1, Error::StorageFailed), Err(Error::StorageFailed));
        assert_eq!(answer(-6, Error::StorageFailed), Err(Error::Pending));
    }
}
