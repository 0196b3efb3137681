#include "runner.h"

#include <time.h>

/* ---- the port */

static int32_t random_bytes(void *context, uint8_t *out, size_t length) {
  static FILE *source;
  if (((party *)context)->random_fails) return SEALWIRE_RANDOM_FAILED;
  if (source == NULL) source = fopen("/dev/urandom", "rb");
  return source != NULL && fread(out, 1, length, source) == length ? SEALWIRE_OK : SEALWIRE_RANDOM_FAILED;
}

static int32_t key_agree(void *context, uint32_t key, int32_t curve, const uint8_t *peer, uint8_t *shared) {
  party *who = (party *)context;
  if (strcmp(who->key_answer, "pending") == 0) return SEALWIRE_PENDING;
  if (strcmp(who->key_answer, "works") != 0) return SEALWIRE_UNKNOWN_KEY;
  return sealwire_key_agree(&who->keys[key], curve, peer, shared);
}

static int32_t load(void *context, uint32_t slot, uint8_t *out, size_t capacity, size_t *length) {
  const store *from = &((party *)context)->store;
  *length = 0;
  if (slot >= SLOTS) return SEALWIRE_OK;
  if (from->length[slot] > capacity) return SEALWIRE_BUFFER_TOO_SMALL;
  memcpy(out, from->data[slot], from->length[slot]);
  *length = from->length[slot];
  return SEALWIRE_OK;
}

static int32_t save(void *context, uint32_t slot, const uint8_t *data, size_t length) {
  party *who = (party *)context;
  if (who->store_fails && who->store_lasts-- <= 0) return SEALWIRE_STORAGE_FAILED;
  if (slot >= SLOTS || length > sizeof who->store.data[0]) return SEALWIRE_STORAGE_FAILED;
  if (length > 0) memcpy(who->store.data[slot], data, length);
  who->store.length[slot] = length;
  return SEALWIRE_OK;
}

static int32_t authorize(void *context, const sealwire_peer *peer) {
  (void)peer;
  return strcmp(line_text(&((party *)context)->config, "authorize"), "allow") == 0 ? SEALWIRE_OK : SEALWIRE_DENIED;
}

static uint64_t now_s(void *context) {
  (void)context;
  return (uint64_t)time(NULL);
}

/* ---- what it is given */

static sealwire_bytes text_bytes(const char *text) {
  sealwire_bytes bytes = {(const uint8_t *)text, text == NULL ? 0 : strlen(text)};
  return bytes;
}

void party_begin(party *who, const line *given) {
  const char *kept = line_text(given, "store");
  who->config = *given;
  who->name = line_text(given, "name");
  who->key_answer = "works";
  who->durable = kept == NULL || strcmp(kept, "durable") == 0;
}

static sealwire_bytes credential_of(party *who, const line *given) {
  uint8_t *place = who->credentials[who->own_count + who->peer_count + who->anchor_count];
  sealwire_bytes bytes = {place, from_hex(line_text(given, "credential"), place, SEALWIRE_CREDENTIAL_MAX)};
  return bytes;
}

int32_t key_kind(const char *name) {
  static const char *const kinds[] = {"X25519", "P-256", "Ed25519", "ES256"};
  int32_t kind = 0;
  while (strcmp(kinds[kind], name) != 0) kind++;
  return kind + SEALWIRE_KEY_X25519;
}

void party_own(party *who, const line *given) {
  uint8_t private_key[32];
  sealwire_own_credential *own = &who->own[who->own_count];
  from_hex(line_text(given, "private"), private_key, sizeof private_key);
  if (sealwire_key_import(&who->keys[who->own_count], key_kind(line_text(given, "kind")), private_key) != SEALWIRE_OK) exit(2);
  own->credential = credential_of(who, given);
  own->by_value = (uint8_t)line_number(&who->config, "by_value", 0);
  if (line_number(&who->config, "external_keys", 0)) {
    own->key_handle = (uint32_t)who->own_count;
  } else {
    own->key = &who->keys[who->own_count];
  }
  who->own_count++;
}

void party_peer(party *who, const line *given, int anchor) {
  sealwire_bytes credential = credential_of(who, given);
  if (anchor) {
    who->anchors[who->anchor_count].issuer = credential;
    who->anchors[who->anchor_count++].purposes = SEALWIRE_PURPOSE_IDENTITY;
  } else {
    who->peers[who->peer_count++] = credential;
  }
}

void party_configure(party *who, sealwire_config *config, sealwire_port *port) {
  const sealwire_config plain = SEALWIRE_CONFIG_INIT;
  const sealwire_port nothing = SEALWIRE_PORT_INIT;
  const line *given = &who->config;
  const char *verdict = line_text(given, "authorize");
  const char *suites = line_text(given, "suites");
  const char *methods = line_text(given, "methods");
  long long method = line_number(given, "method", 3);
  *config = plain;
  config->own = who->own;
  config->own_count = who->own_count;
  config->peers = who->peers;
  config->peer_count = who->peer_count;
  config->anchors = who->anchors;
  config->anchor_count = who->anchor_count;
  config->inbox = text_bytes(line_text(given, "inbox"));
  config->reply_inbox = text_bytes(line_text(given, "reply_inbox"));
  for (; suites != NULL && *suites != 0; suites += strcspn(suites, ",") + (strchr(suites, ',') != NULL)) {
    config->suites[config->suite_count++] = (uint8_t)atoi(suites);
  }
  config->initiator_signs = method == 0 || method == 1;
  config->responder_signs = method == 0 || method == 2;
  for (int i = 0; methods != NULL && i < 4; i++) {
    char digit[2] = {(char)('0' + i), 0};
    if (!list_has(methods, digit)) config->methods_refused |= (uint8_t)(1 << i);
  }
  config->identifier_length = (uint8_t)line_number(given, "identifier_len", 1);
  config->mqtt = (uint8_t)line_number(given, "mqtt", 0);
  config->takes_commands = (uint8_t)line_number(given, "offers", 0);
  config->no_reconnect = (uint8_t)!line_number(given, "reconnect", 1);
  config->handshake_attempts = (uint8_t)line_number(given, "handshake_attempts", 0);
  config->silent_attempts = (uint8_t)line_number(given, "silent_attempts", 0);
  config->handshake_interval_ms = (uint32_t)line_number(given, "handshake_interval_ms", 0);
  config->half_open_ms = (uint32_t)line_number(given, "half_open_ms", 0);
  config->resend_interval_ms = (uint32_t)line_number(given, "resend_interval_ms", 0);
  config->ack_delay_ms = (uint32_t)line_number(given, "ack_delay_ms", 0);
  config->ping_after_ms = (uint32_t)line_number(given, "ping_after_ms", 0);
  config->command_lifetime_ms = (uint32_t)line_number(given, "command_lifetime_ms", 0);
  config->reserve = (uint32_t)line_number(given, "reserve", 0);
  config->edge = (uint32_t)line_number(given, "edge", 0);
  config->key_update_after = (uint64_t)line_number(given, "key_update_after", 0);
  config->handshake_buffer = BUFFER;

  *port = nothing;
  port->context = who;
  port->random = random_bytes;
  port->key_agree = key_agree;
  port->store_load = load;
  port->store_save = save;
  port->store_resists_rollback = (uint8_t)who->durable;
  if (verdict != NULL && strcmp(verdict, "default") != 0) port->authorize = authorize;
  if (line_number(given, "trust_clock", 0)) port->now_s = now_s;
}

/* ---- its life */

void party_end(party *who) {
  if (who->endpoint != NULL) (void)sealwire_endpoint_close(who->endpoint);
  who->endpoint = NULL;
}

int32_t party_start(party *who, uint64_t now, uint32_t *sessions) {
  sealwire_config config;
  sealwire_port port;
  party_end(who);
  who->event_count = 0;
  party_configure(who, &config, &port);
  int32_t status = sealwire_endpoint_init(who->memory, sizeof who->memory, &config, &port, &who->endpoint);
  if (status == SEALWIRE_OK && line_has(&who->config, "label")) {
    const char *label = line_text(&who->config, "label");
    sealwire_setup_code code;
    status = sealwire_setup_code_read((const uint8_t *)label, strlen(label), &code);
    if (status == SEALWIRE_OK) status = sealwire_setup_enable(who->endpoint, RECORD, code.secret);
  }
  return status == SEALWIRE_OK ? sealwire_restore(who->endpoint, now, sessions) : status;
}

static seen *room_for_event(party *who) {
  if (who->event_count == EVENTS) {
    fprintf(stderr, "%s: too many events\n", who->name);
    exit(2);
  }
  seen *place = &who->events[who->event_count++];
  memset(place, 0, sizeof *place);
  return place;
}

static void keep_text(char *place, size_t capacity, const sealwire_bytes *from) {
  if (from->length >= capacity) exit(2);
  if (from->length > 0) memcpy(place, from->data, from->length);
}

int32_t party_collect(party *who) {
  sealwire_event event;
  while (who->endpoint != NULL) {
    if (sealwire_poll_event(who->endpoint, &event) != SEALWIRE_OK) return fail("%s gives no events", who->name);
    if (event.event == SEALWIRE_EVENT_NONE) break;
    room_for_event(who)->event = event;
    if (event.event == SEALWIRE_EVENT_ESTABLISHED) {
      sealwire_session_info info;
      if (who->sid_count == NAMES || sealwire_session(who->endpoint, 0, event.session, &info) != SEALWIRE_OK) return fail("no such session");
      who->sid_sessions[who->sid_count] = event.session;
      memcpy(who->sids[who->sid_count++], info.sid, sizeof info.sid);
    }
    if (event.event == SEALWIRE_EVENT_OWNERSHIP) party_name_told(who, NULL, &event);
    if (event.event == SEALWIRE_EVENT_ESTABLISHED || event.event == SEALWIRE_EVENT_REPLACED) who->current = event.session;
  }
  return SEALWIRE_OK;
}

int32_t party_take(party *who, uint64_t now, const char *from, const char *topic, const uint8_t *frame, size_t length) {
  sealwire_route route = route_of(from);
  sealwire_event event;
  /* On the heap and exactly as long as the frame, so that a memory checker sees the smallest step beyond it. */
  uint8_t *copy = malloc(length > 0 ? length : 1);
  if (copy == NULL) exit(2);
  memcpy(copy, frame, length);
  memset(&event, 0, sizeof event);
  int32_t status = sealwire_handle_frame(who->endpoint, now, from == NULL ? NULL : &route, (const uint8_t *)topic, topic == NULL ? 0 : strlen(topic),
                                         copy, length, &event);
  if (status == SEALWIRE_OK && event.event != SEALWIRE_EVENT_NONE) {
    seen *place = room_for_event(who);
    place->event = event;
    keep_text(place->payload, sizeof place->payload, &event.message.payload);
    keep_text(place->topic, sizeof place->topic, &event.message.topic);
    keep_text(place->content_type, sizeof place->content_type, &event.message.content_type);
  }
  free(copy);
  return status;
}

/* ---- sessions and routes */

uint32_t party_session(party *who, const line *step) {
  const char *name = line_text(step, "session");
  if (name == NULL) return who->current;
  if (strcmp(name, "only") == 0) {
    uint32_t session = 0;
    size_t count = 0;
    return sealwire_sessions(who->endpoint, &session, 1, &count) == SEALWIRE_OK && count == 1 ? session : 0;
  }
  for (int i = who->session_count; i-- > 0;) {
    if (strcmp(who->session_names[i], name) == 0) return who->sessions[i];
  }
  return 0;
}

void party_name_session(party *who, const char *name, uint32_t session) {
  if (who->session_count == NAMES) exit(2);
  who->session_names[who->session_count] = name;
  who->sessions[who->session_count++] = session;
}

void party_name_told(party *who, const char *name, const sealwire_event *event) {
  if (name != NULL && who->told_count == NAMES) exit(2);
  told *place = name == NULL ? &who->told_last : &who->told[who->told_count];
  place->epoch = event->epoch;
  memcpy(place->nonce, event->sid, sizeof place->nonce);
  if (name != NULL) who->told_names[who->told_count++] = name;
}

const told *party_told(const party *who, const char *name) {
  if (name == NULL) return &who->told_last;
  for (int i = 0; i < who->told_count; i++) {
    if (strcmp(who->told_names[i], name) == 0) return &who->told[i];
  }
  fprintf(stderr, "%s was told nothing called %s\n", who->name, name);
  exit(2);
}

const uint8_t *party_sid(const party *who, const char *name) {
  for (int i = who->session_count; i-- > 0;) {
    if (strcmp(who->session_names[i], name) != 0) continue;
    for (int k = who->sid_count; k-- > 0;) {
      if (who->sid_sessions[k] == who->sessions[i]) return who->sids[k];
    }
  }
  return NULL;
}

sealwire_route route_of(const char *text) {
  sealwire_route route;
  size_t length = text == NULL ? 0 : strlen(text);
  memset(&route, 0, sizeof route);
  /* More than fits is said, so that the library refuses it. */
  route.length = (uint8_t)length;
  if (length > 0) memcpy(route.address, text, length < sizeof route.address ? length : sizeof route.address);
  return route;
}

int route_is(const sealwire_route *route, const char *text) {
  return text != NULL && route->length == strlen(text) && memcmp(route->address, text, route->length) == 0;
}
