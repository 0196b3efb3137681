/* What the library needs from outside: random numbers from a seeded generator, and state in the board's flash. */
#ifndef PORT_H
#define PORT_H

#include <stdint.h>

#include "sealwire.h"

/* Counts this start, seeds the generator, and fills in `port`. RANDOM_FAILED if the board has no entropy. */
int32_t port_open(sealwire_port *port, uint32_t *starts);

#endif
