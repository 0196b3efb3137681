/* The 16550 UART, as on RISC-V's virt machine. */
#include "ring.h"
#include "uart.h"

#define UART 0x10000000u
#define DATA REGISTER_8(UART)
#define INTERRUPT_ENABLE REGISTER_8(UART + 1)
#define FIFO_CONTROL REGISTER_8(UART + 2)
#define LINE_CONTROL REGISTER_8(UART + 3)
#define LINE_STATUS REGISTER_8(UART + 5)

#define RX_READY 0x01u
#define TX_EMPTY 0x20u

static ring received;

void uart_init(void) {
  LINE_CONTROL = 0x03; /* 8 bits, no parity, 1 stop bit */
  FIFO_CONTROL = 0x07;
  INTERRUPT_ENABLE = 1;
}

static void take(void) {
  while ((LINE_STATUS & RX_READY) != 0 && !ring_full(&received)) ring_put(&received, DATA);
  INTERRUPT_ENABLE = ring_full(&received) ? 0 : 1;
}

void uart_interrupt(void) { take(); }

size_t uart_read(uint8_t *out, size_t capacity) {
  size_t count = ring_take(&received, out, capacity);
  /* The handler must not come between. */
  INTERRUPT_ENABLE = 0;
  take();
  return count;
}

void uart_write(const uint8_t *data, size_t length) {
  for (size_t i = 0; i < length; i++) {
    while ((LINE_STATUS & TX_EMPTY) == 0) {
    }
    DATA = data[i];
  }
}
