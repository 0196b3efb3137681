/* The hub at the other end of the emulated serial line, on the host: stdin and stdout are the line. It answers (or with `begin` begins) a
   handshake, and sends every message back.
   usage: peer x25519|p256|issuers answer|begin MESSAGES     ends when it has returned so many messages
          peer x25519|p256|issuers primitives MESSAGES       the same to a device without an endpoint (primitives.c)
          peer x25519|p256|issuers provision                 writes provision.h: keys and credentials of both ends */
#include "../c/vectors.h"
#include "sealwire.h"
#include "sealwire_primitives.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAME 2048
#define PATIENCE_MS 30000

/* Test keys. Counts are to repeat, so nothing here is random. */
static const uint8_t device_secret[32] = {0x11, 0x5e, 0xa1, 0x31, 0x9e, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27};
static const uint8_t hub_secret[32] = {0x22, 0x5e, 0xa1, 0x31, 0x9e, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57};

typedef struct party {
  sealwire_key key;
  uint8_t bytes[SEALWIRE_CREDENTIAL_MAX];
  sealwire_bytes credential;
} party;

static party device, hub;
static uint64_t memory[4096];
static uint64_t random_state = 0x9e3779b97f4a7c15u;

static void check(int32_t status, const char *what) {
  if (status == SEALWIRE_OK) return;
  fprintf(stderr, "peer: %s: %s\n", what, sealwire_status_name(status));
  exit(1);
}

static int32_t repeatable(void *context, uint8_t *out, size_t length) {
  (void)context;
  for (size_t i = 0; i < length; i++) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    out[i] = (uint8_t)(random_state >> 32);
  }
  return SEALWIRE_OK;
}

static void prepare(party *who, int32_t kind, const uint8_t *secret, const char *subject, uint8_t kid) {
  check(sealwire_key_import(&who->key, kind, secret), "key");
  check(sealwire_credential_make(&who->key, (const uint8_t *)subject, strlen(subject), &kid, 1, who->bytes, sizeof who->bytes,
                                 &who->credential.length), "credential");
  who->credential.data = who->bytes;
}

static void array(const char *name, const uint8_t *bytes, size_t length) {
  printf("static const uint8_t %s[%zu] = {", name, length);
  for (size_t i = 0; i < length; i++) printf("%s0x%02x", i == 0 ? "" : ", ", bytes[i]);
  printf("};\n");
}

static int provision(int32_t kind) {
  printf("/* By tests/budget/peer.c: test keys and credentials of this build. */\n#ifndef PROVISION_H\n#define PROVISION_H\n\n#include <stdint.h>\n\n");
  printf("#define PROVISION_KIND %d\n", (int)kind);
  printf("#define PROVISION_SUITE %d\n", kind == SEALWIRE_KEY_P256 ? SEALWIRE_SUITE_P256_CCM : SEALWIRE_SUITE_X25519_CHACHA);
  array("provision_device_key", device_secret, sizeof device_secret);
  array("provision_device", device.credential.data, device.credential.length);
  array("provision_hub_key", hub_secret, sizeof hub_secret);
  array("provision_hub", hub.credential.data, hub.credential.length);
  array("provision_issuer", vector_issuer, sizeof vector_issuer);
  array("provision_issuer_kid", vector_issuer_kid, sizeof vector_issuer_kid);
  printf("\n#endif\n");
  return 0;
}

static void put(const uint8_t *frame, size_t length) {
  static uint8_t encoded[FRAME + 64];
  size_t encoded_length, written = 0;
  check(sealwire_uart_encode(frame, length, encoded, sizeof encoded, &encoded_length), "uart");
  while (written < encoded_length) {
    const ssize_t n = write(STDOUT_FILENO, encoded + written, encoded_length - written);
    if (n <= 0) exit(1);
    written += (size_t)n;
  }
}

/* The next frame from the line. */
static uint8_t *get(sealwire_uart *line, size_t *length) {
  static uint8_t input[256];
  static size_t at, held;
  for (;;) {
    while (at < held) {
      uint8_t *frame;
      size_t taken;
      check(sealwire_uart_feed(line, input + at, held - at, &taken, &frame, length), "uart");
      at += taken;
      if (frame != NULL) return frame;
    }
    struct pollfd ready = {STDIN_FILENO, POLLIN, 0};
    if (poll(&ready, 1, PATIENCE_MS) != 1) {
      fprintf(stderr, "peer: the device is silent\n");
      exit(1);
    }
    const ssize_t count = read(STDIN_FILENO, input, sizeof input);
    if (count <= 0) {
      fprintf(stderr, "peer: the device has gone\n");
      exit(1);
    }
    at = 0;
    held = (size_t)count;
  }
}

/* Answers a device of primitives.c. */
static int without_endpoint(const sealwire_config *config, const sealwire_port *port, sealwire_uart *line, long messages) {
  static sealwire_handshake handshake;
  static sealwire_context context;
  static uint8_t out[FRAME];
  sealwire_step step;
  const uint8_t c_r = 0x07;
  size_t length;
  uint8_t *frame;
  memset(&step, 0, sizeof step);
  step.config = config;
  step.port = port;
  for (uint8_t type = 1; type < 4; type = (uint8_t)(type + 2)) {
    frame = get(line, &length);
    if (frame[0] != type) return 1;
    step.message.data = frame + 1;
    step.message.length = length - 1;
    if (type == 1)
      check(sealwire_message_1_process(&handshake, &step, &c_r, 1, out + 1, sizeof out - 1, &length), "message_1");
    else
      check(sealwire_message_3_process(&handshake, &step, out + 1, sizeof out - 1, &length), "message_3");
    out[0] = (uint8_t)(type + 1);
    put(out, 1 + length);
  }
  check(sealwire_context_init(&context, &handshake), "context");
  for (; messages > 0; messages--) {
    sealwire_opened opened;
    frame = get(line, &length);
    check(sealwire_context_unprotect(&context, NULL, 0, frame, length, &opened), "unprotect");
    check(sealwire_context_protect(&context, NULL, 0, opened.payload.data, opened.payload.length, out, sizeof out, &length), "protect");
    put(out, length);
  }
  return 0;
}

/* Time stands still, so that every run is the same. */
int main(int argc, char **argv) {
  static uint8_t buffer[FRAME + 2], out[FRAME];
  sealwire_config config = SEALWIRE_CONFIG_INIT;
  sealwire_port port = SEALWIRE_PORT_INIT;
  sealwire_own_credential own;
  sealwire_endpoint *endpoint;
  sealwire_uart line;
  sealwire_event event;
  sealwire_transmit transmit;
  uint32_t number;
  const int begins = argc == 4 && strcmp(argv[2], "begin") == 0;
  const int provisions = argc == 3 && strcmp(argv[2], "provision") == 0;
  if (argc < 3 || !(provisions || argc == 4)) return 2;
  const int issuers = strcmp(argv[1], "issuers") == 0;
  const int32_t kind = strcmp(argv[1], "p256") == 0 ? SEALWIRE_KEY_P256 : SEALWIRE_KEY_X25519;
  prepare(&device, kind, device_secret, "device", 0x01);
  prepare(&hub, kind, hub_secret, "hub", 0x02);
  if (provisions) return provision(kind);

  memset(&own, 0, sizeof own);
  own.credential = hub.credential;
  own.key = &hub.key;
  if (issuers) {
    /* A credential that the device has never seen, signed by the issuer that it trusts. */
    check(sealwire_key_import(&hub.key, kind, vector_device_key), "key");
    own.credential.data = vector_device_cwt;
    own.credential.length = sizeof vector_device_cwt;
    own.by_value = 1;
  }
  config.own = &own;
  config.own_count = 1;
  config.peers = &device.credential;
  config.peer_count = 1;
  port.random = repeatable;
  check(sealwire_uart_init(&line, buffer, sizeof buffer), "uart");
  if (strcmp(argv[2], "primitives") == 0) return without_endpoint(&config, &port, &line, strtol(argv[3], NULL, 10));
  check(sealwire_endpoint_init(memory, sizeof memory, &config, &port, &endpoint), "endpoint");
  check(sealwire_restore(endpoint, 1000, &number), "restore");
  if (begins) check(sealwire_connect(endpoint, 1000, NULL, NULL, &number), "connect");
  for (long left = strtol(argv[3], NULL, 10); left > 0;) {
    while (sealwire_poll_event(endpoint, &event) == SEALWIRE_OK && event.event != SEALWIRE_EVENT_NONE) {
    }
    for (;;) {
      check(sealwire_poll_transmit(endpoint, 1000, out, sizeof out, &transmit), "transmit");
      if (transmit.length == 0) break;
      put(out, transmit.length);
    }
    size_t length;
    uint8_t *frame = get(&line, &length);
    const int32_t status = sealwire_handle_frame(endpoint, 1000, NULL, NULL, 0, frame, length, &event);
    if (status != SEALWIRE_OK) fprintf(stderr, "peer: frame refused: %s\n", sealwire_status_name(status));
    if (status != SEALWIRE_OK || event.event != SEALWIRE_EVENT_MESSAGE) continue;
    if (event.message.confirmable)
      check(sealwire_commit(endpoint, 1000, event.session, event.message.number, NULL), "commit");
    sealwire_outgoing message = SEALWIRE_OUTGOING_INIT;
    sealwire_sent sent;
    message.payload = event.message.payload;
    check(sealwire_send(endpoint, 1000, event.session, &message, out, sizeof out, &sent), "send");
    put(out, sent.length);
    left--;
  }
  return 0;
}
