#include "settings.h"

#include "board.h"

const uint8_t *setting(int kind, size_t *length) {
  static const uint8_t mark[4] = {'S', 'W', 'F', '1'};
  size_t size = 0;
  const uint8_t *page = board_settings(&size);
  *length = 0;
  if (page == NULL || size < sizeof mark || memcmp(page, mark, sizeof mark) != 0) return NULL;
  for (size_t at = sizeof mark; at + 3 <= size && page[at] != 0 && page[at] != 0xff;) {
    size_t here = (size_t)page[at + 1] << 8 | page[at + 2];
    if (at + 3 + here > size) return NULL;
    if (page[at] == kind) {
      *length = here;
      return page + at + 3;
    }
    at += 3 + here;
  }
  return NULL;
}

uint32_t setting_number(int kind, uint32_t otherwise) {
  size_t length = 0;
  const uint8_t *value = setting(kind, &length);
  if (value == NULL || length != 4) return otherwise;
  return (uint32_t)value[0] << 24 | (uint32_t)value[1] << 16 | (uint32_t)value[2] << 8 | value[3];
}
