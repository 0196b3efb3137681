//! Credentials: making one's own, and looking at any.

use crate::key::{Algorithms, public, sealwire_key};
use crate::memory::{Output, bytes, bytes_mut, disjoint, record};
use crate::status::status;
use crate::types::sealwire_bytes;
use sealwire_core::bytes::Writer;
use sealwire_core::credential::{Credential, CredentialKind, write_ccs};
use sealwire_core::error::{Error, Result};

/// Longest credential that is read: own, provisioned or from a callback. For those that go by value in a handshake see
/// `SEALWIRE_HANDSHAKE_FRAME_MAX`.
pub const SEALWIRE_CREDENTIAL_MAX: usize = 512;
const _: () = assert!(SEALWIRE_CREDENTIAL_MAX == sealwire_core::credential::MAX_CREDENTIAL);

/// Unsigned: believed by whoever was given its bytes beforehand.
pub const SEALWIRE_CREDENTIAL_CCS: i32 = 1;
/// Signed by an issuer: believed by whoever has the issuer as anchor.
pub const SEALWIRE_CREDENTIAL_CWT: i32 = 2;
/// X.509 certificate, DER: believed by whoever was given its bytes beforehand, or has its issuer as anchor.
pub const SEALWIRE_CREDENTIAL_X509: i32 = 3;

/// What a credential says. Its bytes lie in the credential that was read.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_credential_info {
    /// `SEALWIRE_CREDENTIAL_CCS`, `SEALWIRE_CREDENTIAL_CWT` or `SEALWIRE_CREDENTIAL_X509`.
    pub kind: i32,
    /// `SEALWIRE_CURVE_...` of the key.
    pub curve: i32,
    /// The identity: thumbprint of the key.
    pub thumbprint: [u8; 16],
    /// The subject, in a certificate its commonName; empty if none.
    pub subject: sealwire_bytes,
    /// The key identifier; empty if none, as in a certificate.
    pub kid: sealwire_bytes,
    /// Invalid from this second since 1970 on; 0 if unlimited.
    pub expires_s: u64,
}

/// Makes an unsigned credential (CCS) for a software key: what one hands to the peers. `subject` (UTF-8) is also the inbox name on
/// MQTT; `kid` is what handshakes send for it, best a single byte 0x00 to 0x17 or 0x20 to 0x37, or a few bytes. The credential of a key in a
/// secure element is made from its public key where the device is provisioned: in Python,
/// `Credential.ccs(Key.external("P-256", public), subject, kid)`, with "ES256" for a key that signs; `public` is x and y, 64 bytes.
///
/// Statuses: OK; INVALID_ARGUMENT; UNKNOWN_KEY; BUFFER_TOO_SMALL (160 bytes are enough for a subject of 16).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_credential_make(
    key: *const sealwire_key,
    subject: *const u8,
    subject_length: usize,
    kid: *const u8,
    kid_length: usize,
    credential: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> i32 {
    let run = || {
        let result = Output::new(length)?;
        // SAFETY: as the conventions of the header ask.
        let (key, subject, kid) = unsafe { (record(key)?, bytes(subject, subject_length)?, bytes(kid, kid_length)?) };
        disjoint(subject, credential, capacity)?;
        disjoint(kid, credential, capacity)?;
        let subject = core::str::from_utf8(subject).map_err(|_| Error::InvalidArgument)?;
        if subject.is_empty() || kid.is_empty() {
            return Err(Error::InvalidArgument);
        }
        let public = public(key)?;
        // SAFETY: as the conventions of the header ask.
        let mut writer = Writer::new(unsafe { bytes_mut(credential, capacity) }?);
        write_ccs(&mut writer, subject, &public, kid)?;
        // SAFETY: the caller's variable.
        unsafe { result.write(writer.len()) };
        Ok(())
    };
    status(run())
}

/// Reads a credential. It says what the credential claims, not whether that is true.
///
/// Statuses: OK; INVALID_ARGUMENT; MALFORMED; NOT_DETERMINISTIC; INVALID_KEY; UNSUPPORTED_SUITE;
/// UNSUPPORTED_CREDENTIAL (a certificate outside the profile).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_credential_read(credential: *const u8, length: usize, info: *mut sealwire_credential_info) -> i32 {
    let run = || -> Result<()> {
        let result = Output::new(info)?;
        // SAFETY: as the conventions of the header ask.
        let parsed = Credential::parse(unsafe { bytes(credential, length) }?)?;
        let thumbprint = parsed.key.thumbprint(&mut Algorithms)?;
        let info = sealwire_credential_info {
            kind: match parsed.kind {
                CredentialKind::Ccs => SEALWIRE_CREDENTIAL_CCS,
                CredentialKind::Cwt => SEALWIRE_CREDENTIAL_CWT,
                CredentialKind::X509 => SEALWIRE_CREDENTIAL_X509,
            },
            curve: parsed.key.curve as i32,
            thumbprint: thumbprint.0,
            subject: sealwire_bytes::of(parsed.subject.unwrap_or_default().as_bytes()),
            kid: sealwire_bytes::of(parsed.kid.unwrap_or_default()),
            expires_s: parsed.expires.unwrap_or_default(),
        };
        // SAFETY: the caller's struct.
        unsafe { result.write(info) };
        Ok(())
    };
    status(run())
}
