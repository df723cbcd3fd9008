/* fuzz_ops.c: an image with damage, and operations on it, beside a model.
 *
 * Checksums are believed by nobody here: a page whose bytes were changed must be noticed.
 * So whatever the damage, each operation either does what the model says or fails with
 * VDB_CORRUPT and changes nothing.  Once vdb_check() has found nothing, none may fail.
 * What was acknowledged is there after a reopening and after a power cut, or the opening
 * fails. */
#include "fuzz_ops.h"

#include <stdlib.h>
#include <string.h>

#define BACKUP_PATH "copy.vdb"

const harness_base *fuzz_ops_base(bool crashed)
{
    static harness_base bases[2];

    if (!bases[crashed].main.data)
        bases[crashed] = harness_base_make(OPS_ROWS, !crashed);
    return &bases[crashed];
}

bool ops_done(const ops_run *run, vdb_status status)
{
    harness_require_told(status);
    REQUIRE(!status || (status == VDB_CORRUPT && !run->sound));
    return status == VDB_OK;
}

/* ------------------------------------------------------- the state at the start */

/* What commit number `step`, from 1, of harness_base_make() did. */
static void model_commit(oracle *o, uint64_t step)
{
    char id[HARNESS_ID_MAX], json[HARNESS_JSON_MAX];
    float v[HARNESS_DIM];
    unsigned row = (unsigned)(step - 1);

    if (step == OPS_ROWS + 1 || step == OPS_ROWS + 6) {
        oracle_remove(o, harness_row_id(step == OPS_ROWS + 1 ? 1 : OPS_ROWS, id));
        return;
    }
    if (step == OPS_ROWS + 5) {
        oracle_set_metadata(o, harness_row_id(0, id), HARNESS_METADATA_0);
        return;
    }
    if (step > OPS_ROWS)
        row = step == OPS_ROWS + 2 ? 2 : step == OPS_ROWS + 3 ? 3 : OPS_ROWS;
    oracle_put(o, harness_row_id(row, id), harness_row_vector(row, v),
               harness_row_metadata(row, json));
}

enum {
    SAVED = OPS_ROWS + 2, /* commits in the main file */
    LOGGED = SAVED + 4    /* and in the log */
};

/* The sequence tells how many commits were found, and with that what must be there.  A
 * damaged log may end early, as a torn one; a salvage may find an older checkpoint; and a
 * file of zeros no longer than the meta pages is a creation that was not finished, which
 * is done anew. */
static void begin_model(ops_run *run, const uint8_t *data, unsigned log_patches)
{
    bool crashed = data[0] & OPS_CRASHED, salvage = data[0] & OPS_WITHOUT_LOG;
    uint64_t all = crashed ? LOGGED : SAVED;
    vdb_stats stats = VDB_STATS_INIT;

    REQUIRE(vdb_stats_get(run->db, &stats) == VDB_OK);
    REQUIRE(stats.sequence <= all);
    REQUIRE(salvage || stats.sequence >= (log_patches ? SAVED : all) ||
            (run->emptied && stats.sequence == 0));
    REQUIRE(!salvage || !run->sound || stats.sequence >= SAVED);
    oracle_init(&run->now, HARNESS_DIM, stats.metric);
    run->sequence = stats.sequence;
    for (uint64_t step = 1; step <= run->sequence; step++)
        model_commit(&run->now, step);
}

/* A damaged copy of a file; its length. */
static size_t put_damaged(faultfs *fs, const char *name, const harness_bytes *file,
                          patch_reader *r, unsigned patches)
{
    harness_bytes copy = {malloc(file->size), file->size};
    size_t length = file->size;

    REQUIRE(copy.data != NULL);
    memcpy(copy.data, file->data, file->size);
    for (unsigned i = 0; i < patches; i++)
        patch_apply(r, &copy, &length);
    harness_put(fs, name, copy.data, length);
    free(copy.data);
    return length;
}

/* ----------------------------------------------------------- opening and closing */

static vdb_status open_again(ops_run *run, const char *path, uint32_t flags, vdb **db)
{
    vdb_options options = VDB_OPTIONS_INIT;
    vdb_status st;

    options.env = run->env;
    options.flags = flags;
    options.threads = 1;
    st = vdb_open(path, &options, db);
    REQUIRE((st == VDB_OK) == (*db != NULL));
    return st;
}

static void forget_snapshot(ops_run *run)
{
    vdb_snapshot_free(run->snapshot);
    oracle_clear(&run->held);
    run->snapshot = NULL;
}

/* The count and the sequence; and where all can be read, all. */
static void require_state(const ops_run *run)
{
    vdb_stats stats = VDB_STATS_INIT;

    REQUIRE(vdb_stats_get(run->db, &stats) == VDB_OK);
    REQUIRE(stats.sequence == run->sequence && stats.vectors == run->now.count);
    ops_walk(run, false, 0);
}

/* What moves pages does so by commits of its own: 1 when there were some. */
static bool follow_sequence(ops_run *run)
{
    vdb_stats stats = VDB_STATS_INIT;
    bool moved;

    REQUIRE(vdb_stats_get(run->db, &stats) == VDB_OK);
    REQUIRE(stats.sequence >= run->sequence);
    moved = stats.sequence > run->sequence;
    run->sequence = stats.sequence;
    return moved;
}

/* Everything acknowledged is there, or the opening says that the file is damaged. */
static void open_after(ops_run *run)
{
    if (ops_done(run, open_again(run, HARNESS_PATH, run->flags, &run->db)))
        require_state(run);
}

/* Until a salvage has written something, the log that it ignores is as good as before, and
 * the next opening must ignore it as well. */
static void salvage_is_saved(ops_run *run)
{
    if (!run->readonly)
        run->flags &= ~(uint32_t)VDB_OPEN_WITHOUT_LOG;
}

static void reopen(ops_run *run)
{
    forget_snapshot(run);
    /* Closing saves, which damage may prevent: then the logs stay. */
    if (ops_done(run, vdb_close(run->db)))
        salvage_is_saved(run);
    run->db = NULL;
    if (!ops_done(run, open_again(run, HARNESS_PATH, run->flags, &run->db)))
        return;
    follow_sequence(run); /* closing may have moved pages, to cut the file */
    require_state(run);
}

static void power_cut(ops_run *run, unsigned damage, unsigned seed)
{
    faultfs *after = faultfs_after_cut(run->fs, damage % FAULTFS_DAMAGES, seed);

    forget_snapshot(run);
    ops_done(run, vdb_close(run->db)); /* of the machine that is no more */
    run->db = NULL;
    vdb_env_free(run->env);
    faultfs_free(run->fs);
    run->fs = after;
    run->env = harness_environment(after);
    open_after(run);
}

/* ------------------------------------------------------------------------ writing */

/* Whether a write was carried out; a handle for reading must have refused it. */
static bool written(ops_run *run, vdb_status status, bool changes)
{
    if (run->readonly) {
        REQUIRE(status == VDB_READONLY);
        return false;
    }
    if (!ops_done(run, status))
        return false;
    run->sequence += changes;
    if (changes)
        salvage_is_saved(run);
    return true;
}

/* The row with the id of row `id`, the vector of row `vector`, and so on. */
typedef struct row {
    char id[HARNESS_ID_MAX];
    float vector[HARNESS_DIM];
    char json[HARNESS_JSON_MAX];
    const char *metadata;
} row;

static void row_make(row *r, unsigned id, unsigned vector, unsigned metadata)
{
    harness_row_id(id % OPS_IDS, r->id);
    harness_row_vector(vector, r->vector);
    r->metadata = harness_row_metadata(metadata, r->json);
}

static void insert(ops_run *run, const row *r, bool must_be_new)
{
    bool there = oracle_find(&run->now, r->id) != NULL;
    vdb_status st = (must_be_new ? vdb_insert_new : vdb_insert)(
        run->db, r->id, r->vector, HARNESS_DIM, r->metadata);

    if (!run->readonly && st == VDB_EXISTS)
        REQUIRE(must_be_new && there);
    else if (written(run, st, true)) {
        REQUIRE(!must_be_new || !there);
        oracle_put(&run->now, r->id, r->vector, r->metadata);
    }
}

/* Three rows as one commit, or a row, a removal and a row. */
static void write_many(ops_run *run, const uint8_t *op, bool mixed)
{
    row rows[3];
    oracle next;
    vdb_batch *batch;
    vdb_status st = VDB_OK;

    for (unsigned i = 0; i < 3; i++)
        row_make(&rows[i], op[1] + i * op[2], op[2] + i, op[3] + i);
    if (!ops_done(run, vdb_batch_new(run->db, &batch)))
        return;
    oracle_copy(&next, &run->now);
    for (unsigned i = 0; i < 3 && !st; i++) {
        const row *r = &rows[i];
        if (mixed && i == 1) {
            st = vdb_batch_delete(batch, r->id);
            oracle_remove(&next, r->id);
        } else {
            st = vdb_batch_insert(batch, r->id, r->vector, HARNESS_DIM, r->metadata);
            oracle_put(&next, r->id, r->vector, r->metadata);
        }
    }
    if (!st)
        st = vdb_batch_apply(batch, NULL);
    vdb_batch_free(batch);
    if (!run->readonly && st == VDB_NOT_FOUND)
        REQUIRE(mixed && !oracle_find(&run->now, rows[1].id) &&
                strcmp(rows[0].id, rows[1].id) != 0);
    else if (written(run, st, true)) {
        oracle_clear(&run->now);
        run->now = next;
        return;
    }
    oracle_clear(&next);
}

static void change_or_remove(ops_run *run, const row *r, bool removal)
{
    bool there = oracle_find(&run->now, r->id) != NULL;
    vdb_status st = removal ? vdb_delete(run->db, r->id)
                            : vdb_set_metadata(run->db, r->id, r->metadata);

    if (!run->readonly && st == VDB_NOT_FOUND)
        REQUIRE(!there);
    else if (written(run, st, true)) {
        REQUIRE(there);
        if (removal)
            oracle_remove(&run->now, r->id);
        else
            oracle_set_metadata(&run->now, r->id, r->metadata);
    }
}

static void delete_where(ops_run *run, unsigned which)
{
    uint64_t deleted = 0, passing = 0;
    vdb_filter *filter;
    json_t *tree;
    vdb_status st;

    ops_filter(run, which, &filter, &tree);
    for (size_t i = 0; i < run->now.count; i++)
        passing += (uint64_t)oracle_passes(tree, &run->now.entries[i]);
    st = filter ? vdb_delete_where(run->db, filter, NULL, &deleted) : VDB_OK;
    if (filter && written(run, st, passing > 0)) {
        REQUIRE(deleted == passing);
        for (size_t i = run->now.count; i-- > 0;)
            if (oracle_passes(tree, &run->now.entries[i]))
                oracle_remove(&run->now, run->now.entries[i].id);
    }
    vdb_filter_free(filter);
    json_decref(tree);
}

/* ------------------------------------------------------------------- maintenance */

static void check(ops_run *run)
{
    vdb_report *report;

    if (ops_done(run, vdb_check(run->db, NULL, &report, NULL))) {
        REQUIRE(vdb_report_count(report) == 0);
        run->sound = true;
    }
    vdb_report_free(report);
}

/* What is there to be called and says that it is not made yet. */
static bool made(ops_run *run, vdb_status status, bool writes)
{
    if (status == VDB_UNSUPPORTED ||
        (writes && status == VDB_READONLY && run->readonly)) {
        harness_require_told(status);
        return false;
    }
    return ops_done(run, status);
}

/* Compaction moves what is stored by commits of its own, also one that fails half way. */
static void compact(ops_run *run)
{
    made(run, vdb_compact(run->db, NULL), true);
    if (follow_sequence(run))
        salvage_is_saved(run);
}

static void backup(ops_run *run)
{
    const vdb_vfs *vfs = faultfs_vfs(run->fs);
    ops_run copy = *run;

    if (made(run, vdb_backup(run->db, BACKUP_PATH, NULL), false)) {
        copy.snapshot = NULL;
        copy.readonly = false;
        copy.sound = true; /* all that it read was sound */
        REQUIRE(open_again(run, BACKUP_PATH, VDB_OPEN_MUST_EXIST, &copy.db) == VDB_OK);
        REQUIRE(ops_walk(&copy, false, 0));
        check(&copy);
        REQUIRE(vdb_close(copy.db) == VDB_OK);
    }
    for (unsigned i = 0; i < 3; i++) {
        static const char *const names[] = {BACKUP_PATH, BACKUP_PATH "-wal1",
                                            BACKUP_PATH "-wal2"};
        if (vfs->exists(vfs->arg, names[i]) == 0)
            REQUIRE(vfs->remove(vfs->arg, names[i]) == 0);
        /* Else a power cut may bring it back. */
        REQUIRE(vfs->sync_directory(vfs->arg, names[i]) == 0);
    }
}

/* -------------------------------------------------------------------- the script */

static void write_op(ops_run *run, const uint8_t *op)
{
    row r;

    row_make(&r, op[1], op[2], op[3]);
    switch (op[0] % OPS_KINDS) {
    case OPS_INSERT:
    case OPS_INSERT_NEW:
        insert(run, &r, op[0] % OPS_KINDS == OPS_INSERT_NEW);
        break;
    case OPS_SET_METADATA:
    case OPS_DELETE:
        change_or_remove(run, &r, op[0] % OPS_KINDS == OPS_DELETE);
        break;
    case OPS_DELETE_WHERE:
        delete_where(run, op[1]);
        break;
    default:
        write_many(run, op, op[0] % OPS_KINDS == OPS_BATCH);
    }
}

static void read_op(ops_run *run, const uint8_t *op)
{
    bool held = op[3] & 0x80;
    char id[HARNESS_ID_MAX];

    switch (op[0] % OPS_KINDS) {
    case OPS_GET:
        ops_get(run, held, harness_row_id(op[1] % OPS_IDS, id));
        break;
    case OPS_COUNT:
        ops_count(run, held, op[1]);
        break;
    case OPS_SEARCH:
        ops_search(run, held, op[1], op[2] % 40u + 1, op[3]);
        break;
    default:
        ops_walk(run, held, op[1]);
    }
}

static void maintain_op(ops_run *run, const uint8_t *op)
{
    switch (op[0] % OPS_KINDS) {
    case OPS_SNAPSHOT:
        forget_snapshot(run);
        if (ops_done(run, vdb_snapshot_new(run->db, &run->snapshot)))
            oracle_copy(&run->held, &run->now);
        break;
    case OPS_SNAPSHOT_FREE:
        forget_snapshot(run);
        break;
    case OPS_CHECKPOINT:
        made(run, vdb_checkpoint(run->db, NULL), true);
        break;
    case OPS_COMPACT:
        compact(run);
        break;
    case OPS_BACKUP:
        backup(run);
        break;
    case OPS_CHECK:
        check(run);
        break;
    case OPS_REOPEN:
        reopen(run);
        break;
    default:
        power_cut(run, op[1], op[2]);
    }
}

static void play(ops_run *run, patch_reader *r)
{
    for (int i = 0; i < OPS_MAX && r->left >= OPS_BYTES && run->db; i++) {
        const uint8_t *op = r->data;
        unsigned kind = op[0] % OPS_KINDS;
        r->data += OPS_BYTES;
        r->left -= OPS_BYTES;
        if (kind <= OPS_BATCH)
            write_op(run, op);
        else if (kind <= OPS_WALK)
            read_op(run, op);
        else
            maintain_op(run, op);
    }
}

static void end(ops_run *run)
{
    static const char *const names[] = {HARNESS_PATH, HARNESS_PATH "-wal1",
                                        HARNESS_PATH "-wal2"};

    if (run->db) {
        require_state(run);
        reopen(run);
        if (run->db)
            ops_done(run, vdb_close(run->db));
    }
    forget_snapshot(run);
    oracle_clear(&run->now);
    for (int i = 0; i < 3; i++)
        REQUIRE(harness_file_size(run->fs, names[i]) <= HARNESS_FILE_MAX);
    REQUIRE(faultfs_open_files(run->fs) == 0 && faultfs_mapped(run->fs) == 0);
    REQUIRE(faultfs_misuses(run->fs) == 0);
    vdb_env_free(run->env);
    faultfs_free(run->fs);
    harness_require_no_leak();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ops_run run = {0};
    const harness_base *base;
    patch_reader r;
    vdb_status st;

    if (size < OPS_PREFIX)
        return 0;
    r = (patch_reader){data + OPS_PREFIX, size - OPS_PREFIX};
    base = fuzz_ops_base((data[0] & OPS_CRASHED) != 0);
    run.fs = faultfs_new(4);
    faultfs_offer_map(run.fs, (data[0] & OPS_MAP) != 0);
    run.emptied = put_damaged(run.fs, HARNESS_PATH, &base->main, &r, data[1] & 15u) <=
                  2 * PATCH_PAGE;
    if (base->log.size)
        put_damaged(run.fs, HARNESS_PATH "-wal1", &base->log, &r, data[1] >> 4);
    run.env = harness_environment(run.fs);
    run.sound = data[1] == 0;
    run.readonly = data[0] & OPS_READONLY;
    run.flags = (run.readonly ? VDB_OPEN_READONLY : 0u) |
                (data[0] & OPS_WITHOUT_LOG ? VDB_OPEN_WITHOUT_LOG : 0u);
    st = open_again(&run, HARNESS_PATH, run.flags, &run.db);
    if (st == VDB_NOT_FOUND) /* by a handle that only reads, and does not create */
        REQUIRE(run.emptied && run.readonly);
    else if (st == VDB_UNSUPPORTED) /* both meta pages may be a newer version's */
        REQUIRE(!run.sound);
    else if (ops_done(&run, st)) {
        begin_model(&run, data, base->log.size ? data[1] >> 4 : 0);
        play(&run, &r);
    }
    end(&run);
    return 0;
}
