/* test_points_pages.c: the rules of design.md about pages, places, checkpoints and
 * reading, each with the scenario that breaks when the rule is broken. */
#include <errno.h>
#include <pthread.h>
#include <xxhash.h>

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
    machine *m = machine_new(true);
    vdb_snapshot *snapshot;

    (void)state;
    machine_open(m);
    put_many(m, 0, ROWS, 1);
    checkpoint(m);
    put_many(m, 0, ROWS / 2, 2);
    assert_int_equal(vdb_snapshot_new(m->db, &snapshot), VDB_OK);
    for (int round = 3; round < 12; round++) {
        put_many(m, 0, ROWS, round);
        checkpoint(m);
        for (unsigned n = 0; n < ROWS; n++)
            expect_held(m, snapshot, n, n < ROWS / 2 ? 2 : 1);
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
} intrusion;

static void *intrude(void *arg)
{
    machine *m = arg;
    intrusion *it = m->hook_arg;
    machine_hook hook = m->hook;

    m->hook = NULL;           /* its own calls are not watched */
    put(m, it->n, 2);         /* replaced */
    put(m, it->n + 300, 2);   /* elsewhere */
    put(m, CROWD + it->n, 2); /* new */
    drop(m, it->n + 500);
    put(m, CROWD + 100 + it->n, 2);
    expect(m, it->n, 2);
    expect(m, it->n + 1, 1);
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
            intrusion it = {at, fails ? at + fails - 1 : 0, 0, false, rounds};
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

/* ----------------------------------------------------------------- checksums */

typedef struct ref {
    uint64_t place, pages, height, generation, checksum;
} ref;

static ref ref_at(const uint8_t *b)
{
    uint64_t word = get64(b);

    return (ref){word & 0xffffffffffu, word >> 40 & 0xffff, word >> 56, get64(b + 8),
                 get64(b + 16)};
}

/* As docs/format.md says it, and in other words than the library. */
static uint64_t checksum_of(const content *file, const ref *r)
{
    return XXH3_64bits_withSeed(file->bytes + r->place * PAGE, r->pages * PAGE,
                                r->place + r->generation * 0x9E3779B97F4A7C15u);
}

static void checksums_cover_place_and_generation(void **state)
{
    machine *m = machine_new(true);
    content file;
    const uint8_t *meta;
    unsigned pages = 0;

    (void)state;
    machine_open(m);
    put_many(m, 0, CROWD, 1);
    checkpoint(m);
    put_many(m, 0, 3, 2);
    machine_close(m);
    file = content_get(m, MAIN);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(get64(file.bytes + i * PAGE + PAGE - 8),
                         XXH3_64bits_withSeed(file.bytes + i * PAGE, PAGE - 8, i));
    meta = file.bytes + newest_meta(&file) * PAGE;
    for (size_t i = 0; i <= 10; i++) {
        ref root = ref_at(meta + 128 + 24 * i);
        if (!root.place)
            continue;
        assert_int_equal(checksum_of(&file, &root), root.checksum);
        pages++;
        for (size_t j = 0;
             root.height && !memcmp(file.bytes + root.place * PAGE, "vArr", 4) &&
             j < 168;
             j++) {
            ref child = ref_at(file.bytes + root.place * PAGE + 64 + 24 * j);
            if (!child.place)
                continue;
            assert_int_equal(checksum_of(&file, &child), child.checksum);
            pages++;
        }
    }
    assert_true(pages > 12);
    content_free(&file);
    machine_free(m);
}

/* Two blocks of vectors, each whole, each where the other belongs. */
static void misdirected_blocks_are_told(void **state)
{
    for (int mapped = 0; mapped < 2; mapped++) {
        machine *m = machine_new(mapped);
        content file;
        const uint8_t *node;
        ref root, a, b;
        uint8_t *held;
        vdb_report *report;
        vdb_record *record;

        (void)state;
        machine_open(m);
        put_many(m, 0, 2000, 1);
        machine_close(m);
        file = content_get(m, MAIN);
        root = ref_at(file.bytes + newest_meta(&file) * PAGE + 128 + 24);
        assert_int_equal(root.height, 1);
        node = file.bytes + root.place * PAGE;
        a = ref_at(node + 64);
        b = ref_at(node + 64 + 24);
        assert_int_equal(a.pages, b.pages);
        held = malloc(a.pages * PAGE);
        assert_non_null(held);
        memcpy(held, file.bytes + a.place * PAGE, a.pages * PAGE);
        memcpy(file.bytes + a.place * PAGE, file.bytes + b.place * PAGE,
               a.pages * PAGE);
        memcpy(file.bytes + b.place * PAGE, held, a.pages * PAGE);
        free(held);
        content_put(m, MAIN, &file);
        content_free(&file);
        machine_open(m);
        expect_failed(vdb_get(m->db, "row-0", NULL, &record), VDB_CORRUPT, MAIN);
        expect(m, 1999, 1); /* what is whole is read on */
        assert_int_equal(vdb_check(m->db, NULL, &report, NULL), VDB_CORRUPT);
        assert_true(vdb_report_count(report) >= 2);
        vdb_report_free(report);
        machine_free(m);
    }
}

/* Meta page 0 where meta page 1 belongs. */
static void a_misdirected_meta_page_does_not_count(void **state)
{
    machine *m = machine_new(true);
    content file;

    (void)state;
    machine_open(m);
    put(m, 0, 1);
    machine_close(m);
    file = content_get(m, MAIN);
    for (size_t to = 0; to < 2; to++) {
        content damaged = {NULL, 0, true};
        vdb_status status;
        content_append(&damaged, file.bytes, file.size);
        memcpy(damaged.bytes + to * PAGE, file.bytes + (1 - to) * PAGE, PAGE);
        content_put(m, MAIN, &damaged);
        content_free(&damaged);
        status = machine_try_open(m);
        if (to == newest_meta(&file)) {
            expect_failed(status, VDB_CORRUPT, LOG1);
        } else {
            assert_int_equal(status, VDB_OK);
            expect(m, 0, 1);
            machine_kill(m);
        }
    }
    content_free(&file);
    machine_free(m);
}

/* ------------------------------------------------------------------- reading */

static uint64_t reads_of_a_search(machine *m)
{
    const float zero[DIM] = {0};
    uint64_t before = faultfs_calls_of(m->fs, FAULTFS_READ);
    vdb_results *results;

    assert_int_equal(vdb_search(m->db, zero, DIM, 3, &results), VDB_OK);
    vdb_results_free(results);
    return faultfs_calls_of(m->fs, FAULTFS_READ) - before;
}

static void without_mapping_the_cache_has_a_budget(void **state)
{
    machine *m = machine_new(true);
    uint64_t all;

    (void)state;
    machine_open(m);
    put_many(m, 0, 3000, 1);
    machine_close(m);

    m->options.flags = VDB_OPEN_NO_MMAP;
    machine_open(m);
    all = reads_of_a_search(m);
    assert_true(all >= 6);
    assert_int_equal(reads_of_a_search(m), 0); /* verified once, and kept */
    machine_close(m);

    m->options.cache_bytes = 16 * PAGE;
    machine_open(m);
    for (int i = 0; i < 4; i++)
        assert_true(reads_of_a_search(m) >= all / 2);
    expect_sound(m, 3000);
    machine_close(m);

    m->options.flags = 0;
    machine_open(m);
    assert_int_equal(reads_of_a_search(m), 0); /* through the mapping */
    machine_free(m);
}

/* What was read and is then written anew at the same place is read as it is now. */
static void a_place_that_is_written_anew_is_read_anew(void **state)
{
    (void)state;
    for (int access = 0; access < 3; access++) {
        machine *m = machine_new(access != 0);
        if (access == 2)
            m->options.flags = VDB_OPEN_NO_MMAP;
        machine_open(m);
        put_many(m, 0, ROWS, 1);
        for (int round = 2; round < 30; round++) {
            put_many(m, (unsigned)round % ROWS, 1, round);
            put_many(m, 5, 3, round);
            checkpoint(m);
            expect(m, (unsigned)round % ROWS, round);
            expect(m, 6, round);
            expect(m, 39, 1);
            assert_int_equal(
                count_where(m, "{\"op\":\"gt\",\"field\":\"v\",\"value\":1}") > 3, 1);
        }
        machine_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_beyond_the_count_are_not_saved),
        cmocka_unit_test(what_the_older_meta_page_refers_to_stays),
        cmocka_unit_test(a_partly_filled_block_grows_from_checkpoint_to_checkpoint),
        cmocka_unit_test(a_put_defines_every_column_of_its_slot),
        cmocka_unit_test(places_are_used_again),
        cmocka_unit_test(places_wait_for_readers),
        cmocka_unit_test(a_failed_checkpoint_leaves_no_trace),
        cmocka_unit_test(commits_go_on_while_a_checkpoint_writes),
        cmocka_unit_test(checksums_cover_place_and_generation),
        cmocka_unit_test(misdirected_blocks_are_told),
        cmocka_unit_test(a_misdirected_meta_page_does_not_count),
        cmocka_unit_test(without_mapping_the_cache_has_a_budget),
        cmocka_unit_test(a_place_that_is_written_anew_is_read_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
