/* test_recall_target.c: searches that ask for a recall instead of an ef, before and after it
 * has been measured, over reopening and growth.
 */
#include <time.h>

#include "graph_fixture.h"

enum {
    MANY = 2200, /* vectors: enough for a graph */
    GROWN = 3400,
    PROBES = 300,
    K = 10
};

static vdb_options options_of(uint32_t threads)
{
    vdb_options options = graph_options(VDB_L2, threads);
    options.ef_construction = 60;
    return options;
}

static void open_many(fixture *fx, uint32_t threads)
{
    const vdb_options options = options_of(threads);
    fx_open(fx, &options);
    put_rows(fx->db, 0, MANY, 0, vector_of);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
}

static vdb_results *ask(vdb *db, const float *v, size_t count, float target,
                        uint32_t flags)
{
    vdb_query query = VDB_QUERY_INIT;
    vdb_results *hits = NULL;
    query.vectors = v;
    query.count = count;
    query.dim = DIM;
    query.k = K;
    query.recall_target = target;
    query.flags = flags | VDB_QUERY_EXPLAIN;
    assert_ok(vdb_search_batch(db, &query, &hits));
    return hits;
}

static vdb_explain explained(vdb *db, float target)
{
    vdb_explain explain = VDB_EXPLAIN_INIT;
    float v[DIM];
    vdb_results *hits;
    vector_of(7, 55, v);
    hits = ask(db, v, 1, target, 0);
    assert_ok(vdb_results_explain(hits, 0, &explain));
    vdb_results_free(hits);
    return explain;
}

/* By the graph: the ef; compared one by one: 0. */
static uint32_t ef_for(vdb *db, float target)
{
    vdb_explain explain = explained(db, target);
    assert_int_equal(explain.strategy,
                     explain.ef ? VDB_STRATEGY_GRAPH : VDB_STRATEGY_SCAN);
    return explain.ef;
}

/* Of vectors that are not stored. */
static double achieved(vdb *db, float target)
{
    static float queries[PROBES * DIM];
    vdb_results *got, *want;
    size_t found = 0;
    for (uint32_t i = 0; i < PROBES; i++)
        vector_of(i, 777, queries + i * DIM);
    got = ask(db, queries, PROBES, target, 0);
    want = ask(db, queries, PROBES, 0, VDB_QUERY_EXACT);
    assert_strategy(got, VDB_STRATEGY_GRAPH);
    for (size_t q = 0; q < PROBES; q++)
        for (size_t i = 0; i < K; i++)
            found += vdb_results_distances(got)[q * K + i] <=
                     vdb_results_distances(want)[q * K + K - 1];
    vdb_results_free(got);
    vdb_results_free(want);
    return (double)found / (PROBES * K);
}

static void assert_reaches(vdb *db, float target)
{
    double recall = achieved(db, target);
    if (recall < (double)target - 0.01)
        print_error("target %g, achieved %g\n", (double)target, recall);
    assert_true(recall >= (double)target - 0.01);
}

static uint64_t measured_for(vdb *db)
{
    vdb_tuning tuning = VDB_TUNING_INIT;
    vdb_status st = vdb_tuning_get(db, 0, &tuning);
    assert_true(st == VDB_OK || st == VDB_NOT_FOUND);
    return st ? 0 : tuning.vectors;
}

static void what_is_not_measured_is_compared(void **state)
{
    fixture *fx = *state;
    vdb_explain explain;
    open_many(fx, 1);
    assert_int_equal(ef_for(fx->db, 0), 50); /* no target */
    assert_int_equal(measured_for(fx->db), 0);
    explain = explained(fx->db, 0.9f);
    assert_int_equal(explain.strategy, VDB_STRATEGY_SCAN);
    assert_non_null(strstr(explain.reason, "recall target"));
    /* With one thread, waiting measures what has been asked for. */
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_int_equal(measured_for(fx->db), MANY);
    assert_int_not_equal(ef_for(fx->db, 0.9f), 0);
}

static void targets_are_reached(void **state)
{
    fixture *fx = *state;
    uint32_t low, middle, high;
    open_many(fx, 1);
    assert_ok(vdb_tune(fx->db, NULL));
    low = ef_for(fx->db, 0.8f);
    middle = ef_for(fx->db, 0.9f);
    high = ef_for(fx->db, 0.98f);
    assert_true(0 < low && low < middle && middle < high);
    assert_reaches(fx->db, 0.8f);
    assert_reaches(fx->db, 0.9f);
    assert_reaches(fx->db, 0.95f);
    assert_reaches(fx->db, 0.98f);
    /* A small effort does miss some, or none of this would show anything. */
    assert_true(achieved(fx->db, 0.01f) < 0.95);
    /* All of them: only by comparing all. */
    assert_int_equal(ef_for(fx->db, 1), 0);
}

static void measurements_ascend(void **state)
{
    fixture *fx = *state;
    vdb_tuning t = VDB_TUNING_INIT, before = VDB_TUNING_INIT;
    size_t count = 0;
    open_many(fx, 2);
    assert_ok(vdb_tune(fx->db, NULL));
    for (; vdb_tuning_get(fx->db, count, &t) == VDB_OK; count++) {
        assert_true(t.k > before.k || (t.k == before.k && t.ef > before.ef));
        assert_true(t.recall > 0 && t.recall <= 1 && t.promised <= t.recall);
        assert_int_equal(t.vectors, MANY);
        assert_true(t.sample >= 100 && t.sample <= 1000);
        before = t;
    }
    assert_true(count >= 6);
    assert_int_equal(before.k, 100);
}

static void what_was_measured_is_in_the_file(void **state)
{
    fixture *fx = *state;
    vdb_options options = VDB_OPTIONS_INIT;
    uint32_t ef;
    open_many(fx, 1);
    assert_ok(vdb_checkpoint(fx->db, NULL)); /* the graph is saved before */
    assert_ok(vdb_tune(fx->db, NULL));
    ef = ef_for(fx->db, 0.9f);
    fx_assert_clean(fx->db);
    fx_close(fx);
    options.flags = VDB_OPEN_READONLY;
    options.threads = 1;
    fx_open(fx, &options);
    assert_status(vdb_tune(fx->db, NULL), VDB_READONLY);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_int_equal(ef_for(fx->db, 0.9f), ef);
    fx_assert_clean(fx->db);
}

static void it_is_measured_again_when_it_has_grown(void **state)
{
    fixture *fx = *state;
    open_many(fx, 1);
    assert_ok(vdb_tune(fx->db, NULL));
    put_rows(fx->db, MANY, MANY + 600, 0, vector_of);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_int_equal(measured_for(fx->db), MANY);
    put_rows(fx->db, MANY + 600, GROWN, 0, vector_of);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_int_equal(measured_for(fx->db), GROWN);
    assert_reaches(fx->db, 0.9f);
}

static void threads_measure_by_themselves(void **state)
{
    fixture *fx = *state;
    uint32_t ef = 0;
    open_many(fx, 2);
    for (int i = 0; i < 6000 && !ef; i++) {
        struct timespec pause = {0, 10000000};
        ef = ef_for(fx->db, 0.9f);
        if (!ef)
            nanosleep(&pause, NULL);
    }
    assert_int_not_equal(ef, 0);
    assert_reaches(fx->db, 0.9f);
}

static void count_progress(void *arg, uint64_t done, uint64_t total)
{
    assert_true(done <= total);
    if (++*(uint64_t *)arg == 20)
        vdb_cancel_set(*(vdb_cancel **)((uint64_t *)arg + 1));
}

static void measuring_can_be_stopped(void **state)
{
    fixture *fx = *state;
    struct {
        uint64_t calls;
        vdb_cancel *cancel;
    } watched = {0, NULL};
    vdb_op op = VDB_OP_INIT;
    open_many(fx, 1);
    assert_ok(vdb_cancel_new(&watched.cancel));
    op.cancel = watched.cancel;
    op.progress = count_progress;
    op.progress_arg = &watched;
    assert_status(vdb_tune(fx->db, &op), VDB_CANCELLED);
    assert_int_equal(watched.calls, 20);
    assert_int_equal(measured_for(fx->db), 0);
    assert_int_equal(fx_stats(fx->db).views, 0);
    vdb_cancel_free(watched.cancel);
    assert_ok(vdb_tune(fx->db, NULL));
    assert_int_equal(measured_for(fx->db), MANY);
}

static void who_has_no_graph_has_nothing_to_tune(void **state)
{
    fixture *fx = *state;
    vdb_options options = options_of(1);
    vdb_tuning tuning = VDB_TUNING_INIT;
    fx_open(fx, &options);
    assert_ok(vdb_tune(fx->db, NULL)); /* too few vectors */
    put_rows(fx->db, 0, 300, 0, vector_of);
    assert_ok(vdb_tune(fx->db, NULL));
    assert_status(vdb_tuning_get(fx->db, 0, &tuning), VDB_NOT_FOUND);
    assert_int_equal(ef_for(fx->db, 0.9f), 0);
    assert_status(vdb_tuning_get(fx->db, 0, NULL), VDB_INVALID);
    fx_close(fx);
    options.index = VDB_FLAT;
    snprintf(fx->path, sizeof fx->path, "%s", fx_name(fx, "flat.vdb"));
    fx_open(fx, &options);
    assert_status(vdb_tune(fx->db, NULL), VDB_UNSUPPORTED);
    put_rows(fx->db, 0, 300, 0, vector_of);
    assert_int_equal(ef_for(fx->db, 0.9f), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_measured_is_compared),
        TEST(targets_are_reached),
        TEST(measurements_ascend),
        TEST(what_was_measured_is_in_the_file),
        TEST(it_is_measured_again_when_it_has_grown),
        TEST(threads_measure_by_themselves),
        TEST(measuring_can_be_stopped),
        TEST(who_has_no_graph_has_nothing_to_tune),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
