/* wide_read.c: one reading loop for each width of load; see wide_read.h. */
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "limits/wide_read.h"

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static uint64_t read_avx512(const unsigned char *at,
                                                               size_t size)
{
    __m512i sum[8];
    for (int i = 0; i < 8; i++)
        sum[i] = _mm512_setzero_si512();
    for (const unsigned char *end = at + size; at < end; at += WIDE_STEP)
        for (int i = 0; i < 8; i++)
            sum[i] = _mm512_or_si512(sum[i], _mm512_load_si512(at + 64 * i));
    for (int i = 1; i < 8; i++)
        sum[0] = _mm512_or_si512(sum[0], sum[i]);
    return (uint64_t)_mm512_reduce_or_epi64(sum[0]);
}

__attribute__((target("avx2"))) static uint64_t read_avx2(const unsigned char *at,
                                                          size_t size)
{
    uint64_t lanes[4];
    __m256i sum[8];
    for (int i = 0; i < 8; i++)
        sum[i] = _mm256_setzero_si256();
    for (const unsigned char *end = at + size; at < end; at += WIDE_STEP)
        for (int i = 0; i < 16; i++)
            sum[i % 8] = _mm256_or_si256(
                sum[i % 8], _mm256_load_si256((const __m256i *)(const void *)at + i));
    for (int i = 1; i < 8; i++)
        sum[0] = _mm256_or_si256(sum[0], sum[i]);
    _mm256_storeu_si256((__m256i *)(void *)lanes, sum[0]);
    return lanes[0] | lanes[1] | lanes[2] | lanes[3];
}
#endif

/* Vectors of 16 bytes, which every compiler maps to what the processor has at least. */
typedef uint64_t word16 __attribute__((vector_size(16)));

static uint64_t read_portable(const unsigned char *at, size_t size)
{
    word16 sum[8] = {{0}};
    for (const unsigned char *end = at + size; at < end; at += WIDE_STEP)
        for (int i = 0; i < WIDE_STEP / 16; i++)
            sum[i % 8] |= ((const word16 *)(const void *)at)[i];
    for (int i = 1; i < 8; i++)
        sum[0] |= sum[i];
    return sum[0][0] | sum[0][1];
}

wide_reader wide_reader_best(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        return read_avx512;
    if (__builtin_cpu_supports("avx2"))
        return read_avx2;
#endif
    return read_portable;
}
