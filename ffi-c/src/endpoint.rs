//! The endpoint: its memory, its life, and the frame-by-frame calls.

use crate::config::{self, Identity, sealwire_config};
use crate::event::{core_handle, handle, sealwire_event, sealwire_route};
use crate::memory::{Output, array, bytes, bytes_mut, record};
use crate::port::{Platform, sealwire_port};
use crate::status::status;
use core::mem::{align_of, size_of};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use sealwire_core::credential::Thumbprint;
use sealwire_core::endpoint::{
    Endpoint, Event, Handshake, HandshakeId, MAX_CONTROL, MAX_OVERHEAD, MIN_HANDSHAKE_BUFFER, Route, Session, SliceTables,
};
use sealwire_core::error::{Error, Result};

/// Bytes of an endpoint without its sessions; see `SEALWIRE_ENDPOINT_SIZE`.
#[cfg(target_pointer_width = "64")]
pub const SEALWIRE_ENDPOINT_BASE_SIZE: usize = 520;
/// Bytes of an endpoint without its sessions; see `SEALWIRE_ENDPOINT_SIZE`.
#[cfg(not(target_pointer_width = "64"))]
pub const SEALWIRE_ENDPOINT_BASE_SIZE: usize = 400;
/// Bytes that an endpoint takes besides where the library has the feature `setup`, which needs `responder`; see `SEALWIRE_ENDPOINT_SIZE`.
pub const SEALWIRE_SETUP_SIZE: usize = 304;
/// Bytes of one session; see `SEALWIRE_ENDPOINT_SIZE`. A peer needs two while a new session replaces an old one.
#[cfg(target_pointer_width = "64")]
pub const SEALWIRE_SESSION_SIZE: usize = 760;
/// Bytes of one session; see `SEALWIRE_ENDPOINT_SIZE`. A peer needs two while a new session replaces an old one.
#[cfg(not(target_pointer_width = "64"))]
pub const SEALWIRE_SESSION_SIZE: usize = 752;
/// Bytes of one open handshake with the default buffer; see `SEALWIRE_ENDPOINT_SIZE`.
#[cfg(target_pointer_width = "64")]
pub const SEALWIRE_HANDSHAKE_SIZE: usize = 776;
/// Bytes of one open handshake with the default buffer; see `SEALWIRE_ENDPOINT_SIZE`.
#[cfg(not(target_pointer_width = "64"))]
pub const SEALWIRE_HANDSHAKE_SIZE: usize = 768;
/// Bytes of one group. This version has no groups.
pub const SEALWIRE_GROUP_SIZE: usize = 0;
/// A frame is at most so much longer than its payload, topic name and content type.
pub const SEALWIRE_OVERHEAD_MAX: usize = 180;
/// The buffer of one open handshake unless the configuration's `handshake_buffer` says otherwise: no frame of sealwire_poll_transmit() is
/// longer. It holds every handshake in which credentials go by reference. By value they go if they have at most 140 bytes each, 189 in method
/// 3; where a key operation may be PENDING, only in method 3 and up to 107. If the Initiator's alone goes by value, it may have 370 bytes in
/// method 3, 320 in methods 1 and 2, 275 in method 0, less the inbox names; where its key operations may be PENDING, 320, 220 and 170.
/// Certificates on P-256 have 300 and more. 2,048 bytes hold credentials of 512 by value in any case. Where a handshake does not fit,
/// sealwire_handle_frame() answers BUFFER_TOO_SMALL each time, and HANDSHAKE_FAILED follows after the last attempt.
pub const SEALWIRE_HANDSHAKE_FRAME_MAX: usize = 512;

/// Most sessions of one endpoint.
const MOST: usize = match 1usize.checked_shl(16) {
    Some(most) => most,
    None => usize::MAX,
};

/// Message buffer of one handshake, by default and at most.
const BUFFER: usize = SEALWIRE_HANDSHAKE_FRAME_MAX;
const MOST_BUFFER: usize = 65_535;

/// An endpoint. It lives in the caller's memory.
pub struct sealwire_endpoint {
    /// Its own address, so that moved, copied or closed memory is refused.
    place: AtomicUsize,
    /// True during a call, so that a callback that calls back is refused instead of changing what is in use.
    busy: AtomicBool,
    state: State,
}

/// What only a call that holds `busy` touches.
pub(crate) struct State {
    port: sealwire_port,
    identity: Identity,
    endpoint: Endpoint<SliceTables<'static>>,
    sessions: u32,
    /// Message buffer of each handshake.
    buffer: usize,
}

impl State {
    /// The endpoint, and the platform as the core's traits.
    pub(crate) fn split(&mut self) -> (&mut Endpoint<SliceTables<'static>>, Platform<'_>) {
        (&mut self.endpoint, Platform { port: &self.port, identity: &self.identity })
    }

    /// The endpoint alone, for getters.
    pub(crate) fn endpoint(&self) -> &Endpoint<SliceTables<'static>> {
        &self.endpoint
    }
}

/// Runs a call on an endpoint. Errors: `InvalidArgument` (NULL, misaligned), `WrongState` (closed or moved memory), `Busy`
/// (a callback calls back), and those of `call`.
///
/// # Safety
/// `endpoint` is NULL or points to readable memory of an endpoint's size, as the conventions of the header ask.
pub(crate) unsafe fn with(endpoint: *mut sealwire_endpoint, call: impl FnOnce(&mut State) -> Result<()>) -> i32 {
    // SAFETY: the caller's promise.
    match unsafe { enter(endpoint) } {
        // SAFETY: entered, and left nowhere else.
        Ok(state) => unsafe { leave(endpoint, guard(|| call(state))) },
        Err(error) => status(Err(error)),
    }
}

/// Begins a call: the checks of [`with`].
///
/// # Safety
/// As [`with`]; what this gives is used until [`leave`] only.
#[inline(never)]
unsafe fn enter<'a>(endpoint: *mut sealwire_endpoint) -> Result<&'a mut State> {
    if endpoint.is_null() || !endpoint.is_aligned() {
        return Err(Error::InvalidArgument);
    }
    // SAFETY: not NULL, aligned, readable; both are only ever accessed through shared references.
    let (place, busy) = unsafe { (&(*endpoint).place, &(*endpoint).busy) };
    if place.load(Ordering::Relaxed) != endpoint as usize {
        return Err(Error::WrongState);
    }
    if busy.load(Ordering::Relaxed) {
        return Err(Error::Busy);
    }
    busy.store(true, Ordering::Relaxed);
    // SAFETY: initialised, since `place` says so; nobody else has it, since `busy` was false and threads take turns.
    Ok(unsafe { &mut *core::ptr::addr_of_mut!((*endpoint).state) })
}

/// Ends a call with its result, `None` if it panicked.
///
/// # Safety
/// [`enter`] has succeeded.
#[inline(never)]
unsafe fn leave(endpoint: *mut sealwire_endpoint, result: Option<Result<()>>) -> i32 {
    // SAFETY: as in `enter`.
    let (place, busy) = unsafe { (&(*endpoint).place, &(*endpoint).busy) };
    let result = result.unwrap_or_else(|| {
        // What a panic left behind cannot be trusted.
        place.store(0, Ordering::Relaxed);
        Err(Error::Internal)
    });
    busy.store(false, Ordering::Relaxed);
    status(result)
}

/// Runs `call`; `None` if it panicked, which would be a bug in the library.
#[cfg(feature = "std")]
pub(crate) fn guard<R>(call: impl FnOnce() -> R) -> Option<R> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).ok()
}

/// Without the standard library a panic ends in the panic handler.
#[cfg(not(feature = "std"))]
#[allow(clippy::unnecessary_wraps)]
pub(crate) fn guard<R>(call: impl FnOnce() -> R) -> Option<R> {
    Some(call())
}

/// Where the parts of an endpoint lie in its block.
struct Layout {
    sessions: usize,
    handshakes: usize,
    /// Message buffer of each handshake.
    buffer: usize,
}

impl Layout {
    const HEAD: usize = size_of::<sealwire_endpoint>();
    const SESSION: usize = size_of::<Session>();
    const HANDSHAKE: usize = size_of::<Handshake>();

    /// Handshakes open at once, besides one for every 8 sessions: one that this end begins, and one that a peer begins.
    const HANDSHAKES: usize = if cfg!(feature = "responder") { 2 } else { 1 };

    fn of(sessions: usize, buffer: usize) -> Self {
        Layout { sessions, handshakes: sessions.saturating_div(8).saturating_add(Self::HANDSHAKES), buffer }
    }

    /// `SEALWIRE_ENDPOINT_BASE_SIZE`, and what setup adds.
    const BASE: usize = SEALWIRE_ENDPOINT_BASE_SIZE + if cfg!(feature = "setup") { SEALWIRE_SETUP_SIZE } else { 0 };

    /// What `SEALWIRE_ENDPOINT_SIZE_WITH(sessions, 0, buffer)` is. The parts are never larger, as asserted below.
    fn size(&self) -> usize {
        let sessions = self.sessions.saturating_mul(SEALWIRE_SESSION_SIZE);
        let handshakes = self.handshakes.saturating_mul(SEALWIRE_HANDSHAKE_SIZE.saturating_sub(BUFFER).saturating_add(self.buffer));
        Self::BASE.saturating_add(sessions).saturating_add(handshakes)
    }

    /// What the parts take, one after the other.
    fn exact(&self) -> usize {
        let handshakes = self.handshakes.saturating_mul(Self::HANDSHAKE.saturating_add(self.buffer));
        Self::HEAD.saturating_add(self.sessions.saturating_mul(Self::SESSION)).saturating_add(handshakes)
    }

    /// The largest that fits by the header's sizes; one session also by the exact ones. Error: `NoSpace` if there is not room for one session.
    fn fitting(size: usize, buffer: usize) -> Result<Self> {
        let (mut fits, mut above) = (0, size.saturating_div(SEALWIRE_SESSION_SIZE).min(MOST).saturating_add(1));
        while above.saturating_sub(fits) > 1 {
            let middle = fits.midpoint(above);
            if Layout::of(middle, buffer).size() <= size { fits = middle } else { above = middle }
        }
        let layout = Layout::of(fits.max(1), buffer);
        if layout.exact() > size { Err(Error::NoSpace) } else { Ok(layout) }
    }
}

/// Alignment that the memory needs: that of uint64_t, on which `SEALWIRE_ENDPOINT_MEMORY` is built. On AVR that is 1, and the memory
/// has to be declared with 2; else sealwire_endpoint_init() refuses it.
const ALIGN: usize = if align_of::<u64>() > align_of::<AtomicUsize>() { align_of::<u64>() } else { align_of::<AtomicUsize>() };

// The sizes in the header are those of builds with everything, with a little room; 16-bit targets take those of 32-bit ones. If one of
// these fails, the header's number needs to follow.
const _: () = assert!(Layout::HEAD.is_multiple_of(align_of::<u64>()) && Layout::SESSION.is_multiple_of(align_of::<u64>()));
const _: () = assert!(align_of::<sealwire_endpoint>() <= ALIGN);
const _: () = assert!(align_of::<Session>() <= align_of::<u64>() && align_of::<Handshake>() <= align_of::<u64>());
const _: () = assert!(SEALWIRE_OVERHEAD_MAX == MAX_OVERHEAD && SEALWIRE_HANDSHAKE_FRAME_MAX >= MAX_CONTROL);
const _: () = assert!(Layout::HEAD <= Layout::BASE);
const _: () = assert!(Layout::SESSION <= SEALWIRE_SESSION_SIZE);
const _: () = assert!(Layout::HANDSHAKE + BUFFER <= SEALWIRE_HANDSHAKE_SIZE);
// Not much too large either, where everything is there.
#[cfg(all(not(target_pointer_width = "16"), feature = "setup"))]
const _: () = assert!(Layout::HEAD + SLACK > Layout::BASE);
#[cfg(all(not(target_pointer_width = "16"), feature = "responder"))]
const _: () = assert!(Layout::SESSION + SLACK > SEALWIRE_SESSION_SIZE);
#[cfg(all(not(target_pointer_width = "16"), feature = "responder"))]
const _: () = assert!(Layout::HANDSHAKE + BUFFER + SLACK > SEALWIRE_HANDSHAKE_SIZE);
#[cfg(all(not(target_pointer_width = "16"), feature = "responder"))]
const SLACK: usize = 128;

/// Fills `count` slots from `memory` on.
///
/// # Safety
/// `memory` is aligned for `T` and has room for `count` of them, for as long as the result is used.
unsafe fn slots<T: Default>(memory: *mut u8, count: usize) -> &'static mut [T] {
    let first = memory.cast::<T>();
    for position in 0..count {
        // SAFETY: room and alignment by the caller's promise.
        unsafe { first.add(position).write(T::default()) };
    }
    // SAFETY: `count` initialised slots; nobody else knows of them.
    unsafe { core::slice::from_raw_parts_mut(first, count) }
}

/// Bytes that this library needs for an endpoint with so many sessions: less than `SEALWIRE_ENDPOINT_SIZE`, which holds for every library of
/// this ABI version. `handshake_buffer` as in the configuration. sealwire_endpoint_init() takes so few for one session; for more it goes by
/// the macro.
#[unsafe(no_mangle)]
pub extern "C" fn sealwire_endpoint_size(sessions: u32, handshake_buffer: u32) -> usize {
    let buffer = if handshake_buffer == 0 { BUFFER } else { usize::try_from(handshake_buffer).unwrap_or(MOST_BUFFER) };
    Layout::of(usize::try_from(sessions).unwrap_or(MOST), buffer).exact()
}

/// Makes an endpoint in `memory`, which must be aligned like uint64_t; `SEALWIRE_ENDPOINT_MEMORY` declares such. It holds as many
/// sessions as `SEALWIRE_ENDPOINT_SIZE` (with another `handshake_buffer`: `SEALWIRE_ENDPOINT_SIZE_WITH`) says for `size`, at most 65,536. The memory belongs to the endpoint until sealwire_endpoint_close(),
/// and must not be moved. Afterwards call sealwire_restore() once.
///
/// Statuses: OK; VERSION_MISMATCH (the header is another library's); INVALID_ARGUMENT (also: no own credential, no random source, only
/// one of the two store functions); NO_SPACE (no room for one session); MALFORMED, NOT_DETERMINISTIC, INVALID_KEY (a
/// credential or anchor); UNSUPPORTED_SUITE (no own credential serves any of the suites); UNKNOWN_KEY (own key missing).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_endpoint_init(
    memory: *mut core::ffi::c_void,
    size: usize,
    config: *const sealwire_config,
    port: *const sealwire_port,
    endpoint: *mut *mut sealwire_endpoint,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    let run = || unsafe { init(memory.cast(), size, config, port, endpoint) };
    status(guard(run).unwrap_or(Err(Error::Internal)))
}

/// # Safety
/// As the conventions of the header ask.
unsafe fn init(
    memory: *mut u8,
    size: usize,
    config: *const sealwire_config,
    port: *const sealwire_port,
    endpoint: *mut *mut sealwire_endpoint,
) -> Result<()> {
    let result = Output::new(endpoint)?;
    // SAFETY: the caller's structs; the port is of the size that the configuration says.
    let (config, port) = unsafe { (config::checked(config)?, record(port)?) };
    if memory.is_null() || !(memory as usize).is_multiple_of(ALIGN) || isize::try_from(size).is_err() {
        return Err(Error::InvalidArgument);
    }
    port.check()?;
    let buffer = match usize::try_from(config.handshake_buffer) {
        Ok(0) => BUFFER,
        Ok(length @ MIN_HANDSHAKE_BUFFER..=MOST_BUFFER) => length,
        _ => return Err(Error::InvalidArgument),
    };
    let layout = Layout::fitting(size, buffer)?;
    // SAFETY: the caller keeps the lists until the endpoint is closed.
    let identity = unsafe { Identity::new(config) }?;
    let settings = config::config(config, &identity, layout.sessions)?;
    // SAFETY: `Layout::fitting` left room for these parts one after the other; each size is a multiple of the alignment.
    let tables = unsafe {
        let sessions = memory.add(Layout::HEAD);
        let handshakes = sessions.add(layout.sessions.saturating_mul(Layout::SESSION));
        let buffers = handshakes.add(layout.handshakes.saturating_mul(Layout::HANDSHAKE));
        let length = layout.handshakes.saturating_mul(layout.buffer);
        buffers.write_bytes(0, length);
        SliceTables::new(
            slots::<Session>(sessions, layout.sessions),
            slots::<Handshake>(handshakes, layout.handshakes),
            core::slice::from_raw_parts_mut(buffers, length),
        )?
    };
    let core = Endpoint::new(tables, settings)?;
    let sessions = u32::try_from(layout.sessions).map_err(|_| Error::InvalidArgument)?;
    let place = memory.cast::<sealwire_endpoint>();
    // SAFETY: room and alignment as above; the result is the caller's pointer.
    unsafe {
        place.write(sealwire_endpoint {
            place: AtomicUsize::new(place as usize),
            busy: AtomicBool::new(false),
            state: State { port: *port, identity, endpoint: core, sessions, buffer },
        });
        result.write(place);
    }
    Ok(())
}

/// Closes an endpoint and erases every key from its memory, which is the caller's again. Sessions in the store stay there. The
/// peers are told nothing; see sealwire_session_close().
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (closed before); BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sealwire_endpoint_close(endpoint: *mut sealwire_endpoint) -> i32 {
    let (mut sessions, mut buffer) = (0, 0);
    // SAFETY: as the conventions of the header ask.
    let result = unsafe {
        with(endpoint, |state| {
            (sessions, buffer) = (state.sessions, state.buffer);
            Ok(())
        })
    };
    if result == crate::status::SEALWIRE_OK {
        let layout = Layout::of(usize::try_from(sessions).unwrap_or_default(), buffer);
        // SAFETY: the block is this endpoint's own; none of its values needs dropping beyond being erased, and no reference
        // to any of them is left.
        let block = unsafe { core::slice::from_raw_parts_mut(endpoint.cast::<u8>(), layout.exact()) };
        zeroize::Zeroize::zeroize(block);
    }
    result
}

/// Number of sessions that the endpoint has room for.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_endpoint_capacity(endpoint: *mut sealwire_endpoint, sessions: *mut u32) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            Output::new(sessions)?.write(state.sessions);
            Ok(())
        })
    }
}

/// Restores sessions from the store; the first call after sealwire_endpoint_init(). ESTABLISHED with `resumed` follows for each
/// session, CLOSED with LOST_STATE for each that a store without resistance against rollback had. Then RESEND follows for each message
/// number that may be unacknowledged, also for some that were never used: send it again, or sealwire_abandon() it.
/// Where `sessions` is 0, sealwire_connect().
///
/// Statuses: OK; INVALID_ARGUMENT (also: stored with another `identifier_length`); WRONG_STATE (also: there are sessions already); BUSY;
/// STORAGE_FAILED; UNSUPPORTED_STATE; RANDOM_FAILED. What is damaged is left out.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_restore(endpoint: *mut sealwire_endpoint, now_ms: u64, sessions: *mut u32) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let result = Output::new(sessions)?;
            let (endpoint, mut platform) = state.split();
            let restored = endpoint.restore(&mut platform, now_ms)?;
            result.write(u32::try_from(restored).unwrap_or(u32::MAX));
            Ok(())
        })
    }
}

/// A route from C; NULL is "the link".
///
/// # Safety
/// `route` is NULL or a readable struct.
pub(crate) unsafe fn route_from(route: *const sealwire_route) -> Result<Route> {
    // SAFETY: the caller's promise.
    if route.is_null() { Ok(Route::default()) } else { unsafe { record(route) }?.to_core() }
}

/// Starts a handshake with whoever answers at `route` (NULL: the link). `peer`: 16 bytes, the only identity that is acceptable, or
/// NULL for any that is provisioned or vouched for. Poll for what to send; ESTABLISHED or HANDSHAKE_FAILED follows.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; NO_SPACE; RANDOM_FAILED; UNKNOWN_CREDENTIAL (no own one for a configured
/// suite); UNSUPPORTED_SUITE.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_connect(
    endpoint: *mut sealwire_endpoint,
    now_ms: u64,
    route: *const sealwire_route,
    peer: *const u8,
    handshake: *mut u32,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let result = Output::new(handshake)?;
            let route = route_from(route)?;
            let peer = if peer.is_null() { None } else { Some(Thumbprint(*array::<16>(peer)?)) };
            let (endpoint, mut platform) = state.split();
            result.write(handle(endpoint.connect(&mut platform, now_ms, route, peer)?.0));
            Ok(())
        })
    }
}

/// Gives up a handshake that this end started; no event follows.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; UNKNOWN_SESSION (it is over).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sealwire_cancel(endpoint: *mut sealwire_endpoint, handshake: u32) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe { with(endpoint, |state| state.split().0.cancel(HandshakeId(core_handle(handshake)))) }
}

/// Hands in a frame. It is decrypted in place, and a MESSAGE event points into it; other events come from sealwire_poll_event().
/// A failure says why the frame was refused. It changes nothing but counters and what limits failures; a record that verified (DUPLICATE, STALE,
/// UNSUPPORTED_OPTION) is used up. After PENDING the endpoint has kept the frame. After any failure the bytes of `frame` are undefined: hand in a copy
/// made before, not the same bytes, to try again after STORAGE_FAILED.
///
/// `route`: where an answer would go; NULL for the link. `topic`: on MQTT the topic relative to the realm, for records
/// in place; NULL for frames from an inbox and on links.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; PENDING; STORAGE_FAILED; RANDOM_FAILED; MALFORMED; UNSUPPORTED_VERSION;
/// UNSUPPORTED_FRAME; UNSUPPORTED_OPTION; NOT_DETERMINISTIC; UNKNOWN_CONTEXT; DECRYPT_FAILED; REPLAY; DUPLICATE; STALE; STALE_EPOCH;
/// KEY_EXHAUSTED; NO_SPACE; of handshake frames also those from UNSUPPORTED_METHOD to SUPERSEDED, and UNKNOWN_KEY.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_handle_frame(
    endpoint: *mut sealwire_endpoint,
    now_ms: u64,
    route: *const sealwire_route,
    topic: *const u8,
    topic_length: usize,
    frame: *mut u8,
    frame_length: usize,
    event: *mut sealwire_event,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let result = Output::new(event)?;
            let route = route_from(route)?;
            let topic = bytes(topic, topic_length)?;
            crate::memory::disjoint(topic, frame, frame_length)?;
            let frame = bytes_mut(frame, frame_length)?;
            let (endpoint, mut platform) = state.split();
            let topic = (!topic.is_empty()).then_some(topic);
            let mut event = Event::None;
            endpoint.handle_frame_into(&mut platform, now_ms, route, topic, frame, &mut event)?;
            sealwire_event::tell(&event, result)
        })
    }
}

/// Lets time pass: repeats what is unanswered, gives up what is overdue. Call it when sealwire_poll_timeout() is due; a call too many
/// does no harm.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; STORAGE_FAILED; RANDOM_FAILED.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_handle_timeout(endpoint: *mut sealwire_endpoint, now_ms: u64) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let (endpoint, mut platform) = state.split();
            endpoint.handle_timeout(&mut platform, now_ms)
        })
    }
}

/// Goes on with a handshake that a slow key held up: call it when the key operation has finished. Does nothing if none waits.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; PENDING (again); as sealwire_handle_frame() for the frame that waited.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_resume(endpoint: *mut sealwire_endpoint, now_ms: u64) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let (endpoint, mut platform) = state.split();
            endpoint.resume_pending(&mut platform, now_ms)
        })
    }
}

/// The next event, or SEALWIRE_EVENT_NONE. Poll after every other call until there is none: an event that was not taken keeps its slot, and
/// handshakes may find none (NO_SPACE).
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_poll_event(endpoint: *mut sealwire_endpoint, event: *mut sealwire_event) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let result = Output::new(event)?;
            let mut event = Event::None;
            state.split().0.poll_event_into(&mut event);
            sealwire_event::tell(&event, result)
        })
    }
}

/// A frame that the endpoint wants sent.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_transmit {
    /// Bytes in the frame buffer; 0 when there is nothing to send.
    pub length: usize,
    /// Where to.
    pub route: sealwire_route,
    /// 1 for handshake messages: QoS 1 on MQTT.
    pub handshake: u8,
}

/// The next frame that the endpoint itself wants sent: handshake messages, acknowledgements, repetitions. Poll after every other
/// call until `length` is 0. `SEALWIRE_HANDSHAKE_FRAME_MAX` bytes are enough, or `handshake_buffer` if that is more.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; BUFFER_TOO_SMALL; STORAGE_FAILED; RANDOM_FAILED. After a failure other frames
/// may still wait.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_poll_transmit(
    endpoint: *mut sealwire_endpoint,
    now_ms: u64,
    frame: *mut u8,
    capacity: usize,
    transmit: *mut sealwire_transmit,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let result = Output::new(transmit)?;
            let frame = bytes_mut(frame, capacity)?;
            let (endpoint, mut platform) = state.split();
            let none = sealwire_transmit { length: 0, route: sealwire_route::default(), handshake: 0 };
            let next = endpoint.poll_transmit(&mut platform, now_ms, frame)?;
            result.write(next.map_or(none, |next| sealwire_transmit {
                length: next.len,
                route: sealwire_route::from_core(next.route),
                handshake: next.handshake.into(),
            }));
            Ok(())
        })
    }
}

/// When to call sealwire_handle_timeout(): a moment on the clock of now_ms; UINT64_MAX if nothing waits.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_poll_timeout(endpoint: *mut sealwire_endpoint, due_ms: *mut u64) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            Output::new(due_ms)?.write(state.endpoint().poll_timeout().unwrap_or(u64::MAX));
            Ok(())
        })
    }
}
