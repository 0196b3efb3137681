/* The smallest test frame that does: checks count, failures print where and what. C99 to C++17. */
#ifndef CHECK_H
#define CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sealwire.h"

extern unsigned check_count;
extern unsigned check_failures;

#define CHECK(condition) check_true((condition) ? 1 : 0, #condition, __FILE__, __LINE__)
#define CHECK_STATUS(expected, call) check_status((expected), (call), #call, __FILE__, __LINE__)
#define CHECK_OK(call) CHECK_STATUS(SEALWIRE_OK, call)
#define CHECK_NUMBER(expected, value) check_number((uint64_t)(expected), (uint64_t)(value), #value, __FILE__, __LINE__)
#define CHECK_BYTES(expected, bytes, length) \
  check_true(memcmp((expected), (bytes), (length)) == 0, #bytes " equals " #expected, __FILE__, __LINE__)

void check_true(int holds, const char *what, const char *file, int line);
void check_status(int32_t expected, int32_t status, const char *what, const char *file, int line);
void check_number(uint64_t expected, uint64_t value, const char *what, const char *file, int line);

#endif
