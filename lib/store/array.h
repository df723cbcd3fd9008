/* array.h: the copy-on-write radix array of blocks.
 *
 * Owns:      nothing; it works on a root reference that the caller keeps in an image.
 * Promises:  a hole reads as NULL and means zeros.  Blocks are changed by copying, but for
 *            rows that no image shows yet, which are written in place.
 * May call:  frame.h.
 * Threads:   reading, any number; writing, by the one who owns the change.
 * Failure:   VDB_CORRUPT, VDB_IO, VDB_NOMEM.
 */
#ifndef VDBI_ARRAY_H
#define VDBI_ARRAY_H

#include "store/frame.h"

enum {
    VDBI_ARRAY_FANOUT = 168
};

/* How many blocks a structure of this height can hold; beyond VDBI_HEIGHT_MAX, which only a
 * damaged reference says, at least so many as fit 64 bits. */
uint64_t vdbi_array_span(uint32_t height);

/* Block `block` of an array whose blocks are `pages` long, or NULL for a hole.  For one that
 * is wanted alone (vdbi_page_read_alone); who goes through many uses the next. */
vdb_status vdbi_array_block(vdbi_pager *pager, const vdbi_ref *root, uint32_t pages,
                            uint64_t block, const uint8_t **bytes);

/* The same for blocks near each other: the path, all zeros at first, keeps the node that
 * leads to them.  Of one array, within one reading section. */
typedef struct vdbi_array_path {
    const uint8_t *node; /* NULL: none yet */
    vdbi_ref ref;        /* to it */
    uint64_t first;      /* block below it */
} vdbi_array_path;
vdb_status vdbi_array_block_near(vdbi_pager *pager, const vdbi_ref *root,
                                 uint32_t pages, uint64_t block, vdbi_array_path *path,
                                 const uint8_t **bytes);
/* Only the reference to it, none for a hole: the block itself is not read. */
vdb_status vdbi_array_ref_near(vdbi_pager *pager, const vdbi_ref *root, uint32_t pages,
                               uint64_t block, vdbi_array_path *path, vdbi_ref *out);

/* A block to write to; made of zeros if it is a hole.  `beyond` says that only rows will
 * be touched which no image shows: then a block made in this epoch is written in place,
 * though images share it. */
vdb_status vdbi_array_write(vdbi_change *change, vdbi_ref *root, uint8_t structure,
                            uint32_t pages, uint64_t block, int beyond,
                            uint8_t **bytes);

/* As vdbi_array_write, but *bytes is NULL when that would have to copy or make pages. */
vdb_status vdbi_array_peek(vdbi_change *change, const vdbi_ref *root, uint32_t pages,
                           uint64_t block, int beyond, uint8_t **bytes);

/* Turn a block into a hole; nodes above it that have become empty go too, but the root. */
vdb_status vdbi_array_punch(vdbi_change *change, vdbi_ref *root, uint32_t pages,
                            uint64_t block);

/* Take nodes off the top that `blocks` blocks, the first ones, do not need; there are no
 * others. */
vdb_status vdbi_array_lower(vdbi_change *change, vdbi_ref *root, uint64_t blocks);

/* Add up the pages of an array: its nodes are read, its blocks are not. */
vdb_status vdbi_array_pages(vdbi_pager *pager, const vdbi_ref *root, uint64_t *pages);

/* A search for what stands at or behind a place of the file, for compaction. */
typedef struct vdbi_array_scan {
    uint64_t boundary;
    uint64_t from;  /* block to go on from; UINT64_MAX: there are no more */
    uint32_t nodes; /* how many it may still read */
    int found; /* then block `from` is there, and it, or a node above it, stands so */
    uint32_t level; /* of the lowest that does; 0: the block */
    int stopped;    /* for want of `nodes`: to go on */
} vdbi_array_scan;
vdb_status vdbi_array_scan_on(vdbi_pager *pager, const vdbi_ref *root,
                              vdbi_array_scan *scan);

#endif
