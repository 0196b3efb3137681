//! What an endpoint and a message are made of.

use crate::error::{Result, SealwireError};
use crate::event::Origin;
use crate::keys::{Credential, Key, TrustAnchor};
use sealwire_core::Error;
use sealwire_core::crypto::Suite;
use sealwire_core::edhoc::{Method, Methods};
use sealwire_core::endpoint::{self, InboxName, Kind, MAX_SUITES, Topic};
use sealwire_core::record::MAX_TOPIC;
use std::sync::Arc;

/// An own credential with its key.
#[derive(Clone, uniffi::Record)]
pub struct Identity {
    /// What is shown.
    pub credential: Arc<Credential>,
    /// The private key that belongs to it.
    pub key: Arc<Key>,
}

/// How an endpoint behaves. Times are milliseconds.
#[derive(Clone, uniffi::Record)]
#[allow(clippy::struct_excessive_bools)]
pub struct Config {
    /// Own credentials with their keys: one per curve for static Diffie-Hellman, one for signing; of two of a kind the first is used.
    pub identities: Vec<Identity>,
    /// Provisioned credentials of peers.
    #[uniffi(default = [])]
    pub peers: Vec<Arc<Credential>>,
    /// Issuers believed.
    #[uniffi(default = [])]
    pub anchors: Vec<Arc<TrustAnchor>>,
    /// EDHOC cipher suites in order of preference. Default: 4, 2, 3, 0, as far as an identity fits.
    #[uniffi(default = None)]
    pub suites: Option<Vec<u8>>,
    /// The method of handshakes that this end begins, 0 to 3: both sign, the Initiator signs, the Responder signs, none does (static
    /// Diffie-Hellman). It is not negotiated.
    #[uniffi(default = 3)]
    pub method: u8,
    /// The methods accepted as Responder. Default: all for which there is an identity.
    #[uniffi(default = None)]
    pub methods: Option<Vec<u8>>,
    /// Own inbox name on MQTT, 1 to 16 of a-z, 0-9 and -.
    #[uniffi(default = None)]
    pub inbox: Option<String>,
    /// Where peers shall send instead after the handshake.
    #[uniffi(default = None)]
    pub reply_inbox: Option<String>,
    /// Frames without route have no way back, as on MQTT.
    #[uniffi(default = false)]
    pub mqtt: bool,
    /// Send the own credential instead of its kid.
    #[uniffi(default = false)]
    pub by_value: bool,
    /// Length of own connection identifiers, fixed for the life of the stored state; 1 is enough for 24 sessions, 2 for 4,096.
    #[uniffi(default = 1)]
    pub identifier_len: u8,
    /// Records sent per storage operation; a restart loses at most so many numbers.
    #[uniffi(default = 64)]
    pub reserve: u32,
    /// Records received per storage operation.
    #[uniffi(default = 64)]
    pub edge: u32,
    /// Take commands.
    #[uniffi(default = false)]
    pub offers: bool,
    /// How long an offer to take a command is honoured.
    #[uniffi(default = 10000)]
    pub command_lifetime_ms: u32,
    /// First interval between repetitions of a handshake message; it doubles.
    #[uniffi(default = 1000)]
    pub handshake_interval_ms: u32,
    /// How often one handshake message is sent in all.
    #[uniffi(default = 6)]
    pub handshake_attempts: u8,
    /// How long a Responder keeps a handshake whose message_3 is missing.
    #[uniffi(default = 60000)]
    pub half_open_ms: u32,
    /// How long a confirmable message stays unacknowledged before `Resend`.
    #[uniffi(default = 3000)]
    pub resend_interval_ms: u32,
    /// How long an acknowledgement waits for a record to ride on.
    #[uniffi(default = 50)]
    pub ack_delay_ms: u32,
    /// Ping the peer when nothing came from it for so long; 0: only when an answer is overdue.
    #[uniffi(default = 0)]
    pub ping_after_ms: u32,
    /// Unanswered repetitions after which `PeerSilent` is reported.
    #[uniffi(default = 5)]
    pub silent_attempts: u8,
    /// Ask for new keys when one has protected so many records.
    #[uniffi(default = 4294967296)]
    pub key_update_after: u64,
    /// Start a handshake when the peer says that it does not know the session; at most one a minute.
    #[uniffi(default = true)]
    pub reconnect: bool,
    /// Judge `exp` and `nbf` of credentials by the system's clock.
    #[uniffi(default = true)]
    pub trust_clock: bool,
    /// Most sessions at once.
    #[uniffi(default = 256)]
    pub max_sessions: u32,
    /// Most handshakes at once.
    #[uniffi(default = 16)]
    pub max_handshakes: u32,
}

fn invalid(detail: &str) -> SealwireError {
    SealwireError::new(Error::InvalidArgument, detail)
}

fn inbox(name: Option<&String>) -> Result<Option<InboxName>> {
    let parse = |name: &String| InboxName::new(name.as_bytes()).map_err(|_| invalid("an inbox name is 1 to 16 of a-z, 0-9 and -"));
    name.map(parse).transpose()
}

fn method(number: u8) -> Result<Method> {
    let unknown = || SealwireError::new(Error::UnsupportedMethod, format!("method {number}; they are 0 to 3"));
    Method::from_number(i64::from(number)).ok_or_else(unknown)
}

fn suites(numbers: &[u8]) -> Result<[Option<Suite>; MAX_SUITES]> {
    let mut suites = [None; MAX_SUITES];
    if numbers.is_empty() || numbers.len() > suites.len() {
        return Err(invalid("1 to 4 suites"));
    }
    for (slot, number) in suites.iter_mut().zip(numbers) {
        let unknown = || SealwireError::new(Error::UnsupportedSuite, format!("suite {number}"));
        *slot = Some(Suite::from_number(i64::from(*number)).ok_or_else(unknown)?);
    }
    Ok(suites)
}

impl Config {
    /// The core's configuration, with only those suites for which there is an identity: others would fail later.
    pub(crate) fn core(&self) -> Result<endpoint::Config> {
        let mut config = endpoint::Config::default();
        if let Some(numbers) = &self.suites {
            config.suites = suites(numbers)?;
        }
        if self.identities.is_empty() {
            return Err(invalid("at least one identity"));
        }
        let serves = |suite: &Suite| self.identities.iter().any(|identity| identity.key.serves_any(*suite));
        let mut kept = config.suites.into_iter().flatten().filter(serves);
        config.suites = std::array::from_fn(|_| kept.next());
        if config.suites.iter().all(Option::is_none) {
            let detail = "no identity fits any suite: X25519 or Ed25519 for suites 4 and 0, P-256 or ES256 for suites 2 and 3";
            return Err(SealwireError::new(Error::UnsupportedSuite, detail));
        }
        config.method = method(self.method)?;
        if let Some(numbers) = &self.methods {
            config.methods =
                numbers.iter().try_fold(Methods::NONE, |methods, number| Ok::<_, SealwireError>(methods.with(method(*number)?)))?;
        }
        config.identifier_len = self.identifier_len;
        config.inbox = inbox(self.inbox.as_ref())?;
        config.reply_inbox = inbox(self.reply_inbox.as_ref())?;
        config.mqtt = self.mqtt;
        config.reserve = self.reserve;
        config.edge = self.edge;
        config.offers = self.offers;
        config.command_lifetime_ms = self.command_lifetime_ms;
        config.handshake_interval_ms = self.handshake_interval_ms;
        config.handshake_attempts = self.handshake_attempts;
        config.half_open_ms = self.half_open_ms;
        config.resend_interval_ms = self.resend_interval_ms;
        config.ack_delay_ms = self.ack_delay_ms;
        config.ping_after_ms = self.ping_after_ms;
        config.silent_attempts = self.silent_attempts;
        config.key_update_after = self.key_update_after;
        config.reconnect = self.reconnect;
        Ok(config)
    }
}

/// A message to send. With `topic` alone it is addressed: sent to the peer's inbox with the topic name encrypted. With `inPlace` the record belongs on
/// that topic.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
#[allow(clippy::struct_excessive_bools)]
pub struct Outgoing {
    /// The plaintext.
    pub payload: Vec<u8>,
    /// Topic, relative to the realm.
    #[uniffi(default = None)]
    pub topic: Option<String>,
    /// The record is published on `topic`.
    #[uniffi(default = false)]
    pub in_place: bool,
    /// A command: obeyed only while it is fresh.
    #[uniffi(default = false)]
    pub command: bool,
    /// Numbered, repeated until the receiving application has committed it, delivered once.
    #[uniffi(default = false)]
    pub confirmable: bool,
    /// The sender wants the broker to keep it.
    #[uniffi(default = false)]
    pub retain: bool,
    /// Expiry in seconds, as the sender wants it.
    #[uniffi(default = None)]
    pub expiry_s: Option<u32>,
    /// Content type, 1 to 64 bytes.
    #[uniffi(default = None)]
    pub content_type: Option<String>,
    /// Send again under a number given before.
    #[uniffi(default = None)]
    pub number: Option<u64>,
    /// The message was sent before under a session that has ended.
    #[uniffi(default = None)]
    pub origin: Option<Origin>,
}

impl Outgoing {
    pub(crate) fn core(&self) -> Result<endpoint::Outgoing<'_>> {
        if self.topic.as_ref().is_some_and(|name| name.is_empty() || name.len() > MAX_TOPIC) {
            return Err(invalid("a topic has 1 to 255 bytes"));
        }
        let topic = match (&self.topic, self.in_place) {
            (Some(name), true) if name.contains(['+', '#', '\0']) => {
                return Err(invalid("a topic in place is one topic, without wildcards"));
            }
            (None, false) => Topic::None,
            (Some(name), false) => Topic::Addressed(name.as_bytes()),
            (Some(name), true) => Topic::InPlace(name.as_bytes()),
            (None, true) => return Err(invalid("in place needs a topic")),
        };
        Ok(endpoint::Outgoing {
            kind: if self.command { Kind::Command } else { Kind::Data },
            confirmable: self.confirmable || self.number.is_some() || self.origin.is_some(),
            topic,
            retain: self.retain,
            expiry_s: self.expiry_s,
            content_type: self.content_type.as_deref(),
            payload: &self.payload,
            number: self.number,
            origin: self.origin.as_ref().map(Origin::core).transpose()?,
        })
    }
}
