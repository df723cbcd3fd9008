/* ops_read.c: reading a database that may be damaged, beside the model: what it answers is
 * right. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_ops.h"

static const char *const filters[] = {
    NULL,
    "{\"op\": \"eq\", \"field\": \"kind\", \"value\": \"k1\"}",
    "{\"op\": \"ne\", \"field\": \"kind\", \"value\": \"k1\"}",
    "{\"op\": \"prefix\", \"field\": \"kind\", \"value\": \"k\"}",
    "{\"op\": \"gt\", \"field\": \"n\", \"value\": 11}",
    "{\"op\": \"lte\", \"field\": \"real\", \"value\": 7.5}",
    "{\"op\": \"contains\", \"field\": \"tags\", \"value\": 7}",
    "{\"op\": \"prefix\", \"field\": \"long\", \"value\": \"0\"}",
    "{\"op\": \"exists\", \"field\": \"deep.x\"}",
    "{\"op\": \"eq\", \"field\": \"deep.y\", \"value\": null}",
    "{\"op\": \"id_in\", \"ids\": [\"id-00\", \"id-02\", \"id-30\", \"nobody\"]}",
    "{\"op\": \"and\", \"filters\": [{\"op\": \"exists\", \"field\": \"n\"}, {\"op\": "
    "\"not\", "
    "\"filter\": {\"op\": \"in\", \"field\": \"n\", \"values\": [3, 4.0, \"5\"]}}]}",
    "{\"op\": \"or\", \"filters\": []}"};

void ops_filter(const ops_run *run, unsigned which, vdb_filter **filter, json_t **tree)
{
    const char *text = filters[which % (sizeof filters / sizeof *filters)];

    *filter = NULL;
    *tree = NULL;
    if (!text)
        return;
    REQUIRE(vdb_filter_parse(run->env, text, strlen(text), filter) == VDB_OK);
    *tree = json_loads(text, 0, NULL);
    REQUIRE(*tree != NULL);
}

static const oracle *view_of(const ops_run *run, bool held, vdb_op *op)
{
    if (!held || !run->snapshot)
        return &run->now;
    op->snapshot = run->snapshot;
    return &run->held;
}

static void require_record(const vdb_record *record, const oracle_entry *e)
{
    size_t dim, length;
    const char *id = vdb_record_id(record, &length);
    const float *vector = vdb_record_vector(record, &dim);
    const char *metadata = vdb_record_metadata(record, NULL);

    REQUIRE(length == strlen(id) && !strcmp(id, e->id));
    REQUIRE(dim == HARNESS_DIM && !memcmp(vector, e->vector, dim * sizeof *vector));
    REQUIRE((metadata == NULL) == (e->metadata == NULL));
    REQUIRE(!metadata || !strcmp(metadata, e->metadata));
}

void ops_get(const ops_run *run, bool held, const char *id)
{
    vdb_op op = VDB_OP_INIT;
    const oracle_entry *e = oracle_find(view_of(run, held, &op), id);
    vdb_record *record;
    vdb_status st = vdb_get(run->db, id, &op, &record);

    if (st == VDB_NOT_FOUND)
        REQUIRE(!e);
    else if (ops_done(run, st)) {
        REQUIRE(e != NULL);
        require_record(record, e);
    }
    vdb_record_free(record);
}

void ops_count(const ops_run *run, bool held, unsigned filter)
{
    vdb_op op = VDB_OP_INIT;
    const oracle *view = view_of(run, held, &op);
    uint64_t got = 0, wanted = 0;
    vdb_filter *parsed;
    json_t *tree;

    ops_filter(run, filter, &parsed, &tree);
    for (size_t i = 0; i < view->count; i++)
        wanted += (uint64_t)oracle_passes(tree, &view->entries[i]);
    if (ops_done(run, vdb_count(run->db, parsed, &op, &got)))
        REQUIRE(got == wanted);
    vdb_filter_free(parsed);
    json_decref(tree);
}

/* Hits that pass, at their distances, nearest first; and whoever passes and is not among
 * them is not nearer. */
static void require_hits(const oracle *view, const json_t *tree, const float *query,
                         size_t k, const vdb_results *hits)
{
    const float *distances = vdb_results_distances(hits);
    size_t count = vdb_results_count(hits), passing = 0;
    bool *taken = calloc(view->count + 1, sizeof *taken);

    REQUIRE(taken != NULL);
    for (size_t i = 0; i < count; i++) {
        const oracle_entry *e = oracle_find(view, vdb_results_id(hits, i, NULL));
        REQUIRE(e && !taken[e - view->entries] && oracle_passes(tree, e));
        taken[e - view->entries] = true;
        REQUIRE(fabs((double)distances[i] - oracle_distance(view, query, e->vector)) <=
                oracle_tolerance(view, query, e->vector));
        REQUIRE(i == 0 || distances[i - 1] <= distances[i]);
    }
    for (size_t i = 0; i < view->count; i++) {
        const oracle_entry *e = &view->entries[i];
        if (!oracle_passes(tree, e))
            continue;
        passing++;
        REQUIRE(taken[i] || count == 0 ||
                oracle_distance(view, query, e->vector) +
                        2 * oracle_tolerance(view, query, e->vector) >=
                    (double)distances[count - 1]);
    }
    REQUIRE(count == (passing < k ? passing : k));
    free(taken);
}

void ops_search(const ops_run *run, bool held, unsigned filter, unsigned k,
                unsigned query)
{
    vdb_op op = VDB_OP_INIT;
    const oracle *view = view_of(run, held, &op);
    vdb_query q = VDB_QUERY_INIT;
    float vector[HARNESS_DIM];
    vdb_filter *parsed;
    vdb_results *hits;
    json_t *tree;

    ops_filter(run, filter, &parsed, &tree);
    q.vectors = harness_row_vector(query, vector);
    q.count = 1;
    q.dim = HARNESS_DIM;
    q.k = k;
    q.filter = parsed;
    q.op = &op;
    q.flags = k % 3 ? 0 : VDB_QUERY_WITH_METADATA | VDB_QUERY_WITH_VECTORS;
    if (ops_done(run, vdb_search_batch(run->db, &q, &hits)))
        require_hits(view, tree, vector, k, hits);
    vdb_results_free(hits);
    vdb_filter_free(parsed);
    json_decref(tree);
}

bool ops_walk(const ops_run *run, bool held, unsigned filter)
{
    vdb_op op = VDB_OP_INIT;
    const oracle *view = view_of(run, held, &op);
    vdb_cursor_options options = VDB_CURSOR_OPTIONS_INIT;
    const vdb_record *record = NULL;
    vdb_cursor *cursor;
    vdb_filter *parsed;
    json_t *tree;
    size_t at = 0;
    bool whole;

    ops_filter(run, filter, &parsed, &tree);
    options.filter = parsed;
    options.snapshot = op.snapshot;
    whole = ops_done(run, vdb_cursor_open(run->db, &options, &cursor));
    while (whole) {
        whole = ops_done(run, vdb_cursor_next(cursor, &record));
        while (at < view->count && !oracle_passes(tree, &view->entries[at]))
            at++;
        if (!whole)
            break;
        REQUIRE((record == NULL) == (at == view->count));
        if (!record)
            break;
        require_record(record, &view->entries[at++]);
    }
    vdb_cursor_free(cursor);
    vdb_filter_free(parsed);
    json_decref(tree);
    return whole;
}
