//! The port behind which credentials live.

use super::{Credential, PublicKey, Thumbprint};
use crate::crypto::{AuthenticationKey, HASH, KeyHandle, Suite};
use crate::error::{Error, Result};

/// Longest credential in bytes.
pub const MAX_CREDENTIAL: usize = 512;

/// How many credentials with one kid are tried in a handshake.
pub const MAX_CANDIDATES: usize = 4;

/// Which side of a handshake an endpoint is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Role {
    /// Sends message_1.
    Initiator = 1,
    /// Answers it.
    Responder = 2,
}

/// What the signature of a trust anchor is believed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Purposes(pub u8);

impl Purposes {
    /// Who someone is.
    pub const IDENTITY: Purposes = Purposes(1);
    /// What role someone has.
    pub const ROLE: Purposes = Purposes(2);
    /// Reference values for attestation.
    pub const MANIFEST: Purposes = Purposes(4);
    /// Firmware.
    pub const UPDATE: Purposes = Purposes(8);
    /// The state of the fleet.
    pub const BULLETIN: Purposes = Purposes(16);

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Purposes) -> Purposes {
        Purposes(self.0 | other.0)
    }

    /// True if all of `other` are among these.
    pub const fn contain(self, other: Purposes) -> bool {
        self.0 & other.0 == other.0
    }
}

/// An issuer's public key, believed for some purposes and refused for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustAnchor<'a> {
    /// Ed25519, or P-256 for ES256.
    pub key: PublicKey,
    /// The kid that its signatures carry; selects, and proves nothing.
    pub kid: &'a [u8],
    /// What it is believed for.
    pub purposes: Purposes,
}

/// The credential that this endpoint shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnCredential {
    /// How many bytes of it were written.
    pub len: usize,
    /// The private key that belongs to it.
    pub key: KeyHandle,
    /// Send the credential itself instead of its kid: for peers that have not got it.
    pub by_value: bool,
}

/// A peer whose handshake has verified, before a session with it exists.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    /// Its identity.
    pub thumbprint: Thumbprint,
    /// Its credential, verified.
    pub credential: &'a Credential<'a>,
    /// The inbox name that it claims.
    pub inbox: Option<&'a [u8]>,
    /// Which side this endpoint is on.
    pub role: Role,
}

/// Where credentials live: a table in flash, a database. Bytes are copied out, so that an implementation may fetch them from anywhere.
pub trait Credentials {
    /// Copies this endpoint's credential with a key of this sort for the suite into `out` ([`MAX_CREDENTIAL`] bytes). The same every time
    /// during a handshake. Errors: `UnknownCredential` (none of the sort for this suite), `BufferTooSmall`.
    fn own(&self, suite: Suite, key: AuthenticationKey, out: &mut [u8]) -> Result<OwnCredential>;

    /// Copies the `nth` (from 0) provisioned credential that `kid` may mean into `out` ([`MAX_CREDENTIAL`] bytes); gives its length, or
    /// nothing if there are no more. At most [`MAX_CANDIDATES`] are asked for, and the one that fits twice. Errors: `BufferTooSmall`, and the implementation's own.
    fn candidate(&self, kid: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>>;

    /// Copies the `nth` (from 0) provisioned certificate whose SHA-256 begins with `hash`, 8 or 32 bytes, into `out`, as
    /// [`candidate`](Credentials::candidate) does; [`is_x5t_of`] judges one. By default there are none.
    fn candidate_x5t(&self, hash: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        let _ = (hash, nth, out);
        Ok(None)
    }

    /// True if exactly these bytes were provisioned: a CCS or a certificate that the peer sent by value.
    fn known(&self, credential: &[u8]) -> bool;

    /// The `nth` (from 0) trust anchor, or nothing if there are no more.
    fn anchor(&self, nth: usize) -> Option<TrustAnchor<'_>>;

    /// Seconds since 1970 in UTC, for `exp` and `nbf`; nothing where no clock can be trusted, and then they are not judged.
    fn now_s(&self) -> Option<u64> {
        None
    }

    /// May this peer, whose handshake has verified, open a session, and under the inbox name that it claims? By default it may,
    /// if it claims no name or the name that its credential has as subject.
    fn authorize(&mut self, peer: &Peer<'_>) -> bool {
        match peer.inbox {
            None => true,
            Some(name) => peer.credential.subject.is_some_and(|subject| subject.as_bytes() == name),
        }
    }
}

/// An own credential in [`StaticCredentials`].
#[derive(Clone, Copy, Debug)]
pub struct OwnEntry<'a> {
    /// The suite that it is for.
    pub suite: Suite,
    /// What its key does: agree or sign. The same key must not stand in two entries with different answers.
    pub authentication: AuthenticationKey,
    /// The credential: CCS, CWT or DER.
    pub credential: &'a [u8],
    /// The private key that belongs to it.
    pub key: KeyHandle,
    /// Send it by value.
    pub by_value: bool,
}

/// A peer's credential in [`StaticCredentials`].
#[derive(Clone, Copy, Debug)]
pub struct Provisioned<'a> {
    /// The kid by which peers name it; empty for a certificate, which they name by its hash.
    pub kid: &'a [u8],
    /// The credential: CCS, CWT or DER.
    pub credential: &'a [u8],
}

/// Credentials in slices: for firmware with fixed tables, and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct StaticCredentials<'a> {
    /// This endpoint's, one for each suite and sort of key.
    pub own: &'a [OwnEntry<'a>],
    /// Those of its peers.
    pub peers: &'a [Provisioned<'a>],
    /// Issuers.
    pub anchors: &'a [TrustAnchor<'a>],
    /// The time, if known.
    pub now_s: Option<u64>,
}

/// SHA-256 of a certificate, which an x5t has all of or the first 8 bytes; nothing for other credentials, nor in a
/// build without certificates.
pub fn x5t_of(credential: &[u8]) -> Option<[u8; HASH]> {
    (cfg!(feature = "x509") && credential.first() == Some(&super::DER)).then(|| crate::crypto::hash(&[credential]))
}

/// True if a credential is a certificate whose SHA-256 begins with `hash`.
pub fn is_x5t_of(hash: &[u8], credential: &[u8]) -> bool {
    !hash.is_empty() && x5t_of(credential).is_some_and(|whole| whole.starts_with(hash))
}

fn copy(bytes: &[u8], out: &mut [u8]) -> Result<usize> {
    crate::bytes::copy(out.get_mut(..bytes.len()).ok_or(Error::BufferTooSmall)?, bytes);
    Ok(bytes.len())
}

impl Credentials for StaticCredentials<'_> {
    fn own(&self, suite: Suite, key: AuthenticationKey, out: &mut [u8]) -> Result<OwnCredential> {
        let fits = |entry: &&OwnEntry<'_>| entry.suite == suite && entry.authentication == key;
        let entry = self.own.iter().find(fits).ok_or(Error::UnknownCredential)?;
        Ok(OwnCredential { len: copy(entry.credential, out)?, key: entry.key, by_value: entry.by_value })
    }

    fn candidate(&self, kid: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        // An empty kid is a kid like any other, and no name for all certificates.
        let named = |entry: &&Provisioned<'_>| entry.kid == kid && !(kid.is_empty() && entry.credential.first() == Some(&super::DER));
        let found = self.peers.iter().filter(named).nth(nth);
        found.map(|entry| copy(entry.credential, out)).transpose()
    }

    fn candidate_x5t(&self, hash: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        let found = self.peers.iter().filter(|entry| is_x5t_of(hash, entry.credential)).nth(nth);
        found.map(|entry| copy(entry.credential, out)).transpose()
    }

    fn known(&self, credential: &[u8]) -> bool {
        self.peers.iter().any(|entry| entry.credential == credential)
    }

    fn anchor(&self, nth: usize) -> Option<TrustAnchor<'_>> {
        self.anchors.get(nth).copied()
    }

    fn now_s(&self) -> Option<u64> {
        self.now_s
    }
}
