//! Handshakes with the second implementation, step by step; the matrix of them all is in `matrix`.

use crate::edhoc::{Items, damaged, finish, message_1, message_2, message_3, message_4};
use crate::party::{Pair, Party};
use crate::peer::{Peer, bytes, hex};
use crate::random::Seeded;
use sealwire_core::credential::{Role, Thumbprint};
use sealwire_core::crypto::Suite;
use sealwire_core::crypto::software::KeyKind;
use sealwire_core::edhoc::{Completed, ConnectionId, INBOX, Method, exporter, key_update};
use sealwire_core::error::Error;
use serde_json::{Value, json};

pub(crate) const SUITES: [Suite; 2] = [Suite::X25519ChaCha, Suite::P256Ccm];

/// What the credentials are, and how messages name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    CcsByKid,
    CcsByValue,
    CwtByKid,
    CwtByValue,
    /// By a hash of 8 bytes.
    X5t,
    /// The peer's by a hash of 32 bytes; this end always sends the short one.
    X5tWhole,
    /// The certificate, signed by the trust anchor.
    X5Chain,
    /// The peer's below two intermediates of different signature algorithms; ours alone.
    X5ChainOfThree,
}

impl Named {
    pub(crate) const ALL: [Named; 8] = [
        Named::CcsByKid,
        Named::CcsByValue,
        Named::CwtByKid,
        Named::CwtByValue,
        Named::X5t,
        Named::X5tWhole,
        Named::X5Chain,
        Named::X5ChainOfThree,
    ];

    const fn is_ccs(self) -> bool {
        matches!(self, Named::CcsByKid | Named::CcsByValue)
    }

    const fn is_certificate(self) -> bool {
        matches!(self, Named::X5t | Named::X5tWhole | Named::X5Chain | Named::X5ChainOfThree)
    }

    const fn by_value(self) -> bool {
        matches!(self, Named::CcsByValue | Named::CwtByValue | Named::X5Chain | Named::X5ChainOfThree)
    }

    /// The receiver must have it beforehand.
    const fn provisioned(self) -> bool {
        self.is_ccs() || !self.by_value()
    }

    /// An issuer vouches for it.
    const fn issued(self) -> bool {
        !matches!(self, Named::CcsByKid | Named::CcsByValue | Named::X5t | Named::X5tWhole)
    }

    /// As the driver names the peer's way.
    const fn id_by(self) -> &'static str {
        match self {
            Named::CcsByKid | Named::CwtByKid => "kid",
            Named::X5t => "x5t",
            Named::X5tWhole => "x5t-256",
            _ => "value",
        }
    }
}

pub(crate) const OUR_NAME: &str = "wearable-7";
pub(crate) const THEIR_NAME: &str = "hub";
/// The time at both ends, in seconds since 1970.
pub(crate) const NOW: u64 = 1_900_000_000;

/// Both ends' keys and credentials, and what they know of each other.
pub(crate) struct Setting {
    pub(crate) method: Method,
    pub(crate) suite: Suite,
    pub(crate) ours: Pair,
    pub(crate) theirs: Pair,
    pub(crate) issuer: Pair,
    pub(crate) our_credential: Vec<u8>,
    pub(crate) their_credential: Vec<u8>,
    /// The certificates between theirs and the issuer.
    pub(crate) chain: Vec<Vec<u8>>,
    named: Named,
    pub(crate) party: Party,
    /// Where the peer's randomness comes from.
    pub(crate) seeded: Seeded,
    /// Lengths of the four messages of the last handshake.
    pub(crate) lengths: [usize; 4],
}

fn id(bytes: &[u8]) -> ConnectionId {
    ConnectionId::new(bytes).unwrap()
}

/// A certificate about `subject`'s key in DER, by the peer's hand.
pub(crate) fn certificate(peer: &mut Peer, issuer: (&Pair, &str), subject: (&Pair, &str), adjust: Value) -> Vec<u8> {
    let mut request = json!({
        "alg": issuer.0.algorithm(), "issuer_key": hex(&issuer.0.private), "issuer": issuer.1,
        "curve": subject.0.curve_name(), "private": hex(&subject.0.private), "subject": subject.1,
    });
    request.as_object_mut().unwrap().extend(adjust.as_object().unwrap().clone());
    bytes(&peer.tell("issue_certificate", request)["cred"])
}

impl Setting {
    /// For method 3, whoever begins.
    pub(crate) fn new(peer: &mut Peer, suite: Suite, named: Named, seed: u64) -> Self {
        Self::of(peer, Method::DhDh, Role::Initiator, suite, named, seed)
    }

    /// The peer's credential is of its own making, ours of ours; certificates are all the peer's work. `role` is this end's.
    pub(crate) fn of(peer: &mut Peer, method: Method, role: Role, suite: Suite, named: Named, seed: u64) -> Self {
        let (mut our_key, mut their_key) = (method.initiator(), method.responder());
        if role == Role::Responder {
            std::mem::swap(&mut our_key, &mut their_key);
        }
        let ours = Pair::authenticating(suite, our_key, &[0x2b], seed);
        // A kid that is no one-byte integer, and one that is.
        let their_kid: &[u8] = if named.is_ccs() { &[0x0a] } else { b"hub-key" };
        let theirs = Pair::authenticating(suite, their_key, their_kid, seed + 1);
        let issuer = Pair::issuer(suite, b"issuer", seed + 2);
        let holder = json!({
            "curve": theirs.curve_name(), "private": hex(&theirs.private), "subject": THEIR_NAME, "kid": hex(&theirs.kid),
        });
        let mut chain = Vec::new();
        let (our_credential, their_credential) = if named.is_ccs() {
            let made = bytes(&peer.tell("make_ccs", holder)["cred"]);
            assert_eq!(made, theirs.ccs(THEIR_NAME), "both write the same CCS");
            (ours.ccs(OUR_NAME), made)
        } else if named == Named::X5ChainOfThree {
            let (one, two) = (Pair::new(KeyKind::Ed25519, &[], seed + 6), Pair::new(KeyKind::Es256, &[], seed + 7));
            let ca = |path_length| json!({"ca": true, "path_length": path_length, "key_usage": ["key_cert_sign"]});
            chain.push(certificate(peer, (&one, "one"), (&two, "two"), ca(0)));
            chain.push(certificate(peer, (&issuer, "issuer"), (&one, "one"), ca(1)));
            let ours = certificate(peer, (&issuer, "issuer"), (&ours, OUR_NAME), json!({}));
            (ours, certificate(peer, (&two, "two"), (&theirs, THEIR_NAME), json!({})))
        } else if named.is_certificate() {
            let make = |peer: &mut Peer, of| certificate(peer, (&issuer, "issuer"), of, json!({}));
            (make(peer, (&ours, OUR_NAME)), make(peer, (&theirs, THEIR_NAME)))
        } else {
            let mut request = holder;
            request["alg"] = json!(issuer.algorithm());
            request["issuer_key"] = json!(hex(&issuer.private));
            request["issuer_kid"] = json!(hex(&issuer.kid));
            (ours.cwt(OUR_NAME, &issuer), bytes(&peer.tell("issue_cwt", request)["cred"]))
        };
        let mut party = Party::new(seed + 3);
        party.now = Some(NOW);
        party.show(suite, &ours, our_credential.clone(), named.by_value());
        if named.provisioned() {
            party.know(if named.is_certificate() { &[] } else { &theirs.kid }, their_credential.clone());
        }
        if named.issued() {
            party.trust(&issuer);
        }
        let seeded = Seeded::new(seed + 4);
        Setting { method, suite, ours, theirs, issuer, our_credential, their_credential, chain, named, party, seeded, lengths: [0; 4] }
    }

    /// This end's keys and knowledge go elsewhere.
    pub(crate) fn take_party(&mut self) -> Party {
        std::mem::replace(&mut self.party, Party::new(0))
    }

    /// Tells the peer who it is.
    pub(crate) fn introduce(&mut self, peer: &mut Peer, id: &str, role: &str) -> Value {
        let mut request = json!({
            "id": id,
            "suite": self.suite.number(),
            "cred": hex(&self.their_credential),
            "key": hex(&self.theirs.private),
            "id_by": self.named.id_by(),
            "chain": self.chain.iter().map(|der| hex(der)).collect::<Vec<_>>(),
            "now": NOW,
        });
        if self.named.provisioned() {
            request["peer_creds"] = json!([hex(&self.our_credential)]);
        }
        if self.named.issued() {
            request["anchors"] = json!([{"cose_key": hex(&self.issuer.cose_key()), "kid": hex(&self.issuer.kid)}]);
        }
        if role == "initiator" {
            request["method"] = json!(self.method.number());
            request["ephemeral"] = self.ephemeral();
            request["c_i"] = json!("27");
        } else {
            request["methods"] = json!([self.method.number()]);
        }
        peer.tell(role, request.clone());
        request
    }

    pub(crate) fn ephemeral(&mut self) -> Value {
        let pair = Pair::of_suite(self.suite, &[], self.seeded.next());
        json!(hex(&pair.private))
    }
}

/// The peer has seen who we are.
pub(crate) fn is_us(setting: &Setting, answer: &Value) {
    let seen = &answer["peer"];
    assert_eq!(bytes(&seen["cred"]), setting.our_credential);
    assert_eq!(bytes(&seen["thumbprint"]), setting.ours.thumbprint().0);
    assert_eq!(seen["subject"], OUR_NAME);
}

fn frame(kind: u8, identifier: &[u8], message: &[u8]) -> Value {
    json!(hex(&[&[kind], identifier, message].concat()))
}

fn ead(number: i64) -> (Items, Value) {
    // An unknown item without value, padding, an unknown item with one.
    let items = vec![(40000 + number, None), (0, Some(vec![0; 3])), (7, Some(vec![number as u8; 5]))];
    (items, json!([[40000 + number, null], [0, "000000"], [7, hex(&[number as u8; 5])]]))
}

/// What of the items is shown: not the padding.
fn shown(number: i64) -> Items {
    let mut items = ead(number).0;
    items.remove(1);
    items
}

/// Items as the driver lists them; it may list padding or leave it out.
fn listed(answer: &Value) -> Vec<Value> {
    answer.as_array().unwrap().iter().filter(|item| item[0] != 0).cloned().collect()
}

fn listed_of(number: i64) -> Vec<Value> {
    listed(&ead(number).1)
}

/// A handshake in which this end is the Initiator, the peer under the name `id`.
pub(crate) fn initiate(peer: &mut Peer, setting: &mut Setting, name: &str, c_i: &[u8], c_r: &[u8], with_damage: bool) -> Completed {
    let suite = setting.suite;
    let party = &mut setting.party;
    let mut ead_1 = ead(1);
    ead_1.0.insert(0, (-INBOX, Some(OUR_NAME.into())));
    let (first, state) = message_1(party, setting.method, suite, id(c_i), &ead_1.0);
    if with_damage {
        for wrong in damaged(&first) {
            setting.introduce(peer, "damaged", "responder");
            // message_1 is not authenticated: what still parses is answered, and the answer does not fit.
            if peer.attempt("process_message_1", json!({"id": "damaged", "message": hex(&wrong)})).is_ok() {
                let ephemeral = setting.ephemeral();
                let answer = peer.attempt("message_2", json!({"id": "damaged", "c_r": hex(c_r), "ephemeral": ephemeral}));
                if let Ok(answer) = answer {
                    let second = bytes(&answer["message"]);
                    assert!(message_3(&mut setting.party, &state, &second, &Items::new()).is_err(), "{}", hex(&wrong));
                }
            }
        }
    }
    let introduced = setting.introduce(peer, name, "responder");
    let answer = peer.tell("process_message_1", json!({"id": name, "frame": frame(1, &[], &first)}));
    assert_eq!((&answer["method"], &answer["suite"]), (&json!(setting.method.number()), &introduced["suite"]));
    assert_eq!(bytes(&answer["c_i"]), c_i);
    assert_eq!(listed(&answer["ead_1"])[0], json!([-INBOX, hex(OUR_NAME.as_bytes())]));
    assert_eq!(listed(&answer["ead_1"])[1..], listed_of(1));

    let ephemeral = setting.ephemeral();
    let request = json!({"id": name, "c_r": hex(c_r), "ead_2": ead(2).1, "ephemeral": ephemeral});
    let answer = peer.tell("message_2", request);
    let second = bytes(&answer["message"]);
    assert_eq!(answer["frame"], frame(2, c_i, &second));
    let party = &mut setting.party;
    if with_damage {
        for wrong in damaged(&second) {
            assert!(message_3(party, &state, &wrong, &Items::new()).is_err(), "{}", hex(&wrong));
        }
    }
    let (third, state, noted) = message_3(party, &state, &second, &ead(3).0).unwrap();
    assert_eq!(noted, shown(2));
    assert_eq!((state.c_r().as_bytes(), state.peer()), (c_r, setting.theirs.thumbprint()));
    if with_damage {
        for wrong in damaged(&third) {
            peer.refuses("process_message_3", json!({"id": name, "message": hex(&wrong)}));
        }
    }
    let answer = peer.tell("process_message_3", json!({"id": name, "frame": frame(3, c_r, &third)}));
    assert_eq!(listed(&answer["ead_3"]), listed_of(3));
    is_us(setting, &answer);

    let fourth = bytes(&peer.tell("message_4", json!({"id": name, "ead_4": ead(4).1}))["message"]);
    let party = &mut setting.party;
    if with_damage {
        for wrong in damaged(&fourth) {
            assert!(finish(party, &state, &wrong).is_err(), "{}", hex(&wrong));
        }
    }
    let (done, noted) = finish(party, &state, &fourth).unwrap();
    assert_eq!(noted, shown(4));
    setting.lengths = [first.len(), second.len(), third.len(), fourth.len()];
    check(peer, setting, name, &done, Role::Initiator, (c_i, c_r));
    done
}

/// A handshake in which this end is the Responder. The peer's C_I is h'27'.
pub(crate) fn respond(peer: &mut Peer, setting: &mut Setting, name: &str, c_r: &[u8], with_damage: bool) -> Completed {
    let suite = setting.suite;
    let c_i: &[u8] = &[0x27];
    setting.introduce(peer, name, "initiator");
    let mut ead_1 = ead(1);
    let inbox = json!([-INBOX, hex(THEIR_NAME.as_bytes())]);
    ead_1.1.as_array_mut().unwrap().insert(0, inbox);
    let answer = peer.tell("message_1", json!({"id": name, "ead_1": ead_1.1}));
    let first = bytes(&answer["message"]);
    assert_eq!(answer["frame"], frame(1, &[], &first));
    if with_damage {
        for wrong in damaged(&first) {
            let party = &mut setting.party;
            if let Ok((second, _, _)) = message_2(party, suite, id(c_r), &wrong, &Items::new()) {
                peer.refuses("process_message_2", json!({"id": name, "message": hex(&second)}));
            }
        }
    }
    let (second, state, noted) = message_2(&mut setting.party, suite, id(c_r), &first, &ead(2).0).unwrap();
    assert_eq!(noted[0], (-INBOX, Some(THEIR_NAME.into())));
    assert_eq!(noted[1..], shown(1));
    assert_eq!((state.c_i().as_bytes(), state.c_r().as_bytes()), (c_i, c_r));
    if with_damage {
        for wrong in damaged(&second) {
            peer.refuses("process_message_2", json!({"id": name, "message": hex(&wrong)}));
        }
    }
    let answer = peer.tell("process_message_2", json!({"id": name, "frame": frame(2, c_i, &second)}));
    assert_eq!(bytes(&answer["c_r"]), c_r);
    assert_eq!(listed(&answer["ead_2"]), listed_of(2));
    is_us(setting, &answer);

    let answer = peer.tell("message_3", json!({"id": name, "ead_3": ead(3).1}));
    let third = bytes(&answer["message"]);
    assert_eq!(answer["frame"], frame(3, c_r, &third));
    let inbox = Some(THEIR_NAME.as_bytes());
    let party = &mut setting.party;
    if with_damage {
        for wrong in damaged(&third) {
            assert!(message_4(party, &state, &wrong, inbox, &Items::new()).is_err(), "{}", hex(&wrong));
        }
    }
    assert_eq!(message_4(party, &state, &third, Some(b"somebody-else"), &Items::new()).err(), Some(Error::Denied));
    let (fourth, done, noted) = message_4(party, &state, &third, inbox, &ead(4).0).unwrap();
    assert_eq!(noted, shown(3));
    if with_damage {
        for wrong in damaged(&fourth) {
            peer.refuses("process_message_4", json!({"id": name, "message": hex(&wrong)}));
        }
    }
    let answer = peer.tell("process_message_4", json!({"id": name, "frame": frame(4, c_i, &fourth)}));
    assert_eq!(listed(&answer["ead_4"]), listed_of(4));
    setting.lengths = [first.len(), second.len(), third.len(), fourth.len()];
    check(peer, setting, name, &done, Role::Responder, (c_i, c_r));
    done
}

/// Both ends have come to the same end.
fn check(peer: &mut Peer, setting: &mut Setting, name: &str, done: &Completed, role: Role, ids: (&[u8], &[u8])) {
    assert_eq!((done.role, done.method, done.suite), (role, setting.method, setting.suite));
    assert_eq!((done.c_i.as_bytes(), done.c_r.as_bytes()), ids);
    assert_eq!((done.own, done.peer), (setting.ours.thumbprint(), setting.theirs.thumbprint()));
    let values = peer.tell("values", json!({"id": name}))["values"].clone();
    assert_eq!(bytes(&values["TH_4"]), done.th_4);
    assert_eq!(bytes(&values["PRK_out"]), done.prk_out().expose());
    let session = peer.tell("session", json!({"id": name}));
    assert_eq!(bytes(&session["sid"]), done.th_4[..8]);
    assert_eq!(bytes(&session["thumbprint"]), done.peer.0);
    assert_eq!(bytes(&session["peer_thumbprint"]), done.own.0);
    // OSCORE's labels, ours, the applications', the largest of each length of head.
    for label in [0, 1, 23, 24, 255, 256, 32768, 32769, 33000, 65535, 65536, u64::from(u32::MAX)] {
        for (context, length) in [(&[] as &[u8], 16), (b"context", 8), (&[9; 30], 48), (&[], 300)] {
            let mut out = vec![0; length];
            exporter(&mut setting.party, done.prk_out(), label, context, &mut out).unwrap();
            let answer = peer.tell("exporter", json!({"id": name, "label": label, "context": hex(context), "length": length}));
            assert_eq!(bytes(&answer["output"]), out, "label {label}");
        }
    }
}

#[test]
fn neither_accepts_a_damaged_message_of_the_other_as_initiator() {
    let Some(mut peer) = Peer::start() else { return };
    for (seed, suite, named) in
        [(3_000, SUITES[0], Named::CcsByKid), (3_010, SUITES[1], Named::CcsByKid), (3_020, SUITES[0], Named::CwtByValue)]
    {
        let mut setting = Setting::new(&mut peer, suite, named, seed);
        initiate(&mut peer, &mut setting, "0", &[0x0e], &[0x20], true);
    }
}

#[test]
fn neither_accepts_a_damaged_message_of_the_other_as_responder() {
    let Some(mut peer) = Peer::start() else { return };
    for (seed, suite, named) in
        [(4_000, SUITES[0], Named::CcsByKid), (4_010, SUITES[1], Named::CcsByKid), (4_020, SUITES[0], Named::CwtByValue)]
    {
        let mut setting = Setting::new(&mut peer, suite, named, seed);
        respond(&mut peer, &mut setting, "0", &[0x20], true);
    }
}

/// EDHOC_KeyUpdate, several times over, with contexts of any length.
#[test]
fn key_updates_agree() {
    let Some(mut peer) = Peer::start() else { return };
    for (seed, suite) in (5_000..).step_by(10).zip(SUITES) {
        let mut setting = Setting::new(&mut peer, suite, Named::CcsByKid, seed);
        let done = initiate(&mut peer, &mut setting, "0", &[0x0e], &[0x20], false);
        let mut prk_out = done.prk_out().clone();
        for epoch in 1..=30_u8 {
            let (n_a, n_b) = (setting.seeded.bytes::<8>(), setting.seeded.bytes::<8>());
            let head: Vec<u8> = if epoch < 24 { vec![epoch] } else { vec![0x18, epoch] };
            let context = [&head[..], &[0x48], &n_a, &[0x48], &n_b].concat();
            prk_out = key_update(&mut setting.party, &prk_out, &context).unwrap();
            let answer = peer.tell("key_update", json!({"n_a": hex(&n_a), "n_b": hex(&n_b)}));
            assert_eq!((&answer["epoch"], bytes(&answer["prk_out"])), (&json!(epoch), prk_out.expose().to_vec()));
        }
    }
}

#[test]
fn thumbprints_agree() {
    let Some(mut peer) = Peer::start() else { return };
    for seed in 6_000..6_010 {
        for suite in SUITES {
            for pair in [Pair::of_suite(suite, b"k", seed), Pair::issuer(suite, b"k", seed)] {
                let answer = peer.tell("keygen", json!({"curve": pair.curve_name(), "private": hex(&pair.private)}));
                assert_eq!(bytes(&answer["x"]), pair.public.x);
                assert_eq!(answer["y"].is_null(), pair.public.y.is_none());
                assert_eq!(Thumbprint(bytes(&answer["thumbprint"]).try_into().unwrap()), pair.thumbprint());
            }
        }
    }
}

/// What one end must not accept from the other: strangers, unknown critical items, its own reflection, an identifier of its own.
#[test]
fn both_refuse_the_same() {
    let Some(mut peer) = Peer::start() else { return };
    for (seed, suite) in (7_000..).step_by(100).zip(SUITES) {
        let mut s = Setting::new(&mut peer, suite, Named::CcsByKid, seed);

        // An item that nobody knows, critical, from us and to us.
        let critical = vec![(-45000, Some(vec![1]))];
        let (first, _) = message_1(&mut s.party, s.method, suite, id(&[0x0e]), &critical);
        s.introduce(&mut peer, "r", "responder");
        assert_eq!(peer.refuses("process_message_1", json!({"id": "r", "message": hex(&first)})), "critical_ead");
        s.introduce(&mut peer, "i", "initiator");
        let first = bytes(&peer.tell("message_1", json!({"id": "i", "ead_1": [[-45000, "01"]]}))["message"]);
        assert_eq!(message_2(&mut s.party, suite, id(&[0x0e]), &first, &Items::new()).err(), Some(Error::UnknownCriticalEad));

        // The same in the messages that are encrypted.
        let (first, state) = message_1(&mut s.party, s.method, suite, id(&[0x0e]), &Items::new());
        s.introduce(&mut peer, "r", "responder");
        peer.tell("process_message_1", json!({"id": "r", "message": hex(&first)}));
        let answer = peer.tell("message_2", json!({"id": "r", "c_r": "20", "ead_2": [[-45000, null]]}));
        let refused = message_3(&mut s.party, &state, &bytes(&answer["message"]), &Items::new()).err();
        assert_eq!(refused, Some(Error::UnknownCriticalEad));
        let second = bytes(&peer.tell("message_2", json!({"id": "r", "c_r": "20"}))["message"]);
        let (third, _, _) = message_3(&mut s.party, &state, &second, &critical).unwrap();
        assert_eq!(peer.refuses("process_message_3", json!({"id": "r", "message": hex(&third)})), "critical_ead");

        // C_R = C_I.
        s.introduce(&mut peer, "i", "initiator");
        let first = bytes(&peer.tell("message_1", json!({"id": "i"}))["message"]);
        assert_eq!(message_2(&mut s.party, suite, id(&[0x27]), &first, &Items::new()).err(), Some(Error::SameIdentifier));

        // A stranger under a kid that is known, and one whose kid is not.
        for (kid, ours, theirs) in
            [(&[0x0a_u8][..], Error::AuthenticationFailed, "bad_mac"), (b"?", Error::UnknownCredential, "unknown_credential")]
        {
            let mut stranger = Setting::new(&mut peer, suite, Named::CcsByKid, seed + 50);
            stranger.theirs.kid = kid.to_vec();
            stranger.their_credential = stranger.theirs.ccs(THEIR_NAME);
            let (first, state) = message_1(&mut s.party, s.method, suite, id(&[0x0e]), &Items::new());
            stranger.introduce(&mut peer, "r", "responder");
            peer.tell("process_message_1", json!({"id": "r", "message": hex(&first)}));
            let second = bytes(&peer.tell("message_2", json!({"id": "r", "c_r": "20"}))["message"]);
            assert_eq!(message_3(&mut s.party, &state, &second, &Items::new()).err(), Some(ours));

            let mut stranger = Party::new(seed + 60);
            let pair = Pair::of_suite(suite, if theirs == "bad_mac" { &[0x2b] } else { b"?" }, seed + 61);
            stranger.show(suite, &pair, pair.ccs(OUR_NAME), false);
            s.introduce(&mut peer, "i", "initiator");
            let first = bytes(&peer.tell("message_1", json!({"id": "i"}))["message"]);
            let (second, _, _) = message_2(&mut stranger, suite, id(&[0x0e]), &first, &Items::new()).unwrap();
            assert_eq!(peer.refuses("process_message_2", json!({"id": "i", "message": hex(&second)})), theirs);
        }

        // A token of an issuer that nobody trusts.
        let mut s = Setting::new(&mut peer, suite, Named::CwtByValue, seed + 70);
        let other = Pair::issuer(suite, b"issuer", seed + 99);
        let (ours, theirs) = (s.ours.cwt(OUR_NAME, &other), s.theirs.cwt(THEIR_NAME, &other));
        let good = std::mem::replace(&mut s.their_credential, theirs);
        let (first, state) = message_1(&mut s.party, s.method, suite, id(&[0x0e]), &Items::new());
        s.introduce(&mut peer, "r", "responder");
        peer.tell("process_message_1", json!({"id": "r", "message": hex(&first)}));
        let second = bytes(&peer.tell("message_2", json!({"id": "r", "c_r": "20"}))["message"]);
        assert!(message_3(&mut s.party, &state, &second, &Items::new()).is_err());
        s.their_credential = good;
        let mut impostor = Party::new(seed + 80);
        impostor.show(suite, &s.ours, ours, true);
        s.introduce(&mut peer, "i", "initiator");
        let first = bytes(&peer.tell("message_1", json!({"id": "i"}))["message"]);
        let (second, _, _) = message_2(&mut impostor, suite, id(&[0x0e]), &first, &Items::new()).unwrap();
        assert_eq!(peer.refuses("process_message_2", json!({"id": "i", "message": hex(&second)})), "untrusted_credential");
    }
}
