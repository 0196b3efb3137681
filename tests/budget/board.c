#include "board.h"

#include "measure.h"

typedef struct uart {
  volatile uint32_t data, state, control, interrupts, divider;
} uart;

#define LINK ((uart *)0x40004000u)
#define REPORT ((uart *)0x40005000u)
#define TRANSMIT_FULL 1u
#define RECEIVE_FULL 2u

#define SYSTICK_CONTROL (*(volatile uint32_t *)0xe000e010u)
#define SYSTICK_RELOAD (*(volatile uint32_t *)0xe000e014u)
#define CLOCK_HZ 25000000u

/* Memory of the board that the image does not use stands for flash. It reads 0 at the start, which the store is told is "erased". */
#define FLASH ((uint8_t *)0x00300000u)

extern uint32_t board_data_load[], board_data_start[], board_data_end[], board_bss_start[], board_bss_end[], board_stack_top[];
int main(void);
void board_reset(void);

static volatile uint64_t now_ms;
static uint32_t random_state = 0x2545f491u;

void board_reset(void) {
  const uint32_t *from = board_data_load;
  for (uint32_t *to = board_data_start; to < board_data_end; to++) *to = *from++;
  for (uint32_t *to = board_bss_start; to < board_bss_end; to++) *to = 0;
  board_exit(main());
}

static void fault(void) { board_exit(1); }

static void tick(void) { now_ms++; }

static const struct vectors {
  uint32_t *stack_top;
  void (*handlers[15])(void);
} vectors __attribute__((section(".vectors"), used)) = {
    board_stack_top, {board_reset, fault, fault, fault, fault, fault, NULL, NULL, NULL, NULL, fault, fault, NULL, fault, tick}};

void board_init(void) {
  LINK->divider = 16;
  LINK->control = 3;
#ifdef MEASURED
  /* No interrupts, so that instructions and stack are those of the call alone. */
  REPORT->divider = 16;
  REPORT->control = 1;
#else
  SYSTICK_RELOAD = CLOCK_HZ / 1000u - 1u;
  SYSTICK_CONTROL = 7;
#endif
}

uint64_t board_now_ms(void) {
  uint64_t now;
  do {
    now = now_ms;
  } while (now != now_ms);
  return now;
}

int board_read(void) { return LINK->state & RECEIVE_FULL ? (int)(LINK->data & 0xffu) : -1; }

void board_write(const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    while (LINK->state & TRANSMIT_FULL) {
    }
    LINK->data = bytes[i];
  }
}

void board_exit(int code) {
  register uint32_t operation __asm__("r0") = 0x18;
  register uint32_t reason __asm__("r1") = code == 0 ? 0x20026u : 0x20023u;
  __asm__ volatile("bkpt 0xab" : : "r"(operation), "r"(reason) : "memory");
  for (;;) {
  }
}

/* The emulator has no random source, and counts are to repeat: this stands for reading a register, and is not secure. */
int32_t board_random(void *context, uint8_t *out, size_t length) {
  (void)context;
  for (size_t i = 0; i < length; i++) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    out[i] = (uint8_t)(random_state >> 16);
  }
  return 0;
}

int32_t board_flash_read(void *context, uint32_t address, uint8_t *out, size_t length) {
  (void)context;
  for (size_t i = 0; i < length; i++) out[i] = FLASH[address + i];
  return 0;
}

int32_t board_flash_erase(void *context, uint32_t address, uint32_t length) {
  (void)context;
  for (uint32_t i = 0; i < length; i++) FLASH[address + i] = 0;
  return 0;
}

int32_t board_flash_write(void *context, uint32_t address, const uint8_t *data, size_t length) {
  (void)context;
  for (size_t i = 0; i < length; i++) FLASH[address + i] = data[i];
  return 0;
}

#ifdef MEASURED
#define PAINT 0xdeadbeefu
extern uint32_t board_stack_low[];

static void put(char c) {
  while (REPORT->state & TRANSMIT_FULL) {
  }
  REPORT->data = (uint8_t)c;
}

void measure_number(const char *name, uint32_t number) {
  char digits[10];
  int count = 0;
  while (*name != 0) put(*name++);
  put(' ');
  do {
    digits[count++] = (char)('0' + number % 10u);
    number /= 10u;
  } while (number != 0);
  while (count > 0) put(digits[--count]);
  put('\n');
}

void measure_paint(void) {
  uint32_t *end;
  __asm__ volatile("mov %0, sp" : "=r"(end));
  for (volatile uint32_t *at = board_stack_low; at < end; at++) *at = PAINT;
}

void measure_stack(const char *name, const uint32_t *caller) {
  const uint32_t *at = board_stack_low;
  while (at < caller && *at == PAINT) at++;
  measure_number(name, (uint32_t)((const uint8_t *)caller - (const uint8_t *)at));
}
#endif
