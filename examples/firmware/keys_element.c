/* The private key is in a secure element. The library asks for Diffie-Hellman with it by the port's key_agree(), which answers PENDING at
   first; when the chip has finished, sealwire_resume() asks the same again and gets the result. */
#include "board.h"
#include "keys.h"
#include "secure_element.h"

enum { IDLE, WORKS, FINISHED, REFUSED };

static uint8_t asked[32];
static uint8_t secret[32];
static uint8_t state;

static int32_t key_agree(void *context, uint32_t key, int32_t curve, const uint8_t *peer, uint8_t *shared) {
  (void)context;
  if (key != 0 || curve != SEALWIRE_CURVE_P256) return SEALWIRE_UNKNOWN_KEY;
  if (state == IDLE || memcmp(asked, peer, sizeof asked) != 0) {
    /* One operation at a time; for another one the chip starts anew. */
    memcpy(asked, peer, sizeof asked);
    element_agree(board_now_ms(), peer);
    state = WORKS;
  }
  if (state == WORKS) return SEALWIRE_PENDING;
  int refused = state == REFUSED;
  state = IDLE;
  if (refused) return SEALWIRE_UNKNOWN_KEY;
  memcpy(shared, secret, sizeof secret);
  memset(secret, 0, sizeof secret);
  return SEALWIRE_OK;
}

int32_t keys_open(sealwire_own_credential *own, sealwire_port *port) {
  if (element_open() != 0) return SEALWIRE_UNKNOWN_KEY;
  own->key = NULL;
  own->key_handle = 0;
  port->key_agree = key_agree;
  return SEALWIRE_OK;
}

int keys_ready(uint64_t now_ms) {
  if (state != WORKS) return state != IDLE;
  int answer = element_answer(now_ms, secret);
  if (answer != 0) state = answer > 0 ? FINISHED : REFUSED;
  return answer != 0;
}
