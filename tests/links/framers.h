/* The links of the matrix, as the device sees them. */
#ifndef FRAMERS_H
#define FRAMERS_H

#include "../../examples/c/device.h"
#include "sealwire_primitives.h"

/* Most bytes that one read gives. */
#define FRAMER_INPUT 4096
/* Longest frame. */
#define FRAMER_FRAME 1024

typedef struct framer framer;

typedef struct framer_kind_of {
  const char *name;
  int (*open)(framer *self);
  /* Sends a frame, or keeps it until the link is free; drops it when there is no room, as a device would. -1: the link is gone. */
  int (*send)(framer *self, const uint8_t *frame, size_t length);
  /* Takes bytes of the line, or one frame of the bus. */
  void (*input)(framer *self, uint8_t *bytes, size_t length);
  /* Does what is due and gives the milliseconds until it must be called again, or -1. May be missing. */
  int (*due)(framer *self, uint64_t now_ms);
  void (*counters)(framer *self, sealwire_link_counters *out);
} framer_kind_of;

struct framer {
  const framer_kind_of *kind;
  int fd;
};

/* The link of this name, or NULL. */
const framer_kind_of *framer_kind(const char *name);

/* Hands a whole frame to the device. */
void deliver(framer *self, uint8_t *frame, size_t length);
/* Writes to the link; one call is one frame of a bus. 0, or -1. */
int put(framer *self, const uint8_t *bytes, size_t length);

#endif
