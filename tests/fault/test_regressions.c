/* test_regressions.c: bugs that were found once, each as the shortest story that shows
 * it.  Where a story turns on one call among many, all of them are tried in turn, so
 * that it stays the same story when the calls change. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "db/db.h"
#include "faultfs.h"
#include "faultmem.h"

static const char *const MAIN = "/a.vdb";
static const char *const LOG1 = "/a.vdb-wal1";
static const char *const LOG2 = "/a.vdb-wal2";

enum {
    DIM = 3,
    NEVER = 1000000, /* entries that would make a checkpoint */
    TRIES = 1000     /* far more than there are calls to fail */
};

/* ----------------------------------------------------------------- machines */

/* A file system, an environment on it, and what is open in that. */
typedef struct machine {
    faultfs *fs;
    faultmem *memory; /* NULL: malloc */
    vdb_env *env;
    vdb_options options;
    vdb *db;
} machine;

static void boot(machine *m, faultfs *fs, const vdb_vfs *vfs)
{
    vdb_env_options options = VDB_ENV_OPTIONS_INIT;

    m->fs = fs;
    options.vfs = vfs;
    options.allocator = m->memory ? faultmem_allocator(m->memory) : NULL;
    assert_int_equal(vdb_env_new(&options, &m->env), VDB_OK);
    m->options.env = m->env;
}

static machine machine_new(void)
{
    machine m = {.options = VDB_OPTIONS_INIT};
    faultfs *fs = faultfs_new(1);

    m.options.threads = 1;
    m.options.checkpoint_entries = NEVER;
    boot(&m, fs, faultfs_vfs(fs));
    return m;
}

/* Whatever closing says: the machine may have lost its power. */
static void machine_free(machine *m)
{
    if (m->db)
        vdb_close(m->db);
    vdb_env_free(m->env);
    faultfs_free(m->fs);
    faultmem_free(m->memory);
}

static vdb_status machine_open(machine *m)
{
    return vdb_open(MAIN, &m->options, &m->db);
}

static void must_open(machine *m)
{
    if (machine_open(m))
        fail_msg("opening: %s", vdb_errmsg());
}

/* What may be found after the power was cut; `m` is not changed. */
static machine machine_after(const machine *m, unsigned damage, uint64_t seed)
{
    machine after = {.options = m->options};
    faultfs *fs = faultfs_after_cut(m->fs, damage, seed);

    boot(&after, fs, faultfs_vfs(fs));
    return after;
}

/* The same in place; with FAULTFS_ALL the process was killed, no more. */
static void crash(machine *m, unsigned damage)
{
    machine after;

    if (!faultfs_is_cut(m->fs))
        faultfs_cut_now(m->fs);
    after = machine_after(m, damage, 1);
    machine_free(m);
    *m = after;
}

static void reopen(machine *m)
{
    assert_int_equal(vdb_close(m->db), VDB_OK);
    m->db = NULL;
    must_open(m);
}

/* --------------------------------------------------------------------- rows */

static const char *name_of(int i)
{
    static char name[32];

    snprintf(name, sizeof name, "id%d", i);
    return name;
}

static vdb_status put(machine *m, int i)
{
    const float vector[DIM] = {(float)i, 1, 2};

    return vdb_insert(m->db, name_of(i), vector, DIM, "{\"a\":1}");
}

static void must_put(machine *m, int first, int end)
{
    for (int i = first; i < end; i++)
        if (put(m, i))
            fail_msg("inserting %d: %s", i, vdb_errmsg());
}

static void must_have(machine *m, int first, int end)
{
    for (int i = first; i < end; i++) {
        vdb_record *r;
        if (vdb_get(m->db, name_of(i), NULL, &r))
            fail_msg("row %d: %s", i, vdb_errmsg());
        assert_true(vdb_record_vector(r, NULL)[0] == (float)i);
        vdb_record_free(r);
    }
}

static void must_count(machine *m, uint64_t rows)
{
    uint64_t n = 0;

    assert_int_equal(vdb_count(m->db, NULL, NULL, &n), VDB_OK);
    assert_int_equal(n, rows);
}

static void must_be_clean(machine *m)
{
    vdb_report *report = NULL;

    if (vdb_check(m->db, NULL, &report, NULL))
        fail_msg("check: %s", vdb_errmsg());
    vdb_report_free(report);
}

/* Delete rows as one commit. */
static vdb_status delete_rows(machine *m, int first, int end)
{
    vdb_batch *batch;
    vdb_status status;

    assert_int_equal(vdb_batch_new(m->db, &batch), VDB_OK);
    for (int i = first; i < end; i++)
        assert_int_equal(vdb_batch_delete(batch, name_of(i)), VDB_OK);
    status = vdb_batch_apply(batch, NULL);
    vdb_batch_free(batch);
    return status;
}

static vdb_stats stats_of(machine *m)
{
    vdb_stats stats = VDB_STATS_INIT;

    assert_int_equal(vdb_stats_get(m->db, &stats), VDB_OK);
    return stats;
}

/* -------------------------------------------------------------------- files */

static uint64_t size_of(faultfs *fs, const char *name)
{
    const vdb_vfs *vfs = faultfs_vfs(fs);
    vdb_file_info info = VDB_FILE_INFO_INIT;
    vdb_file *file;

    if (vfs->open(vfs->arg, name, VDB_VFS_READONLY, &file))
        return 0;
    assert_int_equal(vfs->info(vfs->arg, file, &info), 0);
    vfs->close(vfs->arg, file);
    return info.size;
}

static void read_at(faultfs *fs, const char *name, void *to, size_t size, uint64_t at)
{
    const vdb_vfs *vfs = faultfs_vfs(fs);
    vdb_file *file;
    size_t got;

    assert_int_equal(vfs->open(vfs->arg, name, VDB_VFS_READONLY, &file), 0);
    assert_int_equal(vfs->read(vfs->arg, file, to, size, at, &got), 0);
    assert_int_equal(got, size);
    vfs->close(vfs->arg, file);
}

static void write_at(faultfs *fs, const void *from, size_t size, uint64_t at)
{
    const vdb_vfs *vfs = faultfs_vfs(fs);
    vdb_file *file;

    assert_int_equal(vfs->open(vfs->arg, MAIN, 0, &file), 0);
    assert_int_equal(vfs->write(vfs->arg, file, from, size, at), 0);
    vfs->close(vfs->arg, file);
}

/* A checksum over all three files. */
static uint64_t disk_sum(faultfs *fs)
{
    const char *const names[] = {MAIN, LOG1, LOG2};
    uint64_t sum = 0;

    for (size_t i = 0; i < 3; i++) {
        size_t size = (size_t)size_of(fs, names[i]);
        uint8_t *bytes = malloc(size + 1);
        assert_non_null(bytes);
        if (size)
            read_at(fs, names[i], bytes, size, 0);
        sum = vdbi_hash64(bytes, size, sum + size);
        free(bytes);
    }
    return sum;
}

/* A meta page's fields (docs/format.md). */
enum {
    META_GENERATION = 32,
    META_FILE_PAGES = 88,
    META_HEAP_END = 104,
    META_FIELDS = 116,
    META_ROOTS = 128,
    META_SPACE = META_ROOTS + 9 * VDBI_REF_BYTES,
    META_CHECKSUM = VDBI_PAGE - 8
};

/* The newer meta page; returns where it stands. */
static uint64_t meta_read(faultfs *fs, uint8_t page[VDBI_PAGE])
{
    uint8_t other[VDBI_PAGE];

    read_at(fs, MAIN, page, VDBI_PAGE, 0);
    read_at(fs, MAIN, other, VDBI_PAGE, VDBI_PAGE);
    if (vdbi_get64(page + META_GENERATION) > vdbi_get64(other + META_GENERATION))
        return 0;
    memcpy(page, other, VDBI_PAGE);
    return 1;
}

static void meta_write(faultfs *fs, uint8_t page[VDBI_PAGE], uint64_t place)
{
    vdbi_put64(page + META_CHECKSUM, vdbi_hash64(page, META_CHECKSUM, place));
    write_at(fs, page, VDBI_PAGE, place * VDBI_PAGE);
}

/* Ten rows, saved and closed. */
static machine saved_database(void)
{
    machine m = machine_new();

    must_open(&m);
    must_put(&m, 0, 10);
    assert_int_equal(vdb_close(m.db), VDB_OK);
    m.db = NULL;
    return m;
}

/* ---------------------------------------------------- NORMAL, then a power cut */

/* Rows and a checkpoint at NORMAL while there are two logs, a cut, a row at FULL, a
 * cut. */
static void save_cut_insert_cut(machine *m)
{
    must_put(m, 10, 20);
    assert_int_equal(vdb_checkpoint(m->db, NULL), VDB_OK);
    crash(m, FAULTFS_NONE);
    m->options.durability = VDB_FULL_SYNC;
    must_open(m);
    must_have(m, 0, 20);
    must_put(m, 100, 101);
    crash(m, FAULTFS_NONE);
    must_open(m);
    must_have(m, 0, 20);
    must_have(m, 100, 101);
    must_be_clean(m);
}

static void the_retry_of_a_failed_checkpoint_leaves_no_gap_in_the_log(void **state)
{
    int n, failed = 0;

    (void)state;
    for (n = 1; n < TRIES; n++) {
        machine m = machine_new();
        bool fired;
        m.options.durability = VDB_NORMAL;
        must_open(&m);
        must_put(&m, 0, 10);
        faultfs_arm(m.fs, FAULTFS_WRITE, (uint64_t)n, EIO, false);
        failed += vdb_checkpoint(m.db, NULL) == VDB_IO;
        fired = faultfs_fired(m.fs) > 0;
        faultfs_disarm(m.fs);
        if (fired && !stats_of(&m).poisoned)
            save_cut_insert_cut(&m);
        machine_free(&m);
        if (!fired)
            break;
    }
    assert_in_range(n, 3, TRIES - 1);
    assert_true(failed >= 3);
}

static void
a_checkpoint_after_one_that_lost_power_leaves_no_gap_in_the_log(void **state)
{
    int n;

    (void)state;
    for (n = 1; n < TRIES; n++) {
        machine m = machine_new();
        bool cut;
        m.options.durability = VDB_NORMAL;
        must_open(&m);
        must_put(&m, 0, 10);
        faultfs_cut_at(m.fs, faultfs_calls(m.fs) + (uint64_t)n);
        vdb_checkpoint(m.db, NULL);
        cut = faultfs_is_cut(m.fs);
        if (cut) {
            crash(&m, FAULTFS_ALL);
            must_open(&m);
            must_count(&m, 10);
            save_cut_insert_cut(&m);
        }
        machine_free(&m);
        if (!cut)
            break;
    }
    assert_in_range(n, 5, TRIES - 1);
}

/* ----------------------------------------------------- the dimension of opening */

/* A database without a dimension at its creation, three rows, a cut. */
static machine unsaved_database(void)
{
    machine m = machine_new();

    must_open(&m);
    must_put(&m, 0, 3);
    crash(&m, FAULTFS_NONE);
    return m;
}

/* Cut the power at the n-th call of an opening, which asks for the dimension; false
 * when it had no such call. */
static bool cut_an_opening(int n, uint32_t dimension)
{
    machine m = unsaved_database();
    bool cut;

    m.options.dimension = dimension;
    faultfs_cut_at(m.fs, (uint64_t)n);
    machine_open(&m);
    cut = faultfs_is_cut(m.fs);
    for (unsigned damage = 0; cut && damage < FAULTFS_DAMAGES; damage++)
        for (uint64_t seed = 0; seed < 6; seed++) {
            machine after = machine_after(&m, damage, seed);
            if (machine_open(&after))
                fail_msg("dimension %u, cut at call %d, %s, seed %u: %s", dimension, n,
                         faultfs_damage_name(damage), (unsigned)seed, vdb_errmsg());
            must_have(&after, 0, 3);
            machine_free(&after);
        }
    machine_free(&m);
    return cut;
}

static void
a_cut_during_recovery_keeps_the_meta_page_whatever_dimension_is_asked(void **state)
{
    (void)state;
    for (uint32_t dimension = 0; dimension <= DIM; dimension += DIM) {
        int n = 1;
        while (n < TRIES && cut_an_opening(n, dimension))
            n++;
        assert_in_range(n, 2, TRIES - 1);
    }
}

static void a_contradicting_dimension_is_invalid_before_and_after_recovery(void **state)
{
    machine m = unsaved_database();
    uint64_t sum = disk_sum(m.fs);

    (void)state;
    m.options.dimension = DIM + 1;
    assert_int_equal(machine_open(&m), VDB_INVALID);
    assert_null(m.db);
    assert_int_equal(disk_sum(m.fs), sum);
    m.options.dimension = DIM;
    must_open(&m);
    must_have(&m, 0, 3);
    assert_int_equal(vdb_close(m.db), VDB_OK);
    m.db = NULL;
    m.options.dimension = DIM + 1;
    assert_int_equal(machine_open(&m), VDB_INVALID);
    machine_free(&m);
}

/* ------------------------------------------------------------ impossible numbers */

/* Open with a number changed in the newest meta page, whose checksum is right. */
static void must_be_refused(int offset, int bytes, uint64_t value)
{
    machine m = saved_database();
    uint8_t page[VDBI_PAGE];
    uint64_t place = meta_read(m.fs, page), sum;

    if (bytes == 4)
        vdbi_put32(page + offset, (uint32_t)value);
    else
        vdbi_put64(page + offset, value);
    if (offset == META_FILE_PAGES) { /* and a root that only such a length allows */
        uint64_t word = vdbi_get64(page + META_ROOTS);
        vdbi_put64(page + META_ROOTS, (word & ~(((uint64_t)1 << 40) - 1)) | 5000);
    }
    meta_write(m.fs, page, place);
    sum = disk_sum(m.fs);
    if (machine_open(&m) != VDB_CORRUPT)
        fail_msg("byte %d, value %llu: not VDB_CORRUPT", offset,
                 (unsigned long long)value);
    assert_int_equal(disk_sum(m.fs), sum);
    machine_free(&m);
}

static void impossible_numbers_in_a_meta_page_are_corrupt(void **state)
{
    (void)state;
    must_be_refused(META_FIELDS, 4, 1000000);
    must_be_refused(META_FIELDS, 4, UINT32_MAX);
    /* Times the length of a page these are 2 pages, modulo 2^64, and nearly 2^64. */
    must_be_refused(META_FILE_PAGES, 8, ((uint64_t)1 << 52) + 2);
    must_be_refused(META_FILE_PAGES, 8, ((uint64_t)1 << 52) - 1);
    /* More than the array of this height can hold. */
    must_be_refused(META_HEAP_END, 8, (uint64_t)1 << 41);
    must_be_refused(META_HEAP_END, 8, (uint64_t)1 << 60);
    must_be_refused(META_HEAP_END, 8, UINT64_MAX);
}

static void ref_put(uint8_t *at, uint64_t place, uint32_t height, uint64_t generation,
                    const uint8_t *bytes)
{
    vdbi_ref ref = {.place = place, .pages = 1, .height = height};

    ref.generation = generation;
    ref.checksum = vdbi_page_checksum(bytes, 1, place, generation);
    vdbi_ref_put(at, &ref);
}

/* Put a node above the map's only leaf, and below it a second leaf, for pages far
 * beyond the end of the file, with `bits` in it.  Everything else agrees. */
static void enlarge_map(faultfs *fs, uint8_t bits)
{
    uint8_t page[VDBI_PAGE], leaf[VDBI_PAGE], node[VDBI_PAGE] = {0},
                                              far[VDBI_PAGE] = {0};
    uint64_t place = meta_read(fs, page), end = vdbi_get64(page + META_FILE_PAGES);
    uint64_t generation = vdbi_get64(page + META_GENERATION);
    vdbi_ref ref;

    vdbi_ref_get(page + META_SPACE, &ref);
    assert_int_equal(ref.height, 0);
    read_at(fs, MAIN, leaf, VDBI_PAGE, ref.place * VDBI_PAGE);
    for (uint64_t i = end; i < end + 2; i++)
        leaf[i / 8] = (uint8_t)(leaf[i / 8] | 1u << (i % 8));
    far[100] = bits;
    vdbi_put32(node, VDBI_ARRAY_MAGIC);
    node[4] = 1; /* height */
    node[5] = 9; /* the map */
    ref_put(node + 64, ref.place, 0, ref.generation, leaf);
    ref_put(node + 64 + 20 * VDBI_REF_BYTES, end + 1, 0, generation, far);
    ref_put(page + META_SPACE, end, 1, generation, node);
    vdbi_put64(page + META_FILE_PAGES, end + 2);
    write_at(fs, leaf, VDBI_PAGE, ref.place * VDBI_PAGE);
    write_at(fs, node, VDBI_PAGE, end * VDBI_PAGE);
    write_at(fs, far, VDBI_PAGE, (end + 1) * VDBI_PAGE);
    meta_write(fs, page, place);
}

static void free_space_beyond_the_end_of_the_file_is_a_finding(void **state)
{
    machine m = saved_database();
    vdb_report *report = NULL;

    (void)state;
    enlarge_map(m.fs, 0);
    must_open(&m);
    must_be_clean(&m); /* so the finding is about the bit alone */
    machine_free(&m);

    m = saved_database();
    enlarge_map(m.fs, 1);
    must_open(&m);
    assert_int_equal(vdb_check(m.db, NULL, &report, NULL), VDB_CORRUPT);
    assert_int_equal(vdb_report_count(report), 1);
    vdb_report_free(report);
    machine_free(&m);
}

/* ------------------------------------------------------- slots of a failed group */

static void a_slot_that_a_failed_insert_had_reused_is_free_once(void **state)
{
    machine m = machine_new();

    (void)state;
    must_open(&m);
    must_put(&m, 0, 10);
    assert_int_equal(vdb_delete(m.db, name_of(5)), VDB_OK);
    faultfs_arm(m.fs, FAULTFS_WRITE, 1, ENOSPC, false);
    assert_int_equal(put(&m, 100), VDB_FULL);
    assert_int_equal(faultfs_fired(m.fs), 1);
    faultfs_disarm(m.fs);
    must_put(&m, 200, 210); /* an endless loop, once */
    must_count(&m, 19);
    must_have(&m, 6, 10);
    must_have(&m, 200, 210);
    assert_int_equal(stats_of(&m).slots, 19);
    must_be_clean(&m);
    machine_free(&m);
}

/* Slots of two ages wait to become free; the group that lets them go, and adds to them,
 * fails. */
static void slots_of_a_failed_delete_stay_taken(void **state)
{
    machine m = machine_new();
    vdb_snapshot *snapshot;

    (void)state;
    must_open(&m);
    must_put(&m, 0, 40);
    assert_int_equal(delete_rows(&m, 0, 4), VDB_OK);
    assert_int_equal(vdb_snapshot_new(m.db, &snapshot), VDB_OK);
    assert_int_equal(delete_rows(&m, 4, 8), VDB_OK);
    vdb_snapshot_free(snapshot);
    faultfs_arm(m.fs, FAULTFS_WRITE, 1, ENOSPC, false);
    assert_int_equal(delete_rows(&m, 20, 23), VDB_FULL);
    assert_int_equal(faultfs_fired(m.fs), 1);
    faultfs_disarm(m.fs);
    must_put(&m, 200, 212);
    must_count(&m, 44);
    must_have(&m, 8, 40);
    must_have(&m, 200, 212);
    assert_int_equal(stats_of(&m).slots, 44);
    must_be_clean(&m);
    machine_free(&m);
}

/* ------------------------------------------------------------ memory, checkpoints */

static void a_checkpoint_without_memory_leaves_the_map_of_free_space_right(void **state)
{
    int n, failed = 0;

    (void)state;
    for (n = 1; n < TRIES; n++) {
        machine m = {.options = VDB_OPTIONS_INIT, .memory = faultmem_new()};
        faultfs *fs = faultfs_new(1);
        bool fired;
        m.options.threads = 1;
        m.options.checkpoint_entries = NEVER;
        boot(&m, fs, faultfs_vfs(fs));
        must_open(&m);
        must_put(&m, 0, 1);
        assert_int_equal(vdb_checkpoint(m.db, NULL), VDB_OK);
        reopen(&m);
        must_put(&m, 1, 2);
        faultmem_fail_at(m.memory, (uint64_t)n, false);
        failed += vdb_checkpoint(m.db, NULL) == VDB_NOMEM;
        fired = faultmem_fired(m.memory) > 0;
        faultmem_heal(m.memory);
        assert_int_equal(vdb_checkpoint(m.db, NULL), VDB_OK);
        must_be_clean(&m);
        reopen(&m);
        must_have(&m, 0, 2);
        must_be_clean(&m);
        machine_free(&m);
        if (!fired)
            break;
    }
    assert_in_range(n, 10, TRIES - 1);
    assert_true(failed >= 10);
}

/* -------------------------------------------------------------------- WITHOUT_LOG */

/* A checkpoint that fails behind the turn-over of the log, having written nothing else:
 * a failed write may have reached places that only the older meta page refers to. */
static void fail_checkpoint(machine *m)
{
    size_t size = (size_t)size_of(m->fs, MAIN);
    uint8_t *bytes = malloc(size);

    assert_non_null(bytes);
    read_at(m->fs, MAIN, bytes, size, 0);
    faultfs_arm(m->fs, FAULTFS_WRITE, 3, EIO, false); /* header, close frame, page */
    assert_int_equal(vdb_checkpoint(m->db, NULL), VDB_IO);
    faultfs_disarm(m->fs);
    write_at(m->fs, bytes, size, 0);
    free(bytes);
}

/* After so many checkpoints, and perhaps a failed one, the newest meta page rots: opening
 * without the log may read the older one, and must not write. */
static void rot_and_salvage(int checkpoints, bool fails)
{
    machine m = machine_new();
    uint8_t page[VDBI_PAGE];
    uint64_t place, sum;

    must_open(&m);
    must_put(&m, 0, 3);
    for (int i = 0; i < checkpoints; i++) {
        assert_int_equal(vdb_checkpoint(m.db, NULL), VDB_OK);
        must_put(&m, 10 * i + 10, 10 * i + 13);
    }
    if (fails) {
        fail_checkpoint(&m);
        must_put(&m, 90, 93);
        assert_true(size_of(m.fs, LOG1) > VDBI_PAGE && size_of(m.fs, LOG2) > VDBI_PAGE);
    }
    crash(&m, FAULTFS_ALL);
    place = meta_read(m.fs, page);
    page[META_CHECKSUM] ^= 1;
    write_at(m.fs, page, VDBI_PAGE, place * VDBI_PAGE);
    if (checkpoints)
        assert_int_equal(machine_open(&m), VDB_CORRUPT);

    sum = disk_sum(m.fs);
    m.options.flags = VDB_OPEN_WITHOUT_LOG;
    assert_int_equal(machine_open(&m), VDB_CORRUPT);
    assert_int_equal(disk_sum(m.fs), sum);
    m.options.flags = VDB_OPEN_WITHOUT_LOG | VDB_OPEN_READONLY;
    must_open(&m);
    machine_free(&m);
}

static void a_salvage_beside_a_damaged_meta_page_only_reads(void **state)
{
    (void)state;
    for (int checkpoints = 0; checkpoints < 5; checkpoints++) {
        rot_and_salvage(checkpoints, false);
        rot_and_salvage(checkpoints, true);
    }
}

/* ---------------------------------------------------------------- a full disk */

typedef struct writer {
    machine *m;
    int row;
    bool deletes;
    vdb_status status;
} writer;

static void *write_one(void *arg)
{
    writer *w = arg;
    const float vector[DIM] = {(float)w->row, 1, 2};
    char name[32];

    snprintf(name, sizeof name, "id%d", w->row);
    w->status = w->deletes ? vdb_delete(w->m->db, name)
                           : vdb_insert(w->m->db, name, vector, DIM, NULL);
    return NULL;
}

static void wait_for_queue(vdb *db, size_t length)
{
    const struct timespec moment = {0, 1000000};

    for (;;) {
        size_t n = 0;
        vdbi_lock(&db->queue_lock);
        for (const vdbi_request *r = db->queue_head; r; r = r->next)
            n++;
        vdbi_unlock(&db->queue_lock);
        if (n == length)
            return;
        nanosleep(&moment, NULL);
    }
}

static void deletes_succeed_on_a_full_disk_whatever_is_queued_with_them(void **state)
{
    enum {
        WRITERS = 6
    };
    machine m = machine_new();
    pthread_t threads[WRITERS];
    writer writers[WRITERS];
    int rows = 0;

    (void)state;
    must_open(&m);
    must_put(&m, 0, 10);
    faultfs_set_capacity(m.fs, faultfs_used(m.fs));
    for (rows = 10; put(&m, rows) == VDB_OK; rows++)
        assert_true(rows < 1000000);

    vdbi_turn_take(m.db); /* nobody can lead until all have queued */
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (writer){&m, i % 2 ? i : rows + i, i % 2, VDB_OK};
        assert_int_equal(pthread_create(&threads[i], NULL, write_one, &writers[i]), 0);
        wait_for_queue(m.db, (size_t)i + 1);
    }
    vdbi_turn_give(m.db);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(writers[i].status, i % 2 ? VDB_OK : VDB_FULL);
    must_count(&m, (uint64_t)rows - WRITERS / 2);
    must_be_clean(&m);
    machine_free(&m);
}

/* Without random bytes for its salt no log can be begun, so that no checkpoint
 * succeeds. */
static void deletes_succeed_when_the_log_is_at_its_bound(void **state)
{
    machine m = machine_new();
    int rows = 0;

    (void)state;
    m.options.log_bytes = 1 << 20;
    must_open(&m);
    must_put(&m, 0, 10);
    faultfs_arm(m.fs, FAULTFS_RANDOM_BYTES, 1, EIO, true);
    for (rows = 10; put(&m, rows) == VDB_OK; rows++)
        assert_true(rows < 1000000);
    assert_int_equal(put(&m, rows), VDB_FULL);
    for (int i = 0; i < 10; i++)
        assert_int_equal(vdb_delete(m.db, name_of(i)), VDB_OK);
    assert_int_equal(put(&m, rows), VDB_FULL);
    faultfs_disarm(m.fs);
    must_put(&m, rows, rows + 1);
    must_count(&m, (uint64_t)rows + 1 - 10);
    crash(&m, FAULTFS_NONE);
    must_open(&m);
    must_count(&m, (uint64_t)rows + 1 - 10);
    must_be_clean(&m);
    machine_free(&m);
}

/* ------------------------------------------------------- pages that are held */

static void
pages_held_by_snapshots_do_not_start_a_checkpoint_at_every_commit(void **state)
{
    enum {
        DIRTY = 1 << 20,
        SNAPSHOTS = 100,
        COMMITS = 200,
        WIDE = 4096
    };
    machine m = machine_new();
    vdb_snapshot *snapshots[SNAPSHOTS];
    float *vector = calloc(WIDE, sizeof *vector);
    uint64_t before, made;

    (void)state;
    assert_non_null(vector);
    m.options.dirty_bytes = DIRTY;
    must_open(&m);
    for (int i = 0; i < SNAPSHOTS; i++) {
        assert_int_equal(vdb_insert(m.db, name_of(i), vector, WIDE, NULL), VDB_OK);
        assert_int_equal(vdb_snapshot_new(m.db, &snapshots[i]), VDB_OK);
    }
    assert_int_equal(vdb_checkpoint(m.db, NULL), VDB_OK);
    assert_true(stats_of(&m).dirty_bytes > DIRTY);
    before = stats_of(&m).checkpoints;
    for (int i = 0; i < COMMITS; i++)
        assert_int_equal(vdb_insert(m.db, name_of(SNAPSHOTS + i), vector, WIDE, NULL),
                         VDB_OK);
    made = stats_of(&m).checkpoints - before;
    /* 16 KiB a commit and what lies above it: one in some twenty. */
    assert_in_range(made, 2, COMMITS / 8);
    for (int i = 0; i < SNAPSHOTS; i++)
        vdb_snapshot_free(snapshots[i]);
    free(vector);
    must_be_clean(&m);
    machine_free(&m);
}

/* ---------------------------------------------------- searches in a small cache */

enum {
    MANY = 20000,
    GONE = 500 /* so that there are more slots than ids */
};

/* MANY rows read through a cache that holds a few pages. */
static machine large_database(void)
{
    machine m = machine_new();
    float vector[DIM] = {0, 1, 2};

    m.options.flags = VDB_OPEN_NO_MMAP;
    m.options.cache_bytes = 64 << 10;
    m.options.durability = VDB_OFF;
    must_open(&m);
    for (int i = 0; i < MANY + GONE;) {
        vdb_batch *batch;
        assert_int_equal(vdb_batch_new(m.db, &batch), VDB_OK);
        for (int end = i + GONE; i < end; i++) {
            vector[0] = (float)i;
            assert_int_equal(vdb_batch_insert(batch, name_of(i), vector, DIM, NULL),
                             VDB_OK);
        }
        assert_int_equal(vdb_batch_apply(batch, NULL), VDB_OK);
        vdb_batch_free(batch);
    }
    assert_int_equal(delete_rows(&m, 0, GONE), VDB_OK);
    reopen(&m);
    return m;
}

static void must_search(vdb *db)
{
    const float query[DIM] = {1000, 1, 2};
    vdb_results *results;

    assert_int_equal(vdb_search(db, query, DIM, 5, &results), VDB_OK);
    assert_int_equal(vdb_results_count(results), 5);
    vdb_results_free(results);
}

typedef struct watch {
    vdb *db;
    int ids; /* pauses in the walk over all ids */
    int slots;
} watch;

/* A search here waits for ever if the check lets nobody empty the cache. */
static void search_meanwhile(void *arg, uint64_t done, uint64_t total)
{
    watch *w = arg;

    if (total == MANY)
        w->ids++;
    else if (total == MANY + GONE && done % 4096 == 0)
        w->slots++;
    else
        return;
    must_search(w->db);
}

static void a_check_pauses_so_that_searches_can_empty_the_cache(void **state)
{
    machine m = large_database();
    watch w = {m.db, 0, 0};
    vdb_op op = VDB_OP_INIT;
    vdb_report *report = NULL;

    (void)state;
    op.progress = search_meanwhile;
    op.progress_arg = &w;
    if (vdb_check(m.db, NULL, &report, &op))
        fail_msg("check: %s", vdb_errmsg());
    vdb_report_free(report);
    assert_in_range(w.ids, 3, MANY / 100);
    assert_true(w.slots >= 3);
    machine_free(&m);
}

static struct {
    vdb_vfs vfs; /* the file system's own functions */
    vdb *db;     /* NULL: not now */
    int searches;
} hook;

static int sync_and_search(void *arg, vdb_file *file)
{
    if (hook.db) {
        must_search(hook.db);
        hook.searches++;
    }
    return hook.vfs.sync(arg, file);
}

static void searches_in_a_small_cache_do_not_wait_for_a_checkpoint(void **state)
{
    machine m = large_database();
    faultfs *fs = m.fs;
    vdb_vfs vfs;

    (void)state;
    assert_int_equal(vdb_close(m.db), VDB_OK);
    vdb_env_free(m.env);
    m.db = NULL;
    vfs = hook.vfs = *faultfs_vfs(fs);
    vfs.sync = sync_and_search;
    boot(&m, fs, &vfs);
    must_open(&m);
    must_put(&m, 0, GONE);
    must_search(m.db);
    hook.db = m.db;
    hook.searches = 0;
    assert_int_equal(vdb_checkpoint(m.db, NULL), VDB_OK);
    hook.db = NULL;
    assert_true(hook.searches >= 3); /* the log, the pages, the meta page */
    must_count(&m, MANY + GONE);
    must_be_clean(&m);
    machine_free(&m);
}

/* test_regressions [PATTERN]: only the tests whose names match, as *slots*. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_retry_of_a_failed_checkpoint_leaves_no_gap_in_the_log),
        cmocka_unit_test(
            a_checkpoint_after_one_that_lost_power_leaves_no_gap_in_the_log),
        cmocka_unit_test(
            a_cut_during_recovery_keeps_the_meta_page_whatever_dimension_is_asked),
        cmocka_unit_test(
            a_contradicting_dimension_is_invalid_before_and_after_recovery),
        cmocka_unit_test(impossible_numbers_in_a_meta_page_are_corrupt),
        cmocka_unit_test(free_space_beyond_the_end_of_the_file_is_a_finding),
        cmocka_unit_test(a_slot_that_a_failed_insert_had_reused_is_free_once),
        cmocka_unit_test(slots_of_a_failed_delete_stay_taken),
        cmocka_unit_test(
            a_checkpoint_without_memory_leaves_the_map_of_free_space_right),
        cmocka_unit_test(a_salvage_beside_a_damaged_meta_page_only_reads),
        cmocka_unit_test(deletes_succeed_on_a_full_disk_whatever_is_queued_with_them),
        cmocka_unit_test(deletes_succeed_when_the_log_is_at_its_bound),
        cmocka_unit_test(
            pages_held_by_snapshots_do_not_start_a_checkpoint_at_every_commit),
        cmocka_unit_test(a_check_pauses_so_that_searches_can_empty_the_cache),
        cmocka_unit_test(searches_in_a_small_cache_do_not_wait_for_a_checkpoint),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
