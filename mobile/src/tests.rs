//! The crate as an app sees it, without the generated code.

use crate::*;
use sealwire_core::Error;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

pub(crate) fn identity(name: &str) -> Identity {
    let key = Key::generate(KeyKind::X25519).unwrap();
    let credential = Credential::ccs(&key, name.to_owned(), key.thumbprint().unwrap()[..4].to_vec()).unwrap();
    Identity { credential, key }
}

pub(crate) fn config(own: &Identity, peers: &[&Identity]) -> Config {
    Config {
        identities: vec![own.clone()],
        peers: peers.iter().map(|peer| Arc::clone(&peer.credential)).collect(),
        anchors: Vec::new(),
        suites: None,
        method: 3,
        methods: None,
        inbox: None,
        reply_inbox: None,
        mqtt: false,
        by_value: false,
        identifier_len: 1,
        reserve: 64,
        edge: 64,
        offers: true,
        command_lifetime_ms: 10_000,
        handshake_interval_ms: 1_000,
        handshake_attempts: 6,
        half_open_ms: 60_000,
        resend_interval_ms: 3_000,
        ack_delay_ms: 50,
        ping_after_ms: 0,
        silent_attempts: 5,
        key_update_after: 1 << 32,
        reconnect: true,
        trust_clock: true,
        max_sessions: 16,
        max_handshakes: 4,
    }
}

pub(crate) fn outgoing(payload: &[u8]) -> Outgoing {
    Outgoing {
        payload: payload.to_vec(),
        topic: None,
        in_place: false,
        command: false,
        confirmable: false,
        retain: false,
        expiry_s: None,
        content_type: None,
        number: None,
        origin: None,
    }
}

/// Carries frames between two ends until both are silent; gives the events of each.
fn pump(a: &Endpoint, b: &Endpoint) -> [Vec<Event>; 2] {
    let mut events = [Vec::new(), Vec::new()];
    loop {
        let mut quiet = true;
        for (from, to, seen) in [(a, b, 1), (b, a, 0)] {
            while let Some(transmit) = from.poll_transmit(None).unwrap() {
                quiet = false;
                match to.handle_frame(transmit.frame, None, None, None) {
                    Ok(event) => events[seen].extend(event),
                    Err(SealwireError::Pending { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
        for (end, mine) in [(a, 0), (b, 1)] {
            while let Some(event) = end.poll_event().unwrap() {
                quiet = false;
                events[mine].push(event);
            }
        }
        if quiet {
            return events;
        }
    }
}

fn pair() -> (Arc<Endpoint>, Arc<Endpoint>) {
    let (one, other) = (identity("phone"), identity("device"));
    let phone = Endpoint::new(config(&one, &[&other]), None, None, None).unwrap();
    let device = Endpoint::new(config(&other, &[&one]), None, None, None).unwrap();
    (phone, device)
}

fn session(endpoint: &Endpoint) -> u32 {
    endpoint.sessions().unwrap()[0]
}

#[test]
fn the_text_of_a_credential_file_is_read_and_written() {
    let phone = identity("phone").credential;
    let read = |text: &str| Credential::parse(text.to_owned());
    assert_eq!(read(&phone.text()).unwrap().data(), phone.data());
    let (first, rest) = (phone.text()[..10].to_owned(), phone.text()[10..].to_owned());
    assert_eq!(read(&format!("# CCS of phone\r\n{}\r\n {rest}", first.to_uppercase())).unwrap().data(), phone.data());
    for wrong in ["", "# nothing", "a2026", "not a credential", "a20"] {
        assert_eq!(read(wrong).err().unwrap().core(), Error::Malformed, "{wrong}");
    }
    // The file's bytes as they are.
    let refused = Credential::new(phone.text().into_bytes()).err().unwrap();
    assert!(refused.to_string().contains("`parse`"), "{refused}");
}

#[test]
fn every_error_of_the_core_has_its_variant() {
    for error in Error::ALL {
        let typed = SealwireError::new(*error, "why");
        assert_eq!(typed.variant(), format!("{error:?}"));
        assert_eq!((typed.number(), typed.core()), (error.number(), *error));
        assert_eq!(typed.to_string(), format!("{error} (why)"));
    }
    assert_eq!(errors_table().len(), Error::ALL.len());
}

#[test]
fn a_handshake_and_messages_both_ways() {
    let (phone, device) = pair();
    let handshake = phone.connect(None, None, None).unwrap();
    let [seen, _] = pump(&phone, &device);
    assert!(matches!(seen[0], Event::Established { handshake: Some(own), role: Role::Initiator, .. } if own == handshake));
    let sent = phone.send(session(&phone), Outgoing { confirmable: true, ..outgoing(b"21.5") }, None).unwrap();
    let Some(Event::Message { message }) = device.handle_frame(sent.frame.clone(), None, None, None).unwrap() else { panic!("no message") };
    assert_eq!((message.payload.as_slice(), message.number), (&b"21.5"[..], sent.number));
    device.commit(message.session, message.number.unwrap(), None, None).unwrap();
    device.handle_timeout(Some(device.now() + 100)).unwrap();
    let [seen, _] = pump(&phone, &device);
    assert!(seen.iter().any(|event| matches!(event, Event::Acknowledged { top, missing, .. } if acknowledges(*top, *missing, 0))));
    assert!(matches!(device.handle_frame(sent.frame, None, None, None), Err(SealwireError::Duplicate { number: 303, .. })));
    assert_eq!(device.counters().unwrap().duplicate, 1);
    let key = phone.export(session(&phone), 33_000, b"for".to_vec(), 32).unwrap();
    assert_eq!(key, device.export(session(&device), 33_000, b"for".to_vec(), 32).unwrap());
    phone.key_update(session(&phone), None).unwrap();
    let [seen, _] = pump(&phone, &device);
    assert!(seen.iter().any(|event| matches!(event, Event::KeyUpdated { epoch: 1, .. })));
}

/// Calls the endpoint that is calling it.
struct Meddler {
    inner: Arc<MemoryStorage>,
    endpoint: OnceLock<Weak<Endpoint>>,
    answer: Mutex<Option<SealwireError>>,
    fails: AtomicBool,
}

impl Storage for Meddler {
    fn load(&self, key: u32) -> std::result::Result<Option<Vec<u8>>, CallbackError> {
        self.inner.load(key)
    }

    fn save(&self, key: u32, data: Vec<u8>) -> std::result::Result<(), CallbackError> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(CallbackError::Failed { reason: "disk full".to_owned() });
        }
        if let Some(endpoint) = self.endpoint.get().and_then(Weak::upgrade) {
            *self.answer.lock().unwrap() = endpoint.counters().err();
        }
        self.inner.save(key, data)
    }

    fn resists_rollback(&self) -> bool {
        true
    }
}

#[test]
fn a_callback_that_comes_back_is_refused_and_one_that_fails_says_why() {
    let (one, other) = (identity("phone"), identity("device"));
    let storage = Arc::new(Meddler {
        inner: MemoryStorage::new(),
        endpoint: OnceLock::new(),
        answer: Mutex::new(None),
        fails: AtomicBool::new(false),
    });
    let phone = Endpoint::new(config(&one, &[&other]), Some(Arc::clone(&storage) as Arc<dyn Storage>), None, None).unwrap();
    storage.endpoint.set(Arc::downgrade(&phone)).unwrap();
    let device = Endpoint::new(config(&other, &[&one]), None, None, None).unwrap();
    phone.connect(None, None, None).unwrap();
    pump(&phone, &device);
    assert!(matches!(*storage.answer.lock().unwrap(), Some(SealwireError::Busy { number: 9, .. })));
    storage.fails.store(true, Ordering::Relaxed);
    let refused = phone.close_session(session(&phone)).unwrap_err();
    assert!(matches!(refused, SealwireError::StorageFailed { ref detail, .. } if detail == "disk full"), "{refused:?}");
    storage.fails.store(false, Ordering::Relaxed);
    phone.close_session(session(&phone)).unwrap();
}

/// A key store that answers only when told to.
struct Slow {
    key: Arc<Key>,
    asked: AtomicU32,
    ready: AtomicBool,
}

impl Keystore for Slow {
    fn agree(&self, alias: String, peer: Vec<u8>) -> std::result::Result<Vec<u8>, CallbackError> {
        assert_eq!(alias, "identity");
        self.asked.fetch_add(1, Ordering::Relaxed);
        if !self.ready.load(Ordering::Relaxed) {
            return Err(CallbackError::Pending);
        }
        let private = sealwire_core::bytes::Secret::from_slice(&self.key.private_bytes().unwrap()).unwrap();
        let mut shared = sealwire_core::bytes::Secret::zero();
        let peer: [u8; 32] = peer.try_into().unwrap();
        let curve = sealwire_core::crypto::Curve::X25519;
        struct Portable;
        impl sealwire_core::crypto::Provider for Portable {
            fn random(&mut self, _: &mut [u8]) -> sealwire_core::error::Result<()> {
                Err(Error::RandomFailed)
            }
            fn agree(
                &mut self,
                _: sealwire_core::crypto::KeyHandle,
                _: sealwire_core::crypto::Curve,
                _: &[u8; 32],
                _: &mut sealwire_core::bytes::Secret<32>,
            ) -> sealwire_core::error::Result<()> {
                Err(Error::UnknownKey)
            }
            fn sign(
                &mut self,
                _: sealwire_core::crypto::KeyHandle,
                _: sealwire_core::crypto::Signature,
                _: &[&[u8]],
                _: &mut [u8; 64],
            ) -> sealwire_core::error::Result<()> {
                Err(Error::UnknownKey)
            }
        }
        sealwire_core::crypto::Provider::agree_ephemeral(&mut Portable, curve, &private, &peer, &mut shared).unwrap();
        Ok(shared.expose().to_vec())
    }

    fn sign(&self, _alias: String, _message: Vec<u8>) -> std::result::Result<Vec<u8>, CallbackError> {
        Err(CallbackError::Failed { reason: "this key does not sign".to_owned() })
    }
}

#[test]
fn a_key_store_answers_later() {
    let (one, other) = (identity("phone"), identity("device"));
    let kept = Key::in_keystore(KeyKind::X25519, one.key.public_key(), "identity".to_owned()).unwrap();
    assert!(matches!(kept.private_bytes(), Err(SealwireError::UnknownKey { .. })));
    let own = Identity { credential: Arc::clone(&one.credential), key: kept };
    let keystore = Arc::new(Slow { key: Arc::clone(&one.key), asked: AtomicU32::new(0), ready: AtomicBool::new(false) });
    let phone = Endpoint::new(config(&own, &[&other]), None, Some(Arc::clone(&keystore) as Arc<dyn Keystore>), None).unwrap();
    let device = Endpoint::new(config(&other, &[&one]), None, None, None).unwrap();
    phone.connect(None, None, None).unwrap();
    assert!(pump(&phone, &device)[0].is_empty());
    assert!(keystore.asked.load(Ordering::Relaxed) > 0);
    assert!(matches!(phone.resume_pending(None), Err(SealwireError::Pending { .. })));
    keystore.ready.store(true, Ordering::Relaxed);
    phone.resume_pending(None).unwrap();
    assert!(matches!(pump(&phone, &device)[0][0], Event::Established { .. }));
}

#[test]
fn sessions_in_files_survive_a_restart_and_rollback_does_not_bring_them_back() {
    let directory = std::env::temp_dir().join(format!("sealwire-mobile-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let path = directory.to_str().unwrap().to_owned();
    let (one, other) = (identity("phone"), identity("device"));
    let open = |resists: bool| {
        let storage = FileStorage::new(path.clone(), resists).unwrap();
        Endpoint::new(config(&one, &[&other]), Some(storage as Arc<dyn Storage>), None, None).unwrap()
    };
    let device = Endpoint::new(config(&other, &[&one]), None, None, None).unwrap();
    let phone = open(true);
    phone.connect(None, None, None).unwrap();
    pump(&phone, &device);
    drop(phone);
    let phone = open(true);
    assert_eq!(phone.restore(None).unwrap(), 1);
    let [seen, _] = pump(&phone, &device);
    assert!(matches!(seen[0], Event::Established { resumed: true, .. }));
    let sent = phone.send(session(&phone), outgoing(b"again"), None).unwrap();
    assert!(matches!(device.handle_frame(sent.frame, None, None, None), Ok(Some(Event::Message { .. }))));
    drop(phone);
    let phone = open(false);
    assert_eq!(phone.restore(None).unwrap(), 0);
    assert!(matches!(phone.poll_event().unwrap(), Some(Event::Closed { reason: SealwireError::LostState { .. }, .. })));
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn fragments_of_a_handshake_go_through_the_smallest_pipe() {
    assert_eq!(ble_uuids().service, "d8482160-d38a-4f04-9485-e0127ffa947a");
    assert_eq!((ble_payload(23), ble_payload(247), ble_payload(4096)), (20, 244, 512));
    let (splitter, reassembler) = (BleSplitter::new(ble_payload(23)).unwrap(), BleReassembler::new(1024).unwrap());
    let frame: Vec<u8> = (0..200).collect();
    let fragments = splitter.split(frame.clone()).unwrap();
    assert_eq!(fragments.len(), 12);
    let whole: Vec<_> = fragments.iter().filter_map(|fragment| reassembler.feed(fragment.clone())).collect();
    assert!(matches!(&whole[..], [only] if *only == frame));
    let fragments = splitter.split(frame).unwrap();
    let lost = fragments.iter().enumerate().filter(|(place, _)| *place != 3).filter_map(|(_, fragment)| reassembler.feed(fragment.clone()));
    assert_eq!(lost.count(), 0);
    assert_eq!(reassembler.counters().lost, 1);
}
