/* What the examples need from a POSIX host: random numbers, a clock, files, and a store. On a microcontroller these few
   functions are written against the vendor's SDK instead. */
#ifndef HOST_H
#define HOST_H

#include <stddef.h>
#include <stdint.h>

/* Milliseconds since some moment; never goes back. */
uint64_t host_now_ms(void);

/* The port's `random`: the kernel's generator. */
int32_t host_random(void *context, uint8_t *out, size_t length);

/* Reads a file: as it is, or decoded if it holds nothing but hexadecimal digits, white space and lines that start with '#'. Returns the
   number of bytes, or -1 after printing why. */
long host_read_file(const char *path, uint8_t *out, size_t capacity);

/* The port's store over a directory, one file for each slot. A host's file system can be restored from a backup, so it does not
   resist rollback. */
typedef struct host_store {
  const char *directory;
} host_store;

int32_t host_store_load(void *context, uint32_t slot, uint8_t *out, size_t capacity, size_t *length);
int32_t host_store_save(void *context, uint32_t slot, const uint8_t *data, size_t length);

/* Prints bytes as hexadecimal digits to stderr. */
void host_print_hex(const uint8_t *bytes, size_t length);

#endif
