/* hnsw.h: the graph index: hierarchical navigable small worlds.
 *
 * [Yu. A. Malkov and D. A. Yashunin, Efficient and robust approximate nearest neighbor
 *  search using Hierarchical Navigable Small World graphs, 2016]
 *
 * Owns:      the nodes with their links, and the codes it finds its way by.
 * Promises:  a slot whose insertion has returned is found by walks that begin later, as
 *            well as a walk finds anything; every entry of a list of links is a node whose
 *            rows are complete.
 * May call:  codes/, kernel/, os/, base/.  Knows nothing of the store or of versions: db/
 *            hands it rows, says which slots may be answers, and re-ranks what it finds.
 * Threads:   any number of walks and insertions at once, each with a scratch of its own.
 * Failure:   VDB_NOMEM; the graph stays as it was.
 */
#ifndef VDBI_HNSW_H
#define VDBI_HNSW_H

#include "index/hnsw/visitors.h"
#include "index/hnsw/walk.h"

typedef struct vdbi_hnsw_shape {
    vdb_metric metric;
    uint32_t dimension;
    uint32_t m;
    uint32_t ef_construction;
    uint32_t max_layers;
} vdbi_hnsw_shape;

typedef struct vdbi_hnsw {
    vdbi_memory *memory;
    vdbi_hnsw_shape shape;
    vdbi_nodes nodes;
    vdbi_codes *_Atomic codes; /* see vdbi_hnsw_way */
    vdbi_codes *refitted;      /* being filled, by who writes codes too; else NULL */
    const vdbi_walk *walks[VDBI_FORMS];
    vdbi_visitors own, *visitors; /* who is in it: see vdbi_hnsw_share */
    _Atomic uint64_t entry; /* its layer in the upper half, its slot in the lower */
    _Atomic uint64_t count; /* nodes, twins too */
    _Atomic uint64_t twins;
    _Atomic uint32_t slot_limit; /* above every slot that was ever linked */
} vdbi_hnsw;

#define VDBI_NO_ENTRY UINT64_MAX

/* What a visit finds its way by: it asks once, when it has begun, and keeps to that, for
 * the codes may be changed for others meanwhile.  They live until the visit ends. */
typedef struct vdbi_way {
    vdbi_codes *codes;
    const vdbi_walk *walk;
} vdbi_way;

static inline vdbi_way vdbi_hnsw_way(const vdbi_hnsw *h)
{
    vdbi_codes *codes = atomic_load_explicit(&h->codes, memory_order_acquire);

    return (vdbi_way){codes, h->walks[codes->form]};
}

/* An empty graph, its codes fitted to a sample of rows; `exact`: float32 ones. */
vdb_status vdbi_hnsw_create(vdbi_memory *memory, const vdbi_hnsw_shape *shape,
                            int exact, const float *const *sample, size_t count,
                            vdbi_hnsw **out);
/* The same with codes that there are; it owns them, after an error too. */
vdb_status vdbi_hnsw_create_with(vdbi_memory *memory, const vdbi_hnsw_shape *shape,
                                 vdbi_codes *codes, vdbi_hnsw **out);
/* From now on its visitors are those of somebody who outlives it: who visits may then look
 * for the graph that there is, and who frees one waits for those who may have met it.
 * Nobody may be visiting it. */
void vdbi_hnsw_share(vdbi_hnsw *h, vdbi_visitors *visitors);
void vdbi_hnsw_free(vdbi_hnsw *h);

/* See that there is room for the code and the marks of a slot; new marks are none. */
vdb_status vdbi_hnsw_reserve(vdbi_hnsw *h, uint32_t slot);
/* How many bytes are allocated: links and codes.  (Not beside a refit's begin or end.) */
uint64_t vdbi_hnsw_bytes(const vdbi_hnsw *h);
/* How many a graph of this kind takes when that many slots are in use: no less than it will,
 * but by chance. */
uint64_t vdbi_hnsw_bytes_for(const vdbi_hnsw *h, uint32_t slots);
/* Make the code of a slot that has room, so that it can be compared, though it is not
 * linked yet. */
void vdbi_hnsw_encode(vdbi_hnsw *h, uint32_t slot, const float *vector);
/* Whether a slot is in the graph; any slot may be asked about. */
static inline int vdbi_hnsw_has(const vdbi_hnsw *h, uint32_t slot)
{
    return (vdbi_marks(&h->nodes, slot) & VDBI_MARK_LINKED) != 0;
}

/* Link a slot that has been encoded. */
vdb_status vdbi_hnsw_insert(vdbi_hnsw *h, uint32_t slot, vdbi_scratch *s);

/* Fit anew.  From begin to end, who reserves and encodes does so for both regions; begin,
 * end, reserve and encode exclude each other (db/: the turn).  Between, every other slot's
 * row is given by vdbi_hnsw_refit_row().  The end switches, if `good`, and returns the
 * region to be freed when the visits that began before it have ended. */
void vdbi_hnsw_refit_begin(vdbi_hnsw *h, vdbi_codes *codes);
vdb_status vdbi_hnsw_refit_row(vdbi_hnsw *h, uint32_t slot, const float *vector);
vdbi_codes *vdbi_hnsw_refit_end(vdbi_hnsw *h, int good);
/* Take out of their chains the twins whose codes differ from their leaders' now; each is
 * handed to `fresh`, to be linked again.  Not beside upkeep.h's. */
vdb_status vdbi_hnsw_unchain(vdbi_hnsw *h,
                             vdb_status (*fresh)(void *arg, uint32_t slot), void *arg);

/* Find the `ef` nearest to a vector by their codes, of those that pass (NULL: all):
 * s->pool, nearest first.  With `pass` it gives up (s->gave_up)
 * when it has computed more than `distances_max`. */
vdb_status vdbi_hnsw_search(vdbi_hnsw *h, const float *vector, uint32_t ef,
                            const vdbi_pass *pass, uint64_t distances_max,
                            vdbi_scratch *s);

#endif
