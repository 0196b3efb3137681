/* Whatever a caller does wrong is a status, never a crash, and leaves the outputs alone. */
#include "check.h"
#include "pair.h"

#include <stdlib.h>

void test_null_everywhere(void);
void test_header_mismatch(void);
void test_memory_too_small(void);
void test_misaligned(void);
void test_configuration(void);
void test_wrong_order(void);
void test_unknown_handles(void);
void test_small_buffers(void);
void test_overlapping(void);
void test_odd_frames(void);
void test_callback_calls_back(void);
void test_moved_memory(void);

static pair both;
static party *const a = &both.a;
static party *const b = &both.b;

#define INVALID(call) CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, call)

void test_null_everywhere(void) {
  uint8_t bytes[64] = {0};
  uint32_t handle = 0;
  uint64_t due = 0;
  size_t length = 0;
  sealwire_key key;
  sealwire_event event;
  sealwire_transmit transmit;
  sealwire_sent sent;
  sealwire_credential_info info;
  sealwire_session_info session;
  sealwire_counters counters;
  sealwire_endpoint *endpoint = NULL;
  const sealwire_outgoing message = SEALWIRE_OUTGOING_INIT;
  sealwire_port port = SEALWIRE_PORT_INIT;

  INVALID(sealwire_key_import(NULL, SEALWIRE_KEY_X25519, bytes));
  INVALID(sealwire_key_import(&key, SEALWIRE_KEY_X25519, NULL));
  INVALID(sealwire_key_generate(NULL, SEALWIRE_KEY_X25519, &port));
  INVALID(sealwire_key_generate(&key, SEALWIRE_KEY_X25519, NULL));
  INVALID(sealwire_key_generate(&key, SEALWIRE_KEY_X25519, &port));
  INVALID(sealwire_key_public(NULL, bytes));
  INVALID(sealwire_key_export(NULL, bytes));
  INVALID(sealwire_key_agree(NULL, SEALWIRE_CURVE_X25519, bytes, bytes));
  sealwire_key_erase(NULL);

  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  INVALID(sealwire_key_public(&a->key, NULL));
  INVALID(sealwire_key_export(&a->key, NULL));
  INVALID(sealwire_key_agree(&a->key, SEALWIRE_CURVE_X25519, NULL, bytes));
  INVALID(sealwire_credential_make(NULL, bytes, 1, bytes, 1, bytes, 0, &length));
  INVALID(sealwire_credential_make(&a->key, NULL, 1, bytes, 1, NULL, 0, &length));
  INVALID(sealwire_credential_make(&a->key, NULL, 0, bytes, 1, NULL, 0, &length));
  INVALID(sealwire_credential_make(&a->key, bytes, 1, NULL, 0, NULL, 0, &length));
  INVALID(sealwire_credential_make(&a->key, bytes, 1, bytes, 1, NULL, 100, &length));
  INVALID(sealwire_credential_make(&a->key, bytes, 1, bytes, 1, bytes + 32, 32, NULL));
  INVALID(sealwire_credential_read(NULL, 10, &info));
  INVALID(sealwire_credential_read(a->credential, 10, NULL));
  CHECK_STATUS(SEALWIRE_MALFORMED, sealwire_credential_read(NULL, 0, &info));

  INVALID(sealwire_endpoint_init(NULL, 100000, &a->config, &a->port, &endpoint));
  INVALID(sealwire_endpoint_init(b->memory, sizeof b->memory, NULL, &a->port, &endpoint));
  INVALID(sealwire_endpoint_init(b->memory, sizeof b->memory, &a->config, NULL, &endpoint));
  INVALID(sealwire_endpoint_init(b->memory, sizeof b->memory, &a->config, &a->port, NULL));
  CHECK(endpoint == NULL);

  /* Every call on no endpoint at all. */
  INVALID(sealwire_endpoint_close(NULL));
  INVALID(sealwire_endpoint_capacity(NULL, &handle));
  INVALID(sealwire_restore(NULL, 0, &handle));
  INVALID(sealwire_connect(NULL, 0, NULL, NULL, &handle));
  INVALID(sealwire_cancel(NULL, 1));
  INVALID(sealwire_handle_frame(NULL, 0, NULL, NULL, 0, bytes, sizeof bytes, &event));
  INVALID(sealwire_handle_timeout(NULL, 0));
  INVALID(sealwire_resume(NULL, 0));
  INVALID(sealwire_poll_event(NULL, &event));
  INVALID(sealwire_poll_transmit(NULL, 0, bytes, sizeof bytes, &transmit));
  INVALID(sealwire_poll_timeout(NULL, &due));
  INVALID(sealwire_send(NULL, 0, 1, &message, bytes, sizeof bytes, &sent));
  INVALID(sealwire_commit(NULL, 0, 1, 0, NULL));
  INVALID(sealwire_abandon(NULL, 1, 0));
  INVALID(sealwire_key_update(NULL, 0, 1));
  INVALID(sealwire_session_close(NULL, 1));
  INVALID(sealwire_export(NULL, 1, 33000, NULL, 0, bytes, sizeof bytes));
  INVALID(sealwire_session(NULL, both.now_ms, 1, &session));
  INVALID(sealwire_find(NULL, bytes, &handle));
  INVALID(sealwire_sessions(NULL, &handle, 1, &length));
  INVALID(sealwire_read_counters(NULL, &counters));

  /* Every call without its other pointers. */
  INVALID(sealwire_endpoint_capacity(a->endpoint, NULL));
  INVALID(sealwire_restore(a->endpoint, 0, NULL));
  INVALID(sealwire_connect(a->endpoint, 0, NULL, NULL, NULL));
  INVALID(sealwire_handle_frame(a->endpoint, 0, NULL, NULL, 0, NULL, 10, &event));
  INVALID(sealwire_handle_frame(a->endpoint, 0, NULL, NULL, 10, bytes, 10, &event));
  INVALID(sealwire_handle_frame(a->endpoint, 0, NULL, NULL, 0, bytes, 10, NULL));
  INVALID(sealwire_poll_event(a->endpoint, NULL));
  INVALID(sealwire_poll_transmit(a->endpoint, 0, NULL, 10, &transmit));
  INVALID(sealwire_poll_transmit(a->endpoint, 0, bytes, 10, NULL));
  INVALID(sealwire_poll_timeout(a->endpoint, NULL));
  INVALID(sealwire_send(a->endpoint, 0, a->session, NULL, bytes, sizeof bytes, &sent));
  INVALID(sealwire_send(a->endpoint, 0, a->session, &message, NULL, 64, &sent));
  INVALID(sealwire_send(a->endpoint, 0, a->session, &message, bytes, sizeof bytes, NULL));
  sealwire_outgoing broken = message;
  broken.payload.length = 5;
  INVALID(sealwire_send(a->endpoint, 0, a->session, &broken, bytes, sizeof bytes, &sent));
  broken.payload.data = bytes;
  broken.payload.length = SIZE_MAX;
  INVALID(sealwire_send(a->endpoint, 0, a->session, &broken, bytes, sizeof bytes, &sent));
  INVALID(sealwire_export(a->endpoint, a->session, 33000, NULL, 5, bytes, sizeof bytes));
  INVALID(sealwire_export(a->endpoint, a->session, 33000, NULL, 0, NULL, 5));
  INVALID(sealwire_export(a->endpoint, a->session, 33000, NULL, 0, NULL, 0));
  INVALID(sealwire_session(a->endpoint, both.now_ms, a->session, NULL));
  INVALID(sealwire_find(a->endpoint, NULL, &handle));
  INVALID(sealwire_find(a->endpoint, bytes, NULL));
  INVALID(sealwire_sessions(a->endpoint, NULL, 1, &length));
  INVALID(sealwire_sessions(a->endpoint, &handle, 1, NULL));
  INVALID(sealwire_read_counters(a->endpoint, NULL));

  /* The endpoint is none the worse for it. */
  wire_frame frame;
  CHECK_OK(party_send(a, both.now_ms, "still here", &frame));
  CHECK_OK(party_receive(b, both.now_ms, &frame));
  pair_close(&both);
}

void test_header_mismatch(void) {
  sealwire_endpoint *endpoint = NULL;
  pair_prepare(&both, SEALWIRE_SUITE_X25519_CHACHA);
  uint32_t *const members[4] = {&a->config.abi_version, &a->config.config_size, &a->config.port_size, &a->config.event_size};
  for (int i = 0; i < 4; i++) {
    const uint32_t right = *members[i];
    const uint32_t wrong[4] = {right + 1, right - 1, 0, UINT32_MAX};
    for (int j = 0; j < 4; j++) {
      *members[i] = wrong[j];
      CHECK_STATUS(SEALWIRE_VERSION_MISMATCH,
                   sealwire_endpoint_init(a->memory, sizeof a->memory, &a->config, &a->port, &endpoint));
    }
    *members[i] = right;
  }
  CHECK(endpoint == NULL);
  /* Of a config of another version no more is read than says so; on the heap, where the sanitizers would see it. */
  sealwire_config *const shorter = (sealwire_config *)malloc(16);
  if (shorter != NULL) {
    memset(shorter, 1, 16);
    CHECK_STATUS(SEALWIRE_VERSION_MISMATCH, sealwire_endpoint_init(a->memory, sizeof a->memory, shorter, &a->port, &endpoint));
    free(shorter);
  }
  /* A config that did not start from SEALWIRE_CONFIG_INIT. */
  memset(&a->config, 0, sizeof a->config);
  CHECK_STATUS(SEALWIRE_VERSION_MISMATCH, sealwire_endpoint_init(a->memory, sizeof a->memory, &a->config, &a->port, &endpoint));
}

void test_memory_too_small(void) {
  sealwire_endpoint *endpoint = NULL;
  uint32_t sessions = 0;
  pair_prepare(&both, SEALWIRE_SUITE_X25519_CHACHA);
  const size_t sizes[5] = {0, 1, 100, SEALWIRE_ENDPOINT_SIZE(0, 0), sealwire_endpoint_size(1, 0) - 1};
  for (int i = 0; i < 5; i++) {
    CHECK_STATUS(SEALWIRE_NO_SPACE, sealwire_endpoint_init(a->memory, sizes[i], &a->config, &a->port, &endpoint));
  }
  CHECK(endpoint == NULL);
  for (uint32_t round = 0; round <= PAIR_SESSIONS; round++) {
    /* What lies behind the stated size stays as it is; first with as little as this library needs for one session. */
    const uint32_t count = round == 0 ? 1 : round;
    const size_t size = round == 0 ? sealwire_endpoint_size(1, 0) : SEALWIRE_ENDPOINT_SIZE(count, 0);
    CHECK(sealwire_endpoint_size(count, 0) <= SEALWIRE_ENDPOINT_SIZE(count, 0));
    CHECK(sealwire_endpoint_size(count, 256) <= SEALWIRE_ENDPOINT_SIZE_WITH(count, 0, 256));
    memset(a->memory, 0x5a, sizeof a->memory);
    CHECK_OK(sealwire_endpoint_init(a->memory, size, &a->config, &a->port, &endpoint));
    CHECK_OK(sealwire_endpoint_capacity(endpoint, &sessions));
    CHECK_NUMBER(count, sessions);
    CHECK_OK(sealwire_endpoint_close(endpoint));
    for (size_t i = size; i < sizeof a->memory; i++) CHECK_NUMBER(0x5a, ((const uint8_t *)a->memory)[i]);
    if (size + 8 < sizeof a->memory) {
      CHECK_OK(sealwire_endpoint_init(a->memory, size + 8, &a->config, &a->port, &endpoint));
      CHECK_OK(sealwire_endpoint_capacity(endpoint, &sessions));
      CHECK_NUMBER(count, sessions);
      CHECK_OK(sealwire_endpoint_close(endpoint));
    }
  }
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_endpoint_init(a->memory, SIZE_MAX, &a->config, &a->port, &endpoint));

  /* As many handshakes as there are slots; the next one has no room until one ends. */
  CHECK_OK(sealwire_endpoint_init(a->memory, SEALWIRE_ENDPOINT_SIZE(1, 0), &a->config, &a->port, &endpoint));
  uint32_t handshake = 0;
  int32_t status = SEALWIRE_OK;
  for (int i = 0; i < 10 && status == SEALWIRE_OK; i++) status = sealwire_connect(endpoint, 0, NULL, NULL, &handshake);
  CHECK_STATUS(SEALWIRE_NO_SPACE, status);
  CHECK_OK(sealwire_cancel(endpoint, handshake));
  CHECK_OK(sealwire_connect(endpoint, 0, NULL, NULL, &handshake));
  CHECK_OK(sealwire_endpoint_close(endpoint));
}

void test_misaligned(void) {
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  uint8_t *const odd = (uint8_t *)a->memory + 1;
  /* Memory that serves as misaligned structs: as large as any of them. */
  static uint64_t room[128];
  uint8_t *const skewed = (uint8_t *)room + 1;
  sealwire_endpoint *endpoint = NULL;
  sealwire_event event;
  uint8_t bytes[32] = {0};
  memset(bytes, 7, sizeof bytes);
  for (unsigned shift = 1; shift < 8; shift++) {
    CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_endpoint_init((uint8_t *)b->memory + shift, sizeof b->memory - 8, &a->config,
                                                                   &a->port, &endpoint));
  }
  CHECK(endpoint == NULL);
  INVALID(sealwire_poll_event((sealwire_endpoint *)(void *)odd, &event));
  INVALID(sealwire_poll_event(a->endpoint, (sealwire_event *)(void *)skewed));
  INVALID(sealwire_endpoint_init(b->memory, sizeof b->memory, (const sealwire_config *)(const void *)skewed, &a->port, &endpoint));
  INVALID(sealwire_endpoint_init(b->memory, sizeof b->memory, &a->config, (const sealwire_port *)(const void *)skewed, &endpoint));
  INVALID(sealwire_key_import((sealwire_key *)(void *)skewed, SEALWIRE_KEY_X25519, bytes));
  INVALID(sealwire_key_public((const sealwire_key *)(const void *)skewed, bytes));
  INVALID(sealwire_send(a->endpoint, 0, a->session, (const sealwire_outgoing *)(const void *)skewed, bytes, sizeof bytes,
                        (sealwire_sent *)(void *)room));
  INVALID(sealwire_read_counters(a->endpoint, (sealwire_counters *)(void *)skewed));
  sealwire_key_erase((sealwire_key *)(void *)skewed);
  a->config.own = (const sealwire_own_credential *)(const void *)skewed;
  INVALID(sealwire_endpoint_init(b->memory, sizeof b->memory, &a->config, &a->port, &endpoint));
  for (size_t i = 0; i < sizeof room / sizeof room[0]; i++) CHECK_NUMBER(0, room[i]);
  pair_close(&both);
}

void test_configuration(void) {
  sealwire_endpoint *endpoint = NULL;
  sealwire_config config;
  sealwire_port port;
  sealwire_own_credential own;
  sealwire_bytes peer;
  sealwire_anchor anchor;
  static const uint8_t rubbish[4] = {0xa1, 0x00, 0xff, 0x01};
  pair_prepare(&both, SEALWIRE_SUITE_X25519_CHACHA);

#define REFUSED(status) CHECK_STATUS(status, sealwire_endpoint_init(a->memory, sizeof a->memory, &config, &port, &endpoint))
#define RESTART()      \
  config = a->config;  \
  port = a->port;      \
  own = a->own;        \
  peer = a->peer;      \
  config.own = &own;   \
  config.peers = &peer

  RESTART();
  config.own_count = 0;
  REFUSED(SEALWIRE_INVALID_ARGUMENT);
  RESTART();
  config.own = NULL;
  REFUSED(SEALWIRE_INVALID_ARGUMENT);
  RESTART();
  config.own_count = SIZE_MAX;
  REFUSED(SEALWIRE_INVALID_ARGUMENT);
  RESTART();
  config.peers = NULL;
  REFUSED(SEALWIRE_INVALID_ARGUMENT);
  RESTART();
  config.anchor_count = 1;
  REFUSED(SEALWIRE_INVALID_ARGUMENT);
  RESTART();
  own.credential.data = rubbish;
  own.credential.length = sizeof rubbish;
  CHECK(sealwire_endpoint_init(a->memory, sizeof a->memory, &config, &port, &endpoint) < 0);
  RESTART();
  own.credential.length = 0;
  CHECK(sealwire_endpoint_init(a->memory, sizeof a->memory, &config, &port, &endpoint) < 0);
  RESTART();
  own.key = NULL;
  own.key_handle = 0x80000000u;
  REFUSED(SEALWIRE_INVALID_ARGUMENT);
  RESTART();
  peer.data = rubbish;
  peer.length = sizeof rubbish;
  CHECK(sealwire_endpoint_init(a->memory, sizeof a->memory, &config, &port, &endpoint) < 0);
  RESTART();
  anchor.issuer.data = rubbish;
  anchor.issuer.length = sizeof rubbish;
  anchor.kid = pair_text("k");
  anchor.purposes = SEALWIRE_PURPOSE_IDENTITY;
  config.anchors = &anchor;
  config.anchor_count = 1;
  CHECK(sealwire_endpoint_init(a->memory, sizeof a->memory, &config, &port, &endpoint) < 0);
  RESTART();
  port.random = NULL;
  REFUSED(SEALWIRE_INVALID_ARGUMENT);
  RESTART();
  port.store_load = NULL;
  REFUSED(SEALWIRE_INVALID_ARGUMENT);
  RESTART();
  config.identifier_length = 5;
  REFUSED(SEALWIRE_INVALID_ARGUMENT);
  RESTART();
  config.suites[0] = 99;
  config.suite_count = 1;
  REFUSED(SEALWIRE_UNSUPPORTED_SUITE);
  RESTART();
  config.methods_refused = 16;
  REFUSED(SEALWIRE_INVALID_ARGUMENT);
  RESTART();
  config.inbox = pair_text("Not-An-Inbox");
  REFUSED(SEALWIRE_INVALID_ARGUMENT);
  RESTART();
  config.inbox = pair_text("much-too-long-for-it");
  REFUSED(SEALWIRE_INVALID_ARGUMENT);
  RESTART();
  config.reserve = 1u << 30;
  REFUSED(SEALWIRE_INVALID_ARGUMENT);
  CHECK(endpoint == NULL);
  /* No store, no peers and no anchors are fine: an endpoint that waits to be told more. */
  RESTART();
  port.store_load = NULL;
  port.store_save = NULL;
  config.peers = NULL;
  config.peer_count = 0;
  CHECK_OK(sealwire_endpoint_init(a->memory, sizeof a->memory, &config, &port, &endpoint));
  CHECK_OK(sealwire_endpoint_close(endpoint));
#undef REFUSED
#undef RESTART
}

void test_wrong_order(void) {
  wire_frame frame;
  sealwire_event event;
  uint32_t handshake = 0;
  /* Before the endpoint exists. */
  memset(a->memory, 0, sizeof a->memory);
  sealwire_endpoint *nothing = (sealwire_endpoint *)(void *)a->memory;
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_poll_event(nothing, &event));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_connect(nothing, 0, NULL, NULL, &handshake));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_endpoint_close(nothing));

  /* Before there is a session. */
  pair_prepare(&both, SEALWIRE_SUITE_X25519_CHACHA);
  CHECK_OK(party_start(a, both.now_ms));
  CHECK_OK(party_start(b, both.now_ms));
  a->session = b->session = 1;
  CHECK_STATUS(SEALWIRE_UNKNOWN_SESSION, party_send(a, both.now_ms, "x", &frame));
  CHECK_OK(sealwire_connect(a->endpoint, both.now_ms, NULL, NULL, &handshake));
  CHECK(party_send(a, both.now_ms, "x", &frame) < 0);
  /* Restoring twice finds nothing new. */
  uint32_t sessions = 0;
  int32_t again = sealwire_restore(a->endpoint, both.now_ms, &sessions);
  CHECK(again == SEALWIRE_WRONG_STATE || (again == SEALWIRE_OK && sessions == 0));
  /* Nothing waits for a slow key. */
  CHECK_OK(sealwire_resume(a->endpoint, both.now_ms));

  /* A Responder must not send before the Initiator's first record. */
  for (int step = 0; step < 4; step++) {
    party *from = step % 2 == 0 ? a : b;
    party *to = step % 2 == 0 ? b : a;
    CHECK_OK(party_transmit(from, both.now_ms, &frame));
    CHECK_NUMBER(step + 1, frame.bytes[0]);
    CHECK_OK(party_receive(to, both.now_ms, &frame));
    party_events(a);
    party_events(b);
    if (step == 2) {
      uint32_t waiting[PAIR_SESSIONS];
      size_t count = 0;
      CHECK_OK(sealwire_sessions(b->endpoint, waiting, PAIR_SESSIONS, &count));
      CHECK(count <= 1);
      if (count == 1) {
        b->session = waiting[0];
        CHECK_STATUS(SEALWIRE_WRONG_STATE, party_send(b, both.now_ms, "too early", &frame));
        CHECK_OK(party_transmit(b, both.now_ms, &frame));
        CHECK_NUMBER(4, frame.bytes[0]);
        CHECK_OK(party_receive(a, both.now_ms, &frame));
        party_events(a);
        break;
      }
    }
  }
  CHECK_NUMBER(1, a->seen[SEALWIRE_EVENT_ESTABLISHED]);
  CHECK_NUMBER(0, b->seen[SEALWIRE_EVENT_ESTABLISHED]);
  pair_settle(&both);
  CHECK_NUMBER(1, b->seen[SEALWIRE_EVENT_ESTABLISHED]);
  CHECK_OK(party_send(b, both.now_ms, "now", &frame));
  pair_close(&both);
  /* After the end. */
  CHECK_STATUS(SEALWIRE_WRONG_STATE, party_send(a, both.now_ms, "x", &frame));
}

void test_unknown_handles(void) {
  uint8_t bytes[200];
  sealwire_sent sent;
  sealwire_session_info info;
  const sealwire_outgoing message = SEALWIRE_OUTGOING_INIT;
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  const uint32_t handles[6] = {0, a->session + 1, a->session + 100, a->session ^ 0x100000u, 0x7fffffffu, UINT32_MAX};
  for (int i = 0; i < 6; i++) {
    CHECK_STATUS(SEALWIRE_UNKNOWN_SESSION, sealwire_send(a->endpoint, 0, handles[i], &message, bytes, sizeof bytes, &sent));
    CHECK_STATUS(SEALWIRE_UNKNOWN_SESSION, sealwire_commit(a->endpoint, 0, handles[i], 0, NULL));
    CHECK_STATUS(SEALWIRE_UNKNOWN_SESSION, sealwire_abandon(a->endpoint, handles[i], 0));
    CHECK_STATUS(SEALWIRE_UNKNOWN_SESSION, sealwire_key_update(a->endpoint, 0, handles[i]));
    CHECK_STATUS(SEALWIRE_UNKNOWN_SESSION, sealwire_session_close(a->endpoint, handles[i]));
    CHECK_STATUS(SEALWIRE_UNKNOWN_SESSION, sealwire_export(a->endpoint, handles[i], 33000, NULL, 0, bytes, 16));
    CHECK_STATUS(SEALWIRE_UNKNOWN_SESSION, sealwire_session(a->endpoint, both.now_ms, handles[i], &info));
    CHECK_STATUS(SEALWIRE_UNKNOWN_SESSION, sealwire_cancel(a->endpoint, handles[i]));
  }
  static const uint8_t nobody[16] = {9};
  uint32_t found = 77;
  CHECK_STATUS(SEALWIRE_UNKNOWN_SESSION, sealwire_find(a->endpoint, nobody, &found));
  CHECK_NUMBER(77, found);
  CHECK_OK(sealwire_session(a->endpoint, both.now_ms, a->session, &info));
  pair_close(&both);
}

void test_small_buffers(void) {
  uint8_t bytes[300];
  wire_frame frame;
  sealwire_sent sent;
  sealwire_transmit transmit;
  sealwire_outgoing message = SEALWIRE_OUTGOING_INIT;
  pair_prepare(&both, SEALWIRE_SUITE_X25519_CHACHA);
  CHECK_OK(party_start(a, both.now_ms));
  CHECK_OK(party_start(b, both.now_ms));
  uint32_t handshake = 0;
  CHECK_OK(sealwire_connect(a->endpoint, both.now_ms, NULL, NULL, &handshake));
  /* A frame that does not fit waits. */
  memset(&transmit, 0, sizeof transmit);
  for (size_t capacity = 0; capacity < 36; capacity++) {
    CHECK_STATUS(SEALWIRE_BUFFER_TOO_SMALL, sealwire_poll_transmit(a->endpoint, both.now_ms, bytes, capacity, &transmit));
  }
  CHECK_NUMBER(0, transmit.length);
  pair_settle(&both);
  pair_pass(&both, 200);
  CHECK_NUMBER(1, a->seen[SEALWIRE_EVENT_ESTABLISHED]);

  message.payload = pair_text("0123456789");
  CHECK_OK(party_send_message(a, both.now_ms, &message, &frame, &sent));
  const size_t needed = frame.length;
  sent.length = 4711;
  for (size_t capacity = 0; capacity < 10 + 4; capacity++) {
    CHECK_STATUS(SEALWIRE_BUFFER_TOO_SMALL, sealwire_send(a->endpoint, both.now_ms, a->session, &message, bytes, capacity, &sent));
  }
  CHECK_NUMBER(4711, sent.length);
  /* The promise of SEALWIRE_OVERHEAD_MAX. */
  CHECK(needed <= 10 + SEALWIRE_OVERHEAD_MAX);
  CHECK_OK(sealwire_send(a->endpoint, both.now_ms, a->session, &message, bytes, 10 + SEALWIRE_OVERHEAD_MAX, &sent));
  CHECK_OK(party_receive(b, both.now_ms, &frame));
  pair_close(&both);
}

void test_overlapping(void) {
  uint8_t bytes[300];
  sealwire_sent sent;
  sealwire_event event;
  sealwire_outgoing message = SEALWIRE_OUTGOING_INIT;
  size_t length = 0;
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  memset(bytes, 'x', sizeof bytes);
  message.payload.data = bytes + 290;
  message.payload.length = 10;
  INVALID(sealwire_send(a->endpoint, both.now_ms, a->session, &message, bytes, sizeof bytes, &sent));
  message.payload.data = bytes;
  INVALID(sealwire_send(a->endpoint, both.now_ms, a->session, &message, bytes + 9, 200, &sent));
  CHECK_OK(sealwire_send(a->endpoint, both.now_ms, a->session, &message, bytes + 10, 200, &sent));
  message.payload.length = 0;
  message.topic_use = SEALWIRE_TOPIC_ADDRESSED;
  message.topic.data = bytes + 20;
  message.topic.length = 5;
  INVALID(sealwire_send(a->endpoint, both.now_ms, a->session, &message, bytes, sizeof bytes, &sent));
  INVALID(sealwire_export(a->endpoint, a->session, 33000, bytes, 10, bytes + 9, 32));
  INVALID(sealwire_handle_frame(a->endpoint, both.now_ms, NULL, bytes, 10, bytes + 5, 20, &event));
  INVALID(sealwire_credential_make(&a->key, bytes, 5, bytes + 100, 1, bytes + 4, 50, &length));
  pair_close(&both);
}

void test_odd_frames(void) {
  wire_frame frame;
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  frame.length = 0;
  CHECK_STATUS(SEALWIRE_MALFORMED, party_receive(b, both.now_ms, &frame));
  /* Every first byte, alone and with something behind it. */
  for (int first = 0; first < 256; first++) {
    for (size_t length = 1; length < 80; length += 13) {
      memset(frame.bytes, (int)(length * 7), sizeof frame.bytes);
      frame.bytes[0] = (uint8_t)first;
      frame.length = length;
      int32_t status = party_receive(b, both.now_ms, &frame);
      if (first == 0) CHECK_STATUS(SEALWIRE_MALFORMED, status);
      if (first >= 0x10 && first < 0x40) CHECK_STATUS(SEALWIRE_UNSUPPORTED_VERSION, status);
      if (first >= 0x80 && first < 0xc0) CHECK_STATUS(SEALWIRE_UNSUPPORTED_FRAME, status);
      if (first >= 0xc0) CHECK_STATUS(SEALWIRE_MALFORMED, status);
    }
  }
  /* 20,000 frames of noise, then the session works as before. */
  for (int i = 0; i < 20000; i++) {
    (void)pair_random(b, frame.bytes, sizeof frame.bytes);
    frame.length = 1 + frame.bytes[599] % 90;
    if (i % 2 == 0) frame.bytes[0] = (uint8_t)(0x40 | (frame.bytes[0] & 0x3f));
    (void)party_receive(b, both.now_ms, &frame);
  }
  CHECK_NUMBER(0, b->messages);
  CHECK_OK(party_send(a, both.now_ms, "still here", &frame));
  CHECK_OK(party_receive(b, both.now_ms, &frame));
  pair_close(&both);
}

static int32_t calls_back(void *context, uint8_t *out, size_t length) {
  party *who = (party *)context;
  sealwire_event event;
  uint32_t handshake = 0;
  if (who->endpoint != NULL) {
    CHECK_STATUS(SEALWIRE_BUSY, sealwire_poll_event(who->endpoint, &event));
    CHECK_STATUS(SEALWIRE_BUSY, sealwire_connect(who->endpoint, 0, NULL, NULL, &handshake));
    CHECK_STATUS(SEALWIRE_BUSY, sealwire_endpoint_close(who->endpoint));
    who->messages++;
  }
  return pair_random(context, out, length);
}

void test_callback_calls_back(void) {
  pair_prepare(&both, SEALWIRE_SUITE_X25519_CHACHA);
  a->port.random = calls_back;
  CHECK_OK(party_start(a, both.now_ms));
  CHECK_OK(party_start(b, both.now_ms));
  uint32_t handshake = 0;
  CHECK_OK(sealwire_connect(a->endpoint, both.now_ms, NULL, NULL, &handshake));
  pair_settle(&both);
  CHECK(a->messages > 0);
  CHECK_NUMBER(1, a->seen[SEALWIRE_EVENT_ESTABLISHED]);
  pair_close(&both);
}

void test_moved_memory(void) {
  static uint64_t elsewhere[sizeof both.a.memory / 8];
  sealwire_event event;
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  memcpy(elsewhere, a->memory, sizeof elsewhere);
  sealwire_endpoint *copy = (sealwire_endpoint *)(void *)elsewhere;
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_poll_event(copy, &event));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_endpoint_close(copy));
  CHECK_OK(sealwire_poll_event(a->endpoint, &event));
  pair_close(&both);
}
