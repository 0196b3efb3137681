//! The stored form of a device's session, version 0xd1: fixed length, integers big-endian.
//!
//! ```text
//!   0  1  version, 0xd1            52 16  Partial IVs: reserved, covered
//!   1  1  flags                    68 24  numbers sent: next, reserved, outstanding
//!   2  1  C_I                      92 16  numbers received: next, committed
//!   3  5  C_R: length, 4 bytes    108 48  two ended sessions: sid, next, committed
//!   8  8  sid                     156  8  SHA-256 of all before, the own thumbprint and the peer's; first 8 bytes
//!  16 32  PRK_out
//!  48  4  failures
//! ```
//!
//! An endpoint does not read it, nor a device what an endpoint has stored: the versions differ. What was stored for other credentials does not
//! check. It holds a secret: keep the store private.

use super::session::Session;
use crate::bytes::{Reader, Secret, Writer};
use crate::credential::Thumbprint;
use crate::crypto::Provider;
use crate::edhoc::ConnectionId;
use crate::error::{Error, Result};
use crate::persist::Store;
use crate::record::{ReceivedNumbers, SentNumbers};

const LENGTH: usize = 164;
const VERSION: u8 = 0xd1;
const CHECK: usize = 8;
/// The one slot of the store that is used.
const SLOT: u32 = 0;

const FLAG_FRESH: u8 = 1;
const FLAG_CARRIES: u8 = 2;

/// What is stored of a session.
pub(super) struct Stored<'s> {
    pub(super) c_i: u8,
    pub(super) c_r: &'s ConnectionId,
    pub(super) sid: &'s [u8; 8],
    pub(super) prk_out: &'s [u8; 32],
    pub(super) failures: u32,
    /// Partial IVs below this may be sent.
    pub(super) reserved: u64,
    /// Partial IVs below this count as received.
    pub(super) covered: u64,
    pub(super) sent: SentNumbers,
    /// Message numbers below this may be sent.
    pub(super) numbers: u64,
    pub(super) received: ReceivedNumbers,
    pub(super) windows: Windows,
    /// See [`Session::fresh`].
    pub(super) fresh: bool,
    /// A message sent under another session first is unacknowledged.
    pub(super) carries: bool,
}

/// Receive windows of two ended sessions under which messages were sent first that may come again: the newest, and one before it.
/// A place without sid is vacant.
pub(super) type Windows = [Window; 2];

/// One of them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) sid: [u8; 8],
    pub(super) received: ReceivedNumbers,
}

impl Stored<'_> {
    /// Makes it durable; does nothing where the store does not resist rollback, since nothing is ever restored there.
    /// Error: `StorageFailed`.
    #[inline(never)]
    pub(super) fn save<P: Provider + Store>(&self, p: &mut P, [own, peer]: &[Thumbprint; 2]) -> Result<()> {
        if !p.resists_rollback() {
            return Ok(());
        }
        let mut buffer = Secret::<LENGTH>::zero();
        let mut w = Writer::new(buffer.expose_mut());
        let flags = if self.fresh { FLAG_FRESH } else { 0 } | if self.carries { FLAG_CARRIES } else { 0 };
        let c_r = self.c_r.as_bytes();
        w.push(&[VERSION, flags, self.c_i, c_r.len() as u8]);
        w.push(c_r);
        w.push([0; ConnectionId::MAX].get(c_r.len()..).unwrap_or_default());
        w.push(self.sid);
        w.push(self.prk_out);
        w.push(&self.failures.to_be_bytes());
        let numbers = [self.reserved, self.covered, self.sent.next(), self.numbers, self.sent.outstanding_bits()];
        numbers.into_iter().for_each(|number| w.push(&number.to_be_bytes()));
        push_received(&mut w, &self.received);
        for window in &self.windows {
            w.push(&window.sid);
            push_received(&mut w, &window.received);
        }
        let check = p.hash(&[w.written(), &own.0, &peer.0]);
        w.push(check.first_chunk::<CHECK>().ok_or(Error::Internal)?);
        w.check()?;
        p.save(SLOT, buffer.expose()).map_err(|_| Error::StorageFailed)
    }
}

fn push_received(w: &mut Writer<'_>, numbers: &ReceivedNumbers) {
    w.push(&numbers.next().to_be_bytes());
    w.push(&numbers.committed_bits().to_be_bytes());
}

/// Reads what is stored into a session that has none; false if there is nothing. Then a store must come before the first record sent; everything below
/// `covered` is Replay, and every number that may have been used is outstanding.
///
/// Errors: `StorageFailed`; `UnsupportedState` (of another version, or an endpoint's); `CorruptState` (damaged, or of other credentials). After one
/// the session means nothing.
#[inline(never)]
pub(super) fn load<P: Provider + Store>(p: &mut P, [own, peer]: &[Thumbprint; 2], session: &mut Session) -> Result<bool> {
    if !p.resists_rollback() {
        return Ok(false);
    }
    let mut buffer = Secret::<LENGTH>::zero();
    let length = p.load(SLOT, buffer.expose_mut()).map_err(|error| match error {
        Error::BufferTooSmall => Error::UnsupportedState,
        Error::CorruptState => Error::CorruptState,
        _ => Error::StorageFailed,
    })?;
    let (stored, check) = buffer.expose().split_last_chunk::<CHECK>().ok_or(Error::Internal)?;
    match stored.first() {
        _ if length == 0 => return Ok(false),
        Some(&VERSION) => {}
        _ => return Err(Error::UnsupportedState),
    }
    // A digest of what the flash may have lost, not a secret's.
    if length != LENGTH || !p.hash(&[stored, &own.0, &peer.0]).starts_with(check) {
        return Err(Error::CorruptState);
    }
    read(stored, session).map_err(|_| Error::CorruptState)?;
    Ok(true)
}

fn read(stored: &[u8], session: &mut Session) -> Result<()> {
    let mut r = Reader::new(stored);
    let [_, flags, c_i, length] = r.array()?;
    session.fresh = flags & FLAG_FRESH != 0;
    session.parties.c_i = ConnectionId::new(&[c_i])?;
    session.parties.c_r = ConnectionId::new(r.take(ConnectionId::MAX)?.get(..usize::from(length)).ok_or(Error::CorruptState)?)?;
    session.parties.sid = r.array()?;
    let prk_out = r.take(32)?.try_into().map_err(|_| Error::Internal)?;
    let failures = u32::from_be_bytes(r.array()?);
    session.context.restore(session.parties.aead(), prk_out, read_u64(&mut r)?, read_u64(&mut r)?, failures)?;
    session.sent = SentNumbers::restored(read_u64(&mut r)?, read_u64(&mut r)?, read_u64(&mut r)?)?;
    session.carried_below = if flags & FLAG_CARRIES != 0 { session.sent.next() } else { 0 };
    session.received = read_received(&mut r)?;
    for window in &mut session.windows {
        *window = Window { sid: r.array()?, received: read_received(&mut r)? };
    }
    Ok(())
}

fn read_u64(r: &mut Reader<'_>) -> Result<u64> {
    Ok(u64::from_be_bytes(r.array()?))
}

fn read_received(r: &mut Reader<'_>) -> Result<ReceivedNumbers> {
    ReceivedNumbers::restored(read_u64(r)?, read_u64(r)?)
}

/// Removes what is stored. Error: `StorageFailed`.
pub(super) fn erase<P: Provider + Store>(p: &mut P) -> Result<()> {
    if p.resists_rollback() { p.save(SLOT, &[]).map_err(|_| Error::StorageFailed) } else { Ok(()) }
}

const _: () = assert!(LENGTH == 156 + CHECK);
