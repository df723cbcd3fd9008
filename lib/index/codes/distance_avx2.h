/* distance_avx2.h: distances between codes by AVX2.
 *
 * A family with distance_generic.h, which has the meaning of each function.  Rows are
 * whole cache lines, aligned to 64.
 *
 * maddubs adds two products in 16 bits and saturates.  Differences of seven bits cannot:
 * 2 * 127 * 127 = 32258.  For the dot product the sign of a row's number goes over to the
 * query's, which leaves at most 2 * 128 * 127 = 32512.
 */
#ifndef VDBI_DISTANCE_AVX2_H
#define VDBI_DISTANCE_AVX2_H

#include <immintrin.h>

#include "index/codes/codes.h"

static inline __m256i load_line_half(const uint8_t *at)
{
    return _mm256_load_si256((const __m256i *)(const void *)at);
}

static inline int32_t join_integers(__m256i sum)
{
    __m128i four =
        _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    __m128i two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));

    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 1)));
}

/* Add 32 products of bytes to eight sums. */
static inline __m256i add_products(__m256i sum, __m256i a, __m256i b)
{
    return _mm256_add_epi32(
        sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)));
}

static inline int32_t code_l2(const vdbi_code_query *q, const uint8_t *row,
                              uint32_t bytes)
{
    __m256i sum = _mm256_setzero_si256(), sum2 = _mm256_setzero_si256();

    for (uint32_t i = 0; i < bytes; i += 64) {
        __m256i a = _mm256_abs_epi8(
            _mm256_sub_epi8(load_line_half(q->bytes + i), load_line_half(row + i)));
        __m256i b = _mm256_abs_epi8(_mm256_sub_epi8(load_line_half(q->bytes + i + 32),
                                                    load_line_half(row + i + 32)));
        sum = add_products(sum, a, a);
        sum2 = add_products(sum2, b, b);
    }
    return join_integers(_mm256_add_epi32(sum, sum2));
}

static inline __m256i add_signed_of(__m256i sum, const uint8_t *q, __m256i codes)
{
    __m256i x = _mm256_xor_si256(codes, _mm256_set1_epi8(-128));

    return add_products(sum, _mm256_abs_epi8(x),
                        _mm256_sign_epi8(load_line_half(q), x));
}

static inline __m256i add_signed(__m256i sum, const uint8_t *q, const uint8_t *row)
{
    return add_signed_of(sum, q, load_line_half(row));
}

static inline int32_t code_dot(const vdbi_code_query *q, const uint8_t *row,
                               uint32_t bytes)
{
    __m256i sum = _mm256_setzero_si256(), sum2 = _mm256_setzero_si256();

    for (uint32_t i = 0; i < bytes; i += 64) {
        sum = add_signed(sum, q->bytes + i, row + i);
        sum2 = add_signed(sum2, q->bytes + i + 32, row + i + 32);
    }
    return join_integers(_mm256_add_epi32(sum, sum2));
}

static inline __m256i add_squares_of(__m256i sum, const uint8_t *q, __m256i codes)
{
    __m256i x = _mm256_abs_epi8(_mm256_sub_epi8(load_line_half(q), codes));

    return add_products(sum, x, x);
}

/* Bits of `a` where the mask has them, else of `b`. */
static inline __m256i choose(__m256i mask, __m256i a, __m256i b)
{
    return _mm256_or_si256(_mm256_and_si256(mask, a), _mm256_andnot_si256(mask, b));
}

/* Half a line in each of these loops' steps; byte i of a line of halves has dimensions i
 * and 64 + i. */
static inline const uint8_t *query_at(const vdbi_code_query *q, uint32_t i)
{
    return q->bytes + i / 64 * 128 + i % 64;
}

static inline __m256i add_tail_squares(__m256i sum, const vdbi_codes *c,
                                       const vdbi_code_query *q, const uint8_t *row)
{
    const uint8_t *at = q->bytes + 64 * c->halves;

    for (uint32_t i = 64 * c->halves; i < c->walk_bytes; i += 32)
        sum = add_squares_of(sum, at + i, load_line_half(row + i));
    return sum;
}

static inline int32_t code_l2_upper(const vdbi_codes *c, const vdbi_code_query *q,
                                    const uint8_t *row)
{
    const __m256i bits = _mm256_set1_epi8(0x78), middle = _mm256_set1_epi8(4);
    __m256i sum = _mm256_setzero_si256(), sum2 = _mm256_setzero_si256();

    for (uint32_t i = 0; i < 64 * c->halves; i += 32) {
        const uint8_t *at = query_at(q, i);
        __m256i x = load_line_half(row + i);
        sum = add_squares_of(sum, at, choose(bits, _mm256_slli_epi16(x, 3), middle));
        sum2 = add_squares_of(sum2, at + 64,
                              choose(bits, _mm256_srli_epi16(x, 1), middle));
    }
    return join_integers(add_tail_squares(_mm256_add_epi32(sum, sum2), c, q, row));
}

/* A lower half of three bits has a zero above them, so what a shift brings in from the byte
 * beside it is none. */
static inline int32_t code_l2_both(const vdbi_codes *c, const vdbi_code_query *q,
                                   const uint8_t *row)
{
    const __m256i bits = _mm256_set1_epi8(0x78);
    const uint8_t *lower = row + c->walk_bytes;
    __m256i sum = _mm256_setzero_si256(), sum2 = _mm256_setzero_si256();

    for (uint32_t i = 0; i < 64 * c->halves; i += 32) {
        const uint8_t *at = query_at(q, i);
        __m256i x = load_line_half(row + i), y = load_line_half(lower + i);
        sum = add_squares_of(sum, at, choose(bits, _mm256_slli_epi16(x, 3), y));
        sum2 = add_squares_of(
            sum2, at + 64,
            choose(bits, _mm256_srli_epi16(x, 1), _mm256_srli_epi16(y, 4)));
    }
    return join_integers(add_tail_squares(_mm256_add_epi32(sum, sum2), c, q, row));
}

static inline __m256i add_tail_signed(__m256i sum, const vdbi_codes *c,
                                      const vdbi_code_query *q, const uint8_t *row)
{
    const uint8_t *at = q->bytes + 64 * c->halves;

    for (uint32_t i = 64 * c->halves; i < c->walk_bytes; i += 32)
        sum = add_signed(sum, at + i, row + i);
    return sum;
}

/* Numbers of four bits stand for 16 times that and 8 more, less 128. */
static inline int32_t code_dot_upper(const vdbi_codes *c, const vdbi_code_query *q,
                                     const uint8_t *row)
{
    const __m256i bits = _mm256_set1_epi8(15);
    __m256i sum = _mm256_setzero_si256(), sum2 = _mm256_setzero_si256();

    for (uint32_t i = 0; i < 64 * c->halves; i += 32) {
        const uint8_t *at = query_at(q, i);
        __m256i x = load_line_half(row + i);
        sum = add_products(sum, _mm256_and_si256(x, bits), load_line_half(at));
        sum2 = add_products(sum2, _mm256_and_si256(_mm256_srli_epi16(x, 4), bits),
                            load_line_half(at + 64));
    }
    sum = _mm256_slli_epi32(_mm256_add_epi32(sum, sum2), 4);
    return join_integers(add_tail_signed(sum, c, q, row)) - 120 * q->upper;
}

static inline int32_t code_dot_both(const vdbi_codes *c, const vdbi_code_query *q,
                                    const uint8_t *row)
{
    const __m256i bits = _mm256_set1_epi8(-16);
    const uint8_t *lower = row + c->walk_bytes;
    __m256i sum = _mm256_setzero_si256(), sum2 = _mm256_setzero_si256();

    for (uint32_t i = 0; i < 64 * c->halves; i += 32) {
        const uint8_t *at = query_at(q, i);
        __m256i x = load_line_half(row + i), y = load_line_half(lower + i);
        sum = add_signed_of(sum, at, choose(bits, _mm256_slli_epi16(x, 4), y));
        sum2 = add_signed_of(sum2, at + 64, choose(bits, x, _mm256_srli_epi16(y, 4)));
    }
    return join_integers(add_tail_signed(_mm256_add_epi32(sum, sum2), c, q, row));
}

static inline __m256 load_floats(const uint8_t *at)
{
    return _mm256_load_ps((const float *)(const void *)at);
}

static inline float join_floats(__m256 sum)
{
    __m128 four =
        _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static inline float code_f32_l2(const vdbi_code_query *q, const uint8_t *row,
                                uint32_t bytes)
{
    __m256 sum = _mm256_setzero_ps(), sum2 = _mm256_setzero_ps();

    for (uint32_t i = 0; i < bytes; i += 64) {
        __m256 a = _mm256_sub_ps(load_floats(q->bytes + i), load_floats(row + i));
        __m256 b =
            _mm256_sub_ps(load_floats(q->bytes + i + 32), load_floats(row + i + 32));
        sum = _mm256_fmadd_ps(a, a, sum);
        sum2 = _mm256_fmadd_ps(b, b, sum2);
    }
    return join_floats(_mm256_add_ps(sum, sum2));
}

static inline float code_f32_dot(const vdbi_code_query *q, const uint8_t *row,
                                 uint32_t bytes)
{
    __m256 sum = _mm256_setzero_ps(), sum2 = _mm256_setzero_ps();

    for (uint32_t i = 0; i < bytes; i += 64) {
        sum = _mm256_fmadd_ps(load_floats(q->bytes + i), load_floats(row + i), sum);
        sum2 = _mm256_fmadd_ps(load_floats(q->bytes + i + 32),
                               load_floats(row + i + 32), sum2);
    }
    return join_floats(_mm256_add_ps(sum, sum2));
}

#endif
