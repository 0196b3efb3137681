#include "runner.h"

const char *event_name(const seen *found) {
  static const char *const names[] = {"none",        "message",  "established", "acknowledged",     "resend",     "command_ready",
                                      "key_updated", "replaced", "closed",      "handshake_failed", "peer_silent",
                                      "ownership_changed", "ownership"};
  if (found->refused != SEALWIRE_OK) return "refused";
  return (size_t)found->event.event < sizeof names / sizeof names[0] ? names[found->event.event] : "unknown";
}

/* A text that must be equal; absent is the empty one. */
static int same_text(const char *found, const char *wanted) { return strcmp(found, wanted == NULL ? "" : wanted) == 0; }

static int32_t message_matches(party *who, const seen *found, const line *wanted, const char *name) {
  const sealwire_message *message = &found->event.message;
  const char *text = line_text(wanted, name);
  if (strcmp(name, "payload") == 0) return same_text(found->payload, text);
  if (strcmp(name, "topic") == 0) return same_text(found->topic, text);
  if (strcmp(name, "content_type") == 0) return same_text(found->content_type, text);
  if (strcmp(name, "number") == 0) return text == NULL ? !message->confirmable : message->confirmable && message->number == strtoull(text, NULL, 10);
  if (strcmp(name, "expiry_s") == 0) return text == NULL ? !message->has_expiry : message->has_expiry && message->expiry_s == strtoull(text, NULL, 10);
  if (strcmp(name, "origin_number") == 0) return message->has_origin && message->origin.number == strtoull(text, NULL, 10);
  if (strcmp(name, "origin") == 0) {
    const uint8_t *sid = party_sid(who, text);
    return message->has_origin && sid != NULL && memcmp(sid, message->origin.sid, sizeof message->origin.sid) == 0;
  }
  if (strcmp(name, "missing") == 0) return message->missing == strtoull(text, NULL, 10);
  int bit = strcmp(text, "1") == 0;
  if (strcmp(name, "command") == 0) return bit == (message->kind == SEALWIRE_KIND_COMMAND);
  if (strcmp(name, "late") == 0) return bit == message->late;
  if (strcmp(name, "retain") == 0) return bit == message->retain;
  return 0;
}

/* `covers` and `misses`: every number of the list is, or is not, acknowledged. */
static int acknowledges(const sealwire_event *event, const char *list, int32_t wanted) {
  while (list != NULL && *list != 0) {
    char *end;
    if (sealwire_acknowledges(event->number, event->missing, strtoull(list, &end, 10)) != wanted) return 0;
    list = *end == ',' ? end + 1 : end;
  }
  return 1;
}

static int32_t field_matches(party *who, const seen *found, const line *wanted, const char *name) {
  const sealwire_event *event = &found->event;
  const char *text = line_text(wanted, name);
  line named = {"", {"session"}, {text}, 1};
  if (strcmp(name, "event") == 0) return 1;
  if (strcmp(name, "as") == 0 && event->event == SEALWIRE_EVENT_OWNERSHIP) {
    party_name_told(who, text, event);
    return 1;
  }
  if (strcmp(name, "as") == 0) {
    party_name_session(who, text, event->session);
    return 1;
  }
  if (strcmp(name, "session") == 0)
    return party_session(who, &named) == (event->event == SEALWIRE_EVENT_CLOSED ? event->old_session : event->session);
  if (strcmp(name, "old") == 0) return party_session(who, &named) == event->old_session;
  if (strcmp(name, "reason") == 0) return same_text(sealwire_status_name(found->refused != SEALWIRE_OK ? found->refused : event->reason), text);
  if (strcmp(name, "owner") == 0 && text == NULL) {
    static const uint8_t nobody[16];
    return memcmp(nobody, event->peer, 16) == 0;
  }
  if (strcmp(name, "peer") == 0 || strcmp(name, "owner") == 0) {
    uint8_t peer[16];
    return from_hex(text, peer, sizeof peer) == 16 && memcmp(peer, event->peer, 16) == 0;
  }
  if (event->event == SEALWIRE_EVENT_MESSAGE) return message_matches(who, found, wanted, name);
  if (strcmp(name, "role") == 0) return (strcmp(text, "initiator") == 0) == (event->role == SEALWIRE_ROLE_INITIATOR);
  if (strcmp(name, "resumed") == 0) return (strcmp(text, "1") == 0) == event->resumed;
  if (strcmp(name, "started") == 0) return (strcmp(text, "1") == 0) == (event->handshake != 0);
  if (strcmp(name, "route") == 0) return route_is(&event->route, text);
  if (strcmp(name, "top") == 0 || strcmp(name, "number") == 0) return event->number == strtoull(text, NULL, 10);
  if (strcmp(name, "epoch") == 0) return event->epoch == strtoul(text, NULL, 10);
  if (strcmp(name, "covers") == 0) return acknowledges(event, text, 1);
  if (strcmp(name, "misses") == 0) return acknowledges(event, text, 0);
  return 0;
}

int32_t event_matches(party *who, const seen *found, const line *wanted) {
  for (int i = 0; i < wanted->count; i++) {
    const char *name = wanted->names[i];
    if (!field_matches(who, found, wanted, name)) return fail("%s: %s is not %s", event_name(found), name, wanted->values[i]);
  }
  return SEALWIRE_OK;
}
