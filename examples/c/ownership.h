/* A device that people own, as docs/PROTOCOL.md section 10 has it: it is set up with the code on its label while its button allows that, shows its
   samples to its owner and those whom the owner lets in, and goes on to another owner by release. */
#ifndef OWNERSHIP_H
#define OWNERSHIP_H

#include <stddef.h>
#include <stdint.h>

#include "sealwire.h"

struct device;

/* Whoever is shown the samples: the owner and up to 3 delegates. */
#define OWNERSHIP_PEOPLE 4

typedef struct ownership {
  /* 0: nobody can own this device; the rest is not used. */
  int enabled;
  int owned;
  /* The sessions of people, 0 where there is none. */
  uint32_t sessions[OWNERSHIP_PEOPLE];
} ownership;

/* Between sealwire_endpoint_init() and sealwire_restore(): `file` holds the setup code of the label. From here on SIGUSR1 is the button, and SIGUSR2
   the same held down for ten seconds, which resets. Returns 0, or -1 after printing why. */
int ownership_enable(struct device *self, const char *file);

/* Obeys the button. */
void ownership_step(struct device *self);

/* Whether the event is about people; if not, it is about the hub. */
int ownership_event(struct device *self, const sealwire_event *event);

/* Whether samples are taken: nobody wears a device that nobody owns. */
int ownership_records(const struct device *self);

/* Whether a peer may command this device: the hub and the owner may, delegates only look on. */
int ownership_commands(struct device *self, const uint8_t *peer);

/* Shows a message to people. It is not repeated: what counts is what is there now; the hub keeps the whole. */
void ownership_show(struct device *self, const char *topic, const uint8_t *payload, size_t length);

#endif
