/* Button A of the micro:bit: a pin that is low while it is down, and otherwise pulled up. */
#include "board.h"
#include "uart.h"

#define PIN 17u
#define GPIO 0x50000000u
#define IN REGISTER(GPIO + 0x510)
#define PIN_CONFIG REGISTER(GPIO + 0x700 + 4 * PIN)

#define INPUT_PULLED_UP (3u << 2)
/* How long the pin takes to settle after the start. */
#define SETTLED_MS 50u

static uint8_t is_open;

int board_button(void) {
  if (!is_open) {
    is_open = 1;
    PIN_CONFIG = INPUT_PULLED_UP;
    for (const uint64_t opened_ms = board_now_ms(); board_now_ms() - opened_ms < SETTLED_MS;) board_idle();
  }
  return (IN & 1u << PIN) == 0;
}
