//! Records: protected messages of a session (PROTOCOL §5).
//!
//! They use the security context, nonce, Partial IV and replay rules of RFC 8613 under Sealwire's own header and AAD.
//! [`SecurityContext`] is the record layer of one session. A received frame goes through [`Header::parse`], which gives the
//! identifier to look the session up by, [`SecurityContext::unprotect`], [`SecurityContext::accept`] and [`Opened::content`].

mod context;
mod header;
mod numbers;
mod offers;
mod options;
mod security;
#[cfg(test)]
pub(crate) mod tests;
mod update;
mod window;

pub use context::{LABEL_MASTER_SALT, LABEL_MASTER_SECRET, Parties, SHORT_TAG_LIMIT};
pub use header::{Header, MAX_HEADER, PARTIAL_IV_LIMIT};
pub use numbers::{Ack, ReceivedNumbers, Seen, SentNumbers};
pub use offers::{OFFER, OwnOffers, PeerOffer};
pub use options::{
    Handover, Kind, MAX_CONTENT_TYPE, MAX_HANDOVER, MAX_TOPIC, Nonce, Options, Origin, Relation, Resume, UpdateRequest, UpdateResponse,
};
pub use security::{Accepted, Content, Opened, Outgoing, Plan, Position, SecurityContext};
pub use update::Updating;
pub use window::{Arrival, ReplayWindow, WINDOW};

#[cfg(feature = "device")]
pub(crate) use context::Binding;
pub(crate) use context::EpochContext;
#[cfg(any(test, feature = "device"))]
pub(crate) use context::Keys;
#[cfg(feature = "device")]
pub(crate) use options::is_topic;
pub(crate) use update::Update;
