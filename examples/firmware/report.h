/* What happens, for whoever watches: one JSON object a line on the board's console. */
#ifndef REPORT_H
#define REPORT_H

#include <stddef.h>
#include <stdint.h>

void report(const char *event);
void report_text(const char *name, const char *value);
void report_number(const char *name, uint64_t value);
void report_hex(const char *name, const uint8_t *bytes, size_t length);
void report_end(void);
/* A whole line: {"event":"error","name":...}, the name of a status. */
void report_status(int32_t status);

#endif
