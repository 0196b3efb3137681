#define _POSIX_C_SOURCE 200809L

#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

int link_connect(link_fd *link, const char *where) {
  char host[256];
  const char *colon = strrchr(where, ':');
  if (colon == NULL || colon == where || (size_t)(colon - where) >= sizeof host) {
    fprintf(stderr, "%s: HOST:PORT expected\n", where);
    return -1;
  }
  memcpy(host, where, (size_t)(colon - where));
  host[colon - where] = '\0';
  struct addrinfo wanted;
  struct addrinfo *found = NULL;
  memset(&wanted, 0, sizeof wanted);
  wanted.ai_socktype = SOCK_STREAM;
  int problem = getaddrinfo(host, colon + 1, &wanted, &found);
  if (problem != 0) {
    fprintf(stderr, "%s: %s\n", where, gai_strerror(problem));
    return -1;
  }
  int socket_fd = -1;
  for (struct addrinfo *each = found; each != NULL && socket_fd < 0; each = each->ai_next) {
    socket_fd = socket(each->ai_family, each->ai_socktype, each->ai_protocol);
    if (socket_fd >= 0 && connect(socket_fd, each->ai_addr, each->ai_addrlen) != 0) {
      close(socket_fd);
      socket_fd = -1;
    }
  }
  freeaddrinfo(found);
  if (socket_fd < 0) {
    fprintf(stderr, "%s: %s\n", where, strerror(errno));
    return -1;
  }
  link->input = link->output = socket_fd;
  return 0;
}

int link_open_port(link_fd *link, const char *path) {
  int port = open(path, O_RDWR | O_NOCTTY);
  if (port < 0) {
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return -1;
  }
  /* Raw bytes at 115,200 baud; a pty ignores the speed. */
  struct termios settings;
  if (tcgetattr(port, &settings) == 0) {
    settings.c_iflag &= (tcflag_t) ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON | IXOFF);
    settings.c_oflag &= (tcflag_t)~OPOST;
    settings.c_lflag &= (tcflag_t) ~(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    settings.c_cflag &= (tcflag_t) ~(CSIZE | PARENB);
    settings.c_cflag |= CS8 | CLOCAL | CREAD;
    cfsetispeed(&settings, B115200);
    cfsetospeed(&settings, B115200);
    if (tcsetattr(port, TCSANOW, &settings) != 0) {
      fprintf(stderr, "%s: %s\n", path, strerror(errno));
      close(port);
      return -1;
    }
  }
  link->input = link->output = port;
  return 0;
}

void link_stdio(link_fd *link) {
  link->input = STDIN_FILENO;
  link->output = STDOUT_FILENO;
}

void link_close(link_fd *link) {
  if (link->input != STDIN_FILENO) close(link->input);
}

long link_read(const link_fd *link, uint8_t *out, size_t capacity, int wait_ms) {
  struct pollfd waiting = {link->input, POLLIN, 0};
  int ready = poll(&waiting, 1, wait_ms);
  if (ready < 0) return errno == EINTR ? 0 : -1;
  if (ready == 0) return 0;
  ssize_t got = read(link->input, out, capacity);
  if (got < 0) return errno == EINTR || errno == EAGAIN ? 0 : -1;
  return got == 0 ? -1 : (long)got;
}

int link_write(const link_fd *link, const uint8_t *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(link->output, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return -1;
    bytes += written;
    length -= (size_t)written;
  }
  return 0;
}
