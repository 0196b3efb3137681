/* Handshakes: both suites, by value, strangers, policy, slow keys. */
#include "check.h"
#include "pair.h"
#include "vectors.h"

void test_handshake_x25519(void);
void test_handshake_p256(void);
void test_handshake_by_value_with_an_issuer(void);
void test_handshake_with_a_stranger(void);
void test_handshake_refused_by_policy(void);
void test_handshake_with_a_slow_key(void);
void test_credential_found_by_callback(void);

static pair both;

static void joined(uint8_t suite) {
  pair_join(&both, suite);
  sealwire_session_info a;
  sealwire_session_info b;
  sealwire_credential_info alice;
  sealwire_credential_info bob;
  CHECK_OK(sealwire_session(both.a.endpoint, both.now_ms, both.a.session, &a));
  CHECK_OK(sealwire_session(both.b.endpoint, both.now_ms, both.b.session, &b));
  CHECK_OK(sealwire_credential_read(both.a.own.credential.data, both.a.own.credential.length, &alice));
  CHECK_OK(sealwire_credential_read(both.b.own.credential.data, both.b.own.credential.length, &bob));
  CHECK_BYTES(bob.thumbprint, a.peer, 16);
  CHECK_BYTES(alice.thumbprint, a.own, 16);
  CHECK_BYTES(alice.thumbprint, b.peer, 16);
  CHECK_BYTES(a.sid, b.sid, 8);
  CHECK_NUMBER(suite, a.suite);
  CHECK_NUMBER(suite, b.suite);
  CHECK_NUMBER(SEALWIRE_ROLE_INITIATOR, a.role);
  CHECK_NUMBER(SEALWIRE_ROLE_RESPONDER, b.role);
  CHECK_NUMBER(1, a.confirmed);
  CHECK_NUMBER(1, b.confirmed);
  CHECK_BYTES(bob.thumbprint, both.a.newest[SEALWIRE_EVENT_ESTABLISHED].peer, 16);
  CHECK(both.a.newest[SEALWIRE_EVENT_ESTABLISHED].handshake != 0);
  CHECK_NUMBER(0, both.b.newest[SEALWIRE_EVENT_ESTABLISHED].handshake);
  uint32_t found = 0;
  CHECK_OK(sealwire_find(both.a.endpoint, bob.thumbprint, &found));
  CHECK_NUMBER(both.a.session, found);
  pair_close(&both);
}

void test_handshake_x25519(void) { joined(SEALWIRE_SUITE_X25519_CHACHA); }

void test_handshake_p256(void) { joined(SEALWIRE_SUITE_P256_CCM); }

void test_handshake_by_value_with_an_issuer(void) {
  /* a shows a CWT; b has never seen it, but trusts its issuer. */
  sealwire_anchor anchor;
  pair_prepare(&both, SEALWIRE_SUITE_X25519_CHACHA);
  CHECK_OK(sealwire_key_import(&both.a.key, SEALWIRE_KEY_X25519, vector_device_key));
  both.a.own.credential.data = vector_device_cwt;
  both.a.own.credential.length = sizeof vector_device_cwt;
  both.a.own.by_value = 1;
  anchor.issuer.data = vector_issuer;
  anchor.issuer.length = sizeof vector_issuer;
  anchor.kid.data = vector_issuer_kid;
  anchor.kid.length = sizeof vector_issuer_kid;
  anchor.purposes = SEALWIRE_PURPOSE_IDENTITY;
  both.b.config.peer_count = 0;
  both.b.config.anchors = &anchor;
  both.b.config.anchor_count = 1;
  CHECK_OK(party_start(&both.a, both.now_ms));
  CHECK_OK(party_start(&both.b, both.now_ms));
  uint32_t handshake = 0;
  CHECK_OK(sealwire_connect(both.a.endpoint, both.now_ms, NULL, NULL, &handshake));
  pair_settle(&both);
  pair_pass(&both, 200);
  CHECK_NUMBER(1, both.a.seen[SEALWIRE_EVENT_ESTABLISHED]);
  CHECK_NUMBER(1, both.b.seen[SEALWIRE_EVENT_ESTABLISHED]);
  sealwire_credential_info device;
  CHECK_OK(sealwire_credential_read(vector_device_cwt, sizeof vector_device_cwt, &device));
  CHECK_NUMBER(SEALWIRE_CREDENTIAL_CWT, device.kind);
  CHECK_BYTES(device.thumbprint, both.b.newest[SEALWIRE_EVENT_ESTABLISHED].peer, 16);
  pair_close(&both);

  /* The same anchor for another purpose vouches for nobody. */
  memset(both.b.seen, 0, sizeof both.b.seen);
  anchor.purposes = 8;
  both.b.store.length[0] = both.a.store.length[0] = 0;
  CHECK_OK(party_start(&both.a, both.now_ms));
  CHECK_OK(party_start(&both.b, both.now_ms));
  CHECK_OK(sealwire_connect(both.a.endpoint, both.now_ms, NULL, NULL, &handshake));
  pair_settle(&both);
  CHECK_NUMBER(0, both.b.seen[SEALWIRE_EVENT_ESTABLISHED]);
  CHECK_STATUS(SEALWIRE_UNTRUSTED_CREDENTIAL, both.b.refused);
  pair_close(&both);
}

void test_handshake_with_a_stranger(void) {
  pair_prepare(&both, SEALWIRE_SUITE_X25519_CHACHA);
  both.b.config.peer_count = 0;
  CHECK_OK(party_start(&both.a, both.now_ms));
  CHECK_OK(party_start(&both.b, both.now_ms));
  uint32_t handshake = 0;
  CHECK_OK(sealwire_connect(both.a.endpoint, both.now_ms, NULL, NULL, &handshake));
  pair_settle(&both);
  pair_pass(&both, 120000);
  CHECK_NUMBER(0, both.a.seen[SEALWIRE_EVENT_ESTABLISHED]);
  CHECK_NUMBER(0, both.b.seen[SEALWIRE_EVENT_ESTABLISHED]);
  CHECK_NUMBER(1, both.a.seen[SEALWIRE_EVENT_HANDSHAKE_FAILED]);
  CHECK_NUMBER(handshake, both.a.newest[SEALWIRE_EVENT_HANDSHAKE_FAILED].handshake);
  CHECK(both.a.newest[SEALWIRE_EVENT_HANDSHAKE_FAILED].reason < 0);
  CHECK_STATUS(SEALWIRE_UNKNOWN_CREDENTIAL, both.b.first_refused);
  /* a tried again with its credential by value, which is not known either. */
  CHECK_STATUS(SEALWIRE_UNTRUSTED_CREDENTIAL, both.b.refused);

  /* An identity that is known, but not the one that was asked for. */
  pair_close(&both);
  pair_prepare(&both, SEALWIRE_SUITE_X25519_CHACHA);
  CHECK_OK(party_start(&both.a, both.now_ms));
  CHECK_OK(party_start(&both.b, both.now_ms));
  static const uint8_t other[16] = {1, 2, 3};
  CHECK_OK(sealwire_connect(both.a.endpoint, both.now_ms, NULL, other, &handshake));
  pair_settle(&both);
  pair_pass(&both, 120000);
  CHECK_NUMBER(0, both.a.seen[SEALWIRE_EVENT_ESTABLISHED]);
  pair_close(&both);
}

static int32_t deny(void *context, const sealwire_peer *peer) {
  unsigned *asked = &((party *)context)->messages;
  (*asked)++;
  CHECK_NUMBER(5, peer->subject.length);
  CHECK_BYTES("alice", peer->subject.data, 5);
  CHECK_NUMBER(SEALWIRE_ROLE_RESPONDER, peer->role);
  CHECK_NUMBER(3, peer->inbox.length);
  CHECK(peer->credential.length > 40);
  return SEALWIRE_DENIED;
}

void test_handshake_refused_by_policy(void) {
  /* The default policy: an inbox name is the subject of the credential. */
  for (int own_policy = 0; own_policy < 2; own_policy++) {
    pair_prepare(&both, SEALWIRE_SUITE_X25519_CHACHA);
    both.a.config.inbox = pair_text("eve");
    if (own_policy) both.b.port.authorize = deny;
    CHECK_OK(party_start(&both.a, both.now_ms));
    CHECK_OK(party_start(&both.b, both.now_ms));
    uint32_t handshake = 0;
    CHECK_OK(sealwire_connect(both.a.endpoint, both.now_ms, NULL, NULL, &handshake));
    pair_settle(&both);
    CHECK_NUMBER(0, both.b.seen[SEALWIRE_EVENT_ESTABLISHED]);
    CHECK_STATUS(SEALWIRE_DENIED, both.b.refused);
    if (own_policy) CHECK(both.b.messages > 0);
    pair_close(&both);
  }
}

typedef struct slow_key {
  party *owner;
  int calls;
  int ready;
} slow_key;

static slow_key slow;

static int32_t slow_random(void *context, uint8_t *out, size_t length) {
  (void)context;
  return pair_random(slow.owner, out, length);
}

static int32_t slow_agree(void *context, uint32_t key, int32_t curve, const uint8_t *peer, uint8_t *shared) {
  (void)context;
  slow.calls++;
  CHECK_NUMBER(42, key);
  if (!slow.ready) return SEALWIRE_PENDING;
  return sealwire_key_agree(&slow.owner->key, curve, peer, shared);
}

static int32_t slow_sign(void *context, uint32_t key, int32_t algorithm, const sealwire_bytes *parts, size_t count, uint8_t *signature) {
  (void)context;
  slow.calls++;
  CHECK_NUMBER(42, key);
  if (!slow.ready) return SEALWIRE_PENDING;
  return sealwire_key_sign(&slow.owner->key, algorithm, parts, count, signature);
}

/* Lets `who` use its key through the port, under handle 42. */
static void make_slow(party *who) {
  slow.owner = who;
  slow.calls = 0;
  slow.ready = 0;
  who->own.key = NULL;
  who->own.key_handle = 42;
  who->port.random = slow_random;
  who->port.key_agree = slow_agree;
  who->port.key_sign = slow_sign;
}

static const uint8_t suites[4] = {SEALWIRE_SUITE_X25519_CHACHA, SEALWIRE_SUITE_P256_CCM, SEALWIRE_SUITE_P256_CCM16,
                                  SEALWIRE_SUITE_X25519_CCM};

void test_handshake_methods(void) {
  for (uint8_t round = 0; round < 16; round++) {
    const uint8_t suite = suites[round / 4];
    const uint8_t method = round % 4;
    /* Methods 0 to 3 of RFC 9528: both sign, the Initiator, the Responder, nobody. */
    pair_prepare_signing(&both, suite, method < 2, method % 2 == 0);
    CHECK_OK(party_start(&both.a, both.now_ms));
    CHECK_OK(party_start(&both.b, both.now_ms));
    uint32_t handshake = 0;
    CHECK_OK(sealwire_connect(both.a.endpoint, both.now_ms, NULL, NULL, &handshake));
    pair_settle(&both);
    pair_pass(&both, 200);
    CHECK_NUMBER(1, both.a.seen[SEALWIRE_EVENT_ESTABLISHED]);
    CHECK_NUMBER(1, both.b.seen[SEALWIRE_EVENT_ESTABLISHED]);
    wire_frame frame;
    CHECK_OK(party_send(&both.a, both.now_ms, "measured: 7", &frame));
    CHECK_OK(party_receive(&both.b, both.now_ms, &frame));
    CHECK_BYTES("measured: 7", both.b.payload, 11);
    pair_close(&both);

    /* A Responder that refuses this method, and one that has no key for it. */
    pair_prepare_signing(&both, suite, method < 2, method % 2 == 0);
    both.b.config.methods_refused = (uint8_t)(1u << method);
    CHECK_OK(party_start(&both.a, both.now_ms));
    CHECK_OK(party_start(&both.b, both.now_ms));
    CHECK_OK(sealwire_connect(both.a.endpoint, both.now_ms, NULL, NULL, &handshake));
    pair_settle(&both);
    CHECK_STATUS(SEALWIRE_UNSUPPORTED_METHOD, both.b.refused);
    CHECK_NUMBER(0, both.b.seen[SEALWIRE_EVENT_ESTABLISHED]);
    pair_close(&both);
    pair_prepare_signing(&both, suite, method < 2, method % 2 == 0);
    both.a.config.responder_signs ^= 1;
    CHECK_OK(party_start(&both.a, both.now_ms));
    CHECK_OK(party_start(&both.b, both.now_ms));
    CHECK_OK(sealwire_connect(both.a.endpoint, both.now_ms, NULL, NULL, &handshake));
    pair_settle(&both);
    CHECK_STATUS(SEALWIRE_UNSUPPORTED_METHOD, both.b.refused);
    CHECK_NUMBER(0, both.b.seen[SEALWIRE_EVENT_ESTABLISHED]);
    pair_close(&both);
  }
}

void test_handshake_with_a_slow_key(void) {
  for (int round = 0; round < 8; round++) {
    const int responder = round % 2;
    const uint8_t signs = round / 2 % 2;
    pair_prepare_signing(&both, round < 4 ? SEALWIRE_SUITE_P256_CCM : SEALWIRE_SUITE_X25519_CHACHA, signs, signs);
    party *who = responder ? &both.b : &both.a;
    make_slow(who);
    who->own.signs = signs;
    CHECK_OK(party_start(&both.a, both.now_ms));
    CHECK_OK(party_start(&both.b, both.now_ms));
    uint32_t handshake = 0;
    CHECK_OK(sealwire_connect(both.a.endpoint, both.now_ms, NULL, NULL, &handshake));
    pair_settle(&both);
    CHECK_NUMBER(0, both.a.seen[SEALWIRE_EVENT_ESTABLISHED]);
    CHECK_STATUS(SEALWIRE_PENDING, who->refused);
    CHECK(slow.calls > 0);
    CHECK_STATUS(SEALWIRE_PENDING, sealwire_resume(who->endpoint, both.now_ms));
    slow.ready = 1;
    for (int i = 0; i < 4; i++) {
      CHECK_OK(sealwire_resume(who->endpoint, both.now_ms));
      pair_settle(&both);
    }
    pair_pass(&both, 200);
    CHECK_NUMBER(1, both.a.seen[SEALWIRE_EVENT_ESTABLISHED]);
    CHECK_NUMBER(1, both.b.seen[SEALWIRE_EVENT_ESTABLISHED]);
    pair_close(&both);
  }

  /* A key store that knows no such key. */
  pair_prepare(&both, SEALWIRE_SUITE_X25519_CHACHA);
  both.b.own.key = NULL;
  both.b.own.key_handle = 7;
  CHECK_OK(party_start(&both.a, both.now_ms));
  CHECK_OK(party_start(&both.b, both.now_ms));
  uint32_t handshake = 0;
  CHECK_OK(sealwire_connect(both.a.endpoint, both.now_ms, NULL, NULL, &handshake));
  pair_settle(&both);
  CHECK_STATUS(SEALWIRE_UNKNOWN_KEY, both.b.refused);
  pair_close(&both);
}

static int32_t find(void *context, const uint8_t *kid, size_t kid_length, size_t nth, uint8_t *out, size_t capacity, size_t *length) {
  party *who = (party *)context;
  /* The first candidate is another endpoint with the same key identifier: b itself. */
  const sealwire_bytes *found = nth == 0 ? &both.b.own.credential : nth == 1 ? &who->peer : NULL;
  if (kid_length != 1 || kid[0] != 0x01 || found == NULL || found->length > capacity) return SEALWIRE_UNKNOWN_CREDENTIAL;
  memcpy(out, found->data, found->length);
  *length = found->length;
  return SEALWIRE_OK;
}

void test_credential_found_by_callback(void) {
  pair_prepare(&both, SEALWIRE_SUITE_X25519_CHACHA);
  both.b.config.peer_count = 0;
  both.b.port.find_credential = find;
  CHECK_OK(party_start(&both.a, both.now_ms));
  CHECK_OK(party_start(&both.b, both.now_ms));
  uint32_t handshake = 0;
  CHECK_OK(sealwire_connect(both.a.endpoint, both.now_ms, NULL, NULL, &handshake));
  pair_settle(&both);
  pair_pass(&both, 200);
  CHECK_NUMBER(1, both.b.seen[SEALWIRE_EVENT_ESTABLISHED]);
  pair_close(&both);
}
