//! What bad input must leave alone, as a digest: for tests and for `tests/fuzz` (private feature `_fuzzing`), not part of the interface.

use super::session::State;
use super::tables::Tables;
use super::{Change, Endpoint, Port, handshake};
use crate::persist::{self, SNAPSHOT_MAX};
use crate::record::Plan;
use core::hash::{Hash, Hasher};

/// What a session slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Held {
    /// Nothing.
    Free,
    /// The identifier of a handshake.
    Reserved,
    /// A session of a Responder that no record has confirmed.
    Unconfirmed,
    /// A session that stands.
    Confirmed,
    /// What is left of a session.
    Ended,
}

impl<T: Tables> Endpoint<T> {
    /// Session slots and handshake slots that exist.
    pub fn slots(&self) -> (usize, usize) {
        (self.tables.sessions(), self.tables.handshakes())
    }

    /// Feeds `state` with everything about a session slot but the counts of failures, and tells what it holds.
    pub fn digest_session<P: Port>(&self, port: &mut P, slot: usize, state: &mut impl Hasher) -> Held {
        let Some(session) = self.tables.session(slot) else { return Held::Free };
        let held = match &session.state {
            State::Free => return Held::Free,
            State::Reserved { handshake, identifier } => {
                (handshake, identifier).hash(state);
                Held::Reserved
            }
            State::Ended(ended) => {
                (ended.sid, ended.reported, ended.keep, ended.order).hash(state);
                Held::Ended
            }
            State::Live(live) => {
                let mut buffer = [0; SNAPSHOT_MAX];
                let plan = Plan { ahead: 1, edge_ahead: 1, numbers_ahead: 1, receiving: None, committing: None };
                let written = persist::snapshot::encode(port, &live.context, &live.meta(&Change::default()), &plan, &mut buffer);
                // The counts of failures, and the checksum over them, vary.
                for range in [200 + 48..252, 252 + 48..304, 304..SNAPSHOT_MAX] {
                    buffer.get_mut(range).unwrap_or_default().fill(0);
                }
                (written.is_ok(), buffer, live.is_confirmed(), live.order).hash(state);
                (live.resume, live.resumed, live.wants, live.events, live.offers.wanted()).hash(state);
                (live.repeat_at, live.ack_at, live.heard_ms, live.pinging, live.attempts).hash(state);
                (live.responds, live.route).hash(state);
                (live.context.received.next(), live.context.received.committed_bits()).hash(state);
                if live.is_confirmed() { Held::Confirmed } else { Held::Unconfirmed }
            }
        };
        (held, slot, session.generation).hash(state);
        held
    }

    /// Feeds `state` with everything about a handshake slot but the count of failures and which cached frame is to go out.
    /// True if this end started it.
    pub fn digest_handshake(&mut self, slot: usize, state: &mut impl Hasher) -> bool {
        let Some((handshake, buffer)) = self.tables.handshake_mut(slot) else { return false };
        let step = match handshake.step {
            handshake::Step::Free => return false,
            handshake::Step::Failed => 1,
            #[cfg(feature = "responder")]
            handshake::Step::Message1(_) => 2,
            handshake::Step::Message2(_) => 3,
            #[cfg(feature = "responder")]
            handshake::Step::Message3(_) => 4,
            handshake::Step::Message4(_) => 5_u8,
        };
        (slot, step, handshake.id, handshake.slot, handshake.deadline, handshake.waiting, handshake.seen).hash(state);
        buffer.get(..handshake.cached).unwrap_or_default().hash(state);
        handshake.is_initiator()
    }

    /// Handshakes started, and the order given out last.
    pub const fn digest_counts(&self) -> (u32, u32) {
        (self.started, self.order)
    }
}
