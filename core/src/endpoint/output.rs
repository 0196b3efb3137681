//! Events, frames and the next time to wake up.

use super::event::{Event, HandshakeId, Transmit};
use super::session::{Early, Live, Outcome, State, pending, want};
use super::tables::{NEVER, Slot, Tables};
use super::{Endpoint, Port, SessionHandle, live_in};
use crate::bytes::copy;
use crate::error::{Error, Result};
use crate::record::{self, Options, Resume, Updating};

/// Most bytes that protection adds to a payload, besides an addressed topic name and a content type: header 10, number 9, options 144, tag 16.
pub const MAX_OVERHEAD: usize = 180;
/// Most bytes of a frame of `poll_transmit`, other than handshake frames, which are as long as the credentials in them demand.
pub const MAX_CONTROL: usize = 256;

impl<T: Tables> Endpoint<T> {
    /// The next thing that has happened. Call until it gives nothing: an event that was not taken keeps its slot, and handshakes may find
    /// none (`NoSpace`).
    pub fn poll_event(&mut self) -> Option<Event<'static>> {
        let mut event = Event::None;
        self.poll_event_into(&mut event);
        if event == Event::None { None } else { Some(event) }
    }

    /// [`poll_event`](Self::poll_event) for little stack: with the event, `None` before and if there is none, where the caller has its place.
    pub fn poll_event_into(&mut self, event: &mut Event<'_>) {
        #[cfg(feature = "setup")]
        self.ownership_event(event);
        while let Event::None = event {
            match self.tables.next_event() {
                Some(Slot::Handshake(slot)) => {
                    if let Some(handshake) = self.tables.handshake(slot) {
                        *event = Event::HandshakeFailed { handshake: handshake.id, route: handshake.route, reason: handshake.reason };
                    }
                    self.drop_handshake(slot);
                }
                Some(Slot::Session(slot)) => self.session_event(slot, event),
                None => {
                    // After `Established`.
                    #[cfg(feature = "setup")]
                    if let Some((session, peer, epoch, nonce)) = self.owned.take() {
                        *event = Event::Ownership { session, peer, epoch, nonce };
                    }
                    return;
                }
            }
        }
    }

    fn session_event(&mut self, slot: usize, event: &mut Event<'_>) {
        let id = self.handle_of(slot);
        let Some(session) = self.tables.session_mut(slot) else { return };
        match &mut session.state {
            State::Live(live) => live.event(id, event),
            State::Ended(ended) if !ended.reported => {
                let sid = ended.sid;
                match ended.outcome {
                    Outcome::Replaced(new) => {
                        // What replaces it is announced first.
                        if self.announce(new, event) {
                            return;
                        }
                        *event = Event::Replaced { old: id, sid, new };
                    }
                    Outcome::Closed(reason) => *event = Event::Closed { session: id, peer: ended.peer, route: ended.route, reason },
                }
                return self.silence(slot);
            }
            _ => {}
        }
        self.settle(slot, None);
    }

    fn announce(&mut self, id: SessionHandle, event: &mut Event<'_>) -> bool {
        let Ok(slot) = self.slot_of(id) else { return false };
        let Ok(live) = self.live_at(slot) else { return false };
        let due = live.events & pending::ESTABLISHED != 0;
        if due {
            live.event(id, event);
        }
        self.settle(slot, None);
        due
    }

    /// The end of a session has been reported, or needs no report.
    pub(super) fn silence(&mut self, slot: usize) {
        if let Some(session) = self.tables.session_mut(slot)
            && let State::Ended(ended) = &mut session.state
        {
            ended.reported = true;
            if !ended.keep {
                self.release(slot);
            }
        }
        self.settle(slot, None);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if anything is to be done at all.
    pub fn poll_timeout(&self) -> Option<u64> {
        self.tables.next_deadline().map(|(deadline, _)| deadline)
    }

    /// Writes the next frame to send into `out`. Call until it gives nothing.
    ///
    /// `out` should hold [`MAX_CONTROL`] bytes and as much as a handshake buffer. Errors: `BufferTooSmall` (the frame stays); `StorageFailed`,
    /// `RandomFailed` (it is tried again later; go on polling).
    pub fn poll_transmit<P: Port>(&mut self, port: &mut P, now_ms: u64, out: &mut [u8]) -> Result<Option<Transmit>> {
        if let Some(reply) = &self.reply {
            let len = usize::from(reply.len);
            let frame = reply.frame.get(..len).ok_or(Error::Internal)?;
            copy(out.get_mut(..len).ok_or(Error::BufferTooSmall)?, frame);
            let transmit = Transmit { len, route: reply.route, handshake: false };
            self.reply = None;
            return Ok(Some(transmit));
        }
        while let Some(slot) = self.tables.next_transmit() {
            let transmit = match slot {
                Slot::Handshake(slot) => Some(self.handshake_frame(slot, out)?),
                Slot::Session(slot) => self.session_frame(port, now_ms, slot, out)?,
            };
            if transmit.is_some() {
                return Ok(transmit);
            }
        }
        Ok(None)
    }

    fn handshake_frame(&mut self, slot: usize, out: &mut [u8]) -> Result<Transmit> {
        let (handshake, buffer) = self.tables.handshake_mut(slot).ok_or(Error::Internal)?;
        let frame = buffer.get(..handshake.cached).ok_or(Error::Internal)?;
        copy(out.get_mut(..frame.len()).ok_or(Error::BufferTooSmall)?, frame);
        handshake.transmit = false;
        let transmit = Transmit { len: frame.len(), route: handshake.route, handshake: true };
        self.settle_handshake(slot);
        Ok(transmit)
    }

    fn session_frame<P: Port>(&mut self, port: &mut P, now_ms: u64, slot: usize, out: &mut [u8]) -> Result<Option<Transmit>> {
        let live = self.live_at(slot)?;
        let route = live.route;
        #[cfg(feature = "responder")]
        if live.wants & want::MESSAGE_4 != 0 {
            live.wants &= !want::MESSAGE_4;
            let transmit = if let Early::Responder { frame, len, .. } = &live.early {
                let frame = frame.get(..usize::from(*len)).ok_or(Error::Internal)?;
                let Some(place) = out.get_mut(..frame.len()) else {
                    live.wants |= want::MESSAGE_4;
                    return Err(Error::BufferTooSmall);
                };
                copy(place, frame);
                Some(Transmit { len: frame.len(), route, handshake: true })
            } else {
                None
            };
            self.settle(slot, Some(now_ms));
            return Ok(transmit);
        }
        let result = self.control(port, now_ms, slot, out);
        match result {
            Ok(len) => {
                self.update_when_worn(port, slot);
                self.settle(slot, Some(now_ms));
                Ok(Some(Transmit { len, route, handshake: false }))
            }
            Err(Error::KeyExhausted) => {
                self.exhausted(port, slot);
                Ok(None)
            }
            Err(Error::BufferTooSmall) => Err(Error::BufferTooSmall),
            Err(error) => {
                // Not now: when the repeat timer fires, what is still wanted comes again.
                let retry = now_ms.saturating_add(u64::from(self.config.resend_interval_ms));
                let live = self.live_at(slot)?;
                live.defer(retry);
                self.settle(slot, Some(now_ms));
                Err(error)
            }
        }
    }

    /// One control record with everything that is wanted.
    fn control<P: Port>(&mut self, port: &mut P, now_ms: u64, slot: usize, out: &mut [u8]) -> Result<usize> {
        self.save_to_send(port, slot, false)?;
        let Endpoint { tables, config, .. } = self;
        let live = live_in(tables, slot)?;
        let riders = live.riders(port, now_ms, config)?;
        let mut record = record::Outgoing::default();
        let options = &mut record.options;
        options.kind = record::Kind::Control;
        if live.wants & want::REPEAT != 0 {
            live.repeat_into(options);
        }
        if live.wants & want::OFFER != 0 {
            options.offer = live.offers.newest();
        }
        options.resumed = live.resumed;
        options.update_response = if live.responds { live.context.update_response() } else { None };
        live.ride(&riders, options);
        if options.resume.is_some() {
            options.ack = live.context.received.ack();
        }
        let len = live.context.protect(port, &record, None, out)?;
        live.left(now_ms, &riders);
        live.wants = 0;
        live.ack_at = NEVER;
        live.resumed = None;
        live.responds = false;
        Ok(len)
    }
}

impl Live {
    /// What is repeated until the peer answers it.
    fn repeat_into(&self, options: &mut Options<'_>) {
        let unheard = matches!(self.early, Early::Initiator { .. });
        options.ping = unheard || self.pinging || self.context.updating() == Updating::Moved;
        options.resume = self.resume.map(|challenge| Resume { edge: self.context.resume_edge(), challenge });
        options.update_request = self.context.update_option();
        options.offer_request = self.offers.wanted();
    }

    /// Puts off what could not be sent.
    fn defer(&mut self, retry: u64) {
        if self.wants & !want::REPEAT != 0 {
            self.ack_at = retry;
        }
        if self.wants & want::REPEAT != 0 {
            self.repeat_at = retry;
        }
        self.wants = 0;
    }

    /// The next event, if one is due.
    fn event(&mut self, session: SessionHandle, event: &mut Event<'_>) {
        let lowest = self.events & self.events.wrapping_neg();
        self.events &= !lowest;
        *event = match lowest {
            pending::ESTABLISHED => {
                let resumed = self.events & pending::RESUMED != 0;
                self.events &= !pending::RESUMED;
                let handshake = Some(self.handshake).filter(|handshake| *handshake != HandshakeId(0));
                Event::Established { session, peer: self.peer(), role: self.role(), handshake, resumed }
            }
            pending::ACKNOWLEDGED => Event::Acknowledged { session, top: self.acked.top, missing: self.acked.missing },
            pending::COMMAND_READY => Event::CommandReady { session },
            pending::KEY_UPDATED => Event::KeyUpdated { session, epoch: self.context.epoch() },
            pending::SILENT => Event::PeerSilent { session },
            _ => {
                let Some(number) = self.next_resend() else { return };
                self.resend_from = number.saturating_add(1);
                Event::Resend { session, number }
            }
        };
    }
}
