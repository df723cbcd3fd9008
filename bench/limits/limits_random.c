/* limits_random.c: what a read at a random place costs.
 *
 * Dependent: the place of the next read is in what was read, as when a graph is walked
 * without prefetching; each block's lines are all read before the next place is known.
 * Prefetched: the places are known, and asked for AHEAD blocks before they are read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/stop.h"
#include "limits/big_memory.h"
#include "limits/limits.h"

enum {
    LINE = 64,
    AHEAD = 12,
    CHUNK = 20000 /* blocks between looks at the clock */
};

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* 0 to count - 1 in an order that is one cycle when followed (Sattolo, 1986). */
static uint32_t *one_cycle(size_t count)
{
    uint32_t *order = need(count * sizeof *order);
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = count - 1; i > 0; i--) {
        size_t j = next_random(&state) % i;
        uint32_t kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
    return order;
}

/* Sum of one word of each line of a block; only the first is not zero. */
static uint32_t read_block(const unsigned char *block, size_t size)
{
    uint32_t sum = 0, word;
    for (size_t at = 0; at < size; at += LINE) {
        memcpy(&word, block + at, sizeof word);
        sum += word;
    }
    return sum;
}

/* Nanoseconds a block. */
static double dependent(const limits_options *options, const big_memory *memory,
                        const uint32_t *order, size_t count, size_t block)
{
    uint32_t at = 0;
    uint64_t done = 0;
    volatile uint32_t sink;
    memset(memory->bytes, 0, memory->size); /* of another block size */
    for (size_t i = 0; i < count; i++)
        memcpy(memory->bytes + i * block, &order[i], sizeof *order);
    double begin = now(), took;
    do {
        for (int i = 0; i < CHUNK; i++)
            at = read_block(memory->bytes + at * block, block);
        done += CHUNK;
        took = now() - begin;
    } while (took < options->seconds);
    sink = at;
    (void)sink;
    return took / (double)done * 1e9;
}

static double prefetched(const limits_options *options, const big_memory *memory,
                         const uint32_t *order, size_t count, size_t block)
{
    uint32_t sum = 0;
    uint64_t done = 0;
    size_t at = 0;
    volatile uint32_t sink;
    double begin = now(), took;
    do {
        for (int i = 0; i < CHUNK; i++, at++) {
            if (at + AHEAD >= count)
                at = 0;
            const unsigned char *soon = memory->bytes + order[at + AHEAD] * block;
            for (size_t line = 0; line < block; line += LINE)
                __builtin_prefetch(soon + line);
            sum += read_block(memory->bytes + order[at] * block, block);
        }
        done += CHUNK;
        took = now() - begin;
    } while (took < options->seconds);
    sink = sum;
    (void)sink;
    return took / (double)done * 1e9;
}

static void measure(const limits_options *options, const big_memory *memory, bool huge,
                    size_t block)
{
    size_t count = memory->size / block;
    uint32_t *order = one_cycle(count);
    char variant[64];
    snprintf(variant, sizeof variant, "%zu B on %s pages", block,
             huge ? "2 MiB" : "4 KiB");
    if (block != 128)
        limit_print(options, "dependent random read", variant, 1,
                    dependent(options, memory, order, count, block), "ns");
    limit_print(options, "prefetched random read", variant, 1,
                prefetched(options, memory, order, count, block), "ns");
    free(order);
}

void limits_random(const limits_options *options)
{
    for (int huge = 0; huge < 2; huge++) {
        big_memory memory = big_memory_new(options->large_bytes, huge);
        measure(options, &memory, huge, 64);
        measure(options, &memory, huge, 128);
        measure(options, &memory, huge, 512);
        big_memory_free(&memory);
    }
}
