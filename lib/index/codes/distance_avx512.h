/* distance_avx512.h: distances between codes by AVX-512, with VNNI where the file that
 * includes this one is compiled for that.
 *
 * A family with distance_generic.h, which has the meaning of each function.  Rows are
 * whole cache lines, aligned to 64.
 *
 * VNNI multiplies unsigned bytes by signed ones: the row's are as they are stored, and the
 * 128 that was added to each comes off at the end, as the query's bias.  Without it, see
 * distance_avx2.h.
 */
#ifndef VDBI_DISTANCE_AVX512_H
#define VDBI_DISTANCE_AVX512_H

#include <immintrin.h>

#include "index/codes/codes.h"

static inline __m512i load_line(const uint8_t *at)
{
    return _mm512_load_si512(at);
}

static inline __m512i add_squares_of(__m512i sum, const uint8_t *q, __m512i codes)
{
    __m512i x = _mm512_abs_epi8(_mm512_sub_epi8(load_line(q), codes));

#ifdef __AVX512VNNI__
    return _mm512_dpbusd_epi32(sum, x, x);
#else
    return _mm512_add_epi32(
        sum, _mm512_madd_epi16(_mm512_maddubs_epi16(x, x), _mm512_set1_epi16(1)));
#endif
}

static inline __m512i add_squares(__m512i sum, const uint8_t *q, const uint8_t *row)
{
    return add_squares_of(sum, q, load_line(row));
}

static inline __m512i add_signed_of(__m512i sum, const uint8_t *q, __m512i codes)
{
#ifdef __AVX512VNNI__
    return _mm512_dpbusd_epi32(sum, codes, load_line(q));
#else
    __m512i x = _mm512_xor_si512(codes, _mm512_set1_epi8(-128));
    __m512i y = load_line(q);

    y = _mm512_mask_sub_epi8(y, _mm512_movepi8_mask(x), _mm512_setzero_si512(), y);
    x = _mm512_maddubs_epi16(_mm512_abs_epi8(x), y);
    return _mm512_add_epi32(sum, _mm512_madd_epi16(x, _mm512_set1_epi16(1)));
#endif
}

static inline __m512i add_signed(__m512i sum, const uint8_t *q, const uint8_t *row)
{
    return add_signed_of(sum, q, load_line(row));
}

/* What add_signed() leaves to be taken off. */
static inline int32_t bias_of(const vdbi_code_query *q)
{
#ifdef __AVX512VNNI__
    return q->bias;
#else
    (void)q;
    return 0;
#endif
}

static inline int32_t code_l2(const vdbi_code_query *q, const uint8_t *row,
                              uint32_t bytes)
{
    __m512i sum = _mm512_setzero_si512(), sum2 = _mm512_setzero_si512();
    uint32_t i = 0;

    for (; i + 128 <= bytes; i += 128) {
        sum = add_squares(sum, q->bytes + i, row + i);
        sum2 = add_squares(sum2, q->bytes + i + 64, row + i + 64);
    }
    if (i < bytes)
        sum = add_squares(sum, q->bytes + i, row + i);
    return _mm512_reduce_add_epi32(_mm512_add_epi32(sum, sum2));
}

static inline int32_t code_dot(const vdbi_code_query *q, const uint8_t *row,
                               uint32_t bytes)
{
    __m512i sum = _mm512_setzero_si512(), sum2 = _mm512_setzero_si512();
    uint32_t i = 0;

    for (; i + 128 <= bytes; i += 128) {
        sum = add_signed(sum, q->bytes + i, row + i);
        sum2 = add_signed(sum2, q->bytes + i + 64, row + i + 64);
    }
    if (i < bytes)
        sum = add_signed(sum, q->bytes + i, row + i);
    return _mm512_reduce_add_epi32(_mm512_add_epi32(sum, sum2)) - bias_of(q);
}

/* Bits of `a` where the mask has them, else of `b`. */
static inline __m512i choose(__m512i mask, __m512i a, __m512i b)
{
    return _mm512_ternarylogic_epi32(mask, a, b, 0xCA);
}

static inline int32_t code_l2_upper(const vdbi_codes *c, const vdbi_code_query *q,
                                    const uint8_t *row)
{
    const __m512i bits = _mm512_set1_epi8(0x78), middle = _mm512_set1_epi8(4);
    const uint8_t *at = q->bytes, *end = row + c->walk_bytes;
    __m512i sum = _mm512_setzero_si512(), sum2 = _mm512_setzero_si512();

    for (uint32_t i = 0; i < c->halves; i++, at += 128, row += 64) {
        __m512i x = load_line(row);
        sum = add_squares_of(sum, at, choose(bits, _mm512_slli_epi16(x, 3), middle));
        sum2 = add_squares_of(sum2, at + 64,
                              choose(bits, _mm512_srli_epi16(x, 1), middle));
    }
    for (; row < end; at += 64, row += 64)
        sum = add_squares(sum, at, row);
    return _mm512_reduce_add_epi32(_mm512_add_epi32(sum, sum2));
}

/* A lower half of three bits has a zero above them, so what a shift brings in from the byte
 * beside it is none. */
static inline int32_t code_l2_both(const vdbi_codes *c, const vdbi_code_query *q,
                                   const uint8_t *row)
{
    const __m512i bits = _mm512_set1_epi8(0x78);
    const uint8_t *at = q->bytes, *end = row + c->walk_bytes, *lower = end;
    __m512i sum = _mm512_setzero_si512(), sum2 = _mm512_setzero_si512();

    for (uint32_t i = 0; i < c->halves; i++, at += 128, row += 64, lower += 64) {
        __m512i x = load_line(row), y = load_line(lower);
        sum = add_squares_of(sum, at, choose(bits, _mm512_slli_epi16(x, 3), y));
        sum2 = add_squares_of(
            sum2, at + 64,
            choose(bits, _mm512_srli_epi16(x, 1), _mm512_srli_epi16(y, 4)));
    }
    for (; row < end; at += 64, row += 64)
        sum = add_squares(sum, at, row);
    return _mm512_reduce_add_epi32(_mm512_add_epi32(sum, sum2));
}

/* Products with numbers of four bits, which stand for 16 times that and 8 more, less 128. */
static inline __m512i add_fours(__m512i sum, const uint8_t *q, __m512i fours)
{
#ifdef __AVX512VNNI__
    return _mm512_dpbusd_epi32(sum, fours, load_line(q));
#else
    return _mm512_add_epi32(sum,
                            _mm512_madd_epi16(_mm512_maddubs_epi16(fours, load_line(q)),
                                              _mm512_set1_epi16(1)));
#endif
}

static inline int32_t code_dot_upper(const vdbi_codes *c, const vdbi_code_query *q,
                                     const uint8_t *row)
{
    const __m512i bits = _mm512_set1_epi8(15);
    const uint8_t *at = q->bytes, *end = row + c->walk_bytes;
    __m512i sum = _mm512_setzero_si512(), sum2 = _mm512_setzero_si512();

    for (uint32_t i = 0; i < c->halves; i++, at += 128, row += 64) {
        __m512i x = load_line(row);
        sum = add_fours(sum, at, _mm512_and_si512(x, bits));
        sum2 =
            add_fours(sum2, at + 64, _mm512_and_si512(_mm512_srli_epi16(x, 4), bits));
    }
    sum = _mm512_slli_epi32(_mm512_add_epi32(sum, sum2), 4);
    for (; row < end; at += 64, row += 64)
        sum = add_signed(sum, at, row);
#ifdef __AVX512VNNI__
    return _mm512_reduce_add_epi32(sum) - q->bias + 8 * q->upper;
#else
    return _mm512_reduce_add_epi32(sum) - 120 * q->upper;
#endif
}

static inline int32_t code_dot_both(const vdbi_codes *c, const vdbi_code_query *q,
                                    const uint8_t *row)
{
    const __m512i bits = _mm512_set1_epi8(-16);
    const uint8_t *at = q->bytes, *end = row + c->walk_bytes, *lower = end;
    __m512i sum = _mm512_setzero_si512(), sum2 = _mm512_setzero_si512();

    for (uint32_t i = 0; i < c->halves; i++, at += 128, row += 64, lower += 64) {
        __m512i x = load_line(row), y = load_line(lower);
        sum = add_signed_of(sum, at, choose(bits, _mm512_slli_epi16(x, 4), y));
        sum2 = add_signed_of(sum2, at + 64, choose(bits, x, _mm512_srli_epi16(y, 4)));
    }
    for (; row < end; at += 64, row += 64)
        sum = add_signed(sum, at, row);
    return _mm512_reduce_add_epi32(_mm512_add_epi32(sum, sum2)) - bias_of(q);
}

static inline __m512 load_floats(const uint8_t *at)
{
    return _mm512_load_ps(at);
}

static inline __m512 add_float_squares(__m512 sum, const uint8_t *q, const uint8_t *row)
{
    __m512 x = _mm512_sub_ps(load_floats(q), load_floats(row));

    return _mm512_fmadd_ps(x, x, sum);
}

static inline float code_f32_l2(const vdbi_code_query *q, const uint8_t *row,
                                uint32_t bytes)
{
    __m512 sum = _mm512_setzero_ps(), sum2 = _mm512_setzero_ps();
    uint32_t i = 0;

    for (; i + 128 <= bytes; i += 128) {
        sum = add_float_squares(sum, q->bytes + i, row + i);
        sum2 = add_float_squares(sum2, q->bytes + i + 64, row + i + 64);
    }
    if (i < bytes)
        sum = add_float_squares(sum, q->bytes + i, row + i);
    return _mm512_reduce_add_ps(_mm512_add_ps(sum, sum2));
}

static inline float code_f32_dot(const vdbi_code_query *q, const uint8_t *row,
                                 uint32_t bytes)
{
    __m512 sum = _mm512_setzero_ps(), sum2 = _mm512_setzero_ps();
    uint32_t i = 0;

    for (; i + 128 <= bytes; i += 128) {
        sum = _mm512_fmadd_ps(load_floats(q->bytes + i), load_floats(row + i), sum);
        sum2 = _mm512_fmadd_ps(load_floats(q->bytes + i + 64),
                               load_floats(row + i + 64), sum2);
    }
    if (i < bytes)
        sum = _mm512_fmadd_ps(load_floats(q->bytes + i), load_floats(row + i), sum);
    return _mm512_reduce_add_ps(_mm512_add_ps(sum, sum2));
}

#endif
