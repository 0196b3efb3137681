//! One session with one provisioned peer, in about half of an [endpoint](crate::endpoint)'s code: for a sensor with 64 kB of flash.
//!
//! A [`Device`] begins handshakes (method 3, cipher suite 4, credentials by kid), sends and receives messages, and keeps its session across
//! restarts. It speaks the same protocol as an endpoint, which cannot tell the difference; its handshake is written straight through, its key
//! schedule, record keys, replay window and message numbers are the endpoint's own. What it leaves out:
//!
//! - other peers, methods, suites and credentials, and answering handshakes;
//! - sending commands;
//! - records in place on a topic, expiry, content type and retain of what it sends;
//! - key updates: asked for one, it makes a new handshake, which gives new keys and heals what a key update does not;
//! - unknown-context and EDHOC errors of its own, which are hints only;
//! - answers to a repeated message_2 or message_4: its own repetitions do the same, a timer later;
//! - the inbox that a Responder may name in EAD_2: it knows one way to its peer, a link, or a gateway that is told the hub's inbox.
//!
//! Methods are getters, commands, input (`handle_...`) and output (`poll_...`). After any command or input, call [`poll_event`](Device::poll_event)
//! until it gives nothing, then [`poll_transmit`](Device::poll_transmit) until it gives nothing, then wait for a frame or for
//! [`poll_timeout`](Device::poll_timeout), whichever comes first. `poll_transmit` is also what lets time pass. A new device calls
//! [`restore`](Device::restore) first, and [`connect`](Device::connect) where that found no session.
//!
//! ```text
//! loop {
//!     while let Some(event) = device.poll_event() { .. }
//!     while let 1.. = device.poll_transmit(&mut port, now, &mut buffer)? { link.send(..); }
//!     if let Some(frame) = link.receive_until(device.poll_timeout()) {
//!         if let Ok(Some(message)) = device.handle_frame(&mut port, now, frame) { .. ; device.commit(..)? }
//!     }
//! }
//! ```

mod commands;
mod content;
#[cfg(any(test, feature = "_fuzzing"))]
mod digest;
mod handshake;
mod identity;
mod session;
mod state;
#[cfg(test)]
mod tests;

use crate::bytes::{Secret, copy};
use crate::crypto::{KeyHandle, Provider};
use crate::endpoint::frame_type::{ERROR, MESSAGE_1, MESSAGE_2, MESSAGE_3, MESSAGE_4, UNKNOWN_CONTEXT};
use crate::endpoint::{MAX_DOUBLINGS, MAX_FAILURES, NEVER, RECONNECT_MS, is_inbox_name};
use crate::error::{Error, Result};
use crate::persist::Store;
pub use crate::record::Origin;
use crate::record::{Nonce, is_topic};
use commands::Commands;
use handshake::{Handshake, Step};
use identity::Identity;
use session::{Session, came, want};

/// A buffer of so many bytes holds every frame of [`Device::poll_transmit`].
pub const MAX_FRAME: usize = 96;
/// A frame of [`Device::send`] is at most so much longer than payload and topic.
pub const MAX_OVERHEAD: usize = 96;

/// How often one handshake message is sent.
const HANDSHAKE_ATTEMPTS: u8 = 6;
/// Unanswered repetitions before `PeerSilent`.
const SILENT_ATTEMPTS: u8 = 5;
/// How long an acknowledgement waits for a record to ride on.
const ACK_MS: u64 = 50;

/// Who a device is and whom it trusts. The bytes stay where they are.
#[derive(Clone, Copy)]
pub struct Config<'a> {
    /// The own credential: a CCS `{ ? 2: subject, 8: {1: {1: 1, 2: kid, -1: 4, -2: x}}}` with its members in this order, an X25519 key, and a kid
    /// of 1 to 16 bytes.
    pub own: &'a [u8],
    /// The provider's name for its private key.
    pub key: KeyHandle,
    /// The peer's credential, of the same form.
    pub peer: &'a [u8],
    /// Own inbox name, 1 to 16 bytes of `[a-z0-9-]`: where the peer is reached over MQTT, as through a gateway.
    pub inbox: Option<&'a [u8]>,
    /// First interval between repetitions of a handshake message, in milliseconds; it doubles.
    pub handshake_interval_ms: u32,
    /// First interval between repetitions of what a record has not been answered, in milliseconds; it doubles.
    pub resend_interval_ms: u32,
    /// How long a command may take to arrive before it is `Stale`, in milliseconds. 0: none is taken.
    pub command_lifetime_ms: u32,
}

impl<'a> Config<'a> {
    /// With the default intervals, 1 and 3 seconds, and without commands.
    pub const fn new(own: &'a [u8], key: KeyHandle, peer: &'a [u8]) -> Self {
        Config { own, key, peer, inbox: None, handshake_interval_ms: 1_000, resend_interval_ms: 3_000, command_lifetime_ms: 0 }
    }
}

/// A message to send.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outgoing<'a> {
    /// True: numbered, reported as `Resend` until the receiving application has committed it, delivered once.
    pub confirmable: bool,
    /// Send again under a number given before: after `Resend`, or after a restart. Implies `confirmable`.
    pub number: Option<u64>,
    /// The message was sent first under a session that has ended.
    pub origin: Option<Origin>,
    /// Topic name for the receiving application, 1 to 255 bytes of UTF-8; encrypted.
    pub topic: Option<&'a [u8]>,
    /// The plaintext.
    pub payload: &'a [u8],
}

/// A message was protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Bytes written to the frame buffer.
    pub length: usize,
    /// Its number, if confirmable; with [`Device::sid`] its origin, should the session end.
    pub number: Option<u64>,
}

/// A message that arrived: authenticated, and new. Its bytes lie in the frame that was handed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Message<'f> {
    /// It is a command: fresh, and not only new.
    pub command: bool,
    /// The session that it came under.
    pub sid: Nonce,
    /// Its number, if confirmable: then call [`Device::commit`].
    pub number: Option<u64>,
    /// Where it was sent first; for `commit` too.
    pub origin: Option<Origin>,
    /// The sender's topic name.
    pub topic: Option<&'f [u8]>,
    /// The plaintext.
    pub payload: &'f [u8],
    /// Records missing right before this one: lost, late or suppressed.
    pub missing: u64,
    /// It fills an earlier gap.
    pub late: bool,
}

/// Something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// There is a session: restored, or new. With a new one all that was unacknowledged under the session `ended` is to be sent again, with its origin.
    Established {
        /// It was restored.
        resumed: bool,
        /// The session that ended with it.
        ended: Option<Nonce>,
    },
    /// The peer's application has committed messages: see [`crate::endpoint::acknowledges`].
    Acknowledged {
        /// The highest number committed.
        top: u64,
        /// Bit i: `top - 1 - i` is not.
        missing: u64,
    },
    /// Send this message again, or abandon it.
    Resend {
        /// Its number.
        number: u64,
    },
    /// Nothing was heard after several repetitions, which go on.
    PeerSilent,
    /// The handshake has failed: connect again.
    HandshakeFailed {
        /// Why.
        reason: Error,
    },
}

/// Events that wait, by priority.
mod pending {
    pub(super) const FAILED: u8 = 1;
    pub(super) const ESTABLISHED: u8 = 2;
    pub(super) const ACKNOWLEDGED: u8 = 4;
    pub(super) const SILENT: u8 = 8;
}

/// One session with one peer. See the [module](self).
pub struct Device<'a> {
    config: Config<'a>,
    own: Identity<'a>,
    peer: Identity<'a>,
    session: Session,
    handshake: Handshake,
    /// When the handshake's frame is sent next.
    deadline: u64,
    /// How often it was.
    attempts: u8,
    failures: u8,
    /// Why the handshake does not get on, or what ended the last one.
    reason: Error,
    events: u8,
    /// For `Established`.
    resumed: bool,
    ended: Option<Nonce>,
    /// No handshake by itself before this.
    reconnect_from: u64,
}

impl<'a> Device<'a> {
    /// A device without session. Errors: `UnsupportedCredential`, `Malformed`, `NotDeterministic` (a credential of another form); `OwnIdentity` (the
    /// peer's key is the own one); `InvalidArgument` (inbox name or interval, or commands in a build without).
    pub fn new<P: Provider>(port: &mut P, config: Config<'a>) -> Result<Self> {
        let (own, peer) = (Identity::parse(config.own)?, Identity::parse(config.peer)?);
        if own.key == peer.key {
            return Err(Error::OwnIdentity);
        }
        if !config.inbox.is_none_or(is_inbox_name)
            || (config.command_lifetime_ms != 0 && cfg!(not(feature = "commands")))
            || config.handshake_interval_ms == 0
            || config.resend_interval_ms == 0
        {
            return Err(Error::InvalidArgument);
        }
        let session = Session::new(own.thumbprint(port), peer.thumbprint(port), Commands::new(config.command_lifetime_ms));
        Ok(Device {
            config,
            own,
            peer,
            session,
            handshake: Handshake::new(),
            deadline: NEVER,
            attempts: 0,
            failures: 0,
            reason: Error::HandshakeFailed,
            events: 0,
            resumed: false,
            ended: None,
            reconnect_from: 0,
        })
    }

    // ---- getters

    /// The name of the session, if there is one.
    pub fn sid(&self) -> Option<Nonce> {
        self.session.live.then_some(self.session.parties.sid)
    }

    /// True while a handshake is under way.
    pub fn is_connecting(&self) -> bool {
        self.handshake.step != Step::Idle
    }

    /// Is this confirmable message sent, and neither committed by the peer nor abandoned?
    pub fn is_outstanding(&self, number: u64) -> bool {
        self.session.sent.is_outstanding(number)
    }

    // ---- commands

    /// Takes up the session in the store; true if there is one. The first call on a new device. `Established` with `resumed` follows, and
    /// `Resend` for every number that may be unacknowledged, also for some that were never used: send it again, or abandon it.
    ///
    /// Errors: `WrongState` (there is a session, or a handshake is under way); `CorruptState` (damaged, or stored for other credentials: connect, which replaces it);
    /// `UnsupportedState` (written by another version, or by an endpoint); `StorageFailed`; `RandomFailed`.
    pub fn restore<P: Provider + Store>(&mut self, port: &mut P, now_ms: u64) -> Result<bool> {
        // A handshake's session may be in the store already, though the store said that it failed. Were it taken up here, and message_4 came
        // again, it would begin anew under the same keys.
        if self.session.live || self.is_connecting() {
            return Err(Error::WrongState);
        }
        let result = self.try_restore(port);
        if result != Ok(true) {
            self.session = self.session.none();
        }
        self.settle(now_ms);
        result
    }

    fn try_restore<P: Provider + Store>(&mut self, port: &mut P) -> Result<bool> {
        let session = &mut self.session;
        if !state::load(port, &session.thumbprints(), session)? {
            return Ok(false);
        }
        let mut challenge = [0; 8];
        port.random(&mut challenge)?;
        session.resume = Some(challenge);
        session.wants = want::REPEAT;
        session.resend_all();
        session.derive(port)?;
        self.established(true, None);
        Ok(true)
    }

    /// Starts a handshake, and gives up one that is under way. The session, if there is one, serves until the new one is established, which
    /// `Established` reports; or `HandshakeFailed` follows. Error: `RandomFailed`.
    pub fn connect<P: Provider>(&mut self, port: &mut P, now_ms: u64) -> Result<()> {
        let avoid = self.session.parties.c_i.as_bytes().first().copied().unwrap_or(u8::MAX);
        self.reason = Error::HandshakeFailed;
        // What nobody has asked about is not this one's failure.
        self.events &= !pending::FAILED;
        self.attempts = 0;
        self.failures = 0;
        self.deadline = now_ms;
        self.handshake.begin(port, self.config.inbox, avoid)
    }

    /// Protects a message into `out`: payload and topic, and [`MAX_OVERHEAD`].
    ///
    /// Errors: `WrongState` (no session); `InvalidArgument` (`number` is not outstanding; an origin without number or `confirmable`; topic empty, above 255 bytes or not UTF-8); `WindowFull` (64
    /// confirmable messages are out; those with an origin go before new ones); `KeyExhausted`; `StorageFailed`; `RandomFailed`; `BufferTooSmall`. Nothing is used up then.
    pub fn send<P: Provider + Store>(&mut self, port: &mut P, now_ms: u64, message: &Outgoing<'_>, out: &mut [u8]) -> Result<Sent> {
        if !self.session.live {
            return Err(Error::WrongState);
        }
        if message.topic.is_some_and(|topic| !is_topic(topic)) {
            return Err(Error::InvalidArgument);
        }
        let sent = self.session.send(port, now_ms, message, out);
        self.settle(now_ms);
        sent
    }

    /// Says that the effect of a confirmable message is durable: stored, then acknowledged. `message`: its session and number; `origin`: its own.
    /// A second commit does no harm.
    ///
    /// Errors: `InvalidArgument` (no such message was delivered); `UnknownSession` (it ended long ago); `StorageFailed`.
    pub fn commit<P: Provider + Store>(&mut self, port: &mut P, now_ms: u64, message: Origin, origin: Option<Origin>) -> Result<()> {
        self.session.commit(port, message, origin)?;
        self.session.ack_at = self.session.ack_at.min(now_ms.saturating_add(ACK_MS));
        Ok(())
    }

    /// Gives up a confirmable message: `Resend` does not come for it again. Error: `InvalidArgument` (it is not outstanding).
    pub fn abandon(&mut self, number: u64) -> Result<()> {
        if !self.session.sent.is_outstanding(number) {
            return Err(Error::InvalidArgument);
        }
        self.session.sent.abandon(number);
        Ok(())
    }

    /// Ends the session here: erased from the store and from memory, with the handshake under way and the events that wait. The peer is not told; what it has
    /// not seen acknowledged, it may send again under the next session, and it is delivered again. Error: `StorageFailed`, and nothing has changed.
    pub fn close<P: Provider + Store>(&mut self, port: &mut P) -> Result<()> {
        state::erase(port)?;
        self.session = self.session.none();
        self.handshake.clear();
        self.events = 0;
        Ok(())
    }

    // ---- input

    /// Takes in a frame; records are decrypted in place. A failure says why it was refused. It changes nothing but what limits failures; a record
    /// that verified (`Duplicate`, `Stale`, `UnsupportedOption`, `Malformed`) is used up. After an error the bytes of `frame` are undefined.
    ///
    /// Errors: `Malformed`, `NotDeterministic`, `UnsupportedVersion`, `UnsupportedFrame`; of records `UnknownContext`, `DecryptFailed`, `Replay`,
    /// `Duplicate`, `Stale`, `StaleEpoch`, `UnsupportedOption`, `KeyExhausted`; of handshake frames `WrongState` (none awaits it),
    /// `UnknownContext`, `UnknownCredential`, `AuthenticationFailed`, `InvalidKey`, `SameIdentifier`, `UnknownCriticalEad`, `BufferTooSmall`, and `Pending`: hand
    /// in the same frame again when the key operation has finished. Any: `StorageFailed`, `RandomFailed`: a repetition may succeed.
    pub fn handle_frame<'f, P: Provider + Store>(&mut self, port: &mut P, now_ms: u64, frame: &'f mut [u8]) -> Result<Option<Message<'f>>> {
        let mut message = Message::default();
        Ok(if self.handle_frame_into(port, now_ms, frame, &mut message)? { Some(message) } else { None })
    }

    /// [`handle_frame`](Self::handle_frame) with a place for the message; true if there is one. Else the place means nothing.
    pub fn handle_frame_into<'f, P: Provider + Store>(
        &mut self,
        port: &mut P,
        now_ms: u64,
        frame: &'f mut [u8],
        message: &mut Message<'f>,
    ) -> Result<bool> {
        let result = match frame.first() {
            Some(0x40..=0x7f) => self.on_record(port, now_ms, frame, message),
            Some(&kind @ (MESSAGE_2 | MESSAGE_4 | ERROR)) => self.on_handshake(port, now_ms, kind, frame).map(|()| false),
            Some(&UNKNOWN_CONTEXT) => self.on_unknown_context(port, now_ms, frame).map(|()| false),
            Some(&(MESSAGE_1 | MESSAGE_3) | 0x80..=0xbf) => Err(Error::UnsupportedFrame),
            Some(0x10..=0x3f) => Err(Error::UnsupportedVersion),
            _ => Err(Error::Malformed),
        };
        self.settle(now_ms);
        result
    }

    fn on_record<'f, P: Provider + Store>(
        &mut self,
        port: &mut P,
        now_ms: u64,
        frame: &'f mut [u8],
        message: &mut Message<'f>,
    ) -> Result<bool> {
        let mut came = 0;
        // What rides on a message counts also where the message is refused.
        let result = self.session.receive(port, now_ms, frame, message, &mut came);
        if came & came::ACKNOWLEDGED != 0 {
            self.events |= pending::ACKNOWLEDGED;
        }
        if came & came::UPDATE != 0 {
            // Without a random number now, the peer's next request comes.
            let _ = self.reconnect(port, now_ms);
        }
        result.map(|()| came & came::MESSAGE != 0)
    }

    /// message_2, message_4 or an error for the handshake under way.
    fn on_handshake<P: Provider + Store>(&mut self, port: &mut P, now_ms: u64, kind: u8, frame: &mut [u8]) -> Result<()> {
        let awaited = match self.handshake.step {
            Step::Idle => return Err(Error::WrongState),
            Step::Message2 => MESSAGE_2,
            Step::Message4 => MESSAGE_4,
        };
        let Some(([_, c_i], message)) = frame.split_first_chunk_mut::<2>() else { return Err(Error::Malformed) };
        if *c_i != self.handshake.c_i {
            return Err(Error::UnknownContext);
        }
        if kind == ERROR {
            // Unauthenticated: a hint to why it may fail.
            self.reason = Error::PeerError;
            return Ok(());
        }
        if kind != awaited {
            return Err(Error::WrongState);
        }
        let outcome = match kind {
            MESSAGE_2 => self.handshake.process_message_2(port, &self.own, self.config.key, &self.peer, message),
            _ => self.on_message_4(port, message),
        };
        match outcome {
            Ok(()) => {
                self.attempts = 0;
                self.deadline = now_ms;
            }
            // Not the peer's fault: the frame may come again.
            Err(Error::Pending | Error::StorageFailed | Error::RandomFailed | Error::UnknownKey) => {}
            Err(error) => {
                self.reason = error;
                self.failures = self.failures.saturating_add(1);
                if self.failures > MAX_FAILURES {
                    self.fail();
                }
            }
        }
        outcome
    }

    /// The handshake has succeeded when the new session is stored.
    fn on_message_4<P: Provider + Store>(&mut self, port: &mut P, message_4: &mut [u8]) -> Result<()> {
        let mut prk_out = Secret::zero();
        self.handshake.process_message_4(port, message_4, &mut prk_out)?;
        let Handshake { hash, c_i, c_r, .. } = &self.handshake;
        let sid = *hash.first_chunk().ok_or(Error::Internal)?;
        let ended = self.sid();
        self.session.replace(port, *c_i, *c_r, sid, &prk_out)?;
        self.handshake.clear();
        self.established(false, ended);
        Ok(())
    }

    fn established(&mut self, resumed: bool, ended: Option<Nonce>) {
        self.resumed = resumed;
        self.ended = ended;
        // What was pending about the session before means nothing now.
        self.events = self.events & pending::FAILED | pending::ESTABLISHED;
    }

    /// The peer does not know the session, or someone says so: it stays, and a new handshake finds out.
    fn on_unknown_context<P: Provider>(&mut self, port: &mut P, now_ms: u64, frame: &[u8]) -> Result<()> {
        match frame.get(1..) {
            Some(identifier @ ([_] | [_, _] | [_, _, _] | [_, _, _, _])) => {
                if self.session.live && self.session.parties.c_r.as_bytes() == identifier {
                    self.reconnect(port, now_ms)?;
                }
                Ok(())
            }
            _ => Err(Error::Malformed),
        }
    }

    fn reconnect<P: Provider>(&mut self, port: &mut P, now_ms: u64) -> Result<()> {
        if now_ms >= self.reconnect_from && !self.is_connecting() {
            self.connect(port, now_ms)?;
            self.reconnect_from = now_ms.saturating_add(RECONNECT_MS);
        }
        Ok(())
    }

    fn fail(&mut self) {
        self.handshake.clear();
        self.events |= pending::FAILED;
    }

    // ---- output

    /// The next event, the most important first.
    pub fn poll_event(&mut self) -> Option<Event> {
        let lowest = self.events & self.events.wrapping_neg();
        self.events &= !lowest;
        match lowest {
            pending::FAILED => Some(Event::HandshakeFailed { reason: self.reason }),
            pending::ESTABLISHED => Some(Event::Established { resumed: self.resumed, ended: self.ended }),
            pending::ACKNOWLEDGED => Some(Event::Acknowledged { top: self.session.acked.top, missing: self.session.acked.missing }),
            pending::SILENT => Some(Event::PeerSilent),
            _ => {
                let number = self.session.next_resend()?;
                self.session.resend_from = number.saturating_add(1);
                Some(Event::Resend { number })
            }
        }
    }

    /// When to go round again, if no frame comes before: a time on the clock of `now_ms`; `u64::MAX` if nothing waits. 0 while an event does, since
    /// [`poll_transmit`](Self::poll_transmit) may be what brought it about.
    pub fn poll_timeout(&self) -> u64 {
        if self.events != 0 || self.session.next_resend().is_some() {
            return 0;
        }
        let handshake = if self.is_connecting() { self.deadline } else { NEVER };
        let session = match self.session.wants {
            _ if !self.session.live => NEVER,
            0 => self.session.ack_at.min(self.session.repeat_at),
            _ => 0,
        };
        handshake.min(session)
    }

    /// Does what is due, and writes the next frame to send into `out`, which should hold [`MAX_FRAME`] bytes. Gives its length, 0 if there is none.
    /// Errors: `BufferTooSmall` (the frame stays); `StorageFailed`, `RandomFailed`, `KeyExhausted` (tried again later).
    pub fn poll_transmit<P: Provider + Store>(&mut self, port: &mut P, now_ms: u64, out: &mut [u8]) -> Result<usize> {
        // A timer that is not set never fires.
        let now_ms = now_ms.min(NEVER - 1);
        if self.is_connecting() && self.deadline <= now_ms {
            if self.attempts >= HANDSHAKE_ATTEMPTS {
                self.fail();
            } else {
                let frame = self.handshake.frame();
                copy(out.get_mut(..frame.len()).ok_or(Error::BufferTooSmall)?, frame);
                self.deadline = now_ms.saturating_add(u64::from(self.config.handshake_interval_ms) << self.attempts.min(MAX_DOUBLINGS));
                self.attempts = self.attempts.saturating_add(1);
                return Ok(frame.len());
            }
        }
        if !self.session.live {
            return Ok(0);
        }
        self.repeat(now_ms);
        if self.session.wants == 0 {
            return Ok(0);
        }
        let result = self.session.control(port, now_ms, out);
        if result.is_err_and(|error| error != Error::BufferTooSmall) {
            // Not now: when the timers fire, what is still wanted comes again.
            let retry = now_ms.saturating_add(u64::from(self.config.resend_interval_ms));
            if self.session.wants != want::REPEAT {
                self.session.ack_at = retry;
            }
            self.session.wants = 0;
        }
        self.settle(now_ms);
        result
    }

    /// The session's timers.
    fn repeat(&mut self, now_ms: u64) {
        let interval = u64::from(self.config.resend_interval_ms);
        let session = &mut self.session;
        if session.ack_at <= now_ms {
            session.ack_at = NEVER;
            session.wants |= want::ACK;
        }
        if session.repeat_at <= now_ms {
            // Whatever was already out at the last repetition and is still unacknowledged.
            session.resend_from = 0;
            session.resend_to = session.aged_below;
            session.aged_below = session.sent.next();
            let control = session.repeats_control();
            if control {
                session.wants |= want::REPEAT;
            }
            if control || session.next_resend().is_some() {
                session.attempts = session.attempts.saturating_add(1);
                if session.attempts == SILENT_ATTEMPTS {
                    self.events |= pending::SILENT;
                }
            }
            session.repeat_at = now_ms.saturating_add(interval << session.attempts.min(MAX_DOUBLINGS));
        }
        self.settle(now_ms);
    }

    /// Keeps the timer of repetitions current.
    fn settle(&mut self, now_ms: u64) {
        let session = &mut self.session;
        if !session.live || !session.repeats() {
            session.repeat_at = NEVER;
        } else if session.repeat_at == NEVER {
            session.repeat_at = now_ms.saturating_add(u64::from(self.config.resend_interval_ms));
        }
    }
}
