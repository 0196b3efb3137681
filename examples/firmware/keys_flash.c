#include "board.h"
#include "keys.h"
#include "settings.h"

static sealwire_key key;

int32_t keys_open(sealwire_own_credential *own, sealwire_port *port) {
  size_t length = 0;
  const uint8_t *raw = setting(SETTING_KEY, &length);
  (void)port;
  if (raw == NULL || length != 32) return SEALWIRE_UNKNOWN_KEY;
  own->key = &key;
  return sealwire_key_import(&key, SEALWIRE_KEY_X25519, raw);
}

int keys_ready(uint64_t now_ms) {
  (void)now_ms;
  return 0;
}
