/* search.c: the path of a search: view, filter, scan, answers.
 *
 * Distances come from the one direct kernel whatever the number of queries and threads,
 * so one and many agree bit for bit.
 */
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "db/db.h"
#include "db/results.h"
#include "db/scan.h"

enum {
    GROUP_MAX = 4096,      /* queries answered over one pass */
    GROUP_BYTES = 4 << 20, /* of their vectors: they are read again and again */
    GROUP_MIN = 32,
    ANSWERS_PER_SECTION = 64
};

/* What a search works on, shared by all its queries. */
typedef struct search {
    vdb *db;
    const vdb_query *query;
    const vdbi_image *image;
    vdbi_limits limits;
    uint64_t *wanted; /* a bit per slot */
    uint64_t matches;
    uint64_t filter_ns;
    vdb_results *results;
    vdbi_record record; /* scratch of add_answers() */
} search;

static uint64_t now(vdb *db)
{
    return db->env->vfs.now(db->env->vfs.arg);
}

/* The bits of all live slots. */
static vdb_status live_bits(search *s)
{
    size_t words = VDBI_BITMAP_WORDS(s->image->slot_count);
    vdb_status st;

    s->wanted = vdbi_alloc(&s->db->env->memory, words ? words * 8 : 8);
    if (!s->wanted)
        return VDB_NOMEM;
    vdbi_section_begin(s->db->pager);
    st = vdbi_live_words(s->db->pager, s->image, 0, (uint32_t)words, s->wanted);
    vdbi_section_end(s->db->pager);
    s->matches = s->image->live_count;
    return st;
}

static vdb_status candidates(search *s)
{
    uint64_t before = now(s->db);
    vdb_status st = s->query->filter
                        ? vdbi_filter_evaluate(s->query->filter, s->db->pager, s->image,
                                               &s->db->env->memory, vdbi_limits_tick,
                                               &s->limits, &s->wanted, &s->matches)
                        : live_bits(s);

    s->filter_ns = now(s->db) - before;
    return st;
}

/* Append what was found for one query to the results. */
static vdb_status add_answers(search *s, const vdbi_nearest *nearest)
{
    uint32_t parts = VDBI_RECORD_ID | (s->query->flags & VDB_QUERY_WITH_METADATA
                                           ? (uint32_t)VDBI_RECORD_METADATA
                                           : 0u);
    vdb_status st = VDB_OK;

    for (size_t i = 0; i < nearest->count && !st; i++) {
        uint32_t slot = nearest->items[i].slot;
        const float *row = NULL;
        vdbi_record *r = &s->record;
        if (i % ANSWERS_PER_SECTION == 0)
            vdbi_section_begin(s->db->pager);
        st = vdbi_record_read(s->db->pager, s->image, slot, parts, r);
        if (!st && s->query->flags & VDB_QUERY_WITH_VECTORS)
            st = vdbi_vector_row(s->db->pager, s->image, slot, &row);
        if (!st)
            st = vdbi_results_add(s->results, nearest->items[i].distance, r->id,
                                  r->id_length, r->metadata, r->metadata_length, row,
                                  s->image->dimension);
        if (st || i + 1 == nearest->count || (i + 1) % ANSWERS_PER_SECTION == 0)
            vdbi_section_end(s->db->pager);
    }
    return st;
}

static void explain(search *s, size_t q, uint64_t distances, uint64_t search_ns)
{
    vdb_explain *e = &s->results->explains[q];

    e->struct_size = sizeof *e;
    e->index = vdbi_store_shape(s->db->store)->index;
    e->sequence = s->image->sequence;
    e->live = s->image->live_count;
    e->matches = s->matches;
    e->distances = distances;
    e->filter_ns = s->filter_ns;
    e->search_ns = search_ns;
    e->strategy = s->matches ? VDB_STRATEGY_SCAN : VDB_STRATEGY_NONE;
    snprintf(e->reason, sizeof e->reason, "%s",
             !s->matches            ? "nothing to search"
             : e->index == VDB_HNSW ? "exact search: this version builds no graph"
                                    : "the index is flat: every candidate is compared");
}

/* Find the nearest of queries [from, from + count). */
static vdb_status find(search *s, const vdbi_query *queries, vdbi_nearest *nearest,
                       size_t from, size_t count)
{
    const vdb_query *q = s->query;
    const vdbi_scan scan = {
        .db = s->db,
        .image = s->image,
        .wanted = s->wanted,
        .matches = s->matches,
        .queries = queries,
        .count = count,
        .k = q->k,
        .limit = q->flags & VDB_QUERY_MAX_DISTANCE ? q->max_distance : INFINITY,
        .limits = s->limits,
        .threads =
            q->count > 1 || q->flags & VDB_QUERY_PARALLEL ? s->db->options.threads : 1,
        .done = from,
        .total = q->count,
    };

    return s->matches ? vdbi_scan_run(&scan, nearest) : VDB_OK;
}

/* Answer queries [from, from + count). */
static vdb_status answer(search *s, vdbi_query *queries, vdbi_nearest *nearest,
                         size_t from, size_t count)
{
    const vdb_query *q = s->query;
    size_t stride = q->stride ? q->stride : q->dim * sizeof(float);
    uint64_t before = now(s->db), each;
    vdb_status st;

    for (size_t i = 0; i < count; i++) {
        const char *at = (const char *)q->vectors + (from + i) * stride;
        vdbi_query_init(&queries[i], vdbi_store_shape(s->db->store)->metric,
                        (const float *)(const void *)at, q->dim);
    }
    st = find(s, queries, nearest, from, count);
    each = (now(s->db) - before) / count;
    for (size_t i = 0; i < count; i++) {
        if (!st)
            st = add_answers(s, &nearest[i]);
        s->results->offsets[from + i + 1] = s->results->count;
        s->results->flags[from + i] = VDB_RESULT_EXACT;
        if (s->results->explains)
            explain(s, from + i, nearest[i].distances, each);
        vdbi_nearest_clear(&nearest[i]);
    }
    if (!st)
        vdbi_histogram_record(&s->db->latency, each + s->filter_ns, count);
    return st;
}

/* In groups, whose queries share a pass. */
static vdb_status answer_all(search *s)
{
    vdbi_memory *memory = &s->db->env->memory;
    const size_t total = s->query->count;
    size_t group = GROUP_BYTES / (s->query->dim * sizeof(float));
    vdbi_query *queries;
    vdbi_nearest *nearest;
    vdb_status st = VDB_OK;

    group = group < GROUP_MIN ? GROUP_MIN : group > GROUP_MAX ? GROUP_MAX : group;
    group = group < total ? group : total;
    queries = vdbi_calloc(memory, group, sizeof *queries);
    nearest = vdbi_calloc(memory, group, sizeof *nearest);
    if (total && (!queries || !nearest))
        st = VDB_NOMEM;
    for (size_t at = 0; at < total && !st; at += group) {
        size_t n = total - at < group ? total - at : group;
        st = vdbi_limits_tick(&s->limits);
        if (!st)
            st = answer(s, queries, nearest, at, n);
        if (!st)
            vdbi_limits_progress(&s->limits, at + n, total);
    }
    vdbi_free(memory, queries);
    vdbi_free(memory, nearest);
    vdbi_record_clear(&s->record);
    return st;
}

static vdb_status check_dimension(const search *s)
{
    if (s->image->live_count == 0 || s->query->dim == s->image->dimension)
        return VDB_OK;
    return vdbi_fail(VDB_INVALID, "Dimension mismatch: expected %u, got %zu",
                     s->image->dimension, s->query->dim);
}

vdb_status vdbi_search(vdb *db, const vdb_query *query, vdb_results **out)
{
    search s = {.db = db, .query = query};
    vdbi_version *version;
    vdb_status st = vdbi_op_view(db, query->op ? query->op->snapshot : NULL, &version);

    *out = NULL;
    if (st)
        return st;
    s.image = &version->image;
    s.record.memory = &db->env->memory;
    vdbi_limits_begin(&s.limits, db, query->op);
    st = check_dimension(&s);
    if (!st)
        st = vdbi_results_create(&db->env->memory, query->count,
                                 (query->flags & VDB_QUERY_EXPLAIN) != 0, &s.results);
    if (!st)
        st = candidates(&s);
    if (!st)
        st = answer_all(&s);
    vdbi_free(&db->env->memory, s.wanted);
    vdbi_version_release(db, version);
    if (st) {
        vdbi_results_destroy(s.results);
        return st;
    }
    atomic_fetch_add(&db->queries, query->count);
    *out = s.results;
    return VDB_OK;
}
