#define _POSIX_C_SOURCE 200809L

#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char device_usage[] =
    "  --key FILE          private key, 32 bytes, raw or in hexadecimal digits\n"
    "  --credential FILE   own credential (CBOR, raw or hexadecimal), sent by value\n"
    "  --by-reference      send only the credential's key identifier\n"
    "  --peer FILE         the hub's credential; may be repeated\n"
    "  --anchor FILE       an issuer's credential or COSE_Key; may be repeated\n"
    "  --inbox NAME        own inbox name, the subject of the credential\n"
    "  --data FILE         recording: int16 little-endian samples\n"
    "  --chunk N           samples per message (90, at most 400)\n"
    "  --rate N            messages per second (20); 0: as fast as they are acknowledged\n"
    "  --lifetime MS       how long a command may be on its way (3000)\n"
    "  --resend MS         send again what is not acknowledged after so long (3000)\n"
    "  --retry MS          first wait before a handshake message goes out again (1000)\n"
    "  --samples N         stop after so many samples\n"
    "  --state DIR         where sessions are stored, and who owns the device\n"
    "  --setup FILE        the device can be owned: the setup code of its label; SIGUSR1 is its button, SIGUSR2 the button held down\n"
    "  --limit S           give up after so many seconds (120)\n";

void device_defaults(device_options *options) {
  memset(options, 0, sizeof *options);
  options->chunk = 90;
  options->rate = 20;
  options->lifetime_ms = 3000;
  options->resend_ms = 3000;
  options->retry_ms = 1000;
  options->limit_s = 120;
}

static int number(const char *name, const char *text, double low, double high, double *value) {
  char *end = NULL;
  *value = strtod(text, &end);
  if (end != text && *end == '\0' && *value >= low && *value <= high) return 1;
  fprintf(stderr, "%s: a number from %g to %g expected, not %s\n", name, low, high, text);
  return 0;
}

int device_option(device_options *options, int count, char **arguments) {
  const char *name = arguments[0];
  const struct {
    const char *name;
    const char **text;
  } texts[] = {{"--key", &options->key},   {"--credential", &options->credential}, {"--inbox", &options->inbox},
               {"--data", &options->data}, {"--state", &options->state},           {"--setup", &options->setup}};
  const char **text = NULL;
  double value = 0;
  if (strcmp(name, "--by-reference") == 0) {
    options->by_reference = 1;
    return 1;
  }
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    if (strcmp(name, texts[i].name) == 0) text = texts[i].text;
  }
  if (strcmp(name, "--peer") == 0 && options->peer_count < 4) text = &options->peers[options->peer_count];
  if (strcmp(name, "--anchor") == 0 && options->anchor_count < 4) text = &options->anchors[options->anchor_count];
  static const char *const numbers[] = {"--chunk", "--rate", "--lifetime", "--resend", "--retry", "--samples", "--limit"};
  int known = text != NULL;
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) known |= strcmp(name, numbers[i]) == 0;
  if (!known) return 0;
  if (count < 2) {
    fprintf(stderr, "%s needs a value\n", name);
    return -1;
  }
  if (text != NULL) {
    *text = arguments[1];
    if (strcmp(name, "--peer") == 0) options->peer_count++;
    if (strcmp(name, "--anchor") == 0) options->anchor_count++;
    return 2;
  }
  if (strcmp(name, "--chunk") == 0) {
    if (!number(name, arguments[1], 1, DEVICE_CHUNK_MAX, &value)) return -1;
    options->chunk = (uint32_t)value;
  } else if (strcmp(name, "--rate") == 0) {
    if (!number(name, arguments[1], 0, 1e6, &value)) return -1;
    options->rate = value;
  } else if (strcmp(name, "--lifetime") == 0) {
    if (!number(name, arguments[1], 1, 1e9, &value)) return -1;
    options->lifetime_ms = (uint32_t)value;
  } else if (strcmp(name, "--resend") == 0) {
    if (!number(name, arguments[1], 1, 1e6, &value)) return -1;
    options->resend_ms = (uint32_t)value;
  } else if (strcmp(name, "--retry") == 0) {
    if (!number(name, arguments[1], 1, 1e6, &value)) return -1;
    options->retry_ms = (uint32_t)value;
  } else if (strcmp(name, "--samples") == 0) {
    if (!number(name, arguments[1], 1, 1e9, &value)) return -1;
    options->samples = (uint32_t)value;
  } else {
    if (!number(name, arguments[1], 1, 1e6, &value)) return -1;
    options->limit_s = (uint32_t)value;
  }
  return 2;
}

/* ---- what is reported, one JSON object a line */

void device_report_error(const char *name) { fprintf(stderr, "{\"event\":\"error\",\"name\":\"%s\"}\n", name); }

static void report_frame(const char *direction, const uint8_t *frame, size_t length) {
  if (length == 0 || frame[0] > 6) return;
  fprintf(stderr, "{\"event\":\"frame\",\"direction\":\"%s\",\"type\":%u,\"bytes\":%lu}\n", direction, (unsigned)frame[0],
          (unsigned long)length);
}

static void report_hex(const uint8_t *bytes, size_t length) {
  fputc('"', stderr);
  host_print_hex(bytes, length);
  fputc('"', stderr);
}

/* A topic name as a JSON string; what JSON would need escaped is left out. */
static void report_text(sealwire_bytes text) {
  fputc('"', stderr);
  for (size_t i = 0; i < text.length; i++) {
    if (text.data[i] >= 0x20 && text.data[i] != '"' && text.data[i] != '\\') fputc(text.data[i], stderr);
  }
  fputc('"', stderr);
}

/* ---- setting up */

int device_refused(const char *what, int32_t status) {
  fprintf(stderr, "%s: %s: %s\n", what, sealwire_status_name(status), sealwire_status_hint(status));
  return -1;
}

static int load_samples(device *self, const device_options *options) {
  FILE *file = fopen(options->data, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
    fprintf(stderr, "%s: cannot be read\n", options->data);
    if (file != NULL) fclose(file);
    return -1;
  }
  long size = ftell(file);
  rewind(file);
  uint32_t samples = size > 0 ? (uint32_t)(size / 2) : 0;
  if (options->samples != 0 && options->samples < samples) samples = options->samples;
  self->samples = samples > 0 ? malloc(2 * (size_t)samples) : NULL;
  int complete = self->samples != NULL && fread(self->samples, 2, samples, file) == samples;
  fclose(file);
  if (!complete) {
    fprintf(stderr, "%s: no samples\n", options->data);
    return -1;
  }
  self->sample_count = samples;
  self->chunk = options->chunk;
  self->chunks = (samples + options->chunk - 1) / options->chunk;
  return 0;
}

int device_open(device *self, const device_options *options, int on_mqtt, device_transmit transmit, void *transport) {
  sealwire_config config = SEALWIRE_CONFIG_INIT;
  sealwire_port port = SEALWIRE_PORT_INIT;
  sealwire_credential_info info;
  uint8_t private_key[32];
  uint32_t restored = 0;
  memset(self, 0, sizeof *self);
  self->transmit = transmit;
  self->transport = transport;
  if (options->key == NULL || options->credential == NULL || options->data == NULL) {
    fprintf(stderr, "--key, --credential and --data are needed\n");
    return -1;
  }
  if (options->peer_count + options->anchor_count == 0) {
    fprintf(stderr, "--peer or --anchor is needed: whom to trust\n");
    return -1;
  }

  long length = host_read_file(options->credential, self->credential, sizeof self->credential);
  if (length < 0) return -1;
  self->own.credential.data = self->credential;
  self->own.credential.length = (size_t)length;
  self->own.key = &self->key;
  self->own.by_value = !options->by_reference;
  int32_t status = sealwire_credential_read(self->credential, (size_t)length, &info);
  if (status != SEALWIRE_OK) return device_refused(options->credential, status);
  if (host_read_file(options->key, private_key, sizeof private_key) != (long)sizeof private_key) {
    fprintf(stderr, "%s: 32 bytes expected\n", options->key);
    return -1;
  }
  /* A P-256 credential could also belong to a signature key; this device authenticates by static Diffie-Hellman. */
  const int32_t kind = info.curve == SEALWIRE_CURVE_P256 ? SEALWIRE_KEY_P256 : SEALWIRE_KEY_X25519;
  status = sealwire_key_import(&self->key, kind, private_key);
  memset(private_key, 0, sizeof private_key);
  if (status != SEALWIRE_OK) return device_refused(options->key, status);

  for (size_t i = 0; i < options->peer_count; i++) {
    length = host_read_file(options->peers[i], self->peer_bytes[i], sizeof self->peer_bytes[i]);
    if (length < 0) return -1;
    self->peers[i].data = self->peer_bytes[i];
    self->peers[i].length = (size_t)length;
  }
  for (size_t i = 0; i < options->anchor_count; i++) {
    length = host_read_file(options->anchors[i], self->anchor_bytes[i], sizeof self->anchor_bytes[i]);
    if (length < 0) return -1;
    self->anchors[i].issuer.data = self->anchor_bytes[i];
    self->anchors[i].issuer.length = (size_t)length;
    self->anchors[i].purposes = SEALWIRE_PURPOSE_IDENTITY;
  }
  if (load_samples(self, options) != 0) return -1;
  self->interval_ms = options->rate > 0 ? 1000.0 / options->rate : 0;
  self->started_ms = host_now_ms();
  self->limit_ms = self->started_ms + 1000 * (uint64_t)options->limit_s;

  port.random = host_random;
  if (options->state != NULL) {
    self->store.directory = options->state;
    port.context = &self->store;
    port.store_load = host_store_load;
    port.store_save = host_store_save;
  }
  config.own = &self->own;
  config.own_count = 1;
  config.peers = self->peers;
  config.peer_count = options->peer_count;
  config.anchors = self->anchors;
  config.anchor_count = options->anchor_count;
  if (options->inbox != NULL) {
    config.inbox.data = (const uint8_t *)options->inbox;
    config.inbox.length = strlen(options->inbox);
  }
  config.mqtt = on_mqtt ? 1 : 0;
  config.takes_commands = 1;
  config.command_lifetime_ms = options->lifetime_ms;
  config.resend_interval_ms = options->resend_ms;
  config.handshake_interval_ms = options->retry_ms;
  status = sealwire_endpoint_init(self->memory, sizeof self->memory, &config, &port, &self->endpoint);
  if (status != SEALWIRE_OK) return device_refused("endpoint", status);
  if (options->setup != NULL && options->state == NULL) {
    fprintf(stderr, "--setup needs --state, so that the owner stays the owner\n");
    return -1;
  }
  if (options->setup != NULL && ownership_enable(self, options->setup) != 0) return -1;
  status = sealwire_restore(self->endpoint, self->started_ms, &restored);
  if (status == SEALWIRE_CORRUPT_STATE && options->setup != NULL) {
    device_report_error(sealwire_status_name(status));
    return 0;
  }
  return status == SEALWIRE_OK ? 0 : device_refused("stored sessions", status);
}

void device_close(device *self) {
  if (self->endpoint != NULL) (void)sealwire_endpoint_close(self->endpoint);
  sealwire_key_erase(&self->key);
  free(self->samples);
  self->samples = NULL;
}

/* ---- sending */

void device_transmit_frame(device *self, const sealwire_route *route, int reliable, const uint8_t *frame, size_t length) {
  report_frame("out", frame, length);
  if (self->transmit(self->transport, route, reliable, frame, length) != 0) self->failed = 1;
}

int device_connect(device *self) {
  uint32_t handshake = 0;
  self->connect_ms = 0;
  int32_t status = sealwire_connect(self->endpoint, host_now_ms(), &self->hub, NULL, &handshake);
  if (status == SEALWIRE_OK) return 0;
  device_report_error(sealwire_status_name(status));
  return -1;
}

static void put_u32(uint8_t *out, uint32_t value) {
  for (int i = 0; i < 4; i++) out[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Writes a chunk, or, behind the last one, the number of samples; returns how many bytes, at most 4 + 2 * DEVICE_CHUNK_MAX. */
static size_t compose(const device *self, uint32_t chunk, uint8_t *payload) {
  if (chunk >= self->chunks) {
    put_u32(payload, self->sample_count);
    return 4;
  }
  uint32_t first = chunk * self->chunk;
  uint32_t count = self->sample_count - first < self->chunk ? self->sample_count - first : self->chunk;
  put_u32(payload, first);
  memcpy(payload + 4, self->samples + 2 * (size_t)first, 2 * (size_t)count);
  return 4 + 2 * (size_t)count;
}

static const char *topic_of(const device *self, uint32_t chunk) { return chunk >= self->chunks ? "ecg/end" : "ecg"; }

/* Sends a chunk to the hub, again under its number, or the first time in this session. */
static int32_t send_message(device *self, device_message *message, int again) {
  uint8_t payload[4 + 2 * DEVICE_CHUNK_MAX];
  uint8_t frame[DEVICE_FRAME];
  sealwire_outgoing outgoing = SEALWIRE_OUTGOING_INIT;
  sealwire_sent sent;
  const char *topic = topic_of(self, message->chunk);
  outgoing.confirmable = 1;
  outgoing.topic_use = SEALWIRE_TOPIC_ADDRESSED;
  outgoing.topic.data = (const uint8_t *)topic;
  outgoing.topic.length = strlen(topic);
  outgoing.payload.data = payload;
  outgoing.payload.length = compose(self, message->chunk, payload);
  outgoing.again = again ? 1 : 0;
  outgoing.number = message->number;
  outgoing.has_origin = message->has_origin ? 1 : 0;
  outgoing.origin = message->origin;
  uint32_t session = again ? message->session : self->session;
  int32_t status = sealwire_send(self->endpoint, host_now_ms(), session, &outgoing, frame, sizeof frame, &sent);
  if (status != SEALWIRE_OK) return status;
  message->used = 1;
  message->waits = 0;
  message->session = session;
  message->number = sent.number;
  self->sent++;
  device_transmit_frame(self, &sent.route, 1, frame, sent.length);
  return SEALWIRE_OK;
}

/* People see a chunk when the hub is sent it. */
static void show(device *self, uint32_t chunk) {
  uint8_t payload[4 + 2 * DEVICE_CHUNK_MAX];
  ownership_show(self, topic_of(self, chunk), payload, compose(self, chunk, payload));
}

static device_message *free_message(device *self) {
  for (size_t i = 0; i < DEVICE_WINDOW; i++) {
    if (!self->messages[i].used) return &self->messages[i];
  }
  return NULL;
}

static int unacknowledged(const device *self) {
  int count = 0;
  for (size_t i = 0; i < DEVICE_WINDOW; i++) count += self->messages[i].used;
  return count;
}

/* A session has ended: what it had not delivered waits for the next one, which is told where it was first sent. */
static void requeue(device *self, uint32_t session, const uint8_t *sid) {
  for (size_t i = 0; i < DEVICE_WINDOW; i++) {
    device_message *message = &self->messages[i];
    if (!message->used || message->waits || message->session != session) continue;
    message->waits = 1;
    if (message->has_origin || sid == NULL) continue;
    message->has_origin = 1;
    memcpy(message->origin.sid, sid, sizeof message->origin.sid);
    message->origin.number = message->number;
  }
}

/* Sends what waits for a session, then the next chunk if it is due. */
static void send_due(device *self, uint64_t now_ms) {
  if (self->session == 0) return;
  for (size_t i = 0; i < DEVICE_WINDOW; i++) {
    device_message *message = &self->messages[i];
    if (!message->used || !message->waits) continue;
    if (send_message(self, message, 0) != SEALWIRE_OK) return;
    self->resent++;
  }
  while (ownership_records(self) && self->next_chunk <= self->chunks && (double)now_ms >= self->due_ms) {
    device_message *message = free_message(self);
    /* The end follows when everything before it has arrived. */
    if (message == NULL || (self->next_chunk == self->chunks && unacknowledged(self) > 0)) return;
    memset(message, 0, sizeof *message);
    message->chunk = self->next_chunk;
    int32_t status = send_message(self, message, 0);
    if (status != SEALWIRE_OK) {
      message->used = 0;
      if (status != SEALWIRE_WINDOW_FULL && status != SEALWIRE_WRONG_STATE) device_report_error(sealwire_status_name(status));
      return;
    }
    show(self, self->next_chunk++);
    if (self->due_ms == 0) self->due_ms = (double)now_ms;
    self->due_ms += self->interval_ms;
    /* A delay is not made up for by a burst. */
    if (self->due_ms < (double)now_ms) self->due_ms = (double)now_ms;
    if (self->interval_ms > 0) return;
  }
}

/* ---- receiving */

static int is_text(sealwire_bytes bytes, const char *text) {
  return bytes.length == strlen(text) && memcmp(bytes.data, text, bytes.length) == 0;
}

static void obey(device *self, const sealwire_message *message) {
  fprintf(stderr, "{\"event\":\"command\",\"topic\":");
  report_text(message->topic);
  fprintf(stderr, ",\"payload\":");
  report_hex(message->payload.data, message->payload.length);
  fprintf(stderr, "}\n");
  /* "stop" ends the recording here; on a board, "led" would switch a pin. */
  if (is_text(message->topic, "stop") && self->next_chunk < self->chunks) {
    self->chunks = self->next_chunk;
    self->sample_count = self->next_chunk * self->chunk;
  }
}

static void on_message(device *self, const sealwire_event *event) {
  const sealwire_message *message = &event->message;
  if (message->missing > 0) fprintf(stderr, "{\"event\":\"missing\",\"count\":%lu}\n", (unsigned long)message->missing);
  if (message->kind == SEALWIRE_KIND_COMMAND) {
    if (ownership_commands(self, event->peer)) {
      obey(self, message);
    } else {
      device_report_error(sealwire_status_name(SEALWIRE_DENIED));
    }
  }
  if (!message->confirmable) return;
  int32_t status = sealwire_commit(self->endpoint, host_now_ms(), event->session, message->number,
                                   message->has_origin ? &message->origin : NULL);
  if (status != SEALWIRE_OK) device_report_error(sealwire_status_name(status));
}

static void on_acknowledged(device *self, const sealwire_event *event) {
  for (size_t i = 0; i < DEVICE_WINDOW; i++) {
    device_message *message = &self->messages[i];
    if (message->used && !message->waits && message->session == event->session &&
        sealwire_acknowledges(event->number, event->missing, message->number)) {
      message->used = 0;
    }
  }
  fprintf(stderr, "{\"event\":\"acknowledged\",\"top\":%lu}\n", (unsigned long)event->number);
}

static void on_resend(device *self, const sealwire_event *event) {
  fprintf(stderr, "{\"event\":\"resend\",\"number\":%lu}\n", (unsigned long)event->number);
  for (size_t i = 0; i < DEVICE_WINDOW; i++) {
    device_message *message = &self->messages[i];
    if (message->used && !message->waits && message->session == event->session && message->number == event->number) {
      if (send_message(self, message, 1) == SEALWIRE_OK) self->resent++;
      return;
    }
  }
  /* A number from before a restart, whose chunk is sent under another one now. */
  int32_t status = sealwire_abandon(self->endpoint, event->session, event->number);
  if (status != SEALWIRE_OK) device_report_error(sealwire_status_name(status));
}

static void on_established(device *self, const sealwire_event *event) {
  sealwire_session_info info;
  self->session = event->session;
  if (sealwire_session(self->endpoint, host_now_ms(), event->session, &info) == SEALWIRE_OK) {
    memcpy(self->sid, info.sid, sizeof self->sid);
  }
  fprintf(stderr, "{\"event\":\"established\",\"peer\":");
  report_hex(event->peer, sizeof event->peer);
  fprintf(stderr, ",\"ms\":%lu,\"session\":", (unsigned long)(host_now_ms() - self->started_ms));
  report_hex(self->sid, sizeof self->sid);
  fprintf(stderr, "}\n");
}

static void on_event(device *self, const sealwire_event *event) {
  if (ownership_event(self, event)) return;
  switch (event->event) {
    case SEALWIRE_EVENT_MESSAGE:
      on_message(self, event);
      break;
    case SEALWIRE_EVENT_ESTABLISHED:
      on_established(self, event);
      break;
    case SEALWIRE_EVENT_ACKNOWLEDGED:
      on_acknowledged(self, event);
      break;
    case SEALWIRE_EVENT_RESEND:
      on_resend(self, event);
      break;
    case SEALWIRE_EVENT_REPLACED:
      self->session = event->session;
      requeue(self, event->old_session, event->sid);
      break;
    case SEALWIRE_EVENT_CLOSED:
      device_report_error(sealwire_status_name(event->reason));
      requeue(self, event->old_session, event->old_session == self->session ? self->sid : NULL);
      if (event->old_session == self->session) {
        self->session = 0;
        self->connect_ms = host_now_ms();
      }
      break;
    case SEALWIRE_EVENT_HANDSHAKE_FAILED:
      device_report_error(sealwire_status_name(event->reason));
      /* Whoever is not there now may be there in a moment. */
      if (self->session == 0 && event->reason != SEALWIRE_SUPERSEDED) self->connect_ms = host_now_ms() + 500;
      break;
    default:
      break;
  }
}

/* Empties the endpoint: events, then frames. */
static void pump(device *self) {
  sealwire_event event;
  sealwire_transmit transmit;
  uint8_t frame[DEVICE_FRAME];
  while (sealwire_poll_event(self->endpoint, &event) == SEALWIRE_OK && event.event != SEALWIRE_EVENT_NONE) on_event(self, &event);
  while (!self->failed) {
    int32_t status = sealwire_poll_transmit(self->endpoint, host_now_ms(), frame, sizeof frame, &transmit);
    if (status != SEALWIRE_OK) device_report_error(sealwire_status_name(status));
    if (status != SEALWIRE_OK || transmit.length == 0) return;
    device_transmit_frame(self, &transmit.route, transmit.handshake, frame, transmit.length);
  }
}

void device_receive(device *self, const sealwire_route *route, uint8_t *frame, size_t length) {
  sealwire_event event;
  report_frame("in", frame, length);
  int32_t status = sealwire_handle_frame(self->endpoint, host_now_ms(), route, NULL, 0, frame, length, &event);
  if (status != SEALWIRE_OK) {
    device_report_error(sealwire_status_name(status));
  } else {
    on_event(self, &event);
  }
  pump(self);
}

int device_step(device *self) {
  uint64_t now_ms = host_now_ms();
  int32_t status = sealwire_handle_timeout(self->endpoint, now_ms);
  if (status != SEALWIRE_OK) device_report_error(sealwire_status_name(status));
  ownership_step(self);
  if (self->session == 0 && self->connect_ms != 0 && now_ms >= self->connect_ms) (void)device_connect(self);
  pump(self);
  send_due(self, now_ms);
  pump(self);
  if (self->failed) {
    device_report_error("link-closed");
    return -1;
  }
  if (now_ms >= self->limit_ms) {
    device_report_error("time-limit");
    return -1;
  }
  if (self->next_chunk <= self->chunks || unacknowledged(self) > 0) return 0;
  /* A moment for acknowledgements of our own that are still to be sent. */
  if (self->done_ms == 0) self->done_ms = now_ms + 300;
  if (now_ms < self->done_ms) return 0;
  fprintf(stderr, "{\"event\":\"done\",\"samples\":%lu,\"messages\":%lu,\"resent\":%lu,\"uart_bad\":%lu}\n",
          (unsigned long)self->sample_count, (unsigned long)self->sent, (unsigned long)self->resent, (unsigned long)self->link_bad);
  return 1;
}

int device_wait_ms(device *self) {
  uint64_t now_ms = host_now_ms();
  uint64_t due_ms = UINT64_MAX;
  uint64_t wait = 50;
  if (sealwire_poll_timeout(self->endpoint, &due_ms) == SEALWIRE_OK) {
    if (due_ms <= now_ms) return 0;
    if (due_ms - now_ms < wait) wait = due_ms - now_ms;
  }
  if (self->session != 0 && self->next_chunk <= self->chunks && self->due_ms > (double)now_ms && self->due_ms - (double)now_ms < (double)wait) {
    wait = (uint64_t)(self->due_ms - (double)now_ms) + 1;
  }
  return (int)wait;
}
