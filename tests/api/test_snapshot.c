/* test_snapshot.c: an instant that is held: it reads as it did, through replacements,
 * deletions and checkpoints, and its space comes back.
 */
#include "fixture.h"

enum {
    N = 400
};

static void write_round(fixture *fx, int round)
{
    char id[32], metadata[256];
    for (int i = 0; i < N; i++) {
        snprintf(id, sizeof id, "v%03d", i);
        snprintf(metadata, sizeof metadata,
                 "{\"round\": %d, \"n\": %d, \"pad\": \"%0100d\"}", round, i, i);
        fx_put(fx->db, id, (float)i, (float)round, 0, metadata);
    }
}

static void delete_all(fixture *fx)
{
    vdb_filter *all = fx_filter("{\"op\":\"and\",\"filters\":[]}");
    assert_ok(vdb_delete_where(fx->db, all, NULL, NULL));
    assert_int_equal(fx_count(fx->db), 0);
    vdb_filter_free(all);
}

/* Everything a snapshot can be asked shows the state after write_round(round). */
static void assert_reads_round(vdb *db, const vdb_snapshot *snapshot, int round)
{
    vdb_op op = VDB_OP_INIT;
    char id[32], text[96];
    uint64_t count = 0;
    const float q[3] = {17, (float)round, 0};
    vdb_filter *filter;
    vdb_query query = VDB_QUERY_INIT;
    vdb_results *hits = NULL;
    vdb_cursor_options options = VDB_CURSOR_OPTIONS_INIT;
    vdb_cursor *cursor = NULL;
    const vdb_record *at = NULL;
    op.snapshot = snapshot;
    assert_ok(vdb_count(db, NULL, &op, &count));
    assert_int_equal(count, N);
    snprintf(text, sizeof text, "{\"op\":\"eq\",\"field\":\"round\",\"value\":%d}",
             round);
    filter = fx_filter(text);
    assert_ok(vdb_count(db, filter, &op, &count));
    assert_int_equal(count, N);
    for (int i = 0; i < N; i += 13) {
        vdb_record *record = NULL;
        snprintf(id, sizeof id, "v%03d", i);
        assert_ok(vdb_get(db, id, &op, &record));
        assert_true(vdb_record_vector(record, NULL)[0] == (float)i);
        assert_true(vdb_record_vector(record, NULL)[1] == (float)round);
        snprintf(text, sizeof text, "{\"round\": %d, \"n\": %d,", round, i);
        assert_int_equal(strncmp(vdb_record_metadata(record, NULL), text, strlen(text)),
                         0);
        vdb_record_free(record);
    }
    query.vectors = q;
    query.count = 1;
    query.dim = 3;
    query.k = 3;
    query.op = &op;
    query.filter = filter;
    assert_ok(vdb_search_batch(db, &query, &hits));
    assert_int_equal(vdb_results_count(hits), 3);
    assert_string_equal(vdb_results_id(hits, 0, NULL), "v017");
    assert_true(vdb_results_distances(hits)[0] == 0);
    assert_string_equal(vdb_results_id(hits, 1, NULL), "v016");
    assert_string_equal(vdb_results_id(hits, 2, NULL), "v018");
    vdb_results_free(hits);
    options.snapshot = snapshot;
    assert_ok(vdb_cursor_open(db, &options, &cursor));
    for (int i = 0; i < N; i++) {
        assert_ok(vdb_cursor_next(cursor, &at));
        assert_non_null(at);
        snprintf(id, sizeof id, "v%03d", i);
        assert_string_equal(vdb_record_id(at, NULL), id);
        assert_true(vdb_record_vector(at, NULL)[1] == (float)round);
    }
    assert_ok(vdb_cursor_next(cursor, &at));
    assert_null(at);
    vdb_cursor_free(cursor);
    vdb_filter_free(filter);
}

static void a_snapshot_reads_as_it_did_through_everything(void **state)
{
    fixture *fx = *state;
    vdb_snapshot *snapshot = NULL;
    write_round(fx, 1);
    assert_ok(vdb_snapshot_new(fx->db, &snapshot));
    assert_reads_round(fx->db, snapshot, 1);
    /* Replaced and deleted, twice, through checkpoints. */
    for (int round = 2; round <= 3; round++) {
        write_round(fx, round);
        assert_reads_round(fx->db, snapshot, 1);
        assert_ok(vdb_checkpoint(fx->db, NULL));
        assert_reads_round(fx->db, snapshot, 1);
        delete_all(fx);
        assert_reads_round(fx->db, snapshot, 1);
        assert_ok(vdb_checkpoint(fx->db, NULL));
        assert_reads_round(fx->db, snapshot, 1);
    }
    fx_assert_clean(fx->db);
    vdb_snapshot_free(snapshot);
    write_round(fx, 4);
    assert_reads_round(fx->db, NULL, 4);
    fx_assert_clean(fx->db);
}

static void the_space_of_a_snapshot_comes_back(void **state)
{
    fixture *fx = *state;
    vdb_snapshot *snapshot = NULL;
    uint64_t base, grown = 0;
    write_round(fx, 1);
    for (int i = 0; i < 4; i++) {
        write_round(fx, 1);
        assert_ok(vdb_checkpoint(fx->db, NULL));
    }
    base = fx_stats(fx->db).file_bytes;
    assert_ok(vdb_snapshot_new(fx->db, &snapshot));
    assert_true(fx_stats(fx->db).views >= 1);
    for (int i = 0; i < 3; i++) {
        write_round(fx, 2);
        assert_ok(vdb_checkpoint(fx->db, NULL));
    }
    assert_true(fx_stats(fx->db).held_bytes > 0);
    assert_reads_round(fx->db, snapshot, 1);
    vdb_snapshot_free(snapshot);
    assert_int_equal(fx_stats(fx->db).views, 0);
    for (int i = 0; i < 3; i++) {
        write_round(fx, 3);
        assert_ok(vdb_checkpoint(fx->db, NULL));
    }
    /* Held no longer, and the file grows no more, however often all is replaced. */
    assert_int_equal(fx_stats(fx->db).held_bytes, 0);
    for (int i = 0; i < 12; i++) {
        write_round(fx, 4);
        assert_ok(vdb_checkpoint(fx->db, NULL));
        grown = fx_stats(fx->db).file_bytes;
    }
    assert_in_range(grown, 1, 4 * base);
    fx_assert_clean(fx->db);
}

static void many_snapshots_each_show_their_own_instant(void **state)
{
    fixture *fx = *state;
    vdb_snapshot *snapshots[6] = {NULL};
    for (int i = 0; i < 6; i++) {
        write_round(fx, i + 1);
        assert_ok(vdb_snapshot_new(fx->db, &snapshots[i]));
        if (i % 2)
            assert_ok(vdb_checkpoint(fx->db, NULL));
    }
    delete_all(fx);
    /* Freed out of order, those left still read. */
    for (int i = 0; i < 6; i++) {
        int at = i * 5 % 6;
        assert_reads_round(fx->db, snapshots[at], at + 1);
        vdb_snapshot_free(snapshots[at]);
        snapshots[at] = NULL;
        for (int j = 0; j < 6; j++)
            if (snapshots[j])
                assert_reads_round(fx->db, snapshots[j], j + 1);
    }
    vdb_snapshot_free(NULL);
    fx_assert_clean(fx->db);
}

static void a_snapshot_of_an_empty_database_stays_empty(void **state)
{
    fixture *fx = *state;
    vdb_snapshot *snapshot = NULL;
    vdb_op op = VDB_OP_INIT;
    const float q[2] = {1, 2};
    vdb_query query = VDB_QUERY_INIT;
    vdb_results *hits = NULL;
    vdb_record *record = NULL;
    assert_ok(vdb_snapshot_new(fx->db, &snapshot));
    write_round(fx, 1);
    op.snapshot = snapshot;
    fx_assert_ids(fx->db, NULL, snapshot, "", __FILE__, __LINE__);
    assert_status(vdb_get(fx->db, "v001", &op, &record), VDB_NOT_FOUND);
    query.vectors = q;
    query.count = 1;
    query.dim = 2; /* without vectors, any dimension is answered */
    query.k = 1;
    query.op = &op;
    assert_ok(vdb_search_batch(fx->db, &query, &hits));
    assert_int_equal(vdb_results_count(hits), 0);
    vdb_results_free(hits);
    vdb_snapshot_free(snapshot);
}

/* The handle that was left open is the caller's to lose: in a process of its own. */
static int close_with_one_open(void *arg)
{
    fixture *fx = arg;
    vdb_options options = fx_options(0, 0, 0);
    vdb_snapshot *snapshot = NULL;
    vdb *db = NULL;
    const float v[3] = {7, 7, 7};
    if (vdb_open(fx->path, &options, &db) || vdb_snapshot_new(db, &snapshot))
        return 1;
    if (vdb_insert(db, "late", v, 3, NULL))
        return 2;
    return vdb_close(db) == VDB_MISUSE ? 0 : 3;
}

static void closing_with_one_open_is_misuse_and_loses_nothing(void **state)
{
    fixture *fx = *state;
    write_round(fx, 1);
    fx_close(fx);
    assert_int_equal(fx_in_child(close_with_one_open, fx), 0);
    fx_reopen(fx);
    assert_true(fx_has(fx->db, "late"));
    assert_ok(vdb_delete(fx->db, "late"));
    assert_reads_round(fx->db, NULL, 1);
    fx_assert_clean(fx->db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup_3d, fx_teardown)
        T(a_snapshot_reads_as_it_did_through_everything),
        T(the_space_of_a_snapshot_comes_back),
        T(many_snapshots_each_show_their_own_instant),
        T(a_snapshot_of_an_empty_database_stays_empty),
        T(closing_with_one_open_is_misuse_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
