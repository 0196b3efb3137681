/* Bytes between an interrupt handler, which writes, and the program, which reads: neither has to lock the other out. */
#ifndef RING_H
#define RING_H

#include <stddef.h>
#include <stdint.h>

typedef struct ring {
  /* One byte each, so that every processor writes them at once; they wrap around with the array. */
  volatile uint8_t in;
  volatile uint8_t out;
  volatile uint8_t bytes[256];
} ring;

static inline int ring_full(const ring *self) { return (uint8_t)(self->in + 1) == self->out; }

static inline void ring_put(ring *self, uint8_t byte) {
  self->bytes[self->in] = byte;
  self->in = (uint8_t)(self->in + 1);
}

static inline size_t ring_take(ring *self, uint8_t *out, size_t capacity) {
  size_t count = 0;
  while (count < capacity && self->out != self->in) {
    out[count++] = self->bytes[self->out];
    self->out = (uint8_t)(self->out + 1);
  }
  return count;
}

#endif
