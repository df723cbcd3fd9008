/* read.c: records, counts, snapshots, cursors. */
#include <string.h>

#include "api/arguments.h"
#include "base/error.h"
#include "db/cursor.h"

vdb_status vdb_get(vdb *db, const char *id, const vdb_op *op, vdb_record **out)
{
    vdbi_memory host;
    vdb_record *r;
    vdb_op own;
    vdb_status st = vdbi_check_not_null(out, "out");

    if (st)
        return st;
    *out = NULL;
    st = vdbi_check_handle(db);
    if (!st)
        st = vdbi_check_id(id, id ? strlen(id) : 0);
    if (!st)
        st = vdbi_check_op(op, &own);
    if (st)
        return st;
    vdbi_memory_init(&host, &db->env->memory.allocator);
    r = vdbi_calloc(&host, 1, sizeof *r);
    if (!r)
        return VDB_NOMEM;
    vdbi_memory_init(&r->own, &db->env->memory.allocator);
    r->memory = &r->own;
    st = vdbi_db_get(db, id, strlen(id), own.snapshot, r);
    if (st)
        vdbi_free(&host, r);
    else
        *out = r;
    return st;
}

const char *vdb_record_id(const vdb_record *r, size_t *length)
{
    if (length)
        *length = r ? r->id_length : 0;
    return r ? r->id : NULL;
}

const float *vdb_record_vector(const vdb_record *r, size_t *dim)
{
    if (dim)
        *dim = r ? r->dimension : 0;
    return r ? r->vector : NULL;
}

const char *vdb_record_metadata(const vdb_record *r, size_t *length)
{
    if (length)
        *length = r && r->metadata ? r->metadata_length : 0;
    return r ? r->metadata : NULL;
}

void vdb_record_free(vdb_record *r)
{
    vdbi_memory host;

    if (!r)
        return;
    vdbi_record_unload(r);
    vdbi_memory_init(&host, &r->own.allocator);
    vdbi_free(&host, r);
}

vdb_status vdb_count(vdb *db, const vdb_filter *filter, const vdb_op *op,
                     uint64_t *count)
{
    vdb_op own;
    vdb_status st = vdbi_check_handle(db);

    if (!st)
        st = vdbi_check_not_null(count, "count");
    if (!st)
        st = vdbi_check_op(op, &own);
    return st ? st : vdbi_db_count(db, filter, &own, count);
}

vdb_status vdb_snapshot_new(vdb *db, vdb_snapshot **out)
{
    vdb_status st = vdbi_check_not_null(out, "out");

    if (st)
        return st;
    *out = NULL;
    st = vdbi_check_handle(db);
    if (st)
        return st;
    *out = vdbi_calloc(&db->env->memory, 1, sizeof **out);
    if (!*out)
        return VDB_NOMEM;
    (*out)->db = db;
    (*out)->version = vdbi_version_pin(db);
    atomic_fetch_add(&db->handles, 1);
    return VDB_OK;
}

void vdb_snapshot_free(vdb_snapshot *s)
{
    if (!s)
        return;
    vdbi_version_release(s->db, s->version);
    atomic_fetch_sub(&s->db->handles, 1);
    vdbi_free(&s->db->env->memory, s);
}

vdb_status vdb_cursor_open(vdb *db, const vdb_cursor_options *options, vdb_cursor **out)
{
    vdb_cursor_options own;
    vdb_status st = vdbi_check_not_null(out, "out");

    if (st)
        return st;
    *out = NULL;
    st = vdbi_check_handle(db);
    if (!st)
        st = vdbi_struct_read(&own, sizeof own, options, "vdb_cursor_options");
    if (!st)
        st = vdbi_check_reserved(own.reserved, "vdb_cursor_options");
    if (!st && own.flags & ~(uint32_t)VDB_CURSOR_IDS_ONLY)
        st = vdbi_fail(VDB_UNSUPPORTED,
                       "vdb_cursor_options: flags 0x%x have unknown bits", own.flags);
    return st ? st : vdbi_cursor_begin(db, &own, out);
}

vdb_status vdb_cursor_next(vdb_cursor *c, const vdb_record **record)
{
    vdb_status st =
        c ? vdbi_check_handle(c->db) : vdbi_fail(VDB_MISUSE, "the cursor is NULL");

    if (!st)
        st = vdbi_check_not_null(record, "record");
    return st ? st : vdbi_cursor_step(c, record);
}

void vdb_cursor_free(vdb_cursor *c)
{
    if (!c)
        return;
    atomic_fetch_sub(&c->db->handles, 1);
    vdbi_cursor_end(c);
}
