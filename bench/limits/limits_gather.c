/* limits_gather.c: how fast rows that lie apart can be read, in ascending order.
 *
 * What a filtered scan does at best: of all rows a share is chosen at random, and each
 * chosen one is read whole, the next ones being asked for meanwhile.  The bytes of the
 * chosen rows count, and nothing else.  Each pass chooses anew, so that the caches do not
 * have what the last one read.
 */
#include <stdio.h>
#include <stdlib.h>

#include "harness/stop.h"
#include "limits/big_memory.h"
#include "limits/limits.h"
#include "limits/wide_read.h"

enum {
    AHEAD_BYTES = 4096, /* how far ahead rows are asked for, in bytes of chosen rows */
    LINE = 64
};

/* Each row with a chance of one in `one_in`; how many. */
static size_t choose(uint32_t *chosen, size_t rows, unsigned one_in, uint64_t *state)
{
    size_t count = 0;
    for (size_t i = 0; i < rows; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        if ((*state >> 33) % one_in == 0)
            chosen[count++] = (uint32_t)i;
    }
    return count;
}

/* Seconds of one pass over the chosen rows. */
static double gather(const big_memory *memory, size_t row_bytes, const uint32_t *chosen,
                     size_t count, wide_reader read, volatile uint64_t *sink)
{
    size_t ahead = AHEAD_BYTES / row_bytes + 1;
    double begin = now();
    for (size_t i = 0; i < count; i++) {
        size_t next = i + ahead < count ? i + ahead : count - 1;
        const unsigned char *soon = memory->bytes + chosen[next] * row_bytes;
        for (size_t at = 0; at < row_bytes; at += LINE)
            __builtin_prefetch(soon + at);
        *sink = read(memory->bytes + chosen[i] * row_bytes, row_bytes);
    }
    return now() - begin;
}

static void measure(const limits_options *options, const big_memory *memory, bool huge,
                    size_t row_bytes, unsigned one_in)
{
    size_t rows = memory->size / row_bytes;
    uint32_t *chosen = need(rows * sizeof *chosen);
    uint64_t state = 1;
    volatile uint64_t sink;
    double best = 0, begin = now();
    char variant[64];
    do {
        size_t count = choose(chosen, rows, one_in, &state);
        if (count == 0)
            continue;
        double took =
            gather(memory, row_bytes, chosen, count, wide_reader_best(), &sink);
        double rate = (double)(count * row_bytes) / took;
        best = rate > best ? rate : best;
    } while (best == 0 || now() - begin < 3 * options->seconds);
    snprintf(variant, sizeof variant, "1 of %u of %zu B on %s pages", one_in, row_bytes,
             huge ? "2 MiB" : "4 KiB");
    limit_print(options, "gathered rows", variant, 1, best / 1e9, "GB/s");
    free(chosen);
}

void limits_gather(const limits_options *options)
{
    static const size_t row_bytes[] = {512, 3072};
    for (int huge = 0; huge < 2; huge++) {
        big_memory memory = big_memory_new(options->large_bytes, huge);
        for (int i = 0; i < 4; i++)
            measure(options, &memory, huge, row_bytes[i / 2], i % 2 ? 100 : 10);
        big_memory_free(&memory);
    }
}
