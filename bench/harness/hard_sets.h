/* hard_sets.h: made data that graphs find hard, by name.
 *
 *     equal     every vector is the same
 *     half      every second vector is an exact copy of another
 *     sorted    forty tight clusters, one inserted after the other
 *     outlier   one vector a thousand times as far out as all others
 *     plane     two dimensions
 *     wide      4,096 dimensions
 *     norms     dot product; lengths from 1 to 10,000
 *     drift     the second half lies three standard deviations from the first
 *
 * But for `plane` and `equal`, a vector is a linear image of sixteen normal numbers, with a
 * little noise: data has fewer degrees of freedom than dimensions.
 */
#ifndef BENCH_HARD_SETS_H
#define BENCH_HARD_SETS_H

#include "bench_arguments.h"
#include "bench_data.h"

typedef struct hard_set {
    const char *name;
    bench_metric metric;
    size_t dim;
} hard_set;

/* Stops when there is none of that name. */
const hard_set *hard_set_find(const char *name);

/* Rows, and queries that are more of the same; the same in every run. */
void hard_set_make(const hard_set *set, size_t rows, size_t queries, fvecs *base,
                   fvecs *asked);

/* `PROGRAM hard --set NAME [--rows 20000] [--ef 50,100,200]`: build, search, and search for
 * every vector by its own value; a row of figures.  See docs/benchmarks.md. */
int hard_command(int argc, char **argv);

#endif
