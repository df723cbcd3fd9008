/* graph_make.c: making the graph, and linking fresh slots into it.
 *
 * A graph begins when there are enough vectors: codes are fitted to a sample; then, in the
 * turn, commits begin to be followed; then all vectors that were there are encoded and put
 * on the list of fresh slots.  From there threads take them, or inserts that find the list
 * over its budget.  Until the list is complete, searches are exact.
 */
#include <string.h>

#include "base/bitmap.h"
#include "base/error.h"
#include "db/graph_priv.h"
#include "store/graph_pages.h"
#include "store/record.h"

enum {
    FAILURES_MAX = 3, /* then the handle does without */
    FRESH_KEPT = 8192 /* places of the list of fresh slots, when it has run out */
};

/* An empty graph, fitted to vectors of this image. */
static vdb_status fit(vdb *db, const vdbi_image *image, vdbi_hnsw **out)
{
    const vdbi_shape *shape = vdbi_store_shape(db->store);
    const vdbi_hnsw_shape wanted = {shape->metric, image->dimension, shape->m,
                                    shape->ef_construction, shape->max_layers};
    vdbi_codes *codes;
    vdb_status st = vdbi_graph_fit(db, image, &codes);

    return st ? st : vdbi_hnsw_create_with(&db->env->memory, &wanted, codes, out);
}

/* (turn) Begin to follow commits; *version is the newest, held.  The marks of slots below
 * `marked` are set already. */
static vdb_status begin(vdb *db, vdbi_hnsw *h, uint32_t marked, vdbi_version **version)
{
    vdbi_graph *g = &db->graph;
    uint32_t slots = db->newest->image.slot_count;
    vdb_status st;

    vdbi_lock(&g->lock);
    st = vdbi_grow(g->memory, &g->given_up, &g->given_up_capacity,
                   atomic_load(&g->given_up_count) + 1, sizeof *g->given_up);
    vdbi_unlock(&g->lock);
    /* While this one was loaded, it may have been dropped, and rows have moved. */
    if (!st && (atomic_load(&g->yielding) || (marked && !g->has_saved)))
        st = vdbi_fail(VDB_CANCELLED, "no graph is wanted now");
    if (!st)
        st = vdbi_graph_afford(db, h, slots);
    if (!st)
        st = vdbi_graph_clear_marks(h, marked, slots);
    if (!st && !(db->options.flags & VDB_OPEN_READONLY))
        st = vdbi_store_manage_slots(db->store);
    if (st)
        return st;
    g->keeps_slots = 1;
    *version = vdbi_version_pin(db);
    atomic_store(&g->since, (*version)->image.sequence);
    g->reborn_count = 0;
    atomic_store(&g->doubtful, 0);
    atomic_store(&g->unsaved, 0);
    atomic_store(&g->killed, 0);
    atomic_store(&g->linked, 0);
    atomic_store(&g->gone, 0);
    atomic_store(&g->saved_count, atomic_load(&h->count));
    g->save_whole = 0;
    vdbi_lock(&g->lock);
    vdbi_graph_fresh_drop(g); /* a refit may have listed some of the one before */
    atomic_store(&g->hnsw, h);
    vdbi_unlock(&g->lock);
    atomic_store(&g->state, VDBI_GRAPH_FILLING);
    vdbi_graph_tell(db);
    return VDB_OK;
}

typedef struct filling {
    vdbi_graph *graph;
    vdbi_hnsw *hnsw;
    uint64_t number;
} filling;

static vdb_status add_fresh(void *arg, uint32_t slot, int live, const float *row)
{
    filling *f = arg;
    vdb_status st = VDB_OK;

    /* Put and killed since: the commit that put it has listed it.  Linked twice, it would
     * stand in a chain of twins twice, and lose what stood behind it. */
    if (!live && !vdbi_hnsw_has(f->hnsw, slot))
        return VDB_OK;
    vdbi_hnsw_encode(f->hnsw, slot, row);
    vdbi_graph_watch(f->graph, f->hnsw, slot, row);
    if (!live) {
        vdbi_graph_doubt(f->graph, f->hnsw, slot, VDBI_MARK_KILLED);
        atomic_fetch_add(&f->graph->killed, 1);
    }
    if (vdbi_hnsw_has(f->hnsw, slot))
        return VDB_OK;
    vdbi_lock(&f->graph->lock);
    if (f->graph->stopping || f->graph->number != f->number)
        st = vdbi_fail(VDB_CANCELLED, "the graph is not wanted any more");
    else
        st = vdbi_graph_fresh_reserve(f->graph, 1);
    if (!st)
        vdbi_graph_fresh_add(f->graph, slot);
    vdbi_unlock(&f->graph->lock);
    return st;
}

/* A graph may have been saved between two tidyings, and lacks what was replayed since.  So
 * each is seen to before it is used: for a million nodes a fraction of what loading takes. */
static void connect_loaded(vdb *db, vdbi_hnsw *h)
{
    vdb_status st = vdbi_graph_connect(&db->graph, h);

    if (st)
        atomic_store(&db->graph.linked, 1); /* the next tidying will */
    if (st && st != VDB_CANCELLED)
        vdbi_graph_say(db, "the graph is not connected: %s", vdbi_error_text());
}

/* It may be given up meanwhile, but is not freed: `making`. */
static vdb_status fill(vdb *db, vdbi_hnsw *h, const vdbi_image *image)
{
    filling f = {&db->graph, h, 0};
    vdb_status st;

    vdbi_lock(&f.graph->lock);
    f.number = f.graph->number;
    vdbi_unlock(&f.graph->lock);
    st = vdbi_graph_each_row(db, image, 1, f.hnsw, add_fresh, &f);
    if (!st && atomic_load(&f.hnsw->count) > 0)
        connect_loaded(db, f.hnsw);
    vdbi_turn_take(db);
    if (!st && atomic_load(&f.graph->state) == VDBI_GRAPH_FILLING)
        atomic_store(&f.graph->state, VDBI_GRAPH_READY);
    else if (st)
        vdbi_graph_give_up(db, vdbi_error_text());
    vdbi_turn_give(db);
    return st;
}

/* The saved graph, if there is one that makes sense. */
static vdb_status load(vdb *db, const vdbi_image *image, vdbi_hnsw **out)
{
    vdb_status st = vdbi_graph_load(db, image, out);

    if (!st || st == VDB_NOMEM || atomic_load(&db->graph.wanted_bytes))
        return st;
    vdbi_graph_say(db, "the saved graph is made anew: %s", vdbi_error_text());
    vdbi_turn_take(db);
    if (!(db->options.flags & VDB_OPEN_READONLY))
        vdbi_graph_drop(db->store);
    db->graph.has_saved = 0;
    vdbi_turn_give(db);
    return db->options.flags & VDB_OPEN_READONLY ? st : VDB_OK;
}

static vdb_status make(vdb *db)
{
    vdbi_version *version = vdbi_version_pin(db);
    uint32_t marked = 0;
    vdbi_hnsw *h = NULL;
    vdb_status st = VDB_OK;

    if (db->graph.has_saved) {
        st = load(db, &version->image, &h);
        marked = h ? version->image.slot_count : 0;
    }
    if (!st && !h)
        st = fit(db, &version->image, &h);
    vdbi_version_release(db, version);
    if (st)
        return st;
    vdbi_hnsw_share(h, &db->graph.visitors);
    vdbi_lock(&db->graph.upkeep); /* nobody works on the one before */
    vdbi_turn_take(db);
    st = begin(db, h, marked, &version);
    vdbi_turn_give(db);
    vdbi_unlock(&db->graph.upkeep);
    if (st) {
        vdbi_hnsw_free(h);
        return st;
    }
    st = fill(db, h, &version->image);
    vdbi_version_release(db, version);
    return st;
}

int vdbi_graph_is_due(vdb *db)
{
    vdbi_graph *g = &db->graph;

    return g->wanted && atomic_load(&g->asked) && !atomic_load(&g->yielding) &&
           !atomic_load(&g->wanted_bytes) &&
           atomic_load(&g->state) == VDBI_GRAPH_NONE && g->failures < FAILURES_MAX &&
           (g->has_saved ||
            (!(db->options.flags & VDB_OPEN_READONLY) &&
             atomic_load(&db->live) >= vdbi_graph_sizes_now.vectors_min));
}

int vdbi_graph_make(vdb *db)
{
    vdbi_graph *g = &db->graph;
    vdb_error error = VDB_ERROR_INIT;
    vdb_status st;
    int mine;

    if (!vdbi_graph_is_due(db))
        return 0;
    vdbi_graph_bury(db); /* before there are two */
    vdbi_lock(&g->lock);
    mine = !g->making;
    g->making = 1;
    vdbi_unlock(&g->lock);
    if (!mine)
        return 0;
    vdbi_error_save(&error); /* of the commit, or of nobody */
    st = make(db);
    if (st && st != VDB_CANCELLED && !atomic_load(&g->wanted_bytes))
        g->failures++;
    vdbi_error_restore(&error);
    vdbi_lock(&g->lock);
    g->making = 0;
    vdbi_broadcast(&g->changed);
    vdbi_unlock(&g->lock);
    vdbi_graph_bury(db);
    return 1;
}

/* (lock) Take one off the list: its position, counted from the first ever. */
static int take_fresh(vdbi_graph *g, uint32_t *slot, uint64_t *position,
                      uint64_t *number)
{
    if (g->next == g->end || atomic_load(&g->state) != VDBI_GRAPH_READY ||
        atomic_load(&g->refitting))
        return 0;
    *slot = g->fresh[g->next];
    *position = g->moved + g->next++;
    *number = g->number;
    return 1;
}

/* (lock) It is linked. */
static void tick_off(vdbi_graph *g, uint64_t position)
{
    g->fresh[position - g->moved] |= VDBI_FRESH_DONE;
    while (g->begin < g->next && g->fresh[g->begin] & VDBI_FRESH_DONE)
        g->begin++;
    atomic_store(&g->fresh_count, g->end - g->begin);
    if (g->begin < g->end)
        return;
    if (g->capacity > FRESH_KEPT && !g->promised)
        vdbi_graph_fresh_drop(g);
    vdbi_broadcast(&g->changed);
}

int vdbi_graph_link_one(vdb *db)
{
    vdbi_graph *g = &db->graph;
    vdbi_hnsw *h;
    vdb_error error = VDB_ERROR_INIT;
    vdbi_visitor *visitor;
    uint32_t slot;
    uint64_t position, number;
    vdb_status st;
    int some;

    if (atomic_load(&g->fresh_count) == 0)
        return 0;
    vdbi_error_save(&error);
    st = vdbi_visit_begin(&g->visitors, &visitor);
    vdbi_lock(&g->lock);
    h = atomic_load(&g->hnsw);
    some = take_fresh(g, &slot, &position, &number);
    vdbi_unlock(&g->lock);
    if (some && !st)
        st = vdbi_hnsw_insert(h, slot, &visitor->scratch);
    if (visitor)
        vdbi_visit_end(visitor);
    if (!some) {
        vdbi_error_restore(&error);
        return 0;
    }
    if (st) {
        vdbi_turn_take(db);
        vdbi_graph_give_up(db, "no memory to link a vector");
        vdbi_turn_give(db);
    }
    vdbi_error_restore(&error);
    atomic_fetch_add(&g->unsaved, 1);
    atomic_fetch_add(&g->linked, 1);
    vdbi_lock(&g->lock);
    if (g->number == number)
        tick_off(g, position);
    vdbi_unlock(&g->lock);
    return 1;
}

void vdbi_graph_ask(vdb *db)
{
    vdbi_graph *g = &db->graph;
    uint32_t asked = atomic_fetch_add(&g->asked, 1);

    if (!vdbi_graph_is_due(db))
        return;
    if (g->thread_count) {
        vdbi_lock(&g->lock);
        vdbi_broadcast(&g->changed);
        vdbi_unlock(&g->lock);
    } else if (asked > 0 && g->has_saved && vdbi_turn_is_free(db)) {
        /* One search is answered as fast by a scan.  The second loads what is saved,
         * unless somebody is writing: a search does not begin to wait for him.  (Who
         * begins while it loads, it may wait for: a commit, once.)  To make a new graph
         * is for inserts and vdb_wait_indexed(). */
        vdbi_graph_make(db);
    }
}

/* Do one piece of what is due: 1; 0: there is nothing. */
static int work(vdb *db)
{
    return vdbi_graph_bury(db) || vdbi_graph_drop_saved(db) || vdbi_graph_make(db) ||
           vdbi_graph_look_at_codes(db) || vdbi_graph_refit(db) ||
           vdbi_graph_link_one(db) || vdbi_graph_help(db) || vdbi_graph_tidy(db) ||
           vdbi_graph_tune(db);
}

void vdbi_graph_maintain(vdb *db, uint64_t rows)
{
    vdbi_graph *g = &db->graph;

    if (!g->wanted)
        return;
    if (atomic_fetch_add(&g->rows, rows) + rows > vdbi_graph_sizes_now.fresh_budget &&
        atomic_load(&g->state) == VDBI_GRAPH_NONE)
        atomic_store(&g->asked, 1);
    if (g->thread_count == 0) {
        vdbi_graph_bury(db);
        vdbi_graph_drop_saved(db);
        vdbi_graph_make(db); /* if it is due */
    } else if (vdbi_graph_is_due(db)) {
        vdbi_graph_ask(db);
    } else if (vdbi_graph_drop_is_due(db)) {
        vdbi_lock(&g->lock);
        vdbi_broadcast(&g->changed);
        vdbi_unlock(&g->lock);
    }
    if (db->options.flags & VDB_OPEN_BULK)
        return;
    for (uint64_t left = 2 * rows + 2;
         left && atomic_load(&g->fresh_count) > vdbi_graph_sizes_now.fresh_budget;
         left--)
        if (!vdbi_graph_link_one(db))
            break;
    if (g->thread_count == 0 && !vdbi_graph_look_at_codes(db) && !vdbi_graph_refit(db))
        vdbi_graph_tidy(db);
}

/* (lock) Whether the graph covers all that is published. */
static int is_complete(vdb *db)
{
    vdbi_graph *g = &db->graph;

    if (vdbi_graph_is_due(db) || g->making || vdbi_graph_tidy_is_due(db) ||
        vdbi_graph_refit_is_due(db) || vdbi_graph_codes_due(db) ||
        atomic_load(&g->yielding) || atomic_load(&g->refitting) ||
        atomic_load(&g->tidying))
        return 0;
    return g->begin == g->end;
}

/* Of a graph that covers everything: see that every node can be reached, and is found; 0:
 * none has come or gone. */
static int ask_thorough(vdbi_graph *g)
{
    if (atomic_load(&g->linked) == 0 && atomic_load(&g->gone) == 0)
        return 0;
    atomic_fetch_add(&g->thorough, 1);
    return 1;
}

/* Who waits gets recall measured too, if it is wanted. */
static int is_tuned(vdb *db)
{
    return !vdbi_graph_tune_is_due(db) && !atomic_load(&db->graph.tuning);
}

vdb_status vdbi_graph_wait(vdb *db, vdbi_limits *limits, int poll)
{
    vdbi_graph *g = &db->graph;
    int asked = poll;
    vdb_status st = VDB_OK;

    if (g->wanted && atomic_load(&g->state) == VDBI_GRAPH_NONE)
        atomic_store(&g->asked, 1);
    while (g->wanted && !st) {
        int complete;
        vdbi_lock(&g->lock);
        complete = is_complete(db) && (poll || is_tuned(db));
        vdbi_unlock(&g->lock);
        if (complete && (asked || !ask_thorough(g)))
            break;
        asked |= complete;
        if (poll)
            return vdbi_fail(VDB_TIMEOUT, "%llu vectors are not in the graph yet",
                             (unsigned long long)atomic_load(&g->fresh_count));
        st = vdbi_limits_tick(limits);
        if (st || work(db))
            continue;
        vdbi_lock(&g->lock); /* the rest is in others' hands */
        if (!is_complete(db) || !is_tuned(db))
            vdbi_wait_for(&g->changed, &g->lock, 10000000);
        vdbi_unlock(&g->lock);
    }
    return st;
}

static void *run(void *arg)
{
    vdb *db = arg;
    vdbi_graph *g = &db->graph;

    vdbi_lock(&g->lock);
    while (!g->stopping) {
        int worked;
        vdbi_unlock(&g->lock);
        worked = work(db);
        vdbi_lock(&g->lock);
        if (!worked && !g->stopping && !g->part &&
            (g->next == g->end || atomic_load(&g->refitting)) &&
            (g->making ||
             (!vdbi_graph_is_due(db) && !atomic_load(&g->given_up_count))) &&
            !vdbi_graph_drop_is_due(db) &&
            (atomic_load(&g->tidying) || !vdbi_graph_tidy_is_due(db)) &&
            !vdbi_graph_refit_is_due(db) && !vdbi_graph_codes_due(db) &&
            !vdbi_graph_tune_is_due(db))
            vdbi_wait(&g->changed, &g->lock);
    }
    vdbi_unlock(&g->lock);
    return NULL;
}

void vdbi_graph_start(vdb *db)
{
    vdbi_graph *g = &db->graph;
    size_t count = db->options.threads - 1;

    if (!g->wanted || count == 0 ||
        (db->options.flags & VDB_OPEN_READONLY && !g->has_saved))
        return;
    g->threads = vdbi_calloc(g->memory, count, sizeof *g->threads);
    while (g->threads && g->thread_count < count &&
           vdbi_thread_start(&g->threads[g->thread_count], run, db) == VDB_OK)
        g->thread_count++;
}

void vdbi_graph_stop(vdb *db)
{
    vdbi_graph *g = &db->graph;

    vdbi_lock(&g->lock);
    g->stopping = 1;
    vdbi_broadcast(&g->changed);
    vdbi_unlock(&g->lock);
    for (size_t i = 0; i < g->thread_count; i++)
        vdbi_thread_join(g->threads[i]);
    vdbi_free(g->memory, g->threads);
    g->threads = NULL;
    g->thread_count = 0;
}
