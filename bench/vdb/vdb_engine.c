/* vdb_engine.c: libvdb, through vdb.h alone, with all that a user pays for.
 *
 * An answer is complete when its ids have been read from the results and the results
 * freed: both are within the time measured, and so is turning each id into the number
 * that it was made of.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vdb.h>

#include "harness/engine.h"
#include "harness/scratch_file.h"
#include "harness/stop.h"
#include "vdb/bench_filters.h"

enum {
    BATCH_ROWS_MAX = 1000,
    BATCH_BYTES_MAX = 8 << 20, /* a commit may take half the log's bound */
    ID_BYTES = 12
};

struct engine {
    vdb *db;
    bench_filters filters;
    uint32_t k, ef;
    float recall_target;
};

const char *const engine_library = "libvdb";

static void must(vdb_status status, const char *what)
{
    if (status)
        stop("%s: %s: %s", what, vdb_status_name(status), vdb_errmsg());
}

void engine_check(const bench_arguments *args)
{
    if (args->codes != CODES_DEFAULT && !args->hnsw)
        remark("--codes has no effect: only a graph goes by codes");
}

/* ---------------------------------------------------------------- opening */

static vdb_status open_db(const bench_arguments *args, const char *path, uint32_t flags,
                          uint32_t threads, vdb **db)
{
    vdb_options options = VDB_OPTIONS_INIT;
    options.flags = flags;
    options.metric = args->metric == METRIC_L2       ? VDB_L2
                     : args->metric == METRIC_COSINE ? VDB_COSINE
                                                     : VDB_DOT;
    options.index = args->hnsw ? VDB_HNSW : VDB_FLAT;
    options.m = args->m;
    options.ef_construction = args->ef_construction;
    options.durability = VDB_NORMAL;
    options.threads = threads;
    options.codes = args->codes == CODES_8      ? VDB_CODES_8
                    : args->codes == CODES_4    ? VDB_CODES_4
                    : args->codes == CODES_NONE ? VDB_CODES_NONE
                                                : VDB_CODES_DEFAULT;
    return vdb_open(path, &options, db);
}

static vdb_stats stats_of(vdb *db)
{
    vdb_stats stats = VDB_STATS_INIT;
    must(vdb_stats_get(db, &stats), "vdb_stats_get");
    return stats;
}

/* --------------------------------------------------------------- building */

static text_lines read_metadata(const bench_arguments *args, size_t rows)
{
    text_lines read = {NULL, NULL, 0};
    if (!args->meta)
        return read;
    read = text_lines_read(args->meta, rows);
    if (read.count < rows)
        stop("%s: %zu lines, but %s has %zu rows", args->meta, read.count, args->base,
             rows);
    return read;
}

/* Insert all rows under their numbers, a batch a commit. */
static void insert_all(vdb *db, const fvecs *base, const text_lines *metadata)
{
    static char ids[BATCH_ROWS_MAX][ID_BYTES];
    static const char *pointers[BATCH_ROWS_MAX];
    size_t row_bytes = base->dim * sizeof *base->values;
    size_t most = BATCH_BYTES_MAX / row_bytes, bad;
    double begin = now(), told = begin;
    most = most < 1 ? 1 : most > BATCH_ROWS_MAX ? BATCH_ROWS_MAX : most;
    for (size_t at = 0; at < base->rows;) {
        vdb_rows rows = VDB_ROWS_INIT;
        size_t n = base->rows - at < most ? base->rows - at : most;
        for (size_t i = 0; i < n; i++) {
            snprintf(ids[i], ID_BYTES, "%u", (unsigned)(at + i));
            pointers[i] = ids[i];
        }
        rows.count = n;
        rows.dim = base->dim;
        rows.ids = pointers;
        rows.vectors = base->values + at * base->dim;
        rows.metadata =
            metadata->line ? (const char *const *)metadata->line + at : NULL;
        if (vdb_put(db, &rows, NULL, &bad))
            stop("row %zu: %s", at + (bad < n ? bad : 0), vdb_errmsg());
        at += n;
        if (now() - told > 2) {
            told = now();
            remark("%zu of %zu vectors inserted, %.0f/s", at, base->rows,
                   (double)at / (told - begin));
        }
    }
}

static double build(vdb *db, const bench_arguments *args, const fvecs *base)
{
    text_lines metadata = read_metadata(args, base->rows);
    double begin = now(), inserted;
    insert_all(db, base, &metadata);
    inserted = now();
    must(vdb_wait_indexed(db, NULL), "vdb_wait_indexed");
    remark("inserted in %.2f s, indexed %.2f s later", inserted - begin,
           now() - inserted);
    begin = now() - begin;
    free(metadata.line);
    free(metadata.text);
    return begin;
}

static void check_opened(vdb *db, const bench_arguments *args, const fvecs *base)
{
    vdb_stats stats = stats_of(db);
    if (stats.vectors != base->rows || stats.dimension != base->dim)
        stop("%s holds %llu vectors of %u dimensions, %s %zu of %zu: not the same data",
             args->db, (unsigned long long)stats.vectors, stats.dimension, args->base,
             base->rows, base->dim);
    remark("%s is there: opened, not built; build_s is 0", args->db);
}

/* Open what --db names, or build what is asked for. */
static vdb *open_or_build(const bench_arguments *args, const fvecs *base,
                          engine_facts *facts)
{
    const char *path = args->memory ? ":memory:" : args->db ? args->db : scratch_file();
    vdb *db;
    vdb_status status = VDB_NOT_FOUND;
    if (args->db)
        status = open_db(args, path, VDB_OPEN_MUST_EXIST, args->threads, &db);
    if (status == VDB_OK) {
        check_opened(db, args, base);
        must(vdb_wait_indexed(db, NULL), "vdb_wait_indexed");
        facts->file_bytes = database_bytes(path);
        return db;
    }
    if (status != VDB_NOT_FOUND)
        must(status, path);
    must(open_db(args, path, 0, args->build_threads, &db), path);
    facts->build_s = build(db, args, base);
    if (args->memory)
        return db;
    /* Reopened: searches have their own number of threads, and find what a user finds
     * who opens the file. */
    must(vdb_close(db), path);
    facts->file_bytes = database_bytes(path);
    must(open_db(args, path, VDB_OPEN_MUST_EXIST, args->threads, &db), path);
    must(vdb_wait_indexed(db, NULL), "vdb_wait_indexed"); /* the graph is loaded */
    return db;
}

static void add_param(engine_facts *facts, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_param(engine_facts *facts, const char *format, ...)
{
    size_t used = strlen(facts->params);
    va_list list;
    if (used > 0 && used + 1 < sizeof facts->params)
        facts->params[used++] = ' ';
    va_start(list, format);
    vsnprintf(facts->params + used, sizeof facts->params - used, format, list);
    va_end(list);
}

/* What a reader of the row needs to know that has no column. */
static void tell_params(const bench_arguments *args, vdb *db, engine_facts *facts)
{
    vdb_stats stats = stats_of(db);
    if (args->hnsw)
        add_param(facts, "m=%u ef_construction=%u", stats.m, stats.ef_construction);
    if (args->hnsw && args->codes != CODES_DEFAULT)
        add_param(facts, "codes=%s", stats.codes == VDB_CODES_NONE ? "none" : "8");
    if (args->batch > 1)
        add_param(facts, "batch=%u", args->batch);
    if (args->filter)
        add_param(facts, "filter");
    if (args->filters) {
        const char *name = strrchr(args->filters, '/');
        name = name ? name + 1 : args->filters;
        add_param(facts, "filters=%.*s", (int)strcspn(name, " ,"), name);
    }
    if (args->memory)
        add_param(facts, "memory");
}

/* ---------------------------------------------------------------- answers */

static int32_t number_of(const char *id)
{
    int32_t value = 0;
    for (; *id; id++)
        value = value * 10 + (*id - '0');
    return value;
}

void engine_mark_passing(engine *e, size_t q, uint8_t *passing, size_t rows)
{
    vdb_cursor_options options = VDB_CURSOR_OPTIONS_INIT;
    vdb_cursor *cursor;
    const vdb_record *record;
    options.filter = bench_filter_of(&e->filters, q);
    options.flags = VDB_CURSOR_IDS_ONLY;
    must(vdb_cursor_open(e->db, &options, &cursor), "vdb_cursor_open");
    for (;;) {
        must(vdb_cursor_next(cursor, &record), "vdb_cursor_next");
        if (!record)
            break;
        int32_t row = number_of(vdb_record_id(record, NULL));
        if (row < 0 || (size_t)row >= rows)
            stop("id %s is not the number of a row", vdb_record_id(record, NULL));
        passing[row] = 1;
    }
    vdb_cursor_free(cursor);
}

/* Measure, unless the file has it, and say which ef is chosen. */
static void tune(engine *e, const fvecs *queries)
{
    vdb_tuning tuning = VDB_TUNING_INIT;
    vdb_query query = VDB_QUERY_INIT;
    vdb_explain explain = VDB_EXPLAIN_INIT;
    vdb_results *results;
    double begin = now();
    must(vdb_wait_indexed(e->db, NULL), "vdb_wait_indexed");
    if (vdb_tuning_get(e->db, 0, &tuning)) {
        must(vdb_tune(e->db, NULL), "vdb_tune");
        remark("recall measured in %.2f s", now() - begin);
    }
    query.vectors = queries->values;
    query.count = 1;
    query.dim = queries->dim;
    query.k = e->k;
    query.recall_target = e->recall_target;
    query.flags = VDB_QUERY_EXPLAIN;
    must(vdb_search_batch(e->db, &query, &results), "vdb_search_batch");
    must(vdb_results_explain(results, 0, &explain), "vdb_results_explain");
    vdb_results_free(results);
    remark("recall target %g: ef %u (%s)", (double)e->recall_target, explain.ef,
           explain.reason);
}

engine *engine_build(const bench_arguments *args, fvecs *base, const fvecs *queries,
                     engine_facts *facts)
{
    engine *e = need(sizeof *e);
    e->k = args->k;
    e->filters = bench_filters_read(args, queries->rows);
    e->db = open_or_build(args, base, facts);
    tell_params(args, e->db, facts);
    e->recall_target = (float)args->recall_target;
    if (args->recall_target > 0) {
        add_param(facts, "recall_target=%g", args->recall_target);
        tune(e, queries);
    }
    return e;
}

void engine_set_ef(engine *e, uint32_t ef)
{
    e->ef = ef;
}

void engine_search(engine *e, const fvecs *queries, size_t first, size_t count,
                   int32_t *answers)
{
    vdb_query query = VDB_QUERY_INIT;
    vdb_results *results;
    query.vectors = queries->values + first * queries->dim;
    query.count = count;
    query.dim = queries->dim;
    query.k = e->k;
    query.ef = e->ef;
    query.recall_target = e->recall_target;
    query.filter = bench_filter_of(&e->filters, first);
    must(vdb_search_batch(e->db, &query, &results), "vdb_search_batch");
    const size_t *offsets = vdb_results_offsets(results);
    for (size_t q = 0; q < count; q++) {
        size_t got = offsets[q + 1] - offsets[q];
        for (size_t i = 0; i < e->k; i++)
            answers[q * e->k + i] =
                i < got ? number_of(vdb_results_id(results, offsets[q] + i, NULL)) : -1;
    }
    vdb_results_free(results);
}

void engine_close(engine *e)
{
    bench_filters_free(&e->filters);
    must(vdb_close(e->db), "vdb_close");
    free(e);
}
