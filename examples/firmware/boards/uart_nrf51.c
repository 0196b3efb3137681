/* The UART of Nordic's nRF51. */
#include "ring.h"
#include "uart.h"

#define UART 0x40002000u
#define START_RX REGISTER(UART + 0x000)
#define START_TX REGISTER(UART + 0x008)
#define RX_READY REGISTER(UART + 0x108)
#define TX_READY REGISTER(UART + 0x11c)
#define INTERRUPT_SET REGISTER(UART + 0x304)
#define INTERRUPT_CLEAR REGISTER(UART + 0x308)
#define ENABLE REGISTER(UART + 0x500)
#define PIN_TX REGISTER(UART + 0x50c)
#define PIN_RX REGISTER(UART + 0x514)
#define RX REGISTER(UART + 0x518)
#define TX REGISTER(UART + 0x51c)
#define BAUD_RATE REGISTER(UART + 0x524)

#define RX_READY_INTERRUPT (1u << 2)

static ring received;

void uart_init(void) {
  PIN_TX = 24;
  PIN_RX = 25;
  BAUD_RATE = 0x01d7e000; /* 115,200 */
  ENABLE = 4;
  START_RX = 1;
  START_TX = 1;
  INTERRUPT_SET = RX_READY_INTERRUPT;
}

static void take(void) {
  while (RX_READY != 0 && !ring_full(&received)) {
    RX_READY = 0;
    ring_put(&received, (uint8_t)RX);
  }
  if (ring_full(&received)) {
    INTERRUPT_CLEAR = RX_READY_INTERRUPT;
  } else {
    INTERRUPT_SET = RX_READY_INTERRUPT;
  }
}

void uart_interrupt(void) { take(); }

size_t uart_read(uint8_t *out, size_t capacity) {
  size_t count = ring_take(&received, out, capacity);
  /* The handler must not come between. */
  INTERRUPT_CLEAR = RX_READY_INTERRUPT;
  take();
  return count;
}

void uart_write(const uint8_t *data, size_t length) {
  for (size_t i = 0; i < length; i++) {
    TX_READY = 0;
    TX = data[i];
    while (TX_READY == 0) {
    }
  }
}
