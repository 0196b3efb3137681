/* A device through sealwire_device.h: keeps a session with the hub over its serial line and flash, and sends a sample every second. With MEASURED
   it is a run whose calls are counted instead. */
#include "line.h"
#include "measure.h"
#include "provision.h"
#include "sealwire_device.h"

#include <string.h>

#define FLASH_SLOT 512

static sealwire_device device;
static sealwire_device_config config;
static sealwire_port port = SEALWIRE_PORT_INIT;
static sealwire_two_slot store;

static int32_t prepare(void) {
  const sealwire_flash flash = {NULL, board_flash_read, board_flash_erase, board_flash_write, 0, FLASH_SLOT, 1, 4, 0};
  int32_t status = sealwire_two_slot_init(&store, &flash);
  if (status == SEALWIRE_OK) status = line_init();
  config.own.data = provision_device;
  config.own.length = sizeof provision_device;
  config.private_key = provision_device_key;
  config.peer.data = provision_hub;
  config.peer.length = sizeof provision_hub;
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

static int established;

static void send_measured(const char *name, const uint8_t *payload, size_t length) {
  sealwire_device_outgoing message = {0};
  sealwire_device_sent sent;
  int32_t status;
  message.payload.data = payload;
  message.payload.length = length;
  MEASURE(name, status = sealwire_device_send(&device, NOW, &message, out, sizeof out, &sent));
  if (status != SEALWIRE_OK) FAIL(1);
  transmit(sent.length);
}

static sealwire_device_message handle_measured(const char *name, size_t least) {
  sealwire_device_message arrived;
  uint8_t *frame;
  size_t length;
  int32_t status;
  do {
    frame = received(&length);
    /* A short record is the endpoint's own, such as an acknowledgement. */
    if (frame != NULL && length < least) {
      if (sealwire_device_handle_frame(&device, NOW, frame, length, &arrived) != SEALWIRE_OK) FAIL(1);
      frame = NULL;
    }
  } while (frame == NULL);
  MEASURE(name, status = sealwire_device_handle_frame(&device, NOW, frame, length, &arrived));
  if (status != SEALWIRE_OK) FAIL(1);
  return arrived;
}

static void events_measured(const char *name) {
  sealwire_device_event event;
  int32_t status;
  do {
    MEASURE(name, status = sealwire_device_poll_event(&device, &event));
    if (status != SEALWIRE_OK) FAIL(1);
    if (event.event == SEALWIRE_EVENT_ESTABLISHED) established = 1;
  } while (event.event != SEALWIRE_EVENT_NONE);
}

static void transmit_measured(const char *name) {
  size_t length;
  for (;;) {
    int32_t status;
    MEASURE(name, status = sealwire_device_poll_transmit(&device, NOW, out, sizeof out, &length));
    if (status != SEALWIRE_OK) FAIL(1);
    if (length == 0) return;
    transmit(length);
  }
}

static void exchange(const char *send, const char *receive, const uint8_t *payload, size_t length) {
  sealwire_device_message arrived;
  send_measured(send, payload, length);
  arrived = handle_measured(receive, length);
  if (arrived.arrived == 0 || arrived.payload.length != length || memcmp(arrived.payload.data, payload, length) != 0) FAIL(1);
}

int main(void) {
  static uint8_t payload[1024];
  int32_t status;
  uint8_t restored;
  board_init();
  for (size_t i = 0; i < sizeof payload; i++) payload[i] = (uint8_t)i;
  if (prepare() != SEALWIRE_OK) return 1;
  measure_number("memory.declared", sizeof device);
  MEASURE("init", status = sealwire_device_init(&device, &config, &port));
  if (status != SEALWIRE_OK) return 1;
  MEASURE("restore_nothing", status = sealwire_device_restore(&device, NOW, &restored));
  if (status != SEALWIRE_OK || restored != 0) return 1;
  MEASURE("handshake.connect", status = sealwire_device_connect(&device, NOW));
  if (status != SEALWIRE_OK) return 1;
  transmit_measured("handshake.transmit");
  (void)handle_measured("handshake.message_2", 0);
  transmit_measured("handshake.transmit");
  (void)handle_measured("handshake.message_4", 0);
  events_measured("handshake.event");
  transmit_measured("handshake.transmit");
  if (!established) return 1;
  /* The first of each also reserves numbers in the store. */
  exchange("store.send", "store.receive", payload, 64);
  exchange("send_64", "receive_64", payload, 64);
  exchange("send_1024", "receive_1024", payload, 1024);
  sealwire_device_close(&device);
  if (sealwire_device_init(&device, &config, &port) != SEALWIRE_OK) return 1;
  MEASURE("restore", status = sealwire_device_restore(&device, NOW, &restored));
  if (status != SEALWIRE_OK || restored != 1) return 1;
  events_measured("event");
  transmit_measured("transmit");
  exchange("store.send", "store.receive", payload, 64);
  return 0;
}

#else

#define PERIOD_MS 1000u

static int established;

static void handle(uint64_t now) {
  sealwire_device_message message;
  size_t length;
  uint8_t *frame = received(&length);
  if (frame == NULL) return;
  if (sealwire_device_handle_frame(&device, now, frame, length, &message) != SEALWIRE_OK) return;
  if (message.confirmable) (void)!sealwire_device_commit(&device, now, &message);
}

static void events(uint64_t now) {
  sealwire_device_event event;
  while (sealwire_device_poll_event(&device, &event) == SEALWIRE_OK && event.event != SEALWIRE_EVENT_NONE) {
    switch (event.event) {
      case SEALWIRE_EVENT_ESTABLISHED: established = 1; break;
      case SEALWIRE_EVENT_RESEND: (void)!sealwire_device_abandon(&device, event.number); break;
      case SEALWIRE_EVENT_HANDSHAKE_FAILED: (void)!sealwire_device_connect(&device, now); break;
      default: break;
    }
  }
}

static void sample(uint64_t now) {
  static uint32_t value;
  sealwire_device_outgoing message = {0};
  sealwire_device_sent sent;
  uint8_t payload[4];
  value++;
  memcpy(payload, &value, sizeof payload);
  message.confirmable = 1;
  message.payload.data = payload;
  message.payload.length = sizeof payload;
  if (sealwire_device_send(&device, now, &message, out, sizeof out, &sent) == SEALWIRE_OK) transmit(sent.length);
}

int main(void) {
  uint64_t next_sample = 0;
  size_t length;
  uint8_t restored;
  board_init();
  if (prepare() != SEALWIRE_OK) return 1;
  if (sealwire_device_init(&device, &config, &port) != SEALWIRE_OK) return 1;
  if (sealwire_device_restore(&device, board_now_ms(), &restored) != SEALWIRE_OK) return 1;
  if (!restored && sealwire_device_connect(&device, board_now_ms()) != SEALWIRE_OK) return 1;
  for (;;) {
    const uint64_t now = board_now_ms();
    handle(now);
    events(now);
    while (sealwire_device_poll_transmit(&device, now, out, sizeof out, &length) == SEALWIRE_OK && length > 0) transmit(length);
    if (established && now >= next_sample) {
      next_sample = now + PERIOD_MS;
      sample(now);
    }
  }
}

#endif
