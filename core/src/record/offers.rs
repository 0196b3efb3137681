//! Receiver nonces: commands that need no clock (PROTOCOL §5.6).

use super::Position;
use crate::error::{Error, Result};

/// Bytes of an offer.
pub const OFFER: usize = 8;

/// The receiver's side: the two newest offers it made. Kept in memory only; a restart ends them.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnOffers {
    newest: [u8; OFFER],
    older: [u8; OFFER],
    /// When the newest was made.
    issued_ms: u64,
    /// How long before that the older one was.
    gap_ms: u32,
    /// How many of them there are.
    made: u8,
}

impl OwnOffers {
    /// No offer made yet.
    pub const fn new() -> Self {
        OwnOffers { newest: [0; OFFER], older: [0; OFFER], issued_ms: 0, gap_ms: 0, made: 0 }
    }

    /// Should the next record carry a fresh offer? On the first record, and when the newest is older than half the
    /// lifetime. Times in milliseconds on the receiver's monotonic timer.
    pub fn due(&self, now_ms: u64, lifetime_ms: u64) -> bool {
        self.made == 0 || !younger(self.issued_ms, lifetime_ms / 2, now_ms)
    }

    /// Notes that `nonce`, 8 fresh random bytes, goes out now.
    pub fn issue(&mut self, now_ms: u64, nonce: [u8; OFFER]) {
        // An offer that has lived for more than 49 days, or that a timer that ran backwards made, is forgotten.
        let gap = now_ms.checked_sub(self.issued_ms).and_then(|gap| u32::try_from(gap).ok());
        self.older = self.newest;
        self.made = if self.made > 0 && gap.is_some() { 2 } else { 1 };
        self.gap_ms = gap.unwrap_or(0);
        self.newest = nonce;
        self.issued_ms = now_ms;
    }

    /// The newest offer, to be repeated when the peer asks for one.
    pub fn newest(&self) -> Option<[u8; OFFER]> {
        (self.made > 0).then_some(self.newest)
    }

    /// Does `answer` name a live offer, at most `lifetime_ms` old? Error: [`Error::Stale`], also without an answer.
    pub fn check(&self, answer: Option<[u8; OFFER]>, now_ms: u64, lifetime_ms: u64) -> Result<()> {
        let answer = answer.ok_or(Error::Stale)?;
        let live = |least, offer: &[u8; OFFER], issued_ms| {
            self.made >= least && crate::bytes::equal(offer, &answer) && younger(issued_ms, lifetime_ms, now_ms)
        };
        let earlier_ms = self.issued_ms.saturating_sub(u64::from(self.gap_ms));
        if live(1, &self.newest, self.issued_ms) || live(2, &self.older, earlier_ms) { Ok(()) } else { Err(Error::Stale) }
    }
}

/// False if the timer ran backwards: then nobody knows, and the offer counts as dead.
fn younger(issued_ms: u64, limit_ms: u64, now_ms: u64) -> bool {
    now_ms.checked_sub(issued_ms).is_some_and(|age| age <= limit_ms)
}

/// The sender's side: the newest offer of the peer.
#[derive(Clone, Copy, Debug, Default)]
pub struct PeerOffer {
    nonce: [u8; OFFER],
    /// Where it stood.
    partial_iv: u64,
    epoch: u32,
    known: bool,
}

impl PeerOffer {
    /// None known yet.
    pub const fn new() -> Self {
        PeerOffer { nonce: [0; OFFER], partial_iv: 0, epoch: 0, known: false }
    }

    /// Takes the offer of the record at `at`, unless a later record's is known already; `true` if it did.
    pub fn learn(&mut self, nonce: [u8; OFFER], at: Position) -> bool {
        let newer = !self.known || at > Position { epoch: self.epoch, partial_iv: self.partial_iv };
        if newer {
            *self = PeerOffer { nonce, partial_iv: at.partial_iv, epoch: at.epoch, known: true };
        }
        newer
    }

    /// What a command should answer.
    pub fn newest(&self) -> Option<[u8; OFFER]> {
        self.known.then_some(self.nonce)
    }
}
