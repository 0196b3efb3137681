/* The job that both example devices do: they stream a recording to the hub, chunk by chunk, each acknowledged end to end, and obey
   commands. Only the transport differs: wearable.c has a byte link, mqtt_device.c speaks MQTT itself. */
#ifndef DEVICE_H
#define DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include "host.h"
#include "ownership.h"
#include "sealwire.h"

/* Two sessions for a peer while a new one replaces the old, and one to spare. The hub is one, a person with a phone another. */
#define DEVICE_SESSIONS (3 + 2 * OWNERSHIP_PEOPLE)
/* Most samples in one message. */
#define DEVICE_CHUNK_MAX 400
/* Room for a frame. */
#define DEVICE_FRAME (4 + 2 * DEVICE_CHUNK_MAX + 16 + SEALWIRE_OVERHEAD_MAX)
/* Messages on their way at once: the protocol's window. */
#define DEVICE_WINDOW 64

/* Sends a frame to `route`, or to the peer if that is empty; `reliable` asks for QoS 1. Returns 0, or -1 when the link is gone. */
typedef int (*device_transmit)(void *transport, const sealwire_route *route, int reliable, const uint8_t *frame, size_t length);

/* What the command line says. */
typedef struct device_options {
  const char *key;
  const char *credential;
  const char *peers[4];
  size_t peer_count;
  const char *anchors[4];
  size_t anchor_count;
  const char *inbox;
  const char *data;
  const char *state;
  const char *setup;
  uint32_t chunk;
  double rate;
  uint32_t lifetime_ms;
  uint32_t resend_ms;
  uint32_t retry_ms;
  uint32_t samples;
  uint32_t limit_s;
  int by_reference;
} device_options;

/* A message that the hub has not confirmed yet. */
typedef struct device_message {
  int used;
  /* 1: it waits for a session to be sent under. */
  int waits;
  uint32_t chunk;
  uint32_t session;
  uint64_t number;
  int has_origin;
  sealwire_origin origin;
} device_message;

typedef struct device {
  SEALWIRE_ENDPOINT_MEMORY(memory, DEVICE_SESSIONS, 0);
  sealwire_endpoint *endpoint;
  device_transmit transmit;
  void *transport;
  /* Where handshakes go; empty on a link. */
  sealwire_route hub;

  sealwire_key key;
  uint8_t credential[SEALWIRE_CREDENTIAL_MAX];
  sealwire_own_credential own;
  uint8_t peer_bytes[4][SEALWIRE_CREDENTIAL_MAX];
  sealwire_bytes peers[4];
  uint8_t anchor_bytes[4][128];
  sealwire_anchor anchors[4];
  host_store store;
  ownership ownership;

  uint8_t *samples;
  uint32_t sample_count;
  uint32_t chunk;
  uint32_t chunks;
  uint32_t next_chunk;
  double interval_ms;
  double due_ms;

  uint32_t session;
  uint8_t sid[8];
  device_message messages[DEVICE_WINDOW];
  uint64_t started_ms;
  uint64_t limit_ms;
  uint64_t connect_ms;
  uint64_t done_ms;
  uint32_t sent;
  uint32_t resent;
  uint32_t link_bad;
  int failed;
} device;

/* Reads --options into `options`; returns the number of arguments used, 0 if this is none of them, -1 after printing what is wrong. */
int device_option(device_options *options, int count, char **arguments);
void device_defaults(device_options *options);
extern const char device_usage[];

/* Loads keys, credentials and samples and makes the endpoint. Returns 0, or -1 after printing why. */
int device_open(device *self, const device_options *options, int on_mqtt, device_transmit transmit, void *transport);
/* Starts the first handshake. */
int device_connect(device *self);
/* Hands a frame in. */
void device_receive(device *self, const sealwire_route *route, uint8_t *frame, size_t length);
/* Does what is due. Returns 1 when everything is acknowledged, 0 to go on, -1 to give up. */
int device_step(device *self);
/* How long to wait for input before the next step. */
int device_wait_ms(device *self);
void device_close(device *self);

/* Prints {"event":"error","name":NAME} to stderr. */
void device_report_error(const char *name);
/* Prints what a status says about `what`; returns -1. */
int device_refused(const char *what, int32_t status);
/* Gives a frame to the transport. */
void device_transmit_frame(device *self, const sealwire_route *route, int reliable, const uint8_t *frame, size_t length);

#endif
