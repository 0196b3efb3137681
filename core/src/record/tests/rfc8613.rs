//! RFC 8613 Appendix C.1 to C.3: keys, Common IV and nonces, as client and as server.

use super::unhex;
use crate::crypto::Aead;
use crate::record::Keys;
use crate::record::tests::provider;

struct Case {
    salt: &'static str,
    /// Sender ID and Recipient ID of the client.
    ids: [&'static str; 2],
    id_context: Option<&'static str>,
    sender_key: &'static str,
    recipient_key: &'static str,
    common_iv: &'static str,
    sender_nonce: &'static str,
    recipient_nonce: &'static str,
}

const MASTER_SECRET: &str = "0102030405060708090a0b0c0d0e0f10";

const CASES: [Case; 3] = [
    // C.1
    Case {
        salt: "9e7ca92223786340",
        ids: ["", "01"],
        id_context: None,
        sender_key: "f0910ed7295e6ad4b54fc793154302ff",
        recipient_key: "ffb14e093c94c9cac9471648b4f98710",
        common_iv: "4622d4dd6d944168eefb54987c",
        sender_nonce: "4622d4dd6d944168eefb54987c",
        recipient_nonce: "4722d4dd6d944169eefb54987c",
    },
    // C.2
    Case {
        salt: "",
        ids: ["00", "01"],
        id_context: None,
        sender_key: "321b26943253c7ffb6003b0b64d74041",
        recipient_key: "e57b5635815177cd679ab4bcec9d7dda",
        common_iv: "be35ae297d2dace910c52e99f9",
        sender_nonce: "bf35ae297d2dace910c52e99f9",
        recipient_nonce: "bf35ae297d2dace810c52e99f9",
    },
    // C.3
    Case {
        salt: "9e7ca92223786340",
        ids: ["", "01"],
        id_context: Some("37cbf3210017a2d3"),
        sender_key: "af2a1300a5e95788b356336eeecd2b92",
        recipient_key: "e39a0c7c77b43f03b4b39ab9a268699f",
        common_iv: "2ca58fb85ff1b81c0b7181b85e",
        sender_nonce: "2ca58fb85ff1b81c0b7181b85e",
        recipient_nonce: "2da58fb85ff1b81d0b7181b85e",
    },
];

#[test]
fn keys_and_nonces_are_those_of_appendix_c() {
    let aead = Aead::AesCcm16_64_128;
    for case in &CASES {
        let [client, server] = case.ids.map(unhex);
        let id_context = case.id_context.map(unhex);
        for as_server in [false, true] {
            let (own, peer) = if as_server { (&server, &client) } else { (&client, &server) };
            let mut keys = Keys::empty();
            keys.expand(&mut provider(), aead, &unhex(MASTER_SECRET), &unhex(case.salt), [own, peer], id_context.as_deref()).unwrap();
            let (sender, recipient, iv) = keys.parts(aead);
            let (of_client, of_server) = if as_server { (recipient, sender) } else { (sender, recipient) };
            assert_eq!(of_client, unhex(case.sender_key));
            assert_eq!(of_server, unhex(case.recipient_key));
            assert_eq!(iv, unhex(case.common_iv));
            assert_eq!(keys.nonce(aead, &client, 0)[..], unhex(case.sender_nonce));
            assert_eq!(keys.nonce(aead, &server, 0)[..], unhex(case.recipient_nonce));
        }
    }
}

#[test]
fn the_nonce_of_a_request_with_partial_iv_20_is_that_of_appendix_c4() {
    let aead = Aead::AesCcm16_64_128;
    let mut keys = Keys::empty();
    keys.expand(&mut provider(), aead, &unhex(MASTER_SECRET), &unhex("9e7ca92223786340"), [&[], &[1]], None).unwrap();
    assert_eq!(keys.nonce(aead, &[], 20)[..], unhex("4622d4dd6d944168eefb549868"));
}
