/* test_errors.c: statuses by name, the message of each thread, vdb_error, versions. */
#include "fixture.h"

#include <pthread.h>
#include <unistd.h>

static void statuses_have_fixed_numbers_and_names(void **state)
{
    static const struct {
        vdb_status status;
        const char *name;
    } known[] = {
        {0, "VDB_OK"},         {1, "VDB_INVALID"},      {2, "VDB_NOT_FOUND"},
        {3, "VDB_EXISTS"},     {4, "VDB_NOMEM"},        {5, "VDB_IO"},
        {6, "VDB_FULL"},       {7, "VDB_CORRUPT"},      {8, "VDB_BUSY"},
        {9, "VDB_READONLY"},   {10, "VDB_UNSUPPORTED"}, {11, "VDB_TIMEOUT"},
        {12, "VDB_CANCELLED"}, {13, "VDB_POISONED"},    {14, "VDB_MISUSE"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_string_equal(vdb_status_name(known[i].status), known[i].name);
    assert_string_equal(vdb_status_name(15), "VDB_UNKNOWN");
    assert_string_equal(vdb_status_name(-1), "VDB_UNKNOWN");
    assert_string_equal(vdb_status_name(INT32_MIN), "VDB_UNKNOWN");
    assert_string_equal(vdb_status_name(INT32_MAX), "VDB_UNKNOWN");
}

static void the_version_is_the_headers(void **state)
{
    (void)state;
    assert_int_equal(vdb_version(), VDB_VERSION_MAJOR * 1000000 +
                                        VDB_VERSION_MINOR * 1000 + VDB_VERSION_PATCH);
}

static void the_error_struct_agrees_with_the_message(void **state)
{
    fixture *fx = *state;
    vdb_error error = VDB_ERROR_INIT;
    const float v[3] = {1, 2, 3};
    assert_status(vdb_delete(fx->db, "nobody"), VDB_NOT_FOUND);
    vdb_error_get(&error);
    assert_int_equal(error.status, VDB_NOT_FOUND);
    assert_string_equal(error.message, vdb_errmsg());
    assert_int_equal(error.system_error, 0);
    assert_int_equal(error.offset, -1);
    /* A success leaves the last error as it is. */
    fx_put(fx->db, "a", 1, 2, 3, NULL);
    assert_message("nobody");
    /* A place in a text is told as a number too. */
    assert_status(vdb_insert(fx->db, "b", v, 3, "{\"abc\": 1, }"), VDB_INVALID);
    vdb_error_get(&error);
    assert_int_equal(error.status, VDB_INVALID);
    assert_in_range(error.offset, 8, 12);
    assert_string_equal(error.message, vdb_errmsg());
}

static void long_values_do_not_overflow_the_message(void **state)
{
    fixture *fx = *state;
    vdb_error error = VDB_ERROR_INIT;
    char id[1001];
    memset(id, 'i', 1000);
    id[1000] = 0;
    assert_status(vdb_delete(fx->db, id), VDB_NOT_FOUND);
    vdb_error_get(&error);
    assert_in_range(strlen(vdb_errmsg()), 1, sizeof error.message - 1);
    assert_string_equal(error.message, vdb_errmsg());
}

static void messages_stay_valid_utf8(void **state)
{
    fixture *fx = *state;
    char id[1003];
    const char *message;
    size_t n;
    /* Two bytes a letter: a cut may fall inside one, whichever way it is begun. */
    for (int shift = 0; shift < 2; shift++) {
        memset(id, 'x', sizeof id);
        for (size_t i = (size_t)shift; i + 1 < 1000; i += 2)
            memcpy(id + i, "\xc3\xa9", 2);
        id[1000] = 0;
        if (shift)
            id[999] = 'x';
        assert_status(vdb_delete(fx->db, id), VDB_NOT_FOUND);
        message = vdb_errmsg();
        n = strlen(message);
        assert_true(n > 0);
        for (size_t i = 0; i < n; i++)
            if ((unsigned char)message[i] == 0xc3)
                assert_true((unsigned char)message[i + 1] == 0xa9);
    }
}

typedef struct thread_case {
    vdb *db;
    int number;
    int bad;
} thread_case;

static void *fail_often(void *arg)
{
    thread_case *c = arg;
    char id[32];
    snprintf(id, sizeof id, "missing-%d", c->number);
    if (vdb_errmsg()[0] != 0) /* a new thread has not failed yet */
        c->bad = 1;
    for (int i = 0; i < 2000 && !c->bad; i++) {
        if (vdb_delete(c->db, id) != VDB_NOT_FOUND || !strstr(vdb_errmsg(), id))
            c->bad = 2;
    }
    return NULL;
}

static void every_thread_has_its_own_message(void **state)
{
    fixture *fx = *state;
    thread_case cases[4];
    pthread_t threads[4];
    assert_status(vdb_delete(fx->db, "mine"), VDB_NOT_FOUND);
    for (int i = 0; i < 4; i++) {
        cases[i] = (thread_case){fx->db, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, fail_often, &cases[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(cases[i].bad, 0);
    }
    assert_message("mine");
}

static void failures_set_handles_to_null(void **state)
{
    fixture *fx = *state;
    char junk;
    vdb_record *record = (void *)&junk;
    vdb_results *results = (void *)&junk;
    vdb_filter *filter = (void *)&junk;
    vdb *db = (void *)&junk;
    vdb_options options = fx_options(0, 0, 0);
    options.flags = VDB_OPEN_MUST_EXIST;
    assert_status(vdb_get(fx->db, "x", NULL, &record), VDB_NOT_FOUND);
    assert_null(record);
    assert_status(vdb_search(fx->db, NULL, 3, 1, &results), VDB_INVALID);
    assert_null(results);
    assert_status(vdb_filter_parse(NULL, "{", 1, &filter), VDB_INVALID);
    assert_null(filter);
    assert_status(vdb_open(fx_name(fx, "none"), &options, &db), VDB_NOT_FOUND);
    assert_null(db);
}

static void freeing_nothing_is_allowed(void **state)
{
    fixture *fx = *state;
    vdb_record_free(NULL);
    vdb_results_free(NULL);
    vdb_filter_free(NULL);
    vdb_batch_free(NULL);
    vdb_cursor_free(NULL);
    vdb_snapshot_free(NULL);
    vdb_cancel_free(NULL);
    vdb_report_free(NULL);
    vdb_env_free(NULL);
    fx_put(fx->db, "a", 1, 2, 3, NULL);
    assert_int_equal(fx_count(fx->db), 1);
}

static void nothing_is_printed(void **state)
{
    fixture *fx = *state;
    char path[700];
    size_t size = 0;
    unsigned char *bytes;
    FILE *sink;
    int out = dup(1), err = dup(2);
    vdb_report *report = NULL;
    vdb *db = NULL;
    snprintf(path, sizeof path, "%s/printed", fx->dir);
    sink = fopen(path, "w");
    assert_non_null(sink);
    fflush(NULL);
    dup2(fileno(sink), 1);
    dup2(fileno(sink), 2);
    vdb_delete(fx->db, "nobody");
    vdb_insert(fx->db, "", NULL, 9, "{");
    vdb_open("/dev/null", NULL, &db);
    vdb_open(fx->dir, NULL, &db);
    vdb_check(fx->db, NULL, &report, NULL);
    vdb_report_free(report);
    fflush(NULL);
    dup2(out, 1);
    dup2(err, 2);
    close(out);
    close(err);
    fclose(sink);
    bytes = fx_read(path, &size);
    free(bytes);
    assert_int_equal(size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup_3d, fx_teardown)
        cmocka_unit_test(statuses_have_fixed_numbers_and_names),
        cmocka_unit_test(the_version_is_the_headers),
        T(the_error_struct_agrees_with_the_message),
        T(long_values_do_not_overflow_the_message),
        T(messages_stay_valid_utf8),
        T(every_thread_has_its_own_message),
        T(failures_set_handles_to_null),
        T(freeing_nothing_is_allowed),
        T(nothing_is_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
