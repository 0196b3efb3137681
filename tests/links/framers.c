#include "framers.h"

#include <string.h>

/* ---- byte lines */

static uint8_t line_buffer[FRAMER_FRAME + 2];
static sealwire_uart uart;
static sealwire_stream stream;

static int uart_open(framer *self) {
  (void)self;
  return sealwire_uart_init(&uart, line_buffer, sizeof line_buffer) == SEALWIRE_OK ? 0 : -1;
}

static int uart_send(framer *self, const uint8_t *frame, size_t length) {
  uint8_t bytes[FRAMER_FRAME + FRAMER_FRAME / 100 + 8];
  size_t used = 0;
  if (sealwire_uart_encode(frame, length, bytes, sizeof bytes, &used) != SEALWIRE_OK) return -1;
  return put(self, bytes, used);
}

static void uart_input(framer *self, uint8_t *bytes, size_t length) {
  while (length > 0) {
    size_t taken = 0;
    uint8_t *frame = NULL;
    size_t frame_length = 0;
    if (sealwire_uart_feed(&uart, bytes, length, &taken, &frame, &frame_length) != SEALWIRE_OK || taken == 0) return;
    if (frame != NULL) deliver(self, frame, frame_length);
    bytes += taken;
    length -= taken;
  }
}

static void uart_counters(framer *self, sealwire_link_counters *out) {
  (void)self;
  (void)!sealwire_uart_counters(&uart, out);
}

static int stream_open(framer *self) {
  (void)self;
  return sealwire_stream_init(&stream, line_buffer, sizeof line_buffer) == SEALWIRE_OK ? 0 : -1;
}

static int stream_send(framer *self, const uint8_t *frame, size_t length) {
  uint8_t bytes[FRAMER_FRAME + 2];
  size_t used = 0;
  if (sealwire_stream_encode(frame, length, bytes, sizeof bytes, &used) != SEALWIRE_OK) return -1;
  return put(self, bytes, used);
}

static void stream_input(framer *self, uint8_t *bytes, size_t length) {
  while (length > 0) {
    size_t taken = 0;
    uint8_t *frame = NULL;
    size_t frame_length = 0;
    if (sealwire_stream_feed(&stream, bytes, length, &taken, &frame, &frame_length) != SEALWIRE_OK || taken == 0) return;
    if (frame != NULL) deliver(self, frame, frame_length);
    bytes += taken;
    length -= taken;
  }
}

static void stream_counters(framer *self, sealwire_link_counters *out) {
  (void)self;
  (void)!sealwire_stream_counters(&stream, out);
}

/* ---- all of them */

static const framer_kind_of kinds[] = {
    {"uart", uart_open, uart_send, uart_input, NULL, uart_counters},
    {"stream", stream_open, stream_send, stream_input, NULL, stream_counters},
};

const framer_kind_of *framer_kind(const char *name) {
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (strcmp(kinds[i].name, name) == 0) return &kinds[i];
  }
  return NULL;
}
