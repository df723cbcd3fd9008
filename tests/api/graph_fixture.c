/* graph_fixture.c: see graph_fixture.h. */
#include "graph_fixture.h"

/* ---------------------------------------------------------------- vectors */

uint32_t mixed(uint32_t x)
{
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}

void vector_of(uint32_t number, uint32_t version, float *out)
{
    for (uint32_t i = 0; i < DIM; i++)
        out[i] = (float)(mixed(number * 64 + i + mixed(version)) >> 8) / 8388608.0f - 1;
}

void fill_queries(float *out)
{
    for (uint32_t i = 0; i < QUERIES; i++)
        vector_of(i, 999, out + i * (size_t)DIM);
}

const char *id_of(uint32_t number)
{
    static char ids[2][16];
    static unsigned next;
    char *id = ids[next++ % 2];
    snprintf(id, sizeof ids[0], "v%05u", number);
    return id;
}

uint32_t number_of(const char *id)
{
    unsigned long number = strtoul(id + 1, NULL, 10);
    assert_int_equal(id[0], 'v');
    assert_true(number < NUMBERS);
    return (uint32_t)number;
}

/* Store numbers [first, bound), a few hundred in a commit. */
void put_rows(vdb *db, uint32_t first, uint32_t bound, uint32_t version,
              vector_function *make)
{
    enum {
        AT_ONCE = 200
    };
    static char texts[AT_ONCE][16], metadata_texts[AT_ONCE][48];
    static const char *ids[AT_ONCE], *metadata[AT_ONCE];
    static float vectors[AT_ONCE][DIM];
    while (first < bound) {
        vdb_rows rows = VDB_ROWS_INIT;
        uint32_t count = bound - first < AT_ONCE ? bound - first : AT_ONCE;
        for (uint32_t i = 0; i < count; i++) {
            snprintf(texts[i], sizeof texts[i], "v%05u", first + i);
            snprintf(metadata_texts[i], sizeof metadata_texts[i],
                     "{\"n\":%u,\"version\":%u}", first + i, version);
            ids[i] = texts[i];
            metadata[i] = metadata_texts[i];
            make(first + i, version, vectors[i]);
        }
        rows.count = count;
        rows.dim = DIM;
        rows.ids = ids;
        rows.vectors = vectors;
        rows.metadata = metadata;
        assert_ok(vdb_put(db, &rows, NULL, NULL));
        first += count;
    }
}

vdb_options graph_options(vdb_metric metric, uint32_t threads)
{
    vdb_options options = fx_options(DIM, metric, VDB_HNSW);
    if (threads == 1)
        fx_one_thread();
    options.threads = threads;
    options.durability = VDB_OFF;
    options.m = 8;
    options.ef_construction = 32;
    return options;
}

/* A database with N vectors, all of them in its graph. */
void open_full(fixture *fx, const vdb_options *options)
{
    fx_open(fx, options);
    put_rows(fx->db, 0, N, 0, vector_of);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
}

/* ---------------------------------------------------------------- searching */

vdb_results *find(vdb *db, const float *vectors, size_t count, const asked *a)
{
    vdb_query query = VDB_QUERY_INIT;
    vdb_op op = VDB_OP_INIT;
    vdb_results *hits = NULL;
    op.snapshot = a->snapshot;
    query.vectors = vectors;
    query.count = count;
    query.dim = DIM;
    query.k = a->k;
    query.filter = a->filter;
    query.op = &op;
    query.ef = EF;
    query.flags = a->flags | VDB_QUERY_EXPLAIN;
    assert_ok(vdb_search_batch(db, &query, &hits));
    assert_int_equal(vdb_results_queries(hits), count);
    return hits;
}

uint32_t strategy_of(const vdb_results *hits, size_t q)
{
    vdb_explain explain = VDB_EXPLAIN_INIT;
    assert_ok(vdb_results_explain(hits, q, &explain));
    /* The two ways of telling agree. */
    if (explain.strategy != VDB_STRATEGY_NONE)
        assert_int_equal(vdb_results_flags(hits, q),
                         explain.strategy == VDB_STRATEGY_SCAN ? VDB_RESULT_EXACT : 0);
    return explain.strategy;
}

void assert_strategy(const vdb_results *hits, uint32_t strategy)
{
    for (size_t q = 0; q < vdb_results_queries(hits); q++) {
        vdb_explain explain = VDB_EXPLAIN_INIT;
        assert_ok(vdb_results_explain(hits, q, &explain));
        if (explain.strategy != strategy)
            print_error("query %zu: %s (%llu distances, %llu match)\n", q,
                        explain.reason, (unsigned long long)explain.distances,
                        (unsigned long long)explain.matches);
        assert_int_equal(strategy_of(hits, q), strategy);
    }
}

/* Compare one query's answers with the exact ones: how many of those were found.  The
 * number of answers and their distances are not a matter of chance, nor is their order. */
static size_t compare_answers(const vdb_results *got, const vdb_results *want, size_t q)
{
    static size_t place[NUMBERS]; /* of a number's exact answer, + 1 */
    static char seen[NUMBERS];
    size_t from = vdb_results_offsets(got)[q], to = vdb_results_offsets(got)[q + 1];
    size_t exact = vdb_results_offsets(want)[q], end = vdb_results_offsets(want)[q + 1];
    const float *distances = vdb_results_distances(got);
    size_t found = 0;
    assert_int_equal(to - from, end - exact);
    memset(place, 0, sizeof place);
    memset(seen, 0, sizeof seen);
    for (size_t i = exact; i < end; i++)
        place[number_of(vdb_results_id(want, i, NULL))] = i + 1;
    for (size_t i = from; i < to; i++) {
        uint32_t number = number_of(vdb_results_id(got, i, NULL));
        assert_false(seen[number]++);
        /* Ties are in the order of their ids, which is that of the numbers. */
        if (i > from)
            assert_true(distances[i - 1] < distances[i] ||
                        (distances[i - 1] == distances[i] &&
                         number_of(vdb_results_id(got, i - 1, NULL)) < number));
        if (!place[number])
            continue;
        assert_memory_equal(&distances[i],
                            &vdb_results_distances(want)[place[number] - 1],
                            sizeof(float));
        found++;
    }
    return found;
}

/* The recall of these queries; the graph must have answered them, or may have. */
static double recall_of(vdb *db, const float *queries, size_t count, const asked *a,
                        int must)
{
    asked exactly = *a;
    vdb_results *got = find(db, queries, count, a), *want;
    size_t found = 0, all;
    exactly.flags |= VDB_QUERY_EXACT;
    want = find(db, queries, count, &exactly);
    if (must)
        assert_strategy(got, VDB_STRATEGY_GRAPH);
    for (size_t q = 0; q < count; q++)
        found += compare_answers(got, want, q);
    all = vdb_results_count(want);
    vdb_results_free(got);
    vdb_results_free(want);
    return all ? (double)found / (double)all : 1;
}

void assert_recall_at(vdb *db, const asked *a, int must, const char *file, int line)
{
    float queries[QUERIES * DIM];
    double recall;
    fill_queries(queries);
    recall = recall_of(db, queries, QUERIES, a, must);
    if (recall >= 0.95)
        return;
    print_error("recall is %.3f\n", recall);
    _fail(file, line);
}

/* The nearest of a vector's own value is that vector. */
void assert_finds_own_at(vdb *db, uint32_t number, uint32_t version,
                         const vdb_snapshot *snapshot, const char *file, int line)
{
    const asked a = {.k = 1, .snapshot = snapshot};
    float v[DIM];
    vdb_results *hits;
    int right;
    vector_of(number, version, v);
    hits = find(db, v, 1, &a);
    right = vdb_results_count(hits) == 1 &&
            !strcmp(vdb_results_id(hits, 0, NULL), id_of(number)) &&
            vdb_results_distances(hits)[0] == 0;
    vdb_results_free(hits);
    if (right)
        return;
    print_error("%s is not found by its own vector\n", id_of(number));
    _fail(file, line);
}
vdb_status poll_indexed(vdb *db)
{
    vdb_op op = VDB_OP_INIT;
    return vdb_wait_indexed(db, &op);
}
