//! What is done with a session: send, commit, keys, getters.

use crate::endpoint::{sealwire_endpoint, with};
use crate::event::{
    SEALWIRE_KIND_COMMAND, SEALWIRE_KIND_DATA, SEALWIRE_TOPIC_ADDRESSED, SEALWIRE_TOPIC_IN_PLACE, SEALWIRE_TOPIC_NONE, core_handle, handle,
    role, sealwire_origin, sealwire_route,
};
use crate::memory::{Output, array, bytes, bytes_mut, disjoint, record};
use crate::types::sealwire_bytes;
use sealwire_core::credential::Thumbprint;
use sealwire_core::endpoint::{Counters, Kind, Outgoing, SessionHandle, Topic};
use sealwire_core::error::{Error, Result};

/// A message to send. Start from `SEALWIRE_OUTGOING_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_outgoing {
    /// `SEALWIRE_KIND_DATA` or `SEALWIRE_KIND_COMMAND`.
    pub kind: i32,
    /// `SEALWIRE_TOPIC_...`: how `topic` is used.
    pub topic_use: i32,
    /// 1: numbered, RESEND until the receiving application has committed it, delivered once.
    pub confirmable: u8,
    /// 1: send again under `number`, after RESEND or a restart.
    pub again: u8,
    /// 1: was sent first under a session that has ended; `origin` says which.
    pub has_origin: u8,
    /// 1: the broker should keep it.
    pub retain: u8,
    /// 1: `expiry_s` is meant.
    pub has_expiry: u8,
    /// Message expiry in seconds, with `has_expiry`.
    pub expiry_s: u32,
    /// The number given before, with `again`.
    pub number: u64,
    /// Session and number of the first sending, with `has_origin`.
    pub origin: sealwire_origin,
    /// Topic name relative to the realm, 1 to 255 bytes of UTF-8.
    pub topic: sealwire_bytes,
    /// The plaintext; may be empty.
    pub payload: sealwire_bytes,
    /// Content type, 1 to 64 bytes of UTF-8; empty: none.
    pub content_type: sealwire_bytes,
}

/// A message was protected.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_sent {
    /// Bytes in the frame buffer.
    pub length: usize,
    /// Where the frame goes; a message in place goes to its topic instead.
    pub route: sealwire_route,
    /// 1: it has a `number`.
    pub confirmable: u8,
    /// Its number, if confirmable.
    pub number: u64,
}

impl sealwire_outgoing {
    /// # Safety
    /// The bytes it names are readable during `'a`, `frame` is as [`bytes_mut`].
    unsafe fn read<'a>(&self, frame: *const u8, capacity: usize) -> Result<Outgoing<'a>> {
        // SAFETY: the caller's promise.
        let (topic, payload, content_type) = unsafe {
            (part(&self.topic, frame, capacity)?, part(&self.payload, frame, capacity)?, part(&self.content_type, frame, capacity)?)
        };
        Ok(Outgoing {
            kind: match self.kind {
                SEALWIRE_KIND_DATA => Kind::Data,
                SEALWIRE_KIND_COMMAND => Kind::Command,
                _ => return Err(Error::InvalidArgument),
            },
            confirmable: self.confirmable != 0,
            topic: match self.topic_use {
                SEALWIRE_TOPIC_NONE => Topic::None,
                SEALWIRE_TOPIC_IN_PLACE => Topic::InPlace(topic),
                SEALWIRE_TOPIC_ADDRESSED => Topic::Addressed(topic),
                _ => return Err(Error::InvalidArgument),
            },
            retain: self.retain != 0,
            expiry_s: (self.has_expiry != 0).then_some(self.expiry_s),
            content_type: match content_type {
                [] => None,
                text => Some(core::str::from_utf8(text).map_err(|_| Error::InvalidArgument)?),
            },
            payload,
            number: (self.again != 0).then_some(self.number),
            origin: (self.has_origin != 0).then(|| self.origin.to_core()),
        })
    }
}

/// A part of a message, which must not lie in the frame.
///
/// # Safety
/// As [`sealwire_outgoing::read`].
#[inline(never)]
unsafe fn part<'a>(part: &sealwire_bytes, frame: *const u8, capacity: usize) -> Result<&'a [u8]> {
    // SAFETY: the caller's promise.
    let part = unsafe { bytes(part.data, part.length) }?;
    disjoint(part, frame, capacity)?;
    Ok(part)
}

/// Protects a message into `frame`, to be sent where `sent` says. `capacity`: payload, topic name and content type, and
/// `SEALWIRE_OVERHEAD_MAX`.
///
/// A command needs a fresh offer of the receiver: NO_OFFER means that one was asked for, and COMMAND_READY follows. It never does where
/// the receiver has not set `takes_commands`.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (also: the peer has not confirmed the session yet); BUSY; UNKNOWN_SESSION; WINDOW_FULL (messages with
/// `origin` go before new ones); NO_OFFER; KEY_EXHAUSTED; STORAGE_FAILED; RANDOM_FAILED; BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_send(
    endpoint: *mut sealwire_endpoint,
    now_ms: u64,
    session: u32,
    message: *const sealwire_outgoing,
    frame: *mut u8,
    capacity: usize,
    sent: *mut sealwire_sent,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let result = Output::new(sent)?;
            let message = record(message)?;
            let message = message.read(frame, capacity)?;
            let frame = bytes_mut(frame, capacity)?;
            let (endpoint, mut platform) = state.split();
            let done = endpoint.send(&mut platform, now_ms, SessionHandle(core_handle(session)), &message, frame)?;
            result.write(sealwire_sent {
                length: done.len,
                route: sealwire_route::from_core(done.route),
                confirmable: done.number.is_some().into(),
                number: done.number.unwrap_or_default(),
            });
            Ok(())
        })
    }
}

/// Says that the effect of a confirmable message is durable: stored, then acknowledged to the sender. `number` and `origin` are those
/// of the message; `origin` is NULL if it has none.
///
/// Statuses: OK; INVALID_ARGUMENT (no such message was delivered); WRONG_STATE; BUSY; UNKNOWN_SESSION; STORAGE_FAILED.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_commit(
    endpoint: *mut sealwire_endpoint,
    now_ms: u64,
    session: u32,
    number: u64,
    origin: *const sealwire_origin,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let origin = if origin.is_null() { None } else { Some(record(origin)?.to_core()) };
            let (endpoint, mut platform) = state.split();
            endpoint.commit(&mut platform, now_ms, SessionHandle(core_handle(session)), number, origin)
        })
    }
}

/// Gives up a confirmable message: RESEND does not come for it again. For a number whose message the application no longer has,
/// as after a restart; until then it counts among the 64.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; UNKNOWN_SESSION.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_abandon(endpoint: *mut sealwire_endpoint, session: u32, number: u64) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe { with(endpoint, |state| state.split().0.abandon(SessionHandle(core_handle(session)), number)) }
}

/// Asks the peer for new keys; KEY_UPDATED follows. Heals no compromise: for that, connect again.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (also: not confirmed yet); BUSY (also: an update is under way); UNKNOWN_SESSION; RANDOM_FAILED;
/// KEY_EXHAUSTED.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_key_update(endpoint: *mut sealwire_endpoint, now_ms: u64, session: u32) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let (endpoint, mut platform) = state.split();
            endpoint.key_update(&mut platform, now_ms, SessionHandle(core_handle(session)))
        })
    }
}

/// Ends a session at this end: erased from memory and store. The peer is not told; its records are answered as unknown.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; UNKNOWN_SESSION; STORAGE_FAILED.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_session_close(endpoint: *mut sealwire_endpoint, session: u32) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let (endpoint, mut platform) = state.split();
            endpoint.close(&mut platform, SessionHandle(core_handle(session)))
        })
    }
}

/// A secret that both ends of the session get for the same label (33000 and above) and context: the EDHOC exporter. After a key update it is
/// another one: see KEY_UPDATED, and `epoch` of sealwire_session().
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; UNKNOWN_SESSION.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_export(
    endpoint: *mut sealwire_endpoint,
    session: u32,
    label: u64,
    context: *const u8,
    context_length: usize,
    secret: *mut u8,
    secret_length: usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let context = bytes(context, context_length)?;
            disjoint(context, secret, secret_length)?;
            let secret = bytes_mut(secret, secret_length)?;
            if secret.is_empty() {
                return Err(Error::InvalidArgument);
            }
            let (endpoint, mut platform) = state.split();
            endpoint.export(&mut platform, SessionHandle(core_handle(session)), label, context, secret)
        })
    }
}

/// What is known about a session; no secrets.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_session_info {
    /// Its handle.
    pub session: u32,
    /// `SEALWIRE_ROLE_...`: what this end was in the handshake.
    pub role: i32,
    /// Cipher suite.
    pub suite: i32,
    /// Key epoch.
    pub epoch: u32,
    /// Confirmable messages not acknowledged yet, 0 to 64.
    pub unacknowledged: u32,
    /// 0: a Responder that has not verified a record yet; it receives and does not send.
    pub confirmed: u8,
    /// 1: a command can be sent now.
    pub command_ready: u8,
    /// Its name on both ends.
    pub sid: [u8; 8],
    /// The peer's identity.
    pub peer: [u8; 16],
    /// This end's identity.
    pub own: [u8; 16],
    /// Where frames go.
    pub route: sealwire_route,
    /// The next message number.
    pub next_number: u64,
}

/// Looks at a session.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; UNKNOWN_SESSION.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_session(
    endpoint: *mut sealwire_endpoint,
    now_ms: u64,
    session: u32,
    info: *mut sealwire_session_info,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let result = Output::new(info)?;
            let info = state.endpoint().session(SessionHandle(core_handle(session)), now_ms)?;
            result.write(sealwire_session_info {
                session: handle(info.session.0),
                role: role(info.role),
                suite: info.suite.number().into(),
                epoch: info.epoch,
                unacknowledged: info.unacknowledged,
                confirmed: info.confirmed.into(),
                command_ready: info.command_ready.into(),
                sid: info.sid.0,
                peer: info.peer.0,
                own: info.own.0,
                route: sealwire_route::from_core(info.route),
                next_number: info.next_number,
            });
            Ok(())
        })
    }
}

/// The session that stands with a peer, whose identity is 16 bytes.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; UNKNOWN_SESSION.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_find(endpoint: *mut sealwire_endpoint, peer: *const u8, session: *mut u32) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let result = Output::new(session)?;
            let peer = Thumbprint(*array::<16>(peer)?);
            result.write(handle(state.endpoint().find(&peer).ok_or(Error::UnknownSession)?.0));
            Ok(())
        })
    }
}

/// Handles of all sessions: writes at most `capacity` of them, and their number, which can be more.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_sessions(
    endpoint: *mut sealwire_endpoint,
    sessions: *mut u32,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let count = Output::new(count)?;
            if capacity > 0 {
                Output::new(sessions)?;
            }
            let mut found = 0usize;
            for session in state.endpoint().sessions() {
                if found < capacity {
                    Output::new(sessions.wrapping_add(found))?.write(handle(session.0));
                }
                found = found.saturating_add(1);
            }
            count.write(found);
            Ok(())
        })
    }
}

/// How often what happened since the start; they wrap around. None of them is secret.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_counters {
    /// Frames handed in.
    pub frames: u32,
    /// Records delivered or used by the endpoint itself.
    pub records: u32,
    /// Frames that do not parse, or of another version or type.
    pub malformed: u32,
    /// Records for no session here.
    pub unknown_context: u32,
    /// Records that do not verify.
    pub decrypt_failed: u32,
    /// Replays.
    pub replay: u32,
    /// Redeliveries.
    pub duplicate: u32,
    /// Stale commands.
    pub stale: u32,
    /// Records with an unknown option.
    pub unsupported_option: u32,
    /// Records missing; a late one is not subtracted.
    pub missing: u32,
    /// Records that filled a gap.
    pub late: u32,
    /// Handshakes completed.
    pub handshakes: u32,
    /// Handshakes that ended without a session.
    pub handshakes_failed: u32,
    /// Handshake messages that were ignored: failing, late, or for no handshake here.
    pub handshake_ignored: u32,
    /// Half-open handshakes that made room for others.
    pub evicted: u32,
    /// EDHOC errors received.
    pub peer_errors: u32,
    /// unknown-context frames received.
    pub unknown_context_received: u32,
    /// Damaged entries found in the store.
    pub corrupt: u32,
    /// Store operations that failed.
    pub storage_failed: u32,
}

impl From<&Counters> for sealwire_counters {
    fn from(from: &Counters) -> Self {
        sealwire_counters {
            frames: from.frames,
            records: from.records,
            malformed: from.malformed,
            unknown_context: from.unknown_context,
            decrypt_failed: from.decrypt_failed,
            replay: from.replay,
            duplicate: from.duplicate,
            stale: from.stale,
            unsupported_option: from.unsupported_option,
            missing: from.missing,
            late: from.late,
            handshakes: from.handshakes,
            handshakes_failed: from.handshakes_failed,
            handshake_ignored: from.handshake_ignored,
            evicted: from.evicted,
            peer_errors: from.peer_errors,
            unknown_context_received: from.unknown_context_received,
            corrupt: from.corrupt,
            storage_failed: from.storage_failed,
        }
    }
}

/// Reads the counters.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_read_counters(endpoint: *mut sealwire_endpoint, counters: *mut sealwire_counters) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            Output::new(counters)?.write(sealwire_counters::from(&state.endpoint().counters()));
            Ok(())
        })
    }
}
