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

static inline __m512i add_squares(__m512i sum, const uint8_t *q, const uint8_t *row)
{
    __m512i x = _mm512_abs_epi8(_mm512_sub_epi8(load_line(q), load_line(row)));

#ifdef __AVX512VNNI__
    return _mm512_dpbusd_epi32(sum, x, x);
#else
    return _mm512_add_epi32(
        sum, _mm512_madd_epi16(_mm512_maddubs_epi16(x, x), _mm512_set1_epi16(1)));
#endif
}

static inline __m512i add_signed(__m512i sum, const uint8_t *q, const uint8_t *row)
{
#ifdef __AVX512VNNI__
    return _mm512_dpbusd_epi32(sum, load_line(row), load_line(q));
#else
    __m512i x = _mm512_xor_si512(load_line(row), _mm512_set1_epi8(-128));
    __m512i y = load_line(q);

    y = _mm512_mask_sub_epi8(y, _mm512_movepi8_mask(x), _mm512_setzero_si512(), y);
    x = _mm512_maddubs_epi16(_mm512_abs_epi8(x), y);
    return _mm512_add_epi32(sum, _mm512_madd_epi16(x, _mm512_set1_epi16(1)));
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
#ifdef __AVX512VNNI__
    return _mm512_reduce_add_epi32(_mm512_add_epi32(sum, sum2)) - q->bias;
#else
    return _mm512_reduce_add_epi32(_mm512_add_epi32(sum, sum2));
#endif
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
