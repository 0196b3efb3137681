/* ATmega1284P at 16 MHz: 128 kB of flash, 16 kB of RAM, 4 kB of EEPROM. The console is the UART: the board has no other. */
#include <avr/eeprom.h>
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>

#include "board.h"
#include "ring.h"

#define SEED 32u
#define SLOT 640u
#define SLOTS 1u
#define STORE 1024u

static ring received;
static volatile uint32_t now_ms;

ISR(TIMER1_COMPA_vect) { now_ms++; }

ISR(USART0_RX_vect) {
  uint8_t byte = UDR0;
  if (!ring_full(&received)) ring_put(&received, byte);
}

void board_init(void) {
  wdt_disable();
  TCCR1B = _BV(WGM12) | _BV(CS11) | _BV(CS10); /* 250 kHz, cleared when it is reached */
  OCR1A = 249;
  TIMSK1 = _BV(OCIE1A);
  UCSR0A = _BV(U2X0);
  UBRR0 = 16; /* 115,200 */
  UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
  sei();
}

uint64_t board_now_ms(void) {
  uint8_t flags = SREG;
  cli();
  uint32_t now = now_ms;
  SREG = flags;
  return now;
}

void board_idle(void) { sleep_mode(); }

size_t board_uart_read(uint8_t *out, size_t capacity) { return ring_take(&received, out, capacity); }

void board_uart_write(const uint8_t *data, size_t length) {
  for (size_t i = 0; i < length; i++) {
    while ((UCSR0A & _BV(UDRE0)) == 0) {
    }
    UDR0 = data[i];
  }
}

/* simavr has no noise to measure. What is in the EEPROM's first bytes is taken, blank or not: enough for a self test, for nothing else. */
size_t board_entropy(uint8_t *out, size_t capacity) {
  if (capacity < SEED) return 0;
  eeprom_read_block(out, (const void *)0, SEED);
  return SEED;
}

const uint8_t *board_settings(size_t *length) {
  *length = 0;
  return NULL;
}

static int32_t flash_read(void *context, uint32_t address, uint8_t *out, size_t length) {
  (void)context;
  eeprom_read_block(out, (const void *)(uintptr_t)(STORE + address), length);
  return SEALWIRE_OK;
}

static int32_t flash_write(void *context, uint32_t address, const uint8_t *data, size_t length) {
  (void)context;
  eeprom_update_block(data, (void *)(uintptr_t)(STORE + address), length);
  return SEALWIRE_OK;
}

static int32_t flash_erase(void *context, uint32_t address, uint32_t length) {
  (void)context;
  for (uint32_t at = 0; at < length; at++) eeprom_update_byte((uint8_t *)(uintptr_t)(STORE + address + at), 0xff);
  return SEALWIRE_OK;
}

const sealwire_flash board_flash = {NULL, flash_read, flash_erase, flash_write, 0, SLOT, SLOTS, 1, 0xff};

void board_console(const char *text) {
  for (; *text != '\0'; text++) board_uart_write((const uint8_t *)text, 1);
}

void board_restart(void) {
  wdt_enable(WDTO_15MS);
  for (;;) {
  }
}

/* Asleep without interrupts: the emulator ends. */
void board_exit(int status) {
  (void)status;
  cli();
  sleep_mode();
  for (;;) {
  }
}
