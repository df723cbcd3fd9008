/* nodes.h: the nodes of the graph and their links, in memory.
 *
 * A node is a slot.  Its links on layer 0 are a row of 2 m slots, those on each layer
 * above a row of m; unused places hold VDBI_NO_SLOT and stand behind the used ones.  Rows
 * of layer 0 are whole cache lines where m allows: two for m = 16.
 *
 * A node whose code equals another's is not linked but stands in that one's chain of
 * twins.  Its own row of layer 0 then begins with the leader of the chain, VDBI_MEMBER
 * added; nobody walks there.  So the rows of links tell all of the graph, and can be saved
 * as they are; which of them have changed since, blocks of a page remember.
 *
 * Threads:   who changes a node's links holds its lock (vdbi_node_lock; one at a time).
 *            Readers take none: entries are loaded with acquire, one by one, and stored
 *            with release after everything of the node that they name is complete.  A
 *            reader may meet a mixture of the old and the new list; each entry is a node.
 */
#ifndef VDBI_NODES_H
#define VDBI_NODES_H

#include "index/extents.h"

#define VDBI_NO_SLOT UINT32_MAX
#define VDBI_MEMBER  0x80000000u /* a slot has 31 bits */

enum {
    VDBI_BLOCK_BYTES = 4096,
    VDBI_UPPER_OWNER =
        0, /* words of an upper row: whose it is, on which layer; links */
    VDBI_UPPER_LAYER,
    VDBI_UPPER_LINKS,
    VDBI_LAYERS_MAX = 64,
    VDBI_TWINS_MAX = 4096 /* looked at of one chain by one search */
};

typedef _Atomic uint32_t vdbi_link;

/* What of a node the walk does not touch. */
typedef struct vdbi_node {
    vdbi_link upper;       /* its first row of upper links; layers follow one another */
    vdbi_link twin;        /* the next node that has the same vector, or VDBI_NO_SLOT */
    _Atomic uint8_t layer; /* its highest */
    _Atomic uint8_t locked;
    uint8_t reserved[2];
} vdbi_node;

/* A byte for each slot that the walk does look at. */
enum {
    VDBI_MARK_LINKED = 1,   /* in the graph, or in the chain of a twin that is */
    VDBI_MARK_TWINS = 2,    /* has a chain of twins behind it */
    VDBI_MARK_LEAVING = 4,  /* is being unlinked: no new link may lead to it */
    VDBI_MARK_CHAINED = 32, /* stands in the chain of a twin; no link leads to it */
    VDBI_MARK_UNTRIED =
        64, /* whether it is found by its own value, nobody has seen yet */
    /* Set by who uses the index; it heeds neither: */
    VDBI_MARK_KILLED = 8,  /* dead in some version */
    VDBI_MARK_REBORN = 16, /* put into again; dead in some older version */
    VDBI_MARK_IN_DOUBT = VDBI_MARK_KILLED | VDBI_MARK_REBORN
};

typedef struct vdbi_nodes {
    uint32_t m;          /* links of an upper row */
    uint32_t m0;         /* of a row of layer 0 */
    vdbi_extents links;  /* by slot */
    vdbi_extents nodes;  /* vdbi_node by slot */
    vdbi_extents marks;  /* VDBI_MARK_* by slot */
    vdbi_extents uppers; /* by number of row */
    /* A byte for each block of rows: 1 when it has changed since it was saved. */
    vdbi_extents links_changed, uppers_changed;
    uint32_t links_per_block, uppers_per_block;
    _Atomic uint32_t upper_count; /* rows ever used */
    _Atomic uint8_t free_locked;
    uint32_t
        free_uppers[VDBI_LAYERS_MAX]; /* (free_locked) by how many follow one another,
                                              the first of a list; each names the next */
} vdbi_nodes;

static inline vdbi_link *vdbi_links0(const vdbi_nodes *n, uint32_t slot)
{
    return (vdbi_link *)(void *)vdbi_extents_row(&n->links, slot);
}

static inline vdbi_node *vdbi_node_of(const vdbi_nodes *n, uint32_t slot)
{
    return (vdbi_node *)(void *)vdbi_extents_row(&n->nodes, slot);
}

static inline vdbi_link *vdbi_upper_links(const vdbi_nodes *n, uint32_t slot,
                                          uint32_t layer)
{
    uint32_t row =
        atomic_load_explicit(&vdbi_node_of(n, slot)->upper, memory_order_acquire);

    return (vdbi_link *)(void *)vdbi_extents_row(&n->uppers, row + layer - 1) +
           VDBI_UPPER_LINKS;
}

static inline vdbi_link *vdbi_links(const vdbi_nodes *n, uint32_t slot, uint32_t layer)
{
    return layer ? vdbi_upper_links(n, slot, layer) : vdbi_links0(n, slot);
}

static inline uint32_t vdbi_links_max(const vdbi_nodes *n, uint32_t layer)
{
    return layer ? n->m : n->m0;
}

static inline _Atomic uint8_t *vdbi_marks_of(const vdbi_nodes *n, uint32_t slot)
{
    return (_Atomic uint8_t *)vdbi_extents_row(&n->marks, slot);
}

/* Of any slot: 0 if it never had any. */
static inline uint8_t vdbi_marks(const vdbi_nodes *n, uint32_t slot)
{
    return vdbi_extents_has(&n->marks, slot)
               ? atomic_load_explicit(vdbi_marks_of(n, slot), memory_order_acquire)
               : 0;
}

/* Whether any slot is a node that stays: linked, not leaving, no twin in a chain. */
static inline int vdbi_is_node(const vdbi_nodes *n, uint32_t slot)
{
    return (vdbi_marks(n, slot) & (VDBI_MARK_LINKED | VDBI_MARK_LEAVING |
                                   VDBI_MARK_CHAINED)) == VDBI_MARK_LINKED;
}

static inline int vdbi_is_marked(const vdbi_nodes *n, uint32_t slot, uint8_t mark)
{
    return (atomic_load_explicit(vdbi_marks_of(n, slot), memory_order_acquire) &
            mark) != 0;
}

/* Links of a node on a layer have changed: to be called after every change. */
void vdbi_links_touch(const vdbi_nodes *n, uint32_t slot, uint32_t layer);
/* The same, by the number of an upper row. */
void vdbi_uppers_touch(const vdbi_nodes *n, uint32_t row);

/* The node that has taken the place of one that is leaving, with its vector, its links and
 * its chain; VDBI_NO_SLOT: none. */
static inline uint32_t vdbi_heir_of(const vdbi_nodes *n, uint32_t slot)
{
    while (vdbi_is_marked(n, slot, VDBI_MARK_TWINS)) {
        slot = atomic_load_explicit(&vdbi_node_of(n, slot)->twin, memory_order_acquire);
        if (slot == VDBI_NO_SLOT || vdbi_is_marked(n, slot, VDBI_MARK_CHAINED))
            break;
        if (!vdbi_is_marked(n, slot, VDBI_MARK_LEAVING))
            return slot;
    }
    return VDBI_NO_SLOT;
}

void vdbi_node_lock(vdbi_node *node);
void vdbi_node_unlock(vdbi_node *node);

vdb_status vdbi_nodes_init(vdbi_nodes *n, vdbi_memory *memory, uint32_t m);
void vdbi_nodes_clear(vdbi_nodes *n);
/* See that an upper row is there, by its number. */
vdb_status vdbi_nodes_reserve_upper(vdbi_nodes *n, uint32_t row);
/* Make the rows of a node of this layer, without links; nobody may know it yet. */
vdb_status vdbi_nodes_make(vdbi_nodes *n, uint32_t slot, uint32_t layer);
/* Write into the upper row of a layer that it is this node's. */
void vdbi_upper_belongs(const vdbi_nodes *n, uint32_t slot, uint32_t layer);
/* Give back rows of upper links that follow one another; nobody may look at them. */
void vdbi_uppers_free(vdbi_nodes *n, uint32_t row, uint32_t count);

#endif
