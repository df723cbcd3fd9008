/* pairs.h: one pair's distance, made once for each instruction set with masked loads.
 *
 * Included by a file that has defined TARGET, LANES, the type `pair` (LANES floats in
 * registers), load(), load_tail(), zeros(), add_products(), add_squares() and join().
 */
#ifndef VDBI_PAIRS_H
#define VDBI_PAIRS_H

#include "kernel/table.h"

/* EACH(a, b) for every LANES floats of query and row. */
#define FOR_ALL(EACH)                                                                  \
    do {                                                                               \
        const uint8_t *a = (const uint8_t *)query->vector, *b = row;                   \
        size_t left = query->dimension;                                                \
        for (; left >= LANES; left -= LANES, a += LANES * 4, b += LANES * 4)           \
            EACH(load(a), load(b));                                                    \
        if (left)                                                                      \
            EACH(load_tail(a, left), load_tail(b, left));                              \
    } while (0)

static TARGET inline float l2(const vdbi_query *query, const uint8_t *row)
{
    pair sums = zeros();

#define EACH(x, y) add_squares(&sums, x, y)
    FOR_ALL(EACH);
#undef EACH
    return finish_l2(query, row, join(sums));
}

static TARGET inline float dot(const vdbi_query *query, const uint8_t *row)
{
    pair sums = zeros();

#define EACH(x, y) add_products(&sums, x, y)
    FOR_ALL(EACH);
#undef EACH
    return finish_dot(query, row, join(sums));
}

static TARGET inline float cosine(const vdbi_query *query, const uint8_t *row)
{
    pair sums = zeros(), squares = zeros();

#define EACH(x, y)                                                                     \
    do {                                                                               \
        const pair stored = y;                                                         \
        add_products(&sums, x, stored);                                                \
        add_products(&squares, stored, stored);                                        \
    } while (0)
    FOR_ALL(EACH);
#undef EACH
    return finish_cosine(query, row, join(sums), join(squares));
}

#endif
