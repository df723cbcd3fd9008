/* measure.h: passes over the queries, timed.
 *
 * A call asks --batch queries at once.  With --batch 1 as many threads as --threads run
 * a share of the queries each, call after call.  With larger batches one thread calls,
 * and the threads are the library's.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "engine.h"

typedef struct measured {
    double qps; /* queries by the time from the first call to the last answer */
    double mean_us, p50_us, p99_us; /* of a call */
} measured;

typedef struct pass_space pass_space;

/* Memory for what is measured, so that measuring allocates nothing. */
pass_space *pass_space_new(const bench_arguments *args, size_t queries);
void pass_space_free(pass_space *space);

/* Run all queries --repeat times; the best pass. */
measured measure_best(engine *e, const bench_arguments *args, const fvecs *queries,
                      pass_space *space);

/* queries * k row numbers: of the last pass. */
const int32_t *pass_answers(const pass_space *space);

#endif
