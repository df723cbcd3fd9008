/* compact.h: the steps of compaction; docs/format.md, "Compaction".
 *
 * Owns:      nothing but where it stands; each step changes a pending version.
 * Promises:  a version with the same rows under the same ids, in fewer slots, blocks and
 *            pages, or the same pages to be placed anew.  A step does a bounded amount of
 *            work, so that commits go on in between.
 * May call:  the store's own parts.
 * Threads:   the one who has the writer's turn, outside of a reading section.
 * Failure:   any; the pending version is then to be dropped.
 */
#ifndef VDBI_COMPACT_H
#define VDBI_COMPACT_H

#include "store/pending.h"
#include "store/record.h"
#include "store/tree.h"

typedef enum vdbi_compact_part {
    VDBI_COMPACT_ROWS,    /* live rows into the lowest free slots */
    VDBI_COMPACT_SLOTS,   /* give up the free slots at the end */
    VDBI_COMPACT_RECORDS, /* out of blocks of the heap that are mostly dead */
    VDBI_COMPACT_STRINGS, /* out of the dictionary, by `marks` */
    VDBI_COMPACT_TREES,   /* merge neighbouring leaves */
    VDBI_COMPACT_COLUMNS, /* holes for blocks without a live cell */
    VDBI_COMPACT_PLACES,  /* pages behind a boundary, to be placed anew */
    VDBI_COMPACT_PARTS
} vdbi_compact_part;

typedef struct vdbi_compact {
    vdbi_memory *memory;
    vdbi_compact_part part;
    int done; /* the part is */
    int started;
    int changed;      /* the last step has changed anything */
    size_t spent;     /* of the log, in this step */
    size_t log_bytes; /* a step may add so many to the log */
    size_t log_most;  /* and no commit may have more */
    const vdbi_code_marks *marks;
    uint64_t boundary; /* of VDBI_COMPACT_PLACES, in pages */
    uint64_t moved;    /* pages, by it */
    /* Where it stands. */
    uint32_t slot, low;
    uint32_t field;
    int root;
    uint64_t block;
    size_t key_length;
    uint8_t key[VDBI_KEY_MAX];
    /* scratch */
    vdbi_record record;
    float
        *vectors; /* of the rows moved in this step: the graph is told of them when the
                       commit has been written */
    size_t vector_capacity, vector_count;
} vdbi_compact;

void vdbi_compact_begin(vdbi_compact *c, vdbi_compact_part part);
/* Go on.  *more, when not 0: nothing was done, for the next piece needs so many bytes of
 * log. */
vdb_status vdbi_compact_step(vdbi_compact *c, vdbi_pending *p, size_t *more);
/* How far it is, in thousandths of the part. */
uint32_t vdbi_compact_progress(const vdbi_compact *c, const vdbi_image *image);
void vdbi_compact_clear(vdbi_compact *c);

#endif
