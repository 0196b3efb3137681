//! Project Wycheproof's vectors, those for what is shipped.

use crate::bytes::Secret;
use crate::crypto::rustcrypto::{agree, expand, extract, open, seal, verify};
use crate::crypto::{Aead, Curve, Signature};
use crate::error::Error;
use std::vec::Vec;
use wycheproof::{TestResult, aead, ecdh, ecdsa, eddsa, hkdf, xdh};

fn check_aead(name: aead::TestName, algorithm: Aead) -> usize {
    let mut run = 0;
    for group in aead::TestSet::load(name).unwrap().test_groups {
        if group.key_size != 8 * algorithm.key_len() || group.tag_size != 8 * algorithm.tag_len() {
            continue;
        }
        for test in group.tests {
            let mut buffer = test.ct.to_vec();
            let opened = open(algorithm, &test.key, &test.nonce, &test.aad, &mut buffer, &test.tag);
            if group.nonce_size != 8 * algorithm.nonce_len() {
                assert_eq!(opened, Err(Error::InvalidArgument), "{}", test.tc_id);
                continue;
            }
            run += 1;
            if test.result.must_fail() {
                assert_eq!(opened, Err(Error::DecryptFailed), "{}", test.tc_id);
                assert!(test.pt.is_empty() || buffer != test.pt.to_vec(), "{}", test.tc_id);
            } else {
                opened.unwrap();
                assert_eq!(buffer, test.pt.to_vec(), "{}", test.tc_id);
                let mut tag = std::vec![0; algorithm.tag_len()];
                seal(algorithm, &test.key, &test.nonce, &test.aad, &mut buffer, &mut tag).unwrap();
                assert_eq!((buffer, tag), (test.ct.to_vec(), test.tag.to_vec()), "{}", test.tc_id);
            }
        }
    }
    run
}

#[test]
#[cfg(feature = "suite-x25519-chacha")]
fn chacha20_poly1305() {
    assert!(check_aead(aead::TestName::ChaCha20Poly1305, Aead::ChaCha20Poly1305) > 300);
}

/// The set has no 8-byte tags with 13-byte nonces; the RFC vectors cover those.
#[test]
#[cfg(feature = "suite-p256-ccm")]
fn aes_ccm() {
    assert_eq!(check_aead(aead::TestName::AesCcm, Aead::AesCcm16_128_128), 6);
}

#[test]
#[cfg(feature = "suite-x25519-chacha")]
fn x25519() {
    let mut run = 0;
    for test in xdh::TestSet::load(xdh::TestName::X25519).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
        let Ok(public) = <[u8; 32]>::try_from(&test.public_key[..]) else {
            assert!(test.result != TestResult::Valid);
            continue;
        };
        let mut shared = Secret::zero();
        let result = agree(Curve::X25519, &Secret::from_slice(&test.private_key).unwrap(), &public, &mut shared);
        if test.shared_secret.iter().all(|byte| *byte == 0) {
            assert_eq!(result, Err(Error::InvalidKey), "{}", test.tc_id);
        } else {
            result.unwrap();
            assert_eq!(shared.expose()[..], test.shared_secret[..], "{}", test.tc_id);
        }
        run += 1;
    }
    assert!(run > 500);
}

/// Only x travels here, so a wrong y cannot be seen, and an x without a point must be refused.
#[test]
#[cfg(feature = "suite-p256-ccm")]
fn p256_ecdh() {
    let mut agreed = 0;
    for test in ecdh::TestSet::load(ecdh::TestName::EcdhSecp256r1Ecpoint).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
        if test.result != TestResult::Valid || test.public_key.len() != 65 {
            continue;
        }
        let private: Vec<u8> = test.private_key.iter().copied().skip_while(|byte| *byte == 0).collect();
        let mut padded = [0; 32];
        padded[32 - private.len()..].copy_from_slice(&private);
        let mut shared = Secret::zero();
        let result = agree(Curve::P256, &Secret::from(padded), test.public_key[1..33].try_into().unwrap(), &mut shared);
        // The curve has a point with x = 0; a secret of nothing but zeros is refused all the same.
        if test.shared_secret.iter().all(|byte| *byte == 0) {
            assert_eq!(result, Err(Error::InvalidKey));
            continue;
        }
        result.unwrap();
        assert_eq!(shared.expose()[..], test.shared_secret[..], "{}", test.tc_id);
        agreed += 1;
    }
    assert!(agreed > 200, "{agreed}");
}

#[test]
#[cfg(feature = "suite-x25519-chacha")]
fn ed25519() {
    let mut run = 0;
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        for test in group.tests {
            let result = verify(Signature::EdDsa, &group.key.pk, &[&test.msg], &test.sig);
            assert_eq!(result.is_ok(), test.result == TestResult::Valid, "{}", test.tc_id);
            run += 1;
        }
    }
    assert!(run > 140);
}

#[test]
#[cfg(feature = "suite-p256-ccm")]
fn es256() {
    let mut run = 0;
    for group in ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap().test_groups {
        for test in group.tests {
            // 04 ‖ x ‖ y
            let result = verify(Signature::Es256, &group.key.key[1..], &[&test.msg], &test.sig);
            assert_eq!(result.is_ok(), test.result == TestResult::Valid, "{}", test.tc_id);
            run += 1;
        }
    }
    assert!(run > 250);
}

#[test]
fn hkdf_sha256() {
    let mut run = 0;
    for test in hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
        let prk = extract(&test.salt, &test.ikm);
        let mut out = std::vec![0; test.size];
        let result = expand(&prk, &[&test.info], &mut out);
        if test.result.must_fail() {
            assert_eq!(result, Err(Error::InvalidArgument), "{}", test.tc_id);
        } else {
            result.unwrap();
            assert_eq!(out[..], test.okm[..], "{}", test.tc_id);
        }
        run += 1;
    }
    assert!(run > 80);
}
