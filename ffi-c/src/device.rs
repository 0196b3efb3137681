//! `sealwire_device.h`: one session with one provisioned peer.

use crate::event::{
    SEALWIRE_EVENT_ACKNOWLEDGED, SEALWIRE_EVENT_ESTABLISHED, SEALWIRE_EVENT_HANDSHAKE_FAILED, SEALWIRE_EVENT_NONE,
    SEALWIRE_EVENT_PEER_SILENT, SEALWIRE_EVENT_RESEND, sealwire_origin,
};
use crate::memory::{Output, array, bytes, bytes_mut, disjoint, record};
use crate::placed::{Opaque, call, erase, get, put};
use crate::port::{agree, load, random, save, sealwire_port};
use crate::status::number;
use crate::types::sealwire_bytes;
use sealwire_core::bytes::Secret;
use sealwire_core::crypto::{Curve, KeyHandle, Provider, Signature};
use sealwire_core::device::{Config, Device, Event, Message, Origin, Outgoing};
use sealwire_core::error::{Error, Result};
use sealwire_core::persist::Store;

/// Size of a sealwire_device in units of 8 bytes.
#[cfg(target_pointer_width = "64")]
pub const SEALWIRE_DEVICE_WORDS: usize = 128;
/// Size of a sealwire_device in units of 8 bytes.
#[cfg(not(target_pointer_width = "64"))]
pub const SEALWIRE_DEVICE_WORDS: usize = 112;

/// A device: one session with one peer. The members are the library's. Start from {{0}}; it must not be moved.
#[repr(C)]
pub struct sealwire_device {
    /// Private.
    pub opaque: [u64; SEALWIRE_DEVICE_WORDS],
}

/// Who a device is and whom it trusts. Start from {0} and fill in. The struct is copied; what it points to must stay until sealwire_device_close().
/// Times are milliseconds.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_device_config {
    /// The own credential: a CCS with a subject, if any, and an X25519 key with a key identifier of 1 to 16 bytes, as `sealwire keygen` and
    /// sealwire_credential_make() make it.
    pub own: sealwire_bytes,
    /// Its private key, 32 bytes, or NULL: then the port's `key_agree` has it under `key_handle`.
    pub private_key: *const u8,
    /// The port's name for the private key.
    pub key_handle: u32,
    /// The peer's credential, of the same form.
    pub peer: sealwire_bytes,
    /// Own inbox name, 1 to 16 bytes of [a-z0-9-]: where the peer is reached over MQTT, as through a gateway. Empty on links.
    pub inbox: sealwire_bytes,
    /// First interval between repetitions of a handshake message; it doubles. 0: 1,000.
    pub handshake_interval_ms: u32,
    /// First interval between repetitions of what the peer has not answered; it doubles. 0: 3,000.
    pub resend_interval_ms: u32,
    /// How long a command may take to arrive before it is STALE; 10,000 is usual. 0: none is taken.
    pub command_lifetime_ms: u32,
}

/// A message that arrived: authenticated, and new. `topic` and `payload` point into the frame that was handed in, and are good as long as that is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_device_message {
    /// 1: there is a message; 0: the frame was the library's own business, and the rest is 0.
    pub arrived: u8,
    /// 1: it is a command: fresh, and not only new.
    pub command: u8,
    /// 1: wants sealwire_device_commit().
    pub confirmable: u8,
    /// 1: it fills an earlier gap.
    pub late: u8,
    /// 1: was sent first under a session that has ended, as `origin` says.
    pub has_origin: u8,
    /// The session it came under, and its number if confirmable.
    pub name: sealwire_origin,
    /// Where it was sent first.
    pub origin: sealwire_origin,
    /// Records missing right before this one: lost, late or suppressed.
    pub missing: u64,
    /// The sender's topic name; empty if none.
    pub topic: sealwire_bytes,
    /// The plaintext.
    pub payload: sealwire_bytes,
}

/// Something happened. Members that mean nothing for `event` are 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_device_event {
    /// `SEALWIRE_EVENT_NONE`, `_ESTABLISHED`, `_HANDSHAKE_FAILED`, `_ACKNOWLEDGED`, `_RESEND` or `_PEER_SILENT` of sealwire.h.
    pub event: i32,
    /// HANDSHAKE_FAILED: a status, why.
    pub reason: i32,
    /// ESTABLISHED: 1 if the session was restored. Compare sealwire_device_read()'s `sid` with that of the messages that the application has kept: those of
    /// another session are to be sent with their `origin`, and RESEND is not about them.
    pub resumed: u8,
    /// ESTABLISHED: 1 if the session `ended` ended with it: send again what was unacknowledged under it, with its `origin`.
    pub has_ended: u8,
    /// Name of the session that ended.
    pub ended: [u8; 8],
    /// RESEND: send this message of the session again, or abandon it. ACKNOWLEDGED: with `missing` for sealwire_acknowledges().
    pub number: u64,
    /// ACKNOWLEDGED: bit i: `number` - 1 - i is not committed.
    pub missing: u64,
}

/// A message to send. Start from {0}.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_device_outgoing {
    /// 1: numbered, RESEND until the receiving application has committed it, delivered once.
    pub confirmable: u8,
    /// 1: send again under `number`, after RESEND or a restart.
    pub again: u8,
    /// 1: was sent first under a session that has ended, as `origin` says. To be said each time it is sent, or it may be delivered twice.
    pub has_origin: u8,
    /// The number given before, with `again`.
    pub number: u64,
    /// Session and number of the first sending, with `has_origin`.
    pub origin: sealwire_origin,
    /// Topic name for the receiver, 1 to 255 bytes of UTF-8, encrypted; empty: none.
    pub topic: sealwire_bytes,
    /// The plaintext; may be empty.
    pub payload: sealwire_bytes,
}

/// A message was protected.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_device_sent {
    /// Bytes in the frame buffer.
    pub length: usize,
    /// 1: it has a `name`.
    pub confirmable: u8,
    /// Its session and number: its `origin`, should the session end before it is acknowledged.
    pub name: sealwire_origin,
}

/// How a device stands.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_device_info {
    /// 1: there is a session.
    pub established: u8,
    /// 1: a handshake is under way.
    pub connecting: u8,
    /// The session's name on both ends.
    pub sid: [u8; 8],
}

/// A buffer of so many bytes holds every frame of sealwire_device_poll_transmit().
pub const SEALWIRE_DEVICE_FRAME_MAX: usize = 96;
/// A frame of sealwire_device_send() is at most so much longer than payload and topic name.
pub const SEALWIRE_DEVICE_OVERHEAD_MAX: usize = 96;
const _: () = assert!(
    SEALWIRE_DEVICE_FRAME_MAX == sealwire_core::device::MAX_FRAME && SEALWIRE_DEVICE_OVERHEAD_MAX == sealwire_core::device::MAX_OVERHEAD
);

/// What a device keeps.
pub(crate) struct State {
    platform: Platform,
    device: Device<'static>,
}

// SAFETY: an array of integers.
unsafe impl Opaque for sealwire_device {
    type Value = State;
    const TAG: usize = 0x4456;
    const CALLS_BACK: bool = true;
}

/// The port, and the private key if it is in memory.
struct Platform {
    port: sealwire_port,
    private_key: *const u8,
}

impl Provider for Platform {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        random(&self.port, out)
    }

    fn agree(&mut self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        if self.private_key.is_null() {
            return agree(&self.port, key, curve, peer, shared);
        }
        let mut private = Secret::zero();
        // SAFETY: the caller keeps the 32 bytes.
        sealwire_core::bytes::copy(private.expose_mut(), unsafe { array::<32>(self.private_key) }?);
        self.agree_ephemeral(curve, &private, peer, shared)
    }

    fn sign(&mut self, _: KeyHandle, _: Signature, _: &[&[u8]], _: &mut [u8; 64]) -> Result<()> {
        Err(Error::UnknownKey)
    }
}

impl Store for Platform {
    fn load(&mut self, key: u32, out: &mut [u8]) -> Result<usize> {
        load(&self.port, key, out)
    }

    fn save(&mut self, key: u32, data: &[u8]) -> Result<()> {
        save(&self.port, key, data)
    }

    fn resists_rollback(&self) -> bool {
        self.port.keeps_sessions()
    }
}

/// Runs a call on a device.
///
/// # Safety
/// As the conventions of the header ask.
unsafe fn with(device: *mut sealwire_device, run: impl FnOnce(&mut Device<'static>, &mut Platform) -> Result<()>) -> i32 {
    call(|| {
        // SAFETY: the caller's promise.
        let mut held = unsafe { get(device) }?;
        let State { device, platform } = &mut *held;
        run(device, platform)
    })
}

impl sealwire_origin {
    fn of(origin: Origin) -> Self {
        sealwire_origin { sid: origin.sid, number: origin.number }
    }

    fn to_device(self) -> Origin {
        Origin { sid: self.sid, number: self.number }
    }
}

/// Makes a device. Of the port it uses `random`, `key_agree`, `store_load`, `store_save` (`slot` is 0, `data` at most 164 bytes) and
/// `store_resists_rollback`; without a store that resists it every start makes a new handshake, and a message committed before may be delivered again after it.
/// The port is copied; its `context` must stay. Where its comments name sealwire_resume(), hand the frame to sealwire_device_handle_frame() again. Each device
/// needs a store of its own: two with one would use keys and numbers twice.
///
/// Statuses: OK; INVALID_ARGUMENT (also: no random source, only one of the two store functions, an inbox name of another form, commands in a library without); BUSY;
/// UNSUPPORTED_CREDENTIAL, MALFORMED, NOT_DETERMINISTIC (a credential of another form); OWN_IDENTITY (the peer's key is the own one).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_device_init(
    device: *mut sealwire_device,
    config: *const sealwire_device_config,
    port: *const sealwire_port,
) -> i32 {
    // SAFETY: as the conventions of the header ask; the caller keeps what the configuration points to.
    call(|| unsafe {
        let (from, port) = (record(config)?, *record(port)?);
        port.check()?;
        let mut platform = Platform { port, private_key: from.private_key };
        let own = bytes(from.own.data, from.own.length)?;
        let mut config = Config::new(own, KeyHandle(from.key_handle), bytes(from.peer.data, from.peer.length)?);
        let inbox = bytes(from.inbox.data, from.inbox.length)?;
        config.inbox = (!inbox.is_empty()).then_some(inbox);
        if from.handshake_interval_ms != 0 {
            config.handshake_interval_ms = from.handshake_interval_ms;
        }
        if from.resend_interval_ms != 0 {
            config.resend_interval_ms = from.resend_interval_ms;
        }
        config.command_lifetime_ms = from.command_lifetime_ms;
        let core = Device::new(&mut platform, config)?;
        put(device, State { platform, device: core })
    })
}

/// Erases every key from the memory, which is the caller's again. The stored session stays: the next start restores it. To end it, call
/// sealwire_device_session_close() before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sealwire_device_close(device: *mut sealwire_device) {
    // SAFETY: as the conventions of the header ask.
    unsafe { erase(device) }
}

/// Takes up the session in the store; the first call after sealwire_device_init(). `restored` is 1 if there is one: ESTABLISHED with `resumed`
/// follows, and RESEND for every message number that may be unacknowledged, also for some that were never used: send it again, or sealwire_device_abandon() it.
/// Where it is 0, sealwire_device_connect().
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (also: there is a session, or a handshake is under way); BUSY; CORRUPT_STATE (damaged, or stored for
/// other credentials) and UNSUPPORTED_STATE (another version's, or an endpoint's): connect, which replaces it; STORAGE_FAILED, RANDOM_FAILED: call again. To
/// connect instead would forget which messages were committed, and they may be delivered again.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_device_restore(device: *mut sealwire_device, now_ms: u64, restored: *mut u8) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(device, |device, port| {
            let result = Output::new(restored)?;
            result.write(u8::from(device.restore(port, now_ms)?));
            Ok(())
        })
    }
}

/// Starts a handshake with the peer, and gives up one that is under way. Poll for what to send; ESTABLISHED or HANDSHAKE_FAILED follows. A session that
/// there is serves until ESTABLISHED. After HANDSHAKE_FAILED wait a little before the next: whoever is on the line can make it fail at once.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; RANDOM_FAILED.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_device_connect(device: *mut sealwire_device, now_ms: u64) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe { with(device, |device, port| device.connect(port, now_ms)) }
}

/// Hands in a frame. It is decrypted in place, and `message` points into it; other events come from sealwire_device_poll_event(). A failure says why
/// the frame was refused, and changes nothing but what limits failures; a record that verified (DUPLICATE, STALE, UNSUPPORTED_OPTION) is used up. After a
/// failure the bytes of `frame` are undefined, except after PENDING: they are unchanged then; hand the frame in again when the key operation has finished.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; PENDING; STORAGE_FAILED; RANDOM_FAILED; MALFORMED; UNSUPPORTED_VERSION; UNSUPPORTED_FRAME;
/// UNSUPPORTED_OPTION; NOT_DETERMINISTIC; UNKNOWN_CONTEXT; DECRYPT_FAILED; REPLAY; DUPLICATE; STALE (a command that came too late, or that is not taken);
/// STALE_EPOCH; KEY_EXHAUSTED (connect: the next session has new keys); of handshake frames UNKNOWN_CREDENTIAL, AUTHENTICATION_FAILED, INVALID_KEY, SAME_IDENTIFIER,
/// UNKNOWN_CRITICAL_EAD, BUFFER_TOO_SMALL, UNKNOWN_KEY.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_device_handle_frame(
    device: *mut sealwire_device,
    now_ms: u64,
    frame: *mut u8,
    frame_length: usize,
    message: *mut sealwire_device_message,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(device, |device, port| {
            let result = Output::new(message)?;
            let none = sealwire_origin::of(Origin::default());
            let (topic, payload) = (sealwire_bytes::EMPTY, sealwire_bytes::EMPTY);
            let mut place = sealwire_device_message {
                arrived: 0,
                command: 0,
                confirmable: 0,
                late: 0,
                has_origin: 0,
                name: none,
                origin: none,
                missing: 0,
                topic,
                payload,
            };
            let mut found = Message::default();
            if device.handle_frame_into(port, now_ms, bytes_mut(frame, frame_length)?, &mut found)? {
                place.arrived = 1;
                place.command = u8::from(found.command);
                place.late = u8::from(found.late);
                place.name.sid = found.sid;
                if let Some(number) = found.number {
                    place.confirmable = 1;
                    place.name.number = number;
                }
                if let Some(origin) = found.origin {
                    place.has_origin = 1;
                    place.origin = sealwire_origin::of(origin);
                }
                place.missing = found.missing;
                place.topic = sealwire_bytes::of(found.topic.unwrap_or_default());
                place.payload = sealwire_bytes::of(found.payload);
            }
            result.write(place);
            Ok(())
        })
    }
}

/// The next event, or SEALWIRE_EVENT_NONE. Poll after every other call until there is none.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_device_poll_event(device: *mut sealwire_device, event: *mut sealwire_device_event) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(device, |device, _| {
            let result = Output::new(event)?;
            let mut place = sealwire_device_event {
                event: SEALWIRE_EVENT_NONE,
                reason: 0,
                resumed: 0,
                has_ended: 0,
                ended: [0; 8],
                number: 0,
                missing: 0,
            };
            match device.poll_event() {
                None => {}
                Some(Event::Established { resumed, ended }) => {
                    place.event = SEALWIRE_EVENT_ESTABLISHED;
                    place.resumed = u8::from(resumed);
                    place.has_ended = u8::from(ended.is_some());
                    place.ended = ended.unwrap_or_default();
                }
                Some(Event::HandshakeFailed { reason }) => {
                    place.event = SEALWIRE_EVENT_HANDSHAKE_FAILED;
                    place.reason = number(reason);
                }
                Some(Event::Acknowledged { top, missing }) => {
                    place.event = SEALWIRE_EVENT_ACKNOWLEDGED;
                    place.number = top;
                    place.missing = missing;
                }
                Some(Event::Resend { number }) => {
                    place.event = SEALWIRE_EVENT_RESEND;
                    place.number = number;
                }
                Some(Event::PeerSilent) => place.event = SEALWIRE_EVENT_PEER_SILENT,
            }
            result.write(place);
            Ok(())
        })
    }
}

/// Does what is due, and writes the next frame that the device itself wants sent; `length` is 0 when there is none. Poll after every other call until it is,
/// and when sealwire_device_poll_timeout() is due. `SEALWIRE_DEVICE_FRAME_MAX` bytes are enough.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; BUFFER_TOO_SMALL; STORAGE_FAILED; RANDOM_FAILED; KEY_EXHAUSTED (connect: the next session
/// has new keys). After a failure stop polling; it is tried again when sealwire_device_poll_timeout() says.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_device_poll_transmit(
    device: *mut sealwire_device,
    now_ms: u64,
    frame: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(device, |device, port| {
            let result = Output::new(length)?;
            result.write(device.poll_transmit(port, now_ms, bytes_mut(frame, capacity)?)?);
            Ok(())
        })
    }
}

/// When to go round again if no frame comes before: a moment on the clock of now_ms; UINT64_MAX if nothing waits, 0 while an event does.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_device_poll_timeout(device: *mut sealwire_device, due_ms: *mut u64) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(device, |device, _| {
            Output::new(due_ms)?.write(device.poll_timeout());
            Ok(())
        })
    }
}

/// Protects a message into `frame`. `capacity`: payload, topic name and `SEALWIRE_DEVICE_OVERHEAD_MAX`. Nothing is used up by a failure.
///
/// Statuses: OK; INVALID_ARGUMENT (also: `number` is not outstanding); WRONG_STATE (also: no session); BUSY; WINDOW_FULL (64 confirmable
/// messages are out; those with `origin` go before new ones); KEY_EXHAUSTED (connect: the next session has new keys); STORAGE_FAILED; RANDOM_FAILED; BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_device_send(
    device: *mut sealwire_device,
    now_ms: u64,
    message: *const sealwire_device_outgoing,
    frame: *mut u8,
    capacity: usize,
    sent: *mut sealwire_device_sent,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(device, |device, port| {
            let (result, from) = (Output::new(sent)?, record(message)?);
            let (topic, payload) = (bytes(from.topic.data, from.topic.length)?, bytes(from.payload.data, from.payload.length)?);
            disjoint(topic, frame, capacity)?;
            disjoint(payload, frame, capacity)?;
            let message = Outgoing {
                confirmable: from.confirmable != 0,
                number: (from.again != 0).then_some(from.number),
                origin: (from.has_origin != 0).then_some(from.origin.to_device()),
                topic: (!topic.is_empty()).then_some(topic),
                payload,
            };
            let done = device.send(port, now_ms, &message, bytes_mut(frame, capacity)?)?;
            let name = Origin { sid: device.sid().unwrap_or_default(), number: done.number.unwrap_or_default() };
            result.write(sealwire_device_sent {
                length: done.length,
                confirmable: u8::from(done.number.is_some()),
                name: sealwire_origin::of(name),
            });
            Ok(())
        })
    }
}

/// Says that the effect of a confirmable message is durable: stored, then acknowledged to the sender. Of `message` only `name`, `has_origin` and
/// `origin` are read, so its frame may be gone.
///
/// Statuses: OK; INVALID_ARGUMENT (no such message was delivered); WRONG_STATE; BUSY; UNKNOWN_SESSION (it ended long ago, and the message may come again);
/// STORAGE_FAILED (call again).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_device_commit(device: *mut sealwire_device, now_ms: u64, message: *const sealwire_device_message) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(device, |device, port| {
            let message = record(message)?;
            let origin = (message.has_origin != 0).then_some(message.origin.to_device());
            device.commit(port, now_ms, message.name.to_device(), origin)
        })
    }
}

/// Gives up a confirmable message: RESEND does not come for it again.
///
/// Statuses: OK; INVALID_ARGUMENT (it is not outstanding); WRONG_STATE; BUSY.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_device_abandon(device: *mut sealwire_device, number: u64) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe { with(device, |device, _| device.abandon(number)) }
}

/// Ends the session at this end: erased from the store and from memory, with the handshake under way and the events that wait. The peer is not told; what it
/// has not seen acknowledged, it may send again under the next session, and it is delivered again. The device goes on, and may connect.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; STORAGE_FAILED.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_device_session_close(device: *mut sealwire_device) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe { with(device, |device, port| device.close(port)) }
}

/// Looks at a device.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_device_read(device: *mut sealwire_device, info: *mut sealwire_device_info) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(device, |device, _| {
            let (sid, connecting) = (device.sid(), u8::from(device.is_connecting()));
            Output::new(info)?.write(sealwire_device_info {
                established: u8::from(sid.is_some()),
                connecting,
                sid: sid.unwrap_or_default(),
            });
            Ok(())
        })
    }
}
