/* every.c: see every_priv.h.
 *
 * Threads take runs of slots, one after another, from one counter.  Which of them sees to
 * which node is chance, so the graph depends on it, as it does on who links which node; one
 * thread takes them in order.
 */
#include "index/hnsw/every_priv.h"

#include "base/error.h"

enum {
    NODES_AT_ONCE = 256 /* about a millisecond */
};

typedef struct going {
    vdbi_hnsw *h;
    const vdbi_pace *pace;
    vdbi_see_to_node *see;
    uint64_t limit;
    _Atomic uint64_t next; /* slots below it are taken */
    _Atomic uint64_t made;
    _Atomic int failed; /* a vdb_status: nobody takes more */
} going;

static vdb_status see_to_some(going *g, uint64_t first)
{
    uint64_t end = g->limit - first < NODES_AT_ONCE ? g->limit : first + NODES_AT_ONCE;
    uint64_t made = 0;
    vdbi_linker k;
    vdb_status st;

    if (g->pace && !g->pace->go_on(g->pace->arg))
        return VDB_CANCELLED;
    st = vdbi_linker_begin(g->h, &k);
    if (st)
        return st;
    for (uint64_t slot = first; slot < end; slot++)
        if (vdbi_is_node(&g->h->nodes, (uint32_t)slot))
            made += g->see(&k, (uint32_t)slot);
    vdbi_linker_end(&k);
    atomic_fetch_add_explicit(&g->made, made, memory_order_relaxed);
    return VDB_OK;
}

static void take_part(void *work)
{
    going *g = work;

    while (!atomic_load_explicit(&g->failed, memory_order_relaxed)) {
        uint64_t first =
            atomic_fetch_add_explicit(&g->next, NODES_AT_ONCE, memory_order_relaxed);
        vdb_status st = first < g->limit ? see_to_some(g, first) : VDB_OK;
        if (st)
            atomic_store_explicit(&g->failed, (int)st, memory_order_relaxed);
        if (st || first >= g->limit)
            return;
    }
}

vdb_status vdbi_every_node(vdbi_hnsw *h, const vdbi_pace *pace, vdbi_see_to_node *see,
                           uint64_t *made)
{
    going g = {.h = h, .pace = pace, .see = see, .limit = atomic_load(&h->slot_limit)};
    vdb_status st;

    if (pace && pace->share)
        pace->share(pace->arg, take_part, &g);
    else
        take_part(&g);
    *made = atomic_load(&g.made);
    st = (vdb_status)atomic_load(&g.failed);
    if (!st)
        return VDB_OK;
    /* It may have been another thread's. */
    return vdbi_fail(st, st == VDB_CANCELLED ? "the graph's upkeep was given up"
                                             : "no memory for the graph's upkeep");
}
