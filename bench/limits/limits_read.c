/* limits_read.c: how fast memory and caches can be read, in order.
 *
 * With the widest loads that the processor has, into enough registers that no addition
 * waits for another.  A working set is split among the threads.
 */
#include <stdio.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "harness/together.h"
#include "limits/big_memory.h"
#include "limits/limits.h"

enum {
    STEP = 512 /* bytes of one turn of the loops below */
};

typedef uint64_t (*reader)(const unsigned char *bytes, size_t size);

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static uint64_t read_avx512(const unsigned char *at,
                                                               size_t size)
{
    __m512i sum[8];
    for (int i = 0; i < 8; i++)
        sum[i] = _mm512_setzero_si512();
    for (const unsigned char *end = at + size; at < end; at += STEP)
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
    for (const unsigned char *end = at + size; at < end; at += STEP)
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
    for (const unsigned char *end = at + size; at < end; at += STEP)
        for (int i = 0; i < STEP / 16; i++)
            sum[i % 8] |= ((const word16 *)(const void *)at)[i];
    for (int i = 1; i < 8; i++)
        sum[0] |= sum[i];
    return sum[0][0] | sum[0][1];
}

static reader choose_reader(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        return read_avx512;
    if (__builtin_cpu_supports("avx2"))
        return read_avx2;
#endif
    return read_portable;
}

typedef struct reading {
    const unsigned char *bytes;
    size_t share, rounds;
    reader read;
    volatile uint64_t sink;
} reading;

static void read_share(void *arg, size_t thread)
{
    reading *r = arg;
    for (size_t i = 0; i < r->rounds; i++)
        r->sink = r->read(r->bytes + thread * r->share, r->share);
}

/* Bytes a second, the best of three, each long enough. */
static double bandwidth(const limits_options *options, const big_memory *memory,
                        size_t size, size_t threads)
{
    reading r = {memory->bytes, size / threads / STEP * STEP, 1, choose_reader(), 0};
    double seconds = together(threads, read_share, &r), best = 0;
    while (seconds < options->seconds) {
        double grow = seconds > 0 ? 1.2 * options->seconds / seconds : 16;
        r.rounds = (size_t)((double)r.rounds * (grow > 16 ? 16 : grow)) + 1;
        seconds = together(threads, read_share, &r);
    }
    for (int i = 0; i < 3; i++) {
        double rate = (double)r.share * (double)threads * (double)r.rounds / seconds;
        best = rate > best ? rate : best;
        if (i < 2)
            seconds = together(threads, read_share, &r);
    }
    return best;
}

void limits_read(const limits_options *options)
{
    static const size_t kib[] = {512, 8 << 10, 24 << 10};
    for (int huge = 0; huge < 2; huge++) {
        big_memory memory = big_memory_new(options->large_bytes, huge);
        for (size_t i = 0; i < 4; i++) {
            size_t size = i < 3 ? kib[i] << 10 : memory.size;
            char variant[64];
            if (size > memory.size || (i == 3 && size <= kib[2] << 10) ||
                (i < 3 && huge))
                continue;
            snprintf(variant, sizeof variant, "%zu KiB%s", size >> 10,
                     i < 3  ? ""
                     : huge ? " on 2 MiB pages"
                            : " on 4 KiB pages");
            for (int many = 0; many < (options->threads > 1 ? 2 : 1); many++) {
                size_t threads = many ? options->threads : 1;
                double rate = bandwidth(options, &memory, size, threads);
                limit_print(options, "read bandwidth", variant, threads, rate / 1e9,
                            "GB/s");
            }
        }
        big_memory_free(&memory);
    }
}
