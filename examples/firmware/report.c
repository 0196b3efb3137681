#include "report.h"

#include "board.h"

static char line[256];
static size_t used;

/* What does not fit is left out; a line is for people and scripts, not for state. */
static void put(const char *text) {
  while (*text != '\0' && used < sizeof line - 4) line[used++] = *text++;
}

static void member(const char *name) {
  put(",\"");
  put(name);
  put("\":");
}

void report(const char *event) {
  used = 0;
  put("{\"event\":\"");
  put(event);
  put("\"");
}

void report_text(const char *name, const char *value) {
  member(name);
  put("\"");
  put(value);
  put("\"");
}

void report_number(const char *name, uint64_t value) {
  char digits[21];
  size_t at = sizeof digits - 1;
  digits[at] = '\0';
  do {
    digits[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  member(name);
  put(digits + at);
}

void report_hex(const char *name, const uint8_t *bytes, size_t length) {
  static const char digits[] = "0123456789abcdef";
  member(name);
  put("\"");
  for (size_t i = 0; i < length; i++) {
    char two[3] = {digits[bytes[i] >> 4], digits[bytes[i] & 15], '\0'};
    put(two);
  }
  put("\"");
}

void report_end(void) {
  line[used] = '}';
  line[used + 1] = '\n';
  line[used + 2] = '\0';
  board_console(line);
}

void report_status(int32_t status) {
  report("error");
  report_text("name", sealwire_status_name(status));
  report_end();
}
