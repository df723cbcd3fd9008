/* bench_run.c: read the data, build, search at each ef, print; see bench_run.h.
 *
 * What the program itself needs while it searches (queries, truth, space for answers) is
 * there before the resident memory is first read, and the base vectors are gone before
 * it is read again: the growth between is the index.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_report.h"
#include "bench_run.h"
#include "hard_sets.h"
#include "recall.h"
#include "resident.h"
#include "stop.h"

typedef struct inputs {
    fvecs queries, base;
    ivecs truth; /* values NULL: to be computed */
} inputs;

static void read_inputs(const bench_arguments *args, inputs *in)
{
    const char *truth =
        args->filter || args->filters ? args->filter_truth : args->truth;
    in->truth = (ivecs){NULL, 0, 0};
    in->queries = fvecs_read(args->queries, args->max_queries);
    if (!truth)
        return;
    in->truth = ivecs_read(truth, args->max_queries);
    if (in->truth.dim < args->k)
        stop("%s: %zu neighbours a row, but --k is %u", truth, in->truth.dim, args->k);
    /* The truth of a filtered set may be of its first queries only. */
    if (args->filters && in->truth.rows < in->queries.rows)
        in->queries.rows = in->truth.rows;
    if (in->truth.rows < in->queries.rows)
        stop("%s: %zu rows, but there are %zu queries", truth, in->truth.rows,
             in->queries.rows);
}

static void read_base(const bench_arguments *args, inputs *in)
{
    in->base = fvecs_read(args->base, INT32_MAX);
    if (in->base.dim != in->queries.dim)
        stop("%s has %zu dimensions, %s has %zu", args->base, in->base.dim,
             args->queries, in->queries.dim);
    for (size_t i = 0; i < in->truth.rows * in->truth.dim; i++)
        if (in->truth.values[i] < -1 || in->truth.values[i] >= (int64_t)in->base.rows)
            stop("the truth of query %zu names row %d, but %s has %zu rows",
                 i / in->truth.dim, in->truth.values[i], args->base, in->base.rows);
}

/* Rows that pass are the library's word; their order is not. */
static void compute_truth(engine *e, const bench_arguments *args, inputs *in)
{
    bool filtered = args->filter || args->filters;
    uint8_t *passing = filtered ? need(in->base.rows) : NULL;
    if (args->filter)
        engine_mark_passing(e, 0, passing, in->base.rows);
    if (!args->filters) {
        in->truth = exact_nearest(args->metric, &in->base, &in->queries, args->k,
                                  passing, args->build_threads);
        free(passing);
        return;
    }
    in->truth = (ivecs){need(in->queries.rows * args->k * sizeof(int32_t)),
                        in->queries.rows, args->k};
    for (size_t q = 0; q < in->queries.rows; q++) {
        fvecs one = {in->queries.values + q * in->queries.dim, 1, in->queries.dim};
        memset(passing, 0, in->base.rows);
        engine_mark_passing(e, q, passing, in->base.rows);
        ivecs found = exact_nearest(args->metric, &in->base, &one, args->k, passing, 1);
        memcpy(in->truth.values + q * args->k, found.values, args->k * sizeof(int32_t));
        free(found.values);
    }
    free(passing);
}

static void search_all(engine *e, const bench_arguments *args, const inputs *in,
                       const engine_facts *facts, pass_space *space, uint64_t before)
{
    report_header(args);
    for (size_t i = 0; i < args->ef_count; i++) {
        engine_set_ef(e, args->ef[i]);
        measured best = measure_best(e, args, &in->queries, space);
        uint64_t after = resident_bytes();
        double growth = after > before ? (double)(after - before) : 0;
        report_row row = {.args = args,
                          .facts = facts,
                          .figures = &best,
                          .n = in->base.rows,
                          .dim = in->base.dim,
                          .ef = args->ef[i],
                          .ram_bytes_per_vector = growth / (double)in->base.rows,
                          .recall = recall_at(pass_answers(space), args->k, &in->truth,
                                              in->queries.rows)};
        report_print(&row);
    }
}

int bench_run(int argc, char **argv)
{
    bench_arguments args;
    engine_facts facts = {0, 0, ""};
    inputs in;
    if (argc > 1 && strcmp(argv[1], "hard") == 0)
        return hard_command(argc - 1, argv + 1);
    bench_arguments_parse(&args, argc, argv);
    engine_check(&args);
    read_inputs(&args, &in);
    pass_space *space = pass_space_new(&args, in.queries.rows);
    uint64_t before = resident_bytes();
    read_base(&args, &in);
    engine *e = engine_build(&args, &in.base, &in.queries, &facts);
    if (!in.truth.values)
        compute_truth(e, &args, &in);
    free(in.base.values);
    search_all(e, &args, &in, &facts, space, before);
    if (args.answers)
        ivecs_write(args.answers, pass_answers(space), in.queries.rows, args.k);
    engine_close(e);
    pass_space_free(space);
    free(in.queries.values);
    free(in.truth.values);
    return 0;
}
