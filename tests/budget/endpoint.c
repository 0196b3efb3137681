/* A device through sealwire.h: keeps a session with the hub over its serial line and flash, and sends a sample every second. The images of
   `device`, `device-issuers`, `device-p256` and `full` are this file with ISSUERS, P256 or FULL. With MEASURED it is a run whose calls are
   counted instead, and with RESPOND the hub begins. */
#ifndef FULL
#define SEALWIRE_CONNECT_ONLY
#endif
#include "line.h"
#include "measure.h"
#include "provision.h"
#include "sealwire.h"
#include "sealwire_primitives.h"

#include <string.h>

#define FLASH_SLOT 512
#if defined(ISSUERS) || defined(FULL)
/* The hub's credential comes inside message_2. */
#define HANDSHAKE_BUFFER 512
#else
#define HANDSHAKE_BUFFER 256
#endif
#if defined(ISSUERS) || defined(P256) || defined(FULL)
#define MEMORY_SIZE SEALWIRE_ENDPOINT_SIZE_WITH(1, 0, HANDSHAKE_BUFFER)
#else
/* What sealwire_endpoint_size(1, HANDSHAKE_BUFFER) says of this library, which has neither a Responder nor commands. Less is refused. */
#define MEMORY_SIZE 1488u
#endif

static uint64_t memory[(MEMORY_SIZE + 7u) / 8u];
static sealwire_endpoint *endpoint;
static sealwire_key key;
static sealwire_own_credential own;
static sealwire_config config = SEALWIRE_CONFIG_INIT;
static sealwire_port port = SEALWIRE_PORT_INIT;
static sealwire_two_slot store;
static sealwire_event event;
static uint32_t session;

#if defined(ISSUERS) || defined(FULL)
static const sealwire_anchor anchor = {{provision_issuer, sizeof provision_issuer}, {provision_issuer_kid, sizeof provision_issuer_kid}, SEALWIRE_PURPOSE_IDENTITY};
#endif
#if !defined(ISSUERS)
static const sealwire_bytes hub = {provision_hub, sizeof provision_hub};
#endif

static int32_t prepare(void) {
  const sealwire_flash flash = {NULL, board_flash_read, board_flash_erase, board_flash_write, 0, FLASH_SLOT, 1, 4, 0};
  int32_t status = sealwire_key_import(&key, PROVISION_KIND, provision_device_key);
  if (status == SEALWIRE_OK) status = sealwire_two_slot_init(&store, &flash);
  if (status == SEALWIRE_OK) status = line_init();
  own.credential.data = provision_device;
  own.credential.length = sizeof provision_device;
  own.key = &key;
  config.own = &own;
  config.own_count = 1;
#if defined(ISSUERS) || defined(FULL)
  config.anchors = &anchor;
  config.anchor_count = 1;
#endif
#if !defined(ISSUERS)
  config.peers = &hub;
  config.peer_count = 1;
#endif
  config.handshake_buffer = HANDSHAKE_BUFFER;
  port.context = &store;
  port.random = board_random;
  port.store_load = sealwire_two_slot_load;
  port.store_save = sealwire_two_slot_save;
  port.store_resists_rollback = 1;
  return status;
}

#ifdef MEASURED

/* Time stands still, so that every run is the same. */
#define NOW 1000u

#define FAIL(code) board_exit(code)

static sealwire_event arrived;

static void send_measured(const char *name, const uint8_t *payload, size_t length) {
  sealwire_outgoing message = SEALWIRE_OUTGOING_INIT;
  sealwire_sent sent;
  int32_t status;
  message.payload.data = payload;
  message.payload.length = length;
  MEASURE(name, status = sealwire_send(endpoint, NOW, session, &message, out, sizeof out, &sent));
  if (status != SEALWIRE_OK) FAIL(1);
  transmit(sent.length);
}

static void handle_measured(const char *name, size_t least) {
  uint8_t *frame;
  size_t length;
  int32_t status;
  do {
    frame = received(&length);
    /* A short record is the endpoint's own, such as an acknowledgement. */
    if (frame != NULL && length < least) {
      if (sealwire_handle_frame(endpoint, NOW, NULL, NULL, 0, frame, length, &arrived) != SEALWIRE_OK) FAIL(1);
      frame = NULL;
    }
  } while (frame == NULL);
  MEASURE(name, status = sealwire_handle_frame(endpoint, NOW, NULL, NULL, 0, frame, length, &arrived));
  if (status != SEALWIRE_OK) FAIL(1);
}

static void events_measured(const char *name) {
  int32_t status;
  do {
    MEASURE(name, status = sealwire_poll_event(endpoint, &event));
    if (status != SEALWIRE_OK) FAIL(1);
    if (event.event == SEALWIRE_EVENT_ESTABLISHED) session = event.session;
  } while (event.event != SEALWIRE_EVENT_NONE);
}

static void transmit_measured(const char *name) {
  sealwire_transmit next;
  for (;;) {
    int32_t status;
    MEASURE(name, status = sealwire_poll_transmit(endpoint, NOW, out, sizeof out, &next));
    if (status != SEALWIRE_OK) FAIL(1);
    if (next.length == 0) return;
    transmit(next.length);
  }
}

static void exchange(const char *send, const char *receive, const uint8_t *payload, size_t length) {
  send_measured(send, payload, length);
  handle_measured(receive, length);
  if (arrived.event != SEALWIRE_EVENT_MESSAGE || arrived.message.payload.length != length ||
      memcmp(arrived.message.payload.data, payload, length) != 0)
    FAIL(1);
}

/* The least memory with which there is room for a session. */
static size_t least_memory(void) {
  size_t least = 0;
  for (size_t size = MEMORY_SIZE; size > 0; size -= 8) {
    if (sealwire_endpoint_init(memory, size, &config, &port, &endpoint) != SEALWIRE_OK) break;
    (void)sealwire_endpoint_close(endpoint);
    least = size;
  }
  return least;
}

int main(void) {
  static uint8_t payload[1024];
  int32_t status;
  uint32_t number;
  board_init();
  for (size_t i = 0; i < sizeof payload; i++) payload[i] = (uint8_t)i;
  if (prepare() != SEALWIRE_OK) return 1;
  measure_number("memory.declared", MEMORY_SIZE);
  measure_number("memory.least", least_memory());
  MEASURE("init", status = sealwire_endpoint_init(memory, sizeof memory, &config, &port, &endpoint));
  if (status != SEALWIRE_OK) return 1;
  MEASURE("restore_nothing", status = sealwire_restore(endpoint, NOW, &number));
  if (status != SEALWIRE_OK || number != 0) return 1;
#ifdef RESPOND
  handle_measured("handshake.message_1", 0);
  transmit_measured("handshake.transmit");
  handle_measured("handshake.message_3", 0);
  transmit_measured("handshake.transmit");
  /* The session is confirmed by the first record under it. */
  while (session == 0) {
    handle_measured("handshake.record", 0);
    events_measured("handshake.event");
  }
#else
  MEASURE("handshake.connect", status = sealwire_connect(endpoint, NOW, NULL, NULL, &number));
  if (status != SEALWIRE_OK) return 1;
  transmit_measured("handshake.transmit");
  handle_measured("handshake.message_2", 0);
  transmit_measured("handshake.transmit");
  handle_measured("handshake.message_4", 0);
  events_measured("handshake.event");
#endif
  transmit_measured("handshake.transmit");
  if (session == 0) return 1;
  /* The first of each also reserves numbers in the store. */
  exchange("store.send", "store.receive", payload, 64);
  exchange("send_64", "receive_64", payload, 64);
  exchange("send_1024", "receive_1024", payload, 1024);
  if (sealwire_endpoint_close(endpoint) != SEALWIRE_OK) return 1;
  if (sealwire_endpoint_init(memory, sizeof memory, &config, &port, &endpoint) != SEALWIRE_OK) return 1;
  MEASURE("restore", status = sealwire_restore(endpoint, NOW, &number));
  if (status != SEALWIRE_OK || number != 1) return 1;
  events_measured("event");
  transmit_measured("transmit");
  exchange("store.send", "store.receive", payload, 64);
  return 0;
}

#else

#define PERIOD_MS 1000u

static void handle(uint64_t now) {
  size_t length;
  uint8_t *frame = received(&length);
  if (frame == NULL) return;
  if (sealwire_handle_frame(endpoint, now, NULL, NULL, 0, frame, length, &event) != SEALWIRE_OK) return;
  if (event.event == SEALWIRE_EVENT_MESSAGE && event.message.confirmable)
    (void)!sealwire_commit(endpoint, now, event.session, event.message.number, event.message.has_origin ? &event.message.origin : NULL);
}

static void events(uint64_t now) {
  uint32_t handshake;
  while (sealwire_poll_event(endpoint, &event) == SEALWIRE_OK && event.event != SEALWIRE_EVENT_NONE) {
    switch (event.event) {
      case SEALWIRE_EVENT_ESTABLISHED:
      case SEALWIRE_EVENT_REPLACED: session = event.session; break;
      case SEALWIRE_EVENT_RESEND: (void)!sealwire_abandon(endpoint, event.session, event.number); break;
      case SEALWIRE_EVENT_CLOSED:
      case SEALWIRE_EVENT_HANDSHAKE_FAILED:
        if (event.old_session == session) session = 0;
        (void)!sealwire_connect(endpoint, now, NULL, NULL, &handshake);
        break;
      default: break;
    }
  }
}

static void sample(uint64_t now) {
  static uint32_t value;
  sealwire_outgoing message = SEALWIRE_OUTGOING_INIT;
  sealwire_sent sent;
  uint8_t payload[4];
  value++;
  memcpy(payload, &value, sizeof payload);
  message.confirmable = 1;
  message.payload.data = payload;
  message.payload.length = sizeof payload;
  if (sealwire_send(endpoint, now, session, &message, out, sizeof out, &sent) == SEALWIRE_OK) transmit(sent.length);
}

int main(void) {
  uint32_t number;
  uint64_t due = 0, next_sample = 0;
  sealwire_transmit next;
  board_init();
  if (prepare() != SEALWIRE_OK) return 1;
  if (sealwire_endpoint_init(memory, sizeof memory, &config, &port, &endpoint) != SEALWIRE_OK) return 1;
  if (sealwire_restore(endpoint, board_now_ms(), &number) != SEALWIRE_OK) return 1;
  if (number == 0 && sealwire_connect(endpoint, board_now_ms(), NULL, NULL, &number) != SEALWIRE_OK) return 1;
  for (;;) {
    const uint64_t now = board_now_ms();
    handle(now);
    if (sealwire_poll_timeout(endpoint, &due) == SEALWIRE_OK && now >= due) (void)!sealwire_handle_timeout(endpoint, now);
    events(now);
    while (sealwire_poll_transmit(endpoint, now, out, sizeof out, &next) == SEALWIRE_OK && next.length > 0) transmit(next.length);
    if (session != 0 && now >= next_sample) {
      next_sample = now + PERIOD_MS;
      sample(now);
    }
  }
}

#endif
