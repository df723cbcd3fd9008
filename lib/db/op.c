/* op.c: limits of operations, and what they see. */
#include "base/error.h"
#include "db/db.h"

void vdbi_limits_begin(vdbi_limits *limits, vdb *db, const vdb_op *op)
{
    limits->op = op;
    limits->db = db;
    limits->deadline = 0;
    if (op && op->timeout_ms)
        limits->deadline =
            db->env->vfs.now(db->env->vfs.arg) + (uint64_t)op->timeout_ms * 1000000;
}

vdb_status vdbi_limits_tick(void *arg)
{
    const vdbi_limits *limits = arg;

    if (limits->op && limits->op->cancel && atomic_load(&limits->op->cancel->set))
        return vdbi_fail(VDB_CANCELLED, "cancelled");
    if (limits->deadline &&
        limits->db->env->vfs.now(limits->db->env->vfs.arg) >= limits->deadline)
        return vdbi_fail(VDB_TIMEOUT, "not done within %u ms", limits->op->timeout_ms);
    return VDB_OK;
}

void vdbi_limits_progress(const vdbi_limits *limits, uint64_t done, uint64_t total)
{
    if (limits->op && limits->op->progress)
        limits->op->progress(limits->op->progress_arg, done, total);
}

vdb_status vdbi_op_view(vdb *db, const vdb_snapshot *snapshot, vdbi_version **out)
{
    *out = NULL;
    if (!snapshot) {
        *out = vdbi_version_pin(db);
        return VDB_OK;
    }
    if (snapshot->db != db)
        return vdbi_fail(VDB_MISUSE, "a snapshot of another database");
    vdbi_version_retain(db, snapshot->version);
    *out = snapshot->version;
    return VDB_OK;
}
