/* distance_avx512.h: distances between codes by AVX-512 with VNNI.
 *
 * Included by one file per instruction set, in place of the others of this family
 * (distance_generic.h has the meaning of each function).  Rows are whole cache lines,
 * aligned to 64.
 */
#ifndef VDBI_DISTANCE_AVX512_H
#define VDBI_DISTANCE_AVX512_H

#include <immintrin.h>

#include "index/codes/codes.h"

static inline int32_t code_l2(const uint8_t *q, const uint8_t *row, uint32_t bytes)
{
    __m512i sum = _mm512_setzero_si512(), sum2 = _mm512_setzero_si512();
    uint32_t i = 0;

    for (; i + 128 <= bytes; i += 128) {
        __m512i a = _mm512_abs_epi8(
            _mm512_sub_epi8(_mm512_load_si512(q + i), _mm512_load_si512(row + i)));
        __m512i b = _mm512_abs_epi8(_mm512_sub_epi8(_mm512_load_si512(q + i + 64),
                                                    _mm512_load_si512(row + i + 64)));
        sum = _mm512_dpbusd_epi32(sum, a, a);
        sum2 = _mm512_dpbusd_epi32(sum2, b, b);
    }
    if (i < bytes) {
        __m512i a = _mm512_abs_epi8(
            _mm512_sub_epi8(_mm512_load_si512(q + i), _mm512_load_si512(row + i)));
        sum = _mm512_dpbusd_epi32(sum, a, a);
    }
    return _mm512_reduce_add_epi32(_mm512_add_epi32(sum, sum2));
}

static inline int32_t code_dot(const uint8_t *q, const uint8_t *row, uint32_t bytes)
{
    __m512i sum = _mm512_setzero_si512(), sum2 = _mm512_setzero_si512();
    uint32_t i = 0;

    for (; i + 128 <= bytes; i += 128) {
        sum = _mm512_dpbusd_epi32(sum, _mm512_load_si512(row + i),
                                  _mm512_load_si512(q + i));
        sum2 = _mm512_dpbusd_epi32(sum2, _mm512_load_si512(row + i + 64),
                                   _mm512_load_si512(q + i + 64));
    }
    if (i < bytes)
        sum = _mm512_dpbusd_epi32(sum, _mm512_load_si512(row + i),
                                  _mm512_load_si512(q + i));
    return _mm512_reduce_add_epi32(_mm512_add_epi32(sum, sum2));
}

static inline float code_f32_l2(const uint8_t *q, const uint8_t *row, uint32_t bytes)
{
    __m512 sum = _mm512_setzero_ps(), sum2 = _mm512_setzero_ps();
    uint32_t i = 0;

    for (; i + 128 <= bytes; i += 128) {
        __m512 a =
            _mm512_sub_ps(_mm512_load_ps((const float *)(const void *)(q + i)),
                          _mm512_load_ps((const float *)(const void *)(row + i)));
        __m512 b =
            _mm512_sub_ps(_mm512_load_ps((const float *)(const void *)(q + i + 64)),
                          _mm512_load_ps((const float *)(const void *)(row + i + 64)));
        sum = _mm512_fmadd_ps(a, a, sum);
        sum2 = _mm512_fmadd_ps(b, b, sum2);
    }
    if (i < bytes) {
        __m512 a =
            _mm512_sub_ps(_mm512_load_ps((const float *)(const void *)(q + i)),
                          _mm512_load_ps((const float *)(const void *)(row + i)));
        sum = _mm512_fmadd_ps(a, a, sum);
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(sum, sum2));
}

static inline float code_f32_dot(const uint8_t *q, const uint8_t *row, uint32_t bytes)
{
    __m512 sum = _mm512_setzero_ps(), sum2 = _mm512_setzero_ps();
    uint32_t i = 0;

    for (; i + 128 <= bytes; i += 128) {
        sum = _mm512_fmadd_ps(_mm512_load_ps((const float *)(const void *)(q + i)),
                              _mm512_load_ps((const float *)(const void *)(row + i)),
                              sum);
        sum2 = _mm512_fmadd_ps(
            _mm512_load_ps((const float *)(const void *)(q + i + 64)),
            _mm512_load_ps((const float *)(const void *)(row + i + 64)), sum2);
    }
    if (i < bytes)
        sum = _mm512_fmadd_ps(_mm512_load_ps((const float *)(const void *)(q + i)),
                              _mm512_load_ps((const float *)(const void *)(row + i)),
                              sum);
    return _mm512_reduce_add_ps(_mm512_add_ps(sum, sum2));
}

#endif
