/* avx2.c: distances by AVX2, eight floats at a time.
 *
 * The 32 sums of fours.h are four registers, and the additions come in its order; see
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
 * 28 to 30, which is where fours.h puts them. */
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

#define WIDE __m256

enum {
    WIDTH = 8,
    TILE = 6
};

#define wide_zero()       _mm256_setzero_ps()
#define wide_load(p)      _mm256_loadu_ps(p)
#define wide_store(p, v)  _mm256_storeu_ps(p, v)
#define wide_splat(p)     _mm256_broadcast_ss(p)
#define wide_add(a, b)    _mm256_add_ps(a, b)
#define wide_fma(a, b, c) _mm256_fmadd_ps(a, b, c)

static TARGET inline uint32_t wide_bits(__m256 v, float bar)
{
    return (uint32_t)_mm256_movemask_ps(
        _mm256_cmp_ps(v, _mm256_set1_ps(bar), _CMP_NLT_UQ));
}

static TARGET inline __m128 four(const uint8_t *row, size_t at)
{
    return _mm_loadu_ps((const float *)(const void *)(row + at));
}

static TARGET inline __m256 wide_chunks(const uint8_t *const *rows, size_t at)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(four(rows[0], at)),
                                four(rows[4], at), 1);
}

static TARGET inline __m256 pairs_of(__m256 a, __m256 b, int high)
{
    const __m256d x = _mm256_castps_pd(a), y = _mm256_castps_pd(b);

    return _mm256_castpd_ps(high ? _mm256_unpackhi_pd(x, y) : _mm256_unpacklo_pd(x, y));
}

static TARGET inline void wide_transpose(__m256 v[4])
{
    const __m256 a = _mm256_unpacklo_ps(v[0], v[1]), b = _mm256_unpackhi_ps(v[0], v[1]);
    const __m256 c = _mm256_unpacklo_ps(v[2], v[3]), d = _mm256_unpackhi_ps(v[2], v[3]);

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
    const __m256i all = _mm256_set1_epi8((char)byte);
    uint64_t bits = 0;

    for (size_t i = 0; i < 2; i++) {
        const __m256i v =
            _mm256_loadu_si256((const __m256i *)(const void *)(bytes + 32 * i));
        const int same = _mm256_movemask_epi8(_mm256_cmpeq_epi8(v, all));
        bits |= (uint64_t)(uint32_t)same << 32 * i;
    }
    return bits;
}

static TARGET inline __m256i words_at(const uint8_t *words, size_t i)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)(words + 32 * i));
}

static TARGET inline uint64_t sign_bits(__m256d v)
{
    return (uint64_t)(unsigned)_mm256_movemask_pd(v);
}

/* Without a sign is with one, when both sides are moved by half the range. */
static TARGET uint64_t in_ints(const uint8_t words[512], uint64_t base, uint64_t width)
{
    const uint64_t half = (uint64_t)1 << 63;
    const __m256i from = _mm256_set1_epi64x((int64_t)(base + half));
    const __m256i most = _mm256_set1_epi64x((int64_t)(width + half));
    uint64_t bits = 0;

    for (size_t i = 0; i < 16; i++) {
        const __m256i beyond = _mm256_sub_epi64(words_at(words, i), from);
        const __m256i out = _mm256_cmpgt_epi64(beyond, most);
        bits |= sign_bits(_mm256_castsi256_pd(out)) << 4 * i;
    }
    return ~bits;
}

static TARGET uint64_t in_reals(const uint8_t words[512], double low, double high)
{
    const __m256d from = _mm256_set1_pd(low), to = _mm256_set1_pd(high);
    uint64_t bits = 0;

    for (size_t i = 0; i < 16; i++) {
        const __m256d v = _mm256_castsi256_pd(words_at(words, i));
        const __m256d in = _mm256_and_pd(_mm256_cmp_pd(v, from, _CMP_GE_OQ),
                                         _mm256_cmp_pd(v, to, _CMP_LE_OQ));
        bits |= sign_bits(in) << 4 * i;
    }
    return bits;
}

/* 0xff.. for those of 16 cells that are within. */
static TARGET inline __m256i shorts_in(const uint16_t *cells, __m256i from,
                                       __m256i most)
{
    const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)cells);
    const __m256i beyond = _mm256_sub_epi16(v, from);

    return _mm256_cmpeq_epi16(_mm256_min_epu16(beyond, most), beyond);
}

static TARGET void shorts(const uint16_t *cells, size_t words, uint16_t base,
                          uint16_t width, uint64_t *bits)
{
    const __m256i from = _mm256_set1_epi16((int16_t)base);
    const __m256i most = _mm256_set1_epi16((int16_t)width);

    for (size_t w = 0; w < words; w++, cells += 64) {
        uint32_t half[2];
        for (size_t h = 0; h < 2; h++) {
            const __m256i a = shorts_in(cells + 32 * h, from, most);
            const __m256i b = shorts_in(cells + 32 * h + 16, from, most);
            /* packing goes by halves of the registers: put their quarters in order */
            const __m256i bytes =
                _mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0xd8);
            half[h] = (uint32_t)_mm256_movemask_epi8(bytes);
        }
        bits[w] = half[0] | (uint64_t)half[1] << 32;
    }
}

const vdbi_kernels *vdbi_kernels_avx2(void)
{
    static const vdbi_kernels set =
        KERNEL_SET("avx2", equal, in_ints, in_reals, shorts);

    /* These ask the processor, and whether the system saves the registers. */
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &set
                                                                           : NULL;
}

#endif
