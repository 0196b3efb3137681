/* BBC micro:bit: nRF51822, Cortex-M0, 16 MHz, 16 kB of RAM. It has no SysTick, so a timer counts. */
#include "board.h"
#include "cortexm.h"
#include "uart.h"

#define TIMER 0x40008000u
#define TIMER_START REGISTER(TIMER + 0x000)
#define TIMER_COMPARED REGISTER(TIMER + 0x140)
#define TIMER_SHORTCUTS REGISTER(TIMER + 0x200)
#define TIMER_INTERRUPT_SET REGISTER(TIMER + 0x304)
#define TIMER_BITS REGISTER(TIMER + 0x508)
#define TIMER_PRESCALER REGISTER(TIMER + 0x510)
#define TIMER_COMPARE REGISTER(TIMER + 0x540)
#define INTERRUPT_ENABLE REGISTER(0xe000e100)

void clock_interrupt(void) {
  TIMER_COMPARED = 0;
  clock_tick();
}

void board_init(void) {
  TIMER_PRESCALER = 4; /* 1 MHz */
  TIMER_BITS = 0;      /* 16 */
  TIMER_COMPARE = 1000;
  TIMER_SHORTCUTS = 1; /* start again when it is reached */
  TIMER_INTERRUPT_SET = 1u << 16;
  TIMER_START = 1;
  uart_init();
  INTERRUPT_ENABLE = 1u << 2 | 1u << 8;
}
