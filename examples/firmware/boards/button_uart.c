/* The button of Arm's MPS2, for the emulator, which has the board's second UART and not its buttons: that UART is the wire to it, on which a
   byte comes now and again as long as the button is down. A board reads its pin here. */
#include "board.h"
#include "uart.h"

#define UART 0x40005000u
#define DATA REGISTER(UART)
#define STATE REGISTER(UART + 0x04)
#define CONTROL REGISTER(UART + 0x08)
#define BAUD_DIVIDER REGISTER(UART + 0x10)

#define RX_FULL 2u
#define ENABLE_RX 2u
/* How long the wire is listened to after the start, and how long after the last byte the button is up. */
#define SETTLED_MS 50u
#define UP_MS 300u

static uint8_t is_open, was_heard;
static uint64_t heard_ms;

static void listen(void) {
  if ((STATE & RX_FULL) == 0) return;
  (void)DATA;
  was_heard = 1;
  heard_ms = board_now_ms();
}

int board_button(void) {
  if (!is_open) {
    is_open = 1;
    BAUD_DIVIDER = 25000000 / 115200;
    CONTROL = ENABLE_RX;
    for (const uint64_t opened_ms = board_now_ms(); board_now_ms() - opened_ms < SETTLED_MS; board_idle()) listen();
  }
  listen();
  return was_heard && board_now_ms() - heard_ms < UP_MS;
}
