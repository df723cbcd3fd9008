/* avx512.c: distances by AVX-512, sixteen floats at a time.
 *
 * The 32 sums of generic.c are two registers, and the additions come in its order; see
 * there and table.h.  What is left of a row is loaded under masks, so nothing beyond it
 * is touched.
 */
#include "kernel/table.h"

#if defined(__x86_64__) || defined(__i386__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")))

enum {
    LANES = 32
};

/* Two registers of a row. */
typedef struct pair {
    __m512 low, high;
} pair;

static TARGET inline pair load(const uint8_t *p)
{
    const pair v = {_mm512_loadu_ps(p), _mm512_loadu_ps(p + 64)};

    return v;
}

/* The last 1 to 31: whole fours go to lanes 0 to 27 in order, the last 1 to 3 to lanes
 * 28 to 30, which is where generic.c puts them. */
static TARGET inline pair load_tail(const uint8_t *p, size_t count)
{
    const uint32_t fours = (uint32_t)count & ~3u;
    const uint32_t mask = (1u << fours) - 1;
    const __mmask16 rest = (__mmask16)(((1u << (count & 3)) - 1) << 12);
    /* Lane 12 is the first of the rest; what is masked is not read. */
    const void *at = (const void *)((uintptr_t)p + fours * 4 - 48);
    pair v;

    v.low = _mm512_maskz_loadu_ps((__mmask16)mask, p);
    v.high = _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), p + 64);
    v.high = _mm512_mask_loadu_ps(v.high, rest, at);
    return v;
}

static TARGET inline float join(pair sums)
{
    const __m512 all = _mm512_add_ps(sums.low, sums.high);
    const __m256 half =
        _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
    const __m128 four =
        _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static TARGET inline void add_products(pair *sums, pair a, pair b)
{
    sums->low = _mm512_add_ps(sums->low, _mm512_mul_ps(a.low, b.low));
    sums->high = _mm512_add_ps(sums->high, _mm512_mul_ps(a.high, b.high));
}

static TARGET inline void add_squares(pair *sums, pair a, pair b)
{
    const pair d = {_mm512_sub_ps(a.low, b.low), _mm512_sub_ps(a.high, b.high)};

    add_products(sums, d, d);
}

static TARGET inline pair zeros(void)
{
    const pair v = {_mm512_setzero_ps(), _mm512_setzero_ps()};

    return v;
}

#include "kernel/pairs.h"

#include "kernel/rows.h"

const vdbi_kernels *vdbi_kernels_avx512(void)
{
    static const vdbi_kernels set = {
        "avx512",  l2_strided,    cosine_strided, dot_strided,
        l2_listed, cosine_listed, dot_listed,
    };

    /* These ask the processor, and whether the system saves the registers. */
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512dq") &&
                   __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma")
               ? &set
               : NULL;
}

#endif
