/* The session over sealwire_device.h. */
#include "board.h"
#include "line.h"
#include "report.h"
#include "sealwire_device.h"
#include "session.h"
#include "settings.h"

/* The longest frame: SEALWIRE_DEVICE_FRAME_MAX, or topic and payload of a message and SEALWIRE_DEVICE_OVERHEAD_MAX. */
#define FRAME 256
/* How long after a handshake that failed the next one follows. */
#define RETRY_MS 500u

static sealwire_device device;
static uint8_t frame[FRAME], received[LINE_ROOM(FRAME)], encoded[LINE_ROOM(FRAME)];

/* Counts the sessions since the start; 0: there is none yet. A session ends only when the next one stands. */
static uint32_t session;
static uint64_t connect_ms; /* 0: no handshake is to be started */

int32_t session_open(sealwire_port *port) {
  sealwire_device_config config = {0};
  size_t key_length = 0;
  uint8_t restored = 0;
  config.own.data = setting(SETTING_CREDENTIAL, &config.own.length);
  config.private_key = setting(SETTING_KEY, &key_length);
  config.peer.data = setting(SETTING_PEER, &config.peer.length);
  config.inbox.data = setting(SETTING_INBOX, &config.inbox.length);
  config.command_lifetime_ms = setting_number(SETTING_LIFETIME, 3000);
  if (config.own.data == NULL || config.peer.data == NULL) return SEALWIRE_UNKNOWN_CREDENTIAL;
  if (config.private_key == NULL || key_length != 32) return SEALWIRE_UNKNOWN_KEY;
  int32_t status = line_open(received, sizeof received, encoded, sizeof encoded);
  if (status == SEALWIRE_OK) status = sealwire_device_init(&device, &config, port);
  if (status != SEALWIRE_OK) return status;
  status = sealwire_device_restore(&device, board_now_ms(), &restored);
  /* Damaged, or of other credentials: a new session takes its place. */
  if (status == SEALWIRE_CORRUPT_STATE || status == SEALWIRE_UNSUPPORTED_STATE) {
    report_status(status);
    status = SEALWIRE_OK;
  }
  if (!restored) connect_ms = board_now_ms() + 1;
  return status;
}

uint32_t session_current(void) { return session; }

int32_t session_send(session_message *message, sealwire_bytes topic, sealwire_bytes payload) {
  sealwire_device_outgoing outgoing = {0};
  sealwire_device_sent sent;
  outgoing.confirmable = 1;
  outgoing.again = message->session != 0;
  outgoing.number = message->number;
  outgoing.has_origin = message->has_origin;
  outgoing.origin = message->origin;
  outgoing.topic = topic;
  outgoing.payload = payload;
  int32_t status = sealwire_device_send(&device, board_now_ms(), &outgoing, frame, sizeof frame, &sent);
  if (status != SEALWIRE_OK) return status;
  message->session = session;
  message->number = sent.name.number;
  line_send(frame, sent.length);
  return SEALWIRE_OK;
}

static void established(const sealwire_device_event *event) {
  sealwire_device_info info;
  if (event->has_ended) on_ended(session, event->ended);
  session++;
  if (sealwire_device_read(&device, &info) == SEALWIRE_OK) on_established(info.sid, event->resumed);
}

static void resend(uint64_t number) {
  if (on_resend(session, number)) return;
  int32_t status = sealwire_device_abandon(&device, number);
  if (status != SEALWIRE_OK) report_status(status);
}

static void on_event(const sealwire_device_event *event) {
  switch (event->event) {
    case SEALWIRE_EVENT_ESTABLISHED:
      established(event);
      break;
    case SEALWIRE_EVENT_ACKNOWLEDGED:
      on_acknowledged(session, event->number, event->missing);
      break;
    case SEALWIRE_EVENT_RESEND:
      resend(event->number);
      break;
    case SEALWIRE_EVENT_HANDSHAKE_FAILED:
      report_status(event->reason);
      /* Whoever is not there now may be there in a moment. */
      if (session == 0) connect_ms = board_now_ms() + RETRY_MS;
      break;
    default:
      break;
  }
}

/* Empties the device: events, then frames. */
static void pump(void) {
  sealwire_device_event event;
  size_t length = 0;
  while (sealwire_device_poll_event(&device, &event) == SEALWIRE_OK && event.event != SEALWIRE_EVENT_NONE) on_event(&event);
  do {
    int32_t status = sealwire_device_poll_transmit(&device, board_now_ms(), frame, sizeof frame, &length);
    if (status != SEALWIRE_OK) {
      report_status(status);
      return;
    }
    if (length > 0) line_send(frame, length);
  } while (length > 0);
}

static void handle(uint8_t *found, size_t length) {
  sealwire_device_message message;
  int32_t status = sealwire_device_handle_frame(&device, board_now_ms(), found, length, &message);
  if (status == SEALWIRE_OK && message.arrived) {
    on_message(message.command, message.topic, message.payload);
    if (message.confirmable) status = sealwire_device_commit(&device, board_now_ms(), &message);
  }
  if (status != SEALWIRE_OK) report_status(status);
}

void session_step(void) {
  uint8_t *found;
  size_t length = 0;
  pump();
  while ((found = line_receive(&length)) != NULL) {
    handle(found, length);
    pump();
  }
  if (session != 0 || connect_ms == 0 || board_now_ms() < connect_ms) return;
  connect_ms = 0;
  int32_t status = sealwire_device_connect(&device, board_now_ms());
  if (status != SEALWIRE_OK) report_status(status);
  pump();
}

void session_close(void) { sealwire_device_close(&device); }
