/* test_trim.c: closing cuts a file of which much is free, and no more than it should.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "graph_fixture.h"

enum {
    ROWS = 12000, /* their file is long enough to be worth it */
    STEPS = 20    /* in which all are replaced */
};

static vdb_options options_of(vdb_index_kind index)
{
    vdb_options options = graph_options(VDB_L2, 1);
    options.index = index;
    options.durability = VDB_NORMAL;
    return options;
}

static uint64_t size_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_size;
}

static void put_chosen(vdb *db, const uint32_t *numbers, uint32_t count,
                       uint32_t version)
{
    static char texts[ROWS][16];
    static const char *ids[ROWS];
    static float values[ROWS * DIM];
    vdb_rows rows = VDB_ROWS_INIT;
    for (uint32_t i = 0; i < count; i++) {
        snprintf(texts[i], sizeof texts[i], "%s", id_of(numbers[i]));
        ids[i] = texts[i];
        vector_of(numbers[i], version, values + (size_t)i * DIM);
    }
    rows.count = count;
    rows.dim = DIM;
    rows.ids = ids;
    rows.vectors = values;
    assert_ok(vdb_put(db, &rows, NULL, NULL));
}

/* All rows get this version, in an order of its own and in steps that are saved. */
static void replace_all(vdb *db, uint32_t version)
{
    static uint32_t order[ROWS];
    for (uint32_t i = 0; i < ROWS; i++)
        order[i] = i;
    for (uint32_t i = ROWS; i > 1; i--) {
        uint32_t j = mixed(i * 31 + version) % i, kept = order[i - 1];
        order[i - 1] = order[j];
        order[j] = kept;
    }
    for (uint32_t at = 0; at < ROWS; at += ROWS / STEPS) {
        put_chosen(db, order + at, ROWS / STEPS, version);
        assert_ok(vdb_wait_indexed(db, NULL));
        assert_ok(vdb_checkpoint(db, NULL));
    }
}

static void fill(vdb *db, uint32_t version)
{
    static uint32_t numbers[ROWS];
    for (uint32_t i = 0; i < ROWS; i++)
        numbers[i] = i;
    put_chosen(db, numbers, ROWS, version);
    assert_ok(vdb_wait_indexed(db, NULL));
}

/* What a file has that never held more. */
static uint64_t fresh_size(const fixture *fx, vdb_index_kind index, uint32_t version)
{
    const char *path = fx_name(fx, "fresh.vdb");
    vdb_options options = options_of(index);
    vdb *db = NULL;
    uint64_t size;
    fx_remove(path);
    assert_ok(vdb_open(path, &options, &db));
    fill(db, version);
    assert_ok(vdb_close(db));
    size = size_of(path);
    fx_remove(path);
    return size;
}

static void assert_rows(vdb *db, uint32_t version)
{
    assert_int_equal(fx_count(db), ROWS);
    for (uint32_t n = 0; n < ROWS; n++) {
        vdb_record *record = NULL;
        float v[DIM];
        vector_of(n, version, v);
        assert_ok(vdb_get(db, id_of(n), NULL, &record));
        assert_memory_equal(vdb_record_vector(record, NULL), v, sizeof v);
        vdb_record_free(record);
    }
    fx_assert_clean(db);
}

static void churn(fixture *fx, vdb_index_kind index)
{
    vdb_options options = options_of(index);
    uint64_t open, closed, fresh = fresh_size(fx, index, 3);
    fx_open(fx, &options);
    fill(fx->db, 1);
    replace_all(fx->db, 2);
    replace_all(fx->db, 3);
    open = fx_stats(fx->db).file_bytes;
    assert_true(open > fresh + fresh * 3 / 10); /* else there is nothing to see */
    fx_close(fx);
    closed = size_of(fx->path);
    assert_true(closed <= fresh + fresh * 3 / 10);
    fx_open(fx, &options);
    assert_int_equal(fx_stats(fx->db).file_bytes, closed);
    assert_rows(fx->db, 3);
    /* It goes on as ever. */
    replace_all(fx->db, 4);
    fx_close(fx);
    fx_open(fx, &options);
    assert_rows(fx->db, 4);
}

static void a_churned_file_is_as_short_as_a_fresh_one(void **state)
{
    churn(*state, VDB_FLAT);
}

static void a_churned_file_with_a_graph_too(void **state)
{
    fixture *fx = *state;
    unsigned missed = 0;
    churn(fx, VDB_HNSW);
    assert_true(fx_stats(fx->db).graph_file_bytes > 0);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    for (uint32_t n = 0; n < ROWS; n += 100) {
        const asked a = {.k = 1};
        vdb_results *hits;
        float v[DIM];
        vector_of(n, 4, v);
        hits = find(fx->db, v, 1, &a);
        assert_strategy(hits, VDB_STRATEGY_GRAPH);
        missed += vdb_results_distances(hits)[0] != 0;
        vdb_results_free(hits);
    }
    assert_true(missed <= 2);
}

/* Who has written little does not pay for what others have left. */
static void a_short_session_moves_little(void **state)
{
    fixture *fx = *state;
    vdb_options options = options_of(VDB_FLAT);
    const char *left = fx_name(fx, "left.vdb");
    uint64_t before;
    const uint32_t first = 0;
    vdb *db = NULL;
    fx_open(fx, &options);
    fill(fx->db, 1);
    replace_all(fx->db, 2);
    fx_copy(fx->path, left);
    fx_close(fx);
    before = size_of(left);
    assert_true(size_of(fx->path) < before * 3 / 4);
    assert_ok(vdb_open(left, NULL, &db));
    put_chosen(db, &first, 1, 2);
    assert_ok(vdb_close(db));
    assert_true(size_of(left) > before * 15 / 16);
    assert_ok(vdb_open(left, NULL, &db));
    assert_rows(db, 2);
    assert_ok(vdb_close(db));
}

static int close_with_a_snapshot(void *arg)
{
    vdb_options options = options_of(VDB_FLAT);
    vdb_snapshot *snapshot = NULL;
    vdb *db = NULL;
    if (vdb_open(arg, &options, &db))
        return 1;
    replace_all(db, 3);
    if (vdb_snapshot_new(db, &snapshot))
        return 2;
    return vdb_close(db) == VDB_MISUSE ? 0 : 3;
}

/* Somebody may still be reading what he should have let go. */
static void a_handle_that_is_open_leaves_the_file_as_long(void **state)
{
    fixture *fx = *state;
    vdb_options options = options_of(VDB_FLAT);
    uint64_t before;
    fx_open(fx, &options);
    fill(fx->db, 1);
    replace_all(fx->db, 2);
    fx_close(fx);
    before = size_of(fx->path);
    assert_int_equal(fx_in_child(close_with_a_snapshot, fx->path), 0);
    assert_true(size_of(fx->path) > before + before * 3 / 10);
    fx_open(fx, &options);
    assert_rows(fx->db, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_churned_file_is_as_short_as_a_fresh_one,
                                        fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_churned_file_with_a_graph_too, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(a_short_session_moves_little, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(a_handle_that_is_open_leaves_the_file_as_long,
                                        fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests_name("trim", tests, NULL, NULL);
}
