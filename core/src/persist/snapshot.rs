//! The stored form of a session, version 1: fixed length, integers big-endian.
//!
//! ```text
//!   0  1  version, 1                        84   4  epoch p
//!   1  1  cipher suite                      88  24  update: n_a, n_b, Partial IV answered
//!   2  1  flags                            112  24  numbers sent: next, reserved, outstanding
//!   3  1  stage of the key update          136  16  numbers received: next, committed
//!   4  1  the endpoint's flags             152  48  two ended sessions: sid, next, committed
//!   5  4  the endpoint's tag               200  52  epoch p: PRK_out, reserved, covered, failures
//!   9 10  C_I, C_R: length, 4 bytes each   252  52  epoch p + 1: the same
//!  19  8  sid                              304   8  SHA-256 of all before, first 8 bytes
//!  27 32  own thumbprint, peer's
//!  59 25  route: length, 24 bytes
//! ```
//!
//! Keys are derived anew from PRK_out, which is left out for a store that does not resist rollback. What is absent is zero. It holds secrets: erase the buffer after use, and keep the store private.

use crate::bytes::{Reader, Secret, Writer, equal};
use crate::credential::Thumbprint;
use crate::crypto::{Provider, Suite};
use crate::edhoc::{ConnectionId, Role};
use crate::error::{Error, Result};
use crate::record::{EpochContext, Parties, Plan, ReceivedNumbers, SecurityContext, SentNumbers, Update, Updating};

/// Length of a snapshot in bytes.
pub const SNAPSHOT_MAX: usize = 312;
/// The version written, and the only one read.
pub const VERSION: u8 = 1;
/// Longest route in bytes.
pub const MAX_ROUTE: usize = 24;

const CHECK: usize = 8;
const FLAG_RESPONDER: u8 = 1;
const FLAG_CONFIRMED: u8 = 2;
/// For each place of `SessionMeta::ended`.
const FLAG_ENDED: [u8; 2] = [4, 8];
const FLAG_KEYLESS: u8 = 16;
const FLAGS: u8 = FLAG_RESPONDER | FLAG_CONFIRMED | 4 | 8 | FLAG_KEYLESS;

/// The numbers of a session that ended: recognises a message sent again under the one that stands (option `origin`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedSession {
    /// Its session identifier.
    pub sid: [u8; 8],
    /// What was committed under it.
    pub received: ReceivedNumbers,
}

impl EndedSession {
    /// What to keep of a session that ends.
    pub const fn of(context: &SecurityContext) -> Self {
        EndedSession { sid: context.parties().sid, received: context.received }
    }
}

/// What the endpoint stores with a session's security contexts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionMeta<'r> {
    /// Where the peer is reached: an address of at most [`MAX_ROUTE`] bytes, opaque here.
    pub route: &'r [u8],
    /// A record of the peer's was verified under this session. In the snapshot stored to accept the first one it is set already.
    pub confirmed: bool,
    /// Bits of the endpoint's own.
    pub flags: u8,
    /// A number of the endpoint's own.
    pub tag: u32,
    /// PRK_out is not in the snapshot: its store does not resist rollback, so the session is never taken up again. What comes back from
    /// such a snapshot remembers, but has no keys and must not protect or unprotect anything.
    pub keyless: bool,
    /// Sessions that this one replaced, newest first.
    pub ended: [Option<EndedSession>; 2],
}

/// Writes the snapshot that makes `plan` durable; gives its length, [`SNAPSHOT_MAX`]. Nothing changes: call
/// [`SecurityContext::stored`] with the same plan when it has been saved.
///
/// Errors: [`Error::WrongState`] for a volatile context, which must never be restored; [`Error::InvalidArgument`] for a route that is too long;
/// [`Error::BufferTooSmall`].
pub fn encode<P: Provider>(p: &mut P, context: &SecurityContext, meta: &SessionMeta<'_>, plan: &Plan, out: &mut [u8]) -> Result<usize> {
    if context.is_volatile() {
        return Err(Error::WrongState);
    }
    if meta.route.len() > MAX_ROUTE {
        return Err(Error::InvalidArgument);
    }
    let parties = context.parties();
    // The record about to be accepted may be the first under p + 1: then p has ended when this is restored.
    let promoted = plan.receiving.is_some_and(|at| context.promotes(at));
    let epoch = if promoted { context.epoch.saturating_add(1) } else { context.epoch };
    let update = if promoted { Update::Idle } else { context.update };

    let mut w = Writer::new(out);
    w.push(&[VERSION, parties.suite.number()]);
    let mut flags = if parties.role == Role::Responder { FLAG_RESPONDER } else { 0 };
    flags |= if meta.confirmed { FLAG_CONFIRMED } else { 0 };
    flags |= if meta.keyless { FLAG_KEYLESS } else { 0 };
    for (ended, flag) in meta.ended.iter().zip(FLAG_ENDED) {
        flags |= if ended.is_some() { flag } else { 0 };
    }
    w.push(&[flags, update.stage() as u8, meta.flags]);
    w.push(&meta.tag.to_be_bytes());
    write_padded(&mut w, parties.c_i.as_bytes(), 4);
    write_padded(&mut w, parties.c_r.as_bytes(), 4);
    w.push(&parties.sid);
    w.push(&parties.own.0);
    w.push(&parties.peer.0);
    write_padded(&mut w, meta.route, MAX_ROUTE);
    w.push(&epoch.to_be_bytes());
    let (n_a, n_b, partial_iv) = match update {
        Update::Idle | Update::Moved => ([0; 8], [0; 8], 0),
        Update::Requested { n_a } => (n_a, [0; 8], 0),
        Update::Responded { n_a, n_b, partial_iv } => (n_a, n_b, partial_iv),
    };
    w.push(&n_a);
    w.push(&n_b);
    write_u64(&mut w, partial_iv);
    let sent = &context.sent;
    let mut received = context.received;
    if let Some(number) = plan.committing {
        received.commit(number);
    }
    for value in [sent.next(), sent.reserve(plan.numbers_ahead), sent.outstanding_bits()] {
        write_u64(&mut w, value);
    }
    write_received(&mut w, &received);
    for ended in &meta.ended {
        let none = EndedSession { sid: [0; 8], received: ReceivedNumbers::new() };
        let ended = ended.as_ref().unwrap_or(&none);
        w.push(&ended.sid);
        write_received(&mut w, &ended.received);
    }
    write_context(&mut w, context, epoch, plan, meta.keyless);
    if update.has_next() {
        write_context(&mut w, context, epoch.saturating_add(1), plan, meta.keyless);
    } else {
        w.push(&[0; CONTEXT]);
    }
    w.check()?;
    let check = p.hash(&[w.written()]);
    w.put(check.get(..CHECK).unwrap_or_default())?;
    Ok(w.len())
}

const CONTEXT: usize = 32 + 8 + 8 + 4;

fn write_context(w: &mut Writer<'_>, context: &SecurityContext, epoch: u32, plan: &Plan, keyless: bool) {
    let (reserved, covered) = context.reservations(epoch, plan);
    let context = context.context(epoch);
    w.push(if keyless { &[0; 32] } else { context.prk_out.expose() });
    write_u64(w, reserved);
    write_u64(w, covered);
    w.push(&context.failures.to_be_bytes());
}

#[inline(never)]
fn write_received(w: &mut Writer<'_>, numbers: &ReceivedNumbers) {
    write_u64(w, numbers.next());
    write_u64(w, numbers.committed_bits());
}

#[inline(never)]
fn write_u64(w: &mut Writer<'_>, value: u64) {
    w.push(&value.to_be_bytes());
}

/// Length, bytes, zeros up to `size`.
#[inline(never)]
fn write_padded(w: &mut Writer<'_>, bytes: &[u8], size: usize) {
    w.push(&[bytes.len() as u8]);
    w.push(bytes);
    w.push([0; MAX_ROUTE].get(..size.saturating_sub(bytes.len())).unwrap_or_default());
}

/// Restores a session from a snapshot. Everything up to its edges is Replay, every number that may have been used counts as outstanding, and a
/// store must come before the first record.
///
/// Errors: [`Error::UnsupportedState`] for another version or a suite not in this build; [`Error::CorruptState`].
pub fn decode<'b, P: Provider>(p: &mut P, bytes: &'b [u8]) -> Result<(SecurityContext, SessionMeta<'b>)> {
    let (mut context, mut meta) = (None, SessionMeta::default());
    decode_into(p, bytes, &mut meta, |parties, epoch| Ok(context.insert(SecurityContext::blank(*parties, epoch))))?;
    Ok((context.ok_or(Error::Internal)?, meta))
}

/// As [`decode`], with a blank context for these parties and this epoch where `place` puts it: it is large. `meta` is the default; after an error
/// what is there, and in the context, is unfinished.
pub(crate) fn decode_into<'b, 'c, P: Provider>(
    p: &mut P,
    bytes: &'b [u8],
    meta: &mut SessionMeta<'b>,
    place: impl FnOnce(&Parties, u32) -> Result<&'c mut SecurityContext>,
) -> Result<()> {
    match bytes.first() {
        None => return Err(Error::CorruptState),
        Some(&version) if version != VERSION => return Err(Error::UnsupportedState),
        Some(_) => {}
    }
    let (body, check) = bytes.split_last_chunk::<CHECK>().ok_or(Error::CorruptState)?;
    let expected = p.hash(&[body]);
    if bytes.len() != SNAPSHOT_MAX || !equal(expected.get(..CHECK).unwrap_or_default(), check) {
        return Err(Error::CorruptState);
    }
    // Every reading error from here on means a snapshot that no encoder wrote.
    read(body, meta, place).map_err(|error| match error {
        Error::UnsupportedState => error,
        _ => Error::CorruptState,
    })
}

#[inline(never)]
fn read<'b, 'c>(
    body: &'b [u8],
    meta: &mut SessionMeta<'b>,
    place: impl FnOnce(&Parties, u32) -> Result<&'c mut SecurityContext>,
) -> Result<()> {
    let mut r = Reader::new(body);
    let [_, suite, flags, stage, own_flags] = r.array()?;
    let suite = Suite::from_number(i64::from(suite)).ok_or(Error::UnsupportedState)?;
    if flags & !FLAGS != 0 {
        return Err(Error::CorruptState);
    }
    meta.confirmed = flags & FLAG_CONFIRMED != 0;
    meta.keyless = flags & FLAG_KEYLESS != 0;
    meta.flags = own_flags;
    meta.tag = u32::from_be_bytes(r.array()?);
    let role = if flags & FLAG_RESPONDER != 0 { Role::Responder } else { Role::Initiator };
    let c_i = ConnectionId::new(read_padded(&mut r, 4)?)?;
    let c_r = ConnectionId::new(read_padded(&mut r, 4)?)?;
    let sid = r.array()?;
    let (own, peer) = (Thumbprint(r.array()?), Thumbprint(r.array()?));
    meta.route = read_padded(&mut r, MAX_ROUTE)?;
    let epoch = u32::from_be_bytes(r.array()?);
    let (n_a, n_b, partial_iv) = (r.array()?, r.array()?, read_u64(&mut r)?);

    let context = place(&Parties { suite, role, c_i, c_r, own, peer, sid }, epoch)?;
    context.update = match stage {
        stage if stage == Updating::Idle as u8 => Update::Idle,
        stage if stage == Updating::Requested as u8 => Update::Requested { n_a },
        stage if stage == Updating::Responded as u8 => Update::Responded { n_a, n_b, partial_iv },
        stage if stage == Updating::Moved as u8 => Update::Moved,
        _ => return Err(Error::CorruptState),
    };
    context.sent = SentNumbers::restored(read_u64(&mut r)?, read_u64(&mut r)?, read_u64(&mut r)?)?;
    context.received = read_received(&mut r)?;
    for (place, flag) in meta.ended.iter_mut().zip(FLAG_ENDED) {
        *place = Some(EndedSession { sid: r.array()?, received: read_received(&mut r)? });
        if flags & flag == 0 {
            *place = None;
        }
    }
    let keyless = meta.keyless;
    read_context(context, epoch, keyless, &mut r)?;
    if context.update.has_next() {
        read_context(context, epoch.checked_add(1).ok_or(Error::CorruptState)?, keyless, &mut r)?;
    } else {
        r.take(CONTEXT)?;
    }
    r.finish()?;
    context.mark_restored();
    Ok(())
}

fn read_context(context: &mut SecurityContext, epoch: u32, keyless: bool, r: &mut Reader<'_>) -> Result<()> {
    let prk_out = Secret::from_slice(r.take(32)?)?;
    let (reserved, covered) = (read_u64(r)?, read_u64(r)?);
    let failures = u32::from_be_bytes(r.array()?);
    let aead = context.parties().aead();
    let place = context.context_mut(epoch);
    place.restore(aead, prk_out.expose(), reserved, covered, failures)?;
    if keyless {
        // Nothing can be sealed or opened under a key that has been used up.
        place.erase();
        place.failures = u32::MAX;
        place.next = EpochContext::limit(aead);
    }
    Ok(())
}

fn read_received(r: &mut Reader<'_>) -> Result<ReceivedNumbers> {
    ReceivedNumbers::restored(read_u64(r)?, read_u64(r)?)
}

fn read_u64(r: &mut Reader<'_>) -> Result<u64> {
    Ok(u64::from_be_bytes(r.array()?))
}

fn read_padded<'a>(r: &mut Reader<'a>, size: usize) -> Result<&'a [u8]> {
    let length = usize::from(r.u8()?);
    r.take(size)?.get(..length).ok_or(Error::CorruptState)
}

const _: () = assert!(SNAPSHOT_MAX == 200 + 2 * CONTEXT + CHECK);
