use super::{hex, hex_array};
use crate::bytes::Secret;
use crate::crypto::hash::{expand, extract, hash};
use crate::crypto::rustcrypto::{agree, dh_public, open, seal, verify};
use crate::crypto::software::{KeyKind, public_key, sign};
use crate::crypto::{Aead, Curve, Signature};
use std::vec::Vec;

fn shared(curve: Curve, private: &str, public: &str) -> Vec<u8> {
    let mut shared = Secret::zero();
    agree(curve, &Secret::from(hex_array(private)), &hex_array(public), &mut shared).unwrap();
    shared.expose().to_vec()
}

/// Seals and opens; compares ciphertext ‖ tag.
fn check_aead(algorithm: Aead, key: &str, nonce: &str, aad: &str, plain: &[u8], expected: &str) {
    let (key, nonce, aad) = (hex(key), hex(nonce), hex(aad));
    let mut buffer = plain.to_vec();
    let mut tag = std::vec![0; algorithm.tag_len()];
    seal(algorithm, &key, &nonce, &aad, &mut buffer, &mut tag).unwrap();
    let mut sealed = buffer.clone();
    sealed.extend_from_slice(&tag);
    assert_eq!(sealed, hex(expected));
    open(algorithm, &key, &nonce, &aad, &mut buffer, &tag).unwrap();
    assert_eq!(buffer, plain);
}

/// RFC 7748 §5.2 (first vector) and §6.1.
#[test]
#[cfg(feature = "_curve25519")]
fn x25519() {
    let result = shared(
        Curve::X25519,
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
    );
    assert_eq!(result, hex("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"));

    let (a, b) = (
        "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
        "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
    );
    let (public_a, public_b) = (
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
    );
    assert_eq!(dh_public(Curve::X25519, &Secret::from(hex_array(a))), Ok(hex_array(public_a)));
    assert_eq!(dh_public(Curve::X25519, &Secret::from(hex_array(b))), Ok(hex_array(public_b)));
    let expected = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    assert_eq!(shared(Curve::X25519, a, public_b), expected);
    assert_eq!(shared(Curve::X25519, b, public_a), expected);
}

/// RFC 5903 §8.1 (256-bit random ECP group).
#[test]
#[cfg(feature = "_p256")]
fn p256_ecdh() {
    let (i, r) = (
        "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
        "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
    );
    let (public_i, public_r) = (
        "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180",
        "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63",
    );
    assert_eq!(dh_public(Curve::P256, &Secret::from(hex_array(i))), Ok(hex_array(public_i)));
    assert_eq!(dh_public(Curve::P256, &Secret::from(hex_array(r))), Ok(hex_array(public_r)));
    let expected = hex("d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de");
    assert_eq!(shared(Curve::P256, i, public_r), expected);
    assert_eq!(shared(Curve::P256, r, public_i), expected);
}

/// RFC 8439 §2.8.2.
#[test]
#[cfg(feature = "_chacha")]
fn chacha20_poly1305() {
    check_aead(
        Aead::ChaCha20Poly1305,
        "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        "070000004041424344454647",
        "50515253c0c1c2c3c4c5c6c7",
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
         3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
         92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
         3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691",
    );
}

/// RFC 3610 §8, packet vectors 1 to 6.
#[test]
#[cfg(feature = "_ccm")]
fn aes_ccm_of_rfc_3610() {
    let packet: Vec<u8> = (0..0x21).collect();
    for (nonce, header, length, expected) in [
        ("00000003020100a0a1a2a3a4a5", 8, 31, "588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0"),
        ("00000004030201a0a1a2a3a4a5", 8, 32, "72c91a36e135f8cf291ca894085c87e3cc15c439c9e43a3ba091d56e10400916"),
        ("00000005040302a0a1a2a3a4a5", 8, 33, "51b1e5f44a197d1da46b0f8e2d282ae871e838bb64da8596574adaa76fbd9fb0c5"),
        ("00000006050403a0a1a2a3a4a5", 12, 31, "a28c6865939a9a79faaa5c4c2a9d4a91cdac8c96c861b9c9e61ef1"),
        ("00000007060504a0a1a2a3a4a5", 12, 32, "dcf1fb7b5d9e23fb9d4e131253658ad86ebdca3e51e83f077d9c2d93"),
        ("00000008070605a0a1a2a3a4a5", 12, 33, "6fc1b011f006568b5171a42d953d469b2570a4bd87405a0443ac91cb94"),
    ] {
        let (key, aad) = ("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf", "000102030405060708090a0b");
        check_aead(Aead::AesCcm16_64_128, key, nonce, &aad[..2 * header], &packet[header..length], expected);
    }
}

/// cose-wg/Examples (public domain), aes-ccm-examples: aes-ccm-01, aes-ccm-enc-01 as it is now and as it was with an earlier Enc_structure,
/// and aes-ccm-enc-02, which has a 16-byte tag.
#[test]
#[cfg(feature = "_ccm")]
fn aes_ccm_of_cose_examples() {
    for (algorithm, aad, expected) in [
        (Aead::AesCcm16_64_128, "8369456e76656c6f70656443a1010a40", "6899da0a132bd2d2b9b10915743ee1f7b92a46803f00f6a1b9384115"),
        (Aead::AesCcm16_64_128, "8368456e63727970743043a1010a40", "6899da0a132bd2d2b9b10915743ee1f7b92a4680e7c51bdbc1b320ea"),
        (Aead::AesCcm16_64_128, "8368456e63727970743143a1010a40", "6899da0a132bd2d2b9b10915743ee1f7b92a4680cbe82c6d0dc0033b"),
        #[cfg(feature = "suite-p256-ccm16")]
        (
            Aead::AesCcm16_128_128,
            "8369456e6372797074656444a101181e40",
            "6899da0a132bd2d2b9b10915743ee1f7b92a4680122d9d77e744a057a24c041740301098",
        ),
    ] {
        let (key, nonce) = ("849b57219dae48de646d07dbb533566e", "89f52f65a1c580933b5261a72f");
        check_aead(algorithm, key, nonce, aad, b"This is the content.", expected);
    }
}

/// RFC 8613 C.4.
#[test]
#[cfg(feature = "_ccm")]
fn aes_ccm_of_rfc_8613() {
    check_aead(
        Aead::AesCcm16_64_128,
        "f0910ed7295e6ad4b54fc793154302ff",
        "4622d4dd6d944168eefb549868",
        "8368456e63727970743040488501810a40411440",
        &hex("01b3747631"),
        "612f1092f1776f1c1668b3825e",
    );
}

/// RFC 5869 A.1 to A.3, with the info in parts.
#[test]
fn hkdf() {
    let prk = extract(&hex("000102030405060708090a0b0c"), &[0x0b; 22]);
    assert_eq!(prk.expose(), &hex_array("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"));
    let mut out = [0; 42];
    expand(&prk, &[&hex("f0f1f2f3"), &[], &hex("f4f5f6f7f8f9")], &mut out).unwrap();
    assert_eq!(out[..], hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"));

    let ikm: Vec<u8> = (0..0x50).collect();
    let salt: Vec<u8> = (0x60..0xb0).collect();
    let info: Vec<u8> = (0xb0..=0xff).collect();
    let prk = extract(&salt, &ikm);
    assert_eq!(prk.expose(), &hex_array("06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244"));
    let mut out = [0; 82];
    expand(&prk, &[&info], &mut out).unwrap();
    let expected = "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09
                    da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87";
    assert_eq!(out[..], hex(expected));

    let prk = extract(&[], &[0x0b; 22]);
    let mut out = [0; 42];
    expand(&prk, &[], &mut out).unwrap();
    assert_eq!(out[..], hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"));
}

/// FIPS 180-4 example, in parts.
#[test]
fn sha256() {
    assert_eq!(hash(&[b"a", b"", b"bc"]), hex_array("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    assert_eq!(hash(&[]), hex_array("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
}

/// RFC 8032 §7.1, tests 1 to 3.
#[test]
#[cfg(feature = "_curve25519")]
#[cfg(feature = "issuers")]
fn ed25519() {
    for (seed, public, message, expected) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ] {
        let private = Secret::from(hex_array(seed));
        let (message, expected) = (hex(message), hex(expected));
        assert_eq!(public_key(KeyKind::Ed25519, &private).unwrap().x, hex_array(public));
        // However the message is cut.
        for cut in 0..=message.len() {
            let parts: [&[u8]; 3] = [&message[..cut], &[], &message[cut..]];
            let mut signature = [0; 64];
            sign(Signature::EdDsa, &private, &parts, &mut signature).unwrap();
            assert_eq!(signature[..], expected);
            verify(Signature::EdDsa, &hex(public), &parts, &signature).unwrap();
        }
    }
}

/// RFC 6979 A.2.5, SHA-256.
#[test]
#[cfg(feature = "_p256")]
#[cfg(feature = "issuers")]
fn es256() {
    let private = Secret::from(hex_array("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"));
    let public = public_key(KeyKind::Es256, &private).unwrap();
    assert_eq!(public.x, hex_array("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"));
    assert_eq!(public.y, Some(hex_array("7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299")));
    let both = [public.x, public.y.unwrap()].concat();
    for (message, expected) in [
        (
            "sample",
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        ),
        (
            "test",
            "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
        ),
    ] {
        let (first, rest) = message.split_at(1);
        let parts = [first.as_bytes(), rest.as_bytes()];
        let mut signature = [0; 64];
        sign(Signature::Es256, &private, &parts, &mut signature).unwrap();
        assert_eq!(signature[..], hex(expected));
        verify(Signature::Es256, &both, &parts, &signature).unwrap();
    }
}
