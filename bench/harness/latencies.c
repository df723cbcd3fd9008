/* latencies.c: see latencies.h. */
#include <stdlib.h>

#include "latencies.h"

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void latencies_sort(double *times, size_t count)
{
    qsort(times, count, sizeof *times, ascending);
}

double latencies_within(const double *sorted, size_t count, unsigned percent)
{
    return sorted[(count * percent + 99) / 100 - 1];
}
