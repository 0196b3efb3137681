/* The serial line of the images: UART framing over the board's, for frames up to FRAME bytes. */
#ifndef LINE_H
#define LINE_H

#include "board.h"
#include "sealwire_primitives.h"

#ifdef MEASURED
#define FRAME 1280
#else
#define FRAME 256
#endif

static sealwire_uart line;
static uint8_t line_buffer[FRAME + 2];
static uint8_t out[FRAME];
static uint8_t encoded[FRAME + FRAME / 254 + 5];

static int32_t line_init(void) { return sealwire_uart_init(&line, line_buffer, sizeof line_buffer); }

/* Sends so many bytes of `out` as a frame. */
static void transmit(size_t length) {
  size_t encoded_length;
  if (sealwire_uart_encode(out, length, encoded, sizeof encoded, &encoded_length) == SEALWIRE_OK) board_write(encoded, encoded_length);
}

/* The frame that has arrived, or NULL. */
static uint8_t *received(size_t *length) {
  int byte;
  while ((byte = board_read()) >= 0) {
    const uint8_t input = (uint8_t)byte;
    uint8_t *frame;
    size_t taken;
    if (sealwire_uart_feed(&line, &input, 1, &taken, &frame, length) == SEALWIRE_OK && frame != NULL) return frame;
  }
  return NULL;
}

#endif
