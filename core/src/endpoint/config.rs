//! What an endpoint is told at the start, and the small values it shares with its owner.

use crate::bytes::copy;
use crate::crypto::Suite;
use crate::edhoc::{Method, Methods};
use crate::error::{Error, Result};

/// Most cipher suites that can be configured.
pub const MAX_SUITES: usize = 4;
/// Longest inbox name and longest route, in bytes.
pub const MAX_NAME: usize = 16;

/// An inbox name: 1 to 16 bytes of `[a-z0-9-]` (PROTOCOL 4.1). The topic of the inbox is `<realm>/in/<name>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct InboxName {
    bytes: [u8; MAX_NAME],
    len: u8,
}

impl InboxName {
    /// Checks the form. Error: `InvalidArgument`.
    pub fn new(name: &[u8]) -> Result<Self> {
        if !is_inbox_name(name) {
            return Err(Error::InvalidArgument);
        }
        let (bytes, len) = pack(name)?;
        Ok(InboxName { bytes, len })
    }

    /// The name.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

pub(crate) fn is_inbox_name(name: &[u8]) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && name.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

impl core::fmt::Debug for InboxName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", core::str::from_utf8(self.as_bytes()).unwrap_or_default())
    }
}

/// Where a frame goes: up to 16 bytes that only the caller interprets, apart from inbox names, which the endpoint learns
/// from handshakes. `Route::default()` is "the link": the only other end of a wire.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Route {
    bytes: [u8; MAX_NAME],
    len: u8,
}

impl Route {
    /// A route of 0 to 16 bytes. Error: `InvalidArgument` for more.
    pub fn new(address: &[u8]) -> Result<Self> {
        let (bytes, len) = pack(address)?;
        Ok(Route { bytes, len })
    }

    /// The bytes; empty for "the link".
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// True for `Route::default()`.
    pub const fn is_link(&self) -> bool {
        self.len == 0
    }
}

impl From<InboxName> for Route {
    fn from(name: InboxName) -> Self {
        Route { bytes: name.bytes, len: name.len }
    }
}

impl core::fmt::Debug for Route {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match core::str::from_utf8(self.as_bytes()) {
            Ok("") => write!(f, "link"),
            Ok(text) => write!(f, "{text}"),
            Err(_) => write!(f, "{:02x?}", self.as_bytes()),
        }
    }
}

fn pack(bytes: &[u8]) -> Result<([u8; MAX_NAME], u8)> {
    let mut packed = [0; MAX_NAME];
    copy(packed.get_mut(..bytes.len()).ok_or(Error::InvalidArgument)?, bytes);
    Ok((packed, u8::try_from(bytes.len()).map_err(|_| Error::InvalidArgument)?))
}

/// How an endpoint behaves. Start from [`Config::default`] and change fields. Times are milliseconds.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Cipher suites in order of preference, then `None`. Default: every suite of this build, in the order 4, 2, 3, 0.
    pub suites: [Option<Suite>; MAX_SUITES],
    /// The EDHOC method of handshakes that this end begins: which of its credentials it shows, and what the peer has to prove itself
    /// with. Methods are not negotiated: a Responder takes it or refuses. Default: method 3.
    pub method: Method,
    /// The methods taken when a peer begins; of these, the ones that this end has a credential for. Default: every method of this build.
    pub methods: Methods,
    /// Length of the connection identifiers this end chooses, 1 to 4 bytes. One byte is enough for 24 sessions, two for
    /// 4,096, three for a million. Fixed for the life of the stored state: a change makes stored sessions unreadable. Default 1.
    pub identifier_len: u8,
    /// Own inbox name. When set, message_1 carries it (EAD_1, critical) and the peer answers there. Needed on MQTT. Default none.
    pub inbox: Option<InboxName>,
    /// Sent in EAD_2 when this end answers a handshake: the peer sends message_3 and its records there. For a worker of a hub
    /// that shares one public inbox with others. Default none.
    pub reply_inbox: Option<InboxName>,
    /// True when "the link" ([`Route::default`]) is not a way back to whoever sent a frame, as on MQTT: then unknown-context
    /// and EDHOC errors are sent only to a known route. Default false.
    pub mqtt: bool,
    /// Partial IVs reserved by one store operation, 1 to 65,536. A restart loses at most so many. Default 64.
    pub reserve: u32,
    /// How far the receiving edge is stored ahead, in Partial IVs: one store operation per so many records received,
    /// 1 to 65,536. Default 64.
    pub edge: u32,
    /// How long a command offer is honoured. Default 10,000.
    pub command_lifetime_ms: u32,
    /// True when this end takes commands: it puts fresh offers on its records. Default false.
    pub offers: bool,
    /// First interval between repetitions of a handshake message; it doubles. Default 1,000.
    pub handshake_interval_ms: u32,
    /// How often one handshake message is sent in all before the handshake fails. Default 6.
    pub handshake_attempts: u8,
    /// How long a Responder keeps a handshake whose message_3 is missing. Default 60,000.
    pub half_open_ms: u32,
    /// How long a confirmable message stays unacknowledged before a `Resend` event; also the first interval of repeated
    /// control records. It doubles up to 32 times this. Default 3,000.
    pub resend_interval_ms: u32,
    /// How long an acknowledgement waits for a record to ride on before it gets its own. Default 50.
    pub ack_delay_ms: u32,
    /// Ping the peer when nothing came from it for so long. 0: only when an answer is overdue. Default 0.
    pub ping_after_ms: u32,
    /// Unanswered repetitions after which `PeerSilent` is reported. Default 5.
    pub silent_attempts: u8,
    /// Ask for a key update when a key has protected so many records. Values above three quarters of what the algorithm allows
    /// (2^20 with an 8-byte tag, 2^40 otherwise) mean those. At least 8. Default 2^32.
    pub key_update_after: u64,
    /// Start a handshake when the peer says that it does not know the session; at most one a minute. Default true.
    pub reconnect: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            suites: core::array::from_fn(|place| Suite::ALL.get(place).copied()),
            method: Method::DhDh,
            methods: Methods::ALL,
            identifier_len: 1,
            inbox: None,
            reply_inbox: None,
            mqtt: false,
            reserve: 64,
            edge: 64,
            command_lifetime_ms: 10_000,
            offers: false,
            handshake_interval_ms: 1_000,
            handshake_attempts: 6,
            half_open_ms: 60_000,
            resend_interval_ms: 3_000,
            ack_delay_ms: 50,
            ping_after_ms: 0,
            silent_attempts: 5,
            key_update_after: 1 << 32,
            reconnect: true,
        }
    }
}
