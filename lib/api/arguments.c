/* arguments.c: see arguments.h. */
#include "api/arguments.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

enum {
    STRUCT_MAX = 4096
};

vdb_status vdbi_struct_read(void *ours, size_t size, const void *theirs,
                            const char *name)
{
    size_t n;

    memset(ours, 0, size);
    if (!theirs)
        return VDB_OK;
    memcpy(&n, theirs, sizeof n);
    if (n < sizeof n || n > STRUCT_MAX)
        return vdbi_fail(VDB_INVALID, "%s: struct_size %zu (begin with its INIT macro)",
                         name, n);
    for (size_t i = size; i < n; i++)
        if (((const unsigned char *)theirs)[i])
            return vdbi_fail(VDB_UNSUPPORTED,
                             "%s: byte %zu is set; this library knows %zu bytes", name,
                             i, size);
    memcpy(ours, theirs, n < size ? n : size);
    return VDB_OK;
}

vdb_status vdbi_struct_write(void *theirs, const void *ours, size_t size,
                             const char *name)
{
    size_t n;

    if (!theirs)
        return vdbi_fail(VDB_INVALID, "%s is NULL", name);
    memcpy(&n, theirs, sizeof n);
    if (n < sizeof n)
        return vdbi_fail(VDB_INVALID, "%s: struct_size %zu (begin with its INIT macro)",
                         name, n);
    memcpy((char *)theirs + sizeof n, (const char *)ours + sizeof n,
           (n < size ? n : size) - sizeof n);
    return VDB_OK;
}

vdb_status vdbi_check_reserved(uint32_t reserved, const char *name)
{
    return reserved ? vdbi_fail(VDB_UNSUPPORTED, "%s: reserved is %u; it must be 0",
                                name, reserved)
                    : VDB_OK;
}

vdb_status vdbi_check_handle(vdb *db)
{
    if (!db)
        return vdbi_fail(VDB_MISUSE, "the database handle is NULL");
    if (vdbi_fork_mark_is_child(db->fork_mark))
        return vdbi_fail(VDB_MISUSE,
                         "the handle belongs to the process that forked this one");
    return VDB_OK;
}

vdb_status vdbi_check_not_null(const void *pointer, const char *name)
{
    return pointer ? VDB_OK : vdbi_fail(VDB_INVALID, "%s is NULL", name);
}

vdb_status vdbi_check_id(const char *id, size_t length)
{
    size_t bad;

    if (!id)
        return vdbi_fail(VDB_INVALID, "the id is NULL");
    if (length == 0)
        return vdbi_fail(VDB_INVALID, "the id is empty");
    if (length > VDB_ID_MAX)
        return vdbi_fail(VDB_INVALID,
                         "the id '%.*s...' has %zu bytes; at most %d are allowed",
                         vdbi_clip(id, length), id, length, VDB_ID_MAX);
    if (vdbi_utf8_valid(id, length, &bad))
        return vdbi_fail(VDB_INVALID, "the id is not UTF-8 at byte %zu (0x%02x)", bad,
                         (unsigned char)id[bad]);
    return VDB_OK;
}

vdb_status vdbi_check_values(vdb *db, const float *vector, size_t dim, const char *name)
{
    int zero = 1;

    if (!vector)
        return vdbi_fail(VDB_INVALID, "%s: is NULL", name);
    if (dim == 0 || dim > VDB_DIMENSION_MAX)
        return vdbi_fail(VDB_INVALID, "%s: %zu dimensions; 1 to %d are allowed", name,
                         dim, VDB_DIMENSION_MAX);
    for (size_t i = 0; i < dim; i++) {
        float value; /* the caller's may stand anywhere */
        memcpy(&value, (const char *)vector + i * sizeof value, sizeof value);
        if (!isfinite(value))
            return vdbi_fail(VDB_INVALID, "%s: value %zu is %s, not a finite number",
                             name, i, isnan(value) ? "NaN" : "infinite");
        zero &= value == 0;
    }
    if (zero && vdbi_store_shape(db->store)->metric == VDB_COSINE)
        return vdbi_fail(VDB_INVALID,
                         "%s: all values are zero, which has no direction (cosine)",
                         name);
    return VDB_OK;
}

vdb_status vdbi_check_vector(vdb *db, const float *vector, size_t dim, const char *name)
{
    vdbi_version *v;
    uint32_t fixed;
    vdb_status st = vdbi_check_values(db, vector, dim, name);

    if (st)
        return st;
    v = vdbi_version_pin(db);
    fixed = v->image.dimension;
    vdbi_version_release(db, v);
    if (fixed && dim != fixed)
        return vdbi_fail(VDB_INVALID, "Dimension mismatch: expected %u, got %zu", fixed,
                         dim);
    return VDB_OK;
}

vdb_status vdbi_check_op(const vdb_op *op, vdb_op *copy)
{
    vdb_status st = vdbi_struct_read(copy, sizeof *copy, op, "vdb_op");

    return st ? st : vdbi_check_reserved(copy->reserved, "vdb_op");
}

vdb_status vdbi_prepare_put(vdb *db, const char *id, size_t id_length,
                            const float *vector, size_t dim, const char *metadata,
                            size_t metadata_length, vdbi_put *put)
{
    vdbi_flat *flat = NULL;
    vdb_status st = VDB_OK;

    memset(put, 0, sizeof *put);
    st = vdbi_check_id(id, id_length);
    if (!st && vector)
        st = vdbi_check_vector(db, vector, dim, "vector");
    if (!st && metadata)
        st = vdbi_flatten(&db->env->memory, metadata, metadata_length, &flat);
    if (st)
        return st;
    put->id = id;
    put->id_length = id_length;
    put->vector = vector;
    put->dimension = (uint32_t)dim;
    put->metadata = metadata;
    put->metadata_length = metadata ? metadata_length : 0;
    put->flat = flat;
    return VDB_OK;
}

void vdbi_prepare_free(vdb *db, vdbi_put *put)
{
    vdbi_flat_free(&db->env->memory, (vdbi_flat *)(uintptr_t)put->flat);
    put->flat = NULL;
}
