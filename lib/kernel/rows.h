/* rows.h: the loops over rows, made once for each instruction set.
 *
 * Included by a file that has defined TARGET (what its functions are compiled for) and
 * static functions of one pair: l2(), cosine() and dot(), of (query, row).  Makes the
 * six functions of a vdbi_kernels.
 *
 * Rows that stand anywhere are fetched ahead of their turn, AHEAD_BYTES of them but at
 * least one row: without that each would wait for the memory, over ten times as long.
 * Of a long row only the first lines are asked for; the processor sees the rest coming.
 * It sees by itself a row coming that follows the one before, at once or after the rest of
 * a block: asking for that too only hinders it.
 */
#ifndef VDBI_ROWS_H
#define VDBI_ROWS_H

#include "kernel/table.h"

enum {
    AHEAD_BYTES = 4096,
    AHEAD_ROWS_MAX = 16,
    FETCH_BYTES_MAX = 4096, /* of one row */
    GAP_MAX = 512,          /* between rows that follow one another */
    LINE = 64
};

static inline size_t rows_ahead(size_t row_bytes)
{
    size_t n = AHEAD_BYTES / row_bytes;

    return n < 1 ? 1 : n > AHEAD_ROWS_MAX ? AHEAD_ROWS_MAX : n;
}

static inline int follows(const uint8_t *row, const uint8_t *before, size_t row_bytes)
{
    return (uintptr_t)row - (uintptr_t)before - row_bytes <= GAP_MAX;
}

static inline void fetch(const uint8_t *row, size_t row_bytes)
{
    size_t bytes = row_bytes < FETCH_BYTES_MAX ? row_bytes : FETCH_BYTES_MAX;

    for (size_t at = 0; at < bytes; at += LINE)
        __builtin_prefetch(row + at, 0, 3);
}

#define STRIDED(name, distance)                                                        \
    static TARGET void name(const vdbi_query *query, const uint8_t *rows,              \
                            size_t stride, size_t count, float *out)                   \
    {                                                                                  \
        for (size_t i = 0; i < count; i++)                                             \
            out[i] = distance(query, rows + i * stride);                               \
    }

#define LISTED(name, distance)                                                         \
    static TARGET void name(const vdbi_query *query, const uint8_t *const *rows,       \
                            size_t count, size_t known, float *out)                    \
    {                                                                                  \
        const size_t bytes = query->dimension * sizeof(float);                         \
        const size_t ahead = rows_ahead(bytes);                                        \
        for (size_t i = 0; i < known && i < ahead; i++)                                \
            if (i == 0 || !follows(rows[i], rows[i - 1], bytes))                       \
                fetch(rows[i], bytes);                                                 \
        for (size_t i = 0; i < count; i++) {                                           \
            if (known - i > ahead &&                                                   \
                !follows(rows[i + ahead], rows[i + ahead - 1], bytes))                 \
                fetch(rows[i + ahead], bytes);                                         \
            out[i] = distance(query, rows[i]);                                         \
        }                                                                              \
    }

STRIDED(l2_strided, l2)
STRIDED(cosine_strided, cosine)
STRIDED(dot_strided, dot)
LISTED(l2_listed, l2)
LISTED(cosine_listed, cosine)
LISTED(dot_listed, dot)

#endif
