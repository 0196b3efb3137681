/* ISO-TP over CAN. */
#include "check.h"
#include "sealwire_primitives.h"

void test_framing_isotp(void);

#define INVALID(call) CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, call)
#define ROOM 600

typedef struct {
  sealwire_isotp isotp;
  uint8_t tx[ROOM];
  uint8_t rx[ROOM];
  uint8_t got[ROOM];
  size_t got_length;
  unsigned got_count;
} end;

static void begin(end *which, sealwire_isotp_config config) {
  memset(which, 0, sizeof *which);
  CHECK_OK(sealwire_isotp_init(&which->isotp, &config, which->tx, ROOM, which->rx, ROOM));
}

/* Hands what is to be sent by `from` to `to`; gives how many CAN frames that were. */
static unsigned move(end *from, end *to, uint64_t now, size_t size) {
  uint8_t data[64];
  size_t length = 0;
  uint8_t *frame = NULL;
  size_t frame_length = 0;
  for (unsigned count = 0;; count++) {
    CHECK_OK(sealwire_isotp_poll_transmit(&from->isotp, now, data, size, &length));
    if (length == 0) return count;
    CHECK(length <= size);
    CHECK_OK(sealwire_isotp_handle_frame(&to->isotp, now, data, length, &frame, &frame_length));
    if (frame != NULL) {
      CHECK(frame == to->rx);
      memcpy(to->got, frame, frame_length);
      to->got_length = frame_length;
      to->got_count++;
    }
  }
}

static void both_ways(sealwire_isotp_config config, size_t size) {
  static end one;
  static end other;
  uint8_t frame[ROOM];
  uint64_t now = 3;
  uint64_t due = 0;
  sealwire_link_counters received;
  sealwire_isotp_sent sent;
  begin(&one, config);
  begin(&other, config);
  for (unsigned i = 0; i < ROOM; i++) frame[i] = (uint8_t)(i * 5);
  unsigned count = 0;
  for (size_t length = 1; length <= ROOM; length += length < 70 ? 1 : 53) {
    count++;
    CHECK_OK(sealwire_isotp_send(&one.isotp, frame, length));
    CHECK_OK(sealwire_isotp_send(&other.isotp, frame + 1, ROOM - length + (length == ROOM)));
    for (;;) {
      const unsigned moved = move(&one, &other, now, size) + move(&other, &one, now, size);
      uint64_t due_other = 0;
      CHECK_OK(sealwire_isotp_poll_timeout(&one.isotp, &due));
      CHECK_OK(sealwire_isotp_poll_timeout(&other.isotp, &due_other));
      if (due_other < due) due = due_other;
      if (due == UINT64_MAX) break;
      if (moved == 0) now = due;
    }
    CHECK_NUMBER(length, other.got_length);
    CHECK_BYTES(frame, other.got, length);
  }
  CHECK_OK(sealwire_isotp_counters(&other.isotp, &received, &sent));
  CHECK_NUMBER(count, received.frames);
  CHECK_NUMBER(count, sent.frames);
  CHECK_NUMBER(count, one.got_count);
  CHECK_NUMBER(0, received.malformed + received.lost + received.expired + received.overlong + received.refused);
}

void test_framing_isotp(void) {
  sealwire_isotp_config config;
  memset(&config, 0, sizeof config);
  both_ways(config, 8);
  config.size = 64;
  config.pads = 1;
  config.padding = 0x55;
  config.block_size = 3;
  config.separation = 2;
  both_ways(config, 64);

  /* From tests/vectors/link_can.json: "CAN 2.0, 8 bytes", with a wait before the flow control and a piece that is not the next. */
  memset(&config, 0, sizeof config);
  config.max_waits = 1;
  static const uint8_t frame[8] = {0x00, 0x07, 0x0e, 0x15, 0x1c, 0x23, 0x2a, 0x31};
  static const uint8_t first[8] = {0x10, 0x08, 0x00, 0x07, 0x0e, 0x15, 0x1c, 0x23};
  static const uint8_t last[3] = {0x21, 0x2a, 0x31};
  static const uint8_t stray[3] = {0x25, 0x2a, 0x31};
  static const uint8_t waits[3] = {0x31, 0, 0};
  static const uint8_t overflow[3] = {0x32, 0, 0};
  static const uint8_t unknown[3] = {0x33, 0, 0};
  static end it;
  uint8_t data[8];
  size_t length = 0;
  uint8_t *found = NULL;
  size_t found_length = 0;
  uint64_t due = 0;
  sealwire_link_counters received;
  sealwire_isotp_sent sent;
  begin(&it, config);
  CHECK_OK(sealwire_isotp_poll_timeout(&it.isotp, &due));
  CHECK(due == UINT64_MAX);
  CHECK_OK(sealwire_isotp_send(&it.isotp, frame, sizeof frame));
  CHECK_STATUS(SEALWIRE_BUSY, sealwire_isotp_send(&it.isotp, frame, sizeof frame));
  CHECK_STATUS(SEALWIRE_BUFFER_TOO_SMALL, sealwire_isotp_poll_transmit(&it.isotp, 5, data, 7, &length));
  CHECK_OK(sealwire_isotp_poll_transmit(&it.isotp, 5, data, sizeof data, &length));
  CHECK_NUMBER(8, length);
  CHECK_BYTES(first, data, 8);
  CHECK_OK(sealwire_isotp_poll_timeout(&it.isotp, &due));
  CHECK_NUMBER(1005, due);
  CHECK_OK(sealwire_isotp_handle_frame(&it.isotp, 900, waits, 3, &found, &found_length));
  CHECK_OK(sealwire_isotp_handle_frame(&it.isotp, 900, unknown, 3, &found, &found_length));
  CHECK_OK(sealwire_isotp_poll_timeout(&it.isotp, &due));
  CHECK_NUMBER(1900, due);
  CHECK_OK(sealwire_isotp_handle_frame(&it.isotp, 1000, overflow, 3, &found, &found_length));
  CHECK_OK(sealwire_isotp_poll_transmit(&it.isotp, 1000, data, sizeof data, &length));
  CHECK_NUMBER(0, length);
  CHECK_OK(sealwire_isotp_set_ready(&it.isotp, 0));
  CHECK_OK(sealwire_isotp_handle_frame(&it.isotp, 2000, first, 8, &found, &found_length));
  CHECK_OK(sealwire_isotp_poll_transmit(&it.isotp, 2000, data, sizeof data, &length));
  CHECK_NUMBER(3, length);
  CHECK_NUMBER(0x31, data[0]);
  CHECK_OK(sealwire_isotp_set_ready(&it.isotp, 1));
  CHECK_OK(sealwire_isotp_poll_transmit(&it.isotp, 2001, data, sizeof data, &length));
  CHECK_NUMBER(0x30, data[0]);
  CHECK_OK(sealwire_isotp_handle_frame(&it.isotp, 2002, last, 3, &found, &found_length));
  CHECK_NUMBER(8, found_length);
  CHECK_BYTES(frame, found, 8);
  CHECK_OK(sealwire_isotp_handle_frame(&it.isotp, 2003, first, 8, &found, &found_length));
  CHECK(found == NULL);
  CHECK_OK(sealwire_isotp_handle_frame(&it.isotp, 2003, stray, 3, &found, &found_length));
  CHECK_OK(sealwire_isotp_counters(&it.isotp, &received, &sent));
  CHECK_NUMBER(1, received.frames);
  CHECK_NUMBER(1, received.malformed);
  CHECK_NUMBER(1, received.lost);
  CHECK_NUMBER(0, sent.frames);
  CHECK_NUMBER(1, sent.refused);

  INVALID(sealwire_isotp_init(NULL, &config, it.tx, ROOM, it.rx, ROOM));
  INVALID(sealwire_isotp_init(&it.isotp, NULL, it.tx, ROOM, it.rx, ROOM));
  INVALID(sealwire_isotp_init(&it.isotp, &config, NULL, ROOM, it.rx, ROOM));
  INVALID(sealwire_isotp_init(&it.isotp, &config, it.tx, ROOM, NULL, ROOM));
  INVALID(sealwire_isotp_init(&it.isotp, &config, it.tx, ROOM, it.tx + ROOM - 1, 10));
  INVALID(sealwire_isotp_send(&it.isotp, frame, 0));
  INVALID(sealwire_isotp_send(&it.isotp, NULL, 1));
  INVALID(sealwire_isotp_send(NULL, frame, 1));
  INVALID(sealwire_isotp_handle_frame(NULL, 0, first, 8, &found, &found_length));
  INVALID(sealwire_isotp_handle_frame(&it.isotp, 0, NULL, 8, &found, &found_length));
  INVALID(sealwire_isotp_handle_frame(&it.isotp, 0, first, 8, NULL, &found_length));
  INVALID(sealwire_isotp_handle_frame(&it.isotp, 0, first, 8, &found, NULL));
  INVALID(sealwire_isotp_poll_transmit(NULL, 0, data, 8, &length));
  INVALID(sealwire_isotp_poll_transmit(&it.isotp, 0, NULL, 8, &length));
  INVALID(sealwire_isotp_poll_transmit(&it.isotp, 0, data, 8, NULL));
  INVALID(sealwire_isotp_poll_timeout(NULL, &due));
  INVALID(sealwire_isotp_poll_timeout(&it.isotp, NULL));
  INVALID(sealwire_isotp_set_ready(NULL, 1));
  INVALID(sealwire_isotp_counters(NULL, &received, &sent));
  CHECK_OK(sealwire_isotp_counters(&it.isotp, NULL, NULL));
  CHECK_STATUS(SEALWIRE_BUFFER_TOO_SMALL, sealwire_isotp_send(&it.isotp, it.got, ROOM + 1));
  for (int i = 0; i < 3; i++) {
    sealwire_isotp_config odd = config;
    if (i == 0) odd.size = 9;
    if (i == 1) odd.size = 255;
    if (i == 2) odd.separation = 0x80;
    INVALID(sealwire_isotp_init(&it.isotp, &odd, it.tx, ROOM, it.rx, ROOM));
  }
  /* Without memory nothing can be sent or received, and it says so. */
  CHECK_OK(sealwire_isotp_init(&it.isotp, &config, NULL, 0, NULL, 0));
  CHECK_STATUS(SEALWIRE_BUFFER_TOO_SMALL, sealwire_isotp_send(&it.isotp, frame, 1));
  CHECK_OK(sealwire_isotp_handle_frame(&it.isotp, 0, first, 8, &found, &found_length));
  CHECK(found == NULL);
  CHECK_OK(sealwire_isotp_poll_transmit(&it.isotp, 0, data, 8, &length));
  CHECK_NUMBER(0x32, data[0]);
  memset(&it.isotp, 0, sizeof it.isotp);
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_isotp_send(&it.isotp, frame, 1));
}
