//! Credentials and how handshakes name them.

use crate::party::{ISSUER_KID, Party, identities};
use crate::provider::{Mixing, Mode};
use crate::{refused, typed};
use sealwire_core::bytes::Writer;
use sealwire_core::cbor::Decoder;
use sealwire_core::credential::{Claims, Credential, CredentialKind, Credentials, IdCred, MAX_CREDENTIAL, resolve};
use sealwire_core::crypto::AuthenticationKey::{Signature, StaticDh};
use sealwire_core::crypto::Suite;
use sealwire_core::error::Error;

/// CCS and CWT: parsed, written anew, verified.
pub fn credential(data: &[u8]) -> bool {
    let parsed = match Credential::parse(data) {
        Ok(parsed) => parsed,
        Err(error) => return refused(error),
    };
    assert_eq!(parsed.bytes, data);
    if parsed.kind == CredentialKind::Ccs {
        rewritten(&parsed);
    }
    let mut party = Party::new(0, Mode::Sealed);
    let anchor = party.anchor(0).expect("there is one");
    let (clear, sealed) = (&mut Mixing::new(Mode::Clear, 1), &mut Mixing::new(Mode::Sealed, 1));
    assert!(parsed.verify(sealed, &anchor, None).is_err(), "a signature of nobody");
    if parsed.verify(clear, &anchor, Some(1000)).is_ok() {
        assert_eq!(parsed.kind, CredentialKind::Cwt);
        assert!(parsed.issuer_kid.is_none_or(|kid| kid == ISSUER_KID));
        assert!(parsed.expires.is_none_or(|end| end > 1000) && parsed.not_before.is_none_or(|start| start <= 1000));
    }
    party.now_s = Some(1000);
    let identity = parsed.key.thumbprint(&mut party).expect("a key that was parsed");
    assert_eq!(parsed.key.full_thumbprint(&mut party).expect("the same")[..16], *identity.as_bytes());
    true
}

/// The claims of a CCS, written in deterministic order, say the same.
fn rewritten(parsed: &Credential<'_>) {
    let claims = Claims {
        issuer: parsed.issuer,
        subject: parsed.subject,
        expires: parsed.expires,
        not_before: parsed.not_before,
        issued_at: parsed.issued_at,
        id: parsed.id,
        key: parsed.key,
        kid: parsed.kid,
    };
    let mut buffer = vec![0; parsed.bytes.len() + 64];
    let mut w = Writer::new(&mut buffer);
    claims.write(&mut w).expect("at most a y coordinate longer");
    let again = Credential::parse(w.written()).expect("what was written can be read");
    assert_eq!(
        (again.issuer, again.subject, again.expires, again.not_before),
        (claims.issuer, claims.subject, claims.expires, claims.not_before)
    );
    assert_eq!((again.issued_at, again.id, again.key, again.kid), (claims.issued_at, claims.id, claims.key, claims.kid));
}

/// ID_CRED_x in both forms, and what it leads to.
pub fn id_cred(data: &[u8]) -> bool {
    let mut led_on = false;
    let mut d = Decoder::new(data);
    match IdCred::parse_plaintext(&mut d) {
        Ok(id) => {
            let taken = &data[..data.len() - d.rest().len()];
            let mut buffer = vec![0; id.plaintext_len()];
            let mut w = Writer::new(&mut buffer);
            id.write_plaintext(&mut w).expect("the length is exact");
            assert_eq!(w.written(), taken, "read and written is the same");
            led_on |= find(&id);
        }
        Err(error) => typed(error),
    }
    let mut d = Decoder::new(data);
    match IdCred::parse_map(&mut d) {
        Ok(id) => {
            let taken = &data[..data.len() - d.rest().len()];
            let mut buffer = vec![0; id.map_len()];
            let mut w = Writer::new(&mut buffer);
            id.write_map(&mut w).expect("the length is exact");
            assert_eq!(w.written(), taken, "read and written is the same");
            led_on |= find(&id);
        }
        Err(error) => typed(error),
    }
    led_on
}

/// Whatever an ID_CRED_x leads to was provisioned or is signed by the anchor, and has a key of the suite.
fn find(id: &IdCred<'_>) -> bool {
    let mut found_one = false;
    for mode in [Mode::Sealed, Mode::Clear] {
        for (suite, sort) in [(4, StaticDh), (2, StaticDh), (4, Signature), (3, Signature)] {
            let suite = Suite::from_number(suite).expect("in every build of this crate");
            let own = [identities()[0].key, identities()[0].signing_key];
            let mut party = Party::new(0, mode);
            let mut buffer = [0; MAX_CREDENTIAL];
            match resolve(&mut party, id, 0, suite, sort, &own, &mut buffer) {
                Ok(found) => {
                    found_one = true;
                    let provisioned =
                        [&identities()[1].ccs, &identities()[1].signing_ccs].iter().any(|known| found.credential.bytes == **known);
                    assert!(provisioned || mode == Mode::Clear && found.credential.kind != CredentialKind::Ccs);
                    match sort {
                        StaticDh => assert_eq!(found.credential.key.curve.agreement(), Some(suite.curve())),
                        Signature => assert_eq!(found.credential.key.curve.signature(), Some(suite.signature())),
                    }
                    assert!(own.iter().all(|own| found.credential.key.x != own.x || found.credential.key.curve != own.curve));
                }
                Err(Error::Pending) => unreachable!("nothing is asked of a key"),
                Err(error) => typed(error),
            }
        }
    }
    found_one
}
