/* truth_command.c: write the exact nearest rows of each query, for --truth.
 *
 *     vdb-bench truth BASE.fvecs QUERIES.fvecs METRIC K MAX_QUERIES OUT.ivecs
 *
 * By the plain search in double of harness/recall.c, which uses nothing of libvdb.
 */
#include <stdlib.h>
#include <unistd.h>

#include "harness/recall.h"
#include "harness/stop.h"
#include "vdb/truth_command.h"

int truth_command(int argc, char **argv)
{
    if (argc != 7)
        stop_usage("truth takes BASE QUERIES METRIC K MAX_QUERIES OUT");
    bench_metric metric = bench_metric_parse(argv[3]);
    size_t k = bench_number("k", argv[4], 1, 100000);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    fvecs base = fvecs_read(argv[1], INT32_MAX);
    fvecs queries =
        fvecs_read(argv[2], bench_number("max-queries", argv[5], 1, INT32_MAX));
    if (base.dim != queries.dim)
        stop("%s has %zu dimensions, %s has %zu", argv[1], base.dim, argv[2],
             queries.dim);
    ivecs nearest =
        exact_nearest(metric, &base, &queries, k, NULL, cores > 0 ? (size_t)cores : 1);
    ivecs_write(argv[6], nearest.values, nearest.rows, nearest.dim);
    free(base.values);
    free(queries.values);
    free(nearest.values);
    return 0;
}
