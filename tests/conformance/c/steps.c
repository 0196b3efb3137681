#include "runner.h"

#include <inttypes.h>

static int is(const line *step, const char *word) { return strcmp(step->word, word) == 0; }

party *party_named(world *all, const char *name) {
  for (int i = 0; i < all->party_count; i++) {
    if (name != NULL && strcmp(all->parties[i].name, name) == 0) return &all->parties[i];
  }
  fprintf(stderr, "no endpoint %s\n", name == NULL ? "" : name);
  exit(2);
}

/* ---- frames and secrets by name */

static value *find_value(world *all, const char *name) {
  for (int i = 0; i < all->value_count; i++) {
    if (strcmp(all->values[i].name, name) == 0) return &all->values[i];
  }
  return NULL;
}

void set_value(world *all, const char *name, const uint8_t *bytes, size_t length) {
  value *place = find_value(all, name);
  if (place == NULL) {
    if (all->value_count == VALUES) exit(2);
    place = &all->values[all->value_count++];
    place->name = name;
  }
  if (length > sizeof place->bytes) exit(2);
  memmove(place->bytes, bytes, length);
  place->length = length;
}

const value *get_value(world *all, const line *step, const char *field) {
  const char *name = line_text(step, field);
  const value *found = name == NULL ? NULL : find_value(all, name);
  if (found == NULL) {
    fprintf(stderr, "nothing is called %s\n", name == NULL ? field : name);
    exit(2);
  }
  return found;
}

static const char *new_name(const line *step) { return line_has(step, "as") ? line_text(step, "as") : line_text(step, "frame"); }

/* ---- carrying frames */

static void carry(world *all, const party *sender, const sealwire_transmit *transmit, const uint8_t *frame) {
  int routes = strcmp(all->network, "routes") == 0;
  int mqtt = strcmp(all->network, "mqtt") == 0;
  for (int i = 0; i < all->party_count; i++) {
    party *other = &all->parties[i];
    if (other == sender || other->endpoint == NULL) continue;
    if (routes && !route_is(&transmit->route, other->name)) continue;
    if (mqtt && !route_is(&transmit->route, line_text(&other->config, "inbox")) && !route_is(&transmit->route, line_text(&other->config, "reply_inbox")))
      continue;
    int32_t status = party_take(other, all->now, routes ? sender->name : NULL, NULL, frame, transmit->length);
    if (status != SEALWIRE_OK && other->event_count < EVENTS) {
      seen *place = &other->events[other->event_count++];
      memset(place, 0, sizeof *place);
      place->refused = status;
    }
    (void)party_collect(other);
    return;
  }
}

static int32_t settle(world *all, const char *lose) {
  static uint8_t frame[BUFFER];
  for (int round = 0; round < 100; round++) {
    int moved = 0;
    for (int i = 0; i < all->party_count; i++) {
      party *sender = &all->parties[i];
      if (party_collect(sender) == FAILED) return FAILED;
      while (sender->endpoint != NULL) {
        sealwire_transmit transmit;
        memset(&transmit, 0, sizeof transmit);
        int32_t status = sealwire_poll_transmit(sender->endpoint, all->now, frame, sizeof frame, &transmit);
        if (status != SEALWIRE_OK) return status;
        if (transmit.length == 0) break;
        moved = 1;
        if (lose == NULL || (strcmp(lose, "all") != 0 && strcmp(lose, sender->name) != 0)) carry(all, sender, &transmit, frame);
      }
    }
    if (!moved) return SEALWIRE_OK;
  }
  return fail("frames without end");
}

static int32_t pass(world *all, uint64_t ms, const char *lose) {
  uint64_t end = all->now + ms;
  for (;;) {
    uint64_t due = UINT64_MAX;
    int32_t status = settle(all, lose);
    if (status != SEALWIRE_OK || all->now >= end) return status;
    for (int i = 0; i < all->party_count; i++) {
      uint64_t one = UINT64_MAX;
      if (all->parties[i].endpoint != NULL) status = sealwire_poll_timeout(all->parties[i].endpoint, &one);
      if (status != SEALWIRE_OK) return status;
      if (one < due) due = one;
    }
    if (due <= all->now) due = all->now + 1;
    all->now = due < end ? due : end;
    for (int i = 0; i < all->party_count; i++) {
      if (all->parties[i].endpoint == NULL) continue;
      status = sealwire_handle_timeout(all->parties[i].endpoint, all->now);
      if (status != SEALWIRE_OK) return status;
    }
  }
}

static int32_t poll(world *all, party *who, const line *step) {
  uint8_t frame[BUFFER];
  sealwire_transmit transmit;
  memset(&transmit, 0, sizeof transmit);
  int32_t status = sealwire_poll_transmit(who->endpoint, all->now, frame, sizeof frame, &transmit);
  if (status != SEALWIRE_OK) return status;
  if (line_number(step, "none", 0) != (transmit.length == 0)) return fail("%u bytes to send", (unsigned)transmit.length);
  if (transmit.length == 0) return SEALWIRE_OK;
  if (line_number(step, "handshake", transmit.handshake) != transmit.handshake) return fail("handshake: %d", transmit.handshake);
  set_value(all, line_text(step, "frame"), frame, transmit.length);
  return SEALWIRE_OK;
}

/* A place in a frame; negative ones count from its end. */
static size_t place_in(const line *step, const char *name, size_t length) {
  long long at = line_number(step, name, 0);
  return (size_t)(at < 0 ? (long long)length + at : at);
}

static int32_t frames(world *all, const line *step) {
  uint8_t bytes[FRAME];
  size_t length;
  if (is(step, "settle")) return settle(all, line_text(step, "lose"));
  if (is(step, "pass")) return pass(all, (uint64_t)line_number(step, "ms", 0), line_text(step, "lose"));
  if (is(step, "wait")) {
    all->now += (uint64_t)line_number(step, "ms", 0);
    return SEALWIRE_OK;
  }
  if (is(step, "raw")) {
    length = from_hex(line_text(step, "bytes"), bytes, sizeof bytes);
  } else {
    const value *from = get_value(all, step, "frame");
    length = from->length;
    memcpy(bytes, from->bytes, length);
    if (is(step, "cut")) length = place_in(step, "length", length);
    size_t place = is(step, "alter") ? place_in(step, "byte", length) : 0;
    if (is(step, "alter")) bytes[place] = line_has(step, "like") ? get_value(all, step, "like")->bytes[place] : bytes[place] ^ (uint8_t)line_number(step, "xor", 0);
  }
  set_value(all, new_name(step), bytes, length);
  return SEALWIRE_OK;
}

/* ---- sessions */

static sealwire_bytes bytes_of(const char *text) {
  sealwire_bytes bytes = {(const uint8_t *)text, text == NULL ? 0 : strlen(text)};
  return bytes;
}

static int origin_of(const party *who, const line *step, sealwire_origin *origin) {
  const char *name = line_text(step, "origin");
  const uint8_t *sid = name == NULL ? NULL : party_sid(who, name);
  if (sid == NULL) return 0;
  memcpy(origin->sid, sid, sizeof origin->sid);
  origin->number = (uint64_t)line_number(step, "origin_number", 0);
  return 1;
}

static int32_t send(world *all, party *who, const line *step) {
  uint8_t frame[FRAME];
  sealwire_outgoing message = SEALWIRE_OUTGOING_INIT;
  sealwire_sent sent;
  memset(&sent, 0, sizeof sent);
  message.kind = line_number(step, "command", 0) ? SEALWIRE_KIND_COMMAND : SEALWIRE_KIND_DATA;
  message.topic = bytes_of(line_text(step, "topic"));
  if (message.topic.length > 0) message.topic_use = line_number(step, "in_place", 0) ? SEALWIRE_TOPIC_IN_PLACE : SEALWIRE_TOPIC_ADDRESSED;
  message.confirmable = (uint8_t)line_number(step, "confirmable", 0);
  message.again = (uint8_t)line_has(step, "number");
  message.number = (uint64_t)line_number(step, "number", 0);
  message.has_origin = (uint8_t)origin_of(who, step, &message.origin);
  message.retain = (uint8_t)line_number(step, "retain", 0);
  message.has_expiry = (uint8_t)line_has(step, "expiry_s");
  message.expiry_s = (uint32_t)line_number(step, "expiry_s", 0);
  message.content_type = bytes_of(line_text(step, "content_type"));
  message.payload = bytes_of(line_text(step, "payload"));
  int32_t status = sealwire_send(who->endpoint, all->now, party_session(who, step), &message, frame,
                                 (size_t)line_number(step, "capacity", sizeof frame), &sent);
  if (status != SEALWIRE_OK) return status;
  if (line_has(step, "given") && (!sent.confirmable || sent.number != (uint64_t)line_number(step, "given", 0)))
    return fail("number %" PRIu64, sent.number);
  set_value(all, line_text(step, "frame"), frame, sent.length);
  return SEALWIRE_OK;
}

static int32_t export(world *all, party *who, const line *step) {
  uint8_t secret[256];
  size_t length = (size_t)line_number(step, "length", 0);
  sealwire_bytes context = bytes_of(line_text(step, "context"));
  int32_t status = sealwire_export(who->endpoint, party_session(who, step), (uint64_t)line_number(step, "label", 0), context.data, context.length,
                                   secret, length);
  if (status == SEALWIRE_OK && line_has(step, "as")) set_value(all, line_text(step, "as"), secret, length);
  return status;
}

/* ---- looking */

static int32_t expect(party *who, const line *step, const line *events) {
  int count = (int)line_number(step, "count", 0);
  if (party_collect(who) == FAILED) return FAILED;
  for (int i = 0; i < count && i < who->event_count; i++) {
    const char *wanted = line_text(&events[i], "event");
    if (strcmp(wanted, event_name(&who->events[i])) != 0) return fail("event %d is %s, not %s", i + 1, event_name(&who->events[i]), wanted);
    if (event_matches(who, &who->events[i], &events[i]) == FAILED) return FAILED;
  }
  if (count != who->event_count)
    return fail("%d events, not %d; more: %s", who->event_count, count, who->event_count > count ? event_name(&who->events[count]) : "none");
  who->event_count = 0;
  return SEALWIRE_OK;
}

static int32_t counters(party *who, const line *step) {
  sealwire_counters found;
  int32_t status = sealwire_read_counters(who->endpoint, &found);
  if (status != SEALWIRE_OK) return status;
  const struct {
    const char *name;
    uint32_t count;
  } all[] = {{"frames", found.frames},
             {"records", found.records},
             {"malformed", found.malformed},
             {"unknown_context", found.unknown_context},
             {"decrypt_failed", found.decrypt_failed},
             {"replay", found.replay},
             {"duplicate", found.duplicate},
             {"stale", found.stale},
             {"unsupported_option", found.unsupported_option},
             {"missing", found.missing},
             {"late", found.late},
             {"handshakes", found.handshakes},
             {"handshakes_failed", found.handshakes_failed},
             {"handshake_ignored", found.handshake_ignored},
             {"evicted", found.evicted},
             {"peer_errors", found.peer_errors},
             {"unknown_context_received", found.unknown_context_received},
             {"corrupt", found.corrupt},
             {"storage_failed", found.storage_failed}};
  int compared = 0;
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (!line_has(step, all[i].name)) continue;
    compared++;
    if (line_number(step, all[i].name, -1) != all[i].count) return fail("%s is %u", all[i].name, (unsigned)all[i].count);
  }
  return compared == step->count - 1 ? SEALWIRE_OK : fail("a counter of unknown name");
}

static int is_thumbprint(const uint8_t *found, const char *hex) {
  uint8_t wanted[16];
  return from_hex(hex, wanted, sizeof wanted) == 16 && memcmp(found, wanted, 16) == 0;
}

static int32_t session(world *all, party *who, const line *step) {
  sealwire_session_info info;
  int32_t status = sealwire_session(who->endpoint, all->now, party_session(who, step), &info);
  if (status != SEALWIRE_OK) return status;
  const struct {
    const char *name;
    long long found;
  } numbers[] = {{"suite", info.suite},
                 {"epoch", info.epoch},
                 {"confirmed", info.confirmed},
                 {"unacknowledged", info.unacknowledged},
                 {"command_ready", info.command_ready},
                 {"next_number", (long long)info.next_number}};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    if (line_number(step, numbers[i].name, numbers[i].found) != numbers[i].found) return fail("%s is %lld", numbers[i].name, numbers[i].found);
  }
  const char *role = line_text(step, "role");
  if (role != NULL && (strcmp(role, "initiator") == 0) != (info.role == SEALWIRE_ROLE_INITIATOR)) return fail("role is %d", (int)info.role);
  if (line_has(step, "peer") && !is_thumbprint(info.peer, line_text(step, "peer"))) return fail("another peer");
  if (line_has(step, "own") && !is_thumbprint(info.own, line_text(step, "own"))) return fail("another identity");
  if (line_has(step, "route") && !route_is(&info.route, line_text(step, "route"))) return fail("another route");
  return SEALWIRE_OK;
}

static int32_t find(party *who, const line *step) {
  uint8_t peer[16];
  uint32_t found = 0;
  from_hex(line_text(step, "peer"), peer, sizeof peer);
  int32_t status = sealwire_find(who->endpoint, peer, &found);
  if (line_number(step, "none", 0)) return status == SEALWIRE_UNKNOWN_SESSION ? SEALWIRE_OK : fail("found %u", (unsigned)found);
  if (status != SEALWIRE_OK) return status;
  return found == party_session(who, step) ? SEALWIRE_OK : fail("found %u", (unsigned)found);
}

/* ---- surroundings */

static int32_t header_version(world *all) {
  static uint64_t memory[(SEALWIRE_ENDPOINT_SIZE_WITH(SESSIONS, 0, BUFFER) + 7) / 8];
  sealwire_config config;
  sealwire_port port;
  sealwire_endpoint *endpoint = NULL;
  party_configure(&all->parties[0], &config, &port);
  config.abi_version++;
  return sealwire_endpoint_init(memory, sizeof memory, &config, &port, &endpoint);
}

static int32_t surroundings(party *who, const line *step) {
  store *kept = &who->store;
  if (is(step, "store_fails")) {
    who->store_fails = (int)line_number(step, "on", 0);
    who->store_lasts = line_number(step, "after", 0);
  } else if (is(step, "random_fails")) {
    who->random_fails = (int)line_number(step, "on", 0);
  } else if (is(step, "key")) {
    who->key_answer = line_text(step, "answer");
  } else if (is(step, "store_set")) {
    long long slot = line_number(step, "slot", 0);
    kept->length[slot] = from_hex(line_text(step, "stored"), kept->data[slot], sizeof kept->data[0]);
  } else if (is(step, "store_alter")) {
    for (int i = 0; i < SLOTS; i++) {
      if (kept->length[i] > 0) kept->data[i][place_in(step, "byte", kept->length[i])] ^= (uint8_t)line_number(step, "xor", 0);
    }
  } else if (is(step, "store_keep")) {
    int free_place = who->kept_names[0] == NULL ? 0 : 1;
    who->kept_names[free_place] = line_text(step, "as");
    who->kept[free_place] = *kept;
  } else if (is(step, "store_put")) {
    *kept = who->kept[strcmp(who->kept_names[0], line_text(step, "from")) == 0 ? 0 : 1];
  } else {
    return fail("%s is unknown here", step->word);
  }
  return SEALWIRE_OK;
}

static int32_t start(world *all, party *who, const line *step) {
  uint32_t sessions = 0;
  if (line_has(step, "store")) who->durable = strcmp(line_text(step, "store"), "durable") == 0;
  int32_t status = party_start(who, all->now, &sessions);
  if (status != SEALWIRE_OK) return status;
  return sessions == (uint32_t)line_number(step, "sessions", 0) ? SEALWIRE_OK : fail("%u sessions restored", (unsigned)sessions);
}

static int32_t connect(world *all, party *who, const line *step) {
  sealwire_route route = route_of(line_text(step, "to"));
  uint8_t peer[16];
  const uint8_t *wanted = NULL;
  if (line_has(step, "peer") && from_hex(line_text(step, "peer"), peer, sizeof peer) == 16) wanted = peer;
  return sealwire_connect(who->endpoint, all->now, line_has(step, "to") ? &route : NULL, wanted, &who->handshake);
}

static int32_t deliver(world *all, party *who, const line *step) {
  const value *frame = get_value(all, step, "frame");
  int32_t status = SEALWIRE_OK;
  for (long long i = line_number(step, "count", 1); i > 0 && status == SEALWIRE_OK; i--) {
    status = party_take(who, all->now, line_text(step, "from"), line_text(step, "topic"), frame->bytes, frame->length);
  }
  return status;
}

int32_t world_step(world *all, const line *step, const line *events) {
  static const char *const without[] = {"settle", "pass", "wait", "raw", "cut", "alter"};
  for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
    if (is(step, without[i])) return frames(all, step);
  }
  if (is(step, "same") || is(step, "differ")) {
    const value *first = get_value(all, step, "first"), *second = get_value(all, step, "second");
    int same = first->length == second->length && memcmp(first->bytes, second->bytes, first->length) == 0;
    return same == is(step, "same") ? SEALWIRE_OK : fail("same: %d", same);
  }
  if (is(step, "header_version")) return header_version(all);
  if (is(step, "credential")) {
    uint8_t credential[SEALWIRE_CREDENTIAL_MAX];
    sealwire_credential_info info;
    size_t length = from_hex(line_text(step, "credential"), credential, sizeof credential);
    return sealwire_credential_read(credential, length, &info);
  }
  int32_t outcome;
  if (setup_step(all, step, &outcome)) return outcome;
  party *who = party_named(all, line_has(step, "at") ? line_text(step, "at") : line_text(step, "to"));
  if (is(step, "start") || is(step, "restart")) return start(all, who, step);
  if (is(step, "connect")) return connect(all, who, step);
  if (is(step, "cancel")) return sealwire_cancel(who->endpoint, who->handshake);
  if (is(step, "resume")) return sealwire_resume(who->endpoint, all->now);
  if (is(step, "tick")) return sealwire_handle_timeout(who->endpoint, all->now);
  if (is(step, "poll")) return poll(all, who, step);
  if (is(step, "deliver")) return deliver(all, who, step);
  if (is(step, "send")) {
    int32_t status = SEALWIRE_OK;
    for (long long i = line_number(step, "count", 1); i > 0 && status == SEALWIRE_OK; i--) status = send(all, who, step);
    return status;
  }
  if (is(step, "commit")) {
    sealwire_origin origin;
    int has = origin_of(who, step, &origin);
    return sealwire_commit(who->endpoint, all->now, party_session(who, step), (uint64_t)line_number(step, "number", 0), has ? &origin : NULL);
  }
  if (is(step, "abandon")) return sealwire_abandon(who->endpoint, party_session(who, step), (uint64_t)line_number(step, "number", 0));
  if (is(step, "key_update")) return sealwire_key_update(who->endpoint, all->now, party_session(who, step));
  if (is(step, "close")) return sealwire_session_close(who->endpoint, party_session(who, step));
  if (is(step, "export")) return export(all, who, step);
  if (is(step, "expect")) return expect(who, step, events);
  if (is(step, "clear")) {
    int32_t status = party_collect(who);
    who->event_count = 0;
    return status;
  }
  if (is(step, "counters")) return counters(who, step);
  if (is(step, "session")) return session(all, who, step);
  if (is(step, "sessions")) {
    size_t count = 0;
    int32_t status = sealwire_sessions(who->endpoint, NULL, 0, &count);
    if (status != SEALWIRE_OK) return status;
    return count == (size_t)line_number(step, "count", 0) ? SEALWIRE_OK : fail("%u sessions", (unsigned)count);
  }
  if (is(step, "find")) return find(who, step);
  return surroundings(who, step);
}
