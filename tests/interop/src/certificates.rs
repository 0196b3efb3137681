//! Certificates read by the core and by the second implementation: those of tests/vectors, and thousands with something wrong in them. Both
//! take and refuse the same, and read the same out of what they take.

use crate::peer::{Peer, bytes, hex};
use crate::random::Seeded;
use sealwire_core::credential::{Credential, CredentialKind};
use serde_json::{Value, json};

/// Parts that the profile passes over unread, and that the second implementation's library reads all the same: subjectAltName,
/// subjectKeyIdentifier, authorityKeyIdentifier, the serialNumber of a name.
const UNREAD: [[u8; 3]; 4] = [[0x55, 0x1d, 0x11], [0x55, 0x1d, 0x0e], [0x55, 0x1d, 0x23], [0x55, 4, 5]];

/// The certificates that are accepted in the vectors, but for those with such parts.
fn good() -> Vec<Vec<u8>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/x509.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let accepted = file["vectors"].as_array().unwrap().iter().filter(|case| case["expected"] == "ok");
    let mut all: Vec<Vec<u8>> = accepted.flat_map(|case| case["path"].as_array().unwrap().iter().map(bytes)).collect();
    all.retain(|der| !der.windows(3).any(|part| UNREAD.iter().any(|unread| part == unread)));
    all.sort();
    all.dedup();
    all
}

/// One change: a bit, a byte, a length, or a piece left out, doubled or put elsewhere.
fn mutate(seeded: &mut Seeded, der: &[u8]) -> Vec<u8> {
    let mut der = der.to_vec();
    let mut below = |bound: usize| (seeded.next() % bound as u64) as usize;
    let at = below(der.len());
    match below(6) {
        0 => der[at] ^= 1 << below(8),
        1 => der[at] = below(256) as u8,
        2 => der[at] = der[at].wrapping_add(if below(2) == 0 { 1 } else { 0xff }),
        3 => drop(der.remove(at)),
        4 => der.insert(at, below(256) as u8),
        _ => {
            let (from, len) = (below(der.len()), 1 + below(16));
            let piece: Vec<u8> = der.iter().skip(from).take(len).copied().collect();
            der.splice(at..at, piece);
            // The outermost length follows, so that more is looked at.
            let inside = der.len() - 4;
            if der[1] == 0x82 {
                der[2..4].copy_from_slice(&(inside as u16).to_be_bytes());
            }
        }
    }
    der
}

#[test]
fn both_read_the_same_certificates() {
    let Some(mut peer) = Peer::start() else { return };
    let good = good();
    assert!(good.len() > 15);
    let mut seeded = Seeded::new(77_000);
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..6_000 {
        let whole = &good[round % good.len()];
        let der = if round < good.len() { whole.clone() } else { mutate(&mut seeded, whole) };
        let ours = Credential::parse(&der).ok().filter(|credential| credential.kind == CredentialKind::X509);
        let theirs = peer.attempt("credential", json!({"cred": hex(&der)})).ok().filter(|seen| seen["kind"] == "x509");
        match (&ours, &theirs) {
            (Some(ours), Some(theirs)) => {
                assert_eq!(ours.key.x.as_slice(), bytes(&theirs["x"]), "{}", hex(&der));
                assert_eq!(json!(ours.subject), theirs["subject"], "{}", hex(&der));
                accepted += 1;
            }
            (None, None) => refused += 1,
            _ => panic!("core {ours:?}, peer {theirs:?}: {}", hex(&der)),
        }
    }
    println!("certificates: {accepted} taken by both, {refused} refused by both");
    assert!(accepted > 500 && refused > 2_000);
}
