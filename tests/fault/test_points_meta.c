/* test_points_meta.c: the rules of docs/format.md about meta pages, creation and failed
 * checkpoints, each with the scenario that breaks when the rule is broken. */
#include <errno.h>

#include "points.h"

/* ------------------------------------------------------- a failed checkpoint */

static void a_retry_keeps_both_logs(void **state)
{
    machine *m = two_logs();
    content before[2], after;
    vdb_stats stats;

    (void)state;
    before[0] = content_get(m, LOG1);
    before[1] = content_get(m, LOG2);
    for (int i = 0; i < 3; i++)
        expect_failed(vdb_checkpoint(m->db, NULL), VDB_FULL, "");
    after = content_get(m, LOG1);
    assert_true(content_same(&before[0], &after));
    content_free(&after);
    after = content_get(m, LOG2);
    assert_memory_equal(before[1].bytes, after.bytes, before[1].size);
    content_free(&after);
    put(m, 4, 1);
    machine_kill(m);
    machine_open(m);
    expect_many(m, 0, 5, 1);

    /* S lies inside the second log: the first is cut, the second stays. */
    checkpoint(m);
    put(m, 5, 1);
    after = content_get(m, LOG1);
    assert_int_equal(after.size, 0);
    content_free(&after);
    machine_kill(m);
    machine_open(m);
    expect_many(m, 0, 6, 1);
    assert_int_equal(stats_of(m).replayed, 1);
    expect_sound(m, 6);
    stats = stats_of(m);
    assert_int_equal(stats.durable_sequence, 5);
    content_free(&before[0]);
    content_free(&before[1]);
    machine_free(m);
}

/* A retry does not turn the log over, so S lies inside the second: what is there up to
 * S must be durable before a meta page says S, also where no commit is synced. */
static void a_retry_makes_durable_what_it_saves(void **state)
{
    machine *m = machine_new(true);

    (void)state;
    m->options.durability = VDB_OFF;
    machine_open(m);
    put_many(m, 0, 3, 1);
    m->hook = full_main;
    expect_failed(vdb_checkpoint(m->db, NULL), VDB_FULL, "");
    m->hook = NULL;
    put_many(m, 3, 2, 1);
    checkpoint(m);
    assert_int_equal(stats_of(m).durable_sequence, 5);
    machine_cut(m, FAULTFS_NONE, 0);
    machine_open(m);
    expect_many(m, 0, 5, 1);
    put(m, 5, 1);
    machine_kill(m);
    machine_open(m);
    expect_many(m, 0, 6, 1);
    expect_sound(m, 6);
    machine_free(m);
}

static void a_log_that_ends_before_s_is_told(void **state)
{
    machine *m = two_logs();
    content log;

    (void)state;
    put(m, 4, 1);
    m->hook = NULL;
    checkpoint(m);
    machine_kill(m);
    log = content_get(m, LOG2);
    log.size = frame_at(&log, 1);
    content_put(m, LOG2, &log);
    expect_failed(machine_try_open(m), VDB_CORRUPT, LOG2);
    content_free(&log);
    m->options.flags = VDB_OPEN_WITHOUT_LOG | VDB_OPEN_READONLY;
    machine_open(m);
    expect_many(m, 0, 5, 1);
    machine_free(m);
}

static void at_the_bound_writes_are_full_and_reads_go_on(void **state)
{
    machine *m = machine_new(true);
    unsigned n = 0;
    content log;
    vdb_status status;

    (void)state;
    machine_open(m);
    put(m, n++, 1);
    m->hook = full_main;
    while ((status = try_put(m, n, 1)) == VDB_OK && n < 40000)
        n++;
    expect_failed(status, VDB_FULL, "bound of 1048576 bytes");
    assert_true(n > 1000);
    for (int i = 1; i <= 2; i++) {
        log = content_get(m, i == 1 ? LOG1 : LOG2);
        assert_true(log.size <= m->options.log_bytes + FRAME_HEADER);
        content_free(&log);
    }
    expect(m, 0, 1);
    expect(m, n - 1, 1);
    expect(m, n, ABSENT);
    assert_int_equal(vdb_close(m->db), VDB_FULL);
    m->db = NULL;
    m->hook = NULL;
    machine_open(m);
    expect_sound(m, n);
    put(m, n, 1);
    checkpoint(m);
    expect_sound(m, n + 1);
    machine_free(m);
}

/* -------------------------------------------------------------- meta pages */

static void rot_newest_meta(machine *m)
{
    content file = content_get(m, MAIN);

    flip(m, MAIN, newest_meta(&file) * PAGE + 200);
    content_free(&file);
}

/* The older meta page says "no log"; the newer one, rotten, named one with a commit. */
static void the_older_meta_page_needs_the_logs(void **state)
{
    machine *m = machine_new(true);
    content log, before, after;

    (void)state;
    machine_open(m);
    put(m, 0, 1);
    machine_close(m);
    machine_open(m);
    put(m, 1, 1);
    machine_kill(m);
    rot_newest_meta(m);
    before = content_get(m, MAIN);
    expect_failed(machine_try_open(m), VDB_CORRUPT, LOG1);
    after = content_get(m, MAIN);
    assert_true(content_same(&before, &after));
    content_free(&after);
    /* A log without a frame proves that nothing is missing: the page was torn. */
    log = content_get(m, LOG1);
    log.size = PAGE;
    content_put(m, LOG1, &log);
    machine_open(m);
    expect_sound(m, 1);
    expect(m, 0, 1);
    content_free(&log);
    content_free(&before);
    machine_free(m);
}

static void across_a_recycled_log_it_does_not_count(void **state)
{
    machine *m = machine_new(true);

    (void)state;
    machine_open(m);
    put(m, 0, 1);
    checkpoint(m);
    put(m, 1, 1);
    machine_kill(m);
    rot_newest_meta(m);
    expect_failed(machine_try_open(m), VDB_CORRUPT, LOG1);
    m->options.flags = VDB_OPEN_WITHOUT_LOG | VDB_OPEN_READONLY;
    machine_open(m);
    expect_sound(m, 0);
    machine_free(m);
}

/* Beside a damaged meta page the other one may be old: writing on top of it could destroy
 * what only the damaged one leads to.  A salvage may read. */
static void without_log_does_not_write_over_a_damaged_meta_page(void **state)
{
    machine *m = machine_new(true);

    (void)state;
    machine_open(m);
    put(m, 0, 1);
    checkpoint(m);
    put(m, 0, 2);
    checkpoint(m);
    put(m, 0, 3);
    m->hook = full_main;
    expect_failed(vdb_checkpoint(m->db, NULL), VDB_FULL, "");
    put(m, 0, 4);
    machine_kill(m);
    rot_newest_meta(m);
    expect_failed(machine_try_open(m), VDB_CORRUPT, "");
    m->options.flags = VDB_OPEN_WITHOUT_LOG;
    expect_failed(machine_try_open(m), VDB_CORRUPT, "meta page");
    m->options.flags = VDB_OPEN_WITHOUT_LOG | VDB_OPEN_READONLY;
    machine_open(m);
    expect(m, 0, 1);
    machine_free(m);
}

/* While the old log is there the older meta page leads to everything: a torn new one is
 * no loss. */
static void a_torn_meta_page_loses_nothing(void **state)
{
    machine *m = machine_new(true);
    content log[2];

    (void)state;
    machine_open(m);
    put(m, 0, 1);
    log[0] = content_get(m, LOG1);
    m->hook = full_main;
    expect_failed(vdb_checkpoint(m->db, NULL), VDB_FULL, "");
    m->hook = NULL;
    content_free(&log[0]);
    log[0] = content_get(m, LOG1);
    log[1] = content_get(m, LOG2);
    checkpoint(m);
    machine_kill(m);
    rot_newest_meta(m);
    content_put(m, LOG1, &log[0]);
    content_put(m, LOG2, &log[1]);
    machine_open(m);
    expect(m, 0, 1);
    expect_sound(m, 1);
    content_free(&log[0]);
    content_free(&log[1]);
    machine_free(m);
}

static void a_log_that_is_not_reached_is_ignored(void **state)
{
    machine *m = machine_new(true);
    content log;

    (void)state;
    machine_open(m);
    put(m, 0, 1);
    log = content_get(m, LOG1);
    put(m, 0, 2);
    machine_close(m);
    content_put(m, LOG1, &log);
    machine_open(m);
    expect(m, 0, 2);
    put(m, 1, 1);
    machine_kill(m);
    machine_open(m);
    expect(m, 0, 2);
    expect(m, 1, 1);
    expect_sound(m, 2);
    content_free(&log);
    machine_free(m);
}

static void two_rotten_meta_pages_are_no_empty_database(void **state)
{
    machine *m = machine_new(true);
    content before, after;

    (void)state;
    machine_open(m);
    put_many(m, 0, 5000, 1);
    machine_close(m);
    for (size_t i = 0; i < 2; i++)
        flip(m, MAIN, i * PAGE + 100);
    before = content_get(m, MAIN);
    assert_true(before.size > 100 * PAGE);
    expect_failed(machine_try_open(m), VDB_CORRUPT, MAIN);
    after = content_get(m, MAIN);
    assert_true(content_same(&before, &after));
    content_free(&after);
    /* All zeros, but not as short as a creation leaves it. */
    memset(before.bytes, 0, 2 * PAGE);
    content_put(m, MAIN, &before);
    expect_failed(machine_try_open(m), VDB_CORRUPT, MAIN);
    after = content_get(m, MAIN);
    assert_true(content_same(&before, &after));
    content_free(&after);
    content_free(&before);
    machine_free(m);
}

static void a_file_is_not_created_over_logs(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 2 * PAGE; size += PAGE) {
        machine *m = machine_new(true);
        content zeros = {calloc(1, 2 * PAGE + 1), size, true}, after;
        machine_open(m);
        put(m, 0, 1);
        machine_kill(m);
        content_put(m, MAIN, &zeros);
        expect_failed(machine_try_open(m), VDB_CORRUPT, "logs");
        after = content_get(m, MAIN);
        assert_true(content_same(&zeros, &after));
        content_free(&after);
        /* Without logs it is a creation that was cut short. */
        after = (content){NULL, 0, false};
        content_put(m, LOG1, &after);
        content_put(m, LOG2, &after);
        machine_open(m);
        expect_sound(m, 0);
        content_free(&zeros);
        machine_free(m);
    }
}

/* The sync of the meta page that names the first log has failed: the cache has the
 * page, the disk may not.  What is written to that log later must not depend on it. */
static void recovery_makes_the_meta_page_durable_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 24; i++) {
        machine *m = machine_new(true);
        machine_open(m);
        if (i % 2) {
            put(m, 0, 1);
            machine_close(m);
            machine_open(m);
        }
        for (unsigned n = 0; n < i / 6; n++) /* another fate of what waits */
            faultfs_vfs(m->fs)->random(m->fs, &(uint64_t){0}, 8);
        /* The header of the log, the meta page, the commit. */
        faultfs_arm(m->fs, FAULTFS_SYNC, 1 + i / 2 % 3, EIO, false);
        expect_failed(try_put(m, 1, 1), VDB_IO, "");
        faultfs_disarm(m->fs);
        vdb_close(m->db);
        machine_open(m);
        put(m, 2, 1);
        machine_cut(m, FAULTFS_NONE, i);
        machine_open(m);
        expect(m, 0, i % 2 ? 1 : ABSENT);
        expect(m, 2, 1);
        machine_free(m);
    }
}

/* A name that is not durable: the file, or the log, is gone after a cut. */
/* The same of a close whose last sync fails: its meta page names no log, and is perhaps in
 * the cache alone.  The next handle must not cut the logs before it is durable. */
static void a_meta_page_of_the_cache_does_not_cut_the_logs(void **state)
{
    unsigned torn = 0;

    (void)state;
    for (unsigned i = 0; i < 48; i++) {
        machine *m = machine_new(true);
        machine_open(m);
        put(m, 0, 1);
        put(m, 1, 1);
        for (unsigned n = 0; n < i / 12; n++) /* another fate of what waits */
            faultfs_vfs(m->fs)->random(m->fs, &(uint64_t){0}, 8);
        faultfs_arm(m->fs, FAULTFS_SYNC, 2, EIO, false);
        assert_int_not_equal(vdb_close(m->db), VDB_OK);
        m->db = NULL;
        faultfs_disarm(m->fs);
        faultfs_cut_at(m->fs, faultfs_calls(m->fs) + 1 + i % 12);
        if (machine_try_open(m) == VDB_OK)
            try_put(m, 2, 1);
        torn += faultfs_is_cut(m->fs);
        faultfs_cut_at(m->fs, 0);
        machine_cut(m, FAULTFS_NONE, i);
        machine_open(m);
        expect(m, 0, 1);
        expect(m, 1, 1);
        machine_free(m);
    }
    assert_true(torn > 24);
}

static void names_are_durable_before_they_are_needed(void **state)
{
    machine *m = machine_new(true);

    (void)state;
    machine_open(m);
    machine_cut(m, FAULTFS_DATA_ONLY, 0);
    m->options.flags = VDB_OPEN_MUST_EXIST;
    machine_open(m);
    put(m, 0, 1);
    machine_cut(m, FAULTFS_DATA_ONLY, 0);
    machine_open(m);
    expect(m, 0, 1);
    checkpoint(m); /* the second log */
    put(m, 1, 1);
    machine_cut(m, FAULTFS_DATA_ONLY, 0);
    machine_open(m);
    expect_many(m, 0, 2, 1);
    expect_sound(m, 2);
    machine_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_retry_keeps_both_logs),
        cmocka_unit_test(a_retry_makes_durable_what_it_saves),
        cmocka_unit_test(a_log_that_ends_before_s_is_told),
        cmocka_unit_test(at_the_bound_writes_are_full_and_reads_go_on),
        cmocka_unit_test(the_older_meta_page_needs_the_logs),
        cmocka_unit_test(across_a_recycled_log_it_does_not_count),
        cmocka_unit_test(without_log_does_not_write_over_a_damaged_meta_page),
        cmocka_unit_test(a_torn_meta_page_loses_nothing),
        cmocka_unit_test(a_log_that_is_not_reached_is_ignored),
        cmocka_unit_test(two_rotten_meta_pages_are_no_empty_database),
        cmocka_unit_test(a_file_is_not_created_over_logs),
        cmocka_unit_test(recovery_makes_the_meta_page_durable_again),
        cmocka_unit_test(a_meta_page_of_the_cache_does_not_cut_the_logs),
        cmocka_unit_test(names_are_durable_before_they_are_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
