/* meters.c: see meters.h. */
#include <assert.h>

#include "meters.h"

const double METER_BOUNDS[METER_BUCKETS - 1] = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
    0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30};

const unsigned METER_STATUSES[] = {200,        201, 204, 304, 400, 401, 403, 404, 405,
                                   408,        409, 412, 413, 414, 415, 417, 422, 431,
                                   METER_GONE, 500, 501, 503, 505, 507, 0};
static_assert(sizeof METER_STATUSES / sizeof *METER_STATUSES < METER_STATUS_COUNT,
              "a counter for each status");

void meters_note(meters *m, size_t route, unsigned status, uint64_t ns)
{
    meter *to = &m->routes[route];
    size_t at = 0, class = status < 400 ? 0 : status < 500 ? 1 : 2, bucket = 0;
    while (METER_STATUSES[at] && METER_STATUSES[at] != status)
        at++;
    while (bucket < METER_BUCKETS - 1 && (double)ns > METER_BOUNDS[bucket] * 1e9)
        bucket++;
    atomic_fetch_add_explicit(&to->statuses[at], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&to->buckets[class][bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&to->sum_ns[class], ns, memory_order_relaxed);
}
