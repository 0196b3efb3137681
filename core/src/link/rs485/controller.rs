//! The end that polls.

use super::{Config, FROM_DEVICE, HEAD, NEXT, NUMBER, encode, encoded_len, is_address};
use crate::bytes::copy;
use crate::error::{Error, Result};
use crate::link::{Counters, count, uart};

/// What a device answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'b> {
    /// Which device.
    pub address: u8,
    /// Its frame; empty if it had none. It may be used until the next call.
    pub frame: &'b mut [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    /// The poll is to be sent, not before this time.
    Due(u64),
    /// It was sent. When to give up waiting for the answer to begin, and for its end.
    Sent {
        begin_ms: u64,
        end_ms: u64,
        /// Something came since.
        heard: bool,
    },
}

/// The controller of a bus. `B` is memory: `&mut [u8]`, an array or a vector.
#[derive(Debug)]
pub struct Controller<B> {
    config: Config,
    /// The poll under way, without checksum and coding.
    poll: B,
    length: usize,
    tries: u8,
    state: State,
    /// When the bus is free again.
    free_ms: u64,
    decoder: uart::Decoder<B>,
    /// Per address: the second byte of the next poll.
    next: [u8; 128],
    expired: u32,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Controller<B> {
    /// Sends frames up to two bytes shorter than `tx`, receives frames up to [`super::OVERHEAD`] bytes shorter than `rx`. Error: [`Error::InvalidArgument`] for
    /// a speed below 300, no frames, or a window not above the turnaround.
    pub fn new(config: Config, tx: B, rx: B) -> Result<Self> {
        config.check()?;
        let decoder = uart::Decoder::new(rx);
        Ok(Controller { config, poll: tx, length: 0, tries: 0, state: State::Idle, free_ms: 0, decoder, next: [0; 128], expired: 0 })
    }

    /// What has been received. `frames` counts blocks of every device, answers without frame too; `expired` the polls that were given up.
    pub const fn counters(&self) -> Counters {
        Counters { expired: self.expired, ..self.decoder.counters() }
    }

    /// True while a poll waits for its answer, and [`Controller::poll`] would be busy.
    pub const fn is_polling(&self) -> bool {
        !matches!(self.state, State::Idle)
    }

    /// Asks the device at `address`, 1 to 127, and brings it `frame`, which may be empty. Which device when is the caller's choice. Errors:
    /// [`Error::InvalidArgument`], [`Error::Busy`] (another poll is under way), [`Error::BufferTooSmall`] (longer than the memory for it).
    pub fn poll(&mut self, address: u8, frame: &[u8]) -> Result<()> {
        if !is_address(address) {
            return Err(Error::InvalidArgument);
        }
        if self.is_polling() {
            return Err(Error::Busy);
        }
        let length = frame.len().saturating_add(HEAD);
        let second = *self.next.get(usize::from(address)).ok_or(Error::Internal)?;
        let (head, place) =
            self.poll.as_mut().get_mut(..length).and_then(|poll| poll.split_first_chunk_mut::<HEAD>()).ok_or(Error::BufferTooSmall)?;
        *head = [address, second];
        copy(place, frame);
        (self.length, self.tries, self.state) = (length, 0, State::Due(self.free_ms));
        Ok(())
    }

    /// Writes the poll, or its repetition, if it is to be sent now; gives its length. `out` has [`super::encoded_len`] bytes.
    /// Error: [`Error::BufferTooSmall`].
    pub fn poll_transmit(&mut self, now_ms: u64, out: &mut [u8]) -> Result<Option<usize>> {
        match self.state {
            State::Due(due_ms) if now_ms >= due_ms => {}
            _ => return Ok(None),
        }
        let length = encode(self.poll.as_ref().get(..self.length).ok_or(Error::Internal)?, out)?;
        let begin_ms = now_ms.saturating_add(self.config.line_ms(length)).saturating_add(self.config.window_ms.into());
        let answer = encoded_len(self.config.longest.into());
        let end_ms = begin_ms.saturating_add(self.config.line_ms(answer));
        self.state = State::Sent { begin_ms, end_ms, heard: false };
        Ok(Some(length))
    }

    /// Takes bytes from the bus up to the end of the answer; gives how many it took, and the answer, which ends the poll. Call again with the rest of
    /// `input`. What is not the answer to the poll under way is ignored.
    pub fn handle(&mut self, now_ms: u64, input: &[u8]) -> (usize, Option<Answer<'_>>) {
        let mut taken: usize = 0;
        while let Some(rest) = input.get(taken..).filter(|rest| !rest.is_empty()) {
            self.free_ms = now_ms.saturating_add(self.config.turnaround_ms.into());
            let (used, length) = self.decoder.advance(rest);
            taken = taken.saturating_add(used);
            if let State::Sent { heard, .. } = &mut self.state {
                // A whole block that is not the answer may be this end's own poll.
                *heard = length.is_none();
            }
            let Some(length) = length.map(usize::from) else { continue };
            let second = self.decoder.frame(length).and_then(|block| block.first_chunk::<HEAD>().copied());
            let Some(([address, asked], [from, second])) = self.asked().zip(second) else { continue };
            if from != address | FROM_DEVICE || second & !NUMBER != asked & !NUMBER {
                continue;
            }
            let number = second & NUMBER;
            // A frame that came before may come again, if the device did not hear that it came.
            let fresh = number != 0 && number != asked & NUMBER;
            self.finish(address, if fresh { number } else { asked & NUMBER });
            let frame = self.decoder.frame(if fresh { length } else { HEAD }).and_then(|block| block.get_mut(HEAD..)).unwrap_or_default();
            return (taken, Some(Answer { address, frame }));
        }
        (taken, None)
    }

    /// Address and second byte of the poll that waits for its answer.
    fn asked(&self) -> Option<[u8; HEAD]> {
        if matches!(self.state, State::Sent { .. }) { self.poll.as_ref().first_chunk::<HEAD>().copied() } else { None }
    }

    /// Ends the poll under way; `heard` is the number of the device's last frame.
    fn finish(&mut self, address: u8, heard: u8) {
        if let Some(next) = self.next.get_mut(usize::from(address)) {
            *next = (next.wrapping_add(NEXT) & !NUMBER) | heard;
        }
        self.state = State::Idle;
    }

    /// When to call [`Controller::poll_transmit`] and [`Controller::handle_timeout`] though nothing comes. `None`: no poll is under way.
    pub const fn poll_timeout(&self) -> Option<u64> {
        match self.state {
            State::Idle => None,
            State::Due(due_ms) => Some(due_ms),
            State::Sent { end_ms, heard: true, .. } => Some(end_ms),
            State::Sent { begin_ms, .. } => Some(begin_ms),
        }
    }

    /// When the answer did not come in time: sets up the repetition, or gives up and tells the address that is silent.
    pub fn handle_timeout(&mut self, now_ms: u64) -> Option<u8> {
        let State::Sent { begin_ms, end_ms, heard } = self.state else { return None };
        if now_ms < if heard { end_ms } else { begin_ms } {
            return None;
        }
        if self.tries < self.config.retries {
            self.tries = self.tries.saturating_add(1);
            self.state = State::Due(now_ms.max(self.free_ms));
            return None;
        }
        count(&mut self.expired);
        let [address, asked] = self.asked()?;
        self.finish(address, asked & NUMBER);
        Some(address)
    }
}
