/* search.c: the path of a search: view, filter, graph or scan, answers.
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
    int by_graph; /* where the graph can */
    uint32_t ef;
    int unpromised; /* no ef is known for the recall that is wanted */
    uint64_t
        *wanted; /* a bit per slot; NULL, by graph and without a filter: all live */
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
    vdb_status st = VDB_OK;

    if (s->query->filter)
        st = vdbi_filter_evaluate(s->query->filter, s->db->pager, s->image,
                                  s->db->narrow, &s->db->env->memory, vdbi_limits_tick,
                                  &s->limits, &s->wanted, &s->matches);
    else if (s->by_graph)
        s->matches = s->image->live_count;
    else
        st = live_bits(s);
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

static const char *reason(const search *s, int walked)
{
    if (!s->matches)
        return "nothing to search";
    if (walked)
        return s->wanted ? "a walk through the graph, bounded by what passes"
                         : "a walk through the graph";
    if (vdbi_store_shape(s->db->store)->index == VDB_FLAT)
        return "the index is flat: every candidate is compared";
    if (s->query->flags & VDB_QUERY_EXACT)
        return "an exact search was asked for";
    if (s->unpromised)
        return "no ef is known for this recall target (vdb_tune): every candidate is "
               "compared";
    if (atomic_load(&s->db->graph.wanted_bytes))
        return "the graph would take more memory than graph_bytes allows: every "
               "candidate is compared";
    return s->by_graph
               ? "few pass, or many are wanted: every candidate is compared"
               : "no graph yet that is as old as the version: every candidate is "
                 "compared";
}

static void explain(search *s, size_t q, uint64_t distances, uint64_t search_ns,
                    int walked)
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
    e->strategy = !s->matches ? VDB_STRATEGY_NONE
                  : walked    ? VDB_STRATEGY_GRAPH
                              : VDB_STRATEGY_SCAN;
    e->ef = e->strategy == VDB_STRATEGY_GRAPH ? s->ef : 0;
    snprintf(e->reason, sizeof e->reason, "%s", reason(s, walked));
}

static float limit_of(const search *s)
{
    return s->query->flags & VDB_QUERY_MAX_DISTANCE ? s->query->max_distance : INFINITY;
}

/* Find the nearest of queries [from, from + count) by comparing every candidate. */
static vdb_status scan(search *s, const vdbi_query *queries, vdbi_nearest *nearest,
                       size_t from, size_t count)
{
    const vdb_query *q = s->query;
    vdbi_scan scan = {
        .db = s->db,
        .image = s->image,
        .queries = queries,
        .count = count,
        .k = q->k,
        .limit = limit_of(s),
        .limits = s->limits,
        .threads =
            q->count > 1 || q->flags & VDB_QUERY_PARALLEL ? s->db->options.threads : 1,
        .done = from,
        .total = q->count,
    };
    vdb_status st = VDB_OK;

    if (!s->matches)
        return VDB_OK;
    if (!s->wanted)
        st = live_bits(s);
    scan.wanted = s->wanted;
    scan.matches = s->matches;
    return st ? st : vdbi_scan_run(&scan, nearest);
}

/* The same by the graph, and those by a scan that it leaves to one. */
static vdb_status walk(search *s, const vdbi_query *queries, vdbi_nearest *nearest,
                       size_t from, size_t count, uint8_t *walked)
{
    const vdb_query *q = s->query;
    const vdbi_graph_query common = {
        .image = s->image,
        .k = q->k,
        .ef = s->ef,
        .limit = limit_of(s),
        .wanted = s->wanted,
        .matches = s->matches,
    };
    vdb_status st;

    if (!vdbi_graph_suits(&common))
        return scan(s, queries, nearest, from, count);
    st = vdbi_graph_find_all(s->db, &common, queries, count, &s->limits, nearest,
                             walked);
    for (size_t i = 0; i < count && !st; i++)
        if (!walked[i]) {
            vdbi_nearest_clear(&nearest[i]);
            st = scan(s, &queries[i], &nearest[i], from + i, 1);
        }
    return st;
}

/* Answer queries [from, from + count); `walked` has room for a byte for each. */
static vdb_status answer(search *s, vdbi_query *queries, vdbi_nearest *nearest,
                         uint8_t *walked, size_t from, size_t count)
{
    const vdb_query *q = s->query;
    size_t stride = q->stride ? q->stride : q->dim * sizeof(float);
    uint64_t before = now(s->db), each;
    vdb_status st;

    for (size_t i = 0; i < count; i++) {
        const char *at = (const char *)q->vectors + (from + i) * stride;
        vdbi_query_init(&queries[i], vdbi_store_shape(s->db->store)->metric,
                        (const float *)(const void *)at, q->dim);
        walked[i] = 0;
    }
    st = s->by_graph ? walk(s, queries, nearest, from, count, walked)
                     : scan(s, queries, nearest, from, count);
    each = (now(s->db) - before) / count;
    for (size_t i = 0; i < count; i++) {
        if (!st)
            st = add_answers(s, &nearest[i]);
        s->results->offsets[from + i + 1] = s->results->count;
        s->results->flags[from + i] = walked[i] ? 0 : VDB_RESULT_EXACT;
        if (s->results->explains)
            explain(s, from + i, nearest[i].distances, each, walked[i]);
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
    uint8_t *walked;
    vdb_status st = VDB_OK;

    group = group < GROUP_MIN ? GROUP_MIN : group > GROUP_MAX ? GROUP_MAX : group;
    group = group < total ? group : total;
    queries = vdbi_calloc(memory, group, sizeof *queries);
    nearest = vdbi_calloc(memory, group, sizeof *nearest);
    walked = vdbi_calloc(memory, group, 1);
    if (total && (!queries || !nearest || !walked))
        st = VDB_NOMEM;
    for (size_t at = 0; at < total && !st; at += group) {
        size_t n = total - at < group ? total - at : group;
        st = vdbi_limits_tick(&s->limits);
        if (!st)
            st = answer(s, queries, nearest, walked, at, n);
        if (!st)
            vdbi_limits_progress(&s->limits, at + n, total);
    }
    vdbi_free(memory, queries);
    vdbi_free(memory, nearest);
    vdbi_free(memory, walked);
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

/* By the graph, and with which ef.  A recall that nobody has measured is promised by an
 * exact search only. */
static void choose_way(search *s)
{
    vdb *db = s->db;
    const vdb_query *q = s->query;
    uint32_t ef = 0;

    if (q->flags & VDB_QUERY_EXACT)
        return;
    s->by_graph = vdbi_graph_ready(db, s->image);
    if (!s->by_graph && db->graph.wanted)
        vdbi_graph_ask(db);
    if (q->recall_target > 0 && db->graph.wanted) {
        ef = vdbi_graph_ef_for(db, q->k, q->recall_target);
        s->unpromised = s->by_graph && !ef;
        s->by_graph = s->by_graph && ef;
    }
    s->ef = q->ef ? q->ef : q->recall_target > 0 ? 0 : db->options.ef_search;
    s->ef = s->ef > ef ? s->ef : ef;
    if (s->ef < q->k)
        s->ef = (uint32_t)q->k;
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
    choose_way(&s);
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
