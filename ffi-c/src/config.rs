//! What an endpoint is told at the start: the C configuration, checked and turned into the core's.

use crate::event::sealwire_event;
use crate::key::{self, sealwire_key};
use crate::memory::{bytes, record, records};
use crate::port::sealwire_port;
use crate::types::sealwire_bytes;
use sealwire_core::cose::{KeyCurve, PublicKey};
use sealwire_core::credential::{Credential, CredentialKind, DER, anchor_key};
use sealwire_core::crypto::software::KeyKind;
use sealwire_core::crypto::{AuthenticationKey, Suite};
use sealwire_core::edhoc::{Method, Methods};
use sealwire_core::endpoint::{Config, InboxName, MAX_SUITES};
use sealwire_core::error::{Error, Result};

/// Cipher suite 4 of RFC 9528: X25519, ChaCha20/Poly1305, 16-byte tags; signatures with Ed25519. The default.
pub const SEALWIRE_SUITE_X25519_CHACHA: u8 = 4;
/// Cipher suite 2 of RFC 9528: P-256, AES-CCM, 8-byte tags; signatures with ES256. The suite of most secure elements.
pub const SEALWIRE_SUITE_P256_CCM: u8 = 2;
/// Cipher suite 3 of RFC 9528: as suite 2, with 16-byte tags in the handshake; records have 8-byte tags.
pub const SEALWIRE_SUITE_P256_CCM16: u8 = 3;
/// Cipher suite 0 of RFC 9528: X25519, AES-CCM, 8-byte tags; signatures with Ed25519.
pub const SEALWIRE_SUITE_X25519_CCM: u8 = 0;

/// The issuer may vouch for identities.
pub const SEALWIRE_PURPOSE_IDENTITY: u32 = 1;

/// This endpoint's credential and its private key.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_own_credential {
    /// A CCS or a CWT, as CBOR, or an X.509 certificate, as DER.
    pub credential: sealwire_bytes,
    /// The private key, if it is a software key; else NULL.
    pub key: *const sealwire_key,
    /// The port's name for the private key, below 2^31, when `key` is NULL.
    pub key_handle: u32,
    /// 1 if the key behind `key_handle` signs with ES256. Counts on P-256 only, whose keys can do either; 0: it agrees. Forgotten, it makes
    /// sealwire_connect() of a method in which this end signs fail with UNKNOWN_CREDENTIAL.
    pub signs: u8,
    /// 1: send the credential itself, for peers that do not have it (needs a CWT, a certificate, or a CCS that the peer knows). 0: its
    /// key identifier, or the hash of a certificate.
    pub by_value: u8,
}

impl sealwire_own_credential {
    /// Whether its key is an authentication key of this sort for the suite. Errors: those of [`Credential::parse`], `UnknownKey` (the key is of
    /// another kind than the credential says).
    pub(crate) fn serves(&self, suite: Suite, sort: AuthenticationKey) -> Result<bool> {
        // SAFETY: checked in `Identity::new`, the only maker of what is asked; the caller keeps the bytes.
        let curve = Credential::parse(unsafe { bytes(self.credential.data, self.credential.length) }?)?.key.curve;
        Ok(self.sort(curve)? == sort
            && match sort {
                AuthenticationKey::StaticDh => curve.agreement() == Some(suite.curve()),
                AuthenticationKey::Signature => curve.signature() == Some(suite.signature()),
            })
    }

    /// What the key does. Its curve tells, but on P-256, where the kind of the software key or `signs` does. Error: `UnknownKey`.
    fn sort(&self, curve: KeyCurve) -> Result<AuthenticationKey> {
        let sort = |signs| if signs { AuthenticationKey::Signature } else { AuthenticationKey::StaticDh };
        if self.key.is_null() {
            return Ok(sort(curve == KeyCurve::Ed25519 || (curve == KeyCurve::P256 && self.signs != 0)));
        }
        // SAFETY: checked in `Identity::new`; the caller keeps the key.
        let kind = key::kind(unsafe { record(self.key) }?)?;
        if kind.curve() == curve { Ok(sort(matches!(kind, KeyKind::Ed25519 | KeyKind::Es256))) } else { Err(Error::UnknownKey) }
    }
}

/// An issuer whose signature this endpoint accepts, for some purposes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_anchor {
    /// The issuer's public key: a COSE_Key, or a CCS that holds one, as CBOR; or an authority's X.509 certificate, as DER, whose key alone
    /// counts.
    pub issuer: sealwire_bytes,
    /// The key identifier in its signatures; empty: that of the key.
    pub kid: sealwire_bytes,
    /// What it may vouch for: `SEALWIRE_PURPOSE_IDENTITY`.
    pub purposes: u32,
}

/// How an endpoint behaves. Start from `SEALWIRE_CONFIG_INIT`, in which everything that is 0 means the default, and fill in
/// who it is (`own`) and whom it trusts (`peers`, `anchors`). The struct is copied; the arrays, credentials and keys it points
/// to must stay until the endpoint is closed. Times are milliseconds.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_config {
    /// Set by `SEALWIRE_CONFIG_INIT`.
    pub abi_version: u32,
    /// Set by `SEALWIRE_CONFIG_INIT`.
    pub config_size: u32,
    /// Set by `SEALWIRE_CONFIG_INIT`.
    pub port_size: u32,
    /// Set by `SEALWIRE_CONFIG_INIT`.
    pub event_size: u32,
    /// Own credentials, at least one: at most one for static Diffie-Hellman and one for signatures on each cipher suite's curve. Of two that
    /// serve the same the first is used.
    pub own: *const sealwire_own_credential,
    /// Number of own credentials.
    pub own_count: usize,
    /// Credentials of peers, provisioned beforehand.
    pub peers: *const sealwire_bytes,
    /// Number of peers.
    pub peer_count: usize,
    /// Issuers whose credentials are accepted.
    pub anchors: *const sealwire_anchor,
    /// Number of anchors.
    pub anchor_count: usize,
    /// Own inbox name, 1 to 16 bytes of [a-z0-9-]; needed on MQTT. The peer answers there.
    pub inbox: sealwire_bytes,
    /// When this end answers handshakes: the inbox for everything after message_1. For a worker of a hub.
    pub reply_inbox: sealwire_bytes,
    /// Cipher suites in order of preference, `SEALWIRE_SUITE_...`. Those that no own credential serves are left out.
    pub suites: [u8; 4],
    /// How many of them count. 0: all, in the order 4, 2, 3, 0.
    pub suite_count: u8,
    /// When this end begins a handshake: 1 if it signs, 0 if it uses static Diffie-Hellman. With `responder_signs` this is the EDHOC
    /// method: 0 and 0 are method 3, the shortest; 1 and 0 method 1; 0 and 1 method 2; 1 and 1 method 0.
    pub initiator_signs: u8,
    /// When this end begins a handshake: 1 if the peer signs, 0 if it uses static Diffie-Hellman.
    pub responder_signs: u8,
    /// EDHOC methods refused when a peer begins: the sum of 1 << method. 0: every method that the own credentials serve is taken.
    pub methods_refused: u8,
    /// Length of the connection identifiers this end chooses, 1 to 4 bytes. Default: 1 with room for up to 24 sessions, 2 for up to
    /// 4,096, else 3. When it changes, stored sessions cannot be read: set it where the memory of the endpoint may grow one day.
    pub identifier_length: u8,
    /// 1 when a frame from no known route cannot be answered, as on MQTT. Default 0.
    pub mqtt: u8,
    /// 1 when this end takes commands. Default 0.
    pub takes_commands: u8,
    /// 1: do not start a handshake when the peer says that it lost the session. Default 0.
    pub no_reconnect: u8,
    /// How often one handshake message is sent before the handshake fails. Default 6.
    pub handshake_attempts: u8,
    /// Unanswered repetitions before PEER_SILENT. Default 5.
    pub silent_attempts: u8,
    /// First interval between repetitions of a handshake message; it doubles. Default 1,000.
    pub handshake_interval_ms: u32,
    /// How long an unfinished handshake of a peer is kept. Default 60,000.
    pub half_open_ms: u32,
    /// How long a confirmable message stays unacknowledged before RESEND; it doubles up to 32 times. Default 3,000.
    pub resend_interval_ms: u32,
    /// How long an acknowledgement waits for a record to ride on. Default 50.
    pub ack_delay_ms: u32,
    /// Ping a peer that was silent for so long. 0: only when an answer is overdue.
    pub ping_after_ms: u32,
    /// How long a command may take to arrive before it is STALE. Default 10,000.
    pub command_lifetime_ms: u32,
    /// Records sent per store operation, up to 65,536. Default 64.
    pub reserve: u32,
    /// Records received per store operation, up to 65,536. Default 64.
    pub edge: u32,
    /// Message buffer of one open handshake in bytes, 256 to 65,535; see `SEALWIRE_HANDSHAKE_FRAME_MAX`, the default.
    pub handshake_buffer: u32,
    /// Ask for new keys after so many records, at least 8. Default 2^32, or three quarters of what the algorithm allows if that is less.
    pub key_update_after: u64,
}

/// Marks the handles of software keys; the rest is the position in `own`.
pub(crate) const SOFTWARE_KEY: u32 = 1 << 31;

/// Who this endpoint is and whom it trusts: the checked part of the configuration.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    own: (*const sealwire_own_credential, usize),
    peers: (*const sealwire_bytes, usize),
    anchors: (*const sealwire_anchor, usize),
}

impl Identity {
    /// Takes over the three lists after checking every entry.
    ///
    /// # Safety
    /// The lists and what they point to stay as they are for as long as the identity is used.
    pub(crate) unsafe fn new(config: &sealwire_config) -> Result<Self> {
        let identity = Identity {
            own: (config.own, config.own_count),
            peers: (config.peers, config.peer_count),
            anchors: (config.anchors, config.anchor_count),
        };
        // SAFETY: the caller's promise.
        unsafe {
            records(config.own, config.own_count)?;
            records(config.peers, config.peer_count)?;
            records(config.anchors, config.anchor_count)?;
        }
        if config.own_count == 0 {
            return Err(Error::InvalidArgument);
        }
        for own in identity.own() {
            // SAFETY: the caller's promise.
            let curve = Credential::parse(unsafe { bytes(own.credential.data, own.credential.length) }?)?.key.curve;
            if own.key.is_null() {
                if own.key_handle >= SOFTWARE_KEY {
                    return Err(Error::InvalidArgument);
                }
            } else {
                // SAFETY: the caller's promise.
                unsafe { record(own.key) }?;
            }
            own.sort(curve)?;
        }
        for peer in identity.peers() {
            // SAFETY: the caller's promise.
            Credential::parse(unsafe { bytes(peer.data, peer.length) }?)?;
        }
        if cfg!(not(feature = "issuers")) && config.anchor_count != 0 {
            return Err(Error::UnsupportedCredential);
        }
        for anchor in identity.anchors() {
            // SAFETY: the caller's promise.
            let (_, kid) = issuer_key(unsafe { bytes(anchor.issuer.data, anchor.issuer.length) }?)?;
            // SAFETY: the caller's promise.
            let own_kid = unsafe { bytes(anchor.kid.data, anchor.kid.length) }?;
            if (kid.is_none() && own_kid.is_empty()) || anchor.purposes == 0 || anchor.purposes > 31 {
                return Err(Error::InvalidArgument);
            }
        }
        Ok(identity)
    }

    pub(crate) fn own(&self) -> &[sealwire_own_credential] {
        // SAFETY: checked in `new`, unchanged since by its caller's promise.
        unsafe { records(self.own.0, self.own.1) }.unwrap_or_default()
    }

    pub(crate) fn peers(&self) -> &[sealwire_bytes] {
        // SAFETY: as above.
        unsafe { records(self.peers.0, self.peers.1) }.unwrap_or_default()
    }

    pub(crate) fn anchors(&self) -> &[sealwire_anchor] {
        if cfg!(not(feature = "issuers")) {
            return &[];
        }
        // SAFETY: as above.
        unsafe { records(self.anchors.0, self.anchors.1) }.unwrap_or_default()
    }
}

/// An issuer's key and its identifier, from a COSE_Key, a CCS or an authority's certificate, which has an empty one: what it signs names
/// no key.
pub(crate) fn issuer_key(issuer: &[u8]) -> Result<(PublicKey, Option<&[u8]>)> {
    if issuer.first() == Some(&DER) {
        return anchor_key(issuer).map(|key| (key, Some(&[][..])));
    }
    PublicKey::parse(issuer).or_else(|error| match Credential::parse(issuer) {
        Ok(credential) if credential.kind == CredentialKind::Ccs => Ok((credential.key, credential.kid)),
        _ => Err(error),
    })
}

/// A configuration from C. One whose header was not made for this library is refused before more of it than that is read: it may be
/// shorter. Errors: `InvalidArgument` (NULL, misaligned), `VersionMismatch`.
///
/// # Safety
/// `config` is NULL or points to a configuration as some version of the header declares it, which nobody writes during `'a`.
pub(crate) unsafe fn checked<'a>(config: *const sealwire_config) -> Result<&'a sealwire_config> {
    if config.is_null() || !config.is_aligned() {
        return Err(Error::InvalidArgument);
    }
    // SAFETY: every version of the header begins with these four numbers.
    let (version, sizes) = unsafe {
        let sizes = [(*config).config_size, (*config).port_size, (*config).event_size];
        ((*config).abi_version, sizes)
    };
    let expected = [size_of::<sealwire_config>(), size_of::<sealwire_port>(), size_of::<sealwire_event>()];
    let same = sizes.iter().zip(expected).all(|(size, expected)| usize::try_from(*size) == Ok(expected));
    if version != crate::abi::SEALWIRE_ABI_VERSION || !same {
        return Err(Error::VersionMismatch);
    }
    // SAFETY: not NULL, aligned, of this version by what it says; the rest is the caller's promise.
    unsafe { record(config) }
}

fn inbox(name: &sealwire_bytes) -> Result<Option<InboxName>> {
    // SAFETY: bytes of the caller, valid during the call.
    let name = unsafe { bytes(name.data, name.length) }?;
    if name.is_empty() { Ok(None) } else { InboxName::new(name).map(Some) }
}

/// Replaces a default by what the caller gave, unless that is 0.
fn set<T: PartialEq + Default>(field: &mut T, value: T) {
    if value != T::default() {
        *field = value;
    }
}

/// The core's configuration.
pub(crate) fn config(from: &sealwire_config, identity: &Identity, sessions: usize) -> Result<Config> {
    let mut to = Config::default();
    to.inbox = inbox(&from.inbox)?;
    to.reply_inbox = inbox(&from.reply_inbox)?;
    to.suites = suites(from, identity, &to)?;
    to.method = method(from);
    to.methods = methods(from)?;
    to.identifier_len = match (from.identifier_length, sessions) {
        (0, ..=24) => 1,
        (0, ..=4096) => 2,
        (0, _) => 3,
        (length, _) => length,
    };
    if !(1..=4).contains(&to.identifier_len) {
        return Err(Error::InvalidArgument);
    }
    to.mqtt = from.mqtt != 0;
    to.offers = from.takes_commands != 0;
    to.reconnect = from.no_reconnect == 0;
    set(&mut to.handshake_attempts, from.handshake_attempts);
    set(&mut to.silent_attempts, from.silent_attempts);
    set(&mut to.handshake_interval_ms, from.handshake_interval_ms);
    set(&mut to.half_open_ms, from.half_open_ms);
    set(&mut to.resend_interval_ms, from.resend_interval_ms);
    set(&mut to.ack_delay_ms, from.ack_delay_ms);
    set(&mut to.ping_after_ms, from.ping_after_ms);
    set(&mut to.command_lifetime_ms, from.command_lifetime_ms);
    set(&mut to.reserve, from.reserve);
    set(&mut to.edge, from.edge);
    set(&mut to.key_update_after, from.key_update_after);
    Ok(to)
}

/// The method of handshakes that this end begins.
pub(crate) fn method(from: &sealwire_config) -> Method {
    match (from.initiator_signs != 0, from.responder_signs != 0) {
        (true, true) => Method::SignSign,
        (true, false) => Method::SignDh,
        (false, true) => Method::DhSign,
        (false, false) => Method::DhDh,
    }
}

/// The methods taken when a peer begins.
///
/// Error: `InvalidArgument` (a bit that stands for no method).
pub(crate) fn methods(from: &sealwire_config) -> Result<Methods> {
    let known = Method::ALL.iter().fold(0, |bits, method| bits | 1 << method.number());
    if from.methods_refused & !known != 0 {
        return Err(Error::InvalidArgument);
    }
    let refused = |method: &&Method| from.methods_refused & (1 << method.number()) != 0;
    Ok(Method::ALL.iter().filter(refused).fold(Methods::ALL, |methods, method| methods.without(*method)))
}

pub(crate) fn suites(from: &sealwire_config, identity: &Identity, defaults: &Config) -> Result<[Option<Suite>; MAX_SUITES]> {
    let mut chosen = if from.suite_count == 0 { defaults.suites } else { [None; MAX_SUITES] };
    let numbers = from.suites.get(..usize::from(from.suite_count)).ok_or(Error::InvalidArgument)?;
    for (place, number) in chosen.iter_mut().zip(numbers) {
        *place = Some(Suite::from_number(i64::from(*number)).ok_or(Error::UnsupportedSuite)?);
    }
    // A suite that no own key serves could be negotiated, and would then fail.
    let sorts = [AuthenticationKey::StaticDh, AuthenticationKey::Signature];
    let serves = |suite: &Suite| identity.own().iter().any(|own| sorts.iter().any(|sort| own.serves(*suite, *sort) == Ok(true)));
    let mut kept = chosen.into_iter().flatten().filter(serves);
    let kept = core::array::from_fn(|_| kept.next());
    if kept.iter().all(Option::is_none) { Err(Error::UnsupportedSuite) } else { Ok(kept) }
}
