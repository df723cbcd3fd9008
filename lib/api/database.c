/* database.c: opening, closing, maintenance, facts. */
#include <string.h>

#include "api/arguments.h"
#include "base/error.h"
#include "db/check.h"

static vdb_status out_of_range(const char *name, unsigned long long value,
                               const char *range)
{
    return vdbi_fail(VDB_INVALID, "option %s: %llu; it must be %s", name, value, range);
}

static vdb_status check_options(const vdb_options *o)
{
    const uint32_t known = VDB_OPEN_READONLY | VDB_OPEN_MUST_EXIST |
                           VDB_OPEN_EXCLUSIVE | VDB_OPEN_NO_MMAP |
                           VDB_OPEN_WITHOUT_LOG | VDB_OPEN_BULK;

    if (o->flags & ~known)
        return vdbi_fail(VDB_UNSUPPORTED, "option flags: 0x%x has unknown bits",
                         o->flags);
    if (o->flags & VDB_OPEN_EXCLUSIVE &&
        o->flags & (VDB_OPEN_READONLY | VDB_OPEN_MUST_EXIST | VDB_OPEN_WITHOUT_LOG))
        return vdbi_fail(VDB_INVALID, "option flags: EXCLUSIVE creates; it contradicts "
                                      "READONLY, MUST_EXIST and WITHOUT_LOG");
    if (o->dimension > VDB_DIMENSION_MAX)
        return out_of_range("dimension", o->dimension, "at most 65535");
    if (o->metric < 0 || o->metric > VDB_DOT)
        return vdbi_fail(VDB_INVALID, "option metric: %d is none", (int)o->metric);
    if (o->index < 0 || o->index > VDB_HNSW)
        return vdbi_fail(VDB_INVALID, "option index: %d is no kind", (int)o->index);
    if (o->type != VDB_F32)
        return vdbi_fail(o->type >= VDB_F16 && o->type <= VDB_B1 ? VDB_UNSUPPORTED
                                                                 : VDB_INVALID,
                         "option type: %d; only VDB_F32 is supported", (int)o->type);
    if (o->codes < 0 || o->codes > VDB_CODES_NONE)
        return vdbi_fail(VDB_INVALID, "option codes: %d is none", (int)o->codes);
    if (o->codes == VDB_CODES_4)
        return vdbi_fail(VDB_UNSUPPORTED, "option codes: there are none of 4 bits");
    if (o->m == 1 || o->m > 512)
        return out_of_range("m", o->m, "2 to 512");
    if (o->ef_construction > 65535)
        return out_of_range("ef_construction", o->ef_construction, "1 to 65535");
    if (o->max_layers > 64)
        return out_of_range("max_layers", o->max_layers, "1 to 64");
    if (o->durability < VDB_FULL_SYNC || o->durability > VDB_OFF)
        return vdbi_fail(VDB_INVALID, "option durability: %d is none",
                         (int)o->durability);
    if (o->ef_search > VDB_K_MAX)
        return out_of_range("ef_search", o->ef_search, "at most 1000000");
    if (o->threads > 1024)
        return out_of_range("threads", o->threads, "at most 1024");
    if (o->log_bytes && (o->log_bytes < 1 << 20 || o->log_bytes > (uint64_t)1 << 40))
        return out_of_range("log_bytes", o->log_bytes, "1 MiB to 1 TiB");
    return VDB_OK;
}

vdb_status vdb_open(const char *path, const vdb_options *options, vdb **out)
{
    vdb_options own;
    vdb_status st = vdbi_check_not_null(out, "out");

    if (st)
        return st;
    *out = NULL;
    st = vdbi_struct_read(&own, sizeof own, options, "vdb_options");
    if (!st)
        st = vdbi_check_reserved(own.reserved, "vdb_options");
    if (!st && path && !*path)
        st = vdbi_fail(VDB_INVALID, "the path is empty");
    if (!st)
        st = check_options(&own);
    return st ? st : vdbi_db_open(own.env, path, &own, out);
}

vdb_status vdb_close(vdb *db)
{
    return db ? vdbi_db_close(db) : VDB_OK;
}

vdb_status vdb_checkpoint(vdb *db, const vdb_op *op)
{
    vdb_op own;
    vdb_status st = vdbi_check_handle(db);

    if (!st)
        st = vdbi_check_op(op, &own);
    if (!st && db->options.flags & VDB_OPEN_READONLY)
        st = vdbi_fail(VDB_READONLY, "opened for reading only");
    if (!st) {
        vdbi_limits limits;
        vdbi_limits_begin(&limits, db, &own);
        st = vdbi_limits_tick(&limits);
    }
    return st ? st : vdbi_db_checkpoint(db);
}

vdb_status vdb_backup(vdb *db, const char *path, const vdb_op *op)
{
    vdb_op own;
    vdb_status st = vdbi_check_handle(db);

    if (!st)
        st = vdbi_check_not_null(path, "path");
    if (!st)
        st = vdbi_check_op(op, &own);
    if (!st && !*path)
        st = vdbi_fail(VDB_INVALID, "the path is empty");
    if (!st && strcmp(path, ":memory:") == 0)
        st = vdbi_fail(VDB_INVALID, "a backup in memory would not be saved");
    return st ? st : vdbi_db_backup(db, path, &own);
}

vdb_status vdb_compact(vdb *db, const vdb_op *op)
{
    vdb_op own;
    vdb_status st = vdbi_check_handle(db);

    if (!st)
        st = vdbi_check_op(op, &own);
    if (!st && db->options.flags & VDB_OPEN_READONLY)
        st = vdbi_fail(VDB_READONLY, "opened for reading only");
    if (!st && own.snapshot)
        st = vdbi_fail(VDB_INVALID, "vdb_op: a snapshot cannot be changed");
    return st ? st : vdbi_db_compact(db, &own);
}

vdb_status vdb_wait_indexed(vdb *db, const vdb_op *op)
{
    vdb_op own;
    vdbi_limits limits;
    vdb_status st = vdbi_check_handle(db);

    if (!st)
        st = vdbi_check_op(op, &own);
    if (st)
        return st;
    vdbi_limits_begin(&limits, db, &own);
    return vdbi_graph_wait(db, &limits, op && own.timeout_ms == 0);
}

vdb_status vdb_check(vdb *db, const vdb_check_options *options, vdb_report **out,
                     const vdb_op *op)
{
    vdb_check_options own;
    vdb_op op_copy;
    vdb_status st = vdbi_check_not_null(out, "out");

    if (st)
        return st;
    *out = NULL;
    st = vdbi_check_handle(db);
    if (!st)
        st = vdbi_struct_read(&own, sizeof own, options, "vdb_check_options");
    if (!st)
        st = vdbi_check_reserved(own.reserved, "vdb_check_options");
    if (!st)
        st = vdbi_check_op(op, &op_copy);
    return st ? st
              : vdbi_db_check(db, own.max_findings ? own.max_findings : 100, &op_copy,
                              out);
}

uint64_t vdb_report_count(const vdb_report *r)
{
    return r ? r->count : 0;
}

const char *vdb_report_finding(const vdb_report *r, size_t i, int64_t *offset)
{
    if (offset)
        *offset = -1;
    if (!r || i >= r->kept)
        return NULL;
    if (offset)
        *offset = r->findings[i].offset;
    return r->findings[i].text;
}

uint64_t vdb_report_bytes(const vdb_report *r)
{
    return r ? r->bytes : 0;
}

void vdb_report_free(vdb_report *r)
{
    vdbi_report_destroy(r);
}

vdb_status vdb_stats_get(vdb *db, vdb_stats *stats)
{
    vdb_stats own = VDB_STATS_INIT;
    vdbi_version *v;
    vdb_status st = vdbi_check_handle(db);

    if (!st)
        st = vdbi_check_not_null(stats, "stats");
    if (st)
        return st;
    v = vdbi_version_pin(db);
    vdbi_lock(&db->pin_lock);
    own.views = db->pinned - 1;
    vdbi_unlock(&db->pin_lock);
    own.vectors = v->image.live_count;
    own.slots = v->image.slot_count;
    own.sequence = v->image.sequence;
    own.dimension = v->image.dimension;
    own.fields = v->image.field_count;
    vdbi_version_release(db, v);
    vdbi_store_stats(db->store, &own);
    vdbi_graph_stats(db, &own);
    own.resident_bytes = atomic_load(&db->env->memory.bytes);
    own.commits = atomic_load(&db->commits);
    own.checkpoints = atomic_load(&db->checkpoints);
    own.last_checkpoint_us = atomic_load(&db->checkpoint_ns) / 1000;
    own.total_checkpoint_us = atomic_load(&db->checkpoints_ns) / 1000;
    own.total_inserts = atomic_load(&db->inserts);
    own.total_deletes = atomic_load(&db->deletes);
    own.total_queries = atomic_load(&db->queries);
    own.avg_query_latency_us = vdbi_histogram_mean(&db->latency) / 1000;
    own.p50_query_latency_us = vdbi_histogram_percentile(&db->latency, 50) / 1000;
    own.p95_query_latency_us = vdbi_histogram_percentile(&db->latency, 95) / 1000;
    own.p99_query_latency_us = vdbi_histogram_percentile(&db->latency, 99) / 1000;
    return vdbi_struct_write(stats, &own, sizeof own, "vdb_stats");
}
