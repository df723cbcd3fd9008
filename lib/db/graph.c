/* graph.c: following commits, and the list of fresh slots; see graph.h. */
#include "db/graph.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "db/db.h"
#include "db/graph_priv.h"
#include "store/graph_pages.h"

vdbi_graph_sizes vdbi_graph_sizes_now = {2000, 1000, 1000, 500};

vdb_status vdbi_graph_open(vdb *db)
{
    vdbi_graph *g = &db->graph;
    vdb_status st;

    g->memory = &db->env->memory;
    g->wanted = vdbi_store_shape(db->store)->index == VDB_HNSW;
    g->has_saved = g->wanted && vdbi_graph_saved(db->store);
    vdbi_visitors_init(&g->visitors, g->memory);
    st = vdbi_mutex_init(&g->lock);
    if (st)
        return st;
    st = vdbi_mutex_init(&g->upkeep);
    if (!st) {
        st = vdbi_cond_init(&g->changed);
        if (st)
            vdbi_mutex_destroy(&g->upkeep);
    }
    if (st)
        vdbi_mutex_destroy(&g->lock);
    g->locks_made = !st;
    return st;
}

void vdbi_graph_close(vdb *db, int child)
{
    vdbi_graph *g = &db->graph;

    if (!g->locks_made)
        return;
    vdbi_hnsw_free(atomic_load(&g->hnsw));
    for (size_t i = 0; i < atomic_load(&g->given_up_count); i++)
        vdbi_hnsw_free(g->given_up[i]);
    vdbi_visitors_clear(&g->visitors);
    vdbi_free(g->memory, g->given_up);
    vdbi_free(g->memory, g->fresh);
    vdbi_free(g->memory, g->reborn);
    vdbi_free(g->memory, g->dead);
    vdbi_free(g->memory, db->touched.items);
    if (!child) {
        vdbi_cond_destroy(&g->changed);
        vdbi_mutex_destroy(&g->upkeep);
        vdbi_mutex_destroy(&g->lock);
    }
}

void vdbi_graph_say(vdb *db, const char *format, const char *what)
{
    char text[600];

    if (!db->env->log)
        return;
    snprintf(text, sizeof text, format, what);
    db->env->log(db->env->log_arg, VDB_LOG_WARNING, text);
}

/* (turn) Searches are exact from here on, and the graph is made anew when there is reason
 * to hope.  Who visits it may go on. */
void vdbi_graph_give_up(vdb *db, const char *why)
{
    vdbi_graph *g = &db->graph;
    vdbi_hnsw *h;

    atomic_store(&g->state, VDBI_GRAPH_NONE);
    vdbi_lock(&g->lock);
    h = atomic_exchange(&g->hnsw, NULL);
    if (h)
        g->given_up[atomic_fetch_add(&g->given_up_count, 1)] = h;
    vdbi_graph_fresh_drop(g);
    g->number++;
    g->failures++;
    vdbi_broadcast(&g->changed);
    vdbi_unlock(&g->lock);
    vdbi_graph_say(db, "the graph is given up: %s", why);
}

/* (upkeep) */
static int bury(vdbi_graph *g)
{
    int some = 0;

    for (;; some = 1) {
        vdbi_hnsw *h = NULL;
        vdbi_lock(&g->lock);
        if (!g->making && atomic_load(&g->given_up_count))
            h = g->given_up[atomic_fetch_sub(&g->given_up_count, 1) - 1];
        vdbi_unlock(&g->lock);
        if (!h)
            return some;
        vdbi_visitors_wait(&g->visitors);
        vdbi_hnsw_free(h);
    }
}

int vdbi_graph_bury(vdb *db)
{
    vdbi_graph *g = &db->graph;
    int some;

    if (!atomic_load(&g->given_up_count))
        return 0;
    vdbi_lock(&g->upkeep);
    some = bury(g);
    vdbi_unlock(&g->upkeep);
    return some;
}

int vdbi_graph_there(vdb *db)
{
    vdbi_graph *g = &db->graph;

    return atomic_load(&g->state) != VDBI_GRAPH_NONE || g->has_saved ||
           vdbi_graph_saved(db->store);
}

void vdbi_graph_yield(vdb *db, const char *why)
{
    vdbi_graph *g = &db->graph;

    atomic_fetch_add(&g->yielding, 1);
    vdbi_lock(&db->checkpoint_lock);
    vdbi_lock(&g->upkeep);
    vdbi_turn_take(db);
    if (atomic_load(&g->state) != VDBI_GRAPH_NONE) {
        vdbi_graph_give_up(db, why);
        g->failures--;
    }
    vdbi_graph_drop(db->store);
    g->has_saved = 0;
    atomic_store(&g->wanted_bytes, 0); /* there may be fewer slots soon */
    vdbi_store_unlinked(db->store, g->dead, g->dead_count);
    vdbi_free(g->memory, g->dead);
    g->dead = NULL;
    g->dead_count = g->dead_capacity = 0;
    vdbi_store_unmanage_slots(db->store);
    g->keeps_slots = 0;
    vdbi_graph_tell(db);
    vdbi_turn_give(db);
    bury(g);
    vdbi_unlock(&g->upkeep);
    vdbi_unlock(&db->checkpoint_lock);
}

void vdbi_graph_resume(vdb *db)
{
    vdbi_graph *g = &db->graph;

    vdbi_lock(&g->lock);
    atomic_fetch_sub(&g->yielding, 1);
    vdbi_broadcast(&g->changed);
    vdbi_unlock(&g->lock);
}

vdb_status vdbi_graph_clear_marks(vdbi_hnsw *h, uint32_t first, uint32_t bound)
{
    vdb_status st = VDB_OK;

    for (uint64_t slot = first; slot < bound && !st;
         slot = (slot / VDBI_EXTENT_SLOTS + 1) * VDBI_EXTENT_SLOTS)
        st = vdbi_hnsw_reserve(h, (uint32_t)slot);
    for (uint32_t slot = first; slot < bound && !st; slot++)
        atomic_store_explicit(vdbi_marks_of(&h->nodes, slot), 0, memory_order_relaxed);
    return st;
}

/* (lock) Room for `more` fresh slots beside those that a commit has been promised. */
vdb_status vdbi_graph_fresh_reserve(vdbi_graph *g, size_t more)
{
    more += g->promised;
    if (g->begin && g->end + more > g->capacity) {
        memmove(g->fresh, g->fresh + g->begin, (g->end - g->begin) * sizeof *g->fresh);
        g->moved += g->begin;
        g->next -= g->begin;
        g->end -= g->begin;
        g->begin = 0;
    }
    return vdbi_grow(g->memory, &g->fresh, &g->capacity, g->end + more,
                     sizeof *g->fresh);
}

void vdbi_graph_fresh_drop(vdbi_graph *g)
{
    vdbi_free(g->memory, g->fresh);
    g->fresh = NULL;
    g->begin = g->next = g->end = g->promised = g->capacity = 0;
    g->moved = 0;
    atomic_store(&g->fresh_count, 0);
}

/* (lock) For which there is room. */
void vdbi_graph_fresh_add(vdbi_graph *g, uint32_t slot)
{
    g->fresh[g->end++] = slot;
    atomic_store(&g->fresh_count, g->end - g->begin);
}

static vdb_status reserve(vdbi_graph *g, const vdbi_touched *touched)
{
    vdbi_hnsw *h = atomic_load(&g->hnsw);
    size_t puts = 0;
    vdb_status st = VDB_OK;

    for (size_t i = 0; i < touched->count && !st; i++) {
        st = vdbi_hnsw_reserve(h, touched->items[i].slot);
        puts += touched->items[i].vector != NULL;
    }
    if (!st)
        st = vdbi_grow(g->memory, &g->reborn, &g->reborn_capacity,
                       g->reborn_count + puts, sizeof *g->reborn);
    vdbi_lock(&g->lock);
    g->promised = 0; /* to a group that was not written */
    if (!st)
        st = vdbi_graph_fresh_reserve(g, puts);
    if (!st)
        g->promised = puts;
    vdbi_unlock(&g->lock);
    return st;
}

void vdbi_graph_prepare(vdb *db, const vdbi_touched *touched)
{
    if (atomic_load(&db->graph.state) == VDBI_GRAPH_NONE)
        return;
    if (!vdbi_graph_afford_commit(db, touched)) {
        vdbi_graph_give_up(db, "it has no room");
        db->graph.failures--; /* of ours it is none */
    } else if (reserve(&db->graph, touched))
        vdbi_graph_give_up(db, "no memory for its rows");
}

/* Mark a slot of which not every version that has it says that it is live; or unmark. */
void vdbi_graph_doubt(vdbi_graph *g, vdbi_hnsw *h, uint32_t slot, uint8_t mark)
{
    uint8_t before = atomic_fetch_or(vdbi_marks_of(&h->nodes, slot), mark);

    if (!(before & VDBI_MARK_IN_DOUBT))
        atomic_fetch_add(&g->doubtful, 1);
}

void vdbi_graph_clear_doubt(vdbi_graph *g, vdbi_hnsw *h, uint32_t slot, uint8_t mark)
{
    uint8_t before = atomic_fetch_and(vdbi_marks_of(&h->nodes, slot), (uint8_t)~mark);

    if (before & mark && !(before & ~mark & VDBI_MARK_IN_DOUBT))
        atomic_fetch_sub(&g->doubtful, 1);
}

/* (turn) Slots that were put into again, and are live in every version that anybody
 * holds, are like any other. */
static void settle(vdb *db, uint64_t oldest)
{
    vdbi_graph *g = &db->graph;
    vdbi_hnsw *h = atomic_load(&g->hnsw);
    size_t kept = 0;

    for (size_t i = 0; i < g->reborn_count; i++) {
        if (g->reborn[i].sequence > oldest)
            g->reborn[kept++] = g->reborn[i];
        else
            vdbi_graph_clear_doubt(g, h, g->reborn[i].slot, VDBI_MARK_REBORN);
    }
    g->reborn_count = kept;
}

void vdbi_graph_follow(vdb *db, const vdbi_touched *touched)
{
    vdbi_graph *g = &db->graph;
    vdbi_hnsw *h = atomic_load(&g->hnsw);

    if (atomic_load(&g->state) == VDBI_GRAPH_NONE) {
        for (size_t i = 0; i < touched->count && atomic_load(&g->wanted_bytes); i++)
            atomic_fetch_add(&g->killed, !touched->items[i].vector);
        return;
    }
    settle(db, vdbi_version_oldest(db));
    for (size_t i = 0; i < touched->count; i++) {
        const vdbi_touch *t = &touched->items[i];
        if (t->vector) {
            atomic_store(vdbi_marks_of(&h->nodes, t->slot), 0);
            vdbi_hnsw_encode(h, t->slot, t->vector);
            vdbi_graph_watch(g, h, t->slot, t->vector);
        }
        if (!t->vector) {
            vdbi_graph_doubt(g, h, t->slot, VDBI_MARK_KILLED);
            atomic_fetch_add(&g->killed, 1);
        }
        if (t->vector && t->reused) {
            vdbi_graph_doubt(g, h, t->slot, VDBI_MARK_REBORN);
            g->reborn[g->reborn_count++] = (vdbi_reborn){t->sequence, t->slot, 0};
        }
    }
    vdbi_lock(&g->lock);
    for (size_t i = 0; i < touched->count; i++)
        if (touched->items[i].vector)
            vdbi_graph_fresh_add(g, touched->items[i].slot);
    g->promised = 0;
    vdbi_broadcast(&g->changed);
    vdbi_unlock(&g->lock);
}

void vdbi_graph_tell(vdb *db)
{
    vdbi_graph *g = &db->graph;
    uint64_t bytes = 0;
    int32_t codes = 0;
    int judged = 0;

    if (!g->wanted)
        return;
    if (atomic_load(&g->state) != VDBI_GRAPH_NONE) {
        const vdbi_hnsw *h = atomic_load(&g->hnsw);
        const vdbi_codes *now = vdbi_hnsw_way(h).codes;
        bytes = vdbi_hnsw_bytes(h);
        codes = vdbi_code_is_exact(now->kind) ? VDB_CODES_NONE : VDB_CODES_8;
        judged =
            codes == VDB_CODES_8 &&
            (now->halves || vdbi_store_shape(db->store)->codes == VDB_CODES_DEFAULT);
    }
    atomic_store(&g->told_bytes, bytes);
    atomic_store(&g->told_codes, codes);
    atomic_store(&g->judged, judged);
    atomic_store(&g->told_file_bytes, vdbi_graph_bytes(db->store));
}

void vdbi_graph_stats(vdb *db, vdb_stats *out)
{
    vdbi_graph *g = &db->graph;
    const vdbi_hnsw *h;
    int has_turn = 1;

    if (!g->wanted)
        return;
    if (db->in_memory) /* where nobody has the turn for long */
        vdbi_turn_take(db);
    else
        has_turn = vdbi_turn_try(db);
    if (has_turn) {
        vdbi_graph_tell(db);
        vdbi_turn_give(db);
    }
    out->graph_file_bytes = atomic_load(&g->told_file_bytes);
    out->graph_wanted_bytes = atomic_load(&g->wanted_bytes);
    vdbi_lock(&g->lock);
    h = atomic_load(&g->hnsw);
    if (h) {
        uint64_t entry = atomic_load(&h->entry);
        out->graph_vectors = atomic_load(&h->count);
        out->graph_fresh = atomic_load(&g->fresh_count);
        out->graph_bytes = atomic_load(&g->told_bytes);
        out->graph_codes = atomic_load(&g->told_codes);
        out->graph_layers = entry == VDBI_NO_ENTRY ? 0 : (uint32_t)(entry >> 32) + 1;
    }
    vdbi_unlock(&g->lock);
}
