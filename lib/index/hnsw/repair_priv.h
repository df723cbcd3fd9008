/* repair_priv.h: the lists of one node, after some of its neighbours have gone. */
#ifndef VDBI_REPAIR_PRIV_H
#define VDBI_REPAIR_PRIV_H

#include "index/hnsw/link_priv.h"

/* Replace the links of a node that lead to leaving ones, on all its layers. */
void vdbi_repair_node(const vdbi_linker *k, uint32_t slot);

#endif
