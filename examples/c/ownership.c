#define _POSIX_C_SOURCE 200809L

#include "ownership.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "device.h"

/* How long the button opens setup. */
#define WINDOW_MS 120000

static volatile sig_atomic_t pressed;
static volatile sig_atomic_t held;

static void on_button(int number) {
  if (number == SIGUSR1) pressed = 1;
  if (number == SIGUSR2) held = 1;
}

static void report_owner(device *self) {
  sealwire_ownership state;
  if (sealwire_ownership_get(self->endpoint, &state) != SEALWIRE_OK) return;
  self->ownership.owned = state.owned;
  fprintf(stderr, "{\"event\":\"owner\",\"epoch\":%lu,\"owner\":\"", (unsigned long)state.epoch);
  if (state.owned) host_print_hex(state.owner, sizeof state.owner);
  fprintf(stderr, "\",\"delegates\":%u}\n", (unsigned)state.delegate_count);
}

int ownership_enable(device *self, const char *file) {
  sealwire_setup_code code;
  sealwire_credential_info info;
  uint8_t text[SEALWIRE_SETUP_CODE_MAX + 1];
  uint32_t slot = 0;
  long length = host_read_file(file, text, sizeof text);
  if (length < 0) return -1;
  while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r')) length--;
  int32_t status = sealwire_setup_code_read(text, (size_t)length, &code);
  memset(text, 0, sizeof text);
  if (status != SEALWIRE_OK) return device_refused(file, status);
  status = sealwire_credential_read(self->own.credential.data, self->own.credential.length, &info);
  if (status == SEALWIRE_OK && memcmp(info.thumbprint, code.device, sizeof code.device) != 0) status = SEALWIRE_OWN_IDENTITY;
  /* The slots below are the sessions'. */
  if (status == SEALWIRE_OK) status = sealwire_endpoint_capacity(self->endpoint, &slot);
  if (status == SEALWIRE_OK) status = sealwire_setup_enable(self->endpoint, slot, code.secret);
  memset(&code, 0, sizeof code);
  /* With a damaged record the device goes on; only a reset lets somebody in again. */
  if (status != SEALWIRE_OK && status != SEALWIRE_CORRUPT_STATE) return device_refused(file, status);
  self->ownership.enabled = 1;

  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_button;
  (void)sigaction(SIGUSR1, &action, NULL);
  (void)sigaction(SIGUSR2, &action, NULL);
  report_owner(self);
  return 0;
}

void ownership_step(device *self) {
  int32_t status = SEALWIRE_OK;
  if (!self->ownership.enabled) return;
  if (pressed) {
    const uint64_t now_ms = host_now_ms();
    pressed = 0;
    status = sealwire_setup_open(self->endpoint, now_ms, now_ms + WINDOW_MS);
    if (status == SEALWIRE_OK) fprintf(stderr, "{\"event\":\"setup-open\",\"ms\":%lu}\n", (unsigned long)WINDOW_MS);
  }
  if (held) {
    held = 0;
    status = sealwire_ownership_reset(self->endpoint);
  }
  if (status != SEALWIRE_OK) device_report_error(sealwire_status_name(status));
}

static int32_t standing(device *self, const uint8_t *peer) {
  int32_t is = SEALWIRE_STANDING_NONE;
  if (!self->ownership.enabled || sealwire_ownership_standing(self->endpoint, peer, &is) != SEALWIRE_OK) return SEALWIRE_STANDING_NONE;
  return is;
}

/* Puts `session` in the place of `old`; either may be 0. Returns 1 if there was such a place. */
static int replace(ownership *owned, uint32_t old, uint32_t session) {
  for (size_t i = 0; i < OWNERSHIP_PEOPLE; i++) {
    if (owned->sessions[i] != old) continue;
    owned->sessions[i] = session;
    return 1;
  }
  return 0;
}

int ownership_event(device *self, const sealwire_event *event) {
  int32_t is;
  if (!self->ownership.enabled) return 0;
  switch (event->event) {
    case SEALWIRE_EVENT_OWNERSHIP_CHANGED:
      report_owner(self);
      return 1;
    case SEALWIRE_EVENT_ESTABLISHED:
      is = standing(self, event->peer);
      if (is == SEALWIRE_STANDING_NONE) return 0;
      if (!replace(&self->ownership, event->session, event->session)) (void)replace(&self->ownership, 0, event->session);
      fprintf(stderr, "{\"event\":\"let-in\",\"standing\":\"%s\",\"peer\":\"", is == SEALWIRE_STANDING_OWNER ? "owner" : "delegate");
      host_print_hex(event->peer, sizeof event->peer);
      fprintf(stderr, "\"}\n");
      return 1;
    case SEALWIRE_EVENT_REPLACED:
      /* What replaces it was established first, and has a place unless there was none. */
      if (replace(&self->ownership, event->session, event->session)) return replace(&self->ownership, event->old_session, 0);
      return replace(&self->ownership, event->old_session, event->session);
    case SEALWIRE_EVENT_CLOSED:
      return event->old_session != 0 && replace(&self->ownership, event->old_session, 0);
    default:
      return 0;
  }
}

int ownership_records(const device *self) { return !self->ownership.enabled || self->ownership.owned; }

int ownership_commands(device *self, const uint8_t *peer) { return standing(self, peer) != SEALWIRE_STANDING_DELEGATE; }

void ownership_show(device *self, const char *topic, const uint8_t *payload, size_t length) {
  for (size_t i = 0; i < OWNERSHIP_PEOPLE; i++) {
    uint8_t frame[DEVICE_FRAME];
    sealwire_outgoing outgoing = SEALWIRE_OUTGOING_INIT;
    sealwire_sent sent;
    if (self->ownership.sessions[i] == 0) continue;
    outgoing.topic_use = SEALWIRE_TOPIC_ADDRESSED;
    outgoing.topic.data = (const uint8_t *)topic;
    outgoing.topic.length = strlen(topic);
    outgoing.payload.data = payload;
    outgoing.payload.length = length;
    int32_t status = sealwire_send(self->endpoint, host_now_ms(), self->ownership.sessions[i], &outgoing, frame, sizeof frame, &sent);
    if (status == SEALWIRE_OK) {
      device_transmit_frame(self, &sent.route, 0, frame, sent.length);
    } else {
      device_report_error(sealwire_status_name(status));
    }
  }
}
