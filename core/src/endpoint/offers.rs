//! Offers of both ends, which commands answer (PROTOCOL 5.6). A build without `commands` makes none, takes no command and sends none.

use super::Config;
use crate::crypto::Provider;
use crate::error::Result;
use crate::record::{Nonce, Position};
#[cfg(feature = "commands")]
use crate::record::{OwnOffers, PeerOffer};

/// The offers of one session.
#[cfg(feature = "commands")]
pub(crate) struct Offers {
    own: OwnOffers,
    peer: PeerOffer,
    peer_ms: u64,
    /// The application wanted to send a command and could not.
    wanted: bool,
}

#[cfg(feature = "commands")]
impl Offers {
    pub(crate) const fn new() -> Self {
        Offers { own: OwnOffers::new(), peer: PeerOffer::new(), peer_ms: 0, wanted: false }
    }

    /// A nonce to put on the next record, if one is due.
    pub(crate) fn fresh<P: Provider>(&self, port: &mut P, now_ms: u64, config: &Config) -> Result<Option<Nonce>> {
        if !(config.offers && self.own.due(now_ms, u64::from(config.command_lifetime_ms))) {
            return Ok(None);
        }
        let mut nonce = [0; 8];
        port.random(&mut nonce)?;
        Ok(Some(nonce))
    }

    /// The nonce is out.
    pub(crate) fn issue(&mut self, now_ms: u64, nonce: Nonce) {
        self.own.issue(now_ms, nonce);
    }

    /// This end's newest.
    pub(crate) fn newest(&self) -> Option<Nonce> {
        self.own.newest()
    }

    /// Does a command that answers this come in time? Error: `Stale`.
    pub(crate) fn check(&self, answer: Option<Nonce>, now_ms: u64, config: &Config) -> Result<()> {
        if !config.offers {
            return Err(crate::error::Error::Stale);
        }
        self.own.check(answer, now_ms, u64::from(config.command_lifetime_ms))
    }

    /// The newest offer of the peer, while it may still be live.
    pub(crate) fn of_peer(&self, now_ms: u64, config: &Config) -> Option<Nonce> {
        let age = now_ms.saturating_sub(self.peer_ms);
        self.peer.newest().filter(|_| age <= u64::from(config.command_lifetime_ms))
    }

    /// Takes note of an offer of the peer; true if the application waits for one.
    pub(crate) fn learn(&mut self, now_ms: u64, offer: Nonce, at: Position) -> bool {
        if !self.peer.learn(offer, at) {
            return false;
        }
        self.peer_ms = now_ms;
        core::mem::take(&mut self.wanted)
    }

    /// The application waits for an offer of the peer; false if it did before.
    pub(crate) fn want(&mut self) -> bool {
        !core::mem::replace(&mut self.wanted, true)
    }

    /// The application waits.
    pub(crate) const fn wanted(&self) -> bool {
        self.wanted
    }
}

/// None at all.
#[cfg(not(feature = "commands"))]
pub(crate) struct Offers;

#[cfg(not(feature = "commands"))]
impl Offers {
    pub(crate) const fn new() -> Self {
        Offers
    }

    pub(crate) fn fresh<P: Provider>(&self, _port: &mut P, _now_ms: u64, _config: &Config) -> Result<Option<Nonce>> {
        Ok(None)
    }

    pub(crate) fn issue(&mut self, _now_ms: u64, _nonce: Nonce) {}

    pub(crate) fn newest(&self) -> Option<Nonce> {
        None
    }

    pub(crate) fn check(&self, _answer: Option<Nonce>, _now_ms: u64, _config: &Config) -> Result<()> {
        Err(crate::error::Error::Stale)
    }

    pub(crate) fn of_peer(&self, _now_ms: u64, _config: &Config) -> Option<Nonce> {
        None
    }

    pub(crate) fn learn(&mut self, _now_ms: u64, _offer: Nonce, _at: Position) -> bool {
        false
    }

    pub(crate) fn want(&mut self) -> bool {
        false
    }

    pub(crate) const fn wanted(&self) -> bool {
        false
    }
}
