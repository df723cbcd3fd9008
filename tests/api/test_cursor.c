/* test_cursor.c: the order of ids, paging, prefixes, filters, the one instant. */
#include "fixture.h"

static void walk(vdb *db, const vdb_cursor_options *options, const char *want)
{
    char got[4096] = "";
    vdb_cursor *cursor = NULL;
    const vdb_record *record = NULL;
    assert_ok(vdb_cursor_open(db, options, &cursor));
    for (;;) {
        size_t n = strlen(got);
        assert_ok(vdb_cursor_next(cursor, &record));
        if (!record)
            break;
        snprintf(got + n, sizeof got - n, "%s%s", n ? " " : "",
                 vdb_record_id(record, NULL));
    }
    /* Behind the end there is nothing, as often as one asks. */
    assert_ok(vdb_cursor_next(cursor, &record));
    assert_null(record);
    vdb_cursor_free(cursor);
    assert_string_equal(got, want);
}

static void store(vdb *db)
{
    static const char *const ids[] = {"b",  "a",   "ab", "abc", "B",        "aa",
                                      "~z", "a b", "1",  "10",  "\xc3\xa9", "a\x01"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char metadata[32];
        snprintf(metadata, sizeof metadata, "{\"n\": %zu}", i);
        fx_put(db, ids[i], (float)i, 0, 0, metadata);
    }
}

static void ids_come_in_the_order_of_their_bytes(void **state)
{
    fixture *fx = *state;
    vdb_cursor_options options = VDB_CURSOR_OPTIONS_INIT;
    walk(fx->db, NULL, "");
    store(fx->db);
    for (int round = 0; round < 2; round++) {
        walk(fx->db, NULL, "1 10 B a a\x01 a b aa ab abc b ~z \xc3\xa9");
        walk(fx->db, &options, "1 10 B a a\x01 a b aa ab abc b ~z \xc3\xa9");
        fx_reopen(fx);
    }
}

static void after_begins_behind_an_id(void **state)
{
    fixture *fx = *state;
    vdb_cursor_options options = VDB_CURSOR_OPTIONS_INIT;
    store(fx->db);
    options.after = "ab";
    walk(fx->db, &options, "abc b ~z \xc3\xa9");
    options.after = "abb"; /* need not be there */
    walk(fx->db, &options, "abc b ~z \xc3\xa9");
    options.after = "\xc3\xa9";
    walk(fx->db, &options, "");
    options.after = "0";
    walk(fx->db, &options, "1 10 B a a\x01 a b aa ab abc b ~z \xc3\xa9");
}

static void prefix_bounds_the_walk(void **state)
{
    fixture *fx = *state;
    vdb_cursor_options options = VDB_CURSOR_OPTIONS_INIT;
    store(fx->db);
    options.prefix = "a";
    walk(fx->db, &options, "a a\x01 a b aa ab abc");
    options.prefix = "ab";
    walk(fx->db, &options, "ab abc");
    options.prefix = "";
    walk(fx->db, &options, "1 10 B a a\x01 a b aa ab abc b ~z \xc3\xa9");
    options.prefix = "abcd";
    walk(fx->db, &options, "");
    options.prefix = "\xc3\xa9";
    walk(fx->db, &options, "\xc3\xa9");
    /* Together with after, before, within and behind the prefix. */
    options.prefix = "a";
    options.after = "aa";
    walk(fx->db, &options, "ab abc");
    options.after = "B";
    walk(fx->db, &options, "a a\x01 a b aa ab abc");
    options.after = "a";
    walk(fx->db, &options, "a\x01 a b aa ab abc");
    options.after = "b";
    walk(fx->db, &options, "");
}

static void filters_choose_records(void **state)
{
    fixture *fx = *state;
    vdb_cursor_options options = VDB_CURSOR_OPTIONS_INIT;
    vdb_filter *filter = fx_filter("{\"op\":\"lt\",\"field\":\"n\",\"value\":4}");
    store(fx->db);
    options.filter = filter;
    walk(fx->db, &options, "a ab abc b");
    options.prefix = "ab";
    walk(fx->db, &options, "ab abc");
    options.after = "ab";
    walk(fx->db, &options, "abc");
    vdb_filter_free(filter);
}

static void records_carry_everything_unless_told(void **state)
{
    fixture *fx = *state;
    vdb_cursor_options options = VDB_CURSOR_OPTIONS_INIT;
    vdb_cursor *cursor = NULL;
    const vdb_record *record = NULL;
    size_t n = 0;
    fx_put(fx->db, "abc", 1, 2, 3, "{\"a\":  1}");
    assert_ok(vdb_cursor_open(fx->db, &options, &cursor));
    assert_ok(vdb_cursor_next(cursor, &record));
    assert_string_equal(vdb_record_id(record, &n), "abc");
    assert_int_equal(n, 3);
    assert_true(vdb_record_vector(record, &n)[2] == 3);
    assert_int_equal(n, 3);
    assert_string_equal(vdb_record_metadata(record, &n), "{\"a\":  1}");
    assert_int_equal(n, 9);
    vdb_cursor_free(cursor);
    options.flags = VDB_CURSOR_IDS_ONLY;
    assert_ok(vdb_cursor_open(fx->db, &options, &cursor));
    assert_ok(vdb_cursor_next(cursor, &record));
    assert_string_equal(vdb_record_id(record, NULL), "abc");
    assert_null(vdb_record_vector(record, NULL));
    assert_null(vdb_record_metadata(record, NULL));
    vdb_cursor_free(cursor);
    vdb_cursor_free(NULL);
}

static void a_cursor_sees_one_instant(void **state)
{
    fixture *fx = *state;
    vdb_cursor *cursor = NULL;
    const vdb_record *record = NULL;
    char id[32];
    for (int i = 0; i < 600; i++) {
        snprintf(id, sizeof id, "v%03d", i);
        fx_put(fx->db, id, (float)i, 0, 0, "{\"old\": 1}");
    }
    assert_ok(vdb_cursor_open(fx->db, NULL, &cursor));
    for (int i = 0; i < 600; i++) {
        snprintf(id, sizeof id, "v%03d", i);
        assert_ok(vdb_cursor_next(cursor, &record));
        assert_non_null(record);
        assert_string_equal(vdb_record_id(record, NULL), id);
        assert_true(vdb_record_vector(record, NULL)[0] == (float)i);
        assert_string_equal(vdb_record_metadata(record, NULL), "{\"old\": 1}");
        /* Behind, at and before the cursor everything changes. */
        if (i % 100 == 0)
            for (int j = 0; j < 600; j++) {
                snprintf(id, sizeof id, "v%03d", j);
                if (j % 3 == 0 && i == 0)
                    assert_ok(vdb_delete(fx->db, id));
                else
                    fx_put(fx->db, id, -1, 0, 0, "{\"new\": 1}");
            }
        if (i % 200 == 0) {
            snprintf(id, sizeof id, "v%03d-new", i + 1);
            fx_put(fx->db, id, 0, 0, 0, NULL);
            assert_ok(vdb_checkpoint(fx->db, NULL));
        }
    }
    assert_ok(vdb_cursor_next(cursor, &record));
    assert_null(record);
    vdb_cursor_free(cursor);
    assert_ids(fx->db, "{\"op\":\"exists\",\"field\":\"old\"}", "");
    fx_assert_clean(fx->db);
}

static void a_cursor_outlives_its_snapshot(void **state)
{
    fixture *fx = *state;
    vdb_cursor_options options = VDB_CURSOR_OPTIONS_INIT;
    vdb_snapshot *snapshot = NULL;
    vdb_cursor *cursor = NULL;
    const vdb_record *record = NULL;
    fx_put(fx->db, "a", 1, 0, 0, "{\"n\": 1}");
    fx_put(fx->db, "b", 2, 0, 0, "{\"n\": 2}");
    assert_ok(vdb_snapshot_new(fx->db, &snapshot));
    fx_put(fx->db, "a", 3, 0, 0, NULL);
    assert_ok(vdb_delete(fx->db, "b"));
    options.snapshot = snapshot;
    assert_ok(vdb_cursor_open(fx->db, &options, &cursor));
    vdb_snapshot_free(snapshot);
    assert_ok(vdb_checkpoint(fx->db, NULL));
    fx_put(fx->db, "c", 3, 0, 0, NULL);
    assert_ok(vdb_checkpoint(fx->db, NULL));
    assert_ok(vdb_cursor_next(cursor, &record));
    assert_string_equal(vdb_record_id(record, NULL), "a");
    assert_string_equal(vdb_record_metadata(record, NULL), "{\"n\": 1}");
    assert_true(vdb_record_vector(record, NULL)[0] == 1);
    assert_ok(vdb_cursor_next(cursor, &record));
    assert_string_equal(vdb_record_id(record, NULL), "b");
    assert_ok(vdb_cursor_next(cursor, &record));
    assert_null(record);
    vdb_cursor_free(cursor);
}

static void paging_by_after_finds_each_once(void **state)
{
    fixture *fx = *state;
    char id[32], last[32] = "";
    int seen = 0;
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof id, "p%d", i);
        fx_put(fx->db, id, 0, 0, (float)i, NULL);
    }
    for (;;) {
        vdb_cursor_options options = VDB_CURSOR_OPTIONS_INIT;
        vdb_cursor *cursor = NULL;
        const vdb_record *record = NULL;
        int page = 0;
        options.after = seen ? last : NULL;
        options.flags = VDB_CURSOR_IDS_ONLY;
        assert_ok(vdb_cursor_open(fx->db, &options, &cursor));
        for (; page < 37; page++) {
            assert_ok(vdb_cursor_next(cursor, &record));
            if (!record)
                break;
            assert_true(strcmp(vdb_record_id(record, NULL), last) > 0);
            snprintf(last, sizeof last, "%s", vdb_record_id(record, NULL));
            seen++;
        }
        vdb_cursor_free(cursor);
        if (page < 37)
            break;
    }
    assert_int_equal(seen, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup_3d, fx_teardown)
        T(ids_come_in_the_order_of_their_bytes),
        T(after_begins_behind_an_id),
        T(prefix_bounds_the_walk),
        T(filters_choose_records),
        T(records_carry_everything_unless_told),
        T(a_cursor_sees_one_instant),
        T(a_cursor_outlives_its_snapshot),
        T(paging_by_after_finds_each_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
