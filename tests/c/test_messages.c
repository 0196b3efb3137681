/* Messages: data, topics, replay, gaps, acknowledgement, commands, new keys, restarts. */
#include "check.h"
#include "pair.h"

void test_data_both_ways(void);
void test_altered_records(void);
void test_topics(void);
void test_replay_and_duplicate(void);
void test_missing_and_late(void);
void test_confirmable(void);
void test_resend(void);
void test_window_full(void);
void test_commands(void);
void test_stale_command(void);
void test_key_update(void);
void test_restore(void);
void test_restore_without_rollback_protection(void);
void test_damaged_store(void);
void test_power_cut_before_storing(void);
void test_exporter(void);
void test_sessions_and_counters(void);
void test_close(void);

static pair both;
static party *const a = &both.a;
static party *const b = &both.b;

void test_data_both_ways(void) {
  for (int suite = 2; suite <= 4; suite += 2) {
    wire_frame frame;
    pair_join(&both, (uint8_t)suite);
    for (int i = 0; i < 300; i++) {
      CHECK_OK(party_send(a, both.now_ms, "hello", &frame));
      CHECK_OK(party_receive(b, both.now_ms, &frame));
      CHECK_NUMBER(5, b->message.payload.length);
      CHECK_BYTES("hello", b->payload, 5);
      CHECK_NUMBER(0, b->message.confirmable);
      CHECK_NUMBER(0, b->message.missing);
      CHECK_OK(party_send(b, both.now_ms, "", &frame));
      CHECK_OK(party_receive(a, both.now_ms, &frame));
      CHECK_NUMBER(0, a->message.payload.length);
    }
    CHECK_NUMBER(300, a->messages);
    CHECK_NUMBER(300, b->messages);
    pair_close(&both);
  }

  /* The promised overhead at one-byte identifiers and Partial IVs: 19 bytes more with a 16-byte tag, 11 with an 8-byte one. An offer
     for commands may ride on a record; endpoints that take none have none. */
  for (int suite = 2; suite <= 4; suite += 2) {
    wire_frame frame;
    pair_prepare(&both, (uint8_t)suite);
    a->config.takes_commands = b->config.takes_commands = 0;
    CHECK_OK(party_start(a, both.now_ms));
    CHECK_OK(party_start(b, both.now_ms));
    uint32_t handshake = 0;
    CHECK_OK(sealwire_connect(a->endpoint, both.now_ms, NULL, NULL, &handshake));
    pair_settle(&both);
    pair_pass(&both, 200);
    CHECK_OK(party_send(a, both.now_ms, "0123456789", &frame));
    CHECK_NUMBER(10 + (suite == 4 ? 19 : 11), frame.length);
    CHECK_OK(party_receive(b, both.now_ms, &frame));
    pair_close(&both);
  }
}

void test_altered_records(void) {
  wire_frame frame;
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  CHECK_OK(party_send(a, both.now_ms, "do not touch", &frame));
  for (size_t i = 0; i < frame.length; i++) {
    for (int bit = 0; bit < 8; bit++) {
      wire_frame altered = frame;
      altered.bytes[i] ^= (uint8_t)(1u << bit);
      CHECK(party_receive(b, both.now_ms, &altered) < 0);
    }
  }
  for (size_t length = 0; length < frame.length; length++) {
    wire_frame altered = frame;
    altered.length = length;
    CHECK(party_receive(b, both.now_ms, &altered) < 0);
  }
  CHECK_NUMBER(0, b->messages);
  wire_frame last = frame;
  last.bytes[last.length - 1] ^= 1;
  CHECK_STATUS(SEALWIRE_DECRYPT_FAILED, party_receive(b, both.now_ms, &last));
  /* After all that the true one is as good as ever. */
  CHECK_OK(party_receive(b, both.now_ms, &frame));
  CHECK_NUMBER(1, b->messages);
  pair_close(&both);
}

void test_topics(void) {
  wire_frame frame;
  sealwire_sent sent;
  sealwire_outgoing message = SEALWIRE_OUTGOING_INIT;
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  message.topic_use = SEALWIRE_TOPIC_ADDRESSED;
  message.topic = pair_text("ecg/lead-1");
  message.payload = pair_text("beat");
  message.content_type = pair_text("text/plain");
  message.has_expiry = 1;
  message.expiry_s = 60;
  message.retain = 1;
  CHECK_OK(party_send_message(a, both.now_ms, &message, &frame, &sent));
  CHECK_OK(party_receive(b, both.now_ms, &frame));
  CHECK_NUMBER(10, b->message.topic.length);
  CHECK_BYTES("ecg/lead-1", b->topic, 10);
  CHECK_BYTES("beat", b->payload, 4);
  CHECK_NUMBER(10, b->message.content_type.length);
  CHECK_NUMBER(1, b->message.has_expiry);
  CHECK_NUMBER(60, b->message.expiry_s);
  CHECK_NUMBER(1, b->message.retain);
  /* An expiry of 0 is another thing than none. */
  message.expiry_s = 0;
  CHECK_OK(party_send_message(a, both.now_ms, &message, &frame, &sent));
  CHECK_OK(party_receive(b, both.now_ms, &frame));
  CHECK_NUMBER(1, b->message.has_expiry);
  CHECK_NUMBER(0, b->message.expiry_s);
  message.has_expiry = 0;
  message.expiry_s = 60;
  CHECK_OK(party_send_message(a, both.now_ms, &message, &frame, &sent));
  CHECK_OK(party_receive(b, both.now_ms, &frame));
  CHECK_NUMBER(0, b->message.has_expiry);
  CHECK_NUMBER(0, b->message.expiry_s);

  sealwire_outgoing in_place = SEALWIRE_OUTGOING_INIT;
  in_place.topic_use = SEALWIRE_TOPIC_IN_PLACE;
  in_place.topic = pair_text("ward/7/ecg");
  in_place.payload = pair_text("beat");
  CHECK_OK(party_send_message(a, both.now_ms, &in_place, &frame, &sent));
  CHECK_STATUS(SEALWIRE_DECRYPT_FAILED, party_receive_at(b, both.now_ms, "ward/8/ecg", &frame));
  CHECK_STATUS(SEALWIRE_DECRYPT_FAILED, party_receive_at(b, both.now_ms, NULL, &frame));
  CHECK_OK(party_receive_at(b, both.now_ms, "ward/7/ecg", &frame));
  CHECK_BYTES("beat", b->payload, 4);

  /* Topics, content types, kinds and uses that cannot be. */
  sealwire_outgoing odd = message;
  odd.topic.length = 0;
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, party_send_message(a, both.now_ms, &odd, &frame, &sent));
  odd = message;
  odd.topic_use = 3;
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, party_send_message(a, both.now_ms, &odd, &frame, &sent));
  odd = message;
  odd.kind = 2;
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, party_send_message(a, both.now_ms, &odd, &frame, &sent));
  static const uint8_t not_utf8[2] = {0xff, 0xfe};
  odd = message;
  odd.content_type.data = not_utf8;
  odd.content_type.length = 2;
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, party_send_message(a, both.now_ms, &odd, &frame, &sent));
  static const uint8_t long_topic[256] = {'x'};
  odd = message;
  odd.topic.data = long_topic;
  odd.topic.length = sizeof long_topic;
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, party_send_message(a, both.now_ms, &odd, &frame, &sent));
  pair_close(&both);
}

void test_replay_and_duplicate(void) {
  wire_frame first;
  wire_frame frame;
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  CHECK_OK(party_send(a, both.now_ms, "first", &first));
  CHECK_OK(party_receive(b, both.now_ms, &first));
  CHECK_STATUS(SEALWIRE_DUPLICATE, party_receive(b, both.now_ms, &first));
  for (int i = 0; i < 64; i++) {
    CHECK_OK(party_send(a, both.now_ms, "more", &frame));
    CHECK_OK(party_receive(b, both.now_ms, &frame));
  }
  CHECK_STATUS(SEALWIRE_REPLAY, party_receive(b, both.now_ms, &first));
  CHECK_NUMBER(65, b->messages);
  /* A record does not fit its own sender, nor a session that is not there. */
  CHECK(party_receive(a, both.now_ms, &frame) < 0);
  sealwire_counters counters;
  CHECK_OK(sealwire_read_counters(b->endpoint, &counters));
  CHECK_NUMBER(1, counters.replay);
  CHECK_NUMBER(1, counters.duplicate);
  pair_close(&both);
}

void test_missing_and_late(void) {
  wire_frame frames[12];
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  for (int i = 0; i < 12; i++) CHECK_OK(party_send(a, both.now_ms, "x", &frames[i]));
  CHECK_OK(party_receive(b, both.now_ms, &frames[0]));
  CHECK_OK(party_receive(b, both.now_ms, &frames[11]));
  CHECK_NUMBER(10, b->message.missing);
  CHECK_NUMBER(0, b->message.late);
  CHECK_OK(party_receive(b, both.now_ms, &frames[5]));
  CHECK_NUMBER(0, b->message.missing);
  CHECK_NUMBER(1, b->message.late);
  sealwire_counters counters;
  CHECK_OK(sealwire_read_counters(b->endpoint, &counters));
  CHECK_NUMBER(10, counters.missing);
  CHECK_NUMBER(1, counters.late);
  pair_close(&both);
}

static sealwire_outgoing confirmable_text(const char *text) {
  sealwire_outgoing message = SEALWIRE_OUTGOING_INIT;
  message.confirmable = 1;
  message.payload = pair_text(text);
  return message;
}

void test_confirmable(void) {
  wire_frame frame;
  sealwire_sent sent;
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  sealwire_outgoing message = confirmable_text("keep this");
  for (unsigned i = 0; i < 10; i++) {
    CHECK_OK(party_send_message(a, both.now_ms, &message, &frame, &sent));
    CHECK_NUMBER(1, sent.confirmable);
    CHECK_NUMBER(i, sent.number);
    CHECK_OK(party_receive(b, both.now_ms, &frame));
    CHECK_NUMBER(1, b->message.confirmable);
    CHECK_NUMBER(i, b->message.number);
    /* Number 3 never becomes durable. */
    if (i != 3) CHECK_OK(sealwire_commit(b->endpoint, both.now_ms, b->session, i, NULL));
  }
  pair_pass(&both, 200);
  CHECK(a->seen[SEALWIRE_EVENT_ACKNOWLEDGED] > 0);
  const sealwire_event *event = &a->newest[SEALWIRE_EVENT_ACKNOWLEDGED];
  for (unsigned i = 0; i < 10; i++) CHECK_NUMBER(i != 3, sealwire_acknowledges(event->number, event->missing, i));
  CHECK_NUMBER(0, sealwire_acknowledges(event->number, event->missing, 10));
  sealwire_session_info info;
  CHECK_OK(sealwire_session(a->endpoint, both.now_ms, a->session, &info));
  CHECK_NUMBER(1, info.unacknowledged);
  CHECK_NUMBER(10, info.next_number);
  /* What was never delivered cannot be committed. */
  CHECK(sealwire_commit(b->endpoint, both.now_ms, b->session, 4711, NULL) < 0);
  pair_close(&both);
}

void test_resend(void) {
  wire_frame frame;
  sealwire_sent sent;
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  sealwire_outgoing message = confirmable_text("arrive at last");
  CHECK_OK(party_send_message(a, both.now_ms, &message, &frame, &sent));
  /* That frame got lost. The first repetition is due after 3 s, or one doubled interval later if the timer ran already. */
  pair_pass(&both, 10000);
  CHECK_NUMBER(1, a->seen[SEALWIRE_EVENT_RESEND]);
  CHECK_NUMBER(sent.number, a->newest[SEALWIRE_EVENT_RESEND].number);
  CHECK_NUMBER(a->session, a->newest[SEALWIRE_EVENT_RESEND].session);
  message.again = 1;
  message.number = sent.number;
  wire_frame again;
  wire_frame twice;
  CHECK_OK(party_send_message(a, both.now_ms, &message, &again, &sent));
  CHECK_OK(party_send_message(a, both.now_ms, &message, &twice, &sent));
  CHECK_OK(party_receive(b, both.now_ms, &again));
  CHECK_NUMBER(0, b->message.number);
  /* The same message under another Partial IV is delivered once. */
  CHECK_STATUS(SEALWIRE_DUPLICATE, party_receive(b, both.now_ms, &twice));
  CHECK_OK(sealwire_commit(b->endpoint, both.now_ms, b->session, 0, NULL));
  pair_pass(&both, 200);
  CHECK_NUMBER(1, a->seen[SEALWIRE_EVENT_ACKNOWLEDGED]);
  CHECK_NUMBER(1, b->messages);

  /* A message that the application gives up is not asked for again. */
  message.again = 0;
  CHECK_OK(party_send_message(a, both.now_ms, &message, &frame, &sent));
  CHECK_OK(sealwire_abandon(a->endpoint, a->session, sent.number));
  pair_pass(&both, 20000);
  CHECK_NUMBER(1, a->seen[SEALWIRE_EVENT_RESEND]);
  pair_close(&both);
}

void test_window_full(void) {
  wire_frame frame;
  sealwire_sent sent;
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  sealwire_outgoing message = confirmable_text("x");
  for (unsigned i = 0; i < 64; i++) CHECK_OK(party_send_message(a, both.now_ms, &message, &frame, &sent));
  CHECK_STATUS(SEALWIRE_WINDOW_FULL, party_send_message(a, both.now_ms, &message, &frame, &sent));
  /* Data that nobody has to confirm still passes. */
  CHECK_OK(party_send(a, both.now_ms, "y", &frame));
  pair_close(&both);
}

void test_commands(void) {
  wire_frame frame;
  sealwire_sent sent;
  sealwire_outgoing command = SEALWIRE_OUTGOING_INIT;
  command.kind = SEALWIRE_KIND_COMMAND;
  command.payload = pair_text("unlock");
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  int32_t status = party_send_message(a, both.now_ms, &command, &frame, &sent);
  if (status == SEALWIRE_NO_OFFER) {
    pair_pass(&both, 500);
    CHECK(a->seen[SEALWIRE_EVENT_COMMAND_READY] > 0);
    status = party_send_message(a, both.now_ms, &command, &frame, &sent);
  }
  CHECK_OK(status);
  CHECK_OK(party_receive(b, both.now_ms, &frame));
  CHECK_NUMBER(SEALWIRE_KIND_COMMAND, b->message.kind);
  CHECK_BYTES("unlock", b->payload, 6);
  pair_close(&both);

  /* An endpoint that takes no commands never offers. */
  pair_prepare(&both, SEALWIRE_SUITE_X25519_CHACHA);
  b->config.takes_commands = 0;
  CHECK_OK(party_start(a, both.now_ms));
  CHECK_OK(party_start(b, both.now_ms));
  uint32_t handshake = 0;
  CHECK_OK(sealwire_connect(a->endpoint, both.now_ms, NULL, NULL, &handshake));
  pair_settle(&both);
  pair_pass(&both, 500);
  CHECK_STATUS(SEALWIRE_NO_OFFER, party_send_message(a, both.now_ms, &command, &frame, &sent));
  pair_close(&both);
}

/* Gets a ready command frame from a. */
static void command_frame(const char *text, wire_frame *frame) {
  sealwire_sent sent;
  sealwire_outgoing command = SEALWIRE_OUTGOING_INIT;
  command.kind = SEALWIRE_KIND_COMMAND;
  command.payload = pair_text(text);
  for (int i = 0; i < 5; i++) {
    int32_t status = party_send_message(a, both.now_ms, &command, frame, &sent);
    if (status != SEALWIRE_NO_OFFER) {
      CHECK_OK(status);
      return;
    }
    pair_pass(&both, 500);
  }
  CHECK(!"a command can be sent");
}

void test_stale_command(void) {
  wire_frame held;
  wire_frame fresh;
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  command_frame("unlock", &held);
  both.cut = 1;
  pair_pass(&both, 25000);
  both.cut = 0;
  CHECK_STATUS(SEALWIRE_STALE, party_receive(b, both.now_ms, &held));
  CHECK_NUMBER(0, b->messages);
  /* Neither does it become fresh by being held in the hand again. */
  CHECK(party_receive(b, both.now_ms, &held) < 0);
  pair_pass(&both, 500);
  command_frame("lock", &fresh);
  (void)party_receive(b, both.now_ms, &fresh);
  if (b->messages == 0) {
    /* The sender's newest offer had lapsed too; what it learned meanwhile serves. */
    pair_pass(&both, 500);
    command_frame("lock", &fresh);
    CHECK_OK(party_receive(b, both.now_ms, &fresh));
  }
  CHECK_BYTES("lock", b->payload, 4);
  pair_close(&both);
}

void test_key_update(void) {
  wire_frame before;
  wire_frame frame;
  pair_join(&both, SEALWIRE_SUITE_P256_CCM);
  CHECK_OK(party_send(a, both.now_ms, "old key", &before));
  CHECK_OK(sealwire_key_update(a->endpoint, both.now_ms, a->session));
  CHECK_STATUS(SEALWIRE_BUSY, sealwire_key_update(a->endpoint, both.now_ms, a->session));
  pair_settle(&both);
  pair_pass(&both, 500);
  CHECK_NUMBER(1, a->seen[SEALWIRE_EVENT_KEY_UPDATED]);
  CHECK_NUMBER(1, b->seen[SEALWIRE_EVENT_KEY_UPDATED]);
  CHECK_NUMBER(1, a->newest[SEALWIRE_EVENT_KEY_UPDATED].epoch);
  sealwire_session_info info;
  CHECK_OK(sealwire_session(b->endpoint, both.now_ms, b->session, &info));
  CHECK_NUMBER(1, info.epoch);
  CHECK(party_receive(b, both.now_ms, &before) < 0);
  CHECK_OK(party_send(a, both.now_ms, "new key", &frame));
  CHECK_OK(party_receive(b, both.now_ms, &frame));
  CHECK_BYTES("new key", b->payload, 7);
  CHECK_OK(sealwire_key_update(b->endpoint, both.now_ms, b->session));
  pair_settle(&both);
  pair_pass(&both, 500);
  CHECK_NUMBER(2, a->newest[SEALWIRE_EVENT_KEY_UPDATED].epoch);
  CHECK_OK(party_send(b, both.now_ms, "newer key", &frame));
  CHECK_OK(party_receive(a, both.now_ms, &frame));
  pair_close(&both);
}

/* A power cut at b: its memory is gone, its store is there. */
static void restart_b(void) {
  memset(b->memory, 0xa5, sizeof b->memory);
  memset(b->seen, 0, sizeof b->seen);
  CHECK_OK(party_start(b, both.now_ms));
  party_events(b);
}

void test_restore(void) {
  wire_frame old;
  wire_frame frame;
  sealwire_sent sent;
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  CHECK_OK(party_send(a, both.now_ms, "before", &old));
  CHECK_OK(party_receive(b, both.now_ms, &old));
  sealwire_outgoing message = confirmable_text("committed");
  CHECK_OK(party_send_message(a, both.now_ms, &message, &frame, &sent));
  CHECK_OK(party_receive(b, both.now_ms, &frame));
  CHECK_OK(sealwire_commit(b->endpoint, both.now_ms, b->session, sent.number, NULL));
  restart_b();
  CHECK_NUMBER(1, b->seen[SEALWIRE_EVENT_ESTABLISHED]);
  CHECK_NUMBER(1, b->newest[SEALWIRE_EVENT_ESTABLISHED].resumed);
  CHECK_STATUS(SEALWIRE_REPLAY, party_receive(b, both.now_ms, &old));
  b->messages = 0;
  pair_settle(&both);
  pair_pass(&both, 4000);
  /* The commit was durable, so its acknowledgement arrives now, and the message not again. */
  CHECK(a->seen[SEALWIRE_EVENT_ACKNOWLEDGED] > 0);
  message.again = 1;
  message.number = sent.number;
  if (party_send_message(a, both.now_ms, &message, &frame, &sent) == SEALWIRE_OK) {
    CHECK_STATUS(SEALWIRE_DUPLICATE, party_receive(b, both.now_ms, &frame));
  }
  CHECK_OK(party_send(a, both.now_ms, "after", &frame));
  CHECK_OK(party_receive(b, both.now_ms, &frame));
  CHECK_BYTES("after", b->payload, 5);
  CHECK_OK(party_send(b, both.now_ms, "answer", &frame));
  CHECK_OK(party_receive(a, both.now_ms, &frame));
  CHECK_NUMBER(1, b->messages);
  pair_close(&both);
}

void test_restore_without_rollback_protection(void) {
  wire_frame frame;
  pair_prepare(&both, SEALWIRE_SUITE_X25519_CHACHA);
  a->port.store_resists_rollback = b->port.store_resists_rollback = 0;
  CHECK_OK(party_start(a, both.now_ms));
  CHECK_OK(party_start(b, both.now_ms));
  uint32_t handshake = 0;
  CHECK_OK(sealwire_connect(a->endpoint, both.now_ms, NULL, NULL, &handshake));
  pair_settle(&both);
  pair_pass(&both, 200);
  CHECK_OK(party_send(a, both.now_ms, "before", &frame));
  CHECK_OK(party_receive(b, both.now_ms, &frame));
  restart_b();
  CHECK_NUMBER(0, b->seen[SEALWIRE_EVENT_ESTABLISHED]);
  CHECK_NUMBER(1, b->seen[SEALWIRE_EVENT_CLOSED]);
  CHECK_STATUS(SEALWIRE_LOST_STATE, b->newest[SEALWIRE_EVENT_CLOSED].reason);
  CHECK_OK(party_send(a, both.now_ms, "after", &frame));
  CHECK_STATUS(SEALWIRE_UNKNOWN_CONTEXT, party_receive(b, both.now_ms, &frame));
  /* The peers find each other again: unknown-context makes a start a new handshake. */
  pair_settle(&both);
  pair_pass(&both, 2000);
  CHECK_NUMBER(1, b->seen[SEALWIRE_EVENT_ESTABLISHED]);
  CHECK_OK(party_send(a, both.now_ms, "again", &frame));
  CHECK_OK(party_receive(b, both.now_ms, &frame));
  pair_close(&both);
}

static int32_t damaged_load(void *context, uint32_t slot, uint8_t *out, size_t capacity, size_t *length) {
  (void)context;
  (void)slot;
  (void)out;
  (void)capacity;
  (void)length;
  return SEALWIRE_CORRUPT_STATE;
}

static int32_t broken_load(void *context, uint32_t slot, uint8_t *out, size_t capacity, size_t *length) {
  (void)damaged_load(context, slot, out, capacity, length);
  /* No status at all: counts as a failure of the store, never as success. */
  return 1;
}

static int32_t lying_load(void *context, uint32_t slot, uint8_t *out, size_t capacity, size_t *length) {
  (void)damaged_load(context, slot, out, capacity, length);
  *length = capacity + 1;
  return SEALWIRE_OK;
}

void test_damaged_store(void) {
  sealwire_counters counters;
  uint32_t sessions = 77;
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  /* Damaged entries, whether the store or the library notices, are counted and passed over; the peers shake hands anew. */
  for (int bit = 0; bit < 2; bit++) {
    if (bit == 0) {
      b->port.store_load = damaged_load;
    } else {
      b->port.store_load = a->port.store_load;
      for (int i = 0; i < PAIR_SESSIONS; i++) b->store.data[i][b->store.length[i] / 2] ^= 1;
    }
    restart_b();
    CHECK_OK(sealwire_read_counters(b->endpoint, &counters));
    CHECK(counters.corrupt > 0);
    CHECK_NUMBER(0, b->seen[SEALWIRE_EVENT_ESTABLISHED]);
  }
  pair_pass(&both, 200);
  uint32_t handshake = 0;
  CHECK_OK(sealwire_connect(b->endpoint, both.now_ms, NULL, NULL, &handshake));
  pair_settle(&both);
  pair_pass(&both, 500);
  CHECK_NUMBER(1, b->seen[SEALWIRE_EVENT_ESTABLISHED]);
  /* A store that fails, or lies about lengths, is a failure. */
  sealwire_endpoint *endpoint = NULL;
  for (int i = 0; i < 2; i++) {
    CHECK_OK(sealwire_endpoint_close(b->endpoint));
    b->port.store_load = i == 0 ? broken_load : lying_load;
    CHECK_OK(sealwire_endpoint_init(b->memory, sizeof b->memory, &b->config, &b->port, &endpoint));
    b->endpoint = endpoint;
    CHECK_STATUS(SEALWIRE_STORAGE_FAILED, sealwire_restore(endpoint, both.now_ms, &sessions));
    CHECK_NUMBER(77, sessions);
  }
  pair_close(&both);
}

void test_power_cut_before_storing(void) {
  wire_frame frame;
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  /* Sending goes on while reserved numbers last, and then stops until the store works again. */
  a->store.fails = 1;
  int32_t status = SEALWIRE_OK;
  for (int i = 0; i < 200 && status == SEALWIRE_OK; i++) status = party_send(a, both.now_ms, "x", &frame);
  CHECK_STATUS(SEALWIRE_STORAGE_FAILED, status);
  a->store.fails = 0;
  CHECK_OK(party_send(a, both.now_ms, "x", &frame));
  /* A receiver whose store fails delivers nothing above its stored edge, and delivers it later. */
  b->store.fails = 1;
  status = SEALWIRE_OK;
  for (int i = 0; i < 400 && status == SEALWIRE_OK; i++) {
    CHECK_OK(party_send(a, both.now_ms, "y", &frame));
    status = party_receive(b, both.now_ms, &frame);
  }
  CHECK_STATUS(SEALWIRE_STORAGE_FAILED, status);
  b->store.fails = 0;
  CHECK_OK(party_receive(b, both.now_ms, &frame));
  CHECK_BYTES("y", b->payload, 1);
  pair_close(&both);
}

void test_exporter(void) {
  uint8_t one[40];
  uint8_t other[40];
  static const uint8_t context[3] = {1, 2, 3};
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  CHECK_OK(sealwire_export(a->endpoint, a->session, 33000, context, sizeof context, one, sizeof one));
  CHECK_OK(sealwire_export(b->endpoint, b->session, 33000, context, sizeof context, other, sizeof other));
  CHECK_BYTES(one, other, sizeof one);
  CHECK_OK(sealwire_export(b->endpoint, b->session, 33001, context, sizeof context, other, sizeof other));
  CHECK(memcmp(one, other, sizeof one) != 0);
  CHECK_OK(sealwire_export(b->endpoint, b->session, 33000, NULL, 0, other, sizeof other));
  CHECK(memcmp(one, other, sizeof one) != 0);
  /* The labels of the protocol itself are not to be had. */
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_export(a->endpoint, a->session, 32768, NULL, 0, one, sizeof one));
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_export(a->endpoint, a->session, 0, NULL, 0, one, sizeof one));
  pair_close(&both);
}

void test_sessions_and_counters(void) {
  uint32_t sessions[PAIR_SESSIONS];
  size_t count = 0;
  uint32_t capacity = 0;
  sealwire_counters counters;
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  CHECK_OK(sealwire_endpoint_capacity(a->endpoint, &capacity));
  CHECK_NUMBER(PAIR_SESSIONS, capacity);
  CHECK_OK(sealwire_sessions(a->endpoint, sessions, PAIR_SESSIONS, &count));
  CHECK_NUMBER(1, count);
  CHECK_NUMBER(a->session, sessions[0]);
  CHECK_OK(sealwire_sessions(a->endpoint, NULL, 0, &count));
  CHECK_NUMBER(1, count);
  CHECK_OK(sealwire_read_counters(a->endpoint, &counters));
  CHECK_NUMBER(1, counters.handshakes);
  CHECK(counters.frames > 0);
  CHECK_NUMBER(0, counters.malformed);
  pair_close(&both);
}

void test_close(void) {
  wire_frame frame;
  pair_join(&both, SEALWIRE_SUITE_X25519_CHACHA);
  uint32_t session = a->session;
  CHECK_OK(sealwire_session_close(a->endpoint, session));
  CHECK_STATUS(SEALWIRE_UNKNOWN_SESSION, party_send(a, both.now_ms, "x", &frame));
  CHECK_STATUS(SEALWIRE_UNKNOWN_SESSION, sealwire_session_close(a->endpoint, session));
  /* It is gone from the store too. */
  size_t stored = 0;
  for (int i = 0; i < PAIR_SESSIONS; i++) stored += a->store.length[i];
  CHECK_NUMBER(0, stored);
  CHECK_OK(sealwire_endpoint_close(a->endpoint));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_endpoint_close(a->endpoint));
  /* Nothing is left of it in memory. */
  for (size_t i = 0; i < sizeof a->memory / sizeof a->memory[0]; i++) {
    if (a->memory[i] != 0) {
      CHECK(!"closing erases the memory");
      break;
    }
  }
  CHECK_OK(sealwire_endpoint_close(b->endpoint));
}
