//! Setup and ownership: a device gets an owner by what its label says, and another one later.

use crate::config::issuer_key;
use crate::endpoint::{route_from, sealwire_endpoint, with};
use crate::event::{handle, sealwire_route};
use crate::key::{self, Algorithms, sealwire_key};
use crate::memory::{Output, array, bytes, bytes_mut, record};
use crate::status::status;
use crate::types::sealwire_bytes;
use sealwire_core::bytes::{Secret, Writer};
use sealwire_core::credential::Thumbprint;
use sealwire_core::crypto::software::KeyKind;
use sealwire_core::crypto::{Curve, KeyHandle, Provider, Signature};
use sealwire_core::error::{Error, Result};
use sealwire_core::setup::{self, Claim, SetupCode, Standing, Statement};

/// Length of a setup secret.
pub const SEALWIRE_SETUP_SECRET_SIZE: usize = 16;
/// Longest setup code in characters, without NUL.
pub const SEALWIRE_SETUP_CODE_MAX: usize = 81;
/// Longest model in characters, without NUL.
pub const SEALWIRE_SETUP_MODEL_MAX: usize = 24;
/// Length of a device's nonce.
pub const SEALWIRE_NONCE_SIZE: usize = 8;
/// Length of a signed statement.
pub const SEALWIRE_STATEMENT_SIZE: usize = 73;
/// Bytes that `store_save` must take for the record of an ownership.
pub const SEALWIRE_OWNERSHIP_MAX: usize = 256;

/// The device knows this end: its owner, or a delegate that was there before.
pub const SEALWIRE_CLAIM_KNOWN: i32 = 0;
/// This end knows the setup secret of a device that nobody owns: `secret`, `anchor`.
pub const SEALWIRE_CLAIM_SETUP: i32 = 1;
/// The owner has signed the device over to this end: `statement`, `anchor`.
pub const SEALWIRE_CLAIM_RELEASE: i32 = 2;
/// The owner has let this end in: `statement`.
pub const SEALWIRE_CLAIM_DELEGATION: i32 = 3;

/// The statement of an owner that somebody is the next one.
pub const SEALWIRE_STATEMENT_RELEASE: i32 = 1;
/// The statement of an owner that somebody may come in.
pub const SEALWIRE_STATEMENT_DELEGATION: i32 = 2;

/// Neither owner nor delegate; a provisioned peer, perhaps.
pub const SEALWIRE_STANDING_NONE: i32 = 0;
/// The owner.
pub const SEALWIRE_STANDING_OWNER: i32 = 1;
/// Somebody whom the owner has let in.
pub const SEALWIRE_STANDING_DELEGATE: i32 = 2;

/// What the label of a device says.
#[repr(C)]
pub struct sealwire_setup_code {
    /// The device's thumbprint.
    pub device: [u8; 16],
    /// The setup secret.
    pub secret: [u8; 16],
    /// The model, 0 to 24 characters of `[A-Z0-9./-]`, with a NUL.
    pub model: [u8; 25],
}

/// Why a device that does not know this end should let it in. All zeros: SEALWIRE_CLAIM_KNOWN.
#[repr(C)]
pub struct sealwire_claim {
    /// `SEALWIRE_CLAIM_...`
    pub claim: i32,
    /// The setup secret, 16 bytes.
    pub secret: *const u8,
    /// What sealwire_ownership_sign() wrote for this end.
    pub statement: sealwire_bytes,
    /// The public key by which this end will sign as owner, Ed25519 or P-256 and none of its credentials' keys: a COSE_Key, or a CCS with it as
    /// sealwire_credential_make() makes it. Empty: the key of its credential if that signs; else the device can be released to nobody.
    pub anchor: sealwire_bytes,
}

/// Who owns this device.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_ownership {
    /// One more with every release and every reset.
    pub epoch: u32,
    /// 1 if there is an owner.
    pub owned: u8,
    /// Number of delegates, at most 3.
    pub delegate_count: u8,
    /// The owner's thumbprint.
    pub owner: [u8; 16],
    /// The delegates' thumbprints.
    pub delegates: [[u8; 16]; 3],
}

/// A statement to be signed by the owner of a device.
#[repr(C)]
pub struct sealwire_statement {
    /// `SEALWIRE_STATEMENT_...`
    pub statement: i32,
    /// The epoch, as the OWNERSHIP event told.
    pub epoch: u32,
    /// The nonce, as the OWNERSHIP event told in `sid`.
    pub nonce: [u8; 8],
    /// The device's thumbprint.
    pub device: [u8; 16],
    /// The thumbprint of whom it concerns.
    pub about: [u8; 16],
}

/// Reads a setup code.
///
/// Statuses: OK; INVALID_ARGUMENT; MALFORMED.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_setup_code_read(text: *const u8, length: usize, code: *mut sealwire_setup_code) -> i32 {
    let run = || {
        let place = Output::new(code)?;
        // SAFETY: the caller's text.
        let text = unsafe { bytes(text, length) }?;
        let read = SetupCode::parse(core::str::from_utf8(text).map_err(|_| Error::Malformed)?)?;
        let mut model = [0; SEALWIRE_SETUP_MODEL_MAX + 1];
        sealwire_core::bytes::copy(model.get_mut(..read.model().len()).ok_or(Error::Internal)?, read.model().as_bytes());
        // SAFETY: the caller's memory, checked above.
        unsafe { place.write(sealwire_setup_code { device: read.device.0, secret: *read.secret.expose(), model }) };
        Ok(())
    };
    status(run())
}

/// Writes a setup code, without NUL; `length`: how many characters, at most `SEALWIRE_SETUP_CODE_MAX`. It holds the secret.
///
/// Statuses: OK; INVALID_ARGUMENT (also: the model); BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_setup_code_write(
    code: *const sealwire_setup_code,
    text: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> i32 {
    let run = || {
        let result = Output::new(length)?;
        // SAFETY: the caller's struct and buffer.
        let (code, text) = unsafe { (record(code)?, bytes_mut(text, capacity)?) };
        let end = code.model.iter().position(|byte| *byte == 0).ok_or(Error::InvalidArgument)?;
        let model = core::str::from_utf8(code.model.get(..end).ok_or(Error::Internal)?).map_err(|_| Error::InvalidArgument)?;
        let code = SetupCode::new(Thumbprint(code.device), Secret::from(code.secret), model)?;
        let mut w = Writer::new(text);
        code.write(&mut w)?;
        // SAFETY: the caller's memory, checked above.
        unsafe { result.write(w.len()) };
        Ok(())
    };
    status(run())
}

/// Makes this endpoint a device that can be owned; between sealwire_endpoint_init() and sealwire_restore(). Its record is kept in the store
/// under `slot`, at least sealwire_endpoint_capacity(), in `SEALWIRE_OWNERSHIP_MAX` bytes. `secret`: the 16 bytes of its label. Its own
/// credential should go `by_value`, since a phone knows only the label.
///
/// Statuses: OK; INVALID_ARGUMENT (also: `slot` is one of the sessions'); WRONG_STATE (called before, or there are sessions already); BUSY;
/// STORAGE_FAILED; UNSUPPORTED_STATE; CORRUPT_STATE: the record is damaged, and nobody is let in before sealwire_ownership_reset().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_setup_enable(endpoint: *mut sealwire_endpoint, slot: u32, secret: *const u8) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let secret = Secret::from(*array::<16>(secret)?);
            let (endpoint, mut platform) = state.split();
            endpoint.enable_setup(&mut platform, slot, secret)
        })
    }
}

/// There was a physical act, such as a button pressed: setup is possible until `until_ms`, and 10 minutes at most.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (also: not enabled); BUSY; OTHER_OWNER (there is one: reset first); CORRUPT_STATE.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_setup_open(endpoint: *mut sealwire_endpoint, now_ms: u64, until_ms: u64) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe { with(endpoint, |state| state.split().0.open_setup(now_ms, until_ms)) }
}

/// Setup is not possible any more.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sealwire_setup_close(endpoint: *mut sealwire_endpoint) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            state.split().0.close_setup();
            Ok(())
        })
    }
}

/// Starts a handshake with a device of which this end knows the thumbprint only (`device`, 16 bytes), to be let in by `claim` (NULL:
/// `SEALWIRE_CLAIM_KNOWN`). As sealwire_connect(); an owner is told by OWNERSHIP what to sign over. The own credential must be a CCS.
/// When the device has lost the session, an endpoint connects again by itself (`no_reconnect`); a device that knows it by a claim only
/// refuses that: claim again, with `SEALWIRE_CLAIM_KNOWN`.
///
/// Statuses: as sealwire_connect(); INVALID_ARGUMENT also for a statement of another length; INVALID_KEY, MALFORMED, NOT_DETERMINISTIC (the
/// anchor); BUFFER_TOO_SMALL (`handshake_buffer`).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_setup_claim(
    endpoint: *mut sealwire_endpoint,
    now_ms: u64,
    route: *const sealwire_route,
    device: *const u8,
    claim: *const sealwire_claim,
    handshake: *mut u32,
) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let result = Output::new(handshake)?;
            let route = route_from(route)?;
            let device = Thumbprint(*array::<16>(device)?);
            let secret: Secret<16>;
            let mut anchor = None;
            let mut shown = Claim::Known;
            if !claim.is_null() {
                let claim = record(claim)?;
                let key = bytes(claim.anchor.data, claim.anchor.length)?;
                if !key.is_empty() {
                    anchor = Some(issuer_key(key)?.0);
                }
                let statement = bytes(claim.statement.data, claim.statement.length)?;
                shown = match claim.claim {
                    SEALWIRE_CLAIM_KNOWN => Claim::Known,
                    SEALWIRE_CLAIM_SETUP => {
                        secret = Secret::from(*array::<16>(claim.secret)?);
                        Claim::Setup { secret: &secret, anchor: anchor.as_ref() }
                    }
                    SEALWIRE_CLAIM_RELEASE => Claim::Release { statement, anchor: anchor.as_ref() },
                    SEALWIRE_CLAIM_DELEGATION => Claim::Delegation { statement },
                    _ => return Err(Error::InvalidArgument),
                };
            }
            let (endpoint, mut platform) = state.split();
            result.write(handle(endpoint.claim(&mut platform, now_ms, route, device, &shown)?.0));
            Ok(())
        })
    }
}

/// Who owns this device.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (also: not enabled, or the record is damaged); BUSY.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_ownership_get(endpoint: *mut sealwire_endpoint, ownership: *mut sealwire_ownership) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let result = Output::new(ownership)?;
            let found = state.endpoint().ownership().ok_or(Error::WrongState)?;
            let mut to = sealwire_ownership {
                epoch: found.epoch(),
                owned: found.owner().is_some().into(),
                delegate_count: 0,
                owner: found.owner().unwrap_or_default().0,
                delegates: [[0; 16]; 3],
            };
            for (place, delegate) in to.delegates.iter_mut().zip(found.delegates()) {
                *place = delegate.0;
                to.delegate_count = to.delegate_count.saturating_add(1);
            }
            result.write(to);
            Ok(())
        })
    }
}

/// What a peer (its thumbprint, as ESTABLISHED or a message has it) is to this device: `SEALWIRE_STANDING_...`.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (also: not enabled, or the record is damaged); BUSY.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_ownership_standing(endpoint: *mut sealwire_endpoint, peer: *const u8, standing: *mut i32) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let result = Output::new(standing)?;
            let peer = Thumbprint(*array::<16>(peer)?);
            let found = state.endpoint().ownership().ok_or(Error::WrongState)?;
            result.write(match found.standing(&peer) {
                Standing::None => SEALWIRE_STANDING_NONE,
                Standing::Owner => SEALWIRE_STANDING_OWNER,
                Standing::Delegate => SEALWIRE_STANDING_DELEGATE,
            });
            Ok(())
        })
    }
}

/// Takes from a delegate (its thumbprint) what the owner had given it, and ends its sessions; when the owner asks for it. Statements signed
/// before count no more.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (also: not enabled); BUSY; UNKNOWN_CREDENTIAL (no such delegate); RANDOM_FAILED; STORAGE_FAILED.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_ownership_revoke(endpoint: *mut sealwire_endpoint, delegate: *const u8) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let delegate = Thumbprint(*array::<16>(delegate)?);
            let (endpoint, mut platform) = state.split();
            endpoint.revoke(&mut platform, &delegate)
        })
    }
}

/// Physical reset: the device belongs to nobody, in the next epoch, and every session has ended. Erase the owner's data as well.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (also: not enabled); BUSY; RANDOM_FAILED; STORAGE_FAILED: call it again.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_ownership_reset(endpoint: *mut sealwire_endpoint) -> i32 {
    // SAFETY: as the conventions of the header ask.
    unsafe {
        with(endpoint, |state| {
            let (endpoint, mut platform) = state.split();
            endpoint.reset_ownership(&mut platform)
        })
    }
}

/// Signs a statement as the owner of a device, with the software key whose public key the device has as anchor. Writes
/// `SEALWIRE_STATEMENT_SIZE` bytes, for whom it concerns to show in sealwire_setup_claim().
///
/// Statuses: OK; INVALID_ARGUMENT; UNKNOWN_KEY (no key, or one that does not sign); UNSUPPORTED_SUITE.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_ownership_sign(
    key: *const sealwire_key,
    statement: *const sealwire_statement,
    signed_statement: *mut u8,
) -> i32 {
    let run = || {
        // SAFETY: the caller's structs.
        let (key, statement) = unsafe { (record(key)?, record(statement)?) };
        let kind = match statement.statement {
            SEALWIRE_STATEMENT_RELEASE => Statement::Release,
            SEALWIRE_STATEMENT_DELEGATION => Statement::Delegation,
            _ => return Err(Error::InvalidArgument),
        };
        let algorithm = match key::kind(key)? {
            KeyKind::Ed25519 => Signature::EdDsa,
            KeyKind::Es256 => Signature::Es256,
            KeyKind::X25519 | KeyKind::P256 => return Err(Error::UnknownKey),
        };
        let mut made = [0; SEALWIRE_STATEMENT_SIZE];
        let (device, about) = (Thumbprint(statement.device), Thumbprint(statement.about));
        let over = (statement.epoch, &statement.nonce);
        setup::sign(&mut Signer(key), (KeyHandle(0), algorithm), kind, &device, over, &about, &mut Writer::new(&mut made))?;
        // SAFETY: 73 bytes by the prototype.
        *unsafe { crate::memory::array_mut::<SEALWIRE_STATEMENT_SIZE>(signed_statement) }? = made;
        Ok(())
    };
    status(run())
}

/// One software key.
struct Signer<'a>(&'a sealwire_key);

impl Provider for Signer<'_> {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        Algorithms.random(out)
    }

    fn agree(&mut self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        Algorithms.agree(key, curve, peer, shared)
    }

    fn sign(&mut self, _: KeyHandle, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
        key::sign(self.0, algorithm, message, signature)
    }
}

const _: () = assert!(SEALWIRE_SETUP_CODE_MAX == setup::MAX_SETUP_CODE && SEALWIRE_SETUP_MODEL_MAX == setup::MAX_MODEL);
const _: () = assert!(SEALWIRE_STATEMENT_SIZE == setup::STATEMENT && SEALWIRE_NONCE_SIZE == setup::NONCE);
const _: () = assert!(SEALWIRE_OWNERSHIP_MAX >= setup::RECORD && SEALWIRE_SETUP_SECRET_SIZE == setup::SECRET);
