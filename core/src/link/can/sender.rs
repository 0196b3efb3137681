//! The sending half: one frame at a time, as fast as the receiver allows.

use super::pci::{self, Status};
use super::{Config, Sent};
use crate::bytes::{Writer, copy};
use crate::error::{Error, Result};
use crate::link::count;

#[derive(Debug)]
enum State {
    Idle,
    /// The first CAN frame has not been taken.
    Start,
    /// For flow control, until then.
    Waiting {
        until: u64,
    },
    /// The next piece at `due`; flow control after `left` of them, 0 for never.
    Pieces {
        due: u64,
        left: u8,
        gap: u8,
    },
}

#[derive(Debug)]
pub(super) struct Sender<B> {
    buffer: B,
    length: usize,
    /// Bytes that have left.
    at: usize,
    /// Number of the newest piece, 0 for the first; its lower four bits count.
    number: u8,
    /// Wait frames in a row.
    waits: u8,
    /// When the newest piece left.
    left_ms: u64,
    state: State,
    pub(super) sent: Sent,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Sender<B> {
    pub(super) fn new(buffer: B) -> Self {
        Sender { buffer, length: 0, at: 0, number: 0, waits: 0, left_ms: 0, state: State::Idle, sent: Sent::default() }
    }

    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    pub(super) fn begin(&mut self, frame: &[u8]) -> Result<()> {
        if frame.is_empty() || u32::try_from(frame.len()).is_err() {
            return Err(Error::InvalidArgument);
        }
        if !self.is_idle() {
            return Err(Error::Busy);
        }
        copy(self.buffer.as_mut().get_mut(..frame.len()).ok_or(Error::BufferTooSmall)?, frame);
        (self.length, self.at, self.number, self.waits, self.state) = (frame.len(), 0, 0, 0, State::Start);
        Ok(())
    }

    /// Takes flow control; nothing where none is awaited.
    pub(super) fn flow(&mut self, config: &Config, now_ms: u64, status: Status, block: u8, separation: u8) {
        if !matches!(self.state, State::Waiting { .. }) {
            return;
        }
        match status {
            Status::Continue => {
                self.waits = 0;
                let gap = pci::gap(separation);
                // Between blocks too, though flow control for the next one came sooner.
                let due = if self.number == 0 { now_ms } else { now_ms.max(self.left_ms.saturating_add(gap.into())) };
                self.state = State::Pieces { due, left: block, gap };
            }
            Status::Wait if self.waits < config.max_waits => {
                self.waits = self.waits.saturating_add(1);
                self.state = State::Waiting { until: config.deadline(now_ms) };
            }
            Status::Wait | Status::Overflow => {
                self.state = State::Idle;
                count(&mut self.sent.refused);
            }
        }
    }

    pub(super) fn expire(&mut self, now_ms: u64) {
        if matches!(self.state, State::Waiting { until } if now_ms >= until) {
            self.state = State::Idle;
            count(&mut self.sent.expired);
        }
    }

    pub(super) const fn timeout(&self) -> Option<u64> {
        match self.state {
            State::Idle => None,
            State::Start => Some(0),
            State::Waiting { until } => Some(until),
            State::Pieces { due, .. } => Some(due),
        }
    }

    /// Writes the next CAN frame, if there is one to be sent now; gives its length.
    pub(super) fn poll(&mut self, config: &Config, now_ms: u64, out: &mut [u8]) -> Result<Option<usize>> {
        let size = usize::from(config.size);
        let mut out = Writer::new(out);
        let room = |out: &Writer<'_>| size.saturating_sub(out.len());
        match self.state {
            State::Start if self.length <= pci::single_limit(size) => {
                pci::single(&mut out, self.length)?;
                self.put(&mut out, self.length)?;
                self.done();
            }
            State::Start => {
                pci::first(&mut out, self.length)?;
                let room = room(&out);
                self.put(&mut out, room)?;
                self.state = State::Waiting { until: config.deadline(now_ms) };
            }
            State::Pieces { due, left, gap } if now_ms >= due => {
                self.number = if self.number == u8::MAX { 16 } else { self.number.saturating_add(1) };
                self.left_ms = now_ms;
                pci::consecutive(&mut out, self.number)?;
                let room = room(&out);
                self.put(&mut out, room)?;
                if self.at >= self.length {
                    self.done();
                } else if left == 1 {
                    self.state = State::Waiting { until: config.deadline(now_ms) };
                } else {
                    self.state = State::Pieces { due: now_ms.saturating_add(gap.into()), left: left.saturating_sub(1), gap };
                }
            }
            _ => return Ok(None),
        }
        pci::pad(out, config.padding).map(Some)
    }

    /// Writes the next bytes of the frame, up to `room`.
    fn put(&mut self, out: &mut Writer<'_>, room: usize) -> Result<()> {
        let end = self.at.saturating_add(room).min(self.length);
        out.put(self.buffer.as_ref().get(self.at..end).ok_or(Error::Internal)?)?;
        self.at = end;
        Ok(())
    }

    fn done(&mut self) {
        self.state = State::Idle;
        count(&mut self.sent.frames);
    }
}
