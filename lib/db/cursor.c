/* cursor.c: records one by one: get, and cursors in the order of ids. */
#include <string.h>

#include "base/error.h"
#include "db/cursor.h"
#include "store/record.h"

void vdbi_record_unload(vdb_record *r)
{
    vdbi_free(r->memory, r->id);
    vdbi_free(r->memory, r->metadata);
    vdbi_free(r->memory, r->vector);
    r->id = r->metadata = NULL;
    r->vector = NULL;
}

/* Copy a slot's record out; called inside a section. */
static vdb_status load(vdb *db, const vdbi_image *image, uint32_t slot, int ids_only,
                       vdb_record *out)
{
    vdbi_record record = {.memory = out->memory};
    const float *row;
    uint32_t parts = VDBI_RECORD_ID | (ids_only ? 0u : (uint32_t)VDBI_RECORD_METADATA);
    vdb_status st = vdbi_record_read(db->pager, image, slot, parts, &record);

    if (!st) {
        out->id = vdbi_strdup(out->memory, record.id, record.id_length);
        out->id_length = record.id_length;
        st = out->id ? VDB_OK : VDB_NOMEM;
    }
    if (!st && record.metadata) {
        out->metadata =
            vdbi_strdup(out->memory, record.metadata, record.metadata_length);
        out->metadata_length = record.metadata_length;
        st = out->metadata ? VDB_OK : VDB_NOMEM;
    }
    if (!st && !ids_only)
        st = vdbi_vector_row(db->pager, image, slot, &row);
    if (!st && !ids_only) {
        out->dimension = image->dimension;
        out->vector = vdbi_alloc(out->memory, (size_t)image->dimension * sizeof(float));
        st = out->vector ? VDB_OK : VDB_NOMEM;
        if (!st)
            memcpy(out->vector, row, (size_t)image->dimension * sizeof(float));
    }
    vdbi_record_clear(&record);
    return st;
}

vdb_status vdbi_record_load(vdb *db, const vdbi_image *image, uint32_t slot,
                            int ids_only, vdb_record *out)
{
    vdb_status st;

    vdbi_section_begin(db->pager);
    st = load(db, image, slot, ids_only, out);
    vdbi_section_end(db->pager);
    if (st)
        vdbi_record_unload(out);
    return st;
}

vdb_status vdbi_db_get(vdb *db, const char *id, size_t length,
                       const vdb_snapshot *snapshot, vdb_record *out)
{
    vdbi_version *v;
    uint32_t slot;
    vdb_status st = vdbi_op_view(db, snapshot, &v);

    if (st)
        return st;
    vdbi_section_begin(db->pager);
    st = vdbi_id_find(db->pager, &v->image, id, length, &slot);
    vdbi_section_end(db->pager);
    if (!st && slot == VDBI_SLOT_NONE)
        st = vdbi_fail(VDB_NOT_FOUND, "Vector not found: %.*s", vdbi_clip(id, length),
                       id);
    if (!st)
        st = vdbi_record_load(db, &v->image, slot, 0, out);
    vdbi_version_release(db, v);
    return st;
}

vdb_status vdbi_db_count(vdb *db, const vdb_filter *filter, const vdb_op *op,
                         uint64_t *count)
{
    vdbi_version *v;
    uint64_t *bits = NULL;
    vdbi_limits limits;
    vdb_status st = vdbi_op_view(db, op ? op->snapshot : NULL, &v);

    if (st)
        return st;
    vdbi_limits_begin(&limits, db, op);
    *count = v->image.live_count;
    if (filter)
        st = vdbi_filter_evaluate(filter, db->pager, &v->image, db->narrow,
                                  &db->env->memory, vdbi_limits_tick, &limits, &bits,
                                  count);
    vdbi_free(&db->env->memory, bits);
    vdbi_version_release(db, v);
    return st;
}

/* ----------------------------------------------------------------- cursors */

vdb_status vdbi_cursor_begin(vdb *db, const vdb_cursor_options *options,
                             vdb_cursor **out)
{
    vdbi_memory *memory = &db->env->memory;
    vdb_cursor *c = vdbi_calloc(memory, 1, sizeof *c);
    vdb_status st;

    *out = NULL;
    if (!c)
        return VDB_NOMEM;
    c->db = db;
    c->ids_only = (options->flags & VDB_CURSOR_IDS_ONLY) != 0;
    c->record.memory = memory;
    st = vdbi_op_view(db, options->snapshot, &c->version);
    if (!st && options->after) {
        c->position_length = strlen(options->after);
        if (c->position_length > VDB_ID_MAX)
            c->position_length = VDB_ID_MAX;
        memcpy(c->position, options->after, c->position_length);
        c->behind = 1;
    }
    if (!st && options->prefix) {
        c->prefix_length = strlen(options->prefix);
        c->prefix = vdbi_strdup(memory, options->prefix, c->prefix_length);
        st = c->prefix ? VDB_OK : VDB_NOMEM;
    }
    if (!st && options->filter) {
        uint64_t count;
        st = vdbi_filter_evaluate(options->filter, db->pager, &c->version->image,
                                  db->narrow, memory, NULL, NULL, &c->wanted, &count);
    }
    if (st) {
        vdbi_cursor_end(c);
        return st;
    }
    atomic_fetch_add(&db->handles, 1);
    *out = c;
    return VDB_OK;
}

void vdbi_cursor_end(vdb_cursor *c)
{
    vdbi_memory *memory = &c->db->env->memory;

    vdbi_record_unload(&c->record);
    vdbi_version_release(c->db, c->version);
    vdbi_free(memory, c->wanted);
    vdbi_free(memory, c->prefix);
    vdbi_free(memory, c);
}

/* Where to go on: behind the last id given, but not before the prefix. */
static vdb_status seek(vdb_cursor *c, vdbi_tree_cursor *at)
{
    const char *key = c->position;
    size_t length = c->position_length;

    if (c->prefix && vdbi_key_compare(key, length, c->prefix, c->prefix_length) < 0) {
        key = c->prefix;
        length = c->prefix_length;
        if (length > VDBI_KEY_MAX)
            length = VDBI_KEY_MAX;
    }
    return vdbi_tree_seek(at, c->db->pager, &c->version->image.roots[VDBI_ROOT_IDS],
                          key, length);
}

/* Find the next id that is wanted; called inside a section. */
static vdb_status next_slot(vdb_cursor *c, uint32_t *slot)
{
    vdbi_tree_cursor at;
    vdb_status st = seek(c, &at);

    *slot = VDBI_SLOT_NONE;
    while (!st) {
        const uint8_t *key, *value;
        size_t length, value_length;
        uint32_t found;
        st = vdbi_tree_next(&at, &key, &length, &value, &value_length);
        if (st || !key)
            break;
        if (c->behind &&
            vdbi_key_compare(key, length, c->position, c->position_length) <= 0)
            continue;
        if (c->prefix && (length < c->prefix_length ||
                          memcmp(key, c->prefix, c->prefix_length) != 0))
            break;
        if (value_length != 4 || vdbi_get32(value) >= c->version->image.slot_count ||
            length > VDB_ID_MAX)
            return vdbi_fail(VDB_CORRUPT,
                             "the tree of ids: an entry that makes no sense");
        found = vdbi_get32(value);
        memcpy(c->position, key, length);
        c->position_length = length;
        c->behind = 1;
        if (!c->wanted || vdbi_bit_get(c->wanted, found)) {
            *slot = found;
            break;
        }
    }
    return st;
}

vdb_status vdbi_cursor_step(vdb_cursor *c, const vdb_record **record)
{
    uint32_t slot;
    vdb_status st;

    *record = NULL;
    vdbi_record_unload(&c->record);
    vdbi_section_begin(c->db->pager);
    st = next_slot(c, &slot);
    vdbi_section_end(c->db->pager);
    if (st || slot == VDBI_SLOT_NONE)
        return st;
    st = vdbi_record_load(c->db, &c->version->image, slot, c->ids_only, &c->record);
    if (!st)
        *record = &c->record;
    return st;
}
