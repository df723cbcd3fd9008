/* harness.c: see harness.h. */
#include "harness.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_MAX = 64 << 20, /* of one allocation */
    ALL_MAX = 128 << 20   /* of all that are not released */
};

/* Read by the address sanitizer.  Its quarantine of 256 MB makes every run touch memory
 * that is not in the cache, which takes a quarter of its time. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=16:malloc_context_size=12";
}

_Noreturn void harness_broken(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: broken: %s (last error: %s)\n", file, line, condition,
            vdb_errmsg());
    abort();
}

/* -------------------------------------------------------------------- memory */

static _Atomic size_t out; /* bytes */

static void *bounded_allocate(void *arg, size_t size, size_t alignment)
{
    void *block = NULL;

    (void)arg;
    REQUIRE(size <= BLOCK_MAX);
    if (alignment < sizeof(void *))
        alignment = sizeof(void *);
    if (posix_memalign(&block, alignment, size ? size : 1))
        return NULL;
    REQUIRE(atomic_fetch_add(&out, malloc_usable_size(block)) <= ALL_MAX);
    return block;
}

static void bounded_release(void *arg, void *block)
{
    (void)arg;
    atomic_fetch_sub(&out, malloc_usable_size(block));
    free(block);
}

const vdb_allocator *harness_allocator(void)
{
    static const vdb_allocator bounded = {sizeof bounded, NULL, bounded_allocate,
                                          bounded_release};
    return &bounded;
}

void harness_require_no_leak(void)
{
    REQUIRE(atomic_load(&out) == 0);
}

void harness_require_told(vdb_status status)
{
    REQUIRE(status >= VDB_OK && status < VDB_MISUSE);
    REQUIRE(status == VDB_OK || vdb_errmsg()[0]);
}

/* --------------------------------------------------------------------- files */

void harness_put(faultfs *fs, const char *name, const uint8_t *data, size_t size)
{
    const vdb_vfs *vfs = faultfs_vfs(fs);
    vdb_file *file;

    REQUIRE(vfs->open(vfs->arg, name, VDB_VFS_CREATE, &file) == 0);
    REQUIRE(vfs->truncate(vfs->arg, file, 0) == 0);
    REQUIRE(vfs->write(vfs->arg, file, data, size, 0) == 0);
    REQUIRE(vfs->sync(vfs->arg, file) == 0);
    REQUIRE(vfs->sync_directory(vfs->arg, name) == 0);
    vfs->close(vfs->arg, file);
}

harness_bytes harness_take(faultfs *fs, const char *name)
{
    const vdb_vfs *vfs = faultfs_vfs(fs);
    vdb_file_info info = {.struct_size = sizeof info};
    harness_bytes bytes = {NULL, 0};
    vdb_file *file;

    if (vfs->open(vfs->arg, name, VDB_VFS_READONLY, &file))
        return bytes;
    REQUIRE(vfs->info(vfs->arg, file, &info) == 0);
    bytes.data = malloc(info.size ? info.size : 1);
    REQUIRE(bytes.data != NULL);
    REQUIRE(vfs->read(vfs->arg, file, bytes.data, info.size, 0, &bytes.size) == 0);
    vfs->close(vfs->arg, file);
    return bytes;
}

uint64_t harness_file_size(faultfs *fs, const char *name)
{
    const vdb_vfs *vfs = faultfs_vfs(fs);
    vdb_file_info info = {.struct_size = sizeof info};
    vdb_file *file;

    if (vfs->open(vfs->arg, name, VDB_VFS_READONLY, &file))
        return 0;
    REQUIRE(vfs->info(vfs->arg, file, &info) == 0);
    vfs->close(vfs->arg, file);
    return info.size;
}

vdb_env *harness_environment(faultfs *fs)
{
    vdb_env_options options = VDB_ENV_OPTIONS_INIT;
    vdb_env *env;

    options.allocator = harness_allocator();
    options.vfs = faultfs_vfs(fs);
    REQUIRE(vdb_env_new(&options, &env) == VDB_OK);
    return env;
}

/* ---------------------------------------------------------------- a database */

const char *harness_row_id(unsigned i, char id[HARNESS_ID_MAX])
{
    int n = snprintf(id, HARNESS_ID_MAX, "id-%02u", i);

    if (i % 2) {
        memset(id + n, 'x', 290);
        id[n + 290] = 0;
    }
    return id;
}

const float *harness_row_vector(unsigned i, float v[HARNESS_DIM])
{
    for (unsigned d = 0; d < HARNESS_DIM; d++)
        v[d] = (float)((i * 7 + d * 13) % 31) - 15.0f;
    return v;
}

const char *harness_row_metadata(unsigned i, char json[HARNESS_JSON_MAX])
{
    int n;

    if (i % 5 == 4)
        return NULL;
    n = snprintf(json, HARNESS_JSON_MAX,
                 "{\"kind\": \"k%u\", \"n\": %u, \"real\": %u.5, \"tags\": [\"a\", %u, "
                 "null], \"deep\": {\"x\": %s, \"y\": null}",
                 i % 3, i, i, i, i % 2 ? "true" : "false");
    if (i % 7 == 3)
        n += snprintf(json + n, HARNESS_JSON_MAX - (size_t)n, ", \"long\": \"%01100u\"",
                      i);
    snprintf(json + n, HARNESS_JSON_MAX - (size_t)n, "}");
    return json;
}

static vdb_status insert(vdb *db, unsigned i)
{
    char id[HARNESS_ID_MAX], json[HARNESS_JSON_MAX];
    float v[HARNESS_DIM];

    return vdb_insert(db, harness_row_id(i, id), harness_row_vector(i, v), HARNESS_DIM,
                      harness_row_metadata(i, json));
}

static vdb_options options_of(vdb_env *env, uint32_t flags)
{
    vdb_options options = VDB_OPTIONS_INIT;

    options.env = env;
    options.flags = flags;
    options.threads = 1;
    return options;
}

harness_base harness_base_make(unsigned rows, bool closed)
{
    faultfs *fs = faultfs_new(1);
    vdb_env *env = harness_environment(fs);
    vdb_options options = options_of(env, 0);
    harness_base base;
    char id[HARNESS_ID_MAX];
    vdb *db;

    options.metric = VDB_COSINE;
    REQUIRE(vdb_open(HARNESS_PATH, &options, &db) == VDB_OK);
    for (unsigned i = 0; i < rows; i++) {
        REQUIRE(insert(db, i) == VDB_OK);
        if (i == rows / 2) /* what a checkpoint replaces becomes free space */
            REQUIRE(vdb_checkpoint(db, NULL) == VDB_OK);
    }
    REQUIRE(vdb_delete(db, harness_row_id(1, id)) == VDB_OK);
    REQUIRE(insert(db, 2) == VDB_OK);
    REQUIRE(vdb_close(db) == VDB_OK);
    REQUIRE(vdb_open(HARNESS_PATH, &options, &db) == VDB_OK);
    if (!closed) {
        REQUIRE(insert(db, 3) == VDB_OK);
        REQUIRE(insert(db, rows) == VDB_OK);
        REQUIRE(vdb_set_metadata(db, harness_row_id(0, id), HARNESS_METADATA_0) ==
                VDB_OK);
        REQUIRE(vdb_delete(db, harness_row_id(rows, id)) == VDB_OK);
        base.main = harness_take(fs, HARNESS_PATH);
        base.log = harness_take(fs, HARNESS_PATH "-wal1");
    }
    REQUIRE(vdb_close(db) == VDB_OK);
    if (closed) {
        base.main = harness_take(fs, HARNESS_PATH);
        base.log = (harness_bytes){NULL, 0};
    }
    vdb_env_free(env);
    faultfs_free(fs);
    harness_require_no_leak();
    return base;
}

/* ------------------------------------------------------------------- its use */

static vdb_filter *parse(vdb_env *env, const char *json)
{
    vdb_filter *filter;

    REQUIRE(vdb_filter_parse(env, json, strlen(json), &filter) == VDB_OK);
    return filter;
}

static void read_everything(vdb *db)
{
    vdb_cursor *cursor = NULL;
    const vdb_record *record = NULL;
    vdb_status st = VDB_OK;
    vdb_report *report;
    char id[HARNESS_ID_MAX];

    st = vdb_check(db, NULL, &report, NULL);
    harness_require_told(st);
    REQUIRE(st != VDB_OK || vdb_report_count(report) == 0);
    vdb_report_free(report);
    for (unsigned i = 0; i < 8; i++) {
        vdb_record *got;
        harness_require_told(vdb_get(db, harness_row_id(i, id), NULL, &got));
        vdb_record_free(got);
    }
    st = vdb_cursor_open(db, NULL, &cursor);
    harness_require_told(st);
    do {
        if (!st)
            st = vdb_cursor_next(cursor, &record);
        harness_require_told(st);
        if (!st && record) {
            size_t length = 0;
            REQUIRE(strlen(vdb_record_id(record, &length)) <= length);
        }
    } while (!st && record);
    vdb_cursor_free(cursor);
}

static void search(vdb *db, vdb_env *env)
{
    static const char *const filters[] = {
        "{\"op\": \"eq\", \"field\": \"kind\", \"value\": \"k1\"}",
        "{\"op\": \"prefix\", \"field\": \"kind\", \"value\": \"k\"}",
        "{\"op\": \"gt\", \"field\": \"n\", \"value\": 3}",
        "{\"op\": \"contains\", \"field\": \"tags\", \"value\": 7}",
        "{\"op\": \"prefix\", \"field\": \"long\", \"value\": \"0\"}",
        "{\"op\": \"exists\", \"field\": \"deep.x\"}",
        "{\"op\": \"id_in\", \"ids\": [\"id-00\", \"id-02\", \"nobody\"]}"};
    float v[HARNESS_DIM];
    vdb_results *results;

    harness_require_told(
        vdb_search(db, harness_row_vector(5, v), HARNESS_DIM, 10, &results));
    vdb_results_free(results);
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        vdb_filter *filter = parse(env, filters[i]);
        uint64_t count = 0;
        vdb_status counted = vdb_count(db, filter, NULL, &count);
        vdb_status found =
            vdb_search_filtered(db, v, HARNESS_DIM, 1000, filter, &results);
        harness_require_told(counted);
        harness_require_told(found);
        if (!counted && !found)
            REQUIRE(vdb_results_count(results) == (count < 1000 ? count : 1000));
        vdb_results_free(results);
        vdb_filter_free(filter);
    }
}

static void change(vdb *db, vdb_env *env)
{
    vdb_filter *filter =
        parse(env, "{\"op\": \"lt\", \"field\": \"n\", \"value\": 12}");
    vdb_stats stats = VDB_STATS_INIT;
    char id[HARNESS_ID_MAX];

    harness_require_told(insert(db, 60));
    harness_require_told(insert(db, 3));
    harness_require_told(
        vdb_set_metadata(db, harness_row_id(6, id), "{\"n\": [5, \"z\"]}"));
    harness_require_told(vdb_delete(db, harness_row_id(8, id)));
    harness_require_told(vdb_checkpoint(db, NULL));
    harness_require_told(vdb_delete_where(db, filter, NULL, NULL));
    for (unsigned i = 61; i < 65; i++)
        harness_require_told(insert(db, i));
    harness_require_told(vdb_stats_get(db, &stats));
    harness_require_told(vdb_checkpoint(db, NULL));
    vdb_filter_free(filter);
}

void harness_exercise(faultfs *fs, uint32_t flags)
{
    static const char *const names[] = {HARNESS_PATH, HARNESS_PATH "-wal1",
                                        HARNESS_PATH "-wal2"};
    vdb_env *env = harness_environment(fs);
    vdb_options options = options_of(env, flags);
    harness_bytes before[3], after;
    vdb *db;
    vdb_status st, closed = VDB_OK;

    for (int i = 0; i < 3; i++)
        before[i] = harness_take(fs, names[i]);
    st = vdb_open(HARNESS_PATH, &options, &db);
    harness_require_told(st);
    REQUIRE((st == VDB_OK) == (db != NULL));
    if (db) {
        read_everything(db);
        search(db, env);
        change(db, env);
        read_everything(db);
        closed = vdb_close(db);
        harness_require_told(closed);
    }
    if (!st && !closed) { /* what was saved well can be opened */
        REQUIRE(vdb_open(HARNESS_PATH, &options, &db) == VDB_OK);
        harness_require_told(vdb_close(db));
    }
    for (int i = 0; i < 3; i++) {
        REQUIRE(harness_file_size(fs, names[i]) <= HARNESS_FILE_MAX);
        /* vdb_open: "nothing has been changed"; and read-only writes nothing, ever. */
        if (st || flags & VDB_OPEN_READONLY) {
            after = harness_take(fs, names[i]);
            REQUIRE(after.size == before[i].size);
            REQUIRE(!after.size || !memcmp(after.data, before[i].data, after.size));
            free(after.data);
        }
        free(before[i].data);
    }
    REQUIRE(faultfs_open_files(fs) == 0 && faultfs_mapped(fs) == 0);
    REQUIRE(faultfs_misuses(fs) == 0);
    vdb_env_free(env);
    harness_require_no_leak();
}
