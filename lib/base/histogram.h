/* histogram.h: latencies in a fixed number of buckets (log-linear: 16 steps to each
 * power of two, so a percentile is at most 6.25 % off).
 *
 * Threads: any number may record and read at once; a read sees some recent state.
 */
#ifndef VDBI_HISTOGRAM_H
#define VDBI_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

enum {
    VDBI_HISTOGRAM_BUCKETS = 64 * 16
};

typedef struct vdbi_histogram {
    _Atomic uint64_t count;
    _Atomic uint64_t sum;
    _Atomic uint64_t buckets[VDBI_HISTOGRAM_BUCKETS];
} vdbi_histogram;

/* Record one value of `times` equal ones. */
void vdbi_histogram_record(vdbi_histogram *h, uint64_t value, uint64_t times);
double vdbi_histogram_mean(const vdbi_histogram *h);                 /* 0: empty */
double vdbi_histogram_percentile(const vdbi_histogram *h, double p); /* p in [0, 100] */

#endif
