//! The endpoint's part in setup and ownership (PROTOCOL 10): when what is stored, and what becomes of sessions.

use super::config::Route;
use super::event::{Event, HandshakeId};
use super::handshake::Step;
use super::session::{Outcome, State};
use super::tables::Tables;
use super::{Endpoint, Port};
use crate::bytes::{Secret, Writer};
use crate::credential::Thumbprint;
use crate::edhoc::{AwaitMessage3, Completed, Ead, Proved};
use crate::error::{Error, Result};
use crate::setup::{
    Claim, Device, EAD_OWNERSHIP, MAX_OWNERSHIP_ITEM, Newcomer, Ownership, RECORD, SECRET, Standing, WINDOW_MS, is_ours, write_ownership,
};

/// Errors that a newcomer is told, as a hint.
pub(super) const fn is_hint(error: Error) -> bool {
    matches!(
        error,
        Error::SetupClosed | Error::SetupDelayed | Error::WrongSetupSecret | Error::OtherOwner | Error::WrongStatement | Error::NoSpace
    )
}

/// message_3 at an endpoint that can be owned: who comes in, the ownership that must be in force before message_4 is composed, and EAD_4.
pub(super) struct Admitted {
    proved: Proved,
    next: Option<Ownership>,
    tells: bool,
}

/// The first half: nothing has changed yet.
pub(super) fn admit<P: Port>(
    device: &mut Device,
    port: &mut P,
    now_ms: u64,
    state: &AwaitMessage3,
    message_3: &[u8],
    inbox: Option<&[u8]>,
    scratch: &mut [u8],
) -> Result<Admitted> {
    let mut on_ead = |item: &Ead<'_>| Ok(is_ours(item.label));
    let mut proved = Proved::blank();
    let ead_3 = state.verify_message_3(port, message_3, (inbox, true), &mut on_ead, scratch, &mut proved)?;
    let newcomer = Newcomer { thumbprint: proved.peer(), shown: proved.shown(), ead_3 };
    let (next, standing) = device.admit(port, now_ms, &newcomer, |port| state.binding(port))?;
    let next = (next != device.ownership).then_some(next);
    Ok(Admitted { proved, next, tells: standing == Standing::Owner })
}

impl<T: Tables> Endpoint<T> {
    // ---- a device

    /// Makes this endpoint one that can be owned: reads its record from `key` of the store, which must be above those of sessions (from 0 up
    /// to what the tables and `identifier_len` allow). `secret`: the setup secret of its label. Before [`restore`](Self::restore).
    ///
    /// Errors: `InvalidArgument` (`key`); `WrongState` (called before, or there are sessions already); `StorageFailed`; `UnsupportedState` (written by a newer version);
    /// `CorruptState`: the record is damaged, then nobody is let in and nothing restored before [`reset_ownership`](Self::reset_ownership).
    pub fn enable_setup<P: Port>(&mut self, port: &mut P, key: u32, secret: Secret<SECRET>) -> Result<()> {
        if usize::try_from(key).is_ok_and(|key| key < self.session_keys()) {
            return Err(Error::InvalidArgument);
        }
        if self.device.is_some() || self.has_sessions() {
            return Err(Error::WrongState);
        }
        let mut record = [0; RECORD];
        let read = match port.load(key, &mut record) {
            Ok(len) => Ownership::decode(port, record.get(..len).unwrap_or_default()),
            Err(Error::CorruptState | Error::BufferTooSmall) => Err(Error::CorruptState),
            Err(_) => self.storage_failed(),
        };
        let mut device = Device::new(key, secret);
        match read {
            Ok(ownership) => device.ownership = ownership,
            Err(Error::CorruptState) => {
                self.counters.corrupt = self.counters.corrupt.wrapping_add(1);
                device.damaged = true;
            }
            Err(error) => return Err(error),
        }
        let outcome = if device.damaged { Err(Error::CorruptState) } else { Ok(()) };
        self.device = Some(device);
        outcome
    }

    /// There was a physical act: setup is possible until `until_ms`, and 10 minutes from now at most. Errors: `WrongState` (not enabled),
    /// `OtherOwner` (it has one: reset it first), `CorruptState`.
    pub fn open_setup(&mut self, now_ms: u64, until_ms: u64) -> Result<()> {
        let device = self.device.as_mut().ok_or(Error::WrongState)?;
        if device.damaged {
            return Err(Error::CorruptState);
        }
        if device.ownership.owner().is_some() {
            return Err(Error::OtherOwner);
        }
        device.open_until = until_ms.min(now_ms.saturating_add(WINDOW_MS));
        Ok(())
    }

    /// Setup is not possible any more.
    pub fn close_setup(&mut self) {
        if let Some(device) = &mut self.device {
            device.open_until = 0;
        }
    }

    /// Until when setup is possible, if it is now.
    pub fn setup_open_until(&self, now_ms: u64) -> Option<u64> {
        self.device.as_ref().map(|device| device.open_until).filter(|until| now_ms < *until)
    }

    /// Physical reset: the device belongs to nobody, in the next epoch, and every session has ended. An application erases its own data
    /// when it is told (`OwnershipChanged`).
    ///
    /// Errors: `WrongState` (not enabled, or the last epoch), `RandomFailed`; `StorageFailed`: call it again.
    pub fn reset_ownership<P: Port>(&mut self, port: &mut P) -> Result<()> {
        let device = self.device.as_ref().ok_or(Error::WrongState)?;
        // A reset that failed halfway goes on.
        let halfway = !device.damaged && device.ownership.is_wiping() && device.ownership.owner().is_none();
        if !halfway {
            let next = device.reset(port)?;
            self.adopt(port, next)?;
        }
        self.finish_wiping(port, None)
    }

    /// Takes from a delegate what the owner had given it, and ends its sessions; when the owner asks for it. Statements that the owner has
    /// signed before count no more. Errors: `WrongState` (not enabled), `UnknownCredential` (no such delegate), `RandomFailed`, `StorageFailed`.
    pub fn revoke<P: Port>(&mut self, port: &mut P, delegate: &Thumbprint) -> Result<()> {
        let next = self.device.as_ref().ok_or(Error::WrongState)?.revoke(port, delegate)?;
        // Its sessions first: a restart in between must not take them up when it is no delegate any more. Nor one that a session has replaced
        // and the store has failed to erase: whatever lies where nobody else has a session.
        let stored = self.stored_keys(port);
        for slot in 0..stored.max(self.tables.sessions()) {
            let session = self.tables.session(slot);
            let live = session.is_some_and(|session| session.live().is_some());
            let others = session.and_then(|session| session.peer()).is_some_and(|peer| peer != *delegate);
            if others || !(live || slot < stored) {
                continue;
            }
            let key = u32::try_from(slot).map_err(|_| Error::Internal)?;
            if port.save(key, &[]).is_err() {
                return self.storage_failed();
            }
            self.dismiss(slot);
        }
        self.adopt(port, next)
    }

    /// Who owns this device; nothing while setup is not enabled, or the record is damaged.
    pub fn ownership(&self) -> Option<&Ownership> {
        self.device.as_ref().filter(|device| !device.damaged).map(|device| &device.ownership)
    }

    // ---- a phone

    /// Starts a handshake with a device that is known by its thumbprint alone, to be let in by what `claim` shows. As
    /// [`connect`](Self::connect); then `Ownership` tells an owner what to sign over. The own credential, which must be a CCS, and the device's go by value.
    /// When the device has lost the session, an endpoint connects again by itself (`Config::reconnect`); a device that knows it by a claim only
    /// refuses that: claim again, as `Known`.
    ///
    /// Errors: as `connect`; `InvalidArgument` (a statement of another length), `InvalidKey` (an anchor that does not sign),
    /// `BufferTooSmall` (of the handshake).
    pub fn claim<P: Port>(
        &mut self,
        port: &mut P,
        now_ms: u64,
        route: Route,
        device: Thumbprint,
        claim: &Claim<'_>,
    ) -> Result<HandshakeId> {
        self.begin(port, now_ms, route, Some(device), Some(claim))
    }

    // ---- inside

    /// Another ownership, durable and then in force.
    fn adopt<P: Port>(&mut self, port: &mut P, next: Ownership) -> Result<()> {
        self.save_record(port, &next)?;
        self.device.as_mut().ok_or(Error::WrongState)?.adopt(next);
        Ok(())
    }

    fn save_record<P: Port>(&mut self, port: &mut P, next: &Ownership) -> Result<()> {
        let device = self.device.as_mut().ok_or(Error::WrongState)?;
        let record = next.encode(port)?;
        device.unsure = port.save(device.key, &record).is_err();
        if device.unsure { self.storage_failed() } else { Ok(()) }
    }

    /// The second half: what has to be in force is, then message_4 is composed.
    pub(super) fn compose_message_4<P: Port>(
        &mut self,
        port: &mut P,
        slot: usize,
        admitted: &Admitted,
        w: &mut Writer<'_>,
    ) -> Result<Completed> {
        // A damaged record says more than nobody's: it stays until a reset is durable.
        let unsure = self.device.as_ref().filter(|device| device.unsure && !device.damaged).map(|device| device.ownership);
        match (admitted.next, unsure) {
            (Some(next), _) => self.adopt(port, next)?,
            // A session outlives a restart, which must then know whom it is with.
            (None, Some(held)) => self.save_record(port, &held)?,
            (None, None) => {}
        }
        self.finish_wiping(port, Some(slot))?;
        let mut value = [0; MAX_OWNERSHIP_ITEM];
        let mut told = Writer::new(&mut value);
        if let (Some(device), true) = (&self.device, admitted.tells) {
            write_ownership(device.ownership.epoch(), device.ownership.nonce(), &mut told)?;
        }
        let ead_4 = [Ead { label: EAD_OWNERSHIP, value: Some(told.written()) }];
        let ead_4 = if admitted.tells { ead_4.as_slice() } else { &[] };
        let Some(Step::Message3(state)) = self.tables.handshake(slot).map(|handshake| &handshake.step) else { return Err(Error::Internal) };
        state.compose_message_4(port, &admitted.proved, ead_4, w)
    }

    /// Erases what belongs to earlier epochs, and makes a note that it is done. `spared`: the handshake that the change came in.
    pub(super) fn finish_wiping<P: Port>(&mut self, port: &mut P, spared: Option<usize>) -> Result<()> {
        let Some(device) = &self.device else { return Ok(()) };
        if !device.ownership.is_wiping() {
            return Ok(());
        }
        let next = device.wiped();
        for slot in 0..self.tables.sessions() {
            self.dismiss(slot);
        }
        for slot in (0..self.tables.handshakes()).filter(|slot| Some(*slot) != spared) {
            let handshake = self.tables.handshake(slot);
            if handshake.is_some_and(|handshake| handshake.is_initiator() || handshake.is_half_open()) {
                self.fail_handshake(slot, Error::OtherOwner);
            }
        }
        let erased = (0..self.stored_keys(port)).try_for_each(|slot| {
            let slot = u32::try_from(slot).map_err(|_| Error::Internal)?;
            port.save(slot, &[])
        });
        if erased.is_err() {
            return self.storage_failed();
        }
        self.save_record(port, &next)?;
        if let Some(device) = &mut self.device {
            device.ownership = next;
        }
        Ok(())
    }

    /// Ends a session at once.
    fn dismiss(&mut self, slot: usize) {
        match self.tables.session(slot).map(|session| &session.state) {
            // The application has not heard of it.
            Some(State::Live(live)) if !live.is_confirmed() => self.release(slot),
            Some(State::Live(_)) => self.end(slot, Outcome::Closed(Error::OtherOwner)),
            _ => {}
        }
    }

    /// The application is told of an ownership once.
    pub(super) fn ownership_event(&mut self, event: &mut Event<'_>) {
        if let Some(device) = self.device.as_mut().filter(|device| device.changed) {
            device.changed = false;
            *event = Event::OwnershipChanged { epoch: device.ownership.epoch(), owner: device.ownership.owner() };
        }
    }
}
