/* hard_command.c: one hard set, by the engine of this program; see hard_sets.h.
 *
 * Judged by distances, not by row numbers: where vectors are equal, one is as good as
 * another.  A vector is lost if a search for its own value does not answer it though what is
 * answered last is farther.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "hard_sets.h"
#include "recall.h"
#include "stop.h"

enum {
    QUERIES = 1000,
    K = 10,
    EFS_MAX = 8
};

typedef struct hard_run {
    bench_arguments args;
    const hard_set *set;
    fvecs base, asked, same; /* `same`: the base, for engines that change theirs */
    engine *engine;
} hard_run;

static double order_of(const hard_run *r, const float *query, int32_t row)
{
    return exact_order(r->set->metric, r->same.values + (size_t)row * r->set->dim,
                       query, r->set->dim);
}

/* Float32 sums differ in their last bits. */
static int is_within(double order, double limit)
{
    return order <= limit + 1e-5 * (limit < 0 ? -limit : limit);
}

static double recall(const hard_run *r, const ivecs *truth)
{
    int32_t answers[K];
    size_t hits = 0;

    for (size_t q = 0; q < r->asked.rows; q++) {
        const float *query = r->asked.values + q * r->set->dim;
        double limit = order_of(r, query, truth->values[q * truth->dim + K - 1]);
        engine_search(r->engine, &r->asked, q, 1, answers);
        for (size_t i = 0; i < K; i++)
            hits += answers[i] >= 0 && is_within(order_of(r, query, answers[i]), limit);
    }
    return (double)hits / (double)(r->asked.rows * K);
}

static size_t lost(const hard_run *r)
{
    int32_t answers[K];
    size_t count = 0;

    for (size_t n = 0; n < r->same.rows; n++) {
        const float *vector = r->same.values + n * r->set->dim;
        double own = order_of(r, vector, (int32_t)n);
        int found = 0;
        engine_search(r->engine, &r->same, n, 1, answers);
        for (size_t i = 0; i < K; i++)
            found |= answers[i] == (int32_t)n;
        count += !found && (answers[K - 1] < 0 ||
                            !is_within(order_of(r, vector, answers[K - 1]), own));
    }
    return count;
}

static size_t parse(hard_run *r, int argc, char **argv, size_t *rows)
{
    static const struct option OPTIONS[] = {{"set", required_argument, NULL, 's'},
                                            {"rows", required_argument, NULL, 'r'},
                                            {"ef", required_argument, NULL, 'e'},
                                            {"threads", required_argument, NULL, 't'},
                                            {"no-codes", no_argument, NULL, 'n'},
                                            {NULL, 0, NULL, 0}};
    const char *efs = "50,100,200", *name = NULL;
    size_t count = 0;
    int option;

    *rows = 20000;
    r->args = (bench_arguments){.hnsw = true,
                                .k = K,
                                .m = 16,
                                .ef_construction = 200,
                                .threads = 1,
                                .build_threads = 2,
                                .batch = 1};
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        if (option == 's')
            name = optarg;
        else if (option == 'r')
            *rows = bench_number("rows", optarg, 100, 100000000);
        else if (option == 't')
            r->args.build_threads = bench_number("threads", optarg, 1, 1024);
        else if (option == 'n')
            r->args.codes = CODES_NONE;
        else if (option == 'e')
            efs = optarg;
        else
            exit(2);
    }
    r->set = hard_set_find(name);
    for (const char *at = efs; *at && count < EFS_MAX; at += *at == ',') {
        r->args.ef[count++] = (uint32_t)strtoul(at, (char **)&at, 10);
        if (!r->args.ef[count - 1] || (*at && *at != ','))
            stop_usage("--ef: numbers by commas");
    }
    return count;
}

int hard_command(int argc, char **argv)
{
    hard_run r;
    engine_facts facts = {0, 0, ""};
    size_t rows, efs = parse(&r, argc, argv, &rows), bytes;
    ivecs truth;
    size_t missed;
    double begun;

    hard_set_make(r.set, rows, QUERIES, &r.base, &r.asked);
    bytes = rows * r.set->dim * sizeof(float);
    r.same = (fvecs){need(bytes), rows, r.set->dim};
    memcpy(r.same.values, r.base.values, bytes);
    r.args.metric = r.set->metric;
    r.args.base = r.set->name;
    truth = exact_nearest(r.set->metric, &r.base, &r.asked, K, NULL, 2);
    engine_check(&r.args);
    r.engine = engine_build(&r.args, &r.base, &r.asked, &facts);
    printf("%s,%s,%zu,%zu,%.2f", r.set->name, engine_library, rows, r.set->dim,
           facts.build_s);
    for (size_t i = 0; i < efs; i++) {
        engine_set_ef(r.engine, r.args.ef[i]);
        printf(",%.4f", recall(&r, &truth));
    }
    begun = now();
    missed = lost(&r);
    printf(",%zu,%.1f\n", missed, (now() - begun) / (double)rows * 1e6);
    engine_close(r.engine);
    free(r.base.values);
    free(r.same.values);
    free(r.asked.values);
    free(truth.values);
    return 0;
}
