/* bench_filters.h: the filters of a run, parsed before anything is timed.
 *
 * A line of --filters is the predicate of the query row of the same number:
 *
 *     {"all": [{"field": F, "op": "==" | ">=" | "<" | "contains", "value": V}, ...], ...}
 *
 * All conditions must hold.  It becomes a filter of vdb.h's language.
 */
#ifndef BENCH_FILTERS_H
#define BENCH_FILTERS_H

#include <vdb.h>

#include "harness/bench_arguments.h"

typedef struct bench_filters {
    vdb_filter **filter; /* count of them; NULL when there are none */
    size_t count;        /* 1: it is for all queries */
} bench_filters;

/* As --filter or --filters say; stops when one is bad or there are fewer than queries. */
bench_filters bench_filters_read(const bench_arguments *args, size_t queries);
void bench_filters_free(bench_filters *filters);

/* Of query q, or NULL. */
const vdb_filter *bench_filter_of(const bench_filters *filters, size_t q);

#endif
