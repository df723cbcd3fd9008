/* upkeep.h: long work on a graph beside its searches and insertions.
 *
 * Promises:  a slot that has been unlinked is met by nobody and may be put into again; a
 *            node that is not leaving has links to such nodes only, as soon as the
 *            unlinking has returned; every node can be reached after vdbi_hnsw_connect().
 * Threads:   one of these at a time on a graph, beside any number of searches and
 *            insertions; not from within a visit.  With a `share` what goes over all nodes
 *            is done by several threads; go_on is asked by each of them.
 * Failure:   VDB_NOMEM, VDB_CANCELLED: what was done so far stays, and it is a graph.
 */
#ifndef VDBI_UPKEEP_H
#define VDBI_UPKEEP_H

#include "index/hnsw/hnsw.h"

/* go_on: asked about every millisecond of work, outside of any visit; may sleep.  0: give
 * up, with VDB_CANCELLED.  A NULL pace is in no doubt.
 * share: call part(work), and have it called by every other thread that may help; return
 * when all these calls have ended.  Each call takes of the work what no other has taken,
 * until there is none.  NULL: nobody helps. */
typedef struct vdbi_pace {
    int (*go_on)(void *arg);
    void *arg;
    void (*share)(void *arg, void (*part)(void *work), void *work);
} vdbi_pace;

/* Take slots out of the graph, each of them linked, and dead to every search that begins
 * from now on.  After an error they are still in it, marked as leaving: call again, with
 * at least these. */
vdb_status vdbi_hnsw_unlink(vdbi_hnsw *h, const uint32_t *slots, size_t count,
                            const vdbi_pace *pace);

/* Give a node links as if it were inserted now, beside those it has; nothing for a slot that
 * is no node, or is a twin. */
vdb_status vdbi_hnsw_link_anew(vdbi_hnsw *h, uint32_t slot);

/* See that every node is linked back to by some of its neighbours, so that a walk to its
 * place meets it.  *made: how many links were missing. */
vdb_status vdbi_hnsw_answer(vdbi_hnsw *h, const vdbi_pace *pace, uint64_t *made);
/* See that every node that was inserted since this was called last is found by its own
 * value; `all`: every node.  *made: how many links were missing. */
vdb_status vdbi_hnsw_find_each(vdbi_hnsw *h, int all, const vdbi_pace *pace,
                               uint64_t *made);
/* See that a way leads from the top to every node.  *made: how many ways were missing. */
vdb_status vdbi_hnsw_connect(vdbi_hnsw *h, const vdbi_pace *pace, uint64_t *made);
/* How many nodes no way leads to, and the first of them. */
vdb_status vdbi_hnsw_missed(vdbi_hnsw *h, uint64_t *missed, uint32_t *first);

/* Look at everything that should always hold while nobody inserts: VDB_CORRUPT, and the
 * message says what does not. */
vdb_status vdbi_hnsw_check(vdbi_hnsw *h);
/* All of that but whether every node can be reached, which insertions may undo and
 * vdbi_hnsw_connect() mends.  `tick` (may be NULL) ends it with what it returns. */
vdb_status vdbi_hnsw_check_rows(vdbi_hnsw *h, vdb_status (*tick)(void *arg), void *arg);

#endif
