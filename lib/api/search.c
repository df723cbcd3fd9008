/* search.c: searching, and what it returns. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/arguments.h"
#include "base/error.h"
#include "db/results.h"

static vdb_status check_query(vdb *db, vdb_query *q)
{
    const uint32_t known = VDB_QUERY_EXACT | VDB_QUERY_MAX_DISTANCE |
                           VDB_QUERY_WITH_METADATA | VDB_QUERY_WITH_VECTORS |
                           VDB_QUERY_EXPLAIN | VDB_QUERY_FILTERED | VDB_QUERY_PARALLEL;

    if (q->k == 0 || q->k > VDB_K_MAX)
        return vdbi_fail(VDB_INVALID, "k is %zu; it must be 1 to %d", q->k, VDB_K_MAX);
    if (q->flags & ~known)
        return vdbi_fail(VDB_UNSUPPORTED, "vdb_query: flags 0x%x have unknown bits",
                         q->flags);
    if (q->flags & VDB_QUERY_FILTERED && !q->filter)
        return vdbi_fail(VDB_INVALID,
                         "the filter is NULL; it must not mean everything");
    if (q->type != VDB_F32)
        return vdbi_fail(VDB_UNSUPPORTED, "vdb_query: type %d", (int)q->type);
    if (!(q->recall_target >= 0 && q->recall_target <= 1))
        return vdbi_fail(VDB_INVALID, "recall_target is %g; it must be within 0 and 1",
                         (double)q->recall_target);
    if (q->flags & VDB_QUERY_MAX_DISTANCE && isnan(q->max_distance))
        return vdbi_fail(VDB_INVALID, "max_distance is NaN");
    if (q->ef > VDB_K_MAX)
        return vdbi_fail(VDB_INVALID, "ef is %u; it may be at most %d", q->ef,
                         VDB_K_MAX);
    if (q->dim == 0 || q->dim > VDB_DIMENSION_MAX)
        return vdbi_fail(VDB_INVALID, "query: %zu dimensions; 1 to %d are allowed",
                         q->dim, VDB_DIMENSION_MAX);
    if (q->stride == 0)
        q->stride = q->dim * sizeof(float);
    if (q->stride < q->dim * sizeof(float) || q->stride % sizeof(float))
        return vdbi_fail(VDB_INVALID, "vdb_query: a stride of %zu bytes for %zu floats",
                         q->stride, q->dim);
    if (q->count && !q->vectors)
        return vdbi_fail(VDB_INVALID, "the query is NULL");
    for (size_t i = 0; i < q->count; i++) {
        const char *at = (const char *)q->vectors + i * q->stride;
        char name[40] = "query";
        vdb_status st;
        if (q->count > 1)
            snprintf(name, sizeof name, "query %zu", i);
        st = vdbi_check_values(db, (const float *)(const void *)at, q->dim, name);
        if (st)
            return st;
    }
    return VDB_OK;
}

static vdb_status search(vdb *db, const vdb_query *given, vdb_results **out)
{
    vdb_query own;
    vdb_op op;
    vdb_status st = vdbi_check_not_null(out, "out");

    if (st)
        return st;
    *out = NULL;
    st = vdbi_check_handle(db);
    if (!st)
        st = vdbi_check_not_null(given, "query");
    if (!st)
        st = vdbi_struct_read(&own, sizeof own, given, "vdb_query");
    if (!st)
        st = vdbi_check_reserved(own.reserved, "vdb_query");
    if (!st)
        st = vdbi_check_op(own.op, &op);
    if (!st)
        st = check_query(db, &own);
    if (st)
        return st;
    own.op = &op;
    return vdbi_search(db, &own, out);
}

vdb_status vdb_search(vdb *db, const float *query, size_t dim, size_t k,
                      vdb_results **out)
{
    vdb_query q = VDB_QUERY_INIT;

    q.vectors = query;
    q.count = 1;
    q.dim = dim;
    q.k = k;
    return search(db, &q, out);
}

vdb_status vdb_search_filtered(vdb *db, const float *query, size_t dim, size_t k,
                               const vdb_filter *filter, vdb_results **out)
{
    vdb_query q = VDB_QUERY_INIT;

    q.vectors = query;
    q.count = 1;
    q.dim = dim;
    q.k = k;
    q.filter = filter;
    q.flags = VDB_QUERY_FILTERED;
    return search(db, &q, out);
}

vdb_status vdb_search_batch(vdb *db, const vdb_query *query, vdb_results **out)
{
    return search(db, query, out);
}

/* ------------------------------------------------------------ recall targets */

vdb_status vdb_tune(vdb *db, const vdb_op *op)
{
    vdb_op own;
    vdb_status st = vdbi_check_handle(db);

    if (!st)
        st = vdbi_check_op(op, &own);
    if (!st && own.snapshot)
        st = vdbi_fail(VDB_INVALID,
                       "vdb_tune: the newest state is measured, no snapshot");
    return st ? st : vdbi_db_tune(db, &own);
}

vdb_status vdb_tuning_get(vdb *db, size_t i, vdb_tuning *out)
{
    vdb_tuning own = VDB_TUNING_INIT;
    vdbi_recall_table table;
    size_t at = i;
    vdb_status st = vdbi_check_handle(db);

    if (!st)
        st = vdbi_check_not_null(out, "out");
    if (st)
        return st;
    vdbi_graph_recalls(db, &table);
    for (size_t c = 0; c < VDBI_RECALL_CURVES; c++) {
        const vdbi_recall_curve *curve = &table.curves[c];
        if (at >= curve->count) {
            at -= curve->count;
            continue;
        }
        own.k = curve->k;
        own.ef = curve->points[at].ef;
        own.recall = (double)curve->points[at].measured;
        own.promised = (double)curve->points[at].promised;
        own.mean_us = (double)curve->points[at].us;
        own.vectors = table.vectors;
        own.sample = table.sample;
        return vdbi_struct_write(out, &own, sizeof own, "vdb_tuning");
    }
    return vdbi_fail(VDB_NOT_FOUND, "there are %zu measurements of recall", i - at);
}

/* ----------------------------------------------------------------- results */

size_t vdb_results_queries(const vdb_results *r)
{
    return r ? r->queries : 0;
}

size_t vdb_results_count(const vdb_results *r)
{
    return r ? r->count : 0;
}

const size_t *vdb_results_offsets(const vdb_results *r)
{
    return r ? r->offsets : NULL;
}

const float *vdb_results_distances(const vdb_results *r)
{
    return r ? r->distances : NULL;
}

const char *vdb_results_id(const vdb_results *r, size_t i, size_t *length)
{
    int there = r && i < r->count;

    if (length)
        *length = there ? r->items[i].id_length : 0;
    return there ? r->text + r->items[i].id : NULL;
}

const char *vdb_results_metadata(const vdb_results *r, size_t i, size_t *length)
{
    int there = r && i < r->count && r->items[i].metadata != SIZE_MAX;

    if (length)
        *length = there ? r->items[i].metadata_length : 0;
    return there ? r->text + r->items[i].metadata : NULL;
}

const float *vdb_results_vector(const vdb_results *r, size_t i, size_t *dim)
{
    int there = r && i < r->count && r->vectors;

    if (dim)
        *dim = there ? r->dimension : 0;
    return there ? r->vectors + i * r->dimension : NULL;
}

uint32_t vdb_results_flags(const vdb_results *r, size_t q)
{
    return r && q < r->queries ? r->flags[q] : 0;
}

vdb_status vdb_results_explain(const vdb_results *r, size_t q, vdb_explain *out)
{
    if (!r || q >= r->queries)
        return vdbi_fail(VDB_INVALID, "there is no query %zu in these results", q);
    if (!r->explains)
        return vdbi_fail(VDB_INVALID, "the search was made without VDB_QUERY_EXPLAIN");
    return vdbi_struct_write(out, &r->explains[q], sizeof r->explains[q],
                             "vdb_explain");
}

void vdb_results_free(vdb_results *r)
{
    vdbi_results_destroy(r);
}
