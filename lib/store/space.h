/* space.h: which pages of the file are in use.
 *
 * Owns:      the map of free space (a bit per page, in the file) and, in memory, the pages
 *            that are free in the map but still held for a reader, or until a checkpoint
 *            is complete.
 * Promises:  a page is given out only if neither the map nor a hold says no.  What a
 *            checkpoint did can be undone without memory or I/O.
 * May call:  array.h, frame.h.
 * Threads:   the one checkpoint, outside of a reading section; vdbi_space_totals by any.
 * Failure:   VDB_FULL (16 TiB), VDB_CORRUPT, VDB_IO, VDB_NOMEM.
 *
 * A checkpoint's steps: begin; take places for pages; give back what was superseded;
 * settle, which places the map's own pages; then commit or undo.
 */
#ifndef VDBI_SPACE_H
#define VDBI_SPACE_H

#include "store/frame.h"

typedef struct vdbi_space vdbi_space;

/* `map` and `summary` as a meta page has them. */
vdb_status vdbi_space_create(vdbi_memory *memory, vdbi_pager *pager,
                             const vdbi_ref *map, const vdbi_ref *summary,
                             uint64_t file_pages, vdbi_space **out);
void vdbi_space_free(vdbi_space *space);

/* Read the summary, if that has not been done: a page for each 64 GiB of file. */
vdb_status vdbi_space_learn(vdbi_space *space);
/* Nothing, if it has begun: by a save of the graph, whose places are the checkpoint's. */
vdb_status vdbi_space_begin(vdbi_space *space);
/* A run of `pages`, within 128 MiB. */
vdb_status vdbi_space_take(vdbi_space *space, uint32_t pages, uint64_t *place);
/* Free a run that versions before `sequence` may still refer to; it is held. */
vdb_status vdbi_space_give(vdbi_space *space, uint64_t place, uint32_t pages,
                           uint64_t sequence);
/* Give every page of the map that must be written a place.  After it, the map's contents
 * are final; write what map and summary reach. */
vdb_status vdbi_space_settle(vdbi_space *space);
/* After it: end the file behind the last page that is used or held. */
vdb_status vdbi_space_shrink(vdbi_space *space);
void vdbi_space_roots(vdbi_space *space, vdbi_ref **map, vdbi_ref **summary);
uint64_t vdbi_space_file_pages(const vdbi_space *space);
/* The checkpoint is durable. */
void vdbi_space_commit(vdbi_space *space);
/* It failed: everything as at begin. */
void vdbi_space_undo(vdbi_space *space);

/* No reader sees a version before `oldest` any more: let go what was held for them. */
void vdbi_space_let_go(vdbi_space *space, uint64_t oldest);
/* From the next checkpoint on, each moves those of the map's own pages that stand at or
 * behind `boundary` (UINT64_MAX: none). */
void vdbi_space_evacuate(vdbi_space *space, uint64_t boundary);
uint64_t vdbi_space_boundary(const vdbi_space *space);
/* How many pages below `boundary` could be taken now. */
vdb_status vdbi_space_room(vdbi_space *space, uint64_t boundary, uint64_t *pages);
/* The lowest place, at or above `floor`, behind which at most `most` pages are used or
 * held, and how many are. */
vdb_status vdbi_space_tail(vdbi_space *space, uint64_t most, uint64_t floor,
                           uint64_t *boundary, uint64_t *behind);
/* Pages that are used, of the file's length. */
uint64_t vdbi_space_used(const vdbi_space *space);
/* Pages free for use, and pages held; of the file's length. */
void vdbi_space_totals(vdbi_space *space, uint64_t *free_pages, uint64_t *held_pages);

#endif
