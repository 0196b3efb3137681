/* Both Rust libraries answer, and the C library's functions are there once. */
#include "board.h"
#include "sealwire.h"

uint64_t second_library(uint8_t *bytes, size_t length, uint64_t divisor);

int main(void) {
  static uint8_t bytes[8] = {0, 0, 0, 0, 1, 2, 3, 4};
  board_init();
  if (second_library(bytes, sizeof bytes, 3) != UINT64_C(4) * 0x100000001 / 3 || bytes[0] != 1) return 1;
  if (sealwire_abi_version() != SEALWIRE_ABI_VERSION) return 1;
  return sealwire_status_name(SEALWIRE_STALE)[0] == 's' ? 0 : 1;
}
