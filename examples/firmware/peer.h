/* With whom the endpoint has its session. An image has one of two files for it: with peer_hub.c the board calls the hub that it was provisioned
   for; with peer_owner.c it waits for its owner, whoever came first with the label on it while its button allowed that. */
#ifndef PEER_H
#define PEER_H

#include <stdint.h>

#include "sealwire.h"

/* Before sealwire_endpoint_init(): fills in what the peer needs. */
int32_t peer_configure(sealwire_config *config, sealwire_own_credential *own);

/* Between sealwire_endpoint_init() and sealwire_restore(). */
int32_t peer_open(sealwire_endpoint *endpoint);

/* Begins a handshake, if this end is the one that does. */
int32_t peer_connect(sealwire_endpoint *endpoint, uint64_t now_ms);

/* Does what is due. */
void peer_step(sealwire_endpoint *endpoint, uint64_t now_ms);

/* Sees what the session does not care for. */
void peer_event(sealwire_endpoint *endpoint, const sealwire_event *event);

/* 1 if whoever authenticated as `thumbprint` (16 bytes) is the one that samples go to and commands come from. */
int peer_is(sealwire_endpoint *endpoint, const uint8_t *thumbprint);

#endif
