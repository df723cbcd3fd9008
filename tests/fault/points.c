/* points.c: see points.h. */
#include "points.h"

#include <errno.h>

/* ------------------------------------------------------------- the machine */

/* The hooked file system gives out the handles of the other, and knows their names. */
typedef struct handle {
    vdb_file *file;
    char name[64];
} handle;

static handle handles[16];

static const char *name_of(const vdb_file *file)
{
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++)
        if (handles[i].file == file)
            return handles[i].name;
    return "";
}

static int ask(machine *m, uint32_t kind, const vdb_file *file)
{
    return m->hook ? m->hook(m, kind, name_of(file)) : 0;
}

static const vdb_vfs *below(const machine *m)
{
    return faultfs_vfs(m->fs);
}

static int hooked_open(void *arg, const char *path, uint32_t flags, vdb_file **out)
{
    machine *m = arg;
    int rc = below(m)->open(m->fs, path, flags, out);

    for (size_t i = 0; !rc && i < sizeof handles / sizeof *handles; i++)
        if (!handles[i].file) {
            handles[i].file = *out;
            snprintf(handles[i].name, sizeof handles[i].name, "%s", path);
            break;
        }
    return rc;
}

static int hooked_close(void *arg, vdb_file *file)
{
    machine *m = arg;

    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++)
        if (handles[i].file == file)
            handles[i].file = NULL;
    return below(m)->close(m->fs, file);
}

static int hooked_read(void *arg, vdb_file *file, void *buffer, size_t size,
                       uint64_t offset, size_t *got)
{
    machine *m = arg;
    int rc = ask(m, FAULTFS_READ, file);

    *got = 0;
    return rc ? rc : below(m)->read(m->fs, file, buffer, size, offset, got);
}

static int hooked_write(void *arg, vdb_file *file, const void *buffer, size_t size,
                        uint64_t offset)
{
    machine *m = arg;
    int rc = ask(m, FAULTFS_WRITE, file);

    return rc ? rc : below(m)->write(m->fs, file, buffer, size, offset);
}

static int hooked_truncate(void *arg, vdb_file *file, uint64_t size)
{
    machine *m = arg;
    int rc = ask(m, FAULTFS_TRUNCATE, file);

    return rc ? rc : below(m)->truncate(m->fs, file, size);
}

static int hooked_sync(void *arg, vdb_file *file)
{
    machine *m = arg;
    int rc = ask(m, FAULTFS_SYNC, file);

    return rc ? rc : below(m)->sync(m->fs, file);
}

#define PASS(name, parameters, arguments)                                              \
    static int hooked_##name parameters                                                \
    {                                                                                  \
        return below(arg)->name arguments;                                             \
    }
#define FS (((machine *)arg)->fs)
PASS(info, (void *arg, vdb_file *file, vdb_file_info *out), (FS, file, out))
PASS(reserve, (void *arg, vdb_file *file, uint64_t offset, uint64_t size),
     (FS, file, offset, size))
PASS(lock, (void *arg, vdb_file *file, uint32_t kind), (FS, file, kind))
PASS(map, (void *arg, vdb_file *file, uint64_t offset, size_t size, void **out),
     (FS, file, offset, size, out))
PASS(exists, (void *arg, const char *path), (FS, path))
PASS(remove, (void *arg, const char *path), (FS, path))
PASS(sync_directory, (void *arg, const char *path), (FS, path))
PASS(resolve, (void *arg, const char *path, char *out, size_t size),
     (FS, path, out, size))
PASS(random, (void *arg, void *buffer, size_t size), (FS, buffer, size))

static void hooked_unmap(void *arg, vdb_file *file, void *address, size_t size)
{
    below(arg)->unmap(FS, file, address, size);
}

static uint64_t hooked_now(void *arg)
{
    return below(arg)->now(FS);
}

machine *machine_new(bool mapped)
{
    vdb_env_options options = VDB_ENV_OPTIONS_INIT;
    machine *m = calloc(1, sizeof *m);

    assert_non_null(m);
    m->fs = faultfs_new(1);
    faultfs_offer_map(m->fs, mapped);
    m->vfs = (vdb_vfs){.struct_size = sizeof m->vfs,
                       .arg = m,
                       .open = hooked_open,
                       .close = hooked_close,
                       .read = hooked_read,
                       .write = hooked_write,
                       .sync = hooked_sync,
                       .truncate = hooked_truncate,
                       .info = hooked_info,
                       .reserve = hooked_reserve,
                       .lock = hooked_lock,
                       .map = mapped ? hooked_map : NULL,
                       .unmap = mapped ? hooked_unmap : NULL,
                       .exists = hooked_exists,
                       .remove = hooked_remove,
                       .sync_directory = hooked_sync_directory,
                       .resolve = hooked_resolve,
                       .random = hooked_random,
                       .now = hooked_now};
    options.vfs = &m->vfs;
    assert_int_equal(vdb_env_new(&options, &m->env), VDB_OK);
    m->options = (vdb_options)VDB_OPTIONS_INIT;
    m->options.env = m->env;
    m->options.index = VDB_FLAT;
    m->options.threads = 1;
    m->options.log_bytes = 1 << 20;
    m->options.checkpoint_entries = 1000000;
    return m;
}

void machine_free(machine *m)
{
    m->hook = NULL;
    if (m->db)
        vdb_close(m->db);
    vdb_env_free(m->env);
    assert_int_equal(faultfs_open_files(m->fs), 0);
    assert_int_equal(faultfs_misuses(m->fs), 0);
    faultfs_free(m->fs);
    free(m);
}

machine *machine_copy(machine *m)
{
    static const char *const names[] = {MAIN, LOG1, LOG2};
    machine *copy = machine_new(m->vfs.map != NULL);
    vdb_env *env = copy->env;

    for (size_t i = 0; i < 3; i++) {
        content c = content_get(m, names[i]);
        content_put(copy, names[i], &c);
        content_free(&c);
    }
    copy->options = m->options;
    copy->options.env = env;
    return copy;
}

vdb_status machine_try_open(machine *m)
{
    return vdb_open(MAIN, &m->options, &m->db);
}

void machine_open(machine *m)
{
    vdb_status status = machine_try_open(m);

    if (status)
        fail_msg("opening: %s: %s", vdb_status_name(status), vdb_errmsg());
}

void machine_close(machine *m)
{
    vdb_status status = vdb_close(m->db);

    m->db = NULL;
    if (status)
        fail_msg("closing: %s: %s", vdb_status_name(status), vdb_errmsg());
}

void machine_cut(machine *m, unsigned damage, uint64_t seed)
{
    m->hook = NULL;
    faultfs_cut_now(m->fs);
    vdb_close(m->db);
    m->db = NULL;
    faultfs_crash(m->fs, damage, seed);
}

void machine_kill(machine *m)
{
    machine_cut(m, FAULTFS_ALL, 0);
}

/* -------------------------------------------------------------------- files */

content content_get(machine *m, const char *name)
{
    const vdb_vfs *vfs = below(m);
    vdb_file_info info = {.struct_size = sizeof info};
    content c = {NULL, 0, false};
    vdb_file *file;
    size_t got;

    if (vfs->open(m->fs, name, VDB_VFS_READONLY, &file))
        return c;
    assert_int_equal(vfs->info(m->fs, file, &info), 0);
    c.there = true;
    c.size = (size_t)info.size;
    c.bytes = malloc(c.size + 1);
    assert_non_null(c.bytes);
    assert_int_equal(vfs->read(m->fs, file, c.bytes, c.size, 0, &got), 0);
    assert_int_equal(got, c.size);
    vfs->close(m->fs, file);
    return c;
}

void content_put(machine *m, const char *name, const content *c)
{
    const vdb_vfs *vfs = below(m);
    vdb_file *file;

    if (!c->there) {
        vfs->remove(m->fs, name);
        vfs->sync_directory(m->fs, name);
        return;
    }
    assert_int_equal(vfs->open(m->fs, name, VDB_VFS_CREATE, &file), 0);
    assert_int_equal(vfs->truncate(m->fs, file, 0), 0);
    assert_int_equal(vfs->write(m->fs, file, c->bytes, c->size, 0), 0);
    assert_int_equal(vfs->sync(m->fs, file), 0);
    vfs->close(m->fs, file);
    assert_int_equal(vfs->sync_directory(m->fs, name), 0);
}

void content_free(content *c)
{
    free(c->bytes);
    *c = (content){NULL, 0, false};
}

void content_append(content *c, const uint8_t *bytes, size_t size)
{
    c->bytes = realloc(c->bytes, c->size + size);
    assert_non_null(c->bytes);
    memcpy(c->bytes + c->size, bytes, size);
    c->size += size;
    c->there = true;
}

bool content_same(const content *a, const content *b)
{
    return a->there == b->there && a->size == b->size &&
           (!a->size || !memcmp(a->bytes, b->bytes, a->size));
}

uint32_t get32(const uint8_t *b)
{
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

uint64_t get64(const uint8_t *b)
{
    return get32(b) | (uint64_t)get32(b + 4) << 32;
}

static size_t walk_frames(const content *log, size_t wanted, size_t *count)
{
    size_t at = PAGE, n = 0;

    while (n < wanted && at + FRAME_HEADER <= log->size &&
           !memcmp(log->bytes + at, "vFrm", 4)) {
        at += FRAME_HEADER + (get32(log->bytes + at + 56) + 7u) / 8 * 8;
        n++;
    }
    *count = n;
    return at;
}

size_t frame_at(const content *log, size_t i)
{
    size_t count, at = walk_frames(log, i, &count);

    assert_int_equal(count, i);
    return at;
}

size_t frame_count(const content *log)
{
    size_t count;

    walk_frames(log, SIZE_MAX, &count);
    return count;
}

size_t newest_meta(const content *file)
{
    return get64(file->bytes + PAGE + 32) > get64(file->bytes + 32);
}

void flip(machine *m, const char *name, size_t offset)
{
    content c = content_get(m, name);

    assert_true(offset < c.size);
    c.bytes[offset] ^= 0x40;
    content_put(m, name, &c);
    content_free(&c);
}

/* --------------------------------------------------------------------- rows */

const char *row_id(unsigned n, char id[32])
{
    snprintf(id, 32, "row-%u", n);
    return id;
}

void row_vector(unsigned n, int version, float vector[DIM])
{
    for (unsigned i = 0; i < DIM; i++)
        vector[i] = (float)(n * 16 + i) + (float)version / 1024;
}

const char *row_metadata(unsigned n, int version, char json[128])
{
    snprintf(json, 128, "{\"n\": %u, \"v\": %4d, \"even\": \"%s\"}", n, version,
             n % 2 ? "odd" : "even");
    return json;
}

vdb_status try_put(machine *m, unsigned n, int version)
{
    float vector[DIM];
    char id[32], json[128];

    row_vector(n, version, vector);
    return vdb_insert(m->db, row_id(n, id), vector, DIM,
                      row_metadata(n, version, json));
}

void put(machine *m, unsigned n, int version)
{
    vdb_status status = try_put(m, n, version);

    if (status)
        fail_msg("putting row %u: %s: %s", n, vdb_status_name(status), vdb_errmsg());
}

void put_many(machine *m, unsigned first, unsigned count, int version)
{
    for (unsigned n = first; n < first + count; n++)
        put(m, n, version);
}

void drop(machine *m, unsigned n)
{
    char id[32];
    vdb_status status = vdb_delete(m->db, row_id(n, id));

    if (status)
        fail_msg("deleting row %u: %s: %s", n, vdb_status_name(status), vdb_errmsg());
}

void checkpoint(machine *m)
{
    vdb_status status = vdb_checkpoint(m->db, NULL);

    if (status)
        fail_msg("checkpoint: %s: %s", vdb_status_name(status), vdb_errmsg());
}

void expect_held(machine *m, const vdb_snapshot *snapshot, unsigned n, int version)
{
    vdb_op op = VDB_OP_INIT;
    float vector[DIM];
    char id[32], json[128];
    vdb_record *record;
    vdb_status status;

    op.snapshot = snapshot;
    status = vdb_get(m->db, row_id(n, id), &op, &record);
    if (version == ABSENT) {
        if (status != VDB_NOT_FOUND)
            fail_msg("row %u should not be there: %s", n, vdb_status_name(status));
        return;
    }
    if (status)
        fail_msg("reading row %u: %s: %s", n, vdb_status_name(status), vdb_errmsg());
    row_vector(n, version, vector);
    if (memcmp(vdb_record_vector(record, NULL), vector, sizeof vector) != 0 ||
        strcmp(vdb_record_metadata(record, NULL), row_metadata(n, version, json)) != 0)
        fail_msg("row %u is %s, not of version %d", n,
                 vdb_record_metadata(record, NULL), version);
    vdb_record_free(record);
}

void expect(machine *m, unsigned n, int version)
{
    expect_held(m, NULL, n, version);
}

void expect_many(machine *m, unsigned first, unsigned count, int version)
{
    for (unsigned n = first; n < first + count; n++)
        expect(m, n, version);
}

void expect_sound(machine *m, uint64_t rows)
{
    const float zero[DIM] = {0};
    vdb_report *report;
    vdb_results *results;
    uint64_t count;
    vdb_status status = vdb_check(m->db, NULL, &report, NULL);

    if (status)
        fail_msg("vdb_check: %s: %s", vdb_status_name(status), vdb_errmsg());
    vdb_report_free(report);
    assert_int_equal(vdb_count(m->db, NULL, NULL, &count), VDB_OK);
    assert_int_equal(count, rows);
    assert_int_equal(vdb_search(m->db, zero, DIM, 100000, &results), VDB_OK);
    assert_int_equal(vdb_results_count(results), rows);
    vdb_results_free(results);
}

uint64_t count_where(machine *m, const char *text)
{
    vdb_filter *filter;
    uint64_t count;

    assert_int_equal(vdb_filter_parse(m->env, text, strlen(text), &filter), VDB_OK);
    assert_int_equal(vdb_count(m->db, filter, NULL, &count), VDB_OK);
    vdb_filter_free(filter);
    return count;
}

vdb_stats stats_of(machine *m)
{
    vdb_stats stats = VDB_STATS_INIT;

    assert_int_equal(vdb_stats_get(m->db, &stats), VDB_OK);
    return stats;
}

void expect_failed(vdb_status status, vdb_status want, const char *text)
{
    if (status != want || !strstr(vdb_errmsg(), text))
        fail_msg("%s: %s; wanted: %s, a message with '%s'", vdb_status_name(status),
                 status ? vdb_errmsg() : "", vdb_status_name(want), text);
}

int full_main(machine *m, uint32_t kind, const char *name)
{
    (void)m;
    return kind == FAULTFS_WRITE && !strcmp(name, MAIN) ? -ENOSPC : 0;
}

machine *two_logs(void)
{
    machine *m = machine_new(true);

    machine_open(m);
    put_many(m, 0, 3, 1);
    m->hook = full_main;
    expect_failed(vdb_checkpoint(m->db, NULL), VDB_FULL, "");
    put(m, 3, 1);
    return m;
}
