/* A wearable: streams a recording over a byte link with UART framing, through a gateway that cannot read it, to a hub.
   C99 against include/sealwire.h. What happens is printed to stderr, one JSON object a line. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "device.h"
#include "link.h"
#include "sealwire_primitives.h"

static int transmit(void *transport, const sealwire_route *route, int reliable, const uint8_t *frame, size_t length) {
  uint8_t encoded[DEVICE_FRAME + DEVICE_FRAME / 100 + 8];
  size_t encoded_length = 0;
  /* A link has one other end, and is as reliable as it is. */
  (void)route;
  (void)reliable;
  if (sealwire_uart_encode(frame, length, encoded, sizeof encoded, &encoded_length) != SEALWIRE_OK) return -1;
  return link_write(transport, encoded, encoded_length);
}

/* Decodes what came over the line and hands the frames in. */
static void receive(device *wearable, sealwire_uart *decoder, const uint8_t *bytes, size_t length) {
  while (length > 0) {
    size_t taken = 0;
    uint8_t *frame = NULL;
    size_t frame_length = 0;
    if (sealwire_uart_feed(decoder, bytes, length, &taken, &frame, &frame_length) != SEALWIRE_OK || taken == 0) return;
    if (frame != NULL) device_receive(wearable, NULL, frame, frame_length);
    bytes += taken;
    length -= taken;
  }
}

static int run(device *wearable, link_fd *link) {
  static uint8_t buffer[1026];
  sealwire_uart decoder;
  sealwire_link_counters counters;
  uint8_t bytes[512];
  if (sealwire_uart_init(&decoder, buffer, sizeof buffer) != SEALWIRE_OK || device_connect(wearable) != 0) return 1;
  for (;;) {
    if (sealwire_uart_counters(&decoder, &counters) == SEALWIRE_OK) wearable->link_bad = counters.malformed + counters.overlong;
    int state = device_step(wearable);
    if (state != 0) return state > 0 ? 0 : 1;
    long got = link_read(link, bytes, sizeof bytes, device_wait_ms(wearable));
    if (got < 0) {
      device_report_error("link-closed");
      return 1;
    }
    receive(wearable, &decoder, bytes, (size_t)got);
  }
}

static int usage(int status) {
  fprintf(stderr,
          "usage: wearable (--connect HOST:PORT | --port PATH | --stdio) OPTIONS\n"
          "  --connect HOST:PORT byte link over TCP\n"
          "  --port PATH         serial port or pseudo-terminal\n"
          "  --stdio             standard input and output\n%s",
          device_usage);
  return status;
}

int main(int count, char **arguments) {
  static device wearable;
  device_options options;
  link_fd link;
  int linked = 0;
  device_defaults(&options);
  signal(SIGPIPE, SIG_IGN);
  for (int i = 1; i < count;) {
    const char *name = arguments[i];
    const char *value = i + 1 < count ? arguments[i + 1] : NULL;
    if (strcmp(name, "--help") == 0) return usage(0);
    if (linked == 0 && strcmp(name, "--stdio") == 0) {
      link_stdio(&link);
      linked = 1;
      i += 1;
    } else if (linked == 0 && value != NULL && (strcmp(name, "--connect") == 0 || strcmp(name, "--port") == 0)) {
      if ((strcmp(name, "--connect") == 0 ? link_connect(&link, value) : link_open_port(&link, value)) != 0) return 1;
      linked = 1;
      i += 2;
    } else {
      int used = device_option(&options, count - i, arguments + i);
      if (used <= 0) return usage(2);
      i += used;
    }
  }
  if (!linked) return usage(2);
  int status = device_open(&wearable, &options, 0, transmit, &link) == 0 ? run(&wearable, &link) : 1;
  device_close(&wearable);
  link_close(&link);
  return status;
}
