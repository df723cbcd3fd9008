/* pending.h: a version in the making.
 *
 * Owns:      a copy of an image, the pages changed for it, and the log records that say
 *            what was changed.
 * Promises:  the image it began from stays as it was.  What is logged is resolved: replay
 *            of the records on the same image makes an equal one.
 * May call:  tree.h, array.h, column.h, record.h, slots.h, log/.
 * Threads:   the one who has the writer's turn.
 * Failure:   any; then vdbi_pending_drop() leaves no trace but unused memory.
 */
#ifndef VDBI_PENDING_H
#define VDBI_PENDING_H

#include "store/code_marks.h"
#include "store/flatten.h"
#include "store/image.h"
#include "store/log/log.h"
#include "store/slots.h"

/* What commits have done to slots, for who follows them: put into (`vector` is borrowed
 * from the request, until it is answered) or killed (`vector` is NULL). */
typedef struct vdbi_touch {
    const float *vector;
    uint64_t sequence; /* of the version */
    uint32_t slot;
    uint32_t reused; /* the slot had another vector before */
} vdbi_touch;
typedef struct vdbi_touched {
    vdbi_touch *items;
    size_t count, capacity;
} vdbi_touched;

typedef struct vdbi_pending {
    vdbi_memory *memory;
    vdbi_pager *pager;
    vdbi_log *log; /* NULL: nothing is logged (replay, memory only) */
    /* Called before the first frame is added, to take a log into use: a request that
     * fails before that leaves the files as they are. */
    vdb_status (*before_log)(void *arg);
    void *before_log_arg;
    vdbi_slots *slots;        /* NULL in replay */
    vdbi_slot_bits *replayed; /* in replay: the slots put into; NULL: not noted */
    vdbi_image image;         /* owns a count of its roots' frames */
    vdbi_change change;
    uint32_t base_slots; /* of the image it began from */
    uint64_t base_heap_end;
    uint8_t *records; /* not yet in a frame */
    size_t record_length, record_capacity;
    vdbi_log_mark log_mark;
    vdbi_slots_mark slots_mark;
    uint8_t *cells; /* scratch: a tag and a word per column */
    uint8_t *lists; /* scratch: encoded arrays */
    size_t lists_length, lists_capacity;
    uint64_t inserted, deleted; /* vectors */
    vdbi_code_marks *marks;     /* NULL: nobody asks which strings are used */
    vdbi_touched *touched;      /* NULL: nobody follows */
} vdbi_pending;

/* Begin from `base`; `writer` must be unique, `epoch` the current one. */
vdb_status vdbi_pending_begin(vdbi_pending *p, vdbi_pager *pager, vdbi_log *log,
                              vdbi_slots *slots, const vdbi_image *base,
                              uint64_t writer, uint64_t epoch);

/* A vector with its metadata, already checked; flat is NULL when there is no metadata. */
typedef struct vdbi_put {
    const char *id;
    size_t id_length;
    const float *vector;
    uint32_t dimension;
    const char *metadata; /* NULL: none */
    size_t metadata_length;
    const vdbi_flat *flat;
} vdbi_put;

/* Store, replacing; or VDB_EXISTS with must_be_new. */
vdb_status vdbi_pending_put(vdbi_pending *p, const vdbi_put *put, int must_be_new);
/* VDB_NOT_FOUND. */
vdb_status vdbi_pending_delete(vdbi_pending *p, const char *id, size_t id_length);
/* Replace the metadata of put->id; its vector is not looked at. */
vdb_status vdbi_pending_document(vdbi_pending *p, const vdbi_put *put);
/* Move the vector of a slot, which put says whole, to another that has been taken. */
vdb_status vdbi_pending_move(vdbi_pending *p, const vdbi_put *put, uint32_t from,
                             uint32_t to);
/* Write a slot's record, which put says whole, anew at the heap's end. */
vdb_status vdbi_pending_rewrite(vdbi_pending *p, const vdbi_put *put, uint32_t slot);
/* Give up the free slots from `count` on.  Nothing is logged: docs/format.md. */
vdb_status vdbi_pending_shrink(vdbi_pending *p, uint32_t count);
/* Apply the records of a log frame. */
vdb_status vdbi_pending_replay(vdbi_pending *p, const uint8_t *records, size_t length);

/* Close the commit: its last frame goes to the log's group.  The image, with its frames,
 * and the list of superseded pages become the caller's. */
vdb_status vdbi_pending_finish(vdbi_pending *p, vdbi_image *image,
                               vdbi_superseded_list *superseded);
/* Undo: pages, slots, log records. */
void vdbi_pending_drop(vdbi_pending *p);

/* Upper bound of what a put adds to the log, without the frame. */
size_t vdbi_put_log_bytes(size_t id_length, size_t dimension, size_t metadata_length);

/* Count, and drop, the frames of an image's roots. */
void vdbi_image_retain(const vdbi_image *image);
void vdbi_image_release(vdbi_pager *pager, vdbi_image *image);

#endif
