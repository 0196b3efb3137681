/* Framing of byte links, and the store on raw flash. */
#include "check.h"
#include "sealwire_primitives.h"

void test_framing_uart(void);
void test_framing_stream(void);
void test_two_slot_store(void);

#define INVALID(call) CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, call)

void test_framing_uart(void) {
  /* From tests/vectors/uart.json: "check value of CRC-16/IBM-3740". */
  static const uint8_t digits[9] = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
  static const uint8_t expected[13] = {0x0c, '1', '2', '3', '4', '5', '6', '7', '8', '9', 0x29, 0xb1, 0x00};
  uint8_t line[64];
  uint8_t buffer[32];
  size_t length = 0;
  size_t taken = 0;
  uint8_t *frame = NULL;
  size_t frame_length = 0;
  sealwire_uart decoder;
  sealwire_link_counters counters;
  CHECK_OK(sealwire_uart_encode(digits, sizeof digits, line, sizeof line, &length));
  CHECK_NUMBER(sizeof expected, length);
  CHECK_BYTES(expected, line, sizeof expected);
  CHECK(sealwire_uart_encoded_size(sizeof digits) >= length);

  CHECK_OK(sealwire_uart_init(&decoder, buffer, sizeof buffer));
  /* Byte by byte, twice, with noise between. */
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < length; i++) {
      CHECK_OK(sealwire_uart_feed(&decoder, &line[i], 1, &taken, &frame, &frame_length));
      CHECK_NUMBER(1, taken);
      CHECK((frame != NULL) == (i + 1 == length));
    }
    CHECK_NUMBER(sizeof digits, frame_length);
    CHECK_BYTES(digits, frame, sizeof digits);
    static const uint8_t noise[5] = {0x03, 0x44, 0x00, 0x00, 0x00};
    CHECK_OK(sealwire_uart_feed(&decoder, noise, sizeof noise, &taken, &frame, &frame_length));
    CHECK(frame == NULL);
  }
  /* Two frames in one piece: the rest is handed in again. */
  memcpy(line + length, line, length);
  CHECK_OK(sealwire_uart_feed(&decoder, line, 2 * length, &taken, &frame, &frame_length));
  CHECK_NUMBER(length, taken);
  CHECK(frame != NULL);
  /* A block that is too long for the buffer. */
  uint8_t stream[100];
  memset(stream, 0x11, sizeof stream);
  stream[99] = 0;
  CHECK_OK(sealwire_uart_feed(&decoder, stream, sizeof stream, &taken, &frame, &frame_length));
  CHECK(frame == NULL);
  CHECK_OK(sealwire_uart_counters(&decoder, &counters));
  CHECK_NUMBER(3, counters.frames);
  CHECK_NUMBER(2, counters.malformed);
  CHECK_NUMBER(1, counters.overlong);

  for (size_t capacity = 0; capacity < sizeof expected; capacity++) {
    CHECK_STATUS(SEALWIRE_BUFFER_TOO_SMALL, sealwire_uart_encode(digits, sizeof digits, line, capacity, &length));
  }
  INVALID(sealwire_uart_encode(digits, 0, line, sizeof line, &length));
  INVALID(sealwire_uart_encode(NULL, 9, line, sizeof line, &length));
  INVALID(sealwire_uart_encode(digits, sizeof digits, NULL, 64, &length));
  INVALID(sealwire_uart_encode(digits, sizeof digits, line, sizeof line, NULL));
  INVALID(sealwire_uart_encode(line, 9, line, sizeof line, &length));
  INVALID(sealwire_uart_init(NULL, buffer, sizeof buffer));
  INVALID(sealwire_uart_init(&decoder, NULL, 32));
  INVALID(sealwire_uart_feed(NULL, line, 1, &taken, &frame, &frame_length));
  INVALID(sealwire_uart_feed(&decoder, NULL, 1, &taken, &frame, &frame_length));
  INVALID(sealwire_uart_feed(&decoder, line, 1, NULL, &frame, &frame_length));
  INVALID(sealwire_uart_feed(&decoder, line, 1, &taken, NULL, &frame_length));
  INVALID(sealwire_uart_feed(&decoder, line, 1, &taken, &frame, NULL));
  CHECK_OK(sealwire_uart_feed(&decoder, NULL, 0, &taken, &frame, &frame_length));
  INVALID(sealwire_uart_counters(NULL, &counters));
  INVALID(sealwire_uart_counters(&decoder, NULL));
  memset(&decoder, 0, sizeof decoder);
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_uart_feed(&decoder, line, 1, &taken, &frame, &frame_length));
  /* A decoder over no memory takes nothing, and says so. */
  CHECK_OK(sealwire_uart_init(&decoder, NULL, 0));
  CHECK_OK(sealwire_uart_feed(&decoder, expected, sizeof expected, &taken, &frame, &frame_length));
  CHECK(frame == NULL);
}

void test_framing_stream(void) {
  static const uint8_t hello[5] = {'h', 'e', 'l', 'l', 'o'};
  uint8_t line[32];
  uint8_t buffer[8];
  size_t length = 0;
  size_t taken = 0;
  uint8_t *frame = NULL;
  size_t frame_length = 0;
  sealwire_stream decoder;
  sealwire_link_counters counters;
  CHECK_OK(sealwire_stream_encode(hello, sizeof hello, line, sizeof line, &length));
  CHECK_NUMBER(7, length);
  CHECK_NUMBER(0, line[0]);
  CHECK_NUMBER(5, line[1]);
  CHECK_OK(sealwire_stream_init(&decoder, buffer, sizeof buffer));
  for (size_t cut = 0; cut <= length; cut++) {
    CHECK_OK(sealwire_stream_feed(&decoder, line, cut, &taken, &frame, &frame_length));
    CHECK_NUMBER(cut, taken);
    if (cut < length) CHECK_OK(sealwire_stream_feed(&decoder, line + cut, length - cut, &taken, &frame, &frame_length));
    CHECK_NUMBER(5, frame_length);
    CHECK_BYTES(hello, frame, 5);
  }
  /* A frame above the buffer ends the stream. */
  static const uint8_t too_long[2] = {0, 9};
  CHECK_STATUS(SEALWIRE_MALFORMED, sealwire_stream_feed(&decoder, too_long, 2, &taken, &frame, &frame_length));
  CHECK_STATUS(SEALWIRE_MALFORMED, sealwire_stream_feed(&decoder, line, length, &taken, &frame, &frame_length));
  CHECK_OK(sealwire_stream_counters(&decoder, &counters));
  CHECK_NUMBER(8, counters.frames);
  CHECK_NUMBER(1, counters.overlong);
  INVALID(sealwire_stream_encode(hello, 0, line, sizeof line, &length));
  CHECK_STATUS(SEALWIRE_BUFFER_TOO_SMALL, sealwire_stream_encode(hello, 5, line, 6, &length));
  INVALID(sealwire_stream_init(NULL, buffer, 8));
  INVALID(sealwire_stream_feed(NULL, line, 1, &taken, &frame, &frame_length));
  INVALID(sealwire_stream_counters(NULL, &counters));
  /* Memory of another type is none. */
  sealwire_uart other;
  CHECK_OK(sealwire_uart_init(&other, buffer, sizeof buffer));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_stream_feed((sealwire_stream *)(void *)&other, line, 1, &taken, &frame, &frame_length));
}

/* Flash of eight blocks of 256 bytes that programs 4 bytes at once, and whose power fails after so many operations. */
#define BLOCK 256u
#define BLOCKS 8u
static uint8_t flash_bytes[BLOCK * BLOCKS];
static int flash_left;

static int powered(void) { return flash_left < 0 || flash_left-- > 0; }

static int32_t flash_read(void *context, uint32_t address, uint8_t *out, size_t length) {
  (void)context;
  if (address + length > sizeof flash_bytes) return SEALWIRE_STORAGE_FAILED;
  memcpy(out, flash_bytes + address, length);
  return SEALWIRE_OK;
}

static int32_t flash_erase(void *context, uint32_t address, uint32_t length) {
  (void)context;
  if (address % BLOCK != 0 || length % BLOCK != 0 || address + length > sizeof flash_bytes) return SEALWIRE_STORAGE_FAILED;
  for (uint32_t block = 0; block < length; block += BLOCK) {
    if (!powered()) {
      /* A block that was being erased holds anything. */
      memset(flash_bytes + address + block, 0x77, BLOCK / 2);
      return SEALWIRE_STORAGE_FAILED;
    }
    memset(flash_bytes + address + block, 0xff, BLOCK);
  }
  return SEALWIRE_OK;
}

static int32_t flash_write(void *context, uint32_t address, const uint8_t *data, size_t length) {
  (void)context;
  if (address % 4 != 0 || length % 4 != 0 || address + length > sizeof flash_bytes) return SEALWIRE_STORAGE_FAILED;
  for (size_t i = 0; i < length; i += 4) {
    if (!powered()) return SEALWIRE_STORAGE_FAILED;
    for (size_t j = i; j < i + 4; j++) {
      /* Flash only ever clears bits. */
      if ((data[j] & ~flash_bytes[address + j]) != 0) return SEALWIRE_STORAGE_FAILED;
      flash_bytes[address + j] &= data[j];
    }
  }
  return SEALWIRE_OK;
}

static sealwire_flash flash(void) {
  sealwire_flash made;
  memset(&made, 0, sizeof made);
  made.read = flash_read;
  made.erase = flash_erase;
  made.write = flash_write;
  made.slot = BLOCK;
  made.slots = 4;
  made.unit = 4;
  made.erased = 0xff;
  return made;
}

void test_two_slot_store(void) {
  sealwire_two_slot store = {{0}};
  sealwire_flash port = flash();
  uint8_t out[300];
  uint8_t data[BLOCK];
  size_t length = 77;
  memset(flash_bytes, 0xff, sizeof flash_bytes);
  flash_left = -1;
  CHECK_OK(sealwire_two_slot_init(&store, &port));
  CHECK_OK(sealwire_two_slot_load(&store, 0, out, sizeof out, &length));
  CHECK_NUMBER(0, length);
  for (unsigned round = 0; round < 20; round++) {
    for (uint32_t slot = 0; slot < 4; slot++) {
      memset(data, (int)(round * 4 + slot), sizeof data);
      CHECK_OK(sealwire_two_slot_save(&store, slot, data, 50 + round * 5));
    }
    for (uint32_t slot = 0; slot < 4; slot++) {
      memset(data, (int)(round * 4 + slot), sizeof data);
      CHECK_OK(sealwire_two_slot_load(&store, slot, out, sizeof out, &length));
      CHECK_NUMBER(50 + round * 5, length);
      CHECK_BYTES(data, out, length);
    }
  }
  CHECK_OK(sealwire_two_slot_save(&store, 1, NULL, 0));
  CHECK_OK(sealwire_two_slot_load(&store, 1, out, sizeof out, &length));
  CHECK_NUMBER(0, length);

  /* The power fails at every operation in turn: the old data or the new, whole. */
  unsigned old_found = 0;
  unsigned new_found = 0;
  for (int left = 0; left < 100; left++) {
    uint8_t before[100];
    uint8_t after[100];
    memset(before, 0x21, sizeof before);
    memset(after, 0x42, sizeof after);
    flash_left = -1;
    CHECK_OK(sealwire_two_slot_save(&store, 0, before, sizeof before));
    flash_left = left;
    int32_t status = sealwire_two_slot_save(&store, 0, after, sizeof after);
    flash_left = -1;
    sealwire_two_slot rebooted = {{0}};
    CHECK_OK(sealwire_two_slot_init(&rebooted, &port));
    CHECK_OK(sealwire_two_slot_load(&rebooted, 0, out, sizeof out, &length));
    CHECK_NUMBER(100, length);
    const int is_old = memcmp(out, before, 100) == 0;
    const int is_new = memcmp(out, after, 100) == 0;
    CHECK(is_old || is_new);
    if (status == SEALWIRE_OK) CHECK(is_new);
    old_found += (unsigned)is_old;
    new_found += (unsigned)is_new;
  }
  CHECK(old_found > 10 && new_found > 10);

  CHECK_STATUS(SEALWIRE_NO_SPACE, sealwire_two_slot_save(&store, 4, data, 10));
  CHECK_STATUS(SEALWIRE_NO_SPACE, sealwire_two_slot_save(&store, 0, data, BLOCK - 31));
  CHECK_STATUS(SEALWIRE_BUFFER_TOO_SMALL, sealwire_two_slot_load(&store, 0, out, 10, &length));
  INVALID(sealwire_two_slot_load(&store, 0, NULL, 10, &length));
  INVALID(sealwire_two_slot_load(&store, 0, out, 10, NULL));
  INVALID(sealwire_two_slot_save(&store, 0, NULL, 10));
  INVALID(sealwire_two_slot_load(NULL, 0, out, 10, &length));
  INVALID(sealwire_two_slot_save(NULL, 0, data, 10));
  INVALID(sealwire_two_slot_init(NULL, &port));
  INVALID(sealwire_two_slot_init(&store, NULL));
  for (int i = 0; i < 6; i++) {
    sealwire_flash odd = flash();
    if (i == 0) odd.read = NULL;
    if (i == 1) odd.erase = NULL;
    if (i == 2) odd.write = NULL;
    if (i == 3) odd.unit = 3;
    if (i == 4) odd.slot = 16;
    if (i == 5) odd.slots = UINT32_MAX;
    INVALID(sealwire_two_slot_init(&store, &odd));
  }
  memset(&store, 0, sizeof store);
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_two_slot_load(&store, 0, out, sizeof out, &length));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_two_slot_save(&store, 0, data, 10));
}
