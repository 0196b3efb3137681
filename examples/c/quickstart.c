/* Quick start: two endpoints in one program shake hands, and one sends the other a message that nobody between them can read,
   change or replay. The part between the marks is the one in the README. */
#include <stdio.h>
#include <string.h>

#include "sealwire.h"

static int32_t random_bytes(void *context, uint8_t *out, size_t length) {
  FILE *source = context;
  return fread(out, 1, length, source) == length ? SEALWIRE_OK : SEALWIRE_RANDOM_FAILED;
}

/* One party: a key, a credential that names it, the peer's credential, and memory for two sessions. */
typedef struct party {
  SEALWIRE_ENDPOINT_MEMORY(memory, 2, 0);
  sealwire_key key;
  uint8_t credential[128];
  sealwire_own_credential own;
  sealwire_bytes peer;
  sealwire_endpoint *endpoint;
  uint32_t session;
} party;

static sealwire_port port = SEALWIRE_PORT_INIT;

static int make_credential(party *who, const char *name, uint8_t kid) {
  size_t length = 0;
  if (sealwire_key_generate(&who->key, SEALWIRE_KEY_X25519, &port) != SEALWIRE_OK) return 0;
  if (sealwire_credential_make(&who->key, (const uint8_t *)name, strlen(name), &kid, 1, who->credential, sizeof who->credential,
                               &length) != SEALWIRE_OK) {
    return 0;
  }
  who->own.credential.data = who->credential;
  who->own.credential.length = length;
  who->own.key = &who->key;
  return 1;
}

static int start(party *who) {
  sealwire_config config = SEALWIRE_CONFIG_INIT;
  config.own = &who->own;
  config.own_count = 1;
  config.peers = &who->peer;
  config.peer_count = 1;
  return sealwire_endpoint_init(who->memory, sizeof who->memory, &config, &port, &who->endpoint) == SEALWIRE_OK;
}

/* Carries frames from one to the other, as a wire would, and prints what arrives. */
static void carry(party *from, party *to, uint64_t now_ms) {
  uint8_t frame[SEALWIRE_HANDSHAKE_FRAME_MAX];
  sealwire_transmit transmit;
  sealwire_event event;
  while (sealwire_poll_transmit(from->endpoint, now_ms, frame, sizeof frame, &transmit) == SEALWIRE_OK && transmit.length > 0) {
    int32_t status = sealwire_handle_frame(to->endpoint, now_ms, NULL, NULL, 0, frame, transmit.length, &event);
    if (status != SEALWIRE_OK) printf("refused: %s\n", sealwire_status_name(status));
  }
  while (sealwire_poll_event(to->endpoint, &event) == SEALWIRE_OK && event.event != SEALWIRE_EVENT_NONE) {
    if (event.event == SEALWIRE_EVENT_ESTABLISHED) to->session = event.session;
  }
}

int main(void) {
  static party device;
  static party service;
  uint32_t handshake;
  port.random = random_bytes;
  port.context = fopen("/dev/urandom", "rb");
  if (port.context == NULL || !make_credential(&device, "device", 1) || !make_credential(&service, "service", 2)) return 1;
  device.peer = service.own.credential;
  service.peer = device.own.credential;
  if (!start(&device) || !start(&service)) return 1;

  /* README: begin */
  if (sealwire_connect(device.endpoint, 0, NULL, NULL, &handshake) != SEALWIRE_OK) return 1;
  for (uint64_t now_ms = 0; now_ms < 8; now_ms++) {
    carry(&device, &service, now_ms);
    carry(&service, &device, now_ms);
  }
  uint8_t frame[64 + SEALWIRE_OVERHEAD_MAX];
  sealwire_outgoing message = SEALWIRE_OUTGOING_INIT;
  message.payload.data = (const uint8_t *)"72 beats a minute";
  message.payload.length = 17;
  sealwire_sent sent;
  if (sealwire_send(device.endpoint, 8, device.session, &message, frame, sizeof frame, &sent) != SEALWIRE_OK) return 1;
  sealwire_event event;
  if (sealwire_handle_frame(service.endpoint, 9, NULL, NULL, 0, frame, sent.length, &event) != SEALWIRE_OK) return 1;
  printf("%.*s\n", (int)event.message.payload.length, (const char *)event.message.payload.data);
  /* README: end */

  int right = event.message.payload.length == 17 && memcmp(event.message.payload.data, "72 beats a minute", 17) == 0;
  if (sealwire_endpoint_close(device.endpoint) != SEALWIRE_OK || sealwire_endpoint_close(service.endpoint) != SEALWIRE_OK) return 1;
  fclose(port.context);
  return right ? 0 : 1;
}
