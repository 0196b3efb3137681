//! Frames in fragments, for links that carry small whole blocks and guard them by a checksum of their own: BLE, 802.15.4, Ethernet
//! (PROTOCOL §7).
//!
//! Two bytes stand in front of each fragment: the tag, the same for all fragments of a frame, and the fragment's number with the highest bit set
//! in the last one. All fragments but the last carry the same number of bytes. They are taken in order: nothing asks for a lost one, the
//! layers above repeat what matters.

#[cfg(test)]
mod tests;

use super::{Counters, count};
use crate::bytes::{Writer, copy};
use crate::error::{Error, Result};

/// Bytes in front of a fragment.
pub const HEAD: usize = 2;
/// Tags are 0 to 63: the first byte of a fragment begins with two zero bits, by which RFC 4944 tells what is not a 6LoWPAN frame.
pub const TAGS: u8 = 64;
/// Most fragments of a frame.
pub const FRAGMENTS: usize = 128;
/// Longest frame, if the size of fragments allows it.
pub const LONGEST: usize = 65_535;
/// Good time for a whole frame, from its first fragment on: well above what the slowest of these links takes.
pub const TIMEOUT_MS: u32 = 5000;

const LAST: u8 = 0x80;

/// Cuts frames into fragments.
#[derive(Clone, Debug)]
pub struct Fragmenter {
    size: usize,
    tag: u8,
}

impl Fragmenter {
    /// For fragments of up to `size` bytes, their two in front included. Error: [`Error::InvalidArgument`] below 3.
    pub const fn new(size: usize) -> Result<Self> {
        if size <= HEAD { Err(Error::InvalidArgument) } else { Ok(Fragmenter { size, tag: 0 }) }
    }

    /// The longest frame that goes through.
    pub const fn longest(&self) -> usize {
        let longest = self.size.saturating_sub(HEAD).saturating_mul(FRAGMENTS);
        if longest < LONGEST { longest } else { LONGEST }
    }

    /// Cuts a frame. Error: [`Error::InvalidArgument`] if it is empty or longer than [`Fragmenter::longest`].
    pub fn fragments<'f>(&mut self, frame: &'f [u8]) -> Result<Fragments<'f>> {
        if frame.is_empty() || frame.len() > self.longest() {
            return Err(Error::InvalidArgument);
        }
        let tag = self.tag;
        self.tag = tag.wrapping_add(1) % TAGS;
        Ok(Fragments { rest: frame, body: self.size.saturating_sub(HEAD), tag, number: 0 })
    }
}

/// The fragments of a frame, in order: what stands in front, and what is carried.
#[derive(Clone, Debug)]
pub struct Fragments<'f> {
    rest: &'f [u8],
    /// Bytes that each fragment but the last carries.
    body: usize,
    tag: u8,
    number: u8,
}

impl<'f> Fragments<'f> {
    /// What has not been given yet of the frame.
    pub const fn rest(&self) -> &'f [u8] {
        self.rest
    }

    /// Writes the next fragment into `out`; gives its length, 0 after the last one. Error: [`Error::BufferTooSmall`]; the same one comes again.
    pub fn write_next(&mut self, out: &mut [u8]) -> Result<usize> {
        let mut after = self.clone();
        let Some((head, body)) = after.next() else { return Ok(0) };
        let mut writer = Writer::new(out);
        writer.put(&head)?;
        writer.put(body)?;
        *self = after;
        Ok(writer.len())
    }
}

impl<'f> Iterator for Fragments<'f> {
    type Item = ([u8; HEAD], &'f [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (body, rest) = self.rest.split_at(self.body.min(self.rest.len()));
        let last = if rest.is_empty() { LAST } else { 0 };
        let head = [self.tag, last | self.number];
        self.rest = rest;
        self.number = self.number.saturating_add(1);
        Some((head, body))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
enum State {
    /// Nothing is known of any sender.
    #[default]
    Free,
    /// A frame is under way.
    Open,
    /// The frame of this tag was handed out or dropped; what else comes of it counts nothing. Another sender may have the slot.
    Over,
}

/// What is kept of a sender. 24 bytes everywhere, so that C can make arrays of it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Slot {
    sender: u64,
    /// When its first fragment came.
    since_ms: u64,
    /// Bytes taken.
    used: u16,
    /// Bytes in each fragment but the last.
    body: u16,
    tag: u8,
    /// Number of the fragment that comes next.
    next: u8,
    state: State,
    unused: u8,
}

const _: () = assert!(size_of::<Slot>() == 24);

/// Puts frames together, of several senders at once. `S` is memory for slots: `&mut [Slot]`, an array or a vector; `B` likewise for bytes.
#[derive(Debug)]
pub struct Reassembler<S, B> {
    slots: S,
    buffer: B,
    timeout_ms: u32,
    counters: Counters,
}

struct Fragment<'a> {
    tag: u8,
    number: u8,
    last: bool,
    body: &'a [u8],
}

fn parse(bytes: &[u8]) -> Option<Fragment<'_>> {
    let ([tag, number], body) = bytes.split_first_chunk::<HEAD>()?;
    let (number, last) = (number & !LAST, number & LAST != 0);
    // The last possible fragment of a frame is its last one.
    let good = *tag < TAGS && !body.is_empty() && (last || number < !LAST);
    good.then_some(Fragment { tag: *tag, number, last, body })
}

/// What a fragment means to its sender's slot.
enum Step {
    /// The frame is complete, and has this length.
    Whole(usize),
    Taken,
    Ignored,
    /// It does not follow what came before.
    Gap,
    Malformed,
    Overlong,
}

impl Slot {
    const fn restart(&mut self, now_ms: u64, sender: u64, tag: u8) {
        *self = Slot { sender, since_ms: now_ms, used: 0, body: 0, tag, next: 0, state: State::Open, unused: 0 };
    }

    /// Takes a fragment of the frame under way; `place` is the slot's share of the buffer.
    fn take(&mut self, fragment: &Fragment<'_>, place: &mut [u8]) -> Step {
        let length = fragment.body.len();
        if fragment.number < self.next {
            return Step::Ignored;
        }
        if fragment.number > self.next {
            return Step::Gap;
        }
        let (used, body) = (usize::from(self.used), usize::from(self.body));
        if self.next > 0 && (length > body || (length < body && !fragment.last)) {
            return Step::Malformed;
        }
        let end = used.saturating_add(length);
        let (Some(target), Ok(end_short), Ok(length)) = (place.get_mut(used..end), u16::try_from(end), u16::try_from(length)) else {
            return Step::Overlong;
        };
        copy(target, fragment.body);
        self.used = end_short;
        if self.next == 0 {
            self.body = length;
        }
        self.next = self.next.saturating_add(1);
        if fragment.last { Step::Whole(end) } else { Step::Taken }
    }

    /// A first fragment that says again what was taken as first.
    fn knows(&self, fragment: &Fragment<'_>, place: &[u8]) -> bool {
        self.state == State::Open && self.tag == fragment.tag && self.next > 0 && place.get(..self.body.into()) == Some(fragment.body)
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>, B: AsRef<[u8]> + AsMut<[u8]>> Reassembler<S, B> {
    /// Frames of up to [`Reassembler::longest`] bytes, from as many senders at once as there are `slots`, which share `buffer` evenly. A frame that is
    /// not complete `timeout_ms` after its first fragment is dropped ([`TIMEOUT_MS`]). Error: [`Error::InvalidArgument`] without memory or time.
    pub fn new(mut slots: S, buffer: B, timeout_ms: u32) -> Result<Self> {
        slots.as_mut().fill(Slot::default());
        let made = Reassembler { slots, buffer, timeout_ms, counters: Counters::default() };
        if made.longest() == 0 || timeout_ms == 0 { Err(Error::InvalidArgument) } else { Ok(made) }
    }

    /// The longest frame that there is memory for.
    pub fn longest(&self) -> usize {
        self.buffer.as_ref().len().checked_div(self.slots.as_ref().len()).unwrap_or_default().min(LONGEST)
    }

    /// What has been seen so far. `refused` counts fragments whose sender found no slot, `overlong` frames.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Takes a fragment as the link gave it; gives the frame that it completes, which may be used until the next call. `sender` tells those apart that
    /// share the link, such as its address. A repeated fragment is ignored; one that is missing drops its frame.
    pub fn feed(&mut self, now_ms: u64, sender: u64, fragment: &[u8]) -> Option<&mut [u8]> {
        self.expire(now_ms);
        let Some(fragment) = parse(fragment) else {
            count(&mut self.counters.malformed);
            return None;
        };
        let size = self.longest();
        let known = self.slots.as_ref().iter().position(|slot| slot.state != State::Free && slot.sender == sender);
        let Some(index) = known.or_else(|| if fragment.number == 0 { self.vacant() } else { None }) else {
            match fragment {
                Fragment { number: 0, .. } => count(&mut self.counters.refused),
                // Nothing is kept of a frame whose first fragment is missing, so that its last one has to count it.
                Fragment { last: true, .. } => count(&mut self.counters.lost),
                _ => {}
            }
            return None;
        };
        let start = index.saturating_mul(size);
        let place = self.buffer.as_mut().get_mut(start..start.saturating_add(size))?;
        let slot = self.slots.as_mut().get_mut(index)?;
        if fragment.number == 0 && !(known.is_some() && slot.knows(&fragment, place)) {
            if known.is_some() && slot.state == State::Open {
                count(&mut self.counters.lost);
            }
            slot.restart(now_ms, sender, fragment.tag);
        } else if slot.tag != fragment.tag {
            if fragment.last {
                count(&mut self.counters.lost);
            }
            return None;
        } else if slot.state != State::Open {
            return None;
        }
        let step = slot.take(&fragment, place);
        if matches!(step, Step::Whole(_) | Step::Gap | Step::Overlong) {
            slot.state = State::Over;
        }
        match step {
            Step::Whole(length) => {
                count(&mut self.counters.frames);
                return place.get_mut(..length);
            }
            Step::Gap => count(&mut self.counters.lost),
            Step::Malformed => count(&mut self.counters.malformed),
            Step::Overlong => count(&mut self.counters.overlong),
            Step::Taken | Step::Ignored => {}
        }
        None
    }

    /// Drops the frames whose time is over, as [`Reassembler::feed`] does too. Only the counters tell whether it is called, so no timer is needed.
    pub fn expire(&mut self, now_ms: u64) {
        for slot in self.slots.as_mut() {
            if slot.state == State::Open && now_ms.saturating_sub(slot.since_ms) > self.timeout_ms.into() {
                slot.state = State::Over;
                count(&mut self.counters.expired);
            }
        }
    }

    /// A slot for another sender: one never used, or the one whose frame has been over for longest.
    fn vacant(&self) -> Option<usize> {
        let open = |slot: &Slot| slot.state == State::Open;
        let age = |slot: &Slot| (slot.state == State::Over, slot.since_ms);
        self.slots.as_ref().iter().enumerate().filter(|(_, slot)| !open(slot)).min_by_key(|(_, slot)| age(slot)).map(|(index, _)| index)
    }
}
