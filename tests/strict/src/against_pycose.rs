//! pycose has its cryptography from `cryptography` (OpenSSL) and `ecdsa`: here the signatures and ciphertexts are others' too.

use crate::item::{hex, unhex};
use crate::party::{Party, public};
use crate::python::ask;
use crate::random::Seeded;
use sealwire_core::bytes::Writer;
use sealwire_core::cose::{PublicKey, Sign1, sign1, write_enc_structure};
use sealwire_core::crypto::software::KeyKind;
use sealwire_core::crypto::{Aead, KeyHandle, Provider as _};
use sealwire_core::error::{Error, Result};
use serde_json::{Value, json};

const CASES: usize = 120;

fn tell(tasks: &[Value]) -> Vec<Value> {
    let requests: Vec<String> = tasks.iter().map(Value::to_string).collect();
    ask(&requests).iter().map(|answer| serde_json::from_str(answer).unwrap()).collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    unhex(value.as_str().unwrap_or_else(|| panic!("not hex: {value}")))
}

fn written(write: impl FnOnce(&mut Writer<'_>) -> Result<()>) -> Vec<u8> {
    let mut buffer = [0; 2000];
    let mut w = Writer::new(&mut buffer);
    write(&mut w).unwrap();
    w.written().to_vec()
}

fn cose_key(key: &PublicKey) -> Vec<u8> {
    written(|w| key.write(w, None))
}

/// The COSE_Key with its private part, which the core neither reads nor writes.
fn private_key(party: &Party) -> Vec<u8> {
    let mut whole = cose_key(&party.public);
    whole[0] += 1;
    [&whole[..], &[0x23, 0x58, 0x20], &party.private].concat()
}

#[test]
fn keys() {
    let mut random = Seeded::new(12);
    let keys: Vec<_> = (0..CASES).map(|_| (public(&mut random), random.bytes(3))).collect();
    let tasks: Vec<Value> =
        keys.iter().map(|(key, kid)| json!({"task": "read_key", "key": hex(&written(|w| key.write(w, Some(kid))))})).collect();
    for ((key, kid), found) in keys.iter().zip(tell(&tasks)) {
        assert_eq!(found["crv"], key.curve.number(), "{found}");
        assert_eq!((bytes(&found["x"]), bytes(&found["y"])), (key.x.to_vec(), key.y.map_or(Vec::new(), Vec::from)));
        assert_eq!(bytes(&found["kid"]), *kid);
    }
}

struct Case {
    party: Party,
    payload: Vec<u8>,
    aad: Vec<u8>,
    kid: Option<Vec<u8>>,
    detached: bool,
}

fn cases(random: &mut Seeded) -> Vec<Case> {
    let mut cases = Vec::new();
    for _ in 0..CASES {
        let kind = random.pick(&[KeyKind::Ed25519, KeyKind::Es256]);
        let (payload, aad) = (1 + random.below(300), random.pick(&[0, 8, 300]));
        cases.push(Case {
            party: Party::random(kind, random),
            payload: random.bytes(payload),
            aad: random.bytes(aad),
            kid: random.one_in(2).then(|| random.bytes(4)),
            detached: random.one_in(3),
        });
    }
    cases
}

#[test]
fn signed_by_pycose() {
    let mut random = Seeded::new(13);
    let cases = cases(&mut random);
    let tasks = cases.iter().map(|case| {
        json!({
            "task": "sign", "alg": case.party.algorithm().number(), "key": hex(&private_key(&case.party)), "payload": hex(&case.payload),
            "aad": hex(&case.aad), "kid": case.kid.as_deref().map(hex), "kid_protected": random.one_in(2), "detached": case.detached,
        })
    });
    let tasks: Vec<Value> = tasks.collect();
    for (case, answer) in cases.iter().zip(tell(&tasks)) {
        let message = bytes(&answer["made"]);
        let signed = Sign1::parse(&message).unwrap();
        assert_eq!((signed.kid(), signed.payload.is_none()), (case.kid.as_deref(), case.detached));
        let (mut p, key) = (case.party.provider(), &case.party.public);
        let outside = case.detached.then_some(&case.payload[..]);
        signed.verify(&mut p, key, &case.aad, outside).unwrap();
        assert_eq!(signed.verify(&mut p, key, b"other", outside), Err(Error::AuthenticationFailed));
        // Any bit of the signature and of the protected header.
        for _ in 0..8 {
            let mut damaged = message.clone();
            let at = if random.one_in(4) { 2 + random.below(4) } else { message.len() - 1 - random.below(64) };
            damaged[at] ^= 1 << random.below(8);
            let result = Sign1::parse(&damaged).and_then(|signed| signed.verify(&mut p, key, &case.aad, outside));
            assert!(result.is_err(), "{}", hex(&damaged));
        }
    }
}

#[test]
fn verified_by_pycose() {
    let mut random = Seeded::new(14);
    let cases = cases(&mut random);
    let (mut tasks, mut expected) = (Vec::new(), Vec::new());
    for case in &cases {
        let (algorithm, kid) = (case.party.algorithm(), case.kid.as_deref());
        let made = written(|w| sign1(&mut case.party.provider(), KeyHandle(0), algorithm, kid, &case.aad, &case.payload, w));
        let mut damaged = made.clone();
        *damaged.last_mut().unwrap() ^= 1;
        let key = hex(&cose_key(&case.party.public));
        for (message, aad, good) in [(&made, &case.aad[..], true), (&made, b"other", false), (&damaged, &case.aad, false)] {
            tasks.push(json!({"task": "verify", "message": hex(message), "aad": hex(aad), "key": key}));
            expected.push((case, good));
        }
    }
    for ((case, good), answer) in expected.iter().zip(tell(&tasks)) {
        assert_eq!(answer["verified"], *good, "{answer}");
        assert_eq!((bytes(&answer["payload"]), bytes(&answer["kid"])), (case.payload.clone(), case.kid.clone().unwrap_or_default()));
    }
}

struct Sealed {
    algorithm: Aead,
    key: Vec<u8>,
    nonce: Vec<u8>,
    aad: Vec<u8>,
    plain: Vec<u8>,
}

fn to_seal(random: &mut Seeded, most: usize) -> Sealed {
    let algorithm = random.pick(&[Aead::AesCcm16_64_128, Aead::AesCcm16_128_128]);
    let (aad, plain) = (random.pick(&[0, 1, 14, 15, 32, 300]), random.below(most));
    Sealed { algorithm, key: random.bytes(16), nonce: random.bytes(13), aad: random.bytes(aad), plain: random.bytes(plain) }
}

impl Sealed {
    /// Ciphertext ‖ tag by the core.
    fn by_core(&self, aad: &[u8]) -> Vec<u8> {
        let mut p = Party::random(KeyKind::Ed25519, &mut Seeded::new(0)).provider();
        let (mut buffer, mut tag) = (self.plain.clone(), vec![0; self.algorithm.tag_len()]);
        p.seal(self.algorithm, &self.key, &self.nonce, aad, &mut buffer, &mut tag).unwrap();
        [buffer, tag].concat()
    }

    /// Opened by the core.
    fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        let mut p = Party::random(KeyKind::Ed25519, &mut Seeded::new(0)).provider();
        let (buffer, tag) = sealed.split_at(sealed.len() - self.algorithm.tag_len());
        let mut buffer = buffer.to_vec();
        p.open(self.algorithm, &self.key, &self.nonce, aad, &mut buffer, tag)?;
        Ok(buffer)
    }

    fn task(&self, task: &str, sealed: &[u8]) -> Value {
        json!({
            "task": task, "alg": self.algorithm.number(), "tag": self.algorithm.tag_len(), "key": hex(&self.key), "nonce": hex(&self.nonce),
            "aad": hex(&self.aad), "plain": hex(&self.plain), "sealed": hex(sealed),
            "protected": hex(&[&[0xa1, 0x01][..], if self.algorithm.number() < 24 { &[] } else { &[0x18] }, &[self.algorithm.number() as u8]].concat()),
        })
    }
}

/// COSE_Encrypt0: the core's Enc_structure and AEAD against pycose's.
#[test]
fn encrypted() {
    let mut random = Seeded::new(15);
    let cases: Vec<Sealed> = (0..CASES).map(|_| to_seal(&mut random, 100)).collect();
    let encrypted = tell(&cases.iter().map(|case| case.task("encrypt", &[])).collect::<Vec<_>>());
    let mut tasks = Vec::new();
    for (case, answer) in cases.iter().zip(&encrypted) {
        let structure = written(|w| write_enc_structure(w, &bytes(&answer["protected"]), &case.aad));
        let ours = case.by_core(&structure);
        assert_eq!(hex(&ours), answer["sealed"].as_str().unwrap());
        assert_eq!(case.open(&structure, &ours).as_ref(), Ok(&case.plain));
        tasks.push(case.task("decrypt", &ours));
        let mut damaged = ours.clone();
        damaged[random.below(ours.len())] ^= 1 << random.below(8);
        assert_eq!(case.open(&structure, &damaged), Err(Error::DecryptFailed));
        tasks.push(case.task("decrypt", &damaged));
    }
    for (case, pair) in cases.iter().zip(tell(&tasks).chunks(2)) {
        assert_eq!(bytes(&pair[0]["plain"]), case.plain);
        assert!(pair[1]["refused"].is_string(), "{}", pair[1]);
    }
}

/// AES-CCM with tags of 8 and 16 bytes against OpenSSL, both directions, good and damaged.
#[test]
fn aes_ccm() {
    let mut random = Seeded::new(16);
    let cases: Vec<Sealed> = (0..1000).map(|_| to_seal(&mut random, 600)).collect();
    let sealed = tell(&cases.iter().map(|case| case.task("ccm_seal", &[])).collect::<Vec<_>>());
    let mut tasks = Vec::new();
    for (case, answer) in cases.iter().zip(&sealed) {
        let theirs = bytes(&answer["sealed"]);
        assert_eq!(case.by_core(&case.aad), theirs);
        assert_eq!(case.open(&case.aad, &theirs).as_ref(), Ok(&case.plain));
        let mut damaged = theirs.clone();
        damaged[random.below(theirs.len())] ^= 1 << random.below(8);
        assert_eq!(case.open(&case.aad, &damaged), Err(Error::DecryptFailed));
        tasks.extend([case.task("ccm_open", &case.by_core(&case.aad)), case.task("ccm_open", &damaged)]);
    }
    for (case, pair) in cases.iter().zip(tell(&tasks).chunks(2)) {
        assert_eq!(bytes(&pair[0]["plain"]), case.plain);
        assert_eq!(pair[1]["refused"], "InvalidTag");
    }
}
