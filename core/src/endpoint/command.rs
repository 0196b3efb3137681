//! What the application tells the endpoint to do.

use super::config::Config;
use super::event::{Kind, Origin, Outgoing, Sent, SessionHandle, Topic};
use super::session::{Early, Live, Outcome, want};
use super::tables::{NEVER, Tables};
use super::{Change, Endpoint, Port, live_in};
use crate::edhoc;
use crate::error::{Error, Result};
use crate::record::{self, Ack, MAX_CONTENT_TYPE, MAX_TOPIC, Nonce, Options, Seen, Updating};

/// Exporter labels from here on are the application's (PROTOCOL 4.4).
const FIRST_LABEL: u64 = 33_000;

/// The parts of every outgoing record that are not its message.
pub(super) struct Riders {
    ack: Option<Ack>,
    /// A fresh offer, to be noted when the record is out.
    fresh_offer: Option<Nonce>,
}

impl<T: Tables> Endpoint<T> {
    /// Protects a message; the frame is in `out[..len]` and goes to the route in the answer, or to the topic for a message in place.
    ///
    /// `out` needs the payload's length, [`MAX_OVERHEAD`](super::MAX_OVERHEAD) bytes, and the addressed topic and the content type. The endpoint does
    /// not keep the message: a confirmable one is the application's to send again, under its number, when told so.
    ///
    /// Errors: `UnknownSession`; `WrongState` (a Responder before the first record); `WindowFull` (64 messages are unacknowledged, or messages with
    /// an `origin` are, which go before new confirmable ones: send again what was unacknowledged first);
    /// `NoOffer` (one was asked for; `CommandReady` follows); `KeyExhausted` (the session has ended); `StorageFailed`; `RandomFailed`;
    /// `BufferTooSmall`; `InvalidArgument` (lengths; a number that is not outstanding; a command in a build without `commands`). Nothing was sent then.
    pub fn send<P: Port>(
        &mut self,
        port: &mut P,
        now_ms: u64,
        session: SessionHandle,
        message: &Outgoing<'_>,
        out: &mut [u8],
    ) -> Result<Sent> {
        check(message)?;
        let slot = self.slot_of(session)?;
        let result = self.send_from(port, now_ms, slot, message, out);
        if result == Err(Error::KeyExhausted) {
            self.exhausted(port, slot);
        } else {
            self.settle(slot, Some(now_ms));
        }
        result
    }

    fn send_from<P: Port>(&mut self, port: &mut P, now_ms: u64, slot: usize, message: &Outgoing<'_>, out: &mut [u8]) -> Result<Sent> {
        let Endpoint { tables, config, .. } = self;
        let live = live_in(tables, slot)?;
        if !live.is_confirmed() {
            return Err(Error::WrongState);
        }
        // An application may keep the first sending with every message and hand it in always.
        let origin = message.origin.filter(|origin| origin.sid != live.sid());
        let answer = match message.kind {
            Kind::Data => None,
            Kind::Command => match live.offers.of_peer(now_ms, config) {
                Some(offer) => Some(offer),
                None => {
                    // Asked for at once, and then by the timer: an application that tries again and again does not flood the peer.
                    if live.offers.want() {
                        live.wants |= want::REPEAT;
                    }
                    return Err(Error::NoOffer);
                }
            },
        };
        let new_number = match message.number {
            Some(number) if !live.context.sent.is_outstanding(number) => return Err(Error::InvalidArgument),
            Some(_) => false,
            None => message.confirmable,
        };
        if new_number {
            live.context.sent.available()?;
            if origin.is_none() && live.carries() {
                // The receiver remembers one session besides this one: what was first sent there goes first.
                return Err(Error::WindowFull);
            }
        }
        if new_number && origin.is_some() {
            self.save_carrying(port, slot)?;
        }
        self.save_to_send(port, slot, new_number)?;
        let Endpoint { tables, config, .. } = self;
        let live = live_in(tables, slot)?;
        let riders = live.riders(port, now_ms, config)?;
        let number = if new_number { Some(live.context.sent.take()?) } else { message.number };
        let mut record = record::Outgoing { number, payload: message.payload, ..record::Outgoing::default() };
        let options = &mut record.options;
        if message.kind == Kind::Command {
            options.kind = record::Kind::Command;
        }
        options.origin = origin.map(|origin| record::Origin { sid: origin.sid.0, number: origin.number });
        options.answer = answer;
        options.retain = message.retain;
        options.expiry = message.expiry_s.map(u64::from);
        options.content_type = message.content_type;
        let topic = match message.topic {
            Topic::None => None,
            Topic::InPlace(topic) => Some(topic),
            Topic::Addressed(topic) => {
                options.topic = Some(topic);
                None
            }
        };
        live.ride(&riders, options);
        let len = match live.context.protect(port, &record, topic, out) {
            Ok(len) => len,
            Err(error) => {
                if let (true, Some(number)) = (new_number, number) {
                    live.context.sent.give_back(number);
                }
                return Err(error);
            }
        };
        live.left(now_ms, &riders);
        if let (true, Some(number)) = (new_number && origin.is_some(), number) {
            live.carried_below = number.saturating_add(1);
        }
        let route = live.route;
        self.update_when_worn(port, slot);
        Ok(Sent { len, route, number })
    }

    /// The effect of a confirmable message is durable in the application: this is stored, then acknowledged. `number` and `origin` are the
    /// message's. It may have been replaced or come again meanwhile; a second commit does no harm.
    ///
    /// Errors: `UnknownSession` (it ended, and no successor remembers it); `InvalidArgument` (never delivered); `StorageFailed`.
    pub fn commit<P: Port>(
        &mut self,
        port: &mut P,
        now_ms: u64,
        session: SessionHandle,
        number: u64,
        origin: Option<Origin>,
    ) -> Result<()> {
        let (slot, replaced) = match self.slot_of(session) {
            Ok(slot) => (slot, false),
            // Where the numbers of a session that was replaced are remembered: those of the session, or those of the first sending.
            Err(error) => (self.tables.remembering(session, origin.map(|origin| origin.sid)).ok_or(error)?, true),
        };
        let ack_delay = u64::from(self.config.ack_delay_ms);
        let live = self.live_at(slot)?;
        let mut windows = live.windows;
        let (mut unknown, mut changed) = (replaced, false);
        for window in windows.iter_mut().flatten() {
            if replaced && window.handle == Some(session) {
                window.ended.received.can_commit(number)?;
                changed |= window.ended.received.check(number)? != Seen::Committed;
                window.ended.received.commit(number);
                unknown = false;
            } else if let Some(origin) = origin.filter(|origin| origin.sid.0 == window.ended.sid) {
                let seen = window.ended.received.check(origin.number)?;
                if seen == Seen::New {
                    window.ended.received.deliver(origin.number)?;
                }
                changed |= seen != Seen::Committed;
                window.ended.received.commit(origin.number);
                unknown = false;
            }
        }
        if unknown {
            return Err(Error::UnknownSession);
        }
        if !replaced {
            live.context.received.can_commit(number)?;
        }
        changed |= !replaced && live.context.received.check(number)? != Seen::Committed;
        if changed {
            let change = Change { committing: (!replaced).then_some(number), windows: Some(&windows), ..Change::default() };
            self.save(port, slot, &change)?;
            self.live_at(slot)?.windows = windows;
        }
        let live = self.live_at(slot)?;
        live.ack_at = live.ack_at.min(now_ms.saturating_add(ack_delay));
        self.settle(slot, Some(now_ms));
        Ok(())
    }

    /// Gives up a confirmable message: the application does not have it any more, or a restart reserved its number and nothing was sent.
    /// Errors: `UnknownSession`; `InvalidArgument` if the number is not outstanding.
    pub fn abandon(&mut self, session: SessionHandle, number: u64) -> Result<()> {
        let slot = self.slot_of(session)?;
        let live = self.live_at(slot)?;
        if !live.context.sent.is_outstanding(number) {
            return Err(Error::InvalidArgument);
        }
        live.context.sent.abandon(number);
        self.settle(slot, None);
        Ok(())
    }

    /// Asks the peer for new keys; `KeyUpdated` follows. Errors: `UnknownSession`; `WrongState` (not confirmed); `Busy` while one is under way;
    /// `RandomFailed`; `KeyExhausted` after 2^32 - 1 epochs.
    pub fn key_update<P: Port>(&mut self, port: &mut P, now_ms: u64, session: SessionHandle) -> Result<()> {
        let slot = self.slot_of(session)?;
        if !self.live_at(slot)?.is_confirmed() {
            return Err(Error::WrongState);
        }
        self.request_update(port, slot)?;
        self.settle(slot, Some(now_ms));
        Ok(())
    }

    fn request_update<P: Port>(&mut self, port: &mut P, slot: usize) -> Result<()> {
        let mut n_a = [0; 8];
        port.random(&mut n_a)?;
        let live = self.live_at(slot)?;
        live.context.request_update(n_a)?;
        live.wants |= want::REPEAT;
        live.repeat_at = NEVER;
        Ok(())
    }

    /// Asks for new keys by itself when the old ones are worn. What fails is tried again with the next record.
    pub(super) fn update_when_worn<P: Port>(&mut self, port: &mut P, slot: usize) {
        let after = self.config.key_update_after;
        let Ok(live) = self.live_at(slot) else { return };
        let worn = live.context.wants_update() || live.context.next_partial_iv() >= after;
        if worn && live.context.updating() == Updating::Idle {
            let _ = self.request_update(port, slot);
        }
    }

    /// Ends a session here and erases it from the store. The peer is not told; it finds out when it sends. Errors: `UnknownSession`; `StorageFailed`
    /// (it still stands).
    pub fn close<P: Port>(&mut self, port: &mut P, session: SessionHandle) -> Result<()> {
        let slot = self.slot_of(session)?;
        let key = u32::try_from(slot).map_err(|_| Error::Internal)?;
        if port.save(key, &[]).is_err() {
            return self.storage_failed();
        }
        self.end(slot, Outcome::Closed(Error::WrongState));
        self.silence(slot);
        Ok(())
    }

    /// Key material for the application, the same at both ends (RFC 9528 4.2.1); another one after a key update. `label` is 33,000 or above.
    /// Errors: `UnknownSession`; `InvalidArgument` (label, or more than 8,160 bytes).
    pub fn export<P: Port>(&self, port: &mut P, session: SessionHandle, label: u64, context: &[u8], out: &mut [u8]) -> Result<()> {
        if label < FIRST_LABEL {
            return Err(Error::InvalidArgument);
        }
        edhoc::exporter(port, self.live(session)?.context.prk_out(), label, context, out)
    }
}

fn check(message: &Outgoing<'_>) -> Result<()> {
    let topic = match message.topic {
        Topic::None => true,
        Topic::InPlace(topic) => (1..=MAX_TOPIC).contains(&topic.len()) && core::str::from_utf8(topic).is_ok(),
        Topic::Addressed(topic) => (1..=MAX_TOPIC).contains(&topic.len()),
    };
    let content_type = message.content_type.is_none_or(|text| (1..=MAX_CONTENT_TYPE).contains(&text.len()));
    let kind = message.kind == Kind::Data || cfg!(feature = "commands");
    let origin = message.origin.is_none() || message.confirmable || message.number.is_some();
    if topic && content_type && kind && origin { Ok(()) } else { Err(Error::InvalidArgument) }
}

impl Live {
    /// What the next record carries besides its message.
    pub(super) fn riders<P: Port>(&self, port: &mut P, now_ms: u64, config: &Config) -> Result<Riders> {
        let fresh_offer = self.offers.fresh(port, now_ms, config)?;
        let owed = self.ack_at != NEVER || self.wants & want::ACK != 0;
        Ok(Riders { ack: if owed { self.context.received.ack() } else { None }, fresh_offer })
    }

    pub(super) fn ride(&self, riders: &Riders, options: &mut Options<'_>) {
        options.ack = riders.ack;
        options.offer = riders.fresh_offer.or(options.offer);
        if let Early::Initiator { handover, .. } = &self.early {
            options.handover = *handover;
        }
    }

    /// The record with these riders is protected.
    pub(super) fn left(&mut self, now_ms: u64, riders: &Riders) {
        if let Some(nonce) = riders.fresh_offer {
            self.offers.issue(now_ms, nonce);
            self.wants &= !want::OFFER;
        }
        if riders.ack.is_some() {
            self.ack_at = NEVER;
            self.wants &= !want::ACK;
        }
    }
}
