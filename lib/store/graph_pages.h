/* graph_pages.h: the saved graph: opaque blocks that are derived from the truth.
 *
 * Owns:      roots 11 to 14 of the meta page, and the save that is under way.
 * Promises:  what the meta page in force names is exactly what one save put, block for
 *            block, but for bits of the bitmap of linked slots that stand for slots put
 *            into since: those are cleared before a checkpoint saves such a put.  A slot
 *            in that bitmap holds the vector that was there when the save began, or is
 *            dead, or has been put into by the replay of this opening.  A save that fails
 *            leaves the one before in force and gives its places back.
 * May call:  the store's own parts.  Knows nothing of what the blocks mean, but for a bit
 *            per slot in VDBI_GRAPH_LINKED.
 * Threads:   (turn) and (checkpoint) as in store.h.  vdbi_graph_saved and
 *            vdbi_graph_block: who has the turn, or the checkpoint's lock, or knows that
 *            no checkpoint ends meanwhile (any may clear bits of replayed puts).
 * Failure:   the usual statuses; VDBI_GRAPH_DAMAGED when a page of the saved graph is
 *            damaged.  Nothing of the truth is damaged then: drop the graph, save it anew.
 *
 * The graph is no part of an image: commits and readers' versions never see it.  A part
 * is an array of blocks, each a page.  What a block holds, and how many there are, is the
 * caller's business; a block of zeros need not be put, for a hole reads as zeros.
 *
 * SAVING.  One hold of the checkpoint's lock is simplest: begin (in the turn); copy the
 * bitmap of linked slots; put the blocks that have changed since the save that is in
 * force; finish; then a checkpoint as always, whose meta page names the new graph.
 * vdbi_graph_save_number() tells afterwards whether it is durable.  The lock may be given
 * up between finish and the checkpoint; every checkpoint takes a finished save along, and
 * if that checkpoint fails, or the disk is too full for both, the save is given up and
 * everything that it had put must be put again by the next.  So keep the marks of changed
 * blocks until the number says that they are saved.
 *
 * Blocks are written as they are put, to places that nothing durable refers to.  Memory
 * does not grow with the graph: a page for each level of each part, a buffer of output,
 * and a few words for each run of places.
 *
 * SLOTS.  docs/format.md, "The graph", has the argument.  Once db manages slots, a killed
 * slot that no version sees goes to a list (vdbi_store_dead_slots); db takes it out of its
 * graph and, when every search begun before has ended, says vdbi_store_unlinked().  It is
 * free then, unless the graph in force or one that is being saved has its bit; in that
 * case when a save without the bit is durable, or the graph has been dropped.
 */
#ifndef VDBI_GRAPH_PAGES_H
#define VDBI_GRAPH_PAGES_H

#include "store/store.h"

/* The parts, in the order of their roots: part p is root 11 + p. */
enum {
    VDBI_GRAPH_LINKS = 0, /* rows by slot */
    VDBI_GRAPH_UPPERS,    /* rows of the upper layers */
    VDBI_GRAPH_LINKED,    /* a bit per slot: 32,768 in a block, little-endian */
    VDBI_GRAPH_HEADER,    /* entry point, counts, parameters */
    VDBI_GRAPH_PARTS,
    VDBI_GRAPH_BLOCK = VDBI_PAGE,
    VDBI_GRAPH_DAMAGED = -2 /* a vdb_status that never leaves db/; the message is set */
};

/* ---- reading ---- */

/* Whether the meta page in force names a graph that has not been dropped. */
int vdbi_graph_saved(const vdbi_store *store);
/* A block's bytes, verified, until the reading section ends (frame.h); NULL: a hole, all
 * zeros.  There is no bound but the caller's.  VDBI_GRAPH_DAMAGED, VDB_IO, VDB_NOMEM. */
vdb_status vdbi_graph_block(vdbi_store *store, int part, uint64_t block,
                            const uint8_t **bytes);
/* (turn), outside of a section.  How many bytes of the file it takes; of a damaged one what
 * could be read. */
uint64_t vdbi_graph_bytes(vdbi_store *store);
/* The slots that replay put into at this opening, a bit each: whatever the saved bitmap
 * says, they are fresh.  Bits at and beyond *bound are none; NULL when there are none.
 * The words stay as they are until the store is freed.  Any thread. */
const uint64_t *vdbi_store_replayed_puts(const vdbi_store *store, uint32_t *bound);

/* ---- saving ---- */

/* (turn, checkpoint), outside of a section.  Begin a save on top of the one in force.
 * *whole: there is none to build on (none was saved, it was dropped, it is damaged): every
 * block that is not zeros must be put.  *number: this save's.  The bitmap of linked slots
 * must be copied after this, and before the first row of links is copied.
 * VDB_READONLY, VDB_POISONED, VDB_MISUSE (in memory; a save is under way). */
vdb_status vdbi_graph_save_begin(vdbi_store *store, int *whole, uint64_t *number);
/* (checkpoint), outside of a section.  Replace a block; `bytes` NULL: make it a hole.
 * Parts in any order, the blocks of one part ascending, each once.  After an error the
 * save must be abandoned; VDBI_GRAPH_DAMAGED has dropped the graph, and the next save is
 * a whole one.  VDB_FULL, VDB_IO, VDB_NOMEM, VDB_MISUSE. */
vdb_status vdbi_graph_put(vdbi_store *store, int part, uint64_t block,
                          const uint8_t *bytes);
/* (checkpoint), outside of a section.  All has been put. */
vdb_status vdbi_graph_save_finish(vdbi_store *store);
/* (turn, checkpoint), outside of a section.  Give up a save, finished or not; nothing if
 * there is none. */
void vdbi_graph_save_abandon(vdbi_store *store);
/* The number of the newest save of this handle that is durable; 0: none.  Any thread. */
uint64_t vdbi_graph_save_number(const vdbi_store *store);

/* (turn), outside of a section.  The saved graph is worth nothing: the next checkpoint's
 * meta page names none, and its pages are freed.  A save that is under way will be given
 * up, too, when the next checkpoint begins.  What waited for a save is free at once, or
 * when the one under way has ended. */
void vdbi_graph_drop(vdbi_store *store);
/* (turn, checkpoint)  Whether a checkpoint has something of the graph to do, even if
 * nothing else has changed. */
int vdbi_graph_needs_checkpoint(const vdbi_store *store);

/* ---- slots ---- */

/* (turn)  From now on db unlinks killed slots; before db links its first.  A store whose
 * file has a graph does so from the beginning. */
vdb_status vdbi_store_manage_slots(vdbi_store *store);
/* (turn) There is no graph, and a saved one has been dropped: dead slots are free again
 * once no version shows them. */
void vdbi_store_unmanage_slots(vdbi_store *store);
/* (turn), outside of a section.  Take up to `capacity` slots off the list of those that
 * are dead for every version from `oldest`, the oldest that anybody holds, on.  They are
 * db's until vdbi_store_unlinked().  `newest`: the newest image. */
vdb_status vdbi_store_dead_slots(vdbi_store *store, const vdbi_image *newest,
                                 uint64_t oldest, uint32_t *slots, size_t capacity,
                                 size_t *count);
/* (turn), outside of a section.  Slots from that list that no search reaches and db's
 * bitmap of linked slots does not have, nor will have before they are put into again. */
void vdbi_store_unlinked(vdbi_store *store, const uint32_t *slots, size_t count);

#endif
