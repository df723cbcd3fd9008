/* test_points_compact.c: the rules of docs/format.md, "Compaction", each with the scenario
 * that breaks when the rule is broken. */
#include <errno.h>

#include "points.h"
#include "synthetic.h"

enum {
    ROWS = 400,
    KEPT = 20 /* one in so many rows stays */
};

/* A database of which most has been deleted, all saved. */
static machine *hollow(void)
{
    machine *m = machine_new(true);

    machine_open(m);
    put_many(m, 0, ROWS, 1);
    checkpoint(m);
    for (unsigned n = 0; n < ROWS; n++)
        if (n % KEPT)
            drop(m, n);
    checkpoint(m);
    return m;
}

static void expect_kept(machine *m)
{
    for (unsigned n = 0; n < ROWS; n++)
        expect(m, n, n % KEPT ? ABSENT : 1);
    expect_sound(m, ROWS / KEPT);
}

static void compact(machine *m)
{
    vdb_status status = vdb_compact(m->db, NULL);

    if (status)
        fail_msg("vdb_compact: %s: %s", vdb_status_name(status), vdb_errmsg());
}

/* How long a file the meta page in force asks for, in pages; of a file as it stands. */
static uint64_t wanted_pages(const uint8_t *pages)
{
    uint64_t first = get64(pages + 32), second = get64(pages + PAGE + 32);

    return get64(pages + (second > first ? PAGE : 0) + 88);
}

/* ------------------------------------------------------------------ the cut */

/* Before each call on the main file: what is durable opens in the file as it is now, even
 * if nothing else of it becomes durable. */
static int watch_length(machine *m, uint32_t kind, const char *name)
{
    faultfs *durable;
    const vdb_vfs *vfs;
    uint8_t pages[2 * PAGE] = {0};
    vdb_file *file;
    content now;
    size_t got;

    (void)kind;
    if (strcmp(name, MAIN) != 0)
        return 0;
    durable = faultfs_after_cut(m->fs, FAULTFS_NONE, 0);
    vfs = faultfs_vfs(durable);
    assert_int_equal(vfs->open(vfs->arg, MAIN, VDB_VFS_READONLY, &file), 0);
    assert_int_equal(vfs->read(vfs->arg, file, pages, sizeof pages, 0, &got), 0);
    vfs->close(vfs->arg, file);
    faultfs_free(durable);
    now = content_get(m, MAIN);
    assert_true(wanted_pages(pages) * PAGE <= now.size);
    content_free(&now);
    ++*(int *)m->hook_arg;
    return 0;
}

static void the_file_is_cut_when_both_meta_pages_say_so(void **state)
{
    machine *m = hollow();
    content before = content_get(m, MAIN), after;
    int watched = 0;

    (void)state;
    m->hook = watch_length;
    m->hook_arg = &watched;
    compact(m);
    m->hook = NULL;
    assert_true(watched > 10);
    after = content_get(m, MAIN);
    assert_true(after.size < before.size * 3 / 4);
    assert_true(get64(after.bytes + 88) * PAGE <= after.size);
    assert_true(get64(after.bytes + PAGE + 88) * PAGE <= after.size);
    /* Either meta page may rot: what the other asks for is there. */
    assert_int_equal(stats_of(m).file_bytes, after.size);
    expect_kept(m);
    content_free(&before);
    content_free(&after);
    machine_kill(m);
    machine_open(m);
    expect_kept(m);
    machine_free(m);
}

/* The power goes at each call; of what was not synced any part is left. */
static void a_cut_inside_a_compaction_loses_nothing(void **state)
{
    machine *m = hollow();
    uint64_t before = faultfs_calls(m->fs), calls;

    (void)state;
    compact(m);
    calls = faultfs_calls(m->fs) - before;
    machine_free(m);
    assert_true(calls > 20);
    for (uint64_t n = 1; n <= calls; n++) {
        machine *start = hollow();
        faultfs_cut_at(start->fs, faultfs_calls(start->fs) + n);
        expect_failed(vdb_compact(start->db, NULL), VDB_IO, "");
        machine_cut(start, (unsigned)(n * 7 % FAULTFS_DAMAGES), n);
        machine_open(start);
        expect_kept(start);
        compact(start);
        expect_kept(start);
        assert_int_equal(stats_of(start).slots, ROWS / KEPT);
        machine_free(start);
    }
}

/* ------------------------------------------------------------------- readers */

static void what_a_snapshot_sees_is_not_cut_off(void **state)
{
    machine *m = machine_new(true);
    vdb_snapshot *snapshot;
    vdb_stats held;

    (void)state;
    machine_open(m);
    put_many(m, 0, ROWS, 1);
    checkpoint(m);
    assert_int_equal(vdb_snapshot_new(m->db, &snapshot), VDB_OK);
    for (unsigned n = 0; n < ROWS; n++)
        if (n % KEPT)
            drop(m, n);
    compact(m);
    held = stats_of(m);
    assert_true(held.held_bytes > 0);
    /* Slots that it sees live are neither given up nor used. */
    assert_int_equal(held.slots, ROWS);
    put_many(m, ROWS, 50, 2);
    compact(m);
    for (unsigned n = 0; n < ROWS; n++)
        expect_held(m, snapshot, n, 1);
    vdb_snapshot_free(snapshot);
    compact(m);
    assert_true(stats_of(m).file_bytes < held.file_bytes * 3 / 4);
    assert_int_equal(stats_of(m).slots, ROWS / KEPT + 50);
    for (unsigned n = 0; n < ROWS; n++)
        expect(m, n, n % KEPT ? ABSENT : 1);
    expect_many(m, ROWS, 50, 2);
    expect_sound(m, ROWS / KEPT + 50);
    machine_free(m);
}

/* Its pages stand at the end, and copies of them have moved before. */
static void what_a_snapshot_sees_at_the_end_stays(void **state)
{
    machine *m = machine_new(true);
    vdb_snapshot *snapshot;
    uint64_t before;

    (void)state;
    machine_open(m);
    put_many(m, 0, ROWS, 1);
    checkpoint(m);
    put_many(m, 0, ROWS, 2);
    checkpoint(m);
    before = stats_of(m).file_bytes;
    assert_int_equal(vdb_snapshot_new(m->db, &snapshot), VDB_OK);
    compact(m);
    assert_true(stats_of(m).held_bytes > before / 4);
    assert_true(stats_of(m).file_bytes > before * 3 / 4);
    for (unsigned n = 0; n < ROWS; n++)
        expect_held(m, snapshot, n, 2);
    vdb_snapshot_free(snapshot);
    compact(m);
    assert_true(stats_of(m).file_bytes < before * 3 / 4);
    expect_many(m, 0, ROWS, 2);
    expect_sound(m, ROWS);
    machine_free(m);
}

/* --------------------------------------------------------------------- slots */

static void slots_that_were_given_up_are_used_anew(void **state)
{
    machine *m = hollow();

    (void)state;
    compact(m);
    assert_int_equal(stats_of(m).slots, ROWS / KEPT);
    put_many(m, ROWS, ROWS, 3);
    assert_int_equal(stats_of(m).slots, ROWS / KEPT + ROWS);
    machine_kill(m);
    machine_open(m);
    expect_many(m, ROWS, ROWS, 3);
    for (unsigned n = 0; n < ROWS; n++)
        expect(m, n, n % KEPT ? ABSENT : 1);
    expect_sound(m, ROWS / KEPT + ROWS);
    machine_free(m);
}

/* The k-th write to a log fails: the step that it belonged to never was. */
static int fail_log_write(machine *m, uint32_t kind, const char *name)
{
    int *left = m->hook_arg;

    if (kind != FAULTFS_WRITE || strcmp(name, MAIN) == 0 || *left == 0)
        return 0;
    return --*left == 0 ? -ENOSPC : 0;
}

static void a_step_that_fails_changes_nothing(void **state)
{
    int done = 0;

    (void)state;
    for (int k = 1; !done; k++) {
        machine *m = hollow();
        int left = k;
        vdb_status status;
        m->hook = fail_log_write;
        m->hook_arg = &left;
        status = vdb_compact(m->db, NULL);
        m->hook = NULL;
        done = left > 0;
        assert_int_equal(status, done ? VDB_OK : VDB_FULL);
        expect_kept(m);
        compact(m);
        assert_int_equal(stats_of(m).slots, ROWS / KEPT);
        assert_true(stats_of(m).free_bytes <= 4 * PAGE);
        put_many(m, ROWS, 100, 1);
        assert_int_equal(stats_of(m).slots, ROWS / KEPT + 100);
        for (unsigned n = ROWS; n < ROWS + 100; n++)
            drop(m, n);
        expect_kept(m);
        machine_free(m);
        assert_true(k < 100);
    }
}

/* -------------------------------------------------------------------- places */

static void nothing_is_left_behind_the_end(void **state)
{
    machine *m = hollow();
    vdb_stats stats;

    (void)state;
    compact(m);
    stats = stats_of(m);
    assert_true(stats.free_bytes <= 2 * PAGE);
    assert_int_equal(stats.held_bytes, 0);
    /* Once more, in a file that has no log yet. */
    machine_close(m);
    machine_open(m);
    compact(m);
    assert_true(stats_of(m).file_bytes <= stats.file_bytes + PAGE);
    expect_kept(m);
    machine_free(m);
}

/* Its pages stand behind all others; little is dead, so it is kept. */
static void a_saved_graph_moves_and_is_the_same(void **state)
{
    machine *m = machine_new(true);
    synthetic *g = calloc(1, sizeof *g);
    uint64_t number, serial;
    vdb_stats before;

    (void)state;
    assert_non_null(g);
    machine_open(m);
    put_many(m, 0, 2 * ROWS, 1);
    checkpoint(m);
    assert_null(synthetic_load(g, m->db));
    assert_int_equal(synthetic_link(g, m->db, 1, 1), VDB_OK);
    synthetic_change_uppers(g, 1);
    assert_int_equal(synthetic_save(g, m->db, NULL, NULL, true, &number), VDB_OK);
    checkpoint(m);
    synthetic_settled(g, m->db, number);
    for (unsigned n = 0; n < ROWS / 2; n++)
        drop(m, n);
    before = stats_of(m);
    compact(m);
    assert_true(stats_of(m).file_bytes < before.file_bytes);
    assert_true(stats_of(m).free_bytes <= 4 * PAGE);
    assert_int_equal(stats_of(m).slots, 2 * ROWS);
    assert_null(synthetic_verify(m->db, &serial, NULL));
    assert_int_equal(serial, g->acked);
    assert_true(serial != 0);
    machine_kill(m);
    machine_open(m);
    assert_null(synthetic_verify(m->db, &serial, NULL));
    assert_int_equal(serial, g->acked);
    expect_sound(m, 2 * ROWS - ROWS / 2);
    /* Most is dead: it is dropped, and its slots are given up. */
    for (unsigned n = ROWS / 2; n < 2 * ROWS - 10; n++)
        drop(m, n);
    compact(m);
    assert_null(synthetic_verify(m->db, &serial, NULL));
    assert_int_equal(serial, 0);
    assert_int_equal(stats_of(m).slots, 10);
    expect_many(m, 2 * ROWS - 10, 10, 1);
    expect_sound(m, 10);
    machine_free(m);
    free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_is_cut_when_both_meta_pages_say_so),
        cmocka_unit_test(a_cut_inside_a_compaction_loses_nothing),
        cmocka_unit_test(what_a_snapshot_sees_is_not_cut_off),
        cmocka_unit_test(what_a_snapshot_sees_at_the_end_stays),
        cmocka_unit_test(slots_that_were_given_up_are_used_anew),
        cmocka_unit_test(a_step_that_fails_changes_nothing),
        cmocka_unit_test(nothing_is_left_behind_the_end),
        cmocka_unit_test(a_saved_graph_moves_and_is_the_same),
    };
    return cmocka_run_group_tests_name("compact", tests, NULL, NULL);
}
