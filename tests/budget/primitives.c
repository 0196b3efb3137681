/* A device through sealwire_primitives.h, with a loop of its own: handshake as Initiator, records, a boot counter in flash, serial line. What
   the endpoint adds (retransmission beyond a restart of the handshake, resuming after a restart, acknowledgements) is not here. */
#include "line.h"
#include "measure.h"
#include "provision.h"
#include "sealwire_primitives.h"

#include <string.h>

#define C_I 0x05
#define MESSAGE_1 1
#define MESSAGE_2 2
#define MESSAGE_3 3
#define MESSAGE_4 4

static sealwire_key key;
static sealwire_own_credential own;
static const sealwire_bytes hub = {provision_hub, sizeof provision_hub};
static sealwire_config config = SEALWIRE_CONFIG_INIT;
static sealwire_port port = SEALWIRE_PORT_INIT;
static sealwire_step step;
static sealwire_handshake handshake;
static sealwire_context context;
static sealwire_two_slot store;

static int32_t prepare(void) {
  const sealwire_flash flash = {NULL, board_flash_read, board_flash_erase, board_flash_write, 0, 64, 1, 4, 0};
  uint32_t boots = 0;
  size_t length;
  int32_t status = sealwire_key_import(&key, PROVISION_KIND, provision_device_key);
  if (status == SEALWIRE_OK) status = line_init();
  if (status == SEALWIRE_OK) status = sealwire_two_slot_init(&store, &flash);
  if (status == SEALWIRE_OK) status = sealwire_two_slot_load(&store, 0, (uint8_t *)&boots, sizeof boots, &length);
  boots++;
  if (status == SEALWIRE_OK) status = sealwire_two_slot_save(&store, 0, (const uint8_t *)&boots, sizeof boots);
  own.credential.data = provision_device;
  own.credential.length = sizeof provision_device;
  own.key = &key;
  config.own = &own;
  config.own_count = 1;
  config.peers = &hub;
  config.peer_count = 1;
  port.random = board_random;
  step.config = &config;
  step.port = &port;
  return status;
}

/* ---- the handshake: a frame is the message's type, then the message. Each function answers 1 on success. */

static int begin(void) {
  const uint8_t c_i = C_I;
  size_t length;
  int32_t status;
  sealwire_handshake_erase(&handshake);
  MEASURE("handshake.message_1", status = sealwire_message_1_compose(&handshake, &step, PROVISION_SUITE, &c_i, 1, out + 1, sizeof out - 1, &length));
  if (status != SEALWIRE_OK) return 0;
  out[0] = MESSAGE_1;
  transmit(1 + length);
  return 1;
}

static int on_message_2(void) {
  size_t length;
  int32_t status;
  MEASURE("handshake.message_2", status = sealwire_message_2_process(&handshake, &step, out + 1, sizeof out - 1, &length));
  if (status != SEALWIRE_OK) return 0;
  out[0] = MESSAGE_3;
  transmit(1 + length);
  return 1;
}

static int on_message_4(void) {
  int32_t status;
  MEASURE("handshake.message_4", status = sealwire_message_4_process(&handshake, &step));
  if (status != SEALWIRE_OK) return 0;
  MEASURE("handshake.context", status = sealwire_context_init(&context, &handshake));
  sealwire_handshake_erase(&handshake);
  return status == SEALWIRE_OK;
}

#ifdef MEASURED

static uint8_t *wait(size_t *length) {
  uint8_t *frame;
  do {
    frame = received(length);
  } while (frame == NULL);
  return frame;
}

static void wait_message(uint8_t type) {
  size_t length;
  const uint8_t *frame = wait(&length);
  if (frame[0] != type) board_exit(1);
  step.message.data = frame + 1;
  step.message.length = length - 1;
}

static void exchange(const char *protect, const char *unprotect, const uint8_t *payload, size_t payload_length) {
  sealwire_opened opened;
  size_t length;
  int32_t status;
  MEASURE(protect, status = sealwire_context_protect(&context, NULL, 0, payload, payload_length, out, sizeof out, &length));
  if (status != SEALWIRE_OK) board_exit(1);
  transmit(length);
  uint8_t *frame = wait(&length);
  MEASURE(unprotect, status = sealwire_context_unprotect(&context, NULL, 0, frame, length, &opened));
  if (status != SEALWIRE_OK || opened.payload.length != payload_length || memcmp(opened.payload.data, payload, payload_length) != 0) board_exit(1);
}

int main(void) {
  static uint8_t payload[1024];
  board_init();
  for (size_t i = 0; i < sizeof payload; i++) payload[i] = (uint8_t)i;
  if (prepare() != SEALWIRE_OK) return 1;
  measure_number("memory.declared", sizeof handshake + sizeof context);
  if (!begin()) return 1;
  wait_message(MESSAGE_2);
  if (!on_message_2()) return 1;
  wait_message(MESSAGE_4);
  if (!on_message_4()) return 1;
  exchange("send_64", "receive_64", payload, 64);
  exchange("send_1024", "receive_1024", payload, 1024);
  return 0;
}

#else

#define PERIOD_MS 1000u
#define HANDSHAKE_MS 5000u

int main(void) {
  uint64_t next = 0;
  uint32_t value = 0;
  int connected = 0;
  board_init();
  if (prepare() != SEALWIRE_OK) return 1;
  for (;;) {
    const uint64_t now = board_now_ms();
    size_t length;
    uint8_t *frame = received(&length);
    if (frame != NULL) {
      step.message.data = frame + 1;
      step.message.length = length - 1;
      if (frame[0] == MESSAGE_2) {
        (void)on_message_2();
      } else if (frame[0] == MESSAGE_4) {
        if (on_message_4()) {
          connected = 1;
          next = now;
        }
      } else if (connected) {
        sealwire_opened opened;
        if (sealwire_context_unprotect(&context, NULL, 0, frame, length, &opened) == SEALWIRE_OK && opened.payload.length == sizeof value)
          memcpy(&value, opened.payload.data, sizeof value);
      }
    }
    if (now < next) continue;
    if (connected) {
      value++;
      if (sealwire_context_protect(&context, NULL, 0, (const uint8_t *)&value, sizeof value, out, sizeof out, &length) == SEALWIRE_OK) transmit(length);
      next = now + PERIOD_MS;
    } else {
      (void)begin();
      next = now + HANDSHAKE_MS;
    }
  }
}

#endif
