/* encode_avx2.c: making codes by AVX2. */
#include <immintrin.h>

typedef __m256 wide;

typedef struct squares {
    __m256d low, high;
} squares;

#define wide_load(at)     _mm256_loadu_ps(at)
#define wide_splat(value) _mm256_set1_ps(value)
#define wide_sub(a, b)    _mm256_sub_ps(a, b)
#define wide_add(a, b)    _mm256_add_ps(a, b)
#define wide_mul(a, b)    _mm256_mul_ps(a, b)
#define wide_min(a, b)    _mm256_min_ps(a, b)
#define wide_max(a, b)    _mm256_max_ps(a, b)
#define wide_abs(a)       _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a)

static inline void wide_bytes(unsigned char *out, wide a)
{
    __m256i whole = _mm256_cvttps_epi32(a);
    __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(whole),
                                     _mm256_extracti128_si256(whole, 1));

    _mm_storel_epi64((__m128i *)(void *)out, _mm_packus_epi16(words, words));
}

static inline void wide_lanes(float *out, wide a)
{
    _mm256_storeu_ps(out, a);
}

static inline void squares_add(squares *sum, wide a)
{
    __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(a));
    __m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1));

    sum->low = _mm256_add_pd(sum->low, _mm256_mul_pd(low, low));
    sum->high = _mm256_add_pd(sum->high, _mm256_mul_pd(high, high));
}

static inline void squares_lanes(double *out, squares sum)
{
    _mm256_storeu_pd(out, sum.low);
    _mm256_storeu_pd(out + 4, sum.high);
}

#define ENCODER vdbi_encoder_avx2
#include "index/codes/encode_body.h"
