#include "port.h"

#include "board.h"

static sealwire_entropy entropy;
static sealwire_two_slot store, starts_store;

static int32_t random_bytes(void *context, uint8_t *out, size_t length) {
  (void)context;
  return sealwire_entropy_random(&entropy, out, length);
}

static int32_t store_load(void *context, uint32_t slot, uint8_t *out, size_t capacity, size_t *length) {
  (void)context;
  return sealwire_two_slot_load(&store, slot, out, capacity, length);
}

static int32_t store_save(void *context, uint32_t slot, const uint8_t *data, size_t length) {
  (void)context;
  return sealwire_two_slot_save(&store, slot, data, length);
}

/* Counts this start in flash, and seeds the random numbers with it beside the entropy: whatever else goes wrong, no two starts are alike. */
static int32_t seed(uint32_t *starts) {
  uint8_t bytes[32];
  uint8_t count[4] = {0};
  size_t length = 0;
  /* A store of its own, behind that of the sessions. */
  sealwire_flash flash = board_flash;
  flash.base += 2 * flash.slot * flash.slots;
  flash.slots = 1;
  int32_t status = sealwire_two_slot_init(&starts_store, &flash);
  if (status == SEALWIRE_OK) status = sealwire_two_slot_load(&starts_store, 0, count, sizeof count, &length);
  if (status != SEALWIRE_OK) return status;
  for (int i = 3; i >= 0 && ++count[i] == 0;) i--;
  status = sealwire_two_slot_save(&starts_store, 0, count, sizeof count);
  if (status != SEALWIRE_OK) return status;
  *starts = (uint32_t)count[0] << 24 | (uint32_t)count[1] << 16 | (uint32_t)count[2] << 8 | count[3];
  length = board_entropy(bytes, sizeof bytes);
  if (length > 0) status = sealwire_entropy_seed(&entropy, bytes, length, count, sizeof count);
  memset(bytes, 0, sizeof bytes);
  if (status != SEALWIRE_OK) return status;
  /* Without a seed this is RANDOM_FAILED, now rather than in the middle of a handshake. */
  return random_bytes(NULL, count, sizeof count);
}

int32_t port_open(sealwire_port *port, uint32_t *starts) {
  port->random = random_bytes;
  port->store_load = store_load;
  port->store_save = store_save;
  /* The flash inside a microcontroller: nobody brings back an older state of it without opening the device. */
  port->store_resists_rollback = 1;
  int32_t status = sealwire_two_slot_init(&store, &board_flash);
  return status == SEALWIRE_OK ? seed(starts) : status;
}
