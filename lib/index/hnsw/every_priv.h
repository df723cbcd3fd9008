/* every_priv.h: going over all nodes of the graph, on every thread that may help. */
#ifndef VDBI_EVERY_PRIV_H
#define VDBI_EVERY_PRIV_H

#include "index/hnsw/link_priv.h"
#include "index/hnsw/upkeep.h"

/* Do something for a node that stays; returns how many links it has made.  Several threads
 * may be at it, each for another node. */
typedef uint32_t vdbi_see_to_node(const vdbi_linker *k, uint32_t slot);

/* For every node; one that is linked meanwhile may be left out.  *made: their sum. */
vdb_status vdbi_every_node(vdbi_hnsw *h, const vdbi_pace *pace, vdbi_see_to_node *see,
                           uint64_t *made);

#endif
