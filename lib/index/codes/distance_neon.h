/* distance_neon.h: distances between codes by NEON, with its dot product where the file
 * that includes this one is compiled for that.
 *
 * A family with distance_generic.h, which has the meaning of each function.  Rows are
 * whole cache lines, aligned to 64.
 *
 * Without the dot product two products are added in 16 bits: at most 2 * 127 * 127 for
 * differences of seven bits, 2 * 128 * 127 for signed numbers; both fit.
 */
#ifndef VDBI_DISTANCE_NEON_H
#define VDBI_DISTANCE_NEON_H

#include <arm_neon.h>

#include "index/codes/codes.h"

static inline uint32x4_t add_squares(uint32x4_t sum, uint8x16_t x)
{
#ifdef __ARM_FEATURE_DOTPROD
    return vdotq_u32(sum, x, x);
#else
    uint16x8_t low = vmull_u8(vget_low_u8(x), vget_low_u8(x));

    return vpadalq_u16(sum, vmlal_high_u8(low, x, x));
#endif
}

static inline int32x4_t add_signed(int32x4_t sum, int8x16_t a, int8x16_t b)
{
#ifdef __ARM_FEATURE_DOTPROD
    return vdotq_s32(sum, a, b);
#else
    int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b));

    return vpadalq_s16(sum, vmlal_high_s8(low, a, b));
#endif
}

static inline int32_t code_l2(const vdbi_code_query *q, const uint8_t *row,
                              uint32_t bytes)
{
    uint32x4_t sum = vdupq_n_u32(0), sum2 = vdupq_n_u32(0);

    for (uint32_t i = 0; i < bytes; i += 32) {
        sum = add_squares(sum, vabdq_u8(vld1q_u8(q->bytes + i), vld1q_u8(row + i)));
        sum2 = add_squares(
            sum2, vabdq_u8(vld1q_u8(q->bytes + i + 16), vld1q_u8(row + i + 16)));
    }
    return (int32_t)vaddvq_u32(vaddq_u32(sum, sum2));
}

static inline int8x16_t load_signed(const uint8_t *at, uint8_t zero)
{
    return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(at), vdupq_n_u8(zero)));
}

static inline int32_t code_dot(const vdbi_code_query *q, const uint8_t *row,
                               uint32_t bytes)
{
    int32x4_t sum = vdupq_n_s32(0), sum2 = vdupq_n_s32(0);

    for (uint32_t i = 0; i < bytes; i += 32) {
        sum = add_signed(sum, load_signed(q->bytes + i, 0), load_signed(row + i, 0x80));
        sum2 = add_signed(sum2, load_signed(q->bytes + i + 16, 0),
                          load_signed(row + i + 16, 0x80));
    }
    return vaddvq_s32(vaddq_s32(sum, sum2));
}

static inline float32x4_t load_floats(const uint8_t *at)
{
    return vreinterpretq_f32_u8(vld1q_u8(at));
}

static inline float code_f32_l2(const vdbi_code_query *q, const uint8_t *row,
                                uint32_t bytes)
{
    float32x4_t sum = vdupq_n_f32(0), sum2 = vdupq_n_f32(0);

    for (uint32_t i = 0; i < bytes; i += 32) {
        float32x4_t a = vsubq_f32(load_floats(q->bytes + i), load_floats(row + i));
        float32x4_t b =
            vsubq_f32(load_floats(q->bytes + i + 16), load_floats(row + i + 16));
        sum = vfmaq_f32(sum, a, a);
        sum2 = vfmaq_f32(sum2, b, b);
    }
    return vaddvq_f32(vaddq_f32(sum, sum2));
}

static inline float code_f32_dot(const vdbi_code_query *q, const uint8_t *row,
                                 uint32_t bytes)
{
    float32x4_t sum = vdupq_n_f32(0), sum2 = vdupq_n_f32(0);

    for (uint32_t i = 0; i < bytes; i += 32) {
        sum = vfmaq_f32(sum, load_floats(q->bytes + i), load_floats(row + i));
        sum2 =
            vfmaq_f32(sum2, load_floats(q->bytes + i + 16), load_floats(row + i + 16));
    }
    return vaddvq_f32(vaddq_f32(sum, sum2));
}

#endif
