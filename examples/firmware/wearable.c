/* A wearable: streams an ECG from its flash to the hub over a UART, through a gateway that cannot read it, and obeys commands. Each message
   is acknowledged end to end; after a restart it goes on under the same session. C99 on bare metal. What talks to the library is in
   session_device.c or session_endpoint.c, behind session.h. */
#include "board.h"
#include "port.h"
#include "report.h"
#include "session.h"
#include "settings.h"

/* The recording, int16 little-endian. */
extern const uint8_t ecg[];
extern const uint32_t ecg_samples;

#define HZ 360u
#define WINDOW 16 /* messages on their way */
#define CHUNK 30u /* samples in one */

/* A message that the hub has not confirmed yet. */
typedef struct message {
  uint8_t used;
  uint32_t chunk;
  session_message sent;
} message;

static message messages[WINDOW];
static uint32_t samples, chunks, next_chunk, interval_ms;
static uint32_t sent_count, resent_count;
static uint64_t started_ms, due_ms, done_ms, restart_ms;

static uint32_t u32(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void put_u32(uint8_t *out, uint32_t value) {
  for (int i = 0; i < 4; i++) out[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* ---- sending */

/* Sends a chunk, or, behind the last one, the number of samples. */
static int32_t send_message(message *self) {
  uint8_t bytes[4 + 2 * CHUNK];
  const int is_end = self->chunk >= chunks;
  const sealwire_bytes topic = {(const uint8_t *)"ecg/end", is_end ? 7 : 3};
  sealwire_bytes payload = {bytes, 4};
  if (is_end) {
    put_u32(bytes, samples);
  } else {
    uint32_t first = self->chunk * CHUNK;
    uint32_t count = samples - first < CHUNK ? samples - first : CHUNK;
    put_u32(bytes, first);
    memcpy(bytes + 4, ecg + 2 * (size_t)first, 2 * (size_t)count);
    payload.length += 2 * (size_t)count;
  }
  int32_t status = session_send(&self->sent, topic, payload);
  if (status == SEALWIRE_OK) sent_count++;
  return status;
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

/* Sends what waits for a session, then the next chunk if it is due. */
static void send_due(uint64_t now_ms) {
  if (session_current() == 0) return;
  for (size_t i = 0; i < WINDOW; i++) {
    if (!messages[i].used || messages[i].sent.session != 0) continue;
    if (send_message(&messages[i]) != SEALWIRE_OK) return;
    resent_count++;
  }
  if (next_chunk > chunks || now_ms < due_ms) return;
  message *self = free_message();
  /* The end follows when everything before it has arrived. */
  if (self == NULL || (next_chunk == chunks && unacknowledged() > 0)) return;
  memset(self, 0, sizeof *self);
  self->chunk = next_chunk;
  int32_t status = send_message(self);
  if (status != SEALWIRE_OK) {
    if (status != SEALWIRE_WINDOW_FULL && status != SEALWIRE_WRONG_STATE) report_status(status);
    return;
  }
  self->used = 1;
  next_chunk++;
  /* A delay is not made up for by a burst. */
  due_ms = (due_ms + interval_ms < now_ms ? now_ms : due_ms) + interval_ms;
}

/* ---- what happens */

void on_established(const uint8_t *sid, int resumed) {
  report("established");
  report_number("ms", board_now_ms() - started_ms);
  report_number("resumed", resumed != 0);
  report_hex("session", sid, 8);
  report_end();
}

static int is_text(sealwire_bytes bytes, const char *text, size_t length) {
  return bytes.length == length && memcmp(bytes.data, text, length) == 0;
}

void on_message(int is_command, sealwire_bytes topic, sealwire_bytes payload) {
  if (!is_command) return;
  report("command");
  report_hex("payload", payload.data, payload.length);
  report_end();
  /* "stop" ends the recording, "interval" sets the milliseconds between messages; on a real board "led" would switch a pin. */
  if (is_text(topic, "stop", 4) && next_chunk < chunks) {
    chunks = next_chunk;
    samples = next_chunk * CHUNK;
  }
  if (is_text(topic, "interval", 8) && payload.length == 4) interval_ms = u32(payload.data);
  /* "restart" starts the processor again; its acknowledgement goes first. */
  if (is_text(topic, "restart", 7)) restart_ms = board_now_ms() + 200;
}

void on_acknowledged(uint32_t session, uint64_t number, uint64_t missing) {
  for (size_t i = 0; i < WINDOW; i++) {
    message *self = &messages[i];
    if (self->used && self->sent.session == session && sealwire_acknowledges(number, missing, self->sent.number)) self->used = 0;
  }
}

int on_resend(uint32_t session, uint64_t number) {
  for (size_t i = 0; i < WINDOW; i++) {
    message *self = &messages[i];
    if (self->used && self->sent.session == session && self->sent.number == number) {
      if (send_message(self) == SEALWIRE_OK) resent_count++;
      return 1;
    }
  }
  /* A number from before a restart, whose chunk is sent under another one now. */
  return 0;
}

/* What the session had not delivered waits for the next one, which is told where it was first sent. */
void on_ended(uint32_t session, const uint8_t *sid) {
  for (size_t i = 0; i < WINDOW; i++) {
    session_message *sent = &messages[i].sent;
    if (!messages[i].used || sent->session != session) continue;
    sent->session = 0;
    if (sent->has_origin || sid == NULL) continue;
    sent->has_origin = 1;
    memcpy(sent->origin.sid, sid, sizeof sent->origin.sid);
    sent->origin.number = sent->number;
  }
}

/* ---- the whole */

/* Does what is due; 1 when everything is acknowledged. */
static int step(void) {
  session_step();
  const uint64_t now_ms = board_now_ms();
  send_due(now_ms);
  if (restart_ms != 0 && now_ms >= restart_ms) board_restart();
  if (next_chunk <= chunks || unacknowledged() > 0) return 0;
  /* A moment for acknowledgements of our own that are still to be sent. */
  if (done_ms == 0) done_ms = now_ms + 300;
  return now_ms >= done_ms;
}

int main(void) {
  sealwire_port port = SEALWIRE_PORT_INIT;
  uint32_t starts = 0;
  board_init();
  started_ms = board_now_ms();
  samples = setting_number(SETTING_SAMPLES, ecg_samples);
  if (samples > ecg_samples) samples = ecg_samples;
  chunks = (samples + CHUNK - 1) / CHUNK;
  interval_ms = setting_number(SETTING_INTERVAL, 1000 * CHUNK / HZ);
  int32_t status = port_open(&port, &starts);
  if (status == SEALWIRE_OK) status = session_open(&port);
  if (status != SEALWIRE_OK) {
    report_status(status);
    return 1;
  }
  report("start");
  report_number("count", starts);
  report_end();
  while (!step()) board_idle();
  session_close();
  report("done");
  report_number("samples", samples);
  report_number("messages", sent_count);
  report_number("resent", resent_count);
  report_end();
  return 0;
}
