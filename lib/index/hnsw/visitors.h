/* visitors.h: who is in the graph now, each with a scratch.
 *
 * A visit is one search or one insertion.  It takes an idle visitor, or makes one; so
 * there are as many as there ever were visits at once, and after warming up a visit
 * allocates nothing, unless it needs megabytes, which are not kept.  Who unlinks nodes
 * waits until all visits that may have met them are over (vdbi_visitors_wait), without
 * stopping anybody.
 *
 * Threads:   any number.  A visit takes no lock.
 * Failure:   VDB_NOMEM.
 */
#ifndef VDBI_VISITORS_H
#define VDBI_VISITORS_H

#include "index/hnsw/scratch.h"

typedef struct vdbi_visitor {
    _Atomic uint64_t since; /* the epoch in which the visit began; 0: idle */
    struct vdbi_visitor *next;
    vdbi_scratch scratch;
} vdbi_visitor;

typedef struct vdbi_visitors {
    vdbi_memory *memory;
    _Atomic uint64_t epoch;
    vdbi_visitor *_Atomic first;
} vdbi_visitors;

void vdbi_visitors_init(vdbi_visitors *v, vdbi_memory *memory);
void vdbi_visitors_clear(vdbi_visitors *v); /* nobody may be visiting */
vdb_status vdbi_visit_begin(vdbi_visitors *v, vdbi_visitor **out);
void vdbi_visit_end(vdbi_visitor *visitor);
/* Wait until every visit that began before this call has ended.  Not from within one. */
void vdbi_visitors_wait(vdbi_visitors *v);

#endif
