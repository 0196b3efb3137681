/* Arm's MPS2 board with AN385 (Cortex-M3) or AN386 (Cortex-M4), 25 MHz. */
#include "board.h"
#include "cortexm.h"
#include "uart.h"

#define TICK_CONTROL REGISTER(0xe000e010)
#define TICK_RELOAD REGISTER(0xe000e014)
#define TICK_VALUE REGISTER(0xe000e018)
#define INTERRUPT_ENABLE REGISTER(0xe000e100)

void clock_interrupt(void) { clock_tick(); }

void board_init(void) {
  TICK_RELOAD = 25000000 / 1000 - 1;
  TICK_VALUE = 0;
  TICK_CONTROL = 7;
  uart_init();
  INTERRUPT_ENABLE = 1u << 0;
}
