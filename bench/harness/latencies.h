/* latencies.h: what most of many times are within. */
#ifndef BENCH_LATENCIES_H
#define BENCH_LATENCIES_H

#include <stddef.h>

void latencies_sort(double *times, size_t count);

/* The smallest that `percent` of 100 are within, of sorted ones. */
double latencies_within(const double *sorted, size_t count, unsigned percent);

#endif
