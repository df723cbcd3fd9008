/* test_coarse.c: vectors that a byte a dimension cannot tell apart: the graph notices, goes
 * by float32, and finds them.
 */
#include "graph_fixture.h"

enum {
    COUNT = FX_RACES ? 3000 : 6000, /* races need no more, and take ten times as long */
    ASKED = 60
};

static vdb_options options_of(vdb_metric metric, uint32_t threads)
{
    vdb_options options = graph_options(metric, threads);
    options.m = 16;
    options.ef_construction = 200;
    return options;
}

/* One of them is far from all others, so far that these are one point to the codes. */
static void one_outlier(uint32_t number, uint32_t version, float *out)
{
    vector_of(number, version, out);
    for (uint32_t i = 0; i < DIM && number == 777; i++)
        out[i] = 1e6f;
}

/* Points of 12 clusters, small beside their distances from each other. */
static void clusters(uint32_t number, uint32_t version, float *out)
{
    float centre[DIM];
    vector_of(number % 12, 7777, centre);
    vector_of(number, version, out);
    for (uint32_t i = 0; i < DIM; i++)
        out[i] = out[i] * 6 + centre[i] * 1000;
}

/* One dimension has a huge range; all count for what is near. */
static void one_wide_dimension(uint32_t number, uint32_t version, float *out)
{
    vector_of(number, version, out);
    out[3] *= 10000;
}

/* All point about the same way: what tells them apart is small beside what they share. */
static void one_direction(uint32_t number, uint32_t version, float *out)
{
    vector_of(number, version, out);
    out[5] += 100;
}

static double recall_of(vdb *db, vector_function *make)
{
    size_t found = 0, all = 0;
    for (uint32_t i = 0; i < ASKED; i++) {
        const asked a = {.k = 10}, exactly = {.k = 10, .flags = VDB_QUERY_EXACT};
        float v[DIM];
        vdb_results *got, *want;
        make(i * 37, 999, v);
        got = find(db, v, 1, &a);
        want = find(db, v, 1, &exactly);
        assert_strategy(got, VDB_STRATEGY_GRAPH);
        all += vdb_results_count(want);
        for (size_t j = 0; j < vdb_results_count(got); j++)
            for (size_t l = 0; l < vdb_results_count(want); l++)
                found += strcmp(vdb_results_id(got, j, NULL),
                                vdb_results_id(want, l, NULL)) == 0;
        vdb_results_free(got);
        vdb_results_free(want);
    }
    return (double)found / (double)all;
}

static size_t missed_by_own_value(vdb *db, vector_function *make)
{
    size_t missed = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        const asked a = {.k = 1};
        float v[DIM];
        vdb_results *hits;
        make(i, 0, v);
        hits = find(db, v, 1, &a);
        missed += strcmp(vdb_results_id(hits, 0, NULL), id_of(i)) != 0;
        vdb_results_free(hits);
    }
    return missed;
}

/* With the numbers from `first` on, all are found as they should be, and again after the
 * graph has been saved and loaded. */
static void check(fixture *fx, const vdb_options *options, uint32_t first,
                  vector_function *make, vdb_codes goes_by)
{
    fx_open(fx, options);
    put_rows(fx->db, first, COUNT, 0, make);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    for (int round = 0; round < 2; round++) {
        double recall = recall_of(fx->db, make);
        size_t missed = missed_by_own_value(fx->db, make);
        assert_int_equal(fx_stats(fx->db).codes, VDB_CODES_DEFAULT);
        assert_int_equal(fx_stats(fx->db).graph_codes, goes_by);
        if (recall < 0.95 || missed)
            fail_msg("recall is %.3f, and %zu are missed by their own value", recall,
                     missed);
        fx_assert_clean(fx->db);
        fx_reopen(fx);
        assert_ok(vdb_wait_indexed(fx->db, NULL));
    }
}

/* Without its value the middle of the range is where the others are: bytes do. */
static void an_outlier_hides_nobody(void **state)
{
    const vdb_options options = options_of(VDB_L2, 1);
    check(*state, &options, 0, one_outlier, VDB_CODES_8);
}

static void clusters_are_told_apart(void **state)
{
    const vdb_options options = options_of(VDB_L2, 2);
    check(*state, &options, 0, clusters, VDB_CODES_NONE);
}

static void a_wide_dimension_hides_no_others(void **state)
{
    vdb_options options = options_of(VDB_L2, 1);
    options.flags = VDB_OPEN_BULK;
    check(*state, &options, 0, one_wide_dimension, VDB_CODES_NONE);
}

static void small_angles_are_told_apart(void **state)
{
    const vdb_options options = options_of(VDB_COSINE, 1);
    check(*state, &options, 0, one_direction, VDB_CODES_NONE);
}

/* By products a graph finds less of such a set, by float32 too: so much, at least. */
static void products_are_told_apart_as_float32_does(void **state)
{
    fixture *fx = *state;
    vdb_options options = options_of(VDB_DOT, 1);
    double recall;
    options.codes = VDB_CODES_NONE;
    fx_open(fx, &options);
    put_rows(fx->db, 0, COUNT, 0, clusters);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    recall = recall_of(fx->db, clusters);
    fx_close(fx);
    fx_remove(fx->path);
    options.codes = VDB_CODES_DEFAULT;
    fx_open(fx, &options);
    put_rows(fx->db, 0, COUNT, 0, clusters);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_int_equal(fx_stats(fx->db).graph_codes, VDB_CODES_NONE);
    assert_true(recall_of(fx->db, clusters) > recall - 0.05);
}

/* The first are far apart; what comes then lies close together, in a corner. */
static void first_wide_then_close(uint32_t number, uint32_t version, float *out)
{
    vector_of(number, version, out);
    for (uint32_t i = 0; i < DIM && number >= 2200; i++)
        out[i] = 0.9f + out[i] * 0.01f;
}

static void check_later(fixture *fx, uint32_t threads)
{
    const vdb_options options = options_of(VDB_L2, threads);
    fx_open(fx, &options);
    put_rows(fx->db, 0, 2200, 0, first_wide_then_close);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_int_equal(fx_stats(fx->db).graph_codes, VDB_CODES_8);
    fx_close(fx);
    check(fx, &options, 2200, first_wide_then_close, VDB_CODES_NONE);
}

static void what_comes_later_is_told_apart(void **state)
{
    check_later(*state, 1);
}

static void what_comes_later_is_told_apart_beside_a_thread(void **state)
{
    check_later(*state, 2);
}

/* Nothing is lost where there is nothing to tell apart. */
static void same_by_threes(uint32_t number, uint32_t version, float *out)
{
    vector_of(number % 2000, version, out);
}

static void equal(uint32_t number, uint32_t version, float *out)
{
    vector_of(number % 2, version, out);
}

static void equal_vectors_are_no_reason(void **state)
{
    vector_function *const makes[] = {same_by_threes, equal};
    fixture *fx = *state;
    for (size_t i = 0; i < 2; i++) {
        const vdb_options options = options_of(VDB_L2, 1);
        fx_open(fx, &options);
        put_rows(fx->db, 0, COUNT, 0, makes[i]);
        assert_ok(vdb_wait_indexed(fx->db, NULL));
        assert_int_equal(fx_stats(fx->db).graph_codes, VDB_CODES_8);
        fx_close(fx);
        fx_remove(fx->path);
    }
}

/* Who asks for bytes gets them. */
static void bytes_that_are_asked_for_stay(void **state)
{
    fixture *fx = *state;
    vdb_options options = options_of(VDB_L2, 1);
    options.codes = VDB_CODES_8;
    fx_open(fx, &options);
    put_rows(fx->db, 0, COUNT, 0, clusters);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_int_equal(fx_stats(fx->db).graph_codes, VDB_CODES_8);
    assert_true(recall_of(fx->db, clusters) < 0.9); /* or the tests above say nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
        T(an_outlier_hides_nobody),
        T(clusters_are_told_apart),
        T(a_wide_dimension_hides_no_others),
        T(small_angles_are_told_apart),
        T(products_are_told_apart_as_float32_does),
        T(what_comes_later_is_told_apart),
        T(what_comes_later_is_told_apart_beside_a_thread),
        T(equal_vectors_are_no_reason),
        T(bytes_that_are_asked_for_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
