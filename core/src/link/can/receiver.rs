//! The receiving half: one frame at a time, in the caller's memory.

use super::Config;
use super::pci::Status;
use crate::bytes::copy;
use crate::link::{Counters, count};

#[derive(Debug)]
enum State {
    Idle,
    /// Of a frame in pieces, more are to come until then.
    Pieces {
        until: u64,
    },
    /// Flow control is owed, to continue if the application is ready. If not, waiting is asked for at `again`.
    Asked {
        again: u64,
    },
}

#[derive(Debug)]
pub(super) struct Receiver<B> {
    buffer: B,
    length: usize,
    /// Bytes that have come.
    at: usize,
    /// Most bytes of a piece.
    piece: u8,
    /// Number of the next piece, modulo 16.
    number: u8,
    /// Pieces until flow control is due.
    left: u8,
    /// Wait frames in a row.
    waits: u8,
    /// Overflow is to be told.
    overflow: bool,
    /// The loss of the frame that pieces belong to has been counted.
    told: bool,
    pub(super) ready: bool,
    state: State,
    pub(super) counters: Counters,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Receiver<B> {
    pub(super) fn new(buffer: B) -> Self {
        Receiver {
            buffer,
            length: 0,
            at: 0,
            piece: 0,
            number: 0,
            left: 0,
            waits: 0,
            overflow: false,
            told: false,
            ready: true,
            state: State::Idle,
            counters: Counters::default(),
        }
    }

    /// The sender began anew: what it had begun before will not end.
    fn drop_begun(&mut self) {
        if !matches!(self.state, State::Idle) {
            self.lose();
        }
        self.told = false;
    }

    /// A piece is missing, or has no beginning: counted once, however many follow.
    fn lose(&mut self) {
        self.state = State::Idle;
        if !core::mem::replace(&mut self.told, true) {
            count(&mut self.counters.lost);
        }
    }

    fn store(&mut self, at: usize, data: &[u8]) -> Option<()> {
        copy(self.buffer.as_mut().get_mut(at..)?.get_mut(..data.len())?, data);
        self.at = at.saturating_add(data.len());
        Some(())
    }

    pub(super) fn single(&mut self, frame: &[u8]) -> Option<&mut [u8]> {
        self.drop_begun();
        if self.store(0, frame).is_none() {
            count(&mut self.counters.overlong);
            return None;
        }
        count(&mut self.counters.frames);
        self.buffer.as_mut().get_mut(..frame.len())
    }

    pub(super) fn first(&mut self, now_ms: u64, length: u32, data: &[u8], piece: u8) {
        self.drop_begun();
        self.overflow = false;
        match usize::try_from(length) {
            Ok(length) if length <= self.buffer.as_ref().len() && self.store(0, data).is_some() => {
                (self.length, self.piece, self.number, self.left, self.waits) = (length, piece, 1, 0, 0);
                self.state = State::Asked { again: now_ms };
            }
            _ => {
                count(&mut self.counters.overlong);
                self.overflow = true;
                self.told = true;
            }
        }
    }

    /// Takes a piece with its padding; gives the frame when it is the last.
    pub(super) fn consecutive(&mut self, config: &Config, now_ms: u64, number: u8, data: &[u8]) -> Option<&mut [u8]> {
        let idle = matches!(self.state, State::Idle);
        let piece = usize::from(self.piece);
        if idle || number != self.number {
            // CAN itself repeats a frame whose last bits were disturbed for the sender only.
            let again = number == self.number.wrapping_sub(1) & 15;
            if !(again && (idle || self.ends_with(data, piece))) {
                self.lose();
            }
            return None;
        }
        let missing = piece.min(self.length.saturating_sub(self.at));
        match data.get(..missing) {
            Some(part) if data.len() <= piece => self.store(self.at, part)?,
            _ => {
                count(&mut self.counters.malformed);
                return None;
            }
        }
        self.number = number.wrapping_add(1) & 15;
        if self.at >= self.length {
            self.state = State::Idle;
            count(&mut self.counters.frames);
            return self.buffer.as_mut().get_mut(..self.length);
        }
        self.left = self.left.saturating_sub(1);
        self.state = if self.left == 0 && config.block_size > 0 {
            self.waits = 0;
            State::Asked { again: now_ms }
        } else {
            State::Pieces { until: config.deadline(now_ms) }
        };
        None
    }

    /// True if the newest bytes in memory are `data`, a whole piece.
    fn ends_with(&self, data: &[u8], piece: usize) -> bool {
        data.len() == piece && self.at.checked_sub(piece).and_then(|start| self.buffer.as_ref().get(start..self.at)) == Some(data)
    }

    pub(super) fn expire(&mut self, now_ms: u64) {
        if matches!(self.state, State::Pieces { until } if now_ms >= until) {
            self.state = State::Idle;
            self.told = true;
            count(&mut self.counters.expired);
        }
    }

    pub(super) const fn timeout(&self) -> Option<u64> {
        match self.state {
            _ if self.overflow => Some(0),
            State::Idle => None,
            State::Pieces { until } => Some(until),
            State::Asked { .. } if self.ready => Some(0),
            State::Asked { again } => Some(again),
        }
    }

    /// Flow control that is to be sent now.
    pub(super) fn poll(&mut self, config: &Config, now_ms: u64) -> Option<Status> {
        if core::mem::take(&mut self.overflow) {
            return Some(Status::Overflow);
        }
        match self.state {
            State::Asked { .. } if self.ready => {
                self.left = config.block_size;
                self.state = State::Pieces { until: config.deadline(now_ms) };
                Some(Status::Continue)
            }
            State::Asked { again } if now_ms >= again => {
                if self.waits >= config.max_waits {
                    self.state = State::Idle;
                    self.told = true;
                    count(&mut self.counters.refused);
                    return None;
                }
                self.waits = self.waits.saturating_add(1);
                self.state = State::Asked { again: now_ms.saturating_add(u64::from(config.timeout_ms) / 2) };
                Some(Status::Wait)
            }
            _ => None,
        }
    }
}
