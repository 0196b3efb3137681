/* Start-up of QEMU's RISC-V virt machine: memory, traps, the clock, restart. */
#include "board.h"
#include "semihosting.h"
#include "uart.h"

#define TIMER_COMPARE 0x02004000u
#define TIMER_NOW 0x0200bff8u /* 10 MHz */
#define PLIC 0x0c000000u
#define PLIC_PRIORITY(line) REGISTER(PLIC + 4 * (line))
#define PLIC_ENABLE REGISTER(PLIC + 0x2000)
#define PLIC_THRESHOLD REGISTER(PLIC + 0x200000)
#define PLIC_CLAIM REGISTER(PLIC + 0x200004)
#define RESET REGISTER(0x00100000)
#define UART_LINE 10u
#define TICK 10000u /* a millisecond */

#define MACHINE_TIMER 0x80u
#define MACHINE_EXTERNAL 0x800u

extern uint32_t data_start[], data_end[], data_load[], bss_start[], bss_end[];
int main(void);
void start(void);

__attribute__((section(".start"), naked, used)) void _start(void) {
  __asm__ volatile(
      "la sp, stack_top\n"
      "j start\n");
}

static uint64_t ticks(void) {
  uint32_t low, high;
  do {
    high = REGISTER(TIMER_NOW + 4);
    low = REGISTER(TIMER_NOW);
  } while (high != REGISTER(TIMER_NOW + 4));
  return (uint64_t)high << 32 | low;
}

static void set_alarm(void) {
  uint64_t at = ticks() + TICK;
  /* Never a moment in the past on the way. */
  REGISTER(TIMER_COMPARE + 4) = 0xffffffff;
  REGISTER(TIMER_COMPARE) = (uint32_t)at;
  REGISTER(TIMER_COMPARE + 4) = (uint32_t)(at >> 32);
}

__attribute__((interrupt("machine"), aligned(4))) static void trap(void) {
  uint32_t cause;
  __asm__ volatile("csrr %0, mcause" : "=r"(cause));
  if (cause == (0x80000000u | 7)) {
    set_alarm();
  } else if (cause == (0x80000000u | 11)) {
    uint32_t line = PLIC_CLAIM;
    if (line == UART_LINE) uart_interrupt();
    if (line != 0) PLIC_CLAIM = line;
  } else {
    board_console("{\"event\":\"error\",\"name\":\"processor-fault\"}\n");
    board_exit(1);
  }
}

void start(void) {
  uint32_t *from = data_load;
  for (uint32_t *to = data_start; to < data_end; to++) *to = *from++;
  for (uint32_t *to = bss_start; to < bss_end; to++) *to = 0;
  board_exit(main());
}

void board_init(void) {
  uart_init();
  PLIC_PRIORITY(UART_LINE) = 1;
  PLIC_THRESHOLD = 0;
  PLIC_ENABLE = 1u << UART_LINE;
  set_alarm();
  __asm__ volatile("csrw mtvec, %0" : : "r"(trap));
  __asm__ volatile("csrs mie, %0" : : "r"(MACHINE_TIMER | MACHINE_EXTERNAL));
  __asm__ volatile("csrsi mstatus, 8");
}

uint64_t board_now_ms(void) { return ticks() / TICK; }

void board_idle(void) { __asm__ volatile("wfi"); }

size_t board_uart_read(uint8_t *out, size_t capacity) { return uart_read(out, capacity); }

void board_uart_write(const uint8_t *data, size_t length) { uart_write(data, length); }

void board_console(const char *text) { semihosting(SEMIHOSTING_WRITE, (uintptr_t)text); }

void board_restart(void) {
  RESET = 0x7777;
  for (;;) {
  }
}

void board_exit(int status) {
  for (;;) semihosting(SEMIHOSTING_EXIT, status == 0 ? SEMIHOSTING_EXIT_GOOD : SEMIHOSTING_EXIT_BAD);
}
