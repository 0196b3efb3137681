//! Message numbers of confirmable messages, and their acknowledgement (PROTOCOL §5.5).
//!
//! Numbers belong to the session, not to a key: a message sent again keeps its number while its Partial IV is new.

use super::window::{WINDOW, bit, mask, shifted};
use crate::error::{Error, Result};

/// `ack` [top, missing]: what the receiver has committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ack {
    /// The highest committed number.
    pub top: u64,
    /// Bit `i`, 0 to 62, set: `top - 1 - i` is not committed. Everything below `top - 63` counts as committed.
    pub missing: u64,
}

impl Ack {
    /// Is `number` committed according to this acknowledgement?
    #[must_use]
    pub fn covers(&self, number: u64) -> bool {
        match self.top.checked_sub(number) {
            None => false,
            Some(0) => true,
            Some(back) => !bit(self.missing, back.saturating_sub(1)),
        }
    }

    /// Refuses a bitmap that names a number below 0 or has its highest bit set. Error: [`Error::Malformed`].
    pub(crate) fn check(self) -> Result<Ack> {
        if self.missing >> self.top.min(WINDOW.saturating_sub(1)) == 0 { Ok(self) } else { Err(Error::Malformed) }
    }
}

/// The sender's numbers: which comes next, how far the store reserves them, which are not acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SentNumbers {
    next: u64,
    reserved: u64,
    /// Bit `i` set: `next - 1 - i` was sent and is not acknowledged. No number below `next - 64` is outstanding.
    outstanding: u64,
}

impl SentNumbers {
    pub(crate) const fn new() -> Self {
        SentNumbers { next: 0, reserved: 0, outstanding: 0 }
    }

    /// As it was stored: all that may have been used since is outstanding.
    pub(crate) fn restored(next: u64, reserved: u64, outstanding: u64) -> Result<Self> {
        let used = reserved.checked_sub(next).filter(|used| *used <= WINDOW).ok_or(Error::CorruptState)?;
        let earlier = shifted(outstanding, used);
        if shifted_down(earlier, used) != outstanding {
            return Err(Error::CorruptState);
        }
        Ok(SentNumbers { next: reserved, reserved, outstanding: earlier | low_bits(used) })
    }

    /// The next new number.
    pub const fn next(&self) -> u64 {
        self.next
    }

    pub(crate) const fn outstanding_bits(&self) -> u64 {
        self.outstanding
    }

    /// May another new number be used? Error: [`Error::WindowFull`] while `next - 64` is not acknowledged.
    pub fn available(&self) -> Result<()> {
        if bit(self.outstanding, WINDOW.saturating_sub(1)) { Err(Error::WindowFull) } else { Ok(()) }
    }

    pub(crate) const fn must_store(&self) -> bool {
        self.next >= self.reserved
    }

    /// How far a store taken now reserves: `ahead` numbers, but never beyond what the window would let out, so that
    /// everything possibly outstanding after a restore fits into the window.
    pub(crate) fn reserve(&self, ahead: u32) -> u64 {
        let room = u64::from(self.outstanding.leading_zeros()).min(u64::from(ahead));
        self.next.saturating_add(room).max(self.reserved)
    }

    pub(crate) fn set_reserved(&mut self, reserved: u64) {
        self.reserved = self.reserved.max(reserved);
    }

    /// Takes the next number for a new message. Errors: [`Error::WindowFull`]; [`Error::StorageFailed`] if no stored
    /// reservation contains it; [`Error::KeyExhausted`] after 2^64 - 1 messages.
    pub fn take(&mut self) -> Result<u64> {
        self.available()?;
        if self.must_store() {
            return Err(Error::StorageFailed);
        }
        let number = self.next;
        self.next = number.checked_add(1).ok_or(Error::KeyExhausted)?;
        self.outstanding = shifted(self.outstanding, 1) | 1;
        Ok(number)
    }

    /// Gives back the number just taken, when nothing was sent under it.
    pub fn give_back(&mut self, number: u64) {
        if number.checked_add(1) == Some(self.next) {
            self.next = number;
            self.outstanding >>= 1;
        }
    }

    fn position(&self, number: u64) -> Option<u64> {
        self.next.checked_sub(number)?.checked_sub(1)
    }

    /// Was `number` sent (or, after a restore, perhaps sent) and neither acknowledged nor abandoned?
    pub fn is_outstanding(&self, number: u64) -> bool {
        self.position(number).is_some_and(|position| bit(self.outstanding, position))
    }

    /// The outstanding numbers in ascending order.
    pub fn outstanding(&self) -> impl Iterator<Item = u64> + use<> {
        let SentNumbers { next, mut outstanding, .. } = *self;
        core::iter::from_fn(move || {
            while outstanding != 0 {
                // The highest bit set is the lowest number. Asked for with every record, mostly of an empty set: no walk over 64 positions.
                let position = WINDOW.saturating_sub(1).saturating_sub(u64::from(outstanding.leading_zeros()));
                outstanding &= !mask(position);
                if let Some(number) = next.checked_sub(position).and_then(|above| above.checked_sub(1)) {
                    return Some(number);
                }
            }
            None
        })
    }

    /// Takes in an acknowledgement; true if it acknowledges something anew. An older one that comes late does no harm.
    /// Error: [`Error::Malformed`] if it acknowledges a number never used.
    pub fn on_ack(&mut self, ack: &Ack) -> Result<bool> {
        if ack.top >= self.next {
            return Err(Error::Malformed);
        }
        // Bit 0: top; bit i: top - i. Moved up to where top stands, from which all further ones are older.
        let committed = shifted(!ack.missing, 1) | 1;
        let position = self.next.saturating_sub(ack.top).saturating_sub(1);
        let acknowledged = self.outstanding & shifted(committed, position);
        self.outstanding &= !acknowledged;
        Ok(acknowledged != 0)
    }

    /// Stops waiting for `number`: the application no longer has the message, or never sent one under it.
    pub fn abandon(&mut self, number: u64) {
        if let Some(position) = self.position(number) {
            self.outstanding &= !mask(position);
        }
    }

    /// Stops waiting for every number.
    pub fn abandon_all(&mut self) {
        self.outstanding = 0;
    }
}

/// What [`ReceivedNumbers::check`] says of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Not seen before: deliver it.
    New,
    /// Delivered, but the application has not committed it yet: a duplicate.
    Delivered,
    /// Committed: a duplicate, to be acknowledged again.
    Committed,
}

/// The receiver's numbers: delivered (kept in memory only) and committed (durable).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceivedNumbers {
    /// One above the highest number delivered.
    next: u64,
    /// Bit `i` set: `next - 1 - i` is committed. Everything below `next - 64` counts as committed: the sender sends a
    /// number only when all that lie 64 or more below it are acknowledged.
    committed: u64,
    /// Bit `i` set: `next - 1 - i` was delivered.
    delivered: u64,
}

impl ReceivedNumbers {
    pub(crate) const fn new() -> Self {
        ReceivedNumbers { next: 0, committed: 0, delivered: 0 }
    }

    pub(crate) fn restored(next: u64, committed: u64) -> Result<Self> {
        if next < WINDOW && committed >> next != 0 {
            return Err(Error::CorruptState);
        }
        Ok(ReceivedNumbers { next, committed, delivered: committed })
    }

    /// One above the highest number delivered.
    pub const fn next(&self) -> u64 {
        self.next
    }

    pub(crate) const fn committed_bits(&self) -> u64 {
        self.committed
    }

    /// Has `number` been seen? Error: [`Error::Malformed`] for `u64::MAX`.
    pub fn check(&self, number: u64) -> Result<Seen> {
        let above = number.checked_add(1).ok_or(Error::Malformed)?;
        Ok(match self.next.checked_sub(above) {
            None => Seen::New,
            Some(position) if position >= WINDOW || bit(self.committed, position) => Seen::Committed,
            Some(position) if bit(self.delivered, position) => Seen::Delivered,
            Some(_) => Seen::New,
        })
    }

    /// Notes that `number` was handed to the application. Errors: [`Error::Duplicate`] unless it is new; [`Error::Malformed`].
    pub fn deliver(&mut self, number: u64) -> Result<()> {
        if self.check(number)? != Seen::New {
            return Err(Error::Duplicate);
        }
        let above = number.checked_add(1).ok_or(Error::Malformed)?;
        let step = above.saturating_sub(self.next);
        self.delivered = shifted(self.delivered, step);
        self.committed = shifted(self.committed, step);
        self.next = self.next.max(above);
        self.delivered |= mask(self.next.saturating_sub(above));
        Ok(())
    }

    /// Was `number` delivered, so that it can be committed? Error: [`Error::InvalidArgument`] if it was not.
    pub fn can_commit(&self, number: u64) -> Result<()> {
        match self.check(number) {
            Ok(Seen::Delivered | Seen::Committed) => Ok(()),
            _ => Err(Error::InvalidArgument),
        }
    }

    /// Marks a delivered number as committed; others are left alone.
    #[inline(never)]
    pub(crate) fn commit(&mut self, number: u64) {
        if self.check(number) == Ok(Seen::Delivered) {
            self.committed |= mask(self.next.saturating_sub(number).saturating_sub(1));
        }
    }

    /// What is known from either of two records of one session, when one of them went on without the other.
    #[must_use]
    pub(crate) fn merged(&self, other: &Self) -> Self {
        let next = self.next.max(other.next);
        let lift = |bits, from: &Self| shifted(bits, next.saturating_sub(from.next));
        ReceivedNumbers {
            next,
            committed: lift(self.committed, self) | lift(other.committed, other),
            delivered: lift(self.delivered, self) | lift(other.delivered, other),
        }
    }

    /// The acknowledgement to send; none before the first commit.
    pub fn ack(&self) -> Option<Ack> {
        // Position of the highest committed number. With none among the last 64, everything below them is committed.
        let position = u64::from(self.committed.trailing_zeros());
        let top = self.next.checked_sub(position)?.checked_sub(1)?;
        // Bits above `position`, moved down so that bit 0 is `top - 1`; numbers below 0 do not exist, those that
        // have left the window are committed.
        let below = shifted_down(!self.committed, position.saturating_add(1));
        Some(Ack { top, missing: below & low_bits(top.min(63)) })
    }
}

/// The lowest `count` bits, all of them from 64 on.
fn low_bits(count: u64) -> u64 {
    if count >= WINDOW { u64::MAX } else { mask(count).wrapping_sub(1) }
}

const fn shifted_down(bits: u64, step: u64) -> u64 {
    if step < WINDOW { bits >> step } else { 0 }
}
