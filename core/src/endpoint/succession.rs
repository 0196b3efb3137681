//! Which of several sessions with one peer stands (PROTOCOL 4.3).

use super::session::{Early, Live, Outcome, State, Windows, take_over};
use super::tables::Tables;
use super::{Change, Endpoint, Port};
use crate::bytes::Secret;
use crate::credential::Thumbprint;
use crate::crypto::HASH;
use crate::error::{Error, Result};
use crate::record::{Handover, Parties, Relation};

impl<T: Tables> Endpoint<T> {
    /// The Initiator's decision about the new session of `parties`, whose message_1 was composed at `composed`: true, and the list for its peer, or
    /// false if another session stands instead.
    pub(super) fn decide(&self, parties: &Parties, composed: u32, handover: &mut Handover) -> bool {
        let mut from = 0;
        while let Some(slot) = self.tables.with_peer(&parties.peer, from) {
            from = slot.saturating_add(1);
            let Some(live) = self.tables.session(slot).and_then(|session| session.live()) else { continue };
            let relation = if live.established < composed { Relation::Succeeded } else { Relation::Concurrent };
            if relation == Relation::Concurrent && live.sid().0 < parties.sid {
                return false;
            }
            // A fifth is not listed and ends all the same: the peer ends what it does not find here.
            let _ = handover.push(live.sid().0, relation);
        }
        true
    }

    /// The Responder's part: does a concurrent session that the Initiator lists stand against the one of `slot`? An Initiator that keeps
    /// to the rules never sends such a record.
    pub(super) fn is_beaten(&self, slot: usize, handover: &Handover) -> bool {
        let Some(live) = self.tables.session(slot).and_then(|session| session.live()) else { return false };
        let mut from = 0;
        while let Some(other) = self.tables.with_peer(&live.peer(), from) {
            from = other.saturating_add(1);
            let Some(rival) = self.tables.session(other).and_then(|session| session.live()) else { continue };
            // A session that this end began, and decided for while this one waited, is not in a list made before the peer knew of it.
            let later = matches!(rival.early, Early::Initiator { .. }) && rival.established > live.established;
            let listed = handover.as_slice().iter().find(|(sid, _)| *sid == rival.sid().0).map(|(_, relation)| *relation);
            let concurrent = listed.map_or(later, |relation| relation == Relation::Concurrent);
            if other != slot && concurrent && rival.sid() < live.sid() {
                return true;
            }
        }
        false
    }

    /// Receive windows that a session in `own` takes over, so that messages sent before are recognised.
    pub(super) fn gather(&self, own: usize, peer: &Thumbprint) -> Windows {
        let mut found: Windows = [None; 2];
        let mut below = u32::MAX;
        loop {
            let mut newest: Option<(u32, usize)> = None;
            let mut from = 0;
            while let Some(slot) = self.tables.with_peer(peer, from) {
                from = slot.saturating_add(1);
                let order = match self.tables.session(slot).map(|session| &session.state) {
                    Some(State::Live(live)) => live.order,
                    Some(State::Ended(ended)) => ended.order,
                    _ => 0,
                };
                if slot != own && (1..below).contains(&order) {
                    newest = newest.max(Some((order, slot)));
                }
            }
            let Some((order, slot)) = newest else { return found };
            below = order;
            let inherited;
            let windows = match self.tables.session(slot).map(|session| &session.state) {
                Some(State::Live(live)) => {
                    inherited = live.heritage(self.handle_of(slot));
                    &inherited
                }
                Some(State::Ended(ended)) => &ended.windows,
                _ => continue,
            };
            for window in windows.iter().flatten() {
                take_over(&mut found, window);
            }
        }
    }

    /// Derives the keys of a new session and puts it into the slot that its handshake has reserved. `install` has to follow.
    #[inline(never)]
    pub(super) fn seat<P: Port>(
        &mut self,
        port: &mut P,
        now_ms: u64,
        handshake: usize,
        parties: &Parties,
        prk_out: &Secret<HASH>,
    ) -> Result<(usize, &mut Live)> {
        let reserving = self.tables.handshake(handshake).ok_or(Error::Internal)?;
        let (slot, route) = (reserving.slot, reserving.route);
        let session = self.tables.session_mut(slot).ok_or(Error::Internal)?;
        let live = session.seat(parties, 0, route, now_ms)?;
        let identifier = *live.context.parties().recipient_id();
        if let Err(error) = live.context.begin(port, prk_out) {
            session.state = State::Reserved { handshake, identifier };
            return Err(error);
        }
        Ok((slot, session.live_mut().ok_or(Error::Internal)?))
    }

    /// Stores the session seated in `slot` by `handshake`, whose message_1 was composed at `composed`. One that stands takes over and ends
    /// the others. On error it is gone, and nothing else has changed.
    pub(super) fn install<P: Port>(&mut self, port: &mut P, now_ms: u64, slot: usize, handshake: usize, composed: u32) -> Result<()> {
        let live = self.live_at(slot)?;
        let (peer, confirmed, identifier) = (live.peer(), live.is_confirmed(), *live.context.parties().recipient_id());
        let windows = if confirmed { self.gather(slot, &peer) } else { [None; 2] };
        self.live_at(slot)?.windows = windows;
        let saved = self.save(port, slot, &Change::default());
        let session = self.tables.session_mut(slot).ok_or(Error::Internal)?;
        if saved.is_err() {
            session.state = State::Reserved { handshake, identifier };
            return saved;
        }
        // Only now: were it counted for every message_1, strangers could bring an old handle round to another session.
        session.advance();
        self.tables.index_peer(slot, &peer, true);
        if confirmed {
            self.supersede(port, slot, &peer, composed);
        }
        self.settle(slot, Some(now_ms));
        Ok(())
    }

    /// Ends every other session with the peer of the session in `slot`, but for those that the peer began and that came up, unconfirmed, at
    /// `spared` or later: the peer may have decided for one of them, and its first record will tell.
    pub(super) fn supersede<P: Port>(&mut self, port: &mut P, slot: usize, peer: &Thumbprint, spared: u32) {
        let new = self.handle_of(slot);
        let mut from = 0;
        while let Some(other) = self.tables.with_peer(peer, from) {
            from = other.saturating_add(1);
            if other == slot {
                continue;
            }
            match self.tables.session_mut(other).map(|session| &mut session.state) {
                Some(State::Live(live)) if !live.is_confirmed() && live.established >= spared => {}
                Some(State::Live(live)) => {
                    let announced = live.is_confirmed();
                    self.erase_stored(port, other);
                    if announced {
                        self.end(other, Outcome::Replaced(new));
                    } else {
                        self.release(other);
                    }
                }
                // Its receive window has a new home.
                Some(State::Ended(ended)) if ended.keep => {
                    ended.keep = false;
                    let reported = ended.reported;
                    self.erase_stored(port, other);
                    if reported {
                        self.release(other);
                    }
                }
                _ => {}
            }
        }
    }
}
