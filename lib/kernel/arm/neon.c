/* neon.c: tiles by NEON's fused steps, four floats at a time.
 *
 * Distances are those of fours.h, whose vectors of four floats are NEON's registers:
 * fusing would change their bits.
 */
#include "kernel/fours.h"

#ifdef __aarch64__

#include <arm_neon.h>

#define TARGET
#define WIDE float32x4_t

enum {
    WIDTH = 4,
    TILE = 12 /* 24 sums of 32 registers */
};

#define wide_zero()           vdupq_n_f32(0)
#define wide_load(p)          vld1q_f32(p)
#define wide_store(p, v)      vst1q_f32(p, v)
#define wide_splat(p)         vld1q_dup_f32(p)
#define wide_add(a, b)        vaddq_f32(a, b)
#define wide_fma(a, b, c)     vfmaq_f32(c, a, b)
#define wide_chunks(rows, at) vreinterpretq_f32_u8(vld1q_u8((rows)[0] + (at)))

static inline uint32_t wide_bits(float32x4_t v, float bar)
{
    static const uint32_t bit[4] = {1, 2, 4, 8};
    const uint32x4_t below = vcltq_f32(v, vdupq_n_f32(bar));

    return vaddvq_u32(vbicq_u32(vld1q_u32(bit), below));
}

static inline float32x4_t pairs_of(float32x4_t a, float32x4_t b, int high)
{
    const float64x2_t x = vreinterpretq_f64_f32(a), y = vreinterpretq_f64_f32(b);

    return vreinterpretq_f32_f64(high ? vzip2q_f64(x, y) : vzip1q_f64(x, y));
}

static inline void wide_transpose(float32x4_t v[4])
{
    const float32x4_t a = vzip1q_f32(v[0], v[1]), b = vzip2q_f32(v[0], v[1]);
    const float32x4_t c = vzip1q_f32(v[2], v[3]), d = vzip2q_f32(v[2], v[3]);

    v[0] = pairs_of(a, c, 0);
    v[1] = pairs_of(a, c, 1);
    v[2] = pairs_of(b, d, 0);
    v[3] = pairs_of(b, d, 1);
}

#include "kernel/rows.h"

#include "kernel/tiles.h"

const vdbi_kernels *vdbi_kernels_neon(void)
{
    static const vdbi_kernels set =
        KERNEL_SET("neon", vdbi_generic_equal, vdbi_generic_in_ints,
                   vdbi_generic_in_reals, vdbi_generic_shorts);

    return &set;
}

#endif
