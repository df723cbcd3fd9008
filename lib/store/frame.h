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
    VDBI_HEIGHT_MAX = 8, /* 168^8 blocks; and their number still fits 64 bits */
    VDBI_BLOCK_PAGES_MAX = 64,
    VDBI_ARRAY_MAGIC = 0x72724176, /* "vArr" */
    VDBI_TREE_MAGIC = 0x65725476   /* "vTre" */
};

typedef struct vdbi_frame vdbi_frame;

/* A reference to a page or block; all zero: none. */
typedef struct vdbi_ref {
    uint64_t place;      /* in pages; 0 when it is only in memory */
    uint64_t generation; /* it was written for */
    uint64_t checksum;
    uint32_t pages;    /* how long it is */
    uint32_t height;   /* of the structure below it; 0: a leaf or block */
    vdbi_frame *frame; /* not NULL: the bytes are here, whatever place says */
} vdbi_ref;

typedef struct vdbi_pager vdbi_pager;

struct vdbi_frame {
    _Atomic uint32_t refs;
    _Atomic uint32_t placed; /* 1: a finished checkpoint has written it */
    uint64_t writer;         /* number of the pending version that made it */
    uint64_t epoch;          /* of its making; checkpoints divide epochs */
    vdbi_ref written;        /* where; set by the checkpoint, read once placed is 1 */
    vdbi_frame **kids;       /* VDBI_KIDS_MAX of them; NULL: no children */
    uint8_t *bytes;
    uint32_t pages;
    uint32_t reserved;
};

/* A run of pages that a change no longer refers to, or a frame that may get a place yet
 * from a checkpoint that is running. */
typedef struct vdbi_superseded {
    uint64_t place;
    uint64_t sequence; /* the first version that does without it */
    vdbi_frame *frame; /* not NULL: look where it was written, once it is known */
    uint32_t pages;
    uint32_t reserved;
} vdbi_superseded;

typedef struct vdbi_superseded_list {
    vdbi_superseded *items;
    size_t count, capacity;
} vdbi_superseded_list;

/* Who is changing pages: a pending version, or the checkpoint its map of free space. */
typedef struct vdbi_change {
    vdbi_pager *pager;
    uint64_t writer; /* unique; frames of this number are its own */
    uint64_t epoch;
    vdbi_superseded_list superseded;
} vdbi_change;

/* A reading section: pointers to pages live until it ends.  Sections are short (a scan
 * begins a new one every few megabytes), so that the cache can let pages go. */
void vdbi_section_begin(vdbi_pager *pager);
void vdbi_section_end(vdbi_pager *pager);

/* file must outlive the pager; cache_bytes bounds what is kept when `mapped` is 0. */
vdb_status vdbi_pager_create(vdbi_memory *memory, vdbi_file *file, int mapped,
                             uint64_t cache_bytes, vdbi_pager **out);
void vdbi_pager_free(vdbi_pager *pager);
vdbi_memory *vdbi_pager_memory(vdbi_pager *pager);
/* References beyond this many pages are damage. */
void vdbi_pager_set_file_pages(vdbi_pager *pager, uint64_t pages);
/* Forget what was verified in a run that is about to be written anew. */
void vdbi_pager_forget(vdbi_pager *pager, uint64_t place, uint32_t pages);
/* Bytes of frames that no checkpoint has written. */
uint64_t vdbi_pager_dirty_bytes(vdbi_pager *pager);

/* The verified bytes of a page, until the section ends. */
vdb_status vdbi_page_read(vdbi_pager *pager, const vdbi_ref *ref,
                          const uint8_t **bytes);
/* The same for a page that is wanted without those around it.  At its first read, where the
 * file is mapped, the system is had to read it and little more by a call: a fault would read
 * all around it, as much as the disk's readahead allows (megabytes, on some).  An error of
 * the disk is VDB_IO then, no SIGBUS. */
vdb_status vdbi_page_read_alone(vdbi_pager *pager, const vdbi_ref *ref,
                                const uint8_t **bytes);
/* Read and verify a page from the file, whatever has been verified before. */
vdb_status vdbi_page_reread(vdbi_pager *pager, const vdbi_ref *ref, uint8_t *buffer);
uint64_t vdbi_page_checksum(const void *bytes, uint32_t pages, uint64_t place,
                            uint64_t generation);

/* References as they stand in pages. */
void vdbi_ref_put(uint8_t *out, const vdbi_ref *ref);
void vdbi_ref_get(const uint8_t *bytes, vdbi_ref *out);
static inline int vdbi_ref_none(const vdbi_ref *ref)
{
    return !ref->frame && !ref->place;
}

/* Where the page stands on disk; 0: nowhere yet. */
static inline uint64_t vdbi_ref_place(const vdbi_ref *ref)
{
    if (!ref->frame)
        return ref->place;
    return atomic_load_explicit(&ref->frame->placed, memory_order_acquire)
               ? ref->frame->written.place
               : 0;
}

/* Count a reference to a frame (NULL: nothing), and drop one; dropping the last frees
 * it, and drops its kids. */
vdbi_frame *vdbi_frame_retain(vdbi_frame *frame);
void vdbi_frame_release(vdbi_pager *pager, vdbi_frame *frame);

/* A checkpoint that wrote it has finished: `written` holds from now on. */
void vdbi_frame_placed(vdbi_pager *pager, vdbi_frame *frame);

/* A new page of zeros, owned by the change: *ref is overwritten. */
vdb_status vdbi_change_new(vdbi_change *change, uint32_t pages, uint32_t height,
                           int has_kids, vdbi_ref *ref);
/* Make the page that *ref names the change's own, copying it if it is not. */
vdb_status vdbi_change_page(vdbi_change *change, vdbi_ref *ref, int has_kids);
/* Note that nothing in the change refers to this page any more, and clear *ref.  Its
 * children must have been taken over or dropped before. */
vdb_status vdbi_change_drop(vdbi_change *change, vdbi_ref *ref);
/* Move all of `from` behind `to`, which must have room (vdbi_superseded_reserve). */
vdb_status vdbi_superseded_reserve(vdbi_pager *pager, vdbi_superseded_list *to,
                                   size_t more);
void vdbi_superseded_move(vdbi_superseded_list *to, vdbi_superseded_list *from);
/* Free the list, and drop the frames on it. */
void vdbi_superseded_clear(vdbi_pager *pager, vdbi_superseded_list *list);

/* Where the reference to child i stands in a page with children; 0: it has none. */
uint32_t vdbi_child_offset(const uint8_t *bytes, uint32_t i);
/* Children, of array nodes and of inner tree pages, by their reference's position. */
void vdbi_child_get(const vdbi_ref *parent, const uint8_t *bytes, uint32_t offset,
                    uint32_t index, vdbi_ref *out);
/* The parent must be the change's own.  Takes over out's count of its frame. */
void vdbi_child_set(vdbi_ref *parent, uint32_t offset, uint32_t index,
                    const vdbi_ref *child);

#endif
