/* avx2.c: distances by AVX2, eight floats at a time.
 *
 * The 32 sums of generic.c are four registers, and the additions come in its order; see
 * there and table.h.  What is left of a row is loaded under masks, so nothing beyond it
 * is touched.
 */
#include "kernel/table.h"

#if defined(__x86_64__) || defined(__i386__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma")))

enum {
    LANES = 32
};

/* Four registers of a row. */
typedef struct pair {
    __m256 a, b, c, d;
} pair;

static TARGET inline __m256 load8(const uint8_t *p)
{
    return _mm256_loadu_ps((const float *)(const void *)p);
}

static TARGET inline pair load(const uint8_t *p)
{
    const pair v = {load8(p), load8(p + 32), load8(p + 64), load8(p + 96)};

    return v;
}

/* Lanes [first, first + count) of eight, from the floats at p; the others are zeros and
 * not read. */
static TARGET inline __m256 load_lanes(const uint8_t *p, size_t first, size_t count)
{
    static const int32_t ones[24] = {[8] = -1, -1, -1, -1, -1, -1, -1, -1};
    const int32_t *begin = ones + 8 - first, *end = ones + 16 - first - count;
    const __m256i from = _mm256_loadu_si256((const __m256i *)(const void *)begin);
    const __m256i to = _mm256_loadu_si256((const __m256i *)(const void *)end);
    const void *at = (const void *)((uintptr_t)p - first * sizeof(float));

    return _mm256_maskload_ps((const float *)at, _mm256_and_si256(from, to));
}

static inline size_t at_most_8(size_t count, size_t before)
{
    return count <= before ? 0 : count - before < 8 ? count - before : 8;
}

/* The last 1 to 31: whole fours go to lanes 0 to 27 in order, the last 1 to 3 to lanes
 * 28 to 30, which is where generic.c puts them. */
static TARGET inline pair load_tail(const uint8_t *p, size_t count)
{
    const size_t fours = count & ~(size_t)3;
    pair v;

    v.a = load_lanes(p, 0, at_most_8(fours, 0));
    v.b = load_lanes(p + 32, 0, at_most_8(fours, 8));
    v.c = load_lanes(p + 64, 0, at_most_8(fours, 16));
    v.d = _mm256_or_ps(load_lanes(p + 96, 0, at_most_8(fours, 24)),
                       load_lanes(p + fours * sizeof(float), 4, count & 3));
    return v;
}

static TARGET inline float join(pair sums)
{
    const __m256 half =
        _mm256_add_ps(_mm256_add_ps(sums.a, sums.c), _mm256_add_ps(sums.b, sums.d));
    const __m128 four =
        _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static TARGET inline void add_products(pair *sums, pair x, pair y)
{
    sums->a = _mm256_add_ps(sums->a, _mm256_mul_ps(x.a, y.a));
    sums->b = _mm256_add_ps(sums->b, _mm256_mul_ps(x.b, y.b));
    sums->c = _mm256_add_ps(sums->c, _mm256_mul_ps(x.c, y.c));
    sums->d = _mm256_add_ps(sums->d, _mm256_mul_ps(x.d, y.d));
}

static TARGET inline void add_squares(pair *sums, pair x, pair y)
{
    const pair d = {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b),
                    _mm256_sub_ps(x.c, y.c), _mm256_sub_ps(x.d, y.d)};

    add_products(sums, d, d);
}

static TARGET inline pair zeros(void)
{
    const __m256 z = _mm256_setzero_ps();
    const pair v = {z, z, z, z};

    return v;
}

#include "kernel/pairs.h"

#include "kernel/rows.h"

const vdbi_kernels *vdbi_kernels_avx2(void)
{
    static const vdbi_kernels set = {
        "avx2",    l2_strided,    cosine_strided, dot_strided,
        l2_listed, cosine_listed, dot_listed,
    };

    /* These ask the processor, and whether the system saves the registers. */
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &set
                                                                           : NULL;
}

#endif
