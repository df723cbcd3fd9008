/* precise.c: distances in double, for sums that float32 cannot hold.
 *
 * No finite input can overflow or vanish here: 65,535 squares of FLT_MAX are 7.6e81, the
 * square of the least denormal is 1.9e-90.
 */
#include <string.h>

#include "kernel/table.h"

static inline double load1(const uint8_t *p)
{
    float v;

    memcpy(&v, p, sizeof v); /* rows stand at any address */
    return v;
}

static double squares(const uint8_t *q, const uint8_t *x, size_t n)
{
    double sums[4] = {0, 0, 0, 0};

    for (size_t i = 0; i < n; i++) {
        double d = load1(q + i * sizeof(float)) - load1(x + i * sizeof(float));
        sums[i % 4] += d * d;
    }
    return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

static double product(const uint8_t *q, const uint8_t *x, size_t n)
{
    double sums[4] = {0, 0, 0, 0};

    for (size_t i = 0; i < n; i++)
        sums[i % 4] += load1(q + i * sizeof(float)) * load1(x + i * sizeof(float));
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

float vdbi_precise_l2(const vdbi_query *query, const uint8_t *row)
{
    return narrow(sqrt(squares((const uint8_t *)query->vector, row, query->dimension)));
}

float vdbi_precise_cosine(const vdbi_query *query, const uint8_t *row)
{
    const uint8_t *q = (const uint8_t *)query->vector;
    size_t n = query->dimension;
    double norms = sqrt(product(q, q, n)) * sqrt(product(row, row, n));

    /* A zero vector has no direction; the library stores none.  Not a NaN all the
     * same: as if it were at right angles to everything. */
    return norms > 0 ? cosine_of(product(q, row, n), norms) : 1.0f;
}

float vdbi_precise_dot(const vdbi_query *query, const uint8_t *row)
{
    return narrow(-product((const uint8_t *)query->vector, row, query->dimension));
}

double vdbi_precise_square(const float *vector, size_t dimension)
{
    const uint8_t *v = (const uint8_t *)vector;

    return product(v, v, dimension);
}
