//! RFC 9529 value by value, the independent implementation's handshakes value by value, and every way to be refused.

mod matrix;
mod methods;
mod proofs;
mod refusals;

use super::*;
use crate::bytes::Writer;
use crate::credential::{Credential, OwnEntry, Peer, Provisioned, PublicKey, Purposes, StaticCredentials, TrustAnchor};
use crate::credential::{Credentials, OwnCredential};
use crate::crypto::software::{KeyKind, SoftwareProvider, public_key};
use crate::crypto::{Aead, AuthenticationKey, Curve, KeyHandle, Provider, Signature};
use crate::error::{Error, Result};
use serde_json::Value;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

type Inner = SoftwareProvider<fn(&mut [u8]) -> Result<()>, 1>;

/// A party with a fixed ephemeral key, which notes every secret and hash that the schedule computes.
struct Party<'a> {
    credentials: StaticCredentials<'a>,
    inner: Inner,
    ephemeral: [u8; 32],
    noted: Vec<Vec<u8>>,
    pending: u32,
    admits: bool,
    /// What policy was asked: this side, and the inbox name claimed.
    asked: Vec<(Role, Option<Vec<u8>>)>,
    /// What the credentials become after so many agreements with the ephemeral key.
    changed: Option<(u32, StaticCredentials<'a>)>,
}

impl Provider for Party<'_> {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        self.inner.random(out)
    }

    fn agree(&mut self, key: KeyHandle, curve: Curve, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        if self.pending > 0 {
            self.pending -= 1;
            return Err(Error::Pending);
        }
        self.inner.keys.agree(key, curve, peer, shared)?;
        self.noted.push(shared.expose().to_vec());
        Ok(())
    }

    fn sign(&mut self, key: KeyHandle, algorithm: Signature, message: &[&[u8]], signature: &mut [u8; 64]) -> Result<()> {
        if self.pending > 0 {
            self.pending -= 1;
            return Err(Error::Pending);
        }
        self.inner.keys.sign(key, algorithm, message, signature)
    }

    fn generate(&mut self, curve: Curve, private: &mut Secret<32>, public: &mut [u8; 32]) -> Result<()> {
        *private = Secret::from(self.ephemeral);
        *public = public_key(kind(curve), private)?.x;
        Ok(())
    }

    fn agree_ephemeral(&mut self, curve: Curve, private: &Secret<32>, peer: &[u8; 32], shared: &mut Secret<32>) -> Result<()> {
        match &mut self.changed {
            Some((0, credentials)) => self.credentials = *credentials,
            Some((left, _)) => *left -= 1,
            None => {}
        }
        self.inner.agree_ephemeral(curve, private, peer, shared)?;
        self.noted.push(shared.expose().to_vec());
        Ok(())
    }

    fn seal(&mut self, algorithm: Aead, key: &[u8], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &mut [u8]) -> Result<()> {
        self.noted.push(aad.to_vec());
        self.noted.push(buffer.to_vec());
        self.inner.seal(algorithm, key, nonce, aad, buffer, tag)
    }

    fn hash(&mut self, parts: &[&[u8]]) -> [u8; 32] {
        let hash = self.inner.hash(parts);
        self.noted.push(hash.to_vec());
        hash
    }

    fn extract(&mut self, salt: &[u8], input: &[u8]) -> Secret<32> {
        let prk = self.inner.extract(salt, input);
        self.noted.push(prk.expose().to_vec());
        prk
    }

    fn expand(&mut self, prk: &Secret<32>, info: &[&[u8]], out: &mut [u8]) -> Result<()> {
        self.inner.expand(prk, info, out)?;
        self.noted.push(out.to_vec());
        Ok(())
    }
}

impl Credentials for Party<'_> {
    fn own(&self, suite: Suite, key: AuthenticationKey, out: &mut [u8]) -> Result<OwnCredential> {
        self.credentials.own(suite, key, out)
    }
    fn candidate(&self, kid: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        self.credentials.candidate(kid, nth, out)
    }
    fn candidate_x5t(&self, hash: &[u8], nth: usize, out: &mut [u8]) -> Result<Option<usize>> {
        self.credentials.candidate_x5t(hash, nth, out)
    }
    fn known(&self, credential: &[u8]) -> bool {
        self.credentials.known(credential)
    }
    fn anchor(&self, nth: usize) -> Option<TrustAnchor<'_>> {
        self.credentials.anchor(nth)
    }
    fn authorize(&mut self, peer: &Peer<'_>) -> bool {
        self.asked.push((peer.role, peer.inbox.map(<[u8]>::to_vec)));
        self.admits && self.credentials.authorize(peer)
    }
}

/// A party that has noted nothing yet, and admits everybody.
fn party_of(credentials: StaticCredentials<'_>, inner: Inner, ephemeral: [u8; 32]) -> Party<'_> {
    Party { credentials, inner, ephemeral, noted: Vec::new(), pending: 0, admits: true, asked: Vec::new(), changed: None }
}

fn software() -> Inner {
    SoftwareProvider::new(|_| Err(Error::RandomFailed))
}

fn kind(curve: Curve) -> KeyKind {
    match curve {
        Curve::P256 => KeyKind::P256,
        Curve::X25519 => KeyKind::X25519,
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex(value.as_str().unwrap_or_else(|| panic!("not hex: {value}")))
}

fn array(value: &Value) -> [u8; 32] {
    bytes(value).try_into().unwrap()
}

fn vectors(name: &str) -> Value {
    let path = format!("{}/../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// EAD items, owned.
type Items = Vec<(i64, Option<Vec<u8>>)>;

fn ead_of(value: &Value) -> Items {
    let items = value.as_array().unwrap().iter();
    items.map(|item| (item[0].as_i64().unwrap(), item[1].as_str().map(hex))).collect()
}

fn ead(items: &Items) -> Vec<Ead<'_>> {
    items.iter().map(|(label, value)| Ead { label: *label, value: value.as_deref() }).collect()
}

/// One side of a vector, owned.
#[derive(Default)]
struct Side {
    credential: Vec<u8>,
    kid: Vec<u8>,
    private: [u8; 32],
    ephemeral: [u8; 32],
    by_value: bool,
}

/// A handshake to be computed and what must come out.
struct Trace {
    name: String,
    method: Method,
    suite: Suite,
    preferred: Vec<u8>,
    c_i: ConnectionId,
    c_r: ConnectionId,
    initiator: Side,
    responder: Side,
    ead: [Items; 4],
    values: Value,
}

fn trace_of(h: &Value) -> Trace {
    let suite = Suite::from_number(h["suite"].as_i64().unwrap()).unwrap();
    let side = |side: &Value, ephemeral: &Value| Side {
        credential: bytes(&side["cred"]),
        kid: bytes(&side["kid"]),
        private: array(&side["private"]),
        ephemeral: array(ephemeral),
        by_value: side["id_by"] == "value",
    };
    let suites: Vec<u8> = h["suites_i"].as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as u8).collect();
    Trace {
        name: h["name"].as_str().unwrap().to_string(),
        method: Method::from_number(h["method"].as_i64().unwrap()).unwrap(),
        suite,
        preferred: suites[..suites.len() - 1].to_vec(),
        c_i: ConnectionId::new(&bytes(&h["c_i"])).unwrap(),
        c_r: ConnectionId::new(&bytes(&h["c_r"])).unwrap(),
        initiator: side(&h["initiator"], &h["x"]),
        responder: side(&h["responder"], &h["y"]),
        ead: ["ead_1", "ead_2", "ead_3", "ead_4"].map(|name| ead_of(&h[name])),
        values: h["values"].clone(),
    }
}

fn rfc_9529_trace_2() -> Trace {
    let file = vectors("rfc9529.json");
    let v = &file["trace_2"]["values"];
    let side = |credential: &str, kid: &[u8], private: &str, ephemeral: &str| Side {
        credential: bytes(&v[credential]),
        kid: kid.to_vec(),
        private: array(&v[private]),
        ephemeral: array(&v[ephemeral]),
        by_value: false,
    };
    Trace {
        name: "RFC 9529, section 3".to_string(),
        method: Method::DhDh,
        suite: Suite::P256Ccm,
        preferred: vec![6],
        c_i: ConnectionId::new(&bytes(&v["C_I"])).unwrap(),
        c_r: ConnectionId::new(&bytes(&v["C_R"])).unwrap(),
        initiator: side("CRED_I", &[0x2b], "SK_I", "X"),
        responder: side("CRED_R", &[0x32], "SK_R", "Y"),
        ead: Default::default(),
        values: v.clone(),
    }
}

fn peer_traces() -> Vec<Trace> {
    vectors("peer_edhoc.json")["handshakes"].as_array().unwrap().iter().map(trace_of).collect()
}

fn anchors(file: &Value) -> Vec<(PublicKey, Vec<u8>)> {
    let anchors = file["anchors"].as_array().unwrap().iter();
    anchors.map(|anchor| (PublicKey::parse(&bytes(&anchor["cose_key"])).unwrap().0, bytes(&anchor["kid"]))).collect()
}

/// Runs `with` with both parties of a trace.
fn parties<T>(trace: &Trace, with: impl FnOnce(&mut Party<'_>, &mut Party<'_>) -> T) -> T {
    let issuers = anchors(&vectors("peer_edhoc.json"));
    let issuers: Vec<TrustAnchor<'_>> =
        issuers.iter().map(|(key, kid)| TrustAnchor { key: *key, kid, purposes: Purposes::IDENTITY }).collect();
    let own = |side: &Side| (side.by_value, KeyHandle(0));
    let entry = |authentication, credential, (by_value, key)| [OwnEntry { suite: trace.suite, authentication, credential, key, by_value }];
    let own_i = entry(trace.method.initiator(), trace.initiator.credential.as_slice(), own(&trace.initiator));
    let own_r = entry(trace.method.responder(), trace.responder.credential.as_slice(), own(&trace.responder));
    let known_to_i = [Provisioned { kid: &trace.responder.kid, credential: &trace.responder.credential }];
    let known_to_r = [Provisioned { kid: &trace.initiator.kid, credential: &trace.initiator.credential }];
    let party = |own, peers, side: &Side, sort| {
        let mut inner = software();
        let kind = match sort {
            AuthenticationKey::StaticDh => kind(trace.suite.curve()),
            AuthenticationKey::Signature => KeyKind::for_signature(trace.suite.signature()),
        };
        inner.keys.insert(KeyHandle(0), kind, Secret::from(side.private)).unwrap();
        let credentials = StaticCredentials { own, peers, anchors: &issuers, now_s: None };
        (credentials, inner, side.ephemeral)
    };
    let make = |(credentials, inner, ephemeral)| party_of(credentials, inner, ephemeral);
    let mut i = make(party(&own_i, &known_to_i, &trace.initiator, trace.method.initiator()));
    let mut r = make(party(&own_r, &known_to_r, &trace.responder, trace.method.responder()));
    with(&mut i, &mut r)
}

/// Knows the inbox items that the vectors carry.
fn inbox(item: &Ead<'_>) -> Result<bool> {
    Ok(item.label.abs() == INBOX)
}

const ROOM: usize = 1024;

struct Steps<'t> {
    trace: &'t Trace,
}

impl Steps<'_> {
    fn message_1(&self, i: &mut Party<'_>) -> (Vec<u8>, AwaitMessage2) {
        let mut out = [0; ROOM];
        let mut out = Writer::new(&mut out);
        let items = ead(&self.trace.ead[0]);
        let trace = self.trace;
        let state =
            super::initiator::compose_preferring(i, trace.method, &trace.preferred, trace.suite, trace.c_i, &items, &mut out).unwrap();
        (out.written().to_vec(), state)
    }

    fn message_2(&self, r: &mut Party<'_>, message_1: &[u8]) -> Result<(Vec<u8>, AwaitMessage3)> {
        let (mut scratch, mut out) = ([0; ROOM], [0; ROOM]);
        let mut out = Writer::new(&mut out);
        let items = ead(&self.trace.ead[1]);
        let suites = [self.trace.suite];
        let y = Ephemeral::generate(r, self.trace.suite.curve())?;
        let state = process_message_1(r, Methods::ALL, &suites, &y, self.trace.c_r, message_1, &mut inbox, &items, &mut scratch, &mut out)?;
        Ok((out.written().to_vec(), state))
    }

    fn message_3(&self, i: &mut Party<'_>, state: &AwaitMessage2, message_2: &[u8]) -> Result<(Vec<u8>, AwaitMessage4)> {
        let (mut scratch, mut out) = ([0; ROOM], [0; ROOM]);
        let mut out = Writer::new(&mut out);
        let items = ead(&self.trace.ead[2]);
        let next = state.process_message_2(i, message_2, false, &items, &mut inbox, &mut scratch[..message_2.len()], &mut out)?;
        Ok((out.written().to_vec(), next))
    }

    fn message_4(&self, r: &mut Party<'_>, state: &AwaitMessage3, message_3: &[u8]) -> Result<(Vec<u8>, Completed)> {
        let (mut scratch, mut out) = ([0; ROOM], [0; ROOM]);
        let mut out = Writer::new(&mut out);
        let items = ead(&self.trace.ead[3]);
        let claimed = self.trace.ead[0].first().and_then(|(_, value)| value.as_deref());
        let completed = state.process_message_3(r, message_3, claimed, &mut inbox, &items, &mut scratch[..message_3.len()], &mut out)?;
        Ok((out.written().to_vec(), completed))
    }

    fn finish(&self, i: &mut Party<'_>, state: &AwaitMessage4, message_4: &[u8]) -> Result<Completed> {
        state.process_message_4(i, message_4, &mut inbox, &mut [0; ROOM])
    }

    /// The whole handshake, each message being the expected one; gives what it yields at the Initiator and at the Responder.
    fn replay(&self, i: &mut Party<'_>, r: &mut Party<'_>, expect: impl Fn(&str) -> Vec<u8>) -> (Completed, Completed) {
        let name = &self.trace.name;
        let (message_1, i_2) = self.message_1(i);
        assert_eq!(message_1, expect("message_1"), "{name}");
        let (message_2, r_3) = self.message_2(r, &message_1).unwrap();
        assert_eq!(message_2, expect("message_2"), "{name}");
        let (message_3, i_4) = self.message_3(i, &i_2, &message_2).unwrap();
        assert_eq!(message_3, expect("message_3"), "{name}");
        let (message_4, r_done) = self.message_4(r, &r_3, &message_3).unwrap();
        assert_eq!(message_4, expect("message_4"), "{name}");
        (self.finish(i, &i_4, &message_4).unwrap(), r_done)
    }
}

fn check(trace: &Trace) {
    parties(trace, |i, r| {
        let steps = Steps { trace };
        let name = &trace.name;
        let expect = |what: &str| bytes(&trace.values[what]);
        let (i_done, r_done) = steps.replay(i, r, expect);

        let both = ["TH_2", "G_XY", "PRK_2e", "SALT_3e2m", "G_RX", "PRK_3e2m", "MAC_2", "TH_3", "SALT_4e3m", "G_IY", "PRK_4e3m"];
        let rest = ["MAC_3", "K_3", "IV_3", "TH_4", "K_4", "IV_4", "PRK_out"];
        for value in both.iter().chain(&rest) {
            // Who signs has no static Diffie-Hellman key, and so neither G_RX or G_IY nor a salt for it.
            if trace.values.get(value).is_none() {
                let signer = match *value {
                    "SALT_3e2m" | "G_RX" => trace.method.responder(),
                    "SALT_4e3m" | "G_IY" => trace.method.initiator(),
                    _ => panic!("{name}: no {value}"),
                };
                assert_eq!(signer, AuthenticationKey::Signature, "{name}: {value}");
                continue;
            }
            assert!(i.noted.contains(&expect(value)), "{name}: the Initiator computed no {value}");
            assert!(r.noted.contains(&expect(value)), "{name}: the Responder computed no {value}");
        }
        for value in ["A_3", "PLAINTEXT_3"] {
            assert!(i.noted.contains(&expect(value)), "{name}: the Initiator used no {value}");
        }
        for done in [&i_done, &r_done] {
            assert_eq!(done.prk_out().expose().as_slice(), expect("PRK_out"), "{name}");
            assert_eq!(done.th_4.as_slice(), expect("TH_4"), "{name}");
            assert_eq!((done.suite, done.c_i, done.c_r), (trace.suite, trace.c_i, trace.c_r), "{name}");
        }
        assert_eq!((i_done.own, i_done.peer), (r_done.peer, r_done.own), "{name}");
        assert_eq!((i_done.role, r_done.role), (Role::Initiator, Role::Responder));
    });
}

/// Signatures both ways, suite 0, certificates by x5t: those of the RFC, provisioned.
#[cfg(feature = "x509")]
fn rfc_9529_trace_1() -> Trace {
    let file = vectors("rfc9529.json");
    let v = &file["trace_1"]["values"];
    let side = |credential: &str, private: &str, ephemeral: &str| Side {
        // Without the head of the byte string.
        credential: bytes(&v[credential])[2..].to_vec(),
        private: array(&v[private]),
        ephemeral: array(&v[ephemeral]),
        ..Side::default()
    };
    Trace {
        name: "RFC 9529, section 2".to_string(),
        method: Method::SignSign,
        suite: Suite::X25519Ccm,
        preferred: vec![],
        c_i: ConnectionId::new(&bytes(&v["C_I"])).unwrap(),
        c_r: ConnectionId::new(&bytes(&v["C_R"])).unwrap(),
        initiator: side("CRED_I", "SK_I", "X"),
        responder: side("CRED_R", "SK_R", "Y"),
        ead: Default::default(),
        values: v.clone(),
    }
}

#[test]
#[cfg(feature = "x509")]
fn rfc_9529_trace_1_value_by_value() {
    check_with_exports(&rfc_9529_trace_1());
}

#[test]
fn rfc_9529_trace_2_value_by_value() {
    check_with_exports(&rfc_9529_trace_2());
}

fn check_with_exports(trace: &Trace) {
    check(trace);
    let v = &trace.values;
    let (mut secret, mut salt) = ([0; 16], [0; 8]);
    parties(trace, |p, _| {
        let prk_out = Secret::from(array(&v["PRK_out"]));
        exporter(p, &prk_out, 0, &[], &mut secret).unwrap();
        exporter(p, &prk_out, 1, &[], &mut salt).unwrap();
        assert_eq!(secret.as_slice(), bytes(&v["OSCORE_Master_Secret"]));
        assert_eq!(salt.as_slice(), bytes(&v["OSCORE_Master_Salt"]));
        let updated = key_update(p, &prk_out, &bytes(&v["KeyUpdate_context"])).unwrap();
        assert_eq!(updated.expose().as_slice(), bytes(&v["KeyUpdate_PRK_out"]));
        exporter(p, &updated, 0, &[], &mut secret).unwrap();
        exporter(p, &updated, 1, &[], &mut salt).unwrap();
        assert_eq!(secret.as_slice(), bytes(&v["KeyUpdate_OSCORE_Master_Secret"]));
        assert_eq!(salt.as_slice(), bytes(&v["KeyUpdate_OSCORE_Master_Salt"]));
    });
}

#[test]
fn rfc_9529_trace_2_first_message_is_answered_by_error_2() {
    let v = rfc_9529_trace_2().values;
    let first = bytes(&v["message_1_first"]);
    let parsed = Message1::parse(&first).unwrap();
    assert_eq!(parsed.check(Methods::ALL, &[Suite::P256Ccm]), Err(Error::UnsupportedSuite));
    let mut out = [0; 16];
    let mut out = Writer::new(&mut out);
    EdhocError::wrong_suite(&[Suite::P256Ccm]).write(&mut out).unwrap();
    assert_eq!(out.written(), bytes(&v["error"]));
    let EdhocError::WrongSuite(theirs) = EdhocError::parse(out.written()).unwrap() else { panic!() };
    assert_eq!(theirs.iter().collect::<Vec<_>>(), [2]);
}

#[test]
fn the_independent_implementation_agrees_value_by_value() {
    let traces = peer_traces();
    assert!(traces.len() >= 9);
    traces.iter().for_each(check);
    let file = vectors("peer_edhoc.json");
    for h in file["handshakes"].as_array().unwrap() {
        let trace = trace_of(h);
        parties(&trace, |p, _| {
            let exports = |p: &mut Party<'_>, prk: &Secret<32>, list: &Value| {
                for e in list.as_array().unwrap() {
                    let mut out = vec![0; e["length"].as_u64().unwrap() as usize];
                    exporter(p, prk, e["label"].as_u64().unwrap(), &bytes(&e["context"]), &mut out).unwrap();
                    assert_eq!(out, bytes(&e["output"]));
                }
            };
            let prk_out = Secret::from(array(&h["values"]["PRK_out"]));
            exports(p, &prk_out, &h["exporter"]);
            let updated = key_update(p, &prk_out, &bytes(&h["key_update"]["context"])).unwrap();
            assert_eq!(updated.expose().as_slice(), bytes(&h["key_update"]["PRK_out"]));
            exports(p, &updated, &h["key_update"]["exporter"]);
        });
    }
}

#[test]
fn rfc_9529_invalid_messages_are_refused() {
    let file = vectors("rfc9529.json");
    let invalid = file["invalid"].as_array().unwrap();
    assert_eq!(invalid.len(), 15);
    let trace = rfc_9529_trace_2();
    for case in invalid {
        let value = bytes(&case["value"]);
        let refused = parties(&trace, |i, r| {
            let steps = Steps { trace: &trace };
            match case["kind"].as_str().unwrap() {
                "message_1" => steps.message_2(r, &value).err(),
                "message_2" => {
                    let (_, state) = steps.message_1(i);
                    steps.message_3(i, &state, &value).err()
                }
                "PLAINTEXT_2" => {
                    // Encrypted under the trace's keys, as R would.
                    let (message_1, state) = steps.message_1(i);
                    let (message_2, _) = steps.message_2(r, &message_1).unwrap();
                    let mut content = message_2[2..34].to_vec();
                    let g_y: [u8; 32] = content.clone().try_into().unwrap();
                    let mut g_xy = Secret::zero();
                    i.inner.agree_ephemeral(Curve::P256, &Secret::from(trace.initiator.ephemeral), &g_y, &mut g_xy).unwrap();
                    let th_2 = schedule::th_2(i, &g_y, &array(&trace.values["H_message_1"]));
                    let prk_2e = i.extract(&th_2, g_xy.expose());
                    let mut ciphertext = vec![0; value.len()];
                    super::message::xor_keystream_2(i, &prk_2e, &th_2, &value, &mut ciphertext).unwrap();
                    content.extend(ciphertext);
                    let mut out = [0; ROOM];
                    let mut out = Writer::new(&mut out);
                    crate::cbor::write_bytes(&mut out, &content).unwrap();
                    steps.message_3(i, &state, out.written()).err()
                }
                other => panic!("{other}"),
            }
        });
        let refused = refused.unwrap_or_else(|| panic!("accepted: {case}"));
        let expected: &[Error] = match case["section"].as_str().unwrap() {
            "4.1.2" | "4.1.6" | "4.1.7" | "4.3.1" | "4.3.2" => &[Error::NotDeterministic],
            "4.2.2" | "4.2.3" => &[Error::InvalidKey],
            // For suite 0, which this Responder does not have.
            "4.2.4" => &[Error::UnsupportedSuite],
            // SUITES_I = [2, 24]: the selected suite is refused before the key is measured.
            "4.2.1" => &[Error::UnsupportedSuite, Error::Malformed],
            _ => &[Error::Malformed],
        };
        assert!(expected.contains(&refused), "{case}: {refused:?}");
    }
}

#[test]
fn no_flipped_bit_and_no_truncation_passes_and_the_state_stays_usable() {
    for trace in [rfc_9529_trace_2(), peer_traces().remove(0)] {
        parties(&trace, |i, r| {
            let steps = Steps { trace: &trace };
            let (message_1, i_2) = steps.message_1(i);
            let (message_2, r_3) = steps.message_2(r, &message_1).unwrap();
            let broken = |message: &[u8]| {
                let mut all: Vec<Vec<u8>> = (0..message.len()).map(|end| message[..end].to_vec()).collect();
                for at in 0..8 * message.len() {
                    let mut flipped = message.to_vec();
                    flipped[at / 8] ^= 1 << (at % 8);
                    all.push(flipped);
                }
                all.push([message, &[0]].concat());
                all
            };
            for wrong in broken(&message_2) {
                assert!(steps.message_3(i, &i_2, &wrong).is_err());
            }
            let (message_3, i_4) = steps.message_3(i, &i_2, &message_2).unwrap();
            for wrong in broken(&message_3) {
                assert!(steps.message_4(r, &r_3, &wrong).is_err());
            }
            let (message_4, r_done) = steps.message_4(r, &r_3, &message_3).unwrap();
            for wrong in broken(&message_4) {
                assert!(steps.finish(i, &i_4, &wrong).is_err());
            }
            let i_done = steps.finish(i, &i_4, &message_4).unwrap();
            assert_eq!(i_done.prk_out(), r_done.prk_out());
            // message_1 is not authenticated by itself: a changed one must fail at message_2 at the latest.
            for wrong in broken(&message_1) {
                if let Ok((message_2, _)) = steps.message_2(r, &wrong) {
                    assert!(steps.message_3(i, &i_2, &message_2).is_err());
                }
            }
        });
    }
}

#[test]
fn pending_operations_change_nothing() {
    let trace = &peer_traces()[0];
    parties(trace, |i, r| {
        let steps = Steps { trace };
        let (message_1, i_2) = steps.message_1(i);
        r.pending = 2;
        assert_eq!(steps.message_2(r, &message_1).err(), Some(Error::Pending));
        assert_eq!(steps.message_2(r, &message_1).err(), Some(Error::Pending));
        let (message_2, r_3) = steps.message_2(r, &message_1).unwrap();
        i.pending = 1;
        assert_eq!(steps.message_3(i, &i_2, &message_2).err(), Some(Error::Pending));
        let (message_3, i_4) = steps.message_3(i, &i_2, &message_2).unwrap();
        assert_eq!(message_3, bytes(&trace.values["message_3"]));
        let (message_4, _) = steps.message_4(r, &r_3, &message_3).unwrap();
        steps.finish(i, &i_4, &message_4).unwrap();
    });
}

#[test]
fn strangers_reflections_and_unwelcome_peers_are_refused() {
    let trace = &peer_traces()[0];
    parties(trace, |i, r| {
        let steps = Steps { trace };
        let (message_1, i_2) = steps.message_1(i);
        let (message_2, r_3) = steps.message_2(r, &message_1).unwrap();

        let known = std::mem::take(&mut i.credentials.peers);
        assert_eq!(steps.message_3(i, &i_2, &message_2).err(), Some(Error::UnknownCredential));
        // The kid leads to somebody else's credential.
        let other = [Provisioned { kid: known[0].kid, credential: r.credentials.peers[0].credential }];
        let mut reflected = i.credentials;
        reflected.peers = &other;
        let mut mirror = party_of(reflected, software(), i.ephemeral);
        assert_eq!(steps.message_3(&mut mirror, &i_2, &message_2).err(), Some(Error::OwnIdentity));
        i.credentials.peers = known;

        i.admits = false;
        assert_eq!(steps.message_3(i, &i_2, &message_2).err(), Some(Error::Denied));
        i.admits = true;
        let (message_3, _) = steps.message_3(i, &i_2, &message_2).unwrap();
        r.admits = false;
        assert_eq!(steps.message_4(r, &r_3, &message_3).err(), Some(Error::Denied));
        r.admits = true;
        let known = std::mem::take(&mut r.credentials.peers);
        assert_eq!(steps.message_4(r, &r_3, &message_3).err(), Some(Error::UnknownCredential));
        r.credentials.peers = known;
        steps.message_4(r, &r_3, &message_3).unwrap();
    });
}

#[test]
fn the_second_candidate_with_the_same_kid_is_tried() {
    let traces = peer_traces();
    let trace = &traces[0];
    // Another valid credential on the same curve, provisioned under the same kid.
    let decoy = &traces[1].responder.credential;
    assert_ne!(decoy, &trace.responder.credential);
    parties(trace, |i, r| {
        let steps = Steps { trace };
        let (message_1, i_2) = steps.message_1(i);
        let (message_2, _) = steps.message_2(r, &message_1).unwrap();
        let mut ccs = [0; 128];
        let mut ccs = Writer::new(&mut ccs);
        let key = public_key(KeyKind::X25519, &Secret::from([9; 32])).unwrap();
        crate::credential::write_ccs(&mut ccs, "decoy", &key, &trace.responder.kid).unwrap();
        let decoy = ccs.finish();
        let both = [
            Provisioned { kid: &trace.responder.kid, credential: decoy },
            Provisioned { kid: &trace.responder.kid, credential: &trace.responder.credential },
        ];
        let mut patient = party_of(StaticCredentials { peers: &both, ..i.credentials }, software(), i.ephemeral);
        patient.inner.keys.insert(KeyHandle(0), KeyKind::X25519, Secret::from(trace.initiator.private)).unwrap();
        let (_, next) = steps.message_3(&mut patient, &i_2, &message_2).unwrap();
        let credential = Credential::parse(&trace.responder.credential).unwrap();
        assert_eq!(next.peer(), credential.key.thumbprint(&mut patient).unwrap());
    });
}

#[test]
fn unknown_critical_items_abort_and_padding_does_not() {
    for (label, value, refusal) in [
        (-40000, None, Some(Error::UnknownCriticalEad)),
        (-1, Some(vec![1]), Some(Error::UnknownCriticalEad)),
        (40000, Some(vec![1; 20]), None),
        (0, Some(vec![0; 40]), None),
        (0, None, None),
    ] {
        for message in 0..4 {
            let mut trace = peer_traces().remove(0);
            trace.ead[message] = vec![(label, value.clone())];
            let outcome = parties(&trace, |i, r| -> Result<()> {
                let steps = Steps { trace: &trace };
                let (message_1, i_2) = steps.message_1(i);
                let (message_2, r_3) = steps.message_2(r, &message_1)?;
                let (message_3, i_4) = steps.message_3(i, &i_2, &message_2)?;
                // The first EAD_1 item of the vectors is the inbox; here there is none.
                let (mut scratch, mut out) = ([0; ROOM], [0; ROOM]);
                let items = ead(&trace.ead[3]);
                let mut out = Writer::new(&mut out);
                r_3.process_message_3(r, &message_3, None, &mut ignore_ead, &items, &mut scratch, &mut out)?;
                steps.finish(i, &i_4, out.written()).map(|_| ())
            });
            assert_eq!(outcome.err(), refusal, "label {label} in EAD_{}", message + 1);
        }
    }
}

#[test]
fn a_suite_that_the_initiator_likes_better_is_insisted_on() {
    let trace = rfc_9529_trace_2();
    parties(&trace, |i, _| {
        let mut out = [0; ROOM];
        let mut out = Writer::new(&mut out);
        let suites = [Suite::X25519ChaCha, Suite::P256Ccm];
        compose_message_1(i, Method::DhDh, &suites, Suite::P256Ccm, trace.c_i, &[], &mut out).unwrap();
        let parsed = Message1::parse(out.written()).unwrap();
        assert_eq!(parsed.check(Methods::ALL, &[Suite::P256Ccm]), Ok((Method::DhDh, Suite::P256Ccm)));
        assert_eq!(parsed.check(Methods::ALL, &suites), Err(Error::UnsupportedSuite));
        assert_eq!(parsed.check(Methods::ALL, &[Suite::X25519ChaCha]), Err(Error::UnsupportedSuite));
    });
    for (number, method) in [(0, Method::SignSign), (1, Method::SignDh), (2, Method::DhSign), (3, Method::DhDh)] {
        let mut other = bytes(&trace.values["message_1"]);
        other[0] = number;
        let parsed = Message1::parse(&other).unwrap();
        assert_eq!(parsed.method(Methods::ALL).ok(), Methods::ALL.contain(method).then_some(method));
        assert_eq!(parsed.method(Methods::NONE.with(method)).ok(), Methods::ALL.contain(method).then_some(method));
        assert_eq!(parsed.check(Methods::ALL.without(method), &[Suite::P256Ccm]), Err(Error::UnsupportedMethod));
    }
    // 4, −1 and 2^63 − 1 are no methods.
    for number in ["04", "20", "1b7fffffffffffffff"] {
        let other = [hex(number), bytes(&trace.values["message_1"])[1..].to_vec()].concat();
        assert_eq!(Message1::parse(&other).unwrap().method(Methods::ALL), Err(Error::UnsupportedMethod));
    }
}

#[test]
fn error_messages_read_as_they_were_written_and_nothing_else_does() {
    let two = EdhocError::wrong_suite(&[Suite::X25519ChaCha, Suite::P256Ccm]);
    for (error, encoded) in [
        (EdhocError::Unspecified("no"), "01626e6f"),
        (EdhocError::wrong_suite(&[Suite::P256Ccm]), "0202"),
        (two, "02820402"),
        (EdhocError::UnknownCredential, "03f5"),
    ] {
        let mut out = [0; 16];
        let mut out = Writer::new(&mut out);
        error.write(&mut out).unwrap();
        assert_eq!(out.written(), hex(encoded));
        assert_eq!(EdhocError::parse(&hex(encoded)), Ok(error));
    }
    for wrong in ["", "00", "0060", "01", "0102", "02", "0260", "028102", "0280", "03", "03f4", "0301", "04f5", "0160ff", "03f500"] {
        assert!(EdhocError::parse(&hex(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn sizes_on_the_wire() {
    for (trace, sizes) in [(&peer_traces()[0], [37, 53, 36]), (&peer_traces()[5], [37, 45, 19])] {
        parties(trace, |i, r| {
            let steps = Steps { trace };
            let (message_1, i_2) = steps.message_1(i);
            let (message_2, _) = steps.message_2(r, &message_1).unwrap();
            let (message_3, _) = steps.message_3(i, &i_2, &message_2).unwrap();
            assert_eq!([message_1.len(), message_2.len(), message_3.len()], sizes, "{}", trace.name);
        });
    }
}
