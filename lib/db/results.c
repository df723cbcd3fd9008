/* results.c: see results.h. */
#include "db/results.h"

#include <string.h>

vdb_status vdbi_results_create(const vdbi_memory *memory, size_t queries, int explain,
                               vdb_results **out)
{
    vdbi_memory own;
    vdb_results *r;

    *out = NULL;
    vdbi_memory_init(&own, &memory->allocator);
    r = vdbi_calloc(&own, 1, sizeof *r);
    if (!r)
        return VDB_NOMEM;
    vdbi_memory_init(&r->memory, &memory->allocator);
    r->queries = queries;
    r->offsets = vdbi_calloc(&r->memory, queries + 1, sizeof *r->offsets);
    r->flags = vdbi_calloc(&r->memory, queries, sizeof *r->flags);
    if (explain)
        r->explains = vdbi_calloc(&r->memory, queries, sizeof *r->explains);
    if (!r->offsets || !r->flags || (explain && !r->explains)) {
        vdbi_results_destroy(r);
        return VDB_NOMEM;
    }
    *out = r;
    return VDB_OK;
}

static vdb_status add_text(vdb_results *r, const char *text, size_t length, size_t *at)
{
    vdb_status st = vdbi_grow(&r->memory, &r->text, &r->text_capacity,
                              r->text_length + length + 1, 1);

    if (st)
        return st;
    *at = r->text_length;
    memcpy(r->text + r->text_length, text, length);
    r->text[r->text_length + length] = 0;
    r->text_length += length + 1;
    return VDB_OK;
}

vdb_status vdbi_results_add(vdb_results *r, float distance, const char *id,
                            size_t id_length, const char *metadata,
                            size_t metadata_length, const float *vector, size_t dim)
{
    vdbi_result_item item = {0, id_length, SIZE_MAX, metadata_length};
    vdb_status st = vdbi_grow(&r->memory, &r->distances, &r->distance_capacity,
                              r->count + 1, sizeof *r->distances);

    if (!st)
        st = vdbi_grow(&r->memory, &r->items, &r->item_capacity, r->count + 1,
                       sizeof *r->items);
    if (!st && vector)
        st = vdbi_grow(&r->memory, &r->vectors, &r->vector_capacity,
                       (r->count + 1) * dim, sizeof *r->vectors);
    if (!st)
        st = add_text(r, id, id_length, &item.id);
    if (!st && metadata)
        st = add_text(r, metadata, metadata_length, &item.metadata);
    if (st)
        return st;
    if (vector) {
        r->dimension = dim;
        memcpy(r->vectors + r->count * dim, vector, dim * sizeof *vector);
    }
    r->distances[r->count] = distance;
    r->items[r->count++] = item;
    return VDB_OK;
}

void vdbi_results_destroy(vdb_results *r)
{
    vdbi_memory memory;

    if (!r)
        return;
    vdbi_free(&r->memory, r->offsets);
    vdbi_free(&r->memory, r->flags);
    vdbi_free(&r->memory, r->explains);
    vdbi_free(&r->memory, r->distances);
    vdbi_free(&r->memory, r->items);
    vdbi_free(&r->memory, r->text);
    vdbi_free(&r->memory, r->vectors);
    vdbi_memory_init(&memory, &r->memory.allocator);
    vdbi_free(&memory, r);
}
