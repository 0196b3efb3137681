/* The emulated board (QEMU mps2-an385/an386): a serial line, a clock, a random source and flash, as little of each as real firmware has. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

void board_init(void);

/* Milliseconds since the start. */
uint64_t board_now_ms(void);

/* A byte from the line, or -1. */
int board_read(void);
void board_write(const uint8_t *bytes, size_t length);

/* Ends the emulator: 0 for success. */
void board_exit(int code);

/* Callbacks of a sealwire_port and of a sealwire_flash. */
int32_t board_random(void *context, uint8_t *out, size_t length);
int32_t board_flash_read(void *context, uint32_t address, uint8_t *out, size_t length);
int32_t board_flash_erase(void *context, uint32_t address, uint32_t length);
int32_t board_flash_write(void *context, uint32_t address, const uint8_t *data, size_t length);

#endif
