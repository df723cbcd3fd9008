/* test_points_pages.c: the rules of design.md about pages, places and checkpoints, each
 * with the scenario that breaks when the rule is broken. */
#include <errno.h>
#include <pthread.h>

#include "points.h"

enum {
    ROWS = 40
};

static bool holds(const content *c, const void *bytes, size_t size)
{
    for (size_t i = 0; i + size <= c->size; i++)
        if (!memcmp(c->bytes + i, bytes, size))
            return true;
    return false;
}

/* ------------------------------------------ nothing durable is overwritten */

/* A request that fails may leave rows behind the count in blocks that it shares with
 * what is saved next. */
static void rows_beyond_the_count_are_not_saved(void **state)
{
    static const char id[] = "an-id-that-never-was";
    machine *m = machine_new(true);
    float vector[DIM];
    vdb_batch *batch;
    content file;

    (void)state;
    for (unsigned i = 0; i < DIM; i++)
        vector[i] = 1234.5678f + (float)i;
    machine_open(m);
    put_many(m, 0, 5, 1);
    assert_int_equal(vdb_batch_new(m->db, &batch), VDB_OK);
    assert_int_equal(vdb_batch_insert(batch, id, vector, DIM, "{\"n\": 77}"), VDB_OK);
    assert_int_equal(vdb_batch_delete(batch, "not there"), VDB_OK);
    assert_int_equal(vdb_batch_apply(batch, NULL), VDB_NOT_FOUND);
    vdb_batch_free(batch);
    checkpoint(m);
    file = content_get(m, MAIN);
    row_vector(3, 1, vector);
    assert_true(holds(&file, vector, sizeof vector));
    assert_true(holds(&file, "row-3", 5));
    for (unsigned i = 0; i < DIM; i++)
        vector[i] = 1234.5678f + (float)i;
    assert_false(holds(&file, vector, sizeof vector));
    assert_false(holds(&file, id, sizeof id - 1));
    content_free(&file);
    put(m, 5, 1);
    expect_sound(m, 6);
    machine_free(m);
}

typedef struct versions {
    int version[ROWS];
    uint64_t count;
} versions;

static void expect_versions(machine *m, const versions *all)
{
    for (unsigned n = 0; n < ROWS; n++)
        expect(m, n, all->version[n]);
    expect_sound(m, all->count);
}

/* A few changes that a seed decides. */
static void change(machine *m, versions *all, uint64_t *random, int version)
{
    for (int i = 0; i < 12; i++) {
        unsigned n = (unsigned)(fault_random(random) % ROWS);
        if (all->version[n] != ABSENT && fault_random(random) % 3 == 0) {
            drop(m, n);
            all->version[n] = ABSENT;
            all->count--;
        } else {
            put(m, n, version);
            all->count += all->version[n] == ABSENT;
            all->version[n] = version;
        }
    }
}

/* With the newest meta page gone, the older one still has everything it names. */
static void expect_older_image(machine *m, const versions *before)
{
    machine *copy = machine_copy(m);
    content file = content_get(copy, MAIN);

    flip(copy, MAIN, newest_meta(&file) * PAGE + 300);
    content_free(&file);
    copy->options.flags = VDB_OPEN_WITHOUT_LOG | VDB_OPEN_READONLY;
    machine_open(copy);
    expect_versions(copy, before);
    machine_free(copy);
}

static void what_the_older_meta_page_refers_to_stays(void **state)
{
    machine *m = machine_new(true);
    versions now = {.count = 0}, before;
    uint64_t random = 12;

    (void)state;
    memset(now.version, 0xff, sizeof now.version);
    before = now;
    machine_open(m);
    for (int round = 1; round <= 25; round++) {
        change(m, &now, &random, round);
        checkpoint(m);
        if (round > 1)
            expect_older_image(m, &before);
        before = now;
        if (round % 6 == 0) {
            machine_kill(m);
            machine_open(m);
        }
    }
    expect_versions(m, &now);
    machine_free(m);
}

/* Pages before the meta page, the meta page before the old log is cut: whatever is lost
 * of a checkpoint, one of the two images and its logs is whole. */
static void a_cut_inside_a_checkpoint_loses_nothing(void **state)
{
    static const unsigned damages[] = {FAULTFS_NONE,         FAULTFS_ALL,
                                       FAULTFS_KEEP_LAST,    FAULTFS_DROP_FIRST,
                                       FAULTFS_DROP_LAST,    FAULTFS_ONE_FILE,
                                       FAULTFS_SECTORS_HALF, FAULTFS_TRUNCATE_ONLY};
    unsigned cuts = 0;

    (void)state;
    for (int closes = 0; closes < 2; closes++) {
        bool more = true;
        for (unsigned call = 1; more; call++)
            for (unsigned i = 0; i < sizeof damages / sizeof *damages && more; i++) {
                machine *m = machine_new(true);
                machine_open(m);
                put_many(m, 0, ROWS, 1);
                checkpoint(m);
                put_many(m, 0, ROWS / 2, 2);
                checkpoint(m);
                put_many(m, 0, ROWS / 4, 3);
                faultfs_cut_at(m->fs, faultfs_calls(m->fs) + call);
                if (!closes)
                    more = vdb_checkpoint(m->db, NULL) != VDB_OK;
                if (vdb_close(m->db) == VDB_OK && closes)
                    more = false;
                m->db = NULL;
                faultfs_crash(m->fs, damages[i], call);
                machine_open(m);
                for (unsigned n = 0; n < ROWS; n++)
                    expect(m, n, n < ROWS / 4 ? 3 : n < ROWS / 2 ? 2 : 1);
                expect_sound(m, ROWS);
                machine_free(m);
                cuts++;
            }
    }
    assert_true(cuts > 80);
}

/* A block that gains a row goes to a new place, and loses none at the next. */
static void a_partly_filled_block_grows_from_checkpoint_to_checkpoint(void **state)
{
    machine *m = machine_new(true);

    (void)state;
    machine_open(m);
    for (unsigned n = 0; n < 12; n++) {
        put(m, n, 1);
        checkpoint(m);
    }
    expect_many(m, 0, 12, 1);
    machine_close(m);
    machine_open(m);
    expect_many(m, 0, 12, 1);
    expect_sound(m, 12);
    machine_free(m);
}

static void put_with(machine *m, const char *id, const char *metadata)
{
    const float vector[DIM] = {1};

    assert_int_equal(vdb_insert(m->db, id, vector, DIM, metadata), VDB_OK);
}

static void a_put_defines_every_column_of_its_slot(void **state)
{
    (void)state;
    for (int when = 0; when < 4; when++) { /* with checkpoints here and there */
        machine *m = machine_new(true);
        machine_open(m);
        put_with(m, "old", "{\"a\": 1, \"b\": \"x\", \"c\": [1, 2]}");
        put_with(m, "beside", "{\"a\": 2, \"b\": \"x\"}");
        if (when & 1)
            checkpoint(m);
        assert_int_equal(vdb_delete(m->db, "old"), VDB_OK);
        if (when & 2)
            checkpoint(m);
        put_with(m, "new", "{\"b\": \"y\"}");
        assert_int_equal(stats_of(m).slots, 2);
        for (int round = 0; round < 2; round++) {
            assert_int_equal(count_where(m, "{\"op\":\"exists\",\"field\":\"a\"}"), 1);
            assert_int_equal(count_where(m, "{\"op\":\"exists\",\"field\":\"c\"}"), 0);
            assert_int_equal(
                count_where(m, "{\"op\":\"eq\",\"field\":\"b\",\"value\":\"x\"}"), 1);
            expect_sound(m, 2);
            machine_kill(m);
            machine_open(m);
        }
        machine_free(m);
    }
}

/* --------------------------------------------------------------- free space */

static void places_are_used_again(void **state)
{
    machine *m = machine_new(true);
    uint64_t early = 0;
    vdb_stats stats;

    (void)state;
    machine_open(m);
    put_many(m, 0, ROWS, 1);
    for (int round = 0; round < 120; round++) {
        put(m, (unsigned)round % ROWS, round);
        checkpoint(m);
        if (round == 10)
            early = stats_of(m).file_bytes;
        if (round % 8 == 0)
            expect_sound(m, ROWS);
    }
    stats = stats_of(m);
    assert_true(stats.file_bytes <= early + 16 * PAGE);
    assert_int_equal(stats.held_bytes, 0);
    machine_free(m);
}

static void places_wait_for_readers(void **state)
{
    (void)state;
    /* Held right after a checkpoint, or with pages in memory that no file has. */
    for (unsigned dirty = 0; dirty <= ROWS / 2; dirty += ROWS / 2) {
        machine *m = machine_new(true);
        vdb_snapshot *snapshot;
        machine_open(m);
        put_many(m, 0, ROWS, 1);
        checkpoint(m);
        put_many(m, 0, dirty, 2);
        assert_int_equal(vdb_snapshot_new(m->db, &snapshot), VDB_OK);
        for (int round = 3; round < 12; round++) {
            put_many(m, 0, ROWS, round);
            checkpoint(m);
            for (unsigned n = 0; n < ROWS; n++)
                expect_held(m, snapshot, n, n < dirty ? 2 : 1);
        }
        assert_true(stats_of(m).held_bytes > 0);
        vdb_snapshot_free(snapshot);
        put(m, 0, 12);
        checkpoint(m);
        put(m, 1, 12);
        checkpoint(m);
        assert_int_equal(stats_of(m).held_bytes, 0);
        expect_sound(m, ROWS);
        machine_free(m);
    }
}

/* While the old log could not be cut, the older meta page still leads to everything:
 * its pages must stay. */
static int keep_old_log(machine *m, uint32_t kind, const char *name)
{
    (void)m;
    return kind == FAULTFS_TRUNCATE && strcmp(name, MAIN) != 0 ? -EIO : 0;
}

static int look_at_older(machine *m, uint32_t kind, const char *name)
{
    int *looked = m->hook_arg;
    machine *copy;
    content file;

    if (kind != FAULTFS_SYNC || strcmp(name, MAIN) != 0 || *looked)
        return 0;
    *looked = 1; /* the pages are written, the meta page is not */
    copy = machine_copy(m);
    file = content_get(copy, MAIN);
    flip(copy, MAIN, newest_meta(&file) * PAGE + 300);
    content_free(&file);
    machine_open(copy);
    expect_many(copy, 0, ROWS, 4);
    expect_sound(copy, ROWS);
    machine_free(copy);
    return 0;
}

static void places_wait_for_the_old_log(void **state)
{
    machine *m = machine_new(true);
    int looked = 0;

    (void)state;
    machine_open(m);
    put_many(m, 0, ROWS, 1);
    checkpoint(m);
    put_many(m, 0, ROWS, 2);
    checkpoint(m);
    put_many(m, 0, ROWS, 3);
    m->hook = keep_old_log;
    checkpoint(m); /* but the log stays */
    put_many(m, 0, ROWS, 4);
    m->hook_arg = &looked;
    m->hook = look_at_older;
    checkpoint(m);
    assert_int_equal(looked, 1);
    expect_sound(m, ROWS);
    machine_free(m);
}

/* Places that a failed checkpoint took come back, and what it would have freed is freed
 * by the next. */
static int no_space(machine *m, uint32_t kind, const char *name)
{
    int *left = m->hook_arg;

    return kind == FAULTFS_WRITE && !strcmp(name, MAIN) && --*left == 0 ? -ENOSPC : 0;
}

static void a_failed_checkpoint_leaves_no_trace(void **state)
{
    machine *m = machine_new(true);
    int left;

    (void)state;
    machine_open(m);
    put_many(m, 0, ROWS, 1);
    checkpoint(m);
    for (int round = 2; round < 20; round++) {
        put_many(m, (unsigned)round, 4, round);
        left = 1;
        m->hook_arg = &left;
        m->hook = no_space;
        expect_failed(vdb_checkpoint(m->db, NULL), VDB_FULL, "");
        m->hook = NULL;
        put(m, 0, round);
        expect_sound(m, ROWS);
        checkpoint(m);
        expect_sound(m, ROWS);
    }
    machine_kill(m);
    machine_open(m);
    expect(m, 0, 19);
    expect_sound(m, ROWS);
    machine_free(m);
}

/* ----------------------------------------- commits while a checkpoint writes */

enum {
    CROWD = 700 /* rows: trees and arrays of more than one level */
};

typedef struct intrusion {
    int at;      /* the call on the main file before which commits are made */
    int fail_at; /* the call that fails; 0: none */
    int calls;
    bool done;
    unsigned n;
    vdb_status status; /* of the commit that failed, */
    char why[256];     /* as its thread saw it */
} intrusion;

static void note(intrusion *it, vdb_status status)
{
    if (!status || it->status)
        return;
    it->status = status;
    snprintf(it->why, sizeof it->why, "%s", vdb_errmsg());
}

static void *intrude(void *arg)
{
    machine *m = arg;
    intrusion *it = m->hook_arg;
    machine_hook hook = m->hook;
    vdb_record *record;
    char id[32];

    m->hook = NULL;                         /* its own calls are not watched */
    note(it, try_put(m, it->n, 2));         /* replaced */
    note(it, try_put(m, it->n + 300, 2));   /* elsewhere */
    note(it, try_put(m, CROWD + it->n, 2)); /* new */
    note(it, vdb_delete(m->db, row_id(it->n + 500, id)));
    note(it, try_put(m, CROWD + 100 + it->n, 2));
    note(it, vdb_get(m->db, row_id(it->n + 1, id), NULL, &record));
    vdb_record_free(record);
    m->hook = hook;
    return NULL;
}

static int intrude_at(machine *m, uint32_t kind, const char *name)
{
    intrusion *it = m->hook_arg;
    pthread_t thread;

    if (strcmp(name, MAIN) != 0 || !(kind & (FAULTFS_WRITE | FAULTFS_SYNC)))
        return 0;
    it->calls++;
    if (it->calls == it->at) {
        assert_int_equal(pthread_create(&thread, NULL, intrude, m), 0);
        pthread_join(thread, NULL);
        it->done = true;
        if (it->status)
            fail_msg("a commit beside a checkpoint: %s: %s",
                     vdb_status_name(it->status), it->why);
    }
    return it->calls == it->fail_at && kind == FAULTFS_WRITE ? -ENOSPC : 0;
}

static void expect_intruded(machine *m, unsigned upto)
{
    for (unsigned n = 0; n < 60; n++) {
        int version = n < upto ? 2 : 1;
        expect(m, n, version);
        expect(m, n + 300, version);
        expect(m, n + 500, n < upto ? ABSENT : 1);
        expect(m, CROWD + n, n < upto ? 2 : ABSENT);
        expect(m, CROWD + 100 + n, n < upto ? 2 : ABSENT);
    }
    expect_sound(m, CROWD + upto);
}

static void commits_go_on_while_a_checkpoint_writes(void **state)
{
    machine *m = machine_new(true);
    unsigned rounds = 0;
    bool more = true;

    (void)state;
    machine_open(m);
    put_many(m, 0, CROWD, 1);
    checkpoint(m);
    for (int at = 1; more && rounds < 60; at++)
        for (int fails = 0; fails < 3; fails++) {
            /* Fails at the call itself, or at the next one. */
            intrusion it = {at, fails ? at + fails - 1 : 0, 0, false, rounds, VDB_OK,
                            ""};
            vdb_status status;
            put(m, 200 + rounds, 1); /* something to save */
            m->hook_arg = &it;
            m->hook = intrude_at;
            status = vdb_checkpoint(m->db, NULL);
            m->hook = NULL;
            more = it.done;
            if (!more)
                break;
            rounds++;
            expect_intruded(m, rounds);
            if (status && stats_of(m).poisoned) { /* it was the meta page */
                machine_kill(m);
                machine_open(m);
            }
            checkpoint(m);
            expect_intruded(m, rounds);
            if (rounds % 3 == 0) {
                machine_kill(m);
                machine_open(m);
                expect_intruded(m, rounds);
            }
        }
    assert_true(rounds >= 9);
    machine_close(m);
    machine_open(m);
    expect_intruded(m, rounds);
    machine_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_beyond_the_count_are_not_saved),
        cmocka_unit_test(what_the_older_meta_page_refers_to_stays),
        cmocka_unit_test(a_cut_inside_a_checkpoint_loses_nothing),
        cmocka_unit_test(a_partly_filled_block_grows_from_checkpoint_to_checkpoint),
        cmocka_unit_test(a_put_defines_every_column_of_its_slot),
        cmocka_unit_test(places_are_used_again),
        cmocka_unit_test(places_wait_for_readers),
        cmocka_unit_test(places_wait_for_the_old_log),
        cmocka_unit_test(a_failed_checkpoint_leaves_no_trace),
        cmocka_unit_test(commits_go_on_while_a_checkpoint_writes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
