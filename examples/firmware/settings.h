/* What a board is told at its provisioning, in a page of flash, as `sealwire provision` writes it: "SWF1", then items of one byte of kind,
   two of length (big-endian) and the value, up to a kind of 0 or 0xff. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stddef.h>
#include <stdint.h>

enum {
  SETTING_KEY = 1,        /* own private key, 32 bytes, X25519; none when a secure element has it */
  SETTING_CREDENTIAL = 2, /* own credential */
  SETTING_PEER = 3,       /* the hub's credential */
  SETTING_INBOX = 4,      /* own inbox name */
  SETTING_INTERVAL = 5,   /* milliseconds between messages, 4 bytes */
  SETTING_LIFETIME = 6,   /* how long a command may be on its way, milliseconds, 4 bytes */
  SETTING_SAMPLES = 7,    /* how many samples to send, 4 bytes */
  SETTING_SERIAL = 8,     /* serial number, text */
  SETTING_MODEL = 9,      /* model, text */
  SETTING_SETUP = 10,     /* setup secret, 16 bytes */
  SETTING_ANCHOR = 11     /* credential of an issuer to believe */
};

/* The item of this kind; NULL if there is none. */
const uint8_t *setting(int kind, size_t *length);
/* An item of 4 bytes, or `otherwise`. */
uint32_t setting_number(int kind, uint32_t otherwise);

#endif
