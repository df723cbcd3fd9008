/* recall.h: what the right answers are, and how many were found. */
#ifndef BENCH_RECALL_H
#define BENCH_RECALL_H

#include "bench_arguments.h"
#include "bench_data.h"

/* The share of the first k ids of each truth row that are among the k answered; -1 in
 * the truth (fewer matches than k) is not looked for.  1 when nothing is. */
double recall_at(const int32_t *answers, size_t k, const ivecs *truth, size_t queries);

/* What orders the rows of one query as the metric does, in double. */
double exact_order(bench_metric metric, const float *row, const float *query,
                   size_t dim);

/* Compare every row with every query, in double, by `threads` threads; ties by the
 * lower row.  `passing`: a byte per row, or NULL: all count.  Padded with -1. */
ivecs exact_nearest(bench_metric metric, const fvecs *base, const fvecs *queries,
                    size_t k, const uint8_t *passing, size_t threads);

#endif
