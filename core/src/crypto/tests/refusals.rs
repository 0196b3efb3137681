use super::{hex_array, provider};
use crate::bytes::Secret;
use crate::crypto::rustcrypto::{generate, open, seal, verify};
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
#[cfg(feature = "_ccm")]
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

/// Diffie-Hellman through the port, by handle and ephemeral; both come out the same, and a refusal writes nothing.
fn agreed(curve: Curve, private: [u8; 32], public: &[u8; 32]) -> Result<[u8; 32], Error> {
    let (mut p, private) = (provider(&[]), Secret::from(private));
    p.keys.insert(KeyHandle(0), KeyKind::for_agreement(curve), private.clone())?;
    let (mut by_handle, mut ephemeral) = (Secret::from([1; 32]), Secret::from([1; 32]));
    let result = p.agree(KeyHandle(0), curve, public, &mut by_handle);
    assert_eq!(p.agree_ephemeral(curve, &private, public, &mut ephemeral), result);
    assert!(by_handle == ephemeral && (result.is_ok() || by_handle == Secret::from([1; 32])));
    result.map(|()| *by_handle.expose())
}

/// The points of small order on Curve25519 and its twist, in every encoding below 2^256, and what else is not below 2^255 − 19.
#[test]
#[cfg(feature = "_curve25519")]
fn low_order_and_second_names_of_x25519_keys() {
    for point in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "cdeb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
        "4c9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7",
        "d9ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "daffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "dbffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ] {
        // The highest bit is no part of the number; some lists leave it out, some have it.
        for high in [0, 0x80] {
            let mut point: [u8; 32] = hex_array(point);
            point[31] |= high;
            assert_eq!(agreed(Curve::X25519, [5; 32], &point), Err(Error::InvalidKey), "{point:x?}");
        }
    }
    // 9, the base point, is taken; with the highest bit, or larger by the field's order, it is not, nor is anything up to 2^255.
    let mut nine = [0; 32];
    nine[0] = 9;
    assert!(agreed(Curve::X25519, [5; 32], &nine).is_ok());
    nine[31] = 0x80;
    assert_eq!(agreed(Curve::X25519, [5; 32], &nine), Err(Error::InvalidKey));
    for low in 0xed..=0xff {
        let mut large = [0xff; 32];
        (large[0], large[31]) = (low, 0x7f);
        assert_eq!(agreed(Curve::X25519, [5; 32], &large), Err(Error::InvalidKey));
    }
}

#[test]
#[cfg(feature = "_p256")]
fn p256_keys_that_are_none() {
    let mut one = [0; 32];
    one[31] = 1;
    let p = hex_array("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    let mut above = p;
    above[28..].copy_from_slice(&[0, 0, 0, 4]);
    above[16..28].fill(0);
    above[15] = 1;
    // x = 1 has no y on the curve. The field's order is another name for 0, which has one; above it nothing is a field element.
    assert!(agreed(Curve::P256, [5; 32], &[0; 32]).is_ok());
    for x in [one, p, above, [0xff; 32]] {
        assert_eq!(agreed(Curve::P256, [5; 32], &x), Err(Error::InvalidKey), "{x:x?}");
    }
    let good = hex_array("d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63");
    let mut shared = Secret::zero();
    for private in [[0; 32], hex_array(ORDER), [0xff; 32]] {
        let ephemeral = provider(&[]).agree_ephemeral(Curve::P256, &Secret::from(private), &good, &mut shared);
        assert_eq!(ephemeral, Err(Error::InvalidKey));
        assert_eq!(agreed(Curve::P256, private, &good), Err(Error::InvalidKey));
        assert_eq!(software::public_key(KeyKind::P256, &Secret::from(private)), Err(Error::InvalidKey));
    }
}

/// Ed25519 keys and values of R of small order: a signature that verifies for many messages. Keys, R and S with a second name.
#[test]
#[cfg(feature = "_curve25519")]
#[cfg(feature = "issuers")]
fn ed25519_small_order_and_second_names() {
    let mut p = provider(&[(KeyKind::Ed25519, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")]);
    let good: [u8; 32] = p.keys.public(KeyHandle(0)).unwrap().x;
    let mut signature = [0; 64];
    p.sign(KeyHandle(0), Signature::EdDsa, &[b"m"], &mut signature).unwrap();
    p.verify(Signature::EdDsa, &good, &[b"m"], &signature).unwrap();
    // The eight points whose order divides 8, and their other encodings.
    let weak = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ];
    for point in weak.map(hex_array::<32>) {
        let mut forged = [0; 64];
        forged[..32].copy_from_slice(&point);
        for message in [&b"m"[..], b"anything", b""] {
            assert_eq!(p.verify(Signature::EdDsa, &point, &[message], &forged), Err(Error::InvalidKey), "{point:x?}");
            assert_eq!(p.verify(Signature::EdDsa, &point, &[message], &signature), Err(Error::InvalidKey));
            assert_eq!(p.verify(Signature::EdDsa, &good, &[message], &forged), Err(Error::AuthenticationFailed));
        }
    }
    // y from 2^255 − 19 up, as a key and as R.
    for low in 0xed..=0xff {
        for high in [0x7f, 0xff] {
            let mut point = [0xff; 32];
            (point[0], point[31]) = (low, high);
            assert_eq!(p.verify(Signature::EdDsa, &point, &[b"m"], &signature), Err(Error::InvalidKey));
            let mut other_r = signature;
            other_r[..32].copy_from_slice(&point);
            assert_eq!(p.verify(Signature::EdDsa, &good, &[b"m"], &other_r), Err(Error::AuthenticationFailed));
        }
    }
    // S + L, as often as it fits.
    let order: [u8; 32] = hex_array("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut large = signature;
    for _ in 0..14 {
        let mut carry = 0;
        for (byte, add) in large[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            (*byte, carry) = (sum as u8, sum >> 8);
        }
        assert_eq!(carry, 0);
        assert_eq!(p.verify(Signature::EdDsa, &good, &[b"m"], &large), Err(Error::AuthenticationFailed));
    }
    assert_eq!(p.verify(Signature::EdDsa, &good, &[], &signature[..63]), Err(Error::AuthenticationFailed));
    assert_eq!(p.verify(Signature::EdDsa, &good[..31], &[], &signature), Err(Error::InvalidKey));
}

/// r and s of 0, of the group's order, and above it.
#[test]
#[cfg(feature = "_p256")]
#[cfg(feature = "issuers")]
fn es256_numbers_out_of_range() {
    let mut p = provider(&[(KeyKind::Es256, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")]);
    let public = p.keys.public(KeyHandle(0)).unwrap();
    let key = [public.x, public.y.unwrap()].concat();
    let mut signature = [0; 64];
    p.sign(KeyHandle(0), Signature::Es256, &[b"m"], &mut signature).unwrap();
    p.verify(Signature::Es256, &key, &[b"m"], &signature).unwrap();
    let order: [u8; 32] = hex_array(ORDER);
    for number in [[0; 32], order, [0xff; 32]] {
        for half in [0..32, 32..64] {
            let mut bad = signature;
            bad[half].copy_from_slice(&number);
            assert_eq!(p.verify(Signature::Es256, &key, &[b"m"], &bad), Err(Error::AuthenticationFailed));
        }
        let both = [number, number].concat();
        assert_eq!(p.verify(Signature::Es256, &key, &[b"m"], &both), Err(Error::AuthenticationFailed));
    }
}

#[test]
#[cfg(feature = "_p256")]
#[cfg(feature = "issuers")]
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
#[cfg(feature = "_p256")]
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
#[cfg(all(feature = "_curve25519", feature = "_p256"))]
#[cfg(feature = "issuers")]
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
#[cfg(feature = "_curve25519")]
#[cfg(feature = "issuers")]
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

/// Where nothing signs, a key that would is refused when it is put in, not when it is needed.
#[test]
#[cfg(not(feature = "issuers"))]
fn a_build_without_issuers() {
    let mut keys = SoftwareKeys::<2>::new();
    for kind in [KeyKind::Ed25519, KeyKind::Es256] {
        assert_eq!(keys.add(kind, Secret::from([1; 32])), Err(Error::UnsupportedSuite));
    }
    for algorithm in [Signature::EdDsa, Signature::Es256] {
        assert_eq!(provider(&[]).verify(algorithm, &[9; 32], &[b"m"], &[7; 64]), Err(Error::UnsupportedSuite));
    }
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
