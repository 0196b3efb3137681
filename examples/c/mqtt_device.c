/* The same device as wearable.c without a gateway: it speaks MQTT itself, with libmosquitto. Transport security and broker log-in
   are the usual ones; Sealwire adds what holds behind the broker. C99. */
#define _POSIX_C_SOURCE 200809L

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mosquitto.h>

#include "device.h"

#define TOPIC_MAX 200

typedef struct mqtt_options {
  const char *broker;
  const char *realm;
  const char *hub;
  const char *ca;
  const char *certificate;
  const char *certificate_key;
  const char *username;
  const char *password_file;
  int version_5;
} mqtt_options;

typedef struct mqtt_link {
  struct mosquitto *broker;
  const mqtt_options *options;
  device *device;
  char inbox[TOPIC_MAX];
  int subscribed;
  int started;
  int failed;
} mqtt_link;

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
  (void)number;
  interrupted = 1;
}

/* Publishes a frame to an inbox: QoS 1 where the protocol asks for it, never retained. */
static int transmit(void *transport, const sealwire_route *route, int reliable, const uint8_t *frame, size_t length) {
  mqtt_link *link = transport;
  char topic[TOPIC_MAX];
  const sealwire_route *to = route->length > 0 ? route : &link->device->hub;
  int written = snprintf(topic, sizeof topic, "%s/in/%.*s", link->options->realm, (int)to->length, (const char *)to->address);
  if (written < 0 || (size_t)written >= sizeof topic) return -1;
  int status = mosquitto_publish(link->broker, NULL, topic, (int)length, frame, reliable ? 1 : 0, false);
  /* While the broker is away frames get lost, as on any link; what matters is repeated. */
  return status == MOSQ_ERR_SUCCESS || status == MOSQ_ERR_NO_CONN || status == MOSQ_ERR_CONN_LOST ? 0 : -1;
}

static void on_connect(struct mosquitto *broker, void *context, int status) {
  mqtt_link *link = context;
  link->subscribed = 0;
  if (status != 0) {
    fprintf(stderr, "broker: %s\n", mosquitto_connack_string(status));
    link->failed = 1;
    return;
  }
  if (mosquitto_subscribe(broker, NULL, link->inbox, 1) != MOSQ_ERR_SUCCESS) link->failed = 1;
}

static void on_subscribe(struct mosquitto *broker, void *context, int id, int count, const int *granted) {
  mqtt_link *link = context;
  (void)broker;
  (void)id;
  if (count < 1 || granted[0] > 2) {
    fprintf(stderr, "broker: may not subscribe to %s\n", link->inbox);
    link->failed = 1;
    return;
  }
  link->subscribed = 1;
}

static void on_message(struct mosquitto *broker, void *context, const struct mosquitto_message *message) {
  mqtt_link *link = context;
  uint8_t frame[DEVICE_FRAME];
  (void)broker;
  if (strcmp(message->topic, link->inbox) != 0 || message->payloadlen <= 0) return;
  if ((size_t)message->payloadlen > sizeof frame) {
    link->device->link_bad++;
    return;
  }
  /* Frames are decrypted in place, so not in the library's buffer. */
  memcpy(frame, message->payload, (size_t)message->payloadlen);
  device_receive(link->device, NULL, frame, (size_t)message->payloadlen);
}

static int connect_broker(mqtt_link *link) {
  char host[256];
  const char *where = link->options->broker;
  const char *colon = strrchr(where, ':');
  char *end = NULL;
  long port = colon != NULL ? strtol(colon + 1, &end, 10) : 0;
  if (colon == NULL || colon == where || (size_t)(colon - where) >= sizeof host || *end != '\0' || port < 1 || port > 65535) {
    fprintf(stderr, "%s: HOST:PORT expected\n", where);
    return -1;
  }
  memcpy(host, where, (size_t)(colon - where));
  host[colon - where] = '\0';
  int status = mosquitto_connect(link->broker, host, (int)port, 30);
  if (status == MOSQ_ERR_SUCCESS) return 0;
  fprintf(stderr, "%s: %s\n", where, mosquitto_strerror(status));
  return -1;
}

/* Log-in and transport security. */
static int secure(mqtt_link *link) {
  const mqtt_options *options = link->options;
  if (options->username != NULL) {
    char password[256] = "";
    if (options->password_file != NULL) {
      FILE *file = fopen(options->password_file, "r");
      if (file == NULL || fgets(password, sizeof password, file) == NULL) {
        fprintf(stderr, "%s: no password\n", options->password_file);
        if (file != NULL) fclose(file);
        return -1;
      }
      fclose(file);
      password[strcspn(password, "\r\n")] = '\0';
    }
    int status = mosquitto_username_pw_set(link->broker, options->username, options->password_file != NULL ? password : NULL);
    memset(password, 0, sizeof password);
    if (status != MOSQ_ERR_SUCCESS) return -1;
  }
  if (options->ca != NULL) {
    int status = mosquitto_tls_set(link->broker, options->ca, NULL, options->certificate, options->certificate_key, NULL);
    if (status != MOSQ_ERR_SUCCESS) {
      fprintf(stderr, "TLS: %s\n", mosquitto_strerror(status));
      return -1;
    }
  }
  if (options->version_5 && mosquitto_int_option(link->broker, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5) != MOSQ_ERR_SUCCESS) {
    return -1;
  }
  return 0;
}

static int run(mqtt_link *link) {
  if (secure(link) != 0 || connect_broker(link) != 0) return 1;
  while (!interrupted) {
    int status = mosquitto_loop(link->broker, link->subscribed ? device_wait_ms(link->device) : 50, 1);
    if (link->failed) return 1;
    if (status != MOSQ_ERR_SUCCESS) {
      /* The broker is away; try again twice a second. The device's own time limit ends it. */
      struct timespec pause = {0, 500000000};
      link->subscribed = 0;
      nanosleep(&pause, NULL);
      (void)mosquitto_reconnect(link->broker);
    }
    if (link->subscribed && !link->started) {
      link->started = 1;
      if (device_connect(link->device) != 0) return 1;
    }
    int state = device_step(link->device);
    if (state != 0) return state > 0 ? 0 : 1;
  }
  return 130;
}

static int usage(int status) {
  fprintf(stderr,
          "usage: mqtt_device --broker HOST:PORT --realm REALM --hub NAME OPTIONS\n"
          "  --broker HOST:PORT  the MQTT broker\n"
          "  --realm REALM       what all topics start with\n"
          "  --hub NAME          the hub's inbox name\n"
          "  --ca FILE           TLS, with this authority's certificate (PEM)\n"
          "  --cert FILE         own certificate for TLS (PEM), with --cert-key\n"
          "  --cert-key FILE     its private key (PEM)\n"
          "  --username NAME     log-in at the broker\n"
          "  --password-file F   its password, the first line of a file\n"
          "  --mqtt5             MQTT 5 instead of 3.1.1\n%s",
          device_usage);
  return status;
}

/* One of the options above; as device_option(). */
static int mqtt_option(mqtt_options *options, int count, char **arguments) {
  const struct {
    const char *name;
    const char **text;
  } texts[] = {{"--broker", &options->broker},     {"--realm", &options->realm},
               {"--hub", &options->hub},           {"--ca", &options->ca},
               {"--cert", &options->certificate},  {"--cert-key", &options->certificate_key},
               {"--username", &options->username}, {"--password-file", &options->password_file}};
  if (strcmp(arguments[0], "--mqtt5") == 0) {
    options->version_5 = 1;
    return 1;
  }
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    if (strcmp(arguments[0], texts[i].name) != 0) continue;
    if (count < 2) return -1;
    *texts[i].text = arguments[1];
    return 2;
  }
  return 0;
}

int main(int count, char **arguments) {
  static device self;
  static mqtt_link link;
  mqtt_options mqtt;
  device_options options;
  memset(&mqtt, 0, sizeof mqtt);
  device_defaults(&options);
  for (int i = 1; i < count;) {
    if (strcmp(arguments[i], "--help") == 0) return usage(0);
    int used = mqtt_option(&mqtt, count - i, arguments + i);
    if (used == 0) used = device_option(&options, count - i, arguments + i);
    if (used <= 0) return usage(2);
    i += used;
  }
  if (mqtt.broker == NULL || mqtt.realm == NULL || mqtt.hub == NULL || options.inbox == NULL) return usage(2);
  size_t hub_length = strlen(mqtt.hub);
  int inbox_length = snprintf(link.inbox, sizeof link.inbox, "%s/in/%s", mqtt.realm, options.inbox);
  if (hub_length == 0 || hub_length > SEALWIRE_INBOX_MAX || inbox_length < 0 || (size_t)inbox_length >= sizeof link.inbox) {
    fprintf(stderr, "the realm or a name is too long\n");
    return 2;
  }
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);

  link.options = &mqtt;
  link.device = &self;
  int status = 1;
  if (device_open(&self, &options, 1, transmit, &link) == 0) {
    self.hub.length = (uint8_t)hub_length;
    memcpy(self.hub.address, mqtt.hub, hub_length);
    mosquitto_lib_init();
    link.broker = mosquitto_new(options.inbox, true, &link);
    if (link.broker != NULL) {
      mosquitto_connect_callback_set(link.broker, on_connect);
      mosquitto_subscribe_callback_set(link.broker, on_subscribe);
      mosquitto_message_callback_set(link.broker, on_message);
      status = run(&link);
      (void)mosquitto_disconnect(link.broker);
      mosquitto_destroy(link.broker);
    }
    mosquitto_lib_cleanup();
  }
  device_close(&self);
  return status;
}
