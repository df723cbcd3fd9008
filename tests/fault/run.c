/* run.c: the steps of a scenario and the rules for their answers.
 *
 * The rules, in judge(): success is success; behind a cut anything may fail; the
 * first failure that an armed fault explains is excused, if its status is one that
 * fault may have.  Then the handle is either poisoned, refuses writes and still
 * reads right, or nothing has changed and the same step must now succeed. */
#include "run_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALSO(status) (1u << (status))

void run_fail(run *r, const char *format, ...)
{
    va_list arguments;

    r->ended = true;
    if (r->failure[0])
        return;
    va_start(arguments, format);
    vsnprintf(r->failure, sizeof r->failure, format, arguments);
    va_end(arguments);
}

/* ------------------------------------------------------------------ judging */

static bool fault_fired(const run *r)
{
    return (r->mode == RUN_IO && faultfs_fired(r->fs)) ||
           (r->mode == RUN_MEMORY && faultmem_fired(r->memory));
}

static bool status_fits(const run *r, vdb_status status)
{
    if (r->mode == RUN_MEMORY)
        return status == VDB_NOMEM;
    if (status == VDB_BUSY)
        return faultfs_fired_kind(r->fs) == FAULTFS_LOCK;
    if (status == VDB_FULL && faultfs_fired_kind(r->fs) == FAULTFS_TRUNCATE)
        return true; /* what could not be cut is still in the way */
    return status == (r->full ? VDB_FULL : VDB_IO) || status == VDB_POISONED;
}

static bool is_poisoned(run *r)
{
    vdb_stats stats = VDB_STATS_INIT;

    return r->db && !vdb_stats_get(r->db, &stats) && stats.poisoned;
}

/* The first failure that a fault explains is forgiven, and the fault is over. */
bool run_excuse(run *r, vdb_status status)
{
    if (r->excused || !fault_fired(r) || !status_fits(r, status))
        return false;
    r->excused = true;
    /* The room comes back with a later checkpoint, which the script does not have. */
    r->ended = status == VDB_FULL && !r->full && r->mode == RUN_IO;
    faultfs_disarm(r->fs);
    faultmem_heal(r->memory);
    return true;
}

static bool check_content(run *r, const char *when)
{
    oracle_row rows[ORACLE_ROWS];
    const char *why;
    vdb_status status;

    do {
        status = oracle_read(r->db, NULL, r->oracle.dim, rows, &why);
    } while (status && run_excuse(r, status));
    if (status && faultfs_is_cut(r->fs)) {
        r->ended = true;
        return false;
    }
    if (status || why) {
        run_fail(r, "reading %s: %s: %s", when, vdb_status_name(status),
                 why ? why : vdb_errmsg());
        return false;
    }
    if (!oracle_same(oracle_sum(rows), oracle_sum(r->oracle.rows))) {
        run_fail(r, "%s: %zu rows are there, %zu should be, or others", when,
                 oracle_sum(rows).count, oracle_sum(r->oracle.rows).count);
        return false;
    }
    return true;
}

/* A poisoned handle refuses every write with the same answer and reads on. */
static void check_poisoned(run *r)
{
    float vector[ORACLE_DIM_MAX];
    vdb_status status;

    r->poisoned = true;
    oracle_vector(ORACLE_EXTRA, 1, vector, r->oracle.dim);
    for (int i = 0; i < 2; i++) {
        status = vdb_insert(r->db, "id-never", vector, r->oracle.dim, NULL);
        if (status != VDB_POISONED)
            run_fail(r, "a poisoned handle answered %s to an insert",
                     vdb_status_name(status));
    }
    status = vdb_checkpoint(r->db, NULL);
    if (status != VDB_POISONED)
        run_fail(r, "a poisoned handle answered %s to a checkpoint",
                 vdb_status_name(status));
    check_content(r, "when poisoned");
    r->ended = true;
}

outcome run_judge(run *r, vdb_status status, const char *what, unsigned allowed)
{
    if (faultfs_is_cut(r->fs) && status) {
        r->ended = true;
        return STOP;
    }
    if (!status || (allowed & ALSO(status)))
        return DONE;
    if (!vdb_errmsg()[0])
        run_fail(r, "%s: %s without a message", what, vdb_status_name(status));
    if (!run_excuse(r, status)) {
        run_fail(r, "%s: %s: %s", what, vdb_status_name(status), vdb_errmsg());
        return STOP;
    }
    if (is_poisoned(r)) {
        check_poisoned(r);
        return STOP;
    }
    if (status == VDB_POISONED && r->db) {
        run_fail(r, "%s: VDB_POISONED, but the statistics deny it", what);
        return STOP;
    }
    if (r->db && !check_content(r, "after a failed call"))
        return STOP;
    if (r->stops) {
        r->ended = true;
        return STOP;
    }
    return AGAIN;
}

/* The answer to a commit that was begun in the oracle. */
static outcome finish(run *r, vdb_status status, const char *what, unsigned allowed)
{
    outcome result;

    if (!status) {
        oracle_commit(&r->oracle);
        return DONE;
    }
    result = run_judge(r, status, what, allowed);
    if (result == STOP && (faultfs_is_cut(r->fs) || r->poisoned))
        oracle_pend(&r->oracle);
    return result;
}

/* -------------------------------------------------------- opening and closing */

vdb_options run_options(const scenario *script, unsigned access, vdb_env *env)
{
    vdb_options options = VDB_OPTIONS_INIT;

    options.env = env;
    options.dimension = (uint32_t)script->dim;
    options.index = VDB_FLAT;
    options.durability = script->durability;
    options.threads = 1;
    options.log_bytes = 1 << 20;
    options.checkpoint_entries = script->checkpoint_entries;
    if (access == ACCESS_NO_MMAP)
        options.flags |= VDB_OPEN_NO_MMAP;
    return options;
}

/* The content of a database just opened must be one of the allowed states. */
static bool adopt_content(run *r)
{
    oracle_row rows[ORACLE_ROWS];
    const char *why;
    vdb_status status;
    size_t state;

    /* A fault may strike while this reads: once more, then.  (To judge it would be to
     * compare with the model, which is what this reading is for.) */
    do {
        status = oracle_read(r->db, NULL, r->oracle.dim, rows, &why);
    } while (status && !why && run_excuse(r, status));
    if (status && run_judge(r, status, "reading", 0) != DONE)
        return false;
    if (status || r->ended)
        return false;
    if (why) {
        run_fail(r, "after opening: %s", why);
        return false;
    }
    state = oracle_find_allowed(&r->oracle, rows);
    if (state == r->oracle.count) {
        run_fail(r, "after opening: %zu rows, which was no state from %zu to %zu",
                 oracle_sum(rows).count, r->oracle.acked, r->oracle.count - 1);
        return false;
    }
    oracle_adopt(&r->oracle, state, rows);
    return true;
}

bool step_open(run *r)
{
    vdb_options options;
    outcome result;

    if (r->ended)
        return false;
    options = run_options(r->scenario, r->access, r->env);
    if (r->oracle.created)
        options.flags |= VDB_OPEN_MUST_EXIST;
    do {
        vdb_status status = vdb_open(SCENARIO_PATH, &options, &r->db);
        if (status && r->db) {
            run_fail(r, "vdb_open failed and gave out a handle");
            return false;
        }
        /* What the failed opening poisoned is gone with it. */
        result = run_judge(r, status, "vdb_open", 0);
    } while (result == AGAIN);
    if (result == STOP)
        return false;
    r->oracle.created = true;
    /* The model's own rows count as the model only once they have been seen. */
    return adopt_content(r) && run_adopt_graph(r);
}

static void release_snapshot(run *r)
{
    vdb_snapshot_free(r->snapshot);
    r->snapshot = NULL;
}

bool step_close(run *r)
{
    vdb_status status;

    if (r->ended)
        return false;
    release_snapshot(r);
    status = vdb_close(r->db);
    r->db = NULL;
    if (run_judge(r, status, "vdb_close", 0) == STOP)
        return false;
    if (!status)
        oracle_all_durable(&r->oracle);
    return true;
}

bool step_close_short(run *r, uint64_t most)
{
    uint64_t size;

    if (!step_close(r))
        return false;
    size = faultfs_used(r->fs);
    /* What goes wrong with it is no reason not to close. */
    if (!fault_fired(r) && size > most)
        run_fail(r, "closed, the files have %llu bytes, more than %llu",
                 (unsigned long long)size, (unsigned long long)most);
    return !r->ended;
}

bool step_crash(run *r, unsigned damage, uint64_t seed)
{
    /* The power may have gone in a call whose failure nobody is told, a log's cut. */
    r->ended |= faultfs_is_cut(r->fs);
    if (r->ended)
        return false;
    release_snapshot(r);
    faultfs_cut_now(r->fs);
    vdb_close(r->db);
    r->db = NULL;
    if (faultfs_open_files(r->fs) || faultfs_mapped(r->fs)) {
        run_fail(r, "vdb_close on a dead disk left files open or mapped");
        return false;
    }
    faultfs_crash(r->fs, damage, seed);
    return step_open(r);
}

/* ------------------------------------------------------------------- commits */

bool step_insert(run *r, unsigned n, unsigned version)
{
    float vector[ORACLE_DIM_MAX];
    char id[ORACLE_ID_SIZE], json[ORACLE_JSON_SIZE];
    outcome result = AGAIN;

    oracle_vector(n, version, vector, r->oracle.dim);
    while (!r->ended && result == AGAIN) {
        oracle_begin(&r->oracle);
        oracle_put(&r->oracle, n, version);
        result = finish(r,
                        vdb_insert(r->db, oracle_id(n, id), vector, r->oracle.dim,
                                   oracle_metadata(n, version, json)),
                        "vdb_insert", 0);
    }
    return !r->ended;
}

bool step_insert_many(run *r, unsigned first, unsigned count, unsigned version)
{
    for (unsigned n = first; n < first + count; n++)
        if (!step_insert(r, n, version))
            return false;
    return !r->ended;
}

bool step_set_metadata(run *r, unsigned n, unsigned version)
{
    char id[ORACLE_ID_SIZE], json[ORACLE_JSON_SIZE];
    outcome result = AGAIN;

    while (!r->ended && result == AGAIN) {
        oracle_begin(&r->oracle);
        oracle_set_metadata(&r->oracle, n, version);
        result = finish(r,
                        vdb_set_metadata(r->db, oracle_id(n, id),
                                         oracle_metadata(n, version, json)),
                        "vdb_set_metadata", 0);
    }
    return !r->ended;
}

bool step_delete(run *r, unsigned n)
{
    char id[ORACLE_ID_SIZE];
    outcome result = AGAIN;

    while (!r->ended && result == AGAIN) {
        oracle_begin(&r->oracle);
        oracle_delete(&r->oracle, n);
        result = finish(r, vdb_delete(r->db, oracle_id(n, id)), "vdb_delete", 0);
    }
    return !r->ended;
}

bool step_delete_kind(run *r, int kind)
{
    outcome result = AGAIN;
    char text[100];

    snprintf(text, sizeof text,
             "{\"op\": \"eq\", \"field\": \"kind\", \"value\": \"k%d\"}", kind);
    while (!r->ended && result == AGAIN) {
        vdb_filter *filter;
        uint64_t deleted = 0;
        size_t want;
        vdb_status status = vdb_filter_parse(r->env, text, strlen(text), &filter);

        if (status) {
            result = run_judge(r, status, "vdb_filter_parse", 0);
            continue;
        }
        oracle_begin(&r->oracle);
        want = oracle_delete_kind(&r->oracle, kind);
        status = vdb_delete_where(r->db, filter, NULL, &deleted);
        vdb_filter_free(filter);
        if (!status && deleted != want)
            run_fail(r, "vdb_delete_where removed %zu, not %zu", (size_t)deleted, want);
        result = finish(r, status, "vdb_delete_where", 0);
    }
    return !r->ended;
}

/* Rows in the shape that vdb_put() takes. */
typedef struct row_block {
    vdb_rows rows;
    const char **ids;
    const char **metadata;
    float *vectors;
    char *text;
} row_block;

static void *need(size_t size)
{
    void *memory = calloc(1, size);

    if (!memory)
        exit(2);
    return memory;
}

static row_block make_rows(size_t dim, unsigned first, unsigned count, unsigned version)
{
    const size_t text_size = ORACLE_ID_SIZE + ORACLE_JSON_SIZE;
    row_block block = {VDB_ROWS_INIT, need(count * sizeof(char *)),
                       need(count * sizeof(char *)), need(count * dim * sizeof(float)),
                       need(count * text_size)};

    for (unsigned i = 0; i < count; i++) {
        char *text = block.text + i * text_size;
        block.ids[i] = oracle_id(first + i, text);
        block.metadata[i] = oracle_metadata(first + i, version, text + ORACLE_ID_SIZE);
        oracle_vector(first + i, version, block.vectors + i * dim, dim);
    }
    block.rows.count = count;
    block.rows.dim = dim;
    block.rows.ids = block.ids;
    block.rows.metadata = block.metadata;
    block.rows.vectors = block.vectors;
    block.rows.type = VDB_F32;
    return block;
}

static void free_rows(row_block *block)
{
    free(block->ids);
    free(block->metadata);
    free(block->vectors);
    free(block->text);
}

static void put_in_model(run *r, unsigned first, unsigned count, unsigned version)
{
    oracle_begin(&r->oracle);
    for (unsigned n = first; n < first + count; n++)
        oracle_put(&r->oracle, n, version);
}

bool step_put(run *r, unsigned first, unsigned count, unsigned version)
{
    row_block block = make_rows(r->oracle.dim, first, count, version);
    outcome result = AGAIN;

    while (!r->ended && result == AGAIN) {
        put_in_model(r, first, count, version);
        result = finish(r, vdb_put(r->db, &block.rows, NULL, NULL), "vdb_put", 0);
    }
    free_rows(&block);
    return !r->ended;
}

/* Fill a batch and apply it; what fails, fails as a whole. */
static vdb_status apply_batch(run *r, const vdb_rows *rows, unsigned gone)
{
    char id[ORACLE_ID_SIZE];
    vdb_batch *batch;
    vdb_status status = vdb_batch_new(r->db, &batch);

    if (status)
        return status;
    status = vdb_batch_put(batch, rows, NULL);
    if (!status)
        status = vdb_batch_delete(batch, oracle_id(gone, id));
    if (!status)
        status = vdb_batch_apply(batch, NULL);
    vdb_batch_free(batch);
    return status;
}

bool step_batch(run *r, unsigned first, unsigned count, unsigned version, unsigned gone)
{
    row_block block = make_rows(r->oracle.dim, first, count, version);
    outcome result = AGAIN;

    while (!r->ended && result == AGAIN) {
        put_in_model(r, first, count, version);
        oracle_delete(&r->oracle, gone);
        result = finish(r, apply_batch(r, &block.rows, gone), "vdb_batch_apply", 0);
    }
    free_rows(&block);
    return !r->ended;
}

/* A request that must be answered so, and must leave everything as it was. */
static bool refused_as(run *r, vdb_status status, vdb_status want, const char *what)
{
    outcome result;

    if (!status) {
        run_fail(r, "%s should have been %s", what, vdb_status_name(want));
        return false;
    }
    oracle_begin(&r->oracle);
    result = finish(r, status, what, ALSO(want));
    return result != STOP && !r->ended;
}

bool step_refused(run *r, unsigned missing, unsigned present)
{
    float vector[ORACLE_DIM_MAX];
    char id[ORACLE_ID_SIZE];
    row_block block;

    if (r->ended)
        return false;
    oracle_vector(present, 9, vector, r->oracle.dim);
    if (!refused_as(r, vdb_delete(r->db, oracle_id(missing, id)), VDB_NOT_FOUND,
                    "deleting what is not there") ||
        !refused_as(
            r,
            vdb_insert_new(r->db, oracle_id(present, id), vector, r->oracle.dim, NULL),
            VDB_EXISTS, "inserting anew what is there") ||
        !refused_as(
            r,
            vdb_insert(r->db, oracle_id(present, id), vector, r->oracle.dim + 1, NULL),
            VDB_INVALID, "another dimension") ||
        !refused_as(r, vdb_set_metadata(r->db, oracle_id(missing, id), "{}"),
                    VDB_NOT_FOUND, "metadata of what is not there") ||
        !refused_as(r,
                    vdb_insert(r->db, oracle_id(missing, id), vector, r->oracle.dim,
                               "{\"a\": }"),
                    VDB_INVALID, "metadata that is no JSON"))
        return false;
    block = make_rows(r->oracle.dim, present > 2 ? present - 2 : 0, 5, 9);
    refused_as(r, apply_batch(r, &block.rows, missing), VDB_NOT_FOUND,
               "a batch with one bad item");
    block.rows.flags = VDB_ROWS_NEW;
    if (!r->ended)
        refused_as(r, vdb_put(r->db, &block.rows, NULL, NULL), VDB_EXISTS,
                   "new rows of which one is there");
    free_rows(&block);
    return !r->ended && step_compare(r);
}

/* ------------------------------------------------- checkpoints and snapshots */

static void note_checkpoint(run *r)
{
    oracle_all_durable(&r->oracle);
    synthetic_settled(&r->graph, r->db, r->graph_save);
    r->graph_save = 0;
}

bool step_checkpoint(run *r)
{
    outcome result = AGAIN;

    while (!r->ended && result == AGAIN) {
        vdb_status status = vdb_checkpoint(r->db, NULL);
        result = run_judge(r, status, "vdb_checkpoint", 0);
        if (!status)
            note_checkpoint(r);
    }
    return !r->ended;
}

bool step_compact(run *r, uint64_t most)
{
    vdb_stats stats = VDB_STATS_INIT;
    outcome result = AGAIN;

    if (!r->ended)
        synthetic_allow(&r->graph, 0); /* a graph that is in the way is dropped */
    while (!r->ended && result == AGAIN) {
        vdb_status status = vdb_compact(r->db, NULL);
        /* Its commits are like any other's, though they change no row. */
        result = run_judge(r, status, "vdb_compact", 0);
        if (!status)
            note_checkpoint(r);
    }
    /* A fault that does no harm, a log that is not cut, may leave places held. */
    if (!r->ended && !fault_fired(r) && !vdb_stats_get(r->db, &stats) && most &&
        stats.file_bytes > most)
        run_fail(r, "compacted, the file has %zu bytes, more than %zu",
                 (size_t)stats.file_bytes, (size_t)most);
    return !r->ended && check_content(r, "after a compaction");
}

bool step_failing_checkpoint(run *r, unsigned k)
{
    uint64_t fired = faultfs_fired(r->fs);
    vdb_status status;

    /* Under an I/O campaign there is only one fault, and it is the campaign's. */
    if (r->ended || r->mode == RUN_IO)
        return step_checkpoint(r);
    faultfs_arm(r->fs, FAULTFS_WRITE, k, ENOSPC, false);
    status = vdb_checkpoint(r->db, NULL);
    faultfs_disarm(r->fs);
    /* It may do without a graph that waits to be saved. */
    if (faultfs_fired(r->fs) > fired && !status &&
        r->graph_save <= vdbi_graph_save_number(r->db->store))
        run_fail(r, "a checkpoint whose write %u failed says it has succeeded", k);
    if (run_judge(r, status, "vdb_checkpoint", ALSO(VDB_FULL)) == STOP)
        return false;
    if (!status)
        note_checkpoint(r);
    /* After a refused allocation the k-th write may be the meta page's, whose failure
     * poisons: the script cannot go on. */
    if (is_poisoned(r) && r->excused)
        r->ended = true;
    else if (is_poisoned(r))
        run_fail(r, "a checkpoint without space has poisoned the handle");
    return !r->ended && check_content(r, "after a failed checkpoint");
}

/* A backup that failed on a machine that goes on has left nothing: only one call failed,
 * so it was not the one that removes. */
static void check_no_copy(run *r, const char *name)
{
    const vdb_vfs *vfs = faultfs_vfs(r->fs);

    if (is_poisoned(r))
        run_fail(r, "a backup that failed has poisoned its source");
    if (faultfs_fired(r->fs) < 2 && vfs->exists(vfs->arg, name) == 0)
        run_fail(r, "a backup that failed has left %s", name);
}

bool step_backup(run *r)
{
    outcome result = AGAIN;

    while (!r->ended && result == AGAIN && r->copy_count < RUN_COPIES) {
        run_copy *c = &r->copies[r->copy_count++];
        vdb_op op = VDB_OP_INIT;
        vdb_status status;
        snprintf(c->name, sizeof c->name, "copy%zu.vdb", r->copy_count);
        c->state = oracle_sum(r->snapshot ? r->held : r->oracle.rows);
        op.snapshot = r->snapshot;
        status = vdb_backup(r->db, c->name, &op);
        c->done = !status;
        result = run_judge(r, status, "vdb_backup", 0);
        if (status && !faultfs_is_cut(r->fs))
            check_no_copy(r, c->name);
    }
    return !r->ended;
}

bool step_snapshot(run *r)
{
    outcome result = AGAIN;

    while (!r->ended && result == AGAIN)
        result =
            run_judge(r, vdb_snapshot_new(r->db, &r->snapshot), "vdb_snapshot_new", 0);
    memcpy(r->held, r->oracle.rows, sizeof r->held);
    return !r->ended;
}

bool step_check_snapshot(run *r)
{
    oracle_row rows[ORACLE_ROWS];
    const char *why = NULL;
    outcome result = AGAIN;

    while (!r->ended && result == AGAIN)
        result =
            run_judge(r, oracle_read(r->db, r->snapshot, r->oracle.dim, rows, &why),
                      "reading a snapshot", 0);
    if (r->ended)
        return false;
    if (why || !oracle_same(oracle_sum(rows), oracle_sum(r->held)))
        run_fail(r, "a snapshot has changed: %s", why ? why : "other rows");
    return !r->ended;
}

bool step_release_snapshot(run *r)
{
    release_snapshot(r);
    return !r->ended;
}

/* Only where no fault waits: under a campaign its own verification does this. */
bool step_compare(run *r)
{
    const char *why;

    if (r->ended || r->mode != RUN_PLAIN)
        return !r->ended;
    if (!check_content(r, "in the script"))
        return false;
    why = oracle_compare(r->db, r->oracle.rows, r->oracle.dim);
    if (why)
        run_fail(r, "in the script: %s", why);
    return !r->ended;
}

bool step_fill(run *r, unsigned first, unsigned version, unsigned *end)
{
    float vector[ORACLE_DIM_MAX];
    char id[ORACLE_ID_SIZE], json[ORACLE_JSON_SIZE];
    vdb_status status = VDB_OK;
    unsigned n = first;

    while (!r->ended && n < ORACLE_EXTRA) {
        oracle_vector(n, version, vector, r->oracle.dim);
        oracle_begin(&r->oracle);
        oracle_put(&r->oracle, n, version);
        status = vdb_insert(r->db, oracle_id(n, id), vector, r->oracle.dim,
                            oracle_metadata(n, version, json));
        if (finish(r, status, "vdb_insert", ALSO(VDB_FULL)) == STOP)
            return false;
        if (status == VDB_FULL && !is_poisoned(r))
            break;
        n += !status;
    }
    *end = n;
    if (!r->ended && n == ORACLE_EXTRA)
        run_fail(r, "the disk never was full");
    return !r->ended && check_content(r, "on a full disk");
}

/* ------------------------------------------------------------------ the whole */

run *run_new(const scenario *script, int mode, unsigned access, uint64_t seed)
{
    run *r = need(sizeof *r);

    r->scenario = script;
    r->mode = mode;
    r->access = access;
    r->fs = faultfs_new(seed);
    faultfs_offer_map(r->fs, access != ACCESS_READ);
    r->memory = faultmem_new();
    oracle_init(&r->oracle, script->dim, script->durability == VDB_FULL_SYNC);
    return r;
}

static void look_for_leaks(run *r)
{
    size_t size;

    if (faultfs_open_files(r->fs) || faultfs_mapped(r->fs))
        run_fail(r, "%zu files open and %zu mapped after vdb_close",
                 faultfs_open_files(r->fs), faultfs_mapped(r->fs));
    if (faultfs_misuses(r->fs))
        run_fail(r, "the contract of the file system was broken");
    if (faultmem_blocks(r->memory)) {
        uint64_t number = faultmem_oldest(r->memory, &size);
        run_fail(r, "%zu blocks leak, the oldest is allocation %zu of %zu bytes",
                 (size_t)faultmem_blocks(r->memory), (size_t)number, size);
    }
    if (faultmem_misuses(r->memory))
        run_fail(r, "memory was released wrongly or written beyond its end");
}

static void play_in_env(run *r, void (*play)(run *r))
{
    vdb_env_options options = VDB_ENV_OPTIONS_INIT;
    outcome result = AGAIN;

    options.vfs = faultfs_vfs(r->fs);
    options.allocator = faultmem_allocator(r->memory);
    while (!r->ended && result == AGAIN)
        result = run_judge(r, vdb_env_new(&options, &r->env), "vdb_env_new", 0);
    if (!r->ended)
        play(r);
    faultfs_disarm(r->fs);
    faultmem_heal(r->memory);
    release_snapshot(r);
    if (r->db)
        vdb_close(r->db);
    r->db = NULL;
    vdb_env_free(r->env);
    r->env = NULL;
    look_for_leaks(r);
    faultfs_set_capacity(r->fs, 0);
}

void run_play(run *r)
{
    play_in_env(r, r->scenario->play);
}

/* The handle is closed by a machine that has lost its power, so that closing cannot
 * save what the insert should have saved. */
static void write_on(run *r)
{
    if (step_open(r) && step_insert(r, ORACLE_EXTRA - 1, 5))
        faultfs_cut_now(r->fs);
}

void run_continue(run *r)
{
    play_in_env(r, write_on);
}

void run_free(run *r)
{
    if (!r)
        return;
    faultfs_free(r->fs);
    faultmem_free(r->memory);
    free(r);
}
