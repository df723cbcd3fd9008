/* meters.h: what is counted of requests: how many, with which status, how long.
 *
 * Fixed size, atomic, relaxed: a scrape may see a request in one counter and not yet in
 * the next.
 */
#ifndef HTTPD_METERS_H
#define HTTPD_METERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
    METER_ROUTES = 48,
    METER_OTHER = METER_ROUTES - 1, /* what has no route */
    METER_CLASSES = 3,              /* 2xx, 4xx, 5xx */
    METER_BUCKETS = 18              /* the last: everything */
};

/* Upper bounds of the buckets but the last, in seconds. */
extern const double METER_BOUNDS[METER_BUCKETS - 1];
/* The statuses that are counted by themselves; ended by 0, which counts the rest. */
extern const unsigned METER_STATUSES[];

enum {
    METER_STATUS_COUNT = 32,
    METER_GONE = 499 /* counted, never sent: the client did not wait for his answer */
};

typedef struct meter {
    atomic_uint_fast64_t statuses[METER_STATUS_COUNT];
    atomic_uint_fast64_t buckets[METER_CLASSES][METER_BUCKETS];
    atomic_uint_fast64_t sum_ns[METER_CLASSES];
} meter;

typedef struct meters {
    meter routes[METER_ROUTES];
} meters;

void meters_note(meters *m, size_t route, unsigned status, uint64_t ns);

#endif
