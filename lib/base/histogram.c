/* histogram.c: latencies in a fixed number of buckets.
 *
 * Values under 16 have a bucket each.  From there on every power of two is cut into
 * 16 equal steps: of a value with its highest bit at e, the four bits below it choose
 * the step.  So bucket b >= 16 begins at (16 + b % 16) << (b / 16 - 1).
 *
 * All counters are relaxed: nobody draws conclusions about other memory from them.
 */
#include "base/histogram.h"

#include <math.h>

enum {
    STEPS = 16,
    STEP_BITS = 4
};

static unsigned bucket_of(uint64_t value)
{
    unsigned e;

    if (value < STEPS)
        return (unsigned)value;
    e = 63u - (unsigned)__builtin_clzll(value);
    return (e - STEP_BITS + 1) * STEPS + (unsigned)(value >> (e - STEP_BITS) & 15);
}

/* The middle of a bucket; exact where it holds one value only. */
static double value_of(unsigned bucket)
{
    uint64_t first, width;

    if (bucket < STEPS)
        return bucket;
    width = (uint64_t)1 << (bucket / STEPS - 1);
    first = (STEPS + bucket % STEPS) * width;
    return (double)first + (double)(width - 1) / 2;
}

void vdbi_histogram_record(vdbi_histogram *h, uint64_t value, uint64_t times)
{
    atomic_fetch_add_explicit(&h->buckets[bucket_of(value)], times,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum, value * times, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->count, times, memory_order_relaxed);
}

double vdbi_histogram_mean(const vdbi_histogram *h)
{
    uint64_t count = atomic_load_explicit(&h->count, memory_order_relaxed);
    uint64_t sum = atomic_load_explicit(&h->sum, memory_order_relaxed);

    return count ? (double)sum / (double)count : 0;
}

double vdbi_histogram_percentile(const vdbi_histogram *h, double p)
{
    uint64_t total = 0, before = 0, rank;
    unsigned b;

    /* The buckets' own sum, not h->count: a record may be half done. */
    for (b = 0; b < VDBI_HISTOGRAM_BUCKETS; b++)
        total += atomic_load_explicit(&h->buckets[b], memory_order_relaxed);
    if (total == 0)
        return 0;
    if (!(p > 0))
        p = 0;
    if (p > 100)
        p = 100;
    /* The nearest rank: the smallest value that p per cent do not exceed. */
    rank = (uint64_t)ceil(p * (double)total / 100);
    if (rank < 1)
        rank = 1;
    if (rank > total)
        rank = total;
    for (b = 0; b < VDBI_HISTOGRAM_BUCKETS; b++) {
        before += atomic_load_explicit(&h->buckets[b], memory_order_relaxed);
        if (before >= rank)
            break;
    }
    return value_of(b < VDBI_HISTOGRAM_BUCKETS ? b : VDBI_HISTOGRAM_BUCKETS - 1);
}
