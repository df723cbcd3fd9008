/* replace.c: a database whose vectors are all replaced, in steps, and again: through vdb.h
 * alone, beside a database that is made anew of the same vectors.
 *
 *     vdb-replace --base FILE.fvecs --queries FILE.fvecs [--metric l2|cosine|dot]
 *         [--rows 200000] [--percent 5] [--rounds 2] [--ef 64] [--k 10]
 *         [--fresh-every 10] [--max-queries 1000] [--threads 2]
 *
 * The first rows of the base are stored.  Each step gives so many percent of the ids, in an
 * order that takes each once per round, vectors of other rows of the base, and waits for
 * the index.  Printed per step: recall against exact searches over the same instant; how
 * many of 5,000 vectors a search for themselves does not find; sizes.  Every so many steps
 * a database is made anew of the same vectors and printed beside; after the last step every
 * vector is searched for, and both files are closed and weighed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/resident.h"
#include "harness/scratch_file.h"
#include "harness/stop.h"
#include "updates/numbered.h"

typedef struct replace {
    numbered_input in;
    uint32_t rows, percent, rounds, ef, k, fresh_every, max_queries, threads;
    fvecs data, queries;
    uint32_t *row_of; /* id: row of the base */
    uint32_t *unused; /* rows that no id has: a ring */
    size_t unused_count, unused_first;
    uint32_t *order; /* ids, as they are replaced */
    uint64_t before; /* resident, without a database */
    char fresh_path[4300];
} replace;

static void parse(replace *r, int argc, char **argv)
{
    const numbered_number numbers[] = {{"--rows", &r->rows},
                                       {"--percent", &r->percent},
                                       {"--rounds", &r->rounds},
                                       {"--ef", &r->ef},
                                       {"--k", &r->k},
                                       {"--fresh-every", &r->fresh_every},
                                       {"--max-queries", &r->max_queries},
                                       {"--threads", &r->threads}};

    *r = (replace){.rows = 200000,
                   .percent = 5,
                   .rounds = 2,
                   .ef = 64,
                   .k = 10,
                   .fresh_every = 10,
                   .max_queries = 1000,
                   .threads = 2};
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc)
            stop_usage("%s has no value", argv[i]);
        if (!numbered_option(numbers, sizeof numbers / sizeof *numbers, &r->in, argv[i],
                             argv[i + 1]))
            stop_usage("no such option: %s", argv[i]);
    }
    if (!r->in.base || !r->in.queries || r->percent > 100)
        stop_usage("--base and --queries are needed, and --percent is at most 100");
}

static void load(replace *r)
{
    r->data = fvecs_read(r->in.base, SIZE_MAX);
    r->queries = fvecs_read(r->in.queries, r->max_queries);
    if (r->rows >= r->data.rows)
        stop("%s has %zu rows, and some must remain", r->in.base, r->data.rows);
    r->row_of = need(r->rows * sizeof *r->row_of);
    r->order = need(r->rows * sizeof *r->order);
    r->unused_count = r->data.rows - r->rows;
    r->unused = need(r->unused_count * sizeof *r->unused);
    for (uint32_t i = 0; i < r->rows; i++)
        r->row_of[i] = r->order[i] = i;
    for (size_t i = 0; i < r->unused_count; i++)
        r->unused[i] = r->rows + (uint32_t)i;
}

/* Another order in each round, the same in each run. */
static void shuffle(uint32_t *ids, uint32_t count)
{
    static uint64_t state = 42;

    for (uint32_t i = count; i > 1; i--) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        uint32_t j = (uint32_t)((state >> 33) % i), kept = ids[i - 1];
        ids[i - 1] = ids[j];
        ids[j] = kept;
    }
}

static void renew(replace *r, vdb *db, const uint32_t *ids, uint32_t count)
{
    uint32_t *rows = need(count * sizeof *rows);

    for (uint32_t i = 0; i < count; i++) {
        size_t at = r->unused_first++ % r->unused_count;
        rows[i] = r->unused[at];
        r->unused[at] = r->row_of[ids[i]];
        r->row_of[ids[i]] = rows[i];
    }
    numbered_put(db, &r->data, ids, rows, 0, count);
    free(rows);
}

static void report(const replace *r, vdb *db, const char *what, size_t step)
{
    vdb_stats stats = VDB_STATS_INIT;
    double recall =
        numbered_recall(db, &r->queries, r->queries.rows, r->queries.rows, r->k, r->ef);
    size_t lost = numbered_lost(db, &r->data, r->row_of, r->rows, step, r->ef);
    uint64_t resident = resident_bytes();

    numbered_must(vdb_stats_get(db, &stats), "vdb_stats_get");
    printf(
        "%s: recall %.4f, not found %zu of %zu; resident %.1f MB, allocated %.1f MB, "
        "graph %.1f MB, file %.1f MB of which free %.1f MB",
        what, recall, lost, (r->rows + step - 1) / step,
        (double)(resident - r->before) / 1e6, (double)stats.resident_bytes / 1e6,
        (double)stats.graph_bytes / 1e6, (double)stats.file_bytes / 1e6,
        (double)stats.free_bytes / 1e6);
}

/* The same vectors, made anew; closed files are weighed at the end. */
static void report_fresh(replace *r, size_t step)
{
    uint64_t before = r->before;
    double begun = now();
    vdb *db;

    r->before = resident_bytes();
    db = numbered_open(r->fresh_path, r->in.metric, VDB_NORMAL, r->threads);

    for (uint32_t id = 0; id < r->rows; id += 1000) {
        uint32_t ids[1000], count = r->rows - id < 1000 ? r->rows - id : 1000;
        for (uint32_t i = 0; i < count; i++)
            ids[i] = id + i;
        numbered_put(db, &r->data, ids, r->row_of + id, 0, count);
    }
    numbered_must(vdb_wait_indexed(db, NULL), "vdb_wait_indexed");
    begun = now() - begun;
    report(r, db, "    fresh", step);
    numbered_close(db);
    printf("; closed %.1f MB; made in %.1f s\n",
           (double)database_bytes(r->fresh_path) / 1e6, begun);
    remove(r->fresh_path);
    r->before = before;
}

int main(int argc, char **argv)
{
    replace r;
    uint32_t count, number = 0, steps;
    const char *path;
    vdb *db;

    parse(&r, argc, argv);
    load(&r);
    path = scratch_file();
    snprintf(r.fresh_path, sizeof r.fresh_path, "%s-fresh", path);
    count = (uint32_t)((uint64_t)r.rows * r.percent / 100);
    steps = r.rows / count * r.rounds;
    r.before = resident_bytes();
    db = numbered_open(path, r.in.metric, VDB_NORMAL, r.threads);
    numbered_put(db, &r.data, NULL, NULL, 0, r.rows);
    numbered_must(vdb_wait_indexed(db, NULL), "vdb_wait_indexed");
    report(&r, db, "made", 1 + r.rows / 5000);
    printf("\n");
    for (uint32_t round = 0; round < r.rounds; round++) {
        shuffle(r.order, r.rows);
        for (uint32_t at = 0; at + count <= r.rows; at += count) {
            char what[60];
            double begun = now();
            renew(&r, db, r.order + at, count);
            numbered_must(vdb_wait_indexed(db, NULL), "vdb_wait_indexed");
            snprintf(what, sizeof what, "step %u (%.1f s)", ++number, now() - begun);
            report(&r, db, what, number == steps ? 1 : 1 + r.rows / 5000);
            printf("\n");
            if (number % r.fresh_every == 0 && number < steps)
                report_fresh(&r, 1 + r.rows / 5000);
            fflush(stdout);
        }
    }
    numbered_close(db);
    printf("closed: %.1f MB\n", (double)database_bytes(path) / 1e6);
    report_fresh(&r, 1);
    return 0;
}
