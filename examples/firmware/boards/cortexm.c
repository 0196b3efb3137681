/* Start-up of a Cortex-M: vectors, memory, the clock's count, the console, restart. */
#include "board.h"
#include "cortexm.h"
#include "semihosting.h"
#include "uart.h"

extern uint32_t stack_top[], data_start[], data_end[], data_load[], bss_start[], bss_end[];
int main(void);

static void start(void) {
  uint32_t *from = data_load;
  for (uint32_t *to = data_start; to < data_end; to++) *to = *from++;
  for (uint32_t *to = bss_start; to < bss_end; to++) *to = 0;
  board_exit(main());
}

static void fault(void) {
  board_console("{\"event\":\"error\",\"name\":\"processor-fault\"}\n");
  board_exit(1);
}

typedef union vector {
  uint32_t *stack;
  void (*handler)(void);
} vector;

/* 16 of the processor, then those of the chip: mps2 has its UART at 0, nRF51 at 2 and its timer at 8. */
__attribute__((section(".vectors"), used)) static const vector vectors[16 + 9] = {
    {.stack = stack_top},
    {.handler = start},
    {.handler = fault},
    {.handler = fault},
    [15] = {.handler = clock_interrupt},
    [16 + 0] = {.handler = uart_interrupt},
    [16 + 2] = {.handler = uart_interrupt},
    [16 + 8] = {.handler = clock_interrupt},
};

static volatile uint32_t now_low, now_high;

void clock_tick(void) {
  uint32_t low = now_low + 1;
  if (low == 0) now_high++;
  now_low = low;
}

uint64_t board_now_ms(void) {
  uint32_t low, high;
  do {
    high = now_high;
    low = now_low;
  } while (high != now_high || low != now_low);
  return (uint64_t)high << 32 | low;
}

void board_idle(void) { __asm__ volatile("wfi"); }

size_t board_uart_read(uint8_t *out, size_t capacity) { return uart_read(out, capacity); }

void board_uart_write(const uint8_t *data, size_t length) { uart_write(data, length); }

void board_console(const char *text) { semihosting(SEMIHOSTING_WRITE, (uintptr_t)text); }

void board_restart(void) {
  REGISTER(0xe000ed0c) = 0x05fa0004; /* SYSRESETREQ */
  for (;;) {
  }
}

void board_exit(int status) {
  for (;;) semihosting(SEMIHOSTING_EXIT, status == 0 ? SEMIHOSTING_EXIT_GOOD : SEMIHOSTING_EXIT_BAD);
}
