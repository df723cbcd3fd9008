/* encode_generic.c: making codes in portable C. */
#include <math.h>
#include <string.h>

#define EACH for (int i = 0; i < 8; i++)

typedef struct wide {
    float v[8];
} wide;

typedef struct squares {
    double v[8];
} squares;

static inline wide wide_load(const float *at)
{
    wide x;

    memcpy(x.v, at, sizeof x.v);
    return x;
}

static inline wide wide_splat(float value)
{
    wide x;

    EACH x.v[i] = value;
    return x;
}

static inline wide wide_sub(wide a, wide b)
{
    EACH a.v[i] -= b.v[i];
    return a;
}

static inline wide wide_add(wide a, wide b)
{
    EACH a.v[i] += b.v[i];
    return a;
}

static inline wide wide_mul(wide a, wide b)
{
    EACH a.v[i] *= b.v[i];
    return a;
}

static inline wide wide_min(wide a, wide b)
{
    EACH a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i];
    return a;
}

static inline wide wide_max(wide a, wide b)
{
    EACH a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i];
    return a;
}

static inline wide wide_abs(wide a)
{
    EACH a.v[i] = fabsf(a.v[i]);
    return a;
}

static inline void wide_bytes(unsigned char *out, wide a)
{
    EACH out[i] = (unsigned char)(int)a.v[i];
}

static inline void wide_lanes(float *out, wide a)
{
    memcpy(out, a.v, sizeof a.v);
}

static inline void squares_add(squares *sum, wide a)
{
    EACH sum->v[i] += (double)a.v[i] * a.v[i];
}

static inline void squares_lanes(double *out, squares sum)
{
    memcpy(out, sum.v, sizeof sum.v);
}

#define ENCODER vdbi_encoder_generic
#include "index/codes/encode_body.h"
