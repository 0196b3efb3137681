/* The device of the matrix: the job of examples/c/device.c over any link, framed by sealwire_primitives.h. The link's other end is the
   socket that the harness hands in: a stream for byte lines, otherwise one datagram for each frame of the bus. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "framers.h"

static device self_device;

void deliver(framer *self, uint8_t *frame, size_t length) {
  (void)self;
  device_receive(&self_device, NULL, frame, length);
}

int put(framer *self, const uint8_t *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(self->fd, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return -1;
    bytes += written;
    length -= (size_t)written;
  }
  return 0;
}

static int transmit(void *transport, const sealwire_route *route, int reliable, const uint8_t *frame, size_t length) {
  framer *self = transport;
  (void)route;
  (void)reliable;
  return self->kind->send(self, frame, length);
}

static int run(device *wearable, framer *link) {
  static uint8_t bytes[FRAMER_INPUT];
  if (device_connect(wearable) != 0) return 1;
  for (;;) {
    sealwire_link_counters counters;
    memset(&counters, 0, sizeof counters);
    link->kind->counters(link, &counters);
    wearable->link_bad = counters.malformed + counters.overlong;
    int state = device_step(wearable);
    if (state != 0) return state > 0 ? 0 : 1;
    int wait = device_wait_ms(wearable);
    if (link->kind->due != NULL) {
      int sooner = link->kind->due(link, host_now_ms());
      if (sooner >= 0 && sooner < wait) wait = sooner;
    }
    struct pollfd waiting = {link->fd, POLLIN, 0};
    int ready = poll(&waiting, 1, wait);
    if (ready < 0 && errno != EINTR) return 1;
    if (ready <= 0) continue;
    ssize_t got = read(link->fd, bytes, sizeof bytes);
    if (got <= 0) {
      device_report_error("link-closed");
      return 1;
    }
    link->kind->input(link, bytes, (size_t)got);
  }
}

int main(int count, char **arguments) {
  device_options options;
  framer link;
  memset(&link, 0, sizeof link);
  link.fd = -1;
  device_defaults(&options);
  signal(SIGPIPE, SIG_IGN);
  for (int i = 1; i < count;) {
    if (i + 1 < count && strcmp(arguments[i], "--link") == 0) {
      link.kind = framer_kind(arguments[i + 1]);
      i += 2;
    } else if (i + 1 < count && strcmp(arguments[i], "--fd") == 0) {
      link.fd = atoi(arguments[i + 1]);
      i += 2;
    } else {
      int used = device_option(&options, count - i, arguments + i);
      if (used <= 0) {
        fprintf(stderr, "usage: device --link NAME --fd N OPTIONS\n%s", device_usage);
        return 2;
      }
      i += used;
    }
  }
  if (link.kind == NULL || link.fd < 0 || link.kind->open(&link) != 0) {
    fprintf(stderr, "no such link\n");
    return 2;
  }
  int status = device_open(&self_device, &options, 0, transmit, &link) == 0 ? run(&self_device, &link) : 1;
  device_close(&self_device);
  return status;
}
