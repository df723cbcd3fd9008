/* graph_refit.c: new codes when the data has drifted from what they were fitted to.
 *
 * Values beyond the fitted range are clipped, so that vectors out there look alike.  When
 * many are, a new region is fitted to a sample of what is stored now, and filled beside
 * searches and commits, which write their codes into both; then one pointer switches.
 * Vectors whose old codes were equal, and which were chained for it, are fresh again when
 * their new ones differ.
 */
#include "base/error.h"
#include "db/graph_priv.h"

enum {
    WATCH_EVERY = 8,  /* of the new rows */
    WATCHED_MIN = 64, /* fewer say nothing */
    CLIPPED_SHARE =
        100, /* more than one value in so many: twenty times what a fit clips */
};

void vdbi_graph_watch(vdbi_graph *g, const vdbi_hnsw *h, uint32_t slot,
                      const float *vector)
{
    if (slot % WATCH_EVERY)
        return;
    atomic_fetch_add(&g->watched, 1);
    atomic_fetch_add(&g->clipped, vdbi_codes_beyond(vdbi_hnsw_way(h).codes, vector));
}

int vdbi_graph_refit_is_due(vdb *db)
{
    vdbi_graph *g = &db->graph;
    uint64_t watched = atomic_load(&g->watched);

    return atomic_load(&g->state) == VDBI_GRAPH_READY && watched >= WATCHED_MIN &&
           atomic_load(&g->clipped) >
               watched * atomic_load(&g->hnsw)->shape.dimension / CLIPPED_SHARE;
}

static vdb_status add_row(void *arg, uint32_t slot, int live, const float *row)
{
    (void)live;
    return vdbi_hnsw_refit_row(arg, slot, row);
}

static vdb_status fresh_again(void *arg, uint32_t slot)
{
    vdbi_graph *g = arg;
    vdb_status st;

    vdbi_lock(&g->lock);
    st = vdbi_graph_fresh_reserve(g, 1);
    if (!st)
        vdbi_graph_fresh_add(g, slot);
    vdbi_unlock(&g->lock);
    return st;
}

/* Codes fitted to what is stored now. */
static vdb_status fit(vdb *db, vdbi_codes **codes)
{
    const vdbi_shape *shape = vdbi_store_shape(db->store);
    vdbi_version *version = vdbi_version_pin(db);
    vdbi_graph_sample sample;
    vdb_status st = vdbi_graph_sample_take(db, &version->image, &sample);

    if (!st)
        st = vdbi_codes_create(&db->env->memory, shape->metric, 0,
                               version->image.dimension, sample.rows, sample.count,
                               codes);
    vdbi_graph_sample_drop(db, &sample);
    vdbi_version_release(db, version);
    return st;
}

/* Fill a new region and switch to it. */
static vdb_status refit(vdb *db, vdbi_hnsw *h)
{
    vdbi_codes *codes = NULL;
    vdbi_version *version;
    vdb_status st = fit(db, &codes);

    if (st)
        return st;
    vdbi_turn_take(db);
    vdbi_hnsw_refit_begin(h, codes);
    version = vdbi_version_pin(db); /* every later commit writes into both */
    vdbi_turn_give(db);
    st = vdbi_graph_each_row(db, &version->image, 1, h, add_row, h);
    vdbi_version_release(db, version);
    vdbi_turn_take(db);
    codes = vdbi_hnsw_refit_end(h, !st);
    vdbi_turn_give(db);
    vdbi_visitors_wait(&h->visitors);
    vdbi_codes_free(codes);
    return st;
}

/* A search could look at the list of fresh slots before a twin is on it, and walk after the
 * twin has left its chain.  So there are no searches by the graph meanwhile. */
static vdb_status unchain(vdb *db, vdbi_hnsw *h)
{
    vdbi_graph *g = &db->graph;
    int ready = VDBI_GRAPH_READY, filling = VDBI_GRAPH_FILLING;
    vdb_status st;

    if (!atomic_compare_exchange_strong(&g->state, &ready, VDBI_GRAPH_FILLING))
        return VDB_OK; /* given up */
    vdbi_visitors_wait(&h->visitors);
    st = vdbi_hnsw_unchain(h, fresh_again, g);
    atomic_compare_exchange_strong(&g->state, &filling, VDBI_GRAPH_READY);
    return st;
}

int vdbi_graph_refit(vdb *db)
{
    vdbi_graph *g = &db->graph;
    vdbi_hnsw *h = atomic_load(&g->hnsw);
    vdb_error error = VDB_ERROR_INIT;
    vdb_status st = VDB_OK;

    if (!vdbi_graph_refit_is_due(db))
        return 0;
    vdbi_error_save(&error);
    vdbi_lock(&g->upkeep);
    if (vdbi_graph_refit_is_due(db)) {
        st = refit(db, h);
        if (!st)
            st = unchain(db, h);
        if (st)
            vdbi_graph_say(db, "the codes could not be fitted anew: %s",
                           vdbi_error_text());
        g->save_whole = 1;
        atomic_store(&g->watched, 0);
        atomic_store(&g->clipped, 0);
    }
    vdbi_unlock(&g->upkeep);
    vdbi_error_restore(&error);
    return 1;
}
