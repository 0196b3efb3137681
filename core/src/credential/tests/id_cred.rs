use super::*;
use crate::cbor::Decoder;
use crate::error::Error;

fn plaintext(id: &IdCred<'_>) -> Vec<u8> {
    let mut buffer = [0; 300];
    let mut w = Writer::new(&mut buffer);
    id.write_plaintext(&mut w).unwrap();
    w.written().to_vec()
}

fn map(id: &IdCred<'_>) -> Vec<u8> {
    let mut buffer = [0; 300];
    let mut w = Writer::new(&mut buffer);
    id.write_map(&mut w).unwrap();
    assert_eq!(w.len(), id.map_len());
    w.written().to_vec()
}

/// RFC 9528 §3.5.3.2: a kid is compacted where it stands alone; a one-byte kid that is the encoding of an integer becomes that integer.
/// RFC 9529 §3 has 2b and 32 that way.
#[test]
fn kids() {
    for (kid, expected) in [
        ("2b", "2b"),
        ("32", "32"),
        ("00", "00"),
        ("17", "17"),
        ("20", "20"),
        ("37", "37"),
        ("18", "4118"),
        ("38", "4138"),
        ("1f", "411f"),
        ("ff", "41ff"),
        ("", "40"),
        ("0102", "420102"),
        ("ffffffff", "44ffffffff"),
        ("000102030405060708090a0b0c0d0e0f1011121314151617", "5818000102030405060708090a0b0c0d0e0f1011121314151617"),
    ] {
        let kid = hex(kid);
        let id = IdCred::Kid(&kid);
        let bytes = plaintext(&id);
        assert_eq!(bytes, hex(expected));
        let mut d = Decoder::new(&bytes);
        assert_eq!(IdCred::parse_plaintext(&mut d), Ok(id));
        d.finish().unwrap();
        // {4: kid} in contexts, always a byte string.
        let bytes = map(&id);
        assert_eq!(bytes[..2], [0xa1, 4]);
        let mut d = Decoder::new(&bytes);
        assert_eq!(IdCred::parse_map(&mut d), Ok(id));
        d.finish().unwrap();
    }
    // RFC 9529 §3: ID_CRED_I and ID_CRED_R.
    assert_eq!(map(&IdCred::Kid(b"+")), hex("a104412b"));
    assert_eq!(map(&IdCred::Kid(b"2")), hex("a1044132"));
}

#[test]
#[cfg(feature = "suite-x25519-chacha")]
#[cfg(feature = "issuers")]
fn by_value() {
    let mut p = keys();
    let key = p.keys.public(HOLDER).unwrap();
    let (plain, token) = (ccs("a", &key, b"k"), cwt(&mut p, ISSUER, &Claims::new(key)));
    for (id, label) in [(IdCred::Ccs(&plain), 14), (IdCred::Cwt(&token), 13)] {
        let bytes = plaintext(&id);
        assert_eq!((&bytes[..2], bytes.clone()), (&[0xa1, label][..], map(&id)));
        let followed = [&bytes[..], &[0x41, 0x55]].concat();
        let mut d = Decoder::new(&followed);
        assert_eq!(IdCred::parse_plaintext(&mut d), Ok(id));
        assert_eq!(d.bytes(), Ok(&[0x55][..]));
    }
    // A credential whose maps are not sorted stays as it is.
    let unsorted = hex("a10ea208a00200");
    let mut d = Decoder::new(&unsorted);
    assert_eq!(IdCred::parse_plaintext(&mut d), Ok(IdCred::Ccs(&unsorted[2..])));
}

#[test]
fn refused() {
    for (encoding, expected) in [
        ("", Error::Malformed),
        // RFC 9528 §3.3.2: these have a shorter form.
        ("4100", Error::NotDeterministic),
        ("4137", Error::NotDeterministic),
        ("1800", Error::NotDeterministic),
        ("a10441ff", Error::NotDeterministic),
        ("a104412b", Error::NotDeterministic),
        // Integers of more than a byte name nothing.
        ("1818", Error::Malformed),
        ("3818", Error::Malformed),
        ("190100", Error::Malformed),
        // Other types.
        ("6161", Error::Malformed),
        ("8101", Error::Malformed),
        ("f5", Error::Malformed),
        ("f6", Error::Malformed),
        // Wrong contents; duplicates.
        ("a10ea2010201 03", Error::Malformed),
        ("a10e80", Error::Malformed),
        ("a10e4101", Error::Malformed),
        ("a10da0", Error::Malformed),
        ("a10401", Error::Malformed),
        ("a204410104410 1", Error::Malformed),
        // What the protocol does not have: x5u, a bag of certificates, C509, two names at once, none, a name that is text or negative.
        ("a1182361 61", Error::UnsupportedCredential),
        ("a1182041ff", Error::UnsupportedCredential),
        ("a1181941ff", Error::UnsupportedCredential),
        ("a20441 01 0ea0", Error::UnsupportedCredential),
        ("a0", Error::UnsupportedCredential),
        ("a1616101", Error::UnsupportedCredential),
        ("a10341 01", Error::UnsupportedCredential),
        ("a12041 01", Error::UnsupportedCredential),
    ] {
        let bytes = hex(encoding);
        assert_eq!(IdCred::parse_plaintext(&mut Decoder::new(&bytes)), Err(expected), "{encoding}");
    }
}

#[test]
#[cfg(not(feature = "x509"))]
fn certificates_are_not_in_this_build() {
    for encoding in ["a11822822e4879f2a41b510c1f9b", "a1182141ff"] {
        assert_eq!(IdCred::parse_plaintext(&mut Decoder::new(&hex(encoding))), Err(Error::UnsupportedCredential), "{encoding}");
    }
    assert_eq!(Credential::parse(&hex("3003020100")), Err(Error::UnsupportedCredential));
}

/// The x5t of RFC 9529 trace 1, one with all of SHA-256, and chains of one to three.
#[test]
#[cfg(feature = "x509")]
fn certificates() {
    let full = ["a11822822f5820", &"ab".repeat(32)].concat();
    for encoding in ["a11822822e4879f2a41b510c1f9b", &full] {
        let bytes = hex(encoding);
        let id = IdCred::parse_plaintext(&mut Decoder::new(&bytes)).unwrap();
        assert_eq!(id, IdCred::X5t(&bytes[3..]));
        assert_eq!((plaintext(&id), map(&id), id.plaintext_len(), id.map_len()), (bytes.clone(), bytes.clone(), bytes.len(), bytes.len()));
    }
    for encoding in ["a1182141ff", "a118218241ff41ee", "a118218341ff41ee4101"] {
        let bytes = hex(encoding);
        let id = IdCred::parse_plaintext(&mut Decoder::new(&bytes)).unwrap();
        assert_eq!(id, IdCred::X5Chain(&bytes[3..]));
        assert_eq!((plaintext(&id), map(&id), id.plaintext_len(), id.map_len()), (bytes.clone(), bytes.clone(), bytes.len(), bytes.len()));
    }
    for (encoding, expected) in [
        // Other hashes (SHA-512/256, a name as text), other lengths.
        ("a1182282304879f2a41b510c1f9b", Error::UnsupportedCredential),
        ("a1182282617848 79f2a41b510c1f9b", Error::UnsupportedCredential),
        ("a11822822e4779f2a41b510c1f", Error::Malformed),
        ("a11822822f4879f2a41b510c1f9b", Error::Malformed),
        ("a11822832e4879f2a41b510c1f9b01", Error::Malformed),
        ("a11822812e", Error::Malformed),
        ("a118224101", Error::Malformed),
        ("a11822822e01", Error::Malformed),
        ("a1182282f64101", Error::Malformed),
        // A chain of none, of one in an array, of four; no byte strings.
        ("a1182180", Error::Malformed),
        ("a118218141ff", Error::Malformed),
        ("a118218441ff41ff41ff41ff", Error::UnsupportedCredential),
        ("a118218241ff01", Error::Malformed),
        ("a1182101", Error::Malformed),
        ("a11821a0", Error::Malformed),
        ("a118215801ff", Error::NotDeterministic),
        ("a118219f41ff41ffff", Error::NotDeterministic),
    ] {
        assert_eq!(IdCred::parse_plaintext(&mut Decoder::new(&hex(encoding))), Err(expected), "{encoding}");
    }
}
