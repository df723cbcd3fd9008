/* test_exact.c: every way to search exactly gives the same answers: one query, a few,
 * many, on one thread or several, mapped or not, with a filter, with ties at the k-th
 * place.  What they must be is told by a sort of everything.
 */
#include "fixture.h"

#include <math.h>

enum {
    N = 2500,
    DIM = 40,
    QUERIES = 13,
    ALL = 1000000
};

typedef struct board {
    float vectors[N][DIM], queries[QUERIES][DIM];
    char ids[N][12];
    int deleted[N], number[N]; /* of the metadata */
} board;

static uint32_t seed = 77;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

/* A third of the vectors differ, so that ties of distance abound; ids in an order of
 * their own; one vector in eight is deleted, some are replaced by others. */
static void fill(board *b, vdb *db)
{
    for (int i = 0; i < N; i++) {
        int like = i < 900 ? i : (int)random_below((uint32_t)i);
        for (int d = 0; d < DIM; d++)
            b->vectors[i][d] = i < 900 ? (float)random_below(1000) / 500 - 1 + 0.001f
                                       : b->vectors[like][d];
        snprintf(b->ids[i], sizeof b->ids[i], "%05u", (unsigned)i * 7919u % 99991u);
        b->number[i] = (int)random_below(100);
        b->deleted[i] = random_below(8) == 0;
    }
    for (int q = 0; q < QUERIES; q++)
        for (int d = 0; d < DIM; d++)
            b->queries[q][d] =
                q == 0 ? b->vectors[5][d] : (float)random_below(1000) / 500 - 1;
    for (int i = 0; i < N; i++) {
        char metadata[32];
        snprintf(metadata, sizeof metadata, "{\"n\": %d}", b->number[i]);
        if (i % 11 == 0) /* to be replaced */
            assert_ok(vdb_insert(db, b->ids[i], b->vectors[(i + 1) % N], DIM, NULL));
        assert_ok(vdb_insert(db, b->ids[i], b->vectors[i], DIM, metadata));
    }
    for (int i = 0; i < N; i++)
        if (b->deleted[i])
            assert_ok(vdb_delete(db, b->ids[i]));
}

/* The whole order for one query, by the library's own sort of everything: checked
 * against the definition, then cut at k. */
static vdb_results *whole_order(board *b, vdb *db, int q, int below,
                                const vdb_filter *filter)
{
    vdb_query query = VDB_QUERY_INIT;
    vdb_results *all;
    size_t want = 0;

    query.vectors = b->queries[q];
    query.count = 1;
    query.dim = DIM;
    query.k = ALL;
    query.filter = filter;
    assert_ok(vdb_search_batch(db, &query, &all));
    for (int i = 0; i < N; i++)
        want += !b->deleted[i] && b->number[i] < below;
    assert_int_equal(vdb_results_count(all), want);
    for (size_t i = 1; i < want; i++) {
        const float *d = vdb_results_distances(all);
        assert_true(d[i - 1] < d[i] ||
                    (d[i - 1] == d[i] && strcmp(vdb_results_id(all, i - 1, NULL),
                                                vdb_results_id(all, i, NULL)) < 0));
    }
    return all;
}

/* Queries [from, from + count) give the first k of the whole order within `farthest`. */
static void check(board *b, vdb *db, vdb_results *const *orders, size_t from,
                  size_t count, size_t k, const vdb_filter *filter, float farthest,
                  uint32_t flags)
{
    vdb_query query = VDB_QUERY_INIT;
    vdb_results *hits;

    query.vectors = b->queries[from];
    query.count = count;
    query.dim = DIM;
    query.k = k;
    query.filter = filter;
    query.max_distance = farthest;
    query.flags = flags | VDB_QUERY_MAX_DISTANCE | VDB_QUERY_EXPLAIN;
    assert_ok(vdb_search_batch(db, &query, &hits));
    for (size_t q = 0; q < count; q++) {
        vdb_results *want = orders[from + q];
        const size_t at = vdb_results_offsets(hits)[q];
        const size_t n = vdb_results_offsets(hits)[q + 1] - at;
        const float *distances = vdb_results_distances(want);
        vdb_explain explain = VDB_EXPLAIN_INIT;
        size_t within = 0;
        while (within < vdb_results_count(want) && within < k &&
               distances[within] <= farthest)
            within++;
        assert_int_equal(n, within);
        assert_memory_equal(vdb_results_distances(hits) + at, distances,
                            n * sizeof *distances);
        for (size_t i = 0; i < n; i++)
            assert_string_equal(vdb_results_id(hits, at + i, NULL),
                                vdb_results_id(want, i, NULL));
        assert_ok(vdb_results_explain(hits, q, &explain));
        assert_int_equal(explain.distances, vdb_results_count(want));
    }
    vdb_results_free(hits);
}

/* One of those in the middle. */
static float some_distance(const vdb_results *order)
{
    size_t count = vdb_results_count(order);

    assert_true(count > 2);
    return vdb_results_distances(order)[count > 40 ? 20 : count / 2];
}

static void check_all(board *b, vdb *db)
{
    static const size_t ks[] = {1, 10, 77, 600};
    static const int belows[] = {100, 50, 9, 1};

    for (size_t f = 0; f < sizeof belows / sizeof *belows; f++) {
        char text[80];
        vdb_filter *filter = NULL;
        vdb_results *orders[QUERIES];
        snprintf(text, sizeof text, "{\"op\":\"lt\",\"field\":\"n\",\"value\":%d}",
                 belows[f]);
        if (belows[f] < 100)
            filter = fx_filter(text);
        for (int q = 0; q < QUERIES; q++)
            orders[q] = whole_order(b, db, q, belows[f], filter);
        for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
            for (size_t q = 0; q < QUERIES; q += 6) {
                check(b, db, orders, q, 1, ks[i], filter, INFINITY, 0);
                check(b, db, orders, q, 1, ks[i], filter, INFINITY, VDB_QUERY_PARALLEL);
            }
            check(b, db, orders, 1, 3, ks[i], filter, INFINITY, 0);
            check(b, db, orders, 0, QUERIES, ks[i], filter, INFINITY, 0);
            /* A limit that is itself a distance: what ties with it is within. */
            check(b, db, orders, 0, QUERIES, ks[i], filter, some_distance(orders[0]),
                  0);
        }
        for (int q = 0; q < QUERIES; q++)
            vdb_results_free(orders[q]);
        vdb_filter_free(filter);
    }
}

static void all_ways_agree(fixture *fx, uint32_t threads, int in_memory, uint32_t flags)
{
    static board b;

    for (vdb_metric metric = VDB_L2; metric <= VDB_DOT; metric++) {
        vdb_options options = fx_options(DIM, metric, VDB_FLAT);
        options.threads = threads;
        options.durability = VDB_OFF;
        if (in_memory)
            assert_ok(vdb_open(NULL, &options, &fx->db));
        else
            fx_open(fx, &options);
        fill(&b, fx->db);
        if (!in_memory) {
            fx_close(fx);
            options.flags = flags;
            options.cache_bytes = 256 << 10; /* without mapping: let things go */
            fx_open(fx, &options);
        }
        check_all(&b, fx->db);
        fx_close(fx);
        if (!in_memory)
            fx_remove(fx->path);
    }
}

static void in_memory_on_one_thread(void **state)
{
    all_ways_agree(*state, 1, 1, 0);
}

static void mapped_on_four_threads(void **state)
{
    all_ways_agree(*state, 4, 0, 0);
}

static void read_on_three_threads(void **state)
{
    all_ways_agree(*state, 3, 0, VDB_OPEN_NO_MMAP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_memory_on_one_thread, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(mapped_on_four_threads, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(read_on_three_threads, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
