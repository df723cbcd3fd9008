/* test_backup.c: vdb_backup(): a file of its own that holds one instant, of any handle,
 * while writers go on; and what it refuses, changing nothing.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

enum {
    N = 500
};

static void put_round(vdb *db, int first, int count, int round)
{
    char id[32], metadata[300];
    for (int i = first; i < first + count; i++) {
        snprintf(id, sizeof id, "v%04d", i);
        snprintf(metadata, sizeof metadata,
                 "{\"round\": %d, \"word\": \"w%d\", \"list\": [\"x%d\", %d], "
                 "\"pad\": \"%0*d\"}",
                 round, i % 37, i % 11, i, i % 90, i);
        fx_put(db, id, (float)i, (float)round, (float)(i % 7), i % 9 ? metadata : NULL);
    }
}

/* Every record, in order, as text; free(). */
static char *content_of(vdb *db, const vdb_snapshot *snapshot)
{
    vdb_cursor_options options = VDB_CURSOR_OPTIONS_INIT;
    vdb_cursor *cursor = NULL;
    const vdb_record *at = NULL;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    options.snapshot = snapshot;
    assert_ok(vdb_cursor_open(db, &options, &cursor));
    while (vdb_cursor_next(cursor, &at) == VDB_OK && at) {
        size_t dim;
        const float *v = vdb_record_vector(at, &dim);
        const char *metadata = vdb_record_metadata(at, NULL);
        fprintf(out, "%s", vdb_record_id(at, NULL));
        for (size_t i = 0; i < dim; i++)
            fprintf(out, " %a", (double)v[i]);
        fprintf(out, " %s\n", metadata ? metadata : "-");
    }
    vdb_cursor_free(cursor);
    fclose(out);
    return text;
}

static vdb *open_at(const char *path, uint32_t flags)
{
    vdb_options options = VDB_OPTIONS_INIT;
    vdb *db = NULL;
    options.flags = flags | VDB_OPEN_MUST_EXIST;
    options.threads = 1;
    assert_ok(vdb_open(path, &options, &db));
    return db;
}

/* The backup opens, is sound, holds `want` (freed here), and can be written to. */
static void assert_backup(const fixture *fx, const char *path, char *want)
{
    static const char *const filters[] = {
        "{\"op\":\"eq\",\"field\":\"word\",\"value\":\"w5\"}",
        "{\"op\":\"contains\",\"field\":\"list\",\"value\":\"x3\"}",
        "{\"op\":\"prefix\",\"field\":\"pad\",\"value\":\"000\"}"};
    vdb *copy = open_at(path, VDB_OPEN_READONLY);
    char *got = content_of(copy, NULL);
    vdb_stats stats = fx_stats(copy);
    (void)fx;
    assert_string_equal(got, want);
    free(got);
    fx_assert_clean(copy);
    assert_int_equal(stats.free_bytes, 0);
    assert_int_equal(stats.replayed, 0);
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        vdb_filter *filter = fx_filter(filters[i]);
        uint64_t count = 0, expected = 0;
        assert_ok(vdb_count(copy, filter, NULL, &count));
        for (const char *line = want; *line; line = strchr(line, '\n') + 1) {
            const char *end = strchr(line, '\n');
            const char *part = i == 0   ? "\"word\": \"w5\""
                               : i == 1 ? "[\"x3\","
                                        : "\"pad\": \"000";
            const char *found = strstr(line, part);
            expected += found && found < end;
        }
        assert_int_equal(count, expected);
        vdb_filter_free(filter);
    }
    assert_ok(vdb_close(copy));
    copy = open_at(path, 0);
    if (stats.dimension == 3) {
        fx_put(copy, "one more", 1, 2, 3, "{\"word\": \"new\"}");
        assert_true(fx_has(copy, "one more"));
    }
    fx_assert_clean(copy);
    assert_ok(vdb_close(copy));
    copy = open_at(path, 0);
    assert_int_equal(fx_has(copy, "one more"), stats.dimension == 3);
    fx_assert_clean(copy);
    assert_ok(vdb_close(copy));
    free(want);
}

static void uuid_of(const char *path, unsigned char out[16])
{
    size_t size;
    unsigned char *bytes = fx_read(path, &size);
    assert_non_null(bytes);
    memcpy(out, bytes + 16, 16);
    free(bytes);
}

static void a_backup_holds_what_the_database_holds(void **state)
{
    fixture *fx = *state;
    unsigned char mine[16], copied[16], again[16];
    put_round(fx->db, 0, N, 1);
    assert_ok(vdb_checkpoint(fx->db, NULL));
    put_round(fx->db, N / 2, N, 2); /* in memory only */
    for (int i = 0; i < N; i += 3) {
        char id[32];
        snprintf(id, sizeof id, "v%04d", i);
        assert_ok(vdb_delete(fx->db, id));
    }
    assert_ok(vdb_backup(fx->db, fx_name(fx, "copy.vdb"), NULL));
    assert_ok(vdb_backup(fx->db, fx_name(fx, "again.vdb"), NULL));
    uuid_of(fx->path, mine);
    uuid_of(fx_name(fx, "copy.vdb"), copied);
    uuid_of(fx_name(fx, "again.vdb"), again);
    assert_memory_not_equal(mine, copied, 16);
    assert_memory_not_equal(again, copied, 16);
    assert_backup(fx, fx_name(fx, "copy.vdb"), content_of(fx->db, NULL));
    fx_assert_clean(fx->db);
    put_round(fx->db, 0, 10, 3);
    fx_reopen(fx);
    fx_assert_clean(fx->db);
}

static void a_backup_of_a_snapshot_is_of_its_instant(void **state)
{
    fixture *fx = *state;
    vdb_op op = VDB_OP_INIT;
    vdb_snapshot *snapshot = NULL;
    char *want;
    put_round(fx->db, 0, N, 1);
    assert_ok(vdb_snapshot_new(fx->db, &snapshot));
    want = content_of(fx->db, NULL);
    for (int round = 2; round < 5; round++) {
        put_round(fx->db, round * 50, N, round);
        assert_ok(vdb_checkpoint(fx->db, NULL));
    }
    op.snapshot = snapshot;
    assert_ok(vdb_backup(fx->db, fx_name(fx, "copy.vdb"), &op));
    assert_backup(fx, fx_name(fx, "copy.vdb"), want);
    vdb_snapshot_free(snapshot);
}

/* Rows that were appended in place to blocks which the snapshot shares. */
static void a_backup_has_no_byte_of_what_came_later(void **state)
{
    fixture *fx = *state;
    vdb_op op = VDB_OP_INIT;
    vdb_snapshot *snapshot = NULL;
    const float later[3] = {1.2345678f, -7.6543210f, 3.1415927f};
    unsigned char *bytes;
    size_t size;
    put_round(fx->db, 0, 20, 1);
    assert_ok(vdb_snapshot_new(fx->db, &snapshot));
    assert_ok(vdb_insert(fx->db, "later", later, 3, "{\"word\": \"secret\"}"));
    op.snapshot = snapshot;
    assert_ok(vdb_backup(fx->db, fx_name(fx, "copy.vdb"), &op));
    bytes = fx_read(fx_name(fx, "copy.vdb"), &size);
    assert_null(memmem(bytes, size, later, sizeof later));
    assert_null(memmem(bytes, size, "secret", 6));
    free(bytes);
    assert_ok(vdb_backup(fx->db, fx_name(fx, "newest.vdb"), NULL));
    bytes = fx_read(fx_name(fx, "newest.vdb"), &size);
    assert_non_null(memmem(bytes, size, later, sizeof later));
    free(bytes);
    vdb_snapshot_free(snapshot);
}

static void any_handle_can_be_backed_up(void **state)
{
    static const uint32_t flags[] = {
        VDB_OPEN_READONLY, VDB_OPEN_READONLY | VDB_OPEN_NO_MMAP, VDB_OPEN_NO_MMAP, 0};
    fixture *fx = *state;
    put_round(fx->db, 0, N, 1);
    fx_close(fx);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        vdb *db = open_at(fx->path, flags[i]);
        char name[32];
        snprintf(name, sizeof name, "copy%zu.vdb", i);
        assert_ok(vdb_backup(db, fx_name(fx, name), NULL));
        assert_backup(fx, fx_name(fx, name), content_of(db, NULL));
        assert_ok(vdb_close(db));
    }
}

static void a_log_that_was_replayed_is_in_the_backup(void **state)
{
    fixture *fx = *state;
    vdb *db;
    put_round(fx->db, 0, N, 1);
    fx_copy(fx->path, fx_name(fx, "killed.vdb"));
    db = open_at(fx_name(fx, "killed.vdb"), VDB_OPEN_READONLY);
    assert_true(fx_stats(db).replayed > 0);
    assert_ok(vdb_backup(db, fx_name(fx, "copy.vdb"), NULL));
    assert_backup(fx, fx_name(fx, "copy.vdb"), content_of(db, NULL));
    assert_ok(vdb_close(db));
}

static void a_database_in_memory_is_saved_by_its_backup(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_COSINE, VDB_FLAT);
    vdb *db = NULL;
    char *want;
    assert_ok(vdb_open(":memory:", &options, &db));
    put_round(db, 1, N, 1);
    want = content_of(db, NULL);
    assert_ok(vdb_backup(db, fx_name(fx, "copy.vdb"), NULL));
    assert_ok(vdb_close(db));
    db = open_at(fx_name(fx, "copy.vdb"), 0);
    assert_int_equal(fx_stats(db).metric, VDB_COSINE);
    assert_int_equal(fx_stats(db).index, VDB_FLAT);
    assert_ok(vdb_close(db));
    assert_backup(fx, fx_name(fx, "copy.vdb"), want);
}

static void an_empty_database_has_a_backup(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(0, VDB_DOT, VDB_HNSW);
    vdb *db = NULL;
    options.m = 24;
    assert_ok(vdb_open(":memory:", &options, &db));
    assert_ok(vdb_backup(db, fx_name(fx, "empty.vdb"), NULL));
    assert_ok(vdb_close(db));
    assert_backup(fx, fx_name(fx, "empty.vdb"), strdup(""));
    db = open_at(fx_name(fx, "empty.vdb"), 0);
    assert_int_equal(fx_stats(db).metric, VDB_DOT);
    assert_int_equal(fx_stats(db).m, 24);
    assert_int_equal(fx_stats(db).dimension, 0);
    fx_put(db, "first", 1, 2, 3, NULL);
    assert_ok(vdb_close(db));
}

/* What is in the way stays as it is, and nothing is left behind. */
static void a_backup_never_overwrites(void **state)
{
    fixture *fx = *state;
    char log[700];
    fx_state before;
    struct stat st;
    put_round(fx->db, 0, 20, 1);
    fx_write(fx_name(fx, "there"), "text", 4);
    before = fx_state_of(fx);
    assert_status(vdb_backup(fx->db, fx_name(fx, "there"), NULL), VDB_EXISTS);
    assert_message("there");
    assert_int_equal(stat(fx_name(fx, "there"), &st), 0);
    assert_int_equal(st.st_size, 4);
    assert_status(vdb_backup(fx->db, fx->path, NULL), VDB_EXISTS);
    assert_status(vdb_backup(fx->db, fx->dir, NULL), VDB_EXISTS);
    assert_int_equal(symlink(fx->path, fx_name(fx, "link")), 0);
    assert_status(vdb_backup(fx->db, fx_name(fx, "link"), NULL), VDB_EXISTS);
    assert_status(vdb_backup(fx->db, fx_name(fx, "no/where"), NULL), VDB_NOT_FOUND);
    assert_status(vdb_backup(fx->db, "", NULL), VDB_INVALID);
    assert_status(vdb_backup(fx->db, NULL, NULL), VDB_INVALID);
    assert_status(vdb_backup(fx->db, ":memory:", NULL), VDB_INVALID);
    /* The second log is not there yet: its name must not be taken from it. */
    snprintf(log, sizeof log, "%s-wal2", fx->path);
    unlink(log);
    assert_status(vdb_backup(fx->db, log, NULL), VDB_INVALID);
    assert_message("log");
    before.files.size[2] = fx_files_of(fx->path).size[2];
    before.files.hash[2] = fx_files_of(fx->path).hash[2];
    assert_unchanged(fx, &before);
}

typedef struct watched {
    vdb_cancel *cancel;
    uint64_t calls, done, total, stop_at;
} watched;

static void watch(void *arg, uint64_t done, uint64_t total)
{
    watched *w = arg;
    if (!w->calls++)
        w->total = total;
    assert_true(done >= w->done && done <= total && total == w->total);
    w->done = done;
    if (w->calls == w->stop_at)
        vdb_cancel_set(w->cancel);
}

static void a_backup_tells_its_progress_and_can_be_stopped(void **state)
{
    fixture *fx = *state;
    struct stat st;
    watched w = {0};
    vdb_op op = VDB_OP_INIT;
    put_round(fx->db, 0, N, 1);
    assert_ok(vdb_cancel_new(&w.cancel));
    op.cancel = w.cancel;
    op.progress = watch;
    op.progress_arg = &w;
    assert_ok(vdb_backup(fx->db, fx_name(fx, "whole.vdb"), &op));
    assert_true(w.calls > 10 && w.done == w.total);
    /* Two meta pages and the map's two are not of the image. */
    assert_int_equal(stat(fx_name(fx, "whole.vdb"), &st), 0);
    assert_int_equal(st.st_size, w.total + 4 * 4096);
    w = (watched){.cancel = w.cancel, .stop_at = 10};
    assert_status(vdb_backup(fx->db, fx_name(fx, "part.vdb"), &op), VDB_CANCELLED);
    assert_int_equal(w.calls, 10);
    assert_int_not_equal(stat(fx_name(fx, "part.vdb"), &st), 0);
    assert_status(vdb_backup(fx->db, fx_name(fx, "none.vdb"), &op), VDB_CANCELLED);
    assert_int_not_equal(stat(fx_name(fx, "none.vdb"), &st), 0);
    vdb_cancel_free(w.cancel);
    assert_backup(fx, fx_name(fx, "whole.vdb"), content_of(fx->db, NULL));
}

/* A bad page is named, and is not in any backup. */
static void damage_is_not_copied(void **state)
{
    fixture *fx = *state;
    size_t size;
    unsigned char *bytes;
    struct stat st;
    int refused = 0;
    put_round(fx->db, 0, N, 1);
    fx_close(fx);
    bytes = fx_read(fx->path, &size);
    for (size_t page = 2; page < size / 4096; page += 3) {
        vdb_status got;
        vdb *db;
        fx_remove(fx_name(fx, "bad.vdb"));
        fx_remove(fx_name(fx, "copy.vdb"));
        bytes[page * 4096 + 100] ^= 1;
        fx_write(fx_name(fx, "bad.vdb"), bytes, size);
        bytes[page * 4096 + 100] ^= 1;
        db = open_at(fx_name(fx, "bad.vdb"), VDB_OPEN_READONLY);
        got = vdb_backup(db, fx_name(fx, "copy.vdb"), NULL);
        assert_true(got == VDB_OK || got == VDB_CORRUPT); /* a free page; or not */
        if (got == VDB_CORRUPT) {
            assert_message("bad.vdb");
            refused++;
            assert_int_not_equal(stat(fx_name(fx, "copy.vdb"), &st), 0);
        }
        assert_ok(vdb_close(db));
    }
    assert_true(refused > 5);
    free(bytes);
    fx_open(fx, NULL);
}

/* Rows of one commit have one round: a backup made meanwhile has one for all. */
typedef struct writer {
    vdb *db;
    _Atomic int stop, rounds;
    vdb_status status;
} writer;

static void *write_rounds(void *arg)
{
    writer *w = arg;
    enum {
        ROWS = 40
    };
    static char ids[ROWS][16];
    const char *id[ROWS];
    float vectors[ROWS][3];
    vdb_rows rows = VDB_ROWS_INIT;
    for (int i = 0; i < ROWS; i++) {
        snprintf(ids[i], sizeof ids[i], "r%02d", i);
        id[i] = ids[i];
    }
    rows.count = ROWS;
    rows.dim = 3;
    rows.ids = id;
    rows.vectors = vectors;
    for (int round = 1; !w->stop && !w->status; round++) {
        for (int i = 0; i < ROWS; i++)
            vectors[i][0] = vectors[i][1] = vectors[i][2] = (float)round;
        w->status = vdb_put(w->db, &rows, NULL, NULL);
        w->rounds = round;
    }
    return NULL;
}

static void a_backup_beside_a_writer_is_one_instant(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    writer w = {0};
    pthread_t thread;
    options.threads = 2;
    options.durability = VDB_OFF;
    options.checkpoint_entries = 100;
    fx_open(fx, &options);
    w.db = fx->db;
    assert_int_equal(pthread_create(&thread, NULL, write_rounds, &w), 0);
    for (int i = 0; i < 12; i++) {
        char name[32];
        vdb *copy;
        float first = 0;
        int before = w.rounds;
        while (w.rounds < before + 2 && !w.status)
            usleep(200);
        snprintf(name, sizeof name, "copy%d.vdb", i);
        before = w.rounds;
        assert_ok(vdb_backup(fx->db, fx_name(fx, name), NULL));
        copy = open_at(fx_name(fx, name), VDB_OPEN_READONLY);
        fx_assert_clean(copy);
        for (int row = 0; row < 40; row++) {
            char id[16];
            vdb_record *record = NULL;
            snprintf(id, sizeof id, "r%02d", row);
            assert_ok(vdb_get(copy, id, NULL, &record));
            if (row == 0)
                first = vdb_record_vector(record, NULL)[0];
            assert_true(vdb_record_vector(record, NULL)[0] == first);
            vdb_record_free(record);
        }
        assert_true(first >= (float)before && first <= (float)w.rounds + 1);
        assert_ok(vdb_close(copy));
    }
    w.stop = 1;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(w.status, VDB_OK);
    fx_assert_clean(fx->db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_backup_holds_what_the_database_holds,
                                        fx_setup_3d, fx_teardown),
        cmocka_unit_test_setup_teardown(a_backup_of_a_snapshot_is_of_its_instant,
                                        fx_setup_3d, fx_teardown),
        cmocka_unit_test_setup_teardown(a_backup_has_no_byte_of_what_came_later,
                                        fx_setup_3d, fx_teardown),
        cmocka_unit_test_setup_teardown(any_handle_can_be_backed_up, fx_setup_3d,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(a_log_that_was_replayed_is_in_the_backup,
                                        fx_setup_3d, fx_teardown),
        cmocka_unit_test_setup_teardown(a_database_in_memory_is_saved_by_its_backup,
                                        fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(an_empty_database_has_a_backup, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(a_backup_never_overwrites, fx_setup_3d,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(a_backup_tells_its_progress_and_can_be_stopped,
                                        fx_setup_3d, fx_teardown),
        cmocka_unit_test_setup_teardown(damage_is_not_copied, fx_setup_3d, fx_teardown),
        cmocka_unit_test_setup_teardown(a_backup_beside_a_writer_is_one_instant,
                                        fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
