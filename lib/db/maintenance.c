/* maintenance.c: when checkpoints are made, and by whom; the background thread.
 *
 * With threads = 1 the committing thread makes them after its commit has been answered;
 * otherwise the background thread does.  Either way commits go on meanwhile, but for the
 * moments at which the log is turned over and the old one recycled.
 */
#include <stdio.h>

#include "base/error.h"
#include "db/db.h"
#include "store/graph_pages.h"

static const uint64_t second = 1000000000;

/* (turn) After a checkpoint: let the newest version name by place what is on disk now. */
static void settle_newest(vdb *db, vdbi_version *fresh)
{
    vdbi_image settled;

    vdbi_image_settle(&db->newest->image, &settled);
    vdbi_version_publish(db, fresh, &settled);
}

static uint64_t now(const vdb *db)
{
    return db->env->vfs.now(db->env->vfs.arg);
}

/* `begun`: what it belongs to. */
static vdb_status checkpoint(vdb *db, int how, uint64_t begun)
{
    vdbi_version *fresh = vdbi_calloc(&db->env->memory, 1, sizeof *fresh);
    vdb_status st = fresh ? VDB_OK : VDB_NOMEM;

    if (st)
        return st;
    vdbi_turn_take(db);
    st = vdbi_checkpoint_begin(db->store, &db->newest->image);
    atomic_store(&db->entries, 0);
    atomic_store(&db->log_size, vdbi_store_log_size(db->store));
    vdbi_turn_give(db);
    if (!st)
        st = vdbi_checkpoint_run(db->store, how);
    vdbi_turn_take(db);
    if (!st) {
        settle_newest(db, fresh);
        fresh = NULL;
    }
    vdbi_checkpoint_end(db->store, vdbi_version_oldest(db));
    atomic_store(&db->dirty_left, vdbi_pager_dirty_bytes(db->pager));
    atomic_store(&db->log_left, st ? vdbi_store_log_size(db->store) : 0);
    vdbi_graph_tell(db);
    vdbi_turn_give(db);
    vdbi_free(&db->env->memory, fresh);
    if (!st) {
        uint64_t took = now(db) - begun;
        atomic_store(&db->checkpoint_ns, took);
        atomic_fetch_add(&db->checkpoints_ns, took);
        atomic_fetch_add(&db->checkpoints, 1);
    }
    return st;
}

/* (checkpoint) That the graph cannot be saved is no reason not to save the rest. */
static void save_graph(vdb *db, int due, uint64_t *number)
{
    vdb_error error = VDB_ERROR_INIT;

    if (!due || vdbi_store_poisoned(db->store))
        return;
    vdbi_error_save(&error);
    if (vdbi_graph_save(db, number)) {
        *number = 0;
        if (db->env->log)
            db->env->log(db->env->log_arg, VDB_LOG_WARNING, vdbi_error_text());
    }
    vdbi_error_restore(&error);
}

vdb_status vdbi_db_checkpoint(vdb *db)
{
    vdb_status st = VDB_OK;
    uint64_t number = 0, begun;
    int needed;

    if (db->in_memory)
        return VDB_OK;
    vdbi_lock(&db->checkpoint_lock);
    begun = now(db);
    save_graph(db, vdbi_graph_save_is_worth(db), &number);
    vdbi_turn_take(db);
    /* A log can hold frames though all they say is saved: after a retry, which does not
     * turn over.  Then this checkpoint is for the log. */
    needed = db->newest->image.sequence != vdbi_store_durable_sequence(db->store) ||
             vdbi_store_log_size(db->store) > VDBI_LOG_HEADER ||
             vdbi_graph_needs_checkpoint(db->store);
    vdbi_turn_give(db);
    if (vdbi_store_poisoned(db->store))
        st = vdbi_fail(VDB_POISONED, "a sync has failed: close and reopen");
    else if (needed)
        st = checkpoint(db, 0, begun);
    if (number)
        vdbi_graph_save_settle(db, number);
    vdbi_unlock(&db->checkpoint_lock);
    return st;
}

vdb_status vdbi_db_checkpoint_shrink(vdb *db)
{
    vdb_status st;

    vdbi_lock(&db->checkpoint_lock);
    st = checkpoint(db, VDBI_CHECKPOINT_SHRINK, now(db));
    vdbi_unlock(&db->checkpoint_lock);
    return st;
}

/* Enough entries, and a log as long as what would be written; or a budget is used up.  All
 * are counted from the last attempt: pages that a snapshot holds stay dirty however often
 * one tries, and a full disk stays full. */
static uint64_t dirty_since(vdb *db)
{
    uint64_t dirty = vdbi_pager_dirty_bytes(db->pager),
             held = atomic_load(&db->dirty_left);

    return dirty > held ? dirty - held : 0;
}

static int is_due(vdb *db)
{
    uint64_t dirty = dirty_since(db);
    uint64_t log = atomic_load(&db->log_size), left = atomic_load(&db->log_left);

    log = log > left ? log - left : 0;
    if (vdbi_store_poisoned(db->store))
        return 0;
    if (vdbi_graph_save_is_due(db))
        return 1;
    return (atomic_load(&db->entries) >= db->options.checkpoint_entries &&
            log >= dirty) ||
           log >= db->options.log_bytes / 2 || dirty >= db->options.dirty_bytes;
}

/* A checkpoint that nobody asked for has nobody to fail to but the log hook. */
static void checkpoint_or_tell(vdb *db)
{
    char text[600];
    vdb_error error = VDB_ERROR_INIT;

    /* The commit that made it due has succeeded: its thread's last error stays. */
    vdbi_error_save(&error);
    if (vdbi_db_checkpoint(db) && db->env->log) {
        snprintf(text, sizeof text, "checkpoint failed: %s", vdbi_error_text());
        db->env->log(db->env->log_arg, VDB_LOG_WARNING, text);
    }
    vdbi_error_restore(&error);
}

void vdbi_maintain(vdb *db)
{
    if (db->in_memory || !is_due(db))
        return;
    /* Writers that outrun the background thread wait for the checkpoint, and make the next:
     * so dirty pages are bounded, by a few times their budget. */
    if (db->worker_runs && dirty_since(db) < 2 * db->options.dirty_bytes) {
        vdbi_lock(&db->worker_lock);
        db->worker_wanted = 1;
        vdbi_broadcast(&db->worker_wake);
        vdbi_unlock(&db->worker_lock);
        return;
    }
    checkpoint_or_tell(db);
}

static void sync_if_due(vdb *db)
{
    if (db->options.durability != VDB_NORMAL)
        return;
    vdbi_turn_take(db);
    vdbi_store_sync(db->store);
    db->last_sync_ns = now(db);
    vdbi_turn_give(db);
}

static void *worker_run(void *arg)
{
    vdb *db = arg;

    vdbi_lock(&db->worker_lock);
    while (!db->worker_stop) {
        int wanted;
        if (!db->worker_wanted && db->options.durability == VDB_NORMAL)
            vdbi_wait_for(&db->worker_wake, &db->worker_lock, second);
        else if (!db->worker_wanted)
            vdbi_wait(&db->worker_wake, &db->worker_lock);
        if (db->worker_stop)
            break;
        wanted = db->worker_wanted;
        db->worker_wanted = 0;
        vdbi_unlock(&db->worker_lock);
        if (wanted)
            checkpoint_or_tell(db);
        sync_if_due(db);
        vdbi_lock(&db->worker_lock);
    }
    vdbi_unlock(&db->worker_lock);
    return NULL;
}

vdb_status vdbi_worker_start(vdb *db)
{
    vdb_status st = vdbi_thread_start(&db->worker, worker_run, db);

    if (!st)
        db->worker_runs = 1;
    return st;
}

void vdbi_worker_stop(vdb *db)
{
    if (!db->worker_runs)
        return;
    vdbi_lock(&db->worker_lock);
    db->worker_stop = 1;
    vdbi_broadcast(&db->worker_wake);
    vdbi_unlock(&db->worker_lock);
    vdbi_thread_join(db->worker);
    db->worker_runs = 0;
}
