/* test_large_ids.c: ids up to the limit, by the thousand, with long common beginnings,
 * of every kind of UTF-8: order, paging, replacement, deletion, reopening.
 */
#include "fixture.h"

#include <unistd.h>

enum {
    N = 1200
};

/* Id i of 1,024 bytes: alike but for a number somewhere, by turns early, in the middle
 * and at the very end. */
static void long_id(int i, char *out)
{
    static const size_t places[3] = {4, 500, VDB_ID_MAX - 6};
    char number[8];
    memset(out, 'k', VDB_ID_MAX);
    out[VDB_ID_MAX] = 0;
    snprintf(number, sizeof number, "%06d", i);
    memcpy(out + places[i % 3], number, 6);
    out[0] = (char)('0' + i % 3);
}

static void check_order(vdb *db, size_t want)
{
    static char last[VDB_ID_MAX + 1];
    vdb_cursor *cursor = NULL;
    const vdb_record *record = NULL;
    size_t seen = 0, length;
    last[0] = 0;
    assert_ok(vdb_cursor_open(db, NULL, &cursor));
    for (;; seen++) {
        assert_ok(vdb_cursor_next(cursor, &record));
        if (!record)
            break;
        assert_true(strcmp(vdb_record_id(record, &length), last) > 0);
        assert_int_equal(length, strlen(vdb_record_id(record, NULL)));
        strcpy(last, vdb_record_id(record, NULL));
    }
    vdb_cursor_free(cursor);
    assert_int_equal(seen, want);
}

static void ids_at_the_limit(void **state)
{
    static char id[VDB_ID_MAX + 1];
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    options.durability = VDB_OFF;
    fx_open(fx, &options);
    for (int i = 0; i < N; i++) {
        long_id(i * 769 % N, id);
        fx_put(fx->db, id, (float)(i * 769 % N), 0, 0, "{\"long\": true}");
    }
    check_order(fx->db, N);
    fx_assert_clean(fx->db);
    fx_reopen(fx);
    check_order(fx->db, N);
    for (int i = 0; i < N; i++) {
        vdb_record *record = NULL;
        long_id(i, id);
        assert_ok(vdb_get(fx->db, id, NULL, &record));
        assert_string_equal(vdb_record_id(record, NULL), id);
        assert_true(vdb_record_vector(record, NULL)[0] == (float)i);
        vdb_record_free(record);
        id[VDB_ID_MAX - 1] ^= 1; /* its neighbour is not there */
        assert_status(vdb_get(fx->db, id, NULL, &record), VDB_NOT_FOUND);
    }
    for (int i = 0; i < N; i += 2) {
        long_id(i, id);
        assert_ok(vdb_delete(fx->db, id));
    }
    check_order(fx->db, N / 2);
    fx_assert_clean(fx->db);
    for (int i = 1; i < N; i += 2) {
        long_id(i, id);
        assert_ok(vdb_delete(fx->db, id));
    }
    check_order(fx->db, 0);
    fx_assert_clean(fx->db);
}

static void every_length_up_to_the_limit(void **state)
{
    static char id[VDB_ID_MAX + 1];
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    options.durability = VDB_OFF;
    fx_open(fx, &options);
    /* Each id is the beginning of all later ones. */
    for (int length = VDB_ID_MAX; length >= 1; length--) {
        memset(id, 'a', sizeof id);
        id[length] = 0;
        fx_put(fx->db, id, (float)length, 0, 0, NULL);
    }
    check_order(fx->db, VDB_ID_MAX);
    fx_reopen(fx);
    check_order(fx->db, VDB_ID_MAX);
    for (int length = 1; length <= VDB_ID_MAX; length++) {
        memset(id, 'a', sizeof id);
        id[length] = 0;
        assert_true(fx_has(fx->db, id));
    }
    fx_assert_clean(fx->db);
}

static void unusual_ids_are_ids(void **state)
{
    static const char *const ids[] = {
        "\x01",
        "\t",
        "\n",
        " ",
        "  ",
        "\"quoted\"",
        "$",
        "%00",
        "-1",
        "../../etc",
        "/",
        "0",
        "00",
        "18446744073709551615",
        "9007199254740993",
        "a/b",
        "batch",
        "null",
        "v1\nv2",
        "{}",
        "\x7f",
        "\xc2\x80",
        "\xc3\xa9",
        "\xe2\x82\xac",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x9f\x98\x80",
        "\xf4\x8f\xbf\xbf",
    };
    enum {
        COUNT = sizeof ids / sizeof *ids
    };
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    vdb_cursor *cursor = NULL;
    const vdb_record *record = NULL;
    fx_open(fx, &options);
    for (size_t i = COUNT; i-- > 0;)
        fx_put(fx->db, ids[i], (float)i, 0, 0, NULL);
    fx_reopen(fx);
    assert_ok(vdb_cursor_open(fx->db, NULL, &cursor));
    for (size_t i = 0; i < COUNT; i++) {
        assert_ok(vdb_cursor_next(cursor, &record));
        assert_non_null(record);
        assert_string_equal(vdb_record_id(record, NULL), ids[i]);
        assert_true(vdb_record_vector(record, NULL)[0] == (float)i);
    }
    vdb_cursor_free(cursor);
    for (size_t i = 0; i < COUNT; i++) {
        assert_ok(vdb_delete(fx->db, ids[i]));
        assert_int_equal(fx_count(fx->db), COUNT - i - 1);
    }
}

static void ids_come_and_go_ten_thousand_times(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    char id[16];
    uint32_t x = 1;
    unsigned char there[200] = {0};
    uint64_t live = 0;
    options.durability = VDB_OFF;
    options.checkpoint_entries = 100;
    fx_open(fx, &options);
    for (int i = 0; i < 10000; i++) {
        unsigned n;
        x = x * 1664525u + 1013904223u;
        n = (x >> 10) % 200;
        snprintf(id, sizeof id, "%u", n);
        if (there[n] && (x >> 28) < 9) {
            assert_ok(vdb_delete(fx->db, id));
            there[n] = 0;
            live--;
        } else {
            fx_put(fx->db, id, (float)n, (float)i, 0, "{\"a\": 1}");
            live += !there[n];
            there[n] = 1;
        }
        if (i % 1000 == 999) {
            assert_int_equal(fx_count(fx->db), live);
            fx_assert_clean(fx->db);
        }
    }
    fx_reopen(fx);
    assert_int_equal(fx_count(fx->db), live);
    for (unsigned n = 0; n < 200; n++) {
        snprintf(id, sizeof id, "%u", n);
        assert_int_equal(fx_has(fx->db, id), there[n]);
    }
    /* Two hundred small vectors: slots and space have been used again. */
    assert_in_range(fx_stats(fx->db).slots, 1, 5000);
    assert_in_range(fx_stats(fx->db).file_bytes, 1, 4000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
        T(ids_at_the_limit),
        T(every_length_up_to_the_limit),
        T(unusual_ids_are_ids),
        T(ids_come_and_go_ten_thousand_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
