/* sealwire_device.h against an endpoint of sealwire.h in the same program: what it does, and that misuse is a status. */
#include "sealwire_device.h"

#include "check.h"
#include "pair.h"

#include <stdlib.h>

void test_device_talks(void);
void test_device_restarts(void);
void test_device_replaces(void);
void test_device_commands(void);
void test_device_slow_key(void);
void test_device_null(void);
void test_device_memory(void);
void test_device_overlap(void);
void test_device_configuration(void);
void test_device_calls_back(void);

#define INVALID(call) CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, call)
#define WRONG(call) CHECK_STATUS(SEALWIRE_WRONG_STATE, call)

static pair both;
static party *const a = &both.a;
static party *const hub = &both.b;
static sealwire_device device;
static sealwire_device_config config;
static uint8_t private_key[32];

/* What came of the last frames. */
static sealwire_device_message newest;
static char text[64];
static unsigned messages;
static unsigned seen[16];
static sealwire_device_event events[16];

static void prepare(void) {
  pair_prepare(&both, SEALWIRE_SUITE_X25519_CHACHA);
  CHECK_OK(party_start(hub, both.now_ms));
  CHECK_OK(sealwire_key_export(&a->key, private_key));
  memset(&config, 0, sizeof config);
  config.own = a->own.credential;
  config.private_key = private_key;
  config.peer = hub->own.credential;
  memset(&device, 0, sizeof device);
  memset(seen, 0, sizeof seen);
  messages = 0;
}

/* Handed in from the heap and exactly as long as it is, so that the checkers see the smallest step beyond it. */
static int32_t receive(const wire_frame *frame) {
  sealwire_device_message message;
  uint8_t *copy = (uint8_t *)malloc(frame->length > 0 ? frame->length : 1);
  if (copy == NULL) return SEALWIRE_INTERNAL;
  memcpy(copy, frame->bytes, frame->length);
  memset(&message, 0x5a, sizeof message);
  int32_t status = sealwire_device_handle_frame(&device, both.now_ms, copy, frame->length, &message);
  if (status == SEALWIRE_OK && message.arrived) {
    newest = message;
    messages++;
    CHECK(message.payload.length < sizeof text);
    memset(text, 0, sizeof text);
    if (message.payload.length > 0) memcpy(text, message.payload.data, message.payload.length);
  }
  free(copy);
  return status;
}

static void settle(void) {
  for (int i = 0; i < 100; i++) {
    unsigned carried = 0;
    wire_frame frame;
    sealwire_device_event event;
    do {
      CHECK_OK(sealwire_device_poll_event(&device, &event));
      CHECK(event.event >= 0 && event.event < 16);
      seen[event.event]++;
      events[event.event] = event;
    } while (event.event != SEALWIRE_EVENT_NONE);
    CHECK_OK(sealwire_device_poll_transmit(&device, both.now_ms, frame.bytes, SEALWIRE_DEVICE_FRAME_MAX, &frame.length));
    if (frame.length > 0) {
      carried++;
      (void)party_receive(hub, both.now_ms, &frame);
    }
    CHECK_OK(party_transmit(hub, both.now_ms, &frame));
    if (frame.length > 0) {
      carried++;
      (void)receive(&frame);
    }
    party_events(hub);
    if (carried == 0) return;
  }
  CHECK(!"the two settle");
}

static void pass(uint64_t milliseconds) {
  for (uint64_t end = both.now_ms + milliseconds; both.now_ms < end; both.now_ms += 50) {
    CHECK_OK(sealwire_handle_timeout(hub->endpoint, both.now_ms));
    settle();
  }
}

/* Initialised, with a session if `connect`. */
static void start(int connect) {
  uint8_t restored = 9;
  CHECK_OK(sealwire_device_init(&device, &config, &a->port));
  CHECK_OK(sealwire_device_restore(&device, both.now_ms, &restored));
  CHECK_NUMBER(0, restored);
  if (!connect) return;
  CHECK_OK(sealwire_device_connect(&device, both.now_ms));
  settle();
  CHECK_NUMBER(1, seen[SEALWIRE_EVENT_ESTABLISHED]);
}

static void finish(void) {
  sealwire_device_close(&device);
  CHECK_OK(sealwire_endpoint_close(hub->endpoint));
}

static int32_t say(const sealwire_device_outgoing *message, sealwire_device_sent *sent) {
  wire_frame frame;
  int32_t status = sealwire_device_send(&device, both.now_ms, message, frame.bytes, sizeof frame.bytes, sent);
  if (status != SEALWIRE_OK) return status;
  CHECK(sent->length <= message->payload.length + message->topic.length + SEALWIRE_DEVICE_OVERHEAD_MAX);
  frame.length = sent->length;
  return party_receive(hub, both.now_ms, &frame);
}

static int32_t hear(const sealwire_outgoing *message) {
  wire_frame frame;
  sealwire_sent sent;
  CHECK_OK(party_send_message(hub, both.now_ms, message, &frame, &sent));
  return receive(&frame);
}

static sealwire_device_outgoing outgoing(const char *payload, uint8_t confirmable) {
  sealwire_device_outgoing message;
  memset(&message, 0, sizeof message);
  message.payload = pair_text(payload);
  message.confirmable = confirmable;
  return message;
}

void test_device_talks(void) {
  sealwire_device_outgoing message = outgoing("21.5 C", 1);
  sealwire_outgoing answer = SEALWIRE_OUTGOING_INIT;
  sealwire_device_sent sent;
  sealwire_device_info info;
  sealwire_session_info session;
  prepare();
  start(1);
  CHECK_OK(sealwire_device_read(&device, &info));
  CHECK_NUMBER(1, info.established);
  CHECK_NUMBER(0, info.connecting);
  CHECK_OK(sealwire_session(hub->endpoint, both.now_ms, hub->session, &session));
  CHECK_BYTES(session.sid, info.sid, 8);

  message.topic = pair_text("room/1");
  CHECK_OK(say(&message, &sent));
  CHECK_NUMBER(1, sent.confirmable);
  CHECK_NUMBER(0, sent.name.number);
  CHECK_BYTES(info.sid, sent.name.sid, 8);
  CHECK(strcmp((const char *)hub->payload, "21.5 C") == 0 && strcmp((const char *)hub->topic, "room/1") == 0);
  CHECK_OK(sealwire_commit(hub->endpoint, both.now_ms, hub->session, hub->message.number, NULL));
  pass(200);
  CHECK_NUMBER(1, seen[SEALWIRE_EVENT_ACKNOWLEDGED]);
  CHECK(sealwire_acknowledges(events[SEALWIRE_EVENT_ACKNOWLEDGED].number, events[SEALWIRE_EVENT_ACKNOWLEDGED].missing, 0));
  INVALID(sealwire_device_abandon(&device, 0));

  answer.payload = pair_text("set 20");
  answer.confirmable = 1;
  CHECK_OK(hear(&answer));
  CHECK(strcmp(text, "set 20") == 0);
  CHECK_NUMBER(1, newest.confirmable);
  CHECK_NUMBER(0, newest.has_origin);
  CHECK_OK(sealwire_device_commit(&device, both.now_ms, &newest));
  CHECK_OK(sealwire_device_commit(&device, both.now_ms, &newest));
  newest.name.number = 7;
  INVALID(sealwire_device_commit(&device, both.now_ms, &newest));
  newest.name.sid[0] ^= 1;
  CHECK_STATUS(SEALWIRE_UNKNOWN_SESSION, sealwire_device_commit(&device, both.now_ms, &newest));
  pass(200);
  CHECK_NUMBER(1, hub->seen[SEALWIRE_EVENT_ACKNOWLEDGED]);

  /* Altered, and the same twice. */
  wire_frame frame;
  CHECK_OK(party_send(hub, both.now_ms, "data", &frame));
  frame.bytes[frame.length - 1] ^= 1;
  CHECK_STATUS(SEALWIRE_DECRYPT_FAILED, receive(&frame));
  frame.bytes[frame.length - 1] ^= 1;
  CHECK_OK(receive(&frame));
  CHECK_STATUS(SEALWIRE_DUPLICATE, receive(&frame));
  CHECK_NUMBER(2, messages);

  CHECK_OK(sealwire_device_session_close(&device));
  CHECK_NUMBER(0, a->store.length[0]);
  WRONG(say(&message, &sent));
  CHECK_STATUS(SEALWIRE_UNKNOWN_CONTEXT, receive(&frame));
  finish();
}

void test_device_restarts(void) {
  const sealwire_device_outgoing message = outgoing("once", 1);
  sealwire_device_sent sent;
  uint8_t restored = 0;
  prepare();
  start(1);
  CHECK_OK(say(&message, &sent));
  sealwire_device_close(&device);
  WRONG(sealwire_device_connect(&device, 0));
  CHECK_OK(sealwire_device_init(&device, &config, &a->port));
  CHECK_OK(sealwire_device_restore(&device, both.now_ms, &restored));
  CHECK_NUMBER(1, restored);
  WRONG(sealwire_device_restore(&device, both.now_ms, &restored));
  settle();
  CHECK_NUMBER(1, events[SEALWIRE_EVENT_ESTABLISHED].resumed);
  CHECK(seen[SEALWIRE_EVENT_RESEND] > 0);
  sealwire_device_outgoing again = message;
  again.again = 1;
  again.number = sent.name.number;
  CHECK_STATUS(SEALWIRE_DUPLICATE, say(&again, &sent));
  again.number = 1000;
  INVALID(say(&again, &sent));

  /* A store that fails, and one that is damaged. */
  a->store.fails = 1;
  CHECK_STATUS(SEALWIRE_STORAGE_FAILED, sealwire_device_session_close(&device));
  a->store.fails = 0;
  a->store.data[0][100] ^= 1;
  CHECK_OK(sealwire_device_init(&device, &config, &a->port));
  CHECK_STATUS(SEALWIRE_CORRUPT_STATE, sealwire_device_restore(&device, both.now_ms, &restored));
  a->store.data[0][0] ^= 1;
  CHECK_STATUS(SEALWIRE_UNSUPPORTED_STATE, sealwire_device_restore(&device, both.now_ms, &restored));
  CHECK_NUMBER(1, restored);
  CHECK_OK(sealwire_device_connect(&device, both.now_ms));
  settle();
  CHECK_OK(say(&message, &sent));
  finish();
}

void test_device_replaces(void) {
  sealwire_device_outgoing message = outgoing("first sent before", 1);
  sealwire_device_sent first, second;
  prepare();
  start(1);
  wire_frame lost;
  CHECK_OK(sealwire_device_send(&device, both.now_ms, &message, lost.bytes, sizeof lost.bytes, &first));
  CHECK_OK(sealwire_device_connect(&device, both.now_ms));
  settle();
  CHECK_NUMBER(1, events[SEALWIRE_EVENT_ESTABLISHED].has_ended);
  CHECK_BYTES(first.name.sid, events[SEALWIRE_EVENT_ESTABLISHED].ended, 8);
  message.has_origin = 1;
  message.origin = first.name;
  CHECK_OK(say(&message, &second));
  CHECK(memcmp(first.name.sid, second.name.sid, 8) != 0);
  CHECK_NUMBER(1, hub->message.has_origin);
  message.has_origin = 0;
  CHECK_STATUS(SEALWIRE_WINDOW_FULL, say(&message, &second));
  finish();
}

void test_device_commands(void) {
  sealwire_outgoing command = SEALWIRE_OUTGOING_INIT;
  const sealwire_device_outgoing message = outgoing("here", 0);
  sealwire_device_sent sent;
  wire_frame frame;
  sealwire_sent told;
  prepare();
  config.command_lifetime_ms = 1000;
  start(1);
  CHECK_OK(say(&message, &sent));
  party_events(hub);
  command.kind = SEALWIRE_KIND_COMMAND;
  command.payload = pair_text("unlock");
  CHECK_OK(hear(&command));
  CHECK_NUMBER(1, newest.command);
  CHECK_OK(party_send_message(hub, both.now_ms, &command, &frame, &told));
  both.now_ms += 1001;
  CHECK_STATUS(SEALWIRE_STALE, receive(&frame));
  finish();
}

static int32_t slow_status;

static int32_t slow_agree(void *context, uint32_t key, int32_t curve, const uint8_t peer[32], uint8_t shared[32]) {
  CHECK_NUMBER(41, key);
  if (slow_status != SEALWIRE_OK) return slow_status;
  return sealwire_key_agree(&((party *)context)->key, curve, peer, shared);
}

void test_device_slow_key(void) {
  wire_frame frame, kept;
  sealwire_device_message message;
  prepare();
  config.private_key = NULL;
  config.key_handle = 41;
  a->port.key_agree = slow_agree;
  start(0);
  CHECK_OK(sealwire_device_connect(&device, both.now_ms));
  CHECK_OK(sealwire_device_poll_transmit(&device, both.now_ms, frame.bytes, sizeof frame.bytes, &frame.length));
  CHECK_OK(party_receive(hub, both.now_ms, &frame));
  CHECK_OK(party_transmit(hub, both.now_ms, &frame));
  kept = frame;
  slow_status = SEALWIRE_PENDING;
  for (int i = 0; i < 20; i++) {
    CHECK_STATUS(SEALWIRE_PENDING, sealwire_device_handle_frame(&device, both.now_ms, frame.bytes, frame.length, &message));
    CHECK_BYTES(kept.bytes, frame.bytes, kept.length);
  }
  slow_status = SEALWIRE_OK;
  CHECK_OK(sealwire_device_handle_frame(&device, both.now_ms, frame.bytes, frame.length, &message));
  CHECK_NUMBER(0, message.arrived);
  settle();
  CHECK_NUMBER(1, seen[SEALWIRE_EVENT_ESTABLISHED]);
  finish();
}

void test_device_null(void) {
  uint8_t bytes[96] = {0};
  uint8_t restored = 7;
  uint64_t due = 7;
  size_t length = 7;
  sealwire_device_message message;
  sealwire_device_event event;
  sealwire_device_sent sent;
  sealwire_device_info info;
  sealwire_device_outgoing out = outgoing("x", 0);
  memset(&message, 0, sizeof message);
  prepare();
  sealwire_device_close(NULL);
  sealwire_device_close(&device);
  INVALID(sealwire_device_init(NULL, &config, &a->port));
  INVALID(sealwire_device_init(&device, NULL, &a->port));
  INVALID(sealwire_device_init(&device, &config, NULL));
  /* Every call on no device, and on one that was not set up. */
  sealwire_device *const none[2] = {NULL, &device};
  for (int i = 0; i < 2; i++) {
    const int32_t expected = i == 0 ? SEALWIRE_INVALID_ARGUMENT : SEALWIRE_WRONG_STATE;
    CHECK_STATUS(expected, sealwire_device_restore(none[i], 0, &restored));
    CHECK_STATUS(expected, sealwire_device_connect(none[i], 0));
    CHECK_STATUS(expected, sealwire_device_handle_frame(none[i], 0, bytes, sizeof bytes, &message));
    CHECK_STATUS(expected, sealwire_device_poll_event(none[i], &event));
    CHECK_STATUS(expected, sealwire_device_poll_transmit(none[i], 0, bytes, sizeof bytes, &length));
    CHECK_STATUS(expected, sealwire_device_poll_timeout(none[i], &due));
    CHECK_STATUS(expected, sealwire_device_send(none[i], 0, &out, bytes, sizeof bytes, &sent));
    CHECK_STATUS(expected, sealwire_device_commit(none[i], 0, &message));
    CHECK_STATUS(expected, sealwire_device_abandon(none[i], 0));
    CHECK_STATUS(expected, sealwire_device_session_close(none[i]));
    CHECK_STATUS(expected, sealwire_device_read(none[i], &info));
  }
  /* Every call without its other pointers. */
  start(1);
  INVALID(sealwire_device_handle_frame(&device, 0, NULL, 5, &message));
  INVALID(sealwire_device_handle_frame(&device, 0, bytes, 5, NULL));
  CHECK_STATUS(SEALWIRE_MALFORMED, sealwire_device_handle_frame(&device, 0, NULL, 0, &message));
  INVALID(sealwire_device_poll_event(&device, NULL));
  INVALID(sealwire_device_poll_transmit(&device, 0, NULL, 96, &length));
  INVALID(sealwire_device_poll_transmit(&device, 0, bytes, sizeof bytes, NULL));
  INVALID(sealwire_device_poll_timeout(&device, NULL));
  INVALID(sealwire_device_send(&device, 0, NULL, bytes, sizeof bytes, &sent));
  INVALID(sealwire_device_send(&device, 0, &out, NULL, 96, &sent));
  INVALID(sealwire_device_send(&device, 0, &out, bytes, sizeof bytes, NULL));
  out.payload.data = NULL;
  INVALID(sealwire_device_send(&device, 0, &out, bytes, sizeof bytes, &sent));
  out.payload.data = bytes;
  out.payload.length = SIZE_MAX;
  INVALID(sealwire_device_send(&device, 0, &out, bytes, sizeof bytes, &sent));
  INVALID(sealwire_device_commit(&device, 0, NULL));
  INVALID(sealwire_device_read(&device, NULL));
  CHECK_NUMBER(7, length);
  CHECK_NUMBER(7, due);
  CHECK_NUMBER(7, restored);
  /* It is none the worse for it. */
  out = outgoing("still here", 0);
  CHECK_OK(say(&out, &sent));
  /* Too small a buffer uses nothing up. */
  for (size_t capacity = 0; capacity < 29; capacity++) {
    CHECK_STATUS(SEALWIRE_BUFFER_TOO_SMALL, sealwire_device_send(&device, both.now_ms, &out, bytes, capacity, &sent));
  }
  CHECK_OK(sealwire_device_send(&device, both.now_ms, &out, bytes, 29, &sent));
  finish();
}

void test_device_memory(void) {
  static uint64_t room[SEALWIRE_DEVICE_WORDS + 1];
  sealwire_device *const odd = (sealwire_device *)(void *)((uint8_t *)room + 1);
  sealwire_device_event event;
  uint64_t due[2];
  prepare();
  INVALID(sealwire_device_init(odd, &config, &a->port));
  INVALID(sealwire_device_connect(odd, 0));
  start(1);
  INVALID(sealwire_device_poll_timeout(&device, (uint64_t *)(void *)((uint8_t *)due + 1)));
  /* Moved. */
  sealwire_device *const elsewhere = (sealwire_device *)(void *)room;
  memcpy(elsewhere, &device, sizeof device);
  WRONG(sealwire_device_poll_event(elsewhere, &event));
  sealwire_device_close(elsewhere);
  CHECK_OK(sealwire_device_poll_event(&device, &event));
  /* Closed: nothing is left of it. */
  sealwire_device_close(&device);
  const uint8_t *const left = (const uint8_t *)&device;
  for (size_t i = 0; i < sizeof device; i++) CHECK_NUMBER(0, left[i]);
  WRONG(sealwire_device_poll_event(&device, &event));
  sealwire_device_close(&device);
  finish();
}

void test_device_overlap(void) {
  uint8_t buffer[256];
  sealwire_device_outgoing message = outgoing("", 0);
  sealwire_device_sent sent;
  prepare();
  start(1);
  memset(buffer, 'x', sizeof buffer);
  message.payload.data = buffer + 100;
  message.payload.length = 20;
  INVALID(sealwire_device_send(&device, 0, &message, buffer, sizeof buffer, &sent));
  INVALID(sealwire_device_send(&device, 0, &message, buffer, 101, &sent));
  INVALID(sealwire_device_send(&device, 0, &message, buffer + 119, 100, &sent));
  message.topic = message.payload;
  message.payload = pair_text("p");
  INVALID(sealwire_device_send(&device, 0, &message, buffer, 101, &sent));
  message.topic.length = 0;
  message.payload.data = buffer + 100;
  message.payload.length = 20;
  CHECK_OK(sealwire_device_send(&device, 0, &message, buffer, 100, &sent));
  finish();
}

void test_device_configuration(void) {
  uint8_t credential[200];
  sealwire_port port;
  prepare();
  const sealwire_device_config right = config;
  config.peer = config.own;
  CHECK_STATUS(SEALWIRE_OWN_IDENTITY, sealwire_device_init(&device, &config, &a->port));
  config = right;
  config.own.length--;
  CHECK_STATUS(SEALWIRE_MALFORMED, sealwire_device_init(&device, &config, &a->port));
  config = right;
  memcpy(credential, right.peer.data, right.peer.length);
  credential[0] = 0xa3;
  config.peer.data = credential;
  CHECK_STATUS(SEALWIRE_UNSUPPORTED_CREDENTIAL, sealwire_device_init(&device, &config, &a->port));
  config = right;
  config.own.data = NULL;
  INVALID(sealwire_device_init(&device, &config, &a->port));
  config = right;
  config.inbox = pair_text("Not An Inbox");
  INVALID(sealwire_device_init(&device, &config, &a->port));
  config = right;
  port = a->port;
  port.random = NULL;
  INVALID(sealwire_device_init(&device, &config, &port));
  port = a->port;
  port.store_save = NULL;
  INVALID(sealwire_device_init(&device, &config, &port));
  /* Without a store, and without a key. */
  port.store_load = NULL;
  config.private_key = NULL;
  CHECK_OK(sealwire_device_init(&device, &config, &port));
  CHECK_OK(sealwire_device_connect(&device, both.now_ms));
  wire_frame frame;
  CHECK_OK(sealwire_device_poll_transmit(&device, both.now_ms, frame.bytes, sizeof frame.bytes, &frame.length));
  CHECK_OK(party_receive(hub, both.now_ms, &frame));
  CHECK_OK(party_transmit(hub, both.now_ms, &frame));
  CHECK_STATUS(SEALWIRE_UNKNOWN_KEY, receive(&frame));
  finish();
}

static int32_t calls_back(void *context, uint8_t *out, size_t length) {
  sealwire_device_event event;
  sealwire_device_message message;
  uint8_t bytes[4] = {0};
  CHECK_STATUS(SEALWIRE_BUSY, sealwire_device_poll_event(&device, &event));
  CHECK_STATUS(SEALWIRE_BUSY, sealwire_device_connect(&device, 0));
  CHECK_STATUS(SEALWIRE_BUSY, sealwire_device_handle_frame(&device, 0, bytes, sizeof bytes, &message));
  CHECK_STATUS(SEALWIRE_BUSY, sealwire_device_init(&device, &config, &a->port));
  sealwire_device_close(&device);
  return pair_random(context, out, length);
}

void test_device_calls_back(void) {
  prepare();
  a->port.random = calls_back;
  start(1);
  finish();
}
