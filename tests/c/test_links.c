/* Framing of links that carry blocks: fragments, Ethernet, SPI, RS-485. */
#include "check.h"
#include "sealwire_primitives.h"

void test_framing_fragments(void);
void test_framing_ethernet(void);
void test_framing_spi(void);
void test_framing_rs485(void);

#define INVALID(call) CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, call)
#define WRONG(call) CHECK_STATUS(SEALWIRE_WRONG_STATE, call)

static void fill(uint8_t *data, size_t length, unsigned seed) {
  for (size_t i = 0; i < length; i++) data[i] = (uint8_t)(i * 7 + seed);
}

void test_framing_fragments(void) {
  uint8_t whole[100];
  uint8_t fragment[SEALWIRE_BLE_PAYLOAD_MIN];
  uint8_t buffer[2 * 100];
  uint8_t *frame = NULL;
  size_t frame_length = 0;
  size_t length = 0;
  unsigned count = 0;
  sealwire_fragmenter fragmenter;
  sealwire_reassembler reassembler;
  sealwire_reassembler_slot slots[2];
  sealwire_link_counters counters;
  fill(whole, sizeof whole, 3);
  memset(&fragmenter, 0, sizeof fragmenter);
  memset(&reassembler, 0, sizeof reassembler);
  WRONG(sealwire_fragmenter_start(&fragmenter, whole, 5));
  WRONG(sealwire_fragmenter_next(&fragmenter, fragment, sizeof fragment, &length));
  WRONG(sealwire_reassembler_feed(&reassembler, 0, 1, fragment, 5, &frame, &frame_length));
  WRONG(sealwire_reassembler_counters(&reassembler, &counters));
  CHECK_OK(sealwire_fragmenter_init(&fragmenter, sizeof fragment));
  CHECK_OK(sealwire_reassembler_init(&reassembler, slots, 2, buffer, sizeof buffer, SEALWIRE_REASSEMBLER_TIMEOUT_MS));
  CHECK_OK(sealwire_fragmenter_next(&fragmenter, fragment, sizeof fragment, &length));
  CHECK_NUMBER(0, length);

  CHECK_OK(sealwire_fragmenter_start(&fragmenter, whole, sizeof whole));
  CHECK_STATUS(SEALWIRE_BUFFER_TOO_SMALL, sealwire_fragmenter_next(&fragmenter, fragment, 19, &length));
  for (;;) {
    CHECK_OK(sealwire_fragmenter_next(&fragmenter, fragment, sizeof fragment, &length));
    if (length == 0) break;
    CHECK(frame == NULL);
    CHECK_NUMBER(0, fragment[0]);
    CHECK_NUMBER(count == 5 ? 0x85 : count, fragment[1]);
    CHECK_OK(sealwire_reassembler_feed(&reassembler, count, 77, fragment, length, &frame, &frame_length));
    count++;
  }
  CHECK_NUMBER(6, count);
  CHECK_NUMBER(sizeof whole, frame_length);
  CHECK(frame != NULL);
  CHECK_BYTES(whole, frame, sizeof whole);

  /* Three senders begin, for two slots; one is done with its time. */
  static const uint8_t first[4] = {1, 0, 'a', 'b'};
  static const uint8_t only[4] = {1, 0x80, 'y', 'z'};
  CHECK_OK(sealwire_reassembler_feed(&reassembler, 10, 1, first, sizeof first, &frame, &frame_length));
  CHECK_OK(sealwire_reassembler_feed(&reassembler, 20, 2, first, sizeof first, &frame, &frame_length));
  CHECK_OK(sealwire_reassembler_feed(&reassembler, 5010, 3, only, sizeof only, &frame, &frame_length));
  CHECK(frame == NULL);
  CHECK_OK(sealwire_reassembler_feed(&reassembler, 5011, 3, only, sizeof only, &frame, &frame_length));
  CHECK_NUMBER(2, frame_length);
  CHECK_BYTES("yz", frame, 2);
  CHECK_OK(sealwire_reassembler_feed(&reassembler, 5011, 2, fragment, 1, &frame, &frame_length));
  CHECK(frame == NULL);
  CHECK_OK(sealwire_reassembler_counters(&reassembler, &counters));
  CHECK_NUMBER(2, counters.frames);
  CHECK_NUMBER(1, counters.expired);
  CHECK_NUMBER(1, counters.refused);
  CHECK_NUMBER(1, counters.malformed);
  CHECK_NUMBER(0, counters.lost);
  CHECK_NUMBER(0, counters.overlong);

  INVALID(sealwire_fragmenter_init(NULL, 20));
  INVALID(sealwire_fragmenter_init(&fragmenter, 2));
  INVALID(sealwire_fragmenter_start(NULL, whole, 5));
  INVALID(sealwire_fragmenter_start(&fragmenter, NULL, 5));
  INVALID(sealwire_fragmenter_start(&fragmenter, whole, 0));
  CHECK_OK(sealwire_fragmenter_start(&fragmenter, whole, sizeof whole));
  INVALID(sealwire_fragmenter_next(NULL, fragment, sizeof fragment, &length));
  INVALID(sealwire_fragmenter_next(&fragmenter, NULL, sizeof fragment, &length));
  INVALID(sealwire_fragmenter_next(&fragmenter, fragment, sizeof fragment, NULL));
  INVALID(sealwire_fragmenter_next(&fragmenter, whole, 20, &length));
  INVALID(sealwire_reassembler_init(NULL, slots, 2, buffer, sizeof buffer, 1));
  INVALID(sealwire_reassembler_init(&reassembler, NULL, 2, buffer, sizeof buffer, 1));
  INVALID(sealwire_reassembler_init(&reassembler, slots, 0, buffer, sizeof buffer, 1));
  INVALID(sealwire_reassembler_init(&reassembler, slots, (size_t)-1, buffer, sizeof buffer, 1));
  INVALID(sealwire_reassembler_init(&reassembler, slots, 2, NULL, sizeof buffer, 1));
  INVALID(sealwire_reassembler_init(&reassembler, slots, 2, buffer, 1, 1));
  INVALID(sealwire_reassembler_init(&reassembler, slots, 2, buffer, sizeof buffer, 0));
  INVALID(sealwire_reassembler_init(&reassembler, slots, 2, (uint8_t *)slots, sizeof slots, 1));
  INVALID(sealwire_reassembler_feed(NULL, 0, 1, first, sizeof first, &frame, &frame_length));
  INVALID(sealwire_reassembler_feed(&reassembler, 0, 1, NULL, sizeof first, &frame, &frame_length));
  INVALID(sealwire_reassembler_feed(&reassembler, 0, 1, first, sizeof first, NULL, &frame_length));
  INVALID(sealwire_reassembler_feed(&reassembler, 0, 1, first, sizeof first, &frame, NULL));
  INVALID(sealwire_reassembler_counters(NULL, &counters));
  INVALID(sealwire_reassembler_counters(&reassembler, NULL));
}

void test_framing_ethernet(void) {
  static const uint8_t here[6] = {2, 0, 0, 0, 0, 1};
  static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  static const uint8_t group[6] = {1, 0, 0, 0, 0, 1};
  static const uint8_t fragment[5] = {0, 0x80, 'a', 'b', 'c'};
  static const uint8_t head[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, 0, 5};
  const uint16_t type = SEALWIRE_ETHERNET_TYPE;
  uint8_t data[SEALWIRE_ETHERNET_FRAME];
  uint8_t longest[SEALWIRE_ETHERNET_FRAGMENT + 1];
  const uint8_t *found = NULL;
  size_t length = 0;
  size_t found_length = 0;
  uint64_t sender = 0;
  CHECK_OK(sealwire_ethernet_encode(all, here, type, fragment, sizeof fragment, data, sizeof data, &length));
  CHECK_NUMBER(60, length);
  CHECK_BYTES(head, data, sizeof head);
  CHECK_BYTES(fragment, data + 16, sizeof fragment);
  CHECK_OK(sealwire_ethernet_decode(type, data, length, &sender, &found, &found_length));
  CHECK(found == data + 16);
  CHECK_NUMBER(sizeof fragment, found_length);
  CHECK_NUMBER(0x020000000001, sender);
  CHECK_OK(sealwire_ethernet_decode(0x9000, data, length, &sender, &found, &found_length));
  CHECK(found == NULL);
  for (size_t end = 0; end < 21; end++) {
    CHECK_STATUS(SEALWIRE_MALFORMED, sealwire_ethernet_decode(type, data, end, &sender, &found, &found_length));
  }
  CHECK_STATUS(SEALWIRE_BUFFER_TOO_SMALL, sealwire_ethernet_encode(all, here, type, fragment, sizeof fragment, data, 59, &length));
  fill(longest, sizeof longest, 1);
  CHECK_OK(sealwire_ethernet_encode(all, here, type, longest, sizeof longest - 1, data, sizeof data, &length));
  CHECK_NUMBER(SEALWIRE_ETHERNET_FRAME, length);
  INVALID(sealwire_ethernet_encode(all, here, type, longest, sizeof longest, data, sizeof data, &length));
  INVALID(sealwire_ethernet_encode(all, group, type, fragment, sizeof fragment, data, sizeof data, &length));
  INVALID(sealwire_ethernet_encode(all, here, 0x5ff, fragment, sizeof fragment, data, sizeof data, &length));
  INVALID(sealwire_ethernet_encode(NULL, here, type, fragment, sizeof fragment, data, sizeof data, &length));
  INVALID(sealwire_ethernet_encode(all, NULL, type, fragment, sizeof fragment, data, sizeof data, &length));
  INVALID(sealwire_ethernet_encode(all, here, type, NULL, sizeof fragment, data, sizeof data, &length));
  INVALID(sealwire_ethernet_encode(all, here, type, fragment, 0, data, sizeof data, &length));
  INVALID(sealwire_ethernet_encode(all, here, type, data, 9, data, sizeof data, &length));
  INVALID(sealwire_ethernet_encode(all, here, type, fragment, sizeof fragment, NULL, sizeof data, &length));
  INVALID(sealwire_ethernet_encode(all, here, type, fragment, sizeof fragment, data, sizeof data, NULL));
  INVALID(sealwire_ethernet_decode(type, NULL, 60, &sender, &found, &found_length));
  INVALID(sealwire_ethernet_decode(type, data, 60, NULL, &found, &found_length));
  INVALID(sealwire_ethernet_decode(type, data, 60, &sender, NULL, &found_length));
  INVALID(sealwire_ethernet_decode(type, data, 60, &sender, &found, NULL));
}

void test_framing_spi(void) {
  enum { SIZE = 32 };
  uint8_t tx[2][64];
  uint8_t rx[2][SIZE + 64];
  uint8_t wire[2][SIZE];
  uint8_t down[64];
  uint8_t got[2][64];
  size_t got_length[2] = {0, 0};
  uint8_t sending[2] = {1, 0};
  uint8_t *frame = NULL;
  size_t frame_length = 0;
  unsigned exchanges = 0;
  sealwire_spi end[2];
  sealwire_link_counters counters;
  fill(down, sizeof down, 9);
  memset(end, 0, sizeof end);
  WRONG(sealwire_spi_send(&end[0], down, 5));
  WRONG(sealwire_spi_is_sending(&end[0], sending));
  WRONG(sealwire_spi_poll_transmit(&end[0], wire[0], SIZE));
  WRONG(sealwire_spi_handle_block(&end[0], wire[0], SIZE, &frame, &frame_length));
  WRONG(sealwire_spi_counters(&end[0], &counters));
  for (int i = 0; i < 2; i++) CHECK_OK(sealwire_spi_init(&end[i], SIZE, tx[i], sizeof tx[i], rx[i], sizeof rx[i]));
  CHECK_OK(sealwire_spi_send(&end[0], down, sizeof down));
  CHECK_STATUS(SEALWIRE_BUSY, sealwire_spi_send(&end[0], down, 1));
  CHECK_OK(sealwire_spi_send(&end[1], (const uint8_t *)"up", 2));
  while (sending[0] || sending[1]) {
    for (int i = 0; i < 2; i++) CHECK_OK(sealwire_spi_poll_transmit(&end[i], wire[i], SIZE));
    for (int i = 0; i < 2; i++) {
      CHECK_OK(sealwire_spi_handle_block(&end[i], wire[1 - i], SIZE, &frame, &frame_length));
      if (frame != NULL) memcpy(got[i], frame, got_length[i] = frame_length);
      CHECK_OK(sealwire_spi_is_sending(&end[i], &sending[i]));
    }
    exchanges++;
  }
  CHECK_NUMBER(3, exchanges);
  CHECK_NUMBER(sizeof down, got_length[1]);
  CHECK_BYTES(down, got[1], sizeof down);
  CHECK_NUMBER(2, got_length[0]);
  CHECK_BYTES("up", got[0], 2);
  CHECK_OK(sealwire_spi_poll_transmit(&end[0], wire[0], SIZE));
  CHECK(wire[0][0] == 0xff && wire[0][SIZE - 1] == 0xff);
  memset(wire[0], 0xa5, SIZE);
  CHECK_OK(sealwire_spi_handle_block(&end[1], wire[0], SIZE, &frame, &frame_length));
  CHECK(frame == NULL);
  CHECK_OK(sealwire_spi_counters(&end[1], &counters));
  CHECK_NUMBER(1, counters.frames);
  CHECK_NUMBER(1, counters.malformed);

  INVALID(sealwire_spi_init(NULL, SIZE, tx[0], 64, rx[0], 96));
  INVALID(sealwire_spi_init(&end[0], 7, tx[0], 64, rx[0], 96));
  INVALID(sealwire_spi_init(&end[0], SIZE, NULL, 64, rx[0], 96));
  INVALID(sealwire_spi_init(&end[0], SIZE, tx[0], 0, rx[0], 96));
  INVALID(sealwire_spi_init(&end[0], SIZE, tx[0], 64, NULL, 96));
  INVALID(sealwire_spi_init(&end[0], SIZE, tx[0], 64, rx[0], SIZE));
  INVALID(sealwire_spi_init(&end[0], SIZE, rx[0], 64, rx[0], 96));
  INVALID(sealwire_spi_send(NULL, down, 1));
  INVALID(sealwire_spi_send(&end[0], NULL, 1));
  INVALID(sealwire_spi_send(&end[0], down, 0));
  CHECK_OK(sealwire_spi_init(&end[0], SIZE, tx[0], 63, rx[0], 96));
  CHECK_STATUS(SEALWIRE_BUFFER_TOO_SMALL, sealwire_spi_send(&end[0], down, 64));
  INVALID(sealwire_spi_is_sending(NULL, sending));
  INVALID(sealwire_spi_is_sending(&end[0], NULL));
  INVALID(sealwire_spi_poll_transmit(NULL, wire[0], SIZE));
  INVALID(sealwire_spi_poll_transmit(&end[0], NULL, SIZE));
  INVALID(sealwire_spi_poll_transmit(&end[0], wire[0], SIZE - 1));
  INVALID(sealwire_spi_handle_block(NULL, wire[0], SIZE, &frame, &frame_length));
  INVALID(sealwire_spi_handle_block(&end[0], NULL, SIZE, &frame, &frame_length));
  INVALID(sealwire_spi_handle_block(&end[0], wire[0], SIZE, NULL, &frame_length));
  INVALID(sealwire_spi_handle_block(&end[0], wire[0], SIZE, &frame, NULL));
  INVALID(sealwire_spi_counters(NULL, &counters));
  INVALID(sealwire_spi_counters(&end[0], NULL));
}

void test_framing_rs485(void) {
  static const sealwire_rs485_config bus = {0, 64, 0, 0, 1};
  uint8_t tx[2][66];
  uint8_t rx[2][68];
  uint8_t line[96];
  uint8_t *frame = NULL;
  size_t frame_length = 0;
  size_t taken = 0;
  size_t length = 0;
  uint64_t due = 0;
  uint64_t now = 5;
  uint8_t address = 0;
  uint8_t silent = 0xee;
  sealwire_rs485_controller controller;
  sealwire_rs485_device device;
  sealwire_link_counters counters;
  memset(&controller, 0, sizeof controller);
  memset(&device, 0, sizeof device);
  WRONG(sealwire_rs485_controller_poll(&controller, 1, NULL, 0));
  WRONG(sealwire_rs485_device_send(&device, line, 1));
  CHECK(sealwire_rs485_encoded_size(64) <= sizeof line);
  CHECK_OK(sealwire_rs485_controller_init(&controller, &bus, tx[0], 66, rx[0], 68));
  CHECK_OK(sealwire_rs485_device_init(&device, &bus, 5, tx[1], 66, rx[1], 68));
  CHECK_OK(sealwire_rs485_controller_poll_timeout(&controller, &due));
  CHECK(due == UINT64_MAX);
  CHECK_OK(sealwire_rs485_device_poll_timeout(&device, &due));
  CHECK(due == UINT64_MAX);

  for (unsigned round = 0; round < 3; round++) {
    CHECK_OK(sealwire_rs485_device_send(&device, (const uint8_t *)"up", 2));
    CHECK_STATUS(SEALWIRE_BUSY, sealwire_rs485_device_send(&device, (const uint8_t *)"up", 2));
    CHECK_OK(sealwire_rs485_controller_poll(&controller, 5, (const uint8_t *)"down", 4));
    CHECK_STATUS(SEALWIRE_BUSY, sealwire_rs485_controller_poll(&controller, 5, NULL, 0));
    CHECK_OK(sealwire_rs485_controller_poll_timeout(&controller, &due));
    if (due > now) now = due;
    CHECK_OK(sealwire_rs485_controller_poll_transmit(&controller, now, line, sizeof line, &length));
    CHECK(length > 0);
    CHECK_OK(sealwire_rs485_device_handle(&device, now, line, length, &taken, &frame, &frame_length));
    CHECK_NUMBER(length, taken);
    CHECK_NUMBER(4, frame_length);
    CHECK_BYTES("down", frame, 4);
    CHECK_OK(sealwire_rs485_device_poll_transmit(&device, now, line, sizeof line, &length));
    CHECK_NUMBER(0, length);
    CHECK_OK(sealwire_rs485_device_poll_timeout(&device, &now));
    CHECK_OK(sealwire_rs485_device_poll_transmit(&device, now, line, sizeof line, &length));
    CHECK(length > 0);
    CHECK_OK(sealwire_rs485_controller_handle(&controller, now, line, length, &taken, &address, &frame, &frame_length));
    CHECK_NUMBER(length, taken);
    CHECK_NUMBER(5, address);
    CHECK_NUMBER(2, frame_length);
    CHECK_BYTES("up", frame, 2);
    /* A poll without a frame tells the device that its frame came; the answer has none. */
    CHECK_OK(sealwire_rs485_controller_poll(&controller, 5, NULL, 0));
    CHECK_OK(sealwire_rs485_controller_poll_timeout(&controller, &now));
    CHECK_OK(sealwire_rs485_controller_poll_transmit(&controller, now, line, sizeof line, &length));
    CHECK_OK(sealwire_rs485_device_handle(&device, now, line, length, &taken, &frame, &frame_length));
    CHECK(frame == NULL);
    CHECK_OK(sealwire_rs485_device_poll_timeout(&device, &now));
    CHECK_OK(sealwire_rs485_device_poll_transmit(&device, now, line, sizeof line, &length));
    CHECK_OK(sealwire_rs485_controller_handle(&controller, now, line, length, &taken, &address, &frame, &frame_length));
    CHECK_NUMBER(5, address);
    CHECK_NUMBER(0, frame_length);
    CHECK(frame != NULL);
  }
  /* Nobody is there: one repetition, as configured. */
  CHECK_OK(sealwire_rs485_controller_poll(&controller, 9, NULL, 0));
  for (unsigned tries = 0; tries < 2; tries++) {
    CHECK_OK(sealwire_rs485_controller_poll_timeout(&controller, &now));
    CHECK_OK(sealwire_rs485_controller_poll_transmit(&controller, now, line, sizeof line, &length));
    CHECK(length > 0);
    CHECK_OK(sealwire_rs485_controller_poll_timeout(&controller, &now));
    CHECK_OK(sealwire_rs485_controller_handle_timeout(&controller, now, &silent));
    CHECK_NUMBER(tries == 0 ? 0 : 9, silent);
  }
  CHECK_OK(sealwire_rs485_controller_counters(&controller, &counters));
  CHECK_NUMBER(6, counters.frames);
  CHECK_NUMBER(1, counters.expired);
  CHECK_OK(sealwire_rs485_device_counters(&device, &counters));
  CHECK_NUMBER(6, counters.frames);

  sealwire_rs485_config odd = bus;
  odd.baud = 1;
  INVALID(sealwire_rs485_controller_init(&controller, &odd, tx[0], 66, rx[0], 68));
  INVALID(sealwire_rs485_device_init(&device, &odd, 5, tx[1], 66, rx[1], 68));
  INVALID(sealwire_rs485_controller_init(NULL, &bus, tx[0], 66, rx[0], 68));
  INVALID(sealwire_rs485_controller_init(&controller, NULL, tx[0], 66, rx[0], 68));
  INVALID(sealwire_rs485_controller_init(&controller, &bus, NULL, 66, rx[0], 68));
  INVALID(sealwire_rs485_controller_init(&controller, &bus, rx[0], 66, rx[0], 68));
  INVALID(sealwire_rs485_device_init(&device, &bus, 0, tx[1], 66, rx[1], 68));
  INVALID(sealwire_rs485_device_init(&device, &bus, 128, tx[1], 66, rx[1], 68));
  INVALID(sealwire_rs485_device_init(&device, NULL, 5, tx[1], 66, rx[1], 68));
  INVALID(sealwire_rs485_controller_poll(NULL, 5, NULL, 0));
  INVALID(sealwire_rs485_controller_poll(&controller, 0, NULL, 0));
  INVALID(sealwire_rs485_controller_poll(&controller, 5, NULL, 1));
  CHECK_STATUS(SEALWIRE_BUFFER_TOO_SMALL, sealwire_rs485_controller_poll(&controller, 5, line, 65));
  INVALID(sealwire_rs485_controller_poll_transmit(&controller, now, NULL, 9, &length));
  INVALID(sealwire_rs485_controller_poll_transmit(&controller, now, line, 9, NULL));
  CHECK_OK(sealwire_rs485_controller_poll(&controller, 5, NULL, 0));
  CHECK_STATUS(SEALWIRE_BUFFER_TOO_SMALL, sealwire_rs485_controller_poll_transmit(&controller, now + 99, line, 3, &length));
  INVALID(sealwire_rs485_controller_handle(&controller, now, NULL, 1, &taken, &address, &frame, &frame_length));
  INVALID(sealwire_rs485_controller_handle(&controller, now, line, 1, NULL, &address, &frame, &frame_length));
  INVALID(sealwire_rs485_controller_handle(&controller, now, line, 1, &taken, NULL, &frame, &frame_length));
  INVALID(sealwire_rs485_controller_handle_timeout(&controller, now, NULL));
  INVALID(sealwire_rs485_controller_poll_timeout(&controller, NULL));
  INVALID(sealwire_rs485_controller_counters(&controller, NULL));
  INVALID(sealwire_rs485_device_send(&device, NULL, 1));
  INVALID(sealwire_rs485_device_send(&device, line, 0));
  CHECK_STATUS(SEALWIRE_BUFFER_TOO_SMALL, sealwire_rs485_device_send(&device, line, 65));
  INVALID(sealwire_rs485_device_handle(&device, now, NULL, 1, &taken, &frame, &frame_length));
  INVALID(sealwire_rs485_device_handle(&device, now, line, 1, &taken, NULL, &frame_length));
  INVALID(sealwire_rs485_device_poll_transmit(&device, now, line, 1, NULL));
  INVALID(sealwire_rs485_device_poll_timeout(&device, NULL));
  INVALID(sealwire_rs485_device_counters(NULL, &counters));
}
