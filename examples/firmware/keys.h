/* Where the board's private key is: in its flash (keys_flash.c), or in a secure element (keys_element.c). An image has one of them. */
#ifndef KEYS_H
#define KEYS_H

#include <stdint.h>

#include "sealwire.h"

/* Fills in the key of `own` and, for a secure element, the functions of `port`. */
int32_t keys_open(sealwire_own_credential *own, sealwire_port *port);

/* 1 if a key operation that was PENDING has finished: time for sealwire_resume(). */
int keys_ready(uint64_t now_ms);

#endif
