//! State from the store, after a start (PROTOCOL 5.4).

use super::config::Route;
use super::event::SessionHandle;
use super::session::{Outcome, Window, Windows, pending, take_over, want};
use super::tables::Tables;
use super::{Change, Endpoint, Port, flag};
use crate::error::{Error, Result};
use crate::persist::{self, SNAPSHOT_MAX, SessionMeta};
use zeroize::Zeroizing;

impl<T: Tables> Endpoint<T> {
    /// Takes up the sessions in the store; gives how many of them can be used. The first call on a new endpoint, before any other.
    ///
    /// Each is reported as `Established` with `resumed`, and can send at once; the peer is asked to resume. Every confirmable message that
    /// may be unacknowledged is reported as `Resend`; `abandon` those that the application does not have. A session whose Initiator has not
    /// confirmed it yet is taken up without a report and not counted: its first record confirms it, if it ever comes.
    /// From a store that does not resist rollback no session is taken up: each is reported as `Closed` with `LostState`, for the
    /// application to `connect` again; what it had committed is remembered. Damaged entries are counted and passed over.
    ///
    /// Errors: `WrongState` if there are sessions already; `UnsupportedState` (written by a newer version; nothing is taken up);
    /// `StorageFailed`; `RandomFailed`; `InvalidArgument` (stored with another `identifier_len`); `CorruptState` (the record of the ownership is damaged).
    pub fn restore<P: Port>(&mut self, port: &mut P, now_ms: u64) -> Result<usize> {
        if self.has_sessions() {
            return Err(Error::WrongState);
        }
        #[cfg(feature = "setup")]
        {
            if self.device.as_ref().is_some_and(|device| device.damaged) {
                return Err(Error::CorruptState);
            }
            self.finish_wiping(port, None)?;
        }
        let outcome = self.restore_all(port, now_ms);
        if outcome.is_err() {
            for slot in 0..self.tables.sessions() {
                self.release(slot);
            }
        }
        outcome
    }

    /// A slot is taken.
    pub(super) fn has_sessions(&self) -> bool {
        (0..self.tables.sessions()).any(|slot| self.tables.session(slot).is_some_and(|session| session.marks.occupied))
    }

    /// Keys of a store that sessions may have.
    pub(super) fn session_keys(&self) -> usize {
        self.tables.max_sessions().min(self.ids.capacity())
    }

    /// Those of them that this store may hold something under.
    pub(super) fn stored_keys<P: Port>(&self, port: &P) -> usize {
        self.session_keys().min(usize::try_from(port.slots()).unwrap_or(usize::MAX))
    }

    /// The store has failed: counted.
    pub(super) fn storage_failed<R>(&mut self) -> Result<R> {
        self.counters.storage_failed = self.counters.storage_failed.wrapping_add(1);
        Err(Error::StorageFailed)
    }

    fn restore_all<P: Port>(&mut self, port: &mut P, now_ms: u64) -> Result<usize> {
        let mut buffer = Zeroizing::new([0; SNAPSHOT_MAX]);
        let mut count = 0_usize;
        for slot in 0..self.stored_keys(port) {
            let key = u32::try_from(slot).map_err(|_| Error::Internal)?;
            let len = match port.load(key, buffer.as_mut()) {
                Ok(len) => len,
                Err(Error::CorruptState) => {
                    self.counters.corrupt = self.counters.corrupt.wrapping_add(1);
                    continue;
                }
                Err(_) => {
                    return self.storage_failed();
                }
            };
            if len == 0 {
                continue;
            }
            match self.restore_one(port, now_ms, slot, buffer.get(..len).unwrap_or_default()) {
                Ok(usable) => count = count.saturating_add(usize::from(usable)),
                Err(Error::CorruptState) => self.counters.corrupt = self.counters.corrupt.wrapping_add(1),
                Err(error) => return Err(error),
            }
        }
        Ok(count.saturating_sub(self.drop_predecessors(port)))
    }

    /// Takes up the session of one snapshot; true if it can be used. Error: `CorruptState`, besides those of `restore`.
    #[inline(never)]
    fn restore_one<P: Port>(&mut self, port: &mut P, now_ms: u64, slot: usize, snapshot: &[u8]) -> Result<bool> {
        if !self.tables.ensure_session(slot) {
            return Err(Error::NoSpace);
        }
        let session = self.tables.session_mut(slot).ok_or(Error::Internal)?;
        let mut meta = SessionMeta::default();
        let read = persist::snapshot::decode_into(port, snapshot, &mut meta, |parties, epoch| {
            Ok(&mut session.seat(parties, epoch, Route::default(), now_ms)?.context)
        });
        if let Err(error) = read {
            self.release(slot);
            return Err(error);
        }
        // Stored by an endpoint whose store did not resist rollback: without keys, whatever the store says now.
        let durable = port.resists_rollback() && !meta.keyless;
        let own = *self.live_at(slot)?.context.parties().recipient_id();
        let Some((_, variant)) = self.ids.split(&own).filter(|(named, _)| *named == slot) else {
            return Err(Error::InvalidArgument);
        };
        let route = Route::new(meta.route)?;
        let answers = durable && cfg!(feature = "responder");
        if !(meta.confirmed || answers) {
            // Nothing ever came under it: there is nothing to remember and nobody to tell. Nor does a build confirm what it does not answer.
            self.erase_stored(port, slot);
            self.release(slot);
            return Ok(false);
        }
        self.order = self.order.max(meta.tag);
        let session = self.tables.session_mut(slot).ok_or(Error::Internal)?;
        session.variant = variant;
        session.advance();
        let live = session.live_mut().ok_or(Error::Internal)?;
        live.route = route;
        live.confirmed = meta.confirmed;
        live.order = meta.tag;
        for (window, ended) in live.windows.iter_mut().zip(meta.ended) {
            *window = ended.map(|ended| Window { handle: None, ended });
        }
        live.fresh = meta.flags & flag::FRESH != 0;
        if meta.flags & flag::CARRIES != 0 {
            live.carried_below = live.context.sent.next();
        }
        if durable && meta.confirmed {
            let mut challenge = [0; 8];
            port.random(&mut challenge)?;
            live.resume = Some(challenge);
            live.wants = want::REPEAT;
            live.events = pending::ESTABLISHED | pending::RESUMED;
            live.resend_all();
        }
        let (peer, usable) = (live.peer(), durable && live.is_confirmed());
        if !durable {
            self.end(slot, Outcome::Closed(Error::LostState));
        }
        self.tables.index_peer(slot, &peer, true);
        self.settle(slot, Some(now_ms));
        Ok(usable)
    }

    /// A crash between storing a session and erasing what it replaced leaves both: the later one stands. Where the store had said that it failed
    /// and had not, the earlier one was used on: what was committed under it is handed to the later one.
    fn drop_predecessors<P: Port>(&mut self, port: &mut P) -> usize {
        let mut dropped = 0_usize;
        for slot in 0..self.tables.sessions() {
            let Some(live) = self.tables.session(slot).and_then(|session| session.live()) else { continue };
            let (peer, order) = (live.peer(), live.order);
            let newest: Option<SessionHandle> = self.find(&peer);
            let stands = newest.map(SessionHandle::slot);
            if order > 0
                && let Some(stands) = stands.filter(|stands| *stands != slot)
            {
                let heritage = live.heritage(self.handle_of(slot));
                if self.bequeath(port, stands, &heritage).is_ok() {
                    self.erase_stored(port, slot);
                }
                self.settle(stands, None);
                self.release(slot);
                dropped = dropped.saturating_add(1);
            }
        }
        dropped
    }

    /// Gives receive windows to the session in `slot`, durably. On error it knows them until the next start.
    fn bequeath<P: Port>(&mut self, port: &mut P, slot: usize, heritage: &Windows) -> Result<()> {
        let live = self.live_at(slot)?;
        if heritage.iter().all(Option::is_none) {
            return Ok(());
        }
        for window in heritage.iter().flatten() {
            take_over(&mut live.windows, window);
        }
        self.save(port, slot, &Change::default())
    }
}
