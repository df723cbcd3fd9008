/* limits_read.c: how fast memory and caches can be read, in order.
 *
 * A working set is split among the threads.
 */
#include <stdio.h>

#include "harness/together.h"
#include "limits/big_memory.h"
#include "limits/limits.h"
#include "limits/wide_read.h"

typedef struct reading {
    const unsigned char *bytes;
    size_t share, rounds;
    wide_reader read;
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
    reading r = {memory->bytes, size / threads / WIDE_STEP * WIDE_STEP, 1,
                 wide_reader_best(), 0};
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
