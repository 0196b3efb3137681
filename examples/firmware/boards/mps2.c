/* Arm's MPS2 board with AN385 (Cortex-M3) or AN386 (Cortex-M4), 25 MHz. */
#include "board.h"
#include "uart.h"

#define TICK_CONTROL REGISTER(0xe000e010)
#define TICK_RELOAD REGISTER(0xe000e014)
#define TICK_VALUE REGISTER(0xe000e018)
#define INTERRUPT_ENABLE REGISTER(0xe000e100)

static volatile uint32_t now_low, now_high;

void clock_interrupt(void) {
  uint32_t low = now_low + 1;
  if (low == 0) now_high++;
  now_low = low;
}

void board_init(void) {
  TICK_RELOAD = 25000000 / 1000 - 1;
  TICK_VALUE = 0;
  TICK_CONTROL = 7;
  uart_init();
  INTERRUPT_ENABLE = 1u << 0;
}

uint64_t board_now_ms(void) {
  uint32_t low, high;
  do {
    high = now_high;
    low = now_low;
  } while (high != now_high || low != now_low);
  return (uint64_t)high << 32 | low;
}
