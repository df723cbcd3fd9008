/* test_stats.c: what the counters count, and what they do not. */
#include "fixture.h"

#include <math.h>
#include <sys/stat.h>

static void counters_count_successes_alone(void **state)
{
    fixture *fx = *state;
    const float v[3] = {1, 2, 3};
    const char *ids[3] = {"p", "q", "a"};
    const float rows_v[3][3] = {{1, 0, 0}, {2, 0, 0}, {3, 0, 0}};
    vdb_rows rows = VDB_ROWS_INIT;
    vdb_query query = VDB_QUERY_INIT;
    vdb_results *hits = NULL;
    vdb_filter *filter = fx_filter("{\"op\":\"id_in\",\"ids\":[\"p\",\"q\",\"z\"]}");
    vdb_stats s = fx_stats(fx->db);
    uint64_t deleted;
    assert_int_equal(s.total_inserts, 0);
    assert_int_equal(s.total_deletes, 0);
    assert_int_equal(s.total_queries, 0);
    assert_true(s.avg_query_latency_us == 0 && s.p50_query_latency_us == 0 &&
                s.p95_query_latency_us == 0 && s.p99_query_latency_us == 0);
    assert_ok(vdb_insert(fx->db, "a", v, 3, NULL));     /* 1 */
    assert_ok(vdb_insert(fx->db, "a", v, 3, NULL));     /* a replacement counts: 2 */
    assert_ok(vdb_insert_new(fx->db, "b", v, 3, NULL)); /* 3 */
    assert_status(vdb_insert_new(fx->db, "b", v, 3, NULL), VDB_EXISTS);
    assert_status(vdb_insert(fx->db, "", v, 3, NULL), VDB_INVALID);
    rows.count = 3;
    rows.dim = 3;
    rows.ids = ids;
    rows.vectors = rows_v;
    assert_ok(vdb_put(fx->db, &rows, NULL, NULL)); /* 6 */
    assert_int_equal(fx_stats(fx->db).total_inserts, 6);
    assert_ok(vdb_delete(fx->db, "a"));
    assert_status(vdb_delete(fx->db, "a"), VDB_NOT_FOUND);
    assert_ok(vdb_delete_where(fx->db, filter, NULL, &deleted));
    assert_int_equal(deleted, 2);
    s = fx_stats(fx->db);
    assert_int_equal(s.total_deletes, 3);
    assert_int_equal(s.total_inserts, 6);
    assert_int_equal(s.vectors, 1);
    assert_int_equal(s.total_queries, 0);
    assert_ok(vdb_search(fx->db, v, 3, 5, &hits));
    vdb_results_free(hits);
    assert_status(vdb_search(fx->db, v, 2, 5, &hits), VDB_INVALID);
    assert_ok(vdb_search_filtered(fx->db, v, 3, 5, filter, &hits));
    vdb_results_free(hits);
    query.vectors = rows_v;
    query.count = 3;
    query.dim = 3;
    query.k = 2;
    assert_ok(vdb_search_batch(fx->db, &query, &hits)); /* each query counts */
    vdb_results_free(hits);
    query.k = 0;
    assert_status(vdb_search_batch(fx->db, &query, &hits), VDB_INVALID);
    s = fx_stats(fx->db);
    assert_int_equal(s.total_queries, 5);
    assert_true(s.avg_query_latency_us > 0);
    assert_true(s.p50_query_latency_us > 0);
    assert_true(s.p50_query_latency_us <= s.p95_query_latency_us);
    assert_true(s.p95_query_latency_us <= s.p99_query_latency_us);
    assert_true(isfinite(s.p99_query_latency_us));
    /* Counted since opening. */
    fx_reopen(fx);
    s = fx_stats(fx->db);
    assert_int_equal(s.total_inserts + s.total_deletes + s.total_queries, 0);
    assert_int_equal(s.vectors, 1);
    vdb_filter_free(filter);
}

static void sequences_number_the_commits(void **state)
{
    fixture *fx = *state;
    const float v[3] = {1, 2, 3};
    uint64_t sequence = fx_sequence(fx->db);
    vdb_stats s;
    for (int i = 0; i < 10; i++) {
        assert_ok(vdb_insert(fx->db, i % 2 ? "a" : "b", v, 3, NULL));
        assert_int_equal(fx_sequence(fx->db), ++sequence);
    }
    assert_ok(vdb_set_metadata(fx->db, "a", "{}"));
    assert_ok(vdb_delete(fx->db, "b"));
    sequence += 2;
    assert_int_equal(fx_sequence(fx->db), sequence);
    assert_int_equal(fx_stats(fx->db).commits, 12);
    /* A checkpoint is no commit; it makes the newest one durable in the file. */
    assert_ok(vdb_checkpoint(fx->db, NULL));
    s = fx_stats(fx->db);
    assert_int_equal(s.sequence, sequence);
    assert_int_equal(s.durable_sequence, sequence);
    assert_true(s.checkpoints >= 1);
    assert_int_equal(s.dirty_bytes, 0);
    fx_reopen(fx);
    s = fx_stats(fx->db);
    assert_int_equal(s.sequence, sequence);
    assert_int_equal(s.durable_sequence, sequence);
    assert_int_equal(s.commits, 0);
    assert_int_equal(s.last_checkpoint_us, 0);
    assert_int_equal(s.total_checkpoint_us, 0);
    assert_int_equal(s.replayed, 0);
    assert_int_equal(s.poisoned, 0);
    assert_int_equal(s.format, 1);
}

/* A clock that goes on by a millisecond whenever it is read. */
static uint64_t ticks;

static uint64_t ticking(void *arg)
{
    (void)arg;
    return ++ticks * 1000000;
}

static void checkpoints_are_timed(void **state)
{
    fixture *fx = *state;
    vdb_vfs host = VDB_VFS_INIT;
    vdb_env_options parts = VDB_ENV_OPTIONS_INIT;
    vdb_options with = fx_options(3, VDB_L2, VDB_FLAT);
    vdb_stats first, second;
    uint64_t before;
    assert_ok(vdb_vfs_system(&host));
    host.now = ticking;
    parts.vfs = &host;
    assert_ok(vdb_env_new(&parts, &with.env));
    fx_close(fx);
    fx_open(fx, &with);
    fx_put(fx->db, "a", 1, 0, 0, NULL);
    assert_int_equal(fx_stats(fx->db).last_checkpoint_us, 0);
    before = ticks;
    assert_ok(vdb_checkpoint(fx->db, NULL));
    first = fx_stats(fx->db);
    assert_int_equal(first.checkpoints, 1);
    /* From the first reading of the clock to the last. */
    assert_int_equal(first.last_checkpoint_us, (ticks - before - 1) * 1000);
    assert_int_equal(first.total_checkpoint_us, first.last_checkpoint_us);
    assert_ok(vdb_checkpoint(fx->db, NULL)); /* there is nothing to do */
    assert_int_equal(fx_stats(fx->db).total_checkpoint_us, first.total_checkpoint_us);
    fx_put(fx->db, "b", 2, 0, 0, NULL);
    before = ticks;
    assert_ok(vdb_checkpoint(fx->db, NULL));
    second = fx_stats(fx->db);
    assert_int_equal(second.last_checkpoint_us, (ticks - before - 1) * 1000);
    assert_int_equal(second.total_checkpoint_us,
                     first.total_checkpoint_us + second.last_checkpoint_us);
    fx_close(fx);
    vdb_env_free(with.env);
}

static void every_acknowledgement_has_its_sync(void **state)
{
    fixture *fx = *state;
    uint64_t syncs = fx_stats(fx->db).syncs;
    for (int i = 0; i < 20; i++)
        fx_put(fx->db, "a", (float)i, 0, 0, NULL);
    assert_true(fx_stats(fx->db).syncs >= syncs + 20);
}

static void sizes_are_those_of_the_files(void **state)
{
    fixture *fx = *state;
    struct stat info;
    vdb_stats s;
    fx_files files;
    for (int i = 0; i < 500; i++) {
        char id[16];
        snprintf(id, sizeof id, "v%d", i);
        fx_put(fx->db, id, (float)i, 0, 0, "{\"a\": 1, \"b\": \"x\"}");
    }
    s = fx_stats(fx->db);
    files = fx_files_of(fx->path);
    assert_int_equal(stat(fx->path, &info), 0);
    assert_int_equal(s.file_bytes, (uint64_t)info.st_size);
    assert_true(s.log_bytes > 0);
    assert_true(s.log_bytes <= (uint64_t)((files.size[1] > 0 ? files.size[1] : 0) +
                                          (files.size[2] > 0 ? files.size[2] : 0)));
    assert_true(s.written_bytes > 500 * 12);
    assert_int_equal(s.slots >= 500, 1);
    assert_int_equal(s.fields, 2);
    assert_true(s.free_bytes <= s.file_bytes);
}

static void views_are_counted(void **state)
{
    fixture *fx = *state;
    vdb_snapshot *snapshot = NULL;
    vdb_cursor *cursor = NULL;
    fx_put(fx->db, "a", 1, 2, 3, NULL);
    assert_int_equal(fx_stats(fx->db).views, 0);
    assert_ok(vdb_snapshot_new(fx->db, &snapshot));
    assert_int_equal(fx_stats(fx->db).views, 1);
    assert_ok(vdb_cursor_open(fx->db, NULL, &cursor));
    assert_int_equal(fx_stats(fx->db).views, 2);
    vdb_cursor_free(cursor);
    vdb_snapshot_free(snapshot);
    assert_int_equal(fx_stats(fx->db).views, 0);
}

static void ten_small_vectors_take_little(void **state)
{
    fixture *fx = *state;
    fx_files files;
    int64_t total = 0;
    for (int i = 0; i < 10; i++) {
        char id[16];
        snprintf(id, sizeof id, "v%d", i);
        fx_put(fx->db, id, (float)i, 0, 0, "{\"kind\": \"small\", \"n\": 1}");
    }
    for (int round = 0; round < 2; round++) {
        files = fx_files_of(fx->path);
        total = 0;
        for (int i = 0; i < 3; i++)
            total += files.size[i] > 0 ? files.size[i] : 0;
        assert_in_range(total, 1, 200000);
        fx_close(fx);
        fx_reopen(fx);
    }
}

static void checkpoints_happen_by_themselves(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    vdb_stats s;
    options.checkpoint_entries = 50;
    options.log_bytes = 1 << 20;
    fx_open(fx, &options);
    /* Considered at 50 entries, taken when the log has as many bytes as it writes. */
    for (int i = 0; i < 12000 && !fx_stats(fx->db).checkpoints; i++) {
        char id[16];
        snprintf(id, sizeof id, "v%d", i % 100);
        fx_put(fx->db, id, (float)i, 0, 0, "{\"pad\": \"................\"}");
    }
    s = fx_stats(fx->db);
    assert_true(s.checkpoints >= 1);
    assert_true(s.durable_sequence > 0);
    assert_true(s.log_bytes <= 2u << 20);
    fx_assert_clean(fx->db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup_3d, fx_teardown)
        T(counters_count_successes_alone),
        T(sequences_number_the_commits),
        T(checkpoints_are_timed),
        T(every_acknowledgement_has_its_sync),
        T(sizes_are_those_of_the_files),
        T(views_are_counted),
        T(ten_small_vectors_take_little),
        cmocka_unit_test_setup_teardown(checkpoints_happen_by_themselves, fx_setup,
                                        fx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
