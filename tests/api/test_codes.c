/* test_codes.c: the option `codes`: what it may be, that it is kept, and that searches by
 * each kind of code find what they should, before and after the graph has been saved.
 */
#include "graph_fixture.h"

#include <float.h>
#include <unistd.h>

static const vdb_codes kinds[] = {VDB_CODES_DEFAULT, VDB_CODES_8, VDB_CODES_NONE};
static const char *const names[] = {"default", "8", "4", "none"};

enum {
    KINDS = sizeof kinds / sizeof *kinds
};

/* ------------------------------------------------------------------- the option */

static void codes_are_kept(void **state)
{
    fixture *fx = *state;
    for (size_t i = 0; i < KINDS; i++) {
        vdb_options options = fx_options(3, VDB_L2, VDB_HNSW);
        options.codes = kinds[i];
        fx_open(fx, &options);
        fx_put(fx->db, "a", 1, 2, 3, NULL);
        for (int round = 0; round < 2; round++) {
            assert_int_equal(fx_stats(fx->db).codes, kinds[i]);
            assert_int_equal(fx_stats(fx->db).graph_codes, 0);
            fx_reopen(fx);
        }
        fx_close(fx);
        fx_open(fx, &options); /* contradicts nothing */
        fx_close(fx);
        fx_remove(fx->path);
    }
}

static void a_contradiction_names_both(void **state)
{
    fixture *fx = *state;
    for (size_t i = 0; i < KINDS; i++) {
        vdb_options options = fx_options(3, VDB_L2, VDB_HNSW);
        options.codes = kinds[i];
        fx_open(fx, &options);
        fx_close(fx);
        for (size_t j = 0; j < KINDS; j++) {
            char text[64];
            fx_files before = fx_files_of(fx->path);
            options.codes = kinds[j];
            if (kinds[j] == VDB_CODES_DEFAULT || i == j)
                continue;
            assert_status(vdb_open(fx->path, &options, &fx->db), VDB_INVALID);
            assert_null(fx->db);
            snprintf(text, sizeof text, "codes: %s asked for, the file has %s",
                     names[kinds[j]], names[kinds[i]]);
            assert_message(text);
            assert_files(fx->path, &before);
        }
        fx_remove(fx->path);
    }
}

static void what_there_is_not_creates_nothing(void **state)
{
    static const vdb_codes none[] = {-1, VDB_CODES_NONE + 1, 1000};
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_HNSW);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        options.codes = none[i];
        assert_status(vdb_open(fx->path, &options, &fx->db), VDB_INVALID);
        assert_message("codes");
    }
    options.codes = VDB_CODES_4;
    assert_status(vdb_open(fx->path, &options, &fx->db), VDB_UNSUPPORTED);
    assert_message("codes");
    options.codes = 0;
    options.reserved = 1;
    assert_status(vdb_open(fx->path, &options, &fx->db), VDB_UNSUPPORTED);
    assert_true(access(fx->path, F_OK) != 0);
}

/* Callers that know nothing of the field: they create with the default, and open anything. */
static void older_callers_are_served(void **state)
{
    fixture *fx = *state;
    size_t size = offsetof(vdb_options, codes);
    vdb_options options = fx_options(3, VDB_L2, VDB_HNSW), *theirs = malloc(size);
    vdb_stats stats;
    assert_non_null(theirs);
    options.struct_size = size;
    memcpy(theirs, &options, size);
    assert_ok(vdb_open(fx->path, theirs, &fx->db));
    assert_int_equal(fx_stats(fx->db).codes, VDB_CODES_DEFAULT);
    memset(&stats, 0x5a, sizeof stats);
    stats.struct_size = offsetof(vdb_stats, codes);
    assert_ok(vdb_stats_get(fx->db, &stats));
    assert_int_equal(stats.codes, 0x5a5a5a5a);
    fx_close(fx);
    fx_remove(fx->path);
    options = fx_options(3, VDB_L2, VDB_HNSW);
    options.codes = VDB_CODES_NONE;
    fx_open(fx, &options);
    fx_close(fx);
    assert_ok(vdb_open(fx->path, theirs, &fx->db));
    assert_int_equal(fx_stats(fx->db).codes, VDB_CODES_NONE);
    free(theirs);
}

/* ------------------------------------------------------------------ the searches */

static void assert_own(fixture *fx, vdb_metric metric)
{
    /* Under dot product another may be nearer. */
    for (uint32_t i = 0; i < N && metric == VDB_L2; i += 7)
        assert_finds_own(fx->db, i, 0);
}

static void check_kind(fixture *fx, vdb_metric metric, vdb_codes codes)
{
    vdb_options options = graph_options(metric, 1);
    uint64_t bytes;
    options.codes = codes;
    open_full(fx, &options);
    bytes = fx_stats(fx->db).graph_bytes;
    for (int round = 0; round < 2; round++) {
        vdb_stats stats = fx_stats(fx->db);
        assert_int_equal(stats.codes, codes);
        assert_int_equal(stats.graph_codes, codes ? codes : VDB_CODES_8);
        assert_int_equal(stats.graph_vectors, N);
        assert_true(stats.graph_bytes <= bytes);
        assert_recall(fx->db, .k = 1);
        assert_recall(fx->db, .k = 10);
        assert_recall(fx->db, .k = 100);
        assert_own(fx, metric);
        fx_assert_clean(fx->db);
        fx_reopen(fx);
        assert_ok(vdb_wait_indexed(fx->db, NULL)); /* as it was saved */
    }
    put_rows(fx->db, N, N + 500, 0, vector_of);
    for (uint32_t i = 0; i < 200; i++)
        assert_ok(vdb_delete(fx->db, id_of(i * 3)));
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_recall(fx->db, .k = 10);
    fx_assert_clean(fx->db);
    fx_close(fx);
    fx_remove(fx->path);
}

static void all_kinds_find_under_l2(void **state)
{
    for (size_t i = 0; i < KINDS; i++)
        check_kind(*state, VDB_L2, kinds[i]);
}

static void all_kinds_find_under_cosine(void **state)
{
    for (size_t i = 0; i < KINDS; i++)
        check_kind(*state, VDB_COSINE, kinds[i]);
}

static void all_kinds_find_under_dot(void **state)
{
    for (size_t i = 0; i < KINDS; i++)
        check_kind(*state, VDB_DOT, kinds[i]);
}

/* -------------------------------------------------------------------- far numbers */

static float scale_now;

static void scaled(uint32_t number, uint32_t version, float *out)
{
    vector_of(number, version, out);
    for (uint32_t i = 0; i < DIM; i++)
        out[i] *= scale_now;
}

/* Vectors of this scale, and queries of that. */
static void check_scaled(fixture *fx, vdb_metric metric, float scale, float asked_for)
{
    vdb_options options = graph_options(metric, 1);
    size_t found = 0;
    options.codes = VDB_CODES_NONE;
    scale_now = scale;
    fx_open(fx, &options);
    put_rows(fx->db, 0, N, 0, scaled);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    scale_now = asked_for;
    for (uint32_t i = 0; i < QUERIES; i++) {
        const asked a = {.k = 10}, exactly = {.k = 10, .flags = VDB_QUERY_EXACT};
        float v[DIM];
        vdb_results *got, *want;
        scaled(i, 999, v);
        got = find(fx->db, v, 1, &a);
        want = find(fx->db, v, 1, &exactly);
        assert_strategy(got, VDB_STRATEGY_GRAPH);
        for (size_t j = 0; j < 10; j++)
            for (size_t l = 0; l < 10; l++)
                found += strcmp(vdb_results_id(got, j, NULL),
                                vdb_results_id(want, l, NULL)) == 0;
        vdb_results_free(got);
        vdb_results_free(want);
    }
    fx_close(fx);
    fx_remove(fx->path);
    if (found < QUERIES * 10 * 19 / 20)
        fail_msg("scale %g, metric %d: %zu of %d found", (double)scale, (int)metric,
                 found, QUERIES * 10);
}

/* The squares of such numbers are infinite, or nothing. */
static void float32_tells_all_numbers_apart(void **state)
{
    check_scaled(*state, VDB_L2, 1e37f, 1e37f);
    check_scaled(*state, VDB_L2, 1e-25f, 1e-25f);
    check_scaled(*state, VDB_COSINE, FLT_MAX, 1e-30f);
    check_scaled(*state, VDB_COSINE, 1e-36f, FLT_MAX);
    check_scaled(*state, VDB_DOT, 1e30f, 1e-20f);
    check_scaled(*state, VDB_DOT, 1e-30f, 1e30f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
        T(codes_are_kept),
        T(a_contradiction_names_both),
        T(what_there_is_not_creates_nothing),
        T(older_callers_are_served),
        T(all_kinds_find_under_l2),
        T(all_kinds_find_under_cosine),
        T(all_kinds_find_under_dot),
        T(float32_tells_all_numbers_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
