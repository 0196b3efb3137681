use super::{hex_array, provider};
use crate::bytes::Secret;
use crate::crypto::rustcrypto::{agree, generate, open, seal, verify};
use crate::crypto::software::{self, KeyKind, SoftwareKeys};
use crate::crypto::{Aead, Curve, KeyHandle, Provider, Signature};
use crate::error::Error;

/// The order of P-256.
const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/// Refused with every algorithm of the build, and nothing of the plaintext is left.
#[test]
fn a_failed_open_leaves_no_plaintext() {
    for algorithm in [Aead::AesCcm16_64_128, Aead::ChaCha20Poly1305, Aead::AesCcm16_128_128] {
        let (key, nonce) = ([7; 32], [9; 13]);
        let (key, nonce) = (&key[..algorithm.key_len()], &nonce[..algorithm.nonce_len()]);
        let plain = *b"nobody may read this, ever, without the tag";
        let mut sealed = plain;
        let mut tag = [0; 16];
        let tag = &mut tag[..algorithm.tag_len()];
        match seal(algorithm, key, nonce, b"aad", &mut sealed, tag) {
            Err(Error::UnsupportedSuite) => continue,
            result => result.unwrap(),
        }
        let mut attempts = std::vec::Vec::new();
        for bit in 0..8 * tag.len() {
            let mut bad = tag.to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            attempts.push((sealed, bad, &b"aad"[..]));
        }
        for bit in 0..8 * sealed.len() {
            let mut bad = sealed;
            bad[bit / 8] ^= 1 << (bit % 8);
            attempts.push((bad, tag.to_vec(), b"aad"));
        }
        attempts.push((sealed, tag.to_vec(), b"aae"));
        for (mut buffer, tag, aad) in attempts {
            assert_eq!(open(algorithm, key, nonce, aad, &mut buffer, &tag), Err(Error::DecryptFailed));
            assert!(!buffer.windows(4).zip(plain.windows(4)).any(|(a, b)| a == b));
        }
        open(algorithm, key, nonce, b"aad", &mut sealed, tag).unwrap();
        assert_eq!(sealed, plain);
    }
}

#[test]
fn lengths_are_checked() {
    for algorithm in [Aead::AesCcm16_64_128, Aead::ChaCha20Poly1305] {
        let (key, nonce, tag) = ([0; 33], [0; 14], [0; 17]);
        let (k, n, t) = (algorithm.key_len(), algorithm.nonce_len(), algorithm.tag_len());
        for (k, n, t) in [(k + 1, n, t), (k - 1, n, t), (k, n + 1, t), (k, n - 1, t), (k, n, t + 1), (k, n, t - 1), (k, n, 0), (0, 0, 0)] {
            let mut buffer = [1; 4];
            let result = open(algorithm, &key[..k], &nonce[..n], &[], &mut buffer, &tag[..t]);
            assert!(matches!(result, Err(Error::InvalidArgument | Error::UnsupportedSuite)));
            let result = seal(algorithm, &key[..k], &nonce[..n], &[], &mut buffer, &mut [0; 17][..t]);
            assert!(matches!(result, Err(Error::InvalidArgument | Error::UnsupportedSuite)));
            assert_eq!(buffer, [1; 4]);
        }
    }
}

/// CCM counts the length in two bytes here. A ciphertext that is too long is decrypted before that shows; it must not stay.
#[test]
#[cfg(feature = "suite-p256-ccm")]
fn ccm_is_limited_to_65535_bytes() {
    let mut tag = [0; 8];
    for (length, expected) in [(0xffff, Ok(())), (0x1_0000, Err(Error::InvalidArgument))] {
        let mut buffer = std::vec![3; length];
        assert_eq!(seal(Aead::AesCcm16_64_128, &[1; 16], &[2; 13], &[], &mut buffer, &mut tag), expected);
    }
    let mut buffer = std::vec![3; 0x1_0000];
    assert_eq!(open(Aead::AesCcm16_64_128, &[1; 16], &[2; 13], &[], &mut buffer, &tag), Err(Error::DecryptFailed));
    assert!(buffer.iter().all(|byte| *byte == 0));
}

/// Points of small order on Curve25519 and its twist, in every encoding below 2^256.
#[test]
#[cfg(feature = "suite-x25519-chacha")]
fn low_order_x25519_keys() {
    for point in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
    ] {
        let mut shared = Secret::from([1; 32]);
        let result = agree(Curve::X25519, &Secret::from([5; 32]), &hex_array(point), &mut shared);
        assert_eq!(result, Err(Error::InvalidKey), "{point}");
        assert_eq!(shared, Secret::from([1; 32]));
    }
}

#[test]
#[cfg(feature = "suite-p256-ccm")]
fn p256_keys_that_are_none() {
    let mut shared = Secret::zero();
    // x = 1 has no y on the curve; 2^256 − 1 is no field element.
    let mut one = [0; 32];
    one[31] = 1;
    for x in [one, [0xff; 32]] {
        assert_eq!(agree(Curve::P256, &Secret::from([5; 32]), &x, &mut shared), Err(Error::InvalidKey));
    }
    let good = hex_array("d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63");
    for private in [[0; 32], hex_array(ORDER), [0xff; 32]] {
        assert_eq!(agree(Curve::P256, &Secret::from(private), &good, &mut shared), Err(Error::InvalidKey));
        assert_eq!(software::public_key(KeyKind::P256, &Secret::from(private)), Err(Error::InvalidKey));
    }
}

/// Ed25519 keys and values of R of small order: a signature that verifies for many messages.
#[test]
#[cfg(feature = "suite-x25519-chacha")]
fn ed25519_small_order() {
    let identity = hex_array::<32>("0100000000000000000000000000000000000000000000000000000000000000");
    let of_order_4 = [0; 32];
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&identity);
    for key in [identity, of_order_4] {
        assert_eq!(verify(Signature::EdDsa, &key, &[b"anything"], &signature), Err(Error::InvalidKey));
    }
    let good = hex_array::<32>("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    assert_eq!(verify(Signature::EdDsa, &good, &[b"anything"], &signature), Err(Error::AuthenticationFailed));
    assert_eq!(verify(Signature::EdDsa, &good, &[], &signature[..63]), Err(Error::AuthenticationFailed));
    assert_eq!(verify(Signature::EdDsa, &good[..31], &[], &signature), Err(Error::InvalidKey));
}

#[test]
#[cfg(feature = "suite-p256-ccm")]
fn es256_keys_that_are_none() {
    let mut key = [0; 64];
    assert_eq!(verify(Signature::Es256, &key, &[], &[1; 64]), Err(Error::InvalidKey));
    key[..32].copy_from_slice(&hex_array::<32>("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"));
    assert_eq!(verify(Signature::Es256, &key, &[], &[1; 64]), Err(Error::InvalidKey));
    assert_eq!(verify(Signature::Es256, &key[..63], &[], &[1; 64]), Err(Error::InvalidKey));
}

#[test]
fn a_broken_random_source_is_noticed() {
    let (mut private, mut public) = (Secret::zero(), [0; 32]);
    for curve in [Curve::X25519, Curve::P256] {
        for byte in [0, 0xff] {
            // All ones are a fair X25519 key.
            if (curve, byte) == (Curve::X25519, 0xff) {
                continue;
            }
            let result = generate(
                curve,
                |out| {
                    out.fill(byte);
                    Ok(())
                },
                &mut private,
                &mut public,
            );
            assert!(matches!(result, Err(Error::RandomFailed | Error::UnsupportedSuite)), "{result:?}");
        }
        let result = generate(curve, |_| Err(Error::RandomFailed), &mut private, &mut public);
        assert!(matches!(result, Err(Error::RandomFailed | Error::UnsupportedSuite)));
    }
}

/// P-256 draws again when a number is not below the group order.
#[test]
#[cfg(feature = "suite-p256-ccm")]
fn p256_draws_again() {
    let (mut private, mut public, mut draws) = (Secret::zero(), [0; 32], 0);
    let random = |out: &mut [u8]| {
        draws += 1;
        out.fill(if draws < 3 { 0xff } else { 0x11 });
        Ok(())
    };
    generate(Curve::P256, random, &mut private, &mut public).unwrap();
    assert_eq!((draws, private), (3, Secret::from([0x11; 32])));
}

#[test]
#[cfg(all(feature = "suite-x25519-chacha", feature = "suite-p256-ccm"))]
fn keys_do_only_what_they_are_for() {
    let private = "0101010101010101010101010101010101010101010101010101010101010101";
    let kinds = [KeyKind::X25519, KeyKind::P256, KeyKind::Ed25519, KeyKind::Es256];
    let mut p = provider(&kinds.map(|kind| (kind, private)));
    let peers = [
        (Curve::X25519, p.keys.public(KeyHandle(0)).unwrap().x, KeyHandle(0)),
        (Curve::P256, p.keys.public(KeyHandle(1)).unwrap().x, KeyHandle(1)),
    ];
    for (curve, peer, right) in peers {
        for handle in (0..5).map(KeyHandle) {
            let result = p.agree(handle, curve, &peer, &mut Secret::zero());
            assert_eq!(result, if handle == right { Ok(()) } else { Err(Error::UnknownKey) });
        }
    }
    for (algorithm, right) in [(Signature::EdDsa, KeyHandle(2)), (Signature::Es256, KeyHandle(3))] {
        for handle in (0..5).map(KeyHandle) {
            let result = p.sign(handle, algorithm, &[b"m"], &mut [0; 64]);
            assert_eq!(result, if handle == right { Ok(()) } else { Err(Error::UnknownKey) });
        }
    }
}

#[test]
#[cfg(feature = "suite-x25519-chacha")]
fn table_of_keys() {
    let mut keys = SoftwareKeys::<2>::new();
    let one = || Secret::from([1; 32]);
    assert_eq!(keys.insert(KeyHandle(9), KeyKind::X25519, one()), Ok(()));
    assert_eq!(keys.insert(KeyHandle(9), KeyKind::X25519, one()), Err(Error::InvalidArgument));
    assert_eq!(keys.add(KeyKind::Ed25519, one()), Ok(KeyHandle(0)));
    assert_eq!(keys.add(KeyKind::Ed25519, one()), Err(Error::NoSpace));
    assert_eq!(keys.remove(KeyHandle(9)), Ok(()));
    assert_eq!(keys.remove(KeyHandle(9)), Err(Error::UnknownKey));
    assert_eq!(keys.public(KeyHandle(9)), Err(Error::UnknownKey));
    assert_eq!(keys.add(KeyKind::X25519, one()), Ok(KeyHandle(1)));
}

/// What the provider makes for itself agrees with what it makes for a peer.
#[test]
fn ephemeral_keys_agree() {
    let mut p = provider(&[]);
    for curve in [Curve::X25519, Curve::P256] {
        let (mut a, mut b) = (Secret::zero(), Secret::zero());
        let (mut public_a, mut public_b) = ([0; 32], [0; 32]);
        match p.generate(curve, &mut a, &mut public_a) {
            Err(Error::UnsupportedSuite) => continue,
            result => result.unwrap(),
        }
        p.generate(curve, &mut b, &mut public_b).unwrap();
        let (mut one, mut other) = (Secret::zero(), Secret::zero());
        p.agree_ephemeral(curve, &a, &public_b, &mut one).unwrap();
        p.agree_ephemeral(curve, &b, &public_a, &mut other).unwrap();
        assert!(one == other && public_a != public_b);
    }
}
