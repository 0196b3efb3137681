/* The button: pressed, it lets an owner in who knows the label, for ten minutes; held while the board starts, it takes the board from its owner. */
#include "board.h"
#include "peer.h"
#include "report.h"
#include "settings.h"

#define WINDOW_MS 600000u
/* How long the button is held at the start; by mistake nobody does so. */
#define HELD_MS 2000u

static uint8_t was_down;

static void report_owner(sealwire_endpoint *endpoint) {
  sealwire_ownership state;
  if (sealwire_ownership_get(endpoint, &state) != SEALWIRE_OK) return;
  report("owner");
  report_number("epoch", state.epoch);
  report_hex("owner", state.owner, state.owned ? sizeof state.owner : 0);
  report_end();
}

static int held_at_start(void) {
  const uint64_t began_ms = board_now_ms();
  while (board_button()) {
    if (board_now_ms() - began_ms >= HELD_MS) return 1;
    board_idle();
  }
  return 0;
}

int32_t peer_configure(sealwire_config *config, sealwire_own_credential *own) {
  /* Whoever has read the label knows a thumbprint, which this credential is compared with. */
  own->by_value = 1;
  /* It is the owner who calls. */
  config->no_reconnect = 1;
  return SEALWIRE_OK;
}

int32_t peer_open(sealwire_endpoint *endpoint) {
  size_t length = 0;
  uint32_t slot = 0;
  const uint8_t *secret = setting(SETTING_SETUP, &length);
  if (secret == NULL || length != SEALWIRE_SETUP_SECRET_SIZE) return SEALWIRE_UNKNOWN_KEY;
  /* The slots below are the sessions'. */
  int32_t status = sealwire_endpoint_capacity(endpoint, &slot);
  if (status == SEALWIRE_OK) status = sealwire_setup_enable(endpoint, slot, secret);
  if (status == SEALWIRE_OK) report_owner(endpoint);
  /* A record that is damaged goes the same way. */
  if ((status == SEALWIRE_OK || status == SEALWIRE_CORRUPT_STATE) && held_at_start()) status = sealwire_ownership_reset(endpoint);
  /* Still down, it is not pressed anew. */
  was_down = 1;
  return status;
}

int32_t peer_connect(sealwire_endpoint *endpoint, uint64_t now_ms) {
  (void)endpoint;
  (void)now_ms;
  return SEALWIRE_OK;
}

void peer_step(sealwire_endpoint *endpoint, uint64_t now_ms) {
  const uint8_t down = board_button() != 0;
  if (down && !was_down) {
    int32_t status = sealwire_setup_open(endpoint, now_ms, now_ms + WINDOW_MS);
    if (status == SEALWIRE_OK) {
      report("setup-open");
      report_number("ms", WINDOW_MS);
      report_end();
    } else {
      report_status(status);
    }
  }
  was_down = down;
}

void peer_event(sealwire_endpoint *endpoint, const sealwire_event *event) {
  if (event->event == SEALWIRE_EVENT_OWNERSHIP_CHANGED) report_owner(endpoint);
}

int peer_is(sealwire_endpoint *endpoint, const uint8_t *thumbprint) {
  int32_t standing = SEALWIRE_STANDING_NONE;
  return sealwire_ownership_standing(endpoint, thumbprint, &standing) == SEALWIRE_OK && standing == SEALWIRE_STANDING_OWNER;
}
