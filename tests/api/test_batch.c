/* test_batch.c: many changes as one commit: vdb_put, vdb_batch, order within, all or
 * nothing, and which item is named.
 */
#include "fixture.h"

#include <math.h>

static void put_stores_many_rows_as_one_commit(void **state)
{
    fixture *fx = *state;
    enum {
        N = 500
    };
    static char names[N][16], documents[N][32];
    const char *ids[N], *metadata[N];
    static float v[N][3];
    vdb_rows rows = VDB_ROWS_INIT;
    uint64_t before = fx_sequence(fx->db);
    size_t failed = 7;
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "r%03d", i);
        snprintf(documents[i], sizeof documents[i], "{\"n\": %d}", i);
        ids[i] = names[i];
        metadata[i] = i % 3 ? documents[i] : NULL;
        v[i][0] = (float)i;
    }
    rows.count = N;
    rows.dim = 3;
    rows.ids = ids;
    rows.vectors = v;
    rows.metadata = metadata;
    assert_ok(vdb_put(fx->db, &rows, NULL, &failed));
    assert_int_equal(fx_count(fx->db), N);
    assert_int_equal(fx_sequence(fx->db), before + 1); /* one commit */
    assert_metadata(fx->db, "r001", "{\"n\": 1}");
    assert_metadata(fx->db, "r003", NULL);
    assert_hits(fx->db, 250, 0, 0, 3, NULL, "r250 r249 r251");
    fx_reopen(fx);
    assert_int_equal(fx_count(fx->db), N);
    fx_assert_clean(fx->db);
}

static void rows_may_have_lengths_and_strides(void **state)
{
    fixture *fx = *state;
    const char ids_text[] = "onetwothree", metadata_text[] = "{\"a\":1}{}";
    const char *ids[3] = {ids_text, ids_text + 3, ids_text + 6};
    const size_t id_lengths[3] = {3, 3, 5};
    const char *metadata[3] = {metadata_text, NULL, metadata_text + 7};
    const size_t metadata_lengths[3] = {7, 0, 2};
    const float v[3][4] = {{1, 0, 0, 99}, {2, 0, 0, 99}, {3, 0, 0, 99}};
    vdb_rows rows = VDB_ROWS_INIT;
    rows.count = 3;
    rows.dim = 3;
    rows.ids = ids;
    rows.id_lengths = id_lengths;
    rows.vectors = v;
    rows.stride = sizeof v[0];
    rows.metadata = metadata;
    rows.metadata_lengths = metadata_lengths;
    assert_ok(vdb_put(fx->db, &rows, NULL, NULL));
    assert_ids(fx->db, NULL, "one three two");
    assert_metadata(fx->db, "one", "{\"a\":1}");
    assert_metadata(fx->db, "two", NULL);
    assert_metadata(fx->db, "three", "{}");
    assert_hits(fx->db, 3, 0, 0, 3, NULL, "three two one");
}

static void of_two_rows_with_one_id_the_later_stays(void **state)
{
    fixture *fx = *state;
    const char *ids[3] = {"a", "b", "a"};
    const char *metadata[3] = {"{\"n\": 0}", NULL, "{\"n\": 2}"};
    const float v[3][3] = {{1, 0, 0}, {2, 0, 0}, {3, 0, 0}};
    vdb_rows rows = VDB_ROWS_INIT;
    size_t failed = 0;
    rows.count = 3;
    rows.dim = 3;
    rows.ids = ids;
    rows.vectors = v;
    rows.metadata = metadata;
    assert_ok(vdb_put(fx->db, &rows, NULL, NULL));
    assert_ids(fx->db, NULL, "a b");
    assert_metadata(fx->db, "a", "{\"n\": 2}");
    assert_hits(fx->db, 3, 0, 0, 2, NULL, "a b");
    assert_ids(fx->db, "{\"op\":\"eq\",\"field\":\"n\",\"value\":0}", "");
    /* With NEW the second of the two is the bad one. */
    fx_reopen(fx);
    ids[0] = ids[2] = "c";
    ids[1] = "d";
    rows.flags = VDB_ROWS_NEW;
    assert_status(vdb_put(fx->db, &rows, NULL, &failed), VDB_EXISTS);
    assert_int_equal(failed, 2);
    assert_ids(fx->db, NULL, "a b");
}

static void put_is_all_or_nothing_and_names_the_row(void **state)
{
    fixture *fx = *state;
    const char *ids[3] = {"x", "y", "z"};
    float v[3][3] = {{1, 0, 0}, {2, 0, 0}, {3, 0, 0}};
    vdb_rows rows = VDB_ROWS_INIT;
    const char *metadata[3] = {NULL, "{}", NULL};
    fx_state before;
    size_t failed = 99;
    fx_put(fx->db, "z", 9, 9, 9, "{\"kept\": true}");
    before = fx_state_of(fx);
    rows.count = 3;
    rows.dim = 3;
    rows.ids = ids;
    rows.vectors = v;
    rows.metadata = metadata;
    rows.flags = VDB_ROWS_NEW;
    assert_status(vdb_put(fx->db, &rows, NULL, &failed), VDB_EXISTS);
    assert_int_equal(failed, 2);
    assert_message("z");
    assert_unchanged(fx, &before);
    rows.flags = 0;
    v[1][2] = INFINITY;
    assert_status(vdb_put(fx->db, &rows, NULL, &failed), VDB_INVALID);
    assert_int_equal(failed, 1);
    assert_unchanged(fx, &before);
    v[1][2] = 0;
    metadata[1] = "[]";
    assert_status(vdb_put(fx->db, &rows, NULL, &failed), VDB_INVALID);
    assert_int_equal(failed, 1);
    metadata[1] = NULL;
    ids[0] = "";
    assert_status(vdb_put(fx->db, &rows, NULL, &failed), VDB_INVALID);
    assert_int_equal(failed, 0);
    ids[0] = "x";
    rows.dim = 4;
    failed = 99;
    assert_status(vdb_put(fx->db, &rows, NULL, &failed), VDB_INVALID);
    rows.dim = 3;
    rows.type = VDB_I8;
    assert_status(vdb_put(fx->db, &rows, NULL, &failed), VDB_UNSUPPORTED);
    assert_int_equal(failed, SIZE_MAX);
    rows.type = VDB_F32;
    assert_unchanged(fx, &before);
    assert_metadata(fx->db, "z", "{\"kept\": true}");
    assert_ok(vdb_put(fx->db, &rows, NULL, NULL));
    assert_int_equal(fx_count(fx->db), 3);
}

static void sizes_that_overflow_are_refused(void **state)
{
    fixture *fx = *state;
    const char *ids[1] = {"x"};
    const float v[3] = {1, 0, 0};
    vdb_rows rows = VDB_ROWS_INIT;
    fx_state before = fx_state_of(fx);
    rows.count = 1;
    rows.ids = ids;
    rows.vectors = v;
    rows.dim = SIZE_MAX / 4 + 4; /* times 4 bytes wraps to 12 */
    assert_status(vdb_put(fx->db, &rows, NULL, NULL), VDB_INVALID);
    rows.dim = 3;
    rows.stride = 8; /* less than a row */
    assert_status(vdb_put(fx->db, &rows, NULL, NULL), VDB_INVALID);
    assert_unchanged(fx, &before);
}

static void rows_beyond_the_logs_bound_are_refused_before_any_change(void **state)
{
    fixture *fx = *state;
    enum {
        N = 600,
        DIM = 512
    };
    vdb_options options = fx_options(DIM, VDB_L2, VDB_FLAT);
    static char names[N][16];
    const char *ids[N];
    float *v = calloc(N * DIM, sizeof *v);
    vdb_rows rows = VDB_ROWS_INIT;
    fx_state before;
    size_t failed = 3;
    assert_non_null(v);
    options.log_bytes = 1 << 20; /* 600 rows take 1.2 MB */
    fx_open(fx, &options);
    assert_ok(vdb_insert(fx->db, "there", v, DIM, NULL));
    before = fx_state_of(fx);
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "n%d", i);
        ids[i] = names[i];
    }
    rows.count = N;
    rows.dim = DIM;
    rows.ids = ids;
    rows.vectors = v;
    assert_status(vdb_put(fx->db, &rows, NULL, &failed), VDB_FULL);
    assert_int_equal(failed, SIZE_MAX);
    assert_message("1048576");
    assert_unchanged(fx, &before);
    /* In parts that fit, any amount goes in. */
    rows.count = 60;
    for (int i = 0; i < N / 60; i++) {
        rows.ids = ids + 60 * i;
        assert_ok(vdb_put(fx->db, &rows, NULL, NULL));
    }
    assert_int_equal(fx_count(fx->db), N + 1);
    free(v);
}

static void a_batch_applies_its_items_in_order(void **state)
{
    fixture *fx = *state;
    const float v[3] = {1, 2, 3}, w[3] = {4, 5, 6};
    vdb_batch *batch = NULL;
    uint64_t before;
    size_t failed = 5;
    fx_put(fx->db, "old", 0, 0, 0, NULL);
    before = fx_sequence(fx->db);
    assert_ok(vdb_batch_new(fx->db, &batch));
    assert_ok(vdb_batch_insert(batch, "a", v, 3, "{\"n\": 1}"));
    assert_ok(vdb_batch_delete(batch, "a"));
    assert_ok(vdb_batch_insert(batch, "a", w, 3, "{\"n\": 2}"));
    assert_ok(vdb_batch_insert(batch, "b", v, 3, NULL));
    assert_ok(vdb_batch_delete(batch, "old"));
    /* Nothing shows before it is applied. */
    assert_ids(fx->db, NULL, "old");
    assert_ok(vdb_batch_apply(batch, &failed));
    assert_ids(fx->db, NULL, "a b");
    assert_metadata(fx->db, "a", "{\"n\": 2}");
    assert_int_equal(fx_sequence(fx->db), before + 1);
    /* It is empty now and can be used again. */
    assert_ok(vdb_batch_delete(batch, "b"));
    assert_ok(vdb_batch_apply(batch, NULL));
    assert_ids(fx->db, NULL, "a");
    vdb_batch_free(batch);
    vdb_batch_free(NULL);
    fx_assert_clean(fx->db);
}

static void a_batch_copies_what_it_is_given(void **state)
{
    fixture *fx = *state;
    float v[3] = {1, 2, 3};
    char id[] = "a", metadata[] = "{\"n\": 1}";
    vdb_batch *batch = NULL;
    assert_ok(vdb_batch_new(fx->db, &batch));
    assert_ok(vdb_batch_insert(batch, id, v, 3, metadata));
    id[0] = 'x';
    v[0] = 77;
    memset(metadata, '!', sizeof metadata - 1);
    assert_ok(vdb_batch_apply(batch, NULL));
    vdb_batch_free(batch);
    assert_metadata(fx->db, "a", "{\"n\": 1}");
    assert_hits(fx->db, 1, 2, 3, 5, NULL, "a");
}

static void a_failed_batch_changes_nothing_and_keeps_its_items(void **state)
{
    fixture *fx = *state;
    const float v[3] = {1, 2, 3};
    vdb_batch *batch = NULL;
    fx_state before;
    size_t failed = 99;
    fx_put(fx->db, "a", 9, 9, 9, "{\"kept\": 1}");
    before = fx_state_of(fx);
    assert_ok(vdb_batch_new(fx->db, &batch));
    assert_ok(vdb_batch_insert(batch, "a", v, 3, NULL));
    assert_ok(vdb_batch_insert(batch, "b", v, 3, NULL));
    assert_ok(vdb_batch_delete(batch, "late"));
    assert_status(vdb_batch_apply(batch, &failed), VDB_NOT_FOUND);
    assert_int_equal(failed, 2);
    assert_message("late");
    assert_unchanged(fx, &before);
    assert_metadata(fx->db, "a", "{\"kept\": 1}");
    /* The items have stayed: once the id is there, the batch goes through. */
    fx_put(fx->db, "late", 0, 0, 0, NULL);
    assert_ok(vdb_batch_apply(batch, &failed));
    assert_ids(fx->db, NULL, "a b");
    assert_metadata(fx->db, "a", NULL);
    vdb_batch_free(batch);
}

static void a_bad_item_is_refused_when_it_is_added(void **state)
{
    fixture *fx = *state;
    const float v[3] = {1, 2, 3}, bad[3] = {1, NAN, 3};
    const char *ids[2] = {"p", ""};
    const float rows_v[2][3] = {{1, 0, 0}, {2, 0, 0}};
    vdb_rows rows = VDB_ROWS_INIT;
    vdb_batch *batch = NULL;
    size_t failed = 99;
    assert_ok(vdb_batch_new(fx->db, &batch));
    assert_ok(vdb_batch_insert(batch, "a", v, 3, NULL));
    assert_status(vdb_batch_insert(batch, "b", bad, 3, NULL), VDB_INVALID);
    assert_status(vdb_batch_insert(batch, "b", v, 2, NULL), VDB_INVALID);
    assert_status(vdb_batch_insert(batch, "", v, 3, NULL), VDB_INVALID);
    assert_status(vdb_batch_insert(batch, "b", v, 3, "[1]"), VDB_INVALID);
    assert_status(vdb_batch_delete(batch, ""), VDB_INVALID);
    rows.count = 2;
    rows.dim = 3;
    rows.ids = ids;
    rows.vectors = rows_v;
    assert_status(vdb_batch_put(batch, &rows, &failed), VDB_INVALID);
    assert_int_equal(failed, 1);
    /* None of those is in the batch, and of the rows neither. */
    assert_ok(vdb_batch_apply(batch, NULL));
    assert_ids(fx->db, NULL, "a");
    vdb_batch_free(batch);
}

static void a_batch_of_rows_that_must_be_new(void **state)
{
    fixture *fx = *state;
    const char *ids[2] = {"p", "q"};
    const float v[2][3] = {{1, 0, 0}, {2, 0, 0}};
    vdb_rows rows = VDB_ROWS_INIT;
    vdb_batch *batch = NULL;
    size_t failed = 99;
    fx_put(fx->db, "q", 9, 9, 9, NULL);
    rows.count = 2;
    rows.dim = 3;
    rows.ids = ids;
    rows.vectors = v;
    rows.flags = VDB_ROWS_NEW;
    assert_ok(vdb_batch_new(fx->db, &batch));
    assert_ok(vdb_batch_put(batch, &rows, NULL));
    assert_status(vdb_batch_apply(batch, &failed), VDB_EXISTS);
    assert_int_equal(failed, 1);
    assert_message("q");
    assert_ids(fx->db, NULL, "q");
    vdb_batch_free(batch);
    /* A removal before them in the same batch makes room. */
    assert_ok(vdb_batch_new(fx->db, &batch));
    assert_ok(vdb_batch_delete(batch, "q"));
    assert_ok(vdb_batch_put(batch, &rows, NULL));
    assert_ok(vdb_batch_apply(batch, NULL));
    assert_ids(fx->db, NULL, "p q");
    assert_hits(fx->db, 2, 0, 0, 1, NULL, "q");
    vdb_batch_free(batch);
}

static void the_first_insert_fixes_the_dimension(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(0, VDB_L2, VDB_FLAT);
    const float v[5] = {1, 2, 3, 4, 5}, bad[2] = {NAN, 1};
    vdb_batch *batch = NULL;
    fx_open(fx, &options);
    assert_int_equal(fx_stats(fx->db).dimension, 0);
    /* What is refused fixes nothing. */
    assert_status(vdb_insert(fx->db, "a", bad, 2, NULL), VDB_INVALID);
    assert_int_equal(fx_stats(fx->db).dimension, 0);
    assert_ok(vdb_batch_new(fx->db, &batch));
    assert_ok(vdb_batch_insert(batch, "a", v, 4, NULL));
    vdb_batch_free(batch);
    assert_int_equal(fx_stats(fx->db).dimension, 0);
    fx_reopen(fx);
    assert_int_equal(fx_stats(fx->db).dimension, 0);
    assert_ok(vdb_insert(fx->db, "a", v, 5, NULL));
    assert_int_equal(fx_stats(fx->db).dimension, 5);
    assert_status(vdb_insert(fx->db, "b", v, 4, NULL), VDB_INVALID);
    assert_message("5");
    assert_message("4");
    fx_reopen(fx);
    assert_int_equal(fx_stats(fx->db).dimension, 5);
    /* It stays fixed when the last vector has gone. */
    assert_ok(vdb_delete(fx->db, "a"));
    assert_status(vdb_insert(fx->db, "b", v, 4, NULL), VDB_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name)  cmocka_unit_test_setup_teardown(name, fx_setup_3d, fx_teardown)
#define T0(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
        T(put_stores_many_rows_as_one_commit),
        T(rows_may_have_lengths_and_strides),
        T(of_two_rows_with_one_id_the_later_stays),
        T(put_is_all_or_nothing_and_names_the_row),
        T(sizes_that_overflow_are_refused),
        T0(rows_beyond_the_logs_bound_are_refused_before_any_change),
        T(a_batch_applies_its_items_in_order),
        T(a_batch_copies_what_it_is_given),
        T(a_failed_batch_changes_nothing_and_keeps_its_items),
        T(a_bad_item_is_refused_when_it_is_added),
        T(a_batch_of_rows_that_must_be_new),
        T0(the_first_insert_fixes_the_dimension),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
