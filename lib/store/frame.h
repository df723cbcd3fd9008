/* frame.h: pages: references to them, reading them, frames of changed ones in memory.
 *
 * Owns:      the address window of the main file, and frames.
 * Promises:  a page is given out only after its checksum has been verified; a page that
 *            an image refers to does not change below the image's counts.
 * May call:  os/, base/.
 * Threads:   any number may read; frames are made and changed by the writer alone, and
 *            written by the one checkpoint.
 * Failure:   VDB_CORRUPT (checksum; a reference out of bounds), VDB_IO, VDB_NOMEM.
 *
 * A page on disk is named by its place, the generation of the meta page it was written
 * for, and its checksum, which its parent holds (docs/format.md).  A page that a commit
 * has changed is a frame: its bytes in memory, and for a page with children the frames of
 * those children that are not on disk yet.  A parent's bytes name children that are on
 * disk; its `kids` name the others, and where both could, the kid counts.  Frames are
 * counted by those who refer to them: parents, images, lists of superseded pages.
 */
#ifndef VDBI_FRAME_H
#define VDBI_FRAME_H

#include <stdatomic.h>
#include <stdint.h>

#include "os/thread.h"
#include "os/vfs.h"

enum {
    VDBI_PAGE = 4096,
    VDBI_REF_BYTES = 24,
    VDBI_KIDS_MAX = 168,
    VDBI_HEIGHT_MAX = 12,
    VDBI_BLOCK_PAGES_MAX = 64
};

typedef struct vdbi_frame vdbi_frame;

/* A reference to a page or block; all zero: none. */
typedef struct vdbi_ref {
    uint64_t place;      /* in pages; 0 when it is only in memory */
    uint64_t generation; /* it was written for */
    uint64_t checksum;
    uint32_t pages;      /* how long it is */
    uint32_t height;     /* of the structure below it; 0: a leaf or block */
    vdbi_frame *frame;   /* not NULL: the bytes are here, whatever place says */
} vdbi_ref;

typedef struct vdbi_pager vdbi_pager;

/* A reading section: pointers to pages live until it ends.  Sections are short (a scan
 * begins a new one every few megabytes), so that the cache can let pages go. */
void vdbi_section_begin(vdbi_pager *pager);
void vdbi_section_end(vdbi_pager *pager);

#endif
