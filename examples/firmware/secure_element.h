/* A secure element: a chip that has made its own P-256 key and never tells it. It takes a command, works, and answers later, as an ATECC608
   does over I2C. Here the chip is a mock, in secure_element.c; a product puts its vendor's driver behind the same three functions. */
#ifndef SECURE_ELEMENT_H
#define SECURE_ELEMENT_H

#include <stdint.h>

/* Wakes the chip. 0, or -1 if it does not answer. */
int element_open(void);

/* Asks for Diffie-Hellman of the chip's key with a public key: its x coordinate, 32 bytes. */
void element_agree(uint64_t now_ms, const uint8_t *peer);

/* Has it finished? 1: the 32 bytes are in `secret`. 0: not yet. -1: it refused. */
int element_answer(uint64_t now_ms, uint8_t *secret);

#endif
