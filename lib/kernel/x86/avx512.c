/* avx512.c: distances by AVX-512, sixteen floats at a time.
 *
 * The 32 sums of fours.h are two registers, and the additions come in its order; see
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
 * 28 to 30, which is where fours.h puts them. */
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

#define WIDE __m512

enum {
    WIDTH = 16,
    TILE = 12
};

#define wide_zero()       _mm512_setzero_ps()
#define wide_load(p)      _mm512_loadu_ps(p)
#define wide_store(p, v)  _mm512_storeu_ps(p, v)
#define wide_splat(p)     _mm512_set1_ps(*(p))
#define wide_add(a, b)    _mm512_add_ps(a, b)
#define wide_fma(a, b, c) _mm512_fmadd_ps(a, b, c)

static TARGET inline uint32_t wide_bits(__m512 v, float bar)
{
    return _mm512_cmp_ps_mask(v, _mm512_set1_ps(bar), _CMP_NLT_UQ);
}

static TARGET inline __m128 four(const uint8_t *row, size_t at)
{
    return _mm_loadu_ps((const float *)(const void *)(row + at));
}

static TARGET inline __m512 wide_chunks(const uint8_t *const *rows, size_t at)
{
    __m512 v = _mm512_castps128_ps512(four(rows[0], at));

    v = _mm512_insertf32x4(v, four(rows[4], at), 1);
    v = _mm512_insertf32x4(v, four(rows[8], at), 2);
    return _mm512_insertf32x4(v, four(rows[12], at), 3);
}

static TARGET inline __m512 pairs_of(__m512 a, __m512 b, int high)
{
    const __m512d x = _mm512_castps_pd(a), y = _mm512_castps_pd(b);

    return _mm512_castpd_ps(high ? _mm512_unpackhi_pd(x, y) : _mm512_unpacklo_pd(x, y));
}

static TARGET inline void wide_transpose(__m512 v[4])
{
    const __m512 a = _mm512_unpacklo_ps(v[0], v[1]), b = _mm512_unpackhi_ps(v[0], v[1]);
    const __m512 c = _mm512_unpacklo_ps(v[2], v[3]), d = _mm512_unpackhi_ps(v[2], v[3]);

    v[0] = pairs_of(a, c, 0);
    v[1] = pairs_of(a, c, 1);
    v[2] = pairs_of(b, d, 0);
    v[3] = pairs_of(b, d, 1);
}

#include "kernel/pairs.h"

#include "kernel/rows.h"

#include "kernel/tiles.h"

static TARGET uint64_t equal(const uint8_t bytes[64], uint8_t byte)
{
    return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512((const void *)bytes),
                                  _mm512_set1_epi8((char)byte));
}

static TARGET inline __m512i words_at(const uint8_t *words, size_t i)
{
    return _mm512_loadu_si512((const void *)(words + 64 * i));
}

static TARGET uint64_t in_ints(const uint8_t words[512], uint64_t base, uint64_t width)
{
    const __m512i from = _mm512_set1_epi64((int64_t)base);
    const __m512i most = _mm512_set1_epi64((int64_t)width);
    uint64_t bits = 0;

    for (size_t i = 0; i < 8; i++) {
        const __m512i beyond = _mm512_sub_epi64(words_at(words, i), from);
        bits |= (uint64_t)_mm512_cmple_epu64_mask(beyond, most) << 8 * i;
    }
    return bits;
}

static TARGET uint64_t in_reals(const uint8_t words[512], double low, double high)
{
    const __m512d from = _mm512_set1_pd(low), to = _mm512_set1_pd(high);
    uint64_t bits = 0;

    for (size_t i = 0; i < 8; i++) {
        const __m512d v = _mm512_castsi512_pd(words_at(words, i));
        const __mmask8 above = _mm512_cmp_pd_mask(v, from, _CMP_GE_OQ);
        bits |= (uint64_t)_mm512_mask_cmp_pd_mask(above, v, to, _CMP_LE_OQ) << 8 * i;
    }
    return bits;
}

static TARGET void shorts(const uint16_t *cells, size_t words, uint16_t base,
                          uint16_t width, uint64_t *bits)
{
    const __m512i from = _mm512_set1_epi16((int16_t)base);
    const __m512i most = _mm512_set1_epi16((int16_t)width);

    for (size_t w = 0; w < words; w++, cells += 64) {
        const __m512i a = _mm512_loadu_si512((const void *)cells);
        const __m512i b = _mm512_loadu_si512((const void *)(cells + 32));
        bits[w] = (uint64_t)_mm512_cmple_epu16_mask(_mm512_sub_epi16(a, from), most) |
                  (uint64_t)_mm512_cmple_epu16_mask(_mm512_sub_epi16(b, from), most)
                      << 32;
    }
}

const vdbi_kernels *vdbi_kernels_avx512(void)
{
    static const vdbi_kernels set =
        KERNEL_SET("avx512", equal, in_ints, in_reals, shorts);

    /* These ask the processor, and whether the system saves the registers. */
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512dq") &&
                   __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma")
               ? &set
               : NULL;
}

#endif
