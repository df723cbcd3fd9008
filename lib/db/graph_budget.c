/* graph_budget.c: whether a graph has room in the memory that the options allow it.
 *
 * Memory of a graph is reserved for 65,536 slots at once, so what it will take is known
 * before it is taken: when a saved one has told its kind of codes and before it is read,
 * when one has been fitted and before it is filled, and when a commit puts into the first
 * slot beyond.  One that has no room is given up whole: half a graph would find half of what
 * there is, and to compare the rest costs as much as the half of all.  Nothing is tried
 * again until rows have moved (vdbi_graph_yield), for slots do not become fewer before.
 *
 * What the file has of it stays, for who opens it with more memory.  But slots of dead
 * vectors that it links cannot be used again, nor those that died for a graph that has been
 * given up; when they are many, it is dropped, and all are free.
 */
#include <stdio.h>

#include "base/error.h"
#include "db/graph_priv.h"

enum {
    DEAD_SHARE = 20 /* the part of the vectors at which a graph would be tidied, too */
};

int vdbi_graph_has_room(vdb *db, uint64_t bytes)
{
    return db->options.graph_bytes == 0 || bytes <= db->options.graph_bytes;
}

vdb_status vdbi_graph_afford(vdb *db, const vdbi_hnsw *h, uint32_t slots)
{
    uint64_t bytes = vdbi_hnsw_bytes_for(h, slots);
    char text[160];

    if (vdbi_graph_has_room(db, bytes))
        return VDB_OK;
    snprintf(text, sizeof text,
             "the graph would take %llu bytes, and graph_bytes allows it %llu",
             (unsigned long long)bytes, (unsigned long long)db->options.graph_bytes);
    if (!atomic_exchange(&db->graph.wanted_bytes, bytes))
        vdbi_graph_say(db, "%s: searches compare every vector", text);
    return vdbi_fail(VDB_FULL, "%s", text);
}

int vdbi_graph_afford_commit(vdb *db, const vdbi_touched *touched)
{
    const vdbi_hnsw *h = atomic_load(&db->graph.hnsw);
    vdb_error error = VDB_ERROR_INIT;
    uint32_t slots = 0;
    int has_room;

    for (size_t i = 0; i < touched->count && db->options.graph_bytes; i++) {
        uint32_t slot = touched->items[i].slot;
        if (slot >= slots && !vdbi_extents_has(&h->nodes.marks, slot))
            slots = slot + 1;
    }
    if (slots == 0)
        return 1;
    vdbi_error_save(&error); /* the commit goes well */
    has_room = !vdbi_graph_afford(db, h, slots);
    vdbi_error_restore(&error);
    return has_room;
}

int vdbi_graph_drop_is_due(vdb *db)
{
    vdbi_graph *g = &db->graph;
    uint64_t killed = atomic_load(&g->killed);

    return atomic_load(&g->wanted_bytes) && !atomic_load(&g->yielding) &&
           killed >= vdbi_graph_sizes_now.dead_min &&
           killed >= atomic_load(&db->live) / DEAD_SHARE;
}

int vdbi_graph_drop_saved(vdb *db)
{
    int there;

    if (!vdbi_graph_drop_is_due(db))
        return 0;
    vdbi_turn_take(db);
    there = vdbi_graph_there(db) || db->graph.keeps_slots;
    atomic_store(&db->graph.killed, 0);
    vdbi_turn_give(db);
    if (there) {
        vdbi_graph_yield(db, "its vectors are deleted");
        vdbi_graph_resume(db);
    }
    return 1;
}
