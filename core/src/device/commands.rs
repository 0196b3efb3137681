//! Offers, which commands answer (PROTOCOL §5.6). A build without `commands` makes none and takes no command.

#[cfg(feature = "commands")]
use super::session::want;
use crate::crypto::Provider;
#[cfg(not(feature = "commands"))]
use crate::error::Error;
use crate::error::Result;
use crate::record::Nonce;
#[cfg(feature = "commands")]
use crate::record::OwnOffers;

/// The offers of the session.
pub(super) struct Commands {
    #[cfg(feature = "commands")]
    own: OwnOffers,
    /// How long an offer lives; 0: none is made.
    #[cfg(feature = "commands")]
    lifetime_ms: u32,
}

#[cfg(feature = "commands")]
impl Commands {
    pub(super) const fn new(lifetime_ms: u32) -> Self {
        Commands { own: OwnOffers::new(), lifetime_ms }
    }

    /// As new, for another session.
    pub(super) const fn none(&self) -> Self {
        Commands::new(self.lifetime_ms)
    }

    /// The offer to put on the next record: a fresh one where that is due, the newest where the peer has `asked`. Fresh ones count as made, for they
    /// are worth nothing until they arrive. Error: `RandomFailed`.
    pub(super) fn offer<P: Provider>(&mut self, p: &mut P, now_ms: u64, asked: bool) -> Result<Option<Nonce>> {
        if self.lifetime_ms == 0 {
            return Ok(None);
        }
        if self.own.due(now_ms, u64::from(self.lifetime_ms)) {
            let mut nonce = [0; 8];
            p.random(&mut nonce)?;
            self.own.issue(now_ms, nonce);
            return Ok(Some(nonce));
        }
        Ok(self.own.newest().filter(|_| asked))
    }

    /// The peer asks for an offer: what a control record is wanted for.
    pub(super) const fn asked(&self) -> u8 {
        if self.lifetime_ms == 0 { 0 } else { want::OFFER }
    }

    /// Does a command that answers this come in time? Error: `Stale`.
    pub(super) fn check(&self, answer: Option<Nonce>, now_ms: u64) -> Result<()> {
        self.own.check(answer, now_ms, u64::from(self.lifetime_ms))
    }
}

#[cfg(not(feature = "commands"))]
impl Commands {
    pub(super) const fn new(_lifetime_ms: u32) -> Self {
        Commands {}
    }

    pub(super) const fn none(&self) -> Self {
        Commands {}
    }

    pub(super) fn offer<P: Provider>(&mut self, _p: &mut P, _now_ms: u64, _asked: bool) -> Result<Option<Nonce>> {
        Ok(None)
    }

    pub(super) const fn asked(&self) -> u8 {
        0
    }

    pub(super) fn check(&self, _answer: Option<Nonce>, _now_ms: u64) -> Result<()> {
        Err(Error::Stale)
    }
}
