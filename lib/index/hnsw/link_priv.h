/* link_priv.h: changing links, for insertion and repair. */
#ifndef VDBI_LINK_PRIV_H
#define VDBI_LINK_PRIV_H

#include "index/hnsw/hnsw.h"

enum {
    VDBI_CANDIDATES_MAX = 2 * 512 + 1, /* of one list */
    /* Kept when a node is looked for by its own value: less than by searches that are not
     * told how many. */
    VDBI_TRY_EF = 40
};

/* One visit that changes links. */
typedef struct vdbi_linker {
    vdbi_hnsw *h;
    vdbi_way way;
    vdbi_scratch *s;
    vdbi_visitor *visitor; /* of vdbi_linker_begin */
} vdbi_linker;

/* Begin a visit of upkeep, which may keep ef_construction or VDBI_TRY_EF, and end it. */
vdb_status vdbi_linker_begin(vdbi_hnsw *h, vdbi_linker *k);
void vdbi_linker_end(vdbi_linker *k);

/* Choose at most `max` of `count` candidates, ascending by distance, for diversity; their
 * slots go to `chosen`.  How many. */
uint32_t vdbi_choose_links(const vdbi_linker *k, const uint64_t *keys, uint32_t count,
                           uint32_t max, uint32_t *chosen);
/* Insertion sort: for lists that are short and nearly sorted. */
void vdbi_sort_keys(uint64_t *keys, uint32_t count);
/* The distances of `count` nodes from a node, as sorted keys. */
void vdbi_keys_from(const vdbi_linker *k, uint32_t slot, const uint32_t *others,
                    uint32_t count, uint64_t *keys);
/* Write a whole list; the caller holds the node's lock, or nobody knows the node. */
void vdbi_set_links(vdbi_link *links, uint32_t max, const uint32_t *slots,
                    uint32_t count);
/* Give `slot` a link to `to`; a full list chooses anew. */
void vdbi_link_back(const vdbi_linker *k, uint32_t slot, uint32_t layer, uint32_t to);
/* Give `slot` a link to `to` on layer 0 where there is a free place: 1; 0: there is none, or
 * it is there. */
int vdbi_add_link(const vdbi_nodes *n, uint32_t slot, uint32_t to);
/* Find the `ef` nearest of a layer, without the node itself, to which others may have
 * linked; or more than `ef`, so that one of them at least is not leaving.  1 when it was
 * among them. */
int vdbi_find_near(const vdbi_linker *k, const vdbi_code_query *q, uint32_t slot,
                   uint32_t layer, uint64_t from, uint32_t ef);
/* The same, for a node that is in the graph, from the way in; `descend`: down through the
 * layers above, as searches go. */
int vdbi_find_from_top(const vdbi_linker *k, uint32_t slot, uint32_t layer, int descend,
                       uint32_t ef);
/* The nearest of a layer are in the pool: give the node links to some, besides those it
 * has.  How many were chosen. */
uint32_t vdbi_link_to(const vdbi_linker *k, uint32_t slot, uint32_t layer);
/* Link back from all that the node links to. */
void vdbi_link_from(const vdbi_linker *k, uint32_t slot, uint32_t layer);

#endif
