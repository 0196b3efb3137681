/* A byte link over a file descriptor: stdin and stdout, a serial port or pty, or a TCP connection. */
#ifndef LINK_H
#define LINK_H

#include <stddef.h>
#include <stdint.h>

typedef struct link_fd {
  int input;
  int output;
} link_fd;

/* Both return 0, or -1 after printing why. `where` is HOST:PORT. */
int link_connect(link_fd *link, const char *where);
int link_open_port(link_fd *link, const char *path);
void link_stdio(link_fd *link);
void link_close(link_fd *link);

/* Waits for at most `wait_ms`; returns the number of bytes read, 0 if none came, -1 at the end of the link. */
long link_read(const link_fd *link, uint8_t *out, size_t capacity, int wait_ms);

/* Writes everything; returns 0, or -1. */
int link_write(const link_fd *link, const uint8_t *bytes, size_t length);

#endif
