/* test_points_logs.c: the rules of design.md about commits, logs, meta pages and
 * durability, each with the scenario that breaks when the rule is broken.  (The
 * campaigns try everything; these say which rule it was.) */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "points.h"

/* --------------------------------------------------- commits: the leader, groups */

static vdb_status apply_pair(machine *m, unsigned n, unsigned gone)
{
    float vector[DIM];
    char id[32];
    vdb_batch *batch;
    vdb_status status;

    row_vector(n, 1, vector);
    assert_int_equal(vdb_batch_new(m->db, &batch), VDB_OK);
    assert_int_equal(vdb_batch_insert(batch, row_id(n, id), vector, DIM, NULL), VDB_OK);
    assert_int_equal(vdb_batch_delete(batch, row_id(gone, id)), VDB_OK);
    status = vdb_batch_apply(batch, NULL);
    vdb_batch_free(batch);
    return status;
}

static void a_failed_request_drops_its_own_version_slots_and_bytes(void **state)
{
    machine *m = machine_new(true);
    content before, after;

    (void)state;
    machine_open(m);
    put_many(m, 0, 4, 1);
    drop(m, 2);
    before = content_get(m, LOG1);
    expect_failed(apply_pair(m, 8, 99), VDB_NOT_FOUND, "row-99");
    after = content_get(m, LOG1);
    assert_true(content_same(&before, &after));
    put(m, 5, 1);
    /* The slot that was taken for row 8 is row 5's. */
    assert_int_equal(stats_of(m).slots, 4);
    machine_kill(m);
    machine_open(m);
    expect(m, 8, ABSENT);
    expect(m, 5, 1);
    expect_sound(m, 4);
    content_free(&before);
    content_free(&after);
    machine_free(m);
}

/* Requests that wait while the log is being written become one group. */
typedef struct request {
    machine *m;
    pthread_t thread;
    unsigned n;
    bool removes, is_new;
    vdb_status status;
} request;

static void *run_request(void *arg)
{
    request *r = arg;
    float vector[DIM];
    char id[32];

    row_id(r->n, id);
    row_vector(r->n, 1, vector);
    if (r->removes)
        r->status = vdb_delete(r->m->db, id);
    else if (r->is_new)
        r->status = vdb_insert_new(r->m->db, id, vector, DIM, NULL);
    else
        r->status = try_put(r->m, r->n, 1);
    return NULL;
}

typedef struct gate {
    request *requests;
    size_t count;
    bool queued, fails;
} gate;

/* At the first write to a log start the requests, and give each the time to queue. */
static int queue_them(machine *m, uint32_t kind, const char *name)
{
    gate *g = m->hook_arg;

    if (kind != FAULTFS_WRITE || !strcmp(name, MAIN))
        return 0;
    if (g->queued)
        return g->fails ? -EIO : 0;
    g->queued = true;
    for (size_t i = 0; i < g->count; i++) {
        g->requests[i].m = m;
        assert_int_equal(
            pthread_create(&g->requests[i].thread, NULL, run_request, &g->requests[i]),
            0);
        usleep(30000);
    }
    return 0;
}

static void run_group(machine *m, gate *g)
{
    m->hook_arg = g;
    m->hook = queue_them;
    put(m, 100, 1);
    for (size_t i = 0; i < g->count; i++)
        pthread_join(g->requests[i].thread, NULL);
    m->hook = NULL;
}

static void a_group_has_one_sync(void **state)
{
    machine *m = machine_new(true);
    request requests[6] = {{.n = 1}, {.n = 2}, {.n = 3}, {.n = 4}, {.n = 5}, {.n = 6}};
    gate g = {requests, 6, false, false};
    uint64_t before;

    (void)state;
    machine_open(m);
    put(m, 0, 1);
    before = stats_of(m).syncs;
    run_group(m, &g);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(requests[i].status, VDB_OK);
    assert_int_equal(stats_of(m).syncs - before, 2); /* the first, and the group's */
    assert_int_equal(stats_of(m).sequence, 8);       /* a version each */
    machine_cut(m, FAULTFS_NONE, 0);
    machine_open(m);
    expect_many(m, 0, 7, 1);
    expect(m, 100, 1);
    expect_sound(m, 8);
    machine_free(m);
}

static void an_answer_that_rests_on_the_group_waits_for_it(void **state)
{
    machine *m = machine_new(true);
    request requests[4] = {{.n = 1},
                           {.n = 1, .is_new = true},
                           {.n = 0, .removes = true},
                           {.n = 0, .removes = true}};
    gate g = {requests, 4, false, true};

    (void)state;
    machine_open(m);
    put(m, 0, 1);
    run_group(m, &g);
    /* The second would be VDB_EXISTS, the last VDB_NOT_FOUND, had the group been
     * written. */
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(requests[i].status, VDB_IO);
    expect(m, 0, 1);
    expect(m, 1, ABSENT);
    expect(m, 100, 1);
    put(m, 1, 2);
    machine_kill(m);
    machine_open(m);
    expect(m, 0, 1);
    expect(m, 1, 2);
    expect_sound(m, 3);
    machine_free(m);
}

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

static int full_main(machine *m, uint32_t kind, const char *name)
{
    (void)m;
    return kind == FAULTFS_WRITE && !strcmp(name, MAIN) ? -ENOSPC : 0;
}

/* Rows 0 to 2 in the first log, which is closed, row 3 in the second; nothing saved. */
static machine *two_logs(void)
{
    machine *m = machine_new(true);

    machine_open(m);
    put_many(m, 0, 3, 1);
    m->hook = full_main;
    expect_failed(vdb_checkpoint(m->db, NULL), VDB_FULL, "");
    put(m, 3, 1);
    return m;
}

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

/* A name that is not durable: the file, or the log, is gone after a cut. */
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

/* -------------------------------------------------------------- durability */

static void full_is_durable_at_once(void **state)
{
    machine *m = machine_new(true);
    size_t waiting;

    (void)state;
    machine_open(m);
    put(m, 0, 1);
    waiting = faultfs_unsynced(m->fs); /* the name of the other log */
    for (unsigned n = 1; n < 5; n++) {
        put(m, n, 1);
        assert_int_equal(faultfs_unsynced(m->fs), waiting);
    }
    machine_cut(m, FAULTFS_NONE, 0);
    machine_open(m);
    expect_many(m, 0, 5, 1);
    machine_free(m);
}

static void normal_is_durable_after_a_second(void **state)
{
    machine *m = machine_new(true);
    size_t waiting;

    (void)state;
    m->options.durability = VDB_NORMAL;
    machine_open(m);
    put(m, 0, 1);
    faultfs_advance(m->fs, 1100000000u);
    put(m, 1, 1);
    waiting = faultfs_unsynced(m->fs);
    put(m, 2, 1);
    assert_int_equal(faultfs_unsynced(m->fs), waiting + 1);
    faultfs_advance(m->fs, 1100000000u);
    put(m, 2, 1);
    assert_int_equal(faultfs_unsynced(m->fs), waiting);
    put(m, 3, 1);
    assert_int_equal(faultfs_unsynced(m->fs), waiting + 1);
    machine_cut(m, FAULTFS_NONE, 0);
    machine_open(m);
    expect_many(m, 0, 3, 1);
    expect(m, 3, ABSENT);
    put(m, 3, 2);
    machine_kill(m); /* of a process that dies alone nothing is lost */
    machine_open(m);
    expect(m, 3, 2);
    machine_free(m);
}

static void off_is_durable_after_a_checkpoint(void **state)
{
    machine *m = machine_new(true);
    size_t waiting;

    (void)state;
    m->options.durability = VDB_OFF;
    machine_open(m);
    put(m, 0, 1);
    waiting = faultfs_unsynced(m->fs);
    faultfs_advance(m->fs, 10000000000u);
    put(m, 1, 1);
    assert_int_equal(faultfs_unsynced(m->fs), waiting + 1);
    checkpoint(m);
    put(m, 2, 1);
    machine_cut(m, FAULTFS_NONE, 0);
    machine_open(m);
    expect_many(m, 0, 2, 1);
    expect(m, 2, ABSENT);
    expect_sound(m, 2);
    machine_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_request_drops_its_own_version_slots_and_bytes),
        cmocka_unit_test(a_group_has_one_sync),
        cmocka_unit_test(an_answer_that_rests_on_the_group_waits_for_it),
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
        cmocka_unit_test(a_retry_keeps_both_logs),
        cmocka_unit_test(at_the_bound_writes_are_full_and_reads_go_on),
        cmocka_unit_test(the_older_meta_page_needs_the_logs),
        cmocka_unit_test(across_a_recycled_log_it_does_not_count),
        cmocka_unit_test(a_torn_meta_page_loses_nothing),
        cmocka_unit_test(a_log_that_is_not_reached_is_ignored),
        cmocka_unit_test(two_rotten_meta_pages_are_no_empty_database),
        cmocka_unit_test(a_file_is_not_created_over_logs),
        cmocka_unit_test(names_are_durable_before_they_are_needed),
        cmocka_unit_test(full_is_durable_at_once),
        cmocka_unit_test(normal_is_durable_after_a_second),
        cmocka_unit_test(off_is_durable_after_a_checkpoint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
