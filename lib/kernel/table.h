/* table.h: what one instruction set gives, and the rules that all of them share.
 *
 * Every set adds in the order of fours.h, so a distance is the same bits on every
 * processor: a file that moves between machines answers alike, and a set is tested by
 * comparing bits.  Without a * b + c in one rounding this costs nothing while rows come
 * from memory (docs/design.md, "Kernels", has the figures).
 */
#ifndef VDBI_TABLE_H
#define VDBI_TABLE_H

#include <float.h>
#include <math.h>

#include "kernel/kernel.h"
#include "kernel/tile.h"

/* Distances to rows a stride apart, and to rows that stand anywhere. */
typedef void vdbi_strided(const vdbi_query *query, const uint8_t *rows, size_t stride,
                          size_t count, float *out);
typedef void vdbi_listed(const vdbi_query *query, const uint8_t *const *rows,
                         size_t count, size_t known, float *out);

/* See tile.h and tiles.h. */
typedef void vdbi_pack(const uint8_t *const *rows, size_t dimension, float *panel,
                       float *squares);
/* Some dimensions of a tile and a panel, at most VDBI_FOLD: their products are added to
 * sums, if there are any `before`; the last part (terms: the rows' weights, and behind
 * them their offsets) judges what they come to, the others leave it in sums. */
typedef struct vdbi_tile_part {
    const float *panel, *queries;
    size_t steps;
    int before;
    float *sums; /* panel_rows of each query */
    const float *terms, *bars;
    uint32_t *passed;
} vdbi_tile_part;
typedef void vdbi_tile(const vdbi_tile_part *part, size_t queries);

/* See words.h.  An integer is within when it is at most `width` beyond `base`; what is
 * below wraps round to far beyond: one comparison without a sign. */
typedef uint64_t vdbi_equal(const uint8_t bytes[64], uint8_t byte);
typedef uint64_t vdbi_in_ints(const uint8_t words[512], uint64_t base, uint64_t width);
typedef uint64_t vdbi_in_reals(const uint8_t words[512], double low, double high);

typedef void vdbi_shorts(const uint16_t *cells, size_t words, uint16_t base,
                         uint16_t width, uint64_t *bits);

typedef struct vdbi_kernels {
    const char *name;
    vdbi_strided *l2, *cosine, *dot;
    vdbi_listed *l2_at, *cosine_at, *dot_at;
    size_t panel_rows, tile_queries;
    vdbi_pack *pack;
    vdbi_tile *tile;
    vdbi_equal *equal;
    vdbi_in_ints *in_ints;
    vdbi_in_reals *in_reals;
    vdbi_shorts *shorts;
} vdbi_kernels;

/* Portable; of AArch64 too. */
uint64_t vdbi_generic_equal(const uint8_t bytes[64], uint8_t byte);
uint64_t vdbi_generic_in_ints(const uint8_t words[512], uint64_t base, uint64_t width);
uint64_t vdbi_generic_in_reals(const uint8_t words[512], double low, double high);
void vdbi_generic_shorts(const uint16_t *cells, size_t words, uint16_t base,
                         uint16_t width, uint64_t *bits);

/* NULL where the processor, or its operating system, does not have the set. */
const vdbi_kernels *vdbi_kernels_generic(void);
const vdbi_kernels *vdbi_kernels_avx2(void);
const vdbi_kernels *vdbi_kernels_avx512(void);
const vdbi_kernels *vdbi_kernels_neon(void);

enum {
    VDBI_KERNELS_MAX = 4,
    VDBI_FOLD =
        VDBI_TILE_STEPS /* terms that are added up before the sum is put aside */
};

/* For tests: the sets that this machine has, the one that is chosen first, generic
 * last; and take this one for every query made from now on (NULL: choose again). */
size_t vdbi_kernels_available(const vdbi_kernels *sets[VDBI_KERNELS_MAX]);
void vdbi_kernels_force(const vdbi_kernels *set);

/* float32 is exact enough but narrow: squares leave its range beyond 1.8e19 and lose
 * bits below 1e-19.  A sum that is not within [SUM_MIN, SUM_MAX] is not believed and
 * computed again in double (precise.c).  Real data pays two comparisons for that.
 *
 * Below SUM_MIN, what 65,535 products may have lost to underflow (2^-126 each) could
 * show in the 24 bits of the result: 2^16 * 2^-126 * 2^24 = 2^-86. */
#define SUM_MIN 0x1p-80f
#define SUM_MAX FLT_MAX

float vdbi_precise_l2(const vdbi_query *query, const uint8_t *row);
float vdbi_precise_cosine(const vdbi_query *query, const uint8_t *row);
float vdbi_precise_dot(const vdbi_query *query, const uint8_t *row);
/* |v|^2 */
double vdbi_precise_square(const float *vector, size_t dimension);

/* NaN (an overflow subtracted from an overflow) is in no range. */
static inline int believable(float sum)
{
    return sum >= SUM_MIN && sum <= SUM_MAX;
}

static inline float cosine_of(double product, double norms)
{
    double d = 1 - product / norms;

    return d < 0 ? 0.0f : d > 2 ? 2.0f : (float)d;
}

/* From the sum of squares, or of products, to the distance. */
static inline float finish_l2(const vdbi_query *query, const uint8_t *row, float sum)
{
    return believable(sum) ? sqrtf(sum) : vdbi_precise_l2(query, row);
}

static inline float finish_dot(const vdbi_query *query, const uint8_t *row, float sum)
{
    return believable(sum < 0 ? -sum : sum) ? -sum : vdbi_precise_dot(query, row);
}

static inline float finish_cosine(const vdbi_query *query, const uint8_t *row,
                                  float product, float square)
{
    if (!believable(square) || !(product >= -SUM_MAX && product <= SUM_MAX) ||
        query->inverse_norm == 0)
        return vdbi_precise_cosine(query, row);
    return cosine_of((double)product * (double)query->inverse_norm,
                     sqrt((double)square));
}

#endif
