//! What a link takes and hands out.

use crate::error::SealwireError;
use crate::event::{Event, Origin};
use sealwire_core::Error;
use std::sync::Arc;
use tokio::sync::watch;

/// Where a link stands on the broker.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct LinkConfig {
    /// The fleet's namespace: the first levels of every topic.
    pub realm: String,
    /// Own inbox, 1 to 16 of a-z, 0-9 and -; the endpoint's configuration names the same.
    pub inbox: String,
    /// Topic filters relative to the realm, for records in place.
    #[uniffi(default = [])]
    pub subscriptions: Vec<String>,
    /// What a bridge puts before every topic on this broker.
    #[uniffi(default = "")]
    pub bridge_prefix: String,
}

/// Why a link did not do something.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Error)]
pub enum NetworkError {
    /// The broker cannot be reached, or refused.
    Broker {
        /// What it said, or what the system said.
        reason: String,
    },
    /// Nobody answered in time.
    TimedOut {
        /// Who did not.
        reason: String,
    },
    /// The endpoint refused.
    Refused {
        /// Why.
        error: SealwireError,
    },
    /// The link is not open.
    NotOpen,
    /// The app gave up waiting.
    Cancelled,
}

impl std::fmt::Display for NetworkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NetworkError::Broker { reason } => write!(f, "broker: {reason}"),
            NetworkError::TimedOut { reason } => write!(f, "timed out: {reason}"),
            NetworkError::Refused { error } => write!(f, "{error}"),
            NetworkError::NotOpen => f.write_str("the link is not open"),
            NetworkError::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl std::error::Error for NetworkError {}

impl From<SealwireError> for NetworkError {
    fn from(error: SealwireError) -> Self {
        NetworkError::Refused { error }
    }
}

impl From<Error> for NetworkError {
    fn from(error: Error) -> Self {
        SealwireError::from(error).into()
    }
}

/// A message from an authenticated peer.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
#[allow(clippy::struct_excessive_bools)]
pub struct LinkMessage {
    /// Handle of the session under which it came.
    pub session: u32,
    /// Thumbprint of who sent it.
    pub peer: Vec<u8>,
    /// Topic relative to the realm; empty for a message without one.
    pub topic: String,
    /// What was sent.
    pub payload: Vec<u8>,
    /// It came on its topic, not addressed to the inbox.
    pub in_place: bool,
    /// A command, which is fresh.
    pub command: bool,
    /// Present on confirmable messages: `commit` them when the effect is durable.
    pub number: Option<u64>,
    /// Session and number of its first sending, if that was another session.
    pub origin: Option<Origin>,
    /// Records missing right before this one: lost, late or suppressed.
    pub missing: u64,
    /// It fills an earlier gap.
    pub late: bool,
    /// The sender wanted the broker to keep it.
    pub retain: bool,
    /// The sender's expiry in seconds.
    pub expiry_s: Option<u64>,
    /// The sender's content type.
    pub content_type: Option<String>,
}

/// What happens on a link.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum LinkEvent {
    /// A message.
    Message {
        /// The message.
        message: LinkMessage,
    },
    /// A frame was refused; nothing else changed.
    Refused {
        /// Why.
        error: SealwireError,
        /// Where it came in, relative to the realm.
        topic: String,
        /// The frame.
        frame: Vec<u8>,
    },
    /// Something happened in the endpoint. The link has acted on it already where there was something to do.
    Endpoint {
        /// What.
        event: Event,
    },
    /// The key store was asked and answers later: call `resumePending` then.
    KeyPending,
    /// The broker is there, and the subscriptions stand.
    Up,
    /// The broker is gone; the link comes back by itself.
    Down {
        /// Why.
        reason: String,
    },
}

pub(super) type Outcome = Option<Result<(), SealwireError>>;

/// A message on its way.
#[derive(uniffi::Object)]
pub struct Receipt {
    number: Option<u64>,
    done: Option<watch::Receiver<Outcome>>,
}

impl Receipt {
    pub(super) fn new(number: Option<u64>, done: Option<watch::Receiver<Outcome>>) -> Arc<Self> {
        Arc::new(Receipt { number, done })
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl Receipt {
    /// Its number, if it is confirmable.
    pub fn number(&self) -> Option<u64> {
        self.number
    }

    /// Whether the peer's application has made the effect durable.
    pub fn acknowledged(&self) -> bool {
        self.done.as_ref().is_some_and(|done| matches!(*done.borrow(), Some(Ok(()))))
    }

    /// Waits until the peer has committed the message. Throws `Refused` with `WrongState` for a message sent without confirmation, or why it ended.
    pub async fn wait(&self) -> Result<(), NetworkError> {
        let Some(mut done) = self.done.clone() else {
            return Err(SealwireError::new(Error::WrongState, "sent without confirmation").into());
        };
        let outcome = done.wait_for(Option::is_some).await.map_err(|_| NetworkError::NotOpen)?.clone();
        outcome.unwrap_or(Ok(())).map_err(NetworkError::from)
    }
}
