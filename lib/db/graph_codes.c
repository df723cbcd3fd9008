/* graph_codes.c: which kind of code suits the vectors: graph_priv.h.
 *
 * A byte a dimension is fitted to a sample, and measured on it (coarse.h).  If it is too
 * coarse, the fit is tried without the farthest values of each dimension, so that a few
 * vectors far out do not take the codes from all others; and if that is, too, or the
 * metric has no such fit, the codes are float32.  If only the upper halves of the bytes
 * are, walks go by whole ones.
 *
 * A sample is thinner than what it stands for: neighbours in it are farther from each
 * other.  So codes that have passed are measured again on the graph, each time that a
 * quarter of it is new: for a few nodes, what a walk finds near them is ordered by the
 * vectors and by the codes.  When they are too coarse then, the graph is made anew.
 */
#include "base/error.h"
#include "db/graph_priv.h"
#include "index/codes/coarse.h"
#include "store/record.h"

enum {
    FLOATS_DIMENSION = 16, /* a float32 row is one cache line, as a code's would be */
    ASKED = 32,            /* vectors whose neighbours are looked at */
    OTHERS = 4096,         /* of a sample, at most */
    EF = 64,
    FOUND = 1024, /* of a walk, twins and all, at most */
    GROWTH = 4    /* when a quarter is new */
};

/* Distances from one vector, by the vectors and by the codes. */
typedef struct compared {
    uint32_t slots[OTHERS];
    const uint8_t *rows[OTHERS];
    float exact[OTHERS];
    int32_t coded[OTHERS];
    uint32_t count;
} compared;

/* By all bits, and by the upper halves where there are any. */
typedef struct measured {
    vdbi_coarse whole, upper;
} measured;

/* `exact` and `coded` are there. */
static void add_compared(const vdbi_codes *codes, const vdbi_walk *walk,
                         const vdbi_code_query *q, compared *c, measured *out)
{
    vdbi_coarse_add(&out->whole, codes->metric, c->exact, c->coded, c->count);
    if (!codes->halves)
        return;
    walk->upper(codes, q, c->slots, c->count, c->coded);
    vdbi_coarse_add(&out->upper, codes->metric, c->exact, c->coded, c->count);
}

static vdb_status measure_sample(vdbi_memory *memory, vdbi_codes *codes,
                                 const vdbi_graph_sample *sample, measured *out)
{
    uint32_t count = sample->count < OTHERS ? (uint32_t)sample->count : OTHERS;
    uint32_t asked = count < ASKED ? count : ASKED;
    const vdbi_walk *walk = vdbi_walk_for(codes->form);
    compared *c = vdbi_alloc(memory, sizeof *c);
    uint8_t *bytes = vdbi_alloc_aligned(memory, codes->row_bytes, 64);
    vdb_status st = c && bytes ? vdbi_codes_reserve(codes, 0) : VDB_NOMEM;

    *out = (measured){0};
    for (uint32_t i = 0; i < count && !st; i++)
        vdbi_codes_encode(codes, i, sample->rows[i * sample->count / count]);
    for (uint32_t a = 0; a < asked && !st; a++) {
        uint32_t own = a * count / asked;
        const float *vector = sample->rows[own * sample->count / count];
        vdbi_code_query coded;
        vdbi_query exact;
        c->count = 0;
        for (uint32_t i = 0; i < count; i++)
            if (i != own) {
                c->rows[c->count] =
                    (const uint8_t *)sample->rows[i * sample->count / count];
                c->slots[c->count++] = i;
            }
        vdbi_query_init(&exact, codes->metric, vector, codes->dimension);
        vdbi_distances_at(&exact, c->rows, c->count, c->exact);
        vdbi_codes_query(codes, vector, bytes, &coded);
        walk->distances(codes, &coded, c->slots, c->count, c->coded);
        add_compared(codes, walk, &coded, c, out);
    }
    vdbi_free(memory, bytes);
    vdbi_free(memory, c);
    return st;
}

static vdb_status create(vdb *db, const vdbi_graph_sample *sample, int how,
                         vdbi_codes **out)
{
    if (atomic_load(&db->graph.whole))
        how |= VDBI_FIT_WHOLE;
    return vdbi_codes_create(&db->env->memory, vdbi_store_shape(db->store)->metric, how,
                             (uint32_t)sample->dimension, sample->rows, sample->count,
                             out);
}

static void drop(vdbi_codes **codes)
{
    vdbi_codes_free(*codes);
    *codes = NULL;
}

/* Try one way to fit, whole if halves will not do; *coarse: whole will not, either. */
static vdb_status try_fit(vdb *db, const vdbi_graph_sample *sample, int how,
                          vdbi_codes **out, int *coarse)
{
    measured m;
    vdb_status st = create(db, sample, how, out);

    if (!st)
        st = measure_sample(&db->env->memory, *out, sample, &m);
    *coarse = !st && vdbi_is_too_coarse(&m.whole);
    if (!st && (*out)->halves && vdbi_is_too_coarse(&m.upper)) {
        drop(out);
        st = create(db, sample, how | VDBI_FIT_WHOLE, out);
    }
    if (st)
        drop(out);
    return st;
}

static vdb_status fit_bytes(vdb *db, const vdbi_graph_sample *sample, vdbi_codes **out)
{
    int coarse, trimmed = vdbi_store_shape(db->store)->metric == VDB_L2;
    vdb_status st = try_fit(db, sample, VDBI_FIT_BYTES, out, &coarse);

    if (!st && coarse && trimmed) {
        drop(out);
        st = try_fit(db, sample, VDBI_FIT_TRIMMED, out, &coarse);
    }
    if (st || coarse)
        drop(out);
    return st;
}

/* NULL in *out, and no error: not by bytes. */
static vdb_status fit_as_asked(vdb *db, const vdbi_graph_sample *sample,
                               vdbi_codes **out)
{
    vdb_codes codes = vdbi_store_shape(db->store)->codes;
    int coarse;

    if (codes == VDB_CODES_8)
        return try_fit(db, sample, VDBI_FIT_BYTES, out, &coarse);
    if (codes == VDB_CODES_DEFAULT && sample->dimension > FLOATS_DIMENSION)
        return fit_bytes(db, sample, out);
    return VDB_OK;
}

vdb_status vdbi_graph_fit(vdb *db, const vdbi_image *image, vdbi_codes **out)
{
    vdbi_graph_sample sample;
    vdb_status st = vdbi_graph_sample_take(db, image, &sample);

    *out = NULL;
    if (!st && !atomic_load(&db->graph.floats))
        st = fit_as_asked(db, &sample, out);
    if (!st && !*out)
        st = create(db, &sample, VDBI_FIT_FLOATS, out);
    atomic_store(&db->graph.told_apart, sample.count);
    vdbi_graph_sample_drop(db, &sample);
    return st;
}

/* -------------------------------------------------------------------- the graph */

int vdbi_graph_codes_due(vdb *db)
{
    vdbi_graph *g = &db->graph;
    const vdbi_hnsw *h = atomic_load(&g->hnsw);
    uint64_t told_apart = atomic_load(&g->told_apart);

    return h && atomic_load(&g->state) == VDBI_GRAPH_READY &&
           !(db->options.flags & VDB_OPEN_READONLY) &&
           atomic_load(&g->judged) && /* the codes may be freed by a refit */
           atomic_load(&h->count) >= told_apart + told_apart / GROWTH &&
           atomic_load(&h->count) >= vdbi_graph_sizes_now.vectors_min;
}

/* A slot whose vector can be read: live in this version. */
static int is_sure(const vdbi_hnsw *h, const vdbi_image *image, uint32_t slot)
{
    return slot < image->slot_count &&
           !vdbi_is_marked(&h->nodes, slot, VDBI_MARK_IN_DOUBT);
}

static vdb_status add(vdb *db, const vdbi_image *image, compared *c, uint32_t slot,
                      int32_t coded)
{
    const float *row;
    vdb_status st = vdbi_vector_row(db->pager, image, slot, &row);

    if (st)
        return st;
    c->slots[c->count] = slot;
    c->rows[c->count] = (const uint8_t *)row;
    c->coded[c->count++] = coded;
    return VDB_OK;
}

/* What a walk has found, with the twins. */
static vdb_status gather(vdb *db, const vdbi_image *image, const vdbi_hnsw *h,
                         const vdbi_pool *pool, uint32_t own, compared *c)
{
    vdb_status st = VDB_OK;

    c->count = 0;
    for (uint32_t i = 0; i < pool->count && !st; i++) {
        uint32_t slot = vdbi_key_slot(pool->keys[i]);
        int32_t coded = vdbi_key_distance(pool->keys[i]);
        int more = vdbi_is_marked(&h->nodes, slot, VDBI_MARK_TWINS);
        while (!st && c->count < FOUND) {
            if (slot != own && is_sure(h, image, slot))
                st = add(db, image, c, slot, coded);
            if (!more)
                break;
            slot = atomic_load_explicit(&vdbi_node_of(&h->nodes, slot)->twin,
                                        memory_order_acquire);
            if (slot == VDBI_NO_SLOT ||
                !vdbi_is_marked(&h->nodes, slot, VDBI_MARK_CHAINED))
                break;
        }
    }
    return st;
}

static void compare(const vdbi_hnsw *h, const float *vector, vdbi_scratch *s,
                    compared *c, measured *out)
{
    vdbi_code_query coded;
    vdbi_query exact;

    vdbi_query_init(&exact, h->shape.metric, vector, h->shape.dimension);
    vdbi_distances_at(&exact, c->rows, c->count, c->exact);
    vdbi_codes_query(s->codes, vector, s->query_bytes, &coded);
    add_compared(s->codes, h->walks[s->codes->form], &coded, c, out);
}

static vdb_status measure_one(vdb *db, const vdbi_image *image, vdbi_hnsw *h,
                              uint32_t slot, compared *c, measured *out)
{
    vdbi_visitor *visitor;
    const float *vector;
    vdb_status st = vdbi_visit_begin(h->visitors, &visitor);

    if (st)
        return st;
    vdbi_section_begin(db->pager);
    st = vdbi_vector_row(db->pager, image, slot, &vector);
    if (!st)
        st = vdbi_hnsw_search(h, vector, EF, NULL, 0, &visitor->scratch);
    if (!st)
        st = gather(db, image, h, &visitor->scratch.pool, slot, c);
    if (!st)
        compare(h, vector, &visitor->scratch, c, out);
    vdbi_section_end(db->pager);
    vdbi_visit_end(visitor);
    return st;
}

/* (upkeep: no slot is freed) */
static vdb_status measure(vdb *db, vdbi_hnsw *h, measured *out)
{
    vdbi_graph *g = &db->graph;
    uint32_t limit = atomic_load(&h->slot_limit);
    vdbi_version *version = vdbi_version_pin(db);
    compared *c = vdbi_alloc(g->memory, sizeof *c);
    vdb_status st = c ? VDB_OK : VDB_NOMEM;

    *out = (measured){0};
    atomic_store(&g->told_apart, atomic_load(&h->count));
    for (uint64_t a = 0; a < ASKED && !st && vdbi_graph_goes_on(g); a++) {
        uint32_t slot = (uint32_t)(a * limit / ASKED);
        while (slot < limit &&
               !(vdbi_is_node(&h->nodes, slot) && is_sure(h, &version->image, slot)))
            slot++;
        if (slot < limit)
            st = measure_one(db, &version->image, h, slot, c, out);
    }
    vdbi_free(g->memory, c);
    vdbi_version_release(db, version);
    return st;
}

/* What would be said if the graph is to be made anew by other codes; NULL: it is not. */
static const char *why_not(vdb *db, vdbi_hnsw *h)
{
    vdbi_graph *g = &db->graph;
    measured m;

    if (!vdbi_graph_codes_due(db) || measure(db, h, &m))
        return NULL;
    if (vdbi_store_shape(db->store)->codes == VDB_CODES_DEFAULT &&
        vdbi_is_too_coarse(&m.whole)) {
        atomic_store(&g->floats, 1);
        return "a byte a dimension is too coarse for these vectors; it is made anew by "
               "float32";
    }
    if (vdbi_is_too_coarse(&m.upper)) {
        atomic_store(&g->whole, 1);
        return "half a byte a dimension is too coarse for these vectors; it is made "
               "anew by whole ones";
    }
    return NULL;
}

int vdbi_graph_look_at_codes(vdb *db)
{
    vdbi_graph *g = &db->graph;
    vdbi_hnsw *h;
    vdb_error error = VDB_ERROR_INIT;
    const char *why;
    int due;

    vdbi_lock(&g->lock);
    due = vdbi_graph_codes_due(db);
    vdbi_unlock(&g->lock);
    if (!due)
        return 0;
    vdbi_error_save(&error);
    vdbi_lock(&g->upkeep);
    h = atomic_load(&g->hnsw);
    why = h ? why_not(db, h) : NULL;
    vdbi_unlock(&g->upkeep);
    if (why) {
        /* Its links were chosen by codes that say little: to choose them again, one by
         * one, by walks over such links, left many nodes that no walk finds. */
        vdbi_graph_yield(db, why);
        vdbi_graph_resume(db);
    }
    vdbi_error_restore(&error);
    return 1;
}
