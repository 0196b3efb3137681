/* A rival as Initiator on the same board: its handshake and a record each way. Frames are their length in two bytes, then the bytes. */
#include "board.h"
#include "measure.h"

#define FRAME 512
#define RECORD 64

size_t rival_first(uint8_t *out, size_t capacity);
size_t rival_next(const uint8_t *input, size_t length, uint8_t *out, size_t capacity);
size_t rival_seal(const uint8_t *input, size_t length, uint8_t *out, size_t capacity);
size_t rival_open(const uint8_t *input, size_t length, uint8_t *out, size_t capacity);

static uint8_t in[FRAME], out[FRAME];

static uint8_t get(void) {
  int byte;
  do {
    byte = board_read();
  } while (byte < 0);
  return (uint8_t)byte;
}

static size_t receive(void) {
  size_t length = (size_t)get() << 8;
  length |= get();
  if (length > sizeof in) board_exit(1);
  for (size_t i = 0; i < length; i++) in[i] = get();
  return length;
}

static void transmit(size_t length) {
  const uint8_t head[2] = {(uint8_t)(length >> 8), (uint8_t)length};
  if (length == 0) board_exit(1);
  board_write(head, sizeof head);
  board_write(out, length);
}

int main(void) {
  static uint8_t payload[RECORD];
  size_t length;
  board_init();
  for (size_t i = 0; i < sizeof payload; i++) payload[i] = (uint8_t)i;
  MEASURE("handshake.first", length = rival_first(out, sizeof out));
  transmit(length);
  length = receive();
  MEASURE("handshake.next", length = rival_next(in, length, out, sizeof out));
  transmit(length);
  MEASURE("send_64", length = rival_seal(payload, sizeof payload, out, sizeof out));
  transmit(length);
  length = receive();
  MEASURE("receive_64", length = rival_open(in, length, out, sizeof out));
  if (length != sizeof payload) return 1;
  for (size_t i = 0; i < sizeof payload; i++)
    if (out[i] != payload[i]) return 1;
  return 0;
}
