//! Where sessions and handshakes are kept: slices handed in, or memory that grows.

use super::event::{SessionHandle, Sid};
use super::handshake::Handshake;
use super::session::{Session, State};
use crate::credential::Thumbprint;
use crate::error::{Error, Result};

/// Least bytes of buffer for one handshake. It holds every method with credentials by reference where key operations answer at once;
/// 384 where they may be [`Pending`](crate::Error::Pending). An inbox name takes up to 24 more. Credentials by value take twice the length of the
/// longer one more, three times where operations may be pending: 512 and 768 are enough for a CCS of 100 bytes. A chain counts as one
/// credential. What does not fit fails with `BufferTooSmall`, and the handshake in time.
pub const MIN_HANDSHAKE_BUFFER: usize = 256;

/// Names a slot of either table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// A handshake.
    Handshake(usize),
    /// A session.
    Session(usize),
}

/// A timer that is not set: half the size of an `Option`, and the later of any two.
pub const NEVER: u64 = u64::MAX;

/// What a slot waits for, kept current by the endpoint after every change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Its timer, absolute milliseconds; [`NEVER`] without one.
    pub deadline: u64,
    /// An event to report.
    pub event: bool,
    /// A frame to send.
    pub transmit: bool,
    /// In use; else it may be given away.
    pub occupied: bool,
    /// A session that has ended, which has been reported: it may make room.
    pub ended: bool,
    /// A session without a verified record.
    pub unconfirmed: bool,
}

impl Default for Marks {
    fn default() -> Self {
        Marks { deadline: NEVER, event: false, transmit: false, occupied: false, ended: false, unconfirmed: false }
    }
}

/// Ended sessions that a session remembers: the handle by which the application may still commit, and the name.
pub type Remembered = [Option<(Option<SessionHandle>, Sid)>; 2];

mod sealed {
    /// Only this crate implements tables: they uphold what the endpoint relies on.
    pub trait Sealed {}
}
pub(crate) use sealed::Sealed;

/// Storage for the endpoint's slots. Implemented by [`SliceTables`] and, with feature `alloc`, `HeapTables`.
pub trait Tables: Sealed {
    /// Session slots that exist now.
    fn sessions(&self) -> usize;
    /// Session slots there can be.
    fn max_sessions(&self) -> usize;
    /// A session slot.
    fn session(&self, slot: usize) -> Option<&Session>;
    /// A session slot, to be changed.
    fn session_mut(&mut self, slot: usize) -> Option<&mut Session>;
    /// Makes sure that a session slot exists; false if it cannot.
    fn ensure_session(&mut self, slot: usize) -> bool;
    /// A session slot not in use, below `limit`.
    fn vacant_session(&mut self, limit: usize) -> Option<usize>;
    /// Handshake slots that exist now.
    fn handshakes(&self) -> usize;
    /// A handshake slot.
    fn handshake(&self, slot: usize) -> Option<&Handshake>;
    /// A handshake slot and its buffer, to be changed.
    fn handshake_mut(&mut self, slot: usize) -> Option<(&mut Handshake, &mut [u8])>;
    /// A handshake slot not in use.
    fn vacant_handshake(&mut self) -> Option<usize>;
    /// Takes note of what a slot waits for.
    fn mark(&mut self, slot: Slot, marks: Marks);
    /// A slot with an event.
    fn next_event(&self) -> Option<Slot>;
    /// A slot with a frame to send.
    fn next_transmit(&self) -> Option<Slot>;
    /// The earliest timer.
    fn next_deadline(&self) -> Option<(u64, Slot)>;
    /// A session slot marked as ended.
    fn next_ended(&self) -> Option<usize>;
    /// The first session slot at or after `from` that is marked as unconfirmed.
    fn next_unconfirmed(&self, from: usize) -> Option<usize>;
    /// The first session slot at or after `from` that is live or ended with this peer.
    fn with_peer(&self, peer: &Thumbprint, from: usize) -> Option<usize>;
    /// A session slot begins (`true`) or ceases to have this peer.
    fn index_peer(&mut self, slot: usize, peer: &Thumbprint, present: bool);
    /// What the session in a slot remembers.
    fn remember(&mut self, slot: usize, ended: &Remembered);
    /// The session slot that remembers an ended session by this handle, else by this name.
    fn remembering(&self, handle: SessionHandle, sid: Option<Sid>) -> Option<usize>;
}

/// Tables over memory that the caller hands in. Lookups other than by identifier go through all slots.
pub struct SliceTables<'m> {
    sessions: &'m mut [Session],
    handshakes: &'m mut [Handshake],
    buffers: &'m mut [u8],
    piece: usize,
}

impl<'m> SliceTables<'m> {
    /// Slots come as `Session::default()` and `Handshake::default()`; `buffers` is cut evenly, one piece for each handshake.
    ///
    /// Two sessions per peer are needed while a new one replaces an old one; two handshakes where both ends may start one.
    /// Error: `InvalidArgument` without sessions or handshakes, or with fewer than [`MIN_HANDSHAKE_BUFFER`] bytes for each handshake.
    pub fn new(sessions: &'m mut [Session], handshakes: &'m mut [Handshake], buffers: &'m mut [u8]) -> Result<Self> {
        let piece = buffers.len().checked_div(handshakes.len()).unwrap_or(0);
        if sessions.is_empty() || piece < MIN_HANDSHAKE_BUFFER {
            return Err(Error::InvalidArgument);
        }
        Ok(SliceTables { sessions, handshakes, buffers, piece })
    }

    fn marks(&self) -> impl Iterator<Item = (Slot, &Marks)> {
        let handshakes = self.handshakes.iter().enumerate().map(|(slot, handshake)| (Slot::Handshake(slot), &handshake.marks));
        handshakes.chain(self.sessions.iter().enumerate().map(|(slot, session)| (Slot::Session(slot), &session.marks)))
    }
}

impl Sealed for SliceTables<'_> {}

impl Tables for SliceTables<'_> {
    fn sessions(&self) -> usize {
        self.sessions.len()
    }

    fn max_sessions(&self) -> usize {
        self.sessions.len()
    }

    fn session(&self, slot: usize) -> Option<&Session> {
        self.sessions.get(slot)
    }

    fn session_mut(&mut self, slot: usize) -> Option<&mut Session> {
        self.sessions.get_mut(slot)
    }

    fn ensure_session(&mut self, slot: usize) -> bool {
        slot < self.sessions.len()
    }

    fn vacant_session(&mut self, limit: usize) -> Option<usize> {
        self.sessions.iter().take(limit).position(|session| matches!(session.state, State::Free))
    }

    fn handshakes(&self) -> usize {
        self.handshakes.len()
    }

    fn handshake(&self, slot: usize) -> Option<&Handshake> {
        self.handshakes.get(slot)
    }

    fn handshake_mut(&mut self, slot: usize) -> Option<(&mut Handshake, &mut [u8])> {
        let start = self.piece.checked_mul(slot)?;
        let buffer = self.buffers.get_mut(start..)?.get_mut(..self.piece)?;
        Some((self.handshakes.get_mut(slot)?, buffer))
    }

    fn vacant_handshake(&mut self) -> Option<usize> {
        self.handshakes.iter().position(|handshake| !handshake.marks.occupied)
    }

    fn mark(&mut self, slot: Slot, marks: Marks) {
        match slot {
            Slot::Handshake(slot) => {
                if let Some(handshake) = self.handshakes.get_mut(slot) {
                    handshake.marks = marks;
                }
            }
            Slot::Session(slot) => {
                if let Some(session) = self.sessions.get_mut(slot) {
                    session.marks = marks;
                }
            }
        }
    }

    fn next_event(&self) -> Option<Slot> {
        self.marks().find(|(_, marks)| marks.event).map(|(slot, _)| slot)
    }

    fn next_transmit(&self) -> Option<Slot> {
        self.marks().find(|(_, marks)| marks.transmit).map(|(slot, _)| slot)
    }

    fn next_deadline(&self) -> Option<(u64, Slot)> {
        let mut found = None;
        let mut earliest = NEVER;
        for (slot, marks) in self.marks() {
            if marks.deadline < earliest {
                (earliest, found) = (marks.deadline, Some((marks.deadline, slot)));
            }
        }
        found
    }

    fn next_ended(&self) -> Option<usize> {
        self.sessions.iter().position(|session| session.marks.ended)
    }

    fn next_unconfirmed(&self, from: usize) -> Option<usize> {
        let tail = self.sessions.iter().enumerate().skip(from);
        tail.filter(|(_, session)| session.marks.unconfirmed).map(|(slot, _)| slot).next()
    }

    fn with_peer(&self, peer: &Thumbprint, from: usize) -> Option<usize> {
        let tail = self.sessions.iter().enumerate().skip(from);
        tail.filter(|(_, session)| session.peer().as_ref() == Some(peer)).map(|(slot, _)| slot).next()
    }

    fn index_peer(&mut self, _slot: usize, _peer: &Thumbprint, _present: bool) {}

    fn remember(&mut self, _slot: usize, _ended: &Remembered) {}

    fn remembering(&self, handle: SessionHandle, sid: Option<Sid>) -> Option<usize> {
        let ended = |slot: &usize| self.sessions.get(*slot).map(Session::remembered).into_iter().flatten().flatten();
        let by_handle = (0..self.sessions.len()).find(|slot| ended(slot).any(|(known, _)| known == Some(handle)));
        by_handle.or_else(|| (0..self.sessions.len()).find(|slot| ended(slot).any(|(_, known)| sid == Some(known))))
    }
}

#[cfg(any(test, feature = "alloc"))]
pub use heap::HeapTables;

#[cfg(any(test, feature = "alloc"))]
mod heap {
    use super::{Marks, NEVER, Remembered, Sealed, Slot, Tables};
    use crate::credential::Thumbprint;
    use crate::endpoint::event::{SessionHandle, Sid};
    use crate::endpoint::handshake::Handshake;
    use crate::endpoint::session::Session;
    use alloc::boxed::Box;
    use alloc::collections::BTreeSet;
    use alloc::vec;
    use alloc::vec::Vec;

    /// Buffer of one handshake: for a chain of three certificates of 512 bytes from the peer, kept while a key operation is pending.
    const BUFFER: usize = 4096;

    /// Tables that grow on demand up to a bound, with indices: lookups stay flat with 100,000 sessions.
    #[expect(clippy::vec_box, reason = "growing must not move every session")]
    pub struct HeapTables {
        sessions: Vec<Box<Session>>,
        handshakes: Vec<(Box<Handshake>, Box<[u8]>)>,
        max_sessions: usize,
        max_handshakes: usize,
        vacant_sessions: BTreeSet<usize>,
        vacant_handshakes: BTreeSet<usize>,
        events: BTreeSet<Slot>,
        transmits: BTreeSet<Slot>,
        deadlines: BTreeSet<(u64, Slot)>,
        ended: BTreeSet<usize>,
        unconfirmed: BTreeSet<usize>,
        peers: BTreeSet<(Thumbprint, usize)>,
        /// One for each session, as it is in the two indices.
        remembered: Vec<Remembered>,
        handles: BTreeSet<(SessionHandle, usize)>,
        names: BTreeSet<(Sid, usize)>,
    }

    impl HeapTables {
        /// Empty tables that grow to at most these numbers of slots.
        pub fn new(max_sessions: usize, max_handshakes: usize) -> Self {
            HeapTables {
                sessions: Vec::new(),
                handshakes: Vec::new(),
                max_sessions,
                max_handshakes,
                vacant_sessions: BTreeSet::new(),
                vacant_handshakes: BTreeSet::new(),
                events: BTreeSet::new(),
                transmits: BTreeSet::new(),
                deadlines: BTreeSet::new(),
                ended: BTreeSet::new(),
                unconfirmed: BTreeSet::new(),
                peers: BTreeSet::new(),
                remembered: Vec::new(),
                handles: BTreeSet::new(),
                names: BTreeSet::new(),
            }
        }

        fn marks_mut(&mut self, slot: Slot) -> Option<&mut Marks> {
            match slot {
                Slot::Handshake(slot) => self.handshakes.get_mut(slot).map(|(handshake, _)| &mut handshake.marks),
                Slot::Session(slot) => self.sessions.get_mut(slot).map(|session| &mut session.marks),
            }
        }
    }

    impl Sealed for HeapTables {}

    fn set<T: Ord>(set: &mut BTreeSet<T>, item: T, present: bool) {
        if present {
            set.insert(item);
        } else {
            set.remove(&item);
        }
    }

    impl Tables for HeapTables {
        fn sessions(&self) -> usize {
            self.sessions.len()
        }

        fn max_sessions(&self) -> usize {
            self.max_sessions
        }

        fn session(&self, slot: usize) -> Option<&Session> {
            self.sessions.get(slot).map(AsRef::as_ref)
        }

        fn session_mut(&mut self, slot: usize) -> Option<&mut Session> {
            self.sessions.get_mut(slot).map(AsMut::as_mut)
        }

        fn ensure_session(&mut self, slot: usize) -> bool {
            if slot >= self.max_sessions {
                return false;
            }
            while self.sessions.len() <= slot {
                self.vacant_sessions.insert(self.sessions.len());
                self.sessions.push(Box::default());
                self.remembered.push([None; 2]);
            }
            true
        }

        fn vacant_session(&mut self, limit: usize) -> Option<usize> {
            let found = self.vacant_sessions.first().copied().filter(|slot| *slot < limit);
            found.or_else(|| {
                let next = self.sessions.len();
                (next < limit && self.ensure_session(next)).then_some(next)
            })
        }

        fn handshakes(&self) -> usize {
            self.handshakes.len()
        }

        fn handshake(&self, slot: usize) -> Option<&Handshake> {
            self.handshakes.get(slot).map(|(handshake, _)| handshake.as_ref())
        }

        fn handshake_mut(&mut self, slot: usize) -> Option<(&mut Handshake, &mut [u8])> {
            self.handshakes.get_mut(slot).map(|(handshake, buffer)| (handshake.as_mut(), buffer.as_mut()))
        }

        fn vacant_handshake(&mut self) -> Option<usize> {
            self.vacant_handshakes.first().copied().or_else(|| {
                let next = self.handshakes.len();
                if next >= self.max_handshakes {
                    return None;
                }
                self.handshakes.push((Box::default(), vec![0; BUFFER].into_boxed_slice()));
                self.vacant_handshakes.insert(next);
                Some(next)
            })
        }

        fn mark(&mut self, slot: Slot, marks: Marks) {
            let Some(place) = self.marks_mut(slot) else { return };
            let old = core::mem::replace(place, marks);
            if old.deadline != marks.deadline {
                self.deadlines.remove(&(old.deadline, slot));
                set(&mut self.deadlines, (marks.deadline, slot), marks.deadline != NEVER);
            }
            // With every record, and mostly nothing but the timer has changed.
            if old.event != marks.event {
                set(&mut self.events, slot, marks.event);
            }
            if old.transmit != marks.transmit {
                set(&mut self.transmits, slot, marks.transmit);
            }
            if old.occupied != marks.occupied {
                match slot {
                    Slot::Handshake(slot) => set(&mut self.vacant_handshakes, slot, !marks.occupied),
                    Slot::Session(slot) => set(&mut self.vacant_sessions, slot, !marks.occupied),
                }
            }
            // Of sessions only.
            if let Slot::Session(slot) = slot {
                if old.ended != marks.ended {
                    set(&mut self.ended, slot, marks.ended);
                }
                if old.unconfirmed != marks.unconfirmed {
                    set(&mut self.unconfirmed, slot, marks.unconfirmed);
                }
            }
        }

        fn next_event(&self) -> Option<Slot> {
            self.events.first().copied()
        }

        fn next_transmit(&self) -> Option<Slot> {
            self.transmits.first().copied()
        }

        fn next_deadline(&self) -> Option<(u64, Slot)> {
            self.deadlines.first().copied()
        }

        fn next_ended(&self) -> Option<usize> {
            self.ended.first().copied()
        }

        fn next_unconfirmed(&self, from: usize) -> Option<usize> {
            self.unconfirmed.range(from..).next().copied()
        }

        fn with_peer(&self, peer: &Thumbprint, from: usize) -> Option<usize> {
            let next = self.peers.range((*peer, from)..).next();
            next.filter(|(found, _)| found == peer).map(|(_, slot)| *slot)
        }

        fn index_peer(&mut self, slot: usize, peer: &Thumbprint, present: bool) {
            set(&mut self.peers, (*peer, slot), present);
        }

        fn remember(&mut self, slot: usize, ended: &Remembered) {
            let Some(known) = self.remembered.get_mut(slot) else { return };
            // With every record, and mostly nothing has changed.
            if known == ended {
                return;
            }
            let old = core::mem::replace(known, *ended);
            for (list, present) in [(&old, false), (ended, true)] {
                for (handle, sid) in list.iter().flatten() {
                    set(&mut self.names, (*sid, slot), present);
                    if let Some(handle) = handle {
                        set(&mut self.handles, (*handle, slot), present);
                    }
                }
            }
        }

        fn remembering(&self, handle: SessionHandle, sid: Option<Sid>) -> Option<usize> {
            let by_handle = self.handles.range((handle, 0)..).next().filter(|(known, _)| *known == handle).map(|(_, slot)| *slot);
            by_handle.or_else(|| {
                let sid = sid?;
                self.names.range((sid, 0)..).next().filter(|(known, _)| *known == sid).map(|(_, slot)| *slot)
            })
        }
    }
}
