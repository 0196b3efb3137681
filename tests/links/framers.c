#include "framers.h"

#include <string.h>

/* ---- byte lines */

static uint8_t line_buffer[FRAMER_FRAME + 2];
static sealwire_uart uart;
static sealwire_stream stream;

static int uart_open(framer *self) {
  (void)self;
  return sealwire_uart_init(&uart, line_buffer, sizeof line_buffer) == SEALWIRE_OK ? 0 : -1;
}

static int uart_send(framer *self, const uint8_t *frame, size_t length) {
  uint8_t bytes[FRAMER_FRAME + FRAMER_FRAME / 100 + 8];
  size_t used = 0;
  if (sealwire_uart_encode(frame, length, bytes, sizeof bytes, &used) != SEALWIRE_OK) return -1;
  return put(self, bytes, used);
}

static void uart_input(framer *self, uint8_t *bytes, size_t length) {
  while (length > 0) {
    size_t taken = 0;
    uint8_t *frame = NULL;
    size_t frame_length = 0;
    if (sealwire_uart_feed(&uart, bytes, length, &taken, &frame, &frame_length) != SEALWIRE_OK || taken == 0) return;
    if (frame != NULL) deliver(self, frame, frame_length);
    bytes += taken;
    length -= taken;
  }
}

static void uart_counters(framer *self, sealwire_link_counters *out) {
  (void)self;
  (void)!sealwire_uart_counters(&uart, out);
}

static int stream_open(framer *self) {
  (void)self;
  return sealwire_stream_init(&stream, line_buffer, sizeof line_buffer) == SEALWIRE_OK ? 0 : -1;
}

static int stream_send(framer *self, const uint8_t *frame, size_t length) {
  uint8_t bytes[FRAMER_FRAME + 2];
  size_t used = 0;
  if (sealwire_stream_encode(frame, length, bytes, sizeof bytes, &used) != SEALWIRE_OK) return -1;
  return put(self, bytes, used);
}

static void stream_input(framer *self, uint8_t *bytes, size_t length) {
  while (length > 0) {
    size_t taken = 0;
    uint8_t *frame = NULL;
    size_t frame_length = 0;
    if (sealwire_stream_feed(&stream, bytes, length, &taken, &frame, &frame_length) != SEALWIRE_OK || taken == 0) return;
    if (frame != NULL) deliver(self, frame, frame_length);
    bytes += taken;
    length -= taken;
  }
}

static void stream_counters(framer *self, sealwire_link_counters *out) {
  (void)self;
  (void)!sealwire_stream_counters(&stream, out);
}

/* ---- what waits while a link is busy */

static struct {
  size_t length;
  uint8_t bytes[FRAMER_FRAME];
} waiting[16];
static size_t first_waiting;
static size_t waiting_count;

static void queue_put(const uint8_t *frame, size_t length) {
  const size_t room = sizeof waiting / sizeof waiting[0];
  if (waiting_count == room || length > FRAMER_FRAME) return;
  size_t place = (first_waiting + waiting_count++) % room;
  memcpy(waiting[place].bytes, frame, length);
  waiting[place].length = length;
}

static void queue_drop(void) {
  first_waiting = (first_waiting + 1) % (sizeof waiting / sizeof waiting[0]);
  waiting_count--;
}

/* A frame that arrived lies in the framer's memory until its next call, and the answer to it is such a call. */
static void deliver_copy(framer *self, const uint8_t *frame, size_t length) {
  uint8_t copy[FRAMER_FRAME];
  if (length > sizeof copy) return;
  memcpy(copy, frame, length);
  deliver(self, copy, length);
}

/* How long until `due_ms`, at most a second. */
static int until(uint64_t now_ms, uint64_t due_ms) {
  if (due_ms <= now_ms) return 0;
  return due_ms - now_ms < 1000 ? (int)(due_ms - now_ms) : 1000;
}

/* ---- CAN */

static sealwire_isotp isotp;
static uint8_t isotp_tx[FRAMER_FRAME];
static uint8_t isotp_rx[FRAMER_FRAME];

static int isotp_start(uint8_t size) {
  sealwire_isotp_config config;
  memset(&config, 0, sizeof config);
  config.size = size;
  config.block_size = 8;
  config.timeout_ms = 30;
  return sealwire_isotp_init(&isotp, &config, isotp_tx, sizeof isotp_tx, isotp_rx, sizeof isotp_rx) == SEALWIRE_OK ? 0 : -1;
}

static int can_open(framer *self) {
  (void)self;
  return isotp_start(8);
}

static int canfd_open(framer *self) {
  (void)self;
  return isotp_start(64);
}

static int can_pump(framer *self) {
  for (;;) {
    uint8_t data[64];
    size_t length = 0;
    if (sealwire_isotp_poll_transmit(&isotp, host_now_ms(), data, sizeof data, &length) != SEALWIRE_OK) return -1;
    if (length > 0) {
      if (put(self, data, length) != 0) return -1;
    } else if (waiting_count == 0 || sealwire_isotp_send(&isotp, waiting[first_waiting].bytes, waiting[first_waiting].length) != SEALWIRE_OK) {
      return 0;
    } else {
      queue_drop();
    }
  }
}

static int can_send(framer *self, const uint8_t *frame, size_t length) {
  queue_put(frame, length);
  return can_pump(self);
}

static void can_input(framer *self, uint8_t *bytes, size_t length) {
  uint8_t *frame = NULL;
  size_t frame_length = 0;
  if (sealwire_isotp_handle_frame(&isotp, host_now_ms(), bytes, length, &frame, &frame_length) != SEALWIRE_OK) return;
  if (frame != NULL) deliver_copy(self, frame, frame_length);
  (void)can_pump(self);
}

static int can_due(framer *self, uint64_t now_ms) {
  uint64_t due_ms = UINT64_MAX;
  if (can_pump(self) != 0 || sealwire_isotp_poll_timeout(&isotp, &due_ms) != SEALWIRE_OK) return -1;
  return until(now_ms, due_ms);
}

static void can_counters(framer *self, sealwire_link_counters *out) {
  (void)self;
  (void)!sealwire_isotp_counters(&isotp, out, NULL);
}

/* ---- fragments: BLE, 802.15.4, Ethernet */

static sealwire_fragmenter fragmenter;
static sealwire_reassembler reassembler;
static sealwire_reassembler_slot slots[2];
static uint8_t fragment_rx[2 * FRAMER_FRAME];
static const uint8_t own_address[6] = {2, 0, 0, 0, 0, 1};
/* The gateway's, once it has spoken. */
static uint8_t gateway_address[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static int fragment_start(size_t size) {
  return sealwire_fragmenter_init(&fragmenter, size) == SEALWIRE_OK &&
                 sealwire_reassembler_init(&reassembler, slots, 2, fragment_rx, sizeof fragment_rx, SEALWIRE_REASSEMBLER_TIMEOUT_MS) == SEALWIRE_OK
             ? 0
             : -1;
}

static int ble_open(framer *self) {
  (void)self;
  return fragment_start(SEALWIRE_BLE_PAYLOAD_MIN);
}

static int ieee802154_open(framer *self) {
  (void)self;
  return fragment_start(SEALWIRE_IEEE802154_PAYLOAD);
}

static int ethernet_open(framer *self) {
  (void)self;
  return fragment_start(SEALWIRE_ETHERNET_FRAGMENT);
}

static int put_ethernet(framer *self, const uint8_t *fragment, size_t length) {
  uint8_t data[SEALWIRE_ETHERNET_FRAME];
  size_t used = 0;
  if (sealwire_ethernet_encode(gateway_address, own_address, SEALWIRE_ETHERNET_TYPE, fragment, length, data, sizeof data, &used) != SEALWIRE_OK) {
    return -1;
  }
  return put(self, data, used);
}

static int fragment_send_by(framer *self, const uint8_t *frame, size_t length, int (*put_fragment)(framer *, const uint8_t *, size_t)) {
  uint8_t fragment[SEALWIRE_ETHERNET_FRAGMENT];
  if (sealwire_fragmenter_start(&fragmenter, frame, length) != SEALWIRE_OK) return -1;
  for (;;) {
    size_t used = 0;
    if (sealwire_fragmenter_next(&fragmenter, fragment, sizeof fragment, &used) != SEALWIRE_OK) return -1;
    if (used == 0) return 0;
    if (put_fragment(self, fragment, used) != 0) return -1;
  }
}

static int fragment_send(framer *self, const uint8_t *frame, size_t length) { return fragment_send_by(self, frame, length, put); }

static int ethernet_send(framer *self, const uint8_t *frame, size_t length) { return fragment_send_by(self, frame, length, put_ethernet); }

static void take_fragment(framer *self, uint64_t sender, const uint8_t *fragment, size_t length) {
  uint8_t *frame = NULL;
  size_t frame_length = 0;
  if (sealwire_reassembler_feed(&reassembler, host_now_ms(), sender, fragment, length, &frame, &frame_length) != SEALWIRE_OK) return;
  if (frame != NULL) deliver_copy(self, frame, frame_length);
}

static void fragment_input(framer *self, uint8_t *bytes, size_t length) { take_fragment(self, 0, bytes, length); }

static void ethernet_input(framer *self, uint8_t *bytes, size_t length) {
  uint64_t sender = 0;
  const uint8_t *fragment = NULL;
  size_t fragment_length = 0;
  if (sealwire_ethernet_decode(SEALWIRE_ETHERNET_TYPE, bytes, length, &sender, &fragment, &fragment_length) != SEALWIRE_OK) return;
  if (fragment == NULL || memcmp(bytes, own_address, sizeof own_address) != 0) return;
  memcpy(gateway_address, bytes + 6, sizeof gateway_address);
  take_fragment(self, sender, fragment, fragment_length);
}

static void fragment_counters(framer *self, sealwire_link_counters *out) {
  (void)self;
  (void)!sealwire_reassembler_counters(&reassembler, out);
}

/* ---- SPI: each block that comes is one exchange, whose other half is the block armed before */

#define SPI_BLOCK 64
static sealwire_spi spi;
static uint8_t spi_tx[FRAMER_FRAME];
static uint8_t spi_rx[FRAMER_FRAME + SPI_BLOCK];
static uint8_t spi_armed[SPI_BLOCK];

static int spi_arm(void) {
  if (waiting_count > 0 && sealwire_spi_send(&spi, waiting[first_waiting].bytes, waiting[first_waiting].length) == SEALWIRE_OK) queue_drop();
  return sealwire_spi_poll_transmit(&spi, spi_armed, sizeof spi_armed) == SEALWIRE_OK ? 0 : -1;
}

static int spi_open(framer *self) {
  (void)self;
  if (sealwire_spi_init(&spi, SPI_BLOCK, spi_tx, sizeof spi_tx, spi_rx, sizeof spi_rx) != SEALWIRE_OK) return -1;
  return spi_arm();
}

static int spi_send(framer *self, const uint8_t *frame, size_t length) {
  (void)self;
  queue_put(frame, length);
  return 0;
}

static void spi_input(framer *self, uint8_t *bytes, size_t length) {
  uint8_t *frame = NULL;
  size_t frame_length = 0;
  if (put(self, spi_armed, sizeof spi_armed) != 0 || spi_arm() != 0) return;
  if (sealwire_spi_handle_block(&spi, bytes, length, &frame, &frame_length) == SEALWIRE_OK && frame != NULL) deliver_copy(self, frame, frame_length);
}

static void spi_counters(framer *self, sealwire_link_counters *out) {
  (void)self;
  (void)!sealwire_spi_counters(&spi, out);
}

/* ---- RS-485 */

static sealwire_rs485_device rs485;
static uint8_t rs485_tx[FRAMER_FRAME + 2];
static uint8_t rs485_rx[FRAMER_FRAME + 4];

static int rs485_open(framer *self) {
  sealwire_rs485_config config;
  (void)self;
  memset(&config, 0, sizeof config);
  config.baud = 1000000;
  return sealwire_rs485_device_init(&rs485, &config, 1, rs485_tx, sizeof rs485_tx, rs485_rx, sizeof rs485_rx) == SEALWIRE_OK ? 0 : -1;
}

static int rs485_load(void) {
  if (waiting_count > 0 && sealwire_rs485_device_send(&rs485, waiting[first_waiting].bytes, waiting[first_waiting].length) == SEALWIRE_OK) queue_drop();
  return 0;
}

static int rs485_send(framer *self, const uint8_t *frame, size_t length) {
  (void)self;
  queue_put(frame, length);
  return rs485_load();
}

static int rs485_due(framer *self, uint64_t now_ms) {
  uint8_t data[FRAMER_FRAME + FRAMER_FRAME / 100 + 16];
  size_t length = 0;
  uint64_t due_ms = UINT64_MAX;
  if (sealwire_rs485_device_poll_transmit(&rs485, now_ms, data, sizeof data, &length) != SEALWIRE_OK) return -1;
  if (length > 0 && put(self, data, length) != 0) return -1;
  if (sealwire_rs485_device_poll_timeout(&rs485, &due_ms) != SEALWIRE_OK) return -1;
  return until(now_ms, due_ms);
}

static void rs485_input(framer *self, uint8_t *bytes, size_t length) {
  while (length > 0) {
    size_t taken = 0;
    uint8_t *frame = NULL;
    size_t frame_length = 0;
    if (sealwire_rs485_device_handle(&rs485, host_now_ms(), bytes, length, &taken, &frame, &frame_length) != SEALWIRE_OK || taken == 0) return;
    if (frame != NULL) deliver_copy(self, frame, frame_length);
    bytes += taken;
    length -= taken;
  }
  (void)rs485_load();
  (void)rs485_due(self, host_now_ms());
}

static void rs485_counters(framer *self, sealwire_link_counters *out) {
  (void)self;
  (void)!sealwire_rs485_device_counters(&rs485, out);
}

/* ---- all of them */

static const framer_kind_of kinds[] = {
    {"uart", uart_open, uart_send, uart_input, NULL, uart_counters},
    {"stream", stream_open, stream_send, stream_input, NULL, stream_counters},
    {"can", can_open, can_send, can_input, can_due, can_counters},
    {"canfd", canfd_open, can_send, can_input, can_due, can_counters},
    {"ble", ble_open, fragment_send, fragment_input, NULL, fragment_counters},
    {"ieee802154", ieee802154_open, fragment_send, fragment_input, NULL, fragment_counters},
    {"ethernet", ethernet_open, ethernet_send, ethernet_input, NULL, fragment_counters},
    {"spi", spi_open, spi_send, spi_input, NULL, spi_counters},
    {"rs485", rs485_open, rs485_send, rs485_input, rs485_due, rs485_counters},
};

const framer_kind_of *framer_kind(const char *name) {
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (strcmp(kinds[i].name, name) == 0) return &kinds[i];
  }
  return NULL;
}
