/* extents.h: rows by slot, in extents that never move.
 *
 * A table has a pointer for each run of 65,536 slots.  Extents are made when the first of
 * their slots is needed, are in huge pages where the system has them, and stay until the
 * table is freed: so a row's address holds for the life of its table.  A new row holds
 * anything: who brings a slot into use writes all of its row first.
 *
 * Threads:   any number may reserve at once; a reader needs no lock.
 * Failure:   VDB_NOMEM.
 */
#ifndef VDBI_EXTENTS_H
#define VDBI_EXTENTS_H

#include "base/memory.h"

enum {
    VDBI_EXTENT_SHIFT = 16,
    VDBI_EXTENT_SLOTS = 1 << VDBI_EXTENT_SHIFT,
    VDBI_EXTENTS_MAX = 1 << (31 - VDBI_EXTENT_SHIFT)
};

typedef struct vdbi_extents {
    vdbi_memory *memory;
    size_t row_bytes;
    uint8_t *_Atomic *tables;
    _Atomic uint32_t made; /* how many of them */
} vdbi_extents;

vdb_status vdbi_extents_init(vdbi_extents *e, vdbi_memory *memory, size_t row_bytes);
void vdbi_extents_clear(vdbi_extents *e);
/* See that the row of `slot` is there. */
vdb_status vdbi_extents_reserve(vdbi_extents *e, uint32_t slot);
/* The same; the rows of a new extent are made of this byte. */
vdb_status vdbi_extents_reserve_filled(vdbi_extents *e, uint32_t slot, int fill);
/* How many bytes are allocated. */
uint64_t vdbi_extents_bytes(const vdbi_extents *e);

/* Whether the row of `slot` is there. */
static inline int vdbi_extents_has(const vdbi_extents *e, uint32_t slot)
{
    return atomic_load_explicit(&e->tables[slot >> VDBI_EXTENT_SHIFT],
                                memory_order_acquire) != NULL;
}

/* The row of a slot that has been reserved. */
static inline uint8_t *vdbi_extents_row(const vdbi_extents *e, uint32_t slot)
{
    uint8_t *extent = atomic_load_explicit(&e->tables[slot >> VDBI_EXTENT_SHIFT],
                                           memory_order_acquire);

    return extent + (size_t)(slot & (VDBI_EXTENT_SLOTS - 1)) * e->row_bytes;
}

#endif
