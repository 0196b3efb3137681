/* A UART driver. Bytes are received by interrupt, since a handshake step keeps the processor busy for longer than a byte takes. When the
   buffer is full the driver stops taking bytes, which with hardware flow control stops the other end. */
#ifndef UART_H
#define UART_H

#include <stddef.h>
#include <stdint.h>

void uart_init(void);
size_t uart_read(uint8_t *out, size_t capacity);
void uart_write(const uint8_t *data, size_t length);
/* The interrupt handler. */
void uart_interrupt(void);

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define REGISTER_8(address) (*(volatile uint8_t *)(uintptr_t)(address))

#endif
