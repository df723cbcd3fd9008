/* open.c: opening and closing a database. */
#include <string.h>

#include "base/error.h"
#include "db/db.h"

static void option_defaults(vdb_options *o)
{
    if (!o->ef_search)
        o->ef_search = 50;
    if (!o->threads)
        o->threads = vdbi_cores();
    if (!o->checkpoint_entries)
        o->checkpoint_entries = 1000;
    if (!o->log_bytes)
        o->log_bytes = 64 << 20;
    if (!o->dirty_bytes)
        o->dirty_bytes = 64 << 20;
    if (!o->cache_bytes)
        o->cache_bytes = 256 << 20;
}

/* Locks and conditions, in an order that close undoes as far as it came. */
static vdb_status make_locks(vdb *db, int *made)
{
    vdb_status st = vdbi_mutex_init(&db->pin_lock);

    if (!st && ++*made)
        st = vdbi_mutex_init(&db->queue_lock);
    if (!st && ++*made)
        st = vdbi_mutex_init(&db->checkpoint_lock);
    if (!st && ++*made)
        st = vdbi_mutex_init(&db->worker_lock);
    if (!st && ++*made)
        st = vdbi_cond_init(&db->worker_wake);
    if (!st)
        ++*made;
    return st;
}

static void drop_locks(vdb *db, int made)
{
    if (made > 4)
        vdbi_cond_destroy(&db->worker_wake);
    if (made > 3)
        vdbi_mutex_destroy(&db->worker_lock);
    if (made > 2)
        vdbi_mutex_destroy(&db->checkpoint_lock);
    if (made > 1)
        vdbi_mutex_destroy(&db->queue_lock);
    if (made > 0)
        vdbi_mutex_destroy(&db->pin_lock);
}

static vdb_status open_store(vdb *db, const char *path)
{
    vdb_env *env = db->env;
    const vdb_options *o = &db->options;
    vdbi_store_config config = {
        .vfs = &env->vfs,
        .memory = &env->memory,
        .flags = o->flags,
        .dimension = o->dimension,
        .shape = {o->metric, o->index, o->type, o->m, o->ef_construction, o->max_layers,
                  o->codes},
        .cache_bytes = o->cache_bytes,
        .say = env->log,
        .say_arg = env->log_arg,
    };
    char resolved[4096];
    vdbi_version *first = vdbi_calloc(&env->memory, 1, sizeof *first);
    vdbi_image image;
    vdb_status st;

    if (!first)
        return VDB_NOMEM;
    if (!db->in_memory) {
        int rc = env->vfs.resolve(env->vfs.arg, path, resolved, sizeof resolved);
        if (rc) {
            vdbi_free(&env->memory, first);
            return vdbi_fail_system(rc, "%s", path);
        }
        config.path = resolved;
    }
    st = vdbi_store_open(&config, &db->store, &image);
    if (st) {
        vdbi_free(&env->memory, first);
        return st;
    }
    db->pager = vdbi_store_pager(db->store);
    vdbi_version_publish(db, first, &image);
    atomic_store(&db->live, image.live_count);
    atomic_store(&db->entries, vdbi_store_replayed(db->store));
    atomic_store(&db->log_size, vdbi_store_log_size(db->store));
    return VDB_OK;
}

vdb_status vdbi_db_open(vdb_env *env, const char *path, const vdb_options *options,
                        vdb **out)
{
    vdbi_memory host;
    vdb *db;
    int made = 0;
    vdb_status st;

    *out = NULL;
    vdbi_memory_init(&host, env ? &env->memory.allocator : NULL);
    db = vdbi_calloc(&host, 1, sizeof *db);
    if (!db)
        return VDB_NOMEM;
    vdbi_memory_init(&db->own_env.memory, &host.allocator);
    db->own_env.vfs = vdbi_vfs_system;
    db->env = env ? env : &db->own_env;
    db->options = *options;
    db->in_memory = !path || strcmp(path, ":memory:") == 0;
    option_defaults(&db->options);
    st = make_locks(db, &made);
    if (!st)
        st = vdbi_fork_mark_create(&db->fork_mark);
    if (!st && !db->in_memory) /* there, no block of a column stands on disk */
        st = vdbi_narrow_create(&db->env->memory, db->options.cache_bytes / 4,
                                &db->narrow);
    if (!st)
        st = open_store(db, path);
    if (!st)
        st = vdbi_graph_open(db);
    if (!st && !db->in_memory && db->options.threads > 1 &&
        !(db->options.flags & VDB_OPEN_READONLY))
        st = vdbi_worker_start(db);
    if (!st) {
        vdbi_graph_start(db);
        *out = db;
        return VDB_OK;
    }
    if (db->store) {
        vdb_error error = VDB_ERROR_INIT;
        vdbi_error_save(&error);
        vdbi_graph_close(db, 0);
        vdbi_version_release(db, db->newest);
        vdbi_store_free(db->store);
        vdbi_error_restore(&error);
    }
    vdbi_narrow_free(db->narrow, 0);
    vdbi_fork_mark_free(db->fork_mark);
    drop_locks(db, made);
    vdbi_free(&host, db);
    return st;
}

vdb_status vdbi_db_close(vdb *db)
{
    int child = vdbi_fork_mark_is_child(db->fork_mark);
    uint64_t graph_save;
    vdbi_memory host;
    vdb_status st = VDB_OK, closed;
    vdb_error error = VDB_ERROR_INIT;

    if (!child) {
        vdbi_graph_stop(db);
        vdbi_worker_stop(db);
        graph_save = vdbi_graph_save_last(db);
        if (vdbi_db_trim_is_worth(db))
            vdbi_db_trim(db, graph_save);
        st = vdbi_store_save_and_close(db->store, &db->newest->image);
        if (st)
            vdbi_error_save(&error);
        if (!st && atomic_load(&db->handles))
            st = vdbi_fail(VDB_MISUSE,
                           "closed with %llu snapshots, cursors or batches open",
                           (unsigned long long)atomic_load(&db->handles));
    }
    vdbi_graph_close(db, child);
    while (db->newest) {
        db->newest->refs = 1;
        vdbi_version_release(db, db->newest);
    }
    vdbi_narrow_free(db->narrow, child);
    closed = vdbi_store_free(db->store);
    vdbi_fork_mark_free(db->fork_mark);
    /* In a child, threads that are not there may seem to wait: leave the locks be. */
    if (!child)
        drop_locks(db, 6);
    vdbi_memory_init(&host, &db->env->memory.allocator);
    vdbi_free(&host, db);
    if (st && error.status)
        vdbi_error_restore(&error);
    return st ? st : closed;
}
