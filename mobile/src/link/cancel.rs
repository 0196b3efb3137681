//! Waits that end from outside: a task that Swift cancels does not drop the future of the library that it waits for, as Kotlin's coroutines do.

use super::{Link, LinkEvent, NetworkError, Receipt, Result, Session};
use crate::config::Outgoing;
use crate::setup::Claim;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::watch;

/// Ends the waits that it was given to. What a wait had begun is given up: a handshake is cancelled, a message that waits for room is not sent.
#[derive(uniffi::Object)]
pub struct Cancellation {
    cancelled: watch::Sender<bool>,
}

#[uniffi::export]
impl Cancellation {
    /// For one wait or several.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::new(Cancellation { cancelled: watch::channel(false).0 })
    }

    /// Now and for good.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }
}

impl Cancellation {
    /// What `work` gives, unless this comes first; nothing then.
    async fn limit<R>(&self, work: impl Future<Output = R>) -> Option<R> {
        let mut watched = self.cancelled.subscribe();
        let (mut work, mut cancelled) = (pin!(work), pin!(watched.wait_for(|cancelled| *cancelled)));
        poll_fn(|context| {
            // What is done is done, and is told.
            if let Poll::Ready(outcome) = work.as_mut().poll(context) {
                return Poll::Ready(Some(outcome));
            }
            if cancelled.as_mut().poll(context).is_ready() { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl Link {
    /// `connect` with an end. Throws `Cancelled` too.
    pub async fn connect_until(
        &self,
        inbox: String,
        peer: Option<Vec<u8>>,
        timeout_ms: u32,
        cancellation: Arc<Cancellation>,
    ) -> Result<Arc<Session>> {
        cancellation.limit(self.connect(inbox, peer, timeout_ms)).await.unwrap_or(Err(NetworkError::Cancelled))
    }

    /// `claim` with an end. Throws `Cancelled` too.
    pub async fn claim_until(&self, inbox: String, claim: Claim, timeout_ms: u32, cancellation: Arc<Cancellation>) -> Result<Arc<Session>> {
        cancellation.limit(self.claim(inbox, claim, timeout_ms)).await.unwrap_or(Err(NetworkError::Cancelled))
    }

    /// `nextEvent` with an end: nothing then, and no event is lost.
    pub async fn next_event_until(&self, cancellation: Arc<Cancellation>) -> Option<LinkEvent> {
        cancellation.limit(self.next_event()).await.flatten()
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl Session {
    /// `send` with an end. Throws `Cancelled` too; nothing was sent then.
    pub async fn send_until(&self, message: Outgoing, cancellation: Arc<Cancellation>) -> Result<Arc<Receipt>> {
        cancellation.limit(self.send(message)).await.unwrap_or(Err(NetworkError::Cancelled))
    }

    /// `command` with an end. Throws `Cancelled` too; nothing was sent then.
    pub async fn command_until(
        &self,
        topic: String,
        payload: Vec<u8>,
        timeout_ms: u32,
        cancellation: Arc<Cancellation>,
    ) -> Result<Arc<Receipt>> {
        cancellation.limit(self.command(topic, payload, timeout_ms)).await.unwrap_or(Err(NetworkError::Cancelled))
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl Receipt {
    /// `wait` with an end, for this wait only: the message is still repeated. Throws `Cancelled` too.
    pub async fn wait_until(&self, cancellation: Arc<Cancellation>) -> Result<()> {
        cancellation.limit(self.wait()).await.unwrap_or(Err(NetworkError::Cancelled))
    }
}
