/* graph_tune.c: measuring which ef reaches which recall, for recall targets.
 *
 * Vectors from all over the newest version are searched for by the graph, and what is found
 * is compared with an exact search's.  Each is held out: the walk does not go by its node,
 * and its own slot counts for nothing.  A stored vector whose node may be used is easier to
 * come near to than a query, for its links lead to just what is looked for: by up to 2.9
 * times in what is missed (docs/tuning.md).  Held out it is as hard as a query or harder,
 * since its neighbours' lists were made with it in them.
 *
 * It costs as much as comparing a thousand vectors with all others, and a few seconds of
 * searches; so it is done only where a recall target has been asked for, by a search or in
 * the past: once, and whenever the database has grown by half.
 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "db/graph_priv.h"
#include "db/id_order.h"
#include "db/scan.h"

enum {
    SAMPLE_MAX = 1000,
    SAMPLE_MIN = 100,
    SHARE = 4,           /* of the vectors, at most one in so many */
    QUERIES_AT_ONCE = 8, /* so few are searched for by this thread alone */
    TRUTH_AT_ONCE = 64,
    EF_MIN = 10,
    EF_MAX = 4096
};

/* Values to be compared for the exact answers; half a minute of one thread, at the worst. */
static const double values_max = 2e11;

static const uint32_t ks[VDBI_RECALL_CURVES] = {1, 10, 100};

typedef struct tuning {
    vdb *db;
    vdbi_limits *limits;
    const vdbi_image *image;
    const vdbi_nodes *nodes; /* while the sample is taken */
    size_t threads;
    vdbi_query *queries;
    float *vectors;
    uint32_t *slots; /* whose vectors these are */
    float *truth;    /* distances of the nearest others of each, `depth` of them */
    size_t count, limit, depth;
    vdbi_recall_table table;
    uint64_t done, total; /* searches */
} tuning;

/* ------------------------------------------------------------------- sample */

static vdb_status add_row(void *arg, uint32_t slot, int live, const float *row)
{
    tuning *t = arg;
    size_t dimension = t->image->dimension;

    /* One of an upper layer cannot be held out there, nor one that stands for others. */
    if (!live || t->count == t->limit || !vdbi_is_node(t->nodes, slot) ||
        vdbi_is_marked(t->nodes, slot, VDBI_MARK_TWINS) ||
        atomic_load(&vdbi_node_of(t->nodes, slot)->layer))
        return VDB_OK;
    memcpy(t->vectors + t->count * dimension, row, dimension * sizeof *row);
    t->slots[t->count++] = slot;
    return VDB_OK;
}

/* (upkeep: the graph stays) */
static vdb_status read_sample(tuning *t)
{
    vdbi_hnsw *h = atomic_load(&t->db->graph.hnsw);

    if (!h)
        return vdbi_fail(VDB_CANCELLED, "the graph has been given up");
    t->nodes = &h->nodes;
    return vdbi_graph_each_row(t->db, t->image,
                               (uint32_t)(t->image->slot_count / (t->limit + 1)) + 1,
                               NULL, add_row, t);
}

static vdb_status take_sample(tuning *t)
{
    vdbi_memory *memory = &t->db->env->memory;
    uint64_t live = t->image->live_count, limit = SAMPLE_MAX;
    double affordable = values_max / ((double)live * t->image->dimension);
    vdb_status st;

    limit = affordable < (double)limit ? (uint64_t)affordable : limit;
    limit = limit < SAMPLE_MIN ? SAMPLE_MIN : limit;
    limit = limit < live / SHARE ? limit : live / SHARE;
    t->limit = (size_t)limit;
    t->depth = live / SHARE < ks[VDBI_RECALL_CURVES - 1] ? (size_t)(live / SHARE)
                                                         : ks[VDBI_RECALL_CURVES - 1];
    t->vectors = vdbi_alloc(memory, (t->limit + 1) * t->image->dimension * 4);
    t->slots = vdbi_alloc(memory, (t->limit + 1) * sizeof *t->slots);
    t->truth = vdbi_alloc(memory, (t->limit + 1) * (t->depth + 1) * sizeof *t->truth);
    t->queries = vdbi_calloc(memory, t->limit + 1, sizeof *t->queries);
    if (!t->vectors || !t->slots || !t->truth || !t->queries)
        return VDB_NOMEM;
    vdbi_lock(&t->db->graph.upkeep);
    st = read_sample(t);
    vdbi_unlock(&t->db->graph.upkeep);
    for (size_t i = 0; i < t->count && !st; i++)
        vdbi_query_init(&t->queries[i], vdbi_store_shape(t->db->store)->metric,
                        t->vectors + i * t->image->dimension, t->image->dimension);
    return st;
}

static void drop_sample(tuning *t)
{
    vdbi_memory *memory = &t->db->env->memory;

    vdbi_free(memory, t->vectors);
    vdbi_free(memory, t->slots);
    vdbi_free(memory, t->truth);
    vdbi_free(memory, t->queries);
}

/* -------------------------------------------------------------------- truth */

static vdb_status tick(tuning *t)
{
    vdbi_graph *g = &t->db->graph;
    int stopping;

    vdbi_lock(&g->lock);
    stopping = g->stopping;
    vdbi_unlock(&g->lock);
    if (stopping)
        return vdbi_fail(VDB_CANCELLED, "the database is being closed");
    vdbi_limits_progress(t->limits, t->done, t->total);
    return vdbi_limits_tick(t->limits);
}

/* Keep the distances of the nearest others: a query's own slot is none. */
static void keep_truth(tuning *t, size_t query, const vdbi_nearest *nearest)
{
    float *to = t->truth + query * t->depth;
    size_t n = 0;

    for (size_t i = 0; i < nearest->count && n < t->depth; i++)
        if (nearest->items[i].slot != t->slots[query])
            to[n++] = nearest->items[i].distance;
    while (n < t->depth)
        to[n++] = INFINITY;
}

static vdb_status find_truth(tuning *t)
{
    vdbi_memory *memory = &t->db->env->memory;
    size_t words = VDBI_BITMAP_WORDS(t->image->slot_count);
    uint64_t *live = vdbi_alloc(memory, (words + 1) * 8);
    vdb_status st = live ? VDB_OK : VDB_NOMEM;

    if (!st) {
        vdbi_section_begin(t->db->pager);
        st = vdbi_live_words(t->db->pager, t->image, 0, (uint32_t)words, live);
        vdbi_section_end(t->db->pager);
    }
    for (size_t at = 0; at < t->count && !st; at += TRUTH_AT_ONCE) {
        vdbi_nearest nearest[TRUTH_AT_ONCE] = {{0}};
        vdbi_limits silent = {.op = NULL, .db = t->db};
        vdbi_scan scan = {.db = t->db,
                          .image = t->image,
                          .wanted = live,
                          .matches = t->image->live_count,
                          .queries = t->queries + at,
                          .count = t->count - at < TRUTH_AT_ONCE ? t->count - at
                                                                 : TRUTH_AT_ONCE,
                          .k = t->depth + 1,
                          .limit = INFINITY,
                          .limits = silent,
                          .threads = t->threads};
        st = tick(t);
        if (!st)
            st = vdbi_scan_run(&scan, nearest);
        for (size_t i = 0; i < scan.count; i++) {
            if (!st)
                keep_truth(t, at + i, &nearest[i]);
            vdbi_nearest_clear(&nearest[i]);
        }
        t->done += scan.count;
    }
    vdbi_free(memory, live);
    return st;
}

/* ------------------------------------------------------------------- curves */

/* The share of a query's k nearest others that was found; equals are as good. */
static double recall_of(const tuning *t, size_t query, uint32_t k,
                        const vdbi_nearest *nearest)
{
    float farthest = t->truth[query * t->depth + k - 1];
    uint32_t n = 0;

    for (size_t i = 0; i < nearest->count && n < k; i++)
        n += nearest->items[i].slot != t->slots[query] &&
             nearest->items[i].distance <= farthest;
    return (double)n / k;
}

/* Search for all of the sample with one ef; VDB_CANCELLED when the graph has gone. */
static vdb_status measure(tuning *t, uint32_t k, vdbi_recall_point *point)
{
    vdbi_graph_query common = {.image = t->image,
                               .k = (size_t)k + 1,
                               .ef = point->ef,
                               .limit = INFINITY,
                               .matches = t->image->live_count};
    double sum = 0, squares = 0, mean;
    uint64_t ns = 0;
    vdb_status st = VDB_OK;

    for (size_t at = 0; at < t->count && !st; at += QUERIES_AT_ONCE) {
        vdbi_nearest nearest[QUERIES_AT_ONCE] = {{0}};
        uint8_t walked[QUERIES_AT_ONCE] = {0};
        vdbi_limits silent = {.op = NULL, .db = t->db};
        size_t n = t->count - at < QUERIES_AT_ONCE ? t->count - at : QUERIES_AT_ONCE;
        uint64_t before;
        st = tick(t);
        if (!st && !vdbi_graph_ready(t->db, t->image))
            st = vdbi_fail(VDB_CANCELLED, "the graph has been given up");
        common.held_out = t->slots + at;
        before = t->db->env->vfs.now(t->db->env->vfs.arg);
        if (!st)
            st = vdbi_graph_find_all(t->db, &common, t->queries + at, n, &silent,
                                     nearest, walked);
        ns += t->db->env->vfs.now(t->db->env->vfs.arg) - before;
        for (size_t i = 0; i < n; i++) {
            double r = st ? 0 : recall_of(t, at + i, k, &nearest[i]);
            sum += r;
            squares += r * r;
            vdbi_nearest_clear(&nearest[i]);
        }
        t->done += n;
    }
    mean = sum / (double)t->count;
    point->measured = (float)mean;
    point->promised =
        vdbi_recall_promise(mean, squares / (double)t->count - mean * mean, t->count);
    point->us = (float)((double)ns / 1000 / (double)t->count);
    return st;
}

static vdb_status measure_curve(tuning *t, uint32_t k, vdbi_recall_curve *curve)
{
    uint32_t ef = k > EF_MIN ? k : EF_MIN;
    uint64_t most = t->image->live_count / SHARE;
    vdb_status st = VDB_OK;

    curve->k = k;
    while (!st && curve->count < VDBI_RECALL_POINTS && ef <= EF_MAX && ef <= most) {
        vdbi_recall_point *point = &curve->points[curve->count];
        point->ef = ef;
        st = measure(t, k, point);
        if (st)
            break;
        curve->count++;
        if (point->promised >= 0.999f)
            break;
        ef += ef / 3;
    }
    return st;
}

static vdb_status measure_all(tuning *t)
{
    vdb_status st = take_sample(t);

    t->total = t->count * (1 + VDBI_RECALL_CURVES * VDBI_RECALL_POINTS);
    if (!st && t->count)
        st = find_truth(t);
    t->table.vectors = t->image->live_count;
    t->table.sample = (uint32_t)t->count;
    for (size_t i = 0; i < VDBI_RECALL_CURVES && !st; i++) {
        t->table.curves[i].k = ks[i];
        if (t->count && ks[i] <= t->depth)
            st = measure_curve(t, ks[i], &t->table.curves[i]);
        t->done = t->count * (1 + (i + 1) * VDBI_RECALL_POINTS);
    }
    return st;
}

/* ----------------------------------------------------------------- when, who */

int vdbi_graph_tune_is_due(vdb *db)
{
    vdbi_graph *g = &db->graph;
    uint64_t then = atomic_load(&g->tuned_for), live = atomic_load(&db->live);

    return atomic_load(&g->state) == VDBI_GRAPH_READY &&
           (then || atomic_load(&g->recall_wanted)) && !atomic_load(&g->tuning) &&
           live >= vdbi_graph_sizes_now.vectors_min &&
           atomic_load(&g->fresh_count) == 0 && (!then || live > then + then / 2);
}

static vdb_status tune(vdb *db, vdbi_limits *limits, size_t threads)
{
    vdbi_graph *g = &db->graph;
    vdbi_version *version = vdbi_version_pin(db);
    tuning t = {
        .db = db, .limits = limits, .image = &version->image, .threads = threads};
    vdb_status st = VDB_OK;

    if (!vdbi_graph_ready(db, t.image))
        st = vdbi_fail(VDB_CANCELLED, "there is no graph");
    if (!st)
        st = measure_all(&t);
    drop_sample(&t);
    vdbi_version_release(db, version);
    if (st)
        return st;
    vdbi_lock(&g->lock);
    g->recalls = t.table;
    atomic_store(&g->tuned_for, t.table.vectors);
    atomic_fetch_add(&g->recalls_made, 1);
    vdbi_unlock(&g->lock);
    return VDB_OK;
}

/* One at a time. */
static vdb_status tune_alone(vdb *db, vdbi_limits *limits, size_t threads, int *mine)
{
    vdbi_graph *g = &db->graph;
    vdb_status st;

    *mine = !atomic_exchange(&g->tuning, 1);
    if (!*mine)
        return VDB_OK;
    st = tune(db, limits, threads);
    vdbi_lock(&g->lock);
    atomic_store(&g->tuning, 0);
    vdbi_broadcast(&g->changed);
    vdbi_unlock(&g->lock);
    return st;
}

int vdbi_graph_tune(vdb *db)
{
    vdbi_graph *g = &db->graph;
    vdbi_limits limits = {.op = NULL, .db = db};
    vdb_error error = VDB_ERROR_INIT;
    vdb_status st;
    int mine;

    if (!vdbi_graph_tune_is_due(db))
        return 0;
    vdbi_error_save(&error);
    st = tune_alone(db, &limits, 1, &mine);
    if (st && st != VDB_CANCELLED) {
        vdbi_graph_say(db, "recall could not be measured: %s", vdbi_error_text());
        atomic_store(&g->recall_wanted, 0); /* until somebody asks again */
        if (atomic_load(&g->tuned_for))     /* nor before it has grown by half again */
            atomic_store(&g->tuned_for, atomic_load(&db->live));
    }
    vdbi_error_restore(&error);
    return mine;
}

vdb_status vdbi_db_tune(vdb *db, const vdb_op *op)
{
    vdbi_graph *g = &db->graph;
    vdbi_limits limits;
    int mine = 0;
    vdb_status st;

    if (!g->wanted)
        return vdbi_fail(VDB_UNSUPPORTED,
                         "the index is flat: every search finds all, there is no ef");
    if (db->options.flags & VDB_OPEN_READONLY)
        return vdbi_fail(VDB_READONLY, "opened for reading: what is measured is saved");
    vdbi_limits_begin(&limits, db, op);
    st = vdbi_graph_wait(db, &limits, 0);
    while (!st && !mine && atomic_load(&g->state) == VDBI_GRAPH_READY) {
        st = tune_alone(db, &limits, db->options.threads, &mine);
        if (st || mine)
            break;
        vdbi_lock(&g->lock); /* another does: then once more, for this instant */
        if (atomic_load(&g->tuning))
            vdbi_wait_for(&g->changed, &g->lock, 10000000);
        vdbi_unlock(&g->lock);
        st = vdbi_limits_tick(&limits);
    }
    return st;
}

uint32_t vdbi_graph_ef_for(vdb *db, size_t k, float target)
{
    vdbi_graph *g = &db->graph;
    uint32_t ef;

    vdbi_lock(&g->lock);
    ef = vdbi_recall_ef(&g->recalls, k, target);
    if (!atomic_exchange(&g->recall_wanted, 1))
        vdbi_broadcast(&g->changed);
    vdbi_unlock(&g->lock);
    return ef;
}

void vdbi_graph_recalls(vdb *db, vdbi_recall_table *out)
{
    vdbi_lock(&db->graph.lock);
    *out = db->graph.recalls;
    vdbi_unlock(&db->graph.lock);
}
