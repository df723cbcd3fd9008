/* search.c: the path of a search: view, filter, scan, answers.
 *
 * Queries are answered a few at a time over the same blocks, so that a block that is in
 * the cache serves them all.  Distances come from the one direct kernel whatever the
 * number of queries, so one and many agree bit for bit.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "db/db.h"
#include "db/results.h"
#include "index/flat/flat.h"
#include "store/record.h"

enum {
    TOGETHER = 32,          /* queries answered over one pass */
    SECTION_BYTES = 4 << 20 /* of vectors read in one reading section */
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
    vdbi_record ids[2]; /* scratch of compare_ids */
    size_t shares; /* of the queries, on as many threads; 0: not the caller's thread */
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

/* For ties, inside the section of the scan. */
static vdb_status compare_ids(void *arg, uint32_t a, uint32_t b, int *order)
{
    search *s = arg;
    vdb_status st =
        vdbi_record_read(s->db->pager, s->image, a, VDBI_RECORD_ID, &s->ids[0]);

    if (!st)
        st = vdbi_record_read(s->db->pager, s->image, b, VDBI_RECORD_ID, &s->ids[1]);
    if (st)
        return st;
    *order = memcmp(s->ids[0].id, s->ids[1].id,
                    s->ids[0].id_length < s->ids[1].id_length ? s->ids[0].id_length
                                                              : s->ids[1].id_length);
    if (!*order)
        *order = s->ids[0].id_length < s->ids[1].id_length
                     ? -1
                     : s->ids[0].id_length > s->ids[1].id_length;
    return VDB_OK;
}

/* Whether any slot of [first, first + count) is wanted. */
static int any_wanted(const search *s, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++) {
        if (i % 64 == 0 && s->wanted[i / 64] == 0)
            i += 63;
        else if (vdbi_bit_get(s->wanted, i))
            return 1;
    }
    return 0;
}

/* Compare a few queries with every wanted row. */
static vdb_status scan(search *s, const vdbi_query *queries, vdbi_nearest *nearest,
                       size_t count)
{
    uint32_t per_block = vdbi_rows_per_block(s->image->dimension);
    uint32_t row_bytes = vdbi_row_bytes(s->image->dimension);
    uint32_t slots = s->image->slot_count;
    size_t in_section = 0;
    vdb_status st = VDB_OK;

    vdbi_section_begin(s->db->pager);
    for (uint32_t first = 0; first < slots && !st; first += per_block) {
        uint32_t n = slots - first < per_block ? slots - first : per_block;
        const uint8_t *rows;
        if (!any_wanted(s, first, n))
            continue;
        if (in_section >= SECTION_BYTES) {
            vdbi_section_end(s->db->pager);
            st = vdbi_limits_tick(&s->limits);
            vdbi_section_begin(s->db->pager);
            in_section = 0;
            if (st)
                break;
        }
        st = vdbi_vector_block(s->db->pager, s->image, first / per_block, &rows);
        if (!st && !rows)
            st = vdbi_fail(VDB_CORRUPT, "slots from %u on have no vectors", first);
        for (size_t i = 0; i < count && !st; i++)
            st = vdbi_flat_scan(&nearest[i], &queries[i], rows, row_bytes, n, first,
                                s->wanted, first);
        in_section += (size_t)n * row_bytes * count;
    }
    for (size_t i = 0; i < count && !st; i++)
        st = vdbi_nearest_sort(&nearest[i]);
    vdbi_section_end(s->db->pager);
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
        uint32_t slot = nearest->heap[i].slot;
        const float *row = NULL;
        vdbi_record *r = &s->ids[0];
        vdbi_section_begin(s->db->pager);
        st = vdbi_record_read(s->db->pager, s->image, slot, parts, r);
        if (!st && s->query->flags & VDB_QUERY_WITH_VECTORS)
            st = vdbi_vector_row(s->db->pager, s->image, slot, &row);
        if (!st)
            st = vdbi_results_add(s->results, nearest->heap[i].distance, r->id,
                                  r->id_length, r->metadata, r->metadata_length, row,
                                  s->image->dimension);
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

/* Answer queries [from, from + count) of the search as queries `into`, ... of the results. */
static vdb_status answer(search *s, size_t from, size_t count, size_t into)
{
    vdbi_query queries[TOGETHER];
    vdbi_nearest nearest[TOGETHER];
    const vdb_query *q = s->query;
    size_t stride = q->stride ? q->stride : q->dim * sizeof(float);
    float limit = q->flags & VDB_QUERY_MAX_DISTANCE ? q->max_distance : INFINITY;
    uint64_t before = now(s->db), each;
    vdb_status st = VDB_OK;

    for (size_t i = 0; i < count; i++) {
        const char *at = (const char *)q->vectors + (from + i) * stride;
        vdbi_query_init(&queries[i], vdbi_store_shape(s->db->store)->metric,
                        (const float *)(const void *)at, q->dim);
        vdbi_nearest_init(&nearest[i], &s->db->env->memory, q->k, limit, compare_ids,
                          s);
    }
    if (s->matches)
        st = scan(s, queries, nearest, count);
    each = (now(s->db) - before) / count;
    for (size_t i = 0; i < count; i++) {
        if (!st)
            st = add_answers(s, &nearest[i]);
        s->results->offsets[into + i + 1] = s->results->count;
        s->results->flags[into + i] = VDB_RESULT_EXACT;
        if (s->results->explains)
            explain(s, into + i, nearest[i].distances, each);
        vdbi_nearest_clear(&nearest[i]);
    }
    if (!st)
        vdbi_histogram_record(&s->db->latency, each + s->filter_ns, count);
    return st;
}

/* Answer queries [from, to). */
static vdb_status answer_all(search *s, size_t from, size_t to)
{
    vdb_status st = VDB_OK;

    for (size_t at = from; at < to && !st; at += TOGETHER) {
        size_t n = to - at < TOGETHER ? to - at : TOGETHER;
        st = vdbi_limits_tick(&s->limits);
        if (!st)
            st = answer(s, at, n, at - from);
        if (!st && s->shares) { /* the others are about as far */
            uint64_t done = (at + n - from) * s->shares;
            vdbi_limits_progress(&s->limits,
                                 done < s->query->count ? done : s->query->count,
                                 s->query->count);
        }
    }
    vdbi_record_clear(&s->ids[0]);
    vdbi_record_clear(&s->ids[1]);
    return st;
}

/* A share of the queries, answered by a thread into results of its own. */
typedef struct share {
    search search;
    size_t from, to;
    vdbi_thread thread;
    int running;
    vdb_status status;
    vdb_error error;
} share;

static void *share_run(void *arg)
{
    share *s = arg;

    s->status = answer_all(&s->search, s->from, s->to);
    if (s->status) {
        s->error.struct_size = sizeof s->error;
        vdbi_error_save(&s->error);
    }
    return NULL;
}

/* Split the queries among `count` threads, the calling one included. */
static vdb_status answer_in_parallel(search *s, size_t count)
{
    vdbi_memory *memory = &s->db->env->memory;
    share *shares = vdbi_calloc(memory, count, sizeof *shares);
    size_t each = (s->query->count + count - 1) / count;
    vdb_status st = shares ? VDB_OK : VDB_NOMEM;

    for (size_t i = 0; i < count && !st; i++) {
        share *p = &shares[i];
        p->from = i * each < s->query->count ? i * each : s->query->count;
        p->to = p->from + each < s->query->count ? p->from + each : s->query->count;
        p->search = *s;
        p->search.results = NULL;
        p->search.shares = i == 0 ? count : 0;
        st = vdbi_results_create(memory, p->to - p->from, s->results->explains != NULL,
                                 &p->search.results);
        /* A thread that cannot be had is no error: its share is answered here. */
        if (!st && i > 0)
            p->running = vdbi_thread_start(&p->thread, share_run, p) == VDB_OK;
    }
    for (size_t i = 0; shares && i < count; i++) {
        share *p = &shares[i];
        if (p->running)
            vdbi_thread_join(p->thread);
        else if (!st)
            share_run(p);
        if (!st && p->status) {
            vdbi_error_restore(&p->error);
            st = p->status;
        }
        if (!st)
            st = vdbi_results_join(s->results, p->from, p->search.results);
        vdbi_results_destroy(p->search.results);
    }
    vdbi_free(memory, shares);
    return st;
}

static size_t threads_for(const search *s)
{
    size_t groups = (s->query->count + TOGETHER - 1) / TOGETHER;
    size_t threads = s->db->options.threads;

    return s->matches && groups < threads ? groups : s->matches ? threads : 1;
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
    search s = {.db = db, .query = query, .shares = 1};
    vdbi_version *version;
    vdb_status st = vdbi_op_view(db, query->op ? query->op->snapshot : NULL, &version);

    *out = NULL;
    if (st)
        return st;
    s.image = &version->image;
    s.ids[0].memory = s.ids[1].memory = &db->env->memory;
    vdbi_limits_begin(&s.limits, db, query->op);
    st = check_dimension(&s);
    if (!st)
        st = vdbi_results_create(&db->env->memory, query->count,
                                 (query->flags & VDB_QUERY_EXPLAIN) != 0, &s.results);
    if (!st)
        st = candidates(&s);
    if (!st)
        st = threads_for(&s) > 1 ? answer_in_parallel(&s, threads_for(&s))
                                 : answer_all(&s, 0, query->count);
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
