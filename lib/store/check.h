/* check.h: reading everything and comparing it with itself.
 *
 * Owns:      nothing; findings are told one by one.
 * Promises:  a file for which it finds nothing keeps F2 and F5 of docs/format.md, and the
 *            given image is sound: trees ordered, ids and slots one to one, counts right,
 *            records, columns and the heap's accounts agree.
 * May call:  the store's own parts.
 * Threads:   needs the checkpoint's lock; commits and reads go on.
 * Failure:   VDB_NOMEM, VDB_IO, what tick returns.  Damage is a finding, not a failure.
 */
#ifndef VDBI_CHECK_H
#define VDBI_CHECK_H

#include "store/store.h"

typedef struct vdbi_checker {
    /* offset: byte in the main file, or -1. */
    vdb_status (*finding)(void *arg, int64_t offset, const char *text);
    vdb_status (*tick)(void *arg, uint64_t done, uint64_t total);
    void *arg;
    uint64_t bytes; /* read and verified */
    /* Every whole block of the saved graph, which this room cannot interpret; part by part
     * (header, linked, upper layers, links), ascending.  NULL: nobody looks. */
    vdb_status (*graph_block)(void *arg, int part, uint64_t block,
                              const uint8_t *bytes);
} vdbi_checker;

/* Findings about the graph, which is derived, begin so: the truth is not touched. */
#define VDBI_CHECK_DERIVED "graph (derived)"

/* The meta page in force (turn). */
void vdbi_check_meta(vdbi_store *store, vdbi_meta *out);
/* The pages that it leads to, as they are on disk now. */
vdb_status vdbi_check_file(vdbi_store *store, const vdbi_meta *meta,
                           vdbi_checker *checker);
/* What an image says. */
vdb_status vdbi_check_image(vdbi_store *store, const vdbi_image *image,
                            vdbi_checker *checker);

#endif
