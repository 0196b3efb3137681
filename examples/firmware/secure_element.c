/* The mock of a secure element. Everything in this file stands for the chip's inside: its key memory, and its arithmetic, for which it
   borrows the library's. Nothing outside sees the key: tests/firmware/leaks.py searches the whole memory at every call of the library. */
#include "secure_element.h"

#include "board.h"

/* How long a real one takes. */
#define WORK_MS 60u

/* The chip's own memory: the key that it was born with, and its working copy. */
extern const uint8_t page_element[];
static sealwire_key element_key;

static uint8_t peer_key[32];
static uint64_t ready_ms;
static uint8_t busy;

/* The chip has a stack of its own, the mock has not: what its arithmetic leaves behind goes. */
__attribute__((noinline)) static void wipe_stack(void) {
  volatile uint8_t below[6144];
  for (size_t i = 0; i < sizeof below; i++) below[i] = 0;
}

int element_open(void) {
  int32_t status = sealwire_key_import(&element_key, SEALWIRE_KEY_P256, page_element);
  wipe_stack();
  return status == SEALWIRE_OK ? 0 : -1;
}

void element_agree(uint64_t now_ms, const uint8_t *peer) {
  memcpy(peer_key, peer, sizeof peer_key);
  ready_ms = now_ms + WORK_MS;
  busy = 1;
}

int element_answer(uint64_t now_ms, uint8_t *secret) {
  if (!busy || now_ms < ready_ms) return 0;
  busy = 0;
  int32_t status = sealwire_key_agree(&element_key, SEALWIRE_CURVE_P256, peer_key, secret);
  wipe_stack();
  return status == SEALWIRE_OK ? 1 : -1;
}
