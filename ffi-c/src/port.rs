//! The port: what the library needs from the platform, and the credentials it was given, as the core's traits.

use crate::config::{Identity, SOFTWARE_KEY, issuer_key};
use crate::key;
use crate::memory::bytes;
use crate::status::{SEALWIRE_OK, answer};
use crate::types::sealwire_bytes;
use core::ffi::c_void;
use sealwire_core::bytes::Secret;
use sealwire_core::credential::{
    Credential, Credentials, MAX_CANDIDATES, MAX_CREDENTIAL, OwnCredential, Peer, Purposes, TrustAnchor, is_x5t_of, x5t_of,
};
use sealwire_core::crypto::{AuthenticationKey, Curve, KeyHandle, Provider, Signature, Suite};
use sealwire_core::error::{Error, Result};
use sealwire_core::persist::Store;

/// Who wants to open a session, for `authorize`. Valid during the callback only.
#[repr(C)]
pub struct sealwire_peer {
    /// The peer's identity.
    pub thumbprint: [u8; 16],
    /// Its credential, verified.
    pub credential: sealwire_bytes,
    /// The subject that its credential names; empty if none.
    pub subject: sealwire_bytes,
    /// The inbox that it wants answers in; empty if none.
    pub inbox: sealwire_bytes,
    /// This endpoint's part in the handshake: `SEALWIRE_ROLE_INITIATOR` or `SEALWIRE_ROLE_RESPONDER`.
    pub role: i32,
}

/// What the library needs from the platform. Start from `SEALWIRE_PORT_INIT`, which sets everything to NULL or 0, and fill in
/// what there is. Callbacks answer `SEALWIRE_OK` or a negative status, and must not call the endpoint that called them
/// (BUSY). The struct is copied.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_port {
    /// Handed to every callback; may be NULL.
    pub context: *mut c_void,
    /// Fills `out` with cryptographically secure random bytes. Required.
    pub random: Option<unsafe extern "C" fn(context: *mut c_void, out: *mut u8, length: usize) -> i32>,
    /// Diffie-Hellman of private key `key` (the `key_handle` of an own credential) with `peer_public_key`, 32 bytes;
    /// writes 32 bytes, not hashed. On P-256 both are x coordinates: a secure element that wants the point takes either y that fits x, the
    /// secret is the same. May answer PENDING: the library's call then returns PENDING with nothing changed, and asks again with the same
    /// arguments in sealwire_resume(). NULL when all keys are software keys.
    pub key_agree:
        Option<unsafe extern "C" fn(context: *mut c_void, key: u32, curve: i32, peer_public_key: *const u8, shared_secret: *mut u8) -> i32>,
    /// Signs with private key `key`: `algorithm` is -8 (Ed25519) or -7 (ES256, r || s); writes 64 bytes. The message is the
    /// concatenation of `part_count` parts, at most 8; a secure element that signs digests is given the SHA-256 of that. May answer
    /// PENDING, as `key_agree`. NULL when this end never signs, or signs with software keys only.
    pub key_sign: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            key: u32,
            algorithm: i32,
            parts: *const sealwire_bytes,
            part_count: usize,
            signature: *mut u8,
        ) -> i32,
    >,
    /// Reads what was last saved under `slot` into `out` and sets `length`, 0 if nothing was. NULL: nothing is kept, and
    /// every start makes a new handshake.
    pub store_load: Option<unsafe extern "C" fn(context: *mut c_void, slot: u32, out: *mut u8, capacity: usize, length: *mut usize) -> i32>,
    /// Saves `data`, 312 bytes in this version (provide for 512, `SEALWIRE_SNAPSHOT_MAX` of sealwire_primitives.h), under `slot` (from 0, below
    /// sealwire_endpoint_capacity(), which may be above the number of sessions asked for), durably and atomically: after OK the new value is on the medium, after a power cut there is the old one or the
    /// new one. Length 0 removes it. NULL together with `store_load`.
    pub store_save: Option<unsafe extern "C" fn(context: *mut c_void, slot: u32, data: *const u8, length: usize) -> i32>,
    /// 1 if nobody can bring back an older state of the store (no backups, VM snapshots or flash cloning); then sessions
    /// survive restarts. 0: they never do, and every start makes a new handshake.
    pub store_resists_rollback: u8,
    /// More credentials than the configuration lists: copies the `nth` (from 0) credential with this key identifier into `out`
    /// and sets `length`, or answers UNKNOWN_CREDENTIAL when there are no more. The one that fits is asked for twice and must be the same. For an X.509 certificate `kid` is the beginning of its
    /// SHA-256, 8 or 32 bytes. May be NULL.
    pub find_credential: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            kid: *const u8,
            kid_length: usize,
            nth: usize,
            out: *mut u8,
            capacity: usize,
            length: *mut usize,
        ) -> i32,
    >,
    /// Decides whether a peer that has proved its identity may open a session: OK, or DENIED. NULL: the default, an inbox name
    /// must equal the subject of the credential.
    pub authorize: Option<unsafe extern "C" fn(context: *mut c_void, peer: *const sealwire_peer) -> i32>,
    /// Seconds since 1970 for the validity time of credentials, 0 while unknown. NULL: unknown, and validity is not judged.
    pub now_s: Option<unsafe extern "C" fn(context: *mut c_void) -> u64>,
}

/// Port and credentials during one call.
pub(crate) struct Platform<'a> {
    pub(crate) port: &'a sealwire_port,
    pub(crate) identity: &'a Identity,
}

impl Platform<'_> {
    /// The software key behind a handle that is marked as one.
    fn software_key(&self, key: KeyHandle) -> Result<&key::sealwire_key> {
        let position = usize::try_from(key.0 & !SOFTWARE_KEY).map_err(|_| Error::UnknownKey)?;
        let own = self.identity.own().get(position).ok_or(Error::UnknownKey)?;
        // SAFETY: checked in `Identity::new`; the caller keeps the key.
        unsafe { crate::memory::record(own.key) }.map_err(|_| Error::UnknownKey)
    }
}

impl Provider for Platform<'_> {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        random(self.port, out)
    }

    fn agree(&mut self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        if key.0 & SOFTWARE_KEY != 0 {
            return key::agree(self.software_key(key)?, curve, peer, shared);
        }
        agree(self.port, key, curve, peer, shared)
    }

    fn sign(&mut self, key: KeyHandle, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
        if key.0 & SOFTWARE_KEY != 0 {
            return key::sign(self.software_key(key)?, algorithm, message, signature);
        }
        let sign = self.port.key_sign.ok_or(Error::UnknownKey)?;
        let mut parts = [sealwire_bytes::EMPTY; key::MAX_PARTS];
        let parts = parts.get_mut(..message.len()).ok_or(Error::Internal)?;
        for (part, bytes) in parts.iter_mut().zip(message) {
            *part = sealwire_bytes::of(bytes);
        }
        // SAFETY: the callback reads the parts and writes 64 bytes, as its type promises.
        let status =
            unsafe { sign(self.port.context, key.0, i32::from(algorithm as i8), parts.as_ptr(), parts.len(), signature.as_mut_ptr()) };
        answer(status, Error::UnknownKey)
    }
}

/// Copies a credential to where the core wants it.
fn copy(credential: &[u8], out: &mut [u8]) -> Result<usize> {
    sealwire_core::bytes::copy(out.get_mut(..credential.len()).ok_or(Error::BufferTooSmall)?, credential);
    Ok(credential.len())
}

impl Credentials for Platform<'_> {
    fn own(&self, suite: Suite, sort: AuthenticationKey, out: &mut [u8]) -> Result<OwnCredential> {
        for (position, own) in self.identity.own().iter().enumerate() {
            if own.serves(suite, sort)? {
                // SAFETY: checked in `Identity::new`; the caller keeps the bytes.
                let credential = unsafe { bytes(own.credential.data, own.credential.length) }?;
                let software = SOFTWARE_KEY | u32::try_from(position).unwrap_or_default();
                let key = KeyHandle(if own.key.is_null() { own.key_handle } else { software });
                return Ok(OwnCredential { len: copy(credential, out)?, key, by_value: own.by_value != 0 });
            }
        }
        Err(Error::UnknownCredential)
    }

    fn candidate(&self, kid: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        self.named(kid, nth, out, |credential| Ok(Credential::parse(credential)?.kid == Some(kid)))
    }

    fn candidate_x5t(&self, hash: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        self.named(hash, nth, out, |credential| Ok(is_x5t_of(hash, credential)))
    }

    // Not inlined: its buffer must not lie on the stack while the caller goes on.
    #[inline(never)]
    fn known(&self, credential: &[u8]) -> bool {
        // SAFETY: checked in `Identity::new`; the caller keeps the bytes.
        if self.identity.peers().iter().any(|peer| unsafe { bytes(peer.data, peer.length) } == Ok(credential)) {
            return true;
        }
        let hash = x5t_of(credential);
        let kid = match &hash {
            Some(hash) => hash.get(..8),
            None => Credential::parse(credential).ok().and_then(|parsed| parsed.kid),
        };
        let Some(kid) = kid else { return false };
        let mut found = [0; MAX_CREDENTIAL];
        (0..MAX_CANDIDATES).any(|nth| match self.found(kid, nth, &mut found) {
            Ok(Some(length)) => found.get(..length) == Some(credential),
            _ => false,
        })
    }

    fn anchor(&self, nth: usize) -> Option<TrustAnchor<'_>> {
        let anchor = self.identity.anchors().get(nth)?;
        // SAFETY: checked in `Identity::new`; the caller keeps the bytes.
        let issuer = unsafe { bytes(anchor.issuer.data, anchor.issuer.length) }.ok()?;
        let (key, kid) = issuer_key(issuer).ok()?;
        // SAFETY: as above.
        let own_kid = unsafe { bytes(anchor.kid.data, anchor.kid.length) }.ok()?;
        let kid = if own_kid.is_empty() { kid? } else { own_kid };
        let purposes = Purposes(u8::try_from(anchor.purposes).ok()?);
        Some(TrustAnchor { key, kid, purposes })
    }

    fn now_s(&self) -> Option<u64> {
        // SAFETY: the application's function.
        let now = unsafe { (self.port.now_s?)(self.port.context) };
        (now != 0).then_some(now)
    }

    fn authorize(&mut self, peer: &Peer<'_>) -> bool {
        let Some(authorize) = self.port.authorize else {
            return peer.inbox.is_none_or(|inbox| peer.credential.subject.map(str::as_bytes) == Some(inbox));
        };
        let seen = sealwire_peer {
            thumbprint: peer.thumbprint.0,
            credential: sealwire_bytes::of(peer.credential.bytes),
            subject: sealwire_bytes::of(peer.credential.subject.unwrap_or_default().as_bytes()),
            inbox: sealwire_bytes::of(peer.inbox.unwrap_or_default()),
            role: crate::event::role(peer.role),
        };
        // SAFETY: the application's function; what `seen` points to outlives the call.
        unsafe { authorize(self.port.context, &seen) == SEALWIRE_OK }
    }
}

impl Platform<'_> {
    /// The `nth` credential of this name: those configured that `fits` takes, then those of the application's own table.
    fn named(&self, name: &[u8], nth: usize, out: &mut [u8], fits: impl Fn(&[u8]) -> Result<bool>) -> Result<Option<usize>> {
        let mut remaining = nth;
        for peer in self.identity.peers() {
            // SAFETY: checked in `Identity::new`; the caller keeps the bytes.
            let credential = unsafe { bytes(peer.data, peer.length) }?;
            if fits(credential)? {
                match remaining.checked_sub(1) {
                    None => return copy(credential, out).map(Some),
                    Some(fewer) => remaining = fewer,
                }
            }
        }
        self.found(name, remaining, out)
    }

    /// A credential from the application's own table.
    fn found(&self, kid: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        let Some(find) = self.port.find_credential else { return Ok(None) };
        let mut length = 0;
        // SAFETY: the callback reads the kid and writes at most `out.len()` bytes, as its type promises.
        let status = unsafe { find(self.port.context, kid.as_ptr(), kid.len(), nth, out.as_mut_ptr(), out.len(), &mut length) };
        match answer(status, Error::UnknownCredential) {
            Ok(()) if length <= out.len() => Ok(Some(length)),
            Ok(()) => Err(Error::BufferTooSmall),
            Err(Error::UnknownCredential) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Store for Platform<'_> {
    fn load(&mut self, key: u32, out: &mut [u8]) -> Result<usize> {
        load(self.port, key, out)
    }

    fn save(&mut self, key: u32, data: &[u8]) -> Result<()> {
        save(self.port, key, data)
    }

    fn resists_rollback(&self) -> bool {
        self.port.keeps_sessions()
    }
}

// ---- the callbacks, as the core asks for them

impl sealwire_port {
    /// There is a store, and it resists rollback.
    pub(crate) fn keeps_sessions(&self) -> bool {
        self.store_save.is_some() && self.store_resists_rollback != 0
    }

    /// The parts that every port has. Error: `InvalidArgument`: no random source, or only one of the two store functions.
    pub(crate) fn check(&self) -> Result<()> {
        if self.random.is_none() || self.store_load.is_some() != self.store_save.is_some() { Err(Error::InvalidArgument) } else { Ok(()) }
    }
}

pub(crate) fn agree(port: &sealwire_port, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
    let agree = port.key_agree.ok_or(Error::UnknownKey)?;
    // SAFETY: the callback reads 32 bytes and writes 32 bytes, as its type promises.
    let status = unsafe { agree(port.context, key.0, curve as i32, peer.as_ptr(), shared.expose_mut().as_mut_ptr()) };
    answer(status, Error::UnknownKey)
}

pub(crate) fn random(port: &sealwire_port, out: &mut [u8]) -> Result<()> {
    let random = port.random.ok_or(Error::RandomFailed)?;
    // SAFETY: the callback fills `out.len()` bytes, as its type promises.
    answer(unsafe { random(port.context, out.as_mut_ptr(), out.len()) }, Error::RandomFailed)
}

pub(crate) fn load(port: &sealwire_port, key: u32, out: &mut [u8]) -> Result<usize> {
    let Some(load) = port.store_load else { return Ok(0) };
    let mut length = 0;
    // SAFETY: the callback writes at most `out.len()` bytes, as its type promises.
    let status = unsafe { load(port.context, key, out.as_mut_ptr(), out.len(), &mut length) };
    answer(status, Error::StorageFailed)?;
    if length > out.len() { Err(Error::StorageFailed) } else { Ok(length) }
}

pub(crate) fn save(port: &sealwire_port, key: u32, data: &[u8]) -> Result<()> {
    let Some(save) = port.store_save else { return Ok(()) };
    // SAFETY: the callback reads `data.len()` bytes, as its type promises.
    answer(unsafe { save(port.context, key, data.as_ptr(), data.len()) }, Error::StorageFailed)
}
