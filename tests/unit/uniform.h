/* uniform.h: numbers that look random and are the same in every run, from a seed. */
#ifndef VDB_TESTS_UNIFORM_H
#define VDB_TESTS_UNIFORM_H

#include <stdint.h>

static uint64_t seed;

/* Between -1 and 1; the generator is linear congruential [Knuth, MMIX]. */
static float uniform(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (float)(seed >> 40) * 0x1p-23f - 1;
}

#endif
