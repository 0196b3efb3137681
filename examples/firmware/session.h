/* The wearable's session with the hub, and all that it asks of the library. An image has one of two files for it:
   session_device.c over sealwire_device.h, the small engine for one session with one peer; session_endpoint.c over sealwire.h, whose endpoint
   can have several peers, take its key from a secure element, and much else. The application is the same, and so are the bytes on the line. */
#ifndef SESSION_H
#define SESSION_H

#include <stdint.h>

#include "sealwire.h"

/* How a message is known until the hub has confirmed it. Start from {0}. */
typedef struct session_message {
  uint32_t session; /* the session that it was sent under; 0: it waits for one */
  uint64_t number;  /* its number there */
  uint8_t has_origin;
  sealwire_origin origin; /* where it was sent first, if that session has ended */
} session_message;

/* Opens the library with what the board's settings say, and takes up the session in its store. */
int32_t session_open(sealwire_port *port);

/* The session that messages are sent under, by a number; 0: there is none now. */
uint32_t session_current(void);

/* Sends a message under the current session, or again under its own; fills in `message`. */
int32_t session_send(session_message *message, sealwire_bytes topic, sealwire_bytes payload);

/* Does what is due: takes frames in, sends frames, connects, calls the functions below. Call it at least every few milliseconds. */
void session_step(void);

/* Erases every key from memory. */
void session_close(void);

/* ---- given by the application */

/* There is a session, named `sid` on both ends. */
void on_established(const uint8_t *sid, int resumed);

/* The hub says something. When this returns it is confirmed to the hub. */
void on_message(int is_command, sealwire_bytes topic, sealwire_bytes payload);

/* The hub has confirmed messages of `session`: those of which sealwire_acknowledges(number, missing, ...) is 1. */
void on_acknowledged(uint32_t session, uint64_t number, uint64_t missing);

/* This message should be sent again now. 0: nobody knows it any more. */
int on_resend(uint32_t session, uint64_t number);

/* A session has ended: what was not confirmed under it is to be sent under the next one. `sid` is its name, NULL if unknown. */
void on_ended(uint32_t session, const uint8_t *sid);

#endif
