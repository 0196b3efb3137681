/* The clock of a Cortex-M, which its board drives. */
#ifndef CORTEXM_H
#define CORTEXM_H

/* The interrupt handler of the board's timer: calls clock_tick() every millisecond. */
void clock_interrupt(void);
void clock_tick(void);

#endif
