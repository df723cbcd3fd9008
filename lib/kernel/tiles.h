/* tiles.h: packing and the tile of dot products, made once for each instruction set.
 *
 * Included by a file that has defined
 *   TARGET, WIDE     what functions are compiled for; a register of WIDTH floats
 *   TILE             queries of a tile; a multiple of 3.  2 * TILE sums and three more
 *                    registers are in use, so that nothing is spilt
 *   wide_zero(), wide_load(p), wide_store(p, v), wide_splat(p), wide_add(a, b),
 *   wide_fma(a, b, c) = a * b + c, in one rounding or in two
 *   wide_bits(v, bar)    bit i: not v[i] < bar
 *   wide_chunks(rows, at)  four floats from byte `at` of rows[0], rows[4], ...
 *   wide_transpose(v)    of four registers, in each quarter of four floats
 */
#ifndef VDBI_TILES_H
#define VDBI_TILES_H

#include <string.h>

#include "kernel/table.h"

#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 12")
#endif
#define INLINE static inline __attribute__((always_inline)) TARGET

enum {
    PANEL = 2 * WIDTH /* rows of a panel */
};

/* Four floats of each row, turned so that each register has one float of WIDTH rows. */
INLINE WIDE pack_four(const uint8_t *const *rows, size_t at, float *panel, WIDE squares)
{
    WIDE v[4];

    UNROLL for (int i = 0; i < 4; i++) v[i] = wide_chunks(rows + i, at);
    wide_transpose(v);
    UNROLL for (int i = 0; i < 4; i++)
    {
        wide_store(panel + i * PANEL, v[i]);
        squares = wide_fma(v[i], v[i], squares);
    }
    return squares;
}

/* Element i of row r goes to panel[i * PANEL + r]; squares[r] = |row r|^2. */
static TARGET void pack(const uint8_t *const *rows, size_t dimension, float *panel,
                        float *squares)
{
    const size_t fours = dimension & ~(size_t)3;
    WIDE low = wide_zero(), high = wide_zero();

    for (size_t from = 0; from < fours; from += VDBI_FOLD) {
        const size_t to = fours - from < VDBI_FOLD ? fours : from + VDBI_FOLD;
        WIDE a = wide_zero(), b = wide_zero();
        for (size_t i = from; i < to; i += 4) {
            a = pack_four(rows, i * sizeof(float), panel + i * PANEL, a);
            b = pack_four(rows + WIDTH, i * sizeof(float), panel + i * PANEL + WIDTH,
                          b);
        }
        low = wide_add(low, a);
        high = wide_add(high, b);
    }
    for (size_t i = fours; i < dimension; i++) {
        float *at = panel + i * PANEL;
        for (size_t r = 0; r < PANEL; r++)
            memcpy(at + r, rows[r] + i * sizeof(float), sizeof(float));
        low = wide_fma(wide_load(at), wide_load(at), low);
        high = wide_fma(wide_load(at + WIDTH), wide_load(at + WIDTH), high);
    }
    wide_store(squares, low);
    wide_store(squares + WIDTH, high);
}

/* `count` is a constant where this is called. */
INLINE void tile_of(const size_t count, const vdbi_tile_part *part)
{
    const float *panel = part->panel, *queries = part->queries;
    WIDE low[TILE], high[TILE];

    UNROLL for (size_t q = 0; q < count; q++) low[q] = high[q] = wide_zero();
    for (size_t left = part->steps; left; left--, panel += PANEL, queries += TILE) {
        const WIDE a = wide_load(panel), b = wide_load(panel + WIDTH);
        UNROLL for (size_t q = 0; q < count; q++)
        {
            const WIDE s = wide_splat(queries + q);
            low[q] = wide_fma(a, s, low[q]);
            high[q] = wide_fma(b, s, high[q]);
        }
    }
    if (part->before) {
        const float *sums = part->sums;
        UNROLL for (size_t q = 0; q < count; q++)
        {
            low[q] = wide_add(low[q], wide_load(sums + q * PANEL));
            high[q] = wide_add(high[q], wide_load(sums + q * PANEL + WIDTH));
        }
    }
    if (part->terms) {
        const WIDE weights_low = wide_load(part->terms);
        const WIDE weights_high = wide_load(part->terms + WIDTH);
        const WIDE offsets_low = wide_load(part->terms + PANEL);
        const WIDE offsets_high = wide_load(part->terms + PANEL + WIDTH);
        UNROLL for (size_t q = 0; q < count; q++)
        {
            low[q] = wide_fma(low[q], weights_low, offsets_low);
            high[q] = wide_fma(high[q], weights_high, offsets_high);
            part->passed[q] = wide_bits(low[q], part->bars[q]) |
                              wide_bits(high[q], part->bars[q]) << WIDTH;
        }
    } else {
        float *sums = part->sums;
        UNROLL for (size_t q = 0; q < count; q++)
        {
            wide_store(sums + q * PANEL, low[q]);
            wide_store(sums + q * PANEL + WIDTH, high[q]);
        }
    }
}

/* bars and passed have TILE entries, count of them in use. */
static TARGET void tile(const vdbi_tile_part *part, size_t count)
{
    if (count <= TILE / 3)
        tile_of(TILE / 3, part);
    else if (count <= TILE / 3 * 2)
        tile_of(TILE / 3 * 2, part);
    else
        tile_of(TILE, part);
}

/* A set, of what was made here and in rows.h, and four of words.h. */
#define KERNEL_SET(name, equal, in_ints, in_reals, shorts)                             \
    {                                                                                  \
        name, l2_strided, cosine_strided, dot_strided, l2_listed, cosine_listed,       \
            dot_listed, PANEL, TILE, pack, tile, equal, in_ints, in_reals, shorts      \
    }

#endif
