/* batch.c: changes that are collected and applied as one commit. */
#include <string.h>

#include "api/arguments.h"
#include "api/write.h"
#include "base/error.h"

/* An item owns copies of all it points to. */
typedef struct item {
    vdbi_put put; /* vector NULL: a removal */
    int must_be_new;
} item;

struct vdb_batch {
    vdb *db;
    item *items;
    size_t count, capacity;
    size_t log_bytes;
    size_t failed;
};

vdb_status vdb_batch_new(vdb *db, vdb_batch **out)
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
    atomic_fetch_add(&db->handles, 1);
    return VDB_OK;
}

static vdb_status enter(vdb_batch *b)
{
    return b ? vdbi_check_handle(b->db) : vdbi_fail(VDB_MISUSE, "the batch is NULL");
}

static void item_clear(vdb_batch *b, item *i)
{
    vdbi_memory *memory = &b->db->env->memory;

    vdbi_prepare_free(b->db, &i->put);
    vdbi_free(memory, (void *)(uintptr_t)i->put.id);
    vdbi_free(memory, (void *)(uintptr_t)i->put.vector);
    vdbi_free(memory, (void *)(uintptr_t)i->put.metadata);
}

static void truncate(vdb_batch *b, size_t count, size_t log_bytes)
{
    while (b->count > count)
        item_clear(b, &b->items[--b->count]);
    b->log_bytes = log_bytes;
}

/* Add a prepared put, copying what it borrows; takes over its flat metadata. */
static vdb_status add(vdb_batch *b, vdbi_put *put, int must_be_new)
{
    vdbi_memory *memory = &b->db->env->memory;
    item i = {*put, must_be_new};
    size_t vector_bytes = (size_t)put->dimension * sizeof(float);
    vdb_status st =
        vdbi_grow(memory, &b->items, &b->capacity, b->count + 1, sizeof *b->items);

    put->flat = NULL;
    i.put.id = vdbi_strdup(memory, put->id, put->id_length);
    i.put.vector = NULL;
    i.put.metadata = NULL;
    if (!st && put->vector) {
        float *copy = vdbi_alloc(memory, vector_bytes);
        if (copy)
            memcpy(copy, put->vector, vector_bytes);
        i.put.vector = copy;
    }
    if (!st && put->metadata)
        i.put.metadata = vdbi_strdup(memory, put->metadata, put->metadata_length);
    if (!st && (!i.put.id || (put->vector && !i.put.vector) ||
                (put->metadata && !i.put.metadata)))
        st = VDB_NOMEM;
    if (st) {
        item_clear(b, &i);
        return st;
    }
    b->items[b->count++] = i;
    b->log_bytes +=
        vdbi_put_log_bytes(put->id_length, put->dimension, put->metadata_length);
    return VDB_OK;
}

vdb_status vdb_batch_insert(vdb_batch *b, const char *id, const float *vector,
                            size_t dim, const char *metadata_json)
{
    vdbi_put put;
    vdb_status st = enter(b);

    if (!st)
        st = vdbi_check_not_null(vector, "vector");
    if (!st)
        st =
            vdbi_prepare_put(b->db, id, id ? strlen(id) : 0, vector, dim, metadata_json,
                             metadata_json ? strlen(metadata_json) : 0, &put);
    return st ? st : add(b, &put, 0);
}

vdb_status vdb_batch_put(vdb_batch *b, const vdb_rows *given, size_t *failed_row)
{
    vdb_rows own;
    size_t count, log_bytes;
    vdb_status st = enter(b);

    if (failed_row)
        *failed_row = SIZE_MAX;
    if (!st)
        st = vdbi_rows_check(given, &own);
    if (st)
        return st;
    count = b->count;
    log_bytes = b->log_bytes;
    for (size_t i = 0; i < own.count && !st; i++) {
        vdbi_put put;
        st = vdbi_rows_put(b->db, &own, i, &put);
        if (st == VDB_INVALID && failed_row)
            *failed_row = i;
        if (!st)
            st = add(b, &put, (own.flags & VDB_ROWS_NEW) != 0);
    }
    if (st)
        truncate(b, count, log_bytes);
    return st;
}

vdb_status vdb_batch_delete(vdb_batch *b, const char *id)
{
    vdbi_put put;
    vdb_status st = enter(b);

    if (!st)
        st = vdbi_prepare_put(b->db, id, id ? strlen(id) : 0, NULL, 0, NULL, 0, &put);
    return st ? st : add(b, &put, 0);
}

static vdb_status apply(vdbi_request *r, vdbi_pending *p)
{
    vdb_batch *b = r->arg;
    vdb_status st = VDB_OK;

    vdbi_section_begin(p->pager);
    for (size_t i = 0; i < b->count && !st; i++) {
        const item *it = &b->items[i];
        st = it->put.vector ? vdbi_pending_put(p, &it->put, it->must_be_new)
                            : vdbi_pending_delete(p, it->put.id, it->put.id_length);
        if (st)
            b->failed = i;
    }
    vdbi_section_end(p->pager);
    return st;
}

vdb_status vdb_batch_apply(vdb_batch *b, size_t *failed_item)
{
    vdbi_request r = {.apply = apply, .arg = b, .only_deletes = 1};
    vdb_status st = enter(b);

    if (failed_item)
        *failed_item = SIZE_MAX;
    if (st || b->count == 0)
        return st;
    for (size_t i = 0; i < b->count; i++)
        r.only_deletes &= b->items[i].put.vector == NULL;
    r.log_bytes =
        b->log_bytes + (b->log_bytes >> 20) * VDBI_FRAME_HEADER + VDBI_FRAME_HEADER;
    b->failed = SIZE_MAX;
    st = vdbi_commit(b->db, &r);
    if (failed_item && (st == VDB_INVALID || st == VDB_EXISTS || st == VDB_NOT_FOUND))
        *failed_item = b->failed;
    if (!st)
        truncate(b, 0, 0);
    return st;
}

void vdb_batch_free(vdb_batch *b)
{
    if (!b)
        return;
    truncate(b, 0, 0);
    atomic_fetch_sub(&b->db->handles, 1);
    vdbi_free(&b->db->env->memory, b->items);
    vdbi_free(&b->db->env->memory, b);
}
