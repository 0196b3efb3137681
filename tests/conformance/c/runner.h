/* Runs the scenarios of tests/conformance over sealwire.h; reads their text form (README.md). */
#ifndef CONFORMANCE_RUNNER_H
#define CONFORMANCE_RUNNER_H

#include "sealwire.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 32, PARTIES = 6, OWN = 4, PEERS = 4, SESSIONS = 4, SLOTS = 16, EVENTS = 128, NAMES = 16, VALUES = 48, FRAME = 2048, BUFFER = 2048, RECORD = 8 };

/* ---- lines: a word, then name=value */

typedef struct line {
  const char *word;
  const char *names[FIELDS];
  const char *values[FIELDS];
  int count;
} line;

/* Splits a line in place; exits if it has too many fields. */
void line_split(line *into, char *text);
/* NULL if there is no such field, or if it is absent ("-"). */
const char *line_text(const line *from, const char *name);
int line_has(const line *from, const char *name);
long long line_number(const line *from, const char *name, long long otherwise);
/* True if `list` has `word` between its commas. */
int list_has(const char *list, const char *word);
/* Hexadecimal to bytes; gives how many. */
size_t from_hex(const char *hex, uint8_t *out, size_t capacity);

/* ---- what a step comes to: a status, or a failure with its reason */

enum { FAILED = 1 };
extern char why[1024];
/* Notes the reason of a failure; gives FAILED. */
int32_t fail(const char *format, ...);

/* ---- endpoints with their surroundings */

typedef struct seen {
  sealwire_event event;
  int32_t refused;
  char payload[1024];
  char topic[256];
  char content_type[80];
} seen;

typedef struct store {
  uint8_t data[SLOTS][512];
  size_t length[SLOTS];
} store;

typedef struct told {
  uint32_t epoch;
  uint8_t nonce[8];
} told;

typedef struct party {
  const char *name;
  line config;
  sealwire_key keys[OWN];
  uint8_t credentials[OWN + 2 * PEERS][SEALWIRE_CREDENTIAL_MAX];
  sealwire_own_credential own[OWN];
  sealwire_bytes peers[PEERS];
  sealwire_anchor anchors[PEERS];
  size_t own_count, peer_count, anchor_count;
  store store, kept[2];
  const char *kept_names[2];
  /* With store_fails: so many writes are still done. */
  long long store_lasts;
  int durable, store_fails, random_fails;
  const char *key_answer;
  uint64_t memory[(SEALWIRE_ENDPOINT_SIZE_WITH(SESSIONS, 0, BUFFER) + 7) / 8];
  sealwire_endpoint *endpoint;
  seen events[EVENTS];
  int event_count;
  uint32_t current, handshake;
  const char *session_names[NAMES];
  uint32_t sessions[NAMES];
  int session_count;
  uint32_t sid_sessions[NAMES];
  uint8_t sids[NAMES][8];
  int sid_count;
  /* What devices have told their owner: by name, and last. */
  const char *told_names[NAMES];
  told told[NAMES], told_last;
  int told_count;
} party;

/* `SEALWIRE_KEY_...` of its name. */
int32_t key_kind(const char *name);
void party_begin(party *who, const line *given);
void party_own(party *who, const line *given);
void party_peer(party *who, const line *given, int anchor);
/* The configuration and port as the scenario wants them. */
void party_configure(party *who, sealwire_config *config, sealwire_port *port);
/* A new endpoint over the store. */
int32_t party_start(party *who, uint64_t now, uint32_t *sessions);
void party_end(party *who);
/* Takes the events there are. */
int32_t party_collect(party *who);
/* Hands in a frame; a message becomes an event. */
int32_t party_take(party *who, uint64_t now, const char *route, const char *topic, const uint8_t *frame, size_t length);
/* The session that a step means: by name, the only one, or the current one. */
uint32_t party_session(party *who, const line *step);
void party_name_session(party *who, const char *name, uint32_t session);
const uint8_t *party_sid(const party *who, const char *name);
void party_name_told(party *who, const char *name, const sealwire_event *event);
/* By name, or NULL for the last; exits if there is none. */
const told *party_told(const party *who, const char *name);
sealwire_route route_of(const char *text);
int route_is(const sealwire_route *route, const char *text);

/* ---- a scenario under way */

typedef struct value {
  const char *name;
  uint8_t bytes[FRAME];
  size_t length;
} value;

typedef struct world {
  const char *network;
  uint64_t now;
  party parties[PARTIES];
  int party_count;
  value values[VALUES];
  int value_count;
} world;

/* One step; the lines after it are the events of an `expect`. */
int32_t world_step(world *all, const line *step, const line *events);

/* A step of setup and ownership: 1 if it is one, then with its outcome. */
int setup_step(world *all, const line *step, int32_t *outcome);
party *party_named(world *all, const char *name);
void set_value(world *all, const char *name, const uint8_t *bytes, size_t length);
const value *get_value(world *all, const line *step, const char *field);

/* Holds an event against what is wanted of it. */
int32_t event_matches(party *who, const seen *found, const line *wanted);
const char *event_name(const seen *found);

#endif
