/* test_graph.c: what a graph answers, through all that can happen to its vectors, against
 * exact searches.
 */
#include "graph_fixture.h"

static void check_metric(fixture *fx, vdb_metric metric, uint32_t threads)
{
    const vdb_options options = graph_options(metric, threads);
    const asked a = {.k = 10};
    float queries[QUERIES * DIM];
    vdb_results *many;
    fill_queries(queries);
    open_full(fx, &options);
    assert_recall(fx->db, .k = 10);
    assert_recall(fx->db, .k = 1);
    assert_recall(fx->db, .k = 200);
    /* One query and many have the same answers. */
    many = find(fx->db, queries, QUERIES, &a);
    for (size_t q = 0; q < QUERIES; q++) {
        vdb_results *one = find(fx->db, queries + q * DIM, 1, &a);
        size_t from = vdb_results_offsets(many)[q];
        assert_int_equal(vdb_results_count(one), 10);
        for (size_t i = 0; i < 10; i++)
            assert_string_equal(vdb_results_id(one, i, NULL),
                                vdb_results_id(many, from + i, NULL));
        assert_memory_equal(vdb_results_distances(one),
                            vdb_results_distances(many) + from, 10 * sizeof(float));
        vdb_results_free(one);
    }
    vdb_results_free(many);
    fx_assert_clean(fx->db);
}

static void recall_is_high_under_l2(void **state)
{
    check_metric(*state, VDB_L2, 1);
}

static void recall_is_high_under_cosine(void **state)
{
    check_metric(*state, VDB_COSINE, 2);
}

static void recall_is_high_under_dot(void **state)
{
    check_metric(*state, VDB_DOT, 1);
}

/* Before there is a graph, while it is made, and while its fresh slots are too many. */
static void check_found_at_once(fixture *fx, uint32_t threads)
{
    const vdb_options options = graph_options(VDB_L2, threads);
    char metadata[48];
    float v[DIM];
    fx_open(fx, &options);
    put_rows(fx->db, 0, 1950, 0, vector_of);
    for (uint32_t i = 1950; i < 2700; i++) {
        snprintf(metadata, sizeof metadata, "{\"n\":%u}", i);
        vector_of(i, 0, v);
        assert_ok(vdb_insert(fx->db, id_of(i), v, DIM, metadata));
        assert_finds_own(fx->db, i, 0);
        if (i % 7 == 0)
            assert_finds_own(fx->db, mixed(i) % i, 0);
    }
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    for (uint32_t i = 0; i < 2700; i += 11)
        assert_finds_own(fx->db, i, 0);
    assert_recall(fx->db, .k = 10);
}

static void inserts_are_found_at_once(void **state)
{
    check_found_at_once(*state, 1);
}

static void inserts_are_found_at_once_beside_a_thread(void **state)
{
    check_found_at_once(*state, 2);
}

static void check_selectivity(fixture *fx, uint32_t matches, size_t k)
{
    char text[80];
    const float own[DIM] = {0};
    vdb_filter *filter;
    asked a = {.k = k};
    vdb_results *hits;
    /* Those that pass are the last ones: far apart in the graph. */
    snprintf(text, sizeof text, "{\"op\":\"gte\",\"field\":\"n\",\"value\":%u}",
             N - matches);
    filter = fx_filter(text);
    a.filter = filter;
    if (k < 300)
        assert_recall_at(fx->db, &a, 0, __FILE__, __LINE__);
    hits = find(fx->db, own, 1, &a);
    assert_int_equal(vdb_results_count(hits), k < matches ? k : matches);
    for (size_t i = 0; i < vdb_results_count(hits); i++)
        assert_true(number_of(vdb_results_id(hits, i, NULL)) >= N - matches);
    if (matches > 1100 && k < matches / 4)
        assert_strategy(hits, VDB_STRATEGY_GRAPH);
    vdb_results_free(hits);
    vdb_filter_free(filter);
}

static void filtered_searches_find_all_that_are_asked_for(void **state)
{
    fixture *fx = *state;
    const vdb_options options = graph_options(VDB_L2, 1);
    const uint32_t matches[] = {0, 1, 9, 300, 1000, 1001, 1200, 2000, N - 1, N};
    const size_t k[] = {1, 10, 290, N + 5};
    open_full(fx, &options);
    for (size_t i = 0; i < sizeof matches / sizeof *matches; i++)
        for (size_t j = 0; j < sizeof k / sizeof *k; j++)
            check_selectivity(fx, matches[i], k[j]);
}

static int is_deleted(uint32_t number)
{
    return number < N && mixed(number) % 3 == 0;
}

static void assert_no_deleted(vdb *db)
{
    for (uint32_t i = 0; i < N; i += 17) {
        const asked a = {.k = 10};
        float v[DIM];
        vdb_results *hits;
        vector_of(i, 0, v);
        hits = find(db, v, 1, &a);
        assert_int_equal(vdb_results_count(hits), 10);
        for (size_t j = 0; j < 10; j++)
            assert_false(is_deleted(number_of(vdb_results_id(hits, j, NULL))));
        if (!is_deleted(i))
            assert_string_equal(vdb_results_id(hits, 0, NULL), id_of(i));
        vdb_results_free(hits);
    }
}

static void deleted_vectors_are_not_answered(void **state)
{
    fixture *fx = *state;
    const vdb_options options = graph_options(VDB_L2, 1);
    vdb_snapshot *before;
    open_full(fx, &options);
    /* While somebody sees them, they cannot be taken out. */
    assert_ok(vdb_snapshot_new(fx->db, &before));
    for (uint32_t i = 0; i < N; i++)
        if (is_deleted(i))
            assert_ok(vdb_delete(fx->db, id_of(i)));
    assert_no_deleted(fx->db);
    assert_recall(fx->db, .k = 10);
    assert_recall(fx->db, .k = 10, .snapshot = before);
    for (uint32_t i = 0; i < N; i += 13)
        assert_finds_own_at(fx->db, i, 0, before, __FILE__, __LINE__);
    vdb_snapshot_free(before);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_no_deleted(fx->db);
    assert_recall(fx->db, .k = 10);
    /* New vectors come in their places. */
    put_rows(fx->db, N, N + 1600, 0, vector_of);
    assert_no_deleted(fx->db);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_no_deleted(fx->db);
    assert_recall(fx->db, .k = 10);
    for (uint32_t i = N; i < N + 1600; i += 9)
        assert_finds_own(fx->db, i, 0);
    fx_assert_clean(fx->db);
}

static void check_replaced(fixture *fx, uint32_t threads)
{
    const vdb_options options = graph_options(VDB_L2, threads);
    vdb_snapshot *held;
    open_full(fx, &options);
    assert_ok(vdb_snapshot_new(fx->db, &held));
    for (uint32_t version = 1; version <= 2; version++) {
        put_rows(fx->db, 0, N, version, vector_of);
        if (version == 1)
            assert_ok(vdb_checkpoint(fx->db, NULL));
        assert_ok(vdb_wait_indexed(fx->db, NULL));
        assert_recall(fx->db, .k = 10);
        assert_recall(fx->db, .k = 10, .snapshot = held);
        for (uint32_t i = 0; i < N; i += 29) {
            assert_finds_own(fx->db, i, version);
            assert_finds_own_at(fx->db, i, 0, held, __FILE__, __LINE__);
        }
    }
    vdb_snapshot_free(held);
    put_rows(fx->db, 0, N, 4, vector_of);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_recall(fx->db, .k = 10);
    fx_assert_clean(fx->db);
}

static void a_snapshot_finds_what_has_been_replaced(void **state)
{
    check_replaced(*state, 1);
}

static void a_snapshot_finds_what_has_been_replaced_beside_a_thread(void **state)
{
    check_replaced(*state, 2);
}

/* The graph never had what was deleted before it was made. */
static void a_snapshot_older_than_the_graph_finds_all(void **state)
{
    fixture *fx = *state;
    const vdb_options options = graph_options(VDB_L2, 1);
    vdb_snapshot *held;
    fx_open(fx, &options);
    put_rows(fx->db, 0, 1800, 0, vector_of);
    assert_ok(vdb_snapshot_new(fx->db, &held));
    put_rows(fx->db, 0, 1400, 1, vector_of);
    put_rows(fx->db, 1800, N, 0, vector_of);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_recall(fx->db, .k = 10);
    assert_right(fx->db, .k = 10, .snapshot = held);
    for (uint32_t i = 0; i < 1800; i += 29)
        assert_finds_own_at(fx->db, i, 0, held, __FILE__, __LINE__);
    vdb_snapshot_free(held);
}

static void all_equal(uint32_t number, uint32_t version, float *out)
{
    (void)number;
    vector_of(7, version, out);
}

static void half_equal(uint32_t number, uint32_t version, float *out)
{
    vector_of(number % 2 ? number : 0, version, out);
}

/* So many of the answers have the query's own value. */
static void assert_equals(vdb *db, size_t k, const vdb_filter *filter, size_t count,
                          vector_function *make)
{
    const asked a = {.k = k, .filter = filter};
    static char seen[NUMBERS];
    float v[DIM];
    vdb_results *hits;
    make(0, 0, v);
    hits = find(db, v, 1, &a);
    memset(seen, 0, sizeof seen);
    assert_int_equal(vdb_results_count(hits), k);
    for (size_t i = 0; i < k; i++) {
        uint32_t number = number_of(vdb_results_id(hits, i, NULL));
        assert_false(seen[number]);
        seen[number] = 1;
        assert_true((vdb_results_distances(hits)[i] == 0) == (i < count));
    }
    vdb_results_free(hits);
}

static void equal_vectors_are_all_found(void **state)
{
    fixture *fx = *state;
    const vdb_options options = graph_options(VDB_L2, 1);
    vdb_filter *filter = fx_filter("{\"op\":\"lt\",\"field\":\"n\",\"value\":1300}");
    fx_open(fx, &options);
    put_rows(fx->db, 0, N, 0, all_equal);
    assert_equals(fx->db, 10, NULL, 10, all_equal);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_equals(fx->db, 10, NULL, 10, all_equal);
    assert_equals(fx->db, 550, NULL, 550, all_equal);
    assert_equals(fx->db, N, NULL, N, all_equal);
    assert_equals(fx->db, 300, filter, 300, all_equal);
    /* Any of them may go. */
    for (uint32_t i = 0; i < N; i++)
        if (i % 4)
            assert_ok(vdb_delete(fx->db, id_of(i)));
    assert_equals(fx->db, N / 4, NULL, N / 4, all_equal);
    assert_equals(fx->db, 100, NULL, 100, all_equal);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_equals(fx->db, 100, NULL, 100, all_equal);
    vdb_filter_free(filter);
    fx_assert_clean(fx->db);
}

static void half_equal_vectors_hide_no_others(void **state)
{
    fixture *fx = *state;
    const vdb_options options = graph_options(VDB_L2, 1);
    fx_open(fx, &options);
    put_rows(fx->db, 0, N, 0, half_equal);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_equals(fx->db, 10, NULL, 10, half_equal);
    assert_equals(fx->db, 500, NULL, 500, half_equal);
    assert_equals(fx->db, N / 2 + 9, NULL, N / 2, half_equal); /* by a scan */
    for (uint32_t i = 1; i < N; i += 2)
        assert_finds_own(fx->db, i, 0);
}

static void the_graph_outlives_the_handle(void **state)
{
    fixture *fx = *state;
    vdb_options options =
        graph_options(VDB_COSINE, 2); /* once reopened it has threads */
    options.threads = 1;
    open_full(fx, &options);
    fx_reopen(fx);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_recall(fx->db, .k = 10);
    /* A few more are no reason to save it again: they are found fresh. */
    put_rows(fx->db, N, N + 60, 0, vector_of);
    assert_ok(vdb_delete(fx->db, id_of(5)));
    put_rows(fx->db, 0, 4, 1, vector_of);
    assert_recall(fx->db, .k = 10);
    fx_close(fx);
    /* Who only reads cannot make one: this is the saved one. */
    options = fx_options(0, 0, 0);
    options.flags = VDB_OPEN_READONLY;
    fx_open(fx, &options);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_recall(fx->db, .k = 10);
    {
        const asked a = {.k = 3};
        for (uint32_t i = N; i < N + 60; i++) {
            float v[DIM];
            vdb_results *hits;
            vector_of(i, 0, v);
            hits = find(fx->db, v, 1, &a);
            assert_string_equal(vdb_results_id(hits, 0, NULL), id_of(i));
            vdb_results_free(hits);
        }
    }
    fx_assert_clean(fx->db);
    fx_close(fx);
    options.threads = 2;
    fx_open(fx, &options);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_recall(fx->db, .k = 10);
}

/* Searches alone have a saved graph loaded, also where no thread may be started. */
static void searches_load_the_graph(void **state)
{
    fixture *fx = *state;
    vdb_options options = graph_options(VDB_L2, 1);
    const asked a = {.k = 10};
    float v[DIM];
    uint32_t strategy = VDB_STRATEGY_SCAN;
    open_full(fx, &options);
    fx_close(fx);
    options.flags = VDB_OPEN_READONLY;
    fx_open(fx, &options);
    vector_of(3, 0, v);
    for (int i = 0; i < 5 && strategy != VDB_STRATEGY_GRAPH; i++) {
        vdb_results *hits = find(fx->db, v, 1, &a);
        assert_string_equal(vdb_results_id(hits, 0, NULL), id_of(3));
        strategy = strategy_of(hits, 0);
        vdb_results_free(hits);
    }
    assert_int_equal(strategy, VDB_STRATEGY_GRAPH);
}

/* What a killed process leaves: the graph of a checkpoint, and a log. */
static void a_saved_graph_is_followed_by_the_log(void **state)
{
    fixture *fx = *state;
    const vdb_options options = graph_options(VDB_L2, 1);
    const vdb_options none = fx_options(0, 0, 0);
    vdb *crashed;
    const char *copy = fx_name(fx, "crashed.vdb");
    open_full(fx, &options);
    assert_ok(vdb_checkpoint(fx->db, NULL));
    put_rows(fx->db, 0, 900, 1, vector_of);
    put_rows(fx->db, N, N + 90, 0, vector_of);
    for (uint32_t i = 1000; i < 1400; i++)
        assert_ok(vdb_delete(fx->db, id_of(i)));
    fx_copy(fx->path, copy);
    assert_ok(vdb_open(copy, &none, &crashed));
    assert_ok(vdb_wait_indexed(crashed, NULL));
    assert_recall(crashed, .k = 10);
    for (uint32_t i = 0; i < 900; i += 7)
        assert_finds_own(crashed, i, 1);
    for (uint32_t i = N; i < N + 90; i++)
        assert_finds_own(crashed, i, 0);
    assert_int_equal(fx_count(crashed), N + 90 - 400);
    fx_assert_clean(crashed);
    assert_ok(vdb_close(crashed));
}

static void bulk_loading_leaves_the_graph_for_later(void **state)
{
    fixture *fx = *state;
    vdb_options options = graph_options(VDB_L2, 1);
    options.flags = VDB_OPEN_BULK;
    fx_open(fx, &options);
    put_rows(fx->db, 0, 3600, 0, vector_of);
    assert_finds_own(fx->db, 3599, 0);
    assert_status(poll_indexed(fx->db), VDB_TIMEOUT);
    assert_right(fx->db, .k = 10);
    assert_status(poll_indexed(fx->db), VDB_TIMEOUT);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_ok(poll_indexed(fx->db));
    assert_recall(fx->db, .k = 10);
}

static void polling_tells_what_is_left(void **state)
{
    fixture *fx = *state;
    const vdb_options options = graph_options(VDB_L2, 1);
    float v[DIM];
    fx_open(fx, &options);
    assert_ok(poll_indexed(fx->db)); /* nothing is covered */
    put_rows(fx->db, 0, 100, 0, vector_of);
    assert_ok(poll_indexed(fx->db)); /* too few */
    put_rows(fx->db, 100, N, 0, vector_of);
    assert_status(poll_indexed(fx->db), VDB_TIMEOUT);
    assert_message("not in the graph");
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_ok(poll_indexed(fx->db));
    vector_of(N, 0, v);
    assert_ok(vdb_insert(fx->db, id_of(N), v, DIM, NULL));
    assert_status(poll_indexed(fx->db), VDB_TIMEOUT);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_ok(poll_indexed(fx->db));
}

static void a_database_in_memory_has_a_graph(void **state)
{
    fixture *fx = *state;
    const vdb_options options = graph_options(VDB_DOT, 2);
    assert_ok(vdb_open(":memory:", &options, &fx->db));
    put_rows(fx->db, 0, N, 0, vector_of);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_recall(fx->db, .k = 10);
    put_rows(fx->db, 0, N, 1, vector_of);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_recall(fx->db, .k = 10);
    fx_assert_clean(fx->db);
}

static void limits_leave_out_what_is_too_far(void **state)
{
    fixture *fx = *state;
    const vdb_options options = graph_options(VDB_L2, 1);
    float queries[QUERIES * DIM];
    fill_queries(queries);
    open_full(fx, &options);
    for (size_t q = 0; q < QUERIES; q++) {
        vdb_query query = VDB_QUERY_INIT;
        vdb_results *got = NULL, *want = NULL;
        query.vectors = queries + q * DIM;
        query.count = 1;
        query.dim = DIM;
        query.k = 10;
        query.ef = EF;
        query.max_distance = 2.2f;
        query.flags = VDB_QUERY_MAX_DISTANCE;
        assert_ok(vdb_search_batch(fx->db, &query, &got));
        query.flags |= VDB_QUERY_EXACT;
        assert_ok(vdb_search_batch(fx->db, &query, &want));
        for (size_t i = 0; i < vdb_results_count(got); i++)
            assert_true(vdb_results_distances(got)[i] <= 2.2f);
        assert_true(vdb_results_count(got) <= vdb_results_count(want));
        assert_true(vdb_results_count(want) - vdb_results_count(got) <= 1);
        vdb_results_free(got);
        vdb_results_free(want);
    }
}

/* A handle without threads that only searches loads the saved graph. */
static void searches_load_the_graph_without_threads(void **state)
{
    fixture *fx = *state;
    vdb_options options = graph_options(VDB_L2, 1);
    const asked a = {.k = 10};
    float v[DIM];
    uint32_t strategies[4];
    open_full(fx, &options);
    fx_close(fx);
    options = (vdb_options)VDB_OPTIONS_INIT;
    options.threads = 1;
    fx_open(fx, &options);
    vector_of(3, 3, v);
    for (int i = 0; i < 4; i++) {
        vdb_results *hits = find(fx->db, v, 1, &a);
        strategies[i] = strategy_of(hits, 0);
        vdb_results_free(hits);
    }
    assert_int_equal(strategies[0], VDB_STRATEGY_SCAN);
    assert_int_equal(strategies[2], VDB_STRATEGY_GRAPH);
    assert_int_equal(strategies[3], VDB_STRATEGY_GRAPH);
    assert_recall(fx->db, .k = 10);
}

static void stats_tell_of_the_graph(void **state)
{
    fixture *fx = *state;
    vdb_options options = graph_options(VDB_L2, 1);
    vdb_stats s;
    uint64_t saved;
    options.flags = VDB_OPEN_BULK;
    open_full(fx, &options);
    s = fx_stats(fx->db);
    assert_int_equal(s.graph_vectors, N);
    assert_int_equal(s.graph_fresh, 0);
    assert_in_range(s.graph_layers, 2, 16);
    /* A cache line of links and one of codes for each, at least. */
    assert_true(s.graph_bytes >= N * 128);
    put_rows(fx->db, N, N + 30, 0, vector_of);
    s = fx_stats(fx->db);
    assert_int_equal(s.graph_vectors, N);
    assert_int_equal(s.graph_fresh, 30);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    s = fx_stats(fx->db);
    assert_int_equal(s.graph_vectors, N + 30);
    assert_int_equal(s.graph_fresh, 0);
    assert_ok(vdb_checkpoint(fx->db, NULL));
    saved = fx_stats(fx->db).graph_file_bytes;
    assert_true(saved >= N * 64 && saved < fx_stats(fx->db).file_bytes);
    fx_close(fx);
    options = (vdb_options)VDB_OPTIONS_INIT;
    options.flags = VDB_OPEN_READONLY;
    options.threads = 1;
    fx_open(fx, &options);
    s = fx_stats(fx->db);
    assert_int_equal(s.graph_vectors, 0); /* not loaded */
    assert_int_equal(s.graph_bytes, 0);
    assert_true(s.graph_file_bytes >= saved);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_int_equal(fx_stats(fx->db).graph_vectors, N + 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
        T(recall_is_high_under_l2),
        T(recall_is_high_under_cosine),
        T(recall_is_high_under_dot),
        T(inserts_are_found_at_once),
        T(inserts_are_found_at_once_beside_a_thread),
        T(filtered_searches_find_all_that_are_asked_for),
        T(deleted_vectors_are_not_answered),
        T(a_snapshot_finds_what_has_been_replaced),
        T(a_snapshot_finds_what_has_been_replaced_beside_a_thread),
        T(a_snapshot_older_than_the_graph_finds_all),
        T(equal_vectors_are_all_found),
        T(half_equal_vectors_hide_no_others),
        T(the_graph_outlives_the_handle),
        T(searches_load_the_graph),
        T(stats_tell_of_the_graph),
        T(searches_load_the_graph_without_threads),
        T(a_saved_graph_is_followed_by_the_log),
        T(bulk_loading_leaves_the_graph_for_later),
        T(polling_tells_what_is_left),
        T(a_database_in_memory_has_a_graph),
        T(limits_leave_out_what_is_too_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
