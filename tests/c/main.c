/* Test program of the C interface; exits 0 only if every check holds. */
#include "check.h"

unsigned check_count;
unsigned check_failures;

static const char *running = "";

static void failed(const char *what, const char *file, int line) {
  check_failures++;
  printf("%s:%d: in %s: failed: %s\n", file, line, running, what);
}

void check_true(int holds, const char *what, const char *file, int line) {
  check_count++;
  if (!holds) failed(what, file, line);
}

void check_status(int32_t expected, int32_t status, const char *what, const char *file, int line) {
  check_count++;
  if (status == expected) return;
  failed(what, file, line);
  printf("    expected %s, got %s\n", sealwire_status_name(expected), sealwire_status_name(status));
}

void check_number(uint64_t expected, uint64_t value, const char *what, const char *file, int line) {
  check_count++;
  if (value == expected) return;
  failed(what, file, line);
  printf("    expected %lu, got %lu\n", (unsigned long)expected, (unsigned long)value);
}

typedef struct test {
  const char *name;
  void (*run)(void);
} test;

#define TEST(name) extern void test_##name(void);
#include "list.h"
#undef TEST

#define TEST(name) {#name, test_##name},
static const test tests[] = {
#include "list.h"
};
#undef TEST

int main(int count, char **arguments) {
  unsigned ran = 0;
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
    if (count > 1 && strcmp(arguments[1], tests[i].name) != 0) continue;
    running = tests[i].name;
    tests[i].run();
    ran++;
  }
  printf("ran %u tests, %u checks, %u failed\n", ran, check_count, check_failures);
  return ran == 0 || check_failures > 0 ? 1 : 0;
}
