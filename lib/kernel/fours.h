/* fours.h: one pair's distance, four floats at a time.
 *
 * Vectors of four floats are spelled out (an extension that gcc and clang share), so
 * that the speed and the order of additions do not hang on the optimiser: LANES sums
 * run beside each other, element i of a row goes to sum i % LANES (nearly: see the
 * end of FOR_ALL), and the sums are joined by halving.  Thus a pair's distance is the
 * same bits at every alignment, in every call and at every -O level, as long as a * b +
 * c is not fused (meson.build).
 *
 * This order is the one that every instruction set keeps.
 */
#ifndef VDBI_FOURS_H
#define VDBI_FOURS_H

#include <string.h>

#include "kernel/table.h"

typedef float float4 __attribute__((vector_size(16)));

enum {
    GROUPS = 8,
    LANES = 4 * GROUPS
};

static inline float4 load4(const uint8_t *p)
{
    float4 v;

    memcpy(&v, p, sizeof v); /* rows stand at any address */
    return v;
}

/* The last 1 to 3 elements, with zeros behind them: they add nothing to any sum. */
static inline float4 load_tail(const uint8_t *p, size_t count)
{
    float4 v = {0, 0, 0, 0};

    memcpy(&v, p, count * sizeof(float));
    return v;
}

static inline float join(const float4 sums[GROUPS])
{
    float4 s = ((sums[0] + sums[4]) + (sums[2] + sums[6])) +
               ((sums[1] + sums[5]) + (sums[3] + sums[7]));

    return (s[0] + s[2]) + (s[1] + s[3]);
}

/* The body that every metric shares: STEP(g, a, b) adds four pairs to sum g.  Eight
 * sums, because an addition waits for the one before it on the same sum; always by a
 * constant index, because an array that is indexed otherwise stays in memory.  What is
 * left at the end goes to sums 0 to 6 by fours, and the last 1 to 3 to sum 7. */
#define FOR_ALL(STEP)                                                                  \
    do {                                                                               \
        const uint8_t *a = (const uint8_t *)query->vector, *b = row;                   \
        size_t left = query->dimension;                                                \
        for (; left >= LANES; left -= LANES, a += LANES * 4, b += LANES * 4) {         \
            STEP(0, load4(a), load4(b));                                               \
            STEP(1, load4(a + 16), load4(b + 16));                                     \
            STEP(2, load4(a + 32), load4(b + 32));                                     \
            STEP(3, load4(a + 48), load4(b + 48));                                     \
            STEP(4, load4(a + 64), load4(b + 64));                                     \
            STEP(5, load4(a + 80), load4(b + 80));                                     \
            STEP(6, load4(a + 96), load4(b + 96));                                     \
            STEP(7, load4(a + 112), load4(b + 112));                                   \
        }                                                                              \
        if (left >= 4)                                                                 \
            STEP(0, load4(a), load4(b));                                               \
        if (left >= 8)                                                                 \
            STEP(1, load4(a + 16), load4(b + 16));                                     \
        if (left >= 12)                                                                \
            STEP(2, load4(a + 32), load4(b + 32));                                     \
        if (left >= 16)                                                                \
            STEP(3, load4(a + 48), load4(b + 48));                                     \
        if (left >= 20)                                                                \
            STEP(4, load4(a + 64), load4(b + 64));                                     \
        if (left >= 24)                                                                \
            STEP(5, load4(a + 80), load4(b + 80));                                     \
        if (left >= 28)                                                                \
            STEP(6, load4(a + 96), load4(b + 96));                                     \
        if (left % 4) {                                                                \
            const size_t whole = left / 4 * 16;                                        \
            STEP(7, load_tail(a + whole, left % 4), load_tail(b + whole, left % 4));   \
        }                                                                              \
    } while (0)

/* ----------------------------------------------------------- one pair, by metric */

static inline float l2(const vdbi_query *query, const uint8_t *row)
{
    float4 sums[GROUPS] = {{0}};

#define STEP(g, x, y)                                                                  \
    do {                                                                               \
        float4 d = (x) - (y);                                                          \
        sums[g] += d * d;                                                              \
    } while (0)
    FOR_ALL(STEP);
#undef STEP
    return finish_l2(query, row, join(sums));
}

static inline float dot(const vdbi_query *query, const uint8_t *row)
{
    float4 sums[GROUPS] = {{0}};

#define STEP(g, x, y) sums[g] += (x) * (y)
    FOR_ALL(STEP);
#undef STEP
    return finish_dot(query, row, join(sums));
}

static inline float cosine(const vdbi_query *query, const uint8_t *row)
{
    float4 sums[GROUPS] = {{0}}, squares[GROUPS] = {{0}};

#define STEP(g, x, y)                                                                  \
    do {                                                                               \
        float4 c = (y);                                                                \
        sums[g] += (x)*c;                                                              \
        squares[g] += c * c;                                                           \
    } while (0)
    FOR_ALL(STEP);
#undef STEP
    return finish_cosine(query, row, join(sums), join(squares));
}

#endif
