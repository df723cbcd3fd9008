/* test_open.c: what may be opened and how: files and what is none, flags, creation
 * options, other handles, other processes, descriptors.
 *
 * The program runs itself with --try-open PATH FLAGS to open from another process; the
 * exit code is the status.
 */
#include "fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xxhash.h>

/* ------------------------------------------------------- creation options */

static void defaults_are_the_references(void **state)
{
    fixture *fx = *state;
    vdb_stats stats;
    assert_ok(vdb_open(fx->path, NULL, &fx->db));
    stats = fx_stats(fx->db);
    assert_int_equal(stats.dimension, 0);
    assert_int_equal(stats.metric, VDB_L2);
    assert_int_equal(stats.index, VDB_HNSW);
    assert_int_equal(stats.type, VDB_F32);
    assert_int_equal(stats.m, 16);
    assert_int_equal(stats.ef_construction, 200);
    assert_int_equal(stats.max_layers, 16);
    assert_int_equal(stats.vectors, 0);
    fx_close(fx);
    assert_int_equal(access(fx->path, F_OK), 0);
    /* An empty database with its logs takes little. */
    assert_in_range(fx_files_of(fx->path).size[0], 1, 200000);
}

static void creation_options_are_stored(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(7, VDB_COSINE, VDB_FLAT);
    vdb_stats stats;
    options.m = 8;
    options.ef_construction = 100;
    options.max_layers = 4;
    fx_open(fx, &options);
    for (int round = 0; round < 2; round++) {
        stats = fx_stats(fx->db);
        assert_int_equal(stats.dimension, 7);
        assert_int_equal(stats.metric, VDB_COSINE);
        assert_int_equal(stats.index, VDB_FLAT);
        assert_int_equal(stats.m, 8);
        assert_int_equal(stats.ef_construction, 100);
        assert_int_equal(stats.max_layers, 4);
        fx_reopen(fx);
    }
    /* The same values again contradict nothing. */
    fx_close(fx);
    fx_open(fx, &options);
}

static void contradicting_options_name_both_values(void **state)
{
    fixture *fx = *state;
    vdb_options stored = fx_options(7, VDB_COSINE, VDB_FLAT), options;
    fx_files before;
    stored.m = 8;
    stored.ef_construction = 100;
    stored.max_layers = 4;
    fx_open(fx, &stored);
    fx_close(fx);
    before = fx_files_of(fx->path);
#define CONTRADICT(field, value, part1, part2)                                         \
    options = stored;                                                                  \
    options.field = (value);                                                           \
    assert_status(vdb_open(fx->path, &options, &fx->db), VDB_INVALID);                 \
    assert_null(fx->db);                                                               \
    assert_message(part1);                                                             \
    assert_message(part2)
    CONTRADICT(dimension, 9, "9", "7");
    CONTRADICT(metric, VDB_L2, "metric: l2", "has cosine");
    CONTRADICT(metric, VDB_DOT, "metric: dot", "has cosine");
    CONTRADICT(index, VDB_HNSW, "index: hnsw", "has flat");
    CONTRADICT(m, 33, "33", "8");
    CONTRADICT(ef_construction, 150, "150", "100");
    CONTRADICT(max_layers, 5, "5", "4");
    assert_files(fx->path, &before);
    fx_open(fx, &stored);
}

static void options_out_of_range_create_nothing(void **state)
{
    fixture *fx = *state;
    vdb_options options;
#define REFUSE(field, value)                                                           \
    options = fx_options(3, VDB_L2, VDB_FLAT);                                         \
    options.field = (value);                                                           \
    if (vdb_open(fx->path, &options, &fx->db) != VDB_INVALID ||                        \
        access(fx->path, F_OK) == 0) {                                                 \
        print_error(#field " = " #value " was accepted, or has made a file\n");        \
        fail();                                                                        \
    }                                                                                  \
    assert_null(fx->db)
    REFUSE(dimension, 65536);
    REFUSE(metric, 4);
    REFUSE(metric, -1);
    REFUSE(index, 3);
    REFUSE(m, 1);
    REFUSE(m, 513);
    REFUSE(ef_construction, 65536);
    REFUSE(max_layers, 65);
    REFUSE(durability, 3);
    REFUSE(log_bytes, 1000);
    options = fx_options(3, VDB_L2, VDB_FLAT);
    options.type = VDB_F16;
    assert_status(vdb_open(fx->path, &options, &fx->db), VDB_UNSUPPORTED);
    options.type = 0;
    options.flags = 1u << 20;
    assert_true(vdb_open(fx->path, &options, &fx->db) != VDB_OK);
    assert_null(fx->db);
    assert_true(access(fx->path, F_OK) != 0);
}

/* ------------------------------------------------------------------ flags */

static void must_exist_and_exclusive(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    options.flags = VDB_OPEN_MUST_EXIST;
    assert_status(vdb_open(fx->path, &options, &fx->db), VDB_NOT_FOUND);
    assert_message("app.vdb");
    assert_true(access(fx->path, F_OK) != 0);
    options.flags = VDB_OPEN_EXCLUSIVE;
    fx_open(fx, &options);
    fx_put(fx->db, "a", 1, 2, 3, NULL);
    fx_close(fx);
    assert_status(vdb_open(fx->path, &options, &fx->db), VDB_EXISTS);
    assert_message("app.vdb");
    assert_null(fx->db);
    options.flags = VDB_OPEN_MUST_EXIST;
    fx_open(fx, &options);
    assert_true(fx_has(fx->db, "a"));
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    fixture *fx = *state;
    vdb_status st = vdb_open(fx_name(fx, "no/such/folder.vdb"), NULL, &fx->db);
    assert_true(st == VDB_IO || st == VDB_NOT_FOUND);
    assert_null(fx->db);
    assert_message("folder.vdb");
}

static void reading_writes_nothing_ever(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(0, 0, 0);
    const float v[3] = {1, 1, 1};
    const char *copy = fx_name(fx, "copy.vdb");
    vdb_batch *batch = NULL;
    vdb_filter *all = fx_filter("{\"op\":\"and\",\"filters\":[]}");
    fx_files before;
    fx_put(fx->db, "a", 1, 2, 3, "{\"n\": 1}");
    fx_put(fx->db, "b", 4, 5, 6, NULL);
    fx_copy(fx->path, copy); /* as after a kill: with logs to be replayed */
    fx_close(fx);
    for (int round = 0; round < 2; round++) {
        const char *path = round ? copy : fx->path;
        before = fx_files_of(path);
        options.flags = VDB_OPEN_READONLY;
        assert_ok(vdb_open(path, &options, &fx->db));
        assert_ids(fx->db, NULL, "a b");
        assert_metadata(fx->db, "a", "{\"n\": 1}");
        assert_hits(fx->db, 4, 5, 6, 2, NULL, "b a");
        assert_status(vdb_insert(fx->db, "c", v, 3, NULL), VDB_READONLY);
        assert_status(vdb_insert_new(fx->db, "c", v, 3, NULL), VDB_READONLY);
        assert_status(vdb_set_metadata(fx->db, "a", "{}"), VDB_READONLY);
        assert_status(vdb_delete(fx->db, "a"), VDB_READONLY);
        assert_status(vdb_delete_where(fx->db, all, NULL, NULL), VDB_READONLY);
        assert_status(vdb_checkpoint(fx->db, NULL), VDB_READONLY);
        if (vdb_batch_new(fx->db, &batch) == VDB_OK) {
            if (vdb_batch_insert(batch, "c", v, 3, NULL) == VDB_OK)
                assert_status(vdb_batch_apply(batch, NULL), VDB_READONLY);
            vdb_batch_free(batch);
        }
        fx_assert_clean(fx->db);
        assert_ids(fx->db, NULL, "a b");
        assert_files(path, &before);
        fx_close(fx);
        assert_files(path, &before);
    }
    vdb_filter_free(all);
    assert_status(vdb_open(fx_name(fx, "none.vdb"), &options, &fx->db), VDB_NOT_FOUND);
    assert_true(access(fx_name(fx, "none.vdb"), F_OK) != 0);
}

static void memory_databases_leave_no_file(void **state)
{
    static const char *const names[] = {":memory:", NULL};
    fixture *fx = *state;
    char cwd[1000];
    vdb *other = NULL;
    assert_non_null(getcwd(cwd, sizeof cwd));
    assert_int_equal(chdir(fx->dir), 0);
    for (int i = 0; i < 2; i++) {
        vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
        assert_ok(vdb_open(names[i], &options, &fx->db));
        assert_ok(vdb_open(names[i], &options, &other)); /* one of its own */
        for (int j = 0; j < 1500; j++) {
            char id[32];
            snprintf(id, sizeof id, "m%d", j);
            fx_put(fx->db, id, (float)j, 0, 0, "{\"a\": 1}");
        }
        assert_ok(vdb_checkpoint(fx->db, NULL));
        assert_ok(vdb_delete(fx->db, "m0"));
        assert_hits(fx->db, 0, 0, 0, 2, NULL, "m1 m2");
        assert_int_equal(fx_count(fx->db), 1499);
        assert_int_equal(fx_count(other), 0);
        fx_assert_clean(fx->db);
        assert_ok(vdb_close(other));
        fx_close(fx);
    }
    assert_true(access(":memory:", F_OK) != 0);
    assert_true(access("-wal1", F_OK) != 0);
    assert_true(access(":memory:-wal1", F_OK) != 0);
    assert_int_equal(chdir(cwd), 0);
}

static void mapping_or_not_reads_the_same(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(0, 0, 0);
    for (int i = 0; i < 3000; i++) {
        char id[32], metadata[64];
        snprintf(id, sizeof id, "v%04d", i);
        snprintf(metadata, sizeof metadata, "{\"n\": %d}", i);
        fx_put(fx->db, id, (float)i, 0, 0, metadata);
    }
    fx_close(fx);
    options.flags = VDB_OPEN_NO_MMAP;
    options.cache_bytes = 1; /* the least that works */
    for (int round = 0; round < 2; round++) {
        fx_open(fx, &options);
        assert_int_equal(fx_count(fx->db), 3000);
        assert_hits(fx->db, 1500, 0, 0, 3, NULL, "v1500 v1499 v1501");
        assert_ids(fx->db, "{\"op\":\"gte\",\"field\":\"n\",\"value\":2998}",
                   "v2998 v2999");
        assert_metadata(fx->db, "v0042", "{\"n\": 42}");
        fx_put(fx->db, "v0042", 42, 0, 0, "{\"n\": 42}");
        fx_assert_clean(fx->db);
        fx_close(fx);
        options.flags = 0;
    }
}

/* ------------------------------------------------------ what is no database */

static void refuse(const char *path, vdb_status want, const char *part)
{
    fx_files before = fx_files_of(path);
    for (int i = 0; i < 3; i++) {
        static const uint32_t flags[3] = {0, VDB_OPEN_READONLY, VDB_OPEN_NO_MMAP};
        vdb_options options = fx_options(0, 0, 0);
        vdb *db = (vdb *)&options;
        vdb_status st;
        options.flags = flags[i];
        st = vdb_open(path, &options, &db);
        if (st != want)
            print_error("%s (%lld bytes), flags %u\n", path, (long long)before.size[0],
                        flags[i]);
        assert_status(st, want);
        assert_null(db);
        assert_message(part);
        assert_files(path, &before);
    }
}

static void a_foreign_file_is_refused_untouched(void **state)
{
    fixture *fx = *state;
    const char *path = fx_name(fx, "foreign");
    char *text = fx_repeat("", "Once upon a time. ", 4000, "", "", "");
    static const char sqlite[4096] = "SQLite format 3";
    static const char zeros_then_text[8192 + 6] = {[8192] = 'h', 'e', 'l', 'l', 'o'};
    fx_write(path, "hello world\n", 12);
    refuse(path, VDB_CORRUPT, "foreign");
    fx_write(path, "x", 1);
    refuse(path, VDB_CORRUPT, "foreign");
    fx_write(path, sqlite, sizeof sqlite);
    refuse(path, VDB_CORRUPT, "foreign");
    fx_write(path, text, strlen(text));
    refuse(path, VDB_CORRUPT, "foreign");
    fx_write(path, zeros_then_text, sizeof zeros_then_text);
    refuse(path, VDB_CORRUPT, "foreign");
    free(text);
}

/* An empty file is what a creation that was interrupted may leave. */
static void an_empty_file_becomes_a_database(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    vdb_status st;
    fx_write(fx->path, "", 0);
    options.flags = VDB_OPEN_READONLY;
    st = vdb_open(fx->path, &options, &fx->db);
    assert_true(st == VDB_CORRUPT || st == VDB_NOT_FOUND);
    assert_int_equal(fx_files_of(fx->path).size[0], 0);
    options.flags = VDB_OPEN_EXCLUSIVE;
    assert_status(vdb_open(fx->path, &options, &fx->db), VDB_EXISTS);
    options.flags = 0;
    fx_open(fx, &options);
    assert_int_equal(fx_count(fx->db), 0);
    fx_put(fx->db, "a", 1, 2, 3, NULL);
    fx_reopen(fx);
    assert_ids(fx->db, NULL, "a");
}

static void a_truncated_file_is_corrupt(void **state)
{
    fixture *fx = *state;
    const char *cut = fx_name(fx, "cut");
    unsigned char *bytes;
    size_t size;
    for (int i = 0; i < 2000; i++) {
        char id[32];
        snprintf(id, sizeof id, "v%d", i);
        fx_put(fx->db, id, (float)i, 0, 0, "{\"pad\": \"some text to fill pages\"}");
    }
    fx_close(fx);
    bytes = fx_read(fx->path, &size);
    assert_true(size > 100000);
    {
        const size_t lengths[] = {1, 100, 4095, 4096, 8191, 8192, size / 4, size / 2};
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            fx_write(cut, bytes, lengths[i]);
            refuse(cut, VDB_CORRUPT, "cut");
        }
    }
    free(bytes);
}

/* Change one byte of the meta page at `place` of the file, and mend its checksum, as
 * docs/format.md places them. */
static void patch_meta(unsigned char *file, unsigned place, size_t offset,
                       unsigned char value)
{
    unsigned char *page = file + place * 4096u;
    uint64_t sum;
    page[offset] = value;
    sum = XXH3_64bits_withSeed(page, 4088, place);
    for (int i = 0; i < 8; i++)
        page[4088 + i] = (unsigned char)(sum >> (8 * i));
}

static void a_newer_format_is_unsupported(void **state)
{
    fixture *fx = *state;
    const char *newer = fx_name(fx, "newer");
    unsigned char *bytes, *copy;
    unsigned newest;
    size_t size;
    fx_put(fx->db, "a", 1, 2, 3, NULL);
    fx_reopen(fx);
    fx_put(fx->db, "b", 1, 2, 3, NULL);
    fx_close(fx);
    bytes = fx_read(fx->path, &size);
    assert_true(size > 8192);
    assert_memory_equal(bytes, "libvdb\r\n", 8);
    assert_memory_equal(bytes + 4096, "libvdb\r\n", 8);
    newest = bytes[32] < bytes[4096 + 32]; /* generations, still small */
    copy = malloc(size);
    assert_non_null(copy);
    for (int both = 0; both < 2; both++) {
        static const size_t offsets[2] = {8, 12}; /* the version; a feature */
        static const char *const parts[2] = {"2", "newer"};
        for (int i = 0; i < 2; i++) {
            memcpy(copy, bytes, size);
            patch_meta(copy, newest, offsets[i], 2);
            if (both)
                patch_meta(copy, 1 - newest, offsets[i], 2);
            fx_write(newer, copy, size);
            refuse(newer, VDB_UNSUPPORTED, parts[i]);
        }
    }
    /* The patch alone is harmless: with the old values the copy opens. */
    memcpy(copy, bytes, size);
    patch_meta(copy, 0, 8, 1);
    patch_meta(copy, 1, 8, 1);
    fx_write(newer, copy, size);
    assert_ok(vdb_open(newer, NULL, &fx->db));
    assert_ids(fx->db, NULL, "a b");
    free(bytes);
    free(copy);
}

static void folders_and_devices_are_refused(void **state)
{
    fixture *fx = *state;
    vdb_status st;
    const char *fifo = fx_name(fx, "fifo");
    st = vdb_open(fx->dir, NULL, &fx->db);
    assert_true(st == VDB_INVALID || st == VDB_CORRUPT || st == VDB_IO);
    assert_null(fx->db);
    assert_message(fx->dir);
    assert_true(vdb_open("/dev/null", NULL, &fx->db) != VDB_OK);
    assert_null(fx->db);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    alarm(20); /* opening a pipe for reading alone would wait for ever */
    st = vdb_open(fifo, NULL, &fx->db);
    alarm(0);
    assert_true(st != VDB_OK);
    assert_null(fx->db);
}

static void links_are_followed_but_hard_links_refused(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    const char *soft = fx_name(fx, "soft.vdb"), *hard = fx_name(fx, "hard.vdb");
    const char *dangling = fx_name(fx, "dangling.vdb");
    vdb *second = NULL;
    vdb_status st;
    fx_files before;
    fx_open(fx, &options);
    fx_put(fx->db, "a", 1, 2, 3, NULL);
    assert_int_equal(symlink("app.vdb", soft), 0);
    /* One file by two names is one database. */
    assert_status(vdb_open(soft, &options, &second), VDB_BUSY);
    assert_null(second);
    fx_close(fx);
    assert_ok(vdb_open(soft, &options, &fx->db));
    assert_ids(fx->db, NULL, "a");
    fx_put(fx->db, "b", 1, 2, 3, NULL);
    /* The logs stand beside the file, not beside the link. */
    assert_true(access(fx_name(fx, "soft.vdb-wal1"), F_OK) != 0);
    assert_true(access(fx_name(fx, "soft.vdb-wal2"), F_OK) != 0);
    assert_true(access(fx_name(fx, "app.vdb-wal1"), F_OK) == 0 ||
                access(fx_name(fx, "app.vdb-wal2"), F_OK) == 0);
    fx_close(fx);
    /* A link to nothing makes the file that it names. */
    assert_int_equal(symlink("made.vdb", dangling), 0);
    assert_ok(vdb_open(dangling, &options, &fx->db));
    fx_put(fx->db, "c", 1, 2, 3, NULL);
    fx_close(fx);
    assert_int_equal(access(fx_name(fx, "made.vdb"), F_OK), 0);
    hard = fx_name(fx, "hard.vdb");
    assert_int_equal(link(fx->path, hard), 0);
    before = fx_files_of(fx->path);
    st = vdb_open(hard, &options, &fx->db);
    assert_true(st != VDB_OK);
    assert_null(fx->db);
    assert_message("link");
    assert_int_equal(vdb_open(fx->path, &options, &fx->db), st);
    assert_files(fx->path, &before);
    assert_int_equal(unlink(hard), 0);
    fx_reopen(fx);
    assert_ids(fx->db, NULL, "a b");
}

static void a_loop_of_links_is_an_error(void **state)
{
    fixture *fx = *state;
    assert_int_equal(symlink("y", fx_name(fx, "x")), 0);
    assert_int_equal(symlink("x", fx_name(fx, "y")), 0);
    assert_true(vdb_open(fx_name(fx, "x"), NULL, &fx->db) != VDB_OK);
    assert_null(fx->db);
}

/* ---------------------------------------------------- handles and processes */

static void one_writer_or_many_readers(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(0, 0, 0);
    vdb *second = NULL, *third = NULL;
    fx_put(fx->db, "a", 1, 2, 3, NULL);
    /* Beside a writer: nobody. */
    assert_status(vdb_open(fx->path, &options, &second), VDB_BUSY);
    assert_null(second);
    assert_message("app.vdb");
    options.flags = VDB_OPEN_READONLY;
    assert_status(vdb_open(fx->path, &options, &second), VDB_BUSY);
    fx_put(fx->db, "b", 1, 2, 3, NULL); /* the refused have broken nothing */
    fx_close(fx);
    /* Beside readers: readers. */
    assert_ok(vdb_open(fx->path, &options, &fx->db));
    assert_ok(vdb_open(fx->path, &options, &second));
    options.flags = 0;
    assert_status(vdb_open(fx->path, &options, &third), VDB_BUSY);
    assert_ids(second, NULL, "a b");
    fx_close(fx);
    assert_status(vdb_open(fx->path, &options, &third), VDB_BUSY);
    assert_ids(second, NULL, "a b");
    assert_ok(vdb_close(second));
    assert_ok(vdb_open(fx->path, &options, &fx->db));
}

/* Open from a new process; returns its status. */
static int open_elsewhere(const char *path, uint32_t flags)
{
    char text[16];
    int status = -1;
    pid_t pid;
    snprintf(text, sizeof text, "%u", flags);
    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execl("/proc/self/exe", "test_open", "--try-open", path, text, (char *)NULL);
        _exit(99);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int try_open(const char *path, const char *flags)
{
    vdb_options options = VDB_OPTIONS_INIT;
    vdb *db = NULL;
    vdb_status st;
    options.flags = (uint32_t)strtoul(flags, NULL, 10);
    st = vdb_open(path, &options, &db);
    if (st == VDB_OK)
        st = vdb_close(db);
    return st;
}

static void another_process_is_kept_out(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(0, 0, 0);
    fx_put(fx->db, "a", 1, 2, 3, NULL);
    assert_int_equal(open_elsewhere(fx->path, 0), VDB_BUSY);
    assert_int_equal(open_elsewhere(fx->path, VDB_OPEN_READONLY), VDB_BUSY);
    /* Opening and refusing must not have dropped our lock. */
    assert_int_equal(open_elsewhere(fx->path, 0), VDB_BUSY);
    fx_put(fx->db, "b", 1, 2, 3, NULL);
    fx_close(fx);
    assert_int_equal(open_elsewhere(fx->path, 0), VDB_OK);
    options.flags = VDB_OPEN_READONLY;
    fx_open(fx, &options);
    assert_int_equal(open_elsewhere(fx->path, VDB_OPEN_READONLY), VDB_OK);
    assert_int_equal(open_elsewhere(fx->path, 0), VDB_BUSY);
    assert_ids(fx->db, NULL, "a b");
}

static int use_in_child(void *arg)
{
    fixture *fx = arg;
    const float v[3] = {1, 2, 3};
    vdb_record *record = NULL;
    vdb_results *hits = NULL;
    vdb_cursor *cursor = NULL;
    vdb_snapshot *snapshot = NULL;
    vdb_batch *batch = NULL;
    vdb_report *report = NULL;
    vdb_stats stats = VDB_STATS_INIT;
    vdb *second = NULL;
    uint64_t count;
    int at = 0;
#define MISUSE(call)                                                                   \
    at++;                                                                              \
    if ((call) != VDB_MISUSE) {                                                        \
        fprintf(stderr, "in a child, " #call ": %s\n", vdb_errmsg());                  \
        return at;                                                                     \
    }
    MISUSE(vdb_insert(fx->db, "x", v, 3, NULL))
    MISUSE(vdb_insert_new(fx->db, "x", v, 3, NULL))
    MISUSE(vdb_delete(fx->db, "a"))
    MISUSE(vdb_set_metadata(fx->db, "a", NULL))
    MISUSE(vdb_get(fx->db, "a", NULL, &record))
    MISUSE(vdb_count(fx->db, NULL, NULL, &count))
    MISUSE(vdb_search(fx->db, v, 3, 1, &hits))
    MISUSE(vdb_cursor_open(fx->db, NULL, &cursor))
    MISUSE(vdb_snapshot_new(fx->db, &snapshot))
    MISUSE(vdb_batch_new(fx->db, &batch))
    MISUSE(vdb_checkpoint(fx->db, NULL))
    MISUSE(vdb_check(fx->db, NULL, &report, NULL))
    MISUSE(vdb_stats_get(fx->db, &stats))
    MISUSE(vdb_wait_indexed(fx->db, NULL))
    at++;
    if (vdb_open(fx->path, NULL, &second) != VDB_BUSY)
        return at;
    /* Only memory is freed: the parent's file, logs and lock stay as they are. */
    vdb_close(fx->db);
    return 0;
}

static void a_forked_child_can_do_no_harm(void **state)
{
    fixture *fx = *state;
    fx_files before;
    fx_put(fx->db, "a", 1, 2, 3, NULL);
    before = fx_files_of(fx->path);
    assert_int_equal(fx_in_child(use_in_child, fx), 0);
    assert_files(fx->path, &before);
    /* The parent goes on, and still holds the lock. */
    fx_put(fx->db, "b", 1, 2, 3, NULL);
    assert_int_equal(open_elsewhere(fx->path, 0), VDB_BUSY);
    fx_reopen(fx);
    assert_ids(fx->db, NULL, "a b");
    fx_assert_clean(fx->db);
}

/* With threads of its own the library must survive a fork as well. */
static void a_fork_with_threads(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    options.threads = 0;
    options.durability = VDB_NORMAL;
    fx_open(fx, &options);
    fx_put(fx->db, "a", 1, 2, 3, NULL);
    usleep(200000); /* by now every thread is at rest, waiting */
    assert_int_equal(fx_in_child(use_in_child, fx), 0);
    fx_put(fx->db, "b", 1, 2, 3, NULL);
    fx_reopen(fx);
    assert_ids(fx->db, NULL, "a b");
}

static int die_holding(void *arg)
{
    fixture *fx = arg;
    const float v[3] = {1, 2, 3};
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    if (vdb_open(fx->path, &options, &fx->db))
        return 1;
    if (vdb_insert(fx->db, "a", v, 3, "{\"n\": 1}"))
        return 2;
    return 0; /* _exit without closing */
}

static void a_dead_process_leaves_no_lock(void **state)
{
    fixture *fx = *state;
    assert_int_equal(fx_in_child(die_holding, fx), 0);
    fx_reopen(fx);
    assert_metadata(fx->db, "a", "{\"n\": 1}");
    assert_true(fx_stats(fx->db).replayed >= 1);
    fx_assert_clean(fx->db);
}

/* ------------------------------------------------------------- descriptors */

static int count_descriptors(const char *part, int *lowest, int *inheritable)
{
    int n = 0;
    *lowest = 1 << 20;
    *inheritable = 0;
    for (int fd = 0; fd < 256; fd++) {
        char link_name[64], target[1000];
        ssize_t length;
        snprintf(link_name, sizeof link_name, "/proc/self/fd/%d", fd);
        length = readlink(link_name, target, sizeof target - 1);
        if (length < 0)
            continue;
        target[length] = 0;
        if (!strstr(target, part))
            continue;
        n++;
        if (fd < *lowest)
            *lowest = fd;
        if (!(fcntl(fd, F_GETFD) & FD_CLOEXEC))
            ++*inheritable;
    }
    return n;
}

static void descriptors_are_closed_on_exec_and_by_close(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    int lowest, inheritable;
    options.checkpoint_entries = 1;
    for (int round = 0; round < 2; round++) {
        fx_open(fx, &options);
        for (int i = 0; i < 20; i++)
            fx_put(fx->db, i % 2 ? "a" : "b", (float)i, 2, 3, NULL);
        assert_ok(vdb_checkpoint(fx->db, NULL));
        assert_true(count_descriptors(fx->dir, &lowest, &inheritable) >= 1);
        assert_int_equal(inheritable, 0);
        assert_true(lowest > 2);
        fx_close(fx);
        assert_int_equal(count_descriptors(fx->dir, &lowest, &inheritable), 0);
    }
    /* A refused opening leaves none behind either. */
    fx_write(fx_name(fx, "foreign"), "text", 4);
    assert_status(vdb_open(fx_name(fx, "foreign"), NULL, &fx->db), VDB_CORRUPT);
    options.flags = VDB_OPEN_EXCLUSIVE;
    assert_status(vdb_open(fx->path, &options, &fx->db), VDB_EXISTS);
    assert_int_equal(count_descriptors(fx->dir, &lowest, &inheritable), 0);
}

static int open_without_standard_streams(void *arg)
{
    fixture *fx = arg;
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    const float v[3] = {1, 2, 3};
    int lowest, inheritable;
    close(0);
    close(1);
    close(2);
    for (int i = 0; i < 3; i++) {
        if (vdb_open(fx->path, &options, &fx->db))
            return 1;
        if (vdb_insert(fx->db, "a", v, 3, NULL) || vdb_checkpoint(fx->db, NULL) ||
            vdb_insert(fx->db, "b", v, 3, NULL))
            return 2;
        if (count_descriptors(fx->dir, &lowest, &inheritable) < 1)
            return 3;
        if (lowest <= 2)
            return 4;
        if (inheritable)
            return 5;
        if (vdb_close(fx->db))
            return 6;
        if (count_descriptors(fx->dir, &lowest, &inheritable) != 0)
            return 7;
    }
    /* Nor is anything else left in their places. */
    return fcntl(0, F_GETFD) == -1 && fcntl(1, F_GETFD) == -1 && fcntl(2, F_GETFD) == -1
               ? 0
               : 8;
}

static void no_descriptor_takes_a_standard_stream(void **state)
{
    fixture *fx = *state;
    assert_int_equal(fx_in_child(open_without_standard_streams, fx), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define T(name)  cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
#define T3(name) cmocka_unit_test_setup_teardown(name, fx_setup_3d, fx_teardown)
        T(defaults_are_the_references),
        T(creation_options_are_stored),
        T(contradicting_options_name_both_values),
        T(options_out_of_range_create_nothing),
        T(must_exist_and_exclusive),
        T(a_folder_that_is_not_there_is_an_error),
        T3(reading_writes_nothing_ever),
        T(memory_databases_leave_no_file),
        T3(mapping_or_not_reads_the_same),
        T(a_foreign_file_is_refused_untouched),
        T(an_empty_file_becomes_a_database),
        T3(a_truncated_file_is_corrupt),
        T3(a_newer_format_is_unsupported),
        T(folders_and_devices_are_refused),
        T(links_are_followed_but_hard_links_refused),
        T(a_loop_of_links_is_an_error),
        T3(one_writer_or_many_readers),
        T3(another_process_is_kept_out),
        T3(a_forked_child_can_do_no_harm),
        T(a_fork_with_threads),
        T(a_dead_process_leaves_no_lock),
        T(descriptors_are_closed_on_exec_and_by_close),
        T(no_descriptor_takes_a_standard_stream),
    };
    if (argc == 4 && !strcmp(argv[1], "--try-open"))
        return try_open(argv[2], argv[3]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
