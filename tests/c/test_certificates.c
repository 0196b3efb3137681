/* X.509 certificates: under an anchor, provisioned, found by a callback; what is refused. */
#include "check.h"
#include "pair.h"
#include "vectors.h"

void test_certificates(void);
void test_certificate_of_the_responder(void);

static pair both;

/* alice, who begins, has a certificate for X25519 that OpenSSL made; bob knows nobody. */
static void prepare(uint8_t by_value) {
  pair_prepare(&both, SEALWIRE_SUITE_X25519_CHACHA);
  CHECK_OK(sealwire_key_import(&both.a.key, SEALWIRE_KEY_X25519, vector_certificate_key));
  both.a.own.credential.data = vector_certificate;
  both.a.own.credential.length = sizeof vector_certificate;
  both.a.own.by_value = by_value;
  both.b.config.peer_count = 0;
}

/* A handshake; `refused`: what bob says to it. */
static void handshake(int32_t refused) {
  uint32_t number = 0;
  CHECK_OK(party_start(&both.a, both.now_ms));
  CHECK_OK(party_start(&both.b, both.now_ms));
  CHECK_OK(sealwire_connect(both.a.endpoint, both.now_ms, NULL, NULL, &number));
  pair_settle(&both);
  if (refused == SEALWIRE_OK) pair_pass(&both, 200);
  CHECK_STATUS(refused, both.b.refused);
  CHECK_NUMBER(refused == SEALWIRE_OK ? 1 : 0, both.b.seen[SEALWIRE_EVENT_ESTABLISHED]);
  if (refused == SEALWIRE_OK) {
    sealwire_credential_info device;
    CHECK_OK(sealwire_credential_read(vector_certificate, sizeof vector_certificate, &device));
    CHECK_NUMBER(SEALWIRE_CREDENTIAL_X509, device.kind);
    CHECK_NUMBER(8, device.subject.length);
    CHECK_BYTES("device-3", device.subject.data, 8);
    CHECK_NUMBER(0, device.kid.length);
    CHECK_BYTES(device.thumbprint, both.b.newest[SEALWIRE_EVENT_ESTABLISHED].peer, 16);
  }
  pair_close(&both);
}

static uint64_t past(void *context) {
  (void)context;
  return 1;
}

static int32_t find(void *context, const uint8_t *kid, size_t kid_length, size_t nth, uint8_t *out, size_t capacity, size_t *length) {
  (void)context;
  if (kid_length != 8 || memcmp(kid, vector_certificate_hash, 8) != 0 || nth > 0 || capacity < sizeof vector_certificate)
    return SEALWIRE_UNKNOWN_CREDENTIAL;
  memcpy(out, vector_certificate, sizeof vector_certificate);
  *length = sizeof vector_certificate;
  return SEALWIRE_OK;
}

void test_certificates(void) {
  /* By value, under the issuer's certificate as anchor. */
  sealwire_anchor anchor;
  memset(&anchor, 0, sizeof anchor);
  anchor.issuer.data = vector_authority;
  anchor.issuer.length = sizeof vector_authority;
  anchor.purposes = SEALWIRE_PURPOSE_IDENTITY;
  prepare(1);
  both.b.config.anchors = &anchor;
  both.b.config.anchor_count = 1;
  handshake(SEALWIRE_OK);

  /* The same when the clock says that it is not valid yet. */
  prepare(1);
  both.b.config.anchors = &anchor;
  both.b.config.anchor_count = 1;
  both.b.port.now_s = past;
  handshake(SEALWIRE_EXPIRED_CREDENTIAL);

  /* For another purpose the anchor vouches for nobody. */
  prepare(1);
  both.b.config.anchors = &anchor;
  both.b.config.anchor_count = 1;
  anchor.purposes = 8;
  handshake(SEALWIRE_UNTRUSTED_CREDENTIAL);

  /* A device's certificate is no anchor. */
  prepare(1);
  anchor.purposes = SEALWIRE_PURPOSE_IDENTITY;
  anchor.issuer = both.a.own.credential;
  both.b.config.anchors = &anchor;
  both.b.config.anchor_count = 1;
  CHECK_STATUS(SEALWIRE_UNTRUSTED_CREDENTIAL, party_start(&both.b, both.now_ms));

  /* By its hash: provisioned, in the list or behind the callback. */
  prepare(0);
  both.b.peer = both.a.own.credential;
  both.b.config.peer_count = 1;
  handshake(SEALWIRE_OK);
  prepare(0);
  both.b.port.find_credential = find;
  handshake(SEALWIRE_OK);
  prepare(1);
  both.b.port.find_credential = find;
  handshake(SEALWIRE_OK);
}

/* The Responder sends its certificate: message_2 with the room for composing it needs a larger buffer than the default. */
void test_certificate_of_the_responder(void) {
  static uint64_t memory[(SEALWIRE_ENDPOINT_SIZE_WITH(PAIR_SESSIONS, 0, 2048) + 7) / 8];
  for (int large = 0; large < 2; large++) {
    sealwire_anchor anchor;
    memset(&anchor, 0, sizeof anchor);
    anchor.issuer.data = vector_authority;
    anchor.issuer.length = sizeof vector_authority;
    anchor.purposes = SEALWIRE_PURPOSE_IDENTITY;
    pair_prepare(&both, SEALWIRE_SUITE_X25519_CHACHA);
    CHECK_OK(sealwire_key_import(&both.b.key, SEALWIRE_KEY_X25519, vector_certificate_key));
    both.b.own.credential.data = vector_certificate;
    both.b.own.credential.length = sizeof vector_certificate;
    both.b.own.by_value = 1;
    both.b.config.handshake_buffer = large ? 2048 : 0;
    both.a.config.peer_count = 0;
    both.a.config.anchors = &anchor;
    both.a.config.anchor_count = 1;
    CHECK_OK(party_start(&both.a, both.now_ms));
    CHECK_OK(sealwire_endpoint_init(memory, sizeof memory, &both.b.config, &both.b.port, &both.b.endpoint));
    uint32_t restored = 0;
    CHECK_OK(sealwire_restore(both.b.endpoint, both.now_ms, &restored));
    uint32_t number = 0;
    CHECK_OK(sealwire_connect(both.a.endpoint, both.now_ms, NULL, NULL, &number));
    pair_settle(&both);
    if (large) pair_pass(&both, 200);
    CHECK_STATUS(large ? SEALWIRE_OK : SEALWIRE_BUFFER_TOO_SMALL, both.b.refused);
    CHECK_NUMBER((uint64_t)large, both.a.seen[SEALWIRE_EVENT_ESTABLISHED]);
    pair_close(&both);
  }
  both.b.config.handshake_buffer = 255;
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_endpoint_init(memory, sizeof memory, &both.b.config, &both.b.port, &both.b.endpoint));
  both.b.config.handshake_buffer = 65536;
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_endpoint_init(memory, sizeof memory, &both.b.config, &both.b.port, &both.b.endpoint));
}
