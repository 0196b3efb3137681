#include "pair.h"

#include "check.h"

#include <stdlib.h>

/* Not random at all, so that a failure repeats itself. */
int32_t pair_random(void *context, uint8_t *out, size_t length) {
  party *who = (party *)context;
  for (size_t i = 0; i < length; i++) {
    who->random_state ^= who->random_state << 13;
    who->random_state ^= who->random_state >> 7;
    who->random_state ^= who->random_state << 17;
    out[i] = (uint8_t)(who->random_state >> 32);
  }
  return SEALWIRE_OK;
}

static int32_t load(void *context, uint32_t slot, uint8_t *out, size_t capacity, size_t *length) {
  pair_store *store = &((party *)context)->store;
  *length = 0;
  if (slot >= PAIR_SLOTS) return SEALWIRE_OK;
  if (store->length[slot] > capacity) return SEALWIRE_BUFFER_TOO_SMALL;
  memcpy(out, store->data[slot], store->length[slot]);
  *length = store->length[slot];
  return SEALWIRE_OK;
}

static int32_t save(void *context, uint32_t slot, const uint8_t *data, size_t length) {
  pair_store *store = &((party *)context)->store;
  if (store->fails || slot >= PAIR_SLOTS || length > sizeof store->data[0]) return SEALWIRE_STORAGE_FAILED;
  if (length > 0) memcpy(store->data[slot], data, length);
  store->length[slot] = length;
  store->saves++;
  return SEALWIRE_OK;
}

sealwire_bytes pair_text(const char *text) {
  sealwire_bytes bytes;
  bytes.data = (const uint8_t *)text;
  bytes.length = strlen(text);
  return bytes;
}

static void prepare(party *who, uint64_t seed, uint8_t suite, uint8_t signs, const char *name, uint8_t kid) {
  sealwire_config config = SEALWIRE_CONFIG_INIT;
  sealwire_port port = SEALWIRE_PORT_INIT;
  memset(who, 0, sizeof *who);
  who->random_state = seed;
  port.context = who;
  port.random = pair_random;
  port.store_load = load;
  port.store_save = save;
  port.store_resists_rollback = 1;
  who->port = port;
  const int p256 = suite == SEALWIRE_SUITE_P256_CCM || suite == SEALWIRE_SUITE_P256_CCM16;
  const int32_t kind = signs ? (p256 ? SEALWIRE_KEY_ES256 : SEALWIRE_KEY_ED25519) : (p256 ? SEALWIRE_KEY_P256 : SEALWIRE_KEY_X25519);
  CHECK_OK(sealwire_key_generate(&who->key, kind, &port));
  size_t length = 0;
  CHECK_OK(sealwire_credential_make(&who->key, (const uint8_t *)name, strlen(name), &kid, 1, who->credential,
                                    sizeof who->credential, &length));
  who->own.credential.data = who->credential;
  who->own.credential.length = length;
  who->own.key = &who->key;
  config.own = &who->own;
  config.own_count = 1;
  config.peers = &who->peer;
  config.peer_count = 1;
  config.takes_commands = 1;
  config.suites[0] = suite;
  config.suite_count = 1;
  who->config = config;
}

void pair_prepare(pair *both, uint8_t suite) { pair_prepare_signing(both, suite, 0, 0); }

void pair_prepare_signing(pair *both, uint8_t suite, uint8_t a_signs, uint8_t b_signs) {
  both->now_ms = 1000;
  both->cut = 0;
  prepare(&both->a, 0x1234567890abcdefu, suite, a_signs, "alice", 0x01);
  prepare(&both->b, 0xfedcba0987654321u, suite, b_signs, "bob", 0x02);
  both->a.config.initiator_signs = a_signs;
  both->a.config.responder_signs = b_signs;
  both->a.peer = both->b.own.credential;
  both->b.peer = both->a.own.credential;
}

int32_t party_start(party *who, uint64_t now_ms) {
  int32_t status = sealwire_endpoint_init(who->memory, sizeof who->memory, &who->config, &who->port, &who->endpoint);
  if (status != SEALWIRE_OK) return status;
  uint32_t sessions = 0;
  return sealwire_restore(who->endpoint, now_ms, &sessions);
}

void party_events(party *who) {
  for (int i = 0; i < 100; i++) {
    sealwire_event event;
    CHECK_OK(sealwire_poll_event(who->endpoint, &event));
    if (event.event == SEALWIRE_EVENT_NONE) return;
    CHECK(event.event > 0 && event.event < 16);
    who->seen[event.event]++;
    who->newest[event.event] = event;
    if (event.event == SEALWIRE_EVENT_ESTABLISHED || event.event == SEALWIRE_EVENT_REPLACED) who->session = event.session;
  }
  CHECK(!"events come to an end");
}

int32_t party_transmit(party *who, uint64_t now_ms, wire_frame *frame) {
  sealwire_transmit transmit;
  memset(&transmit, 0, sizeof transmit);
  int32_t status = sealwire_poll_transmit(who->endpoint, now_ms, frame->bytes, sizeof frame->bytes, &transmit);
  frame->length = transmit.length;
  return status;
}

int32_t party_receive_at(party *who, uint64_t now_ms, const char *topic, const wire_frame *frame) {
  /* On the heap and exactly as long as the frame, so that the sanitizers see the smallest step beyond it. */
  uint8_t *copy = (uint8_t *)malloc(frame->length > 0 ? frame->length : 1);
  if (copy == NULL) return SEALWIRE_INTERNAL;
  memcpy(copy, frame->bytes, frame->length);
  sealwire_event event;
  memset(&event, 0, sizeof event);
  int32_t status = sealwire_handle_frame(who->endpoint, now_ms, NULL, (const uint8_t *)topic, topic == NULL ? 0 : strlen(topic),
                                         copy, frame->length, &event);
  if (status != SEALWIRE_OK) {
    if (who->first_refused == SEALWIRE_OK) who->first_refused = status;
    who->refused = status;
  }
  if (status == SEALWIRE_OK && event.event == SEALWIRE_EVENT_MESSAGE) {
    who->messages++;
    who->message = event.message;
    CHECK(event.message.payload.length < sizeof who->payload && event.message.topic.length < sizeof who->topic);
    if (event.message.payload.length > 0) memcpy(who->payload, event.message.payload.data, event.message.payload.length);
    if (event.message.topic.length > 0) memcpy(who->topic, event.message.topic.data, event.message.topic.length);
    who->payload[event.message.payload.length] = 0;
    who->topic[event.message.topic.length] = 0;
  }
  free(copy);
  return status;
}

int32_t party_receive(party *who, uint64_t now_ms, const wire_frame *frame) {
  return party_receive_at(who, now_ms, NULL, frame);
}

/* Carries what one side wants sent; returns the number of frames. */
static unsigned carry(pair *both, party *from, party *to) {
  for (unsigned count = 0; count < 100; count++) {
    wire_frame frame;
    CHECK_OK(party_transmit(from, both->now_ms, &frame));
    if (frame.length == 0) return count;
    if (!both->cut) (void)party_receive(to, both->now_ms, &frame);
  }
  CHECK(!"frames come to an end");
  return 0;
}

void pair_settle(pair *both) {
  for (int i = 0; i < 100; i++) {
    unsigned carried = carry(both, &both->a, &both->b) + carry(both, &both->b, &both->a);
    party_events(&both->a);
    party_events(&both->b);
    if (carried == 0) return;
  }
  CHECK(!"the pair settles");
}

static void tick(pair *both, party *who) {
  uint64_t due = 0;
  CHECK_OK(sealwire_poll_timeout(who->endpoint, &due));
  if (due <= both->now_ms) CHECK_OK(sealwire_handle_timeout(who->endpoint, both->now_ms));
}

void pair_pass(pair *both, uint64_t milliseconds) {
  uint64_t end = both->now_ms + milliseconds;
  while (both->now_ms < end) {
    both->now_ms += end - both->now_ms > 100 ? 100 : end - both->now_ms;
    tick(both, &both->a);
    tick(both, &both->b);
    pair_settle(both);
  }
}

int32_t party_send_message(party *who, uint64_t now_ms, const sealwire_outgoing *message, wire_frame *frame, sealwire_sent *sent) {
  memset(sent, 0, sizeof *sent);
  int32_t status = sealwire_send(who->endpoint, now_ms, who->session, message, frame->bytes, sizeof frame->bytes, sent);
  frame->length = sent->length;
  return status;
}

int32_t party_send(party *who, uint64_t now_ms, const char *text, wire_frame *frame) {
  sealwire_outgoing message = SEALWIRE_OUTGOING_INIT;
  sealwire_sent sent;
  message.payload = pair_text(text);
  return party_send_message(who, now_ms, &message, frame, &sent);
}

void pair_join(pair *both, uint8_t suite) {
  pair_prepare(both, suite);
  CHECK_OK(party_start(&both->a, both->now_ms));
  CHECK_OK(party_start(&both->b, both->now_ms));
  uint32_t handshake = 0;
  CHECK_OK(sealwire_connect(both->a.endpoint, both->now_ms, NULL, NULL, &handshake));
  CHECK(handshake != 0);
  pair_settle(both);
  pair_pass(both, 200);
  CHECK_NUMBER(1, both->a.seen[SEALWIRE_EVENT_ESTABLISHED]);
  CHECK_NUMBER(1, both->b.seen[SEALWIRE_EVENT_ESTABLISHED]);
}

void pair_close(pair *both) {
  CHECK_OK(sealwire_endpoint_close(both->a.endpoint));
  CHECK_OK(sealwire_endpoint_close(both->b.endpoint));
}
