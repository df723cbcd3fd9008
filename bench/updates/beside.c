/* beside.c: searches on one core while a writer and one indexing thread have the other, and
 * how soon what is inserted is found; through vdb.h alone.
 *
 *     vdb-beside --base FILE.fvecs --queries FILE.fvecs [--metric l2|cosine|dot]
 *         [--rows 200000] [--seconds 10] [--ef 64] [--k 10] [--commit 1]
 *         [--max-queries 1000] [--cores 0,1]
 *
 * The first rows of the base are stored.  Then, the searching thread pinned to the first
 * core, all else to the second:
 *
 *     quiet     queries per second, recall against exact searches over the same instant
 *     beside    the same while the writer inserts further rows as fast as it can, so many
 *               a commit, nothing synced; recall is of one query a snapshot
 *     after     quiet again, with what the writer has stored
 *     soon      the writer alone: each insert is followed by a search for what was inserted
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/latencies.h"
#include "harness/scratch_file.h"
#include "harness/stop.h"
#include "updates/numbered.h"

enum {
    TIMES_MAX = 20000000
};

typedef struct beside {
    numbered_input in;
    uint32_t rows, seconds, ef, k, commit, max_queries, core, other_core;
    fvecs data, queries;
    vdb *db;
    size_t next; /* row to be inserted */
    double *times;
    atomic_int writing;
    double began, ended; /* of the writer */
} beside;

static void pin(uint32_t core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(core, &set);
    if (sched_setaffinity(0, sizeof set, &set))
        stop("this thread cannot be pinned to core %u", core);
}

static void parse(beside *b, int argc, char **argv)
{
    const numbered_number numbers[] = {
        {"--rows", &b->rows},     {"--seconds", &b->seconds},
        {"--ef", &b->ef},         {"--k", &b->k},
        {"--commit", &b->commit}, {"--max-queries", &b->max_queries}};

    *b = (beside){.rows = 200000,
                  .seconds = 10,
                  .ef = 64,
                  .k = 10,
                  .commit = 1,
                  .max_queries = 1000,
                  .other_core = 1};
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc)
            stop_usage("%s has no value", argv[i]);
        if (!numbered_option(numbers, sizeof numbers / sizeof *numbers, &b->in, argv[i],
                             argv[i + 1]) &&
            (strcmp(argv[i], "--cores") != 0 ||
             sscanf(argv[i + 1], "%u,%u", &b->core, &b->other_core) != 2))
            stop_usage("no such option: %s %s", argv[i], argv[i + 1]);
    }
    if (!b->in.base || !b->in.queries)
        stop_usage("--base and --queries are needed");
}

/* ------------------------------------------------------------------- phases */

static void tell_times(const char *what, double *times, size_t count)
{
    latencies_sort(times, count);
    printf("%s p50 %.1f us, p99 %.1f us, at worst %.1f us", what,
           latencies_within(times, count, 50) * 1e6,
           latencies_within(times, count, 99) * 1e6, times[count - 1] * 1e6);
}

/* Search for so many seconds, then look at recall. */
static void search(beside *b, const char *what, size_t together)
{
    const numbered_search how = {NULL, b->k, b->ef, 0};
    double begin = now(), at = begin, recall;
    size_t count = 0;

    while (at < begin + b->seconds && count < TIMES_MAX) {
        const float *query =
            b->queries.values + count % b->queries.rows * b->queries.dim;
        double last = at;
        vdb_results_free(numbered_find(b->db, &how, query, 1, b->queries.dim));
        at = now();
        b->times[count++] = at - last;
    }
    printf("%s: %.0f searches/s,", what, (double)count / (at - begin));
    tell_times("", b->times, count);
    recall =
        numbered_recall(b->db, &b->queries, b->queries.rows, together, b->k, b->ef);
    printf(", recall %.4f\n", recall);
}

static void *write_on(void *arg)
{
    beside *b = arg;

    pin(b->other_core);
    b->began = now();
    while (atomic_load(&b->writing) && b->next + b->commit <= b->data.rows) {
        numbered_put(b->db, &b->data, NULL, NULL, b->next, b->commit);
        b->next += b->commit;
    }
    b->ended = now();
    return NULL;
}

static void search_beside(beside *b)
{
    vdb_stats stats = VDB_STATS_INIT;
    size_t before = b->next;
    pthread_t writer;

    atomic_store(&b->writing, 1);
    if (pthread_create(&writer, NULL, write_on, b))
        stop("a thread cannot be started");
    search(b, "beside", 1);
    if (b->next + b->commit > b->data.rows)
        stop("the base was used up: give fewer --seconds");
    atomic_store(&b->writing, 0);
    pthread_join(writer, NULL);
    numbered_must(vdb_stats_get(b->db, &stats), "vdb_stats_get");
    printf("        the writer inserted %zu, %.0f/s; at its end %llu were not in the "
           "graph "
           "yet\n",
           b->next - before, (double)(b->next - before) / (b->ended - b->began),
           (unsigned long long)stats.graph_fresh);
}

/* From the beginning of an insert until the next search has found it. */
static void insert_and_find(beside *b)
{
    const numbered_search how = {NULL, b->k, b->ef, 0};
    double *inserts = need(TIMES_MAX * sizeof *inserts), begin = now();
    size_t count = 0, missed = 0;

    while (now() < begin + b->seconds && b->next < b->data.rows) {
        const float *vector = b->data.values + b->next * b->data.dim;
        double start = now();
        vdb_results *results;
        int found = 0;
        numbered_put(b->db, &b->data, NULL, NULL, b->next, 1);
        inserts[count] = now() - start;
        results = numbered_find(b->db, &how, vector, 1, b->data.dim);
        b->times[count++] = now() - start;
        for (size_t i = 0; i < vdb_results_count(results); i++)
            found |= numbered_id(results, i) == (int64_t)b->next;
        found |= vdb_results_distances(results)[vdb_results_count(results) - 1] ==
                 vdb_results_distances(results)[0];
        missed += !found;
        vdb_results_free(results);
        b->next++;
    }
    printf("soon: %zu inserts, each searched for at once, %zu not found;", count,
           missed);
    tell_times(" insert", inserts, count);
    tell_times("; with the search", b->times, count);
    printf("\n");
    free(inserts);
}

int main(int argc, char **argv)
{
    const char *path = scratch_file();
    beside b;

    parse(&b, argc, argv);
    b.data = fvecs_read(b.in.base, SIZE_MAX);
    b.queries = fvecs_read(b.in.queries, b.max_queries);
    if (b.rows >= b.data.rows)
        stop("%s has %zu rows, and some must remain", b.in.base, b.data.rows);
    b.times = need(TIMES_MAX * sizeof *b.times);
    b.db = numbered_open(path, b.in.metric, VDB_OFF, 2);
    numbered_put(b.db, &b.data, NULL, NULL, 0, b.rows);
    numbered_must(vdb_wait_indexed(b.db, NULL), "vdb_wait_indexed");
    numbered_close(b.db);
    /* The library's threads inherit the core of the thread that opens. */
    pin(b.other_core);
    b.db = numbered_open(path, b.in.metric, VDB_OFF, 2);
    numbered_must(vdb_wait_indexed(b.db, NULL), "vdb_wait_indexed");
    b.next = b.rows;
    pin(b.core);
    search(&b, "quiet", b.queries.rows);
    search_beside(&b);
    numbered_must(vdb_wait_indexed(b.db, NULL), "vdb_wait_indexed");
    search(&b, "after", b.queries.rows);
    insert_and_find(&b);
    numbered_close(b.db);
    return 0;
}
