/* recall.c: exact answers in double, by nothing of the library; see recall.h.
 *
 * Slow and plain on purpose: it judges everything else.
 */
#include <math.h>
#include <stdlib.h>

#include "recall.h"
#include "stop.h"
#include "together.h"

double recall_at(const int32_t *answers, size_t k, const ivecs *truth, size_t queries)
{
    size_t found = 0, wanted = 0;
    for (size_t q = 0; q < queries; q++) {
        const int32_t *right = truth->values + q * truth->dim, *got = answers + q * k;
        for (size_t i = 0; i < k && right[i] >= 0; i++) {
            size_t j = 0;
            while (j < k && got[j] != right[i])
                j++;
            found += j < k;
            wanted++;
        }
    }
    return wanted ? (double)found / (double)wanted : 1;
}

typedef struct judge {
    bench_metric metric;
    const fvecs *base, *queries;
    const uint8_t *passing;
    size_t k, threads;
    int32_t *rows;
} judge;

/* What one dimension adds to the squared distance, or to the dot product. */
static double term(double x, double y, bool squared)
{
    return squared ? (x - y) * (x - y) : x * y;
}

/* By eight sums, so that additions need not wait for each other. */
static double total(const float *a, const float *b, size_t dim, bool squared)
{
    double sums[8] = {0}, sum = 0;
    size_t i = 0;
    for (; i + 8 <= dim; i += 8)
        for (size_t j = 0; j < 8; j++)
            sums[j] += term((double)a[i + j], (double)b[i + j], squared);
    for (; i < dim; i++)
        sum += term((double)a[i], (double)b[i], squared);
    for (size_t j = 0; j < 8; j++)
        sum += sums[j];
    return sum;
}

double exact_order(bench_metric metric, const float *row, const float *query,
                   size_t dim)
{
    double sum = total(row, query, dim, metric == METRIC_L2);
    if (metric == METRIC_L2)
        return sum;
    return metric == METRIC_DOT ? -sum : -sum / sqrt(total(row, row, dim, false));
}

/* `distances`: space for k. */
static void judge_one(const judge *j, size_t q, double *distances)
{
    size_t dim = j->base->dim, kept = 0;
    const float *query = j->queries->values + q * dim;
    int32_t *rows = j->rows + q * j->k;
    for (size_t i = 0; i < j->base->rows; i++) {
        if (j->passing && !j->passing[i])
            continue;
        double d = exact_order(j->metric, j->base->values + i * dim, query, dim);
        if (kept == j->k && !(d < distances[kept - 1]))
            continue;
        size_t at = kept < j->k ? kept++ : kept - 1;
        for (; at > 0 && d < distances[at - 1]; at--) {
            distances[at] = distances[at - 1];
            rows[at] = rows[at - 1];
        }
        distances[at] = d;
        rows[at] = (int32_t)i;
    }
    for (; kept < j->k; kept++)
        rows[kept] = -1;
}

static void judge_share(void *arg, size_t thread)
{
    const judge *j = arg;
    double *distances = need(j->k * sizeof *distances), told = now();
    for (size_t q = thread; q < j->queries->rows; q += j->threads) {
        judge_one(j, q, distances);
        if (thread == 0 && now() - told > 2) {
            told = now();
            remark("exact answers of %zu of %zu queries", q, j->queries->rows);
        }
    }
    free(distances);
}

ivecs exact_nearest(bench_metric metric, const fvecs *base, const fvecs *queries,
                    size_t k, const uint8_t *passing, size_t threads)
{
    ivecs made = {need(queries->rows * k * sizeof(int32_t)), queries->rows, k};
    judge j = {metric, base, queries, passing, k, threads, made.values};
    together(threads, judge_share, &j);
    return made;
}
