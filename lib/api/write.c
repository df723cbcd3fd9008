/* write.c: storing and removing, as single commits. */
#include <string.h>

#include "api/arguments.h"
#include "api/write.h"
#include "base/error.h"
#include "store/record.h"

enum {
    DELETE_LOG_BYTES = 64 << 10 /* what delete_where hopes to need */
};

/* ---- one row ---- */

typedef struct one {
    vdbi_put put;
    int must_be_new;
} one;

static vdb_status apply_put(vdbi_request *r, vdbi_pending *p)
{
    const one *o = r->arg;
    vdb_status st;

    vdbi_section_begin(p->pager);
    st = vdbi_pending_put(p, &o->put, o->must_be_new);
    vdbi_section_end(p->pager);
    return st;
}

static vdb_status insert(vdb *db, const char *id, const float *vector, size_t dim,
                         const char *metadata, int must_be_new)
{
    one o = {.must_be_new = must_be_new};
    vdbi_request r = {.apply = apply_put, .arg = &o};
    vdb_status st = vdbi_check_handle(db);

    if (!st)
        st = vdbi_check_not_null(vector, "vector");
    if (!st)
        st = vdbi_prepare_put(db, id, id ? strlen(id) : 0, vector, dim, metadata,
                              metadata ? strlen(metadata) : 0, &o.put);
    if (st)
        return st;
    r.log_bytes = vdbi_put_log_bytes(o.put.id_length, dim, o.put.metadata_length);
    st = vdbi_commit(db, &r);
    vdbi_prepare_free(db, &o.put);
    return st;
}

vdb_status vdb_insert(vdb *db, const char *id, const float *vector, size_t dim,
                      const char *metadata_json)
{
    return insert(db, id, vector, dim, metadata_json, 0);
}

vdb_status vdb_insert_new(vdb *db, const char *id, const float *vector, size_t dim,
                          const char *metadata_json)
{
    return insert(db, id, vector, dim, metadata_json, 1);
}

static vdb_status apply_document(vdbi_request *r, vdbi_pending *p)
{
    vdb_status st;

    vdbi_section_begin(p->pager);
    st = vdbi_pending_document(p, r->arg);
    vdbi_section_end(p->pager);
    return st;
}

vdb_status vdb_set_metadata(vdb *db, const char *id, const char *metadata_json)
{
    vdbi_put put;
    vdbi_request r = {.apply = apply_document, .arg = &put};
    vdb_status st = vdbi_check_handle(db);

    if (!st)
        st = vdbi_prepare_put(db, id, id ? strlen(id) : 0, NULL, 0, metadata_json,
                              metadata_json ? strlen(metadata_json) : 0, &put);
    if (st)
        return st;
    r.log_bytes = vdbi_put_log_bytes(put.id_length, 0, put.metadata_length);
    st = vdbi_commit(db, &r);
    vdbi_prepare_free(db, &put);
    return st;
}

static vdb_status apply_delete(vdbi_request *r, vdbi_pending *p)
{
    const char *id = r->arg;
    vdb_status st;

    vdbi_section_begin(p->pager);
    st = vdbi_pending_delete(p, id, strlen(id));
    vdbi_section_end(p->pager);
    return st;
}

vdb_status vdb_delete(vdb *db, const char *id)
{
    vdbi_request r = {.apply = apply_delete,
                      .arg = (void *)(uintptr_t)id,
                      .only_deletes = 1,
                      .log_bytes = 2 * VDB_ID_MAX};
    vdb_status st = vdbi_check_handle(db);

    if (!st)
        st = vdbi_check_id(id, id ? strlen(id) : 0);
    return st ? st : vdbi_commit(db, &r);
}

/* ---- by filter ---- */

typedef struct where {
    vdb *db;
    const vdb_filter *filter;
    vdbi_limits limits;
    vdbi_record record;
    uint64_t deleted;
} where;

/* Bytes of log that killing these slots takes. */
static vdb_status kills_bytes(where *w, vdbi_pending *p, const uint64_t *bits,
                              uint32_t slots, size_t *bytes)
{
    vdb_status st = VDB_OK;

    *bytes = 0;
    for (uint32_t s = 0; s < slots && !st; s++) {
        if (!vdbi_bit_get(bits, s))
            continue;
        st = vdbi_record_read(p->pager, &p->image, s, VDBI_RECORD_ID, &w->record);
        *bytes += 24 + w->record.id_length;
    }
    /* Frames of a mebibyte, with their headers. */
    *bytes += (*bytes >> 20) * VDBI_FRAME_HEADER;
    return st;
}

static vdb_status apply_where(vdbi_request *r, vdbi_pending *p)
{
    where *w = r->arg;
    uint32_t slots = p->image.slot_count;
    uint64_t *bits = NULL, count;
    size_t bytes;
    vdb_status st =
        vdbi_filter_evaluate(w->filter, p->pager, &p->image, NULL, p->memory,
                             vdbi_limits_tick, &w->limits, &bits, &count);

    w->deleted = 0;
    if (st)
        return st;
    vdbi_section_begin(p->pager);
    st = kills_bytes(w, p, bits, slots, &bytes);
    if (!st && bytes > r->log_bytes) {
        r->log_bytes = bytes;
        st = VDBI_NO_ROOM;
    }
    for (uint32_t s = 0; s < slots && !st; s++) {
        if (!vdbi_bit_get(bits, s))
            continue;
        st = vdbi_record_read(p->pager, &p->image, s, VDBI_RECORD_ID, &w->record);
        if (!st)
            st = vdbi_pending_delete(p, w->record.id, w->record.id_length);
        w->deleted++;
    }
    vdbi_section_end(p->pager);
    r->unchanged = !st && w->deleted == 0;
    vdbi_free(p->memory, bits);
    return st;
}

vdb_status vdb_delete_where(vdb *db, const vdb_filter *filter, const vdb_op *op,
                            uint64_t *deleted)
{
    where w = {.db = db, .filter = filter};
    vdbi_request r = {.apply = apply_where,
                      .arg = &w,
                      .only_deletes = 1,
                      .log_bytes = DELETE_LOG_BYTES};
    vdb_op own;
    vdb_status st = vdbi_check_handle(db);

    if (deleted)
        *deleted = 0;
    if (!st && !filter)
        st = vdbi_fail(VDB_INVALID, "the filter is NULL; it must not mean everything");
    if (!st)
        st = vdbi_check_op(op, &own);
    if (!st && own.snapshot)
        st = vdbi_fail(VDB_INVALID, "vdb_op: a snapshot cannot be changed");
    if (st)
        return st;
    w.record.memory = &db->env->memory;
    vdbi_limits_begin(&w.limits, db, &own);
    st = vdbi_commit(db, &r);
    vdbi_record_clear(&w.record);
    if (!st && deleted)
        *deleted = w.deleted;
    return st;
}

/* ---- many rows ---- */

typedef struct rows {
    vdbi_put *puts;
    size_t count;
    int must_be_new;
    size_t failed;
} rows;

static vdb_status apply_rows(vdbi_request *r, vdbi_pending *p)
{
    rows *all = r->arg;
    vdb_status st = VDB_OK;

    vdbi_section_begin(p->pager);
    for (size_t i = 0; i < all->count && !st; i++) {
        st = vdbi_pending_put(p, &all->puts[i], all->must_be_new);
        if (st)
            all->failed = i;
    }
    vdbi_section_end(p->pager);
    return st;
}

vdb_status vdbi_rows_check(const vdb_rows *given, vdb_rows *out)
{
    vdb_status st = vdbi_check_not_null(given, "rows");

    if (!st)
        st = vdbi_struct_read(out, sizeof *out, given, "vdb_rows");
    if (st || out->count == 0)
        return st;
    if (!out->ids || !out->vectors)
        return vdbi_fail(VDB_INVALID, "vdb_rows: %s is NULL",
                         out->ids ? "vectors" : "ids");
    if (out->type != VDB_F32)
        return vdbi_fail(VDB_UNSUPPORTED, "vdb_rows: type %d", (int)out->type);
    if (out->flags & ~(uint32_t)VDB_ROWS_NEW)
        return vdbi_fail(VDB_UNSUPPORTED, "vdb_rows: flags 0x%x have unknown bits",
                         out->flags);
    if (out->dim == 0 || out->dim > VDB_DIMENSION_MAX)
        return vdbi_fail(VDB_INVALID, "vdb_rows: %zu dimensions; 1 to %d are allowed",
                         out->dim, VDB_DIMENSION_MAX);
    if (out->stride == 0)
        out->stride = out->dim * sizeof(float);
    if (out->stride < out->dim * sizeof(float) || out->stride % sizeof(float))
        return vdbi_fail(
            VDB_INVALID,
            "vdb_rows: a stride of %zu bytes for %zu floats (multiples of 4)",
            out->stride, out->dim);
    return VDB_OK;
}

vdb_status vdbi_rows_put(vdb *db, const vdb_rows *r, size_t i, vdbi_put *put)
{
    const char *id = r->ids[i], *metadata = r->metadata ? r->metadata[i] : NULL;
    const char *vector = (const char *)r->vectors + i * r->stride;
    size_t id_length = r->id_lengths ? r->id_lengths[i] : id ? strlen(id) : 0;
    size_t metadata_length = 0;
    vdb_status st;

    if (metadata)
        metadata_length =
            r->metadata_lengths ? r->metadata_lengths[i] : strlen(metadata);
    st = vdbi_prepare_put(db, id, id_length, (const float *)(const void *)vector,
                          r->dim, metadata, metadata_length, put);
    if (st == VDB_INVALID) {
        vdb_error error = VDB_ERROR_INIT;
        vdbi_error_save(&error);
        vdbi_fail_at(st, error.offset, "row %zu: %s", i, error.message);
    }
    return st;
}

vdb_status vdb_put(vdb *db, const vdb_rows *given, const vdb_op *op, size_t *failed_row)
{
    rows all = {.failed = SIZE_MAX};
    vdbi_request r = {.apply = apply_rows, .arg = &all};
    vdb_rows own;
    vdb_op op_copy;
    vdbi_limits limits;
    size_t prepared = 0;
    vdb_status st = vdbi_check_handle(db);

    if (failed_row)
        *failed_row = SIZE_MAX;
    if (!st)
        st = vdbi_rows_check(given, &own);
    if (!st)
        st = vdbi_check_op(op, &op_copy);
    if (st || own.count == 0)
        return st;
    all.puts = vdbi_calloc(&db->env->memory, own.count, sizeof *all.puts);
    if (!all.puts)
        return VDB_NOMEM;
    all.must_be_new = (own.flags & VDB_ROWS_NEW) != 0;
    vdbi_limits_begin(&limits, db, &op_copy);
    for (; prepared < own.count && !st; prepared++) {
        vdbi_put *put = &all.puts[prepared];
        st = vdbi_rows_put(db, &own, prepared, put);
        if (st)
            all.failed = prepared;
        else if (prepared % 64 == 0)
            st = vdbi_limits_tick(&limits);
        r.log_bytes +=
            vdbi_put_log_bytes(put->id_length, own.dim, put->metadata_length);
    }
    r.log_bytes += (r.log_bytes >> 20) * VDBI_FRAME_HEADER + VDBI_FRAME_HEADER;
    all.count = own.count;
    if (!st)
        st = vdbi_commit(db, &r);
    for (size_t i = 0; i < prepared; i++)
        vdbi_prepare_free(db, &all.puts[i]);
    vdbi_free(&db->env->memory, all.puts);
    if (failed_row && (st == VDB_INVALID || st == VDB_EXISTS))
        *failed_row = all.failed;
    return st;
}
