/* test_points_logs.c: the rules of docs/format.md about frames and about turning over,
 * each with the scenario that breaks when the rule is broken. */
#include <errno.h>

#include "points.h"

/* ------------------------------------------------------------------ frames */

/* Two commits, of which the first is damaged: nothing says that they were durable. */
static machine *two_unsynced_frames(content *log)
{
    machine *m = machine_new(true);

    m->options.durability = VDB_OFF;
    machine_open(m);
    put(m, 1, 1);
    put(m, 2, 1);
    machine_kill(m);
    *log = content_get(m, LOG1);
    assert_int_equal(frame_count(log), 2);
    flip(m, LOG1, frame_at(log, 0) + FRAME_HEADER + 40);
    machine_open(m);
    expect_sound(m, 0);
    return m;
}

static void a_stale_frame_cannot_follow_another(void **state)
{
    content stale, log;
    machine *m = two_unsynced_frames(&stale);

    (void)state;
    put(m, 1, 2);
    machine_kill(m);
    log = content_get(m, LOG1);
    assert_int_equal(frame_at(&log, 1), frame_at(&stale, 1));
    assert_int_equal(log.size, frame_at(&log, 1));
    /* What stood there shows up again, as on a disk that does not clear what grows. */
    content_append(&log, stale.bytes + frame_at(&stale, 1),
                   stale.size - frame_at(&stale, 1));
    content_put(m, LOG1, &log);
    machine_open(m);
    expect(m, 1, 2);
    expect(m, 2, ABSENT);
    content_free(&log);
    content_free(&stale);
    machine_free(m);
}

static void an_equal_retry_does_not_revive_a_cut_tail(void **state)
{
    static const unsigned damages[] = {FAULTFS_ALL, FAULTFS_NO_TRUNCATE};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        content stale;
        machine *m = two_unsynced_frames(&stale);
        put(m, 1, 1); /* the very same frame */
        machine_cut(m, damages[i], 0);
        machine_open(m);
        expect(m, 1, 1);
        expect(m, 2, ABSENT);
        content_free(&stale);
        machine_free(m);
    }
}

static void what_a_failed_write_left_is_cut_off(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 16; n++) { /* some are written whole */
        machine *m = machine_new(true);
        machine_open(m);
        put(m, 0, 1);
        for (unsigned i = 0; i <= n; i++) {
            faultfs_arm(m->fs, FAULTFS_WRITE, 1, EIO, false);
            expect_failed(try_put(m, 10 + i, 1), VDB_IO, "");
            faultfs_disarm(m->fs);
        }
        if (n % 2)
            put(m, 1, 1);
        machine_kill(m);
        machine_open(m);
        for (unsigned i = 0; i <= n; i++)
            expect(m, 10 + i, ABSENT);
        expect_sound(m, 1 + n % 2);
        machine_free(m);
    }
}

static void a_tail_that_cannot_be_cut_poisons(void **state)
{
    machine *m = machine_new(true);

    (void)state;
    machine_open(m);
    put(m, 0, 1);
    faultfs_arm(m->fs, FAULTFS_WRITE | FAULTFS_TRUNCATE, 1, EIO, true);
    expect_failed(try_put(m, 1, 1), VDB_IO, "");
    faultfs_disarm(m->fs);
    expect_failed(try_put(m, 2, 1), VDB_POISONED, "");
    assert_int_equal(stats_of(m).poisoned, 1);
    expect(m, 0, 1);
    machine_free(m);
}

static void a_failed_sync_poisons(void **state)
{
    machine *m = machine_new(true);

    (void)state;
    machine_open(m);
    put(m, 0, 1);
    faultfs_arm(m->fs, FAULTFS_SYNC, 1, EIO, false);
    expect_failed(try_put(m, 1, 1), VDB_IO, "");
    expect_failed(try_put(m, 2, 1), VDB_POISONED, "");
    assert_int_equal(vdb_checkpoint(m->db, NULL), VDB_POISONED);
    expect(m, 0, 1);
    expect(m, 1, ABSENT);
    machine_free(m);
}

static void damage_among_acknowledged_frames_is_told(void **state)
{
    machine *m = machine_new(true);
    content log, before, after;

    (void)state;
    machine_open(m);
    put_many(m, 0, 3, 1);
    machine_kill(m);
    log = content_get(m, LOG1);
    flip(m, LOG1, frame_at(&log, 1) + FRAME_HEADER + 40);
    before = content_get(m, LOG1);
    expect_failed(machine_try_open(m), VDB_CORRUPT, LOG1);
    after = content_get(m, LOG1);
    assert_true(content_same(&before, &after));
    /* The last frame torn is a torn tail. */
    content_put(m, LOG1, &log);
    flip(m, LOG1, frame_at(&log, 2) + FRAME_HEADER + 40);
    machine_open(m);
    expect_many(m, 0, 2, 1);
    expect_sound(m, 2);
    content_free(&log);
    content_free(&before);
    content_free(&after);
    machine_free(m);
}

/* A failed sync: the cache has the frames, the disk has not.  What is built on them
 * makes them durable once more. */
static void recovery_makes_durable_what_only_the_cache_has(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 8; n++) {
        machine *m = machine_new(true);
        machine_open(m);
        put(m, 0, 1);
        faultfs_arm(m->fs, FAULTFS_SYNC, 1, EIO, false);
        expect_failed(try_put(m, 1, 1 + (int)n), VDB_IO, "");
        faultfs_disarm(m->fs);
        vdb_close(m->db);
        machine_open(m); /* with warm caches: row 1 is there */
        expect(m, 1, 1 + (int)n);
        put(m, 2, 1);
        machine_cut(m, FAULTFS_NONE, n);
        machine_open(m);
        expect(m, 1, 1 + (int)n);
        expect(m, 2, 1);
        machine_free(m);
    }
}

/* ------------------------------------------------------------ turning over */

static void a_missing_or_unclosed_log_is_told(void **state)
{
    machine *m = two_logs();
    content log[2], cut, none = {NULL, 0, false};

    (void)state;
    machine_kill(m);
    log[0] = content_get(m, LOG1);
    log[1] = content_get(m, LOG2);
    assert_int_equal(frame_count(&log[0]), 4);
    assert_int_equal(frame_count(&log[1]), 1);

    content_put(m, LOG2, &none);
    expect_failed(machine_try_open(m), VDB_CORRUPT, LOG2);
    content_put(m, LOG2, &log[1]);
    content_put(m, LOG1, &none);
    expect_failed(machine_try_open(m), VDB_CORRUPT, LOG1);
    m->options.flags = VDB_OPEN_WITHOUT_LOG | VDB_OPEN_READONLY;
    machine_open(m);
    expect_sound(m, 0);
    machine_close(m);
    m->options.flags = 0;

    /* Without its close frame, but with frames behind it. */
    cut = log[0];
    cut.size = frame_at(&cut, 3);
    content_put(m, LOG1, &cut);
    expect_failed(machine_try_open(m), VDB_CORRUPT, LOG1);

    content_put(m, LOG1, &log[0]);
    machine_open(m);
    expect_many(m, 0, 4, 1);
    expect_sound(m, 4);
    content_free(&log[0]);
    content_free(&log[1]);
    machine_free(m);
}

/* At every cut inside a checkpoint, in every durability: what the new log has can only
 * be reached through a durable close frame. */
static void the_new_log_waits_for_the_close_frame(void **state)
{
    static const vdb_durability modes[] = {VDB_FULL_SYNC, VDB_NORMAL, VDB_OFF};
    static const unsigned damages[] = {FAULTFS_NONE, FAULTFS_KEEP_LAST,
                                       FAULTFS_ONE_FILE, FAULTFS_DROP_FIRST,
                                       FAULTFS_DATA_ONLY};

    (void)state;
    for (unsigned i = 0; i < 3 * 5 * 6; i++) {
        machine *m = machine_new(true);
        unsigned damage = damages[i / 3 % 5];
        m->options.durability = modes[i % 3];
        machine_open(m);
        put_many(m, 0, 3, 1);
        m->hook = full_main;
        expect_failed(vdb_checkpoint(m->db, NULL), VDB_FULL, "");
        put(m, 3, 1);
        machine_cut(m, damage, i / 15);
        machine_open(m);
        /* The turn-over has synced the old log in every mode. */
        expect_many(m, 0, 3, 1);
        if (m->options.durability == VDB_FULL_SYNC)
            expect(m, 3, 1);
        machine_free(m);
    }
}

static void every_use_of_a_log_has_a_new_salt(void **state)
{
    machine *m = machine_new(true);
    uint64_t salts[12];

    (void)state;
    for (size_t i = 0; i < 12; i++) {
        const char *name = LOG1;
        content log;
        if (i % 4 == 0)
            machine_open(m);
        put(m, (unsigned)i, 1);
        log = content_get(m, LOG2);
        if (log.there && log.size >= PAGE)
            name = LOG2;
        content_free(&log);
        log = content_get(m, name);
        salts[i] = get64(log.bytes + 32);
        content_free(&log);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(salts[i], salts[j]);
        if (i % 4 == 3)
            machine_close(m);
        else
            checkpoint(m);
    }
    machine_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stale_frame_cannot_follow_another),
        cmocka_unit_test(an_equal_retry_does_not_revive_a_cut_tail),
        cmocka_unit_test(what_a_failed_write_left_is_cut_off),
        cmocka_unit_test(a_tail_that_cannot_be_cut_poisons),
        cmocka_unit_test(a_failed_sync_poisons),
        cmocka_unit_test(damage_among_acknowledged_frames_is_told),
        cmocka_unit_test(recovery_makes_durable_what_only_the_cache_has),
        cmocka_unit_test(a_missing_or_unclosed_log_is_told),
        cmocka_unit_test(the_new_log_waits_for_the_close_frame),
        cmocka_unit_test(every_use_of_a_log_has_a_new_salt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
