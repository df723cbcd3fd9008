/* numbered.c: see numbered.h. */
#include "updates/numbered.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/stop.h"

enum {
    COMMIT_ROWS = 1000,
    ID_BYTES = 12,
    FOUND = 10 /* results of a search for a vector itself */
};

void numbered_must(vdb_status status, const char *what)
{
    if (status)
        stop("%s: %s: %s", what, vdb_status_name(status), vdb_errmsg());
}

vdb *numbered_open(const char *path, bench_metric metric, vdb_durability durability,
                   uint32_t threads)
{
    vdb_options options = VDB_OPTIONS_INIT;
    vdb *db;

    options.metric = metric == METRIC_L2       ? VDB_L2
                     : metric == METRIC_COSINE ? VDB_COSINE
                                               : VDB_DOT;
    options.index = VDB_HNSW;
    options.durability = durability;
    options.threads = threads;
    numbered_must(vdb_open(path, &options, &db), path);
    return db;
}

void numbered_close(vdb *db)
{
    numbered_must(vdb_close(db), "vdb_close");
}

void numbered_put(vdb *db, const fvecs *data, const uint32_t *ids, const uint32_t *rows,
                  size_t first, size_t count)
{
    static char texts[COMMIT_ROWS][ID_BYTES];
    static const char *pointers[COMMIT_ROWS];
    float *values = rows ? need(COMMIT_ROWS * data->dim * sizeof *values) : NULL;

    for (size_t at = 0; at < count;) {
        vdb_rows put = VDB_ROWS_INIT;
        size_t n = count - at < COMMIT_ROWS ? count - at : COMMIT_ROWS;
        for (size_t i = 0; i < n; i++) {
            snprintf(texts[i], ID_BYTES, "%u",
                     ids ? ids[at + i] : (unsigned)(first + at + i));
            pointers[i] = texts[i];
            for (size_t j = 0; rows && j < data->dim; j++)
                values[i * data->dim + j] = data->values[rows[at + i] * data->dim + j];
        }
        put.count = n;
        put.dim = data->dim;
        put.ids = pointers;
        put.vectors = rows ? values : data->values + (first + at) * data->dim;
        numbered_must(vdb_put(db, &put, NULL, NULL), "vdb_put");
        at += n;
    }
    free(values);
}

vdb_results *numbered_find(vdb *db, const numbered_search *how, const float *queries,
                           size_t count, size_t dim)
{
    vdb_query query = VDB_QUERY_INIT;
    vdb_op op = VDB_OP_INIT;
    vdb_results *results;

    op.snapshot = how->snapshot;
    query.vectors = queries;
    query.count = count;
    query.dim = dim;
    query.k = how->k;
    query.ef = how->ef;
    query.op = &op;
    query.flags = how->exact ? VDB_QUERY_EXACT : 0;
    numbered_must(vdb_search_batch(db, &query, &results), "vdb_search_batch");
    return results;
}

int64_t numbered_id(const vdb_results *results, size_t i)
{
    return strtoll(vdb_results_id(results, i, NULL), NULL, 10);
}

double numbered_recall(vdb *db, const fvecs *queries, size_t count, size_t together,
                       uint32_t k, uint32_t ef)
{
    size_t hits = 0, wanted = 0;

    for (size_t at = 0; at < count; at += together) {
        size_t n = count - at < together ? count - at : together;
        const float *vectors = queries->values + at * queries->dim;
        numbered_search how = {NULL, k, ef, 0};
        vdb_snapshot *snapshot;
        vdb_results *found, *right;
        numbered_must(vdb_snapshot_new(db, &snapshot), "vdb_snapshot_new");
        how.snapshot = snapshot;
        found = numbered_find(db, &how, vectors, n, queries->dim);
        how.exact = 1;
        right = numbered_find(db, &how, vectors, n, queries->dim);
        for (size_t q = 0; q < n; q++) {
            size_t end = vdb_results_offsets(right)[q + 1];
            float limit = vdb_results_distances(right)[end - 1];
            wanted += end - vdb_results_offsets(right)[q];
            for (size_t i = vdb_results_offsets(found)[q];
                 i < vdb_results_offsets(found)[q + 1]; i++)
                hits += vdb_results_distances(found)[i] <= limit;
        }
        vdb_results_free(found);
        vdb_results_free(right);
        vdb_snapshot_free(snapshot);
    }
    return wanted ? (double)hits / (double)wanted : 1;
}

size_t numbered_lost(vdb *db, const fvecs *data, const uint32_t *rows, size_t count,
                     size_t step, uint32_t ef)
{
    const numbered_search how = {NULL, FOUND, ef, 0};
    size_t lost = 0;

    for (size_t id = 0; id < count; id += step) {
        const float *vector = data->values + (rows ? rows[id] : id) * data->dim;
        vdb_results *results = numbered_find(db, &how, vector, 1, data->dim);
        const float *distances = vdb_results_distances(results);
        size_t got = vdb_results_count(results);
        int found = got == FOUND && distances[got - 1] == distances[0];
        for (size_t i = 0; i < got && !found; i++)
            found = numbered_id(results, i) == (int64_t)id;
        lost += !found;
        vdb_results_free(results);
    }
    return lost;
}

int numbered_option(const numbered_number *numbers, size_t count, numbered_input *in,
                    const char *name, const char *value)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, numbers[i].name) == 0) {
            *numbers[i].value = bench_number(name + 2, value, 1, 100000000);
            return 1;
        }
    if (strcmp(name, "--base") == 0)
        in->base = value;
    else if (strcmp(name, "--queries") == 0)
        in->queries = value;
    else if (strcmp(name, "--metric") == 0)
        in->metric = bench_metric_parse(value);
    else
        return 0;
    return 1;
}
