/* graph_refit.c: new codes when the data has drifted from what they were fitted to.
 *
 * Values beyond the fitted range are clipped, so that vectors out there look alike.  When
 * many are, a new region is fitted to a sample of what is stored now, and filled beside
 * searches and commits, which write their codes into both; then one pointer switches.
 * Vectors whose old codes were equal, and which were chained for it, are fresh again when
 * their new ones differ.  Those that were clipped have links that were chosen blindly, and
 * are linked anew; what comes meanwhile is not linked by the old codes.
 */
#include "base/bitmap.h"
#include "base/error.h"
#include "db/graph_priv.h"
#include "index/hnsw/upkeep.h"

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
    const vdbi_hnsw *h = atomic_load(&g->hnsw);
    uint64_t watched = atomic_load(&g->watched);

    return h && atomic_load(&g->state) == VDBI_GRAPH_READY && watched >= WATCHED_MIN &&
           atomic_load(&g->clipped) > watched * h->shape.dimension / CLIPPED_SHARE;
}

/* What is read of one version while commits go on. */
typedef struct refitting {
    vdbi_hnsw *hnsw;
    uint64_t *shown;   /* slots that the graph showed at that version */
    uint64_t *clipped; /* those whose codes said little */
    uint32_t slots;
} refitting;

/* A slot that was free has had a vector put into it if the graph shows it now: the commit
 * has written its code, and the row that was read is an older one. */
static vdb_status add_row(void *arg, uint32_t slot, int live, const float *row)
{
    refitting *r = arg;

    if (!live && !vdbi_bit_get(r->shown, slot))
        return VDB_OK;
    if (vdbi_codes_beyond(vdbi_hnsw_way(r->hnsw).codes, row) >
        r->hnsw->shape.dimension / CLIPPED_SHARE)
        vdbi_bit_set(r->clipped, slot);
    return vdbi_hnsw_refit_row(r->hnsw, slot, row);
}

/* (turn, upkeep) Begin to write into both regions, and hold the newest version.  No slot is
 * freed until the upkeep is over. */
static vdb_status begin(vdb *db, refitting *r, vdbi_codes *codes,
                        vdbi_version **version)
{
    vdbi_memory *memory = &db->env->memory;
    size_t words;

    r->slots = db->newest->image.slot_count;
    words = VDBI_BITMAP_WORDS(r->slots) + 1;
    r->shown = vdbi_calloc(memory, words, sizeof *r->shown);
    r->clipped = vdbi_calloc(memory, words, sizeof *r->clipped);
    if (!r->shown || !r->clipped)
        return VDB_NOMEM;
    for (uint32_t slot = 0; slot < r->slots; slot++)
        if (vdbi_graph_shows(r->hnsw, slot))
            vdbi_bit_set(r->shown, slot);
    vdbi_hnsw_refit_begin(r->hnsw, codes);
    *version = vdbi_version_pin(db);
    return VDB_OK;
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
    vdbi_version *version = vdbi_version_pin(db);
    vdb_status st = vdbi_graph_fit(db, &version->image, codes);

    vdbi_version_release(db, version);
    return st;
}

/* Whether the old codes have room beside new ones of that kind. */
static int has_room(vdb *db, const vdbi_hnsw *h, const vdbi_codes *codes)
{
    const vdbi_codes *old = vdbi_hnsw_way(h).codes;
    uint64_t rows = vdbi_extents_bytes(&old->rows) / old->row_bytes * codes->row_bytes;
    uint32_t limit = atomic_load(&h->slot_limit);

    return vdbi_graph_has_room(db, vdbi_hnsw_bytes_for(h, limit) + rows);
}

/* Fill a new region and switch to it. */
static vdb_status switch_codes(vdb *db, refitting *r, vdbi_codes *codes)
{
    vdbi_version *version;
    vdb_status st;

    vdbi_turn_take(db);
    st = begin(db, r, codes, &version);
    vdbi_turn_give(db);
    if (st) {
        vdbi_codes_free(codes);
        return st;
    }
    st = vdbi_graph_each_row(db, &version->image, 1, r->hnsw, add_row, r);
    vdbi_version_release(db, version);
    vdbi_turn_take(db);
    codes = vdbi_hnsw_refit_end(r->hnsw, !st);
    vdbi_graph_tell(db);
    vdbi_turn_give(db);
    vdbi_visitors_wait(r->hnsw->visitors);
    /* Who has the lock may be looking at them, too (vdbi_graph_codes_due). */
    vdbi_lock(&db->graph.lock);
    vdbi_unlock(&db->graph.lock);
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
    vdbi_visitors_wait(h->visitors);
    st = vdbi_hnsw_unchain(h, fresh_again, g);
    atomic_compare_exchange_strong(&g->state, &filling, VDBI_GRAPH_READY);
    return st;
}

static vdb_status link_clipped(vdb *db, const refitting *r)
{
    vdb_status st = VDB_OK;

    for (uint32_t slot = 0; slot < r->slots && !st; slot++)
        if (vdbi_bit_get(r->clipped, slot) && vdbi_graph_goes_on(&db->graph)) {
            st = vdbi_hnsw_link_anew(r->hnsw, slot);
            atomic_fetch_add(&db->graph.linked, 1); /* it may have cut ways */
        }
    return st;
}

/* *room: 0: the new codes are longer, and have none. */
static vdb_status refit(vdb *db, vdbi_hnsw *h, int *room)
{
    refitting r = {.hnsw = h};
    vdbi_codes *codes = NULL;
    vdb_status st = fit(db, &codes);

    *room = st || has_room(db, h, codes);
    if (!*room) {
        vdbi_codes_free(codes);
        return VDB_OK;
    }
    atomic_store(&db->graph.refitting, 1);
    if (!st)
        st = switch_codes(db, &r, codes);
    if (!st)
        st = unchain(db, h);
    if (!st)
        st = link_clipped(db, &r);
    vdbi_lock(&db->graph.lock);
    atomic_store(&db->graph.refitting, 0);
    vdbi_broadcast(&db->graph.changed);
    vdbi_unlock(&db->graph.lock);
    vdbi_free(&db->env->memory, r.shown);
    vdbi_free(&db->env->memory, r.clipped);
    return st;
}

int vdbi_graph_refit(vdb *db)
{
    vdbi_graph *g = &db->graph;
    vdbi_hnsw *h;
    vdb_error error = VDB_ERROR_INIT;
    vdb_status st = VDB_OK;
    int due, anew = 0;

    vdbi_lock(&g->lock);
    due = vdbi_graph_refit_is_due(db);
    vdbi_unlock(&g->lock);
    if (!due)
        return 0;
    vdbi_error_save(&error);
    vdbi_lock(&g->upkeep);
    h = atomic_load(&g->hnsw);
    if (h && vdbi_graph_refit_is_due(db)) {
        int room = has_room(db, h, vdbi_hnsw_way(h).codes);
        if (room)
            st = refit(db, h, &room);
        anew = !room && !(db->options.flags & VDB_OPEN_READONLY);
        if (st)
            vdbi_graph_say(db, "the codes could not be fitted anew: %s",
                           vdbi_error_text());
        g->save_whole = 1;
        atomic_store(&g->watched, 0);
        atomic_store(&g->clipped, 0);
    }
    vdbi_unlock(&g->upkeep);
    if (anew) {
        vdbi_graph_yield(db,
                         "its codes are fitted anew, and graph_bytes has no room for "
                         "the old ones beside them");
        vdbi_graph_resume(db);
    }
    vdbi_error_restore(&error);
    return 1;
}
