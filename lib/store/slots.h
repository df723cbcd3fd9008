/* slots.h: which slots a put may use.
 *
 * Owns:      in memory, the dead slots that nobody sees any more, and those that older
 *            readers may still see.
 * Promises:  a slot is given out only if it is dead in every version that anybody holds.
 * May call:  record.h (reading liveness).
 * Threads:   the one who has the writer's turn.
 * Failure:   VDB_NOMEM, VDB_CORRUPT, VDB_IO, VDB_FULL (2^31 - 1 slots).
 */
#ifndef VDBI_SLOTS_H
#define VDBI_SLOTS_H

#include "store/image.h"

typedef struct vdbi_slots vdbi_slots;

vdb_status vdbi_slots_create(vdbi_memory *memory, vdbi_slots **out);
void vdbi_slots_free(vdbi_slots *slots);

/* Learn which slots are dead; before the first kill of the handle.  Does its work once. */
vdb_status vdbi_slots_learn(vdbi_slots *slots, vdbi_pager *pager,
                            const vdbi_image *image);
/* Slots killed by versions up to `oldest`, the oldest anybody holds, may be reused. */
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

#endif
