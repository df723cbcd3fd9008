/* graph_tidy.c: keeping the graph in order after deletes, and its slots in use.
 *
 * A killed slot that no version sees any more is taken out of the graph, many at once,
 * since going over all links costs the same for few.  The store then gives it to new
 * vectors, once no saved graph has it (store/graph_pages.h).  Insertions now and then cut
 * the last way to a node, and taking out cuts more: those are connected anew.  And nodes that
 * stay, and can be reached, cease to be found when those around them go: so when many have
 * gone, all are looked for.
 */
#include "base/error.h"
#include "db/graph_priv.h"
#include "index/hnsw/upkeep.h"
#include "store/graph_pages.h"

enum {
    DEAD_SHARE = 20,  /* nor is less than this part of the vectors */
    LINKED_SHARE = 8, /* so many new nodes, and it is seen that all can be reached */
    /* So many have gone, and all others are looked for; at any number, when somebody waits.
     * Looking for one costs a fiftieth of replacing one. */
    GONE_SHARE = 5
};

/* Move what can be taken out of the graph now to the front of g->dead: *linked of them. */
static void sort_dead(vdbi_graph *g, vdbi_hnsw *h, size_t *linked, size_t *ready)
{
    int fresh = atomic_load(&g->fresh_count) > 0;
    size_t a = 0, b;

    for (size_t i = 0; i < g->dead_count; i++)
        if (vdbi_hnsw_has(h, g->dead[i])) {
            uint32_t slot = g->dead[i];
            g->dead[i] = g->dead[a];
            g->dead[a++] = slot;
        }
    b = a;
    /* What is not linked may be fresh still, and is linked first. */
    if (!fresh)
        b = g->dead_count;
    *linked = a;
    *ready = b;
}

/* Fetch from the store what has become dead to everybody. */
static vdb_status fetch_dead(vdb *db)
{
    vdbi_graph *g = &db->graph;
    size_t room = 4096, count = room;
    vdb_status st = VDB_OK;

    while (!st && count == room) {
        st = vdbi_grow(g->memory, &g->dead, &g->dead_capacity, g->dead_count + room,
                       sizeof *g->dead);
        if (st)
            break;
        vdbi_turn_take(db);
        st = vdbi_store_dead_slots(db->store, &db->newest->image,
                                   vdbi_version_oldest(db), g->dead + g->dead_count,
                                   room, &count);
        vdbi_turn_give(db);
        if (!st)
            g->dead_count += count;
    }
    return st;
}

/* Slots that nobody meets any more go back to the store. */
static void hand_back(vdb *db, vdbi_hnsw *h, size_t count)
{
    vdbi_graph *g = &db->graph;

    for (size_t i = 0; i < count; i++)
        vdbi_graph_clear_doubt(g, h, g->dead[i], VDBI_MARK_KILLED | VDBI_MARK_REBORN);
    vdbi_turn_take(db);
    vdbi_store_unlinked(db->store, g->dead, count);
    vdbi_turn_give(db);
    atomic_fetch_add(&g->unsaved, count);
    atomic_fetch_add(&g->handed_back, count);
    for (size_t i = count; i < g->dead_count; i++)
        g->dead[i - count] = g->dead[i];
    g->dead_count -= count;
    if (g->dead_count)
        return;
    vdbi_free(g->memory, g->dead);
    g->dead = NULL;
    g->dead_capacity = 0;
}

static vdb_status take_out(vdb *db, vdbi_hnsw *h, const vdbi_pace *pace)
{
    vdbi_graph *g = &db->graph;
    uint64_t killed = atomic_load(&g->killed);
    size_t linked, ready;
    vdb_status st = fetch_dead(db);

    if (st)
        return st;
    sort_dead(g, h, &linked, &ready);
    if (linked)
        st = vdbi_hnsw_unlink(h, g->dead, linked, pace);
    if (st)
        return st;
    atomic_fetch_add(&g->gone, linked);
    hand_back(db, h, ready);
    /* What a reader still sees is tried again when as many more have died. */
    atomic_fetch_sub(&g->killed, killed);
    return VDB_OK;
}

static vdb_status make_ways(vdbi_graph *g, vdbi_hnsw *h, const vdbi_pace *pace)
{
    uint64_t made;
    vdb_status st = vdbi_hnsw_answer(h, pace, &made);

    atomic_fetch_add(&g->unsaved, made);
    if (st)
        return st;
    st = vdbi_hnsw_connect(h, pace, &made);
    atomic_fetch_add(&g->unsaved, made);
    return st;
}

/* By its own value each: every node, or the new ones alone. */
static vdb_status look_for(vdbi_graph *g, vdbi_hnsw *h, int all, const vdbi_pace *pace)
{
    uint64_t made, gone = atomic_load(&g->gone);
    vdb_status st = vdbi_hnsw_find_each(h, all, pace, &made);

    atomic_fetch_add(&g->unsaved, made);
    if (!st && all)
        atomic_fetch_sub(&g->gone, gone);
    return st;
}

vdb_status vdbi_graph_connect(vdbi_graph *g, vdbi_hnsw *h)
{
    const vdbi_pace pace = {vdbi_graph_goes_on, g, vdbi_graph_share};
    vdb_status st = make_ways(g, h, &pace);

    return st ? st : look_for(g, h, 0, &pace);
}

static int dead_are_due(vdb *db)
{
    vdbi_graph *g = &db->graph;
    uint64_t killed = atomic_load(&g->killed);

    return killed >= vdbi_graph_sizes_now.dead_min &&
           killed >= atomic_load(&db->live) / DEAD_SHARE;
}

static int is_asked(vdbi_graph *g)
{
    return atomic_load(&g->thorough) != atomic_load(&g->thorough_done);
}

static int all_are_due(vdb *db)
{
    vdbi_graph *g = &db->graph;
    uint64_t gone = atomic_load(&g->gone);

    return gone > 0 && (is_asked(g) || gone >= atomic_load(&db->live) / GONE_SHARE);
}

static int ways_are_due(vdb *db)
{
    vdbi_graph *g = &db->graph;
    uint64_t linked = atomic_load(&g->linked);

    if (atomic_load(&g->fresh_count) > 0)
        return 0;
    return (linked > 0 &&
            (is_asked(g) || linked >= atomic_load(&db->live) / LINKED_SHARE)) ||
           all_are_due(db);
}

int vdbi_graph_tidy_is_due(vdb *db)
{
    return atomic_load(&db->graph.state) == VDBI_GRAPH_READY &&
           !(db->options.flags & VDB_OPEN_READONLY) &&
           (dead_are_due(db) || ways_are_due(db));
}

/* (upkeep) */
static vdb_status tidy(vdb *db, vdbi_hnsw *h)
{
    vdbi_graph *g = &db->graph;
    const vdbi_pace pace = {vdbi_graph_goes_on, g, vdbi_graph_share};
    uint64_t linked;
    uint32_t asked, later;
    int dead = dead_are_due(db);
    vdb_status st = dead ? take_out(db, h, &pace) : VDB_OK;

    /* What is linked, and asked, from here on is for the next time. */
    asked = atomic_load(&g->thorough);
    linked = atomic_load(&g->linked);
    if (!st && (dead || linked))
        st = make_ways(g, h, &pace);
    if (!st)
        st = look_for(g, h, all_are_due(db), &pace);
    if (!st) {
        later = atomic_load(&g->thorough);
        if (atomic_fetch_sub(&g->linked, linked) == linked &&
            atomic_load(&g->gone) == 0)
            asked = later; /* there are none */
    }
    atomic_store(&g->thorough_done, asked);
    if (st) { /* not at once again */
        atomic_store(&g->killed, 0);
        atomic_store(&g->linked, 0);
        atomic_store(&g->gone, 0);
    }
    return st;
}

int vdbi_graph_tidy(vdb *db)
{
    vdbi_graph *g = &db->graph;
    vdbi_hnsw *h;
    vdb_error error = VDB_ERROR_INIT;
    vdb_status st;

    if (!vdbi_graph_tidy_is_due(db) || atomic_exchange(&g->tidying, 1))
        return 0;
    vdbi_error_save(&error);
    vdbi_lock(&g->upkeep);
    h = atomic_load(&g->hnsw);
    if (h && vdbi_graph_tidy_is_due(db)) { /* still */
        st = tidy(db, h);
        if (st && st != VDB_CANCELLED)
            vdbi_graph_say(db, "the graph could not be tidied: %s", vdbi_error_text());
    }
    vdbi_unlock(&g->upkeep);
    vdbi_lock(&g->lock);
    atomic_store(&g->tidying, 0);
    vdbi_broadcast(&g->changed);
    vdbi_unlock(&g->lock);
    vdbi_error_restore(&error);
    return 1;
}
