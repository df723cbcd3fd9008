/* array_pass.h: changing an array that is on disk in one ascending pass.
 *
 * Owns:      a page for each level of the array: the nodes on the way to the last block.
 * Promises:  nothing of the old array is written over; pages that the new one does
 *            without are given back to the map of free space, in the transaction that is
 *            open; memory does not grow with the array.
 * May call:  array.h, space.h, page_writer.h.
 * Threads:   who has the checkpoint's lock, outside of a reading section.
 * Failure:   VDB_CORRUPT: a page of the old array, or the map; `damaged` says which.  After
 *            an error the transaction must be undone.
 *
 * array.h changes an array by frames, which stay in memory until a checkpoint writes them.
 * For what is derived, and changes all over between one save and the next, that would be
 * as large as the array.
 */
#ifndef VDBI_ARRAY_PASS_H
#define VDBI_ARRAY_PASS_H

#include "store/array.h"
#include "store/page_writer.h"
#include "store/space.h"

typedef struct vdbi_pass_level {
    uint8_t *page;   /* NULL: never used */
    uint64_t number; /* of the node in its level */
    vdbi_ref old;    /* it as it was; none: it is new */
    int open, changed;
} vdbi_pass_level;

typedef struct vdbi_array_pass {
    vdbi_memory *memory;
    vdbi_pager *pager;
    vdbi_space *space;
    vdbi_page_writer *writer;
    uint8_t structure;
    int damaged;     /* the failure was a page of the old array */
    uint64_t next;   /* the least block that may be put */
    vdbi_ref root;   /* final after vdbi_array_pass_end() */
    uint32_t height; /* of the array; the levels that are open are 1 to height */
    vdbi_pass_level levels[VDBI_HEIGHT_MAX + 1];
} vdbi_array_pass;

/* Begin with a pass of zeros; blocks are one page. */
void vdbi_array_pass_begin(vdbi_array_pass *pass, vdbi_pager *pager, vdbi_space *space,
                           vdbi_page_writer *writer, const vdbi_ref *root,
                           uint8_t structure);
/* Replace a block, or with NULL make it a hole.  VDB_MISUSE: not above the last one. */
vdb_status vdbi_array_pass_put(vdbi_array_pass *pass, uint64_t block,
                               const uint8_t *bytes);
/* Whether the node of this level over a block is written anew by what has been put so far;
 * `block` is above the last one that was. */
int vdbi_array_pass_renews(const vdbi_array_pass *pass, uint32_t level, uint64_t block);
/* Write the nodes that are open; what was written is still to be flushed. */
vdb_status vdbi_array_pass_end(vdbi_array_pass *pass);
void vdbi_array_pass_free(vdbi_array_pass *pass);

/* Give back all pages of an array; what a damaged node hides stays used.  *hidden counts
 * such nodes. */
vdb_status vdbi_array_drop(vdbi_memory *memory, vdbi_pager *pager, vdbi_space *space,
                           const vdbi_ref *root, uint8_t structure, uint32_t *hidden);

#endif
