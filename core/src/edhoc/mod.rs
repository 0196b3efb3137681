//! EDHOC, RFC 9528: the handshake that gives two endpoints a shared secret and each other's identity.
//!
//! Methods 0 to 3, message_4 mandatory. Every step is a function of a state value: it takes `&self`
//! and returns the next state, so that a message which fails, or an operation that is [`Pending`](crate::Error::Pending),
//! leaves the state as it was and the same step can be taken again.
//!
//! ```text
//! Initiator                                    Responder
//! compose_message_1 -> AwaitMessage2           process_message_1 -> AwaitMessage3
//! AwaitMessage2::process_message_2 -> AwaitMessage4
//!                                              AwaitMessage3::process_message_3 -> Completed
//! AwaitMessage4::process_message_4 -> Completed
//! ```
//!
//! A composed message_3 or message_4 must be kept and sent again as it is. Taking the step of one state a second time, for the same
//! message with other EAD items or another own credential, would use K_3 and IV_3, or K_4 and IV_4, twice (RFC 9528 §7): after a step
//! that succeeded, go on with its result only. A step that fails gives nothing that may be sent.
//!
//! `Pending` can come after policy was asked, which is then asked again.

mod ead;
mod ephemeral;
mod error;
mod identifier;
mod initiator;
mod introduction;
pub(crate) mod message;
mod method;
mod own;
mod peer;
mod responder;
pub(crate) mod schedule;
// The tests negotiate between the suites, so they need them all.
#[cfg(all(test, feature = "suite-x25519-chacha", feature = "suite-p256-ccm", feature = "suite-p256-ccm16", feature = "suite-x25519-ccm"))]
mod tests;

pub use crate::credential::Role;
pub use ead::{Ead, EadItems, INBOX, MAX_EAD_ITEMS, OnEad, ignore_ead};
pub use ephemeral::Ephemeral;
pub use error::{EdhocError, SuitesR};
pub use identifier::ConnectionId;
pub use initiator::{AwaitMessage2, AwaitMessage4, compose_message_1};
#[cfg(feature = "setup")]
pub(crate) use introduction::{Binding, Introduction, TAG, setup_tag};
pub use message::Message1;
pub use method::{Method, Methods};
#[cfg(feature = "setup")]
pub(crate) use peer::{Proved, Shown};
pub use responder::{AwaitMessage3, process_message_1};
pub use schedule::{exporter, key_update};

use crate::bytes::Secret;
use crate::credential::Thumbprint;
use crate::crypto::{HASH, Suite};

/// What a handshake yields.
#[derive(Clone, Debug)]
pub struct Completed {
    /// Which side this endpoint was on.
    pub role: Role,
    /// The method.
    pub method: Method,
    /// The selected cipher suite.
    pub suite: Suite,
    /// The Initiator's connection identifier.
    pub c_i: ConnectionId,
    /// The Responder's.
    pub c_r: ConnectionId,
    /// The last transcript hash.
    pub th_4: [u8; HASH],
    /// This endpoint's identity.
    pub own: Thumbprint,
    /// The peer's, authenticated.
    pub peer: Thumbprint,
    /// See [`Completed::prk_out`].
    prk_out: Secret<HASH>,
}

impl Completed {
    /// PRK_out: the secret from which [`exporter`] derives keys.
    pub const fn prk_out(&self) -> &Secret<HASH> {
        &self.prk_out
    }
}
