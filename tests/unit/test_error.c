/* test_error.c: the last error of a thread. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

static void message_status_and_offset_are_kept(void **state)
{
    vdb_error e;

    (void)state;
    assert_int_equal(vdbi_fail(VDB_CORRUPT, "page %d", 7), VDB_CORRUPT);
    vdbi_error_save(&e);
    assert_int_equal(e.struct_size, sizeof e);
    assert_int_equal(e.status, VDB_CORRUPT);
    assert_int_equal(e.system_error, 0);
    assert_int_equal(e.offset, -1);
    assert_string_equal(e.message, "page 7");

    assert_int_equal(vdbi_fail_at(VDB_INVALID, 1234567890123, "at"), VDB_INVALID);
    vdbi_error_save(&e);
    assert_int_equal(e.status, VDB_INVALID);
    assert_true(e.offset == 1234567890123);
    assert_string_equal(e.message, "at");
}

static void system_errors_become_statuses(void **state)
{
    static const struct {
        int error;
        vdb_status status;
    } cases[] = {
        {ENOSPC, VDB_FULL},   {EDQUOT, VDB_FULL}, {EFBIG, VDB_FULL},
        {ENOMEM, VDB_NOMEM},  {EAGAIN, VDB_IO},   {ENOENT, VDB_NOT_FOUND},
        {EEXIST, VDB_EXISTS}, {EACCES, VDB_IO},   {EPERM, VDB_IO},
        {EROFS, VDB_IO},      {EIO, VDB_IO},      {ENOTDIR, VDB_IO},
    };
    vdb_error e;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char want[256];
        assert_int_equal(vdbi_fail_system(-cases[i].error, "f%d: open", 1),
                         cases[i].status);
        vdbi_error_save(&e);
        assert_int_equal(e.status, cases[i].status);
        assert_int_equal(e.system_error, cases[i].error);
        snprintf(want, sizeof want, "f1: open: %s", strerror(cases[i].error));
        assert_string_equal(e.message, want);
    }
    /* A careless host. */
    assert_int_equal(vdbi_fail_system(ENOSPC, "x"), VDB_FULL);
    assert_int_equal(vdbi_fail_system(INT_MIN, "x"), VDB_IO);
}

static void a_long_name_does_not_push_out_the_reason(void **state)
{
    char name[2000], tail[64];
    vdb_error e;

    (void)state;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    vdbi_fail_system(-EIO, "%s", name);
    vdbi_error_save(&e);
    snprintf(tail, sizeof tail, "nnn: %s", strerror(EIO));
    assert_int_equal(strlen(e.message), sizeof e.message - 1);
    assert_string_equal(e.message + strlen(e.message) - strlen(tail), tail);
}

static void a_cut_message_ends_with_a_whole_character(void **state)
{
    static const char *const characters[] = {"a", "\xc3\xa9", "\xe2\x82\xac",
                                             "\xf0\x9f\x98\x80"};
    (void)state;
    for (size_t c = 0; c < 4; c++) {
        for (size_t shift = 0; shift < 4; shift++) {
            const size_t bytes = strlen(characters[c]);
            char text[1024] = "xxxx";
            vdb_error e;
            size_t length = shift, kept;
            while (length + bytes < sizeof text) {
                memcpy(text + length, characters[c], bytes);
                length += bytes;
            }
            text[length] = '\0';
            vdbi_fail(VDB_INVALID, "%s", text);
            vdbi_error_save(&e);
            kept = strlen(e.message);
            assert_true(kept > sizeof e.message - 1 - bytes);
            assert_int_equal((kept - shift) % bytes, 0);
            assert_memory_equal(e.message, text, kept);
        }
    }
}

static void a_message_may_quote_the_one_it_replaces(void **state)
{
    vdb_error e;

    (void)state;
    vdbi_fail(VDB_IO, "inner");
    vdbi_error_save(&e);
    vdbi_fail(VDB_IO, "outer: %s", e.message);
    vdbi_error_save(&e);
    assert_string_equal(e.message, "outer: inner");
}

static void *fail_elsewhere(void *arg)
{
    vdb_error *e = arg;

    vdbi_error_save(e); /* nothing has failed here yet */
    assert_int_equal(e->status, VDB_OK);
    vdbi_fail_at(VDB_FULL, 99, "elsewhere");
    vdbi_error_save(e);
    return NULL;
}

static void threads_have_their_own_and_may_hand_it_over(void **state)
{
    vdb_error other, e;
    pthread_t thread;

    (void)state;
    vdbi_fail(VDB_BUSY, "here");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, &other), 0);
    pthread_join(thread, NULL);
    vdbi_error_save(&e);
    assert_string_equal(e.message, "here");
    vdbi_error_restore(&other);
    vdbi_error_save(&e);
    assert_string_equal(e.message, "elsewhere");
    assert_int_equal(e.status, VDB_FULL);
    assert_int_equal(e.offset, 99);
}

static void errno_is_left_alone(void **state)
{
    (void)state;
    errno = 4321;
    vdbi_fail(VDB_IO, "x");
    vdbi_fail_at(VDB_IO, 1, "x");
    vdbi_fail_system(-99999, "x");
    assert_int_equal(errno, 4321);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_status_and_offset_are_kept),
        cmocka_unit_test(system_errors_become_statuses),
        cmocka_unit_test(a_long_name_does_not_push_out_the_reason),
        cmocka_unit_test(a_cut_message_ends_with_a_whole_character),
        cmocka_unit_test(a_message_may_quote_the_one_it_replaces),
        cmocka_unit_test(threads_have_their_own_and_may_hand_it_over),
        cmocka_unit_test(errno_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
