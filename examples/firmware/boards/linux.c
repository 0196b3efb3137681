/* A Linux program instead of a board: the class of processors that run an operating system. The UART is a TCP connection or standard
   input and output; settings and store are files. usage: PROGRAM --serial tcp:HOST:PORT|stdio --pages FOLDER */
#define _DEFAULT_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "board.h"

#define RESTART 75
#define BLOCK 1024u
#define SLOTS 3u

/* The application's main(), renamed where it is compiled. */
#undef main
int board_main(void);

static int line_in = STDIN_FILENO, line_out = STDOUT_FILENO, store = -1;
static const char *folder = ".";
static uint8_t settings[1024];
static size_t settings_length;

void board_init(void) { (void)fcntl(line_in, F_SETFL, fcntl(line_in, F_GETFL) | O_NONBLOCK); }

uint64_t board_now_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void board_idle(void) {
  struct pollfd wait = {line_in, POLLIN, 0};
  (void)poll(&wait, 1, 2);
}

size_t board_uart_read(uint8_t *out, size_t capacity) {
  ssize_t got = read(line_in, out, capacity);
  if (got > 0) return (size_t)got;
  if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
    board_console("{\"event\":\"error\",\"name\":\"link-closed\"}\n");
    _exit(1);
  }
  return 0;
}

void board_uart_write(const uint8_t *data, size_t length) {
  while (length > 0) {
    ssize_t done = write(line_out, data, length);
    if (done > 0) {
      data += done;
      length -= (size_t)done;
    } else if (errno == EAGAIN || errno == EINTR) {
      struct pollfd wait = {line_out, POLLOUT, 0};
      (void)poll(&wait, 1, 100);
    } else {
      return; /* reading ends too */
    }
  }
}

/* The kernel's generator: what a board's own is on bare metal. */
size_t board_entropy(uint8_t *out, size_t capacity) { return getrandom(out, capacity, 0) == (ssize_t)capacity ? capacity : 0; }

const uint8_t *board_settings(size_t *length) {
  *length = settings_length;
  return settings;
}

static int32_t flash_read(void *context, uint32_t address, uint8_t *out, size_t length) {
  (void)context;
  return pread(store, out, length, address) == (ssize_t)length ? SEALWIRE_OK : SEALWIRE_STORAGE_FAILED;
}

static int32_t flash_write(void *context, uint32_t address, const uint8_t *data, size_t length) {
  (void)context;
  return pwrite(store, data, length, address) == (ssize_t)length && fdatasync(store) == 0 ? SEALWIRE_OK : SEALWIRE_STORAGE_FAILED;
}

static int32_t flash_erase(void *context, uint32_t address, uint32_t length) {
  uint8_t blank[BLOCK];
  memset(blank, 0xff, sizeof blank);
  for (uint32_t at = 0; at < length; at += BLOCK) {
    if (flash_write(context, address + at, blank, sizeof blank) != SEALWIRE_OK) return SEALWIRE_STORAGE_FAILED;
  }
  return SEALWIRE_OK;
}

const sealwire_flash board_flash = {NULL, flash_read, flash_erase, flash_write, 0, BLOCK, SLOTS, 4, 0xff};

void board_console(const char *text) { fputs(text, stderr); }

void board_restart(void) { _exit(RESTART); }

void board_exit(int status) { _exit(status); }

static int open_file(const char *name, int flags) {
  char path[512];
  int length = snprintf(path, sizeof path, "%s/%s", folder, name);
  return length > 0 && (size_t)length < sizeof path ? open(path, flags, 0600) : -1;
}

static int connect_line(const char *where) {
  char host[64];
  const char *colon = strrchr(where, ':');
  struct sockaddr_in address = {0};
  if (colon == NULL || (size_t)(colon - where) >= sizeof host) return -1;
  memcpy(host, where, (size_t)(colon - where));
  host[colon - where] = '\0';
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
  line_in = line_out = socket(AF_INET, SOCK_STREAM, 0);
  return inet_pton(AF_INET, host, &address.sin_addr) == 1 ? connect(line_in, (struct sockaddr *)&address, sizeof address) : -1;
}

int main(int count, char **arguments) {
  uint8_t blank[BLOCK];
  memset(blank, 0xff, sizeof blank);
  for (int i = 1; i + 1 < count; i += 2) {
    if (strcmp(arguments[i], "--pages") == 0) folder = arguments[i + 1];
    if (strcmp(arguments[i], "--serial") == 0 && strncmp(arguments[i + 1], "tcp:", 4) == 0 && connect_line(arguments[i + 1] + 4) != 0) {
      perror(arguments[i + 1]);
      return 1;
    }
  }
  int file = open_file("page_settings.bin", O_RDONLY);
  ssize_t got = file >= 0 ? read(file, settings, sizeof settings) : -1;
  settings_length = got > 0 ? (size_t)got : 0;
  store = open_file("store.bin", O_RDWR | O_CREAT);
  if (settings_length == 0 || store < 0) {
    perror(folder);
    return 1;
  }
  (void)close(file);
  while (lseek(store, 0, SEEK_END) < (off_t)(2 * (SLOTS + 1) * BLOCK)) {
    if (write(store, blank, sizeof blank) != (ssize_t)sizeof blank) return 1;
  }
  /* Each start of the "board" is a process of its own, which begins with nothing but the files. */
  for (;;) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) _exit(board_main());
    if (child < 0 || waitpid(child, &status, 0) != child) return 1;
    if (!WIFEXITED(status)) return 1;
    if (WEXITSTATUS(status) != RESTART) return WEXITSTATUS(status);
  }
}
