/* test_graph_memory.c: what memory a graph takes, and that it is given back while the
 * database is open: by vdb_stats, for what the process has is the system's affair.
 */
#include "graph_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    COUNT = FX_RACES ? 3000 : 5000,
    ROUNDS = FX_RACES ? 3 : 8,
    NOISE = 1 << 20 /* beside it; a graph takes more than eight times as much */
};

/* All that is allocated but the graph; nothing is unsaved. */
static uint64_t beside_graph(vdb *db)
{
    vdb_stats stats;
    assert_ok(vdb_checkpoint(db, NULL));
    stats = fx_stats(db);
    assert_true(stats.resident_bytes >= stats.graph_bytes);
    return stats.resident_bytes - stats.graph_bytes;
}

/* The first are far apart; what comes then lies close together, in a corner. */
static void first_wide_then_close(uint32_t number, uint32_t version, float *out)
{
    vector_of(number, version, out);
    for (uint32_t i = 0; i < DIM && number >= 2200; i++)
        out[i] = 0.9f + out[i] * 0.01f;
}

static void check_floats(fixture *fx, uint32_t threads)
{
    vdb_options options = graph_options(VDB_L2, threads);
    uint64_t before, bytes;
    options.m = 16;
    options.ef_construction = 200;
    fx_open(fx, &options);
    put_rows(fx->db, 0, 2200, 0, first_wide_then_close);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_int_equal(fx_stats(fx->db).graph_codes, VDB_CODES_8);
    bytes = fx_stats(fx->db).graph_bytes;
    assert_true(bytes > 8 * NOISE);
    before = beside_graph(fx->db);
    put_rows(fx->db, 2200, COUNT, 0, first_wide_then_close);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_int_equal(fx_stats(fx->db).graph_codes, VDB_CODES_NONE);
    assert_true(beside_graph(fx->db) < before + NOISE);
    assert_recall(fx->db, .k = 10);
}

static void going_over_to_float32_keeps_no_old_graph(void **state)
{
    check_floats(*state, 1);
}

static void going_over_to_float32_keeps_none_beside_a_thread(void **state)
{
    check_floats(*state, 2);
}

static void drifted(uint32_t number, uint32_t version, float *out)
{
    vector_of(number, version, out);
    for (uint32_t i = 0; i < DIM; i++)
        out[i] += 3;
}

static void new_codes_take_the_place_of_the_old(void **state)
{
    fixture *fx = *state;
    const vdb_options options = graph_options(VDB_L2, 2);
    uint64_t before, bytes;
    open_full(fx, &options);
    bytes = fx_stats(fx->db).graph_bytes;
    before = beside_graph(fx->db);
    put_rows(fx->db, N, 2 * N, 0, drifted);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_int_equal(fx_stats(fx->db).graph_bytes, bytes);
    assert_true(beside_graph(fx->db) < before + NOISE);
    assert_recall(fx->db, .k = 10);
}

static void delete_numbers(vdb *db, uint32_t first, uint32_t bound)
{
    for (uint32_t i = first; i < bound; i++)
        assert_ok(vdb_delete(db, id_of(i)));
}

/* Compaction drops a graph of which most is dead; so few that are left have none. */
static void compaction_gives_a_graph_back(void **state)
{
    fixture *fx = *state;
    const vdb_options options = graph_options(VDB_L2, 1);
    uint64_t before;
    fx_open(fx, &options);
    put_rows(fx->db, 0, 200, 0, vector_of);
    before = beside_graph(fx->db);
    put_rows(fx->db, 200, N, 0, vector_of);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_true(fx_stats(fx->db).graph_bytes > 8 * NOISE);
    delete_numbers(fx->db, 200, N);
    assert_ok(vdb_compact(fx->db, NULL));
    assert_int_equal(fx_stats(fx->db).graph_bytes, 0);
    assert_true(beside_graph(fx->db) < before + NOISE);
    assert_right(fx->db, .k = 10);
}

/* --------------------------------------------------------------- beside searches */

typedef struct searching {
    vdb *db;
    _Atomic int over;
    _Atomic uint64_t by_graph, missed, failed;
} searching;

static void *search(void *arg)
{
    searching *s = arg;
    for (uint32_t i = 0; !atomic_load(&s->over); i++) {
        float v[DIM];
        char id[16];
        vdb_results *hits;
        snprintf(id, sizeof id, "v%05u", i % 200); /* these stay */
        vector_of(i % 200, 0, v);
        if (vdb_search(s->db, v, DIM, 1, &hits)) {
            atomic_fetch_add(&s->failed, 1);
            continue;
        }
        atomic_fetch_add(&s->missed, strcmp(vdb_results_id(hits, 0, NULL), id) != 0);
        if (!(vdb_results_flags(hits, 0) & VDB_RESULT_EXACT))
            atomic_fetch_add(&s->by_graph, 1);
        vdb_results_free(hits);
    }
    return NULL;
}

/* A graph is given back while it is being searched, again and again. */
static void searches_outlive_no_graph(void **state)
{
    fixture *fx = *state;
    const vdb_options options = graph_options(VDB_L2, 2);
    searching s = {0};
    pthread_t thread;
    uint64_t least = UINT64_MAX;
    fx_open(fx, &options);
    put_rows(fx->db, 0, 200, 0, vector_of);
    s.db = fx->db;
    assert_int_equal(pthread_create(&thread, NULL, search, &s), 0);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t bytes;
        put_rows(fx->db, 200, N + 200, 0, vector_of);
        assert_ok(vdb_wait_indexed(fx->db, NULL));
        delete_numbers(fx->db, 200, N + 200);
        assert_ok(vdb_compact(fx->db, NULL));
        bytes = fx_stats(fx->db).resident_bytes;
        least = bytes < least ? bytes : least;
        assert_true(bytes < least + 4 * NOISE);
    }
    atomic_store(&s.over, 1);
    pthread_join(thread, NULL);
    assert_int_equal(s.failed, 0);
    assert_true(s.by_graph > 0);
    assert_true(s.missed <= s.by_graph / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
        T(going_over_to_float32_keeps_no_old_graph),
        T(going_over_to_float32_keeps_none_beside_a_thread),
        T(new_codes_take_the_place_of_the_old),
        T(compaction_gives_a_graph_back),
        T(searches_outlive_no_graph),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
