//! The replay window over Partial IVs (RFC 8613 §7.4, PROTOCOL §5.4).

use crate::error::{Error, Result};

/// Numbers that the window remembers one by one.
pub const WINDOW: u64 = 64;

/// Which numbers were accepted: the last 64 one by one, all below as gone.
///
/// A restored window starts at an edge: everything below it is [`Error::Replay`], because what was accepted there is no
/// longer known. `span` keeps the two apart: only the lowest `span` positions below `next` were ever open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayWindow {
    /// Bit `i` set: `next - 1 - i` was accepted.
    bits: Halves,
    /// One above the highest number accepted, or the restored edge.
    next: Halves,
    /// How many positions below `next` are open, at most 64.
    span: u8,
}

/// A number of 64 bits that may lie on any word: a session has two windows, and padding would cost 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Halves([u32; 2]);

impl Halves {
    const fn of(value: u64) -> Self {
        Halves([value as u32, (value >> 32) as u32])
    }

    const fn get(self) -> u64 {
        let [low, high] = self.0;
        (high as u64) << 32 | low as u64
    }
}

/// What [`ReplayWindow::accept`] found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Numbers skipped directly before a new highest one.
    pub missing: u64,
    /// The number fills an earlier gap.
    pub late: bool,
}

impl ReplayWindow {
    /// A window that has seen nothing.
    pub const fn new() -> Self {
        Self::starting_at(0)
    }

    /// A window in which everything below `edge` is refused as [`Error::Replay`].
    pub const fn starting_at(edge: u64) -> Self {
        ReplayWindow { bits: Halves::of(0), next: Halves::of(edge), span: 0 }
    }

    /// One above the highest number accepted; the edge if none was.
    pub const fn next(&self) -> u64 {
        self.next.get()
    }

    /// May `n` still be accepted? Errors: [`Error::Replay`] below the window or the edge, [`Error::Duplicate`] if accepted
    /// before, [`Error::Malformed`] for `u64::MAX`, which no counter reaches.
    #[inline(never)]
    pub fn check(&self, n: u64) -> Result<()> {
        let Some(above) = n.checked_add(1) else { return Err(Error::Malformed) };
        let Some(back) = self.next().checked_sub(above) else { return Ok(()) };
        if back >= u64::from(self.span) {
            return Err(Error::Replay);
        }
        if bit(self.bits.get(), back) { Err(Error::Duplicate) } else { Ok(()) }
    }

    /// Marks `n` as accepted. Call it only for a record that has been verified. Errors: as [`check`](Self::check), with
    /// nothing changed.
    pub fn accept(&mut self, n: u64) -> Result<Arrival> {
        self.check(n)?;
        let above = n.checked_add(1).ok_or(Error::Malformed)?;
        match self.next().checked_sub(above) {
            Some(back) => {
                self.bits = Halves::of(self.bits.get() | mask(back));
                Ok(Arrival { missing: 0, late: true })
            }
            None => {
                let step = above.saturating_sub(self.next());
                self.bits = Halves::of(shifted(self.bits.get(), step) | 1);
                self.span = u64::from(self.span).saturating_add(step).min(WINDOW) as u8;
                self.next = Halves::of(above);
                Ok(Arrival { missing: step.saturating_sub(1), late: false })
            }
        }
    }
}

/// Bit `position`, clear beyond 63.
pub(crate) const fn bit(bits: u64, position: u64) -> bool {
    bits & mask(position) != 0
}

/// The value with only bit `position` set; 0 beyond 63.
pub(crate) const fn mask(position: u64) -> u64 {
    shifted(1, position)
}

/// `bits << step`, with everything shifted out beyond 63.
#[inline(never)]
pub(crate) const fn shifted(bits: u64, step: u64) -> u64 {
    if step < WINDOW { bits << step } else { 0 }
}
