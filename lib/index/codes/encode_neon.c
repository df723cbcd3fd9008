/* encode_neon.c: making codes by NEON. */
#include <arm_neon.h>

typedef float32x4x2_t wide;

typedef struct squares {
    float64x2_t v[4];
} squares;

#define BOTH(operation, a, b)                                                          \
    ((wide){{operation((a).val[0], (b).val[0]), operation((a).val[1], (b).val[1])}})

static inline wide wide_load(const float *at)
{
    return (wide){{vld1q_f32(at), vld1q_f32(at + 4)}};
}

static inline wide wide_splat(float value)
{
    return (wide){{vdupq_n_f32(value), vdupq_n_f32(value)}};
}

static inline wide wide_sub(wide a, wide b)
{
    return BOTH(vsubq_f32, a, b);
}

static inline wide wide_add(wide a, wide b)
{
    return BOTH(vaddq_f32, a, b);
}

static inline wide wide_mul(wide a, wide b)
{
    return BOTH(vmulq_f32, a, b);
}

static inline wide wide_min(wide a, wide b)
{
    return BOTH(vminq_f32, a, b);
}

static inline wide wide_max(wide a, wide b)
{
    return BOTH(vmaxq_f32, a, b);
}

static inline wide wide_abs(wide a)
{
    return (wide){{vabsq_f32(a.val[0]), vabsq_f32(a.val[1])}};
}

static inline void wide_bytes(unsigned char *out, wide a)
{
    uint16x8_t words = vcombine_u16(vmovn_u32(vcvtq_u32_f32(a.val[0])),
                                    vmovn_u32(vcvtq_u32_f32(a.val[1])));

    vst1_u8(out, vmovn_u16(words));
}

static inline void wide_lanes(float *out, wide a)
{
    vst1q_f32(out, a.val[0]);
    vst1q_f32(out + 4, a.val[1]);
}

static inline void squares_add(squares *sum, wide a)
{
    float64x2_t x[4] = {
        vcvt_f64_f32(vget_low_f32(a.val[0])), vcvt_high_f64_f32(a.val[0]),
        vcvt_f64_f32(vget_low_f32(a.val[1])), vcvt_high_f64_f32(a.val[1])};

    for (int i = 0; i < 4; i++)
        sum->v[i] = vaddq_f64(sum->v[i], vmulq_f64(x[i], x[i]));
}

static inline void squares_lanes(double *out, squares sum)
{
    for (int i = 0; i < 4; i++)
        vst1q_f64(out + 2 * i, sum.v[i]);
}

#define ENCODER vdbi_encoder_neon
#include "index/codes/encode_body.h"
