/* MEASURE(name, call): in images built with MEASURED, reports the stack that `call` used and marks its instructions for count.c; in the
   others, which are those whose size counts, it is the call alone. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>

#ifdef MEASURED
void measure_number(const char *name, uint32_t number);
void measure_paint(void);
void measure_stack(const char *name, const uint32_t *caller);

/* The two marks are instructions that do nothing and that no compiler emits. */
#define MEASURE(name, call)                                \
  do {                                                     \
    const uint32_t *measure_sp;                            \
    __asm__ volatile("mov %0, sp" : "=r"(measure_sp));     \
    measure_paint();                                       \
    __asm__ volatile("mov r10, r10" : : : "memory");       \
    call;                                                  \
    __asm__ volatile("mov r11, r11" : : : "memory");       \
    measure_stack(name, measure_sp);                       \
  } while (0)
#else
#define MEASURE(name, call) call
#endif

#endif
