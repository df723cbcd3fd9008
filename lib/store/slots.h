/* slots.h: which slots a put may use.
 *
 * Owns:      in memory, the dead slots that nobody sees any more, and those that older
 *            readers may still see; when they are managed, also those that wait to be
 *            taken out of the graph, and those that a saved graph may still have.
 * Promises:  a slot is given out only if it is dead in every version that anybody holds,
 *            and no graph that a later meta page may name has it.
 * May call:  record.h (reading liveness).
 * Threads:   the one who has the writer's turn.
 * Failure:   VDB_NOMEM, VDB_CORRUPT, VDB_IO, VDB_FULL (2^31 - 1 slots).
 */
#ifndef VDBI_SLOTS_H
#define VDBI_SLOTS_H

#include "store/image.h"

typedef struct vdbi_slots vdbi_slots;

/* Sets of slots. */
typedef struct vdbi_slot_bits {
    uint64_t *words;
    size_t capacity;
    uint32_t bound; /* bits beyond are 0, and may not be there */
} vdbi_slot_bits;
vdb_status vdbi_slot_bits_reserve(vdbi_memory *memory, vdbi_slot_bits *bits,
                                  uint32_t bound);

vdb_status vdbi_slots_create(vdbi_memory *memory, vdbi_slots **out);
void vdbi_slots_free(vdbi_slots *slots);

/* Learn which slots are dead; before the first kill of the handle.  Does its work once. */
vdb_status vdbi_slots_learn(vdbi_slots *slots, vdbi_pager *pager,
                            const vdbi_image *image);
/* Slots killed by versions up to `oldest`, the oldest anybody holds, may be reused; or,
 * managed, unlinked. */
void vdbi_slots_release(vdbi_slots *slots, uint64_t oldest);

/* A request's takes and kills, so that they can be undone. */
typedef struct vdbi_slots_mark {
    size_t taken;
    uint64_t killed;
} vdbi_slots_mark;
vdbi_slots_mark vdbi_slots_mark_get(const vdbi_slots *slots);
void vdbi_slots_undo(vdbi_slots *slots, const vdbi_slots_mark *mark);
/* Nothing before now can be undone any more. */
void vdbi_slots_commit(vdbi_slots *slots);

/* A slot to put into: a dead one, out of the emptiest block of vectors nearby, or
 * *slot = image->slot_count. */
vdb_status vdbi_slots_take(vdbi_slots *slots, const vdbi_image *image, uint32_t *slot);
/* `sequence`: of the version in which the slot is dead. */
vdb_status vdbi_slots_kill(vdbi_slots *slots, uint32_t slot, uint64_t sequence);

/* ---- slots that a graph links (graph_pages.h) ---- */

enum {
    VDBI_SLOTS_CHUNK = VDBI_PAGE / 8 /* words that are asked for at a time */
};
/* Which slots of chunk number `chunk` a saved graph may have; cannot fail: what cannot be
 * read may have all. */
typedef void (*vdbi_linked_slots)(void *arg, uint32_t chunk,
                                  uint64_t words[VDBI_SLOTS_CHUNK]);

/* From now on a dead slot is free only once it has been unlinked. */
vdb_status vdbi_slots_manage(vdbi_slots *slots, vdbi_linked_slots linked, void *arg);
/* There is no graph any more, and none is named by a meta page to come: what waits for one
 * is free. */
void vdbi_slots_unmanage(vdbi_slots *slots);
/* Take up to `capacity` of those that are to be unlinked. */
size_t vdbi_slots_dead(vdbi_slots *slots, uint32_t *out, size_t capacity);
/* One of them has been: it waits for vdbi_slots_settle(). */
void vdbi_slots_unlinked(vdbi_slots *slots, uint32_t slot);
/* Free those that wait and that no saved graph has; not while one is being saved. */
void vdbi_slots_settle(vdbi_slots *slots);

/* ---- for compaction ---- */

/* From here on only slots below `ceiling` are taken, while there are any. */
void vdbi_slots_ceiling(vdbi_slots *slots, uint32_t ceiling);
/* The lowest free slot of [from, bound); `bound` when there is none. */
uint32_t vdbi_slots_lowest(const vdbi_slots *slots, uint32_t from, uint32_t bound);
/* Take this one, which is free. */
vdb_status vdbi_slots_take_this(vdbi_slots *slots, uint32_t slot);
/* All slots from this one on, up to `slot_count`, are free: no reader sees any of them. */
uint32_t vdbi_slots_free_from(const vdbi_slots *slots, uint32_t slot_count);
/* Forget the free slots [from, slot_count): the image will have `from` slots. */
vdb_status vdbi_slots_give_up(vdbi_slots *slots, uint32_t from, uint32_t slot_count);

#endif
