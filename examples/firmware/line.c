#include "line.h"

#include "board.h"

static sealwire_uart decoder;
static uint8_t *encoded;
static size_t encoded_capacity;
/* Taken from the UART, and not looked at from `at` on. */
static uint8_t bytes[64];
static size_t at, bytes_length;

int32_t line_open(uint8_t *in, size_t in_capacity, uint8_t *out, size_t out_capacity) {
  encoded = out;
  encoded_capacity = out_capacity;
  return sealwire_uart_init(&decoder, in, in_capacity);
}

uint8_t *line_receive(size_t *length) {
  uint8_t *frame = NULL;
  while (frame == NULL) {
    size_t taken = 0;
    if (at == bytes_length) {
      at = 0;
      bytes_length = board_uart_read(bytes, sizeof bytes);
      if (bytes_length == 0) return NULL;
    }
    if (sealwire_uart_feed(&decoder, bytes + at, bytes_length - at, &taken, &frame, length) != SEALWIRE_OK || taken == 0) {
      at = bytes_length;
      return NULL;
    }
    at += taken;
  }
  return frame;
}

void line_send(const uint8_t *frame, size_t length) {
  size_t encoded_length = 0;
  if (sealwire_uart_encode(frame, length, encoded, encoded_capacity, &encoded_length) == SEALWIRE_OK) {
    board_uart_write(encoded, encoded_length);
  }
}
