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

/* Byte i of a line of halves has dimensions i and 64 + i. */
static inline const uint8_t *query_at(const vdbi_code_query *q, uint32_t i)
{
    return q->bytes + i / 64 * 128 + i % 64;
}

static inline uint32x4_t add_squares_of(uint32x4_t sum, const uint8_t *q,
                                        uint8x16_t codes)
{
    return add_squares(sum, vabdq_u8(vld1q_u8(q), codes));
}

static inline uint32x4_t add_tail_squares(uint32x4_t sum, const vdbi_codes *c,
                                          const vdbi_code_query *q, const uint8_t *row)
{
    const uint8_t *at = q->bytes + 64 * c->halves;

    for (uint32_t i = 64 * c->halves; i < c->walk_bytes; i += 16)
        sum = add_squares_of(sum, at + i, vld1q_u8(row + i));
    return sum;
}

static inline int32_t code_l2_upper(const vdbi_codes *c, const vdbi_code_query *q,
                                    const uint8_t *row)
{
    const uint8x16_t bits = vdupq_n_u8(0x78), middle = vdupq_n_u8(4);
    uint32x4_t sum = vdupq_n_u32(0), sum2 = vdupq_n_u32(0);

    for (uint32_t i = 0; i < 64 * c->halves; i += 16) {
        const uint8_t *at = query_at(q, i);
        uint8x16_t x = vld1q_u8(row + i);
        sum = add_squares_of(sum, at, vbslq_u8(bits, vshlq_n_u8(x, 3), middle));
        sum2 = add_squares_of(sum2, at + 64, vbslq_u8(bits, vshrq_n_u8(x, 1), middle));
    }
    return (int32_t)vaddvq_u32(add_tail_squares(vaddq_u32(sum, sum2), c, q, row));
}

static inline int32_t code_l2_both(const vdbi_codes *c, const vdbi_code_query *q,
                                   const uint8_t *row)
{
    const uint8x16_t bits = vdupq_n_u8(0x78);
    const uint8_t *lower = row + c->walk_bytes;
    uint32x4_t sum = vdupq_n_u32(0), sum2 = vdupq_n_u32(0);

    for (uint32_t i = 0; i < 64 * c->halves; i += 16) {
        const uint8_t *at = query_at(q, i);
        uint8x16_t x = vld1q_u8(row + i), y = vld1q_u8(lower + i);
        sum = add_squares_of(
            sum, at, vbslq_u8(bits, vshlq_n_u8(x, 3), vandq_u8(y, vdupq_n_u8(7))));
        sum2 = add_squares_of(sum2, at + 64,
                              vbslq_u8(bits, vshrq_n_u8(x, 1), vshrq_n_u8(y, 4)));
    }
    return (int32_t)vaddvq_u32(add_tail_squares(vaddq_u32(sum, sum2), c, q, row));
}

static inline int32x4_t add_tail_signed(int32x4_t sum, const vdbi_codes *c,
                                        const vdbi_code_query *q, const uint8_t *row)
{
    const uint8_t *at = q->bytes + 64 * c->halves;

    for (uint32_t i = 64 * c->halves; i < c->walk_bytes; i += 16)
        sum = add_signed(sum, load_signed(at + i, 0), load_signed(row + i, 0x80));
    return sum;
}

/* Numbers of four bits stand for 16 times that and 8 more, less 128. */
static inline int32_t code_dot_upper(const vdbi_codes *c, const vdbi_code_query *q,
                                     const uint8_t *row)
{
    int32x4_t sum = vdupq_n_s32(0), sum2 = vdupq_n_s32(0);

    for (uint32_t i = 0; i < 64 * c->halves; i += 16) {
        const uint8_t *at = query_at(q, i);
        uint8x16_t x = vld1q_u8(row + i), low = vandq_u8(x, vdupq_n_u8(15));
        sum = add_signed(sum, load_signed(at, 0), vreinterpretq_s8_u8(low));
        sum2 = add_signed(sum2, load_signed(at + 64, 0),
                          vreinterpretq_s8_u8(vshrq_n_u8(x, 4)));
    }
    sum = vshlq_n_s32(vaddq_s32(sum, sum2), 4);
    return vaddvq_s32(add_tail_signed(sum, c, q, row)) - 120 * q->upper;
}

static inline int32_t code_dot_both(const vdbi_codes *c, const vdbi_code_query *q,
                                    const uint8_t *row)
{
    const uint8x16_t bits = vdupq_n_u8(0xF0), sign = vdupq_n_u8(0x80);
    const uint8_t *lower = row + c->walk_bytes;
    int32x4_t sum = vdupq_n_s32(0), sum2 = vdupq_n_s32(0);

    for (uint32_t i = 0; i < 64 * c->halves; i += 16) {
        const uint8_t *at = query_at(q, i);
        uint8x16_t x = vld1q_u8(row + i), y = vld1q_u8(lower + i);
        uint8x16_t a = vbslq_u8(bits, vshlq_n_u8(x, 4), y);
        uint8x16_t b = vbslq_u8(bits, x, vshrq_n_u8(y, 4));
        sum =
            add_signed(sum, load_signed(at, 0), vreinterpretq_s8_u8(veorq_u8(a, sign)));
        sum2 = add_signed(sum2, load_signed(at + 64, 0),
                          vreinterpretq_s8_u8(veorq_u8(b, sign)));
    }
    return vaddvq_s32(add_tail_signed(vaddq_s32(sum, sum2), c, q, row));
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
