/* graph_find.c: the nearest of a query by the graph.
 *
 * The walk finds its way by codes.  What is fresh, and so not linked, is compared by its
 * codes too and joins what the walk has found; it is looked at first, so that what is
 * linked meanwhile is met by one or the other.  Of the best, the vectors themselves are
 * compared, and only these distances are answers.
 *
 * With a filter, or when much is dead, nodes that do not pass are walked through; the walk
 * then is bounded by its results.  It gives up when it has cost what comparing all that
 * pass would, and that is done instead.
 */
#include <math.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/error.h"
#include "db/graph_priv.h"
#include "db/id_order.h"
#include "index/codes/trust.h"
#include "store/record.h"

enum {
    DISTANCES_MIN = 4096, /* a walk may always compute */
    FRESH_AT_ONCE = 256,
    FIRST_MIN = 8,         /* nodes that are compared before the codes are trusted */
    QUERIES_PER_THREAD = 8 /* fewer are not worth a thread's start */
};

typedef struct finder {
    vdb *db;
    const vdbi_graph_query *q;
    const vdbi_query *query;
    vdbi_hnsw *h;
    vdbi_scratch *s;
    int fresh_too;     /* the pool has fresh slots */
    vdb_status status; /* of reading liveness */
} finder;

/* Whether a slot may be an answer; inside a section. */
static int passes(void *arg, uint32_t slot)
{
    finder *f = arg;
    const vdbi_image *image = f->q->image;
    uint64_t word;

    if (slot >= image->slot_count)
        return 0; /* younger than the version */
    if (f->q->wanted)
        return vdbi_bit_get(f->q->wanted, slot);
    if (!vdbi_is_marked(&f->h->nodes, slot, VDBI_MARK_IN_DOUBT))
        return 1;
    if (f->status)
        return 0;
    f->status = vdbi_live_words(f->db->pager, image, slot / 64, 1, &word);
    return !f->status && (int)(word >> slot % 64 & 1);
}

int vdbi_graph_ready(vdb *db, const vdbi_image *image)
{
    return atomic_load(&db->graph.state) == VDBI_GRAPH_READY &&
           atomic_load(&db->graph.since) <= image->sequence;
}

/* Whether it is this graph still that is ready: between two calls that say so, the list
 * of fresh slots was this graph's too. */
static int is_ready(const finder *f)
{
    return f->h && vdbi_graph_ready(f->db, f->q->image) &&
           atomic_load(&f->db->graph.hnsw) == f->h;
}

/* Copy the list of fresh slots: *slots has `count` of them; NULL: none. */
static vdb_status copy_fresh(vdbi_graph *g, uint32_t **slots, size_t *count)
{
    vdb_status st = VDB_OK;

    *slots = NULL;
    *count = 0;
    if (atomic_load(&g->fresh_count) == 0)
        return VDB_OK;
    vdbi_lock(&g->lock);
    if (g->end > g->begin) { /* it may have run out since it was asked */
        *slots = vdbi_alloc(g->memory, (g->end - g->begin) * sizeof **slots);
        if (!*slots)
            st = VDB_NOMEM;
        for (size_t i = g->begin; *slots && i < g->end; i++)
            if (!(g->fresh[i] & VDBI_FRESH_DONE))
                (*slots)[(*count)++] = g->fresh[i];
    }
    vdbi_unlock(&g->lock);
    return st;
}

/* Put a key into the sorted pool, if it is worth it and not there. */
static void add_key(vdbi_pool *p, uint64_t key)
{
    uint32_t at = p->count;

    if (p->count == p->capacity && key >= p->keys[p->count - 1])
        return;
    while (at && p->keys[at - 1] > key)
        at--;
    if ((at < p->count && (p->keys[at] | 1) == (key | 1)) ||
        (at && (p->keys[at - 1] | 1) == (key | 1)))
        return;
    if (p->count < p->capacity)
        p->count++;
    memmove(p->keys + at + 1, p->keys + at, (p->count - 1 - at) * sizeof *p->keys);
    p->keys[at] = key;
}

/* The codes of the fresh slots that pass join the pool. */
static void add_fresh(finder *f, const uint32_t *slots, size_t count)
{
    const vdbi_codes *codes = f->s->codes;
    vdbi_code_query code;
    uint32_t some[FRESH_AT_ONCE];
    int32_t distances[FRESH_AT_ONCE];

    if (count == 0)
        return;
    f->fresh_too = 1;
    vdbi_codes_query(codes, f->query->vector, f->s->query_bytes, &code);
    f->s->scale = code.scale; /* the walk may have had nothing to begin with */
    for (size_t i = 0; i < count;) {
        uint32_t n = 0;
        for (; i < count && n < FRESH_AT_ONCE; i++)
            if (passes(f, slots[i]))
                some[n++] = slots[i];
        f->h->walks[codes->form]->distances(codes, &code, some, n, distances);
        f->s->distances += n;
        for (uint32_t j = 0; j < n; j++)
            add_key(&f->s->pool, vdbi_key(distances[j], some[j]));
    }
}

/* Slots to compare, as they are gathered. */
typedef struct gathered {
    uint32_t slots[FRESH_AT_ONCE];
    int32_t coded[FRESH_AT_ONCE];
    const uint8_t *rows[FRESH_AT_ONCE];
    float distances[FRESH_AT_ONCE];
    uint32_t count;
    int32_t of_node; /* what the node's code says, of those that are added */
    vdbi_trust trust;
} gathered;

static vdb_status compare(finder *f, gathered *g, vdbi_nearest *nearest)
{
    vdb_status st = VDB_OK;

    for (uint32_t i = 0; i < g->count && !st; i++) {
        const float *row;
        st = vdbi_vector_row(f->db->pager, f->q->image, g->slots[i], &row);
        g->rows[i] = (const uint8_t *)row;
    }
    if (st)
        return st;
    vdbi_distances_at(f->query, g->rows, g->count, g->distances);
    nearest->distances += g->count;
    for (uint32_t i = 0; i < g->count; i++)
        vdbi_trust_add(&g->trust, g->coded[i], g->distances[i]);
    st = vdbi_nearest_offer(nearest, g->distances, g->slots, g->count);
    g->count = 0;
    return st;
}

static vdb_status add_slot(finder *f, gathered *g, uint32_t slot, vdbi_nearest *nearest)
{
    g->coded[g->count] = g->of_node;
    g->slots[g->count++] = slot;
    return g->count == FRESH_AT_ONCE ? compare(f, g, nearest) : VDB_OK;
}

static int is_in_pool(const finder *f, uint32_t slot)
{
    const vdbi_pool *pool = &f->s->pool;

    for (uint32_t i = 0; i < pool->count; i++)
        if (vdbi_key_slot(pool->keys[i]) == slot)
            return 1;
    return 0;
}

/* A node, if it passes, and its twins that do; *count grows by how many did.  A twin may be
 * in the pool by itself too, and is met once: when it was fresh as the search began, or
 * is the heir of a leader that is being taken out; the rest of the chain is the heir's. */
static vdb_status add_node(finder *f, gathered *g, uint32_t slot, vdbi_nearest *nearest,
                           size_t *count)
{
    const vdbi_nodes *nodes = &f->h->nodes;
    uint32_t twins = vdbi_is_marked(nodes, slot, VDBI_MARK_TWINS) ? VDBI_TWINS_MAX : 0;
    int again = 0;
    vdb_status st = VDB_OK;

    for (;; twins--) {
        int heir;
        if (!again && passes(f, slot)) {
            st = add_slot(f, g, slot, nearest);
            ++*count;
        }
        if (st || !twins)
            return st;
        slot = atomic_load_explicit(&vdbi_node_of(nodes, slot)->twin,
                                    memory_order_acquire);
        if (slot == VDBI_NO_SLOT)
            return VDB_OK;
        heir = !vdbi_is_marked(nodes, slot, VDBI_MARK_CHAINED);
        again = (heir || f->fresh_too) && is_in_pool(f, slot);
        if (heir && again)
            return VDB_OK;
    }
}

/* Compare the vectors of the best of the pool. */
static vdb_status rank(finder *f, vdbi_nearest *nearest)
{
    const vdbi_pool *pool = &f->s->pool;
    size_t more = vdbi_code_is_exact(f->s->codes->kind) ? 0 : f->q->k / 2;
    size_t wanted = f->q->k + more + 8, count = 0;
    size_t first = f->q->k > FIRST_MIN ? f->q->k : FIRST_MIN;
    gathered g;
    int judged;
    vdb_status st = VDB_OK;

    g.count = 0;
    vdbi_trust_begin(&g.trust, f->s->codes, f->s->scale, f->query->inverse_norm);
    judged = g.trust.unit == 0;
    /* Those that the codes cannot tell from the last are compared too. */
    for (uint32_t i = 0; i < pool->count && !st; i++) {
        uint32_t slot = vdbi_key_slot(pool->keys[i]);
        int tied = i && vdbi_key_distance(pool->keys[i]) == g.of_node;
        g.of_node = vdbi_key_distance(pool->keys[i]);
        if (count >= wanted && !(tied && count < wanted + VDBI_TWINS_MAX))
            break;
        if (!judged && i >= first && count >= f->q->k) {
            st = compare(f, &g, nearest);
            judged = 1;
        }
        if (judged && vdbi_trust_beyond(&g.trust, g.of_node, slot))
            count++;
        else if (!st)
            st = add_node(f, &g, slot, nearest, &count);
    }
    if (!st)
        st = compare(f, &g, nearest);
    return st ? st : vdbi_nearest_sort(nearest);
}

/* How many nodes of the pool are dead, or too young. */
static uint32_t useless(finder *f)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < f->s->pool.count; i++) {
        uint32_t slot = vdbi_key_slot(f->s->pool.keys[i]);
        n += !vdbi_is_marked(&f->h->nodes, slot, VDBI_MARK_TWINS) && !passes(f, slot);
    }
    return n;
}

static vdb_status walk(finder *f, uint32_t ef)
{
    const vdbi_graph_query *q = f->q;
    const vdbi_pass pass = {passes, f};
    /* A code costs a random access, but is a quarter of a row. */
    uint64_t most = q->matches > DISTANCES_MIN ? q->matches : DISTANCES_MIN;
    vdb_status st = VDB_OK;

    if (!q->wanted) {
        st = vdbi_hnsw_search(f->h, f->query->vector, ef, NULL, 0, f->s);
        if (st ||
            (atomic_load(&f->db->graph.doubtful) == 0 && f->s->pool.count == ef) ||
            useless(f) <= ef / 8)
            return st;
    }
    return vdbi_hnsw_search(f->h, f->query->vector, ef, &pass, most, f->s);
}

static vdb_status find(finder *f, vdbi_nearest *nearest, int *found)
{
    const vdbi_graph_query *q = f->q;
    size_t wanted = q->k < q->matches ? q->k : (size_t)q->matches;
    uint32_t ef = q->ef > q->k ? q->ef : (uint32_t)q->k;
    uint32_t *fresh;
    size_t fresh_count;
    int ready = is_ready(f);
    vdb_status st = copy_fresh(&f->db->graph, &fresh, &fresh_count);

    ready = ready && is_ready(f);
    vdbi_section_begin(f->db->pager);
    if (!st && ready)
        st = walk(f, ef);
    if (!st && ready && !f->s->gave_up) {
        add_fresh(f, fresh, fresh_count);
        st = rank(f, nearest);
        *found = nearest->count == wanted || q->limit < INFINITY;
    }
    vdbi_section_end(f->db->pager);
    vdbi_free(f->db->graph.memory, fresh);
    return st ? st : f->status;
}

/* The query of that number. */
static vdb_status find_one(vdb *db, const vdbi_graph_query *q,
                           const vdbi_query *queries, size_t i, vdbi_nearest *nearest,
                           uint8_t *walked)
{
    finder f = {.db = db, .q = q, .query = &queries[i]};
    vdbi_id_order order;
    vdbi_visitor *visitor;
    int found = 0;
    vdb_status st;

    vdbi_id_order_init(&order, db->pager, q->image);
    vdbi_nearest_init(nearest, &db->env->memory, q->k, q->limit, vdbi_id_order_compare,
                      &order);
    st = vdbi_visit_begin(&db->graph.visitors, &visitor);
    if (st)
        return st;
    f.h = atomic_load(&db->graph.hnsw);
    f.s = &visitor->scratch;
    f.s->held_out = q->held_out ? q->held_out[i] + 1 : 0;
    st = find(&f, nearest, &found);
    f.s->held_out = 0;
    nearest->distances += f.s->distances;
    vdbi_visit_end(visitor);
    vdbi_id_order_clear(&order);
    *walked = (uint8_t)found;
    return st;
}

/* A batch, of which threads take one query after another. */
typedef struct batch {
    vdb *db;
    const vdbi_graph_query *common;
    const vdbi_query *queries;
    size_t count;
    vdbi_nearest *nearest;
    uint8_t *walked;
    _Atomic size_t next;
} batch;

typedef struct helper {
    batch *batch;
    vdbi_limits limits;
    vdbi_thread thread;
    int running;
    vdb_status status;
    vdb_error error;
} helper;

static void *help(void *arg)
{
    helper *h = arg;
    batch *b = h->batch;
    size_t i;

    while (!h->status && (i = atomic_fetch_add(&b->next, 1)) < b->count) {
        h->status = vdbi_limits_tick(&h->limits);
        if (!h->status)
            h->status = find_one(b->db, b->common, b->queries, i, &b->nearest[i],
                                 &b->walked[i]);
    }
    if (h->status) {
        h->error.struct_size = sizeof h->error;
        vdbi_error_save(&h->error);
    }
    return NULL;
}

static vdb_status find_on_threads(batch *b, const vdbi_limits *limits, size_t threads)
{
    vdbi_memory *memory = &b->db->env->memory;
    helper *helpers = vdbi_calloc(memory, threads, sizeof *helpers);
    vdb_status st = VDB_OK;

    if (!helpers)
        return VDB_NOMEM;
    for (size_t i = 0; i < threads; i++) {
        helpers[i].batch = b;
        helpers[i].limits = *limits;
        /* A thread that cannot be had is no error: the others do its share. */
        if (i > 0)
            helpers[i].running =
                vdbi_thread_start(&helpers[i].thread, help, &helpers[i]) == VDB_OK;
    }
    help(&helpers[0]);
    for (size_t i = 0; i < threads; i++) {
        if (helpers[i].running)
            vdbi_thread_join(helpers[i].thread);
        if (!st && helpers[i].status) {
            vdbi_error_restore(&helpers[i].error);
            st = helpers[i].status;
        }
    }
    vdbi_free(memory, helpers);
    return st;
}

int vdbi_graph_suits(const vdbi_graph_query *common)
{
    return common->matches > vdbi_graph_sizes_now.matches_min &&
           common->k < common->matches / 4;
}

vdb_status vdbi_graph_find_all(vdb *db, const vdbi_graph_query *common,
                               const vdbi_query *queries, size_t count,
                               vdbi_limits *limits, vdbi_nearest *nearest,
                               uint8_t *walked)
{
    batch b = {.db = db,
               .common = common,
               .queries = queries,
               .count = count,
               .nearest = nearest,
               .walked = walked};
    size_t threads = count / QUERIES_PER_THREAD < db->options.threads
                         ? count / QUERIES_PER_THREAD
                         : db->options.threads;
    vdb_status st = VDB_OK;

    if (threads > 1)
        return find_on_threads(&b, limits, threads);
    for (size_t i = 0; i < count && !st; i++) {
        st = vdbi_limits_tick(limits);
        if (!st)
            st = find_one(db, common, queries, i, &nearest[i], &walked[i]);
    }
    return st;
}
