/* generic.c: distances in portable C; the reference for every other kernel.
 *
 * Vectors of four floats are spelled out (an extension that gcc and clang share), so
 * that the speed and the order of additions do not hang on the optimiser: LANES sums
 * run beside each other, element i of a row goes to sum i % LANES (nearly: see the
 * end of FOR_ALL), and the sums are joined by halving.  Thus a pair's distance is the
 * same bits at every alignment, in every call and at every -O level, as long as a * b +
 * c is not fused (meson.build).
 *
 * float32 is exact enough but narrow: squares leave its range beyond 1.8e19 and lose
 * bits below 1e-19.  A sum that is not within [SUM_MIN, SUM_MAX] is not believed and
 * computed again in double, where no finite input can overflow or vanish: 65,535
 * squares of FLT_MAX are 7.6e81, the square of the least denormal is 1.9e-90.  Real
 * data pays two comparisons for that.
 */
#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "kernel/kernel.h"

typedef float float4 __attribute__((vector_size(16)));

enum {
    GROUPS = 8,
    LANES = 4 * GROUPS
};

/* Below SUM_MIN, what 65,535 products may have lost to underflow (2^-126 each) could
 * show in the 24 bits of the result: 2^16 * 2^-126 * 2^24 = 2^-86. */
#define SUM_MIN 0x1p-80f
#define SUM_MAX FLT_MAX
/* |query| >= 2^-40: with a row's |x| >= 2^-40 their products keep the same rule. */
#define INVERSE_NORM_MAX 0x1p40f

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

static inline float load1(const uint8_t *p)
{
    float v;

    memcpy(&v, p, sizeof v);
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

/* ------------------------------------------------------ in double, when in doubt */

static double precise_squares(const uint8_t *q, const uint8_t *x, size_t n)
{
    double sums[4] = {0, 0, 0, 0};

    for (size_t i = 0; i < n; i++) {
        double d =
            (double)load1(q + i * sizeof(float)) - (double)load1(x + i * sizeof(float));
        sums[i % 4] += d * d;
    }
    return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

static double precise_product(const uint8_t *q, const uint8_t *x, size_t n)
{
    double sums[4] = {0, 0, 0, 0};

    for (size_t i = 0; i < n; i++)
        sums[i % 4] +=
            (double)load1(q + i * sizeof(float)) * (double)load1(x + i * sizeof(float));
    return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

/* To float32, clamped, without a negative zero. */
static float narrow(double d)
{
    float f;

    if (d > (double)FLT_MAX)
        return FLT_MAX;
    if (d < -(double)FLT_MAX)
        return -FLT_MAX;
    f = (float)d;
    return f == 0 ? 0.0f : f;
}

static float cosine_of(double product, double norms)
{
    double d = 1 - product / norms;

    return d < 0 ? 0.0f : d > 2 ? 2.0f : (float)d;
}

static __attribute__((noinline)) float precise_cosine(const uint8_t *q,
                                                      const uint8_t *x, size_t n)
{
    double norms = sqrt(precise_product(q, q, n)) * sqrt(precise_product(x, x, n));

    /* A zero vector has no direction; the library stores none.  Not a NaN all the
     * same: as if it were at right angles to everything. */
    return norms > 0 ? cosine_of(precise_product(q, x, n), norms) : 1.0f;
}

static __attribute__((noinline)) float precise_l2(const uint8_t *q, const uint8_t *x,
                                                  size_t n)
{
    return narrow(sqrt(precise_squares(q, x, n)));
}

static __attribute__((noinline)) float precise_dot(const uint8_t *q, const uint8_t *x,
                                                   size_t n)
{
    return narrow(-precise_product(q, x, n));
}

/* ----------------------------------------------------------- one pair, by metric */

/* NaN (an overflow subtracted from an overflow) is in no range. */
static inline int believable(float sum)
{
    return sum >= SUM_MIN && sum <= SUM_MAX;
}

static inline float l2(const vdbi_query *query, const uint8_t *row)
{
    float4 sums[GROUPS] = {{0}};
    float sum;

#define STEP(g, x, y)                                                                  \
    do {                                                                               \
        float4 d = (x) - (y);                                                          \
        sums[g] += d * d;                                                              \
    } while (0)
    FOR_ALL(STEP);
#undef STEP
    sum = join(sums);
    if (!believable(sum))
        return precise_l2((const uint8_t *)query->vector, row, query->dimension);
    return sqrtf(sum);
}

static inline float dot(const vdbi_query *query, const uint8_t *row)
{
    float4 sums[GROUPS] = {{0}};
    float sum;

#define STEP(g, x, y) sums[g] += (x) * (y)
    FOR_ALL(STEP);
#undef STEP
    sum = join(sums);
    if (!believable(sum < 0 ? -sum : sum))
        return precise_dot((const uint8_t *)query->vector, row, query->dimension);
    return -sum;
}

static inline float cosine(const vdbi_query *query, const uint8_t *row)
{
    float4 sums[GROUPS] = {{0}}, squares[GROUPS] = {{0}};
    float product, square;

#define STEP(g, x, y)                                                                  \
    do {                                                                               \
        float4 c = (y);                                                                \
        sums[g] += (x)*c;                                                              \
        squares[g] += c * c;                                                           \
    } while (0)
    FOR_ALL(STEP);
#undef STEP
    product = join(sums);
    square = join(squares);
    if (!believable(square) || !(product >= -SUM_MAX && product <= SUM_MAX) ||
        query->inverse_norm == 0)
        return precise_cosine((const uint8_t *)query->vector, row, query->dimension);
    return cosine_of((double)product * (double)query->inverse_norm,
                     sqrt((double)square));
}

/* --------------------------------------------------------------- for other rooms */

void vdbi_query_init(vdbi_query *query, vdb_metric metric, const float *vector,
                     size_t dimension)
{
    query->vector = vector;
    query->dimension = dimension;
    query->metric = metric;
    query->inverse_norm = 0;
    if (metric == VDB_COSINE) {
        const uint8_t *q = (const uint8_t *)vector;
        double norm = sqrt(precise_product(q, q, dimension));
        /* 0 when a float cannot hold it in full, or it is too large for sums of
         * float32: cosine() then takes the long way. */
        double inverse = norm > 0 ? 1 / norm : 0;
        if (inverse >= (double)FLT_MIN && inverse <= (double)INVERSE_NORM_MAX)
            query->inverse_norm = (float)inverse;
    }
}

void vdbi_distances(const vdbi_query *query, const uint8_t *rows, size_t stride,
                    size_t count, float *out)
{
    switch (query->metric) {
    case VDB_COSINE:
        for (size_t i = 0; i < count; i++)
            out[i] = cosine(query, rows + i * stride);
        break;
    case VDB_DOT:
        for (size_t i = 0; i < count; i++)
            out[i] = dot(query, rows + i * stride);
        break;
    default:
        assert(query->metric == VDB_L2 || query->metric == VDB_METRIC_DEFAULT);
        for (size_t i = 0; i < count; i++)
            out[i] = l2(query, rows + i * stride);
        break;
    }
}

float vdbi_distance(const vdbi_query *query, const float *row)
{
    float out;

    /* The same body, so the same bits. */
    vdbi_distances(query, (const uint8_t *)row, 0, 1, &out);
    return out;
}
