//! Records one by one.

use super::handshake::{Step, completed, sealwire_handshake, sid};
use crate::key::Algorithms;
use crate::memory::{Output, bytes, bytes_mut, disjoint};
use crate::placed::{Opaque, call, erase, get, put};
use crate::types::sealwire_bytes;
use sealwire_core::bytes::copy;
use sealwire_core::error::Error;
use sealwire_core::record::{Header, Kind, Options, Outgoing, Parties, SecurityContext};

/// The security contexts of one session, for both directions. The members are the library's. Close it with sealwire_context_erase(); it
/// must not be moved, copied or stored: its records start anew with every handshake.
#[repr(C)]
pub struct sealwire_context {
    /// Private.
    pub opaque: [u64; 64],
}

// SAFETY: an array of integers.
unsafe impl Opaque for sealwire_context {
    type Value = SecurityContext;
    const TAG: usize = 0x4354;
    const CALLS_BACK: bool = false;
}

/// Application data; the same as `SEALWIRE_KIND_DATA`.
pub const SEALWIRE_RECORD_DATA: i32 = 0;
/// A command; its freshness was not judged.
pub const SEALWIRE_RECORD_COMMAND: i32 = 1;
/// The peer's endpoint speaks with ours; nothing for the application.
pub const SEALWIRE_RECORD_CONTROL: i32 = 2;

/// A record that was opened. Its bytes lie in the frame that was handed in.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_opened {
    /// `SEALWIRE_RECORD_...`
    pub kind: i32,
    /// The key epoch.
    pub epoch: u32,
    /// Its Partial IV.
    pub partial_iv: u64,
    /// Records missing right before it.
    pub missing: u64,
    /// 1: it fills an earlier gap.
    pub late: u8,
    /// 1: it has a `number`. The peer waits for an acknowledgement, which only endpoints send.
    pub confirmable: u8,
    /// The message number, if confirmable.
    pub number: u64,
    /// The encrypted topic name; empty if none.
    pub topic: sealwire_bytes,
    /// The plaintext.
    pub payload: sealwire_bytes,
}

/// Makes the contexts of a finished handshake, once: others would protect different records under the same nonces.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (the handshake is not done, or has given its contexts); BUSY.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_context_init(context: *mut sealwire_context, handshake: *mut sealwire_handshake) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        Output::new(context)?;
        let mut held = get(handshake)?;
        if matches!(&*held, Step::Done { used: true, .. }) {
            return Err(Error::WrongState);
        }
        let done = completed(&held)?;
        let parties =
            Parties { suite: done.suite, role: done.role, c_i: done.c_i, c_r: done.c_r, own: done.own, peer: done.peer, sid: sid(done) };
        let mut made = SecurityContext::new(&mut Algorithms, parties, done.prk_out())?;
        made.make_volatile();
        put(context, made)?;
        if let Step::Done { used, .. } = &mut *held {
            *used = true;
        }
        Ok(())
    })
}

/// Protects data. `topic`: the record is bound to this topic name, in place; NULL for none. `capacity`: 30 bytes more than the payload.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); BUFFER_TOO_SMALL; KEY_EXHAUSTED.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_context_protect(
    context: *mut sealwire_context,
    topic: *const u8,
    topic_length: usize,
    payload: *const u8,
    payload_length: usize,
    frame: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let result = Output::new(length)?;
        let (topic, payload) = (bytes(topic, topic_length)?, bytes(payload, payload_length)?);
        disjoint(topic, frame, capacity)?;
        disjoint(payload, frame, capacity)?;
        let mut context = get(context)?;
        let message = Outgoing { number: None, options: Options::default(), payload };
        let topic = (!topic.is_empty()).then_some(topic);
        result.write(context.protect(&mut Algorithms, &message, topic, bytes_mut(frame, capacity)?)?);
        Ok(())
    })
}

/// The connection identifier in a record's header: whose context opens it. `identifier_length`: that of all identifiers that this end
/// chooses; so many bytes are written.
///
/// Statuses: OK; INVALID_ARGUMENT; MALFORMED (no record).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_record_recipient(
    frame: *const u8,
    frame_length: usize,
    identifier_length: usize,
    identifier: *mut u8,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        if !(1..=4).contains(&identifier_length) {
            return Err(Error::InvalidArgument);
        }
        let frame = bytes(frame, frame_length)?;
        disjoint(frame, identifier, identifier_length)?;
        let out = bytes_mut(identifier, identifier_length)?;
        let header = Header::parse(frame, identifier_length)?;
        copy(out, header.recipient.as_bytes().get(..identifier_length).ok_or(Error::Internal)?);
        Ok(())
    })
}

/// Verifies a record and decrypts it in place. `topic`: the topic name it was published on, for records in place; else NULL.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); MALFORMED; NOT_DETERMINISTIC; UNKNOWN_CONTEXT (another recipient's);
/// DECRYPT_FAILED; REPLAY; DUPLICATE; STALE_EPOCH; KEY_EXHAUSTED; UNSUPPORTED_OPTION.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_context_unprotect(
    context: *mut sealwire_context,
    topic: *const u8,
    topic_length: usize,
    frame: *mut u8,
    frame_length: usize,
    opened: *mut sealwire_opened,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let result = Output::new(opened)?;
        let topic = bytes(topic, topic_length)?;
        disjoint(topic, frame, frame_length)?;
        let mut context = get(context)?;
        let frame = bytes_mut(frame, frame_length)?;
        let header = Header::parse(frame, context.parties().recipient_id().as_bytes().len())?;
        let topic = (!topic.is_empty()).then_some(topic);
        let verified = context.unprotect(&mut Algorithms, &header, topic, frame)?;
        let accepted = context.accept(verified.at)?;
        let content = verified.content()?;
        result.write(sealwire_opened {
            kind: match content.options.kind {
                Kind::Data => SEALWIRE_RECORD_DATA,
                Kind::Command => SEALWIRE_RECORD_COMMAND,
                Kind::Control => SEALWIRE_RECORD_CONTROL,
            },
            epoch: verified.at.epoch,
            partial_iv: verified.at.partial_iv,
            missing: accepted.missing,
            late: accepted.late.into(),
            confirmable: content.number.is_some().into(),
            number: content.number.unwrap_or_default(),
            topic: sealwire_bytes::of(content.options.topic.unwrap_or_default()),
            payload: sealwire_bytes::of(content.payload),
        });
        Ok(())
    })
}

/// Erases the contexts and their keys. NULL, and what holds none, are left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sealwire_context_erase(context: *mut sealwire_context) {
    // SAFETY: as the conventions of the header ask.
    unsafe { erase(context) }
}
