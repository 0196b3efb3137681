/* Frames on the board's UART. */
#ifndef LINE_H
#define LINE_H

#include <stddef.h>
#include <stdint.h>

/* The longest frame takes so many bytes on the line. */
#define LINE_ROOM(frame) ((frame) + (frame) / 100 + 8)

/* With room for one frame on its way in, and for one on its way out: LINE_ROOM each. */
int32_t line_open(uint8_t *in, size_t in_capacity, uint8_t *out, size_t out_capacity);

/* The next frame that has arrived whole, or NULL. It lies in `in` until the next call. */
uint8_t *line_receive(size_t *length);

/* Sends a frame, waiting for the UART. */
void line_send(const uint8_t *frame, size_t length);

#endif
