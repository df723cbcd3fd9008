/* test_search.c: distances, order, ties, batches of queries, what vdb_query asks for,
 * limits in time, explain.
 */
#include "fixture.h"

#include <math.h>

static float one_distance(vdb_metric metric, fixture *fx, const float *a,
                          const float *q, size_t dim)
{
    vdb_options options = fx_options((uint32_t)dim, metric, VDB_FLAT);
    vdb_results *hits = NULL;
    float distance;
    if (fx->db)
        fx_close(fx);
    fx_remove(fx->path);
    fx_open(fx, &options);
    assert_ok(vdb_insert(fx->db, "a", a, dim, NULL));
    assert_ok(vdb_search(fx->db, q, dim, 1, &hits));
    assert_int_equal(vdb_results_count(hits), 1);
    distance = vdb_results_distances(hits)[0];
    vdb_results_free(hits);
    return distance;
}

static void assert_near(double got, double want)
{
    if (fabs(got - want) <= 1e-6 * (1 + fabs(want)))
        return;
    print_error("%.9g, want %.9g\n", got, want);
    fail();
}

static void distances_are_the_references(void **state)
{
    fixture *fx = *state;
    const float a[3] = {1, 2, 3}, b[3] = {1.1f, 2, 3}, m[3] = {-1, -2, -3};
    const float x[3] = {1, 0, 0}, y[3] = {0, 5, 0}, far[3] = {4, 6, 3};
    assert_true(one_distance(VDB_L2, fx, a, far, 3) == 5);
    assert_near(one_distance(VDB_L2, fx, a, b, 3), 0.1);
    assert_true(one_distance(VDB_L2, fx, a, a, 3) == 0);
    assert_near(one_distance(VDB_COSINE, fx, x, y, 3), 1);
    assert_near(one_distance(VDB_COSINE, fx, a, m, 3), 2);
    assert_near(one_distance(VDB_COSINE, fx, a, a, 3), 0);
    assert_true(one_distance(VDB_DOT, fx, a, far, 3) == -25);
    assert_true(one_distance(VDB_DOT, fx, a, m, 3) == 14);
}

static void cosine_distances_stay_within_bounds(void **state)
{
    fixture *fx = *state;
    for (int i = 1; i < 40; i++) {
        const float v[3] = {0.1f * (float)i, 1.0f / (float)i, 3.3e-3f};
        const float w[3] = {-v[0], -v[1], -v[2]};
        float same = one_distance(VDB_COSINE, fx, v, v, 3);
        float opposite = one_distance(VDB_COSINE, fx, v, w, 3);
        assert_true(same >= 0 && same < 1e-6f);
        assert_true(opposite <= 2 && opposite > 1.99999f);
    }
}

static void nearest_come_first_and_ties_by_id_bytes(void **state)
{
    fixture *fx = *state;
    fx_put(fx->db, "z", 1, 0, 0, NULL);
    fx_put(fx->db, "\xc3\xa9", 1, 0, 0, NULL); /* é: above every ASCII letter */
    fx_put(fx->db, "a", -1, 0, 0, NULL);
    fx_put(fx->db, "aa", 0, 1, 0, NULL);
    fx_put(fx->db, "B", 0, 0, 1, NULL);
    fx_put(fx->db, "near", 0.5f, 0, 0, NULL);
    fx_put(fx->db, "far", 9, 0, 0, NULL);
    assert_hits(fx->db, 0, 0, 0, 10, NULL, "near B a aa z \xc3\xa9 far");
    /* A tie at the k-th place is cut by id too. */
    assert_hits(fx->db, 0, 0, 0, 2, NULL, "near B");
    assert_hits(fx->db, 0, 0, 0, 3, NULL, "near B a");
    assert_hits(fx->db, 0, 0, 0, 4, NULL, "near B a aa");
    assert_hits(fx->db, 0, 0, 0, 1000000, NULL, "near B a aa z \xc3\xa9 far");
}

static void dot_and_cosine_order_as_they_should(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_DOT, VDB_FLAT);
    fx_open(fx, &options);
    fx_put(fx->db, "short", 1, 0, 0, NULL);
    fx_put(fx->db, "long", 10, 0, 0, NULL);
    fx_put(fx->db, "away", -3, 0, 0, NULL);
    assert_hits(fx->db, 1, 0, 0, 10, NULL, "long short away");
    /* Nothing forbids a zero vector here: every distance is 0. */
    assert_hits(fx->db, 0, 0, 0, 10, NULL, "away long short");
    fx_close(fx);
    fx_remove(fx->path);
    options.metric = VDB_COSINE;
    fx_open(fx, &options);
    fx_put(fx->db, "b", 5, 0, 0, NULL);
    fx_put(fx->db, "a", 1, 1, 0, NULL);
    fx_put(fx->db, "c", -1, 0, 0, NULL);
    assert_hits(fx->db, 1, 0, 0, 10, NULL, "b a c");
}

static void an_empty_database_answers_nothing(void **state)
{
    fixture *fx = *state;
    const float q[5] = {1, 2, 3, 4, 5};
    vdb_results *hits = NULL;
    for (size_t dim = 1; dim <= 5; dim++) {
        assert_ok(vdb_search(fx->db, q, dim, 10, &hits));
        assert_int_equal(vdb_results_queries(hits), 1);
        assert_int_equal(vdb_results_count(hits), 0);
        assert_int_equal(vdb_results_offsets(hits)[0], 0);
        assert_int_equal(vdb_results_offsets(hits)[1], 0);
        assert_null(vdb_results_id(hits, 0, NULL));
        vdb_results_free(hits);
    }
    /* Also once it has become empty again. */
    fx_put(fx->db, "a", 1, 2, 3, NULL);
    assert_status(vdb_search(fx->db, q, 5, 10, &hits), VDB_INVALID);
    assert_null(hits);
    assert_ok(vdb_delete(fx->db, "a"));
    assert_ok(vdb_search(fx->db, q, 5, 10, &hits));
    assert_int_equal(vdb_results_count(hits), 0);
    vdb_results_free(hits);
}

static void results_outlive_the_database(void **state)
{
    fixture *fx = *state;
    const float q[3] = {0, 0, 0};
    vdb_query query = VDB_QUERY_INIT;
    vdb_results *hits = NULL;
    fx_put(fx->db, "a", 1, 2, 2, "{\"a\": 1}");
    query.vectors = q;
    query.count = 1;
    query.dim = 3;
    query.k = 3;
    query.flags = VDB_QUERY_WITH_METADATA | VDB_QUERY_WITH_VECTORS;
    assert_ok(vdb_search_batch(fx->db, &query, &hits));
    fx_put(fx->db, "a", 7, 7, 7, NULL);
    fx_close(fx);
    assert_string_equal(vdb_results_id(hits, 0, NULL), "a");
    assert_string_equal(vdb_results_metadata(hits, 0, NULL), "{\"a\": 1}");
    assert_true(vdb_results_vector(hits, 0, NULL)[2] == 2);
    assert_true(vdb_results_distances(hits)[0] == 3);
    vdb_results_free(hits);
}

static void fill(vdb *db, int count, uint32_t dim)
{
    float *v = malloc(dim * sizeof *v);
    uint32_t x = 12345;
    char id[32], metadata[64];
    assert_non_null(v);
    for (int i = 0; i < count; i++) {
        for (uint32_t j = 0; j < dim; j++) {
            x = x * 1664525u + 1013904223u;
            v[j] = (float)(x >> 8) / 16777216.0f - 0.5f;
        }
        snprintf(id, sizeof id, "v%05d", i);
        snprintf(metadata, sizeof metadata, "{\"n\": %d, \"mod\": %d}", i, i % 7);
        assert_ok(vdb_insert(db, id, v, dim, i % 5 ? metadata : NULL));
    }
    free(v);
}

static void make_queries(float *q, size_t count, size_t dim)
{
    uint32_t x = 999;
    for (size_t i = 0; i < count * dim; i++) {
        x = x * 1664525u + 1013904223u;
        q[i] = (float)(x >> 8) / 16777216.0f - 0.5f;
    }
}

/* One and many agree bit for bit, whatever the metric and the number of threads. */
static void one_and_many_agree(void **state)
{
    enum {
        Q = 33,
        DIM = 19
    };
    fixture *fx = *state;
    float *q = malloc(sizeof(float) * Q * DIM);
    assert_non_null(q);
    make_queries(q, Q, DIM);
    for (vdb_metric metric = VDB_L2; metric <= VDB_DOT; metric++) {
        vdb_options options = fx_options(DIM, metric, VDB_HNSW);
        vdb_query query = VDB_QUERY_INIT;
        vdb_results *many = NULL, *one = NULL;
        const size_t *offsets;
        fx_remove(fx->path);
        options.threads = 0;
        options.durability = VDB_OFF;
        fx_open(fx, &options);
        fill(fx->db, 700, DIM);
        query.vectors = q;
        query.count = Q;
        query.dim = DIM;
        query.k = 12;
        assert_ok(vdb_search_batch(fx->db, &query, &many));
        assert_int_equal(vdb_results_queries(many), Q);
        assert_int_equal(vdb_results_count(many), Q * 12);
        offsets = vdb_results_offsets(many);
        assert_int_equal(offsets[0], 0);
        for (size_t i = 0; i < Q; i++) {
            assert_int_equal(offsets[i + 1], offsets[i] + 12);
            assert_ok(vdb_search(fx->db, q + i * DIM, DIM, 12, &one));
            assert_memory_equal(vdb_results_distances(one),
                                vdb_results_distances(many) + offsets[i],
                                12 * sizeof(float));
            for (size_t j = 0; j < 12; j++)
                assert_string_equal(vdb_results_id(one, j, NULL),
                                    vdb_results_id(many, offsets[i] + j, NULL));
            vdb_results_free(one);
        }
        vdb_results_free(many);
        fx_close(fx);
    }
    free(q);
}

static void strides_skip_what_lies_between(void **state)
{
    fixture *fx = *state;
    const float q[2][5] = {{1, 0, 0, 99, 99}, {5, 0, 0, 99, 99}};
    vdb_query query = VDB_QUERY_INIT;
    vdb_results *hits = NULL;
    fx_put(fx->db, "one", 1, 0, 0, NULL);
    fx_put(fx->db, "five", 5, 0, 0, NULL);
    query.vectors = q;
    query.count = 2;
    query.dim = 3;
    query.stride = sizeof q[0];
    query.k = 1;
    assert_ok(vdb_search_batch(fx->db, &query, &hits));
    assert_int_equal(vdb_results_count(hits), 2);
    assert_string_equal(vdb_results_id(hits, 0, NULL), "one");
    assert_string_equal(vdb_results_id(hits, 1, NULL), "five");
    assert_null(vdb_results_id(hits, 2, NULL));
    vdb_results_free(hits);
}

static void flags_bring_metadata_and_vectors(void **state)
{
    fixture *fx = *state;
    const float q[3] = {0, 0, 0};
    vdb_query query = VDB_QUERY_INIT;
    vdb_results *hits = NULL;
    size_t n = 0;
    fx_put(fx->db, "a", 1, 0, 0, "{\"x\": \"y\"}");
    fx_put(fx->db, "b", 2, 0, 0, NULL);
    query.vectors = q;
    query.count = 1;
    query.dim = 3;
    query.k = 2;
    assert_ok(vdb_search_batch(fx->db, &query, &hits));
    assert_null(vdb_results_metadata(hits, 0, NULL));
    assert_null(vdb_results_vector(hits, 0, NULL));
    vdb_results_free(hits);
    query.flags = VDB_QUERY_WITH_METADATA | VDB_QUERY_WITH_VECTORS | VDB_QUERY_EXACT;
    assert_ok(vdb_search_batch(fx->db, &query, &hits));
    assert_string_equal(vdb_results_metadata(hits, 0, &n), "{\"x\": \"y\"}");
    assert_int_equal(n, 10);
    assert_null(vdb_results_metadata(hits, 1, NULL));
    assert_true(vdb_results_vector(hits, 1, &n)[0] == 2);
    assert_int_equal(n, 3);
    assert_int_equal(vdb_results_flags(hits, 0), VDB_RESULT_EXACT);
    vdb_results_free(hits);
}

static void max_distance_leaves_out_what_is_farther(void **state)
{
    fixture *fx = *state;
    const float q[3] = {0, 0, 0};
    vdb_query query = VDB_QUERY_INIT;
    vdb_results *hits = NULL;
    for (int i = 1; i <= 5; i++) {
        char id[2] = {(char)('0' + i), 0};
        fx_put(fx->db, id, (float)i, 0, 0, NULL);
    }
    query.vectors = q;
    query.count = 1;
    query.dim = 3;
    query.k = 10;
    query.flags = VDB_QUERY_MAX_DISTANCE;
    query.max_distance = 3; /* exactly as far is not farther */
    assert_ok(vdb_search_batch(fx->db, &query, &hits));
    assert_int_equal(vdb_results_count(hits), 3);
    assert_string_equal(vdb_results_id(hits, 2, NULL), "3");
    vdb_results_free(hits);
    query.max_distance = 0.5f;
    assert_ok(vdb_search_batch(fx->db, &query, &hits));
    assert_int_equal(vdb_results_count(hits), 0);
    vdb_results_free(hits);
    query.max_distance = 9;
    query.k = 2;
    assert_ok(vdb_search_batch(fx->db, &query, &hits));
    assert_int_equal(vdb_results_count(hits), 2);
    vdb_results_free(hits);
    /* Without the flag the field does not count. */
    query.flags = 0;
    query.max_distance = 0.5f;
    query.k = 10;
    assert_ok(vdb_search_batch(fx->db, &query, &hits));
    assert_int_equal(vdb_results_count(hits), 5);
    vdb_results_free(hits);
}

static void explain_tells_what_was_done(void **state)
{
    fixture *fx = *state;
    const float q[6] = {0, 0, 0, 1, 1, 1};
    vdb_filter *filter = fx_filter("{\"op\":\"lt\",\"field\":\"n\",\"value\":10}");
    vdb_query query = VDB_QUERY_INIT;
    vdb_explain explain = VDB_EXPLAIN_INIT;
    vdb_results *hits = NULL;
    query.vectors = q;
    query.count = 2;
    query.dim = 3;
    query.k = 5;
    query.filter = filter;
    query.flags = VDB_QUERY_EXPLAIN;
    assert_ok(vdb_search_batch(fx->db, &query, &hits));
    assert_ok(vdb_results_explain(hits, 1, &explain));
    assert_int_equal(explain.strategy, VDB_STRATEGY_NONE);
    assert_int_equal(explain.live, 0);
    vdb_results_free(hits);
    for (int i = 0; i < 40; i++) {
        char id[16], metadata[32];
        snprintf(id, sizeof id, "v%d", i);
        snprintf(metadata, sizeof metadata, "{\"n\": %d}", i);
        fx_put(fx->db, id, (float)i, 0, 0, metadata);
    }
    assert_ok(vdb_search_batch(fx->db, &query, &hits));
    assert_ok(vdb_results_explain(hits, 1, &explain));
    assert_int_equal(explain.index, VDB_FLAT);
    assert_int_equal(explain.strategy, VDB_STRATEGY_SCAN);
    assert_int_equal(explain.sequence, fx_sequence(fx->db));
    assert_int_equal(explain.live, 40);
    assert_int_equal(explain.matches, 10);
    assert_true(explain.distances >= 10);
    assert_true(memchr(explain.reason, 0, sizeof explain.reason) != NULL);
    assert_true(explain.reason[0] != 0);
    assert_status(vdb_results_explain(hits, 2, &explain), VDB_INVALID);
    vdb_results_free(hits);
    query.flags = 0;
    assert_ok(vdb_search_batch(fx->db, &query, &hits));
    assert_status(vdb_results_explain(hits, 0, &explain), VDB_INVALID);
    vdb_results_free(hits);
    vdb_filter_free(filter);
}

/* Until the graph is there, an HNSW database says that it was answered exactly. */
static void hnsw_says_how_it_was_answered(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_INDEX_DEFAULT);
    const float q[3] = {0, 0, 0};
    vdb_query query = VDB_QUERY_INIT;
    vdb_explain explain = VDB_EXPLAIN_INIT;
    vdb_results *hits = NULL;
    fx_open(fx, &options);
    assert_int_equal(fx_stats(fx->db).index, VDB_HNSW);
    fx_put(fx->db, "a", 1, 0, 0, NULL);
    query.vectors = q;
    query.count = 1;
    query.dim = 3;
    query.k = 5;
    query.flags = VDB_QUERY_EXPLAIN;
    assert_ok(vdb_search_batch(fx->db, &query, &hits));
    assert_ok(vdb_results_explain(hits, 0, &explain));
    assert_int_equal(explain.index, VDB_HNSW);
    assert_true(explain.strategy == VDB_STRATEGY_SCAN ||
                explain.strategy == VDB_STRATEGY_GRAPH);
    assert_true(explain.reason[0] != 0);
    vdb_results_free(hits);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
}

static void a_query_that_is_bad_is_named(void **state)
{
    fixture *fx = *state;
    float q[4][3] = {{1, 0, 0}, {2, 0, 0}, {3, NAN, 0}, {4, 0, 0}};
    vdb_query query = VDB_QUERY_INIT;
    vdb_results *hits = NULL;
    fx_put(fx->db, "a", 1, 0, 0, NULL);
    query.vectors = q;
    query.count = 4;
    query.dim = 3;
    query.k = 1;
    assert_status(vdb_search_batch(fx->db, &query, &hits), VDB_INVALID);
    assert_null(hits);
    assert_message("2"); /* the query's index */
    q[2][1] = 0;
    query.k = 0;
    assert_status(vdb_search_batch(fx->db, &query, &hits), VDB_INVALID);
    query.k = VDB_K_MAX + 1;
    assert_status(vdb_search_batch(fx->db, &query, &hits), VDB_INVALID);
    query.k = 1;
    query.flags = VDB_QUERY_FILTERED;
    assert_status(vdb_search_batch(fx->db, &query, &hits), VDB_INVALID);
    query.flags = 0;
    query.recall_target = 1.5f;
    assert_status(vdb_search_batch(fx->db, &query, &hits), VDB_INVALID);
    query.recall_target = 0;
    query.type = VDB_F16;
    assert_status(vdb_search_batch(fx->db, &query, &hits), VDB_UNSUPPORTED);
    query.type = VDB_F32;
    query.reserved = 1;
    assert_status(vdb_search_batch(fx->db, &query, &hits), VDB_UNSUPPORTED);
    query.reserved = 0;
    assert_ok(vdb_search_batch(fx->db, &query, &hits));
    vdb_results_free(hits);
}

static void a_null_filter_does_not_find_all(void **state)
{
    fixture *fx = *state;
    const float q[3] = {0, 0, 0};
    vdb_results *hits = NULL;
    fx_put(fx->db, "a", 1, 0, 0, NULL);
    assert_status(vdb_search_filtered(fx->db, q, 3, 1, NULL, &hits), VDB_INVALID);
    assert_null(hits);
    assert_status(vdb_delete_where(fx->db, NULL, NULL, NULL), VDB_INVALID);
    assert_int_equal(fx_count(fx->db), 1);
}

static void cancelled_and_late_operations_stop(void **state)
{
    enum {
        N = 3000,
        Q = 4000,
        DIM = 64
    };
    fixture *fx = *state;
    vdb_options options = fx_options(DIM, VDB_L2, VDB_FLAT);
    vdb_filter *filter = fx_filter("{\"op\":\"lt\",\"field\":\"n\",\"value\":1e9}");
    float *q = malloc(sizeof(float) * Q * DIM);
    vdb_query query = VDB_QUERY_INIT;
    vdb_op op = VDB_OP_INIT;
    vdb_cancel *cancel = NULL;
    vdb_results *hits = NULL;
    vdb_report *report = NULL;
    uint64_t count = 0;
    assert_non_null(q);
    make_queries(q, Q, DIM);
    options.durability = VDB_OFF;
    fx_open(fx, &options);
    fill(fx->db, N, DIM);
    query.vectors = q;
    query.count = Q;
    query.dim = DIM;
    query.k = 10;
    query.op = &op;
    op.timeout_ms = 1; /* 768 million multiplications take longer */
    assert_status(vdb_search_batch(fx->db, &query, &hits), VDB_TIMEOUT);
    assert_null(hits);
    op.timeout_ms = 0;
    assert_ok(vdb_cancel_new(&cancel));
    op.cancel = cancel;
    query.count = 2;
    assert_ok(vdb_search_batch(fx->db, &query, &hits)); /* not set yet */
    vdb_results_free(hits);
    vdb_cancel_set(cancel);
    query.count = Q;
    assert_status(vdb_search_batch(fx->db, &query, &hits), VDB_CANCELLED);
    assert_null(hits);
    assert_status(vdb_count(fx->db, filter, &op, &count), VDB_CANCELLED);
    assert_status(vdb_check(fx->db, NULL, &report, &op), VDB_CANCELLED);
    vdb_report_free(report);
    assert_status(vdb_delete_where(fx->db, filter, &op, &count), VDB_CANCELLED);
    assert_int_equal(fx_count(fx->db), N);
    vdb_cancel_free(cancel);
    vdb_cancel_free(NULL);
    vdb_filter_free(filter);
    free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name)  cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
#define T3(name) cmocka_unit_test_setup_teardown(name, fx_setup_3d, fx_teardown)
        T(distances_are_the_references),
        T(cosine_distances_stay_within_bounds),
        T3(nearest_come_first_and_ties_by_id_bytes),
        T(dot_and_cosine_order_as_they_should),
        T3(an_empty_database_answers_nothing),
        T3(results_outlive_the_database),
        T(one_and_many_agree),
        T3(strides_skip_what_lies_between),
        T3(flags_bring_metadata_and_vectors),
        T3(max_distance_leaves_out_what_is_farther),
        T3(explain_tells_what_was_done),
        T(hnsw_says_how_it_was_answered),
        T3(a_query_that_is_bad_is_named),
        T3(a_null_filter_does_not_find_all),
        T(cancelled_and_late_operations_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
