//! Receiver nonces: commands that need no clock (PROTOCOL §5.6).

use super::Position;
use crate::error::{Error, Result};

/// Bytes of an offer.
pub const OFFER: usize = 8;

#[derive(Clone, Copy, Debug)]
struct Offer {
    nonce: [u8; OFFER],
    issued_ms: u64,
}

impl Offer {
    /// `None` if the timer ran backwards: then nobody knows, and the offer counts as dead.
    const fn age_ms(&self, now_ms: u64) -> Option<u64> {
        now_ms.checked_sub(self.issued_ms)
    }

    fn younger_than(&self, limit_ms: u64, now_ms: u64) -> bool {
        self.age_ms(now_ms).is_some_and(|age| age <= limit_ms)
    }
}

/// The receiver's side: the two newest offers it made. Kept in memory only; a restart ends them.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnOffers {
    newest: Option<Offer>,
    older: Option<Offer>,
}

impl OwnOffers {
    /// No offer made yet.
    pub const fn new() -> Self {
        OwnOffers { newest: None, older: None }
    }

    /// Should the next record carry a fresh offer? On the first record, and when the newest is older than half the
    /// lifetime. Times in milliseconds on the receiver's monotonic timer.
    pub fn due(&self, now_ms: u64, lifetime_ms: u64) -> bool {
        self.newest.is_none_or(|offer| !offer.younger_than(lifetime_ms / 2, now_ms))
    }

    /// Notes that `nonce`, 8 fresh random bytes, goes out now.
    pub fn issue(&mut self, now_ms: u64, nonce: [u8; OFFER]) {
        self.older = self.newest;
        self.newest = Some(Offer { nonce, issued_ms: now_ms });
    }

    /// The newest offer, to be repeated when the peer asks for one.
    pub fn newest(&self) -> Option<[u8; OFFER]> {
        self.newest.map(|offer| offer.nonce)
    }

    /// Does `answer` name a live offer, at most `lifetime_ms` old? Error: [`Error::Stale`], also without an answer.
    pub fn check(&self, answer: Option<[u8; OFFER]>, now_ms: u64, lifetime_ms: u64) -> Result<()> {
        let answer = answer.ok_or(Error::Stale)?;
        let live = |offer: &Option<Offer>| {
            offer.is_some_and(|offer| crate::bytes::equal(&offer.nonce, &answer) && offer.younger_than(lifetime_ms, now_ms))
        };
        if live(&self.newest) || live(&self.older) { Ok(()) } else { Err(Error::Stale) }
    }
}

/// The sender's side: the newest offer of the peer.
#[derive(Clone, Copy, Debug, Default)]
pub struct PeerOffer {
    newest: Option<([u8; OFFER], Position)>,
}

impl PeerOffer {
    /// None known yet.
    pub const fn new() -> Self {
        PeerOffer { newest: None }
    }

    /// Takes the offer of the record at `at`, unless a later record's is known already; `true` if it did.
    pub fn learn(&mut self, nonce: [u8; OFFER], at: Position) -> bool {
        let newer = self.newest.is_none_or(|(_, known)| at > known);
        if newer {
            self.newest = Some((nonce, at));
        }
        newer
    }

    /// What a command should answer.
    pub fn newest(&self) -> Option<[u8; OFFER]> {
        self.newest.map(|(nonce, _)| nonce)
    }
}
