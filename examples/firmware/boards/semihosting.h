/* Console and exit of an emulator or debugger (Arm semihosting, which RISC-V has taken over). Not for products: without a debugger
   these instructions are faults. */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stdint.h>

#define SEMIHOSTING_WRITE 0x04
#define SEMIHOSTING_EXIT 0x18
#define SEMIHOSTING_EXIT_GOOD 0x20026u
#define SEMIHOSTING_EXIT_BAD 0x20023u

static inline void semihosting(uintptr_t operation, uintptr_t argument) {
#if defined(__riscv)
  register uintptr_t a0 __asm__("a0") = operation;
  register uintptr_t a1 __asm__("a1") = argument;
  __asm__ volatile(
      ".option push\n.option norvc\n.balign 16\n"
      "slli zero, zero, 0x1f\nebreak\nsrai zero, zero, 7\n.option pop\n"
      : "+r"(a0)
      : "r"(a1)
      : "memory");
#else
  register uintptr_t r0 __asm__("r0") = operation;
  register uintptr_t r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
#endif
}

#endif
