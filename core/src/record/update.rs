//! The key update as a state machine (PROTOCOL §5.7): what to do about a request or a response, without doing it.
//!
//! ```text
//!              request_update            response                first record under p+1
//!   Idle ──────────────────────► Requested ────────► Moved ────────────────────────────► Idle, epoch p+1
//!    │  request                  │ request (EDHOC Responder only)
//!    └─────────► Responded ◄─────┘      first record under p+1
//!                    └──────────────────────────────────────────► Idle, epoch p+1
//! ```
//!
//! Every state is stored before anything leaves because of it, so a restart goes on where it stopped: in `Requested` with the
//! same nonce, in `Responded` with the same answer. Hence the two ends can never derive different keys for p + 1.

use super::options::{Nonce, UpdateRequest, UpdateResponse};
use crate::edhoc::Role;

/// How far a key update is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Updating {
    /// None is under way.
    Idle,
    /// This end has asked; the request is repeated until it is answered.
    Requested,
    /// This end has answered; it sends under p and receives under p and p + 1.
    Responded,
    /// This end has the answer; it sends under p + 1 and receives under both.
    Moved,
}

/// The state with its nonces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Update {
    #[default]
    Idle,
    Requested {
        n_a: Nonce,
    },
    Responded {
        n_a: Nonce,
        n_b: Nonce,
        /// Of the request answered: an older one that comes late changes nothing.
        partial_iv: u64,
    },
    Moved,
}

/// What a request calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Nothing.
    Ignore,
    /// Send the answer given before.
    Repeat(UpdateResponse),
    /// Derive p + 1 with a new nonce and answer.
    Answer,
}

impl Update {
    pub(crate) const fn stage(&self) -> Updating {
        match self {
            Update::Idle => Updating::Idle,
            Update::Requested { .. } => Updating::Requested,
            Update::Responded { .. } => Updating::Responded,
            Update::Moved => Updating::Moved,
        }
    }

    /// Keys of p + 1 exist.
    pub(crate) const fn has_next(&self) -> bool {
        matches!(self, Update::Responded { .. } | Update::Moved)
    }

    /// A request for epoch `next`, this end's epoch and 1, came in a record under the epoch before with `partial_iv`.
    pub(crate) fn on_request(&self, role: Role, partial_iv: u64, request: &UpdateRequest) -> Reaction {
        match *self {
            Update::Idle => Reaction::Answer,
            // Both have asked: the EDHOC Initiator's request stands.
            Update::Requested { .. } if role == Role::Initiator => Reaction::Ignore,
            Update::Requested { .. } => Reaction::Answer,
            Update::Responded { n_a, n_b, .. } if n_a == request.n_a => Reaction::Repeat(UpdateResponse { epoch: request.epoch, n_a, n_b }),
            Update::Responded { partial_iv: answered, .. } if partial_iv > answered => Reaction::Answer,
            Update::Responded { .. } | Update::Moved => Reaction::Ignore,
        }
    }

    /// Does this response answer the request that is out?
    pub(crate) fn is_answered_by(&self, response: &UpdateResponse) -> bool {
        matches!(*self, Update::Requested { n_a } if n_a == response.n_a)
    }
}
