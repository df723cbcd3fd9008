/* narrow.h: columns at two bytes a cell, for filters that come back.
 *
 * A block of a column takes 4 KiB for 448 cells.  Where all its cells are numbers of one
 * kind, or codes of strings, or absent, sixteen bits say nearly all of each: how far it
 * lies between the block's least and greatest.  The order of cells is the order of these,
 * so an interval of cells is one of them, except that a cell at either end of it may have
 * to be looked at in the block itself.  Such copies are made of the blocks that a filter
 * has just read, and later ones read them instead: a quarter of the bytes.
 * (Hentschel, Kester, Idreos: Column Sketches, SIGMOD 2018.)
 *
 * Owns:      the copies, counted, within a bound of bytes.
 * Promises:  what a copy says of a block is what the block says.  A block that stands on
 *            disk is named by its place, generation and checksum, and a copy counts only
 *            for the very block it was made of: nothing has to be told when a column
 *            changes.  Blocks in memory only have no copy.
 * May call:  store/ (reading), os/, base/.
 * Threads:   any number at once.  One lock (docs/threads.md), held for a few instructions,
 *            or while a copy joins and others go; a copy does not change once it is there.
 * Failure:   none: without memory, or where a block cannot be read, there is no copy.
 */
#ifndef VDBI_NARROW_H
#define VDBI_NARROW_H

#include "base/memory.h"
#include "filter/filter.h"
#include "store/column.h"

enum {
    VDBI_NARROW_BLOCKS = 64,     /* of one column, side by side: a part */
    VDBI_NARROW_ABSENT = 0xffff, /* no cell there; others are below it */
    VDBI_NARROW_MOST = VDBI_NARROW_ABSENT - 1
};

/* The copy of a block: cell v is stored as (v - low) >> shift, or as (v - low) * scale if
 * it is a real. */
typedef struct vdbi_narrow_block {
    uint64_t place, generation, checksum; /* of what it was made of; 0: there is none */
    uint8_t tag;                          /* of all cells; VDBI_CELL_RECORD: no copy */
    uint16_t shift;
    int64_t int_low, int_high; /* of its cells */
    double real_low, real_high, scale;
} vdbi_narrow_block;

typedef struct vdbi_narrow_part {
    uint32_t users; /* under the cache's lock */
    uint32_t field, number;
    uint32_t blocks; /* there is room for */
    vdbi_narrow_block block[VDBI_NARROW_BLOCKS];
    uint16_t cells[]; /* VDBI_CELLS_PER_BLOCK of each block */
} vdbi_narrow_part;

/* Bound of all copies together; 0: there will be none. */
vdb_status vdbi_narrow_create(vdbi_memory *memory, uint64_t most_bytes,
                              vdbi_narrow **out);
/* in_child: of a fork, where others may seem to have the lock. */
void vdbi_narrow_free(vdbi_narrow *narrow, int in_child);

/* Copies of blocks [number * VDBI_NARROW_BLOCKS, ...) of a field, or NULL; to be read, and
 * to be let go. */
vdbi_narrow_part *vdbi_narrow_get(vdbi_narrow *narrow, uint32_t field, uint32_t number);
void vdbi_narrow_let_go(vdbi_narrow *narrow, vdbi_narrow_part *part);

/* The copy of the block that this is the reference to, if it is there. */
static inline const vdbi_narrow_block *
vdbi_narrow_find(const vdbi_narrow_part *part, uint32_t block, const vdbi_ref *ref)
{
    const vdbi_narrow_block *b = &part->block[block % VDBI_NARROW_BLOCKS];

    return block % VDBI_NARROW_BLOCKS < part->blocks && b->place == ref->place &&
                   b->generation == ref->generation && b->checksum == ref->checksum &&
                   !ref->frame
               ? b
               : NULL;
}

/* Make copies of those of a part's blocks that `missing` names (bit i: its block i), of
 * an image of `blocks` blocks, and keep what `old` (or NULL) has of the others.  Within a
 * reading section.  Reading errors are for who reads the block next. */
void vdbi_narrow_make(vdbi_narrow *narrow, vdbi_pager *pager, const vdbi_image *image,
                      const vdbi_narrow_part *old, uint32_t field, uint32_t number,
                      uint32_t blocks, uint64_t missing);

/* Which stored values an interval of cells is. */
typedef struct vdbi_narrow_span {
    int some;                     /* 0: no cell can be within */
    uint16_t low, high;           /* cells within are stored as these, */
    int sure, sure_some;          /* and all that are stored so are within; or else */
    uint16_t sure_low, sure_high; /* all that are stored as these are, if some */
} vdbi_narrow_span;
void vdbi_narrow_ints(const vdbi_narrow_block *block, int64_t low, int64_t high,
                      vdbi_narrow_span *span);
void vdbi_narrow_reals(const vdbi_narrow_block *block, double low, double high,
                       vdbi_narrow_span *span);

#endif
