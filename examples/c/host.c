#define _POSIX_C_SOURCE 200809L

#include "host.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sealwire.h"

uint64_t host_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

int32_t host_random(void *context, uint8_t *out, size_t length) {
  (void)context;
  int source = open("/dev/urandom", O_RDONLY);
  if (source < 0) return SEALWIRE_RANDOM_FAILED;
  while (length > 0) {
    ssize_t got = read(source, out, length);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      close(source);
      return SEALWIRE_RANDOM_FAILED;
    }
    out += got;
    length -= (size_t)got;
  }
  close(source);
  return SEALWIRE_OK;
}

static int digit(int character) {
  if (character >= '0' && character <= '9') return character - '0';
  character = tolower(character);
  return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

/* Replaces lines that start with '#' by blanks. */
static void blank_comments(uint8_t *bytes, size_t length) {
  int in_comment = 0;
  int line_start = 1;
  for (size_t i = 0; i < length; i++) {
    if (line_start && bytes[i] == '#') in_comment = 1;
    line_start = bytes[i] == '\n';
    if (line_start) in_comment = 0;
    if (in_comment) bytes[i] = ' ';
  }
}

/* Decodes in place; returns -1 if the bytes are not text in hexadecimal digits. */
static long decode_hex(uint8_t *bytes, size_t length) {
  size_t digits = 0;
  if (length > 0 && bytes[0] == '#') blank_comments(bytes, length);
  for (size_t i = 0; i < length; i++) {
    if (isspace(bytes[i])) continue;
    if (digit(bytes[i]) < 0) return -1;
    digits++;
  }
  if (digits == 0 || digits % 2 != 0) return -1;
  size_t written = 0;
  int high = -1;
  for (size_t i = 0; i < length; i++) {
    int value = digit(bytes[i]);
    if (value < 0) continue;
    if (high < 0) {
      high = value;
    } else {
      bytes[written++] = (uint8_t)(high * 16 + value);
      high = -1;
    }
  }
  return (long)written;
}

long host_read_file(const char *path, uint8_t *out, size_t capacity) {
  uint8_t text[4096];
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return -1;
  }
  size_t length = fread(text, 1, sizeof text, file);
  int failed = ferror(file);
  fclose(file);
  long decoded = failed ? 0 : decode_hex(text, length);
  if (decoded >= 0) length = (size_t)decoded;
  if (failed || length > capacity) {
    fprintf(stderr, "%s: %s\n", path, failed ? "cannot be read" : "is too long");
    memset(text, 0, sizeof text);
    return -1;
  }
  memcpy(out, text, length);
  /* It may have been a private key. */
  memset(text, 0, sizeof text);
  return (long)length;
}

static int slot_path(char *path, size_t capacity, const host_store *store, uint32_t slot, const char *suffix) {
  int length = snprintf(path, capacity, "%s/slot-%lu%s", store->directory, (unsigned long)slot, suffix);
  return length > 0 && (size_t)length < capacity;
}

int32_t host_store_load(void *context, uint32_t slot, uint8_t *out, size_t capacity, size_t *length) {
  char path[512];
  if (!slot_path(path, sizeof path, context, slot, "")) return SEALWIRE_STORAGE_FAILED;
  *length = 0;
  FILE *file = fopen(path, "rb");
  if (file == NULL) return errno == ENOENT ? SEALWIRE_OK : SEALWIRE_STORAGE_FAILED;
  size_t got = fread(out, 1, capacity, file);
  int failed = ferror(file) || (got == capacity && fgetc(file) != EOF);
  fclose(file);
  if (failed) return SEALWIRE_STORAGE_FAILED;
  *length = got;
  return SEALWIRE_OK;
}

/* Flushes a file or directory to the medium. */
static int flush(const char *path) {
  int descriptor = open(path, O_RDONLY);
  if (descriptor < 0) return 0;
  int done = fsync(descriptor) == 0;
  close(descriptor);
  return done;
}

int32_t host_store_save(void *context, uint32_t slot, const uint8_t *data, size_t length) {
  const host_store *store = context;
  char path[512];
  char fresh[512];
  if (length == 0) {
    if (!slot_path(path, sizeof path, store, slot, "")) return SEALWIRE_STORAGE_FAILED;
    return (unlink(path) == 0 || errno == ENOENT) && flush(store->directory) ? SEALWIRE_OK : SEALWIRE_STORAGE_FAILED;
  }
  if (!slot_path(path, sizeof path, store, slot, "") || !slot_path(fresh, sizeof fresh, store, slot, ".new")) {
    return SEALWIRE_STORAGE_FAILED;
  }
  /* The new file is complete on the medium before it takes the old one's name: after a power cut there is one or the other. */
  int descriptor = open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (descriptor < 0) return SEALWIRE_STORAGE_FAILED;
  int written = write(descriptor, data, length) == (ssize_t)length && fsync(descriptor) == 0;
  if (close(descriptor) != 0 || !written) return SEALWIRE_STORAGE_FAILED;
  if (rename(fresh, path) != 0 || !flush(store->directory)) return SEALWIRE_STORAGE_FAILED;
  return SEALWIRE_OK;
}

void host_print_hex(const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) fprintf(stderr, "%02x", (unsigned)bytes[i]);
}
