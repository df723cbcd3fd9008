/* generic.c: distances and tiles in portable C; the reference for every other set. */
#include "kernel/fours.h"

#define TARGET

#include "kernel/rows.h"

/* --------------------------------------------- tiles: no bits to keep, so any order */

#define WIDE float4

enum {
    WIDTH = 4,
    TILE = 6
};

static inline float4 wide_load(const float *p)
{
    return load4((const uint8_t *)p);
}

static inline float4 wide_splat(const float *p)
{
    return (float4){*p, *p, *p, *p};
}

static inline void wide_store(float *p, float4 v)
{
    memcpy(p, &v, sizeof v);
}

#define wide_zero()           ((float4){0, 0, 0, 0})
#define wide_add(a, b)        ((a) + (b))
#define wide_fma(a, b, c)     ((a) * (b) + (c))
#define wide_chunks(rows, at) load4((rows)[0] + (at))

static inline uint32_t wide_bits(float4 v, float bar)
{
    uint32_t bits = 0;

    for (int i = 0; i < WIDTH; i++)
        bits |= (uint32_t) !(v[i] < bar) << i;
    return bits;
}

static inline void wide_transpose(float4 v[4])
{
    const float4 a = v[0], b = v[1], c = v[2], d = v[3];

    for (int i = 0; i < 4; i++)
        v[i] = (float4){a[i], b[i], c[i], d[i]};
}

#include "kernel/tiles.h"

const vdbi_kernels *vdbi_kernels_generic(void)
{
    static const vdbi_kernels set =
        KERNEL_SET("generic", vdbi_generic_equal, vdbi_generic_in_ints,
                   vdbi_generic_in_reals, vdbi_generic_shorts);

    return &set;
}
