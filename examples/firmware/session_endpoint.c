/* The session over sealwire.h. With whom, peer.h says. */
#include "board.h"
#include "keys.h"
#include "line.h"
#include "peer.h"
#include "report.h"
#include "session.h"
#include "settings.h"

#define SESSIONS 2 /* a new one while it replaces the old */
/* The longest frame: SEALWIRE_HANDSHAKE_FRAME_MAX, or topic and payload of a message and SEALWIRE_OVERHEAD_MAX. */
#define FRAME 512
/* How long after a handshake that failed the next one follows. */
#define RETRY_MS 500u

static SEALWIRE_ENDPOINT_MEMORY(memory, SESSIONS, 0);
static sealwire_endpoint *endpoint;
static sealwire_own_credential own;
static sealwire_event event;
static uint8_t frame[FRAME], received[LINE_ROOM(FRAME)], encoded[LINE_ROOM(FRAME)];

static uint32_t session;
static uint8_t sid[8];
static uint64_t connect_ms; /* 0: no handshake is to be started */
static uint8_t waits_for_key;

int32_t session_open(sealwire_port *port) {
  sealwire_config config = SEALWIRE_CONFIG_INIT;
  uint32_t restored = 0;
  own.credential.data = setting(SETTING_CREDENTIAL, &own.credential.length);
  config.own = &own;
  config.own_count = 1;
  config.inbox.data = setting(SETTING_INBOX, &config.inbox.length);
  config.takes_commands = 1;
  config.command_lifetime_ms = setting_number(SETTING_LIFETIME, 3000);
  if (own.credential.data == NULL) return SEALWIRE_UNKNOWN_CREDENTIAL;
  int32_t status = peer_configure(&config, &own);
  if (status == SEALWIRE_OK) status = line_open(received, sizeof received, encoded, sizeof encoded);
  if (status == SEALWIRE_OK) status = keys_open(&own, port);
  if (status == SEALWIRE_OK) status = sealwire_endpoint_init(memory, sizeof memory, &config, port, &endpoint);
  if (status == SEALWIRE_OK) status = peer_open(endpoint);
  if (status == SEALWIRE_OK) status = sealwire_restore(endpoint, board_now_ms(), &restored);
  if (restored == 0) connect_ms = board_now_ms() + 1;
  return status;
}

uint32_t session_current(void) { return session; }

int32_t session_send(session_message *message, sealwire_bytes topic, sealwire_bytes payload) {
  sealwire_outgoing outgoing = SEALWIRE_OUTGOING_INIT;
  sealwire_sent sent;
  const uint32_t under = message->session != 0 ? message->session : session;
  outgoing.confirmable = 1;
  outgoing.again = message->session != 0;
  outgoing.number = message->number;
  outgoing.has_origin = message->has_origin;
  outgoing.origin = message->origin;
  outgoing.topic_use = SEALWIRE_TOPIC_ADDRESSED;
  outgoing.topic = topic;
  outgoing.payload = payload;
  int32_t status = sealwire_send(endpoint, board_now_ms(), under, &outgoing, frame, sizeof frame, &sent);
  if (status != SEALWIRE_OK) return status;
  message->session = under;
  message->number = sent.number;
  line_send(frame, sent.length);
  return SEALWIRE_OK;
}

static void established(void) {
  sealwire_session_info info;
  if (!peer_is(endpoint, event.peer)) return;
  session = event.session;
  if (sealwire_session(endpoint, board_now_ms(), session, &info) == SEALWIRE_OK) memcpy(sid, info.sid, sizeof sid);
  on_established(sid, event.resumed);
}

static int32_t message_arrived(void) {
  const sealwire_message *found = &event.message;
  if (peer_is(endpoint, event.peer)) on_message(found->kind == SEALWIRE_KIND_COMMAND, found->topic, found->payload);
  if (!found->confirmable) return SEALWIRE_OK;
  return sealwire_commit(endpoint, board_now_ms(), event.session, found->number, found->has_origin ? &found->origin : NULL);
}

static void closed(void) {
  const int current = event.old_session == session;
  report_status(event.reason);
  on_ended(event.old_session, current ? sid : NULL);
  if (!current) return;
  session = 0;
  connect_ms = board_now_ms() + 1;
}

static void on_event(void) {
  int32_t status = SEALWIRE_OK;
  switch (event.event) {
    case SEALWIRE_EVENT_MESSAGE:
      status = message_arrived();
      break;
    case SEALWIRE_EVENT_ESTABLISHED:
      established();
      break;
    case SEALWIRE_EVENT_ACKNOWLEDGED:
      on_acknowledged(event.session, event.number, event.missing);
      break;
    case SEALWIRE_EVENT_RESEND:
      if (!on_resend(event.session, event.number)) status = sealwire_abandon(endpoint, event.session, event.number);
      break;
    case SEALWIRE_EVENT_REPLACED:
      if (event.old_session == session) session = event.session;
      on_ended(event.old_session, event.sid);
      break;
    case SEALWIRE_EVENT_CLOSED:
      closed();
      break;
    case SEALWIRE_EVENT_HANDSHAKE_FAILED:
      report_status(event.reason);
      /* Whoever is not there now may be there in a moment. */
      if (session == 0 && event.reason != SEALWIRE_SUPERSEDED) connect_ms = board_now_ms() + RETRY_MS;
      break;
    default:
      peer_event(endpoint, &event);
      break;
  }
  if (status != SEALWIRE_OK) report_status(status);
}

/* Empties the endpoint: events, then frames. */
static void pump(void) {
  sealwire_transmit out;
  while (sealwire_poll_event(endpoint, &event) == SEALWIRE_OK && event.event != SEALWIRE_EVENT_NONE) on_event();
  do {
    int32_t status = sealwire_poll_transmit(endpoint, board_now_ms(), frame, sizeof frame, &out);
    if (status != SEALWIRE_OK) {
      report_status(status);
      return;
    }
    if (out.length > 0) line_send(frame, out.length);
  } while (out.length > 0);
}

/* What a call answered: a slow key is waited for, anything else that failed is told. */
static void judge(int32_t status) {
  if (status == SEALWIRE_PENDING) {
    waits_for_key = 1;
  } else if (status != SEALWIRE_OK) {
    report_status(status);
  }
}

void session_step(void) {
  uint64_t timeout_ms = 0;
  uint8_t *found;
  size_t length = 0;
  pump();
  while ((found = line_receive(&length)) != NULL) {
    int32_t status = sealwire_handle_frame(endpoint, board_now_ms(), NULL, NULL, 0, found, length, &event);
    judge(status);
    if (status == SEALWIRE_OK) on_event();
    pump();
  }
  const uint64_t now_ms = board_now_ms();
  if (waits_for_key && keys_ready(now_ms)) {
    waits_for_key = 0;
    judge(sealwire_resume(endpoint, now_ms));
  }
  if (sealwire_poll_timeout(endpoint, &timeout_ms) == SEALWIRE_OK && timeout_ms <= now_ms) judge(sealwire_handle_timeout(endpoint, now_ms));
  peer_step(endpoint, now_ms);
  pump();
  if (session != 0 || connect_ms == 0 || now_ms < connect_ms) return;
  connect_ms = 0;
  judge(peer_connect(endpoint, now_ms));
  pump();
}

void session_close(void) {
  int32_t status = sealwire_endpoint_close(endpoint);
  if (status != SEALWIRE_OK) report_status(status);
}
