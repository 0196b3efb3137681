//! EDHOC message by message (RFC 9528 with message_4).

use crate::config::{Identity, checked, method, methods, sealwire_config};
use crate::event::role;
use crate::key::Algorithms;
use crate::memory::{Output, bytes, bytes_mut, disjoint, record, records};
use crate::placed::{Opaque, call, erase, get, put};
use crate::port::{Platform, sealwire_port};
use crate::status::answer;
use crate::types::sealwire_bytes;
use core::ffi::c_void;
use sealwire_core::bytes::{Writer, copy};
use sealwire_core::crypto::{Provider, Suite};
use sealwire_core::edhoc::{
    AwaitMessage2, AwaitMessage3, AwaitMessage4, Completed, ConnectionId, Ead, Ephemeral, MAX_EAD_ITEMS, Message1, compose_message_1,
    exporter, process_message_1,
};
use sealwire_core::error::{Error, Result};

/// A handshake under way. The members are the library's. Start from {{0}}. Close it with sealwire_handshake_erase(); it must not be moved.
#[repr(C)]
pub struct sealwire_handshake {
    /// Private.
    pub opaque: [u64; 18],
}

// SAFETY: an array of integers.
unsafe impl Opaque for sealwire_handshake {
    type Value = Step;
    const TAG: usize = 0x4853;
    const CALLS_BACK: bool = true;
}

/// Which message is awaited.
pub enum Step {
    /// As Responder, the same message_1 again, by its hash: a signature is pending.
    One(Ephemeral, [u8; 32]),
    /// As Initiator, message_2.
    Two(AwaitMessage2),
    /// As Responder, message_3.
    Three(AwaitMessage3),
    /// As Initiator, message_4.
    Four(AwaitMessage4),
    /// None.
    Done {
        /// What it yielded.
        completed: Completed,
        /// Contexts were made of it: others would use the same keys and nonces again.
        used: bool,
    },
}

/// An item of external authorization data.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_ead {
    /// The label as on the wire; a negative one is critical.
    pub label: i64,
    /// The value.
    pub value: sealwire_bytes,
    /// 0: there is no value, not even an empty one.
    pub has_value: u8,
}

/// What one step of a handshake works with. Start from {0}; `config` and `port` are needed in every step. A PLAINTEXT of more than 768 bytes
/// (a chain of certificates) is BUFFER_TOO_SMALL here; an endpoint with a larger `handshake_buffer` takes it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_step {
    /// Only `own`, `peers`, `anchors`, the suites and the methods count.
    pub config: *const sealwire_config,
    /// `random`, the keys, `find_credential`, `authorize` and `now_s` count.
    pub port: *const sealwire_port,
    /// The message that came.
    pub message: sealwire_bytes,
    /// Items for the message to be composed, at most 8.
    pub ead: *const sealwire_ead,
    /// Number of items.
    pub ead_count: usize,
    /// Sees each item of the message that came, before that is verified. Answers OK if it knows the label, UNKNOWN_CRITICAL_EAD if
    /// not, anything else to abort. `context` is the port's. NULL: no label is known.
    pub on_ead: Option<unsafe extern "C" fn(context: *mut c_void, item: *const sealwire_ead) -> i32>,
    /// For message_3: the inbox name that the Initiator claimed in EAD_1.
    pub inbox: sealwire_bytes,
    /// For message_2: 1 sends the own credential itself even if it is configured to go by its identifier.
    pub by_value: u8,
}

/// What a handshake yields.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_handshake_info {
    /// `SEALWIRE_ROLE_...`: what this end was.
    pub role: i32,
    /// The EDHOC method, 0 to 3.
    pub method: i32,
    /// The cipher suite.
    pub suite: i32,
    /// The Initiator's connection identifier.
    pub c_i: [u8; 4],
    /// Its length.
    pub c_i_length: u8,
    /// The Responder's connection identifier.
    pub c_r: [u8; 4],
    /// Its length.
    pub c_r_length: u8,
    /// This end's identity.
    pub own: [u8; 16],
    /// The peer's identity, authenticated.
    pub peer: [u8; 16],
    /// Name of the session on both ends.
    pub sid: [u8; 8],
}

/// Room for a decrypted plaintext, which is shorter than its message.
const SCRATCH: usize = 768;

/// A step with its pointers turned into references.
struct Work<'a> {
    port: &'a sealwire_port,
    identity: Identity,
    config: &'a sealwire_config,
    message: &'a [u8],
    ead: [Ead<'a>; MAX_EAD_ITEMS],
    ead_count: usize,
    inbox: &'a [u8],
    on_ead: Option<unsafe extern "C" fn(*mut c_void, *const sealwire_ead) -> i32>,
    by_value: bool,
}

impl<'a> Work<'a> {
    /// # Safety
    /// What the step points to is readable during `'a`.
    unsafe fn new(step: *const sealwire_step, output: *const u8, capacity: usize) -> Result<Self> {
        // SAFETY: the caller's promise.
        unsafe {
            let step = record(step)?;
            let (config, port) = (checked(step.config)?, record(step.port)?);
            let identity = Identity::new(config)?;
            let message = bytes(step.message.data, step.message.length)?;
            disjoint(message, output, capacity)?;
            let mut ead = [Ead { label: 0, value: None }; MAX_EAD_ITEMS];
            let items = records(step.ead, step.ead_count)?;
            for (place, item) in ead.get_mut(..items.len()).ok_or(Error::InvalidArgument)?.iter_mut().zip(items) {
                let value = bytes(item.value.data, item.value.length)?;
                disjoint(value, output, capacity)?;
                *place = Ead { label: item.label, value: (item.has_value != 0).then_some(value) };
            }
            let inbox = bytes(step.inbox.data, step.inbox.length)?;
            disjoint(inbox, output, capacity)?;
            let (on_ead, by_value) = (step.on_ead, step.by_value != 0);
            Ok(Work { port, identity, config, message, ead, ead_count: items.len(), inbox, on_ead, by_value })
        }
    }

    fn platform(&self) -> Platform<'_> {
        Platform { port: self.port, identity: &self.identity }
    }

    fn ead(&self) -> &[Ead<'a>] {
        self.ead.get(..self.ead_count).unwrap_or_default()
    }

    fn see(&self, item: &Ead<'_>) -> Result<bool> {
        let Some(on_ead) = self.on_ead else { return Ok(false) };
        let value = sealwire_bytes::of(item.value.unwrap_or_default());
        let shown = sealwire_ead { label: item.label, value, has_value: item.value.is_some().into() };
        // SAFETY: the application's function; what it is shown outlives the call.
        match answer(unsafe { on_ead(self.port.context, &shown) }, Error::UnknownCriticalEad) {
            Ok(()) => Ok(true),
            Err(Error::UnknownCriticalEad) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The configured suites in order of preference.
    fn suites<'s>(&self, room: &'s mut [Suite; 4]) -> Result<&'s [Suite]> {
        let defaults = sealwire_core::endpoint::Config::default();
        let chosen = crate::config::suites(self.config, &self.identity, &defaults)?;
        let mut count = 0usize;
        for (place, suite) in room.iter_mut().zip(chosen.iter().flatten()) {
            *place = *suite;
            count = count.saturating_add(1);
        }
        room.get(..count).ok_or(Error::Internal)
    }
}

/// A suite of this build, to fill arrays with.
fn some_suite() -> Result<Suite> {
    Suite::ALL.first().copied().ok_or(Error::UnsupportedSuite)
}

/// As Initiator: composes message_1 for one of the configured suites, and starts `handshake`. `c_i`: 1 to 4 bytes by which the peer's
/// records will be known here.
///
/// Statuses: OK; INVALID_ARGUMENT; VERSION_MISMATCH; BUFFER_TOO_SMALL (100 bytes and the EAD items are enough); RANDOM_FAILED;
/// UNSUPPORTED_SUITE; those of sealwire_endpoint_init() for the credentials.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_message_1_compose(
    handshake: *mut sealwire_handshake,
    step: *const sealwire_step,
    suite: u8,
    c_i: *const u8,
    c_i_length: usize,
    message_1: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let (_, result) = (Output::new(handshake)?, Output::new(length)?);
        let work = Work::new(step, message_1, capacity)?;
        let mut room = [some_suite()?; 4];
        let suites = work.suites(&mut room)?;
        let suite = Suite::from_number(suite.into()).ok_or(Error::UnsupportedSuite)?;
        let c_i = ConnectionId::new(bytes(c_i, c_i_length)?)?;
        let mut out = Writer::new(bytes_mut(message_1, capacity)?);
        let next = compose_message_1(&mut work.platform(), method(work.config), suites, suite, c_i, work.ead(), &mut out)?;
        put(handshake, Step::Two(next))?;
        result.write(out.len());
        Ok(())
    })
}

/// As Responder: processes message_1, composes message_2, and starts `handshake`. `c_r` must differ from C_I. After PENDING `handshake` holds
/// a key pair: repeat the call with the same struct and arguments, or erase it.
///
/// Statuses: OK; INVALID_ARGUMENT; VERSION_MISMATCH; PENDING; BUFFER_TOO_SMALL; RANDOM_FAILED; MALFORMED; NOT_DETERMINISTIC; UNSUPPORTED_METHOD;
/// UNSUPPORTED_SUITE; SAME_IDENTIFIER; UNKNOWN_CRITICAL_EAD; INVALID_KEY; UNKNOWN_CREDENTIAL (no own one); UNKNOWN_KEY; those of
/// sealwire_endpoint_init() for the credentials.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_message_1_process(
    handshake: *mut sealwire_handshake,
    step: *const sealwire_step,
    c_r: *const u8,
    c_r_length: usize,
    message_2: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let (_, result) = (Output::new(handshake)?, Output::new(length)?);
        let work = Work::new(step, message_2, capacity)?;
        let mut room = [some_suite()?; 4];
        let suites = work.suites(&mut room)?;
        let c_r = ConnectionId::new(bytes(c_r, c_r_length)?)?;
        let mut out = Writer::new(bytes_mut(message_2, capacity)?);
        let mut scratch = [0; SCRATCH];
        let mut see = |item: &Ead<'_>| work.see(item);
        let (mut platform, methods) = (work.platform(), methods(work.config)?);
        let (_, suite) = Message1::parse(work.message)?.check(methods, suites)?;
        // The same pair as before the signature was pending, or what is signed would not be the same either; for another message_1 a new one.
        let h_message_1 = platform.hash(&[work.message]);
        let kept = match get(handshake).as_deref() {
            Ok(Step::One(y, hash)) if *hash == h_message_1 && y.curve() == suite.curve() => Some(y.clone()),
            _ => None,
        };
        let y = kept.map_or_else(|| Ephemeral::generate(&mut platform, suite.curve()), Ok)?;
        let outcome =
            process_message_1(&mut platform, methods, suites, &y, c_r, work.message, &mut see, work.ead(), &mut scratch, &mut out);
        if matches!(outcome, Err(Error::Pending)) {
            put(handshake, Step::One(y, h_message_1))?;
        }
        put(handshake, Step::Three(outcome?))?;
        result.write(out.len());
        Ok(())
    })
}

/// As Initiator: verifies message_2 and composes message_3. A failure leaves the handshake waiting for message_2. Once it has succeeded, send
/// the same message_3 again if need be, never another.
///
/// Statuses: OK; INVALID_ARGUMENT; VERSION_MISMATCH; WRONG_STATE; PENDING; BUFFER_TOO_SMALL; MALFORMED; NOT_DETERMINISTIC; those from UNSUPPORTED_SUITE to DENIED;
/// UNKNOWN_KEY.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_message_2_process(
    handshake: *mut sealwire_handshake,
    step: *const sealwire_step,
    message_3: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let result = Output::new(length)?;
        let mut held = get(handshake)?;
        let Step::Two(state) = &*held else { return Err(Error::WrongState) };
        let work = Work::new(step, message_3, capacity)?;
        let mut out = Writer::new(bytes_mut(message_3, capacity)?);
        let mut scratch = [0; SCRATCH];
        let mut see = |item: &Ead<'_>| work.see(item);
        let mut platform = work.platform();
        let next = state.process_message_2(&mut platform, work.message, work.by_value, work.ead(), &mut see, &mut scratch, &mut out)?;
        *held = Step::Four(next);
        result.write(out.len());
        Ok(())
    })
}

/// As Responder: verifies message_3 and composes message_4. The handshake is done. A failure leaves it waiting for message_3.
///
/// Statuses: as sealwire_message_2_process().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_message_3_process(
    handshake: *mut sealwire_handshake,
    step: *const sealwire_step,
    message_4: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let result = Output::new(length)?;
        let mut held = get(handshake)?;
        let Step::Three(state) = &*held else { return Err(Error::WrongState) };
        let work = Work::new(step, message_4, capacity)?;
        let mut out = Writer::new(bytes_mut(message_4, capacity)?);
        let mut scratch = [0; SCRATCH];
        let mut see = |item: &Ead<'_>| work.see(item);
        let inbox = (!work.inbox.is_empty()).then_some(work.inbox);
        let mut platform = work.platform();
        let next = state.process_message_3(&mut platform, work.message, inbox, &mut see, work.ead(), &mut scratch, &mut out)?;
        *held = Step::Done { completed: next, used: false };
        result.write(out.len());
        Ok(())
    })
}

/// As Initiator: verifies message_4. The handshake is done. A failure leaves it waiting for message_4.
///
/// Statuses: OK; INVALID_ARGUMENT; VERSION_MISMATCH; WRONG_STATE; MALFORMED; NOT_DETERMINISTIC; AUTHENTICATION_FAILED; UNKNOWN_CRITICAL_EAD.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_message_4_process(handshake: *mut sealwire_handshake, step: *const sealwire_step) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let mut held = get(handshake)?;
        let Step::Four(state) = &*held else { return Err(Error::WrongState) };
        let work = Work::new(step, core::ptr::null(), 0)?;
        let mut scratch = [0; SCRATCH];
        let mut see = |item: &Ead<'_>| work.see(item);
        let next = state.process_message_4(&mut work.platform(), work.message, &mut see, &mut scratch)?;
        *held = Step::Done { completed: next, used: false };
        Ok(())
    })
}

/// What a finished handshake yielded. Error: `WrongState`.
pub(super) fn completed(step: &Step) -> Result<&Completed> {
    match step {
        Step::Done { completed, .. } => Ok(completed),
        _ => Err(Error::WrongState),
    }
}

fn identifier(from: ConnectionId) -> ([u8; 4], u8) {
    let mut to = [0; 4];
    let bytes = from.as_bytes();
    if let Some(place) = to.get_mut(..bytes.len()) {
        copy(place, bytes);
    }
    (to, u8::try_from(bytes.len()).unwrap_or_default())
}

/// The session's name: TH_4[0..8].
pub(super) fn sid(completed: &Completed) -> [u8; 8] {
    completed.th_4.first_chunk().copied().unwrap_or_default()
}

/// What the handshake found out.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not done).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_handshake_result(handshake: *mut sealwire_handshake, info: *mut sealwire_handshake_info) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let result = Output::new(info)?;
        let held = get(handshake)?;
        let done = completed(&held)?;
        let ((c_i, c_i_length), (c_r, c_r_length)) = (identifier(done.c_i), identifier(done.c_r));
        result.write(sealwire_handshake_info {
            role: role(done.role),
            method: done.method.number().into(),
            suite: done.suite.number().into(),
            c_i,
            c_i_length,
            c_r,
            c_r_length,
            own: done.own.0,
            peer: done.peer.0,
            sid: sid(done),
        });
        Ok(())
    })
}

/// EDHOC exporter: a secret that both ends get for the same label and context.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not done).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_handshake_export(
    handshake: *mut sealwire_handshake,
    label: u64,
    context: *const u8,
    context_length: usize,
    secret: *mut u8,
    secret_length: usize,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let context = bytes(context, context_length)?;
        disjoint(context, secret, secret_length)?;
        let secret = bytes_mut(secret, secret_length)?;
        if secret.is_empty() {
            return Err(Error::InvalidArgument);
        }
        exporter(&mut Algorithms, completed(&*get(handshake)?)?.prk_out(), label, context, secret)
    })
}

/// Erases a handshake and its keys. NULL, and what holds none, are left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sealwire_handshake_erase(handshake: *mut sealwire_handshake) {
    // SAFETY: as the conventions of the header ask.
    unsafe { erase(handshake) }
}
