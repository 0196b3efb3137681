/* What the application needs from a board. One file in boards/ per kind of board gives it. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

#include "sealwire_primitives.h"

/* Clock, UART and interrupts. */
void board_init(void);

/* Milliseconds since the start; never goes back. */
uint64_t board_now_ms(void);

/* Sleeps until the next interrupt, at most about a millisecond. */
void board_idle(void);

/* Takes what has arrived on the UART, without waiting. */
size_t board_uart_read(uint8_t *out, size_t capacity);

/* Sends all of it, waiting for the UART. */
void board_uart_write(const uint8_t *data, size_t length);

/* Gathers `capacity` bytes of entropy for sealwire_entropy_seed(); 0 if there is none. A product asks the microcontroller's generator
   (TRNG) here. The emulated boards have none: the machine that starts them writes a fresh seed beside the image, and this erases it. */
size_t board_entropy(uint8_t *out, size_t capacity);

/* 1 while the button is down. */
int board_button(void);

/* What was written to the board at its provisioning: see settings.h. */
const uint8_t *board_settings(size_t *length);

/* The flash that state is kept in: `slots` sessions, at least as many as sealwire_endpoint_capacity() says, or 1 for sealwire_device.h, and
   behind them as much again as one of them for the count of starts. */
extern const sealwire_flash board_flash;

/* A line for whoever watches; a product leaves it out. */
void board_console(const char *text);

/* Starts again, as after a power cut. */
void board_restart(void);

/* The end of a demonstration: leaves the emulator with this status. A product never gets there. */
void board_exit(int status);

/* Freestanding C has no string.h; the library brings these along. */
void *memcpy(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *a, const void *b, size_t length);

#endif
