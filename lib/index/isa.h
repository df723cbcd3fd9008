/* isa.h: the instruction sets that the index's inner loops are compiled for.
 *
 * Every set gives the same integers, so the same codes, the same graph and the same way
 * through it; only float32 codes differ, in their last bits.
 *
 * Threads:   any; the choice is a memory of a fact about the machine.
 */
#ifndef VDBI_ISA_H
#define VDBI_ISA_H

enum {
    VDBI_SET_GENERIC = 0,
    VDBI_SET_AVX2 = 1,
    VDBI_SET_AVX512 = 2,
    VDBI_SET_VNNI = 3, /* and AVX-512 */
    VDBI_SET_NEON = 4,
    VDBI_SET_DOTPROD = 5, /* and NEON */
    VDBI_SETS = 6
};

/* 1 when this processor has the set, and its operating system keeps the registers. */
int vdbi_set_is_here(int set);
/* The fastest that is here. */
int vdbi_set(void);

/* For tests: take this one from now on, which must be here; -1: choose again. */
void vdbi_set_force(int set);
const char *vdbi_set_name(int set);

#endif
