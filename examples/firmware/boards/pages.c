/* Pages beside the image: settings written at provisioning, a seed, and the flash that state is kept in. Where they lie says the linker
   script. For boards whose flash the emulator treats as memory; erasing and programming behave as on flash all the same. */
#include "board.h"

extern uint8_t page_settings[], page_settings_end[], page_seed[], page_store[];

#define BLOCK 1024u
#define SLOTS 3u
#define SEED 32u

const uint8_t *board_settings(size_t *length) {
  *length = (size_t)(page_settings_end - page_settings);
  return page_settings;
}

size_t board_entropy(uint8_t *out, size_t capacity) {
  static const uint8_t mark[4] = {'S', 'E', 'E', 'D'};
  if (capacity < SEED || memcmp(page_seed, mark, sizeof mark) != 0) return 0;
  memcpy(out, page_seed + sizeof mark, SEED);
  memset(page_seed, 0, sizeof mark + SEED);
  return SEED;
}

static int32_t flash_read(void *context, uint32_t address, uint8_t *out, size_t length) {
  (void)context;
  memcpy(out, page_store + address, length);
  return SEALWIRE_OK;
}

static int32_t flash_erase(void *context, uint32_t address, uint32_t length) {
  (void)context;
  memset(page_store + address, 0xff, length);
  return SEALWIRE_OK;
}

static int32_t flash_write(void *context, uint32_t address, const uint8_t *data, size_t length) {
  (void)context;
  /* Programming clears bits; only erasing sets them. */
  for (size_t i = 0; i < length; i++) page_store[address + i] &= data[i];
  return SEALWIRE_OK;
}

const sealwire_flash board_flash = {NULL, flash_read, flash_erase, flash_write, 0, BLOCK, SLOTS, 4, 0xff};
