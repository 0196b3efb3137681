/* The flash of Nordic's nRF51: pages of 1 kB, words of 4 bytes, written through its controller. Settings, seed and store lie where the
   linker script says. */
#include "board.h"
#include "uart.h"

extern uint8_t page_settings[], page_settings_end[], page_seed[], page_store[];

#define READY REGISTER(0x4001e400)
#define CONFIG REGISTER(0x4001e504)
#define ERASE_PAGE REGISTER(0x4001e508)
#define READ_ONLY 0u
#define WRITE 1u
#define ERASE 2u

#define PAGE 1024u
#define SLOTS 3u
#define SEED 32u

static void set(uint32_t mode) {
  CONFIG = mode;
  while (READY == 0) {
  }
}

static void erase_page(const uint8_t *page) {
  set(ERASE);
  ERASE_PAGE = (uint32_t)(uintptr_t)page;
  set(READ_ONLY);
}

const uint8_t *board_settings(size_t *length) {
  *length = (size_t)(page_settings_end - page_settings);
  return page_settings;
}

size_t board_entropy(uint8_t *out, size_t capacity) {
  static const uint8_t mark[4] = {'S', 'E', 'E', 'D'};
  if (capacity < SEED || memcmp(page_seed, mark, sizeof mark) != 0) return 0;
  memcpy(out, page_seed + sizeof mark, SEED);
  erase_page(page_seed);
  return SEED;
}

static int32_t flash_read(void *context, uint32_t address, uint8_t *out, size_t length) {
  (void)context;
  memcpy(out, page_store + address, length);
  return SEALWIRE_OK;
}

static int32_t flash_erase(void *context, uint32_t address, uint32_t length) {
  (void)context;
  for (uint32_t at = 0; at < length; at += PAGE) erase_page(page_store + address + at);
  return SEALWIRE_OK;
}

static int32_t flash_write(void *context, uint32_t address, const uint8_t *data, size_t length) {
  (void)context;
  set(WRITE);
  for (size_t i = 0; i < length; i += 4) {
    REGISTER(page_store + address + i) = (uint32_t)data[i] | (uint32_t)data[i + 1] << 8 | (uint32_t)data[i + 2] << 16 | (uint32_t)data[i + 3] << 24;
    while (READY == 0) {
    }
  }
  set(READ_ONLY);
  return SEALWIRE_OK;
}

const sealwire_flash board_flash = {NULL, flash_read, flash_erase, flash_write, 0, PAGE, SLOTS, 4, 0xff};
