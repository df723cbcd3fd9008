/* limits_arithmetic.c: how many operations a second the processor does at most.
 *
 * Twelve independent sums a loop, so that none waits for another; no memory.  A multiply
 * and an add count as two.
 */
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#include <sys/auxv.h>
#endif

#include "harness/together.h"
#include "limits/limits.h"

enum {
    SUMS = 12
};

/* Do `rounds` loops; `seeds` are SUMS different numbers, which the compiler does not
 * know, so that it cannot make one sum of them.  What comes out is written back. */
typedef void (*arithmetic)(float *seeds, uint64_t rounds);

#define EACH(DO)                                                                       \
    DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static void fma_avx512(float *seeds, uint64_t rounds)
{
    const __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
#define DO(i) __m512 s##i = _mm512_set1_ps(seeds[i]);
    EACH(DO)
#undef DO
    for (uint64_t r = 0; r < rounds; r++) {
#define DO(i) s##i = _mm512_fmadd_ps(s##i, a, b);
        EACH(DO)
#undef DO
    }
#define DO(i) seeds[i] = _mm512_cvtss_f32(s##i);
    EACH(DO)
#undef DO
}

__attribute__((target("avx2,fma"))) static void fma_avx2(float *seeds, uint64_t rounds)
{
    const __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
#define DO(i) __m256 s##i = _mm256_set1_ps(seeds[i]);
    EACH(DO)
#undef DO
    for (uint64_t r = 0; r < rounds; r++) {
#define DO(i) s##i = _mm256_fmadd_ps(s##i, a, b);
        EACH(DO)
#undef DO
    }
#define DO(i) seeds[i] = _mm256_cvtss_f32(s##i);
    EACH(DO)
#undef DO
}

__attribute__((target("avx512f,avx512vnni"))) static void dot_vnni(float *seeds,
                                                                   uint64_t rounds)
{
    const __m512i a = _mm512_set1_epi8((char)(1 + (int)seeds[0] % 3));
    const __m512i b = _mm512_set1_epi8((char)(1 + (int)seeds[1] % 3));
#define DO(i) __m512i s##i = _mm512_set1_epi32((int)seeds[i]);
    EACH(DO)
#undef DO
    for (uint64_t r = 0; r < rounds; r++) {
#define DO(i) s##i = _mm512_dpbusd_epi32(s##i, a, b);
        EACH(DO)
#undef DO
    }
#define DO(i) seeds[i] = (float)_mm_cvtsi128_si32(_mm512_castsi512_si128(s##i));
    EACH(DO)
#undef DO
}

/* Without VNNI: products to pairs of 16 bits, to 32 bits, added. */
__attribute__((target("avx2"))) static void dot_avx2(float *seeds, uint64_t rounds)
{
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i a = _mm256_set1_epi8((char)(1 + (int)seeds[0] % 3));
    const __m256i b = _mm256_set1_epi8((char)(1 + (int)seeds[1] % 3));
#define DO(i) __m256i s##i = _mm256_set1_epi32((int)seeds[i]);
    EACH(DO)
#undef DO
    for (uint64_t r = 0; r < rounds; r++) {
#define DO(i)                                                                          \
    __asm__("" : "+x"(a)); /* else one product would serve all sums */                 \
    s##i = _mm256_add_epi32(s##i, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
        EACH(DO)
#undef DO
    }
#define DO(i) seeds[i] = (float)_mm_cvtsi128_si32(_mm256_castsi256_si128(s##i));
    EACH(DO)
#undef DO
}
#elif defined(__aarch64__)
static void fma_neon(float *seeds, uint64_t rounds)
{
    const float32x4_t a = vdupq_n_f32(0.999f), b = vdupq_n_f32(0.001f);
#define DO(i) float32x4_t s##i = vdupq_n_f32(seeds[i]);
    EACH(DO)
#undef DO
    for (uint64_t r = 0; r < rounds; r++) {
#define DO(i) s##i = vfmaq_f32(b, s##i, a);
        EACH(DO)
#undef DO
    }
#define DO(i) seeds[i] = vgetq_lane_f32(s##i, 0);
    EACH(DO)
#undef DO
}

__attribute__((target("arch=armv8.2-a+dotprod"))) static void dot_neon(float *seeds,
                                                                       uint64_t rounds)
{
    const int8x16_t a = vdupq_n_s8((int8_t)(1 + (int)seeds[0] % 3));
    const int8x16_t b = vdupq_n_s8((int8_t)(1 + (int)seeds[1] % 3));
#define DO(i) int32x4_t s##i = vdupq_n_s32((int)seeds[i]);
    EACH(DO)
#undef DO
    for (uint64_t r = 0; r < rounds; r++) {
#define DO(i) s##i = vdotq_s32(s##i, a, b);
        EACH(DO)
#undef DO
    }
#define DO(i) seeds[i] = (float)vgetq_lane_s32(s##i, 0);
    EACH(DO)
#undef DO
}
#endif

/* Vectors of four: what a build without options gives every machine. */
typedef float float4 __attribute__((vector_size(16)));

static void fma_portable(float *seeds, uint64_t rounds)
{
    const float4 a = {0.999f, 0.999f, 0.999f, 0.999f};
    const float4 b = {0.001f, 0.001f, 0.001f, 0.001f};
#define DO(i) float4 s##i = {seeds[i], seeds[i], seeds[i], seeds[i]};
    EACH(DO)
#undef DO
    for (uint64_t r = 0; r < rounds; r++) {
#define DO(i) s##i = s##i * a + b;
        EACH(DO)
#undef DO
    }
#define DO(i) seeds[i] = s##i[0];
    EACH(DO)
#undef DO
}

typedef struct counting {
    arithmetic run;
    uint64_t rounds;
} counting;

static void count(void *arg, size_t thread)
{
    const counting *c = arg;
    float seeds[SUMS];
    volatile float sink;
    for (int i = 0; i < SUMS; i++)
        seeds[i] = (float)(i + 1) + (float)thread;
    c->run(seeds, c->rounds);
    sink = seeds[0];
    (void)sink;
}

static void measure(const limits_options *options, const char *what, const char *isa,
                    arithmetic run, unsigned operations)
{
    for (int many = 0; many < (options->threads > 1 ? 2 : 1); many++) {
        size_t threads = many ? options->threads : 1;
        counting c = {run, 10000};
        double seconds = 0, best = 0;
        for (int i = 0; i < 3;) {
            seconds = together(threads, count, &c);
            if (seconds < options->seconds / 2) {
                c.rounds *= 2;
                continue;
            }
            double rate = (double)c.rounds * SUMS * operations * (double)threads;
            best = rate / seconds > best ? rate / seconds : best;
            i++;
        }
        limit_print(options, what, isa, threads, best / 1e9, "Gop/s");
    }
}

void limits_arithmetic(const limits_options *options)
{
    const char *fma = "float32 multiply and add", *dot = "int8 dot product";
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        measure(options, fma, "AVX-512", fma_avx512, 32);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        measure(options, fma, "AVX2", fma_avx2, 16);
#elif defined(__aarch64__)
    measure(options, fma, "NEON", fma_neon, 8);
#endif
    measure(options, fma, "portable", fma_portable, 8);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512vnni"))
        measure(options, dot, "AVX-512 VNNI", dot_vnni, 128);
    if (__builtin_cpu_supports("avx2"))
        measure(options, dot, "AVX2", dot_avx2, 64);
#elif defined(__aarch64__)
    if (getauxval(AT_HWCAP) & HWCAP_ASIMDDP)
        measure(options, dot, "NEON dot product", dot_neon, 32);
#else
    (void)dot;
#endif
}
