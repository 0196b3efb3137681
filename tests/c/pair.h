/* Two endpoints in one process, joined by a wire that the test holds in its hands. */
#ifndef PAIR_H
#define PAIR_H

#include "sealwire.h"

#define PAIR_SESSIONS 4
#define PAIR_FRAME 600
/* Slots of a store: an endpoint may have room for more sessions than it was asked for, and a device keeps a record above them. */
#define PAIR_SLOTS 8

/* A store in memory. */
typedef struct pair_store {
  uint8_t data[PAIR_SLOTS][600];
  size_t length[PAIR_SLOTS];
  int fails;
  unsigned saves;
} pair_store;

typedef struct party {
  SEALWIRE_ENDPOINT_MEMORY(memory, PAIR_SESSIONS, 0);
  sealwire_endpoint *endpoint;
  sealwire_key key;
  uint8_t credential[200];
  sealwire_own_credential own;
  sealwire_bytes peer;
  sealwire_config config;
  sealwire_port port;
  pair_store store;
  uint64_t random_state;
  uint32_t session;

  /* What the last message was. */
  sealwire_message message;
  uint8_t payload[PAIR_FRAME];
  uint8_t topic[256];

  /* Events by type, and the newest of each type. */
  unsigned seen[16];
  sealwire_event newest[16];
  unsigned messages;
  int32_t first_refused;
  int32_t refused;
} party;

/* A frame in the test's hands. */
typedef struct wire_frame {
  uint8_t bytes[PAIR_FRAME];
  size_t length;
} wire_frame;

typedef struct pair {
  party a;
  party b;
  uint64_t now_ms;
  /* 1: frames that the endpoints want sent get lost. */
  int cut;
} pair;

/* Keys and credentials that know each other; endpoints not made yet. `suite`: SEALWIRE_SUITE_... */
void pair_prepare(pair *both, uint8_t suite);
/* The same with a method other than 3: whether a, which begins, and b sign. */
void pair_prepare_signing(pair *both, uint8_t suite, uint8_t a_signs, uint8_t b_signs);
/* Makes one endpoint, and restores what its store has. */
int32_t party_start(party *who, uint64_t now_ms);
/* pair_prepare(), both endpoints, a handshake that a starts, and the first record. */
void pair_join(pair *both, uint8_t suite);
void pair_close(pair *both);

/* Carries frames to and fro and notes events until nobody has anything to say. */
void pair_settle(pair *both);
/* Lets time pass in steps of at most 100 ms, settling after each. */
void pair_pass(pair *both, uint64_t milliseconds);

/* Notes all events of one endpoint. */
void party_events(party *who);
/* The next frame that the endpoint itself wants sent; length 0 if none. */
int32_t party_transmit(party *who, uint64_t now_ms, wire_frame *frame);
/* Sends a text as data; the frame stays in the test's hands. */
int32_t party_send(party *who, uint64_t now_ms, const char *text, wire_frame *frame);
int32_t party_send_message(party *who, uint64_t now_ms, const sealwire_outgoing *message, wire_frame *frame, sealwire_sent *sent);
/* Hands a copy of a frame in. */
int32_t party_receive(party *who, uint64_t now_ms, const wire_frame *frame);
int32_t party_receive_at(party *who, uint64_t now_ms, const char *topic, const wire_frame *frame);

int32_t pair_random(void *context, uint8_t *out, size_t length);
sealwire_bytes pair_text(const char *text);

#endif
