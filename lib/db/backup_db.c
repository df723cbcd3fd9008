/* backup_db.c: see store/backup.h.  A backup is a reader like any other: it holds a version,
 * takes no lock, and what it may take as long as it likes over stays where it is. */
#include "base/error.h"
#include "db/db.h"
#include "store/backup.h"

static vdb_status tick(void *arg, uint64_t done, uint64_t total)
{
    vdbi_limits *limits = arg;

    if (total)
        vdbi_limits_progress(limits, done, total);
    return vdbi_limits_tick(limits);
}

vdb_status vdbi_db_backup(vdb *db, const char *path, const vdb_op *op)
{
    vdb_env *env = db->env;
    char resolved[4096];
    vdbi_limits limits;
    vdbi_backup_watch watch = {tick, &limits};
    vdbi_version *v;
    int rc = env->vfs.resolve(env->vfs.arg, path, resolved, sizeof resolved);
    vdb_status st;

    if (rc)
        return vdbi_fail_system(rc, "%s", path);
    st = vdbi_op_view(db, op->snapshot, &v);
    if (st)
        return st;
    vdbi_limits_begin(&limits, db, op);
    st = vdbi_limits_tick(&limits);
    if (!st)
        st = vdbi_store_backup(db->store, &v->image, resolved, &watch);
    vdbi_version_release(db, v);
    return st;
}
