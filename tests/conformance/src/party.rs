//! One endpoint of a scenario with its surroundings: keys, credentials, store.

use crate::events::Seen;
use crate::scenario::{Fields, Scenario, bytes, flag, list, number, text};
use sealwire_core::bytes::Secret;
use sealwire_core::credential::{Credential, Credentials, OwnCredential, Peer, Purposes, Thumbprint, TrustAnchor, is_x5t_of};
use sealwire_core::crypto::software::{KeyKind, SoftwareProvider};
use sealwire_core::crypto::{AuthenticationKey, Curve, KeyHandle, Provider, Signature, Suite};
use sealwire_core::edhoc::{Method, Methods};
use sealwire_core::endpoint::{Config, Endpoint, Event, HandshakeId, HeapTables, InboxName, MAX_SUITES, SessionHandle, Sid};
use sealwire_core::error::{Error, Result};
use sealwire_core::persist::Store;
use sealwire_core::setup::{NONCE, SetupCode};
use std::collections::BTreeMap;
use std::io::Read;

/// Room for so many sessions and handshakes.
const ROOM: (usize, usize) = (4, 2);
/// Where a device keeps its ownership, above the sessions.
const RECORD: u32 = 8;

type Random = fn(&mut [u8]) -> Result<()>;

fn random(out: &mut [u8]) -> Result<()> {
    std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(out)).map_err(|_| Error::RandomFailed)
}

struct Own {
    kind: KeyKind,
    credential: Vec<u8>,
    key: KeyHandle,
}

impl Own {
    fn serves(&self, suite: Suite, sort: AuthenticationKey) -> bool {
        match sort {
            AuthenticationKey::StaticDh => self.kind == KeyKind::for_agreement(suite.curve()),
            AuthenticationKey::Signature => self.kind == KeyKind::for_signature(suite.signature()),
        }
    }
}

/// What the core asks its platform for.
pub(crate) struct Platform {
    inner: SoftwareProvider<Random, 4>,
    own: Vec<Own>,
    peers: Vec<Vec<u8>>,
    anchors: Vec<Vec<u8>>,
    by_value: bool,
    trust_clock: bool,
    verdict: Option<bool>,
    /// What an external key answers.
    pub(crate) key: Result<()>,
    pub(crate) random_fails: bool,
    pub(crate) store: BTreeMap<u32, Vec<u8>>,
    pub(crate) durable: bool,
    /// The store fails, after so many more writes.
    pub(crate) store_fails: Option<u64>,
}

fn copy(bytes: &[u8], out: &mut [u8]) -> Result<usize> {
    out.get_mut(..bytes.len()).ok_or(Error::BufferTooSmall)?.copy_from_slice(bytes);
    Ok(bytes.len())
}

impl Platform {
    fn nth(&self, nth: usize, out: &mut [u8], fits: impl Fn(&[u8]) -> bool) -> Result<Option<usize>> {
        self.peers.iter().filter(|peer| fits(peer)).nth(nth).map(|peer| copy(peer, out)).transpose()
    }
}

impl Provider for Platform {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        if self.random_fails { Err(Error::RandomFailed) } else { random(out) }
    }

    fn agree(&mut self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        self.key?;
        self.inner.agree(key, curve, peer, shared)
    }

    fn sign(&mut self, key: KeyHandle, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
        self.key?;
        self.inner.sign(key, algorithm, message, signature)
    }
}

impl Credentials for Platform {
    fn own(&self, suite: Suite, sort: AuthenticationKey, out: &mut [u8]) -> Result<OwnCredential> {
        let own = self.own.iter().find(|own| own.serves(suite, sort)).ok_or(Error::UnknownCredential)?;
        Ok(OwnCredential { len: copy(&own.credential, out)?, key: own.key, by_value: self.by_value })
    }

    fn candidate(&self, kid: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        self.nth(nth, out, |peer| Credential::parse(peer).is_ok_and(|peer| peer.kid == Some(kid)))
    }

    fn candidate_x5t(&self, hash: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        self.nth(nth, out, |peer| is_x5t_of(hash, peer))
    }

    fn known(&self, credential: &[u8]) -> bool {
        self.peers.iter().any(|peer| peer == credential)
    }

    fn anchor(&self, nth: usize) -> Option<TrustAnchor<'_>> {
        let issuer = Credential::parse(self.anchors.get(nth)?).ok()?;
        Some(TrustAnchor { key: issuer.key, kid: issuer.kid?, purposes: Purposes::IDENTITY })
    }

    fn now_s(&self) -> Option<u64> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
        self.trust_clock.then_some(now.as_secs())
    }

    fn authorize(&mut self, peer: &Peer<'_>) -> bool {
        let named = peer.inbox.is_none_or(|name| peer.credential.subject.is_some_and(|subject| subject.as_bytes() == name));
        self.verdict.unwrap_or(named)
    }
}

impl Store for Platform {
    fn load(&mut self, key: u32, out: &mut [u8]) -> Result<usize> {
        self.store.get(&key).map_or(Ok(0), |data| copy(data, out))
    }

    fn save(&mut self, key: u32, data: &[u8]) -> Result<()> {
        if let Some(left) = &mut self.store_fails {
            *left = left.checked_sub(1).ok_or(Error::StorageFailed)?;
        }
        if data.is_empty() {
            self.store.remove(&key);
        } else {
            self.store.insert(key, data.to_vec());
        }
        Ok(())
    }

    fn resists_rollback(&self) -> bool {
        self.durable
    }
}

pub(crate) struct Party {
    pub(crate) name: String,
    pub(crate) config: Fields,
    label: Option<SetupCode>,
    pub(crate) platform: Platform,
    pub(crate) endpoint: Option<Endpoint<HeapTables>>,
    pub(crate) events: Vec<Seen>,
    /// The session that was established last.
    pub(crate) current: SessionHandle,
    pub(crate) handshake: HandshakeId,
    pub(crate) named: BTreeMap<String, SessionHandle>,
    pub(crate) sids: BTreeMap<SessionHandle, Sid>,
    pub(crate) kept: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    /// What devices have told their owner, by name; under no name, last.
    pub(crate) told: BTreeMap<String, (u32, [u8; NONCE])>,
}

pub(crate) fn kind(name: &str) -> KeyKind {
    match name {
        "X25519" => KeyKind::X25519,
        "P-256" => KeyKind::P256,
        "Ed25519" => KeyKind::Ed25519,
        "ES256" => KeyKind::Es256,
        other => panic!("{other} is no kind of key"),
    }
}

impl Party {
    pub(crate) fn new(scenario: &Scenario, name: &str, config: &Fields) -> Self {
        let mut inner = SoftwareProvider::<Random, 4>::new(random);
        let credential = |name: &str| bytes(text(scenario.identity(name), "credential").unwrap());
        let named = |key: &str| list(config, key).iter().map(|name| credential(name.as_str().unwrap())).collect::<Vec<_>>();
        let mut own = Vec::new();
        for name in list(config, "identities") {
            let identity = scenario.identity(name.as_str().unwrap());
            let kind = kind(text(identity, "kind").unwrap());
            let private: [u8; 32] = bytes(text(identity, "private").unwrap()).try_into().unwrap();
            let key = inner.keys.add(kind, Secret::from(private)).unwrap();
            own.push(Own { kind, credential: bytes(text(identity, "credential").unwrap()), key });
        }
        let platform = Platform {
            inner,
            own,
            peers: named("peers"),
            anchors: named("anchors"),
            by_value: flag(config, "by_value").unwrap_or(false),
            trust_clock: flag(config, "trust_clock").unwrap_or(false),
            verdict: text(config, "authorize").filter(|verdict| *verdict != "default").map(|verdict| verdict == "allow"),
            key: Ok(()),
            random_fails: false,
            store: BTreeMap::new(),
            durable: text(config, "store") != Some("volatile"),
            store_fails: None,
        };
        Party {
            name: name.to_owned(),
            config: config.clone(),
            label: text(config, "label").map(|name| scenario.code(name)),
            platform,
            endpoint: None,
            events: Vec::new(),
            current: SessionHandle(0),
            handshake: HandshakeId(0),
            named: BTreeMap::new(),
            sids: BTreeMap::new(),
            kept: BTreeMap::new(),
            told: BTreeMap::new(),
        }
    }

    fn settings(&self) -> Result<Config> {
        let given = &self.config;
        let mut config = Config::default();
        if given.contains_key("suites") {
            let mut suites = [None; MAX_SUITES];
            for (place, number) in suites.iter_mut().zip(list(given, "suites")) {
                *place = Some(Suite::from_number(number.as_i64().unwrap()).ok_or(Error::UnsupportedSuite)?);
            }
            config.suites = suites;
        }
        let method = |number: i64| Method::from_number(number).ok_or(Error::UnsupportedMethod);
        if let Some(number) = number(given, "method") {
            config.method = method(number.cast_signed())?;
        }
        if given.contains_key("methods") {
            config.methods = Methods::NONE;
            for number in list(given, "methods") {
                config.methods = config.methods.with(method(number.as_i64().unwrap())?);
            }
        }
        let inbox = |name: &str| text(given, name).map(|name| InboxName::new(name.as_bytes())).transpose();
        config.inbox = inbox("inbox")?;
        config.reply_inbox = inbox("reply_inbox")?;
        let small = |name: &str, place: &mut u8| number(given, name).into_iter().for_each(|value| *place = u8::try_from(value).unwrap());
        small("identifier_len", &mut config.identifier_len);
        small("handshake_attempts", &mut config.handshake_attempts);
        small("silent_attempts", &mut config.silent_attempts);
        let large = |name: &str, place: &mut u32| number(given, name).into_iter().for_each(|value| *place = u32::try_from(value).unwrap());
        large("reserve", &mut config.reserve);
        large("edge", &mut config.edge);
        large("command_lifetime_ms", &mut config.command_lifetime_ms);
        large("handshake_interval_ms", &mut config.handshake_interval_ms);
        large("half_open_ms", &mut config.half_open_ms);
        large("resend_interval_ms", &mut config.resend_interval_ms);
        large("ack_delay_ms", &mut config.ack_delay_ms);
        large("ping_after_ms", &mut config.ping_after_ms);
        config.key_update_after = number(given, "key_update_after").unwrap_or(config.key_update_after);
        config.mqtt = flag(given, "mqtt").unwrap_or(false);
        config.offers = flag(given, "offers").unwrap_or(false);
        config.reconnect = flag(given, "reconnect").unwrap_or(true);
        Ok(config)
    }

    /// A new endpoint over the store; gives how many sessions it took up.
    pub(crate) fn start(&mut self, now: u64) -> Result<usize> {
        self.endpoint = None;
        self.events.clear();
        let made = Endpoint::new(HeapTables::new(ROOM.0, ROOM.1), self.settings()?)?;
        let endpoint = self.endpoint.insert(made);
        if let Some(label) = &self.label {
            endpoint.enable_setup(&mut self.platform, RECORD, label.secret.clone())?;
        }
        endpoint.restore(&mut self.platform, now)
    }

    /// The endpoint with its platform.
    pub(crate) fn parts(&mut self) -> (&mut Endpoint<HeapTables>, &mut Platform) {
        let name = &self.name;
        (self.endpoint.as_mut().unwrap_or_else(|| panic!("{name} was not started")), &mut self.platform)
    }

    pub(crate) fn session(&self, step: &Fields) -> SessionHandle {
        match text(step, "session") {
            None => self.current,
            Some("only") => self.endpoint.as_ref().unwrap().sessions().next().unwrap(),
            Some(name) => self.named[name],
        }
    }

    /// Takes the events there are.
    pub(crate) fn collect(&mut self) {
        let Some(endpoint) = &mut self.endpoint else { return };
        while let Some(event) = endpoint.poll_event() {
            match event {
                Event::Established { session, .. } => {
                    self.current = session;
                    self.sids.insert(session, endpoint.session(session, 0).unwrap().sid);
                }
                Event::Replaced { new, .. } => self.current = new,
                _ => {}
            }
            let seen = Seen::from(event);
            if let Some(told) = seen.told {
                self.told.insert(String::new(), told);
            }
            self.events.push(seen);
        }
    }

    /// Hands in a frame; a message becomes an event.
    pub(crate) fn take(&mut self, now: u64, route: &str, topic: Option<&str>, frame: &[u8]) -> Result<()> {
        let route = sealwire_core::endpoint::Route::new(route.as_bytes())?;
        let mut frame = frame.to_vec();
        let (endpoint, platform) = self.parts();
        let event = endpoint.handle_frame(platform, now, route, topic.map(str::as_bytes), &mut frame)?;
        if event != Event::None {
            let seen = Seen::from(event);
            self.events.push(seen);
        }
        Ok(())
    }
}

pub(crate) fn thumbprint(scenario: &Scenario, name: &str) -> Thumbprint {
    Thumbprint(bytes(text(scenario.identity(name), "thumbprint").unwrap()).try_into().unwrap())
}
