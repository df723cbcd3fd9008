/* image.h: what one version of the database consists of: counts and roots.
 *
 * An image is a plain value.  It is what a meta page saves, what a commit copies and
 * changes, and what a reader holds.  The pages that it refers to never change below
 * the image's own counts.
 */
#ifndef VDBI_IMAGE_H
#define VDBI_IMAGE_H

#include <stdint.h>

#include "store/frame.h"

/* The structures of a file, in the order of their roots in the meta page. */
enum {
    VDBI_ROOT_IDS = 0,    /* tree: id -> slot */
    VDBI_ROOT_VECTORS,    /* array: a row per slot */
    VDBI_ROOT_LIVE,       /* array: a bit per slot */
    VDBI_ROOT_PLACES,     /* array: where the slot's record is in the heap */
    VDBI_ROOT_HEAP,       /* array: records (id, metadata, lists), one after another */
    VDBI_ROOT_HEAP_LIVE,  /* array: live bytes of each block of the heap */
    VDBI_ROOT_FIELDS,     /* tree: path -> number of the field */
    VDBI_ROOT_DICTIONARY, /* tree: field, string -> code */
    VDBI_ROOT_COLUMNS,    /* directory of the columns' roots */
    VDBI_ROOT_COUNT
};

typedef struct vdbi_image {
    uint64_t sequence;   /* of the commit that made it; 0: empty */
    uint64_t live_count; /* vectors that are there */
    uint64_t heap_end;   /* first unused byte of the heap */
    uint32_t slot_count; /* slots ever used */
    uint32_t field_count;
    uint32_t dimension; /* 0: not fixed yet */
    vdbi_ref roots[VDBI_ROOT_COUNT];
} vdbi_image;

#endif
