//! The independent implementation's handshakes of every method, suite and way to name a credential: both roles give the same bytes.

use super::*;

/// The two ends of a cell, as the file gives them.
fn ends<T>(file: &Value, cell: &Value, with: impl FnOnce(&mut Party<'_>, &mut Party<'_>) -> T) -> T {
    let (method, suite) = method_and_suite(cell);
    let issuers = anchors(file);
    let issuers: Vec<TrustAnchor<'_>> =
        issuers.iter().map(|(key, kid)| TrustAnchor { key: *key, kid, purposes: Purposes::IDENTITY }).collect();
    let way = cell["way"].as_str().unwrap();
    let by_value = matches!(way, "kccs" | "kcwt" | "x5chain");
    let side = |end: &str, ephemeral: &str| {
        let party = &file["parties"][cell[end].as_str().unwrap()];
        let kid = party["kid"].as_str().map_or_else(Vec::new, hex);
        Side { credential: bytes(&party["cred"]), kid, private: array(&party["private"]), ephemeral: array(&cell[ephemeral]), by_value }
    };
    let sides = [side("initiator", "x"), side("responder", "y")];
    let sorts = [method.initiator(), method.responder()];
    let own = [0, 1].map(|at: usize| {
        let Side { credential, by_value, .. } = &sides[at];
        [OwnEntry { suite, authentication: sorts[at], credential, key: KeyHandle(0), by_value: *by_value }]
    });
    let known = [1, 0].map(|other: usize| [Provisioned { kid: &sides[other].kid, credential: &sides[other].credential }]);
    // What an issuer has signed and what comes by value is trusted for the issuer's sake alone.
    let known = [0, 1].map(|at: usize| if matches!(way, "kcwt" | "x5chain") { &[][..] } else { &known[at][..] });
    let [mut i, mut r] = [0, 1].map(|at: usize| {
        let mut inner = software();
        let kind = match sorts[at] {
            AuthenticationKey::StaticDh => kind(suite.curve()),
            AuthenticationKey::Signature => KeyKind::for_signature(suite.signature()),
        };
        inner.keys.insert(KeyHandle(0), kind, Secret::from(sides[at].private)).unwrap();
        party_of(
            StaticCredentials { own: &own[at], peers: known[at], anchors: &issuers, now_s: Some(1_900_000_000) },
            inner,
            sides[at].ephemeral,
        )
    });
    with(&mut i, &mut r)
}

fn method_and_suite(cell: &Value) -> (Method, Suite) {
    let number = |what: &str| cell[what].as_i64().unwrap();
    (Method::from_number(number("method")).unwrap(), Suite::from_number(number("suite")).unwrap())
}

fn id(value: &Value) -> ConnectionId {
    ConnectionId::new(&bytes(value)).unwrap()
}

/// One cell: the four messages and all that the file holds of it.
fn replay(file: &Value, cell: &Value) {
    let name = cell["name"].as_str().unwrap();
    let (method, suite) = method_and_suite(cell);
    let steps = Trace {
        name: name.to_string(),
        method,
        suite,
        preferred: Vec::new(),
        c_i: id(&cell["c_i"]),
        c_r: id(&cell["c_r"]),
        initiator: Side::default(),
        responder: Side::default(),
        ead: Default::default(),
        values: Value::Null,
    };
    let steps = Steps { trace: &steps };
    ends(file, cell, |i, r| {
        let expect = |what: &str| bytes(&cell[what]);
        let (i_done, r_done) = steps.replay(i, r, expect);

        for value in ["TH_2", "TH_3", "TH_4"] {
            assert!(i.noted.contains(&expect(value)) && r.noted.contains(&expect(value)), "{name}: {value}");
        }
        assert!(i.noted.contains(&expect("PLAINTEXT_3")), "{name}");
        for (done, end, other) in [(&i_done, "initiator", "responder"), (&r_done, "responder", "initiator")] {
            let thumbprint = |end: &str| bytes(&file["parties"][cell[end].as_str().unwrap()]["thumbprint"]);
            assert_eq!((&done.own.0[..], &done.peer.0[..]), (&thumbprint(end)[..], &thumbprint(other)[..]), "{name}");
            assert_eq!((done.method, done.suite, &done.th_4[..]), (method, suite, &expect("TH_4")[..]), "{name}");
            assert_eq!(done.prk_out().expose().as_slice(), expect("PRK_out"), "{name}");
            for (label, output) in (0..).zip(cell["exporter"].as_array().unwrap()) {
                let mut out = [0; 32];
                exporter(i, done.prk_out(), label, &[], &mut out).unwrap();
                assert_eq!(out.as_slice(), bytes(output), "{name}");
            }
        }
    });
}

#[test]
fn the_independent_implementation_agrees_in_every_method_suite_and_way() {
    let file = vectors("peer_edhoc.json");
    let cells = file["matrix"].as_array().unwrap();
    assert_eq!(cells.len(), 4 * 4 * 5);
    cells.iter().for_each(|cell| replay(&file, cell));
}
