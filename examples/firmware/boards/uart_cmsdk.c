/* The UART of Arm's Cortex-M System Design Kit: one byte of buffer each way. */
#include "ring.h"
#include "uart.h"

#define UART 0x40004000u
#define DATA REGISTER(UART)
#define STATE REGISTER(UART + 0x04)
#define CONTROL REGISTER(UART + 0x08)
#define INTERRUPT REGISTER(UART + 0x0c)
#define BAUD_DIVIDER REGISTER(UART + 0x10)

#define TX_FULL 1u
#define RX_FULL 2u
#define ENABLE_TX_RX 3u
#define ENABLE_RX_INTERRUPT 8u

static ring received;

void uart_init(void) {
  BAUD_DIVIDER = 25000000 / 115200;
  CONTROL = ENABLE_TX_RX | ENABLE_RX_INTERRUPT;
}

static void take(void) {
  while ((STATE & RX_FULL) != 0 && !ring_full(&received)) {
    INTERRUPT = RX_FULL;
    ring_put(&received, (uint8_t)DATA);
  }
  CONTROL = ring_full(&received) ? ENABLE_TX_RX : ENABLE_TX_RX | ENABLE_RX_INTERRUPT;
}

void uart_interrupt(void) {
  INTERRUPT = RX_FULL;
  take();
}

size_t uart_read(uint8_t *out, size_t capacity) {
  size_t count = ring_take(&received, out, capacity);
  /* Always, since a byte that came while the interrupt was off does not cause one later. The handler must not come between. */
  CONTROL = ENABLE_TX_RX;
  take();
  return count;
}

void uart_write(const uint8_t *data, size_t length) {
  for (size_t i = 0; i < length; i++) {
    while ((STATE & TX_FULL) != 0) {
    }
    DATA = data[i];
  }
}
