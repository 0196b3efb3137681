/* A wearable: streams an ECG from its flash to the hub over a UART, through a gateway that cannot read it, and obeys commands. Each message
   is acknowledged end to end; after a restart it goes on under the same session. C99 on bare metal against sealwire.h. */
#include "board.h"
#include "keys.h"
#include "report.h"
#include "settings.h"

/* The recording, int16 little-endian. */
extern const uint8_t ecg[];
extern const uint32_t ecg_samples;

#define HZ 360u
#define SESSIONS 2 /* a new one while it replaces the old */
#define WINDOW 16  /* messages on their way */
#define CHUNK 30u  /* samples in one */
#define FRAME 512  /* SEALWIRE_HANDSHAKE_FRAME_MAX, and a message of CHUNK samples */

/* A message that the hub has not confirmed yet. */
typedef struct message {
  uint8_t used;
  uint8_t waits; /* for a session to be sent under */
  uint8_t has_origin;
  uint32_t chunk;
  uint32_t session;
  uint64_t number;
  sealwire_origin origin;
} message;

static SEALWIRE_ENDPOINT_MEMORY(memory, SESSIONS, 0);
static sealwire_endpoint *endpoint;
static sealwire_entropy entropy;
static sealwire_two_slot store, starts_store;
static sealwire_uart decoder;
static sealwire_own_credential own;
static sealwire_bytes hub;
static uint8_t received[FRAME + 2];
static uint8_t frame[FRAME];
static uint8_t encoded[FRAME + FRAME / 100 + 8];
static sealwire_event event;

static uint32_t session;
static uint8_t sid[8];
static message messages[WINDOW];
static uint32_t samples, chunks, next_chunk, interval_ms;
static uint32_t sent_count, resent_count;
static uint64_t started_ms, due_ms, connect_ms, done_ms, restart_ms;
static uint8_t waits_for_key;

static int32_t random_bytes(void *context, uint8_t *out, size_t length) {
  (void)context;
  return sealwire_entropy_random(&entropy, out, length);
}

static int32_t store_load(void *context, uint32_t slot, uint8_t *out, size_t capacity, size_t *length) {
  (void)context;
  return sealwire_two_slot_load(&store, slot, out, capacity, length);
}

static int32_t store_save(void *context, uint32_t slot, const uint8_t *data, size_t length) {
  (void)context;
  return sealwire_two_slot_save(&store, slot, data, length);
}

static uint32_t u32(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* ---- the start */

/* Counts this start in flash, and seeds the random numbers with it beside the entropy: whatever else goes wrong, no two starts are alike. */
static int32_t seed(uint32_t *starts) {
  uint8_t bytes[32];
  uint8_t count[4] = {0};
  size_t length = 0;
  /* A store of its own, behind that of the sessions. */
  sealwire_flash flash = board_flash;
  flash.base += 2 * flash.slot * flash.slots;
  flash.slots = 1;
  int32_t status = sealwire_two_slot_init(&starts_store, &flash);
  if (status == SEALWIRE_OK) status = sealwire_two_slot_load(&starts_store, 0, count, sizeof count, &length);
  if (status != SEALWIRE_OK) return status;
  for (int i = 3; i >= 0 && ++count[i] == 0;) i--;
  status = sealwire_two_slot_save(&starts_store, 0, count, sizeof count);
  if (status != SEALWIRE_OK) return status;
  *starts = u32(count);
  length = board_entropy(bytes, sizeof bytes);
  if (length > 0) status = sealwire_entropy_seed(&entropy, bytes, length, count, sizeof count);
  memset(bytes, 0, sizeof bytes);
  if (status != SEALWIRE_OK) return status;
  /* Without a seed this is RANDOM_FAILED, now rather than in the middle of a handshake. */
  return random_bytes(NULL, count, sizeof count);
}

static int32_t open_endpoint(void) {
  sealwire_config config = SEALWIRE_CONFIG_INIT;
  sealwire_port port = SEALWIRE_PORT_INIT;
  uint32_t restored = 0;
  port.random = random_bytes;
  port.store_load = store_load;
  port.store_save = store_save;
  /* The flash inside a microcontroller: nobody brings back an older state of it without opening the device. */
  port.store_resists_rollback = 1;
  own.credential.data = setting(SETTING_CREDENTIAL, &own.credential.length);
  hub.data = setting(SETTING_PEER, &hub.length);
  config.own = &own;
  config.own_count = 1;
  config.peers = &hub;
  config.peer_count = 1;
  config.inbox.data = setting(SETTING_INBOX, &config.inbox.length);
  config.takes_commands = 1;
  config.command_lifetime_ms = setting_number(SETTING_LIFETIME, 3000);
  if (own.credential.data == NULL || hub.data == NULL) return SEALWIRE_UNKNOWN_CREDENTIAL;
  int32_t status = keys_open(&own, &port);
  if (status == SEALWIRE_OK) status = sealwire_endpoint_init(memory, sizeof memory, &config, &port, &endpoint);
  if (status == SEALWIRE_OK) status = sealwire_restore(endpoint, board_now_ms(), &restored);
  return status;
}

static void start_handshake(void) {
  uint32_t handshake = 0;
  connect_ms = 0;
  int32_t status = sealwire_connect(endpoint, board_now_ms(), NULL, NULL, &handshake);
  if (status != SEALWIRE_OK) report_status(status);
}

/* ---- sending */

static void transmit(size_t length) {
  size_t encoded_length = 0;
  if (sealwire_uart_encode(frame, length, encoded, sizeof encoded, &encoded_length) == SEALWIRE_OK) {
    board_uart_write(encoded, encoded_length);
  }
}

static void put_u32(uint8_t *out, uint32_t value) {
  for (int i = 0; i < 4; i++) out[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Sends a chunk, or, behind the last one, the number of samples; again under its number, or the first time in this session. */
static int32_t send_message(message *self, int again) {
  uint8_t payload[4 + 2 * CHUNK];
  sealwire_outgoing outgoing = SEALWIRE_OUTGOING_INIT;
  sealwire_sent sent;
  const int is_end = self->chunk >= chunks;
  outgoing.confirmable = 1;
  outgoing.topic_use = SEALWIRE_TOPIC_ADDRESSED;
  outgoing.topic.data = (const uint8_t *)"ecg/end";
  outgoing.topic.length = is_end ? 7 : 3;
  outgoing.payload.data = payload;
  outgoing.payload.length = 4;
  if (is_end) {
    put_u32(payload, samples);
  } else {
    uint32_t first = self->chunk * CHUNK;
    uint32_t count = samples - first < CHUNK ? samples - first : CHUNK;
    put_u32(payload, first);
    memcpy(payload + 4, ecg + 2 * (size_t)first, 2 * (size_t)count);
    outgoing.payload.length += 2 * (size_t)count;
  }
  outgoing.again = again ? 1 : 0;
  outgoing.number = self->number;
  outgoing.has_origin = self->has_origin;
  outgoing.origin = self->origin;
  uint32_t under = again ? self->session : session;
  int32_t status = sealwire_send(endpoint, board_now_ms(), under, &outgoing, frame, sizeof frame, &sent);
  if (status != SEALWIRE_OK) return status;
  self->used = 1;
  self->waits = 0;
  self->session = under;
  self->number = sent.number;
  sent_count++;
  transmit(sent.length);
  return SEALWIRE_OK;
}

static message *free_message(void) {
  for (size_t i = 0; i < WINDOW; i++) {
    if (!messages[i].used) return &messages[i];
  }
  return NULL;
}

static unsigned unacknowledged(void) {
  unsigned count = 0;
  for (size_t i = 0; i < WINDOW; i++) count += messages[i].used;
  return count;
}

/* A session has ended: what it had not delivered waits for the next one, which is told where it was first sent. */
static void requeue(uint32_t ended, const uint8_t *name) {
  for (size_t i = 0; i < WINDOW; i++) {
    message *self = &messages[i];
    if (!self->used || self->waits || self->session != ended) continue;
    self->waits = 1;
    if (self->has_origin || name == NULL) continue;
    self->has_origin = 1;
    memcpy(self->origin.sid, name, sizeof self->origin.sid);
    self->origin.number = self->number;
  }
}

/* Sends what waits for a session, then the next chunk if it is due. */
static void send_due(uint64_t now_ms) {
  if (session == 0) return;
  for (size_t i = 0; i < WINDOW; i++) {
    if (!messages[i].used || !messages[i].waits) continue;
    if (send_message(&messages[i], 0) != SEALWIRE_OK) return;
    resent_count++;
  }
  if (next_chunk > chunks || now_ms < due_ms) return;
  message *self = free_message();
  /* The end follows when everything before it has arrived. */
  if (self == NULL || (next_chunk == chunks && unacknowledged() > 0)) return;
  memset(self, 0, sizeof *self);
  self->chunk = next_chunk;
  int32_t status = send_message(self, 0);
  if (status != SEALWIRE_OK) {
    self->used = 0;
    if (status != SEALWIRE_WINDOW_FULL && status != SEALWIRE_WRONG_STATE) report_status(status);
    return;
  }
  next_chunk++;
  /* A delay is not made up for by a burst. */
  due_ms = (due_ms + interval_ms < now_ms ? now_ms : due_ms) + interval_ms;
}

/* ---- what happens */

static int is_text(sealwire_bytes bytes, const char *text, size_t length) {
  return bytes.length == length && memcmp(bytes.data, text, length) == 0;
}

static void obey(const sealwire_message *command) {
  report("command");
  report_hex("payload", command->payload.data, command->payload.length);
  report_end();
  /* "stop" ends the recording, "interval" sets the milliseconds between messages; on a real board "led" would switch a pin. */
  if (is_text(command->topic, "stop", 4) && next_chunk < chunks) {
    chunks = next_chunk;
    samples = next_chunk * CHUNK;
  }
  if (is_text(command->topic, "interval", 8) && command->payload.length == 4) interval_ms = u32(command->payload.data);
  /* "restart" starts the processor again; its acknowledgement goes first. */
  if (is_text(command->topic, "restart", 7)) restart_ms = board_now_ms() + 200;
}

static void on_message(void) {
  const sealwire_message *found = &event.message;
  if (found->kind == SEALWIRE_KIND_COMMAND) obey(found);
  if (!found->confirmable) return;
  int32_t status = sealwire_commit(endpoint, board_now_ms(), event.session, found->number, found->has_origin ? &found->origin : NULL);
  if (status != SEALWIRE_OK) report_status(status);
}

static void on_acknowledged(void) {
  for (size_t i = 0; i < WINDOW; i++) {
    message *self = &messages[i];
    if (self->used && !self->waits && self->session == event.session && sealwire_acknowledges(event.number, event.missing, self->number)) {
      self->used = 0;
    }
  }
}

static void on_resend(void) {
  for (size_t i = 0; i < WINDOW; i++) {
    message *self = &messages[i];
    if (self->used && !self->waits && self->session == event.session && self->number == event.number) {
      if (send_message(self, 1) == SEALWIRE_OK) resent_count++;
      return;
    }
  }
  /* A number from before a restart, whose chunk is sent under another one now. */
  int32_t status = sealwire_abandon(endpoint, event.session, event.number);
  if (status != SEALWIRE_OK) report_status(status);
}

static void on_established(void) {
  sealwire_session_info info;
  session = event.session;
  if (sealwire_session(endpoint, board_now_ms(), session, &info) == SEALWIRE_OK) memcpy(sid, info.sid, sizeof sid);
  report("established");
  report_hex("peer", event.peer, sizeof event.peer);
  report_number("ms", board_now_ms() - started_ms);
  report_number("resumed", event.resumed);
  report_hex("session", sid, sizeof sid);
  report_end();
}

static void on_event(void) {
  switch (event.event) {
    case SEALWIRE_EVENT_MESSAGE:
      on_message();
      break;
    case SEALWIRE_EVENT_ESTABLISHED:
      on_established();
      break;
    case SEALWIRE_EVENT_ACKNOWLEDGED:
      on_acknowledged();
      break;
    case SEALWIRE_EVENT_RESEND:
      on_resend();
      break;
    case SEALWIRE_EVENT_REPLACED:
      session = event.session;
      requeue(event.old_session, event.sid);
      break;
    case SEALWIRE_EVENT_CLOSED:
      report_status(event.reason);
      requeue(event.old_session, event.old_session == session ? sid : NULL);
      if (event.old_session == session) {
        session = 0;
        connect_ms = board_now_ms() + 1;
      }
      break;
    case SEALWIRE_EVENT_HANDSHAKE_FAILED:
      report_status(event.reason);
      /* Whoever is not there now may be there in a moment. */
      if (session == 0 && event.reason != SEALWIRE_SUPERSEDED) connect_ms = board_now_ms() + 500;
      break;
    default:
      break;
  }
}

/* What a call answered: a slow key is waited for, anything else that failed is told. */
static void judge(int32_t status) {
  if (status == SEALWIRE_PENDING) {
    waits_for_key = 1;
  } else if (status != SEALWIRE_OK) {
    report_status(status);
  }
}

/* Empties the endpoint: events, then frames. */
static void pump(void) {
  sealwire_transmit out;
  while (sealwire_poll_event(endpoint, &event) == SEALWIRE_OK && event.event != SEALWIRE_EVENT_NONE) on_event();
  for (;;) {
    int32_t status = sealwire_poll_transmit(endpoint, board_now_ms(), frame, sizeof frame, &out);
    if (status != SEALWIRE_OK) report_status(status);
    if (status != SEALWIRE_OK || out.length == 0) return;
    transmit(out.length);
  }
}

static void receive(void) {
  uint8_t bytes[64];
  size_t length = board_uart_read(bytes, sizeof bytes);
  size_t at = 0;
  while (at < length) {
    size_t taken = 0;
    uint8_t *found = NULL;
    size_t found_length = 0;
    if (sealwire_uart_feed(&decoder, bytes + at, length - at, &taken, &found, &found_length) != SEALWIRE_OK || taken == 0) return;
    at += taken;
    if (found == NULL) continue;
    int32_t status = sealwire_handle_frame(endpoint, board_now_ms(), NULL, NULL, 0, found, found_length, &event);
    judge(status);
    if (status == SEALWIRE_OK) on_event();
    pump();
  }
}

/* Does what is due; 1 when everything is acknowledged. */
static int step(void) {
  uint64_t now_ms = board_now_ms();
  uint64_t timeout_ms = 0;
  receive();
  if (waits_for_key && keys_ready(now_ms)) {
    waits_for_key = 0;
    judge(sealwire_resume(endpoint, now_ms));
    pump();
  }
  if (sealwire_poll_timeout(endpoint, &timeout_ms) == SEALWIRE_OK && timeout_ms <= now_ms) judge(sealwire_handle_timeout(endpoint, now_ms));
  if (session == 0 && connect_ms != 0 && now_ms >= connect_ms) start_handshake();
  pump();
  send_due(now_ms);
  pump();
  if (restart_ms != 0 && now_ms >= restart_ms) board_restart();
  if (next_chunk <= chunks || unacknowledged() > 0) return 0;
  /* A moment for acknowledgements of our own that are still to be sent. */
  if (done_ms == 0) done_ms = now_ms + 300;
  return now_ms >= done_ms;
}

int main(void) {
  uint32_t starts = 0;
  board_init();
  started_ms = board_now_ms();
  int32_t status = sealwire_two_slot_init(&store, &board_flash);
  if (status == SEALWIRE_OK) status = seed(&starts);
  if (status == SEALWIRE_OK) status = sealwire_uart_init(&decoder, received, sizeof received);
  if (status == SEALWIRE_OK) status = open_endpoint();
  if (status != SEALWIRE_OK) {
    report_status(status);
    return 1;
  }
  report("start");
  report_number("count", starts);
  report_end();
  samples = setting_number(SETTING_SAMPLES, ecg_samples);
  if (samples > ecg_samples) samples = ecg_samples;
  chunks = (samples + CHUNK - 1) / CHUNK;
  interval_ms = setting_number(SETTING_INTERVAL, 1000 * CHUNK / HZ);
  pump();
  if (session == 0) {
    start_handshake();
    pump();
  }
  while (!step()) board_idle();
  report("done");
  report_number("samples", samples);
  report_number("messages", sent_count);
  report_number("resent", resent_count);
  report_end();
  return sealwire_endpoint_close(endpoint) == SEALWIRE_OK ? 0 : 1;
}
